/* What a .wsc has place for, and how long it becomes. */
#include "rmg/file/wsc_write_priv.h"

#include "base/le.h"
#include "rmg/file/out_priv.h"
#include "rmg/file/wsc_priv.h"

static void name_owner(const struct rmg_graph *graph, enum rmg_plane plane,
                       const struct jit_id *owner, const struct rmg_attachment *attachment,
                       struct rmg_wsc_owner *out)
{
    if (out != NULL) {
        *out = (struct rmg_wsc_owner){.instance = graph->instance,
                                      .plane = plane,
                                      .owner = *owner,
                                      .name_size = attachment->name_size};
        memcpy(out->name, attachment->name, attachment->name_size);
    }
}

/* Names are unique and the empty one comes first, so that a second attachment has a name. */
static enum jit_err measure_plane(const struct rmg_graph *graph, enum rmg_plane plane,
                                  uint64_t *owners, uint64_t *blob_bytes,
                                  struct rmg_wsc_owner *owner)
{
    struct rmg_iter iter;
    struct jit_id id;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(graph, plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, &iter);
    while ((err = rmg_iter_owner(&iter, &id, &count)) == JIT_OK) {
        struct rmg_attachment attachment;
        err = rmg_iter_attachment(&iter, count - 1, &attachment);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        if (attachment.name_size != 0) {
            name_owner(graph, plane, &id, &attachment, owner);
            return JIT_ENOTSUP;
        }
        ++*owners;
        if (attachment.value.kind == RMG_VALUE_ATOM) {
            *blob_bytes = rmg_wsc_pad(*blob_bytes) + attachment.value.size;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err measure(const struct rmg_graph *graph, struct wsc_measure *out,
                            struct rmg_wsc_owner *owner)
{
    enum jit_err err =
        measure_plane(graph, RMG_PLANE_ALPHA, &out->node_atts, &out->blob_bytes, owner);
    return err == JIT_OK
               ? measure_plane(graph, RMG_PLANE_BETA, &out->edge_atts, &out->blob_bytes, owner)
               : err;
}

void wsc_place_sections(const struct rmg_instance *in, const struct wsc_measure *m,
                        struct rmg_wsc_instance *out, uint64_t *end)
{
    const uint64_t nodes = in->roots.node_count;
    const uint64_t edges = in->roots.edge_count;
    const uint64_t rows[RMG_WSC_SECTIONS] = {nodes,        edges, nodes,        edges,        nodes,
                                             m->node_atts, edges, m->edge_atts, m->blob_bytes};
    for (unsigned s = 0; s < RMG_WSC_SECTIONS; s++) {
        out->at[s] = rmg_wsc_pad(*end);
        out->rows[s] = rows[s];
        *end = out->at[s] + rows[s] * rmg_wsc_row_size[s];
    }
}

enum jit_err rmg_wsc_fits(const struct rmg_store *store, const struct rmg_version *version,
                          struct rmg_wsc_owner *owner, uint64_t *file_size)
{
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    uint64_t end = RMG_WSC_HEADER_SIZE + version->instance_count * RMG_WSC_ENTRY_SIZE;
    enum jit_err err;
    while ((err = rmg_store_next(store, version, after, &in)) == JIT_OK) {
        struct wsc_measure m = {.blob_bytes = 0};
        struct rmg_wsc_instance unused;
        struct rmg_graph graph;
        rmg_store_graph(store, &in, &graph);
        err = measure(&graph, &m, owner);
        if (err != JIT_OK) {
            return err;
        }
        wsc_place_sections(&in, &m, &unused, &end);
        last = in.id;
        after = &last;
    }
    if (file_size != NULL) {
        *file_size = end;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err wsc_measure(struct wsc_writer *w, struct rmg_wsc_owner *owner)
{
    const struct jit_id *after = NULL;
    enum jit_err err;
    while ((err = rmg_store_next(w->store, w->version, after, &w->in)) == JIT_OK) {
        void *data = w->measures;
        if (jit_heap_grow(w->heap, &data, &w->measure_room, w->measure_count + 1,
                          sizeof *w->measures) != 0) {
            return JIT_ENOMEM;
        }
        w->measures = data;
        struct wsc_measure *next = &w->measures[w->measure_count++];
        *next = (struct wsc_measure){.id = w->in.id};
        after = &next->id;
        rmg_store_graph(w->store, &w->in, &w->graph);
        err = measure(&w->graph, next, owner);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

#include "rmg/wsc_priv.h"

#include "base/check.h"

static uint64_t attachment_count(const struct rmg_wsc_instance *in)
{
    return in->rows[RMG_WSC_NODE_ATTS] + in->rows[RMG_WSC_EDGE_ATTS];
}

static enum jit_err fill_plane(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                               enum rmg_plane plane, struct rmg_bulk *bulk)
{
    const enum rmg_wsc_section owners = plane == RMG_PLANE_ALPHA ? RMG_WSC_NODES : RMG_WSC_EDGES;
    for (uint64_t i = 0; i < in->rows[owners]; i++) {
        struct rmg_bulk_attachment *place = &bulk->attachments[bulk->attachment_count];
        struct rmg_attachment attachment;
        enum jit_err err = rmg_wsc_attachment(file, in, plane, i, &attachment);
        if (err == JIT_ENOENT) {
            continue;
        }
        if (err != JIT_OK) {
            return err;
        }
        assert(bulk->attachment_count < attachment_count(in)); /* verify() counted */
        place->plane = plane;
        place->owner = plane == RMG_PLANE_ALPHA ? bulk->nodes[i].id : bulk->edges[i].id;
        place->attachment = attachment;
        bulk->attachment_count++;
    }
    return JIT_OK;
}

static enum jit_err load_instance(struct jit_heap *heap, const struct rmg_wsc *file,
                                  const struct rmg_wsc_instance *in, struct rmg_tx *tx,
                                  const struct jit_id *id)
{
    uint64_t nodes = in->rows[RMG_WSC_NODES];
    uint64_t edges = in->rows[RMG_WSC_EDGES];
    struct rmg_bulk bulk = {.node_count = nodes, .edge_count = edges};
    bulk.nodes = jit_heap_zalloc(heap, nodes + 1, sizeof *bulk.nodes);
    bulk.edges = jit_heap_zalloc(heap, edges + 1, sizeof *bulk.edges);
    bulk.attachments = jit_heap_zalloc(heap, attachment_count(in) + 1, sizeof *bulk.attachments);
    enum jit_err err =
        bulk.nodes == NULL || bulk.edges == NULL || bulk.attachments == NULL ? JIT_ENOMEM : JIT_OK;
    if (err == JIT_OK) {
        static_assert(sizeof *bulk.nodes == RMG_WSC_NODE_SIZE, "a row is the struct");
        static_assert(sizeof *bulk.edges == RMG_WSC_EDGE_SIZE, "a row is the struct");
        memcpy(bulk.nodes, file->bytes + in->at[RMG_WSC_NODES], nodes * RMG_WSC_NODE_SIZE);
        memcpy(bulk.edges, file->bytes + in->at[RMG_WSC_EDGES], edges * RMG_WSC_EDGE_SIZE);
        err = fill_plane(file, in, RMG_PLANE_ALPHA, &bulk);
    }
    err = err == JIT_OK ? fill_plane(file, in, RMG_PLANE_BETA, &bulk) : err;
    err = err == JIT_OK ? rmg_tx_load(tx, id, &bulk) : err;
    heap->free(heap, bulk.nodes);
    heap->free(heap, bulk.edges);
    heap->free(heap, bulk.attachments);
    return err;
}

enum jit_err rmg_wsc_load_into(struct jit_heap *heap, const struct rmg_wsc_verified *verified,
                               struct rmg_tx *tx, const struct jit_id *as,
                               const struct rmg_parent *parent)
{
    const struct rmg_wsc *file = &verified->file;
    struct rmg_wsc_instance in;
    struct rmg_wsc_instance top;
    struct rmg_parent slot;
    enum jit_err err = rmg_wsc_instance_at(file, verified->top, &top);
    for (uint64_t i = 0; err == JIT_OK && i < file->instance_count; i++) {
        err = rmg_wsc_instance_at(file, i, &in);
        if (err != JIT_OK) {
            break;
        }
        if (i == verified->top) {
            in.id = as != NULL ? *as : in.id;
            slot = parent != NULL ? *parent : (struct rmg_parent){.present = false};
        } else {
            rmg_wsc_parent_of(verified, i, &slot);
            if (as != NULL && jit_id_equal(&slot.instance, &top.id)) {
                slot.instance = *as;
            }
        }
        err = rmg_tx_upsert_instance(tx, &in.id, &in.root_node, &slot);
    }
    for (uint64_t i = 0; err == JIT_OK && i < file->instance_count; i++) {
        err = rmg_wsc_instance_at(file, i, &in);
        if (err == JIT_OK) {
            err =
                load_instance(heap, file, &in, tx, i == verified->top && as != NULL ? as : &in.id);
        }
    }
    return err;
}

static enum jit_err build(struct jit_heap *heap, const struct rmg_wsc_verified *verified,
                          struct rmg_store *store, struct rmg_version *out)
{
    struct rmg_version empty = rmg_version_empty();
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(store, &empty, &tx);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_wsc_load_into(heap, verified, tx, NULL, NULL);
    if (err == JIT_OK) {
        return rmg_tx_seal(tx, out);
    }
    rmg_tx_abort(tx);
    return err;
}

enum jit_err rmg_wsc_load(struct jit_heap *heap, const struct rmg_wsc *file,
                          struct rmg_store *store, struct rmg_version *out,
                          struct rmg_file_fault *fault)
{
    struct rmg_wsc_verified verified;
    struct rmg_version version;
    *out = rmg_version_empty();
    enum jit_err err = rmg_wsc_verify(heap, file, &verified, fault);
    if (err != JIT_OK) {
        return err;
    }
    err = build(heap, &verified, store, &version);
    if (err != JIT_OK && err != JIT_ENOMEM && err != JIT_ENOSPC && err != JIT_ELIMIT) {
        err = JIT_ECORRUPT;
        if (fault != NULL) {
            *fault = (struct rmg_file_fault){.section = "state", .what = "it is not valid"};
        }
    }
    if (err == JIT_OK) {
        *out = version;
    }
    rmg_wsc_verified_release(&verified, heap);
    return err;
}

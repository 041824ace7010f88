#include "base/check.h"
#include "rmg/file_priv.h"

struct loader {
    struct jit_heap *heap;
    const struct rmg_file *file;
    struct rmg_tx *tx;
    struct rmg_bulk_attachment *attachments;
    size_t attachment_count;
    size_t attachment_capacity;
};

static enum jit_err add_payload(struct loader *l, enum rmg_plane plane, const struct jit_id *owner,
                                uint64_t offset, uint64_t size)
{
    struct rmg_file_payload payload;
    enum jit_err err = rmg_file_payload_at(l->file, offset, size, &payload);
    if (err != JIT_OK || size == 0) {
        return err;
    }
    while (err == JIT_OK) {
        void *data = l->attachments;
        if (jit_heap_grow(l->heap, &data, &l->attachment_capacity, l->attachment_count + 1,
                          sizeof *l->attachments) != 0) {
            return JIT_ENOMEM;
        }
        l->attachments = data;
        struct rmg_bulk_attachment *place = &l->attachments[l->attachment_count];
        place->owner = *owner;
        place->plane = plane;
        err = rmg_file_payload_next(&payload, &place->attachment);
        l->attachment_count += err == JIT_OK ? 1 : 0;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err fill(struct loader *l, const struct rmg_file_instance *in,
                         struct rmg_bulk_node *nodes, struct rmg_edge *edges)
{
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; err == JIT_OK && i < in->node_count; i++) {
        struct rmg_file_node node;
        err = rmg_file_node_at(l->file, in->first_node + i, &node);
        nodes[i] = (struct rmg_bulk_node){.id = node.id, .type = node.type};
        err = err != JIT_OK ? err
                            : add_payload(l, RMG_PLANE_ALPHA, &node.id, node.payload_offset,
                                          node.payload_size);
    }
    for (uint64_t i = 0; err == JIT_OK && i < in->edge_count; i++) {
        struct rmg_file_edge edge;
        err = rmg_file_edge_at(l->file, in->first_edge + i, &edge);
        edges[i] = edge.edge;
        err = err != JIT_OK
                  ? err
                  : add_payload(l, RMG_PLANE_BETA, &edge.edge.id, edge.data_offset, edge.data_size);
    }
    return err;
}

static enum jit_err load_instance(struct loader *l, const struct rmg_file_instance *in)
{
    struct rmg_bulk_node *nodes = jit_heap_zalloc(l->heap, in->node_count + 1, sizeof *nodes);
    struct rmg_edge *edges = jit_heap_zalloc(l->heap, in->edge_count + 1, sizeof *edges);
    enum jit_err err = nodes == NULL || edges == NULL ? JIT_ENOMEM : JIT_OK;
    l->attachment_count = 0;
    if (err == JIT_OK) {
        err = fill(l, in, nodes, edges);
    }
    if (err == JIT_OK) {
        struct rmg_bulk bulk = {
            .nodes = nodes,
            .node_count = in->node_count,
            .edges = edges,
            .edge_count = in->edge_count,
            .attachments = l->attachments,
            .attachment_count = l->attachment_count,
        };
        err = rmg_tx_load(l->tx, &in->id, &bulk);
    }
    l->heap->free(l->heap, nodes);
    l->heap->free(l->heap, edges);
    return err;
}

static enum jit_err load_all(struct loader *l)
{
    struct rmg_file_instance in;
    enum jit_err err = JIT_OK;
    uint64_t at = rmg_file_blocks(l->file);
    for (uint64_t i = 0; err == JIT_OK && i < l->file->instance_count; i++, at = in.next) {
        err = rmg_file_instance_at(l->file, at, &in);
        err =
            err == JIT_OK ? rmg_tx_upsert_instance(l->tx, &in.id, &in.root_node, &in.parent) : err;
    }
    at = rmg_file_blocks(l->file);
    for (uint64_t i = 0; err == JIT_OK && i < l->file->instance_count; i++, at = in.next) {
        err = rmg_file_instance_at(l->file, at, &in);
        err = err == JIT_OK ? load_instance(l, &in) : err;
    }
    return err;
}

enum jit_err rmg_file_load(struct jit_heap *heap, const struct rmg_file *file,
                           struct rmg_store *store, struct rmg_version *out,
                           struct rmg_file_fault *fault)
{
    struct loader l = {.heap = heap, .file = file};
    struct rmg_version empty = rmg_version_empty();
    struct rmg_version version;
    *out = empty;
    enum jit_err err = rmg_file_check(heap, file, fault);
    if (err == JIT_OK) {
        err = rmg_tx_begin(store, &empty, &l.tx);
    }
    if (err == JIT_OK) {
        err = load_all(&l);
        if (err == JIT_OK) {
            err = rmg_tx_seal(l.tx, &version);
        } else {
            rmg_tx_abort(l.tx);
        }
        if (err != JIT_OK && err != JIT_ENOMEM && err != JIT_ENOSPC && err != JIT_ELIMIT) {
            err = JIT_ECORRUPT;
            if (fault != NULL) {
                *fault = (struct rmg_file_fault){.section = "state", .what = "it is not valid"};
            }
        }
    }
    if (err == JIT_OK && !jit_id_equal(&version.state_root, &file->root)) {
        err = JIT_ECORRUPT;
        if (fault != NULL) {
            *fault = (struct rmg_file_fault){.offset = RMG_FILE_AT_ROOT,
                                             .section = "header",
                                             .what = "the root hash is not that of the content"};
        }
    }
    if (err == JIT_OK) {
        *out = version;
    }
    heap->free(heap, l.attachments);
    return err;
}

#include "base/check.h"
#include "rmg/file/file_priv.h"

struct loader {
    const struct rmg_file *file;
    struct rmg_tx *tx;
    struct rmg_load *load;
};

static enum jit_err load_payload(struct loader *l, const struct jit_id *owner, uint64_t offset,
                                 uint64_t size)
{
    struct rmg_file_payload payload;
    struct rmg_attachment attachment;
    enum jit_err err = rmg_file_payload_at(l->file, offset, size, &payload);
    if (err != JIT_OK || size == 0) {
        return err;
    }
    while ((err = rmg_file_payload_next(&payload, &attachment)) == JIT_OK) {
        err = rmg_load_attachment(l->load, owner, &attachment);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The node table twice: the nodes, and what is on them, which comes behind the edges. */
static enum jit_err load_nodes(struct loader *l, const struct rmg_file_instance *in, bool owners)
{
    enum jit_err err = rmg_load_open(l->load, &in->id, owners ? RMG_ALPHA : RMG_NODES);
    for (uint64_t i = 0; err == JIT_OK && i < in->node_count; i++) {
        struct rmg_file_node node;
        err = rmg_file_node_at(l->file, in->first_node + i, &node);
        if (err == JIT_OK) {
            err = owners ? load_payload(l, &node.id, node.payload_offset, node.payload_size)
                         : rmg_load_node(l->load, &node.id, &node.type);
        }
    }
    return err;
}

static enum jit_err load_edges(struct loader *l, const struct rmg_file_instance *in, bool owners)
{
    enum jit_err err = rmg_load_open(l->load, &in->id, owners ? RMG_BETA : RMG_EDGES);
    for (uint64_t i = 0; err == JIT_OK && i < in->edge_count; i++) {
        struct rmg_file_edge edge;
        err = rmg_file_edge_at(l->file, in->first_edge + i, &edge);
        if (err == JIT_OK) {
            err = owners ? load_payload(l, &edge.edge.id, edge.data_offset, edge.data_size)
                         : rmg_load_edge(l->load, &edge.edge);
        }
    }
    return err;
}

static enum jit_err load_instance(struct loader *l, const struct rmg_file_instance *in)
{
    enum jit_err err = load_nodes(l, in, false);
    err = err == JIT_OK ? load_edges(l, in, false) : err;
    err = err == JIT_OK ? load_nodes(l, in, true) : err;
    return err == JIT_OK ? load_edges(l, in, true) : err;
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
    err = err == JIT_OK ? rmg_load_begin(l->tx, &l->load) : err;
    for (uint64_t i = 0; err == JIT_OK && i < l->file->instance_count; i++, at = in.next) {
        err = rmg_file_instance_at(l->file, at, &in);
        err = err == JIT_OK ? load_instance(l, &in) : err;
    }
    return err == JIT_OK ? rmg_load_close(l->load) : err;
}

enum jit_err rmg_file_load(struct jit_heap *heap, const struct rmg_file *file,
                           struct rmg_store *store, struct rmg_version *out,
                           struct rmg_file_fault *fault)
{
    struct loader l = {.file = file};
    struct rmg_version empty = rmg_version_empty();
    struct rmg_version version;
    *out = empty;
    enum jit_err err = rmg_file_check(heap, file, fault);
    if (err == JIT_OK) {
        err = rmg_tx_begin(store, &empty, &l.tx);
    }
    if (err == JIT_OK) {
        err = load_all(&l);
        rmg_load_abort(l.load);
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
    return err;
}

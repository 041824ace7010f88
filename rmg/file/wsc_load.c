#include "rmg/file/wsc_priv.h"

#include "base/check.h"

/* What is on the nodes or edges, in their order. */
static enum jit_err load_plane(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                               struct rmg_load *load, const struct jit_id *id, enum rmg_plane plane)
{
    bool alpha = plane == RMG_PLANE_ALPHA;
    const enum rmg_wsc_section owners = alpha ? RMG_WSC_NODES : RMG_WSC_EDGES;
    enum jit_err err = rmg_load_open(load, id, alpha ? RMG_ALPHA : RMG_BETA);
    for (uint64_t i = 0; err == JIT_OK && i < in->rows[owners]; i++) {
        struct rmg_attachment attachment;
        struct jit_id owner;
        err = rmg_wsc_attachment(file, in, plane, i, &attachment);
        if (err == JIT_ENOENT) {
            err = JIT_OK;
        } else if (err == JIT_OK) {
            memcpy(owner.bytes, file->bytes + in->at[owners] + i * rmg_wsc_row_size[owners],
                   JIT_ID_BYTES);
            err = rmg_load_attachment(load, &owner, &attachment);
        }
    }
    return err;
}

static enum jit_err load_instance(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                                  struct rmg_load *load, const struct jit_id *id)
{
    enum jit_err err = rmg_load_open(load, id, RMG_NODES);
    for (uint64_t i = 0; err == JIT_OK && i < in->rows[RMG_WSC_NODES]; i++) {
        struct rmg_bulk_node node;
        err = rmg_wsc_node_at(file, in, i, &node);
        err = err == JIT_OK ? rmg_load_node(load, &node.id, &node.type) : err;
    }
    err = err == JIT_OK ? rmg_load_open(load, id, RMG_EDGES) : err;
    for (uint64_t i = 0; err == JIT_OK && i < in->rows[RMG_WSC_EDGES]; i++) {
        struct rmg_edge edge;
        err = rmg_wsc_edge_at(file, in, i, &edge);
        err = err == JIT_OK ? rmg_load_edge(load, &edge) : err;
    }
    err = err == JIT_OK ? load_plane(file, in, load, id, RMG_PLANE_ALPHA) : err;
    return err == JIT_OK ? load_plane(file, in, load, id, RMG_PLANE_BETA) : err;
}

static enum jit_err load_all(const struct rmg_wsc_verified *verified, struct rmg_tx *tx)
{
    const struct rmg_wsc *file = &verified->file;
    struct rmg_load *load = NULL;
    struct rmg_wsc_instance in;
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; err == JIT_OK && i < file->instance_count; i++) {
        struct rmg_parent parent;
        rmg_wsc_parent_of(verified, i, &parent);
        err = rmg_wsc_instance_at(file, i, &in);
        err = err == JIT_OK ? rmg_tx_upsert_instance(tx, &in.id, &in.root_node, &parent) : err;
    }
    err = err == JIT_OK ? rmg_load_begin(tx, &load) : err;
    for (uint64_t i = 0; err == JIT_OK && i < file->instance_count; i++) {
        err = rmg_wsc_instance_at(file, i, &in);
        err = err == JIT_OK ? load_instance(file, &in, load, &in.id) : err;
    }
    if (err == JIT_OK) {
        return rmg_load_end(load);
    }
    rmg_load_abort(load);
    return err;
}

static enum jit_err build(const struct rmg_wsc_verified *verified, struct rmg_store *store,
                          struct rmg_version *out)
{
    struct rmg_version empty = rmg_version_empty();
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_tx_begin(store, &empty, &tx);
    if (err != JIT_OK) {
        return err;
    }
    err = load_all(verified, tx);
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
    err = build(&verified, store, &version);
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

#include "base/check.h"
#include "rmg/change/patch_priv.h"

static enum jit_err value_of_instance(struct rmg_tx *tx, const struct jit_id *id,
                                      struct jit_id *out)
{
    struct rmg_instance instance;
    enum jit_err err = rmg_tx_instance(tx, id, &instance);
    if (err == JIT_OK) {
        rmg_value_of_instance(&instance.root_node, &instance.parent, out);
    }
    return err;
}

static enum jit_err value_of_edge(const struct rmg_graph *graph, const struct jit_id *id,
                                  struct jit_id *out)
{
    struct rmg_edge edge;
    enum jit_err err = rmg_edge_get(graph, id, &edge);
    if (err == JIT_OK) {
        rmg_value_of_edge(&edge, out);
    }
    return err;
}

static enum jit_err value_of_node(const struct rmg_graph *graph, const struct jit_id *id,
                                  struct jit_id *out)
{
    struct jit_id type;
    enum jit_err err = rmg_node_type(graph, id, &type);
    if (err == JIT_OK) {
        rmg_value_of_node(&type, out);
    }
    return err;
}

static enum jit_err value_of_attachment(const struct rmg_graph *graph, const struct rmg_op *op,
                                        struct jit_id *out)
{
    struct rmg_attachment attachment = op->attachment;
    enum jit_err err = rmg_attachment_get(graph, op->plane, &op->id, attachment.name,
                                          attachment.name_size, &attachment.value);
    return err == JIT_OK ? rmg_value_of_attachment(op->plane, &attachment, out) : err;
}

enum jit_err patch_prior(const struct rmg_graph *graph, const struct rmg_op *op, struct jit_id *out)
{
    enum jit_err err = JIT_OK;
    switch (op->kind) {
    case RMG_OP_DELETE_NODE:
    case RMG_OP_UPSERT_NODE:
        err = value_of_node(graph, &op->id, out);
        break;
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_UPSERT_EDGE:
        err = value_of_edge(graph, &op->id, out);
        break;
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_SET_ATTACHMENT:
        err = value_of_attachment(graph, op, out);
        break;
    case RMG_OP_DELETE_INSTANCE:
    case RMG_OP_UPSERT_INSTANCE:
        assert(false); /* not a value of a graph */
    }
    if (err == JIT_ENOENT) {
        memset(out, 0, sizeof *out);
        err = JIT_OK;
    }
    return err;
}

static enum jit_err prior_in(struct rmg_tx *tx, const struct rmg_op *op, struct jit_id *out)
{
    struct rmg_graph graph;
    enum jit_err err = JIT_OK;
    if (op->kind == RMG_OP_DELETE_INSTANCE || op->kind == RMG_OP_UPSERT_INSTANCE) {
        err = value_of_instance(tx, &op->instance, out);
    } else {
        err = rmg_tx_graph(tx, &op->instance, &graph);
        if (err == JIT_OK) {
            err = patch_prior(&graph, op, out);
        }
    }
    if (err == JIT_ENOENT) {
        memset(out, 0, sizeof *out);
        err = JIT_OK;
    }
    return err;
}

enum jit_err rmg_op_apply(struct rmg_tx *tx, const struct rmg_op *op, bool check_prior)
{
    if (check_prior) {
        struct jit_id prior;
        enum jit_err err = prior_in(tx, op, &prior);
        if (err != JIT_OK) {
            return err;
        }
        if (!jit_id_equal(&prior, &op->prior)) {
            return JIT_EBASE;
        }
    }
    switch (op->kind) {
    case RMG_OP_CLEAR_ATTACHMENT:
        return rmg_tx_clear_attachment(tx, &op->instance, op->plane, &op->id, op->attachment.name,
                                       op->attachment.name_size);
    case RMG_OP_DELETE_EDGE:
        return rmg_tx_delete_edge(tx, &op->instance, &op->id);
    case RMG_OP_DELETE_NODE:
        return rmg_tx_delete_node(tx, &op->instance, &op->id);
    case RMG_OP_DELETE_INSTANCE:
        return rmg_tx_delete_instance(tx, &op->instance);
    case RMG_OP_UPSERT_INSTANCE:
        return rmg_tx_upsert_instance(tx, &op->instance, &op->from, op->parent);
    case RMG_OP_UPSERT_NODE:
        return rmg_tx_upsert_node(tx, &op->instance, &op->id, &op->type);
    case RMG_OP_UPSERT_EDGE: {
        struct rmg_edge edge = {.id = op->id, .from = op->from, .to = op->to, .type = op->type};
        return rmg_tx_upsert_edge(tx, &op->instance, &edge);
    }
    case RMG_OP_SET_ATTACHMENT:
        return rmg_tx_set_attachment(tx, &op->instance, op->plane, &op->id, &op->attachment);
    }
    assert(false);
    return JIT_EFORMAT;
}

/* Everything about the bytes, and what they will need, before the transaction is touched. */
static enum jit_err patch_judge(const struct rmg_version *base, const uint8_t *bytes, size_t size,
                                uint64_t *operations, uint64_t *atom_bytes)
{
    struct patch_walk walk;
    struct patch_raw *raw = NULL;
    enum jit_err err = patch_walk_begin(&walk, bytes, size);

    *operations = 0;
    *atom_bytes = 0;
    if (err == JIT_OK && !jit_id_equal(&walk.base_root, &base->state_root)) {
        return JIT_EBASE;
    }
    while (err == JIT_OK && (err = patch_walk_next(&walk, &raw)) == JIT_OK) {
        *operations += 1;
        if (raw->op.kind == RMG_OP_SET_ATTACHMENT) {
            *atom_bytes += raw->op.attachment.value.size;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* A node whose edges went elsewhere in the same patch: edges come after nodes, so it was still held
 * when its turn came. The result is what counts (DESIGN 4.5). */
static enum jit_err delete_held(struct rmg_tx *tx, const uint8_t *bytes, size_t size)
{
    struct patch_walk walk;
    struct patch_raw *raw = NULL;
    enum jit_err err = patch_walk_begin(&walk, bytes, size);
    while (err == JIT_OK && (err = patch_walk_next(&walk, &raw)) == JIT_OK &&
           raw->op.kind <= RMG_OP_DELETE_NODE) {
        if (raw->op.kind == RMG_OP_DELETE_NODE) {
            err = rmg_tx_delete_node(tx, &raw->op.instance, &raw->op.id);
            err = err == JIT_ENOENT ? JIT_OK : err; /* deleted in its turn */
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err rmg_patch_apply(struct jit_heap *heap, struct rmg_tx *tx,
                             const struct rmg_version *base, const uint8_t *bytes, size_t size)
{
    struct patch_walk walk;
    struct patch_raw *raw = NULL;
    uint64_t operations = 0;
    uint64_t atom_bytes = 0;
    enum jit_err done = JIT_OK; /* of one operation: JIT_ENOENT is an error there */
    bool held = false;          /* a node that still had edges */

    (void)heap; /* the walk needs no memory of its own */
    enum jit_err err = patch_judge(base, bytes, size, &operations, &atom_bytes);
    if (err == JIT_OK) {
        err = rmg_tx_reserve(tx, operations, atom_bytes);
    }
    if (err == JIT_OK) {
        err = patch_walk_begin(&walk, bytes, size);
    }
    while (err == JIT_OK && (err = patch_walk_next(&walk, &raw)) == JIT_OK) {
        done = rmg_op_apply(tx, &raw->op, true);
        if (done == JIT_EDANGLING && raw->op.kind == RMG_OP_DELETE_NODE) {
            held = true;
            done = JIT_OK;
        }
        if (done != JIT_OK) {
            return done;
        }
    }
    err = err == JIT_ENOENT ? JIT_OK : err;
    return err == JIT_OK && held ? delete_held(tx, bytes, size) : err;
}

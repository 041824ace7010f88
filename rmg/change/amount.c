#include "rmg/change/amount.h"

/* Sums are kept modulo 2^64: what a patch takes away was there, so that the result is none below
 * zero, in whatever order its operations come. */

static uint64_t bytes_of(const union rmg_content *content)
{
    return content != NULL && content->value.kind == RMG_VALUE_ATOM ? content->value.size : 0;
}

/* ---- from two versions ---- */

static bool add_difference(void *user, const struct rmg_difference *diff)
{
    struct rmg_amount *use = user;
    switch (diff->place.part) {
    case RMG_PART_NODE:
        use->nodes += (uint64_t)(diff->after != NULL) - (uint64_t)(diff->before != NULL);
        break;
    case RMG_PART_EDGE:
        use->edges += (uint64_t)(diff->after != NULL) - (uint64_t)(diff->before != NULL);
        break;
    case RMG_PART_ALPHA:
    case RMG_PART_BETA:
        use->bytes += bytes_of(diff->after) - bytes_of(diff->before);
        break;
    case RMG_PART_INSTANCE:
    case RMG_PARTS:
        break;
    }
    return true;
}

enum jit_err rmg_diff_amount(const struct rmg_state *before, const struct rmg_state *after,
                             struct rmg_amount *use)
{
    struct rmg_amount sum = *use;
    enum jit_err err = rmg_diff(before, after, add_difference, &sum, NULL);
    if (err == JIT_OK) {
        *use = sum;
    }
    return err;
}

/* ---- from a patch ---- */

struct counted {
    const struct rmg_state *before;
    struct rmg_amount use;
    struct jit_id instance; /* that `graph` is of */
    struct rmg_graph graph;
    bool known;   /* `graph` was looked for */
    bool present; /* and is there */
    enum jit_err err;
};

/* The instance as it was; false: it was not there. */
static bool look(struct counted *c, const struct jit_id *instance)
{
    struct rmg_instance found;
    if (!c->known || !jit_id_equal(&c->instance, instance)) {
        enum jit_err err =
            rmg_store_instance(c->before->store, &c->before->version, instance, &found);
        c->instance = *instance;
        c->known = true;
        c->present = err == JIT_OK;
        if (c->present) {
            rmg_store_graph(c->before->store, &found, &c->graph);
        } else if (err != JIT_ENOENT) {
            c->err = err;
        }
    }
    return c->present;
}

/* Nothing is not there: that is no error. */
static bool there(struct counted *c, enum jit_err err)
{
    if (err != JIT_OK && err != JIT_ENOENT) {
        c->err = err;
    }
    return err == JIT_OK;
}

static uint64_t size_before(struct counted *c, const struct rmg_op *op)
{
    struct rmg_value value;
    return look(c, &op->instance) &&
                   there(c, rmg_attachment_get(&c->graph, op->plane, &op->id, op->attachment.name,
                                               op->attachment.name_size, &value)) &&
                   value.kind == RMG_VALUE_ATOM
               ? value.size
               : 0;
}

static bool add_op(void *user, const struct rmg_op *op)
{
    struct counted *c = user;
    struct rmg_edge edge;
    struct jit_id type;
    switch (op->kind) {
    case RMG_OP_CLEAR_ATTACHMENT:
        c->use.bytes -= size_before(c, op);
        break;
    case RMG_OP_DELETE_EDGE:
        c->use.edges--;
        break;
    case RMG_OP_DELETE_NODE:
        c->use.nodes--;
        break;
    case RMG_OP_UPSERT_NODE:
        c->use.nodes +=
            look(c, &op->instance) && there(c, rmg_node_type(&c->graph, &op->id, &type)) ? 0 : 1;
        break;
    case RMG_OP_UPSERT_EDGE:
        c->use.edges +=
            look(c, &op->instance) && there(c, rmg_edge_get(&c->graph, &op->id, &edge)) ? 0 : 1;
        break;
    case RMG_OP_SET_ATTACHMENT:
        c->use.bytes -= size_before(c, op);
        c->use.bytes += op->attachment.value.kind == RMG_VALUE_ATOM ? op->attachment.value.size : 0;
        break;
    case RMG_OP_DELETE_INSTANCE:
    case RMG_OP_UPSERT_INSTANCE:
        break;
    }
    return c->err == JIT_OK;
}

enum jit_err rmg_patch_amount(struct jit_heap *heap, const struct rmg_state *before,
                              const uint8_t *patch, size_t patch_size, struct rmg_amount *use)
{
    struct counted c = {.before = before, .use = *use};
    struct jit_id base;
    enum jit_err err = rmg_patch_each(heap, patch, patch_size, &base, add_op, &c);
    err = c.err != JIT_OK ? c.err : err;
    if (err == JIT_OK) {
        *use = c.use;
    }
    return err;
}

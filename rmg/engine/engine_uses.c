#include "base/check.h"
#include "rmg/engine/engine_priv.h"

/* What operations that no rule stands behind use: the kernel's own, and those of a collapse. */

enum jit_err eng_add_use(struct rmg_engine *engine, struct eng_uses *list, struct eng_use use)
{
    enum jit_err err = ENG_ROOM(engine, list->at, list->capacity, list->count + 1);
    if (err == JIT_OK) {
        use.hash = eng_use_hash(engine, &use);
        use.read = use.read || use.access == RMG_ACCESS_READ;
        list->at[list->count++] = use;
        list->bytes += eng_use_size(&use);
    }
    return err;
}

static enum jit_err use_element(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                                enum rmg_slot_kind kind, const struct jit_id *id,
                                enum rmg_access access)
{
    return eng_add_use(
        engine, list,
        (struct eng_use){
            .id = *id, .instance = instance, .kind = (uint8_t)kind, .access = (uint8_t)access});
}

static enum jit_err use_extent(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                               const struct jit_id *type)
{
    return eng_add_use(engine, list,
                       (struct eng_use){.id = *type,
                                        .instance = instance,
                                        .kind = RMG_SLOT_EXTENT,
                                        .access = RMG_ACCESS_BLIND,
                                        .join = RMG_JOIN_MEMBERS});
}

static enum jit_err use_values(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                               const struct rmg_sought *sought)
{
    return eng_add_use(engine, list,
                       (struct eng_use){.id = sought->type,
                                        .rest = sought->name,
                                        .instance = instance,
                                        .kind = RMG_SLOT_VALUES,
                                        .access = RMG_ACCESS_BLIND,
                                        .join = RMG_JOIN_MEMBERS,
                                        .name_size = (uint8_t)sought->name_size});
}

/* A node comes, goes or gets another type, with whatever fields. */
static enum jit_err use_all_values(struct rmg_engine *engine, struct eng_uses *list,
                                   uint32_t instance, const struct jit_id *type)
{
    const struct rmg_sought_list *sought = &engine->input->sought;
    enum jit_err err = JIT_OK;
    for (uint32_t i = rmg_sought_of_type(sought, type);
         i < sought->count && jit_id_equal(&sought->at[i].type, type) && err == JIT_OK; i++) {
        err = use_values(engine, list, instance, &sought->at[i]);
    }
    return err;
}

/* A field of a node that is there; one that comes with it has been spoken of. */
static enum jit_err use_value(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                              const struct rmg_op *op)
{
    const struct rmg_sought_list *sought = &engine->input->sought;
    struct jit_id type;
    if (sought->count == 0 || !engine->instances[instance].exists) {
        return JIT_OK;
    }
    enum jit_err err = rmg_node_type(&engine->instances[instance].graph, &op->id, &type);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_OK : err;
    }
    uint32_t at = rmg_sought_find(sought, &type, op->attachment.name, op->attachment.name_size);
    return at < sought->count ? use_values(engine, list, instance, &sought->at[at]) : JIT_OK;
}

/* One end of an edge: its incidence by type and, as rules use it, of all types (type zero). */
static enum jit_err use_end(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                            const struct jit_id *node, enum rmg_direction direction,
                            const struct jit_id *type)
{
    static const struct jit_id any;
    struct eng_use use = {.id = *node,
                          .instance = instance,
                          .kind = RMG_SLOT_INCIDENCE,
                          .direction = (uint8_t)direction,
                          .access = RMG_ACCESS_BLIND,
                          .join = RMG_JOIN_MEMBERS};
    use.rest = rmg_scratch_copy(&engine->arena, type, sizeof *type);
    if (use.rest == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = eng_add_use(engine, list, use);
    use.rest = &any;
    return err == JIT_OK ? eng_add_use(engine, list, use) : err;
}

static enum jit_err use_edge(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                             const struct rmg_edge *edge)
{
    enum jit_err err = use_extent(engine, list, instance, &edge->type);
    if (err == JIT_OK) {
        err = use_end(engine, list, instance, &edge->from, RMG_DIR_OUT, &edge->type);
    }
    if (err == JIT_OK) {
        err = use_end(engine, list, instance, &edge->to, RMG_DIR_IN, &edge->type);
    }
    if (err == JIT_OK) {
        err = use_element(engine, list, instance, RMG_SLOT_NODE, &edge->from, RMG_ACCESS_READ);
    }
    return err == JIT_OK
               ? use_element(engine, list, instance, RMG_SLOT_NODE, &edge->to, RMG_ACCESS_READ)
               : err;
}

static enum jit_err use_node_op(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                                const struct rmg_op *op)
{
    struct jit_id old;
    enum jit_err err =
        use_element(engine, list, instance, RMG_SLOT_NODE, &op->id, RMG_ACCESS_WRITE);
    if (err == JIT_OK && op->kind == RMG_OP_UPSERT_NODE) {
        err = use_extent(engine, list, instance, &op->type);
        err = err == JIT_OK ? use_all_values(engine, list, instance, &op->type) : err;
    }
    if (err != JIT_OK || !engine->instances[instance].exists) {
        return err;
    }
    err = rmg_node_type(&engine->instances[instance].graph, &op->id, &old);
    if (err == JIT_OK) {
        err = use_extent(engine, list, instance, &old);
        err = err == JIT_OK ? use_all_values(engine, list, instance, &old) : err;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err use_edge_op(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                                const struct rmg_op *op)
{
    struct rmg_edge edge = {.id = op->id, .from = op->from, .to = op->to, .type = op->type};
    enum jit_err err =
        use_element(engine, list, instance, RMG_SLOT_EDGE, &op->id, RMG_ACCESS_WRITE);
    if (err == JIT_OK && op->kind == RMG_OP_UPSERT_EDGE) {
        err = use_edge(engine, list, instance, &edge);
    }
    if (err != JIT_OK || !engine->instances[instance].exists) {
        return err;
    }
    err = rmg_edge_get(&engine->instances[instance].graph, &op->id, &edge);
    if (err == JIT_OK) {
        err = use_edge(engine, list, instance, &edge);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err use_attachment_op(struct rmg_engine *engine, struct eng_uses *list,
                                      uint32_t instance, const struct rmg_op *op)
{
    bool alpha = op->plane == RMG_PLANE_ALPHA;
    struct eng_use use = {.id = op->id,
                          .rest = op->attachment.name,
                          .instance = instance,
                          .kind = alpha ? RMG_SLOT_ALPHA : RMG_SLOT_BETA,
                          .access = RMG_ACCESS_WRITE,
                          .name_size = (uint8_t)op->attachment.name_size};
    assert(op->attachment.name_size <= JIT_NAME_BYTES_MAX);
    enum jit_err err = eng_add_use(engine, list, use);
    if (err == JIT_OK && alpha) {
        err = use_value(engine, list, instance, op);
    }
    return err == JIT_OK
               ? use_element(engine, list, instance, alpha ? RMG_SLOT_NODE : RMG_SLOT_EDGE, &op->id,
                             RMG_ACCESS_READ)
               : err;
}

enum jit_err eng_use_op(struct rmg_engine *engine, struct eng_uses *list, uint32_t instance,
                        const struct rmg_op *op)
{
    switch (op->kind) {
    case RMG_OP_DELETE_NODE:
    case RMG_OP_UPSERT_NODE:
        return use_node_op(engine, list, instance, op);
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_UPSERT_EDGE:
        return use_edge_op(engine, list, instance, op);
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_SET_ATTACHMENT:
        return use_attachment_op(engine, list, instance, op);
    case RMG_OP_DELETE_INSTANCE:
    case RMG_OP_UPSERT_INSTANCE:
        break; /* no slot: whoever uses the instance uses its elements */
    }
    return JIT_OK;
}

#include "base/check.h"
#include "rmg/engine/engine_priv.h"
#include "rmg/change/patch_priv.h"
#include "rmg/engine/request.h"

/* The value an event replaces; instances have no slot but have a value. */
static enum jit_err prior_of(struct rmg_engine *engine, uint32_t instance, const struct rmg_op *op,
                             struct jit_id *out)
{
    struct rmg_instance found;
    memset(out, 0, sizeof *out);
    if (!engine->instances[instance].exists) {
        return JIT_OK;
    }
    if (op->kind != RMG_OP_DELETE_INSTANCE && op->kind != RMG_OP_UPSERT_INSTANCE) {
        return patch_prior(&engine->instances[instance].graph, op, out);
    }
    enum jit_err err =
        rmg_store_instance(engine->store, &engine->input->base, &op->instance, &found);
    if (err == JIT_OK) {
        rmg_value_of_instance(&found.root_node, &found.parent, out);
    }
    return err;
}

static enum jit_err keep_event(struct rmg_engine *engine, uint32_t index, uint32_t instance,
                               const struct rmg_op *op)
{
    struct eng_op *kept = &engine->event_ops[index];
    *kept = (struct eng_op){.id = op->id,
                            .instance = instance,
                            .request = RMG_NO_BLOCKER,
                            .index = index,
                            .kind = (uint8_t)op->kind,
                            .plane = (uint8_t)op->plane};
    switch (op->kind) {
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_SET_ATTACHMENT:
        kept->as.attachment = op->attachment;
        break;
    case RMG_OP_UPSERT_INSTANCE:
        kept->as.instance.root_node = op->from;
        kept->as.instance.parent = op->parent;
        break;
    case RMG_OP_DELETE_INSTANCE:
    case RMG_OP_DELETE_NODE:
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_UPSERT_NODE:
    case RMG_OP_UPSERT_EDGE:
        kept->as.element.type = op->type;
        kept->as.element.from = op->from;
        kept->as.element.to = op->to;
        break;
    }
    struct rmg_op sized = *op;
    sized.origin_count = 1;
    engine->patch_bytes += rmg_op_size(&sized);
    engine->instances[instance].touched = true;
    return prior_of(engine, instance, op, &kept->prior);
}

/* ---- requests that wait for the next tick ---- */

#define WAITING_PATCH_BYTES                                                                        \
    512u /* at least what its slots and its operation take, but its value                          \
          */

static const struct rmg_attachment waiting_name = {.name = RMG_WAITING_NAME,
                                                   .name_size = sizeof RMG_WAITING_NAME - 1};

static struct eng_use waiting_use(const struct rmg_engine *engine)
{
    const struct rmg_waiting_place *place = engine->input->waiting;
    struct eng_use use = {.id = place->node,
                          .rest = waiting_name.name,
                          .instance = eng_instance_find(engine, &place->instance),
                          .kind = RMG_SLOT_ALPHA,
                          .access = RMG_ACCESS_WRITE,
                          .name_size = (uint8_t)waiting_name.name_size};
    use.hash = eng_use_hash(engine, &use);
    return use;
}

/* It is the kernel's, whether it comes to be written or not: known only when all have been judged.
 */
enum jit_err eng_waiting_hold(struct rmg_engine *engine)
{
    struct rmg_value value;
    engine->late = false;
    engine->waited = false;
    jit_buf_reset(&engine->waiting);
    if (engine->input->waiting == NULL) {
        return JIT_OK;
    }
    const struct eng_use use = waiting_use(engine);
    const struct eng_instance *instance = &engine->instances[use.instance];
    assert(instance->exists);
    enum jit_err err = rmg_attachment_get(&instance->graph, RMG_PLANE_ALPHA, &use.id,
                                          waiting_name.name, waiting_name.name_size, &value);
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    engine->waited = err == JIT_OK;
    rmg_waiting_begin(&engine->waiting);
    if (engine->input->waiting->kept_size > 0) {
        jit_buf_put(&engine->waiting, engine->input->waiting->kept,
                    engine->input->waiting->kept_size);
        rmg_waiting_has_delayed(&engine->waiting);
    }
    engine->patch_bytes += WAITING_PATCH_BYTES + engine->input->waiting->kept_size;
    return engine->waiting.err == JIT_OK ? eng_add_use(engine, &engine->event_uses, use)
                                         : JIT_ENOMEM;
}

/* The slot is written, and its node is read: rules leave the root of an instance where it is. */
static enum jit_err mark_node(struct rmg_engine *engine, const struct eng_use *slot)
{
    struct eng_use *use = rmg_scratch_alloc(&engine->arena, sizeof *use);
    if (use == NULL) {
        return JIT_ENOMEM;
    }
    *use = (struct eng_use){.id = slot->id,
                            .instance = slot->instance,
                            .kind = RMG_SLOT_NODE,
                            .access = RMG_ACCESS_READ,
                            .read = true};
    use->hash = eng_use_hash(engine, use);
    return eng_mark_event(engine, use);
}

enum jit_err eng_waiting_write(struct rmg_engine *engine)
{
    const struct rmg_tick_input *input = engine->input;
    const size_t empty = 4; /* its version alone */
    if (input->waiting == NULL) {
        return JIT_OK;
    }
    if (engine->waiting.err != JIT_OK) {
        return JIT_ENOMEM;
    }
    const struct eng_use use = waiting_use(engine);
    struct rmg_op op = {.kind = RMG_OP_CLEAR_ATTACHMENT,
                        .plane = RMG_PLANE_ALPHA,
                        .instance = input->waiting->instance,
                        .id = input->waiting->node,
                        .attachment = waiting_name};
    if (engine->waiting.size > empty) {
        op.kind = RMG_OP_SET_ATTACHMENT;
        op.attachment.value = (struct rmg_value){.kind = RMG_VALUE_ATOM,
                                                 .type = *rmg_codec_type(RMG_CODEC_BYTES),
                                                 .bytes = engine->waiting.data,
                                                 .size = (uint32_t)engine->waiting.size};
    } else if (!engine->waited) {
        struct eng_mark *mark = eng_mark_of(engine, &use);
        mark->access = RMG_ACCESS_READ; /* held for nothing: neither read nor written */
        mark->read = false;
        return JIT_OK;
    }
    engine->late = true;
    enum jit_err err = mark_node(engine, &use);
    return err == JIT_OK ? keep_event(engine, input->event_count, use.instance, &op) : err;
}

enum jit_err eng_events(struct rmg_engine *engine)
{
    const struct rmg_tick_input *input = engine->input;
    enum jit_err err = ENG_ROOM(engine, engine->event_ops, engine->event_op_capacity,
                                (size_t)input->event_count + 1);
    engine->event_uses.count = 0;
    engine->event_uses.bytes = 0;
    for (uint32_t i = 0; i < input->event_count && err == JIT_OK; i++) {
        const struct rmg_op *op = &input->events[i];
        uint32_t instance = eng_instance_find(engine, &op->instance);
        err = eng_use_op(engine, &engine->event_uses, instance, op);
        if (err == JIT_OK) {
            err = keep_event(engine, i, instance, op);
        }
    }
    if (err == JIT_OK) {
        err = eng_waiting_hold(engine);
    }
    engine->patch_bytes += engine->event_uses.bytes;
    return err;
}

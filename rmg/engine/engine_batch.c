#include "rmg/engine/engine_merge_priv.h"

#include "base/check.h"
#include "base/le.h"

/* ---- in the order of the patch ---- */

static int compare_names(const struct rmg_attachment *a, const struct rmg_attachment *b)
{
    uint32_t common = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = common == 0 ? 0 : memcmp(a->name, b->name, common);
    if (order != 0 || a->name_size == b->name_size) {
        return order;
    }
    return a->name_size < b->name_size ? -1 : 1;
}

static bool is_attachment(const struct eng_op *op)
{
    return op->kind == RMG_OP_SET_ATTACHMENT || op->kind == RMG_OP_CLEAR_ATTACHMENT;
}

/* rmg_op_compare on the engine's own form, kinds left aside; 0: the same slot. */
static int compare_places(const struct eng_op *a, const struct eng_op *b)
{
    if (a->instance != b->instance) {
        return a->instance < b->instance ? -1 : 1;
    }
    if (a->plane != b->plane) {
        return a->plane < b->plane ? -1 : 1;
    }
    int order = jit_id_compare(&a->id, &b->id);
    if (order != 0 || !is_attachment(a)) {
        return order;
    }
    return compare_names(&a->as.attachment, &b->as.attachment);
}

static int compare_ops(const void *user, uint32_t a, uint32_t b)
{
    const struct rmg_engine *engine = user;
    const struct eng_op *x = engine->ops[a];
    const struct eng_op *y = engine->ops[b];
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    return compare_places(x, y);
}

/* kind, instance, plane, id: the plane takes the id's first bit. */
static uint64_t op_key(const struct rmg_engine *engine, const struct eng_op *op)
{
    if (!is_attachment(op)) {
        return eng_prefix(engine, op->kind, op->instance, &op->id);
    }
    struct jit_id shifted = {{0}};
    uint64_t first = jit_be64(op->id.bytes) >> 1;
    first |= op->plane == RMG_PLANE_BETA ? (uint64_t)1 << 63 : 0;
    for (size_t i = 0; i < 8; i++) {
        shifted.bytes[i] = (uint8_t)(first >> (56 - 8 * i));
    }
    return eng_prefix(engine, op->kind, op->instance, &shifted);
}

static uint32_t event_count(const struct rmg_engine *engine)
{
    return engine->input->event_count + (engine->late ? 1u : 0u);
}

enum jit_err eng_batch_collect(struct rmg_engine *engine)
{
    size_t count = event_count(engine);
    for (uint32_t i = 0; i < engine->input->request_count; i++) {
        count += engine->reqs[i].result == RMG_APPLIED ? engine->reqs[i].op_count : 0;
    }
    enum jit_err err = ENG_ROOM(engine, engine->ops, engine->op_capacity, count);
    if (err == JIT_OK) {
        err = eng_sort_room(engine, &engine->order, count);
    }
    if (err != JIT_OK) {
        return err;
    }
    engine->op_count = 0;
    for (uint32_t i = 0; i < engine->input->request_count; i++) {
        const struct eng_req *req = &engine->reqs[i];
        for (uint32_t k = 0; req->result == RMG_APPLIED && k < req->op_count; k++) {
            engine->ops[engine->op_count++] = &req->ops[k];
        }
    }
    for (uint32_t i = 0; i < event_count(engine); i++) {
        engine->ops[engine->op_count++] = &engine->event_ops[i];
    }
    assert(engine->op_count == count);
    return JIT_OK;
}

void eng_batch_sort(struct rmg_engine *engine)
{
    size_t count = engine->op_count;
    for (size_t i = 0; i < count; i++) {
        if (i + ENG_AHEAD < count) {
            __builtin_prefetch(engine->ops[i + ENG_AHEAD]);
            __builtin_prefetch((const char *)engine->ops[i + ENG_AHEAD] + 64);
        }
        engine->order.items[i].key = op_key(engine, engine->ops[i]);
        engine->order.items[i].index = (uint32_t)i;
    }
    eng_sort(&engine->order, count, compare_ops, engine);
}

size_t eng_batch_kind(const struct rmg_engine *engine, unsigned kind)
{
    size_t low = 0;
    size_t high = engine->op_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (eng_op_at(engine, middle)->kind < kind) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A slot that one operation empties and another fills would have two values. */
enum jit_err eng_batch_check(const struct rmg_engine *engine)
{
    for (unsigned kind = RMG_OP_CLEAR_ATTACHMENT; kind <= RMG_OP_DELETE_INSTANCE; kind++) {
        unsigned fill = (unsigned)RMG_OP_CLEAR_ATTACHMENT + (unsigned)RMG_OP_SET_ATTACHMENT - kind;
        size_t a = eng_batch_kind(engine, kind);
        size_t a_end = eng_batch_kind(engine, kind + 1);
        size_t b = eng_batch_kind(engine, fill);
        size_t b_end = eng_batch_kind(engine, fill + 1);
        while (a < a_end && b < b_end) {
            int order = compare_places(eng_op_at(engine, a), eng_op_at(engine, b));
            if (order == 0) {
                return JIT_ECONFLICT;
            }
            if (order < 0) {
                a++;
            } else {
                b++;
            }
        }
    }
    return JIT_OK;
}

/* However many join into one slot, it is one change of one path. */
void eng_batch_measure(const struct rmg_engine *engine, uint64_t *slots, uint64_t *bytes)
{
    *slots = 0;
    *bytes = 0;
    for (size_t i = 0; i < engine->op_count; i++) {
        const struct eng_op *op = eng_op_at(engine, i);
        const struct eng_op *last = i == 0 ? NULL : eng_op_at(engine, i - 1);
        bool joins = op->join != RMG_JOIN_NONE;
        bool again = joins && last != NULL && last->join == op->join && last->kind == op->kind &&
                     compare_places(last, op) == 0;
        if (i + ENG_AHEAD < engine->op_count) {
            __builtin_prefetch(eng_op_at(engine, i + ENG_AHEAD));
            __builtin_prefetch((const char *)eng_op_at(engine, i + ENG_AHEAD) + 64);
        }
        *slots += again ? 0 : 1;
        if (op->kind == RMG_OP_SET_ATTACHMENT) {
            bool sum = op->join == RMG_JOIN_SUM;
            *bytes += !sum ? op->as.attachment.value.size : again ? 0 : 8;
            *bytes += op->join == RMG_JOIN_UNION && !again ? (uint64_t)op->base : 0;
        }
    }
}

/* ---- one operation a slot ---- */

static void op_full(const struct rmg_engine *engine, const struct eng_op *op, struct rmg_op *out)
{
    *out = (struct rmg_op){.kind = (enum rmg_op_kind)op->kind,
                           .instance = engine->instances[op->instance].id,
                           .prior = op->prior};
    switch (out->kind) {
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_SET_ATTACHMENT:
        out->id = op->id;
        out->plane = (enum rmg_plane)op->plane;
        out->attachment = op->as.attachment;
        break;
    case RMG_OP_UPSERT_INSTANCE:
        out->from = op->as.instance.root_node;
        out->parent = op->as.instance.parent;
        break;
    case RMG_OP_DELETE_NODE:
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_UPSERT_NODE:
    case RMG_OP_UPSERT_EDGE:
        out->id = op->id;
        out->type = op->as.element.type;
        out->from = op->as.element.from;
        out->to = op->as.element.to;
        break;
    case RMG_OP_DELETE_INSTANCE:
        break;
    }
}

/* All deltas of one field, in canonical order; reservation has refused what would overflow. */
static enum jit_err fold_sum(const struct rmg_engine *engine, size_t begin, size_t end,
                             uint8_t bytes[8], struct rmg_op *out)
{
    int64_t sum = eng_op_at(engine, begin)->base;
    for (size_t i = begin; i < end; i++) {
        const struct eng_op *op = eng_op_at(engine, i);
        if (op->join != RMG_JOIN_SUM || op->base != eng_op_at(engine, begin)->base ||
            __builtin_add_overflow(sum, op->delta, &sum)) {
            return JIT_ECONFLICT;
        }
    }
    jit_put_le64(bytes, (uint64_t)sum);
    out->attachment.value.kind = RMG_VALUE_ATOM;
    out->attachment.value.type = *rmg_codec_type(RMG_CODEC_I64);
    out->attachment.value.bytes = bytes;
    out->attachment.value.size = 8;
    return JIT_OK;
}

/* What lies in the slot and what all operations join to it; reservation has refused a list that
 * would be too long. */
static enum jit_err fold_values(const struct rmg_engine *engine, struct rmg_scratch *scratch,
                                size_t begin, size_t end, struct rmg_op *out)
{
    const struct eng_op *first = eng_op_at(engine, begin);
    struct rmg_value *values = rmg_scratch_alloc(scratch, (end - begin + 1) * sizeof *values);
    if (values == NULL) {
        return JIT_ENOMEM;
    }
    for (size_t i = begin; i < end; i++) {
        const struct eng_op *op = eng_op_at(engine, i);
        if (op->join != first->join) {
            return JIT_ECONFLICT;
        }
        values[i - begin + 1] = op->as.attachment.value;
    }
    enum jit_err err =
        rmg_attachment_get(&engine->instances[first->instance].graph, (enum rmg_plane)first->plane,
                           &first->id, out->attachment.name, out->attachment.name_size, &values[0]);
    if (err == JIT_OK) {
        err = rmg_join_all((enum rmg_join)first->join, values, end - begin + 1, scratch,
                           &out->attachment.value);
    }
    /* Verification has found a value of the right kind there, in this very version. */
    return err == JIT_ENOENT || err == JIT_ENOTSUP ? JIT_ECORRUPT : err;
}

/* Operations without a join may share a slot only when they leave the same value there. */
static enum jit_err check_equal(const struct rmg_engine *engine, size_t begin, size_t end)
{
    struct rmg_op op;
    struct jit_id first;
    struct jit_id value;
    op_full(engine, eng_op_at(engine, begin), &op);
    enum jit_err err = rmg_op_value(&op, &first);
    for (size_t i = begin + 1; i < end && err == JIT_OK; i++) {
        op_full(engine, eng_op_at(engine, i), &op);
        err = rmg_op_value(&op, &value);
        if (err == JIT_OK &&
            (eng_op_at(engine, i)->join != RMG_JOIN_NONE || !jit_id_equal(&value, &first))) {
            err = JIT_ECONFLICT;
        }
    }
    return err;
}

/* Where the operations of the slot of one end. */
static size_t slot_end(const struct rmg_engine *engine, size_t begin)
{
    size_t end = begin + 1;
    while (end < engine->op_count && compare_ops(engine, engine->order.items[begin].index,
                                                 engine->order.items[end].index) == 0) {
        end++;
    }
    return end;
}

enum jit_err eng_batch_fold(const struct rmg_engine *engine, struct rmg_scratch *scratch,
                            size_t begin, struct eng_folded *out)
{
    const struct eng_op *first = eng_op_at(engine, begin);
    const size_t end = slot_end(engine, begin);
    struct rmg_origin *origins = &out->one;
    enum jit_err err = JIT_OK;

    out->end = end;
    op_full(engine, first, &out->op);
    if (first->join == RMG_JOIN_SUM) {
        err = fold_sum(engine, begin, end, out->sum, &out->op);
    } else if (first->join != RMG_JOIN_NONE) {
        err = fold_values(engine, scratch, begin, end, &out->op);
    } else if (end - begin > 1) {
        err = check_equal(engine, begin, end);
    }
    if (err == JIT_OK && end - begin > 1) {
        origins = rmg_scratch_alloc(scratch, (end - begin) * sizeof *origins);
        err = origins == NULL ? JIT_ENOMEM : JIT_OK;
    }
    if (err != JIT_OK) {
        return err;
    }
    for (size_t i = begin; i < end; i++) {
        origins[i - begin].request = eng_op_at(engine, i)->request;
        origins[i - begin].operation = eng_op_at(engine, i)->index;
    }
    out->op.origins = origins;
    out->op.origin_count = (uint32_t)(end - begin);
    return JIT_OK;
}

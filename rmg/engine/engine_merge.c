#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/engine/engine_priv.h"
#include "rmg/change/merge.h"
#include "rmg/store/tx_hands.h"

#define WARM_BATCH 32u /* operations whose places are asked for together */
#define AHEAD      8u  /* how far ahead of their use random places are asked for */

/* ---- slots that were read and written ---- */

static int compare_marks(const void *user, uint32_t a, uint32_t b)
{
    const struct rmg_engine *engine = user;
    struct rmg_slot x;
    struct rmg_slot y;
    eng_use_slot(engine, engine->marks[a].use, &x);
    eng_use_slot(engine, engine->marks[b].use, &y);
    return rmg_slot_compare(&x, &y);
}

static bool is_listed(const struct eng_mark *mark, bool written)
{
    return written ? mark->access != RMG_ACCESS_READ : mark->read;
}

/* Each slot has one mark, so no list holds one twice. */
static void encode_slots(struct rmg_engine *engine, bool written, struct eng_sort *sort,
                         struct jit_buf *out)
{
    struct rmg_slot slot;
    uint32_t count = 0;
    for (size_t i = 0; i < engine->mark_count; i++) {
        const struct eng_mark *mark = &engine->marks[i];
        if (is_listed(mark, written)) {
            sort->items[count].key = mark->key;
            sort->items[count].index = (uint32_t)i;
            count++;
        }
    }
    eng_sort(sort, count, compare_marks, engine);
    jit_buf_put_u64(out, count);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 2 * AHEAD < count) {
            __builtin_prefetch(&engine->marks[sort->items[i + 2 * AHEAD].index]);
        }
        if (i + AHEAD < count) {
            const struct eng_use *ahead = engine->marks[sort->items[i + AHEAD].index].use;
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + 1);
        }
        eng_use_slot(engine, engine->marks[sort->items[i].index].use, &slot);
        rmg_slot_encode(&slot, out);
    }
}

/* ---- operations: one batch in the order of the patch ---- */

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

static enum jit_err collect_ops(struct rmg_engine *engine)
{
    size_t count = event_count(engine);
    for (uint32_t i = 0; i < engine->input->request_count; i++) {
        count += engine->reqs[i].result == RMG_APPLIED ? engine->reqs[i].op_count : 0;
    }
    enum jit_err err = ENG_ROOM(engine, engine->ops, engine->op_capacity, count);
    if (err == JIT_OK) {
        err = eng_sort_room(engine, &engine->order, count);
    }
    for (unsigned list = 0; list < 2 && err == JIT_OK; list++) {
        err = eng_sort_room(engine, &engine->lists[list], engine->mark_count);
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

static void sort_ops(struct rmg_engine *engine)
{
    size_t count = engine->op_count;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            __builtin_prefetch(engine->ops[i + AHEAD]);
            __builtin_prefetch((const char *)engine->ops[i + AHEAD] + 64);
        }
        engine->order.items[i].key = op_key(engine, engine->ops[i]);
        engine->order.items[i].index = (uint32_t)i;
    }
    eng_sort(&engine->order, count, compare_ops, engine);
}

static const struct eng_op *op_at(const struct rmg_engine *engine, size_t place)
{
    return engine->ops[engine->order.items[place].index];
}

/* Where the operations of a kind begin; all are sorted by kind first. */
static size_t kind_begin(const struct rmg_engine *engine, unsigned kind)
{
    size_t low = 0;
    size_t high = engine->op_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (op_at(engine, middle)->kind < kind) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A slot that one operation empties and another fills would have two values. */
static enum jit_err check_kinds(const struct rmg_engine *engine)
{
    for (unsigned kind = RMG_OP_CLEAR_ATTACHMENT; kind <= RMG_OP_DELETE_INSTANCE; kind++) {
        unsigned fill = (unsigned)RMG_OP_CLEAR_ATTACHMENT + (unsigned)RMG_OP_SET_ATTACHMENT - kind;
        size_t a = kind_begin(engine, kind);
        size_t a_end = kind_begin(engine, kind + 1);
        size_t b = kind_begin(engine, fill);
        size_t b_end = kind_begin(engine, fill + 1);
        while (a < a_end && b < b_end) {
            int order = compare_places(op_at(engine, a), op_at(engine, b));
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

/* ---- one operation a slot ---- */

void eng_op_full(const struct rmg_engine *engine, const struct eng_op *op, struct rmg_op *out)
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
static enum jit_err fold(const struct rmg_engine *engine, size_t begin, size_t end,
                         uint8_t bytes[8], struct rmg_op *out)
{
    int64_t sum = op_at(engine, begin)->base;
    for (size_t i = begin; i < end; i++) {
        const struct eng_op *op = op_at(engine, i);
        if (op->join != RMG_JOIN_SUM || op->base != op_at(engine, begin)->base ||
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
    const struct eng_op *first = op_at(engine, begin);
    struct rmg_value *values = rmg_scratch_alloc(scratch, (end - begin + 1) * sizeof *values);
    if (values == NULL) {
        return JIT_ENOMEM;
    }
    for (size_t i = begin; i < end; i++) {
        const struct eng_op *op = op_at(engine, i);
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
    eng_op_full(engine, op_at(engine, begin), &op);
    enum jit_err err = rmg_op_value(&op, &first);
    for (size_t i = begin + 1; i < end && err == JIT_OK; i++) {
        eng_op_full(engine, op_at(engine, i), &op);
        err = rmg_op_value(&op, &value);
        if (err == JIT_OK &&
            (op_at(engine, i)->join != RMG_JOIN_NONE || !jit_id_equal(&value, &first))) {
            err = JIT_ECONFLICT;
        }
    }
    return err;
}

/* What the operations of one slot come to. */
struct merged {
    struct rmg_op op;
    struct rmg_origin one;
    uint8_t sum[8];
};

/* Operations begin to end are of one slot. */
static enum jit_err merge_slot(const struct rmg_engine *engine, struct rmg_scratch *scratch,
                               size_t begin, size_t end, struct merged *out)
{
    const struct eng_op *first = op_at(engine, begin);
    struct rmg_origin *origins = &out->one;
    enum jit_err err = JIT_OK;

    eng_op_full(engine, first, &out->op);
    if (first->join == RMG_JOIN_SUM) {
        err = fold(engine, begin, end, out->sum, &out->op);
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
        origins[i - begin].request = op_at(engine, i)->request;
        origins[i - begin].operation = op_at(engine, i)->index;
    }
    out->op.origins = origins;
    out->op.origin_count = (uint32_t)(end - begin);
    return JIT_OK;
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

/* The map that an operation changes first; false: none that can be asked for by id. */
static bool map_of(const struct eng_op *op, enum rmg_map *map)
{
    switch ((enum rmg_op_kind)op->kind) {
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_SET_ATTACHMENT:
        *map = op->plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA;
        return true;
    case RMG_OP_DELETE_NODE:
    case RMG_OP_UPSERT_NODE:
        *map = RMG_NODES;
        return true;
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_UPSERT_EDGE:
        *map = RMG_EDGES;
        return true;
    case RMG_OP_DELETE_INSTANCE:
    case RMG_OP_UPSERT_INSTANCE:
        break;
    }
    return false;
}

/* The operations from `begin` on are performed next: ask for what they change, and for the bytes of
 * those behind them, which lie anywhere. */
static void ask_for_next(const struct rmg_engine *engine, const struct rmg_graph *graph,
                         size_t begin, size_t stop)
{
    const struct jit_id *ids[WARM_BATCH];
    enum rmg_map map = RMG_NODES;
    enum rmg_map other = RMG_NODES;
    size_t count = 0;
    const struct eng_op *first = op_at(engine, begin);
    for (size_t i = begin + WARM_BATCH; i < begin + 2 * WARM_BATCH && i < stop; i++) {
        const char *op = (const char *)op_at(engine, i);
        __builtin_prefetch(op);
        __builtin_prefetch(op + 64);
        __builtin_prefetch(op + 128);
    }
    if (graph == NULL || !map_of(first, &map)) {
        return;
    }
    for (size_t i = begin; i < begin + WARM_BATCH && i < stop; i++) {
        const struct eng_op *op = op_at(engine, i);
        if (op->instance == first->instance && map_of(op, &other) && other == map) {
            ids[count++] = &op->id;
        }
    }
    if (count > 1) {
        rmg_graph_warm(graph, map, ids, count);
    }
}

/* One operation a slot, into the patch and the transaction. */
static enum jit_err perform(struct rmg_engine *engine, struct rmg_tx *tx, size_t begin, size_t stop)
{
    enum jit_err err = JIT_OK;
    struct rmg_graph graph;
    struct merged merged;
    for (size_t asked = begin; begin < stop && err == JIT_OK; engine->slot_count++) {
        if (begin >= asked && stop - begin > 1) {
            const struct jit_id *id = &engine->instances[op_at(engine, begin)->instance].id;
            bool there = rmg_tx_graph(tx, id, &graph) == JIT_OK;
            ask_for_next(engine, there ? &graph : NULL, begin, stop);
            asked = begin + WARM_BATCH;
        }
        size_t end = slot_end(engine, begin);
        err = merge_slot(engine, &engine->arena, begin, end, &merged);
        if (err == JIT_OK) {
            rmg_op_encode(&merged.op, &engine->patch);
            err = engine->patch.err == JIT_OK ? rmg_op_apply(tx, &merged.op, false)
                                              : engine->patch.err;
        }
        bool held = err == JIT_EDANGLING && merged.op.kind == RMG_OP_DELETE_NODE;
        engine->held = engine->held || held;
        err = held ? JIT_OK : err;
        begin = end;
    }
    return err;
}

/* ---- attachments of one plane of one instance, side by side ---- */

struct hand_tasks {
    struct rmg_engine *engine;
    struct rmg_hands *hands;
    struct rmg_graph graph;
    const size_t *starts; /* of each first byte of the owners' ids, and the end */
    uint8_t *patch;       /* where the operations of all hands come together */
};

static enum jit_err hand_byte(const struct hand_tasks *tasks, struct eng_hand *hand, unsigned byte)
{
    const struct rmg_engine *engine = tasks->engine;
    const size_t stop = tasks->starts[byte + 1];
    enum jit_err err = JIT_OK;
    struct merged merged;
    bool writes = true;
    for (size_t begin = tasks->starts[byte], asked = begin; begin < stop && err == JIT_OK;) {
        if (begin >= asked) {
            ask_for_next(engine, &tasks->graph, begin, stop);
            asked = begin + WARM_BATCH;
        }
        size_t end = slot_end(engine, begin);
        err = merge_slot(engine, &hand->arena, begin, end, &merged);
        if (err == JIT_OK) {
            rmg_op_encode(&merged.op, &hand->patch);
            err = hand->patch.err;
        }
        if (err == JIT_OK && writes) {
            err = rmg_hands_set(tasks->hands, &merged.op.id, &merged.op.attachment);
            writes = err == JIT_OK;
            err = err == JIT_ENOSPC ? JIT_OK : err;
        }
        hand->slot_count++;
        begin = end;
        hand->done[byte % RMG_HAND_BYTES] = writes ? end : hand->done[byte % RMG_HAND_BYTES];
    }
    return err;
}

static void hand_task(void *user, size_t index)
{
    const struct hand_tasks *tasks = user;
    struct eng_hand *hand = &tasks->engine->hands[index];
    hand->err = JIT_OK;
    hand->slot_count = 0;
    jit_buf_reset(&hand->patch);
    rmg_scratch_reset(&hand->arena);
    for (unsigned i = 0; i < RMG_HAND_BYTES && hand->err == JIT_OK; i++) {
        unsigned byte = (unsigned)index * RMG_HAND_BYTES + i;
        hand->done[i] = tasks->starts[byte];
        hand->err = hand_byte(tasks, hand, byte);
    }
}

static void join_task(void *user, size_t index)
{
    const struct hand_tasks *tasks = user;
    const struct eng_hand *hand = &tasks->engine->hands[index];
    if (hand->patch.size > 0) {
        memcpy(tasks->patch + hand->patch_at, hand->patch.data, hand->patch.size);
    }
}

/* What all hands encoded, one behind the other. */
static enum jit_err join_patches(struct rmg_engine *engine, struct hand_tasks *tasks)
{
    size_t size = 0;
    for (uint32_t h = 0; h < RMG_HANDS; h++) {
        engine->hands[h].patch_at = size;
        size += engine->hands[h].patch.size;
        engine->slot_count += engine->hands[h].slot_count;
    }
    tasks->patch = jit_buf_extend(&engine->patch, size);
    if (tasks->patch == NULL) {
        return engine->patch.err;
    }
    engine->exec->run(engine->exec, RMG_HANDS, join_task, tasks);
    return JIT_OK;
}

/* What the hands left to the transaction. */
static enum jit_err perform_rest(struct rmg_engine *engine, struct rmg_tx *tx, const size_t *starts)
{
    enum jit_err err = JIT_OK;
    struct merged merged;
    for (unsigned byte = 0; byte < 256; byte++) {
        const struct eng_hand *hand = &engine->hands[byte / RMG_HAND_BYTES];
        for (size_t begin = hand->done[byte % RMG_HAND_BYTES];
             begin < starts[byte + 1] && err == JIT_OK;) {
            size_t end = slot_end(engine, begin);
            err = merge_slot(engine, &engine->arena, begin, end, &merged);
            err = err == JIT_OK ? rmg_op_apply(tx, &merged.op, false) : err;
            begin = end;
        }
    }
    return err;
}

static enum jit_err hands_ready(struct rmg_engine *engine)
{
    if (engine->hands == NULL) {
        engine->hands = jit_heap_zalloc(engine->heap, RMG_HANDS, sizeof *engine->hands);
        for (uint32_t h = 0; engine->hands != NULL && h < RMG_HANDS; h++) {
            rmg_scratch_init(&engine->hands[h].arena, engine->heap);
            jit_buf_init(&engine->hands[h].patch, engine->heap, JIT_PATCH_BYTES_MAX);
        }
    }
    return engine->hands == NULL ? JIT_ENOMEM : JIT_OK;
}

/* Operations from begin to stop set attachments of one plane of one instance. */
static enum jit_err perform_sets(struct rmg_engine *engine, struct rmg_tx *tx, size_t begin,
                                 size_t stop)
{
    const struct eng_op *first = op_at(engine, begin);
    const struct jit_id *instance = &engine->instances[first->instance].id;
    struct hand_tasks tasks = {.engine = engine};
    uint32_t counts[256] = {0};
    size_t starts[257];
    if (engine->exec->threads < 2) {
        return perform(engine, tx, begin, stop);
    }
    for (size_t i = begin; i < stop; i++) {
        counts[op_at(engine, i)->id.bytes[0]]++;
    }
    starts[0] = begin;
    for (unsigned byte = 0; byte < 256; byte++) {
        starts[byte + 1] = starts[byte] + counts[byte];
    }
    enum jit_err err =
        rmg_hands_open(tx, instance, (enum rmg_plane)first->plane, counts, &tasks.hands);
    if (err != JIT_OK || tasks.hands == NULL) {
        return err == JIT_OK ? perform(engine, tx, begin, stop) : err;
    }
    err = hands_ready(engine);
    if (err == JIT_OK) {
        err = rmg_tx_graph(tx, instance, &tasks.graph);
    }
    if (err == JIT_OK) {
        tasks.starts = starts;
        engine->exec->run(engine->exec, RMG_HANDS, hand_task, &tasks);
    }
    rmg_hands_close(tasks.hands);
    for (uint32_t h = 0; h < RMG_HANDS && err == JIT_OK; h++) {
        err = engine->hands[h].err;
    }
    if (err == JIT_OK) {
        err = join_patches(engine, &tasks);
    }
    return err == JIT_OK ? perform_rest(engine, tx, starts) : err;
}

/* Where the attachments of a plane of an instance end that are set from `begin` on. */
static size_t sets_end(const struct rmg_engine *engine, size_t begin)
{
    const struct eng_op *first = op_at(engine, begin);
    size_t low = begin + 1;
    size_t high = engine->op_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct eng_op *op = op_at(engine, middle);
        if (op->instance == first->instance && op->plane == first->plane) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Nodes that still had edges, which a collapse has taken elsewhere since. */
static enum jit_err perform_held(struct rmg_engine *engine, struct rmg_tx *tx)
{
    enum jit_err err = JIT_OK;
    size_t end = kind_begin(engine, RMG_OP_DELETE_NODE + 1);
    for (size_t at = kind_begin(engine, RMG_OP_DELETE_NODE); at < end && err == JIT_OK; at++) {
        const struct eng_op *op = op_at(engine, at);
        err = rmg_tx_delete_node(tx, &engine->instances[op->instance].id, &op->id);
        err = err == JIT_ENOENT ? JIT_OK : err; /* deleted in its turn */
    }
    return err;
}

static enum jit_err perform_all(struct rmg_engine *engine, struct rmg_tx *tx)
{
    size_t count_at = engine->patch.size;
    size_t sets = kind_begin(engine, RMG_OP_SET_ATTACHMENT); /* the last kind */
    engine->slot_count = 0;
    engine->held = false;
    jit_buf_put_u64(&engine->patch, 0);
    enum jit_err err = perform(engine, tx, 0, sets);
    while (sets < engine->op_count && err == JIT_OK) {
        size_t end = sets_end(engine, sets);
        err = perform_sets(engine, tx, sets, end);
        sets = end;
    }
    if (err == JIT_OK && engine->held) {
        err = perform_held(engine, tx);
    }
    if (engine->patch.err != JIT_OK) {
        return engine->patch.err;
    }
    jit_buf_patch_u64(&engine->patch, count_at, engine->slot_count);
    return err;
}

/* ---- totals ---- */

static enum jit_err count_all(struct rmg_engine *engine, const struct rmg_version *version)
{
    struct rmg_instance instance;
    engine->nodes_total = 0;
    engine->edges_total = 0;
    enum jit_err err = rmg_store_next(engine->store, version, NULL, &instance);
    while (err == JIT_OK) {
        struct jit_id last = instance.id;
        engine->nodes_total += instance.roots.node_count;
        engine->edges_total += instance.roots.edge_count;
        err = rmg_store_next(engine->store, version, &last, &instance);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* Before seal: what the touched instances gained and lost, relative to the totals known. */
static enum jit_err count_touched(struct rmg_engine *engine, struct rmg_tx *tx, uint64_t *nodes,
                                  uint64_t *edges)
{
    *nodes = engine->nodes_total;
    *edges = engine->edges_total;
    for (uint32_t i = 0; i < engine->instance_count; i++) {
        const struct eng_instance *instance = &engine->instances[i];
        struct rmg_graph after = {.roots = {.node_count = 0}};
        if (!instance->touched) {
            continue;
        }
        enum jit_err err = rmg_tx_graph(tx, &instance->id, &after);
        if (err != JIT_OK && err != JIT_ENOENT) {
            return err;
        }
        if (err == JIT_OK) {
            *nodes += after.roots.node_count;
            *edges += after.roots.edge_count;
        }
        if (instance->exists) {
            *nodes -= instance->graph.roots.node_count;
            *edges -= instance->graph.roots.edge_count;
        }
    }
    return JIT_OK;
}

/* ---- the transaction ---- */

/* What the tick writes at most. However many join into one slot, it is one change of one path. */
static void measure(const struct rmg_engine *engine, uint64_t *slots, uint64_t *bytes)
{
    *slots = 0;
    *bytes = 0;
    for (size_t i = 0; i < engine->op_count; i++) {
        const struct eng_op *op = op_at(engine, i);
        const struct eng_op *last = i == 0 ? NULL : op_at(engine, i - 1);
        bool joins = op->join != RMG_JOIN_NONE;
        bool again = joins && last != NULL && last->join == op->join && last->kind == op->kind &&
                     compare_places(last, op) == 0;
        if (i + AHEAD < engine->op_count) {
            __builtin_prefetch(op_at(engine, i + AHEAD));
            __builtin_prefetch((const char *)op_at(engine, i + AHEAD) + 64);
        }
        *slots += again ? 0 : 1;
        if (op->kind == RMG_OP_SET_ATTACHMENT) {
            bool sum = op->join == RMG_JOIN_SUM;
            *bytes += !sum ? op->as.attachment.value.size : again ? 0 : 8;
            *bytes += op->join == RMG_JOIN_UNION && !again ? (uint64_t)op->base : 0;
        }
    }
}

static enum jit_err transact(struct rmg_engine *engine, struct rmg_tick_output *output)
{
    struct rmg_tx *tx = NULL;
    uint64_t nodes = 0;
    uint64_t edges = 0;
    uint64_t slots = 0;
    uint64_t bytes = 0;
    measure(engine, &slots, &bytes);
    enum jit_err err = rmg_tx_begin(engine->store, &engine->input->base, &tx);
    if (err == JIT_OK) {
        rmg_tx_exec(tx, engine->exec);
        err = rmg_tx_reserve(tx, slots, bytes);
    }
    if (err == JIT_OK) {
        err = perform_all(engine, tx);
    }
    if (err == JIT_OK) {
        err = count_touched(engine, tx, &nodes, &edges);
    }
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    err = rmg_tx_seal(tx, &output->version);
    if (err == JIT_OK) {
        engine->nodes_total = nodes;
        engine->edges_total = edges;
        engine->totals_root = output->version.state_root;
    }
    return err;
}

/* ---- all sorting, side by side ---- */

struct sort_tasks {
    struct rmg_engine *engine;
    struct jit_buf lists[2]; /* of slots that were read, written: windows into the patch */
};

static void sort_task(void *user, size_t index)
{
    struct sort_tasks *tasks = user;
    if (index == 2) {
        sort_ops(tasks->engine);
    } else {
        encode_slots(tasks->engine, index == 1, &tasks->engine->lists[index], &tasks->lists[index]);
    }
}

/* The head of the patch, and the order of the operations. */
static enum jit_err begin_patch(struct rmg_engine *engine)
{
    struct sort_tasks tasks = {.engine = engine};
    size_t sizes[2] = {8, 8};
    for (size_t i = 0; i < engine->mark_count; i++) {
        const struct eng_mark *mark = &engine->marks[i];
        sizes[0] += is_listed(mark, false) ? mark->slot_size : 0;
        sizes[1] += is_listed(mark, true) ? mark->slot_size : 0;
    }
    jit_buf_reset(&engine->patch);
    jit_buf_put_id(&engine->patch, &engine->input->base.state_root);
    uint8_t *at = jit_buf_extend(&engine->patch, sizes[0] + sizes[1]);
    if (at == NULL) {
        return engine->patch.err;
    }
    for (unsigned list = 0; list < 2; list++) {
        tasks.lists[list] = (struct jit_buf){.heap = engine->heap,
                                             .data = list == 0 ? at : at + sizes[0],
                                             .capacity = sizes[list],
                                             .size_max = sizes[list]};
    }
    engine->exec->run(engine->exec, 3, sort_task, &tasks);
    for (unsigned list = 0; list < 2; list++) {
        assert(tasks.lists[list].err == JIT_OK);
        assert(tasks.lists[list].size == sizes[list]);
    }
    return check_kinds(engine);
}

enum jit_err eng_merge(struct rmg_engine *engine, struct rmg_tick_output *output)
{
    const struct rmg_version *base = &engine->input->base;
    enum jit_err err = JIT_OK;
    if (!engine->totals_known || !jit_id_equal(&engine->totals_root, &base->state_root)) {
        engine->totals_known = false;
        err = count_all(engine, base);
        if (err != JIT_OK) {
            return err;
        }
        engine->totals_root = base->state_root;
        engine->totals_known = true;
    }
    err = collect_ops(engine);
    if (err != JIT_OK) {
        return err;
    }
    err = begin_patch(engine);
    return err == JIT_OK ? transact(engine, output) : err;
}

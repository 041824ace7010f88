#include "rmg/engine/engine_merge_priv.h"

#include "rmg/store/tx_hands.h"

#define WARM_BATCH 32u /* operations whose places are asked for together */

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
    const struct eng_op *first = eng_op_at(engine, begin);
    for (size_t i = begin + WARM_BATCH; i < begin + 2 * WARM_BATCH && i < stop; i++) {
        const char *op = (const char *)eng_op_at(engine, i);
        __builtin_prefetch(op);
        __builtin_prefetch(op + 64);
        __builtin_prefetch(op + 128);
    }
    if (graph == NULL || !map_of(first, &map)) {
        return;
    }
    for (size_t i = begin; i < begin + WARM_BATCH && i < stop; i++) {
        const struct eng_op *op = eng_op_at(engine, i);
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
    struct eng_folded folded;
    for (size_t asked = begin; begin < stop && err == JIT_OK; engine->slot_count++) {
        if (begin >= asked && stop - begin > 1) {
            const struct jit_id *id = &engine->instances[eng_op_at(engine, begin)->instance].id;
            bool there = rmg_tx_graph(tx, id, &graph) == JIT_OK;
            ask_for_next(engine, there ? &graph : NULL, begin, stop);
            asked = begin + WARM_BATCH;
        }
        err = eng_batch_fold(engine, &engine->arena, begin, &folded);
        if (err == JIT_OK) {
            rmg_op_encode(&folded.op, &engine->patch);
            err = engine->patch.err == JIT_OK ? rmg_op_apply(tx, &folded.op, false)
                                              : engine->patch.err;
        }
        bool held = err == JIT_EDANGLING && folded.op.kind == RMG_OP_DELETE_NODE;
        engine->held = engine->held || held;
        err = held ? JIT_OK : err;
        begin = folded.end;
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
    struct eng_folded folded;
    bool writes = true;
    for (size_t begin = tasks->starts[byte], asked = begin; begin < stop && err == JIT_OK;) {
        if (begin >= asked) {
            ask_for_next(engine, &tasks->graph, begin, stop);
            asked = begin + WARM_BATCH;
        }
        err = eng_batch_fold(engine, &hand->arena, begin, &folded);
        if (err == JIT_OK) {
            rmg_op_encode(&folded.op, &hand->patch);
            err = hand->patch.err;
        }
        if (err == JIT_OK && writes) {
            err = rmg_hands_set(tasks->hands, &folded.op.id, &folded.op.attachment);
            writes = err == JIT_OK;
            err = err == JIT_ENOSPC ? JIT_OK : err;
        }
        hand->slot_count++;
        begin = folded.end;
        hand->done[byte % RMG_HAND_BYTES] = writes ? folded.end : hand->done[byte % RMG_HAND_BYTES];
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
    struct eng_folded folded;
    for (unsigned byte = 0; byte < 256; byte++) {
        const struct eng_hand *hand = &engine->hands[byte / RMG_HAND_BYTES];
        for (size_t begin = hand->done[byte % RMG_HAND_BYTES];
             begin < starts[byte + 1] && err == JIT_OK;) {
            err = eng_batch_fold(engine, &engine->arena, begin, &folded);
            err = err == JIT_OK ? rmg_op_apply(tx, &folded.op, false) : err;
            begin = folded.end;
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
    const struct eng_op *first = eng_op_at(engine, begin);
    const struct jit_id *instance = &engine->instances[first->instance].id;
    struct hand_tasks tasks = {.engine = engine};
    uint32_t counts[256] = {0};
    size_t starts[257];
    if (engine->exec->threads < 2) {
        return perform(engine, tx, begin, stop);
    }
    for (size_t i = begin; i < stop; i++) {
        counts[eng_op_at(engine, i)->id.bytes[0]]++;
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
    const struct eng_op *first = eng_op_at(engine, begin);
    size_t low = begin + 1;
    size_t high = engine->op_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct eng_op *op = eng_op_at(engine, middle);
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
    size_t end = eng_batch_kind(engine, RMG_OP_DELETE_NODE + 1);
    for (size_t at = eng_batch_kind(engine, RMG_OP_DELETE_NODE); at < end && err == JIT_OK; at++) {
        const struct eng_op *op = eng_op_at(engine, at);
        err = rmg_tx_delete_node(tx, &engine->instances[op->instance].id, &op->id);
        err = err == JIT_ENOENT ? JIT_OK : err; /* deleted in its turn */
    }
    return err;
}

enum jit_err eng_perform(struct rmg_engine *engine, struct rmg_tx *tx)
{
    size_t count_at = engine->patch.size;
    size_t sets = eng_batch_kind(engine, RMG_OP_SET_ATTACHMENT); /* the last kind */
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

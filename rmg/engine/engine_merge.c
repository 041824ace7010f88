#include "rmg/engine/engine_merge_priv.h"

#include "base/check.h"

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
        if (i + 2 * ENG_AHEAD < count) {
            __builtin_prefetch(&engine->marks[sort->items[i + 2 * ENG_AHEAD].index]);
        }
        if (i + ENG_AHEAD < count) {
            const struct eng_use *ahead = engine->marks[sort->items[i + ENG_AHEAD].index].use;
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + 1);
        }
        eng_use_slot(engine, engine->marks[sort->items[i].index].use, &slot);
        rmg_slot_encode(&slot, out);
    }
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

static enum jit_err transact(struct rmg_engine *engine, struct rmg_tick_output *output)
{
    struct rmg_tx *tx = NULL;
    uint64_t nodes = 0;
    uint64_t edges = 0;
    uint64_t slots = 0;
    uint64_t bytes = 0;
    eng_batch_measure(engine, &slots, &bytes);
    enum jit_err err = rmg_tx_begin(engine->store, &engine->input->base, &tx);
    if (err == JIT_OK) {
        rmg_tx_exec(tx, engine->exec);
        err = rmg_tx_reserve(tx, slots, bytes);
    }
    if (err == JIT_OK) {
        err = eng_perform(engine, tx);
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
        eng_batch_sort(tasks->engine);
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
    for (unsigned list = 0; list < 2; list++) {
        enum jit_err err = eng_sort_room(engine, &engine->lists[list], engine->mark_count);
        if (err != JIT_OK) {
            return err;
        }
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
    return eng_batch_check(engine);
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
    err = eng_batch_collect(engine);
    if (err != JIT_OK) {
        return err;
    }
    err = begin_patch(engine);
    return err == JIT_OK ? transact(engine, output) : err;
}

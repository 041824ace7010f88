#include "rmg/engine/work_batch.h"

#include "base/le.h"
#include "rmg/store/radix.h"

/* ---- ids and their order ---- */

static uint64_t birth_of(const struct rmg_work *work, bool is_edge, uint32_t handle)
{
    return is_edge ? work->edges[handle].birth : work->nodes[handle].birth;
}

/* Ids of what was made, a piece of the batch each. */
#define PIECE 512u
struct hash_tasks {
    const struct rmg_work *work;
    const struct work_batch *batch;
    bool is_edge;
};

static void hash_task(void *user, size_t index)
{
    const struct hash_tasks *tasks = user;
    const struct rmg_work *work = tasks->work;
    const struct work_batch *batch = tasks->batch;
    struct rmg_birthplace places[RMG_KEYS_MAX];
    struct jit_id *out[RMG_KEYS_MAX];
    const struct rmg_draw draw = {.seed = work->base.seed, .tick = work->base.tick};
    const uint32_t begin = (uint32_t)index * PIECE;
    const uint32_t end = batch->count - begin < PIECE ? batch->count : begin + PIECE;
    uint32_t held = 0;
    for (uint32_t i = begin; i < end; i++) {
        uint64_t birth = birth_of(work, tasks->is_edge, batch->handles[i]);
        if ((birth & WORK_MADE) == 0) {
            batch->ids[i] = work->ids[birth];
            continue;
        }
        places[held] = (struct rmg_birthplace){.round = (uint32_t)((birth & ~WORK_MADE) >> 16),
                                               .position = (uint32_t)(birth & 0xffff)};
        out[held++] = &batch->ids[i];
        if (held == RMG_KEYS_MAX) {
            rmg_created_ids(&draw, &work->base.key, places, held, out);
            held = 0;
        }
    }
    if (held > 0) {
        rmg_created_ids(&draw, &work->base.key, places, held, out);
    }
}

/* Ids that lie so many bytes apart. */
struct id_row {
    const uint8_t *first;
    size_t stride;
};

static const struct jit_id *id_in(const struct id_row *row, uint32_t index)
{
    return (const struct jit_id *)(const void *)(row->first + index * row->stride);
}

static int compare_ids(const void *user, uint32_t a, uint32_t b)
{
    return jit_id_compare(id_in(user, a), id_in(user, b));
}

/* Places of ids in ascending order; scratch behind them. */
static void order_ids(const struct jit_id *ids, size_t stride, uint32_t count,
                      struct rmg_radix *order)
{
    const struct id_row row = {.first = ids->bytes, .stride = stride};
    for (uint32_t i = 0; i < count; i++) {
        order[i] = (struct rmg_radix){.key = jit_be64(id_in(&row, i)->bytes), .index = i};
    }
    rmg_radix_sort(order, order + count, count, compare_ids, &row);
}

/* An element on its way from the order of making to that of the ids. */
struct element {
    struct jit_id id;
    uint32_t handle;
    struct rmg_dense_edge ends;
};

/* Elements by the first byte of their ids: each part fits into a cache, where it is sorted. */
#define PARTS 256u
struct parts {
    struct jit_heap *heap;
    struct work_batch *batch; /* by making, then by id */
    struct element *elements;
    uint32_t end[PARTS]; /* of each part, which begins where the one before ends */
    enum jit_err err[PARTS];
};

static void spread(const struct rmg_work *work, const struct work_numbers *numbers,
                   const struct work_batch *made, struct parts *parts)
{
    uint32_t at[PARTS];
    uint32_t begin = 0;
    for (uint32_t i = 0; i < PARTS; i++) {
        at[i] = begin;
        begin = parts->end[i];
    }
    for (uint32_t i = 0; i < made->count; i++) {
        const uint32_t handle = made->handles[i];
        struct element *element = &parts->elements[at[made->ids[i].bytes[0]]++];
        element->id = made->ids[i];
        element->handle = handle;
        if (made->types != NULL) {
            element->ends.type = numbers->of_type[work->nodes[handle].type];
        } else if (made->ends != NULL) {
            const struct work_edge *edge = &work->edges[handle];
            element->ends = (struct rmg_dense_edge){.from = numbers->of_node[edge->end[WORK_OUT]],
                                                    .to = numbers->of_node[edge->end[WORK_IN]],
                                                    .type = numbers->of_type[edge->type]};
        }
    }
}

static enum jit_err take_sorted(struct work_batch *batch, uint32_t begin, uint32_t end,
                                const struct element *elements, const struct rmg_radix *order)
{
    for (uint32_t i = begin; i < end; i++) {
        const struct element *element = &elements[order[i - begin].index];
        batch->ids[i] = element->id;
        batch->handles[i] = element->handle;
        if (batch->types != NULL) {
            batch->types[i] = element->ends.type;
        } else if (batch->ends != NULL) {
            batch->ends[i] = element->ends;
        }
        if (i > begin && jit_id_equal(&batch->ids[i - 1], &batch->ids[i])) {
            return JIT_EEXIST;
        }
    }
    return JIT_OK;
}

/* Sort one part into its place in the batch. */
static void sort_task(void *user, size_t index)
{
    struct parts *parts = user;
    const uint32_t begin = index == 0 ? 0 : parts->end[index - 1];
    const uint32_t end = parts->end[index];
    const struct element *elements = parts->elements + begin;
    struct rmg_radix *order = NULL;
    if (begin == end) {
        return;
    }
    order = parts->heap->alloc(parts->heap, 2ul * (end - begin) * sizeof *order);
    if (order == NULL) {
        parts->err[index] = JIT_ENOMEM;
        return;
    }
    order_ids(&elements->id, sizeof *elements, end - begin, order);
    parts->err[index] = take_sorted(parts->batch, begin, end, elements, order);
    parts->heap->free(parts->heap, order);
}

/* From the order in which they were made to that of their ids. */
static enum jit_err sort_batch(const struct rmg_work *work, const struct work_numbers *numbers,
                               struct jit_exec *exec, struct work_batch *batch)
{
    struct parts parts = {.heap = work->heap, .batch = batch};
    enum jit_err err = JIT_OK;
    uint32_t end = 0;
    parts.elements = work->heap->alloc(work->heap, (batch->count + 1ul) * sizeof *parts.elements);
    if (parts.elements == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        parts.end[batch->ids[i].bytes[0]]++;
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        end += parts.end[i];
        parts.end[i] = end;
    }
    spread(work, numbers, batch, &parts);
    exec->run(exec, PARTS, sort_task, &parts);
    for (uint32_t i = 0; i < PARTS && err == JIT_OK; i++) {
        err = parts.err[i];
    }
    work->heap->free(work->heap, parts.elements);
    return err;
}

enum jit_err work_batch_fill(const struct rmg_work *work, bool is_edge, uint32_t first,
                             const struct work_numbers *numbers, struct jit_exec *exec,
                             struct work_batch *batch)
{
    struct jit_heap *heap = work->heap;
    uint32_t end = is_edge ? work->edge_count : work->node_count;
    size_t room = (is_edge ? work->edges_live : work->nodes_live) + 1;
    batch->handles = heap->alloc(heap, room * sizeof *batch->handles);
    batch->ids = heap->alloc(heap, room * sizeof *batch->ids);
    if (numbers != NULL && is_edge) {
        batch->ends = heap->alloc(heap, room * sizeof *batch->ends);
    } else if (numbers != NULL) {
        batch->types = heap->alloc(heap, room * sizeof *batch->types);
    }
    if (batch->handles == NULL || batch->ids == NULL ||
        (numbers != NULL && batch->ends == NULL && batch->types == NULL)) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = first; i < end; i++) {
        if (is_edge ? work_edge_live(work, i) : work_node_live(work, i)) {
            batch->handles[batch->count++] = i;
        }
    }
    struct hash_tasks tasks = {.work = work, .batch = batch, .is_edge = is_edge};
    exec->run(exec, (batch->count + PIECE - 1ul) / PIECE, hash_task, &tasks);
    return sort_batch(work, numbers, exec, batch);
}

enum jit_err work_batch_fresh(const struct rmg_work *work, bool is_edge,
                              const struct work_batch *batch)
{
    const struct jit_id *ids = is_edge ? work->ids + work->base_nodes : work->ids;
    uint32_t count = is_edge ? work->base_edges : work->base_nodes;
    uint32_t at = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct jit_id *id = &batch->ids[i];
        while (at < count && jit_id_compare(&ids[at], id) < 0) {
            at++;
        }
        if (at < count && jit_id_equal(&ids[at], id) &&
            (is_edge ? work_edge_live(work, at) : work_node_live(work, at))) {
            return JIT_EEXIST;
        }
    }
    return JIT_OK;
}

void work_batch_release(const struct rmg_work *work, struct work_batch *batch)
{
    work->heap->free(work->heap, batch->handles);
    work->heap->free(work->heap, batch->ids);
    work->heap->free(work->heap, batch->types);
    work->heap->free(work->heap, batch->ends);
    *batch = (struct work_batch){.count = 0};
}

/* ---- numbers ---- */

enum jit_err work_numbers_types(const struct rmg_work *work, struct work_numbers *out)
{
    struct jit_heap *heap = work->heap;
    const uint32_t count = work->type_count;
    struct jit_id *ids = heap->alloc(heap, (count + 1ul) * sizeof *ids);
    struct rmg_radix *order = heap->alloc(heap, (2ul * count + 1) * sizeof *order);
    out->types = heap->alloc(heap, (count + 1ul) * sizeof *out->types);
    out->of_type = heap->alloc(heap, (count + 1ul) * sizeof *out->of_type);
    const bool room = ids != NULL && order != NULL && out->types != NULL && out->of_type != NULL;
    for (uint32_t i = 0; room && i < count; i++) {
        ids[i] = work->types[i].id;
    }
    if (room) {
        order_ids(ids, sizeof *ids, count, order);
    }
    for (uint32_t i = 0; room && i < count; i++) {
        out->types[i] = ids[order[i].index];
        out->of_type[order[i].index] = i;
    }
    heap->free(heap, ids);
    heap->free(heap, order);
    return room ? JIT_OK : JIT_ENOMEM;
}

/* The version's and those that were made, both ascend. */
enum jit_err work_numbers_nodes(const struct rmg_work *work, uint32_t first,
                                const struct work_batch *batch, struct work_numbers *out)
{
    uint32_t old = 0;
    uint32_t made = 0;
    uint32_t count = 0;
    out->nodes = work->heap->alloc(work->heap, (work->nodes_live + 1) * sizeof *out->nodes);
    out->of_node = work->heap->alloc(work->heap, (work->node_count + 1ul) * sizeof *out->of_node);
    if (out->nodes == NULL || out->of_node == NULL) {
        return JIT_ENOMEM;
    }
    while (old < first || made < batch->count) {
        if (old < first && !work_node_live(work, old)) {
            old++;
        } else if (made == batch->count ||
                   (old < first && jit_id_compare(&work->ids[old], &batch->ids[made]) < 0)) {
            out->of_node[old] = count;
            out->nodes[count++] = work->ids[old++];
        } else {
            out->of_node[batch->handles[made]] = count;
            out->nodes[count++] = batch->ids[made++];
        }
    }
    assert(count == work->nodes_live);
    return JIT_OK;
}

void work_numbers_release(const struct rmg_work *work, struct work_numbers *numbers)
{
    work->heap->free(work->heap, numbers->nodes);
    work->heap->free(work->heap, numbers->of_node);
    work->heap->free(work->heap, numbers->types);
    work->heap->free(work->heap, numbers->of_type);
    *numbers = (struct work_numbers){.nodes = NULL};
}

#include "rmg/engine/work_batch.h"

#include "base/le.h"
#include "rmg/store/radix.h"

#define AHEAD 16u /* elements that are asked for before they are looked at */

/* ---- ids and their order ---- */

static uint64_t birth_of(const struct rmg_work *work, bool is_edge, uint32_t handle)
{
    return is_edge ? work->edges[handle].birth : work->nodes[handle].birth;
}

static void hash_ids(const struct rmg_work *work, bool is_edge, const struct work_batch *batch)
{
    struct rmg_birthplace places[RMG_KEYS_MAX];
    struct jit_id *out[RMG_KEYS_MAX];
    const struct rmg_draw draw = {.seed = work->base.seed, .tick = work->base.tick};
    uint32_t held = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint64_t birth = birth_of(work, is_edge, batch->handles[i]);
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

static int compare_ids(const void *user, uint32_t a, uint32_t b)
{
    const struct jit_id *ids = user;
    return jit_id_compare(&ids[a], &ids[b]);
}

/* Places of ids in ascending order; scratch behind them. */
static void order_ids(const struct jit_id *ids, uint32_t count, struct rmg_radix *order)
{
    for (uint32_t i = 0; i < count; i++) {
        order[i] = (struct rmg_radix){.key = jit_be64(ids[i].bytes), .index = i};
    }
    rmg_radix_sort(order, order + count, count, compare_ids, ids);
}

/* From the order in which they were made to that of their ids. */
static enum jit_err sort_batch(const struct rmg_work *work, struct work_batch *batch)
{
    struct jit_heap *heap = work->heap;
    const uint32_t count = batch->count;
    struct work_batch sorted = {.count = count};
    struct rmg_radix *order = heap->alloc(heap, (2ul * count + 1) * sizeof *order);
    sorted.handles = heap->alloc(heap, (count + 1ul) * sizeof *sorted.handles);
    sorted.ids = heap->alloc(heap, (count + 1ul) * sizeof *sorted.ids);
    enum jit_err err = JIT_ENOMEM;
    if (order == NULL || sorted.handles == NULL || sorted.ids == NULL) {
        goto out;
    }
    order_ids(batch->ids, count, order);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t ahead = order[i + AHEAD < count ? i + AHEAD : i].index;
        __builtin_prefetch(&batch->ids[ahead]);
        __builtin_prefetch(&batch->handles[ahead]);
        sorted.ids[i] = batch->ids[order[i].index];
        sorted.handles[i] = batch->handles[order[i].index];
        if (i > 0 && jit_id_equal(&sorted.ids[i - 1], &sorted.ids[i])) {
            err = JIT_EEXIST;
            goto out;
        }
    }
    work_batch_release(work, batch);
    *batch = sorted;
    sorted = (struct work_batch){.count = 0}; /* transferred */
    err = JIT_OK;
out:
    work_batch_release(work, &sorted);
    heap->free(heap, order);
    return err;
}

enum jit_err work_batch_fill(const struct rmg_work *work, bool is_edge, uint32_t first,
                             struct work_batch *batch)
{
    struct jit_heap *heap = work->heap;
    uint32_t end = is_edge ? work->edge_count : work->node_count;
    size_t room = (is_edge ? work->edges_live : work->nodes_live) + 1;
    batch->handles = heap->alloc(heap, room * sizeof *batch->handles);
    batch->ids = heap->alloc(heap, room * sizeof *batch->ids);
    if (batch->handles == NULL || batch->ids == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = first; i < end; i++) {
        if (is_edge ? work_edge_live(work, i) : work_node_live(work, i)) {
            batch->handles[batch->count++] = i;
        }
    }
    hash_ids(work, is_edge, batch);
    return sort_batch(work, batch);
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
    *batch = (struct work_batch){.count = 0};
}

/* ---- numbers ---- */

/* The version's and those that were made, both ascend. */
static void number_nodes(const struct rmg_work *work, uint32_t first,
                         const struct work_batch *batch, struct work_numbers *out)
{
    uint32_t old = 0;
    uint32_t made = 0;
    uint32_t count = 0;
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
}

static enum jit_err number_types(const struct rmg_work *work, struct work_numbers *out)
{
    struct jit_heap *heap = work->heap;
    const uint32_t count = work->type_count;
    struct jit_id *ids = heap->alloc(heap, (count + 1ul) * sizeof *ids);
    struct rmg_radix *order = heap->alloc(heap, (2ul * count + 1) * sizeof *order);
    enum jit_err err = ids == NULL || order == NULL ? JIT_ENOMEM : JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < count; i++) {
        ids[i] = work->types[i].id;
    }
    if (err == JIT_OK) {
        order_ids(ids, count, order);
    }
    for (uint32_t i = 0; err == JIT_OK && i < count; i++) {
        out->types[i] = ids[order[i].index];
        out->of_type[order[i].index] = i;
    }
    heap->free(heap, ids);
    heap->free(heap, order);
    return err;
}

enum jit_err work_numbers_make(const struct rmg_work *work, uint32_t first,
                               const struct work_batch *batch, struct work_numbers *out)
{
    struct jit_heap *heap = work->heap;
    out->nodes = heap->alloc(heap, (work->nodes_live + 1) * sizeof *out->nodes);
    out->of_node = heap->alloc(heap, (work->node_count + 1ul) * sizeof *out->of_node);
    out->types = heap->alloc(heap, (work->type_count + 1ul) * sizeof *out->types);
    out->of_type = heap->alloc(heap, (work->type_count + 1ul) * sizeof *out->of_type);
    if (out->nodes == NULL || out->of_node == NULL || out->types == NULL || out->of_type == NULL) {
        return JIT_ENOMEM;
    }
    number_nodes(work, first, batch, out);
    return number_types(work, out);
}

void work_numbers_release(const struct rmg_work *work, struct work_numbers *numbers)
{
    work->heap->free(work->heap, numbers->nodes);
    work->heap->free(work->heap, numbers->of_node);
    work->heap->free(work->heap, numbers->types);
    work->heap->free(work->heap, numbers->of_type);
    *numbers = (struct work_numbers){.nodes = NULL};
}

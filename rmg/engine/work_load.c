/* rmg/engine/work_load.c - the working form of a version: nodes and edges by ascending ids, so that
 * handles are places in that order. Attributes come later, when somebody asks (work_field.c). */
#include "rmg/store/id_table.h"
#include "rmg/engine/work_priv.h"

#define AHEAD 16u /* nodes whose lists are asked for before they are looked at */

/* Counts come from memory that may be damaged: they bound nothing that the walk does not fill. */
static enum jit_err load_nodes(struct rmg_work *work)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_all(&work->graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        uint32_t number = 0;
        uint32_t node = 0;
        if (jit_heap_grow(work->heap, (void **)&work->ids, &work->id_room, work->id_count + 1ul,
                          sizeof *work->ids) != 0) {
            return JIT_ENOMEM;
        }
        work->ids[work->id_count] = id;
        err = work_type_of(work, &type, &number);
        if (err == JIT_OK) {
            err = work_node_make(work, number, work->id_count++, &node);
        }
        if (err != JIT_OK) {
            return err;
        }
        if (jit_id_equal(&id, &work->base.root_node)) {
            work->nodes[node].flags = WORK_ROOT;
        }
    }
    work->base_nodes = work->node_count;
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* Some edges whose ends are looked up together. */
struct batch {
    struct rmg_edge edges[RMG_ID_BATCH];
    const struct jit_id *ends[RMG_ID_BATCH];
    size_t places[RMG_ID_BATCH];
    size_t count;
};
#define BATCH_EDGES (RMG_ID_BATCH / 2u)

/* An element may lie across two lines. */
static inline void fetch(const void *at, size_t size)
{
    __builtin_prefetch(at);
    __builtin_prefetch((const char *)at + size - 1);
}

/* The ends of edges lie anywhere, and so do their lists: all of a batch are asked for before the
 * first is changed. */
static void fetch_ends(const struct rmg_work *work, const size_t *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fetch(&work->nodes[places[i]], sizeof work->nodes[0]);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t first = work->nodes[places[i]].bundles;
        if (first != RMG_WORK_NONE) {
            fetch(&work->bundles[first], sizeof work->bundles[0]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t first = work->nodes[places[i]].bundles;
        uint32_t tail = first == RMG_WORK_NONE ? RMG_WORK_NONE : work->bundles[first].tail;
        if (tail != RMG_WORK_NONE) {
            fetch(&work->edges[tail], sizeof work->edges[0]);
        }
    }
}

static enum jit_err add_batch(struct rmg_work *work, const struct rmg_id_table *table,
                              struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        batch->ends[2 * i] = &batch->edges[i].from;
        batch->ends[2 * i + 1] = &batch->edges[i].to;
    }
    rmg_id_table_find_many(table, batch->ends, 2 * batch->count, false, batch->places);
    for (size_t i = 0; i < 2 * batch->count; i++) {
        if (batch->places[i] == SIZE_MAX) {
            return JIT_ECORRUPT;
        }
    }
    fetch_ends(work, batch->places, 2 * batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        uint32_t number = 0;
        uint32_t edge = 0;
        if (jit_heap_grow(work->heap, (void **)&work->ids, &work->id_room, work->id_count + 1ul,
                          sizeof *work->ids) != 0) {
            return JIT_ENOMEM;
        }
        work->ids[work->id_count] = batch->edges[i].id;
        enum jit_err err = work_type_of(work, &batch->edges[i].type, &number);
        if (err == JIT_OK) {
            err = work_edge_make(work, (uint32_t)batch->places[2 * i], number,
                                 (uint32_t)batch->places[2 * i + 1], work->id_count++, &edge);
        }
        if (err != JIT_OK) {
            return err;
        }
    }
    batch->count = 0;
    return JIT_OK;
}

/* The lists of a node side by side, in the order of the nodes: whoever looks at one mostly looks at
 * the others, too. Errors: JIT_ENOMEM. */
static enum jit_err gather_bundles(struct rmg_work *work)
{
    struct work_bundle *gathered = NULL;
    uint32_t count = 0;
    if (work->bundle_count == 0) {
        return JIT_OK;
    }
    gathered = work->heap->alloc(work->heap, work->bundle_room * sizeof *gathered);
    if (gathered == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < work->node_count; i++) {
        uint32_t ahead = work->nodes[i + AHEAD < work->node_count ? i + AHEAD : i].bundles;
        if (ahead != RMG_WORK_NONE) {
            fetch(&work->bundles[ahead], sizeof work->bundles[0]);
        }
        uint32_t *link = &work->nodes[i].bundles;
        while (*link != RMG_WORK_NONE) {
            gathered[count] = work->bundles[*link];
            *link = count;
            link = &gathered[count++].next;
        }
    }
    assert(count == work->bundle_count);
    work->heap->free(work->heap, work->bundles);
    work->bundles = gathered;
    return JIT_OK;
}

static enum jit_err load_edges(struct rmg_work *work)
{
    struct rmg_iter iter;
    struct batch batch = {.count = 0};
    struct rmg_id_table table = {0};
    /* The ids move while edges are added. */
    struct jit_id *nodes = NULL;
    enum jit_err err = JIT_OK;
    if (work->graph.roots.edge_count == 0) {
        return JIT_OK;
    }
    size_t bytes = (work->base_nodes + 1ul) * sizeof *nodes;
    nodes = work->heap->alloc(work->heap, bytes);
    if (nodes == NULL) {
        return JIT_ENOMEM;
    }
    if (work->base_nodes > 0) {
        memcpy(nodes, work->ids, work->base_nodes * sizeof *nodes);
    }
    err = rmg_id_table_set(&table, work->heap, nodes, sizeof *nodes, work->base_nodes);
    rmg_iter_all(&work->graph, RMG_EDGES, &iter);
    while (err == JIT_OK) {
        err = rmg_iter_edge(&iter, &batch.edges[batch.count]);
        if (err == JIT_OK && ++batch.count == BATCH_EDGES) {
            err = add_batch(work, &table, &batch);
        }
    }
    if (err == JIT_ENOENT) {
        err = add_batch(work, &table, &batch);
    }
    if (err == JIT_OK) {
        err = gather_bundles(work);
    }
    work->base_edges = work->edge_count;
    rmg_id_table_release(&table, work->heap);
    work->heap->free(work->heap, nodes);
    return err;
}

enum jit_err rmg_work_new(struct jit_heap *heap, const struct rmg_work_base *base,
                          struct rmg_work **out)
{
    enum jit_err err = JIT_OK;
    *out = NULL;
    struct rmg_work *work = jit_heap_zalloc(heap, 1, sizeof *work);
    if (work == NULL) {
        return JIT_ENOMEM;
    }
    work->heap = heap;
    work->base = *base;
    rmg_scratch_init(&work->bytes, heap);
    jit_buf_init(&work->value, heap, JIT_ATOM_BYTES_MAX);
    if (base->graph != NULL) {
        work->graph = *base->graph;
        err = load_nodes(work);
        if (err == JIT_OK) {
            err = load_edges(work);
        }
    }
    work->base.graph = NULL;
    if (err != JIT_OK) {
        rmg_work_free(work);
        return err;
    }
    *out = work;
    return JIT_OK;
}

void rmg_work_free(struct rmg_work *work)
{
    if (work == NULL) {
        return;
    }
    struct jit_heap *heap = work->heap;
    for (uint32_t i = 0; i < work->column_count; i++) {
        heap->free(heap, work->columns[i].slots);
    }
    heap->free(heap, work->columns);
    heap->free(heap, work->nodes);
    heap->free(heap, work->edges);
    heap->free(heap, work->bundles);
    heap->free(heap, work->ids);
    heap->free(heap, work->types);
    heap->free(heap, work->type_table);
    rmg_scratch_release(&work->bytes);
    jit_buf_release(&work->value);
    heap->free(heap, work);
}

/* Windows of nodes: the records of a .wsc refer to nodes by number, and a part of them at a time is
 * held. */
#include "rmg/file/wsc_write_priv.h"

#include "rmg/file/out_priv.h"
#include "rmg/file/wsc_priv.h"
#include "rmg/store/id_table.h"

void wsc_window_release(struct wsc_writer *w)
{
    w->heap->free(w->heap, w->window.ids);
    w->heap->free(w->heap, w->window.degrees);
    w->heap->free(w->heap, w->window.next);
    rmg_id_table_release(&w->window.table, w->heap);
    w->window = (struct wsc_window){.count = 0};
}

enum jit_err wsc_window_new(struct wsc_writer *w)
{
    struct wsc_window *window = &w->window;
    uint64_t nodes = w->in.roots.node_count;
    uint64_t room = wsc_at_least_one(w->window_bytes / WINDOW_NODE);
    window->whole = nodes <= room;
    window->room = window->whole ? nodes : room;
    window->ids = w->heap->alloc(w->heap, window->room * sizeof *window->ids + 1);
    window->degrees = jit_heap_zalloc(w->heap, window->room + 1, sizeof *window->degrees);
    window->next = w->heap->alloc(w->heap, window->room * sizeof *window->next + 1);
    return window->ids == NULL || window->degrees == NULL || window->next == NULL ? JIT_ENOMEM
                                                                                  : JIT_OK;
}

enum jit_err wsc_batch_next(struct rmg_iter *iter, struct wsc_batch *batch)
{
    enum jit_err err = JIT_OK;
    batch->count = 0;
    while (batch->count < RMG_ID_BATCH &&
           (err = rmg_iter_edge(iter, &batch->edges[batch->count])) == JIT_OK) {
        batch->count++;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

void wsc_batch_find(const struct wsc_window *window, struct wsc_batch *batch)
{
    const struct jit_id *ids[RMG_ID_BATCH];
    for (size_t i = 0; i < batch->count; i++) {
        ids[i] = &batch->edges[i].from;
    }
    rmg_id_table_find_many(&window->table, ids, batch->count, window->whole, batch->places);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i] != SIZE_MAX) {
            __builtin_prefetch(&window->degrees[batch->places[i]], 1);
            __builtin_prefetch(&window->next[batch->places[i]], 1);
        }
    }
}

void wsc_batch_count(struct wsc_window *window, const struct wsc_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i] != SIZE_MAX) {
            window->degrees[batch->places[i]]++;
        }
    }
}

enum jit_err wsc_window_load(struct wsc_writer *w, struct rmg_iter *nodes)
{
    struct wsc_window *window = &w->window;
    struct rmg_iter iter;
    struct wsc_batch batch;
    struct jit_id type;
    enum jit_err err = JIT_OK;
    for (window->count = 0; window->count < window->room; window->count++) {
        err = rmg_iter_node(nodes, &window->ids[window->count], &type);
        if (err != JIT_OK) {
            break;
        }
    }
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    memset(window->degrees, 0, window->count * sizeof *window->degrees);
    err =
        rmg_id_table_set(&window->table, w->heap, window->ids, sizeof *window->ids, window->count);
    rmg_iter_all(&w->graph, RMG_EDGES, &iter);
    while (err == JIT_OK && (err = wsc_batch_next(&iter, &batch)) == JIT_OK && batch.count > 0) {
        wsc_batch_find(window, &batch);
        wsc_batch_count(window, &batch);
    }
    return err;
}

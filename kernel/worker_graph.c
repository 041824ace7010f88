/* kernel/worker_graph.c - the memory of a process's own graph, filled with what the core holds: the
 * supervisor has come back, or a worker's memory is not to be trusted. */
#include "base/check.h"
#include "kernel/worker.h"
#include "rmg/file/file.h"
#include "sws/home.h"

/* Of what a graph takes, so much more is given at first. */
#define ROOM 2u

static struct sws_home_page *page_of(const struct host_memory *graph)
{
    return (struct sws_home_page *)(void *)(graph->base + SYS_GRAPH_HOME);
}

/* What the memory says it has. It is the process's own: when it lies it only harms itself. used:
 * how far it is taken; a process that is started again does not know what of that is free. */
static bool says(const struct host_memory *graph, uint64_t tick, const struct jit_id *root,
                 uint64_t *used)
{
    struct rmg_version version;
    struct sws_home_page page;
    memcpy(&page, page_of(graph), sizeof page);
    enum jit_err err =
        tick == 0 ? JIT_ESTALE : sws_home_look(&page, graph->size, tick, &version, used);
    if (err == JIT_OK) {
        return jit_id_equal(&version.state_root, root);
    }
    /* Nothing was ever done there: it begins with nothing. */
    return jit_id_is_zero(root) && (page.magic == 0 || (err == JIT_ESTALE && page.tick == 0));
}

/* More than half of all that it may ever have is taken, and most of that is nobody's any more. */
static bool worn(const struct kern_own *own, uint64_t used)
{
    return own != NULL && used > SYS_GRAPH_OWN(SHELL_GRAPH_BYTES_MAX) / 2 &&
           used > ROOM * own->arena.live;
}

static enum jit_err append(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

static enum jit_err fill(const struct host_memory *graph, struct jit_heap *heap,
                         const struct jit_buf *bytes, uint64_t tick)
{
    struct rmg_arena arena;
    struct sws_home home;
    struct rmg_file file;
    struct rmg_version version;
    const uint64_t size = SYS_GRAPH_OWN(graph->size);
    rmg_arena_init(&arena, graph->base, size, size, SYS_PAGE);
    enum jit_err err = sws_home_open(heap, &arena, page_of(graph), 0, &home);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_file_open(bytes->data, bytes->size, &file, NULL);
    if (err == JIT_OK) {
        err = rmg_file_load(heap, &file, home.store, &version, NULL);
    }
    if (err == JIT_OK) {
        err = sws_home_commit(&home, &version);
    }
    if (err == JIT_OK) {
        err = sws_home_done(&home, tick);
    }
    sws_home_close(&home);
    return err;
}

/* As much as it needs, and room to work in; more when that was not enough. */
static enum jit_err make(struct shell_worker *worker, struct jit_heap *heap,
                         const struct jit_buf *bytes, uint64_t tick)
{
    uint64_t size = SHELL_GRAPH_BYTES;
    enum jit_err err = JIT_ENOSPC;
    while (size < ROOM * worker->own->arena.live && size < SHELL_GRAPH_BYTES_MAX) {
        size *= 2;
    }
    for (bool more = true; more && err == JIT_ENOSPC; size *= 2) {
        size = size < SHELL_GRAPH_BYTES_MAX ? size : SHELL_GRAPH_BYTES_MAX;
        more = size < SHELL_GRAPH_BYTES_MAX;
        err = host_memory_create(HOST_GRAPH, size, SHELL_GRAPH_BYTES_MAX, &worker->graph);
        if (err != JIT_OK) {
            return err;
        }
        err = fill(&worker->graph, heap, bytes, tick);
        if (err != JIT_OK) {
            host_memory_close(&worker->graph);
        }
    }
    return err;
}

enum jit_err shell_worker_graph(struct shell_worker *worker, struct jit_heap *heap, uint64_t tick)
{
    static const struct jit_id nothing = {{0}};
    const struct kern_own *own = worker->own;
    const struct jit_id *root = own != NULL ? &own->now.state_root : &nothing;
    struct jit_buf bytes;
    uint64_t used = 0;
    assert(!worker->alive);
    if (worker->graph.base != NULL) {
        if (says(&worker->graph, tick, root, &used) && !worn(own, used)) {
            return JIT_OK;
        }
        host_memory_close(&worker->graph);
    }
    if (jit_id_is_zero(root)) {
        return JIT_OK;
    }
    jit_buf_init(&bytes, heap, SIZE_MAX);
    enum jit_err err = rmg_file_write(heap, own->store, &own->now, append, &bytes, NULL);
    if (err == JIT_OK) {
        err = make(worker, heap, &bytes, tick);
    }
    jit_buf_release(&bytes);
    return err;
}

#include "tests/lib/sim_worker.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/le.h"
#include "proc/guest/loop.h"
#include "tests/lib/coroutine.h"

/* Blocks in a ring, so that all a killed worker held can be given back. */
struct sim_link {
    struct sim_link *next;
    struct sim_link *prev;
};
struct sim_block {
    struct sim_link link; /* first */
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

struct sim_worker {
    struct jit_heap heap; /* first */
    struct sim_link blocks;
    struct sim_worker_options options;
    struct jit_buf record;
    uint8_t *ring;
    uint8_t *graph;
    uint64_t graph_size;
    struct co *co;
    struct co_sleep sleep;
    uint32_t bell_seen;
    uint64_t tick;
    int status;
};

static struct sim_block *block_of(void *bytes)
{
    return (struct sim_block *)(void *)((uint8_t *)bytes - offsetof(struct sim_block, bytes));
}

static void *sim_alloc(struct jit_heap *heap, size_t size)
{
    struct sim_worker *worker = (struct sim_worker *)(void *)heap;
    struct sim_block *block = malloc(sizeof *block + size);
    assert(block != NULL);
    block->size = size;
    block->link = (struct sim_link){.next = worker->blocks.next, .prev = &worker->blocks};
    block->link.next->prev = &block->link;
    block->link.prev->next = &block->link;
    return block->bytes;
}

static void sim_release(struct jit_heap *heap, void *bytes)
{
    (void)heap;
    if (bytes != NULL) {
        struct sim_block *block = block_of(bytes);
        block->link.next->prev = block->link.prev;
        block->link.prev->next = block->link.next;
        free(block);
    }
}

static void *sim_resize(struct jit_heap *heap, void *bytes, size_t size)
{
    void *fresh = sim_alloc(heap, size);
    if (bytes != NULL) {
        size_t old = block_of(bytes)->size;
        memcpy(fresh, bytes, old < size ? old : size);
        sim_release(heap, bytes);
    }
    return fresh;
}

static void sim_load(void *user)
{
    const struct sim_worker *worker = user;
    if (worker->options.yield_one_in != 0 &&
        jit_random_below(worker->options.random, worker->options.yield_one_in) == 0) {
        co_yield ();
    }
}

static void sim_wait(void *user, uint32_t *word, uint32_t value)
{
    struct sim_worker *worker = user;
    co_sleep_wait(&worker->sleep, word, value);
}

/* The kernel is no coroutine here: that the bell has another value is all it has to know. */
static void sim_wake(void *user, uint32_t *word)
{
    (void)user;
    (void)word;
    co_yield ();
}

/* Posted before the tick begins: what is posted after one done belongs to the next tick. */
static void ask_to_exit(struct sim_worker *worker, struct sys_ring_guest *ring)
{
    struct sys_slot *slot = sys_ring_guest_slot(ring);
    slot->kind = SYS_CALL_exit;
    slot->length = 4;
    slot->cookie = 0;
    jit_put_le32(slot->body.bytes, (uint32_t)worker->options.exit_status);
    sys_ring_guest_post(ring);
}

static void sim_main(void *user)
{
    struct sim_worker *worker = user;
    struct sys_boot_view boot;
    enum jit_err err = sys_boot_decode(worker->record.data, worker->record.size, &boot);
    assert(err == JIT_OK);
    struct sys_ring_guest ring = {.memory = {.base = worker->ring,
                                             .size = SYS_RING_BYTES,
                                             .before_load = sim_load,
                                             .user = worker},
                                  .wait = sim_wait,
                                  .wake = sim_wake,
                                  .user = worker};
    const struct guest_loop_options options = {
        .heap = &worker->heap,
        .boot = &boot,
        .ring = &ring,
        .view = {.base = worker->options.view, .size_max = boot.head.view_bytes},
        .graph = worker->graph,
        .graph_size = worker->graph_size,
    };
    struct guest_loop *loop;
    err = guest_loop_new(&options, &loop);
    bool started = err == JIT_OK;
    uint64_t next = boot.head.start_tick;
    for (; err == JIT_OK; next = worker->tick + 1) {
        if (worker->options.exit_from != 0 && next >= worker->options.exit_from) {
            ask_to_exit(worker, &ring);
        }
        err = guest_loop_tick(loop);
        worker->tick = guest_loop_last(loop);
    }
    guest_loop_free(loop);
    worker->status = guest_loop_exit(err, started);
}

struct sim_worker *sim_worker_new(const struct sim_worker_options *options)
{
    struct sim_worker *worker = calloc(1, sizeof *worker);
    assert(worker != NULL);
    worker->heap = (struct jit_heap){sim_alloc, sim_resize, sim_release};
    worker->blocks.next = worker->blocks.prev = &worker->blocks;
    worker->options = *options;
    jit_buf_init(&worker->record, jit_heap_libc(), SYS_BOOT_BYTES_MAX);
    enum jit_err err = sys_boot_encode(&options->boot, &worker->record);
    assert(err == JIT_OK);
    worker->graph_size = options->boot.graph_bytes;
    uint64_t graph_max = options->boot.graph_bytes_max;
    worker->ring = calloc(1, SYS_RING_BYTES);
    worker->graph = calloc(1, graph_max != 0 ? graph_max : worker->graph_size);
    assert(worker->ring != NULL);
    assert(worker->graph != NULL);
    worker->co = co_new(sim_main, worker);
    return worker;
}

void sim_worker_free(struct sim_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    co_free(worker->co);
    while (worker->blocks.next != &worker->blocks) {
        struct sim_block *block = (struct sim_block *)(void *)worker->blocks.next;
        sim_release(&worker->heap, block->bytes);
    }
    jit_buf_release(&worker->record);
    free(worker->ring);
    free(worker->graph);
    free(worker);
}

struct sys_ring_memory sim_worker_ring(const struct sim_worker *worker)
{
    return (struct sys_ring_memory){.base = worker->ring, .size = SYS_RING_BYTES};
}

const uint8_t *sim_worker_graph(const struct sim_worker *worker, uint64_t *size)
{
    *size = worker->graph_size;
    return worker->graph;
}

bool sim_worker_runnable(const struct sim_worker *worker)
{
    return !co_ended(worker->co) && worker->sleep.word == NULL;
}

void sim_worker_run(struct sim_worker *worker)
{
    if (sim_worker_runnable(worker)) {
        co_resume(worker->co);
    }
}

void sim_worker_wake(struct sim_worker *worker)
{
    worker->sleep.word = NULL;
}

bool sim_worker_rang(struct sim_worker *worker)
{
    const uint8_t *bell = worker->ring + SYS_RING_WORKER_OFFSET;
    uint32_t now = __atomic_load_n((const uint32_t *)(const void *)bell, __ATOMIC_ACQUIRE);
    bool rang = now != worker->bell_seen;
    worker->bell_seen = now;
    return rang;
}

bool sim_worker_ended(const struct sim_worker *worker, int *status)
{
    *status = worker->status;
    return co_ended(worker->co);
}

uint64_t sim_worker_tick(const struct sim_worker *worker)
{
    return worker->tick;
}

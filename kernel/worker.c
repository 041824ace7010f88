#include "kernel/worker.h"

#include <signal.h>
#include <stdio.h>

#include "base/check.h"
#include "kernel/core/image.h"

void shell_worker_init(struct shell_worker *worker)
{
    *worker = (struct shell_worker){.child = HOST_CHILD_NONE,
                                    .ring = HOST_MEMORY_NONE,
                                    .graph = HOST_MEMORY_NONE,
                                    .program = HOST_MEMORY_NONE};
}

enum jit_err shell_image_read(struct jit_heap *heap, struct rmg_store *store,
                              const struct rmg_version *version, const struct jit_id *id,
                              struct shell_image *out, const char **why)
{
    struct jit_buf bytes;
    out->id = *id;
    jit_buf_init(&bytes, heap, KERN_IMAGE_BYTES_MAX);
    enum jit_err err = kern_image_read(store, version, id, &bytes);
    if (err == JIT_OK) {
        err = host_loader_make(bytes.data, bytes.size, &out->loader, why);
    }
    jit_buf_release(&bytes);
    return err;
}

static void close_life(struct shell_worker *worker)
{
    host_memory_close(&worker->ring);
    host_memory_close(&worker->program);
}

static enum jit_err make_program(struct shell_worker *worker, struct jit_heap *heap,
                                 const struct shell_nursery *nursery, bool native,
                                 struct sys_boot_spec *spec)
{
    struct jit_buf boot;
    jit_buf_init(&boot, heap, SYS_BOOT_BYTES_MAX);
    spec->view_bytes = nursery->view->size_max;
    spec->graph_bytes = worker->graph.size;
    spec->graph_bytes_max = SHELL_GRAPH_BYTES_MAX;
    spec->heap_bytes = SHELL_HEAP_BYTES;
    if (!native) {
        spec->filter = (struct sys_bytes){.bytes = (const uint8_t *)&nursery->final,
                                          .size = host_filter_size(&nursery->final)};
    }
    enum jit_err err = sys_boot_encode(spec, &boot);
    if (err == JIT_OK) {
        err = host_memory_program(boot.data, boot.size, &worker->program);
    }
    jit_buf_release(&boot);
    return err;
}

static enum jit_err make_memories(struct shell_worker *worker, struct jit_heap *heap,
                                  const struct shell_nursery *nursery, bool native,
                                  struct sys_boot_spec *spec)
{
    enum jit_err err = host_memory_create(HOST_RING, SYS_RING_BYTES, SYS_RING_BYTES, &worker->ring);
    if (err == JIT_OK && worker->graph.base == NULL) {
        err = host_memory_create(HOST_GRAPH, SHELL_GRAPH_BYTES, SHELL_GRAPH_BYTES_MAX,
                                 &worker->graph);
    }
    if (err == JIT_OK) {
        err = make_program(worker, heap, nursery, native, spec);
    }
    return err;
}

enum jit_err shell_worker_spawn(struct shell_worker *worker, struct jit_heap *heap,
                                const struct shell_nursery *nursery,
                                const struct shell_image *image, uint32_t slot,
                                struct sys_boot_spec *spec, struct host_fault *fault)
{
    assert(!worker->alive);
    assert(worker->ring.base == NULL);
    worker->deaths = worker->start_tick == spec->start_tick ? worker->deaths : 0;
    worker->deaths += worker->died ? 1 : 0;
    worker->start_tick = spec->start_tick;
    worker->died = false;
    worker->ours = false;
    if (worker->deaths >= SHELL_DEATHS_MAX) {
        worker->deaths = 0;
        host_memory_close(&worker->graph);
    }
    const bool kept = worker->graph.base != NULL;
    enum jit_err err = JIT_OK;
    if (image != NULL) {
        err = shell_worker_graph(worker, heap, spec->start_tick - 1);
    }
    if (err == JIT_OK) {
        err = make_memories(worker, heap, nursery, image != NULL, spec);
    }
    if (err != JIT_OK) {
        *fault = (struct host_fault){.step = "memory"};
        snprintf(fault->text, sizeof fault->text, "a worker's shared memory could not be made: %s",
                 jit_err_text(err));
    } else {
        struct host_spawn_spec host = {
            .probe = nursery->probe,
            .loader = image != NULL ? &image->loader : nursery->loader,
            .start = image != NULL ? &nursery->native : &nursery->start,
            .ring_fd = worker->ring.fd,
            .graph_fd = worker->graph.fd,
            .view_fd = nursery->view->fd_worker,
            .program_fd = worker->program.fd_worker,
            .slot = slot,
            .sched = HOST_SCHED_BATCH,
            .shared_bytes_max = SYS_RING_BYTES + SHELL_GRAPH_BYTES_MAX + nursery->view->size_max +
                                worker->program.size_max,
            .heap_bytes = SHELL_HEAP_BYTES,
            .stack_bytes = SHELL_STACK_BYTES,
        };
        err = nursery->spawner != NULL ? host_spawner_spawn(nursery->spawner, &nursery->native,
                                                            &host, &worker->child, fault)
                                       : host_spawn(&host, &worker->child, fault);
    }
    if (err != JIT_OK) {
        close_life(worker);
        if (!kept) {
            host_memory_close(&worker->graph);
        }
        return err;
    }
    worker->alive = true;
    worker->needless = 0;
    worker->floods = 0;
    worker->flooding = false;
    worker->held = false;
    worker->waits_ns = 0;
    return JIT_OK;
}

void shell_worker_heed(struct shell_worker *worker, uint32_t rings)
{
    if (!worker->alive) {
        return;
    }
    uint32_t excess = rings > SHELL_RINGS_A_LOOK ? rings - SHELL_RINGS_A_LOOK : 0;
    uint32_t spare = rings < SHELL_RINGS_A_LOOK ? SHELL_RINGS_A_LOOK - rings : 0;
    worker->needless = worker->needless > spare ? worker->needless - spare : 0;
    worker->needless += excess < SHELL_RINGS_MAX ? excess : SHELL_RINGS_MAX;
    uint32_t most = SHELL_RINGS_MAX << worker->floods;
    if (worker->flooding) {
        worker->needless = worker->needless < most ? worker->needless : most;
        worker->flooding = worker->needless > 0;
        if (!worker->flooding) {
            host_child_calm(&worker->child, false);
        }
    } else if (worker->needless >= SHELL_RINGS_MAX) {
        worker->flooding = true;
        worker->needless = most;
        worker->floods += worker->floods < SHELL_FLOODS_MAX ? 1 : 0;
        host_child_calm(&worker->child, true);
    }
}

void shell_worker_turn(struct shell_worker *worker, bool works, bool others_work, uint64_t now_ns)
{
    bool hold = worker->flooding && (!works || others_work);
    if (worker->alive && hold != worker->held) {
        worker->held = hold;
        host_child_hold(&worker->child, hold);
    }
    bool waits = worker->held && works && others_work;
    if (waits && worker->waits_ns == 0) {
        worker->waits_ns = now_ns;
    } else if (!waits && worker->waits_ns != 0) {
        worker->begun_ns += now_ns - worker->waits_ns;
        worker->waits_ns = 0;
    }
}

void shell_worker_begin(struct shell_worker *worker, uint64_t now_ns)
{
    worker->begun_ns = now_ns;
    worker->waits_ns = worker->waits_ns != 0 ? now_ns : 0;
}

uint64_t shell_worker_time(const struct shell_worker *worker, uint64_t now_ns)
{
    return (worker->waits_ns != 0 ? worker->waits_ns : now_ns) - worker->begun_ns;
}

void shell_worker_kill(struct shell_worker *worker)
{
    if (worker->alive) {
        worker->ours = true;
        host_child_kill(&worker->child);
    }
}

enum jit_err shell_worker_reap(struct shell_worker *worker, bool wait, struct host_exit *how)
{
    assert(worker->alive);
    enum jit_err err = host_child_reap(&worker->child, wait, how);
    if (err == JIT_EAGAIN) {
        return err;
    }
    worker->died = err != JIT_OK || worker->ours || !how->killed || how->code != SIGKILL;
    worker->alive = false; /* JIT_ENOENT: it is gone as well, only its status is not ours to know */
    return JIT_OK;
}

void shell_worker_release(struct shell_worker *worker)
{
    assert(!worker->alive);
    close_life(worker);
    host_memory_close(&worker->graph);
}

void shell_worker_leave(struct shell_worker *worker)
{
    assert(!worker->alive);
    close_life(worker);
}

#include "kernel/forward.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "kernel/core/rerun.h"
#include "kernel/startup.h"

/* A bell is slept for so long, then its worker is looked at: it may have ended. */
#define LOOK_NS 2000000u

struct runner {
    struct shell_worker worker;
    const struct shell_image *image;
    uint32_t bell_seen;
    char how[128];
};

struct forward {
    struct jit_heap *heap;
    const struct shell_forward_options *options;
    struct shell_system system; /* as it was at the checkpoint, in memory of its own */
    struct shell_nursery nursery;
    struct kern_rerun *rerun;
    struct runner *runners; /* one a process */
    uint32_t count;
    struct shell_images images;
    struct host_fault fault;
    uint64_t tick; /* being made */
    uint64_t start;
};

/* ---- hands ---- */

static bool runs(void *user, uint32_t process, const struct kern_process_config *config)
{
    (void)user;
    (void)process;
    return config->native && config->policy.rerun;
}

static const uint32_t *bell_of(const struct runner *runner)
{
    return (const uint32_t *)(const void *)(runner->worker.ring.base + SYS_RING_WORKER_OFFSET +
                                            offsetof(struct sys_ring_worker, bell));
}

static uint32_t *kernel_word(const struct runner *runner, size_t offset)
{
    return (uint32_t *)(void *)(runner->worker.ring.base + SYS_RING_KERNEL_OFFSET + offset);
}

static void end(void *user, uint32_t process)
{
    struct forward *f = user;
    struct shell_worker *worker = &f->runners[process].worker;
    struct host_exit how;
    if (worker->alive) {
        shell_worker_kill(worker);
        enum jit_err err = shell_worker_reap(worker, true, &how);
        assert(err == JIT_OK || !worker->alive);
    }
}

static enum jit_err spawn(void *user, struct kern_core *core, uint32_t process,
                          struct kern_event *event, const char **why)
{
    struct forward *f = user;
    struct runner *runner = &f->runners[process];
    struct shell_worker *worker = &runner->worker;
    struct sys_boot_spec spec;
    end(f, process);
    shell_worker_leave(worker);
    f->fault.text[0] = '\0';
    worker->own = kern_core_own(core, process);
    enum jit_err err = kern_core_boot(core, process, &spec);
    if (err == JIT_OK) {
        err = shell_worker_spawn(worker, f->heap, &f->nursery, runner->image, process, &spec,
                                 &f->fault);
    }
    *why = f->fault.text[0] != '\0' ? f->fault.text : NULL;
    runner->bell_seen = 0;
    event->ring = (struct sys_ring_memory){.base = worker->ring.base, .size = SYS_RING_BYTES};
    event->graph = worker->graph.base;
    event->graph_size = worker->graph.size;
    event->graph_size_max = worker->graph.size_max;
    return err;
}

static void wake(void *user, uint32_t process)
{
    struct forward *f = user;
    const struct runner *runner = &f->runners[process];
    if (runner->worker.alive) {
        syscall(SYS_futex, kernel_word(runner, offsetof(struct sys_ring_kernel, call)), FUTEX_WAKE,
                1, NULL, NULL, 0);
    }
}

static enum jit_err grow(void *user, uint32_t process, uint64_t bytes)
{
    struct forward *f = user;
    struct shell_worker *worker = &f->runners[process].worker;
    return worker->alive ? host_memory_extend(&worker->graph, bytes) : JIT_OK;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* In the sleep, once a while: is there still something to wait for? */
static enum jit_err look(struct forward *f, struct runner *runner, uint64_t begun_ns,
                         uint64_t begun_cpu_ns, const char **how)
{
    struct pollfd stop = {.fd = f->options->stop_fd != NULL ? *f->options->stop_fd : -1,
                          .events = POLLIN};
    struct host_exit ended;
    uint64_t cpu = 0;
    if (poll(&stop, 1, 0) > 0) {
        return JIT_EAGAIN;
    }
    if (shell_worker_reap(&runner->worker, false, &ended) == JIT_OK) {
        snprintf(runner->how, sizeof runner->how, "%s", ended.text);
        *how = runner->how;
        return JIT_OK;
    }
    bool late = now_ns() - begun_ns > f->options->hang_wall_ns;
    if (host_child_cpu_ns(&runner->worker.child, &cpu) == JIT_OK) {
        late = late || cpu - begun_cpu_ns > f->options->hang_cpu_ns;
    }
    return late ? JIT_EBUDGET : JIT_OK;
}

static enum jit_err wait_bell(void *user, uint32_t process, const char **how)
{
    static const struct timespec nap = {.tv_nsec = LOOK_NS};
    struct forward *f = user;
    struct runner *runner = &f->runners[process];
    const uint64_t begun_ns = now_ns();
    uint64_t cpu = 0;
    enum jit_err err = JIT_OK;
    *how = NULL;
    if (host_child_cpu_ns(&runner->worker.child, &cpu) != JIT_OK) {
        cpu = 0; /* it has ended: that is found out below */
    }
    uint32_t *sleeping = kernel_word(runner, offsetof(struct sys_ring_kernel, sleeping));
    __atomic_store_n(sleeping, 1u, __ATOMIC_SEQ_CST); /* then whoever rings wakes us */
    while (err == JIT_OK && *how == NULL) {
        const uint32_t bell = __atomic_load_n(bell_of(runner), __ATOMIC_SEQ_CST);
        if (bell != runner->bell_seen) {
            runner->bell_seen = bell;
            break;
        }
        if (syscall(SYS_futex, bell_of(runner), FUTEX_WAIT, bell, &nap, NULL, 0) != 0 &&
            errno == ETIMEDOUT) {
            err = look(f, runner, begun_ns, cpu, how);
        }
    }
    __atomic_store_n(sleeping, 0u, __ATOMIC_SEQ_CST);
    return err;
}

/* ---- making ticks again ---- */

static enum jit_err read_images(struct forward *f, const struct kern_config *config,
                                const char **why)
{
    enum jit_err err = shell_images_new(f->heap, config->process_count, &f->images);
    for (uint32_t p = 0; err == JIT_OK && p < f->count; p++) {
        const struct kern_process_config *process = &config->processes[p];
        if (!runs(NULL, p, process)) {
            continue;
        }
        err =
            shell_images_add(&f->images, f->system.store, &f->system.replay.version, process, why);
        f->runners[p].image = shell_images_of(&f->images, process);
    }
    return err;
}

static enum jit_err begin(struct forward *f, const char **why)
{
    const struct kern_core_options options = shell_startup_options(&f->system, jit_exec_inline());
    const struct kern_rerun_hands hands = {.user = f,
                                           .runs = runs,
                                           .spawn = spawn,
                                           .wake = wake,
                                           .grow = grow,
                                           .wait = wait_bell,
                                           .end = end};
    struct kern_config *config = NULL;
    enum jit_err err =
        kern_config_read(f->heap, f->system.store, &f->system.replay.version, &config, why);
    if (err != JIT_OK) {
        return err;
    }
    f->runners = jit_heap_zalloc(f->heap, config->process_count + 1u, sizeof *f->runners);
    if (f->runners == NULL) {
        err = JIT_ENOMEM;
    } else {
        f->count = config->process_count;
        for (uint32_t p = 0; p < f->count; p++) {
            shell_worker_init(&f->runners[p].worker);
        }
        err = read_images(f, config, why);
    }
    kern_config_free(f->heap, config);
    if (err == JIT_OK) {
        err = kern_rerun_new(&options, &f->rerun, why);
    }
    if (err == JIT_OK) {
        kern_rerun_give_hands(f->rerun, &hands);
    }
    return err;
}

static enum jit_err make_again(void *user, const struct log_record *record)
{
    struct forward *f = user;
    if (record->tick <= f->start) {
        return JIT_OK;
    }
    f->tick = record->tick;
    return kern_rerun_tick(f->rerun, record->tick, &record->commit, &record->state_root,
                           record->payload, record->payload_size);
}

static void finish(struct forward *f)
{
    kern_rerun_free(f->rerun);
    for (uint32_t p = 0; p < f->count; p++) {
        end(f, p);
        shell_worker_release(&f->runners[p].worker);
    }
    shell_images_release(&f->images);
    f->heap->free(f->heap, f->runners);
    shell_system_close(&f->system);
}

static enum jit_err go(struct forward *f, uint64_t *ticks, char *message, size_t size)
{
    struct log_report report;
    const char *why = NULL;
    const struct ckpt_manifest *from = f->system.from;
    enum jit_err err = begin(f, &why);
    if (err == JIT_OK) {
        err = log_verify_from(f->heap, f->system.io, from != NULL ? &from->mark : NULL, make_again,
                              f, &report);
    }
    if (err != JIT_OK && f->tick > 0) {
        snprintf(message, size,
                 "%s: tick %llu, made again: %s; nothing was changed, and jitos fork makes a "
                 "folder that goes on from what the log has",
                 f->options->path, (unsigned long long)f->tick, kern_rerun_what(f->rerun));
    } else if (err != JIT_OK) {
        snprintf(message, size, "%s: its processes cannot be run again: %s", f->options->path,
                 why != NULL ? why : jit_err_text(err));
    } else {
        *ticks = f->tick > f->start ? f->tick - f->start : 0;
    }
    return err;
}

/* Does anybody say so? */
static enum jit_err asked_for(struct jit_heap *heap, const struct shell_system *system, bool *any)
{
    struct kern_config *config = NULL;
    const char *where = NULL;
    *any = false;
    enum jit_err err =
        kern_config_read(heap, system->store, &system->replay.version, &config, &where);
    for (uint32_t p = 0; err == JIT_OK && p < config->process_count; p++) {
        *any = *any || runs(NULL, p, &config->processes[p]);
    }
    if (err == JIT_OK) {
        kern_config_free(heap, config);
    }
    return err == JIT_EINVALID ? JIT_OK : err; /* it is not one to run; whoever runs it says so */
}

enum jit_err shell_forward(struct jit_heap *heap, const struct shell_forward_options *options,
                           uint64_t *ticks, char *message, size_t message_size)
{
    const struct shell_system *system = options->system;
    const uint64_t start = system->from != NULL ? system->from->tick : 0;
    bool any = false;
    *ticks = 0;
    if (!shell_system_ready(system) && system->from == NULL) {
        return JIT_OK;
    }
    enum jit_err err = system->replay.tick > start ? asked_for(heap, system, &any) : JIT_OK;
    if (err != JIT_OK || !any) {
        return err;
    }
    struct forward *f = jit_heap_zalloc(heap, 1, sizeof *f);
    if (f == NULL) {
        return JIT_ENOMEM;
    }
    const struct shell_system_options then = {.path = options->path,
                                              .mode = SHELL_FOLDER_PEEK,
                                              .die_at_log_offset = UINT64_MAX,
                                              .shared_view = true,
                                              .bounded = true,
                                              .tick = start,
                                              .stop_fd = options->stop_fd};
    f->heap = heap;
    f->options = options;
    f->start = start;
    err = shell_system_open(&f->system, heap, &then);
    if (err != JIT_OK) {
        snprintf(message, message_size, "%s", f->system.message);
    } else {
        f->nursery = *options->nursery;
        f->nursery.view = &f->system.view_memory;
        err = go(f, ticks, message, message_size);
        finish(f);
    }
    heap->free(heap, f);
    return err;
}

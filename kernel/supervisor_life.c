/* kernel/supervisor_life.c - how a supervisor comes about, and how it ends: the folder, who starts
 * workers, the fence, threads, doors, the core. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel/forward.h"
#include "kernel/log/io_ring.h"
#include "kernel/supervisor_priv.h"
#include "proc/host/fence.h"

/* ---- the core ---- */

enum jit_err supervisor_start_core(struct shell_supervisor *s, char *message, size_t size)
{
    enum jit_err err =
        shell_startup_core(&s->system, shell_pool_exec(s->pool), &s->core, message, size);
    if (err != JIT_OK) {
        return err;
    }
    uint32_t count = kern_core_config(s->core)->process_count;
    s->workers = jit_heap_zalloc(s->heap, count + 1u, sizeof *s->workers);
    s->bells = jit_heap_zalloc(s->heap, count + 1u, sizeof *s->bells);
    s->event_capacity = 5u * count + 16u + SUPERVISOR_COMMANDS_MAX;
    s->events = jit_heap_zalloc(s->heap, s->event_capacity, sizeof *s->events);
    if (s->workers == NULL || s->bells == NULL || s->events == NULL) {
        snprintf(message, size, "out of memory");
        kern_core_free(s->core);
        s->core = NULL; /* nobody is to post events to it */
        return JIT_ENOMEM;
    }
    err = shell_startup_images(&s->system, s->core, &s->images, message, size);
    if (err != JIT_OK) {
        kern_core_free(s->core);
        s->core = NULL;
        return err;
    }
    s->worker_count = count;
    for (uint32_t i = 0; i < s->worker_count; i++) {
        s->workers[i].supervisor = s;
        s->workers[i].index = i;
        s->workers[i].image = shell_images_of(&s->images, &kern_core_config(s->core)->processes[i]);
        shell_worker_init(&s->workers[i].worker);
    }
    s->applied = s->system.replay.applied;
    s->denied = s->system.replay.denied;
    return supervisor_audit_begin(s, message, size);
}

/* ---- what the supervisor stands on ---- */

static enum jit_err make_nursery(struct shell_supervisor *s, char *message, size_t size)
{
    enum jit_err err = host_probe_check(s->options.probe, message, size);
    if (err != JIT_OK) {
        return err;
    }
    const char *why = NULL;
    err = host_loader_open(s->options.loader, &s->loader, &why);
    if (err != JIT_OK) {
        snprintf(message, size, "the workers' program %s: %s", s->options.loader,
                 why != NULL ? why : jit_err_text(err));
        return err;
    }
    s->nursery.probe = s->options.probe;
    s->nursery.loader = &s->loader;
    s->nursery.view = &s->system.view_memory;
    err = host_filter_build(HOST_FILTER_START, &s->nursery.start);
    if (err == JIT_OK) {
        err = host_filter_build(HOST_FILTER_FINAL, &s->nursery.final);
    }
    if (err == JIT_OK) {
        err = host_filter_build(HOST_FILTER_NATIVE, &s->nursery.native);
    }
    if (err != JIT_OK) {
        snprintf(message, size, "the workers' seccomp filter could not be made: %s",
                 jit_err_text(err));
        return err;
    }
    err = host_spawner_new(s->options.probe, &s->nursery.start, &s->nursery.native, &s->spawner);
    if (err != JIT_OK) {
        snprintf(message, size, "the process that starts workers could not be made: %s",
                 jit_err_text(err));
        return err;
    }
    s->nursery.spawner = &s->spawner;
    return JIT_OK;
}

static enum jit_err make_pool(struct shell_supervisor *s, char *message, size_t size)
{
    enum jit_err err = shell_pool_new(s->heap, s->options.jobs, &s->pool);
    if (err == JIT_EIO) {
        snprintf(message, size, "the system has no room for %u engine threads: fewer --jobs",
                 s->options.jobs);
    }
    return err;
}

static void bell_ready(void *user, uint32_t revents)
{
    struct shell_supervisor *s = user;
    uint64_t count;
    (void)revents;
    ssize_t n = read(s->bell_fd, &count, sizeof count);
    (void)n; /* EAGAIN: somebody read it before; the bells are looked at anyway */
    shell_loop_arm(s->loop, s->bell_watch, POLLIN);
}

/* A write of the log has finished: it is reaped in the next round. */
static void log_ready(void *user, uint32_t revents)
{
    (void)user;
    (void)revents;
}

static enum jit_err make_loop(struct shell_supervisor *s, char *message, size_t size)
{
    struct hub_handler handler = supervisor_handler;
    handler.user = s;
    s->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum jit_err err = s->bell_fd < 0 ? JIT_EIO : shell_waiter_new(s->heap, s->bell_fd, &s->waiter);
    if (err == JIT_OK) {
        err = shell_loop_add(s->loop, s->bell_fd, bell_ready, s, &s->bell_watch);
    }
    if (err == JIT_OK) {
        shell_loop_arm(s->loop, s->bell_watch, POLLIN);
        errno = 0;
        err = hub_open(s->heap, s->loop, s->system.folder.fd, &handler, &s->hub);
        if (err != JIT_OK) {
            snprintf(message, size, "%s/hub.sock: nobody could connect to it: %s", s->options.data,
                     errno != 0 ? strerror(errno) : jit_err_text(err));
        }
    }
    if (err == JIT_OK && s->guests_fd >= 0) {
        err = hub_guests_open(s->hub, s->guests_fd);
        s->guests_fd = err == JIT_OK ? -1 : s->guests_fd; /* transferred */
    }
    if (err == JIT_OK && s->system.io_is_ring) {
        err = shell_loop_add(s->loop, io_ring_fd(s->system.io), log_ready, s, &s->log_watch);
    }
    return err;
}

/* Before the fence: another system is opened beside this one. On error nothing is left open. */
static enum jit_err bring_forward(struct shell_supervisor *s, char *message, size_t size)
{
    const struct shell_forward_options options = {.path = s->options.data,
                                                  .system = &s->system,
                                                  .nursery = &s->nursery,
                                                  .hang_cpu_ns = s->options.hang_cpu_ns,
                                                  .hang_wall_ns = s->options.hang_wall_ns,
                                                  .stop_fd = &s->options.stop_fd};
    enum jit_err err = shell_forward(s->heap, &options, &s->run_again, message, size);
    if (err != JIT_OK) {
        shell_system_close(&s->system);
    }
    if (err != JIT_OK && message[0] == '\0') {
        snprintf(message, size, "processes could not be run again: %s", jit_err_text(err));
    }
    return err;
}

/* Before the fence: the socket may lie anywhere. */
static enum jit_err open_guests(struct shell_supervisor *s, char *message, size_t size)
{
    if (s->options.guests != NULL) {
        s->guests_fd = hub_guests_listen(s->options.guests);
        if (s->guests_fd < 0) {
            snprintf(message, size, "%s: no guest could connect to it: %s", s->options.guests,
                     strerror(errno));
            return JIT_EIO;
        }
    }
    return supervisor_guests_new(s);
}

/* ---- life ---- */

/* Its fields as they are before anything is open. */
static struct shell_supervisor *blank(struct jit_heap *heap,
                                      const struct shell_supervisor_options *options)
{
    struct shell_supervisor *s = jit_heap_zalloc(heap, 1, sizeof *s);
    if (s != NULL) {
        s->heap = heap;
        s->options = *options;
        s->bell_fd = -1;
        s->guests_fd = -1;
        s->loader = (struct host_loader)HOST_LOADER_NONE;
        s->spawner = (struct host_spawner)HOST_SPAWNER_NONE;
        jit_buf_init(&s->frame, heap, HUB_ANSWER_BYTES_MAX);
    }
    return s;
}

/* Who starts workers, then the folder's state as it is to go on. On error none of it is left open.
 */
static enum jit_err take_folder(struct shell_supervisor *s, char *message, size_t size)
{
    const struct shell_system_options system = {
        .path = s->options.data,
        .mode = SHELL_FOLDER_OWN,
        .durability = s->options.durability,
        .segment_bytes = s->options.segment_bytes,
        .die_at_log_offset = s->options.die_at_log_offset,
        .shared_view = true,
        .stop_fd = &s->options.stop_fd,
    };
    /* First, while this process is small and holds no lock: what is forked from it stays so. */
    enum jit_err err = make_nursery(s, message, size);
    if (err == JIT_OK) {
        err = shell_system_open(&s->system, s->heap, &system);
        if (err != JIT_OK) {
            snprintf(message, size, "%s", s->system.message);
        } else {
            err = bring_forward(s, message, size);
        }
    }
    if (err != JIT_OK) {
        host_loader_close(&s->loader);
        host_spawner_close(&s->spawner);
    }
    return err;
}

/* The supervisor gives up what it needs no more of this machine. */
static enum jit_err fence_in(struct shell_supervisor *s, char *message, size_t size)
{
    /* Once fenced in it makes no more rings: the folder's is there, and this is the other one. */
    enum jit_err err = shell_loop_new(s->heap, s->options.uring, &s->loop);
    if (err == JIT_OK) {
        err = host_fence(s->options.probe, s->system.folder.fd);
    }
    if (err != JIT_OK) {
        snprintf(message, size, "the supervisor could not fence itself in: %s", jit_err_text(err));
    }
    return err;
}

/* All that stands on the folder: doors, threads, the loop, the core. */
static enum jit_err start(struct shell_supervisor *s, char *message, size_t size)
{
    enum jit_err err = open_guests(s, message, size);
    if (err == JIT_OK) {
        err = fence_in(s, message, size);
    }
    if (err == JIT_OK) {
        err = make_pool(s, message, size);
    }
    if (err == JIT_OK) {
        err = make_loop(s, message, size);
    }
    if (err == JIT_OK) {
        s->tick_mark = s->system.mark;
        err = supervisor_checkpoint_new(s);
    }
    if (err == JIT_OK && shell_system_ready(&s->system)) {
        err = supervisor_start_core(s, message, size);
    }
    if (err != JIT_OK && message[0] == '\0') {
        snprintf(message, size, "the supervisor could not start: %s", jit_err_text(err));
    }
    return err;
}

enum jit_err shell_supervisor_new(struct jit_heap *heap,
                                  const struct shell_supervisor_options *options,
                                  struct shell_supervisor **out, char *message, size_t message_size)
{
    *out = NULL;
    message[0] = '\0';
    struct shell_supervisor *s = blank(heap, options);
    if (s == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = take_folder(s, message, message_size);
    if (err != JIT_OK) {
        heap->free(heap, s);
        return err;
    }
    err = start(s, message, message_size);
    if (err != JIT_OK) {
        shell_supervisor_free(s);
        return err;
    }
    *out = s;
    return JIT_OK;
}

static void end_workers(struct shell_supervisor *s)
{
    for (uint32_t i = 0; i < s->worker_count; i++) {
        shell_worker_kill(&s->workers[i].worker);
    }
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct host_exit how;
        if (s->workers[i].worker.alive &&
            shell_worker_reap(&s->workers[i].worker, true, &how) != JIT_OK) {
            fprintf(stderr, "jitosd: process %u could not be reaped\n", i);
        }
        if (!s->workers[i].worker.alive) {
            shell_worker_release(&s->workers[i].worker);
        }
    }
}

void shell_supervisor_free(struct shell_supervisor *s)
{
    struct jit_heap *heap = s->heap;
    shell_waiter_free(s->waiter);
    end_workers(s);
    hub_close(s->hub);
    supervisor_guests_free(s);
    if (s->guests_fd >= 0) {
        close(s->guests_fd);
    }
    supervisor_checkpoint_free(s);
    blob_abort(s->upload);
    if (s->system.log != NULL && log_dead(s->system.log) == JIT_OK &&
        log_seal(s->system.log) != JIT_OK) {
        fprintf(stderr,
                "jitosd: the log could not be sealed; the next start will look at its end\n");
    }
    supervisor_audit_end(s);
    kern_core_free(s->core);
    shell_pool_free(s->pool);
    shell_loop_free(s->loop);
    if (s->bell_fd >= 0) {
        close(s->bell_fd);
    }
    host_loader_close(&s->loader);
    host_spawner_close(&s->spawner);
    shell_images_release(&s->images);
    shell_system_close(&s->system);
    jit_buf_release(&s->frame);
    for (size_t i = 0; i < s->told_count; i++) {
        hub_message_unref(s->told[i].message);
    }
    for (size_t i = 0; i < s->answer_count; i++) {
        heap->free(heap, s->answers[i].frame);
    }
    heap->free(heap, s->told);
    heap->free(heap, s->events);
    heap->free(heap, s->workers);
    heap->free(heap, s->bells);
    heap->free(heap, s);
}

const struct shell_system *shell_supervisor_system(const struct shell_supervisor *s)
{
    return &s->system;
}

uint64_t shell_supervisor_run_again(const struct shell_supervisor *s)
{
    return s->run_again;
}

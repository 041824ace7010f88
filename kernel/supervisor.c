#include "kernel/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "kernel/forward.h"
#include "kernel/log/io_ring.h"
#include "kernel/supervisor_priv.h"
#include "proc/host/fence.h"

uint64_t supervisor_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- stepping the core ---- */

void supervisor_step(struct shell_supervisor *s, const struct kern_event *event)
{
    struct kern_update update;
    if (s->core == NULL) {
        return;
    }
    kern_core_step(s->core, event, &update);
    supervisor_obey(s, &update);
}

/* Whatever made it so, an append that had to wait or a write that was reaped: the core hears once
 * how far the log is on the medium. */
static bool step_durable(struct shell_supervisor *s)
{
    uint64_t end = s->core != NULL ? log_durable_end(s->system.log) : 0;
    if (end <= s->durable_end) {
        return false;
    }
    s->durable_end = end;
    struct kern_event event = {.kind = KERN_EVENT_LOGGED, .tick = end - 1};
    supervisor_step(s, &event);
    supervisor_answer(s);
    return true;
}

/* The core has heard of an end: nobody looks at that worker's memories any more. */
static void release_ended(struct shell_supervisor *s, const struct kern_event *event)
{
    if (event->kind == KERN_EVENT_EXITED && !s->workers[event->process].worker.alive) {
        if (s->workers[event->process].image != NULL) {
            shell_worker_leave(&s->workers[event->process].worker);
        } else {
            shell_worker_release(&s->workers[event->process].worker);
        }
    }
}

static bool step_posted(struct shell_supervisor *s)
{
    bool any = step_durable(s);
    while (s->event_count > 0) {
        struct supervisor_event posted = s->events[s->event_at];
        s->event_at = (s->event_at + 1) % s->event_capacity;
        s->event_count--;
        posted.event.text = posted.text;
        s->asking =
            posted.asker; /* in a step subscribers are told, and whoever has gone is freed */
        supervisor_step(s, &posted.event);
        release_ended(s, &posted.event);
        if (s->asking != NULL) {
            supervisor_answer_later(s, s->asking, &posted.answer);
        }
        s->asking = NULL;
        any = true;
    }
    if (s->again) {
        struct kern_event event = {.kind = KERN_EVENT_CONTINUE};
        s->again = false;
        supervisor_step(s, &event);
        any = true;
    }
    return any;
}

/* ---- sleeping ---- */

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

static void stop_ready(void *user, uint32_t revents)
{
    struct shell_supervisor *s = user;
    (void)revents;
    s->quit = true;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool log_lives(const struct shell_supervisor *s)
{
    return !s->log_failed && log_dead(s->system.log) == JIT_OK;
}

/* How long there is nothing to do without being woken. */
static uint64_t sleep_ns(struct shell_supervisor *s, bool working)
{
    uint64_t now = supervisor_now_ns();
    uint64_t due = hub_work(s->hub, now);
    due = due == UINT64_MAX ? due : due - sooner(due, now);
    /* At rest the bells of programs that nobody vouches for are looked at now and then. */
    due = sooner(due, working || supervisor_anyone_may_ring(s) ? SUPERVISOR_WATCH_NS : UINT64_MAX);
    if (log_lives(s) && !log_idle(s->system.log)) {
        /* What waits for company, or a write that ended inside submit() and wakes nobody. */
        bool waits = s->options.durability != LOG_DURABILITY_TICK;
        due = sooner(due, waits ? SUPERVISOR_IDLE_NS : SUPERVISOR_REAP_NS);
    }
    if (s->resting && s->seal_wait_ns != 0 && log_lives(s)) {
        due = sooner(due, s->seal_due_ns - sooner(s->seal_due_ns, now));
    }
    return due > 0 ? due : 1;
}

static void wait_bells(struct shell_supervisor *s, uint32_t count, uint64_t wait_ns)
{
    if (shell_waiter_arm(s->waiter, s->bells, count) != JIT_OK) {
        if (!s->waiter_failed) {
            fprintf(stderr, "jitosd: no thread to wait for workers could be made; looking at them "
                            "every millisecond\n");
        }
        s->waiter_failed = true;
        wait_ns = sooner(wait_ns, 1000000u);
    }
    shell_loop_run(s->loop, wait_ns);
}

/* Sleep until a bell, a descriptor or the watchdog's time. The kernel says first that it sleeps,
 * then looks once more: a worker that rings later sees that it must wake us. */
static void sleep_once(struct shell_supervisor *s, bool working)
{
    uint64_t wait_ns = sleep_ns(s, working);
    uint32_t count = 0;
    supervisor_announce(s, true);
    for (uint32_t i = 0; i < s->worker_count; i++) {
        if (s->workers[i].worker.alive && s->workers[i].working) {
            s->bells[count++] = (struct shell_bell){.word = supervisor_bell(&s->workers[i]),
                                                    .value = s->workers[i].bell_seen};
        }
    }
    bool rang = false;
    for (uint32_t i = 0; i < count; i++) {
        rang = rang || __atomic_load_n(s->bells[i].word, __ATOMIC_SEQ_CST) != s->bells[i].value;
    }
    if (s->system.io_is_ring && log_lives(s) && !log_idle(s->system.log)) {
        shell_loop_arm(s->loop, s->log_watch, POLLIN);
    }
    if (!rang) {
        wait_bells(s, count, wait_ns);
    }
    supervisor_announce(s, false);
}

/* Once round: everything that is there is done. False when there was nothing. */
static bool work(struct shell_supervisor *s)
{
    bool any = step_posted(s);
    any = supervisor_look_at_bells(s) || any;
    any = step_posted(s) || any;
    supervisor_reap_log(s, false);
    any = step_posted(s) || any;
    any = shell_loop_run(s->loop, 0) > 0 || any;
    supervisor_guests_look(s);
    /* Guests last: whoever owns this has been served by now. */
    any = hub_serve(s->hub, supervisor_now_ns()) || any;
    return any;
}

/* ---- idle ---- */

/* Ticks that wait for company in a batch do so only while more of them come (9.2). */
static void write_idle(struct shell_supervisor *s, uint64_t now)
{
    if (s->options.durability == LOG_DURABILITY_TICK || !log_lives(s) || log_idle(s->system.log) ||
        now - s->appended_ns < SUPERVISOR_IDLE_NS) {
        return;
    }
    enum jit_err err = log_flush(s->system.log);
    if (err != JIT_OK) {
        supervisor_log_failed(s, err);
    }
}

/* Nothing is lost for want of a seal: everything before it is on the medium. Only damage done later
 * to the last batch could then be taken for a torn write. So it is tried again, and that is all. */
static void seal_missing(struct shell_supervisor *s, enum jit_err err, uint64_t now)
{
    if (s->seal_wait_ns == 0) {
        fprintf(stderr,
                "jitosd: no room to seal the log (%s); every tick is durable, and the seal is "
                "tried again\n",
                jit_err_text(err));
    }
    s->seal_wait_ns = s->seal_wait_ns == 0 ? SUPERVISOR_SEAL_NS
                                           : sooner(2 * s->seal_wait_ns, SUPERVISOR_SEAL_NS_MAX);
    s->seal_due_ns = now + s->seal_wait_ns;
}

static void seal(struct shell_supervisor *s, uint64_t now)
{
    /* Idle: a seal closes the last batch, so that what damages it later is told from a torn write.
     */
    enum jit_err err = log_seal(s->system.log);
    if (err != JIT_OK && log_dead(s->system.log) == JIT_OK) {
        seal_missing(s, err, now);
    } else if (err != JIT_OK) {
        supervisor_log_failed(s, err);
    } else if (s->seal_wait_ns != 0) {
        s->seal_wait_ns = 0;
        fprintf(stderr, "jitosd: the log is sealed\n");
    }
}

static void at_rest(struct shell_supervisor *s, uint64_t now)
{
    bool again = s->seal_wait_ns != 0 && now >= s->seal_due_ns;
    if (!s->resting || (s->rest_told && !again) || s->stopped || !log_lives(s)) {
        return;
    }
    enum jit_err err = log_flush(s->system.log);
    if (err != JIT_OK) {
        supervisor_log_failed(s, err);
        return;
    }
    if (!log_idle(s->system.log)) {
        return;
    }
    seal(s, now);
    if (!s->rest_told && log_lives(s)) {
        supervisor_reap_log(s, false);
        supervisor_tell_rest(s);
        s->rest_told = true;
    }
}

int shell_supervisor_run(struct shell_supervisor *s)
{
    if (shell_loop_add(s->loop, s->options.stop_fd, stop_ready, s, &s->stop_watch) != JIT_OK) {
        return 8;
    }
    shell_loop_arm(s->loop, s->stop_watch, POLLIN);
    uint64_t idle_since = supervisor_now_ns();
    uint64_t watched = idle_since;
    while (!s->quit) {
        /* Somebody may keep us busy for ever, a worker with its bell or a client: what is due is
         * done all the same. */
        bool busy = work(s);
        supervisor_take_turns(s);
        uint64_t now = supervisor_now_ns();
        hub_work(s->hub, now);
        write_idle(s, now);
        supervisor_checkpoint_work(s);
        at_rest(s, now);
        bool working = supervisor_anyone_works(s);
        if (working && now - watched >= SUPERVISOR_WATCH_NS) {
            watched = now;
            supervisor_watch(s);
            continue;
        }
        if (busy) {
            idle_since = now;
            continue;
        }
        if (working && now - idle_since < SUPERVISOR_SPIN_NS) {
            continue; /* an answer within 20 us is cheaper to wait for than to sleep for */
        }
        sleep_once(s, working);
        idle_since = supervisor_now_ns();
    }
    supervisor_tell_end(s);
    return s->stopped ? s->stop_code : s->end_code;
}

/* ---- life ---- */

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

enum jit_err shell_supervisor_new(struct jit_heap *heap,
                                  const struct shell_supervisor_options *options,
                                  struct shell_supervisor **out, char *message, size_t message_size)
{
    *out = NULL;
    message[0] = '\0';
    struct shell_supervisor *s = jit_heap_zalloc(heap, 1, sizeof *s);
    if (s == NULL) {
        return JIT_ENOMEM;
    }
    s->heap = heap;
    s->options = *options;
    s->bell_fd = -1;
    s->guests_fd = -1;
    s->loader = (struct host_loader)HOST_LOADER_NONE;
    s->spawner = (struct host_spawner)HOST_SPAWNER_NONE;
    jit_buf_init(&s->frame, heap, HUB_ANSWER_BYTES_MAX);
    struct shell_system_options system = {
        .path = options->data,
        .mode = SHELL_FOLDER_OWN,
        .durability = options->durability,
        .segment_bytes = options->segment_bytes,
        .die_at_log_offset = options->die_at_log_offset,
        .shared_view = true,
        .stop_fd = &s->options.stop_fd,
    };
    /* First, while this process is small and holds no lock: what is forked from it stays so. */
    enum jit_err err = make_nursery(s, message, message_size);
    if (err == JIT_OK) {
        err = shell_system_open(&s->system, heap, &system);
        if (err != JIT_OK) {
            snprintf(message, message_size, "%s", s->system.message);
        } else {
            err = bring_forward(s, message, message_size);
        }
    }
    if (err != JIT_OK) {
        host_loader_close(&s->loader);
        host_spawner_close(&s->spawner);
        heap->free(heap, s);
        return err;
    }
    err = open_guests(s, message, message_size);
    if (err != JIT_OK) {
        shell_supervisor_free(s);
        return err;
    }
    /* Once fenced in it makes no more rings: the folder's is there, and this is the other one. */
    err = shell_loop_new(s->heap, s->options.uring, &s->loop);
    if (err == JIT_OK) {
        err = host_fence(s->options.probe, s->system.folder.fd);
    }
    if (err != JIT_OK) {
        snprintf(message, message_size, "the supervisor could not fence itself in: %s",
                 jit_err_text(err));
    }
    if (err == JIT_OK) {
        err = make_pool(s, message, message_size);
    }
    if (err == JIT_OK) {
        err = make_loop(s, message, message_size);
    }
    if (err == JIT_OK) {
        s->tick_mark = s->system.mark;
        err = supervisor_checkpoint_new(s);
    }
    if (err == JIT_OK && shell_system_ready(&s->system)) {
        err = supervisor_start_core(s, message, message_size);
    }
    if (err != JIT_OK) {
        if (message[0] == '\0') {
            snprintf(message, message_size, "the supervisor could not start: %s",
                     jit_err_text(err));
        }
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

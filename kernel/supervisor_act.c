#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "kernel/supervisor_priv.h"

/* What the core asks for. Events that come up meanwhile wait until the update has been obeyed: what
 * it lends is good until the next step only. */

void supervisor_post(struct shell_supervisor *s, const struct kern_event *event)
{
    assert(s->event_count < s->event_capacity);
    struct supervisor_event *place =
        &s->events[(s->event_at + s->event_count++) % s->event_capacity];
    place->event = *event;
    place->asker = NULL;
    place->answer = (struct supervisor_answer){.serial = 0};
    place->text[0] = '\0';
    if (event->text != NULL) {
        snprintf(place->text, sizeof place->text, "%s", event->text);
    }
}

bool supervisor_command(struct shell_supervisor *s, const struct kern_event *event,
                        struct hub_conn *asker)
{
    return supervisor_command_for(s, event, asker, &(struct supervisor_answer){.serial = 0});
}

bool supervisor_command_for(struct shell_supervisor *s, const struct kern_event *event,
                            struct hub_conn *asker, const struct supervisor_answer *answer)
{
    /* Those whose answers wait count as well: each of them is here or there, never lost. */
    if (s->core == NULL || s->event_count + s->answer_count >= SUPERVISOR_COMMANDS_MAX) {
        return false;
    }
    supervisor_post(s, event);
    if (asker != NULL) {
        struct supervisor_event *last =
            &s->events[(s->event_at + s->event_count - 1) % s->event_capacity];
        last->asker = asker;
        last->answer = *answer;
        hub_owe(asker, true);
    }
    return true;
}

static void wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static struct supervisor_worker *worker_of(struct shell_supervisor *s, uint32_t index)
{
    assert(index < s->worker_count);
    return &s->workers[index];
}

static uint32_t *ring_word(struct supervisor_worker *w, uint64_t page, size_t offset)
{
    return (uint32_t *)(void *)(w->worker.ring.base + page + offset);
}

/* ---- workers ---- */

/* A rules loader says by its exit status why it gave up; what a program of its own means by one is
 * its own affair. */
static const char *describe_exit(const struct supervisor_worker *w, const struct host_exit *how)
{
    static const struct {
        int code;
        const char *text;
    } known[] = {
#define X(name, code, text) {code, text},
        SYS_EXIT_MAP(X)
#undef X
    };
    for (size_t i = 0; w->image == NULL && !how->killed && i < sizeof known / sizeof *known; i++) {
        if (known[i].code == how->code) {
            return known[i].text;
        }
    }
    return how->text;
}

static void worker_ended(void *user, uint32_t revents)
{
    struct supervisor_worker *w = user;
    struct shell_supervisor *s = w->supervisor;
    struct host_exit how;
    (void)revents;
    if (!w->worker.alive) {
        return;
    }
    /* The waiter may sleep on words that are about to be unmapped. */
    if (shell_waiter_arm(s->waiter, NULL, 0) != JIT_OK ||
        shell_worker_reap(&w->worker, false, &how) != JIT_OK) {
        shell_loop_arm(s->loop, w->watch, POLLIN);
        return;
    }
    shell_loop_remove(s->loop, w->watch);
    w->working = false;
    struct kern_event event = {
        .kind = KERN_EVENT_EXITED, .process = w->index, .text = describe_exit(w, &how)};
    supervisor_post(s, &event);
}

static void spawn_failed(struct shell_supervisor *s, uint32_t index, enum jit_err err,
                         const char *text)
{
    char line[160];
    snprintf(line, sizeof line, "a worker could not be started: %.120s", text);
    struct kern_event event = {
        .kind = KERN_EVENT_FAILED, .process = index, .err = err, .text = line};
    fprintf(stderr, "jitosd: %s\n", text);
    supervisor_post(s, &event);
}

static void do_spawn(struct shell_supervisor *s, uint32_t index)
{
    struct supervisor_worker *w = worker_of(s, index);
    struct sys_boot_spec spec;
    struct host_fault fault = {.text = ""};
    /* The core has just heard the end of its last life. A program of its own has a graph to go on
     * from; the rules loader keeps nothing. */
    if (w->image != NULL) {
        shell_worker_leave(&w->worker);
    } else {
        shell_worker_release(&w->worker);
    }
    w->worker.own = w->image != NULL ? kern_core_own(s->core, index) : NULL;
    enum jit_err err = kern_core_boot(s->core, index, &spec);
    if (err == JIT_OK) {
        err = shell_worker_spawn(&w->worker, s->heap, &s->nursery, w->image, index, &spec, &fault);
    }
    if (err == JIT_OK) {
        err = shell_loop_add(s->loop, w->worker.child.pidfd, worker_ended, w, &w->watch);
        if (err != JIT_OK) {
            struct host_exit how;
            shell_worker_kill(&w->worker);
            err = shell_worker_reap(&w->worker, true, &how) == JIT_OK ? err : JIT_EIO;
            shell_worker_release(&w->worker);
        }
    }
    if (err == JIT_EAGAIN) { /* somebody killed it on the way to its program: a death like others */
        struct kern_event event = {
            .kind = KERN_EVENT_EXITED, .process = index, .text = "it ended before it began"};
        supervisor_post(s, &event);
        return;
    }
    if (err != JIT_OK) {
        spawn_failed(s, index, err, fault.text[0] != '\0' ? fault.text : jit_err_text(err));
        return;
    }
    shell_loop_arm(s->loop, w->watch, POLLIN);
    w->bell_seen = 0;
    struct kern_event event = {
        .kind = KERN_EVENT_SPAWNED,
        .process = index,
        .ring = {.base = w->worker.ring.base, .size = SYS_RING_BYTES},
        .graph = w->worker.graph.base,
        .graph_size = w->worker.graph.size,
        .graph_size_max = w->worker.graph.size_max,
    };
    supervisor_post(s, &event);
}

static void do_watch(struct shell_supervisor *s, uint32_t index)
{
    struct supervisor_worker *w = worker_of(s, index);
    w->working = true;
    shell_worker_begin(&w->worker, supervisor_now_ns());
    w->begun_cpu_ns = UINT64_MAX; /* asked for when it first seems to take long */
}

static void do_wake(struct shell_supervisor *s, uint32_t index)
{
    struct supervisor_worker *w = worker_of(s, index);
    if (w->worker.alive) {
        wake(ring_word(w, SYS_RING_KERNEL_OFFSET, offsetof(struct sys_ring_kernel, call)));
    }
}

/* Extents that are allocated, so that touching them is no SIGBUS. */
static void do_grow(struct shell_supervisor *s, uint32_t index, uint64_t bytes)
{
    struct supervisor_worker *w = worker_of(s, index);
    char line[160];
    struct kern_event event = {.kind = KERN_EVENT_GREW, .process = index, .text = line};
    if (!w->worker.alive) {
        return;
    }
    event.err = host_memory_extend(&w->worker.graph, bytes);
    snprintf(line, sizeof line, "there is no memory for what a worker asked for: %s",
             jit_err_text(event.err));
    supervisor_post(s, &event);
}

/* ---- the log ---- */

void supervisor_log_failed(struct shell_supervisor *s, enum jit_err err)
{
    char line[160];
    snprintf(line, sizeof line, "the log could not be written: %s", jit_err_text(err));
    struct kern_event event = {.kind = KERN_EVENT_FAILED, .err = err, .text = line};
    if (s->log_failed) {
        return;
    }
    s->log_failed = true;
    supervisor_answer(s);  /* when the run has stopped before, nobody else says so */
    if (s->core == NULL) { /* there is no run to stop; a genesis is refused for the same reason */
        fprintf(stderr, "jitosd: %s\n", line);
        return;
    }
    supervisor_post(s, &event);
}

/* Everything told about durable ticks goes out. */
static void tell_durable(struct shell_supervisor *s, uint64_t durable_end);

void supervisor_reap_log(struct shell_supervisor *s, bool wait)
{
    uint64_t durable_end = 0;
    if (s->system.log == NULL || log_dead(s->system.log) != JIT_OK) {
        return;
    }
    enum jit_err err = log_reap(s->system.log, wait, &durable_end);
    if (err != JIT_OK) {
        supervisor_log_failed(s, err);
        return;
    }
    tell_durable(s, durable_end);
}

static void do_log(struct shell_supervisor *s, const struct kern_log_record *made)
{
    if (s->log_failed) {
        return; /* the core has not heard of it yet; nothing may follow the tick that is missing */
    }
    struct log_record record = {
        .tick = made->tick,
        .commit = made->commit,
        .state_root = made->state_root,
        .payload = made->payload,
        .payload_size = made->payload_size,
    };
    s->resting = false;
    s->appended_ns = supervisor_now_ns();
    log_next_mark(s->system.log, &s->tick_mark);
    enum jit_err err = log_append(s->system.log, &record);
    if (err == JIT_OK && s->options.durability == LOG_DURABILITY_TICK) {
        err = log_flush(s->system.log);
    }
    if (err != JIT_OK) {
        supervisor_log_failed(s, err);
    }
}

/* ---- telling ---- */

static void share(void *user, struct hub_conn *conn)
{
    const struct supervisor_told *told = user;
    if (hub_marked(conn) == told->mask) {
        hub_share(conn, told->message);
    }
}

static void tell_durable(struct shell_supervisor *s, uint64_t durable_end)
{
    size_t n = 0;
    while (n < s->told_count && s->told[n].tick < durable_end) {
        hub_each(s->hub, s->told[n].mask, share, &s->told[n]);
        s->told_bytes -= hub_message_size(s->told[n].message);
        hub_message_unref(s->told[n].message);
        n++;
    }
    if (n > 0) {
        memmove(s->told, s->told + n, (s->told_count - n) * sizeof *s->told);
        s->told_count -= n;
    }
}

static void note_mask(void *user, struct hub_conn *conn)
{
    *(uint32_t *)user |= 1u << hub_marked(conn);
}

/* What subscribers of one kind are told of a tick, kept until it is durable. A subscriber for whom
 * there was no memory sees the gap in the numbers. */
static void keep_told(struct shell_supervisor *s, const struct kern_report *report, uint32_t mask)
{
    struct jit_buf frames;
    void *data = s->told;
    if (jit_heap_grow(s->heap, &data, &s->told_capacity, s->told_count + 1, sizeof *s->told) != 0) {
        return;
    }
    s->told = data;
    struct supervisor_told *told = &s->told[s->told_count];
    jit_buf_init(&frames, s->heap, SUPERVISOR_TICK_BYTES);
    supervisor_write_tick(s, report, mask, &frames);
    *told = (struct supervisor_told){.tick = report->tick, .mask = mask};
    if (hub_message_new(s->heap, &frames, true, &told->message) == JIT_OK) {
        s->told_bytes += hub_message_size(told->message);
        s->told_count++;
    }
}

static void do_tick(struct shell_supervisor *s, const struct kern_report *report)
{
    s->applied += report->counts[RMG_APPLIED];
    s->denied += report->counts[RMG_DENIED];
    uint32_t masks = 0;
    hub_each(s->hub, SUBSCRIBED_TICKS, note_mask, &masks);
    for (uint32_t mask = 1; mask < 8; mask++) {
        if ((masks >> mask & 1u) != 0) {
            keep_told(s, report, mask);
        }
    }
    /* The core runs ahead of the disk, but not without bound. */
    while (
        (s->told_bytes > SUPERVISOR_BACKLOG_BYTES ||
         log_tick_end(s->system.log) - log_durable_end(s->system.log) > SUPERVISOR_BACKLOG_TICKS) &&
        log_dead(s->system.log) == JIT_OK && !log_idle(s->system.log)) {
        enum jit_err err = log_flush(s->system.log);
        if (err != JIT_OK) {
            supervisor_log_failed(s, err);
            return;
        }
        supervisor_reap_log(s, true);
    }
}

/* ---- the end of a run ---- */

/* What is stopped may still be asked, for as long as somebody likes: it is to cost nothing. What
 * was appended before is made durable all the same. */
static void do_stop(struct shell_supervisor *s, const struct kern_action *action)
{
    s->stopped = true;
    s->stop_code = action->code;
    snprintf(s->stop_text, sizeof s->stop_text, "%s", action->text);
    for (uint32_t i = 0; i < s->worker_count; i++) {
        shell_worker_kill(&s->workers[i].worker);
        s->workers[i].working = false; /* reaped when its pidfd says that it has ended */
    }
    enum jit_err err = log_dead(s->system.log) == JIT_OK ? log_flush(s->system.log) : JIT_OK;
    if (err != JIT_OK) {
        supervisor_log_failed(s, err);
    }
    supervisor_tell_stop(s);
    supervisor_answer(s);
}

/* ---- all of it ---- */

static void obey(struct shell_supervisor *s, const struct kern_action *action)
{
    switch (action->kind) {
    case KERN_DO_SPAWN:
        do_spawn(s, action->process);
        break;
    case KERN_DO_KILL:
        fprintf(stderr, "jitosd: process %u is killed: %s\n", action->process, action->text);
        shell_worker_kill(&worker_of(s, action->process)->worker);
        break;
    case KERN_DO_WAKE:
        do_wake(s, action->process);
        break;
    case KERN_DO_WATCH:
        do_watch(s, action->process);
        break;
    case KERN_DO_GROW:
        do_grow(s, action->process, action->bytes);
        break;
    case KERN_DO_LOG:
        do_log(s, &action->record);
        break;
    case KERN_DO_TICK:
        do_tick(s, &action->report);
        break;
    case KERN_DO_REST:
        s->resting = true;
        s->rest_told = false;
        break;
    case KERN_DO_STOP:
        do_stop(s, action);
        break;
    }
}

void supervisor_obey(struct shell_supervisor *s, const struct kern_update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        obey(s, &update->actions[i]);
    }
    s->again = update->again;
}

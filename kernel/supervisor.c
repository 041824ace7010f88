#include "kernel/supervisor.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/supervisor_priv.h"

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

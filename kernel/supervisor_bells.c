#include "kernel/supervisor_priv.h"

/* ---- bells ---- */

const uint32_t *supervisor_bell(const struct supervisor_worker *w)
{
    return (const uint32_t *)(const void *)(w->worker.ring.base + SYS_RING_WORKER_OFFSET +
                                            offsetof(struct sys_ring_worker, bell));
}

/* Look at all bells; step the core for each that rang of somebody who works. One that has said done
 * has nothing to say before its next tick, and whatever it posts waits until then: it may ring for
 * ever and nobody hears it; but that it does is noted. */
bool supervisor_look_at_bells(struct shell_supervisor *s)
{
    bool any = false;
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct supervisor_worker *w = &s->workers[i];
        uint32_t value = w->bell_seen;
        if (w->worker.alive) {
            value = __atomic_load_n(supervisor_bell(w), __ATOMIC_ACQUIRE);
        }
        if (value != w->bell_seen) {
            struct kern_process_status status;
            struct kern_event event = {.kind = KERN_EVENT_BELL, .process = i};
            shell_worker_heed(&w->worker, value - w->bell_seen);
            /* It does not ring into the tick. */
            shell_worker_turn(&w->worker, false, false, supervisor_now_ns());
            w->bell_seen = value;
            if (!w->working) {
                continue;
            }
            supervisor_step(s, &event);
            kern_core_process(s->core, i, &status);
            w->working = status.state == KERN_PROCESS_RUNNING;
            any = true;
        }
    }
    return any;
}

/* Those that flood have their turn when the others are done, all at once. */
void supervisor_take_turns(struct shell_supervisor *s)
{
    const uint64_t now = supervisor_now_ns();
    bool others_work = false;
    for (uint32_t i = 0; i < s->worker_count && !others_work; i++) {
        struct supervisor_worker *w = &s->workers[i];
        others_work = w->worker.alive && w->working && !w->worker.flooding;
    }
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct supervisor_worker *w = &s->workers[i];
        shell_worker_turn(&w->worker, w->working, others_work, now);
    }
}

void supervisor_announce(struct shell_supervisor *s, bool sleeping)
{
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct supervisor_worker *w = &s->workers[i];
        if (w->worker.alive) {
            uint32_t *word = (uint32_t *)(void *)(w->worker.ring.base + SYS_RING_KERNEL_OFFSET +
                                                  offsetof(struct sys_ring_kernel, sleeping));
            __atomic_store_n(word, sleeping ? 1u : 0u, __ATOMIC_SEQ_CST);
        }
    }
}

bool supervisor_anyone_works(const struct shell_supervisor *s)
{
    for (uint32_t i = 0; i < s->worker_count; i++) {
        if (s->workers[i].worker.alive && s->workers[i].working) {
            return true;
        }
    }
    return false;
}

/* A program of its own that could ring, and not one that stands still. */
bool supervisor_anyone_may_ring(const struct shell_supervisor *s)
{
    for (uint32_t i = 0; i < s->worker_count; i++) {
        const struct supervisor_worker *w = &s->workers[i];
        if (w->worker.alive && w->image != NULL && !w->worker.held) {
            return true;
        }
    }
    return false;
}

/* ---- the watchdog ---- */

/* What a worker may use in one tick: as its policy says, else as the supervisor was told. The wall
 * time, the last resort, grows with the CPU time that a policy allows. */
static bool used_up(const struct shell_supervisor *s, const struct kern_policy *policy,
                    uint64_t cpu_ns, uint64_t wall_ns)
{
    uint64_t cpu_max = s->options.hang_cpu_ns;
    uint64_t wall_max = s->options.hang_wall_ns;
    if (policy->hang_seconds != 0) {
        cpu_max = policy->hang_seconds * 1000000000ull;
        wall_max = wall_max > 6 * cpu_max ? wall_max : 6 * cpu_max;
    }
    return cpu_ns > cpu_max || wall_ns > wall_max;
}

void supervisor_watch(struct shell_supervisor *s)
{
    uint64_t now = supervisor_now_ns();
    for (uint32_t i = 0; i < s->worker_count; i++) {
        struct supervisor_worker *w = &s->workers[i];
        struct kern_process_status status;
        const uint64_t time = shell_worker_time(&w->worker, now);
        if (!w->worker.alive || !w->working || time < SUPERVISOR_WATCH_NS) {
            continue;
        }
        kern_core_process(s->core, i, &status);
        if (status.state != KERN_PROCESS_RUNNING) {
            w->working = false;
            continue;
        }
        uint64_t cpu = 0;
        if (host_child_cpu_ns(&w->worker.child, &cpu) != JIT_OK) {
            continue; /* it has ended; its pidfd says so */
        }
        if (w->begun_cpu_ns == UINT64_MAX) {
            w->begun_cpu_ns = cpu;
        }
        if (used_up(s, &status.config->policy, cpu - w->begun_cpu_ns, time)) {
            struct kern_event event = {.kind = KERN_EVENT_HUNG, .process = i};
            supervisor_post(s, &event);
            w->working = false;
        }
    }
}

/* The life of processes: started, told to begin a tick, done with it, ended, started again or given
 * up. */
#include <stdio.h>

#include "base/check.h"
#include "kernel/core/core_priv.h"

static bool process_over(const struct kern_process *process)
{
    return process->state == KERN_PROCESS_EXITED || process->state == KERN_PROCESS_FAILED;
}

static void spawn(struct kern_core *core, uint32_t index)
{
    core->processes[index].state = KERN_PROCESS_STARTING;
    kern_act(core, KERN_DO_SPAWN)->process = index;
}

static void happened(struct kern_core *core, enum kern_record_event_kind kind, uint32_t index)
{
    void *data = core->happened;
    if (jit_heap_grow(core->heap, &data, &core->happened_capacity, core->happened_count + 1,
                      sizeof *core->happened) != 0) {
        kern_stop(core, 8, JIT_ENOMEM, "no memory to note that a worker ended");
        return;
    }
    core->happened = data;
    core->happened[core->happened_count++] =
        (struct kern_record_event){.kind = kind,
                                   .status = core->processes[index].exit_status,
                                   .process = core->processes[index].config->id};
}

/* May it be started again after this death? */
static bool may_restart(struct kern_process *process, uint64_t tick)
{
    const struct kern_policy *policy = &process->config->policy;
    if (policy->restart == KERN_RESTART_NEVER) {
        return false;
    }
    if (process->death_count == policy->restarts) {
        if (tick - process->deaths[0] < policy->ticks) {
            return false;
        }
        process->death_count--;
        memmove(process->deaths, process->deaths + 1,
                process->death_count * sizeof *process->deaths);
    }
    process->deaths[process->death_count++] = tick;
    return true;
}

/* A process that hung is not started again before the tick it hung in is made. */
static bool sits_out(const struct kern_core *core, const struct kern_process *process)
{
    return process->state == KERN_PROCESS_NEW && process->sits_out == core->tick + 1;
}

static void start_again(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    process->restarts++;
    process->state = KERN_PROCESS_NEW;
    if (core->phase == KERN_COLLECTING && !sits_out(core, process)) {
        spawn(core, index);
    }
}

/* It died too often, or once too often for a process that is never started again. */
static void give_up(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    const struct kern_policy *policy = &process->config->policy;
    char often[64] = "";
    process->state = KERN_PROCESS_FAILED;
    if (!policy->then_stop) {
        happened(core, KERN_HAPPENED_FAILED, index);
        return;
    }
    if (policy->restart != KERN_RESTART_NEVER) {
        snprintf(often, sizeof often, " more than %u times in %u ticks", policy->restarts,
                 policy->ticks);
    }
    snprintf(core->text, sizeof core->text,
             "process %s[%u] died%s in tick %llu, and its policy is then to stop: %s",
             process->config->name, process->config->index, often,
             (unsigned long long)(core->tick + 1), process->last);
    kern_stop(core, 7, JIT_EPEER, core->text);
}

static void begin_for(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    kern_collect_reset(process);
    process->state = KERN_PROCESS_RUNNING;
    static_assert(SYS_RING_COUNTS == RMG_RESULT_COUNT, "each result has its number in the ring");
    sys_ring_host_begin(&process->ring, core->tick + 1, process->counts);
    struct kern_action *watch = kern_act(core, KERN_DO_WATCH);
    watch->process = index;
    watch->tick = core->tick + 1;
    if (sys_ring_host_ring(&process->ring)) {
        kern_act(core, KERN_DO_WAKE)->process = index;
    }
}

/* ---- all of them, in a tick ---- */

bool kern_processes_done(const struct kern_core *core)
{
    for (uint32_t i = 0; i < core->process_count; i++) {
        const struct kern_process *process = &core->processes[i];
        if (process->state != KERN_PROCESS_DONE && !process_over(process) &&
            !sits_out(core, process)) {
            return false;
        }
    }
    return core->phase == KERN_COLLECTING;
}

void kern_processes_begin(struct kern_core *core)
{
    for (uint32_t i = 0; i < core->process_count; i++) {
        switch (core->processes[i].state) {
        case KERN_PROCESS_NEW:
            spawn(core, i);
            break;
        case KERN_PROCESS_DONE:
            begin_for(core, i);
            break;
        default:
            break;
        }
    }
    core->finish = kern_processes_done(core);
}

void kern_processes_note_exits(struct kern_core *core)
{
    for (uint32_t i = 0; i < core->process_count; i++) {
        struct kern_process *process = &core->processes[i];
        if (process->state == KERN_PROCESS_DONE && process->asked_exit) {
            happened(core, KERN_HAPPENED_EXIT, i);
        }
    }
}

void kern_processes_end_exited(struct kern_core *core)
{
    for (uint32_t i = 0; i < core->process_count; i++) {
        struct kern_process *process = &core->processes[i];
        if (process->state != KERN_PROCESS_DONE || !process->asked_exit) {
            continue;
        }
        bool always = process->config->policy.restart == KERN_RESTART_ALWAYS;
        bool gone = process->gone;
        if (process->finished) {
            snprintf(process->last, sizeof process->last, "its part is over%s",
                     process->exit_status == 0 ? "" : ", with matches left");
        } else {
            snprintf(process->last, sizeof process->last, "it asked to exit with status %d",
                     process->exit_status);
        }
        kern_collect_reset(process);
        process->gone = false;
        process->leaving = always && !gone;
        process->restarts += always && gone; /* else when it has ended */
        process->state = !always ? KERN_PROCESS_EXITED
                         : gone  ? KERN_PROCESS_NEW
                                 : KERN_PROCESS_DYING;
        if (!gone) {
            struct kern_action *action = kern_act(core, KERN_DO_KILL);
            action->process = i;
            action->text = process->last;
        }
    }
}

/* ---- what happens to one ---- */

void kern_process_kill(struct kern_core *core, uint32_t index, const char *why)
{
    struct kern_process *process = &core->processes[index];
    if (process->state == KERN_PROCESS_DYING || process_over(process)) {
        return;
    }
    snprintf(process->last, sizeof process->last, "%s", why);
    process->state = KERN_PROCESS_DYING;
    struct kern_action *action = kern_act(core, KERN_DO_KILL);
    action->process = index;
    action->text = process->last;
}

void kern_process_spawned(struct kern_core *core, const struct kern_event *event)
{
    struct kern_process *process = &core->processes[event->process];
    if (process->state != KERN_PROCESS_STARTING) {
        return;
    }
    sys_ring_host_init(&process->ring, &event->ring);
    process->graph = event->graph;
    process->graph_size = event->graph_size;
    process->graph_size_max = event->graph_size_max;
    process->growing = 0;
    kern_collect_reset(process);
    if (core->phase == KERN_COLLECTING) {
        begin_for(core, event->process);
    } else {
        process->state = KERN_PROCESS_DONE;
    }
}

void kern_process_bell(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    if (process->state != KERN_PROCESS_RUNNING && process->state != KERN_PROCESS_DONE) {
        return;
    }
    /* done is looked at first: what was posted before it is then seen by the drain. */
    int done = sys_ring_host_done(&process->ring);
    if (done < 0) {
        kern_process_kill(core, index, "its words in the ring are nonsense");
        return;
    }
    kern_collect_drain(core, index);
    if (done == 1 && process->state == KERN_PROCESS_RUNNING && kern_own_done(core, index)) {
        process->state = KERN_PROCESS_DONE;
        core->finish = kern_processes_done(core);
    }
}

void kern_process_exited(struct kern_core *core, const struct kern_event *event)
{
    struct kern_process *process = &core->processes[event->process];
    if (process_over(process) || process->state == KERN_PROCESS_NEW) {
        return;
    }
    if (process->state == KERN_PROCESS_DONE && process->asked_exit) {
        process->gone = true; /* as it said it would; its last requests still count */
        return;
    }
    if (process->state != KERN_PROCESS_DYING) {
        snprintf(process->last, sizeof process->last, "%s", event->text);
    }
    bool left = process->leaving;
    bool hung = process->hung;
    process->leaving = false;
    process->hung = false;
    kern_collect_reset(process);
    if (hung) {
        happened(core, KERN_HAPPENED_HUNG, event->process);
    }
    if (left) {
        start_again(core, event->process);
    } else if (may_restart(process, core->tick + 1)) {
        kern_note_death(core, event->process);
        start_again(core, event->process);
    } else {
        give_up(core, event->process);
    }
    core->finish = kern_processes_done(core);
}

/* One that died meanwhile has another memory now, or none. */
void kern_process_grew(struct kern_core *core, const struct kern_event *event)
{
    struct kern_process *process = &core->processes[event->process];
    if ((process->state != KERN_PROCESS_RUNNING && process->state != KERN_PROCESS_DONE) ||
        process->growing == 0) {
        return;
    }
    if (event->err == JIT_OK) {
        kern_collect_grew(core, event->process);
    } else {
        /* Running into the host's memory is a crash of its own (DESIGN 7.4), and nobody else's. */
        kern_process_kill(core, event->process, event->text);
    }
}

bool kern_process_end(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    if (process_over(process)) {
        return false;
    }
    bool alive = process->state != KERN_PROCESS_NEW && process->state != KERN_PROCESS_DYING;
    kern_collect_reset(process);
    snprintf(process->last, sizeof process->last, "killed by an operator");
    process->state = KERN_PROCESS_EXITED;
    happened(core, KERN_HAPPENED_KILL, index);
    if (alive) {
        struct kern_action *action = kern_act(core, KERN_DO_KILL);
        action->process = index;
        action->text = process->last;
    }
    core->finish = kern_processes_done(core);
    return true;
}

void kern_process_hung(struct kern_core *core, const struct kern_event *event)
{
    struct kern_process *process = &core->processes[event->process];
    if (process->state != KERN_PROCESS_RUNNING) {
        return;
    }
    if (process->config->policy.hang_kill) {
        char why[64];
        snprintf(why, sizeof why, "it used up its time in tick %llu and was not done",
                 (unsigned long long)(core->tick + 1));
        process->hung = true;
        process->sits_out = core->tick + 1;
        kern_process_kill(core, event->process, why);
        return;
    }
    snprintf(process->last, sizeof process->last, "it used up its time in tick %llu",
             (unsigned long long)(core->tick + 1));
    snprintf(core->text, sizeof core->text,
             "process %s[%u] has used up its time in tick %llu and is not done",
             process->config->name, process->config->index, (unsigned long long)(core->tick + 1));
    kern_stop(core, 7, JIT_EPEER, core->text);
}

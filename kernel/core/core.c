#include "kernel/core/core.h"

#include <stdio.h>

#include "base/check.h"
#include "kernel/core/core_priv.h"
#include "syscall/boot.h"

/* ---- actions ---- */

struct kern_action *kern_act(struct kern_core *core, enum kern_action_kind kind)
{
    static const size_t room = 1; /* the last place is kept for STOP */
    void *data = core->actions;
    if (jit_heap_grow(core->heap, &data, &core->action_capacity, core->action_count + 1 + room,
                      sizeof *core->actions) != 0) {
        core->out_of_memory = true;
        core->action_count = 0; /* what cannot be told in full is not told: the step ends in STOP */
    }
    core->actions = data;
    struct kern_action *action = &core->actions[core->action_count++];
    *action = (struct kern_action){.kind = kind};
    return action;
}

void kern_stop(struct kern_core *core, int code, enum jit_err err, const char *text)
{
    if (core->phase == KERN_STOPPED) {
        return;
    }
    core->phase = KERN_STOPPED;
    core->finish = false;
    struct kern_action *action = kern_act(core, KERN_DO_STOP);
    action->code = code;
    action->err = err;
    action->text = text;
}

/* ---- processes ---- */

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

/* ---- ticks ---- */

static bool all_done(const struct kern_core *core)
{
    for (uint32_t i = 0; i < core->process_count; i++) {
        const struct kern_process *process = &core->processes[i];
        if (process->state != KERN_PROCESS_DONE && !process_over(process) &&
            !sits_out(core, process)) {
            return false;
        }
    }
    return true;
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

/* Workers that asked to exit do so with the tick they asked it in: an event of that tick, also when
 * they are started again. */
static void note_exits(struct kern_core *core)
{
    for (uint32_t i = 0; i < core->process_count; i++) {
        struct kern_process *process = &core->processes[i];
        if (process->state == KERN_PROCESS_DONE && process->asked_exit) {
            happened(core, KERN_HAPPENED_EXIT, i);
        }
    }
}

static void end_exited(struct kern_core *core)
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

static void rest(struct kern_core *core)
{
    core->phase = KERN_RESTING;
    kern_act(core, KERN_DO_REST)->tick = core->tick;
}

/* Start collecting the next tick, or rest when there is none to do. */
static void next_tick(struct kern_core *core)
{
    if (core->phase == KERN_STOPPED) {
        return;
    }
    /* An operator was promised that an event is recorded: that tick is made all the same. */
    if ((core->paused || core->tick >= core->target) && core->happened_count == 0 &&
        !kern_sec_waits(core)) {
        rest(core);
        return;
    }
    core->phase = KERN_COLLECTING;
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
    core->finish = all_done(core);
}

/* ---- events ---- */

static void on_spawned(struct kern_core *core, const struct kern_event *event)
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

static void on_bell(struct kern_core *core, uint32_t index)
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
        core->finish = core->phase == KERN_COLLECTING && all_done(core);
    }
}

static void on_exited(struct kern_core *core, const struct kern_event *event)
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
    core->finish = core->phase == KERN_COLLECTING && all_done(core);
}

/* One that died meanwhile has another memory now, or none. */
static void on_grew(struct kern_core *core, const struct kern_event *event)
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

static void on_operator_kill(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    if (process_over(process)) {
        return;
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
    if (core->phase == KERN_RESTING) {
        next_tick(core);
    }
    core->finish = core->phase == KERN_COLLECTING && all_done(core);
}

static void on_hung(struct kern_core *core, const struct kern_event *event)
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

static void on_failed(struct kern_core *core, const struct kern_event *event)
{
    snprintf(core->text, sizeof core->text, "%s", event->text);
    kern_stop(core, 8, event->err, core->text);
}

static void dispatch(struct kern_core *core, const struct kern_event *event)
{
    switch (event->kind) {
    case KERN_EVENT_RUN:
        core->target = event->tick;
        core->paused = false;
        if (core->phase == KERN_RESTING) {
            next_tick(core);
        }
        break;
    case KERN_EVENT_SPAWNED:
        on_spawned(core, event);
        break;
    case KERN_EVENT_BELL:
        on_bell(core, event->process);
        break;
    case KERN_EVENT_EXITED:
        on_exited(core, event);
        break;
    case KERN_EVENT_HUNG:
        on_hung(core, event);
        break;
    case KERN_EVENT_LOGGED:
        core->durable = event->tick;
        sys_view_host_durable(&core->view, event->tick);
        break;
    case KERN_EVENT_FAILED:
        on_failed(core, event);
        break;
    case KERN_EVENT_GREW:
        on_grew(core, event);
        break;
    case KERN_EVENT_KILL:
        on_operator_kill(core, event->process);
        break;
    case KERN_EVENT_PAUSE:
        core->paused = true;
        break;
    case KERN_EVENT_ASKED:
        if (core->phase == KERN_RESTING && kern_sec_waits(core)) {
            next_tick(core);
        }
        break;
    case KERN_EVENT_CONTINUE:
        break;
    }
}

/* Each of them has kept within what one process may ask for, and together it is too much. Who has
 * asked for most has broken the limit of a tick; the others have not, and the run goes on. False:
 * the tick is collected from somebody anew. */
static bool fits(struct kern_core *core)
{
    static const char why[] = "with what others asked for it was more than there may be in a tick, "
                              "and it asked for most";
    uint32_t worst = 0;
    if (kern_again_collect(core) != JIT_OK) {
        return true; /* the commit finds the same, and says so */
    }
    while (core->phase == KERN_COLLECTING && (worst = kern_collect_excess(core)) != SYS_NONE) {
        struct kern_process *process = &core->processes[worst];
        bool gone = process->gone;
        process->gone = false;
        kern_process_kill(core, worst, why);
        if (gone) { /* nobody will tell of its end again */
            const struct kern_event ended = {
                .kind = KERN_EVENT_EXITED, .process = worst, .text = why};
            on_exited(core, &ended);
        }
    }
    core->finish = false;
    return core->phase == KERN_COLLECTING && all_done(core);
}

void kern_core_step(struct kern_core *core, const struct kern_event *event,
                    struct kern_update *update)
{
    assert(event->process < core->process_count || core->process_count == 0 || event->process == 0);
    core->action_count = 0;
    if (core->phase == KERN_STOPPED) {
        *update = (struct kern_update){.actions = core->actions};
        return;
    }
    dispatch(core, event);
    /* One commit a step: what it hands out is borrowed until the next. */
    if (core->finish && core->phase == KERN_COLLECTING) {
        core->finish = false;
        bool whole = fits(core);
        if (whole) {
            kern_modes_finish(core);
            note_exits(core);
        }
        if (whole && core->phase == KERN_COLLECTING) { /* there may have been no memory for exits */
            kern_commit_tick(core);
            end_exited(core);
            kern_boot_restarts(core);
            next_tick(core);
        }
    }
    if (core->out_of_memory) {
        core->out_of_memory = false;
        core->action_count = 0;
        core->phase = KERN_RESTING; /* if it has stopped already, that was not told either */
        kern_stop(core, 8, JIT_ENOMEM, "no memory for the kernel's own actions");
    }
    *update = (struct kern_update){
        .actions = core->actions, .count = core->action_count, .again = core->finish};
}

/* ---- life ---- */

enum jit_err kern_core_new(const struct kern_core_options *options, struct kern_core **out,
                           const char **where)
{
    assert(out != NULL && where != NULL);
    *out = NULL;
    *where = NULL;
    struct kern_core *core = jit_heap_zalloc(options->heap, 1, sizeof *core);
    if (core == NULL) {
        return JIT_ENOMEM;
    }
    core->options = *options;
    core->heap = options->heap;
    kern_beside_init(&core->beside_here, core->heap);
    core->beside = options->beside != NULL ? options->beside : &core->beside_here;
    core->version = options->version;
    core->commit = options->commit;
    core->tick = options->tick;
    core->durable = options->tick;
    core->target = options->tick;
    if (options->deviations != NULL) {
        core->deviations = *options->deviations;
    }
    jit_buf_init(&core->waiting, core->heap, JIT_ATOM_BYTES_MAX);
    jit_buf_init(&core->later, core->heap, JIT_ATOM_BYTES_MAX);
    kern_place_id("/proc", &core->waiting_place.instance, &core->waiting_place.node);
    core->phase = KERN_RESTING;
    void *actions = NULL;
    enum jit_err err =
        jit_heap_grow(core->heap, &actions, &core->action_capacity, 16, sizeof *core->actions) == 0
            ? JIT_OK
            : JIT_ENOMEM;
    core->actions = actions;
    if (err == JIT_OK) {
        err = kern_setup(core, where);
    }
    if (err == JIT_OK) {
        core->may_wait = kern_again_may_be(core);
    }
    if (err != JIT_OK) {
        kern_core_free(core);
        return err;
    }
    *out = core;
    return JIT_OK;
}

void kern_core_free(struct kern_core *core)
{
    if (core == NULL) {
        return;
    }
    for (uint32_t i = 0; i < core->previous_count; i++) {
        rmg_store_unpin(core->options.store, &core->previous[i]);
    }
    kern_setup_release(core);
    jit_buf_release(&core->waiting);
    kern_beside_release(&core->beside_here);
    kern_intents_release(core);
    core->heap->free(core->heap, core->died);
    core->heap->free(core->heap, core->owns);
    jit_buf_release(&core->later);
    core->heap->free(core->heap, core->kept_keys);
    core->heap->free(core->heap, core->again);
    core->heap->free(core->heap, core);
}

/* ---- getters ---- */

const struct kern_config *kern_core_config(const struct kern_core *core)
{
    return core->config;
}

void kern_core_process(const struct kern_core *core, uint32_t index,
                       struct kern_process_status *out)
{
    assert(index < core->process_count);
    const struct kern_process *process = &core->processes[index];
    *out = (struct kern_process_status){
        .config = process->config,
        .state = process->state,
        .requests = process->requests,
        .applied = process->applied,
        .denied = process->denied,
        .restarts = process->restarts,
        .graph_bytes = process->graph_size,
    };
    const struct kern_own *own = kern_core_own(core, index);
    if (own != NULL) {
        out->graph = own->use;
    }
    memcpy(out->last, process->last, sizeof out->last);
}

struct rmg_version kern_core_version(const struct kern_core *core)
{
    return core->version;
}

struct jit_id kern_core_commit(const struct kern_core *core)
{
    return core->commit;
}

uint64_t kern_core_tick(const struct kern_core *core)
{
    return core->tick;
}

uint64_t kern_core_durable(const struct kern_core *core)
{
    return core->durable;
}

uint64_t kern_core_recorded_by(const struct kern_core *core)
{
    return core->tick + (core->happened_count > 0 || kern_sec_waits(core));
}

const struct sys_caps *kern_core_caps(const struct kern_core *core)
{
    return core->sec->caps;
}

bool kern_core_deterministic(const struct kern_core *core)
{
    return core->deviations.count == 0;
}

const struct kern_deviations *kern_core_deviations(const struct kern_core *core)
{
    return &core->deviations;
}

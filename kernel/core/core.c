#include "kernel/core/core.h"

#include <stdio.h>

#include "base/check.h"
#include "kernel/core/core_priv.h"

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

/* ---- ticks ---- */

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
    kern_processes_begin(core);
}

/* ---- events ---- */

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
        kern_process_spawned(core, event);
        break;
    case KERN_EVENT_BELL:
        kern_process_bell(core, event->process);
        break;
    case KERN_EVENT_EXITED:
        kern_process_exited(core, event);
        break;
    case KERN_EVENT_HUNG:
        kern_process_hung(core, event);
        break;
    case KERN_EVENT_LOGGED:
        core->durable = event->tick;
        sys_view_host_durable(&core->view, event->tick);
        break;
    case KERN_EVENT_FAILED:
        on_failed(core, event);
        break;
    case KERN_EVENT_GREW:
        kern_process_grew(core, event);
        break;
    case KERN_EVENT_KILL:
        if (kern_process_end(core, event->process) && core->phase == KERN_RESTING) {
            next_tick(core);
        }
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
            kern_process_exited(core, &ended);
        }
    }
    core->finish = false;
    return kern_processes_done(core);
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
            kern_processes_note_exits(core);
        }
        if (whole && core->phase == KERN_COLLECTING) { /* there may have been no memory for exits */
            kern_commit_tick(core);
            kern_processes_end_exited(core);
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

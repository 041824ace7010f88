#include "base/check.h"
#include "kernel/core/core_priv.h"

/* How long a process takes part: `once`, `until none`, at most so many ticks. Everything follows
 * from the tick at hand and what was asked in it, so nothing is kept from tick to tick: the tick in
 * which a process ends is the one in which its members leave, an event like any other. */

/* Members of one process lie behind one another. */
static uint32_t end_of(const struct kern_core *core, uint32_t first)
{
    uint32_t end = first + 1;
    while (end < core->process_count &&
           strcmp(core->processes[end].config->name, core->processes[first].config->name) == 0) {
        end++;
    }
    return end;
}

/* Is the tick being collected the last one of these members? *left: it ends by its bound, and there
 * still was something to do. */
static bool is_last(const struct kern_core *core, uint32_t first, uint32_t end, bool *left)
{
    const struct kern_process_config *config = core->processes[first].config;
    const uint64_t tick = core->tick + 1;
    bool asked = false;
    bool all = true; /* everybody has looked */
    for (uint32_t i = first; i < end; i++) {
        const struct kern_process *process = &core->processes[i];
        asked = asked || process->pending_count > 0;
        all =
            all && (process->state == KERN_PROCESS_DONE || process->state == KERN_PROCESS_EXITED ||
                    process->state == KERN_PROCESS_FAILED);
    }
    bool bound = config->ticks > 0 && tick >= config->ticks;
    *left = false;
    switch (config->mode) {
    case SYS_APPLY_ONCE:
        return asked;
    case SYS_APPLY_UNTIL_NONE:
        *left = bound && asked;
        return bound || (all && !asked);
    case SYS_APPLY_ALL:
    case SYS_EXPLORE:
    case SYS_SCORE_COUNT:
    case SYS_SCORE_SUM:
        break;
    }
    *left = bound && asked;
    return bound;
}

void kern_modes_finish(struct kern_core *core)
{
    uint32_t end = 0;
    for (uint32_t first = 0; first < core->process_count; first = end) {
        bool left = false;
        end = end_of(core, first);
        if (!is_last(core, first, end, &left)) {
            continue;
        }
        for (uint32_t i = first; i < end; i++) {
            struct kern_process *process = &core->processes[i];
            if (process->state == KERN_PROCESS_DONE && !process->asked_exit) {
                process->asked_exit = true;
                process->finished = true;
                process->exit_status = left ? 1 : 0;
            }
        }
    }
}

/* One rewrite for all members of a process together. */
enum jit_err kern_modes_mosts(struct kern_core *core)
{
    void *data = core->mosts;
    int grown = jit_heap_grow(core->heap, &data, &core->most_capacity, core->process_count + 1u,
                              sizeof *core->mosts);
    core->mosts = data;
    for (uint32_t i = 0; grown == 0 && i < core->process_count; i++) {
        core->mosts[i] = 1;
    }
    return grown == 0 ? JIT_OK : JIT_ENOMEM;
}

uint32_t kern_modes_most(const struct kern_core *core, uint32_t process)
{
    const struct kern_process_config *config = core->processes[process].config;
    if (config->mode != SYS_APPLY_ONCE) {
        return 0;
    }
    while (process > 0 && strcmp(core->processes[process - 1].config->name, config->name) == 0) {
        process--;
    }
    return process + 1; /* the first member's */
}

#include <stdio.h>

#include "base/check.h"
#include "kernel/core/core_priv.h"

/* What processes have beside the state: the graph that each keeps for itself, told with done, and
 * deaths that were repaired. */

/* ---- own graphs ---- */

enum jit_err kern_own_told(struct kern_process *process, const uint8_t *bytes, size_t size)
{
    if (process->told_own) {
        return JIT_EPEER;
    }
    process->told_own = true;
    process->own_at = (size_t)(bytes - process->bytes.data);
    process->own_size = size - sizeof(struct sys_own);
    return JIT_OK;
}

void kern_own_forget(struct kern_process *process)
{
    if (process->tried != NULL) {
        kern_own_drop(process->tried);
    }
    process->tried = NULL;
    process->told_own = false;
}

/* One of the three of a quota: what it would have, and what it may. False: it is too much. */
static bool within(struct kern_core *core, uint32_t index, const char *what, uint64_t has,
                   uint64_t most)
{
    char line[128];
    if (has <= most) {
        return true;
    }
    snprintf(line, sizeof line, "over quota: its graph would have %llu %s, and %llu are allowed it",
             (unsigned long long)has, what, (unsigned long long)most);
    kern_process_kill(core, index, line);
    return false;
}

static bool within_quota(struct kern_core *core, uint32_t index, const struct rmg_amount *use)
{
    const struct rmg_amount *most = &core->processes[index].config->policy.graph;
    return within(core, index, "nodes", use->nodes, most->nodes) &&
           within(core, index, "edges", use->edges, most->edges) &&
           within(core, index, "bytes of atoms", use->bytes, most->bytes);
}

bool kern_own_done(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    struct kern_own *own = NULL;
    struct jit_id root;
    if (!process->told_own) {
        return true;
    }
    const uint8_t *bytes = process->bytes.data + process->own_at;
    memcpy(root.bytes, bytes, sizeof root.bytes);
    enum jit_err err = kern_own_get(core->beside, &process->config->id, &own);
    if (err == JIT_OK) {
        err =
            kern_own_try(core->heap, own, &root, bytes + sizeof(struct sys_own), process->own_size);
    }
    if (err == JIT_ENOMEM) {
        kern_stop(core, 8, err, "no memory for the graph that a process keeps");
        return false;
    }
    if (err != JIT_OK) {
        kern_process_kill(core, index,
                          err == JIT_ENOSPC || err == JIT_ELIMIT
                              ? "the graph that it keeps has grown too large"
                              : "what it says of its own graph does not follow from what it had");
        return false;
    }
    if (!within_quota(core, index, &own->next_use)) {
        kern_own_drop(own);
        return false;
    }
    process->tried = own;
    return true;
}

enum jit_err kern_own_gather(struct kern_core *core, uint32_t *count)
{
    void *data = core->owns;
    *count = 0;
    for (uint32_t i = 0; i < core->process_count; i++) {
        const struct kern_process *process = &core->processes[i];
        if (process->tried == NULL) {
            continue;
        }
        if (jit_heap_grow(core->heap, &data, &core->own_capacity, *count + 1u,
                          sizeof *core->owns) != 0) {
            return JIT_ENOMEM;
        }
        core->owns = data;
        core->owns[(*count)++] = (struct kern_record_own){
            .process = process->config->id,
            .root = process->tried->next.head.state_root,
            .patch = process->bytes.data + process->own_at + sizeof(struct sys_own),
            .patch_size = process->own_size};
    }
    return JIT_OK;
}

void kern_own_settle(struct kern_core *core)
{
    for (uint32_t i = 0; i < core->process_count; i++) {
        struct kern_process *process = &core->processes[i];
        if (process->tried != NULL) {
            kern_own_take(process->tried);
            process->tried = NULL;
        }
    }
}

const struct kern_own *kern_core_own(const struct kern_core *core, uint32_t process)
{
    assert(process < core->process_count);
    return kern_own_find(core->beside, &core->processes[process].config->id);
}

/* ---- deaths ---- */

void kern_note_death(struct kern_core *core, uint32_t index)
{
    void *data = core->died;
    if (jit_heap_grow(core->heap, &data, &core->died_capacity, core->died_count + 1,
                      sizeof *core->died) != 0) {
        kern_stop(core, 8, JIT_ENOMEM, "no memory to note that a worker died");
        return;
    }
    core->died = data;
    core->died[core->died_count++] = core->processes[index].config->id;
}

/* Those that count: the newest, as many as its policy looks at. */
void kern_read_deaths(struct kern_core *core, struct kern_process *process)
{
    const struct kern_policy *policy = &process->config->policy;
    for (uint32_t i = 0; i < core->beside->death_count; i++) {
        const struct kern_death *death = &core->beside->deaths[i];
        if (policy->restarts == 0 || !jit_id_equal(&death->process, &process->config->id)) {
            continue;
        }
        if (process->death_count == policy->restarts) {
            process->death_count--;
            memmove(process->deaths, process->deaths + 1,
                    process->death_count * sizeof *process->deaths);
        }
        process->deaths[process->death_count++] = death->tick;
    }
}

#include "base/check.h"
#include "kernel/core/core_priv.h"

/* What a worker is told before it starts: rules, instances, capabilities. It follows from the
 * version that it begins with and nothing else; when capabilities change so that it would be told
 * something else, it is started anew at the end of the tick. */

static uint64_t view_offset(const struct kern_core *core, const struct jit_id *instance)
{
    for (uint32_t i = 0; i < core->viewed_count; i++) {
        if (jit_id_equal(&core->viewed[i], instance)) {
            return core->viewed_at[i];
        }
    }
    return 0;
}

uint32_t kern_rule_index(const struct kern_process *process, const struct jit_id *id)
{
    for (uint32_t i = 0; i < process->rule_count; i++) {
        if (jit_id_equal(&process->rules[i]->id, id)) {
            return i;
        }
    }
    return SYS_NONE;
}

static uint32_t instance_index(const struct kern_process *process, const struct jit_id *id)
{
    for (uint32_t i = 0; i < process->instance_count; i++) {
        if (jit_id_equal(&process->instances[i], id)) {
            return i;
        }
    }
    return SYS_NONE;
}

static uint32_t index_of(const struct kern_core *core, const struct kern_process *process)
{
    return (uint32_t)(process - core->processes);
}

/* ---- instances ---- */

/* The n-th capability of a process that is for an instance, dead ones included; NULL: none in this
 * slot. */
static const struct sys_cap *for_instance(const struct kern_core *core, uint32_t process,
                                          uint32_t slot, uint32_t *node)
{
    *node = sys_caps_at(core->sec->caps, process, slot);
    const struct sys_cap_node *at = sys_caps_node(core->sec->caps, *node);
    return at == NULL || at->cap.object != SYS_OBJECT_INSTANCE ? NULL : &at->cap;
}

static void drop_instances(struct kern_core *core, struct kern_process *process)
{
    struct jit_heap *heap = core->heap;
    for (uint32_t k = 0; process->lineages != NULL && k < process->instance_count; k++) {
        heap->free(heap, process->lineages[k]);
    }
    heap->free(heap, process->lineages);
    heap->free(heap, process->instances);
    heap->free(heap, process->readable);
    heap->free(heap, process->boot_maps);
    process->lineages = NULL;
    process->instances = NULL;
    process->readable = NULL;
    process->boot_maps = NULL;
    process->instance_count = 0;
}

static void add_instance(struct kern_process *process, const struct jit_id *id)
{
    if (instance_index(process, id) == SYS_NONE) {
        process->instances[process->instance_count++] = *id;
    }
}

/* Distinct instances of its runs and capabilities: what its requests name by index. */
enum jit_err kern_boot_instances(struct kern_core *core, struct kern_process *process)
{
    const struct kern_process_config *config = process->config;
    uint32_t self = index_of(core, process);
    uint32_t slots = sys_caps_slots(core->sec->caps, self);
    size_t max = (size_t)config->run_count + slots + 1;
    drop_instances(core, process);
    process->instances = jit_heap_zalloc(core->heap, max, sizeof *process->instances);
    process->lineages = jit_heap_zalloc(core->heap, max, sizeof *process->lineages);
    process->readable = jit_heap_zalloc(core->heap, max, sizeof *process->readable);
    process->boot_maps = jit_heap_zalloc(core->heap, max, sizeof *process->boot_maps);
    if (process->instances == NULL || process->lineages == NULL || process->readable == NULL ||
        process->boot_maps == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < config->run_count; i++) {
        add_instance(process, &config->runs[i].instance);
    }
    for (uint32_t slot = 0; slot < slots; slot++) {
        uint32_t node;
        const struct sys_cap *cap = for_instance(core, self, slot, &node);
        if (cap != NULL) {
            add_instance(process, &cap->instance);
        }
    }
    return JIT_OK;
}

/* ---- what counts now ---- */

/* The first capability of a process that the need allows, for an instance as near as can be. */
static uint32_t nearest(const struct kern_core *core, uint32_t process,
                        const struct kern_lineage *lineage, const struct sys_cap_need *need)
{
    uint32_t slots = sys_caps_slots(core->sec->caps, process);
    for (uint32_t n = 0; n < lineage->count; n++) {
        for (uint32_t slot = 0; slot < slots; slot++) {
            uint32_t node;
            const struct sys_cap *cap = for_instance(core, process, slot, &node);
            if (cap != NULL && jit_id_equal(&cap->instance, &lineage->ids[n]) &&
                sys_caps_check_node(core->sec->caps, node, need) == SYS_CAP_ALLOWED) {
                return node;
            }
        }
    }
    return SYS_CAP_NONE;
}

/* The capability a run uses: to invoke its rule with its parameters in its instance, or one that
 * it lies in, the nearest that has one; else to write there itself; else one that would do but for
 * the parameters or the priority, so that the denial says so. None: it asks all the same and is
 * denied. */
static struct kern_boot_cap capability_of(const struct kern_core *core,
                                          const struct kern_process *process,
                                          const struct kern_root_run *run)
{
    const struct rmg_rule *rule = process->rules[kern_rule_index(process, &run->rule_id)];
    uint32_t self = index_of(core, process);
    struct kern_lineage lineage;
    struct jit_id digest;
    enum jit_err err = rmg_params_check(rule, run->params, run->params_size, &digest);
    assert(err == JIT_OK); /* setup_process has checked it */
    kern_lineage_read(core, &run->instance, &lineage);
    const struct sys_cap_need needs[] = {
        {.right = SYS_RIGHT_INVOKE,
         .rule_id = &run->rule_id,
         .params_digest = &digest,
         .params = run->params,
         .params_size = run->params_size,
         .priority = rule->priority},
        {.right = SYS_RIGHT_WRITE, .priority = rule->priority, .ranked = true},
        {.right = SYS_RIGHT_INVOKE, .rule_id = &run->rule_id, .priority = INT32_MIN}};
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        uint32_t node = nearest(core, self, &lineage, &needs[i]);
        if (node != SYS_CAP_NONE) {
            const struct sys_cap_node *at = sys_caps_node(core->sec->caps, node);
            return (struct kern_boot_cap){.slot = at->slot, .generation = at->cap.generation};
        }
    }
    return (struct kern_boot_cap){.slot = SYS_NONE};
}

bool kern_boot_may(const struct kern_core *core, uint32_t process, const struct jit_id *instance,
                   uint32_t right)
{
    const struct sys_cap_need need = {.right = right};
    struct kern_lineage lineage;
    kern_lineage_read(core, instance, &lineage);
    return nearest(core, process, &lineage, &need) != SYS_CAP_NONE;
}

static bool may_map(const struct kern_core *core, const struct kern_process *process,
                    const struct jit_id *instance)
{
    return kern_boot_may(core, index_of(core, process), instance, SYS_RIGHT_MAP);
}

/* May it write there by a capability for an instance around it, where none names it? */
static bool writes_outside(const struct kern_core *core, const struct kern_process *process,
                           const struct jit_id *instance)
{
    const struct sys_cap_need need = {.right = SYS_RIGHT_WRITE};
    struct kern_lineage lineage;
    kern_lineage_read(core, instance, &lineage);
    uint32_t node = nearest(core, index_of(core, process), &lineage, &need);
    return node != SYS_CAP_NONE &&
           !jit_id_equal(&sys_caps_node(core->sec->caps, node)->cap.instance, instance);
}

static bool over(const struct kern_process *process)
{
    return process->state == KERN_PROCESS_EXITED || process->state == KERN_PROCESS_FAILED;
}

void kern_boot_lost_maps(struct kern_core *core)
{
    for (uint32_t p = 0; p < core->process_count; p++) {
        struct kern_process *process = &core->processes[p];
        process->remapped = false;
        for (uint32_t i = 0; process->booted && i < process->instance_count; i++) {
            if (process->boot_maps[i] && !may_map(core, process, &process->instances[i])) {
                process->remapped = true;
            }
        }
    }
}

static bool boots_as_it_did(const struct kern_core *core, const struct kern_process *process)
{
    for (uint32_t i = 0; i < process->config->run_count; i++) {
        struct kern_boot_cap now = capability_of(core, process, &process->config->runs[i]);
        if (now.slot != process->boot_runs[i].slot ||
            now.generation != process->boot_runs[i].generation) {
            return false;
        }
    }
    for (uint32_t i = 0; i < process->instance_count; i++) {
        if (process->boot_maps[i] != may_map(core, process, &process->instances[i])) {
            return false;
        }
    }
    /* What it may map now, of instances it does not know of. */
    uint32_t self = index_of(core, process);
    for (uint32_t slot = 0; slot < sys_caps_slots(core->sec->caps, self); slot++) {
        uint32_t node;
        const struct sys_cap *cap = for_instance(core, self, slot, &node);
        if (cap != NULL && (cap->rights & SYS_RIGHT_MAP) != 0 &&
            sys_caps_live(core->sec->caps, node) == SYS_CAP_ALLOWED &&
            instance_index(process, &cap->instance) == SYS_NONE) {
            return false;
        }
    }
    return true;
}

void kern_boot_restarts(struct kern_core *core)
{
    if (core->phase == KERN_STOPPED || (!core->sec->changed && !core->sec->expiring)) {
        return;
    }
    for (uint32_t p = 0; p < core->process_count; p++) {
        struct kern_process *process = &core->processes[p];
        process->remapped = false;
        if (over(process) || process->state == KERN_PROCESS_NEW || !process->booted ||
            process->state == KERN_PROCESS_DYING || boots_as_it_did(core, process)) {
            continue;
        }
        kern_process_kill(core, p, "its capabilities have changed: it is started anew");
        process->leaving = true; /* no death of its own: no policy counts it */
    }
}

/* ---- the record ---- */

static enum jit_err grow_boot(struct kern_core *core, const struct kern_process *process)
{
    struct jit_heap *heap = core->heap;
    uint32_t slots = sys_caps_slots(core->sec->caps, index_of(core, process));
    heap->free(heap, core->boot_caps);
    heap->free(heap, core->boot_instances);
    heap->free(heap, core->boot_rules);
    heap->free(heap, core->boot_runs);
    core->boot_caps = jit_heap_zalloc(heap, slots + 1u, sizeof *core->boot_caps);
    core->boot_instances =
        jit_heap_zalloc(heap, process->instance_count + 1u, sizeof *core->boot_instances);
    core->boot_rules = jit_heap_zalloc(heap, process->rule_count + 1u, sizeof *core->boot_rules);
    core->boot_runs =
        jit_heap_zalloc(heap, process->config->run_count + 1u, sizeof *core->boot_runs);
    return core->boot_caps != NULL && core->boot_instances != NULL && core->boot_rules != NULL &&
                   core->boot_runs != NULL
               ? JIT_OK
               : JIT_ENOMEM;
}

/* Those for instances that count; of others a worker learns by inspect. */
static uint32_t boot_caps(struct kern_core *core, const struct kern_process *process)
{
    uint32_t self = index_of(core, process);
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < sys_caps_slots(core->sec->caps, self); slot++) {
        uint32_t node;
        const struct sys_cap *cap = for_instance(core, self, slot, &node);
        if (cap == NULL || sys_caps_live(core->sec->caps, node) != SYS_CAP_ALLOWED) {
            continue;
        }
        core->boot_caps[count++] = (struct sys_boot_cap){
            .slot = slot,
            .generation = cap->generation,
            .rights = cap->rights,
            .rule = kern_rule_index(process, &cap->rule_id),
            .instance = instance_index(process, &cap->instance),
        };
    }
    return count;
}

static void boot_runs(struct kern_core *core, struct kern_process *process)
{
    for (uint32_t i = 0; i < process->config->run_count; i++) {
        const struct kern_root_run *run = &process->config->runs[i];
        process->boot_runs[i] = capability_of(core, process, run);
        core->boot_runs[i] = (struct sys_boot_run_spec){
            .rule = kern_rule_index(process, &run->rule_id),
            .instance = instance_index(process, &run->instance),
            .cap_slot = process->boot_runs[i].slot,
            .cap_generation = process->boot_runs[i].generation,
            .mode = run->mode >= SYS_EXPLORE ? run->mode : SYS_APPLY_ALL,
            .params = {.bytes = run->params, .size = run->params_size},
        };
        if (run->mode >= SYS_SCORE_COUNT) {
            core->boot_runs[i].cap_slot = (uint32_t)(uint64_t)run->weight;
            core->boot_runs[i].cap_generation = (uint32_t)((uint64_t)run->weight >> 32);
        }
    }
}

enum jit_err kern_core_boot(struct kern_core *core, uint32_t index, struct sys_boot_spec *spec)
{
    assert(index < core->process_count);
    struct kern_process *process = &core->processes[index];
    const struct kern_process_config *config = process->config;
    enum jit_err err = kern_boot_instances(core, process);
    if (err == JIT_OK) {
        err = grow_boot(core, process);
    }
    if (err != JIT_OK) {
        return err;
    }
    for (uint32_t i = 0; i < process->instance_count; i++) {
        const struct jit_id *id = &process->instances[i];
        process->boot_maps[i] = may_map(core, process, id);
        core->boot_instances[i] = (struct sys_boot_instance){
            .id = *id, .view_offset = process->boot_maps[i] ? view_offset(core, id) : 0};
        if (core->boot_instances[i].view_offset != 0 && writes_outside(core, process, id)) {
            core->boot_instances[i].view_offset |= SYS_WRITE_OUTSIDE;
        }
    }
    for (uint32_t i = 0; i < process->rule_count; i++) {
        for (uint32_t r = 0; r < core->config->rule_count; r++) {
            if (core->config->rules[r] == process->rules[i]) {
                core->boot_rules[i] = (struct sys_bytes){.bytes = core->config->programs[r],
                                                         .size = core->config->program_sizes[r]};
            }
        }
    }
    boot_runs(core, process);
    process->booted = true;
    const struct kern_own *own = kern_own_find(core->beside, &config->id);
    const struct rmg_amount most = config->policy.graph;
    core->boot_quota = (struct sys_boot_quota){.nodes = own == NULL ? 0 : own->use.nodes,
                                               .edges = own == NULL ? 0 : own->use.edges,
                                               .bytes = own == NULL ? 0 : own->use.bytes,
                                               .nodes_max = most.nodes,
                                               .edges_max = most.edges,
                                               .bytes_max = most.bytes};
    *spec = (struct sys_boot_spec){
        .process = config->id,
        .index = config->index,
        .count = config->count,
        .seed = core->config->seed,
        .start_tick = core->tick + 1,
        .view_bytes = core->options.view->size_max,
        .keep = config->policy.keep,
        .quota = rmg_amount_bounded(&most) ? &core->boot_quota : NULL,
        .explore = config->explore,
        .explore_flags = config->explore_flags,
        .caps = core->boot_caps,
        .instances = core->boot_instances,
        .rules = core->boot_rules,
        .runs = core->boot_runs,
        .cap_count = boot_caps(core, process),
        .instance_count = process->instance_count,
        .rule_count = process->rule_count,
        .run_count = config->run_count,
    };
    return JIT_OK;
}

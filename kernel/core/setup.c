#include "base/check.h"
#include "kernel/core/core_priv.h"

/* From the configuration in the root graph to processes that can be spawned: the distinct rules and
 * instances their requests name by index, their capability tables, the entries of the view. */

/* ---- the view ---- */

enum jit_err kern_publish(struct kern_core *core)
{
    for (uint32_t i = 0; i < core->viewed_count; i++) {
        struct rmg_instance instance;
        enum jit_err err =
            rmg_store_instance(core->options.store, &core->version, &core->viewed[i], &instance);
        if (err == JIT_ENOENT) { /* deleted: its readers see an empty graph */
            core->viewed_now[i] = (struct rmg_roots){0};
            continue;
        }
        if (err != JIT_OK) {
            return err;
        }
        core->viewed_now[i] = instance.roots;
    }
    sys_view_host_publish(&core->view, core->tick, core->options.view->size, core->viewed_now,
                          core->viewed_count);
    return JIT_OK;
}

/* Every instance of the view's arena gets an entry. */
static enum jit_err setup_view(struct kern_core *core)
{
    uint64_t max = core->version.instance_count;
    core->viewed = jit_heap_zalloc(core->heap, max + 1, sizeof *core->viewed);
    core->viewed_at = jit_heap_zalloc(core->heap, max + 1, sizeof *core->viewed_at);
    core->viewed_now = jit_heap_zalloc(core->heap, max + 1, sizeof *core->viewed_now);
    if (core->viewed == NULL || core->viewed_at == NULL || core->viewed_now == NULL) {
        return JIT_ENOMEM;
    }
    sys_view_host_init(&core->view, core->options.view->base, core->options.view->size_max);
    struct rmg_instance instance;
    const struct jit_id *after = NULL;
    for (;;) {
        enum jit_err err = rmg_store_next(core->options.store, &core->version, after, &instance);
        if (err == JIT_ENOENT) {
            return kern_publish(core);
        }
        if (err != JIT_OK) {
            return err;
        }
        after = &instance.id;
        if (instance.arena != 1) {
            continue;
        }
        uint32_t index = 0;
        err = sys_view_host_entry(&core->view, &instance.id, &index,
                                  &core->viewed_at[core->viewed_count]);
        if (err != JIT_OK) {
            return err;
        }
        assert(index == core->viewed_count);
        core->viewed[core->viewed_count++] = instance.id;
    }
}

static uint64_t view_offset(const struct kern_core *core, const struct jit_id *instance)
{
    for (uint32_t i = 0; i < core->viewed_count; i++) {
        if (jit_id_equal(&core->viewed[i], instance)) {
            return core->viewed_at[i];
        }
    }
    return 0;
}

/* ---- processes ---- */

static const struct rmg_rule *find_rule(const struct kern_core *core, const struct jit_id *id)
{
    for (uint32_t i = 0; i < core->config->rule_count; i++) {
        if (jit_id_equal(&core->config->rules[i]->id, id)) {
            return core->config->rules[i];
        }
    }
    return NULL;
}

static uint32_t rule_index(const struct kern_process *process, const struct jit_id *id)
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

static void add_instance(struct kern_process *process, const struct jit_id *id)
{
    if (instance_index(process, id) == SYS_NONE) {
        process->instances[process->instance_count++] = *id;
    }
}

static enum jit_err setup_capabilities(struct kern_core *core, struct kern_process *process)
{
    const struct kern_process_config *config = process->config;
    enum jit_err err = JIT_OK;
    process->quota_at = core->quota_count;
    for (uint32_t i = 0; err == JIT_OK && i < config->capability_count; i++) {
        const struct kern_root_capability *c = &config->capabilities[i];
        struct sys_cap_node node = {.cap = {.generation = c->generation,
                                            .rights = c->rights,
                                            .instance = c->instance,
                                            .rule_id = c->rule_id,
                                            .params_digest = c->params_digest,
                                            .limit_group = c->limit_group,
                                            .badge = c->badge},
                                    .holder = (uint32_t)(process - core->processes),
                                    .slot = c->slot,
                                    .parent = SYS_CAP_NONE};
        uint32_t at = 0;
        err = sys_caps_put(core->caps, &node, &at);
        if (c->limit_group >= process->quota_count) {
            process->quota_count = c->limit_group + 1;
        }
    }
    core->quota_count += process->quota_count;
    return err;
}

static enum jit_err setup_process(struct kern_core *core, struct kern_process *process,
                                  const char **where)
{
    const struct kern_process_config *config = process->config;
    jit_buf_init(&process->bytes, core->heap, KERN_REQUEST_BYTES_MAX);
    process->state = config->exited ? KERN_PROCESS_EXITED : KERN_PROCESS_NEW;
    size_t runs = config->run_count;
    process->deaths =
        jit_heap_zalloc(core->heap, config->policy.restarts + 1u, sizeof *process->deaths);
    process->rules = jit_heap_zalloc(core->heap, runs + 1, sizeof *process->rules);
    process->instances = jit_heap_zalloc(core->heap, runs + config->capability_count + 1,
                                         sizeof *process->instances);
    process->lineages =
        jit_heap_zalloc(core->heap, runs + config->capability_count + 1, sizeof *process->lineages);
    if (process->deaths == NULL || process->rules == NULL || process->instances == NULL ||
        process->lineages == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < config->run_count; i++) {
        const struct kern_root_run *run = &config->runs[i];
        const struct rmg_rule *rule = find_rule(core, &run->rule_id);
        struct jit_id digest;
        if (rule == NULL) {
            *where = "a process in /proc runs a rule that is not in /sys";
            return JIT_EINVALID;
        }
        if (rmg_params_check(rule, run->params, run->params_size, &digest) != JIT_OK) {
            *where = "a process in /proc binds parameters that do not fit its rule";
            return JIT_EINVALID;
        }
        if (rule_index(process, &rule->id) == SYS_NONE) {
            process->rules[process->rule_count++] = rule;
        }
        add_instance(process, &run->instance);
    }
    for (uint32_t i = 0; i < config->capability_count; i++) {
        add_instance(process, &config->capabilities[i].instance);
    }
    return setup_capabilities(core, process);
}

enum jit_err kern_setup(struct kern_core *core, const char **where)
{
    struct jit_id root_node;
    kern_place_id("/world", &core->world, &root_node);
    jit_buf_init(&core->payload, core->heap, KERN_PAYLOAD_BYTES_MAX);
    enum jit_err err =
        kern_config_read(core->heap, core->options.store, &core->version, &core->config, where);
    if (err != JIT_OK) {
        return err;
    }
    core->processes =
        jit_heap_zalloc(core->heap, core->config->process_count + 1u, sizeof *core->processes);
    if (core->processes == NULL) {
        return JIT_ENOMEM;
    }
    err = sys_caps_new(core->heap, core->config->process_count, &core->caps);
    for (uint32_t i = 0; err == JIT_OK && i < core->config->process_count; i++) {
        core->processes[i].config = &core->config->processes[i];
        core->process_count++;
        err = setup_process(core, &core->processes[i], where);
    }
    if (err == JIT_OK) {
        core->quotas = jit_heap_zalloc(core->heap, core->quota_count + 1u, sizeof *core->quotas);
        err = core->quotas == NULL ? JIT_ENOMEM : setup_view(core);
    }
    if (err == JIT_OK) {
        err = rmg_engine_new(core->heap, core->options.store, core->options.exec, &core->engine);
    }
    return err;
}

void kern_setup_release(struct kern_core *core)
{
    struct jit_heap *heap = core->heap;
    for (uint32_t i = 0; i < core->process_count; i++) {
        struct kern_process *process = &core->processes[i];
        jit_buf_release(&process->bytes);
        heap->free(heap, process->deaths);
        heap->free(heap, process->rules);
        for (uint32_t k = 0; process->lineages != NULL && k < process->instance_count; k++) {
            heap->free(heap, process->lineages[k]);
        }
        heap->free(heap, process->lineages);
        heap->free(heap, process->instances);
        heap->free(heap, process->pending);
    }
    rmg_engine_free(core->engine);
    sys_caps_free(core->caps);
    kern_config_free(heap, core->config);
    jit_buf_release(&core->payload);
    heap->free(heap, core->processes);
    heap->free(heap, core->viewed);
    heap->free(heap, core->viewed_at);
    heap->free(heap, core->viewed_now);
    heap->free(heap, core->quotas);
    heap->free(heap, core->requests);
    heap->free(heap, core->sources);
    heap->free(heap, core->happened);
    heap->free(heap, core->boot_caps);
    heap->free(heap, core->boot_instances);
    heap->free(heap, core->boot_rules);
    heap->free(heap, core->boot_runs);
    heap->free(heap, core->actions);
}

/* ---- what a worker is told ---- */

static enum jit_err grow_boot(struct kern_core *core, const struct kern_process *process)
{
    struct jit_heap *heap = core->heap;
    heap->free(heap, core->boot_caps);
    heap->free(heap, core->boot_instances);
    heap->free(heap, core->boot_rules);
    heap->free(heap, core->boot_runs);
    core->boot_caps =
        jit_heap_zalloc(heap, process->config->capability_count + 1u, sizeof *core->boot_caps);
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

/* The invoke capability a run uses: for its rule, its parameters, and its instance or one that it
 * lies in, the nearest that has one. None: it asks all the same and is denied. */
static const struct kern_root_capability *capability_of(const struct kern_process_config *config,
                                                        const struct kern_root_run *run,
                                                        const struct kern_lineage *lineage,
                                                        const struct jit_id *digest)
{
    for (uint32_t n = 0; n < lineage->count; n++) {
        for (uint32_t i = 0; i < config->capability_count; i++) {
            const struct kern_root_capability *cap = &config->capabilities[i];
            if ((cap->rights & SYS_RIGHT_INVOKE) != 0 &&
                jit_id_equal(&cap->rule_id, &run->rule_id) &&
                jit_id_equal(&cap->instance, &lineage->ids[n]) &&
                (jit_id_is_zero(&cap->params_digest) ||
                 jit_id_equal(&cap->params_digest, digest))) {
                return cap;
            }
        }
    }
    return NULL;
}

static bool may_map(const struct kern_process_config *config, const struct kern_lineage *lineage)
{
    for (uint32_t i = 0; i < config->capability_count; i++) {
        for (uint32_t n = 0; n < lineage->count; n++) {
            if ((config->capabilities[i].rights & SYS_RIGHT_MAP) != 0 &&
                jit_id_equal(&config->capabilities[i].instance, &lineage->ids[n])) {
                return true;
            }
        }
    }
    return false;
}

static void boot_runs(struct kern_core *core, const struct kern_process *process)
{
    for (uint32_t i = 0; i < process->config->run_count; i++) {
        const struct kern_root_run *run = &process->config->runs[i];
        uint32_t rule = rule_index(process, &run->rule_id);
        struct jit_id digest;
        enum jit_err err =
            rmg_params_check(process->rules[rule], run->params, run->params_size, &digest);
        assert(err == JIT_OK); /* setup_process has checked it */
        struct kern_lineage lineage;
        kern_lineage_read(core, &run->instance, &lineage);
        const struct kern_root_capability *cap =
            capability_of(process->config, run, &lineage, &digest);
        core->boot_runs[i] = (struct sys_boot_run_spec){
            .rule = rule,
            .instance = instance_index(process, &run->instance),
            .cap_slot = cap != NULL ? cap->slot : SYS_NONE,
            .cap_generation = cap != NULL ? cap->generation : 0,
            .mode = run->mode,
            .params = {.bytes = run->params, .size = run->params_size},
        };
    }
}

enum jit_err kern_core_boot(struct kern_core *core, uint32_t index, struct sys_boot_spec *spec)
{
    assert(index < core->process_count);
    const struct kern_process *process = &core->processes[index];
    const struct kern_process_config *config = process->config;
    enum jit_err err = grow_boot(core, process);
    if (err != JIT_OK) {
        return err;
    }
    for (uint32_t i = 0; i < config->capability_count; i++) {
        const struct kern_root_capability *cap = &config->capabilities[i];
        core->boot_caps[i] = (struct sys_boot_cap){
            .slot = cap->slot,
            .generation = cap->generation,
            .rights = cap->rights,
            .rule = rule_index(process, &cap->rule_id),
            .instance = instance_index(process, &cap->instance),
        };
    }
    for (uint32_t i = 0; i < process->instance_count; i++) {
        const struct jit_id *id = &process->instances[i];
        struct kern_lineage lineage;
        kern_lineage_read(core, id, &lineage);
        core->boot_instances[i] = (struct sys_boot_instance){
            .id = *id, .view_offset = may_map(config, &lineage) ? view_offset(core, id) : 0};
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
    *spec = (struct sys_boot_spec){
        .process = config->id,
        .index = config->index,
        .count = config->count,
        .seed = core->config->seed,
        .start_tick = core->tick + 1,
        .view_bytes = core->options.view->size_max,
        .caps = core->boot_caps,
        .instances = core->boot_instances,
        .rules = core->boot_rules,
        .runs = core->boot_runs,
        .cap_count = config->capability_count,
        .instance_count = process->instance_count,
        .rule_count = process->rule_count,
        .run_count = config->run_count,
    };
    return JIT_OK;
}

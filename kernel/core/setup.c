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
    sys_view_host_oldest(&core->view, core->tick - core->previous_count);
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

/* ---- processes ---- */

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
    process->boot_runs = jit_heap_zalloc(core->heap, runs + 1, sizeof *process->boot_runs);
    if (process->deaths == NULL || process->rules == NULL || process->boot_runs == NULL) {
        return JIT_ENOMEM;
    }
    kern_read_deaths(core, process);
    for (uint32_t i = 0; i < config->run_count; i++) {
        const struct kern_root_run *run = &config->runs[i];
        const struct rmg_rule *rule = kern_config_rule(core->config, &run->rule_id);
        struct jit_id digest;
        if (rule == NULL) {
            *where = "a process in /proc runs a rule that is not in /sys";
            return JIT_EINVALID;
        }
        if (rmg_params_check(rule, run->params, run->params_size, &digest) != JIT_OK) {
            *where = "a process in /proc binds parameters that do not fit its rule";
            return JIT_EINVALID;
        }
        if (kern_rule_index(process, &rule->id) == SYS_NONE) {
            process->rules[process->rule_count++] = rule;
        }
    }
    return JIT_OK;
}

enum jit_err kern_setup(struct kern_core *core, const char **where)
{
    struct jit_id root_node;
    kern_place_id("/world", &core->world, &root_node);
    kern_place_id("/sec", &core->sec_places[0], &root_node);
    kern_place_id("/proc", &core->sec_places[1], &root_node);
    kern_place_id("/schema", &core->kept[0], &root_node);
    kern_place_id("/sys", &core->kept[1], &root_node);
    core->kept[2] = core->sec_places[0];
    core->kept[3] = core->sec_places[1];
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
    core->previous_max = 1;
    for (uint32_t i = 0; err == JIT_OK && i < core->config->process_count; i++) {
        uint32_t keep = core->config->processes[i].policy.keep;
        core->previous_max = keep > core->previous_max + 1 ? keep - 1 : core->previous_max;
        core->processes[i].config = &core->config->processes[i];
        core->process_count++;
        err = setup_process(core, &core->processes[i], where);
    }
    if (err == JIT_OK) {
        err = kern_sec_new(core, where);
    }
    for (uint32_t i = 0; err == JIT_OK && i < core->process_count; i++) {
        err = kern_boot_instances(core, &core->processes[i]);
    }
    if (err == JIT_OK) {
        err = setup_view(core);
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
        kern_collapse_drop(process);
        kern_own_forget(process);
        jit_buf_release(&process->bytes);
        heap->free(heap, process->deaths);
        heap->free(heap, process->rules);
        for (uint32_t k = 0; process->lineages != NULL && k < process->instance_count; k++) {
            heap->free(heap, process->lineages[k]);
        }
        heap->free(heap, process->lineages);
        heap->free(heap, process->instances);
        heap->free(heap, process->readable);
        heap->free(heap, process->boot_runs);
        heap->free(heap, process->boot_maps);
        heap->free(heap, process->asks);
        heap->free(heap, process->pending);
    }
    rmg_engine_free(core->engine);
    kern_sec_free(core->sec);
    rmg_schema_free(core->schema);
    kern_config_free(heap, core->config);
    jit_buf_release(&core->payload);
    heap->free(heap, core->processes);
    heap->free(heap, core->viewed);
    heap->free(heap, core->viewed_at);
    heap->free(heap, core->viewed_now);
    heap->free(heap, core->quotas);
    heap->free(heap, core->mosts);
    heap->free(heap, core->requests);
    heap->free(heap, core->sources);
    heap->free(heap, core->happened);
    heap->free(heap, core->boot_caps);
    heap->free(heap, core->boot_instances);
    heap->free(heap, core->boot_rules);
    heap->free(heap, core->boot_runs);
    heap->free(heap, core->actions);
}

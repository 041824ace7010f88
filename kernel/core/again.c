#include "base/check.h"
#include "kernel/core/core_priv.h"

/* Requests that lost and are tried again (DESIGN 14.1). They lie in the state, written by the
 * engine at the end of the tick they lost in, so whoever makes the next tick from that state has
 * them: this core, one that recovers from the log, one that starts from a checkpoint. All that is
 * known of them is looked up anew. */

static uint32_t find_process(const struct kern_core *core, const struct jit_id *id)
{
    uint32_t p = 0;
    while (p < core->process_count && !jit_id_equal(&core->processes[p].config->id, id)) {
        p++;
    }
    return p;
}

/* Whose it is; process_count: of nobody who goes on. */
static uint32_t find(const struct kern_core *core, const struct rmg_waiting *waiting,
                     struct kern_pending *out)
{
    uint32_t p = find_process(core, &waiting->asked.process);
    if (p == core->process_count || core->processes[p].state == KERN_PROCESS_EXITED ||
        core->processes[p].state == KERN_PROCESS_FAILED) {
        return core->process_count;
    }
    const struct kern_process *process = &core->processes[p];
    /* What is not there any more has an index past the last one, and is refused as invalid. */
    *out = (struct kern_pending){.nonce = waiting->asked.nonce,
                                 .id_count = waiting->asked.id_count,
                                 .params_size = waiting->asked.params_size,
                                 .cap_slot = waiting->asked.cap_slot,
                                 .cap_generation = waiting->cap_generation};
    while (out->rule < process->rule_count &&
           !jit_id_equal(&process->rules[out->rule]->id, &waiting->asked.rule_id)) {
        out->rule++;
    }
    while (out->instance < process->instance_count &&
           !jit_id_equal(&process->instances[out->instance], &waiting->asked.instance)) {
        out->instance++;
    }
    return p;
}

bool kern_again_may_be(const struct kern_core *core)
{
    bool found = false;
    for (uint32_t r = 0; r < core->config->rule_count; r++) {
        found = found || core->config->rules[r]->retry > 0;
    }
    return found;
}

/* The bytes of the list, copied: the store's own move while a tick is made. */
static enum jit_err read_list(struct kern_core *core)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct rmg_value value;
    enum jit_err err = rmg_store_instance(core->options.store, &core->version,
                                          &core->waiting_place.instance, &instance);
    if (err == JIT_OK) {
        rmg_store_graph(core->options.store, &instance, &graph);
        err = rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &core->waiting_place.node,
                                 RMG_WAITING_NAME, sizeof RMG_WAITING_NAME - 1, &value);
    }
    if (err == JIT_OK && value.kind != RMG_VALUE_ATOM) {
        err = JIT_ECORRUPT;
    }
    if (err == JIT_OK) {
        jit_buf_put(&core->waiting, value.bytes, value.size);
        err = core->waiting.err;
    }
    return err;
}

static enum jit_err add(struct kern_core *core, const struct rmg_waiting *waiting)
{
    void *data = core->again;
    if (jit_heap_grow(core->heap, &data, &core->again_capacity, core->again_count + 1,
                      sizeof *core->again) != 0) {
        return JIT_ENOMEM;
    }
    core->again = data;
    struct kern_again *again = &core->again[core->again_count];
    *again = (struct kern_again){
        .retries = waiting->retries, .ids = waiting->asked.ids, .params = waiting->asked.params};
    again->process = find(core, waiting, &again->pending);
    core->again_count += again->process < core->process_count; /* else who asked is gone */
    return JIT_OK;
}

enum jit_err kern_again_collect(struct kern_core *core)
{
    struct rmg_waiting waiting;
    struct jit_cursor cur;
    jit_buf_reset(&core->waiting);
    core->again_count = 0;
    if (!core->may_wait) {
        return JIT_OK;
    }
    enum jit_err err = read_list(core);
    if (err == JIT_ENOENT) {
        return JIT_OK; /* nobody waits */
    }
    if (err == JIT_OK) {
        err = rmg_waiting_open(core->waiting.data, core->waiting.size, &cur);
    }
    while (err == JIT_OK) {
        err = rmg_waiting_next(&cur, &waiting);
        if (err == JIT_ENOENT) {
            return JIT_OK;
        }
        if (err == JIT_OK) {
            err = add(core, &waiting);
        }
    }
    return err == JIT_ENOMEM ? err : JIT_ECORRUPT;
}

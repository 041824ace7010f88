#include <stdlib.h>

#include "base/check.h"
#include "kernel/core/core_priv.h"

/* Requests that lost and are tried again (DESIGN 14.1), and those that are delayed (DESIGN 5.3).
 * They lie in the state, written by the engine at the end of the tick they lost or were asked in,
 * so whoever makes the next tick from that state has them: this core, one that recovers from the
 * log, one that starts from a checkpoint. All that is known of them is looked up anew. */

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
        found = found || core->config->rules[r]->retry > 0 || core->config->rules[r]->delay > 0;
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

/* One that is not due yet stays as it lies there, from `bytes` to where the list has been read; the
 * place of its key follows from the order, at the end. */
static enum jit_err keep(struct kern_core *core, const struct rmg_waiting *waiting,
                         const uint8_t *bytes, const uint8_t *end)
{
    struct kern_pending pending;
    void *data = core->kept_keys;
    if (find(core, waiting, &pending) == core->process_count) {
        return JIT_OK; /* who asked is gone */
    }
    if (jit_heap_grow(core->heap, &data, &core->kept_capacity, core->waiting_place.kept_count + 1,
                      sizeof *core->kept_keys) != 0) {
        return JIT_ENOMEM;
    }
    core->kept_keys = data;
    core->kept_keys[core->waiting_place.kept_count++] = waiting->request_key;
    jit_buf_put(&core->later, bytes, (size_t)(end - bytes));
    return core->later.err;
}

static int compare_keys(const void *a, const void *b)
{
    return jit_id_compare(a, b);
}

static void kept_settle(struct kern_core *core)
{
    struct rmg_waiting_place *place = &core->waiting_place;
    if (place->kept_count > 0) {
        qsort(core->kept_keys, place->kept_count, sizeof *core->kept_keys, compare_keys);
    }
    place->kept = core->later.data;
    place->kept_size = core->later.size;
    place->kept_keys = core->kept_keys;
}

enum jit_err kern_again_collect(struct kern_core *core)
{
    struct rmg_waiting waiting;
    struct rmg_waiting_list list;
    jit_buf_reset(&core->waiting);
    jit_buf_reset(&core->later);
    core->again_count = 0;
    core->waiting_place.kept_count = 0;
    core->waiting_place.kept_size = 0;
    if (!core->may_wait) {
        return JIT_OK;
    }
    enum jit_err err = read_list(core);
    if (err == JIT_ENOENT) {
        return JIT_OK; /* nobody waits */
    }
    if (err == JIT_OK) {
        err = rmg_waiting_open(core->waiting.data, core->waiting.size, &list);
    }
    while (err == JIT_OK) {
        const uint8_t *begin = list.cur.at;
        err = rmg_waiting_next(&list, &waiting);
        if (err == JIT_ENOENT) {
            kept_settle(core);
            return JIT_OK;
        }
        if (err == JIT_OK) {
            err = waiting.due > core->tick + 1 ? keep(core, &waiting, begin, list.cur.at)
                                               : add(core, &waiting);
        }
    }
    return err == JIT_ENOMEM ? err : JIT_ECORRUPT;
}

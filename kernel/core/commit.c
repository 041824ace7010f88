#include <stdio.h>

#include "base/check.h"
#include "kernel/core/core_priv.h"

/* The tick: everything collected goes through authorisation and the engine; the new version is
 * published to the workers and handed to the log. */

/* ---- requests ---- */

/* Most capabilities name the very instance; where it lies is asked only if this one does not. */
static bool check_capability(struct kern_core *core, uint32_t index,
                             const struct kern_pending *pending, struct sys_cap_need *need,
                             enum sys_cap_verdict *verdict, uint32_t *node)
{
    *verdict =
        sys_caps_check(core->caps, index, pending->cap_slot, pending->cap_generation, need, node);
    if (*verdict != SYS_CAP_OTHER_INSTANCE) {
        return true;
    }
    const struct kern_lineage *lineage =
        kern_lineage_of(core, &core->processes[index], pending->instance);
    if (lineage == NULL) {
        return false;
    }
    need->outer = lineage->ids + 1;
    need->outer_count = lineage->count - 1;
    *verdict =
        sys_caps_check(core->caps, index, pending->cap_slot, pending->cap_generation, need, node);
    return true;
}

/* False: there was no memory. */
static bool authorise(struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                      struct rmg_request *request, struct kern_source *source)
{
    struct kern_process *process = &core->processes[index];
    request->result = RMG_INVALID;
    if (pending->rule >= process->rule_count || pending->instance >= process->instance_count) {
        return true;
    }
    request->rule = process->rules[pending->rule];
    request->rule_id = request->rule->id;
    request->instance = process->instances[pending->instance];
    struct jit_id digest;
    if (rmg_params_check(request->rule, request->params, request->params_size, &digest) != JIT_OK) {
        return true;
    }
    struct sys_cap_need need = {.right = SYS_RIGHT_INVOKE,
                                .rule_id = &request->rule_id,
                                .instance = &request->instance,
                                .params_digest = &digest,
                                .params = request->params,
                                .params_size = request->params_size,
                                .priority = request->rule->priority};
    uint32_t node = SYS_CAP_NONE;
    if (!check_capability(core, index, pending, &need, &source->verdict, &node)) {
        return false;
    }
    if (source->verdict != SYS_CAP_ALLOWED) {
        request->result = RMG_DENIED;
        return true;
    }
    const struct sys_cap *cap = &sys_caps_node(core->caps, node)->cap;
    assert(cap->limit_group < process->quota_count);
    request->result = RMG_APPLIED;
    request->quota = process->quota_at + cap->limit_group;
    return true;
}

/* Everybody's requests, decoded and authorised. Returns their number, or -1 when memory was
 * refused. */
static int64_t gather(struct kern_core *core)
{
    size_t total = 0;
    for (uint32_t p = 0; p < core->process_count; p++) {
        total += core->processes[p].pending_count;
    }
    void *requests = core->requests;
    void *sources = core->sources;
    int grown = jit_heap_grow(core->heap, &requests, &core->request_capacity, total,
                              sizeof *core->requests);
    core->requests = requests;
    if (grown == 0) {
        grown = jit_heap_grow(core->heap, &sources, &core->source_capacity, total,
                              sizeof *core->sources);
        core->sources = sources;
    }
    if (grown != 0) {
        return -1;
    }
    size_t at = 0;
    for (uint32_t p = 0; p < core->process_count; p++) {
        struct kern_process *process = &core->processes[p];
        for (size_t i = 0; i < process->pending_count; i++, at++) {
            const struct kern_pending *pending = &process->pending[i];
            core->sources[at] = (struct kern_source){.process = p, .pending = (uint32_t)i};
            core->requests[at] = (struct rmg_request){
                .ids = (const struct jit_id *)(const void *)(process->bytes.data + pending->ids_at),
                .id_count = pending->id_count,
                .params = process->bytes.data + pending->params_at,
                .params_size = pending->params_size,
                .nonce = pending->nonce,
                .process = process->config->id,
                .cap_slot = pending->cap_slot,
                .quota = RMG_NO_QUOTA,
                .user = (uint32_t)at,
            };
            if (!authorise(core, p, pending, &core->requests[at], &core->sources[at])) {
                return -1;
            }
        }
    }
    return (int64_t)total;
}

static void fill_quotas(struct kern_core *core)
{
    for (uint32_t p = 0; p < core->process_count; p++) {
        const struct kern_process *process = &core->processes[p];
        for (uint32_t c = 0; c < process->config->capability_count; c++) {
            const struct kern_root_capability *cap = &process->config->capabilities[c];
            core->quotas[process->quota_at + cap->limit_group] = cap->limit;
        }
    }
}

/* ---- events ---- */

/* The state that an event leaves its process in; NULL: it goes on. */
static const char *state_after(const struct kern_core *core, const struct kern_record_event *event)
{
    switch (event->kind) {
    case KERN_HAPPENED_FAILED:
        return "failed";
    case KERN_HAPPENED_HUNG:
        return NULL;
    case KERN_HAPPENED_KILL:
        return "exited";
    case KERN_HAPPENED_EXIT:
        break;
    }
    uint32_t p = 0;
    while (p < core->process_count &&
           !jit_id_equal(&core->processes[p].config->id, &event->process)) {
        p++;
    }
    assert(p < core->process_count);
    return core->processes[p].config->policy.restart == KERN_RESTART_ALWAYS ? NULL : "exited";
}

static uint32_t event_ops(const struct kern_core *core, struct rmg_op *ops)
{
    uint32_t count = 0;
    for (size_t i = 0; i < core->happened_count; i++) {
        const char *state = state_after(core, &core->happened[i]);
        if (state != NULL) {
            kern_root_state_op(&core->happened[i].process, state, &ops[count++]);
        }
    }
    return count;
}

/* ---- results ---- */

static void settle_receipts(struct kern_core *core, const struct rmg_tick_output *out,
                            uint32_t count, struct kern_report *report)
{
    for (uint32_t p = 0; p < core->process_count; p++) {
        memset(core->processes[p].counts, 0, sizeof core->processes[p].counts);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct kern_source *source = &core->sources[core->requests[i].user];
        struct kern_process *process = &core->processes[source->process];
        const struct kern_pending *pending = &process->pending[source->pending];
        const struct rmg_receipt *receipt = &out->receipts[i];
        assert(receipt->result < RMG_RESULT_COUNT);
        process->counts[receipt->result]++;
        process->requests++;
        process->applied += receipt->result == RMG_APPLIED;
        process->denied += receipt->result == RMG_DENIED;
        if (receipt->result == RMG_DENIED && report->denial_count < KERN_DENIALS_MAX) {
            core->denials[report->denial_count++] =
                (struct kern_denial){.request = i,
                                     .process = source->process,
                                     .slot = pending->cap_slot,
                                     .why = source->verdict,
                                     .rule_id = core->requests[i].rule_id,
                                     .instance = core->requests[i].instance};
        }
        if (!pending->want_receipt || process->state != KERN_PROCESS_DONE || process->asked_exit) {
            continue; /* one that exits with this tick takes nothing any more, and stays exited */
        }
        struct sys_receipt reply = {.cookie = pending->cookie,
                                    .tick = core->tick,
                                    .result = receipt->result,
                                    .blocker = receipt->blocker,
                                    .index = i,
                                    .request_key = receipt->request_key};
        if (sys_ring_host_reply(&process->ring, &reply) != 1) {
            kern_process_kill(core, source->process, "it does not take its receipts");
        }
    }
    report->denials = core->denials;
}

/* The log's record and the subscribers' report of the tick just made. */
static void announce(struct kern_core *core, const struct rmg_tick_output *out, uint32_t count,
                     struct kern_report *report)
{
    struct kern_record record = {
        .events = core->happened,
        .event_count = (uint32_t)core->happened_count,
        .requests = core->requests,
        .receipts = out->receipts,
        .request_count = count,
        .patch = out->patch,
        .patch_size = out->patch_size,
    };
    jit_buf_reset(&core->payload);
    kern_record_encode(&record, &core->payload);
    if (core->payload.err != JIT_OK) {
        kern_stop(core, 8, core->payload.err, "no memory for a tick's log record");
        return;
    }
    struct kern_action *log = kern_act(core, KERN_DO_LOG);
    log->tick = core->tick;
    log->record = (struct kern_log_record){.tick = core->tick,
                                           .commit = core->commit,
                                           .state_root = core->version.state_root,
                                           .payload = core->payload.data,
                                           .payload_size = core->payload.size};
    report->tick = core->tick;
    report->commit = core->commit;
    report->state_root = core->version.state_root;
    report->nodes = out->nodes_total;
    report->edges = out->edges_total;
    memcpy(report->counts, out->counts, sizeof report->counts);
    report->receipts = out->receipts;
    report->request_count = count;
    report->patch = out->patch;
    report->patch_size = out->patch_size;
    if (rmg_store_instance_root(core->options.store, &core->version, &core->world,
                                &report->world_root) != JIT_OK) {
        memset(&report->world_root, 0, sizeof report->world_root); /* there is no /world */
    }
    struct kern_action *tick = kern_act(core, KERN_DO_TICK);
    tick->tick = core->tick;
    tick->report = *report;
}

static void refuse(struct kern_core *core, enum jit_err err)
{
    snprintf(core->text, sizeof core->text, "tick %llu was refused: %s",
             (unsigned long long)(core->tick + 1), jit_err_text(err));
    kern_stop(core, err == JIT_ECORRUPT ? 5 : 8, err, core->text);
}

/* Workers compare the version they saw last with the newest one: so the one before the newest stays
 * readable until all have said done to a tick that began with the newest. */
static enum jit_err make_version(struct kern_core *core, struct rmg_tick_input *input,
                                 struct rmg_tick_output *out)
{
    struct rmg_version base = core->version;
    enum jit_err err = rmg_store_pin(core->options.store, &base);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_engine_tick(core->engine, input, out);
    if (err != JIT_OK) {
        rmg_store_unpin(core->options.store, &base);
        return err;
    }
    if (core->has_previous) {
        rmg_store_unpin(core->options.store, &core->previous);
    }
    core->previous = base;
    core->has_previous = true;
    return JIT_OK;
}

void kern_commit_tick(struct kern_core *core)
{
    assert(core->phase == KERN_COLLECTING);
    int64_t count = gather(core);
    struct rmg_op *ops = NULL;
    if (count >= 0 && core->happened_count > 0) {
        ops = jit_heap_zalloc(core->heap, core->happened_count, sizeof *ops);
    }
    if (count < 0 || (core->happened_count > 0 && ops == NULL)) {
        refuse(core, JIT_ENOMEM);
        return;
    }
    uint32_t op_count = event_ops(core, ops);
    fill_quotas(core);
    struct rmg_tick_input input = {
        .base = core->version,
        .parent = core->commit,
        .tick = core->tick + 1,
        .seed = core->config->seed,
        .policy = RMG_POLICY,
        .budget = JIT_VERIFY_SLOTS_MAX,
        .requests = core->requests,
        .request_count = (uint32_t)count,
        .quotas = core->quotas,
        .quota_count = core->quota_count,
        .events = ops,
        .event_count = op_count,
    };
    struct rmg_tick_output out;
    enum jit_err err = make_version(core, &input, &out);
    core->heap->free(core->heap, ops);
    if (err != JIT_OK) {
        refuse(core, err);
        return;
    }
    core->version = out.version;
    core->commit = out.commit;
    core->tick++;
    for (size_t i = 0; i < core->happened_count; i++) {
        kern_deviations_note(&core->deviations, core->tick, &core->happened[i]);
    }
    struct kern_report report = {0};
    settle_receipts(core, &out, (uint32_t)count, &report);
    err = kern_publish(core);
    if (err != JIT_OK) {
        kern_stop(core, 5, err, "the new version could not be published");
        return;
    }
    announce(core, &out, (uint32_t)count, &report);
    core->happened_count = 0;
}

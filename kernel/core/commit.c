#include <stdio.h>

#include "base/check.h"
#include "kernel/core/intent_priv.h"

/* The tick: everything collected goes through authorisation and the engine; the new version is
 * published to the workers and handed to the log. */

/* ---- requests ---- */

/* Under which of its slots does it ask, as the log is to have it? A slot that is empty, or whose
 * capability is not the one that is meant, is none: so what is logged names the capability that the
 * slot holds in this tick, and says all that was judged. */
static uint32_t slot_of(const struct kern_core *core, const struct kern_source *source,
                        const struct kern_pending *pending)
{
    uint32_t node = SYS_CAP_NONE;
    if (source->again || core->processes[source->process].replayed ||
        sys_caps_lookup(core->sec->caps, source->process, pending->cap_slot,
                        pending->cap_generation, &node) == JIT_OK) {
        return pending->cap_slot;
    }
    return SYS_NONE;
}

/* What the log names is the capability that the slot holds now. */
static void settle_generation(const struct kern_core *core, uint32_t process,
                              struct kern_pending *pending)
{
    const struct sys_caps *caps = core->sec->caps;
    const struct sys_cap_node *node =
        sys_caps_node(caps, sys_caps_at(caps, process, pending->cap_slot));
    pending->cap_generation = node == NULL ? 0 : node->cap.generation;
}

/* One request, decoded; its ids and parameters lie where they were put. False: there was no
 * memory. */
static bool take(struct kern_core *core, size_t at, struct kern_source source,
                 const struct kern_pending *pending, const struct jit_id *ids,
                 const uint8_t *params)
{
    core->sources[at] = source;
    core->requests[at] = (struct rmg_request){
        .ids = ids,
        .id_count = pending->id_count,
        .params = params,
        .params_size = pending->params_size,
        .nonce = pending->nonce,
        .process = core->processes[source.process].config->id,
        .cap_slot = slot_of(core, &source, pending),
        .cap_generation = pending->cap_generation,
        .quota = RMG_NO_QUOTA,
        .most = kern_modes_most(core, source.process),
        .asker = source.process,
        .retries = source.again ? core->again[source.pending].retries : 0,
        .due = source.again && core->again[source.pending].retries == 0,
        .user = (uint32_t)at,
    };
    if (source.intent) { /* of nobody's matches, and not tried again: who asked asks again */
        core->requests[at].most = 0;
        core->requests[at].asker = core->process_count;
        core->requests[at].retries = pending->intent->rule->retry;
    }
    return kern_authorise(core, source.process, pending, &core->requests[at], &core->sources[at]);
}

static const struct kern_pending *pending_of(const struct kern_core *core,
                                             const struct kern_source *source)
{
    if (source->intent) {
        return &core->intents.list[source->pending].pending;
    }
    return source->again ? &core->again[source->pending].pending
                         : &core->processes[source->process].pending[source->pending];
}

static enum jit_err gather_room(struct kern_core *core, size_t total)
{
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
    return grown == 0 ? JIT_OK : JIT_ENOMEM;
}

/* Everybody's requests and those that are tried again, authorised.
 * Errors: JIT_ENOMEM, JIT_ECORRUPT. */
static enum jit_err gather(struct kern_core *core, uint32_t *count)
{
    enum jit_err err = kern_again_collect(core);
    if (err == JIT_OK) {
        err = kern_intents_gather(core);
    }
    size_t total = core->again_count + core->intents.count;
    for (uint32_t p = 0; p < core->process_count; p++) {
        total += core->processes[p].pending_count;
    }
    if (err == JIT_OK) {
        err = gather_room(core, total);
    }
    size_t at = 0;
    for (uint32_t p = 0; err == JIT_OK && p < core->process_count; p++) {
        const struct kern_process *process = &core->processes[p];
        for (size_t i = 0; err == JIT_OK && i < process->pending_count; i++, at++) {
            struct kern_pending *pending = &process->pending[i];
            if (process->replayed) {
                settle_generation(core, p, pending);
            }
            const struct kern_source source = {.process = p, .pending = (uint32_t)i};
            const uint8_t *ids = process->bytes.data + pending->ids_at;
            bool taken = take(core, at, source, pending, (const struct jit_id *)(const void *)ids,
                              process->bytes.data + pending->params_at);
            err = taken ? JIT_OK : JIT_ENOMEM;
        }
    }
    for (size_t i = 0; err == JIT_OK && i < core->again_count; i++, at++) {
        const struct kern_again *again = &core->again[i];
        const struct kern_source source = {
            .process = again->process, .pending = (uint32_t)i, .again = true};
        bool taken = take(core, at, source, &again->pending, again->ids, again->params);
        err = taken ? JIT_OK : JIT_ENOMEM;
    }
    for (size_t i = 0; err == JIT_OK && i < core->intents.count; i++, at++) {
        const struct kern_intending *intent = &core->intents.list[i];
        const struct kern_source source = {
            .process = intent->holder, .pending = (uint32_t)i, .intent = true};
        bool taken = take(core, at, source, &intent->pending, intent->it.ids, intent->it.params);
        err = taken ? JIT_OK : JIT_ENOMEM;
    }
    *count = (uint32_t)total;
    return err;
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

/* Why the engine denied what authorisation had let through. A copy is as wrong as the request it
 * is equal to. */
static enum sys_cap_verdict verdict_of(const struct rmg_request *request)
{
    switch ((enum rmg_gate_stop)request->gate) {
    case RMG_GATE_EDGE:
        return SYS_CAP_EDGE_TYPE;
    case RMG_GATE_WRITES_NODE:
        return SYS_CAP_WRITES_NODE;
    case RMG_GATE_WRITES_EDGE:
        return SYS_CAP_WRITES_EDGE;
    case RMG_GATE_OPEN:
    case RMG_GATE_NODE:
        break;
    }
    return SYS_CAP_NODE_TYPE;
}

static void settle_receipts(struct kern_core *core, const struct rmg_tick_output *out,
                            uint32_t count, struct kern_report *report)
{
    for (uint32_t p = 0; p < core->process_count; p++) {
        memset(core->processes[p].counts, 0, sizeof core->processes[p].counts);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rmg_request *request = &core->requests[i];
        struct kern_source *source = &core->sources[request->user];
        struct kern_process *process = &core->processes[source->process];
        const struct kern_pending *pending = pending_of(core, source);
        const struct rmg_receipt *receipt = &out->receipts[i];
        assert(receipt->result < RMG_RESULT_COUNT);
        if (receipt->result == RMG_DENIED && source->verdict == SYS_CAP_ALLOWED) {
            source->verdict = verdict_of(request);
            source->by_gate = true;
        }
        if (receipt->result == RMG_DENIED && report->denial_count < KERN_DENIALS_MAX) {
            core->denials[report->denial_count++] =
                (struct kern_denial){.request = i,
                                     .process = source->process,
                                     .slot = pending->cap_slot,
                                     .why = source->verdict,
                                     .rule_id = request->rule_id,
                                     .instance = request->instance};
        }
        if (source->intent) { /* its process has not asked for it, and is told nothing */
            kern_intent_settled(core, source->pending, i, source, (enum rmg_result)receipt->result);
            continue;
        }
        bool known = false;
        enum rmg_result told =
            kern_told(core, source, pending, (enum rmg_result)receipt->result, &known);
        process->counts[told]++;
        process->requests++;
        process->applied += receipt->result == RMG_APPLIED;
        process->denied += receipt->result == RMG_DENIED;
        if (!pending->want_receipt || process->state != KERN_PROCESS_DONE || process->asked_exit) {
            continue; /* one that exits with this tick takes nothing any more, and stays exited */
        }
        struct sys_receipt reply = {.cookie = pending->cookie,
                                    .tick = core->tick,
                                    .result = (uint16_t)told,
                                    .blocker = known ? receipt->blocker : RMG_NO_BLOCKER,
                                    .index = known ? i : UINT32_MAX,
                                    .request_key = receipt->request_key};
        if (pending->collapse != NULL) {
            kern_collapse_told(pending, &reply);
        }
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
    struct kern_record_ask *asks = kern_sec_asked(core, &record.ask_count);
    record.asks = asks;
    record.deaths = core->died;
    record.death_count = (uint32_t)core->died_count;
    struct kern_record_intent *intents = NULL;
    struct jit_buf narrowed;
    jit_buf_init(&narrowed, core->heap, KERN_INTENTS_MAX * SYS_ATTENUATORS_BYTES_MAX);
    enum jit_err err = kern_own_gather(core, &record.own_count);
    record.owns = core->owns;
    if (err == JIT_OK) {
        err = kern_intents_asked(core, &intents, &narrowed);
    }
    record.intents = intents;
    record.intent_count = intents == NULL ? 0 : (uint32_t)core->intents.count;
    for (size_t i = 0; err == JIT_OK && i < core->died_count; i++) {
        err = kern_beside_died(core->beside, &core->died[i], core->tick);
    }
    jit_buf_reset(&core->payload);
    if (err == JIT_OK && (record.ask_count == 0 || asks != NULL)) {
        kern_record_encode(&record, &core->payload);
    } else {
        core->payload.err = JIT_ENOMEM;
    }
    core->heap->free(core->heap, asks);
    core->heap->free(core->heap, intents);
    jit_buf_release(&narrowed);
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
    int size = snprintf(core->text, sizeof core->text, "tick %llu was refused: %s",
                        (unsigned long long)(core->tick + 1), jit_err_text(err));
    /* It would go on without them; a new kernel begins without any. */
    if ((err == JIT_ENOSPC || err == JIT_ENOMEM) && core->previous_count > 1) {
        (void)snprintf(core->text + size, sizeof core->text - (size_t)size,
                       "; %u older versions are held in memory for a process that says `keep N "
                       "versions`",
                       (unsigned)core->previous_count);
    }
    kern_stop(core, err == JIT_ECORRUPT ? 5 : 8, err, core->text);
}

/* The oldest that is kept is let go. */
static void forget_oldest(struct kern_core *core)
{
    const uint32_t left = --core->previous_count;
    rmg_store_unpin(core->options.store, &core->previous[0]);
    memmove(core->previous, core->previous + 1, left * sizeof core->previous[0]);
    memmove(core->previous_bytes, core->previous_bytes + 1, left * sizeof core->previous_bytes[0]);
}

/* What versions before the newest are charged with is a function of what lies in the log, so that
 * every run of a system keeps the same ones; the one before the newest costs nothing. */
static void keep_version(struct kern_core *core, const struct rmg_version *version,
                         const struct rmg_tick_output *out)
{
    uint64_t bytes = 0;
    if (core->previous_count == core->previous_max) {
        forget_oldest(core);
    }
    core->previous[core->previous_count] = *version;
    core->previous_bytes[core->previous_count++] =
        out->patch_size + out->operations * JIT_KEEP_OPERATION_BYTES;
    for (uint32_t i = 0; i + 1 < core->previous_count; i++) {
        bytes += core->previous_bytes[i];
    }
    while (bytes > JIT_KEEP_BYTES_MAX) {
        bytes -= core->previous_bytes[0];
        forget_oldest(core);
    }
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
    keep_version(core, &base, out);
    return JIT_OK;
}

/* What the tick is made of: authority, quotas, requests, and who ends with it. */
static enum jit_err prepare(struct kern_core *core, uint32_t *count)
{
    enum jit_err err = kern_sec_begin(core);
    if (err == JIT_OK) {
        err = kern_sec_quotas(core);
    }
    if (err == JIT_OK) {
        err = gather(core, count);
    }
    if (err == JIT_OK) {
        err = kern_modes_mosts(core);
    }
    if (err == JIT_OK) {
        err = kern_collapse_schema(core);
    }
    return err;
}

/* The engine is given what was gathered, and what has happened as operations of our own. */
static enum jit_err run_engine(struct kern_core *core, uint32_t count, struct rmg_tick_output *out)
{
    struct rmg_op *ops = NULL;
    if (core->happened_count > 0) {
        ops = jit_heap_zalloc(core->heap, core->happened_count, sizeof *ops);
        if (ops == NULL) {
            return JIT_ENOMEM;
        }
    }
    struct rmg_tick_input input = {
        .base = core->version,
        .parent = core->commit,
        .tick = core->tick + 1,
        .seed = core->config->seed,
        .policy = RMG_POLICY,
        .budget = JIT_VERIFY_SLOTS_MAX,
        .asker_slots = JIT_VERIFY_TICK_MAX,
        .asker_count = core->process_count + 1, /* the last one: all bearers of tokens together */
        .invariants = (const struct rmg_rule *const *)core->config->invariants,
        .invariant_count = core->config->invariant_count,
        .sought = core->config->sought,
        .requests = core->requests,
        .request_count = count,
        .quotas = core->quotas,
        .quota_count = core->quota_count,
        .field_of = kern_collapse_field,
        .field_user = core,
        .events = ops,
        .event_count = event_ops(core, ops),
        .mosts = core->mosts,
        .most_count = core->process_count,
        .charged = kern_sec_write,
        .charged_user = core,
        .charged_in = core->sec_places,
        .charged_in_count = kern_sec_may_write(core) ? 2 : 0,
        .waiting = core->may_wait ? &core->waiting_place : NULL,
    };
    enum jit_err err = make_version(core, &input, out);
    core->heap->free(core->heap, ops);
    return err;
}

/* The core stands behind the tick: its deviations and receipts are settled. */
static void go_on(struct kern_core *core, const struct rmg_tick_output *out, uint32_t count,
                  struct kern_report *report)
{
    core->version = out->version;
    core->commit = out->commit;
    core->tick++;
    for (size_t i = 0; i < core->happened_count; i++) {
        kern_deviations_note(&core->deviations, core->tick, &core->happened[i]);
    }
    settle_receipts(core, out, count, report);
}

void kern_commit_tick(struct kern_core *core)
{
    uint32_t count = 0;
    struct rmg_tick_output out;
    struct kern_report report = {0};
    assert(core->phase == KERN_COLLECTING);
    enum jit_err err = prepare(core, &count);
    if (err == JIT_OK) {
        err = run_engine(core, count, &out);
    }
    if (err != JIT_OK) {
        refuse(core, err);
        return;
    }
    go_on(core, &out, count, &report);
    err = kern_publish(core);
    if (err != JIT_OK) {
        kern_stop(core, 5, err, "the new version could not be published");
        return;
    }
    announce(core, &out, count, &report);
    core->happened_count = 0;
    core->died_count = 0;
    kern_own_settle(core);
    kern_intents_settle(core);
    kern_sec_settle(core);
}

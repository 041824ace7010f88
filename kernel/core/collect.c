#include "base/check.h"
#include "kernel/core/core_priv.h"

/* Taking requests from a worker's ring. Bytes are copied once into the process's private buffer and
 * judged there; what does not decode is the worker's death (DESIGN 14.1), never ours. */

void kern_collect_reset(struct kern_process *process)
{
    kern_collapse_drop(process);
    jit_buf_reset(&process->bytes);
    process->pending_count = 0;
    process->ask_count = 0;
    process->asked_exit = false;
    kern_own_forget(process);
}

/* The bytes of a request, inline or in the graph arena: one copy, at the end of the buffer. */
static enum jit_err copy_request(struct kern_process *process, const struct sys_slot *slot,
                                 size_t *at)
{
    *at = process->bytes.size;
    if (slot->length <= SYS_INLINE_BYTES) {
        jit_buf_put(&process->bytes, slot->body.bytes, slot->length);
        return process->bytes.err;
    }
    uint64_t offset = 0;
    enum jit_err err = sys_ring_far(slot, process->graph_size, &offset);
    if (err == JIT_OK) {
        jit_buf_put(&process->bytes, process->graph + offset, slot->length);
        err = process->bytes.err;
    }
    return err;
}

enum jit_err kern_collect_pending(struct kern_core *core, struct kern_process *process,
                                  struct kern_pending **out)
{
    void *data = process->pending;
    if (process->pending_count == JIT_REQUESTS_PER_TICK_MAX) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(core->heap, &data, &process->pending_capacity, process->pending_count + 1,
                      sizeof *process->pending) != 0) {
        return JIT_ENOMEM;
    }
    process->pending = data;
    *out = &process->pending[process->pending_count];
    return JIT_OK;
}

static enum jit_err take_apply(struct kern_core *core, struct kern_process *process,
                               const struct sys_slot *slot, const struct sys_apply_view *apply)
{
    struct kern_pending *pending = NULL;
    enum jit_err err = kern_collect_pending(core, process, &pending);
    if (err != JIT_OK) {
        return err;
    }
    process->pending_count++;
    *pending = (struct kern_pending){
        .cookie = slot->cookie,
        .nonce = apply->nonce,
        .ids_at = (size_t)((const uint8_t *)apply->ids - process->bytes.data),
        .params_at = (size_t)(apply->params - process->bytes.data),
        .id_count = apply->id_count,
        .params_size = apply->params_size,
        .cap_slot = apply->cap_slot,
        .cap_generation = apply->cap_generation,
        .rule = apply->rule,
        .instance = apply->instance,
        .want_receipt = (apply->flags & SYS_WANT_RECEIPT) != 0,
    };
    return JIT_OK;
}

/* An answer at once, to a call that is no part of the tick. */
static enum jit_err answer(struct kern_core *core, uint32_t index, uint64_t cookie,
                           enum rmg_result result)
{
    struct sys_receipt receipt = {.cookie = cookie,
                                  .tick = core->tick + 1,
                                  .result = (uint16_t)result,
                                  .blocker = RMG_NO_BLOCKER,
                                  .index = UINT32_MAX};
    /* No room: it does not take its receipts, and we keep none for it. */
    return sys_ring_host_reply(&core->processes[index].ring, &receipt) == 1 ? JIT_OK : JIT_EBUSY;
}

static enum jit_err take_inspect(struct kern_core *core, uint32_t index, uint64_t cookie,
                                 const struct sys_inspect *inspect)
{
    struct sys_receipt receipt = {
        .cookie = cookie, .tick = core->tick + 1, .blocker = RMG_NO_BLOCKER, .index = UINT32_MAX};
    kern_sec_inspect(core, index, inspect, &receipt);
    return sys_ring_host_reply(&core->processes[index].ring, &receipt) == 1 ? JIT_OK : JIT_EBUSY;
}

/* More graph memory, charged to the process. What is answered depends on its own bytes alone. */
static enum jit_err take_grow(struct kern_core *core, uint32_t index, uint64_t cookie,
                              uint64_t bytes)
{
    struct kern_process *process = &core->processes[index];
    if (bytes > process->graph_size_max) {
        return answer(core, index, cookie, RMG_OVER_QUOTA);
    }
    if (bytes <= process->graph_size) {
        return answer(core, index, cookie, RMG_APPLIED);
    }
    if (process->growing != 0) {
        return answer(core, index, cookie, RMG_INVALID);
    }
    /* A multiple of the page, as the maximum is. */
    process->growing = (bytes + SYS_PAGE - 1) / SYS_PAGE * SYS_PAGE;
    process->grow_cookie = cookie;
    struct kern_action *action = kern_act(core, KERN_DO_GROW);
    action->process = index;
    action->bytes = process->growing;
    return JIT_OK;
}

void kern_collect_grew(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    process->graph_size = process->growing;
    process->growing = 0;
    if (answer(core, index, process->grow_cookie, RMG_APPLIED) != JIT_OK) {
        kern_process_kill(core, index, "it does not take its receipts");
    } else if (sys_ring_host_ring(&process->ring)) {
        kern_act(core, KERN_DO_WAKE)->process = index;
    }
}

static enum jit_err take_one(struct kern_core *core, uint32_t index, const struct sys_slot *slot)
{
    struct kern_process *process = &core->processes[index];
    struct sys_request request;
    size_t at = 0;
    const uint8_t *bytes = NULL;
    enum jit_err err = copy_request(process, slot, &at);
    if (err == JIT_OK) {
        bytes = slot->length > 0 ? process->bytes.data + at : NULL;
        err = sys_decode(slot, bytes, slot->length, &request);
    }
    if (err != JIT_OK) {
        return err;
    }
    if (request.row->decode == NULL) {
        return answer(core, index, slot->cookie, RMG_INVALID);
    }
    switch ((enum sys_call)request.row->number) {
    case SYS_CALL_apply:
        return take_apply(core, process, slot, &request.body.apply);
    case SYS_CALL_collapse:
        return kern_collapse_take(core, process, slot, &request.body.collapse);
    case SYS_CALL_exit:
        process->asked_exit = true;
        process->exit_status = request.body.exit_status;
        return JIT_OK;
    case SYS_CALL_own:
        return kern_own_told(process, bytes, slot->length);
    case SYS_CALL_clock:
        return answer(core, index, slot->cookie, RMG_APPLIED);
    case SYS_CALL_derive:
    case SYS_CALL_grant:
    case SYS_CALL_revoke:
        return kern_sec_take(core, index, slot, bytes);
    case SYS_CALL_inspect:
        return take_inspect(core, index, slot->cookie, &request.body.inspect);
    case SYS_CALL_grow:
        return take_grow(core, index, slot->cookie, request.body.grow_bytes);
    default:
        assert(false); /* a call is built but not carried out */
        return JIT_ENOTSUP;
    }
}

static const char *complaint(enum jit_err err)
{
    switch (err) {
    case JIT_EPEER:
        return "it sent bytes that are no request";
    case JIT_EBUSY:
        return "it does not take its receipts";
    case JIT_ELIMIT:
        return "it sent more requests in a tick than there may be";
    default:
        return "there was no memory for its requests";
    }
}

void kern_collect_drain(struct kern_core *core, uint32_t index)
{
    struct kern_process *process = &core->processes[index];
    /* A full ring at most in one go, or the others would wait for a flood. After done no more than
     * that can be waiting. */
    for (uint32_t n = 0; n <= SYS_REQUEST_SLOTS; n++) {
        struct sys_slot slot;
        int taken = sys_ring_host_take(&process->ring, &slot);
        if (taken == 0) {
            break;
        }
        enum jit_err err = taken < 0 ? JIT_EPEER : take_one(core, index, &slot);
        if (err == JIT_ENOMEM) {
            kern_stop(core, 8, err, "no memory for a worker's requests");
            return;
        }
        if (err != JIT_OK) {
            kern_process_kill(core, index, complaint(err));
            return;
        }
    }
    sys_ring_host_release(&process->ring);
    if (sys_ring_host_ring(&process->ring)) {
        kern_act(core, KERN_DO_WAKE)->process = index;
    }
}

/* ---- all processes together ---- */

/* What a request adds to the record of its tick at most, beside its own bytes. */
#define RECORD_BYTES 256u
/* What the rest of a record may take: the patch, events, what waits for another try. */
#define RECORD_REST (JIT_PATCH_BYTES_MAX + ((uint64_t)16 << 20))

struct load {
    uint64_t requests;
    uint64_t bytes;
};

static struct load load_of(const struct kern_process *process)
{
    uint64_t asked = process->pending_count + process->ask_count;
    return (struct load){.requests = process->pending_count,
                         .bytes = process->bytes.size + asked * RECORD_BYTES};
}

uint32_t kern_collect_excess(const struct kern_core *core)
{
    struct load sum = {.requests = core->again_count + core->intents.count};
    for (uint32_t i = 0; i < core->process_count; i++) {
        if (core->processes[i].state == KERN_PROCESS_DONE) {
            struct load load = load_of(&core->processes[i]);
            sum.requests += load.requests;
            sum.bytes += load.bytes;
        }
    }
    bool requests = sum.requests > JIT_REQUESTS_PER_TICK_MAX;
    if (!requests && sum.bytes <= KERN_PAYLOAD_BYTES_MAX - RECORD_REST) {
        return SYS_NONE;
    }
    uint32_t worst = SYS_NONE;
    uint64_t most = 0;
    for (uint32_t i = 0; i < core->process_count; i++) {
        if (core->processes[i].state == KERN_PROCESS_DONE) {
            struct load load = load_of(&core->processes[i]);
            uint64_t asked = requests ? load.requests : load.bytes;
            worst = asked > most ? i : worst;
            most = asked > most ? asked : most;
        }
    }
    return worst;
}

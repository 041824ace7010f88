#include <stdlib.h>

#include "base/check.h"
#include "kernel/core/core_priv.h"
#include "kernel/core/root_priv.h"
#include "kernel/core/intent_priv.h"

/* The place of capabilities in a tick: first what was asked about them, then, when all requests are
 * charged, operations on /sec for all that has changed. */

/* ---- order ---- */

struct ordered {
    struct jit_id scope;
    struct kern_ask *ask;
};

static int compare_ordered(const void *a, const void *b)
{
    const struct ordered *x = a;
    const struct ordered *y = b;
    int order = jit_id_compare(&x->scope, &y->scope);
    if (order != 0) {
        return order;
    }
    return x->ask->process < y->ask->process ? -1 : x->ask->process > y->ask->process;
}

static bool is_revoke(const struct kern_ask *ask)
{
    return ask->call == SYS_CALL_revoke;
}

/* Operators' in the order in which they came, then workers' in canonical order; of two that a
 * process asks for alike one counts. */
static enum jit_err arrange(struct kern_core *core)
{
    struct kern_sec *sec = core->sec;
    size_t count = 0;
    for (uint32_t p = 0; p < core->process_count; p++) {
        count += core->processes[p].ask_count;
    }
    struct ordered *all = jit_heap_zalloc(core->heap, count + 1, sizeof *all);
    enum jit_err err = SEC_ROOM(sec, sec->order, sec->order_capacity, sec->ask_count + count);
    sec->order_count = 0;
    if (all == NULL || err != JIT_OK) {
        core->heap->free(core->heap, all);
        return JIT_ENOMEM;
    }
    size_t n = 0;
    for (uint32_t p = 0; p < core->process_count; p++) {
        for (size_t i = 0; i < core->processes[p].ask_count; i++, n++) {
            all[n].ask = &core->processes[p].asks[i];
            sec_ask_key(core, all[n].ask);
            rmg_scope_hash(core->config->seed, core->tick + 1, &all[n].ask->key, &all[n].scope);
        }
    }
    if (n > 0) {
        qsort(all, n, sizeof *all, compare_ordered);
    }
    for (size_t i = 0; i < sec->ask_count; i++) {
        sec->order[sec->order_count++] = &sec->asks[i];
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && compare_ordered(&all[i - 1], &all[i]) == 0) {
            all[i].ask->outcome.result = RMG_DUPLICATE;
        }
        sec->order[sec->order_count++] = all[i].ask;
    }
    core->heap->free(core->heap, all);
    return JIT_OK;
}

static enum jit_err carry_out(struct kern_core *core, bool revokes)
{
    struct kern_sec *sec = core->sec;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < sec->order_count; i++) {
        struct kern_ask *ask = sec->order[i];
        if (is_revoke(ask) == revokes && ask->outcome.result == RMG_APPLIED) {
            err = revokes                       ? sec_revoke(core, ask)
                  : ask->call == SYS_CALL_owner ? sec_own(core, ask)
                                                : sec_derive(core, ask);
        }
    }
    return err;
}

enum jit_err kern_sec_begin(struct kern_core *core)
{
    struct kern_sec *sec = core->sec;
    sec->changed = false;
    sec->made_bytes = 0;
    sec->revoke_count = 0;
    enum jit_err err = arrange(core);
    if (err == JIT_OK) {
        err = carry_out(core, true);
    }
    if (err == JIT_OK) {
        err = sec_sweep(sec);
    }
    if (err == JIT_OK) {
        err = carry_out(core, false);
    }
    if (err == JIT_OK && sec->changed) {
        kern_boot_lost_maps(core);
    }
    for (uint32_t p = 0; p < core->process_count; p++) {
        struct kern_process *process = &core->processes[p];
        memset(process->readable, 0, process->instance_count * sizeof *process->readable);
    }
    return err;
}

/* ---- quotas ---- */

enum jit_err kern_sec_quotas(struct kern_core *core)
{
    struct kern_sec *sec = core->sec;
    size_t count = sec->group_count + 2 * sec->quota_count;
    if (SEC_ROOM(sec, core->quotas, core->quota_capacity, count + 1) != JIT_OK) {
        return JIT_ENOMEM;
    }
    for (size_t i = 0; i < sec->group_count; i++) {
        core->quotas[i] = sec->groups[i].limit;
    }
    for (size_t i = 0; i < sec->quota_count; i++) {
        const struct sys_cap_node *node = sys_caps_node(sec->caps, sec->quota_nodes[i]);
        size_t at = sec->group_count + 2 * i;
        sec->extra[sec->quota_nodes[i]].quota_at = (uint32_t)at;
        core->quotas[at] = node->operations_left;
        core->quotas[at + 1] = node->bytes_left;
    }
    core->quota_count = (uint32_t)count;
    return JIT_OK;
}

void kern_sec_charges(struct kern_core *core, uint32_t node, struct rmg_request *request)
{
    struct kern_sec *sec = core->sec;
    struct kern_sec_extra *extra = &sec->extra[node];
    request->quota = extra->group;
    if (sec->quota_count == 0) {
        return;
    }
    if (extra->charged_for != core->tick + 1) {
        uint32_t operations = sys_caps_quota(sec->caps, node, SYS_GIVEN_OPERATIONS);
        uint32_t bytes = sys_caps_quota(sec->caps, node, SYS_GIVEN_BYTES);
        extra->charged_for = core->tick + 1;
        extra->charge_count = 0;
        if (operations != SYS_CAP_NONE) {
            extra->charges[extra->charge_count++] =
                (struct rmg_charge){.quota = sec->extra[operations].quota_at};
        }
        if (bytes != SYS_CAP_NONE) {
            extra->charges[extra->charge_count++] =
                (struct rmg_charge){.quota = sec->extra[bytes].quota_at + 1, .by_bytes = true};
        }
    }
    request->charges = extra->charges;
    request->charge_count = extra->charge_count;
}

/* ---- /sec ---- */

struct rmg_op *sec_op(struct sec_writer *w, enum rmg_op_kind kind, const struct jit_id *id)
{
    static struct rmg_op nowhere;
    struct kern_sec *sec = w->sec;
    if (w->err == JIT_OK) {
        w->err = SEC_ROOM(sec, sec->ops, sec->op_capacity, sec->op_count + 1);
    }
    if (w->err != JIT_OK) {
        return &nowhere;
    }
    struct rmg_op *op = &sec->ops[sec->op_count++];
    *op = (struct rmg_op){.kind = kind, .plane = RMG_PLANE_ALPHA, .instance = w->place, .id = *id};
    return op;
}

static void name_of(struct rmg_op *op, const char *name)
{
    op->attachment.name = name;
    op->attachment.name_size = (uint32_t)strlen(name);
}

void sec_set_bytes(struct sec_writer *w, const struct jit_id *id, const char *name,
                   const void *bytes, size_t size)
{
    const void *kept = rmg_scratch_copy(&w->sec->scratch, bytes, size);
    if (kept == NULL) {
        w->err = w->err == JIT_OK ? JIT_ENOMEM : w->err;
        return;
    }
    struct rmg_op *op = sec_op(w, RMG_OP_SET_ATTACHMENT, id);
    name_of(op, name);
    op->attachment.value.kind = RMG_VALUE_ATOM;
    op->attachment.value.type = *rmg_codec_type(RMG_CODEC_BYTES);
    op->attachment.value.bytes = kept;
    op->attachment.value.size = (uint32_t)size;
}

static void clear(struct sec_writer *w, const struct jit_id *id, const char *name)
{
    name_of(sec_op(w, RMG_OP_CLEAR_ATTACHMENT, id), name);
}

void sec_edge_op(struct sec_writer *w, enum rmg_op_kind kind, const struct jit_id *from,
                 const struct jit_id *to, const char *type_name)
{
    struct jit_id type;
    struct jit_id id;
    kern_type_id(type_name, &type);
    kern_edge_id(from, to, &type, &id);
    struct rmg_op *op = sec_op(w, kind, &id);
    if (kind == RMG_OP_UPSERT_EDGE) {
        op->type = type;
        op->from = *from;
        op->to = *to;
    }
}

static void write_record(struct sec_writer *w, const struct sys_cap_node *node,
                         const struct kern_sec_extra *extra)
{
    const struct kern_sec_group *group = &w->sec->groups[extra->group];
    const struct kern_root_capability cap = {.slot = node->slot,
                                             .generation = node->cap.generation,
                                             .rights = node->cap.rights,
                                             .limit_group = group->number,
                                             .object = node->cap.object,
                                             .instance = node->cap.instance,
                                             .rule_id = node->cap.rule_id,
                                             .params_digest = node->cap.params_digest,
                                             .limit = group->limit,
                                             .badge = node->cap.badge};
    uint8_t record[KERN_CAPABILITY_BYTES];
    uint8_t made[KERN_MADE_BYTES];
    kern_capability_record(&cap, &w->core->processes[node->holder].config->id, record);
    sec_set_bytes(w, &node->id, "record", record, sizeof record);
    jit_put_le32(made, KERN_ROOT_VERSION);
    jit_put_le32(made + 4, node->born);
    jit_put_le64(made + 8, w->core->tick + 1);
    memcpy(made + 16, &w->core->processes[extra->origin].config->id, JIT_ID_BYTES);
    sec_set_bytes(w, &node->id, "made", made, sizeof made);
}

static void write_new(struct sec_writer *w, const struct sys_cap_node *node,
                      const struct kern_sec_extra *extra)
{
    struct rmg_op *op = sec_op(w, RMG_OP_UPSERT_NODE, &node->id);
    kern_type_id("capability", &op->type);
    write_record(w, node, extra);
    if (node->cap.attenuators != NULL) {
        struct jit_buf buf;
        jit_buf_init(&buf, w->sec->heap, SYS_ATTENUATORS_BYTES_MAX);
        sys_attenuators_encode(node->cap.attenuators, &buf);
        if (buf.err == JIT_OK) {
            sec_set_bytes(w, &node->id, "attenuators", buf.data, buf.size);
        } else {
            w->err = buf.err;
        }
        jit_buf_release(&buf);
    }
    if (node->parent != SYS_CAP_NONE) {
        sec_edge_op(w, RMG_OP_UPSERT_EDGE, &node->id,
                    &sys_caps_node(w->sec->caps, node->parent)->id, "derived");
    }
}

static void write_dirty(struct sec_writer *w, uint32_t at)
{
    const struct sys_cap_node *node = sys_caps_node(w->sec->caps, at);
    struct kern_sec_extra *extra = &w->sec->extra[at];
    uint32_t dirty = extra->dirty;
    extra->dirty = 0;
    if (dirty == 0 || (dirty & SEC_GONE) != 0) {
        return; /* written already, or gone and never written */
    }
    const struct sys_attenuators *a = node->cap.attenuators;
    bool quotas = a != NULL && (a->given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0;
    if ((dirty & SEC_NEW) != 0) {
        write_new(w, node, extra);
    } else if ((dirty & SEC_RECORD) != 0) {
        write_record(w, node, extra);
    }
    if ((dirty & (SEC_LEFT | SEC_NEW)) != 0 && quotas) {
        uint8_t left[KERN_LEFT_BYTES];
        jit_put_le64(left, node->operations_left);
        jit_put_le64(left + 8, node->bytes_left);
        sec_set_bytes(w, &node->id, "left", left, sizeof left);
    }
    if ((dirty & SEC_EPOCH) != 0) {
        uint8_t epoch[4];
        jit_put_le32(epoch, node->epoch);
        sec_set_bytes(w, &node->id, "epoch", epoch, sizeof epoch);
    }
}

static void write_gone(struct sec_writer *w, const struct kern_sec_gone *gone)
{
    clear(w, &gone->id, "record");
    if (gone->attenuators) {
        clear(w, &gone->id, "attenuators");
    }
    if (gone->made) {
        clear(w, &gone->id, "made");
    }
    if (gone->left) {
        clear(w, &gone->id, "left");
    }
    if (gone->epoch) {
        clear(w, &gone->id, "epoch");
    }
    if (gone->intents) {
        clear(w, &gone->id, KERN_INTENTS_NAME);
    }
    if (!jit_id_is_zero(&gone->parent)) {
        sec_edge_op(w, RMG_OP_DELETE_EDGE, &gone->id, &gone->parent, "derived");
    }
    sec_op(w, RMG_OP_DELETE_NODE, &gone->id);
}

static void write_generations(struct sec_writer *w)
{
    struct jit_id proc;
    struct jit_id root_node;
    kern_place_id("/proc", &proc, &root_node);
    for (uint32_t p = 0; p < w->core->process_count; p++) {
        uint8_t bytes[4];
        if (!w->sec->older[p]) {
            continue;
        }
        w->sec->older[p] = false;
        jit_put_le32(bytes, sys_caps_generation(w->sec->caps, p));
        size_t before = w->sec->op_count;
        sec_set_bytes(w, &w->core->processes[p].config->id, "generation", bytes, sizeof bytes);
        if (w->sec->op_count > before) {
            struct rmg_op *op = &w->sec->ops[before];
            op->instance = proc;
            kern_type_id("u32", &op->attachment.value.type);
        }
    }
}

/* What the requests have used up. */
static enum jit_err note_left(struct kern_core *core, const struct rmg_tick_input *input)
{
    struct kern_sec *sec = core->sec;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < sec->quota_count; i++) {
        uint32_t at = sec->quota_nodes[i];
        const struct sys_cap_node *node = sys_caps_node(sec->caps, at);
        const uint64_t *left = &input->quotas[sec->extra[at].quota_at];
        if (left[0] != node->operations_left || left[1] != node->bytes_left) {
            sys_caps_set_left(sec->caps, at, SYS_GIVEN_OPERATIONS, left[0]);
            sys_caps_set_left(sec->caps, at, SYS_GIVEN_BYTES, left[1]);
            err = sec_dirty(sec, at, SEC_LEFT);
        }
    }
    return err;
}

bool kern_sec_may_write(const struct kern_core *core)
{
    const struct kern_sec *sec = core->sec;
    return sec->dirty_count > 0 || sec->gone_count > 0 || sec->quota_count > 0 ||
           sec->owners_changed || core->intents.count > 0;
}

enum jit_err kern_sec_write(void *user, struct rmg_tick_input *input)
{
    struct kern_core *core = user;
    struct kern_sec *sec = core->sec;
    struct sec_writer w = {.core = core, .sec = sec, .err = note_left(core, input)};
    struct jit_id root_node;
    kern_place_id("/sec", &w.place, &root_node);
    rmg_scratch_reset(&sec->scratch);
    sec->op_count = 0;
    if (w.err == JIT_OK && sec->dirty_count + sec->gone_count + core->intents.count == 0 &&
        !sec->owners_changed) {
        return JIT_OK;
    }
    for (uint32_t i = 0; i < input->event_count; i++) {
        *sec_op(&w, input->events[i].kind, &input->events[i].id) = input->events[i];
    }
    for (size_t i = 0; i < sec->gone_count; i++) {
        write_gone(&w, &sec->gone[i]);
    }
    sec_owners_write(&w);
    for (size_t i = 0; i < sec->dirty_count; i++) {
        write_dirty(&w, sec->dirty[i]);
    }
    kern_intents_write(&w);
    write_generations(&w);
    sec->dirty_count = 0;
    sec->gone_count = 0;
    input->events = sec->ops;
    input->event_count = (uint32_t)sec->op_count;
    return w.err;
}

/* ---- the end of a tick ---- */

static void answer(struct kern_core *core, const struct kern_ask *ask)
{
    struct kern_process *process = &core->processes[ask->process];
    const uint8_t *bytes = sec_bytes(core, ask);
    uint32_t flags = jit_le32(bytes + offsetof(struct sys_derive, flags));
    static_assert(offsetof(struct sys_derive, flags) == offsetof(struct sys_revoke, flags),
                  "one place for both");
    if ((flags & SYS_WANT_RECEIPT) == 0 || process->state != KERN_PROCESS_DONE ||
        process->asked_exit) {
        return;
    }
    const struct sys_derived derived = {.slot = ask->outcome.slot,
                                        .generation = ask->outcome.generation,
                                        .verdict = (uint32_t)ask->outcome.verdict,
                                        .excess = (uint32_t)ask->outcome.excess};
    struct sys_receipt receipt = {.cookie = ask->cookie,
                                  .tick = core->tick,
                                  .result = (uint16_t)ask->outcome.result,
                                  .blocker = RMG_NO_BLOCKER,
                                  .index = UINT32_MAX};
    memcpy(&receipt.request_key, &derived, sizeof derived);
    if (sys_ring_host_reply(&process->ring, &receipt) != 1) {
        kern_process_kill(core, ask->process, "it does not take its receipts");
    }
}

struct kern_record_ask *kern_sec_asked(const struct kern_core *core, uint32_t *count)
{
    const struct kern_sec *sec = core->sec;
    static const struct jit_id nobody;
    *count = (uint32_t)sec->order_count;
    struct kern_record_ask *asks =
        sec->order_count == 0 ? NULL : jit_heap_zalloc(core->heap, sec->order_count, sizeof *asks);
    for (size_t i = 0; asks != NULL && i < sec->order_count; i++) {
        const struct kern_ask *ask = sec->order[i];
        bool worker = ask->process != SYS_CAP_NONE;
        bool own = ask->holder == SYS_CAP_NONE;
        bool handed = !is_revoke(ask) && ask->call != SYS_CALL_owner && ask->target != SYS_CAP_NONE;
        asks[i] = (struct kern_record_ask){
            .call = ask->call,
            .object = ask->object,
            .process = worker ? core->processes[ask->process].config->id : nobody,
            .holder = own ? nobody : core->processes[ask->holder].config->id,
            .target = handed ? core->processes[ask->target].config->id : nobody,
            .bytes = sec_bytes(core, ask),
            .size = ask->size,
            .outcome = ask->outcome};
    }
    return asks;
}

void kern_sec_settle(struct kern_core *core)
{
    struct kern_sec *sec = core->sec;
    const size_t kept = sizeof sec->outcomes / sizeof sec->outcomes[0];
    for (size_t i = 0; i < sec->order_count; i++) {
        struct kern_ask *ask = sec->order[i];
        ask->outcome.tick = core->tick;
        if (ask->process == SYS_CAP_NONE) {
            sec->outcomes[ask->serial % kept] = ask->outcome;
        } else {
            answer(core, ask);
        }
    }
    sec->order_count = 0;
    sec->ask_count = 0;
    jit_buf_reset(&sec->ask_bytes);
    for (uint32_t p = 0; p < core->process_count; p++) {
        core->processes[p].ask_count = 0;
    }
    sys_caps_begin_tick(sec->caps, core->tick + 1);
}

void kern_sec_inspect(const struct kern_core *core, uint32_t process,
                      const struct sys_inspect *inspect, struct sys_receipt *out)
{
    static const struct sys_cap_need any = {.right = 0};
    const struct sys_caps *caps = core->sec->caps;
    struct sys_inspected answer = {.operations_left = UINT64_MAX};
    uint32_t at = SYS_CAP_NONE;
    enum sys_cap_verdict verdict =
        sys_caps_check(caps, process, inspect->cap_slot, inspect->cap_generation, &any, &at);
    const struct sys_cap_node *node = sys_caps_node(caps, at);
    answer.verdict = (uint32_t)verdict;
    out->result = (uint16_t)(node == NULL ? RMG_DENIED : RMG_APPLIED);
    if (node != NULL) {
        uint32_t payer = sys_caps_quota(caps, at, SYS_GIVEN_OPERATIONS);
        answer.rights = node->cap.rights;
        answer.depth = node->depth;
        answer.object = (uint32_t)node->cap.object;
        answer.badge = node->cap.badge;
        answer.operations_left =
            payer == SYS_CAP_NONE ? UINT64_MAX : sys_caps_node(caps, payer)->operations_left;
    }
    memcpy(&out->request_key, &answer, sizeof answer);
}

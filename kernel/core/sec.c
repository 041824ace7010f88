#include "kernel/core/sec.h"

#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/core_priv.h"
#include "kernel/core/sec_priv.h"

/* ---- what lies beside the tree ---- */

enum jit_err sec_dirty(struct kern_sec *sec, uint32_t node, uint32_t what)
{
    struct kern_sec_extra *extra = &sec->extra[node];
    if (extra->dirty == 0) {
        enum jit_err err = SEC_ROOM(sec, sec->dirty, sec->dirty_capacity, sec->dirty_count + 1);
        if (err != JIT_OK) {
            return err;
        }
        sec->dirty[sec->dirty_count++] = node;
    }
    extra->dirty |= what;
    sec->changed = true;
    return JIT_OK;
}

static uint32_t given_of(const struct sys_cap *cap)
{
    return cap->attenuators == NULL ? 0 : cap->attenuators->given;
}

/* Its attenuators are charged to whoever holds what it was derived from, as long as it is there. */
static void charge_deriver(struct kern_sec *sec, uint32_t node, bool gives_back)
{
    const struct sys_cap_node *it = sys_caps_node(sec->caps, node);
    if (it->parent == SYS_CAP_NONE || it->cap.attenuators == NULL) {
        return;
    }
    uint64_t bytes = sys_attenuators_size(it->cap.attenuators);
    uint64_t *kept = &sec->kept[sys_caps_node(sec->caps, it->parent)->holder];
    uint64_t *derived = &sec->extra[it->parent].derived_bytes;
    assert(!gives_back || (*kept >= bytes && *derived >= bytes));
    *kept = gives_back ? *kept - bytes : *kept + bytes;
    *derived = gives_back ? *derived - bytes : *derived + bytes;
}

/* What is known of a node that has just been put into the tree. */
static enum jit_err beside(struct kern_sec *sec, uint32_t node, uint32_t origin, uint32_t group,
                           bool made)
{
    const struct sys_cap *cap = &sys_caps_node(sec->caps, node)->cap;
    const struct sys_attenuators *a = cap->attenuators;
    uint32_t given = given_of(cap);
    size_t had = sec->extra_capacity;
    enum jit_err err = SEC_ROOM(sec, sec->extra, sec->extra_capacity, (size_t)node + 1);
    if (err != JIT_OK) {
        return err;
    }
    if (sec->extra_capacity > had) {
        memset(sec->extra + had, 0, (sec->extra_capacity - had) * sizeof *sec->extra);
    }
    struct kern_sec_extra *extra = &sec->extra[node];
    *extra = (struct kern_sec_extra){.origin = origin,
                                     .group = group,
                                     .made = made,
                                     .gated = (given & (SYS_GIVEN_NODES | SYS_GIVEN_EDGES)) != 0};
    if (extra->gated) {
        extra->gate = (struct rmg_gate){.any_node = (given & SYS_GIVEN_NODES) == 0,
                                        .any_edge = (given & SYS_GIVEN_EDGES) == 0,
                                        .nodes = a->nodes.ids,
                                        .node_count = a->nodes.count,
                                        .edges = a->edges.ids,
                                        .edge_count = a->edges.count};
    }
    sec->expiring = sec->expiring || (given & SYS_GIVEN_LAST_TICK) != 0;
    if ((given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0) {
        err = SEC_ROOM(sec, sec->quota_nodes, sec->quota_capacity, sec->quota_count + 1);
        if (err == JIT_OK) {
            sec->quota_nodes[sec->quota_count++] = node;
        }
    }
    return err;
}

static enum jit_err group_of(struct kern_sec *sec, uint32_t process, uint32_t number,
                             uint64_t limit, uint32_t *out)
{
    for (size_t i = 0; i < sec->group_count; i++) {
        if (sec->groups[i].process == process && sec->groups[i].number == number) {
            *out = (uint32_t)i;
            return JIT_OK;
        }
    }
    enum jit_err err = SEC_ROOM(sec, sec->groups, sec->group_capacity, sec->group_count + 1);
    if (err == JIT_OK) {
        *out = (uint32_t)sec->group_count;
        sec->groups[sec->group_count++] =
            (struct kern_sec_group){.process = process, .number = number, .limit = limit};
    }
    return err;
}

uint32_t sec_process(const struct kern_core *core, const struct jit_id *id)
{
    uint32_t p = 0;
    while (p < core->process_count && !jit_id_equal(&core->processes[p].config->id, id)) {
        p++;
    }
    return p < core->process_count ? p : SYS_CAP_NONE;
}

enum jit_err kern_sec_new(struct kern_core *core, const char **where)
{
    const struct kern_config *config = core->config;
    struct kern_sec *sec = jit_heap_zalloc(core->heap, 1, sizeof *sec);
    if (sec == NULL) {
        return JIT_ENOMEM;
    }
    core->sec = sec;
    sec->heap = core->heap;
    rmg_scratch_init(&sec->scratch, core->heap);
    jit_buf_init(&sec->ask_bytes, core->heap, JIT_REQUEST_BYTES_MAX);
    size_t count = kern_config_cap_count(config);
    uint32_t *nodes = jit_heap_zalloc(core->heap, count + 1, sizeof *nodes);
    sec->older = jit_heap_zalloc(core->heap, config->process_count + 1u, sizeof *sec->older);
    sec->kept = jit_heap_zalloc(core->heap, config->process_count + 1u, sizeof *sec->kept);
    enum jit_err err =
        nodes == NULL || sec->older == NULL || sec->kept == NULL ? JIT_ENOMEM : JIT_OK;
    if (err == JIT_OK) {
        err = kern_config_caps(core->heap, config, core->tick + 1, &sec->caps, nodes, where);
    }
    size_t n = 0;
    for (uint32_t p = 0; err == JIT_OK && p < config->process_count; p++) {
        const struct kern_process_config *process = &config->processes[p];
        for (uint32_t i = 0; err == JIT_OK && i < process->capability_count; i++, n++) {
            const struct kern_root_capability *cap = &process->capabilities[i];
            uint32_t origin = sec_process(core, &cap->origin);
            uint32_t group = 0;
            if (origin == SYS_CAP_NONE) {
                *where = "a capability in /sec is of a process that is not there";
                err = JIT_EINVALID;
                break;
            }
            err = group_of(sec, origin, cap->limit_group, cap->limit, &group);
            if (err == JIT_OK) {
                err = beside(sec, nodes[n], origin, group, cap->made);
            }
            if (err == JIT_OK) {
                sec->extra[nodes[n]].intents = cap->intents;
            }
        }
    }
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        charge_deriver(sec, nodes[i], false);
    }
    if (err == JIT_OK) {
        err = sec_owners_read(core, sec, where);
    }
    core->heap->free(core->heap, nodes);
    return err;
}

void kern_sec_free(struct kern_sec *sec)
{
    if (sec == NULL) {
        return;
    }
    struct jit_heap *heap = sec->heap;
    sys_caps_free(sec->caps);
    rmg_scratch_release(&sec->scratch);
    jit_buf_release(&sec->ask_bytes);
    heap->free(heap, sec->extra);
    heap->free(heap, sec->groups);
    heap->free(heap, sec->quota_nodes);
    heap->free(heap, sec->owners);
    heap->free(heap, sec->asks);
    heap->free(heap, sec->order);
    heap->free(heap, sec->dirty);
    heap->free(heap, sec->gone);
    heap->free(heap, sec->older);
    heap->free(heap, sec->kept);
    heap->free(heap, sec->ops);
    heap->free(heap, sec);
}

/* ---- what is asked ---- */

enum jit_err kern_sec_take(struct kern_core *core, uint32_t index, const struct sys_slot *slot,
                           const uint8_t *bytes)
{
    struct kern_process *process = &core->processes[index];
    void *data = process->asks;
    if (process->ask_count == KERN_SEC_ASKS_MAX) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(core->heap, &data, &process->ask_capacity, process->ask_count + 1,
                      sizeof *process->asks) != 0) {
        return JIT_ENOMEM;
    }
    process->asks = data;
    process->asks[process->ask_count++] =
        (struct kern_ask){.call = slot->kind,
                          .process = index,
                          .holder = index,
                          .target = index,
                          .bytes_at = (size_t)(bytes - process->bytes.data),
                          .size = slot->length,
                          .cookie = slot->cookie};
    return JIT_OK;
}

static bool is_good(const struct kern_core *core, const struct kern_operator_ask *asked)
{
    struct sys_request request;
    struct sys_owner own;
    struct sys_slot slot = {.kind = asked->call, .length = asked->size};
    bool derives = asked->call == SYS_CALL_derive || asked->call == SYS_CALL_grant;
    bool owns = asked->call == SYS_CALL_owner;
    if ((!derives && !owns && asked->call != SYS_CALL_revoke) ||
        (asked->holder >= core->process_count && asked->holder != SYS_CAP_NONE) ||
        (derives && asked->target >= core->process_count) ||
        (!derives && !owns && asked->holder == SYS_CAP_NONE) ||
        (unsigned)asked->object >= SYS_OBJECT_COUNT) {
        return false;
    }
    return (owns ? sys_decode_owner(asked->bytes, asked->size, &own)
                 : sys_decode(&slot, asked->bytes, asked->size, &request)) == JIT_OK;
}

enum jit_err kern_core_ask(struct kern_core *core, const struct kern_operator_ask *asked,
                           uint64_t *serial)
{
    struct kern_sec *sec = core->sec;
    if (!is_good(core, asked)) {
        return JIT_EINVALID;
    }
    if (sec->ask_count == KERN_SEC_ASKS_MAX) {
        return JIT_EBUSY;
    }
    enum jit_err err = SEC_ROOM(sec, sec->asks, sec->ask_capacity, sec->ask_count + 1);
    size_t at = sec->ask_bytes.size;
    jit_buf_put(&sec->ask_bytes, asked->bytes, asked->size);
    if (err != JIT_OK || sec->ask_bytes.err != JIT_OK) {
        return JIT_ENOMEM;
    }
    sec->asks[sec->ask_count++] = (struct kern_ask){.call = asked->call,
                                                    .process = SYS_CAP_NONE,
                                                    .holder = asked->holder,
                                                    .target = asked->target,
                                                    .object = asked->object,
                                                    .bytes_at = at,
                                                    .size = asked->size,
                                                    .serial = ++sec->serial};
    *serial = sec->serial;
    return JIT_OK;
}

bool kern_core_outcome(const struct kern_core *core, uint64_t serial, struct kern_outcome *out)
{
    const struct kern_sec *sec = core->sec;
    const size_t kept = sizeof sec->outcomes / sizeof sec->outcomes[0];
    if (serial == 0 || serial > sec->serial || sec->serial - serial >= kept) {
        return false;
    }
    *out = sec->outcomes[serial % kept];
    return out->tick != 0;
}

bool kern_sec_waits(const struct kern_core *core)
{
    return core->sec->ask_count > 0 || core->intents.count > 0;
}

const uint8_t *sec_bytes(const struct kern_core *core, const struct kern_ask *ask)
{
    const struct jit_buf *buf =
        ask->process == SYS_CAP_NONE ? &core->sec->ask_bytes : &core->processes[ask->process].bytes;
    return buf->data + ask->bytes_at;
}

/* A request's key, as one of its kind: nothing else has this call in front. */
void sec_ask_key(const struct kern_core *core, struct kern_ask *ask)
{
    struct jit_hasher hasher;
    uint8_t call[4];
    jit_put_le32(call, ask->call);
    jit_hasher_init_key(&hasher, JIT_K_REQUEST);
    jit_hasher_update(&hasher, call, sizeof call);
    jit_hasher_update(&hasher, sec_bytes(core, ask), ask->size);
    jit_hasher_final(&hasher, &ask->key);
}

/* ---- carrying it out ---- */

static enum jit_err no_room(enum jit_err err, struct kern_outcome *outcome)
{
    switch (err) {
    case JIT_ECAP:
        outcome->result = RMG_DENIED;
        return JIT_OK;
    case JIT_ELIMIT:
        outcome->result = RMG_OVER_QUOTA;
        return JIT_OK;
    case JIT_EEXIST:
        outcome->result = RMG_EXISTS;
        return JIT_OK;
    default:
        return err;
    }
}

/* The node that is asked under, when it counts. */
static bool find_node(const struct kern_core *core, struct kern_ask *ask, uint32_t slot,
                      uint32_t generation, const struct sys_cap_need *need, uint32_t *node)
{
    ask->outcome.verdict =
        sys_caps_check(core->sec->caps, ask->holder, slot, generation, need, node);
    if (ask->outcome.verdict != SYS_CAP_ALLOWED) {
        ask->outcome.result = RMG_DENIED;
    }
    return ask->outcome.verdict == SYS_CAP_ALLOWED;
}

/* A worker hands on to whoever it holds a write capability for. */
static bool find_target(const struct kern_core *core, struct kern_ask *ask,
                        const struct sys_derive *head)
{
    static const struct sys_cap_need write = {.right = SYS_RIGHT_WRITE};
    uint32_t node = SYS_CAP_NONE;
    if (ask->process == SYS_CAP_NONE || ask->call == SYS_CALL_derive) {
        return true;
    }
    if (!find_node(core, ask, head->to_cap, head->to_cap_generation, &write, &node)) {
        return false;
    }
    const struct sys_cap *cap = &sys_caps_node(core->sec->caps, node)->cap;
    ask->target =
        cap->object == SYS_OBJECT_PROCESS ? sec_process(core, &cap->instance) : SYS_CAP_NONE;
    if (ask->target == SYS_CAP_NONE) {
        ask->outcome.result = RMG_DENIED;
        ask->outcome.verdict = SYS_CAP_OTHER_INSTANCE;
    }
    return ask->target != SYS_CAP_NONE;
}

static enum jit_err charged(struct kern_sec *sec, uint32_t node)
{
    static const enum sys_given quotas[] = {SYS_GIVEN_OPERATIONS, SYS_GIVEN_BYTES};
    enum jit_err err = JIT_OK;
    uint32_t parent = sys_caps_node(sec->caps, node)->parent;
    for (size_t i = 0; err == JIT_OK && i < 2 && parent != SYS_CAP_NONE; i++) {
        uint32_t payer = sys_caps_quota(sec->caps, parent, quotas[i]);
        if (payer != SYS_CAP_NONE &&
            (given_of(&sys_caps_node(sec->caps, node)->cap) & (uint32_t)quotas[i]) != 0) {
            err = sec_dirty(sec, payer, SEC_LEFT);
        }
    }
    return err;
}

static void new_id(const struct kern_core *core, uint32_t holder, uint32_t slot,
                   uint32_t generation, struct jit_id *out)
{
    const struct kern_process_config *config = core->processes[holder].config;
    char label[JIT_NAME_BYTES_MAX + 80];
    int size = snprintf(label, sizeof label, "/sec/%s/%u/%u/%u", config->name, config->index, slot,
                        generation);
    jit_hash_named("node:", label, (size_t)size, out);
}

/* The first slot that is free, so that it is known what the new one is called. */
static uint32_t slot_for(const struct sys_caps *caps, uint32_t holder, uint32_t slot)
{
    if (slot != SYS_NONE) {
        return slot;
    }
    uint32_t count = sys_caps_slots(caps, holder);
    for (slot = 0; slot < count && sys_caps_at(caps, holder, slot) != SYS_CAP_NONE; slot++) {
    }
    return slot;
}

/* Of the operator's own authority: at the root of the tree, with a limit group of its own. */
static enum jit_err grant_root(struct kern_core *core, struct kern_ask *ask,
                               const struct sys_derive *head, const struct sys_attenuators *a,
                               uint32_t *node)
{
    struct kern_sec *sec = core->sec;
    uint32_t slot = slot_for(sec->caps, ask->target, head->to_slot);
    struct sys_cap_node made = {
        .cap = {.generation = sys_caps_generation(sec->caps, ask->target) + 1,
                .rights = head->rights,
                .object = ask->object,
                .instance = head->instance,
                .rule_id = head->rule,
                .params_digest = head->params_digest,
                .badge = head->badge,
                .attenuators = a},
        .holder = ask->target,
        .slot = slot,
        .parent = SYS_CAP_NONE,
        .operations_left = a == NULL ? 0 : a->operations,
        .bytes_left = a == NULL ? 0 : a->bytes};
    new_id(core, ask->target, slot, made.cap.generation, &made.id);
    /* All that operators grant a process is in one group, which has no limit. */
    uint32_t number = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < sec->group_count; i++) {
        const struct kern_sec_group *g = &sec->groups[i];
        if (g->process == ask->target && g->limit == UINT64_MAX) {
            number = g->number;
            break;
        }
        if (g->process == ask->target && g->number >= number) {
            number = g->number + 1;
        }
    }
    if (number >= JIT_CAP_SLOTS_MAX || made.cap.generation == 0) { /* it has had the last one */
        ask->outcome.excess = SYS_EXCESS_SLOT;
        return JIT_ELIMIT;
    }
    made.cap.limit_group = number;
    enum jit_err err = sys_caps_put(sec->caps, &made, node);
    if (err == JIT_EINVALID) {
        ask->outcome.excess = SYS_EXCESS_RIGHTS;
        return JIT_ECAP;
    }
    if (err == JIT_ELIMIT || err == JIT_EEXIST) {
        ask->outcome.excess = SYS_EXCESS_SLOT;
    }
    if (err == JIT_OK) {
        err = group_of(sec, ask->target, number, UINT64_MAX, &group);
    }
    return err == JIT_OK ? beside(sec, *node, ask->target, group, true) : err;
}

static enum jit_err derive(struct kern_core *core, struct kern_ask *ask, uint32_t parent,
                           const struct sys_derive *head, const struct sys_attenuators *a,
                           uint32_t *node)
{
    struct kern_sec *sec = core->sec;
    struct kern_lineage lineage;
    struct jit_id id;
    uint32_t slot = slot_for(sec->caps, ask->target, head->to_slot);
    struct sys_cap_want want = {.rights = head->rights,
                                .instance = head->instance,
                                .rule_id = head->rule,
                                .params_digest = head->params_digest,
                                .badge = head->badge,
                                .attenuators = a};
    if (!jit_id_is_zero(&head->instance)) {
        kern_lineage_read(core, &head->instance, &lineage);
        want.outer = lineage.ids + 1;
        want.outer_count = lineage.count - 1;
    }
    new_id(core, ask->target, slot, sys_caps_generation(sec->caps, ask->target) + 1, &id);
    enum jit_err err = sys_caps_derive(sec->caps, parent, &want, &id, ask->target, slot, node,
                                       &ask->outcome.excess);
    if (err == JIT_OK) {
        err = beside(sec, *node, sec->extra[parent].origin, sec->extra[parent].group, true);
    }
    if (err == JIT_OK) {
        charge_deriver(sec, *node, false);
    }
    return err == JIT_OK ? charged(sec, *node) : err;
}

/* What a capability that was made or moved adds to the patch, at most. */
#define MADE_BYTES 3072u

static void charge_patch(struct kern_sec *sec, uint32_t node)
{
    const struct sys_attenuators *a = sys_caps_node(sec->caps, node)->cap.attenuators;
    sec->made_bytes += MADE_BYTES + (a == NULL ? 0 : sys_attenuators_size(a));
}

static enum jit_err move(struct kern_core *core, struct kern_ask *ask, uint32_t node,
                         const struct sys_derive *head)
{
    struct kern_sec *sec = core->sec;
    uint32_t from = ask->holder;
    uint32_t before = sys_caps_generation(sec->caps, from);
    if (head->rights != 0 || head->attenuators_size != 0 || head->badge != 0 ||
        !jit_id_is_zero(&head->instance) || !jit_id_is_zero(&head->rule) ||
        !jit_id_is_zero(&head->params_digest)) {
        ask->outcome.result = RMG_INVALID;
        return JIT_OK;
    }
    uint64_t derived = sec->extra[node].derived_bytes;
    if (ask->process != SYS_CAP_NONE && ask->target != from && derived > 0 &&
        derived + sec->kept[ask->target] > KERN_SEC_KEPT_BYTES_MAX) {
        ask->outcome.excess = SYS_EXCESS_ATTENUATORS;
        ask->outcome.result = RMG_OVER_QUOTA;
        return JIT_OK;
    }
    enum jit_err err = sys_caps_move(sec->caps, node, ask->target,
                                     head->to_slot == SYS_NONE ? SYS_CAP_NONE : head->to_slot,
                                     &ask->outcome.excess);
    if (err != JIT_OK) {
        return no_room(err, &ask->outcome);
    }
    sec->kept[from] -= derived;
    sec->kept[ask->target] += derived;
    const struct sys_cap_node *moved = sys_caps_node(sec->caps, node);
    ask->outcome.slot = moved->slot;
    ask->outcome.generation = moved->cap.generation;
    sec->older[from] = sec->older[from] || sys_caps_generation(sec->caps, from) != before;
    sec->extra[node].made = true; /* its limit group is another process's */
    charge_patch(sec, node);
    return sec_dirty(sec, node, SEC_RECORD);
}

/* Does so much lie in /sec for who derives that nothing more with attenuators may? */
static bool is_full(const struct kern_sec *sec, const struct kern_ask *ask, uint32_t parent,
                    const struct sys_attenuators *a)
{
    return ask->process != SYS_CAP_NONE && sec->kept[ask->holder] >= KERN_SEC_KEPT_BYTES_MAX &&
           (a != NULL || given_of(&sys_caps_node(sec->caps, parent)->cap) != 0);
}

enum jit_err sec_derive(struct kern_core *core, struct kern_ask *ask)
{
    static const struct sys_cap_need any = {.right = 0};
    struct kern_sec *sec = core->sec;
    struct sys_request request;
    struct sys_slot slot = {.kind = ask->call, .length = ask->size};
    uint32_t parent = SYS_CAP_NONE;
    uint32_t node = SYS_CAP_NONE;
    enum jit_err err = sys_decode(&slot, sec_bytes(core, ask), ask->size, &request);
    assert(err == JIT_OK); /* it was judged when it was taken */
    const struct sys_derive *head = &request.body.derive.head;
    bool own = ask->holder == SYS_CAP_NONE;
    if ((!own && !find_node(core, ask, head->cap_slot, head->cap_generation, &any, &parent)) ||
        !find_target(core, ask, head)) {
        return JIT_OK;
    }
    if (sec->made_bytes >= KERN_SEC_MADE_BYTES_MAX) {
        ask->outcome.result = RMG_OVER_QUOTA; /* the next tick has room again */
        return JIT_OK;
    }
    if ((head->flags & SYS_MOVE) != 0 && !own) {
        return move(core, ask, parent, head);
    }
    struct sys_attenuators *a = NULL;
    if (head->attenuators_size > 0) {
        err = sys_attenuators_decode(sec->heap, request.body.derive.attenuators,
                                     head->attenuators_size, &a);
        if (err == JIT_EFORMAT || err == JIT_ELIMIT) {
            ask->outcome.result = RMG_INVALID;
            return JIT_OK;
        }
    }
    if (err == JIT_OK && is_full(sec, ask, parent, a)) {
        ask->outcome.excess = SYS_EXCESS_ATTENUATORS;
        err = JIT_ELIMIT;
    } else if (err == JIT_OK && a != NULL && sec->quota_count >= KERN_SEC_QUOTAS_MAX &&
               (a->given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0) {
        ask->outcome.excess =
            (a->given & SYS_GIVEN_OPERATIONS) != 0 ? SYS_EXCESS_OPERATIONS : SYS_EXCESS_BYTES;
        err = JIT_ELIMIT;
    } else if (err == JIT_OK) {
        err =
            own ? grant_root(core, ask, head, a, &node) : derive(core, ask, parent, head, a, &node);
    }
    sec->heap->free(sec->heap, a);
    if (err != JIT_OK) {
        return no_room(err, &ask->outcome);
    }
    const struct sys_cap_node *made = sys_caps_node(sec->caps, node);
    ask->outcome.slot = made->slot;
    ask->outcome.generation = made->cap.generation;
    charge_patch(sec, node);
    return sec_dirty(sec, node, SEC_NEW);
}

enum jit_err sec_revoke(struct kern_core *core, struct kern_ask *ask)
{
    struct kern_sec *sec = core->sec;
    struct sys_revoke revoke;
    uint32_t node = SYS_CAP_NONE;
    memcpy(&revoke, sec_bytes(core, ask), sizeof revoke);
    enum jit_err err =
        sys_caps_lookup(sec->caps, ask->holder, revoke.cap_slot, revoke.cap_generation, &node);
    if (err != JIT_OK) { /* gone already is as good as revoked; never there is not */
        ask->outcome.result = err == JIT_ESTALE ? RMG_APPLIED : RMG_DENIED;
        ask->outcome.verdict = err == JIT_ESTALE ? SYS_CAP_STALE : SYS_CAP_NO_SLOT;
        return JIT_OK;
    }
    bool worker = ask->process != SYS_CAP_NONE;
    if (worker && sec->revoke_count == KERN_SEC_REVOKES_MAX) {
        ask->outcome.result = RMG_OVER_QUOTA; /* the next tick has room again */
        return JIT_OK;
    }
    sec->revoke_count += worker;
    uint32_t before = sys_caps_node(sec->caps, node)->epoch;
    bool first = (sec->extra[node].dirty & SEC_EPOCH) == 0;
    uint32_t what = SEC_EPOCH | (first && before != 0 ? SEC_HAD_EPOCH : 0);
    sys_caps_revoke(sec->caps, node, (revoke.flags & SYS_ONLY_CHILDREN) != 0);
    return sys_caps_node(sec->caps, node)->epoch != before ? sec_dirty(sec, node, what) : JIT_OK;
}

/* ---- the sweep ---- */

static enum jit_err take_away(struct kern_sec *sec, uint32_t at)
{
    const struct sys_cap_node *node = sys_caps_node(sec->caps, at);
    struct kern_sec_extra *extra = &sec->extra[at];
    uint32_t given = given_of(&node->cap);
    uint32_t holder = node->holder;
    uint32_t before = sys_caps_generation(sec->caps, holder);
    uint32_t paid[2];
    enum jit_err err = SEC_ROOM(sec, sec->gone, sec->gone_capacity, sec->gone_count + 1);
    if (err != JIT_OK) {
        return err;
    }
    struct kern_sec_gone *gone = &sec->gone[sec->gone_count++];
    *gone =
        (struct kern_sec_gone){.id = node->id,
                               .attenuators = given != 0,
                               .made = extra->made,
                               .left = (given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0,
                               /* An epoch that is written in this tick was not there before. */
                               .epoch = node->epoch != 0 && ((extra->dirty & SEC_EPOCH) == 0 ||
                                                             (extra->dirty & SEC_HAD_EPOCH) != 0),
                               .intents = extra->intents};
    if (node->parent != SYS_CAP_NONE) {
        gone->parent = sys_caps_node(sec->caps, node->parent)->id;
    }
    extra->dirty |= SEC_GONE;
    charge_deriver(sec, at, true);
    sec_disown(sec, at);
    for (size_t i = 0; i < sec->quota_count; i++) {
        if (sec->quota_nodes[i] == at) {
            sec->quota_nodes[i] = sec->quota_nodes[--sec->quota_count];
            break;
        }
    }
    sys_caps_remove(sec->caps, at, paid);
    sec->older[holder] = sec->older[holder] || sys_caps_generation(sec->caps, holder) != before;
    sec->changed = true;
    for (size_t i = 0; err == JIT_OK && i < 2; i++) {
        if (paid[i] != SYS_CAP_NONE) {
            err = sec_dirty(sec, paid[i], SEC_LEFT);
        }
    }
    return err;
}

enum jit_err sec_sweep(struct kern_sec *sec)
{
    uint32_t dead[KERN_SEC_SWEEP_MAX];
    size_t count = sys_caps_dead(sec->caps, dead, KERN_SEC_SWEEP_MAX);
    enum jit_err err = count == SIZE_MAX ? JIT_ENOMEM : JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        err = take_away(sec, dead[i]);
    }
    return err;
}

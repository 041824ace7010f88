/* What was asked about capabilities is carried out: one is derived, granted, moved or revoked. */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/core_priv.h"
#include "kernel/core/sec_priv.h"

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
            (sec_given(&sys_caps_node(sec->caps, node)->cap) & (uint32_t)quotas[i]) != 0) {
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
        err = sec_group(sec, ask->target, number, UINT64_MAX, &group);
    }
    return err == JIT_OK ? sec_beside(sec, *node, ask->target, group, true) : err;
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
        err = sec_beside(sec, *node, sec->extra[parent].origin, sec->extra[parent].group, true);
    }
    if (err == JIT_OK) {
        sec_charge_deriver(sec, *node, false);
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
           (a != NULL || sec_given(&sys_caps_node(sec->caps, parent)->cap) != 0);
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

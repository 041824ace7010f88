#include "syscall/cap.h"

#include "base/check.h"
#include "syscall/cap_priv.h"

/* ---- life ---- */

enum jit_err sys_caps_new(struct jit_heap *heap, uint32_t holders, struct sys_caps **out)
{
    *out = NULL;
    struct sys_caps *caps = jit_heap_zalloc(heap, 1, sizeof *caps);
    if (caps == NULL) {
        return JIT_ENOMEM;
    }
    caps->heap = heap;
    caps->free_first = SYS_CAP_NONE;
    caps->next_expiry = UINT64_MAX;
    caps->holder_count = holders;
    caps->holders = jit_heap_zalloc(heap, holders + 1u, sizeof *caps->holders);
    if (caps->holders == NULL) {
        heap->free(heap, caps);
        return JIT_ENOMEM;
    }
    *out = caps;
    return JIT_OK;
}

void cap_free_attenuators(struct sys_caps *caps, uint32_t node)
{
    caps->heap->free(caps->heap, (void *)(uintptr_t)caps->nodes[node].cap.attenuators);
    caps->nodes[node].cap.attenuators = NULL;
}

void sys_caps_free(struct sys_caps *caps)
{
    if (caps == NULL) {
        return;
    }
    for (uint32_t i = 0; i < caps->end; i++) {
        if (caps->links[i].filled != 0) {
            cap_free_attenuators(caps, i);
        }
    }
    for (uint32_t i = 0; i < caps->holder_count; i++) {
        caps->heap->free(caps->heap, caps->holders[i].slots);
    }
    caps->heap->free(caps->heap, caps->holders);
    caps->heap->free(caps->heap, caps->links);
    caps->heap->free(caps->heap, caps->nodes);
    caps->heap->free(caps->heap, caps->dead);
    caps->heap->free(caps->heap, caps);
}

void sys_caps_begin_tick(struct sys_caps *caps, uint64_t tick)
{
    caps->tick = tick;
}

/* ---- reading ---- */

const struct sys_cap_node *sys_caps_node(const struct sys_caps *caps, uint32_t node)
{
    return cap_is_there(caps, node) ? &caps->nodes[node] : NULL;
}

uint32_t sys_caps_count(const struct sys_caps *caps)
{
    return caps->count;
}

uint32_t sys_caps_end(const struct sys_caps *caps)
{
    return caps->end;
}

uint32_t sys_caps_slots(const struct sys_caps *caps, uint32_t holder)
{
    return holder < caps->holder_count ? (uint32_t)caps->holders[holder].slot_count : 0;
}

uint32_t sys_caps_at(const struct sys_caps *caps, uint32_t holder, uint32_t slot)
{
    return slot < sys_caps_slots(caps, holder) ? caps->holders[holder].slots[slot] - 1
                                               : SYS_CAP_NONE;
}

enum jit_err sys_caps_lookup(const struct sys_caps *caps, uint32_t holder, uint32_t slot,
                             uint32_t generation, uint32_t *node)
{
    *node = SYS_CAP_NONE;
    if (holder >= caps->holder_count || generation == 0 ||
        slot >= caps->holders[holder].slot_count) {
        return JIT_ENOENT;
    }
    uint32_t at = caps->holders[holder].slots[slot] - 1;
    uint32_t last = caps->holders[holder].generation;
    if (at != SYS_CAP_NONE) {
        uint32_t here = caps->nodes[at].cap.generation;
        if (generation == here) {
            *node = at;
            return JIT_OK;
        }
        last = here > last ? here : last;
    }
    return generation <= last ? JIT_ESTALE : JIT_ENOENT;
}

uint32_t sys_caps_generation(const struct sys_caps *caps, uint32_t holder)
{
    assert(holder < caps->holder_count);
    return caps->holders[holder].generation;
}

void sys_caps_set_generation(struct sys_caps *caps, uint32_t holder, uint32_t generation)
{
    assert(holder < caps->holder_count);
    caps->holders[holder].generation = generation;
}

enum sys_cap_verdict sys_caps_live(const struct sys_caps *caps, uint32_t node)
{
    enum sys_cap_verdict verdict = SYS_CAP_ALLOWED;
    const struct cap_link *links = caps->links;
    for (;;) {
        const struct cap_link *link = &links[node];
        if (link->last_tick < caps->tick) {
            verdict = SYS_CAP_EXPIRED;
        }
        if (link->epoch == SYS_CAP_DEAD) {
            verdict = SYS_CAP_REVOKED;
        }
        if (link->parent == SYS_CAP_NONE) {
            return verdict;
        }
        if (links[link->parent].epoch != link->born) {
            verdict = SYS_CAP_REVOKED;
        }
        node = link->parent;
    }
}

uint32_t sys_caps_chain(const struct sys_caps *caps, uint32_t node,
                        uint32_t chain[JIT_CAP_DEPTH_MAX + 1])
{
    uint32_t count = caps->nodes[node].depth + 1;
    assert(cap_is_there(caps, node));
    assert(count <= JIT_CAP_DEPTH_MAX + 1);
    for (uint32_t i = count; i > 0; i--) {
        chain[i - 1] = node;
        node = caps->links[node].parent;
    }
    assert(node == SYS_CAP_NONE);
    return count;
}

/* ---- checks ---- */

static bool has_right(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    return (cap->rights & need->right) == need->right;
}

static bool is_rule(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    return need->rule_id == NULL || cap_names_rule(cap, need->rule_id);
}

static bool are_params(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    if (need->params_digest == NULL) {
        return true;
    }
    if (!jit_id_is_zero(&cap->params_digest) &&
        !jit_id_equal(&cap->params_digest, need->params_digest)) {
        return false;
    }
    return cap->attenuators == NULL ||
           sys_bound_holds(cap->attenuators, need->params, need->params_size);
}

static bool is_priority(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    const struct sys_attenuators *a = cap->attenuators;
    bool ranked = need->ranked || need->rule_id != NULL;
    return !ranked || a == NULL || (a->given & SYS_GIVEN_PRIORITY) == 0 ||
           need->priority <= a->priority_max;
}

static const struct {
    enum sys_cap_verdict otherwise;
    bool (*holds)(const struct sys_cap *cap, const struct sys_cap_need *need);
} checks[] = {
    {SYS_CAP_NO_RIGHT, has_right},           {SYS_CAP_OTHER_RULE, is_rule},
    {SYS_CAP_OTHER_INSTANCE, cap_is_object}, {SYS_CAP_OTHER_PARAMS, are_params},
    {SYS_CAP_PRIORITY, is_priority},
};

enum sys_cap_verdict sys_cap_covers(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!checks[i].holds(cap, need)) {
            return checks[i].otherwise;
        }
    }
    return SYS_CAP_ALLOWED;
}

enum sys_cap_verdict sys_caps_check_node(const struct sys_caps *caps, uint32_t node,
                                         const struct sys_cap_need *need)
{
    assert(cap_is_there(caps, node));
    enum sys_cap_verdict live = sys_caps_live(caps, node);
    return live == SYS_CAP_ALLOWED ? sys_cap_covers(&caps->nodes[node].cap, need) : live;
}

enum sys_cap_verdict sys_caps_check(const struct sys_caps *caps, uint32_t holder, uint32_t slot,
                                    uint32_t generation, const struct sys_cap_need *need,
                                    uint32_t *node)
{
    uint32_t at = SYS_CAP_NONE;
    enum jit_err err = sys_caps_lookup(caps, holder, slot, generation, &at);
    if (node != NULL) {
        *node = at;
    }
    if (err != JIT_OK) {
        return err == JIT_ESTALE ? SYS_CAP_STALE : SYS_CAP_NO_SLOT;
    }
    return sys_caps_check_node(caps, at, need);
}

/* syscall/cap_tree.c - nodes of the tree of capabilities and the slots they lie in: put, derived,
 * moved, taken away. */
#include "base/check.h"
#include "syscall/boot.h"
#include "syscall/cap_priv.h"

/* ---- slots ---- */

static enum jit_err slot_room(struct sys_caps *caps, uint32_t holder, uint32_t slot)
{
    struct cap_holder *h = &caps->holders[holder];
    void *data = h->slots;
    if (jit_heap_grow(caps->heap, &data, &h->slot_capacity, (size_t)slot + 1, sizeof *h->slots) !=
        0) {
        return JIT_ENOMEM;
    }
    h->slots = data;
    while (h->slot_count <= slot) {
        h->slots[h->slot_count++] = 0;
    }
    return JIT_OK;
}

/* The slot asked for, or the first that is free, with room for it. */
static enum jit_err choose_slot(struct sys_caps *caps, uint32_t holder, uint32_t *slot)
{
    struct cap_holder *h = &caps->holders[holder];
    if (*slot == SYS_CAP_NONE) {
        while (h->free_from < h->slot_count && h->slots[h->free_from] != 0) {
            h->free_from++;
        }
        *slot = h->free_from;
    }
    if (*slot >= JIT_CAP_SLOTS_MAX) {
        return JIT_ELIMIT;
    }
    if (sys_caps_at(caps, holder, *slot) != SYS_CAP_NONE) {
        return JIT_EEXIST;
    }
    return slot_room(caps, holder, *slot);
}

static void empty_slot(struct sys_caps *caps, const struct sys_cap_node *node)
{
    struct cap_holder *h = &caps->holders[node->holder];
    h->slots[node->slot] = 0;
    h->free_from = node->slot < h->free_from ? node->slot : h->free_from;
    h->generation = node->cap.generation > h->generation ? node->cap.generation : h->generation;
}

/* ---- nodes ---- */

static enum jit_err node_room(struct sys_caps *caps)
{
    void *links = caps->links;
    void *nodes = caps->nodes;
    size_t want = (size_t)caps->end + 1;
    if (caps->free_first != SYS_CAP_NONE) {
        return JIT_OK;
    }
    if (want >= SYS_CAP_NONE) {
        return JIT_ELIMIT;
    }
    int grown = jit_heap_grow(caps->heap, &links, &caps->link_capacity, want, sizeof *caps->links);
    caps->links = links;
    if (grown == 0) {
        grown = jit_heap_grow(caps->heap, &nodes, &caps->node_capacity, want, sizeof *caps->nodes);
        caps->nodes = nodes;
    }
    return grown == 0 ? JIT_OK : JIT_ENOMEM;
}

/* There is room for it, and for its slot. */
static uint32_t node_add(struct sys_caps *caps, const struct sys_cap_node *node)
{
    uint32_t at = caps->free_first;
    if (at == SYS_CAP_NONE) {
        at = caps->end++;
    } else {
        caps->free_first = caps->links[at].parent;
    }
    const struct sys_attenuators *a = node->cap.attenuators;
    uint64_t last = a != NULL && (a->given & SYS_GIVEN_LAST_TICK) != 0 ? a->last_tick : UINT64_MAX;
    caps->nodes[at] = *node;
    caps->nodes[at].children = 0;
    caps->links[at] = (struct cap_link){.parent = node->parent,
                                        .born = node->born,
                                        .epoch = node->epoch,
                                        .filled = 1,
                                        .last_tick = last};
    caps->next_expiry = last < caps->next_expiry ? last : caps->next_expiry;
    caps->holders[node->holder].slots[node->slot] = at + 1;
    caps->count++;
    if (node->parent != SYS_CAP_NONE) {
        caps->nodes[node->parent].children++;
        caps->may_be_dead = caps->may_be_dead || caps->links[node->parent].epoch != node->born;
    }
    caps->may_be_dead = caps->may_be_dead || node->epoch == SYS_CAP_DEAD;
    return at;
}

/* Generations never return: after the last one a holder is given nothing any more. at: what is
 * moved out of one of its slots, or SYS_CAP_NONE. */
static bool has_generation(const struct sys_caps *caps, uint32_t holder, uint32_t at)
{
    bool own = at != SYS_CAP_NONE && caps->nodes[at].holder == holder;
    return caps->holders[holder].generation != UINT32_MAX &&
           !(own && caps->nodes[at].cap.generation == UINT32_MAX);
}

static enum jit_err place_for(struct sys_caps *caps, uint32_t parent, uint32_t holder,
                              uint32_t *slot, enum sys_cap_excess *excess)
{
    *excess = SYS_EXCESS_NONE;
    if (parent != SYS_CAP_NONE && caps->nodes[parent].depth == JIT_CAP_DEPTH_MAX) {
        *excess = SYS_EXCESS_DEPTH;
        return JIT_ELIMIT;
    }
    if (parent != SYS_CAP_NONE && caps->nodes[parent].children == JIT_CAP_FAN_OUT_MAX) {
        *excess = SYS_EXCESS_FAN_OUT;
        return JIT_ELIMIT;
    }
    enum jit_err err = choose_slot(caps, holder, slot);
    if (err == JIT_ELIMIT || err == JIT_EEXIST) {
        *excess = SYS_EXCESS_SLOT;
    }
    return err == JIT_OK ? node_room(caps) : err;
}

enum jit_err sys_caps_put(struct sys_caps *caps, const struct sys_cap_node *node, uint32_t *out)
{
    struct sys_cap_node copy = *node;
    struct sys_attenuators *kept = NULL;
    enum sys_cap_excess excess;
    *out = SYS_CAP_NONE;
    if (node->cap.generation == 0 || node->cap.rights == 0 ||
        (node->cap.rights & ~SYS_RIGHTS_ALL) != 0 ||
        (unsigned)node->cap.object >= SYS_OBJECT_COUNT || node->holder >= caps->holder_count ||
        node->slot == SYS_CAP_NONE ||
        (node->parent != SYS_CAP_NONE && !cap_is_there(caps, node->parent))) {
        return JIT_EINVALID;
    }
    enum jit_err err = place_for(caps, node->parent, node->holder, &copy.slot, &excess);
    if (err == JIT_OK && node->cap.attenuators != NULL) {
        err = sys_attenuators_copy(caps->heap, node->cap.attenuators, &kept);
    }
    if (err != JIT_OK) {
        return err;
    }
    copy.cap.attenuators = kept;
    copy.depth = node->parent == SYS_CAP_NONE ? 0 : caps->nodes[node->parent].depth + 1;
    *out = node_add(caps, &copy);
    return JIT_OK;
}

/* ---- derive ---- */

uint32_t sys_caps_quota(const struct sys_caps *caps, uint32_t node, enum sys_given quota)
{
    while (node != SYS_CAP_NONE &&
           (cap_given(caps->nodes[node].cap.attenuators) & (uint32_t)quota) == 0) {
        node = caps->links[node].parent;
    }
    return node;
}

static uint64_t *left_of(struct sys_caps *caps, uint32_t node, enum sys_given quota)
{
    assert(cap_is_there(caps, node));
    assert(quota == SYS_GIVEN_OPERATIONS || quota == SYS_GIVEN_BYTES);
    return quota == SYS_GIVEN_OPERATIONS ? &caps->nodes[node].operations_left
                                         : &caps->nodes[node].bytes_left;
}

void sys_caps_set_left(struct sys_caps *caps, uint32_t node, enum sys_given quota, uint64_t left)
{
    *left_of(caps, node, quota) = left;
}

/* Is there as much left above? */
static bool can_pay(struct sys_caps *caps, uint32_t parent, enum sys_given quota, uint64_t amount)
{
    uint32_t payer = sys_caps_quota(caps, parent, quota);
    return payer == SYS_CAP_NONE || amount <= *left_of(caps, payer, quota);
}

static void pay(struct sys_caps *caps, uint32_t parent, enum sys_given quota, uint64_t amount)
{
    uint32_t payer = sys_caps_quota(caps, parent, quota);
    if (payer != SYS_CAP_NONE) {
        *left_of(caps, payer, quota) -= amount;
    }
}

enum jit_err sys_caps_derive(struct sys_caps *caps, uint32_t parent,
                             const struct sys_cap_want *want, const struct jit_id *id,
                             uint32_t holder, uint32_t slot, uint32_t *out,
                             enum sys_cap_excess *excess)
{
    struct sys_bound space[SYS_ATTENUATOR_BOUND_MAX];
    struct sys_attenuators attenuators;
    struct sys_attenuators *kept = NULL;
    struct sys_cap_node node = {.id = *id, .holder = holder, .slot = slot, .parent = parent};
    *out = SYS_CAP_NONE;
    assert(cap_is_there(caps, parent));
    assert(holder < caps->holder_count);
    *excess = cap_narrow(&caps->nodes[parent].cap, want, space, &attenuators, &node.cap);
    if (*excess == SYS_EXCESS_NONE && (attenuators.given & SYS_GIVEN_OPERATIONS) != 0 &&
        !can_pay(caps, parent, SYS_GIVEN_OPERATIONS, attenuators.operations)) {
        *excess = SYS_EXCESS_OPERATIONS;
    }
    if (*excess == SYS_EXCESS_NONE && (attenuators.given & SYS_GIVEN_BYTES) != 0 &&
        !can_pay(caps, parent, SYS_GIVEN_BYTES, attenuators.bytes)) {
        *excess = SYS_EXCESS_BYTES;
    }
    if (*excess != SYS_EXCESS_NONE) {
        return JIT_ECAP;
    }
    if (!has_generation(caps, holder, SYS_CAP_NONE)) {
        *excess = SYS_EXCESS_SLOT;
        return JIT_ELIMIT;
    }
    enum jit_err err = place_for(caps, parent, holder, &node.slot, excess);
    if (err == JIT_OK && attenuators.given != 0) {
        err = sys_attenuators_copy(caps->heap, &attenuators, &kept);
        if (err == JIT_ELIMIT || err == JIT_EFORMAT) {
            *excess = SYS_EXCESS_PARAMS; /* too many bytes are bound in all */
            err = JIT_ELIMIT;
        }
    }
    if (err != JIT_OK) {
        return err;
    }
    node.cap.attenuators = kept;
    node.cap.generation = caps->holders[holder].generation + 1;
    node.depth = caps->nodes[parent].depth + 1;
    node.born = caps->links[parent].epoch;
    node.operations_left = kept != NULL ? kept->operations : 0;
    node.bytes_left = kept != NULL ? kept->bytes : 0;
    if ((cap_given(kept) & SYS_GIVEN_OPERATIONS) != 0) {
        pay(caps, parent, SYS_GIVEN_OPERATIONS, kept->operations);
    }
    if ((cap_given(kept) & SYS_GIVEN_BYTES) != 0) {
        pay(caps, parent, SYS_GIVEN_BYTES, kept->bytes);
    }
    *out = node_add(caps, &node);
    return JIT_OK;
}

enum jit_err sys_caps_move(struct sys_caps *caps, uint32_t at, uint32_t holder, uint32_t slot,
                           enum sys_cap_excess *excess)
{
    assert(cap_is_there(caps, at));
    assert(holder < caps->holder_count);
    *excess = SYS_EXCESS_NONE;
    if ((cap_given(caps->nodes[at].cap.attenuators) & SYS_GIVEN_NO_DELEGATE) != 0) {
        *excess = SYS_EXCESS_DELEGATE;
        return JIT_ECAP;
    }
    enum jit_err err =
        has_generation(caps, holder, at) ? choose_slot(caps, holder, &slot) : JIT_ELIMIT;
    if (err != JIT_OK) {
        *excess = err == JIT_ENOMEM ? SYS_EXCESS_NONE : SYS_EXCESS_SLOT;
        return err;
    }
    struct sys_cap_node *node = &caps->nodes[at];
    empty_slot(caps, node);
    node->holder = holder;
    node->slot = slot;
    node->cap.generation = caps->holders[holder].generation + 1;
    caps->holders[holder].slots[slot] = at + 1;
    return JIT_OK;
}

/* ---- taking away ---- */

void sys_caps_remove(struct sys_caps *caps, uint32_t at, uint32_t paid[2])
{
    static const enum sys_given quotas[] = {SYS_GIVEN_OPERATIONS, SYS_GIVEN_BYTES};
    assert(cap_is_there(caps, at));
    struct sys_cap_node *node = &caps->nodes[at];
    assert(node->children == 0);
    for (size_t i = 0; i < 2; i++) {
        uint64_t left = *left_of(caps, at, quotas[i]);
        uint32_t payer = node->parent == SYS_CAP_NONE
                             ? SYS_CAP_NONE
                             : sys_caps_quota(caps, node->parent, quotas[i]);
        paid[i] = SYS_CAP_NONE;
        if ((cap_given(node->cap.attenuators) & (uint32_t)quotas[i]) != 0 &&
            payer != SYS_CAP_NONE && left > 0) {
            *left_of(caps, payer, quotas[i]) += left;
            paid[i] = payer;
        }
    }
    empty_slot(caps, node);
    cap_free_attenuators(caps, at);
    if (node->parent != SYS_CAP_NONE) {
        caps->nodes[node->parent].children--;
    }
    caps->links[at] = (struct cap_link){.parent = caps->free_first};
    caps->free_first = at;
    caps->count--;
}

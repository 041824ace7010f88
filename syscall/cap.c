#include "syscall/cap.h"

#include "base/check.h"
#include "syscall/boot.h"
#include "syscall/cap_priv.h"

/* What a check walks over, apart from the rest so that a step is one cache line at most. */
struct cap_link {
    uint32_t parent;
    uint32_t born;
    uint32_t epoch;
    uint32_t filled;    /* 0: the place is free; parent is then the next free one */
    uint64_t last_tick; /* UINT64_MAX: it does not expire */
};

struct cap_holder {
    uint32_t *slots; /* node + 1; 0: empty */
    size_t slot_count;
    size_t slot_capacity;
    uint32_t free_from; /* no slot below it is empty */
    uint32_t generation;
};

struct sys_caps {
    struct jit_heap *heap;
    struct cap_link *links;
    struct sys_cap_node *nodes;
    size_t link_capacity;
    size_t node_capacity;
    uint32_t end;
    uint32_t count;
    uint32_t free_first;
    struct cap_holder *holders;
    uint32_t holder_count;
    uint64_t tick;
    bool may_be_dead;     /* something was revoked: dead nodes have to be looked for */
    uint64_t next_expiry; /* the earliest last tick of a node that is there */
    uint32_t *dead;       /* that are known, ascending by id, still there */
    size_t dead_count;
    size_t dead_capacity;
};

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

static void free_attenuators(struct sys_caps *caps, uint32_t node)
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
            free_attenuators(caps, i);
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

static bool is_there(const struct sys_caps *caps, uint32_t node)
{
    return node < caps->end && caps->links[node].filled != 0;
}

const struct sys_cap_node *sys_caps_node(const struct sys_caps *caps, uint32_t node)
{
    return is_there(caps, node) ? &caps->nodes[node] : NULL;
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
    assert(is_there(caps, node));
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
    assert(is_there(caps, node));
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
        (node->parent != SYS_CAP_NONE && !is_there(caps, node->parent))) {
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
    assert(is_there(caps, node));
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
    assert(is_there(caps, parent));
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
    assert(is_there(caps, at));
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

/* ---- revoke and sweep ---- */

void sys_caps_revoke(struct sys_caps *caps, uint32_t node, bool only_children)
{
    assert(is_there(caps, node));
    struct cap_link *link = &caps->links[node];
    if (link->epoch == SYS_CAP_DEAD) {
        return;
    }
    link->epoch = only_children ? link->epoch + 1 : SYS_CAP_DEAD;
    caps->nodes[node].epoch = link->epoch;
    caps->may_be_dead = true;
}

static int compare_ids(const struct sys_caps *caps, uint32_t a, uint32_t b)
{
    return jit_id_compare(&caps->nodes[a].id, &caps->nodes[b].id);
}

/* Heap sort, since there is nothing to hand a comparison to the library's with. */
static void sift(struct sys_caps *caps, size_t root, size_t count)
{
    uint32_t *dead = caps->dead;
    for (size_t child = 2 * root + 1; child < count; root = child, child = 2 * root + 1) {
        if (child + 1 < count && compare_ids(caps, dead[child], dead[child + 1]) < 0) {
            child++;
        }
        if (compare_ids(caps, dead[root], dead[child]) >= 0) {
            return;
        }
        uint32_t swap = dead[root];
        dead[root] = dead[child];
        dead[child] = swap;
    }
}

static void sort_dead(struct sys_caps *caps)
{
    size_t count = caps->dead_count;
    for (size_t i = count / 2; i > 0; i--) {
        sift(caps, i - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        uint32_t swap = caps->dead[0];
        caps->dead[0] = caps->dead[end - 1];
        caps->dead[end - 1] = swap;
        sift(caps, 0, end - 1);
    }
}

static bool find_dead(struct sys_caps *caps)
{
    caps->dead_count = 0;
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < caps->end; i++) {
        if (caps->links[i].filled == 0) {
            continue;
        }
        if (sys_caps_live(caps, i) == SYS_CAP_ALLOWED) {
            uint64_t last = caps->links[i].last_tick;
            next = last < next ? last : next;
            continue;
        }
        void *data = caps->dead;
        if (jit_heap_grow(caps->heap, &data, &caps->dead_capacity, caps->dead_count + 1,
                          sizeof *caps->dead) != 0) {
            return false;
        }
        caps->dead = data;
        caps->dead[caps->dead_count++] = i;
    }
    caps->may_be_dead = false;
    caps->next_expiry = next;
    sort_dead(caps);
    return true;
}

size_t sys_caps_dead(struct sys_caps *caps, uint32_t *nodes, size_t max)
{
    size_t count = 0;
    if ((caps->may_be_dead || caps->next_expiry < caps->tick) && !find_dead(caps)) {
        return SIZE_MAX;
    }
    size_t kept = 0;
    for (size_t i = 0; i < caps->dead_count; i++) {
        uint32_t node = caps->dead[i];
        /* Taken away meanwhile; and then its place may have been filled again. */
        if (!is_there(caps, node) || sys_caps_live(caps, node) == SYS_CAP_ALLOWED) {
            continue;
        }
        caps->dead[kept++] = node;
        if (caps->nodes[node].children == 0 && count < max) {
            nodes[count++] = node;
        }
    }
    caps->dead_count = kept;
    return count;
}

void sys_caps_remove(struct sys_caps *caps, uint32_t at, uint32_t paid[2])
{
    static const enum sys_given quotas[] = {SYS_GIVEN_OPERATIONS, SYS_GIVEN_BYTES};
    assert(is_there(caps, at));
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
    free_attenuators(caps, at);
    if (node->parent != SYS_CAP_NONE) {
        caps->nodes[node->parent].children--;
    }
    caps->links[at] = (struct cap_link){.parent = caps->free_first};
    caps->free_first = at;
    caps->count--;
}

/* syscall/cap_priv.h - shared by cap.c (life, reading, checks), cap_tree.c (what puts nodes into
 * the tree and takes them away), cap_dead.c (revoking, what died of it) and cap_narrow.c (one
 * capability). */
#ifndef JIT_SYSCALL_CAP_PRIV_H
#define JIT_SYSCALL_CAP_PRIV_H

#include "syscall/cap.h"

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

static inline bool cap_is_there(const struct sys_caps *caps, uint32_t node)
{
    return node < caps->end && caps->links[node].filled != 0;
}

static inline uint32_t cap_given(const struct sys_attenuators *a)
{
    return a == NULL ? 0 : a->given;
}

/* What a node has of its own is given back; the node stays. */
void cap_free_attenuators(struct sys_caps *caps, uint32_t node);

bool cap_names_rule(const struct sys_cap *cap, const struct jit_id *rule);
bool cap_is_object(const struct sys_cap *cap, const struct sys_cap_need *need);

/* What is held, made narrower as is wanted; quotas are not compared. attenuators borrows from both
 * and from space, SYS_ATTENUATOR_BOUND_MAX of them; out borrows attenuators. NONE, or what is more
 * than is held. */
enum sys_cap_excess cap_narrow(const struct sys_cap *held, const struct sys_cap_want *want,
                               struct sys_bound *space, struct sys_attenuators *attenuators,
                               struct sys_cap *out);

#endif

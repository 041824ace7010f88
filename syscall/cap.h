/* syscall/cap.h - capabilities: one derivation tree, and for each process a table of slots.
 * Spec:  DESIGN 8, 13, 14.5 (bound parameters); docs/spec/capabilities.md. Layer: syscall, base
 * only; pure.
 *
 * A worker holds slot and generation and nothing else; all that they stand for lies here, in the
 * kernel's heap, and as a graph in /sec (kernel/core/sec.c keeps both alike). A slot that was
 * emptied never gives an older generation's right again.
 *
 * Derivation only narrows; what asks for more is refused and told what. Revoking writes one word of
 * one node: everything derived from it is dead from then on, since each check walks up to the root
 * of its capability, at most JIT_CAP_DEPTH_MAX steps. Dead nodes are taken away later, some at a
 * time. Checking changes nothing and costs the same however large the tree is. */
#ifndef JIT_SYSCALL_CAP_H
#define JIT_SYSCALL_CAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/heap.h"
#include "syscall/abi.h"
#include "syscall/attenuate.h"

/* What a capability is for. */
#define SYS_OBJECT_MAP(X)                                                                          \
    X(SYS_OBJECT_INSTANCE, "instance") /* and those nested in it */                                \
    X(SYS_OBJECT_RULE, "rule")                                                                     \
    X(SYS_OBJECT_PROCESS, "process")                                                               \
    X(SYS_OBJECT_DEVICE, "device")                                                                 \
    X(SYS_OBJECT_CHANNEL, "channel")
enum sys_object {
#define X(name, text) name,
    SYS_OBJECT_MAP(X)
#undef X
        SYS_OBJECT_COUNT
};
static_assert(SYS_OBJECT_INSTANCE == SYS_OWNER_INSTANCE && SYS_OBJECT_RULE == SYS_OWNER_RULE,
              "one numbering");
const char *sys_object_text(enum sys_object object);

struct sys_cap {
    uint32_t generation; /* from 1 */
    uint32_t rights;     /* enum sys_right */
    enum sys_object object;
    struct jit_id instance;      /* the object's id, of whatever kind it is */
    struct jit_id rule_id;       /* zero: it names no rule but those of its attenuators */
    struct jit_id params_digest; /* zero: parameters are free */
    uint32_t limit_group;        /* capabilities of one grant share a limit of requests a tick */
    uint64_t badge;              /* of whoever minted it; 0: none yet */
    const struct sys_attenuators *attenuators; /* NULL: none */
};

/* A node of the tree. */
#define SYS_CAP_NONE UINT32_MAX
#define SYS_CAP_DEAD UINT32_MAX /* an epoch */
struct sys_cap_node {
    struct sys_cap cap;
    struct jit_id id; /* of its node in /sec */
    uint32_t holder;  /* index of the process */
    uint32_t slot;
    uint32_t parent;          /* SYS_CAP_NONE: granted by the operator, or in the system file */
    uint32_t depth;           /* derivations from the root */
    uint32_t children;        /* that are there, dead ones not yet taken away included */
    uint32_t born;            /* the parent's epoch when it was derived */
    uint32_t epoch;           /* +1 when all derived from it is revoked; SYS_CAP_DEAD: itself is */
    uint64_t operations_left; /* where its attenuators have them */
    uint64_t bytes_left;
};

/* Verdicts in the order in which a request is judged. */
#define SYS_CAP_VERDICT_MAP(X)                                                                     \
    X(SYS_CAP_ALLOWED, "allowed")                                                                  \
    X(SYS_CAP_NO_SLOT, "no such capability")                                                       \
    X(SYS_CAP_STALE, "the capability is stale")                                                    \
    X(SYS_CAP_REVOKED, "the capability, or one it was derived from, is revoked")                   \
    X(SYS_CAP_EXPIRED, "the capability, or one it was derived from, has expired")                  \
    X(SYS_CAP_NO_RIGHT, "the capability lacks the right")                                          \
    X(SYS_CAP_OTHER_RULE, "the capability is for another rule")                                    \
    X(SYS_CAP_OTHER_INSTANCE, "the capability is for another instance")                            \
    X(SYS_CAP_OTHER_PARAMS, "the parameters differ from the bound ones")                           \
    X(SYS_CAP_PRIORITY, "the rule's priority is above the ceiling")                                \
    X(SYS_CAP_OVER_LIMIT, "the limit of this tick, or of the capability, is used up")              \
    X(SYS_CAP_NODE_TYPE, "a matched node is of a type it does not cover")                          \
    X(SYS_CAP_EDGE_TYPE, "a matched edge is of a type it does not cover")                          \
    X(SYS_CAP_WRITES_NODE, "an effect on a node is not covered by a write right")                  \
    X(SYS_CAP_WRITES_EDGE, "an effect on an edge is not covered by a write right")                 \
    X(SYS_CAP_OWNER, "the rule's owner has no right to write there")                               \
    X(SYS_CAP_REMAP, "the process has lost a map and is started anew without it")
enum sys_cap_verdict {
#define X(name, text) name,
    SYS_CAP_VERDICT_MAP(X)
#undef X
        SYS_CAP_VERDICTS
};
const char *sys_cap_verdict_text(enum sys_cap_verdict verdict);

/* ---- the tree ---- */
struct sys_caps;

JIT_MUST_CHECK enum jit_err sys_caps_new(struct jit_heap *heap, uint32_t holders,
                                         struct sys_caps **out);
void sys_caps_free(struct sys_caps *caps); /* may be NULL */

/* The tick that is being judged: what expired before it is dead. */
void sys_caps_begin_tick(struct sys_caps *caps, uint64_t tick);

/* A node as it is, from where it is kept (attenuators are copied; depth and children are not
 * looked at). Errors: JIT_ELIMIT (slot, depth or fan-out), JIT_EEXIST (slot), JIT_EINVALID
 * (generation 0, unknown rights or object, no such holder or parent), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sys_caps_put(struct sys_caps *caps, const struct sys_cap_node *node,
                                         uint32_t *out);
/* NULL: no such node (any more). Borrowed until the next change. */
const struct sys_cap_node *sys_caps_node(const struct sys_caps *caps, uint32_t node);
uint32_t sys_caps_count(const struct sys_caps *caps); /* nodes that are there */
uint32_t sys_caps_end(const struct sys_caps *caps);   /* every node is below it */
/* Slots of a holder are below it; SYS_CAP_NONE: the slot is empty. */
uint32_t sys_caps_slots(const struct sys_caps *caps, uint32_t holder);
uint32_t sys_caps_at(const struct sys_caps *caps, uint32_t holder, uint32_t slot);
/* Errors: JIT_ENOENT (never was there), JIT_ESTALE (was, or another generation is). */
JIT_MUST_CHECK enum jit_err sys_caps_lookup(const struct sys_caps *caps, uint32_t holder,
                                            uint32_t slot, uint32_t generation, uint32_t *node);
/* The highest generation that was taken away from a holder: new ones are above it. */
uint32_t sys_caps_generation(const struct sys_caps *caps, uint32_t holder);
void sys_caps_set_generation(struct sys_caps *caps, uint32_t holder, uint32_t generation);

/* ALLOWED, REVOKED or EXPIRED: what is wrong nearest to the root. */
enum sys_cap_verdict sys_caps_live(const struct sys_caps *caps, uint32_t node);

/* From the root to the node; returns how many. */
uint32_t sys_caps_chain(const struct sys_caps *caps, uint32_t node,
                        uint32_t chain[JIT_CAP_DEPTH_MAX + 1]);

/* What a request needs; a NULL is not asked for. A capability covers its instance and those nested
 * in it: `outer` are the ones that `instance` lies in, outer_count of them. */
struct sys_cap_need {
    uint32_t right; /* every one of these bits */
    enum sys_object object;
    const struct jit_id *rule_id;
    const struct jit_id *instance;
    const struct jit_id *outer;
    uint32_t outer_count;
    const struct jit_id *params_digest;
    const uint8_t *params; /* with params_digest: the bytes, for what is bound one by one */
    size_t params_size;
    int32_t priority; /* with rule_id, */
    bool ranked;      /* or with this: some rule is applied, whichever */
};
/* node: the node that was looked at, or SYS_CAP_NONE; may be NULL. */
enum sys_cap_verdict sys_caps_check(const struct sys_caps *caps, uint32_t holder, uint32_t slot,
                                    uint32_t generation, const struct sys_cap_need *need,
                                    uint32_t *node);
enum sys_cap_verdict sys_caps_check_node(const struct sys_caps *caps, uint32_t node,
                                         const struct sys_cap_need *need);

/* The same of what somebody holds outside the tree: that it is alive is not asked. */
enum sys_cap_verdict sys_cap_covers(const struct sys_cap *cap, const struct sys_cap_need *need);

/* ---- changing it ---- */
/* What a new capability is to be; what is 0, zero or not given is as it is held. */
struct sys_cap_want {
    uint32_t rights;
    struct jit_id instance;
    const struct jit_id *outer; /* where that instance lies in, as in a need */
    uint32_t outer_count;
    struct jit_id rule_id;
    struct jit_id params_digest;
    uint64_t badge;
    const struct sys_attenuators *attenuators; /* NULL: none; bound parameters add up */
};
/* A child of a live node, into a slot of a holder (SYS_CAP_NONE: the first that is free). Its
 * quotas are taken off the nearest node above that has one.
 * Errors: JIT_ECAP (more than is held), JIT_ELIMIT (depth, fan-out, slots), JIT_EEXIST (slot): in
 * each case *excess says which thing; JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sys_caps_derive(struct sys_caps *caps, uint32_t parent,
                                            const struct sys_cap_want *want,
                                            const struct jit_id *id, uint32_t holder, uint32_t slot,
                                            uint32_t *out, enum sys_cap_excess *excess);
/* To another slot; what was derived from it stays its own. Errors: as derive. */
JIT_MUST_CHECK enum jit_err sys_caps_move(struct sys_caps *caps, uint32_t node, uint32_t holder,
                                          uint32_t slot, enum sys_cap_excess *excess);
/* All that was derived from it, and itself unless only_children. Twice is as once. */
void sys_caps_revoke(struct sys_caps *caps, uint32_t node, bool only_children);
/* The first nodes, ascending by id, that are dead and have no children: at most max of them.
 * Returns how many. Errors (SIZE_MAX): there was no memory. */
size_t sys_caps_dead(struct sys_caps *caps, uint32_t *nodes, size_t max);
/* Take such a node away: its slot is free, and the operations and bytes that it did not use are
 * given back. paid: the nodes that got them, or SYS_CAP_NONE. */
void sys_caps_remove(struct sys_caps *caps, uint32_t node, uint32_t paid[2]);

/* ---- quotas ---- */
/* The nearest node, itself included, that has this quota (SYS_GIVEN_OPERATIONS or _BYTES), or
 * SYS_CAP_NONE: it has no bound. */
uint32_t sys_caps_quota(const struct sys_caps *caps, uint32_t node, enum sys_given quota);
void sys_caps_set_left(struct sys_caps *caps, uint32_t node, enum sys_given quota, uint64_t left);

/* ---- words ---- */
/* One line for the screen, cut off to fit: "denied: w[2] holds no capability with invoke on rule
 * cure in /world". Names are borrowed; rule may be NULL. Returns its length without the
 * terminator. */
struct sys_cap_names {
    const char *process;  /* w[2] */
    const char *rule;     /* cure */
    const char *instance; /* /world */
    uint32_t slot;        /* that was used */
    uint32_t right;       /* that was needed */
};
size_t sys_cap_explain(enum sys_cap_verdict verdict, const struct sys_cap_names *names, char *text,
                       size_t text_size);
/* "map and write"; "" for none. */
size_t sys_cap_rights_text(uint32_t rights, char *text, size_t text_size);

#endif

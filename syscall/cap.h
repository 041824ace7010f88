/* syscall/cap.h - the capabilities of one process: a table of slots with generations.
 * Spec:  DESIGN 8, 14.1 (order of charging), 14.5 (bound parameters). Layer: syscall, base only.
 *
 * A worker holds slot and generation and nothing else; all that they stand for lies here, in the
 * kernel's heap. A slot that was emptied never gives an older generation's right again. Checking
 * changes nothing and costs the same however large the table is; charging a limit is a step of its
 * own, since it happens in the canonical order of a tick. */
#ifndef JIT_SYSCALL_CAP_H
#define JIT_SYSCALL_CAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/heap.h"
#include "syscall/abi.h"

struct sys_cap {
    uint32_t generation; /* from 1 */
    uint32_t rights;     /* enum sys_right */
    struct jit_id instance;
    struct jit_id rule_id;       /* zero: it names no rule, so it invokes none */
    struct jit_id params_digest; /* zero: parameters are free */
    uint32_t limit_group;        /* capabilities of one grant share a limit */
    uint64_t badge;
};

/* Verdicts in the order in which a request is judged. */
#define SYS_CAP_VERDICT_MAP(X)                                                                     \
    X(SYS_CAP_ALLOWED, "allowed")                                                                  \
    X(SYS_CAP_NO_SLOT, "no such capability")                                                       \
    X(SYS_CAP_STALE, "the capability is stale")                                                    \
    X(SYS_CAP_NO_RIGHT, "the capability lacks the right")                                          \
    X(SYS_CAP_OTHER_RULE, "the capability is for another rule")                                    \
    X(SYS_CAP_OTHER_INSTANCE, "the capability is for another instance")                            \
    X(SYS_CAP_OTHER_PARAMS, "the parameters differ from the bound ones")                           \
    X(SYS_CAP_OVER_LIMIT, "the limit of this tick is used up")
enum sys_cap_verdict {
#define X(name, text) name,
    SYS_CAP_VERDICT_MAP(X)
#undef X
        SYS_CAP_VERDICTS
};
const char *sys_cap_verdict_text(enum sys_cap_verdict verdict);

struct sys_cap_table;

JIT_MUST_CHECK enum jit_err sys_cap_table_new(struct jit_heap *heap, struct sys_cap_table **out);
void sys_cap_table_free(struct sys_cap_table *table); /* may be NULL */

/* Fill an empty slot. Errors: JIT_ELIMIT (slot >= JIT_CAP_SLOTS_MAX), JIT_EEXIST (it is filled),
 * JIT_ESTALE (the generation was there before), JIT_EINVALID (generation 0, unknown rights),
 * JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sys_cap_put(struct sys_cap_table *table, uint32_t slot,
                                        const struct sys_cap *cap);
/* Empty a slot. Errors: JIT_ENOENT, JIT_ESTALE. */
JIT_MUST_CHECK enum jit_err sys_cap_remove(struct sys_cap_table *table, uint32_t slot,
                                           uint32_t generation);
/* Errors: JIT_ENOENT (no such slot, or empty and never of this generation), JIT_ESTALE. Borrowed
 * until the next put. */
JIT_MUST_CHECK enum jit_err sys_cap_lookup(const struct sys_cap_table *table, uint32_t slot,
                                           uint32_t generation, const struct sys_cap **out);

/* What a request needs; a NULL is not asked for. A capability covers its instance and those nested
 * in it: `outer` are the ones that `instance` lies in, outer_count of them. */
struct sys_cap_need {
    uint32_t right; /* every one of these bits */
    const struct jit_id *rule_id;
    const struct jit_id *instance;
    const struct jit_id *outer;
    uint32_t outer_count;
    const struct jit_id *params_digest;
};
enum sys_cap_verdict sys_cap_check(const struct sys_cap_table *table, uint32_t slot,
                                   uint32_t generation, const struct sys_cap_need *need);

/* Limits: requests a tick, by group; a group without one has none. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sys_cap_set_limit(struct sys_cap_table *table, uint32_t group,
                                              uint64_t per_tick);
/* One request under a capability that check allowed: ALLOWED or OVER_LIMIT. */
enum sys_cap_verdict sys_cap_charge(struct sys_cap_table *table, uint32_t slot);
void sys_cap_begin_tick(struct sys_cap_table *table);

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

#endif

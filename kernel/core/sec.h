/* kernel/core/sec.h - capabilities in the kernel: the tree, /sec, and what changes both alike.
 * Spec:  DESIGN 5.2 (order within a tick), 7.1 (maps), 8; docs/spec/capabilities.md, root-graph.md
 *        "/sec". Layer: kernel/core; pure.
 *
 * A tick: begin carries out what was asked (revocations, then the sweep, then derivations), before
 * any request is judged; quotas are charged by the engine; write makes operations of all that is
 * different from /sec, in the same tick; settle answers. */
#ifndef JIT_KERNEL_CORE_SEC_H
#define JIT_KERNEL_CORE_SEC_H

#include "kernel/core/record.h"
#include "kernel/core/root.h"
#include "rmg/store/scratch.h"
#include "syscall/decode.h"

#define KERN_SEC_SWEEP_MAX 1024u /* dead nodes taken away a tick */
#define KERN_SEC_ASKS_MAX  4096u /* of one process in one tick; operators' that wait */
/* Bounds of what workers can make a tick write in /sec, so that it always fits into a patch: bytes
 * for what is derived and moved, revocations, and capabilities with quotas, each of which is
 * written again when it is charged. An operator's revocation is never refused. */
#define KERN_SEC_MADE_BYTES_MAX ((uint64_t)16 << 20)
#define KERN_SEC_REVOKES_MAX    8192u
#define KERN_SEC_QUOTAS_MAX     16384u
/* Bytes of attenuators that /sec keeps for one process: of all that is derived from what it holds.
 * Who derives pays; so no process makes /sec grow for ever, tick by tick. */
#define KERN_SEC_KEPT_BYTES_MAX ((uint64_t)4 << 20)

/* What was asked: by a worker (its bytes lie in its own buffer) or an operator. */
struct kern_ask {
    uint32_t call;    /* SYS_CALL_derive, _grant, _revoke; of an operator also _owner */
    uint32_t process; /* who asks; SYS_CAP_NONE: an operator */
    uint32_t holder;  /* whose capability is named; SYS_CAP_NONE: the operator's own authority */
    uint32_t target;  /* operator: who is to hold the new one */
    enum sys_object object; /* operator, of his own authority: what it is for */
    size_t bytes_at;
    uint32_t size;
    uint64_t cookie;
    uint64_t serial; /* operator: by which the outcome is asked for */
    struct jit_id key;
    struct kern_outcome outcome;
};

/* Beside each node of the tree. */
struct kern_sec_extra {
    uint32_t origin; /* process whose limit group it is in */
    uint32_t group;  /* index into groups, so into the tick's quotas */
    uint32_t dirty;
    bool made;    /* it has the atom of that name */
    bool intents; /* likewise */
    bool gated;
    struct rmg_gate gate;
    uint64_t charged_for; /* the tick that charges are for */
    struct rmg_charge charges[2];
    uint32_t charge_count;
    uint32_t quota_at;      /* of its own quotas in this tick: operations, then bytes */
    uint64_t derived_bytes; /* of attenuators, of those derived from it that are there */
};
struct kern_sec_group {
    uint32_t process;
    uint32_t number; /* of that process */
    uint64_t limit;
};
struct kern_sec_gone { /* a node that was taken away, and what it had in /sec */
    struct jit_id id;
    struct jit_id parent; /* zero: none */
    bool attenuators, made, left, epoch, intents;
};
struct kern_sec_owner {
    struct jit_id object;
    struct jit_id capability; /* that its edge in /sec leads to; zero: nobody's */
    uint32_t node;            /* as it is now; SYS_CAP_NONE: nobody's */
    bool is_rule;             /* of one that is not listed yet */
    bool listed;              /* it has a node in /sec */
    bool changed;             /* in this tick, */
    bool dropped;             /* or the operator's again */
};

struct kern_sec {
    struct jit_heap *heap;
    struct sys_caps *caps;
    struct kern_sec_extra *extra;
    size_t extra_capacity;
    struct kern_sec_group *groups;
    size_t group_count, group_capacity;
    uint32_t *quota_nodes; /* that have quotas of their own */
    size_t quota_count, quota_capacity;
    struct kern_sec_owner *owners; /* ascending by object */
    uint32_t owner_count;
    size_t owner_capacity;
    bool owners_changed; /* in this tick */
    bool expiring;       /* some capability has a last tick */
    bool changed;        /* in this tick */

    struct kern_ask *asks; /* operators' */
    size_t ask_count, ask_capacity;
    struct jit_buf ask_bytes;
    struct kern_ask **order; /* of this tick */
    size_t order_count, order_capacity;
    uint64_t serial;                  /* of the last one an operator asked */
    struct kern_outcome outcomes[64]; /* of his last ones, by serial */
    uint32_t *dirty;
    size_t dirty_count, dirty_capacity;
    struct kern_sec_gone *gone;
    size_t gone_count, gone_capacity;
    bool *older;           /* by process: its generation has to be written */
    uint64_t *kept;        /* by process: bytes of attenuators derived from what it holds */
    uint64_t made_bytes;   /* of this tick's patch, for what was derived and moved */
    uint32_t revoke_count; /* workers', in this tick */
    struct rmg_scratch scratch;
    struct rmg_op *ops;
    size_t op_count, op_capacity;
};

struct kern_core;

JIT_MUST_CHECK enum jit_err kern_sec_new(struct kern_core *core, const char **where);
void kern_sec_free(struct kern_sec *sec); /* may be NULL */

/* A worker's call: its bytes are at the end of its buffer. Errors: JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_sec_take(struct kern_core *core, uint32_t process,
                                          const struct sys_slot *slot, const uint8_t *bytes);
/* `inspect`, answered at once. */
void kern_sec_inspect(const struct kern_core *core, uint32_t process,
                      const struct sys_inspect *inspect, struct sys_receipt *out);
/* Does something wait for the next tick? */
bool kern_sec_waits(const struct kern_core *core);

/* Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_sec_begin(struct kern_core *core);
/* Room for the tick's quotas, and their values. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_sec_quotas(struct kern_core *core);
/* May write have anything to do in this tick? */
bool kern_sec_may_write(const struct kern_core *core);
/* The engine's `charged`: user is the core. */
JIT_MUST_CHECK enum jit_err kern_sec_write(void *user, struct rmg_tick_input *input);
/* What was asked in this tick and what became of it, for the log: from the core's heap, bytes
 * borrowed. NULL: nothing was, or there was no memory. */
struct kern_record_ask *kern_sec_asked(const struct kern_core *core, uint32_t *count);
/* The tick is made: answers, and what counts from the next one on. */
void kern_sec_settle(struct kern_core *core);

/* What a request asked for under a node is charged to, in this tick. */
void kern_sec_charges(struct kern_core *core, uint32_t node, struct rmg_request *request);
/* What a rule may write: a gate (NULL: everything) or, by the verdict, that its owner may not write
 * in the instance. */
enum sys_cap_verdict kern_sec_owner(const struct kern_sec *sec, const struct jit_id *rule,
                                    const struct sys_cap_need *write, const struct rmg_gate **gate);

#endif

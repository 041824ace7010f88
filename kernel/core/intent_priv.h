/* kernel/core/intent_priv.h - intents that wait for their tick: intent.c, shared with the tick. */
#ifndef JIT_KERNEL_CORE_INTENT_PRIV_H
#define JIT_KERNEL_CORE_INTENT_PRIV_H

#include "kernel/core/core_priv.h"
#include "kernel/core/sec_priv.h"

struct kern_intending {
    struct kern_intent it;
    uint8_t *bytes; /* a copy, in which it lies */
    uint32_t size;
    uint32_t node;            /* of the tree */
    uint32_t holder;          /* of that node */
    struct jit_id capability; /* and its id */
    struct sys_cap narrowed;
    struct sys_attenuators *attenuators; /* of narrowed */
    bool is_narrowed;
    bool gated; /* by what is narrowed: */
    struct rmg_gate gate;
    const struct rmg_rule *rule;
    struct kern_lineage lineage;
    struct kern_pending pending;
    uint64_t serial;
    uint32_t index;      /* of its request in the tick */
    bool first;          /* of its capability in this tick: then */
    struct jit_buf kept; /* the list that is to be kept beside it */
};

/* All in the tick being made: looked up in the tree as it is now, and what is to be kept. Errors:
 * JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err kern_intents_gather(struct kern_core *core);
/* Operations on /sec. */
void kern_intents_write(struct sec_writer *w);
/* The tick is made; request i of it was intent `intent`. */
void kern_intent_settled(struct kern_core *core, uint32_t intent, uint32_t i,
                         const struct kern_source *source, enum rmg_result result);
void kern_intents_settle(struct kern_core *core);
/* For the log; ascending by index. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_intents_asked(struct kern_core *core,
                                               struct kern_record_intent **out,
                                               struct jit_buf *narrowed);
void kern_intents_release(struct kern_core *core);

/* What covers a need beside the capability itself: the token's own narrowings. */
enum sys_cap_verdict kern_intent_covers(const struct kern_core *core,
                                        const struct kern_intending *intent,
                                        const struct sys_cap_need *need);

#endif

/* rmg/engine/engine_merge_priv.h - what the files of the merge hand to each other: the operations
 * of a tick as one batch (engine_batch.c), and that carried out (engine_perform.c). engine_merge.c
 * has the patch around them and the transaction. Layer: rmg; base only. Private to these three. */
#ifndef JIT_RMG_ENGINE_MERGE_PRIV_H
#define JIT_RMG_ENGINE_MERGE_PRIV_H

#include "rmg/engine/engine_priv.h"
#include "rmg/change/merge.h"

#define ENG_AHEAD 8u /* how far ahead of their use random places are asked for */

/* ---- the batch (engine_batch.c): in the order of a patch, then slot by slot ---- */

/* The operations of who has won and of the kernel. They are borrowed. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err eng_batch_collect(struct rmg_engine *engine);
/* Touches nothing but engine->order, and reads the operations: may run beside others that read. */
void eng_batch_sort(struct rmg_engine *engine);
/* Errors: JIT_ECONFLICT (a slot that one operation empties and another fills). */
JIT_MUST_CHECK enum jit_err eng_batch_check(const struct rmg_engine *engine);

/* All of these once it is sorted. */
static inline const struct eng_op *eng_op_at(const struct rmg_engine *engine, size_t place)
{
    return engine->ops[engine->order.items[place].index];
}
size_t eng_batch_kind(const struct rmg_engine *engine, unsigned kind); /* where it begins */
/* What the tick writes at most. */
void eng_batch_measure(const struct rmg_engine *engine, uint64_t *slots, uint64_t *bytes);

/* What the operations of one slot come to; op points into the rest, the batch and the scratch. */
struct eng_folded {
    struct rmg_op op;
    struct rmg_origin one;
    uint8_t sum[8];
    size_t end; /* where the next slot begins */
};
/* Of the slot of the operation at `begin`, which is its first.
 * Errors: JIT_ECONFLICT (two values), JIT_ECORRUPT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err eng_batch_fold(const struct rmg_engine *engine,
                                           struct rmg_scratch *scratch, size_t begin,
                                           struct eng_folded *out);

/* ---- the batch carried out (engine_perform.c) ---- */

/* Into engine->patch, behind its lists of slots, and into the transaction. Errors: JIT_ECONFLICT
 * (two values for one slot), those of rmg_op_apply. */
JIT_MUST_CHECK enum jit_err eng_perform(struct rmg_engine *engine, struct rmg_tx *tx);

#endif

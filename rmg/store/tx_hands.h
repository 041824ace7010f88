/* rmg/store/tx_hands.h - what a transaction does side by side.
 * Spec:  DESIGN 5.2 (private deltas, the same result for any number of threads), 14.9, 14.10.
 * Layer: rmg; base only.
 *
 * Ids that begin with different bytes lie in different subtrees of a map. So a map is written by
 * hands: each has a few of the 256 first bytes, memory of its own, and nobody else's subtrees. How
 * a map's keys are spread over hands depends on the keys alone, and which hand has which memory
 * does not depend on threads; where a reference points is not hashed anyway. What a hand cannot do
 * (its memory is used up, a portal, no subtree of its own) is left to the transaction. */
#ifndef JIT_RMG_TX_HANDS_H
#define JIT_RMG_TX_HANDS_H

#include "base/exec.h"
#include "rmg/store/store.h"

#define RMG_HANDS      32u
#define RMG_HAND_BYTES (256u / RMG_HANDS) /* first bytes that a hand has */

/* From now on hashing goes through exec, too. Its tasks take memory from the store's heap. */
void rmg_tx_exec(struct rmg_tx *tx, struct jit_exec *exec);
/* For what is made ready for the transaction beside it; never NULL. */
struct jit_exec *rmg_tx_exec_of(const struct rmg_tx *tx);

/* Before attachments of one plane of one instance are set for operations[b] owners, or so, whose
 * ids begin with byte b. *out NULL: it is not worth it, set them one by one. Until it is closed
 * nothing else may be done with the transaction. Errors: JIT_ENOENT (instance), JIT_ENOMEM,
 * JIT_ENOSPC, JIT_ECORRUPT. */
struct rmg_hands;
JIT_MUST_CHECK enum jit_err rmg_hands_open(struct rmg_tx *tx, const struct jit_id *instance,
                                           enum rmg_plane plane, const uint32_t operations[256],
                                           struct rmg_hands **out);
/* As rmg_tx_set_attachment, in any thread; one at a time for the RMG_HAND_BYTES first bytes of each
 * hand. Errors: as there; but after JIT_ENOSPC nothing is lost: set it when the hands are closed.
 */
JIT_MUST_CHECK enum jit_err rmg_hands_set(struct rmg_hands *hands, const struct jit_id *owner,
                                          const struct rmg_attachment *attachment);
void rmg_hands_close(struct rmg_hands *hands);

#endif

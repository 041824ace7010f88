/* rmg/store/scratch.h - memory that is taken piece by piece and given back all at once.
 * Spec:  STYLE "Memory": nothing is allocated a request. Layer: rmg; base only.
 * Owns:  the pieces belong to the scratch; reset takes them back and keeps the memory for the next
 *        round, release gives it back to the heap. */
#ifndef JIT_RMG_SCRATCH_H
#define JIT_RMG_SCRATCH_H

#include "base/heap.h"

struct rmg_scratch_block;
struct rmg_scratch {
    struct jit_heap *heap;
    struct rmg_scratch_block *first;
    struct rmg_scratch_block *current;
    size_t used; /* of the current block */
};
void rmg_scratch_init(struct rmg_scratch *scratch, struct jit_heap *heap);
void rmg_scratch_reset(struct rmg_scratch *scratch);
void rmg_scratch_release(struct rmg_scratch *scratch);
/* Where it stands; rewind takes back all that was taken since, and gives whole blocks to the heap.
 */
struct rmg_scratch_mark {
    struct rmg_scratch_block *current;
    size_t used;
};
struct rmg_scratch_mark rmg_scratch_mark(const struct rmg_scratch *scratch);
void rmg_scratch_rewind(struct rmg_scratch *scratch, struct rmg_scratch_mark mark);
/* size > 0 bytes, 8-aligned; NULL when the heap refuses. */
void *rmg_scratch_alloc(struct rmg_scratch *scratch, size_t size);
void *rmg_scratch_copy(struct rmg_scratch *scratch, const void *bytes, size_t size);

#endif

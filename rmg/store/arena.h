/* rmg/store/arena.h - memory of tries: one contiguous range, cut into 16-byte granules, addressed
 * by 32-bit references, so that it can be mapped elsewhere or opened from a file without a load
 * step. Spec:  DESIGN 4.4 (position-independent), 13 (64 GiB), 14.9 (reservation, reuse). Layer:
 * rmg; base only. The range itself (anonymous memory, a memfd, a file) is the owner's.
 *
 * A reference is the offset divided by 16; 0 means none. Freed memory is kept on lists by size
 * class whose links lie in the freed memory itself: freeing never needs memory. A bulk build
 * borrows a stretch of any size for its scratch; what it gives back is the hole, the next to be
 * handed out, so what is built afterwards lies where the scratch lay. Nothing here is ever hashed.
 */
#ifndef JIT_RMG_ARENA_H
#define JIT_RMG_ARENA_H

#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"

#define RMG_GRANULE       16u
#define RMG_ARENA_CLASSES 192u

struct rmg_arena {
    uint8_t *base;     /* never moves */
    uint64_t size;     /* bytes that may be touched now */
    uint64_t size_max; /* bytes of the range */
    uint64_t used;     /* bytes ever handed out; all beyond are untouched */
    uint64_t live;     /* bytes handed out and not freed */
    /* Make size >= size_min (<= size_max) or say why not: JIT_ENOSPC, JIT_ENOMEM. May be NULL:
     * fixed. */
    enum jit_err (*grow)(struct rmg_arena *arena, uint64_t size_min);
    void *owner;       /* for grow */
    uint64_t hole;     /* offset of a free stretch that is handed out before `used` grows */
    uint64_t hole_end; /* of it; equal: there is none */
    uint32_t free_head[RMG_ARENA_CLASSES];
};

/* An arena over memory of its own from the heap of size_max bytes (tests, tools, private graphs).
 * Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_arena_new(struct jit_heap *heap, uint64_t size_max,
                                          struct rmg_arena **out);
void rmg_arena_free(struct jit_heap *heap, struct rmg_arena *arena); /* may be NULL */

/* An arena over a range that the caller owns; it must be zero from base on. header_bytes at the
 * start stay the caller's (a control page); a multiple of 16. */
void rmg_arena_init(struct rmg_arena *arena, uint8_t *base, uint64_t size, uint64_t size_max,
                    uint64_t header_bytes);

/* Make sure that bytes more can be handed out without growing (14.9). Errors: as grow, and
 * JIT_ENOSPC at the end of the range. */
JIT_MUST_CHECK enum jit_err rmg_arena_reserve(struct rmg_arena *arena, uint64_t bytes);

/* size > 0 bytes, not zeroed; *ref never 0. Errors: JIT_ENOSPC, JIT_ENOMEM, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_arena_alloc(struct rmg_arena *arena, uint64_t size, uint32_t *ref);
void rmg_arena_release(struct rmg_arena *arena, uint32_t ref, uint64_t size);
/* The bytes that a cell of this size takes; size at most JIT_ATOM_BYTES_MAX and what is around it.
 */
uint64_t rmg_arena_cell_bytes(uint64_t size);

/* A stretch of any size, of the hole if that is large enough: scratch that is soon given back.
 * Errors: as alloc. */
JIT_MUST_CHECK enum jit_err rmg_arena_borrow(struct rmg_arena *arena, uint64_t size, uint32_t *ref);
/* Give it back, whole and with the same size. */
void rmg_arena_return(struct rmg_arena *arena, uint32_t ref, uint64_t size);

/* A part of an arena's range: it has the references of the whole, hands out only what it is fed and
 * what is released to it, and never grows. Whole and part may be used at the same time. `live` is
 * each one's own. */
void rmg_arena_part(struct rmg_arena *part, const struct rmg_arena *whole);
/* Give a part a stretch from the whole. Errors: as alloc. */
JIT_MUST_CHECK enum jit_err rmg_arena_feed(struct rmg_arena *whole, struct rmg_arena *part,
                                           uint64_t bytes);
/* Everything free in the part goes back to the whole, and what it was fed may be its hole then. */
void rmg_arena_absorb(struct rmg_arena *whole, struct rmg_arena *part);

static inline void *rmg_arena_at(const struct rmg_arena *arena, uint32_t ref)
{
    return arena->base + (uint64_t)ref * RMG_GRANULE;
}

#endif

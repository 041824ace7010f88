#include "rmg/store/arena.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"

/* Size classes: one a granule up to 2 KiB, where nearly everything lies, so that nothing is
 * wasted; then four a doubling up to 128 MiB, which wastes a fifth at most. */
#define EXACT_MAX    128u
#define STEPS        4u
#define GRANULES_MAX ((uint64_t)EXACT_MAX << ((RMG_ARENA_CLASSES - EXACT_MAX) / STEPS))

static uint64_t class_granules(unsigned class)
{
    if (class < EXACT_MAX) {
        return class + 1;
    }
    unsigned doubling = (class - EXACT_MAX) / STEPS;
    unsigned step = (class - EXACT_MAX) % STEPS;
    return ((uint64_t)(EXACT_MAX / STEPS) << doubling) * (STEPS + 1 + step);
}

/* The smallest class that holds so many granules. */
static unsigned class_above(uint64_t granules)
{
    if (granules <= EXACT_MAX) {
        return (unsigned)granules - 1;
    }
    unsigned doubling = 63u - (unsigned)__builtin_clzll((granules - 1) / EXACT_MAX);
    uint64_t unit = (uint64_t)(EXACT_MAX / STEPS) << doubling;
    unsigned step = (unsigned)((granules + unit - 1) / unit) - (STEPS + 1);
    return EXACT_MAX + doubling * STEPS + step;
}

/* The largest class that fits into so many granules. */
static unsigned class_below(uint64_t granules)
{
    unsigned class = class_above(granules < GRANULES_MAX ? granules : GRANULES_MAX);
    return class_granules(class) > granules ? class - 1 : class;
}

static void push_free(struct rmg_arena *arena, unsigned class, uint32_t ref)
{
    memcpy(rmg_arena_at(arena, ref), &arena->free_head[class], sizeof ref);
    arena->free_head[class] = ref;
}

static uint32_t pop_free(struct rmg_arena *arena, unsigned class)
{
    uint32_t ref = arena->free_head[class];
    memcpy(&arena->free_head[class], rmg_arena_at(arena, ref), sizeof ref);
    /* The next one will be read, and written, before long. */
    __builtin_prefetch(rmg_arena_at(arena, arena->free_head[class]), 1);
    return ref;
}

/* A free stretch, in granules, as pieces on the lists. */
static void push_pieces(struct rmg_arena *arena, uint64_t at, uint64_t granules)
{
    while (granules > 0) {
        unsigned piece = class_below(granules);
        push_free(arena, piece, (uint32_t)at);
        at += class_granules(piece);
        granules -= class_granules(piece);
    }
}

/* The last resort of a full arena: cut a larger free piece and keep what is left over. */
static bool cut_larger(struct rmg_arena *arena, unsigned class, uint32_t *ref)
{
    for (unsigned larger = class + 1; larger < RMG_ARENA_CLASSES; larger++) {
        if (arena->free_head[larger] == 0) {
            continue;
        }
        *ref = pop_free(arena, larger);
        push_pieces(arena, *ref + class_granules(class),
                    class_granules(larger) - class_granules(class));
        return true;
    }
    return false;
}

void rmg_arena_init(struct rmg_arena *arena, uint8_t *base, uint64_t size, uint64_t size_max,
                    uint64_t header_bytes)
{
    assert(base != NULL);
    assert(size <= size_max && size_max <= JIT_ARENA_BYTES_MAX);
    assert(header_bytes % RMG_GRANULE == 0);
    *arena = (struct rmg_arena){.base = base, .size = size, .size_max = size_max};
    /* Reference 0 means none, so the first granule is never handed out. */
    arena->used = header_bytes > 0 ? header_bytes : RMG_GRANULE;
}

enum jit_err rmg_arena_new(struct jit_heap *heap, uint64_t size_max, struct rmg_arena **out)
{
    *out = NULL;
    assert(size_max >= RMG_GRANULE);
    struct rmg_arena *arena = heap->alloc(heap, sizeof *arena);
    uint8_t *base = heap->alloc(heap, size_max);
    if (arena == NULL || base == NULL) {
        heap->free(heap, arena);
        heap->free(heap, base);
        return JIT_ENOMEM;
    }
    rmg_arena_init(arena, base, size_max, size_max, 0);
    *out = arena;
    return JIT_OK;
}

void rmg_arena_free(struct jit_heap *heap, struct rmg_arena *arena)
{
    if (arena != NULL) {
        heap->free(heap, arena->base);
        heap->free(heap, arena);
    }
}

enum jit_err rmg_arena_reserve(struct rmg_arena *arena, uint64_t bytes)
{
    if (bytes <= arena->size - (arena->used < arena->size ? arena->used : arena->size)) {
        return JIT_OK;
    }
    if (bytes > arena->size_max || arena->used > arena->size_max - bytes) {
        return JIT_ENOSPC;
    }
    return arena->grow == NULL ? JIT_ENOSPC : arena->grow(arena, arena->used + bytes);
}

/* From the hole, or memory that was never handed out. */
static enum jit_err take_fresh(struct rmg_arena *arena, uint64_t bytes, uint32_t *ref)
{
    bool of_hole = bytes <= arena->hole_end - arena->hole;
    enum jit_err err = of_hole ? JIT_OK : rmg_arena_reserve(arena, bytes);
    if (err == JIT_OK) {
        uint64_t *at = of_hole ? &arena->hole : &arena->used;
        *ref = (uint32_t)(*at / RMG_GRANULE);
        *at += bytes;
    }
    return err;
}

enum jit_err rmg_arena_alloc(struct rmg_arena *arena, uint64_t size, uint32_t *ref)
{
    uint64_t granules = (size + RMG_GRANULE - 1) / RMG_GRANULE;
    assert(size > 0);
    if (granules > GRANULES_MAX) {
        return JIT_ELIMIT;
    }
    unsigned class = class_above(granules);
    uint64_t bytes = class_granules(class) * RMG_GRANULE;
    if (arena->free_head[class] != 0) {
        *ref = pop_free(arena, class);
    } else {
        enum jit_err err = take_fresh(arena, bytes, ref);
        if (err != JIT_OK && !cut_larger(arena, class, ref)) {
            return err;
        }
    }
    arena->live += bytes;
    return JIT_OK;
}

void rmg_arena_release(struct rmg_arena *arena, uint32_t ref, uint64_t size)
{
    assert(ref != 0 && size > 0);
    unsigned class = class_above((size + RMG_GRANULE - 1) / RMG_GRANULE);
    uint64_t bytes = class_granules(class) * RMG_GRANULE;
    assert(arena->live >= bytes);
    push_free(arena, class, ref);
    arena->live -= bytes;
}

uint64_t rmg_arena_cell_bytes(uint64_t size)
{
    uint64_t granules = (size + RMG_GRANULE - 1) / RMG_GRANULE;
    assert(size > 0 && granules <= GRANULES_MAX);
    return class_granules(class_above(granules)) * RMG_GRANULE;
}

enum jit_err rmg_arena_borrow(struct rmg_arena *arena, uint64_t size, uint32_t *ref)
{
    assert(size > 0);
    if (size > JIT_ARENA_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    uint64_t bytes = (size + RMG_GRANULE - 1) / RMG_GRANULE * RMG_GRANULE;
    enum jit_err err = take_fresh(arena, bytes, ref);
    if (err == JIT_OK) {
        arena->live += bytes;
    }
    return err;
}

/* A free stretch, in bytes, beside the hole: the larger of the two stays whole. */
static void hole_or_pieces(struct rmg_arena *arena, uint64_t at, uint64_t bytes)
{
    const uint64_t hole = arena->hole;
    const uint64_t hole_bytes = arena->hole_end - hole;
    if (hole_bytes > bytes) {
        push_pieces(arena, at / RMG_GRANULE, bytes / RMG_GRANULE);
        return;
    }
    push_pieces(arena, hole / RMG_GRANULE, hole_bytes / RMG_GRANULE);
    arena->hole = at;
    arena->hole_end = at + bytes;
}

void rmg_arena_return(struct rmg_arena *arena, uint32_t ref, uint64_t size)
{
    uint64_t bytes = (size + RMG_GRANULE - 1) / RMG_GRANULE * RMG_GRANULE;
    uint64_t at = (uint64_t)ref * RMG_GRANULE;
    assert(ref != 0 && size > 0 && arena->live >= bytes);
    arena->live -= bytes;
    if (arena->hole_end > arena->hole && at + bytes == arena->hole) { /* it was cut off the hole */
        arena->hole = at;
        return;
    }
    hole_or_pieces(arena, at, bytes);
}

void rmg_arena_part(struct rmg_arena *part, const struct rmg_arena *whole)
{
    *part = (struct rmg_arena){.base = whole->base};
}

enum jit_err rmg_arena_feed(struct rmg_arena *whole, struct rmg_arena *part, uint64_t bytes)
{
    uint32_t ref = 0;
    bytes = (bytes + RMG_GRANULE - 1) / RMG_GRANULE * RMG_GRANULE;
    assert(part->base == whole->base);
    enum jit_err err = take_fresh(whole, bytes, &ref);
    if (err == JIT_OK) {
        push_pieces(part, part->hole / RMG_GRANULE, (part->hole_end - part->hole) / RMG_GRANULE);
        part->hole = (uint64_t)ref * RMG_GRANULE;
        part->hole_end = part->hole + bytes;
    }
    return err;
}

void rmg_arena_absorb(struct rmg_arena *whole, struct rmg_arena *part)
{
    assert(part->base == whole->base);
    hole_or_pieces(whole, part->hole, part->hole_end - part->hole);
    part->hole = 0;
    part->hole_end = 0;
    for (unsigned class = 0; class < RMG_ARENA_CLASSES; class ++) {
        uint32_t last = part->free_head[class];
        for (uint32_t next = last; next != 0;) {
            last = next;
            memcpy(&next, rmg_arena_at(part, next), sizeof next);
        }
        if (last != 0) {
            memcpy(rmg_arena_at(whole, last), &whole->free_head[class], sizeof last);
            whole->free_head[class] = part->free_head[class];
            part->free_head[class] = 0;
        }
    }
}

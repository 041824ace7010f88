#include "base/check.h"
#include "rmg/engine_priv.h"

#define BLOCK_BYTES (64u << 10)

struct eng_block {
    struct eng_block *next;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

void eng_arena_init(struct eng_arena *arena, struct jit_heap *heap)
{
    *arena = (struct eng_arena){.heap = heap};
}

void eng_arena_reset(struct eng_arena *arena)
{
    arena->current = arena->first;
    arena->used = 0;
}

void eng_arena_release(struct eng_arena *arena)
{
    for (struct eng_block *block = arena->first; block != NULL;) {
        struct eng_block *next = block->next;
        arena->heap->free(arena->heap, block);
        block = next;
    }
    eng_arena_init(arena, arena->heap);
}

/* The next block that holds size bytes: one kept from an earlier tick, or a new one behind it. */
static struct eng_block *next_block(struct eng_arena *arena, size_t size)
{
    struct eng_block *after = arena->current;
    struct eng_block *next = after == NULL ? arena->first : after->next;
    if (next != NULL && next->size >= size) {
        return next;
    }
    size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct eng_block *block = arena->heap->alloc(arena->heap, sizeof *block + bytes);
    if (block == NULL) {
        return NULL;
    }
    block->size = bytes;
    block->next = next;
    if (after == NULL) {
        arena->first = block;
    } else {
        after->next = block;
    }
    return block;
}

void *eng_arena_alloc(struct eng_arena *arena, size_t size)
{
    assert(size > 0);
    size = (size + 7) & ~(size_t)7;
    if (arena->current == NULL || arena->current->size - arena->used < size) {
        struct eng_block *block = next_block(arena, size);
        if (block == NULL) {
            return NULL;
        }
        arena->current = block;
        arena->used = 0;
    }
    void *at = arena->current->bytes + arena->used;
    arena->used += size;
    return at;
}

void *eng_arena_copy(struct eng_arena *arena, const void *bytes, size_t size)
{
    void *at = eng_arena_alloc(arena, size);
    if (at != NULL) {
        memcpy(at, bytes, size);
    }
    return at;
}

#include "rmg/store/scratch.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"

#define BLOCK_BYTES (64u << 10)

struct rmg_scratch_block {
    struct rmg_scratch_block *next;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

void rmg_scratch_init(struct rmg_scratch *scratch, struct jit_heap *heap)
{
    *scratch = (struct rmg_scratch){.heap = heap};
}

void rmg_scratch_reset(struct rmg_scratch *scratch)
{
    scratch->current = scratch->first;
    scratch->used = 0;
}

static void free_blocks(struct rmg_scratch *scratch, struct rmg_scratch_block *block)
{
    while (block != NULL) {
        struct rmg_scratch_block *next = block->next;
        scratch->heap->free(scratch->heap, block);
        block = next;
    }
}

void rmg_scratch_release(struct rmg_scratch *scratch)
{
    free_blocks(scratch, scratch->first);
    rmg_scratch_init(scratch, scratch->heap);
}

struct rmg_scratch_mark rmg_scratch_mark(const struct rmg_scratch *scratch)
{
    return (struct rmg_scratch_mark){.current = scratch->current, .used = scratch->used};
}

void rmg_scratch_rewind(struct rmg_scratch *scratch, struct rmg_scratch_mark mark)
{
    if (mark.current == NULL) {
        rmg_scratch_release(scratch);
        return;
    }
    if (scratch->current != mark.current) {
        free_blocks(scratch, mark.current->next);
        mark.current->next = NULL;
    }
    scratch->current = mark.current;
    scratch->used = mark.used;
}

/* The next block that holds size bytes: one kept from an earlier tick, or a new one behind it. */
static struct rmg_scratch_block *next_block(struct rmg_scratch *scratch, size_t size)
{
    struct rmg_scratch_block *after = scratch->current;
    struct rmg_scratch_block *next = after == NULL ? scratch->first : after->next;
    if (next != NULL && next->size >= size) {
        return next;
    }
    size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct rmg_scratch_block *block = scratch->heap->alloc(scratch->heap, sizeof *block + bytes);
    if (block == NULL) {
        return NULL;
    }
    block->size = bytes;
    block->next = next;
    if (after == NULL) {
        scratch->first = block;
    } else {
        after->next = block;
    }
    return block;
}

void *rmg_scratch_alloc(struct rmg_scratch *scratch, size_t size)
{
    assert(size > 0);
    size = (size + 7) & ~(size_t)7;
    if (scratch->current == NULL || scratch->current->size - scratch->used < size) {
        struct rmg_scratch_block *block = next_block(scratch, size);
        if (block == NULL) {
            return NULL;
        }
        scratch->current = block;
        scratch->used = 0;
    }
    void *at = scratch->current->bytes + scratch->used;
    scratch->used += size;
    return at;
}

void *rmg_scratch_copy(struct rmg_scratch *scratch, const void *bytes, size_t size)
{
    void *at = rmg_scratch_alloc(scratch, size);
    if (at != NULL) {
        memcpy(at, bytes, size);
    }
    return at;
}

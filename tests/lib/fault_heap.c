#include "tests/lib/fault_heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct block {
    size_t size;
    uint64_t guard;
    _Alignas(16) unsigned char bytes[];
};

#define GUARD 0x6a69746f735f6f6bull
/* What a block holds at first is nonsense up to here; whoever asks for more reads its start too. */
#define POISON_MAX 65536u

static bool refused(struct fault_heap *fault)
{
    int64_t call = __atomic_fetch_add(&fault->calls, 1, __ATOMIC_RELAXED);
    return fault->refuse_at >= 0 &&
           (fault->sticky ? call >= fault->refuse_at : call == fault->refuse_at);
}

static struct block *block_of(void *bytes)
{
    struct block *block = (struct block *)((unsigned char *)bytes - offsetof(struct block, bytes));
    assert(block->guard == GUARD);
    return block;
}

static void *fault_alloc(struct jit_heap *heap, size_t size)
{
    struct fault_heap *fault = (struct fault_heap *)heap;
    assert(size > 0);
    if (refused(fault)) {
        return NULL;
    }
    struct block *block = malloc(sizeof *block + size);
    assert(block != NULL);
    block->size = size;
    block->guard = GUARD;
    memset(block->bytes, 0xa5, size < POISON_MAX ? size : POISON_MAX);
    __atomic_fetch_add(&fault->live, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&fault->live_bytes, (int64_t)size, __ATOMIC_RELAXED);
    return block->bytes;
}

static void fault_free(struct jit_heap *heap, void *bytes)
{
    struct fault_heap *fault = (struct fault_heap *)heap;
    if (bytes == NULL) {
        return;
    }
    struct block *block = block_of(bytes);
    __atomic_fetch_sub(&fault->live, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&fault->live_bytes, (int64_t)block->size, __ATOMIC_RELAXED);
    block->guard = 0;
    free(block);
}

static void *fault_resize(struct jit_heap *heap, void *bytes, size_t size)
{
    void *fresh = fault_alloc(heap, size);
    if (fresh != NULL && bytes != NULL) {
        size_t old = block_of(bytes)->size;
        memcpy(fresh, bytes, old < size ? old : size);
        fault_free(heap, bytes);
    }
    return fresh;
}

struct fault_heap fault_heap_make(int64_t refuse_at, bool sticky)
{
    return (struct fault_heap){
        .heap = {fault_alloc, fault_resize, fault_free}, .refuse_at = refuse_at, .sticky = sticky};
}

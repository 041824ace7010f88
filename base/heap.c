#include "base/heap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

#define PAGE_BYTES ((uintptr_t)4096)

static void *libc_alloc(struct jit_heap *heap, size_t size)
{
    (void)heap;
    assert(size > 0);
    return malloc(size);
}

static void *libc_resize(struct jit_heap *heap, void *block, size_t size)
{
    (void)heap;
    assert(size > 0);
    return realloc(block, size);
}

static void libc_free(struct jit_heap *heap, void *block)
{
    (void)heap;
    free(block);
}

struct jit_heap *jit_heap_libc(void)
{
    static struct jit_heap heap = {libc_alloc, libc_resize, libc_free};
    return &heap;
}

void jit_memory_huge(void *base, size_t size)
{
    uintptr_t begin = ((uintptr_t)base + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    uintptr_t end = ((uintptr_t)base + size) & ~(PAGE_BYTES - 1);
    if (begin < end) {
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    }
}

void *jit_memory_reserve(uint64_t size_max, uint64_t size_min, uint64_t *size)
{
    for (uint64_t want = size_max; want >= size_min; want /= 2) {
        void *base = mmap(NULL, want, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base != MAP_FAILED) {
            *size = want;
            return base;
        }
    }
    *size = 0;
    return NULL;
}

void jit_memory_release(void *base, uint64_t size)
{
    if (base != NULL) {
        (void)munmap(base, size);
    }
}

void *jit_heap_zalloc(struct jit_heap *heap, size_t count, size_t size)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total) || total == 0) {
        return NULL;
    }
    void *block = heap->alloc(heap, total);
    if (block != NULL) {
        memset(block, 0, total);
    }
    return block;
}

int jit_heap_grow(struct jit_heap *heap, void **data, size_t *capacity, size_t count_min,
                  size_t element_size)
{
    assert(element_size > 0);
    if (count_min <= *capacity) {
        return 0;
    }
    size_t count = *capacity < 16 ? 16 : *capacity;
    while (count < count_min) {
        if (count > SIZE_MAX / 2) {
            return -1;
        }
        count *= 2;
    }
    size_t total = 0;
    if (__builtin_mul_overflow(count, element_size, &total)) {
        return -1;
    }
    void *block = heap->resize(heap, *data, total);
    if (block == NULL) {
        return -1;
    }
    *data = block;
    *capacity = count;
    return 0;
}

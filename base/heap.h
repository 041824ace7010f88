/* base/heap.h - memory is a parameter (STYLE "Memory"): whoever allocates is handed a heap.
 * Under test the heap refuses the n-th allocation (tests/lib/fault_heap.h).
 * Owns:   what alloc and resize return is released with free() of the same heap.
 * Errors: NULL when the heap refuses; resize then leaves the old block as it was. */
#ifndef JIT_BASE_HEAP_H
#define JIT_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct jit_heap {
    void *(*alloc)(struct jit_heap *heap, size_t size);               /* size > 0 */
    void *(*resize)(struct jit_heap *heap, void *block, size_t size); /* block may be NULL */
    void (*free)(struct jit_heap *heap, void *block);                 /* block may be NULL */
};

/* The C library's heap. */
struct jit_heap *jit_heap_libc(void);

/* Ask for huge pages in a range of memory that is walked at random for long. A wish: nothing
 * depends on it. Not for workers, whose filter knows no such call. */
void jit_memory_huge(void *base, size_t size);

/* Address space, taken at once; memory only where it is touched, zeroed. A host that counts address
 * space (ulimit -v, strict overcommit) gives as much as it will: size_max bytes, or half as much
 * again and again, down to size_min. *size is what it gave; NULL: not even that. */
void *jit_memory_reserve(uint64_t size_max, uint64_t size_min, uint64_t *size);
void jit_memory_release(void *base, uint64_t size); /* base may be NULL */

/* count * size bytes, zeroed; NULL on overflow or refusal. */
void *jit_heap_zalloc(struct jit_heap *heap, size_t count, size_t size);

/* Room for at least count_min elements of the vector (*data, *capacity): grows by doubling.
 * Returns 0, or -1 when the heap refuses; then nothing changed. */
int jit_heap_grow(struct jit_heap *heap, void **data, size_t *capacity, size_t count_min,
                  size_t element_size);

#endif

/* tests/lib/fault_heap.h - a heap that counts, refuses the n-th allocation and reports leaks.
 * Threads may use it side by side; which of them meets the refusal is anybody's guess then. */
#ifndef JIT_TESTS_FAULT_HEAP_H
#define JIT_TESTS_FAULT_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"

struct fault_heap {
    struct jit_heap heap; /* first: hand out &fault.heap */
    int64_t refuse_at;    /* index of the allocation to refuse, from 0; -1: none */
    bool sticky;          /* refuse every one from there on */
    int64_t calls;        /* allocations and growths asked for */
    int64_t live;         /* blocks handed out and not freed */
    int64_t live_bytes;
};

struct fault_heap fault_heap_make(int64_t refuse_at, bool sticky);

/* True when the planned refusal was reached. */
static inline bool fault_heap_fired(const struct fault_heap *fault)
{
    return fault->refuse_at >= 0 && fault->calls > fault->refuse_at;
}

#endif

/* kernel/core/beside.h - what the kernel knows of processes beside the root graph: the graph that
 * each of them keeps for itself, and when it died.
 * Spec:  DESIGN 7.2, 7.5, 9.3; docs/spec/log.md "Payload", checkpoint.md "Beside the state".
 * Layer: kernel/core; pure.
 *
 * Neither is in any hash of the root graph: a process that keeps something is no other process for
 * it, and a death that was repaired leaves no trace. Both are in the log with their ticks, so they
 * outlive the supervisor. A graph is held a second time, in memory that no worker sees: what a
 * process says of its own one is believed only as far as it can be applied here. */
#ifndef JIT_KERNEL_CORE_BESIDE_H
#define JIT_KERNEL_CORE_BESIDE_H

#include "base/heap.h"
#include "rmg/change/amount.h"

/* The graph of one process, as it was after the newest tick. */
struct kern_own {
    struct jit_id process;
    struct rmg_arena arena;
    uint64_t memory_size;
    struct rmg_store *store;
    struct rmg_version now;
    struct rmg_branch next; /* as it will be after the tick being collected */
    bool has_next;
    struct rmg_amount use;      /* how much it has now, */
    struct rmg_amount next_use; /* and will have then */
    struct rmg_version base;    /* for whoever writes differences: pinned */
    bool has_base;
};
/* A restart was needed while this tick was collected. */
struct kern_death {
    struct jit_id process;
    uint64_t tick;
};
struct kern_beside {
    struct jit_heap *heap;
    struct kern_own **owns; /* in the order in which they came */
    uint32_t own_count;
    size_t own_capacity;
    struct kern_death *deaths; /* oldest first; the last JIT_RESTARTS_MAX of each process */
    uint32_t death_count;
    size_t death_capacity;
    uint64_t deaths_told; /* since this was made, those forgotten as well */
};

void kern_beside_init(struct kern_beside *beside, struct jit_heap *heap);
/* Nothing is known any more; may be used again. */
void kern_beside_release(struct kern_beside *beside);

/* NULL: it keeps nothing. */
struct kern_own *kern_own_find(const struct kern_beside *beside, const struct jit_id *process);
/* The same, begun as an empty one. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_own_get(struct kern_beside *beside, const struct jit_id *process,
                                         struct kern_own **out);

/* Apply a patch to what it is now; it counts when it is taken. root: what has to come out.
 * Errors: JIT_EDIVERGED (another root), those of rmg_patch_apply; then nothing has changed. */
JIT_MUST_CHECK enum jit_err kern_own_try(struct jit_heap *heap, struct kern_own *own,
                                         const struct jit_id *root, const uint8_t *patch,
                                         size_t patch_size);
void kern_own_take(struct kern_own *own); /* what was tried is now */
void kern_own_drop(struct kern_own *own); /* nothing was tried */
/* From here on differences are counted. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_own_mark(struct kern_own *own, const struct rmg_version *version);

/* Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_beside_died(struct kern_beside *beside,
                                             const struct jit_id *process, uint64_t tick);

#endif

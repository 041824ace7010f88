/* tests/lib/oom.h - an operation whose n-th allocation is refused, or whose n-th call of the disk
 * fails, for every n, once and from then on. Spec:  RELIABILITY "refused memory", "failing
 * operations".
 *
 * A row of a table is one public operation: begin makes what it needs with all the memory it wants,
 * run is the operation alone, which says what it made as a hash. Refused, run must say JIT_ENOMEM
 * or do all the same; what was there before must be there still, which `whole` asserts; then the
 * same again, with memory, makes what it would have made. At the end nothing may be left. */
#ifndef JIT_TESTS_OOM_H
#define JIT_TESTS_OOM_H

#include "base/id.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/sim_disk.h"

struct oom {
    struct fault_heap *mem; /* set by begin: of the operation and what it needs; outlives end */
    struct sim_disk *disk;  /* set by begin, where it has one */
    struct jit_id result;   /* of run */
};

struct oom_row {
    const char *name;
    void (*begin)(struct oom *oom);
    enum jit_err (*run)(struct oom *oom);
    void (*whole)(struct oom *oom); /* may be NULL */
    void (*end)(struct oom *oom);
    bool spent;   /* after an error what it worked on is of no use: it is not tried again there */
    bool no_heap; /* it takes no memory: that is what is asserted */
};

struct oom_count {
    uint64_t operations; /* rows */
    uint64_t refusals;   /* runs in which an allocation was refused */
    uint64_t borne;      /* of them: it did all the same */
};

/* Asserts, by name of the row and number of the allocation. */
void oom_try(const struct oom_row *row, struct oom_count *count);

/* The same with the disk's calls, JIT_EIO and JIT_ENOSPC: run gives back what the disk said, or
 * does all the same. */
void oom_try_disk(const struct oom_row *row, struct oom_count *count);

#endif

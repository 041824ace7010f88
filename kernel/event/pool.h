/* kernel/event/pool.h - the exec seam over threads: what runs the engine's tasks on several cores.
 * Spec:  DESIGN 3 (the seam), 5.2 (the same result for any number of threads), 14.6 (threads sleep
 * while there is nothing to do; none spins). Layer: kernel (shell).
 *
 * The caller of run works along, so a pool of n has n - 1 threads of its own, asleep on a condition
 * between two runs. Whoever hands tasks in gives them memory that threads may take and give back
 * at once, as jit_heap_libc() does. */
#ifndef JIT_KERNEL_POOL_H
#define JIT_KERNEL_POOL_H

#include "base/err.h"
#include "base/exec.h"
#include "base/heap.h"

#define SHELL_POOL_THREADS_MAX 256u

struct shell_pool;

/* threads: the caller included, 1 to SHELL_POOL_THREADS_MAX. Errors: JIT_ENOMEM, JIT_EIO (the
 * system has no further thread for us). */
JIT_MUST_CHECK enum jit_err shell_pool_new(struct jit_heap *heap, unsigned threads,
                                           struct shell_pool **out);
void shell_pool_free(struct shell_pool *pool); /* may be NULL; its threads have ended after it */

/* For one caller at a time, and not from inside a task. */
struct jit_exec *shell_pool_exec(struct shell_pool *pool);

#endif

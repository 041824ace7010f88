/* base/exec.h - the seam for parallel work (DESIGN 3): run count tasks, return when all are done.
 * The order and the thread in which tasks run are free; whoever uses it gives the same result for
 * every order. Layers below the shell see this struct only, never a thread. */
#ifndef JIT_BASE_EXEC_H
#define JIT_BASE_EXEC_H

#include <stddef.h>

struct jit_exec {
    void (*run)(struct jit_exec *exec, size_t count, void (*task)(void *user, size_t index),
                void *user);
    unsigned threads; /* a hint for sizing, at least 1; never observable in results */
};

/* All tasks in order of their index, on the caller's thread. */
struct jit_exec *jit_exec_inline(void);

#endif

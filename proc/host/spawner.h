/* proc/host/spawner.h - a small process that starts workers for a big one.
 * Spec:  DESIGN 7.4, 11; SANDBOX 1, 2.1. Layer: proc/host; knows no graph.
 *
 * A clone copies the caller's page tables, so a supervisor that holds a graph pays for its size
 * with every worker. The spawner is forked before there is a graph; it takes requests with
 * descriptors over a socket pair, and clones each worker as a *sibling* of itself: the worker is
 * the supervisor's child, is reaped by it, and dies with the thread that called host_spawner_new().
 * One worker is always made ahead, up to the point where it matters which one it is: a start takes
 * what is left then, an exec and a filter, and only what comes faster than that waits for all of
 * it. It ends when the supervisor does, and its own end harms no worker; only new ones are refused.
 * So the supervisor itself may give up every right that starting a worker takes. */
#ifndef JIT_PROC_HOST_SPAWNER_H
#define JIT_PROC_HOST_SPAWNER_H

#include "proc/host/spawn.h"

#define HOST_SPAWNER_SPARES 2u

struct host_spawner {
    pid_t pid;
    int fd; /* the supervisor's end */
    /* Who waits to become a worker, as far as we have heard of it; a pidfd of -1: nobody. */
    struct host_child spares[HOST_SPAWNER_SPARES];
};
#define HOST_SPAWNER_NONE                                                                          \
    {                                                                                              \
        .pid = -1, .fd = -1                                                                        \
    }

/* Fork it, early: before threads, before large memory. `probe` and both filters are copied with it.
 * Owns: *out: host_spawner_close(). Errors: JIT_ENOMEM (no process, no descriptors), JIT_EIO. */
JIT_MUST_CHECK enum jit_err host_spawner_new(const struct host_probe *probe,
                                             const struct host_filter *start,
                                             const struct host_filter *native,
                                             struct host_spawner *out);
/* As host_spawn(). Of the spec, `probe` is what the spawner was made with, `start` is one of its
 * two filters by address, argv and envp are NULL. Errors: as host_spawn(), and JIT_EIO: the spawner
 * is gone. */
JIT_MUST_CHECK enum jit_err host_spawner_spawn(struct host_spawner *spawner,
                                               const struct host_filter *native,
                                               const struct host_spawn_spec *spec,
                                               struct host_child *out, struct host_fault *fault);
void host_spawner_close(struct host_spawner *spawner); /* ends it; becomes HOST_SPAWNER_NONE */

#endif

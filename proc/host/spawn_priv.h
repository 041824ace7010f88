/* proc/host/spawn_priv.h - a spawn on behalf of one's parent.
 * Layer: proc/host, private. */
#ifndef JIT_PROC_HOST_SPAWN_PRIV_H
#define JIT_PROC_HOST_SPAWN_PRIV_H

#include "proc/host/spawn.h"

/* As host_spawn(), but the worker becomes a child of the caller's parent, which has to reap it: on
 * error *out is none, or one that was killed on the way. */
JIT_MUST_CHECK enum jit_err host_spawn_sibling(const struct host_spawn_spec *spec,
                                               struct host_child *out, struct host_fault *fault);

#endif

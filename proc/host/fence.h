/* proc/host/fence.h - the supervisor gives up what it does not need once it has started.
 * Spec:  DESIGN 11; SANDBOX 2.2. Layer: proc/host; one of the users of libseccomp in this folder.
 *
 * Whoever takes over the supervisor, by a defect in what reads a worker's or a client's bytes,
 * finds a process without capabilities to raise: no_new_privs, so no program gives it more;
 * Landlock, so of all files only those below the data folder are there; and seccomp, so it connects
 * to nobody, starts no program and no process, signals none but its own children, makes no ring
 * past this filter, and traces, mounts and loads nothing. Workers are started by
 * proc/host/spawner.h, which is outside. What it does over what it has open already is its work. A
 * call that is not allowed fails with EPERM and is not made; the fence is not to be the end of a
 * run. Who needs each of the calls that are allowed is known to tests/proc/test_fence_calls.sh. */
#ifndef JIT_PROC_HOST_FENCE_H
#define JIT_PROC_HOST_FENCE_H

#include "base/err.h"
#include "proc/host/filter.h"
#include "proc/host/probe.h"

/* Fence in the calling thread and what it starts from now on; so before any other thread.
 * folder_fd: the data folder. In a sanitizer build: nothing happens, JIT_OK.
 * Errors: JIT_ENOTSUP, JIT_EPERM, JIT_ENOMEM, JIT_ELIMIT, JIT_EIO. */
JIT_MUST_CHECK enum jit_err host_fence(const struct host_probe *probe, int folder_fd);

/* Its filter, for tests. */
JIT_MUST_CHECK enum jit_err host_fence_filter(struct host_filter *out);

#endif

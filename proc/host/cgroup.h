/* proc/host/cgroup.h - a control group for each worker: memory and number of processes.
 * Spec:  DESIGN 11; SANDBOX 2.3. Layer: proc/host; knows no graph.
 *
 * Looked for in this order: version 2 with the memory and pids controllers delegated to us, version
 * 1 as root, nothing (then resource limits alone bound a worker; they do in any case). In our own
 * group a group jitos-PID is made, and in it w0, w1, ... by place, which are used again. What a
 * supervisor that was killed has left there is removed by the next one that starts.
 * A worker is put in while it waits for its first step, so nothing it does is outside. */
#ifndef JIT_PROC_HOST_CGROUP_H
#define JIT_PROC_HOST_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define HOST_CGROUP_DIRS 2

/* Where to look; the tests have files of their own. */
struct host_cgroup_where {
    const char *mounts; /* /proc/self/mounts */
    const char *self;   /* /proc/self/cgroup */
};
extern const struct host_cgroup_where host_cgroup_here;

struct host_cgroups {
    int version;                /* 2, 1, or 0: none */
    int own[HOST_CGROUP_DIRS];  /* our group; version 1: memory, pids; else the second is -1 */
    int dirs[HOST_CGROUP_DIRS]; /* jitos-PID in it */
    char name[32];              /* jitos-PID */
    char leaf[40];              /* version 2: where this process went to, or empty */
    char detail[96];            /* why there is none, one line */
};
#define HOST_CGROUPS_NONE                                                                          \
    {                                                                                              \
        .own = {-1, -1}, .dirs = { -1, -1 }                                                        \
    }

/* Find out and make our groups, for the supervisor `id`, whose number goes into the names. 0, or
 * the errno of what stood in the way: then there are none, and `detail` says why. */
int host_cgroups_open(const struct host_cgroup_where *where, pid_t id, struct host_cgroups *out);
/* Put a process that waits into the group of a place: `memory_bytes` at most, and no second
 * process. Errors: JIT_EPERM, JIT_ENOSPC, JIT_ENOMEM, JIT_EIO, with errno. */
JIT_MUST_CHECK enum jit_err host_cgroups_put(const struct host_cgroups *groups, uint32_t place,
                                             pid_t pid, uint64_t memory_bytes);
/* Whoever is in that group may have so much from now on. Errors: as host_cgroups_put. */
JIT_MUST_CHECK enum jit_err host_cgroups_limit(const struct host_cgroups *groups, uint32_t place,
                                               uint64_t memory_bytes);
/* Remove all that is empty; becomes HOST_CGROUPS_NONE. */
void host_cgroups_close(struct host_cgroups *groups);

#endif

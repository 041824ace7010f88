/* proc/host/lockdown_priv.h - what a child does to itself between clone and exec.
 * Spec:  SANDBOX 2.1 steps 4 to 14. Layer: proc/host, private.
 *
 * All of profile A except what only the loader can do (map, seal the maps, close all descriptors,
 * load the last filter: proc/guest/lockdown) is in force before the loader's first instruction, so
 * a loader that forgets its part is still confined.
 * The code runs in a copy of the supervisor whose other threads are gone: no heap, no stdio, and
 * raw system calls where the C library would look for those threads. */
#ifndef JIT_PROC_HOST_LOCKDOWN_PRIV_H
#define JIT_PROC_HOST_LOCKDOWN_PRIV_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "proc/host/linux.h"

#define HOST_WORKER_FDS    4
#define HOST_ORDER_FDS     (HOST_WORKER_FDS + 1)
#define HOST_RLIMITS_MAX   12
#define HOST_INSIDE_UID    1000u       /* inside its user namespace; never 0 */
#define HOST_KUID_BASE     0x60000000u /* outside: plus the place */
#define HOST_KUID_SLOT_MAX 0xffffu

/* What a child waits for that has gone as far as it could without knowing which worker it is, with
 * its descriptors. Both ends are one program: addresses of what was there before the clone agree.
 */
struct host_lockdown_order {
    bool speculation_off;
    bool sched_idle; /* else batch, nice 5 */
    unsigned rlimits_count;
    struct {
        int resource;
        struct rlimit limit;
    } rlimits[HOST_RLIMITS_MAX];
    struct sock_fprog filter;
    char *const *argv;
    char *const *envp;
};

struct host_lockdown_plan {
    bool confined;     /* false: the null sandbox of a sanitizer build */
    bool user_ns;      /* in a user namespace; else real root becomes kuid */
    bool unique_uid;   /* the namespace maps a uid of its own */
    bool userns_limit; /* forbid further user namespaces */
    bool mdwe;
    uint32_t kuid; /* for real root without user namespaces */
    int channel; /* in: one byte = go, then the order; out: host_lockdown_failure; closed by exec */
    struct host_landlock_attr landlock;
    size_t landlock_size;
    struct host_lockdown_order order; /* as it came, */
    int fds[HOST_ORDER_FDS];          /* with these: the worker's own, and its program */
};

/* What a child that cannot go on says before it dies. */
struct host_lockdown_failure {
    uint32_t step;
    int32_t os_errno;
};

/* The Landlock ruleset that handles all this ABI knows and allows none of it; its size in bytes. */
size_t host_landlock_deny_all(int abi, struct host_landlock_attr *out);

/* Go through all steps and execute the loader; does not return. */
_Noreturn void host_lockdown_run(struct host_lockdown_plan *plan);

const char *host_lockdown_step_name(uint32_t step);

/* Make the mount tree an empty read-only tmpfs; each returns 0 or -1 with errno. */
int host_root_private(void);
int host_root_replace(void);

#endif

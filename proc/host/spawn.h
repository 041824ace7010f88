/* proc/host/spawn.h - start a locked-in worker, watch it, end it.
 * Spec:  DESIGN 7.1, 7.4, 11, 14.6; SANDBOX 2.1 to 2.4. Layer: proc/host; knows no graph.
 *
 * The worker finds descriptors 3 ring, 4 graph, 5 view, 6 program and nothing else: all namespaces
 * of its own, an empty read-only root, no capabilities, no new privileges, Landlock denying all,
 * limits, and the START filter (proc/host/filter.h). Its loader maps the four, and ends with
 * guest_lockdown(), after which there is no descriptor left.
 *
 * A worker dies with the *thread* that spawned it: spawn from one that lives as long as the
 * supervisor. A spawn copies the caller's page tables, so it costs with the caller's memory: a
 * small process forked at start-up makes the calls for a big one (proc/host/spawner.h). With the
 * NATIVE filter in place of START the program is one that nobody vouches for (profile B): it takes
 * no steps of its own, keeps the four descriptors and can do nothing with them but map them, and
 * replacing its own maps is its own affair. In a sanitizer build the sandbox is a null one: the
 * same descriptors, no confinement. */
#ifndef JIT_PROC_HOST_SPAWN_H
#define JIT_PROC_HOST_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proc/host/cgroup.h"
#include "proc/host/filter.h"
#include "proc/host/loader.h"
#include "proc/host/probe.h"

#define HOST_SLOTS 65536u /* workers with a uid of their own */

enum host_sched {
    HOST_SCHED_IDLE, /* untrusted or free-running */
    HOST_SCHED_BATCH /* lockstep: batch, nice 5 */
};

struct host_spawn_spec {
    const struct host_probe *probe; /* what may be relied on; host_probe_check() must be content */
    const struct host_loader *loader;
    const struct host_filter *start;    /* HOST_FILTER_START, or HOST_FILTER_NATIVE */
    const struct host_cgroups *cgroups; /* NULL: none */
    int ring_fd;
    int graph_fd;
    int view_fd;    /* read-only: host_memory.fd_worker */
    int program_fd; /* likewise */
    uint32_t slot;  /* 0 to HOST_SLOTS - 1, of no other live worker: its uid outside, as root */
    enum host_sched sched;
    bool speculation;          /* leave the CPU's speculative store bypass on */
    uint64_t shared_bytes_max; /* address space of all four maps at their maximum */
    uint64_t heap_bytes;       /* private memory besides image and stack */
    uint64_t stack_bytes;
    uint64_t cpu_seconds; /* 0: no limit; then SIGKILL a second later */
    char *const *argv;    /* NULL: {"jitos-worker"} */
    char *const *envp;    /* NULL: none */
};

struct host_child {
    pid_t pid;
    int pidfd; /* readable when it has ended */
};
#define HOST_CHILD_NONE                                                                            \
    {                                                                                              \
        .pid = -1, .pidfd = -1                                                                     \
    }

/* Why a spawn failed: the step, what the kernel said, and a line for people, with a way out. */
struct host_fault {
    const char *step;
    int os_errno;
    char text[512];
};

/* Start a worker; returns when its loader has been executed.
 * Owns:   *out is the caller's until host_child_reap() has said JIT_OK. On error HOST_CHILD_NONE.
 * Errors: with *fault filled in: JIT_ENOTSUP (a required mechanism is missing), JIT_EPERM,
 *         JIT_ENOMEM, JIT_ENOSPC (a limit on namespaces), JIT_EIO, JIT_EAGAIN (the child did not
 *         get to its loader within 30 s, or was killed on the way). */
JIT_MUST_CHECK enum jit_err host_spawn(const struct host_spawn_spec *spec, struct host_child *out,
                                       struct host_fault *fault);

void host_child_kill(
    const struct host_child *child); /* SIGKILL; one that has ended is left alone */

/* From now on it displaces nobody and is displaced by everybody, or it is like others again. Where
 * we may not say so it stays as it is (an ordinary user cannot take it back): nothing rests on it.
 */
void host_child_calm(const struct host_child *child, bool calm);
/* It stands still until it is let go on; one that has ended is left alone. */
void host_child_hold(const struct host_child *child, bool hold);

struct host_exit {
    bool killed;
    int code; /* exit status, or the signal's number */
    char text[96];
};

/* Take the exit status of a worker; `wait`: until it has one. Closes its pidfd, *child becomes
 * HOST_CHILD_NONE. Errors: JIT_EAGAIN (it runs still; *child is unchanged), JIT_ENOENT (somebody
 * else has reaped it). */
JIT_MUST_CHECK enum jit_err host_child_reap(struct host_child *child, bool wait,
                                            struct host_exit *out);

/* CPU time a worker has used so far, for the watchdog; JIT_ENOENT when it has ended. */
JIT_MUST_CHECK enum jit_err host_child_cpu_ns(const struct host_child *child, uint64_t *out);

#endif

/* proc/host/probe.h - what this machine offers to lock a worker in, found out once by trying.
 * Spec:  DESIGN 11 (required, graded), SANDBOX 2.1 step 0, 2.4. Layer: proc/host.
 *
 * A required mechanism that is missing refuses every spawn, by name and with the way to get it. A
 * graded one is used where it is present and told in the grade, which goes into the audit log. */
#ifndef JIT_PROC_HOST_PROBE_H
#define JIT_PROC_HOST_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/* Order of the report. Names are in probe.c; they are what --require takes. */
enum host_mechanism {
    HOST_SECCOMP,
    HOST_NO_NEW_PRIVS,
    HOST_USER_NS, /* not required where real root can do without */
    HOST_MOUNT_NS,
    HOST_PID_NS,
    HOST_NET_NS,
    HOST_IPC_NS,
    HOST_UTS_NS,
    HOST_PIDFD,
    HOST_CLOSE_RANGE,
    HOST_SEALS,
    HOST_RLIMITS,
    HOST_LANDLOCK,
    HOST_UNIQUE_UID, /* a uid of its own for each worker: only root can give one */
    HOST_USERNS_LIMIT,
    HOST_CGROUP_NS,
    HOST_LANDLOCK_NET,
    HOST_LANDLOCK_SCOPE,
    HOST_NOEXEC_SEAL,
    HOST_MDWE,
    HOST_MSEAL,
    HOST_CGROUP_MEMORY,
    HOST_MECHANISMS
};

struct host_fact {
    const char *name;
    bool required; /* by the design or by host_probe_require() */
    bool demanded; /* by host_probe_require() */
    bool present;
    int os_errno;      /* what the kernel said when it is missing; 0 when nothing was asked */
    char detail[96];   /* one line, or empty */
    const char *means; /* what is lost without it, one line */
    const char *fix;   /* how to get it, one line */
};

struct host_probe {
    struct host_fact facts[HOST_MECHANISMS];
    int landlock_abi;     /* 0: none */
    int landlock_abi_min; /* 1, or what was demanded */
    int cgroup_version;   /* 2, 1, or 0: none */
    bool real_root; /* the other namespaces and a uid of its own work without a user namespace */
    char
        grade[160]; /* what confines a worker here: "userns+seccomp+landlock7+mdwe+mseal+cgroup2" */
};

/* Try everything. Never fails: what could not be tried is missing. Starts and reaps short-lived
 * children; the caller is one thread without children that a wait for any child would take. */
void host_probe(struct host_probe *out);

/* Make a mechanism mandatory by its name, or Landlock from an ABI on: "mseal", "landlock6".
 * Errors: JIT_ENOENT (no such name). Whether it is there host_probe_check() says. */
JIT_MUST_CHECK enum jit_err host_probe_require(struct host_probe *probe, const char *name);

/* May workers be spawned? JIT_ENOTSUP: message (cut off at message_size) names the first required
 * mechanism that is missing and how to get it. */
JIT_MUST_CHECK enum jit_err host_probe_check(const struct host_probe *probe, char *message,
                                             size_t message_size);

/* For tests: as if the mechanism were missing on this machine. JIT_ENOENT: no such name. */
JIT_MUST_CHECK enum jit_err host_probe_pretend_missing(struct host_probe *probe, const char *name);

/* The report of `jitosd --check`: a table, or one JSON object a line and a last one with the grade:
 * {"mechanism","required","present","detail","means","fix"} and {"grade","workers": may any be
 * spawned}. */
void host_probe_print(const struct host_probe *probe, FILE *file, bool json);

#endif

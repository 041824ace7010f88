/* kernel/supervisor.h - the supervisor process: the core with hands. Owns the data folder, the
 * workers, the hub and the clock; drives kern_core_step and carries out what it answers. Spec:
 * DESIGN 7.4, 7.5, 9.2, 9.4, 14.6, 14.13. Layer: kernel (shell). */
#ifndef JIT_KERNEL_SUPERVISOR_H
#define JIT_KERNEL_SUPERVISOR_H

#include "base/clock.h"
#include "kernel/system.h"
#include "proc/host/probe.h"

struct shell_supervisor_options {
    const char *data;
    const char *loader; /* path of the workers' program */
    enum log_durability durability;
    uint64_t segment_bytes;
    uint64_t die_at_log_offset; /* UINT64_MAX: never */
    unsigned jobs;              /* engine threads, 1 to SHELL_POOL_THREADS_MAX */
    uint64_t hang_cpu_ns;       /* CPU time a worker may use in one tick */
    uint64_t hang_wall_ns;      /* wall time, as the last resort */
    const struct host_probe *probe;
    uint64_t checkpoint_ticks; /* at least one every so many ticks, */
    uint64_t checkpoint_bytes; /* or bytes of log; 0: by itself none */
    int stop_fd;               /* readable when a signal wants the end */
    const char *guests;        /* path of a socket for them; NULL: there are none */
    bool uring;                /* for the event loop; the log has its own way */
};

struct shell_supervisor;

/* Recovers the folder and listens. message: what failed and what to do. Errors: as
 * shell_system_open; JIT_EAGAIN: stop_fd became readable meanwhile. */
JIT_MUST_CHECK enum jit_err shell_supervisor_new(struct jit_heap *heap,
                                                 const struct shell_supervisor_options *options,
                                                 struct shell_supervisor **out, char *message,
                                                 size_t message_size);
/* Until a client or a signal ends it. Returns the exit code. */
int shell_supervisor_run(struct shell_supervisor *supervisor);
/* Kills and reaps all workers, seals and closes the log. */
void shell_supervisor_free(struct shell_supervisor *supervisor);

/* What recovery found, for the first lines on stderr. */
const struct shell_system *shell_supervisor_system(const struct shell_supervisor *supervisor);
/* Ticks that processes with `replay rerun` have made again, and they came out the same. */
uint64_t shell_supervisor_run_again(const struct shell_supervisor *supervisor);

#endif

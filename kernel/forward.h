/* kernel/forward.h - processes that are brought forward by running again: after the supervisor has
 * come back, what they did since the last checkpoint is done once more, and compared with the log.
 * Spec:  DESIGN 7.5, 9.3; docs/spec/log.md "Replay". Layer: kernel (shell). */
#ifndef JIT_KERNEL_FORWARD_H
#define JIT_KERNEL_FORWARD_H

#include "kernel/system.h"
#include "kernel/worker.h"

struct shell_forward_options {
    const char *path;
    const struct shell_system *system;   /* opened, and as new as the history is */
    const struct shell_nursery *nursery; /* all but its view */
    uint64_t hang_cpu_ns;
    uint64_t hang_wall_ns;
    const int *stop_fd; /* readable: give up */
};

/* Run those that say `replay rerun`, from the checkpoint at which the system was read, over its
 * ticks: all that others asked for is taken from the log. Nothing is written. *ticks: how many were
 * made again; 0 where nobody says so. Errors: JIT_EDIVERGED (a difference: message says in which
 * tick and whose), JIT_EAGAIN (stop_fd), those of shell_system_open and of starting a worker. */
JIT_MUST_CHECK enum jit_err shell_forward(struct jit_heap *heap,
                                          const struct shell_forward_options *options,
                                          uint64_t *ticks, char *message, size_t message_size);

#endif

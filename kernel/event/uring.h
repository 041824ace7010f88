/* kernel/event/uring.h - a ring of the kernel that does a few named operations and no other.
 * Spec:  DESIGN 9.2, 11. Layer: kernel shell.
 *
 * A ring is a second way into the kernel, past the supervisor's seccomp filter: what its owner may
 * submit is therefore fixed when it is made. */
#ifndef JIT_KERNEL_URING_H
#define JIT_KERNEL_URING_H

#include <liburing.h>
#include <stdint.h>

#include "base/err.h"

#define URING_OPS_MAX 8u

/* Make a ring of `entries` that takes `ops` (IORING_OP_...) and, of registrations, files alone.
 * Owns:   *out: io_uring_queue_exit(). Errors: JIT_ENOTSUP: this system has no such rings. */
JIT_MUST_CHECK enum jit_err shell_uring_init(unsigned entries, const uint8_t *ops, unsigned count,
                                             struct io_uring *out);

#endif

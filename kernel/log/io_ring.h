/* kernel/log/io_ring.h - struct jit_io over a folder, submit and reap through io_uring.
 * Spec:  base/io.h; DESIGN 9.2; RELIABILITY "Rules for files".
 * Layer: kernel; with io_ring.c the only user of <liburing.h> for files. Everything but submit and
 * reap is kernel/log/io_posix.h. A durable write is one RWF_DSYNC request: one completion, no order
 * to rely on. */
#ifndef JIT_KERNEL_IO_RING_H
#define JIT_KERNEL_IO_RING_H

#include "kernel/log/io_posix.h"

/* Errors: JIT_ENOTSUP (no io_uring here: use io_posix_open), and those of io_posix_open. */
JIT_MUST_CHECK enum jit_err io_ring_open(struct jit_heap *heap, int dirfd,
                                         const struct io_options *options, struct jit_io **out);
void io_ring_close(struct jit_io *io); /* io may be NULL; waits for writes under way */

/* Keep the file behind fd open until the last write under way has ended, also when this process is
 * killed: so a lock on it (flock) is given up only when nothing can reach the medium any more.
 * Errors: JIT_ENOMEM, JIT_EIO. */
JIT_MUST_CHECK enum jit_err io_ring_hold(struct jit_io *io, int fd);

/* Readable (poll, epoll) while a finished write may wait to be reaped. */
int io_ring_fd(struct jit_io *io);

#endif

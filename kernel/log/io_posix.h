/* kernel/log/io_posix.h - struct jit_io over a folder, by system calls.
 * Spec:  base/io.h; DESIGN 9.2, 10; RELIABILITY "Rules for files".
 * Layer: kernel. submit() does the write before it returns; reap() hands it out.
 * kernel/log/io_ring.h is the same with submit and reap through io_uring.
 *
 * EINTR, EAGAIN and short transfers are finished inside. Names are opened below the folder only and
 * never through a symbolic link. */
#ifndef JIT_KERNEL_IO_POSIX_H
#define JIT_KERNEL_IO_POSIX_H

#include "base/heap.h"
#include "base/io.h"

#define IO_DIE_NEVER UINT64_MAX

/* There while a folder is being opened; whoever is killed then leaves it behind. */
#define IO_PROBE_NAME "probe.tmp"

struct io_options {
    bool direct;    /* honour JIT_IO_DIRECT if a probe in the folder shows that it works */
    bool read_only; /* nothing is written, and nobody need permit it */
    /* Die like a machine: of the bytes written to segments of the log ("log/....seg", so neither
     * the zeros they are made of nor blobs) since open, the write that would go past this many is
     * cut off there, and the process kills itself with SIGKILL. */
    uint64_t die_at;
};

/* dirfd: the data folder, borrowed until close. *out: close with io_posix_close.
 * Errors: JIT_ENOMEM; JIT_EIO, JIT_ENOSPC, JIT_EPERM from the probe. */
JIT_MUST_CHECK enum jit_err io_posix_open(struct jit_heap *heap, int dirfd,
                                          const struct io_options *options, struct jit_io **out);
void io_posix_close(struct jit_io *io); /* io may be NULL; its files are closed too */

#endif

/* kernel/log/io_priv.h - what the two backends on real files share. */
#ifndef JIT_KERNEL_IO_PRIV_H
#define JIT_KERNEL_IO_PRIV_H

#include <sys/types.h>

#include "kernel/log/io_posix.h"

#define IO_FILES_MAX  64u
#define IO_WRITES_MAX 16u   /* under way at a time */
#define IO_TRIES_MAX  1000u /* of one transfer that says EINTR or EAGAIN */
#define IO_NAME_BYTES 96u

struct io_file {
    int fd; /* -1: free */
    bool direct;
    bool segment; /* of the log: counted for die_at */
    char name[IO_NAME_BYTES];
};
struct io_posix {
    struct jit_io io; /* first */
    struct jit_heap *heap;
    int dirfd;
    uint64_t die_left; /* bytes to segments until death */
    bool read_only;
    bool no_dsync; /* this file system refuses RWF_DSYNC: write, then fdatasync */
    struct io_file files[IO_FILES_MAX];
    struct jit_io_write *done[IO_WRITES_MAX]; /* finished, not reaped */
    size_t done_count;
};

JIT_MUST_CHECK enum jit_err io_posix_init(struct io_posix *posix, struct jit_heap *heap, int dirfd,
                                          const struct io_options *options);
void io_posix_release(struct io_posix *posix);
struct io_file *io_posix_file(struct io_posix *posix, int file);
/* Counts a write and dies in it when it is the one. */
void io_posix_die(struct io_posix *posix, const struct io_file *file, const void *buf,
                  uint64_t size, uint64_t offset);
/* All of it, on the medium if durable. from: bytes of it that are done already. */
JIT_MUST_CHECK enum jit_err io_posix_write_all(struct io_posix *posix, const struct io_file *file,
                                               const void *buf, uint64_t size, uint64_t offset,
                                               uint64_t from, bool durable);
/* After `done` bytes of a transfer: where to go on (a direct one only at multiples of 4,096). */
static inline uint64_t io_resume(const struct io_file *file, uint64_t done)
{
    return file->direct ? done / 4096 * 4096 : done;
}

#endif

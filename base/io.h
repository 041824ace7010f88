/* base/io.h - the storage seam (DESIGN 10): all that the log, the blobs and the
 * checkpoints do to a disk. Backends: system calls with io_uring (kernel/), the simulated disk
 * (tests/lib).
 *
 * Shape:  names are relative to one data folder: "FORMAT", "log/0000000000000001.seg". At most one
 * '/'. A dir argument is "" (the folder itself) or one of its folders. Units:  offsets and sizes in
 * bytes. Files are handles >= 0. Errors: every call returns enum jit_err: JIT_EIO, JIT_ENOSPC,
 * JIT_ENOENT, JIT_EEXIST, JIT_ENOMEM. A transfer is complete or it is an error: short ones are the
 * backend's to finish or to report as JIT_EIO. After a failed sync or durable write the bytes may
 * be gone even though a later sync succeeds: never retry (RELIABILITY, rule 4). */
#ifndef JIT_BASE_IO_H
#define JIT_BASE_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum jit_io_flags {
    JIT_IO_CREATE = 1,    /* make it if it is not there */
    JIT_IO_EXCLUSIVE = 2, /* with CREATE: it may not be there */
    JIT_IO_DIRECT = 4 /* a wish: bypass the page cache when the backend can; then buffers, offsets
                         and sizes are multiples of 4,096 */
};

/* A write that runs while the caller goes on; the caller keeps it and buf alive until it is done.
 */
struct jit_io_write {
    int file;
    bool durable; /* complete only when it is on the medium (RWF_DSYNC) */
    bool wait;    /* a hint: the caller does nothing until it is over, so do it at once if that is
                     faster */
    const void *buf;
    uint64_t size;
    uint64_t offset;
    enum jit_err err; /* valid once returned by reap() */
    void *user;
};

struct jit_io {
    enum jit_err (*open)(struct jit_io *io, const char *name, unsigned flags, int *out);
    void (*close)(struct jit_io *io, int file);
    enum jit_err (*pwrite)(struct jit_io *io, int file, const void *buf, uint64_t size,
                           uint64_t offset);
    /* *got < size only at the end of the file. */
    enum jit_err (*pread)(struct jit_io *io, int file, void *buf, uint64_t size, uint64_t offset,
                          uint64_t *got);
    enum jit_err (*size)(struct jit_io *io, int file, uint64_t *out);
    enum jit_err (*sync)(struct jit_io *io, int file);
    enum jit_err (*syncdir)(struct jit_io *io, const char *dir);
    enum jit_err (*mkdir)(struct jit_io *io, const char *dir); /* there already: JIT_OK */
    enum jit_err (*rename)(struct jit_io *io, const char *from, const char *to); /* one folder */
    enum jit_err (*unlink)(struct jit_io *io, const char *name);
    /* Calls visit(user, name) once a file, in no order; name without the folder. */
    enum jit_err (*list)(struct jit_io *io, const char *dir,
                         void (*visit)(void *user, const char *name), void *user);
    /* Start a write. JIT_OK: it will come out of reap(). An error: it was not started. */
    enum jit_err (*submit)(struct jit_io *io, struct jit_io_write *write);
    /* A finished write, or NULL when none has finished. wait: block until one has, if any runs. */
    struct jit_io_write *(*reap)(struct jit_io *io, bool wait);
    bool direct; /* JIT_IO_DIRECT is honoured here */
};

#endif

#include "kernel/log/io_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"

static struct io_posix *of(struct jit_io *io)
{
    return (struct io_posix *)io;
}

struct io_file *io_posix_file(struct io_posix *posix, int file)
{
    assert(file >= 0);
    assert((size_t)file < IO_FILES_MAX);
    assert(posix->files[file].fd >= 0);
    return &posix->files[file];
}

static bool is_segment(const char *name)
{
    size_t size = strlen(name);
    return size > 8 && strncmp(name, "log/", 4) == 0 && strcmp(name + size - 4, ".seg") == 0;
}

/* --- files --- */

static enum jit_err posix_open(struct jit_io *io, const char *name, unsigned flags, int *out)
{
    struct io_posix *posix = of(io);
    int file = 0;
    int mode = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (posix->read_only ? O_RDONLY : O_RDWR);
    struct stat st;
    *out = -1;
    assert(strlen(name) < IO_NAME_BYTES);
    assert(!posix->read_only || (flags & JIT_IO_CREATE) == 0);
    while (file < (int)IO_FILES_MAX && posix->files[file].fd >= 0) {
        file++;
    }
    if (file == (int)IO_FILES_MAX) {
        return JIT_ENOMEM;
    }
    mode |= (flags & JIT_IO_CREATE) != 0 ? O_CREAT : 0;
    mode |= (flags & JIT_IO_EXCLUSIVE) != 0 ? O_EXCL : 0;
    bool direct = io->direct && (flags & JIT_IO_DIRECT) != 0;
    int fd = openat(posix->dirfd, name, mode | (direct ? O_DIRECT : 0), 0600);
    if (fd < 0) {
        return jit_err_of_errno(errno);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return JIT_EIO;
    }
    if (!direct) {
        /* After a failed sync the page cache shows bytes that the medium does not have, and calls
         * them clean. Whoever opens a file to find out what is there must not be told so. */
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    struct io_file *slot = &posix->files[file];
    slot->fd = fd;
    slot->direct = direct;
    slot->segment = is_segment(name);
    (void)snprintf(slot->name, sizeof slot->name, "%s", name);
    *out = file;
    return JIT_OK;
}

static void posix_close(struct jit_io *io, int file)
{
    struct io_file *slot = io_posix_file(of(io), file);
    /* What was to be safe was synced before: an error here says nothing new. */
    (void)close(slot->fd);
    slot->fd = -1;
}

void io_posix_die(struct io_posix *posix, const struct io_file *file, const void *buf,
                  uint64_t size, uint64_t offset)
{
    if (!file->segment || posix->die_left == IO_DIE_NEVER) {
        return;
    }
    if (size <= posix->die_left) {
        posix->die_left -= size;
        return;
    }
    /* Through the page cache, since the cut is at any byte. */
    int fd = openat(posix->dirfd, file->name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        ssize_t done = pwrite(fd, buf, (size_t)posix->die_left, (off_t)offset);
        (void)done;
        (void)fsync(fd);
    }
    (void)kill(getpid(), SIGKILL);
    for (;;) {
        (void)pause();
    }
}

static ssize_t write_some(struct io_posix *posix, const struct io_file *file, const uint8_t *at,
                          uint64_t size, uint64_t offset, bool durable)
{
    struct iovec part = {(void *)(uintptr_t)at, size < (1u << 30) ? (size_t)size : (1u << 30)};
    if (!durable || posix->no_dsync) {
        return pwritev(file->fd, &part, 1, (off_t)offset);
    }
    ssize_t got = pwritev2(file->fd, &part, 1, (off_t)offset, RWF_DSYNC);
    if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        posix->no_dsync = true;
        got = pwritev(file->fd, &part, 1, (off_t)offset);
    }
    return got;
}

enum jit_err io_posix_write_all(struct io_posix *posix, const struct io_file *file, const void *buf,
                                uint64_t size, uint64_t offset, uint64_t from, bool durable)
{
    const uint8_t *bytes = buf;
    unsigned tries = 0;
    while (from < size) {
        ssize_t got = write_some(posix, file, bytes + from, size - from, offset + from, durable);
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            return jit_err_of_errno(errno);
        }
        uint64_t next = got > 0 ? io_resume(file, from + (uint64_t)got) : from;
        if (next > from) {
            from = next;
            tries = 0;
        } else if (++tries == IO_TRIES_MAX) {
            return JIT_EIO;
        }
    }
    if (durable && posix->no_dsync && fdatasync(file->fd) != 0) {
        return jit_err_of_errno(errno);
    }
    return JIT_OK;
}

static enum jit_err posix_pwrite(struct jit_io *io, int file, const void *buf, uint64_t size,
                                 uint64_t offset)
{
    struct io_file *slot = io_posix_file(of(io), file);
    io_posix_die(of(io), slot, buf, size, offset);
    return io_posix_write_all(of(io), slot, buf, size, offset, 0, false);
}

static enum jit_err posix_pread(struct jit_io *io, int file, void *buf, uint64_t size,
                                uint64_t offset, uint64_t *got)
{
    struct io_file *slot = io_posix_file(of(io), file);
    uint8_t *bytes = buf;
    unsigned tries = 0;
    *got = 0;
    while (*got < size) {
        uint64_t left = size - *got;
        ssize_t part = pread(slot->fd, bytes + *got, left < (1u << 30) ? left : (1u << 30),
                             (off_t)(offset + *got));
        if (part == 0) {
            return JIT_OK; /* the end of the file */
        }
        if (part < 0 && errno != EINTR && errno != EAGAIN) {
            return jit_err_of_errno(errno);
        }
        if (part < 0) {
            if (++tries == IO_TRIES_MAX) {
                return JIT_EIO;
            }
            continue;
        }
        uint64_t next = *got + (uint64_t)part;
        if (next < size && slot->direct && next % 4096 != 0) {
            *got = next; /* a file whose size is no multiple of a block: this was its end */
            return JIT_OK;
        }
        *got = next;
        tries = 0;
    }
    return JIT_OK;
}

static enum jit_err posix_size(struct jit_io *io, int file, uint64_t *out)
{
    struct stat st;
    *out = 0;
    if (fstat(io_posix_file(of(io), file)->fd, &st) != 0) {
        return jit_err_of_errno(errno);
    }
    *out = (uint64_t)st.st_size;
    return JIT_OK;
}

static enum jit_err posix_sync(struct jit_io *io, int file)
{
    /* EINTR is no leave to try again either: what a sync has lost once stays lost. */
    return fsync(io_posix_file(of(io), file)->fd) == 0 ? JIT_OK : jit_err_of_errno(errno);
}

/* --- folders --- */

static int open_dir(struct io_posix *posix, const char *dir)
{
    return openat(posix->dirfd, dir[0] == 0 ? "." : dir,
                  O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static enum jit_err posix_syncdir(struct jit_io *io, const char *dir)
{
    int fd = open_dir(of(io), dir);
    if (fd < 0) {
        return jit_err_of_errno(errno);
    }
    enum jit_err err = fsync(fd) == 0 ? JIT_OK : jit_err_of_errno(errno);
    (void)close(fd);
    return err;
}

static enum jit_err posix_mkdir(struct jit_io *io, const char *dir)
{
    struct stat st;
    if (mkdirat(of(io)->dirfd, dir, 0700) == 0) {
        return JIT_OK;
    }
    if (errno != EEXIST) {
        return jit_err_of_errno(errno);
    }
    if (fstatat(of(io)->dirfd, dir, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return jit_err_of_errno(errno);
    }
    return S_ISDIR(st.st_mode) ? JIT_OK : JIT_EEXIST;
}

static enum jit_err posix_rename(struct jit_io *io, const char *from, const char *to)
{
    int dirfd = of(io)->dirfd;
    return renameat(dirfd, from, dirfd, to) == 0 ? JIT_OK : jit_err_of_errno(errno);
}

static enum jit_err posix_unlink(struct jit_io *io, const char *name)
{
    return unlinkat(of(io)->dirfd, name, 0) == 0 ? JIT_OK : jit_err_of_errno(errno);
}

static enum jit_err posix_list(struct jit_io *io, const char *dir,
                               void (*visit)(void *user, const char *name), void *user)
{
    int fd = open_dir(of(io), dir);
    if (fd < 0) {
        return jit_err_of_errno(errno);
    }
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        (void)close(fd);
        return JIT_ENOMEM;
    }
    errno = 0;
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN) {
            visit(user, entry->d_name);
        }
        errno = 0;
    }
    enum jit_err err = errno == 0 ? JIT_OK : jit_err_of_errno(errno);
    (void)closedir(stream);
    return err;
}

/* --- writes under way: here they are over at once --- */

static enum jit_err posix_submit(struct jit_io *io, struct jit_io_write *write)
{
    struct io_posix *posix = of(io);
    struct io_file *slot = io_posix_file(posix, write->file);
    assert(posix->done_count < IO_WRITES_MAX);
    io_posix_die(posix, slot, write->buf, write->size, write->offset);
    write->err =
        io_posix_write_all(posix, slot, write->buf, write->size, write->offset, 0, write->durable);
    posix->done[posix->done_count++] = write;
    return JIT_OK;
}

static struct jit_io_write *posix_reap(struct jit_io *io, bool wait)
{
    struct io_posix *posix = of(io);
    (void)wait;
    if (posix->done_count == 0) {
        return NULL;
    }
    struct jit_io_write *write = posix->done[0];
    posix->done_count--;
    memmove(&posix->done[0], &posix->done[1], posix->done_count * sizeof posix->done[0]);
    return write;
}

/* --- open and close --- */

/* Whether the folder's file system takes direct writes of 4 KiB: some refuse at open, some at the
 * write. */
static enum jit_err probe_direct(struct io_posix *posix, bool *out)
{
    static _Alignas(4096) const uint8_t block[4096];
    *out = false;
    int fd = openat(posix->dirfd, IO_PROBE_NAME,
                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_DIRECT, 0600);
    if (fd < 0) {
        int error = errno;
        /* A full disk is no reason to refuse a folder: buffered writes are as durable. */
        bool refused = error == EINVAL || error == EOPNOTSUPP || error == ENOSPC || error == EDQUOT;
        /* Some create the file before they refuse. */
        (void)unlinkat(posix->dirfd, IO_PROBE_NAME, 0);
        return refused ? JIT_OK : jit_err_of_errno(error);
    }
    ssize_t got = pwrite(fd, block, sizeof block, 0);
    enum jit_err err = JIT_OK;
    if (got < 0 && errno != EINVAL && errno != EOPNOTSUPP && errno != EINTR && errno != EAGAIN &&
        errno != ENOSPC && errno != EDQUOT) {
        err = jit_err_of_errno(errno);
    }
    *out = got == (ssize_t)sizeof block;
    (void)close(fd);
    (void)unlinkat(posix->dirfd, IO_PROBE_NAME, 0);
    return err;
}

enum jit_err io_posix_init(struct io_posix *posix, struct jit_heap *heap, int dirfd,
                           const struct io_options *options)
{
    assert(dirfd >= 0);
    *posix = (struct io_posix){
        .io = {posix_open, posix_close, posix_pwrite, posix_pread, posix_size, posix_sync,
               posix_syncdir, posix_mkdir, posix_rename, posix_unlink, posix_list, posix_submit,
               posix_reap, false},
        .heap = heap,
        .dirfd = dirfd,
        .die_left = options->die_at,
        .read_only = options->read_only,
    };
    assert(!options->direct || !options->read_only); /* a probe is a write */
    for (size_t i = 0; i < IO_FILES_MAX; i++) {
        posix->files[i].fd = -1;
    }
    return options->direct ? probe_direct(posix, &posix->io.direct) : JIT_OK;
}

void io_posix_release(struct io_posix *posix)
{
    for (size_t i = 0; i < IO_FILES_MAX; i++) {
        if (posix->files[i].fd >= 0) {
            (void)close(posix->files[i].fd);
            posix->files[i].fd = -1;
        }
    }
}

enum jit_err io_posix_open(struct jit_heap *heap, int dirfd, const struct io_options *options,
                           struct jit_io **out)
{
    *out = NULL;
    struct io_posix *posix = heap->alloc(heap, sizeof *posix);
    if (posix == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = io_posix_init(posix, heap, dirfd, options);
    if (err != JIT_OK) {
        heap->free(heap, posix);
        return err;
    }
    *out = &posix->io;
    return JIT_OK;
}

void io_posix_close(struct jit_io *io)
{
    if (io != NULL) {
        struct io_posix *posix = of(io);
        io_posix_release(posix);
        posix->heap->free(posix->heap, posix);
    }
}

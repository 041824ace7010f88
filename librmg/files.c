/* Files of a graph: mapped, loaded, saved. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "librmg/rmg.h"

#define MAPPED_MIN    (64ull << 20)
#define PATH_SIZE     4096u
#define TEMPORARY_MAX 64u

static enum jit_err err_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return JIT_ENOENT;
    case EACCES:
    case EPERM:
    case EROFS:
        return JIT_EPERM;
    case ENOSPC:
    case EDQUOT:
        return JIT_ENOSPC;
    case ENOMEM:
        return JIT_ENOMEM;
    default:
        return JIT_EIO;
    }
}

/* Address space is taken at once, memory only where it is touched. A host that counts address space
 * (ulimit -v, strict overcommit) gives as much as it will. */
static enum jit_err space_init(struct rmg_space *space, struct jit_heap *heap)
{
    void *base = MAP_FAILED;
    *space = (struct rmg_space){.heap = heap, .version = rmg_version_empty()};
    for (uint64_t size = JIT_ARENA_BYTES_MAX; base == MAP_FAILED && size >= MAPPED_MIN; size /= 2) {
        base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
        space->mapped = size;
    }
    if (base == MAP_FAILED) {
        space->mapped = 0;
        return JIT_ENOMEM;
    }
    rmg_arena_init(&space->arena, base, space->mapped, space->mapped, 0);
    struct rmg_store_options options = {.arenas = {&space->arena}, .arena_count = 1};
    return rmg_store_new(heap, &options, &space->store);
}

void rmg_store_close(struct rmg_space *space)
{
    rmg_store_free(space->store);
    if (space->mapped > 0) {
        munmap(space->arena.base, space->mapped);
    }
    *space = (struct rmg_space){.heap = space->heap, .version = rmg_version_empty()};
}

enum jit_err rmg_file_map(const char *path, struct rmg_mapped *out)
{
    struct stat info;
    enum jit_err err = JIT_OK;
    *out = (struct rmg_mapped){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return err_of(errno);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        err = JIT_EIO; /* a pipe or a folder cannot be mapped */
    } else if (info.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        err = bytes == MAP_FAILED ? err_of(errno) : JIT_OK;
        if (err == JIT_OK) {
            *out = (struct rmg_mapped){bytes, (uint64_t)info.st_size};
        }
    }
    close(fd);
    return err;
}

void rmg_file_unmap(struct rmg_mapped *mapped)
{
    if (mapped->size > 0) {
        munmap((void *)(uintptr_t)mapped->bytes, mapped->size);
    }
    *mapped = (struct rmg_mapped){0};
}

static enum jit_err load(struct rmg_space *space, const struct rmg_mapped *mapped,
                         struct rmg_file_fault *fault)
{
    if (rmg_wsc_is(mapped->bytes, mapped->size)) {
        struct rmg_wsc file;
        enum jit_err err = rmg_wsc_open(mapped->bytes, mapped->size, &file, fault);
        return err != JIT_OK
                   ? err
                   : rmg_wsc_load(space->heap, &file, space->store, &space->version, fault);
    }
    struct rmg_file file;
    enum jit_err err = rmg_file_open(mapped->bytes, mapped->size, &file, fault);
    return err != JIT_OK ? err
                         : rmg_file_load(space->heap, &file, space->store, &space->version, fault);
}

enum jit_err rmg_store_open(struct rmg_space *space, struct jit_heap *heap, const char *path,
                            struct rmg_file_fault *fault)
{
    struct rmg_file_fault unused;
    struct rmg_mapped mapped;
    fault = fault == NULL ? &unused : fault;
    *fault = (struct rmg_file_fault){0};
    enum jit_err err = space_init(space, heap == NULL ? jit_heap_libc() : heap);
    if (err == JIT_OK && path != NULL) {
        err = rmg_file_map(path, &mapped);
        if (err == JIT_OK) {
            err = load(space, &mapped, fault);
            rmg_file_unmap(&mapped);
        }
    }
    if (err != JIT_OK) {
        rmg_store_close(space);
    }
    return err;
}

/* ---- saving ---- */

static enum jit_err write_piece(void *user, const uint8_t *bytes, size_t size)
{
    const int *fd = user;
    while (size > 0) {
        ssize_t done = write(*fd, bytes, size);
        if (done < 0 && errno != EINTR) {
            return err_of(errno);
        }
        bytes += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return JIT_OK;
}

/* The name must survive a crash as well. */
static enum jit_err sync_folder(char path[PATH_SIZE])
{
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        path[0] = '.';
        path[1] = 0;
    } else {
        slash[slash == path ? 1 : 0] = 0;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum jit_err err = fd >= 0 && fsync(fd) == 0 ? JIT_OK : err_of(errno);
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

/* A new file beside the one to be replaced; what a killed process left behind is passed by. */
static int open_temporary(const char *path, char temporary[PATH_SIZE])
{
    int fd = -1;
    errno = EEXIST;
    for (unsigned i = 0; fd < 0 && errno == EEXIST && i < TEMPORARY_MAX; i++) {
        int length = snprintf(temporary, PATH_SIZE, "%s.%ld.%u.tmp", path, (long)getpid(), i);
        if (length < 0 || (size_t)length >= PATH_SIZE) {
            errno = ENOENT;
            return -1;
        }
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return fd;
}

enum jit_err rmg_store_save(const struct rmg_space *space, const char *path)
{
    char temporary[PATH_SIZE];
    int fd = open_temporary(path, temporary);
    if (fd < 0) {
        return err_of(errno);
    }
    enum jit_err err =
        rmg_file_write(space->heap, space->store, &space->version, write_piece, &fd, NULL);
    if (err == JIT_OK && fsync(fd) != 0) {
        err = err_of(errno);
    }
    if (close(fd) != 0 && err == JIT_OK) {
        err = err_of(errno);
    }
    if (err == JIT_OK && rename(temporary, path) != 0) {
        err = err_of(errno);
    }
    if (err != JIT_OK) {
        (void)unlink(temporary);
        return err;
    }
    return sync_folder(temporary);
}

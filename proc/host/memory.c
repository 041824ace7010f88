#include "proc/host/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/linux.h"
#include "proc/host/oserr_priv.h"

static const struct {
    const char *name;
    int seals;
    bool worker_writes;
    bool grows;
} kinds[] = {
    [HOST_RING] = {"jitos-ring", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, true, false},
    [HOST_GRAPH] = {"jitos-graph", F_SEAL_SHRINK | F_SEAL_SEAL, true, true},
    [HOST_VIEW] = {"jitos-view", F_SEAL_SHRINK | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE, false, true},
    [HOST_PROGRAM] = {"jitos-program", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_WRITE,
                      false, false},
};

static uint64_t round_to_page(uint64_t size)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

/* Data only: a kernel that knows MFD_NOEXEC_SEAL (6.3) also refuses to ever execute it. */
static int data_memfd(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return fd;
}

/* A second descriptor that can only read, so that not even the rights of the file are on offer. */
static int reopen_read_only(int fd)
{
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* fallocate() refuses with ENOSPC and leaves nothing behind; it may be interrupted. */
static enum jit_err allocate(int fd, uint64_t from, uint64_t to)
{
    int result;
    do {
        result = fallocate(fd, 0, (off_t)from, (off_t)(to - from));
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return JIT_OK;
    }
    return errno == ENOSPC || errno == EFBIG || errno == ENOMEM ? JIT_ENOSPC : host_os_err(errno);
}

enum jit_err host_map_shared(int fd, uint64_t size_max, int writable, uint8_t **out)
{
    assert(out != NULL);
    *out = NULL;
    int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *base = mmap(NULL, (size_t)size_max, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        return host_os_err(errno);
    }
    *out = base;
    return JIT_OK;
}

void host_map_release(uint8_t *base, uint64_t size_max)
{
    if (base != NULL) {
        int result = munmap(base, (size_t)size_max);
        assert(result == 0);
        (void)result;
    }
}

/* Seal, and open what the workers get. The kernel's writable map exists already where it needs one:
 * FUTURE_WRITE leaves it alone and lets nobody make another. */
static enum jit_err seal_and_share(struct host_memory *memory)
{
    if (fcntl(memory->fd, F_ADD_SEALS, kinds[memory->kind].seals) != 0) {
        return errno == EINVAL ? JIT_ENOTSUP : host_os_err(errno);
    }
    memory->fd_worker =
        kinds[memory->kind].worker_writes ? memory->fd : reopen_read_only(memory->fd);
    return memory->fd_worker < 0 ? host_os_err(errno) : JIT_OK;
}

enum jit_err host_memory_create(enum host_memory_kind kind, uint64_t size, uint64_t size_max,
                                struct host_memory *out)
{
    struct host_memory made = HOST_MEMORY_NONE;
    enum jit_err err;

    assert(out != NULL);
    assert(kind == HOST_RING || kind == HOST_GRAPH || kind == HOST_VIEW);
    assert(size > 0 && size <= size_max && size_max <= INT64_MAX / 2);
    assert(size == size_max || kinds[kind].grows);
    *out = (struct host_memory)HOST_MEMORY_NONE;
    made.kind = kind;
    made.size = round_to_page(size);
    made.size_max = round_to_page(size_max);
    made.fd = data_memfd(kinds[kind].name);
    if (made.fd < 0) {
        err = host_os_err(errno);
        goto out;
    }
    err = allocate(made.fd, 0, made.size);
    if (err != JIT_OK) {
        goto out;
    }
    err = host_map_shared(made.fd, made.size_max, 1, &made.base);
    if (err != JIT_OK) {
        goto out;
    }
    err = seal_and_share(&made);
    if (err != JIT_OK) {
        goto out;
    }
    *out = made;
    made = (struct host_memory)HOST_MEMORY_NONE; /* transferred */
out:
    host_memory_close(&made);
    return err;
}

static enum jit_err write_all(int fd, const uint8_t *bytes, size_t bytes_size)
{
    for (size_t done = 0; done < bytes_size;) {
        ssize_t n = pwrite(fd, bytes + done, bytes_size - done, (off_t)done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 && errno != ENOSPC ? host_os_err(errno) : JIT_ENOSPC;
        }
        done += (size_t)n;
    }
    return JIT_OK;
}

enum jit_err host_memory_program(const void *bytes, size_t bytes_size, struct host_memory *out)
{
    struct host_memory made = HOST_MEMORY_NONE;
    enum jit_err err;

    assert(out != NULL);
    assert(bytes != NULL && bytes_size > 0);
    *out = (struct host_memory)HOST_MEMORY_NONE;
    made.kind = HOST_PROGRAM;
    made.size = round_to_page(bytes_size);
    made.size_max = made.size;
    made.fd = data_memfd(kinds[HOST_PROGRAM].name);
    if (made.fd < 0) {
        err = host_os_err(errno);
        goto out;
    }
    err = allocate(made.fd, 0, made.size);
    if (err == JIT_OK) {
        err = write_all(made.fd, bytes, bytes_size);
    }
    if (err == JIT_OK) {
        err = seal_and_share(&made);
    }
    if (err != JIT_OK) {
        goto out;
    }
    /* Through the read-only descriptor: before 6.7 a WRITE-sealed file opened for writing cannot be
     * mapped shared at all. */
    err = host_map_shared(made.fd_worker, made.size_max, 0, &made.base);
    if (err != JIT_OK) {
        goto out;
    }
    *out = made;
    made = (struct host_memory)HOST_MEMORY_NONE; /* transferred */
out:
    host_memory_close(&made);
    return err;
}

enum jit_err host_memory_extend(struct host_memory *memory, uint64_t size_min)
{
    assert(memory != NULL && memory->fd >= 0);
    if (size_min <= memory->size) {
        return JIT_OK;
    }
    if (size_min > memory->size_max) {
        return JIT_ELIMIT;
    }
    assert(kinds[memory->kind].grows);
    uint64_t size = (size_min + HOST_EXTENT_BYTES - 1) / HOST_EXTENT_BYTES * HOST_EXTENT_BYTES;
    if (size > memory->size_max) {
        size = memory->size_max;
    }
    enum jit_err err = allocate(memory->fd, memory->size, size);
    if (err == JIT_OK) {
        memory->size = size;
    }
    return err;
}

void host_memory_close(struct host_memory *memory)
{
    host_map_release(memory->base, memory->size_max);
    if (memory->fd_worker >= 0 && memory->fd_worker != memory->fd) {
        (void)close(memory->fd_worker);
    }
    if (memory->fd >= 0) {
        (void)close(memory->fd);
    }
    *memory = (struct host_memory)HOST_MEMORY_NONE;
}

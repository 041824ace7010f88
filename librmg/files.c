/* Files of a graph: mapped, loaded, saved. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole.h"
#include "librmg/rmg.h"

#define MAPPED_MIN (64ull << 20)

static enum jit_err space_init(struct rmg_space *space, struct jit_heap *heap)
{
    *space = (struct rmg_space){.heap = heap, .version = rmg_version_empty()};
    void *base = jit_memory_reserve(JIT_ARENA_BYTES_MAX, MAPPED_MIN, &space->mapped);
    if (base == NULL) {
        return JIT_ENOMEM;
    }
    rmg_arena_init(&space->arena, base, space->mapped, space->mapped, 0);
    struct rmg_store_options options = {.arenas = {&space->arena}, .arena_count = 1};
    return rmg_store_new(heap, &options, &space->store);
}

void rmg_store_close(struct rmg_space *space)
{
    rmg_store_free(space->store);
    jit_memory_release(space->arena.base, space->mapped);
    *space = (struct rmg_space){.heap = space->heap, .version = rmg_version_empty()};
}

/* As many bytes as there were when it was opened; a file that has become shorter has not got them.
 */
static enum jit_err read_all(int fd, uint8_t *bytes, uint64_t size)
{
    uint64_t at = 0;
    while (at < size) {
        ssize_t got = pread(fd, bytes + at, size - at, (off_t)at);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return got == 0 ? JIT_EIO : jit_err_of_errno(errno);
        }
        at += got > 0 ? (uint64_t)got : 0;
    }
    return JIT_OK;
}

/* Memory is asked for in earnest, so that a claim beyond what the host has is refused. */
static enum jit_err take(int fd, uint64_t size, bool copy, struct rmg_mapped *out)
{
    if (copy && size > JIT_ARENA_BYTES_MAX) {
        return JIT_ELIMIT; /* no space holds what it has */
    }
    void *bytes = copy
                      ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                      : mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return jit_err_of_errno(errno);
    }
    enum jit_err err = copy ? read_all(fd, bytes, size) : JIT_OK;
    if (err != JIT_OK) {
        munmap(bytes, size);
        return err;
    }
    *out = (struct rmg_mapped){bytes, size};
    return JIT_OK;
}

static enum jit_err open_file(const char *path, bool copy, struct rmg_mapped *out)
{
    struct stat info;
    enum jit_err err = JIT_OK;
    *out = (struct rmg_mapped){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return jit_err_of_errno(errno);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        err = JIT_EIO; /* a pipe or a folder cannot be mapped */
    } else if (info.st_size > 0) {
        err = take(fd, (uint64_t)info.st_size, copy, out);
    }
    close(fd);
    return err;
}

enum jit_err rmg_file_map(const char *path, struct rmg_mapped *out)
{
    return open_file(path, false, out);
}

enum jit_err rmg_file_copy(const char *path, struct rmg_mapped *out)
{
    return open_file(path, true, out);
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
        err = rmg_file_copy(path, &mapped);
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

enum jit_err rmg_store_save(const struct rmg_space *space, const char *path)
{
    struct jit_whole file;
    enum jit_err err = jit_whole_open(&file, path);
    if (err == JIT_OK) {
        err = rmg_file_write(space->heap, space->store, &space->version, jit_whole_write, &file,
                             NULL);
    }
    enum jit_err closed = jit_whole_close(&file, err == JIT_OK);
    return err == JIT_OK ? closed : err;
}

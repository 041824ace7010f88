#include "kernel/checkpoint/head.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/checkpoint/checkpoint.h"

#define HEAD_FILE   "HEAD"
#define HEAD_NEXT   "HEAD.next"
#define HEAD_TMP    "HEAD.tmp"
#define HEAD_PREFIX "branch "
#define HEAD_BYTES  (sizeof HEAD_PREFIX - 1 + HEAD_NAME_MAX + 1)

static enum jit_err read_name(struct jit_io *io, const char *path, char name[HEAD_NAME_MAX + 1])
{
    char text[HEAD_BYTES + 1];
    uint64_t got = 0;
    int file = -1;
    enum jit_err err = io->open(io, path, 0, &file);
    if (err == JIT_OK) {
        err = io->pread(io, file, text, sizeof text, 0, &got);
        io->close(io, file);
    }
    if (err != JIT_OK) {
        return err;
    }
    size_t prefix = sizeof HEAD_PREFIX - 1;
    if (got <= prefix + 1 || got > HEAD_BYTES || memcmp(text, HEAD_PREFIX, prefix) != 0 ||
        text[got - 1] != '\n') {
        return JIT_ECORRUPT;
    }
    text[got - 1] = '\0';
    if (strlen(text) != got - 1 || !ckpt_name_good(text + prefix)) {
        return JIT_ECORRUPT;
    }
    memcpy(name, text + prefix, (size_t)got - prefix);
    return JIT_OK;
}

static enum jit_err write_name(struct jit_io *io, const char *path, const char *name)
{
    char text[HEAD_BYTES + 1];
    int file = -1;
    assert(ckpt_name_good(name));
    int size = snprintf(text, sizeof text, HEAD_PREFIX "%s\n", name);
    enum jit_err err = io->unlink(io, HEAD_TMP); /* what a try left may be longer */
    err = err == JIT_ENOENT ? JIT_OK : err;
    if (err == JIT_OK) {
        err = io->open(io, HEAD_TMP, JIT_IO_CREATE, &file);
    }
    if (err == JIT_OK) {
        err = io->pwrite(io, file, text, (uint64_t)size, 0);
        err = err == JIT_OK ? io->sync(io, file) : err;
        io->close(io, file);
    }
    err = err == JIT_OK ? io->rename(io, HEAD_TMP, path) : err;
    return err == JIT_OK ? io->syncdir(io, "") : err;
}

enum jit_err head_read(struct jit_io *io, char name[HEAD_NAME_MAX + 1])
{
    enum jit_err err = read_name(io, HEAD_FILE, name);
    if (err == JIT_ENOENT) {
        snprintf(name, HEAD_NAME_MAX + 1, "%s", HEAD_MAIN);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err head_write(struct jit_io *io, const char *name)
{
    return write_name(io, HEAD_FILE, name);
}

enum jit_err head_next_read(struct jit_io *io, char name[HEAD_NAME_MAX + 1])
{
    return read_name(io, HEAD_NEXT, name);
}

enum jit_err head_next_write(struct jit_io *io, const char *name)
{
    return write_name(io, HEAD_NEXT, name);
}

enum jit_err head_next_take(struct jit_io *io)
{
    enum jit_err err = io->rename(io, HEAD_NEXT, HEAD_FILE);
    return err == JIT_OK ? io->syncdir(io, "") : err;
}

enum jit_err head_next_drop(struct jit_io *io)
{
    enum jit_err err = io->unlink(io, HEAD_NEXT);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    return err == JIT_OK ? io->syncdir(io, "") : err;
}

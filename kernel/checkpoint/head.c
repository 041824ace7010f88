#include "kernel/checkpoint/head.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/checkpoint/checkpoint.h"

#define HEAD_FILE   "HEAD"
#define HEAD_NEXT   "HEAD.next"
#define HEAD_TMP    "HEAD.tmp"
#define HEAD_PREFIX "branch "
#define HEAD_TEXT   (sizeof HEAD_PREFIX - 1 + HEAD_NAME_MAX + 1) /* of HEAD, at most */
#define UUID_TEXT   (1 + (size_t)2 * LOG_UUID_BYTES)             /* of HEAD.next, more */

/* What stands between prefix and line feed. */
static enum jit_err read_line(struct jit_io *io, const char *path, char *line, size_t size_max)
{
    char text[HEAD_TEXT + UUID_TEXT + 1];
    const size_t prefix = sizeof HEAD_PREFIX - 1;
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
    if (got <= prefix + 1 || got > prefix + size_max || memcmp(text, HEAD_PREFIX, prefix) != 0 ||
        text[got - 1] != '\n') {
        return JIT_ECORRUPT;
    }
    text[got - 1] = '\0';
    if (strlen(text) != got - 1) {
        return JIT_ECORRUPT;
    }
    memcpy(line, text + prefix, (size_t)got - prefix);
    return JIT_OK;
}

static enum jit_err write_line(struct jit_io *io, const char *path, const char *line)
{
    char text[HEAD_TEXT + UUID_TEXT + 1];
    int file = -1;
    int size = snprintf(text, sizeof text, HEAD_PREFIX "%s\n", line);
    assert(size > 0 && (size_t)size < sizeof text);
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
    enum jit_err err = read_line(io, HEAD_FILE, name, HEAD_NAME_MAX + 1);
    if (err == JIT_ENOENT) {
        snprintf(name, HEAD_NAME_MAX + 1, "%s", HEAD_MAIN);
        return JIT_OK;
    }
    return err == JIT_OK && !ckpt_name_good(name) ? JIT_ECORRUPT : err;
}

enum jit_err head_write(struct jit_io *io, const char *name)
{
    assert(ckpt_name_good(name));
    return write_line(io, HEAD_FILE, name);
}

enum jit_err head_next_read(struct jit_io *io, struct head_next *out)
{
    char line[HEAD_NAME_MAX + UUID_TEXT + 1];
    char hex[JIT_ID_HEX];
    struct jit_id wide;
    enum jit_err err = read_line(io, HEAD_NEXT, line, sizeof line);
    if (err != JIT_OK) {
        return err;
    }
    const size_t size = strlen(line);
    if (size <= UUID_TEXT || line[size - UUID_TEXT] != ' ') {
        return JIT_ECORRUPT;
    }
    memset(hex, '0', sizeof hex);
    memcpy(hex, line + size - UUID_TEXT + 1, UUID_TEXT - 1);
    line[size - UUID_TEXT] = '\0';
    if (!ckpt_name_good(line) || jit_id_from_hex(hex, JIT_ID_HEX - 1, &wide) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    memcpy(out->name, line, size - UUID_TEXT + 1);
    memcpy(out->uuid, wide.bytes, LOG_UUID_BYTES);
    return JIT_OK;
}

enum jit_err head_next_write(struct jit_io *io, const struct head_next *next)
{
    char line[HEAD_NAME_MAX + UUID_TEXT + 1];
    char hex[JIT_ID_HEX];
    struct jit_id wide = {{0}};
    assert(ckpt_name_good(next->name));
    memcpy(wide.bytes, next->uuid, LOG_UUID_BYTES);
    jit_id_to_hex(&wide, hex);
    (void)snprintf(line, sizeof line, "%s %.*s", next->name, (int)UUID_TEXT - 1, hex);
    return write_line(io, HEAD_NEXT, line);
}

/* Cut off in between, both say the same. */
enum jit_err head_next_take(struct jit_io *io, const struct head_next *next)
{
    enum jit_err err = head_write(io, next->name);
    return err == JIT_OK ? head_next_drop(io) : err;
}

enum jit_err head_next_drop(struct jit_io *io)
{
    enum jit_err err = io->unlink(io, HEAD_NEXT);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    return err == JIT_OK ? io->syncdir(io, "") : err;
}

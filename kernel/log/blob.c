#include "kernel/log/blob.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/log/log_mutant.h"

/* Unfinished files at a time: more than there are writers, and a bound for the search. */
#define BLOB_TMP_MAX 1024u

struct blob_writer {
    struct jit_heap *heap;
    struct jit_io *io;
    const char *dir;
    int file;
    char tmp[BLOB_NAME_BYTES];
    struct jit_hasher hasher;
    uint64_t written; /* bytes in the file */
    size_t fill;      /* bytes in the buffer */
    enum jit_err err; /* of the first failure: nothing is tried after it */
    uint8_t buffer[];
};

void blob_name_in(const char *dir, const struct jit_id *id, char name[BLOB_NAME_BYTES])
{
    char hex[JIT_ID_HEX];
    assert(strlen(dir) <= sizeof BLOB_DIR - 1);
    jit_id_to_hex(id, hex);
    (void)snprintf(name, BLOB_NAME_BYTES, "%s/%s", dir, hex);
}

enum jit_err blob_begin_in(struct jit_heap *heap, struct jit_io *io, const char *dir,
                           struct blob_writer **out)
{
    enum jit_err err = JIT_EEXIST;
    assert(out != NULL);
    assert(strlen(dir) <= sizeof BLOB_DIR - 1);
    *out = NULL;
    struct blob_writer *writer = heap->alloc(heap, sizeof *writer + BLOB_BUFFER_BYTES);
    if (writer == NULL) {
        return JIT_ENOMEM;
    }
    memset(writer, 0, sizeof *writer);
    writer->heap = heap;
    writer->io = io;
    writer->dir = dir;
    jit_hasher_init(&writer->hasher);
    for (unsigned n = 0; err == JIT_EEXIST && n < BLOB_TMP_MAX; n++) {
        (void)snprintf(writer->tmp, sizeof writer->tmp, "%s/tmp-%u", dir, n);
        err = io->open(io, writer->tmp, JIT_IO_CREATE | JIT_IO_EXCLUSIVE, &writer->file);
    }
    if (err != JIT_OK) {
        heap->free(heap, writer);
        return err;
    }
    *out = writer;
    return JIT_OK;
}

enum jit_err blob_begin(struct jit_heap *heap, struct jit_io *io, struct blob_writer **out)
{
    return blob_begin_in(heap, io, BLOB_DIR, out);
}

static enum jit_err blob_flush(struct blob_writer *writer)
{
    struct jit_io *io = writer->io;
    if (writer->err == JIT_OK && writer->fill > 0) {
        writer->err = io->pwrite(io, writer->file, writer->buffer, writer->fill, writer->written);
        writer->written += writer->fill;
        writer->fill = 0;
    }
    return writer->err;
}

enum jit_err blob_append(struct blob_writer *writer, const void *bytes, uint64_t size)
{
    const uint8_t *at = bytes;
    assert(at != NULL || size == 0);
    jit_hasher_update(&writer->hasher, bytes, size);
    while (size > 0 && writer->err == JIT_OK) {
        size_t room = BLOB_BUFFER_BYTES - writer->fill;
        size_t part = size < room ? (size_t)size : room;
        memcpy(writer->buffer + writer->fill, at, part);
        writer->fill += part;
        at += part;
        size -= part;
        if (writer->fill == BLOB_BUFFER_BYTES) {
            (void)blob_flush(writer);
        }
    }
    return writer->err;
}

void blob_abort(struct blob_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    writer->io->close(writer->io, writer->file);
    /* Should this fail, the sweep of the next start removes it. */
    (void)writer->io->unlink(writer->io, writer->tmp);
    writer->heap->free(writer->heap, writer);
}

enum jit_err blob_finish(struct blob_writer *writer, struct jit_id *id, uint64_t *size)
{
    struct jit_io *io = writer->io;
    char name[BLOB_NAME_BYTES];
    struct jit_id content;

    jit_hasher_final(&writer->hasher, &content);
    blob_name_in(writer->dir, &content, name);
    enum jit_err err = blob_flush(writer);
    if (err == JIT_OK && !LOG_MUTANT(LOG_MUTANT_BLOB_NO_SYNC)) {
        err = io->sync(io, writer->file);
    }
    if (err == JIT_OK) {
        err = io->rename(io, writer->tmp, name);
    }
    if (err != JIT_OK) {
        blob_abort(writer);
        return err;
    }
    if (!LOG_MUTANT(LOG_MUTANT_BLOB_NO_DIR_SYNC) && io->syncdir(io, writer->dir) != JIT_OK) {
        err = JIT_EIO; /* its name is there and may not last: not "no space, try again" */
    }
    io->close(io, writer->file);
    *id = content;
    if (size != NULL) {
        *size = writer->written;
    }
    writer->heap->free(writer->heap, writer);
    return err;
}

enum jit_err blob_put(struct jit_heap *heap, struct jit_io *io, const void *bytes, uint64_t size,
                      struct jit_id *id)
{
    return blob_put_in(heap, io, BLOB_DIR, bytes, size, id);
}

enum jit_err blob_put_in(struct jit_heap *heap, struct jit_io *io, const char *dir,
                         const void *bytes, uint64_t size, struct jit_id *id)
{
    struct blob_writer *writer = NULL;
    enum jit_err err = blob_begin_in(heap, io, dir, &writer);
    if (err != JIT_OK) {
        return err;
    }
    err = blob_append(writer, bytes, size);
    if (err != JIT_OK) {
        blob_abort(writer);
        return err;
    }
    return blob_finish(writer, id, NULL);
}

enum jit_err blob_open(struct jit_io *io, const struct jit_id *id, uint64_t size,
                       struct blob_reader *out)
{
    return blob_open_in(io, BLOB_DIR, id, size, out);
}

enum jit_err blob_open_in(struct jit_io *io, const char *dir, const struct jit_id *id,
                          uint64_t size, struct blob_reader *out)
{
    char name[BLOB_NAME_BYTES];
    uint64_t found = 0;

    *out = (struct blob_reader){.io = io, .file = -1, .id = *id, .size = size};
    jit_hasher_init(&out->hasher);
    blob_name_in(dir, id, name);
    enum jit_err err = io->open(io, name, 0, &out->file);
    if (err != JIT_OK) {
        out->file = -1;
        return err;
    }
    err = io->size(io, out->file, &found);
    if (err == JIT_OK && found != size) {
        err = JIT_ECORRUPT;
    }
    if (err != JIT_OK) {
        blob_close(out);
    }
    return err;
}

enum jit_err blob_take(struct blob_reader *reader, void *buf, uint64_t size, uint64_t *got)
{
    uint64_t left = reader->size - reader->offset;
    uint64_t part = size < left ? size : left;
    uint64_t read = 0;

    assert(reader->file >= 0);
    *got = 0;
    if (part > 0) {
        enum jit_err err =
            reader->io->pread(reader->io, reader->file, buf, part, reader->offset, &read);
        if (err != JIT_OK || read != part) {
            return err != JIT_OK ? err : JIT_ECORRUPT;
        }
        reader->offset += part;
    }
    *got = part;
    return JIT_OK;
}

enum jit_err blob_prove(struct blob_reader *reader, const void *bytes, uint64_t size)
{
    struct jit_id content;

    assert(size <= reader->size - reader->proved);
    jit_hasher_update(&reader->hasher, bytes, size);
    reader->proved += size;
    if (reader->proved < reader->size) {
        return JIT_OK;
    }
    jit_hasher_final(&reader->hasher, &content);
    return jit_id_equal(&content, &reader->id) ? JIT_OK : JIT_ECORRUPT;
}

enum jit_err blob_read(struct blob_reader *reader, void *buf, uint64_t size, uint64_t *got)
{
    uint64_t part = 0;
    *got = 0;
    enum jit_err err = blob_take(reader, buf, size, &part);
    if (err == JIT_OK) {
        err = blob_prove(reader, buf, part);
    }
    *got = err == JIT_OK ? part : 0;
    return err;
}

void blob_close(struct blob_reader *reader)
{
    if (reader->file >= 0) {
        reader->io->close(reader->io, reader->file);
        reader->file = -1;
    }
}

enum jit_err blob_verify(struct jit_heap *heap, struct jit_io *io, const struct jit_id *id,
                         uint64_t size)
{
    return blob_verify_in(heap, io, BLOB_DIR, id, size);
}

enum jit_err blob_verify_in(struct jit_heap *heap, struct jit_io *io, const char *dir,
                            const struct jit_id *id, uint64_t size)
{
    struct blob_reader reader;
    uint64_t got = 0;
    enum jit_err err = blob_open_in(io, dir, id, size, &reader);
    if (err != JIT_OK) {
        return err;
    }
    uint8_t *buffer = heap->alloc(heap, BLOB_BUFFER_BYTES);
    err = buffer == NULL ? JIT_ENOMEM : JIT_OK;
    do {
        if (err == JIT_OK) {
            err = blob_read(&reader, buffer, BLOB_BUFFER_BYTES, &got);
        }
    } while (err == JIT_OK && got == BLOB_BUFFER_BYTES);
    heap->free(heap, buffer);
    blob_close(&reader);
    return err;
}

/* --- the sweep --- */

struct sweep {
    struct jit_heap *heap;
    const char *dir;
    bool unfinished_only;
    const struct jit_id *keep;
    size_t keep_count;
    char (*names)[BLOB_NAME_BYTES];
    size_t count;
    size_t capacity;
    enum jit_err err;
};

static bool sweep_kept(const struct sweep *sweep, const struct jit_id *id)
{
    size_t low = 0;
    size_t high = sweep->keep_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = jit_id_compare(&sweep->keep[mid], id);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return false;
}

/* "tmp-" and digits, at most ten. */
static bool sweep_is_tmp(const char *name)
{
    if (strncmp(name, "tmp-", 4) != 0) {
        return false;
    }
    size_t digits = strspn(name + 4, "0123456789");
    return digits >= 1 && digits <= 10 && name[4 + digits] == 0;
}

static void sweep_visit(void *user, const char *name)
{
    struct sweep *sweep = user;
    struct jit_id id;
    char hex[JIT_ID_HEX];
    void *names = sweep->names;
    bool blob = strlen(name) == JIT_ID_HEX - 1 && jit_id_from_hex(name, 64, &id) == JIT_OK;
    if (blob) {
        jit_id_to_hex(&id, hex);
        blob = strcmp(hex, name) == 0; /* upper case is somebody else's file */
    }
    if (sweep->err != JIT_OK || (blob && (sweep->unfinished_only || sweep_kept(sweep, &id))) ||
        (!blob && !sweep_is_tmp(name))) {
        return;
    }
    if (jit_heap_grow(sweep->heap, &names, &sweep->capacity, sweep->count + 1,
                      sizeof *sweep->names) != 0) {
        sweep->err = JIT_ENOMEM;
        return;
    }
    sweep->names = names;
    (void)snprintf(sweep->names[sweep->count++], BLOB_NAME_BYTES, "%s/%s", sweep->dir, name);
}

static enum jit_err run_sweep(struct sweep *sweep, struct jit_io *io, uint64_t *removed)
{
    enum jit_err err = io->list(io, sweep->dir, sweep_visit, sweep);
    if (err == JIT_OK) {
        err = sweep->err;
    }
    for (size_t i = 0; i < sweep->count && err == JIT_OK; i++) {
        err = io->unlink(io, sweep->names[i]);
    }
    if (err == JIT_OK && sweep->count > 0) {
        err = io->syncdir(io, sweep->dir);
    }
    if (removed != NULL) {
        *removed = err == JIT_OK ? sweep->count : 0;
    }
    sweep->heap->free(sweep->heap, sweep->names);
    return err;
}

enum jit_err blob_sweep(struct jit_heap *heap, struct jit_io *io, const struct jit_id *keep,
                        size_t keep_count, uint64_t *removed)
{
    return blob_sweep_in(heap, io, BLOB_DIR, keep, keep_count, removed);
}

enum jit_err blob_sweep_in(struct jit_heap *heap, struct jit_io *io, const char *dir,
                           const struct jit_id *keep, size_t keep_count, uint64_t *removed)
{
    struct sweep sweep = {.heap = heap, .dir = dir, .keep = keep, .keep_count = keep_count};
    assert(keep != NULL || keep_count == 0);
    return run_sweep(&sweep, io, removed);
}

enum jit_err blob_sweep_unfinished(struct jit_heap *heap, struct jit_io *io, const char *dir,
                                   uint64_t *removed)
{
    struct sweep sweep = {.heap = heap, .dir = dir, .unfinished_only = true};
    return run_sweep(&sweep, io, removed);
}

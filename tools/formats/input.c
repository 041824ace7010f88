#include "tools/formats/import_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"

static enum jit_err err_of_errno(int error)
{
    return error == ENOENT || error == ENOTDIR ? JIT_ENOENT
           : error == EACCES || error == EPERM ? JIT_EPERM
           : error == ENOMEM                   ? JIT_ENOMEM
                                               : JIT_EIO;
}

void import_input_of_fd(struct import_input *input, struct import *im, const char *name, int fd)
{
    *input = (struct import_input){.im = im, .name = name, .fd = fd};
}

enum jit_err import_input_open(struct import_input *input, struct import *im, const char *path)
{
    struct stat info;
    char full[4096];
    const char *base = im->source->base;
    import_input_of_fd(input, im, path, -1);
    if (strcmp(path, "-") == 0) {
        input->name = "standard input";
        input->fd = dup(STDIN_FILENO);
    } else {
        bool joined = base != NULL && path[0] != '/';
        int size =
            snprintf(full, sizeof full, "%s%s%s", joined ? base : "", joined ? "/" : "", path);
        if (size < 0 || (size_t)size >= sizeof full) {
            return import_fail(im, JIT_ELIMIT, path, "the path is too long");
        }
        input->fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    }
    if (input->fd < 0 || fstat(input->fd, &info) != 0) {
        int error = errno;
        return import_fail(im, err_of_errno(error), path, "%s", strerror(error));
    }
    if (S_ISDIR(info.st_mode)) {
        return import_fail(im, JIT_ENOTSUP, path, "%s", strerror(EISDIR));
    }
    input->size = S_ISREG(info.st_mode) && info.st_size > 0 ? (uint64_t)info.st_size : 0;
    return JIT_OK;
}

void import_input_close(struct import_input *input)
{
    if (input->fd >= 0) {
        close(input->fd);
    }
    input->im->bytes_done += input->read;
    input->im->heap->free(input->im->heap, input->data);
    *input = (struct import_input){.im = input->im, .fd = -1};
}

enum jit_err import_input_fill(struct import_input *input)
{
    struct import *im = input->im;
    if (input->at > 0) {
        if (input->end > input->at) {
            memmove(input->data, input->data + input->at, input->end - input->at);
        }
        input->end -= input->at;
        input->at = 0;
    }
    void *data = input->data;
    if (jit_heap_grow(im->heap, &data, &input->capacity, input->end + IMPORT_READ_BYTES, 1) != 0) {
        return JIT_ENOMEM;
    }
    input->data = data;
    ssize_t got;
    do {
        got = read(input->fd, input->data + input->end, input->capacity - input->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        int error = errno;
        return import_fail(im, err_of_errno(error), input->name, "%s", strerror(error));
    }
    input->eof = got == 0;
    input->end += (size_t)got;
    input->read += (size_t)got;
    if (im->source->progress != NULL) {
        im->source->progress(im->source->user, im->bytes_done + input->read,
                             im->source->path_count == 1 ? input->size : 0);
    }
    return JIT_OK;
}

enum jit_err import_input_line(struct import_input *input, const char **line, size_t *size)
{
    size_t looked = 0;
    for (;;) {
        size_t have = input->end - input->at;
        const uint8_t *from = have > 0 ? input->data + input->at : NULL; /* none yet */
        const uint8_t *end = have > looked ? memchr(from + looked, '\n', have - looked) : NULL;
        if (end != NULL || (input->eof && have > 0)) {
            size_t found = end != NULL ? (size_t)(end - from) : have;
            input->at += found + (end != NULL);
            input->line++;
            *line = (const char *)from;
            *size = found > 0 && from[found - 1] == '\r' ? found - 1 : found;
            if (found <= JIT_LINE_BYTES_MAX) {
                return JIT_OK;
            }
        } else if (input->eof) {
            return JIT_ENOENT;
        } else if (have <= JIT_LINE_BYTES_MAX) {
            looked = have;
            enum jit_err err = import_input_fill(input);
            if (err != JIT_OK) {
                return err;
            }
            continue;
        } else {
            input->line++;
        }
        char place[IMPORT_PLACE_SIZE];
        import_place(place, input->name, input->line, 1);
        return import_fail(input->im, JIT_ELIMIT, place, "a line of more than 16 MiB");
    }
}

/* ---- what has been seen ---- */

struct seen_key {
    uint64_t half[2];
};

static struct seen_key key_of(const struct jit_id *key)
{
    struct jit_id hash;
    jit_hash(key->bytes, sizeof key->bytes, &hash);
    return (struct seen_key){.half = {jit_le64(hash.bytes), jit_le64(hash.bytes + 8)}};
}

static struct import_seen_entry *seen_place(const struct import_seen *seen, struct seen_key key)
{
    size_t at = (size_t)key.half[0] & (seen->capacity - 1);
    while (seen->entries[at].line != 0 &&
           (seen->entries[at].key[0] != key.half[0] || seen->entries[at].key[1] != key.half[1])) {
        at = (at + 1) & (seen->capacity - 1);
    }
    return &seen->entries[at];
}

/* Room for one more: a quarter of the table is free. */
static enum jit_err seen_room(struct import_seen *seen)
{
    if ((seen->count + 1) * 4 <= seen->capacity * 3) {
        return JIT_OK;
    }
    struct import_seen next = {.heap = seen->heap,
                               .capacity = seen->capacity == 0 ? 256 : seen->capacity * 2,
                               .count = seen->count};
    next.entries = jit_heap_zalloc(seen->heap, next.capacity, sizeof *next.entries);
    if (next.entries == NULL) {
        return JIT_ENOMEM;
    }
    for (size_t i = 0; i < seen->capacity; i++) {
        const struct import_seen_entry *entry = &seen->entries[i];
        if (entry->line != 0) {
            *seen_place(&next, (struct seen_key){.half = {entry->key[0], entry->key[1]}}) = *entry;
        }
    }
    seen->heap->free(seen->heap, seen->entries);
    *seen = next;
    return JIT_OK;
}

enum jit_err import_seen_add(struct import_seen *seen, const struct jit_id *key, uint64_t now,
                             uint64_t *line)
{
    assert(now > 0);
    enum jit_err err = seen_room(seen);
    if (err != JIT_OK) {
        return err;
    }
    struct seen_key place = key_of(key);
    struct import_seen_entry *entry = seen_place(seen, place);
    *line = entry->line;
    if (entry->line == 0) {
        *entry = (struct import_seen_entry){.key = {place.half[0], place.half[1]}, .line = now};
        seen->count++;
    }
    return JIT_OK;
}

enum jit_err import_seen_set(struct import_seen *seen, const struct jit_id *key, uint64_t value)
{
    uint64_t before = 0;
    enum jit_err err = import_seen_add(seen, key, value, &before);
    if (err == JIT_OK) {
        seen_place(seen, key_of(key))->line = value;
    }
    return err;
}

uint64_t import_seen_get(const struct import_seen *seen, const struct jit_id *key)
{
    return seen->capacity == 0 ? 0 : seen_place(seen, key_of(key))->line;
}

void import_seen_release(struct import_seen *seen)
{
    seen->heap->free(seen->heap, seen->entries);
    *seen = (struct import_seen){.heap = seen->heap};
}

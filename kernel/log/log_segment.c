/* kernel/log/log_segment.c - segments: their names, and making the next one ahead of use.
 *
 * A segment is written under another name, whole, and synced before it is renamed: so a file with a
 * segment's name has its full size, a good header, and zeros where nothing was logged. Whatever is
 * otherwise was damaged later. Chunks are durable writes, so that the closing sync has little left
 * to do and the ticks written meanwhile do not wait for 64 MiB. */
#include "kernel/log/log_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

void log_segment_name(uint64_t segment, const char *suffix, char name[LOG_FILE_NAME_BYTES])
{
    (void)snprintf(name, LOG_FILE_NAME_BYTES, LOG_DIR "/%016" PRIx64 ".%s", segment, suffix);
}

/* --- listing --- */

static void list_put(struct log_listing *listing, uint64_t **numbers, size_t *count,
                     size_t *capacity, uint64_t number)
{
    void *data = *numbers;
    if (jit_heap_grow(listing->heap, &data, capacity, *count + 1, sizeof **numbers) != 0) {
        listing->err = JIT_ENOMEM;
        return;
    }
    *numbers = data;
    size_t at = (*count)++;
    while (at > 0 && (*numbers)[at - 1] > number) {
        (*numbers)[at] = (*numbers)[at - 1];
        at--;
    }
    (*numbers)[at] = number;
}

static void list_visit(void *user, const char *name)
{
    struct log_listing *listing = user;
    uint64_t number = 0;
    char again[LOG_FILE_NAME_BYTES];
    for (size_t i = 0; i < 16; i++) {
        char c = name[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return; /* not ours */
        }
        number = number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    log_segment_name(number, "seg", again);
    if (strcmp(again + sizeof LOG_DIR, name) == 0) {
        list_put(listing, &listing->segments, &listing->count, &listing->capacity, number);
    }
    log_segment_name(number, "tmp", again);
    if (strcmp(again + sizeof LOG_DIR, name) == 0) {
        list_put(listing, &listing->unfinished, &listing->unfinished_count,
                 &listing->unfinished_capacity, number);
    }
}

static void list_visit_folder(void *user, const char *name)
{
    struct log_listing *listing = user;
    listing->format_unfinished = listing->format_unfinished || strcmp(name, LOG_FORMAT_TMP) == 0;
}

enum jit_err log_list(struct jit_heap *heap, struct jit_io *io, struct log_listing *out)
{
    *out = (struct log_listing){.heap = heap};
    enum jit_err err = io->list(io, "", list_visit_folder, out);
    if (err == JIT_OK) {
        err = io->list(io, LOG_DIR, list_visit, out);
    }
    if (err == JIT_OK) {
        err = out->err;
    }
    if (err != JIT_OK) {
        log_listing_release(out);
    }
    return err;
}

void log_listing_release(struct log_listing *listing)
{
    if (listing->heap != NULL) {
        listing->heap->free(listing->heap, listing->segments);
        listing->heap->free(listing->heap, listing->unfinished);
    }
    *listing = (struct log_listing){0};
}

/* --- the next segment --- */

enum jit_err log_prep_init(struct log_prep *prep, struct jit_heap *heap, uint64_t segment_bytes)
{
    *prep = (struct log_prep){.file = -1};
    uint64_t size = segment_bytes < LOG_PREP_BYTES ? segment_bytes : LOG_PREP_BYTES;
    enum jit_err err = log_memory_grow(heap, &prep->chunk, size, 0);
    if (err == JIT_OK) {
        memset(prep->chunk.bytes, 0, prep->chunk.size);
    }
    return err;
}

void log_prep_release(struct log_prep *prep, struct jit_heap *heap)
{
    assert(!prep->flying);
    log_memory_free(heap, &prep->chunk);
}

/* The unfinished file is of no use any more; its bytes were promised to nobody. */
static void prep_give_up(struct log_prep *prep, struct jit_io *io)
{
    assert(!prep->flying);
    io->close(io, prep->file);
    (void)io->unlink(io, prep->tmp); /* else the next start removes it */
    prep->file = -1;
    prep->state = LOG_PREP_IDLE;
}

enum jit_err log_prep_begin(struct log_prep *prep, struct jit_io *io,
                            const struct log_identity *identity, uint64_t segment,
                            unsigned open_flags)
{
    struct jit_id hash;
    assert(prep->state == LOG_PREP_IDLE);
    log_segment_name(segment, "tmp", prep->tmp);
    enum jit_err err = io->open(io, prep->tmp, JIT_IO_CREATE | open_flags, &prep->file);
    if (err != JIT_OK) {
        return err;
    }
    log_header_encode(identity, segment, prep->chunk.bytes, &hash);
    prep->segment = segment;
    prep->offset = 0;
    prep->state = LOG_PREP_WRITING;
    return JIT_OK;
}

static enum jit_err prep_finish(struct log_prep *prep, struct jit_io *io)
{
    char name[LOG_FILE_NAME_BYTES];
    enum jit_err err = JIT_OK;
    log_segment_name(prep->segment, "seg", name);
    if (!LOG_MUTANT(LOG_MUTANT_SEGMENT_NO_SYNC)) {
        err = io->sync(io, prep->file);
    }
    if (err == JIT_OK) {
        err = io->rename(io, prep->tmp, name);
    }
    if (err != JIT_OK) {
        prep_give_up(prep, io);
        return err;
    }
    io->close(io, prep->file);
    prep->file = -1;
    prep->state = LOG_PREP_IDLE;
    if (LOG_MUTANT(LOG_MUTANT_SEGMENT_NO_DIR_SYNC)) {
        return JIT_OK;
    }
    /* Its name is there and may not last: not to be mistaken for "no space, try again". */
    return io->syncdir(io, LOG_DIR) == JIT_OK ? JIT_OK : JIT_EIO;
}

enum jit_err log_prep_step(struct log_prep *prep, struct jit_io *io,
                           const struct log_identity *identity, bool wait, bool *done)
{
    assert(prep->state == LOG_PREP_WRITING);
    assert(!prep->flying);
    *done = false;
    uint64_t left = identity->segment_bytes - prep->offset;
    if (LOG_MUTANT(LOG_MUTANT_SEGMENT_NO_ZEROS) && prep->offset > 0) {
        left = 0;
    }
    if (left == 0) {
        *done = true;
        return prep_finish(prep, io);
    }
    uint64_t size = left < prep->chunk.size ? left : prep->chunk.size;
    if (LOG_MUTANT(LOG_MUTANT_SEGMENT_NO_ZEROS)) {
        size = LOG_BLOCK_BYTES;
    }
    prep->write = (struct jit_io_write){
        .file = prep->file,
        .durable = !LOG_MUTANT(LOG_MUTANT_SEGMENT_NO_SYNC),
        .wait = wait,
        .buf = prep->chunk.bytes,
        .size = size,
        .offset = prep->offset,
    };
    enum jit_err err = io->submit(io, &prep->write);
    if (err != JIT_OK) {
        prep_give_up(prep, io);
        return err;
    }
    prep->offset += size;
    prep->flying = true;
    return JIT_OK;
}

enum jit_err log_prep_reaped(struct log_prep *prep, struct jit_io *io)
{
    assert(prep->flying);
    prep->flying = false;
    memset(prep->chunk.bytes, 0, LOG_BLOCK_BYTES); /* the header goes in front only */
    if (prep->write.err != JIT_OK) {
        prep_give_up(prep, io);
    }
    return prep->write.err;
}

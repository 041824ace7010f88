/* kernel/log/log_trim.c - giving up what lies before a mark: whole segments, and the blobs that
 * nothing from the mark on needs.
 *
 * Segments go in ascending order, each removal synced before the next one, so that at any moment
 * the log is what it was but for some of its beginning: it can be read from every mark in what is
 * left. Blobs go last. What a crash leaves is removed by the next time. */
#include "kernel/log/log_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/log/blob.h"
#include "kernel/log/log_mutant.h"

static int compare_ids(const void *a, const void *b)
{
    return jit_id_compare(a, b);
}

static enum jit_err file_size(struct jit_io *io, const char *name, uint64_t *total)
{
    uint64_t size = 0;
    int file = -1;
    enum jit_err err = io->open(io, name, 0, &file);
    if (err == JIT_OK) {
        err = io->size(io, file, &size);
        io->close(io, file);
    }
    *total += size;
    return err;
}

enum jit_err log_segment_size(struct jit_heap *heap, struct jit_io *io, uint64_t *bytes)
{
    char name[LOG_FILE_NAME_BYTES];
    uint64_t first = 0;
    uint64_t last = 0;
    *bytes = 0;
    enum jit_err err = log_segments(heap, io, &first, &last);
    if (err == JIT_OK) {
        log_segment_name(first, "seg", name);
        err = file_size(io, name, bytes);
    }
    return err;
}

static enum jit_err trim_segments(struct jit_io *io, const struct log_listing *listing,
                                  uint64_t before, bool dry, struct log_trimmed *out)
{
    enum jit_err err = JIT_OK;
    size_t count = 0;
    before += LOG_MUTANT(LOG_MUTANT_TRIM_MARK);
    /* What a try that was killed has removed may come back while the medium is behind. */
    if (!dry && !LOG_MUTANT(LOG_MUTANT_TRIM_AGAIN_NO_SYNC)) {
        err = io->syncdir(io, LOG_DIR);
    }
    while (listing->segments[count] < before) {
        count++;
        assert(count < listing->count); /* the mark's own is there: it was read */
    }
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        char name[LOG_FILE_NAME_BYTES];
        size_t next = LOG_MUTANT(LOG_MUTANT_TRIM_NEWEST_FIRST) ? count - 1 - i : i;
        log_segment_name(listing->segments[next], "seg", name);
        err = file_size(io, name, &out->bytes);
        if (err == JIT_OK && !dry) {
            err = io->unlink(io, name);
        }
        if (err == JIT_OK && !dry && !LOG_MUTANT(LOG_MUTANT_TRIM_NO_DIR_SYNC)) {
            err = io->syncdir(io, LOG_DIR);
        }
        out->segments += err == JIT_OK;
    }
    return err;
}

struct counting {
    struct jit_io *io;
    const struct jit_id *keep;
    size_t keep_count;
    struct log_trimmed *out;
    enum jit_err err;
};

static void count_blob(void *user, const char *name)
{
    struct counting *c = user;
    struct jit_id id;
    char path[BLOB_NAME_BYTES];
    if (jit_id_from_hex(name, strlen(name), &id) != JIT_OK ||
        (c->keep_count > 0 &&
         bsearch(&id, c->keep, c->keep_count, sizeof *c->keep, compare_ids) != NULL)) {
        return;
    }
    blob_name_in(BLOB_DIR, &id, path);
    enum jit_err err = file_size(c->io, path, &c->out->bytes);
    c->out->blobs++;
    c->err = c->err == JIT_OK ? err : c->err;
}

static enum jit_err trim_blobs(struct jit_io *io, struct log_scan *scan, bool dry,
                               struct log_trimmed *out)
{
    size_t count = LOG_MUTANT(LOG_MUTANT_TRIM_BLOBS_ALL) ? 0 : scan->blob_count;
    struct counting counting = {.io = io, .keep = scan->blobs, .keep_count = count, .out = out};
    if (count > 0) {
        qsort(scan->blobs, count, sizeof *scan->blobs, compare_ids);
    }
    enum jit_err err = io->list(io, BLOB_DIR, count_blob, &counting);
    err = err == JIT_OK ? counting.err : err;
    return err == JIT_OK && !dry ? blob_sweep(scan->heap, io, scan->blobs, count, NULL) : err;
}

enum jit_err log_trim(struct jit_heap *heap, struct jit_io *io, const struct log_mark *from,
                      bool dry, struct log_report *report, struct log_trimmed *out)
{
    struct log_scan scan = {
        .heap = heap, .io = io, .from = from, .verify_blobs = true, .report = report, .file = -1};
    struct log_listing listing = {0};
    *out = (struct log_trimmed){0};
    *report = (struct log_report){.why = ""};
    /* Nothing goes unless all that stays can be read. */
    enum jit_err err = log_scan_whole(&scan, &listing);
    if (LOG_MUTANT(LOG_MUTANT_TRIM_UNREAD) && err == JIT_ECORRUPT) {
        err = JIT_OK;
    }
    bool trim = err == JIT_OK && from->segment > 1;
    if (trim && LOG_MUTANT(LOG_MUTANT_TRIM_BLOBS_FIRST)) {
        err = trim_blobs(io, &scan, dry, out);
    }
    if (err == JIT_OK && trim) {
        err = trim_segments(io, &listing, from->segment, dry, out);
    }
    if (err == JIT_OK && trim && !LOG_MUTANT(LOG_MUTANT_TRIM_BLOBS_FIRST)) {
        err = trim_blobs(io, &scan, dry, out);
    }
    log_listing_release(&listing);
    log_scan_release(&scan);
    return err;
}

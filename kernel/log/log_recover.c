/* kernel/log/log_recover.c - opening a log: making a new one, or reading what a crash left, erasing
 * the batch it cut off, and sweeping what nobody needs.
 *
 * Every step can be cut off too and is then done again by the next start. FORMAT is written last of
 * a new folder: as long as it is not there nothing was ever promised, and once it is, segment 1
 * must be. */
#include "kernel/log/log_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/log/blob.h"

/* --- a new log --- */

static enum jit_err remove_unfinished(struct jit_io *io, const struct log_listing *listing)
{
    enum jit_err err = JIT_OK;
    if (listing->format_unfinished) {
        err = io->unlink(io, LOG_FORMAT_TMP);
    }
    for (size_t i = 0; i < listing->unfinished_count && err == JIT_OK; i++) {
        char name[LOG_FILE_NAME_BYTES];
        log_segment_name(listing->unfinished[i], "tmp", name);
        err = io->unlink(io, name);
    }
    return err;
}

static void visit_blob(void *user, const char *name)
{
    bool *found = user;
    *found = *found || strspn(name, "0123456789abcdef") == 2 * (size_t)JIT_ID_BYTES;
}

static enum jit_err refuse_without_format(struct log_scan *scan)
{
    return log_scan_fail(scan, JIT_ECORRUPT, LOG_FORMAT_FILE, 0, 0,
                         "the file is missing though the folder was in use");
}

/* Segments without FORMAT are of a creation that was cut off: they hold zeros. */
static enum jit_err discard_unborn(struct log_scan *scan, const struct log_listing *listing)
{
    struct jit_io *io = scan->io;
    bool used = false;
    enum jit_err err = io->list(io, BLOB_DIR, visit_blob, &used);
    for (size_t i = 0; i < listing->count && err == JIT_OK && !used; i++) {
        char name[LOG_FILE_NAME_BYTES];
        uint64_t size = 0;
        log_segment_name(listing->segments[i], "seg", name);
        err = io->open(io, name, scan->open_flags, &scan->file);
        if (err != JIT_OK) {
            scan->file = -1;
            return err;
        }
        err = io->size(io, scan->file, &size);
        for (uint64_t at = LOG_BLOCK_BYTES; at < size && err == JIT_OK && !used;) {
            uint64_t got = 0;
            err = io->pread(io, scan->file, scan->window.bytes, scan->window.size, at, &got);
            used = !log_all_zero(scan->window.bytes, got);
            at += scan->window.size;
        }
        io->close(io, scan->file);
        scan->file = -1;
    }
    if (err == JIT_OK && used) {
        err = refuse_without_format(scan);
    }
    for (size_t i = 0; i < listing->count && err == JIT_OK; i++) {
        char name[LOG_FILE_NAME_BYTES];
        log_segment_name(listing->segments[i], "seg", name);
        err = io->unlink(io, name);
    }
    return err;
}

static enum jit_err create_segment(struct log_scan *scan)
{
    struct log_prep prep;
    bool done = false;
    enum jit_err err = log_prep_init(&prep, scan->heap, scan->identity.segment_bytes);
    if (err == JIT_OK) {
        err = log_prep_begin(&prep, scan->io, &scan->identity, 1, scan->open_flags);
    }
    while (err == JIT_OK && !done) {
        err = log_prep_step(&prep, scan->io, &scan->identity, true, &done);
        if (err == JIT_OK && prep.flying) {
            struct jit_io_write *write = scan->io->reap(scan->io, true);
            assert(write == &prep.write);
            (void)write;
            err = log_prep_reaped(&prep, scan->io);
        }
    }
    log_prep_release(&prep, scan->heap);
    return err;
}

static enum jit_err create_format(struct log_scan *scan)
{
    struct jit_io *io = scan->io;
    char text[LOG_FORMAT_BYTES + 1];
    int file = -1;
    log_format_encode(scan->identity.uuid, text);
    enum jit_err err = io->open(io, LOG_FORMAT_TMP, JIT_IO_CREATE, &file);
    if (err != JIT_OK) {
        return err;
    }
    err = io->pwrite(io, file, text, LOG_FORMAT_BYTES, 0);
    if (err == JIT_OK && !LOG_MUTANT(LOG_MUTANT_FORMAT_NO_SYNC)) {
        err = io->sync(io, file);
    }
    io->close(io, file);
    if (err == JIT_OK) {
        err = io->rename(io, LOG_FORMAT_TMP, LOG_FORMAT_FILE);
    }
    if (err == JIT_OK && !LOG_MUTANT(LOG_MUTANT_FORMAT_NO_DIR_SYNC)) {
        err = io->syncdir(io, "");
    }
    return err;
}

static enum jit_err create(struct log_scan *scan, const struct log_options *options,
                           struct log_listing *listing)
{
    uint64_t bytes = options->segment_bytes == 0 ? JIT_LOG_SEGMENT_BYTES : options->segment_bytes;
    assert(bytes >= LOG_SEGMENT_BYTES_MIN);
    assert(bytes <= LOG_SEGMENT_BYTES_MAX);
    assert(bytes % LOG_BLOCK_BYTES == 0);

    enum jit_err err = log_memory_grow(scan->heap, &scan->window, LOG_PREP_BYTES, 0);
    if (err == JIT_OK) {
        err = discard_unborn(scan, listing);
    }
    if (err == JIT_OK) {
        err = remove_unfinished(scan->io, listing);
    }
    log_identity_init(&scan->identity, options->uuid, bytes);
    memcpy(scan->report->uuid, options->uuid, LOG_UUID_BYTES);
    scan->report->created = true;
    if (err == JIT_OK && LOG_MUTANT(LOG_MUTANT_FORMAT_FIRST)) {
        err = create_format(scan);
    }
    if (err == JIT_OK) {
        err = create_segment(scan);
    }
    if (err == JIT_OK) {
        err = create_format(scan);
    }
    if (err == JIT_OK) {
        log_listing_release(listing);
        err = log_list(scan->heap, scan->io, listing);
    }
    return err;
}

/* --- an old one --- */

/* What is read must be on the medium: the page cache of a process that died is not (RELIABILITY,
 * rule 7). */
static enum jit_err sync_all(struct log_scan *scan, const struct log_listing *listing)
{
    struct jit_io *io = scan->io;
    enum jit_err err = JIT_OK;
    if (LOG_MUTANT(LOG_MUTANT_OPEN_NO_SYNC)) {
        return JIT_OK;
    }
    for (size_t i = 0; i < listing->count && err == JIT_OK; i++) {
        char name[LOG_FILE_NAME_BYTES];
        int file = -1;
        if (scan->from != NULL && listing->segments[i] < scan->from->segment) {
            continue;
        }
        log_segment_name(listing->segments[i], "seg", name);
        err = io->open(io, name, scan->open_flags, &file);
        if (err == JIT_OK) {
            err = io->sync(io, file);
            io->close(io, file);
        }
        if (err != JIT_OK) {
            return log_scan_fail(scan, err, name, listing->segments[i], 0,
                                 "the segment cannot be synced");
        }
    }
    if (err == JIT_OK) {
        err = io->syncdir(io, LOG_DIR);
    }
    return err == JIT_OK ? io->syncdir(io, BLOB_DIR) : err;
}

/* Zeros from the torn batch's first bad byte on. The rest of its block is written back as it is: it
 * belongs to the same batch, which nobody was told about. */
static enum jit_err erase_torn(struct log_scan *scan)
{
    struct jit_io *io = scan->io;
    char name[LOG_FILE_NAME_BYTES];
    uint64_t got = 0;
    int file = -1;
    uint64_t inside = scan->torn_offset % LOG_BLOCK_BYTES;
    uint64_t at = scan->torn_offset - inside;

    scan->window_size = 0;
    log_segment_name(scan->torn_segment, "seg", name);
    enum jit_err err = log_memory_grow(scan->heap, &scan->window, LOG_BLOCK_BYTES, 0);
    if (err == JIT_OK) {
        err = io->open(io, name, scan->open_flags, &file);
    }
    if (err != JIT_OK) {
        return err;
    }
    memset(scan->window.bytes, 0, scan->window.size);
    if (inside > 0) {
        err = io->pread(io, file, scan->window.bytes, LOG_BLOCK_BYTES, at, &got);
        memset(scan->window.bytes + inside, 0, LOG_BLOCK_BYTES - inside);
    }
    while (err == JIT_OK && at < scan->torn_end) {
        uint64_t left = scan->torn_end - at;
        uint64_t part = left < scan->window.size ? left : scan->window.size;
        err = io->pwrite(io, file, scan->window.bytes, part, at);
        memset(scan->window.bytes, 0, LOG_BLOCK_BYTES);
        at += part;
    }
    if (err == JIT_OK && !LOG_MUTANT(LOG_MUTANT_ERASE_NO_SYNC)) {
        err = io->sync(io, file);
    }
    io->close(io, file);
    return err;
}

static int compare_ids(const void *a, const void *b)
{
    return jit_id_compare(a, b);
}

static enum jit_err sweep(struct log_scan *scan)
{
    if (scan->from != NULL) { /* records that were not read may need any of them */
        return blob_sweep_unfinished(scan->heap, scan->io, BLOB_DIR, &scan->report->removed);
    }
    size_t count = LOG_MUTANT(LOG_MUTANT_SWEEP_ALL) ? 0 : scan->blob_count;
    if (count > 0) {
        qsort(scan->blobs, count, sizeof *scan->blobs, compare_ids);
    }
    return blob_sweep(scan->heap, scan->io, scan->blobs, count, &scan->report->removed);
}

static enum jit_err read_folder(struct log_scan *scan, const struct log_options *options,
                                struct log_listing *listing)
{
    enum jit_err err = log_scan_format(scan);
    bool fresh = err == JIT_ENOENT;
    if (err != JIT_OK && !fresh) {
        return err;
    }
    err = log_list(scan->heap, scan->io, listing);
    if (err == JIT_OK && !fresh && listing->count == 0) {
        char name[LOG_FILE_NAME_BYTES];
        log_segment_name(1, "seg", name);
        err = log_scan_fail(scan, JIT_ECORRUPT, name, 1, 0, "the segment is missing");
    }
    if (err == JIT_OK && fresh) {
        err = create(scan, options, listing);
    } else if (err == JIT_OK) {
        err = sync_all(scan, listing);
    }
    return err == JIT_OK ? log_scan_run(scan, listing) : err;
}

static void report_init(struct log_report *report)
{
    *report = (struct log_report){.why = ""};
}

enum jit_err log_open(struct jit_heap *heap, struct jit_io *io, const struct log_options *options,
                      log_visit *visit, void *user, struct log_report *report, struct log **out)
{
    struct log_scan scan = {
        .heap = heap, .io = io, .visit = visit, .user = user, .report = report, .file = -1};
    struct log_listing listing = {0};
    assert(options != NULL);
    assert(out != NULL);
    *out = NULL;
    report_init(report);
    scan.from = options->from;
    scan.open_flags = options->durability == LOG_DURABILITY_NONE ? 0 : JIT_IO_DIRECT;

    enum jit_err err = io->mkdir(io, LOG_DIR);
    if (err == JIT_OK) {
        err = io->mkdir(io, BLOB_DIR);
    }
    if (err == JIT_OK) {
        err = io->syncdir(io, "");
    }
    if (err == JIT_OK) {
        err = read_folder(&scan, options, &listing);
    }
    /* Only what was understood is changed: nothing before this line removed a byte of a log. */
    if (err == JIT_OK && scan.torn && !LOG_MUTANT(LOG_MUTANT_NO_ERASE)) {
        err = erase_torn(&scan);
    }
    if (err == JIT_OK) {
        err = remove_unfinished(io, &listing);
    }
    if (err == JIT_OK) {
        err = sweep(&scan);
    }
    if (err == JIT_OK) {
        err = log_start(&scan, options->durability, listing.segments[listing.count - 1], out);
    }
    log_listing_release(&listing);
    log_scan_release(&scan);
    return err;
}

enum jit_err log_verify(struct jit_heap *heap, struct jit_io *io, log_visit *visit, void *user,
                        struct log_report *report)
{
    return log_verify_from(heap, io, NULL, visit, user, report);
}

enum jit_err log_verify_from(struct jit_heap *heap, struct jit_io *io, const struct log_mark *from,
                             log_visit *visit, void *user, struct log_report *report)
{
    struct log_scan scan = {.heap = heap,
                            .io = io,
                            .visit = visit,
                            .user = user,
                            .from = from,
                            .verify_blobs = true,
                            .report = report,
                            .file = -1};
    struct log_listing listing = {0};
    report_init(report);
    enum jit_err err = log_scan_whole(&scan, &listing);
    log_listing_release(&listing);
    log_scan_release(&scan);
    return err;
}

enum jit_err log_uuid(struct jit_heap *heap, struct jit_io *io, uint8_t uuid[LOG_UUID_BYTES])
{
    struct log_report report;
    struct log_scan scan = {.heap = heap, .io = io, .report = &report, .file = -1};
    report_init(&report);
    enum jit_err err = log_scan_format(&scan);
    if (err == JIT_OK) {
        memcpy(uuid, scan.identity.uuid, LOG_UUID_BYTES);
    }
    log_scan_release(&scan);
    return err;
}

enum jit_err log_segments(struct jit_heap *heap, struct jit_io *io, uint64_t *first, uint64_t *last)
{
    struct log_listing listing = {0};
    enum jit_err err = log_list(heap, io, &listing);
    if (err == JIT_OK && listing.count == 0) {
        err = JIT_ENOENT;
    }
    if (err == JIT_OK) {
        *first = listing.segments[0];
        *last = listing.segments[listing.count - 1];
    }
    log_listing_release(&listing);
    return err;
}

static enum jit_err visit_first(void *user, const struct log_record *record)
{
    (void)record;
    *(bool *)user = true;
    return JIT_ENOENT; /* enough */
}

enum jit_err log_begun(struct jit_heap *heap, struct jit_io *io, bool *begun)
{
    struct log_report report;
    struct log_scan scan = {
        .heap = heap, .io = io, .visit = visit_first, .user = begun, .report = &report, .file = -1};
    struct log_listing listing = {0};
    *begun = false;
    report_init(&report);
    enum jit_err err = log_scan_whole(&scan, &listing);
    log_listing_release(&listing);
    log_scan_release(&scan);
    if (err == JIT_ECORRUPT || err == JIT_EVERSION || err == JIT_EFORMAT) {
        *begun = true; /* whoever opens it will say what is wrong */
        return JIT_OK;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

void log_report_text(const struct log_report *report, char *text, size_t size)
{
    const struct log_place *at = &report->at;
    if (report->why[0] == 0) {
        (void)snprintf(text, size, "%" PRIu64 " records, ticks up to %" PRIu64 ", no damage",
                       report->records, report->tick_end);
    } else if (report->torn) {
        (void)snprintf(text, size,
                       "record %" PRIu64 ", %s byte %" PRIu64 " (tick %" PRIu64 "): %s; %" PRIu64
                       " bytes",
                       at->record, at->file, at->offset, at->tick, report->why, report->torn_bytes);
    } else {
        (void)snprintf(text, size, "record %" PRIu64 ", %s byte %" PRIu64 " (tick %" PRIu64 "): %s",
                       at->record, at->file, at->offset, at->tick, report->why);
    }
}

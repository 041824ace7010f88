/* kernel/log/log_salvage.c - a log that is damaged, cut behind its last record that verifies. What
 * is cut off lies beside it as FILE.broken, for whoever can read more of it; where that is there
 * already, as FILE.broken-2 and so on.
 *
 * First the segment that is cut is copied, under another name until it is whole; then later ones
 * are renamed, the last one first; only then is it cut. So whatever is cut off on the way, all
 * bytes are there, and the same again ends it. What was cut already, in whole or in part, is not
 * copied over the bytes that were there before. */
#include "kernel/log/log_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/log/log_mutant.h"

#define PIECE_BYTES (1u << 20)
#define KEPT_MAX    99u /* of one segment */

static enum jit_err is_there(struct jit_io *io, const char *name, bool *there)
{
    int file = -1;
    enum jit_err err = io->open(io, name, 0, &file);
    *there = err == JIT_OK;
    if (err == JIT_OK) {
        io->close(io, file);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The first name for what is kept of a segment under which nothing is kept yet, and the last one
 * under which something is ("": none). Errors: JIT_ELIMIT (too much is kept of it). */
static enum jit_err kept_names(struct jit_io *io, uint64_t segment, char next[LOG_FILE_NAME_BYTES],
                               char last[LOG_FILE_NAME_BYTES])
{
    bool there = true;
    enum jit_err err = JIT_OK;
    last[0] = '\0';
    for (unsigned n = 1; err == JIT_OK && there; n++) {
        char suffix[16] = "broken";
        if (n > KEPT_MAX) {
            return JIT_ELIMIT;
        }
        if (n > 1) {
            (void)snprintf(suffix, sizeof suffix, "broken-%u", n);
        }
        log_segment_name(segment, suffix, next);
        err = is_there(io, next, &there);
        there = there && !LOG_MUTANT(LOG_MUTANT_SALVAGE_OVER);
        if (there) {
            memcpy(last, next, LOG_FILE_NAME_BYTES);
        }
    }
    return err;
}

static enum jit_err copy_bytes(struct jit_io *io, int from, int to, uint64_t size, uint8_t *piece)
{
    enum jit_err err = JIT_OK;
    for (uint64_t at = 0; err == JIT_OK && at < size;) {
        uint64_t got = 0;
        uint64_t part = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
        err = io->pread(io, from, piece, part, at, &got);
        if (err == JIT_OK && got == 0) {
            break; /* shorter than it was: what is there */
        }
        if (err == JIT_OK) {
            err = io->pwrite(io, to, piece, got, at);
        }
        at += got;
    }
    return err == JIT_OK && !LOG_MUTANT(LOG_MUTANT_SALVAGE_COPY_NO_SYNC) ? io->sync(io, to) : err;
}

/* Has nothing been done to the segment since it was copied but that some of it is cut? piece is for
 * both files. */
static enum jit_err is_kept(struct jit_io *io, int from, const char *kept, uint64_t size,
                            uint8_t *piece, bool *same)
{
    uint8_t *other = piece + PIECE_BYTES / 2;
    int file = -1;
    *same = true;
    enum jit_err err = io->open(io, kept, 0, &file);
    if (err != JIT_OK) {
        return err;
    }
    for (uint64_t at = 0; err == JIT_OK && *same && at < size; at += PIECE_BYTES / 2) {
        uint64_t got = 0;
        uint64_t old = 0;
        err = io->pread(io, from, piece, PIECE_BYTES / 2, at, &got);
        if (err == JIT_OK) {
            err = io->pread(io, file, other, PIECE_BYTES / 2, at, &old);
        }
        for (uint64_t i = 0; err == JIT_OK && *same && i < got; i++) {
            *same = piece[i] == 0 || (i < old && piece[i] == other[i]);
        }
    }
    io->close(io, file);
    return err;
}

static enum jit_err copy_file(struct jit_io *io, uint64_t segment, int from, uint64_t size,
                              const char *kept, uint8_t *piece)
{
    char unfinished[LOG_FILE_NAME_BYTES];
    int to = -1;
    log_segment_name(segment, "copying", unfinished);
    enum jit_err err = io->unlink(io, unfinished); /* what a try left may be longer */
    err = err == JIT_ENOENT ? JIT_OK : err;
    if (err == JIT_OK) {
        err = io->open(io, unfinished, JIT_IO_CREATE, &to);
    }
    if (err == JIT_OK) {
        err = copy_bytes(io, from, to, size, piece);
        io->close(io, to);
    }
    if (err == JIT_OK) {
        err = io->rename(io, unfinished, kept);
    }
    bool sync = err == JIT_OK && !LOG_MUTANT(LOG_MUTANT_SALVAGE_COPY_NO_DIR_SYNC);
    return sync ? io->syncdir(io, LOG_DIR) : err;
}

static enum jit_err keep_copy(struct jit_io *io, uint64_t segment, uint8_t *piece)
{
    char name[LOG_FILE_NAME_BYTES];
    char next[LOG_FILE_NAME_BYTES];
    char last[LOG_FILE_NAME_BYTES];
    uint64_t size = 0;
    bool same = false;
    int from = -1;
    log_segment_name(segment, "seg", name);
    enum jit_err err = io->open(io, name, 0, &from);
    if (err != JIT_OK) {
        return err;
    }
    err = io->size(io, from, &size);
    if (err == JIT_OK) {
        err = kept_names(io, segment, next, last);
    }
    if (err == JIT_OK && last[0] != '\0') {
        err = is_kept(io, from, last, size, piece, &same);
    }
    if (err == JIT_OK) {
        /* Its name may not be on the medium yet. */
        err = same ? io->syncdir(io, LOG_DIR) : copy_file(io, segment, from, size, next, piece);
    }
    io->close(io, from);
    return err;
}

static enum jit_err move_away(struct jit_io *io, uint64_t segment)
{
    char name[LOG_FILE_NAME_BYTES];
    char next[LOG_FILE_NAME_BYTES];
    char last[LOG_FILE_NAME_BYTES];
    log_segment_name(segment, "seg", name);
    enum jit_err err = kept_names(io, segment, next, last);
    if (err == JIT_OK) {
        err = io->rename(io, name, next);
    }
    bool sync = err == JIT_OK && !LOG_MUTANT(LOG_MUTANT_SALVAGE_MOVE_NO_DIR_SYNC);
    return sync ? io->syncdir(io, LOG_DIR) : err;
}

/* Zeros from the first damaged byte to the segment's end. */
static enum jit_err cut(struct jit_io *io, uint64_t segment, uint64_t at, uint64_t size,
                        uint8_t *piece)
{
    char name[LOG_FILE_NAME_BYTES];
    int file = -1;
    log_segment_name(segment, "seg", name);
    memset(piece, 0, PIECE_BYTES);
    enum jit_err err = io->open(io, name, 0, &file);
    if (err != JIT_OK) {
        return err;
    }
    while (err == JIT_OK && at < size) {
        uint64_t part = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
        err = io->pwrite(io, file, piece, part, at);
        at += part;
    }
    if (err == JIT_OK && !LOG_MUTANT(LOG_MUTANT_SALVAGE_CUT_NO_SYNC)) {
        err = io->sync(io, file);
    }
    io->close(io, file);
    return err;
}

/* Is there anything but zeros from `at` to the segment's end? */
static enum jit_err has_rest(struct jit_io *io, uint64_t segment, uint64_t at, uint64_t size,
                             uint8_t *piece, bool *rest)
{
    char name[LOG_FILE_NAME_BYTES];
    int file = -1;
    *rest = false;
    log_segment_name(segment, "seg", name);
    enum jit_err err = io->open(io, name, 0, &file);
    if (err != JIT_OK) {
        return err;
    }
    while (err == JIT_OK && !*rest && at < size) {
        uint64_t got = 0;
        err =
            io->pread(io, file, piece, size - at < PIECE_BYTES ? size - at : PIECE_BYTES, at, &got);
        if (err == JIT_OK && got == 0) {
            *rest = true; /* cut short: it is made as long as it was */
        }
        *rest = *rest || !log_all_zero(piece, got);
        at += got;
    }
    io->close(io, file);
    return err;
}

static enum jit_err set_aside(struct jit_heap *heap, struct jit_io *io,
                              const struct log_listing *listing, const struct log_scan *scan,
                              struct log_salvaged *out)
{
    uint64_t size = scan->identity.segment_bytes;
    bool rest = false;
    uint8_t *piece = heap->alloc(heap, PIECE_BYTES);
    enum jit_err err =
        piece == NULL ? JIT_ENOMEM : has_rest(io, scan->segment, scan->offset, size, piece, &rest);
    if (err == JIT_OK && rest) {
        if (LOG_MUTANT(LOG_MUTANT_SALVAGE_CUT_FIRST)) {
            (void)cut(io, scan->segment, scan->offset, size, piece);
        }
        if (!LOG_MUTANT(LOG_MUTANT_SALVAGE_NO_COPY)) {
            err = keep_copy(io, scan->segment, piece);
        }
        out->segments++;
    }
    for (size_t i = listing->count; err == JIT_OK && i > 0; i--) {
        if (listing->segments[i - 1] > scan->segment) {
            err = move_away(io, listing->segments[i - 1]);
            out->segments++;
        }
    }
    if (err == JIT_OK && rest) {
        err = cut(io, scan->segment, scan->offset, size, piece);
    }
    heap->free(heap, piece);
    return err;
}

enum jit_err log_salvage(struct jit_heap *heap, struct jit_io *io, const struct log_mark *from,
                         struct log_report *report, struct log_salvaged *out)
{
    struct log_scan scan = {
        .heap = heap, .io = io, .from = from, .verify_blobs = true, .report = report, .file = -1};
    struct log_listing listing = {0};
    *out = (struct log_salvaged){0};
    *report = (struct log_report){.why = ""};
    enum jit_err err = log_scan_whole(&scan, &listing);
    out->tick_end = scan.tick_end;
    /* Something has to be left: a tick, or the mark that it was read from. */
    bool left = scan.segment > 0 && scan.number > 0;
    assert(!left || scan.offset >= LOG_BLOCK_BYTES);
    if (err == JIT_ECORRUPT && left) {
        err = set_aside(heap, io, &listing, &scan, out);
    }
    log_listing_release(&listing);
    log_scan_release(&scan);
    return err;
}

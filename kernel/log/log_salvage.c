/* kernel/log/log_salvage.c - a log that is damaged, cut behind its last record that verifies. What
 * is cut off lies beside it as FILE.broken, for whoever can read more of it.
 *
 * First the segment that is cut is copied, then later ones are renamed, the last one first; only
 * then is it cut. So whatever is cut off on the way, all bytes are there, and the same again ends
 * it. */
#include "kernel/log/log_priv.h"

#include <string.h>

#include "base/check.h"

#define PIECE_BYTES (1u << 20)

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
    return err == JIT_OK ? io->sync(io, to) : err;
}

static enum jit_err keep_copy(struct jit_io *io, uint64_t segment, uint8_t *piece)
{
    char name[LOG_FILE_NAME_BYTES];
    char kept[LOG_FILE_NAME_BYTES];
    uint64_t size = 0;
    int from = -1;
    int to = -1;
    log_segment_name(segment, "seg", name);
    log_segment_name(segment, "broken", kept);
    enum jit_err err = io->open(io, name, 0, &from);
    if (err != JIT_OK) {
        return err;
    }
    err = io->size(io, from, &size);
    if (err == JIT_OK) {
        err = io->open(io, kept, JIT_IO_CREATE, &to);
    }
    if (err == JIT_OK) {
        err = copy_bytes(io, from, to, size, piece);
        io->close(io, to);
    }
    io->close(io, from);
    return err == JIT_OK ? io->syncdir(io, LOG_DIR) : err;
}

static enum jit_err move_away(struct jit_io *io, uint64_t segment)
{
    char name[LOG_FILE_NAME_BYTES];
    char kept[LOG_FILE_NAME_BYTES];
    log_segment_name(segment, "seg", name);
    log_segment_name(segment, "broken", kept);
    enum jit_err err = io->rename(io, name, kept);
    return err == JIT_OK ? io->syncdir(io, LOG_DIR) : err;
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
    if (err == JIT_OK) {
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
        err = keep_copy(io, scan->segment, piece);
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
    bool left = scan.segment > 0 && scan.offset >= LOG_BLOCK_BYTES && scan.number > 0;
    if (err == JIT_ECORRUPT && left) {
        err = set_aside(heap, io, &listing, &scan, out);
    }
    log_listing_release(&listing);
    log_scan_release(&scan);
    return err;
}

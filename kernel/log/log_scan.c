/* kernel/log/log_scan.c - reading a log from its first byte to its last and judging what does not
 * verify.
 *
 * Every byte of every segment is accounted for: header block, records, zeros between a record and
 * the next multiple of 4 KiB, zeros from the last batch to the segment's end. What is otherwise is
 * damage. A batch is begun only when the one before it is on the medium, so an unfinished write
 * damages the last batch and nothing else. Hence the question asked of damage is whether anything
 * proves that the damaged batch had been finished: a record after it that says so (`durable`), or
 * any byte in a later segment. If something does, the log is corrupt; if nothing does, it is torn.
 *
 * Somebody may be writing meanwhile. What was read before its proof may have been finished between
 * the two; so what is proved to be finished is read again, and damage is what still does not
 * verify.
 */
#include "kernel/log/log_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/cursor.h"
#include "kernel/log/blob.h"

#define WINDOW_BYTES (1u << 20)

enum log_step {
    STEP_RECORD, /* a record was read */
    STEP_PAD,    /* zeros to the end of the batch */
    STEP_END,    /* zeros to the end of the segment, or its last byte was reached */
    STEP_DAMAGE
};

enum jit_err log_scan_fail(struct log_scan *scan, enum jit_err err, const char *file,
                           uint64_t segment, uint64_t offset, const char *why)
{
    struct log_report *report = scan->report;
    assert(err != JIT_OK);
    (void)snprintf(report->at.file, sizeof report->at.file, "%s", file);
    report->at.segment = segment;
    report->at.offset = offset;
    report->at.record = scan->number;
    report->at.tick = scan->tick_end;
    report->why = why;
    return err;
}

static enum jit_err fail_here(struct log_scan *scan, enum jit_err err, uint64_t offset,
                              const char *why)
{
    char name[LOG_FILE_NAME_BYTES];
    log_segment_name(scan->segment, "seg", name);
    return log_scan_fail(scan, err, name, scan->segment, offset, why);
}

/* --- the window --- */

/* size bytes at offset of the open segment; they lie inside it. NULL: *err. */
static const uint8_t *window(struct log_scan *scan, uint64_t offset, uint64_t size,
                             enum jit_err *err)
{
    uint64_t got = 0;
    assert(offset + size <= scan->identity.segment_bytes);
    if (offset >= scan->window_at && offset + size <= scan->window_at + scan->window_size) {
        return scan->window.bytes + (offset - scan->window_at);
    }
    uint64_t start = offset / LOG_BLOCK_BYTES * LOG_BLOCK_BYTES;
    uint64_t need = log_pad(offset + size - start);
    uint64_t want = need < WINDOW_BYTES ? WINDOW_BYTES : need;
    if (want > scan->identity.segment_bytes - start) {
        want = scan->identity.segment_bytes - start;
    }
    scan->window_size = 0;
    *err = log_memory_grow(scan->heap, &scan->window, want, 0);
    if (*err != JIT_OK) {
        return NULL;
    }
    *err = scan->io->pread(scan->io, scan->file, scan->window.bytes, want, start, &got);
    if (*err == JIT_OK && got != want) {
        *err = JIT_EIO; /* its size was asked for before */
    }
    if (*err != JIT_OK) {
        (void)fail_here(scan, *err, start, "the segment cannot be read");
        return NULL;
    }
    scan->window_at = start;
    scan->window_size = want;
    return scan->window.bytes + (offset - start);
}

/* The offset after the last byte that is not zero in [from, end of segment); from when all are. */
static enum jit_err last_byte(struct log_scan *scan, uint64_t from, uint64_t *out)
{
    enum jit_err err = JIT_OK;
    uint64_t end = scan->identity.segment_bytes;
    *out = from;
    while (from < end) {
        uint64_t part = WINDOW_BYTES - from % LOG_BLOCK_BYTES;
        part = part < end - from ? part : end - from;
        const uint8_t *at = window(scan, from, part, &err);
        if (at == NULL) {
            return err;
        }
        if (!log_all_zero(at, part)) {
            uint64_t last = part;
            while (at[last - 1] == 0) {
                last--;
            }
            *out = from + last;
        }
        from += part;
    }
    return JIT_OK;
}

/* --- what a record needs --- */

static enum jit_err note_blob(struct log_scan *scan, const struct jit_id *id, uint64_t size)
{
    void *data = scan->blobs;
    if (jit_heap_grow(scan->heap, &data, &scan->blob_capacity, scan->blob_count + 1,
                      sizeof *scan->blobs) != 0) {
        return JIT_ENOMEM;
    }
    scan->blobs = data;
    scan->blobs[scan->blob_count++] = *id;
    scan->report->blobs++;
    enum jit_err err = scan->verify_blobs ? blob_verify(scan->heap, scan->io, id, size) : JIT_OK;
    if (err == JIT_ENOENT || err == JIT_ECORRUPT) {
        char name[BLOB_NAME_BYTES];
        char hex[JIT_ID_HEX];
        jit_id_to_hex(id, hex);
        (void)snprintf(name, sizeof name, BLOB_DIR "/%s", hex);
        return log_scan_fail(scan, JIT_ECORRUPT, name, 0, 0,
                             err == JIT_ENOENT ? "a blob that a record needs is not there"
                                               : "a blob is not what its name says");
    }
    return err;
}

/* A payload that lies in a blob, read and verified. */
static enum jit_err load_payload(struct log_scan *scan, const struct log_head *head,
                                 struct log_record *record)
{
    struct jit_cursor cur = jit_cursor_of(head->body, head->body_size);
    struct blob_reader reader;
    struct jit_id id;
    uint64_t got = 0;

    jit_get_id(&cur, &id);
    uint64_t size = jit_get_u64(&cur);
    assert(jit_cursor_done(&cur));
    if (size == 0 || size > LOG_PAYLOAD_BYTES_MAX) {
        return fail_here(scan, JIT_ECORRUPT, scan->offset, "a payload of no possible size");
    }
    enum jit_err err = note_blob(scan, &id, size);
    if (err != JIT_OK || scan->visit == NULL) {
        return err;
    }
    scan->payload = scan->heap->alloc(scan->heap, size);
    if (scan->payload == NULL) {
        return JIT_ENOMEM;
    }
    err = blob_open(scan->io, &id, size, &reader);
    if (err == JIT_OK) {
        err = blob_read(&reader, scan->payload, size, &got);
        blob_close(&reader);
    }
    if (err == JIT_ENOENT || err == JIT_ECORRUPT) {
        return fail_here(scan, JIT_ECORRUPT, scan->offset,
                         "the blob with this record's payload is not there or not what it was");
    }
    record->payload = scan->payload;
    record->payload_size = size;
    return err;
}

/* Hand a verified record on. */
static enum jit_err take(struct log_scan *scan, const struct log_head *head)
{
    struct log_record record = {
        .tick = head->tick,
        .commit = head->commit,
        .state_root = head->state_root,
        .payload = head->body,
        .payload_size = head->body_size,
        .has_blob = (head->flags & LOG_FLAG_BLOB) != 0,
        .blob = head->blob,
        .blob_size = head->blob_size,
    };
    enum jit_err err = JIT_OK;
    if ((head->flags & LOG_FLAG_SEAL) == 0) {
        if (record.has_blob) {
            err = note_blob(scan, &record.blob, record.blob_size);
        }
        if (err == JIT_OK && (head->flags & LOG_FLAG_ELSEWHERE) != 0) {
            err = load_payload(scan, head, &record);
        }
        if (err == JIT_OK && scan->visit != NULL) {
            err = scan->visit(scan->user, &record);
            scan->refused = err != JIT_OK;
            if (err != JIT_OK && scan->report->why[0] == 0) {
                (void)fail_here(scan, err, scan->offset, "the record's reader refused it");
            }
        }
        scan->heap->free(scan->heap, scan->payload);
        scan->payload = NULL;
        scan->commit = head->commit;
        scan->state_root = head->state_root;
    }
    if (err == JIT_OK) {
        bool seal = (head->flags & LOG_FLAG_SEAL) != 0;
        if (!seal) {
            scan->newest = (struct log_mark){.segment = scan->segment,
                                             .offset = scan->offset,
                                             .number = scan->number,
                                             .tick = scan->tick_end,
                                             .chain = scan->chain,
                                             .sealed = scan->sealed};
        }
        scan->sealed = seal;
        scan->tick_end += seal ? 0 : 1;
        scan->number++;
        scan->chain = head->hash;
        scan->offset += head->size;
        scan->report->seals += seal ? 1 : 0;
        scan->report->records = scan->number;
        scan->report->tick_end = scan->tick_end;
        scan->report->sealed = seal;
        scan->report->chain = scan->chain;
    }
    return err;
}

/* --- one step --- */

/* Whether this record, whole in itself, is the one expected here. */
static bool expected(const struct log_scan *scan, const struct log_head *head)
{
    if (LOG_MUTANT(LOG_MUTANT_NO_CHAIN)) {
        return true;
    }
    bool seal = (head->flags & LOG_FLAG_SEAL) != 0;
    return head->segment == scan->segment && head->number == scan->number &&
           head->tick == scan->tick_end && jit_id_equal(&head->prev, &scan->chain) &&
           !(seal && (scan->sealed || scan->number == 0));
}

static enum jit_err step_record(struct log_scan *scan, uint64_t room, enum log_step *step)
{
    enum jit_err err = JIT_OK;
    struct log_head head;
    *step = STEP_DAMAGE;
    if (room < LOG_RECORD_OVERHEAD) {
        return JIT_OK;
    }
    const uint8_t *at = window(scan, scan->offset, 32, &err);
    if (at == NULL) {
        return err;
    }
    uint32_t size = log_record_claim(&scan->identity, at, room);
    if (size == 0) {
        return JIT_OK;
    }
    at = window(scan, scan->offset, size, &err);
    if (at == NULL) {
        return err;
    }
    err = log_record_decode(&scan->identity, at, size, &head);
    if (err == JIT_EVERSION) {
        return fail_here(scan, err, scan->offset, "a record of an unknown major version");
    }
    if (err != JIT_OK || !expected(scan, &head)) {
        return JIT_OK;
    }
    *step = STEP_RECORD;
    return take(scan, &head);
}

static enum jit_err step_next(struct log_scan *scan, enum log_step *step)
{
    enum jit_err err = JIT_OK;
    uint64_t room = scan->identity.segment_bytes - scan->offset;
    uint64_t pad = log_pad(scan->offset) - scan->offset;
    uint64_t last = 0;

    *step = STEP_END;
    if (room == 0) {
        return JIT_OK;
    }
    const uint8_t *at = window(scan, scan->offset, 8, &err);
    if (at == NULL) {
        return err;
    }
    if (!log_all_zero(at, 4)) {
        return step_record(scan, room, step);
    }
    if (pad > 0) {
        at = window(scan, scan->offset, pad, &err);
        if (at == NULL) {
            return err;
        }
        bool zero = log_all_zero(at, pad) || LOG_MUTANT(LOG_MUTANT_NO_ZERO_CHECK);
        *step = zero ? STEP_PAD : STEP_DAMAGE;
        scan->offset += zero ? pad : 0;
        return JIT_OK;
    }
    err = last_byte(scan, scan->offset, &last);
    if (last > scan->offset && !LOG_MUTANT(LOG_MUTANT_NO_ZERO_CHECK)) {
        *step = STEP_DAMAGE;
    }
    return err;
}

/* --- judging damage --- */

/* The largest `durable` that a whole record says which begins in [scan->offset, end); else 0. */
static enum jit_err later_durable(struct log_scan *scan, uint64_t end, uint64_t *durable)
{
    enum jit_err err = JIT_OK;
    struct log_head head;
    uint64_t room = scan->identity.segment_bytes;
    *durable = 0;
    for (uint64_t at = scan->offset; at < end && at + LOG_RECORD_OVERHEAD <= room; at += 8) {
        const uint8_t *bytes = window(scan, at, 32, &err);
        if (bytes == NULL) {
            return err;
        }
        uint32_t size = log_record_claim(&scan->identity, bytes, room - at);
        if (size == 0) {
            continue;
        }
        bytes = window(scan, at, size, &err);
        if (bytes == NULL) {
            return err;
        }
        if (log_record_decode(&scan->identity, bytes, size, &head) == JIT_OK &&
            head.segment == scan->segment) {
            uint64_t says = LOG_MUTANT(LOG_MUTANT_NEVER_TORN) ? UINT64_MAX : head.durable;
            *durable = says > *durable ? says : *durable;
            at += size - 8; /* nothing of the log lies inside a whole record */
        }
    }
    return JIT_OK;
}

/* *step, of damage: what it is when it has to be read again. */
static enum jit_err judge(struct log_scan *scan, enum log_step *step)
{
    uint64_t end = 0;
    uint64_t durable = 0;
    enum jit_err err = last_byte(scan, scan->offset, &end);
    if (err == JIT_OK) {
        err = later_durable(scan, end, &durable);
    }
    if (err != JIT_OK) {
        return err;
    }
    /* At a multiple of 4 KiB the next record begins a batch, or the batch goes on; before one, it
     * is the batch of the record just read that is damaged, maybe in its padding only. */
    bool inside = scan->offset % LOG_BLOCK_BYTES != 0;
    bool finished = inside ? durable >= scan->number : durable > scan->number;
    if (finished && !LOG_MUTANT(LOG_MUTANT_ALWAYS_TORN)) {
        scan->window_size = 0;
        err = step_next(scan, step);
        if (err != JIT_OK || *step != STEP_DAMAGE) {
            return err;
        }
        return fail_here(scan, JIT_ECORRUPT, scan->offset,
                         "bytes that do not verify, and a later record proves they were written");
    }
    scan->torn = true;
    scan->torn_segment = scan->segment;
    scan->torn_offset = scan->offset;
    scan->torn_end = log_pad(end);
    (void)fail_here(scan, JIT_ECORRUPT, scan->offset, "the last batch was not written to its end");
    scan->report->torn = true;
    scan->report->torn_bytes = end - scan->offset;
    return JIT_OK;
}

/* --- segments --- */

static enum jit_err open_segment(struct log_scan *scan, uint64_t segment, struct jit_id *hash)
{
    char name[LOG_FILE_NAME_BYTES];
    enum jit_err err = JIT_OK;
    uint64_t size = 0;

    scan->window_size = 0;
    log_segment_name(segment, "seg", name);
    err = scan->io->open(scan->io, name, scan->open_flags, &scan->file);
    if (err != JIT_OK) {
        scan->file = -1;
        return log_scan_fail(scan, err, name, segment, 0, "the segment cannot be opened");
    }
    err = scan->io->size(scan->io, scan->file, &size);
    if (err == JIT_OK && size < LOG_SEGMENT_BYTES_MIN) {
        return log_scan_fail(scan, JIT_ECORRUPT, name, segment, size, "the segment is cut short");
    }
    if (err != JIT_OK) {
        return err;
    }
    uint64_t segment_bytes = scan->identity.segment_bytes;
    scan->identity.segment_bytes = LOG_BLOCK_BYTES; /* for the window: the header alone */
    const uint8_t *block = window(scan, 0, LOG_BLOCK_BYTES, &err);
    scan->identity.segment_bytes = segment_bytes;
    scan->window_size = 0;
    if (block == NULL) {
        return err;
    }
    err = log_header_decode(&scan->identity, segment, block, hash);
    if (err != JIT_OK) {
        return log_scan_fail(scan, err, name, segment, 0,
                             err == JIT_EVERSION ? "a segment of an unknown major version"
                                                 : "the segment's header is damaged");
    }
    scan->report->segment_bytes = scan->identity.segment_bytes;
    if (size != scan->identity.segment_bytes) {
        return log_scan_fail(scan, JIT_ECORRUPT, name, segment,
                             size < scan->identity.segment_bytes ? size
                                                                 : scan->identity.segment_bytes,
                             "the segment has not the size that its header says");
    }
    return JIT_OK;
}

static void close_segment(struct log_scan *scan)
{
    if (scan->file >= 0) {
        scan->io->close(scan->io, scan->file);
        scan->file = -1;
    }
}

/* Where the reading begins: the first segment, or the one of the mark. */
static bool is_first(const struct log_scan *scan, uint64_t segment)
{
    return segment == (scan->from != NULL ? scan->from->segment : 1);
}

/* The records of one segment, of the one where the reading stands those that follow. *some: there
 * was at least one, if need be before. Afterwards scan->segment and offset are those of the last
 * record in the log so far. */
static enum jit_err read_segment(struct log_scan *scan, uint64_t segment, bool *some)
{
    uint64_t segment_before = scan->segment;
    uint64_t offset_before = scan->offset;
    uint64_t number_before = scan->number;
    enum log_step step = STEP_PAD;
    enum jit_err err = JIT_OK;

    bool marked = is_first(scan, segment) && scan->from != NULL && scan->from->number > 0;
    bool again = segment == scan->segment;
    scan->segment = segment;
    scan->offset = again ? scan->offset : marked ? scan->from->offset : LOG_BLOCK_BYTES;
    if (scan->offset > scan->identity.segment_bytes || scan->offset < LOG_BLOCK_BYTES) {
        return fail_here(scan, JIT_ECORRUPT, 0, "a mark outside its segment");
    }
    while (err == JIT_OK && (step == STEP_PAD || step == STEP_RECORD)) {
        err = step_next(scan, &step);
        if (err == JIT_OK && step == STEP_DAMAGE) {
            err = judge(scan, &step);
        }
    }
    *some = scan->number > number_before || marked || (again && scan->number > 0);
    if (err == JIT_OK && !*some && !is_first(scan, segment)) {
        scan->segment = segment_before;
        scan->offset = offset_before;
    }
    return err;
}

/* A segment after the last one that was written to: nothing but its header and zeros. */
static enum jit_err spare_segment(struct log_scan *scan, uint64_t segment)
{
    uint64_t last = 0;
    uint64_t segment_before = scan->segment;
    scan->segment = segment;
    enum jit_err err = last_byte(scan, LOG_BLOCK_BYTES, &last);
    scan->segment = segment_before;
    if (err != JIT_OK || last == LOG_BLOCK_BYTES) {
        return err;
    }
    if (scan->torn) {
        /* What was taken for torn is not: the next segment is begun when that batch is safe. */
        scan->torn = false;
        scan->report->torn = false;
        scan->report->why = "bytes that do not verify, and a later segment was written to";
        return JIT_ECORRUPT;
    }
    char name[LOG_FILE_NAME_BYTES];
    log_segment_name(segment, "seg", name);
    return log_scan_fail(scan, JIT_ECORRUPT, name, segment, LOG_BLOCK_BYTES,
                         "written to, though the segment before it was not");
}

/* A segment is begun when the one before it is finished: where its first record does not follow,
 * what lies before may have been finished after it was read. Then the reading stands there again,
 * but once only at each place. */
static bool look_again(struct log_scan *scan, const struct log_scan *before)
{
    if (scan->refused || before->segment == 0 || scan->number != before->number ||
        scan->looked == scan->number + 1) {
        return false;
    }
    scan->looked = scan->number + 1;
    scan->segment = before->segment;
    scan->offset = before->offset;
    scan->torn = false;
    scan->report->torn = false;
    scan->report->torn_bytes = 0;
    scan->report->why = "";
    scan->report->at = (struct log_place){.segment = 0};
    return true;
}

/* Stand at the mark, as if all before it had been read. */
static void begin_at_mark(struct log_scan *scan)
{
    const struct log_mark *from = scan->from;
    scan->number = from->number;
    scan->tick_end = from->tick;
    scan->sealed = from->sealed;
    if (from->number > 0) {
        scan->chain = from->chain;
        scan->report->chain = from->chain;
    }
    scan->newest = *from;
    scan->report->records = from->number;
    scan->report->tick_end = from->tick;
    scan->report->sealed = from->sealed;
}

enum jit_err log_scan_run(struct log_scan *scan, const struct log_listing *listing)
{
    enum jit_err err = JIT_OK;
    struct jit_id hash;
    bool ended = false;
    size_t at = 0;
    uint64_t expect = scan->from != NULL ? scan->from->segment : 1;

    scan->file = -1;
    scan->window_size = 0;
    scan->newest = (struct log_mark){.segment = 1, .offset = LOG_BLOCK_BYTES};
    while (scan->from != NULL && at < listing->count && listing->segments[at] < expect) {
        at++;
    }
    for (; err == JIT_OK && (at < listing->count || is_first(scan, expect)); at++, expect++) {
        const struct log_scan before = *scan;
        bool some = false;
        if (at == listing->count || listing->segments[at] != expect) {
            char name[LOG_FILE_NAME_BYTES];
            log_segment_name(expect, "seg", name);
            return log_scan_fail(scan, JIT_ECORRUPT, name, expect, 0, "the segment is missing");
        }
        err = open_segment(scan, expect, &hash);
        if (err == JIT_OK && expect == 1 && before.segment == 0) {
            scan->chain = hash;
            scan->report->chain = hash;
        }
        if (err == JIT_OK && scan->from != NULL && before.segment == 0) {
            begin_at_mark(scan);
        }
        if (err == JIT_OK && ended) {
            err = spare_segment(scan, expect);
        } else if (err == JIT_OK) {
            err = read_segment(scan, expect, &some);
            ended = !some || scan->torn;
        }
        close_segment(scan);
        if (err == JIT_ECORRUPT && look_again(scan, &before)) {
            at -= (size_t)(expect - scan->segment) + 1;
            expect = scan->segment - 1;
            ended = false;
            err = JIT_OK;
        }
    }
    return err;
}

enum jit_err log_scan_format(struct log_scan *scan)
{
    uint8_t bytes[LOG_FORMAT_BYTES + 1];
    uint8_t uuid[LOG_UUID_BYTES];
    uint64_t got = 0;
    int file = -1;
    enum jit_err err = scan->io->open(scan->io, LOG_FORMAT_FILE, 0, &file);
    if (err != JIT_OK) {
        return err;
    }
    err = scan->io->pread(scan->io, file, bytes, sizeof bytes, 0, &got);
    scan->io->close(scan->io, file);
    if (err == JIT_OK) {
        err = log_format_decode(bytes, got, uuid);
    }
    if (err != JIT_OK) {
        return log_scan_fail(scan, err, LOG_FORMAT_FILE, 0, 0,
                             err == JIT_EVERSION ? "a data folder of an unknown major version"
                                                 : "the file is damaged");
    }
    log_identity_init(&scan->identity, uuid, 0);
    memcpy(scan->report->uuid, uuid, LOG_UUID_BYTES);
    return JIT_OK;
}

enum jit_err log_scan_whole(struct log_scan *scan, struct log_listing *listing)
{
    enum jit_err err = log_scan_format(scan);
    if (err == JIT_OK) {
        err = log_list(scan->heap, scan->io, listing);
    }
    return err == JIT_OK ? log_scan_run(scan, listing) : err;
}

void log_scan_release(struct log_scan *scan)
{
    close_segment(scan);
    scan->heap->free(scan->heap, scan->blobs);
    scan->heap->free(scan->heap, scan->payload);
    log_memory_free(scan->heap, &scan->window);
}

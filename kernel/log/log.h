/* kernel/log/log.h - the log: what a tick did, on the medium before anyone is told.
 * Spec:  DESIGN 9.2, 14.8, 14.13; docs/spec/log.md has every byte.
 * Layer: kernel; over struct jit_io only (base). No clock, no thread, no file of its own.
 *
 * Shape:  the data folder holds "FORMAT" (which log this is), "log/" || 16 hex digits || ".seg"
 * (the segments 1, 2, ... of equal size, zero-filled and synced ahead of use) and "blobs/" (what
 * does not fit a record). A segment is a header block and then batches of records; a batch starts
 * at a multiple of 4 KiB and is one write. One batch is being written while the next one fills; a
 * batch is begun only when the one before it is on the medium, so a crash can damage the last batch
 * only.
 *
 * Ticks are consecutive from 0. "End" counts exclude: durable_end = 5 means ticks 0 to 4.
 *
 * The log is dead after the first failed write or sync of a batch: every later call returns that
 * error, nothing is tried again, and the way on is a restart through log_open (RELIABILITY, rule
 * 4).
 * No space for the *next segment* is not that: JIT_ENOSPC from log_append, nothing happened.
 *
 * The log is the only user of submit and reap of its struct jit_io. */
#ifndef JIT_KERNEL_LOG_H
#define JIT_KERNEL_LOG_H

#include "base/heap.h"
#include "base/id.h"
#include "base/io.h"
#include "base/limits.h"

#define LOG_UUID_BYTES        16u
#define LOG_BLOCK_BYTES       4096u      /* batches start at a multiple of it */
#define LOG_BATCH_BYTES       (1u << 20) /* a batch grows to this; one larger record is one batch */
#define LOG_SEGMENT_BYTES_MIN 16384u
#define LOG_SEGMENT_BYTES_MAX (1ull << 32)
#define LOG_PAYLOAD_BYTES_MAX (1ull << 30) /* more than 8 MiB goes through a blob, unseen */
#define LOG_FILE_NAME_BYTES   80u

enum log_durability {
    LOG_DURABILITY_TICK =
        0,                /* a record is written at once, or as soon as the write before it ends */
    LOG_DURABILITY_GROUP, /* it waits for log_flush, or until the batch is full */
    LOG_DURABILITY_NONE   /* likewise, and the medium is not waited for: a crash of the machine
                             may lose what was acknowledged; a crash of the process may not */
};

/* A place between two records from which the log can be read without what lies before it: a
 * checkpoint keeps one (docs/spec/checkpoint.md). number 0: the log's start, whatever `chain` says.
 */
struct log_mark {
    uint64_t segment;
    uint64_t offset;     /* bytes from its start: a multiple of 8 */
    uint64_t number;     /* records before it in the log, seals included */
    uint64_t tick;       /* of the next record that is no seal */
    struct jit_id chain; /* hash of the record before it */
    bool sealed;         /* that record is a seal */
};

struct log_options {
    uint64_t segment_bytes;       /* of a new log; 0: JIT_LOG_SEGMENT_BYTES; a multiple of 4 KiB */
    uint8_t uuid[LOG_UUID_BYTES]; /* of a new log: random */
    enum log_durability durability;
    /* Read from here on: what lies before is neither read nor needed, and finished blobs are left
     * alone. A new log begins with this tick. NULL: from the log's start and tick 0. */
    const struct log_mark *from;
};

/* One tick. Given to log_append, and to the visitor of log_open and log_verify. */
struct log_record {
    uint64_t tick;
    struct jit_id commit;
    struct jit_id state_root;
    const uint8_t *payload; /* borrowed for the call */
    uint64_t payload_size;  /* at most LOG_PAYLOAD_BYTES_MAX */
    bool has_blob;          /* the payload speaks of this blob: it is kept, and verified */
    struct jit_id blob;
    uint64_t blob_size;
};

/* Called for each tick in order. An error ends the reading and is returned. */
typedef enum jit_err log_visit(void *user, const struct log_record *record);

/* Where something is. */
struct log_place {
    char file[LOG_FILE_NAME_BYTES]; /* "log/0000000000000001.seg"; "" when there is no place */
    uint64_t segment;               /* 0: not a segment */
    uint64_t offset;                /* bytes from its start */
    uint64_t record;                /* records before it, seals included, from the log's start */
    uint64_t tick;                  /* ticks before it */
};

/* What was found. Filled also when the call fails. */
struct log_report {
    uint8_t uuid[LOG_UUID_BYTES];
    uint64_t segment_bytes;
    bool created;     /* there was no log, or none whose creation had finished */
    uint64_t records; /* verified, seals included */
    uint64_t seals;
    uint64_t tick_end;   /* ticks recovered: 0 to tick_end - 1 */
    bool sealed;         /* the last record is a seal */
    struct jit_id chain; /* hash of the last record */
    uint64_t blobs;      /* blobs that the records need */
    uint64_t removed;    /* blobs and unfinished files swept away */
    bool torn;           /* the last batch was not finished: the bytes from `at` on */
    uint64_t torn_bytes;
    struct log_place at; /* of the torn batch, or of what made the call fail */
    const char *why;     /* what was wrong there, in words; "" when nothing was */
};

/* One line for people: "record 17, log/0000000000000001.seg byte 69632 (tick 16): ..." */
void log_report_text(const struct log_report *report, char *text, size_t size);

struct log;

/* Open the log of a data folder, or make one. Syncs what is there before it reads it; removes
 * unfinished files; verifies every record and hands it to visit (may be NULL); erases a torn last
 * batch; sweeps blobs that no record needs.
 * Errors: JIT_ECORRUPT (report->at, ->why: nothing was changed then), JIT_EVERSION, what visit
 * returned, JIT_ENOMEM, those of the storage seam. */
JIT_MUST_CHECK enum jit_err log_open(struct jit_heap *heap, struct jit_io *io,
                                     const struct log_options *options, log_visit *visit,
                                     void *user, struct log_report *report, struct log **out);

/* The same reading without any change; blobs are read to the end as well. A torn last batch is
 * JIT_OK and report->torn. No log at all: JIT_ENOENT. Beside somebody who writes it is what was
 * there at some moment meanwhile, and his unfinished batch may be called torn. */
JIT_MUST_CHECK enum jit_err log_verify(struct jit_heap *heap, struct jit_io *io, log_visit *visit,
                                       void *user, struct log_report *report);

/* The same from a mark on; segments before it need not be there. from may be NULL. */
JIT_MUST_CHECK enum jit_err log_verify_from(struct jit_heap *heap, struct jit_io *io,
                                            const struct log_mark *from, log_visit *visit,
                                            void *user, struct log_report *report);

/* The uuid of a folder's log. Errors: JIT_ENOENT, JIT_ECORRUPT, JIT_EVERSION, the storage seam's.
 */
JIT_MUST_CHECK enum jit_err log_uuid(struct jit_heap *heap, struct jit_io *io,
                                     uint8_t uuid[LOG_UUID_BYTES]);

/* The numbers of the first and the last segment that are there. Errors: JIT_ENOENT (none), the
 * storage seam's, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err log_segments(struct jit_heap *heap, struct jit_io *io, uint64_t *first,
                                         uint64_t *last);

/* How large its segments are: the size of the first one that is there. Errors: as log_segments. */
JIT_MUST_CHECK enum jit_err log_segment_size(struct jit_heap *heap, struct jit_io *io,
                                             uint64_t *bytes);

/* Give up what lies before a mark that a checkpoint keeps: whole segments before its own, and blobs
 * that no record from it on needs; all that stays is verified first. Of a log that nobody has open.
 * A mark in segment 1 gives up nothing. dry: only say what would go. Errors: as log_verify_from
 * (nothing was changed), the storage seam's (what is left can be read from the mark on). */
struct log_trimmed {
    uint64_t segments;
    uint64_t blobs;
    uint64_t bytes; /* of both */
};
JIT_MUST_CHECK enum jit_err log_trim(struct jit_heap *heap, struct jit_io *io,
                                     const struct log_mark *from, bool dry,
                                     struct log_report *report, struct log_trimmed *out);

/* Cut a damaged log, that nobody has open, behind its last record that verifies, read from a mark
 * or from its start (NULL). What is cut off is kept: segments as "log/" || 16 hex digits ||
 * ".broken", or ".broken-2" and so on where an earlier one is there. JIT_OK: it verifies now, or
 * did before (segments is 0). Errors: JIT_ECORRUPT (nothing would be left: nothing was changed),
 * JIT_ELIMIT (99 are kept of one), those of log_verify_from, the storage seam's (the same again
 * ends it). report: what was found. */
struct log_salvaged {
    uint64_t tick_end; /* ticks that are left: 0 to tick_end - 1 */
    uint64_t segments; /* set aside */
};
JIT_MUST_CHECK enum jit_err log_salvage(struct jit_heap *heap, struct jit_io *io,
                                        const struct log_mark *from, struct log_report *report,
                                        struct log_salvaged *out);

/* Is there history: a first record, whole or damaged? Reads no further and no blob, changes
 * nothing. A log whose first batch is not durable has none, nor has a folder without a log. Errors:
 * JIT_ENOMEM, those of the storage seam. */
JIT_MUST_CHECK enum jit_err log_begun(struct jit_heap *heap, struct jit_io *io, bool *begun);

/* Frees it, after waiting for writes under way. Seals nothing: call log_seal first. log may be
 * NULL. */
void log_close(struct log *log);

/* Put a tick into the filling batch; record->tick must be log_tick_end(). A payload that is too
 * large for a record is written to a blob first. When the batch is full this waits until the write
 * under way ends.
 * Errors: JIT_ENOSPC, JIT_ENOMEM, JIT_ELIMIT: the record was not taken and the log is as it was.
 * JIT_EIO and any error of a batch's write: the log is dead. */
JIT_MUST_CHECK enum jit_err log_append(struct log *log, const struct log_record *record);

/* Start writing what has been appended, now or as soon as the write under way ends. */
JIT_MUST_CHECK enum jit_err log_flush(struct log *log);

/* Take note of finished writes and start what waits. wait: block until the batch under way, or the
 * one just started, has ended; a batch that log_flush did not start before is then written by the
 * caller itself, which is the quickest way to one durable tick. durable_end (may be NULL): ticks
 * below it may be acknowledged. */
JIT_MUST_CHECK enum jit_err log_reap(struct log *log, bool wait, uint64_t *durable_end);

/* Write everything, wait for it, and close the last batch with a seal record, so that from here on
 * any damage to it is told from a torn write. For idle moments and a clean stop; does nothing on a
 * log that is empty or sealed. Errors: as log_append. */
JIT_MUST_CHECK enum jit_err log_seal(struct log *log);

uint64_t log_tick_end(const struct log *log);    /* the tick to append next */
uint64_t log_durable_end(const struct log *log); /* ticks below it are acknowledged */
bool log_idle(const struct log *log);            /* all that was appended is durable */
bool log_sealed(const struct log *log);
enum jit_err log_dead(const struct log *log); /* JIT_OK: alive */
/* Hash of the last record whose write was begun; with the uuid it names the whole history. */
const struct jit_id *log_chain(const struct log *log);
/* Where the next batch will begin: before the record that is appended next, or before the first of
 * those that wait in the filling batch. */
void log_next_mark(const struct log *log, struct log_mark *out);
/* The same, before the newest tick that was there when the log was opened; number 0 of a log that
 * was empty. */
void log_opened_mark(const struct log *log, struct log_mark *out);
void log_next_write(const struct log *log, struct log_place *out);

#endif

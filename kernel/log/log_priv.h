/* kernel/log/log_priv.h - the log's bytes and the pieces it is made of. Layout: docs/spec/log.md.
 */
#ifndef JIT_KERNEL_LOG_PRIV_H
#define JIT_KERNEL_LOG_PRIV_H

#include "base/buf.h"
#include "base/hash.h"
#include "kernel/log/log.h"
#include "kernel/log/log_mutant.h"

#define LOG_DIR         "log"
#define LOG_FORMAT_FILE "FORMAT"
#define LOG_FORMAT_TMP  "FORMAT.tmp"
#define LOG_MAJOR       1u
#define LOG_MINOR       0u

/* --- bytes (log_format.c) --- */

#define LOG_SEGMENT_MAGIC     0x4745534Au /* "JSEG" */
#define LOG_RECORD_MAGIC      0x4345524Au /* "JREC" */
#define LOG_HEADER_BYTES      80u /* of a segment, hash included; zeros to the block's end */
#define LOG_RECORD_HEAD_BYTES 208u
#define LOG_RECORD_OVERHEAD   (LOG_RECORD_HEAD_BYTES + JIT_ID_BYTES)
#define LOG_FORMAT_BYTES      137u /* exactly */

enum log_record_flags {
    LOG_FLAG_SEAL = 1,     /* no tick: it closes the batch before it */
    LOG_FLAG_BLOB = 2,     /* the payload speaks of a blob */
    LOG_FLAG_ELSEWHERE = 4 /* the inline bytes are id[32] || u64 size of a blob: the payload */
};

/* A record as it lies in memory or on the medium; pointers into those bytes. */
struct log_head {
    uint32_t size; /* of the whole record: a multiple of 8 */
    uint32_t flags;
    uint64_t segment;
    uint64_t number;  /* records before it in the log */
    uint64_t durable; /* records that were on the medium when its batch was begun */
    uint64_t tick;    /* a seal: ticks before it */
    struct jit_id prev;
    struct jit_id commit;
    struct jit_id state_root;
    struct jit_id blob;
    uint64_t blob_size;
    const uint8_t *body;
    uint32_t body_size;
    struct jit_id hash;
};

/* What all records of a log have in common. */
struct log_identity {
    uint8_t uuid[LOG_UUID_BYTES];
    uint8_t key[JIT_ID_BYTES]; /* B3[K("log")](uuid) */
    uint64_t segment_bytes;
};

void log_identity_init(struct log_identity *identity, const uint8_t uuid[LOG_UUID_BYTES],
                       uint64_t segment_bytes);
uint32_t log_record_size(uint32_t body_size);
/* Room for a body in one segment and in JIT_LOG_RECORD_BYTES_MAX. */
uint32_t log_body_max(const struct log_identity *identity);
static inline uint64_t log_pad(uint64_t size)
{
    return (size + LOG_BLOCK_BYTES - 1) / LOG_BLOCK_BYTES * LOG_BLOCK_BYTES;
}

/* All but segment, number, durable, prev and hash, which log_record_finish() adds when the batch is
 * written. at has log_record_size(body_size) bytes. */
void log_record_start(const struct log_identity *identity, const struct log_head *head,
                      uint8_t *at);
/* Returns the hash in *hash. */
void log_record_finish(const struct log_identity *identity, uint8_t *at, uint64_t segment,
                       uint64_t number, uint64_t durable, const struct jit_id *prev,
                       struct jit_id *hash);

/* The size a record claims at `at` (32 bytes), or 0 when these cannot be a record's first bytes.
 * room: bytes to the segment's end. */
uint32_t log_record_claim(const struct log_identity *identity, const uint8_t *at, uint64_t room);
/* Errors: JIT_EFORMAT (not a whole record of this log), JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err log_record_decode(const struct log_identity *identity,
                                              const uint8_t *at, uint32_t size,
                                              struct log_head *out);

/* block: LOG_BLOCK_BYTES. The hash of the header is the prev of record 0 in segment 1. */
void log_header_encode(const struct log_identity *identity, uint64_t segment, uint8_t *block,
                       struct jit_id *hash);
/* identity->segment_bytes 0: taken from the header. Errors: JIT_ECORRUPT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err log_header_decode(struct log_identity *identity, uint64_t segment,
                                              const uint8_t *block, struct jit_id *hash);

/* The text of FORMAT. */
void log_format_encode(const uint8_t uuid[LOG_UUID_BYTES], char text[LOG_FORMAT_BYTES + 1]);
JIT_MUST_CHECK enum jit_err log_format_decode(const uint8_t *bytes, uint64_t size,
                                              uint8_t uuid[LOG_UUID_BYTES]);

bool log_all_zero(const uint8_t *bytes, uint64_t size);

/* --- memory aligned for direct transfers --- */

struct log_memory {
    void *block; /* what the heap gave */
    uint8_t *bytes;
    uint64_t size;
};
JIT_MUST_CHECK enum jit_err log_memory_grow(struct jit_heap *heap, struct log_memory *memory,
                                            uint64_t size, uint64_t keep);
void log_memory_free(struct jit_heap *heap, struct log_memory *memory);

/* --- segments (log_segment.c) --- */

void log_segment_name(uint64_t segment, const char *suffix, char name[LOG_FILE_NAME_BYTES]);

/* The numbers of the segments that are there, ascending, and how many unfinished files. */
struct log_listing {
    uint64_t *segments;
    size_t count;
    size_t capacity;
    uint64_t *unfinished;
    size_t unfinished_count;
    size_t unfinished_capacity;
    bool format_unfinished;
    enum jit_err err;
    struct jit_heap *heap;
};
JIT_MUST_CHECK enum jit_err log_list(struct jit_heap *heap, struct jit_io *io,
                                     struct log_listing *out);
void log_listing_release(struct log_listing *listing);

/* Making the next segment, a chunk at a time while the log goes on writing. */
enum log_prep_state { LOG_PREP_IDLE, LOG_PREP_WRITING };
struct log_prep {
    enum log_prep_state state;
    uint64_t segment;
    int file;
    uint64_t offset; /* bytes written or under way */
    bool flying;
    struct jit_io_write write;
    struct log_memory chunk; /* zeros, with the header in front while it is written */
    char tmp[LOG_FILE_NAME_BYTES];
};
#define LOG_PREP_BYTES (1u << 20)
JIT_MUST_CHECK enum jit_err log_prep_init(struct log_prep *prep, struct jit_heap *heap,
                                          uint64_t segment_bytes);
void log_prep_release(struct log_prep *prep, struct jit_heap *heap);
JIT_MUST_CHECK enum jit_err log_prep_begin(struct log_prep *prep, struct jit_io *io,
                                           const struct log_identity *identity, uint64_t segment,
                                           unsigned open_flags);
/* Start the next chunk, or finish: *done. wait: the caller waits for it. On error the unfinished
 * file is given up. */
JIT_MUST_CHECK enum jit_err log_prep_step(struct log_prep *prep, struct jit_io *io,
                                          const struct log_identity *identity, bool wait,
                                          bool *done);
/* The chunk under way has come out of reap(). */
JIT_MUST_CHECK enum jit_err log_prep_reaped(struct log_prep *prep, struct jit_io *io);

/* --- reading (log_scan.c) --- */

struct log_scan {
    struct jit_heap *heap;
    struct jit_io *io;
    struct log_identity identity;
    unsigned open_flags;
    log_visit *visit;
    void *user;
    bool verify_blobs;
    struct log_report *report;
    const struct log_mark *from; /* NULL: from the start */

    /* where the reading stands; at the end: where writing goes on */
    uint64_t segment;
    uint64_t offset;
    uint64_t number;
    uint64_t tick_end;
    bool sealed;
    struct jit_id chain;
    struct jit_id commit; /* of the last tick */
    struct jit_id state_root;
    struct log_mark newest; /* before the newest tick */
    bool refused;           /* by whoever is visited: it is not the log's */
    uint64_t looked;        /* 1 + records before the place that was read again last; 0: none was */

    /* the torn batch, to be erased: whole blocks */
    bool torn;
    uint64_t torn_segment;
    uint64_t torn_offset;
    uint64_t torn_end;

    /* ids of all blobs that records need, in order of appearance */
    struct jit_id *blobs;
    size_t blob_count;
    size_t blob_capacity;

    struct log_memory window; /* bytes [window_at, window_at + window_size) of the open segment */
    uint64_t window_at;
    uint64_t window_size;
    int file;
    uint8_t *payload; /* one that lay elsewhere */
};

/* Read FORMAT into identity->uuid. Errors: JIT_ENOENT, JIT_ECORRUPT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err log_scan_format(struct log_scan *scan);
/* A log without the segment at which the reading begins is damaged. */
JIT_MUST_CHECK enum jit_err log_scan_run(struct log_scan *scan, const struct log_listing *listing);
/* All of it, for whoever changes nothing before: FORMAT, the list of segments, the records. listing
 * is all zeros; release it and the scan, whatever comes back. */
JIT_MUST_CHECK enum jit_err log_scan_whole(struct log_scan *scan, struct log_listing *listing);
void log_scan_release(struct log_scan *scan);
/* Note where and why, and return err. */
enum jit_err log_scan_fail(struct log_scan *scan, enum jit_err err, const char *file,
                           uint64_t segment, uint64_t offset, const char *why);

/* --- writing (log.c) --- */

struct log_batch {
    struct log_memory memory;
    uint64_t size; /* bytes of records */
    uint64_t count;
    uint64_t tick_end; /* after its last record */
    bool seal;
    struct jit_io_write write;
};
struct log {
    struct jit_heap *heap;
    struct jit_io *io;
    struct log_identity identity;
    enum log_durability durability;
    unsigned open_flags;
    enum jit_err dead;

    int file;
    uint64_t segment;      /* being written */
    uint64_t segment_last; /* the newest that is ready */
    uint64_t offset;       /* of the next batch */
    uint64_t number;       /* records whose write was begun */
    uint64_t safe;         /* records known to be on the medium */
    uint64_t tick_end;     /* appended */
    uint64_t durable_end;  /* acknowledged */
    struct jit_id chain;
    struct jit_id commit; /* of the newest tick appended */
    struct jit_id state_root;
    bool sealed;
    struct log_mark opened; /* before the newest tick that was there */
    bool wanted;            /* write the filling batch as soon as possible */
    bool flying;            /* batches[1 - filling] is being written */
    unsigned filling;
    struct log_batch batches[2];
    struct log_prep prep;
};

/* A log that goes on where the scan ended. Takes nothing from the scan. (log.c) */
JIT_MUST_CHECK enum jit_err log_start(const struct log_scan *scan, enum log_durability durability,
                                      uint64_t segment_last, struct log **out);

#endif

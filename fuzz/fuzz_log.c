/* Any bytes as the segments of a log: verified, then opened, which recovers. Both say the same, and
 * what was refused is left as it was; what was opened takes a tick and is whole afterwards.
 *
 * Shape:  the first byte says how much is put right, so that the reader gets past the hashes that
 * no chance finds: 1 the hash of each header and record, 2 also the chain from each record to the
 * next; 4: the rest is FORMAT instead. Behind it the bytes of segments of 16 KiB, zeros where they
 * end. */
#include "base/check.h"
#include "base/le.h"
#include "fuzz/fuzz.h"
#include "kernel/log/log_priv.h"
#include "tests/lib/must.h"
#include "tests/lib/sim_disk.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/log", NULL};

#define SEGMENT      16384u
#define SEGMENTS_MAX 3u
#define MEND_HASHES  1u
#define MEND_CHAIN   2u
#define IS_FORMAT    4u

static const uint8_t uuid[LOG_UUID_BYTES] = {7};

struct seen {
    uint64_t next; /* tick */
    uint64_t bytes;
};

static enum jit_err take(void *user, const struct log_record *record)
{
    struct seen *seen = user;
    assert(record->tick == seen->next);
    seen->next++;
    for (uint64_t i = 0; i < record->payload_size; i++) {
        seen->bytes += record->payload[i];
    }
    return JIT_OK;
}

static void keyed(const struct log_identity *identity, uint8_t *at, size_t size)
{
    struct jit_hasher hasher;
    struct jit_id hash;
    jit_hasher_init_keyed(&hasher, identity->key);
    jit_hasher_update(&hasher, at, size);
    jit_hasher_final(&hasher, &hash);
    memcpy(at + size, hash.bytes, sizeof hash.bytes);
}

/* Whatever lies where a header or a record would be gets the hash of what it says. */
static void mend(uint8_t *segments, uint32_t count, unsigned how)
{
    struct log_identity identity;
    uint8_t prev[JIT_ID_BYTES] = {0};
    log_identity_init(&identity, uuid, SEGMENT);
    for (uint32_t i = 0; i < count && (how & MEND_HASHES) != 0; i++) {
        uint8_t *segment = segments + (size_t)i * SEGMENT;
        uint64_t at = LOG_BLOCK_BYTES;
        keyed(&identity, segment, LOG_HEADER_BYTES - JIT_ID_BYTES);
        if (i == 0) {
            memcpy(prev, segment + LOG_HEADER_BYTES - JIT_ID_BYTES, sizeof prev);
        }
        while (at + LOG_RECORD_OVERHEAD <= SEGMENT) {
            uint32_t size = log_record_claim(&identity, segment + at, SEGMENT - at);
            if (size == 0) {
                at = log_pad(at + 1);
                continue;
            }
            if ((how & MEND_CHAIN) != 0) {
                memcpy(segment + at + 64, prev, sizeof prev);
            }
            keyed(&identity, segment + at, size - JIT_ID_BYTES);
            memcpy(prev, segment + at + size - JIT_ID_BYTES, sizeof prev);
            at += size;
        }
    }
}

static void put(struct sim_disk *disk, const char *name, const void *bytes, uint64_t size)
{
    int file = -1;
    must(disk->io.open(&disk->io, name, JIT_IO_CREATE, &file));
    must(disk->io.pwrite(&disk->io, file, bytes, size, 0));
    must(disk->io.sync(&disk->io, file));
    disk->io.close(&disk->io, file);
}

static struct sim_disk *folder(const uint8_t *segments, uint32_t count)
{
    struct sim_disk *disk = sim_disk_new(1);
    char name[LOG_FILE_NAME_BYTES];
    char format[LOG_FORMAT_BYTES + 1];
    must(disk->io.mkdir(&disk->io, LOG_DIR));
    must(disk->io.mkdir(&disk->io, "blobs"));
    log_format_encode(uuid, format);
    put(disk, LOG_FORMAT_FILE, format, LOG_FORMAT_BYTES);
    for (uint32_t i = 0; i < count; i++) {
        log_segment_name(i + 1, "seg", name);
        put(disk, name, segments + (size_t)i * SEGMENT, SEGMENT);
    }
    must(disk->io.syncdir(&disk->io, ""));
    must(disk->io.syncdir(&disk->io, LOG_DIR));
    return disk;
}

static bool same_bytes(const struct sim_disk *disk, const uint8_t *segments, uint32_t count)
{
    char name[LOG_FILE_NAME_BYTES];
    for (uint32_t i = 0; i < count; i++) {
        uint64_t size = 0;
        log_segment_name(i + 1, "seg", name);
        const uint8_t *bytes = sim_disk_bytes(disk, name, &size);
        if (size != SEGMENT || memcmp(bytes, segments + (size_t)i * SEGMENT, SEGMENT) != 0) {
            return false;
        }
    }
    return true;
}

/* It takes one more tick, and then it is a log like any other. */
static void go_on(struct sim_disk *disk, struct log *log, const struct log_report *opened)
{
    struct seen seen = {0};
    struct log_report report;
    const struct log_record record = {.tick = opened->tick_end, .payload = uuid, .payload_size = 9};
    if (log_tick_end(log) < UINT64_MAX) {
        must(log_append(log, &record));
        must(log_seal(log));
    }
    log_close(log);
    must(log_verify(jit_heap_libc(), &disk->io, take, &seen, &report));
    assert(!report.torn && report.sealed && report.tick_end == opened->tick_end + 1);
    assert(seen.next == report.tick_end);
}

static void check_segments(const uint8_t *segments, uint32_t count)
{
    struct log_options options = {.segment_bytes = SEGMENT};
    struct log_report before;
    struct log_report after;
    struct seen first = {0};
    struct seen second = {0};
    struct log *log = NULL;
    char text[512];
    struct sim_disk *disk = folder(segments, count);
    memcpy(options.uuid, uuid, sizeof uuid);
    enum jit_err judged = log_verify(jit_heap_libc(), &disk->io, take, &first, &before);
    enum jit_err opened =
        log_open(jit_heap_libc(), &disk->io, &options, take, &second, &after, &log);
    assert(judged == JIT_OK || judged == JIT_ECORRUPT || judged == JIT_EVERSION);
    assert(judged == opened);
    assert(first.next == second.next && first.bytes == second.bytes);
    log_report_text(&before, text, sizeof text);
    if (opened == JIT_OK) {
        if (first.bytes > 0) { /* an empty log is no log of any version */
            fuzz_take();
        }
        assert(before.tick_end == after.tick_end && jit_id_equal(&before.chain, &after.chain));
        go_on(disk, log, &after);
    } else {
        assert(before.why[0] != '\0' && log == NULL);
        assert(same_bytes(disk, segments, count));
    }
    sim_disk_free(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t segments[SEGMENTS_MAX * SEGMENT];
    uint8_t found[LOG_UUID_BYTES];
    char again[LOG_FORMAT_BYTES + 1];
    if (size == 0) {
        return 0;
    }
    unsigned how = bytes[0];
    bytes++;
    size--;
    if ((how & IS_FORMAT) != 0) {
        if (log_format_decode(bytes, size, found) == JIT_OK) {
            log_format_encode(found, again);
            assert(size == LOG_FORMAT_BYTES && memcmp(bytes, again, size) == 0);
        }
        return 0;
    }
    size = size < sizeof segments ? size : sizeof segments;
    memset(segments, 0, sizeof segments);
    memcpy(segments, bytes, size);
    uint32_t count = size == 0 ? 1 : (uint32_t)((size + SEGMENT - 1) / SEGMENT);
    mend(segments, count, how);
    check_segments(segments, count);
    return 0;
}

/* Goal:   kernel/log/log.h keeps its word on a disk that works, says no in the right way on one
 * that does not, and loses no memory. Method: small logs on the simulated disk; each public call,
 * each limit and one past it; every refused allocation; every byte of a torn batch; every failing
 * call of a recovery. */
#include "kernel/log/log_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/le.h"
#include "tests/kernel/log/log_model.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static const struct log_options group = {
    .segment_bytes = 16384, .uuid = {1, 2, 3}, .durability = LOG_DURABILITY_GROUP};
static const struct work plain = {
    "plain", 5, 16384, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 9, 3, 100, 0, 0, false};

static struct sim_disk *disk;
static struct fault_heap mem;
static struct log *log_;
static struct log_report report;

static void setup(void)
{
    disk = sim_disk_new(1);
    mem = fault_heap_make(-1, false);
    log_ = NULL;
}

static void teardown(void)
{
    log_close(log_);
    sim_disk_free(disk);
    ck_assert_int_eq(mem.live, 0);
}

static enum jit_err open_log(const struct log_options *options)
{
    log_close(log_);
    log_ = NULL;
    return log_open(&mem.heap, &disk->io, options, NULL, NULL, &report, &log_);
}

static enum jit_err append(uint64_t payload_size)
{
    static uint8_t payload[9u << 20];
    struct log_record record = {
        .tick = log_tick_end(log_), .payload = payload, .payload_size = payload_size};
    ck_assert_uint_le(payload_size, sizeof payload);
    record.commit.bytes[0] = (uint8_t)record.tick;
    return log_append(log_, &record);
}

static void ok(enum jit_err err)
{
    ck_assert_msg(err == JIT_OK, "%s: %s", jit_err_name(err), report.why);
}

START_TEST(a_life)
{
    uint64_t durable = 0;
    struct log_place next;
    ok(open_log(&group));
    ck_assert(report.created);
    ck_assert_uint_eq(report.records, 0);
    ck_assert(log_idle(log_));
    ck_assert(!log_sealed(log_));
    ok(log_seal(log_)); /* nothing to seal */
    ok(append(100));
    ok(append(100));
    ck_assert_uint_eq(log_tick_end(log_), 2);
    ok(log_reap(log_, true, &durable));
    ck_assert_uint_eq(durable, 0); /* a group waits for flush */
    ok(log_flush(log_));
    ok(append(100)); /* into the next batch, while the first is under way */
    ok(log_flush(log_));
    ok(log_reap(log_, true, &durable));
    ck_assert_uint_eq(durable, 2);
    ok(log_reap(log_, true, &durable));
    ck_assert_uint_eq(durable, 3);
    ck_assert(log_idle(log_));
    ok(log_seal(log_));
    ck_assert(log_sealed(log_));
    log_next_write(log_, &next);
    ck_assert_uint_eq(next.segment, 1);
    ck_assert_uint_eq(next.offset, 4 * LOG_BLOCK_BYTES);
    ck_assert_uint_eq(next.record, 4);
    uint64_t changes = disk->changes;
    ok(log_seal(log_)); /* sealed already */
    ck_assert_uint_eq(disk->changes, changes);
    struct jit_id chain = *log_chain(log_);
    ok(open_log(&group));
    ck_assert(!report.created);
    ck_assert(report.sealed);
    ck_assert(!report.torn);
    ck_assert_uint_eq(report.records, 4);
    ck_assert_uint_eq(report.seals, 1);
    ck_assert_uint_eq(report.tick_end, 3);
    ck_assert_uint_eq(report.segment_bytes, 16384);
    ck_assert(jit_id_equal(&report.chain, &chain));
    ck_assert(jit_id_equal(log_chain(log_), &chain));
    ck_assert_mem_eq(report.uuid, group.uuid, LOG_UUID_BYTES);
    ck_assert_uint_eq(log_durable_end(log_), 3);
}
END_TEST

START_TEST(a_tick_needs_no_flush)
{
    struct log_options options = group;
    uint64_t durable = 0;
    options.durability = LOG_DURABILITY_TICK;
    ok(open_log(&options));
    ok(append(10));
    ok(log_reap(log_, true, &durable));
    ck_assert_uint_eq(durable, 1);
    ok(append(10));
    ok(log_flush(log_));
    ok(append(10));
    ok(append(10)); /* 2 and 3 wait together for 1 */
    ok(log_reap(log_, true, &durable));
    ck_assert_uint_eq(durable, 2);
    ok(log_reap(log_, true, &durable));
    ck_assert_uint_eq(durable, 4);
}
END_TEST

/* Another segment size or uuid is no matter for a log that is there. */
START_TEST(options_are_for_a_new_log)
{
    struct log_options other = {.segment_bytes = 65536, .uuid = {9}};
    ok(open_log(&group));
    ok(append(10));
    ok(log_seal(log_));
    ok(open_log(&other));
    ck_assert_uint_eq(report.segment_bytes, 16384);
    ck_assert_mem_eq(report.uuid, group.uuid, LOG_UUID_BYTES);
}
END_TEST

static enum jit_err last_size(void *user, const struct log_record *record)
{
    *(uint64_t *)user = record->payload_size;
    return JIT_OK;
}

/* A record holds a payload up to its limit; one byte more goes through a blob, and nobody sees. */
START_TEST(record_limits)
{
    static const uint64_t segments[] = {16384, 1u << 20, 16u << 20};
    struct log_options options = group;
    options.segment_bytes = segments[_i];
    ok(open_log(&options));
    uint64_t room = options.segment_bytes - LOG_BLOCK_BYTES;
    uint64_t max =
        (room < JIT_LOG_RECORD_BYTES_MAX ? room : JIT_LOG_RECORD_BYTES_MAX) - LOG_RECORD_OVERHEAD;
    for (uint64_t more = 0; more < 2; more++) {
        uint64_t size = 0;
        ok(append(max + more));
        ok(log_seal(log_));
        log_close(log_);
        log_ = NULL;
        ok(log_open(&mem.heap, &disk->io, &options, last_size, &size, &report, &log_));
        ck_assert_uint_eq(size, max + more);
        ck_assert_uint_eq(report.blobs, more);
        ok(log_verify(&mem.heap, &disk->io, last_size, &size, &report));
    }
    struct log_record record = {.tick = log_tick_end(log_),
                                .payload = (const uint8_t *)"",
                                .payload_size = LOG_PAYLOAD_BYTES_MAX + 1};
    ck_assert_int_eq(log_append(log_, &record), JIT_ELIMIT);
    ck_assert_int_eq(log_dead(log_), JIT_OK);
    ok(append(1));
}
END_TEST

/* Batches fill to 1 MiB and are then written without being asked. */
START_TEST(full_batch)
{
    struct log_options options = group;
    options.segment_bytes = 8u << 20;
    ok(open_log(&options));
    for (unsigned i = 0; i < 40; i++) {
        ok(append(100000));
    }
    ck_assert_uint_ge(log_durable_end(log_), 10);
    ok(log_seal(log_));
    ck_assert_uint_eq(log_durable_end(log_), 40);
    ok(open_log(&options));
    ck_assert_uint_eq(report.tick_end, 40);
}
END_TEST

/* No room for the next segment: the tick is refused, the log is as it was, and later it goes on. */
START_TEST(full_disk)
{
    enum jit_err err = JIT_OK;
    ok(open_log(&group));
    ok(log_reap(log_, false, NULL));
    uint64_t ticks = 0;
    while (err == JIT_OK) {
        if (log_->segment == 2 && disk->fault_err == JIT_OK) {
            /* The spare one is being made: from here on nothing more can be. */
            disk->fault_err = JIT_ENOSPC;
            disk->fault_at = disk->calls;
            disk->fault_sticky = true;
        }
        uint64_t before = log_tick_end(log_);
        /* Existing segments take writes; only new ones find no room. */
        bool roomy = disk->fault_err == JIT_OK ||
                     log_->offset + LOG_BLOCK_BYTES <= log_->identity.segment_bytes ||
                     log_->segment_last > log_->segment;
        disk->fault_at = roomy ? UINT64_MAX : 0;
        err = append(3000);
        ticks = log_tick_end(log_);
        ck_assert_uint_eq(ticks, err == JIT_OK ? before + 1 : before);
        if (err == JIT_OK) {
            disk->fault_at = UINT64_MAX;
            ok(log_flush(log_));
            ok(log_reap(log_, true, NULL));
        }
        ck_assert_uint_lt(ticks, 100);
    }
    ck_assert_int_eq(err, JIT_ENOSPC);
    ck_assert_int_eq(log_dead(log_), JIT_OK);
    ck_assert_int_eq(append(3000), JIT_ENOSPC); /* and again */
    ck_assert_uint_eq(log_durable_end(log_), ticks);
    disk->fault_err = JIT_OK;
    ok(append(3000)); /* with room again it makes the segment itself */
    ok(log_seal(log_));
    ok(open_log(&group));
    ck_assert_uint_eq(report.tick_end, ticks + 1);
}
END_TEST

/* After a failed write nothing is written any more, whatever is asked. */
START_TEST(dead_is_dead)
{
    ok(open_log(&group));
    while (log_->prep.state != LOG_PREP_IDLE) {
        ok(log_reap(log_, false, NULL));
    }
    ok(append(10));
    ok(log_flush(log_));
    disk->fault_err = JIT_EIO;
    disk->fault_at = disk->calls;
    ck_assert_int_eq(log_reap(log_, true, NULL), JIT_EIO);
    uint64_t changes = disk->changes;
    ck_assert_int_eq(log_dead(log_), JIT_EIO);
    ck_assert_int_eq(append(10), JIT_EIO);
    ck_assert_int_eq(log_flush(log_), JIT_EIO);
    ck_assert_int_eq(log_seal(log_), JIT_EIO);
    ck_assert_int_eq(log_reap(log_, true, NULL), JIT_EIO);
    ck_assert_uint_eq(disk->changes, changes);
    ck_assert_uint_eq(log_durable_end(log_), 0);
}
END_TEST

static enum jit_err refuse_third(void *user, const struct log_record *record)
{
    (void)user;
    return record->tick == 2 ? JIT_EDIVERGED : JIT_OK;
}

START_TEST(a_reader_may_refuse)
{
    struct model model = {.acked = 0};
    ok(model_work(&plain, 1, &mem.heap, disk, &model, NULL));
    ck_assert_int_eq(log_open(&mem.heap, &disk->io, &group, refuse_third, NULL, &report, &log_),
                     JIT_EDIVERGED);
    ck_assert_ptr_null(log_);
    ck_assert_uint_eq(report.at.tick, 2);
    ck_assert_uint_eq(report.at.record, 2);
    ck_assert_str_eq(report.at.file, "log/0000000000000001.seg");
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, refuse_third, NULL, &report), JIT_EDIVERGED);
}
END_TEST

/* --- bytes of another version --- */

static void rehash_record(uint64_t offset, uint16_t major)
{
    static const char name[] = "log/0000000000000001.seg";
    struct log_identity identity;
    struct jit_hasher hasher;
    struct jit_id hash;
    uint8_t record[4096];
    uint64_t size = 0;
    log_identity_init(&identity, group.uuid, 16384);
    memcpy(record, sim_disk_bytes(disk, name, &size) + offset, sizeof record);
    uint32_t bytes = jit_le32(record + 8);
    ck_assert_uint_le(bytes, sizeof record);
    jit_put_le16(record + 4, major);
    jit_hasher_init_keyed(&hasher, identity.key);
    jit_hasher_update(&hasher, record, bytes - JIT_ID_BYTES);
    jit_hasher_final(&hasher, &hash);
    memcpy(record + bytes - JIT_ID_BYTES, hash.bytes, JIT_ID_BYTES);
    sim_disk_damage(disk, name, offset, record, bytes);
}

START_TEST(unknown_majors)
{
    static const char seg[] = "log/0000000000000001.seg";
    static const char format[] = "jitos data folder\nformat 2.0\n";
    static const uint8_t two[2] = {2, 0};
    ok(open_log(&group));
    ok(append(10));
    ok(log_seal(log_));
    log_close(log_);
    log_ = NULL;
    rehash_record(4096, 2);
    ck_assert_int_eq(open_log(&group), JIT_EVERSION);
    ck_assert_uint_eq(report.at.offset, 4096);
    rehash_record(4096, 1);
    ok(open_log(&group));
    log_close(log_);
    log_ = NULL;
    sim_disk_damage(disk, seg, 4, two, 2);
    ck_assert_int_eq(open_log(&group), JIT_EVERSION);
    ck_assert_str_eq(report.at.file, seg);
    sim_disk_damage(disk, "FORMAT", 0, format, sizeof format - 1);
    ck_assert_int_eq(open_log(&group), JIT_EVERSION);
    ck_assert_str_eq(report.at.file, "FORMAT");
}
END_TEST

START_TEST(format_text)
{
    char text[LOG_FORMAT_BYTES + 1];
    uint8_t uuid[LOG_UUID_BYTES];
    log_format_encode(group.uuid, text);
    ok(log_format_decode((const uint8_t *)text, LOG_FORMAT_BYTES, uuid));
    ck_assert_mem_eq(uuid, group.uuid, LOG_UUID_BYTES);
    for (uint64_t size = 0; size < LOG_FORMAT_BYTES; size++) {
        ck_assert_int_eq(log_format_decode((const uint8_t *)text, size, uuid), JIT_ECORRUPT);
    }
}
END_TEST

/* --- reading changes nothing --- */

START_TEST(verify_reads_only)
{
    struct model model = {.acked = 0};
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, NULL, NULL, &report), JIT_ENOENT);
    ok(model_work(&plain, 1, &mem.heap, disk, &model, NULL));
    uint64_t changes = disk->changes;
    struct model_check check = {.model = &model};
    ok(log_verify(&mem.heap, &disk->io, model_visit, &check, &report));
    ck_assert_uint_eq(check.next, plain.ticks);
    ck_assert_uint_eq(disk->changes, changes);
}
END_TEST

/* What is refused is left as it was found. */
START_TEST(refusing_changes_nothing)
{
    static const char name[] = "log/0000000000000001.seg";
    struct model model = {.acked = 0};
    uint64_t size = 0;
    static uint8_t before[16384];
    ok(model_work(&plain, 1, &mem.heap, disk, &model, NULL));
    uint8_t bad = (uint8_t)(sim_disk_bytes(disk, name, &size)[4200] ^ 1);
    sim_disk_damage(disk, name, 4200, &bad, 1);
    memcpy(before, sim_disk_bytes(disk, name, &size), sizeof before);
    ck_assert_int_eq(open_log(&group), JIT_ECORRUPT);
    ck_assert_mem_eq(sim_disk_bytes(disk, name, &size), before, sizeof before);
    char text[256];
    log_report_text(&report, text, sizeof text);
    ck_assert_str_eq(text, "record 0, log/0000000000000001.seg byte 4096 (tick 0): bytes that do "
                           "not verify, and a later segment was written to");
}
END_TEST

/* --- torn --- */

/* A disk whose log holds `plain` and whose last batch, of three ticks, is under way. */
static struct sim_disk *torn_disk(struct model *model, uint64_t cut)
{
    struct sim_crash plan = {.kind = SIM_PREFIX, .cut = cut};
    static const struct work in_tick = {
        "torn", 5, 65536, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 4, 2, 100, 0, 0, false};
    struct fault_heap heap = fault_heap_make(-1, false);
    struct sim_disk *from = sim_disk_new(3);
    struct log_report found;
    struct log *log = NULL;
    memset(model, 0, sizeof *model);
    ok(model_work(&in_tick, 1, &heap.heap, from, model, NULL));
    ok(model_open(&in_tick, &heap.heap, from, model, &found, &log));
    while (log->prep.state != LOG_PREP_IDLE) {
        ok(log_reap(log, false, NULL));
    }
    for (unsigned i = 0; i < 3; i++) {
        ok(model_tick(&in_tick, 1, &heap.heap, from, log, model));
    }
    ok(log_flush(log));
    ck_assert_uint_eq(sim_disk_pending(from), 1);
    uint64_t size = log->batches[1 - log->filling].write.size;
    struct sim_disk *after = cut <= size ? sim_disk_crash(from, &plan) : NULL;
    log_close(log);
    sim_disk_free(from);
    ck_assert_int_eq(heap.live, 0);
    return after;
}

START_TEST(torn_at_every_byte)
{
    static const struct work in_tick = {
        "torn", 5, 65536, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 4, 2, 100, 0, 0, false};
    struct model model;
    uint64_t torn = 0;
    uint64_t whole = 0;
    struct sim_disk *after = NULL;
    for (uint64_t cut = 0; (after = torn_disk(&model, cut)) != NULL; cut++) {
        struct log *log = NULL;
        ok(model_open(&in_tick, &mem.heap, after, &model, &report, &log));
        ck_assert_uint_ge(report.tick_end, model.acked);
        ck_assert_uint_le(report.tick_end, model.submitted);
        torn += report.torn ? 1 : 0;
        whole += report.tick_end == model.submitted ? 1 : 0;
        if (report.torn) {
            ck_assert_str_eq(report.at.file, "log/0000000000000001.seg");
            ck_assert_uint_eq(report.at.tick, report.tick_end);
            ck_assert_uint_gt(report.torn_bytes, 0);
            ck_assert_str_ne(report.why, "");
        }
        log_close(log);
        ok(log_verify(&mem.heap, &after->io, NULL, NULL, &report));
        ck_assert(!report.torn); /* erased */
        sim_disk_free(after);
    }
    ck_assert_uint_gt(torn, 4096);
    ck_assert_uint_gt(whole, 0);
}
END_TEST

/* Each call of a recovery fails, once and from then on; the next recovery finds all. */
/* Wherever the first record's write ends: there is history when recovery would find some. */
START_TEST(begun_with_a_durable_record)
{
    bool begun = true;
    unsigned both[2] = {0, 0};
    ok(log_begun(&mem.heap, &disk->io, &begun));
    ck_assert(!begun);
    ok(open_log(&group));
    ok(log_begun(&mem.heap, &disk->io, &begun));
    ck_assert(!begun);
    while (log_->prep.state != LOG_PREP_IDLE) {
        ok(log_reap(log_, false, NULL));
    }
    ok(append(100));
    ok(log_flush(log_));
    ck_assert_uint_eq(sim_disk_pending(disk), 1);
    for (uint64_t cut = 0; cut <= LOG_BLOCK_BYTES; cut += 1 + cut / 5) {
        struct sim_crash plan = {.kind = SIM_PREFIX, .cut = cut};
        struct sim_disk *after = sim_disk_crash(disk, &plan);
        struct log_report found;
        struct log *log = NULL;
        uint64_t changes = after->changes;
        ok(log_begun(&mem.heap, &after->io, &begun));
        ck_assert_uint_eq(after->changes, changes);
        ok(log_open(&mem.heap, &after->io, &group, NULL, NULL, &found, &log));
        ck_assert_int_eq(begun, found.tick_end > 0);
        both[begun]++;
        log_close(log);
        sim_disk_free(after);
    }
    ck_assert(both[0] > 0 && both[1] > 0);
    ok(log_reap(log_, true, NULL));
    ok(log_seal(log_));
    sim_disk_damage(disk, "log/0000000000000001.seg", LOG_BLOCK_BYTES + 50, "damaged", 7);
    ok(log_begun(&mem.heap, &disk->io, &begun)); /* refused by name, but not new */
    ck_assert(begun);
}
END_TEST

START_TEST(recovery_faults) /* _i = sticky */
{
    static const struct work in_tick = {
        "torn", 5, 65536, LOG_DURABILITY_GROUP, MODEL_NO_BLOBS, 4, 2, 100, 0, 0, false};
    bool fired = true;
    for (uint64_t at = 0; fired; at++) {
        struct model model;
        struct sim_disk *after = torn_disk(&model, 4999);
        struct log *log = NULL;
        after->fault_err = JIT_EIO;
        after->fault_at = at;
        after->fault_sticky = _i == 1;
        enum jit_err err = model_open(&in_tick, &mem.heap, after, &model, &report, &log);
        fired = after->fault_fired;
        ck_assert(fired ? err == JIT_EIO || err == JIT_OK : err == JIT_OK);
        log_close(log);
        log = NULL;
        after->fault_err = JIT_OK;
        ok(model_open(&in_tick, &mem.heap, after, &model, &report, &log));
        ck_assert_uint_ge(report.tick_end, model.acked);
        log_close(log);
        sim_disk_free(after);
    }
}
END_TEST

/* --- no memory --- */

START_TEST(no_memory) /* _i = sticky */
{
    static const struct work blobs = {"oom", 5, 16384, LOG_DURABILITY_TICK, MODEL_BLOBS, 9, 0, 100,
                                      4,     0, false};
    bool fired = true;
    for (int64_t at = 0; fired; at++) {
        struct model model = {.acked = 0};
        struct fault_heap heap = fault_heap_make(at, _i == 1);
        struct sim_disk *full = sim_disk_new(2);
        enum jit_err err = model_work(&blobs, 1, &heap.heap, full, &model, NULL);
        fired = fault_heap_fired(&heap);
        ck_assert_int_eq(heap.live, 0);
        if (!fired) {
            ok(err);
        } else {
            ck_assert(err == JIT_ENOMEM || err == JIT_OK);
        }
        /* Whatever was reached is there, and again with too little memory for reading. */
        heap = fault_heap_make(-1, false);
        struct log *log = NULL;
        ok(model_open(&blobs, &heap.heap, full, &model, &report, &log));
        ck_assert_uint_ge(report.tick_end, model.acked);
        log_close(log);
        ck_assert_int_eq(heap.live, 0);
        sim_disk_free(full);
    }
    struct model model = {.acked = 0};
    ok(model_work(&blobs, 1, &mem.heap, disk, &model, NULL));
    fired = true;
    for (int64_t at = 0; fired; at++) {
        struct fault_heap heap = fault_heap_make(at, _i == 1);
        struct model_check check = {.model = &model, .blobs = MODEL_BLOBS};
        enum jit_err err = log_verify(&heap.heap, &disk->io, model_visit, &check, &report);
        fired = fault_heap_fired(&heap);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(heap.live, 0);
        struct log *log = NULL;
        heap = fault_heap_make(at, _i == 1);
        err = model_open(&blobs, &heap.heap, disk, &model, &report, &log);
        ck_assert(err == JIT_OK || (err == JIT_ENOMEM && fault_heap_fired(&heap)));
        log_close(log);
        ck_assert_int_eq(heap.live, 0);
        fired = fired || fault_heap_fired(&heap);
    }
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "life", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_life);
    tcase_add_test(t, a_tick_needs_no_flush);
    tcase_add_test(t, options_are_for_a_new_log);
    tcase_add_loop_test(t, record_limits, 0, 3);
    tcase_add_test(t, full_batch);
    tcase_add_test(t, full_disk);
    tcase_add_test(t, dead_is_dead);
    tcase_add_test(t, a_reader_may_refuse);
    t = test_case(suite, "bytes", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, unknown_majors);
    tcase_add_test(t, format_text);
    tcase_add_test(t, verify_reads_only);
    tcase_add_test(t, refusing_changes_nothing);
    t = test_case(suite, "torn", 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, torn_at_every_byte);
    tcase_add_test(t, begun_with_a_durable_record);
    tcase_add_loop_test(t, recovery_faults, 0, 2);
    t = test_case(suite, "memory", 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, no_memory, 0, 2);
}

TEST_MAIN("kernel/log", fill_suite)

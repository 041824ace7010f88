/* Goal:   whatever lies in a data folder, its log is opened and read or refused with the reason,
 * and an operation or an allocation that fails on the way changes nothing of that. Method: folders
 * that were left at every stage, segments larger than what is read at once, blobs that are not
 * there; each operation and each allocation of each reading refused. */
#include "tests/kernel/log/log_bed.h"

#include <stdio.h>
#include <string.h>

#include "kernel/log/blob.h"

/* ---- every reading, every operation failing ---- */

static enum jit_err read_whole(void)
{
    struct log_report report;
    unsigned count = 0;
    return log_verify(&mem.heap, &disk->io, accept, &count, &report);
}
static enum jit_err read_begun(void)
{
    bool begun = false;
    enum jit_err err = log_begun(&mem.heap, &disk->io, &begun);
    ck_assert(err != JIT_OK || begun || disk->fault_err == JIT_ENOENT);
    return err;
}
static enum jit_err read_uuid(void)
{
    uint8_t found[LOG_UUID_BYTES];
    return log_uuid(&mem.heap, &disk->io, found);
}
static enum jit_err read_segments(void)
{
    uint64_t first = 0;
    uint64_t last = 0;
    return log_segments(&mem.heap, &disk->io, &first, &last);
}
static enum jit_err (*const readings[])(void) = {read_whole, read_begun, read_uuid, read_segments};

/* A folder with several segments, payloads that lie elsewhere, and a torn end. */
static void make_worn(void)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .uuid = {1, 2, 3}, .durability = LOG_DURABILITY_GROUP};
    static uint8_t payload[3 * SEGMENT_BYTES];
    struct log_report report;
    struct log_place next;
    struct log *log = NULL;
    uint32_t junk = LOG_RECORD_MAGIC;
    ck_assert_int_eq(log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log), JIT_OK);
    for (unsigned i = 0; i < 10; i++) {
        struct log_record record = {
            .tick = i, .payload = payload, .payload_size = i % 4 == 3 ? sizeof payload : 3000};
        ck_assert_int_eq(log_append(log, &record), JIT_OK);
        ck_assert_int_eq(log_flush(log), JIT_OK);
        while (!log_idle(log)) {
            ck_assert_int_eq(log_reap(log, true, NULL), JIT_OK);
        }
    }
    log_next_write(log, &next);
    log_close(log);
    sim_disk_damage(disk, next.file, next.offset, &junk, sizeof junk);
}

START_TEST(failing_readings) /* _i: which */
{
    static const enum jit_err errs[] = {JIT_EIO, JIT_ENOMEM, JIT_ENOENT, JIT_EEXIST};
    make_worn();
    uint64_t before = disk->calls;
    ck_assert_int_eq(readings[_i](), JIT_OK);
    uint64_t calls = disk->calls - before;
    for (unsigned e = 0; e < sizeof errs / sizeof errs[0]; e++) {
        for (uint64_t at = 0; at < 2 * calls; at++) {
            disk->fault_at = disk->calls + at / 2;
            disk->fault_err = errs[e];
            disk->fault_sticky = at % 2 != 0;
            disk->fault_fired = false;
            enum jit_err err = readings[_i]();
            /* That a blob is not there is damage; a log that is not there has not begun. */
            ck_assert(!disk->fault_fired || errs[e] == JIT_ENOENT || err != JIT_OK);
            disk->fault_err = JIT_OK;
            ck_assert_int_eq(mem.live, 0);
        }
    }
    struct fault_heap whole = mem;
    for (int64_t at = 0, fired = 1; fired != 0; at++) {
        mem = fault_heap_make(at, false);
        enum jit_err err = readings[_i]();
        fired = fault_heap_fired(&mem);
        ck_assert_int_eq(err, fired != 0 ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(mem.live, 0);
    }
    mem = whole;
}
END_TEST

/* ---- a folder that a crash or somebody has left ---- */

/* A disk that answers one reading with less than there is. */
static uint64_t short_in = UINT64_MAX;
static enum jit_err (*whole_pread)(struct jit_io *io, int file, void *buf, uint64_t size,
                                   uint64_t offset, uint64_t *got);
static enum jit_err short_pread(struct jit_io *io, int file, void *buf, uint64_t size,
                                uint64_t offset, uint64_t *got)
{
    enum jit_err err = whole_pread(io, file, buf, size, offset, got);
    if (err == JIT_OK && *got > 0 && short_in-- == 0) {
        (*got)--;
    }
    return err;
}

START_TEST(short_readings)
{
    unsigned refused = 0;
    make_worn();
    whole_pread = disk->io.pread;
    disk->io.pread = short_pread;
    for (uint64_t at = 0; at < 12; at++) {
        short_in = at;
        enum jit_err err = read_whole();
        ck_assert(err == JIT_OK || err == JIT_EIO || err == JIT_ECORRUPT);
        refused += err != JIT_OK;
    }
    ck_assert_uint_gt(refused, 6);
    short_in = UINT64_MAX;
    ck_assert_int_eq(read_whole(), JIT_OK);
}
END_TEST

static enum jit_err open_again(log_visit *visit, void *user, struct log_report *report)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .uuid = {1, 2, 3}, .durability = LOG_DURABILITY_GROUP};
    struct log *log = NULL;
    enum jit_err err = log_open(&mem.heap, &disk->io, &options, visit, user, report, &log);
    log_close(log);
    return err;
}

/* Each operation of opening the folder as it is, and each allocation; then it is opened. */
static void fail_opening(enum jit_err expect)
{
    const struct sim_crash keep = {.kind = SIM_KEEP_ALL, .dirs = UINT64_MAX};
    static const enum jit_err errs[] = {JIT_EIO, JIT_ENOSPC, JIT_ENOMEM};
    struct log_report report;
    struct sim_disk *folder = disk;
    struct fault_heap whole = mem;
    unsigned count = 0;
    bool fired = true;
    for (uint64_t at = 0; fired; at++) {
        disk = sim_disk_crash(folder, &keep);
        disk->fault_at = disk->calls + at / 2;
        disk->fault_err = errs[at % 3];
        disk->fault_sticky = at % 2 != 0;
        enum jit_err err = open_again(accept, &count, &report);
        fired = disk->fault_fired;
        ck_assert(fired || err == expect);
        disk->fault_err = JIT_OK;
        ck_assert_int_eq(mem.live, 0);
        ck_assert_int_eq(open_again(accept, &count, &report), expect);
        sim_disk_free(disk);
    }
    fired = true;
    for (int64_t at = 0; fired; at++) {
        disk = sim_disk_crash(folder, &keep);
        mem = fault_heap_make(at, false);
        enum jit_err err = open_again(accept, &count, &report);
        fired = fault_heap_fired(&mem);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : expect);
        ck_assert_int_eq(mem.live, 0);
        sim_disk_free(disk);
    }
    mem = whole;
    disk = folder;
}

START_TEST(worn_folders)
{
    make_worn();
    put_file("log/0000000000000008.tmp");
    put_file("log/0000000000000009.tmp");
    fail_opening(JIT_OK);
}
END_TEST

/* FORMAT comes last: without it nothing was promised, and what holds bytes all the same is no
 * creation that was cut off. */
START_TEST(unborn_folders) /* _i: what is there */
{
    uint64_t size = 3u << 20;
    const uint8_t byte = 1;
    ck_assert_int_eq(disk->io.mkdir(&disk->io, "log"), JIT_OK);
    ck_assert_int_eq(disk->io.mkdir(&disk->io, "blobs"), JIT_OK);
    put_file(FIRST);
    put_file("log/0000000000000002.seg");
    put_file("FORMAT.tmp");
    put_file("log/0000000000000003.tmp");
    sim_disk_resize(disk, FIRST, size);
    if (_i == 1) {
        sim_disk_damage(disk, FIRST, LOG_BLOCK_BYTES, &byte, 1);
    }
    put_file("blobs/tmp-0");
    if (_i == 2) {
        char name[BLOB_NAME_BYTES];
        const struct jit_id ids[] = {{{1}}, {{2}}};
        for (unsigned i = 0; i < 2; i++) {
            blob_name_in("blobs", &ids[i], name);
            put_file(name);
        }
    }
    fail_opening(_i == 0 ? JIT_OK : JIT_ECORRUPT);
}
END_TEST

START_TEST(empty_folders)
{
    uint64_t first = 0;
    uint64_t last = 0;
    bool begun = true;
    ck_assert_int_eq(disk->io.mkdir(&disk->io, "log"), JIT_OK);
    ck_assert_int_eq(log_segments(&mem.heap, &disk->io, &first, &last), JIT_ENOENT);
    ck_assert_int_eq(log_begun(&mem.heap, &disk->io, &begun), JIT_OK);
    ck_assert(!begun);
    make_log(1);
    sim_disk_damage(disk, "FORMAT", sizeof "jitos data folder\nformat " - 1, "2", 1);
    ck_assert_int_eq(log_begun(&mem.heap, &disk->io, &begun), JIT_OK);
    ck_assert(begun);
}
END_TEST

START_TEST(no_segment_left)
{
    struct log_report report;
    unsigned count = 0;
    make_log(1);
    for (size_t i = 0; sim_disk_name(disk, i) != NULL;) {
        const char *name = sim_disk_name(disk, i);
        if (strncmp(name, "log/", 4) == 0) {
            sim_disk_remove(disk, name);
        } else {
            i++;
        }
    }
    ck_assert_int_eq(open_again(accept, &count, &report), JIT_ECORRUPT);
    ck_assert_str_eq(report.why, "the segment is missing");
}
END_TEST

START_TEST(the_usual_segment)
{
    const struct log_options options = {.durability = LOG_DURABILITY_NONE};
    struct log_report report;
    struct log *log = NULL;
    ck_assert_int_eq(log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log), JIT_OK);
    log_close(log);
    ck_assert_uint_eq(report.segment_bytes, JIT_LOG_SEGMENT_BYTES);
}
END_TEST

/* Bytes where no record has room any more. */
START_TEST(a_segments_last_bytes)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .uuid = {1, 2, 3}, .durability = LOG_DURABILITY_GROUP};
    static uint8_t payload[LOG_BLOCK_BYTES - LOG_RECORD_OVERHEAD - 104];
    struct log_report report;
    struct log *log = NULL;
    const uint32_t junk = 77;
    ck_assert_int_eq(log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log), JIT_OK);
    for (unsigned i = 0; i < 3; i++) {
        struct log_record record = {.tick = i, .payload = payload, .payload_size = sizeof payload};
        ck_assert_int_eq(log_append(log, &record), JIT_OK);
        ck_assert_int_eq(log_flush(log), JIT_OK);
        while (!log_idle(log)) {
            ck_assert_int_eq(log_reap(log, true, NULL), JIT_OK);
        }
    }
    log_close(log);
    sim_disk_damage(disk, FIRST, SEGMENT_BYTES - 104, &junk, sizeof junk);
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, NULL, NULL, &report), JIT_OK);
    ck_assert(report.torn);
    ck_assert_uint_eq(report.records, 3);
}
END_TEST

/* What looks torn is not, when the segment after it was written to. */
START_TEST(torn_in_the_middle)
{
    static const uint8_t zeros[SEGMENT_BYTES - LOG_BLOCK_BYTES];
    const uint32_t junk = 77;
    struct log_report report;
    make_log(5);
    sim_disk_damage(disk, FIRST, LOG_BLOCK_BYTES, zeros, sizeof zeros);
    sim_disk_damage(disk, FIRST, LOG_BLOCK_BYTES, &junk, sizeof junk);
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, NULL, NULL, &report), JIT_ECORRUPT);
    ck_assert(!report.torn);
    ck_assert_str_eq(report.why, "bytes that do not verify, and a later segment was written to");
    sim_disk_damage(disk, FIRST, LOG_BLOCK_BYTES, zeros, sizeof zeros);
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, NULL, NULL, &report), JIT_ECORRUPT);
    ck_assert_str_eq(report.why, "written to, though the segment before it was not");
}
END_TEST

struct refusing {
    uint64_t tick;
    uint64_t visits;
};

static enum jit_err refuse_at(void *user, const struct log_record *record)
{
    struct refusing *r = user;
    r->visits++;
    return record->tick == r->tick ? JIT_ECORRUPT : JIT_OK;
}

/* Whoever refuses a record, be it the first of a segment, is not asked again. */
START_TEST(refused_once)
{
    struct log_report report;
    make_log(5);
    for (uint64_t tick = 0; tick < 5; tick++) {
        struct refusing r = {.tick = tick};
        ck_assert_int_eq(log_verify(&mem.heap, &disk->io, refuse_at, &r, &report), JIT_ECORRUPT);
        ck_assert_uint_eq(r.visits, tick + 1);
        ck_assert_uint_eq(report.at.tick, tick);
    }
    ck_assert(report.at.segment > 1);
}
END_TEST

static enum jit_err refuse_in_words(void *user, const struct log_record *record)
{
    struct log_report *report = user;
    (void)record;
    report->why = "I do not like it";
    return JIT_ESTALE;
}

START_TEST(payloads_elsewhere)
{
    struct log_report report;
    unsigned count = 0;
    make_worn();
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, refuse_in_words, &report, &report),
                     JIT_ESTALE);
    ck_assert_str_eq(report.why, "I do not like it");
    for (size_t i = 0; sim_disk_name(disk, i) != NULL; i++) {
        if (strncmp(sim_disk_name(disk, i), "blobs/", 6) == 0) {
            sim_disk_remove(disk, sim_disk_name(disk, i));
            break;
        }
    }
    ck_assert_int_eq(open_again(accept, &count, &report), JIT_ECORRUPT);
}
END_TEST

/* ---- segments larger than what is read at once ---- */

START_TEST(failing_windows) /* _i: 0 whole, 1 damaged in front, 2 torn */
{
    const struct log_options options = {
        .segment_bytes = 4u << 20, .uuid = {1, 2, 3}, .durability = LOG_DURABILITY_GROUP};
    static uint8_t payload[600000];
    struct log_report report;
    struct log_place next;
    struct log *log = NULL;
    const uint32_t junk = 77;
    memset(payload, 5, sizeof payload);
    ck_assert_int_eq(log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log), JIT_OK);
    for (unsigned i = 0; i < 6; i++) {
        struct log_record record = {.tick = i, .payload = payload, .payload_size = sizeof payload};
        ck_assert_int_eq(log_append(log, &record), JIT_OK);
        ck_assert_int_eq(log_flush(log), JIT_OK);
        while (!log_idle(log)) {
            ck_assert_int_eq(log_reap(log, true, NULL), JIT_OK);
        }
    }
    log_next_write(log, &next);
    log_close(log);
    if (_i > 0) {
        sim_disk_damage(disk, FIRST, _i == 1 ? LOG_BLOCK_BYTES : next.offset, &junk, sizeof junk);
    }
    uint64_t before = disk->calls;
    enum jit_err expect = read_whole();
    ck_assert_int_eq(expect, _i == 1 ? JIT_ECORRUPT : JIT_OK);
    uint64_t calls = disk->calls - before;
    for (uint64_t at = 0; at < calls; at++) {
        disk->fault_at = disk->calls + at;
        disk->fault_err = JIT_EIO;
        disk->fault_fired = false;
        enum jit_err err = read_whole();
        ck_assert_int_eq(err, disk->fault_fired ? JIT_EIO : expect);
        disk->fault_err = JIT_OK;
    }
    bool fired = true;
    struct fault_heap whole = mem;
    for (int64_t at = 0; fired; at++) {
        mem = fault_heap_make(at, false);
        enum jit_err err = read_whole();
        fired = fault_heap_fired(&mem);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : expect);
        ck_assert_int_eq(mem.live, 0);
    }
    mem = whole;
}
END_TEST

/* ---- blobs ---- */

START_TEST(blobs_that_fail)
{
    static uint8_t bytes[2 * BLOB_BUFFER_BYTES];
    struct blob_writer *writer = NULL;
    struct blob_reader reader;
    struct jit_id id;
    uint64_t got = 0;
    char name[BLOB_NAME_BYTES];
    ck_assert_int_eq(disk->io.mkdir(&disk->io, "blobs"), JIT_OK);
    blob_abort(NULL);

    /* Nothing is tried after the first failure. */
    ck_assert_int_eq(blob_begin(&mem.heap, &disk->io, &writer), JIT_OK);
    disk->fault_at = disk->calls;
    disk->fault_err = JIT_EIO;
    ck_assert_int_eq(blob_append(writer, bytes, sizeof bytes), JIT_EIO);
    disk->fault_err = JIT_OK;
    ck_assert_int_eq(blob_append(writer, bytes, 1), JIT_EIO);
    ck_assert_int_eq(blob_finish(writer, &id, NULL), JIT_EIO);

    /* A reading that comes short, and a reader that is closed twice. */
    ck_assert_int_eq(blob_put(&mem.heap, &disk->io, bytes, 100, &id), JIT_OK);
    ck_assert_int_eq(blob_open(&disk->io, &id, 100, &reader), JIT_OK);
    whole_pread = disk->io.pread;
    disk->io.pread = short_pread;
    short_in = 0;
    ck_assert_int_eq(blob_read(&reader, bytes, 100, &got), JIT_ECORRUPT);
    disk->fault_at = disk->calls;
    disk->fault_err = JIT_EIO;
    ck_assert_int_eq(blob_read(&reader, bytes, 100, &got), JIT_EIO);
    disk->fault_err = JIT_OK;
    disk->io.pread = whole_pread;
    blob_close(&reader);
    blob_close(&reader);

    /* More unfinished ones than there are writers. */
    for (unsigned i = 0; i < 1024; i++) {
        (void)snprintf(name, sizeof name, "blobs/tmp-%u", i);
        put_file(name);
    }
    ck_assert_int_eq(blob_begin(&mem.heap, &disk->io, &writer), JIT_EEXIST);
}
END_TEST

START_TEST(sweeps_that_fail)
{
    struct jit_id id;
    uint64_t removed = 0;
    ck_assert_int_eq(disk->io.mkdir(&disk->io, "blobs"), JIT_OK);
    ck_assert_int_eq(blob_put(&mem.heap, &disk->io, "a", 1, &id), JIT_OK);
    put_file("blobs/tmp-1");
    put_file("blobs/tmp-2");
    put_file("blobs/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz");
    struct fault_heap whole = mem;
    mem = fault_heap_make(0, true);
    ck_assert_int_eq(blob_sweep(&mem.heap, &disk->io, NULL, 0, &removed), JIT_ENOMEM);
    ck_assert_int_eq(mem.live, 0);
    mem = whole;
    disk->fault_at = disk->calls + 1; /* the first unlink */
    disk->fault_err = JIT_EIO;
    ck_assert_int_eq(blob_sweep(&mem.heap, &disk->io, NULL, 0, &removed), JIT_EIO);
    disk->fault_err = JIT_OK;
    ck_assert_uint_eq(removed, 0);
    ck_assert_int_eq(blob_sweep_unfinished(&mem.heap, &disk->io, "blobs", &removed), JIT_OK);
    ck_assert_uint_ge(removed, 1); /* and not the blob */
    ck_assert_int_eq(blob_sweep(&mem.heap, &disk->io, &id, 1, &removed), JIT_OK);
    ck_assert_uint_eq(removed, 0);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "folders", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, failing_readings, 0, (int)(sizeof readings / sizeof readings[0]));
    tcase_add_test(t, short_readings);
    tcase_add_test(t, worn_folders);
    tcase_add_loop_test(t, unborn_folders, 0, 3);
    tcase_add_test(t, empty_folders);
    tcase_add_test(t, no_segment_left);
    tcase_add_test(t, the_usual_segment);
    tcase_add_test(t, a_segments_last_bytes);
    tcase_add_test(t, torn_in_the_middle);
    tcase_add_test(t, refused_once);
    tcase_add_test(t, payloads_elsewhere);
    tcase_add_loop_test(t, failing_windows, 0, 3);
    tcase_add_test(t, blobs_that_fail);
    tcase_add_test(t, sweeps_that_fail);
}

TEST_MAIN("kernel/log/folders", fill_suite)

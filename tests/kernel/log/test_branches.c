/* Goal:   the branches of the log that crashes and bit flips seldom reach: records that are whole
 *         and say what no log says, files that are not the log's, operations that fail while
 *         another segment is made.
 * Method: bytes put right with their keyed hash after each lie; every operation of a small life
 *         failing in every way, for each durability, once and from then on. Afterwards what was
 *         acknowledged is there, and nothing that was not submitted. */
#include "tests/kernel/log/log_bed.h"

#include <string.h>

#include "base/le.h"

static void rehash(uint8_t *at, uint32_t size)
{
    struct jit_hasher hasher;
    struct jit_id hash;
    jit_hasher_init_keyed(&hasher, identity.key);
    jit_hasher_update(&hasher, at, size - JIT_ID_BYTES);
    jit_hasher_final(&hasher, &hash);
    memcpy(at + size - JIT_ID_BYTES, hash.bytes, JIT_ID_BYTES);
}

/* ---- what a record says ---- */

static const struct lie {
    uint32_t flags;
    uint32_t body_size;
    uint32_t offset; /* what is changed: 0 nothing */
    uint32_t value;
    enum jit_err err;
} lies[] = {
    {0, 5, 0, 0, JIT_OK},
    {0, 5, LOG_RECORD_HEAD_BYTES + 5, 1, JIT_EFORMAT}, /* padding */
    {0, 8, 200, 9, JIT_EFORMAT},                       /* longer than its record */
    {0, 16, 200, 8, JIT_EFORMAT},                      /* shorter by a word */
    {0, 8, 204, 1, JIT_EFORMAT},                       /* reserved */
    {0, 8, 48, 8, JIT_EFORMAT},                        /* durable before it was written */
    {0, 8, 160, 1, JIT_EFORMAT},                       /* the id of no blob */
    {0, 8, 192, 1, JIT_EFORMAT},                       /* the size of no blob */
    {LOG_FLAG_BLOB, 8, 192, 1, JIT_OK},
    {8, 8, 0, 0, JIT_EFORMAT}, /* a flag that is none */
    {LOG_FLAG_SEAL, 0, 0, 0, JIT_OK},
    {LOG_FLAG_SEAL, 8, 0, 0, JIT_EFORMAT},
    {LOG_FLAG_SEAL | LOG_FLAG_BLOB, 0, 0, 0, JIT_EFORMAT},
    {LOG_FLAG_ELSEWHERE, JIT_ID_BYTES + 8, 0, 0, JIT_OK},
    {LOG_FLAG_ELSEWHERE, JIT_ID_BYTES, 0, 0, JIT_EFORMAT},
    {0, 8, 4, LOG_MAJOR + 1, JIT_EVERSION},
};

START_TEST(lies_of_a_record)
{
    const struct lie *lie = &lies[_i];
    uint8_t body[64] = {7};
    uint8_t at[512];
    struct jit_id prev = {{0}};
    struct jit_id hash;
    struct log_head out;
    struct log_head head = {.flags = lie->flags, .body = body, .body_size = lie->body_size};
    uint32_t size = log_record_size(lie->body_size);
    log_record_start(&identity, &head, at);
    log_record_finish(&identity, at, 1, 7, 7, &prev, &hash);
    if (lie->offset > 0) {
        at[lie->offset] = (uint8_t)lie->value;
        rehash(at, size);
    }
    ck_assert_int_eq(log_record_decode(&identity, at, size, &out), lie->err);
}
END_TEST

/* A record is found by its magic, the log's uuid, and a size that may be one. */
START_TEST(claims)
{
    uint8_t at[64];
    memset(at, 0, sizeof at);
    jit_put_le32(at, LOG_RECORD_MAGIC);
    memcpy(at + 16, uuid, LOG_UUID_BYTES);
    static const struct {
        uint32_t says;
        uint32_t size;
    } sizes[] = {{LOG_RECORD_OVERHEAD, LOG_RECORD_OVERHEAD},
                 {LOG_RECORD_OVERHEAD - 8, 0},
                 {LOG_RECORD_OVERHEAD + 4, 0},
                 {JIT_LOG_RECORD_BYTES_MAX + 8, 0},
                 {SEGMENT_BYTES + 8, 0}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        jit_put_le32(at + 8, sizes[i].says);
        ck_assert_uint_eq(log_record_claim(&identity, at, SEGMENT_BYTES), sizes[i].size);
    }
    jit_put_le32(at + 8, LOG_RECORD_OVERHEAD);
    at[16] ^= 1;
    ck_assert_uint_eq(log_record_claim(&identity, at, SEGMENT_BYTES), 0);
}
END_TEST

/* ---- what a segment's header says ---- */

START_TEST(lies_of_a_header)
{
    static const struct {
        uint32_t offset;
        uint64_t value;
        enum jit_err err;
    } said[] = {{32, SEGMENT_BYTES, JIT_OK},
                {8, 1, JIT_ECORRUPT},
                {16, 9, JIT_ECORRUPT},
                {40, 2, JIT_ECORRUPT},
                {32, LOG_BLOCK_BYTES, JIT_ECORRUPT},
                {32, (uint64_t)LOG_SEGMENT_BYTES_MAX + LOG_BLOCK_BYTES, JIT_ECORRUPT},
                {32, SEGMENT_BYTES + 8, JIT_ECORRUPT},
                {32, 2 * SEGMENT_BYTES, JIT_ECORRUPT},
                {LOG_HEADER_BYTES, 1, JIT_ECORRUPT}};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        static uint8_t block[LOG_BLOCK_BYTES];
        struct log_identity known = identity;
        struct jit_id hash;
        log_header_encode(&identity, 1, block, &hash);
        jit_put_le64(block + said[i].offset, said[i].value);
        rehash(block, LOG_HEADER_BYTES);
        ck_assert_int_eq(log_header_decode(&known, 1, block, &hash), said[i].err);
        known.segment_bytes = 0; /* not known yet: any that may be is taken */
        bool free_size = said[i].value == 2 * SEGMENT_BYTES;
        ck_assert_int_eq(log_header_decode(&known, 1, block, &hash),
                         free_size ? JIT_OK : said[i].err);
    }
}
END_TEST

START_TEST(memory_grows)
{
    struct log_memory memory = {0};
    ck_assert_int_eq(log_memory_grow(&mem.heap, &memory, 100, 0), JIT_OK);
    memset(memory.bytes, 7, 100);
    ck_assert_int_eq(log_memory_grow(&mem.heap, &memory, 50, 50), JIT_OK); /* it is there */
    ck_assert_int_eq(log_memory_grow(&mem.heap, &memory, 2 * LOG_BLOCK_BYTES, 100), JIT_OK);
    ck_assert_int_eq(memory.bytes[99], 7);
    ck_assert_int_eq(log_memory_grow(&mem.heap, &memory, 3 * LOG_BLOCK_BYTES, 0), JIT_OK);
    log_memory_free(&mem.heap, &memory);
}
END_TEST

/* ---- what a log that verifies cannot hold ---- */

static enum jit_err refuse(void *user, const struct log_record *record)
{
    (void)user;
    (void)record;
    return JIT_ESTALE;
}

/* Write one whole record as the log's first; what its reading says. */
static enum jit_err read_one(struct log_head *head, uint64_t segment, uint64_t number,
                             const struct jit_id *prev, struct log_report *report)
{
    static uint8_t at[4096];
    struct jit_id hash;
    unsigned count = 0;
    log_record_start(&identity, head, at);
    log_record_finish(&identity, at, segment, number, 0, prev, &hash);
    sim_disk_damage(disk, FIRST, LOG_BLOCK_BYTES, at, log_record_size(head->body_size));
    return log_verify(&mem.heap, &disk->io, accept, &count, report);
}

START_TEST(records_out_of_place)
{
    uint8_t block[LOG_BLOCK_BYTES];
    uint8_t elsewhere[JIT_ID_BYTES + 8] = {0};
    struct jit_id first;
    const struct jit_id other = {{9}};
    struct log_report report;
    struct log_head plain = {.flags = 0};
    struct log_head seal = {.flags = LOG_FLAG_SEAL};
    struct log_head far = {
        .flags = LOG_FLAG_ELSEWHERE, .body = elsewhere, .body_size = sizeof elsewhere};
    make_log(0);
    log_header_encode(&identity, 1, block, &first);
    ck_assert_int_eq(read_one(&plain, 1, 0, &first, &report), JIT_OK);
    ck_assert_uint_eq(report.records, 1);
    ck_assert(!report.torn);
    /* Nothing after it says that it was written: a batch that was cut off. */
    ck_assert_int_eq(read_one(&plain, 2, 0, &first, &report), JIT_OK);
    ck_assert(report.torn);
    ck_assert_int_eq(read_one(&plain, 1, 1, &first, &report), JIT_OK);
    ck_assert(report.torn);
    ck_assert_int_eq(read_one(&plain, 1, 0, &other, &report), JIT_OK);
    ck_assert(report.torn);
    plain.tick = 1;
    ck_assert_int_eq(read_one(&plain, 1, 0, &first, &report), JIT_OK);
    ck_assert(report.torn);
    ck_assert_int_eq(read_one(&seal, 1, 0, &first, &report), JIT_OK); /* of nothing */
    ck_assert(report.torn);
    ck_assert_uint_eq(report.records, 0);
    ck_assert_int_eq(read_one(&far, 1, 0, &first, &report), JIT_ECORRUPT); /* of 0 bytes */
    jit_put_le64(elsewhere + JIT_ID_BYTES, (uint64_t)LOG_PAYLOAD_BYTES_MAX + 1);
    ck_assert_int_eq(read_one(&far, 1, 0, &first, &report), JIT_ECORRUPT);
    ck_assert_str_eq(report.why, "a payload of no possible size");
    jit_put_le64(elsewhere + JIT_ID_BYTES, 12);
    ck_assert_int_eq(read_one(&far, 1, 0, &first, &report), JIT_ECORRUPT); /* not there */
}
END_TEST

/* A second seal behind the first says nothing that is not said. */
START_TEST(two_seals)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .uuid = {1, 2, 3}, .durability = LOG_DURABILITY_GROUP};
    struct log_head seal = {.flags = LOG_FLAG_SEAL, .tick = 1};
    struct log_report report;
    struct log *log = NULL;
    uint8_t at[LOG_RECORD_OVERHEAD];
    struct jit_id chain;
    struct jit_id hash;
    make_log(1);
    ck_assert_int_eq(log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log), JIT_OK);
    ck_assert_int_eq(log_seal(log), JIT_OK);
    chain = *log_chain(log);
    struct log_place next;
    log_next_write(log, &next);
    log_close(log);
    log_record_start(&identity, &seal, at);
    log_record_finish(&identity, at, next.segment, next.record, next.record, &chain, &hash);
    sim_disk_damage(disk, next.file, next.offset, at, sizeof at);
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, NULL, NULL, &report), JIT_OK);
    ck_assert(report.torn);
    ck_assert_uint_eq(report.seals, 1);
}
END_TEST

/* A reader may refuse; its own words stay. */
START_TEST(a_reader_refuses)
{
    struct log_report report;
    make_log(2);
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, refuse, NULL, &report), JIT_ESTALE);
    ck_assert_str_eq(report.why, "the record's reader refused it");
}
END_TEST

START_TEST(marks_out_of_place)
{
    struct log_report report;
    struct log_mark mark = {.segment = 1, .offset = 2 * SEGMENT_BYTES, .number = 1, .tick = 1};
    make_log(3);
    ck_assert_int_eq(log_verify_from(&mem.heap, &disk->io, &mark, NULL, NULL, &report),
                     JIT_ECORRUPT);
    mark.offset = 8;
    ck_assert_int_eq(log_verify_from(&mem.heap, &disk->io, &mark, NULL, NULL, &report),
                     JIT_ECORRUPT);
    mark.segment = 99; /* all that is there lies before it */
    mark.offset = LOG_BLOCK_BYTES;
    ck_assert_int_eq(log_verify_from(&mem.heap, &disk->io, &mark, NULL, NULL, &report),
                     JIT_ECORRUPT);
    ck_assert_str_eq(report.why, "the segment is missing");
}
END_TEST

/* ---- files that are not the log's ---- */

START_TEST(other_files)
{
    struct log_report report;
    uint64_t first = 0;
    uint64_t last = 0;
    make_log(3);
    put_file("log/000000000000000/.seg");
    put_file("log/000000000000000:.seg");
    put_file("log/000000000000000`.seg");
    put_file("log/000000000000000g.seg");
    put_file("log/0000000000000001.old");
    put_file("log/000000000000000A.seg");
    put_file("FORMAT.tmp");
    put_file("note");
    ck_assert_int_eq(log_verify(&mem.heap, &disk->io, NULL, NULL, &report), JIT_OK);
    ck_assert_uint_eq(report.tick_end, 3);
    ck_assert_int_eq(log_segments(&mem.heap, &disk->io, &first, &last), JIT_OK);
    ck_assert_uint_eq(first, 1);
}
END_TEST

/* ---- every operation of a small life failing ---- */

/* As far as it gets. *told: ticks acknowledged; returns those submitted. */
static uint64_t live(enum log_durability durability, uint64_t *told)
{
    const struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .uuid = {1, 2, 3}, .durability = durability};
    static uint8_t payload[2 * SEGMENT_BYTES];
    struct log_report report;
    struct log_mark mark;
    struct log *log = NULL;
    *told = 0;
    enum jit_err err = log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log);
    if (err != JIT_OK) {
        ck_assert_ptr_null(log);
        return 0;
    }
    for (unsigned i = 0; i < 14; i++) {
        struct log_record record = {.tick = log_tick_end(log),
                                    .payload = payload,
                                    .payload_size = i == 7 ? sizeof payload : 700 + 400 * i};
        err = log_append(log, &record);
        ck_assert(err == JIT_OK || err == JIT_ENOSPC || err == JIT_ENOMEM || log_dead(log) == err);
        err = i > 8 && i < 13 ? JIT_OK : log_flush(log); /* at times a batch is full first */
        log_next_mark(log, &mark);
        ck_assert(!log_sealed(log) || log_idle(log));
        err = log_reap(log, i % 3 != 0, told);
        if (i % 5 == 4) {
            err = log_seal(log);
            log_next_mark(log, &mark);
        }
    }
    err = log_seal(log);
    log_next_mark(log, &mark);
    ck_assert_uint_le(mark.tick, log_tick_end(log));
    ck_assert(err == JIT_OK || err == JIT_ENOSPC || err == JIT_ENOMEM || log_dead(log) == err);
    *told = log_durable_end(log);
    uint64_t submitted = log_tick_end(log);
    log_close(log);
    return submitted;
}

START_TEST(failing_lives) /* _i: durability, error, once or sticky */
{
    static const enum log_durability kinds[] = {LOG_DURABILITY_TICK, LOG_DURABILITY_GROUP,
                                                LOG_DURABILITY_NONE};
    static const enum jit_err errs[] = {JIT_EIO, JIT_ENOSPC, JIT_ENOMEM};
    enum log_durability kind = kinds[_i % 3];
    uint64_t told = 0;
    uint64_t fired = 1;
    for (uint64_t at = 0; fired != 0; at++) {
        ck_assert_uint_lt(at, 2000);
        sim_disk_free(disk);
        disk = sim_disk_new(at);
        disk->fault_at = at;
        disk->fault_err = errs[_i / 3 % 3];
        disk->fault_sticky = _i >= 9;
        uint64_t submitted = live(kind, &told);
        fired = disk->fault_fired;
        disk->fault_err = JIT_OK;
        ck_assert_int_eq(mem.live, 0);

        const struct log_options options = {
            .segment_bytes = SEGMENT_BYTES, .uuid = {1, 2, 3}, .durability = kind};
        struct log_report report;
        struct log *log = NULL;
        enum jit_err err = log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log);
        ck_assert_msg(err == JIT_OK, "fault at %llu: %s, %s", (unsigned long long)at,
                      jit_err_name(err), report.why);
        if (kind == LOG_DURABILITY_NONE) {
            told = 0; /* a disk that fails may lose it all */
        }
        ck_assert_msg(told <= report.tick_end && report.tick_end <= submitted,
                      "fault at %llu: told %llu, recovered %llu, submitted %llu",
                      (unsigned long long)at, (unsigned long long)told,
                      (unsigned long long)report.tick_end, (unsigned long long)submitted);
        log_close(log);
    }
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "branches", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, lies_of_a_record, 0, (int)(sizeof lies / sizeof lies[0]));
    tcase_add_test(t, claims);
    tcase_add_test(t, lies_of_a_header);
    tcase_add_test(t, memory_grows);
    tcase_add_test(t, records_out_of_place);
    tcase_add_test(t, two_seals);
    tcase_add_test(t, a_reader_refuses);
    tcase_add_test(t, marks_out_of_place);
    tcase_add_test(t, other_files);
    tcase_add_loop_test(t, failing_lives, 0, 18);
}

TEST_MAIN("kernel/log/branches", fill_suite)

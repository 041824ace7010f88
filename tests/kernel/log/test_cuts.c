/* Goal:   what is given up of a log, before a mark or behind damage, is that and nothing else,
 *         whatever is refused or cut off on the way.
 * Method: a log of several segments with blobs on the simulated disk, trimmed and salvaged: every
 *         allocation and every call of the disk refused, once and from then on; every disk that a
 *         crash before each change may leave; damage of each kind of place. The same sources,
 *         compiled with kernel/log/log_mutant.h's switch, are test_cut_mutants: each mutant goes
 *         through all of it until an assertion fails; one that survives fails. */
#include <stdarg.h>
#include <stdio.h>

#include "kernel/log/blob.h"
#include "kernel/log/log_mutant.h"
#include "tests/kernel/log/log_bed.h"
#ifdef JIT_LOG_MUTANTS
static _Noreturn void notice(void);
#define MUST_FAILED notice
#endif
#include "tests/lib/must.h"
#include "tests/lib/oom.h"

#define TICKS 14u
#define CUT   9u /* the tick before which is given up */
#define NAMES 8u
#ifdef JIT_SANITIZED
#define DEEP 400u
#else
#define DEEP 40u
#endif

static struct log_mark marks[TICKS + 1];
static bool blobs; /* also behind the cut */

/* Every segment as it was before anything was done to it. */
static struct {
    char name[SIM_NAME_BYTES];
    uint8_t bytes[SEGMENT_BYTES];
    uint64_t size;
} before[NAMES];
static unsigned before_count;

static void write_log(void)
{
    static uint8_t payload[20000];
    const struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .uuid = {1, 2, 3}, .durability = LOG_DURABILITY_GROUP};
    struct log_report report;
    struct log *log = NULL;
    must(log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log));
    for (unsigned i = 0; i < TICKS; i++) {
        const bool large = i == 1 || i == 3 || (blobs && i == CUT + 1);
        struct log_record record = {.tick = i, .payload = payload, .payload_size = 2500};
        payload[0] = (uint8_t)i;
        if (large) {
            record.has_blob = true;
            record.blob_size = sizeof payload;
            must(blob_put(&mem.heap, &disk->io, payload, sizeof payload, &record.blob));
        }
        log_next_mark(log, &marks[i]);
        must(log_append(log, &record));
        must(log_flush(log));
        must(log_reap(log, true, NULL));
    }
    log_next_mark(log, &marks[TICKS]);
    must(log_seal(log));
    log_close(log);
    ck_assert_uint_gt(marks[CUT].segment, 2);
    ck_assert_uint_gt(marks[TICKS].segment, marks[CUT].segment);
}

/* Ticks on a log that was cut. */
static void write_on(uint64_t tick)
{
    static const uint8_t payload[2500] = {77};
    const struct log_options options = {.durability = LOG_DURABILITY_GROUP};
    struct log_report report;
    struct log *log = NULL;
    must(log_open(&mem.heap, &disk->io, &options, NULL, NULL, &report, &log));
    ck_assert_uint_eq(log_tick_end(log), tick);
    for (; tick < TICKS; tick++) {
        const struct log_record record = {
            .tick = tick, .payload = payload, .payload_size = sizeof payload};
        must(log_append(log, &record));
        must(log_flush(log));
        must(log_reap(log, true, NULL));
    }
    must(log_seal(log));
    log_close(log);
}

static void keep_bytes(void)
{
    before_count = 0;
    for (size_t f = 0; sim_disk_name(disk, f) != NULL; f++) {
        const char *name = sim_disk_name(disk, f);
        if (strncmp(name, LOG_DIR "/", 4) == 0 && strstr(name, ".seg") != NULL) {
            ck_assert_uint_lt(before_count, NAMES);
            snprintf(before[before_count].name, SIM_NAME_BYTES, "%s", name);
            const uint8_t *bytes = sim_disk_bytes(disk, name, &before[before_count].size);
            ck_assert_uint_le(before[before_count].size, SEGMENT_BYTES);
            memcpy(before[before_count].bytes, bytes, before[before_count].size);
            before_count++;
        }
    }
}

static void begin_log(struct oom *oom)
{
    setup();
    write_log();
    put_file(BLOB_DIR "/nothing of ours");
    oom->mem = &mem;
    oom->disk = disk;
}

static void begin_blobs(struct oom *oom)
{
    blobs = true;
    begin_log(oom);
}

static void begin_plain(struct oom *oom)
{
    blobs = false;
    begin_log(oom);
}

static void end(struct oom *oom)
{
    (void)oom;
    sim_disk_free(disk);
}

/* ---- trimming ---- */

static enum jit_err trim(struct oom *oom, unsigned tick, bool dry)
{
    struct log_report report;
    struct log_trimmed out;
    enum jit_err err = log_trim(&mem.heap, &disk->io, &marks[tick], dry, &report, &out);
    if (dry) {
        jit_hash(&out, sizeof out, &oom->result);
    } else {
        jit_hash(&report.tick_end, sizeof report.tick_end, &oom->result);
    }
    return err;
}

static enum jit_err run_trim(struct oom *oom)
{
    return trim(oom, CUT, false);
}

static enum jit_err run_trim_dry(struct oom *oom)
{
    return trim(oom, CUT, true);
}

static enum jit_err run_trim_nothing(struct oom *oom)
{
    return trim(oom, 0, false);
}

static void readable_from(struct sim_disk *on, unsigned tick)
{
    struct log_report report;
    must(log_verify_from(jit_heap_libc(), &on->io, &marks[tick], NULL, NULL, &report));
    ck_assert_uint_eq(report.tick_end, TICKS);
}

static void whole_cut(struct oom *oom)
{
    (void)oom;
    readable_from(disk, CUT);
}

static void whole_all(struct oom *oom)
{
    (void)oom;
    readable_from(disk, 0);
}

static enum jit_err run_size(struct oom *oom)
{
    uint64_t bytes = 0;
    enum jit_err err = log_segment_size(&mem.heap, &disk->io, &bytes);
    jit_hash(&bytes, sizeof bytes, &oom->result);
    return err;
}

/* ---- salvaging ---- */

enum harm { BYTE, LAST, SHORT, EMPTY, GAP, HEADER, FIRST_RECORD, FIRST_HEADER, FORMAT, NONE };

static void name_of(uint64_t segment, const char *suffix, char name[LOG_FILE_NAME_BYTES])
{
    log_segment_name(segment, suffix, name);
}

static void harm(enum harm what)
{
    char name[LOG_FILE_NAME_BYTES];
    const uint8_t bytes[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    name_of(2, "seg", name);
    switch (what) {
    case BYTE:
        sim_disk_damage(disk, name, LOG_BLOCK_BYTES + 3000, bytes, sizeof bytes);
        break;
    case LAST: /* where no later segment is moved, nor its folder synced for it */
        name_of(marks[TICKS - 1].segment + 1, "seg", name);
        sim_disk_remove(disk, name);
        name_of(marks[TICKS - 1].segment, "seg", name);
        sim_disk_damage(disk, name, marks[TICKS - 1].offset + 220, bytes, sizeof bytes);
        break;
    case SHORT:
        sim_disk_resize(disk, name, LOG_BLOCK_BYTES + 3000);
        break;
    case GAP:
        sim_disk_remove(disk, name);
        break;
    case HEADER:
        sim_disk_damage(disk, name, 0, bytes, sizeof bytes);
        break;
    case EMPTY:
        sim_disk_resize(disk, name, LOG_BLOCK_BYTES);
        break;
    case FIRST_HEADER:
        sim_disk_damage(disk, FIRST, 0, bytes, sizeof bytes);
        break;
    case FIRST_RECORD:
        sim_disk_damage(disk, FIRST, LOG_BLOCK_BYTES, bytes, sizeof bytes);
        break;
    case FORMAT:
        sim_disk_damage(disk, "FORMAT", 20, bytes, sizeof bytes);
        break;
    case NONE:
        break;
    }
    keep_bytes();
}

static enum harm harmed;

static void begin_harmed(struct oom *oom)
{
    begin_blobs(oom);
    harm(harmed);
}

/* It was cut once before, and is damaged again. */
static void begin_again(struct oom *oom)
{
    struct log_report report;
    struct log_salvaged out;
    begin_harmed(oom);
    must(log_salvage(&mem.heap, &disk->io, NULL, &report, &out));
    write_on(out.tick_end);
    harm(BYTE);
}

static enum jit_err run_salvage(struct oom *oom)
{
    struct log_report report;
    struct log_salvaged out;
    enum jit_err err = log_salvage(&mem.heap, &disk->io, NULL, &report, &out);
    jit_hash(&out.tick_end, sizeof out.tick_end, &oom->result);
    return err;
}

/* All bytes are there, under one name or another. */
static void nothing_lost(struct sim_disk *on)
{
    for (unsigned i = 0; i < before_count; i++) {
        bool there = false;
        for (size_t f = 0; !there && sim_disk_name(on, f) != NULL; f++) {
            char name[SIM_NAME_BYTES];
            uint64_t size = 0;
            snprintf(name, sizeof name, "%s", sim_disk_name(on, f));
            const uint8_t *bytes = sim_disk_bytes(on, name, &size);
            there = strncmp(name, before[i].name, sizeof LOG_DIR + 16) == 0 &&
                    size >= before[i].size && memcmp(bytes, before[i].bytes, before[i].size) == 0;
        }
        ck_assert_msg(there, "%s is lost", before[i].name);
    }
}

static void whole_salvage(struct oom *oom)
{
    (void)oom;
    nothing_lost(disk);
}

/* ---- refusals ---- */

static const struct oom_row rows[] = {
    {"log_trim", begin_blobs, run_trim, whole_cut, end, false, false},
    {"log_trim, no blob stays", begin_plain, run_trim, whole_cut, end, false, false},
    {"log_trim, dry", begin_blobs, run_trim_dry, whole_all, end, false, false},
    {"log_trim, nothing", begin_blobs, run_trim_nothing, whole_all, end, false, false},
    {"log_segment_size", begin_blobs, run_size, whole_all, end, false, false},
};
static const struct oom_row salvage_row = {"log_salvage", begin_harmed, run_salvage, whole_salvage,
                                           end,           false,        false};
static const struct oom_row again_row = {
    "log_salvage, again", begin_again, run_salvage, whole_salvage, end, false, false};
#define ROWS (sizeof rows / sizeof rows[0])

static void every_refusal(void)
{
    struct oom_count memory = {.operations = 0};
    struct oom_count storage = {.operations = 0};
    for (size_t i = 0; i < ROWS; i++) {
        oom_try(&rows[i], &memory);
        oom_try_disk(&rows[i], &storage);
    }
    for (harmed = BYTE; harmed <= GAP; harmed++) {
        oom_try(&salvage_row, &memory);
        oom_try_disk(&salvage_row, &storage);
        oom_try(&again_row, &memory);
        oom_try_disk(&again_row, &storage);
    }
    printf("cuts of a log: %llu refusals of memory, %llu of the disk\n",
           (unsigned long long)memory.refusals, (unsigned long long)storage.refusals);
    ck_assert_uint_gt(memory.refusals, 20);
    ck_assert_uint_gt(storage.refusals, 200);
}

/* ---- what is left ---- */

static unsigned files_with(const char *word)
{
    unsigned count = 0;
    for (size_t f = 0; sim_disk_name(disk, f) != NULL; f++) {
        count += strstr(sim_disk_name(disk, f), word) != NULL;
    }
    return count;
}

static void trimmed(void)
{
    struct oom oom = {.mem = NULL};
    struct log_report report;
    struct log_trimmed dry;
    struct log_trimmed out;
    begin_blobs(&oom);
    ck_assert_uint_eq(files_with(BLOB_DIR "/"), 3 + 1);
    must(log_trim(&mem.heap, &disk->io, &marks[CUT], true, &report, &dry));
    ck_assert_uint_eq(files_with(BLOB_DIR "/"), 3 + 1);
    must(log_trim(&mem.heap, &disk->io, &marks[CUT], false, &report, &out));
    ck_assert_mem_eq(&dry, &out, sizeof out);
    ck_assert_uint_eq(out.segments, marks[CUT].segment - 1);
    ck_assert_uint_eq(out.blobs, 2);
    ck_assert_uint_ge(out.bytes, out.segments * SEGMENT_BYTES + 2 * 20000u);
    ck_assert_uint_eq(files_with(BLOB_DIR "/"), 1 + 1);
    readable_from(disk, CUT);
    must(log_trim(&mem.heap, &disk->io, &marks[CUT], false, &report, &out));
    ck_assert_uint_eq(out.segments + out.blobs + out.bytes, 0);
    /* What stays is damaged: nothing goes. */
    char name[LOG_FILE_NAME_BYTES];
    const uint8_t wrong = 0xEE;
    name_of(marks[CUT].segment + 1, "seg", name);
    sim_disk_damage(disk, name, LOG_BLOCK_BYTES + 220, &wrong, 1);
    ck_assert_int_eq(log_trim(&mem.heap, &disk->io, &marks[CUT], false, &report, &out),
                     JIT_ECORRUPT);
    end(&oom);
}

static void salvaged(void)
{
    for (harmed = BYTE; harmed <= NONE; harmed++) {
        struct oom oom = {.mem = NULL};
        struct log_report report;
        struct log_salvaged out;
        begin_harmed(&oom);
        const bool nothing_left = harmed >= FIRST_RECORD && harmed <= FORMAT;
        enum jit_err err = log_salvage(&mem.heap, &disk->io, NULL, &report, &out);
        ck_assert_msg(err == (nothing_left ? JIT_ECORRUPT : JIT_OK), "harm %d: %s", (int)harmed,
                      jit_err_name(err));
        nothing_lost(disk);
        if (nothing_left || harmed == NONE) {
            ck_assert_uint_eq(out.segments, 0);
            ck_assert_uint_eq(files_with(".broken"), 0);
        } else {
            ck_assert_uint_gt(out.segments, 0);
            ck_assert_uint_eq(files_with(".broken"), out.segments);
            ck_assert_uint_lt(out.tick_end, TICKS);
            ck_assert_uint_gt(out.tick_end, 0);
            must(log_verify(jit_heap_libc(), &disk->io, NULL, NULL, &report));
            ck_assert_uint_eq(report.tick_end, out.tick_end);
            must(log_salvage(&mem.heap, &disk->io, NULL, &report, &out));
            ck_assert_uint_eq(out.segments, 0);
        }
        end(&oom);
    }
}

/* What was set aside once stays when more is: a log that went on after its damage, and is damaged
 * again at the same place. */
static void salvaged_again(void)
{
    struct oom oom = {.mem = NULL};
    struct log_report report;
    struct log_salvaged out;
    for (harmed = BYTE; harmed <= GAP; harmed++) {
        begin_again(&oom);
        for (unsigned again = 2; again < 5; again++) {
            must(log_salvage(&mem.heap, &disk->io, NULL, &report, &out));
            nothing_lost(disk);
            write_on(out.tick_end);
            harm(BYTE);
        }
        ck_assert_uint_ge(files_with(".broken"), 4);
        ck_assert_uint_ge(files_with(".broken-2"), 1);
        if (harmed < GAP) {
            end(&oom);
        }
    }
    /* There is an end to it, and nothing is lost at that either. */
    for (unsigned n = 1; n < 100; n++) {
        char name[SIM_NAME_BYTES];
        snprintf(name, sizeof name, n == 1 ? "%.20s.broken" : "%.20s.broken-%u",
                 "log/0000000000000002", n);
        put_file(name);
    }
    ck_assert_int_eq(log_salvage(&mem.heap, &disk->io, NULL, &report, &out), JIT_ELIMIT);
    nothing_lost(disk);
    end(&oom);
}

static enum jit_err (*true_pread)(struct jit_io *io, int file, void *buf, uint64_t size,
                                  uint64_t offset, uint64_t *got);
static uint64_t reads;
static uint64_t empty_at;

static enum jit_err reads_nothing(struct jit_io *io, int file, void *buf, uint64_t size,
                                  uint64_t offset, uint64_t *got)
{
    enum jit_err err = true_pread(io, file, buf, size, offset, got);
    *got = reads++ == empty_at ? 0 : *got;
    return err;
}

/* A file ends where it did not before: the log is refused or cut, and what is there is kept. */
static void files_that_shrink(void)
{
    bool more = true;
    for (empty_at = 0; more; empty_at++) {
        struct oom oom = {.mem = NULL};
        struct log_report report;
        struct log_salvaged out;
        harmed = BYTE;
        begin_harmed(&oom);
        true_pread = disk->io.pread;
        disk->io.pread = reads_nothing;
        reads = 0;
        enum jit_err err = log_salvage(&mem.heap, &disk->io, NULL, &report, &out);
        ck_assert_msg(err == JIT_OK || err == JIT_ECORRUPT || err == JIT_EIO, "%s",
                      jit_err_name(err));
        more = reads > empty_at;
        if (!more) {
            must(err);
            nothing_lost(disk);
        }
        end(&oom);
        ck_assert_uint_lt(empty_at, 1000);
    }
    ck_assert_uint_gt(empty_at, 5);
}

/* ---- crashes ---- */

static struct jit_random random_of_plans;
static uint64_t states;
static uint64_t inside; /* of them those that a crash of doing it again left */
static unsigned deep;   /* after one crash in so many the next try is stopped as well; 0: none */
static bool trimming;
static bool returned; /* what was asked for is done */

/* From every mark in what is left of it, all is there. */
static void readable_from_all(struct sim_disk *on)
{
    uint64_t first = 0;
    uint64_t last = 0;
    must(log_segments(jit_heap_libc(), &on->io, &first, &last));
    ck_assert_uint_le(first, marks[CUT].segment);
    for (unsigned i = 0; i <= CUT; i++) {
        if (marks[i].segment >= first) {
            readable_from(on, i);
        }
    }
}

static void on_change(struct sim_disk *at, void *user);

/* Whatever a crash left: done again, it ends as it would have, and so it does when it is cut off
 * once more. What was done stays done. */
static void judge_plan(void *user, const struct sim_crash *plan)
{
    struct sim_disk *from = user;
    struct sim_disk *after = sim_disk_crash(from, plan);
    struct log_report report;
    states++;
    if (from != disk) {
        inside++;
    } else if (deep > 0 && states % deep == 0) {
        after->hook = on_change;
    }
    if (trimming) {
        struct log_trimmed out;
        readable_from_all(after);
        must(log_trim(jit_heap_libc(), &after->io, &marks[CUT], false, &report, &out));
        ck_assert(!returned || out.segments == 0);
        readable_from(after, CUT);
    } else {
        struct log_salvaged out;
        nothing_lost(after);
        must(log_salvage(jit_heap_libc(), &after->io, NULL, &report, &out));
        ck_assert(!returned || out.segments == 0);
        nothing_lost(after);
        must(log_verify(jit_heap_libc(), &after->io, NULL, NULL, &report));
        ck_assert_uint_gt(report.tick_end, 0);
    }
    sim_disk_free(after);
}

static void on_change(struct sim_disk *at, void *user)
{
    (void)user;
    sim_disk_plans(at, &random_of_plans, 2, judge_plan, at);
}

/* JIT_CRASH_DEEP: as in test_crash. A trim is cut off twice wherever it can be. */
static void crashes(void)
{
    const unsigned share = test_number("JIT_CRASH_DEEP", DEEP);
    random_of_plans = jit_random_of(5);
    for (unsigned how = 0; how < 5; how++) {
        struct oom oom = {.mem = NULL};
        trimming = how == 0;
        deep = trimming && share > 0 ? 1 : share;
        harmed = how == 0 ? NONE : (enum harm)(how - 1);
        begin_harmed(&oom);
        disk->hook = on_change;
        returned = false;
        if (trimming) {
            must(run_trim(&oom));
        } else {
            must(run_salvage(&oom));
        }
        returned = true;
        on_change(disk, NULL);
        disk->hook = NULL;
        end(&oom);
    }
    printf("crash states of cuts: %llu, %llu of them when it was done again, no failure\n",
           (unsigned long long)states, (unsigned long long)inside);
    ck_assert_uint_gt(states, 100);
}

static void (*const searches[])(void) = {trimmed,           salvaged, salvaged_again,
                                         files_that_shrink, crashes,  every_refusal};
#define SEARCHES (int)(sizeof searches / sizeof searches[0])

START_TEST(search) /* _i = which */
{
    searches[_i]();
}
END_TEST

#ifdef JIT_LOG_MUTANTS
#define NOTICED 9

enum log_mutant log_mutant = LOG_MUTANT_NONE;

static const char *const texts[] = {
#define X(name, text) [name] = text,
    LOG_MUTANT_MAP(X)
#undef X
};

static _Noreturn void notice(void)
{
    exit(log_mutant == LOG_MUTANT_NONE ? EXIT_FAILURE : NOTICED);
}

/* In place of Check's own (-D in local.mk). */
void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
    va_list args;
    printf("%s: %s:%d: ", texts[log_mutant], file, line);
    va_start(args, msg);
    vprintf(msg != NULL ? msg : expr, args);
    va_end(args);
    printf("\n");
    notice();
}

START_TEST(killed) /* _i = the mutant */
{
    log_mutant = (enum log_mutant)_i;
    for (int i = 0; i < SEARCHES; i++) {
        searches[i]();
    }
    printf("%s: SURVIVED\n", texts[_i]);
}
END_TEST
#endif

static void suite(Suite *s)
{
    TCase *t = test_case(s, "cuts", 60);
    tcase_add_loop_test(t, search, 0, SEARCHES);
#ifdef JIT_LOG_MUTANTS
    tcase_add_loop_exit_test(t, killed, NOTICED, LOG_MUTANT_CUTS, LOG_MUTANT_COUNT);
#endif
}

TEST_MAIN("cuts of a log", suite)

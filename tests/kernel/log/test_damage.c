/* Goal:   damage to a log that nobody writes is refused, naming record and byte, or taken for a
 *         torn batch only where nothing proves otherwise; never a wrong tick.
 * Method: tests/kernel/log/log_damage.h over small logs, sealed and not: one whose batches share a
 *         segment, one with several segments, blobs and a payload that lies in one. */
#include "tests/kernel/log/log_damage.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "tests/lib/tcase.h"

static const struct work logs[] = {
    {"one segment", 20, 32768, LOG_DURABILITY_GROUP, MODEL_BLOBS, 4, 2, 100, 0, 0, false},
    {"segments and blobs", 21, 16384, LOG_DURABILITY_GROUP, MODEL_BLOBS, 8, 2, 100, 4, 0, false},
};

static void say(const char *what, const struct damage_count *count, clock_t start)
{
    ck_assert_msg(!count->failed, "%s", count->what);
    printf("%s: %" PRIu64 " cases, %" PRIu64 " refused, %" PRIu64 " torn last batch, %" PRIu64
           " as if never written, 0 wrong, %.1f s\n",
           what, count->cases, count->refused, count->torn, count->unseen,
           (double)(clock() - start) / CLOCKS_PER_SEC);
}

#ifdef JIT_SANITIZED
#define STRIDE 29u /* there it is the reads that are watched */
#else
#define STRIDE 1u
#endif

/* _i: 0 and 1 an unsealed and a sealed log */
START_TEST(flips)
{
    struct damage_count count = {.stop_at_failure = true};
    struct damage_log log;
    clock_t start = clock();
    damage_log_make(&logs[_i], _i == 1, &log);
    damage_flips(&log, STRIDE, &count);
    damage_log_release(&log);
    say("flipped bits", &count, start);
    ck_assert_uint_gt(count.refused, 20000 / STRIDE);
    ck_assert_uint_gt(count.torn, 1000 / STRIDE);
    ck_assert_uint_eq(count.unseen, 0);
}
END_TEST

START_TEST(lengths)
{
    struct damage_count count = {.stop_at_failure = true};
    struct damage_log log;
    clock_t start = clock();
    damage_log_make(&logs[_i], _i == 1, &log);
    damage_lengths(&log, STRIDE, &count);
    damage_log_release(&log);
    say("changed lengths", &count, start);
    ck_assert_uint_eq(count.refused, count.cases);
}
END_TEST

/* _i = 2 * log + sealed */
START_TEST(blocks_and_files)
{
    struct damage_count count = {.stop_at_failure = true};
    struct damage_log log;
    clock_t start = clock();
    damage_log_make(&logs[_i / 2], _i % 2 == 1, &log);
    damage_blocks(&log, &count);
    damage_files(&log, &count);
    damage_log_release(&log);
    say("misplaced blocks and missing files", &count, start);
    ck_assert_uint_gt(count.refused, 50);
}
END_TEST

/* _i = 2 * log + sealed */
START_TEST(old_views)
{
    struct damage_count count = {.stop_at_failure = true};
    struct damage_log log;
    clock_t start = clock();
    damage_log_make(&logs[_i / 2], _i % 2 == 1, &log);
    damage_none_but_old(&log, &count);
    damage_log_release(&log);
    say("old views", &count, start);
    ck_assert_uint_gt(count.cases, 100);
    ck_assert_uint_eq(count.refused, 0);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "damage", 240);
    tcase_add_loop_test(t, flips, 0, 2);
    tcase_add_loop_test(t, lengths, 0, 2);
    tcase_add_loop_test(t, blocks_and_files, 0, 4);
    tcase_add_loop_test(t, old_views, 0, 4);
}

TEST_MAIN("kernel/damage", fill_suite)

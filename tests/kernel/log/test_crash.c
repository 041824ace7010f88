/* Goal:   acknowledged means recoverable (I4), at every operation of the log, the blobs and the
 *         recovery, for every disk that a crash or a failing operation may leave.
 * Method: tests/kernel/log/log_model.h over tests/kernel/log/works.h. The figures are printed; a
 * failure names the work, its seed, the operation and the crash. */
#include "tests/kernel/log/works.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "tests/lib/tcase.h"

#define STATES_MIN 20000u
#ifdef JIT_SANITIZED
#define SECTORS 1u
#define DEEP    0u
#else
#define SECTORS 4u
#define DEEP    150u
#endif

/* JIT_CRASH_ROUNDS: each work so many times, each time with other seeds. JIT_CRASH_DEEP: one
 * recovery in so many is stopped at each of its operations as well; 1: every one. */
START_TEST(crashes)
{
    unsigned rounds = test_number("JIT_CRASH_ROUNDS", 1);
    unsigned deep = test_number("JIT_CRASH_DEEP", DEEP);
    struct crash_count count = {.stop_at_failure = true};
    clock_t start = clock();
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i <= WORKS_COUNT; i++) {
            struct work work = i < WORKS_COUNT ? works[i] : lazy_work;
            work.seed += 1000u * round;
            model_crashes(&work, SECTORS, deep, &count);
            ck_assert_msg(!count.failed, "%s", count.what);
        }
    }
    printf("crash states %" PRIu64 " at %" PRIu64 " operations, %" PRIu64 " torn, %" PRIu64
           " worked on and crashed again, %" PRIu64 " inside %" PRIu64
           " recoveries: no failure, %.1f s\n",
           count.states, count.points, count.torn, count.resumed, count.inside, count.entered,
           (double)(clock() - start) / CLOCKS_PER_SEC);
    ck_assert_uint_ge(count.states, STATES_MIN);
    ck_assert_uint_gt(count.torn, 1000);
    ck_assert(deep == 0 || count.inside > 0);
}
END_TEST

START_TEST(faults)
{
    struct crash_count count = {.stop_at_failure = true};
    clock_t start = clock();
    for (size_t i = 0; i < WORKS_COUNT; i++) {
        model_faults(&works[i], &count);
        ck_assert_msg(!count.failed, "%s", count.what);
    }
    model_faults(&lazy_work, &count);
    ck_assert_msg(!count.failed, "%s", count.what);
    printf("fault runs %" PRIu64 ", %" PRIu64 " states after them: no failure, %.1f s\n",
           count.faults, count.states, (double)(clock() - start) / CLOCKS_PER_SEC);
    ck_assert_uint_gt(count.faults, 1000);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "crashes", 240);
    tcase_add_test(t, crashes);
    t = test_case(suite, "faults", 240);
    tcase_add_test(t, faults);
}

TEST_MAIN("kernel/crash", fill_suite)

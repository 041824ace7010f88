/* Goal:   nothing is lost and nothing diverges, whatever goes wrong together (DESIGN 12).
 * Method: universes of the first seeds, tests/sim/universe.h. A failure names its seed; so does
 *         `jitos-sim --seed N`, which repeats it. Every kind of fault has to have happened. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/tcase.h"
#include "tests/sim/universe.h"

#define TICKS 24u
#ifdef JIT_SANITIZED
#define SEEDS 100u
#else
#define SEEDS 1000u
#endif
#define LEAST (SEEDS / 100) /* of each kind of fault */

START_TEST(seeds)
{
    struct universe_count count = {0};
    char what[512] = "";
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct universe_options options = {.seed = seed, .ticks = TICKS};
        ck_assert_msg(universe_run(&options, &count, what, sizeof what),
                      "seed %llu: %s; repeat: tests/sim/jitos-sim --seed %llu --ticks %u",
                      (unsigned long long)seed, what, (unsigned long long)seed, TICKS);
    }
    universe_print(&count);
    ck_assert_uint_gt(count.workers, LEAST);
    ck_assert_uint_gt(count.hangs, LEAST);
    ck_assert_uint_gt(count.power, LEAST);
    ck_assert_uint_gt(count.torn, 0);
    ck_assert_uint_gt(count.disk, LEAST);
    ck_assert_uint_gt(count.memory, LEAST);
    ck_assert_uint_gt(count.writes, 10 * LEAST);
    ck_assert_uint_gt(count.checkpoints, LEAST);
    ck_assert_uint_gt(count.restarts_from_checkpoints, LEAST);
    ck_assert_uint_gt(count.laws.denied, 10 * LEAST);
    ck_assert_uint_gt(count.laws.conflicts, 10 * LEAST);
}
END_TEST

static bool hold(const struct rmg_receipt *receipts)
{
    struct laws_count count = {0};
    char what[128];
    return laws_receipts_hold(receipts, 3, &count, what, sizeof what);
}

/* Each way in which a tick could break a law is seen. */
START_TEST(laws)
{
    const struct rmg_receipt good[3] = {
        {.request_key = {{1}}, .result = RMG_APPLIED, .blocker = RMG_NO_BLOCKER},
        {.request_key = {{2}}, .result = RMG_CONFLICT, .blocker = 0},
        {.request_key = {{1}}, .result = RMG_DUPLICATE, .blocker = RMG_NO_BLOCKER}};
    struct rmg_receipt bad[3];
    ck_assert(hold(good));
    memcpy(bad, good, sizeof bad);
    bad[2].result = RMG_APPLIED; /* twice */
    ck_assert(!hold(bad));
    memcpy(bad, good, sizeof bad);
    bad[1].blocker = 2; /* which was not applied */
    ck_assert(!hold(bad));
    bad[1].blocker = 1; /* itself */
    ck_assert(!hold(bad));
    bad[1].blocker = 3; /* nobody */
    ck_assert(!hold(bad));
    bad[1].blocker = 0;
    bad[1].result = RMG_APPLIED;
    ck_assert(!hold(bad));
    bad[1].result = RMG_RESULT_COUNT;
    ck_assert(!hold(bad));
}
END_TEST

/* A disk that lies about syncing cannot be told from a good one, but by what is lost on it: a
 * search that finds nothing there would find nothing anywhere. */
START_TEST(a_lying_disk_is_found_out)
{
    struct universe_count count = {0};
    char what[512] = "";
    bool good = true;
    for (uint64_t seed = 1; good && seed <= SEEDS; seed++) {
        const struct universe_options options = {.seed = seed, .ticks = TICKS, .lie = true};
        good = universe_run(&options, &count, what, sizeof what);
    }
    ck_assert_msg(!good, "a disk that syncs nothing lost nothing");
    printf("found out after %llu universes: %s\n", (unsigned long long)count.universes, what);
}
END_TEST

static void fill(Suite *suite)
{
    tcase_add_test(test_case(suite, "laws", 4), laws);
    tcase_add_test(test_case(suite, "universes", 120), seeds);
    tcase_add_test(test_case(suite, "lies", 120), a_lying_disk_is_found_out);
}

TEST_MAIN("sim", fill)

/* Goal:   the tests of log and blobs notice when a sync, a check or an order is left out.
 * Method: the same sources, compiled with kernel/log/log_mutant.h's switch; each mutant goes
 * through that one of the searches of test_crash and test_damage which is to find it out, until it
 *         does. A mutant that survives fails this test. Those of trimming and salvaging are
 *         test_cuts' own. */
#include "tests/kernel/log/works.h"

#include <inttypes.h>
#include <stdio.h>

#include "kernel/log/log_mutant.h"
#include "tests/kernel/log/log_damage.h"
#include "tests/lib/tcase.h"

enum log_mutant log_mutant = LOG_MUTANT_NONE;

static const char *const texts[] = {
#define X(name, text) [name] = text,
    LOG_MUTANT_MAP(X)
#undef X
};

/* All in one segment, so that only `durable` tells a torn batch from a damaged one. */
static const struct work small = {"damage", 20, 32768, LOG_DURABILITY_GROUP, MODEL_BLOBS, 4, 2, 100,
                                  0,        0,  false};

enum phase { FAULTS, DAMAGE, FLIPS, CRASHES, LAZY };

/* The test that notices each mutant, so that no time is spent on those that cannot. */
static const enum phase phases[LOG_MUTANT_CUTS] = {
    [LOG_MUTANT_NO_HASH] = DAMAGE,       [LOG_MUTANT_NO_CHAIN] = DAMAGE,
    [LOG_MUTANT_ALWAYS_TORN] = DAMAGE,   [LOG_MUTANT_NO_ZERO_CHECK] = FLIPS,
    [LOG_MUTANT_OPEN_NO_SYNC] = CRASHES, [LOG_MUTANT_NEVER_TORN] = CRASHES,
    [LOG_MUTANT_NO_ERASE] = CRASHES,     [LOG_MUTANT_ERASE_NO_SYNC] = CRASHES,
    [LOG_MUTANT_NONE_NO_SYNC] = LAZY,
};

static bool by_work(enum phase phase, char *what, size_t size)
{
    struct crash_count count = {.stop_at_failure = true};
    if (phase == LAZY) {
        model_crashes(&lazy_work, 3, 0, &count);
    }
    for (size_t i = 0; i < WORKS_COUNT && phase != LAZY && !count.failed; i++) {
        if (phase == FAULTS) {
            model_faults(&works[i], &count);
        } else {
            model_crashes(&works[i], 3, 0, &count);
        }
    }
    (void)snprintf(what, size, "%s", count.what);
    return count.failed;
}

static bool by_damage(enum phase phase, char *what, size_t size)
{
    struct damage_count count = {.stop_at_failure = true};
    struct damage_log log;
    damage_log_make(&small, false, &log);
    if (phase == FLIPS) {
        damage_flips(&log, 1, &count);
    } else {
        damage_blocks(&log, &count);
    }
    damage_log_release(&log);
    (void)snprintf(what, size, "%s", count.what);
    return count.failed;
}

START_TEST(killed) /* _i = the mutant */
{
    char what[600];
    enum phase phase = phases[_i];
    log_mutant = (enum log_mutant)_i;
    bool dead = phase == DAMAGE || phase == FLIPS ? by_damage(phase, what, sizeof what)
                                                  : by_work(phase, what, sizeof what);
    printf("%s: %s\n", texts[_i], dead ? what : "SURVIVED");
    ck_assert_msg(dead, "survived: %s", texts[_i]);
}
END_TEST

static void fill_suite(Suite *suite)
{
    TCase *t = test_case(suite, "mutants", 240);
    tcase_add_loop_test(t, killed, LOG_MUTANT_NONE + 1, LOG_MUTANT_CUTS);
}

TEST_MAIN("kernel/mutants", fill_suite)

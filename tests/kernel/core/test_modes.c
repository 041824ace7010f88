/* Goal:   `once` is one rewrite, `until none` ends in the first tick in which nothing is found, a
 *         bound ends it before; the same for any schedule, number of members, deaths and restarts.
 * Method: a chain of cells through which a state spreads, a cell a tick, so that each count is
 *         known; kernels that start anew between any two ticks; every history is replayed by its
 *         patches and by its rules. */
#include <stdio.h>

#include "tests/kernel/core/sim_bed.h"
#include "tests/lib/tcase.h"

#define CELLS 8u /* 7 of them change, one a tick */
#define TICKS 12u

static void begin(const char *rule, unsigned members, const char *apply, uint64_t schedule,
                  uint32_t kill_one_in)
{
    static char text[1024];
    snprintf(text, sizeof text,
             "system test\n"
             "type Cell { state: i64 = 0, hits: i64 sum = 0 }\nedge NEXT\n%s"
             "process w[%u] run go apply %s over shard(/world)\n"
             "grant w: map /world; invoke go on /world\n",
             rule, members, apply);
    struct sim_kernel_options options = {.text = text,
                                         .cells = CELLS,
                                         .system_seed = 5,
                                         .schedule = schedule,
                                         .kill_one_in = kill_one_in};
    begin_as(&options);
}

static const char spread[] = "rule go match (a:Cell)-[:NEXT]->(b:Cell) where a.state = 0 and "
                             "b.state = 1 set a.state = 1\n";
static const char mark[] = "rule go match (a:Cell) where a.hits = 0 add a.hits, 1\n";

struct story {
    uint64_t applied;
    uint64_t over_quota;
    uint64_t last_request; /* the last tick in which something was asked */
    uint64_t ended;        /* the tick of the events in which the members left; 0: they did not */
    uint32_t left;         /* how many */
    int32_t status;        /* of the first */
};

static struct story story(void)
{
    struct story s = {0};
    for (size_t n = 0; n < sim.record_count; n++) {
        struct kern_record_view view;
        ck_assert_int_eq(
            kern_record_decode(sim.records[n].payload, sim.records[n].payload_size, &view), JIT_OK);
        for (uint64_t i = 0; i < view.request_count; i++) {
            struct rmg_receipt receipt;
            ck_assert_int_eq(kern_record_receipt(&view, i, &receipt), JIT_OK);
            s.applied += receipt.result == RMG_APPLIED;
            s.over_quota += receipt.result == RMG_OVER_QUOTA;
            s.last_request = n + 1;
        }
        for (uint64_t i = 0; i < view.event_count; i++) {
            struct kern_record_event event;
            ck_assert_int_eq(kern_record_event_at(&view, i, &event), JIT_OK);
            ck_assert_int_eq(event.kind, KERN_HAPPENED_EXIT);
            ck_assert(s.ended == 0 || s.ended == n + 1);
            s.status = s.left == 0 ? event.status : s.status;
            s.ended = n + 1;
            s.left++;
        }
    }
    return s;
}

static void all_exited(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct kern_process_status status;
        kern_core_process(sim.core, i, &status);
        ck_assert_int_eq(status.state, KERN_PROCESS_EXITED);
    }
}

/* The others are told that it was more than there is for them. */
START_TEST(once) /* _i: members */
{
    begin(mark, (unsigned)_i, "once", 1, 0);
    run_to(TICKS);
    struct story s = story();
    ck_assert_uint_eq(s.applied, 1);
    ck_assert_uint_eq(s.over_quota, CELLS - 1);
    ck_assert_uint_eq(s.last_request, 1);
    ck_assert_uint_eq(s.ended, 1);
    ck_assert_uint_eq(s.left, (uint32_t)_i);
    ck_assert_int_eq(s.status, 0);
    all_exited((uint32_t)_i);
    end();
}
END_TEST

START_TEST(until_none) /* _i: members */
{
    begin(spread, (unsigned)_i, "until none", 1, 0);
    run_to(TICKS);
    struct story s = story();
    ck_assert_uint_eq(s.applied, CELLS - 1);
    ck_assert_uint_eq(s.over_quota, 0);
    ck_assert_uint_eq(s.last_request, CELLS - 1);
    ck_assert_uint_eq(s.ended, CELLS);
    ck_assert_int_eq(s.status, 0);
    all_exited((uint32_t)_i);
    end();
}
END_TEST

/* A bound that is reached with something left to do says so. */
START_TEST(bounds)
{
    static const struct {
        const char *apply;
        uint64_t applied;
        uint64_t ended;
        int32_t status;
    } cases[] = {{"until none at most 3 ticks", 3, 3, 1},
                 {"until none at most 7 ticks", 7, 7, 1}, /* nobody knows it was the last one */
                 {"until none at most 8 ticks", 7, 8, 0},
                 {"until none at most 100 ticks", 7, 8, 0},
                 {"all at most 3 ticks", 3, 3, 1},
                 {"all at most 9 ticks", 7, 9, 0},
                 {"all", 7, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(spread, 2, cases[i].apply, 1 + i, 0);
        run_to(TICKS);
        struct story s = story();
        ck_assert_msg(s.applied == cases[i].applied && s.ended == cases[i].ended &&
                          s.status == cases[i].status,
                      "%s: %llu applied, ended in %llu with %d", cases[i].apply,
                      (unsigned long long)s.applied, (unsigned long long)s.ended, s.status);
        end();
    }
}
END_TEST

static struct jit_id world_of(const char *rule, unsigned members, const char *apply,
                              uint64_t schedule, uint32_t kill_one_in, bool restarts,
                              struct jit_id *commit)
{
    begin(rule, members, apply, schedule, kill_one_in);
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        run_to(tick);
        if (restarts && tick < TICKS) {
            sim_kernel_restart(&sim);
        }
    }
    struct jit_id world = sim_kernel_world(&sim);
    *commit = kern_core_commit(sim.core);
    sim_kernel_release(&sim);
    return world;
}

START_TEST(the_same_for_every_schedule)
{
    static const char *const applies[] = {"once", "until none", "until none at most 4 ticks"};
    for (size_t i = 0; i < 3; i++) {
        const char *rule = i == 0 ? mark : spread;
        struct jit_id commit;
        struct jit_id other;
        struct jit_id one;
        const struct jit_id world = world_of(rule, 2, applies[i], 1, 0, false, &commit);
        for (uint64_t schedule = 2; schedule < 8; schedule++) {
            struct jit_id got = world_of(rule, 2, applies[i], schedule, schedule % 2 == 0 ? 0 : 60,
                                         schedule > 4, &other);
            ck_assert(jit_id_equal(&world, &got));
            ck_assert_msg(jit_id_equal(&commit, &other), "%s, schedule %llu", applies[i],
                          (unsigned long long)schedule);
        }
        one = world_of(rule, 1, applies[i], 1, 0, false, &other);
        ck_assert(jit_id_equal(&world, &one)); /* outside /proc nothing shows who works */
        one = world_of(rule, 5, applies[i], 1, 0, false, &other);
        ck_assert(jit_id_equal(&world, &one));
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "modes", 60);
    tcase_add_loop_test(t, once, 1, 4);
    tcase_add_loop_test(t, until_none, 1, 4);
    tcase_add_test(t, bounds);
    tcase_add_test(t, the_same_for_every_schedule);
}

TEST_MAIN("modes", suite)

/* Goal:   kernel/core and its workers give the same history whatever the order in which things
 * happen, lose nothing when workers die, and come to no harm from what a worker writes. Method:
 * workers as coroutines over the real ring code under a seeded scheduler; hundreds of schedules
 * compared with one another; workers killed at random instants; rings rewritten before the kernel's
 * loads; every history replayed from its log records. A failure prints the seed of its schedule. */
#include <stdio.h>

#include "tests/kernel/core/sim_bed.h"
#include "tests/lib/cell_rules.h"
#include "tests/lib/tcase.h"

#define HEAD                                                                                       \
    "system test\n" CELL_TYPES CELL_INFECT CELL_HEAL "rule spy\n"                                  \
    "  match (a:Cell)\n"                                                                           \
    "  where a.state = 1\n"                                                                        \
    "  set a.state = 7\n"
#define WORKERS(n)                                                                                 \
    "process w[" n "] run infect(p = 0.7), heal(q = 0.3) apply all over shard(/world)\n"           \
    "grant w: map /world; invoke infect, heal on /world\n"

#define TICKS 12u

static struct jit_id expected; /* /world after TICKS, undisturbed, two workers */

static void begin(const char *text, uint64_t schedule)
{
    struct sim_kernel_options options = {
        .text = text, .cells = 40, .system_seed = 5, .schedule = schedule};
    begin_as(&options);
}

static void check_world(void)
{
    struct jit_id world = sim_kernel_world(&sim);
    ck_assert_msg(jit_id_equal(&world, &expected), "schedule %llu gives another /world",
                  (unsigned long long)sim.options.schedule);
}

static void once(void)
{
    begin(HEAD WORKERS("2"), 1);
    run_ticks(TICKS);
    expected = sim_kernel_world(&sim);
    end();
}

START_TEST(same_for_every_schedule) /* _i: blocks of schedules */
{
    struct jit_id head = {{0}};
    once();
    for (uint64_t s = 0; s < 25; s++) {
        begin(HEAD WORKERS("2"), 1000u * (uint64_t)_i + s);
        run_ticks(TICKS);
        check_world();
        struct jit_id commit = kern_core_commit(sim.core);
        ck_assert(s == 0 || jit_id_equal(&commit, &head));
        head = commit;
        end();
    }
}
END_TEST

START_TEST(same_world_for_any_number_of_workers)
{
    static const char *const texts[] = {HEAD WORKERS("1"), HEAD WORKERS("3"), HEAD WORKERS("8")};
    once();
    begin(texts[_i], 77);
    run_ticks(TICKS);
    check_world();
    end();
}
END_TEST

START_TEST(workers_that_die_leave_no_trace)
{
    uint64_t kills = 0;
    once();
    for (uint64_t s = 0; s < 25; s++) {
        begin(HEAD WORKERS("2"), 5000u + s);
        sim.options.kill_one_in = 60;
        run_ticks(TICKS);
        kills += sim.kills;
        if (kern_core_deterministic(sim.core)) {
            check_world();
        }
        end();
    }
    ck_assert_uint_gt(kills, 20);
}
END_TEST

START_TEST(too_many_deaths_end_a_process)
{
    begin(HEAD WORKERS("2"), 3);
    sim.options.kill_one_in = 3;
    run_ticks(TICKS);
    ck_assert(!kern_core_deterministic(sim.core));
    struct kern_process_status status;
    kern_core_process(sim.core, 0, &status);
    ck_assert_int_eq(status.state, KERN_PROCESS_FAILED);
    ck_assert_uint_le(status.restarts, 5);
    ck_assert_str_eq(status.last, "killed by the test");
    end();
}
END_TEST

/* Number of events in the n-th record. */
static uint64_t events_of(size_t n)
{
    struct kern_record_view view;
    ck_assert_uint_lt(n, sim.record_count);
    ck_assert_int_eq(kern_record_decode(sim.records[n].payload, sim.records[n].payload_size, &view),
                     JIT_OK);
    return view.event_count;
}

/* One that is killed at rest must not come back after a crash: its tick is made at once. It is the
 * very tick that the next run would have made, so nothing else shows when the operator came. */
START_TEST(an_operators_kill_at_rest_is_durable) /* _i: before the first tick, later, twice */
{
    struct kern_process_status status;
    uint64_t before = _i == 0 ? 0 : 2;
    begin(HEAD WORKERS("2"), 4);
    ck_assert(before == 0 || sim_kernel_run(&sim, before, STEPS));
    ck_assert_uint_eq(kern_core_recorded_by(sim.core), before);
    ck_assert(sim_kernel_kill(&sim, 1, STEPS));
    ck_assert_uint_eq(kern_core_tick(sim.core), before + 1);
    ck_assert_uint_eq(kern_core_recorded_by(sim.core), before + 1);
    ck_assert_uint_eq(sim.record_count, before + 1);
    ck_assert_uint_eq(events_of(before), 1);
    if (_i == 2) { /* the last one: then no worker is left to wait for */
        ck_assert(sim_kernel_kill(&sim, 0, STEPS));
        ck_assert_uint_eq(events_of(before + 1), 1);
    }
    run_ticks(TICKS);
    kern_core_process(sim.core, 1, &status);
    ck_assert_int_eq(status.state, KERN_PROCESS_EXITED);
    ck_assert(kern_core_deterministic(sim.core));
    end();
}
END_TEST

START_TEST(an_operators_kill_is_an_event)
{
    struct jit_id head[2];
    for (int at_rest = 0; at_rest < 2; at_rest++) {
        begin(HEAD WORKERS("2"), 4);
        ck_assert(sim_kernel_run(&sim, 2, STEPS));
        if (at_rest == 0) {
            ck_assert(!sim_kernel_run(&sim, TICKS, 0)); /* tick 3 has begun */
        }
        ck_assert(sim_kernel_kill(&sim, 1, STEPS));
        run_ticks(TICKS);
        ck_assert_uint_eq(events_of(2), 1);
        head[at_rest] = kern_core_commit(sim.core);
        end();
    }
    ck_assert(jit_id_equal(&head[0], &head[1]));
}
END_TEST

START_TEST(a_worker_that_hangs_stops_the_run)
{
    struct kern_update update;
    begin(HEAD WORKERS("2"), 4);
    ck_assert(sim_kernel_run(&sim, 2, STEPS));
    struct kern_event run = {.kind = KERN_EVENT_RUN, .tick = 5};
    kern_core_step(sim.core, &run, &update);
    struct kern_event hung = {.kind = KERN_EVENT_HUNG, .process = 1};
    kern_core_step(sim.core, &hung, &update);
    ck_assert_uint_eq(update.count, 1);
    ck_assert_int_eq(update.actions[0].kind, KERN_DO_STOP);
    ck_assert_int_eq(update.actions[0].code, 7);
    ck_assert_ptr_nonnull(strstr(update.actions[0].text, "w[1]"));
    kern_core_step(sim.core, &run, &update);
    ck_assert_uint_eq(update.count, 0);
    end();
}
END_TEST

START_TEST(what_was_not_granted_is_denied)
{
    begin(HEAD WORKERS("1") "process x run spy apply all over shard(/world)\n"
                            "grant x: map /world\n",
          9);
    run_ticks(TICKS);
    ck_assert_ptr_nonnull(strstr(sim.denial, "no capability"));
    struct kern_process_status status;
    kern_core_process(sim.core, 1, &status);
    ck_assert_str_eq(status.config->name, "x");
    ck_assert_uint_gt(status.denied, 0);
    ck_assert_uint_eq(status.applied, 0);
    end();
}
END_TEST

/* ---- nested instances ---- */

#define NESTED(over, map, invoke)                                                                  \
    HEAD "import \"a\" into /world/a\n"                                                            \
         "import \"b\" into /world/a/b\n"                                                          \
         "import \"c\" into /world/c\n"                                                            \
         "process w run infect(p = 0.7), heal(q = 0.3) apply all over shard(" over ")\n"           \
         "grant w: map " map "; invoke infect, heal on " invoke "\n"

static struct kern_process_status run_nested(const char *text, struct jit_id *world)
{
    struct kern_process_status status;
    struct sim_kernel_options options = {
        .text = text, .cells = 40, .path = "/world/a/b", .system_seed = 5, .schedule = 8};
    mem = fault_heap_make(-1, false);
    sim_kernel_init(&sim, &mem.heap, &options);
    run_ticks(TICKS);
    kern_core_process(sim.core, 0, &status);
    *world = sim_kernel_world(&sim);
    end();
    return status;
}

START_TEST(a_grant_covers_what_is_nested)
{
    static const char *const covering[] = {
        NESTED("/world/a/b", "/world/a", "/world/a/b"), NESTED("/world/a/b", "/world", "/world/a"),
        NESTED("/world/a/b", "/world", "/world"), NESTED("/world/a/b", "/", "/")};
    struct jit_id exact;
    struct jit_id world;
    struct kern_process_status status =
        run_nested(NESTED("/world/a/b", "/world/a/b", "/world/a/b"), &exact);
    uint64_t applied = status.applied;
    ck_assert_uint_gt(applied, 5);
    ck_assert_uint_eq(status.denied, 0);
    for (size_t i = 0; i < sizeof covering / sizeof *covering; i++) {
        status = run_nested(covering[i], &world);
        ck_assert_uint_eq(status.applied, applied);
        ck_assert_uint_eq(status.denied, 0);
        ck_assert(jit_id_equal(&world, &exact));
    }
}
END_TEST

START_TEST(a_grant_covers_nothing_beside_or_above)
{
    struct jit_id world;
    /* it sees the matches and may not ask for them: they lie in a sibling, or above */
    struct kern_process_status status =
        run_nested(NESTED("/world/a/b", "/world", "/world/c"), &world);
    ck_assert_uint_eq(status.applied, 0);
    ck_assert_uint_gt(status.denied, 0);
    /* it does not even see them */
    status = run_nested(NESTED("/world/a/b", "/world/c", "/world"), &world);
    ck_assert_uint_eq(status.requests, 0);
    status = run_nested(NESTED("/world/a", "/world/a/b", "/world/a/b"), &world);
    ck_assert_uint_eq(status.requests, 0);
}
END_TEST

/* Of several that cover a run the nearest is used, wherever it stands: its limit counts. */
START_TEST(the_nearest_grant_is_used)
{
    struct jit_id world;
    struct kern_process_status status =
        run_nested(NESTED("/world/a/b", "/world", "/world") "grant w: invoke infect, heal on "
                                                            "/world/a/b; limit 0 per tick\n",
                   &world);
    ck_assert_uint_gt(status.requests, 0);
    ck_assert_uint_eq(status.applied, 0);
    ck_assert_uint_eq(status.denied, 0);
}
END_TEST

START_TEST(limits_are_charged)
{
    begin(HEAD "process w[2] run infect(p = 0.7), heal(q = 0.3) apply all over shard(/world)\n"
               "grant w: map /world; invoke infect, heal on /world; limit 1 per tick\n",
          9);
    run_ticks(TICKS);
    for (uint32_t i = 0; i < 2; i++) {
        struct kern_process_status status;
        kern_core_process(sim.core, i, &status);
        ck_assert_uint_le(status.applied, TICKS);
    }
    end();
}
END_TEST

START_TEST(no_process_at_all)
{
    begin(HEAD, 1);
    run_ticks(TICKS);
    end();
}
END_TEST

/* ---- hostile rings ---- */

struct adversary {
    struct jit_random random;
    uint32_t one_in;
    uint64_t writes;
};

static void rewrite(void *user, struct sys_ring_memory *ring)
{
    struct adversary *adversary = user;
    if (jit_random_below(&adversary->random, adversary->one_in) != 0) {
        return;
    }
    adversary->writes++;
    uint64_t at = jit_random_below(&adversary->random, 4) == 0
                      ? SYS_RING_WORKER_OFFSET + jit_random_below(&adversary->random, 32)
                      : jit_random_below(&adversary->random, ring->size);
    ring->base[at] ^= (uint8_t)(1u << jit_random_below(&adversary->random, 8));
}

/* Whatever is in the rings, the kernel goes on or stops in order, and its history replays. */
START_TEST(hostile_rings_harm_nobody_else)
{
    for (uint64_t s = 0; s < 20; s++) {
        struct adversary adversary = {.random = jit_random_of(900 + s), .one_in = 4};
        struct sim_kernel_options options = {
            .text = HEAD WORKERS("2"),
            .cells = 40,
            .system_seed = 5,
            .schedule = 9000 + s,
            .before_load = rewrite,
            .user = &adversary,
        };
        mem = fault_heap_make(-1, false);
        sim_kernel_init(&sim, &mem.heap, &options);
        if (!sim_kernel_run(&sim, TICKS, 50000) && sim.stopped) {
            ck_assert_int_eq(sim.stop_code, 7);
        }
        ck_assert_uint_gt(adversary.writes, 10);
        end();
    }
}
END_TEST

/* ---- memory ---- */

START_TEST(
    no_memory) /* refuse the n-th allocation from the first tick on: an orderly stop, no leak */
{
    int64_t stops = 0;
    for (int64_t n = 0; n < 400; n += 3) {
        begin(HEAD WORKERS("2"), 6);
        mem.refuse_at = mem.calls + n;
        mem.sticky = true;
        bool rests = sim_kernel_run(&sim, 4, STEPS);
        ck_assert_msg(rests || sim.stopped, "refused at %lld: it neither rests nor stops",
                      (long long)n);
        stops += sim.stopped;
        mem.refuse_at = -1;
        end();
        if (rests) {
            break;
        }
    }
    ck_assert_int_gt(stops, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "core", 60);
    tcase_add_loop_test(t, same_for_every_schedule, 0, 8);
    tcase_add_loop_test(t, same_world_for_any_number_of_workers, 0, 3);
    tcase_add_test(t, workers_that_die_leave_no_trace);
    tcase_add_test(t, too_many_deaths_end_a_process);
    tcase_add_test(t, an_operators_kill_is_an_event);
    tcase_add_loop_test(t, an_operators_kill_at_rest_is_durable, 0, 3);
    tcase_add_test(t, a_worker_that_hangs_stops_the_run);
    tcase_add_test(t, what_was_not_granted_is_denied);
    tcase_add_test(t, a_grant_covers_what_is_nested);
    tcase_add_test(t, a_grant_covers_nothing_beside_or_above);
    tcase_add_test(t, the_nearest_grant_is_used);
    tcase_add_test(t, limits_are_charged);
    tcase_add_test(t, no_process_at_all);
    tcase_add_test(t, hostile_rings_harm_nobody_else);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("core", suite)

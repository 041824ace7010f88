/* Goal:   a process that dies, exits or hangs is treated as its policy says (docs/spec/rules.md
 *         "Policies"), whatever the order in which things happen, and its history replays to the
 *         same roots.
 * Method: kernel/core with workers as coroutines under seeded schedules; deaths, exits and hangs
 *         brought about at given ticks for each policy; the events of the log and the process
 *         states compared with what the policy says; every history replayed. */
#include <stdio.h>

#include "tests/kernel/core/sim_bed.h"
#include "tests/lib/tcase.h"

#define HEAD                                                                                       \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT\n"                                                                                  \
    "rule infect(p: f64)\n"                                                                        \
    "  match (a:Cell)-[:NEXT]->(b:Cell)\n"                                                         \
    "  where a.state = 0 and b.state = 1 and chance(p)\n"                                          \
    "  set a.state = 1\n"                                                                          \
    "process w[2] run infect(p = 0.9) apply all over shard(/world) "
#define TAIL "\ngrant w: map /world; invoke infect on /world\n"

#define TICKS 12u

/* What is done to process 1. */
static struct script {
    uint64_t die_from; /* it dies while working on each tick from here to die_to */
    uint64_t die_to;
    uint32_t deaths_a_tick;
    uint64_t hang_at; /* it does not finish this tick */
    uint64_t tick;    /* the last one in which it died, and how often */
    uint32_t deaths;
    uint32_t hangs;
} script;

static enum kern_process_state state_of(uint32_t index)
{
    struct kern_process_status status;
    kern_core_process(sim.core, index, &status);
    return status.state;
}

static uint64_t restarts_of(uint32_t index)
{
    struct kern_process_status status;
    kern_core_process(sim.core, index, &status);
    return status.restarts;
}

static void act(struct sim_kernel *s)
{
    uint64_t tick = kern_core_tick(s->core) + 1;
    if (s->workers[1] == NULL || state_of(1) != KERN_PROCESS_RUNNING) {
        return;
    }
    if (tick == script.hang_at) {
        s->frozen = 2;
        if (jit_random_below(&s->random, 40) == 0) { /* the watchdog has waited long enough */
            struct kern_event hung = {.kind = KERN_EVENT_HUNG, .process = 1};
            s->frozen = 0;
            script.hangs++;
            sim_kernel_step(s, &hung);
        }
        return;
    }
    if (tick < script.die_from || tick > script.die_to) {
        return;
    }
    if (tick != script.tick) {
        script.tick = tick;
        script.deaths = 0;
    }
    s->frozen = script.deaths < script.deaths_a_tick ? 2 : 0; /* it dies before it is done */
    if (s->frozen != 0 && jit_random_below(&s->random, 4) == 0) {
        script.deaths++;
        sim_kernel_end_worker(s, 1, "killed by the test");
    }
}

static void begin(const char *text, uint64_t schedule, struct script what)
{
    struct sim_kernel_options options = {
        .text = text, .cells = 40, .system_seed = 5, .schedule = schedule, .each_step = act};
    script = what;
    begin_as(&options);
}

static void run(void)
{
    run_to(TICKS);
    ck_assert_uint_eq(sim.record_count, TICKS);
}

static void stops(const char *words)
{
    ck_assert(!sim_kernel_run(&sim, TICKS, STEPS));
    ck_assert(sim.stopped);
    ck_assert_int_eq(sim.stop_code, 7);
    ck_assert_msg(strstr(sim.stop_text, words) != NULL, "%s", sim.stop_text);
    ck_assert(kern_core_deterministic(sim.core)); /* nothing of it is in the history */
}

/* The events in the log: "TICK:KIND " each, kinds as enum kern_record_event_kind. */
static const char *events(void)
{
    static char text[256];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sim.record_count; i++) {
        struct kern_record_view view;
        const struct sim_record *record = &sim.records[i];
        ck_assert_int_eq(kern_record_decode(record->payload, record->payload_size, &view), JIT_OK);
        for (uint64_t e = 0; e < view.event_count; e++) {
            struct kern_record_event event;
            ck_assert_int_eq(kern_record_event_at(&view, e, &event), JIT_OK);
            used += (size_t)snprintf(text + used, sizeof text - used, "%llu:%d ",
                                     (unsigned long long)record->tick, (int)event.kind);
            ck_assert_uint_lt(used, sizeof text);
        }
    }
    return text;
}

/* The same text and script under several schedules: one history. */
#define SCHEDULES 8u
static void same_for_every_schedule(const char *text, struct script what, const char *expected,
                                    enum kern_process_state state, uint64_t restarts)
{
    struct jit_id head = {{0}};
    for (uint64_t s = 0; s < SCHEDULES; s++) {
        begin(text, 100 + s, what);
        run();
        ck_assert_str_eq(events(), expected);
        ck_assert_int_eq(state_of(1), state);
        ck_assert_uint_eq(restarts_of(1), restarts);
        ck_assert_uint_eq(sim.spawns, 2 + restarts);
        struct jit_id now = kern_core_commit(sim.core);
        ck_assert_msg(s == 0 || jit_id_equal(&now, &head), "schedule %llu: another history",
                      (unsigned long long)s);
        head = now;
        end();
    }
}

static struct jit_id world_of(const char *text, struct script what)
{
    begin(text, 1, what);
    run();
    struct jit_id world = sim_kernel_world(&sim);
    end();
    return world;
}

/* ---- deaths ---- */

#define DIES(from, to, often)                                                                      \
    ((struct script){.die_from = from, .die_to = to, .deaths_a_tick = often})

START_TEST(never)
{
    same_for_every_schedule(HEAD "restart never" TAIL, DIES(4, TICKS, 1), "4:3 ",
                            KERN_PROCESS_FAILED, 0);
}
END_TEST

START_TEST(never_then_stop)
{
    begin(HEAD "restart never then stop" TAIL, 3, DIES(4, TICKS, 1));
    stops("w[1] died in tick 4, and its policy is then to stop: killed by the test");
    ck_assert_uint_eq(kern_core_tick(sim.core), 3);
    end();
}
END_TEST

START_TEST(on_failure_is_usual)
{
    /* five deaths are repaired, the sixth is not */
    struct jit_id calm = world_of(HEAD TAIL, (struct script){0});
    struct jit_id busy = world_of(HEAD TAIL, DIES(4, 4, 5));
    ck_assert(jit_id_equal(&calm, &busy));
    same_for_every_schedule(HEAD TAIL, DIES(4, 4, 5), "", KERN_PROCESS_DONE, 5);
    same_for_every_schedule(HEAD TAIL, DIES(4, 4, 6), "4:3 ", KERN_PROCESS_FAILED, 5);
}
END_TEST

START_TEST(at_most)
{
    static const char two_in_three[] = HEAD "restart on failure at most 2 in 3 ticks" TAIL;
    /* A death in ticks 2, 3 and 4 are three in three ticks; one in every other tick never is. */
    same_for_every_schedule(two_in_three, DIES(2, 3, 1), "", KERN_PROCESS_DONE, 2);
    same_for_every_schedule(two_in_three, DIES(2, TICKS, 1), "4:3 ", KERN_PROCESS_FAILED, 2);
    same_for_every_schedule(HEAD "restart always at most 1 in 1 tick" TAIL, DIES(2, TICKS, 1), "",
                            KERN_PROCESS_DONE, TICKS - 1);
    same_for_every_schedule(HEAD "restart always at most 1 in 1 tick" TAIL, DIES(7, 7, 2), "7:3 ",
                            KERN_PROCESS_FAILED, 1);
}
END_TEST

START_TEST(at_most_then_stop)
{
    begin(HEAD "restart on failure at most 2 in 3 ticks then stop" TAIL, 3, DIES(2, TICKS, 1));
    stops("w[1] died more than 2 times in 3 ticks in tick 4");
    ck_assert_uint_eq(kern_core_tick(sim.core), 3);
    end();
}
END_TEST

/* The run can be taken up where it stopped: nothing was written down about the death. */
START_TEST(the_rest_goes_on_without_the_process)
{
    begin(HEAD "restart never" TAIL, 5, DIES(1, TICKS, 1));
    run();
    ck_assert(!kern_core_deterministic(sim.core));
    ck_assert_uint_eq(kern_core_deviations(sim.core)->count, 1);
    ck_assert_uint_eq(kern_core_deviations(sim.core)->first[0].tick, 1);
    ck_assert_int_eq(state_of(0), KERN_PROCESS_DONE);
    struct kern_process_status status;
    kern_core_process(sim.core, 0, &status);
    ck_assert_uint_gt(status.requests, 0);
    kern_core_process(sim.core, 1, &status);
    ck_assert_uint_eq(status.requests, 0);
    end();
}
END_TEST

static uint32_t count_of(const struct kern_update *update, enum kern_action_kind kind)
{
    uint32_t count = 0;
    for (size_t i = 0; i < update->count; i++) {
        count += update->actions[i].kind == kind;
    }
    return count;
}

/* Killed on the way to its program, again and again: it was never there, and died all the same. */
START_TEST(deaths_before_it_began)
{
    struct kern_update update;
    struct kern_event go = {.kind = KERN_EVENT_RUN, .tick = TICKS};
    struct kern_event died = {.kind = KERN_EVENT_EXITED, .process = 1, .text = "on the way"};
    begin(HEAD "restart on failure at most 2 in 9 ticks" TAIL, 3, (struct script){0});
    kern_core_step(sim.core, &go, &update);
    ck_assert_uint_eq(count_of(&update, KERN_DO_SPAWN), 2);
    for (int death = 0; death < 3; death++) {
        ck_assert_int_eq(state_of(1), KERN_PROCESS_STARTING);
        kern_core_step(sim.core, &died, &update);
        ck_assert_uint_eq(count_of(&update, KERN_DO_SPAWN), death < 2);
    }
    ck_assert_int_eq(state_of(1), KERN_PROCESS_FAILED);
    ck_assert_int_eq(state_of(0), KERN_PROCESS_STARTING);
    end();
}
END_TEST

/* ---- exits ---- */

static void begin_exiting(const char *text, uint64_t schedule, uint64_t from)
{
    begin(text, schedule, (struct script){0});
    sim.options.exit_from = from;
}

START_TEST(an_exit_is_final)
{
    for (uint64_t s = 0; s < SCHEDULES; s++) {
        begin_exiting(HEAD TAIL, s, 4);
        run();
        ck_assert_str_eq(events(), "4:1 ");
        ck_assert_int_eq(state_of(0), KERN_PROCESS_EXITED);
        ck_assert_uint_eq(restarts_of(0), 0);
        ck_assert(kern_core_deterministic(sim.core));
        struct kern_process_status status;
        kern_core_process(sim.core, 0, &status);
        ck_assert_str_eq(status.last, "it asked to exit with status 3");
        end();
    }
}
END_TEST

/* It is started again for the next tick, each time: an exit is no death, and uses up nothing. */
START_TEST(always_also_after_an_exit)
{
    struct jit_id calm = world_of(HEAD "restart always" TAIL, (struct script){0});
    struct jit_id head = {{0}};
    for (uint64_t s = 0; s < SCHEDULES; s++) {
        begin_exiting(HEAD "restart always at most 1 in 100 ticks" TAIL, s, 4);
        run();
        ck_assert_str_eq(events(), "4:1 5:1 6:1 7:1 8:1 9:1 10:1 11:1 12:1 ");
        ck_assert_int_ne(state_of(0), KERN_PROCESS_EXITED);
        ck_assert_uint_ge(restarts_of(0), TICKS - 4);
        ck_assert(kern_core_deterministic(sim.core));
        struct jit_id world = sim_kernel_world(&sim);
        ck_assert(jit_id_equal(&world, &calm));
        struct jit_id now = kern_core_commit(sim.core);
        ck_assert(s == 0 || jit_id_equal(&now, &head));
        head = now;
        end();
    }
}
END_TEST

/* ---- hangs ---- */

#define HANGS(at) ((struct script){.hang_at = at})

START_TEST(a_hang_stops_the_run)
{
    begin(HEAD "on hang stop" TAIL, 2, HANGS(5));
    stops("w[1] has used up its time in tick 5");
    ck_assert_uint_eq(kern_core_tick(sim.core), 4);
    end();
}
END_TEST

/* Killed, the tick is made without it, and it works again in the next. */
START_TEST(a_hang_is_killed)
{
    struct jit_id calm = world_of(HEAD "on hang kill" TAIL, (struct script){0});
    struct jit_id missed = world_of(HEAD "on hang kill" TAIL, HANGS(3));
    same_for_every_schedule(HEAD "on hang kill" TAIL, HANGS(5), "5:4 ", KERN_PROCESS_DONE, 1);
    ck_assert(!jit_id_equal(&calm, &missed)); /* its requests of tick 3 are missing */
    begin(HEAD "on hang kill" TAIL, 7, HANGS(5));
    run();
    ck_assert_uint_eq(script.hangs, 1);
    ck_assert(!kern_core_deterministic(sim.core));
    const struct kern_deviations *deviations = kern_core_deviations(sim.core);
    ck_assert_uint_eq(deviations->count, 1);
    ck_assert_uint_eq(deviations->first[0].tick, 5);
    ck_assert_int_eq(deviations->first[0].kind, KERN_HAPPENED_HUNG);
    struct kern_process_status status;
    kern_core_process(sim.core, 1, &status);
    ck_assert_str_eq(status.last, "it used up its time in tick 5 and was not done");
    ck_assert(jit_id_equal(&deviations->first[0].process, &status.config->id));
    end();
}
END_TEST

/* A hang is a death: the restart policy says whether it works again. */
START_TEST(a_hang_uses_up_the_restarts)
{
    same_for_every_schedule(HEAD "restart never on hang kill" TAIL, HANGS(5), "5:4 5:3 ",
                            KERN_PROCESS_FAILED, 0);
    begin(HEAD "restart never then stop on hang kill" TAIL, 7, HANGS(5));
    stops("w[1] died in tick 5, and its policy is then to stop: it used up its time");
    end();
}
END_TEST

/* Killed by an operator while it is being killed for hanging: ended for good, once. */
START_TEST(an_operator_kills_what_hangs)
{
    struct kern_update update;
    begin(HEAD "on hang kill" TAIL, 7, (struct script){0});
    ck_assert(sim_kernel_run(&sim, 3, STEPS));
    struct kern_event go = {.kind = KERN_EVENT_RUN, .tick = TICKS};
    struct kern_event hung = {.kind = KERN_EVENT_HUNG, .process = 1};
    struct kern_event kill = {.kind = KERN_EVENT_KILL, .process = 1};
    sim_kernel_step(&sim, &go);
    kern_core_step(sim.core, &hung, &update);
    ck_assert_uint_eq(update.count, 1);
    ck_assert_int_eq(update.actions[0].kind, KERN_DO_KILL);
    ck_assert_int_eq(state_of(1), KERN_PROCESS_DYING);
    kern_core_step(sim.core, &hung, &update);
    ck_assert_uint_eq(update.count, 0);
    sim_kernel_step(&sim, &kill);
    sim_kernel_end_worker(&sim, 1, "killed");
    run();
    ck_assert_str_eq(events(), "4:2 ");
    ck_assert_int_eq(state_of(1), KERN_PROCESS_EXITED);
    ck_assert(kern_core_deterministic(sim.core));
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "policy", 60);
    tcase_add_test(t, never);
    tcase_add_test(t, never_then_stop);
    tcase_add_test(t, on_failure_is_usual);
    tcase_add_test(t, at_most);
    tcase_add_test(t, at_most_then_stop);
    tcase_add_test(t, the_rest_goes_on_without_the_process);
    tcase_add_test(t, deaths_before_it_began);
    tcase_add_test(t, an_exit_is_final);
    tcase_add_test(t, always_also_after_an_exit);
    tcase_add_test(t, a_hang_stops_the_run);
    tcase_add_test(t, a_hang_is_killed);
    tcase_add_test(t, a_hang_uses_up_the_restarts);
    tcase_add_test(t, an_operator_kills_what_hangs);
}

TEST_MAIN("policy", suite)

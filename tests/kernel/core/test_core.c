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

static void run(void)
{
    run_to(TICKS);
    ck_assert_uint_eq(kern_core_tick(sim.core), TICKS);
    ck_assert_uint_eq(sim.record_count, TICKS);
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
    run();
    expected = sim_kernel_world(&sim);
    end();
}

START_TEST(same_for_every_schedule) /* _i: blocks of schedules */
{
    struct jit_id head = {{0}};
    once();
    for (uint64_t s = 0; s < 25; s++) {
        begin(HEAD WORKERS("2"), 1000u * (uint64_t)_i + s);
        run();
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
    run();
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
        run();
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
    run();
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
    run();
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
        run();
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
    run();
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
    run();
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
    run();
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
    run();
    end();
}
END_TEST

/* ---- graph memory ---- */

/* A system whose requests are too long for a slot: each carries a text of some 3,000 bytes. */
static const char *long_requests(void)
{
    static char text[8192];
    char note[3001];
    memset(note, 'x', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    int size = snprintf(text, sizeof text,
                        "system test\n"
                        "type Cell { state: i64 = 0, hits: i64 sum = 0, note: text = \"\" }\n"
                        "edge NEXT\n"
                        "rule mark(t: text, p: f64)\n"
                        "  match (a:Cell)\n"
                        "  where chance(p)\n"
                        "  set a.note = t\n"
                        "  add a.hits, 1\n"
                        "process w[2] run mark(t = \"%s\", p = 0.8) apply all over shard(/world)\n"
                        "grant w: map /world; invoke mark on /world\n",
                        note);
    ck_assert_int_lt(size, (int)sizeof text);
    return text;
}

static struct jit_id run_long(uint64_t bytes, uint64_t bytes_max, uint64_t schedule)
{
    struct sim_kernel_options options = {.text = long_requests(),
                                         .cells = 60,
                                         .graph_bytes = bytes,
                                         .graph_bytes_max = bytes_max,
                                         .system_seed = 5,
                                         .schedule = schedule};
    mem = fault_heap_make(-1, false);
    sim_kernel_init(&sim, &mem.heap, &options);
    run();
    struct jit_id commit = kern_core_commit(sim.core);
    return commit;
}

/* It asks for more when it is full, is charged for it, and the history is the same as when it has
 * to wait for room instead. */
START_TEST(graph_memory_grows)
{
    struct kern_process_status status;
    struct jit_id commit = run_long(1u << 20, 0, 1);
    ck_assert_uint_eq(sim.grows, 0);
    end();
    for (uint64_t s = 0; s < 2; s++) {
        struct jit_id waits = run_long(SYS_GRAPH_BYTES_MIN, 0, s);
        ck_assert_uint_eq(sim.grows, 0);
        ck_assert(jit_id_equal(&waits, &commit));
        end();
        struct jit_id grows = run_long(SYS_GRAPH_BYTES_MIN, 16u << 20, s);
        ck_assert_uint_gt(sim.grows, 3); /* 16 KiB to some 100 KiB, two workers */
        ck_assert_uint_lt(sim.grows, 9);
        ck_assert(jit_id_equal(&grows, &commit));
        kern_core_process(sim.core, 0, &status);
        ck_assert_uint_ge(status.graph_bytes, 64u << 10);
        ck_assert_uint_le(status.graph_bytes, 256u << 10);
        end();
        struct jit_id little = run_long(SYS_GRAPH_BYTES_MIN, SYS_GRAPH_BYTES_MIN + SYS_PAGE, s);
        ck_assert_uint_eq(sim.grows, 2); /* then it waits */
        ck_assert(jit_id_equal(&little, &commit));
        end();
    }
}
END_TEST

START_TEST(a_worker_that_dies_while_it_grows)
{
    struct jit_id commit = run_long(1u << 20, 0, 1);
    end();
    for (uint64_t s = 0; s < 4; s++) {
        struct sim_kernel_options options = {.text = long_requests(),
                                             .cells = 60,
                                             .graph_bytes = SYS_GRAPH_BYTES_MIN,
                                             .graph_bytes_max = 16u << 20,
                                             .system_seed = 5,
                                             .schedule = 40 + s,
                                             .kill_one_in = 400};
        mem = fault_heap_make(-1, false);
        sim_kernel_init(&sim, &mem.heap, &options);
        run();
        struct jit_id now = kern_core_commit(sim.core);
        ck_assert(!kern_core_deterministic(sim.core) || jit_id_equal(&now, &commit));
        end();
    }
}
END_TEST

/* The kernel's side by hand: a ring of our own behind a process that has been spawned. */
struct by_hand {
    struct kern_update update;
    struct sys_ring_memory memory;
    struct sys_ring_guest guest;
    uint8_t *ring;
    uint8_t *graph;
};

static void no_wake(void *user, uint32_t *word)
{
    (void)user;
    (void)word;
}

static void hand_step(struct by_hand *hand, enum kern_event_kind kind)
{
    struct kern_event event = {.kind = kind,
                               .process = 0,
                               .tick = 5,
                               .text = "ended",
                               .ring = hand->memory,
                               .graph = hand->graph,
                               .graph_size = SYS_GRAPH_BYTES_MIN,
                               .graph_size_max = 3 * SYS_GRAPH_BYTES_MIN};
    kern_core_step(sim.core, &event, &hand->update);
}

static void hand_spawn(struct by_hand *hand)
{
    memset(hand->ring, 0, SYS_RING_BYTES);
    hand->memory = (struct sys_ring_memory){.base = hand->ring, .size = SYS_RING_BYTES};
    hand_step(hand, KERN_EVENT_SPAWNED);
    hand->guest = (struct sys_ring_guest){.memory = hand->memory, .wake = no_wake};
    ck_assert_int_eq(sys_ring_guest_open(&hand->guest), JIT_OK);
}

static void ask(struct by_hand *hand, uint64_t cookie, uint64_t bytes)
{
    struct sys_slot *slot = sys_ring_guest_slot(&hand->guest);
    slot->kind = SYS_CALL_grow;
    slot->length = 8;
    slot->cookie = cookie;
    memcpy(slot->body.bytes, &bytes, sizeof bytes);
    sys_ring_guest_post(&hand->guest);
}

static void answered(struct by_hand *hand, uint64_t cookie, enum rmg_result result)
{
    struct sys_receipt receipt;
    ck_assert(sys_ring_guest_receipt(&hand->guest, &receipt));
    ck_assert_uint_eq(receipt.cookie, cookie);
    ck_assert_uint_eq(receipt.result, result);
    ck_assert_uint_eq(receipt.index, UINT32_MAX);
}

static bool asked_for(const struct by_hand *hand, uint64_t bytes)
{
    uint32_t found = 0;
    for (size_t i = 0; i < hand->update.count; i++) {
        const struct kern_action *action = &hand->update.actions[i];
        if (action->kind == KERN_DO_GROW) {
            found++;
            ck_assert_uint_eq(action->process, 0);
            ck_assert_uint_eq(action->bytes, bytes);
        }
    }
    ck_assert_uint_le(found, 1);
    return found == 1;
}

static uint64_t charged(void)
{
    struct kern_process_status status;
    kern_core_process(sim.core, 0, &status);
    return status.graph_bytes;
}

START_TEST(grow_is_charged_and_bounded)
{
    static uint8_t graph[3 * SYS_GRAPH_BYTES_MIN];
    struct sys_receipt receipt;
    struct by_hand hand = {.ring = aligned_alloc(4096, (SYS_RING_BYTES + 4095) / 4096 * 4096),
                           .graph = graph};
    ck_assert_ptr_nonnull(hand.ring);
    begin(HEAD WORKERS("1"), 1);
    hand_step(&hand, KERN_EVENT_RUN);
    hand_spawn(&hand);
    ask(&hand, 1, 3 * SYS_GRAPH_BYTES_MIN + 1); /* more than there may be */
    ask(&hand, 2, UINT64_MAX);                  /* */
    ask(&hand, 3, 0);                           /* it has that */
    ask(&hand, 4, SYS_GRAPH_BYTES_MIN);         /* */
    ask(&hand, 5, SYS_GRAPH_BYTES_MIN + 1);     /* a page more */
    ask(&hand, 6, 2 * SYS_GRAPH_BYTES_MIN);     /* one at a time */
    hand_step(&hand, KERN_EVENT_BELL);
    ck_assert(asked_for(&hand, SYS_GRAPH_BYTES_MIN + SYS_PAGE));
    ck_assert_uint_eq(charged(), SYS_GRAPH_BYTES_MIN);
    answered(&hand, 1, RMG_OVER_QUOTA);
    answered(&hand, 2, RMG_OVER_QUOTA);
    answered(&hand, 3, RMG_APPLIED);
    answered(&hand, 4, RMG_APPLIED);
    answered(&hand, 6, RMG_INVALID);
    ck_assert(!sys_ring_guest_receipt(&hand.guest, &receipt));
    hand_step(&hand, KERN_EVENT_GREW);
    answered(&hand, 5, RMG_APPLIED);
    ck_assert_uint_eq(charged(), SYS_GRAPH_BYTES_MIN + SYS_PAGE);
    hand_step(&hand, KERN_EVENT_GREW); /* nobody asked */
    ck_assert(!sys_ring_guest_receipt(&hand.guest, &receipt));
    ask(&hand, 7, 3 * SYS_GRAPH_BYTES_MIN); /* all there may be */
    hand_step(&hand, KERN_EVENT_BELL);
    ck_assert(asked_for(&hand, 3 * SYS_GRAPH_BYTES_MIN));
    /* It dies before that is done: the next one begins anew and hears nothing of it. */
    hand_step(&hand, KERN_EVENT_EXITED);
    hand_step(&hand, KERN_EVENT_GREW);
    hand_spawn(&hand);
    hand_step(&hand, KERN_EVENT_GREW);
    ck_assert(!sys_ring_guest_receipt(&hand.guest, &receipt));
    ck_assert_uint_eq(charged(), SYS_GRAPH_BYTES_MIN);
    end();
    free(hand.ring);
}
END_TEST

/* The host has no memory for it: that ends the process that asked, and the run goes on. */
START_TEST(a_grow_that_the_host_refuses)
{
    static uint8_t graph[3 * SYS_GRAPH_BYTES_MIN];
    struct by_hand hand = {.ring = aligned_alloc(4096, (SYS_RING_BYTES + 4095) / 4096 * 4096),
                           .graph = graph};
    struct kern_event refused = {
        .kind = KERN_EVENT_GREW, .err = JIT_ENOMEM, .text = "there is no memory"};
    ck_assert_ptr_nonnull(hand.ring);
    begin(HEAD WORKERS("1"), 1);
    hand_step(&hand, KERN_EVENT_RUN);
    hand_spawn(&hand);
    ask(&hand, 1, 2 * SYS_GRAPH_BYTES_MIN);
    hand_step(&hand, KERN_EVENT_BELL);
    ck_assert(asked_for(&hand, 2 * SYS_GRAPH_BYTES_MIN));
    kern_core_step(sim.core, &refused, &hand.update);
    bool killed = false;
    for (size_t i = 0; i < hand.update.count; i++) {
        const struct kern_action *action = &hand.update.actions[i];
        ck_assert_int_ne(action->kind, KERN_DO_STOP);
        killed = killed || (action->kind == KERN_DO_KILL && strstr(action->text, "memory") != NULL);
    }
    ck_assert(killed);
    hand_step(&hand, KERN_EVENT_EXITED); /* and it is started anew, as after any other death */
    hand_spawn(&hand);
    ck_assert_uint_eq(charged(), SYS_GRAPH_BYTES_MIN);
    end();
    free(hand.ring);
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
    tcase_add_test(t, graph_memory_grows);
    tcase_add_test(t, a_worker_that_dies_while_it_grows);
    tcase_add_test(t, grow_is_charged_and_bounded);
    tcase_add_test(t, a_grow_that_the_host_refuses);
    tcase_add_test(t, hostile_rings_harm_nobody_else);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("core", suite)

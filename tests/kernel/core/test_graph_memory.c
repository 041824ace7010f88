/* Goal:   a worker's graph memory grows when it asks for more, up to what it may have; it is
 * charged for it; and neither that, nor its death meanwhile, nor a host that refuses changes the
 * history. Method: workers as coroutines over the real ring code, with requests too long for a
 * slot; then a worker written by hand, call by call. */
#include <stdio.h>

#include "tests/kernel/core/sim_bed.h"
#include "tests/lib/cell_rules.h"
#include "tests/lib/tcase.h"

#define TICKS 12u

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

/* One worker, whatever it runs. */
static void begin_one(void)
{
    struct sim_kernel_options options = {
        .text = "system test\n" CELL_TYPES CELL_INFECT CELL_HEAL
                "process w[1] run infect(p = 0.7), heal(q = 0.3) apply all over shard(/world)\n"
                "grant w: map /world; invoke infect, heal on /world\n",
        .cells = 40,
        .system_seed = 5,
        .schedule = 1};
    begin_as(&options);
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
    run_ticks(TICKS);
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
        run_ticks(TICKS);
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
    begin_one();
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
    begin_one();
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

static void suite(Suite *s)
{
    TCase *t = test_case(s, "graph_memory", 60);
    tcase_add_test(t, graph_memory_grows);
    tcase_add_test(t, a_worker_that_dies_while_it_grows);
    tcase_add_test(t, grow_is_charged_and_bounded);
    tcase_add_test(t, a_grow_that_the_host_refuses);
}

TEST_MAIN("graph_memory", suite)

/* Goal:   a request of a rule with `after n ticks` is applied in the n-th tick after the one that
 * it was asked for in, once, if it is a match then and its right is there then; whatever happens in
 * between, and in the same way for everybody. Method: rules that light and fade cells, followed
 * from record to record by their keys; chance, drawn once; grants that end, processes that are
 * killed; the same history over many schedules, on several threads, and with a kernel that starts
 * from nothing but the state between any two ticks; each made again from its patches and from its
 * rules; lists that lie. */
#include "tests/kernel/core/waiting_laws.h"

#define HEAD                                                                                       \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT, DONE\n"
#define LIGHT                                                                                      \
    "rule light(p: f64)\n"                                                                         \
    "  match (a:Cell)\n"                                                                           \
    "  where a.state = 0 and chance(p)\n"                                                          \
    "  set a.state = 1\n"                                                                          \
    "rule fade after 3 ticks\n"                                                                    \
    "  match (a:Cell)\n"                                                                           \
    "  where a.state = 1\n"                                                                        \
    "  set a.state = 0\n"
#define TEXT                                                                                       \
    HEAD LIGHT "process w[2] run light(p = 0.2), fade apply all over shard(/world)\n"              \
               "grant w: map /world; invoke light, fade on /world\n"
#define DELAY 3u
#define TICKS 14u

/* Of a record, how many requests with this key got a result of their own; the last of those. */
static unsigned own_results(size_t n, const struct jit_id *key, uint16_t *result)
{
    unsigned count = 0;
    struct kern_record_view view = sim_view_of(&sim, n);
    for (uint64_t i = 0; i < view.request_count; i++) {
        struct rmg_receipt receipt = sim_receipt_of(&view, i);
        if (jit_id_equal(&receipt.request_key, key) && receipt.result != RMG_DUPLICATE) {
            *result = receipt.result;
            count++;
        }
    }
    return count;
}

/* What was delayed in record n gets its own result `delay` records later, and none before. */
static unsigned follow(size_t n, uint32_t delay, uint16_t expected)
{
    struct kern_record_view view = sim_view_of(&sim, n);
    unsigned followed = 0;
    for (uint64_t i = 0; i < view.request_count; i++) {
        struct rmg_receipt receipt = sim_receipt_of(&view, i);
        uint16_t result = UINT16_MAX;
        if (receipt.result != RMG_DELAYED) {
            continue;
        }
        ck_assert_uint_eq(receipt.blocker, RMG_NO_BLOCKER);
        for (size_t later = 1; later < delay && n + later < sim.record_count; later++) {
            ck_assert_uint_eq(own_results(n + later, &receipt.request_key, &result), 0);
        }
        if (n + delay < sim.record_count) {
            ck_assert_uint_eq(own_results(n + delay, &receipt.request_key, &result), 1);
            ck_assert_uint_eq(result, expected);
            followed++;
        }
    }
    return followed;
}

/* What the workers are told of the last tick: how many of their requests had the result. */
static uint64_t told(enum rmg_result result)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < sim.process_count; i++) {
        const struct sys_ring_memory ring = sim_worker_ring(sim.workers[i]);
        const struct sys_ring_kernel *words =
            (const struct sys_ring_kernel *)(const void *)(ring.base + SYS_RING_KERNEL_OFFSET);
        count += words->counts[result];
    }
    return count;
}

START_TEST(applied_when_it_is_due)
{
    static struct rmg_waiting list[256];
    unsigned followed = 0;
    uint64_t told_of = 0;
    begin(TEXT, 1);
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        run_to(tick);
        const size_t count = sim_waiting_now(&sim, list, 256);
        for (size_t i = 0; i < count; i++) {
            ck_assert_uint_eq(list[i].retries, 0);
            ck_assert_uint_gt(list[i].due, tick);
            ck_assert_uint_le(list[i].due, tick + DELAY);
        }
        uint64_t delayed = 0;
        uint64_t counts[RMG_RESULT_COUNT] = {0};
        /* At rest the next tick is not begun: with this one they were told of the one before. */
        const struct kern_record_view before = sim_view_of(&sim, tick < 2 ? 0 : tick - 2);
        for (uint64_t i = 0; i < before.request_count && tick > 1; i++) {
            counts[sim_receipt_of(&before, i).result]++;
        }
        told_of += counts[RMG_DELAYED];
        ck_assert_uint_eq(told(RMG_DELAYED), counts[RMG_DELAYED]);
        ck_assert_uint_eq(told(RMG_APPLIED), counts[RMG_APPLIED]);
        for (size_t n = tick < DELAY ? 0 : tick - DELAY; n < tick; n++) {
            struct kern_record_view view = sim_view_of(&sim, n);
            for (uint64_t i = 0; i < view.request_count; i++) {
                delayed += sim_receipt_of(&view, i).result == RMG_DELAYED;
            }
        }
        ck_assert_uint_eq(count, delayed); /* of the last ticks, and of no other */
    }
    for (size_t n = 0; n < sim.record_count; n++) {
        followed += follow(n, DELAY, RMG_APPLIED);
    }
    ck_assert_uint_gt(followed, 20);
    ck_assert_uint_gt(told_of, 20);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_DUPLICATE), 20); /* its worker asks on */
    end();
}
END_TEST

/* The draw is that of the tick that it was asked in. */
START_TEST(chance_is_drawn_once)
{
    unsigned followed = 0;
    begin(HEAD "rule late(p: f64) after 2 ticks\n"
               "  match (a:Cell)\n"
               "  where chance(p)\n"
               "  set a.state = a.state + 1\n"
               "process w[2] run late(p = 0.1) apply all over shard(/world)\n"
               "grant w: map /world; invoke late on /world\n",
          4);
    run_to(TICKS);
    for (size_t n = 0; n < sim.record_count; n++) {
        followed += follow(n, 2, RMG_APPLIED);
    }
    ck_assert_uint_gt(followed, 20);
    end();
}
END_TEST

/* What is no match any more when it is due is not applied. */
START_TEST(it_has_to_match_then)
{
    unsigned followed = 0;
    begin(HEAD "rule late after 2 ticks\n"
               "  match (a:Cell) where a.state = 0\n"
               "  set a.hits = 1\n"
               "rule soon\n"
               "  match (a:Cell) where a.state = 0\n"
               "  set a.state = 1\n"
               "process w[2] run late, soon apply all over shard(/world)\n"
               "grant w: map /world; invoke late, soon on /world\n",
          4);
    run_to(6);
    followed = follow(0, 2, RMG_GUARD_FALSE);
    ck_assert_uint_gt(followed, 30);
    end();
}
END_TEST

/* A right that has ended when it is due: that is said then. */
START_TEST(the_right_has_to_be_there_then)
{
    unsigned followed = 0;
    begin(HEAD LIGHT "process w run light(p = 0.9), fade apply all over shard(/world)\n"
                     "grant w: map /world; invoke light, fade on /world; until 4\n",
          4);
    run_to(8);
    followed = follow(1, DELAY, RMG_DENIED);
    ck_assert_uint_gt(followed, 10);
    static struct rmg_waiting list[256];
    ck_assert_uint_eq(sim_waiting_now(&sim, list, 256), 0);
    end();
}
END_TEST

/* Who loses when it is due is tried again, as others are. */
START_TEST(conflicts_are_those_of_its_tick)
{
    begin(HEAD "rule late(p: f64) after 2 ticks on conflict retry 3\n"
               "  match (a:Cell)-[:NEXT]->(b:Cell)\n"
               "  where chance(p)\n"
               "  set a.state = a.state + 1, b.state = b.state + 1\n"
               "process w[2] run late(p = 0.3) apply all over shard(/world)\n"
               "grant w: map /world; invoke late on /world\n",
          4);
    run_to(TICKS);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_RETRIED), 5);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_DELAYED), 5);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_APPLIED), 5);
    end();
}
END_TEST

START_TEST(a_process_that_is_gone_asks_no_more)
{
    static struct rmg_waiting list[256];
    begin(TEXT, 3);
    run_to(4);
    ck_assert_uint_gt(sim_waiting_now(&sim, list, 256), 0);
    ck_assert(sim_kernel_kill(&sim, 0, STEPS));
    ck_assert(sim_kernel_kill(&sim, 1, STEPS));
    run_to(7);
    ck_assert_uint_eq(sim_view_of(&sim, 6).request_count, 0);
    ck_assert_uint_eq(sim_waiting_now(&sim, list, 256), 0);
    end();
}
END_TEST

/* ---- lists that lie ---- */

START_TEST(lies_are_refused)
{
    struct jit_id ids[2] = {{{1}}, {{2}}};
    struct rmg_request request = {.ids = ids, .id_count = 2, .cap_generation = 7};
    enum jit_err err = JIT_OK;
    struct jit_buf buf;
    mem = fault_heap_make(-1, false);
    jit_buf_init(&buf, &mem.heap, 1 << 16);
    rmg_waiting_begin(&buf);
    rmg_waiting_delay(&request, &ids[1], 9, &buf);
    const size_t first = buf.size;
    ck_assert_uint_eq(first, 4 + rmg_waiting_delay_size(&request));
    rmg_waiting_add(&request, &buf); /* both kinds in one list */
    ck_assert_uint_eq(count_list(&buf, buf.size, &err), 2);
    ck_assert_int_eq(err, JIT_ENOENT);
    for (size_t size = 0; size < buf.size; size++) {
        size_t count = count_list(&buf, size, &err);
        ck_assert_int_eq(err, size == first ? JIT_ENOENT : JIT_EFORMAT);
        ck_assert_uint_eq(count, size >= first);
    }
    jit_put_le64(buf.data + 8, 0); /* due in no tick */
    ck_assert_uint_eq(count_list(&buf, buf.size, &err), 0);
    ck_assert_int_eq(err, JIT_EFORMAT);
    jit_put_le64(buf.data + 8, 9);
    jit_put_le32(buf.data, 1); /* a list without */
    ck_assert_uint_eq(count_list(&buf, buf.size, &err), 0);
    ck_assert_int_eq(err, JIT_EFORMAT);
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "delay", 60);
    tcase_add_test(t, applied_when_it_is_due);
    tcase_add_test(t, chance_is_drawn_once);
    tcase_add_test(t, it_has_to_match_then);
    tcase_add_test(t, the_right_has_to_be_there_then);
    tcase_add_test(t, conflicts_are_those_of_its_tick);
    waiting_laws(t, TEXT, 6, TICKS);
    tcase_add_test(t, a_process_that_is_gone_asks_no_more);
    tcase_add_test(t, lies_are_refused);
}

TEST_MAIN("delay", suite)

/* Goal:   who loses under `on conflict retry n` enters the next tick again, n times at most, with
 * the same key, whatever happens between the ticks; and all others are left alone. Method: requests
 * that their worker would hardly send a second time (they draw), followed from record to record;
 * the same history over many schedules, with workers that die, on several threads, and with a
 * kernel that starts from nothing but the state between any two ticks; lists that lie. */
#include "tests/kernel/core/waiting_laws.h"

/* Every cell may take either of its neighbours' parts, and so do many at once. */
#define TEXT(conflict)                                                                             \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT, DONE\n"                                                                            \
    "rule swap(p: f64) on conflict " conflict "\n"                                                 \
    "  match (a:Cell)-[:NEXT]->(b:Cell)\n"                                                         \
    "  where chance(p)\n"                                                                          \
    "  set a.state = a.state + 1, b.state = b.state + 1\n"                                         \
    "process w[2] run swap(p = 0.4) apply all over shard(/world)\n"                                \
    "grant w: map /world; invoke swap on /world\n"
#define TIMES 2u
#define TICKS 10u

/* How many requests of a record have this key, and how many of them are copies. */
static void count_key(const struct kern_record_view *view, const struct jit_id *key, unsigned *all,
                      unsigned *copies, uint16_t *result)
{
    *all = 0;
    *copies = 0;
    for (uint64_t i = 0; i < view->request_count; i++) {
        struct rmg_receipt receipt = sim_receipt_of(view, i);
        if (jit_id_equal(&receipt.request_key, key)) {
            ++*all;
            *copies += receipt.result == RMG_DUPLICATE;
            *result = receipt.result == RMG_DUPLICATE ? *result : receipt.result;
        }
    }
}

/* The state has exactly those whose receipts say so, in their order. */
static void check_list(const struct kern_record_view *view)
{
    static struct rmg_waiting list[256];
    const size_t waiting = sim_waiting_now(&sim, list, 256);
    struct jit_cursor cur = jit_cursor_of(view->requests, view->requests_size);
    size_t next = 0;
    for (uint64_t i = 0; i < view->request_count; i++) {
        struct rmg_asked asked;
        ck_assert_int_eq(rmg_asked_next(&cur, &asked), JIT_OK);
        if (sim_receipt_of(view, i).result == RMG_RETRIED) {
            ck_assert_uint_lt(next, waiting);
            ck_assert_uint_ge(list[next].retries, 1);
            ck_assert_uint_le(list[next].retries, TIMES);
            ck_assert_uint_eq(list[next].cap_generation, 1);
            ck_assert(jit_id_equal(&list[next].asked.process, &asked.process));
            ck_assert_uint_eq(list[next].asked.id_count, asked.id_count);
            ck_assert_mem_eq(list[next].asked.ids, asked.ids, asked.id_count * JIT_ID_BYTES);
            next++;
        }
    }
    ck_assert_uint_eq(next, waiting);
}

START_TEST(who_loses_comes_again)
{
    unsigned came = 0;
    unsigned copied = 0;
    unsigned gave_up = 0;
    begin(TEXT("retry 2"), 1);
    for (uint64_t tick = 1; tick <= TICKS; tick++) {
        run_to(tick);
        struct kern_record_view view = sim_view_of(&sim, tick - 1);
        check_list(&view);
    }
    for (size_t n = 0; n + 1 < sim.record_count; n++) {
        struct kern_record_view view = sim_view_of(&sim, n);
        struct kern_record_view next = sim_view_of(&sim, n + 1);
        for (uint64_t i = 0; i < view.request_count; i++) {
            struct rmg_receipt receipt = sim_receipt_of(&view, i);
            unsigned all = 0;
            unsigned copies = 0;
            uint16_t result = UINT16_MAX;
            if (receipt.result == RMG_CONFLICT) {
                gave_up++; /* it has lost TIMES times before */
                ck_assert_uint_ge(n, TIMES);
                for (size_t back = 1; back <= TIMES; back++) {
                    struct kern_record_view before = sim_view_of(&sim, n - back);
                    count_key(&before, &receipt.request_key, &all, &copies, &result);
                    ck_assert_uint_eq(result, RMG_RETRIED);
                }
            }
            if (receipt.result != RMG_RETRIED) {
                continue;
            }
            count_key(&next, &receipt.request_key, &all, &copies, &result);
            ck_assert_uint_ge(all, 1);
            ck_assert_uint_eq(copies, all - 1); /* of a worker that asked for the same */
            came++;
            copied += copies;
        }
    }
    ck_assert_uint_gt(came, 20);
    ck_assert_uint_gt(copied, 0);
    ck_assert_uint_gt(gave_up, 0);
    end();
}
END_TEST

START_TEST(reject_is_left_alone)
{
    begin(TEXT("reject"), 1);
    run_to(TICKS);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_CONFLICT), 20);
    ck_assert_uint_eq(sim_count_results(&sim, RMG_RETRIED), 0);
    struct rmg_waiting none[1];
    ck_assert_uint_eq(sim_waiting_now(&sim, none, 1), 0);
    end();
}
END_TEST

/* A process that is killed takes with it what it would have tried again. */
START_TEST(a_process_that_is_gone_asks_no_more)
{
    begin(TEXT("retry 2"), 3);
    run_to(4);
    struct rmg_waiting list[256];
    ck_assert_uint_gt(sim_waiting_now(&sim, list, 256), 0);
    ck_assert(sim_kernel_kill(&sim, 0, STEPS));
    ck_assert(sim_kernel_kill(&sim, 1, STEPS));
    run_to(7);
    ck_assert_uint_eq(sim_view_of(&sim, 5).request_count, 0);
    ck_assert_uint_eq(sim_view_of(&sim, 6).request_count, 0);
    ck_assert_uint_eq(sim_waiting_now(&sim, list, 256), 0);
    end();
}
END_TEST

/* A right that is not there any more is asked for anew, and what a limit leaves is all there is. */
START_TEST(limits_count_them)
{
    begin("system test\n"
          "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"
          "edge NEXT, DONE\n"
          "rule swap on conflict retry 5\n"
          "  match (a:Cell)-[:NEXT]->(b:Cell)\n"
          "  set a.state = a.state + 1, b.state = b.state + 1\n"
          "process w run swap apply all over shard(/world)\n"
          "grant w: map /world; invoke swap on /world; limit 9 per tick\n",
          3);
    run_to(TICKS);
    for (size_t n = 0; n < sim.record_count; n++) {
        struct kern_record_view view = sim_view_of(&sim, n);
        unsigned within = 0;
        for (uint64_t i = 0; i < view.request_count; i++) {
            within += sim_receipt_of(&view, i).result != RMG_OVER_QUOTA;
        }
        ck_assert_uint_eq(within, 9);
    }
    ck_assert_uint_gt(sim_count_results(&sim, RMG_RETRIED), 0);
    end();
}
END_TEST

/* ---- lists that lie ---- */

START_TEST(lies_are_refused)
{
    static const uint32_t bad_times[] = {0, JIT_RETRY_MAX + 1, UINT32_MAX};
    struct jit_id ids[2] = {{{1}}, {{2}}};
    struct rmg_request request = {.ids = ids, .id_count = 2, .params = ids[0].bytes};
    enum jit_err err = JIT_OK;
    struct jit_buf buf;
    mem = fault_heap_make(-1, false);
    jit_buf_init(&buf, &mem.heap, 1 << 16);
    rmg_waiting_begin(&buf);
    request.params_size = 5;
    rmg_waiting_add(&request, &buf);
    const size_t first = buf.size;
    ck_assert_uint_eq(first, 4 + rmg_waiting_size(&request));
    request.retries = JIT_RETRY_MAX - 1;
    rmg_waiting_add(&request, &buf);
    ck_assert_uint_eq(count_list(&buf, buf.size, &err), 2);
    ck_assert_int_eq(err, JIT_ENOENT);
    for (size_t size = 0; size < buf.size; size++) { /* cut off anywhere but between two */
        size_t count = count_list(&buf, size, &err);
        ck_assert_int_eq(err, size == first ? JIT_ENOENT : JIT_EFORMAT);
        ck_assert_uint_eq(count, size >= first);
    }
    for (size_t i = 0; i < sizeof bad_times / sizeof bad_times[0]; i++) {
        jit_put_le32(buf.data + 4, bad_times[i]);
        ck_assert_uint_eq(count_list(&buf, buf.size, &err), 0);
        ck_assert_int_eq(err, JIT_EFORMAT);
    }
    jit_put_le32(buf.data, 3);
    ck_assert_uint_eq(count_list(&buf, buf.size, &err), 0);
    ck_assert_int_eq(err, JIT_EVERSION);
    jit_buf_release(&buf);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "retry", 60);
    tcase_add_test(t, who_loses_comes_again);
    tcase_add_test(t, reject_is_left_alone);
    waiting_laws(t, TEXT("retry 2"), 10, TICKS);
    tcase_add_test(t, a_process_that_is_gone_asks_no_more);
    tcase_add_test(t, limits_count_them);
    tcase_add_test(t, lies_are_refused);
}

TEST_MAIN("retry", suite)

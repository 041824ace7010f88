/* Goal:   a request behind a portal that loses is tried again, as any other, and the history is the
 *         same for every schedule, with workers that die, on 1, 2, 3 and 8 threads, and with a
 * kernel that starts between any two ticks. Method: the laws of what waits, on cells in an instance
 * that hangs in /world. */
#include "tests/kernel/core/waiting_laws.h"

#define TICKS 8u

static const char text[] = "system test\n"
                           "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"
                           "edge NEXT, DONE\n"
                           "import \"cells.csv\" into /world/hall\n"
                           "rule swap(p: f64) on conflict retry 2\n"
                           "  match (w), (a:Cell)-[:NEXT]->(b:Cell) in w.hall\n"
                           "  where chance(p) and count((:Cell)) = 0\n"
                           "  set a.state = a.state + 1, b.state = b.state + 1\n"
                           "process w[2] run swap(p = 0.4) apply all over shard(/world)\n"
                           "grant w: map /world; invoke swap on /world\n";

START_TEST(who_loses_comes_again)
{
    begin(text, 1);
    run_to(TICKS);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_APPLIED), 20);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_RETRIED), 20);
    for (size_t n = 0; n + 1 < sim.record_count; n++) {
        struct kern_record_view view = sim_view_of(&sim, n);
        struct kern_record_view next = sim_view_of(&sim, n + 1);
        for (uint64_t i = 0; i < view.request_count; i++) {
            const struct rmg_receipt receipt = sim_receipt_of(&view, i);
            bool came = receipt.result != RMG_RETRIED;
            for (uint64_t k = 0; k < next.request_count && !came; k++) {
                const struct rmg_receipt again = sim_receipt_of(&next, k);
                came = jit_id_equal(&again.request_key, &receipt.request_key);
            }
            ck_assert(came);
        }
    }
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "inside_retry", 120);
    tcase_add_test(t, who_loses_comes_again);
    waiting_laws(t, text, 6, TICKS);
    law.path = "/world/hall";
}

TEST_MAIN("inside_retry", suite)

/* Goal:   of each request that was applied there is one commit entry, with its rule, its target,
 * its tick, and the roots that the tick began with and led to; of no other request is there one.
 * Method: a history with conflicts, denials, retries and delays; each record's entries are compared
 * with its requests and receipts, and their roots chained from record to record with the roots that
 * the log has; records that are cut short or lie. */
#include "kernel/core/entry.h"
#include "tests/kernel/core/sim_bed.h"
#include "tests/kernel/core/sim_records.h"

#define TEXT                                                                                       \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT, DONE\n"                                                                            \
    "rule swap(p: f64) on conflict retry 2\n"                                                      \
    "  match (a:Cell)-[:NEXT]->(b:Cell)\n"                                                         \
    "  where chance(p)\n"                                                                          \
    "  set a.state = a.state + 1, b.state = b.state + 1\n"                                         \
    "rule late(p: f64) after 2 ticks\n"                                                            \
    "  match (a:Cell)\n"                                                                           \
    "  where chance(p)\n"                                                                          \
    "  add a.hits, 1\n"                                                                            \
    "rule never(p: f64)\n"                                                                         \
    "  match (a:Cell)\n"                                                                           \
    "  where chance(p)\n"                                                                          \
    "  set a.state = 9\n"                                                                          \
    "process w[2] run swap(p = 0.4), late(p = 0.1), never(p = 0.1) apply all over shard(/world)\n" \
    "grant w: map /world; invoke swap, late on /world\n"
#define TICKS 8u

static void begin(void)
{
    struct sim_kernel_options options = {
        .text = TEXT, .cells = 40, .system_seed = 5, .schedule = 3};
    begin_as(&options);
    run_to(TICKS);
}

/* The entries of record n are what its requests and receipts say, one for one. Returns how many. */
static uint64_t check_record(size_t n, const struct jit_id *before)
{
    const struct sim_record *record = &sim.records[n];
    struct kern_record_view view = sim_view_of(&sim, n);
    struct jit_cursor cur = jit_cursor_of(view.requests, view.requests_size);
    struct kern_entries entries;
    struct kern_entry entry;
    uint64_t count = 0;
    ck_assert_int_eq(kern_entries_begin(&entries, &view, n + 1, &record->root), JIT_OK);
    for (uint64_t i = 0; i < view.request_count; i++) {
        const struct rmg_receipt receipt = sim_receipt_of(&view, i);
        struct rmg_asked asked;
        ck_assert_int_eq(rmg_asked_next(&cur, &asked), JIT_OK);
        if (receipt.result != RMG_APPLIED) {
            continue;
        }
        ck_assert_int_eq(kern_entries_next(&entries, &entry), JIT_OK);
        ck_assert_uint_eq(entry.request, i);
        ck_assert_uint_eq(entry.tick, n + 1);
        ck_assert(jit_id_equal(&entry.request_key, &receipt.request_key));
        ck_assert(jit_id_equal(&entry.rule, &asked.rule_id));
        ck_assert(jit_id_equal(&entry.instance, &asked.instance));
        ck_assert_uint_gt(asked.id_count, 0);
        ck_assert(jit_id_equal(&entry.target, &asked.ids[0]));
        ck_assert(jit_id_equal(&entry.before, before));
        ck_assert(jit_id_equal(&entry.after, &record->root));
        count++;
    }
    ck_assert_int_eq(kern_entries_next(&entries, &entry), JIT_ENOENT);
    ck_assert_int_eq(kern_entries_next(&entries, &entry), JIT_ENOENT);
    return count;
}

START_TEST(one_of_each_that_was_applied)
{
    uint64_t count = 0;
    begin();
    struct jit_id before = sim.genesis.state_root;
    for (size_t n = 0; n < sim.record_count; n++) {
        count += check_record(n, &before);
        before = sim.records[n].root;
    }
    ck_assert_uint_eq(count, sim_count_results(&sim, RMG_APPLIED));
    ck_assert_uint_gt(count, 20);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_DENIED), 5);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_RETRIED), 5);
    ck_assert_uint_gt(sim_count_results(&sim, RMG_DELAYED), 5);
    end();
}
END_TEST

/* What of a record is missing is found, and is not taken for an end. */
START_TEST(records_that_lie)
{
    struct kern_entries entries;
    struct kern_entry entry;
    begin();
    const struct kern_record_view whole = sim_view_of(&sim, 0);
    struct kern_record_view view = whole;
    ck_assert_uint_gt(view.request_count, 0);
    for (view.patch_size = 0; view.patch_size < JIT_ID_BYTES; view.patch_size++) {
        ck_assert_int_eq(kern_entries_begin(&entries, &view, 1, &sim.records[0].root), JIT_EFORMAT);
    }
    view = whole;
    view.requests_size--;
    enum jit_err err = kern_entries_begin(&entries, &view, 1, &sim.records[0].root);
    for (uint64_t i = 0; err == JIT_OK && i <= view.request_count; i++) {
        err = kern_entries_next(&entries, &entry);
    }
    ck_assert_int_eq(err, JIT_EFORMAT);
    view.requests_size = 0;
    ck_assert_int_eq(kern_entries_begin(&entries, &view, 1, &sim.records[0].root), JIT_OK);
    ck_assert_int_eq(kern_entries_next(&entries, &entry), JIT_EFORMAT);
    end();
}
END_TEST

/* A genesis speaks of a blob and has neither requests nor entries. */
START_TEST(a_genesis_has_none)
{
    const struct kern_record_view view = {.flags = KERN_RECORD_GENESIS};
    const struct jit_id root = {{1}};
    struct kern_entries entries;
    struct kern_entry entry;
    ck_assert_int_eq(kern_entries_begin(&entries, &view, 0, &root), JIT_OK);
    ck_assert_int_eq(kern_entries_next(&entries, &entry), JIT_ENOENT);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "entry", 60);
    tcase_add_test(t, one_of_each_that_was_applied);
    tcase_add_test(t, records_that_lie);
    tcase_add_test(t, a_genesis_has_none);
}

TEST_MAIN("entry", suite)

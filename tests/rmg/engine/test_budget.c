/* Goal:   no number of requests makes a tick look at more, or keep more, than its bounds say, and
 * who is turned away depends on the canonical order alone. Method: the costs of single requests,
 * measured one by one, say who must be served of many, in that order; side by side on threads of
 * any number the same; copies under other askers and other gates; values that are too large to be
 * kept for all, counted on the heap; sums and lists of which many join into one slot, in an arena
 * that would not hold a path for each. */
#include <stdlib.h>

#include "base/exec.h"
#include "base/hash.h"
#include "base/le.h"
#include "tests/lib/bed.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/lang/lang_fixture.h"

#define MANY 60000u

static struct bed bed;
static struct bed_batch batch;
static struct rmg_tick_output output;

/* The tasks in the order opposite to that of the inline one. */
static void run_backwards(struct jit_exec *exec, size_t count,
                          void (*task)(void *user, size_t index), void *user)
{
    (void)exec;
    while (count > 0) {
        task(user, --count);
    }
}
static struct jit_exec backwards = {.run = run_backwards, .threads = 3};

static void begin_case(void)
{
    bed_begin(&bed, 12, 12, 3, false);
    memset(&batch, 0, sizeof batch);
}

static void end_case(void)
{
    bed_end(&bed);
    ck_assert_int_eq(bed.mem.live, 0);
}

/* ---- askers ---- */

#define ASKERS 3u

static void fill(uint32_t count)
{
    memset(&batch, 0, sizeof batch);
    for (uint32_t i = 0; i < count; i++) {
        static const enum sample_rule rules[] = {SAMPLE_PUT, SAMPLE_LOAD, SAMPLE_CURE,
                                                 SAMPLE_INFECT};
        struct rmg_request *request = bed_request(&bed, &batch, rules[i % 4], i);
        request->nonce = i;
        request->asker = i * 7 % ASKERS;
        request->process.bytes[5] = (uint8_t)request->asker;
    }
}

/* The same once more: a tick is made from the newest version alone. */
static void anew(uint32_t count)
{
    end_case();
    begin_case();
    fill(count);
}

/* What the verification of one costs: alone in a tick. */
static void measure(uint32_t count, uint64_t *costs)
{
    for (uint32_t i = 0; i < count; i++) {
        anew(count);
        struct rmg_tick_input input = bed_input(&bed, &batch);
        input.requests = &batch.requests[i];
        input.request_count = 1;
        must(rmg_engine_tick(bed.engine, &input, &output));
        costs[i] = output.slots + 1;
    }
    anew(count);
}

START_TEST(as_far_as_it_goes) /* _i: what an asker may */
{
    uint64_t spent[ASKERS] = {0};
    uint64_t costs[BED_REQUESTS];
    uint64_t refused = 0;
    const uint64_t bound = (uint64_t)_i * 41;
    measure(90, costs);
    struct rmg_tick_input input = bed_input(&bed, &batch);
    input.asker_count = ASKERS;
    input.asker_slots = bound;
    must(rmg_engine_tick(bed.engine, &input, &output));
    struct rmg_receipt got[BED_REQUESTS];
    memcpy(got, output.receipts, batch.count * sizeof *got);
    /* The batch lies in canonical order now. */
    for (uint32_t i = 0; i < batch.count; i++) {
        uint64_t *asker = &spent[batch.requests[i].asker];
        ck_assert_msg((got[i].result == RMG_OVER_BUDGET) == (*asker > bound), "request %u", i);
        *asker += *asker > bound ? 0 : costs[batch.requests[i].nonce];
        refused += got[i].result == RMG_OVER_BUDGET;
    }
    ck_assert(_i > 2 || refused > 0);
    ck_assert(_i < 9 || refused == 0);
}
END_TEST

/* Many chunks, each cut short somewhere else: the outcome is the same. */
START_TEST(the_order_of_tasks_does_not_matter)
{
    struct rmg_request *requests = calloc(MANY, sizeof *requests);
    struct jit_id commits[2];
    struct jit_id ids[12];
    uint64_t turned_away = 0;
    ck_assert_ptr_nonnull(requests);
    for (unsigned way = 0; way < 2; way++) {
        anew(0);
        for (uint32_t i = 0; i < 12; i++) {
            ids[i] = bed.nodes[i];
        }
        for (uint32_t i = 0; i < 20000; i++) {
            requests[i] = (struct rmg_request){.rule = bed.rules[SAMPLE_CURE],
                                               .rule_id = bed.rules[SAMPLE_CURE]->id,
                                               .instance = bed.instance,
                                               .ids = &ids[i % 12],
                                               .id_count = 1,
                                               .nonce = i,
                                               .asker = i % 2,
                                               .quota = RMG_NO_QUOTA};
            requests[i].process.bytes[0] = (uint8_t)(i % 2);
        }
        rmg_engine_free(bed.engine);
        must(rmg_engine_new(&bed.mem.heap, bed.store, way == 0 ? jit_exec_inline() : &backwards,
                            &bed.engine));
        struct rmg_tick_input input = bed_input(&bed, &batch);
        input.requests = requests;
        input.request_count = 20000;
        input.asker_count = 2;
        input.asker_slots = 20000;
        must(rmg_engine_tick(bed.engine, &input, &output));
        commits[way] = output.commit;
        turned_away = output.counts[RMG_OVER_BUDGET];
        ck_assert_uint_le(output.slots, 2 * (20000 + 2 * JIT_VERIFY_SLOTS_MAX));
    }
    ck_assert_uint_gt(turned_away, 1000);
    ck_assert_uint_lt(turned_away, 19000);
    ck_assert(jit_id_equal(&commits[0], &commits[1]));
    free(requests);
}
END_TEST

/* Whoever has nothing left does not stand in the way of an equal request of another. */
START_TEST(a_copy_of_one_who_has_something_left)
{
    for (unsigned poor = 0; poor < 2; poor++) {
        anew(0);
        for (uint32_t i = 0; i < 40; i++) { /* who spends what it has before the last ones */
            struct rmg_request *request = bed_request(&bed, &batch, SAMPLE_LOAD, i);
            request->nonce = i;
            request->asker = poor;
            request->process.bytes[0] = (uint8_t)poor;
        }
        for (uint32_t i = 0; i < 40; i++) {
            struct rmg_request *copy = &batch.requests[batch.count++];
            *copy = batch.requests[i];
            copy->asker = 1 - poor;
            copy->process.bytes[0] = (uint8_t)(1 - poor);
            if (i % 4 != 0) {
                batch.count--; /* not of all: the other one has enough */
            }
        }
        struct rmg_tick_input input = bed_input(&bed, &batch);
        input.asker_count = 2;
        input.asker_slots = 45;
        must(rmg_engine_tick(bed.engine, &input, &output));
        ck_assert_uint_gt(output.counts[RMG_OVER_BUDGET], 0);
        for (uint32_t i = 0; i < batch.count; i++) {
            bool rich = batch.requests[i].asker == 1 - poor;
            ck_assert(!rich || output.receipts[i].result == RMG_APPLIED ||
                      output.receipts[i].result == RMG_DUPLICATE);
        }
    }
}
END_TEST

/* ---- copies behind gates ---- */

/* Every copy but one is shut out, by one of many gates, turn by turn. */
START_TEST(copies_behind_gates_are_looked_at_once)
{
    static const struct rmg_gate shut[3];
    static const struct rmg_gate open = {.any_node = true, .any_edge = true};
    struct rmg_request *requests = calloc(MANY, sizeof *requests);
    ck_assert_ptr_nonnull(requests);
    struct rmg_request *one = bed_request(&bed, &batch, SAMPLE_LOAD, 5);
    for (uint32_t i = 0; i < MANY; i++) {
        requests[i] = *one;
        requests[i].cap_slot = i; /* the order of equals */
        requests[i].within = i + 2 == MANY ? &open : &shut[i % 3];
    }
    struct rmg_tick_input input = bed_input(&bed, &batch);
    input.requests = requests;
    input.request_count = MANY;
    must(rmg_engine_tick(bed.engine, &input, &output));
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_int_eq(output.receipts[MANY - 2].result, RMG_APPLIED);
    ck_assert_int_eq(output.receipts[MANY - 1].result, RMG_DUPLICATE);
    ck_assert_uint_eq(output.counts[RMG_DENIED], MANY - 2);
    free(requests);
}
END_TEST

/* ---- what is kept ---- */

/* A value of 40 KiB each, for 4,000 requests that all want the same slot. */
#define LARGE   (40u << 10)
#define WRITERS 4000u

static void put_large(struct bed *b)
{
    static uint8_t bytes[LARGE];
    struct rmg_tx *tx = NULL;
    struct rmg_attachment large = {.name = "v",
                                   .name_size = 1,
                                   .value = {.kind = RMG_VALUE_ATOM,
                                             .type = *rmg_codec_type(RMG_CODEC_BYTES),
                                             .bytes = bytes,
                                             .size = LARGE}};
    must(rmg_tx_begin(b->store, &b->version, &tx));
    for (size_t i = 0; i < b->node_count; i++) {
        bytes[0] = (uint8_t)(i + 1);
        must(rmg_tx_set_attachment(tx, &b->instance, RMG_PLANE_ALPHA, &b->nodes[i], &large));
    }
    must(rmg_tx_seal(tx, &b->version));
}

static struct rmg_rule *rule_of(struct lang_fixture *f, const char *text)
{
    struct rmg_rule *rule = NULL;
    lang_fixture_init(f);
    enum jit_err err = lang_fixture_parse(f, text, strlen(text));
    ck_assert_msg(err == JIT_OK, "%.*s", (int)f->messages.size, (const char *)f->messages.data);
    must(rmg_rule_decode(&f->mem.heap, f->system->rules[0].program,
                         f->system->rules[0].program_size, &rule));
    return rule;
}

START_TEST(large_values_are_not_kept_for_all) /* _i: threads */
{
    static struct rmg_request requests[WRITERS];
    struct lang_fixture f;
    struct rmg_rule *copy = rule_of(&f, "system s\ntype P { v: bytes }\nedge D\n"
                                        "rule copy match (a:P), (b:P) set a.v = b.v\n");
    struct jit_id pairs[11][2];
    struct rmg_value value;
    put_large(&bed);
    for (uint32_t i = 0; i < 11; i++) {
        pairs[i][0] = bed.nodes[0];
        pairs[i][1] = bed.nodes[i + 1];
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        requests[i] = (struct rmg_request){.rule = copy,
                                           .rule_id = copy->id,
                                           .instance = bed.instance,
                                           .ids = pairs[i % 11],
                                           .id_count = 2,
                                           .nonce = i,
                                           .quota = RMG_NO_QUOTA};
    }
    rmg_engine_free(bed.engine);
    must(rmg_engine_new(&bed.mem.heap, bed.store, _i == 0 ? jit_exec_inline() : &backwards,
                        &bed.engine));
    struct rmg_tick_input input = bed_input(&bed, &batch);
    input.requests = requests;
    input.request_count = WRITERS;
    int64_t before = bed.mem.live_bytes;
    must(rmg_engine_tick(bed.engine, &input, &output));
    /* The engine gives back what it has used of its own when it is freed: all of it is there. */
    ck_assert_int_lt(bed.mem.live_bytes - before, (int64_t)(WRITERS * LARGE / 4));
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_uint_eq(output.counts[RMG_CONFLICT], WRITERS - 1);
    ck_assert_int_eq(output.receipts[0].result, RMG_APPLIED);
    ck_assert_uint_eq(output.receipts[WRITERS - 1].blocker, 0);
    struct rmg_instance instance;
    struct rmg_graph graph;
    must(rmg_store_instance(bed.store, &output.version, &bed.instance, &instance));
    rmg_store_graph(bed.store, &instance, &graph);
    must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &bed.nodes[0], "v", 1, &value));
    ck_assert_uint_eq(value.size, LARGE);
    struct jit_id from = requests[0].ids[1];
    struct rmg_value source;
    must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &from, "v", 1, &source));
    ck_assert_mem_eq(value.bytes, source.bytes, LARGE);
    rmg_rule_free(&f.mem.heap, copy);
    lang_fixture_release(&f);
}
END_TEST

/* ---- what is reserved ---- */

/* The arena has room for some hundred paths; so many join into one slot. */
START_TEST(joins_reserve_a_slot_once) /* _i: a sum, a list */
{
    struct rmg_request *requests = calloc(MANY, sizeof *requests);
    uint8_t params[32];
    ck_assert_ptr_nonnull(requests);
    enum sample_rule rule = _i == 0 ? SAMPLE_LOAD : SAMPLE_TAG;
    uint32_t size = _i == 0 ? sample_params_i64(params, 2) : sample_params_bytes(params, "tag", 3);
    for (uint32_t i = 0; i < 20000; i++) {
        requests[i] = (struct rmg_request){.rule = bed.rules[rule],
                                           .rule_id = bed.rules[rule]->id,
                                           .instance = bed.instance,
                                           .ids = &bed.nodes[4],
                                           .id_count = 1,
                                           .params = params,
                                           .params_size = size,
                                           .nonce = i,
                                           .quota = RMG_NO_QUOTA};
    }
    struct rmg_tick_input input = bed_input(&bed, &batch);
    input.requests = requests;
    input.request_count = 20000;
    must(rmg_engine_tick(bed.engine, &input, &output));
    ck_assert_uint_eq(output.applied, 20000);
    free(requests);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "cases", 30);
    tcase_add_checked_fixture(t, begin_case, end_case);
    tcase_add_loop_test(t, as_far_as_it_goes, 0, 10);
    tcase_add_test(t, the_order_of_tasks_does_not_matter);
    tcase_add_test(t, a_copy_of_one_who_has_something_left);
    tcase_add_test(t, copies_behind_gates_are_looked_at_once);
    tcase_add_loop_test(t, large_values_are_not_kept_for_all, 0, 2);
    tcase_add_loop_test(t, joins_reserve_a_slot_once, 0, 2);
}

TEST_MAIN("budget", suite)

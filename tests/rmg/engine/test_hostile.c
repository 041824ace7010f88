/* Goal:   whatever is asked for, the answer is one of docs/spec/rules.md "Bad input", the same on
 *         every machine, and others are served.
 * Method: matches of any ids in any place, of random rules, against the brute-force judge; ticks
 *         whose budget is too small for some or all; a search that would take for ever. */
#include "rmg/rules/search.h"
#include "tests/lib/bed.h"
#include "tests/lib/rule_model.h"
#include "tests/lib/tcase.h"
#include "tests/lib/trial.h"

static const struct rmg_draw draw = {.seed = 5, .tick = 9, .round = 0};
static struct rule_model model;

/* An id for a place: right, of the wrong kind, of something that is gone, unheard of, nothing, or
 * that of another place. The number is right only where it can be: true. */
static bool any_id(unsigned place, const struct jit_id *ids, unsigned *tuple, struct jit_id *out)
{
    bool is_edge = model.kit.elements[place].is_edge;
    tuple[place] = (unsigned)rm_roll(&model, is_edge ? RM_EDGES : RM_NODES);
    switch (rm_roll(&model, 24)) {
    case 0: /* a node where an edge is asked for, and the other way round */
        *out = rm_id(&model, !is_edge, (unsigned)rm_roll(&model, RM_NODES));
        return false;
    case 1:
        *out = kit_id('?', (unsigned)rm_roll(&model, 100));
        return false;
    case 2:
        memset(out, rm_roll(&model, 2) == 0 ? 0 : 0xff, sizeof *out);
        return false;
    case 3:
        *out = kit_type(1 + (unsigned)rm_roll(&model, RM_NODE_TYPES));
        return false;
    case 4:
        if (place > 0) { /* a duplicate */
            unsigned other = (unsigned)rm_roll(&model, place);
            tuple[place] = tuple[other];
            *out = ids[other];
            return model.kit.elements[other].is_edge == is_edge;
        }
        break;
    default:
        break;
    }
    *out = rm_id(&model, is_edge, tuple[place]);
    return true;
}

START_TEST(any_match_is_judged) /* _i = seed */
{
    static struct trial trial;
    unsigned counts[RMG_RESULT_COUNT] = {0};
    rm_begin(&model, 880000 + (uint64_t)_i);
    rm_change(&model, 100);
    struct jit_id root = model.g.version.state_root;
    for (unsigned rules = 0; rules < 12; rules++) {
        struct rmg_rule *rule = rm_rule(&model, true);
        for (unsigned tries = 0; tries < 200; tries++) {
            struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
            unsigned tuple[JIT_PATTERN_ELEMENTS_MAX];
            bool known = true;
            for (unsigned i = 0; i < rule->element_count; i++) {
                bool right = any_id(i, ids, tuple, &ids[i]);
                known = known && right;
            }
            trial_init(&trial, &model.heap.heap, rule, ids);
            uint32_t budget = (uint32_t)rm_roll(&model, 40);
            enum rmg_result result = trial_run(&trial, &model.g, &draw, budget);
            ck_assert_uint_le(trial.slots, budget);
            ck_assert_int_lt(result, RMG_RESULT_COUNT);
            counts[result]++;
            enum rmg_result want = known ? rm_judge(&model, tuple) : RMG_NO_MATCH;
            if (result == RMG_APPLIED) { /* draws and effects may still say no, never yes */
                ck_assert_int_eq(want, RMG_APPLIED);
            } else if (want != RMG_APPLIED && result != RMG_OVER_BUDGET) {
                ck_assert_int_eq(result, want);
            }
            trial_release(&trial);
        }
        rmg_rule_free(&model.heap.heap, rule);
    }
    ck_assert(jit_id_equal(&root, &model.g.version.state_root));
    ck_assert_uint_gt(counts[RMG_NO_MATCH], 100);
    rm_end(&model);
}
END_TEST

/* With too small a budget requests fail one by one, and the tick does not. */
START_TEST(over_budget_is_one_requests_matter)
{
    static struct bed bed;
    static struct bed_batch batch;
    static struct rmg_tick_output output;
    uint64_t applied = 0;
    for (uint32_t budget = 0; budget <= 12; budget++) {
        bed_begin(&bed, 12, 12, 3, false);
        memset(&batch, 0, sizeof batch);
        for (size_t place = 0; place < 8; place++) {
            bed_request(&bed, &batch, SAMPLE_PUT, place);
            bed_request(&bed, &batch, SAMPLE_LOAD, place);
        }
        struct rmg_tick_input input = bed_input(&bed, &batch);
        input.budget = budget;
        ck_assert_int_eq(rmg_engine_tick(bed.engine, &input, &output), JIT_OK);
        ck_assert_uint_ge(output.applied, applied); /* more budget, no less served */
        ck_assert(budget > 0 ||
                  (output.counts[RMG_OVER_BUDGET] == batch.count &&
                   jit_id_equal(&output.version.state_root, &bed.version.state_root)));
        ck_assert(budget < 12 || output.counts[RMG_OVER_BUDGET] == 0);
        applied = output.applied;
        bed_end(&bed);
    }
    ck_assert_uint_gt(applied, 0);
}
END_TEST

static bool go_on(void *user, const struct jit_id *ids, uint32_t id_count)
{
    (void)ids;
    (void)id_count;
    ++*(uint64_t *)user;
    return true;
}

/* Eight nodes of any type, in no way joined, among 120: 10^16 matches. */
START_TEST(a_search_for_ever_ends)
{
    static const struct rmg_shard whole = {.index = 0, .count = 1};
    struct fault_heap mem = fault_heap_make(-1, false);
    static struct kit_graph g;
    static struct rule_kit kit;
    struct rmg_search *search = NULL;
    kit_graph_begin(&g, &mem.heap, 4 << 20);
    kit_open(&g);
    for (unsigned i = 0; i < 120; i++) {
        kit_put_node(&g, kit_id('n', i), 1);
    }
    kit_seal(&g);
    kit_begin(&kit, "r");
    for (unsigned i = 0; i < 8; i++) {
        (void)kit_node(&kit, i % 2);
    }
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    ck_assert_int_eq(rmg_search_new(&mem.heap, rule, NULL, 0, &g.instance, whole, &search), JIT_OK);
    for (uint64_t budget = 0; budget <= 30000; budget += 10000) {
        uint64_t found = 0;
        uint64_t looks = 0;
        ck_assert_int_eq(rmg_search_visit(search, &graph, budget, go_on, &found, &looks),
                         JIT_EBUDGET);
        ck_assert_uint_eq(looks, budget);
        ck_assert_uint_le(found, budget);
    }
    rmg_search_free(search);
    rmg_rule_free(&mem.heap, rule);
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hostile", 60);
    tcase_add_loop_test(t, any_match_is_judged, 0, 20);
    tcase_add_test(t, over_budget_is_one_requests_matter);
    tcase_add_test(t, a_search_for_ever_ends);
}

TEST_MAIN("hostile", suite)

/* Goal:   whatever a rule asks across portals (fields of different instances, what is beside a
 *         match inside, all nodes of a type outside, numbers of them), searches find it, from
 *         nothing and after changes, verification accepts that and nothing else, and rewrites of
 * one tick, carried out one after the other in any order, are each still a match when their turn
 *         comes, and lead to the same root, for any number of threads.
 * Method: rules drawn at random (forest_draw.h says what they mean by looking at everything), on a
 *         small forest with equal ids in its instances. A failure names its seed. */
#include "base/exec.h"
#include "rmg/engine/engine.h"
#include "tests/rmg/engine/forest_draw.h"

#ifndef SEEDS
#define SEEDS 16
#endif
#define ROUNDS 30u

static int seed;

static void begin_drawn(int with)
{
    seed = with;
    random_state = (uint64_t)with * 1000003 + 17;
    holds = drawn_holds;
    draw_rules();
}

/* ---- searches and verification ---- */

struct look {
    unsigned which;
    unsigned seen;
};

static bool is_one_of_them(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct look *look = user;
    ck_assert_msg(is_known(ids, id_count), "seed %d rule %u: no match\n%s", seed, look->which,
                  drawn_text);
    look->seen++;
    return true;
}

static void compare(struct rmg_search *search, unsigned which, const char *how)
{
    struct look look = {.which = which};
    must(rmg_search_each(search, &draw, is_one_of_them, &look));
    ck_assert_msg(look.seen == match_count, "seed %d rule %u, %s: %u of %u\n%s", seed, which, how,
                  look.seen, match_count, drawn_text);
}

/* A value that an effect reads may be wanting, or a node to delete be the root: of these a search
 * knows nothing. Some element replaced by another one of its kind is no match but a known one. */
static void compare_verified(unsigned which, const struct rmg_graph *graph)
{
    for (unsigned i = 0; i < match_count; i++) {
        struct tuple other = matches[i];
        enum rmg_result result = verify(which, graph, matches[i].ids);
        ck_assert_msg(result == RMG_APPLIED || result == RMG_GUARD_FALSE || result == RMG_DANGLING,
                      "seed %d rule %u: result %d\n%s", seed, which, (int)result, drawn_text);
        const unsigned at = roll(rules[which]->element_count);
        other.ids[at] = kit_id(rules[which]->elements[at].is_edge ? 'E' : 'N', roll(NODES));
        result = verify(which, graph, other.ids);
        ck_assert_msg(result != RMG_APPLIED || is_known(other.ids, rmg_rule_id_count(rules[which])),
                      "seed %d rule %u: no match is verified\n%s", seed, which, drawn_text);
    }
}

START_TEST(everybody_finds_the_same) /* _i: seed */
{
    struct rmg_search *searches[RULES];
    struct seen before;
    struct seen after;
    unsigned total = 0;
    begin_drawn(_i);
    see(&before, &g.version);
    for (unsigned which = 0; which < RULES; which++) {
        searches[which] = search_of(which);
        must(rmg_search_all(searches[which], &before.graph));
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        kit_open(&g);
        for (unsigned n = 1 + roll(3); n > 0; n--) {
            if (roll(2) == 0) {
                change();
            } else {
                change_more();
            }
        }
        kit_seal(&g);
        see(&after, &g.version);
        for (unsigned which = 0; which < RULES; which++) {
            struct rmg_search *fresh = search_of(which);
            find_all(which);
            total += match_count;
            must(rmg_search_all(fresh, &after.graph));
            compare(fresh, which, "from nothing");
            rmg_search_free(fresh);
            must(rmg_search_update(searches[which], &before.graph, &after.graph));
            compare(searches[which], which, "after changes");
            compare_verified(which, &after.graph);
        }
        see(&before, &g.version);
    }
    ck_assert_uint_gt(total, 0);
    for (unsigned which = 0; which < RULES; which++) {
        rmg_search_free(searches[which]);
    }
}
END_TEST

/* ---- ticks ---- */

#define ASKED_MAX 256u
static struct rmg_request requests[ASKED_MAX];
static struct jit_id request_ids[ASKED_MAX][JIT_PATTERN_ELEMENTS_MAX];
static uint32_t request_count;

static void ask_for_some(void)
{
    request_count = 0;
    for (unsigned which = 0; which < RULES; which++) {
        const uint32_t id_count = rmg_rule_id_count(rules[which]);
        find_all(which);
        for (unsigned i = 0; i < match_count && i < ASKED_MAX / RULES; i++) {
            memcpy(request_ids[request_count], matches[i].ids, id_count * sizeof(struct jit_id));
            requests[request_count] = (struct rmg_request){.rule = rules[which],
                                                           .rule_id = rules[which]->id,
                                                           .instance = g.instance,
                                                           .ids = request_ids[request_count],
                                                           .id_count = id_count,
                                                           .quota = RMG_NO_QUOTA};
            request_count++;
        }
    }
}

static enum jit_err enter_twin(void *user, const struct jit_id *instance, struct rmg_graph *graph,
                               struct jit_id *root_node)
{
    const struct kit_graph *twin = user;
    struct rmg_instance found;
    enum jit_err err = rmg_store_instance(twin->store, &twin->version, instance, &found);
    if (err == JIT_OK) {
        rmg_store_graph(twin->store, &found, graph);
        *root_node = found.root_node;
    }
    return err;
}

/* One rewrite on the twin as it is: it is a match there. */
static void do_one(struct kit_graph *twin, const struct rmg_request *request,
                   const struct rmg_draw *at)
{
    static struct rmg_effect effect;
    const struct rmg_nest nest = {.enter = enter_twin, .user = twin};
    struct rmg_match match = {.rule = request->rule,
                              .instance = request->instance,
                              .ids = request->ids,
                              .id_count = request->id_count};
    struct rmg_graph graph;
    struct jit_id digest;
    struct jit_id root;
    struct jit_buf values;
    uint32_t slots = 0;
    enum jit_err err;
    must(rmg_params_check(match.rule, NULL, 0, &digest));
    rmg_match_key(match.rule, &match.instance, match.ids, match.id_count, &digest, &match.key);
    rmg_request_key(&match.key, 0, &match.request_key);
    jit_buf_init(&values, &f.mem.heap, 1 << 20);
    effect.values = &values;
    must(enter_twin(twin, &g.instance, &graph, &root));
    graph.nest = &nest;
    enum rmg_result result =
        rmg_match_verify(&graph, &match, at, JIT_VERIFY_SLOTS_MAX, &effect, &slots, &err);
    must(err);
    ck_assert_msg(result == RMG_APPLIED, "seed %d: %s is no match in its turn: %d\n%s", seed,
                  request->rule->name, (int)result, drawn_text);
    must(rmg_tx_begin(twin->store, &twin->version, &twin->tx));
    for (int phase = 0; phase < 3; phase++) {
        struct doing doing = {.tx = twin->tx, .phase = phase};
        ck_assert(rmg_match_execute(&match, &effect, do_op, &doing));
    }
    must(rmg_store_pin(twin->store, &twin->version));
    must(rmg_tx_seal(twin->tx, &twin->version));
    twin->tx = NULL;
    jit_buf_release(&values);
}

static void one_by_one(const struct rmg_tick_input *input, const struct rmg_tick_output *output)
{
    const struct rmg_draw at = {.seed = input->seed, .tick = input->tick};
    uint32_t winners[ASKED_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < input->request_count; i++) {
        if (output->receipts[i].result == RMG_APPLIED) {
            winners[count++] = i;
        }
    }
    for (unsigned order = 0; order < 3; order++) {
        struct kit_graph twin = {.instance = g.instance};
        copy_of(&input->base, &twin);
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t with = i + roll(count - i);
            const uint32_t next = winners[with];
            winners[with] = winners[i];
            winners[i] = next;
            do_one(&twin, &input->requests[next], &at);
        }
        ck_assert_msg(jit_id_equal(&twin.version.state_root, &output->version.state_root),
                      "seed %d: one after the other leads elsewhere\n%s", seed, drawn_text);
        kit_graph_end(&twin);
    }
}

static void backwards(struct jit_exec *exec, size_t count, void (*task)(void *, size_t), void *user)
{
    (void)exec;
    for (size_t i = count; i > 0; i--) {
        task(user, i - 1);
    }
}

/* The same tick elsewhere, by others. */
static void other_threads(const struct rmg_tick_input *input, const struct rmg_tick_output *output)
{
    for (unsigned threads = 2; threads <= 3; threads++) {
        struct jit_exec exec = {.run = backwards, .threads = threads};
        struct kit_graph twin = {.instance = g.instance};
        struct rmg_tick_input again = *input;
        struct rmg_tick_output there_too;
        struct rmg_engine *engine = NULL;
        copy_of(&input->base, &twin);
        again.base = twin.version;
        must(rmg_engine_new(&f.mem.heap, twin.store, &exec, &engine));
        must(rmg_store_pin(twin.store, &twin.version));
        must(rmg_engine_tick(engine, &again, &there_too));
        ck_assert(jit_id_equal(&there_too.commit, &output->commit));
        rmg_engine_free(engine);
        kit_graph_end(&twin);
    }
}

START_TEST(a_tick_is_its_rewrites_in_any_order) /* _i: seed */
{
    struct rmg_engine *engine = NULL;
    struct jit_id parent = {{0}};
    begin_drawn(_i);
    struct rmg_sought_list sought = {.count = 0};
    must(rmg_sought_add(&f.mem.heap, &sought, rules, RULES));
    must(rmg_engine_new(&f.mem.heap, g.store, jit_exec_inline(), &engine));
    for (uint64_t tick = 1; tick <= 6; tick++) {
        struct rmg_tick_output output;
        struct rmg_fault fault;
        kit_open(&g);
        for (unsigned n = 0; n < 4; n++) {
            change();
            change_more();
        }
        kit_seal(&g);
        ask_for_some();
        struct rmg_tick_input input = {.base = g.version,
                                       .parent = parent,
                                       .tick = tick,
                                       .seed = SEED,
                                       .policy = 1,
                                       .budget = JIT_VERIFY_SLOTS_MAX,
                                       .requests = requests,
                                       .request_count = request_count,
                                       .sought = sought};
        must(rmg_store_pin(g.store, &g.version));
        must(rmg_engine_tick(engine, &input, &output));
        one_by_one(&input, &output);
        other_threads(&input, &output);
        must(rmg_store_verify(g.store, &output.version, &fault));
        g.version = output.version;
        parent = output.commit;
    }
    rmg_engine_free(engine);
    rmg_sought_release(&f.mem.heap, &sought);
}
END_TEST

static void suite(Suite *s)
{
    TCase *tcase = test_case(s, "drawn", 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, everybody_finds_the_same, 0, SEEDS);
    tcase_add_loop_test(tcase, a_tick_is_its_rewrites_in_any_order, 0, SEEDS);
}

TEST_MAIN("nested_drawn", suite)

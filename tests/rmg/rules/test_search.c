/* Goal:   a search finds exactly the matches there are, after any history of changes, in every
 *         shard, and pays for a change what the change touches.
 * Method: random small graphs and random rules; a matcher that tries everything over a model of
 *         the graph is the oracle for search_all, search_update and rmg_match_verify; counters of
 *         slots over graphs of 1k, 10k and 100k nodes; every refused allocation. */
#include "rmg/rules/search.h"

#include "base/hash.h"
#include "tests/lib/rule_model.h"
#include "tests/lib/tcase.h"

static struct rule_model model;
static struct rule_kit kit;
static struct fault_heap mem;
static struct kit_graph g;

/* --- comparing --- */

struct found {
    const struct jit_id *ids;
    bool seen;
};

static const struct rmg_draw draw = {.seed = 7, .tick = 3};

static enum rmg_result verify(const struct rmg_rule *rule, const struct jit_id *ids,
                              const struct rmg_graph *graph)
{
    static struct rmg_effect effect;
    struct jit_buf values;
    struct jit_id digest;
    uint32_t slots = 0;
    enum jit_err err;
    struct rmg_match match = {
        .rule = rule, .instance = model.g.instance, .ids = ids, .id_count = rule->element_count};
    jit_buf_init(&values, &model.heap.heap, 1 << 20);
    effect.values = &values;
    ck_assert_int_eq(rmg_params_check(rule, NULL, 0, &digest), JIT_OK);
    rmg_match_key(rule, &model.g.instance, ids, match.id_count, &digest, &match.key);
    enum rmg_result result =
        rmg_match_verify(graph, &match, &draw, JIT_VERIFY_SLOTS_MAX, &effect, &slots, &err);
    ck_assert_int_eq(err, JIT_OK);
    jit_buf_release(&values);
    return result;
}

static bool look_for(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct found *found = user;
    if (memcmp(ids, found->ids, id_count * sizeof *ids) == 0) {
        ck_assert(!found->seen); /* twice */
        found->seen = true;
    }
    return true;
}

static bool count_one(void *user, const struct jit_id *ids, uint32_t id_count)
{
    (void)ids;
    (void)id_count;
    ++*(uint64_t *)user;
    return true;
}

struct sums {
    uint64_t members, drawn;
};

/* Every tuple there is, one element after the other. */
static void try_all(struct rmg_search *search, const struct rmg_rule *rule,
                    const struct rmg_graph *graph, unsigned *tuple, unsigned count,
                    struct sums *sums)
{
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
    if (count < rule->element_count) {
        for (unsigned n = 0; n < (rule->elements[count].is_edge ? RM_EDGES : RM_NODES); n++) {
            tuple[count] = n;
            if (rm_structure_holds(&model, tuple, count + 1)) {
                try_all(search, rule, graph, tuple, count + 1, sums);
            }
        }
        return;
    }
    enum rmg_result want = rm_judge(&model, tuple);
    rm_ids(&model, tuple, ids);
    enum rmg_result got = verify(rule, ids, graph);
    if (want != RMG_APPLIED) {
        ck_assert_int_eq(got, want);
        return;
    }
    struct found found = {.ids = ids};
    ck_assert_int_eq(rmg_search_each(search, &draw, look_for, &found), JIT_OK);
    ck_assert_int_eq(found.seen, got == RMG_APPLIED);
    if (rule->draw.size == 0) {
        ck_assert_int_eq(got, RMG_APPLIED);
    } else {
        ck_assert(got == RMG_APPLIED || got == RMG_GUARD_FALSE);
    }
    sums->members++;
    sums->drawn += got == RMG_APPLIED;
}

static void compare(struct rmg_search *search, const struct rmg_rule *rule)
{
    struct rmg_graph graph = kit_graph_of(&model.g, NULL);
    unsigned tuple[JIT_PATTERN_ELEMENTS_MAX];
    struct sums sums = {0, 0};
    uint64_t drawn = 0;
    try_all(search, rule, &graph, tuple, 0, &sums);
    ck_assert_uint_eq(rmg_search_count(search), sums.members);
    ck_assert_int_eq(rmg_search_each(search, &draw, count_one, &drawn), JIT_OK);
    ck_assert_uint_eq(drawn, sums.drawn);
    /* Tuples that are mostly wrong: the verdict is the oracle's. */
    for (unsigned k = 0; k < 20; k++) {
        struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
        for (unsigned i = 0; i < rule->element_count; i++) {
            tuple[i] = (unsigned)rm_roll(&model, rule->elements[i].is_edge ? RM_EDGES : RM_NODES);
        }
        rm_ids(&model, tuple, ids);
        enum rmg_result want = rm_judge(&model, tuple);
        enum rmg_result got = verify(rule, ids, &graph);
        ck_assert(got == want || (want == RMG_APPLIED && got == RMG_GUARD_FALSE));
    }
}

static struct rmg_search *search_of(struct jit_heap *heap, const struct rmg_rule *rule,
                                    struct rmg_shard shard)
{
    struct rmg_search *search = NULL;
    struct jit_id instance = kit_id('I', 0);
    ck_assert_int_eq(rmg_search_new(heap, rule, NULL, 0, &instance, shard, &search), JIT_OK);
    return search;
}

#define SEEDS  400
#define ROUNDS 15
static const struct rmg_shard whole = {0, 1};

START_TEST(against_oracle) /* _i = seed */
{
    rm_begin(&model, (uint64_t)_i);
    struct rmg_rule *rule = rm_rule(&model, false);
    struct rmg_search *search = search_of(&model.heap.heap, rule, whole);
    struct rmg_search *shards[3];
    for (uint32_t k = 0; k < 3; k++) {
        shards[k] = search_of(&model.heap.heap, rule, (struct rmg_shard){k, 3});
    }
    struct rmg_graph before = kit_graph_of(&model.g, NULL);
    ck_assert_int_eq(rmg_search_all(search, &before), JIT_OK);
    for (unsigned round = 0; round < ROUNDS; round++) {
        rm_change(&model,
                  round == 0 ? 100 : 1 + (unsigned)rm_roll(&model, round % 5 == 0 ? 20 : 3));
        struct rmg_graph after = kit_graph_of(&model.g, NULL);
        ck_assert_int_eq(rmg_search_update(search, &before, &after), JIT_OK);
        compare(search, rule);
        uint64_t sum = 0;
        for (uint32_t k = 0; k < 3; k++) { /* the first update finds all from nothing */
            ck_assert_int_eq(rmg_search_update(shards[k], &before, &after), JIT_OK);
            sum += rmg_search_count(shards[k]);
        }
        ck_assert_uint_eq(sum, rmg_search_count(search));
        if (round % 5 == 4) {
            struct rmg_search *fresh = search_of(&model.heap.heap, rule, whole);
            ck_assert_int_eq(rmg_search_all(fresh, &after), JIT_OK);
            compare(fresh, rule);
            rmg_search_free(fresh);
        }
        before = after;
    }
    for (uint32_t k = 0; k < 3; k++) {
        rmg_search_free(shards[k]);
    }
    rmg_search_free(search);
    rmg_rule_free(&model.heap.heap, rule);
    rm_end(&model);
}
END_TEST

/* --- the cost of a change --- */

/* A binary tree of n nodes of type 1 with edges 11 to the parent, an atom f each. */
static void make_tree(uint64_t n)
{
    kit_open(&g);
    for (uint64_t i = 0; i < n; i++) {
        kit_put_node(&g, kit_id('n', i), 1);
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('n', i), "f", i % 7 == 0);
    }
    for (uint64_t i = 1; i < n; i++) {
        kit_put_edge(&g, kit_id('e', i), kit_id('n', i), 11, kit_id('n', (i - 1) / 2));
    }
    kit_seal(&g);
}

/* (a:1)-[:11]->(b:1) where a.f = 0 and b.f = 1 [and chance(0.5)] and not (a)-[:12]->() */
static struct rmg_rule *spread_rule(bool chance)
{
    kit_begin(&kit, "spread");
    uint8_t a = kit_node(&kit, 1);
    (void)kit_edge(&kit, a, 11, 2);
    uint8_t b = kit_node(&kit, 1);
    kit_push_field(&kit, kit_field(&kit, a, "f", RMG_CODEC_I64));
    kit_push_i64(&kit, 0);
    kit_op(&kit, RMG_EXPR_EQ);
    kit_push_field(&kit, kit_field(&kit, b, "f", RMG_CODEC_I64));
    kit_push_i64(&kit, 1);
    kit_op(&kit, RMG_EXPR_EQ);
    kit_op(&kit, RMG_EXPR_AND);
    kit_guard(&kit);
    kit_not(&kit, a, RMG_DIR_OUT, 12, 0);
    if (chance) {
        kit_push_f64(&kit, 0.5);
        kit_draw_op(&kit, RMG_EXPR_CHANCE, 0);
        kit_draw(&kit);
    }
    return kit_compile(&kit, &mem.heap);
}

/* Slots of one update and the draws after it. */
static uint64_t cost_of(struct rmg_search *search, const struct rmg_graph *before)
{
    uint64_t slots = 0;
    uint64_t drawn = 0;
    struct rmg_graph from = *before;
    struct rmg_graph to = kit_graph_of(&g, &slots);
    from.slots = &slots;
    ck_assert_int_eq(rmg_search_update(search, &from, &to), JIT_OK);
    ck_assert_int_eq(rmg_search_each(search, &draw, count_one, &drawn), JIT_OK);
    return slots;
}

START_TEST(cost_is_of_the_change) /* _i: with chance */
{
    static const uint64_t sizes[] = {1000, 10000, 100000};
    uint64_t costs[3][3];
    for (unsigned s = 0; s < 3; s++) {
        mem = fault_heap_make(-1, false);
        kit_graph_begin(&g, jit_heap_libc(), 1u << 30);
        make_tree(sizes[s]);
        struct rmg_rule *rule = spread_rule(_i == 1);
        struct rmg_search *search = search_of(&mem.heap, rule, whole);
        struct rmg_graph before = kit_graph_of(&g, NULL);
        ck_assert_int_eq(rmg_search_all(search, &before), JIT_OK);
        uint64_t count = rmg_search_count(search);
        ck_assert_uint_gt(count, sizes[s] / 10);

        /* An atom changes: two children and a parent to look at. */
        kit_open(&g);
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('n', 15), "f", 1);
        kit_seal(&g);
        costs[s][0] = cost_of(search, &before);
        ck_assert_uint_eq(rmg_search_count(search),
                          count - 1 + 2); /* 15 under 7; 31, 32 under 15 */

        /* A node and its edge come. */
        before = kit_graph_of(&g, NULL);
        kit_open(&g);
        kit_put_node(&g, kit_id('x', 0), 1);
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('x', 0), "f", 0);
        kit_put_edge(&g, kit_id('y', 0), kit_id('x', 0), 11, kit_id('n', 15));
        kit_seal(&g);
        costs[s][1] = cost_of(search, &before);
        ck_assert_uint_eq(rmg_search_count(search), count + 2);

        /* An edge that a negative condition forbids comes. */
        before = kit_graph_of(&g, NULL);
        kit_open(&g);
        kit_put_edge(&g, kit_id('z', 0), kit_id('x', 0), 12, kit_id('n', 3));
        kit_seal(&g);
        costs[s][2] = cost_of(search, &before);
        ck_assert_uint_eq(rmg_search_count(search), count + 1);

        rmg_search_free(search);
        rmg_rule_free(&mem.heap, rule);
        kit_graph_end(&g);
        ck_assert_int_eq(mem.live, 0);
    }
    for (unsigned k = 0; k < 3; k++) {
        /* An insertion may meet a neighbour in the trie or not: a leaf or two more a map. */
        uint64_t slack = k == 0 ? 0 : 8;
        ck_assert_uint_le(costs[0][k], 60);
        for (unsigned s = 1; s < 3; s++) {
            ck_assert_uint_le(costs[s][k], costs[0][k] + slack);
            ck_assert_uint_ge(costs[s][k] + slack, costs[0][k]);
        }
    }
    ck_assert_uint_eq(costs[0][0], costs[1][0]);
    ck_assert_uint_eq(costs[0][0], costs[2][0]);
}
END_TEST

START_TEST(hub_is_left_alone)
{
    const uint64_t spokes = 20000;
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, jit_heap_libc(), 1u << 29);
    kit_open(&g);
    kit_put_node(&g, kit_id('h', 0), 1);
    kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('h', 0), "f", 1);
    for (uint64_t i = 0; i < spokes; i++) {
        kit_put_node(&g, kit_id('n', i), 1);
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('n', i), "f", i % 2);
        kit_put_edge(&g, kit_id('e', i), kit_id('n', i), 11, kit_id('h', 0));
    }
    kit_seal(&g);
    struct rmg_rule *rule = spread_rule(false);
    struct rmg_search *search = search_of(&mem.heap, rule, whole);
    struct rmg_graph before = kit_graph_of(&g, NULL);
    ck_assert_int_eq(rmg_search_all(search, &before), JIT_OK);
    ck_assert_uint_eq(rmg_search_count(search), spokes / 2);

    /* Another attribute of the hub, and an edge more: nothing around it is looked at. */
    kit_open(&g);
    kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('h', 0), "hits", 5);
    kit_seal(&g);
    ck_assert_uint_lt(cost_of(search, &before), 20);
    before = kit_graph_of(&g, NULL);
    kit_open(&g);
    kit_put_node(&g, kit_id('n', spokes), 1);
    kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('n', spokes), "f", 0);
    kit_put_edge(&g, kit_id('e', spokes), kit_id('n', spokes), 11, kit_id('h', 0));
    kit_seal(&g);
    ck_assert_uint_lt(cost_of(search, &before), 60);
    ck_assert_uint_eq(rmg_search_count(search), spokes / 2 + 1);

    /* A spoke that leaves takes one match with it. */
    before = kit_graph_of(&g, NULL);
    kit_open(&g);
    kit_drop_edge(&g, kit_id('e', 4));
    kit_seal(&g);
    ck_assert_uint_lt(cost_of(search, &before), 60);
    ck_assert_uint_eq(rmg_search_count(search), spokes / 2);

    /* The attribute that the rule reads: all of them, and back. */
    before = kit_graph_of(&g, NULL);
    kit_open(&g);
    kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('h', 0), "f", 0);
    kit_seal(&g);
    (void)cost_of(search, &before);
    ck_assert_uint_eq(rmg_search_count(search), 0);
    before = kit_graph_of(&g, NULL);
    kit_open(&g);
    kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('h', 0), "f", 1);
    kit_seal(&g);
    (void)cost_of(search, &before);
    ck_assert_uint_eq(rmg_search_count(search), spokes / 2);
    rmg_search_free(search);
    rmg_rule_free(&mem.heap, rule);
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

/* One in seven has f = 1, so the search begins at b and looks at few edges. */
START_TEST(begins_where_few_pass)
{
    const uint64_t n = 10000;
    uint64_t slots = 0;
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, jit_heap_libc(), 1u << 28);
    make_tree(n);
    struct rmg_rule *rule = spread_rule(false);
    struct rmg_search *search = search_of(&mem.heap, rule, whole);
    struct rmg_graph graph = kit_graph_of(&g, &slots);
    ck_assert_int_eq(rmg_search_all(search, &graph), JIT_OK);
    ck_assert_uint_gt(rmg_search_count(search), n / 10);
    ck_assert_uint_lt(slots, 3 * n);
    rmg_search_free(search);
    rmg_rule_free(&mem.heap, rule);
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

/* (a:1), (b:2) where b.f = a.f: pairs out of n and n, of which each is looked at a few times; then
 * only what has changed. And not (:2 {f = a.g}), which is a number of the index. */
START_TEST(by_value) /* _i: with the condition */
{
    const uint64_t n = 3000;
    uint64_t slots = 0;
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, jit_heap_libc(), 1u << 28);
    kit_open(&g);
    for (uint64_t i = 0; i < n; i++) {
        kit_put_node(&g, kit_id('a', i), 1);
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('a', i), "f", (int64_t)i);
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('a', i), "g", -1 - (int64_t)i);
        kit_put_node(&g, kit_id('b', i), 2);
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('b', i), "f", (int64_t)i);
    }
    kit_seal(&g);
    kit_begin(&kit, "pair");
    uint8_t a = kit_node(&kit, 1);
    uint8_t b = kit_node(&kit, 2);
    if (_i == 1) {
        struct rmg_rule_near near = {.alone = true, .other_typed = true, .other_type = kit_type(2)};
        (void)kit_near(&kit, &near);
        kit_push_field(&kit, kit_field(&kit, a, "g", RMG_CODEC_I64));
        kit_value(&kit, false, "f", RMG_CODEC_I64);
    }
    kit_push_field(&kit, kit_field(&kit, b, "f", RMG_CODEC_I64));
    kit_push_field(&kit, kit_field(&kit, a, "f", RMG_CODEC_I64));
    kit_op(&kit, RMG_EXPR_EQ);
    kit_guard(&kit);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct rmg_search *search = search_of(&mem.heap, rule, whole);
    struct rmg_graph graph = kit_graph_of(&g, &slots);
    ck_assert_int_eq(rmg_search_all(search, &graph), JIT_OK);
    ck_assert_uint_eq(rmg_search_count(search), n);
    ck_assert_uint_lt(slots, 20 * n);
    graph.slots = NULL;
    kit_open(&g);
    kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('b', 7), "f", 8); /* 7 has none, 8 has two */
    kit_put_node(&g, kit_id('b', n), 2);
    kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('b', n), "f", -5); /* what a 4 must not see */
    kit_seal(&g);
    slots = cost_of(search, &graph);
    ck_assert_uint_lt(slots,
                      10 * n); /* an index of the other side; a number of all is asked again */
    ck_assert_uint_eq(rmg_search_count(search), _i == 1 ? n - 1 : n);
    graph = kit_graph_of(&g, NULL);
    kit_open(&g);
    kit_clear(&g, RMG_PLANE_ALPHA, kit_id('b', n), "f");
    kit_drop_node(&g, kit_id('b', n));
    kit_seal(&g);
    slots = cost_of(search, &graph);
    ck_assert_uint_lt(slots, _i == 1 ? 10 * n : 100);
    ck_assert_uint_eq(rmg_search_count(search), n); /* what deletions enable */
    rmg_search_free(search);
    rmg_rule_free(&mem.heap, rule);
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

/* Values that a condition reads elsewhere than in the match: of an edge at its end, not (a)-[:11
 * {f = 1}]->(), and of all nodes of a type, not (:2 {f = a.g}). Each is set on what is there, and
 * taken back: nothing of the match has changed. */
START_TEST(values_of_others) /* _i: of all nodes of the type */
{
    const bool alone = _i == 1;
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, jit_heap_libc(), 1u << 24);
    kit_open(&g);
    kit_put_node(&g, kit_id('a', 0), 1);
    kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('a', 0), "g", 1);
    kit_put_node(&g, kit_id('b', 0), 2);
    kit_put_edge(&g, kit_id('e', 0), kit_id('a', 0), 11, kit_id('b', 0));
    kit_seal(&g);
    kit_begin(&kit, "others");
    uint8_t a = kit_node(&kit, 1);
    struct rmg_rule_near near = {
        .direction = RMG_DIR_OUT, .edge_typed = true, .edge_type = kit_type(11)};
    if (alone) {
        near =
            (struct rmg_rule_near){.alone = true, .other_typed = true, .other_type = kit_type(2)};
    }
    (void)kit_near(&kit, &near);
    if (alone) {
        kit_push_field(&kit, kit_field(&kit, a, "g", RMG_CODEC_I64));
    } else {
        kit_push_i64(&kit, 1);
    }
    kit_value(&kit, !alone, "f", RMG_CODEC_I64);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct rmg_search *search = search_of(&mem.heap, rule, whole);
    struct rmg_graph before = kit_graph_of(&g, NULL);
    ck_assert_int_eq(rmg_search_all(search, &before), JIT_OK);
    ck_assert_uint_eq(rmg_search_count(search), 1);
    static const int64_t values[] = {1, 2, 1, 0};
    for (unsigned i = 0; i < 4; i++) {
        kit_open(&g);
        if (i == 3) {
            kit_clear(&g, alone ? RMG_PLANE_ALPHA : RMG_PLANE_BETA,
                      alone ? kit_id('b', 0) : kit_id('e', 0), "f");
        } else {
            kit_put_i64(&g, alone ? RMG_PLANE_ALPHA : RMG_PLANE_BETA,
                        alone ? kit_id('b', 0) : kit_id('e', 0), "f", values[i]);
        }
        kit_seal(&g);
        struct rmg_graph after = kit_graph_of(&g, NULL);
        ck_assert_int_eq(rmg_search_update(search, &before, &after), JIT_OK);
        ck_assert_uint_eq(rmg_search_count(search), values[i] != 1);
        before = after;
    }
    /* A node that has the value all along is of the type, and no longer. */
    for (unsigned i = 0; alone && i < 3; i++) {
        kit_open(&g);
        kit_put_node(&g, kit_id('c', 0), i == 1 ? 2 : 3);
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('c', 0), "f", 1);
        kit_seal(&g);
        struct rmg_graph after = kit_graph_of(&g, NULL);
        ck_assert_int_eq(rmg_search_update(search, &before, &after), JIT_OK);
        ck_assert_uint_eq(rmg_search_count(search), i != 1);
        before = after;
    }
    rmg_search_free(search);
    rmg_rule_free(&mem.heap, rule);
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

struct shard_check {
    uint32_t index, count;
};

static bool scope_in_shard(void *user, const struct jit_id *ids, uint32_t id_count)
{
    const struct shard_check *check = user;
    struct jit_id hash;
    (void)id_count;
    jit_hash(ids[0].bytes, JIT_ID_BYTES, &hash);
    ck_assert_uint_eq(hash.bytes[0] * check->count / 256u, check->index);
    return true;
}

START_TEST(shards)
{
    static const uint32_t counts[] = {1, 2, 3, 8, 256};
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, jit_heap_libc(), 1u << 28);
    make_tree(3000);
    struct rmg_rule *rule = spread_rule(false);
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    uint64_t all = 0;
    for (unsigned c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        uint64_t sum = 0;
        for (uint32_t k = 0; k < counts[c]; k++) {
            struct shard_check check = {k, counts[c]};
            struct rmg_search *search =
                search_of(&mem.heap, rule, (struct rmg_shard){k, counts[c]});
            ck_assert_int_eq(rmg_search_all(search, &graph), JIT_OK);
            ck_assert_int_eq(rmg_search_each(search, &draw, scope_in_shard, &check), JIT_OK);
            sum += rmg_search_count(search);
            rmg_search_free(search);
        }
        all = c == 0 ? sum : all;
        ck_assert_uint_eq(sum, all);
    }
    ck_assert_uint_gt(all, 100);
    rmg_rule_free(&mem.heap, rule);
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

START_TEST(conditions_on_parameters)
{
    uint8_t params[16] = {8};
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, &mem.heap, 4 << 20);
    make_tree(50);
    kit_begin(&kit, "p");
    (void)kit_node(&kit, 1);
    uint8_t p = kit_param(&kit, "p", RMG_CODEC_I64);
    kit_push_param(&kit, p);
    kit_push_i64(&kit, 3);
    kit_op(&kit, RMG_EXPR_GT);
    kit_guard(&kit);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    for (uint8_t value = 3; value <= 4; value++) {
        struct rmg_search *search = NULL;
        params[8] = value;
        ck_assert_int_eq(rmg_search_new(&mem.heap, rule, params, 16, &g.instance, whole, &search),
                         JIT_OK);
        ck_assert_int_eq(rmg_search_all(search, &graph), JIT_OK);
        ck_assert_uint_eq(rmg_search_count(search), value == 3 ? 0 : 50);
        ck_assert_int_eq(rmg_search_update(search, &graph, &graph), JIT_OK);
        ck_assert_uint_eq(rmg_search_count(search), value == 3 ? 0 : 50);
        rmg_search_free(search);
    }
    struct rmg_search *search = NULL;
    ck_assert_int_eq(rmg_search_new(&mem.heap, rule, params, 15, &g.instance, whole, &search),
                     JIT_EFORMAT);
    ck_assert_ptr_null(search);
    rmg_rule_free(&mem.heap, rule);
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

/* A rule whose draw reads a text, so that members own memory. */
START_TEST(no_memory)
{
    struct fault_heap rules = fault_heap_make(-1, false);
    mem = fault_heap_make(-1, false);
    kit_graph_begin(&g, &mem.heap, 4 << 20);
    make_tree(40);
    kit_open(&g);
    for (uint64_t i = 0; i < 40; i++) {
        struct rmg_datum text = {
            .codec = RMG_CODEC_TEXT, .bytes = (const uint8_t *)"yes", .size = 3};
        kit_put_atom(&g, RMG_PLANE_ALPHA, kit_id('n', i), "t", &text);
    }
    kit_seal(&g);
    kit_begin(&kit, "t");
    uint8_t a = kit_node(&kit, 1);
    (void)kit_edge(&kit, a, 11, 2);
    (void)kit_node(&kit, 1);
    kit_push_field(&kit, kit_field(&kit, a, "f", RMG_CODEC_I64));
    kit_push_i64(&kit, 2);
    kit_op(&kit, RMG_EXPR_LT);
    kit_guard(&kit);
    uint8_t t = kit_field(&kit, a, "t", RMG_CODEC_TEXT);
    kit_push_field(&kit, t);
    kit_push_field(&kit, t);
    kit_op(&kit, RMG_EXPR_EQ);
    kit_push_f64(&kit, 1.0);
    kit_draw_op(&kit, RMG_EXPR_CHANCE, 0);
    kit_op(&kit, RMG_EXPR_AND);
    kit_draw(&kit);
    struct rmg_rule *rule = kit_compile(&kit, &rules.heap);
    struct rmg_graph before = kit_graph_of(&g, NULL);
    kit_open(&g);
    for (uint64_t i = 0; i < 40; i += 3) {
        kit_put_i64(&g, RMG_PLANE_ALPHA, kit_id('n', i), "f", 1);
    }
    kit_seal(&g);
    struct rmg_graph after = kit_graph_of(&g, NULL);
    for (int64_t n = 0;; n++) {
        struct fault_heap faulty = fault_heap_make(n, false);
        struct rmg_search *search = NULL;
        uint64_t drawn = 0;
        enum jit_err err = rmg_search_new(&faulty.heap, rule, NULL, 0, &g.instance, whole, &search);
        enum jit_err all = err == JIT_OK ? rmg_search_all(search, &before) : err;
        if (err == JIT_OK) {
            /* After a failure the next update finds everything again. */
            enum jit_err update = rmg_search_update(search, &before, &after);
            if (update != JIT_OK) {
                ck_assert_int_eq(update, JIT_ENOMEM);
                ck_assert_int_eq(all, JIT_OK);
                ck_assert_int_eq(rmg_search_update(search, &before, &after), JIT_OK);
            }
            ck_assert_uint_eq(rmg_search_count(search), 39);
            ck_assert_int_eq(rmg_search_each(search, &draw, count_one, &drawn), JIT_OK);
            ck_assert_uint_eq(drawn, 39);
            all = all != JIT_OK ? all : update;
        }
        ck_assert_int_eq(all, fault_heap_fired(&faulty) ? JIT_ENOMEM : JIT_OK);
        rmg_search_free(search);
        ck_assert_int_eq(faulty.live, 0);
        if (!fault_heap_fired(&faulty)) {
            break;
        }
    }
    rmg_rule_free(&rules.heap, rule);
    kit_graph_end(&g);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *oracle = test_case(s, "oracle", 60);
    TCase *t = test_case(s, "search", 60);
    tcase_add_loop_test(oracle, against_oracle, 0, SEEDS);
    tcase_add_loop_test(oracle, values_of_others, 0, 2);
    tcase_add_loop_test(t, cost_is_of_the_change, 0, 2);
    tcase_add_test(t, hub_is_left_alone);
    tcase_add_test(t, begins_where_few_pass);
    tcase_add_loop_test(t, by_value, 0, 2);
    tcase_add_test(t, shards);
    tcase_add_test(t, conditions_on_parameters);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("search", suite)

/* Goal:   after a change behind a portal a search looks at what the change touches, and not at the
 *         rest of that instance, nor at the others: the same number of slots in a forest many times
 *         as large.
 * Method: sites with rooms and shelves, in each the same; one value, one edge, one node inside is
 *         changed, and slots are counted in all instances alike. What is found is compared with a
 *         search from nothing. */
#include "tests/rmg/engine/forest_change.h"

#define ROOM_NODE 100u

static uint64_t slots;

static struct jit_id many_rooms(unsigned site)
{
    return kit_id('I', 1000 + site);
}
static struct jit_id many_books(unsigned site)
{
    return kit_id('I', 2000 + site);
}

/* Rooms in a row, each a level higher than the one before it, so that `climb` has a match at each
 * door; the first has a shelf, and no door leads out of the last. */
static void grow(unsigned sites, unsigned rooms)
{
    kit_open(&g);
    for (unsigned s = 0; s < sites; s++) {
        const struct jit_id in = many_rooms(s);
        put_node(g.instance, 10 + s, "Site");
        put_i64(g.instance, RMG_PLANE_ALPHA, 10 + s, "open", 1);
        put_i64(g.instance, RMG_PLANE_ALPHA, 10 + s, "hits", 0);
        hang(in, g.instance, RMG_PLANE_ALPHA, 10 + s, "rooms");
        for (unsigned n = 0; n < rooms; n++) {
            put_node(in, ROOM_NODE + n, "Room");
            put_i64(in, RMG_PLANE_ALPHA, ROOM_NODE + n, "level", n);
            if (n > 0) {
                put_edge(in, ROOM_NODE + n, "DOOR", ROOM_NODE + n - 1, ROOM_NODE + n);
            }
        }
        hang(many_books(s), in, RMG_PLANE_ALPHA, ROOM_NODE + rooms - 1, "shelf");
        for (unsigned n = 0; n < rooms; n++) {
            put_node(many_books(s), n, "Book");
            put_i64(many_books(s), RMG_PLANE_ALPHA, n, "seen", 0);
        }
    }
    kit_seal(&g);
}

static enum jit_err enter_counted(void *user, const struct jit_id *instance,
                                  struct rmg_graph *graph, struct jit_id *root_node)
{
    enum jit_err err = enter(user, instance, graph, root_node);
    graph->slots = &slots;
    return err;
}

static void see_counted(struct seen *seen)
{
    see(seen, &g.version);
    seen->nest.enter = enter_counted;
    seen->graph.slots = &slots;
}

enum { ONE_VALUE, ONE_EDGE, ONE_NODE, ONE_BOOK, CHANGES };

static void change_one(unsigned what, unsigned rooms)
{
    const struct jit_id in = many_rooms(3);
    kit_open(&g);
    switch (what) {
    case ONE_VALUE:
        put_i64(in, RMG_PLANE_ALPHA, ROOM_NODE + 4, "level", 77);
        break;
    case ONE_EDGE:
        put_edge(in, 7, "DOOR", ROOM_NODE + 1, ROOM_NODE + rooms - 2);
        break;
    case ONE_NODE:
        put_node(in, 7, "Room");
        put_i64(in, RMG_PLANE_ALPHA, 7, "level", 9);
        break;
    default:
        put_i64(many_books(3), RMG_PLANE_ALPHA, 3, "seen", 1);
        break;
    }
    kit_seal(&g);
}

/* The rules that go through one portal, and through one behind another. */
static const unsigned asked[] = {0, 2};
#define ASKED_RULES 2u

static void cost_of(unsigned sites, unsigned rooms, uint64_t cost[ASKED_RULES][CHANGES])
{
    struct rmg_search *searches[ASKED_RULES];
    struct seen before;
    struct seen after;
    setup();
    grow(sites, rooms);
    see_counted(&before);
    for (unsigned i = 0; i < ASKED_RULES; i++) {
        searches[i] = search_of(asked[i]);
        must(rmg_search_all(searches[i], &before.graph));
        ck_assert_uint_ge(rmg_search_count(searches[i]), i == 0 ? sites * (rooms - 1) : rooms);
    }
    for (unsigned what = 0; what < CHANGES; what++) {
        change_one(what, rooms);
        see_counted(&after);
        for (unsigned i = 0; i < ASKED_RULES; i++) {
            struct rmg_search *fresh = search_of(asked[i]);
            slots = 0;
            must(rmg_search_update(searches[i], &before.graph, &after.graph));
            cost[i][what] = slots;
            must(rmg_search_all(fresh, &after.graph));
            ck_assert_uint_eq(rmg_search_count(searches[i]), rmg_search_count(fresh));
            rmg_search_free(fresh);
        }
        see_counted(&before);
    }
    for (unsigned i = 0; i < ASKED_RULES; i++) {
        rmg_search_free(searches[i]);
    }
    teardown();
}

START_TEST(cost_is_of_the_change)
{
    uint64_t small[ASKED_RULES][CHANGES];
    uint64_t wide[ASKED_RULES][CHANGES];
    uint64_t deep[ASKED_RULES][CHANGES];
    cost_of(8, 8, small);
    cost_of(200, 8, wide);
    cost_of(8, 600, deep);
    for (unsigned i = 0; i < ASKED_RULES; i++) {
        for (unsigned what = 0; what < CHANGES; what++) {
            if (i == 0 && what < ONE_BOOK) {
                ck_assert_uint_gt(small[i][what], 0);
            }
            /* deeper tries: some slots more each, never as many times more as there are rooms */
            ck_assert_msg(wide[i][what] <= 2 * small[i][what] + 16 &&
                              deep[i][what] <= 2 * small[i][what] + 64,
                          "rule %u, change %u: %llu slots, of more sites %llu, of more rooms %llu",
                          asked[i], what, (unsigned long long)small[i][what],
                          (unsigned long long)wide[i][what], (unsigned long long)deep[i][what]);
        }
    }
}
END_TEST

/* Instances that came and went are not looked at for ever. */
START_TEST(gone_instances_are_forgotten)
{
    struct rmg_search *search = NULL;
    struct seen before;
    struct seen after;
    setup();
    grow(2, 4);
    kit_open(&g);
    for (unsigned round = 0; round < 40; round++) {
        put_node(g.instance, 50 + round, "Site");
        put_i64(g.instance, RMG_PLANE_ALPHA, 50 + round, "open", 1);
    }
    kit_seal(&g);
    see_counted(&before);
    search = search_of(0);
    must(rmg_search_all(search, &before.graph));
    const uint64_t found = rmg_search_count(search);
    uint64_t first = 0;
    uint64_t last = 0;
    for (unsigned round = 0; round < 40; round++) {
        const struct jit_id in = kit_id('I', 3000 + round);
        const struct jit_id owner = kit_id('N', 50 + round - 1);
        const struct jit_id old = kit_id('I', 3000 + round - 1);
        kit_open(&g);
        if (round > 0) {
            const struct jit_id root = kit_id('R', 0);
            must(rmg_tx_clear_attachment(g.tx, &g.instance, RMG_PLANE_ALPHA, &owner, "rooms", 5));
            must(rmg_tx_delete_node(g.tx, &old, &root));
            must(rmg_tx_delete_instance(g.tx, &old));
        }
        hang(in, g.instance, RMG_PLANE_ALPHA, 50 + round, "rooms");
        kit_seal(&g);
        see_counted(&after);
        slots = 0;
        must(rmg_search_update(search, &before.graph, &after.graph));
        ck_assert_uint_eq(rmg_search_count(search), found);
        first = round == 5 ? slots : first;
        last = slots;
        see_counted(&before);
    }
    ck_assert_uint_gt(first, 0);
    ck_assert_uint_le(last, first + 16);
    rmg_search_free(search);
    teardown();
}
END_TEST

/* An update that has no memory says so; the next one finds all. */
START_TEST(no_memory_for_doors)
{
    struct seen before;
    struct seen after;
    unsigned failed = 0;
    setup();
    grow(6, 6);
    see_counted(&before);
    kit_open(&g);
    for (unsigned s = 0; s < 6; s++) {
        put_i64(many_rooms(s), RMG_PLANE_ALPHA, ROOM_NODE + 1, "level", 9);
        put_node(many_rooms(s), 5, "Room");
    }
    kit_seal(&g);
    see_counted(&after);
    struct rmg_search *fresh = search_of(0);
    must(rmg_search_all(fresh, &after.graph));
    for (int64_t nth = 0; nth < 400; nth++) {
        struct fault_heap faulty = fault_heap_make(nth, false);
        struct rmg_search *search = NULL;
        enum jit_err err = rmg_search_new(&faulty.heap, rules[0], NULL, 0, &g.instance,
                                          (struct rmg_shard){0, 1}, &search);
        err = err == JIT_OK ? rmg_search_all(search, &before.graph) : err;
        if (err == JIT_OK && rmg_search_update(search, &before.graph, &after.graph) != JIT_OK) {
            failed++;
            must(rmg_search_update(search, &before.graph, &after.graph));
        }
        if (err == JIT_OK) {
            ck_assert_uint_eq(rmg_search_count(search), rmg_search_count(fresh));
        }
        rmg_search_free(search);
        ck_assert_int_eq(faulty.live, 0);
    }
    ck_assert_uint_gt(failed, 0);
    rmg_search_free(fresh);
    teardown();
}
END_TEST

static void suite(Suite *s)
{
    TCase *tcase = test_case(s, "nested_cost", 60);
    tcase_add_test(tcase, cost_is_of_the_change);
    tcase_add_test(tcase, gone_instances_are_forgotten);
    tcase_add_test(tcase, no_memory_for_doors);
}

TEST_MAIN("nested_cost", suite)

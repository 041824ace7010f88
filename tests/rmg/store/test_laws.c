/* Goal:   the growth laws of DESIGN 4.4, by counting nodes copied, hashes and slots, never time.
 * Method: binary trees and hubs of several sizes, one change each; and ids chosen to hurt. */
#include "base/le.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

static struct fault_heap heap;
static struct rmg_arena *arena;
static struct rmg_store *store;
static struct rmg_version version;
static struct jit_id top;
static struct jit_id type;

static void setup(void)
{
    heap = fault_heap_make(-1, false);
    must(rmg_arena_new(jit_heap_libc(), 256u << 20, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&heap.heap, &options, &store));
    version = rmg_version_empty();
    top = world_id(WORLD_RANDOM, 77, 0);
    type = world_id(WORLD_RANDOM, 77, 1);
}

static void teardown(void)
{
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
    ck_assert_int_eq(heap.live, 0);
}

static struct jit_id node_id(uint64_t i)
{
    return world_id(WORLD_RANDOM, 1, i);
}

/* count nodes with an atom each; edges from `from(i)` to i. */
static void load(uint64_t count, uint64_t (*from)(uint64_t), enum world_ids kind)
{
    static const uint8_t atom[16];
    struct rmg_bulk bulk = {.nodes = calloc(count, sizeof *bulk.nodes),
                            .node_count = count,
                            .edges = calloc(count, sizeof *bulk.edges),
                            .edge_count = from == NULL ? 0 : count - 1,
                            .attachments = calloc(count, sizeof *bulk.attachments),
                            .attachment_count = count};
    struct rmg_tx *tx = NULL;
    for (uint64_t i = 0; i < count; i++) {
        bulk.nodes[i] = (struct rmg_bulk_node){world_id(kind, 1, i), type};
        bulk.attachments[i] = (struct rmg_bulk_attachment){
            bulk.nodes[i].id, RMG_PLANE_ALPHA, {"a", 1, {RMG_VALUE_ATOM, type, atom, 16}}};
    }
    for (uint64_t i = 1; i < count && from != NULL; i++) {
        bulk.edges[i - 1] = (struct rmg_edge){world_id(WORLD_RANDOM, 2, i), bulk.nodes[from(i)].id,
                                              bulk.nodes[i].id, type};
    }
    struct jit_id root = bulk.nodes[0].id;
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    must(rmg_tx_load(tx, &top, &bulk));
    must(rmg_tx_seal(tx, &version));
    free(bulk.nodes);
    free(bulk.edges);
    free(bulk.attachments);
}

static uint64_t binary(uint64_t i)
{
    return (i - 1) / 2;
}

static uint64_t hub(uint64_t i)
{
    (void)i;
    return 0;
}

static void graph_now(struct rmg_graph *graph, uint64_t *slots)
{
    struct rmg_instance instance;
    must(rmg_store_instance(store, &version, &top, &instance));
    rmg_store_graph(store, &instance, graph);
    graph->slots = slots;
}

/* Set one atom in a transaction of its own. */
static void set_atom(const struct jit_id *node, uint64_t value)
{
    uint8_t bytes[8];
    struct rmg_attachment a = {"a", 1, {RMG_VALUE_ATOM, type, bytes, sizeof bytes}};
    struct rmg_tx *tx = NULL;
    jit_put_le64(bytes, value);
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, node, &a));
    must(rmg_tx_seal(tx, &version));
}

struct cost {
    uint64_t copied;
    uint64_t leaves;
    uint64_t hashes;
};

static struct cost worst_set(const struct jit_id *ids, uint64_t count)
{
    struct cost worst = {0};
    for (uint64_t i = 0; i < count; i++) {
        struct rmg_counters *c = rmg_store_counters(store);
        *c = (struct rmg_counters){0};
        set_atom(&ids[i], i + 1);
        worst.copied = c->nodes_copied > worst.copied ? c->nodes_copied : worst.copied;
        worst.leaves = c->leaves_made > worst.leaves ? c->leaves_made : worst.leaves;
        worst.hashes = c->hashes > worst.hashes ? c->hashes : worst.hashes;
    }
    return worst;
}

START_TEST(one_update_copies_one_path)
{
    static const uint64_t sizes[] = {1, 1000, 10000, 100000};
    struct jit_id ids[200];
    uint64_t size = sizes[_i];
    load(size, size > 1 ? binary : NULL, WORLD_RANDOM);
    for (uint64_t i = 0; i < 200; i++) {
        ids[i] = node_id(i * 7919 % size);
    }
    struct cost cost = worst_set(ids, 200);
    /* levels of the trie (16 ways, the unluckiest key two deeper), and the map of instances */
    uint64_t levels = 1;
    for (uint64_t n = 1; n < size; n *= 16) {
        levels++;
    }
    ck_assert_uint_le(cost.copied, levels + 2 + 1);
    ck_assert_uint_eq(cost.leaves, 2);
    ck_assert_uint_le(cost.hashes, levels * 12 + 20);
}
END_TEST

/* Creating and deleting costs paths too, and gives the memory back. */
START_TEST(create_and_delete)
{
    load(20000, binary, WORLD_RANDOM);
    uint64_t live = arena->live;
    struct jit_id before = version.state_root;
    struct jit_id id = world_id(WORLD_RANDOM, 9, 9);
    struct rmg_edge edge = {world_id(WORLD_RANDOM, 9, 8), node_id(5), id, type};
    struct rmg_tx *tx = NULL;
    struct rmg_counters *c = rmg_store_counters(store);
    *c = (struct rmg_counters){0};
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_upsert_node(tx, &top, &id, &type));
    must(rmg_tx_upsert_edge(tx, &top, &edge));
    must(rmg_tx_seal(tx, &version));
    ck_assert_uint_le(c->nodes_copied, 6 * 9 + 2);
    must(rmg_tx_begin(store, &version, &tx));
    ck_assert_int_eq(rmg_tx_delete_node(tx, &top, &id), JIT_EDANGLING);
    ck_assert_int_eq(rmg_tx_delete_node(tx, &top, &edge.from), JIT_EDANGLING);
    must(rmg_tx_delete_edge(tx, &top, &edge.id));
    must(rmg_tx_delete_node(tx, &top, &id));
    must(rmg_tx_seal(tx, &version));
    ck_assert(jit_id_equal(&before, &version.state_root));
    ck_assert_uint_eq(arena->live, live);
}
END_TEST

START_TEST(hub_of_many_edges)
{
    uint64_t slots = 0;
    uint64_t degree = 0;
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct rmg_edge edge;
    load(100000, hub, WORLD_RANDOM);
    graph_now(&graph, &slots);
    struct jit_id center = node_id(0);
    must(rmg_degree(&graph, &center, RMG_DIR_OUT, &type, &degree));
    ck_assert_uint_eq(degree, 99999);
    ck_assert_uint_eq(slots, 1);
    slots = 0;
    rmg_iter_edges_of(&graph, &center, RMG_DIR_OUT, NULL, &iter);
    for (unsigned i = 0; i < 10; i++) {
        must(rmg_iter_edge(&iter, &edge));
        ck_assert(jit_id_equal(&edge.from, &center));
    }
    ck_assert_uint_eq(slots, 10);
    struct rmg_edge more = {world_id(WORLD_RANDOM, 3, 0), center, node_id(3), type};
    struct rmg_tx *tx = NULL;
    struct rmg_counters *c = rmg_store_counters(store);
    *c = (struct rmg_counters){0};
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_upsert_edge(tx, &top, &more));
    must(rmg_tx_seal(tx, &version));
    ck_assert_uint_le(c->nodes_copied, 4 * 9 + 2);
    ck_assert_uint_le(c->hashes, 120);
}
END_TEST

/* Skipping leads where walking does, from wherever one is, and costs a way down. */
START_TEST(skipping_is_no_walk)
{
    static const uint64_t skips[] = {0,    1,     2,     15,    16,    17,
                                     4095, 50000, 99997, 99998, 99999, 1ull << 40};
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct rmg_edge edge;
    uint64_t count = 0;
    load(100000, hub, WORLD_RANDOM);
    graph_now(&graph, NULL);
    struct jit_id center = node_id(0);
    struct jit_id *walked = calloc(100000, sizeof *walked);
    ck_assert_ptr_nonnull(walked);
    rmg_iter_edges_of(&graph, &center, RMG_DIR_OUT, NULL, &iter);
    while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
        walked[count++] = edge.id;
    }
    ck_assert_uint_eq(count, 99999);
    for (size_t i = 0; i < sizeof skips / sizeof skips[0]; i++) {
        rmg_iter_edges_of(&graph, &center, RMG_DIR_OUT, NULL, &iter);
        const uint64_t steps = iter.steps;
        rmg_iter_skip(&iter, skips[i]);
        ck_assert_uint_le(steps - iter.steps, 16 * 8);
        enum jit_err err = rmg_iter_edge(&iter, &edge);
        ck_assert_int_eq(err, skips[i] < count ? JIT_OK : JIT_ENOENT);
        ck_assert(err != JIT_OK || jit_id_equal(&edge.id, &walked[skips[i]]));
    }
    struct jit_random dice = jit_random_of(5);
    uint64_t at = 0;
    rmg_iter_edges_of(&graph, &center, RMG_DIR_OUT, NULL, &iter);
    while (at < count) {
        must(rmg_iter_edge(&iter, &edge));
        ck_assert(jit_id_equal(&edge.id, &walked[at]));
        const uint64_t skip = jit_random_below(&dice, 40);
        rmg_iter_skip(&iter, skip);
        at += 1 + skip;
    }
    ck_assert_int_eq(rmg_iter_edge(&iter, &edge), JIT_ENOENT);
    free(walked);
    /* One edge alone. */
    struct jit_id leaf = node_id(7);
    rmg_iter_edges_of(&graph, &leaf, RMG_DIR_IN, NULL, &iter);
    rmg_iter_skip(&iter, 0);
    must(rmg_iter_edge(&iter, &edge));
    rmg_iter_edges_of(&graph, &leaf, RMG_DIR_IN, NULL, &iter);
    rmg_iter_skip(&iter, 1);
    ck_assert_int_eq(rmg_iter_edge(&iter, &edge), JIT_ENOENT);
}
END_TEST

struct seen {
    uint64_t count;
    uint64_t stop_at;
};

static bool see(void *user, const struct rmg_change *change)
{
    struct seen *seen = user;
    ck_assert(change->before && change->after);
    return ++seen->count != seen->stop_at;
}

START_TEST(diff_costs_differences)
{
    static const uint64_t sizes[] = {1000, 100000};
    struct rmg_graph graph[2];
    uint64_t slots = 0;
    struct seen seen = {0};
    load(sizes[_i], binary, WORLD_RANDOM);
    struct rmg_version base = version;
    must(rmg_store_pin(store, &base));
    graph_now(&graph[0], NULL);
    for (uint64_t i = 0; i < 10; i++) {
        struct jit_id id = node_id(i * 31);
        set_atom(&id, i + 100);
    }
    graph_now(&graph[1], &slots);
    must(rmg_graph_diff(&graph[0], &graph[1], see, &seen));
    ck_assert_uint_eq(seen.count, 10);
    ck_assert_uint_eq(slots, 10);
    seen = (struct seen){.stop_at = 3};
    must(rmg_graph_diff(&graph[0], &graph[1], see, &seen));
    ck_assert_uint_eq(seen.count, 3);
    /* the same graph in another memory: by hashes, without a look at a leaf */
    slots = 0;
    seen = (struct seen){0};
    uint8_t *copy = malloc(arena->used);
    memcpy(copy, arena->base, arena->used);
    graph[0] = graph[1];
    graph[0].mem.base = copy;
    must(rmg_graph_diff(&graph[0], &graph[1], see, &seen));
    ck_assert_uint_eq(seen.count, 0);
    ck_assert_uint_eq(slots, 0);
    free(copy);
    rmg_store_unpin(store, &base);
}
END_TEST

/* However ids are chosen: at most an inner hash a bit of the id, and the usual work. */
START_TEST(hostile_ids)
{
    struct jit_id ids[240];
    enum world_ids kind = (enum world_ids)_i;
    for (uint64_t i = 0; i < 240; i++) {
        ids[i] = world_id(kind, 1, i);
    }
    load(240, NULL, kind);
    struct cost cost = worst_set(ids, 240);
    ck_assert_uint_le(cost.copied, 64 + 2);
    ck_assert_uint_le(cost.hashes, 256 + 24);
}
END_TEST

/* A comb: every level of one path full up to just below the number from which inner hashes are
 * kept, which is the worst that a chooser of ids can do. */
START_TEST(comb)
{
    static struct jit_id ids[1 + 64 * 11];
    struct rmg_tx *tx = NULL;
    uint64_t count = 1;
    uint8_t bytes[8] = {1};
    struct rmg_attachment a = {"a", 1, {RMG_VALUE_ATOM, type, bytes, 8}};
    memset(ids, 0, sizeof ids);
    for (unsigned nibble = 0; nibble < 64; nibble++) {
        for (unsigned v = 1; v <= 11; v++) {
            ids[count++].bytes[nibble / 2] = (uint8_t)(nibble % 2 == 0 ? v << 4 : v);
        }
    }
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_upsert_instance(tx, &top, &ids[0], NULL));
    for (uint64_t i = 0; i < count; i++) {
        must(rmg_tx_upsert_node(tx, &top, &ids[i], &type));
        must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &ids[i], &a));
    }
    must(rmg_tx_seal(tx, &version));
    struct cost cost = worst_set(ids, 1);
    ck_assert_uint_le(cost.copied, 64 + 1);
    /* the first levels, as every trie's, hash all their inner nodes */
    ck_assert_uint_le(cost.hashes, 256 + 12 * 11 + 24);
}
END_TEST

START_TEST(no_change_no_trace)
{
    struct rmg_tx *tx = NULL;
    struct jit_id id = node_id(3);
    static const uint8_t atom[16];
    struct rmg_attachment a = {"a", 1, {RMG_VALUE_ATOM, type, atom, 16}};
    load(100, binary, WORLD_RANDOM);
    struct rmg_version before = version;
    uint64_t live = arena->live;
    uint64_t used = arena->used;
    struct rmg_counters *c = rmg_store_counters(store);
    *c = (struct rmg_counters){0};
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_upsert_node(tx, &top, &id, &type));
    must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &id, &a));
    ck_assert_int_eq(rmg_tx_clear_attachment(tx, &top, RMG_PLANE_BETA, &id, "", 0), JIT_ENOENT);
    must(rmg_tx_seal(tx, &version));
    ck_assert(memcmp(&before, &version, sizeof before) == 0);
    ck_assert_uint_eq(arena->live, live);
    ck_assert_uint_eq(arena->used, used);
    ck_assert_uint_eq(c->nodes_copied + c->leaves_made + c->hashes, 0);
}
END_TEST

/* Pins keep what they need, not more: whatever the order in which they go, memory comes back. */
START_TEST(pins_give_back)
{
    struct rmg_version pinned[12];
    struct jit_random random = jit_random_of((uint64_t)_i);
    load(2000, binary, WORLD_RANDOM);
    uint64_t live = arena->live;
    for (unsigned i = 0; i < 12; i++) {
        must(rmg_store_pin(store, &version));
        must(rmg_store_pin(store, &version));
        pinned[i] = version;
        for (unsigned k = 0; k < 20; k++) {
            struct jit_id id = node_id(jit_random_below(&random, 2000));
            set_atom(&id, jit_random_next(&random));
        }
    }
    ck_assert_uint_gt(arena->live, live);
    for (unsigned left = 12; left > 0; left--) {
        unsigned at = (unsigned)jit_random_below(&random, left);
        struct rmg_fault fault;
        must(rmg_store_verify(store, &pinned[at], &fault));
        rmg_store_unpin(store, &pinned[at]);
        must(rmg_store_verify(store, &pinned[at], &fault));
        rmg_store_unpin(store, &pinned[at]);
        pinned[at] = pinned[left - 1];
    }
    /* atoms of 8 bytes replaced some of 16: never more than before */
    ck_assert_uint_le(arena->live, live);
}
END_TEST

START_TEST(fork_is_constant)
{
    load(50000, binary, WORLD_RANDOM);
    uint64_t used = arena->used;
    int64_t calls = heap.calls;
    for (unsigned i = 0; i < 1000; i++) {
        struct rmg_version fork = version;
        must(rmg_store_pin(store, &fork));
    }
    ck_assert_uint_eq(arena->used, used);
    ck_assert_int_le(heap.calls - calls, 1);
    for (unsigned i = 0; i < 1000; i++) {
        rmg_store_unpin(store, &version);
    }
}
END_TEST

START_TEST(reserved_is_enough) /* and reserving is refused where it would not be */
{
    struct rmg_tx *tx = NULL;
    load(1000, binary, WORLD_RANDOM);
    must(rmg_tx_begin(store, &version, &tx));
    must(rmg_tx_reserve(tx, 500, 500 * 64));
    arena->size = arena->used + 500 * 64 + 500 * 9000 + arena->live; /* what was promised */
    for (uint64_t i = 0; i < 500; i++) {
        struct jit_id id = world_id(WORLD_RANDOM, 50, i);
        must(rmg_tx_upsert_node(tx, &top, &id, &type));
    }
    must(rmg_tx_seal(tx, &version));
    must(rmg_tx_begin(store, &version, &tx));
    ck_assert_int_ne(rmg_tx_reserve(tx, 1u << 20, 0), JIT_OK);
    ck_assert_int_eq(rmg_tx_reserve(tx, UINT64_MAX, 0), JIT_ELIMIT);
    rmg_tx_abort(tx);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "laws", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, one_update_copies_one_path, 0, 4);
    tcase_add_test(t, create_and_delete);
    tcase_add_test(t, hub_of_many_edges);
    tcase_add_test(t, skipping_is_no_walk);
    tcase_add_loop_test(t, diff_costs_differences, 0, 2);
    tcase_add_loop_test(t, hostile_ids, 0, WORLD_IDS);
    tcase_add_test(t, comb);
    tcase_add_test(t, no_change_no_trace);
    tcase_add_loop_test(t, pins_give_back, 0, 8);
    tcase_add_test(t, fork_is_constant);
    tcase_add_test(t, reserved_is_enough);
}

TEST_MAIN("laws", suite)

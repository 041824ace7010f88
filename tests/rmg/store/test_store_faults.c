/* Goal:   no refused memory, of heap or arena, and no damaged byte does harm: the old version stays
 *         whole, nothing leaks, reads end without a fault.
 * Method: the same transaction with the n-th refusal, once and for good, for every n; random bits
 *         flipped in the arena and every reader sent over it (run it under the sanitizers). */
#include "rmg/store/trie_priv.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

/* What a reader of damaged memory may say. */
static void either(enum jit_err err)
{
    ck_assert_msg(err == JIT_OK || err == JIT_ENOENT || err == JIT_ECORRUPT || err == JIT_EINVALID,
                  "%s", jit_err_text(err));
}

/* An arena that grows by exactly what is asked, until it refuses. */
struct refusing {
    struct rmg_arena arena;
    int64_t refuse_at;
    bool sticky;
    int64_t calls;
};

static enum jit_err refusing_grow(struct rmg_arena *arena, uint64_t size_min)
{
    struct refusing *r = (struct refusing *)arena->owner;
    int64_t call = r->calls++;
    if (r->refuse_at >= 0 && (r->sticky ? call >= r->refuse_at : call == r->refuse_at)) {
        return JIT_ENOSPC;
    }
    arena->size = size_min;
    return JIT_OK;
}

struct bed {
    struct fault_heap heap;
    struct refusing memory;
    struct rmg_store *store;
    struct rmg_version version;
    struct jit_id top;
    struct jit_id child;
    struct jit_id type;
};

static void bed_begin(struct bed *bed)
{
    memset(bed, 0, sizeof *bed);
    bed->heap = fault_heap_make(-1, false);
    uint8_t *base = calloc(1, 4u << 20);
    rmg_arena_init(&bed->memory.arena, base, 4096, 4u << 20, 4096);
    bed->memory.arena.grow = refusing_grow;
    bed->memory.arena.owner = &bed->memory;
    bed->memory.refuse_at = -1;
    struct rmg_store_options options = {.arenas = {&bed->memory.arena}, .arena_count = 1};
    must(rmg_store_new(&bed->heap.heap, &options, &bed->store));
    bed->version = rmg_version_empty();
    bed->top = world_id(WORLD_RANDOM, 1, 1);
    bed->child = world_id(WORLD_RANDOM, 1, 2);
    bed->type = world_id(WORLD_RANDOM, 1, 3);
}

static void bed_end(struct bed *bed)
{
    rmg_store_free(bed->store);
    free(bed->memory.arena.base);
    ck_assert_int_eq(bed->heap.live, 0);
}

static struct jit_id nth(uint64_t i)
{
    return world_id(i % 3 == 0 ? WORLD_PREFIX : WORLD_RANDOM, 5, i);
}

#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum jit_err tried = (expr);                                                               \
        if (tried != JIT_OK) {                                                                     \
            return tried;                                                                          \
        }                                                                                          \
    } while (0)

static enum jit_err atom_set(struct bed *bed, struct rmg_tx *tx, uint64_t i, uint32_t size,
                             uint8_t fill)
{
    uint8_t bytes[600];
    struct jit_id id = nth(i);
    struct rmg_attachment a = {"x", 1, {RMG_VALUE_ATOM, bed->type, bytes, size}};
    memset(bytes, fill, sizeof bytes);
    return rmg_tx_set_attachment(tx, &bed->top, RMG_PLANE_ALPHA, &id, &a);
}

static enum jit_err load_first(struct bed *bed, struct rmg_tx *tx)
{
    struct rmg_bulk_node nodes[64];
    struct rmg_edge edges[64];
    struct rmg_bulk_attachment attachments[64];
    static const uint8_t bytes[600];
    for (uint64_t i = 0; i < 64; i++) {
        nodes[i] = (struct rmg_bulk_node){nth(i), bed->type};
        edges[i] = (struct rmg_edge){nth(i + 1000), nth(i), nth(i * 7 % 64), bed->type};
        attachments[i] = (struct rmg_bulk_attachment){
            nth(i / 2),
            RMG_PLANE_ALPHA,
            {i % 2 == 0 ? "x" : "y", 1, {RMG_VALUE_ATOM, bed->type, bytes, i % 5 == 0 ? 600 : 16}}};
    }
    struct jit_id root = nth(0);
    struct rmg_bulk bulk = {nodes, 64, edges, 64, attachments, 64};
    TRY(rmg_tx_upsert_instance(tx, &bed->top, &root, NULL));
    return rmg_tx_load(tx, &bed->top, &bulk);
}

/* Every kind of change, some of them twice on the same cell. */
static enum jit_err change_all(struct bed *bed, struct rmg_tx *tx)
{
    struct jit_id root = nth(0);
    struct jit_id other = world_id(WORLD_RANDOM, 8, 8);
    struct rmg_parent parent = {true, RMG_PLANE_ALPHA, bed->top, nth(2), 1, "p"};
    struct rmg_attachment portal = {"p", 1, {RMG_VALUE_PORTAL, bed->child, NULL, 0}};
    TRY(rmg_tx_upsert_instance(tx, &bed->child, &root, &parent));
    TRY(rmg_tx_upsert_node(tx, &bed->child, &root, &bed->type));
    TRY(rmg_tx_set_attachment(tx, &bed->top, RMG_PLANE_ALPHA, &parent.owner, &portal));
    for (uint64_t i = 100; i < 110; i++) {
        struct jit_id id = nth(i);
        struct rmg_edge edge = {nth(i + 1000), nth(3), id, bed->type};
        TRY(rmg_tx_upsert_node(tx, &bed->top, &id, &bed->type));
        TRY(rmg_tx_upsert_edge(tx, &bed->top, &edge));
        TRY(atom_set(bed, tx, i, 600, 1));
        TRY(atom_set(bed, tx, i, 20, 2));
        edge.type = other;
        TRY(rmg_tx_upsert_edge(tx, &bed->top, &edge));
    }
    for (uint64_t i = 0; i < 10; i++) {
        struct jit_id id = nth(i);
        struct jit_id edge = nth(i + 1000);
        TRY(atom_set(bed, tx, i, i % 2 == 0 ? 600 : 16, 3));
        TRY(rmg_tx_clear_attachment(tx, &bed->top, RMG_PLANE_ALPHA, &id, "y", 1));
        TRY(rmg_tx_upsert_node(tx, &bed->top, &id, &other));
        TRY(rmg_tx_delete_edge(tx, &bed->top, &edge));
    }
    for (uint64_t i = 100; i < 105; i++) {
        struct jit_id id = nth(i);
        struct jit_id edge = nth(i + 1000);
        TRY(rmg_tx_clear_attachment(tx, &bed->top, RMG_PLANE_ALPHA, &id, "x", 1));
        TRY(rmg_tx_delete_edge(tx, &bed->top, &edge));
        TRY(rmg_tx_delete_node(tx, &bed->top, &id));
    }
    return JIT_OK;
}

static enum jit_err run(struct bed *bed, enum jit_err (*changes)(struct bed *, struct rmg_tx *))
{
    struct rmg_tx *tx = NULL;
    TRY(rmg_tx_begin(bed->store, &bed->version, &tx));
    enum jit_err err = changes(bed, tx);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, &bed->version);
}

/* _i: bit 0 heap or arena, bit 1 once or for good, bit 2 pinned or not. */
START_TEST(refusals)
{
    bool of_heap = (_i & 1) != 0;
    bool sticky = (_i & 2) != 0;
    bool more = true;
    struct jit_id expected[2] = {{{0}}, {{0}}};
    for (int64_t n = -1; more; n++) {
        struct bed bed;
        more = false;
        bed_begin(&bed);
        for (unsigned step = 0; step < 2; step++) {
            struct rmg_fault fault;
            struct rmg_version before = bed.version;
            uint64_t live = bed.memory.arena.live;
            if ((_i & 4) != 0) {
                must(rmg_store_pin(bed.store, &bed.version));
            }
            bed.heap.refuse_at = of_heap && n >= 0 ? bed.heap.calls + n : -1;
            bed.heap.sticky = sticky;
            bed.memory.refuse_at = !of_heap && n >= 0 ? bed.memory.calls + n : -1;
            bed.memory.sticky = sticky;
            enum jit_err err = run(&bed, step == 0 ? load_first : change_all);
            bool refused = fault_heap_fired(&bed.heap) ||
                           (bed.memory.refuse_at >= 0 && bed.memory.calls > bed.memory.refuse_at);
            more = more || n < 0 || refused;
            bed.heap.refuse_at = -1;
            bed.memory.refuse_at = -1;
            must(rmg_store_verify(bed.store, &bed.version, &fault));
            if (err != JIT_OK) {
                ck_assert(err == (of_heap ? JIT_ENOMEM : JIT_ENOSPC) && refused);
                ck_assert(memcmp(&before, &bed.version, sizeof before) == 0);
                ck_assert_uint_eq(bed.memory.arena.live, live);
                must(run(&bed, step == 0 ? load_first : change_all));
                must(rmg_store_verify(bed.store, &bed.version, &fault));
            }
            if (n < 0) {
                expected[step] = bed.version.state_root;
            }
            ck_assert(jit_id_equal(&expected[step], &bed.version.state_root));
            if ((_i & 4) != 0) {
                must(rmg_store_verify(bed.store, &before, &fault));
                rmg_store_unpin(bed.store, &before);
            }
        }
        bed_end(&bed);
    }
}
END_TEST

/* ---- damaged memory ---- */

static bool keep_on(void *user, const struct rmg_change *change)
{
    (void)change;
    ++*(uint64_t *)user;
    return true;
}

static void read_graph(const struct rmg_graph *graph, const struct rmg_graph *other)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id other_id;
    struct rmg_edge edge;
    uint32_t count = 0;
    uint64_t sum = 0;
    for (unsigned map = 0; map < RMG_MAPS; map++) {
        rmg_iter_all(graph, (enum rmg_map)map, &iter);
        enum jit_err err = JIT_OK;
        while (err == JIT_OK) {
            err = map == RMG_NODES || map == RMG_NODE_TYPES ? rmg_iter_node(&iter, &id, &other_id)
                  : map == RMG_ALPHA || map == RMG_BETA     ? rmg_iter_owner(&iter, &id, &count)
                                                            : rmg_iter_edge(&iter, &edge);
        }
        ck_assert(err == JIT_ENOENT || err == JIT_ECORRUPT);
    }
    for (uint64_t i = 0; i < 64; i++) {
        struct rmg_value value;
        struct rmg_attachment attachment;
        id = nth(i);
        either(rmg_node_type(graph, &id, &other_id));
        either(rmg_degree(graph, &id, RMG_DIR_OUT, NULL, &sum));
        either(rmg_degree(graph, &id, RMG_DIR_IN, &other_id, &sum));
        rmg_iter_edges_of(graph, &id, RMG_DIR_IN, NULL, &iter);
        for (unsigned k = 0; k < 100 && rmg_iter_edge(&iter, &edge) == JIT_OK; k++) {
        }
        if (rmg_attachment_get(graph, RMG_PLANE_ALPHA, &id, "x", 1, &value) == JIT_OK &&
            value.kind == RMG_VALUE_ATOM) {
            for (uint32_t k = 0; k < value.size; k++) {
                sum += value.bytes[k]; /* a sanitizer looks */
            }
        }
        either(rmg_attachment_at(graph, RMG_PLANE_ALPHA, &id, 1, &attachment));
        id = nth(i + 1000);
        either(rmg_edge_get(graph, &id, &edge));
    }
    either(rmg_graph_diff(graph, other, keep_on, &sum));
    either(rmg_graph_diff(other, graph, keep_on, &sum));
}

static void read_all(struct bed *bed, const struct rmg_graph *whole)
{
    struct rmg_instance instance;
    struct rmg_fault fault;
    struct jit_id root;
    struct jit_id after = {{0}};
    either(rmg_store_verify(bed->store, &bed->version, &fault));
    either(rmg_store_instance_root(bed->store, &bed->version, &bed->child, &root));
    for (unsigned i = 0;
         i < 8 && rmg_store_next(bed->store, &bed->version, &after, &instance) == JIT_OK; i++) {
        struct rmg_graph graph;
        rmg_store_graph(bed->store, &instance, &graph);
        read_graph(&graph, whole);
        after = instance.id;
    }
}

START_TEST(damage) /* _i: seed */
{
    struct bed bed;
    struct jit_random random = jit_random_of((uint64_t)_i + 1);
    struct rmg_instance instance;
    struct rmg_graph whole;
    unsigned refused = 0;
    bed_begin(&bed);
    must(run(&bed, load_first));
    must(run(&bed, change_all));
    struct rmg_arena *arena = &bed.memory.arena;
    uint8_t *copy = malloc(arena->used);
    memcpy(copy, arena->base, arena->used);
    must(rmg_store_instance(bed.store, &bed.version, &bed.top, &instance));
    rmg_store_graph(bed.store, &instance, &whole);
    whole.mem.base = copy;
    for (unsigned round = 0; round < 60; round++) {
        uint64_t flips = 1 + jit_random_below(&random, round % 4 == 0 ? 400 : 4);
        for (uint64_t i = 0; i < flips; i++) {
            uint64_t at = 4096 + jit_random_below(&random, arena->used - 4096);
            if (round % 3 == 0) {
                arena->base[at] = (uint8_t)jit_random_next(&random);
            } else if (round % 3 == 1) {
                arena->base[at] ^= (uint8_t)(1u << jit_random_below(&random, 8));
            } else {
                /* a reference to somewhere else */
                uint32_t ref = (uint32_t)jit_random_below(&random, arena->used / RMG_GRANULE);
                memcpy(arena->base + at / 4 * 4, &ref, sizeof ref);
            }
        }
        struct rmg_fault fault;
        refused += rmg_store_verify(bed.store, &bed.version, &fault) == JIT_ECORRUPT;
        read_all(&bed, &whole);
        memcpy(arena->base, copy, arena->used);
    }
    ck_assert_uint_gt(refused, 30);
    /* roots that lead anywhere */
    for (unsigned round = 0; round < 300; round++) {
        struct rmg_graph graph = whole;
        for (unsigned map = 0; map < RMG_MAPS; map++) {
            graph.roots.ref[map] = (uint32_t)jit_random_below(&random, arena->used / 8);
        }
        read_graph(&graph, &whole);
    }
    free(copy);
    bed_end(&bed);
}
END_TEST

/* Every single bit of live cells that verify can know: flipped, it is found. */
START_TEST(verify_finds_every_bit)
{
    struct bed bed;
    struct rmg_fault fault;
    struct jit_random random = jit_random_of(99);
    unsigned missed = 0;
    bed_begin(&bed);
    must(run(&bed, load_first));
    struct rmg_arena *arena = &bed.memory.arena;
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t at = 4096 + jit_random_below(&random, arena->used - 4096);
        uint8_t before = arena->base[at];
        arena->base[at] ^= (uint8_t)(1u << jit_random_below(&random, 8));
        missed += rmg_store_verify(bed.store, &bed.version, &fault) == JIT_OK;
        arena->base[at] = before;
    }
    must(rmg_store_verify(bed.store, &bed.version, &fault));
    /* epochs, padding and free cells are not part of the state: about a tenth of the bytes */
    ck_assert_uint_lt(missed, 3000 / 4);
    bed_end(&bed);
}
END_TEST

/* Indexes have no hashes: their shape alone is judged. Any other depth of any node is found. */
static void other_depths(struct bed *bed, unsigned map, uint32_t ref)
{
    struct trie_node *node = rmg_arena_at(&bed->memory.arena, ref);
    uint8_t depth = node->depth;
    const int others[] = {depth - 1, depth + 1, depth + 2, 0, depth / 2, 255};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct rmg_fault fault;
        node->depth = (uint8_t)others[i];
        ck_assert_int_eq(rmg_store_verify(bed->store, &bed->version, &fault),
                         node->depth == depth ? JIT_OK : JIT_ECORRUPT);
    }
    node->depth = depth;
    const uint32_t *refs = trie_refs(&trie_specs[map], node);
    for (unsigned left = node->map, i = 0; left != 0; left &= left - 1, i++) {
        if (!trie_has(node->leaf, (unsigned)__builtin_ctz(left))) {
            other_depths(bed, map, refs[i]);
        }
    }
}

START_TEST(index_shape) /* _i: an index */
{
    struct bed bed;
    struct rmg_instance instance;
    bed_begin(&bed);
    must(run(&bed, load_first));
    must(rmg_store_instance(bed.store, &bed.version, &bed.top, &instance));
    other_depths(&bed, (unsigned)_i, instance.roots.ref[_i]);
    bed_end(&bed);
}
END_TEST

/* A few nodes that stand for 16^64 leaves: whoever walks them gives up in time. */
START_TEST(walks_are_bounded)
{
    static _Alignas(16) uint8_t memory[1u << 18];
    const struct trie_spec *spec = &trie_specs[RMG_NODES];
    const uint32_t step = (trie_node_size(spec, 16, 0) + RMG_GRANULE - 1) / RMG_GRANULE;
    struct rmg_graph graph = {.mem = {memory, sizeof memory}};
    struct rmg_graph other = {.mem = {memory, sizeof memory}};
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    uint64_t sum = 0;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < 64; i++) {
        struct trie_node *node = (struct trie_node *)(void *)(memory + 16 * (1 + i * step));
        *node =
            (struct trie_node){.map = 0xffff, .leaf = i == 63 ? 0xffff : 0, .depth = (uint8_t)i};
        for (unsigned k = 0; k < 16; k++) {
            trie_refs(spec, node)[k] = 1 + (i + 1) * step;
        }
        for (unsigned k = 0; k < 30; k++) {
            trie_hashes(node, 16)[k].bytes[0] = (uint8_t)(i * k);
        }
    }
    graph.roots.ref[RMG_NODES] = 1;
    rmg_iter_all(&graph, RMG_NODES, &iter);
    while (err == JIT_OK) {
        err = rmg_iter_node(&iter, &id, &type);
    }
    ck_assert_int_eq(err, JIT_ECORRUPT);
    ck_assert_int_eq(rmg_graph_diff(&graph, &other, keep_on, &sum), JIT_ECORRUPT);
    other.roots.ref[RMG_NODES] = 1;
    static uint8_t copy[sizeof memory];
    memcpy(copy, memory, sizeof memory);
    other.mem.base = copy;
    for (unsigned k = 0; k < 63; k++) {
        struct trie_node *node = (struct trie_node *)(void *)(copy + 16 * (1 + k * step));
        memset(trie_hashes(node, 16), 7, 30 * sizeof(struct jit_id));
    }
    ck_assert_int_eq(rmg_graph_diff(&graph, &other, keep_on, &sum), JIT_ECORRUPT);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "faults", 120);
    tcase_add_loop_test(t, refusals, 0, 8);
    tcase_add_loop_test(t, damage, 0, 10);
    tcase_add_test(t, verify_finds_every_bit);
    tcase_add_loop_test(t, index_shape, RMG_OUT, RMG_MAPS);
    tcase_add_test(t, walks_are_bounded);
}

TEST_MAIN("store_faults", suite)

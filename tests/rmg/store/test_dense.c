/* Goal:   nodes and edges that come as numbers make what the same ones make that come as streams:
 *         root, indexes, memory, however many threads there are; where there is no room to build
 *         side by side it is done by one; numbers that do not fit the instance are refused.
 * Method: random graphs with hubs, loops, parallel edges and types without an edge, over ids of
 *         every kind, built both ways, by one, by tasks in the wrong order and by threads; arenas
 *         from the least that one needs; every allocation refused once. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "rmg/store/load_dense.h"
#include "rmg/store/tx_hands.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define NODES_MAX 300u
#define EDGES_MAX 1500u
#define MANY      6000u /* nodes, and edges: so many are worth a crew */
#define TYPES_MAX 40u
#define ARENA     (1ull << 24)
#define THREADS   3u

static struct jit_id nodes[MANY];
static uint32_t node_types[MANY];
static struct jit_id types[TYPES_MAX];
static struct jit_id ids[MANY];
static struct rmg_dense_edge ends[MANY];
static struct rmg_dense dense;

/* ---- who builds ---- */

/* Tasks from the last to the first. */
static void backwards(struct jit_exec *exec, size_t count, void (*task)(void *, size_t), void *user)
{
    (void)exec;
    for (size_t i = count; i > 0; i--) {
        task(user, i - 1);
    }
}

struct errand {
    void (*task)(void *, size_t);
    void *user;
    size_t index;
};

static void *errand_run(void *user)
{
    const struct errand *errand = user;
    errand->task(errand->user, errand->index);
    return NULL;
}

static void each_a_thread(struct jit_exec *exec, size_t count, void (*task)(void *, size_t),
                          void *user)
{
    pthread_t threads[THREADS];
    struct errand errands[THREADS];
    (void)exec;
    ck_assert_uint_le(count, THREADS); /* a crew: never more than there are threads */
    for (size_t i = 0; i < count; i++) {
        errands[i] = (struct errand){.task = task, .user = user, .index = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, errand_run, &errands[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
}

static struct jit_exec turned = {.run = backwards, .threads = THREADS};
static struct jit_exec threaded = {.run = each_a_thread, .threads = THREADS};

/* ---- random content ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, JIT_ID_BYTES);
}

/* So many different ids, ascending. */
static uint32_t draw_ids(struct jit_id *out, enum world_ids kind, uint64_t seed, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = world_id(kind, seed, i);
    }
    qsort(out, count, sizeof *out, by_bytes);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || !jit_id_equal(&out[kept - 1], &out[i])) {
            out[kept++] = out[i];
        }
    }
    return kept;
}

static void draw_up_to(uint64_t seed, uint32_t nodes_max, uint32_t edges_max)
{
    struct jit_random random = jit_random_of(seed);
    enum world_ids kind = (enum world_ids)(seed % WORLD_IDS);
    uint32_t hub = (uint32_t)jit_random_below(&random, 4); /* 0: every other edge leaves one node */
    dense = (struct rmg_dense){
        .nodes = nodes, .node_types = node_types, .types = types, .ids = ids, .ends = ends};
    dense.node_count =
        draw_ids(nodes, kind, seed + 1, 1 + (uint32_t)jit_random_below(&random, nodes_max));
    dense.type_count =
        draw_ids(types, WORLD_RANDOM, seed + 2, 1 + (uint32_t)jit_random_below(&random, TYPES_MAX));
    dense.edge_count =
        draw_ids(ids, kind, seed + 3, 1 + (uint32_t)jit_random_below(&random, edges_max));
    for (uint32_t i = 0; i < dense.node_count; i++) {
        node_types[i] = (uint32_t)jit_random_below(&random, dense.type_count);
    }
    for (uint32_t i = 0; i < dense.edge_count; i++) {
        bool of_hub = hub == 0 && i % 2 == 0;
        ends[i] = (struct rmg_dense_edge){
            .from = of_hub ? 0 : (uint32_t)jit_random_below(&random, dense.node_count),
            .to = (uint32_t)jit_random_below(&random, dense.node_count),
            .type = (uint32_t)jit_random_below(&random, dense.type_count)};
    }
}

static void draw(uint64_t seed)
{
    draw_up_to(seed, NODES_MAX, EDGES_MAX);
}

/* As many as there is room for, so that a crew builds them. */
static void draw_many(uint64_t seed)
{
    struct jit_random random = jit_random_of(seed);
    draw_up_to(seed, NODES_MAX, EDGES_MAX);
    dense.node_count = draw_ids(nodes, WORLD_RANDOM, seed + 1, MANY);
    dense.edge_count = draw_ids(ids, WORLD_RANDOM, seed + 3, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t mix = (uint32_t)jit_random_next(&random);
        node_types[i] = mix % dense.type_count;
        ends[i] = (struct rmg_dense_edge){.from = mix % 7 == 0 ? 3 : mix / 7 % dense.node_count,
                                          .to = mix / 5 % dense.node_count,
                                          .type = mix / 3 % dense.type_count};
    }
}

/* ---- both ways ---- */

struct place {
    struct jit_exec *exec; /* NULL: the caller's thread does everything */
    uint64_t arena_bytes;  /* 0: enough */
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
};

static enum jit_err stream_nodes(struct rmg_load *load)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < dense.node_count && err == JIT_OK; i++) {
        err = rmg_load_node(load, &nodes[i], &types[node_types[i]]);
    }
    return err;
}

static enum jit_err stream_edges(struct rmg_load *load)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < dense.edge_count && err == JIT_OK; i++) {
        const struct rmg_edge edge = {ids[i], nodes[ends[i].from], nodes[ends[i].to],
                                      types[ends[i].type]};
        err = rmg_load_edge(load, &edge);
    }
    return err;
}

/* One way or the other: NULL is a stream. */
static enum jit_err fill(struct rmg_tx *tx, const struct rmg_dense *node_numbers,
                         const struct rmg_dense *numbers)
{
    const struct jit_id instance = world_id(WORLD_RANDOM, 9, 0);
    struct rmg_load *load = NULL;
    enum jit_err err = rmg_tx_upsert_instance(tx, &instance, &nodes[0], NULL);
    err = err == JIT_OK ? rmg_load_begin(tx, &load) : err;
    err = err == JIT_OK ? rmg_load_open(load, &instance, RMG_NODES) : err;
    if (err == JIT_OK) {
        err = node_numbers == NULL ? stream_nodes(load) : rmg_load_nodes(load, node_numbers);
    }
    err = err == JIT_OK ? rmg_load_open(load, &instance, RMG_EDGES) : err;
    if (err == JIT_OK) {
        err = numbers == NULL ? stream_edges(load) : rmg_load_edges(load, numbers);
    }
    if (err == JIT_OK) {
        return rmg_load_end(load);
    }
    rmg_load_abort(load);
    return err;
}

static enum jit_err build(struct place *place, struct jit_heap *heap,
                          const struct rmg_dense *node_numbers, const struct rmg_dense *numbers)
{
    struct rmg_tx *tx = NULL;
    struct rmg_store_options options = {.arena_count = 1};
    enum jit_err err =
        rmg_arena_new(heap, place->arena_bytes == 0 ? ARENA : place->arena_bytes, &place->arena);
    options.arenas[0] = place->arena;
    place->version = rmg_version_empty();
    err = err == JIT_OK ? rmg_store_new(heap, &options, &place->store) : err;
    err = err == JIT_OK ? rmg_tx_begin(place->store, &place->version, &tx) : err;
    if (err != JIT_OK) {
        return err;
    }
    rmg_tx_exec(tx, place->exec);
    err = fill(tx, node_numbers, numbers);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        ck_assert_uint_eq(place->arena->live, 0);
        return err;
    }
    return rmg_tx_seal(tx, &place->version);
}

static void clear(struct place *place, struct jit_heap *heap)
{
    if (place->store != NULL) {
        rmg_store_free(place->store);
    }
    rmg_arena_free(heap, place->arena);
    place->store = NULL;
    place->arena = NULL;
}

START_TEST(both_ways) /* _i: seed */
{
    struct place plain = {.arena = NULL};
    struct place numbered = {.arena = NULL};
    struct rmg_fault fault;
    fprintf(stderr, "seed %d\n", _i);
    draw((uint64_t)_i);
    must(build(&plain, jit_heap_libc(), NULL, NULL));
    must(build(&numbered, jit_heap_libc(), &dense, &dense));
    ck_assert(jit_id_equal(&plain.version.state_root, &numbered.version.state_root));
    ck_assert_uint_eq(plain.arena->live, numbered.arena->live);
    must(rmg_store_verify(numbered.store, &numbered.version, &fault)); /* indexes, too */
    clear(&plain, jit_heap_libc());
    clear(&numbered, jit_heap_libc());
}
END_TEST

START_TEST(side_by_side) /* _i: seed */
{
    static struct jit_exec *const execs[] = {&turned, &threaded};
    struct place plain = {.arena = NULL};
    struct rmg_fault fault;
    draw_many((uint64_t)_i);
    must(build(&plain, jit_heap_libc(), NULL, NULL));
    for (size_t i = 0; i < 2; i++) {
        struct place many = {.exec = execs[i]};
        must(build(&many, jit_heap_libc(), &dense, &dense));
        ck_assert(jit_id_equal(&plain.version.state_root, &many.version.state_root));
        ck_assert_uint_eq(plain.arena->live, many.arena->live);
        must(rmg_store_verify(many.store, &many.version, &fault));
        clear(&many, jit_heap_libc());
    }
    clear(&plain, jit_heap_libc());
}
END_TEST

/* From too little for anybody to enough for all: whatever one can build a crew can. */
START_TEST(short_of_room)
{
    const uint64_t step = 4096;
    bool fits = false;
    uint64_t bytes = 0;
    draw_many(5);
    for (bytes = MANY * 250ull; !fits; bytes += step) {
        struct place one = {.arena_bytes = bytes};
        enum jit_err err = build(&one, jit_heap_libc(), &dense, &dense);
        ck_assert(err == JIT_OK || err == JIT_ENOSPC);
        fits = err == JIT_OK;
        clear(&one, jit_heap_libc());
    }
    ck_assert_uint_gt(bytes, MANY * 250ull + step); /* the first had too little */
    for (uint64_t more = 0; more < 100 * step; more += step) {
        struct place crew = {.exec = &turned, .arena_bytes = bytes + more};
        struct rmg_fault fault;
        must(build(&crew, jit_heap_libc(), &dense, &dense));
        must(rmg_store_verify(crew.store, &crew.version, &fault));
        clear(&crew, jit_heap_libc());
    }
}
END_TEST

/* ---- what does not fit ---- */

static void refused(const struct rmg_dense *numbers, enum jit_err want)
{
    struct place place = {.arena = NULL};
    ck_assert_int_eq(build(&place, jit_heap_libc(), NULL, numbers), want);
    clear(&place, jit_heap_libc());
}

static void refused_nodes(const struct rmg_dense *numbers, enum jit_err want)
{
    struct place place = {.arena = NULL};
    ck_assert_int_eq(build(&place, jit_heap_libc(), numbers, &dense), want);
    clear(&place, jit_heap_libc());
}

START_TEST(misfits)
{
    struct jit_id swap;
    draw(WORLD_IDS * 7); /* random ids */
    ck_assert_uint_gt(dense.node_count, 2);
    ck_assert_uint_gt(dense.edge_count, 2);
    struct rmg_dense other = dense;
    other.edge_count = 0; /* no edges at all */
    refused(&other, JIT_OK);
    /* Nodes: one too few, others. */
    other = dense;
    for (uint32_t i = 0; i < dense.edge_count; i++) {
        ends[i] = (struct rmg_dense_edge){.from = 0};
    }
    other.node_count--;
    refused(&other, JIT_EDANGLING);
    struct jit_id others[NODES_MAX];
    memcpy(others, nodes, sizeof others);
    others[1].bytes[31] ^= 1;
    other = dense;
    other.nodes = others;
    refused(&other, JIT_EDANGLING);
    /* As nodes to be made: none, out of order, one twice, of no type. */
    other.node_count = 0;
    refused_nodes(&other, JIT_EDANGLING); /* the edges find none */
    memcpy(others, nodes, sizeof others);
    others[0] = nodes[1];
    others[1] = nodes[0];
    other.node_count = dense.node_count;
    refused_nodes(&other, JIT_EEXIST);
    others[1] = nodes[1];
    refused_nodes(&other, JIT_EEXIST);
    swap = types[0];
    types[0] = (struct jit_id){{0}};
    node_types[2] = 0;
    refused_nodes(&dense, JIT_EINVALID);
    types[0] = swap;
    /* Edges: out of order, one twice. */
    swap = ids[0];
    ids[0] = ids[1];
    ids[1] = swap;
    refused(&dense, JIT_EEXIST);
    ids[0] = ids[1];
    refused(&dense, JIT_EEXIST);
}
END_TEST

static void refuse_each(struct jit_exec *exec)
{
    enum jit_err err = JIT_ENOMEM;
    for (int64_t n = 0; err != JIT_OK; n++) {
        struct fault_heap mem = fault_heap_make(n, false);
        struct place place = {.exec = exec};
        err = build(&place, &mem.heap, &dense, &dense);
        ck_assert_int_eq(err, fault_heap_fired(&mem) ? JIT_ENOMEM : JIT_OK);
        clear(&place, &mem.heap);
        ck_assert_int_eq(mem.live, 0);
    }
}

START_TEST(refused_memory)
{
    draw(WORLD_IDS * 3);
    refuse_each(NULL);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "dense", 60);
    tcase_add_loop_test(t, both_ways, 0, 40);
    tcase_add_loop_test(t, side_by_side, 0, 5);
    tcase_add_test(t, short_of_room);
    tcase_add_test(t, misfits);
    tcase_add_test(t, refused_memory);
}

TEST_MAIN("dense", suite)

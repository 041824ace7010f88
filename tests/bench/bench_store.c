/* The store: a binary tree of n nodes, n - 1 edges and a 16-byte atom a node. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "base/random.h"
#include "rmg/file/proof.h"
#include "rmg/store/store.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

#define RUNS_MAX 1001

struct tree {
    uint64_t n;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
    struct jit_id instance;
    struct jit_id type;
    struct jit_id *ids;
    uint8_t *atoms; /* 16 bytes a node */
    struct rmg_bulk bulk;
};

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, JIT_ID_BYTES);
}

static void bulk_fill(struct tree *tree)
{
    for (uint64_t i = 0; i < tree->n; i++) {
        tree->bulk.nodes[i] = (struct rmg_bulk_node){tree->ids[i], tree->type};
        tree->bulk.attachments[i] = (struct rmg_bulk_attachment){
            .owner = tree->ids[i],
            .plane = RMG_PLANE_ALPHA,
            .attachment = {.name = "state",
                           .name_size = 5,
                           .value = {RMG_VALUE_ATOM, tree->type, tree->atoms + 16 * i, 16}}};
        if (i > 0) {
            tree->bulk.edges[i - 1] = (struct rmg_edge){.id = bench_id("edge:", i),
                                                        .from = tree->ids[(i - 1) / 2],
                                                        .to = tree->ids[i],
                                                        .type = tree->type};
        }
    }
}

static void tree_begin(struct tree *tree, uint64_t n, bool sorted)
{
    memset(tree, 0, sizeof *tree);
    tree->n = n;
    tree->instance = bench_id("warp:", 0);
    tree->type = bench_id("type:", 0);
    tree->ids = bench_array(n, sizeof *tree->ids);
    tree->atoms = bench_array(n, 16);
    tree->bulk =
        (struct rmg_bulk){.nodes = bench_array(n, sizeof(struct rmg_bulk_node)),
                          .node_count = n,
                          .edges = bench_array(n, sizeof(struct rmg_edge)),
                          .edge_count = n - 1,
                          .attachments = bench_array(n, sizeof(struct rmg_bulk_attachment)),
                          .attachment_count = n};
    for (uint64_t i = 0; i < n; i++) {
        tree->ids[i] = bench_id("node:", i);
        jit_put_le64(tree->atoms + 16 * i, i);
    }
    if (sorted) {
        qsort(tree->ids, n, sizeof *tree->ids, by_id);
    }
    bulk_fill(tree);
}

static void store_begin(struct tree *tree)
{
    must(rmg_arena_new(jit_heap_libc(), (tree->n + 1000) * 2000, &tree->arena));
    struct rmg_store_options options = {.arenas = {tree->arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &tree->store));
    tree->version = rmg_version_empty();
}

static void store_end(struct tree *tree)
{
    rmg_store_free(tree->store);
    rmg_arena_free(jit_heap_libc(), tree->arena);
    tree->store = NULL;
}

static void tree_end(struct tree *tree)
{
    if (tree->store != NULL) {
        store_end(tree);
    }
    free(tree->ids);
    free(tree->atoms);
    free(tree->bulk.nodes);
    free(tree->bulk.edges);
    free(tree->bulk.attachments);
}

static void build(struct tree *tree)
{
    struct rmg_tx *tx = NULL;
    must(rmg_tx_begin(tree->store, &tree->version, &tx));
    must(rmg_tx_upsert_instance(tx, &tree->instance, &tree->ids[0], NULL));
    must(rmg_tx_load(tx, &tree->instance, &tree->bulk));
    must(rmg_tx_seal(tx, &tree->version));
}

static void graph_of(const struct tree *tree, const struct rmg_version *version,
                     struct rmg_graph *graph)
{
    struct rmg_instance instance;
    must(rmg_store_instance(tree->store, version, &tree->instance, &instance));
    rmg_store_graph(tree->store, &instance, graph);
}

static void bench_build(const struct bench *bench, uint64_t n, bool sorted)
{
    double samples[RUNS_MAX];
    size_t runs = n >= 1000000 ? 3 : n >= 100000 ? 5 : 21;
    struct tree tree;
    tree_begin(&tree, n, sorted);
    for (size_t i = 0; i < runs; i++) {
        store_begin(&tree);
        uint64_t before = bench_now_ns();
        build(&tree);
        samples[i] = (double)(bench_now_ns() - before);
        store_end(&tree);
    }
    bench_report(bench, sorted ? "build" : "build_unsorted", n, samples, runs);
    tree_end(&tree);
}

static void set_atom(struct tree *tree, struct rmg_tx *tx, const struct jit_id *node,
                     uint64_t value)
{
    uint8_t bytes[16] = {0};
    jit_put_le64(bytes, value);
    struct rmg_attachment attachment = {
        .name = "state", .name_size = 5, .value = {RMG_VALUE_ATOM, tree->type, bytes, 16}};
    must(rmg_tx_set_attachment(tx, &tree->instance, RMG_PLANE_ALPHA, node, &attachment));
}

/* One transaction that sets `count` atoms, sealed; in any order, or as patches have them, by id. */
static uint64_t set_atoms(struct tree *tree, struct jit_random *random, uint64_t count, bool sorted)
{
    struct rmg_tx *tx = NULL;
    struct jit_id *ids = sorted ? bench_array(count, sizeof *ids) : NULL;
    for (uint64_t i = 0; i < count && sorted; i++) {
        ids[i] = tree->ids[jit_random_below(random, tree->n)];
    }
    if (sorted) {
        qsort(ids, count, sizeof *ids, by_id);
    }
    uint64_t before = bench_now_ns();
    must(rmg_tx_begin(tree->store, &tree->version, &tx));
    for (uint64_t i = 0; i < count; i++) {
        const struct jit_id *id = sorted ? &ids[i] : &tree->ids[jit_random_below(random, tree->n)];
        set_atom(tree, tx, id, jit_random_next(random));
    }
    must(rmg_tx_seal(tx, &tree->version));
    uint64_t spent = bench_now_ns() - before;
    free(ids);
    return spent;
}

static void bench_set(const struct bench *bench, struct tree *tree, const char *name,
                      uint64_t count, size_t runs, bool sorted)
{
    double samples[RUNS_MAX];
    struct jit_random random = jit_random_of(count);
    if (count > tree->n || !bench_wants(bench, name, tree->n)) {
        return;
    }
    for (size_t i = 0; i < runs; i++) {
        samples[i] = (double)set_atoms(tree, &random, count, sorted);
    }
    bench_report(bench, name, tree->n, samples, runs);
}

static void bench_create(const struct bench *bench, struct tree *tree)
{
    double samples[RUNS_MAX];
    struct jit_random random = jit_random_of(3);
    for (size_t i = 0; i < RUNS_MAX && bench_wants(bench, "create1", tree->n); i++) {
        struct jit_id node = bench_id("new:", i);
        struct rmg_edge edge = {.id = bench_id("edge:new", i),
                                .from = tree->ids[jit_random_below(&random, tree->n)],
                                .to = node,
                                .type = tree->type};
        uint8_t bytes[16] = {0};
        struct rmg_attachment attachment = {
            .name = "state", .name_size = 5, .value = {RMG_VALUE_ATOM, tree->type, bytes, 16}};
        struct rmg_tx *tx = NULL;
        uint64_t before = bench_now_ns();
        must(rmg_tx_begin(tree->store, &tree->version, &tx));
        must(rmg_tx_upsert_node(tx, &tree->instance, &node, &tree->type));
        must(rmg_tx_upsert_edge(tx, &tree->instance, &edge));
        must(rmg_tx_set_attachment(tx, &tree->instance, RMG_PLANE_ALPHA, &node, &attachment));
        must(rmg_tx_seal(tx, &tree->version));
        samples[i] = (double)(bench_now_ns() - before);
    }
    bench_report(bench, "create1", tree->n, samples, RUNS_MAX);
}

static void bench_fork(const struct bench *bench, struct tree *tree)
{
    double samples[101];
    for (size_t i = 0; i < 101; i++) {
        uint64_t before = bench_now_ns();
        for (unsigned k = 0; k < 1000; k++) {
            struct rmg_version fork = tree->version;
            must(rmg_store_pin(tree->store, &fork));
            rmg_store_unpin(tree->store, &fork);
        }
        samples[i] = (double)(bench_now_ns() - before) / 1000;
    }
    bench_report(bench, "fork", tree->n, samples, 101);
}

static bool count_change(void *user, const struct rmg_change *change)
{
    (void)change;
    ++*(uint64_t *)user;
    return true;
}

static void bench_diff(const struct bench *bench, struct tree *tree)
{
    double samples[201];
    struct jit_random random = jit_random_of(10);
    for (size_t i = 0; i < 201 && bench_wants(bench, "diff10", tree->n); i++) {
        struct rmg_version base = tree->version;
        struct rmg_graph before;
        struct rmg_graph after;
        uint64_t found = 0;
        must(rmg_store_pin(tree->store, &base));
        (void)set_atoms(tree, &random, 10, false);
        graph_of(tree, &base, &before);
        graph_of(tree, &tree->version, &after);
        uint64_t start = bench_now_ns();
        must(rmg_graph_diff(&before, &after, count_change, &found));
        samples[i] = (double)(bench_now_ns() - start);
        assert(found > 0 && found <= 10);
        rmg_store_unpin(tree->store, &base);
    }
    bench_report(bench, "diff10", tree->n, samples, 201);
}

static void bench_reads(const struct bench *bench, struct tree *tree)
{
    double samples[21];
    struct jit_random random = jit_random_of(5);
    struct rmg_graph graph;
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    struct rmg_edge edge;
    graph_of(tree, &tree->version, &graph);
    for (size_t i = 0; i < 21 && bench_wants(bench, "get", tree->n); i++) {
        uint64_t before = bench_now_ns();
        for (unsigned k = 0; k < 10000; k++) {
            must(rmg_node_type(&graph, &tree->ids[jit_random_below(&random, tree->n)], &type));
        }
        samples[i] = (double)(bench_now_ns() - before) / 10000;
    }
    bench_report(bench, "get", tree->n, samples, 21);
    for (size_t i = 0; i < 5 && bench_wants(bench, "iterate", tree->n); i++) {
        uint64_t before = bench_now_ns();
        rmg_iter_all(&graph, RMG_NODES, &iter);
        while (rmg_iter_node(&iter, &id, &type) == JIT_OK) {
        }
        samples[i] = (double)(bench_now_ns() - before) / (double)tree->n;
    }
    bench_report(bench, "iterate", tree->n, samples, 5);
    for (size_t i = 0; i < 5 && bench_wants(bench, "iterate_out", tree->n); i++) {
        uint64_t before = bench_now_ns();
        rmg_iter_all(&graph, RMG_OUT, &iter);
        while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
        }
        samples[i] = (double)(bench_now_ns() - before) / (double)tree->n;
    }
    bench_report(bench, "iterate_out", tree->n, samples, 5);
}

/* How long the longest of 1,000 proofs is: that a node is there, that another is not. */
static void bench_proof(const struct bench *bench, struct tree *tree)
{
    double longest = 0;
    struct jit_buf proof;
    jit_buf_init(&proof, jit_heap_libc(), RMG_PROOF_BYTES_MAX);
    for (uint64_t i = 0; i < 1000 && bench_wants(bench, "proof_bytes", tree->n); i++) {
        struct jit_id absent = bench_id("absent:", i);
        const struct jit_id *id = i % 2 == 0 ? &tree->ids[i % tree->n] : &absent;
        jit_buf_reset(&proof);
        must(rmg_prove(tree->store, &tree->version, RMG_PROOF_NODES, &tree->instance, id, &proof));
        longest = (double)proof.size > longest ? (double)proof.size : longest;
    }
    jit_buf_release(&proof);
    bench_report(bench, "proof_bytes", tree->n, &longest, 1);
}

static void bench_memory(const struct bench *bench, struct tree *tree)
{
    double bytes = (double)tree->arena->live / (double)tree->n;
    struct jit_random random = jit_random_of(6);
    bench_report(bench, "memory_bytes", tree->n, &bytes, 1);
    if (!bench_wants(bench, "memory_two_bytes", tree->n)) {
        return;
    }
    struct rmg_version base = tree->version;
    must(rmg_store_pin(tree->store, &base));
    (void)set_atoms(tree, &random, tree->n / 10, false);
    bytes = (double)tree->arena->live / (double)tree->n;
    bench_report(bench, "memory_two_bytes", tree->n, &bytes, 1);
    rmg_store_unpin(tree->store, &base);
}

void bench_store(const struct bench *bench)
{
    static const uint64_t sizes[] = {1000, 10000, 100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct tree tree;
        uint64_t n = sizes[i];
        if (n > bench->n_max) {
            break;
        }
        if (bench_wants(bench, "build", n)) {
            bench_build(bench, n, true);
        }
        if (bench_wants(bench, "build_unsorted", n)) {
            bench_build(bench, n, false);
        }
        tree_begin(&tree, n, false);
        store_begin(&tree);
        build(&tree);
        bench_memory(bench, &tree);
        bench_fork(bench, &tree);
        bench_set(bench, &tree, "set1", 1, RUNS_MAX, false);
        bench_set(bench, &tree, "set1000", 1000, 51, false);
        bench_set(bench, &tree, "set100000", 100000, 5, false);
        bench_set(bench, &tree, "set100000_by_id", 100000, 5, true);
        bench_diff(bench, &tree);
        bench_create(bench, &tree);
        bench_reads(bench, &tree);
        bench_proof(bench, &tree);
        tree_end(&tree);
    }
}

/* Rules on a binary tree of n nodes P, n - 1 edges D and an i64 atom a node. verify: one request of
 * (a:P) where a.v >= 0 set a.v = 1, with its keys and its footprint, in batches of 256. search_all,
 * search_update and draw: (a:P)-[:D]->(b:P) where a.v = 0 and b.v = 1 and chance(0.5), all of it
 * from nothing, after a tick that changed one atom, and the draws of one tick. */
#include <stdlib.h>

#include "base/check.h"
#include "base/random.h"
#include "rmg/rules/search.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"
#include "tests/lib/rule_kit.h"

#define RUNS_MAX 401
#define BATCH    256u
#define GROUP    32u

static const struct rmg_draw draw = {.seed = 1, .tick = 1};

static void load(struct kit_graph *g, uint64_t n)
{
    struct rmg_bulk bulk = {.nodes = bench_array(n, sizeof *bulk.nodes),
                            .node_count = n,
                            .edges = bench_array(n, sizeof *bulk.edges),
                            .edge_count = n - 1,
                            .attachments = bench_array(n, sizeof *bulk.attachments),
                            .attachment_count = n};
    static const uint8_t atoms[2][8] = {{0}, {1}};
    struct jit_id top = kit_id('n', 0);
    for (uint64_t i = 0; i < n; i++) {
        bulk.nodes[i] = (struct rmg_bulk_node){kit_id('n', i), kit_type(1)};
        bulk.attachments[i] = (struct rmg_bulk_attachment){
            .owner = kit_id('n', i),
            .plane = RMG_PLANE_ALPHA,
            .attachment = {
                .name = "v",
                .name_size = 1,
                .value = {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), atoms[i % 7 == 0], 8}}};
        if (i > 0) {
            bulk.edges[i - 1] = (struct rmg_edge){.id = kit_id('e', i),
                                                  .from = kit_id('n', i),
                                                  .to = kit_id('n', (i - 1) / 2),
                                                  .type = kit_type(11)};
        }
    }
    g->instance = kit_id('I', 0);
    must(rmg_arena_new(jit_heap_libc(), (n + 1000) * 2000, &g->arena));
    struct rmg_store_options options = {.arenas = {g->arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &g->store));
    g->heap = jit_heap_libc();
    g->version = rmg_version_empty();
    must(rmg_tx_begin(g->store, &g->version, &g->tx));
    must(rmg_tx_upsert_instance(g->tx, &g->instance, &top, NULL));
    must(rmg_tx_load(g->tx, &g->instance, &bulk));
    kit_seal(g);
    free(bulk.nodes);
    free(bulk.edges);
    free(bulk.attachments);
}

static bool count_use(void *user, const struct rmg_use *use)
{
    *(uint64_t *)user += use->slot.kind;
    return true;
}

/* As the engine does before it verifies: keys side by side, and the elements and their attachments
 * found all at once. */
struct verify_group {
    struct rmg_graph graph;
    struct rmg_found found;
    struct rmg_key_source sources[GROUP];
    struct jit_id match_keys[GROUP];
    struct jit_id request_keys[GROUP];
};

static void group_begin(struct verify_group *group, const struct kit_graph *g,
                        const struct rmg_rule *rule, const struct jit_id *digest,
                        const struct jit_id *ids)
{
    const struct jit_id *wanted[GROUP];
    for (uint32_t i = 0; i < GROUP; i++) {
        wanted[i] = &ids[i];
        group->sources[i] = (struct rmg_key_source){.rule = &rule->id,
                                                    .instance = &g->instance,
                                                    .ids = &ids[i],
                                                    .id_count = 1,
                                                    .params_digest = digest};
    }
    rmg_match_keys(group->sources, GROUP, group->match_keys, group->request_keys);
    memset(&group->found, 0, sizeof group->found);
    group->graph.found = &group->found;
    rmg_graph_warm(&group->graph, RMG_NODES, wanted, GROUP);
    rmg_graph_warm(&group->graph, RMG_ALPHA, wanted, GROUP);
}

static void bench_verify(const struct bench *bench, struct kit_graph *g, uint64_t n)
{
    static struct rule_kit kit;
    static struct rmg_effect effect;
    static struct verify_group group;
    static struct jit_id ids[BATCH];
    double samples[RUNS_MAX];
    struct jit_random random = jit_random_of(7);
    struct jit_buf values;
    struct jit_id digest;
    uint64_t uses = 0;
    kit_begin(&kit, "verify");
    (void)kit_node(&kit, 1);
    kit_push_field(&kit, kit_field(&kit, 0, "v", RMG_CODEC_I64));
    kit_push_i64(&kit, 0);
    kit_op(&kit, RMG_EXPR_GE);
    kit_guard(&kit);
    kit_push_i64(&kit, 1);
    kit_update(&kit, RMG_UPDATE_SET, 0, "v", RMG_CODEC_I64);
    struct rmg_rule *rule = kit_compile(&kit, jit_heap_libc());
    group.graph = kit_graph_of(g, NULL);
    jit_buf_init(&values, jit_heap_libc(), 1 << 20);
    effect.values = &values;
    must(rmg_params_check(rule, NULL, 0, &digest));
    for (size_t run = 0; run < RUNS_MAX; run++) {
        for (uint32_t i = 0; i < BATCH; i++) {
            ids[i] = kit_id('n', jit_random_below(&random, n));
        }
        uint64_t before = bench_now_ns();
        for (uint32_t i = 0; i < BATCH; i++) {
            if (i % GROUP == 0) {
                group_begin(&group, g, rule, &digest, &ids[i]);
            }
            struct rmg_match match = {.rule = rule,
                                      .instance = g->instance,
                                      .ids = &ids[i],
                                      .id_count = 1,
                                      .key = group.match_keys[i % GROUP],
                                      .request_key = group.request_keys[i % GROUP]};
            uint32_t slots = 0;
            enum jit_err err;
            jit_buf_reset(&values);
            enum rmg_result result = rmg_match_verify(&group.graph, &match, &draw,
                                                      JIT_VERIFY_SLOTS_MAX, &effect, &slots, &err);
            assert(result == RMG_APPLIED);
            assert(err == JIT_OK);
            (void)rmg_match_footprint(&match, &effect, count_use, &uses);
        }
        samples[run] = (double)(bench_now_ns() - before) / BATCH;
    }
    assert(uses > 0);
    bench_report(bench, "verify", n, samples, RUNS_MAX);
    jit_buf_release(&values);
    rmg_rule_free(jit_heap_libc(), rule);
}

static struct rmg_rule *spread(void)
{
    static struct rule_kit kit;
    kit_begin(&kit, "spread");
    (void)kit_node(&kit, 1);
    (void)kit_edge(&kit, 0, 11, 2);
    (void)kit_node(&kit, 1);
    kit_push_field(&kit, kit_field(&kit, 0, "v", RMG_CODEC_I64));
    kit_push_i64(&kit, 0);
    kit_op(&kit, RMG_EXPR_EQ);
    kit_push_field(&kit, kit_field(&kit, 2, "v", RMG_CODEC_I64));
    kit_push_i64(&kit, 1);
    kit_op(&kit, RMG_EXPR_EQ);
    kit_op(&kit, RMG_EXPR_AND);
    kit_guard(&kit);
    kit_push_f64(&kit, 0.5);
    kit_draw_op(&kit, RMG_EXPR_CHANCE, 0);
    kit_draw(&kit);
    return kit_compile(&kit, jit_heap_libc());
}

static bool count_match(void *user, const struct jit_id *ids, uint32_t id_count)
{
    (void)ids;
    *(uint64_t *)user += id_count;
    return true;
}

static void bench_search(const struct bench *bench, struct kit_graph *g, uint64_t n)
{
    double all[5];
    double update[101];
    double draws[21];
    struct jit_random random = jit_random_of(9);
    struct rmg_search *search = NULL;
    struct rmg_rule *rule = spread();
    uint64_t matches = 0;
    must(rmg_search_new(jit_heap_libc(), rule, NULL, 0, &g->instance, (struct rmg_shard){0, 1},
                        &search));
    struct rmg_graph graph = kit_graph_of(g, NULL);
    for (size_t i = 0; i < 5; i++) {
        uint64_t before = bench_now_ns();
        must(rmg_search_all(search, &graph));
        all[i] = (double)(bench_now_ns() - before);
    }
    bench_report(bench, "search_all", n, all, 5);
    for (size_t i = 0; i < 101; i++) {
        struct rmg_version old = g->version;
        kit_open(g);
        kit_put_i64(g, RMG_PLANE_ALPHA, kit_id('n', jit_random_below(&random, n)), "v",
                    (int64_t)(i % 2));
        kit_seal(g);
        struct rmg_graph after = kit_graph_of(g, NULL);
        uint64_t before = bench_now_ns();
        must(rmg_search_update(search, &graph, &after));
        update[i] = (double)(bench_now_ns() - before);
        rmg_store_unpin(g->store, &old);
        graph = after;
    }
    bench_report(bench, "search_update", n, update, 101);
    uint64_t members = rmg_search_count(search);
    for (size_t i = 0; i < 21 && members > 0; i++) {
        uint64_t before = bench_now_ns();
        must(rmg_search_each(search, &draw, count_match, &matches));
        draws[i] = (double)(bench_now_ns() - before) / (double)members;
    }
    bench_report(bench, "draw", n, draws, 21);
    rmg_search_free(search);
    rmg_rule_free(jit_heap_libc(), rule);
}

void bench_rule(const struct bench *bench)
{
    static const uint64_t sizes[] = {1000, 100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t n = sizes[i];
        bool verify = bench_wants(bench, "verify", n);
        bool search = bench_wants(bench, "search_all", n) ||
                      bench_wants(bench, "search_update", n) || bench_wants(bench, "draw", n);
        if (!verify && !search) {
            continue;
        }
        struct kit_graph g = {0};
        load(&g, n);
        if (verify) {
            bench_verify(bench, &g, n);
        }
        if (search) {
            bench_search(bench, &g, n);
        }
        kit_graph_end(&g);
    }
}

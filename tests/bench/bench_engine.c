/* Ticks: the whole pipeline from requests to the commit, on a binary tree of n nodes P, n - 1 edges
 * D and a 16-byte atom a node. tick1: one rewrite that sets one atom; tick1_struct: one that makes
 * a node, an edge and an atom; tick_tenth: n/10 rewrites that set one atom each. */
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "rmg/engine.h"
#include "tests/bench/bench.h"
#include "tests/lib/sample_rules.h"

#define RUNS_MAX 2001
#define WARM     16

struct bench_bed {
    uint64_t n;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_engine *engine;
    struct rmg_version version;
    struct jit_id parent;
    uint64_t tick;
    struct jit_id instance;
    struct jit_id *ids;
    struct rmg_rule *put;
    struct rmg_rule *grow;
    struct jit_random random;
    uint8_t params[32];
    uint32_t params_size;
};

static void must(enum jit_err err)
{
    assert(err == JIT_OK);
}

static struct jit_id numbered(const char *prefix, uint64_t number)
{
    struct jit_id id;
    jit_hash_named(prefix, &number, sizeof number, &id);
    return id;
}

static void *array(uint64_t count, size_t size)
{
    void *block = calloc(count, size);
    assert(block != NULL);
    return block;
}

static void load(struct bench_bed *bed)
{
    struct rmg_tx *tx = NULL;
    static const uint8_t atom[16];
    struct rmg_bulk bulk = {.nodes = array(bed->n, sizeof *bulk.nodes),
                            .node_count = bed->n,
                            .edges = array(bed->n, sizeof *bulk.edges),
                            .edge_count = bed->n - 1,
                            .attachments = array(bed->n, sizeof *bulk.attachments),
                            .attachment_count = bed->n};
    for (uint64_t i = 0; i < bed->n; i++) {
        bulk.nodes[i] = (struct rmg_bulk_node){bed->ids[i], sample_type_p()};
        bulk.attachments[i] = (struct rmg_bulk_attachment){
            .owner = bed->ids[i],
            .plane = RMG_PLANE_ALPHA,
            .attachment = {.name = "v",
                           .name_size = 1,
                           .value = {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_BYTES), atom, 16}}};
        if (i > 0) {
            bulk.edges[i - 1] = (struct rmg_edge){.id = numbered("edge:", i),
                                                  .from = bed->ids[(i - 1) / 2],
                                                  .to = bed->ids[i],
                                                  .type = sample_type_d()};
        }
    }
    must(rmg_tx_begin(bed->store, &bed->version, &tx));
    must(rmg_tx_upsert_instance(tx, &bed->instance, &bed->ids[0], NULL));
    must(rmg_tx_load(tx, &bed->instance, &bulk));
    must(rmg_tx_seal(tx, &bed->version));
    free(bulk.nodes);
    free(bulk.edges);
    free(bulk.attachments);
}

static void bed_begin(struct bench_bed *bed, uint64_t n)
{
    memset(bed, 0, sizeof *bed);
    bed->n = n;
    bed->tick = 1;
    bed->random = jit_random_of(n);
    bed->instance = numbered("warp:", 0);
    bed->ids = array(n, sizeof *bed->ids);
    bed->put = sample_rule(SAMPLE_PUT);
    bed->grow = sample_rule(SAMPLE_GROW);
    for (uint64_t i = 0; i < n; i++) {
        bed->ids[i] = numbered("node:", i);
    }
    must(rmg_arena_new(jit_heap_libc(), (n + 1000) * 4000, &bed->arena));
    struct rmg_store_options options = {.arenas = {bed->arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &bed->store));
    must(rmg_engine_new(jit_heap_libc(), bed->store, jit_exec_inline(), &bed->engine));
    bed->version = rmg_version_empty();
    load(bed);
}

static void bed_end(struct bench_bed *bed)
{
    rmg_engine_free(bed->engine);
    rmg_store_free(bed->store);
    rmg_arena_free(jit_heap_libc(), bed->arena);
    sample_rule_free(bed->put);
    sample_rule_free(bed->grow);
    free(bed->ids);
}

/* A new value for every tick: what is written differs from what is there. */
static void new_value(struct bench_bed *bed)
{
    uint64_t value[2] = {bed->tick, jit_random_next(&bed->random)};
    bed->params_size = sample_params_bytes(bed->params, value, sizeof value);
}

static struct rmg_request request_at(const struct bench_bed *bed, const struct rmg_rule *rule,
                                     const struct jit_id *id)
{
    return (struct rmg_request){.rule = rule,
                                .rule_id = rule->id,
                                .instance = bed->instance,
                                .ids = id,
                                .id_count = 1,
                                .params = bed->params,
                                .params_size = bed->params_size,
                                .quota = RMG_NO_QUOTA};
}

/* The time of one tick. */
static double tick(struct bench_bed *bed, struct rmg_request *requests, uint32_t count)
{
    struct rmg_tick_output output;
    struct rmg_tick_input input = {.base = bed->version,
                                   .parent = bed->parent,
                                   .tick = bed->tick,
                                   .seed = 1,
                                   .policy = RMG_POLICY,
                                   .budget = JIT_VERIFY_SLOTS_MAX,
                                   .requests = requests,
                                   .request_count = count};
    uint64_t begin = bench_now_ns();
    must(rmg_engine_tick(bed->engine, &input, &output));
    uint64_t end = bench_now_ns();
    assert(output.applied == count);
    bed->version = output.version;
    bed->parent = output.commit;
    bed->tick++;
    return (double)(end - begin);
}

static void bench_one(const struct bench *bench, struct bench_bed *bed, const char *name,
                      const struct rmg_rule *rule)
{
    static double samples[RUNS_MAX];
    if (!bench_wants(bench, name, bed->n)) {
        return;
    }
    for (size_t i = 0; i < RUNS_MAX + WARM; i++) {
        const struct jit_id *id = &bed->ids[jit_random_below(&bed->random, bed->n)];
        new_value(bed);
        struct rmg_request request = request_at(bed, rule, id);
        double ns = tick(bed, &request, 1);
        if (i >= WARM) {
            samples[i - WARM] = ns;
        }
    }
    bench_report(bench, name, bed->n, samples, RUNS_MAX);
}

static void bench_tenth(const struct bench *bench, struct bench_bed *bed)
{
    double samples[RUNS_MAX];
    size_t runs = bed->n >= 100000 ? 7 : 101;
    uint32_t count = (uint32_t)(bed->n / 10);
    if (!bench_wants(bench, "tick_tenth", bed->n)) {
        return;
    }
    struct rmg_request *requests = array(count, sizeof *requests);
    for (size_t run = 0; run < runs; run++) {
        new_value(bed);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t at = (uint64_t)i * 10 + jit_random_below(&bed->random, 10);
            requests[i] = request_at(bed, bed->put, &bed->ids[at]);
        }
        samples[run] = tick(bed, requests, count);
    }
    bench_report(bench, "tick_tenth", bed->n, samples, runs);
    free(requests);
}

void bench_engine(const struct bench *bench)
{
    const uint64_t sizes[] = {1000, 10000, 100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bench_bed bed;
        bool wanted = bench_wants(bench, "tick1", sizes[i]) ||
                      bench_wants(bench, "tick1_struct", sizes[i]) ||
                      bench_wants(bench, "tick_tenth", sizes[i]);
        if (!wanted) {
            continue;
        }
        bed_begin(&bed, sizes[i]);
        bench_one(bench, &bed, "tick1", bed.put);
        bench_tenth(bench, &bed);
        bench_one(bench, &bed, "tick1_struct", bed.grow);
        bed_end(&bed);
    }
}

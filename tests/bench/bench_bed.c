#include "tests/bench/bench_bed.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "tests/lib/must.h"

struct jit_id bench_id(const char *prefix, uint64_t number)
{
    struct jit_id id;
    jit_hash_named(prefix, &number, sizeof number, &id);
    return id;
}

void *bench_array(uint64_t count, size_t size)
{
    void *block = calloc(count, size);
    assert(block != NULL);
    return block;
}

static void load(struct bench_bed *bed)
{
    struct rmg_tx *tx = NULL;
    static const uint8_t atom[16];
    struct rmg_bulk bulk = {.nodes = bench_array(bed->n, sizeof *bulk.nodes),
                            .node_count = bed->n,
                            .edges = bench_array(bed->n, sizeof *bulk.edges),
                            .edge_count = bed->n - 1,
                            .attachments = bench_array(bed->n, sizeof *bulk.attachments),
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
            bulk.edges[i - 1] = (struct rmg_edge){.id = bench_id("edge:", i),
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

void bench_bed_begin(struct bench_bed *bed, uint64_t n)
{
    memset(bed, 0, sizeof *bed);
    bed->n = n;
    bed->tick = 1;
    bed->random = jit_random_of(n);
    bed->instance = bench_id("warp:", 0);
    bed->ids = bench_array(n, sizeof *bed->ids);
    bed->put = sample_rule(SAMPLE_PUT);
    bed->grow = sample_rule(SAMPLE_GROW);
    for (uint64_t i = 0; i < n; i++) {
        bed->ids[i] = bench_id("node:", i);
    }
    must(rmg_arena_new(jit_heap_libc(), (n + 1000) * 4000, &bed->arena));
    jit_memory_huge(bed->arena->base, bed->arena->size_max); /* as the kernel does */
    struct rmg_store_options options = {.arenas = {bed->arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &bed->store));
    must(rmg_engine_new(jit_heap_libc(), bed->store, jit_exec_inline(), &bed->engine));
    bed->version = rmg_version_empty();
    load(bed);
}

void bench_bed_end(struct bench_bed *bed)
{
    rmg_engine_free(bed->engine);
    rmg_store_free(bed->store);
    rmg_arena_free(jit_heap_libc(), bed->arena);
    sample_rule_free(bed->put);
    sample_rule_free(bed->grow);
    free(bed->ids);
}

void bench_bed_new_value(struct bench_bed *bed)
{
    uint64_t value[2] = {bed->tick, jit_random_next(&bed->random)};
    bed->params_size = sample_params_bytes(bed->params, value, sizeof value);
}

struct rmg_request bench_bed_request(const struct bench_bed *bed, const struct rmg_rule *rule,
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

double bench_bed_tick_of(struct bench_bed *bed, struct rmg_engine *engine, uint64_t (*now_ns)(void),
                         struct rmg_request *requests, uint32_t count,
                         struct rmg_tick_output *output)
{
    struct rmg_tick_input input = {.base = bed->version,
                                   .parent = bed->parent,
                                   .tick = bed->tick,
                                   .seed = 1,
                                   .policy = RMG_POLICY,
                                   .budget = JIT_VERIFY_SLOTS_MAX,
                                   .requests = requests,
                                   .request_count = count};
    uint64_t begin = now_ns();
    must(rmg_engine_tick(engine, &input, output));
    uint64_t end = now_ns();
    bed->version = output->version;
    bed->parent = output->commit;
    bed->tick++;
    return (double)(end - begin);
}

double bench_bed_tick(struct bench_bed *bed, struct rmg_request *requests, uint32_t count,
                      struct rmg_tick_output *output)
{
    struct rmg_tick_output made;
    double ns = bench_bed_tick_of(bed, bed->engine, bench_now_ns, requests, count, &made);
    assert(made.applied == count);
    if (output != NULL) {
        *output = made;
    }
    return ns;
}

#include "tests/lib/bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "tests/lib/must.h"

static struct jit_id numbered(const char *prefix, uint64_t seed, uint64_t number)
{
    struct jit_id id;
    uint8_t label[16];
    jit_put_le64(label, seed);
    jit_put_le64(label + 8, number);
    jit_hash_named(prefix, label, sizeof label, &id);
    return id;
}

static struct rmg_attachment atom(const char *name, enum rmg_codec codec, const uint8_t *bytes,
                                  uint32_t size)
{
    return (struct rmg_attachment){
        .name = name,
        .name_size = (uint32_t)strlen(name),
        .value = {
            .kind = RMG_VALUE_ATOM, .type = *rmg_codec_type(codec), .bytes = bytes, .size = size}};
}

static void set_atom(struct bed *bed, struct rmg_tx *tx, bool naive, const struct jit_id *owner,
                     struct rmg_attachment attachment)
{
    must(rmg_tx_set_attachment(tx, &bed->instance, RMG_PLANE_ALPHA, owner, &attachment));
    if (naive) {
        must(
            naive_set_attachment(&bed->model, &bed->instance, RMG_PLANE_ALPHA, owner, &attachment));
    }
}

static void add_node(struct bed *bed, struct rmg_tx *tx, bool naive, size_t i)
{
    struct jit_id type = sample_type_p();
    uint8_t number[8];
    must(rmg_tx_upsert_node(tx, &bed->instance, &bed->nodes[i], &type));
    if (naive) {
        must(naive_upsert_node(&bed->model, &bed->instance, &bed->nodes[i], &type));
    }
    jit_put_le64(number, jit_random_below(&bed->random, 3));
    set_atom(bed, tx, naive, &bed->nodes[i], atom("state", RMG_CODEC_I64, number, 8));
    jit_put_le64(number, 0);
    set_atom(bed, tx, naive, &bed->nodes[i], atom("hits", RMG_CODEC_I64, number, 8));
    set_atom(bed, tx, naive, &bed->nodes[i], atom("peak", RMG_CODEC_I64, number, 8));
    set_atom(bed, tx, naive, &bed->nodes[i], atom("low", RMG_CODEC_I64, number, 8));
    set_atom(bed, tx, naive, &bed->nodes[i], atom("tags", RMG_CODEC_LIST, number, 8));
    set_atom(bed, tx, naive, &bed->nodes[i], atom("v", RMG_CODEC_BYTES, bed->nodes[i].bytes, 16));
}

static void add_edge(struct bed *bed, struct rmg_tx *tx, bool naive, size_t i)
{
    struct rmg_edge *edge = &bed->edges[i];
    edge->from = bed->nodes[jit_random_below(&bed->random, bed->node_count)];
    edge->to = bed->nodes[jit_random_below(&bed->random, bed->node_count)];
    edge->type = sample_type_d();
    must(rmg_tx_upsert_edge(tx, &bed->instance, edge));
    if (naive) {
        must(naive_upsert_edge(&bed->model, &bed->instance, edge));
    }
}

void bed_begin(struct bed *bed, size_t nodes, size_t edges, uint64_t seed, bool naive)
{
    memset(bed, 0, sizeof *bed);
    bed->mem = fault_heap_make(-1, false);
    bed->random = jit_random_of(seed);
    bed->instance = numbered("warp:", seed, 0);
    bed->node_count = nodes;
    bed->edge_count = edges;
    bed->tick = 1;
    bed->parent = numbered("commit:", seed, 0);
    bed->nodes = calloc(nodes, sizeof *bed->nodes);
    bed->edges = calloc(edges, sizeof *bed->edges);
    assert(bed->nodes != NULL && bed->edges != NULL);
    for (int i = 0; i < SAMPLE_RULES; i++) {
        bed->rules[i] = sample_rule((enum sample_rule)i);
    }
    must(rmg_arena_new(&bed->mem.heap,
                       (nodes > 1000 ? 64u << 20 : 4u << 20) + (uint64_t)nodes * 8192,
                       &bed->arena));
    struct rmg_store_options options = {.arenas = {bed->arena}, .arena_count = 1};
    must(rmg_store_new(&bed->mem.heap, &options, &bed->store));
    must(rmg_engine_new(&bed->mem.heap, bed->store, jit_exec_inline(), &bed->engine));

    struct rmg_tx *tx = NULL;
    struct rmg_version empty = rmg_version_empty();
    for (size_t i = 0; i < nodes; i++) {
        bed->nodes[i] = numbered("node:", seed, i);
    }
    must(rmg_tx_begin(bed->store, &empty, &tx));
    must(rmg_tx_upsert_instance(tx, &bed->instance, &bed->nodes[0], NULL));
    if (naive) {
        must(naive_upsert_instance(&bed->model, &bed->instance, &bed->nodes[0], NULL));
    }
    for (size_t i = 0; i < nodes; i++) {
        add_node(bed, tx, naive, i);
    }
    for (size_t i = 0; i < edges; i++) {
        bed->edges[i].id = numbered("edge:", seed, i);
        add_edge(bed, tx, naive, i);
    }
    must(rmg_tx_seal(tx, &bed->version));
}

void bed_end(struct bed *bed)
{
    rmg_engine_free(bed->engine);
    rmg_store_free(bed->store);
    rmg_arena_free(&bed->mem.heap, bed->arena);
    naive_release(&bed->model);
    for (int i = 0; i < SAMPLE_RULES; i++) {
        sample_rule_free(bed->rules[i]);
    }
    free(bed->nodes);
    free(bed->edges);
}

static void fill_ids(struct bed *bed, struct bed_batch *batch, struct rmg_request *request,
                     size_t place)
{
    struct jit_id *ids = batch->ids[request - batch->requests];
    request->ids = ids;
    if (request->rule->element_count == 1) {
        request->id_count = 1;
        ids[0] = bed->nodes[place % bed->node_count];
        return;
    }
    const struct rmg_edge *edge = &bed->edges[place % bed->edge_count];
    request->id_count = 3;
    ids[0] = edge->from;
    ids[1] = edge->id;
    ids[2] = edge->to;
}

static void fill_params(struct bed_batch *batch, struct rmg_request *request, enum sample_rule rule,
                        size_t place)
{
    uint8_t *params = batch->params[request - batch->requests];
    uint8_t value[16] = {(uint8_t)place, (uint8_t)rule};
    request->params = params;
    if (rule == SAMPLE_PUT || rule == SAMPLE_GROW) {
        request->params_size = sample_params_bytes(params, value, sizeof value);
    } else if (rule == SAMPLE_TAG) {
        request->params_size = sample_params_bytes(params, value, 1 + place % 2);
    } else if (rule == SAMPLE_LOAD || rule == SAMPLE_RAISE) {
        request->params_size = sample_params_i64(params, (int64_t)(place % 7) - 3);
    }
}

struct rmg_request *bed_request(struct bed *bed, struct bed_batch *batch, enum sample_rule rule,
                                size_t place)
{
    assert(batch->count < BED_REQUESTS);
    struct rmg_request *request = &batch->requests[batch->count++];
    *request = (struct rmg_request){.rule = bed->rules[rule],
                                    .rule_id = bed->rules[rule]->id,
                                    .instance = bed->instance,
                                    .process = numbered("process:", 0, 0),
                                    .quota = RMG_NO_QUOTA};
    fill_ids(bed, batch, request, place);
    fill_params(batch, request, rule, place);
    return request;
}

static void spoil(struct bed *bed, struct bed_batch *batch, struct rmg_request *request)
{
    struct jit_id *ids = batch->ids[request - batch->requests];
    switch (jit_random_below(&bed->random, 12)) {
    case 0:
        ids[0] = numbered("nobody:", 0, jit_random_next(&bed->random));
        break;
    case 1:
        request->params_size++; /* a byte too many */
        break;
    case 2:
        request->result = RMG_DENIED;
        break;
    case 3:
        request->rule = NULL;
        request->rule_id = numbered("rule:", 0, 1);
        request->result = RMG_INVALID;
        break;
    case 4:
        request->instance = numbered("warp:", 1, 1);
        break;
    case 5:
        ids[request->id_count - 1] = bed->nodes[jit_random_below(&bed->random, bed->node_count)];
        break;
    case 6:
        request->id_count--;
        break;
    default:
        break;
    }
}

void bed_requests(struct bed *bed, struct bed_batch *batch, uint32_t count)
{
    memset(batch, 0, sizeof *batch);
    for (uint32_t i = 0; i < BED_QUOTAS; i++) {
        batch->quotas[i] = jit_random_below(&bed->random, 2 * count / BED_QUOTAS + 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        enum sample_rule rule = (enum sample_rule)jit_random_below(&bed->random, SAMPLE_RULES);
        struct rmg_request *request =
            bed_request(bed, batch, rule, (size_t)jit_random_below(&bed->random, 1000));
        request->nonce = jit_random_below(&bed->random, 8) == 0;
        request->process = numbered("process:", 0, jit_random_below(&bed->random, 3));
        request->cap_slot = (uint32_t)jit_random_below(&bed->random, 2);
        request->retries = (uint32_t)(jit_random_below(&bed->random, 10) == 0);
        request->quota = (uint32_t)jit_random_below(&bed->random, BED_QUOTAS + 1);
        request->quota = request->quota == BED_QUOTAS ? RMG_NO_QUOTA : request->quota;
        spoil(bed, batch, request);
    }
}

void bed_copy(struct bed_batch *to, const struct bed_batch *from)
{
    *to = *from; /* ids and params are still those of `from`, which outlives it */
}

void bed_shuffle(struct jit_random *random, struct bed_batch *batch)
{
    for (uint32_t i = batch->count; i > 1; i--) {
        uint32_t k = (uint32_t)jit_random_below(random, i);
        struct rmg_request swap = batch->requests[i - 1];
        batch->requests[i - 1] = batch->requests[k];
        batch->requests[k] = swap;
    }
}

struct rmg_tick_input bed_input(struct bed *bed, struct bed_batch *batch)
{
    return (struct rmg_tick_input){.base = bed->version,
                                   .parent = bed->parent,
                                   .tick = bed->tick,
                                   .seed = 42,
                                   .policy = RMG_POLICY,
                                   .budget = JIT_VERIFY_SLOTS_MAX,
                                   .requests = batch->requests,
                                   .request_count = batch->count,
                                   .quotas = batch->quotas,
                                   .quota_count = BED_QUOTAS};
}

void bed_advance(struct bed *bed, const struct rmg_tick_output *output)
{
    bed->version = output->version;
    bed->parent = output->commit;
    bed->tick++;
}

void bed_replay(struct bed *other, const struct rmg_tick_output *output)
{
    struct rmg_tx *tx = NULL;
    struct rmg_version version;
    must(rmg_tx_begin(other->store, &other->version, &tx));
    must(rmg_patch_apply(&other->mem.heap, tx, &other->version, output->patch, output->patch_size));
    must(rmg_tx_seal(tx, &version));
    assert(jit_id_equal(&version.state_root, &output->version.state_root));
    other->version = version;
}

/* Goal:   a rules loader asks, each tick, for exactly the matches there are: none left out, none
 *         twice, each in its shard, also after changes, after a restart, and when its graph memory
 * is small; and what is damaged ends it with its own status. Method: loaders as coroutines under
 * seeded interleavings over a real store's view; random changes between the ticks; each tick
 * compared with a brute force that tries every combination of edges and nodes through verification.
 */
#include "base/hash.h"
#include "rmg/rules/match.h"
#include "rmg/store/store.h"
#include "syscall/decode.h"
#include "syscall/view.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/sim_worker.h"
#include "tests/lib/tcase.h"

#define VIEW_BYTES (8u << 20)
#define NODES      24u
#define EDGES      140u
#define RULES      3u
#define WORKERS    3u
#define FAR_BYTES  120u
#define FOUND_MAX  4096u

static _Alignas(4096) uint8_t view[VIEW_BYTES];
static struct fault_heap mem;
static struct rmg_arena arena;
static struct rmg_store *store;
static struct rmg_version version;
static struct jit_random dice;
static struct sys_view_host host;
static uint64_t entry_offset;
static struct jit_id instance, types[2], edge_types[2], root_node;

static struct {
    struct jit_id id;
    bool there;
    uint32_t type;
    int64_t state; /* -1: no attachment */
} nodes[NODES];
static struct {
    struct rmg_edge edge;
    bool there;
} edges[EDGES];

/* ---- the rules ---- */

static struct jit_buf programs[RULES];
static struct rmg_rule *rules[RULES];
static uint8_t params[RULES][FAR_BYTES + 16];
static uint32_t params_size[RULES];

#define FIELD(n) RMG_EXPR_FIELD, (n), 0
#define CONST(n) RMG_EXPR_CONST, (n), 0
static const uint8_t guard_pair[] = {FIELD(0), CONST(0),    RMG_EXPR_EQ, FIELD(1),
                                     CONST(1), RMG_EXPR_EQ, RMG_EXPR_AND};
static const uint8_t guard_one[] = {FIELD(0), CONST(0), RMG_EXPR_EQ};
static const uint8_t draw[] = {RMG_EXPR_PARAM, 0, RMG_EXPR_CHANCE, 0, 0, 0, 0};
static const uint8_t one[] = {CONST(1)};
static const uint8_t zero[] = {CONST(0)};

static void rule_add(uint32_t index, struct rmg_rule rule, uint32_t elements)
{
    struct rmg_rule_element path[5];
    struct rmg_rule_field fields[2] = {
        {.element = 0, .codec = RMG_CODEC_I64, .name_size = 5, .name = "state"},
        {.element = 2, .codec = RMG_CODEC_I64, .name_size = 5, .name = "state"}};
    struct rmg_datum constants[2] = {{.codec = RMG_CODEC_I64, .as.i64 = 0},
                                     {.codec = RMG_CODEC_I64, .as.i64 = 1}};
    struct rmg_rule_update update = {.kind = RMG_UPDATE_SET,
                                     .target = 0,
                                     .codec = RMG_CODEC_I64,
                                     .name_size = 5,
                                     .name = "state",
                                     .expr = {one, sizeof one}};
    for (uint32_t i = 0; i < elements; i++) {
        path[i] = i % 2 == 0 ? (struct rmg_rule_element){.typed = i != 2 || elements == 3,
                                                         .type = types[0]}
                             : (struct rmg_rule_element){.is_edge = true,
                                                         .typed = i == 1,
                                                         .type = edge_types[0],
                                                         .from = (uint8_t)(i - 1),
                                                         .to = (uint8_t)(i + 1)};
        if (!path[i].typed) {
            memset(&path[i].type, 0, sizeof path[i].type);
        }
    }
    if (rule.guard.size == 0) { /* unused constants and fields are not canonical */
        update.expr = (struct rmg_expr){zero, sizeof zero};
        rule.constant_count = 1;
    } else {
        rule.field_count = rule.guard.code == guard_pair ? 2 : 1;
        rule.constant_count = 2;
    }
    rule.elements = path;
    rule.element_count = elements;
    rule.fields = fields;
    rule.constants = constants;
    rule.updates = &update;
    rule.update_count = 1;
    jit_buf_init(&programs[index], &mem.heap, JIT_PROGRAM_BYTES_MAX);
    ck_assert_int_eq(rmg_rule_encode(&rule, &programs[index]), JIT_OK);
    ck_assert_int_eq(
        rmg_rule_decode(&mem.heap, programs[index].data, programs[index].size, &rules[index]),
        JIT_OK);
}

static void rules_begin(void)
{
    double chance = 0.5;
    struct rmg_rule_param probability = {"p", RMG_CODEC_F64};
    struct rmg_rule_param bulk = {"q", RMG_CODEC_BYTES};
    struct rmg_rule_near negative = {.element = 0,
                                     .direction = RMG_DIR_OUT,
                                     .edge_typed = true,
                                     .other_typed = true,
                                     .edge_type = edge_types[1],
                                     .other_type = types[1]};
    rule_add(0,
             (struct rmg_rule){.name = "pair",
                               .params = &probability,
                               .param_count = 1,
                               .guard = {guard_pair, sizeof guard_pair},
                               .draw = {draw, sizeof draw}},
             3);
    rule_add(1,
             (struct rmg_rule){.name = "one",
                               .negatives = &negative,
                               .negative_count = 1,
                               .guard = {guard_one, sizeof guard_one}},
             1);
    rule_add(2, (struct rmg_rule){.name = "path", .params = &bulk, .param_count = 1}, 5);
    jit_put_le64(params[0], 8);
    memcpy(params[0] + 8, &chance, 8);
    params_size[0] = 16;
    params_size[1] = 0;
    jit_put_le64(params[2], FAR_BYTES);
    memset(params[2] + 8, 7, FAR_BYTES);
    params_size[2] = 8 + FAR_BYTES;
}

/* ---- the graph ---- */

static void set_state(struct rmg_tx *tx, uint32_t n, int64_t state)
{
    uint8_t bytes[8];
    jit_put_le64(bytes, (uint64_t)state);
    struct rmg_attachment attachment = {.name = "state",
                                        .name_size = 5,
                                        .value = {.kind = RMG_VALUE_ATOM,
                                                  .type = *rmg_codec_type(RMG_CODEC_I64),
                                                  .bytes = bytes,
                                                  .size = 8}};
    enum jit_err err =
        state >= 0
            ? rmg_tx_set_attachment(tx, &instance, RMG_PLANE_ALPHA, &nodes[n].id, &attachment)
        : nodes[n].state >= 0
            ? rmg_tx_clear_attachment(tx, &instance, RMG_PLANE_ALPHA, &nodes[n].id, "state", 5)
            : JIT_OK;
    ck_assert_int_eq(err, JIT_OK);
    nodes[n].state = state;
}

static void toggle_node(struct rmg_tx *tx, uint32_t n)
{
    if (!nodes[n].there) {
        nodes[n].type = (uint32_t)jit_random_below(&dice, 3) == 0;
        nodes[n].state = -1;
        ck_assert_int_eq(rmg_tx_upsert_node(tx, &instance, &nodes[n].id, &types[nodes[n].type]),
                         JIT_OK);
        nodes[n].there = true;
        set_state(tx, n, (int64_t)jit_random_below(&dice, 2));
        return;
    }
    for (uint32_t e = 0; e < EDGES; e++) {
        if (edges[e].there && (jit_id_equal(&edges[e].edge.from, &nodes[n].id) ||
                               jit_id_equal(&edges[e].edge.to, &nodes[n].id))) {
            return;
        }
    }
    set_state(tx, n, -1);
    ck_assert_int_eq(rmg_tx_delete_node(tx, &instance, &nodes[n].id), JIT_OK);
    nodes[n].there = false;
}

static void toggle_edge(struct rmg_tx *tx, uint32_t e)
{
    uint32_t from = (uint32_t)jit_random_below(&dice, NODES);
    uint32_t to = (uint32_t)jit_random_below(&dice, NODES);
    if (edges[e].there) {
        ck_assert_int_eq(rmg_tx_delete_edge(tx, &instance, &edges[e].edge.id), JIT_OK);
        edges[e].there = false;
    } else if (nodes[from].there && nodes[to].there) {
        edges[e].edge.from = nodes[from].id;
        edges[e].edge.to = nodes[to].id;
        edges[e].edge.type = edge_types[jit_random_below(&dice, 3) == 0];
        ck_assert_int_eq(rmg_tx_upsert_edge(tx, &instance, &edges[e].edge), JIT_OK);
        edges[e].there = true;
    }
}

static void change(struct rmg_tx *tx, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t n = (uint32_t)jit_random_below(&dice, NODES);
        switch (jit_random_below(&dice, 4)) {
        case 0:
            toggle_node(tx, n);
            break;
        case 1:
        case 2:
            toggle_edge(tx, (uint32_t)jit_random_below(&dice, EDGES));
            break;
        default:
            if (nodes[n].there) {
                set_state(tx, n, (int64_t)jit_random_below(&dice, 4) - 1);
            }
        }
    }
}

static void publish(uint64_t tick)
{
    struct rmg_instance found;
    ck_assert_int_eq(rmg_store_instance(store, &version, &instance, &found), JIT_OK);
    sys_view_host_publish(&host, tick, arena.size, &found.roots, 1);
}

/* The next version: changes, and what was the newest stays readable until it is unpinned. */
static void next_version(uint64_t changes)
{
    struct rmg_tx *tx;
    ck_assert_int_eq(rmg_tx_begin(store, &version, &tx), JIT_OK);
    change(tx, changes);
    ck_assert_int_eq(rmg_tx_seal(tx, &version), JIT_OK);
}

static void setup_seed(uint64_t seed)
{
    struct rmg_tx *tx;
    uint32_t index;
    mem = fault_heap_make(-1, false);
    dice = jit_random_of(seed);
    memset(view, 0, sizeof view);
    memset(nodes, 0, sizeof nodes);
    memset(edges, 0, sizeof edges);
    for (uint32_t i = 0; i < NODES; i++) {
        jit_hash(&i, sizeof i, &nodes[i].id);
    }
    for (uint32_t i = 0; i < EDGES; i++) {
        jit_hash_named("edge:", &i, sizeof i, &edges[i].edge.id);
    }
    jit_hash_named("type:", "T0", 2, &types[0]);
    jit_hash_named("type:", "T1", 2, &types[1]);
    jit_hash_named("type:", "E0", 2, &edge_types[0]);
    jit_hash_named("type:", "E1", 2, &edge_types[1]);
    jit_hash_named("warp:", "/world", 6, &instance);
    jit_hash_named("node:", "/world", 6, &root_node);
    rmg_arena_init(&arena, view, VIEW_BYTES, VIEW_BYTES, SYS_VIEW_HEADER_BYTES);
    const struct rmg_store_options options = {.arenas = {&arena}, .arena_count = 1};
    ck_assert_int_eq(rmg_store_new(&mem.heap, &options, &store), JIT_OK);
    version = rmg_version_empty();
    ck_assert_int_eq(rmg_tx_begin(store, &version, &tx), JIT_OK);
    ck_assert_int_eq(rmg_tx_upsert_instance(tx, &instance, &root_node, NULL), JIT_OK);
    ck_assert_int_eq(rmg_tx_upsert_node(tx, &instance, &root_node, &types[1]), JIT_OK);
    change(tx, 500);
    ck_assert_int_eq(rmg_tx_seal(tx, &version), JIT_OK);
    sys_view_host_init(&host, view, VIEW_BYTES);
    ck_assert_int_eq(sys_view_host_entry(&host, &instance, &index, &entry_offset), JIT_OK);
    rules_begin();
}

static void setup(void)
{
    setup_seed(1);
}

static void teardown(void)
{
    for (uint32_t i = 0; i < RULES; i++) {
        rmg_rule_free(&mem.heap, rules[i]);
        jit_buf_release(&programs[i]);
    }
    rmg_store_free(store);
    ck_assert_int_eq(mem.live, 0);
}

/* ---- found and expected ---- */

struct found {
    uint32_t worker;
    uint32_t rule;
    struct jit_id ids[5];
};
static struct found got[FOUND_MAX], expected[FOUND_MAX];
static uint32_t got_count, expected_count;

static int found_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct found));
}

static void expect_if_applies(const struct rmg_graph *graph, uint32_t rule,
                              const struct jit_id *ids, uint32_t id_count, uint64_t tick,
                              uint32_t count)
{
    static struct rmg_effect effect;
    struct jit_buf values;
    struct jit_id digest;
    uint32_t slots;
    enum jit_err err;
    struct rmg_match match = {.rule = rules[rule],
                              .instance = instance,
                              .ids = ids,
                              .id_count = id_count,
                              .params = params[rule],
                              .params_size = params_size[rule]};
    const struct rmg_draw at = {.seed = 99, .tick = tick};
    jit_buf_init(&values, &mem.heap, 1u << 16);
    effect.values = &values;
    err = rmg_params_check(rules[rule], params[rule], params_size[rule], &digest);
    if (err == JIT_OK) {
        rmg_match_key(rules[rule], &instance, ids, id_count, &digest, &match.key);
        if (rmg_match_verify(graph, &match, &at, JIT_VERIFY_SLOTS_MAX, &effect, &slots, &err) ==
                RMG_APPLIED &&
            err == JIT_OK) {
            struct found *next = &expected[expected_count++];
            memset(next, 0, sizeof *next);
            struct jit_id hash;
            jit_hash(&ids[0], sizeof ids[0], &hash);
            next->worker = hash.bytes[0] * count / 256;
            next->rule = rule;
            memcpy(next->ids, ids, id_count * sizeof *ids);
        }
    }
    jit_buf_release(&values);
    if (err != JIT_OK) {
        ck_abort_msg("brute force: %s", jit_err_name(err));
    }
}

static void brute_force(uint64_t tick, uint32_t count)
{
    struct rmg_instance found;
    struct rmg_graph graph;
    expected_count = 0;
    ck_assert_int_eq(rmg_store_instance(store, &version, &instance, &found), JIT_OK);
    rmg_store_graph(store, &found, &graph);
    for (uint32_t n = 0; n < NODES; n++) {
        expect_if_applies(&graph, 1, &nodes[n].id, 1, tick, count);
    }
    for (uint32_t e = 0; e < EDGES; e++) {
        const struct rmg_edge *a = &edges[e].edge;
        struct jit_id ids[5] = {a->from, a->id, a->to};
        if (!edges[e].there) {
            continue;
        }
        expect_if_applies(&graph, 0, ids, 3, tick, count);
        for (uint32_t f = 0; f < EDGES; f++) {
            if (edges[f].there) {
                ids[3] = edges[f].edge.id;
                ids[4] = edges[f].edge.to;
                expect_if_applies(&graph, 2, ids, 5, tick, count);
            }
        }
    }
    qsort(expected, expected_count, sizeof expected[0], found_compare);
}

/* ---- the kernel, in a few lines ---- */

static struct sim_worker *workers[WORKERS];
static struct sys_ring_host rings[WORKERS];
static uint64_t far_seen;
static const uint64_t no_counts[SYS_RING_COUNTS];

static struct sim_worker *worker_new(uint32_t index, uint32_t count, uint64_t start_tick,
                                     uint32_t yield_one_in)
{
    static struct sys_bytes program_bytes[RULES];
    static struct sys_boot_run_spec runs[RULES];
    const struct sys_boot_instance row = {.id = instance, .view_offset = entry_offset};
    for (uint32_t i = 0; i < RULES; i++) {
        program_bytes[i] = (struct sys_bytes){programs[i].data, programs[i].size};
        runs[i] = (struct sys_boot_run_spec){
            .rule = i,
            .cap_slot = i == 1 ? SYS_NONE : i + 10,
            .cap_generation = i == 1 ? 0 : i + 20,
            .mode = SYS_APPLY_ALL,
            .params = {params[i], params_size[i]},
        };
    }
    struct sim_worker_options options = {
        .boot = {.index = index,
                 .count = count,
                 .seed = 99,
                 .start_tick = start_tick,
                 .view_bytes = VIEW_BYTES,
                 .graph_bytes =
                     SYS_GRAPH_BYTES_MIN, /* so that far requests have to wait for room */
                 .instances = &row,
                 .instance_count = 1,
                 .rules = program_bytes,
                 .rule_count = RULES,
                 .runs = runs,
                 .run_count = RULES},
        .view = view,
        .random = &dice,
        .yield_one_in = yield_one_in,
    };
    memset(&options.boot.process, 1, sizeof options.boot.process);
    struct sim_worker *worker = sim_worker_new(&options);
    struct sys_ring_memory memory = sim_worker_ring(worker);
    for (uint64_t n = jit_random_below(&dice, 4); n > 0; n--) {
        sim_worker_run(worker); /* it may be up before its ring is laid out */
    }
    sys_ring_host_init(&rings[index], &memory);
    return worker;
}

static void wake(uint32_t w)
{
    if (sys_ring_host_ring(&rings[w])) {
        sim_worker_wake(workers[w]);
    }
}

static void take_one(uint32_t w, const struct sys_slot *slot)
{
    static uint8_t copy[8192];
    struct sys_request request;
    uint64_t graph_size, offset;
    const uint8_t *graph = sim_worker_graph(workers[w], &graph_size);
    if (slot->length > SYS_INLINE_BYTES) {
        ck_assert_int_eq(sys_ring_far(slot, graph_size, &offset), JIT_OK);
        ck_assert_uint_le(slot->length, sizeof copy);
        memcpy(copy, graph + offset, slot->length);
        far_seen++;
    } else {
        memcpy(copy, slot->body.bytes, slot->length);
    }
    ck_assert_int_eq(sys_decode(slot, copy, slot->length, &request), JIT_OK);
    ck_assert_uint_eq(request.row->number, SYS_CALL_apply);
    const struct sys_apply_view *apply = &request.body.apply;
    ck_assert_uint_lt(apply->rule, RULES);
    ck_assert_uint_eq(apply->instance, 0);
    ck_assert_uint_eq(apply->nonce, 0);
    ck_assert_uint_eq(apply->flags, 0);
    ck_assert_uint_eq(apply->cap_slot, apply->rule == 1 ? SYS_NONE : apply->rule + 10);
    ck_assert_uint_eq(apply->cap_generation, apply->rule == 1 ? 0 : apply->rule + 20);
    ck_assert_uint_eq(apply->id_count, rules[apply->rule]->element_count);
    ck_assert_uint_eq(apply->params_size, params_size[apply->rule]);
    ck_assert_mem_eq(apply->params, params[apply->rule], apply->params_size);
    ck_assert_uint_lt(got_count, FOUND_MAX);
    struct found *next = &got[got_count++];
    memset(next, 0, sizeof *next);
    next->worker = w;
    next->rule = apply->rule;
    memcpy(next->ids, apply->ids, apply->id_count * sizeof *apply->ids);
}

/* What a bell calls for; true when the worker is done with the tick. */
static bool look(uint32_t w)
{
    struct sys_slot slot;
    int taken;
    int done = sys_ring_host_done(&rings[w]);
    ck_assert_int_ge(done, 0);
    while ((taken = sys_ring_host_take(&rings[w], &slot)) == 1) {
        take_one(w, &slot);
    }
    ck_assert_int_eq(taken, 0);
    sys_ring_host_release(&rings[w]);
    wake(w);
    return done == 1;
}

/* Let the workers run until all are done; the kernel comes round at random. */
static void collect(uint32_t count, uint64_t seed, uint64_t tick)
{
    bool done[WORKERS] = {false};
    uint32_t left = count;
    for (uint64_t step = 0; left > 0; step++) {
        bool idle = true;
        for (uint32_t w = 0; w < count; w++) {
            idle = idle && !sim_worker_runnable(workers[w]);
        }
        if (idle || jit_random_below(&dice, 8) == 0) {
            bool rang = false;
            for (uint32_t w = 0; w < count; w++) {
                if (sim_worker_rang(workers[w])) {
                    rang = true;
                    if (look(w) && !done[w]) {
                        done[w] = true;
                        left--;
                    }
                }
            }
            if (idle && !rang) {
                ck_abort_msg("seed %llu, tick %llu: all sleep and nobody rang",
                             (unsigned long long)seed, (unsigned long long)tick);
            }
            continue;
        }
        sim_worker_run(workers[jit_random_below(&dice, count)]);
        if (step == 50000000) {
            ck_abort_msg("seed %llu: no end", (unsigned long long)seed);
        }
    }
}

static void compare(uint64_t seed, uint64_t tick)
{
    qsort(got, got_count, sizeof got[0], found_compare);
    if (got_count != expected_count || memcmp(got, expected, got_count * sizeof got[0]) != 0) {
        ck_abort_msg("seed %llu, tick %llu: %u requests, %u matches", (unsigned long long)seed,
                     (unsigned long long)tick, got_count, expected_count);
    }
}

START_TEST(exactly_the_matches) /* _i = seed */
{
    const uint32_t count = 1 + (uint32_t)_i % WORKERS;
    const uint64_t first = 5;
    uint64_t matches = 0, restarts = 0;
    setup_seed((uint64_t)_i);
    far_seen = 0;
    publish(first - 1);
    for (uint32_t w = 0; w < count; w++) {
        workers[w] = worker_new(w, count, first, _i % 4 == 0 ? 0 : 3);
    }
    struct rmg_version before = version;
    for (uint64_t tick = first; tick < first + 25; tick++) {
        got_count = 0;
        if (jit_random_below(&dice, 5) == 0) { /* killed between the ticks, or within one */
            uint32_t w = (uint32_t)jit_random_below(&dice, count);
            sim_worker_free(workers[w]);
            workers[w] = worker_new(w, count, tick, 3);
            restarts++;
        }
        for (uint32_t w = 0; w < count; w++) {
            sys_ring_host_begin(&rings[w], tick, no_counts);
            wake(w);
        }
        if (jit_random_below(&dice, 4) == 0) { /* nothing of it was taken yet: started again */
            uint32_t w = (uint32_t)jit_random_below(&dice, count);
            for (uint64_t n = jit_random_below(&dice, 60); n > 0; n--) {
                sim_worker_run(workers[w]);
            }
            sim_worker_free(workers[w]);
            workers[w] = worker_new(w, count, tick, 3);
            sys_ring_host_begin(&rings[w], tick, no_counts);
            wake(w);
            restarts++;
        }
        brute_force(tick, count);
        collect(count, (uint64_t)_i, tick);
        compare((uint64_t)_i, tick);
        matches += expected_count;
        for (uint32_t w = 0; w < count; w++) {
            struct sys_graph_header header;
            uint64_t size;
            memcpy(&header, sim_worker_graph(workers[w], &size), sizeof header);
            ck_assert_uint_eq(header.magic, SYS_GRAPH_MAGIC);
            ck_assert_uint_eq(header.tick, tick);
        }
        /* the version they have searched stays until they have searched the next one */
        struct rmg_version searched = version;
        ck_assert_int_eq(rmg_store_pin(store, &searched), JIT_OK);
        if (tick > first) {
            rmg_store_unpin(store, &before);
        }
        before = searched;
        next_version(jit_random_below(&dice, 12)); /* also none */
        publish(tick);
    }
    rmg_store_unpin(store, &before);
    ck_assert_uint_gt(matches, 200);
    ck_assert_uint_gt(far_seen, 100); /* more than the graph memory holds at once */
    ck_assert_uint_gt(restarts, 0);
    for (uint32_t w = 0; w < count; w++) {
        sim_worker_free(workers[w]);
    }
    teardown();
}
END_TEST

/* ---- what goes wrong ---- */

static int run_to_end(uint64_t tick)
{
    int status = -1;
    sys_ring_host_begin(&rings[0], tick, no_counts);
    wake(0);
    for (int step = 0; step < 1000000 && !sim_worker_ended(workers[0], &status); step++) {
        if (sim_worker_runnable(workers[0])) {
            sim_worker_run(workers[0]);
        } else if (sim_worker_rang(workers[0])) {
            if (look(0)) {
                status = 0;
                break;
            }
        } else {
            ck_abort_msg("it sleeps and has not rung");
        }
    }
    sim_worker_free(workers[0]);
    return status;
}

START_TEST(stale_version)
{
    publish(4);
    workers[0] = worker_new(0, 1, 6, 0);
    ck_assert_int_eq(run_to_end(6), SYS_EXIT_STALE);
}
END_TEST

START_TEST(bad_rule) /* _i = byte */
{
    publish(4);
    programs[1].data[_i] ^= 0xff;
    workers[0] = worker_new(0, 1, 5, 0);
    programs[1].data[_i] ^= 0xff;
    ck_assert_int_eq(run_to_end(5), SYS_EXIT_PROGRAM);
}
END_TEST

START_TEST(bad_params)
{
    publish(4);
    params_size[0]--;
    workers[0] = worker_new(0, 1, 5, 0);
    params_size[0]++;
    ck_assert_int_eq(run_to_end(5), SYS_EXIT_PROGRAM);
}
END_TEST

START_TEST(other_instance_in_the_entry)
{
    publish(4);
    workers[0] = worker_new(0, 1, 5, 0);
    view[entry_offset] ^= 1;
    ck_assert_int_eq(run_to_end(5), SYS_EXIT_DAMAGED);
}
END_TEST

START_TEST(reference_out_of_bounds) /* _i = map */
{
    uint32_t far[] = {1, VIEW_BYTES / 16, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        sys_view_host_init(&host, view, VIEW_BYTES);
        uint32_t index;
        ck_assert_int_eq(sys_view_host_entry(&host, &instance, &index, &entry_offset), JIT_OK);
        publish(4);
        workers[0] = worker_new(0, 1, 5, 0);
        memcpy(view + entry_offset + offsetof(struct sys_view_entry, roots) + 4 * (size_t)_i,
               &far[i], sizeof far[i]);
        ck_assert_int_eq(run_to_end(5), SYS_EXIT_DAMAGED);
    }
}
END_TEST

/* Whatever the arena holds, the worker ends with its own status or goes on: never a fault. */
START_TEST(damaged_arena)
{
    static uint8_t good[VIEW_BYTES];
    uint64_t damaged = 0, unharmed = 0;
    publish(4);
    memcpy(good, view, sizeof view);
    for (int round = 0; round < 300; round++) {
        memcpy(view + SYS_VIEW_HEADER_BYTES, good + SYS_VIEW_HEADER_BYTES,
               arena.used - SYS_VIEW_HEADER_BYTES);
        for (uint64_t n = 1 + jit_random_below(&dice, 200); n > 0; n--) {
            uint64_t at =
                SYS_VIEW_HEADER_BYTES + jit_random_below(&dice, arena.used - SYS_VIEW_HEADER_BYTES);
            view[at] = (uint8_t)jit_random_next(&dice);
        }
        got_count = 0;
        workers[0] = worker_new(0, 1, 5, 0);
        int status = run_to_end(5);
        ck_assert(status == 0 || status == SYS_EXIT_DAMAGED);
        damaged += status != 0;
        unharmed += status == 0;
    }
    ck_assert_uint_gt(damaged, 0);
    ck_assert_uint_gt(unharmed, 0);
    memcpy(view, good, sizeof view);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "matches", 120);
    tcase_add_loop_test(t, exactly_the_matches, 1, 17);
    t = test_case(s, "wrong", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, stale_version);
    tcase_add_loop_test(t, bad_rule, 0, 6);
    tcase_add_test(t, bad_params);
    tcase_add_test(t, other_instance_in_the_entry);
    tcase_add_loop_test(t, reference_out_of_bounds, 0, RMG_MAPS);
    tcase_add_test(t, damaged_arena);
}

TEST_MAIN("guest", suite)

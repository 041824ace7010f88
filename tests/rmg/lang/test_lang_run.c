/* Goal:   the programs that texts become do what the texts say: search, engine and language agree
 *         on types, fields, directions, defaults, calls and the places of created elements.
 * Method: a small graph made by hand; each tick every match of every rule is requested, as workers
 *         do, through programs that went through decode; the graph afterwards is compared with what
 *         the text means, worked out by hand. */
#include "base/exec.h"
#include "base/hash.h"
#include "rmg/engine/engine.h"
#include "rmg/rules/search.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/rule_kit.h"
#include "tests/rmg/lang/lang_fixture.h"

#define SEED         11u
#define REQUESTS_MAX 256u
#define TYPES                                                                                      \
    "system s\n"                                                                                   \
    "type P { i: i64 = 0, hits: i64 sum = 0, name: text, peak: i64 max, low: f64 min,\n"           \
    "         tags: list union, all: list union }\n"                                               \
    "type Q { level: f64 = 0.25, note: text = \"none\", i: i64 = -4 }\n"                           \
    "edge D { w: i64 = 3 }\nedge E { w: i64 = 9 }\n"

static struct lang_fixture f;
static struct kit_graph g;
static struct rmg_engine *engine;
static struct jit_id parent;
static uint64_t tick;
static struct rmg_request requests[REQUESTS_MAX];
static struct jit_id request_ids[REQUESTS_MAX][8];
static uint32_t request_count;
static struct rmg_tick_output output;

static struct jit_id node(uint64_t n)
{
    return kit_id('N', n);
}

static void put_node(uint64_t n, const char *type, int64_t i)
{
    struct jit_id id = node(n);
    struct jit_id type_id = type_of(type);
    must(rmg_tx_upsert_node(g.tx, &g.instance, &id, &type_id));
    kit_put_i64(&g, RMG_PLANE_ALPHA, id, "i", i);
    kit_put_i64(&g, RMG_PLANE_ALPHA, id, "hits", 0);
}

static void put_edge(uint64_t n, uint64_t from, const char *type, uint64_t to)
{
    struct rmg_edge edge = {
        .id = kit_id('E', n), .from = node(from), .to = node(to), .type = type_of(type)};
    must(rmg_tx_upsert_edge(g.tx, &g.instance, &edge));
    kit_put_i64(&g, RMG_PLANE_BETA, edge.id, "w", (int64_t)n);
}

/* 0 <-D- 1 <-D- 2 <-D- 3, 4 -D-> 1, 5 -D-> 1; 1 -E-> 6, a Q. Node 0 has i = 1, the others 0. */
static void setup(void)
{
    lang_fixture_init(&f);
    kit_graph_begin(&g, &f.mem.heap, 64u << 20);
    kit_open(&g);
    for (uint64_t n = 0; n < 6; n++) {
        put_node(n, "P", n == 0);
    }
    put_node(6, "Q", 7);
    put_edge(1, 1, "D", 0);
    put_edge(2, 2, "D", 1);
    put_edge(3, 3, "D", 2);
    put_edge(4, 4, "D", 1);
    put_edge(5, 5, "D", 1);
    put_edge(6, 1, "E", 6);
    kit_seal(&g);
    must(rmg_engine_new(&f.mem.heap, g.store, jit_exec_inline(), &engine));
    memset(&parent, 0, sizeof parent);
    tick = 1;
}

static void teardown(void)
{
    rmg_engine_free(engine);
    kit_graph_end(&g);
    lang_fixture_release(&f);
}

static bool collect(void *user, const struct jit_id *ids, uint32_t id_count)
{
    const struct rmg_request *shape = user;
    ck_assert_uint_lt(request_count, REQUESTS_MAX);
    ck_assert_uint_le(id_count, 8);
    memcpy(request_ids[request_count], ids, id_count * sizeof *ids);
    requests[request_count] = *shape;
    requests[request_count].ids = request_ids[request_count];
    requests[request_count].id_count = id_count;
    request_count++;
    return true;
}

/* One tick of the first process of the text. */
static void run_tick(void)
{
    struct rmg_rule *rules[8] = {NULL};
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    struct rmg_draw draw = {.seed = SEED, .tick = tick};
    const struct lang_process *process = &f.system->processes[0];
    request_count = 0;
    ck_assert_uint_le(process->run_count, 8);
    for (uint32_t i = 0; i < process->run_count; i++) {
        const struct lang_run *run = &process->runs[i];
        const struct lang_rule *rule = &f.system->rules[run->rule];
        struct rmg_search *search = NULL;
        must(rmg_rule_decode(&f.mem.heap, rule->program, rule->program_size, &rules[i]));
        must(rmg_search_new(&f.mem.heap, rules[i], run->params, run->params_size, &g.instance,
                            (struct rmg_shard){0, 1}, &search));
        must(rmg_search_all(search, &graph));
        struct rmg_request shape = {.rule = rules[i],
                                    .rule_id = rules[i]->id,
                                    .instance = g.instance,
                                    .params = run->params,
                                    .params_size = run->params_size,
                                    .quota = RMG_NO_QUOTA};
        must(rmg_search_each(search, &draw, collect, &shape));
        rmg_search_free(search);
    }
    struct rmg_tick_input input = {.base = g.version,
                                   .parent = parent,
                                   .tick = tick,
                                   .seed = SEED,
                                   .policy = 1,
                                   .budget = JIT_VERIFY_SLOTS_MAX,
                                   .requests = requests,
                                   .request_count = request_count};
    must(rmg_store_pin(g.store, &g.version));
    must(rmg_engine_tick(engine, &input, &output));
    g.version = output.version;
    parent = output.commit;
    tick++;
    for (uint32_t i = 0; i < process->run_count; i++) {
        rmg_rule_free(&f.mem.heap, rules[i]);
    }
}

static void begin(const char *text)
{
    char whole[4096];
    int size = snprintf(whole, sizeof whole, TYPES "%s", text);
    ck_assert_int_lt(size, (int)sizeof whole);
    enum jit_err err = lang_fixture_parse(&f, whole, (size_t)size);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)f.messages.size, (const char *)f.messages.data);
}

static void ck_value(enum rmg_plane plane, struct jit_id owner, const char *name,
                     enum rmg_codec codec, const void *bytes, uint32_t size)
{
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    struct rmg_value value;
    must(rmg_attachment_get(&graph, plane, &owner, name, (uint32_t)strlen(name), &value));
    ck_assert(jit_id_equal(&value.type, rmg_codec_type(codec)));
    ck_assert(lang_same_bytes(value.bytes, value.size, bytes, size));
}

static void ck_i64(enum rmg_plane plane, struct jit_id owner, const char *name, int64_t wanted)
{
    uint8_t bytes[8];
    jit_put_le64(bytes, (uint64_t)wanted);
    ck_value(plane, owner, name, RMG_CODEC_I64, bytes, sizeof bytes);
}

static void ck_states(const int64_t wanted[6])
{
    for (uint64_t n = 0; n < 6; n++) {
        ck_i64(RMG_PLANE_ALPHA, node(n), "i", wanted[n]);
    }
}

START_TEST(spread_and_count)
{
    begin("rule infect match (a:P)-[:D]->(b:P) where a.i = 0 and b.i = 1 set a.i = 1 "
          "add b.hits, 1\n"
          "process w run infect apply all over shard(/world)\n");
    ck_states((const int64_t[]){1, 0, 0, 0, 0, 0});
    run_tick();
    ck_assert_uint_eq(output.applied, 1);
    ck_states((const int64_t[]){1, 1, 0, 0, 0, 0});
    run_tick();
    ck_assert_uint_eq(output.applied, 3); /* blind adds to one field do not conflict */
    ck_states((const int64_t[]){1, 1, 1, 0, 1, 1});
    ck_i64(RMG_PLANE_ALPHA, node(1), "hits", 3);
    run_tick();
    ck_states((const int64_t[]){1, 1, 1, 1, 1, 1});
    run_tick();
    ck_assert_uint_eq(request_count, 0);
}
END_TEST

/* The edge stands before its end in the text: it is number 0, the node number 1. */
START_TEST(create_with_defaults)
{
    begin("rule make match (a:P) where a.i = 1 create (a)-[:E {w = a.i + 5}]->(n:Q {note = "
          "\"new\"})<-[:D]-(a) set a.i = 2\n"
          "process w run make apply all over shard(/world)\n");
    run_tick();
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_uint_eq(output.nodes_total, 9);
    ck_assert_uint_eq(output.edges_total, 8);
    struct jit_id ids[3];
    for (uint32_t position = 0; position < 3; position++) {
        struct jit_hasher hasher;
        struct jit_id digest;
        struct jit_id match_key;
        struct jit_id request_key;
        struct jit_id scope = node(0);
        struct rmg_draw draw = {.seed = SEED, .tick = 1};
        uint8_t number[8];
        must(rmg_params_check(&f.system->rules[0].rule, NULL, 0, &digest));
        rmg_match_key(&f.system->rules[0].rule, &g.instance, &scope, 1, &digest, &match_key);
        rmg_request_key(&match_key, 0, &request_key);
        /* B3[K("id")](u64 seed || u64 tick || request_key || u32 round || u32 position) */
        jit_hasher_init_key(&hasher, JIT_K_ID);
        jit_put_le64(number, draw.seed);
        jit_hasher_update(&hasher, number, 8);
        jit_put_le64(number, draw.tick);
        jit_hasher_update(&hasher, number, 8);
        jit_hasher_update(&hasher, request_key.bytes, JIT_ID_BYTES);
        jit_put_le32(number, draw.round);
        jit_put_le32(number + 4, position);
        jit_hasher_update(&hasher, number, 8);
        jit_hasher_final(&hasher, &ids[position]);
    }
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    struct rmg_edge edge;
    struct jit_id type;
    struct jit_id q = type_of("Q");
    struct jit_id e = type_of("E");
    struct jit_id from = node(0);
    must(rmg_node_type(&graph, &ids[1], &type));
    ck_assert(jit_id_equal(&type, &q));
    must(rmg_edge_get(&graph, &ids[0], &edge));
    ck_assert(jit_id_equal(&edge.type, &e));
    ck_assert(jit_id_equal(&edge.from, &from) && jit_id_equal(&edge.to, &ids[1]));
    must(rmg_edge_get(&graph, &ids[2], &edge));
    ck_assert(jit_id_equal(&edge.from, &from) && jit_id_equal(&edge.to, &ids[1]));
    ck_i64(RMG_PLANE_BETA, ids[0], "w", 6);
    ck_i64(RMG_PLANE_BETA, ids[2], "w", 3);
    ck_i64(RMG_PLANE_ALPHA, ids[1], "i", -4);
    ck_value(RMG_PLANE_ALPHA, ids[1], "note", RMG_CODEC_TEXT, "new", 3);
    ck_value(RMG_PLANE_ALPHA, ids[1], "level", RMG_CODEC_F64, "\0\0\0\0\0\0\xd0\x3f", 8);
}
END_TEST

/* How many matches there are, by hand. What is matched does not count. */
static const struct {
    const char *match;
    uint32_t matches;
} beside[] = {
    {"(a:P) where (a)-[:D]->(:P)", 5},
    {"(a:P) where (a)<-[:D]-(:P {i = 0})", 3},
    {"(a:P) where (a)-[:D {w = 4}]->()", 1},
    {"(a:P) where not (a)-[:D]->(:P {i = a.i})", 2},
    {"(a:P) where not (a)-[:D {w = 1}]->(:P {i = 1}) and (a)-->()", 4},
    {"(a:P)-[:D]->(b:P) where not (b)-[:D]->(a)", 5},
    {"(a:P)-[:D]->(b:P) where not (a)-[:D]->(b)", 5},
    {"(a:P), (b:P) where (a)-[:D]->(b)", 5},
    {"(a:P), (b:P) where (a)-[:D {w = 2}]->(b)", 1},
    {"(a:P), (b:P) where not (a)-->(b) and not (a)<--(b)", 20},
    {"(a:P) where (a)-[:E]->(:Q)", 1},
    {"(a:P) where not (:Q)", 0},
    {"(a:P) where (:Q)", 6},
    {"(a:P), (q:Q) where not (:Q)", 6},
    {"(a:P) where count((a)<-[:D]-()) = 3", 1},
    {"(a:P) where count((a)-->()) = 2", 1},
    {"(a:P) where count((a)<-[:D {w = 4}]-(:P)) = 1", 1},
    {"(a:P)-[:D]->(b:P) where count((b)<-[:D]-(:P)) = 2", 3},
    {"(a:P)-[:D]->(b:P) where count((a)-[:D]->(b)) = 0", 5},
    {"(a:P) where count((:P)) = 5", 6},
    {"(a:P) where count((a)<-[:D]-(:P)) > 0 and sum((a)<-[e:D]-(), e.w) = 11", 1},
    {"(a:P) where sum((a)<-[:D]-(x:P), x.i) = 0", 6},
    {"(a:P) where min((a)<-[:D]-(x:P), x.i) = 0", 3},
    {"(a:P) where max((a)-[e:D]->(), e.w) >= 4", 2},
    {"(a:P) where chance(f64(count((a)<-[:D]-())) / 3.0)", UINT32_MAX},
    {"(a:P), (b:P) may equal(a, b) where a.i = 1", 6},
    {"(a:P {i = count((a)-[:E]->())}) where not a.i = 1", 4},
};

START_TEST(beside_the_match) /* _i = row */
{
    char text[512];
    snprintf(text, sizeof text,
             "rule r match %s create (:Q)\nprocess w run r apply all over shard(/world)\n",
             beside[_i].match);
    begin(text);
    run_tick();
    if (beside[_i].matches == UINT32_MAX) {
        ck_assert(request_count >= 1 && request_count <= 3);
        return;
    }
    ck_assert_msg(request_count == beside[_i].matches, "%s: %u", beside[_i].match, request_count);
}
END_TEST

START_TEST(numbers_of_what_is_beside)
{
    begin("rule r match (a:P)<-[:D]-(b:P {i = 0}) may equal(a, b)\n"
          "  where count((a)<-[:D]-()) = 2 and a.i = 0\n"
          "  set b.i = sum((a)<-[e:D]-(x:P), e.w), b.peak = max((a)<-[:D]-(x:P), x.i) - 7\n"
          "process w run r apply all over shard(/world)\n");
    run_tick();
    ck_assert_uint_eq(request_count, 3);  /* 2, 4 and 5 see the edges of the other two */
    ck_assert_uint_eq(output.applied, 1); /* each reads what the others write */
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    int64_t sum = 0;
    for (uint64_t n = 2; n < 6; n++) {
        struct rmg_value value;
        struct jit_id id = node(n);
        must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &id, "i", 1, &value));
        sum += (int64_t)jit_le64(value.bytes);
    }
    ck_assert(sum == 9 || sum == 7 || sum == 6); /* 4 + 5, 2 + 5, 2 + 4 */
}
END_TEST

START_TEST(negative_conditions_and_deletion)
{
    begin("rule leaf match (a:P)-[e:D]->(b) where not (:P)-[:D]->(a) and not (a)-[:E]->(:Q) "
          "delete a, e\n"
          "rule has match (a:P) where not (a)-[:E]->(:Q) and not (a)<--(:Q) set a.i = a.i + 10\n"
          "process w run leaf apply all over shard(/world)\n"
          "process v run has apply all over shard(/world)\n");
    run_tick(); /* 3, 4 and 5 are leaves; 4 and 5 hang on the same node, which stays */
    ck_assert_uint_eq(request_count, 3);
    ck_assert_uint_eq(output.applied, 3);
    ck_assert_uint_eq(output.nodes_total, 5);
    ck_assert_uint_eq(output.edges_total, 3);
    run_tick();
    ck_assert_uint_eq(output.nodes_total, 4);
    run_tick(); /* 1 has an edge of type E to a Q */
    ck_assert_uint_eq(request_count, 0);
}
END_TEST

START_TEST(arithmetic_and_binding)
{
    begin("rule sum(n: i64, t: text, on: bool, x: f64) match (a:P)<-[:D]-(b:P)<-[e:D]-(c:P)\n"
          "where on and e.w = 2 and not (a.i - n <> 1 or e.w % 2 = 1) and sqrt(x) > 1.4\n"
          "set a.i = (e.w + n) * -3 - c.i / 1, a.name = t, e.w = a.i - -n\n"
          "process w run sum(x = 2.0, on = true, t = \"\\u{e9}\", n = 0) apply all over "
          "shard(/world)\n");
    run_tick();
    ck_assert_uint_eq(output.applied, 1);
    ck_i64(RMG_PLANE_ALPHA, node(0), "i", -6);
    ck_value(RMG_PLANE_ALPHA, node(0), "name", RMG_CODEC_TEXT, "\xc3\xa9", 2);
    ck_i64(RMG_PLANE_BETA, kit_id('E', 2), "w", 1);
    run_tick();
    ck_assert_uint_eq(request_count, 0);
}
END_TEST

/* Each call draws by its number: here the second one decides, and a third gives the value. */
START_TEST(calls_by_number)
{
    begin(
        "rule draw(p: f64) match (a:P) where chance(1.0) and chance(p) set a.i = 1 add a.hits, 1\n"
        "process w run draw(p = 0.5) apply all over shard(/world)\n");
    int64_t hits[6] = {0};
    for (uint32_t round = 0; round < 12; round++) {
        struct rmg_draw draw = {.seed = SEED, .tick = tick};
        uint64_t wanted = 0;
        for (uint64_t n = 0; n < 6; n++) {
            struct jit_id id = node(n);
            struct jit_id key;
            rmg_match_key(&f.system->rules[0].rule, &g.instance, &id, 1,
                          &f.system->processes[0].runs[0].params_digest, &key);
            bool drawn = rmg_draw_random(&draw, &key, 1) < 0.5;
            hits[n] += drawn;
            wanted += drawn;
        }
        run_tick();
        ck_assert_uint_eq(output.applied, wanted);
    }
    int64_t sum = 0;
    for (uint64_t n = 0; n < 6; n++) {
        ck_i64(RMG_PLANE_ALPHA, node(n), "hits", hits[n]);
        sum += hits[n];
    }
    ck_assert_int_gt(sum, 12); /* of 72, drawn with 1/2: the numbers are fixed by the seed */
    ck_assert_int_lt(sum, 60);
}
END_TEST

/* Many raise, lower and put into one field in one tick: none conflicts. */
START_TEST(joins)
{
    static const uint8_t low[8] = {0, 0, 0, 0, 0, 0, 0xe0, 0xbf}; /* -0.5 */
    static const uint8_t list[] = {2, 0, 0,   0,   0, 0, 0, 0, 2, 0, 0, 0, 0,  0,
                                   0, 0, 'a', 'c', 1, 0, 0, 0, 0, 0, 0, 0, 'b'};
    static const uint8_t none[8] = {0};
    static const double zero = 0.0;
    begin("rule up match (a:P)<-[e:D]-(b:P) where b.i = 0 raise a.peak, 10 - e.w "
          "lower a.low, -0.5 put a.tags, b.name\n"
          "rule mine match (a:P) where a.tags = a.all and a.hits = 1 put a.all, a.tags "
          "raise a.peak, a.peak + 1\n"
          "process w run up, mine apply all over shard(/world)\n");
    kit_open(&g);
    for (uint64_t n = 0; n < 6; n++) {
        struct rmg_datum name = {.codec = RMG_CODEC_TEXT,
                                 .bytes = (const uint8_t *)(n % 2 == 0 ? "b" : "ac"),
                                 .size = n % 2 == 0 ? 1 : 2};
        struct rmg_datum lists = {.codec = RMG_CODEC_LIST, .bytes = none, .size = 8};
        struct rmg_datum number = {.codec = RMG_CODEC_F64, .as.f64 = zero};
        kit_put_atom(&g, RMG_PLANE_ALPHA, node(n), "name", &name);
        kit_put_atom(&g, RMG_PLANE_ALPHA, node(n), "tags", &lists);
        kit_put_atom(&g, RMG_PLANE_ALPHA, node(n), "all", &lists);
        kit_put_atom(&g, RMG_PLANE_ALPHA, node(n), "low", &number);
        kit_put_i64(&g, RMG_PLANE_ALPHA, node(n), "peak", 7);
    }
    kit_put_i64(&g, RMG_PLANE_ALPHA, node(5), "hits", 1);
    kit_seal(&g);
    run_tick();
    ck_assert_uint_eq(output.applied, 6); /* five edges, and node 5 by itself */
    ck_i64(RMG_PLANE_ALPHA, node(0), "peak", 9);
    ck_i64(RMG_PLANE_ALPHA, node(1), "peak", 8); /* of 8, 6 and 5 */
    ck_i64(RMG_PLANE_ALPHA, node(2), "peak", 7);
    ck_i64(RMG_PLANE_ALPHA, node(5), "peak", 8); /* read: a set of the outcome */
    ck_value(RMG_PLANE_ALPHA, node(1), "tags", RMG_CODEC_LIST, list, sizeof list);
    ck_value(RMG_PLANE_ALPHA, node(5), "all", RMG_CODEC_LIST, none, sizeof none);
    ck_value(RMG_PLANE_ALPHA, node(1), "low", RMG_CODEC_F64, low, sizeof low);
    ck_value(RMG_PLANE_ALPHA, node(3), "low", RMG_CODEC_F64, none, 8);
}
END_TEST

/* What many put may together be longer than an atom: the last one in canonical order is refused. */
START_TEST(a_list_has_an_end)
{
    static uint8_t big[JIT_ATOM_BYTES_MAX - 20];
    jit_put_le64(big, 1);
    jit_put_le64(big + 8, sizeof big - 16);
    begin("rule up match (a:P)<-[e:D]-(b:P) where a.hits = 1 put a.tags, b.name\n"
          "process w run up apply all over shard(/world)\n");
    kit_open(&g);
    for (uint64_t n = 0; n < 6; n++) {
        struct rmg_datum name = {
            .codec = RMG_CODEC_TEXT, .bytes = (const uint8_t *)"abcdef" + n, .size = 1};
        kit_put_atom(&g, RMG_PLANE_ALPHA, node(n), "name", &name);
    }
    struct rmg_datum list = {.codec = RMG_CODEC_LIST, .bytes = big, .size = sizeof big};
    kit_put_atom(&g, RMG_PLANE_ALPHA, node(1), "tags", &list);
    kit_put_i64(&g, RMG_PLANE_ALPHA, node(1), "hits", 1);
    kit_seal(&g);
    run_tick();
    ck_assert_uint_eq(request_count, 3); /* 9 bytes each; there is room for 20 */
    ck_assert_uint_eq(output.applied, 2);
    ck_assert_int_eq(output.receipts[2].result, RMG_OVERFLOW);
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    struct rmg_value value;
    struct jit_id owner = node(1);
    must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &owner, "tags", 4, &value));
    ck_assert_uint_eq(value.size, sizeof big + 18);
    ck_assert_uint_eq(jit_le64(value.bytes), 3);
}
END_TEST

/* Several paths that share names, a circle, a node by itself, values in the match. */
START_TEST(patterns_of_any_shape)
{
    begin("rule fork match (a:P {i = 0})-[:D {w = x.i + 3}]->(b), (c:P)-[f:D]->(b), (x:P {i = 1}), "
          "(b)-[:D]->(x) where f.w = 5 set a.i = 10, c.i = 11, f.w = 12\n"
          "rule loop match (a:Q)-[e:E]->(a) set a.i = 1, e.w = 2\n"
          "rule ring match (a:Q)-[:D]->(q:Q)-[:D]->(a) set q.i = q.i + 1\n"
          "process w run fork, loop, ring apply all over shard(/world)\n");
    kit_open(&g);
    put_node(7, "Q", 0);
    put_node(8, "Q", 0);
    put_edge(7, 6, "E", 6);
    put_edge(8, 7, "D", 8);
    put_edge(9, 8, "D", 7);
    kit_seal(&g);
    run_tick();
    ck_assert_uint_eq(output.applied, 4); /* the ring from either node */
    ck_states((const int64_t[]){1, 0, 0, 0, 10, 11});
    ck_i64(RMG_PLANE_BETA, kit_id('E', 5), "w", 12);
    ck_i64(RMG_PLANE_ALPHA, node(6), "i", 1);
    ck_i64(RMG_PLANE_BETA, kit_id('E', 7), "w", 2);
    ck_i64(RMG_PLANE_ALPHA, node(7), "i", 1);
    ck_i64(RMG_PLANE_ALPHA, node(8), "i", 1);
}
END_TEST

/* Node 1 has five edges, one of them to be matched; those that hang on its ends stay. */
START_TEST(detach_delete)
{
    begin("rule cut match (a:P)-[:D]->(b:P {i = 1}) detach delete a\n"
          "process w run cut apply all over shard(/world)\n");
    run_tick();
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_uint_eq(output.nodes_total, 7);
    ck_assert_uint_eq(output.edges_total, 1);
    struct rmg_fault fault;
    must(rmg_store_verify(g.store, &g.version, &fault));
    run_tick();
    ck_assert_uint_eq(request_count, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "lang_run", 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, spread_and_count);
    tcase_add_test(t, create_with_defaults);
    tcase_add_loop_test(t, beside_the_match, 0, (int)(sizeof beside / sizeof beside[0]));
    tcase_add_test(t, numbers_of_what_is_beside);
    tcase_add_test(t, negative_conditions_and_deletion);
    tcase_add_test(t, arithmetic_and_binding);
    tcase_add_test(t, calls_by_number);
    tcase_add_test(t, joins);
    tcase_add_test(t, a_list_has_an_end);
    tcase_add_test(t, patterns_of_any_shape);
    tcase_add_test(t, detach_delete);
}

TEST_MAIN("lang_run", suite)

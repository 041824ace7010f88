/* Goal:   a request that would break an invariant is refused by name, no other is, and whatever is
 *         applied together leaves a version in which all of them hold, in every order on the way.
 * Method: random graphs that grow by ticks of rules which create, delete, detach, set and join;
 * each request is performed by itself in a transaction that is thrown away, where a search from
 *         nothing says whether the invariants hold; what is read of a graph "after" is compared
 * with that transaction's; a few cases by hand; every refused allocation. */
#include "rmg/rules/invariant.h"

#include <stdio.h>

#include "base/exec.h"
#include "base/hash.h"
#include "base/random.h"
#include "rmg/engine/engine.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/rule_kit.h"
#include "tests/rmg/lang/lang_fixture.h"

#define PS           7u
#define QS           3u
#define REQUESTS_MAX 40u
#define RULES_MAX    16u
#define TYPES                                                                                      \
    "system s\n"                                                                                   \
    "type P { i: i64 = 0, hits: i64 sum = 0, peak: i64 max, tags: list union }\n"                  \
    "type Q { i: i64 = 0 }\n"                                                                      \
    "edge D { w: i64 = 3 }\nedge E\n"
#define INVARIANTS                                                                                 \
    "invariant few_hits never match (a:P) where a.hits > 3\n"                                      \
    "invariant coloured never match (a:P)-[:D]->(b:P) where a.i = b.i\n"                           \
    "invariant few_ends never match (a:P) where count((a)-[:E]->()) > 2\n"                         \
    "invariant anchored never match (a:P) where a.i = 1 and not (a)-[:E]->(:Q)\n"                  \
    "invariant light never match (a:P) where sum((a)-[e:D]->(), e.w) > 7\n"                        \
    "invariant acyclic never match (a)-[:D]->(b), (b)-[:D]->(a)\n"
#define RULES                                                                                      \
    "rule link match (a:P), (b:P) where a.i <> b.i create (a)-[:D]->(b)\n"                         \
    "rule tie match (a:P), (q:Q) create (a)-[:E]->(q)\n"                                           \
    "rule paint match (a:P)-[:D]->(b:P) set a.i = b.i + 1\n"                                       \
    "rule bump match (a:P)-[:D]->(b:P) add b.hits, 1 raise b.peak, a.i\n"                          \
    "rule cut match (a:P)-[e:D]->(b) delete e\n"                                                   \
    "rule untie match (a:P)-[e:E]->(q:Q) delete e\n"                                               \
    "rule drop match (a:P) where a.hits > 2 detach delete a\n"                                     \
    "rule spawn match (a:P) create (n:P {i = a.i + 1, peak = 0})<-[:D {w = 1}]-(a)\n"              \
    "rule weigh match (a:P)-[e:D]->(b:P) set e.w = e.w + 1\n"                                      \
    "rule empty match (q:Q) detach delete q\n"
/* What they ask of nodes anywhere. */
#define ANYWHERE                                                                                   \
    "rule claim match (a:P), (q:Q) where not (:P {i = q.i + 1, hits = a.hits}) set a.i = q.i + "   \
    "1\n"                                                                                          \
    "rule crowd match (q:Q) where count((:P {hits = 0})) > 3 and (:Q {i = q.i}) set q.i = q.i + "  \
    "1\n"

static struct lang_fixture f;
static struct kit_graph g;
static struct kit_graph twin; /* the same, one rewrite after the other */
static struct rmg_engine *engine;
static struct jit_random dice;
static struct rmg_rule *rules[RULES_MAX];
static struct rmg_rule *invariants[RULES_MAX];
static uint64_t tick;
static struct rmg_sought_list sought;
static struct rmg_request requests[REQUESTS_MAX];
static struct jit_id request_ids[REQUESTS_MAX][8];
static uint32_t request_count;
static uint64_t seen_matches; /* of the tick being made */
static struct rmg_tick_output output;

static void put_node(struct kit_graph *to, uint64_t n, const char *type, int64_t i)
{
    struct jit_id id = kit_id('N', n);
    struct jit_id type_id = type_of(type);
    must(rmg_tx_upsert_node(to->tx, &to->instance, &id, &type_id));
    kit_put_i64(to, RMG_PLANE_ALPHA, id, "i", i);
    if (type[0] == 'P') {
        kit_put_i64(to, RMG_PLANE_ALPHA, id, "hits", 0);
        kit_put_i64(to, RMG_PLANE_ALPHA, id, "peak", 0);
    }
}

/* P with i = 0, 2, 3, ...; Q with 0; no edges. */
static void make_graph(struct kit_graph *to)
{
    kit_graph_begin(to, &f.mem.heap, 4u << 20);
    kit_open(to);
    for (uint64_t n = 0; n < PS; n++) {
        put_node(to, n, "P", n == 0 ? 0 : 1 + (int64_t)n);
    }
    for (uint64_t n = 0; n < QS; n++) {
        put_node(to, PS + n, "Q", 0);
    }
    kit_seal(to);
}

static void begin(const char *text, uint64_t seed)
{
    lang_fixture_init(&f);
    enum jit_err err = lang_fixture_parse(&f, text, strlen(text));
    ck_assert_msg(err == JIT_OK, "%.*s", (int)f.messages.size, (const char *)f.messages.data);
    ck_assert_uint_le(f.system->rule_count, RULES_MAX);
    ck_assert_uint_le(f.system->invariant_count, RULES_MAX);
    for (uint32_t i = 0; i < f.system->rule_count; i++) {
        const struct lang_rule *rule = &f.system->rules[i];
        must(rmg_rule_decode(&f.mem.heap, rule->program, rule->program_size, &rules[i]));
    }
    for (uint32_t i = 0; i < f.system->invariant_count; i++) {
        const struct lang_rule *rule = &f.system->invariants[i];
        must(rmg_rule_decode(&f.mem.heap, rule->program, rule->program_size, &invariants[i]));
        ck_assert_ptr_null(rmg_invariant_wrong(invariants[i]));
    }
    must(rmg_sought_add(&f.mem.heap, &sought, rules, f.system->rule_count));
    must(rmg_sought_add(&f.mem.heap, &sought, invariants, f.system->invariant_count));
    make_graph(&g);
    make_graph(&twin);
    must(rmg_engine_new(&f.mem.heap, g.store, jit_exec_inline(), &engine));
    dice = jit_random_of(seed);
    tick = 1;
}

static void end(void)
{
    rmg_engine_free(engine);
    rmg_sought_release(&f.mem.heap, &sought);
    kit_graph_end(&g);
    kit_graph_end(&twin);
    for (uint32_t i = 0; i < f.system->rule_count; i++) {
        rmg_rule_free(&f.mem.heap, rules[i]);
    }
    for (uint32_t i = 0; i < f.system->invariant_count; i++) {
        rmg_rule_free(&f.mem.heap, invariants[i]);
    }
    lang_fixture_release(&f);
}

/* Some of the matches, each as likely as any other. */
static bool collect(void *user, const struct jit_id *ids, uint32_t id_count)
{
    const struct rmg_request *shape = user;
    uint32_t at = request_count;
    if (request_count == REQUESTS_MAX) {
        at = (uint32_t)jit_random_below(&dice, ++seen_matches);
        if (at >= REQUESTS_MAX) {
            return true;
        }
    } else {
        seen_matches = ++request_count;
    }
    ck_assert_uint_le(id_count, 8);
    memcpy(request_ids[at], ids, id_count * sizeof *ids);
    requests[at] = *shape;
    requests[at].ids = request_ids[at];
    requests[at].id_count = id_count;
    return true;
}

static void gather(void)
{
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    struct rmg_draw draw = {.seed = 1, .tick = tick};
    request_count = 0;
    for (uint32_t i = 0; i < f.system->rule_count; i++) {
        struct rmg_search *search = NULL;
        must(rmg_search_new(&f.mem.heap, rules[i], NULL, 0, &g.instance, (struct rmg_shard){0, 1},
                            &search));
        must(rmg_search_all(search, &graph));
        struct rmg_request shape = {.rule = rules[i],
                                    .rule_id = rules[i]->id,
                                    .instance = g.instance,
                                    .quota = RMG_NO_QUOTA,
                                    .watched = true};
        must(rmg_search_each(search, &draw, collect, &shape));
        rmg_search_free(search);
    }
}

static struct rmg_tick_input input_of(void)
{
    return (struct rmg_tick_input){.base = g.version,
                                   .tick = tick,
                                   .seed = 1,
                                   .policy = 1,
                                   .budget = JIT_VERIFY_SLOTS_MAX,
                                   .invariants = (const struct rmg_rule *const *)invariants,
                                   .invariant_count = f.system->invariant_count,
                                   .sought = sought,
                                   .requests = requests,
                                   .request_count = request_count};
}

static void advance(void)
{
    struct rmg_tick_input input = input_of();
    must(rmg_store_pin(g.store, &g.version));
    must(rmg_engine_tick(engine, &input, &output));
    g.version = output.version;
    tick++;
}

static bool all_hold(const struct rmg_graph *graph, uint32_t *first)
{
    for (uint32_t i = 0; i < f.system->invariant_count; i++) {
        bool holds = false;
        must(rmg_invariant_holds(&f.mem.heap, invariants[i], graph, &holds));
        if (!holds) {
            *first = i;
            return false;
        }
    }
    return true;
}

/* ---- one rewrite, performed and thought of ---- */

#define EMITS_MAX 128u
struct rewrite {
    enum rmg_result result;
    struct rmg_emit emits[EMITS_MAX];
    uint32_t count;
    struct rmg_effect effect;
    struct jit_buf values;
    struct rmg_scratch scratch;
};
static struct rewrite rewrite;

static bool keep_emit(void *user, const struct rmg_emit *emit)
{
    struct rewrite *r = user;
    ck_assert_uint_lt(r->count, EMITS_MAX);
    r->emits[r->count++] = *emit;
    return true;
}

static void verify(const struct rmg_graph *graph, const struct rmg_request *request)
{
    struct jit_id digest;
    struct rmg_match match = {.rule = request->rule,
                              .instance = g.instance,
                              .ids = request->ids,
                              .id_count = request->id_count,
                              .root_node = &g.root};
    struct rmg_draw draw = {.seed = 1, .tick = tick};
    uint32_t slots = 0;
    enum jit_err err;
    must(rmg_params_check(request->rule, NULL, 0, &digest));
    rmg_match_key(request->rule, &g.instance, request->ids, request->id_count, &digest, &match.key);
    rmg_request_key(&match.key, 0, &match.request_key);
    jit_buf_reset(&rewrite.values);
    rewrite.effect.values = &rewrite.values;
    rewrite.count = 0;
    rewrite.result =
        rmg_match_verify(graph, &match, &draw, JIT_VERIFY_SLOTS_MAX, &rewrite.effect, &slots, &err);
    must(err);
    if (rewrite.result == RMG_APPLIED) {
        ck_assert(rmg_match_execute(&match, &rewrite.effect, keep_emit, &rewrite));
    }
}

static int by_kind(const void *a, const void *b)
{
    return rmg_op_compare(&((const struct rmg_emit *)a)->op, &((const struct rmg_emit *)b)->op);
}

static void perform_one(const struct rmg_emit *emit)
{
    const struct rmg_op *op = &emit->op;
    struct rmg_attachment attachment = op->attachment;
    struct rmg_edge edge = {.id = op->id, .from = op->from, .to = op->to, .type = op->type};
    struct rmg_graph now;
    struct rmg_value value;
    uint8_t sum[8];
    switch (op->kind) {
    case RMG_OP_CLEAR_ATTACHMENT:
        must(rmg_tx_clear_attachment(twin.tx, &twin.instance, op->plane, &op->id, attachment.name,
                                     attachment.name_size));
        break;
    case RMG_OP_DELETE_EDGE:
        must(rmg_tx_delete_edge(twin.tx, &twin.instance, &op->id));
        break;
    case RMG_OP_DELETE_NODE:
        must(rmg_tx_delete_node(twin.tx, &twin.instance, &op->id));
        break;
    case RMG_OP_UPSERT_NODE:
        must(rmg_tx_upsert_node(twin.tx, &twin.instance, &op->id, &op->type));
        break;
    case RMG_OP_UPSERT_EDGE:
        must(rmg_tx_upsert_edge(twin.tx, &twin.instance, &edge));
        break;
    case RMG_OP_SET_ATTACHMENT:
        if (emit->join != RMG_JOIN_NONE) {
            must(rmg_tx_graph(twin.tx, &twin.instance, &now));
            must(rmg_attachment_get(&now, op->plane, &op->id, attachment.name, attachment.name_size,
                                    &value));
            int64_t is = (int64_t)jit_le64(value.bytes);
            int64_t put = (int64_t)jit_le64(attachment.value.bytes);
            jit_put_le64(sum, (uint64_t)(emit->join == RMG_JOIN_SUM ? is + put
                                         : is > put                 ? is
                                                                    : put));
            attachment.value.bytes = sum;
        }
        must(rmg_tx_set_attachment(twin.tx, &twin.instance, op->plane, &op->id, &attachment));
        break;
    default:
        ck_abort();
    }
}

/* Into the twin's open transaction. */
static void perform(void)
{
    struct rmg_emit sorted[EMITS_MAX];
    memcpy(sorted, rewrite.emits, rewrite.count * sizeof *sorted);
    qsort(sorted, rewrite.count, sizeof *sorted, by_kind);
    for (uint32_t i = 0; i < rewrite.count; i++) {
        perform_one(&sorted[i]);
    }
}

/* ---- reading what is not there yet ---- */

static void same_edges(const struct rmg_graph *a, const struct rmg_graph *b,
                       const struct jit_id *node, enum rmg_direction direction,
                       const struct jit_id *type)
{
    struct rmg_iter x;
    struct rmg_iter y;
    uint64_t counts[2] = {0, 0};
    uint64_t listed = 0;
    enum jit_err err = JIT_OK;
    rmg_iter_edges_of(a, node, direction, type, &x);
    rmg_iter_edges_of(b, node, direction, type, &y);
    while (err == JIT_OK) {
        struct rmg_edge edges[2];
        err = rmg_iter_edge(&x, &edges[0]);
        ck_assert_int_eq(rmg_iter_edge(&y, &edges[1]), err);
        if (err == JIT_OK) {
            const struct jit_id *other = direction == RMG_DIR_OUT ? &edges[0].to : &edges[0].from;
            struct rmg_edge got;
            ck_assert_mem_eq(&edges[0], &edges[1], sizeof edges[0]);
            must(rmg_edge_get(b, &edges[0].id, &got));
            ck_assert_mem_eq(&edges[0], &got, sizeof got);
            must(rmg_degree_between(a, node, direction, &edges[0].type, other, &counts[0]));
            must(rmg_degree_between(b, node, direction, &edges[0].type, other, &counts[1]));
            ck_assert_uint_eq(counts[0], counts[1]);
            listed++;
        }
    }
    ck_assert_int_eq(err, JIT_ENOENT);
    must(rmg_degree(a, node, direction, type, &counts[0]));
    must(rmg_degree(b, node, direction, type, &counts[1]));
    ck_assert_uint_eq(counts[0], counts[1]);
    ck_assert_uint_eq(counts[0], listed);
}

static void same_fields(const struct rmg_graph *a, const struct rmg_graph *b, bool is_edge,
                        const struct jit_id *owner)
{
    static const char *const names[] = {"i", "hits", "peak", "w", "none"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        enum rmg_plane plane = is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
        uint32_t size = (uint32_t)strlen(names[i]);
        struct rmg_value x;
        struct rmg_value y;
        enum jit_err err = rmg_attachment_get(a, plane, owner, names[i], size, &x);
        ck_assert_int_eq(rmg_attachment_get(b, plane, owner, names[i], size, &y), err);
        if (err == JIT_OK) {
            ck_assert(x.kind == y.kind && jit_id_equal(&x.type, &y.type) && x.size == y.size);
            ck_assert_mem_eq(x.bytes, y.bytes, x.size);
        }
    }
}

/* All that either graph has. */
static void same_graph(const struct rmg_graph *before, const struct rmg_graph *a,
                       const struct rmg_graph *b)
{
    const struct jit_id types[] = {type_of("P"), type_of("Q"), type_of("D"), type_of("E")};
    for (unsigned from = 0; from < 2; from++) {
        struct rmg_iter iter;
        struct jit_id id;
        struct jit_id type;
        struct rmg_edge edge;
        rmg_iter_all(from == 0 ? before : a, RMG_NODES, &iter);
        while (rmg_iter_node(&iter, &id, &type) == JIT_OK) {
            struct jit_id x = {{0}};
            struct jit_id y = {{0}};
            enum jit_err err = rmg_node_type(a, &id, &x);
            ck_assert_int_eq(rmg_node_type(b, &id, &y), err);
            ck_assert(err != JIT_OK || jit_id_equal(&x, &y));
            for (unsigned d = RMG_DIR_OUT; d <= RMG_DIR_IN; d++) {
                same_edges(a, b, &id, (enum rmg_direction)d, NULL);
                same_edges(a, b, &id, (enum rmg_direction)d, &types[2]);
                same_edges(a, b, &id, (enum rmg_direction)d, &types[3]);
            }
            same_fields(a, b, false, &id);
        }
        rmg_iter_all(from == 0 ? before : a, RMG_EDGES, &iter);
        while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
            struct rmg_edge other;
            ck_assert_int_eq(rmg_edge_get(a, &edge.id, &other), rmg_edge_get(b, &edge.id, &other));
            same_fields(a, b, true, &edge.id);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        uint64_t counts[2];
        must(rmg_extent_count(a, i > 1, &types[i], &counts[0]));
        must(rmg_extent_count(b, i > 1, &types[i], &counts[1]));
        ck_assert_uint_eq(counts[0], counts[1]);
    }
}

static void compare_after(const struct rmg_graph *before, const struct rmg_graph *performed)
{
    struct rmg_after after;
    struct rmg_graph graph;
    rmg_after_init(&after, &f.mem.heap);
    rmg_after_begin(&after, before, UINT32_MAX);
    for (uint32_t i = 0; i < rewrite.count; i++) {
        must(rmg_emit_after(&after, &rewrite.emits[i], &rewrite.scratch));
    }
    must(rmg_after_end(&after, &graph));
    same_graph(before, performed, &graph);
    rmg_after_reads(&after);
    for (size_t i = 1; i < after.read_count; i++) {
        ck_assert_int_lt(rmg_slot_compare(&after.reads[i - 1], &after.reads[i]), 0);
    }
    rmg_after_release(&after);
}

/* ---- random graphs ---- */

#define SEEDS 12
#define TICKS 5
static uint64_t broken[RULES_MAX];
static uint64_t applied;
static uint64_t conflicts;

/* What is to become of each request by itself: a whole search says which invariant it breaks. */
#define KEEPS UINT32_MAX
static uint32_t breaks[REQUESTS_MAX];
static enum rmg_result alone[REQUESTS_MAX];

static void judge_each(void)
{
    struct rmg_graph before = kit_graph_of(&twin, NULL);
    for (uint32_t i = 0; i < request_count; i++) {
        struct rmg_graph performed;
        requests[i].user = i;
        verify(&before, &requests[i]);
        alone[i] = rewrite.result;
        if (rewrite.result != RMG_APPLIED) {
            continue;
        }
        kit_open(&twin);
        perform();
        must(rmg_tx_graph(twin.tx, &twin.instance, &performed));
        if (i % 4 == 0) {
            compare_after(&before, &performed);
        }
        breaks[i] = KEEPS;
        (void)all_hold(&performed, &breaks[i]);
        rmg_tx_abort(twin.tx);
        rmg_store_unpin(twin.store, &twin.version);
        twin.tx = NULL;
    }
}

static void compare_verdicts(void)
{
    for (uint32_t i = 0; i < request_count; i++) {
        const struct rmg_receipt *receipt = &output.receipts[i];
        uint32_t index = requests[i].user;
        if (alone[index] != RMG_APPLIED) {
            ck_assert_int_eq(receipt->result, alone[index]);
        } else if (breaks[index] != KEEPS) {
            ck_assert_int_eq(receipt->result, RMG_INVARIANT);
            ck_assert_uint_eq(receipt->blocker, breaks[index]);
        } else {
            ck_assert(receipt->result == RMG_APPLIED || receipt->result == RMG_CONFLICT);
        }
    }
}

/* Those that were applied, one after the other, in any order: each still applies, and at each step
 * all hold. */
static void check_steps(void)
{
    uint32_t order[REQUESTS_MAX];
    struct rmg_graph before = kit_graph_of(&twin, NULL);
    struct rmg_graph now;
    uint32_t first = 0;
    for (uint32_t i = 0; i < request_count; i++) {
        uint32_t k = (uint32_t)jit_random_below(&dice, i + 1);
        order[i] = i;
        order[i] = order[k];
        order[k] = i;
    }
    tick--; /* ids of what it makes */
    kit_open(&twin);
    must(rmg_tx_graph(twin.tx, &twin.instance, &now));
    for (uint32_t i = 0; i < request_count; i++) {
        if (output.receipts[order[i]].result == RMG_APPLIED) {
            verify(&now, &requests[order[i]]);
            ck_assert_int_eq(rewrite.result, RMG_APPLIED);
            verify(&before, &requests[order[i]]);
            perform();
            must(rmg_tx_graph(twin.tx, &twin.instance, &now));
            ck_assert_msg(all_hold(&now, &first), "%s", invariants[first]->name);
        }
    }
    kit_seal(&twin);
    tick++;
    ck_assert(jit_id_equal(&twin.version.state_root, &g.version.state_root));
}

START_TEST(random_graphs) /* _i: seed */
{
    begin(_i % 2 == 0 ? TYPES INVARIANTS RULES : TYPES INVARIANTS RULES ANYWHERE,
          100 + (uint64_t)_i);
    jit_buf_init(&rewrite.values, &f.mem.heap, 1u << 20);
    rmg_scratch_init(&rewrite.scratch, &f.mem.heap);
    for (uint32_t round = 0; round < TICKS; round++) {
        uint32_t first = 0;
        gather();
        judge_each();
        advance();
        compare_verdicts();
        check_steps();
        struct rmg_graph graph = kit_graph_of(&g, NULL);
        ck_assert_msg(all_hold(&graph, &first), "%s", invariants[first]->name);
    }
    rmg_scratch_release(&rewrite.scratch);
    jit_buf_release(&rewrite.values);
    end();
}
END_TEST

/* Each of them is in the way somewhere; in one process, so that the counts add up. */
START_TEST(each_is_broken_somewhere)
{
    for (uint64_t seed = 0; seed < 12; seed++) {
        begin(TYPES INVARIANTS RULES, 500 + seed);
        for (uint32_t round = 0; round < TICKS; round++) {
            gather();
            advance();
            for (uint32_t i = 0; i < request_count; i++) {
                if (output.receipts[i].result == RMG_INVARIANT) {
                    broken[output.receipts[i].blocker]++;
                }
            }
            applied += output.applied;
            conflicts += output.counts[RMG_CONFLICT];
        }
        end();
    }
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_msg(broken[i] > 0, "nothing ever breaks number %u", i);
    }
    ck_assert_uint_gt(applied, 100);
    ck_assert_uint_gt(conflicts, 100);
}
END_TEST

/* ---- by hand ---- */

/* Two that keep it alone and break it together: the second in the order loses to the first. Sums
 * into one field do not go together any more where somebody looks at it. */
START_TEST(together)
{
    begin(TYPES "invariant few never match (a:P) where a.hits > 1\n"
                "rule bump match (a:P), (b:P) where a.i = 0 and b.i > 1 add a.hits, 1\n",
          1);
    gather();
    ck_assert_uint_eq(request_count, PS - 1);
    advance();
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_uint_eq(output.counts[RMG_CONFLICT], PS - 2);
    gather();
    advance();
    ck_assert_uint_eq(output.applied, 0);
    ck_assert_uint_eq(output.counts[RMG_INVARIANT], PS - 1);
    ck_assert_uint_eq(output.receipts[0].blocker, 0);
    end();
    /* Nobody looks at hits: all go together. */
    begin(TYPES "invariant other never match (a:P) where a.i > 100\n"
                "rule bump match (a:P), (b:P) where a.i = 0 and b.i > 1 add a.hits, 1\n",
          1);
    gather();
    advance();
    ck_assert_uint_eq(output.applied, PS - 1);
    end();
}
END_TEST

/* A hub with more edges than the budget has looks: over budget, the tick goes on. */
START_TEST(over_budget)
{
    begin(TYPES "invariant heavy never match (a:P) where sum((a)-[e:D]->(), e.w) > 7\n"
                "rule weigh match (a:P)-[e:D]->(b:P) where b.i = 2 set e.w = e.w + 1\n"
                "rule other match (q:Q) where q.i = 0 set q.i = 1\n",
          1);
    struct jit_id d = type_of("D");
    kit_open(&g);
    for (uint64_t n = 0; n < 3000; n++) {
        struct rmg_edge edge = {
            .id = kit_id('E', n), .from = kit_id('N', 0), .to = kit_id('N', 1), .type = d};
        must(rmg_tx_upsert_edge(g.tx, &g.instance, &edge));
        kit_put_i64(&g, RMG_PLANE_BETA, edge.id, "w", 0);
    }
    kit_seal(&g);
    gather();
    advance();
    ck_assert_uint_gt(output.counts[RMG_OVER_BUDGET], 0);
    ck_assert_uint_eq(output.applied, output.counts[RMG_APPLIED]);
    ck_assert_uint_eq(output.counts[RMG_OVER_BUDGET] + output.applied, request_count);
    end();
}
END_TEST

/* Where an instance is not watched nothing is asked. */
START_TEST(not_watched)
{
    begin(TYPES "invariant never_one never match (a:Q) where a.i = 1\n"
                "rule one match (q:Q) where q.i = 0 set q.i = 1\n",
          1);
    gather();
    advance();
    ck_assert_uint_eq(output.counts[RMG_INVARIANT], QS);
    for (uint32_t i = 0; i < request_count; i++) {
        requests[i].watched = false;
    }
    advance();
    ck_assert_uint_eq(output.applied, QS);
    end();
}
END_TEST

/* What was looked at is in the patch, as read. */
START_TEST(reads_are_in_slots)
{
    begin(TYPES "invariant pair never match (a:P)-[:D]->(b:P) where a.i = b.i\n"
                "rule paint match (a:P) where a.i = 2 set a.i = 1\n",
          1);
    gather();
    advance();
    struct jit_cursor cur = jit_cursor_of(output.patch, output.patch_size);
    struct jit_id root;
    jit_get_id(&cur, &root);
    uint64_t count = jit_get_u64(&cur);
    uint64_t incidences = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct rmg_slot slot;
        must(rmg_slot_decode(&cur, &slot));
        incidences += slot.kind == RMG_SLOT_INCIDENCE;
    }
    ck_assert_uint_eq(incidences, 2); /* D edges that leave and that enter a */
    end();
}
END_TEST

static enum jit_err watch_refused(struct jit_heap *heap)
{
    struct rmg_watch *watch = NULL;
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    enum rmg_result result = RMG_APPLIED;
    uint32_t which = 0;
    enum jit_err err = rmg_watch_new(heap, (const struct rmg_rule *const *)invariants,
                                     f.system->invariant_count, &watch);
    if (err == JIT_OK) {
        rmg_after_begin(&watch->after, &graph, 4096);
    }
    for (uint32_t i = 0; err == JIT_OK && i < rewrite.count; i++) {
        err = rmg_emit_after(&watch->after, &rewrite.emits[i], &rewrite.scratch);
    }
    if (err == JIT_OK) {
        err = rmg_watch_ask(watch, rules[0], &result, &which);
    }
    rmg_watch_free(watch);
    return err;
}

START_TEST(no_memory)
{
    begin(TYPES INVARIANTS "rule spawn match (a:P) create (n:P {i = 5})<-[:D]-(a)\n", 1);
    jit_buf_init(&rewrite.values, &f.mem.heap, 1u << 20);
    rmg_scratch_init(&rewrite.scratch, &f.mem.heap);
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    gather();
    verify(&graph, &requests[0]);
    ck_assert_int_eq(rewrite.result, RMG_APPLIED);
    long refused = 0;
    for (enum jit_err err = JIT_ENOMEM; err != JIT_OK; refused++) {
        struct fault_heap mem = fault_heap_make(refused, false);
        err = watch_refused(&mem.heap);
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        ck_assert_int_eq(mem.live, 0);
        ck_assert_int_lt(refused, 1000);
    }
    ck_assert_int_gt(refused, 5);
    rmg_scratch_release(&rewrite.scratch);
    jit_buf_release(&rewrite.values);
    end();
}
END_TEST

/* ---- programs that may be none ---- */

START_TEST(programs)
{
    static const struct {
        const char *text;
        bool may;
    } cases[] = {
        {"rule r match (a:P) set a.i = 1\n", false},
        {"rule r match (a:P) delete a\n", false},
        {"rule r match (a:P) create (b:Q)\n", false},
        {"rule r(p: i64) match (a:P) where a.i = p set a.i = 1\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, TYPES "%s", cases[i].text);
        lang_fixture_init(&f);
        must(lang_fixture_parse(&f, text, strlen(text)));
        struct rmg_rule *rule = NULL;
        must(rmg_rule_decode(&f.mem.heap, f.system->rules[0].program,
                             f.system->rules[0].program_size, &rule));
        ck_assert_int_eq(rmg_invariant_wrong(rule) == NULL, cases[i].may);
        rmg_rule_free(&f.mem.heap, rule);
        lang_fixture_release(&f);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "invariant", 60);
    tcase_add_loop_test(t, random_graphs, 0, SEEDS);
    tcase_add_test(t, each_is_broken_somewhere);
    tcase_add_test(t, together);
    tcase_add_test(t, over_budget);
    tcase_add_test(t, not_watched);
    tcase_add_test(t, reads_are_in_slots);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, programs);
}

TEST_MAIN("invariant", suite)

/* Goal:   a rule as a graph is the rule: L what is matched, K what stays of it, R what there is
 *         afterwards; its hash is that of its program and of nothing else.
 * Method: sample rules and the state that is made of them, element by element. */
#include <stdio.h>

#include "base/hash.h"
#include "rmg/rules/rule_graph.h"
#include "rmg/store/store.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/sample_rules.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;
static struct rmg_arena *arena;
static struct rmg_store *store;
static struct rmg_version version;
static struct jit_buf program;

static void encode(const struct rmg_rule *rule)
{
    jit_buf_init(&program, jit_heap_libc(), JIT_RULE_TEXT_BYTES_MAX);
    must(rmg_rule_encode(rule, &program));
}

/* The state that holds the graph of this rule, and the graph's hash. */
static enum jit_err begin(struct jit_heap *heap, const struct rmg_rule *rule, struct jit_id *hash)
{
    struct rmg_collect *collect = NULL;
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    arena = NULL;
    store = NULL;
    enum jit_err err = rmg_arena_new(heap, 4u << 20, &arena);
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    err = err == JIT_OK ? rmg_store_new(heap, &options, &store) : err;
    err = err == JIT_OK ? rmg_collect_new(heap, store, &collect) : err;
    err = err == JIT_OK ? rmg_collect_path(collect, "/", &at) : err;
    err = err == JIT_OK ? rmg_collect_path(collect, "/rules", &at) : err;
    err = err == JIT_OK ? rmg_rule_graph(collect, rule, program.data, (uint32_t)program.size, hash)
                        : err;
    struct rmg_version empty = rmg_version_empty();
    err = err == JIT_OK ? rmg_tx_begin(store, &empty, &tx) : err;
    if (tx != NULL) {
        err = rmg_collect_load(collect, tx, &at);
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &version);
        } else {
            rmg_tx_abort(tx);
        }
    }
    struct jit_id instance = *hash;
    err = err == JIT_OK ? rmg_store_instance_root(store, &version, &instance, hash) : err;
    rmg_collect_free(collect);
    return err;
}

static void end(struct jit_heap *heap)
{
    if (store != NULL) {
        rmg_store_free(store);
    }
    if (arena != NULL) {
        rmg_arena_free(heap, arena);
    }
}

static struct rmg_graph part(const struct rmg_rule *rule, const char *which)
{
    char path[300];
    struct jit_id id;
    struct rmg_instance instance;
    struct rmg_graph graph;
    snprintf(path, sizeof path, "/rules/%s%s", rule->name, which);
    jit_hash_named("warp:", path, strlen(path), &id);
    must(rmg_store_instance(store, &version, &id, &instance));
    rmg_store_graph(store, &instance, &graph);
    return graph;
}

/* 1: a node of this type, 2: an edge; 0: not there. */
static int there(const struct rmg_graph *graph, const struct rmg_rule *rule, const char *place,
                 struct jit_id *type)
{
    char label[300];
    struct jit_id id;
    struct rmg_edge edge;
    snprintf(label, sizeof label, "%s/%s", rule->name, place);
    jit_hash_named("node:", label, strlen(label), &id);
    if (rmg_node_type(graph, &id, type) == JIT_OK) {
        return 1;
    }
    jit_hash_named("edge:", label, strlen(label), &id);
    if (rmg_edge_get(graph, &id, &edge) == JIT_OK) {
        *type = edge.type;
        return 2;
    }
    return 0;
}

/* Which elements L, K and R have; as digits, an L of "121" being a path. */
static void expect(enum sample_rule which, const char *l, const char *k, const char *r)
{
    static const char *const places[] = {"0", "1", "2", "new/0", "new/1"};
    struct rmg_rule *rule = sample_rule(which);
    const char *want[] = {l, k, r};
    struct jit_id hash;
    mem = fault_heap_make(-1, false);
    encode(rule);
    must(begin(&mem.heap, rule, &hash));
    for (unsigned i = 0; i < 3; i++) {
        const char name[] = {'/', "LKR"[i], 0};
        struct rmg_graph graph = part(rule, name);
        uint64_t nodes = 1; /* the instance's own */
        uint64_t edges = 0;
        for (size_t place = 0; place < strlen(want[i]); place++) {
            struct jit_id type;
            int got = there(&graph, rule, places[place], &type);
            ck_assert_msg(got == want[i][place] - '0', "rule %s, %s, place %s: %d", rule->name,
                          name, places[place], got);
            ck_assert(
                got == 0 ||
                jit_id_equal(&type, &(struct jit_id[]){sample_type_p(), sample_type_d()}[got - 1]));
            nodes += got == 1;
            edges += got == 2;
        }
        ck_assert_uint_eq(graph.roots.node_count, nodes);
        ck_assert_uint_eq(graph.roots.edge_count, edges);
    }
    end(&mem.heap);
    jit_buf_release(&program);
    sample_rule_free(rule);
    ck_assert_int_eq(mem.live, 0);
}

START_TEST(parts)
{
    expect(SAMPLE_INFECT, "12100", "12100", "12100");
    expect(SAMPLE_PRUNE, "12100", "10000", "10000");
    expect(SAMPLE_GROW, "10000", "10000", "10012");
    expect(SAMPLE_PUT, "1", "1", "1");
}
END_TEST

/* Writes are in R alone, with their expressions. */
START_TEST(updates_are_in_the_result)
{
    struct rmg_rule *rule = sample_rule(SAMPLE_PUT);
    const struct rmg_rule_update *update = &rule->updates[0];
    struct jit_id hash;
    struct jit_id owner;
    struct rmg_value value;
    char label[300];
    mem = fault_heap_make(-1, false);
    encode(rule);
    must(begin(&mem.heap, rule, &hash));
    snprintf(label, sizeof label, "%s/0", rule->name);
    jit_hash_named("node:", label, strlen(label), &owner);
    struct rmg_graph l = part(rule, "/L");
    struct rmg_graph r = part(rule, "/R");
    ck_assert_int_eq(rmg_attachment_get(&l, RMG_PLANE_ALPHA, &owner, "v", 1, &value), JIT_ENOENT);
    must(rmg_attachment_get(&r, RMG_PLANE_ALPHA, &owner, "v", 1, &value));
    ck_assert_uint_eq(value.size, 2 + update->expr.size);
    ck_assert_int_eq(value.bytes[0], RMG_UPDATE_SET);
    ck_assert_int_eq(value.bytes[1], RMG_CODEC_BYTES);
    ck_assert_mem_eq(value.bytes + 2, update->expr.code, update->expr.size);
    end(&mem.heap);
    jit_buf_release(&program);
    sample_rule_free(rule);
}
END_TEST

START_TEST(the_hash_is_the_rule)
{
    struct jit_id hashes[SAMPLE_RULES + 1];
    for (int i = 0; i <= SAMPLE_RULES; i++) {
        struct rmg_rule *rule = sample_rule((enum sample_rule)(i % SAMPLE_RULES));
        rule->priority += i == SAMPLE_RULES; /* the first one again, in one word another */
        mem = fault_heap_make(-1, false);
        for (int again = 0; again < 2; again++) {
            struct jit_id hash;
            encode(rule);
            must(begin(&mem.heap, rule, &hash));
            ck_assert(again == 0 || jit_id_equal(&hash, &hashes[i]));
            hashes[i] = hash;
            end(&mem.heap);
            jit_buf_release(&program);
        }
        for (int k = 0; k < i; k++) {
            ck_assert(!jit_id_equal(&hashes[i], &hashes[k]));
        }
        sample_rule_free(rule);
    }
}
END_TEST

START_TEST(refused_memory)
{
    struct rmg_rule *rule = sample_rule(SAMPLE_GROW);
    enum jit_err err = JIT_ENOMEM;
    encode(rule);
    for (int nth = 0; err != JIT_OK; nth++) {
        struct jit_id hash;
        ck_assert_int_lt(nth, 10000);
        mem = fault_heap_make(nth, false);
        err = begin(&mem.heap, rule, &hash);
        ck_assert(err == JIT_OK || err == JIT_ENOMEM);
        end(&mem.heap);
        ck_assert_int_eq(mem.live, 0);
    }
    jit_buf_release(&program);
    sample_rule_free(rule);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "rule_graph", 60);
    tcase_add_test(t, parts);
    tcase_add_test(t, updates_are_in_the_result);
    tcase_add_test(t, the_hash_is_the_rule);
    tcase_add_test(t, refused_memory);
}

TEST_MAIN("rule_graph", suite)

/* Rows of rules: the language, programs, searches, the engine. */
#include "base/exec.h"
#include "base/hash.h"
#include "rmg/lang/lang_advise.h"
#include "rmg/lang/lang_query.h"
#include "rmg/rules/search.h"
#include "rmg/engine/work.h"
#include "tests/kernel/oom_rows.h"
#include "tests/lib/cell_rules.h"
#include "tests/lib/bed.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"

#define TEXT_MAX  (1u << 20)
#define NODES     24u
#define EDGES     40u
#define REQUESTS  24u
#define SEED      11u
#define STEP_MAKE 5u

static const char text[] =
    "system test\n" CELL_TYPES CELL_INFECT CELL_HEAL
    "process w[2] run infect(p = 0.7), heal(q = 0.3) apply all over shard(/world)\n"
    "grant w: map /world; invoke infect, heal on /world\n";
static const char question[] =
    "match (a:P)-[e:D]->(b:P) where a.state < 2 return a, b.hits + 1 as n "
    "order by n limit 5";

static struct bed bed;
static struct bed_batch batch; /* as drawn */
static struct fault_heap mem;
static struct lang_system *lang;
static struct jit_buf messages;

/* ---- texts ---- */

static void begin_text(struct oom *oom)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&messages, jit_heap_libc(), TEXT_MAX);
    lang = NULL;
    oom->mem = &mem;
}

static void begin_system(struct oom *oom)
{
    begin_text(oom);
    must(lang_parse(jit_heap_libc(), "test", (const uint8_t *)text, sizeof text - 1, &lang,
                    &messages));
}

static void end_text(struct oom *oom)
{
    (void)oom;
    ck_assert_uint_eq(messages.size, 0);
    lang_system_free(jit_heap_libc(), lang);
    jit_buf_release(&messages);
}

static enum jit_err take(struct oom *oom, struct jit_buf *buf, enum jit_err err)
{
    err = err == JIT_OK ? buf->err : err;
    if (err == JIT_OK) {
        jit_hash(buf->data, buf->size, &oom->result);
    }
    jit_buf_release(buf);
    return err;
}

static enum jit_err run_parse(struct oom *oom)
{
    struct lang_system *system = NULL;
    enum jit_err err =
        lang_parse(&mem.heap, "test", (const uint8_t *)text, sizeof text - 1, &system, &messages);
    if (err == JIT_OK) {
        oom->result = system->rules[1].rule.hash;
        jit_hash(system->rules[1].program, system->rules[1].program_size, &oom->result);
    }
    lang_system_free(&mem.heap, system);
    return err;
}

static enum jit_err run_tidy(struct oom *oom)
{
    struct jit_buf out;
    jit_buf_init(&out, &mem.heap, TEXT_MAX);
    return take(
        oom, &out,
        lang_tidy(&mem.heap, "test", (const uint8_t *)text, sizeof text - 1, &out, &messages));
}

static enum jit_err run_format(struct oom *oom)
{
    struct jit_buf out;
    jit_buf_init(&out, &mem.heap, TEXT_MAX);
    lang_format(lang, &out);
    return take(oom, &out, JIT_OK);
}

static bool count_advice(void *user, const struct lang_advice *advice)
{
    ck_assert(advice->text[0] != '\0');
    ++*(uint64_t *)user;
    return true;
}

static enum jit_err run_advise(struct oom *oom)
{
    struct lang_advisor *advisor = NULL;
    uint64_t count = 0;
    enum jit_err err = lang_advisor_new(&mem.heap, lang, &advisor);
    err = err == JIT_OK ? lang_advise(advisor, count_advice, &count) : err;
    lang_advisor_free(advisor);
    jit_hash(&count, sizeof count, &oom->result);
    return err;
}

/* ---- programs ---- */

static enum jit_err run_decode(struct oom *oom)
{
    struct rmg_rule *rule = NULL;
    struct jit_buf again;
    enum jit_err err =
        rmg_rule_decode(&mem.heap, lang->rules[1].program, lang->rules[1].program_size, &rule);
    if (err != JIT_OK) {
        return err;
    }
    jit_buf_init(&again, &mem.heap, TEXT_MAX);
    err = take(oom, &again, rmg_rule_encode(rule, &again));
    rmg_rule_free(&mem.heap, rule);
    return err;
}

static bool count_clash(void *user, const struct rmg_rule_clash *clash)
{
    (void)clash;
    ++*(uint64_t *)user;
    return true;
}

static enum jit_err run_facts(struct oom *oom)
{
    struct rmg_rule_facts a;
    struct rmg_rule_facts b;
    uint64_t count = 0;
    enum jit_err err = rmg_rule_facts_init(&mem.heap, bed.rules[SAMPLE_GROW], &a);
    enum jit_err other = rmg_rule_facts_init(&mem.heap, bed.rules[SAMPLE_PRUNE], &b);
    if (err == JIT_OK && other == JIT_OK) {
        (void)rmg_rules_clash(&a, &b, true, count_clash, &count);
        jit_hash(&count, sizeof count, &oom->result);
    }
    rmg_rule_facts_release(&mem.heap, &b);
    rmg_rule_facts_release(&mem.heap, &a);
    return err == JIT_OK ? other : err;
}

/* ---- a graph ---- */

static void begin_bed(struct oom *oom)
{
    begin_text(oom);
    bed_begin(&bed, NODES, EDGES, SEED, false);
    batch = (struct bed_batch){.count = 0};
    bed_requests(&bed, &batch, REQUESTS);
}

static void end_bed(struct oom *oom)
{
    bed_end(&bed);
    ck_assert_int_eq(bed.mem.live, 0);
    end_text(oom);
}

/* Nothing but the store's own line may have changed: it is the base still. */
static void whole_bed(struct oom *oom)
{
    struct rmg_fault fault;
    (void)oom;
    must(rmg_store_verify(bed.store, &bed.version, &fault));
}

static void graph_of(struct rmg_graph *graph)
{
    struct rmg_instance top;
    must(rmg_store_top(bed.store, &bed.version, &top));
    rmg_store_graph(bed.store, &top, graph);
}

static bool count_match(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct jit_hasher *hasher = user;
    jit_hasher_update(hasher, ids, id_count * sizeof *ids);
    return true;
}

static enum jit_err run_search(struct oom *oom)
{
    const struct rmg_shard all = {.index = 0, .count = 1};
    const struct rmg_draw draw = {.seed = 1, .tick = 1};
    struct rmg_search *search = NULL;
    struct rmg_graph graph;
    struct jit_hasher hasher;
    graph_of(&graph);
    jit_hasher_init(&hasher);
    enum jit_err err =
        rmg_search_new(&mem.heap, bed.rules[SAMPLE_INFECT], NULL, 0, &bed.instance, all, &search);
    err = err == JIT_OK ? rmg_search_all(search, &graph) : err;
    err = err == JIT_OK ? rmg_search_update(search, &graph, &graph) : err;
    err = err == JIT_OK ? rmg_search_each(search, &draw, count_match, &hasher) : err;
    jit_hasher_final(&hasher, &oom->result);
    rmg_search_free(search);
    return err;
}

static enum jit_err run_query(struct oom *oom)
{
    struct lang_graph_types *types = NULL;
    struct lang_query *query = NULL;
    struct lang_rows rows = {.ids = NULL};
    struct rmg_graph graph;
    graph_of(&graph);
    enum jit_err err = lang_graph_types_new(&mem.heap, &graph, NULL, &types);
    if (err == JIT_OK) {
        struct lang_types look = lang_graph_types_of(types);
        err = lang_query_parse(&mem.heap, (const uint8_t *)question, sizeof question - 1, &look,
                               &query, &messages);
    }
    if (err == JIT_OK) {
        err = lang_query_run(&mem.heap, query, &graph, 3, UINT64_MAX, &rows);
    }
    if (err == JIT_OK) {
        jit_hash(rows.ids, rows.count * rows.width * sizeof *rows.ids, &oom->result);
    }
    lang_rows_release(&rows);
    lang_query_free(&mem.heap, query);
    lang_graph_types_free(types);
    return err;
}

static void begin_engine(struct oom *oom)
{
    begin_bed(oom);
    oom->mem = &bed.mem; /* of store and engine */
}

static void end_engine(struct oom *oom)
{
    end_bed(oom);
}

static enum jit_err run_engine_new(struct oom *oom)
{
    struct rmg_engine *engine = NULL;
    enum jit_err err = rmg_engine_new(&bed.mem.heap, bed.store, jit_exec_inline(), &engine);
    rmg_engine_free(engine);
    oom->result = bed.version.state_root;
    return err;
}

static enum jit_err run_tick(struct oom *oom)
{
    static struct bed_batch work;
    struct rmg_tick_output output;
    bed_copy(&work, &batch);
    struct rmg_tick_input input = bed_input(&bed, &work);
    enum jit_err err = rmg_engine_tick(bed.engine, &input, &output);
    if (err == JIT_OK) {
        ck_assert_uint_gt(output.applied, 0);
        oom->result = output.commit;
    }
    return err;
}

static enum jit_err work_once(struct rmg_work *work)
{
    const struct jit_id type = sample_type_p();
    const struct jit_id edge_type = sample_type_d();
    static const uint8_t bytes[400] = {3};
    uint32_t made[STEP_MAKE];
    uint32_t edge = 0;
    enum jit_err err = rmg_work_step(work);
    for (unsigned i = 0; err == JIT_OK && i < STEP_MAKE; i++) {
        struct rmg_attachment value = {
            "v", 1, {RMG_VALUE_ATOM, type, bytes, i % 2 == 0 ? sizeof bytes : 4}};
        err = rmg_work_add_node(work, &type, NULL, &made[i]);
        err = err == JIT_OK ? rmg_work_add_edge(work, made[i], &edge_type, made[0], NULL, &edge)
                            : err;
        err = err == JIT_OK ? rmg_work_set(work, RMG_PLANE_ALPHA, made[i], &value) : err;
        err = err == JIT_OK ? rmg_work_set(work, RMG_PLANE_BETA, edge, &value) : err;
    }
    err = err == JIT_OK ? rmg_work_clear(work, RMG_PLANE_BETA, edge, "v", 1) : err;
    err = err == JIT_OK ? rmg_work_delete_edge(work, edge) : err;
    return err;
}

static enum jit_err run_work(struct oom *oom)
{
    struct rmg_graph graph;
    struct rmg_work *work = NULL;
    struct rmg_tx *tx = NULL;
    struct rmg_version version;
    graph_of(&graph);
    struct rmg_work_base base = {.graph = &graph,
                                 .instance = bed.instance,
                                 .root_node = bed.nodes[0],
                                 .key = bed.nodes[1],
                                 .seed = 1,
                                 .tick = 2};
    enum jit_err err = rmg_work_new(&bed.mem.heap, &base, &work);
    err = err == JIT_OK ? work_once(work) : err;
    err = err == JIT_OK ? work_once(work) : err;
    err = err == JIT_OK ? rmg_tx_begin(bed.store, &bed.version, &tx) : err;
    if (err == JIT_OK) {
        err = rmg_work_commit(work, tx);
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &version);
        } else {
            rmg_tx_abort(tx);
        }
    }
    rmg_work_free(work);
    if (err == JIT_OK) {
        oom->result = version.state_root;
    }
    return err;
}

const struct oom_row oom_rule_rows[] = {
    {"lang_parse", begin_text, run_parse, NULL, end_text, false, false},
    {"lang_tidy", begin_text, run_tidy, NULL, end_text, false, false},
    {"lang_format", begin_system, run_format, NULL, end_text, false, false},
    {"lang_advise", begin_system, run_advise, NULL, end_text, false, false},
    {"rmg_rule_decode", begin_system, run_decode, NULL, end_text, false, false},
    {"rmg_rules_clash", begin_bed, run_facts, NULL, end_bed, false, false},
    {"rmg_search", begin_bed, run_search, NULL, end_bed, false, false},
    {"lang_query", begin_bed, run_query, NULL, end_bed, false, false},
    {"rmg_engine_new", begin_engine, run_engine_new, whole_bed, end_engine, false, false},
    {"rmg_engine_tick", begin_engine, run_tick, NULL, end_engine, false, false},
    {"rmg_work", begin_engine, run_work, NULL, end_engine, false, false},
};
const size_t oom_rule_row_count = sizeof oom_rule_rows / sizeof oom_rule_rows[0];

/* Scripts, from a version to a version with its root: the rules are text of the language, the time
 * is that of reading the version into the working form, running the script, committing with ids and
 * indexes, and hashing. The figure NAME_run is the script alone.
 * sts: Varro's mutual exclusion, 5n - 1 rewrites. sierpinski: generations, in parallel steps; a
 * corner's role is the type of its edge; sierpinski_2: its commit on two threads, by the wall
 * clock, beside sierpinski_wall, which has one, in between. colour2, acyclic, topsort, reverse:
 * unrooted loops on a grid of n cells whose edges go right and down. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "kernel/event/pool.h"
#include "rmg/lang/lang.h"
#include "rmg/store/tx_hands.h"
#include "tests/bench/bench.h"
#include "tests/lib/must.h"
#include "tests/lib/rule_kit.h"

#define RUNS_MAX 5

static const char sts_text[] =
    "system sts\n"
    "type Process\n"
    "type Resource\n"
    "edge next, token, held_by, release, request\n"
    "rule new match (a:Process)-[n:next]->(b:Process)\n"
    "  delete n create (a)-[:next]->(p:Process)-[:next]->(b)\n"
    "rule mount match (p:Process) create (r:Resource)-[:token]->(p)\n"
    "rule ask match (p:Process), (r:Resource)\n"
    "  where not (r)-[:held_by]->(p) and not (p)-[:request]->(:Resource) and\n"
    "    not (p)-[:request]->(r)\n"
    "  create (p)-[:request]->(r)\n"
    "rule take match (r:Resource)-[t:token]->(p:Process)-[q:request]->(r)\n"
    "  delete t, q create (r)-[:held_by]->(p)\n"
    "rule let match (r:Resource)-[h:held_by]->(p:Process)\n"
    "  where not (p)-[:request]->(:Resource) and not (p)-[:request]->(r)\n"
    "  delete h create (r)-[:release]->(p)\n"
    "rule give match (r:Resource)-[l:release]->(a:Process)-[:next]->(b:Process)\n"
    "  delete l create (r)-[:token]->(b)\n"
    "script run {\n"
    "  until none new at most %llu\n"
    "  once mount\n"
    "  until none ask\n"
    "  until none { once take once let once give }\n"
    "}\n";

static const char sierpinski_text[] =
    "system sierpinski\n"
    "type A type B type C type AB type BC type CA\n"
    "edge ab, bc, ca\n"
    "rule split match (a)-[x:ab]->(b)-[y:bc]->(c)-[z:ca]->(a)\n"
    "  delete x, y, z\n"
    "  create (a)-[:ab]->(p:AB)-[:ab]->(b)-[:bc]->(q:BC)-[:bc]->(c)-[:ca]->(r:CA)-[:ca]->(a),\n"
    "    (p)-[:bc]->(r), (r)-[:ab]->(q), (q)-[:ca]->(p)\n"
    "script run { until none { all split } at most %llu }\n";

static const char grid_text[] =
    "system grid\n"
    "type Cell { colour: i64 = 0, at: i64 = -1 }\n"
    "type Clock { n: i64 = 0 }\n"
    "edge E, DONE, CLASH\n"
    "rule seed match (a:Cell) where a.colour = 0 set a.colour = 1\n"
    "rule right match (a:Cell)-[:E]->(b:Cell) where a.colour <> 0 and b.colour = 0\n"
    "  set b.colour = 3 - a.colour\n"
    "rule left match (a:Cell)<-[:E]-(b:Cell) where a.colour <> 0 and b.colour = 0\n"
    "  set b.colour = 3 - a.colour\n"
    "rule clash match (a:Cell)-[:E]->(b:Cell) where a.colour <> 0 and a.colour = b.colour\n"
    "  create (a)-[:CLASH]->(b)\n"
    "rule cut match (a:Cell)-[e:E]->(b:Cell) where not (:Cell)-[:E]->(a) delete e\n"
    "rule number match (a:Cell), (c:Clock) where a.at = -1 and not (:Cell)-[:E]->(a)\n"
    "  set a.at = c.n, c.n = c.n + 1\n"
    "rule pass match (a:Cell)-[e:E]->(b:Cell) where a.at >= 0\n"
    "  delete e create (a)-[:DONE]->(b)\n"
    "rule turn match (a:Cell)-[e:E]->(b:Cell) delete e create (b)-[:DONE]->(a)\n"
    "script colour2 { until none { until none right | left once seed } once clash }\n"
    "script acyclic { until none cut }\n"
    "script topsort { until none number | pass }\n"
    "script reverse { until none turn }\n";

static struct lang_system *parse(const char *text, uint64_t number)
{
    struct lang_system *system = NULL;
    struct jit_buf messages;
    char source[8192];
    int size = snprintf(source, sizeof source, text, (unsigned long long)number);
    jit_buf_init(&messages, jit_heap_libc(), 65536);
    enum jit_err err = lang_parse(jit_heap_libc(), "bench.jitos", (const uint8_t *)source,
                                  (size_t)size, &system, &messages);
    if (err != JIT_OK) {
        fwrite(messages.data, 1, messages.size, stderr);
    }
    must(err);
    jit_buf_release(&messages);
    return system;
}

/* ---- the graphs to begin with ---- */

static struct jit_id type_of(const struct lang_system *system, const char *name)
{
    for (uint32_t i = 0; i < system->type_count; i++) {
        if (strcmp(system->types[i].name, name) == 0) {
            return system->types[i].id;
        }
    }
    abort();
}

static void begin(struct kit_graph *g, uint64_t bytes, struct rmg_bulk *bulk)
{
    g->heap = jit_heap_libc();
    g->instance = kit_id('I', 0);
    g->root = bulk->nodes[0].id;
    must(rmg_arena_new(jit_heap_libc(), bytes, &g->arena));
    struct rmg_store_options options = {.arenas = {g->arena}, .arena_count = 1};
    must(rmg_store_new(jit_heap_libc(), &options, &g->store));
    g->version = rmg_version_empty();
    must(rmg_tx_begin(g->store, &g->version, &g->tx));
    must(rmg_tx_upsert_instance(g->tx, &g->instance, &g->root, NULL));
    must(rmg_tx_load(g->tx, &g->instance, bulk));
    kit_seal(g);
}

static void begin_sts(struct kit_graph *g, const struct lang_system *system, uint64_t n)
{
    struct jit_id process = type_of(system, "Process");
    struct jit_id next = type_of(system, "next");
    struct rmg_bulk_node nodes[2] = {{kit_id('n', 0), process}, {kit_id('n', 1), process}};
    struct rmg_edge edges[2] = {{kit_id('e', 0), nodes[0].id, nodes[1].id, next},
                                {kit_id('e', 1), nodes[1].id, nodes[0].id, next}};
    struct rmg_bulk bulk = {.nodes = nodes, .node_count = 2, .edges = edges, .edge_count = 2};
    begin(g, (n + 1000) * 2000, &bulk);
}

static void begin_sierpinski(struct kit_graph *g, const struct lang_system *system, uint64_t nodes)
{
    static const char *const names[] = {"A", "B", "C", "ab", "bc", "ca"};
    struct rmg_bulk_node n[3];
    struct rmg_edge e[3];
    for (unsigned i = 0; i < 3; i++) {
        n[i] = (struct rmg_bulk_node){kit_id('n', i), type_of(system, names[i])};
    }
    for (unsigned i = 0; i < 3; i++) {
        e[i] = (struct rmg_edge){kit_id('e', i), n[i].id, n[(i + 1) % 3].id,
                                 type_of(system, names[3 + i])};
    }
    struct rmg_bulk bulk = {.nodes = n, .node_count = 3, .edges = e, .edge_count = 3};
    begin(g, (nodes + 1000) * 3000, &bulk);
}

static void begin_grid(struct kit_graph *g, const struct lang_system *system, uint64_t side)
{
    static const uint8_t zero[8];
    static const uint8_t minus[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    uint64_t n = side * side;
    struct rmg_bulk bulk = {.nodes = calloc(n + 1, sizeof *bulk.nodes),
                            .edges = calloc(2 * n, sizeof *bulk.edges),
                            .attachments = calloc(2 * n + 1, sizeof *bulk.attachments)};
    struct jit_id cell = type_of(system, "Cell");
    struct jit_id edge = type_of(system, "E");
    assert(bulk.nodes != NULL && bulk.edges != NULL && bulk.attachments != NULL);
    for (uint64_t i = 0; i <= n; i++) {
        struct jit_id id = kit_id('n', i);
        bulk.nodes[bulk.node_count++] =
            (struct rmg_bulk_node){id, i < n ? cell : type_of(system, "Clock")};
        for (unsigned f = 0; f < (i < n ? 2u : 1u); f++) {
            const char *name = i == n ? "n" : f == 0 ? "at" : "colour";
            bulk.attachments[bulk.attachment_count++] = (struct rmg_bulk_attachment){
                .owner = id,
                .plane = RMG_PLANE_ALPHA,
                .attachment = {.name = name,
                               .name_size = (uint32_t)strlen(name),
                               .value = {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64),
                                         i < n && f == 0 ? minus : zero, 8}}};
        }
        for (unsigned down = 0; down < 2 && i < n; down++) {
            if (down == 0 ? (i + 1) % side != 0 : i + side < n) {
                bulk.edges[bulk.edge_count++] = (struct rmg_edge){
                    kit_id('e', 2 * i + down), id, kit_id('n', i + (down == 0 ? 1 : side)), edge};
            }
        }
    }
    begin(g, (n + 1000) * 6000, &bulk);
    free(bulk.nodes);
    free(bulk.edges);
    free(bulk.attachments);
}

/* ---- one run ---- */

struct outcome {
    double all_ns;
    double run_ns;
    double wall_ns;
    struct rmg_script_report report;
    struct rmg_work_counts counts;
};

static struct outcome run(struct kit_graph *g, const struct lang_script *named,
                          const struct lang_system *system, struct jit_exec *exec)
{
    struct outcome out = {.all_ns = 0};
    struct rmg_script_call calls[16];
    struct rmg_script script = {.calls = calls,
                                .call_count = named->run_count,
                                .steps = named->steps,
                                .step_count = named->step_count,
                                .top_count = named->top_count};
    struct rmg_script_options options = {.rewrites_max = UINT32_MAX};
    struct rmg_work *work = NULL;
    struct rmg_version after;
    struct rmg_work_base base = {.instance = g->instance, .root_node = g->root};
    assert(named->run_count <= 16);
    for (uint32_t i = 0; i < named->run_count; i++) {
        calls[i] = (struct rmg_script_call){.rule = &system->rules[named->runs[i].rule].rule,
                                            .params = named->runs[i].params,
                                            .params_size = named->runs[i].params_size};
    }
    uint64_t begin_wall = bench_wall_ns();
    uint64_t begin_ns = bench_now_ns();
    struct rmg_graph graph = kit_graph_of(g, NULL);
    base.graph = &graph;
    must(rmg_script_key(&script, &g->version.state_root, &base.key));
    must(rmg_work_new(jit_heap_libc(), &base, &work));
    uint64_t run_ns = bench_now_ns();
    must(rmg_script_run(jit_heap_libc(), work, &script, &options, &out.report));
    uint64_t end_ns = bench_now_ns();
    must(rmg_store_pin(g->store, &g->version));
    must(rmg_tx_begin(g->store, &g->version, &g->tx));
    rmg_tx_exec(g->tx, exec);
    must(rmg_work_commit(work, g->tx));
    must(rmg_tx_seal(g->tx, &after));
    g->tx = NULL;
    rmg_work_count(work, &out.counts);
    rmg_work_free(work);
    out.run_ns = (double)(end_ns - run_ns);
    out.all_ns = (double)(bench_now_ns() - begin_ns);
    out.wall_ns = (double)(bench_wall_ns() - begin_wall);
    return out;
}

static void expect(const char *name, uint64_t have, uint64_t want)
{
    if (have != want) {
        fprintf(stderr, "bench: %s: %llu, not %llu\n", name, (unsigned long long)have,
                (unsigned long long)want);
        abort();
    }
}

static void check(const char *name, uint64_t n, uint64_t side, const struct outcome *out)
{
    uint64_t edges = 2 * side * (side - 1);
    if (strcmp(name, "sts") == 0) {
        expect("sts rewrites", out->report.rewrites, 5 * n - 1);
        expect("sts edges", out->counts.edges, n + 1);
        expect("sts nodes", out->counts.nodes, n + 1);
    } else if (strcmp(name, "sierpinski") == 0) {
        uint64_t power = 1;
        for (uint64_t i = 0; i < n; i++) {
            power *= 3;
        }
        expect("sierpinski rewrites", out->report.rewrites, (power - 1) / 2);
        expect("sierpinski nodes", out->counts.nodes, 3 * (power + 1) / 2);
        expect("sierpinski edges", out->counts.edges, 3 * power);
    } else if (strcmp(name, "colour2") == 0) {
        expect("colour2 rewrites", out->report.rewrites, side * side);
    } else if (strcmp(name, "acyclic") == 0) {
        expect("acyclic rewrites", out->report.rewrites, edges);
        expect("acyclic edges", out->counts.edges, 0);
    } else if (strcmp(name, "topsort") == 0) {
        expect("topsort rewrites", out->report.rewrites, edges + side * side);
    } else {
        expect("reverse rewrites", out->report.rewrites, edges);
        expect("reverse edges", out->counts.edges, edges);
    }
}

static const struct lang_script *script_of(const struct lang_system *system, const char *name)
{
    for (uint32_t i = 0; i < system->script_count; i++) {
        if (system->script_count == 1 || strcmp(system->scripts[i].name, name) == 0) {
            return &system->scripts[i];
        }
    }
    abort();
}

static void measure(const struct bench *bench, const char *name, uint64_t n)
{
    double all[RUNS_MAX];
    double alone[RUNS_MAX];
    char run_name[32];
    bool sts = strcmp(name, "sts") == 0;
    bool sierpinski = strcmp(name, "sierpinski") == 0;
    uint64_t side = (uint64_t)sqrt((double)n);
    if (!bench_wants(bench, name, n)) {
        return;
    }
    struct lang_system *system = sts          ? parse(sts_text, n - 2)
                                 : sierpinski ? parse(sierpinski_text, n)
                                              : parse(grid_text, 0);
    size_t runs = n > 200000 ? 3 : RUNS_MAX;
    for (size_t i = 0; i < runs; i++) {
        struct kit_graph g = {0};
        if (sts) {
            begin_sts(&g, system, n);
        } else if (sierpinski) {
            begin_sierpinski(&g, system, (uint64_t)pow(3, (double)n + 1) / 2);
        } else {
            begin_grid(&g, system, side);
        }
        struct outcome out = run(&g, script_of(system, name), system, jit_exec_inline());
        check(name, n, side, &out);
        all[i] = out.all_ns;
        alone[i] = out.run_ns;
        kit_graph_end(&g);
    }
    bench_report(bench, name, n, all, runs);
    snprintf(run_name, sizeof run_name, "%s_run", name);
    bench_report(bench, run_name, n, alone, runs);
    lang_system_free(jit_heap_libc(), system);
}

/* On one thread and on two in turn, by the wall clock. */
static void measure_threads(const struct bench *bench, uint64_t g)
{
    double samples[2][RUNS_MAX];
    struct shell_pool *pool = NULL;
    if (!bench_wants(bench, "sierpinski_2", g)) {
        return;
    }
    struct lang_system *system = parse(sierpinski_text, g);
    must(shell_pool_new(jit_heap_libc(), 2, &pool));
    for (size_t i = 0; i < 2 * RUNS_MAX; i++) {
        struct kit_graph graph = {0};
        begin_sierpinski(&graph, system, (uint64_t)pow(3, (double)g + 1) / 2);
        struct outcome out = run(&graph, script_of(system, "sierpinski"), system,
                                 i % 2 == 0 ? jit_exec_inline() : shell_pool_exec(pool));
        check("sierpinski", g, 0, &out);
        samples[i % 2][i / 2] = out.wall_ns;
        kit_graph_end(&graph);
    }
    bench_report(bench, "sierpinski_wall", g, samples[0], RUNS_MAX);
    bench_report(bench, "sierpinski_2", g, samples[1], RUNS_MAX);
    shell_pool_free(pool);
    lang_system_free(jit_heap_libc(), system);
}

void bench_script(const struct bench *bench)
{
    static const char *const grids[] = {"colour2", "acyclic", "topsort", "reverse"};
    for (uint64_t n = 1000; n <= 1000000; n *= 10) {
        measure(bench, "sts", n);
    }
    for (uint64_t g = 8; g <= 12; g += 2) {
        measure(bench, "sierpinski", g);
    }
    measure_threads(bench, 12);
    for (size_t i = 0; i < 4; i++) {
        measure(bench, grids[i], 10000);
        measure(bench, grids[i], 100000);
    }
}

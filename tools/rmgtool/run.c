/* `rmg run`: a script of rules on one instance of a graph (docs/spec/scripts.md). */
#include <string.h>

#include "rmg/lang/lang.h"
#include "rmg/engine/script.h"
#include "tools/rmgtool/path.h"

struct rewriting {
    struct cli *cli;
    struct format_graph graph;
    struct lang_system *system;
    const struct lang_script *named;
    struct rmg_instance in;
    struct rmg_script_call *calls;
    struct rmg_script script;
    struct rmg_script_report report; /* by_call: of calls */
    struct rmg_work_counts counts;
    struct cli_progress progress;
};

static int wrong(struct rewriting *r, enum jit_err err)
{
    cli_what(r->cli, "cannot run the script %s", r->named->name);
    cli_why(r->cli, "%s", jit_err_text(err));
    return cli_exit_of(err);
}

/* ---- which script ---- */

static int no_script(struct rewriting *r, const char *rules, const char *wanted)
{
    char names[1024] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < r->system->script_count && at < sizeof names; i++) {
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at == 0 ? "" : ", ",
                               r->system->scripts[i].name);
    }
    if (r->system->script_count == 0) {
        cli_what(r->cli, "%s has no script", rules);
        cli_why(r->cli, "rules need an order to run in: script NAME { until none RULE }");
        cli_next(r->cli, "rmg help run");
    } else if (wanted == NULL) {
        cli_what(r->cli, "%s has %u scripts", rules, r->system->script_count);
        cli_why(r->cli, "they are called %s", names);
        cli_next(r->cli, "rmg run FILE --rules %s --script %s", rules, r->system->scripts[0].name);
    } else {
        cli_what(r->cli, "%s has no script %s", rules, wanted);
        cli_why(r->cli, "it has %s", names);
        cli_next(r->cli, "rmg run FILE --rules %s --script %s", rules, r->system->scripts[0].name);
    }
    return wanted == NULL && r->system->script_count > 0 ? CLI_USAGE : CLI_NOT_FOUND;
}

static int choose(struct rewriting *r)
{
    const char *rules = cli_text(r->cli, "rules");
    const char *wanted = cli_text(r->cli, "script");
    if (rules == NULL) {
        cli_what(r->cli, "needs --rules FILE.jitos");
        cli_why(r->cli, "it has the rules, and the script that says in which order they run");
        cli_next(r->cli, "rmg help run");
        return CLI_USAGE;
    }
    int code = rmg_system_load(r->cli, rules, &r->system);
    if (code != CLI_OK) {
        return code;
    }
    for (uint32_t i = 0; i < r->system->script_count; i++) {
        const struct lang_script *script = &r->system->scripts[i];
        if (wanted == NULL ? r->system->script_count == 1 : strcmp(script->name, wanted) == 0) {
            r->named = script;
        }
    }
    return r->named == NULL ? no_script(r, rules, wanted) : CLI_OK;
}

/* ---- the run ---- */

static bool step(void *user, uint64_t rewrites)
{
    cli_progress_update(user, rewrites, NULL);
    return true;
}

static int stopped(struct rewriting *r, enum jit_err err, uint64_t most)
{
    struct cli *cli = r->cli;
    char number[CLI_NUMBER_SIZE];
    if (err == JIT_EBUDGET) {
        bool own = most == r->named->rewrites_max;
        cli_what(cli, "the script %s was stopped, nothing is written", r->named->name);
        cli_why(cli, "it has made %s rewrites and would make more; %s", cli_group(most, number),
                own ? "its `at most` forbids that" : "--budget forbids that");
        cli_next(cli, own ? "raise the `at most` of the script, or look for a rule that never ends"
                          : "give it more with --budget N, or look for a rule that never ends");
        return CLI_TIME_LIMIT;
    }
    if (err == JIT_ENOTSUP && r->report.refused != NULL) {
        cli_what(cli, "the script %s cannot be run", r->named->name);
        cli_why(cli, "rule %s has %s, which has no meaning in a script", r->report.refused->name,
                rmg_script_refuses(r->report.refused));
        cli_next(cli, "rmg help run");
        return CLI_USAGE;
    }
    return wrong(r, err);
}

static enum jit_err bind(struct rewriting *r)
{
    struct jit_heap *heap = jit_heap_libc();
    const struct lang_script *named = r->named;
    r->calls = jit_heap_zalloc(heap, named->run_count + 1ul, sizeof *r->calls);
    r->report.by_call = jit_heap_zalloc(heap, named->run_count + 1ul, sizeof *r->report.by_call);
    if (r->calls == NULL || r->report.by_call == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < named->run_count; i++) {
        const struct lang_run *run = &named->runs[i];
        r->calls[i] = (struct rmg_script_call){.rule = &r->system->rules[run->rule].rule,
                                               .params = run->params,
                                               .params_size = run->params_size};
    }
    r->script = (struct rmg_script){.calls = r->calls,
                                    .call_count = named->run_count,
                                    .steps = named->steps,
                                    .step_count = named->step_count,
                                    .top_count = named->top_count};
    return JIT_OK;
}

static enum jit_err commit(struct rewriting *r, struct rmg_work *work)
{
    struct format_graph *graph = &r->graph;
    struct rmg_version before = graph->version;
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_store_pin(graph->store, &before);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_tx_begin(graph->store, &before, &tx);
    if (err == JIT_OK) {
        err = rmg_work_commit(work, tx);
        if (err == JIT_OK) {
            err = rmg_tx_seal(tx, &graph->version);
        } else {
            rmg_tx_abort(tx);
        }
    }
    rmg_store_unpin(graph->store, &before);
    return err;
}

static int rewrite(struct rewriting *r)
{
    uint64_t budget = cli_number(r->cli, "budget");
    uint64_t most = r->named->rewrites_max < budget ? r->named->rewrites_max : budget;
    struct rmg_script_options options = {
        .rewrites_max = most, .progress = step, .user = &r->progress};
    struct rmg_graph graph;
    struct rmg_work_base base = {
        .graph = &graph, .instance = r->in.id, .root_node = r->in.root_node};
    struct rmg_work *work = NULL;
    struct jit_id root;
    rmg_store_graph(r->graph.store, &r->in, &graph);
    enum jit_err err = bind(r);
    if (err == JIT_OK) {
        err = rmg_store_instance_root(r->graph.store, &r->graph.version, &r->in.id, &root);
    }
    if (err == JIT_OK) {
        err = rmg_script_key(&r->script, &root, &base.key);
    }
    if (err == JIT_OK) {
        err = rmg_work_new(jit_heap_libc(), &base, &work);
    }
    if (err != JIT_OK) {
        return wrong(r, err);
    }
    cli_progress_begin(&r->progress, r->cli, "rewriting", "rewrites", 0, 0);
    err = rmg_script_run(jit_heap_libc(), work, &r->script, &options, &r->report);
    cli_progress_end(&r->progress);
    int code = err == JIT_OK ? CLI_OK : stopped(r, err, most);
    if (err == JIT_OK) {
        rmg_work_count(work, &r->counts);
        err = commit(r, work);
        code = err == JIT_OK ? CLI_OK : wrong(r, err);
    }
    rmg_work_free(work);
    return code;
}

/* ---- what came of it ---- */

static int tell(struct rewriting *r, const struct rmg_output *out, const char *path)
{
    struct cli *cli = r->cli;
    char root[JIT_ID_HEX];
    char number[CLI_NUMBER_SIZE];
    json_t *event = cli_event("done", "rmg.run/1");
    json_t *calls = json_array();
    jit_id_to_hex(&r->graph.version.state_root, root);
    cli_put_text(event, "script", r->named->name);
    cli_put_number(event, "rewrites", r->report.rewrites);
    for (uint32_t i = 0; i < r->named->run_count; i++) {
        const char *rule = r->calls[i].rule->name;
        json_t *call = json_object();
        cli_print(cli, "%12s  %s\n", cli_group(r->report.by_call[i], number), rule);
        cli_put_text(call, "rule", rule);
        cli_put_number(call, "rewrites", r->report.by_call[i]);
        json_array_append_new(calls, call);
    }
    cli_put(event, "calls", calls);
    cli_put_number(event, "nodes", r->counts.nodes);
    cli_put_number(event, "edges", r->counts.edges);
    cli_print(cli, "%12s  rewrites\n", cli_group(r->report.rewrites, number));
    if (path != NULL) {
        cli_print(cli, "%s  ", cli_word(cli, path));
        cli_put_text(event, "path", path);
        cli_put_number(event, "bytes", out->whole.size);
    }
    cli_print(cli, "state_root %s\n", root);
    cli_put_text(event, "state_root", root);
    return cli_emit(cli, event);
}

static int write_state(struct rewriting *r)
{
    struct rmg_output out = RMG_OUTPUT_CLOSED;
    const char *path = cli_text(r->cli, "out");
    int code = path == NULL ? CLI_OK : rmg_output_open(&out, r->cli, path);
    if (code == CLI_OK && path != NULL) {
        code = rmg_output_state(&out, &r->graph);
    }
    return code == CLI_OK ? tell(r, &out, path) : code;
}

int rmg_run_verb(struct cli *cli)
{
    struct jit_heap *heap = jit_heap_libc();
    struct rewriting r = {.cli = cli};
    const struct format *format = NULL;
    int code = choose(&r);
    if (code == CLI_OK) {
        code = rmg_load(cli, &r.graph, &format, NULL);
    }
    if (code == CLI_OK) {
        code = path_instance(cli, &r.graph, cli_text(cli, "in"), &r.in);
    }
    if (code == CLI_OK) {
        code = rewrite(&r);
    }
    if (code == CLI_OK) {
        code = write_state(&r);
    }
    heap->free(heap, r.calls);
    heap->free(heap, r.report.by_call);
    lang_system_free(heap, r.system);
    format_graph_release(&r.graph);
    return code;
}

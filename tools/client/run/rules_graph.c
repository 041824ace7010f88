/* `jitos rules graph`: the rules of a system as graphs. */
#include "tools/client/run/rules.h"

#include <string.h>

#include "base/hash.h"
#include "rmg/rules/rule_graph.h"
#include "tools/client/jitos.h"
#include "tools/rmgtool/rmg.h"

/* All rules of a system as graphs, in one state with its types. */
static enum jit_err gather(const struct lang_system *system, struct rmg_collect *collect,
                           struct jit_id *instances, struct jit_id *at)
{
    struct rmg_schema *schema = NULL;
    const struct lang_type *type = NULL;
    enum jit_err err = rmg_collect_path(collect, "/", at);
    if (err == JIT_OK) {
        err = rmg_collect_path(collect, "/rules", at);
    }
    if (err == JIT_OK) {
        err = rmg_schema_new(jit_heap_libc(), &schema);
    }
    if (err == JIT_OK) {
        err = lang_schema(system, schema, &type);
    }
    if (err == JIT_OK) {
        err = rmg_schema_collect(schema, collect);
    }
    for (uint32_t i = 0; err == JIT_OK && i < system->rule_count; i++) {
        const struct lang_rule *rule = &system->rules[i];
        err =
            rmg_rule_graph(collect, &rule->rule, rule->program, rule->program_size, &instances[i]);
    }
    if (err == JIT_OK && system->invariant_count > 0) {
        err = rmg_collect_path(collect, "/invariants", at);
    }
    for (uint32_t i = 0; err == JIT_OK && i < system->invariant_count; i++) {
        const struct lang_rule *rule = &system->invariants[i];
        err = rmg_invariant_graph(collect, &rule->rule, rule->program, rule->program_size,
                                  &instances[system->rule_count + i]);
    }
    rmg_schema_free(schema);
    return err;
}

/* How large one part is, with what lies behind portals; without the nodes of the instances. */
static enum jit_err measure(const struct format_graph *graph, const struct rmg_rule *rule,
                            const char *top, char part, uint64_t *nodes, uint64_t *edges)
{
    enum jit_err err = JIT_OK;
    *nodes = 0;
    *edges = 0;
    for (uint32_t place = 0; err == JIT_OK && place <= rule->portal_count; place++) {
        char path[JIT_NAME_BYTES_MAX + 32];
        struct jit_id id;
        struct rmg_instance found;
        snprintf(path, sizeof path, place == 0 ? "/%s/%s/%c" : "/%s/%s/%c/%u", top, rule->name,
                 part, place);
        jit_hash_named("warp:", path, strlen(path), &id);
        err = rmg_store_instance(graph->store, &graph->version, &id, &found);
        if (err == JIT_OK) {
            *nodes += found.roots.node_count - 1;
            *edges += found.roots.edge_count;
        }
    }
    return err;
}

/* One rule: its hashes and how large the three graphs are; an invariant has the first alone. */
static int tell_graph(struct cli *cli, const struct format_graph *graph, bool invariant,
                      const struct lang_rule *rule, const struct jit_id *instance)
{
    static const char *const parts[] = {"matched", "kept", "result"};
    struct jit_id program;
    struct jit_id hash;
    char program_hex[JIT_ID_HEX];
    char hash_hex[JIT_ID_HEX];
    jit_hash(rule->program, rule->program_size, &program);
    enum jit_err err = rmg_store_instance_root(graph->store, &graph->version, instance, &hash);
    jit_id_to_hex(&program, program_hex);
    jit_id_to_hex(&hash, hash_hex);
    const char *kind = invariant ? "invariant" : "rule";
    cli_print(cli, "%s%s%s%s\n  graph    %s\n  program  %s\n", cli_style(cli, CLI_BOLD),
              invariant ? "invariant " : "", rule->rule.name, cli_style(cli, CLI_PLAIN), hash_hex,
              program_hex);
    json_t *event = cli_event(kind, "jitos.rules.graph/1");
    cli_put_text(event, kind, rule->rule.name);
    cli_put_text(event, "graph", hash_hex);
    cli_put_text(event, "program", program_hex);
    for (unsigned i = 0; err == JIT_OK && i < (invariant ? 1 : 3); i++) {
        uint64_t nodes = 0;
        uint64_t edges = 0;
        err = measure(graph, &rule->rule, invariant ? "invariants" : "rules", "LKR"[i], &nodes,
                      &edges);
        if (err == JIT_OK) {
            cli_print(cli, "  %c        %llu nodes, %llu edges\n", "LKR"[i],
                      (unsigned long long)nodes, (unsigned long long)edges);
            json_t *part = json_object();
            cli_put_number(part, "nodes", nodes);
            cli_put_number(part, "edges", edges);
            cli_put(event, parts[i], part);
        }
    }
    if (err != JIT_OK) {
        cli_what(cli, "the graph of %s %s cannot be read", kind, rule->rule.name);
        cli_why(cli, "%s", jit_err_text(err));
        json_decref(event);
        return cli_exit_of(err);
    }
    return cli_emit(cli, event);
}

static int tell_graphs(struct cli *cli, const struct format_graph *graph,
                       const struct lang_system *system, const struct jit_id *instances)
{
    int code = CLI_OK;
    char root[JIT_ID_HEX];
    for (uint32_t i = 0; code == CLI_OK && i < system->rule_count; i++) {
        code = tell_graph(cli, graph, false, &system->rules[i], &instances[i]);
    }
    for (uint32_t i = 0; code == CLI_OK && i < system->invariant_count; i++) {
        code = tell_graph(cli, graph, true, &system->invariants[i],
                          &instances[system->rule_count + i]);
    }
    const char *path = cli_text(cli, "out");
    if (code == CLI_OK && path != NULL) {
        struct rmg_output out = RMG_OUTPUT_CLOSED;
        code = rmg_output_open(&out, cli, path);
        code = code == CLI_OK ? rmg_output_state(&out, graph) : code;
    }
    jit_id_to_hex(&graph->version.state_root, root);
    json_t *event = cli_event("done", "jitos.rules.graph/1");
    cli_put_number(event, "rules", system->rule_count);
    cli_put_text(event, "root", root);
    if (code != CLI_OK) {
        json_decref(event);
        return code;
    }
    return cli_emit(cli, event);
}

int rules_graph(struct cli *cli)
{
    struct lang_system *system = NULL;
    struct format_graph made = {.mapped = 0};
    struct rmg_collect *collect = NULL;
    struct jit_id *instances = NULL;
    struct jit_id at;
    if (cli->operand_count != 2) {
        cli_what(cli, "jitos rules graph takes one FILE");
        cli_why(cli, "rules are made into one state together with the types of their system");
        cli_next(cli, "jitos rules graph FILE -o rules.rmg");
        return CLI_USAGE;
    }
    int code = rules_parse(cli, cli->operands[1], &system);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = format_graph_init(&made, jit_heap_libc());
    if (err == JIT_OK) {
        instances = jit_heap_zalloc(jit_heap_libc(),
                                    (size_t)system->rule_count + system->invariant_count + 1u,
                                    sizeof *instances);
        err =
            instances == NULL ? JIT_ENOMEM : rmg_collect_new(jit_heap_libc(), made.store, &collect);
    }
    if (err == JIT_OK) {
        err = gather(system, collect, instances, &at);
    }
    if (err == JIT_OK) {
        err = format_graph_load(&made, collect, &at);
    }
    if (err != JIT_OK) {
        cli_what(cli, "the rules of %s cannot be made into graphs", cli->operands[1]);
        cli_why(cli, "%s", jit_err_text(err));
    }
    code = err != JIT_OK ? cli_exit_of(err) : tell_graphs(cli, &made, system, instances);
    rmg_collect_free(collect);
    format_graph_release(&made);
    jit_heap_libc()->free(jit_heap_libc(), instances);
    lang_system_free(jit_heap_libc(), system);
    return code;
}

/* `rmg check`: does a graph keep to its types? */
#include <string.h>

#include "rmg/schema/schema_check.h"
#include "tools/rmgtool/rmg.h"

struct report {
    struct cli *cli;
    const struct format_graph *graph;
    const struct format_names *names;
    struct cli_progress progress;
    uint64_t limit; /* 0: none */
    uint64_t shown;
    int code;
};

static void step(void *user, uint64_t done, uint64_t total)
{
    struct report *report = user;
    report->progress.total = total;
    cli_progress_update(&report->progress, done, NULL);
}

/* ---- one breach ---- */

static const char *type_text(const struct report *report, const struct jit_id *type,
                             char hex[JIT_ID_HEX])
{
    const char *name = format_name_of(report->names, type);
    jit_id_to_hex(type, hex);
    hex[16] = 0;
    return name == NULL ? hex : name;
}

static void put_codec(const struct rmg_schema_field *field, struct jit_buf *out)
{
    rmg_schema_codec_print(field, out);
    jit_buf_put_u8(out, 0);
}

/* What an atom type is, in the words of a field of that type. */
static void put_atom_type(const struct jit_id *type, struct jit_buf *out)
{
    struct rmg_schema_field field = {.type = *type};
    field.codec = rmg_codec_of_atom(type, &field.element);
    put_codec(&field, out);
}

static void say_what(struct report *report, const struct rmg_breach *breach, const char *found,
                     const char *wanted)
{
    struct cli *cli = report->cli;
    char hex[JIT_ID_HEX];
    switch (breach->kind) {
    case RMG_BREACH_KIND:
        cli_print(cli, "its type is declared as one of %ss",
                  rmg_type_kind_name(breach->wanted->kind));
        break;
    case RMG_BREACH_MISSING:
        cli_print(cli, "is missing");
        break;
    case RMG_BREACH_CODEC:
        cli_print(cli, "is %s, declared is %s", found, wanted);
        break;
    case RMG_BREACH_PORTAL:
        cli_print(cli, "is a portal, declared is %s", wanted);
        break;
    case RMG_BREACH_CANONICAL:
        cli_print(cli, "its bytes are no canonical %s", found);
        break;
    case RMG_BREACH_FROM:
    case RMG_BREACH_TO:
        cli_print(cli, "it %s a node of type %s",
                  breach->kind == RMG_BREACH_FROM ? "leaves" : "enters",
                  type_text(report, &breach->found, hex));
        break;
    case RMG_BREACH_HIDDEN_EDGE:
        jit_id_to_hex(&breach->found, hex);
        hex[16] = 0;
        cli_print(cli, "names node %s: an edge in hiding", hex);
        break;
    case RMG_BREACH_KINDS:
        break;
    }
}

static void show(struct report *report, const struct rmg_breach *breach, const char *found,
                 const char *wanted)
{
    struct cli *cli = report->cli;
    char hex[JIT_ID_HEX];
    char type_hex[JIT_ID_HEX];
    jit_id_to_hex(&breach->id, hex);
    hex[16] = 0;
    cli_print(cli, "%s %s %s: ", breach->is_edge ? "edge" : "node", hex,
              type_text(report, &breach->type, type_hex));
    if (breach->name != NULL) {
        char shown[JIT_NAME_BYTES_MAX + 4];
        cli_print(cli, "%s ",
                  cli_shown(breach->name, breach->name_size, JIT_NAME_BYTES_MAX, shown));
    }
    say_what(report, breach, found, wanted);
    cli_print(cli, "\n");
}

static void put_id(json_t *event, const char *key, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    cli_put_text(event, key, hex);
}

static int emit(struct report *report, const struct rmg_breach *breach, const char *found,
                const char *wanted)
{
    const char *type_name = format_name_of(report->names, &breach->type);
    json_t *event = cli_event("breach", "rmg.check/1");
    cli_put_text(event, "kind", rmg_breach_word(breach->kind));
    cli_put_text(event, "what", rmg_breach_sentence(breach->kind));
    cli_put_text(event, "element", breach->is_edge ? "edge" : "node");
    put_id(event, "instance", &breach->instance);
    put_id(event, "id", &breach->id);
    put_id(event, "type", &breach->type);
    if (type_name != NULL) {
        cli_put_text(event, "type_name", type_name);
    }
    if (breach->name != NULL) {
        cli_put(event, "name", json_stringn(breach->name, breach->name_size));
    }
    if (breach->field != NULL) {
        cli_put_text(event, "declared", wanted);
    }
    if (breach->kind == RMG_BREACH_CODEC || breach->kind == RMG_BREACH_CANONICAL) {
        cli_put_text(event, "found", found);
    } else if (!jit_id_is_zero(&breach->found)) {
        put_id(event, breach->kind == RMG_BREACH_HIDDEN_EDGE ? "names" : "found", &breach->found);
    }
    return cli_emit(report->cli, event);
}

static bool take(void *user, const struct rmg_breach *breach)
{
    struct report *report = user;
    struct jit_buf found;
    struct jit_buf wanted;
    jit_buf_init(&found, jit_heap_libc(), 256);
    jit_buf_init(&wanted, jit_heap_libc(), 256);
    put_atom_type(&breach->found, &found);
    if (breach->field != NULL) {
        put_codec(breach->field, &wanted);
    } else {
        jit_buf_put_u8(&wanted, 0);
    }
    if (found.err != JIT_OK || wanted.err != JIT_OK) {
        report->code = CLI_HOST;
    } else {
        show(report, breach, (const char *)found.data, (const char *)wanted.data);
        report->code = emit(report, breach, (const char *)found.data, (const char *)wanted.data);
    }
    jit_buf_release(&found);
    jit_buf_release(&wanted);
    report->shown++;
    return report->code == CLI_OK && !report->cli->out_broken &&
           (report->limit == 0 || report->shown < report->limit);
}

/* ---- the whole ---- */

static int finish(struct report *report, const struct rmg_check_counts *counts,
                  const struct rmg_schema *schema)
{
    struct cli *cli = report->cli;
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    char c[CLI_NUMBER_SIZE];
    if (report->shown < counts->breaches) {
        cli_note(cli, "%s of %s shown; --limit 0 shows all", cli_group(report->shown, a),
                 cli_group(counts->breaches, b));
    }
    cli_print(cli, "%s nodes, %s edges, %s values", cli_group(counts->nodes, a),
              cli_group(counts->edges, b), cli_group(counts->atoms, c));
    cli_print(cli, schema == NULL ? "; no schema, so only values are judged\n" : "\n");
    if (schema != NULL) {
        cli_print(cli, "not declared: %s nodes, %s edges, %s values\n",
                  cli_group(counts->nodes_undeclared, a), cli_group(counts->edges_undeclared, b),
                  cli_group(counts->atoms_undeclared, c));
    }
    cli_print(cli, counts->breaches == 0 ? "all is as its type says\n" : "%s breaches\n",
              cli_group(counts->breaches, a));
    json_t *event = cli_event("done", "rmg.check/1");
    cli_put_bool(event, "schema_found", schema != NULL);
    cli_put_number(event, "nodes", counts->nodes);
    cli_put_number(event, "edges", counts->edges);
    cli_put_number(event, "values", counts->atoms);
    cli_put_number(event, "nodes_undeclared", counts->nodes_undeclared);
    cli_put_number(event, "edges_undeclared", counts->edges_undeclared);
    cli_put_number(event, "values_undeclared", counts->atoms_undeclared);
    cli_put_number(event, "values_opaque", counts->atoms_opaque);
    cli_put_number(event, "breaches", counts->breaches);
    cli_put_number(event, "shown", report->shown);
    json_t *kinds = json_object();
    for (int kind = 0; kind < RMG_BREACH_KINDS; kind++) {
        cli_put_number(kinds, rmg_breach_word((enum rmg_breach_kind)kind), counts->of_kind[kind]);
    }
    cli_put(event, "of_kind", kinds);
    int code = cli_emit(cli, event);
    return code != CLI_OK ? code : counts->breaches == 0 ? CLI_OK : CLI_NO;
}

static int find_schema(struct cli *cli, const struct format_graph *graph,
                       struct rmg_schema **schema)
{
    const char *path = cli_text(cli, "schema");
    struct rmg_schema_fault fault;
    if (path != NULL) {
        return rmg_schema_load(cli, path, schema);
    }
    enum jit_err err =
        rmg_schema_read(jit_heap_libc(), graph->store, &graph->version, schema, &fault);
    const char *name = cli->operand_count > 0 ? cli->operands[0] : "what apt knows";
    return err == JIT_OK || err == JIT_ENOENT ? CLI_OK : rmg_schema_refuse(cli, name, err, &fault);
}

static int check(struct cli *cli, const struct format_graph *graph, struct rmg_schema *schema)
{
    struct format_names *names = NULL;
    struct rmg_check_counts counts;
    struct report report = {.cli = cli, .graph = graph, .limit = cli_number(cli, "limit")};
    struct rmg_check check = {.schema = schema, .visit = take, .progress = step, .user = &report};
    enum jit_err err = format_names_new(graph, &names);
    if (err == JIT_OK && schema != NULL) {
        err = format_names_add(names, schema);
    }
    if (err == JIT_OK) {
        report.names = names;
        cli_progress_begin(&report.progress, cli, "checking", "elements", 0, 0);
        err = rmg_check(graph->heap, graph->store, &graph->version, &check, &counts);
        cli_progress_end(&report.progress);
    }
    int code = report.code;
    if (err != JIT_OK) {
        cli_what(cli, "cannot check on");
        cli_why(cli, "%s", jit_err_text(err));
        code = cli_exit_of(err);
    } else if (code == CLI_OK) {
        code = finish(&report, &counts, schema);
    }
    format_names_free(names);
    return code;
}

int rmg_check_verb(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    struct rmg_schema *schema = NULL;
    const struct format *format;
    int code = rmg_load(cli, &graph, &format, NULL);
    if (code == CLI_OK) {
        code = find_schema(cli, &graph, &schema);
    }
    if (code == CLI_OK) {
        code = check(cli, &graph, schema);
    }
    rmg_schema_free(schema);
    format_graph_release(&graph);
    return code;
}

#include <string.h>

#include "rmg/schema/schema_infer.h"
#include "tools/rmgtool/rmg.h"

/* What --schema asks for and what became of it. */
struct types {
    struct rmg_schema *schema; /* given, or inferred; NULL: none asked for */
    struct rmg_schema *names;  /* learned from the input, to infer */
    struct format_names *known;
    uint64_t left_out; /* types and values that could not be declared */
};

static const char *name_of(void *user, const struct jit_id *type)
{
    const struct types *types = user;
    const struct rmg_schema_type *learned = rmg_schema_find(types->names, type);
    return learned != NULL ? learned->name : format_name_of(types->known, type);
}

/* What the graph declares already, else the built-in types. */
static enum jit_err begin_schema(const struct format_graph *graph, struct rmg_schema **out)
{
    struct rmg_schema_fault fault;
    enum jit_err err = rmg_schema_read(graph->heap, graph->store, &graph->version, out, &fault);
    if (err != JIT_ENOENT) {
        return err;
    }
    err = rmg_schema_new(graph->heap, out);
    return err == JIT_OK ? rmg_schema_add_builtin(*out) : err;
}

static enum jit_err infer(const struct format_graph *graph, struct types *types)
{
    struct rmg_infer *infer = NULL;
    enum jit_err err = rmg_infer_new(graph->heap, &infer);
    if (err == JIT_OK) {
        err = rmg_infer_add_version(infer, graph->store, &graph->version);
    }
    if (err == JIT_OK) {
        err = format_names_new(graph, &types->known);
    }
    if (err == JIT_OK) {
        err = begin_schema(graph, &types->schema);
    }
    if (err == JIT_OK) {
        err = rmg_infer_declare(infer, name_of, types, types->schema, &types->left_out);
    }
    rmg_infer_free(infer);
    return err;
}

static void types_release(struct types *types)
{
    rmg_schema_free(types->schema);
    rmg_schema_free(types->names);
    format_names_free(types->known);
}

/* Before the input is read. */
static int types_begin(struct cli *cli, struct types *types, bool *infers)
{
    const char *path = cli_text(cli, "schema");
    *infers = path != NULL && strcmp(path, "infer") == 0;
    if (path == NULL) {
        return CLI_OK;
    }
    return *infers ? cli_exit_of(rmg_schema_new(jit_heap_libc(), &types->names))
                   : rmg_schema_load(cli, path, &types->schema);
}

/* When it has been read. */
static int types_end(struct cli *cli, struct types *types, bool infers, struct format_graph *graph)
{
    if (infers) {
        enum jit_err err = infer(graph, types);
        if (err != JIT_OK) {
            cli_what(cli, "cannot infer the types");
            cli_why(cli, "%s", err == JIT_ELIMIT ? "more than 65,536 of them" : jit_err_text(err));
            cli_next(cli, "rmg import --schema FILE.jitos ...");
            return cli_exit_of(err);
        }
    }
    return types->schema == NULL ? CLI_OK : rmg_schema_install(cli, types->schema, graph);
}

static void put_types(struct cli *cli, json_t *event, const struct types *types, bool infers,
                      const struct import_report *report)
{
    struct jit_id hash;
    char hex[JIT_ID_HEX];
    char a[CLI_NUMBER_SIZE];
    uint64_t left = infers ? types->left_out : report->values_ignored;
    if (types->schema == NULL || rmg_schema_hash(types->schema, &hash) != JIT_OK) {
        return;
    }
    jit_id_to_hex(&hash, hex);
    cli_print(cli, "schema_hash %s\n", hex);
    if (left > 0) {
        cli_note(cli,
                 infers ? "%s types or values could not be declared: they have no name, or "
                          "several codecs"
                        : "%s values left out: no field declares them",
                 cli_group(left, a));
    }
    cli_put_number(event, "types", types->schema->type_count);
    cli_put_text(event, "schema_hash", hex);
    cli_put_number(event, infers ? "types_left" : "values_ignored", left);
}

/* What they are called here is a hash in the file, unless it has a /schema to look it up in. */
static void say_unnamed(struct cli *cli, const struct format *format, const struct types *types,
                        const struct import_report *report)
{
    static const struct format *const naming[] = {&format_csv, &format_json, &format_graphml,
                                                  &format_gexf};
    for (size_t i = 0; i < sizeof naming / sizeof naming[0]; i++) {
        if (naming[i] == format && types->schema == NULL && report->nodes > 0) {
            cli_note(cli, "types are kept as ids; --schema infer keeps their names as well");
        }
    }
}

static int done(struct cli *cli, const struct format_graph *graph, const struct format *format,
                const struct import_report *report, const struct rmg_output *out,
                const struct types *types, bool infers)
{
    char root[JIT_ID_HEX];
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    char c[CLI_NUMBER_SIZE];
    jit_id_to_hex(&graph->version.state_root, root);
    cli_print(cli, "%s  %s nodes, %s edges, %s values", cli_word(cli, out->whole.path),
              cli_group(report->nodes, a), cli_group(report->edges, b),
              cli_group(report->values, c));
    if (format == &format_apt) {
        cli_print(cli, "; %s virtual, %s later stanzas ignored", cli_group(report->virtuals, a),
                  cli_group(report->stanzas_ignored, b));
    }
    cli_print(cli, "\nstate_root %s\n", root);
    json_t *event = cli_event("done", "rmg.import/1");
    cli_put_text(event, "path", out->whole.path);
    cli_put_number(event, "bytes", out->whole.size);
    cli_put_number(event, "instances", graph->version.instance_count);
    cli_put_number(event, "nodes", report->nodes);
    cli_put_number(event, "edges", report->edges);
    cli_put_number(event, "values", report->values);
    if (format == &format_apt) {
        cli_put_number(event, "virtual", report->virtuals);
        cli_put_number(event, "stanzas_ignored", report->stanzas_ignored);
    }
    cli_put_text(event, "state_root", root);
    put_types(cli, event, types, infers, report);
    say_unnamed(cli, format, types, report);
    return cli_emit(cli, event);
}

int rmg_import(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    struct import_report report = {0};
    struct rmg_output out = RMG_OUTPUT_CLOSED;
    struct types types = {.left_out = 0};
    bool infers = false;
    const struct format *format;
    const char *path = cli_text(cli, "out");
    if (path == NULL || strcmp(path, "-") == 0) {
        cli_what(cli, "needs -o OUT.rmg");
        cli_why(cli, "an .rmg file is written under a name");
        cli_next(cli, "rmg import -h");
        return CLI_USAGE;
    }
    int code = rmg_output_open(&out, cli, path); /* before the long work: what cannot be written */
    if (code == CLI_OK) {
        code = types_begin(cli, &types, &infers);
    }
    if (code == CLI_OK) {
        code = rmg_load_typed(cli, &graph, &format, &report, types.schema, types.names);
    }
    if (code == CLI_OK) {
        code = types_end(cli, &types, infers, &graph);
    }
    if (code == CLI_OK) {
        code = rmg_output_state(&out, &graph);
    }
    if (code == CLI_OK) {
        code = done(cli, &graph, format, &report, &out, &types, infers);
    }
    if (code != CLI_OK) {
        (void)rmg_output_close(&out, false);
    }
    types_release(&types);
    format_graph_release(&graph);
    return code;
}

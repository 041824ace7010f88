/* Types from where the user names them: a text of declarations, or a graph that carries its own. */
#include <string.h>

#include "tools/formats/sources.h"
#include "tools/rmgtool/rmg.h"

#define MESSAGES_BYTES (1u << 20)

static int refuse_file(struct cli *cli, const char *what, const char *path, enum jit_err err)
{
    cli_what(cli, "cannot read %s%s", what, path);
    cli_next(cli, "ls -l %s", path);
    return rmg_unread(cli, err, path);
}

static int refuse_path(struct cli *cli, const char *path, enum jit_err err)
{
    return refuse_file(cli, "the schema ", path, err);
}

static bool is_text(const char *path)
{
    size_t size = strlen(path);
    return size > 6 && strcmp(path + size - 6, ".jitos") == 0;
}

/* what: "the schema " or nothing; no_good: what a text with faults does or has not. */
static int parse_text(struct cli *cli, const char *path, const char *what, const char *no_good,
                      struct lang_system **out)
{
    struct jit_heap *heap = jit_heap_libc();
    const struct lang_sources sources = format_sources();
    struct jit_buf messages;
    uint8_t *bytes = NULL;
    char *found = NULL;
    size_t size = 0;
    *out = NULL;
    enum jit_err err = sources.read(sources.user, heap, NULL, path, &found, &bytes, &size);
    if (err != JIT_OK) {
        return refuse_file(cli, what, path, err);
    }
    jit_buf_init(&messages, heap, MESSAGES_BYTES);
    err = lang_parse_with(heap, found, bytes, size, &sources, out, &messages);
    if (err != JIT_OK) {
        cli_what(cli, "%s %s", path, no_good);
        cli_why_text(cli, messages.data, err == JIT_ENOMEM ? 0 : messages.size, jit_err_text(err));
    }
    if (err == JIT_EFORMAT) {
        cli_next(cli, "jitos rules check %s", path);
    }
    jit_buf_release(&messages);
    heap->free(heap, bytes);
    heap->free(heap, found);
    return err == JIT_EFORMAT ? CLI_USAGE : cli_exit_of(err);
}

int rmg_system_load(struct cli *cli, const char *path, struct lang_system **out)
{
    return parse_text(cli, path, "", "has no rules that can be used", out);
}

/* The built-in types and those that a text declares. */
static int from_text(struct cli *cli, const char *path, struct rmg_schema *schema)
{
    struct lang_system *system = NULL;
    const struct lang_type *at = NULL;
    int code = parse_text(cli, path, "the schema ", "declares no types that can be used", &system);
    if (code == CLI_OK) {
        enum jit_err err = lang_schema(system, schema, &at);
        code = err == JIT_OK ? CLI_OK : refuse_path(cli, path, err);
    }
    lang_system_free(jit_heap_libc(), system);
    return code;
}

int rmg_schema_refuse(struct cli *cli, const char *path, enum jit_err err,
                      const struct rmg_schema_fault *fault)
{
    char hex[JIT_ID_HEX];
    if (err != JIT_EINVALID || fault->what == NULL) {
        return refuse_path(cli, path, err);
    }
    jit_id_to_hex(&fault->type, hex);
    cli_what(cli, "the /schema of %s does not follow the specification", path);
    cli_why(cli, "type %s: %s", hex, fault->what);
    cli_next(cli, "rmg %s --schema FILE.jitos ...", cli->verb->name);
    return CLI_USAGE;
}

/* The schema of a graph in a file. */
static int from_graph(struct cli *cli, const char *path, struct rmg_schema **out)
{
    struct format_graph graph = {.mapped = 0};
    struct rmg_schema_fault fault;
    const struct format *format = NULL;
    int code = rmg_load_path(cli, path, &graph, &format);
    if (code == CLI_OK) {
        enum jit_err err =
            rmg_schema_read(jit_heap_libc(), graph.store, &graph.version, out, &fault);
        if (err == JIT_ENOENT) {
            cli_what(cli, "%s has no schema", path);
            cli_why(cli, "it has no instance /schema");
            cli_next(cli, "rmg %s --schema FILE.jitos ...", cli->verb->name);
            code = CLI_NOT_FOUND;
        } else if (err != JIT_OK) {
            code = rmg_schema_refuse(cli, path, err, &fault);
        }
    }
    format_graph_release(&graph);
    return code;
}

int rmg_schema_load(struct cli *cli, const char *path, struct rmg_schema **out)
{
    *out = NULL;
    if (!is_text(path)) {
        return from_graph(cli, path, out);
    }
    struct rmg_schema *schema = NULL;
    enum jit_err err = rmg_schema_new(jit_heap_libc(), &schema);
    err = err == JIT_OK ? rmg_schema_add_builtin(schema) : err;
    int code = err == JIT_OK ? from_text(cli, path, schema) : refuse_path(cli, path, err);
    if (code != CLI_OK) {
        rmg_schema_free(schema);
        return code;
    }
    *out = schema;
    return CLI_OK;
}

/* ---- into a graph ---- */

struct differences {
    struct jit_buf text;
    uint32_t shown;
};

#define DIFFERENCES_SHOWN 10u

static bool list_conflict(void *user, const struct rmg_schema_difference *difference)
{
    struct differences *list = user;
    if (difference->what < RMG_SCHEMA_KIND) {
        return true;
    }
    if (list->shown > 0) {
        jit_buf_put_u8(&list->text, '\n');
    }
    rmg_schema_difference_print(difference, "in the input", "in --schema", &list->text);
    return ++list->shown < DIFFERENCES_SHOWN;
}

static int refuse_conflict(struct cli *cli, const struct rmg_schema *there,
                           const struct rmg_schema *schema)
{
    struct differences list = {.shown = 0};
    jit_buf_init(&list.text, jit_heap_libc(), 3800);
    (void)rmg_schema_compare(there, schema, list_conflict, &list);
    cli_what(cli, "the types of the input conflict with those of --schema");
    cli_why(cli, "%.*s", (int)list.text.size, (const char *)list.text.data);
    cli_next(cli, "leave --schema out, or declare what the input has");
    jit_buf_release(&list.text);
    return CLI_NO;
}

static enum jit_err install(const struct rmg_schema *schema, struct format_graph *graph)
{
    struct rmg_instance top;
    struct rmg_tx *tx = NULL;
    enum jit_err err = rmg_store_top(graph->store, &graph->version, &top);
    if (err == JIT_OK) {
        err = rmg_tx_begin(graph->store, &graph->version, &tx);
    }
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_schema_put(schema, tx, &top.id);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, &graph->version);
}

int rmg_schema_install(struct cli *cli, const struct rmg_schema *schema, struct format_graph *graph)
{
    struct rmg_schema *there = NULL;
    struct rmg_schema *both = NULL;
    struct rmg_schema_fault fault;
    int code = CLI_OK;
    enum jit_err err =
        rmg_schema_read(jit_heap_libc(), graph->store, &graph->version, &there, &fault);
    if (err == JIT_ENOENT) {
        err = install(schema, graph);
    } else if (err == JIT_OK) {
        err = rmg_schema_union(jit_heap_libc(), there, schema, &both);
        if (err == JIT_ECONFLICT) {
            code = refuse_conflict(cli, there, schema);
            err = JIT_OK;
        } else if (err == JIT_OK) {
            err = install(both, graph);
        }
    }
    if (err != JIT_OK) {
        code =
            rmg_schema_refuse(cli, cli->operand_count > 0 ? cli->operands[0] : "apt", err, &fault);
    }
    rmg_schema_free(there);
    rmg_schema_free(both);
    return code;
}

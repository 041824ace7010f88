#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rmg/file/foreign_root.h"
#include "tools/rmgtool/keys.h"

#define TYPES_SHOWN 20u

struct count {
    struct jit_id type;
    uint64_t number;
};

struct counts {
    struct jit_heap *heap;
    struct count *list;
    size_t size;
    size_t capacity;
};

static int by_type(const void *a, const void *b)
{
    return jit_id_compare(&((const struct count *)a)->type, &((const struct count *)b)->type);
}

/* Largest first, then by id, so that the order never depends on chance. */
static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct count *)a)->number;
    uint64_t y = ((const struct count *)b)->number;
    return x != y ? (x < y ? 1 : -1) : by_type(a, b);
}

static enum jit_err add(struct counts *counts, const struct jit_id *type)
{
    if (counts->size > 0 && jit_id_equal(&counts->list[counts->size - 1].type, type)) {
        counts->list[counts->size - 1].number++;
        return JIT_OK;
    }
    void *data = counts->list;
    if (jit_heap_grow(counts->heap, &data, &counts->capacity, counts->size + 1,
                      sizeof *counts->list) != 0) {
        return JIT_ENOMEM;
    }
    counts->list = data;
    counts->list[counts->size++] = (struct count){.type = *type, .number = 1};
    return JIT_OK;
}

/* The indexes list types in order, so that equal ones are neighbours within an instance. */
static enum jit_err count_instance(const struct rmg_graph *graph, struct counts *nodes,
                                   struct counts *edges)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_all(graph, RMG_NODE_TYPES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        err = add(nodes, &type);
        if (err != JIT_OK) {
            return err;
        }
    }
    rmg_iter_all(graph, RMG_EDGE_TYPES, &iter);
    while (err == JIT_ENOENT && (err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        err = add(edges, &edge.type);
        err = err == JIT_OK ? JIT_ENOENT : err;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static void settle(struct counts *counts)
{
    size_t kept = 0;
    if (counts->size == 0) {
        return;
    }
    qsort(counts->list, counts->size, sizeof *counts->list, by_type);
    for (size_t i = 1; i < counts->size; i++) {
        if (by_type(&counts->list[kept], &counts->list[i]) == 0) {
            counts->list[kept].number += counts->list[i].number;
        } else {
            counts->list[++kept] = counts->list[i];
        }
    }
    counts->size = kept + 1;
    qsort(counts->list, counts->size, sizeof *counts->list, by_number);
}

static void print_types(struct cli *cli, const char *title, const struct counts *counts,
                        const struct format_names *names)
{
    char number[CLI_NUMBER_SIZE];
    for (size_t i = 0; i < counts->size && i < TYPES_SHOWN; i++) {
        char hex[JIT_ID_HEX];
        const char *name = format_name_of(names, &counts->list[i].type);
        jit_id_to_hex(&counts->list[i].type, hex);
        hex[16] = 0;
        cli_print(cli, "%-11s %12s  %s\n", i == 0 ? title : "",
                  cli_group(counts->list[i].number, number), name == NULL ? hex : name);
    }
    if (counts->size > TYPES_SHOWN) {
        cli_print(cli, "%-11s %u of %s types shown; --json lists all\n", "", TYPES_SHOWN,
                  cli_group(counts->size, number));
    }
}

static json_t *list_types(const struct counts *counts, const struct format_names *names)
{
    json_t *list = json_array();
    for (size_t i = 0; i < counts->size; i++) {
        char hex[JIT_ID_HEX];
        const char *name = format_name_of(names, &counts->list[i].type);
        json_t *one = json_object();
        jit_id_to_hex(&counts->list[i].type, hex);
        cli_put_text(one, "type", hex);
        cli_put(one, "name", name == NULL ? json_null() : json_string(name));
        cli_put_number(one, "count", counts->list[i].number);
        json_array_append_new(list, one);
    }
    return list;
}

/* The hash of the types that the graph declares, or that a .wsc says; false: there are none. */
static bool schema_hash_of(struct cli *cli, const struct format_graph *graph,
                           const struct format *format, struct jit_id *hash)
{
    struct rmg_schema *schema = NULL;
    struct rmg_schema_fault fault;
    if (format == &format_wsc) {
        *hash = graph->head.schema_hash;
        return true;
    }
    enum jit_err err = rmg_schema_read(graph->heap, graph->store, &graph->version, &schema, &fault);
    if (err == JIT_EINVALID) {
        cli_warn(cli, "its /schema does not follow the specification: %s", fault.what);
    }
    err = err == JIT_OK ? rmg_schema_hash(schema, hash) : err;
    rmg_schema_free(schema);
    return err == JIT_OK;
}

static int show(struct cli *cli, const struct format_graph *graph, const struct format *format,
                const struct counts *nodes, const struct counts *edges, const struct rmg_roots *sum,
                const struct format_names *names)
{
    char root[JIT_ID_HEX];
    char schema[JIT_ID_HEX];
    char text[CLI_NUMBER_SIZE];
    const char *path = cli->operand_count > 0 ? cli->operands[0] : "what apt knows";
    struct jit_id hash;
    struct stat info;
    bool has_schema = schema_hash_of(cli, graph, format, &hash);
    uint64_t bytes = cli->operand_count == 1 && stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    jit_id_to_hex(&graph->version.state_root, root);
    cli_print(cli, "%-11s %s\n", "input", cli_word(cli, path));
    if (bytes > 0) {
        cli_print(cli, "%-11s %12s\n", "size", cli_bytes(bytes, text));
    }
    cli_print(cli, "%-11s %s\n", "state_root", root);
    if (has_schema) {
        jit_id_to_hex(&hash, schema);
        cli_print(cli, "%-11s %s\n", "schema_hash", schema);
    }
    if (format == &format_wsc) {
        cli_print(cli, "%-11s %12s\n", "tick", cli_group(graph->head.tick, text));
    }
    cli_print(cli, "%-11s %12s\n", "instances", cli_group(graph->version.instance_count, text));
    cli_print(cli, "%-11s %12s\n", "nodes", cli_group(sum->node_count, text));
    print_types(cli, "", nodes, names);
    cli_print(cli, "%-11s %12s\n", "edges", cli_group(sum->edge_count, text));
    print_types(cli, "", edges, names);
    json_t *event = cli_event("info", "rmg.info/1");
    cli_put_text(event, "path", path);
    cli_put_number(event, "bytes", bytes);
    cli_put_text(event, "state_root", root);
    if (has_schema) {
        cli_put_text(event, "schema_hash", schema);
    }
    if (format == &format_wsc) {
        cli_put_number(event, "tick", graph->head.tick);
    }
    cli_put_number(event, "instances", graph->version.instance_count);
    cli_put_number(event, "nodes", sum->node_count);
    cli_put_number(event, "edges", sum->edge_count);
    cli_put(event, "node_types", list_types(nodes, names));
    cli_put(event, "edge_types", list_types(edges, names));
    return cli_emit(cli, event);
}

static int count_all(struct cli *cli, const struct format_graph *graph, const struct format *format)
{
    struct counts nodes = {.heap = graph->heap};
    struct counts edges = {.heap = graph->heap};
    struct format_names *names = NULL;
    struct rmg_roots sum = {0};
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    enum jit_err err = format_names_new(graph, &names);
    while (err == JIT_OK &&
           (err = rmg_store_next(graph->store, &graph->version, after, &in)) == JIT_OK) {
        struct rmg_graph view;
        last = in.id;
        after = &last;
        sum.node_count += in.roots.node_count;
        sum.edge_count += in.roots.edge_count;
        rmg_store_graph(graph->store, &in, &view);
        err = count_instance(&view, &nodes, &edges);
    }
    int code = CLI_OK;
    if (err == JIT_ENOENT) {
        settle(&nodes);
        settle(&edges);
        code = show(cli, graph, format, &nodes, &edges, &sum, names);
    } else {
        cli_what(cli, "cannot count");
        cli_why(cli, "%s", jit_err_text(err));
        code = cli_exit_of(err);
    }
    format_names_free(names);
    graph->heap->free(graph->heap, nodes.list);
    graph->heap->free(graph->heap, edges.list);
    return code;
}

int rmg_info(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    const struct format *format;
    int code = rmg_load(cli, &graph, &format, NULL);
    if (code == CLI_OK) {
        code = count_all(cli, &graph, format);
    }
    format_graph_release(&graph);
    return code;
}

/* One root of another definition, printed and put into the event. */
static int foreign_root(struct cli *cli, enum jit_err err, const struct jit_id *root,
                        const char *name, json_t *event)
{
    char hex[JIT_ID_HEX];
    if (err != JIT_OK) {
        return cli_exit_of(err);
    }
    jit_id_to_hex(root, hex);
    cli_print(cli, "%s %s\n", name, hex);
    cli_put_text(event, name, hex);
    return CLI_OK;
}

/* Echo's root, or who has a value with a name. */
static int echo_root(struct cli *cli, const struct format_graph *graph, json_t *event)
{
    struct rmg_wsc_owner owner;
    struct format_error error = {.what = ""};
    struct jit_id root;
    enum jit_err err = rmg_echo_root(graph->heap, graph->store, &graph->version, &root, &owner);
    if (err == JIT_ENOTSUP) {
        format_wsc_refuse(graph, &owner, &error);
        cli_what(cli, "Echo has no such graph");
        cli_why(cli, "%s: %s", error.place, error.what);
        if (cli->operand_count > 0) {
            cli_next(cli, "rmg hash %s", cli->operands[0]);
        } else {
            cli_next(cli, "rmg hash --from apt");
        }
    }
    return foreign_root(cli, err, &root, "echo_root", event);
}

static int show_hashes(struct cli *cli, const struct format_graph *graph)
{
    bool echo = cli_given(cli, "echo");
    bool linear = cli_given(cli, "linear");
    char hex[JIT_ID_HEX];
    struct jit_id root;
    int code = CLI_OK;
    json_t *event = cli_event("hash", "rmg.hash/1");
    cli_put_text(event, "path", cli->operand_count > 0 ? cli->operands[0] : "");
    jit_id_to_hex(&graph->version.state_root, hex);
    cli_put_text(event, "state_root", hex);
    if (!echo && !linear) {
        cli_print(cli, "state_root %s\n", hex);
    }
    if (echo) {
        code = echo_root(cli, graph, event);
    }
    if (code == CLI_OK && linear) {
        enum jit_err err = rmg_linear_root(graph->heap, graph->store, &graph->version, &root);
        code = foreign_root(cli, err, &root, "linear_root", event);
    }
    if (code != CLI_OK) {
        json_decref(event);
        return code;
    }
    return cli_emit(cli, event);
}

int rmg_hash(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    const struct format *format;
    int code = rmg_load(cli, &graph, &format, NULL);
    if (code == CLI_OK) {
        code = show_hashes(cli, &graph);
    }
    format_graph_release(&graph);
    return code;
}

/* Everything again from the records in memory, and the root that the caller wants. */
static int confirm(struct cli *cli, const struct format_graph *graph)
{
    struct rmg_fault fault = {.what = NULL};
    const char *want = cli_text(cli, "root");
    struct jit_id root = graph->version.state_root;
    if (want != NULL && jit_id_from_hex(want, strlen(want), &root) != JIT_OK) {
        cli_what(cli, "--root does not take \"%s\"", want);
        cli_why(cli, "a state root has 64 hex digits");
        cli_next(cli, "rmg verify -h");
        return CLI_USAGE;
    }
    enum jit_err err = rmg_store_verify(graph->store, &graph->version, &fault);
    if (err != JIT_OK) {
        cli_what(cli, "cannot confirm %s", cli->operands[0]);
        cli_why(cli, "%s", fault.what != NULL ? fault.what : jit_err_text(err));
        return cli_exit_of(err);
    }
    if (!jit_id_equal(&root, &graph->version.state_root)) {
        char hex[JIT_ID_HEX];
        jit_id_to_hex(&graph->version.state_root, hex);
        cli_what(cli, "%s is another state", cli->operands[0]);
        cli_why(cli, "its state root is %s", hex);
        cli_next(cli, "rmg info %s", cli->operands[0]);
        return CLI_CORRUPT;
    }
    return CLI_OK;
}

int rmg_verify(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    const struct format *format;
    char root[JIT_ID_HEX];
    uint32_t signers = 0;
    if (cli_text(cli, "proof") != NULL && cli->operand_count == 0) {
        return rmg_verify_proof(cli);
    }
    if (cli->operand_count != 1 || cli_text(cli, "proof") != NULL) {
        cli_what(cli, "takes one FILE, or --proof PROOF --root HEX");
        cli_why(cli, "a proof is judged without the file");
        cli_next(cli, "rmg verify -h");
        return CLI_USAGE;
    }
    int code = rmg_load(cli, &graph, &format, NULL);
    if (code == CLI_OK && format->load == NULL) {
        cli_what(cli, "cannot verify %s", cli->operands[0]);
        cli_why(cli, "a %s file has nothing to verify; rmg and wsc have", format->name);
        cli_next(cli, "rmg info %s", cli->operands[0]);
        code = CLI_USAGE;
    }
    if (code == CLI_OK) {
        code = confirm(cli, &graph);
    }
    if (code == CLI_OK) {
        code = keys_confirm(cli, &graph.version.state_root, &signers);
    }
    if (code == CLI_OK) {
        jit_id_to_hex(&graph.version.state_root, root);
        cli_print(cli, "%s: sizes, order, content%s\nstate_root %s\n", cli->operands[0],
                  format == &format_wsc && cli_text(cli, "root") == NULL
                      ? " and references are right; it says no root"
                      : " and state root are right",
                  root);
        json_t *event = cli_event("verify", "rmg.verify/1");
        cli_put_text(event, "path", cli->operands[0]);
        cli_put_bool(event, "verified", true);
        cli_put_text(event, "state_root", root);
        if (signers > 0) {
            cli_print(cli, "signed by all %u that were asked for\n", signers);
            cli_put_number(event, "signers", signers);
        }
        code = cli_emit(cli, event);
    }
    format_graph_release(&graph);
    return code;
}

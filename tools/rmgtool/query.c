/* `rmg query`: one match and what to return of it, as a table or a row a line. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rmg/lang/lang_query.h"
#include "tools/rmgtool/path.h"

#define MESSAGES_BYTES  (1u << 18)
#define CELL_BYTES      256u
#define CELL_BYTES_SHOW 32u /* of what is shown in hex */
#define WIDTH_ROWS      1000u
#define WIDTH_MAX       40u

struct answer {
    struct cli *cli;
    const struct format_graph *graph;
    struct rmg_graph view;
    struct format_names *names;
    struct lang_query *query;
    struct lang_rows rows;
    uint64_t limit;
    unsigned width[LANG_QUERY_COLUMNS_MAX];
};

/* ---- one value ---- */

static void put_id(json_t *object, const char *key, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    cli_put_text(object, key, hex);
}

static enum jit_err element_type(const struct answer *answer, uint8_t element,
                                 const struct jit_id *id, struct jit_id *type)
{
    struct rmg_edge edge;
    if (!answer->query->rule.elements[element].is_edge) {
        return rmg_node_type(&answer->view, id, type);
    }
    enum jit_err err = rmg_edge_get(&answer->view, id, &edge);
    *type = edge.type;
    return err;
}

/* Fewest digits that give the number again. */
static void print_float(const struct rmg_datum *datum, char *cell)
{
    bool single = datum->codec == RMG_CODEC_F32;
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(cell, CELL_BYTES, "%.*g", digits, datum->as.f64);
        double back = strtod(cell, NULL);
        if (single ? (float)back == (float)datum->as.f64 : back == datum->as.f64) {
            return;
        }
    }
}

static void print_hex(const struct rmg_datum *datum, uint32_t most, char *cell)
{
    uint32_t size = datum->size < most ? datum->size : most;
    for (uint32_t i = 0; i < size; i++) {
        snprintf(cell + 2 * i, CELL_BYTES - 2 * i, "%02x", datum->bytes[i]);
    }
    snprintf(cell + 2 * size, CELL_BYTES - 2 * size, "%s", size < datum->size ? "..." : "");
}

static void print_datum(const struct rmg_datum *datum, char *cell)
{
    switch (datum->codec) {
    case RMG_CODEC_NONE:
        snprintf(cell, CELL_BYTES, "-");
        break;
    case RMG_CODEC_BOOL:
        snprintf(cell, CELL_BYTES, "%s", datum->as.boolean ? "true" : "false");
        break;
    case RMG_CODEC_I64:
        snprintf(cell, CELL_BYTES, "%lld", (long long)datum->as.i64);
        break;
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        print_float(datum, cell);
        break;
    case RMG_CODEC_TEXT:
        (void)cli_shown(datum->bytes, datum->size, CELL_BYTES - 4, cell);
        break;
    case RMG_CODEC_BYTES:
    case RMG_CODEC_ID:
    case RMG_CODEC_LIST:
        print_hex(datum, CELL_BYTES_SHOW, cell);
        break;
    }
}

static json_t *json_of(const struct rmg_datum *datum)
{
    char *hex = NULL;
    json_t *value = NULL;
    switch (datum->codec) {
    case RMG_CODEC_NONE:
        return json_null();
    case RMG_CODEC_BOOL:
        return json_boolean(datum->as.boolean);
    case RMG_CODEC_I64:
        return json_integer(datum->as.i64);
    case RMG_CODEC_F64:
    case RMG_CODEC_F32: /* JSON has no word for these */
        return isfinite(datum->as.f64) ? json_real(datum->as.f64)
               : isnan(datum->as.f64)  ? json_string("NaN")
                                       : json_string(datum->as.f64 > 0 ? "Infinity" : "-Infinity");
    case RMG_CODEC_TEXT:
        return json_stringn((const char *)datum->bytes, datum->size);
    case RMG_CODEC_BYTES:
    case RMG_CODEC_ID:
    case RMG_CODEC_LIST:
        break;
    }
    hex = malloc(2 * (size_t)datum->size + 1);
    for (uint32_t i = 0; hex != NULL && i < datum->size; i++) {
        snprintf(hex + 2 * (size_t)i, 3, "%02x", datum->bytes[i]);
    }
    if (hex != NULL) {
        value = json_stringn(hex, 2 * (size_t)datum->size);
    }
    free(hex);
    return value;
}

/* ---- rows ---- */

static enum jit_err cell_of(const struct answer *answer, size_t row, uint32_t index, char *cell)
{
    const struct lang_column *column = &answer->query->columns[index];
    const struct jit_id *ids = &answer->rows.ids[row * answer->rows.width];
    struct rmg_datum datum;
    struct jit_id type;
    if (column->kind == LANG_COLUMN_VALUE) {
        enum jit_err err = lang_query_value(answer->query, index, &answer->view, ids, &datum);
        if (err == JIT_OK) {
            print_datum(&datum, cell);
        }
        return err;
    }
    char hex[JIT_ID_HEX];
    char type_hex[JIT_ID_HEX];
    enum jit_err err = element_type(answer, column->element, &ids[column->element], &type);
    const char *name = err == JIT_OK ? format_name_of(answer->names, &type) : NULL;
    jit_id_to_hex(&ids[column->element], hex);
    jit_id_to_hex(&type, type_hex);
    type_hex[16] = 0;
    snprintf(cell, CELL_BYTES, "%.100s %.16s", name == NULL ? type_hex : name, hex);
    return err;
}

static unsigned columns_of(const char *text)
{
    unsigned count = 0;
    for (; *text != 0; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

static void print_cell(const struct answer *answer, uint32_t index, const char *cell)
{
    bool last = index + 1 == answer->query->column_count;
    unsigned used = columns_of(cell);
    unsigned pad = last || used >= answer->width[index] ? 0 : answer->width[index] - used;
    cli_print(answer->cli, "%s%*s%s", cell, (int)pad, "", last ? "\n" : "  ");
}

static enum jit_err measure(struct answer *answer)
{
    char cell[CELL_BYTES];
    for (uint32_t i = 0; i < answer->query->column_count; i++) {
        answer->width[i] = columns_of(answer->query->columns[i].name);
        for (size_t row = 0; row < answer->rows.count && row < WIDTH_ROWS; row++) {
            enum jit_err err = cell_of(answer, row, i, cell);
            unsigned used = err == JIT_OK ? columns_of(cell) : 0;
            if (err != JIT_OK) {
                return err;
            }
            answer->width[i] = used > answer->width[i] ? used : answer->width[i];
        }
        answer->width[i] = answer->width[i] > WIDTH_MAX ? WIDTH_MAX : answer->width[i];
    }
    return JIT_OK;
}

static enum jit_err print_rows(struct answer *answer)
{
    struct cli *cli = answer->cli;
    char cell[CELL_BYTES];
    enum jit_err err = measure(answer);
    for (uint32_t i = 0; err == JIT_OK && i < answer->query->column_count; i++) {
        cli_print(cli, "%s", cli_style(cli, CLI_BOLD));
        print_cell(answer, i, answer->query->columns[i].name);
        cli_print(cli, "%s", cli_style(cli, CLI_PLAIN));
    }
    for (size_t row = 0; err == JIT_OK && row < answer->rows.count && !cli->out_broken; row++) {
        for (uint32_t i = 0; err == JIT_OK && i < answer->query->column_count; i++) {
            err = cell_of(answer, row, i, cell);
            if (err == JIT_OK) {
                print_cell(answer, i, cell);
            }
        }
    }
    return err;
}

static int emit_row(struct answer *answer, size_t row, enum jit_err *err)
{
    const struct jit_id *ids = &answer->rows.ids[row * answer->rows.width];
    json_t *event = cli_event("row", "rmg.query/1");
    json_t *values = json_object();
    for (uint32_t i = 0; *err == JIT_OK && i < answer->query->column_count; i++) {
        const struct lang_column *column = &answer->query->columns[i];
        struct rmg_datum datum;
        struct jit_id type;
        if (column->kind == LANG_COLUMN_VALUE) {
            *err = lang_query_value(answer->query, i, &answer->view, ids, &datum);
            cli_put(values, column->name, *err == JIT_OK ? json_of(&datum) : json_null());
            continue;
        }
        *err = element_type(answer, column->element, &ids[column->element], &type);
        const char *name = *err == JIT_OK ? format_name_of(answer->names, &type) : NULL;
        json_t *element = json_object();
        put_id(element, "id", &ids[column->element]);
        put_id(element, "type", &type);
        if (name != NULL) {
            cli_put_text(element, "type_name", name);
        }
        cli_put(values, column->name, element);
    }
    cli_put(event, "values", values);
    return cli_emit(answer->cli, event);
}

/* ---- the answer ---- */

static int finish(struct answer *answer, bool counts)
{
    struct cli *cli = answer->cli;
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    if (!counts && answer->rows.count < answer->rows.matches) {
        cli_note(cli, "%s of %s rows shown%s", cli_group(answer->rows.count, a),
                 cli_group(answer->rows.matches, b),
                 answer->query->limit == LANG_LIMIT_NONE ? "; --limit 0 shows all" : "");
    }
    json_t *event = cli_event("done", "rmg.query/1");
    cli_put_number(event, "matches", answer->rows.matches);
    cli_put_number(event, "shown", answer->rows.count);
    cli_put_number(event, "looks", answer->rows.looks);
    return cli_emit(cli, event);
}

static int show(struct answer *answer)
{
    struct cli *cli = answer->cli;
    bool counts = answer->query->columns[0].kind == LANG_COLUMN_COUNT;
    enum jit_err err = JIT_OK;
    int code = CLI_OK;
    if (counts) {
        cli_print(cli, "%llu\n", (unsigned long long)answer->rows.matches);
        json_t *event = cli_event("row", "rmg.query/1");
        json_t *values = json_object();
        cli_put_number(values, answer->query->columns[0].name, answer->rows.matches);
        cli_put(event, "values", values);
        code = cli_emit(cli, event);
    } else if (!cli->json) {
        err = print_rows(answer);
    }
    for (size_t row = 0;
         !counts && cli->json && err == JIT_OK && code == CLI_OK && row < answer->rows.count;
         row++) {
        code = emit_row(answer, row, &err);
    }
    if (err != JIT_OK) {
        cli_what(cli, "cannot show the answer");
        cli_why(cli, "%s", jit_err_text(err));
        return cli_exit_of(err);
    }
    return code == CLI_OK ? finish(answer, counts) : code;
}

/* The types that the query names have these names, whether the graph says so or not. */
static enum jit_err learn_labels(struct answer *answer)
{
    struct rmg_schema *labels = NULL;
    enum jit_err err = rmg_schema_new(jit_heap_libc(), &labels);
    for (uint32_t i = 0; err == JIT_OK && i < answer->query->label_count; i++) {
        struct rmg_schema_type type = {.name = answer->query->labels[i], .kind = RMG_TYPE_NODE};
        err = rmg_schema_add(labels, &type, NULL);
    }
    if (err == JIT_OK) {
        err = format_names_add(answer->names, labels);
    }
    rmg_schema_free(labels);
    return err;
}

static int run(struct answer *answer)
{
    struct cli *cli = answer->cli;
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    bool counts = answer->query->columns[0].kind == LANG_COLUMN_COUNT;
    uint64_t limit = answer->query->limit;
    if (limit == LANG_LIMIT_NONE) {
        uint64_t given = cli_number(cli, "limit");
        limit = given == 0 ? LANG_LIMIT_NONE : given;
    }
    enum jit_err err = lang_query_run(answer->graph->heap, answer->query, &answer->view,
                                      counts ? 0 : limit, cli_number(cli, "budget"), &answer->rows);
    if (err == JIT_EBUDGET) {
        cli_what(cli, "the search was stopped");
        cli_why(cli, "it has looked at %s nodes and edges and found %s matches so far",
                cli_group(answer->rows.looks, a), cli_group(answer->rows.matches, b));
        cli_next(cli, "name types, add conditions, or give it more with --budget N");
        return CLI_TIME_LIMIT;
    }
    if (err != JIT_OK) {
        cli_what(cli, "cannot search");
        cli_why(cli, "%s", jit_err_text(err));
        return cli_exit_of(err);
    }
    return show(answer);
}

static int parse(struct answer *answer, const char *text, const struct rmg_schema *schema)
{
    struct cli *cli = answer->cli;
    struct lang_graph_types *graph_types = NULL;
    struct jit_buf messages;
    jit_buf_init(&messages, jit_heap_libc(), MESSAGES_BYTES);
    enum jit_err err =
        lang_graph_types_new(answer->graph->heap, &answer->view, schema, &graph_types);
    if (err == JIT_OK) {
        struct lang_types types = lang_graph_types_of(graph_types);
        err = lang_query_parse(jit_heap_libc(), (const uint8_t *)text, strlen(text), &types,
                               &answer->query, &messages);
    }
    if (err != JIT_OK) {
        cli_what(cli, "the query is wrong");
        cli_why_text(cli, messages.data, err == JIT_ENOMEM ? 0 : messages.size, jit_err_text(err));
        cli_next(cli, "%s help query", cli->program->name);
    }
    lang_graph_types_free(graph_types);
    jit_buf_release(&messages);
    return err == JIT_EFORMAT ? CLI_USAGE : cli_exit_of(err);
}

static int ask(struct answer *answer, const char *text)
{
    const struct format_graph *graph = answer->graph;
    struct format_names *names = NULL;
    struct rmg_schema *schema = NULL;
    struct rmg_schema_fault fault;
    struct rmg_instance in;
    int code = path_instance(answer->cli, graph, cli_text(answer->cli, "in"), &in);
    enum jit_err err = JIT_OK;
    if (code == CLI_OK) {
        rmg_store_graph(graph->store, &in, &answer->view);
        err = rmg_schema_read(graph->heap, graph->store, &graph->version, &schema, &fault);
        if (err == JIT_EINVALID) { /* then what is there says it */
            cli_warn(answer->cli, "its /schema does not follow the specification: %s", fault.what);
        }
        err = err == JIT_ENOENT || err == JIT_EINVALID ? JIT_OK : err;
        err = err == JIT_OK ? format_names_new(graph, &names) : err;
        code = cli_exit_of(err);
    }
    if (code == CLI_OK) {
        answer->names = names;
        code = parse(answer, text, schema);
    }
    if (code == CLI_OK) {
        code = cli_exit_of(learn_labels(answer));
    }
    if (code == CLI_OK) {
        code = run(answer);
    }
    lang_query_free(jit_heap_libc(), answer->query);
    lang_rows_release(&answer->rows);
    rmg_schema_free(schema);
    format_names_free(names);
    return code;
}

int rmg_query_of(struct cli *cli, const struct format_graph *graph, const char *text)
{
    struct answer answer = {.cli = cli, .graph = graph};
    return ask(&answer, text);
}

int rmg_query_verb(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    const struct format *format;
    const char *text = cli->operands[cli->operand_count - 1];
    if (cli->operand_count == 1 && !cli_given(cli, "from")) {
        cli_what(cli, "needs INPUT and QUERY");
        cli_why(cli, "the last operand is the query, those before it are the graph");
        cli_next(cli, "rmg query city.rmg 'match (a) return a limit 3'");
        return CLI_USAGE;
    }
    cli->operand_count--;
    int code = rmg_load(cli, &graph, &format, NULL);
    if (code == CLI_OK) {
        code = rmg_query_of(cli, &graph, text);
    }
    cli->operand_count++;
    format_graph_release(&graph);
    return code;
}

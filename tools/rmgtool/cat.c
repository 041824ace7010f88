/* `rmg cat`: one node with all that is known of it, or the bytes of one value. */
#include <stdlib.h>
#include <string.h>

#include "tools/formats/export_words.h"
#include "tools/rmgtool/delta.h"
#include "tools/rmgtool/path.h"

struct cat {
    struct cli *cli;
    struct delta delta;
    const struct path_place *place;
    uint64_t limit; /* edges in a list; 0: all */
};

static json_t *hex_of(const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    return json_string(hex);
}

/* {"name", "type", "value"}: readable where the codec is known, else "bytes" in hex. */
static json_t *value_json(struct cat *cat, const struct rmg_attachment *attachment)
{
    const struct rmg_value *value = &attachment->value;
    struct rmg_datum datum;
    json_t *one = json_object();
    cli_put(one, "name", json_stringn(attachment->name, attachment->name_size));
    if (value->kind == RMG_VALUE_PORTAL) {
        return cli_put(one, "descend", hex_of(&value->type));
    }
    cli_put(one, "type", hex_of(&value->type));
    delta_put_type(&cat->delta, one, "type_name", &value->type);
    switch (export_readable(value, &datum)) {
    case RMG_CODEC_BOOL:
        return cli_put_bool(one, "value", datum.as.boolean);
    case RMG_CODEC_I64:
        return cli_put(one, "value", json_integer((json_int_t)datum.as.i64));
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        if (datum.as.f64 == datum.as.f64 && datum.as.f64 - datum.as.f64 == 0) {
            return cli_put(one, "value", json_real(datum.as.f64));
        }
        break; /* JSON has no infinity and no NaN */
    case RMG_CODEC_TEXT:
        return cli_put(one, "value", json_stringn((const char *)datum.bytes, datum.size));
    default:
        break;
    }
    char *text = malloc((size_t)value->size * 2 + 1);
    for (uint32_t i = 0; text != NULL && i < value->size; i++) {
        snprintf(text + (size_t)i * 2, 3, "%02x", value->bytes[i]);
    }
    if (text == NULL) {
        cli_json_starved();
    }
    cli_put(one, "bytes", text == NULL ? NULL : json_stringn(text, (size_t)value->size * 2));
    free(text);
    return one;
}

static json_t *values_json(struct cat *cat, enum rmg_plane plane, const struct jit_id *owner)
{
    struct rmg_attachment attachment;
    json_t *list = json_array();
    for (uint32_t i = 0;
         rmg_attachment_at(&cat->place->graph, plane, owner, i, &attachment) == JIT_OK; i++) {
        json_array_append_new(list, value_json(cat, &attachment));
    }
    return list;
}

static json_t *edges_json(struct cat *cat, enum rmg_direction direction)
{
    const struct rmg_graph *graph = &cat->place->graph;
    struct rmg_iter iter;
    struct rmg_edge edge;
    uint32_t size = 0;
    json_t *list = json_array();
    rmg_iter_edges_of(graph, &cat->place->node, direction, NULL, &iter);
    for (uint64_t i = 0;
         (cat->limit == 0 || i < cat->limit) && rmg_iter_edge(&iter, &edge) == JIT_OK; i++) {
        const struct jit_id *end = direction == RMG_DIR_OUT ? &edge.to : &edge.from;
        const char *label = delta_label(&cat->delta, &graph->instance, end, &size);
        json_t *one = json_object();
        cli_put(one, "edge", hex_of(&edge.id));
        cli_put(one, "type", hex_of(&edge.type));
        delta_put_type(&cat->delta, one, "type_name", &edge.type);
        cli_put(one, direction == RMG_DIR_OUT ? "to" : "from", hex_of(end));
        if (label != NULL) {
            cli_put(one, "name", json_stringn(label, size));
        }
        json_t *values = values_json(cat, RMG_PLANE_BETA, &edge.id);
        if (json_array_size(values) > 0) {
            cli_put(one, "values", values);
        } else {
            json_decref(values);
        }
        json_array_append_new(list, one);
    }
    return list;
}

static int print_node(struct cat *cat)
{
    const struct path_place *place = cat->place;
    struct jit_id type;
    uint64_t degree[2];
    if (rmg_node_type(&place->graph, &place->node, &type) != JIT_OK ||
        rmg_degree(&place->graph, &place->node, RMG_DIR_OUT, NULL, &degree[0]) != JIT_OK ||
        rmg_degree(&place->graph, &place->node, RMG_DIR_IN, NULL, &degree[1]) != JIT_OK) {
        cli_what(cat->cli, "the graph is damaged");
        return CLI_CORRUPT;
    }
    json_t *event = cli_event("node", "rmg.cat/1");
    cli_put(event, "id", hex_of(&place->node));
    cli_put(event, "instance", hex_of(&place->instance.id));
    cli_put(event, "type", hex_of(&type));
    delta_put_type(&cat->delta, event, "type_name", &type);
    cli_put(event, "values", values_json(cat, RMG_PLANE_ALPHA, &place->node));
    cli_put_number(event, "out_degree", degree[0]);
    cli_put(event, "out", edges_json(cat, RMG_DIR_OUT));
    cli_put_number(event, "in_degree", degree[1]);
    cli_put(event, "in", edges_json(cat, RMG_DIR_IN));
    if (cat->cli->json) {
        return cli_emit(cat->cli, event);
    }
    char *text = json_dumps(event, JSON_INDENT(2));
    json_decref(event);
    if (text == NULL) {
        return cli_no_memory(cat->cli);
    }
    cli_print(cat->cli, "%s\n", text);
    free(text);
    return CLI_OK;
}

static int print_raw(struct cli *cli, const struct path_place *place, const char *name)
{
    struct rmg_value value;
    size_t size = strlen(name);
    enum jit_err err = size > JIT_NAME_BYTES_MAX
                           ? JIT_ENOENT
                           : rmg_attachment_get(&place->graph, RMG_PLANE_ALPHA, &place->node, name,
                                                (uint32_t)size, &value);
    if (err == JIT_OK && value.kind == RMG_VALUE_ATOM) {
        return cli_write(cli, value.bytes, value.size);
    }
    cli_what(cli, "there is no value \"%s\"", name);
    cli_why(cli, "%s", err == JIT_OK ? "it is a portal" : "the node has none of that name");
    path_next(cli);
    return err == JIT_OK || err == JIT_ENOENT ? CLI_NOT_FOUND : cli_exit_of(err);
}

/* One value of a node: its text for people, or an event "value". */
int rmg_cat_value(struct cli *cli, const struct format_graph *graph, const struct path_place *place,
                  const struct rmg_attachment *attachment)
{
    const struct format_graph *const graphs[] = {graph};
    struct cat cat = {.cli = cli, .place = place};
    struct delta_text text = {.size = 0};
    const struct rmg_place at = {.part = RMG_PART_ALPHA,
                                 .name = attachment->name,
                                 .name_size = attachment->name_size,
                                 .instance = place->instance.id,
                                 .id = place->node};
    const union rmg_content content = {.value = attachment->value};
    int code = cli_exit_of(delta_begin(&cat.delta, cli, graphs, 1));
    if (code == CLI_OK) {
        json_t *event = cli_event("value", "rmg.cat/1");
        cli_put(event, "id", hex_of(&place->node));
        cli_put(event, "instance", hex_of(&place->instance.id));
        cli_put(event, "value", value_json(&cat, attachment));
        code = cli_emit(cli, event);
        delta_content(&cat.delta, &at, &content, &text);
        cli_print(cli, "%s\n", text.text);
    } else {
        code = cli_no_memory(cli);
    }
    delta_end(&cat.delta);
    return code;
}

int rmg_cat_of(struct cli *cli, const struct format_graph *graph, const char *path)
{
    const struct format_graph *const graphs[] = {graph};
    struct path_place place;
    struct cat cat = {.cli = cli, .place = &place, .limit = cli_number(cli, "limit")};
    int code = path_find(cli, graph, path, &place);
    if (code == CLI_OK && cli_given(cli, "raw")) {
        code = print_raw(cli, &place, cli_text(cli, "raw"));
    } else if (code == CLI_OK) {
        enum jit_err err = delta_begin(&cat.delta, cli, graphs, 1);
        if (err == JIT_OK) {
            code = print_node(&cat);
        } else {
            cli_what(cli, "cannot begin");
            cli_why(cli, "%s", jit_err_text(err));
            code = cli_exit_of(err);
        }
        delta_end(&cat.delta);
    }
    return code;
}

int rmg_cat_verb(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    const struct format *format = NULL;
    int code = rmg_load_path(cli, cli->operands[0], &graph, &format);
    if (code == CLI_OK) {
        code = rmg_cat_of(cli, &graph, cli->operands[1]);
    }
    format_graph_release(&graph);
    return code;
}

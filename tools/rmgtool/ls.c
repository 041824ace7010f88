/* `rmg ls`: what is in an instance or at a node. */
#include <string.h>

#include "tools/rmgtool/delta.h"
#include "tools/rmgtool/path.h"

struct ls {
    struct cli *cli;
    const struct format_graph *graph;
    struct delta delta;
    bool detail;
    bool deep;
    const struct jit_id *type; /* NULL: any */
    uint64_t limit;
    uint64_t shown;
    uint64_t left; /* not shown, since the limit was reached */
};

static bool take(struct ls *ls)
{
    if (ls->limit > 0 && ls->shown == ls->limit) {
        ls->left++;
        return false;
    }
    ls->shown++;
    return true;
}

static int show_portal(struct ls *ls, const struct jit_id *owner,
                       const struct rmg_attachment *portal)
{
    char hex[JIT_ID_HEX];
    if (!take(ls)) {
        return CLI_OK;
    }
    jit_id_to_hex(&portal->value.type, hex);
    if (!ls->cli->json) {
        struct delta_text text = {.size = 0};
        delta_instance(&ls->delta, &portal->value.type, &text);
        cli_print(ls->cli, "%.16s  %sinstance%s  %s/\n", hex, cli_style(ls->cli, CLI_BOLD),
                  cli_style(ls->cli, CLI_PLAIN), text.text);
        return CLI_OK;
    }
    json_t *event = cli_event("portal", "rmg.ls/1");
    cli_put_text(event, "instance", hex);
    jit_id_to_hex(owner, hex);
    cli_put_text(event, "owner", hex);
    cli_put(event, "name", json_stringn(portal->name, portal->name_size));
    return cli_emit(ls->cli, event);
}

static int show_node(struct ls *ls, const struct rmg_graph *view, const struct jit_id *id,
                     const struct jit_id *type, const struct rmg_edge *via)
{
    char hex[JIT_ID_HEX];
    char type_hex[JIT_ID_HEX];
    char via_hex[JIT_ID_HEX];
    uint32_t size = 0;
    char shown[84];
    uint64_t degree[2] = {0};
    if (!take(ls)) {
        return CLI_OK;
    }
    const char *label = delta_label(&ls->delta, &view->instance, id, &size);
    if (ls->detail && (rmg_degree(view, id, RMG_DIR_OUT, NULL, &degree[0]) != JIT_OK ||
                       rmg_degree(view, id, RMG_DIR_IN, NULL, &degree[1]) != JIT_OK)) {
        return CLI_CORRUPT;
    }
    jit_id_to_hex(id, hex);
    if (!ls->cli->json) {
        struct delta_text text = {.size = 0};
        if (via != NULL) {
            delta_add(&text, "%-14s ", delta_type(&ls->delta, &via->type, via_hex));
        }
        delta_add(&text, "%.16s  %-12s", hex, delta_type(&ls->delta, type, type_hex));
        if (ls->detail) {
            delta_add(&text, " %8llu out %8llu in", (unsigned long long)degree[0],
                      (unsigned long long)degree[1]);
        }
        if (label != NULL) {
            delta_add(&text, "  %s", cli_shown(label, size, 80, shown));
        }
        cli_print(ls->cli, "%s\n", text.text);
        return CLI_OK;
    }
    json_t *event = cli_event("node", "rmg.ls/1");
    cli_put_text(event, "id", hex);
    jit_id_to_hex(&view->instance, hex);
    cli_put_text(event, "instance", hex);
    jit_id_to_hex(type, hex);
    cli_put_text(event, "type", hex);
    delta_put_type(&ls->delta, event, "type_name", type);
    if (via != NULL) {
        jit_id_to_hex(&via->id, hex);
        cli_put_text(event, "edge", hex);
        jit_id_to_hex(&via->type, hex);
        cli_put_text(event, "edge_type", hex);
        delta_put_type(&ls->delta, event, "edge_type_name", &via->type);
    }
    if (ls->detail) {
        cli_put_number(event, "out", degree[0]);
        cli_put_number(event, "in", degree[1]);
    }
    if (label != NULL) {
        cli_put(event, "name", json_stringn(label, size));
    }
    return cli_emit(ls->cli, event);
}

/* The portals on one owner; with -R what lies behind them afterwards. */
static int list_portals(struct ls *ls, const struct rmg_graph *view, const struct jit_id *owner)
{
    struct rmg_attachment portal;
    int code = CLI_OK;
    for (uint32_t i = 0;
         code == CLI_OK && rmg_attachment_at(view, RMG_PLANE_ALPHA, owner, i, &portal) == JIT_OK;
         i++) {
        if (portal.value.kind == RMG_VALUE_PORTAL) {
            code = show_portal(ls, owner, &portal);
        }
    }
    return code;
}

static int list_instance(struct ls *ls, const struct rmg_instance *in)
{
    struct rmg_graph view;
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    rmg_store_graph(ls->graph->store, in, &view);
    if (ls->deep && !ls->cli->json) {
        struct delta_text text = {.size = 0};
        delta_instance(&ls->delta, &in->id, &text);
        cli_print(ls->cli, "%s%s:%s\n", cli_style(ls->cli, CLI_BOLD), text.text,
                  cli_style(ls->cli, CLI_PLAIN));
    }
    int code = ls->type == NULL ? list_portals(ls, &view, &in->root_node) : CLI_OK;
    if (ls->type != NULL) {
        rmg_iter_extent(&view, false, ls->type, &iter);
    } else {
        rmg_iter_all(&view, RMG_NODES, &iter);
    }
    enum jit_err err = JIT_OK;
    while (code == CLI_OK && (err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        code = show_node(ls, &view, &id, &type, NULL);
        code = code == CLI_OK ? cli_written(ls->cli) : code;
    }
    return code != CLI_OK || err == JIT_ENOENT ? code : (int)CLI_CORRUPT;
}

/* The instance and, with -R, all that are nested in it. */
static int list_nested(struct ls *ls, const struct path_place *place)
{
    struct rmg_instance in = place->instance;
    struct jit_id last;
    const struct jit_id *after = NULL;
    int code = list_instance(ls, &in);
    while (code == CLI_OK && ls->deep &&
           rmg_store_next(ls->graph->store, &ls->graph->version, after, &in) == JIT_OK) {
        struct rmg_instance up = in;
        last = in.id;
        after = &last;
        unsigned depth = 0;
        while (up.parent.present && !jit_id_equal(&up.parent.instance, &place->instance.id) &&
               depth++ <= JIT_DEPTH_MAX &&
               rmg_store_instance(ls->graph->store, &ls->graph->version, &up.parent.instance,
                                  &up) == JIT_OK) {
        }
        if (up.parent.present && !jit_id_equal(&in.id, &place->instance.id)) {
            code = list_instance(ls, &in);
        }
    }
    return code;
}

/* A node: its portals, and where its edges lead. */
static int list_node(struct ls *ls, const struct path_place *place)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    struct jit_id type;
    int code = list_portals(ls, &place->graph, &place->node);
    enum jit_err err = JIT_OK;
    rmg_iter_edges_of(&place->graph, &place->node, RMG_DIR_OUT, NULL, &iter);
    while (code == CLI_OK && (err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        if (rmg_node_type(&place->graph, &edge.to, &type) != JIT_OK) {
            return CLI_CORRUPT;
        }
        if (ls->type == NULL || jit_id_equal(ls->type, &type)) {
            code = show_node(ls, &place->graph, &edge.to, &type, &edge);
        }
    }
    return code != CLI_OK || err == JIT_ENOENT ? code : (int)CLI_CORRUPT;
}

static int finish(struct ls *ls)
{
    char a[CLI_NUMBER_SIZE];
    if (ls->left > 0) {
        cli_note(ls->cli, "%s more; --limit 0 shows all", cli_group(ls->left, a));
    }
    json_t *event = cli_event("done", "rmg.ls/1");
    cli_put_number(event, "shown", ls->shown);
    cli_put_number(event, "left", ls->left);
    return cli_emit(ls->cli, event);
}

int rmg_ls_of(struct cli *cli, const struct format_graph *graph, const char *path)
{
    const struct format_graph *const graphs[] = {graph};
    struct path_place place;
    struct jit_id type;
    struct ls ls = {.cli = cli,
                    .graph = graph,
                    .detail = cli_given(cli, "long"),
                    .deep = cli_given(cli, "recursive"),
                    .limit = cli_number(cli, "limit")};
    if (cli_text(cli, "type") != NULL) {
        path_type(cli_text(cli, "type"), &type);
        ls.type = &type;
    }
    int code = path_find(cli, graph, path, &place);
    if (code == CLI_OK) {
        enum jit_err err = delta_begin(&ls.delta, cli, graphs, 1);
        code = err != JIT_OK       ? (int)cli_exit_of(err)
               : place.is_instance ? list_nested(&ls, &place)
                                   : list_node(&ls, &place);
        if (code == CLI_OK) {
            code = finish(&ls);
        } else if (err != JIT_OK || code == CLI_CORRUPT) {
            cli_what(cli, "cannot list %s", path);
            cli_why(cli, "%s", err != JIT_OK ? jit_err_text(err) : "the graph is damaged");
        }
        delta_end(&ls.delta);
    }
    return code;
}

int rmg_ls_verb(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    const struct format *format = NULL;
    int code = rmg_load_path(cli, cli->operands[0], &graph, &format);
    if (code == CLI_OK) {
        code = rmg_ls_of(cli, &graph, cli->operand_count > 1 ? cli->operands[1] : "/");
    }
    format_graph_release(&graph);
    return code;
}

/* `rmg walk`: nodes in breadth-first order from the root node of the top instance. A node's portals
 * come first, by name, then its edges in listing order (type, to, edge id), each behind the portals
 * on it. A visited set makes each node appear once, at its least depth. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "rmg/store/codec.h"
#include "tools/rmgtool/rmg.h"

enum via { VIA_ROOT, VIA_PORTAL, VIA_EDGE, VIA_REST };
static const char *const via_words[] = {"root", "portal", "edge", "unreached"};

struct step {
    struct jit_id instance;
    struct jit_id node;
    struct jit_id edge; /* via an edge */
    uint64_t from;      /* index of the step it was reached from */
    uint64_t depth;
    enum via via;
};

struct walk {
    struct cli *cli;
    const struct format_graph *graph;
    const struct format_names *names;
    struct step *steps; /* found, in order; those before `next` were followed */
    size_t count;
    size_t capacity;
    size_t next;
    uint32_t *slots; /* visited: index + 1 by hash of (instance, node) */
    size_t slot_count;
    uint64_t depth_max;
    uint64_t limit;
    uint64_t shown;
};

static uint64_t key_of(const struct jit_id *instance, const struct jit_id *node)
{
    struct jit_id hash;
    uint8_t both[2 * JIT_ID_BYTES];
    memcpy(both, instance->bytes, JIT_ID_BYTES);
    memcpy(both + JIT_ID_BYTES, node->bytes, JIT_ID_BYTES);
    jit_hash(both, sizeof both, &hash);
    return jit_be64(hash.bytes);
}

static uint32_t *slot_of(const struct walk *w, const struct jit_id *instance,
                         const struct jit_id *node)
{
    size_t at = (size_t)key_of(instance, node) & (w->slot_count - 1);
    while (w->slots[at] != 0) {
        const struct step *step = &w->steps[w->slots[at] - 1];
        if (jit_id_equal(&step->node, node) && jit_id_equal(&step->instance, instance)) {
            break;
        }
        at = (at + 1) & (w->slot_count - 1);
    }
    return &w->slots[at];
}

static enum jit_err reserve(struct walk *w)
{
    struct jit_heap *heap = w->graph->heap;
    void *data = w->steps;
    if (w->count >= UINT32_MAX - 1 ||
        jit_heap_grow(heap, &data, &w->capacity, w->count + 1, sizeof *w->steps) != 0) {
        return JIT_ENOMEM;
    }
    w->steps = data;
    if ((w->count + 1) * 2 <= w->slot_count) {
        return JIT_OK;
    }
    size_t count = w->slot_count == 0 ? 1024 : w->slot_count * 2;
    uint32_t *slots = jit_heap_zalloc(heap, count, sizeof *slots);
    if (slots == NULL) {
        return JIT_ENOMEM;
    }
    heap->free(heap, w->slots);
    w->slots = slots;
    w->slot_count = count;
    for (size_t i = 0; i < w->count; i++) {
        *slot_of(w, &w->steps[i].instance, &w->steps[i].node) = (uint32_t)(i + 1);
    }
    return JIT_OK;
}

static enum jit_err find(struct walk *w, const struct jit_id *instance, const struct jit_id *node,
                         enum via via, const struct jit_id *edge)
{
    enum jit_err err = reserve(w);
    if (err != JIT_OK) {
        return err;
    }
    uint32_t *slot = slot_of(w, instance, node);
    if (*slot != 0) {
        return JIT_OK;
    }
    struct step *step = &w->steps[w->count];
    *step = (struct step){.instance = *instance, .node = *node, .via = via};
    if (edge != NULL) {
        step->edge = *edge;
    }
    if (via == VIA_PORTAL || via == VIA_EDGE) {
        step->from = w->next;
        step->depth = w->steps[w->next].depth + 1;
    }
    *slot = (uint32_t)++w->count;
    return JIT_OK;
}

static enum jit_err follow_portals(struct walk *w, const struct rmg_graph *view,
                                   enum rmg_plane plane, const struct jit_id *owner)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK; i++) {
        struct rmg_attachment attachment;
        struct rmg_instance in;
        err = rmg_attachment_at(view, plane, owner, i, &attachment);
        if (err == JIT_OK && attachment.value.kind == RMG_VALUE_PORTAL) {
            err = rmg_store_instance(w->graph->store, &w->graph->version, &attachment.value.type,
                                     &in);
            err = err == JIT_OK ? find(w, &in.id, &in.root_node, VIA_PORTAL, NULL) : err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err follow(struct walk *w, const struct rmg_graph *view)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    const struct jit_id instance = view->instance;
    const struct jit_id node = w->steps[w->next].node;
    enum jit_err err = follow_portals(w, view, RMG_PLANE_ALPHA, &node);
    rmg_iter_edges_of(view, &node, RMG_DIR_OUT, NULL, &iter);
    while (err == JIT_OK && (err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        err = follow_portals(w, view, RMG_PLANE_BETA, &edge.id);
        err = err == JIT_OK ? find(w, &instance, &edge.to, VIA_EDGE, &edge.id) : err;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static const char *type_text(const struct walk *w, const struct jit_id *type, char hex[JIT_ID_HEX])
{
    const char *name = format_name_of(w->names, type);
    jit_id_to_hex(type, hex);
    hex[8] = 0;
    return name == NULL ? hex : name;
}

static int show(struct walk *w, const struct rmg_graph *view, const struct step *step)
{
    struct cli *cli = w->cli;
    struct jit_id type = {{0}};
    struct rmg_edge edge = {.id = step->edge};
    uint32_t size = 0;
    char shown[64];
    char hex[JIT_ID_HEX];
    char type_hex[JIT_ID_HEX];
    char edge_hex[JIT_ID_HEX];
    if (rmg_node_type(view, &step->node, &type) != JIT_OK ||
        (step->via == VIA_EDGE && rmg_edge_get(view, &step->edge, &edge) != JIT_OK)) {
        cli_what(cli, "the graph in memory is damaged");
        return CLI_CORRUPT;
    }
    const char *label = format_label(view, RMG_PLANE_ALPHA, &step->node, &size);
    jit_id_to_hex(&step->node, hex);
    if (!cli->json) {
        hex[16] = 0;
        cli_print(cli, "%llu  %-14.40s %s  %s", (unsigned long long)step->depth,
                  step->via == VIA_EDGE ? type_text(w, &edge.type, edge_hex) : via_words[step->via],
                  hex, type_text(w, &type, type_hex));
        if (label != NULL) {
            cli_print(cli, "  %s", cli_shown(label, size, 60, shown));
        }
        cli_print(cli, "\n");
        return cli_written(cli);
    }
    json_t *event = cli_event("node", "rmg.walk/1");
    cli_put_number(event, "depth", step->depth);
    cli_put_text(event, "via", via_words[step->via]);
    cli_put_text(event, "id", hex);
    jit_id_to_hex(&step->instance, hex);
    cli_put_text(event, "instance", hex);
    jit_id_to_hex(&type, hex);
    cli_put_text(event, "type", hex);
    if (step->via == VIA_EDGE) {
        jit_id_to_hex(&edge.id, hex);
        cli_put_text(event, "edge", hex);
        jit_id_to_hex(&edge.type, hex);
        cli_put_text(event, "edge_type", hex);
    }
    if (label != NULL) {
        cli_put(event, "name", json_stringn(label, size));
    }
    return cli_emit(cli, event);
}

static bool full(const struct walk *w)
{
    return w->limit > 0 && w->shown == w->limit;
}

/* Show and follow what has been found until nothing is left. */
static int run(struct walk *w, enum jit_err *err)
{
    int code = CLI_OK;
    struct rmg_instance in;
    struct rmg_graph view = {.slots = NULL};
    in.id = (struct jit_id){{0}};
    for (; code == CLI_OK && *err == JIT_OK && w->next < w->count && !full(w); w->next++) {
        const struct step step = w->steps[w->next];
        if (!jit_id_equal(&in.id, &step.instance)) {
            *err = rmg_store_instance(w->graph->store, &w->graph->version, &step.instance, &in);
            rmg_store_graph(w->graph->store, &in, &view);
        }
        if (*err == JIT_OK) {
            code = show(w, &view, &step);
            w->shown++;
        }
        if (*err == JIT_OK && code == CLI_OK && step.depth < w->depth_max) {
            *err = follow(w, &view);
        }
    }
    return code;
}

/* --all: what the walk did not reach, by instance and id, each as a new beginning. */
static int run_rest(struct walk *w, enum jit_err *err)
{
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    int code = CLI_OK;
    while (code == CLI_OK && *err == JIT_OK && !full(w) &&
           (*err = rmg_store_next(w->graph->store, &w->graph->version, after, &in)) == JIT_OK) {
        struct rmg_graph view;
        struct rmg_iter iter;
        struct jit_id id;
        struct jit_id type;
        last = in.id;
        after = &last;
        rmg_store_graph(w->graph->store, &in, &view);
        rmg_iter_all(&view, RMG_NODES, &iter);
        while (code == CLI_OK && *err == JIT_OK && !full(w) &&
               (*err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
            *err = find(w, &in.id, &id, VIA_REST, NULL);
            code = *err == JIT_OK ? run(w, err) : CLI_OK;
        }
        *err = *err == JIT_ENOENT ? JIT_OK : *err;
    }
    *err = *err == JIT_ENOENT ? JIT_OK : *err;
    return code;
}

static uint64_t total_nodes(const struct format_graph *graph)
{
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    uint64_t total = 0;
    while (rmg_store_next(graph->store, &graph->version, after, &in) == JIT_OK) {
        last = in.id;
        after = &last;
        total += in.roots.node_count;
    }
    return total;
}

static int finish(struct walk *w, uint64_t total)
{
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    bool all = cli_given(w->cli, "all");
    if (w->shown < total) {
        cli_note(w->cli, "%s of %s nodes shown; %s", cli_group(w->shown, a), cli_group(total, b),
                 full(w) ? "--limit 0 shows all"
                 : all   ? "a larger --depth shows more"
                         : "--all shows those that the root does not reach as well");
    }
    json_t *event = cli_event("done", "rmg.walk/1");
    cli_put_number(event, "shown", w->shown);
    cli_put_number(event, "nodes", total);
    cli_put_bool(event, "limited", full(w));
    return cli_emit(w->cli, event);
}

static int walk(struct cli *cli, const struct format_graph *graph)
{
    struct format_names *names = NULL;
    struct rmg_instance top;
    struct walk w = {.cli = cli, .graph = graph, .limit = cli_number(cli, "limit")};
    int code = CLI_OK;
    w.depth_max = cli_given(cli, "depth") ? cli_number(cli, "depth") : UINT64_MAX;
    uint64_t total = total_nodes(graph);
    enum jit_err err = format_names_new(graph, &names);
    w.names = names;
    err = err == JIT_OK ? rmg_store_top(graph->store, &graph->version, &top) : err;
    err = err == JIT_OK ? find(&w, &top.id, &top.root_node, VIA_ROOT, NULL) : err;
    if (err == JIT_OK) {
        code = run(&w, &err);
    }
    if (err == JIT_OK && code == CLI_OK && cli_given(cli, "all")) {
        code = run_rest(&w, &err);
    }
    if (err != JIT_OK) {
        cli_what(cli, "cannot walk on");
        cli_why(cli, "%s", jit_err_text(err));
        code = cli_exit_of(err);
    } else if (code == CLI_OK) {
        code = finish(&w, total);
    }
    graph->heap->free(graph->heap, w.steps);
    graph->heap->free(graph->heap, w.slots);
    format_names_free(names);
    return code;
}

int rmg_walk(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    const struct format *format;
    int code = rmg_load(cli, &graph, &format, NULL);
    if (code == CLI_OK) {
        code = walk(cli, &graph);
    }
    format_graph_release(&graph);
    return code;
}

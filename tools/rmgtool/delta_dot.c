/* The difference of two states as a picture: a box for each instance; what came is green, what went
 * red and dashed, what changed amber and bold, what only stands beside it grey. */
#include <string.h>

#include "tools/rmgtool/delta.h"

struct dot {
    const struct delta *delta;
    const struct rmg_state *side[2];
    struct jit_buf buf;
    struct jit_id instance;
    struct rmg_graph graph[2]; /* of the instance, before and after */
    bool there[2];
    uint64_t instances;
    int code;
    struct jit_id marked; /* the last owner that was drawn as changed */
};

static const char *style(bool before, bool after)
{
    return !before  ? "color=green4, fontcolor=green4"
           : !after ? "color=red3, fontcolor=red3, style=dashed"
                    : "color=orange3, fontcolor=orange3, style=bold";
}

static void put(struct dot *d, const char *text)
{
    jit_buf_put(&d->buf, text, strlen(text));
}

static void put_id(struct dot *d, const struct jit_id *id)
{
    char hex[JIT_ID_HEX];
    char text[JIT_ID_HEX + 32];
    jit_id_to_hex(id, hex);
    snprintf(text, sizeof text, "\"i%llu_%s\"", (unsigned long long)d->instances, hex);
    put(d, text);
}

/* A DOT string; text has no control bytes. */
static void put_label(struct dot *d, const char *text)
{
    put(d, "label=\"");
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') {
            put(d, "\\");
        }
        jit_buf_put(&d->buf, text, 1);
    }
    put(d, "\"");
}

static void flush(struct dot *d)
{
    if (d->code == CLI_OK && d->buf.err == JIT_OK) {
        d->code = cli_write(d->delta->cli, d->buf.data, d->buf.size);
    } else if (d->code == CLI_OK) {
        cli_what(d->delta->cli, "cannot draw");
        cli_why(d->delta->cli, "%s", jit_err_text(d->buf.err));
        d->code = cli_exit_of(d->buf.err);
    }
    jit_buf_reset(&d->buf);
}

static void begin_instance(struct dot *d, const struct jit_id *instance)
{
    struct delta_text text = {.size = 0};
    char cluster[64];
    if (d->instances > 0) {
        put(d, "  }\n");
    }
    d->instances++;
    d->instance = *instance;
    memset(&d->marked, 0, sizeof d->marked);
    for (int i = 0; i < 2; i++) {
        struct rmg_instance in;
        d->there[i] =
            rmg_store_instance(d->side[i]->store, &d->side[i]->version, instance, &in) == JIT_OK;
        if (d->there[i]) {
            rmg_store_graph(d->side[i]->store, &in, &d->graph[i]);
        }
    }
    snprintf(cluster, sizeof cluster, "  subgraph cluster_%llu {\n    ",
             (unsigned long long)d->instances);
    put(d, cluster);
    delta_instance(d->delta, instance, &text);
    put_label(d, text.text);
    put(d, !d->there[0] || !d->there[1] ? "; " : "; color=grey60");
    if (!d->there[0] || !d->there[1]) {
        put(d, style(d->there[0], d->there[1]));
    }
    put(d, ";\n");
}

static bool node_in(const struct dot *d, int side, const struct jit_id *node, struct jit_id *type)
{
    return d->there[side] && rmg_node_type(&d->graph[side], node, type) == JIT_OK;
}

/* Drawn as it is in itself: an end of an edge is grey unless something else is said of it. */
static void put_node(struct dot *d, const struct jit_id *node, const char *how)
{
    struct delta_text text = {.size = 0};
    struct jit_id type;
    char hex[JIT_ID_HEX];
    char shown[44];
    uint32_t size = 0;
    const char *label = delta_label(d->delta, &d->instance, node, &size);
    if (label != NULL) {
        delta_add(&text, "%s", cli_shown(label, size, 40, shown));
    } else {
        jit_id_to_hex(node, hex);
        delta_add(&text, "%.8s", hex);
    }
    if (node_in(d, 1, node, &type) || node_in(d, 0, node, &type)) {
        delta_add(&text, " : %s", delta_type(d->delta, &type, hex));
    }
    put(d, "    ");
    put_id(d, node);
    put(d, " [");
    put_label(d, text.text);
    if (how != NULL) {
        put(d, ", ");
        put(d, how);
    }
    put(d, "];\n");
}

static void put_edge(struct dot *d, const struct rmg_edge *edge, const char *how)
{
    struct delta_text text = {.size = 0};
    char hex[JIT_ID_HEX];
    put_node(d, &edge->from, NULL);
    put_node(d, &edge->to, NULL);
    put(d, "    ");
    put_id(d, &edge->from);
    put(d, " -> ");
    put_id(d, &edge->to);
    put(d, " [");
    delta_add(&text, "%s", delta_type(d->delta, &edge->type, hex));
    put_label(d, text.text);
    put(d, ", ");
    put(d, how);
    put(d, "];\n");
}

/* An element whose values changed, while it is the same itself. */
static void put_changed(struct dot *d, const struct rmg_place *place)
{
    struct jit_id type[2];
    struct rmg_edge edge[2];
    if (jit_id_equal(&d->marked, &place->id)) {
        return;
    }
    d->marked = place->id;
    if (place->part == RMG_PART_ALPHA) {
        if (node_in(d, 0, &place->id, &type[0]) && node_in(d, 1, &place->id, &type[1]) &&
            jit_id_equal(&type[0], &type[1])) {
            put_node(d, &place->id, style(true, true));
        }
        return;
    }
    if (d->there[0] && d->there[1] && rmg_edge_get(&d->graph[0], &place->id, &edge[0]) == JIT_OK &&
        rmg_edge_get(&d->graph[1], &place->id, &edge[1]) == JIT_OK &&
        memcmp(&edge[0], &edge[1], sizeof edge[0]) == 0) {
        put_edge(d, &edge[0], style(true, true));
    }
}

static bool visit(void *user, const struct rmg_difference *diff)
{
    struct dot *d = user;
    const char *how = style(diff->before != NULL, diff->after != NULL);
    if (d->instances == 0 || !jit_id_equal(&d->instance, &diff->place.instance)) {
        begin_instance(d, &diff->place.instance);
    }
    switch (diff->place.part) {
    case RMG_PART_NODE:
        put_node(d, &diff->place.id, how);
        break;
    case RMG_PART_EDGE:
        put_edge(d, diff->after != NULL ? &diff->after->edge : &diff->before->edge, how);
        break;
    case RMG_PART_ALPHA:
    case RMG_PART_BETA:
        put_changed(d, &diff->place);
        break;
    default:
        break;
    }
    flush(d);
    return d->code == CLI_OK;
}

int delta_dot(const struct delta *delta, const struct rmg_state *before,
              const struct rmg_state *after)
{
    struct dot d = {.delta = delta, .side = {before, after}};
    jit_buf_init(&d.buf, jit_heap_libc(), 1u << 20);
    put(&d, "digraph difference {\n  rankdir=LR;\n"
            "  node [shape=box, style=rounded, color=grey60, fontcolor=grey40];\n");
    enum jit_err err = rmg_diff(before, after, visit, &d, NULL);
    put(&d, d.instances > 0 ? "  }\n}\n" : "}\n");
    flush(&d);
    jit_buf_release(&d.buf);
    if (err != JIT_OK) {
        cli_what(delta->cli, "cannot compare");
        cli_why(delta->cli, "%s", jit_err_text(err));
        return cli_exit_of(err);
    }
    return d.code;
}

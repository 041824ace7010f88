/* GraphML: graphs, nodes and edges. */
#include "tools/formats/graphml_priv.h"

#include <stdio.h>

#include "base/hash.h"
#include "tools/formats/graphml.h"

/* ---- frames ---- */

enum jit_err graphml_owner_new(struct graphml *g, struct net_owner **out)
{
    *out = g->spare_count > 0 ? g->spare[--g->spare_count]
                              : jit_heap_zalloc(g->net.im->heap, 1, sizeof **out);
    return *out == NULL ? JIT_ENOMEM : JIT_OK;
}

static enum jit_err graphml_frame_given(struct graphml *g, struct graphml_frame *frame)
{
    if (g->default_count == 0) {
        return JIT_OK;
    }
    frame->given = jit_heap_zalloc(g->net.im->heap, g->default_count, sizeof *frame->given);
    return frame->given == NULL ? JIT_ENOMEM : JIT_OK;
}

/* ---- graphs ---- */

/* A graph in a node or an edge: its instance and the portal to it. */
static enum jit_err enter(struct graphml *g, const struct xml_tag *tag, struct graphml_frame *of,
                          uint32_t *graph)
{
    struct net_text name;
    struct net_text id;
    struct net_text root;
    struct jit_id instance;
    struct jit_id root_id;
    char label[2 * JIT_ID_HEX + JIT_NAME_BYTES_MAX + 4];
    char from[JIT_ID_HEX];
    char owner[JIT_ID_HEX];
    if (!xml_attribute(tag, XML_RMG, "name", &name)) {
        name = (struct net_text){"graph", 5};
    }
    if (name.size > JIT_NAME_BYTES_MAX) {
        return graphml_fail(g, JIT_ELIMIT, "a name of more than 255 bytes", NULL);
    }
    jit_id_to_hex(&g->net.graphs[of->graph].id, from);
    jit_id_to_hex(&of->owner->owner.id, owner);
    int size = snprintf(label, sizeof label, "%s/%s/%.*s", from, owner, (int)name.size, name.text);
    jit_hash_named("warp:", label, (size_t)size, &instance);
    jit_hash_named("node:", label, (size_t)size, &root_id);
    enum jit_err err = JIT_OK;
    if (xml_attribute(tag, NULL, "id", &id) && graphml_is_id(&id)) {
        err = net_id(&g->net, "warp:", id.text, id.size, &instance);
    }
    if (err == JIT_OK && xml_attribute(tag, XML_RMG, "root", &root)) {
        err = net_id(&g->net, "node:", root.text, root.size, &root_id);
    }
    err = err == JIT_OK ? net_enter(&g->net, of->owner, name.text, name.size, &instance) : err;
    return err == JIT_OK ? net_nested(&g->net, &instance, &root_id, graph) : err;
}

static enum jit_err enter_top(struct graphml *g, const struct xml_tag *tag)
{
    struct net_text id;
    struct net_text root;
    struct net_text label;
    if (g->top) {
        return graphml_fail(g, JIT_EFORMAT, "a second graph in one file", NULL);
    }
    g->top = true;
    g->net.plain_ids = xml_attribute(tag, XML_RMG, "label", &label);
    bool own = xml_attribute(tag, NULL, "id", &id) && graphml_is_id(&id);
    bool rooted = xml_attribute(tag, XML_RMG, "root", &root);
    return net_top(&g->net, own ? &id : NULL, rooted ? &root : NULL);
}

enum jit_err graphml_take_graph(struct graphml *g, const struct xml_tag *tag,
                                struct graphml_frame *of)
{
    static const char *const known[] = {
        "edgedefault", "id",          "parse.nodeids",     "parse.edgeids",      "parse.order",
        "parse.nodes", "parse.edges", "parse.maxindegree", "parse.maxoutdegree", NULL};
    struct net_owner *owner;
    struct net_text word;
    struct net_text id;
    uint32_t graph = 0;
    if (!xml_attribute(tag, NULL, "edgedefault", &word) ||
        (!xml_is(&word, "directed") && !xml_is(&word, "undirected"))) {
        return graphml_fail(g, JIT_EFORMAT, "a <graph> has edgedefault, directed or undirected",
                            NULL);
    }
    enum jit_err err = of->kind == AT_DOCUMENT ? enter_top(g, tag) : enter(g, tag, of, &graph);
    err = err == JIT_OK ? graphml_owner_new(g, &owner) : err;
    if (err != JIT_OK) {
        return err;
    }
    struct graphml_frame *frame = graphml_push(g, AT_GRAPH, owner);
    frame->graph = graph;
    frame->directed = xml_is(&word, "directed");
    net_graph_values(&g->net, owner, graph);
    err = graphml_frame_given(g, frame);
    if (err == JIT_OK && !frame->directed) {
        err = net_words(&g->net, owner, "directed", 8, RMG_CODEC_BOOL, "false", 5);
    }
    if (err == JIT_OK && xml_attribute(tag, NULL, "id", &id) && !graphml_is_id(&id)) {
        err = net_words(&g->net, owner, "id", 2, RMG_CODEC_TEXT, id.text, id.size);
    }
    return err == JIT_OK ? xml_take_others(&g->net, owner, tag, known) : err;
}

enum jit_err graphml_take_node(struct graphml *g, const struct xml_tag *tag,
                               struct graphml_frame *of)
{
    static const char *const known[] = {"id", NULL};
    struct net_owner *owner;
    struct net_text id;
    struct net_text type;
    if (!xml_attribute(tag, NULL, "id", &id)) {
        return graphml_fail(g, JIT_EFORMAT, "a <node> without id", NULL);
    }
    (void)xml_attribute(tag, XML_RMG, "type", &type);
    enum jit_err err = graphml_owner_new(g, &owner);
    if (err != JIT_OK) {
        return err;
    }
    struct graphml_frame *frame = graphml_push(g, AT_NODE, owner);
    err = net_node(&g->net, owner, of->graph, id.text, id.size, false, type.text, type.size);
    err = err == JIT_OK ? graphml_frame_given(g, frame) : err;
    return err == JIT_OK ? xml_take_others(&g->net, owner, tag, known) : err;
}

enum jit_err graphml_take_edge(struct graphml *g, const struct xml_tag *tag,
                               struct graphml_frame *of)
{
    static const char *const known[] = {"id", "source", "target", "directed", NULL};
    struct net_owner *owner;
    struct net_text id;
    struct net_text type;
    struct net_text ends[2];
    struct net_text directed;
    if (!xml_attribute(tag, NULL, "source", &ends[0]) ||
        !xml_attribute(tag, NULL, "target", &ends[1])) {
        return graphml_fail(g, JIT_EFORMAT, "an <edge> has source and target", NULL);
    }
    bool named = xml_attribute(tag, NULL, "id", &id);
    bool typed = xml_attribute(tag, XML_RMG, "type", &type);
    enum jit_err err = graphml_owner_new(g, &owner);
    if (err != JIT_OK) {
        return err;
    }
    struct graphml_frame *frame = graphml_push(g, AT_EDGE, owner);
    err = net_edge(&g->net, owner, of->graph, named ? &id : NULL, false, &ends[0], &ends[1],
                   typed ? &type : NULL);
    err = err == JIT_OK ? graphml_frame_given(g, frame) : err;
    if (err == JIT_OK && xml_attribute(tag, NULL, "directed", &directed)) {
        bool yes = xml_is(&directed, "true") || xml_is(&directed, "1");
        if (!yes && !xml_is(&directed, "false") && !xml_is(&directed, "0")) {
            return graphml_fail(g, JIT_EFORMAT, "directed is true or false", NULL);
        }
        if (yes != of->directed) {
            err = net_words(&g->net, owner, "directed", 8, RMG_CODEC_BOOL, yes ? "true" : "false",
                            yes ? 4 : 5);
        }
    }
    return err == JIT_OK ? xml_take_others(&g->net, owner, tag, known) : err;
}

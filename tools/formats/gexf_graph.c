/* GEXF: the graph, its nodes and its edges. */
#include "tools/formats/gexf_priv.h"

#include <string.h>

#include "base/check.h"

/* ---- nodes and edges ---- */

static enum jit_err owner_begun(struct gexf *g, const struct net_text *id,
                                const struct net_text *label)
{
    jit_buf_reset(&g->label);
    g->labelled = label->text != NULL;
    g->same_label =
        id != NULL && id->size == label->size && memcmp(id->text, label->text, label->size) == 0;
    if (g->labelled) {
        jit_buf_put(&g->label, label->text, label->size);
    }
    g->owner_number++;
    gexf_push(g, AT_OWNER);
    return g->label.err;
}

enum jit_err gexf_take_node(struct gexf *g, const struct xml_tag *tag)
{
    static const char *const known[] = {"id", "label", NULL};
    struct net_text id;
    struct net_text label;
    struct net_text type;
    if (!xml_attribute(tag, NULL, "id", &id)) {
        return gexf_fail(g, JIT_EFORMAT, "a <node> without id", NULL);
    }
    g->typed = xml_attribute(tag, XML_RMG, "type", &type);
    (void)xml_attribute(tag, NULL, "label", &label);
    enum jit_err err =
        net_node(&g->net, &g->owner, 0, id.text, id.size, false, type.text, type.size);
    err = err == JIT_OK ? owner_begun(g, label.text == NULL ? NULL : &id, &label) : err;
    return err == JIT_OK ? xml_take_others(&g->net, &g->owner, tag, known) : err;
}

static enum jit_err take_direction(struct gexf *g, const struct xml_tag *tag)
{
    struct net_text word;
    if (!xml_attribute(tag, NULL, "type", &word)) {
        return JIT_OK;
    }
    if (xml_is(&word, "mutual")) {
        return net_words(&g->net, &g->owner, "type", 4, RMG_CODEC_TEXT, word.text, word.size);
    }
    bool directed = xml_is(&word, "directed");
    if (!directed && !xml_is(&word, "undirected")) {
        return net_fail(&g->net, JIT_EFORMAT,
                        "an edge's type is directed, undirected or mutual: ", word.text, word.size);
    }
    return directed == g->directed ? JIT_OK
                                   : net_words(&g->net, &g->owner, "directed", 8, RMG_CODEC_BOOL,
                                               directed ? "true" : "false", directed ? 4 : 5);
}

enum jit_err gexf_take_edge(struct gexf *g, const struct xml_tag *tag)
{
    static const char *const known[] = {"id", "source", "target", "type", "weight", "label", NULL};
    struct net_text ends[2];
    struct net_text id;
    struct net_text type;
    struct net_text word;
    if (!xml_attribute(tag, NULL, "source", &ends[0]) ||
        !xml_attribute(tag, NULL, "target", &ends[1])) {
        return gexf_fail(g, JIT_EFORMAT, "an <edge> has source and target", NULL);
    }
    bool named = xml_attribute(tag, NULL, "id", &id);
    g->typed = xml_attribute(tag, XML_RMG, "type", &type);
    enum jit_err err = net_edge(&g->net, &g->owner, 0, named ? &id : NULL, false, &ends[0],
                                &ends[1], g->typed ? &type : NULL);
    (void)xml_attribute(tag, NULL, "label", &word);
    err = err == JIT_OK ? owner_begun(g, NULL, &word) : err;
    err = err == JIT_OK ? take_direction(g, tag) : err;
    if (err == JIT_OK && xml_attribute(tag, NULL, "weight", &word)) {
        err = net_words(&g->net, &g->owner, "weight", 6, RMG_CODEC_F64, word.text, word.size);
    }
    return err == JIT_OK ? xml_take_others(&g->net, &g->owner, tag, known) : err;
}

enum jit_err gexf_end_owner(struct gexf *g)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < g->default_count; i++) {
        const struct gexf_attribute *one = &g->attributes[g->defaults[i]];
        if (g->given[g->defaults[i]] != g->owner_number && one->edge == g->edges) {
            err = gexf_take_value(g, one, (const char *)one->value.data, one->value.size);
        }
    }
    if (err == JIT_OK && g->labelled && !g->same_label) {
        err = net_words(&g->net, &g->owner, "label", 5, RMG_CODEC_TEXT,
                        g->label.size == 0 ? "" : (const char *)g->label.data, g->label.size);
    }
    return err == JIT_OK ? net_owner_end(&g->net, &g->owner) : err;
}

/* ---- the graph ---- */

static enum jit_err gexf_own_words(struct gexf *g, const char *name, const char *text, size_t size)
{
    return net_words(&g->net, &g->own, name, strlen(name), RMG_CODEC_TEXT, text, size);
}

/* Meta data, which came first. */
static enum jit_err take_meta(struct gexf *g)
{
    struct jit_cursor cur = jit_cursor_of(g->meta.data, g->meta.size);
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && cur.left > 0) {
        size_t name_size = (size_t)jit_get_u64(&cur);
        const char *name = (const char *)jit_get_bytes(&cur, name_size);
        size_t size = (size_t)jit_get_u64(&cur);
        const char *text = (const char *)jit_get_bytes(&cur, size);
        assert(name != NULL); /* keep_meta() wrote it */
        err = net_words(&g->net, &g->own, name, name_size, RMG_CODEC_TEXT, size == 0 ? "" : text,
                        size);
    }
    return err;
}

enum jit_err gexf_take_graph(struct gexf *g, const struct xml_tag *tag)
{
    static const char *const known[] = {"defaultedgetype", "mode", "idtype", NULL};
    struct net_text instance;
    struct net_text root;
    struct net_text word;
    if (g->top) {
        return gexf_fail(g, JIT_EFORMAT, "a second graph in one file", NULL);
    }
    g->top = true;
    g->net.plain_ids = xml_attribute(tag, XML_RMG, "label", &word);
    bool own = xml_attribute(tag, XML_RMG, "instance", &instance);
    bool rooted = xml_attribute(tag, XML_RMG, "root", &root);
    enum jit_err err = net_top(&g->net, own ? &instance : NULL, rooted ? &root : NULL);
    if (err != JIT_OK) {
        return err;
    }
    gexf_push(g, AT_GRAPH);
    net_graph_values(&g->net, &g->own, 0);
    g->directed = xml_attribute(tag, NULL, "defaultedgetype", &word) && xml_is(&word, "directed");
    if (word.text != NULL && !g->directed && !xml_is(&word, "undirected")) {
        return net_fail(&g->net, JIT_EFORMAT, "defaultedgetype is directed or undirected, not ",
                        word.text, word.size);
    }
    if (!g->directed) {
        err = net_words(&g->net, &g->own, "directed", 8, RMG_CODEC_BOOL, "false", 5);
    }
    if (err == JIT_OK && xml_attribute(tag, NULL, "mode", &word) && !xml_is(&word, "static")) {
        err = gexf_own_words(g, "mode", word.text, word.size);
    }
    err = err == JIT_OK ? xml_take_others(&g->net, &g->own, tag, known) : err;
    return err == JIT_OK ? take_meta(g) : err;
}

enum jit_err gexf_take_list(struct gexf *g, bool edges)
{
    if (!g->begun && g->attribute_count > 0) {
        g->given = jit_heap_zalloc(g->net.im->heap, g->attribute_count, sizeof *g->given);
        g->defaults = jit_heap_zalloc(g->net.im->heap, g->attribute_count, sizeof *g->defaults);
        if (g->given == NULL || g->defaults == NULL) {
            return JIT_ENOMEM;
        }
        for (size_t i = 0; i < g->attribute_count; i++) {
            g->defaults[g->default_count] = i;
            g->default_count += g->attributes[i].has_default;
        }
    }
    g->begun = true;
    g->edges = edges;
    gexf_push(g, AT_LIST);
    return JIT_OK;
}

enum jit_err gexf_keep_meta(struct gexf *g, const char *name, const char *text, size_t size)
{
    size_t name_size = strlen(name);
    jit_buf_put_u64(&g->meta, name_size);
    jit_buf_put(&g->meta, name, name_size);
    jit_buf_put_u64(&g->meta, size);
    jit_buf_put(&g->meta, text, size);
    return g->meta.err;
}

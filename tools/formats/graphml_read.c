/* GraphML: keys with types and defaults, edges with ids and directions, graphs in nodes and edges
 * as instances. Ports, hyperedges and locators have no counterpart and are refused. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/formats/graphml.h"

enum kind {
    AT_DOCUMENT,
    AT_KEY,
    AT_DEFAULT,
    AT_GRAPH,
    AT_NODE,
    AT_EDGE,
    AT_DATA,
    AT_MARKUP,
    AT_DESC
};
enum domain { DOMAIN_NODE = 1, DOMAIN_EDGE = 2, DOMAIN_GRAPH = 4 };

struct key {
    unsigned domain;      /* of what it is: bits */
    enum rmg_codec codec; /* NONE: hex */
    struct jit_id id;     /* hash of its id in the document */
    uint32_t name_size;
    uint32_t type_size; /* of hex: the type in words */
    bool has_default;
    size_t default_at; /* among those that have one */
    char name[JIT_NAME_BYTES_MAX + 1];
    char type[JIT_LABEL_BYTES_MAX + 1];
    struct jit_buf value; /* the default */
};

struct frame {
    enum kind kind;
    struct net_owner *owner; /* of a graph, node or edge; of data and desc: whose it is */
    uint32_t graph;
    bool directed; /* of a graph: its edges' default */
    size_t key;    /* of data */
    bool own;      /* of data: its owner is its own, and ends with it */
    bool markup;   /* of data: there are elements in it */
    size_t tag;    /* of markup: where its name stands in the text */
    size_t tag_size;
    bool *given; /* of a graph, node or edge: which defaults are not needed; or NULL */
};

struct graphml {
    struct net net;
    struct import_input input;
    struct frame stack[XML_DEPTH_MAX + 1];
    unsigned depth;
    struct key *keys;
    size_t key_count;
    size_t key_capacity;
    size_t *defaults; /* keys that have one */
    size_t default_count;
    size_t default_capacity;
    struct import_seen key_of;              /* hash of the id -> index + 1 */
    struct net_owner *spare[XML_DEPTH_MAX]; /* owners to be used again */
    size_t spare_count;
    struct jit_buf text;
    bool top; /* the graph has come */
};

static enum jit_err fail(struct graphml *g, enum jit_err err, const char *what, const char *detail)
{
    return net_fail(&g->net, err, what, detail, detail == NULL ? 0 : strlen(detail));
}

/* ---- frames ---- */

static enum jit_err owner_new(struct graphml *g, struct net_owner **out)
{
    *out = g->spare_count > 0 ? g->spare[--g->spare_count]
                              : jit_heap_zalloc(g->net.im->heap, 1, sizeof **out);
    return *out == NULL ? JIT_ENOMEM : JIT_OK;
}

static struct frame *push(struct graphml *g, enum kind kind, struct net_owner *owner)
{
    assert(g->depth < XML_DEPTH_MAX); /* xml_import() sees to it */
    struct frame *frame = &g->stack[++g->depth];
    *frame = (struct frame){.kind = kind, .owner = owner, .graph = frame[-1].graph};
    return frame;
}

static enum jit_err frame_given(struct graphml *g, struct frame *frame)
{
    if (g->default_count == 0) {
        return JIT_OK;
    }
    frame->given = jit_heap_zalloc(g->net.im->heap, g->default_count, sizeof *frame->given);
    return frame->given == NULL ? JIT_ENOMEM : JIT_OK;
}

/* ---- keys ---- */

static unsigned domain_of(const struct net_text *word)
{
    static const struct {
        const char *word;
        unsigned domain;
    } table[] = {{"node", DOMAIN_NODE},   {"edge", DOMAIN_EDGE},
                 {"graph", DOMAIN_GRAPH}, {"all", DOMAIN_NODE | DOMAIN_EDGE | DOMAIN_GRAPH},
                 {"graphml", 0},          {"port", 0},
                 {"endpoint", 0},         {"hyperedge", 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (graphml_is(word, table[i].word)) {
            return table[i].domain;
        }
    }
    return UINT32_MAX;
}

static enum jit_err codec_of(struct graphml *g, const struct net_text *word, enum rmg_codec *codec)
{
    for (size_t i = 0; i < sizeof graphml_types / sizeof *graphml_types; i++) {
        if (graphml_is(word, graphml_types[i].word)) {
            *codec = graphml_types[i].codec;
            return JIT_OK;
        }
    }
    return net_fail(&g->net, JIT_EFORMAT, "an unknown attr.type: ", word->text, word->size);
}

static enum jit_err take_key(struct graphml *g, const struct xml_tag *tag)
{
    struct net_text id;
    struct net_text word;
    struct net_text name;
    struct key key = {.codec = RMG_CODEC_TEXT, .domain = DOMAIN_NODE | DOMAIN_EDGE | DOMAIN_GRAPH};
    uint64_t before = 0;
    enum jit_err err = JIT_OK;
    if (g->top) {
        return fail(g, JIT_EFORMAT, "a <key> behind the graph", NULL);
    }
    if (!xml_attribute(tag, NULL, "id", &id)) {
        return fail(g, JIT_EFORMAT, "a <key> without id", NULL);
    }
    if (xml_attribute(tag, NULL, "for", &word)) {
        key.domain = domain_of(&word);
        if (key.domain == UINT32_MAX) {
            return net_fail(&g->net, JIT_EFORMAT, "a <key> for ", word.text, word.size);
        }
    }
    if (xml_attribute(tag, XML_RMG, "type", &word)) {
        if (word.size > JIT_LABEL_BYTES_MAX) {
            return fail(g, JIT_ELIMIT, "a type of more than 1,024 bytes", NULL);
        }
        key.codec = RMG_CODEC_NONE;
        key.type_size = (uint32_t)word.size;
        memcpy(key.type, word.text, word.size);
    } else if (xml_attribute(tag, NULL, "attr.type", &word)) {
        err = codec_of(g, &word, &key.codec);
    }
    if (!xml_attribute(tag, NULL, "attr.name", &name) &&
        !xml_attribute(tag, NULL, "yfiles.type", &name)) {
        name = id;
    }
    if (err == JIT_OK && name.size > JIT_NAME_BYTES_MAX) {
        err = fail(g, JIT_ELIMIT, "a name of more than 255 bytes", NULL);
    }
    if (err != JIT_OK) {
        return err;
    }
    key.name_size = (uint32_t)name.size;
    memcpy(key.name, name.text, name.size);
    jit_hash(id.text, id.size, &key.id);
    err = import_seen_add(&g->key_of, &key.id, g->key_count + 1, &before);
    if (err == JIT_OK && before != 0) {
        err = net_fail(&g->net, JIT_EEXIST, "a second <key> with the id ", id.text, id.size);
    }
    void *data = g->keys;
    if (err == JIT_OK && jit_heap_grow(g->net.im->heap, &data, &g->key_capacity, g->key_count + 1,
                                       sizeof *g->keys) != 0) {
        err = JIT_ENOMEM;
    }
    if (err == JIT_OK) {
        g->keys = data;
        jit_buf_init(&key.value, g->net.im->heap, JIT_LINE_BYTES_MAX);
        g->keys[g->key_count++] = key;
        push(g, AT_KEY, NULL);
    }
    return err;
}

/* ---- values ---- */

static enum jit_err take_value(struct graphml *g, struct net_owner *owner, const struct key *key,
                               const char *text, size_t size)
{
    if (key->codec != RMG_CODEC_TEXT) {
        while (size > 0 && xml_is_blank(text[0])) {
            text++;
            size--;
        }
        while (size > 0 && xml_is_blank(text[size - 1])) {
            size--;
        }
    }
    if (key->codec == RMG_CODEC_NONE) {
        const struct net_text type = {key->type, key->type_size};
        const struct net_text hex = {text, size};
        return net_hex(&g->net, owner, key->name, key->name_size, &type, &hex);
    }
    if (key->codec == RMG_CODEC_BOOL && size == 1 && (text[0] == '0' || text[0] == '1')) {
        text = text[0] == '1' ? "true" : "false";
        size = strlen(text);
    }
    return net_words(&g->net, owner, key->name, key->name_size, key->codec, text, size);
}

static enum jit_err take_data(struct graphml *g, const struct xml_tag *tag, struct frame *of)
{
    struct net_text word;
    struct jit_id id;
    if (!xml_attribute(tag, NULL, "key", &word)) {
        return fail(g, JIT_EFORMAT, "<data> without key", NULL);
    }
    jit_hash(word.text, word.size, &id);
    uint64_t at = import_seen_get(&g->key_of, &id);
    if (at == 0) {
        return net_fail(&g->net, JIT_EFORMAT, "no <key> has the id ", word.text, word.size);
    }
    if (of->given != NULL && g->keys[at - 1].has_default) {
        of->given[g->keys[at - 1].default_at] = true;
    }
    push(g, AT_DATA, of->owner)->key = (size_t)at - 1;
    jit_buf_reset(&g->text);
    return JIT_OK;
}

/* Of the document, behind the graph: the graph's. */
static enum jit_err take_own_data(struct graphml *g, const struct xml_tag *tag, struct frame *of)
{
    struct net_owner *owner;
    enum jit_err err = owner_new(g, &owner);
    if (err != JIT_OK) {
        return err;
    }
    net_graph_values(&g->net, owner, 0);
    err = take_data(g, tag, of);
    if (err != JIT_OK) {
        g->spare[g->spare_count++] = owner;
        return err;
    }
    g->stack[g->depth].owner = owner;
    g->stack[g->depth].own = true;
    return JIT_OK;
}

/* Defaults are written, never implied (DESIGN 4.1). */
static enum jit_err end_owner(struct graphml *g, struct frame *frame, unsigned domain)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && frame->given != NULL && i < g->default_count; i++) {
        const struct key *key = &g->keys[g->defaults[i]];
        if (!frame->given[i] && (key->domain & domain) != 0) {
            err = take_value(g, frame->owner, key, (const char *)key->value.data, key->value.size);
        }
    }
    err = err == JIT_OK ? net_owner_end(&g->net, frame->owner) : err;
    g->net.im->heap->free(g->net.im->heap, frame->given);
    frame->given = NULL;
    if (err == JIT_OK) {
        g->spare[g->spare_count++] = frame->owner;
        frame->owner = NULL;
    }
    return err;
}

/* ---- graphs ---- */

/* A graph in a node or an edge: its instance and the portal to it. */
static enum jit_err enter(struct graphml *g, const struct xml_tag *tag, struct frame *of,
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
        return fail(g, JIT_ELIMIT, "a name of more than 255 bytes", NULL);
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
        return fail(g, JIT_EFORMAT, "a second graph in one file", NULL);
    }
    g->top = true;
    g->net.plain_ids = xml_attribute(tag, XML_RMG, "label", &label);
    bool own = xml_attribute(tag, NULL, "id", &id) && graphml_is_id(&id);
    bool rooted = xml_attribute(tag, XML_RMG, "root", &root);
    return net_top(&g->net, own ? &id : NULL, rooted ? &root : NULL);
}

static enum jit_err take_graph(struct graphml *g, const struct xml_tag *tag, struct frame *of)
{
    static const char *const known[] = {
        "edgedefault", "id",          "parse.nodeids",     "parse.edgeids",      "parse.order",
        "parse.nodes", "parse.edges", "parse.maxindegree", "parse.maxoutdegree", NULL};
    struct net_owner *owner;
    struct net_text word;
    struct net_text id;
    uint32_t graph = 0;
    if (!xml_attribute(tag, NULL, "edgedefault", &word) ||
        (!graphml_is(&word, "directed") && !graphml_is(&word, "undirected"))) {
        return fail(g, JIT_EFORMAT, "a <graph> has edgedefault, directed or undirected", NULL);
    }
    enum jit_err err = of->kind == AT_DOCUMENT ? enter_top(g, tag) : enter(g, tag, of, &graph);
    err = err == JIT_OK ? owner_new(g, &owner) : err;
    if (err != JIT_OK) {
        return err;
    }
    struct frame *frame = push(g, AT_GRAPH, owner);
    frame->graph = graph;
    frame->directed = graphml_is(&word, "directed");
    net_graph_values(&g->net, owner, graph);
    err = frame_given(g, frame);
    if (err == JIT_OK && !frame->directed) {
        err = net_words(&g->net, owner, "directed", 8, RMG_CODEC_BOOL, "false", 5);
    }
    if (err == JIT_OK && xml_attribute(tag, NULL, "id", &id) && !graphml_is_id(&id)) {
        err = net_words(&g->net, owner, "id", 2, RMG_CODEC_TEXT, id.text, id.size);
    }
    return err == JIT_OK ? xml_take_others(&g->net, owner, tag, known) : err;
}

static enum jit_err take_node(struct graphml *g, const struct xml_tag *tag, struct frame *of)
{
    static const char *const known[] = {"id", NULL};
    struct net_owner *owner;
    struct net_text id;
    struct net_text type;
    if (!xml_attribute(tag, NULL, "id", &id)) {
        return fail(g, JIT_EFORMAT, "a <node> without id", NULL);
    }
    (void)xml_attribute(tag, XML_RMG, "type", &type);
    enum jit_err err = owner_new(g, &owner);
    if (err != JIT_OK) {
        return err;
    }
    struct frame *frame = push(g, AT_NODE, owner);
    err = net_node(&g->net, owner, of->graph, id.text, id.size, false, type.text, type.size);
    err = err == JIT_OK ? frame_given(g, frame) : err;
    return err == JIT_OK ? xml_take_others(&g->net, owner, tag, known) : err;
}

static enum jit_err take_edge(struct graphml *g, const struct xml_tag *tag, struct frame *of)
{
    static const char *const known[] = {"id", "source", "target", "directed", NULL};
    struct net_owner *owner;
    struct net_text id;
    struct net_text type;
    struct net_text ends[2];
    struct net_text directed;
    if (!xml_attribute(tag, NULL, "source", &ends[0]) ||
        !xml_attribute(tag, NULL, "target", &ends[1])) {
        return fail(g, JIT_EFORMAT, "an <edge> has source and target", NULL);
    }
    bool named = xml_attribute(tag, NULL, "id", &id);
    bool typed = xml_attribute(tag, XML_RMG, "type", &type);
    enum jit_err err = owner_new(g, &owner);
    if (err != JIT_OK) {
        return err;
    }
    struct frame *frame = push(g, AT_EDGE, owner);
    err = net_edge(&g->net, owner, of->graph, named ? &id : NULL, false, &ends[0], &ends[1],
                   typed ? &type : NULL);
    err = err == JIT_OK ? frame_given(g, frame) : err;
    if (err == JIT_OK && xml_attribute(tag, NULL, "directed", &directed)) {
        bool yes = graphml_is(&directed, "true") || graphml_is(&directed, "1");
        if (!yes && !graphml_is(&directed, "false") && !graphml_is(&directed, "0")) {
            return fail(g, JIT_EFORMAT, "directed is true or false", NULL);
        }
        if (yes != of->directed) {
            err = net_words(&g->net, owner, "directed", 8, RMG_CODEC_BOOL, yes ? "true" : "false",
                            yes ? 4 : 5);
        }
    }
    return err == JIT_OK ? xml_take_others(&g->net, owner, tag, known) : err;
}

/* Elements within <data> are kept as they are: an atom of the type `xml`. */
static enum jit_err take_markup(struct graphml *g, const struct xml_tag *tag, struct frame *of)
{
    for (size_t i = 0; of->kind == AT_DATA && !of->markup && i < g->text.size; i++) {
        if (!xml_is_blank((char)g->text.data[i])) {
            return fail(g, JIT_EFORMAT, "text beside markup in <data>: ", tag->name);
        }
    }
    if (of->kind == AT_DATA && !of->markup) {
        of->markup = true;
        jit_buf_reset(&g->text);
    }
    struct frame *frame = push(g, AT_MARKUP, of->owner);
    frame->tag = g->text.size + 1;
    frame->tag_size = strlen(tag->name) + (tag->prefix == NULL ? 0 : strlen(tag->prefix) + 1);
    xml_copy_tag(&g->text, tag);
    return g->text.err == JIT_ELIMIT ? fail(g, JIT_ELIMIT, "a value of more than 16 MiB", NULL)
                                     : g->text.err;
}

/* ---- elements ---- */

static enum jit_err on_start(void *user, const struct xml_tag *tag)
{
    struct graphml *g = user;
    struct frame *of = &g->stack[g->depth];
    const char *name = tag->name;
    bool owns = of->kind == AT_GRAPH || of->kind == AT_NODE || of->kind == AT_EDGE;
    if (g->depth == 0) {
        if (strcmp(name, "graphml") != 0) {
            return fail(g, JIT_EFORMAT, "this is no GraphML: its first element is ", name);
        }
        push(g, AT_DOCUMENT, NULL);
        return JIT_OK;
    }
    if (strcmp(name, "desc") == 0 && of->kind != AT_DATA && of->kind != AT_MARKUP &&
        of->kind != AT_DESC) {
        push(g, AT_DESC, of->owner);
        jit_buf_reset(&g->text);
        return JIT_OK;
    }
    if (of->kind == AT_DOCUMENT && strcmp(name, "key") == 0) {
        return take_key(g, tag);
    }
    if (of->kind == AT_KEY && strcmp(name, "default") == 0) {
        push(g, AT_DEFAULT, NULL);
        jit_buf_reset(&g->text);
        return JIT_OK;
    }
    if ((of->kind == AT_DOCUMENT || of->kind == AT_NODE || of->kind == AT_EDGE) &&
        strcmp(name, "graph") == 0) {
        return take_graph(g, tag, of);
    }
    if (of->kind == AT_DATA || of->kind == AT_MARKUP) {
        return take_markup(g, tag, of);
    }
    if (owns && strcmp(name, "data") == 0) {
        return take_data(g, tag, of);
    }
    if (of->kind == AT_DOCUMENT && g->top && strcmp(name, "data") == 0) {
        return take_own_data(g, tag, of);
    }
    if (of->kind == AT_GRAPH && strcmp(name, "node") == 0) {
        return take_node(g, tag, of);
    }
    if (of->kind == AT_GRAPH && strcmp(name, "edge") == 0) {
        return take_edge(g, tag, of);
    }
    return fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", name);
}

static enum jit_err end_markup(struct graphml *g, const struct frame *frame)
{
    jit_buf_put(&g->text, "</", 2);
    uint8_t *to = jit_buf_extend(&g->text, frame->tag_size);
    if (to != NULL) { /* the text may have moved, but not within itself */
        memcpy(to, g->text.data + frame->tag, frame->tag_size);
    }
    jit_buf_put_u8(&g->text, '>');
    return g->text.err;
}

static enum jit_err end_data(struct graphml *g, struct frame *frame)
{
    const struct key *key = &g->keys[frame->key];
    const char *text = g->text.size == 0 ? "" : (const char *)g->text.data;
    struct jit_id type;
    enum jit_err err = JIT_OK;
    if (frame->markup) {
        jit_hash_named("type:", "xml", 3, &type);
        err = net_atom(&g->net, frame->owner, key->name, key->name_size, &type, g->text.data,
                       g->text.size);
    } else {
        err = take_value(g, frame->owner, key, text, g->text.size);
    }
    return err == JIT_OK && frame->own ? end_owner(g, frame, 0) : err;
}

static enum jit_err on_text(void *user, const char *text, size_t size)
{
    struct graphml *g = user;
    enum kind kind = g->stack[g->depth].kind;
    bool markup = kind == AT_MARKUP || (kind == AT_DATA && g->stack[g->depth].markup);
    if (markup) {
        xml_copy(&g->text, text, size);
        return g->text.err == JIT_ELIMIT ? fail(g, JIT_ELIMIT, "a value of more than 16 MiB", NULL)
                                         : g->text.err;
    }
    if (kind == AT_DATA || kind == AT_DEFAULT || kind == AT_DESC) {
        jit_buf_put(&g->text, text, size);
        return g->text.err == JIT_ELIMIT ? fail(g, JIT_ELIMIT, "a value of more than 16 MiB", NULL)
                                         : g->text.err;
    }
    for (size_t i = 0; i < size; i++) {
        if (!xml_is_blank(text[i])) {
            return fail(g, JIT_EFORMAT, "text between elements", NULL);
        }
    }
    return JIT_OK;
}

static enum jit_err end_default(struct graphml *g)
{
    struct key *key = &g->keys[g->key_count - 1];
    if (key->has_default) {
        return fail(g, JIT_EFORMAT, "a second <default>", NULL);
    }
    void *data = g->defaults;
    if (jit_heap_grow(g->net.im->heap, &data, &g->default_capacity, g->default_count + 1,
                      sizeof *g->defaults) != 0) {
        return JIT_ENOMEM;
    }
    g->defaults = data;
    g->defaults[g->default_count] = g->key_count - 1;
    key->has_default = true;
    key->default_at = g->default_count++;
    jit_buf_put(&key->value, g->text.data, g->text.size);
    return key->value.err;
}

static enum jit_err on_end(void *user)
{
    struct graphml *g = user;
    struct frame *frame = &g->stack[g->depth];
    const char *text = g->text.size == 0 ? "" : (const char *)g->text.data;
    enum jit_err err = JIT_OK;
    switch (frame->kind) {
    case AT_DEFAULT:
        err = end_default(g);
        break;
    case AT_DATA:
        err = end_data(g, frame);
        break;
    case AT_MARKUP:
        err = end_markup(g, frame);
        break;
    case AT_DESC:
        if (frame->owner != NULL) {
            err = net_words(&g->net, frame->owner, "desc", 4, RMG_CODEC_TEXT, text, g->text.size);
        }
        break;
    case AT_GRAPH:
        err = end_owner(g, frame, DOMAIN_GRAPH);
        break;
    case AT_NODE:
        err = end_owner(g, frame, DOMAIN_NODE);
        break;
    case AT_EDGE:
        err = end_owner(g, frame, DOMAIN_EDGE);
        break;
    default:
        break;
    }
    g->depth -= err == JIT_OK;
    return err;
}

/* ---- the entry ---- */

static void release(struct graphml *g)
{
    struct jit_heap *heap = g->net.im->heap;
    for (unsigned i = 0; i <= g->depth; i++) {
        struct frame *frame = &g->stack[i];
        bool owns = frame->kind == AT_GRAPH || frame->kind == AT_NODE || frame->kind == AT_EDGE ||
                    (frame->kind == AT_DATA && frame->own);
        if (owns && frame->owner != NULL) {
            net_owner_release(frame->owner);
            heap->free(heap, frame->owner);
        }
        heap->free(heap, frame->given);
    }
    for (size_t i = 0; i < g->spare_count; i++) {
        net_owner_release(g->spare[i]);
        heap->free(heap, g->spare[i]);
    }
    heap->free(heap, g->defaults);
    for (size_t i = 0; i < g->key_count; i++) {
        jit_buf_release(&g->keys[i].value);
    }
    heap->free(heap, g->keys);
    import_seen_release(&g->key_of);
    import_input_close(&g->input);
    jit_buf_release(&g->text);
    net_release(&g->net);
    heap->free(heap, g);
}

static enum jit_err import_graphml(struct import *im)
{
    struct graphml *g = jit_heap_zalloc(im->heap, 1, sizeof *g);
    if (g == NULL) {
        return JIT_ENOMEM;
    }
    const struct xml_handler handler = {
        .start = on_start, .text = on_text, .end = on_end, .user = g};
    g->key_of.heap = im->heap;
    jit_buf_init(&g->text, im->heap, JIT_LINE_BYTES_MAX);
    enum jit_err err = xml_import(im, &g->net, &g->input, &handler, &g->top);
    release(g);
    return err;
}

const struct format format_graphml = {
    .name = "graphml",
    .extensions = {".graphml"},
    .magic = "<graphml",
    .magic_size = 8,
    .magic_within = 4096,
    .reads = "GraphML, as networkx, igraph and yEd have it: keys with their types and\n"
             "defaults as values, graphs in nodes and edges as instances.",
    .outputs = 1,
    .writes = "The same; what GraphML has no words for in hex. Importing it gives the\n"
              "same state root. Refused: two portals on one node or edge.",
    .read = import_graphml,
    .write = export_graphml,
};

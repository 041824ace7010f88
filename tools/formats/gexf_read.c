/* GEXF 1.1 to 1.3, static: attributes with types and defaults, labels, weights and what viz says.
 * Times are not read: spells and values with a time are refused. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/formats/gexf.h"

enum kind {
    AT_DOCUMENT,
    AT_META,
    AT_META_TEXT,
    AT_GRAPH,
    AT_ATTRIBUTES,
    AT_ATTRIBUTE,
    AT_DEFAULT,
    AT_OPTIONS,
    AT_LIST,  /* of nodes or edges */
    AT_OWNER, /* a node or an edge */
    AT_VALUES,
    AT_LEAF
};

struct attribute {
    bool edge;
    enum rmg_codec codec; /* NONE: hex */
    bool has_default;
    uint32_t title_size;
    uint32_t type_size;
    char title[JIT_NAME_BYTES_MAX + 1];
    char type[JIT_LABEL_BYTES_MAX + 1];
    struct jit_buf value;
};

struct gexf {
    struct net net;
    struct import_input input;
    enum kind stack[XML_DEPTH_MAX + 1];
    unsigned depth;
    bool top;   /* the graph has come */
    bool begun; /* its nodes or edges have */
    bool edges; /* of the list or the attributes we are in */
    bool directed;
    bool typed;       /* the owner's type stands in its tag */
    bool labelled;    /* it has a label, which is in `label` */
    bool same_label;  /* which one of its values says as well */
    char element[64]; /* of the meta data */
    struct attribute *attributes;
    size_t attribute_count;
    size_t attribute_capacity;
    struct import_seen attribute_of; /* hash of class and id -> index + 1 */
    uint64_t *given;       /* one an attribute: the number of the owner that had it last */
    uint64_t owner_number; /* from 1 */
    size_t *defaults;      /* attributes that have one */
    size_t default_count;
    struct net_owner owner;
    struct net_owner own; /* the graph's values */
    struct jit_buf text;
    struct jit_buf label;
    struct jit_buf meta; /* what came before the graph: name and text, u64 size || bytes each */
};

static enum jit_err fail(struct gexf *g, enum jit_err err, const char *what, const char *detail)
{
    return net_fail(&g->net, err, what, detail, detail == NULL ? 0 : strlen(detail));
}

static bool is(const struct net_text *text, const char *word)
{
    return strlen(word) == text->size && memcmp(text->text, word, text->size) == 0;
}

static void push(struct gexf *g, enum kind kind)
{
    assert(g->depth < XML_DEPTH_MAX); /* xml_import() sees to it */
    g->stack[++g->depth] = kind;
}

/* ---- attributes ---- */

static void attribute_key(bool edge, const struct net_text *id, struct jit_id *key)
{
    struct jit_hasher hasher;
    const uint8_t lead = edge;
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, &lead, 1);
    if (id->size > 0) {
        jit_hasher_update(&hasher, id->text, id->size);
    }
    jit_hasher_final(&hasher, key);
}

static enum jit_err codec_of(struct gexf *g, const struct xml_tag *tag, struct attribute *one)
{
    struct net_text word;
    if (xml_attribute(tag, XML_RMG, "type", &word)) {
        if (word.size > JIT_LABEL_BYTES_MAX) {
            return fail(g, JIT_ELIMIT, "a type of more than 1,024 bytes", NULL);
        }
        one->codec = RMG_CODEC_NONE;
        one->type_size = (uint32_t)word.size;
        memcpy(one->type, word.text, word.size);
        return JIT_OK;
    }
    if (!xml_attribute(tag, NULL, "type", &word)) {
        return fail(g, JIT_EFORMAT, "an <attribute> without type", NULL);
    }
    for (size_t i = 0; i < sizeof gexf_types / sizeof *gexf_types; i++) {
        if (is(&word, gexf_types[i].word)) {
            one->codec = gexf_types[i].codec;
            return JIT_OK;
        }
    }
    return net_fail(&g->net, JIT_EFORMAT, "an unknown type of attribute: ", word.text, word.size);
}

static enum jit_err take_attribute(struct gexf *g, const struct xml_tag *tag)
{
    struct attribute one = {.edge = g->edges};
    struct net_text id;
    struct net_text title;
    struct jit_id key;
    uint64_t before = 0;
    if (!xml_attribute(tag, NULL, "id", &id)) {
        return fail(g, JIT_EFORMAT, "an <attribute> without id", NULL);
    }
    if (!xml_attribute(tag, NULL, "title", &title)) {
        title = id;
    }
    if (title.size > JIT_NAME_BYTES_MAX) {
        return fail(g, JIT_ELIMIT, "a name of more than 255 bytes", NULL);
    }
    one.title_size = (uint32_t)title.size;
    memcpy(one.title, title.text, title.size);
    enum jit_err err = codec_of(g, tag, &one);
    attribute_key(one.edge, &id, &key);
    err = err == JIT_OK ? import_seen_add(&g->attribute_of, &key, g->attribute_count + 1, &before)
                        : err;
    if (err == JIT_OK && before != 0) {
        err = net_fail(&g->net, JIT_EEXIST, "a second <attribute> with the id ", id.text, id.size);
    }
    void *data = g->attributes;
    if (err == JIT_OK && jit_heap_grow(g->net.im->heap, &data, &g->attribute_capacity,
                                       g->attribute_count + 1, sizeof *g->attributes) != 0) {
        err = JIT_ENOMEM;
    }
    if (err == JIT_OK) {
        g->attributes = data;
        jit_buf_init(&one.value, g->net.im->heap, JIT_LINE_BYTES_MAX);
        g->attributes[g->attribute_count++] = one;
        push(g, AT_ATTRIBUTE);
    }
    return err;
}

static enum jit_err take_attributes(struct gexf *g, const struct xml_tag *tag)
{
    struct net_text word;
    if (g->begun) {
        return fail(g, JIT_EFORMAT, "<attributes> behind nodes or edges", NULL);
    }
    if (!xml_attribute(tag, NULL, "class", &word) || (!is(&word, "node") && !is(&word, "edge"))) {
        return fail(g, JIT_EFORMAT, "<attributes> have class, node or edge", NULL);
    }
    g->edges = is(&word, "edge");
    push(g, AT_ATTRIBUTES);
    return JIT_OK;
}

/* ---- values ---- */

static enum jit_err take_value(struct gexf *g, const struct attribute *one, const char *text,
                               size_t size)
{
    const struct net_text title = {one->title, one->title_size};
    if (g->typed && is(&title, one->edge ? WORDS_EDGE_TYPE : WORDS_NODE_TYPE)) {
        return JIT_OK; /* for others to see; the tag has said it */
    }
    if (one->codec != RMG_CODEC_TEXT) {
        while (size > 0 && xml_is_blank(text[0])) {
            text++;
            size--;
        }
        while (size > 0 && xml_is_blank(text[size - 1])) {
            size--;
        }
    }
    if (one->codec == RMG_CODEC_NONE) {
        const struct net_text type = {one->type, one->type_size};
        const struct net_text hex = {text, size};
        return net_hex(&g->net, &g->owner, one->title, one->title_size, &type, &hex);
    }
    if (one->codec == RMG_CODEC_TEXT && is(&title, "name")) {
        g->same_label = g->same_label || (size == g->label.size &&
                                          (size == 0 || memcmp(text, g->label.data, size) == 0));
    }
    return net_words(&g->net, &g->owner, one->title, one->title_size, one->codec, text, size);
}

static enum jit_err take_attvalue(struct gexf *g, const struct xml_tag *tag)
{
    static const char *const times[] = {"start",     "end",        "startopen", "endopen",
                                        "timestamp", "timestamps", "intervals", NULL};
    struct net_text id;
    struct net_text value;
    struct net_text time;
    struct jit_id key;
    if (!xml_attribute(tag, NULL, "for", &id) && !xml_attribute(tag, NULL, "id", &id)) {
        return fail(g, JIT_EFORMAT, "an <attvalue> has for and value", NULL);
    }
    if (!xml_attribute(tag, NULL, "value", &value)) {
        return fail(g, JIT_EFORMAT, "an <attvalue> has for and value", NULL);
    }
    for (size_t i = 0; times[i] != NULL; i++) {
        if (xml_attribute(tag, NULL, times[i], &time)) {
            return fail(g, JIT_ENOTSUP,
                        "a value with a time: histories are written, not read: ", times[i]);
        }
    }
    attribute_key(g->edges, &id, &key);
    uint64_t at = import_seen_get(&g->attribute_of, &key);
    if (at == 0) {
        return net_fail(&g->net, JIT_EFORMAT, "no <attribute> has the id ", id.text, id.size);
    }
    g->given[at - 1] = g->owner_number;
    push(g, AT_LEAF);
    return take_value(g, &g->attributes[at - 1], value.text, value.size);
}

/* "r=1 g=2", if no value has a blank or a quote. */
static enum jit_err take_viz(struct gexf *g, const struct xml_tag *tag)
{
    const char *space;
    struct net_text value;
    char attribute[JIT_NAME_BYTES_MAX + 1];
    char name[JIT_NAME_BYTES_MAX + 1];
    snprintf(name, sizeof name, GEXF_VIZ "%.200s", tag->name);
    jit_buf_reset(&g->text);
    for (int i = 0; xml_attribute_at(tag, i, &space, &value, attribute); i++) {
        for (size_t k = 0; k < value.size; k++) {
            if (xml_is_blank(value.text[k]) || strchr("\"=<&", value.text[k]) != NULL) {
                return fail(g, JIT_ENOTSUP, "no simple value in the attribute ", attribute);
            }
        }
        if (i > 0) {
            jit_buf_put_u8(&g->text, ' ');
        }
        jit_buf_put(&g->text, attribute, strlen(attribute));
        jit_buf_put_u8(&g->text, '=');
        jit_buf_put(&g->text, value.text, value.size);
    }
    push(g, AT_LEAF);
    return g->text.err != JIT_OK
               ? g->text.err
               : net_words(&g->net, &g->owner, name, strlen(name), RMG_CODEC_TEXT,
                           g->text.size == 0 ? "" : (const char *)g->text.data, g->text.size);
}

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
    push(g, AT_OWNER);
    return g->label.err;
}

static enum jit_err take_node(struct gexf *g, const struct xml_tag *tag)
{
    static const char *const known[] = {"id", "label", NULL};
    struct net_text id;
    struct net_text label;
    struct net_text type;
    if (!xml_attribute(tag, NULL, "id", &id)) {
        return fail(g, JIT_EFORMAT, "a <node> without id", NULL);
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
    if (is(&word, "mutual")) {
        return net_words(&g->net, &g->owner, "type", 4, RMG_CODEC_TEXT, word.text, word.size);
    }
    bool directed = is(&word, "directed");
    if (!directed && !is(&word, "undirected")) {
        return net_fail(&g->net, JIT_EFORMAT,
                        "an edge's type is directed, undirected or mutual: ", word.text, word.size);
    }
    return directed == g->directed ? JIT_OK
                                   : net_words(&g->net, &g->owner, "directed", 8, RMG_CODEC_BOOL,
                                               directed ? "true" : "false", directed ? 4 : 5);
}

static enum jit_err take_edge(struct gexf *g, const struct xml_tag *tag)
{
    static const char *const known[] = {"id", "source", "target", "type", "weight", "label", NULL};
    struct net_text ends[2];
    struct net_text id;
    struct net_text type;
    struct net_text word;
    if (!xml_attribute(tag, NULL, "source", &ends[0]) ||
        !xml_attribute(tag, NULL, "target", &ends[1])) {
        return fail(g, JIT_EFORMAT, "an <edge> has source and target", NULL);
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

static enum jit_err end_owner(struct gexf *g)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < g->default_count; i++) {
        const struct attribute *one = &g->attributes[g->defaults[i]];
        if (g->given[g->defaults[i]] != g->owner_number && one->edge == g->edges) {
            err = take_value(g, one, (const char *)one->value.data, one->value.size);
        }
    }
    if (err == JIT_OK && g->labelled && !g->same_label) {
        err = net_words(&g->net, &g->owner, "label", 5, RMG_CODEC_TEXT,
                        g->label.size == 0 ? "" : (const char *)g->label.data, g->label.size);
    }
    return err == JIT_OK ? net_owner_end(&g->net, &g->owner) : err;
}

/* ---- the graph ---- */

static enum jit_err own_words(struct gexf *g, const char *name, const char *text, size_t size)
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

static enum jit_err take_graph(struct gexf *g, const struct xml_tag *tag)
{
    static const char *const known[] = {"defaultedgetype", "mode", "idtype", NULL};
    struct net_text instance;
    struct net_text root;
    struct net_text word;
    if (g->top) {
        return fail(g, JIT_EFORMAT, "a second graph in one file", NULL);
    }
    g->top = true;
    g->net.plain_ids = xml_attribute(tag, XML_RMG, "label", &word);
    bool own = xml_attribute(tag, XML_RMG, "instance", &instance);
    bool rooted = xml_attribute(tag, XML_RMG, "root", &root);
    enum jit_err err = net_top(&g->net, own ? &instance : NULL, rooted ? &root : NULL);
    if (err != JIT_OK) {
        return err;
    }
    push(g, AT_GRAPH);
    net_graph_values(&g->net, &g->own, 0);
    g->directed = xml_attribute(tag, NULL, "defaultedgetype", &word) && is(&word, "directed");
    if (word.text != NULL && !g->directed && !is(&word, "undirected")) {
        return net_fail(&g->net, JIT_EFORMAT, "defaultedgetype is directed or undirected, not ",
                        word.text, word.size);
    }
    if (!g->directed) {
        err = net_words(&g->net, &g->own, "directed", 8, RMG_CODEC_BOOL, "false", 5);
    }
    if (err == JIT_OK && xml_attribute(tag, NULL, "mode", &word) && !is(&word, "static")) {
        err = own_words(g, "mode", word.text, word.size);
    }
    err = err == JIT_OK ? xml_take_others(&g->net, &g->own, tag, known) : err;
    return err == JIT_OK ? take_meta(g) : err;
}

static enum jit_err take_list(struct gexf *g, bool edges)
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
    push(g, AT_LIST);
    return JIT_OK;
}

static enum jit_err keep_meta(struct gexf *g, const char *name, const char *text, size_t size)
{
    size_t name_size = strlen(name);
    jit_buf_put_u64(&g->meta, name_size);
    jit_buf_put(&g->meta, name, name_size);
    jit_buf_put_u64(&g->meta, size);
    jit_buf_put(&g->meta, text, size);
    return g->meta.err;
}

/* ---- elements ---- */

static enum jit_err in_document(struct gexf *g, const struct xml_tag *tag)
{
    struct net_text date;
    if (strcmp(tag->name, "graph") == 0) {
        return take_graph(g, tag);
    }
    if (strcmp(tag->name, "meta") != 0 || g->top) {
        return fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", tag->name);
    }
    push(g, AT_META);
    return xml_attribute(tag, NULL, GEXF_DATE, &date)
               ? keep_meta(g, GEXF_DATE, date.text, date.size)
               : JIT_OK;
}

static enum jit_err in_graph(struct gexf *g, const struct xml_tag *tag)
{
    if (strcmp(tag->name, "attributes") == 0) {
        return take_attributes(g, tag);
    }
    if (strcmp(tag->name, "nodes") == 0 || strcmp(tag->name, "edges") == 0) {
        return take_list(g, tag->name[0] == 'e');
    }
    return fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", tag->name);
}

static enum jit_err in_owner(struct gexf *g, const struct xml_tag *tag)
{
    if (strcmp(tag->name, "attvalues") == 0) {
        push(g, AT_VALUES);
        return JIT_OK;
    }
    if (tag->space != NULL && strstr(tag->space, "viz") != NULL) {
        return take_viz(g, tag);
    }
    if (strcmp(tag->name, "spells") == 0) {
        return fail(g, JIT_ENOTSUP, "times: histories are written, not read: ", tag->name);
    }
    return fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", tag->name);
}

static enum jit_err on_start(void *user, const struct xml_tag *tag)
{
    struct gexf *g = user;
    const char *name = tag->name;
    if (g->depth == 0) {
        if (strcmp(name, "gexf") != 0) {
            return fail(g, JIT_EFORMAT, "this is no GEXF: its first element is ", name);
        }
        push(g, AT_DOCUMENT);
        return JIT_OK;
    }
    switch (g->stack[g->depth]) {
    case AT_DOCUMENT:
        return in_document(g, tag);
    case AT_META:
        snprintf(g->element, sizeof g->element, "%.60s", name);
        jit_buf_reset(&g->text);
        push(g, AT_META_TEXT);
        return JIT_OK;
    case AT_GRAPH:
        return in_graph(g, tag);
    case AT_ATTRIBUTES:
        if (strcmp(name, "attribute") == 0) {
            return take_attribute(g, tag);
        }
        break;
    case AT_ATTRIBUTE:
        if (strcmp(name, "default") == 0 || strcmp(name, "options") == 0) {
            jit_buf_reset(&g->text);
            push(g, name[0] == 'd' ? AT_DEFAULT : AT_OPTIONS);
            return JIT_OK;
        }
        break;
    case AT_LIST:
        if (strcmp(name, g->edges ? "edge" : "node") == 0) {
            return g->edges ? take_edge(g, tag) : take_node(g, tag);
        }
        break;
    case AT_OWNER:
        return in_owner(g, tag);
    case AT_VALUES:
        if (strcmp(name, "attvalue") == 0) {
            return take_attvalue(g, tag);
        }
        break;
    default:
        break;
    }
    return fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", name);
}

static enum jit_err on_text(void *user, const char *text, size_t size)
{
    struct gexf *g = user;
    enum kind kind = g->stack[g->depth];
    if (kind == AT_META_TEXT || kind == AT_DEFAULT || kind == AT_OPTIONS) {
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

static enum jit_err end_default(struct gexf *g)
{
    struct attribute *one = &g->attributes[g->attribute_count - 1];
    if (one->has_default) {
        return fail(g, JIT_EFORMAT, "a second <default>", NULL);
    }
    one->has_default = true;
    jit_buf_put(&one->value, g->text.data, g->text.size);
    return one->value.err;
}

static enum jit_err on_end(void *user)
{
    struct gexf *g = user;
    enum jit_err err = JIT_OK;
    switch (g->stack[g->depth]) {
    case AT_META_TEXT:
        err = keep_meta(g, g->element, (const char *)g->text.data, g->text.size);
        break;
    case AT_DEFAULT:
        err = end_default(g);
        break;
    case AT_OWNER:
        err = end_owner(g);
        break;
    case AT_GRAPH:
        err = net_owner_end(&g->net, &g->own);
        break;
    default:
        break;
    }
    g->depth -= err == JIT_OK;
    return err;
}

/* ---- the entry ---- */

static void release(struct gexf *g)
{
    struct jit_heap *heap = g->net.im->heap;
    for (size_t i = 0; i < g->attribute_count; i++) {
        jit_buf_release(&g->attributes[i].value);
    }
    heap->free(heap, g->attributes);
    heap->free(heap, g->given);
    heap->free(heap, g->defaults);
    import_seen_release(&g->attribute_of);
    import_input_close(&g->input);
    net_owner_release(&g->owner);
    net_owner_release(&g->own);
    jit_buf_release(&g->text);
    jit_buf_release(&g->label);
    jit_buf_release(&g->meta);
    net_release(&g->net);
    heap->free(heap, g);
}

static enum jit_err import_gexf(struct import *im)
{
    struct gexf *g = jit_heap_zalloc(im->heap, 1, sizeof *g);
    if (g == NULL) {
        return JIT_ENOMEM;
    }
    const struct xml_handler handler = {
        .start = on_start, .text = on_text, .end = on_end, .user = g};
    g->attribute_of.heap = im->heap;
    jit_buf_init(&g->text, im->heap, JIT_LINE_BYTES_MAX);
    jit_buf_init(&g->label, im->heap, JIT_LINE_BYTES_MAX);
    jit_buf_init(&g->meta, im->heap, JIT_LINE_BYTES_MAX);
    enum jit_err err = xml_import(im, &g->net, &g->input, &handler, &g->top);
    release(g);
    return err;
}

const struct format format_gexf = {
    .name = "gexf",
    .extensions = {".gexf"},
    .magic = "<gexf",
    .magic_size = 5,
    .magic_within = 4096,
    .reads = "GEXF of Gephi or networkx, without times: attributes, labels, weights\n"
             "and what viz says as values.",
    .outputs = 1,
    .writes = "The top instance, or a history: several inputs of one format, the\n"
              "states in order, with a spell for each node, edge and value. Portals\n"
              "are refused, or left out with --partial.",
    .history = true,
    .read = import_gexf,
    .write = export_gexf,
};

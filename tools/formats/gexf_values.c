/* GEXF: attributes, which declare values, and the values themselves. */
#include "tools/formats/gexf_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "tools/formats/gexf.h"

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

static enum jit_err codec_of(struct gexf *g, const struct xml_tag *tag, struct gexf_attribute *one)
{
    struct net_text word;
    if (xml_attribute(tag, XML_RMG, "type", &word)) {
        if (word.size > JIT_LABEL_BYTES_MAX) {
            return gexf_fail(g, JIT_ELIMIT, "a type of more than 1,024 bytes", NULL);
        }
        one->codec = RMG_CODEC_NONE;
        one->type_size = (uint32_t)word.size;
        memcpy(one->type, word.text, word.size);
        return JIT_OK;
    }
    if (!xml_attribute(tag, NULL, "type", &word)) {
        return gexf_fail(g, JIT_EFORMAT, "an <attribute> without type", NULL);
    }
    for (size_t i = 0; i < sizeof gexf_types / sizeof *gexf_types; i++) {
        if (xml_is(&word, gexf_types[i].word)) {
            one->codec = gexf_types[i].codec;
            return JIT_OK;
        }
    }
    return net_fail(&g->net, JIT_EFORMAT, "an unknown type of attribute: ", word.text, word.size);
}

enum jit_err gexf_take_attribute(struct gexf *g, const struct xml_tag *tag)
{
    struct gexf_attribute one = {.edge = g->edges};
    struct net_text id;
    struct net_text title;
    struct jit_id key;
    uint64_t before = 0;
    if (!xml_attribute(tag, NULL, "id", &id)) {
        return gexf_fail(g, JIT_EFORMAT, "an <attribute> without id", NULL);
    }
    if (!xml_attribute(tag, NULL, "title", &title)) {
        title = id;
    }
    if (title.size > JIT_NAME_BYTES_MAX) {
        return gexf_fail(g, JIT_ELIMIT, "a name of more than 255 bytes", NULL);
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
        gexf_push(g, AT_ATTRIBUTE);
    }
    return err;
}

enum jit_err gexf_take_attributes(struct gexf *g, const struct xml_tag *tag)
{
    struct net_text word;
    if (g->begun) {
        return gexf_fail(g, JIT_EFORMAT, "<attributes> behind nodes or edges", NULL);
    }
    if (!xml_attribute(tag, NULL, "class", &word) ||
        (!xml_is(&word, "node") && !xml_is(&word, "edge"))) {
        return gexf_fail(g, JIT_EFORMAT, "<attributes> have class, node or edge", NULL);
    }
    g->edges = xml_is(&word, "edge");
    gexf_push(g, AT_ATTRIBUTES);
    return JIT_OK;
}

/* ---- values ---- */

enum jit_err gexf_take_value(struct gexf *g, const struct gexf_attribute *one, const char *text,
                             size_t size)
{
    const struct net_text title = {one->title, one->title_size};
    if (g->typed && xml_is(&title, one->edge ? WORDS_EDGE_TYPE : WORDS_NODE_TYPE)) {
        return JIT_OK; /* for others to see; the tag has said it */
    }
    if (one->codec != RMG_CODEC_TEXT) {
        xml_trim(&text, &size);
    }
    if (one->codec == RMG_CODEC_NONE) {
        const struct net_text type = {one->type, one->type_size};
        const struct net_text hex = {text, size};
        return net_hex(&g->net, &g->owner, one->title, one->title_size, &type, &hex);
    }
    if (one->codec == RMG_CODEC_TEXT && xml_is(&title, "name")) {
        g->same_label = g->same_label || (size == g->label.size &&
                                          (size == 0 || memcmp(text, g->label.data, size) == 0));
    }
    return net_words(&g->net, &g->owner, one->title, one->title_size, one->codec, text, size);
}

enum jit_err gexf_take_attvalue(struct gexf *g, const struct xml_tag *tag)
{
    static const char *const times[] = {"start",     "end",        "startopen", "endopen",
                                        "timestamp", "timestamps", "intervals", NULL};
    struct net_text id;
    struct net_text value;
    struct net_text time;
    struct jit_id key;
    if (!xml_attribute(tag, NULL, "for", &id) && !xml_attribute(tag, NULL, "id", &id)) {
        return gexf_fail(g, JIT_EFORMAT, "an <attvalue> has for and value", NULL);
    }
    if (!xml_attribute(tag, NULL, "value", &value)) {
        return gexf_fail(g, JIT_EFORMAT, "an <attvalue> has for and value", NULL);
    }
    for (size_t i = 0; times[i] != NULL; i++) {
        if (xml_attribute(tag, NULL, times[i], &time)) {
            return gexf_fail(g, JIT_ENOTSUP,
                             "a value with a time: histories are written, not read: ", times[i]);
        }
    }
    attribute_key(g->edges, &id, &key);
    uint64_t at = import_seen_get(&g->attribute_of, &key);
    if (at == 0) {
        return net_fail(&g->net, JIT_EFORMAT, "no <attribute> has the id ", id.text, id.size);
    }
    g->given[at - 1] = g->owner_number;
    gexf_push(g, AT_LEAF);
    return gexf_take_value(g, &g->attributes[at - 1], value.text, value.size);
}

enum jit_err gexf_take_viz(struct gexf *g, const struct xml_tag *tag)
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
                return gexf_fail(g, JIT_ENOTSUP, "no simple value in the attribute ", attribute);
            }
        }
        if (i > 0) {
            jit_buf_put_u8(&g->text, ' ');
        }
        jit_buf_put(&g->text, attribute, strlen(attribute));
        jit_buf_put_u8(&g->text, '=');
        jit_buf_put(&g->text, value.text, value.size);
    }
    gexf_push(g, AT_LEAF);
    return g->text.err != JIT_OK
               ? g->text.err
               : net_words(&g->net, &g->owner, name, strlen(name), RMG_CODEC_TEXT,
                           g->text.size == 0 ? "" : (const char *)g->text.data, g->text.size);
}

enum jit_err gexf_end_default(struct gexf *g)
{
    struct gexf_attribute *one = &g->attributes[g->attribute_count - 1];
    if (one->has_default) {
        return gexf_fail(g, JIT_EFORMAT, "a second <default>", NULL);
    }
    one->has_default = true;
    jit_buf_put(&one->value, g->text.data, g->text.size);
    return one->value.err;
}

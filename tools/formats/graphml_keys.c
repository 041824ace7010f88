/* GraphML: keys, which declare values, and the values themselves. */
#include "tools/formats/graphml_priv.h"

#include <string.h>

#include "base/hash.h"
#include "tools/formats/graphml.h"

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
        if (xml_is(word, table[i].word)) {
            return table[i].domain;
        }
    }
    return UINT32_MAX;
}

static enum jit_err codec_of(struct graphml *g, const struct net_text *word, enum rmg_codec *codec)
{
    for (size_t i = 0; i < sizeof graphml_types / sizeof *graphml_types; i++) {
        if (xml_is(word, graphml_types[i].word)) {
            *codec = graphml_types[i].codec;
            return JIT_OK;
        }
    }
    return net_fail(&g->net, JIT_EFORMAT, "an unknown attr.type: ", word->text, word->size);
}

enum jit_err graphml_take_key(struct graphml *g, const struct xml_tag *tag)
{
    struct net_text id;
    struct net_text word;
    struct net_text name;
    struct graphml_key key = {.codec = RMG_CODEC_TEXT,
                              .domain = DOMAIN_NODE | DOMAIN_EDGE | DOMAIN_GRAPH};
    uint64_t before = 0;
    enum jit_err err = JIT_OK;
    if (g->top) {
        return graphml_fail(g, JIT_EFORMAT, "a <key> behind the graph", NULL);
    }
    if (!xml_attribute(tag, NULL, "id", &id)) {
        return graphml_fail(g, JIT_EFORMAT, "a <key> without id", NULL);
    }
    if (xml_attribute(tag, NULL, "for", &word)) {
        key.domain = domain_of(&word);
        if (key.domain == UINT32_MAX) {
            return net_fail(&g->net, JIT_EFORMAT, "a <key> for ", word.text, word.size);
        }
    }
    if (xml_attribute(tag, XML_RMG, "type", &word)) {
        if (word.size > JIT_LABEL_BYTES_MAX) {
            return graphml_fail(g, JIT_ELIMIT, "a type of more than 1,024 bytes", NULL);
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
        err = graphml_fail(g, JIT_ELIMIT, "a name of more than 255 bytes", NULL);
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
        graphml_push(g, AT_KEY, NULL);
    }
    return err;
}

/* ---- values ---- */

enum jit_err graphml_take_value(struct graphml *g, struct net_owner *owner,
                                const struct graphml_key *key, const char *text, size_t size)
{
    if (key->codec != RMG_CODEC_TEXT) {
        xml_trim(&text, &size);
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

enum jit_err graphml_take_data(struct graphml *g, const struct xml_tag *tag,
                               struct graphml_frame *of)
{
    struct net_text word;
    struct jit_id id;
    if (!xml_attribute(tag, NULL, "key", &word)) {
        return graphml_fail(g, JIT_EFORMAT, "<data> without key", NULL);
    }
    jit_hash(word.text, word.size, &id);
    uint64_t at = import_seen_get(&g->key_of, &id);
    if (at == 0) {
        return net_fail(&g->net, JIT_EFORMAT, "no <key> has the id ", word.text, word.size);
    }
    if (of->given != NULL && g->keys[at - 1].has_default) {
        of->given[g->keys[at - 1].default_at] = true;
    }
    graphml_push(g, AT_DATA, of->owner)->key = (size_t)at - 1;
    jit_buf_reset(&g->text);
    return JIT_OK;
}

enum jit_err graphml_take_own_data(struct graphml *g, const struct xml_tag *tag,
                                   struct graphml_frame *of)
{
    struct net_owner *owner;
    enum jit_err err = graphml_owner_new(g, &owner);
    if (err != JIT_OK) {
        return err;
    }
    net_graph_values(&g->net, owner, 0);
    err = graphml_take_data(g, tag, of);
    if (err != JIT_OK) {
        g->spare[g->spare_count++] = owner;
        return err;
    }
    g->stack[g->depth].owner = owner;
    g->stack[g->depth].own = true;
    return JIT_OK;
}

enum jit_err graphml_end_owner(struct graphml *g, struct graphml_frame *frame, unsigned domain)
{
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && frame->given != NULL && i < g->default_count; i++) {
        const struct graphml_key *key = &g->keys[g->defaults[i]];
        if (!frame->given[i] && (key->domain & domain) != 0) {
            err = graphml_take_value(g, frame->owner, key, (const char *)key->value.data,
                                     key->value.size);
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

enum jit_err graphml_end_default(struct graphml *g)
{
    struct graphml_key *key = &g->keys[g->key_count - 1];
    if (key->has_default) {
        return graphml_fail(g, JIT_EFORMAT, "a second <default>", NULL);
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

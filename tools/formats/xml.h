/* tools/formats/xml.h - XML as GraphML and GEXF need it: events of libxml2's push parser, with
 * places, and text written so that it comes back as it was.
 * Layer: tools; private to the formats.
 *
 * Nothing is fetched and nothing is expanded: a document type may name a DTD, which is passed over;
 * one with declarations of its own, and any entity but the five of XML, is refused. Elements nest
 * at most XML_DEPTH_MAX deep. libxml2 has memory of its own. */
#ifndef JIT_TOOLS_FORMATS_XML_H
#define JIT_TOOLS_FORMATS_XML_H

#include <string.h>

#include "tools/formats/export_words.h"
#include "tools/formats/net.h"

#define XML_DEPTH_MAX 200u
#define XML_RMG       "urn:jitos:rmg" /* the namespace of what we add */

struct xml_tag {
    const char *prefix;            /* or NULL */
    const char *name;              /* without prefix */
    const char *space;             /* its namespace, or NULL */
    const void *const *attributes; /* libxml2's: name, prefix, namespace, begin, end of the value */
    int attribute_count;
};

/* An attribute; space NULL: without a prefix. */
bool xml_attribute(const struct xml_tag *tag, const char *space, const char *name,
                   struct net_text *out);
/* The index-th one; name is "prefix:name" as it stands there. False past the last. */
bool xml_attribute_at(const struct xml_tag *tag, int index, const char **space,
                      struct net_text *value, char name[JIT_NAME_BYTES_MAX + 1]);

/* Attributes that are none of `known` (ended by NULL) and none of ours become texts. */
JIT_MUST_CHECK enum jit_err xml_take_others(struct net *net, struct net_owner *owner,
                                            const struct xml_tag *tag, const char *const *known);

static inline bool xml_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline bool xml_is(const struct net_text *text, const char *word)
{
    return strlen(word) == text->size && memcmp(text->text, word, text->size) == 0;
}

/* Without the blanks at both ends. */
static inline void xml_trim(const char **text, size_t *size)
{
    while (*size > 0 && xml_is_blank(**text)) {
        ++*text;
        --*size;
    }
    while (*size > 0 && xml_is_blank((*text)[*size - 1])) {
        --*size;
    }
}

struct xml_handler {
    enum jit_err (*start)(void *user, const struct xml_tag *tag);
    enum jit_err (*text)(void *user, const char *text, size_t size); /* in pieces */
    enum jit_err (*end)(void *user);
    void *user;
};

/* The whole of an import of one file: begins the net, reads the input, and ends the net; both are
 * the caller's to release. found: the handler has met a graph. net->line and column are kept right
 * (the end of a tag). */
JIT_MUST_CHECK enum jit_err xml_import(struct import *im, struct net *net,
                                       struct import_input *input,
                                       const struct xml_handler *handler, const bool *found);

/* The tag as it stands there, with the namespaces it needs, so that it can be read by itself. */
void xml_copy_tag(struct jit_buf *buf, const struct xml_tag *tag);
/* Text, escaped. */
void xml_copy(struct jit_buf *buf, const char *text, size_t size);

/* Can XML hold these characters? */
bool xml_fits(const char *text, size_t size);
/* Escaped, for an attribute in double quotes or between tags. */
void xml_put(struct export_writer *w, const char *text, size_t size);
/* How it writes a value: bool, i64, f64, f32 and text in words, else NONE, in hex. */
enum rmg_codec xml_codec(const struct rmg_value *value, struct rmg_datum *datum);
/* A value's words, or hex: for an attribute in double quotes or between tags. */
void xml_put_value(struct export_writer *w, const struct rmg_value *value);
/* ` name="text"` */
void xml_put_attribute(struct export_writer *w, const char *name, const char *text, size_t size);

#endif

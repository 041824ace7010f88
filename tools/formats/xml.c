#include "tools/formats/xml.h"
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct reading {
    struct net *net;
    const struct xml_handler *handler;
    xmlParserCtxt *parser;
    unsigned depth;
    enum jit_err err;
};

/* ---- attributes ---- */

enum { AT_NAME, AT_PREFIX, AT_SPACE, AT_BEGIN, AT_END, AT_COUNT };

static const char *part_of(const struct xml_tag *tag, int index, int part)
{
    return tag->attributes[index * AT_COUNT + part];
}

bool xml_attribute(const struct xml_tag *tag, const char *space, const char *name,
                   struct net_text *out)
{
    for (int i = 0; i < tag->attribute_count; i++) {
        const char *is = part_of(tag, i, AT_SPACE);
        bool same = space == NULL ? is == NULL : is != NULL && strcmp(is, space) == 0;
        if (same && strcmp(part_of(tag, i, AT_NAME), name) == 0) {
            const char *begin = part_of(tag, i, AT_BEGIN);
            *out = (struct net_text){begin, (size_t)(part_of(tag, i, AT_END) - begin)};
            return true;
        }
    }
    *out = (struct net_text){NULL, 0};
    return false;
}

bool xml_attribute_at(const struct xml_tag *tag, int index, const char **space,
                      struct net_text *value, char name[JIT_NAME_BYTES_MAX + 1])
{
    if (index >= tag->attribute_count) {
        return false;
    }
    const char *prefix = part_of(tag, index, AT_PREFIX);
    const char *begin = part_of(tag, index, AT_BEGIN);
    *space = part_of(tag, index, AT_SPACE);
    *value = (struct net_text){begin, (size_t)(part_of(tag, index, AT_END) - begin)};
    snprintf(name, JIT_NAME_BYTES_MAX + 1, "%s%s%s", prefix == NULL ? "" : prefix,
             prefix == NULL ? "" : ":", part_of(tag, index, AT_NAME));
    return true;
}

enum jit_err xml_take_others(struct net *net, struct net_owner *owner, const struct xml_tag *tag,
                             const char *const *known)
{
    const char *space;
    struct net_text value;
    char name[JIT_NAME_BYTES_MAX + 1];
    for (int i = 0; xml_attribute_at(tag, i, &space, &value, name); i++) {
        bool skip = space != NULL && strcmp(space, XML_RMG) == 0;
        for (size_t k = 0; known[k] != NULL; k++) {
            skip = skip || (space == NULL && strcmp(known[k], name) == 0);
        }
        if (!skip) {
            enum jit_err err =
                net_words(net, owner, name, strlen(name), RMG_CODEC_TEXT, value.text, value.size);
            if (err != JIT_OK) {
                return err;
            }
        }
    }
    return JIT_OK;
}

/* ---- libxml2's calls ---- */

static void here(struct reading *r)
{
    const xmlParserInput *input = r->parser->input;
    r->net->line = input != NULL && input->line > 0 ? (uint64_t)input->line : 1;
    r->net->column = input != NULL && input->col > 0 ? (uint64_t)input->col : 1;
}

static void stop(struct reading *r, enum jit_err err)
{
    if (r->err == JIT_OK && err != JIT_OK) {
        r->err = err;
        xmlStopParser(r->parser);
    }
}

static void refuse(struct reading *r, enum jit_err err, const char *what, const char *detail)
{
    if (r->err == JIT_OK) {
        here(r);
        stop(r, net_fail(r->net, err, what, detail, detail == NULL ? 0 : strlen(detail)));
    }
}

static void on_start(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *space,
                     int space_count, const xmlChar **spaces, int attribute_count,
                     int default_count, const xmlChar **attributes)
{
    struct reading *r = user;
    const struct xml_tag tag = {.prefix = (const char *)prefix,
                                .name = (const char *)name,
                                .space = (const char *)space,
                                .attributes = (const void *const *)attributes,
                                .attribute_count = attribute_count};
    (void)space_count;
    (void)spaces;
    (void)default_count; /* there are none without declarations */
    if (r->err != JIT_OK) {
        return;
    }
    if (++r->depth > XML_DEPTH_MAX) {
        refuse(r, JIT_ELIMIT, "elements nested deeper than 200", NULL);
        return;
    }
    here(r);
    stop(r, r->handler->start(r->handler->user, &tag));
}

static void on_end(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *space)
{
    struct reading *r = user;
    (void)name;
    (void)prefix;
    (void)space;
    if (r->err == JIT_OK) {
        r->depth--;
        here(r);
        stop(r, r->handler->end(r->handler->user));
    }
}

static void on_text(void *user, const xmlChar *text, int size)
{
    struct reading *r = user;
    if (r->err == JIT_OK && size > 0) {
        stop(r, r->handler->text(r->handler->user, (const char *)text, (size_t)size));
    }
}

static void on_declared_entity(void *user, const xmlChar *name, int type, const xmlChar *public_id,
                               const xmlChar *system_id, xmlChar *content)
{
    (void)type;
    (void)public_id;
    (void)system_id;
    (void)content;
    refuse(user, JIT_EFORMAT,
           "a document that declares entities is not read: ", (const char *)name);
}

static void on_declared_unparsed(void *user, const xmlChar *name, const xmlChar *public_id,
                                 const xmlChar *system_id, const xmlChar *notation)
{
    (void)public_id;
    (void)system_id;
    (void)notation;
    refuse(user, JIT_EFORMAT,
           "a document that declares entities is not read: ", (const char *)name);
}

static void on_declared_attribute(void *user, const xmlChar *element, const xmlChar *name, int type,
                                  int kind, const xmlChar *fallback, xmlEnumeration *tree)
{
    (void)name;
    (void)type;
    (void)kind;
    (void)fallback;
    xmlFreeEnumeration(tree); /* is handed over */
    refuse(user, JIT_EFORMAT,
           "a document that declares attributes is not read: ", (const char *)element);
}

/* Asked for every entity that is not one of XML's own. */
static xmlEntity *on_entity(void *user, const xmlChar *name)
{
    refuse(user, JIT_EFORMAT, "an entity that XML does not have: ", (const char *)name);
    return NULL;
}

static void on_reference(void *user, const xmlChar *name)
{
    refuse(user, JIT_EFORMAT, "an entity that XML does not have: ", (const char *)name);
}

/* libxml2 tells of memory that it did not get as of a text with faults, here and there; what the
 * allocator left in errno, which was 0 before, says it always. */
static bool starved(const struct reading *r, int code)
{
    return code == XML_ERR_NO_MEMORY || errno == ENOMEM ||
           (r->parser != NULL && r->parser->errNo == XML_ERR_NO_MEMORY);
}

static void on_error(void *user, xmlError *error)
{
    struct reading *r = user;
    if (error->level < XML_ERR_ERROR || r->err != JIT_OK) {
        return;
    }
    if (starved(r, error->code)) {
        stop(r, JIT_ENOMEM);
        return;
    }
    if (error->code == XML_ERR_DOCUMENT_END) { /* all there was has been read */
        refuse(r, JIT_EFORMAT,
               r->depth > 0 ? "no XML: the input ends within an element"
                            : "no XML: no element in it",
               NULL);
        return;
    }
    size_t size = error->message == NULL ? 0 : strlen(error->message);
    while (size > 0 && error->message[size - 1] == '\n') {
        size--;
    }
    here(r);
    r->net->line = error->line > 0 ? (uint64_t)error->line : r->net->line;
    r->net->column = error->int2 > 0 ? (uint64_t)error->int2 : r->net->column;
    stop(r, net_fail(r->net, JIT_EFORMAT, "no XML: ", error->message, size));
}

/* ---- the entry ---- */

static enum jit_err feed(struct reading *r, struct import_input *input)
{
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && !input->eof) {
        err = import_input_fill(input);
        if (err == JIT_OK) {
            int size = (int)(input->end - input->at); /* a read of at most 256 KiB */
            errno = 0;
            (void)xmlParseChunk(r->parser, (const char *)input->data + input->at, size, input->eof);
            input->at = input->end;
            err = r->err;
            if (err == JIT_OK && r->parser->wellFormed == 0) {
                if (starved(r, XML_ERR_OK)) {
                    return JIT_ENOMEM;
                }
                refuse(r, JIT_EFORMAT, "no XML", NULL);
                err = r->err;
            }
        }
    }
    return err;
}

static enum jit_err read_all(struct net *net, struct import_input *input,
                             const struct xml_handler *handler)
{
    struct reading r = {.net = net, .handler = handler};
    xmlSAXHandler calls = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text, /* the same call: no blank is ignored */
        .cdataBlock = on_text,
        .entityDecl = on_declared_entity,
        .unparsedEntityDecl = on_declared_unparsed,
        .attributeDecl = on_declared_attribute,
        .getEntity = on_entity,
        .getParameterEntity = on_entity,
        .reference = on_reference,
        .serror = on_error,
    };
    r.parser = xmlCreatePushParserCtxt(&calls, &r, NULL, 0, NULL);
    if (r.parser == NULL) {
        return JIT_ENOMEM;
    }
    /* NOENT is about the five of XML in attributes, which would come as "&#38;" otherwise; there
     * are no others, since each declaration and each use of one has stopped the parser by then. */
    (void)xmlCtxtUseOptions(r.parser, XML_PARSE_NONET | XML_PARSE_NOENT);
    enum jit_err err = feed(&r, input);
    xmlFreeDoc(r.parser->myDoc); /* libxml2 makes one for declarations */
    r.parser->myDoc = NULL;
    xmlFreeParserCtxt(r.parser);
    return err;
}

enum jit_err xml_import(struct import *im, struct net *net, struct import_input *input,
                        const struct xml_handler *handler, const bool *found)
{
    const char *path = im->source->paths[0];
    net_init(net, im, strcmp(path, "-") == 0 ? "standard input" : path);
    enum jit_err err = import_input_open(input, im, path);
    err = err == JIT_OK ? read_all(net, input, handler) : err;
    if (err == JIT_OK && !*found) {
        err = net_fail(net, JIT_EFORMAT, "a file without a <graph>", NULL, 0);
    }
    return err == JIT_OK ? net_end(net) : err;
}

/* ---- writing ---- */

bool xml_fits(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
            return false;
        }
        /* U+FFFE and U+FFFF */
        if (c == 0xef && i + 2 < size && (unsigned char)text[i + 1] == 0xbf &&
            (unsigned char)text[i + 2] >= 0xbe) {
            return false;
        }
    }
    return true;
}

void xml_copy(struct jit_buf *buf, const char *text, size_t size)
{
    size_t from = 0;
    for (size_t i = 0; i <= size; i++) {
        const char *escape = NULL;
        char c = i < size ? text[i] : 0;
        switch (c) {
        case '&':
            escape = "&amp;";
            break;
        case '<':
            escape = "&lt;";
            break;
        case '>':
            escape = "&gt;";
            break;
        case '"':
            escape = "&quot;";
            break;
        case '\t': /* blanks that attributes would not keep */
            escape = "&#9;";
            break;
        case '\n':
            escape = "&#10;";
            break;
        case '\r':
            escape = "&#13;";
            break;
        default:
            break;
        }
        if (escape != NULL || i == size) {
            jit_buf_put(buf, text + from, i - from);
            jit_buf_put(buf, escape == NULL ? "" : escape, escape == NULL ? 0 : strlen(escape));
            from = i + 1;
        }
    }
}

void xml_put(struct export_writer *w, const char *text, size_t size)
{
    xml_copy(&w->buf, text, size);
}

static void copy_attribute(struct jit_buf *buf, const char *lead, const char *name,
                           const struct net_text *value)
{
    jit_buf_put_u8(buf, ' ');
    jit_buf_put(buf, lead, strlen(lead));
    jit_buf_put(buf, name, strlen(name));
    jit_buf_put(buf, "=\"", 2);
    xml_copy(buf, value->text, value->size);
    jit_buf_put_u8(buf, '"');
}

/* Is the prefix of this attribute new in its tag? */
static bool is_new_prefix(const struct xml_tag *tag, int index)
{
    const char *prefix = part_of(tag, index, AT_PREFIX);
    bool fresh = prefix != NULL && strcmp(prefix, "xml") != 0 &&
                 (tag->prefix == NULL || strcmp(prefix, tag->prefix) != 0);
    for (int i = 0; fresh && i < index; i++) {
        const char *before = part_of(tag, i, AT_PREFIX);
        fresh = before == NULL || strcmp(before, prefix) != 0;
    }
    return fresh;
}

void xml_copy_tag(struct jit_buf *buf, const struct xml_tag *tag)
{
    char name[JIT_NAME_BYTES_MAX + 1];
    const char *space;
    struct net_text value;
    jit_buf_put_u8(buf, '<');
    if (tag->prefix != NULL) {
        jit_buf_put(buf, tag->prefix, strlen(tag->prefix));
        jit_buf_put_u8(buf, ':');
    }
    jit_buf_put(buf, tag->name, strlen(tag->name));
    if (tag->space != NULL) {
        value = (struct net_text){tag->space, strlen(tag->space)};
        copy_attribute(buf, tag->prefix == NULL ? "xmlns" : "xmlns:",
                       tag->prefix == NULL ? "" : tag->prefix, &value);
    }
    for (int i = 0; xml_attribute_at(tag, i, &space, &value, name); i++) {
        if (is_new_prefix(tag, i)) {
            const struct net_text uri = {space, strlen(space)};
            copy_attribute(buf, "xmlns:", part_of(tag, i, AT_PREFIX), &uri);
        }
        copy_attribute(buf, "", name, &value);
    }
    jit_buf_put_u8(buf, '>');
}

enum rmg_codec xml_codec(const struct rmg_value *value, struct rmg_datum *datum)
{
    enum rmg_codec codec = export_readable(value, datum);
    if (codec == RMG_CODEC_BYTES || codec == RMG_CODEC_ID ||
        (codec == RMG_CODEC_TEXT && !xml_fits((const char *)datum->bytes, datum->size))) {
        return RMG_CODEC_NONE;
    }
    return codec;
}

void xml_put_value(struct export_writer *w, const struct rmg_value *value)
{
    struct rmg_datum datum;
    switch (xml_codec(value, &datum)) {
    case RMG_CODEC_NONE:
        export_hex(w, value->bytes, value->size);
        break;
    case RMG_CODEC_TEXT:
        xml_put(w, (const char *)datum.bytes, datum.size);
        break;
    default:
        export_number(w, &datum);
        break;
    }
}

void xml_put_attribute(struct export_writer *w, const char *name, const char *text, size_t size)
{
    export_text(w, " ");
    export_text(w, name);
    export_text(w, "=\"");
    xml_put(w, text, size);
    export_text(w, "\"");
}

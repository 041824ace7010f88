/* JSON node-link, as networkx and D3 write it. The document is taken apart as it streams by; what
 * jansson sees is one node, one link or one value at a time, bounded in size and depth. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tools/formats/export_priv.h"
#include "tools/formats/json.h"
#include "tools/formats/net.h"
#include "tools/formats/parse_json.h"

/* A document, or a graph inside one: which of its keys have come. */
struct part {
    uint32_t graph;
    bool begun; /* the graph has been opened */
    bool nodes;
    bool links;
    bool attributes;
    bool instances;
    uint64_t index; /* of the next node */
};

struct json {
    struct net net;
    struct import_input input;
    size_t ahead;    /* bytes of the current token, not yet taken */
    uint64_t line;   /* of the next byte */
    uint64_t column; /* in characters */
    struct net_owner owner;
};

static enum jit_err fail(struct json *j, enum jit_err err, const char *what, const char *detail)
{
    return net_fail(&j->net, err, what, detail, detail == NULL ? 0 : strlen(detail));
}

/* ---- bytes ---- */

/* The next byte that was not looked at, or -1 at the end; *err says whether reading failed. */
static int look(struct json *j, enum jit_err *err)
{
    while (j->ahead == j->input.end - j->input.at && !j->input.eof && *err == JIT_OK) {
        *err = import_input_fill(&j->input);
    }
    return *err != JIT_OK || j->ahead == j->input.end - j->input.at
               ? -1
               : j->input.data[j->input.at + j->ahead];
}

/* What was looked at is used up. */
static void take(struct json *j)
{
    const uint8_t *at = j->input.data + j->input.at;
    for (size_t i = 0; i < j->ahead; i++) {
        if (at[i] == '\n') {
            j->line++;
            j->column = 1;
        } else {
            j->column += (at[i] & 0xc0) != 0x80;
        }
    }
    j->input.at += j->ahead;
    j->ahead = 0;
}

static void here(struct json *j)
{
    j->net.line = j->line;
    j->net.column = j->column;
}

/* The first byte of the next token; -1 at the end. */
static int token(struct json *j, enum jit_err *err)
{
    int c = look(j, err);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        j->ahead++;
        if (j->ahead == IMPORT_READ_BYTES) { /* a desert of spaces needs no memory */
            take(j);
        }
        c = look(j, err);
    }
    take(j);
    here(j);
    return c;
}

static enum jit_err expect(struct json *j, char want, const char *what)
{
    enum jit_err err = JIT_OK;
    int c = token(j, &err);
    if (err != JIT_OK) {
        return err;
    }
    if (c != want) {
        return fail(j, JIT_EFORMAT, c < 0 ? "the input ends here, before " : "here should be ",
                    what);
    }
    j->ahead = 1;
    take(j);
    return JIT_OK;
}

/* Looks to the end of one value, so that it lies in memory as a whole. */
static enum jit_err look_value(struct json *j, unsigned depth)
{
    enum jit_err err = JIT_OK;
    bool quoted = false;
    unsigned inside = 0;
    for (;;) {
        int c = look(j, &err);
        if (err != JIT_OK || c < 0) {
            return err == JIT_OK && (quoted || inside > 0 || j->ahead == 0)
                       ? fail(j, JIT_EFORMAT, "the input ends within this value", NULL)
                       : err;
        }
        if (j->ahead == JIT_LINE_BYTES_MAX) {
            return fail(j, JIT_ELIMIT, "a value of more than 16 MiB", NULL);
        }
        if (quoted) {
            quoted = c != '"';
            j->ahead++;
            if (c == '\\' && look(j, &err) >= 0) {
                j->ahead++;
            }
            if (!quoted && inside == 0) {
                return JIT_OK;
            }
            continue;
        }
        if (c == '{' || c == '[') {
            inside++;
            if (depth + inside > JIT_JSON_DEPTH_MAX) {
                return fail(j, JIT_ELIMIT, "nested deeper than 64", NULL);
            }
        } else if (c == '}' || c == ']') {
            if (inside == 0) {
                return JIT_OK; /* the end of what holds this value */
            }
            inside--;
            if (inside == 0) {
                j->ahead++;
                return JIT_OK;
            }
        } else if (inside == 0 &&
                   (c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            return JIT_OK;
        }
        quoted = c == '"';
        j->ahead++;
    }
}

/* One value, parsed. depth: objects and arrays that it lies in. */
static enum jit_err value(struct json *j, unsigned depth, json_t **out)
{
    json_error_t error;
    enum jit_err err = JIT_OK;
    *out = NULL;
    int c = token(j, &err);
    if (err == JIT_OK && c < 0) {
        err = fail(j, JIT_EFORMAT, "the input ends here, before a value", NULL);
    }
    err = err == JIT_OK ? look_value(j, depth) : err;
    if (err != JIT_OK) {
        return err;
    }
    if (j->ahead == 0) {
        return fail(j, JIT_EFORMAT, "here should be a value", NULL);
    }
    const char *at = (const char *)j->input.data + j->input.at;
    err = format_parse_json(at, j->ahead, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, out, &error);
    if (err == JIT_EFORMAT) {
        uint64_t lines = error.line > 0 ? (uint64_t)error.line - 1 : 0;
        uint64_t columns = error.column > 0 ? (uint64_t)error.column - 1 : 0;
        j->net.column = lines == 0 ? j->net.column + columns : columns + 1;
        j->net.line += lines;
        return fail(j, JIT_EFORMAT, "no JSON: ", error.text);
    }
    if (err == JIT_OK) {
        take(j);
    }
    return err;
}

/* Behind an element: whether another one follows. */
static enum jit_err next(struct json *j, char close, bool *more)
{
    enum jit_err err = JIT_OK;
    int c = token(j, &err);
    if (err != JIT_OK) {
        return err;
    }
    if (c != ',' && c != close) {
        return fail(j, JIT_EFORMAT, c < 0 ? "the input ends here, before " : "here should be ",
                    close == ']' ? "a comma or ]" : "a comma or }");
    }
    *more = c == ',';
    j->ahead = 1;
    take(j);
    return JIT_OK;
}

/* ---- values ---- */

static enum jit_err attach_json(struct json *j, const char *key, const json_t *one)
{
    struct jit_id type;
    char *text = json_dumps(one, JSON_TEXT_FLAGS);
    if (text == NULL) {
        return JIT_ENOMEM;
    }
    json_type_id(&type);
    enum jit_err err =
        net_atom(&j->net, &j->owner, key, strlen(key), &type, (const uint8_t *)text, strlen(text));
    free(text);
    return err;
}

/* {"rmg-type": TYPE, "hex": HEX} and {"rmg-portal": ID} stand for what JSON has no words for. */
static enum jit_err attach_object(struct json *j, const char *key, const json_t *one)
{
    const json_t *type = json_object_get(one, JSON_ATOM_TYPE);
    const json_t *hex = json_object_get(one, JSON_ATOM_HEX);
    const json_t *portal = json_object_get(one, JSON_PORTAL);
    if (json_object_size(one) == 2 && json_is_string(type) && json_is_string(hex)) {
        const struct net_text words[] = {{json_string_value(type), json_string_length(type)},
                                         {json_string_value(hex), json_string_length(hex)}};
        return net_hex(&j->net, &j->owner, key, strlen(key), &words[0], &words[1]);
    }
    if (json_object_size(one) == 1 && json_is_string(portal)) {
        struct jit_id instance;
        enum jit_err err = net_id(&j->net, "warp:", json_string_value(portal),
                                  json_string_length(portal), &instance);
        return err == JIT_OK ? net_enter(&j->net, &j->owner, key, strlen(key), &instance) : err;
    }
    return attach_json(j, key, one);
}

static enum jit_err attach(struct json *j, const char *key, const json_t *one)
{
    struct net *net = &j->net;
    struct net_owner *owner = &j->owner;
    size_t size = strlen(key);
    char words[64];
    switch (json_typeof(one)) {
    case JSON_NULL:
        return JIT_OK;
    case JSON_TRUE:
        return net_words(net, owner, key, size, RMG_CODEC_BOOL, "true", 4);
    case JSON_FALSE:
        return net_words(net, owner, key, size, RMG_CODEC_BOOL, "false", 5);
    case JSON_INTEGER:
        snprintf(words, sizeof words, "%lld", (long long)json_integer_value(one));
        return net_words(net, owner, key, size, RMG_CODEC_I64, words, strlen(words));
    case JSON_REAL:
        snprintf(words, sizeof words, "%.17g", json_real_value(one));
        return net_words(net, owner, key, size, RMG_CODEC_F64, words, strlen(words));
    case JSON_STRING:
        return net_words(net, owner, key, size, RMG_CODEC_TEXT, json_string_value(one),
                         json_string_length(one));
    case JSON_OBJECT:
        return attach_object(j, key, one);
    default:
        return attach_json(j, key, one);
    }
}

static bool one_of(const char *key, const char *const *list)
{
    while (*list != NULL && strcmp(*list, key) != 0) {
        list++;
    }
    return *list != NULL;
}

/* All keys of the object but those of the list. */
static enum jit_err attach_all(struct json *j, json_t *object, const char *const *except)
{
    const char *key;
    json_t *one;
    json_object_foreach(object, key, one)
    {
        enum jit_err err = one_of(key, except) ? JIT_OK : attach(j, key, one);
        if (err != JIT_OK) {
            return err;
        }
    }
    return JIT_OK;
}

/* ---- graphs, nodes and links ---- */

/* Opens the graph if that has not been done: its attributes say which one it is. */
static enum jit_err begin(struct json *j, struct part *part, const json_t *attributes)
{
    static const char *const keys[2] = {WORDS_INSTANCE, WORDS_ROOT};
    struct net_text words[2];
    const struct net_text *given[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        const json_t *one = json_object_get(attributes, keys[i]);
        if (one == NULL) {
            continue;
        }
        if (!json_is_string(one)) {
            return fail(j, JIT_EFORMAT, "no string under ", keys[i]);
        }
        if (part->begun) {
            return fail(j, JIT_EFORMAT, "\"graph\" comes too late, behind nodes or links, to say ",
                        keys[i]);
        }
        words[i] = (struct net_text){json_string_value(one), json_string_length(one)};
        given[i] = &words[i];
    }
    if (part->begun) {
        return JIT_OK;
    }
    part->begun = true;
    if (part->graph == 0) {
        j->net.plain_ids = json_object_get(attributes, WORDS_LABEL) != NULL;
        return net_top(&j->net, given[0], given[1]);
    }
    struct jit_id instance;
    struct jit_id root;
    if (given[0] == NULL || given[1] == NULL) {
        return fail(j, JIT_EFORMAT,
                    "a graph in " JSON_INSTANCES " begins with \"graph\", which has the strings ",
                    WORDS_INSTANCE " and " WORDS_ROOT);
    }
    enum jit_err err = net_id(&j->net, "warp:", words[0].text, words[0].size, &instance);
    err = err == JIT_OK ? net_id(&j->net, "node:", words[1].text, words[1].size, &root) : err;
    return err == JIT_OK ? net_nested(&j->net, &instance, &root, &part->graph) : err;
}

/* A string, or an integer in words. */
static enum jit_err id_of(struct json *j, const json_t *one, const char *key, char number[32],
                          struct net_text *out)
{
    if (json_is_integer(one)) {
        snprintf(number, 32, "%lld", (long long)json_integer_value(one));
        *out = (struct net_text){number, strlen(number)};
        return JIT_OK;
    }
    if (!json_is_string(one)) {
        return fail(j, JIT_EFORMAT,
                    one == NULL ? "this link lacks the field "
                                : "neither a string nor an integer in the field ",
                    key);
    }
    *out = (struct net_text){json_string_value(one), json_string_length(one)};
    return JIT_OK;
}

static enum jit_err type_of(struct json *j, const json_t *object, const char *key,
                            struct net_text *out, bool *any)
{
    const json_t *one = json_object_get(object, key);
    *any = one != NULL;
    if (one != NULL && !json_is_string(one)) {
        return fail(j, JIT_EFORMAT, "no string in the field ", key);
    }
    *out = (struct net_text){json_string_value(one), json_string_length(one)};
    return JIT_OK;
}

/* A node without "id" is known by its number, as the links of old D3 files have it. */
static enum jit_err take_node(struct json *j, struct part *part, json_t *object)
{
    static const char *const taken[] = {"id", WORDS_NODE_TYPE, NULL};
    const json_t *id = json_object_get(object, "id");
    struct net_text words;
    struct net_text type;
    char number[32];
    bool typed;
    enum jit_err err = JIT_OK;
    if (id == NULL) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)part->index);
        words = (struct net_text){number, strlen(number)};
    } else {
        err = id_of(j, id, "id", number, &words);
    }
    part->index++;
    err = err == JIT_OK ? type_of(j, object, WORDS_NODE_TYPE, &type, &typed) : err;
    err = err == JIT_OK
              ? net_node(&j->net, &j->owner, part->graph, words.text, words.size,
                         id == NULL || json_is_integer(id), typed ? type.text : NULL, type.size)
              : err;
    err = err == JIT_OK ? attach_all(j, object, taken) : err;
    return err == JIT_OK ? net_owner_end(&j->net, &j->owner) : err;
}

static enum jit_err take_link(struct json *j, struct part *part, json_t *object)
{
    static const char *const taken[] = {"id", "source", "target", WORDS_EDGE_TYPE, NULL};
    static const char *const keys[] = {"source", "target", "id"};
    struct net_text words[3];
    struct net_text type;
    char numbers[3][32];
    bool typed;
    enum jit_err err = JIT_OK;
    const json_t *id = json_object_get(object, "id");
    for (int i = 0; err == JIT_OK && i < (id == NULL ? 2 : 3); i++) {
        err = id_of(j, json_object_get(object, keys[i]), keys[i], numbers[i], &words[i]);
    }
    err = err == JIT_OK ? type_of(j, object, WORDS_EDGE_TYPE, &type, &typed) : err;
    err = err == JIT_OK ? net_edge(&j->net, &j->owner, part->graph, id == NULL ? NULL : &words[2],
                                   json_is_integer(id), &words[0], &words[1], typed ? &type : NULL)
                        : err;
    err = err == JIT_OK ? attach_all(j, object, taken) : err;
    return err == JIT_OK ? net_owner_end(&j->net, &j->owner) : err;
}

static enum jit_err take_elements(struct json *j, struct part *part, unsigned depth,
                                  enum jit_err (*element)(struct json *, struct part *, json_t *))
{
    enum jit_err err = part->begun ? JIT_OK : begin(j, part, NULL);
    err = err == JIT_OK ? expect(j, '[', "an array") : err;
    bool more = err == JIT_OK && token(j, &err) != ']';
    if (err == JIT_OK && !more) {
        err = expect(j, ']', "]");
    }
    while (err == JIT_OK && more) {
        json_t *one = NULL;
        err = value(j, depth + 1, &one);
        if (err == JIT_OK && !json_is_object(one)) {
            err = fail(j, JIT_EFORMAT, "a node and a link are objects", NULL);
        }
        err = err == JIT_OK ? element(j, part, one) : err;
        json_decref(one);
        err = err == JIT_OK ? next(j, ']', &more) : err;
    }
    return err;
}

/* A value of the graph itself: an attribute, or a key of the document that nobody knows. */
static enum jit_err take_attributes(struct json *j, struct part *part, json_t *object)
{
    static const char *const taken[] = {WORDS_INSTANCE, WORDS_ROOT, WORDS_LABEL, NULL};
    enum jit_err err = begin(j, part, object);
    if (err != JIT_OK) {
        return err;
    }
    net_graph_values(&j->net, &j->owner, part->graph);
    err = attach_all(j, object, taken);
    return err == JIT_OK ? net_owner_end(&j->net, &j->owner) : err;
}

static enum jit_err take_unknown(struct json *j, struct part *part, const char *key, json_t *one)
{
    bool flag = strcmp(key, "directed") == 0 || strcmp(key, "multigraph") == 0;
    if (flag && !json_is_boolean(one)) {
        return fail(j, JIT_EFORMAT, "neither true nor false under ", key);
    }
    if (flag && json_is_true(one)) {
        return JIT_OK; /* so it is, unless the graph says otherwise */
    }
    net_graph_values(&j->net, &j->owner, part->graph);
    enum jit_err err = attach(j, key, one);
    return err == JIT_OK ? net_owner_end(&j->net, &j->owner) : err;
}

static enum jit_err take_document(struct json *j, struct part *part, unsigned depth);

static enum jit_err take_instances(struct json *j, unsigned depth)
{
    enum jit_err err = expect(j, '[', "an array");
    bool more = err == JIT_OK && token(j, &err) != ']';
    if (err == JIT_OK && !more) {
        err = expect(j, ']', "]");
    }
    while (err == JIT_OK && more) {
        struct part part = {.graph = UINT32_MAX};
        err = take_document(j, &part, depth + 1);
        err = err == JIT_OK ? next(j, ']', &more) : err;
    }
    return err;
}

/* What comes before the graph is opened waits: "directed" stands first in most files. */
static enum jit_err take_key(struct json *j, struct part *part, unsigned depth, const char *key,
                             json_t *waiting)
{
    bool nodes = strcmp(key, "nodes") == 0;
    bool links = strcmp(key, "links") == 0 || strcmp(key, "edges") == 0;
    bool graph = strcmp(key, "graph") == 0;
    bool instances = strcmp(key, JSON_INSTANCES) == 0;
    bool *seen = nodes       ? &part->nodes
                 : links     ? &part->links
                 : graph     ? &part->attributes
                 : instances ? &part->instances
                             : NULL;
    json_t *one = NULL;
    if (seen != NULL && *seen) {
        return fail(j, JIT_EFORMAT, links ? "a second array of links: " : "a second key ", key);
    }
    if (seen != NULL) {
        *seen = true;
    }
    if (nodes || links) {
        return take_elements(j, part, depth, nodes ? take_node : take_link);
    }
    if (instances) {
        enum jit_err err = part->begun ? JIT_OK : begin(j, part, NULL);
        return err != JIT_OK     ? err
               : part->graph > 0 ? fail(j, JIT_EFORMAT, "only the document has ", JSON_INSTANCES)
                                 : take_instances(j, depth + 1);
    }
    enum jit_err err = value(j, depth, &one);
    if (err == JIT_OK && graph) {
        err = json_is_object(one) ? take_attributes(j, part, one)
                                  : fail(j, JIT_EFORMAT, "\"graph\" is an object", NULL);
    } else if (err == JIT_OK && part->begun) {
        err = take_unknown(j, part, key, one);
    } else if (err == JIT_OK) {
        err = json_object_set(waiting, key, one) == 0 ? JIT_OK : JIT_ENOMEM;
    }
    json_decref(one);
    return err;
}

static enum jit_err take_waiting(struct json *j, struct part *part, json_t *waiting)
{
    const char *key;
    json_t *one;
    enum jit_err err = part->begun ? JIT_OK : begin(j, part, NULL);
    json_object_foreach(waiting, key, one)
    {
        err = err == JIT_OK ? take_unknown(j, part, key, one) : err;
    }
    return err;
}

static enum jit_err take_document(struct json *j, struct part *part, unsigned depth)
{
    json_t *waiting = json_object();
    enum jit_err err = waiting == NULL ? JIT_ENOMEM : expect(j, '{', "a { that begins a graph");
    bool more = err == JIT_OK && token(j, &err) != '}';
    if (err == JIT_OK && !more) {
        err = expect(j, '}', "}");
    }
    while (err == JIT_OK && more) {
        json_t *key = NULL;
        err = value(j, depth + 1, &key);
        if (err == JIT_OK && !json_is_string(key)) {
            err = fail(j, JIT_EFORMAT, "here should be a key in quotes", NULL);
        }
        err = err == JIT_OK ? expect(j, ':', "a colon") : err;
        if (err == JIT_OK && json_object_get(waiting, json_string_value(key)) != NULL) {
            err = fail(j, JIT_EFORMAT, "a second key ", json_string_value(key));
        }
        err = err == JIT_OK ? take_key(j, part, depth + 1, json_string_value(key), waiting) : err;
        json_decref(key);
        err = err == JIT_OK ? next(j, '}', &more) : err;
    }
    if (err == JIT_OK && !part->nodes) {
        err = fail(j, JIT_EFORMAT, "a graph without \"nodes\": this is no node-link JSON", NULL);
    }
    err = err == JIT_OK ? take_waiting(j, part, waiting) : err;
    json_decref(waiting);
    return err;
}

static enum jit_err read_all(struct json *j)
{
    struct part part = {.graph = 0};
    enum jit_err err = JIT_OK;
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    int c = look(j, &err);
    if (err == JIT_OK && c == mark[0] && j->input.end - j->input.at >= sizeof mark &&
        memcmp(j->input.data + j->input.at, mark, sizeof mark) == 0) {
        j->input.at += sizeof mark;
    }
    err = err == JIT_OK ? take_document(j, &part, 0) : err;
    if (err == JIT_OK && token(j, &err) >= 0) {
        err = fail(j, JIT_EFORMAT, "something behind the end of the graph", NULL);
    }
    return err == JIT_OK ? net_end(&j->net) : err;
}

static enum jit_err import_json(struct import *im)
{
    struct json j = {.line = 1, .column = 1};
    const char *path = im->source->paths[0];
    net_init(&j.net, im, strcmp(path, "-") == 0 ? "standard input" : path);
    enum jit_err err = import_input_open(&j.input, im, path);
    err = err == JIT_OK ? read_all(&j) : err;
    import_input_close(&j.input);
    net_owner_release(&j.owner);
    net_release(&j.net);
    return err;
}

const struct format format_json = {
    .name = "json",
    .extensions = {".json"},
    .magic = "\"nodes\":",
    .magic_size = 8,
    .magic_within = 4096,
    .reads = "Node-link JSON, as networkx and D3 have it: \"nodes\" with \"id\", \"links\"\n"
             "or \"edges\" with \"source\" and \"target\", their other keys as values,\n"
             "\":LABEL\" and \":TYPE\" as types.",
    .outputs = 1,
    .writes = "The same; with what JSON has no words for in hex, and other instances\n"
              "behind the links. Importing it gives the same state root.",
    .read = import_json,
    .write = export_json,
};

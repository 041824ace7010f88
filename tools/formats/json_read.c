/* JSON node-link, as networkx and D3 write it. The document is taken apart as it streams by; what
 * jansson sees is one node, one link or one value at a time, bounded in size and depth. */
#include "tools/formats/json_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tools/formats/export_priv.h"
#include "tools/formats/json.h"
#include "tools/formats/net.h"

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
            return json_read_fail(j, JIT_EFORMAT, "no string under ", keys[i]);
        }
        if (part->begun) {
            return json_read_fail(j, JIT_EFORMAT,
                                  "\"graph\" comes too late, behind nodes or links, to say ",
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
        return json_read_fail(j, JIT_EFORMAT,
                              "a graph in " JSON_INSTANCES
                              " begins with \"graph\", which has the strings ",
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
        return json_read_fail(j, JIT_EFORMAT,
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
        return json_read_fail(j, JIT_EFORMAT, "no string in the field ", key);
    }
    *out = (struct net_text){json_string_value(one), json_string_length(one)};
    return JIT_OK;
}

/* A node without "id" is known by its number, as the links of old D3 files have it. */
static enum jit_err take_node(struct json *j, struct part *part, json_t *object)
{
    static const char *const taken[] = {"id", WORDS_NODE_TYPE, NULL};
    const json_t *id = json_object_get(object, "id");
    struct net_text words = {.text = ""};
    struct net_text type = {.text = ""};
    char number[32];
    bool typed = false;
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
    err = err == JIT_OK ? json_read_attach_all(j, object, taken) : err;
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
    err = err == JIT_OK ? json_read_attach_all(j, object, taken) : err;
    return err == JIT_OK ? net_owner_end(&j->net, &j->owner) : err;
}

static enum jit_err take_elements(struct json *j, struct part *part, unsigned depth,
                                  enum jit_err (*element)(struct json *, struct part *, json_t *))
{
    enum jit_err err = part->begun ? JIT_OK : begin(j, part, NULL);
    err = err == JIT_OK ? json_read_expect(j, '[', "an array") : err;
    bool more = err == JIT_OK && json_read_token(j, &err) != ']';
    if (err == JIT_OK && !more) {
        err = json_read_expect(j, ']', "]");
    }
    while (err == JIT_OK && more) {
        json_t *one = NULL;
        err = json_read_value(j, depth + 1, &one);
        if (err == JIT_OK && !json_is_object(one)) {
            err = json_read_fail(j, JIT_EFORMAT, "a node and a link are objects", NULL);
        }
        err = err == JIT_OK ? element(j, part, one) : err;
        json_decref(one);
        err = err == JIT_OK ? json_read_next(j, ']', &more) : err;
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
    err = json_read_attach_all(j, object, taken);
    return err == JIT_OK ? net_owner_end(&j->net, &j->owner) : err;
}

static enum jit_err take_unknown(struct json *j, struct part *part, const char *key, json_t *one)
{
    bool flag = strcmp(key, "directed") == 0 || strcmp(key, "multigraph") == 0;
    if (flag && !json_is_boolean(one)) {
        return json_read_fail(j, JIT_EFORMAT, "neither true nor false under ", key);
    }
    if (flag && json_is_true(one)) {
        return JIT_OK; /* so it is, unless the graph says otherwise */
    }
    net_graph_values(&j->net, &j->owner, part->graph);
    enum jit_err err = json_read_attach(j, key, one);
    return err == JIT_OK ? net_owner_end(&j->net, &j->owner) : err;
}

static enum jit_err take_document(struct json *j, struct part *part, unsigned depth);

static enum jit_err take_instances(struct json *j, unsigned depth)
{
    enum jit_err err = json_read_expect(j, '[', "an array");
    bool more = err == JIT_OK && json_read_token(j, &err) != ']';
    if (err == JIT_OK && !more) {
        err = json_read_expect(j, ']', "]");
    }
    while (err == JIT_OK && more) {
        struct part part = {.graph = UINT32_MAX};
        err = take_document(j, &part, depth + 1);
        err = err == JIT_OK ? json_read_next(j, ']', &more) : err;
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
        return json_read_fail(j, JIT_EFORMAT, links ? "a second array of links: " : "a second key ",
                              key);
    }
    if (seen != NULL) {
        *seen = true;
    }
    if (nodes || links) {
        return take_elements(j, part, depth, nodes ? take_node : take_link);
    }
    if (instances) {
        enum jit_err err = part->begun ? JIT_OK : begin(j, part, NULL);
        return err != JIT_OK ? err
               : part->graph > 0
                   ? json_read_fail(j, JIT_EFORMAT, "only the document has ", JSON_INSTANCES)
                   : take_instances(j, depth + 1);
    }
    enum jit_err err = json_read_value(j, depth, &one);
    if (err == JIT_OK && graph) {
        err = json_is_object(one) ? take_attributes(j, part, one)
                                  : json_read_fail(j, JIT_EFORMAT, "\"graph\" is an object", NULL);
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
    enum jit_err err =
        waiting == NULL ? JIT_ENOMEM : json_read_expect(j, '{', "a { that begins a graph");
    bool more = err == JIT_OK && json_read_token(j, &err) != '}';
    if (err == JIT_OK && !more) {
        err = json_read_expect(j, '}', "}");
    }
    while (err == JIT_OK && more) {
        json_t *key = NULL;
        err = json_read_value(j, depth + 1, &key);
        if (err == JIT_OK && !json_is_string(key)) {
            err = json_read_fail(j, JIT_EFORMAT, "here should be a key in quotes", NULL);
        }
        err = err == JIT_OK ? json_read_expect(j, ':', "a colon") : err;
        if (err == JIT_OK && json_object_get(waiting, json_string_value(key)) != NULL) {
            err = json_read_fail(j, JIT_EFORMAT, "a second key ", json_string_value(key));
        }
        err = err == JIT_OK ? take_key(j, part, depth + 1, json_string_value(key), waiting) : err;
        json_decref(key);
        err = err == JIT_OK ? json_read_next(j, '}', &more) : err;
    }
    if (err == JIT_OK && !part->nodes) {
        err = json_read_fail(j, JIT_EFORMAT, "a graph without \"nodes\": this is no node-link JSON",
                             NULL);
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
    int c = json_read_look(j, &err);
    if (err == JIT_OK && c == mark[0] && j->input.end - j->input.at >= sizeof mark &&
        memcmp(j->input.data + j->input.at, mark, sizeof mark) == 0) {
        j->input.at += sizeof mark;
    }
    err = err == JIT_OK ? take_document(j, &part, 0) : err;
    if (err == JIT_OK && json_read_token(j, &err) >= 0) {
        err = json_read_fail(j, JIT_EFORMAT, "something behind the end of the graph", NULL);
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

#include "tools/formats/net.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"

struct net_portal {
    uint64_t line;
    uint64_t column;
    struct jit_id target;
    struct rmg_parent parent;
    uint32_t depth; /* of the graph it lies in */
    bool found;
};

struct net_promise { /* an end of an edge */
    uint64_t line;
    uint64_t column;
    struct jit_id instance;
    struct jit_id id;
    bool to;
};

void net_init(struct net *net, struct import *im, const char *name)
{
    *net = (struct net){.im = im, .name = name, .line = 1, .column = 1};
    net->portal_of.heap = im->heap;
    net->edges.heap = im->heap;
    jit_buf_init(&net->space, im->heap, JIT_ATOM_BYTES_MAX);
}

void net_release(struct net *net)
{
    struct jit_heap *heap = net->im->heap;
    for (size_t i = 0; i < net->graph_count; i++) {
        jit_buf_release(&net->graphs[i].root_names.bytes);
    }
    heap->free(heap, net->graphs);
    heap->free(heap, net->portals);
    heap->free(heap, net->promises);
    import_seen_release(&net->portal_of);
    import_seen_release(&net->edges);
    jit_buf_release(&net->space);
}

enum jit_err net_fail(struct net *net, enum jit_err err, const char *what, const char *detail,
                      size_t detail_size)
{
    char place[IMPORT_PLACE_SIZE];
    import_place(place, net->name, net->line, net->column);
    return import_fail(net->im, err, place, "%s%.*s", what,
                       (int)(detail_size < 100 ? detail_size : 100), detail == NULL ? "" : detail);
}

static bool is(const char *text, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(text, word, size) == 0;
}

/* Is it an id in hex instead of a label? */
static bool is_id(const char *text, size_t size)
{
    return size >= strlen(WORDS_ID) && memcmp(text, WORDS_ID, strlen(WORDS_ID)) == 0;
}

enum jit_err net_id(struct net *net, const char *prefix, const char *text, size_t size,
                    struct jit_id *id)
{
    size_t lead = strlen(WORDS_ID);
    if (size == 0) {
        return net_fail(net, JIT_EFORMAT, "an empty ID", NULL, 0);
    }
    if (is_id(text, size)) {
        return jit_id_from_hex(text + lead, size - lead, id) == JIT_OK
                   ? JIT_OK
                   : net_fail(net, JIT_EFORMAT, "no 64 hex digits behind " WORDS_ID ": ", text,
                              size);
    }
    if (size > JIT_LABEL_BYTES_MAX) {
        return net_fail(net, JIT_ELIMIT, "an ID of more than 1,024 bytes", NULL, 0);
    }
    jit_hash_named(prefix, text, size, id);
    return JIT_OK;
}

/* ---- graphs ---- */

#define NAMES_BYTES_MAX ((size_t)JIT_ATTACHMENTS_MAX * (1 + JIT_NAME_BYTES_MAX))

static enum jit_err add_graph(struct net *net, struct net_graph *graph)
{
    void *data = net->graphs;
    jit_buf_init(&graph->root_names.bytes, net->im->heap, NAMES_BYTES_MAX);
    if (jit_heap_grow(net->im->heap, &data, &net->graph_capacity, net->graph_count + 1,
                      sizeof *net->graphs) != 0) {
        return JIT_ENOMEM;
    }
    net->graphs = data;
    net->graphs[net->graph_count++] = *graph;
    return JIT_OK;
}

enum jit_err net_top(struct net *net, const struct net_text *instance, const struct net_text *root)
{
    static const struct net_text usual = {"/", 1};
    const struct import_target *into = net->im->source->into;
    struct net_graph graph = {.depth = 0};
    assert(net->graph_count == 0);
    instance = instance == NULL ? &usual : instance;
    root = root == NULL ? &usual : root;
    jit_hash_named("type:", "instance", 8, &graph.root_type);
    enum jit_err err = net_id(net, "warp:", instance->text, instance->size, &graph.id);
    err = err == JIT_OK ? net_id(net, "node:", root->text, root->size, &graph.root_node) : err;
    if (err == JIT_OK && jit_id_is_zero(&graph.id)) {
        err = net_fail(net, JIT_EFORMAT, "an instance's id of zeros", NULL, 0);
    }
    if (err == JIT_OK && into == NULL) {
        net->im->report->instances++;
        err = rmg_collect_instance(net->im->collect, &graph.id, &graph.root_node, NULL);
    }
    return err == JIT_OK ? add_graph(net, &graph) : err;
}

/* The instance's id as the collect has it: the top one may be the target. */
static const struct jit_id *instance_of(const struct net *net, uint32_t graph)
{
    const struct import_target *into = net->im->source->into;
    return graph == 0 && into != NULL ? &into->instance : &net->graphs[graph].id;
}

/* Likewise a node's. */
static struct jit_id node_of(const struct net *net, uint32_t graph, const struct jit_id *id)
{
    const struct import_target *into = net->im->source->into;
    bool target = graph == 0 && into != NULL && jit_id_equal(id, &net->graphs[0].root_node);
    return target ? into->root_node : *id;
}

enum jit_err net_nested(struct net *net, const struct jit_id *instance, const struct jit_id *root,
                        uint32_t *graph)
{
    uint64_t at = import_seen_get(&net->portal_of, instance);
    struct net_graph one = {.id = *instance, .root_node = *root};
    if (at == 0 || net->portals[at - 1].found) {
        return net_fail(net, JIT_EINVALID,
                        at == 0 ? "no portal before this graph leads to it"
                                : "a second graph for one portal",
                        NULL, 0);
    }
    struct net_portal *portal = &net->portals[at - 1];
    portal->found = true;
    one.depth = portal->depth + 1;
    if (one.depth > JIT_DEPTH_MAX) {
        return net_fail(net, JIT_ELIMIT, "graphs nested deeper than 64", NULL, 0);
    }
    if (net->graph_count >= JIT_INSTANCES_MAX) {
        return net_fail(net, JIT_ELIMIT, "more than 65,536 graphs", NULL, 0);
    }
    jit_hash_named("type:", "instance", 8, &one.root_type);
    net->im->report->instances++;
    enum jit_err err =
        rmg_collect_instance(net->im->collect, &one.id, &one.root_node, &portal->parent);
    if (err == JIT_EEXIST || err == JIT_ELIMIT) {
        return net_fail(net, err,
                        err == JIT_EEXIST ? "an instance with this id is there already"
                                          : "more than 65,536 instances",
                        NULL, 0);
    }
    *graph = (uint32_t)net->graph_count;
    return err == JIT_OK ? add_graph(net, &one) : err;
}

/* ---- owners ---- */

static void owner_open(struct net *net, struct net_owner *owner, uint32_t graph, bool root)
{
    struct jit_buf names = owner->names.bytes;
    *owner = (struct net_owner){.graph = graph, .open = true, .root = root, .names.bytes = names};
    if (names.heap == NULL) {
        jit_buf_init(&owner->names.bytes, net->im->heap, NAMES_BYTES_MAX);
    }
    jit_buf_reset(&owner->names.bytes);
}

static void remember_id(const struct net *net, struct net_owner *owner, const char *id, size_t size,
                        bool number)
{
    bool itself = is_id(id, size);
    owner->keep_id = !itself && !net->plain_ids;
    owner->id_number = number;
    owner->id_size = itself ? 0 : (uint32_t)size; /* net_id() has bounded it */
    memcpy(owner->id_text, id, owner->id_size);
}

static enum jit_err type_of(struct net *net, const struct net_text *type, const char *fallback,
                            struct jit_id *id)
{
    if (type == NULL) {
        return import_type_named(net->im, fallback, strlen(fallback), id);
    }
    enum jit_err err = net_id(net, "type:", type->text, type->size, id);
    if (err == JIT_OK && jit_id_is_zero(id)) {
        return net_fail(net, JIT_EFORMAT, "a type's id of zeros", NULL, 0);
    }
    return err == JIT_OK && !is_id(type->text, type->size)
               ? import_type_named(net->im, type->text, type->size, id)
               : err;
}

enum jit_err net_node(struct net *net, struct net_owner *owner, uint32_t graph, const char *id,
                      size_t id_size, bool id_number, const char *type, size_t type_size)
{
    const struct net_text words = {type, type_size};
    struct jit_id type_id;
    struct jit_id node;
    enum jit_err err = net_id(net, "node:", id, id_size, &node);
    err = err == JIT_OK ? type_of(net, type == NULL ? NULL : &words, WORDS_NODE, &type_id) : err;
    if (err != JIT_OK) {
        return err;
    }
    struct net_graph *in = &net->graphs[graph];
    bool root = jit_id_equal(&node, &in->root_node);
    bool twice = root && in->root_listed;
    bool there = root && graph == 0 && net->im->source->into != NULL; /* the target's */
    in->root_listed = in->root_listed || root;
    struct jit_id mapped = node_of(net, graph, &node);
    if (!there && !twice) {
        err = rmg_collect_node(net->im->collect, instance_of(net, graph), &mapped, &type_id);
        twice = err == JIT_EEXIST;
    }
    if (twice) {
        return net_fail(net, JIT_EEXIST, "a second node with the ID ", id, id_size);
    }
    if (err != JIT_OK) {
        return err;
    }
    owner_open(net, owner, graph, root);
    remember_id(net, owner, id, id_size, id_number);
    import_owner_begin(&owner->owner, net->im, instance_of(net, graph), RMG_PLANE_ALPHA, &mapped,
                       &type_id);
    net->im->report->nodes -= there;
    return JIT_OK;
}

static enum jit_err promise(struct net *net, uint32_t graph, const struct jit_id *id, bool to)
{
    const struct jit_id *instance = instance_of(net, graph);
    if (rmg_collect_has_node(net->im->collect, instance, id)) {
        return JIT_OK;
    }
    void *data = net->promises;
    if (jit_heap_grow(net->im->heap, &data, &net->promise_capacity, net->promise_count + 1,
                      sizeof *net->promises) != 0) {
        return JIT_ENOMEM;
    }
    net->promises = data;
    net->promises[net->promise_count++] = (struct net_promise){
        .line = net->line, .column = net->column, .instance = *instance, .id = *id, .to = to};
    return JIT_OK;
}

static enum jit_err see_edge(struct net *net, const struct jit_id *instance,
                             const struct jit_id *edge)
{
    uint8_t both[2 * JIT_ID_BYTES];
    struct jit_id key;
    uint64_t line = 0;
    memcpy(both, instance->bytes, JIT_ID_BYTES);
    memcpy(both + JIT_ID_BYTES, edge->bytes, JIT_ID_BYTES);
    jit_hash(both, sizeof both, &key);
    enum jit_err err = import_seen_add(&net->edges, &key, net->line, &line);
    if (err == JIT_OK && line != 0) {
        char place[IMPORT_PLACE_SIZE];
        import_place(place, net->name, net->line, net->column);
        err = import_fail(net->im, JIT_EEXIST, place,
                          "an edge with this id is on line %llu already", (unsigned long long)line);
    }
    return err;
}

enum jit_err net_edge(struct net *net, struct net_owner *owner, uint32_t graph,
                      const struct net_text *id, bool id_number, const struct net_text *from,
                      const struct net_text *to, const struct net_text *type)
{
    const struct jit_id *instance = instance_of(net, graph);
    struct rmg_edge edge;
    enum jit_err err = net_id(net, "node:", from->text, from->size, &edge.from);
    err = err == JIT_OK ? net_id(net, "node:", to->text, to->size, &edge.to) : err;
    err = err == JIT_OK ? type_of(net, type, WORDS_EDGE, &edge.type) : err;
    if (err == JIT_OK && id != NULL) {
        err = net_id(net, "edge:", id->text, id->size, &edge.id);
    }
    if (err != JIT_OK) {
        return err;
    }
    edge.from = node_of(net, graph, &edge.from);
    edge.to = node_of(net, graph, &edge.to);
    err = id != NULL ? rmg_collect_edge(net->im->collect, instance, &edge)
                     : rmg_collect_edge_numbered(net->im->collect, instance, &edge.from, &edge.to,
                                                 &edge.type, &edge.id);
    err = err == JIT_OK ? see_edge(net, instance, &edge.id) : err;
    err = err == JIT_OK ? promise(net, graph, &edge.from, false) : err;
    err = err == JIT_OK ? promise(net, graph, &edge.to, true) : err;
    if (err != JIT_OK) {
        return err;
    }
    owner_open(net, owner, graph, false);
    if (id != NULL) {
        remember_id(net, owner, id->text, id->size, id_number);
    }
    import_owner_begin(&owner->owner, net->im, instance, RMG_PLANE_BETA, &edge.id, &edge.type);
    return JIT_OK;
}

void net_graph_values(struct net *net, struct net_owner *owner, uint32_t graph)
{
    struct jit_id root = node_of(net, graph, &net->graphs[graph].root_node);
    struct import_report before = *net->im->report;
    owner_open(net, owner, graph, true);
    import_owner_begin(&owner->owner, net->im, instance_of(net, graph), RMG_PLANE_ALPHA, &root,
                       &net->graphs[graph].root_type);
    *net->im->report = before; /* it is counted when it is listed, or at the end */
}

void net_owner_release(struct net_owner *owner)
{
    if (owner->names.bytes.heap != NULL) {
        jit_buf_release(&owner->names.bytes);
    }
}

/* ---- values ---- */

static void place_of(const struct net *net, char place[IMPORT_PLACE_SIZE])
{
    import_place(place, net->name, net->line, net->column);
}

/* Takes the escape off, and sees to it that the name has not come before. */
static enum jit_err claim(struct net *net, struct net_owner *owner, const char **name,
                          size_t *name_size)
{
    size_t lead = strlen(WORDS_ESCAPE);
    if (*name_size >= lead && memcmp(*name, WORDS_ESCAPE, lead) == 0) {
        *name += lead;
        *name_size -= lead;
    }
    if (*name_size > JIT_NAME_BYTES_MAX) {
        return net_fail(net, JIT_ELIMIT, "a name of more than 255 bytes", NULL, 0);
    }
    if (!rmg_utf8_valid((const uint8_t *)*name, *name_size)) {
        return net_fail(net, JIT_EFORMAT, "a name that is no UTF-8 without NUL", NULL, 0);
    }
    struct net_names *names = owner->root ? &net->graphs[owner->graph].root_names : &owner->names;
    for (size_t at = 0; at < names->bytes.size; at += 1u + names->bytes.data[at]) {
        if (names->bytes.data[at] == *name_size &&
            memcmp(names->bytes.data + at + 1, *name, *name_size) == 0) {
            return net_fail(net, JIT_EFORMAT, "a second value for ", *name, *name_size);
        }
    }
    if (names->count++ == JIT_ATTACHMENTS_MAX) {
        return net_fail(net, JIT_ELIMIT, "more than 256 values", NULL, 0);
    }
    jit_buf_put_u8(&names->bytes, (uint8_t)*name_size);
    jit_buf_put(&names->bytes, *name, *name_size);
    owner->spare_given = owner->spare_given || is(*name, *name_size, WORDS_SPARE_ID);
    return names->bytes.err;
}

static void note_id(struct net_owner *owner, const char *name, size_t name_size, bool words,
                    const char *text, size_t size)
{
    if (is(name, name_size, "id")) {
        owner->id_same = words && size == owner->id_size && memcmp(text, owner->id_text, size) == 0;
        owner->id_given = !owner->id_same;
    }
}

enum jit_err net_words(struct net *net, struct net_owner *owner, const char *name, size_t name_size,
                       enum rmg_codec codec, const char *text, size_t size)
{
    char place[IMPORT_PLACE_SIZE];
    enum jit_err err = claim(net, owner, &name, &name_size);
    if (err != JIT_OK) {
        return err;
    }
    note_id(owner, name, name_size, codec == RMG_CODEC_TEXT || codec == RMG_CODEC_I64, text, size);
    place_of(net, place);
    return import_owner_text(&owner->owner, name, name_size, codec, text, size, place);
}

static enum jit_err attach(struct net *net, struct net_owner *owner, const char *name,
                           size_t name_size, const struct rmg_value *value)
{
    struct rmg_attachment attachment = {
        .name = name, .name_size = (uint32_t)name_size, .value = *value};
    char place[IMPORT_PLACE_SIZE];
    place_of(net, place);
    return import_owner_attachment(&owner->owner, &attachment, place);
}

enum jit_err net_atom(struct net *net, struct net_owner *owner, const char *name, size_t name_size,
                      const struct jit_id *type, const uint8_t *bytes, size_t size)
{
    enum jit_err err = claim(net, owner, &name, &name_size);
    if (err == JIT_OK && size > JIT_ATOM_BYTES_MAX) {
        err = net_fail(net, JIT_ELIMIT, "a value of more than 1 MiB", NULL, 0);
    }
    if (err != JIT_OK) {
        return err;
    }
    const struct rmg_value value = {
        .kind = RMG_VALUE_ATOM, .type = *type, .bytes = bytes, .size = (uint32_t)size};
    /* In hex also an i64 or a text may come, but not one that a writer would have had words for. */
    note_id(owner, name, name_size, false, NULL, 0);
    return attach(net, owner, name, name_size, &value);
}

enum jit_err net_hex(struct net *net, struct net_owner *owner, const char *name, size_t name_size,
                     const struct net_text *type, const struct net_text *hex)
{
    struct jit_id id;
    enum jit_err err = type_of(net, type, "", &id);
    jit_buf_reset(&net->space);
    if (err == JIT_OK && hex->size / 2 > JIT_ATOM_BYTES_MAX) {
        return net_fail(net, JIT_ELIMIT, "a value of more than 1 MiB", NULL, 0);
    }
    if (err == JIT_OK && !import_hex_bytes(hex->text, hex->size, &net->space)) {
        return net_fail(net, JIT_EFORMAT, "no pairs of hex digits: ", hex->text, hex->size);
    }
    err = err == JIT_OK ? net->space.err : err;
    return err == JIT_OK
               ? net_atom(net, owner, name, name_size, &id, net->space.data, net->space.size)
               : err;
}

enum jit_err net_enter(struct net *net, struct net_owner *owner, const char *name, size_t name_size,
                       const struct jit_id *instance)
{
    const struct rmg_value value = {.kind = RMG_VALUE_PORTAL, .type = *instance};
    uint64_t before = 0;
    enum jit_err err = claim(net, owner, &name, &name_size);
    if (err == JIT_OK && jit_id_is_zero(instance)) {
        err = net_fail(net, JIT_EFORMAT, "an instance's id of zeros", NULL, 0);
    }
    if (err == JIT_OK && jit_id_equal(instance, &net->graphs[0].id)) {
        err = net_fail(net, JIT_EINVALID, "a portal to the graph that holds all", NULL, 0);
    }
    err = err == JIT_OK ? import_seen_add(&net->portal_of, instance, net->portal_count + 1, &before)
                        : err;
    if (err == JIT_OK && before != 0) {
        err = net_fail(net, JIT_EINVALID, "a second portal to one graph", NULL, 0);
    }
    void *data = net->portals;
    if (err == JIT_OK && jit_heap_grow(net->im->heap, &data, &net->portal_capacity,
                                       net->portal_count + 1, sizeof *net->portals) != 0) {
        err = JIT_ENOMEM;
    }
    if (err != JIT_OK) {
        return err;
    }
    net->portals = data;
    struct net_portal *portal = &net->portals[net->portal_count++];
    *portal = (struct net_portal){.line = net->line,
                                  .column = net->column,
                                  .target = *instance,
                                  .depth = net->graphs[owner->graph].depth,
                                  .parent = {.present = true,
                                             .plane = owner->owner.plane,
                                             .instance = owner->owner.instance,
                                             .owner = owner->owner.id,
                                             .name_size = (uint32_t)name_size}};
    memcpy(portal->parent.name, name, name_size);
    note_id(owner, name, name_size, false, NULL, 0);
    return attach(net, owner, name, name_size, &value);
}

enum jit_err net_owner_end(struct net *net, struct net_owner *owner)
{
    const char *name = owner->id_given ? WORDS_SPARE_ID : "id";
    enum jit_err err = JIT_OK;
    assert(owner->open);
    owner->open = false;
    if (owner->keep_id && !owner->id_same && !(owner->id_given && owner->spare_given)) {
        err = net_words(net, owner, name, strlen(name),
                        owner->id_number ? RMG_CODEC_I64 : RMG_CODEC_TEXT, owner->id_text,
                        owner->id_size);
    }
    return err == JIT_OK ? import_owner_end(&owner->owner) : err;
}

/* ---- the end ---- */

static enum jit_err add_roots(struct net *net)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < net->graph_count; i++) {
        const struct net_graph *graph = &net->graphs[i];
        if (!graph->root_listed && (i > 0 || net->im->source->into == NULL)) {
            net->im->report->nodes++;
            err = rmg_collect_node(net->im->collect, &graph->id, &graph->root_node,
                                   &graph->root_type);
        }
    }
    return err;
}

enum jit_err net_end(struct net *net)
{
    enum jit_err err = add_roots(net);
    for (size_t i = 0; err == JIT_OK && i < net->promise_count; i++) {
        const struct net_promise *one = &net->promises[i];
        if (!rmg_collect_has_node(net->im->collect, &one->instance, &one->id)) {
            net->line = one->line;
            net->column = one->column;
            err = net_fail(net, JIT_EINVALID,
                           one->to ? "the target of this edge is no node of its graph"
                                   : "the source of this edge is no node of its graph",
                           NULL, 0);
        }
    }
    for (size_t i = 0; err == JIT_OK && i < net->portal_count; i++) {
        const struct net_portal *portal = &net->portals[i];
        if (!portal->found) {
            net->line = portal->line;
            net->column = portal->column;
            err = net_fail(net, JIT_EINVALID, "no graph for this portal", NULL, 0);
        }
    }
    return err;
}

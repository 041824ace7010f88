/* GraphML: keys with types and defaults, edges with ids and directions, graphs in nodes and edges
 * as instances. Ports, hyperedges and locators have no counterpart and are refused. */
#include "tools/formats/graphml_priv.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/formats/graphml.h"

enum jit_err graphml_fail(struct graphml *g, enum jit_err err, const char *what, const char *detail)
{
    return net_fail(&g->net, err, what, detail, detail == NULL ? 0 : strlen(detail));
}

struct graphml_frame *graphml_push(struct graphml *g, enum graphml_kind kind,
                                   struct net_owner *owner)
{
    assert(g->depth < XML_DEPTH_MAX); /* xml_import() sees to it */
    struct graphml_frame *frame = &g->stack[++g->depth];
    *frame = (struct graphml_frame){.kind = kind, .owner = owner, .graph = frame[-1].graph};
    return frame;
}

/* Elements within <data> are kept as they are: an atom of the type `xml`. */
static enum jit_err take_markup(struct graphml *g, const struct xml_tag *tag,
                                struct graphml_frame *of)
{
    for (size_t i = 0; of->kind == AT_DATA && !of->markup && i < g->text.size; i++) {
        if (!xml_is_blank((char)g->text.data[i])) {
            return graphml_fail(g, JIT_EFORMAT, "text beside markup in <data>: ", tag->name);
        }
    }
    if (of->kind == AT_DATA && !of->markup) {
        of->markup = true;
        jit_buf_reset(&g->text);
    }
    struct graphml_frame *frame = graphml_push(g, AT_MARKUP, of->owner);
    frame->tag = g->text.size + 1;
    frame->tag_size = strlen(tag->name) + (tag->prefix == NULL ? 0 : strlen(tag->prefix) + 1);
    xml_copy_tag(&g->text, tag);
    return g->text.err == JIT_ELIMIT
               ? graphml_fail(g, JIT_ELIMIT, "a value of more than 16 MiB", NULL)
               : g->text.err;
}

/* ---- elements ---- */

static enum jit_err on_start(void *user, const struct xml_tag *tag)
{
    struct graphml *g = user;
    struct graphml_frame *of = &g->stack[g->depth];
    const char *name = tag->name;
    bool owns = of->kind == AT_GRAPH || of->kind == AT_NODE || of->kind == AT_EDGE;
    if (g->depth == 0) {
        if (strcmp(name, "graphml") != 0) {
            return graphml_fail(g, JIT_EFORMAT, "this is no GraphML: its first element is ", name);
        }
        graphml_push(g, AT_DOCUMENT, NULL);
        return JIT_OK;
    }
    if (strcmp(name, "desc") == 0 && of->kind != AT_DATA && of->kind != AT_MARKUP &&
        of->kind != AT_DESC) {
        graphml_push(g, AT_DESC, of->owner);
        jit_buf_reset(&g->text);
        return JIT_OK;
    }
    if (of->kind == AT_DOCUMENT && strcmp(name, "key") == 0) {
        return graphml_take_key(g, tag);
    }
    if (of->kind == AT_KEY && strcmp(name, "default") == 0) {
        graphml_push(g, AT_DEFAULT, NULL);
        jit_buf_reset(&g->text);
        return JIT_OK;
    }
    if ((of->kind == AT_DOCUMENT || of->kind == AT_NODE || of->kind == AT_EDGE) &&
        strcmp(name, "graph") == 0) {
        return graphml_take_graph(g, tag, of);
    }
    if (of->kind == AT_DATA || of->kind == AT_MARKUP) {
        return take_markup(g, tag, of);
    }
    if (owns && strcmp(name, "data") == 0) {
        return graphml_take_data(g, tag, of);
    }
    if (of->kind == AT_DOCUMENT && g->top && strcmp(name, "data") == 0) {
        return graphml_take_own_data(g, tag, of);
    }
    if (of->kind == AT_GRAPH && strcmp(name, "node") == 0) {
        return graphml_take_node(g, tag, of);
    }
    if (of->kind == AT_GRAPH && strcmp(name, "edge") == 0) {
        return graphml_take_edge(g, tag, of);
    }
    return graphml_fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", name);
}

static enum jit_err end_markup(struct graphml *g, const struct graphml_frame *frame)
{
    jit_buf_put(&g->text, "</", 2);
    uint8_t *to = jit_buf_extend(&g->text, frame->tag_size);
    if (to != NULL) { /* the text may have moved, but not within itself */
        memcpy(to, g->text.data + frame->tag, frame->tag_size);
    }
    jit_buf_put_u8(&g->text, '>');
    return g->text.err;
}

static enum jit_err end_data(struct graphml *g, struct graphml_frame *frame)
{
    const struct graphml_key *key = &g->keys[frame->key];
    const char *text = g->text.size == 0 ? "" : (const char *)g->text.data;
    struct jit_id type;
    enum jit_err err = JIT_OK;
    if (frame->markup) {
        jit_hash_named("type:", "xml", 3, &type);
        err = net_atom(&g->net, frame->owner, key->name, key->name_size, &type, g->text.data,
                       g->text.size);
    } else {
        err = graphml_take_value(g, frame->owner, key, text, g->text.size);
    }
    return err == JIT_OK && frame->own ? graphml_end_owner(g, frame, 0) : err;
}

static enum jit_err on_text(void *user, const char *text, size_t size)
{
    struct graphml *g = user;
    enum graphml_kind kind = g->stack[g->depth].kind;
    bool markup = kind == AT_MARKUP || (kind == AT_DATA && g->stack[g->depth].markup);
    if (markup) {
        xml_copy(&g->text, text, size);
        return g->text.err == JIT_ELIMIT
                   ? graphml_fail(g, JIT_ELIMIT, "a value of more than 16 MiB", NULL)
                   : g->text.err;
    }
    if (kind == AT_DATA || kind == AT_DEFAULT || kind == AT_DESC) {
        jit_buf_put(&g->text, text, size);
        return g->text.err == JIT_ELIMIT
                   ? graphml_fail(g, JIT_ELIMIT, "a value of more than 16 MiB", NULL)
                   : g->text.err;
    }
    for (size_t i = 0; i < size; i++) {
        if (!xml_is_blank(text[i])) {
            return graphml_fail(g, JIT_EFORMAT, "text between elements", NULL);
        }
    }
    return JIT_OK;
}

static enum jit_err on_end(void *user)
{
    struct graphml *g = user;
    struct graphml_frame *frame = &g->stack[g->depth];
    const char *text = g->text.size == 0 ? "" : (const char *)g->text.data;
    enum jit_err err = JIT_OK;
    switch (frame->kind) {
    case AT_DEFAULT:
        err = graphml_end_default(g);
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
        err = graphml_end_owner(g, frame, DOMAIN_GRAPH);
        break;
    case AT_NODE:
        err = graphml_end_owner(g, frame, DOMAIN_NODE);
        break;
    case AT_EDGE:
        err = graphml_end_owner(g, frame, DOMAIN_EDGE);
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
        struct graphml_frame *frame = &g->stack[i];
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

/* GEXF 1.1 to 1.3, static: attributes with types and defaults, labels, weights and what viz says.
 * Times are not read: spells and values with a time are refused. */
#include "tools/formats/gexf_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tools/formats/gexf.h"

enum jit_err gexf_fail(struct gexf *g, enum jit_err err, const char *what, const char *detail)
{
    return net_fail(&g->net, err, what, detail, detail == NULL ? 0 : strlen(detail));
}

void gexf_push(struct gexf *g, enum gexf_kind kind)
{
    assert(g->depth < XML_DEPTH_MAX); /* xml_import() sees to it */
    g->stack[++g->depth] = kind;
}

/* ---- elements ---- */

static enum jit_err in_document(struct gexf *g, const struct xml_tag *tag)
{
    struct net_text date;
    if (strcmp(tag->name, "graph") == 0) {
        return gexf_take_graph(g, tag);
    }
    if (strcmp(tag->name, "meta") != 0 || g->top) {
        return gexf_fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", tag->name);
    }
    gexf_push(g, AT_META);
    return xml_attribute(tag, NULL, GEXF_DATE, &date)
               ? gexf_keep_meta(g, GEXF_DATE, date.text, date.size)
               : JIT_OK;
}

static enum jit_err in_graph(struct gexf *g, const struct xml_tag *tag)
{
    if (strcmp(tag->name, "attributes") == 0) {
        return gexf_take_attributes(g, tag);
    }
    if (strcmp(tag->name, "nodes") == 0 || strcmp(tag->name, "edges") == 0) {
        return gexf_take_list(g, tag->name[0] == 'e');
    }
    return gexf_fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", tag->name);
}

static enum jit_err in_owner(struct gexf *g, const struct xml_tag *tag)
{
    if (strcmp(tag->name, "attvalues") == 0) {
        gexf_push(g, AT_VALUES);
        return JIT_OK;
    }
    if (tag->space != NULL && strstr(tag->space, "viz") != NULL) {
        return gexf_take_viz(g, tag);
    }
    if (strcmp(tag->name, "spells") == 0) {
        return gexf_fail(g, JIT_ENOTSUP, "times: histories are written, not read: ", tag->name);
    }
    return gexf_fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", tag->name);
}

static enum jit_err on_start(void *user, const struct xml_tag *tag)
{
    struct gexf *g = user;
    const char *name = tag->name;
    if (g->depth == 0) {
        if (strcmp(name, "gexf") != 0) {
            return gexf_fail(g, JIT_EFORMAT, "this is no GEXF: its first element is ", name);
        }
        gexf_push(g, AT_DOCUMENT);
        return JIT_OK;
    }
    switch (g->stack[g->depth]) {
    case AT_DOCUMENT:
        return in_document(g, tag);
    case AT_META:
        snprintf(g->element, sizeof g->element, "%.60s", name);
        jit_buf_reset(&g->text);
        gexf_push(g, AT_META_TEXT);
        return JIT_OK;
    case AT_GRAPH:
        return in_graph(g, tag);
    case AT_ATTRIBUTES:
        if (strcmp(name, "attribute") == 0) {
            return gexf_take_attribute(g, tag);
        }
        break;
    case AT_ATTRIBUTE:
        if (strcmp(name, "default") == 0 || strcmp(name, "options") == 0) {
            jit_buf_reset(&g->text);
            gexf_push(g, name[0] == 'd' ? AT_DEFAULT : AT_OPTIONS);
            return JIT_OK;
        }
        break;
    case AT_LIST:
        if (strcmp(name, g->edges ? "edge" : "node") == 0) {
            return g->edges ? gexf_take_edge(g, tag) : gexf_take_node(g, tag);
        }
        break;
    case AT_OWNER:
        return in_owner(g, tag);
    case AT_VALUES:
        if (strcmp(name, "attvalue") == 0) {
            return gexf_take_attvalue(g, tag);
        }
        break;
    default:
        break;
    }
    return gexf_fail(g, JIT_EFORMAT, "an element that has no counterpart here: ", name);
}

static enum jit_err on_text(void *user, const char *text, size_t size)
{
    struct gexf *g = user;
    enum gexf_kind kind = g->stack[g->depth];
    if (kind == AT_META_TEXT || kind == AT_DEFAULT || kind == AT_OPTIONS) {
        jit_buf_put(&g->text, text, size);
        return g->text.err == JIT_ELIMIT
                   ? gexf_fail(g, JIT_ELIMIT, "a value of more than 16 MiB", NULL)
                   : g->text.err;
    }
    for (size_t i = 0; i < size; i++) {
        if (!xml_is_blank(text[i])) {
            return gexf_fail(g, JIT_EFORMAT, "text between elements", NULL);
        }
    }
    return JIT_OK;
}

static enum jit_err on_end(void *user)
{
    struct gexf *g = user;
    enum jit_err err = JIT_OK;
    switch (g->stack[g->depth]) {
    case AT_META_TEXT:
        err = gexf_keep_meta(g, g->element, (const char *)g->text.data, g->text.size);
        break;
    case AT_DEFAULT:
        err = gexf_end_default(g);
        break;
    case AT_OWNER:
        err = gexf_end_owner(g);
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

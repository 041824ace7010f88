/* tools/formats/gexf_priv.h - a GEXF import at work, shared by its files. Layer: tools. */
#ifndef JIT_TOOLS_FORMATS_GEXF_PRIV_H
#define JIT_TOOLS_FORMATS_GEXF_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tools/formats/gexf.h"
#include "tools/formats/net.h"
#include "tools/formats/xml.h"

enum gexf_kind {
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

struct gexf_attribute {
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
    enum gexf_kind stack[XML_DEPTH_MAX + 1];
    unsigned depth;
    bool top;   /* the graph has come */
    bool begun; /* its nodes or edges have */
    bool edges; /* of the list or the attributes we are in */
    bool directed;
    bool typed;       /* the owner's type stands in its tag */
    bool labelled;    /* it has a label, which is in `label` */
    bool same_label;  /* which one of its values says as well */
    char element[64]; /* of the meta data */
    struct gexf_attribute *attributes;
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

/* ---- gexf_read.c ---- */
JIT_MUST_CHECK enum jit_err gexf_fail(struct gexf *g, enum jit_err err, const char *what,
                                      const char *detail);
void gexf_push(struct gexf *g, enum gexf_kind kind);

/* ---- gexf_values.c ---- */
JIT_MUST_CHECK enum jit_err gexf_take_attribute(struct gexf *g, const struct xml_tag *tag);
JIT_MUST_CHECK enum jit_err gexf_take_attributes(struct gexf *g, const struct xml_tag *tag);
JIT_MUST_CHECK enum jit_err gexf_take_value(struct gexf *g, const struct gexf_attribute *one,
                                            const char *text, size_t size);
JIT_MUST_CHECK enum jit_err gexf_take_attvalue(struct gexf *g, const struct xml_tag *tag);
/* "r=1 g=2", if no value has a blank or a quote. */
JIT_MUST_CHECK enum jit_err gexf_take_viz(struct gexf *g, const struct xml_tag *tag);
JIT_MUST_CHECK enum jit_err gexf_end_default(struct gexf *g);

/* ---- gexf_graph.c ---- */
JIT_MUST_CHECK enum jit_err gexf_take_node(struct gexf *g, const struct xml_tag *tag);
JIT_MUST_CHECK enum jit_err gexf_take_edge(struct gexf *g, const struct xml_tag *tag);
JIT_MUST_CHECK enum jit_err gexf_end_owner(struct gexf *g);
JIT_MUST_CHECK enum jit_err gexf_take_graph(struct gexf *g, const struct xml_tag *tag);
JIT_MUST_CHECK enum jit_err gexf_take_list(struct gexf *g, bool edges);
JIT_MUST_CHECK enum jit_err gexf_keep_meta(struct gexf *g, const char *name, const char *text,
                                           size_t size);

#endif

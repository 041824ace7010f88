/* tools/formats/graphml_priv.h - a GraphML import at work, shared by its files. Layer: tools. */
#ifndef JIT_TOOLS_FORMATS_GRAPHML_PRIV_H
#define JIT_TOOLS_FORMATS_GRAPHML_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tools/formats/graphml.h"
#include "tools/formats/net.h"
#include "tools/formats/xml.h"

enum graphml_kind {
    AT_DOCUMENT,
    AT_KEY,
    AT_DEFAULT,
    AT_GRAPH,
    AT_NODE,
    AT_EDGE,
    AT_DATA,
    AT_MARKUP,
    AT_DESC
};
enum graphml_domain { DOMAIN_NODE = 1, DOMAIN_EDGE = 2, DOMAIN_GRAPH = 4 };

struct graphml_key {
    unsigned domain;      /* of what it is: bits */
    enum rmg_codec codec; /* NONE: hex */
    struct jit_id id;     /* hash of its id in the document */
    uint32_t name_size;
    uint32_t type_size; /* of hex: the type in words */
    bool has_default;
    size_t default_at; /* among those that have one */
    char name[JIT_NAME_BYTES_MAX + 1];
    char type[JIT_LABEL_BYTES_MAX + 1];
    struct jit_buf value; /* the default */
};

struct graphml_frame {
    enum graphml_kind kind;
    struct net_owner *owner; /* of a graph, node or edge; of data and desc: whose it is */
    uint32_t graph;
    bool directed; /* of a graph: its edges' default */
    size_t key;    /* of data */
    bool own;      /* of data: its owner is its own, and ends with it */
    bool markup;   /* of data: there are elements in it */
    size_t tag;    /* of markup: where its name stands in the text */
    size_t tag_size;
    bool *given; /* of a graph, node or edge: which defaults are not needed; or NULL */
};

struct graphml {
    struct net net;
    struct import_input input;
    struct graphml_frame stack[XML_DEPTH_MAX + 1];
    unsigned depth;
    struct graphml_key *keys;
    size_t key_count;
    size_t key_capacity;
    size_t *defaults; /* keys that have one */
    size_t default_count;
    size_t default_capacity;
    struct import_seen key_of;              /* hash of the id -> index + 1 */
    struct net_owner *spare[XML_DEPTH_MAX]; /* owners to be used again */
    size_t spare_count;
    struct jit_buf text;
    bool top; /* the graph has come */
};

/* ---- graphml_read.c ---- */
JIT_MUST_CHECK enum jit_err graphml_fail(struct graphml *g, enum jit_err err, const char *what,
                                         const char *detail);
struct graphml_frame *graphml_push(struct graphml *g, enum graphml_kind kind,
                                   struct net_owner *owner);

/* ---- graphml_keys.c ---- */
JIT_MUST_CHECK enum jit_err graphml_take_key(struct graphml *g, const struct xml_tag *tag);
JIT_MUST_CHECK enum jit_err graphml_take_value(struct graphml *g, struct net_owner *owner,
                                               const struct graphml_key *key, const char *text,
                                               size_t size);
JIT_MUST_CHECK enum jit_err graphml_take_data(struct graphml *g, const struct xml_tag *tag,
                                              struct graphml_frame *of);
/* Of the document, behind the graph: the graph's. */
JIT_MUST_CHECK enum jit_err graphml_take_own_data(struct graphml *g, const struct xml_tag *tag,
                                                  struct graphml_frame *of);
/* Defaults are written, never implied (DESIGN 4.1). */
JIT_MUST_CHECK enum jit_err graphml_end_owner(struct graphml *g, struct graphml_frame *frame,
                                              unsigned domain);
JIT_MUST_CHECK enum jit_err graphml_end_default(struct graphml *g);

/* ---- graphml_graph.c ---- */
JIT_MUST_CHECK enum jit_err graphml_owner_new(struct graphml *g, struct net_owner **out);
JIT_MUST_CHECK enum jit_err graphml_take_graph(struct graphml *g, const struct xml_tag *tag,
                                               struct graphml_frame *of);
JIT_MUST_CHECK enum jit_err graphml_take_node(struct graphml *g, const struct xml_tag *tag,
                                              struct graphml_frame *of);
JIT_MUST_CHECK enum jit_err graphml_take_edge(struct graphml *g, const struct xml_tag *tag,
                                              struct graphml_frame *of);

#endif

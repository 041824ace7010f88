/* tools/formats/net.h - what JSON node-link, GraphML and GEXF have in common when they are read:
 * graphs of nodes that have an ID in words, edges between them, values, and graphs inside graphs.
 * Spec: docs/spec/formats.md, "IDs, types and values in words". Layer: tools; private to the
 * formats.
 *
 * Nodes and edges may come in any order. What an edge names and what a portal leads to must be
 * there at the end; the first that is not is the fault, with the place of the edge or the portal.
 */
#ifndef JIT_TOOLS_FORMATS_NET_H
#define JIT_TOOLS_FORMATS_NET_H

#include "tools/formats/import_priv.h"
#include "tools/formats/words.h"

struct net_text {
    const char *text;
    size_t size;
};

struct net_names { /* of the values of one owner so far: u8 size || bytes each */
    struct jit_buf bytes;
    uint32_t count;
};

struct net_graph { /* an instance */
    struct jit_id id;
    struct jit_id root_node;
    struct jit_id root_type; /* of a root node that is not listed */
    bool root_listed;
    struct net_names root_names;
    unsigned depth;
};

/* A node, an edge or a graph whose values are being taken. Begin, values, end; several may be open
 * at once. */
struct net_owner {
    struct import_owner owner;
    uint32_t graph; /* index */
    bool open;
    bool keep_id;     /* the ID becomes a value */
    bool id_given;    /* a value `id` came of its own, which is not the ID itself */
    bool id_same;     /* or which is */
    bool spare_given; /* likewise `:ID` */
    bool id_number;   /* the ID is to be kept as an i64 */
    uint32_t id_size;
    char id_text[JIT_LABEL_BYTES_MAX + 1];
    bool root; /* its values are the graph's as well */
    struct net_names names;
};

struct net_portal;
struct net_promise;

struct net {
    struct import *im;
    const char *name; /* of the input */
    uint64_t line;    /* of what is being taken: the reader keeps them right */
    uint64_t column;
    bool plain_ids; /* IDs are no values: the file has them as values where there are any */
    struct net_graph *graphs;
    size_t graph_count;
    size_t graph_capacity;
    struct net_portal *portals;
    size_t portal_count;
    size_t portal_capacity;
    struct import_seen portal_of; /* target -> index + 1 */
    struct net_promise *promises;
    size_t promise_count;
    size_t promise_capacity;
    struct import_seen edges; /* (instance, edge id) -> line */
    struct jit_buf space;
};

void net_init(struct net *net, struct import *im, const char *name);
void net_release(struct net *net);

/* Says what is wrong at the current place. detail may be NULL. */
enum jit_err net_fail(struct net *net, enum jit_err err, const char *what, const char *detail,
                      size_t detail_size);

/* An ID in words: BLAKE3(prefix || words), or the id itself after "rmg-id:". */
JIT_MUST_CHECK enum jit_err net_id(struct net *net, const char *prefix, const char *text,
                                   size_t size, struct jit_id *id);

/* The first graph is the top one. instance and root are IDs in words, or NULL: then the instance is
 * `/` with its root node. With a target it becomes the target's. */
JIT_MUST_CHECK enum jit_err net_top(struct net *net, const struct net_text *instance,
                                    const struct net_text *root);
/* A graph that a portal leads to, which must have come; root NULL: the node that has the graph's
 * label as its own. */
JIT_MUST_CHECK enum jit_err net_nested(struct net *net, const struct jit_id *instance,
                                       const struct jit_id *root, uint32_t *graph);

/* Begin a node (type NULL: Node) or an edge (id NULL: it is numbered; type NULL: EDGE). */
JIT_MUST_CHECK enum jit_err net_node(struct net *net, struct net_owner *owner, uint32_t graph,
                                     const char *id, size_t id_size, bool id_number,
                                     const char *type, size_t type_size);
JIT_MUST_CHECK enum jit_err net_edge(struct net *net, struct net_owner *owner, uint32_t graph,
                                     const struct net_text *id, bool id_number,
                                     const struct net_text *from, const struct net_text *to,
                                     const struct net_text *type);
/* Begin the graph's own values: they lie on its root node. */
void net_graph_values(struct net *net, struct net_owner *owner, uint32_t graph);

/* Values: in words under a codec; as an atom of any type; a portal. "rmg:" before a name is taken
 * off, one name may come once. */
JIT_MUST_CHECK enum jit_err net_words(struct net *net, struct net_owner *owner, const char *name,
                                      size_t name_size, enum rmg_codec codec, const char *text,
                                      size_t size);
JIT_MUST_CHECK enum jit_err net_atom(struct net *net, struct net_owner *owner, const char *name,
                                     size_t name_size, const struct jit_id *type,
                                     const uint8_t *bytes, size_t size);
/* type in words, bytes in hex */
JIT_MUST_CHECK enum jit_err net_hex(struct net *net, struct net_owner *owner, const char *name,
                                    size_t name_size, const struct net_text *type,
                                    const struct net_text *hex);
JIT_MUST_CHECK enum jit_err net_enter(struct net *net, struct net_owner *owner, const char *name,
                                      size_t name_size, const struct jit_id *instance);
JIT_MUST_CHECK enum jit_err net_owner_end(struct net *net, struct net_owner *owner);
void net_owner_release(struct net_owner *owner);

/* All promises must be kept. */
JIT_MUST_CHECK enum jit_err net_end(struct net *net);

#endif

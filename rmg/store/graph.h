/* rmg/store/graph.h - reading one instance at one version. Everything that looks at a graph goes
 * through here: the engine, the workers, the formats. Spec:  DESIGN 4.2 (maps), 4.4 (laws), 7.1
 * (guest reads), 14.11 (indexes). Layer: rmg; base only.
 *
 * Hostile: the memory may be somebody else's and may change under us (a version that was reused).
 * Every reference is bounds-checked, every walk is bounded; nonsense gives JIT_ECORRUPT, never a
 * fault. Bytes lent out (rmg_value.bytes) point into that memory: copy before you judge them when
 * it is not yours. Listing order: nodes and edges by id; out-edges of a node by (type, to, edge
 * id); in-edges by (type, from, edge id); attachments by name. */
#ifndef JIT_RMG_GRAPH_H
#define JIT_RMG_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/limits.h"

/* The range that references point into; base is a multiple of 16. */
struct rmg_mem {
    const uint8_t *base;
    uint64_t size;
};

enum rmg_map {
    RMG_NODES,      /* hashed: node id -> type */
    RMG_EDGES,      /* hashed: edge id -> from, to, type */
    RMG_ALPHA,      /* hashed: node id -> attachments */
    RMG_BETA,       /* hashed: edge id -> attachments */
    RMG_OUT,        /* index: from, type, to, edge id */
    RMG_IN,         /* index: to, type, from, edge id */
    RMG_NODE_TYPES, /* index: type, node id */
    RMG_EDGE_TYPES, /* index: type, edge id */
    RMG_MAPS,
    RMG_MAPS_HASHED = RMG_OUT
};

enum rmg_plane { RMG_PLANE_ALPHA = 1, RMG_PLANE_BETA = 2 };
enum rmg_direction { RMG_DIR_OUT = 1, RMG_DIR_IN = 2 };
enum rmg_value_kind { RMG_VALUE_ATOM = 1, RMG_VALUE_PORTAL = 2 };

struct rmg_edge {
    struct jit_id id;
    struct jit_id from;
    struct jit_id to;
    struct jit_id type;
};

struct rmg_value {
    enum rmg_value_kind kind;
    struct jit_id type;   /* of the atom; of a portal: the instance it descends to */
    const uint8_t *bytes; /* of the atom, borrowed; NULL for a portal */
    uint32_t size;
};

struct rmg_attachment {
    const char *name; /* borrowed, not terminated */
    uint32_t name_size;
    struct rmg_value value;
};

/* The slot of a parent that holds the portal (DESIGN 4.2 "parent"). */
struct rmg_parent {
    bool present;
    enum rmg_plane plane;
    struct jit_id instance;
    struct jit_id owner;
    uint32_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
};

/* Where the maps of an instance begin: all a reader needs, and what the control page publishes. */
struct rmg_roots {
    uint32_t ref[RMG_MAPS]; /* 0: the map is empty */
    uint64_t node_count;
    uint64_t edge_count;
};

/* Where warming has found records, so that reading them afterwards takes no walk: a hint, judged by
 * the id that lies there. Good for one version. Zero is empty; plain memory. */
#define RMG_FOUND_MAX 512u
struct rmg_found {
    struct {
        uint32_t tag; /* of map and id */
        uint32_t ref; /* 0: none */
    } at[RMG_FOUND_MAX];
};

/* Into what is nested: an instance that portals lead to, at the same version. root_node zero:
 * unknown. Errors: JIT_ENOENT (there is none, or nobody may look), JIT_ECORRUPT. */
struct rmg_graph;
struct rmg_nest {
    enum jit_err (*enter)(void *user, const struct jit_id *instance, struct rmg_graph *graph,
                          struct jit_id *root_node);
    void *user;
};

struct rmg_graph {
    struct rmg_mem mem;
    struct jit_id instance;
    struct rmg_roots roots;
    uint64_t *slots;         /* counts slots looked at, for budgets and tests; may be NULL */
    struct rmg_found *found; /* filled by rmg_graph_warm; may be NULL */
    struct rmg_after *after; /* NULL; else what is read is as after a rewrite (rmg/store/after.h) */
    const struct rmg_index
        *index;                  /* nodes by values, of this version (rmg/store/index.h); or NULL */
    const struct rmg_nest *nest; /* NULL: nothing nested can be entered */
};

/* Errors of all: JIT_ENOENT, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_node_type(const struct rmg_graph *graph, const struct jit_id *node,
                                          struct jit_id *type);
JIT_MUST_CHECK enum jit_err rmg_edge_get(const struct rmg_graph *graph, const struct jit_id *edge,
                                         struct rmg_edge *out);
JIT_MUST_CHECK enum jit_err rmg_attachment_get(const struct rmg_graph *graph, enum rmg_plane plane,
                                               const struct jit_id *owner, const char *name,
                                               uint32_t name_size, struct rmg_value *out);

/* Ask the memory for the way to these records of a hashed map before they are read one by one: many
 * ways at once cost hardly more than one. Reads nothing that it would not check; where it got to is
 * put into graph->found. */
void rmg_graph_warm(const struct rmg_graph *graph, enum rmg_map map,
                    const struct jit_id *const *ids, size_t count);
/* The same of several maps. */
struct rmg_warm_key {
    const struct jit_id *id;
    enum rmg_map map;
};
void rmg_graph_warm_keys(const struct rmg_graph *graph, const struct rmg_warm_key *keys,
                         size_t count);

/* How many edges leave or enter a node; type NULL: of any type. O(log n). 0 when the node has none.
 */
JIT_MUST_CHECK enum jit_err rmg_degree(const struct rmg_graph *graph, const struct jit_id *node,
                                       enum rmg_direction direction, const struct jit_id *type,
                                       uint64_t *count);
JIT_MUST_CHECK enum jit_err rmg_degree_between(const struct rmg_graph *graph,
                                               const struct jit_id *node,
                                               enum rmg_direction direction,
                                               const struct jit_id *type,
                                               const struct jit_id *other, uint64_t *count);
/* How many nodes (edges) have this type. O(log n). */
JIT_MUST_CHECK enum jit_err rmg_extent_count(const struct rmg_graph *graph, bool edges,
                                             const struct jit_id *type, uint64_t *count);

/* A position in a map. Plain memory, no release. next() gives JIT_ENOENT at the end.
 * Cost: O(depth) to begin, O(1) amortised a step, whatever the size of the map. */
struct rmg_iter {
    const struct rmg_graph *graph;
    enum rmg_map map;
    enum jit_err err; /* what every further step answers, once it is not JIT_OK */
    uint32_t lone;    /* a leaf that is all there is, or comes first */
    uint32_t owner;   /* the leaf of the owner given last; 0: none */
    uint32_t depth;   /* nodes on the stack */
    uint64_t steps;   /* that sound memory could still need: the bound of the walk */
    struct {
        uint32_t ref;
        uint32_t rest; /* children not yet visited, a bit each; the node's depth above them */
    } stack[JIT_ID_BYTES * 2 * 4 + 1];
    struct rmg_after *after; /* edges of a node: those that come are listed as well, */
    uint32_t after_at;       /* in their order */
    uint32_t after_end;
    bool ahead; /* held is the next of those that are there */
    struct rmg_edge held;
};

void rmg_iter_all(const struct rmg_graph *graph, enum rmg_map map, struct rmg_iter *out);
void rmg_iter_edges_of(const struct rmg_graph *graph, const struct jit_id *node,
                       enum rmg_direction direction, const struct jit_id *type,
                       struct rmg_iter *out);
void rmg_iter_extent(const struct rmg_graph *graph, bool edges, const struct jit_id *type,
                     struct rmg_iter *out);
/* Edges of one type that leave (direction OUT) or enter a node and have this other end. */
void rmg_iter_edges_between(const struct rmg_graph *graph, const struct jit_id *node,
                            enum rmg_direction direction, const struct jit_id *type,
                            const struct jit_id *other, struct rmg_iter *out);
/* Go past the next so many edges or nodes of an index (maps OUT, IN, NODE_TYPES and EDGE_TYPES), or
 * past all that are left. O(depth), however many they are. */
void rmg_iter_skip(struct rmg_iter *iter, uint64_t count);
/* For maps NODES and NODE_TYPES. */
JIT_MUST_CHECK enum jit_err rmg_iter_node(struct rmg_iter *iter, struct jit_id *id,
                                          struct jit_id *type);
/* For maps EDGES, OUT, IN and EDGE_TYPES. */
JIT_MUST_CHECK enum jit_err rmg_iter_edge(struct rmg_iter *iter, struct rmg_edge *out);
/* For maps ALPHA and BETA: the next owner and how many attachments it has. */
JIT_MUST_CHECK enum jit_err rmg_iter_owner(struct rmg_iter *iter, struct jit_id *owner,
                                           uint32_t *count);
/* Of the owner given last the index-th attachment, by name, without looking for the owner again;
 * JIT_ENOENT past the last. */
JIT_MUST_CHECK enum jit_err rmg_iter_attachment(const struct rmg_iter *iter, uint32_t index,
                                                struct rmg_attachment *out);

/* The index-th attachment of an owner, by name; JIT_ENOENT past the last. */
JIT_MUST_CHECK enum jit_err rmg_attachment_at(const struct rmg_graph *graph, enum rmg_plane plane,
                                              const struct jit_id *owner, uint32_t index,
                                              struct rmg_attachment *out);

/* What differs between two versions of one instance: visit once a node, edge or owner (the whole
 * attachment record of a node or an edge), by map (NODES, EDGES, ALPHA, BETA) and ascending id.
 * Equal references are not entered when both lie in the same memory, equal hashes never:
 * O(differences x log n). visit returns false to stop; then the result is JIT_OK as well. */
struct rmg_change {
    enum rmg_map map;
    struct jit_id id;
    bool before; /* it is in a */
    bool after;  /* it is in b */
};
JIT_MUST_CHECK enum jit_err
rmg_graph_diff(const struct rmg_graph *a, const struct rmg_graph *b,
               bool (*visit)(void *user, const struct rmg_change *change), void *user);

#endif

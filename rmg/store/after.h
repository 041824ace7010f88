/* rmg/store/after.h - a graph as it would be after one rewrite that nobody has performed.
 * Spec:  docs/spec/footprint.md "Invariants". Layer: rmg; base only.
 *
 * Where graph->after is set, what rmg/store/graph.h reads of nodes, edges, attachments, degrees and
 * extents, and rmg_index_count, is answered for that, each slot that is looked at is noted, and
 * looks are counted. Everything costs what the version itself costs and the logarithm of what the
 * rewrite changes. Owns:  what changes and what was looked at lies in its own memory until the next
 * begin; names and values are borrowed from whoever hands them in. */
#ifndef JIT_RMG_AFTER_H
#define JIT_RMG_AFTER_H

#include "base/heap.h"
#include "rmg/store/index.h"
#include "rmg/store/slot.h"

struct rmg_after_nodes {
    struct jit_id id;
    struct jit_id type;
    bool gone; /* else it comes */
};
struct rmg_after_edges {
    struct rmg_edge edge;
    bool gone;
};
struct rmg_after_fields {
    struct jit_id owner;
    enum rmg_plane plane;
    bool gone;
    struct rmg_attachment attachment;
};

struct rmg_after {
    struct jit_heap *heap;
    struct rmg_graph before;
    struct rmg_after_nodes *nodes; /* by id, as are edges; fields by plane, owner, name */
    struct rmg_after_edges *edges;
    struct rmg_after_fields *fields;
    uint32_t *ends[2]; /* edges that come, in the order in which they are listed out and in */
    size_t node_count, node_capacity;
    size_t edge_count, edge_capacity;
    size_t field_count, field_capacity;
    size_t end_count, end_capacity[2];
    struct rmg_slot *reads; /* slots that were looked at; again and again, until they are sorted */
    size_t read_count, read_capacity;
    uint32_t looks;
    uint32_t looks_max; /* beyond it, and when there is no memory, a read fails */
    bool quiet;         /* nothing is noted and counted */
};

void rmg_after_init(struct rmg_after *after, struct jit_heap *heap);
void rmg_after_release(struct rmg_after *after);

/* Nothing is changed yet; looks_max: how often the graph may be looked at. */
void rmg_after_begin(struct rmg_after *after, const struct rmg_graph *before, uint32_t looks_max);
/* A node, an edge or an attachment comes (is set) or goes; of what goes the rest is looked up.
 * Errors: JIT_ENOMEM, JIT_ECORRUPT (what goes is not there). */
JIT_MUST_CHECK enum jit_err rmg_after_node(struct rmg_after *after, const struct jit_id *id,
                                           const struct jit_id *type, bool gone);
JIT_MUST_CHECK enum jit_err rmg_after_edge(struct rmg_after *after, const struct rmg_edge *edge,
                                           bool gone);
JIT_MUST_CHECK enum jit_err rmg_after_field(struct rmg_after *after, enum rmg_plane plane,
                                            const struct jit_id *owner,
                                            const struct rmg_attachment *attachment, bool gone);
/* All operations are there; graph becomes the one they lead to. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_after_end(struct rmg_after *after, struct rmg_graph *graph);
/* The slots that were looked at, ascending, each once. */
void rmg_after_reads(struct rmg_after *after);

/* What rmg/store/graph.h calls. */
JIT_MUST_CHECK enum jit_err rmg_after_node_type(struct rmg_after *after, const struct jit_id *node,
                                                struct jit_id *type);
JIT_MUST_CHECK enum jit_err rmg_after_edge_get(struct rmg_after *after, const struct jit_id *edge,
                                               struct rmg_edge *out);
JIT_MUST_CHECK enum jit_err rmg_after_attachment(struct rmg_after *after, enum rmg_plane plane,
                                                 const struct jit_id *owner, const char *name,
                                                 uint32_t name_size, struct rmg_value *out);
/* type, other: NULL for any. */
JIT_MUST_CHECK enum jit_err rmg_after_degree(struct rmg_after *after, const struct jit_id *node,
                                             enum rmg_direction direction,
                                             const struct jit_id *type, const struct jit_id *other,
                                             uint64_t *count);
JIT_MUST_CHECK enum jit_err rmg_after_extent(struct rmg_after *after, bool edges,
                                             const struct jit_id *type, uint64_t *count);
JIT_MUST_CHECK enum jit_err rmg_after_values(struct rmg_after *after,
                                             const struct rmg_index_key *key, uint64_t *count);
/* iter stands at the edges of the version itself. */
void rmg_after_iter(struct rmg_after *after, const struct jit_id *node,
                    enum rmg_direction direction, const struct jit_id *type,
                    const struct jit_id *other, struct rmg_iter *iter);
JIT_MUST_CHECK enum jit_err rmg_after_iter_edge(struct rmg_iter *iter, struct rmg_edge *out);
/* All that changes, as rmg_graph_diff tells it. */
JIT_MUST_CHECK enum jit_err
rmg_after_diff(const struct rmg_after *after,
               bool (*visit)(void *user, const struct rmg_change *change), void *user);

#endif

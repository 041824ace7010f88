/* rmg/store/index.h - nodes by the values of their fields: (type, fields) -> values -> nodes.
 * Spec:  DESIGN 6 "Search"; docs/spec/rules.md "Beside the match". Layer: rmg; base only.
 *
 * Built when it is first needed, then brought from version to version by their difference. It
 * changes what an answer costs and never the answer: a graph without one is walked instead.
 * Owns:  all it knows lies in memory of its own. One that nobody changes may be read by many. */
#ifndef JIT_RMG_INDEX_H
#define JIT_RMG_INDEX_H

#include "base/heap.h"
#include "rmg/store/codec.h"
#include "rmg/store/graph.h"

struct rmg_index;

#define RMG_INDEX_FIELDS_MAX 255u

/* A node has a field if it has an atom of this codec's type under this name. */
struct rmg_index_field {
    const char *name; /* borrowed for the call */
    uint32_t name_size;
    enum rmg_codec codec;
};
/* Nodes of a type that have all of these fields, with these values. */
struct rmg_index_key {
    struct jit_id type;
    uint32_t count; /* 1 to RMG_INDEX_FIELDS_MAX */
    const struct rmg_index_field *fields;
    const struct rmg_datum *values; /* of codecs as the fields; not of need() */
};

/* Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_index_new(struct jit_heap *heap, struct rmg_index **out);
void rmg_index_free(struct rmg_index *index); /* may be NULL */

/* From now on it answers for this type and these fields; what it knows already is of this very
 * version. Errors: JIT_ENOMEM, JIT_ECORRUPT; then it does not. */
JIT_MUST_CHECK enum jit_err rmg_index_need(struct rmg_index *index, const struct rmg_graph *graph,
                                           const struct rmg_index_key *key);
/* From one version to another, in O(what differs). Errors: JIT_ENOMEM, JIT_ECORRUPT; then it has
 * forgotten everything. */
JIT_MUST_CHECK enum jit_err rmg_index_follow(struct rmg_index *index,
                                             const struct rmg_graph *before,
                                             const struct rmg_graph *after);
void rmg_index_clear(struct rmg_index *index); /* answers for nothing */
bool rmg_index_is_empty(const struct rmg_index *index);

/* How many such nodes there are: graph->index is asked, else all nodes of the type are looked at.
 * Errors: JIT_ECORRUPT; of a graph that counts its looks (rmg/store/after.h) JIT_EBUDGET,
 * JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_index_count(const struct rmg_graph *graph,
                                            const struct rmg_index_key *key, uint64_t *count);
/* Has this node, of whatever type, these values? */
JIT_MUST_CHECK enum jit_err rmg_index_fits(const struct rmg_graph *graph, const struct jit_id *node,
                                           const struct rmg_index_key *key, bool *fits);

/* The nodes themselves, in no particular order. False: there is no index for them. */
struct rmg_index_iter {
    const struct rmg_index *index;
    uint32_t column;
    uint32_t at;
};
bool rmg_index_begin(const struct rmg_graph *graph, const struct rmg_index_key *key,
                     struct rmg_index_iter *out);
bool rmg_index_next(struct rmg_index_iter *iter, struct jit_id *node);

#endif

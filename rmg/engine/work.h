/* rmg/engine/work.h - the dense working form of one instance: what a local script rewrites at
 * speed. Spec:  DESIGN 4.4 "Inside one transaction", 14.10. Layer: rmg; base only.
 *
 * Shape:  nodes and edges are numbers (handles) into arrays; a node's edges hang in lists by
 *         (direction, type); attributes lie in columns by name, read from the version when a name
 *         is first asked for. Handles rise with age: first the elements of the version by their
 *         ids, then what is made, in the order it is made. They are never used again, so lists by
 *         handle are lists by age, and whatever is decided by age is the same on every machine.
 * Ids:    what is made gets its id at commit, a function of the key, the number of the rewrite that
 *         made it and its place in that rewrite; what does not survive costs no hash.
 * Commit: goes through rmg_tx, by ascending ids: as single changes; all edges as a bulk build where
 *         many of them came or went; everything where nearly all is new. Dropping the form instead
 *         leaves no trace: nothing else was touched.
 * Owns:   all memory comes from the heap and is given back by rmg_work_free(). The version must
 *         stay readable (pinned) as long. */
#ifndef JIT_RMG_WORK_H
#define JIT_RMG_WORK_H

#include "base/heap.h"
#include "rmg/store/store.h"

#define RMG_WORK_NONE UINT32_MAX

struct rmg_work;

/* What it begins with. */
struct rmg_work_base {
    const struct rmg_graph *graph; /* of the version; NULL: an instance without content */
    struct jit_id instance;
    struct jit_id root_node; /* of the instance, which cannot be deleted */
    struct jit_id key;       /* ids of what is made derive from it (rmg_created_id) */
    uint64_t seed;
    uint64_t tick;
};

/* Errors: JIT_ENOMEM, JIT_ECORRUPT, JIT_ELIMIT (2^32 - 2 nodes or edges). */
JIT_MUST_CHECK enum jit_err rmg_work_new(struct jit_heap *heap, const struct rmg_work_base *base,
                                         struct rmg_work **out);
void rmg_work_free(struct rmg_work *work); /* may be NULL */

struct rmg_work_counts {
    uint64_t nodes;
    uint64_t edges;
    uint64_t nodes_made; /* ever */
    uint64_t edges_made;
    uint64_t rewrites;
};
void rmg_work_count(const struct rmg_work *work, struct rmg_work_counts *out);

/* ---- reading. A handle that is none, or of what is gone, gives JIT_ENOENT. ---- */

/* Handles of the version's elements; what was made is not found. */
uint32_t rmg_work_find_node(const struct rmg_work *work, const struct jit_id *id);
uint32_t rmg_work_find_edge(const struct rmg_work *work, const struct jit_id *id);
JIT_MUST_CHECK enum jit_err rmg_work_node_type(const struct rmg_work *work, uint32_t node,
                                               struct jit_id *type);
/* The id that it has or will have; hashes when it was made. */
JIT_MUST_CHECK enum jit_err rmg_work_node_id(const struct rmg_work *work, uint32_t node,
                                             struct jit_id *id);
JIT_MUST_CHECK enum jit_err rmg_work_edge_id(const struct rmg_work *work, uint32_t edge,
                                             struct jit_id *id);
struct rmg_work_ends {
    uint32_t from;
    uint32_t to;
    struct jit_id type;
};
JIT_MUST_CHECK enum jit_err rmg_work_edge_get(const struct rmg_work *work, uint32_t edge,
                                              struct rmg_work_ends *out);
/* The edges of one type that leave or enter a node, by age: the one after `after` (NONE: the
 * first); JIT_ENOENT at the end. O(1) but for the first: types at the node. */
JIT_MUST_CHECK enum jit_err rmg_work_edge_next(const struct rmg_work *work, uint32_t node,
                                               enum rmg_direction direction,
                                               const struct jit_id *type, uint32_t after,
                                               uint32_t *edge);
/* type NULL: of any. */
JIT_MUST_CHECK enum jit_err rmg_work_degree(const struct rmg_work *work, uint32_t node,
                                            enum rmg_direction direction, const struct jit_id *type,
                                            uint64_t *count);
/* Nodes of a type (NULL: any), by age, as above. */
JIT_MUST_CHECK enum jit_err rmg_work_node_next(const struct rmg_work *work,
                                               const struct jit_id *type, uint32_t after,
                                               uint32_t *node);
/* Borrowed until the next change. Errors: JIT_ENOENT, JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_work_get(struct rmg_work *work, enum rmg_plane plane,
                                         uint32_t owner, const char *name, uint32_t name_size,
                                         struct rmg_value *out);

/* ---- changing. Errors of all: JIT_ENOENT, JIT_ELIMIT, JIT_ENOMEM, JIT_ECORRUPT; nothing changed.
 * ---- */

/* What is made from here on belongs to the next rewrite. */
JIT_MUST_CHECK enum jit_err rmg_work_step(struct rmg_work *work);
/* id NULL: derived from the step and the place in it. An id that is there already shows at commit.
 * JIT_EINVALID: the type is zero. */
JIT_MUST_CHECK enum jit_err rmg_work_add_node(struct rmg_work *work, const struct jit_id *type,
                                              const struct jit_id *id, uint32_t *node);
JIT_MUST_CHECK enum jit_err rmg_work_add_edge(struct rmg_work *work, uint32_t from,
                                              const struct jit_id *type, uint32_t to,
                                              const struct jit_id *id, uint32_t *edge);
/* With their attachments. JIT_EDANGLING: the node has edges, is the root node, or what is deleted
 * holds a portal. */
JIT_MUST_CHECK enum jit_err rmg_work_delete_node(struct rmg_work *work, uint32_t node);
JIT_MUST_CHECK enum jit_err rmg_work_delete_edge(struct rmg_work *work, uint32_t edge);
/* An atom; bytes are copied. JIT_EINVALID: a portal is or would be there, a bad name; JIT_ELIMIT:
 * an owner has 256 attachments, an atom 1 MiB. */
JIT_MUST_CHECK enum jit_err rmg_work_set(struct rmg_work *work, enum rmg_plane plane,
                                         uint32_t owner, const struct rmg_attachment *attachment);
JIT_MUST_CHECK enum jit_err rmg_work_clear(struct rmg_work *work, enum rmg_plane plane,
                                           uint32_t owner, const char *name, uint32_t name_size);

/* ---- the end ---- */

/* Write all changes into the transaction, whose instance must be as it was in the version. The
 * form stays as it is. Errors: JIT_EEXIST (an id twice), and those of rmg_tx and rmg_load; then the
 * transaction may only be aborted. Ids are hashed and sorted through the exec of the transaction,
 * whose tasks take memory from the heap of the form. */
JIT_MUST_CHECK enum jit_err rmg_work_commit(struct rmg_work *work, struct rmg_tx *tx);

#endif

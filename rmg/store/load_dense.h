/* rmg/store/load_dense.h - bulk build of nodes and edges whose types and ends are numbers already.
 * Spec:  DESIGN 4.4 "Inside one transaction", 14.8 (bulk build), 14.11 (indexes). Layer: rmg; base
 * only. For the working form (work_commit.c): it knows what a stream of ids has to find out again.
 *
 * Numbers are places among ascending ids. So the indexes are sorted by numbers alone, and built
 * with hardly a look at the edges, which lie anywhere. */
#ifndef JIT_RMG_LOAD_DENSE_H
#define JIT_RMG_LOAD_DENSE_H

#include "rmg/store/store.h"

struct rmg_dense_edge {
    uint32_t from; /* places in nodes */
    uint32_t to;
    uint32_t type; /* place in types */
};

/* All arrays are borrowed. */
struct rmg_dense {
    const struct jit_id *nodes; /* all of the instance, ascending */
    const uint32_t *node_types; /* places in types; only rmg_load_nodes() looks at them */
    uint32_t node_count;
    const struct jit_id *types; /* ascending; some may be of nothing */
    uint32_t type_count;
    const struct jit_id *ids; /* of edges, ascending */
    const struct rmg_dense_edge *ends;
    uint32_t edge_count;
};

/* Into NODES, when it is open and nothing was given to it: all of them at once. Errors: JIT_EEXIST
 * (ids do not ascend), and as rmg_load_node(). */
JIT_MUST_CHECK enum jit_err rmg_load_nodes(struct rmg_load *load, const struct rmg_dense *dense);

/* Into EDGES, when it is open and nothing was given to it: all of them at once. Errors: JIT_EEXIST
 * (ids do not ascend), JIT_EDANGLING (nodes are others than the instance has), and as
 * rmg_load_edge(). */
JIT_MUST_CHECK enum jit_err rmg_load_edges(struct rmg_load *load, const struct rmg_dense *dense);

#endif

/* tools/formats/timeline.h - a history of one instance as spans: which node, edge and value there
 * was from when to when. Fed by the differences from state to state, so that a step costs what it
 * changed. Layer: tools; private to the formats. */
#ifndef JIT_TOOLS_FORMATS_TIMELINE_H
#define JIT_TOOLS_FORMATS_TIMELINE_H

#include "base/buf.h"
#include "rmg/store/graph.h"
#include "rmg/store/store.h"
#include "tools/formats/import_priv.h"

enum span_kind { SPAN_NODE, SPAN_EDGE, SPAN_NODE_VALUE, SPAN_EDGE_VALUE };

#define SPAN_OPEN UINT64_MAX

struct span {
    enum span_kind kind;
    struct jit_id owner;
    uint64_t begin; /* first and last time; SPAN_OPEN: to the end */
    uint64_t end;
    struct jit_id type; /* of a node or an edge */
    uint64_t at;        /* in the pool: an edge's ends; of a value name_size || name, its record */
};

struct timeline {
    struct jit_heap *heap;
    struct span *spans;
    size_t count;
    size_t capacity;
    struct import_seen last; /* (kind, owner, name) -> its latest span, index + 1 */
    struct jit_buf pool;
    uint64_t begin; /* of the first step */
    uint64_t time;  /* of the latest one */
    uint64_t portals;
    struct jit_id portal_owner; /* of the first one */
    enum rmg_plane portal_plane;
    enum jit_err err;
};

void timeline_init(struct timeline *timeline, struct jit_heap *heap);
void timeline_release(struct timeline *timeline);

/* The next state, at a later time than the one before; before: as it was given last, or NULL.
 * Errors: JIT_ENOMEM, JIT_ECORRUPT, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err timeline_step(struct timeline *timeline, const struct rmg_graph *before,
                                          const struct rmg_graph *after, uint64_t time);

/* Sort: nodes, edges, values of nodes, of edges; by owner, then values by name, then by time. */
void timeline_sort(struct timeline *timeline);
/* A value's span. Borrowed from the pool. */
void timeline_value(const struct timeline *timeline, const struct span *span,
                    struct rmg_attachment *out);
void timeline_ends(const struct timeline *timeline, const struct span *span, struct jit_id *from,
                   struct jit_id *to);

/* ---- what a job is given ---- */

struct export_history {
    struct timeline timeline;
    bool any;   /* there was a step */
    bool found; /* and the instance in one of them */
    bool named; /* `instance` says which one; else the top */
    struct jit_id instance;
    struct rmg_instance first; /* as it was found first */
    bool directed;             /* likewise */
    struct rmg_graph view;     /* of the latest step */
    uint64_t instances_left;
};

#endif

/* tools/formats/export.h - write a state as NDJSON (all of it) or as CSV with Neo4j headers (one
 * instance). Spec: docs/spec/formats.md. Layer: tools.
 * What is written can be imported again: NDJSON to the same state root, CSV to the same instance
 * but for its portals. */
#ifndef JIT_TOOLS_FORMATS_EXPORT_H
#define JIT_TOOLS_FORMATS_EXPORT_H

#include "tools/formats/graph.h"

struct export_out {
    enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size);
    void *user;
};

struct export_report {
    uint64_t nodes;
    uint64_t edges;
    uint64_t lines;
    uint64_t portals_left;   /* CSV: not written */
    uint64_t instances_left; /* CSV: other instances */
};

/* Called now and then with records done; may be NULL. */
struct export_progress {
    void (*step)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* Lines in the order: instances; then for each its nodes, edges, alpha, beta. Errors: write's,
 * JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err export_ndjson(const struct format_graph *graph,
                                          const struct export_out *out,
                                          const struct export_progress *progress,
                                          struct export_report *report);

/* instance NULL: the top one. Errors: write's, JIT_ENOENT (no such instance), JIT_ELIMIT (more than
 * 1,000 columns), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err
export_csv(const struct format_graph *graph, const struct jit_id *instance,
           const struct export_out *nodes, const struct export_out *edges,
           const struct export_progress *progress, struct export_report *report);

#endif

/* tools/formats/export.h - write a state in one of the formats of tools/formats/format.h.
 * Spec: docs/spec/formats.md. Layer: tools.
 * What is written can be imported again, to the same state root where the format can hold all of
 * it.
 */
#ifndef JIT_TOOLS_FORMATS_EXPORT_H
#define JIT_TOOLS_FORMATS_EXPORT_H

#include "tools/formats/graph.h"

struct format;

struct export_out {
    enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size);
    void *user;
};

struct export_report {
    uint64_t instances;
    uint64_t nodes;
    uint64_t edges;
    uint64_t lines;          /* of the line-based formats */
    uint64_t portals_left;   /* not written, since the format has no place for them */
    uint64_t instances_left; /* other instances, likewise */
};

/* Called now and then with records done; may be NULL. */
struct export_progress {
    void (*step)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* Several states of one instance in order, as the differences between them. */
struct export_history;

/* instance NULL: the top one. */
JIT_MUST_CHECK enum jit_err export_history_new(struct jit_heap *heap, const struct jit_id *instance,
                                               struct export_history **out);
void export_history_free(struct export_history *history); /* may be NULL */
/* The next state, at a later time. It must stay readable until the next step has ended. Where the
 * instance is not there it is empty. Errors: JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err export_history_step(struct export_history *history,
                                                const struct format_graph *graph, uint64_t time);

struct export_job {
    const struct format_graph *graph; /* of a history: for names of types */
    const char *label;             /* nodes and edges are known by this value of theirs; or NULL */
    const struct jit_id *instance; /* for formats that hold one; NULL: the top one */
    bool partial; /* leave out and count what the format has no place for; else it is refused */
    struct export_history *history; /* for formats that write one; or NULL: there is only `graph` */
    const struct export_out *outs;  /* format->outputs of them */
    const struct export_progress *progress; /* or NULL */
    struct rmg_wsc_head head;               /* for .wsc */
    struct export_report *report;
    struct format_error *error;
};

/* Names who has a value that Echo's forms cannot hold: id, and what people call it where that is
 * known. */
void format_wsc_refuse(const struct format_graph *graph, const struct rmg_wsc_owner *owner,
                       struct format_error *error);

/* Errors: write's, JIT_ENOTSUP (the format cannot hold something: error names whose), JIT_ENOENT
 * (no such instance), JIT_ELIMIT, JIT_ENOMEM, JIT_ECORRUPT. What was written is then of no use. */
JIT_MUST_CHECK enum jit_err export_run(const struct format *format, const struct export_job *job);

#endif

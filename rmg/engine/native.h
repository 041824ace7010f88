/* rmg/engine/native.h - rules in C: a matcher, a footprint and an executor, for a graph that
 * somebody owns alone, in its working form. Spec:  docs/spec/native.md; DESIGN 5.1. Layer: rmg;
 * base only.
 *
 * All three get a read-only view. The matcher reads what it likes; the footprint says what one
 * rewrite may read and write; the executor reads that, and what it writes goes to a list that is
 * judged and performed when it has returned. A read or write outside the footprint fails the
 * rewrite, in every build, whatever the executor makes of the error it got: nothing of it happens.
 * Owns:   names and bytes that are passed in are copied; what a read gives is borrowed until the
 *         next call. */
#ifndef JIT_RMG_NATIVE_H
#define JIT_RMG_NATIVE_H

#include "rmg/engine/work.h"
#include "rmg/store/slot.h"

#define RMG_NATIVE_HANDLES_MAX 64u   /* of a match */
#define RMG_NATIVE_SLOTS_MAX   1024u /* of a footprint */
#define RMG_NATIVE_WRITES_MAX  1024u /* of a rewrite */

struct rmg_native; /* one rewrite in the making */

/* What was found: any handles, as many as the rule wants, kept from one call to the next. */
struct rmg_native_match {
    uint32_t count;
    uint32_t at[RMG_NATIVE_HANDLES_MAX];
};

/* A place in the graph, as in docs/spec/footprint.md, by handle. */
struct rmg_native_slot {
    enum rmg_slot_kind kind;
    bool write;       /* reading is allowed with it */
    uint32_t element; /* NODE, EDGE, the owner of ALPHA or BETA, the node of INCIDENCE */
    enum rmg_direction direction;
    struct jit_id type; /* INCIDENCE: of edges, zero: of all; EXTENT */
    uint32_t name_size; /* ALPHA, BETA */
    char name[JIT_NAME_BYTES_MAX + 1];
};

struct rmg_native_rule {
    const char *name;
    void *user;
    /* A match, or false: there is none. The match of the last rewrite comes in, empty at first. */
    bool (*matcher)(void *user, struct rmg_native *view, struct rmg_native_match *match);
    /* Declare (rmg_native_may) what this rewrite reads and writes. */
    enum jit_err (*footprint)(void *user, struct rmg_native *view,
                              const struct rmg_native_match *match);
    /* JIT_ENOMATCH: the rule does not apply here after all, nothing happens and the run ends; any
     * other error ends it as well and is handed on. */
    enum jit_err (*executor)(void *user, struct rmg_native *view,
                             const struct rmg_native_match *match);
};

struct rmg_native_report {
    uint64_t rewrites;
    const char *fault;           /* with JIT_ECAP and JIT_EINVALID: what the rule did */
    struct rmg_native_slot slot; /* with JIT_ECAP: where */
};

/* Rewrite until there is no match, or at_most times. Rewrites before a failed one stay; the failed
 * one leaves no trace, but after JIT_ENOMEM, JIT_ELIMIT and JIT_ECORRUPT the form may only be
 * dropped. Errors: JIT_ECAP (outside the footprint), JIT_EINVALID (what it wrote gives no valid
 * graph), those three, and the rule's own. */
JIT_MUST_CHECK enum jit_err rmg_native_run(struct jit_heap *heap, struct rmg_work *work,
                                           const struct rmg_native_rule *rule, uint64_t at_most,
                                           struct rmg_native_report *report);

/* In footprint() alone. Errors: JIT_ELIMIT, JIT_ENOMEM, JIT_ECAP (called elsewhere). */
JIT_MUST_CHECK enum jit_err rmg_native_may(struct rmg_native *view,
                                           const struct rmg_native_slot *slot);

/* ---- reading: as rmg_work_*; JIT_ECAP outside the footprint. What the rewrite itself has written
 * is not seen. ---- */
JIT_MUST_CHECK enum jit_err rmg_native_node_type(struct rmg_native *view, uint32_t node,
                                                 struct jit_id *type);
JIT_MUST_CHECK enum jit_err rmg_native_edge_get(struct rmg_native *view, uint32_t edge,
                                                struct rmg_work_ends *out);
JIT_MUST_CHECK enum jit_err rmg_native_edge_next(struct rmg_native *view, uint32_t node,
                                                 enum rmg_direction direction,
                                                 const struct jit_id *type, uint32_t after,
                                                 uint32_t *edge);
JIT_MUST_CHECK enum jit_err rmg_native_degree(struct rmg_native *view, uint32_t node,
                                              enum rmg_direction direction,
                                              const struct jit_id *type, uint64_t *count);
JIT_MUST_CHECK enum jit_err rmg_native_node_next(struct rmg_native *view, const struct jit_id *type,
                                                 uint32_t after, uint32_t *node);
JIT_MUST_CHECK enum jit_err rmg_native_get(struct rmg_native *view, enum rmg_plane plane,
                                           uint32_t owner, const char *name, uint32_t name_size,
                                           struct rmg_value *out);

/* ---- writing, in executor() alone: performed when it has returned, deletions first. A node or
 * edge that is made is known by the number that comes back, in writes of the same rewrite. Slots: a
 * deleted element and its extent; an edge, both incidences (of its type, or of all) and its extent;
 * a made one its extent; a value its ALPHA or BETA. What was made needs none.
 * Errors: JIT_ECAP, JIT_ENOENT, JIT_ELIMIT, JIT_ENOMEM. ---- */
#define RMG_NATIVE_MADE 0x80000000u
JIT_MUST_CHECK enum jit_err rmg_native_add_node(struct rmg_native *view, const struct jit_id *type,
                                                uint32_t *node);
JIT_MUST_CHECK enum jit_err rmg_native_add_edge(struct rmg_native *view, uint32_t from,
                                                const struct jit_id *type, uint32_t to,
                                                uint32_t *edge);
JIT_MUST_CHECK enum jit_err rmg_native_delete_node(struct rmg_native *view, uint32_t node);
JIT_MUST_CHECK enum jit_err rmg_native_delete_edge(struct rmg_native *view, uint32_t edge);
JIT_MUST_CHECK enum jit_err rmg_native_set(struct rmg_native *view, enum rmg_plane plane,
                                           uint32_t owner, const struct rmg_attachment *attachment);

#endif

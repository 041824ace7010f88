/* rmg/change/diff.h - what differs between two states, slot by slot, and the same as a patch.
 * Spec:  DESIGN 4.4 (O(differences x log n)), 4.5; docs/spec/merge.md.
 * Layer: rmg; base only.
 *
 * The states may lie in one store or in two: what is equal is recognised by its hash and not
 * entered. Order everywhere: by instance; in an instance first itself, then nodes, edges, values on
 * nodes, values on edges; then by id and by name. */
#ifndef JIT_RMG_DIFF_H
#define JIT_RMG_DIFF_H

#include "rmg/change/patch.h"

/* One version, and where it lies. It must stay readable (pinned or the newest) while it is in use.
 */
struct rmg_state {
    const struct rmg_store *store;
    struct rmg_version version;
};

/* The last four are numbered as the slots are. */
enum rmg_part {
    RMG_PART_INSTANCE = 0, /* its root node and its parent */
    RMG_PART_NODE = RMG_SLOT_NODE,
    RMG_PART_EDGE = RMG_SLOT_EDGE,
    RMG_PART_ALPHA = RMG_SLOT_ALPHA,
    RMG_PART_BETA = RMG_SLOT_BETA,
    RMG_PARTS
};

/* What a difference or a conflict is about. */
struct rmg_place {
    enum rmg_part part;
    uint32_t name_size; /* of a value */
    const char *name;   /* borrowed */
    struct jit_id instance;
    struct jit_id id; /* node, edge or owner; zero of an instance */
};

/* What is there. Which member, the part says. */
union rmg_content {
    struct {
        struct jit_id root_node;
        struct rmg_parent parent;
    } instance;
    struct jit_id node; /* its type */
    struct rmg_edge edge;
    struct rmg_value value; /* bytes borrowed */
};

int rmg_place_compare(const struct rmg_place *a, const struct rmg_place *b);
/* NULL: not there. */
bool rmg_content_equal(enum rmg_part part, const union rmg_content *a, const union rmg_content *b);
/* Hash of what is there, as `prior` of an operation: zero when content is NULL. Errors:
 * JIT_EINVALID. */
JIT_MUST_CHECK enum jit_err rmg_content_hash(const struct rmg_place *place,
                                             const union rmg_content *content, struct jit_id *out);

struct rmg_difference {
    struct rmg_place place;
    const union rmg_content *before; /* NULL: it is not in a */
    const union rmg_content *after;  /* NULL: it is not in b */
};

/* What it cost, for growth laws; added to. */
struct rmg_diff_cost {
    uint64_t trie_nodes; /* looked at */
    uint64_t slots;      /* records looked at */
};

/* visit returns false to stop; what it is given is valid during the call, but atoms and names as
 * long as the states. cost may be NULL. Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_diff(const struct rmg_state *a, const struct rmg_state *b,
                                     bool (*visit)(void *user, const struct rmg_difference *diff),
                                     void *user, struct rmg_diff_cost *cost);

/* The same as a patch on a, appended: its out-slots are what it changes, it has no in-slots, and
 * operation k has the origin (0, k). The same two states give the same bytes. operations may be
 * NULL. Errors: JIT_ENOMEM, JIT_ELIMIT (the buffer's bound, or more differences than 2^32 - 1),
 * JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_diff_patch(struct jit_heap *heap, const struct rmg_state *a,
                                           const struct rmg_state *b, struct jit_buf *patch,
                                           uint64_t *operations);

#endif

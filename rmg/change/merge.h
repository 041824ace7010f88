/* rmg/change/merge.h - three-way merge of states, and moving a patch to another base.
 * Spec:  DESIGN 4.4 (cost), 5.4 (joins), 12 (I8, I9); docs/spec/merge.md says what a merge means.
 * Layer: rmg; base only.
 *
 * What only one side changed is taken, what both changed alike is taken once, what both changed
 * differently is the join of its field or a conflict. The result is a patch on the base whose
 * result is a valid state, or the list of all conflicts: nothing in between. merge(A, B) and
 * merge(B, A) give the same bytes. */
#ifndef JIT_RMG_MERGE_H
#define JIT_RMG_MERGE_H

#include "rmg/change/diff.h"
#include "rmg/store/scratch.h"

/* Of three values of one place. */
enum rmg_side { RMG_SIDE_BASE, RMG_SIDE_OURS, RMG_SIDE_THEIRS, RMG_SIDES, RMG_SIDE_NONE };

/* Numbers and words are stable: they stand in JSON. */
#define RMG_CONFLICT_MAP(X)                                                                        \
    X(RMG_CONFLICT_VALUE, 1, "value", "both sides gave it another value")                          \
    X(RMG_CONFLICT_OVERFLOW, 2, "overflow", "the join of both values is too large")                \
    X(RMG_CONFLICT_TYPE, 3, "type", "the node got two different types")                            \
    X(RMG_CONFLICT_EDGE, 4, "edge", "one id became two different edges")                           \
    X(RMG_CONFLICT_DELETED, 5, "deleted", "one side changed what the other deleted")               \
    X(RMG_CONFLICT_OWNER_DELETED, 6, "owner-deleted",                                              \
      "a value was set on what the other side deleted")                                            \
    X(RMG_CONFLICT_END_DELETED, 7, "end-deleted",                                                  \
      "the edge has an end that the other side deleted")                                           \
    X(RMG_CONFLICT_ROOT_DELETED, 8, "root-deleted",                                                \
      "the other side deleted the node that became the root of the instance")                      \
    X(RMG_CONFLICT_INSTANCE_DELETED, 9, "instance-deleted",                                        \
      "one side deleted the instance, the other changed something in it")                          \
    X(RMG_CONFLICT_INSTANCE, 10, "instance", "the instance got two different root nodes")          \
    X(RMG_CONFLICT_PARENT, 11, "parent", "the instance would have two portals")                    \
    X(RMG_CONFLICT_PORTAL, 12, "portal", "the portal and its instance do not fit together")        \
    X(RMG_CONFLICT_CYCLE, 13, "cycle", "instances would lie inside each other")                    \
    X(RMG_CONFLICT_DEPTH, 14, "depth", "instances would be nested more than 64 deep")              \
    X(RMG_CONFLICT_TOP, 15, "top", "there would be several top instances")                         \
    X(RMG_CONFLICT_LIMIT, 16, "limit", "it would have more than 256 values")

enum rmg_conflict_kind {
#define X(name, value, word, text) name = (value),
    RMG_CONFLICT_MAP(X)
#undef X
};
const char *rmg_conflict_word(enum rmg_conflict_kind kind); /* "end-deleted" */
const char *rmg_conflict_text(enum rmg_conflict_kind kind); /* a sentence without a full stop */

struct rmg_conflict {
    enum rmg_conflict_kind kind;
    struct rmg_place place;
    const union rmg_content *content[RMG_SIDES]; /* NULL: not there */
    bool base_unknown; /* rebase: of the base's value only its hash is known */
    struct jit_id base_hash;
    bool has_other;
    struct rmg_place other; /* what stands in the way, or what the place needs */
};

/* What somebody decided for a place: the whole of what stands there comes from one side, with what
 * it cannot do without. */
struct rmg_choice {
    struct rmg_place place;
    enum rmg_side take; /* BASE, OURS, THEIRS */
};

struct rmg_merge_options {
    struct jit_heap *heap;
    /* The join of a field of elements of a type (DESIGN 5.4); NULL: no field has one. Must be a
     * function of its arguments alone. */
    enum rmg_join (*join_of)(void *user, const struct jit_id *type, const char *name,
                             uint32_t name_size);
    void *user;
    const struct rmg_choice *choices; /* in any order; one a place */
    size_t choice_count;
    enum rmg_side strategy;   /* for what is left: OURS, THEIRS; NONE: it stays a conflict */
    uint64_t patch_bytes_max; /* 0: JIT_PATCH_BYTES_MAX */
};

struct rmg_merge_result {
    /* Without conflicts: the patch on the base (rebase: on the state it moved to). */
    struct jit_buf patch;
    const struct rmg_conflict *conflicts; /* by slot: see rmg_conflict_compare */
    size_t conflict_count;
    uint64_t operations;       /* of the patch */
    uint64_t taken[RMG_SIDES]; /* places taken from one side alone; BASE: changed alike by both */
    uint64_t joined;
    uint64_t settled;  /* places that choices or the strategy decided */
    size_t choice_bad; /* with JIT_ENOENT, JIT_EEXIST: which choice */
    struct rmg_diff_cost cost;
    struct rmg_scratch scratch; /* what conflicts point to */
};

/* Errors (then there is nothing to release, except that release may be called): JIT_ENOENT (choice
 * choice_bad names a place that neither side changed), JIT_EEXIST (two choices for one place),
 * JIT_EINVALID (a choice of the base where it is not known; a choice that is none of the three),
 * JIT_ELIMIT (more instances than 65,536, a patch beyond the bound), JIT_ENOMEM, JIT_ECORRUPT.
 * The result borrows from the three states. */
JIT_MUST_CHECK enum jit_err rmg_merge(const struct rmg_merge_options *options,
                                      const struct rmg_state *base, const struct rmg_state *ours,
                                      const struct rmg_state *theirs,
                                      struct rmg_merge_result *result);

/* Move a patch to another base: `ours` is what the patch does, `theirs` is where it is to be
 * performed. Of the patch's base only hashes are known, so joins that need its values are
 * conflicts. Errors as above, and JIT_EFORMAT. The result borrows from patch and onto. */
JIT_MUST_CHECK enum jit_err rmg_rebase(const struct rmg_merge_options *options,
                                       const struct rmg_state *onto, const uint8_t *patch,
                                       size_t patch_size, struct rmg_merge_result *result);

void rmg_merge_result_release(struct rmg_merge_result *result);

/* Order of the list: instances by id, then slots in the order of their bytes; then by kind and by
 * what stands in the way. */
int rmg_conflict_compare(const struct rmg_conflict *a, const struct rmg_conflict *b);

/* The join of three values of a field; base may be NULL. out borrows from a, b or the scratch.
 * Errors: JIT_ENOTSUP (no join for such values), JIT_ELIMIT (it would be too large), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_join_values(enum rmg_join join, const struct rmg_value *base,
                                            const struct rmg_value *a, const struct rmg_value *b,
                                            struct rmg_scratch *scratch, struct rmg_value *out);
/* One or more values of a field joined by MAX, MIN or UNION, whose order does not matter. Errors as
 * above. */
JIT_MUST_CHECK enum jit_err rmg_join_all(enum rmg_join join, const struct rmg_value *values,
                                         size_t count, struct rmg_scratch *scratch,
                                         struct rmg_value *out);

#endif

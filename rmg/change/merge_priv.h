/* rmg/change/merge_priv.h - the table of a merge: every place that some side changed, with all its
 * values and with what was decided. Layer: rmg; base only.
 *
 * A place that is not in the table is alike on all sides, and it is as it is in `onto`. Each slot
 * takes one of its four contents, or is open: a conflict. The rules for a valid state are then
 * checked against what the table takes, slot by slot, and never against the whole state. */
#ifndef JIT_RMG_MERGE_PRIV_H
#define JIT_RMG_MERGE_PRIV_H

#include "base/check.h"
#include "rmg/change/diff_priv.h"
#include "rmg/change/merge.h"

enum {
    MERGE_JOINED = RMG_SIDES,   /* index of the joined value */
    MERGE_OPEN = RMG_SIDE_NONE, /* nothing is taken yet */
    MERGE_BY_OURS = 1,
    MERGE_BY_THEIRS = 2
};

/* Who decided. What was decided for a better reason is not decided again. */
enum merge_reason {
    MERGE_AUTOMATIC,
    MERGE_STRATEGY,
    MERGE_IMPLIED, /* by a choice, elsewhere */
    MERGE_CHOSEN
};

struct merge_slot {
    struct rmg_place place;
    const union rmg_content *at[RMG_SIDES + 1]; /* NULL: not there */
    const struct jit_id *base_hash;             /* set when only this is known of the base */
    uint8_t changed;                            /* MERGE_BY_... */
    uint8_t take;
    uint8_t reason;
    uint8_t overflow; /* open since the join would be too large */
    uint8_t circle;   /* of an instance: it is in a circle that has been named */
};

/* The slots of one instance that is in the table. */
struct merge_range {
    struct jit_id id;
    size_t begin;
    size_t end;
    bool open; /* deleted by one side, changed by the other: no further conflict in it is named */
};

struct merge {
    const struct rmg_merge_options *options;
    struct jit_heap *heap;
    struct rmg_merge_result *result;
    const struct rmg_state *onto; /* what the patch will stand on */
    enum rmg_side onto_side;
    bool rebase;
    struct merge_slot *slots; /* ascending by place */
    size_t count;
    size_t capacity;
    struct merge_range *ranges; /* ascending by id */
    size_t range_count;
    size_t range_capacity;
    struct rmg_conflict *conflicts;
    size_t conflict_count;
    size_t conflict_capacity;
    struct merge_slot **stack; /* taken lately: what they need has to follow */
    size_t stack_count;
    size_t stack_capacity;
    /* The instance looked at last in `onto`. */
    struct rmg_instance near;
    struct rmg_graph near_graph;
    bool near_valid;
    bool near_there;
};

/* ---- merge_table.c ---- */
void merge_release(struct merge *m); /* not the result */
/* Fill the table with one difference, or two. Errors: JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err merge_fill(struct merge *m, const struct rmg_state *base,
                                       const struct rmg_state *ours,
                                       const struct rmg_state *theirs);
/* Fill it with a patch and with what stands in its way in the state it moves to (merge_rebase.c).
 * Errors: JIT_EFORMAT as well. */
JIT_MUST_CHECK enum jit_err merge_fill_patch(struct merge *m, const struct rmg_state *onto,
                                             const uint8_t *patch, size_t patch_size);
/* A new slot at the end, for whoever sorts afterwards. NULL: no memory. */
struct merge_slot *merge_append(struct merge *m, const struct rmg_place *place);
/* Sort, and find the ranges of instances. Of slots of one place the first added stays. */
JIT_MUST_CHECK enum jit_err merge_arrange(struct merge *m);
const union rmg_content *merge_copy(struct merge *m, enum rmg_part part,
                                    const union rmg_content *content); /* NULL: no memory */

struct merge_slot *merge_find(const struct merge *m, const struct rmg_place *place);
struct merge_range *merge_range_of(const struct merge *m, const struct jit_id *instance);
struct rmg_place merge_place_of_instance(const struct jit_id *instance);
struct rmg_place merge_place_of_node(const struct jit_id *instance, const struct jit_id *id);
struct rmg_place merge_place_of_owner(const struct rmg_place *attachment);
struct rmg_place merge_place_of_portal(const struct rmg_parent *parent); /* borrows its name */
/* The slots of what stands on one owner: [*begin, *end). */
void merge_values_of(const struct merge *m, const struct rmg_place *owner, size_t *begin,
                     size_t *end);

/* What a state holds. space is the caller's; *out NULL: not there. Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err merge_look(struct merge *m, const struct rmg_place *place,
                                       union rmg_content *space, const union rmg_content **out);
/* What the result will hold. *open: not decided; then *out is NULL. */
JIT_MUST_CHECK enum jit_err merge_get(struct merge *m, const struct rmg_place *place,
                                      union rmg_content *space, const union rmg_content **out,
                                      bool *open);

enum merge_there { MERGE_ABSENT, MERGE_DOUBTFUL, MERGE_PRESENT };
/* DOUBTFUL: not decided, and one side has deleted it. */
JIT_MUST_CHECK enum jit_err merge_there(struct merge *m, const struct rmg_place *place,
                                        enum merge_there *out);

/* ---- merge_decide.c: each slot by itself ---- */
JIT_MUST_CHECK enum jit_err merge_decide(struct merge *m);

/* ---- merge_check.c, merge_nest.c: what is not decided, and what does not fit together ---- */
JIT_MUST_CHECK enum jit_err merge_check(struct merge *m);
JIT_MUST_CHECK enum jit_err merge_check_nesting(struct merge *m);
/* other may be NULL. slot NULL: the place is alike on all sides. */
JIT_MUST_CHECK enum jit_err merge_conflict(struct merge *m, enum rmg_conflict_kind kind,
                                           const struct rmg_place *place,
                                           const struct merge_slot *slot,
                                           const struct rmg_place *other);
/* The parent of an instance in the result; *end: there is none to go on with. */
JIT_MUST_CHECK enum jit_err merge_parent(struct merge *m, const struct jit_id *instance,
                                         struct jit_id *parent, bool *end);

/* ---- merge_settle.c: choices, the strategy ---- */
JIT_MUST_CHECK enum jit_err merge_settle(struct merge *m);

/* ---- merge_patch.c ---- */
JIT_MUST_CHECK enum jit_err merge_patch(struct merge *m, struct jit_buf *patch);

#endif

/* sws/space_priv.h - what the files of the space share. Layer: sws. */
#ifndef JIT_SWS_SPACE_PRIV_H
#define JIT_SWS_SPACE_PRIV_H

#include "base/check.h"
#include "sws/space.h"

/* Epochs of the overlay lie above all epochs of the kernel. */
#define SWS_OVERLAY_EPOCH (UINT64_C(1) << 63)

/* A line of both graphs: the own and the mounted. */
struct sws_branch {
    struct sws_branch *parent; /* NULL: the trunk */
    struct sws_branch *next;   /* of all branches of the space, newest first */
    struct rmg_branch own;
    struct rmg_branch shared;
    uint64_t name;
    uint64_t tick; /* of the mounted instances at the fork */
    uint32_t depth;
    struct jit_buf reads; /* slots, encoded one after another */
    uint32_t read_count;
};

/* Ids that were given out (ids.c). */
struct sws_made {
    struct jit_id id;
    uint64_t counter;
    bool used;
};
struct sws_ids {
    struct sws_made *at;
    uint32_t capacity; /* a power of 2, or 0 */
    uint32_t count;
};

struct sws_change {
    bool open;
    struct sws_branch *branch;
    struct rmg_tx *own;      /* NULL: not begun */
    bool trying;             /* of the trunk, where that has a quota: a branch, until it is known */
    struct rmg_branch trial; /* how much it takes */
    struct rmg_tx *shared;   /* likewise */
    size_t reads_before;     /* of the branch */
    uint32_t read_count_before;
};

struct sws {
    struct sws_options options;
    struct rmg_store *own;    /* the home's */
    struct rmg_store *shared; /* in the overlay; NULL: nothing can be mounted */
    struct rmg_version shown; /* of the mounted instances */
    uint64_t tick;
    uint64_t oldest;          /* version that is kept */
    struct sws_mount *mounts; /* ascending by instance */
    uint32_t mount_count;
    struct sws_branch *branches;
    uint32_t branch_count;
    uint64_t names; /* given to branches so far */
    struct sws_change change;
    struct sws_ids ids;
    uint64_t counters[SWS_KEEP_MAX]; /* of the tick t at [t % SWS_KEEP_MAX] */
    struct rmg_version *history;     /* pinned, the oldest first */
    uint32_t history_count;
};

/* change.c: what the trunk would have, were `after` its latest, or the patch applied to that.
 * Errors: JIT_EQUOTA, those of rmg_diff_amount and rmg_patch_amount. */
JIT_MUST_CHECK enum jit_err sws_allows(const struct sws *space, const struct rmg_version *after,
                                       struct rmg_amount *use);
JIT_MUST_CHECK enum jit_err sws_allows_patch(const struct sws *space, const struct jit_buf *patch,
                                             struct rmg_amount *use);

static inline struct rmg_version sws_own_head(const struct sws *space,
                                              const struct sws_branch *branch)
{
    return branch == NULL ? space->options.home->latest : branch->own.head;
}

static inline struct rmg_version sws_shared_head(const struct sws *space,
                                                 const struct sws_branch *branch)
{
    return branch == NULL ? space->shown : branch->shared.head;
}

static inline bool sws_is_stale(const struct sws *space, const struct sws_branch *branch)
{
    return branch != NULL &&
           (space->tick - branch->tick >= space->options.keep || branch->tick < space->oldest);
}

/* The mount it lies in; NULL: none. */
const struct sws_mount *sws_mount_of(const struct sws *space, const struct rmg_version *shared,
                                     const struct jit_id *instance);
/* By which counter an id was made; UINT64_MAX: it is not one that was given out. */
uint64_t sws_counter_of(const struct sws *space, const struct jit_id *id);
/* The space is about to go on to another tick. */
void sws_ids_tick(struct sws *space, uint64_t tick);
/* Publish the newest own version, and remember the one before for undo. Two pins are ready. */
void sws_commit(struct sws *space, const struct rmg_version *version, const struct rmg_amount *use);

#endif

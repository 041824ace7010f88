/* sws/space.h - a worker's space of work state: its own graph, what it sees of the root graph, and
 * branches of both.
 * Spec:  DESIGN 7.3; docs/spec/sws.md. Layer: sws; base and rmg.
 *
 * A branch is a reference to a version, so a fork costs nothing, and branches nest. What is changed
 * in a branch is seen there and below it only, until it is collapsed: then what lies in the own
 * graph is committed at once, and what lies in mounted instances becomes one request, for only the
 * kernel changes the root graph. Mounted instances are read where the kernel published them;
 * changes copy into the overlay, memory of the space behind the view (same references, same base),
 * which dies with the process.
 *
 * Everything here is one thread's. No call draws, counts time or depends on addresses. */
#ifndef JIT_SWS_SPACE_H
#define JIT_SWS_SPACE_H

#include "rmg/change/collapse.h"
#include "rmg/change/merge.h"
#include "sws/home.h"

struct sws;
struct sws_branch;

struct sws_options {
    struct jit_heap *heap;
    struct sws_home *home; /* borrowed */
    struct jit_id process; /* its node: ids of what is created in branches come from it */
    /* Its first bytes are the view; what is behind is the space's. NULL: nothing is mounted. */
    struct rmg_arena *overlay;
    uint32_t keep;    /* versions of the mounted instances that stay readable: 1 to SWS_KEEP_MAX */
    uint32_t history; /* own versions that undo can go back: up to SWS_HISTORY_MAX */
    /* The join of a field, for what two branches changed; NULL: no field has one. */
    enum rmg_join (*join_of)(void *user, const struct jit_id *type, const char *name,
                             uint32_t name_size);
    void *user;
};
#define SWS_KEEP_MAX    JIT_KEEP_MAX
#define SWS_IDS_MAX     (1u << 24) /* ids given out while some branch lives: half of it */
#define SWS_HISTORY_MAX 64u

/* Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sws_new(const struct sws_options *options, struct sws **out);
void sws_free(struct sws *space); /* may be NULL; with all branches */

/* ---- what is mounted ---- */
struct sws_mount {
    struct jit_id instance;
    struct rmg_roots roots; /* at this tick */
    bool writable;          /* in branches; instances created inside follow it */
};
/* The mounted instances as they are after `tick`, all of them. Branches keep the version they were
 * forked from; one older than `keep` versions reads no mounted instance any more.
 * Errors: JIT_ENOMEM, JIT_ENOSPC, JIT_ELIMIT; then the space sees what it saw before. */
JIT_MUST_CHECK enum jit_err sws_show(struct sws *space, uint64_t tick,
                                     const struct sws_mount *mounts, uint32_t count);

/* Versions before this one are not kept any more, whatever `keep` says. Only ever more. */
void sws_forget(struct sws *space, uint64_t oldest);

/* ---- branches; NULL stands for the trunk ---- */
/* Errors: JIT_ENOMEM, JIT_ELIMIT (JIT_BRANCHES_MAX of them, JIT_BRANCH_DEPTH_MAX deep). */
JIT_MUST_CHECK enum jit_err sws_fork(struct sws *space, struct sws_branch *from,
                                     struct sws_branch **out);
/* With all branches forked from it. */
void sws_drop(struct sws *space, struct sws_branch *branch); /* may be NULL */
uint32_t sws_branch_count(const struct sws *space);
/* A number that no other branch of the space ever has, from 1: for whoever may hold on to it longer
 * than the branch lives; and the branch, NULL: it is gone. */
uint64_t sws_branch_name(const struct sws_branch *branch);
struct sws_branch *sws_branch_find(const struct sws *space, uint64_t name);

/* An instance as the branch sees it: its own or a mounted one. Good until the branch changes.
 * Errors: JIT_ENOENT, JIT_ESTALE (mounted, and the branch is too old), JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err sws_graph(const struct sws *space, const struct sws_branch *branch,
                                      const struct jit_id *instance, struct rmg_graph *out);

/* Id of a node or an edge that is going to be created in a mounted instance: the kernel takes no
 * other. It depends on the process, the tick of the branch's base and how many were given out for
 * that tick before. Errors: JIT_ESTALE, JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sws_new_id(struct sws *space, const struct sws_branch *branch,
                                       struct jit_id *out);

/* ---- changing; one change at a time a space ---- */
/* On the trunk only the own graph can be changed. */
void sws_change_begin(struct sws *space, struct sws_branch *branch);
/* One operation (without origins and prior). Errors: JIT_ECAP (mounted, but not to be changed
 * here), JIT_ENOTSUP (mounted: instances and portals are made by the kernel alone), JIT_ESTALE, the
 * transaction's
 * (rmg/store/store.h says after which of them the change may go on). */
JIT_MUST_CHECK enum jit_err sws_change_op(struct sws *space, const struct rmg_op *op);
/* All that a working form (rmg/engine/work.h) of an instance of the own graph has changed, as it
 * was begun from what the change began with. Errors: those of rmg_work_commit(); then abort. */
struct rmg_work;
JIT_MUST_CHECK enum jit_err sws_change_work(struct sws *space, struct rmg_work *work);
/* The change depends on what is in this slot: if it lies in a mounted instance, a collapse is
 * refused when the slot has changed since. Errors: JIT_ENOMEM, JIT_ELIMIT (JIT_IN_SLOTS_MAX). */
JIT_MUST_CHECK enum jit_err sws_change_reads(struct sws *space, const struct rmg_slot *slot);
/* All of it, or on error nothing; the change is over either way. On the trunk it is committed.
 * Errors: as rmg_tx_seal(). */
JIT_MUST_CHECK enum jit_err sws_change_end(struct sws *space);
void sws_change_abort(struct sws *space);

/* ---- ending a branch ---- */
struct sws_collapse {
    uint64_t base_tick;               /* the version of the mounted instances it was forked from */
    uint64_t local_operations;        /* committed, or done in the branch it was forked from */
    uint64_t shared_operations;       /* in the request; 0: there is no request */
    struct rmg_merge_result conflict; /* with JIT_ECONFLICT: what stands in the way */
};
/* Put what the branch changed into what it was forked from, and drop it. Forked from the trunk:
 * the request for the mounted instances is appended to `request` (docs/spec/sws.md "Request").
 * What was changed on both sides since the fork is merged. Branches forked from it are dropped.
 * Errors: JIT_ECONFLICT (release out->conflict), JIT_ESTALE (base too old), JIT_ENOMEM,
 * JIT_ENOSPC, JIT_ELIMIT: then the branch is as it was. */
JIT_MUST_CHECK enum jit_err sws_collapse(struct sws *space, struct sws_branch *branch,
                                         struct jit_buf *request, struct sws_collapse *out);

/* Of count scores the first of the greatest; NaN is smaller than all. count: at least 1. */
uint32_t sws_choose(const double *scores, uint32_t count);

/* ---- history of the own graph ---- */
/* How many commits undo can take back now. */
uint32_t sws_history(const struct sws *space);
/* Commit the own graph as it was `steps` commits ago: 1 to sws_history(). Errors: JIT_EINVALID
 * (steps), JIT_ENOMEM, JIT_ENOSPC, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err sws_undo(struct sws *space, uint32_t steps);

#endif

/* proc/guest/space.h - a worker's space: branches of what it may map, and a graph of its own, over
 * the memories it was born with. Spec:  DESIGN 7.2, 7.3; docs/spec/sws.md, ring.md "Graph". Layer:
 * proc/guest; base, rmg, sws, syscall/{abi,boot,view}. Pure, as the loop is.
 *
 * The layer for branches lies at the end of the view's range of addresses: the references of both
 * count from one base. */
#ifndef JIT_PROC_GUEST_SPACE_H
#define JIT_PROC_GUEST_SPACE_H

#include "proc/guest/loop.h"
#include "sws/space.h"

struct guest_space;

#define GUEST_LAYER_BYTES (1ull << 30)

struct guest_space_options { /* borrowed for the life of the space */
    struct jit_heap *heap;
    const struct sys_boot_view *boot;
    struct guest_loop *loop;
    struct sys_view_guest view;
    uint8_t *layer; /* memory of its own in the view's range: its last layer_bytes; NULL: nothing */
    uint64_t layer_bytes; /* can be mounted */
    uint8_t *graph;       /* fd 4; NULL: its own graph lies in the heap and is forgotten */
    uint32_t history;     /* versions that undo can go back, up to SWS_HISTORY_MAX */
};
/* Open the own graph as it was after the last tick that the kernel has taken, or begin it: with the
 * instance guest_space_own(). Errors: of sws_home_open; JIT_ELIMIT (the view reaches the layer). */
JIT_MUST_CHECK enum jit_err guest_space_new(const struct guest_space_options *options,
                                            struct guest_space **out);
void guest_space_free(struct guest_space *space); /* may be NULL */

struct sws *guest_space_sws(struct guest_space *space);
const struct sws_home *guest_space_home(const struct guest_space *space);
/* Id and root node of the instance that an own graph begins with. */
void guest_space_own(struct jit_id *instance, struct jit_id *root_node);

/* The view has the version tick - 1. Errors: of sws_show; JIT_ESTALE, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err guest_space_begin(struct guest_space *space, uint64_t tick);
/* Before the loop says done: the kernel is told what has become of the own graph, too. Errors:
 * JIT_ENOMEM; JIT_ELIMIT (more has changed in a tick than fits a request). */
JIT_MUST_CHECK enum jit_err guest_space_done(struct guest_space *space);

/* Every match of a run's rule in this shard as it is in the branch; draws are those of `round`.
 * Errors: of sws_graph, rmg_search_all; JIT_ENOTSUP (the rule goes through portals, as in apply and
 * adds: a branch is of one instance at a time). */
JIT_MUST_CHECK enum jit_err guest_space_match(struct guest_space *space,
                                              const struct sws_branch *branch, uint32_t run,
                                              uint32_t round, guest_match_fn *visit, void *user);
/* Do in the branch what a request for this match would do: verified, with all it reads noted.
 * *result: APPLIED or why not (then nothing was done). Errors: of sws_change_*; JIT_ENOMEM,
 * JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err guest_space_apply(struct guest_space *space, struct sws_branch *branch,
                                              uint32_t run, const struct jit_id *ids,
                                              uint32_t id_count, uint32_t round,
                                              enum rmg_result *result);

/* What the `add`s of the rule at this match come to, if it were done there now; nothing is done.
 * Errors: as of guest_space_apply. */
JIT_MUST_CHECK enum jit_err guest_space_adds(struct guest_space *space,
                                             const struct sws_branch *branch, uint32_t run,
                                             const struct jit_id *ids, uint32_t id_count,
                                             uint32_t round, int64_t *out);

struct guest_space_collapse {
    uint64_t cookie;
    bool receipt;
};
/* sws_collapse, and the request is sent. Errors: as those of both; after JIT_ELIMIT of the request
 * the branch is gone all the same. */
JIT_MUST_CHECK enum jit_err guest_space_collapse(struct guest_space *space,
                                                 struct sws_branch *branch,
                                                 const struct guest_space_collapse *how,
                                                 struct sws_collapse *out);

#endif

/* proc/guest/jitos_priv.h - what a program of its own holds of its tick, shared by jitos.c (the
 * tick, what it sees and asks for), jitos_space.c (its own graph, changes) and jitos_branch.c. */
#ifndef JIT_PROC_GUEST_JITOS_PRIV_H
#define JIT_PROC_GUEST_JITOS_PRIV_H

#include "base/limits.h"
#include "proc/guest/jitos.h"
#include "proc/guest/loop.h"
#include "proc/guest/space.h"

struct jitos {
    struct sys_boot_view boot;
    struct sys_ring_guest ring;
    struct guest_loop *loop;
    struct sys_view_guest view;
    struct guest_space *space; /* made for the first branch */
    enum jit_err space_err;    /* what it could not be brought to this tick for */
    uint64_t shown;            /* the tick that it was brought to */
    uint8_t *graph;
    uint8_t *layer;
    uint64_t layer_bytes;
    struct sys_receipt *early; /* receipts that came while memory was waited for */
    size_t early_count;
    size_t early_capacity;
    uint64_t tick;           /* begun; 0: none */
    uint32_t natives;        /* jitos_native() that changed something in it */
    enum jit_err change_err; /* JIT_OK: a change is open; else why there is none */
};

/* A space, which a program gets with the first branch, or because it asks for a graph of its own.
 */
JIT_MUST_CHECK enum jit_err jitos_space_open(struct jitos *jitos, bool own, uint32_t history);
void jitos_space_begin(struct jitos *jitos); /* with the tick */
void jitos_space_done(struct jitos *jitos);  /* likewise; where it cannot be, the process ends */
/* The space at this tick; NULL: *err says why there is none. */
struct sws *jitos_space_now(struct jitos *jitos, enum jit_err *err);
/* An open change ends here, with nothing of it done; whoever goes on with it is told this. */
void jitos_give_up_change(struct jitos *jitos, enum jit_err why);

/* The space at this tick, and the branch in it; NULL is the trunk. Errors: those of the space;
 * JIT_EINVALID (it is gone). */
struct sws *jitos_branch_now(struct jitos *jitos, const struct jitos_branch *branch,
                             struct sws_branch **out, enum jit_err *err);
/* The same, for what cannot be done while a change is open. Errors: JIT_EBUSY as well. */
struct sws *jitos_branch_at_rest(struct jitos *jitos, const struct jitos_branch *branch,
                                 struct sws_branch **out, enum jit_err *err);

#endif

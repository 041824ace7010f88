/* proc/guest/loop.h - what a rules loader does: each tick, find every match of its rules in its
 * shard and ask for it. Spec:  DESIGN 5.2, 6 "Search", 7.5, 14.1, 14.7, 14.12, 14.13. Layer:
 * proc/guest; base, rmg, syscall/{abi,boot,decode,ring,view}. Pure: shared memory is handed in,
 * waiting is the ring's, so the tests run the very same code as a coroutine.
 *
 * It keeps nothing but its tick: what it knows of the graph is found anew after a restart. From one
 * tick to the next it looks only at what has changed. */
#ifndef JIT_PROC_GUEST_LOOP_H
#define JIT_PROC_GUEST_LOOP_H

#include "base/heap.h"
#include "rmg/rules/search.h"
#include "syscall/boot.h"
#include "syscall/ring.h"
#include "syscall/view.h"

struct guest_loop;

struct guest_loop_options { /* all borrowed for the life of the loop */
    struct jit_heap *heap;
    const struct sys_boot_view *boot;
    struct sys_ring_guest *ring; /* memory, wait and wake set; not opened */
    struct sys_view_guest view;  /* not opened */
    uint8_t *graph;              /* of the boot record's graph_bytes_max bytes */
    uint64_t graph_size;         /* so many are there: SYS_GRAPH_BYTES_MIN at least */
    /* A receipt that came while more memory was waited for; NULL: nobody asks for any. */
    void (*receipt)(void *user, const struct sys_receipt *receipt);
    void *user;
};

/* Verify rules and parameters, open ring and view. Errors: JIT_EFORMAT, JIT_EVERSION and JIT_ELIMIT
 * (a rule, its parameters, or what was mapped does not verify), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err guest_loop_new(const struct guest_loop_options *options,
                                           struct guest_loop **out);
void guest_loop_free(struct guest_loop *loop); /* may be NULL */

/* ---- one step at a time, for a program of its own (proc/guest/jitos.h) ---- */

/* A request for a run of the boot record, with its parameters. */
struct guest_request {
    uint32_t run;
    const struct jit_id *ids; /* all of the match */
    uint32_t id_count;        /* at most JIT_PATTERN_ELEMENTS_MAX */
    uint64_t nonce;
    uint64_t cookie;
    bool receipt; /* wanted; the caller takes it from the ring */
};
/* Returning false stops. */
typedef bool guest_match_fn(void *user, const struct jit_id *ids, uint32_t id_count);

/* What it was born with, of a run. */
struct guest_run_info {
    const struct rmg_rule *rule;
    struct sys_bytes params;
    struct jit_id instance;
    struct rmg_shard shard;
};
struct guest_run_info guest_loop_run_info(const struct guest_loop *loop, uint32_t run);

/* The graph memory holds a graph of its own: the first three quarters behind the first page are
 * its, the rest is for requests that do not fit a slot. Gives where its part ends. */
uint64_t guest_loop_share(struct guest_loop *loop);
/* More graph memory; what of it is whose is divided anew. False: it is denied. */
bool guest_loop_grow(struct guest_loop *loop, uint64_t bytes);
uint64_t guest_loop_graph_size(const struct guest_loop *loop);

/* Ask for a collapse (docs/spec/sws.md), under all capabilities to write that it was born with.
 * Errors: JIT_ELIMIT (larger than its memory may be). */
struct guest_collapse {
    const uint8_t *bytes;
    size_t size;
    uint64_t nonce;
    uint64_t cookie;
    bool receipt;
};
JIT_MUST_CHECK enum jit_err guest_loop_collapse(struct guest_loop *loop,
                                                const struct guest_collapse *collapse);

/* Tell what has become of its own graph since its last tick. Errors: JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err guest_loop_own(struct guest_loop *loop, const struct jit_id *root,
                                           const uint8_t *patch, size_t patch_size);

uint64_t guest_loop_begin(struct guest_loop *loop); /* wait for the next tick; gives it */
/* Between begin and done. JIT_ENOENT: the instance of this run is not mapped; else as tick. */
JIT_MUST_CHECK enum jit_err guest_loop_graph(const struct guest_loop *loop, uint32_t run,
                                             struct rmg_graph *graph);
/* Every match of this run in the shard whose draws come out true; none where it is not mapped. */
JIT_MUST_CHECK enum jit_err guest_loop_match(struct guest_loop *loop, uint32_t run,
                                             guest_match_fn *visit, void *user);
JIT_MUST_CHECK enum jit_err guest_loop_request(struct guest_loop *loop,
                                               const struct guest_request *request);
void guest_loop_done(struct guest_loop *loop);

/* ---- all of it ---- */

/* Wait for the next tick, search, ask, say done. After an error the loop may only be freed:
 * JIT_ENOMEM, JIT_ECORRUPT (damaged data in the view), JIT_ESTALE (the version is gone), JIT_ELIMIT
 * (a request is larger than the graph memory). */
JIT_MUST_CHECK enum jit_err guest_loop_tick(struct guest_loop *loop);
/* Tick after tick, until an error. */
JIT_MUST_CHECK enum jit_err guest_loop_run(struct guest_loop *loop);
uint64_t guest_loop_last(const struct guest_loop *loop); /* the last tick it has said done to */

/* The exit status that tells of an error of new (started false) or tick. */
int guest_loop_exit(enum jit_err err, bool started);

#endif

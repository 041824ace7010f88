/* proc/guest/jitos.h - libjitos, <jitos.h>: write a worker of JITOS as a program of your own, in C.
 * Spec:  DESIGN 5.2, 7.1, 7.5, 14.7; docs/libjitos.md. Layer: proc/guest.
 *
 * A system file names the program, `process w[4] exec("./worker") run infect(p = 0.02) over
 * shard(/world)`, and the rules it may ask for, with their parameters: its runs, numbered from 0.
 * The supervisor starts it, linked with -static-pie, in a sandbox that is closed before the first
 * instruction: no files, no network, no clock, no other process, no thread; what it tries all the
 * same is its death. What it has is memory: a read-only view of the graph, a ring of requests.
 *
 *     struct jitos *jitos;
 *     if (jitos_attach(&jitos) != JIT_OK) return 1;
 *     for (;;) {
 *         jitos_begin(jitos);
 *         ... look at jitos_graph(), decide, jitos_request() ...
 *         jitos_done(jitos);
 *     }
 *
 * A tick. jitos_begin() waits until there is one: the graph is then that of the tick before, and
 * stands still until jitos_done(). All that was asked for in between is decided together with what
 * the other workers asked for; order does not matter. The supervisor believes nothing: it checks
 * right and match of each request anew.
 *
 * What it keeps. Its heap is scratch: nothing of the program survives a restart but what it has
 * written into the graph by requests, and its own graph (jitos_own), which it finds again as it was
 * when it last said done, whoever has died: itself, or its supervisor. A program that decides by
 * jitos_info(), the tick and the graphs alone gives the same run every time; one that asks for
 * random bytes or remembers more is recorded as it was, and replayed from the log.
 *
 * Errors are enum jit_err (base/err.h). A branch that is gone, a run that is not there, and a call
 * between begin and done that comes at another time are JIT_EINVALID; after one that is not JIT_OK
 * from attach, graph or match the best thing to do is to return from main: the process's policy
 * says what follows.
 *
 * What no program can mean ends it where it happens, by an assertion that is in every build: a
 * pointer that is NULL (`user` is the program's own; else the call says where one may be), ids,
 * branches or scores too, unless their count is 0; to begin a tick before the last one is done;
 * done or view outside of one. */
#ifndef JITOS_H
#define JITOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "rmg/change/patch.h"
#include "rmg/engine/native.h"
#include "rmg/store/graph.h"

struct jitos; /* there is one in a process */

struct jitos_info {
    struct jit_id process; /* its node in /proc */
    uint32_t index;        /* w[index] of */
    uint32_t count;        /* w[count] */
    uint64_t seed;         /* of the run */
    uint64_t start_tick;   /* the first one it works on; more than 1 after a restart */
    uint32_t run_count;    /* what it may ask for */
};

/* Map what this process was born with and verify it. Owns: *out lives as long as the process.
 * Errors: JIT_EIO (it was not started by a supervisor), JIT_EFORMAT, JIT_EVERSION, JIT_ENOMEM,
 * JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err jitos_attach(struct jitos **out);
struct jitos_info jitos_info(const struct jitos *jitos);

/* Wait for the next tick; gives its number. */
uint64_t jitos_begin(struct jitos *jitos);
/* Say that this tick has all of this worker's requests. */
void jitos_done(struct jitos *jitos);

/* ---- between begin and done ---- */

/* What of the past is known: the version to be seen is that of tick - 1; *durable is the newest one
 * known to be on disk. */
void jitos_view(const struct jitos *jitos, uint64_t *version, uint64_t *durable);

/* The instance that a run works on, at this version (rmg/store/graph.h reads it). Bytes it lends
 * out are good until done; nothing else has to be released. Errors: JIT_ENOENT (no grant lets this
 * process map it), JIT_ESTALE, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err jitos_graph(const struct jitos *jitos, uint32_t run,
                                        struct rmg_graph *out);
/* Every match of a run's rule in this worker's shard, as a worker without a program of its own
 * would ask for: guards hold and draws have come out true. visit: ids of all elements in the order
 * of the rule's text, borrowed; false stops. After the first tick only what has changed is looked
 * at. Errors: JIT_ENOMEM, JIT_ELIMIT, JIT_ESTALE, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err
jitos_match(struct jitos *jitos, uint32_t run,
            bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count), void *user);

struct jitos_request {
    uint32_t run;             /* rule, parameters, instance and capability are the run's */
    const struct jit_id *ids; /* a whole match; borrowed for the call */
    uint32_t id_count;
    uint64_t nonce;  /* 0, or a number that makes two equal requests of one tick two */
    uint64_t cookie; /* comes back in the receipt */
    bool receipt;    /* whether one is wanted; take it in a later tick */
};
/* Ask for one rewrite. May wait for the supervisor to make room.
 * Errors: JIT_EINVALID (no such run, more than 32 ids), JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err jitos_request(struct jitos *jitos, const struct jitos_request *request);

/* ---- what became of it ---- */

struct jitos_receipt {
    uint64_t cookie;
    uint64_t tick;    /* that decided */
    uint16_t result;  /* enum rmg_result: 0 applied, 6 conflict, 9 denied, ... (docs/libjitos.md) */
    uint32_t blocker; /* of a conflict: the number of the request that won; else 2^32-1 */
    /* Of a collapse that conflicts with what happened since its branch was forked: how many
     * in-slots and operations stand in its way, and the first of each; for others they mean
     * nothing. */
    uint32_t reads;
    uint32_t first_read;
    uint32_t operations;
    uint32_t first_operation;
};
/* The next one, if one waits. A worker that asks for receipts and does not take them comes to a
 * halt: the ring has room for 4,096. */
bool jitos_receipt(struct jitos *jitos, struct jitos_receipt *out);
/* How many of this worker's requests of the last tick had this result. */
uint64_t jitos_count(const struct jitos *jitos, uint16_t result);

/* ---- branches: to try something before it is asked for ---- */

/* A branch is a version of all that this process may map and of its own graph, to be changed as it
 * likes: nobody else sees it. Forking one costs nothing, and branches nest, 16 deep, 256 in all.
 * Collapsing one puts what it changed into what it was forked from. Forked from NULL: what it
 * changed in the own graph is committed at once, and what it changed in mounted instances becomes
 * one request, which is decided with the tick: it is done if all that the branch saw and replaced
 * is still so (a field with a join is joined), else nothing of it is.
 *
 * An instance is mounted read-write if a grant says `write` of it or of one around it, else
 * read-only. A branch rests
 * on the version that it was forked from; it may outlive its tick where the process says `keep N
 * versions`. Between begin and done. */
struct jitos_branch;

/* Before the first begin, once: with a graph of its own, which outlives the process, and with
 * `history` of its versions to undo (at most 64). Without this call the branches have an own graph
 * that is forgotten. Errors: JIT_ENOMEM, JIT_ESTALE, JIT_ECORRUPT (the graph is damaged: a process
 * that dies twice in a tick begins with an empty one), JIT_EINVALID (later, twice, more than 64).
 */
JIT_MUST_CHECK enum jit_err jitos_own(struct jitos *jitos, uint32_t history);
/* How much the own graph has, and may have: true where the process says `graph at most ...`. What
 * would make it more is refused with JIT_EQUOTA, and nothing of it is done. */
struct jitos_amount {
    uint64_t nodes;
    uint64_t edges;
    uint64_t bytes; /* of atoms */
};
bool jitos_own_use(const struct jitos *jitos, struct jitos_amount *use, struct jitos_amount *most);
/* The instance that the own graph begins with, and its root node. */
void jitos_own_place(struct jit_id *instance, struct jit_id *root_node);
/* The instance that a run works on; zero: there is no such run. */
struct jit_id jitos_place(const struct jitos *jitos, uint32_t run);

/* A branch is gone when it, or one that it was forked from, was dropped or collapsed: whatever is
 * asked of it then is JIT_EINVALID. While a change is open, no branch is forked, collapsed or
 * applied to and nothing is undone: JIT_EBUSY.
 * from: NULL, or a branch. Errors: JIT_ELIMIT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err jitos_fork(struct jitos *jitos, struct jitos_branch *from,
                                       struct jitos_branch **out);
/* With all that were forked from it; NULL, or one that is gone: nothing. */
void jitos_drop(struct jitos *jitos, struct jitos_branch *branch);
/* An instance as the branch sees it, until the branch changes; NULL: the tick's. Errors:
 * JIT_ENOENT, JIT_ESTALE (the branch is too old), JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err jitos_look(const struct jitos *jitos, const struct jitos_branch *branch,
                                       const struct jit_id *instance, struct rmg_graph *out);

/* Matches of a run's rule in the branch (NULL: in the tick's graph), and to apply it there: what it
 * looked at is noted, for the collapse rests on it. round: branches that draw differently have
 * different rounds. visit may apply. *result: 0 applied, else why not, as in a receipt. Errors:
 * JIT_ENOMEM, JIT_ECORRUPT, JIT_ECAP (the instance is mounted read-only), JIT_ESTALE, JIT_ELIMIT,
 * JIT_ENOSPC, JIT_ENOTSUP (the rule goes through portals: a branch is of one instance at a time).
 */
JIT_MUST_CHECK enum jit_err jitos_branch_match(
    struct jitos *jitos, const struct jitos_branch *branch, uint32_t run, uint32_t round,
    bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count), void *user);
JIT_MUST_CHECK enum jit_err jitos_apply(struct jitos *jitos, struct jitos_branch *branch,
                                        uint32_t run, const struct jit_id *ids, uint32_t id_count,
                                        uint32_t round, uint16_t *result);

/* Changes without a rule (rmg/patch.h, rmg/slot.h): all of what lies between change and end, or
 * nothing. branch NULL: the own graph alone. Ids of nodes and edges that are created in mounted
 * instances come from jitos_new_id. reads: what was decided rests on what is in this slot.
 * Errors: those of an apply; JIT_ENOENT, JIT_EDANGLING, JIT_EINVALID (the change is no valid one),
 * JIT_ENOTSUP (an instance or a portal in what is mounted); of end also JIT_EQUOTA. After an error
 * of op or reads: abort.
 * One is open at a time: whoever begins another one, or drops a branch meanwhile, ends it, and is
 * told JIT_EBUSY by op, reads and end. None is open: JIT_EINVALID. */
void jitos_change(struct jitos *jitos, struct jitos_branch *branch);
JIT_MUST_CHECK enum jit_err jitos_change_op(struct jitos *jitos, const struct rmg_op *op);
JIT_MUST_CHECK enum jit_err jitos_change_reads(struct jitos *jitos, const struct rmg_slot *slot);
JIT_MUST_CHECK enum jit_err jitos_change_end(struct jitos *jitos);
void jitos_change_abort(struct jitos *jitos);
JIT_MUST_CHECK enum jit_err jitos_new_id(struct jitos *jitos, const struct jitos_branch *branch,
                                         struct jit_id *out);

struct jitos_collapsed {
    uint64_t local;     /* operations done: in the own graph, or in the branch it was forked from */
    uint64_t shared;    /* operations in the request; 0: there is none */
    uint64_t conflicts; /* with JIT_ECONFLICT: places that both sides have changed otherwise */
};
/* The branch is gone afterwards, but after an error it is as it was. branch NULL: JIT_EINVALID. The
 * request's receipt comes if one is wanted. Errors: JIT_ECONFLICT, JIT_ESTALE, JIT_ENOMEM,
 * JIT_ENOSPC, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err jitos_collapse(struct jitos *jitos, struct jitos_branch *branch,
                                           bool receipt, uint64_t cookie,
                                           struct jitos_collapsed *out);
/* Keep the first of those with the greatest score, drop the others; NaN is smaller than all. Gives
 * its index; 0 of none. */
uint32_t jitos_choose(struct jitos *jitos, struct jitos_branch *const *branches,
                      const double *scores, uint32_t count);
/* Collapse branches that were forked from `into` into it, one after another, until one conflicts:
 * *merged of them are gone. Errors: as collapse. */
JIT_MUST_CHECK enum jit_err jitos_merge(struct jitos *jitos, struct jitos_branch *const *branches,
                                        uint32_t count, uint32_t *merged);

/* Rules in C on the own graph (rmg/engine/native.h, docs/native.md): rewrite until there is no
 * match, or at_most times, as one commit. After an error nothing of it has happened; *report says
 * what a rule did wrong. Errors: those of rmg_native_run(), of look, and of a change. */
JIT_MUST_CHECK enum jit_err jitos_native(struct jitos *jitos, const struct rmg_native_rule *rule,
                                         uint64_t at_most, struct rmg_native_report *report);

/* How many commits of the own graph can be undone; to undo the last `steps` of them, which is a
 * commit itself. Errors: JIT_EINVALID (steps), JIT_ENOMEM, JIT_ENOSPC. */
uint32_t jitos_history(const struct jitos *jitos);
JIT_MUST_CHECK enum jit_err jitos_undo(struct jitos *jitos, uint32_t steps);

#endif

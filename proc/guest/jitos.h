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
 * What it keeps. Nothing of the program survives a restart but what it has written into the graph
 * by requests: its heap is scratch. A program that decides by jitos_info(), the tick and the graph
 * alone gives the same run every time; one that asks for random bytes or remembers more is recorded
 * as it was, and replayed from the log.
 *
 * Errors are enum jit_err (base/err.h); after one that is not JIT_OK from attach, graph or match
 * the best thing to do is to return from main: the process's policy says what follows. */
#ifndef JITOS_H
#define JITOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
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
};
/* The next one, if one waits. A worker that asks for receipts and does not take them comes to a
 * halt: the ring has room for 4,096. */
bool jitos_receipt(struct jitos *jitos, struct jitos_receipt *out);
/* How many of this worker's requests of the last tick had this result. */
uint64_t jitos_count(const struct jitos *jitos, uint16_t result);

#endif

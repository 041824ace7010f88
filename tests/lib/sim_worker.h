/* tests/lib/sim_worker.h - a rules loader as a coroutine: the code of proc/guest over the real
 * ring, with its own ring, graph memory and heap, so that kernel/core and n workers run in one
 * thread (DESIGN 10).
 *
 * One round of a test: feed the kernel the event, carry out its actions (sim_worker_new for SPAWN,
 * _free for KILL, _wake for WAKE), let runnable workers run a while in an order drawn from the
 * seed, and turn sim_worker_rang into BELL and sim_worker_ended into EXITED. When nobody is
 * runnable and nothing rang, either the run is over or a wake-up was lost. */
#ifndef JIT_TESTS_SIM_WORKER_H
#define JIT_TESTS_SIM_WORKER_H

#include "base/random.h"
#include "syscall/boot.h"
#include "syscall/ring.h"

struct sim_worker;

struct sim_worker_options {
    struct sys_boot_spec boot; /* graph_bytes and view_bytes too; copied as its encoded record */
    const uint8_t *view;       /* of boot.view_bytes; borrowed */
    struct jit_random *random; /* who runs on is drawn from it; borrowed */
    uint32_t yield_one_in;     /* loads of the ring after which it yields on average; 0: never */
    uint64_t exit_from;        /* it asks to exit in each tick from this one on; 0: never */
    int32_t exit_status;       /* with this status */
};

/* As from a spawn: a fresh, zeroed ring, which it does not look at before it is first run. Ends the
 * program when the record does not encode or there is no memory. */
struct sim_worker *sim_worker_new(const struct sim_worker_options *options);
/* As a SIGKILL and a reap: at whatever instruction it is, all it held is gone. May be NULL. */
void sim_worker_free(struct sim_worker *worker);

struct sys_ring_memory sim_worker_ring(const struct sim_worker *worker); /* for the kernel's end */
/* The graph memory of boot.graph_bytes_max bytes is there from the start. */
const uint8_t *sim_worker_graph(const struct sim_worker *worker, uint64_t *size);

bool sim_worker_runnable(const struct sim_worker *worker); /* neither asleep nor ended */
void sim_worker_run(struct sim_worker *worker);  /* until it yields, sleeps or ends; if runnable */
void sim_worker_wake(struct sim_worker *worker); /* it sleeps on `call`, if at all */
bool sim_worker_rang(struct sim_worker *worker); /* its bell was rung since last asked */
bool sim_worker_ended(const struct sim_worker *worker, int *status); /* exit status */
uint64_t sim_worker_tick(const struct sim_worker *worker);           /* last tick it said done to */

#endif

/* tests/bench/bench_host.h - real workers in the sandbox, and waiting for them as the supervisor
 * does: spin up to 20 us, then announce, look once more and sleep. Whatever fails ends the program,
 * but for a machine that may not spawn: that is said. */
#ifndef JIT_TESTS_BENCH_HOST_H
#define JIT_TESTS_BENCH_HOST_H

#include "kernel/event/loop.h"
#include "kernel/event/waiter.h"
#include "kernel/worker.h"

#define BENCH_SPIN_NS 20000u /* as SUPERVISOR_SPIN_NS: nothing spins longer (DESIGN 14.6) */

struct bench_host {
    struct host_probe probe;
    struct host_loader loader;
    struct shell_nursery nursery;
    struct host_memory view;
    const struct shell_image *image; /* of workers started from now on; NULL: the rules loader */
    uint32_t slot;                   /* of the next one */
    struct shell_loop *loop;
    struct shell_waiter *waiter;
    int bell_fd;
    uint64_t bell_watch;
};

struct bench_worker {
    struct shell_worker worker;
    uint32_t bell_seen;
};

/* False when no worker can be started here; then why is on stderr, `what` being left out. */
bool bench_host_begin(struct bench_host *host, uint64_t view_bytes_max, const char *what);
void bench_host_end(struct bench_host *host);

/* spec: as for shell_worker_spawn. */
void bench_worker_start(struct bench_host *host, struct bench_worker *worker,
                        struct sys_boot_spec *spec);
/* The kernel's end of its ring, fresh. */
struct sys_ring_memory bench_worker_ring(const struct bench_worker *worker);
/* Kill it from outside, reap it, and start it again on its graph, as the supervisor does. */
void bench_worker_restart(struct bench_host *host, struct bench_worker *worker,
                          struct sys_boot_spec *spec);
/* Kill it and reap it. */
void bench_worker_end(struct bench_host *host, struct bench_worker *worker);

/* Wait until its bell has rung since the last time. One that does not ring for 10 s is a failure.
 */
void bench_worker_await(struct bench_host *host, struct bench_worker *worker, uint64_t spin_ns);
/* It sleeps on its call word: wake it. */
void bench_worker_wake(struct bench_worker *worker);
/* Let 10 s pass at most until it has announced that it sleeps. */
void bench_worker_await_sleep(const struct bench_worker *worker);

/* Two processors for two processes that talk: this thread's, and the other's. Two figures side by
 * side are taken on the same ones. */
struct bench_cores {
    size_t own;
    size_t other; /* == own when there is but one */
    unsigned char saved[128];
};
void bench_cores_take(struct bench_cores *cores);
/* A process to the other one. */
void bench_cores_move(const struct bench_cores *cores, int pid);
void bench_cores_give_back(const struct bench_cores *cores);

#endif

#include "tests/bench/bench_host.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

#define LOADER      "proc/guest/jitos-loader"
#define PATIENCE_NS 10000000000u

/* ---- the host ---- */

static void bell_ready(void *user, uint32_t revents)
{
    struct bench_host *host = user;
    uint64_t count = 0;
    (void)revents;
    ssize_t n = read(host->bell_fd, &count, sizeof count);
    (void)n; /* EAGAIN: read before; the bells are looked at anyway */
    shell_loop_arm(host->loop, host->bell_watch, POLLIN);
}

bool bench_host_begin(struct bench_host *host, uint64_t view_bytes_max, const char *what)
{
    char message[512] = "";
    *host = (struct bench_host){.loader = HOST_LOADER_NONE, .view = HOST_MEMORY_NONE};
    host_probe(&host->probe);
    if (host_probe_check(&host->probe, message, sizeof message) != JIT_OK) {
        fprintf(stderr, "bench: %s is left out: %s\n", what, message);
        return false;
    }
    const char *why = NULL;
    must(host_loader_open(LOADER, &host->loader, &why));
    must(host_memory_create(HOST_VIEW, SYS_VIEW_EXTENT_BYTES, view_bytes_max, &host->view));
    host->nursery.probe = &host->probe;
    host->nursery.loader = &host->loader;
    host->nursery.view = &host->view;
    must(host_filter_build(HOST_FILTER_START, &host->nursery.start));
    must(host_filter_build(HOST_FILTER_FINAL, &host->nursery.final));
    must(shell_loop_new(jit_heap_libc(), true, &host->loop));
    host->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(host->bell_fd >= 0);
    must(shell_waiter_new(jit_heap_libc(), host->bell_fd, &host->waiter));
    must(shell_loop_add(host->loop, host->bell_fd, bell_ready, host, &host->bell_watch));
    shell_loop_arm(host->loop, host->bell_watch, POLLIN);
    return true;
}

void bench_host_end(struct bench_host *host)
{
    shell_waiter_free(host->waiter);
    shell_loop_free(host->loop);
    close(host->bell_fd);
    host_memory_close(&host->view);
    host_loader_close(&host->loader);
}

/* ---- a worker ---- */

static uint32_t *word_of(const struct bench_worker *worker, uint64_t page, size_t offset)
{
    return (uint32_t *)(void *)(worker->worker.ring.base + page + offset);
}

static void spawn(struct bench_host *host, struct bench_worker *worker, struct sys_boot_spec *spec)
{
    struct host_fault fault = {.text = ""};
    worker->bell_seen = 0;
    enum jit_err err = shell_worker_spawn(&worker->worker, jit_heap_libc(), &host->nursery,
                                          host->image, host->slot++ % 1024, spec, &fault);
    if (err != JIT_OK) {
        fprintf(stderr, "bench: a worker could not be started: %s\n", fault.text);
    }
    must(err);
}

void bench_worker_start(struct bench_host *host, struct bench_worker *worker,
                        struct sys_boot_spec *spec)
{
    shell_worker_init(&worker->worker);
    spawn(host, worker, spec);
}

void bench_worker_restart(struct bench_host *host, struct bench_worker *worker,
                          struct sys_boot_spec *spec)
{
    struct host_exit how;
    int sent = kill(worker->worker.child.pid, SIGKILL);
    assert(sent == 0);
    must(shell_waiter_arm(host->waiter, NULL, 0)); /* its bell is about to be unmapped */
    must(shell_worker_reap(&worker->worker, true, &how));
    shell_worker_leave(&worker->worker);
    spawn(host, worker, spec);
}

struct sys_ring_memory bench_worker_ring(const struct bench_worker *worker)
{
    return (struct sys_ring_memory){.base = worker->worker.ring.base, .size = SYS_RING_BYTES};
}

void bench_worker_end(struct bench_host *host, struct bench_worker *worker)
{
    struct host_exit how;
    must(shell_waiter_arm(host->waiter, NULL, 0)); /* its bell is about to be unmapped */
    shell_worker_kill(&worker->worker);
    must(shell_worker_reap(&worker->worker, true, &how));
    shell_worker_release(&worker->worker);
    assert(how.killed);
}

void bench_worker_wake(struct bench_worker *worker)
{
    syscall(SYS_futex,
            word_of(worker, SYS_RING_KERNEL_OFFSET, offsetof(struct sys_ring_kernel, call)),
            FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Announce, look once more, sleep; a second at most. */
static void sleep_once(struct bench_host *host, const struct bench_worker *worker)
{
    const struct shell_bell bell = {
        .word = word_of(worker, SYS_RING_WORKER_OFFSET, offsetof(struct sys_ring_worker, bell)),
        .value = worker->bell_seen};
    uint32_t *sleeping =
        word_of(worker, SYS_RING_KERNEL_OFFSET, offsetof(struct sys_ring_kernel, sleeping));
    __atomic_store_n(sleeping, 1u, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(bell.word, __ATOMIC_SEQ_CST) == bell.value) {
        must(shell_waiter_arm(host->waiter, &bell, 1));
        shell_loop_run(host->loop, 1000000000u);
    }
    __atomic_store_n(sleeping, 0u, __ATOMIC_SEQ_CST);
}

void bench_worker_await(struct bench_host *host, struct bench_worker *worker, uint64_t spin_ns)
{
    const uint32_t *bell =
        word_of(worker, SYS_RING_WORKER_OFFSET, offsetof(struct sys_ring_worker, bell));
    uint64_t begin = bench_wall_ns();
    for (;;) {
        uint32_t value = __atomic_load_n(bell, __ATOMIC_ACQUIRE);
        if (value != worker->bell_seen) {
            worker->bell_seen = value;
            return;
        }
        uint64_t waited = bench_wall_ns() - begin;
        assert(waited < PATIENCE_NS);
        if (waited >= spin_ns) {
            sleep_once(host, worker);
        }
    }
}

void bench_worker_await_sleep(const struct bench_worker *worker)
{
    const uint32_t *sleeping =
        word_of(worker, SYS_RING_WORKER_OFFSET, offsetof(struct sys_ring_worker, sleeping));
    uint64_t begin = bench_wall_ns();
    while (__atomic_load_n(sleeping, __ATOMIC_ACQUIRE) == 0) {
        assert(bench_wall_ns() - begin < PATIENCE_NS);
        sched_yield();
    }
}

/* ---- processors ---- */

static_assert(sizeof(cpu_set_t) <= sizeof((struct bench_cores *)0)->saved, "it is kept there");

/* BENCH_RT: ahead of whatever else the machine is busy with, in so far as we may. */
static void hurry(int pid)
{
    const struct sched_param first = {.sched_priority = 1};
    if (getenv("BENCH_RT") != NULL && sched_setscheduler(pid, SCHED_FIFO, &first) != 0) {
        perror("bench: BENCH_RT: sched_setscheduler");
    }
}

static void pin(int pid, size_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    int failed = sched_setaffinity(pid, sizeof set, &set);
    assert(failed == 0);
}

void bench_cores_take(struct bench_cores *cores)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int failed = sched_getaffinity(0, sizeof set, &set);
    assert(failed == 0);
    memcpy(cores->saved, &set, sizeof set);
    cores->own = CPU_SETSIZE;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            cores->own = cores->own == CPU_SETSIZE ? cpu : cores->own;
            cores->other = cpu;
        }
    }
    assert(cores->own < CPU_SETSIZE);
    pin(0, cores->own);
    hurry(0);
}

void bench_cores_move(const struct bench_cores *cores, int pid)
{
    pin(pid, cores->other);
    hurry(pid);
}

void bench_cores_give_back(const struct bench_cores *cores)
{
    cpu_set_t set;
    memcpy(&set, cores->saved, sizeof set);
    int failed = sched_setaffinity(0, sizeof set, &set);
    assert(failed == 0);
    const struct sched_param plain = {.sched_priority = 0};
    failed = sched_setscheduler(0, SCHED_OTHER, &plain);
    assert(failed == 0);
}

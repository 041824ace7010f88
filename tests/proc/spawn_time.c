/* Goal:   the time of a spawn, beside bubblewrap doing less.
 * Method: from the call of host_spawn() until a loader that ends at once is reaped, and from
 * starting `bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true` until it is reaped, in
 *         turns; and until a loader has locked itself down. A line a figure, as make bench writes
 *         them. Usage: spawn_time [RUNS] [LOADER] */
#include <linux/futex.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "proc/host/memory.h"
#include "proc/host/spawn.h"
#include "tests/proc/loader.h"

#define RUNS_MAX 1000

static struct host_probe probe;
static struct host_loader loader;
static struct host_filter start_filter, final_filter;
static struct host_memory ring, graph, view, program;
static struct host_spawn_spec spec;

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(enum jit_err err, const char *what)
{
    if (err != JIT_OK) {
        (void)fprintf(stderr, "spawn_time: %s: %s\n", what, jit_err_text(err));
        exit(EXIT_FAILURE);
    }
}

static void prepare(const char *path)
{
    host_probe(&probe);
    must(host_loader_open(path, &loader), path);
    must(host_filter_build(HOST_FILTER_START, &start_filter), "filter");
    must(host_filter_build(HOST_FILTER_FINAL, &final_filter), "filter");
    must(host_memory_create(HOST_RING, LOADER_RING_BYTES, LOADER_RING_BYTES, &ring), "ring");
    must(host_memory_create(HOST_GRAPH, LOADER_GRAPH_BYTES, LOADER_GRAPH_BYTES_MAX, &graph),
         "graph");
    must(host_memory_create(HOST_VIEW, LOADER_VIEW_BYTES, LOADER_VIEW_BYTES_MAX, &view), "view");
    must(host_memory_program(&final_filter, host_filter_size(&final_filter), &program), "program");
    spec = (struct host_spawn_spec){
        .probe = &probe,
        .loader = &loader,
        .start = &start_filter,
        .ring_fd = ring.fd_worker,
        .graph_fd = graph.fd_worker,
        .view_fd = view.fd_worker,
        .program_fd = program.fd_worker,
        .sched = HOST_SCHED_BATCH,
        .shared_bytes_max = ring.size_max + graph.size_max + view.size_max + program.size_max,
        .heap_bytes = 64u << 20,
        .stack_bytes = 1u << 20,
    };
}

/* Until a worker that does `what` is there: ended, or locked in. */
static uint64_t time_spawn(char *what, bool until_locked)
{
    struct loader_ring *words = (struct loader_ring *)(void *)ring.base;
    struct host_child child;
    struct host_fault fault;
    struct host_exit end;
    char *const argv[] = {what, what, NULL};

    atomic_store(&words->state, LOADER_NOT_YET);
    spec.argv = argv;
    uint64_t start = now_ns();
    if (host_spawn(&spec, &child, &fault) != JIT_OK) {
        (void)fprintf(stderr, "spawn_time: %s\n", fault.text);
        exit(EXIT_FAILURE);
    }
    uint64_t took = 0;
    if (until_locked) {
        while (atomic_load(&words->state) == LOADER_NOT_YET) {
            (void)syscall(SYS_futex, &words->state, FUTEX_WAIT, LOADER_NOT_YET, NULL, NULL, 0);
        }
        took = now_ns() - start;
        host_child_kill(&child);
    }
    must(host_child_reap(&child, true, &end), "reap");
    if (!until_locked) {
        took = now_ns() - start;
        assert(!end.killed && end.code == 0);
    }
    return took;
}

static uint64_t time_bwrap(void)
{
    char *const argv[] = {(char[]){"bwrap"},
                          (char[]){"--unshare-all"},
                          (char[]){"--ro-bind"},
                          (char[]){"/"},
                          (char[]){"/"},
                          (char[]){"--proc"},
                          (char[]){"/proc"},
                          (char[]){"--dev"},
                          (char[]){"/dev"},
                          (char[]){"true"},
                          NULL};
    pid_t pid = -1;
    int status = -1;
    uint64_t start = now_ns();
    if (posix_spawnp(&pid, "bwrap", NULL, NULL, argv, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0) {
        return 0; /* not installed, or not allowed here */
    }
    return now_ns() - start;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static void report(const char *name, uint64_t *times, size_t count)
{
    qsort(times, count, sizeof times[0], by_value);
    (void)printf("{\"name\":\"%s\",\"n\":1,\"median_ns\":%llu,\"min_ns\":%llu,\"runs\":%zu}\n",
                 name, (unsigned long long)times[count / 2], (unsigned long long)times[0], count);
}

int main(int argc, char **argv)
{
    static uint64_t ours[RUNS_MAX], locked[RUNS_MAX], theirs[RUNS_MAX];
    size_t runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
    if (runs < 1 || runs > RUNS_MAX) {
        (void)fprintf(stderr, "usage: spawn_time [RUNS] [LOADER]\n");
        return 2;
    }
    prepare(argc > 2 ? argv[2] : "tests/proc/loader");
    bool beside = time_bwrap() != 0;
    for (size_t i = 0; i < runs; i++) {
        ours[i] = time_spawn((char[]){"nothing"}, false);
        locked[i] = time_spawn((char[]){"wait"}, true);
        theirs[i] = beside ? time_bwrap() : 0;
    }
    report("spawn_exit", ours, runs);
    report("spawn_locked", locked, runs);
    if (beside) {
        report("bwrap", theirs, runs);
    }
    return EXIT_SUCCESS;
}

/* bench [NAME [N_MAX]]: print the figures whose name contains NAME, for sizes up to N_MAX.
 * BENCH_CLOCK=cpu measures the thread's CPU time instead of wall time, for busy machines. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void (*const files[])(const struct bench *bench) = {
    bench_store,
    bench_engine,
};

static clockid_t bench_clock = CLOCK_MONOTONIC;

bool bench_wants(const struct bench *bench, const char *name, uint64_t n)
{
    return n <= bench->n_max && (bench->only == NULL || strstr(name, bench->only) != NULL);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_report(const struct bench *bench, const char *name, uint64_t n, double *samples,
                  size_t count)
{
    if (!bench_wants(bench, name, n) || count == 0) {
        return;
    }
    qsort(samples, count, sizeof *samples, ascending);
    printf("{\"name\":\"%s\",\"n\":%llu,\"median_ns\":%.1f,\"min_ns\":%.1f,\"runs\":%zu}\n", name,
           (unsigned long long)n, samples[count / 2], samples[0], count);
    fflush(stdout);
}

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(bench_clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    struct bench bench = {.only = argc > 1 && argv[1][0] != '\0' ? argv[1] : NULL,
                          .n_max = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000};
    const char *clock_name = getenv("BENCH_CLOCK");
    if (clock_name != NULL && strcmp(clock_name, "cpu") == 0) {
        bench_clock = CLOCK_THREAD_CPUTIME_ID;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        files[i](&bench);
    }
    return 0;
}

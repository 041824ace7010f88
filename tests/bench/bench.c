/* bench [NAME[,NAME...] [N_MAX]]: print the figures whose name contains one of NAME, for sizes up
 * to N_MAX.
 * BENCH_CLOCK=cpu measures the thread's CPU time instead of wall time, for busy machines;
 * BENCH_RT=1 (as root) takes what two processes do together at real-time priority, likewise. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void (*const files[])(const struct bench *bench) = {
    bench_process, /* first: a spawn costs with the memory its caller has touched */
    bench_store,   bench_lmdb,   bench_file,   bench_merge, bench_wsc,
    bench_rule,    bench_engine, bench_kernel, bench_disk,
};

static clockid_t bench_clock = CLOCK_MONOTONIC;

bool bench_wants(const struct bench *bench, const char *name, uint64_t n)
{
    if (n > bench->n_max || bench->only == NULL) {
        return n <= bench->n_max;
    }
    for (const char *at = bench->only; *at != '\0';) {
        char part[64];
        size_t size = strcspn(at, ",");
        snprintf(part, sizeof part, "%.*s", (int)size, at);
        if (size > 0 && strstr(name, part) != NULL) {
            return true;
        }
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return false;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_report_bytes(const struct bench *bench, const char *name, uint64_t n, uint64_t bytes,
                        double *samples, size_t count)
{
    if (!bench_wants(bench, name, n) || count == 0) {
        return;
    }
    qsort(samples, count, sizeof *samples, ascending);
    printf("{\"name\":\"%s\",\"n\":%llu,\"median_ns\":%.1f,\"min_ns\":%.1f,\"runs\":%zu", name,
           (unsigned long long)n, samples[count / 2], samples[0], count);
    if (bytes > 0) {
        printf(",\"bytes\":%llu", (unsigned long long)bytes);
    }
    printf("}\n");
    fflush(stdout);
}

void bench_report(const struct bench *bench, const char *name, uint64_t n, double *samples,
                  size_t count)
{
    bench_report_bytes(bench, name, n, 0, samples, count);
}

static uint64_t read_clock(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_now_ns(void)
{
    return read_clock(bench_clock);
}

uint64_t bench_wall_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
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

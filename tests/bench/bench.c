/* bench [NAME[,NAME...] [N_MAX]]: print the figures whose name contains one of NAME, for sizes up
 * to N_MAX.
 * At the end each figure that has a bar is judged on stderr, a line each.
 * BENCH_CLOCK=cpu measures the thread's CPU time instead of wall time, for busy machines;
 * BENCH_RT=1 (as root) takes what two processes do together at real-time priority, likewise. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void (*const files[])(const struct bench *bench) = {
    bench_process, /* first: a spawn costs with the memory its caller has touched */
    bench_script,  bench_store,  bench_lmdb, bench_file,       bench_merge, bench_wsc, bench_rule,
    bench_engine,  bench_kernel, bench_disk, bench_checkpoint, bench_cap,   bench_sws,
};

static clockid_t bench_clock = CLOCK_MONOTONIC;

/* ---- bars ---- */

/* A figure's bar: so many ns (or bytes), or so many times another figure of this run, or so many ns
 * for each byte of its own. Of roundtrip and roundtrip_asleep one has to be met. */
#define EACH_BYTE "byte"
struct bar {
    const char *name;
    uint64_t n; /* 0: every size */
    double limit;
    const char *times; /* limit is a factor of this figure, or of the figure's bytes */
    uint64_t times_n;
};
static const struct bar bars[] = {
    {"tick1", 1000000, 10e3, NULL, 0},
    {"tick1", 1000000, 5, "tick1", 1000},
    {"tick1_struct", 1000000, 40e3, NULL, 0},
    {"tick_tenth", 1000000, 250e6, NULL, 0},
    {"tick_tenth_2", 1000000, 1 / 1.5, "tick_tenth_wall", 1000000},
    {"conflict", 16000, 50e6, NULL, 0},
    {"sts", 100000, 500e6, NULL, 0},
    {"sts", 1000000, 15, "sts", 100000},
    {"sierpinski", 12, 1.2e9, NULL, 0},
    {"sierpinski_2", 12, 700e6, NULL, 0},
    {"colour2", 100000, 1e9, NULL, 0},
    {"colour2", 100000, 20, "colour2", 10000},
    {"acyclic", 100000, 1e9, NULL, 0},
    {"acyclic", 100000, 20, "acyclic", 10000},
    {"topsort", 100000, 1e9, NULL, 0},
    {"topsort", 100000, 20, "topsort", 10000},
    {"reverse", 100000, 1e9, NULL, 0},
    {"reverse", 100000, 20, "reverse", 10000},
    {"set1000", 1000000, 1 / 3.0, "lmdb_put_1000", 1000000},
    {"get", 1000000, 1, "lmdb_get", 1000000},
    {"iterate", 1000000, 1, "lmdb_iterate", 1000000},
    {"merge10", 1000000, 100e3, NULL, 0},
    {"open_rmg", 1000000, 1e6, NULL, 0},
    {"open_wsc", 1000000, 1e6, NULL, 0},
    {"verify_image", 1000000, 1 / 1.5, EACH_BYTE, 0},
    {"verify_deep", 1000000, 1 / 0.4, EACH_BYTE, 0},
    {"write_wsc", 1000000, 1 / 0.5, EACH_BYTE, 0},
    {"proof_bytes", 1000000, 2048, NULL, 0},
    {"fork", 0, 100, NULL, 0},
    {"diff10", 1000000, 15e3, NULL, 0},
    {"build", 1000000, 2.5e9, NULL, 0},
    {"build_unsorted", 1000000, 2.5e9, NULL, 0},
    {"memory_bytes", 1000000, 600, NULL, 0},
    {"memory_two_bytes", 1000000, 900, NULL, 0},
    {"roundtrip_asleep", 0, 1.5, "futex", 0},
    {"roundtrip", 0, 1.5, "futex", 0},
    {"verify", 100000, 1e3, NULL, 0},
    {"durable_tick", 0, 1.4, "raw_dsync", 0},
    {"durable_rows", 0, 0.2, "sqlite_rows", 0},
    {"spawn_a", 0, 0.5, "bwrap", 0},
    {"spawn_b", 0, 0.5, "bwrap", 0},
    {"spawn_a", 4, 1.3, "spawn_a", 0},
    {"spawn_b", 4, 1.3, "spawn_b", 0},
    {"worker_restart", 0, 5e6, NULL, 0},
    {"flood_p99", 1, 2, "quiet_p99", 1},
    {"sws_fork", 0, 100, NULL, 0},
    {"collapse100", 1000000, 300e3, NULL, 0},
    {"cap_check", 8, 100, NULL, 0},
    {"cap_revoke", 100000, 1e3, NULL, 0},
    {"checkpoint_bytes", 1000, 2e6, NULL, 0},
    {"checkpoint_pause", 64, 10e6, NULL, 0},
    {"restore", 1000000, 1e9, NULL, 0},
    {"seek", 100000, 100e6, NULL, 0},
    {"replay_tick", 1000000, 50e3, NULL, 0},
};

/* What was reported, for the bars. */
#define FIGURES_MAX 256u
static struct {
    char name[32];
    uint64_t n;
    uint64_t bytes; /* 0: of nothing that has a size */
    double median;
} figures[FIGURES_MAX];
static size_t figure_count;

static double figure_of(const char *name, uint64_t n)
{
    for (size_t i = 0; i < figure_count; i++) {
        if (strcmp(figures[i].name, name) == 0 && (n == 0 || figures[i].n == n)) {
            return figures[i].median;
        }
    }
    return -1;
}

static void judge(const char *name, uint64_t n, double median, double limit, const char *how)
{
    fprintf(stderr, "bench: %-16s n %-8llu %14.1f   bar %14.1f%s   %5.2f of it   %s\n", name,
            (unsigned long long)n, median, limit, how, median / limit,
            median <= limit ? "met" : "MISSED");
}

static void judge_all(void)
{
    for (size_t b = 0; b < sizeof bars / sizeof bars[0]; b++) {
        const struct bar *bar = &bars[b];
        bool each_byte = bar->times != NULL && strcmp(bar->times, EACH_BYTE) == 0;
        double other = bar->times == NULL || each_byte ? 1 : figure_of(bar->times, bar->times_n);
        for (size_t i = 0; i < figure_count && other >= 0; i++) {
            if (strcmp(figures[i].name, bar->name) == 0 &&
                (bar->n == 0 || bar->n == figures[i].n)) {
                other = each_byte ? (double)figures[i].bytes : other;
                char how[64] = "";
                if (bar->times != NULL) {
                    snprintf(how, sizeof how, " (%.2f x %s)", bar->limit, bar->times);
                }
                judge(bar->name, figures[i].n, figures[i].median, bar->limit * other, how);
            }
        }
    }
    double futex = figure_of("futex", 0);
    double tick = figure_of("tick1", 100000);
    double both = figure_of("roundtrip_tick", 100000);
    if (futex >= 0 && tick >= 0 && both >= 0) {
        judge("roundtrip_tick", 100000, both, futex + tick + 5e3, " (futex + tick1 + 5 us)");
    }
}

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
    if (figure_count < FIGURES_MAX) {
        snprintf(figures[figure_count].name, sizeof figures[0].name, "%s", name);
        figures[figure_count].n = n;
        figures[figure_count].bytes = bytes;
        figures[figure_count++].median = samples[count / 2];
    }
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
    judge_all();
    return 0;
}

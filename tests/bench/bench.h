/* tests/bench/bench.h - measuring: each file gives one function that reports figures, main calls
 * them all. A figure is a line of bench.ndjson: {"name","n","median_ns","min_ns","runs"}; one that
 * counts bytes says so in its name and has bytes in place of nanoseconds. One that goes through
 * bytes says how many: {...,"bytes"}. */
#ifndef JIT_TESTS_BENCH_H
#define JIT_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench {
    const char *only; /* parts of names, between commas: the figures wanted; NULL: all */
    uint64_t n_max;   /* sizes above are left out */
};

bool bench_wants(const struct bench *bench, const char *name, uint64_t n);
/* samples are sorted in place. */
void bench_report(const struct bench *bench, const char *name, uint64_t n, double *samples,
                  size_t count);
void bench_report_bytes(const struct bench *bench, const char *name, uint64_t n, uint64_t bytes,
                        double *samples, size_t count);
uint64_t bench_now_ns(void);
uint64_t bench_wall_ns(void); /* wall time, whatever BENCH_CLOCK says */

/* One line here and one in bench.c for each file. */
void bench_cap(const struct bench *bench);
void bench_checkpoint(const struct bench *bench);
void bench_disk(const struct bench *bench);
void bench_engine(const struct bench *bench);
void bench_file(const struct bench *bench);
void bench_kernel(const struct bench *bench);
void bench_lmdb(const struct bench *bench);
void bench_merge(const struct bench *bench);
void bench_process(const struct bench *bench);
void bench_rule(const struct bench *bench);
void bench_script(const struct bench *bench);
void bench_store(const struct bench *bench);
void bench_sws(const struct bench *bench);
void bench_wsc(const struct bench *bench);

#endif

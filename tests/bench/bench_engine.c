/* Ticks: the whole pipeline from requests to the commit, on the bed of bench_bed.h. tick1: one
 * rewrite that sets one atom; tick1_struct: one that makes a node, an edge and an atom; tick_tenth:
 * n/10 rewrites that set one atom each. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/bench/bench_bed.h"

#define RUNS_MAX 2001
#define WARM     16

static void bench_one(const struct bench *bench, struct bench_bed *bed, const char *name,
                      const struct rmg_rule *rule)
{
    static double samples[RUNS_MAX];
    if (!bench_wants(bench, name, bed->n)) {
        return;
    }
    for (size_t i = 0; i < RUNS_MAX + WARM; i++) {
        const struct jit_id *id = &bed->ids[jit_random_below(&bed->random, bed->n)];
        bench_bed_new_value(bed);
        struct rmg_request request = bench_bed_request(bed, rule, id);
        double ns = bench_bed_tick(bed, &request, 1, NULL);
        if (i >= WARM) {
            samples[i - WARM] = ns;
        }
    }
    bench_report(bench, name, bed->n, samples, RUNS_MAX);
}

static void bench_tenth(const struct bench *bench, struct bench_bed *bed)
{
    double samples[RUNS_MAX];
    size_t runs = bed->n >= 100000 ? 7 : 101;
    uint32_t count = (uint32_t)(bed->n / 10);
    if (!bench_wants(bench, "tick_tenth", bed->n)) {
        return;
    }
    struct rmg_request *requests = bench_array(count, sizeof *requests);
    for (size_t run = 0; run < runs; run++) {
        bench_bed_new_value(bed);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t at = (uint64_t)i * 10 + jit_random_below(&bed->random, 10);
            requests[i] = bench_bed_request(bed, bed->put, &bed->ids[at]);
        }
        samples[run] = bench_bed_tick(bed, requests, count, NULL);
    }
    bench_report(bench, "tick_tenth", bed->n, samples, runs);
    free(requests);
}

void bench_engine(const struct bench *bench)
{
    const uint64_t sizes[] = {1000, 10000, 100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bench_bed bed;
        bool wanted = bench_wants(bench, "tick1", sizes[i]) ||
                      bench_wants(bench, "tick1_struct", sizes[i]) ||
                      bench_wants(bench, "tick_tenth", sizes[i]);
        if (!wanted) {
            continue;
        }
        bench_bed_begin(&bed, sizes[i]);
        bench_one(bench, &bed, "tick1", bed.put);
        bench_tenth(bench, &bed);
        bench_one(bench, &bed, "tick1_struct", bed.grow);
        bench_bed_end(&bed);
    }
}

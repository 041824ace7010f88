/* Ticks: the whole pipeline from requests to the commit, on the bed of bench_bed.h. tick1: one
 * rewrite that sets one atom; tick1_struct: one that makes a node, an edge and an atom; tick_tenth:
 * n/10 rewrites that set one atom each; tick_tenth_2: the same on two threads, always by the wall
 * clock, beside tick_tenth_wall, whose ticks run on one thread in between. conflict: n requests,
 * two for a node, each setting its atom to another value: half of them lose (of 100,000 nodes). */
#include <stdlib.h>

#include "base/check.h"
#include "kernel/event/pool.h"
#include "tests/bench/bench_bed.h"
#include "tests/lib/must.h"

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

/* A tenth of the nodes, another choice for every tick. */
static void choose_tenth(struct bench_bed *bed, struct rmg_request *requests)
{
    bench_bed_new_value(bed);
    for (uint64_t i = 0; i < bed->n / 10; i++) {
        uint64_t at = i * 10 + jit_random_below(&bed->random, 10);
        requests[i] = bench_bed_request(bed, bed->put, &bed->ids[at]);
    }
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
        choose_tenth(bed, requests);
        samples[run] = bench_bed_tick(bed, requests, count, NULL);
    }
    bench_report(bench, "tick_tenth", bed->n, samples, runs);
    free(requests);
}

static void bench_threads(const struct bench *bench, struct bench_bed *bed)
{
    double samples[2][RUNS_MAX];
    struct rmg_tick_output made;
    struct shell_pool *pool = NULL;
    struct rmg_engine *engines[2] = {bed->engine, NULL};
    const size_t runs = bed->n >= 100000 ? 9 : 101;
    const uint32_t count = (uint32_t)(bed->n / 10);
    if (!bench_wants(bench, "tick_tenth_2", bed->n)) {
        return;
    }
    struct rmg_request *requests = bench_array(count, sizeof *requests);
    must(shell_pool_new(jit_heap_libc(), 2, &pool));
    must(rmg_engine_new(jit_heap_libc(), bed->store, shell_pool_exec(pool), &engines[1]));
    for (size_t run = 0; run < 2 * runs; run++) {
        choose_tenth(bed, requests);
        samples[run % 2][run / 2] =
            bench_bed_tick_of(bed, engines[run % 2], bench_wall_ns, requests, count, &made);
        assert(made.applied == count);
    }
    bench_report(bench, "tick_tenth_wall", bed->n, samples[0], runs);
    bench_report(bench, "tick_tenth_2", bed->n, samples[1], runs);
    rmg_engine_free(engines[1]);
    shell_pool_free(pool);
    free(requests);
}

#define CANDIDATES 16000u

static void bench_conflict(const struct bench *bench)
{
    double samples[51];
    struct bench_bed bed;
    struct rmg_tick_output made;
    uint8_t params[2][sizeof bed.params];
    if (!bench_wants(bench, "conflict", CANDIDATES)) {
        return;
    }
    bench_bed_begin(&bed, 100000);
    struct rmg_request *requests = bench_array(CANDIDATES, sizeof *requests);
    for (size_t run = 0; run < sizeof samples / sizeof *samples; run++) {
        for (unsigned k = 0; k < 2; k++) {
            bench_bed_new_value(&bed);
            memcpy(params[k], bed.params, sizeof bed.params);
        }
        for (uint32_t i = 0; i < CANDIDATES; i++) {
            requests[i] = bench_bed_request(&bed, bed.put, &bed.ids[i / 2]);
            requests[i].params = params[i % 2];
        }
        samples[run] =
            bench_bed_tick_of(&bed, bed.engine, bench_now_ns, requests, CANDIDATES, &made);
        assert(made.applied == CANDIDATES / 2);
        assert(made.counts[RMG_CONFLICT] == CANDIDATES / 2);
    }
    bench_report(bench, "conflict", CANDIDATES, samples, sizeof samples / sizeof *samples);
    free(requests);
    bench_bed_end(&bed);
}

void bench_engine(const struct bench *bench)
{
    const uint64_t sizes[] = {1000, 10000, 100000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bench_bed bed;
        bool wanted = bench_wants(bench, "tick1", sizes[i]) ||
                      bench_wants(bench, "tick1_struct", sizes[i]) ||
                      bench_wants(bench, "tick_tenth", sizes[i]) ||
                      bench_wants(bench, "tick_tenth_2", sizes[i]);
        if (!wanted) {
            continue;
        }
        bench_bed_begin(&bed, sizes[i]);
        bench_one(bench, &bed, "tick1", bed.put);
        bench_tenth(bench, &bed);
        bench_threads(bench, &bed);
        bench_one(bench, &bed, "tick1_struct", bed.grow);
        bench_bed_end(&bed);
    }
    bench_conflict(bench);
}

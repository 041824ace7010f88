/* tests/bench/bench_bed.h - an engine over a binary tree of n nodes P, n - 1 edges D and a 16-byte
 * atom a node: what ticks are measured on. Whatever fails ends the program. */
#ifndef JIT_TESTS_BENCH_BED_H
#define JIT_TESTS_BENCH_BED_H

#include "base/random.h"
#include "rmg/engine/engine.h"
#include "tests/bench/bench.h"
#include "tests/lib/sample_rules.h"

struct bench_bed {
    uint64_t n;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_engine *engine;
    struct rmg_version version;
    struct jit_id parent;
    uint64_t tick; /* the next one */
    struct jit_id instance;
    struct jit_id *ids;    /* of the n nodes */
    struct rmg_rule *put;  /* set a.v = v */
    struct rmg_rule *grow; /* create (x:P), (x)-[:D]->(a) set x.v = v */
    struct jit_random random;
    uint8_t params[32];
    uint32_t params_size;
};

void bench_bed_begin(struct bench_bed *bed, uint64_t n);
void bench_bed_end(struct bench_bed *bed);

/* A new 16-byte value for every tick: what is written differs from what is there. */
void bench_bed_new_value(struct bench_bed *bed);
/* Borrows id, and the bed's value as parameters. */
struct rmg_request bench_bed_request(const struct bench_bed *bed, const struct rmg_rule *rule,
                                     const struct jit_id *id);
/* Run one tick, in which every request must be applied; go on from there. Gives its time in ns.
 * output may be NULL. */
double bench_bed_tick(struct bench_bed *bed, struct rmg_request *requests, uint32_t count,
                      struct rmg_tick_output *output);
/* The same with any engine over the bed's store, by any clock, with any results. */
double bench_bed_tick_of(struct bench_bed *bed, struct rmg_engine *engine, uint64_t (*now_ns)(void),
                         struct rmg_request *requests, uint32_t count,
                         struct rmg_tick_output *output);

/* Zeroed; free() it. */
void *bench_array(uint64_t count, size_t size);
/* B3("prefix" || u64): distinct ids for distinct numbers. */
struct jit_id bench_id(const char *prefix, uint64_t number);

#endif

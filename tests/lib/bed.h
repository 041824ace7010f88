/* tests/lib/bed.h - an engine over a small random graph of P nodes and D edges, with its naive twin
 * and random requests: what test_engine works on. One instance, the top one. */
#ifndef JIT_TESTS_BED_H
#define JIT_TESTS_BED_H

#include "base/random.h"
#include "rmg/engine/engine.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/naive_root.h"
#include "tests/lib/sample_rules.h"

#define BED_REQUESTS 96u
#define BED_QUOTAS   3u

struct bed {
    struct fault_heap mem; /* of store and engine */
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_engine *engine;
    struct rmg_version version;
    struct jit_id parent;
    uint64_t tick; /* the next one */
    struct jit_random random;
    struct naive_state model;
    struct jit_id instance;
    struct jit_id *nodes;
    size_t node_count;
    struct rmg_edge *edges;
    size_t edge_count;
    struct rmg_rule *rules[SAMPLE_RULES];
};

/* Requests and all they point to. */
struct bed_batch {
    struct rmg_request requests[BED_REQUESTS];
    struct jit_id ids[BED_REQUESTS][4];
    uint8_t params[BED_REQUESTS][32];
    uint32_t count;
    uint64_t quotas[BED_QUOTAS];
};

/* nodes P with state 0, 1 or 2, hits 0 and v; edges D between random ones. naive: keep the twin
 * (slow for large graphs). */
void bed_begin(struct bed *bed, size_t nodes, size_t edges, uint64_t seed, bool naive);
void bed_end(struct bed *bed);

/* A request of one rule at one node or edge, with everything else at its plainest. */
struct rmg_request *bed_request(struct bed *bed, struct bed_batch *batch, enum sample_rule rule,
                                size_t place);
/* Random ones, some wrong, denied, equal or over their quota. */
void bed_requests(struct bed *bed, struct bed_batch *batch, uint32_t count);
void bed_copy(struct bed_batch *to, const struct bed_batch *from);
void bed_shuffle(struct jit_random *random, struct bed_batch *batch);

/* The input of the next tick. */
struct rmg_tick_input bed_input(struct bed *bed, struct bed_batch *batch);
/* Go on from there. */
void bed_advance(struct bed *bed, const struct rmg_tick_output *output);
/* The patch, on a store of its own that stands on the same base. */
void bed_replay(struct bed *other, const struct rmg_tick_output *output);

#endif

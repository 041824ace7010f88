/* tests/lib/world.h - a store and its naive twin under the same random operations, with ids that
 * are random or chosen to hurt. */
#ifndef JIT_TESTS_WORLD_H
#define JIT_TESTS_WORLD_H

#include "base/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/naive_root.h"

enum world_ids {
    WORLD_RANDOM,
    WORLD_SEQUENTIAL, /* the number in the last bytes */
    WORLD_PREFIX,     /* 28 bytes in common */
    WORLD_ONE_BIT,    /* one bit apart from each other, at every depth */
    WORLD_EXTREME,    /* near all zeros and all ones */
    WORLD_IDS
};

/* The n-th id of a kind. */
struct jit_id world_id(enum world_ids kind, uint64_t seed, uint64_t n);

#define WORLD_INSTANCES 5u
#define WORLD_POOL      48u
#define WORLD_TYPES     5u

struct world {
    struct fault_heap heap;
    struct rmg_arena *arena[2];
    struct rmg_store *store;
    struct naive_state model;
    struct rmg_version version;
    struct jit_random random;
    struct jit_id instances[WORLD_INSTANCES]; /* [0]: the top */
    struct jit_id nodes[WORLD_POOL];
    struct jit_id edges[WORLD_POOL];
    struct jit_id types[WORLD_TYPES];
    uint8_t atom[1024]; /* scratch */
};

/* A store with a top instance and its root node, sealed. */
void world_begin(struct world *world, enum world_ids kind, uint64_t seed, uint64_t arena_bytes);
void world_end(struct world *world);

/* The same random operation on tx and model; both errors. */
struct world_result {
    enum jit_err store;
    enum jit_err model;
};
struct world_result world_step(struct world *world, struct rmg_tx *tx, struct naive_state *model);

#endif

/* tests/lib/plain.h - random states whose owners have at most one attachment, the nameless one, in
 * a store and as their naive twin: what a .wsc file can hold. */
#ifndef JIT_TESTS_PLAIN_H
#define JIT_TESTS_PLAIN_H

#include "tests/lib/world.h"

struct plain {
    struct fault_heap heap;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct naive_state model;
    struct rmg_version version;
};

struct plain_size {
    unsigned instances; /* 1 to this */
    unsigned nodes;     /* 1 to this, an instance */
    unsigned edges;     /* 0 to this, an instance */
    uint64_t arena_bytes;
};

/* Ids of a kind; where they are equal by chance there are fewer. */
void plain_begin(struct plain *plain, enum world_ids kind, uint64_t seed,
                 const struct plain_size *size);
void plain_end(struct plain *plain);

#endif

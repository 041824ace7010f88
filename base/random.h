/* base/random.h - one seeded generator a subsystem (DESIGN 10): splitmix64, for tests, simulation
 * and the drawing of fault points. Nothing it makes ever reaches hashed bytes: those draw from
 * B3[K("random")] (DESIGN 14.2). */
#ifndef JIT_BASE_RANDOM_H
#define JIT_BASE_RANDOM_H

#include <stdint.h>

struct jit_random {
    uint64_t state;
};

static inline struct jit_random jit_random_of(uint64_t seed)
{
    return (struct jit_random){seed};
}

static inline uint64_t jit_random_next(struct jit_random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* 0 <= result < bound; bound > 0. */
static inline uint64_t jit_random_below(struct jit_random *random, uint64_t bound)
{
    return jit_random_next(random) % bound;
}

#endif

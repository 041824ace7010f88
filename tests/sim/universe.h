/* tests/sim/universe.h - the whole system in one thread: kernel/core with workers as coroutines
 * over the real ring, the real log, blobs, checkpoints and recovery over a simulated disk, and
 * everything that may go wrong drawn from one seed. Spec: DESIGN 10, 12.
 *
 * Shape:  a universe has lives: a supervisor starts from what is on the disk, makes ticks, and is
 * ended by what its seed has for it: a cut of power with a torn disk, its own death, a failing or
 * full disk, a refused allocation, or at rest. In every life workers may be killed and stalled, and
 * their memory rewritten. The last life has no more faults and reaches the tick that was asked for.
 *
 * What must hold, looked at while it runs:
 *   - what was acknowledged is recovered, and nothing that was not submitted (I4);
 *   - every tick has the root and commit that it was first made durable with; and where no worker
 *     was hostile or hung, those of a run in which nothing went wrong (I3);
 *   - no request without a covering capability is applied (I2); the process `thief` has none;
 *   - the state verifies after every tick, without dangling edges (I8);
 *   - each tick's record holds to tests/sim/laws.h (I1, I9);
 *   - where something was denied, it is said why (I10);
 *   - a refused allocation, a bad disk, hostile bytes end in an orderly stop, without a leak (I7).
 */
#ifndef JIT_TESTS_UNIVERSE_H
#define JIT_TESTS_UNIVERSE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/laws.h"

struct universe_count {
    uint64_t universes;
    uint64_t lives;
    uint64_t ticks;   /* made, those made again included */
    uint64_t workers; /* killed */
    uint64_t stalls;
    uint64_t hangs;
    uint64_t power; /* cuts */
    uint64_t torn;  /* recoveries that erased a torn batch */
    uint64_t deaths;
    uint64_t disk;   /* operations that failed, or from which on all failed */
    uint64_t memory; /* allocations refused, likewise */
    uint64_t writes; /* of hostile workers into their rings */
    uint64_t checkpoints;
    uint64_t restarts_from_checkpoints;
    struct laws_count laws; /* what they were tried on */
};

#define UNIVERSE_TICKS_MAX 4096u

struct universe_options {
    uint64_t seed;
    uint64_t ticks; /* 1 to UNIVERSE_TICKS_MAX - 1 */
    bool lie;       /* the disk says that it synced and has not: this must be found out */
};

/* One universe. False: something did not hold, and what says it. count is added to. */
bool universe_run(const struct universe_options *options, struct universe_count *count, char *what,
                  unsigned what_size);

/* All counts, one line, on stdout. */
void universe_print(const struct universe_count *count);

#endif

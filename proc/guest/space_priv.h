/* proc/guest/space_priv.h - shared by space.c (life, a tick, ending a branch) and space_rules.c. */
#ifndef JIT_PROC_GUEST_SPACE_PRIV_H
#define JIT_PROC_GUEST_SPACE_PRIV_H

#include "proc/guest/space.h"
#include "rmg/store/scratch.h"

struct guest_space {
    struct guest_space_options options;
    struct rmg_arena home_arena;
    uint8_t *heap_graph; /* where there is no fd 4 */
    struct sws_home home;
    struct rmg_arena layer;
    struct sws *sws;
    struct sws_mount *mounts;
    struct rmg_search **searches; /* of each run, for branches; NULL: none yet */
    struct rmg_scratch scratch;
    struct jit_buf values;
    uint64_t tick;
    uint64_t nonce; /* collapses sent in this tick */
};

#endif

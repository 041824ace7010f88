/* tests/kernel/core/sim_hands.h - workers that are the test itself: it writes their rings, while
 * each step of the core starts and ends them, keeps the log for a replay and the last report. */
#ifndef JIT_TESTS_SIM_HANDS_H
#define JIT_TESTS_SIM_HANDS_H

#include "syscall/decode.h"
#include "tests/lib/sim_kernel.h"

struct sim_hand {
    uint8_t *graph; /* its graph memory, which is its owner's; NULL: none */
    size_t graph_size;
    uint8_t *memory; /* of its ring: anew at each start */
    struct sys_ring_guest ring;
    struct sys_boot_run_spec uses[2]; /* of its boot record: the first runs, */
    uint64_t mapped;                  /* and where the first instance lies, 0: it sees none */
    bool runs;
    uint64_t begun; /* the tick it is in */
    uint64_t starts;
    struct sys_receipt receipts[64];
    size_t receipt_count;
};

struct sim_hands {
    struct sim_kernel *sim;
    struct sim_hand *hand; /* one a process, in the order of the processes */
    uint32_t count;
    char stopped[256]; /* why the core has stopped; empty: it has not */
};

/* An event for the core, and all that it asks for thereupon. */
void sim_hands_step(struct sim_hands *hands, struct kern_event event);
void sim_hands_bell(struct sim_hands *hands, uint32_t process);
/* Who runs has begun its tick and says done, without a bell. */
void sim_hand_done(struct sim_hand *hand);
void sim_hand_take_receipts(struct sim_hand *hand);
/* Replays the log, which must give the same; frees the rings. */
void sim_hands_end(struct sim_hands *hands);

#endif

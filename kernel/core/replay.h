/* kernel/core/replay.h - from a log to a state: every recovery and every verification goes through
 * here. Spec:  DESIGN 9.2 "every recovery replays and compares roots", 4.5, 14.8. Layer:
 * kernel/core; pure: the log's records and the genesis bytes are handed in. */
#ifndef JIT_KERNEL_CORE_REPLAY_H
#define JIT_KERNEL_CORE_REPLAY_H

#include "kernel/core/beside.h"
#include "kernel/core/record.h"

/* The events that make a run not deterministic (DESIGN 7.5): all counted, the first ones kept. */
#define KERN_DEVIATIONS_MAX 64u
struct kern_deviation {
    uint64_t tick;
    enum kern_record_event_kind kind; /* FAILED or HUNG */
    struct jit_id process;
};
struct kern_deviations {
    uint64_t count;
    struct kern_deviation first[KERN_DEVIATIONS_MAX];
};
/* An event of a tick, of any kind: it is kept when it is such a one. */
void kern_deviations_note(struct kern_deviations *deviations, uint64_t tick,
                          const struct kern_record_event *event);

struct kern_replay {
    struct jit_heap *heap;
    struct rmg_store *store;
    struct rmg_version version; /* after the last record */
    struct jit_id commit;       /* likewise; zero before the genesis */
    uint64_t tick;
    uint64_t records;
    uint64_t applied; /* receipts by result, over all ticks */
    uint64_t denied;
    struct kern_deviations deviations;
    struct kern_beside beside; /* what processes have beside the state */
    struct rmg_patch_stream *genesis;
    struct rmg_tx *genesis_tx;
    const char *what; /* after an error: what did not fit */
};

void kern_replay_init(struct kern_replay *replay, struct jit_heap *heap, struct rmg_store *store);
/* Begin at a checkpoint in place of a genesis: the version is the newest of the store. The next
 * tick is tick + 1. */
void kern_replay_start(struct kern_replay *replay, const struct rmg_version *version,
                       const struct jit_id *commit, uint64_t tick);
/* Gives back a genesis under way, and what processes have. The store stays the caller's. */
void kern_replay_release(struct kern_replay *replay);

/* The genesis: begin, its bytes in pieces of any size, then the record's claims.
 * Errors: JIT_EFORMAT, JIT_EINVALID, JIT_EDIVERGED (another root, digest or commit than claimed),
 * JIT_ENOMEM, JIT_ENOSPC. */
JIT_MUST_CHECK enum jit_err kern_replay_genesis_begin(struct kern_replay *replay);
JIT_MUST_CHECK enum jit_err kern_replay_genesis_feed(struct kern_replay *replay,
                                                     const uint8_t *bytes, size_t size);
/* commit and root: what the log claims; NULL when this is how a new system is made. */
JIT_MUST_CHECK enum jit_err kern_replay_genesis_end(struct kern_replay *replay,
                                                    const struct jit_id *commit,
                                                    const struct jit_id *root);

/* One tick after the genesis, compared with what the log claims. Errors: as above, JIT_EBASE. */
JIT_MUST_CHECK enum jit_err kern_replay_tick(struct kern_replay *replay, uint64_t tick,
                                             const struct jit_id *commit, const struct jit_id *root,
                                             const uint8_t *payload, size_t payload_size);

/* The commit that follows `parent` when a patch gives this state: with `other` (zeros: none) as a
 * second parent, without requests. */
void kern_edit_commit(const struct jit_id *parent, const struct jit_id *other, uint64_t tick,
                      const struct jit_id *state_root, const uint8_t *patch, size_t patch_size,
                      struct jit_id *out);

#endif

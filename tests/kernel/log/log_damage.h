/* tests/kernel/log/log_damage.h - damage to a log that nobody writes: every bit, every length,
 * every block in another's place, every file gone.
 *
 * The oracle: refused, naming record and byte; or, where only the unsealed last batch (or the room
 * after the last one) is hit, an exact prefix that holds everything before that batch. */
#ifndef JIT_TESTS_LOG_DAMAGE_H
#define JIT_TESTS_LOG_DAMAGE_H

#include "tests/kernel/log/log_model.h"

struct damage_count {
    uint64_t cases;
    uint64_t refused;
    uint64_t torn;
    uint64_t unseen; /* lost writes of the last batch: nothing is left to see */
    bool failed;
    bool stop_at_failure;
    char what[512];
};

/* A log of `work`, closed with a seal or with an unsealed last batch of three ticks. */
struct damage_log {
    const struct work *work;
    struct sim_disk *disk;
    struct model model;
    uint64_t floor; /* ticks that no damage to the last batch can take */
};
void damage_log_make(const struct work *work, bool sealed, struct damage_log *out);
void damage_log_release(struct damage_log *log);

/* Every bit of every byte; in sectors of zeros one bit of every byte. stride: bytes from one to the
 * next, 1 for all. */
void damage_flips(struct damage_log *log, unsigned stride, struct damage_count *count);
void damage_lengths(struct damage_log *log, unsigned stride, struct damage_count *count);
void damage_blocks(struct damage_log *log, struct damage_count *count);
void damage_files(struct damage_log *log, struct damage_count *count);
/* No damage: somebody writes while it is read. The first look at a segment shows zeros where
 * something was written a moment later: in each sector, and from each to the segment's end. */
void damage_none_but_old(struct damage_log *log, struct damage_count *count);

#endif

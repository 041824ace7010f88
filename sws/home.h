/* sws/home.h - the process graph: a store in memory that outlives its process.
 * Spec:  DESIGN 7.2; docs/spec/sws.md has the bytes of the page.
 * Layer: sws; base and rmg.
 *
 * The memory begins with a page that says where the committed versions lie: `tick`, the version the
 * process had when it said done to a tick, and `latest`. Each is published by one release-store
 * that switches between two places, so a process that is killed at any instruction leaves its last
 * commit intact: whoever opens the memory again finds it without copying or repairing anything.
 * What a version reaches is never reused while it is the `latest`, the `tick` or the `tick` before
 * that (the kernel may not have taken the newer one); only memory that lay free at the time of the
 * death stays unused. */
#ifndef JIT_SWS_HOME_H
#define JIT_SWS_HOME_H

#include <assert.h>

#include "rmg/change/amount.h"

/* A version as the page keeps it. 96 bytes, little-endian. */
struct sws_root {
    uint64_t number; /* tick: the tick; latest: how many have been published */
    uint64_t epoch;
    uint64_t used; /* bytes of the memory in which all of it lies */
    uint64_t live; /* of them, bytes in use */
    uint64_t instance_count;
    uint32_t instances;
    uint32_t zero;
    struct jit_id state_root;
    uint8_t reserved[16];
};
static_assert(sizeof(struct sws_root) == 96, "wire size");

#define SWS_HOME_MAGIC 0x454d4f48u /* "HOME" */
#define SWS_HOME_MAJOR 1u
#define SWS_HOME_MINOR 0u
struct sws_home_page {
    uint32_t magic; /* stored last: 0 means that nothing was published yet */
    uint16_t major;
    uint16_t minor;
    uint64_t base;   /* bytes of the memory in front of the first cell */
    uint64_t tick;   /* the place of ticks[] with this number holds it */
    uint64_t latest; /* latests[latest & 1] holds it */
    struct sws_root ticks[2];
    struct sws_root latests[2];
};
static_assert(sizeof(struct sws_home_page) == 416, "wire size");

struct sws_home {
    struct rmg_arena *arena; /* borrowed */
    struct rmg_store *store;
    struct sws_home_page *page; /* in the memory */
    struct rmg_version ticks[2];
    bool has_tick[2];          /* ticks[] are pinned */
    struct rmg_version latest; /* pinned */
    bool bounded;              /* by what whoever opened it has set: */
    struct rmg_amount use;     /* how much the latest has, */
    struct rmg_amount most;    /* and may have */
};

/* Open, or begin: a page that is all zero is a new home. arena: initialised over the memory, behind
 * the page. tick: go on from what was committed with this tick or the last before it that was done;
 * what came after is gone. Errors: JIT_EFORMAT, JIT_EVERSION, JIT_ECORRUPT (the page points
 * outside), JIT_ESTALE (there is no such version any more), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err sws_home_open(struct jit_heap *heap, struct rmg_arena *arena,
                                          struct sws_home_page *page, uint64_t tick,
                                          struct sws_home *out);
void sws_home_close(struct sws_home *home);

/* Publish the newest version of home->store. Errors: JIT_ENOMEM; then nothing was published. */
JIT_MUST_CHECK enum jit_err sws_home_commit(struct sws_home *home,
                                            const struct rmg_version *version);
/* Publish the latest as what the process had at the end of `tick`, before it says done. Ticks
 * ascend; those that a process sits out are left out. */
JIT_MUST_CHECK enum jit_err sws_home_done(struct sws_home *home, uint64_t tick);

/* From here on the latest has no more than `most`. use: what it has now. */
static inline void sws_home_bound(struct sws_home *home, const struct rmg_amount *use,
                                  const struct rmg_amount *most)
{
    home->bounded = true;
    home->use = *use;
    home->most = *most;
}

/* What it had at the end of its last tick; the empty version: it had none. Pinned. */
struct rmg_version sws_home_last(const struct sws_home *home);

/* Somebody else's home, read only: a copy of the page is judged, bounds are checked at every step
 * of reading afterwards. tick: 0 for the latest. Errors: as open. */
JIT_MUST_CHECK enum jit_err sws_home_look(const struct sws_home_page *page, uint64_t size,
                                          uint64_t tick, struct rmg_version *version,
                                          uint64_t *used);

#endif

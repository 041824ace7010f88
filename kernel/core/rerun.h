/* kernel/core/rerun.h - a history made again by its rules: every tick's requests, as the log has
 * them, go through rings, rights and engine once more, and what comes out is compared with the log.
 * Spec:  DESIGN 7.5, 9.3; docs/spec/log.md "Replay". Layer: kernel/core; pure: records are handed
 * in.
 *
 * Where a replay (replay.h) applies the patch of a tick, this judges and rewrites: it notices a log
 * whose patches do not follow from what was asked. Workers are not needed; what they said is in the
 * log, and so is what happened to them. An edit is no run's work and is applied.
 *
 * Processes that say so are run again all the same (DESIGN 7.5, `replay rerun`), by somebody who
 * has hands: then what they ask for and what they keep are compared with the log as well. */
#ifndef JIT_KERNEL_CORE_RERUN_H
#define JIT_KERNEL_CORE_RERUN_H

#include "kernel/core/core.h"

struct kern_rerun;

/* The options are those of a core: the state that the first record follows. Errors: as
 * kern_core_new. */
JIT_MUST_CHECK enum jit_err kern_rerun_new(const struct kern_core_options *options,
                                           struct kern_rerun **out, const char **where);
void kern_rerun_free(struct kern_rerun *rerun); /* may be NULL */

/* How a process is run again. What is called from within a tick must not step the core. */
struct kern_rerun_hands {
    void *user;
    bool (*runs)(void *user, uint32_t process, const struct kern_process_config *config);
    /* Start it, for the next tick of the core; what was before has ended. event: its memories, as
     * of SPAWNED. Errors: JIT_EAGAIN (it ended before it began), any other: *why says more. */
    enum jit_err (*spawn)(void *user, struct kern_core *core, uint32_t process,
                          struct kern_event *event, const char **why);
    void (*wake)(void *user, uint32_t process);
    enum jit_err (*grow)(void *user, uint32_t process, uint64_t bytes);
    /* Until its bell has rung since it was last waited for, or it has ended: how, in *how. Errors:
     * JIT_EBUDGET (it takes too long), JIT_EAGAIN (give up). */
    enum jit_err (*wait)(void *user, uint32_t process, const char **how);
    void (*end)(void *user, uint32_t process); /* its memories stay until it is started again */
};
/* Before the first tick. */
void kern_rerun_give_hands(struct kern_rerun *rerun, const struct kern_rerun_hands *hands);

/* The next tick. Errors: JIT_EDIVERGED (it comes out otherwise), JIT_EFORMAT, JIT_EVERSION (the
 * payload), JIT_ENOMEM, JIT_ENOSPC, those of hands; kern_rerun_what says what. After an error it
 * may only be freed.
 */
JIT_MUST_CHECK enum jit_err kern_rerun_tick(struct kern_rerun *rerun, uint64_t tick,
                                            const struct jit_id *commit, const struct jit_id *root,
                                            const uint8_t *payload, size_t payload_size);
const char *kern_rerun_what(const struct kern_rerun *rerun);

struct rmg_version kern_rerun_version(const struct kern_rerun *rerun);
struct jit_id kern_rerun_commit(const struct kern_rerun *rerun);

#endif

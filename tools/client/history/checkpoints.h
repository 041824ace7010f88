/* tools/client/history/checkpoints.h - what the verbs about checkpoints and branches share. Layer:
 * tools. */
#ifndef JIT_TOOLS_CHECKPOINTS_H
#define JIT_TOOLS_CHECKPOINTS_H

#include "kernel/system.h"
#include "tools/cli/cli.h"
#include "tools/formats/graph.h"

/* Build a checkpoint's state and throw it away. Errors and *why: as ckpt_load. */
JIT_MUST_CHECK enum jit_err checkpoint_try(const struct ckpt_manifest *manifest, struct jit_io *io,
                                           const char **why);

/* A new data folder whose history begins with this state and what processes have beside it. */
struct checkpoint_founding {
    struct rmg_state state;
    const struct kern_beside *beside;
    const struct ckpt_manifest *manifest; /* tick, commit, genesis, counters, origin are taken */
    uint64_t segment_bytes;               /* of its log; 0: the default */
    /* The folder that has the manifest's segments, which are used in the new one as they are where
     * both lie on one file system; NULL: the state is written. */
    const char *from;
    const uint8_t *uuid; /* of its log, LOG_UUID_BYTES; NULL: a random one */
};
/* Returns an exit code; said. */
int checkpoint_found(struct cli *cli, const char *into, const struct checkpoint_founding *what);

/* A uuid for a new log. False: the system has none to give. */
bool checkpoint_uuid(uint8_t uuid[LOG_UUID_BYTES]);

/* May a checkpoint, or a branch ("new branch"), be called so? HEAD and main mean something else.
 * Returns an exit code; what and why are said. */
int checkpoint_named(struct cli *cli, const char *what, const char *name);

/* May a new data folder be made there? Returns an exit code; said. */
int checkpoint_into(struct cli *cli, const char *into);

/* A manifest of the state that an opened system stands at. */
void checkpoint_of_system(const struct shell_system *system, struct ckpt_manifest *out);

#endif

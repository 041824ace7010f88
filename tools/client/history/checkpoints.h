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

/* A new data folder whose history begins with this state and what processes have beside it. from:
 * the folder that has the manifest's segments, which are used in the new one as they are where both
 * lie on one file system; NULL: the state is written. manifest: tick, commit, genesis, counters and
 * origin are taken. segment_bytes of its log, 0: the default. Returns an exit code; said. */
int checkpoint_found(struct cli *cli, const char *into, const struct rmg_state *state,
                     const struct kern_beside *beside, const struct ckpt_manifest *manifest,
                     uint64_t segment_bytes, const char *from);

/* May a new data folder be made there? Returns an exit code; said. */
int checkpoint_into(struct cli *cli, const char *into);

/* A manifest of the state that an opened system stands at. */
void checkpoint_of_system(const struct shell_system *system, struct ckpt_manifest *out);

#endif

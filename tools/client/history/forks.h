/* tools/client/history/forks.h - a new data folder from any tick of a history. Layer: tools. */
#ifndef JIT_TOOLS_FORKS_H
#define JIT_TOOLS_FORKS_H

#include "tools/client/settings.h"

struct fork_made {
    uint64_t from; /* the tick it left at */
    uint64_t tick; /* where it stands: one further when something was set */
    struct jit_id commit;
    struct jit_id root;
};

/* Found `path`, which must be free, at a tick of the folder data, with what is set as its first
 * tick. It is there as a whole or not at all. Returns an exit code; said. */
int fork_make(struct cli *cli, const char *data, uint64_t tick, const struct settings *settings,
              const char *path, struct fork_made *made);

#endif

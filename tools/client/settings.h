/* tools/client/settings.h - other parameters and another seed for a system that is there: `--set
 * k=v` and
 * `--seed` as a patch on its state. Spec:  docs/spec/checkpoint.md "Forks". Layer: tools. */
#ifndef JIT_TOOLS_SETTINGS_H
#define JIT_TOOLS_SETTINGS_H

#include "kernel/system.h"
#include "tools/cli/cli.h"

struct settings {
    const char *const *set; /* "p=0.3" or "infect.p=0.3" */
    size_t set_count;
    bool has_seed;
    uint64_t seed;
};

/* The patch on the state that the system stands at; empty when nothing is set. The system's store
 * goes on to what the patch gives: it serves for reading only from then on. Returns an exit code;
 * said. */
int settings_patch(struct cli *cli, const struct settings *settings, struct shell_system *system,
                   struct jit_buf *patch);

#endif

/* tools/client/parameters.h - values that somebody sets for the parameters of rules: p=0.3, or
 * infect.p=0.3 for one rule. What `jitos run --param`, `fork --set` and `sweep --vary` share.
 * Layer: tools. */
#ifndef JIT_TOOLS_PARAMETERS_H
#define JIT_TOOLS_PARAMETERS_H

#include "rmg/lang/lang.h"
#include "tools/cli/cli.h"

struct parameters {
    struct cli *cli;
    const char *option; /* that they were given with */
    const char *const *set;
    size_t count;
    bool *used; /* of each: something had this parameter */
};

/* All return an exit code; said. */
int parameters_begin(struct parameters *parameters, struct cli *cli, const char *option,
                     const char *const *set, size_t count);
/* The bound parameters of a rule with what is set in their place, appended. */
int parameters_bind(struct parameters *parameters, const struct rmg_rule *rule,
                    const uint8_t *params, uint32_t params_size, struct jit_buf *out,
                    bool *changed);
/* CLI_USAGE: nothing had one of them. */
int parameters_end(struct parameters *parameters);
void parameters_release(struct parameters *parameters);

/* A system with them in place of what its file says; what it does not change is borrowed. Release
 * it whatever comes back. */
struct parameters_system {
    struct lang_system system;
    struct lang_process *processes;
    struct lang_run **runs; /* of each process */
};
int parameters_apply(struct parameters *parameters, const struct lang_system *from,
                     struct parameters_system *out);
void parameters_system_release(struct parameters_system *out);

#endif

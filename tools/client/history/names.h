/* tools/client/history/names.h - what rules and processes are called. Layer: tools. */
#ifndef JIT_TOOLS_NAMES_H
#define JIT_TOOLS_NAMES_H

#include "kernel/core/root.h"

#define NAMES_SIZE (JIT_NAME_BYTES_MAX + 16u)

/* "infect", and "w[2]"; the first digits of an id that the configuration (NULL: none) has not. */
void names_rule(const struct kern_config *config, const struct jit_id *id, char out[NAMES_SIZE]);
void names_process(const struct kern_config *config, const struct jit_id *id, char out[NAMES_SIZE]);

#endif

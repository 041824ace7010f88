#include "tools/client/history/names.h"

#include <stdio.h>

#include "rmg/change/collapse.h"

static void digits(const struct jit_id *id, char out[NAMES_SIZE])
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    snprintf(out, NAMES_SIZE, "%.12s", hex);
}

void names_rule(const struct kern_config *config, const struct jit_id *id, char out[NAMES_SIZE])
{
    const struct rmg_rule *rule = config == NULL ? NULL : kern_config_rule(config, id);
    if (rule != NULL) {
        snprintf(out, NAMES_SIZE, "%s", rule->name);
        return;
    }
    if (jit_id_equal(id, rmg_collapse_rule())) {
        snprintf(out, NAMES_SIZE, "collapse of a branch");
        return;
    }
    digits(id, out);
}

void names_process(const struct kern_config *config, const struct jit_id *id, char out[NAMES_SIZE])
{
    for (uint32_t i = 0; config != NULL && i < config->process_count; i++) {
        const struct kern_process_config *process = &config->processes[i];
        if (jit_id_equal(&process->id, id)) {
            snprintf(out, NAMES_SIZE, "%s[%u]", process->name, process->index);
            return;
        }
    }
    digits(id, out);
}

#include "base/check.h"
#include "kernel/core/core_priv.h"

/* What a capability covers: its instance and those nested in it (DESIGN 8). So a request's instance
 * is looked at together with those it lies in, up to the top. */

void kern_lineage_read(const struct kern_core *core, const struct jit_id *instance,
                       struct kern_lineage *out)
{
    struct rmg_instance at;
    out->tick = core->tick;
    out->ids[0] = *instance;
    out->count = 1;
    /* One that is not there, or cannot be read, lies in no other: only its own name covers it. */
    while (out->count <= JIT_DEPTH_MAX &&
           rmg_store_instance(core->options.store, &core->version, &out->ids[out->count - 1],
                              &at) == JIT_OK &&
           at.parent.present) {
        out->ids[out->count++] = at.parent.instance;
    }
}

const struct kern_lineage *kern_lineage_of(struct kern_core *core, struct kern_process *process,
                                           uint32_t instance)
{
    assert(instance < process->instance_count);
    struct kern_lineage *lineage = process->lineages[instance];
    if (lineage == NULL) {
        lineage = jit_heap_zalloc(core->heap, 1, sizeof *lineage);
        if (lineage == NULL) {
            return NULL;
        }
        process->lineages[instance] = lineage;
    }
    if (lineage->count == 0 || lineage->tick != core->tick) {
        kern_lineage_read(core, &process->instances[instance], lineage);
    }
    return lineage;
}

#include "base/check.h"
#include "kernel/core/intent_priv.h"

/* May it be done? Each request against the capability it names, as it is in this tick; what follows
 * from match and rule, the types of what is matched and written, is judged by the engine's gates.
 */

/* NULL: there was no memory. */
static const struct kern_lineage *lineage_of(struct kern_core *core, uint32_t index,
                                             const struct kern_pending *pending)
{
    return pending->intent != NULL
               ? &pending->intent->lineage
               : kern_lineage_of(core, &core->processes[index], pending->instance);
}

static enum sys_cap_verdict check_once(const struct kern_core *core, uint32_t index,
                                       const struct kern_pending *pending,
                                       const struct sys_cap_need *need, uint32_t *node)
{
    enum sys_cap_verdict verdict = sys_caps_check(core->sec->caps, index, pending->cap_slot,
                                                  pending->cap_generation, need, node);
    return verdict == SYS_CAP_ALLOWED && pending->intent != NULL
               ? kern_intent_covers(core, pending->intent, need)
               : verdict;
}

/* Most capabilities name the very instance; where it lies is asked only if this one does not. */
static bool check_capability(struct kern_core *core, uint32_t index,
                             const struct kern_pending *pending, struct sys_cap_need *need,
                             enum sys_cap_verdict *verdict, uint32_t *node)
{
    *verdict = check_once(core, index, pending, need, node);
    if (*verdict != SYS_CAP_OTHER_INSTANCE) {
        return true;
    }
    const struct kern_lineage *lineage = lineage_of(core, index, pending);
    if (lineage == NULL) {
        return false;
    }
    need->outer = lineage->ids + 1;
    need->outer_count = lineage->count - 1;
    *verdict = check_once(core, index, pending, need, node);
    return true;
}

/* The instances the kernel keeps itself: no rule writes what the kernel is run by, has read once
 * and would read otherwise after a recovery. */
bool kern_is_kernels(const struct kern_core *core, const struct jit_id *instance)
{
    size_t i = 0;
    while (i < KERN_KEPT && !jit_id_equal(instance, &core->kept[i])) {
        i++;
    }
    return i < KERN_KEPT;
}

/* Under an invoke right: what is matched within it, what is written within the rights of the
 * rule's owner. */
static bool judge_invoke(struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                         struct rmg_request *request, const struct sys_cap_need *need,
                         enum sys_cap_verdict *verdict)
{
    struct sys_cap_need write = {.right = SYS_RIGHT_WRITE, .instance = need->instance};
    if (core->sec->owner_count == 0) {
        return true;
    }
    const struct kern_lineage *lineage = lineage_of(core, index, pending);
    if (lineage == NULL) {
        return false;
    }
    write.outer = lineage->ids + 1;
    write.outer_count = lineage->count - 1;
    *verdict = kern_sec_owner(core->sec, &request->rule_id, &write, &request->writes);
    return true;
}

static bool judge(struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                  struct rmg_request *request, const struct jit_id *digest,
                  enum sys_cap_verdict *verdict, uint32_t *node)
{
    struct sys_cap_need need = {.right = SYS_RIGHT_INVOKE,
                                .rule_id = &request->rule_id,
                                .instance = &request->instance,
                                .params_digest = digest,
                                .params = request->params,
                                .params_size = request->params_size,
                                .priority = request->rule->priority};
    if (!check_capability(core, index, pending, &need, verdict, node)) {
        return false;
    }
    const struct kern_sec_extra *extra = *node == SYS_CAP_NONE ? NULL : &core->sec->extra[*node];
    const struct rmg_gate *gate = extra != NULL && extra->gated ? &extra->gate : NULL;
    if (pending->intent != NULL && pending->intent->gated) {
        gate = &pending->intent->gate; /* within the other one */
    }
    if (*verdict == SYS_CAP_ALLOWED) {
        request->within = gate;
        return judge_invoke(core, index, pending, request, &need, verdict);
    }
    if (*verdict != SYS_CAP_NO_RIGHT && *verdict != SYS_CAP_OTHER_RULE &&
        *verdict != SYS_CAP_OTHER_PARAMS) {
        return true;
    }
    /* No right to invoke this rule, so: then each operation has to be covered by the right to
     * write. Which rules, and with which parameters, narrows what is invoked alone. */
    struct sys_cap_need write = {.right = SYS_RIGHT_WRITE,
                                 .instance = &request->instance,
                                 .priority = request->rule->priority,
                                 .ranked = true};
    enum sys_cap_verdict may_write = SYS_CAP_ALLOWED;
    if (!check_capability(core, index, pending, &write, &may_write, node)) {
        return false;
    }
    if (may_write == SYS_CAP_ALLOWED) {
        *verdict = SYS_CAP_ALLOWED;
        request->within = gate;
        request->writes = gate;
    } else if (may_write == SYS_CAP_PRIORITY) {
        *verdict = may_write; /* it has a right that would do, were it not for the rule's rank */
    }
    return true;
}

/* The invariants hold in /world and below. False: there was no memory. */
static bool watch(struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                  struct rmg_request *request)
{
    const struct kern_lineage *lineage = lineage_of(core, index, pending);
    for (uint32_t i = 0; lineage != NULL && i < lineage->count; i++) {
        request->watched = request->watched || jit_id_equal(&lineage->ids[i], &core->world);
    }
    return lineage != NULL;
}

/* Does it lie in /world? Remembered for the tick: many requests go through one portal. What they
 * name is theirs to choose, so only so much is remembered. */
static bool in_world(struct kern_core *core, const struct jit_id *instance)
{
    struct kern_inside *inside = &core->insides[instance->bytes[0] % KERN_INSIDES];
    struct kern_lineage lineage;
    if (inside->tick != core->tick + 1 || !jit_id_equal(&inside->instance, instance)) {
        *inside = (struct kern_inside){.instance = *instance, .tick = core->tick + 1};
        core->inside_reads++;
        kern_lineage_read(core, instance, &lineage);
        for (uint32_t i = 0; i < lineage.count; i++) {
            inside->in_world = inside->in_world || jit_id_equal(&lineage.ids[i], &core->world);
        }
    }
    return inside->in_world;
}

/* The instances that its portals lead to, as it says: verification finds out whether they do, and
 * then they are nested in the one that the capability covers. False: the kernel keeps one of them.
 */
static bool judge_inside(struct kern_core *core, struct rmg_request *request)
{
    const struct rmg_rule *rule = request->rule;
    if (request->id_count != rmg_rule_id_count(rule)) {
        return true; /* it will not verify */
    }
    for (uint32_t k = 0; k < rule->portal_count; k++) {
        const struct jit_id *inside = &request->ids[rule->element_count + k];
        bool watched = request->watched;
        if (kern_is_kernels(core, inside)) {
            return false;
        }
        if (!watched && core->config->invariant_count > 0) {
            watched = in_world(core, inside);
        }
        request->watched_inside |= (uint16_t)(watched ? 1u << k : 0);
    }
    return true;
}

/* Which rule, and where. False: there is no such thing. */
static bool name(const struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                 struct rmg_request *request)
{
    const struct kern_process *process = &core->processes[index];
    if (pending->intent != NULL) {
        request->rule = pending->intent->rule;
        request->instance = pending->intent->it.instance;
    } else if (pending->rule < process->rule_count && pending->instance < process->instance_count) {
        request->rule = process->rules[pending->rule];
        request->instance = process->instances[pending->instance];
    } else {
        return false;
    }
    request->rule_id = request->rule->id;
    return true;
}

bool kern_judge(struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                struct rmg_request *request, struct kern_source *source, uint32_t *node)
{
    request->result = RMG_INVALID;
    if (!name(core, index, pending, request)) {
        return true;
    }
    struct jit_id digest;
    if (rmg_params_check(request->rule, request->params, request->params_size, &digest) != JIT_OK) {
        return true;
    }
    if (!judge(core, index, pending, request, &digest, &source->verdict, node)) {
        return false;
    }
    if (source->verdict == SYS_CAP_ALLOWED && kern_is_kernels(core, &request->instance)) {
        source->verdict = SYS_CAP_OTHER_INSTANCE;
    }
    if (source->verdict == SYS_CAP_ALLOWED && pending->intent == NULL &&
        core->processes[index].remapped) {
        source->verdict = SYS_CAP_REMAP;
    }
    request->result = source->verdict == SYS_CAP_ALLOWED ? RMG_APPLIED : RMG_DENIED;
    return true;
}

bool kern_authorise(struct kern_core *core, uint32_t index, const struct kern_pending *pending,
                    struct rmg_request *request, struct kern_source *source)
{
    uint32_t node = SYS_CAP_NONE;
    if (pending->collapse != NULL) {
        kern_collapse_authorise(core, index, pending, request, source);
        return true;
    }
    if (!kern_judge(core, index, pending, request, source, &node)) {
        return false;
    }
    if (request->result != RMG_APPLIED) {
        return true;
    }
    if (core->config->invariant_count > 0 && !watch(core, index, pending, request)) {
        return false;
    }
    if (!judge_inside(core, request)) {
        source->verdict = SYS_CAP_OTHER_INSTANCE;
        request->result = RMG_DENIED;
        return true;
    }
    request->bytes = (uint32_t)sys_apply_size(pending->id_count, pending->params_size);
    kern_sec_charges(core, node, request);
    return true;
}

/* ---- what a worker may know ---- */

/* Who may map or read an instance may know what is in it. */
static bool may_know(struct kern_core *core, uint32_t index, uint32_t instance)
{
    struct kern_process *process = &core->processes[index];
    if (instance >= process->instance_count) {
        return false;
    }
    if (process->readable[instance] == 0) {
        const struct jit_id *id = &process->instances[instance];
        bool may = kern_boot_may(core, index, id, SYS_RIGHT_MAP) ||
                   kern_boot_may(core, index, id, SYS_RIGHT_READ);
        process->readable[instance] = may ? 1 : 2;
    }
    return process->readable[instance] == 1;
}

enum rmg_result kern_told_to(const struct kern_source *source, enum rmg_result result, bool known)
{
    switch (result) {
    case RMG_DENIED:
        if (source->by_gate) {
            break;
        }
        return result; /* for what it holds, which it knows */
    case RMG_APPLIED:
    case RMG_OVER_QUOTA:
    case RMG_INVALID:
        return result;
    default: /* each of the others says something of what is there, how much of it, too */
        break;
    }
    return known ? result : RMG_INVALID;
}

enum rmg_result kern_told(struct kern_core *core, const struct kern_source *source,
                          const struct kern_pending *pending, enum rmg_result result, bool *known)
{
    *known = pending->collapse != NULL ? pending->collapse->known
                                       : may_know(core, source->process, pending->instance);
    return kern_told_to(source, result, *known);
}

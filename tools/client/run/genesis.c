#include "tools/client/run/genesis.h"

#include <stdio.h>

#include "base/check.h"
#include "kernel/core/invariants.h"
#include "kernel/core/root.h"
#include "syscall/abi.h"

/* ---- schema ---- */

static enum jit_err put_types(const struct lang_system *system, struct rmg_collect *collect,
                              char *what, size_t what_size)
{
    struct rmg_schema *schema = NULL;
    const struct lang_type *at = NULL;
    enum jit_err err = rmg_schema_new(rmg_collect_heap(collect), &schema);
    if (err == JIT_OK) {
        err = lang_schema(system, schema, &at);
    }
    if (err == JIT_OK) {
        at = NULL;
        err = rmg_schema_collect(schema, collect);
    }
    if (err != JIT_OK && at != NULL) {
        snprintf(what, what_size, "line %u: type `%s`: %s", at->pos.line, at->name,
                 jit_err_text(err));
    }
    rmg_schema_free(schema);
    return err;
}

static enum jit_err put_rules(const struct lang_system *system, struct rmg_collect *collect,
                              char *what, size_t what_size)
{
    for (uint32_t i = 0; i < system->rule_count; i++) {
        const struct lang_rule *rule = &system->rules[i];
        enum jit_err err = kern_root_rule(collect, rule->rule.name, rule->text, rule->text_size,
                                          rule->program, rule->program_size);
        if (err != JIT_OK) {
            snprintf(what, what_size, "line %u: rule `%s`: %s", rule->pos.line, rule->rule.name,
                     jit_err_text(err));
            return err;
        }
    }
    return JIT_OK;
}

static enum jit_err put_invariants(const struct lang_system *system, struct rmg_collect *collect,
                                   char *what, size_t what_size)
{
    for (uint32_t i = 0; i < system->invariant_count; i++) {
        const struct lang_rule *it = &system->invariants[i];
        enum jit_err err = kern_root_invariant(collect, it->rule.name, it->text, it->text_size,
                                               it->program, it->program_size);
        if (err != JIT_OK) {
            snprintf(what, what_size, "line %u: invariant `%s`: %s", it->pos.line, it->rule.name,
                     jit_err_text(err));
            return err;
        }
    }
    return JIT_OK;
}

/* ---- capabilities ---- */

struct holder { /* the capabilities of one process, all members alike */
    struct jit_heap *heap;
    struct kern_root_capability *items;
    size_t count;
    size_t capacity;
    struct owner { /* a right to write that owns something: the grant, and the first one's slot */
        const struct lang_grant *grant;
        uint32_t slot;
    } * owners;
    size_t owner_count;
    size_t owner_capacity;
};

static enum jit_err hold(struct holder *holder, const struct kern_root_capability *capability)
{
    void *data = holder->items;
    if (holder->count == JIT_CAP_SLOTS_MAX) {
        return JIT_ELIMIT;
    }
    if (jit_heap_grow(holder->heap, &data, &holder->capacity, holder->count + 1,
                      sizeof *holder->items) != 0) {
        return JIT_ENOMEM;
    }
    holder->items = data;
    struct sys_attenuators *own = NULL;
    if (capability->attenuators != NULL) {
        enum jit_err err = sys_attenuators_copy(holder->heap, capability->attenuators, &own);
        if (err != JIT_OK) {
            return err;
        }
    }
    holder->items[holder->count] = *capability;
    holder->items[holder->count].attenuators = own;
    holder->items[holder->count].slot = (uint32_t)holder->count;
    holder->items[holder->count].generation = 1;
    holder->count++;
    return JIT_OK;
}

/* What narrows a grant's rights; priority is of those to invoke. True: something does. */
static bool narrowed(const struct lang_grant *grant, enum lang_right_kind kind,
                     struct sys_attenuators *out)
{
    *out = (struct sys_attenuators){
        .operations = grant->total, .last_tick = grant->until, .priority_max = grant->priority};
    out->given = (grant->narrows & 1u << LANG_NARROW_TOTAL) != 0 ? SYS_GIVEN_OPERATIONS : 0;
    if ((grant->narrows & 1u << LANG_NARROW_UNTIL) != 0) {
        out->given |= SYS_GIVEN_LAST_TICK;
    }
    if (kind == LANG_RIGHT_INVOKE && (grant->narrows & 1u << LANG_NARROW_PRIORITY) != 0) {
        out->given |= SYS_GIVEN_PRIORITY;
    }
    return out->given != 0;
}

/* What the grant binds, others free. */
static enum jit_err hold_bound(struct holder *holder, const struct lang_invoke *invoke,
                               const struct kern_root_capability *like)
{
    struct kern_root_capability capability = *like;
    struct sys_attenuators narrow = {0};
    struct sys_bound *bound = jit_heap_zalloc(holder->heap, invoke->bound_count, sizeof *bound);
    if (bound == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < invoke->bound_count; i++) {
        bound[i] = (struct sys_bound){.index = invoke->bound[i].param,
                                      .bytes = invoke->bound[i].bytes,
                                      .size = invoke->bound[i].size};
    }
    if (like->attenuators != NULL) {
        narrow = *like->attenuators;
    }
    narrow.given |= SYS_GIVEN_BOUND;
    narrow.bound = bound;
    narrow.bound_count = invoke->bound_count;
    capability.attenuators = &narrow;
    enum jit_err err = hold(holder, &capability);
    holder->heap->free(holder->heap, bound);
    return err;
}

/* Where the grant binds parameters, one capability. Else one for each run of the rule, which holds
 * that run's parameters (14.5). A rule the process does not run gets one whose parameters are free.
 */
static enum jit_err hold_invoke(struct holder *holder, const struct lang_system *system,
                                const struct lang_process *process,
                                const struct lang_invoke *invoke,
                                const struct kern_root_capability *like, uint32_t rule)
{
    struct kern_root_capability capability = *like;
    bool runs = false;
    capability.rule_id = system->rules[rule].rule.id;
    if (invoke->bound_count > 0) {
        return hold_bound(holder, invoke, &capability);
    }
    for (uint32_t i = 0; i < process->run_count; i++) {
        if (process->runs[i].rule != rule) {
            continue;
        }
        runs = true;
        capability.params_digest = process->runs[i].params_digest;
        enum jit_err err = hold(holder, &capability);
        if (err != JIT_OK) {
            return err;
        }
    }
    return runs ? JIT_OK : hold(holder, &capability);
}

static uint32_t right_bits(enum lang_right_kind kind)
{
    switch (kind) {
    case LANG_RIGHT_MAP:
        return SYS_RIGHT_MAP;
    case LANG_RIGHT_READ:
        return SYS_RIGHT_READ;
    case LANG_RIGHT_WRITE:
        return SYS_RIGHT_WRITE;
    case LANG_RIGHT_INVOKE:
        return SYS_RIGHT_INVOKE;
    }
    return 0;
}

static enum jit_err note_owner(struct holder *holder, const struct lang_grant *grant)
{
    void *data = holder->owners;
    if (jit_heap_grow(holder->heap, &data, &holder->owner_capacity, holder->owner_count + 1,
                      sizeof *holder->owners) != 0) {
        return JIT_ENOMEM;
    }
    holder->owners = data;
    holder->owners[holder->owner_count++] =
        (struct owner){.grant = grant, .slot = (uint32_t)holder->count};
    return JIT_OK;
}

/* The first member's capability owns what the grant says. */
static enum jit_err put_owned(const struct lang_system *system, const char *name,
                              const struct owner *owner, struct rmg_collect *collect)
{
    struct jit_id capability;
    enum jit_err err = JIT_OK;
    kern_capability_id(name, 0, owner->slot, &capability);
    for (uint32_t i = 0; err == JIT_OK && i < owner->grant->own_count; i++) {
        const struct lang_own *own = &owner->grant->owns[i];
        bool rule = own->rule != LANG_NO_RULE;
        err = kern_root_owned(collect, rule ? "rule" : "instance",
                              rule ? &system->rules[own->rule].rule.id : &own->place.instance,
                              &capability);
    }
    return err;
}

static enum jit_err hold_all(struct holder *holder, const struct lang_system *system,
                             uint32_t process)
{
    uint32_t group = 0;
    for (uint32_t g = 0; g < system->grant_count; g++) {
        const struct lang_grant *grant = &system->grants[g];
        if (grant->process != process) {
            continue;
        }
        for (uint32_t r = 0; r < grant->right_count; r++) {
            const struct lang_right *right = &grant->rights[r];
            struct kern_root_capability capability = {
                .rights = right_bits(right->kind),
                .limit_group = group,
                .limit = grant->limit,
                .instance = right->place.instance,
            };
            struct sys_attenuators narrow;
            enum jit_err err = JIT_OK;
            capability.attenuators = narrowed(grant, right->kind, &narrow) ? &narrow : NULL;
            if (grant->own_count > 0 && r == grant->own_under) {
                err = note_owner(holder, grant);
            }
            if (err == JIT_OK && right->kind != LANG_RIGHT_INVOKE) {
                err = hold(holder, &capability);
            }
            for (uint32_t i = 0; err == JIT_OK && i < right->rule_count; i++) {
                err = hold_invoke(holder, system, &system->processes[process], &right->invoke[i],
                                  &capability, right->rules[i]);
            }
            if (err != JIT_OK) {
                return err;
            }
        }
        group++;
    }
    return JIT_OK;
}

/* ---- processes ---- */

static struct kern_policy policy_of(const struct lang_policy *policy, bool rerun)
{
    static const enum kern_restart restarts[] = {[LANG_RESTART_ON_FAILURE] =
                                                     KERN_RESTART_ON_FAILURE,
                                                 [LANG_RESTART_NEVER] = KERN_RESTART_NEVER,
                                                 [LANG_RESTART_ALWAYS] = KERN_RESTART_ALWAYS};
    return (struct kern_policy){.restart = restarts[policy->restart],
                                .restarts = policy->restarts,
                                .ticks = policy->ticks,
                                .then_stop = policy->then_stop,
                                .hang_kill = policy->hang_kill,
                                .hang_seconds = policy->hang_seconds,
                                .keep = policy->keep,
                                .graph = {policy->nodes, policy->edges, policy->bytes},
                                .rerun = rerun};
}

/* Counts first, then sums: behind the runs, in the order of their modes. The least is the greatest
 * of what has the other sign. */
static void put_scores(const struct lang_system *system, const struct lang_process *process,
                       struct kern_root_run *runs)
{
    uint32_t at = process->run_count;
    for (int sums = 0; runs != NULL && sums < 2; sums++) {
        for (uint32_t i = 0; i < process->score_count; i++) {
            const struct lang_score *score = &process->scores[i];
            if (score->sum == (sums == 1)) {
                runs[at++] = (struct kern_root_run){
                    .rule_id = system->rules[score->run.rule].rule.id,
                    .instance = process->over.instance,
                    .mode = score->sum ? SYS_SCORE_SUM : SYS_SCORE_COUNT,
                    .params = score->run.params,
                    .params_size = score->run.params_size,
                    .weight = process->explore_min ? -score->weight : score->weight,
                };
            }
        }
    }
}

static enum jit_err put_process(const struct lang_system *system, uint32_t index, uint32_t members,
                                struct rmg_collect *collect)
{
    const struct lang_process *process = &system->processes[index];
    uint32_t count = members > 0 && process->count > 1 ? members : process->count;
    struct jit_heap *heap = rmg_collect_heap(collect);
    struct holder holder = {.heap = heap};
    const uint32_t run_count = process->run_count + process->score_count;
    struct kern_root_run *runs = jit_heap_zalloc(heap, run_count + 1u, sizeof *runs);
    static const uint32_t modes[] = {[LANG_APPLY_ALL] = SYS_APPLY_ALL,
                                     [LANG_APPLY_ONCE] = SYS_APPLY_ONCE,
                                     [LANG_APPLY_UNTIL_NONE] = SYS_APPLY_UNTIL_NONE,
                                     [LANG_EXPLORE] = SYS_EXPLORE};
    enum jit_err err = runs == NULL ? JIT_ENOMEM : hold_all(&holder, system, index);
    for (uint32_t i = 0; err == JIT_OK && i < process->run_count; i++) {
        runs[i] = (struct kern_root_run){
            .rule_id = system->rules[process->runs[i].rule].rule.id,
            .instance = process->over.instance,
            .mode = modes[process->apply],
            .params = process->runs[i].params,
            .params_size = process->runs[i].params_size,
        };
    }
    put_scores(system, process, runs);
    struct kern_policy policy = policy_of(&process->policy, process->rerun);
    for (uint32_t i = 0; err == JIT_OK && i < count; i++) {
        err = kern_root_process(collect, process->name, i, count, runs, run_count, holder.items,
                                (uint32_t)holder.count, &policy);
        if (err == JIT_OK && process->ticks > 0) {
            err = kern_root_ticks(collect, process->name, i, process->ticks);
        }
        if (err == JIT_OK && process->explore > 0) {
            err = kern_root_explore(collect, process->name, i, process->explore,
                                    process->explore_stay ? SYS_EXPLORE_STAY : 0, runs, run_count);
        }
    }
    for (size_t i = 0; err == JIT_OK && i < holder.owner_count; i++) {
        err = put_owned(system, process->name, &holder.owners[i], collect);
    }
    heap->free(heap, runs);
    heap->free(heap, holder.owners);
    for (size_t i = 0; i < holder.count; i++) {
        heap->free(heap, (void *)(uintptr_t)holder.items[i].attenuators);
    }
    heap->free(heap, holder.items);
    return err;
}

/* Instances of the user's own that the file names: "/world/x" exists because something lies in it.
 */
static enum jit_err put_place(struct rmg_collect *collect, const struct lang_place *place)
{
    struct jit_id root_node;
    struct jit_id instance;
    kern_place_id(place->path, &instance, &root_node);
    if (rmg_collect_has_node(collect, &instance, &root_node)) {
        return JIT_OK;
    }
    return rmg_collect_path(collect, place->path, &instance);
}

enum jit_err genesis_collect(const struct lang_system *system, uint64_t seed, uint32_t members,
                             struct rmg_collect *collect, char *what, size_t what_size)
{
    assert(what_size > 0);
    what[0] = '\0';
    enum jit_err err = kern_root_begin(collect, seed);
    if (err == JIT_OK) {
        err = put_types(system, collect, what, what_size);
    }
    if (err == JIT_OK) {
        err = put_rules(system, collect, what, what_size);
    }
    if (err == JIT_OK) {
        err = put_invariants(system, collect, what, what_size);
    }
    for (uint32_t i = 0; err == JIT_OK && i < system->import_count; i++) {
        err = put_place(collect, &system->imports[i].into);
        if (err != JIT_OK) {
            snprintf(what, what_size, "line %u: import into %s: %s", system->imports[i].pos.line,
                     system->imports[i].into.path,
                     err == JIT_ENOENT ? "the instance above it does not exist"
                                       : jit_err_text(err));
        }
    }
    for (uint32_t i = 0; err == JIT_OK && i < system->process_count; i++) {
        err = put_process(system, i, members, collect);
        if (err != JIT_OK) {
            snprintf(what, what_size, "line %u: process `%s`: %s", system->processes[i].pos.line,
                     system->processes[i].name, jit_err_text(err));
        }
    }
    return err;
}

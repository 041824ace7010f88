#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "kernel/core/root.h"
#include "kernel/core/root_priv.h"
#include "rmg/rules/invariant.h"

/* Reading the configuration from a version. Everything in it may have come from a blob that
 * somebody handed in: nothing is believed, every failure names what is wrong. */

struct reader {
    struct jit_heap *heap;
    const struct rmg_store *store;
    const struct rmg_version *version;
    struct kern_config *config;
    const char *where;
};

static enum jit_err wrong(struct reader *r, const char *what)
{
    r->where = what;
    return JIT_EINVALID;
}

static enum jit_err open_place(struct reader *r, const char *path, struct rmg_graph *graph)
{
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_instance instance;
    kern_place_id(path, &id, &root_node);
    enum jit_err err = rmg_store_instance(r->store, r->version, &id, &instance);
    if (err == JIT_ENOENT) {
        return wrong(r, "one of the instances /, /schema, /sys, /sec, /proc is missing");
    }
    if (err == JIT_OK) {
        rmg_store_graph(r->store, &instance, graph);
    }
    return err;
}

/* An atom of the given type; JIT_EINVALID with `what` when it is missing or something else. */
static enum jit_err atom(struct reader *r, const struct rmg_graph *graph,
                         const struct jit_id *owner, const char *name, const struct jit_id *type,
                         const char *what, struct rmg_value *out)
{
    enum jit_err err =
        rmg_attachment_get(graph, RMG_PLANE_ALPHA, owner, name, (uint32_t)strlen(name), out);
    if (err == JIT_ENOENT) {
        return wrong(r, what);
    }
    if (err == JIT_OK && (out->kind != RMG_VALUE_ATOM || !jit_id_equal(&out->type, type))) {
        return wrong(r, what);
    }
    return err;
}

static enum jit_err read_sys(struct reader *r, const struct rmg_graph *sys)
{
    struct jit_id instance;
    struct jit_id root_node;
    struct jit_id u64_type;
    struct jit_id u32_type;
    struct rmg_value value;
    kern_place_id("/sys", &instance, &root_node);
    kern_type_id("u64", &u64_type);
    kern_type_id("u32", &u32_type);
    enum jit_err err =
        atom(r, sys, &root_node, "seed", &u64_type, "/sys has no atom `seed` of type u64", &value);
    if (err != JIT_OK) {
        return err;
    }
    if (value.size != 8) {
        return wrong(r, "the atom `seed` of /sys does not have 8 bytes");
    }
    r->config->seed = jit_le64(value.bytes);
    err = atom(r, sys, &root_node, "language", &u32_type, "/sys has no atom `language` of type u32",
               &value);
    if (err != JIT_OK) {
        return err;
    }
    if (value.size != 4 || jit_le32(value.bytes) != 1) {
        return wrong(r, "the language version in /sys is not 1");
    }
    r->config->language = jit_le32(value.bytes);
    return JIT_OK;
}

/* ---- rules ---- */

static enum jit_err read_rule(struct reader *r, const struct rmg_graph *sys,
                              const struct jit_id *id)
{
    struct kern_config *config = r->config;
    struct rmg_value value;
    enum jit_err err = atom(r, sys, id, "program", rmg_codec_type(RMG_CODEC_BYTES),
                            "a rule in /sys has no atom `program`", &value);
    if (err != JIT_OK) {
        return err;
    }
    if (value.size == 0 || value.size > JIT_PROGRAM_BYTES_MAX) {
        return wrong(r, "a rule's program in /sys is empty or larger than 64 KiB");
    }
    uint32_t at = config->rule_count;
    uint8_t *bytes = r->heap->alloc(r->heap, value.size);
    if (bytes == NULL) {
        return JIT_ENOMEM;
    }
    memcpy(bytes, value.bytes, value.size);
    config->programs[at] = bytes;
    config->program_sizes[at] = value.size;
    config->rule_count++;
    err = rmg_rule_decode(r->heap, bytes, value.size, &config->rules[at]);
    if (err != JIT_OK && err != JIT_ENOMEM) {
        return wrong(r, "a rule's program in /sys does not verify");
    }
    if (err == JIT_OK && !jit_id_equal(&config->rules[at]->id, id)) {
        return wrong(r, "a rule in /sys lies under another rule's id");
    }
    return err;
}

/* Nodes of one type, ascending by id; the count was read from the same index, so it bounds the
 * walk. */
static enum jit_err each_of_type(struct reader *r, const struct rmg_graph *graph,
                                 const char *type_name,
                                 enum jit_err (*visit)(struct reader *, const struct rmg_graph *,
                                                       const struct jit_id *))
{
    struct jit_id type;
    struct rmg_iter iter;
    kern_type_id(type_name, &type);
    rmg_iter_extent(graph, false, &type, &iter);
    for (;;) {
        struct jit_id id;
        struct jit_id got;
        enum jit_err err = rmg_iter_node(&iter, &id, &got);
        if (err == JIT_ENOENT) {
            return JIT_OK;
        }
        if (err == JIT_OK) {
            err = visit(r, graph, &id);
        }
        if (err != JIT_OK) {
            return err;
        }
    }
}

static enum jit_err count_of_type(const struct rmg_graph *graph, const char *type_name,
                                  uint64_t *count)
{
    struct jit_id type;
    kern_type_id(type_name, &type);
    return rmg_extent_count(graph, false, &type, count);
}

static enum jit_err read_rules(struct reader *r, const struct rmg_graph *sys)
{
    uint64_t count = 0;
    enum jit_err err = count_of_type(sys, "rule", &count);
    if (err != JIT_OK) {
        return err;
    }
    if (count > JIT_RULES_MAX) {
        return wrong(r, "more than 4,096 rules in /sys");
    }
    if (count == 0) {
        return JIT_OK;
    }
    r->config->rules = jit_heap_zalloc(r->heap, count, sizeof *r->config->rules);
    r->config->programs = jit_heap_zalloc(r->heap, count, sizeof *r->config->programs);
    r->config->program_sizes = jit_heap_zalloc(r->heap, count, sizeof *r->config->program_sizes);
    if (r->config->rules == NULL || r->config->programs == NULL ||
        r->config->program_sizes == NULL) {
        return JIT_ENOMEM;
    }
    return each_of_type(r, sys, "rule", read_rule);
}

/* ---- invariants ---- */

static enum jit_err read_invariant(struct reader *r, const struct rmg_graph *sys,
                                   const struct jit_id *id)
{
    struct kern_config *config = r->config;
    struct rmg_rule **out = &config->invariants[config->invariant_count];
    struct rmg_value value;
    struct jit_id own;
    enum jit_err err = atom(r, sys, id, "program", rmg_codec_type(RMG_CODEC_BYTES),
                            "an invariant in /sys has no atom `program`", &value);
    if (err == JIT_OK && (value.size == 0 || value.size > JIT_PROGRAM_BYTES_MAX)) {
        return wrong(r, "an invariant's program in /sys is empty or larger than 64 KiB");
    }
    if (err == JIT_OK) {
        err = rmg_rule_decode(r->heap, value.bytes, value.size, out);
        if (err != JIT_OK && err != JIT_ENOMEM) {
            return wrong(r, "an invariant's program in /sys does not verify");
        }
    }
    if (err != JIT_OK) {
        return err;
    }
    config->invariant_count++;
    jit_hash_named("invariant:", (*out)->name, strlen((*out)->name), &own);
    if (!jit_id_equal(&own, id)) {
        return wrong(r, "an invariant in /sys lies under another one's id");
    }
    const char *what = rmg_invariant_wrong(*out);
    return what == NULL ? JIT_OK : wrong(r, what);
}

static enum jit_err read_invariants(struct reader *r, const struct rmg_graph *sys)
{
    uint64_t count = 0;
    enum jit_err err = count_of_type(sys, KERN_INVARIANT_TYPE, &count);
    if (err != JIT_OK || count == 0) {
        return err;
    }
    if (count > KERN_INVARIANTS_MAX) {
        return wrong(r, "more than 1,024 invariants in /sys");
    }
    r->config->invariants = jit_heap_zalloc(r->heap, count, sizeof *r->config->invariants);
    return r->config->invariants == NULL
               ? JIT_ENOMEM
               : each_of_type(r, sys, KERN_INVARIANT_TYPE, read_invariant);
}

/* ---- extents of fields ---- */

static enum jit_err list_sought(struct reader *r)
{
    struct kern_config *config = r->config;
    enum jit_err err = rmg_sought_add(r->heap, &config->sought, config->rules, config->rule_count);
    if (err == JIT_OK) {
        err = rmg_sought_add(r->heap, &config->sought, config->invariants, config->invariant_count);
    }
    return err == JIT_ELIMIT
               ? wrong(r, "the rules in /sys ask for more than 1,024 fields of nodes anywhere")
               : err;
}

/* ---- processes ---- */

static enum jit_err decode_runs(struct reader *r, struct kern_process_config *process,
                                struct jit_cursor *program, const struct rmg_value *params)
{
    struct jit_cursor cur = jit_cursor_of(params->bytes, params->size);
    for (uint32_t i = 0; i < process->run_count; i++) {
        struct kern_root_run *run = &process->runs[i];
        jit_get_id(program, &run->rule_id);
        jit_get_id(program, &run->instance);
        run->mode = jit_get_u32(program);
        if (i == 0) {
            process->mode = (enum sys_apply_mode)run->mode;
        }
        if (run->mode < SYS_APPLY_ALL || process->mode > SYS_EXPLORE ||
            (process->mode == SYS_EXPLORE
                 ? run->mode < process->runs[i > 0 ? i - 1 : 0].mode || run->mode > SYS_SCORE_SUM
                 : run->mode != (uint32_t)process->mode)) {
            return wrong(r, "a process in /proc applies its rules in no known way");
        }
        run->params_size = jit_get_u32(&cur);
        const uint8_t *bytes = jit_get_bytes(&cur, run->params_size);
        if (bytes == NULL || run->params_size > JIT_PARAMS_BYTES_MAX) {
            return wrong(r, "the parameters of a process in /proc do not follow the specification");
        }
        if (run->params_size > 0) {
            uint8_t *copy = r->heap->alloc(r->heap, run->params_size);
            if (copy == NULL) {
                return JIT_ENOMEM;
            }
            memcpy(copy, bytes, run->params_size);
            run->params = copy;
        }
    }
    if (!jit_cursor_done(program) || !jit_cursor_done(&cur)) {
        return wrong(r, "the program of a process in /proc does not follow the specification");
    }
    return JIT_OK;
}

/* There exactly if it explores: how many futures, and what each score weighs. */
static enum jit_err read_explore(struct reader *r, const struct rmg_graph *proc,
                                 const struct jit_id *id, struct kern_process_config *process)
{
    static const char broken[] =
        "the atom `explore` of a process in /proc does not follow the specification";
    struct rmg_value value;
    enum jit_err err = rmg_attachment_get(proc, RMG_PLANE_ALPHA, id, "explore", 7, &value);
    if (err == JIT_ENOENT && process->mode != SYS_EXPLORE) {
        return JIT_OK;
    }
    if (err == JIT_ENOENT) {
        return wrong(r, broken);
    }
    if (err == JIT_OK) {
        err = atom(r, proc, id, "explore", rmg_codec_type(RMG_CODEC_BYTES), broken, &value);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct jit_cursor cur = jit_cursor_of(value.bytes, value.size);
    const uint32_t version = jit_get_u32(&cur);
    process->explore = jit_get_u32(&cur);
    process->explore_flags = jit_get_u32(&cur);
    bool good = version == KERN_ROOT_VERSION && process->mode == SYS_EXPLORE && !process->native &&
                process->explore >= 1 && process->explore <= SYS_EXPLORE_MAX &&
                process->explore_flags <= SYS_EXPLORE_STAY;
    uint32_t scores = 0;
    for (uint32_t i = 0; i < process->run_count; i++) {
        struct kern_root_run *run = &process->runs[i];
        if (run->mode >= SYS_SCORE_COUNT) {
            run->weight = (int64_t)jit_get_u64(&cur);
            good = good && run->weight != 0 && run->weight >= -KERN_WEIGHT_MAX &&
                   run->weight <= KERN_WEIGHT_MAX;
            scores++;
        }
    }
    return good && scores > 0 && jit_cursor_done(&cur) ? JIT_OK : wrong(r, broken);
}

/* Without the atom the policies are the usual ones. */
static enum jit_err read_policy(struct reader *r, const struct rmg_graph *proc,
                                const struct jit_id *id, struct kern_policy *policy)
{
    static const char broken[] =
        "the atom `policies` of a process in /proc does not follow the specification";
    struct rmg_value value;
    enum jit_err err = rmg_attachment_get(proc, RMG_PLANE_ALPHA, id, "policies", 8, &value);
    if (err == JIT_ENOENT) {
        *policy = kern_policy_usual();
        return JIT_OK;
    }
    if (err == JIT_OK) {
        err = atom(r, proc, id, "policies", rmg_codec_type(RMG_CODEC_BYTES), broken, &value);
    }
    if (err == JIT_OK && kern_policy_decode(value.bytes, value.size, policy) != JIT_OK) {
        return wrong(r, broken);
    }
    return err;
}

/* Without the atom it is the rules loader that it runs. */
static enum jit_err read_exec(struct reader *r, const struct rmg_graph *proc,
                              const struct jit_id *id, struct kern_process_config *process)
{
    static const char broken[] =
        "the atom `exec` of a process in /proc does not follow the specification";
    struct rmg_value value;
    enum jit_err err = rmg_attachment_get(proc, RMG_PLANE_ALPHA, id, "exec", 4, &value);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    if (err == JIT_OK) {
        err = atom(r, proc, id, "exec", rmg_codec_type(RMG_CODEC_ID), broken, &value);
    }
    if (err == JIT_OK && value.size != JIT_ID_BYTES) {
        return wrong(r, broken);
    }
    if (err == JIT_OK) {
        memcpy(process->image.bytes, value.bytes, JIT_ID_BYTES);
        process->native = true;
    }
    return err;
}

/* Without the atom no capability was ever taken away from it. */
static enum jit_err read_generation(struct reader *r, const struct rmg_graph *proc,
                                    const struct jit_id *id, uint32_t *out)
{
    static const char broken[] =
        "the atom `generation` of a process in /proc does not follow the specification";
    struct jit_id type;
    struct rmg_value value;
    *out = 0;
    enum jit_err err = rmg_attachment_get(proc, RMG_PLANE_ALPHA, id, "generation", 10, &value);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    kern_type_id("u32", &type);
    if (err == JIT_OK) {
        err = atom(r, proc, id, "generation", &type, broken, &value);
    }
    if (err == JIT_OK && (value.size != 4 || jit_le32(value.bytes) == 0)) {
        return wrong(r, broken);
    }
    *out = err == JIT_OK ? jit_le32(value.bytes) : 0;
    return err;
}

/* Without the atom there is no bound. */
static enum jit_err read_ticks(struct reader *r, const struct rmg_graph *proc,
                               const struct jit_id *id, uint64_t *out)
{
    static const char broken[] =
        "the atom `ticks` of a process in /proc does not follow the specification";
    struct jit_id type;
    struct rmg_value value;
    *out = 0;
    enum jit_err err = rmg_attachment_get(proc, RMG_PLANE_ALPHA, id, "ticks", 5, &value);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    kern_type_id("u64", &type);
    if (err == JIT_OK) {
        err = atom(r, proc, id, "ticks", &type, broken, &value);
    }
    if (err == JIT_OK && (value.size != 8 || jit_le64(value.bytes) == 0)) {
        return wrong(r, broken);
    }
    *out = err == JIT_OK ? jit_le64(value.bytes) : 0;
    return err;
}

static enum jit_err read_process(struct reader *r, const struct rmg_graph *proc,
                                 const struct jit_id *id)
{
    static const char broken[] =
        "the program of a process in /proc does not follow the specification";
    struct kern_process_config *process = &r->config->processes[r->config->process_count];
    struct rmg_value program;
    struct rmg_value params;
    struct rmg_value state;
    enum jit_err err =
        atom(r, proc, id, "program", rmg_codec_type(RMG_CODEC_BYTES), broken, &program);
    if (err == JIT_OK) {
        err = atom(r, proc, id, "parameters", rmg_codec_type(RMG_CODEC_BYTES),
                   "a process in /proc has no atom `parameters`", &params);
    }
    if (err == JIT_OK) {
        err = atom(r, proc, id, "state", rmg_codec_type(RMG_CODEC_TEXT),
                   "a process in /proc has no atom `state`", &state);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct jit_cursor cur = jit_cursor_of(program.bytes, program.size);
    uint32_t version = jit_get_u32(&cur);
    process->index = jit_get_u32(&cur);
    process->count = jit_get_u32(&cur);
    uint32_t name_size = jit_get_u32(&cur);
    if (version != KERN_ROOT_VERSION || name_size == 0 || name_size > JIT_NAME_BYTES_MAX) {
        return wrong(r, broken);
    }
    const uint8_t *name = jit_get_bytes(&cur, name_size);
    process->run_count = jit_get_u32(&cur);
    if (cur.bad || process->run_count > JIT_RULES_MAX || process->index >= process->count ||
        process->count > JIT_PROCESSES_MAX || !rmg_utf8_valid(name, name_size)) {
        return wrong(r, broken);
    }
    memcpy(process->name, name, name_size);
    process->mode = SYS_APPLY_ALL;
    kern_process_id(process->name, process->index, &process->id);
    if (!jit_id_equal(&process->id, id)) {
        return wrong(r, "a process in /proc lies under another process's id");
    }
    process->exited = state.size != 5 || memcmp(state.bytes, "ready", 5) != 0;
    r->config->process_count++;
    if (process->run_count > 0) {
        process->runs = jit_heap_zalloc(r->heap, process->run_count, sizeof *process->runs);
        if (process->runs == NULL) {
            return JIT_ENOMEM;
        }
    }
    err = read_generation(r, proc, id, &process->generation);
    if (err == JIT_OK) {
        err = read_policy(r, proc, id, &process->policy);
    }
    if (err == JIT_OK) {
        err = read_exec(r, proc, id, process);
    }
    if (err == JIT_OK && process->policy.rerun && !process->native) {
        err = wrong(r, "a process in /proc that has no program of its own is to be run again");
    }
    if (err == JIT_OK) {
        err = read_ticks(r, proc, id, &process->ticks);
    }
    if (err == JIT_OK) {
        err = decode_runs(r, process, &cur, &params);
    }
    return err == JIT_OK ? read_explore(r, proc, id, process) : err;
}

static int compare_processes(const void *a, const void *b)
{
    const struct kern_process_config *x = a;
    const struct kern_process_config *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : x->index < y->index ? -1 : x->index > y->index;
}

static enum jit_err read_processes(struct reader *r, const struct rmg_graph *proc)
{
    uint64_t count = 0;
    enum jit_err err = count_of_type(proc, "process", &count);
    if (err != JIT_OK || count == 0) {
        return err;
    }
    if (count > JIT_PROCESSES_MAX) {
        return wrong(r, "more than 1,024 processes in /proc");
    }
    r->config->processes = jit_heap_zalloc(r->heap, count, sizeof *r->config->processes);
    if (r->config->processes == NULL) {
        return JIT_ENOMEM;
    }
    err = each_of_type(r, proc, "process", read_process);
    if (err == JIT_OK) {
        qsort(r->config->processes, r->config->process_count, sizeof *r->config->processes,
              compare_processes);
    }
    return err;
}

/* ---- capabilities ---- */

static const char broken_capability[] = "a capability in /sec does not follow the specification";

/* An atom that need not be there, of bytes. */
static enum jit_err optional(struct reader *r, const struct rmg_graph *graph,
                             const struct jit_id *owner, const char *name, struct rmg_value *out,
                             bool *there)
{
    enum jit_err err =
        rmg_attachment_get(graph, RMG_PLANE_ALPHA, owner, name, (uint32_t)strlen(name), out);
    *there = err == JIT_OK;
    if (err == JIT_OK && (out->kind != RMG_VALUE_ATOM ||
                          !jit_id_equal(&out->type, rmg_codec_type(RMG_CODEC_BYTES)))) {
        return wrong(r, broken_capability);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* What it was derived from; zero: nothing. */
static enum jit_err read_edge(struct reader *r, const struct rmg_graph *sec,
                              const struct jit_id *from, const char *type_name, struct jit_id *to)
{
    struct jit_id type;
    struct rmg_iter iter;
    struct rmg_edge edge;
    kern_type_id(type_name, &type);
    memset(to, 0, sizeof *to);
    rmg_iter_edges_of(sec, from, RMG_DIR_OUT, &type, &iter);
    enum jit_err err = rmg_iter_edge(&iter, &edge);
    if (err == JIT_OK) {
        *to = edge.to;
        err = rmg_iter_edge(&iter, &edge);
        if (err == JIT_OK) {
            return wrong(r, "something in /sec has two parents or two owners");
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The atoms that only some have. */
static enum jit_err read_more(struct reader *r, const struct rmg_graph *sec,
                              struct kern_root_capability *cap)
{
    struct rmg_value value;
    struct sys_attenuators *attenuators = NULL;
    bool there = false;
    enum jit_err err = optional(r, sec, &cap->id, "made", &value, &there);
    cap->made = there;
    if (err == JIT_OK && there) {
        struct jit_cursor cur = jit_cursor_of(value.bytes, value.size);
        bool known = jit_get_u32(&cur) == KERN_ROOT_VERSION;
        cap->born = jit_get_u32(&cur);
        (void)jit_get_u64(&cur); /* the tick, for people */
        jit_get_id(&cur, &cap->origin);
        err = known && jit_cursor_done(&cur) ? JIT_OK : wrong(r, broken_capability);
    }
    if (err == JIT_OK) {
        err = optional(r, sec, &cap->id, "epoch", &value, &there);
    }
    if (err == JIT_OK && there) {
        cap->epoch = value.size == 4 ? jit_le32(value.bytes) : 0;
        err = value.size == 4 && cap->epoch != 0 ? JIT_OK : wrong(r, broken_capability);
    }
    if (err == JIT_OK) {
        err = optional(r, sec, &cap->id, KERN_INTENTS_NAME, &value, &cap->intents);
    }
    if (err == JIT_OK) {
        err = optional(r, sec, &cap->id, "left", &value, &there);
    }
    if (err == JIT_OK && there) {
        cap->operations_left = value.size == KERN_LEFT_BYTES ? jit_le64(value.bytes) : 0;
        cap->bytes_left = value.size == KERN_LEFT_BYTES ? jit_le64(value.bytes + 8) : 0;
        err = value.size == KERN_LEFT_BYTES ? JIT_OK : wrong(r, broken_capability);
    }
    bool left = there;
    if (err == JIT_OK) {
        err = optional(r, sec, &cap->id, "attenuators", &value, &there);
    }
    if (err == JIT_OK && there) {
        err = sys_attenuators_decode(r->heap, value.bytes, value.size, &attenuators);
        err = err == JIT_EFORMAT || err == JIT_ELIMIT ? wrong(r, broken_capability) : err;
    }
    cap->attenuators = attenuators;
    uint32_t given = attenuators == NULL ? 0 : attenuators->given;
    if (err == JIT_OK && left != ((given & (SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES)) != 0)) {
        err = wrong(r, broken_capability);
    }
    return err == JIT_OK ? read_edge(r, sec, &cap->id, "derived", &cap->parent) : err;
}

static enum jit_err hold_capability(struct reader *r, const struct jit_id *holder,
                                    const struct kern_root_capability *cap)
{
    struct kern_process_config *process = NULL;
    for (uint32_t i = 0; i < r->config->process_count; i++) {
        if (jit_id_equal(&r->config->processes[i].id, holder)) {
            process = &r->config->processes[i];
        }
    }
    if (process == NULL) {
        return wrong(r, "a capability in /sec is held by no process");
    }
    struct kern_root_capability *grown = r->heap->resize(
        r->heap, process->capabilities, (process->capability_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return JIT_ENOMEM;
    }
    process->capabilities = grown;
    grown[process->capability_count++] = *cap;
    return JIT_OK;
}

static enum jit_err read_capability(struct reader *r, const struct rmg_graph *sec,
                                    const struct jit_id *id)
{
    struct rmg_value value;
    struct kern_root_capability cap = {.id = *id};
    struct jit_id holder;
    enum jit_err err =
        atom(r, sec, id, "record", rmg_codec_type(RMG_CODEC_BYTES), broken_capability, &value);
    if (err != JIT_OK) {
        return err;
    }
    struct jit_cursor cur = jit_cursor_of(value.bytes, value.size);
    uint32_t version = jit_get_u32(&cur);
    cap.slot = jit_get_u32(&cur);
    cap.generation = jit_get_u32(&cur);
    cap.rights = jit_get_u32(&cur);
    cap.limit_group = jit_get_u32(&cur);
    uint32_t object = jit_get_u32(&cur);
    jit_get_id(&cur, &holder);
    jit_get_id(&cur, &cap.instance);
    jit_get_id(&cur, &cap.rule_id);
    jit_get_id(&cur, &cap.params_digest);
    cap.limit = jit_get_u64(&cur);
    cap.badge = jit_get_u64(&cur);
    if (!jit_cursor_done(&cur) || version != KERN_ROOT_VERSION || object >= SYS_OBJECT_COUNT ||
        cap.slot >= JIT_CAP_SLOTS_MAX || cap.limit_group >= JIT_CAP_SLOTS_MAX) {
        return wrong(r, broken_capability);
    }
    cap.object = (enum sys_object)object;
    cap.origin = holder;
    err = read_more(r, sec, &cap);
    if (err == JIT_OK) {
        err = hold_capability(r, &holder, &cap);
    }
    if (err != JIT_OK) {
        r->heap->free(r->heap, (void *)(uintptr_t)cap.attenuators);
    }
    return err;
}

static int compare_capabilities(const void *a, const void *b)
{
    uint32_t x = ((const struct kern_root_capability *)a)->slot;
    uint32_t y = ((const struct kern_root_capability *)b)->slot;
    return x < y ? -1 : x > y;
}

static enum jit_err read_capabilities(struct reader *r, const struct rmg_graph *sec)
{
    enum jit_err err = each_of_type(r, sec, "capability", read_capability);
    for (uint32_t i = 0; err == JIT_OK && i < r->config->process_count; i++) {
        struct kern_process_config *process = &r->config->processes[i];
        if (process->capability_count == 0) {
            continue;
        }
        qsort(process->capabilities, process->capability_count, sizeof *process->capabilities,
              compare_capabilities);
        for (uint32_t c = 1; c < process->capability_count; c++) {
            if (process->capabilities[c].slot == process->capabilities[c - 1].slot) {
                return wrong(r, "two capabilities in /sec lie in one slot");
            }
        }
    }
    return err;
}

/* ---- owners ---- */

static enum jit_err read_owner(struct reader *r, const struct rmg_graph *sec,
                               const struct jit_id *id)
{
    struct jit_id place;
    struct jit_id root_node;
    struct kern_root_owner owner = {.object = *id};
    kern_place_id("/sec", &place, &root_node);
    if (jit_id_equal(id, &root_node)) {
        return JIT_OK;
    }
    enum jit_err err = read_edge(r, sec, id, "owner", &owner.capability);
    struct kern_root_owner *grown =
        err != JIT_OK ? NULL
                      : r->heap->resize(r->heap, r->config->owners,
                                        (r->config->owner_count + 1u) * sizeof *grown);
    if (grown == NULL) {
        return err != JIT_OK ? err : JIT_ENOMEM;
    }
    r->config->owners = grown;
    grown[r->config->owner_count++] = owner;
    return JIT_OK;
}

static int compare_owners(const void *a, const void *b)
{
    return jit_id_compare(&((const struct kern_root_owner *)a)->object,
                          &((const struct kern_root_owner *)b)->object);
}

static enum jit_err read_owners(struct reader *r, const struct rmg_graph *sec)
{
    enum jit_err err = each_of_type(r, sec, "rule", read_owner);
    if (err == JIT_OK) {
        err = each_of_type(r, sec, "instance", read_owner);
    }
    if (err == JIT_OK && r->config->owner_count > 0) {
        qsort(r->config->owners, r->config->owner_count, sizeof *r->config->owners, compare_owners);
    }
    return err;
}

/* ---- all of it ---- */

enum jit_err kern_config_read(struct jit_heap *heap, const struct rmg_store *store,
                              const struct rmg_version *version, struct kern_config **out,
                              const char **where)
{
    struct reader r = {.heap = heap, .store = store, .version = version};
    struct rmg_graph sys;
    struct rmg_graph proc;
    struct rmg_graph sec;
    assert(out != NULL && where != NULL);
    *out = NULL;
    *where = NULL;
    r.config = jit_heap_zalloc(heap, 1, sizeof *r.config);
    if (r.config == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = open_place(&r, "/sys", &sys);
    if (err == JIT_OK) {
        err = open_place(&r, "/proc", &proc);
    }
    if (err == JIT_OK) {
        err = open_place(&r, "/sec", &sec);
    }
    if (err == JIT_OK) {
        err = read_sys(&r, &sys);
    }
    if (err == JIT_OK) {
        err = read_rules(&r, &sys);
    }
    if (err == JIT_OK) {
        err = read_invariants(&r, &sys);
    }
    if (err == JIT_OK) {
        err = list_sought(&r);
    }
    if (err == JIT_OK) {
        err = read_processes(&r, &proc);
    }
    if (err == JIT_OK) {
        err = read_capabilities(&r, &sec);
    }
    if (err == JIT_OK) {
        err = read_owners(&r, &sec);
    }
    if (err != JIT_OK) {
        kern_config_free(heap, r.config);
        *where = r.where;
        return err;
    }
    *out = r.config;
    return JIT_OK;
}

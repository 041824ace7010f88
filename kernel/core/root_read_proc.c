/* Reading /proc: processes, what they run and what is to happen when they die. */
#include "kernel/core/root_read_priv.h"

#include <stdlib.h>

static enum jit_err decode_runs(struct kern_reader *r, struct kern_process_config *process,
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
            return kern_reader_wrong(r, "a process in /proc applies its rules in no known way");
        }
        run->params_size = jit_get_u32(&cur);
        const uint8_t *bytes = jit_get_bytes(&cur, run->params_size);
        if (bytes == NULL || run->params_size > JIT_PARAMS_BYTES_MAX) {
            return kern_reader_wrong(
                r, "the parameters of a process in /proc do not follow the specification");
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
        return kern_reader_wrong(
            r, "the program of a process in /proc does not follow the specification");
    }
    return JIT_OK;
}

/* There exactly if it explores: how many futures, and what each score weighs. */
static enum jit_err read_explore(struct kern_reader *r, const struct rmg_graph *proc,
                                 const struct jit_id *id, struct kern_process_config *process)
{
    static const char broken[] =
        "the atom `explore` of a process in /proc does not follow the specification";
    struct rmg_value value;
    bool there = false;
    enum jit_err err = kern_reader_optional(r, proc, id, "explore", rmg_codec_type(RMG_CODEC_BYTES),
                                            broken, &value, &there);
    if (err != JIT_OK || (!there && process->mode != SYS_EXPLORE)) {
        return err;
    }
    if (!there) {
        return kern_reader_wrong(r, broken);
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
    return good && scores > 0 && jit_cursor_done(&cur) ? JIT_OK : kern_reader_wrong(r, broken);
}

/* Without the atom the policies are the usual ones. */
static enum jit_err read_policy(struct kern_reader *r, const struct rmg_graph *proc,
                                const struct jit_id *id, struct kern_policy *policy)
{
    static const char broken[] =
        "the atom `policies` of a process in /proc does not follow the specification";
    struct rmg_value value;
    bool there = false;
    *policy = kern_policy_usual();
    enum jit_err err = kern_reader_optional(
        r, proc, id, "policies", rmg_codec_type(RMG_CODEC_BYTES), broken, &value, &there);
    if (err == JIT_OK && there && kern_policy_decode(value.bytes, value.size, policy) != JIT_OK) {
        return kern_reader_wrong(r, broken);
    }
    return err;
}

/* Without the atom it is the rules loader that it runs. */
static enum jit_err read_exec(struct kern_reader *r, const struct rmg_graph *proc,
                              const struct jit_id *id, struct kern_process_config *process)
{
    static const char broken[] =
        "the atom `exec` of a process in /proc does not follow the specification";
    struct rmg_value value;
    enum jit_err err = kern_reader_optional(r, proc, id, "exec", rmg_codec_type(RMG_CODEC_ID),
                                            broken, &value, &process->native);
    if (err != JIT_OK || !process->native) {
        return err;
    }
    if (value.size != JIT_ID_BYTES) {
        return kern_reader_wrong(r, broken);
    }
    memcpy(process->image.bytes, value.bytes, JIT_ID_BYTES);
    return JIT_OK;
}

/* Without the atom no capability was ever taken away from it. */
static enum jit_err read_generation(struct kern_reader *r, const struct rmg_graph *proc,
                                    const struct jit_id *id, uint32_t *out)
{
    static const char broken[] =
        "the atom `generation` of a process in /proc does not follow the specification";
    struct jit_id type;
    struct rmg_value value;
    bool there = false;
    *out = 0;
    kern_type_id("u32", &type);
    enum jit_err err =
        kern_reader_optional(r, proc, id, "generation", &type, broken, &value, &there);
    if (err != JIT_OK || !there) {
        return err;
    }
    *out = value.size == 4 ? jit_le32(value.bytes) : 0;
    return *out != 0 ? JIT_OK : kern_reader_wrong(r, broken);
}

/* Without the atom there is no bound. */
static enum jit_err read_ticks(struct kern_reader *r, const struct rmg_graph *proc,
                               const struct jit_id *id, uint64_t *out)
{
    static const char broken[] =
        "the atom `ticks` of a process in /proc does not follow the specification";
    struct jit_id type;
    struct rmg_value value;
    bool there = false;
    *out = 0;
    kern_type_id("u64", &type);
    enum jit_err err = kern_reader_optional(r, proc, id, "ticks", &type, broken, &value, &there);
    if (err != JIT_OK || !there) {
        return err;
    }
    *out = value.size == 8 ? jit_le64(value.bytes) : 0;
    return *out != 0 ? JIT_OK : kern_reader_wrong(r, broken);
}

static enum jit_err read_process(struct kern_reader *r, const struct rmg_graph *proc,
                                 const struct jit_id *id)
{
    static const char broken[] =
        "the program of a process in /proc does not follow the specification";
    struct kern_process_config *process = &r->config->processes[r->config->process_count];
    struct rmg_value program;
    struct rmg_value params;
    struct rmg_value state;
    enum jit_err err =
        kern_reader_atom(r, proc, id, "program", rmg_codec_type(RMG_CODEC_BYTES), broken, &program);
    if (err == JIT_OK) {
        err = kern_reader_atom(r, proc, id, "parameters", rmg_codec_type(RMG_CODEC_BYTES),
                               "a process in /proc has no atom `parameters`", &params);
    }
    if (err == JIT_OK) {
        err = kern_reader_atom(r, proc, id, "state", rmg_codec_type(RMG_CODEC_TEXT),
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
        return kern_reader_wrong(r, broken);
    }
    const uint8_t *name = jit_get_bytes(&cur, name_size);
    process->run_count = jit_get_u32(&cur);
    if (cur.bad || process->run_count > JIT_RULES_MAX || process->index >= process->count ||
        process->count > JIT_PROCESSES_MAX || !rmg_utf8_valid(name, name_size)) {
        return kern_reader_wrong(r, broken);
    }
    memcpy(process->name, name, name_size);
    process->mode = SYS_APPLY_ALL;
    kern_process_id(process->name, process->index, &process->id);
    if (!jit_id_equal(&process->id, id)) {
        return kern_reader_wrong(r, "a process in /proc lies under another process's id");
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
        err = kern_reader_wrong(
            r, "a process in /proc that has no program of its own is to be run again");
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

enum jit_err kern_reader_proc(struct kern_reader *r, const struct rmg_graph *proc)
{
    uint64_t count = 0;
    enum jit_err err = kern_reader_count(proc, "process", &count);
    if (err != JIT_OK || count == 0) {
        return err;
    }
    if (count > JIT_PROCESSES_MAX) {
        return kern_reader_wrong(r, "more than 1,024 processes in /proc");
    }
    r->config->processes = jit_heap_zalloc(r->heap, count, sizeof *r->config->processes);
    if (r->config->processes == NULL) {
        return JIT_ENOMEM;
    }
    err = kern_reader_each(r, proc, "process", read_process);
    if (err == JIT_OK) {
        qsort(r->config->processes, r->config->process_count, sizeof *r->config->processes,
              compare_processes);
    }
    return err;
}

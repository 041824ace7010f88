#include "rmg/engine/script.h"

#include "base/hash.h"
#include "base/le.h"
#include "rmg/engine/script_priv.h"

#define TELL_EVERY 65536u

/* ---- shape ---- */

/* Blocks lie behind the step that has them, calls and steps in range, nothing too deep: so a run
 * ends, given an end to rewrites. */
static enum jit_err check_steps(const struct rmg_script *script, uint32_t first, uint32_t count,
                                uint32_t depth)
{
    if (depth > RMG_SCRIPT_DEPTH_MAX) {
        return JIT_ELIMIT;
    }
    for (uint32_t i = first; i < first + count; i++) {
        const struct rmg_script_step *step = &script->steps[i];
        bool block = step->mode == RMG_SCRIPT_BLOCK;
        uint32_t room = block ? script->step_count : script->call_count;
        if (step->mode < RMG_SCRIPT_ONCE || step->mode > RMG_SCRIPT_BLOCK || step->count == 0 ||
            step->first > room || step->count > room - step->first || (block && step->first <= i) ||
            (step->mode == RMG_SCRIPT_ALL && step->count != 1)) {
            return JIT_EFORMAT;
        }
        enum jit_err err =
            block ? check_steps(script, step->first, step->count, depth + 1) : JIT_OK;
        if (err != JIT_OK) {
            return err;
        }
    }
    return JIT_OK;
}

static enum jit_err check_shape(const struct rmg_script *script)
{
    if (script->call_count > RMG_SCRIPT_STEPS_MAX || script->step_count > RMG_SCRIPT_STEPS_MAX) {
        return JIT_ELIMIT;
    }
    return script->top_count > script->step_count ? JIT_EFORMAT
                                                  : check_steps(script, 0, script->top_count, 1);
}

enum jit_err rmg_script_key(const struct rmg_script *script, const struct jit_id *instance_root,
                            struct jit_id *key)
{
    struct jit_hasher hasher;
    uint8_t bytes[20];
    jit_hasher_init_key(&hasher, JIT_K_REQUEST);
    jit_put_le32(bytes, script->call_count);
    jit_hasher_update(&hasher, bytes, 4);
    for (uint32_t i = 0; i < script->call_count; i++) {
        const struct rmg_script_call *call = &script->calls[i];
        struct jit_id digest;
        enum jit_err err = rmg_params_check(call->rule, call->params, call->params_size, &digest);
        if (err != JIT_OK) {
            return err;
        }
        jit_hasher_update(&hasher, call->rule->hash.bytes, JIT_ID_BYTES);
        jit_hasher_update(&hasher, digest.bytes, JIT_ID_BYTES);
    }
    jit_put_le32(bytes, script->step_count);
    jit_hasher_update(&hasher, bytes, 4);
    for (uint32_t i = 0; i < script->step_count; i++) {
        const struct rmg_script_step *step = &script->steps[i];
        jit_put_le32(bytes, step->mode);
        jit_put_le32(bytes + 4, step->first);
        jit_put_le32(bytes + 8, step->count);
        jit_put_le64(bytes + 12, step->at_most);
        jit_hasher_update(&hasher, bytes, sizeof bytes);
    }
    jit_put_le32(bytes, script->top_count);
    jit_hasher_update(&hasher, bytes, 4);
    jit_hasher_update(&hasher, instance_root->bytes, JIT_ID_BYTES);
    jit_hasher_final(&hasher, key);
    return JIT_OK;
}

/* ---- control ---- */

static bool stopped(struct script_run *run)
{
    if (run->options->progress == NULL || run->report->rewrites - run->told < TELL_EVERY) {
        return false;
    }
    run->told = run->report->rewrites;
    return !run->options->progress(run->options->user, run->told);
}

static enum jit_err make_ready(struct script_run *run, const struct rmg_script_step *step)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = step->first; i < step->first + step->count && err == JIT_OK; i++) {
        err = script_plan_make(run, &run->rules[i]);
        if (err == JIT_OK) {
            err = script_activate(run, &run->rules[i]);
        }
    }
    return err;
}

/* One rewrite by the first call that has a match; none: false. */
static bool rewrite_one(struct script_run *run, const struct rmg_script_step *step)
{
    for (uint32_t i = step->first; i < step->first + step->count; i++) {
        if (script_next(run, &run->rules[i])) {
            run->err = script_apply(run, i);
            return run->err == JIT_OK;
        }
        if (run->err != JIT_OK) {
            return false;
        }
    }
    return false;
}

static uint64_t run_steps(struct script_run *run, uint32_t first, uint32_t count);

/* Returns how many rewrites. */
static uint64_t run_step(struct script_run *run, const struct rmg_script_step *step)
{
    uint64_t done = 0;
    if (step->mode != RMG_SCRIPT_BLOCK) {
        run->err = make_ready(run, step);
        if (run->err != JIT_OK) {
            return 0;
        }
    }
    switch (step->mode) {
    case RMG_SCRIPT_ONCE:
        return rewrite_one(run, step);
    case RMG_SCRIPT_ALL:
        run->err = script_apply_all(run, step->first, &done);
        return done;
    case RMG_SCRIPT_UNTIL:
        while (done < step->at_most && rewrite_one(run, step)) {
            done++;
            if (stopped(run)) {
                run->err = JIT_EAGAIN;
                break;
            }
        }
        return done;
    case RMG_SCRIPT_BLOCK:
        for (uint64_t round = 0; round < step->at_most && run->err == JIT_OK; round++) {
            uint64_t more = run_steps(run, step->first, step->count);
            done += more;
            if (more == 0) {
                break;
            }
        }
        return done;
    }
    return 0;
}

static uint64_t run_steps(struct script_run *run, uint32_t first, uint32_t count)
{
    uint64_t done = 0;
    for (uint32_t i = first; i < first + count && run->err == JIT_OK; i++) {
        done += run_step(run, &run->script->steps[i]);
        if (run->err == JIT_OK && stopped(run)) {
            run->err = JIT_EAGAIN;
        }
    }
    return done;
}

/* Which top step needs a call last: afterwards nothing has to be kept for it. */
static void note_uses(struct script_run *run, uint32_t first, uint32_t count, uint32_t top)
{
    for (uint32_t i = first; i < first + count; i++) {
        const struct rmg_script_step *step = &run->script->steps[i];
        if (step->mode == RMG_SCRIPT_BLOCK) {
            note_uses(run, step->first, step->count, top);
            continue;
        }
        for (uint32_t k = step->first; k < step->first + step->count; k++) {
            run->last_use[k] = top;
        }
    }
}

static void run_top(struct script_run *run)
{
    for (uint32_t top = 0; top < run->script->top_count && run->err == JIT_OK; top++) {
        (void)run_steps(run, top, 1);
        for (uint32_t i = 0; i < run->script->call_count; i++) {
            if (run->last_use[i] == top) {
                run->rules[i].active = false;
            }
        }
    }
}

enum jit_err rmg_script_run(struct jit_heap *heap, struct rmg_work *work,
                            const struct rmg_script *script,
                            const struct rmg_script_options *options,
                            struct rmg_script_report *report)
{
    struct script_run *run = NULL;
    enum jit_err err = check_shape(script);
    report->rewrites = 0;
    report->looks = 0;
    report->refused = NULL;
    if (err != JIT_OK) {
        return err;
    }
    run = jit_heap_zalloc(heap, 1, sizeof *run);
    if (run == NULL) {
        return JIT_ENOMEM;
    }
    run->heap = heap;
    run->work = work;
    run->script = script;
    run->options = options;
    run->report = report;
    run->rules = jit_heap_zalloc(heap, script->call_count + 1ul, sizeof *run->rules);
    run->last_use = jit_heap_zalloc(heap, script->call_count + 1ul, sizeof *run->last_use);
    if (run->rules == NULL || run->last_use == NULL) {
        run->err = JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < script->call_count && run->err == JIT_OK; i++) {
        run->err = script_rule_init(run, i);
    }
    for (uint32_t i = 0; i < script->call_count && run->err == JIT_OK; i++) {
        run->err = script_triggers_init(run, i);
    }
    if (run->err == JIT_OK) {
        for (uint32_t top = 0; top < script->top_count; top++) {
            note_uses(run, top, 1, top);
        }
        run_top(run);
    }
    err = run->err;
    for (uint32_t i = 0; i < script->call_count && run->rules != NULL; i++) {
        script_rule_release(run, &run->rules[i]);
    }
    heap->free(heap, run->rules);
    heap->free(heap, run->last_use);
    heap->free(heap, run->unlinked);
    heap->free(heap, run->held[0].words);
    heap->free(heap, run->held[1].words);
    heap->free(heap, run);
    return err;
}

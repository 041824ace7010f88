/* Scripts: rules of this file under an ordered control, run by `rmg run` (docs/spec/scripts.md). */
#include "rmg/lang/lang_format_priv.h"

#include "base/check.h"

static bool parse_steps(struct lang_parser *p, struct lang_script_node *script,
                        struct lang_step_node **first, uint32_t *count, uint32_t depth);

static bool parse_calls(struct lang_parser *p, struct lang_script_node *script,
                        struct lang_step_node *step)
{
    struct lang_run_node **end = &step->runs;
    do {
        struct lang_run_node *run = NULL;
        if (script->run_count == RMG_SCRIPT_STEPS_MAX) {
            return lang_fail(p, p->token.at, p->token.size, "a script has at most %u calls",
                             RMG_SCRIPT_STEPS_MAX);
        }
        if (!lang_parse_call(p, &run)) {
            return false;
        }
        *end = run;
        end = &run->next;
        step->run_count++;
        script->run_count++;
    } while (lang_take(p, LANG_C('|')));
    if (step->mode == RMG_SCRIPT_ALL && step->run_count > 1) {
        lang_fail(p, step->at, p->end - step->at, "`all` takes one rule");
        return lang_help(p, "write one `all` behind the other, or `until none a | b`");
    }
    return true;
}

/* [ 'at' 'most' constant ] */
static bool parse_at_most(struct lang_parser *p, const char *of_what, uint64_t *at_most)
{
    struct lang_expr *value = NULL;
    *at_most = RMG_SCRIPT_NO_LIMIT;
    if (!lang_take_word(p, "at")) {
        return true;
    }
    if (!lang_take_word(p, "most")) {
        return lang_expected(p, "`most` and a number");
    }
    if (!lang_take_constant(p, of_what, &value)) {
        return false;
    }
    if (value->codec != RMG_CODEC_I64 || value->datum.as.i64 < 0) {
        return lang_fail(p, value->at, value->size, "%s is a whole number, 0 or more", of_what);
    }
    *at_most = (uint64_t)value->datum.as.i64;
    return true;
}

static bool parse_until(struct lang_parser *p, struct lang_script_node *script,
                        struct lang_step_node *step, uint32_t depth)
{
    if (!lang_take_word(p, "none")) {
        return lang_expected(p, "`none`");
    }
    step->mode = lang_at(p, LANG_C('{')) ? RMG_SCRIPT_BLOCK : RMG_SCRIPT_UNTIL;
    if (step->mode == RMG_SCRIPT_UNTIL) {
        return parse_calls(p, script, step) &&
               parse_at_most(p, "the number of rewrites", &step->at_most);
    }
    if (depth == RMG_SCRIPT_DEPTH_MAX) {
        return lang_fail(p, p->token.at, 1, "blocks lie at most %u deep", RMG_SCRIPT_DEPTH_MAX);
    }
    return parse_steps(p, script, &step->steps, &step->step_count, depth + 1) &&
           parse_at_most(p, "the number of rounds", &step->at_most);
}

static bool parse_step(struct lang_parser *p, struct lang_script_node *script,
                       struct lang_step_node *step, uint32_t depth)
{
    step->at = p->token.at;
    step->at_most = RMG_SCRIPT_NO_LIMIT;
    if (lang_take_word(p, "once")) {
        step->mode = RMG_SCRIPT_ONCE;
        return parse_calls(p, script, step);
    }
    if (lang_take_word(p, "all")) {
        step->mode = RMG_SCRIPT_ALL;
        return parse_calls(p, script, step);
    }
    if (lang_take_word(p, "until")) {
        return parse_until(p, script, step, depth);
    }
    return lang_expected(p, "`once`, `all`, `until none` or `}`");
}

static bool parse_steps(struct lang_parser *p, struct lang_script_node *script,
                        struct lang_step_node **first, uint32_t *count, uint32_t depth)
{
    struct lang_step_node **end = first;
    if (!lang_expect(p, LANG_C('{'), "`{` and the steps")) {
        return false;
    }
    do {
        struct lang_step_node *step = lang_alloc(p->arena, 1, sizeof *step);
        if (step == NULL) {
            return lang_no_memory(p);
        }
        if (script->step_count == RMG_SCRIPT_STEPS_MAX) {
            return lang_fail(p, p->token.at, p->token.size, "a script has at most %u steps",
                             RMG_SCRIPT_STEPS_MAX);
        }
        if (!parse_step(p, script, step, depth)) {
            return false;
        }
        *end = step;
        end = &step->next;
        ++*count;
        script->step_count++;
    } while (!lang_at(p, LANG_C('}')) && !lang_at(p, LANG_END));
    (*first)->close = p->token.at;
    return lang_expect(p, LANG_C('}'), "`}`");
}

bool lang_parse_script(struct lang_parser *p)
{
    struct lang_script_node *script = lang_alloc(p->arena, 1, sizeof *script);
    if (script == NULL) {
        return lang_no_memory(p);
    }
    script->pub.pos = lang_position(p, p->token.at);
    script->at = p->token.at;
    lang_next(p);
    if (!lang_take_name(p, "the script's name", &script->name)) {
        return false;
    }
    script->pub.name = script->name.text;
    for (const struct lang_script_node *other = p->scripts; other != NULL; other = other->next) {
        if (lang_name_equal(&other->name, &script->name)) {
            return lang_fail(p, script->name.at, script->name.span,
                             "there is a script `%.60s` already", script->name.text);
        }
    }
    script->broken = true;
    *p->scripts_end = script;
    p->scripts_end = &script->next;
    p->script_count++;
    script->broken = !parse_at_most(p, "the number of rewrites", &script->pub.rewrites_max) ||
                     !parse_steps(p, script, &script->steps, &script->top_count, 1);
    return !script->broken;
}

/* ---- names ---- */

struct linking {
    struct rmg_script_step *steps;
    struct lang_run *runs;
    uint32_t step_count;
    uint32_t run_count;
};

/* Steps of one block lie side by side, those of its blocks behind them. */
static bool link_steps(struct lang_parser *p, const struct lang_step_node *first, uint32_t count,
                       struct linking *linking)
{
    struct rmg_script_step *at = &linking->steps[linking->step_count];
    bool good = true;
    linking->step_count += count;
    for (const struct lang_step_node *node = first; node != NULL; node = node->next, at++) {
        *at = (struct rmg_script_step){.mode = node->mode, .at_most = node->at_most};
        if (node->mode == RMG_SCRIPT_BLOCK) {
            at->first = linking->step_count;
            at->count = node->step_count;
            good = link_steps(p, node->steps, node->step_count, linking) && good;
            continue;
        }
        at->first = linking->run_count;
        at->count = node->run_count;
        for (struct lang_run_node *run = node->runs; run != NULL; run = run->next) {
            good = lang_link_call(p, run, &linking->runs[linking->run_count++]) && good;
        }
    }
    return good;
}

bool lang_link_script(struct lang_parser *p, struct lang_script_node *script)
{
    struct linking linking = {
        .steps = lang_alloc(p->arena, script->step_count, sizeof *linking.steps),
        .runs = lang_alloc(p->arena, script->run_count, sizeof *linking.runs)};
    if (linking.steps == NULL || linking.runs == NULL) {
        return lang_no_memory(p);
    }
    script->pub.steps = linking.steps;
    script->pub.step_count = script->step_count;
    script->pub.top_count = script->top_count;
    script->pub.runs = linking.runs;
    script->pub.run_count = script->run_count;
    return link_steps(p, script->steps, script->top_count, &linking);
}

/* ---- the canonical text ---- */

static void print_at_most(uint64_t at_most, struct jit_buf *out)
{
    if (at_most != RMG_SCRIPT_NO_LIMIT) {
        lang_put(out, " at most ");
        lang_put_number(out, at_most);
    }
}

void lang_print_script_head(const struct lang_script *script, struct jit_buf *out)
{
    lang_put(out, "script ");
    lang_put(out, script->name);
    print_at_most(script->rewrites_max, out);
    lang_put(out, " {");
}

void lang_print_step_word(enum rmg_script_mode mode, struct jit_buf *out)
{
    static const char *const words[] = {"", "once ", "all ", "until none ", "until none {"};
    lang_put(out, words[mode]);
}

void lang_print_step_end(enum rmg_script_mode mode, uint64_t at_most, struct jit_buf *out)
{
    lang_put(out, mode == RMG_SCRIPT_BLOCK ? "}" : "");
    print_at_most(at_most, out);
}

static void print_indent(uint32_t depth, struct jit_buf *out)
{
    for (uint32_t i = 0; i < depth; i++) {
        lang_put(out, "  ");
    }
}

static void print_steps(const struct lang_system *system, const struct lang_script *script,
                        uint32_t first, uint32_t count, uint32_t depth, struct jit_buf *out)
{
    for (uint32_t i = first; i < first + count; i++) {
        const struct rmg_script_step *step = &script->steps[i];
        print_indent(depth, out);
        lang_print_step_word(step->mode, out);
        if (step->mode == RMG_SCRIPT_BLOCK) {
            lang_put(out, "\n");
            print_steps(system, script, step->first, step->count, depth + 1, out);
            print_indent(depth, out);
        }
        for (uint32_t k = 0; step->mode != RMG_SCRIPT_BLOCK && k < step->count; k++) {
            const struct lang_run *run = &script->runs[step->first + k];
            lang_put(out, k == 0 ? "" : " | ");
            lang_print_run(&system->rules[run->rule], run, out);
        }
        lang_print_step_end(step->mode, step->at_most, out);
        lang_put(out, "\n");
    }
}

void lang_print_script(const struct lang_system *system, const struct lang_script *script,
                       struct jit_buf *out)
{
    lang_print_script_head(script, out);
    lang_put(out, "\n");
    print_steps(system, script, 0, script->top_count, 1, out);
    lang_put(out, "}\n");
}

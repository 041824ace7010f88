/* The canonical text: one way to write each thing. Parsed again it gives the same programs. Here a
 * whole system, from what the parse left. */
#include "base/check.h"
#include "rmg/lang/lang_format_priv.h"

static void print_value(enum rmg_codec codec, const uint8_t *bytes, uint32_t size,
                        struct jit_buf *out)
{
    struct rmg_datum datum;
    enum jit_err err = rmg_codec_decode(codec, bytes, size, &datum);
    assert(err == JIT_OK); /* the parser encoded it */
    lang_print_datum(&datum, out);
}

static void print_ends(const char *word, const struct lang_end *ends, uint32_t count,
                       struct jit_buf *out)
{
    for (uint32_t i = 0; i < count; i++) {
        lang_put(out, i == 0 ? word : " | ");
        lang_print_name(ends[i].name, strlen(ends[i].name), out);
    }
}

void lang_print_type_head(const struct lang_type *type, struct jit_buf *out)
{
    lang_put(out, type->is_edge ? "edge " : "type ");
    lang_print_name(type->name, type->name_size, out);
    print_ends(" from ", type->from, type->from_count, out);
    print_ends(" to ", type->to, type->to_count, out);
}

void lang_print_field(const struct lang_field *field, struct jit_buf *out)
{
    lang_print_name(field->name, field->name_size, out);
    lang_put(out, ": ");
    lang_put_codec(field->codec, field->element, out);
    lang_put(out, field->join == RMG_JOIN_NONE ? "" : " ");
    lang_put(out, rmg_join_name(field->join));
    if (field->has_default) {
        lang_put(out, " = ");
        print_value(field->codec, field->value, field->value_size, out);
    }
}

static void print_type(const struct lang_type *type, struct jit_buf *out)
{
    lang_print_type_head(type, out);
    for (uint32_t i = 0; i < type->field_count; i++) {
        lang_put(out, i == 0 ? " { " : ", ");
        lang_print_field(&type->fields[i], out);
    }
    lang_put(out, type->field_count > 0 ? " }\n" : "\n");
}

void lang_print_import(const struct lang_import *import, struct jit_buf *out)
{
    lang_put(out, import->apt ? "import apt" : "import ");
    for (uint32_t i = 0; i < import->file_count; i++) {
        struct rmg_datum name = {.codec = RMG_CODEC_TEXT,
                                 .bytes = (const uint8_t *)import->files[i],
                                 .size = (uint32_t)strlen(import->files[i])};
        lang_put(out, i == 0 ? "" : ", ");
        lang_print_datum(&name, out);
    }
    if (import->into.path != NULL) {
        lang_put(out, " into ");
        lang_put(out, import->into.path);
    }
}

void lang_print_run(const struct lang_rule *rule, const struct lang_run *run, struct jit_buf *out)
{
    struct jit_cursor cur = jit_cursor_of(run->params, run->params_size);
    lang_put(out, rule->rule.name);
    for (uint32_t i = 0; i < rule->rule.param_count; i++) {
        uint64_t size = jit_get_u64(&cur);
        const uint8_t *bytes = jit_get_bytes(&cur, size);
        lang_put(out, i == 0 ? "(" : ", ");
        lang_put(out, rule->rule.params[i].name);
        lang_put(out, " = ");
        print_value(rule->rule.params[i].codec, bytes, (uint32_t)size, out);
    }
    lang_put(out, rule->rule.param_count > 0 ? ")" : "");
    assert(jit_cursor_done(&cur));
}

static void print_policy(const struct lang_policy *policy, struct jit_buf *out)
{
    static bool (*const print[])(const struct lang_policy *, struct jit_buf *) = {
        lang_print_restart, lang_print_hang, lang_print_keep, lang_print_graph};
    for (size_t i = 0; i < sizeof print / sizeof print[0]; i++) {
        size_t at = out->size;
        lang_put(out, "  ");
        if (print[i](policy, out)) {
            lang_put(out, "\n");
        } else if (out->err == JIT_OK) {
            out->size = at;
        }
    }
}

void lang_print_exec(const struct lang_process *process, struct jit_buf *out)
{
    if (process->exec == NULL) {
        return;
    }
    struct rmg_datum name = {.codec = RMG_CODEC_TEXT,
                             .bytes = (const uint8_t *)process->exec,
                             .size = (uint32_t)strlen(process->exec)};
    lang_put(out, " exec(");
    lang_print_datum(&name, out);
    lang_put(out, ")");
}

void lang_print_over(const struct lang_process *process, struct jit_buf *out)
{
    static const char *const words[] = {[LANG_APPLY_ALL] = "apply all ",
                                        [LANG_APPLY_ONCE] = "apply once ",
                                        [LANG_APPLY_UNTIL_NONE] = "apply until none ",
                                        [LANG_EXPLORE] = ""};
    lang_put(out, process->exec != NULL ? "" : words[process->apply]);
    if (process->ticks > 0) {
        lang_put(out, "at most ");
        lang_put_number(out, process->ticks);
        lang_put(out, " ticks ");
    }
    lang_put(out, "over shard(");
    lang_put(out, process->over.path);
    lang_put(out, process->rerun ? ") replay rerun" : ")");
}

static void print_scores(const struct lang_system *system, const struct lang_process *process,
                         struct jit_buf *out)
{
    if (process->explore == 0) {
        return;
    }
    lang_print_choose(process, out);
    for (uint32_t i = 0; i < process->score_count; i++) {
        const struct lang_run *run = &process->scores[i].run;
        lang_print_score(&process->scores[i], i == 0, out);
        lang_print_run(&system->rules[run->rule], run, out);
        lang_put(out, ")");
    }
    lang_print_chosen(process, out);
}

static void print_process(const struct lang_system *system, const struct lang_process *process,
                          struct jit_buf *out)
{
    lang_put(out, "process ");
    lang_put(out, process->name);
    lang_put(out, "[");
    lang_put_number(out, process->count);
    lang_put(out, "]");
    lang_print_exec(process, out);
    if (process->explore > 0) {
        lang_print_explore(process, out);
    } else {
        lang_put(out, " run ");
    }
    for (uint32_t i = 0; i < process->run_count; i++) {
        lang_put(out, i == 0 ? "" : ", ");
        lang_print_run(&system->rules[process->runs[i].rule], &process->runs[i], out);
    }
    lang_put(out, process->explore > 0 ? "\n  " : " ");
    print_scores(system, process, out);
    lang_print_over(process, out);
    lang_put(out, "\n");
    print_policy(&process->policy, out);
}

const char *const lang_right_words[] = {"", "map ", "read ", "write ", "invoke "};

bool lang_print_narrow(const struct lang_grant *grant, unsigned narrow, struct jit_buf *out)
{
    static const char *const words[] = {"limit ", "limit ", "until ", "priority "};
    const struct rmg_datum priority = {.codec = RMG_CODEC_I64, .as.i64 = grant->priority};
    if ((grant->narrows & 1u << narrow) == 0) {
        return false;
    }
    lang_put(out, words[narrow]);
    switch (narrow) {
    case LANG_NARROW_LIMIT:
        lang_put_number(out, grant->limit);
        lang_put(out, " per tick");
        break;
    case LANG_NARROW_TOTAL:
        lang_put_number(out, grant->total);
        lang_put(out, " in all");
        break;
    case LANG_NARROW_UNTIL:
        lang_put_number(out, grant->until);
        break;
    default:
        lang_print_datum(&priority, out);
        break;
    }
    return true;
}

static void print_bound(const struct rmg_rule *rule, const struct lang_invoke *invoke,
                        struct jit_buf *out)
{
    for (uint32_t i = 0; i < invoke->bound_count; i++) {
        const struct lang_bound *bound = &invoke->bound[i];
        lang_put(out, i == 0 ? "(" : ", ");
        lang_put(out, rule->params[bound->param].name);
        lang_put(out, " = ");
        print_value(rule->params[bound->param].codec, bound->bytes, bound->size, out);
    }
    lang_put(out, invoke->bound_count > 0 ? ")" : "");
}

static void print_grant(const struct lang_system *system, const struct lang_grant *grant,
                        struct jit_buf *out)
{
    lang_put(out, "grant ");
    lang_put(out, system->processes[grant->process].name);
    for (uint32_t i = 0; i < grant->right_count; i++) {
        const struct lang_right *right = &grant->rights[i];
        lang_put(out, i == 0 ? ": " : "; ");
        lang_put(out, lang_right_words[right->kind]);
        for (uint32_t k = 0; k < right->rule_count; k++) {
            lang_put(out, k == 0 ? "" : ", ");
            lang_put(out, system->rules[right->rules[k]].rule.name);
            print_bound(&system->rules[right->rules[k]].rule, &right->invoke[k], out);
        }
        lang_put(out, right->rule_count > 0 ? " on " : "");
        lang_put(out, right->place.path);
    }
    bool first = grant->right_count == 0;
    for (unsigned i = 0; i < LANG_NARROW_COUNT; i++) {
        if ((grant->narrows & 1u << i) != 0) {
            lang_put(out, first ? ": " : "; ");
            (void)lang_print_narrow(grant, i, out);
            first = false;
        }
    }
    lang_print_owns(system, grant, out);
    lang_put(out, "\n");
}

void lang_format(const struct lang_system *system, struct jit_buf *out)
{
    lang_put(out, system->is_schema ? "schema " : "system ");
    lang_put(out, system->name);
    lang_put(out, "\n");
    for (uint32_t i = 0; i < system->type_count; i++) {
        print_type(&system->types[i], out);
    }
    for (uint32_t i = 0; i < system->import_count; i++) {
        lang_print_import(&system->imports[i], out);
        lang_put(out, "\n");
    }
    for (uint32_t i = 0; i < system->rule_count; i++) {
        lang_put(out, "\n");
        jit_buf_put(out, system->rules[i].text, system->rules[i].text_size);
    }
    for (uint32_t i = 0; i < system->invariant_count; i++) {
        lang_put(out, "\n");
        jit_buf_put(out, system->invariants[i].text, system->invariants[i].text_size);
    }
    lang_put(out, system->process_count > 0 ? "\n" : "");
    for (uint32_t i = 0; i < system->process_count; i++) {
        print_process(system, &system->processes[i], out);
    }
    for (uint32_t i = 0; i < system->grant_count; i++) {
        print_grant(system, &system->grants[i], out);
    }
    for (uint32_t i = 0; i < system->script_count; i++) {
        lang_put(out, "\n");
        lang_print_script(system, &system->scripts[i], out);
    }
}

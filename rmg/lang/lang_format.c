/* The canonical text: one way to write each thing. Parsed again it gives the same programs. */
#include <stdio.h>

#include "rmg/lang/lang_priv.h"

#include "base/check.h"

void lang_put(struct jit_buf *out, const char *text)
{
    jit_buf_put(out, text, strlen(text));
}

void lang_put_number(struct jit_buf *out, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    lang_put(out, text);
}

void lang_print_name(const char *name, size_t size, struct jit_buf *out)
{
    bool plain = !(name[0] >= '0' && name[0] <= '9') && !lang_is_reserved(name, (uint32_t)size);
    for (size_t i = 0; plain && i < size; i++) {
        char c = name[i];
        plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    }
    lang_put(out, plain ? "" : "`");
    jit_buf_put(out, name, size);
    lang_put(out, plain ? "" : "`");
}

/* ---- expressions ---- */

/* How tightly a node binds, loosest 1. */
static int binding(const struct lang_expr *expr)
{
    switch (expr->kind) {
    case LANG_EXPR_CHAIN:
        return expr->level == LANG_LEVEL_OR    ? 1
               : expr->level == LANG_LEVEL_AND ? 2
               : expr->level == LANG_LEVEL_SUM ? 5
                                               : 6;
    case LANG_EXPR_NOT:
    case LANG_EXPR_PATTERN:
    case LANG_EXPR_NEGATIVE:
        return 3;
    case LANG_EXPR_COMPARE:
        return 4;
    case LANG_EXPR_NEG:
        return 7;
    default:
        return 8;
    }
}

static void print_operand(const struct lang_expr *expr, int least, struct jit_buf *out)
{
    bool bare = binding(expr) >= least;
    lang_put(out, bare ? "" : "(");
    lang_print_expr(expr, out);
    lang_put(out, bare ? "" : ")");
}

static const char *sign_of(enum rmg_expr_op op)
{
    static const char *const signs[] = {
        [RMG_EXPR_ADD] = " + ", [RMG_EXPR_SUB] = " - ",   [RMG_EXPR_MUL] = " * ",
        [RMG_EXPR_DIV] = " / ", [RMG_EXPR_MOD] = " % ",   [RMG_EXPR_EQ] = " = ",
        [RMG_EXPR_NE] = " <> ", [RMG_EXPR_LT] = " < ",    [RMG_EXPR_LE] = " <= ",
        [RMG_EXPR_GT] = " > ",  [RMG_EXPR_GE] = " >= ",   [RMG_EXPR_AND] = " and ",
        [RMG_EXPR_OR] = " or ", [RMG_EXPR_CHANCE] = NULL, [RMG_EXPR_RANDOM] = NULL};
    assert(op < sizeof signs / sizeof signs[0] && signs[op] != NULL);
    return signs[op];
}

const char *lang_real_function(enum rmg_expr_op op)
{
    switch (op) {
    case RMG_EXPR_SQRT:
        return "sqrt";
    case RMG_EXPR_EXP:
        return "exp";
    case RMG_EXPR_LOG:
        return "log";
    case RMG_EXPR_SIN:
        return "sin";
    case RMG_EXPR_COS:
        return "cos";
    default:
        return NULL;
    }
}

static void print_call(const struct lang_expr *expr, struct jit_buf *out)
{
    const char *real = lang_real_function(expr->op);
    lang_put(out, real != NULL                  ? real
                  : expr->op == RMG_EXPR_CHANCE ? "chance"
                  : expr->op == RMG_EXPR_RANDOM ? "random"
                  : expr->op == RMG_EXPR_TO_F64 ? "f64"
                                                : "f32");
    lang_put(out, "(");
    if (expr->child != NULL) {
        lang_print_expr(expr->child, out);
    }
    lang_put(out, ")");
}

static void print_aggregate(const struct lang_expr *expr, struct jit_buf *out)
{
    static const char *const words[] = {[RMG_NEAR_COUNT] = "count(",
                                        [RMG_NEAR_SUM] = "sum(",
                                        [RMG_NEAR_MIN] = "min(",
                                        [RMG_NEAR_MAX] = "max("};
    lang_put(out, words[expr->near]);
    lang_print_path(expr->pattern, out);
    if (expr->near != RMG_NEAR_COUNT) {
        lang_put(out, ", ");
        jit_buf_put(out, expr->name.text, expr->name.size);
        lang_put(out, ".");
        lang_print_name(expr->field.text, expr->field.size, out);
    }
    lang_put(out, ")");
}

void lang_print_expr(const struct lang_expr *expr, struct jit_buf *out)
{
    const struct lang_expr *child = expr->child;
    switch (expr->kind) {
    case LANG_EXPR_CONST:
        lang_print_datum(&expr->datum, out);
        break;
    case LANG_EXPR_PARAM:
        jit_buf_put(out, expr->name.text, expr->name.size);
        break;
    case LANG_EXPR_FIELD:
        jit_buf_put(out, expr->name.text, expr->name.size);
        lang_put(out, ".");
        lang_print_name(expr->field.text, expr->field.size, out);
        break;
    case LANG_EXPR_CHAIN:
        print_operand(child, binding(expr), out);
        for (child = child->next; child != NULL; child = child->next) {
            lang_put(out, sign_of(child->join));
            print_operand(child, binding(expr) + 1, out);
        }
        break;
    case LANG_EXPR_COMPARE:
        print_operand(child, 5, out);
        lang_put(out, sign_of(expr->op));
        print_operand(child->next, 5, out);
        break;
    case LANG_EXPR_NOT:
        lang_put(out, "not ");
        print_operand(child, 3, out);
        break;
    case LANG_EXPR_NEG:
        /* -5 is a literal. No parentheses but for it: they would count as a level of their own. */
        lang_put(out, child->kind == LANG_EXPR_NEG ? "- " : "-");
        print_operand(child, child->kind == LANG_EXPR_CONST ? 9 : 7, out);
        break;
    case LANG_EXPR_CALL:
        print_call(expr, out);
        break;
    case LANG_EXPR_PATTERN:
        lang_print_path(expr->pattern, out);
        break;
    case LANG_EXPR_NEGATIVE:
        lang_put(out, "not ");
        lang_print_path(expr->pattern, out);
        break;
    case LANG_EXPR_AGGREGATE:
        print_aggregate(expr, out);
        break;
    }
}

/* ---- patterns and rules ---- */

static void print_inside(const struct lang_element *element, struct jit_buf *out)
{
    if (element->name.text != NULL) {
        jit_buf_put(out, element->name.text, element->name.size);
    }
    if (element->label.text != NULL) {
        lang_put(out, ":");
        lang_print_name(element->label.text, element->label.size, out);
    }
    if (element->assigns != NULL) {
        bool alone = element->name.text == NULL && element->label.text == NULL;
        lang_put(out, alone ? "{" : " {");
        for (const struct lang_assign *assign = element->assigns; assign != NULL;
             assign = assign->next) {
            lang_print_name(assign->field.text, assign->field.size, out);
            lang_put(out, " = ");
            lang_print_expr(assign->value, out);
            lang_put(out, assign->next == NULL ? "}" : ", ");
        }
    }
}

void lang_print_path(const struct lang_path *path, struct jit_buf *out)
{
    for (const struct lang_element *element = path->first; element != NULL;
         element = element->next) {
        if (!element->is_edge) {
            lang_put(out, "(");
            print_inside(element, out);
            lang_put(out, ")");
            continue;
        }
        bool inside =
            element->name.text != NULL || element->label.text != NULL || element->assigns != NULL;
        lang_put(out, element->reversed ? "<-" : "-");
        lang_put(out, inside ? "[" : "");
        print_inside(element, out);
        lang_put(out, inside ? "]" : "");
        lang_put(out, element->reversed ? "-" : "->");
    }
    lang_print_inside(path, out);
}

void lang_print_clause_word(const struct lang_clause *clause, struct jit_buf *out)
{
    static const char *const words[] = {"create", "delete", "set", "add", "raise", "lower", "put"};
    lang_put(out, clause->detach ? "detach " : "");
    lang_put(out, words[clause->kind]);
}

void lang_print_assign(const struct lang_clause *clause, const struct lang_assign *assign,
                       struct jit_buf *out)
{
    jit_buf_put(out, assign->target.text, assign->target.size);
    if (clause->kind != LANG_DELETE) {
        lang_put(out, ".");
        lang_print_name(assign->field.text, assign->field.size, out);
        lang_put(out, clause->kind == LANG_SET ? " = " : ", ");
        lang_print_expr(assign->value, out);
    }
}

static void print_clause(const struct lang_clause *clause, struct jit_buf *out)
{
    lang_put(out, "  ");
    lang_print_clause_word(clause, out);
    for (const struct lang_path *path = clause->paths; path != NULL; path = path->next) {
        lang_put(out, path == clause->paths ? " " : ", ");
        lang_print_path(path, out);
    }
    for (const struct lang_assign *assign = clause->assigns; assign != NULL;
         assign = assign->next) {
        lang_put(out, assign == clause->assigns ? " " : ", ");
        lang_print_assign(clause, assign, out);
    }
    lang_put(out, "\n");
}

const struct lang_expr *lang_conjuncts(const struct lang_expr *where, bool *several)
{
    *several = where != NULL && where->kind == LANG_EXPR_CHAIN && where->level == LANG_LEVEL_AND;
    return *several ? where->child : where;
}

void lang_print_conjunct(const struct lang_expr *expr, struct jit_buf *out)
{
    print_operand(expr, 3, out);
}

void lang_print_rule_head(const struct lang_rule_node *rule, struct jit_buf *out)
{
    lang_put(out, rule->invariant ? "invariant " : "rule ");
    jit_buf_put(out, rule->name.text, rule->name.size);
    for (const struct lang_param *param = rule->params; param != NULL; param = param->next) {
        lang_put(out, param == rule->params ? "(" : ", ");
        jit_buf_put(out, param->name.text, param->name.size);
        lang_put(out, ": ");
        lang_put(out, rmg_codec_name(param->codec));
        lang_put(out, param->next == NULL ? ")" : "");
    }
    int32_t priority = rule->pub.rule.priority;
    if (priority != 0) {
        char text[32];
        snprintf(text, sizeof text, " priority %d", priority);
        lang_put(out, text);
    }
    if (rule->pub.rule.delay > 0) {
        lang_put(out, " after ");
        lang_put_number(out, rule->pub.rule.delay);
        lang_put(out, rule->pub.rule.delay == 1 ? " tick" : " ticks");
    }
    if (rule->pub.rule.retry > 0) {
        lang_put(out, " on conflict retry ");
        lang_put_number(out, rule->pub.rule.retry);
    }
}

void lang_print_equal(const struct lang_equal *equal, struct jit_buf *out)
{
    lang_put(out, "may equal(");
    jit_buf_put(out, equal->names[0].text, equal->names[0].size);
    lang_put(out, ", ");
    jit_buf_put(out, equal->names[1].text, equal->names[1].size);
    lang_put(out, ")");
}

void lang_format_rule(const struct lang_rule_node *rule, struct jit_buf *out)
{
    lang_print_rule_head(rule, out);
    lang_put(out, rule->invariant ? "\n  never match " : "\n  match ");
    for (const struct lang_path *path = rule->match; path != NULL; path = path->next) {
        lang_put(out, path == rule->match ? "" : ", ");
        lang_print_path(path, out);
    }
    lang_put(out, "\n");
    for (const struct lang_equal *equal = rule->equals; equal != NULL; equal = equal->next) {
        lang_put(out, "  ");
        lang_print_equal(equal, out);
        lang_put(out, "\n");
    }
    if (rule->where != NULL) {
        lang_put(out, "  where ");
        lang_print_expr(rule->where, out);
        lang_put(out, "\n");
    }
    for (const struct lang_clause *clause = rule->clauses; clause != NULL; clause = clause->next) {
        print_clause(clause, out);
    }
}

/* ---- a whole system, from what the parse left ---- */

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

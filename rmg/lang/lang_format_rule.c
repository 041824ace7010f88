/* Patterns and rules in the canonical text. */
#include <stdio.h>

#include "rmg/lang/lang_format_priv.h"

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

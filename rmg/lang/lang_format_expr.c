/* Words, names and expressions in the canonical text. */
#include <stdio.h>

#include "base/check.h"
#include "rmg/lang/lang_format_priv.h"

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

const struct lang_expr *lang_conjuncts(const struct lang_expr *where, bool *several)
{
    *several = where != NULL && where->kind == LANG_EXPR_CHAIN && where->level == LANG_LEVEL_AND;
    return *several ? where->child : where;
}

void lang_print_conjunct(const struct lang_expr *expr, struct jit_buf *out)
{
    print_operand(expr, 3, out);
}

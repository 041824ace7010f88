/* The types of expressions. Strict: nothing is converted unless the text says so with f64(x) or
 * f32(x); only a literal with a point adapts, to f32 where the other side is f32. */
#include "rmg/lang/lang_format_priv.h"

#include "base/check.h"

static bool is_number(enum rmg_codec codec)
{
    return codec == RMG_CODEC_I64 || codec == RMG_CODEC_F64 || codec == RMG_CODEC_F32;
}

static const char *conversion(enum rmg_codec from, enum rmg_codec to)
{
    if (to == RMG_CODEC_F64 && (from == RMG_CODEC_I64 || from == RMG_CODEC_F32)) {
        return "f64";
    }
    if (to == RMG_CODEC_F32 && (from == RMG_CODEC_I64 || from == RMG_CODEC_F64)) {
        return "f32";
    }
    return NULL;
}

static bool mismatch(struct lang_scope *scope, const struct lang_expr *expr, enum rmg_codec wanted,
                     const char *what)
{
    struct lang_parser *p = scope->p;
    lang_fail(p, expr->at, expr->size, "%s is %s, this is %s", what, rmg_codec_name(wanted),
              rmg_codec_name(expr->codec));
    if (conversion(expr->codec, wanted) != NULL) {
        int shown = expr->size > 60 ? 0 : (int)expr->size;
        return lang_help(p, "convert it: %s(%.*s%s)", conversion(expr->codec, wanted), shown,
                         p->source + expr->at, shown == 0 ? "..." : "");
    }
    if (conversion(wanted, expr->codec) != NULL) {
        return lang_help(p, "convert the other side with %s(...)", conversion(wanted, expr->codec));
    }
    return lang_help(p, "values of different types are never equal, less or greater");
}

/* One operand against the type of the others. */
static bool fit(struct lang_scope *scope, struct lang_expr *expr, enum rmg_codec codec,
                const char *what)
{
    if (expr->codec == codec) {
        return true;
    }
    if (expr->kind == LANG_EXPR_CONST) {
        return lang_fit_constant(scope->p, expr, codec, what);
    }
    return mismatch(scope, expr, codec, what);
}

bool lang_check_value(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where,
                      enum rmg_codec codec, const char *what)
{
    return lang_check_expr(scope, expr, where) && fit(scope, expr, codec, what);
}

/* All operands of one type: that of the first that is no literal, else of the first. */
static bool unify(struct lang_scope *scope, struct lang_expr *operands, enum rmg_codec *codec)
{
    const struct lang_expr *model = operands;
    while (model != NULL && model->kind == LANG_EXPR_CONST) {
        model = model->next;
    }
    *codec = (model == NULL ? operands : model)->codec;
    for (struct lang_expr *expr = operands; expr != NULL; expr = expr->next) {
        if (!fit(scope, expr, *codec, "the other side")) {
            return false;
        }
    }
    return true;
}

static bool check_children(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where)
{
    bool good = true;
    for (struct lang_expr *child = expr->child; child != NULL; child = child->next) {
        good = lang_check_expr(scope, child, where) && good;
    }
    return good;
}

static bool check_param(struct lang_scope *scope, struct lang_expr *expr)
{
    struct lang_parser *p = scope->p;
    const struct lang_name *name = &expr->name;
    struct lang_nearest nearest = lang_nearest_to(name->text, name->size);
    uint8_t operand = 0;
    uint32_t index = 0;
    for (const struct lang_param *param = scope->rule->params; param != NULL;
         param = param->next, index++) {
        if (lang_name_equal(&param->name, name)) {
            expr->index = index;
            expr->codec = param->codec;
            return true;
        }
        lang_nearest_try(&nearest, param->name.text, param->name.size);
    }
    const struct lang_scope_entry *entry = lang_scope_find(scope, name, &operand);
    if (entry != NULL) {
        lang_fail(p, name->at, name->span, "`%.60s` is %s, not a value", name->text,
                  entry->is_edge ? "an edge" : "a node");
        return lang_help(p, "write %.60s.field for the value of a field", name->text);
    }
    lang_fail(p, name->at, name->span, "there is no parameter `%.60s`", name->text);
    return nearest.best != NULL
               ? lang_help(p, "did you mean `%.60s`?", nearest.best)
               : lang_help(p,
                           "declare it: rule %.60s(%.60s: f64); or write the field of an "
                           "element: a.%.60s",
                           scope->rule->name.text, name->text, name->text);
}

bool lang_read_field(struct lang_scope *scope, uint8_t operand, const struct lang_name *name,
                     uint32_t at, uint32_t size, uint32_t *index)
{
    struct lang_parser *p = scope->p;
    struct lang_type_node *type = scope->elements[operand].type;
    const struct lang_field_node *field = lang_find_field(type, name);
    if (field == NULL) {
        return lang_unknown_field(p, type, name);
    }
    if (field->pub.element != RMG_CODEC_NONE) {
        return lang_refuse(p, at, size, "a value that is a list of one codec",
                           "rules read lists without a codec, as a whole: declare it `list`");
    }
    for (uint32_t i = 0; i < scope->field_count; i++) {
        const struct rmg_rule_field *known = &scope->fields[i];
        if (known->element == operand && known->name_size == name->size &&
            memcmp(known->name, name->text, name->size) == 0) {
            *index = i;
            return true;
        }
    }
    if (scope->field_count == RMG_RULE_FIELDS_MAX) {
        return lang_fail(p, at, size, "a rule reads at most %u fields", RMG_RULE_FIELDS_MAX);
    }
    struct rmg_rule_field *fresh = &scope->fields[scope->field_count];
    *fresh = (struct rmg_rule_field){
        .element = operand, .codec = field->pub.codec, .name_size = (uint8_t)name->size};
    memcpy(fresh->name, name->text, name->size);
    *index = scope->field_count++;
    return true;
}

static bool check_field(struct lang_scope *scope, struct lang_expr *expr)
{
    struct lang_parser *p = scope->p;
    uint8_t operand = 0;
    const struct lang_scope_entry *entry = lang_scope_find(scope, &expr->name, &operand);
    if (entry == NULL) {
        return lang_unknown_element(scope, &expr->name, NULL);
    }
    if (entry->created) {
        lang_fail(p, expr->at, expr->size, "`%.60s` is created by this rule and has no values yet",
                  expr->name.text);
        return lang_help(p, "expressions read the state before the rewrite");
    }
    if (entry->type == NULL) {
        lang_fail(p, expr->at, expr->size, "the fields of `%.60s` are not known", expr->name.text);
        return lang_help(p, "give it a type in the match: %s%.60s:Type%s",
                         entry->is_edge ? "[" : "(", expr->name.text, entry->is_edge ? "]" : ")");
    }
    if (!lang_read_field(scope, operand, &expr->field, expr->at, expr->size, &expr->index)) {
        return false;
    }
    expr->codec = scope->fields[expr->index].codec;
    return true;
}

static bool check_logic(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where)
{
    bool good = check_children(scope, expr, where);
    expr->codec = RMG_CODEC_BOOL;
    for (struct lang_expr *child = expr->child; good && child != NULL; child = child->next) {
        if (child->codec != RMG_CODEC_BOOL) {
            lang_fail(scope->p, child->at, child->size, "this is %s, a condition is needed here",
                      rmg_codec_name(child->codec));
            return lang_help(scope->p, "compare it with something: = <> < <= > >=");
        }
    }
    return good;
}

static bool check_arithmetic(struct lang_scope *scope, struct lang_expr *expr,
                             enum lang_where where)
{
    if (!check_children(scope, expr, where)) {
        return false;
    }
    for (struct lang_expr *child = expr->child; child != NULL; child = child->next) {
        if (!is_number(child->codec)) {
            return lang_fail(scope->p, child->at, child->size,
                             "this is %s, a number is needed here", rmg_codec_name(child->codec));
        }
    }
    if (!unify(scope, expr->child, &expr->codec)) {
        return false;
    }
    for (struct lang_expr *child = expr->child->next; child != NULL; child = child->next) {
        if (child->join == RMG_EXPR_MOD && expr->codec != RMG_CODEC_I64) {
            return lang_fail(scope->p, child->at, child->size, "%% is for i64, this is %s",
                             rmg_codec_name(expr->codec));
        }
    }
    return true;
}

static bool check_comparison(struct lang_scope *scope, struct lang_expr *expr,
                             enum lang_where where)
{
    enum rmg_codec codec = RMG_CODEC_NONE;
    if (!check_children(scope, expr, where) || !unify(scope, expr->child, &codec)) {
        return false;
    }
    bool ordered = expr->op != RMG_EXPR_EQ && expr->op != RMG_EXPR_NE;
    if (ordered && !is_number(codec) && codec != RMG_CODEC_TEXT) {
        lang_fail(scope->p, expr->at, expr->size, "values of type %s have no order",
                  rmg_codec_name(codec));
        return lang_help(scope->p, "compare them with = or <>");
    }
    expr->codec = RMG_CODEC_BOOL;
    return true;
}

static bool check_negation(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where)
{
    if (!check_children(scope, expr, where)) {
        return false;
    }
    expr->codec = expr->child->codec;
    return is_number(expr->codec) ||
           lang_fail(scope->p, expr->at, expr->size, "this is %s, a minus is for numbers",
                     rmg_codec_name(expr->codec));
}

static bool check_chance(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where)
{
    struct lang_expr *p = expr->child;
    expr->codec = RMG_CODEC_BOOL;
    if (!lang_check_value(scope, p, where, RMG_CODEC_F64, "a chance")) {
        return false;
    }
    if (p->kind == LANG_EXPR_CONST && (p->datum.as.f64 < 0 || p->datum.as.f64 > 1)) {
        return lang_fail(scope->p, p->at, p->size, "a chance is a number from 0.0 to 1.0");
    }
    return true;
}

static bool check_call(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where)
{
    struct lang_parser *p = scope->p;
    if (expr->op == RMG_EXPR_CHANCE) {
        return check_chance(scope, expr, where);
    }
    if (expr->op == RMG_EXPR_RANDOM) {
        expr->codec = RMG_CODEC_F64;
        return true;
    }
    if (!check_children(scope, expr, where)) {
        return false;
    }
    enum rmg_codec from = expr->child->codec;
    const char *real = lang_real_function(expr->op);
    if (real != NULL) {
        expr->codec = from;
        if (from == RMG_CODEC_F64 || from == RMG_CODEC_F32) {
            return true;
        }
        lang_fail(p, expr->child->at, expr->child->size, "%s is for f64 and f32, this is %s", real,
                  rmg_codec_name(from));
        return from == RMG_CODEC_I64 ? lang_help(p, "convert it: %s(f64(...))", real) : false;
    }
    expr->codec = expr->op == RMG_EXPR_TO_F64 ? RMG_CODEC_F64 : RMG_CODEC_F32;
    if (from == expr->codec) {
        return lang_fail(p, expr->at, expr->size, "this is %s already", rmg_codec_name(from));
    }
    return is_number(from) ||
           lang_fail(p, expr->child->at, expr->child->size, "this is %s, a number is needed here",
                     rmg_codec_name(from));
}

bool lang_check_expr(struct lang_scope *scope, struct lang_expr *expr, enum lang_where where)
{
    switch (expr->kind) {
    case LANG_EXPR_CONST:
        return true;
    case LANG_EXPR_PARAM:
        return check_param(scope, expr);
    case LANG_EXPR_FIELD:
        return check_field(scope, expr);
    case LANG_EXPR_CHAIN:
        return expr->level == LANG_LEVEL_OR || expr->level == LANG_LEVEL_AND
                   ? check_logic(scope, expr, where)
                   : check_arithmetic(scope, expr, where);
    case LANG_EXPR_COMPARE:
        return check_comparison(scope, expr, where);
    case LANG_EXPR_NOT:
        return check_logic(scope, expr, where);
    case LANG_EXPR_NEG:
        return check_negation(scope, expr, where);
    case LANG_EXPR_CALL:
        return check_call(scope, expr, where);
    case LANG_EXPR_AGGREGATE:
        return lang_check_aggregate(scope, expr);
    case LANG_EXPR_PATTERN:
    case LANG_EXPR_NEGATIVE:
        lang_fail(scope->p, expr->at, expr->size, "a %s condition stands by itself in `where`",
                  expr->kind == LANG_EXPR_PATTERN ? "positive" : "negative");
        return lang_help(scope->p, where == LANG_IN_WHERE
                                       ? "join it to the others with `and`, outside of `or`, `not` "
                                         "and comparisons"
                                       : "write it behind `where`");
    }
    assert(false); /* every kind is above */
    return false;
}

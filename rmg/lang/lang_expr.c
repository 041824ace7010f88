/* Expressions, loosest first: or, and, not, comparison, + -, * / %, minus, operand.
 * Operands of one precedence make one node (a chain), so the tree is as deep as the text is nested,
 * and every pass may walk it by recursion. */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"

static bool parse_not(struct lang_parser *p, struct lang_expr **out);
static bool parse_unary(struct lang_parser *p, struct lang_expr **out);

static struct lang_expr *new_expr(struct lang_parser *p, enum lang_expr_kind kind, uint32_t at)
{
    struct lang_expr *expr = lang_alloc(p->arena, 1, sizeof *expr);
    if (expr == NULL) {
        lang_no_memory(p);
        return NULL;
    }
    *expr = (struct lang_expr){.kind = kind, .at = at, .height = 1};
    return expr;
}

/* Hangs a list of operands under a node and closes it. */
static bool finish(struct lang_parser *p, struct lang_expr *expr, struct lang_expr *children)
{
    expr->child = children;
    expr->size = p->end - expr->at;
    for (const struct lang_expr *child = children; child != NULL; child = child->next) {
        expr->height = child->height >= expr->height ? child->height + 1 : expr->height;
        expr->draws = expr->draws || child->draws;
    }
    if (expr->height > JIT_EXPR_DEPTH_MAX) {
        lang_fail(p, expr->at, expr->size, "an expression is nested at most %u deep",
                  JIT_EXPR_DEPTH_MAX);
        return lang_help(p, "split the condition, or write it with fewer levels");
    }
    return true;
}

static bool enter(struct lang_parser *p)
{
    if (p->depth == JIT_EXPR_DEPTH_MAX) {
        lang_fail(p, p->token.at, p->token.size, "an expression is nested at most %u deep",
                  JIT_EXPR_DEPTH_MAX);
        return lang_help(p, "leave out parentheses that are not needed");
    }
    p->depth++;
    return true;
}

/* The operator of a level at the current token; false: none. */
static bool chain_op(const struct lang_parser *p, enum lang_level level, enum rmg_expr_op *op)
{
    static const struct {
        enum lang_level level;
        uint32_t kind;
        enum rmg_expr_op op;
    } signs[] = {{LANG_LEVEL_SUM, LANG_C('+'), RMG_EXPR_ADD},
                 {LANG_LEVEL_SUM, LANG_C('-'), RMG_EXPR_SUB},
                 {LANG_LEVEL_PRODUCT, LANG_C('*'), RMG_EXPR_MUL},
                 {LANG_LEVEL_PRODUCT, LANG_C('/'), RMG_EXPR_DIV},
                 {LANG_LEVEL_PRODUCT, LANG_C('%'), RMG_EXPR_MOD}};
    if (level == LANG_LEVEL_OR || level == LANG_LEVEL_AND) {
        *op = level == LANG_LEVEL_OR ? RMG_EXPR_OR : RMG_EXPR_AND;
        return lang_at_word(p, level == LANG_LEVEL_OR ? "or" : "and");
    }
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (signs[i].level == level && lang_at(p, signs[i].kind)) {
            *op = signs[i].op;
            return true;
        }
    }
    return false;
}

static bool parse_chain(struct lang_parser *p, enum lang_level level, struct lang_expr **out);

static bool parse_level(struct lang_parser *p, enum lang_level level, struct lang_expr **out)
{
    switch (level) {
    case LANG_LEVEL_OR:
        return parse_chain(p, LANG_LEVEL_AND, out);
    case LANG_LEVEL_AND:
        return parse_not(p, out);
    case LANG_LEVEL_SUM:
        return parse_chain(p, LANG_LEVEL_PRODUCT, out);
    default:
        return parse_unary(p, out);
    }
}

static bool parse_operand(struct lang_parser *p, enum lang_level level, struct lang_expr **out)
{
    uint32_t begin = p->token.at;
    if (!parse_level(p, level, out)) {
        return false;
    }
    (*out)->begin = begin;
    return true;
}

/* An operand that is a chain of the same level in parentheses becomes part of the outer one where
 * that changes nothing: (a and b) and c, a and (b and c), (x + y) + z, but not x + (y + z). */
static struct lang_expr **append(struct lang_expr **end, struct lang_expr *operand,
                                 enum lang_level level, enum rmg_expr_op op, bool first)
{
    bool logic = level == LANG_LEVEL_OR || level == LANG_LEVEL_AND;
    if (operand->kind == LANG_EXPR_CHAIN && operand->level == level && (first || logic)) {
        operand = operand->child;
    }
    *end = operand;
    if (!first) {
        operand->join = op;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    return end;
}

static bool parse_chain(struct lang_parser *p, enum lang_level level, struct lang_expr **out)
{
    uint32_t at = p->token.at;
    struct lang_expr *operand = NULL;
    struct lang_expr *children = NULL;
    enum rmg_expr_op op = RMG_EXPR_AND;
    if (!parse_operand(p, level, &operand)) {
        return false;
    }
    if (!chain_op(p, level, &op)) {
        *out = operand;
        return true;
    }
    struct lang_expr **end = append(&children, operand, level, op, true);
    while (chain_op(p, level, &op)) {
        lang_next(p);
        if (!parse_operand(p, level, &operand)) {
            return false;
        }
        end = append(end, operand, level, op, false);
    }
    struct lang_expr *chain = new_expr(p, LANG_EXPR_CHAIN, at);
    if (chain == NULL) {
        return false;
    }
    chain->level = level;
    *out = chain;
    return finish(p, chain, children);
}

static bool comparison_op(const struct lang_parser *p, enum rmg_expr_op *op)
{
    static const struct {
        uint32_t kind;
        enum rmg_expr_op op;
    } signs[] = {{LANG_C('='), RMG_EXPR_EQ}, {LANG_NE, RMG_EXPR_NE},     {LANG_C('<'), RMG_EXPR_LT},
                 {LANG_LE, RMG_EXPR_LE},     {LANG_C('>'), RMG_EXPR_GT}, {LANG_GE, RMG_EXPR_GE}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (lang_at(p, signs[i].kind)) {
            *op = signs[i].op;
            return true;
        }
    }
    return false;
}

static bool parse_comparison(struct lang_parser *p, struct lang_expr **out)
{
    uint32_t at = p->token.at;
    enum rmg_expr_op op = RMG_EXPR_EQ;
    struct lang_expr *left = NULL;
    if (!parse_chain(p, LANG_LEVEL_SUM, &left)) {
        return false;
    }
    if (!comparison_op(p, &op)) {
        *out = left;
        return true;
    }
    lang_next(p);
    if (!parse_chain(p, LANG_LEVEL_SUM, &left->next)) {
        return false;
    }
    struct lang_expr *compare = new_expr(p, LANG_EXPR_COMPARE, at);
    if (compare == NULL) {
        return false;
    }
    compare->op = op;
    if (comparison_op(p, &op)) {
        lang_fail(p, p->token.at, p->token.size, "comparisons do not chain");
        return lang_help(p, "write a < b and b < c instead of a < b < c");
    }
    *out = compare;
    return finish(p, compare, left);
}

static bool parse_not(struct lang_parser *p, struct lang_expr **out)
{
    uint32_t at = p->token.at;
    bool negated = lang_take_word(p, "not");
    bool pattern = lang_at_pattern(p, negated);
    if (!negated && !pattern) {
        return parse_comparison(p, out);
    }
    struct lang_expr *expr = NULL;
    struct lang_expr *child = NULL;
    if (pattern) {
        expr = new_expr(p, negated ? LANG_EXPR_NEGATIVE : LANG_EXPR_PATTERN, at);
        if (expr == NULL || !lang_parse_path(p, &expr->pattern)) {
            return false;
        }
    } else {
        if (!enter(p) || !parse_not(p, &child)) {
            return false;
        }
        p->depth--;
        expr = new_expr(p, LANG_EXPR_NOT, at);
        if (expr == NULL) {
            return false;
        }
    }
    *out = expr;
    return finish(p, expr, child);
}

static const char *const later_functions[][2] = {{"id", NULL}, {"exec", NULL}, {"explore", NULL}};

static bool parse_arguments(struct lang_parser *p, struct lang_expr *call, uint32_t wanted)
{
    struct lang_expr *argument = NULL;
    lang_next(p); /* ( */
    if (!enter(p)) {
        return false;
    }
    if (lang_at(p, LANG_C(')')) ? wanted > 0 : wanted == 0) {
        return lang_expected(p, wanted == 0 ? "`)`: this function takes nothing" : "a value");
    }
    if (wanted > 0 && !lang_parse_expr(p, &argument)) {
        return false;
    }
    if (!lang_expect(p, LANG_C(')'),
                     wanted == 0 ? "`)`: this function takes nothing"
                                 : "`)`: this function takes one value")) {
        return false;
    }
    p->depth--;
    return finish(p, call, argument);
}

/* count(pattern), sum(pattern, x.field), min and max alike. */
static bool parse_aggregate(struct lang_parser *p, const struct lang_name *name,
                            enum rmg_near_kind kind, struct lang_expr **out)
{
    struct lang_expr *expr = new_expr(p, LANG_EXPR_AGGREGATE, name->at);
    if (expr == NULL) {
        return false;
    }
    expr->near = kind;
    lang_next(p); /* ( */
    if (!lang_at(p, LANG_C('('))) {
        lang_expected(p, "a pattern");
        return lang_help(p,
                         kind == RMG_NEAR_COUNT
                             ? "write count((a)-[:TYPE]->(:Type)), with a node of the match"
                             : "write %.3s((a)-[:TYPE]->(x:Type), x.field), with a node of the "
                               "match",
                         name->text);
    }
    if (!lang_parse_path(p, &expr->pattern)) {
        return false;
    }
    if (kind != RMG_NEAR_COUNT) {
        if (!lang_expect(p, LANG_C(','), "`,` and a field") ||
            !lang_take_name(p, "the name of the node or edge", &expr->name) ||
            !lang_expect(p, LANG_C('.'), "`.` and a field's name") ||
            !lang_take_label(p, "a field's name", &expr->field)) {
            return false;
        }
    }
    *out = expr;
    return lang_expect(p, LANG_C(')'), "`)`") && finish(p, expr, NULL);
}

static bool parse_call(struct lang_parser *p, const struct lang_name *name, struct lang_expr **out)
{
    static const struct {
        const char *name;
        enum rmg_expr_op op;
        uint32_t arguments;
    } functions[] = {{"chance", RMG_EXPR_CHANCE, 1}, {"random", RMG_EXPR_RANDOM, 0},
                     {"sqrt", RMG_EXPR_SQRT, 1},     {"exp", RMG_EXPR_EXP, 1},
                     {"log", RMG_EXPR_LOG, 1},       {"sin", RMG_EXPR_SIN, 1},
                     {"cos", RMG_EXPR_COS, 1},       {"f64", RMG_EXPR_TO_F64, 1},
                     {"f32", RMG_EXPR_TO_F32, 1}};
    struct lang_nearest nearest = lang_nearest_to(name->text, name->size);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcmp(functions[i].name, name->text) == 0) {
            struct lang_expr *call = new_expr(p, LANG_EXPR_CALL, name->at);
            if (call == NULL) {
                return false;
            }
            call->op = functions[i].op;
            call->draws = call->op == RMG_EXPR_CHANCE || call->op == RMG_EXPR_RANDOM;
            call->index = call->draws ? p->calls++ : 0; /* its place in the text */
            *out = call;
            return parse_arguments(p, call, functions[i].arguments);
        }
        lang_nearest_try(&nearest, functions[i].name, (uint32_t)strlen(functions[i].name));
    }
    static const char *const aggregates[] = {[RMG_NEAR_COUNT] = "count",
                                             [RMG_NEAR_SUM] = "sum",
                                             [RMG_NEAR_MIN] = "min",
                                             [RMG_NEAR_MAX] = "max"};
    for (int kind = RMG_NEAR_COUNT; kind <= RMG_NEAR_MAX; kind++) {
        if (strcmp(aggregates[kind], name->text) == 0) {
            return parse_aggregate(p, name, (enum rmg_near_kind)kind, out);
        }
    }
    for (size_t i = 0; i < sizeof later_functions / sizeof later_functions[0]; i++) {
        if (strcmp(later_functions[i][0], name->text) == 0) {
            return lang_refuse(p, name->at, name->span, later_functions[i][0],
                               later_functions[i][1]);
        }
    }
    lang_fail(p, name->at, name->span, "there is no function `%.60s`", name->text);
    return nearest.best != NULL
               ? lang_help(p, "did you mean `%s`?", nearest.best)
               : lang_help(p,
                           "the functions are chance(p), random(), sqrt(x), exp(x), log(x), "
                           "sin(x), cos(x), f64(x), f32(x), and count, sum, min, max of a pattern");
}

static bool parse_named(struct lang_parser *p, struct lang_expr **out)
{
    struct lang_name name = {0};
    uint32_t at = p->token.at;
    if (lang_at_word(p, "may")) {
        struct lang_token next = lang_peek(p, 1);
        if (lang_is_word(p, &next, "equal")) {
            lang_fail(p, at, next.at + next.size - at, "`may equal` stands right behind `match`");
            return lang_help(p, "write it before `where`: match ... may equal(a, b) where ...");
        }
    }
    if (!lang_take_name(p, "a value", &name)) {
        return false;
    }
    if (lang_at(p, LANG_C('('))) {
        return parse_call(p, &name, out);
    }
    struct lang_expr *expr = new_expr(p, LANG_EXPR_PARAM, at);
    if (expr == NULL) {
        return false;
    }
    expr->name = name;
    if (lang_take(p, LANG_C('.'))) {
        expr->kind = LANG_EXPR_FIELD;
        if (!lang_take_label(p, "a field's name", &expr->field)) {
            return false;
        }
    }
    *out = expr;
    return finish(p, expr, NULL);
}

static bool parse_parentheses(struct lang_parser *p, struct lang_expr **out)
{
    if (!enter(p)) {
        return false;
    }
    lang_next(p);
    if (!lang_parse_expr(p, out) || !lang_expect(p, LANG_C(')'), "`)`")) {
        return false;
    }
    p->depth--;
    return true;
}

static bool parse_unary(struct lang_parser *p, struct lang_expr **out)
{
    uint32_t at = p->token.at;
    if (lang_at_literal(p)) {
        return lang_take_constant(p, "a value", out);
    }
    if (lang_at(p, LANG_C('-'))) {
        struct lang_token next = lang_peek(p, 1);
        if (next.kind == LANG_INTEGER || next.kind == LANG_FLOAT) {
            return lang_take_constant(p, "a value", out);
        }
        lang_next(p);
        struct lang_expr *child = NULL;
        if (!enter(p) || !parse_unary(p, &child)) {
            return false;
        }
        p->depth--;
        *out = new_expr(p, LANG_EXPR_NEG, at);
        return *out != NULL && finish(p, *out, child);
    }
    if (lang_at(p, LANG_C('('))) {
        return parse_parentheses(p, out);
    }
    if (lang_at(p, LANG_NAME)) {
        return parse_named(p, out);
    }
    lang_expected(p, "a value");
    return lang_at(p, LANG_C('[')) || lang_at(p, LANG_C('>'))
               ? lang_help(p, "a pattern stands only in `match`, `create` and right behind `not`")
               : false;
}

bool lang_parse_expr(struct lang_parser *p, struct lang_expr **out)
{
    return parse_chain(p, LANG_LEVEL_OR, out);
}

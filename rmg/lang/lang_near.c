/* Conditions on what is beside a match, and aggregates over it: not (a)-[:T]->(:U {f = 1}),
 * (a)<-[:T]-(b), not (:U), count((a)-[:T]->(:U)), sum((a)-[e:T]->(x:U), x.f). */
#include <stdio.h>

#include "rmg/lang/lang_priv.h"

/* What one of them is about, while it is checked. */
struct near_check {
    struct lang_scope *scope;
    struct lang_expr *expr;
    struct lang_element *edge;  /* NULL: a node alone */
    struct lang_element *other; /* NULL: it is a node of the match */
    const char *what;           /* "a negative condition" */
    struct rmg_rule_near *near;
};

static const char *shape_of(const struct near_check *c)
{
    static const char *const shapes[] = {"write not (a)-[:TYPE]->(:Type) or not (:Type)",
                                         "write (a)-[:TYPE]->(:Type) or (:Type)",
                                         "write count((a)-[:TYPE]->(:Type)) or count((:Type))",
                                         "write sum((a)-[:TYPE]->(x:Type), x.field)",
                                         "write min((a)-[:TYPE]->(x:Type), x.field)",
                                         "write max((a)-[:TYPE]->(x:Type), x.field)"};
    return shapes[c->near->kind];
}

static bool is_aggregate(const struct near_check *c)
{
    return c->near->kind >= RMG_NEAR_COUNT;
}

/* Is this the node or edge whose field is asked for? Only such a one has a name. */
static bool is_asked(const struct near_check *c, const struct lang_element *element)
{
    return c->near->kind > RMG_NEAR_COUNT && lang_name_equal(&c->expr->name, &element->name);
}

/* A node of the pattern: one of the match (then *matched), or the other end. */
static bool check_end(struct near_check *c, struct lang_element *node, bool *matched,
                      uint8_t *operand)
{
    struct lang_parser *p = c->scope->p;
    *matched = false;
    if (node->name.text == NULL) {
        return true;
    }
    const struct lang_scope_entry *entry = lang_scope_find(c->scope, &node->name, operand);
    bool may_be_new =
        is_asked(c, node) || (c->near->kind > RMG_NEAR_COUNT && node->label.text != NULL);
    if (entry == NULL && may_be_new) {
        return true;
    }
    if (entry == NULL) {
        return lang_unknown_element(c->scope, &node->name,
                                    "what is not matched has no name: write (:Type) or ()");
    }
    if (entry->created) {
        return lang_fail(p, node->name.at, node->name.span, "`%.60s` is created by this rule",
                         node->name.text);
    }
    if (entry->is_edge) {
        return lang_fail(p, node->name.at, node->name.span, "`%.60s` is an edge, not a node",
                         node->name.text);
    }
    if (node->label.text != NULL) {
        lang_fail(p, node->label.at, node->label.span, "`%.60s` is matched already",
                  node->name.text);
        return lang_help(p, "write (%.60s) alone", node->name.text);
    }
    if (node->assigns != NULL) {
        lang_fail(p, node->at, node->size, "`%.60s` is matched already", node->name.text);
        return lang_help(p, "ask for its fields behind `where`: %.60s.%.60s = ...", node->name.text,
                         node->assigns->field.text);
    }
    *matched = true;
    return true;
}

static uint8_t place_of(const struct lang_scope *scope, uint8_t operand)
{
    return scope->elements[operand].place;
}

/* From which node to which end. */
static bool check_way(struct near_check *c)
{
    struct lang_parser *p = c->scope->p;
    struct lang_element *left = c->expr->pattern->first;
    struct lang_element *right = c->expr->pattern->last;
    bool matched[2] = {false, false};
    uint8_t operands[2] = {0, 0};
    if (!check_end(c, left, &matched[0], &operands[0]) ||
        !check_end(c, right, &matched[1], &operands[1])) {
        return false;
    }
    if (!matched[0] && !matched[1]) {
        char text[128];
        (void)snprintf(text, sizeof text, "%s without a matched node", c->what);
        return lang_refuse(p, c->expr->at, c->expr->size, text, shape_of(c));
    }
    if (matched[0] && matched[1] &&
        place_of(c->scope, operands[0]) != place_of(c->scope, operands[1])) {
        lang_fail(p, c->expr->at, c->expr->size, "these nodes lie in different instances");
        return lang_help(p, "an edge joins nodes of one instance");
    }
    bool from_left = matched[0];
    c->near->element = operands[from_left ? 0 : 1];
    c->near->direction = from_left == c->edge->reversed ? RMG_DIR_IN : RMG_DIR_OUT;
    c->near->other_matched = matched[0] && matched[1];
    c->near->other = c->near->other_matched ? operands[1] : 0;
    c->other = c->near->other_matched ? NULL : from_left ? right : left;
    return true;
}

static bool check_types(struct near_check *c)
{
    struct lang_parser *p = c->scope->p;
    if (c->edge != NULL && c->edge->name.text != NULL && c->near->kind <= RMG_NEAR_COUNT) {
        lang_fail(p, c->edge->name.at, c->edge->name.span,
                  "an edge that is not matched has no name");
        return lang_help(p, "%s", shape_of(c));
    }
    if (c->edge != NULL && c->edge->label.text != NULL &&
        !lang_find_type(p, &c->edge->label, true, &c->edge->type)) {
        return false;
    }
    if (c->other != NULL && c->other->label.text != NULL &&
        !lang_find_type(p, &c->other->label, false, &c->other->type)) {
        return false;
    }
    c->near->edge_typed = c->edge != NULL && c->edge->type != NULL;
    c->near->other_typed = c->other != NULL && c->other->type != NULL;
    if (c->near->edge_typed) {
        c->near->edge_type = c->edge->type->pub.id;
    }
    if (c->near->other_typed) {
        c->near->other_type = c->other->type->pub.id;
    }
    return true;
}

/* The declared field of what is not matched. */
static const struct lang_field_node *
field_of(struct near_check *c, const struct lang_element *element, const struct lang_name *name)
{
    struct lang_parser *p = c->scope->p;
    if (element->type == NULL) {
        lang_fail(p, element->at, element->size, "the fields of this element are not known");
        lang_help(p, "give it a type: %s:Type%s", element->is_edge ? "[" : "(",
                  element->is_edge ? "]" : ")");
        return NULL;
    }
    const struct lang_field_node *field = lang_find_field(element->type, name);
    if (field == NULL) {
        lang_unknown_field(p, element->type, name);
        return NULL;
    }
    if (field->pub.element != RMG_CODEC_NONE) {
        lang_refuse(p, name->at, name->span, "a value that is a list of one codec",
                    "rules read lists without a codec, as a whole: declare it `list`");
        return NULL;
    }
    return field;
}

/* Does it hold a draw or an aggregate? As deep as expressions are nested. */
static bool is_plain(const struct lang_expr *expr)
{
    bool plain = !expr->draws && expr->kind != LANG_EXPR_AGGREGATE;
    for (const struct lang_expr *child = expr->child; child != NULL && plain; child = child->next) {
        plain = is_plain(child);
    }
    return plain;
}

static bool check_values(struct near_check *c, struct lang_element *element)
{
    struct lang_scope *scope = c->scope;
    struct lang_parser *p = scope->p;
    struct lang_near_value *values =
        is_aggregate(c) ? scope->aggregate_values : scope->negative_values;
    uint32_t *count =
        is_aggregate(c) ? &scope->aggregate_value_count : &scope->negative_value_count;
    for (struct lang_assign *assign = element == NULL ? NULL : element->assigns; assign != NULL;
         assign = assign->next) {
        const struct lang_field_node *field = field_of(c, element, &assign->field);
        if (field == NULL) {
            return false;
        }
        if (!is_plain(assign->value)) {
            return lang_fail(p, assign->value->at, assign->value->size,
                             "chance, random, count, sum, min and max have no place in a pattern "
                             "that is not matched");
        }
        if (!lang_check_value(scope, assign->value, LANG_IN_WHERE, field->pub.codec,
                              "this field")) {
            return false;
        }
        if (scope->negative_value_count + scope->aggregate_value_count == RMG_RULE_VALUES_MAX ||
            c->near->value_count == UINT8_MAX) {
            return lang_fail(p, assign->field.at, assign->field.span,
                             "a rule asks for at most %u values of what it does not match",
                             RMG_RULE_VALUES_MAX);
        }
        values[(*count)++] = (struct lang_near_value){
            .of_edge = element->is_edge, .field = field, .value = assign->value};
        c->near->value_count++;
    }
    return true;
}

/* Everything but what an aggregate asks of it. */
static bool check_near(struct near_check *c)
{
    struct lang_parser *p = c->scope->p;
    struct lang_path *path = c->expr->pattern;
    struct lang_element *first = path->first;
    char text[128];
    if (path->count > 3) {
        (void)snprintf(text, sizeof text, "%s on a longer path", c->what);
        return lang_refuse(p, c->expr->at, c->expr->size, text, shape_of(c));
    }
    c->near->value_at = (uint16_t)(is_aggregate(c) ? c->scope->aggregate_value_count
                                                   : c->scope->negative_value_count);
    c->near->alone = path->count == 1;
    c->edge = c->near->alone ? NULL : first->next;
    c->other = first;
    if (c->near->alone) {
        bool matched = false;
        uint8_t operand = 0;
        if (!check_end(c, first, &matched, &operand)) {
            return false;
        }
        if (matched || first->label.text == NULL || c->near->kind > RMG_NEAR_COUNT) {
            lang_fail(p, c->expr->at, c->expr->size,
                      matched                          ? "this node is matched anyway"
                      : c->near->kind > RMG_NEAR_COUNT ? "this needs an edge"
                                                       : "a node alone needs a type");
            return lang_help(p, "%s", shape_of(c));
        }
    } else if (!check_way(c)) {
        return false;
    }
    return check_types(c) && check_values(c, c->edge) && check_values(c, c->other);
}

bool lang_check_condition(struct lang_scope *scope, struct lang_expr *expr)
{
    bool negative = expr->kind == LANG_EXPR_NEGATIVE;
    struct rmg_rule_near near = {.kind = negative ? RMG_NEAR_NONE : RMG_NEAR_SOME};
    struct near_check c = {.scope = scope,
                           .expr = expr,
                           .what = negative ? "a negative condition" : "a positive condition",
                           .near = &near};
    if (!check_near(&c)) {
        return false;
    }
    if (scope->negative_count == RMG_RULE_NEGATIVES_MAX) {
        return lang_fail(scope->p, expr->at, expr->size,
                         "a rule has at most %u positive and negative conditions",
                         RMG_RULE_NEGATIVES_MAX);
    }
    scope->negatives[scope->negative_count++] = near;
    return true;
}

/* The field that is summed, or of which the least or greatest is asked for. */
static bool check_asked(struct near_check *c)
{
    struct lang_parser *p = c->scope->p;
    const struct lang_name *name = &c->expr->name;
    bool of_edge = c->edge->name.text != NULL && lang_name_equal(&c->edge->name, name);
    bool of_node =
        c->other != NULL && c->other->name.text != NULL && lang_name_equal(&c->other->name, name);
    if (!of_edge && !of_node) {
        lang_fail(p, name->at, name->span, "`%.60s` is not in the pattern before it", name->text);
        return lang_help(p, "%s", shape_of(c));
    }
    const struct lang_field_node *field =
        field_of(c, of_edge ? c->edge : c->other, &c->expr->field);
    if (field == NULL) {
        return false;
    }
    enum rmg_codec codec = field->pub.codec;
    if (codec != RMG_CODEC_I64 && codec != RMG_CODEC_F64 && codec != RMG_CODEC_F32) {
        return lang_fail(p, c->expr->field.at, c->expr->field.span,
                         "this is %s, a number is needed here", rmg_codec_name(codec));
    }
    c->near->of_edge = of_edge;
    c->near->codec = codec;
    c->near->name_size = (uint8_t)field->pub.name_size;
    memcpy(c->near->name, field->pub.name, field->pub.name_size);
    return true;
}

bool lang_check_aggregate(struct lang_scope *scope, struct lang_expr *expr)
{
    static const char *const words[] = {[RMG_NEAR_COUNT] = "a count",
                                        [RMG_NEAR_SUM] = "a sum",
                                        [RMG_NEAR_MIN] = "a minimum",
                                        [RMG_NEAR_MAX] = "a maximum"};
    struct rmg_rule_near near = {.kind = expr->near};
    struct near_check c = {.scope = scope, .expr = expr, .what = words[expr->near], .near = &near};
    expr->codec = RMG_CODEC_I64;
    if (!check_near(&c) || (near.kind > RMG_NEAR_COUNT && !check_asked(&c))) {
        return false;
    }
    if (scope->aggregate_count == RMG_RULE_AGGREGATES_MAX) {
        return lang_fail(scope->p, expr->at, expr->size,
                         "a rule has at most %u of count, sum, min and max",
                         RMG_RULE_AGGREGATES_MAX);
    }
    expr->codec = near.kind == RMG_NEAR_COUNT ? RMG_CODEC_I64 : near.codec;
    expr->index = scope->aggregate_count;
    scope->aggregates[scope->aggregate_count++] = near;
    return true;
}

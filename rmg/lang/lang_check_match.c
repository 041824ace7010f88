/* What a rule matches: names, types and values of the elements of its patterns, and which of them
 * may be one and the same. */
#include "rmg/lang/lang_check_priv.h"

/* A node that the match has named before stands for the same one. */
static bool again(struct lang_scope *scope, struct lang_element *element, bool is_edge)
{
    struct lang_parser *p = scope->p;
    const struct lang_name *name = &element->name;
    if (is_edge || element->is_edge) {
        lang_fail(p, name->at, name->span, "`%.60s` is the name of another element already",
                  name->text);
        return lang_help(p, "only a node may stand in several places of a match");
    }
    if (element->label.text != NULL || element->assigns != NULL) {
        lang_fail(p, element->at, element->size, "`%.60s` is matched already", name->text);
        return lang_help(p, "write (%.60s) alone; its type stands where it comes first",
                         name->text);
    }
    return true;
}

static bool match_element(struct lang_scope *scope, struct lang_element *element, uint8_t place)
{
    const struct lang_scope_entry *known =
        element->name.text == NULL ? NULL
                                   : lang_scope_find(scope, &element->name, &element->operand);
    if (known != NULL) {
        return again(scope, element, known->is_edge) &&
               lang_check_place(scope, element, known, place);
    }
    if (scope->element_count + scope->portal_count == JIT_PATTERN_ELEMENTS_MAX) {
        return lang_fail(scope->p, element->at, element->size,
                         scope->portal_count == 0
                             ? "a pattern has at most %u nodes and edges"
                             : "a pattern has at most %u nodes, edges and portals",
                         JIT_PATTERN_ELEMENTS_MAX);
    }
    element->operand = (uint8_t)scope->element_count;
    bool good = lang_enter_element(scope, element, &scope->elements[scope->element_count]);
    scope->elements[scope->element_count].place = place;
    scope->element_count++; /* not before: its name would be taken by itself */
    return good;
}

static bool match_path(struct lang_scope *scope, const struct lang_path *path)
{
    uint8_t place = 0;
    const bool placed = lang_place_path(scope, path, &place);
    bool good = placed;
    for (struct lang_element *element = path->first; placed && element != NULL;
         element = element->next) {
        good = match_element(scope, element, place) && good;
    }
    const struct lang_element *node = path->first;
    for (; good && node->next != NULL; node = node->next->next) {
        const struct lang_element *edge = node->next;
        struct lang_scope_entry *entry = &scope->elements[edge->operand];
        entry->from = edge->reversed ? edge->next->operand : node->operand;
        entry->to = edge->reversed ? node->operand : edge->next->operand;
    }
    return good;
}

/* (a:Type {field = value}): each value is a condition of its own, before those of `where`. */
static bool match_values(struct lang_scope *scope, const struct lang_element *element)
{
    struct lang_parser *p = scope->p;
    bool good = true;
    for (struct lang_assign *assign = element->assigns; assign != NULL; assign = assign->next) {
        if (element->type == NULL) {
            lang_fail(p, element->at, element->size, "the fields of this element are not known");
            return lang_help(p, "give it a type: %s:Type {...}%s", element->is_edge ? "[" : "(",
                             element->is_edge ? "]" : ")");
        }
        if (assign->value->draws) {
            lang_fail(p, assign->value->at, assign->value->size,
                      "chance and random stand in `where` and in effects");
            good = lang_help(p, "write the condition behind `where`");
        } else if (!lang_read_field(scope, element->operand, &assign->field, assign->field.at,
                                    assign->field.span, &assign->index) ||
                   !lang_check_value(scope, assign->value, LANG_IN_WHERE,
                                     scope->fields[assign->index].codec, "this field")) {
            good = false;
        }
    }
    return good;
}

bool lang_check_match(struct lang_scope *scope)
{
    bool good = true;
    for (const struct lang_path *path = scope->rule->match; path != NULL; path = path->next) {
        good = match_path(scope, path) && good;
    }
    for (const struct lang_path *path = scope->rule->match; good && path != NULL;
         path = path->next) {
        for (const struct lang_element *element = path->first; element != NULL;
             element = element->next) {
            good = match_values(scope, element) && good;
        }
    }
    return good;
}

/* ---- may equal ---- */

/* Its place among the pairs, which ascend. */
static bool add_equal(struct lang_scope *scope, const struct lang_equal *equal, uint8_t a,
                      uint8_t b)
{
    struct lang_parser *p = scope->p;
    const struct lang_name *name = &equal->names[0];
    uint32_t at = scope->equal_count;
    if (scope->equal_count == RMG_RULE_EQUALS_MAX) {
        return lang_fail(p, name->at, name->span, "a rule has at most %u pairs that may be equal",
                         RMG_RULE_EQUALS_MAX);
    }
    for (; at > 0 && (scope->equals[at - 1].a > a ||
                      (scope->equals[at - 1].a == a && scope->equals[at - 1].b > b));
         at--) {
        scope->equals[at] = scope->equals[at - 1];
    }
    scope->equals[at] = (struct rmg_rule_equal){.a = a, .b = b};
    scope->equal_count++;
    return true;
}

bool lang_may_equal(const struct lang_scope *scope, uint8_t a, uint8_t b)
{
    for (uint32_t i = 0; i < scope->equal_count; i++) {
        const struct rmg_rule_equal *equal = &scope->equals[i];
        if ((equal->a == a && equal->b == b) || (equal->a == b && equal->b == a)) {
            return true;
        }
    }
    return false;
}

static bool check_equal(struct lang_scope *scope, const struct lang_equal *equal)
{
    struct lang_parser *p = scope->p;
    const struct lang_scope_entry *entries[2];
    const struct lang_name *names = equal->names;
    uint8_t operands[2] = {0, 0};
    uint32_t size = names[1].at + names[1].span - names[0].at;
    for (int i = 0; i < 2; i++) {
        entries[i] = lang_scope_find(scope, &names[i], &operands[i]);
        if (entries[i] == NULL) {
            return lang_unknown_element(scope, &names[i], NULL);
        }
    }
    if (operands[0] == operands[1]) {
        return lang_fail(p, names[0].at, size, "these are one element anyway");
    }
    if (entries[0]->is_edge != entries[1]->is_edge) {
        return lang_fail(p, names[0].at, size, "a node and an edge are never equal");
    }
    if (entries[0]->type != NULL && entries[1]->type != NULL &&
        entries[0]->type != entries[1]->type) {
        return lang_fail(p, names[0].at, size, "elements of different types are never equal");
    }
    if (entries[0]->place != entries[1]->place) {
        return lang_fail(p, names[0].at, size, "elements of different instances are never equal");
    }
    if (lang_may_equal(scope, operands[0], operands[1])) {
        return lang_fail(p, names[0].at, size, "this is said already");
    }
    return operands[0] < operands[1] ? add_equal(scope, equal, operands[0], operands[1])
                                     : add_equal(scope, equal, operands[1], operands[0]);
}

bool lang_check_equals(struct lang_scope *scope)
{
    bool good = true;
    for (const struct lang_equal *equal = scope->rule->equals; equal != NULL; equal = equal->next) {
        good = check_equal(scope, equal) && good;
    }
    return good;
}

/* The identification condition: what is deleted is one with nothing else. */
bool lang_check_identified(struct lang_scope *scope)
{
    struct lang_parser *p = scope->p;
    bool good = true;
    for (const struct lang_equal *equal = scope->rule->equals; equal != NULL; equal = equal->next) {
        for (int i = 0; i < 2; i++) {
            const struct lang_name *name = &equal->names[i];
            uint8_t operand = 0;
            const struct lang_scope_entry *entry = lang_scope_find(scope, name, &operand);
            if (entry != NULL && entry->deleted) {
                lang_fail(p, name->at, name->span, "`%.60s` is deleted by this rule", name->text);
                good = lang_help(p, "what is deleted is always different from the others; write a "
                                    "rule of its own for the case that they are equal");
            }
        }
    }
    return good;
}

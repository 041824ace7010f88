/* What a rule says about elements: its match, its conditions, its effects, one after the other.
 * Every value it writes becomes an update of the scope, in the order of the text; defaults of
 * created elements follow. */
#include "rmg/lang/lang_check_priv.h"

static bool name_is_free(struct lang_scope *scope, const struct lang_name *name)
{
    struct lang_parser *p = scope->p;
    uint8_t operand = 0;
    for (const struct lang_param *param = scope->rule->params; param != NULL; param = param->next) {
        if (lang_name_equal(&param->name, name)) {
            lang_fail(p, name->at, name->span, "`%.60s` is the name of a parameter already",
                      name->text);
            return lang_help(p, "give the element another name");
        }
    }
    if (lang_scope_find(scope, name, &operand) != NULL) {
        return lang_fail(p, name->at, name->span, "`%.60s` is the name of another element already",
                         name->text);
    }
    return true;
}

/* Names and types of one element that is new here. */
bool lang_enter_element(struct lang_scope *scope, struct lang_element *element,
                        struct lang_scope_entry *entry)
{
    bool good = true;
    if (element->name.text != NULL) {
        good = name_is_free(scope, &element->name);
    }
    if (element->label.text != NULL) {
        good = lang_find_type(scope->p, &element->label, element->is_edge, &element->type) && good;
    }
    *entry = (struct lang_scope_entry){.name = element->name,
                                       .type = element->type,
                                       .is_edge = element->is_edge,
                                       .at = element->at,
                                       .size = element->size};
    return good;
}

/* ---- where ---- */

static bool check_where(struct lang_scope *scope)
{
    struct lang_expr *where = scope->rule->where;
    bool good = true;
    if (where == NULL) {
        return true;
    }
    bool several = where->kind == LANG_EXPR_CHAIN && where->level == LANG_LEVEL_AND;
    for (struct lang_expr *expr = several ? where->child : where; expr != NULL;
         expr = several ? expr->next : NULL) {
        if (expr->kind == LANG_EXPR_NEGATIVE || expr->kind == LANG_EXPR_PATTERN) {
            good = lang_check_condition(scope, expr) && good;
        } else if (!lang_check_expr(scope, expr, LANG_IN_WHERE)) {
            good = false;
        } else if (expr->codec != RMG_CODEC_BOOL) {
            lang_fail(scope->p, expr->at, expr->size, "this is %s, a condition is needed here",
                      rmg_codec_name(expr->codec));
            good = lang_help(scope->p, "compare it with something: = <> < <= > >=");
        }
    }
    return good;
}

bool lang_check_rule(struct lang_scope *scope)
{
    bool good = true;
    if (!lang_check_match(scope)) {
        return false; /* everything else would be about names that are not known */
    }
    good = lang_check_equals(scope);
    good = check_where(scope) && good;
    for (const struct lang_clause *clause = scope->rule->clauses; clause != NULL;
         clause = clause->next) {
        if (clause->kind == LANG_DELETE) {
            good = lang_check_delete(scope, clause) && good;
        }
    }
    good = lang_check_ends(scope) && good;
    good = lang_check_identified(scope) && good;
    good = lang_check_portals(scope) && good;
    for (const struct lang_clause *clause = scope->rule->clauses; clause != NULL;
         clause = clause->next) {
        if (clause->kind == LANG_CREATE && !lang_check_create(scope, clause)) {
            return false;
        }
        if (clause->kind >= LANG_SET) {
            good = lang_check_updates(scope, clause) && good;
        }
    }
    return good && lang_check_defaults(scope);
}

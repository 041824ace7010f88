/* Invariants: `invariant NAME never match (a:T) where ...`, a rule that changes nothing and has no
 * match in any version. */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"
#include "rmg/rules/invariant.h"

static bool parse_body(struct lang_parser *p, struct lang_rule_node *node)
{
    node->match_at = p->token.at;
    if (!lang_take_word(p, "never")) {
        lang_expected(p, "`never match`");
        return lang_help(p, "an invariant says what is not to be: never match (a:Type) where ...");
    }
    if (!lang_take_word(p, "match")) {
        return lang_expected(p, "`match`");
    }
    if (!lang_parse_paths(p, &node->match) || !lang_parse_equals(p, &node->equals)) {
        return false;
    }
    node->where_at = lang_at_word(p, "where") ? p->token.at : 0;
    if (lang_take_word(p, "where") && !lang_parse_expr(p, &node->where)) {
        return false;
    }
    node->end = p->end;
    if (!lang_at_declaration(p)) {
        lang_expected(p, node->where == NULL ? "`where` or the next declaration"
                                             : "the next declaration");
        return lang_help(p, "an invariant changes nothing: rules do");
    }
    if (node->end - node->at > JIT_RULE_TEXT_BYTES_MAX) {
        return lang_fail(p, node->name.at, node->name.span,
                         "an invariant has at most %u bytes of text, this one has %u",
                         JIT_RULE_TEXT_BYTES_MAX, node->end - node->at);
    }
    return true;
}

bool lang_parse_invariant(struct lang_parser *p)
{
    struct lang_rule_node *node = lang_alloc(p->arena, 1, sizeof *node);
    if (node == NULL) {
        return lang_no_memory(p);
    }
    node->invariant = true;
    node->at = p->token.at;
    node->pub.pos = lang_position(p, node->at);
    p->calls = 0;
    p->params = NULL;
    p->depth = 0;
    lang_next(p);
    if (!lang_take_name(p, "the invariant's name", &node->name)) {
        return false;
    }
    if (lang_index_get(&p->index, LANG_INDEX_INVARIANT, node->name.text, node->name.size) != NULL) {
        lang_fail(p, node->name.at, node->name.span, "there is an invariant `%.60s` already",
                  node->name.text);
    } else if (p->invariant_count == LANG_INVARIANTS_MAX) {
        return lang_fail(p, node->name.at, node->name.span, "a system has at most %u invariants",
                         LANG_INVARIANTS_MAX);
    } else {
        if (!lang_index_put(&p->index, p->arena, LANG_INDEX_INVARIANT, node->name.text,
                            node->name.size, node)) {
            return lang_no_memory(p);
        }
        node->index = p->invariant_count++;
        *p->invariants_end = node;
        p->invariants_end = &node->next;
    }
    node->broken = true; /* until it is read to its end */
    uint32_t errors = p->error_count;
    bool parsed = parse_body(p, node);
    node->broken = !parsed || p->error_count > errors;
    return parsed;
}

/* ---- check ---- */

/* The first expression within that is wrong in an invariant: chance or random, or a node alone. */
static const struct lang_expr *find_wrong(const struct lang_expr *expr, bool draw)
{
    if ((draw && expr->kind == LANG_EXPR_CALL &&
         (expr->op == RMG_EXPR_CHANCE || expr->op == RMG_EXPR_RANDOM)) ||
        (!draw && expr->pattern != NULL && expr->pattern->count == 1)) {
        return expr;
    }
    for (const struct lang_expr *child = expr->child; child != NULL; child = child->next) {
        const struct lang_expr *found = find_wrong(child, draw);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

bool lang_check_invariant(struct lang_scope *scope)
{
    struct lang_parser *p = scope->p;
    const struct lang_rule_node *node = scope->rule;
    const struct lang_expr *where = node->where;
    const struct lang_expr *wrong = where == NULL ? NULL : find_wrong(where, true);
    if (!lang_refuse_portals(scope, "an invariant")) {
        return false;
    }
    if (wrong != NULL) {
        lang_fail(p, wrong->at, wrong->size, "an invariant does not depend on chance");
        return lang_help(p, "it holds or it does not, whatever is drawn");
    }
    wrong = where == NULL ? NULL : find_wrong(where, false);
    if (wrong != NULL) {
        lang_fail(p, wrong->at, wrong->size, "an invariant asks nothing of all nodes of a type");
        return lang_help(p,
                         "it is looked at only where something changes: hang the node on an edge "
                         "of the pattern");
    }
    uint32_t reached = 1;
    for (uint32_t round = 0; round < scope->element_count; round++) {
        for (uint32_t i = 0; i < scope->element_count; i++) {
            const struct lang_scope_entry *entry = &scope->elements[i];
            uint32_t ends = 1u << (entry->from & 31u) | 1u << (entry->to & 31u);
            if (entry->is_edge && (reached & ends) != 0) {
                reached |= ends | 1u << i;
            }
        }
    }
    for (uint32_t i = 0; i < scope->element_count; i++) {
        const struct lang_scope_entry *entry = &scope->elements[i];
        if ((reached >> i & 1) == 0) {
            lang_fail(p, entry->at, entry->size, "the pattern of an invariant hangs together");
            return lang_help(p, "it is looked at only where something changes: join the parts by "
                                "an edge");
        }
    }
    return true;
}

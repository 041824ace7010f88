/* Paths of nodes and edges: (a:T)-[e:E]->(b:U {f = 1}), in match, create and negative conditions.
 */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"

static bool parse_assigns(struct lang_parser *p, struct lang_assign **out)
{
    struct lang_assign **end = out;
    do {
        struct lang_assign *assign = lang_alloc(p->arena, 1, sizeof *assign);
        if (assign == NULL) {
            return lang_no_memory(p);
        }
        if (lang_at(p, LANG_C('}'))) {
            break; /* none, or a comma behind the last one */
        }
        if (!lang_take_label(p, "a field's name", &assign->field)) {
            return false;
        }
        if (lang_at(p, LANG_C(':'))) {
            lang_expected(p, "`=`");
            return lang_help(p, "values are given with =: {%.*s = ...}", (int)assign->field.size,
                             assign->field.text);
        }
        if (!lang_expect(p, LANG_C('='), "`=` and a value") ||
            !lang_parse_expr(p, &assign->value)) {
            return false;
        }
        *end = assign;
        end = &assign->next;
    } while (lang_take(p, LANG_C(',')));
    return lang_expect(p, LANG_C('}'), "`,` or `}`");
}

/* [name] [:Label] [{...}], the inside of both kinds of element. */
static bool parse_inside(struct lang_parser *p, struct lang_element *element, uint32_t close)
{
    if (lang_at(p, LANG_NAME) && !lang_take_name(p, "a name", &element->name)) {
        return false;
    }
    if (lang_take(p, LANG_C(':'))) {
        if (!lang_take_label(p, element->is_edge ? "the edge's type" : "the node's type",
                             &element->label)) {
            return false;
        }
        if (lang_at(p, LANG_C('|')) || lang_at(p, LANG_C(':'))) {
            return lang_refuse(p, p->token.at, p->token.size, "several types of one element",
                               "write one rule for each type, or leave the type out");
        }
    }
    if (element->is_edge && lang_at(p, LANG_C('*'))) {
        return lang_refuse(p, p->token.at, 1, "a path of any length (*)",
                           "write one rule for each length");
    }
    if (lang_take(p, LANG_C('{')) && !parse_assigns(p, &element->assigns)) {
        return false;
    }
    if (lang_take(p, close)) {
        return true;
    }
    if (element->name.text == NULL && element->label.text == NULL && lang_at(p, LANG_QUOTED)) {
        lang_expected(p, "`:` before the type");
        return false;
    }
    return lang_expected(p, element->is_edge ? "`:TYPE`, `{` or `]`" : "`:Type`, `{` or `)`");
}

static struct lang_element *add_element(struct lang_parser *p, struct lang_path *path, bool is_edge)
{
    if (path->count == JIT_PATTERN_ELEMENTS_MAX) {
        lang_fail(p, p->token.at, p->token.size, "a pattern has at most %u nodes and edges",
                  JIT_PATTERN_ELEMENTS_MAX);
        return NULL;
    }
    struct lang_element *element = lang_alloc(p->arena, 1, sizeof *element);
    if (element == NULL) {
        lang_no_memory(p);
        return NULL;
    }
    element->is_edge = is_edge;
    element->at = p->token.at;
    if (path->last == NULL) {
        path->first = element;
    } else {
        path->last->next = element;
    }
    path->last = element;
    path->count++;
    return element;
}

static bool parse_node(struct lang_parser *p, struct lang_path *path)
{
    if (!lang_at(p, LANG_C('('))) {
        lang_expected(p, "a node");
        return lang_help(p, "a node is written (name:Type), (name), (:Type) or ()");
    }
    struct lang_element *node = add_element(p, path, false);
    if (node == NULL) {
        return false;
    }
    lang_next(p);
    if (!parse_inside(p, node, LANG_C(')'))) {
        return false;
    }
    node->size = p->end - node->at;
    return true;
}

/* -[ ]->  <-[ ]-  -->  <-- */
static bool parse_edge(struct lang_parser *p, struct lang_path *path)
{
    struct lang_element *edge = add_element(p, path, true);
    if (edge == NULL) {
        return false;
    }
    edge->reversed = lang_take(p, LANG_C('<'));
    if (!lang_expect(p, LANG_C('-'), "`-[...]->`")) {
        return false;
    }
    if (lang_take(p, LANG_C('[')) && !parse_inside(p, edge, LANG_C(']'))) {
        return false;
    }
    if (!lang_expect(p, LANG_C('-'), "`-` behind the edge")) {
        return false;
    }
    bool forward = lang_take(p, LANG_C('>'));
    edge->size = p->end - edge->at;
    if (forward == edge->reversed) {
        return lang_refuse(p, edge->at, edge->size,
                           forward ? "an edge in both directions" : "an edge without direction",
                           "write -[:TYPE]-> or <-[:TYPE]-; one rule for each direction");
    }
    return true;
}

bool lang_parse_path(struct lang_parser *p, struct lang_path **out)
{
    struct lang_path *path = lang_alloc(p->arena, 1, sizeof *path);
    if (path == NULL) {
        return lang_no_memory(p);
    }
    if (!parse_node(p, path)) {
        return false;
    }
    while (lang_at(p, LANG_C('-')) || lang_at(p, LANG_C('<'))) {
        if (!parse_edge(p, path) || !parse_node(p, path)) {
            return false;
        }
    }
    *out = path;
    return true;
}

bool lang_parse_paths(struct lang_parser *p, struct lang_path **out)
{
    do {
        if (!lang_parse_path(p, out) || !lang_parse_inside(p, *out)) {
            return false;
        }
        out = &(*out)->next;
    } while (lang_take(p, LANG_C(',')));
    return true;
}

bool lang_parse_equals(struct lang_parser *p, struct lang_equal **out)
{
    for (;;) {
        struct lang_token next = lang_peek(p, 1);
        if (!lang_at_word(p, "may") || !lang_is_word(p, &next, "equal")) {
            return true;
        }
        uint32_t at = p->token.at;
        lang_next(p);
        lang_next(p);
        struct lang_equal *equal = lang_alloc(p->arena, 1, sizeof *equal);
        if (equal == NULL) {
            return lang_no_memory(p);
        }
        equal->at = at;
        if (!lang_expect(p, LANG_C('('), "`(` and two elements") ||
            !lang_take_name(p, "an element's name", &equal->names[0]) ||
            !lang_expect(p, LANG_C(','), "`,` and the other element") ||
            !lang_take_name(p, "an element's name", &equal->names[1])) {
            return false;
        }
        if (lang_at(p, LANG_C(','))) {
            lang_expected(p, "`)`");
            return lang_help(p, "write each pair by itself: may equal(a, b) may equal(b, c)");
        }
        if (!lang_expect(p, LANG_C(')'), "`)`")) {
            return false;
        }
        *out = equal;
        out = &equal->next;
    }
}

static bool is_param(const struct lang_parser *p, const struct lang_token *token)
{
    for (const struct lang_param *param = p->params; param != NULL; param = param->next) {
        if (lang_is_word(p, token, param->name.text)) {
            return true;
        }
    }
    return false;
}

/* (a)-[...] begins a pattern, (a.x = 1 ...) an expression; so does (p)<--(q) with a parameter. */
bool lang_at_pattern(const struct lang_parser *p, bool behind_not)
{
    if (!lang_at(p, LANG_C('('))) {
        return false;
    }
    uint32_t i = 1;
    struct lang_token token = lang_peek(p, i);
    bool param = false;
    if (token.kind == LANG_NAME) {
        param = is_param(p, &token);
        token = lang_peek(p, ++i);
    } else if (token.kind == LANG_C(')')) {
        return true;
    }
    if (token.kind == LANG_C(':') || token.kind == LANG_C('{')) {
        return true;
    }
    if (token.kind != LANG_C(')')) {
        return false;
    }
    token = lang_peek(p, ++i);
    bool reversed = token.kind == LANG_C('<');
    if (reversed) {
        token = lang_peek(p, ++i);
    }
    if (token.kind != LANG_C('-')) {
        return false;
    }
    token = lang_peek(p, ++i);
    if (token.kind != LANG_C('-')) {
        return token.kind == LANG_C('[');
    }
    token = lang_peek(p, ++i);
    if (token.kind == LANG_C('>')) {
        return true;
    }
    return token.kind == LANG_C('(') && (behind_not || (reversed && !param));
}

/* The text of a query: match, where, return, order by, limit. */
#include "rmg/lang/lang_query_priv.h"

static bool parse_count(struct lang_parser *p, struct lang_query_item *item)
{
    struct lang_token next[3] = {lang_peek(p, 1), lang_peek(p, 2), lang_peek(p, 3)};
    if (!lang_at_word(p, "count") || next[0].kind != LANG_C('(') || next[1].kind != LANG_C('*') ||
        next[2].kind != LANG_C(')')) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        lang_next(p);
    }
    item->expr = NULL;
    return true;
}

static bool parse_item(struct lang_query_text *q, struct lang_query_item ***end)
{
    struct lang_parser *p = q->p;
    struct lang_query_item *item = lang_alloc(p->arena, 1, sizeof *item);
    if (item == NULL) {
        return lang_no_memory(p);
    }
    item->at = p->token.at;
    if (!parse_count(p, item) && !lang_parse_expr(p, &item->expr)) {
        return false;
    }
    item->size = p->end - item->at;
    if (lang_take_word(p, "as") && !lang_take_label(p, "the column's name", &item->name)) {
        return false;
    }
    if (q->item_count == LANG_QUERY_COLUMNS_MAX) {
        return lang_fail(p, item->at, item->size, "a query returns at most %u columns",
                         LANG_QUERY_COLUMNS_MAX);
    }
    **end = item;
    *end = &item->next;
    q->item_count++;
    return true;
}

static bool parse_order(struct lang_query_text *q)
{
    struct lang_parser *p = q->p;
    struct lang_query_key **end = &q->keys;
    uint32_t at = p->token.at;
    if (!lang_take_word(p, "order")) {
        return true;
    }
    if (!lang_take_word(p, "by")) {
        return lang_expected(p, "`by`");
    }
    if (q->items->expr == NULL) {
        lang_fail(p, at, p->end - at, "`count(*)` is one row, which has no order");
        return lang_help(p, "leave `order by` out");
    }
    do {
        struct lang_query_key *key = lang_alloc(p->arena, 1, sizeof *key);
        if (key == NULL) {
            return lang_no_memory(p);
        }
        key->item.at = p->token.at;
        if (!lang_parse_expr(p, &key->item.expr)) {
            return false;
        }
        key->item.size = p->end - key->item.at;
        key->down = lang_take_word(p, "desc");
        if (!key->down) {
            (void)lang_take_word(p, "asc");
        }
        if (q->key_count == LANG_QUERY_KEYS_MAX) {
            return lang_fail(p, key->item.at, key->item.size, "a query has at most %u keys",
                             LANG_QUERY_KEYS_MAX);
        }
        q->key_count++;
        *end = key;
        end = &key->next;
    } while (lang_take(p, LANG_C(',')));
    return true;
}

static bool parse_limit(struct lang_query_text *q)
{
    struct lang_parser *p = q->p;
    struct lang_expr *value = NULL;
    q->limit = LANG_LIMIT_NONE;
    if (!lang_take_word(p, "limit")) {
        return true;
    }
    if (!lang_take_constant(p, "a whole number", &value)) {
        return false;
    }
    if (value->codec != RMG_CODEC_I64 || value->datum.as.i64 < 1) {
        return lang_fail(p, value->at, value->size, "a limit is a whole number from 1");
    }
    q->limit = (uint64_t)value->datum.as.i64;
    return true;
}

static bool parse_return(struct lang_query_text *q)
{
    struct lang_parser *p = q->p;
    struct lang_query_item **end = &q->items;
    if (!lang_take_word(p, "return")) {
        lang_expected(p, q->rule->where == NULL ? "`where` or `return`" : "`return`");
        return lang_help(p, "say what to show: return a, a.name, count(*)");
    }
    do {
        if (!parse_item(q, &end)) {
            return false;
        }
    } while (lang_take(p, LANG_C(',')));
    return true;
}

bool lang_query_parse_text(struct lang_query_text *q)
{
    struct lang_parser *p = q->p;
    if (!lang_take_word(p, "match")) {
        lang_expected(p, "`match`");
        return lang_help(p, "a query is: match (a:Type)-[:EDGE]->(b) where a.x = 1 return a, b.y");
    }
    if (!lang_parse_paths(p, &q->rule->match)) {
        return false;
    }
    if (!lang_parse_equals(p, &q->rule->equals)) {
        return false;
    }
    if (lang_take_word(p, "where") && !lang_parse_expr(p, &q->rule->where)) {
        return false;
    }
    if (!parse_return(q) || !parse_order(q) || !parse_limit(q)) {
        return false;
    }
    return lang_at(p, LANG_END) ||
           lang_expected(p, q->limit != LANG_LIMIT_NONE ? "the end of the query"
                            : q->keys != NULL           ? "`,`, `asc`, `desc`, `limit` or the end"
                                              : "`,`, `as`, `order by`, `limit` or the end");
}

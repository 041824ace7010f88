/* Queries: parsed and checked with what rules are parsed and checked with. A query becomes a rule
 * that changes nothing; the values it returns are compiled as if they were written somewhere. */
#include "rmg/lang/lang_query_priv.h"

#include "base/check.h"

/* ---- columns ---- */

static bool name_column(struct lang_query_text *q, const struct lang_query_item *item,
                        struct lang_column *columns, uint32_t index)
{
    struct lang_parser *p = q->p;
    columns[index].name = item->name.text != NULL
                              ? item->name.text
                              : lang_copy(p->arena, p->source + item->at, item->size);
    if (columns[index].name == NULL) {
        return lang_no_memory(p);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(columns[i].name, columns[index].name) == 0) {
            lang_fail(p, item->at, item->size, "there is a column `%.60s` already",
                      columns[index].name);
            return lang_help(p, "give it another name: ... as name");
        }
    }
    return true;
}

/* An element by its name, or an expression, which becomes an update of the scope. */
static bool check_item(struct lang_scope *scope, struct lang_query_item *item,
                       struct lang_column *column)
{
    struct lang_parser *p = scope->p;
    uint8_t operand = 0;
    if (item->expr->kind == LANG_EXPR_PARAM &&
        lang_scope_find(scope, &item->expr->name, &operand) != NULL) {
        *column = (struct lang_column){.kind = LANG_COLUMN_ELEMENT, .element = operand};
        return true;
    }
    if (!lang_check_expr(scope, item->expr, LANG_IN_EFFECT)) {
        return false;
    }
    if (item->expr->draws) {
        return lang_fail(p, item->at, item->size,
                         "a query does not draw: the same graph gives "
                         "the same answer");
    }
    *column = (struct lang_column){.kind = LANG_COLUMN_VALUE,
                                   .codec = item->expr->codec,
                                   .element = (uint8_t)scope->update_count};
    scope->update_values[scope->update_count] = item->expr;
    scope->updates[scope->update_count++] =
        (struct rmg_rule_update){.kind = RMG_UPDATE_SET, .codec = item->expr->codec};
    return true;
}

static bool check(struct lang_query_text *q, struct lang_scope *scope, struct lang_column *columns)
{
    struct lang_parser *p = q->p;
    bool good = lang_check_rule(scope) && lang_refuse_portals(scope, "a query");
    if (good && q->rule->where != NULL && q->rule->where->draws) {
        good = lang_fail(p, q->rule->where->at, q->rule->where->size,
                         "a query does not draw: the same graph gives the same answer");
    }
    uint32_t index = 0;
    for (struct lang_query_item *item = q->items; item != NULL; item = item->next, index++) {
        if (item->expr != NULL) {
            good = check_item(scope, item, &columns[index]) && good;
        } else if (q->item_count > 1) {
            lang_fail(p, item->at, item->size, "`count(*)` stands alone");
            good = lang_help(p, "ask twice: once for the count, once for the rest");
        } else {
            columns[index].kind = LANG_COLUMN_COUNT;
        }
        good = name_column(q, item, columns, index) && good;
    }
    for (struct lang_query_key *key = q->keys; good && key != NULL; key = key->next) {
        if (key->alias == q->item_count) {
            good = check_item(scope, &key->item, &columns[q->item_count + q->hidden_count++]);
        }
    }
    return good;
}

/* ---- the whole ---- */

/* The compiled rule, its columns' code taken out of the updates it had for that. */
static struct lang_query *finish(struct lang_query_text *q, struct lang_scope *scope,
                                 struct lang_column *columns)
{
    struct lang_query *query = lang_alloc(q->p->arena, 1, sizeof *query);
    if (query == NULL) {
        lang_no_memory(q->p);
        return NULL;
    }
    query->rule = q->rule->pub.rule;
    for (uint32_t i = 0; i < query->rule.element_count; i++) {
        const struct lang_type_node *type = scope->elements[i].type;
        if (type != NULL && type == q->any[type->pub.is_edge]) {
            query->rule.elements[i].typed = false;
        }
    }
    for (uint32_t i = 0; i < q->item_count + q->hidden_count; i++) {
        if (columns[i].kind == LANG_COLUMN_VALUE) {
            columns[i].expr = query->rule.updates[columns[i].element].expr;
        }
    }
    const char **labels = lang_alloc(q->p->arena, q->p->type_count, sizeof *labels);
    if (labels == NULL) {
        lang_no_memory(q->p);
        return NULL;
    }
    struct lang_key *keys = lang_alloc(q->p->arena, q->key_count + 1, sizeof *keys);
    if (keys == NULL) {
        lang_no_memory(q->p);
        return NULL;
    }
    uint32_t hidden = q->item_count;
    for (const struct lang_query_key *key = q->keys; key != NULL; key = key->next) {
        keys[query->key_count++] = (struct lang_key){
            .column = key->alias < q->item_count ? key->alias : hidden++, .down = key->down};
    }
    query->keys = keys;
    query->hidden_count = q->hidden_count;
    query->labels = labels;
    for (const struct lang_type_node *type = q->p->types; type != NULL; type = type->next) {
        labels[query->label_count++] = type->name.text;
    }
    query->rule.update_count = 0;
    query->columns = columns;
    query->column_count = q->item_count;
    query->limit = q->limit;
    return query;
}

static struct lang_query *compile(struct lang_query_text *q)
{
    struct lang_parser *p = q->p;
    struct lang_query *query = NULL;
    struct lang_scope *scope = lang_alloc(p->arena, 1, sizeof *scope);
    struct lang_column *columns =
        lang_alloc(p->arena, LANG_QUERY_COLUMNS_MAX + LANG_QUERY_KEYS_MAX, sizeof *columns);
    if (scope == NULL || columns == NULL) {
        lang_no_memory(p);
        return NULL;
    }
    scope->p = p;
    scope->rule = q->rule;
    if (check(q, scope, columns) && p->error_count == 0 && lang_compile_rule(scope)) {
        query = finish(q, scope, columns);
    }
    p->arena->heap->free(p->arena->heap, scope->constants);
    return query;
}

static struct lang_query *run(struct lang_query_text *q, size_t source_size)
{
    struct lang_parser *p = q->p;
    p->types_end = &p->types;
    q->rule->name = (struct lang_name){.text = "query", .size = 5};
    if (source_size > LANG_QUERY_BYTES_MAX) {
        lang_fail(p, 0, 0, "a query has at most %u bytes, this one has %llu", LANG_QUERY_BYTES_MAX,
                  (unsigned long long)source_size);
        return NULL;
    }
    if (!lang_check_source(p, source_size)) {
        return NULL;
    }
    lang_lex(p->source, p->source_size, 0, &p->token);
    return lang_query_parse_text(q) && lang_query_resolve(q) ? compile(q) : NULL;
}

enum jit_err lang_query_parse(struct jit_heap *heap, const uint8_t *source, size_t source_size,
                              const struct lang_types *types, struct lang_query **out,
                              struct jit_buf *messages)
{
    struct lang_arena arena = {.heap = heap};
    struct lang_query_text q = {.types = types};
    enum jit_err err = JIT_ENOMEM;
    *out = NULL;
    q.p = lang_alloc(&arena, 1, sizeof *q.p);
    q.rule = lang_alloc(&arena, 1, sizeof *q.rule);
    if (q.p == NULL || q.rule == NULL) {
        goto out;
    }
    q.p->arena = &arena;
    q.p->file = "query";
    q.p->source = source == NULL ? "" : (const char *)source;
    q.p->source_size = source_size > LANG_QUERY_BYTES_MAX ? 0 : (uint32_t)source_size;
    struct lang_query *query = run(&q, source_size);
    if (q.err != JIT_OK || q.p->err != JIT_OK) {
        err = q.err != JIT_OK ? q.err : q.p->err;
        goto out;
    }
    if (query == NULL) {
        assert(q.p->error_count > 0);
        lang_render(q.p, messages);
        err = JIT_EFORMAT;
        goto out;
    }
    query->memory = arena.blocks;
    arena.blocks = NULL; /* transferred */
    *out = query;
    err = JIT_OK;
out:
    lang_arena_release(&arena);
    return err;
}

void lang_query_free(struct jit_heap *heap, struct lang_query *query)
{
    if (query != NULL) {
        struct lang_arena arena = {.heap = heap, .blocks = query->memory};
        lang_arena_release(&arena);
    }
}

/* Queries: parsed and checked with what rules are parsed and checked with. A query becomes a rule
 * that changes nothing; the values it returns are compiled as if they were written somewhere. */
#include "rmg/lang/lang_query.h"

#include "base/check.h"
#include "rmg/lang/lang_priv.h"

/* An item behind `return`. */
struct item {
    struct lang_expr *expr; /* NULL: count(*) */
    struct lang_name name;  /* `as`; text NULL: none */
    uint32_t at;
    uint32_t size;
    struct item *next;
};

/* A key behind `order by`; its item has no name and no next. */
struct key {
    struct item item;
    bool down;
    uint32_t alias; /* the item whose name it is; item_count: none */
    struct key *next;
};

struct query {
    struct lang_parser *p;
    const struct lang_types *types;
    struct lang_rule_node *rule;
    struct item *items;
    uint32_t item_count;
    struct key *keys;
    uint32_t key_count;
    uint32_t hidden_count; /* keys with a column of their own */
    uint64_t limit;
    struct lang_type_node *any[2]; /* stands for any type of nodes, of edges; NULL: not needed */
    enum jit_err err;              /* of types->look */
};

/* ---- syntax ---- */

static bool parse_count(struct lang_parser *p, struct item *item)
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

static bool parse_item(struct query *q, struct item ***end)
{
    struct lang_parser *p = q->p;
    struct item *item = lang_alloc(p->arena, 1, sizeof *item);
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

static bool parse_order(struct query *q)
{
    struct lang_parser *p = q->p;
    struct key **end = &q->keys;
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
        struct key *key = lang_alloc(p->arena, 1, sizeof *key);
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

static bool parse_limit(struct query *q)
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

static bool parse_return(struct query *q)
{
    struct lang_parser *p = q->p;
    struct item **end = &q->items;
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

static bool parse(struct query *q)
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

/* ---- types ---- */

/* Fields that a rule can read: one built-in codec, and no list of something. */
static bool add_fields(struct lang_parser *p, struct lang_type_node *node,
                       const struct rmg_schema_type *type)
{
    struct lang_field_node **end = &node->fields;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct rmg_schema_field *from = &type->fields[i];
        struct lang_name name = {.text = from->name, .size = (uint32_t)strlen(from->name)};
        if (from->codec == RMG_CODEC_NONE || from->element != RMG_CODEC_NONE ||
            lang_find_field(node, &name) != NULL) {
            continue;
        }
        struct lang_field_node *field = lang_alloc(p->arena, 1, sizeof *field);
        char *copy = lang_copy(p->arena, from->name, name.size);
        if (field == NULL || copy == NULL) {
            return lang_no_memory(p);
        }
        field->pub =
            (struct lang_field){.name = copy, .name_size = name.size, .codec = from->codec};
        *end = field;
        end = &field->next;
    }
    return true;
}

/* *type NULL: there is none. */
static bool look(struct query *q, bool is_edge, const struct jit_id *id, bool deep,
                 const struct rmg_schema_type **type)
{
    *type = NULL;
    if (q->err != JIT_OK) {
        return false; /* the first failure stands */
    }
    q->err = q->types->look(q->types->user, is_edge, id, deep, type);
    return q->err == JIT_OK;
}

static struct lang_type_node *new_type(struct query *q, bool is_edge, const char *name,
                                       uint32_t size, const struct jit_id *id)
{
    struct lang_type_node *node = lang_alloc(q->p->arena, 1, sizeof *node);
    if (node == NULL) {
        lang_no_memory(q->p);
        return NULL;
    }
    node->pub.is_edge = is_edge;
    node->pub.id = *id;
    node->name = (struct lang_name){.text = name, .size = size};
    node->pub.name = name;
    node->pub.name_size = size;
    return node;
}

/* The type that a label names; it is looked for once. */
static bool resolve_label(struct query *q, const struct lang_name *label, bool is_edge)
{
    struct lang_parser *p = q->p;
    const struct rmg_schema_type *type = NULL;
    struct jit_id id;
    if (lang_index_get(&p->index, LANG_INDEX_TYPE, label->text, label->size) != NULL) {
        return true; /* of the other kind: the check says so */
    }
    lang_type_id(label, &id);
    if (!look(q, is_edge, &id, false, &type)) {
        return false;
    }
    if (type == NULL) {
        lang_fail(p, label->at, label->span, "this graph has no %s of type `%.60s`",
                  is_edge ? "edges" : "nodes", label->text);
        return lang_help(p, "`rmg info FILE`, or `jitos inspect`, shows the types it has");
    }
    struct lang_type_node *node = new_type(q, is_edge, label->text, label->size, &id);
    if (node == NULL || !add_fields(p, node, type)) {
        return false;
    }
    *p->types_end = node;
    p->types_end = &node->next;
    p->type_count++;
    return lang_index_put(&p->index, p->arena, LANG_INDEX_TYPE, label->text, label->size, node) ||
           lang_no_memory(p);
}

static bool resolve_path(struct query *q, const struct lang_path *path)
{
    bool good = true;
    for (struct lang_element *element = path->first; element != NULL; element = element->next) {
        if (element->label.text != NULL) {
            good = resolve_label(q, &element->label, element->is_edge) && good;
        }
    }
    return good && q->err == JIT_OK;
}

/* Where an element of the match comes first: there its type stands. */
static struct lang_element *element_of(const struct query *q, const struct lang_name *name)
{
    for (const struct lang_path *path = q->rule->match; path != NULL; path = path->next) {
        for (struct lang_element *element = path->first; element != NULL; element = element->next) {
            if (element->name.text != NULL && lang_name_equal(&element->name, name)) {
                return element;
            }
        }
    }
    return NULL;
}

/* Its type: any, when none is written. */
static struct lang_type_node *type_of(struct query *q, struct lang_element *element)
{
    static const struct jit_id any_id = {{1}}; /* never compared: the element is left untyped */
    if (element->label.text != NULL) {
        return lang_index_get(&q->p->index, LANG_INDEX_TYPE, element->label.text,
                              element->label.size);
    }
    struct lang_type_node **any = &q->any[element->is_edge];
    if (*any == NULL) {
        *any = element->is_edge ? new_type(q, true, "any edge", 8, &any_id)
                                : new_type(q, false, "any node", 8, &any_id);
    }
    element->type = *any;
    return *any;
}

static bool resolve_field(struct query *q, struct lang_element *element,
                          const struct lang_name *name)
{
    struct lang_parser *p = q->p;
    const struct rmg_schema_type *type = NULL;
    struct lang_type_node *node = element == NULL ? NULL : type_of(q, element);
    if (node == NULL) {
        return p->err == JIT_OK; /* no such element: the check says so */
    }
    bool any = node == q->any[node->pub.is_edge];
    for (int deep = any ? 1 : 0; deep < 2 && lang_find_field(node, name) == NULL; deep++) {
        if (!look(q, node->pub.is_edge, any ? NULL : &node->pub.id, deep == 1, &type) ||
            (type != NULL && !add_fields(p, node, type))) {
            return false;
        }
    }
    if (lang_find_field(node, name) != NULL) {
        return true;
    }
    struct lang_nearest nearest = lang_nearest_to(name->text, name->size);
    for (const struct lang_field_node *field = node->fields; field != NULL; field = field->next) {
        lang_nearest_try(&nearest, field->pub.name, field->pub.name_size);
    }
    lang_fail(p, name->at, name->span, "%s%.60s%s has no value `%.60s` to compare", any ? "" : "`",
              node->name.text, any ? "" : "`", name->text);
    return nearest.best != NULL ? lang_help(p, "did you mean `%.60s`?", nearest.best)
                                : lang_help(p, "a value is a field or another atom of the element; "
                                               "lists of one codec have no place in a query");
}

/* The field of which an aggregate asks for the sum, the least or the greatest. */
static bool resolve_asked(struct query *q, const struct lang_expr *expr)
{
    const struct rmg_schema_type *type = NULL;
    const struct lang_element *element = expr->pattern->first;
    while (element != NULL &&
           (element->name.text == NULL || !lang_name_equal(&element->name, &expr->name))) {
        element = element->next;
    }
    if (expr->near <= RMG_NEAR_COUNT || element == NULL || element->label.text == NULL) {
        return true; /* what is wrong the check says */
    }
    struct lang_type_node *node =
        lang_index_get(&q->p->index, LANG_INDEX_TYPE, element->label.text, element->label.size);
    if (node == NULL || lang_find_field(node, &expr->field) != NULL) {
        return true;
    }
    return look(q, node->pub.is_edge, &node->pub.id, true, &type) &&
           (type == NULL || add_fields(q->p, node, type));
}

/* The tree is as deep as an expression may be nested. */
static bool resolve_expr(struct query *q, const struct lang_expr *expr)
{
    bool good = true;
    if (expr->kind == LANG_EXPR_FIELD) {
        return resolve_field(q, element_of(q, &expr->name), &expr->field);
    }
    if (expr->pattern != NULL) {
        return resolve_path(q, expr->pattern) && resolve_asked(q, expr);
    }
    if (expr->kind == LANG_EXPR_PARAM && element_of(q, &expr->name) == NULL) {
        lang_fail(q->p, expr->at, expr->size, "no element of the match is named `%.60s`",
                  expr->name.text);
        return lang_help(q->p, "a value is written with its element: a.%.60s", expr->name.text);
    }
    for (const struct lang_expr *child = expr->child; child != NULL && q->err == JIT_OK;
         child = child->next) {
        good = resolve_expr(q, child) && good;
    }
    return good;
}

/* {field = value} in the match. */
static bool resolve_values(struct query *q, const struct lang_path *path)
{
    bool good = true;
    for (struct lang_element *element = path->first; good && element != NULL;
         element = element->next) {
        struct lang_element *first =
            element->name.text == NULL ? element : element_of(q, &element->name);
        for (const struct lang_assign *one = element->assigns; good && one != NULL;
             one = one->next) {
            good = resolve_field(q, first, &one->field) && resolve_expr(q, one->value);
        }
    }
    return good;
}

/* A key is the name of a column, unless an element is named so, or something of its own. */
static bool resolve_key(struct query *q, struct key *key)
{
    const struct lang_expr *expr = key->item.expr;
    key->alias = q->item_count;
    if (expr->kind == LANG_EXPR_PARAM && element_of(q, &expr->name) == NULL) {
        uint32_t index = 0;
        for (const struct item *item = q->items; item != NULL; item = item->next, index++) {
            if (item->name.text != NULL && lang_name_equal(&item->name, &expr->name)) {
                key->alias = index;
                return true;
            }
        }
    }
    return resolve_expr(q, expr);
}

static bool resolve(struct query *q)
{
    bool good = true;
    for (const struct lang_path *path = q->rule->match; good && path != NULL; path = path->next) {
        good = resolve_path(q, path);
    }
    for (const struct lang_path *path = q->rule->match; good && path != NULL; path = path->next) {
        good = resolve_values(q, path);
    }
    if (good && q->rule->where != NULL) {
        good = resolve_expr(q, q->rule->where);
    }
    for (struct item *item = q->items; good && item != NULL; item = item->next) {
        good = item->expr == NULL || resolve_expr(q, item->expr);
    }
    for (struct key *key = q->keys; good && key != NULL; key = key->next) {
        good = resolve_key(q, key);
    }
    return good && q->err == JIT_OK && q->p->err == JIT_OK;
}

/* ---- columns ---- */

static bool name_column(struct query *q, const struct item *item, struct lang_column *columns,
                        uint32_t index)
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
static bool check_item(struct lang_scope *scope, struct item *item, struct lang_column *column)
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

static bool check(struct query *q, struct lang_scope *scope, struct lang_column *columns)
{
    struct lang_parser *p = q->p;
    bool good = lang_check_rule(scope) && lang_refuse_portals(scope, "a query");
    if (good && q->rule->where != NULL && q->rule->where->draws) {
        good = lang_fail(p, q->rule->where->at, q->rule->where->size,
                         "a query does not draw: the same graph gives the same answer");
    }
    uint32_t index = 0;
    for (struct item *item = q->items; item != NULL; item = item->next, index++) {
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
    for (struct key *key = q->keys; good && key != NULL; key = key->next) {
        if (key->alias == q->item_count) {
            good = check_item(scope, &key->item, &columns[q->item_count + q->hidden_count++]);
        }
    }
    return good;
}

/* ---- the whole ---- */

/* The compiled rule, its columns' code taken out of the updates it had for that. */
static struct lang_query *finish(struct query *q, struct lang_scope *scope,
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
    for (const struct key *key = q->keys; key != NULL; key = key->next) {
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

static struct lang_query *compile(struct query *q)
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

static struct lang_query *run(struct query *q, size_t source_size)
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
    return parse(q) && resolve(q) ? compile(q) : NULL;
}

enum jit_err lang_query_parse(struct jit_heap *heap, const uint8_t *source, size_t source_size,
                              const struct lang_types *types, struct lang_query **out,
                              struct jit_buf *messages)
{
    struct lang_arena arena = {.heap = heap};
    struct query q = {.types = types};
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

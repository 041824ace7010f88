/* The types of a query: looked up in the graph that is asked, one by one as they are named. */
#include "rmg/lang/lang_query_priv.h"

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
static bool look(struct lang_query_text *q, bool is_edge, const struct jit_id *id, bool deep,
                 const struct rmg_schema_type **type)
{
    *type = NULL;
    if (q->err != JIT_OK) {
        return false; /* the first failure stands */
    }
    q->err = q->types->look(q->types->user, is_edge, id, deep, type);
    return q->err == JIT_OK;
}

static struct lang_type_node *new_type(struct lang_query_text *q, bool is_edge, const char *name,
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
static bool resolve_label(struct lang_query_text *q, const struct lang_name *label, bool is_edge)
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

static bool resolve_path(struct lang_query_text *q, const struct lang_path *path)
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
static struct lang_element *element_of(const struct lang_query_text *q,
                                       const struct lang_name *name)
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
static struct lang_type_node *type_of(struct lang_query_text *q, struct lang_element *element)
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

static bool resolve_field(struct lang_query_text *q, struct lang_element *element,
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
static bool resolve_asked(struct lang_query_text *q, const struct lang_expr *expr)
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
static bool resolve_expr(struct lang_query_text *q, const struct lang_expr *expr)
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
static bool resolve_values(struct lang_query_text *q, const struct lang_path *path)
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
static bool resolve_key(struct lang_query_text *q, struct lang_query_key *key)
{
    const struct lang_expr *expr = key->item.expr;
    key->alias = q->item_count;
    if (expr->kind == LANG_EXPR_PARAM && element_of(q, &expr->name) == NULL) {
        uint32_t index = 0;
        for (const struct lang_query_item *item = q->items; item != NULL;
             item = item->next, index++) {
            if (item->name.text != NULL && lang_name_equal(&item->name, &expr->name)) {
                key->alias = index;
                return true;
            }
        }
    }
    return resolve_expr(q, expr);
}

bool lang_query_resolve(struct lang_query_text *q)
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
    for (struct lang_query_item *item = q->items; good && item != NULL; item = item->next) {
        good = item->expr == NULL || resolve_expr(q, item->expr);
    }
    for (struct lang_query_key *key = q->keys; good && key != NULL; key = key->next) {
        good = resolve_key(q, key);
    }
    return good && q->err == JIT_OK && q->p->err == JIT_OK;
}

/* What a rule does to its match: what goes, what is written, what comes. */
#include "rmg/lang/lang_check_priv.h"

#include "base/check.h"

/* ---- delete ---- */

bool lang_check_delete(struct lang_scope *scope, const struct lang_clause *clause)
{
    struct lang_parser *p = scope->p;
    bool good = true;
    for (const struct lang_assign *target = clause->assigns; target != NULL;
         target = target->next) {
        const struct lang_name *name = &target->target;
        uint8_t operand = 0;
        struct lang_scope_entry *entry = lang_scope_find(scope, name, &operand);
        if (entry == NULL) {
            good = lang_unknown_element(scope, name, NULL);
        } else if (entry->deleted) {
            good = lang_fail(p, name->at, name->span, "`%.60s` is deleted already", name->text);
        } else if (clause->detach && entry->is_edge) {
            lang_fail(p, name->at, name->span, "`%.60s` is an edge, not a node", name->text);
            good = lang_help(p, "write delete %.60s", name->text);
        } else {
            entry->deleted = true;
            entry->detached = clause->detach;
        }
    }
    return good;
}

/* A rule that keeps an edge of the match keeps its ends; one whose end is detached goes with it. */
bool lang_check_ends(struct lang_scope *scope)
{
    struct lang_parser *p = scope->p;
    for (uint32_t i = 1; i < scope->element_count; i++) {
        struct lang_scope_entry *edge = &scope->elements[i];
        if (!edge->is_edge) {
            continue;
        }
        const struct lang_scope_entry *from = &scope->elements[edge->from];
        edge->deleted = edge->deleted || from->detached || scope->elements[edge->to].detached;
        const struct lang_scope_entry *end = from->deleted ? from : &scope->elements[edge->to];
        if (edge->deleted || !end->deleted) {
            continue;
        }
        lang_fail(p, edge->at, edge->size, "this edge stays, but its end `%.60s` is deleted",
                  end->name.text);
        return edge->name.text != NULL
                   ? lang_help(p, "write delete %.60s, %.60s", edge->name.text, end->name.text)
                   : lang_help(p, "name it and delete it as well: -[e:TYPE]->, delete e, %.60s",
                               end->name.text);
    }
    return true;
}

static bool add_update(struct lang_scope *scope, enum rmg_update_kind kind, uint8_t target,
                       const struct lang_field *field, enum rmg_codec codec,
                       struct lang_expr *value)
{
    if (scope->update_count == RMG_RULE_UPDATES_MAX) {
        return lang_fail(scope->p, scope->rule->name.at, scope->rule->name.span,
                         "a rule writes at most %u fields, defaults of what it creates included",
                         RMG_RULE_UPDATES_MAX);
    }
    scope->update_values[scope->update_count] = value;
    struct rmg_rule_update *update = &scope->updates[scope->update_count++];
    *update = (struct rmg_rule_update){
        .kind = kind, .target = target, .codec = codec, .name_size = (uint8_t)field->name_size};
    memcpy(update->name, field->name, field->name_size);
    return true;
}

static bool is_updated(const struct lang_scope *scope, uint8_t target, const char *name,
                       uint32_t size)
{
    for (uint32_t i = 0; i < scope->update_count; i++) {
        const struct rmg_rule_update *update = &scope->updates[i];
        if (update->target == target && update->name_size == size &&
            memcmp(update->name, name, size) == 0) {
            return true;
        }
    }
    return false;
}

/* A field of one element that may be another one whose field is written as well. */
static bool is_updated_twice(const struct lang_scope *scope, uint8_t target, const char *name,
                             uint32_t size)
{
    for (uint32_t i = 0; i < scope->update_count; i++) {
        uint8_t other = scope->updates[i].target;
        if (lang_may_equal(scope, other, target) && is_updated(scope, other, name, size)) {
            return true;
        }
    }
    return false;
}

static bool wrong_join(struct lang_parser *p, const struct lang_assign *assign,
                       enum rmg_update_kind kind, const struct lang_field *field)
{
    static const struct {
        const char *word;
        const char *join;
        const char *codec; /* to declare it with; NULL: its own */
    } kinds[] = {[RMG_UPDATE_ADD] = {"add", "sum", "i64"},
                 [RMG_UPDATE_RAISE] = {"raise", "max", NULL},
                 [RMG_UPDATE_LOWER] = {"lower", "min", NULL},
                 [RMG_UPDATE_PUT] = {"put", "union", "list"}};
    const char *own = rmg_codec_name(field->codec);
    const char *codec = kinds[kind].codec == NULL ? own : kinds[kind].codec;
    bool number = field->codec == RMG_CODEC_I64 || field->codec == RMG_CODEC_F64 ||
                  field->codec == RMG_CODEC_F32;
    lang_fail(p, assign->field.at, assign->field.span, "`%s` is for fields with join %s",
              kinds[kind].word, kinds[kind].join);
    return strcmp(codec, own) == 0 && (kinds[kind].codec != NULL || number)
               ? lang_help(p, "declare it %.60s: %s %s, or use `set`", assign->field.text, codec,
                           kinds[kind].join)
               : lang_help(p, "use `set`");
}

/* `element.field = value` or `add element.field, value`: the element is known. */
static bool check_assign(struct lang_scope *scope, const struct lang_assign *assign,
                         enum rmg_update_kind kind, struct lang_type_node *type, uint8_t operand)
{
    struct lang_parser *p = scope->p;
    const struct lang_field_node *field = lang_find_field(type, &assign->field);
    if (field == NULL) {
        return lang_unknown_field(p, type, &assign->field);
    }
    if (field->pub.element != RMG_CODEC_NONE) {
        return lang_refuse(p, assign->field.at, assign->field.span,
                           "a value that is a list of one codec",
                           "rules write lists without a codec, as a whole: declare it `list`");
    }
    if (kind != RMG_UPDATE_SET && field->pub.join != rmg_update_join(kind)) {
        return wrong_join(p, assign, kind, &field->pub);
    }
    if (is_updated(scope, operand, assign->field.text, assign->field.size)) {
        lang_fail(p, assign->field.at, assign->field.span,
                  "this rule writes the field `%.60s` of this element twice", assign->field.text);
        return lang_help(p, "all that a rule writes happens at once: write one value");
    }
    if (is_updated_twice(scope, operand, assign->field.text, assign->field.size)) {
        lang_fail(p, assign->field.at, assign->field.span,
                  "this rule writes the field `%.60s` of two elements that may be equal",
                  assign->field.text);
        return lang_help(p, "write a rule of its own for the case that they are equal");
    }
    if (kind == RMG_UPDATE_PUT) { /* an element of any codec, or a list of them */
        return lang_check_expr(scope, assign->value, LANG_IN_EFFECT) &&
               add_update(scope, kind, operand, &field->pub, assign->value->codec, assign->value);
    }
    return lang_check_value(scope, assign->value, LANG_IN_EFFECT, field->pub.codec, "this field") &&
           add_update(scope, kind, operand, &field->pub, field->pub.codec, assign->value);
}

static enum rmg_update_kind update_kind(enum lang_clause_kind kind)
{
    return kind == LANG_ADD     ? RMG_UPDATE_ADD
           : kind == LANG_RAISE ? RMG_UPDATE_RAISE
           : kind == LANG_LOWER ? RMG_UPDATE_LOWER
           : kind == LANG_PUT   ? RMG_UPDATE_PUT
                                : RMG_UPDATE_SET;
}

bool lang_check_updates(struct lang_scope *scope, const struct lang_clause *clause)
{
    struct lang_parser *p = scope->p;
    enum rmg_update_kind kind = update_kind(clause->kind);
    bool good = true;
    for (const struct lang_assign *assign = clause->assigns; assign != NULL;
         assign = assign->next) {
        const struct lang_name *name = &assign->target;
        uint8_t operand = 0;
        const struct lang_scope_entry *entry = lang_scope_find(scope, name, &operand);
        if (entry == NULL) {
            good = lang_unknown_element(scope, name, NULL);
        } else if (entry->deleted) {
            good =
                lang_fail(p, name->at, name->span, "`%.60s` is deleted by this rule", name->text);
        } else if (entry->created && kind != RMG_UPDATE_SET) {
            lang_fail(p, name->at, name->span, "`%.60s` is created by this rule", name->text);
            good = lang_help(p, "give it its value at once: (%.60s:Type {%.60s = 1})", name->text,
                             assign->field.text);
        } else if (entry->type == NULL) {
            lang_fail(p, name->at, name->span, "the fields of `%.60s` are not known", name->text);
            good = lang_help(p, "give it a type in the match: %s%.60s:Type%s",
                             entry->is_edge ? "[" : "(", name->text, entry->is_edge ? "]" : ")");
        } else {
            good = check_assign(scope, assign, kind, entry->type, operand) && good;
        }
    }
    return good;
}

/* ---- create ---- */

/* A node of a create path: one that is there, or a new one. */
static bool create_node(struct lang_scope *scope, struct lang_element *node, uint8_t place)
{
    struct lang_parser *p = scope->p;
    const struct lang_scope_entry *entry =
        node->name.text == NULL ? NULL : lang_scope_find(scope, &node->name, &node->operand);
    if (entry == NULL && node->label.text == NULL) {
        if (node->name.text == NULL) {
            lang_fail(p, node->at, node->size, "a new node needs a type");
            return lang_help(p, "write (:Type) or (name:Type)");
        }
        return lang_unknown_element(scope, &node->name,
                                    "to create a node, give it a type: (name:Type)");
    }
    if (entry == NULL) {
        node->created = true;
        return true;
    }
    if (entry->is_edge) {
        return lang_fail(p, node->name.at, node->name.span, "`%.60s` is an edge, not a node",
                         node->name.text);
    }
    if (node->label.text != NULL || node->assigns != NULL) {
        lang_fail(p, node->at, node->size, "`%.60s` is %s already", node->name.text,
                  entry->created ? "created" : "matched");
        return lang_help(p, "write (%.60s) alone, or choose another name for a new node",
                         node->name.text);
    }
    if (entry->deleted) {
        return lang_fail(p, node->name.at, node->name.span, "`%.60s` is deleted by this rule",
                         node->name.text);
    }
    return lang_check_place(scope, node, entry, place);
}

static bool create_element(struct lang_scope *scope, struct lang_element *element, uint8_t place)
{
    struct lang_parser *p = scope->p;
    if (!element->is_edge && !create_node(scope, element, place)) {
        return false;
    }
    if (element->is_edge && element->label.text == NULL) {
        lang_fail(p, element->at, element->size, "a new edge needs a type");
        return lang_help(p, "write -[:TYPE]->");
    }
    if (!element->is_edge && !element->created) {
        return true;
    }
    if (scope->created_count == JIT_PATTERN_ELEMENTS_MAX) {
        return lang_fail(p, element->at, element->size, "a rule creates at most %u nodes and edges",
                         JIT_PATTERN_ELEMENTS_MAX);
    }
    element->created = true;
    struct lang_scope_entry entry;
    if (!lang_enter_element(scope, element, &entry)) {
        return false;
    }
    entry.created = true;
    entry.place = place;
    element->operand = (uint8_t)(scope->created_count | RMG_RULE_CREATED);
    scope->created[scope->created_count++] = entry;
    bool good = true;
    for (const struct lang_assign *assign = element->assigns; assign != NULL;
         assign = assign->next) {
        good = check_assign(scope, assign, RMG_UPDATE_SET, element->type, element->operand) && good;
    }
    return good;
}

bool lang_check_create(struct lang_scope *scope, const struct lang_clause *clause)
{
    bool good = true;
    for (const struct lang_path *path = clause->paths; good && path != NULL; path = path->next) {
        uint32_t before = scope->created_count;
        uint8_t place = 0;
        if (!lang_place_path(scope, path, &place)) {
            return false;
        }
        for (struct lang_element *element = path->first; element != NULL; element = element->next) {
            if (!create_element(scope, element, place)) {
                return false; /* what follows may hang on it */
            }
        }
        if (scope->created_count == before) {
            lang_fail(scope->p, path->first->at, path->first->size, "this creates nothing");
            good = lang_help(scope->p, "a new node has a type: (name:Type)");
        }
        const struct lang_element *node = path->first;
        for (; node->next != NULL; node = node->next->next) {
            const struct lang_element *edge = node->next;
            struct lang_scope_entry *entry =
                &scope->created[edge->operand & (RMG_RULE_CREATED - 1u)];
            entry->from = edge->reversed ? edge->next->operand : node->operand;
            entry->to = edge->reversed ? node->operand : edge->next->operand;
        }
    }
    return good;
}

/* A default is written at creation, never implied (DESIGN 4.1). */
bool lang_check_defaults(struct lang_scope *scope)
{
    struct lang_parser *p = scope->p;
    for (uint32_t i = 0; i < scope->created_count; i++) {
        const struct lang_field_node *field = scope->created[i].type->fields;
        uint8_t operand = (uint8_t)(i | RMG_RULE_CREATED);
        for (; field != NULL; field = field->next) {
            if (!field->pub.has_default ||
                is_updated(scope, operand, field->pub.name, field->pub.name_size)) {
                continue;
            }
            struct lang_expr *value = lang_alloc(p->arena, 1, sizeof *value);
            if (value == NULL) {
                return lang_no_memory(p);
            }
            *value = (struct lang_expr){.kind = LANG_EXPR_CONST, .codec = field->pub.codec};
            enum jit_err err = rmg_codec_decode(field->pub.codec, field->pub.value,
                                                field->pub.value_size, &value->datum);
            assert(err == JIT_OK); /* we encoded it */
            if (!add_update(scope, RMG_UPDATE_SET, operand, &field->pub, field->pub.codec, value)) {
                return false;
            }
        }
    }
    return true;
}

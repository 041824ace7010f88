/* Names within a rule: elements, types, fields. */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"

struct lang_scope_entry *lang_scope_find(struct lang_scope *scope, const struct lang_name *name,
                                         uint8_t *operand)
{
    for (uint32_t i = 0; i < scope->element_count; i++) {
        struct lang_scope_entry *entry = &scope->elements[i];
        if (entry->name.text != NULL && lang_name_equal(&entry->name, name)) {
            *operand = (uint8_t)i;
            return entry;
        }
    }
    for (uint32_t i = 0; i < scope->created_count; i++) {
        struct lang_scope_entry *entry = &scope->created[i];
        if (entry->name.text != NULL && lang_name_equal(&entry->name, name)) {
            *operand = (uint8_t)(i | RMG_RULE_CREATED);
            return entry;
        }
    }
    return NULL;
}

bool lang_unknown_element(struct lang_scope *scope, const struct lang_name *name,
                          const char *otherwise)
{
    struct lang_parser *p = scope->p;
    struct lang_nearest nearest = lang_nearest_to(name->text, name->size);
    for (uint32_t i = 0; i < scope->element_count; i++) {
        if (scope->elements[i].name.text != NULL) {
            lang_nearest_try(&nearest, scope->elements[i].name.text, scope->elements[i].name.size);
        }
    }
    for (uint32_t i = 0; i < scope->created_count; i++) {
        if (scope->created[i].name.text != NULL) {
            lang_nearest_try(&nearest, scope->created[i].name.text, scope->created[i].name.size);
        }
    }
    for (const struct lang_param *param = scope->rule->params; param != NULL; param = param->next) {
        if (lang_name_equal(&param->name, name)) {
            return lang_fail(p, name->at, name->span, "`%.60s` is a parameter and has no fields",
                             name->text);
        }
    }
    lang_fail(p, name->at, name->span, "no element of the match is named `%.60s`", name->text);
    if (nearest.best != NULL) {
        return lang_help(p, "did you mean `%.60s`?", nearest.best);
    }
    return otherwise != NULL ? lang_help(p, "%s", otherwise)
                             : lang_help(p, "name it in the match: (%.60s:Type)", name->text);
}

struct lang_field_node *lang_find_field(struct lang_type_node *type, const struct lang_name *name)
{
    for (struct lang_field_node *field = type->fields; field != NULL; field = field->next) {
        if (field->pub.name_size == name->size &&
            memcmp(field->pub.name, name->text, name->size) == 0) {
            return field;
        }
    }
    return NULL;
}

bool lang_unknown_field(struct lang_parser *p, struct lang_type_node *type,
                        const struct lang_name *name)
{
    if (type->broken) {
        return false; /* the field may stand behind what was wrong */
    }
    struct lang_nearest nearest = lang_nearest_to(name->text, name->size);
    for (const struct lang_field_node *field = type->fields; field != NULL; field = field->next) {
        lang_nearest_try(&nearest, field->pub.name, field->pub.name_size);
    }
    lang_fail(p, name->at, name->span, "`%.60s` has no field `%.60s`", type->name.text, name->text);
    return nearest.best != NULL
               ? lang_help(p, "did you mean `%.60s`?", nearest.best)
               : lang_help(p, "declare it: %s %.60s { %.60s: i64 = 0 }",
                           type->pub.is_edge ? "edge" : "type", type->name.text, name->text);
}

bool lang_find_type(struct lang_parser *p, const struct lang_name *label, bool is_edge,
                    struct lang_type_node **out)
{
    *out = lang_index_get(&p->index, LANG_INDEX_TYPE, label->text, label->size);
    if (*out != NULL && (*out)->pub.is_edge == is_edge) {
        return true;
    }
    if (*out != NULL) {
        lang_fail(p, label->at, label->span, "`%.60s` is a type of %s", label->text,
                  is_edge ? "nodes, not of edges" : "edges, not of nodes");
        return false;
    }
    struct lang_nearest nearest = lang_nearest_to(label->text, label->size);
    for (const struct lang_type_node *type = p->types; type != NULL; type = type->next) {
        if (type->pub.is_edge == is_edge) {
            lang_nearest_try(&nearest, type->name.text, type->name.size);
        }
    }
    lang_fail(p, label->at, label->span, "there is no %s type `%.60s`", is_edge ? "edge" : "node",
              label->text);
    return nearest.best != NULL
               ? lang_help(p, "did you mean `%.60s`?", nearest.best)
               : lang_help(p, "declare it: %s %.60s", is_edge ? "edge" : "type", label->text);
}

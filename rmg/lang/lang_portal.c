/* Paths behind portals: `(r:Room)-[:DOOR]->(q:Room) in s.rooms` lies in the instance to which the
 * portal `rooms` of s leads. */
#include "rmg/lang/lang_format_priv.h"

bool lang_parse_inside(struct lang_parser *p, struct lang_path *path)
{
    if (!lang_at_word(p, "in")) {
        return true;
    }
    lang_next(p);
    if (!lang_take_name(p, "an element's name", &path->owner)) {
        return false;
    }
    if (!lang_at(p, LANG_C('.'))) {
        lang_expected(p, "`.` and a portal's name");
        return lang_help(p, "what lies behind a portal is written (x:Type) in %.60s.portal",
                         path->owner.text);
    }
    lang_next(p);
    return lang_take_label(p, "a portal's name", &path->portal);
}

/* What a type declares under the name is an atom, so no portal is ever there. */
static bool is_no_field(struct lang_parser *p, const struct lang_scope_entry *owner,
                        const struct lang_path *path)
{
    const struct lang_field_node *field =
        owner->type == NULL ? NULL : lang_find_field(owner->type, &path->portal);
    if (field == NULL) {
        return true;
    }
    lang_fail(p, path->portal.at, path->portal.span, "`%.60s` is a field of `%.60s`, no portal",
              path->portal.text, owner->type->name.text);
    return lang_help(p,
                     "portals are declared nowhere: name one, or take the field out of the type");
}

/* The portal of the program with this slot, or a new one. */
static bool add_portal(struct lang_scope *scope, const struct lang_path *path, uint8_t owner,
                       uint8_t *place)
{
    struct lang_parser *p = scope->p;
    const struct lang_name *name = &path->portal;
    const uint32_t size = name->at + name->span - path->owner.at;
    if (name->size > JIT_NAME_BYTES_MAX) {
        return lang_fail(p, name->at, name->span, "a name has at most %u bytes",
                         JIT_NAME_BYTES_MAX);
    }
    for (uint32_t i = 0; i < scope->portal_count; i++) {
        const struct rmg_rule_portal *portal = &scope->portals[i];
        if (portal->owner == owner && portal->name_size == name->size &&
            memcmp(portal->name, name->text, name->size) == 0) {
            *place = (uint8_t)(i + 1);
            return true;
        }
    }
    if (scope->portal_count == RMG_RULE_PORTALS_MAX) {
        return lang_fail(p, path->owner.at, size, "a rule goes through at most %u portals",
                         RMG_RULE_PORTALS_MAX);
    }
    struct rmg_rule_portal *portal = &scope->portals[scope->portal_count++];
    *portal = (struct rmg_rule_portal){.owner = owner, .name_size = (uint8_t)name->size};
    memcpy(portal->name, name->text, name->size);
    *place = (uint8_t)scope->portal_count;
    if (scope->element_count + scope->portal_count > JIT_PATTERN_ELEMENTS_MAX) {
        return lang_fail(p, path->owner.at, size,
                         "a pattern has at most %u nodes, edges and portals",
                         JIT_PATTERN_ELEMENTS_MAX);
    }
    return true;
}

bool lang_place_path(struct lang_scope *scope, const struct lang_path *path, uint8_t *place)
{
    struct lang_parser *p = scope->p;
    uint8_t operand = 0;
    *place = 0;
    if (path->owner.text != NULL) {
        const struct lang_scope_entry *entry = lang_scope_find(scope, &path->owner, &operand);
        if (entry == NULL) {
            return lang_unknown_element(scope, &path->owner,
                                        "match what the portal hangs on before what is behind it: "
                                        "match (s:Type), (x:Type) in s.portal");
        }
        if (entry->created || entry->deleted) {
            return lang_fail(p, path->owner.at, path->owner.span, "`%.60s` is %s by this rule",
                             path->owner.text, entry->created ? "created" : "deleted");
        }
        return is_no_field(p, entry, path) && add_portal(scope, path, operand, place);
    }
    for (const struct lang_element *node = path->first; node != NULL; node = node->next) {
        const struct lang_scope_entry *entry =
            node->name.text == NULL ? NULL : lang_scope_find(scope, &node->name, &operand);
        if (entry != NULL) {
            *place = entry->place; /* it goes on where that one lies */
            return true;
        }
    }
    return true;
}

bool lang_check_place(struct lang_scope *scope, const struct lang_element *element,
                      const struct lang_scope_entry *known, uint8_t place)
{
    struct lang_parser *p = scope->p;
    if (known->place == place) {
        return true;
    }
    lang_fail(p, element->at, element->size, "`%.60s` lies in another instance",
              element->name.text);
    return lang_help(p, "an edge joins nodes of one instance: write a path for each");
}

bool lang_check_portals(struct lang_scope *scope)
{
    struct lang_parser *p = scope->p;
    bool good = true;
    for (uint32_t i = 0; i < scope->element_count; i++) {
        const struct lang_scope_entry *entry = &scope->elements[i];
        if (entry->detached && entry->place != 0) {
            lang_fail(p, entry->at, entry->size, "nothing behind a portal is detached");
            good = lang_help(p, "match its edges and delete them as well: delete e, %.60s",
                             entry->name.text);
        }
    }
    for (uint32_t i = 0; i < scope->portal_count; i++) {
        const struct lang_scope_entry *entry = &scope->elements[scope->portals[i].owner];
        if (entry->deleted) {
            lang_fail(p, entry->at, entry->size,
                      "`%.60s` is deleted by this rule, and a portal of it is gone through",
                      entry->name.text);
            good = lang_help(p, "what holds a portal is never deleted by a rule");
        }
    }
    return good;
}

bool lang_refuse_portals(struct lang_scope *scope, const char *what)
{
    const struct lang_path *path = scope->rule->match;
    for (; path != NULL; path = path->next) {
        if (path->owner.text != NULL) {
            lang_fail(scope->p, path->owner.at,
                      path->portal.at + path->portal.span - path->owner.at,
                      "%s is about one instance and goes through no portal", what);
            return false;
        }
    }
    return true;
}

void lang_print_inside(const struct lang_path *path, struct jit_buf *out)
{
    if (path->owner.text != NULL) {
        lang_put(out, " in ");
        lang_print_name(path->owner.text, path->owner.size, out);
        lang_put(out, ".");
        lang_print_name(path->portal.text, path->portal.size, out);
    }
}

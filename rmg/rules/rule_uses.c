/* rmg/rules/rule_uses.c - the footprint before there is a match (rmg/rules/rule_static.h). The rows
 * are those of rmg/rules/match_footprint.c, which says of a match what this says of a rule. */
#include "base/check.h"
#include "rmg/rules/rule_static.h"

struct uses {
    const struct rmg_rule *rule;
    bool (*emit)(void *user, const struct rmg_rule_use *use);
    void *user;
};

static bool is_edge(const struct rmg_rule *rule, uint8_t operand)
{
    return (operand & RMG_RULE_CREATED) != 0
               ? rule->creates[operand & (RMG_RULE_CREATED - 1u)].is_edge
               : rule->elements[operand].is_edge;
}

/* A use of an operand, with what is known of its type. */
static struct rmg_rule_use of_operand(const struct rmg_rule *rule, uint8_t operand)
{
    struct rmg_rule_use use = {.element = operand, .access = RMG_ACCESS_READ};
    use.types = RMG_USE_OF_TYPE;
    if ((operand & RMG_RULE_CREATED) != 0) {
        use.type = rule->creates[operand & (RMG_RULE_CREATED - 1u)].type;
    } else if (rule->elements[operand].typed) {
        use.type = rule->elements[operand].type;
    } else {
        use.types = RMG_USE_OF_ANY;
    }
    return use;
}

static bool emit_element(const struct uses *u, uint8_t operand, bool write)
{
    struct rmg_rule_use use = of_operand(u->rule, operand);
    use.kind = is_edge(u->rule, operand) ? RMG_SLOT_EDGE : RMG_SLOT_NODE;
    use.access = write ? RMG_ACCESS_WRITE : RMG_ACCESS_READ;
    return u->emit(u->user, &use);
}

static bool emit_field(const struct uses *u, uint8_t operand, const char *name, uint32_t name_size,
                       enum rmg_access access, enum rmg_join join)
{
    struct rmg_rule_use use = of_operand(u->rule, operand);
    use.kind = is_edge(u->rule, operand) ? RMG_SLOT_BETA : RMG_SLOT_ALPHA;
    use.name = name;
    use.name_size = name_size;
    use.access = access;
    use.join = join;
    return u->emit(u->user, &use);
}

static bool emit_incidence(const struct uses *u, uint8_t operand, enum rmg_direction direction,
                           enum rmg_use_types types, const struct jit_id *type, bool read)
{
    struct rmg_rule_use use = {.kind = RMG_SLOT_INCIDENCE,
                               .element = operand,
                               .direction = direction,
                               .types = types,
                               .access = read ? RMG_ACCESS_READ : RMG_ACCESS_BLIND,
                               .join = read ? RMG_JOIN_NONE : RMG_JOIN_MEMBERS};
    if (types == RMG_USE_OF_TYPE) {
        use.type = *type;
    }
    return u->emit(u->user, &use);
}

static bool emit_extent(const struct uses *u, enum rmg_use_types types, const struct jit_id *type,
                        bool read)
{
    struct rmg_rule_use use = {.kind = RMG_SLOT_EXTENT,
                               .element = RMG_USE_ELSEWHERE,
                               .types = types,
                               .access = read ? RMG_ACCESS_READ : RMG_ACCESS_BLIND,
                               .join = read ? RMG_JOIN_NONE : RMG_JOIN_MEMBERS};
    if (types == RMG_USE_OF_TYPE) {
        use.type = *type;
    }
    return u->emit(u->user, &use);
}

/* What nodes of a type have under a name; NULL: under any. */
static bool emit_values(const struct uses *u, enum rmg_use_types types, const struct jit_id *type,
                        const char *name, uint32_t name_size, bool read)
{
    struct rmg_rule_use use = {.kind = RMG_SLOT_VALUES,
                               .element = RMG_USE_ELSEWHERE,
                               .types = types,
                               .name = name,
                               .name_size = name_size,
                               .access = read ? RMG_ACCESS_READ : RMG_ACCESS_BLIND,
                               .join = read ? RMG_JOIN_NONE : RMG_JOIN_MEMBERS};
    if (types == RMG_USE_OF_TYPE) {
        use.type = *type;
    }
    return u->emit(u->user, &use);
}

/* A field of an operand, which is a node, is set or joined. */
static bool emit_values_of(const struct uses *u, uint8_t operand, const char *name,
                           uint32_t name_size)
{
    struct rmg_rule_use use = of_operand(u->rule, operand);
    return emit_values(u, use.types, &use.type, name, name_size, false);
}

/* An edge comes or goes: of this type, and of all. */
static bool emit_edge(const struct uses *u, uint8_t from, uint8_t to, enum rmg_use_types types,
                      const struct jit_id *type)
{
    return emit_incidence(u, from, RMG_DIR_OUT, types, type, false) &&
           emit_incidence(u, from, RMG_DIR_OUT, RMG_USE_OF_ALL, NULL, false) &&
           emit_incidence(u, to, RMG_DIR_IN, types, type, false) &&
           emit_incidence(u, to, RMG_DIR_IN, RMG_USE_OF_ALL, NULL, false) &&
           emit_extent(u, types, type, false);
}

/* Edges that go with a node, whatever they are and wherever they lead. */
static bool emit_detached(const struct uses *u, uint8_t node)
{
    struct rmg_rule_use edge = {.kind = RMG_SLOT_EDGE,
                                .element = RMG_USE_ELSEWHERE,
                                .types = RMG_USE_OF_ANY,
                                .access = RMG_ACCESS_WRITE};
    struct rmg_rule_use value = edge;
    value.kind = RMG_SLOT_BETA;
    return u->emit(u->user, &edge) && u->emit(u->user, &value) &&
           emit_edge(u, node, RMG_USE_ELSEWHERE, RMG_USE_OF_ANY, NULL) &&
           emit_edge(u, RMG_USE_ELSEWHERE, node, RMG_USE_OF_ANY, NULL);
}

static bool emit_deleted(const struct uses *u, uint8_t index)
{
    const struct rmg_rule_element *element = &u->rule->elements[index];
    enum rmg_use_types types = element->typed ? RMG_USE_OF_TYPE : RMG_USE_OF_ANY;
    if (!emit_field(u, index, NULL, 0, RMG_ACCESS_WRITE, RMG_JOIN_NONE)) {
        return false;
    }
    if (element->is_edge) {
        return emit_edge(u, element->from, element->to, types, &element->type);
    }
    return emit_incidence(u, index, RMG_DIR_OUT, RMG_USE_OF_ALL, NULL, true) &&
           emit_incidence(u, index, RMG_DIR_IN, RMG_USE_OF_ALL, NULL, true) &&
           emit_extent(u, types, &element->type, false) &&
           emit_values(u, types, &element->type, NULL, 0, false) &&
           (!element->detached || emit_detached(u, index));
}

static bool emit_elements(const struct uses *u)
{
    const struct rmg_rule *rule = u->rule;
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *element = &rule->elements[i];
        if (!emit_element(u, (uint8_t)i, element->deleted) ||
            (element->deleted && !emit_deleted(u, (uint8_t)i))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < rule->create_count; i++) {
        const struct rmg_rule_create *create = &rule->creates[i];
        bool good = emit_element(u, (uint8_t)(i | RMG_RULE_CREATED), true) &&
                    (create->is_edge
                         ? emit_edge(u, create->from, create->to, RMG_USE_OF_TYPE, &create->type)
                         : emit_extent(u, RMG_USE_OF_TYPE, &create->type, false));
        if (!good) {
            return false;
        }
    }
    return true;
}

/* A field of what is not matched: it was read of an edge or a node that has the type by then. */
static bool emit_beside(const struct uses *u, const struct rmg_rule_near *near, bool of_edge,
                        const char *name, uint32_t name_size)
{
    bool typed = of_edge ? near->edge_typed : near->other_typed;
    struct rmg_rule_use use = {.kind = of_edge ? RMG_SLOT_BETA : RMG_SLOT_ALPHA,
                               .element = RMG_USE_ELSEWHERE,
                               .types = typed ? RMG_USE_OF_TYPE : RMG_USE_OF_ANY,
                               .access = RMG_ACCESS_READ,
                               .name = name,
                               .name_size = name_size};
    if (typed) {
        use.type = of_edge ? near->edge_type : near->other_type;
    }
    return u->emit(u->user, &use);
}

static bool emit_near(const struct uses *u, const struct rmg_rule_near *near)
{
    /* The type of each other end was asked for: it is some node, of another type. */
    struct rmg_rule_use other = {.kind = RMG_SLOT_NODE,
                                 .element = RMG_USE_ELSEWHERE,
                                 .types = RMG_USE_OF_ANY,
                                 .access = RMG_ACCESS_READ};
    if (near->alone && near->value_count == 0) {
        return emit_extent(u, RMG_USE_OF_TYPE, &near->other_type, true);
    }
    for (uint32_t i = near->value_at; i < near->value_at + near->value_count && near->alone; i++) {
        const struct rmg_rule_value *value = &u->rule->values[i];
        if (!emit_values(u, RMG_USE_OF_TYPE, &near->other_type, value->name, value->name_size,
                         true)) {
            return false;
        }
    }
    if (near->alone) {
        return true;
    }
    if (!emit_incidence(u, near->element, near->direction,
                        near->edge_typed ? RMG_USE_OF_TYPE : RMG_USE_OF_ALL, &near->edge_type,
                        true) ||
        (near->other_typed && !u->emit(u->user, &other))) {
        return false;
    }
    for (uint32_t i = 0; i < near->value_count; i++) {
        const struct rmg_rule_value *value = &u->rule->values[near->value_at + i];
        if (!emit_beside(u, near, value->of_edge, value->name, value->name_size)) {
            return false;
        }
    }
    return near->kind <= RMG_NEAR_COUNT ||
           emit_beside(u, near, near->of_edge, near->name, near->name_size);
}

static bool emit_nears(const struct uses *u)
{
    for (uint32_t i = 0; i < u->rule->negative_count + u->rule->aggregate_count; i++) {
        if (!emit_near(u, rmg_rule_near_at(u->rule, i))) {
            return false;
        }
    }
    return true;
}

bool rmg_rule_uses(const struct rmg_rule *rule,
                   bool (*emit)(void *user, const struct rmg_rule_use *use), void *user)
{
    struct uses u = {.rule = rule, .emit = emit, .user = user};
    bool more = emit_elements(&u) && emit_nears(&u);
    for (uint32_t i = 0; i < rule->portal_count && more; i++) {
        const struct rmg_rule_portal *portal = &rule->portals[i];
        more = emit_field(&u, portal->owner, portal->name, portal->name_size, RMG_ACCESS_READ,
                          RMG_JOIN_NONE);
    }
    for (uint32_t i = 0; i < rule->field_count && more; i++) {
        const struct rmg_rule_field *field = &rule->fields[i];
        more = !field->read || emit_field(&u, field->element, field->name, field->name_size,
                                          RMG_ACCESS_READ, RMG_JOIN_NONE);
    }
    for (uint32_t i = 0; i < rule->update_count && more; i++) {
        const struct rmg_rule_update *update = &rule->updates[i];
        enum rmg_join join = rmg_update_join(update->kind);
        more = emit_field(&u, update->target, update->name, update->name_size,
                          join == RMG_JOIN_NONE ? RMG_ACCESS_WRITE : RMG_ACCESS_BLIND, join) &&
               (is_edge(rule, update->target) ||
                emit_values_of(&u, update->target, update->name, update->name_size));
    }
    return more;
}

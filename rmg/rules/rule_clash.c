/* rmg/rules/rule_clash.c - which rules may conflict (rmg/rules/rule_static.h): critical pairs, by
 * footprints. Two matches conflict through a slot; through it, an element of the one is an element
 * of the other (of an edge: their ends, too). If no graph has such an element, or the conditions of
 * both cannot hold of it at once, then there is no conflict there: both are judged in one frozen
 * version. */
#include "base/check.h"
#include "rmg/rules/rule_static.h"

static bool types_meet(enum rmg_use_types a_types, const struct jit_id *a,
                       enum rmg_use_types b_types, const struct jit_id *b)
{
    if (a_types == RMG_USE_OF_ALL || b_types == RMG_USE_OF_ALL) {
        return a_types == b_types;
    }
    return a_types == RMG_USE_OF_ANY || b_types == RMG_USE_OF_ANY || jit_id_equal(a, b);
}

/* The rules of docs/spec/footprint.md, "Who wins". */
static bool uses_clash(const struct rmg_rule_use *a, const struct rmg_rule_use *b)
{
    if (a->access == RMG_ACCESS_READ && b->access == RMG_ACCESS_READ) {
        return false;
    }
    return !(a->access == RMG_ACCESS_BLIND && b->access == RMG_ACCESS_BLIND && a->join == b->join);
}

static bool one_slot(const struct rmg_rule_use *a, const struct rmg_rule_use *b)
{
    bool fresh = (a->element != RMG_USE_ELSEWHERE && (a->element & RMG_RULE_CREATED) != 0) ||
                 (b->element != RMG_USE_ELSEWHERE && (b->element & RMG_RULE_CREATED) != 0);
    if (a->kind != b->kind || fresh || !types_meet(a->types, &a->type, b->types, &b->type)) {
        return false; /* what a match creates is in no other match */
    }
    if (a->kind == RMG_SLOT_INCIDENCE) {
        return a->direction == b->direction;
    }
    if (rmg_slot_is_named(a->kind)) {
        return a->name == NULL || b->name == NULL ||
               (a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0);
    }
    return true;
}

/* Can these elements be one, by their types and by what is said of their fields? */
static bool may_be_one(const struct rmg_rule_facts *a, uint8_t i, const struct rmg_rule_facts *b,
                       uint8_t k)
{
    struct rmg_rule_fact both[2 * RMG_RULE_FACTS_MAX];
    const struct rmg_rule_element *x = &a->rule->elements[i];
    const struct rmg_rule_element *y = &b->rule->elements[k];
    if (x->is_edge != y->is_edge || (x->typed && y->typed && !jit_id_equal(&x->type, &y->type))) {
        return false;
    }
    for (uint32_t f = 0; f < a->fact_count; f++) {
        const struct rmg_rule_field *field = &a->rule->fields[a->facts[f].field];
        uint32_t count = 0;
        if (field->element != i) {
            continue;
        }
        for (uint32_t side = 0; side < 2; side++) {
            const struct rmg_rule_facts *facts = side == 0 ? a : b;
            for (uint32_t g = 0; g < facts->fact_count; g++) {
                const struct rmg_rule_field *other = &facts->rule->fields[facts->facts[g].field];
                if (other->element == (side == 0 ? i : k) && other->name_size == field->name_size &&
                    memcmp(other->name, field->name, field->name_size) == 0) {
                    both[count++] = facts->facts[g];
                }
            }
        }
        if (!rmg_rule_facts_agree(both, count)) {
            return false;
        }
    }
    return true;
}

static bool elements_meet(const struct rmg_rule_facts *a, const struct rmg_rule_use *use,
                          const struct rmg_rule_facts *b, const struct rmg_rule_use *other)
{
    if (use->element == RMG_USE_ELSEWHERE || other->element == RMG_USE_ELSEWHERE) {
        return true;
    }
    const struct rmg_rule_element *x = &a->rule->elements[use->element];
    const struct rmg_rule_element *y = &b->rule->elements[other->element];
    if (!may_be_one(a, use->element, b, other->element)) {
        return false;
    }
    return !x->is_edge || (may_be_one(a, x->from, b, y->from) && may_be_one(a, x->to, b, y->to));
}

/* Two matches of one rule in which this element is the same: is all of them the same? */
static bool one_match(const struct rmg_rule *rule, uint8_t element)
{
    return rule->element_count == 1 ||
           (rule->elements[element].is_edge && rule->element_count <= 3 &&
            rule->element_count ==
                2u + (rule->elements[element].from != rule->elements[element].to));
}

bool rmg_rules_clash(const struct rmg_rule_facts *a, const struct rmg_rule_facts *b, bool differ,
                     bool (*emit)(void *user, const struct rmg_rule_clash *clash), void *user)
{
    bool found = false;
    if (a->never != RMG_NEVER_NOT || b->never != RMG_NEVER_NOT) {
        return false;
    }
    for (size_t i = 0; i < a->use_count; i++) {
        for (size_t k = a->rule == b->rule ? i : 0; k < b->use_count; k++) {
            struct rmg_rule_clash clash = {.a = &a->uses[i], .b = &b->uses[k]};
            if (!uses_clash(clash.a, clash.b) || !one_slot(clash.a, clash.b) ||
                !elements_meet(a, clash.a, b, clash.b) ||
                (a->rule == b->rule && !differ && clash.a->element == clash.b->element &&
                 clash.a->element != RMG_USE_ELSEWHERE && one_match(a->rule, clash.a->element))) {
                continue;
            }
            found = true;
            if (!emit(user, &clash)) {
                return true;
            }
        }
    }
    return found;
}

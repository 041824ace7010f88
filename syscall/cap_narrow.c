#include "base/check.h"
#include "syscall/cap_priv.h"

/* What one capability says about an object or a rule, and what may be derived from it. */

/* One rule by name, or those of the attenuators; both: one of them, by name. */
bool cap_names_rule(const struct sys_cap *cap, const struct jit_id *rule)
{
    const struct sys_attenuators *a = cap->attenuators;
    bool named = !jit_id_is_zero(&cap->rule_id);
    if (named && !jit_id_equal(&cap->rule_id, rule)) {
        return false;
    }
    if (a == NULL || (a->given & SYS_GIVEN_RULES) == 0) {
        return named;
    }
    return sys_id_set_has(&a->rules, rule);
}

bool cap_is_object(const struct sys_cap *cap, const struct sys_cap_need *need)
{
    if (need->instance == NULL) {
        return true;
    }
    if (cap->object != need->object) {
        return false;
    }
    if (jit_id_equal(&cap->instance, need->instance)) {
        return true;
    }
    for (uint32_t i = 0; i < need->outer_count; i++) {
        if (jit_id_equal(&cap->instance, &need->outer[i])) {
            return true;
        }
    }
    return false;
}

/* What both bind; false when they bind one parameter to two values, or too many in all. */
static bool merge_bound(const struct sys_attenuators *held, const struct sys_attenuators *want,
                        struct sys_bound *space, uint32_t *count)
{
    uint32_t h = 0;
    uint32_t w = 0;
    *count = 0;
    while (h < held->bound_count || w < want->bound_count) {
        const struct sys_bound *a = h < held->bound_count ? &held->bound[h] : NULL;
        const struct sys_bound *b = w < want->bound_count ? &want->bound[w] : NULL;
        if (*count == SYS_ATTENUATOR_BOUND_MAX) {
            return false;
        }
        if (a != NULL && b != NULL && a->index == b->index &&
            (a->size != b->size || memcmp(a->bytes, b->bytes, a->size) != 0)) {
            return false;
        }
        bool first = b == NULL || (a != NULL && a->index <= b->index);
        h += first;
        w += b != NULL && (!first || (a != NULL && a->index == b->index));
        space[(*count)++] = first ? *a : *b;
    }
    return true;
}

/* What is held, with what is wanted in its place; everything borrowed from both and from space. */
static enum sys_cap_excess combine(const struct sys_attenuators *held,
                                   const struct sys_attenuators *want, struct sys_bound *space,
                                   struct sys_attenuators *out)
{
    static const struct sys_attenuators none;
    static const uint32_t own = SYS_GIVEN_OPERATIONS | SYS_GIVEN_BYTES; /* not handed down */
    held = held == NULL ? &none : held;
    want = want == NULL ? &none : want;
    *out = *held;
    out->given = (held->given & ~own) | want->given;
    out->operations = want->operations;
    out->bytes = want->bytes;
    out->bound = space;
    if (!merge_bound(held, want, space, &out->bound_count)) {
        return SYS_EXCESS_PARAMS;
    }
    if ((want->given & SYS_GIVEN_NODES) != 0) {
        out->nodes = want->nodes;
    }
    if ((want->given & SYS_GIVEN_EDGES) != 0) {
        out->edges = want->edges;
    }
    if ((want->given & SYS_GIVEN_RULES) != 0) {
        out->rules = want->rules;
    }
    if ((want->given & SYS_GIVEN_PRIORITY) != 0) {
        out->priority_max = want->priority_max;
    }
    if ((want->given & SYS_GIVEN_LAST_TICK) != 0) {
        out->last_tick = want->last_tick;
    }
    if ((held->given & SYS_GIVEN_DEPTH) != 0) {
        if (held->depth == 0) {
            return SYS_EXCESS_DEPTH;
        }
        out->depth = held->depth - 1;
    }
    if ((want->given & SYS_GIVEN_DEPTH) != 0) {
        if ((held->given & SYS_GIVEN_DEPTH) != 0 && want->depth > out->depth) {
            return SYS_EXCESS_DEPTH;
        }
        out->depth = want->depth;
    }
    return sys_attenuators_within(out, held);
}

/* Rules by name and those of the attenuators, together. */
static bool rules_narrow(const struct sys_cap *held, const struct sys_cap_want *want)
{
    if (!jit_id_is_zero(&want->rule_id) && !cap_names_rule(held, &want->rule_id)) {
        return false;
    }
    if ((cap_given(want->attenuators) & SYS_GIVEN_RULES) == 0) {
        return true;
    }
    const struct sys_id_set *set = &want->attenuators->rules;
    uint32_t i = 0;
    while (i < set->count && cap_names_rule(held, &set->ids[i])) {
        i++;
    }
    return i == set->count;
}

enum sys_cap_excess cap_narrow(const struct sys_cap *held, const struct sys_cap_want *want,
                               struct sys_bound *space, struct sys_attenuators *attenuators,
                               struct sys_cap *out)
{
    const struct sys_cap_need object = {.object = held->object,
                                        .instance = &want->instance,
                                        .outer = want->outer,
                                        .outer_count = want->outer_count};
    *out = *held;
    out->rights = want->rights != 0 ? want->rights : held->rights;
    out->attenuators = attenuators;
    if ((cap_given(held->attenuators) & SYS_GIVEN_NO_DELEGATE) != 0) {
        return SYS_EXCESS_DELEGATE;
    }
    if ((out->rights & ~held->rights) != 0) {
        return SYS_EXCESS_RIGHTS;
    }
    if (!jit_id_is_zero(&want->instance)) {
        if (!cap_is_object(held, &object)) {
            return SYS_EXCESS_OBJECT;
        }
        out->instance = want->instance;
    }
    if (!rules_narrow(held, want)) {
        return SYS_EXCESS_RULES;
    }
    out->rule_id = jit_id_is_zero(&want->rule_id) ? held->rule_id : want->rule_id;
    if (!jit_id_is_zero(&want->params_digest)) {
        if (!jit_id_is_zero(&held->params_digest) &&
            !jit_id_equal(&held->params_digest, &want->params_digest)) {
            return SYS_EXCESS_PARAMS;
        }
        out->params_digest = want->params_digest;
    }
    if (want->badge != 0 && held->badge != 0 && want->badge != held->badge) {
        return SYS_EXCESS_BADGE;
    }
    out->badge = want->badge != 0 ? want->badge : held->badge;
    return combine(held->attenuators, want->attenuators, space, attenuators);
}

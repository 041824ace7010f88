/* What a difference of two versions touches: elements whose matches may come or go. */
#include "base/check.h"
#include "rmg/rules/mutant.h"
#include "rmg/rules/search_priv.h"

struct update {
    struct rmg_search *search;
    const struct rmg_graph *before;
    const struct rmg_graph *after;
    struct search_touches *touches;
    enum jit_err err;
};

static bool type_fits(bool typed, const struct jit_id *want, const struct jit_id *type)
{
    return !typed || jit_id_equal(want, type);
}

static enum jit_err touch_node(struct update *update, const struct rmg_change *change)
{
    const struct rmg_rule *rule = update->search->rule;
    struct jit_id types[2];
    uint32_t mask = 0;
    for (uint32_t side = 0; side < 2; side++) {
        if (!(side == 0 ? change->before : change->after)) {
            continue;
        }
        enum jit_err err =
            rmg_node_type(side == 0 ? update->before : update->after, &change->id, &types[side]);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        for (uint32_t i = 0; i < rule->element_count; i++) {
            const struct rmg_rule_element *element = &rule->elements[i];
            if (!element->is_edge && search_is_here(update->touches, element->place) &&
                type_fits(element->typed, &element->type, &types[side])) {
                mask |= 1u << i;
            }
        }
    }
    mask = RMG_MUTANT(RMG_MUTANT_NODE) ? 0 : mask;
    enum jit_err err = search_touch_add(update->touches, false, &change->id, mask);
    return err == JIT_OK
               ? search_touch_type(update->search, update->after, change, types, update->touches)
               : err;
}

/* An edge came or went: matches that have it, and those whose negative or dangling condition looks
 * at the edges of its ends. */
static enum jit_err touch_edge_record(struct update *update, const struct rmg_edge *edge)
{
    const struct rmg_rule *rule = update->search->rule;
    uint32_t mask = 0;
    uint32_t ends[2] = {0, 0};
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *element = &rule->elements[i];
        if (!search_is_here(update->touches, element->place)) {
            continue;
        }
        if (element->is_edge && type_fits(element->typed, &element->type, &edge->type)) {
            mask |= 1u << i;
        } else if (!element->is_edge && element->deleted) {
            ends[0] |= 1u << i;
            ends[1] |= 1u << i;
        }
    }
    mask = RMG_MUTANT(RMG_MUTANT_EDGE) ? 0 : mask;
    if (RMG_MUTANT(RMG_MUTANT_DANGLING)) {
        ends[0] = ends[1] = 0;
    }
    enum jit_err err = search_touch_edge_ends(update->search, edge, update->touches);
    if (err == JIT_OK) {
        err = search_touch_add(update->touches, true, &edge->id, mask);
    }
    if (err == JIT_OK) {
        err = search_touch_add(update->touches, false, &edge->from, ends[0]);
    }
    return err == JIT_OK ? search_touch_add(update->touches, false, &edge->to, ends[1]) : err;
}

static enum jit_err touch_edge(struct update *update, const struct rmg_change *change)
{
    struct rmg_edge edge;
    for (uint32_t side = 0; side < 2; side++) {
        if (!(side == 0 ? change->before : change->after) ||
            (RMG_MUTANT(RMG_MUTANT_EDGE_BEFORE) && side == 0 && change->after)) {
            continue;
        }
        enum jit_err err =
            rmg_edge_get(side == 0 ? update->before : update->after, &change->id, &edge);
        if (err == JIT_OK) {
            err = touch_edge_record(update, &edge);
        }
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
    }
    return JIT_OK;
}

enum jit_err search_field_changed(const struct rmg_graph *before, const struct rmg_graph *after,
                                  bool is_edge, const struct jit_id *owner, const char *name,
                                  uint32_t name_size, bool *changed)
{
    struct rmg_value values[2];
    bool found[2];
    for (uint32_t side = 0; side < 2; side++) {
        enum jit_err err = rmg_attachment_get(side == 0 ? before : after,
                                              is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA, owner,
                                              name, name_size, &values[side]);
        if (err != JIT_OK && err != JIT_ENOENT) {
            return err;
        }
        found[side] = err == JIT_OK;
    }
    *changed = found[0] != found[1];
    if (found[0] && found[1]) {
        *changed =
            values[0].kind != values[1].kind || !jit_id_equal(&values[0].type, &values[1].type) ||
            values[0].size != values[1].size ||
            (values[0].size > 0 && memcmp(values[0].bytes, values[1].bytes, values[0].size) != 0);
    }
    return JIT_OK;
}

/* An owner's attachments changed: that matters where a condition reads one of them. */
static enum jit_err touch_owner(struct update *update, const struct rmg_change *change)
{
    const struct rmg_rule *rule = update->search->rule;
    bool is_edge = change->map == RMG_BETA;
    uint32_t mask = 0;
    for (uint32_t i = 0; i < rule->field_count; i++) {
        const struct rmg_rule_field *field = &rule->fields[i];
        bool changed = false;
        if (!search_field_matters(&update->search->program, i) ||
            !search_is_here(update->touches, rule->elements[field->element].place) ||
            rule->elements[field->element].is_edge != is_edge ||
            (mask >> field->element & 1) != 0) {
            continue;
        }
        enum jit_err err = search_field_changed(update->before, update->after, is_edge, &change->id,
                                                field->name, field->name_size, &changed);
        if (err != JIT_OK) {
            return err;
        }
        mask |= changed ? 1u << field->element : 0;
    }
    for (uint32_t i = 0; i < rule->portal_count; i++) {
        const struct rmg_rule_portal *portal = &rule->portals[i];
        const struct rmg_rule_element *owner = &rule->elements[portal->owner];
        bool changed = false;
        if (!search_is_here(update->touches, owner->place) || owner->is_edge != is_edge ||
            (mask >> portal->owner & 1) != 0) {
            continue;
        }
        enum jit_err err = search_field_changed(update->before, update->after, is_edge, &change->id,
                                                portal->name, portal->name_size, &changed);
        if (err != JIT_OK) {
            return err;
        }
        mask |= changed ? 1u << portal->owner : 0;
    }
    mask = RMG_MUTANT(RMG_MUTANT_FIELD) ? 0 : mask;
    enum jit_err err = search_touch_add(update->touches, is_edge, &change->id, mask);
    return err == JIT_OK ? search_touch_fields(update->search, update->before, update->after,
                                               change, update->touches)
                         : err;
}

static bool take_change(void *user, const struct rmg_change *change)
{
    struct update *update = user;
    switch (change->map) {
    case RMG_NODES:
        update->err = touch_node(update, change);
        break;
    case RMG_EDGES:
        update->err = touch_edge(update, change);
        break;
    default:
        update->err = touch_owner(update, change);
        break;
    }
    return update->err == JIT_OK;
}

enum jit_err search_touch_all(struct rmg_search *search, const struct rmg_graph *before,
                              const struct rmg_graph *after, struct search_touches *touches)
{
    struct update update = {
        .search = search, .before = before, .after = after, .touches = touches, .err = JIT_OK};
    enum jit_err err = rmg_graph_diff(before, after, take_change, &update);
    return update.err != JIT_OK ? update.err : err;
}

/* Conditions and aggregates of a rule while its matches are kept: what of a difference they look
 * at, and which of them are asked late: those on all nodes of a type, whose answer may change
 * without anything near a match having changed. */
#include "base/check.h"
#include "rmg/rules/mutant.h"
#include "rmg/rules/search_priv.h"

/* --- which of them matter --- */

static void use_aggregates(struct search_program *program, const struct rmg_rule *rule,
                           struct rmg_expr expr, bool is_draw)
{
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    while (rmg_expr_next(&cur, &inst)) {
        if (inst.op != RMG_EXPR_AGGREGATE) {
            continue;
        }
        program->near_mask |= 1ull << (rule->negative_count + inst.arg);
        if (is_draw && (program->draw_aggregate_mask >> inst.arg & 1) == 0) {
            program->draw_aggregate_mask |= 1u << inst.arg;
            program->draw_aggregates[program->draw_aggregate_count++] = (uint8_t)inst.arg;
        }
    }
}

void search_nears_init(struct search_program *program, const struct rmg_rule *rule)
{
    program->near_mask = rule->negative_count == 0 ? 0 : ~0ull >> (64u - rule->negative_count);
    use_aggregates(program, rule, rule->guard, false);
    use_aggregates(program, rule, rule->draw, true);
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        if (!search_near_matters(program, i)) {
            continue;
        }
        program->late = program->late || near->alone;
        for (uint32_t k = 0; k < near->value_count; k++) {
            search_note_fields(program, rule->values[near->value_at + k].expr, false);
        }
    }
}

bool search_is_late(const struct rmg_rule *rule, struct rmg_expr expr)
{
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    while (rmg_expr_next(&cur, &inst)) {
        if (inst.op == RMG_EXPR_AGGREGATE && rule->aggregates[inst.arg].alone) {
            return true;
        }
    }
    return false;
}

enum jit_err search_nears_index(struct rmg_search *search)
{
    const struct rmg_rule *rule = search->rule;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count && err == JIT_OK; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        struct rmg_index_field fields[RMG_INDEX_FIELDS_MAX];
        struct rmg_index_key key;
        if (search_near_matters(&search->program, i) && near->alone && near->value_count > 0) {
            rmg_near_key(rule, near, fields, &key);
            err = rmg_index_need(search->index, &search->graph, &key);
        }
    }
    return err;
}

/* --- asking them; search->ids are set, all of them --- */

static bool holds(struct rmg_search *search, enum rmg_result result)
{
    search->probe.slots = 0; /* nobody's budget */
    if (search->probe.err != JIT_OK) {
        search->err = search->probe.err;
    }
    return result == RMG_APPLIED && search->err == JIT_OK;
}

bool search_nears_hold(struct rmg_search *search)
{
    const struct rmg_rule *rule = search->rule;
    bool good = true;
    for (uint32_t i = 0; i < rule->negative_count && good; i++) {
        good = rule->negatives[i].alone ||
               holds(search, rmg_probe_near(&search->probe, &rule->negatives[i], NULL));
    }
    return good;
}

bool search_late_holds(struct rmg_search *search)
{
    const struct rmg_rule *rule = search->rule;
    bool good = true;
    for (uint32_t i = 0; i < search->program.conjunct_count && good && search->program.late; i++) {
        const struct search_conjunct *conjunct = &search->program.conjuncts[i];
        good =
            !conjunct->late || holds(search, rmg_probe_condition(&search->probe, conjunct->expr));
    }
    for (uint32_t i = 0; i < rule->negative_count && good; i++) {
        good = !rule->negatives[i].alone ||
               holds(search, rmg_probe_near(&search->probe, &rule->negatives[i], NULL));
    }
    return good;
}

/* --- what a difference touches --- */

static bool type_fits(bool typed, const struct jit_id *want, const struct jit_id *type)
{
    return !typed || jit_id_equal(want, type);
}

/* Does it ask something of the instance that is looked at now? */
static bool lies_here(const struct search_touches *touches, const struct rmg_rule *rule,
                      const struct rmg_rule_near *near)
{
    return search_is_here(touches, near->alone ? 0 : rule->elements[near->element].place);
}

enum jit_err search_touch_edge_ends(const struct rmg_search *search, const struct rmg_edge *edge,
                                    struct search_touches *touches)
{
    const struct rmg_rule *rule = search->rule;
    uint32_t ends[2] = {0, 0};
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        if (search_near_matters(&search->program, i) && lies_here(touches, rule, near) &&
            !near->alone && !RMG_MUTANT(RMG_MUTANT_NEAR) &&
            type_fits(near->edge_typed, &near->edge_type, &edge->type)) {
            ends[near->direction == RMG_DIR_OUT ? 0 : 1] |= 1u << near->element;
        }
    }
    enum jit_err err = search_touch_add(touches, false, &edge->from, ends[0]);
    return err == JIT_OK ? search_touch_add(touches, false, &edge->to, ends[1]) : err;
}

/* Something of this node has changed that is looked at from its neighbours. */
static enum jit_err touch_neighbours(const struct rmg_graph *after, const struct jit_id *node,
                                     const struct rmg_rule_near *near,
                                     struct search_touches *touches)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    bool is_out = near->direction == RMG_DIR_OUT;
    enum jit_err err;
    rmg_iter_edges_of(after, node, is_out ? RMG_DIR_IN : RMG_DIR_OUT,
                      near->edge_typed ? &near->edge_type : NULL, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        err = search_touch_add(touches, false, is_out ? &edge.from : &edge.to, 1u << near->element);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err search_touch_type(struct rmg_search *search, const struct rmg_graph *after,
                               const struct rmg_change *change, const struct jit_id types[2],
                               struct search_touches *touches)
{
    const struct rmg_rule *rule = search->rule;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count && err == JIT_OK; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        bool was = change->before && jit_id_equal(&near->other_type, &types[0]);
        bool is = change->after && jit_id_equal(&near->other_type, &types[1]);
        if (!search_near_matters(&search->program, i) || !lies_here(touches, rule, near) ||
            !near->other_typed || was == is) {
            continue;
        }
        if (near->alone) {
            search->late_changed = !RMG_MUTANT(RMG_MUTANT_ALONE_TYPE);
        } else if (change->before && change->after && !RMG_MUTANT(RMG_MUTANT_NEAR_TYPE)) {
            err = touch_neighbours(after, &change->id, near, touches);
        }
    }
    return err;
}

/* Does it look at a field of this kind of owner that has changed? */
static enum jit_err looks_at(const struct rmg_search *search, const struct rmg_rule_near *near,
                             const struct rmg_graph *before, const struct rmg_graph *after,
                             const struct rmg_change *change, bool *changed)
{
    const struct rmg_rule *rule = search->rule;
    bool is_edge = change->map == RMG_BETA;
    bool of_field = near->kind > RMG_NEAR_COUNT;
    enum jit_err err = JIT_OK;
    *changed = false;
    for (uint32_t i = 0; i < near->value_count && err == JIT_OK && !*changed; i++) {
        const struct rmg_rule_value *value = &rule->values[near->value_at + i];
        if (value->of_edge == is_edge) {
            err = search_field_changed(before, after, is_edge, &change->id, value->name,
                                       value->name_size, changed);
        }
    }
    if (err == JIT_OK && !*changed && of_field && near->of_edge == is_edge) {
        err = search_field_changed(before, after, is_edge, &change->id, near->name, near->name_size,
                                   changed);
    }
    return err;
}

/* An edge that both versions have: its ends. One that came or went has touched them already. */
static enum jit_err touch_ends(const struct rmg_graph *after, const struct jit_id *id,
                               const struct rmg_rule_near *near, struct search_touches *touches)
{
    struct rmg_edge edge;
    enum jit_err err = rmg_edge_get(after, id, &edge);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_OK : err;
    }
    return search_touch_add(touches, false, near->direction == RMG_DIR_OUT ? &edge.from : &edge.to,
                            1u << near->element);
}

enum jit_err search_touch_fields(struct rmg_search *search, const struct rmg_graph *before,
                                 const struct rmg_graph *after, const struct rmg_change *change,
                                 struct search_touches *touches)
{
    const struct rmg_rule *rule = search->rule;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < rule->negative_count + rule->aggregate_count && err == JIT_OK; i++) {
        const struct rmg_rule_near *near = rmg_rule_near_at(rule, i);
        bool changed = false;
        if (!search_near_matters(&search->program, i) || !lies_here(touches, rule, near)) {
            continue;
        }
        err = looks_at(search, near, before, after, change, &changed);
        if (err != JIT_OK || !changed ||
            RMG_MUTANT(near->alone               ? RMG_MUTANT_ALONE_FIELD
                       : change->map == RMG_BETA ? RMG_MUTANT_NEAR_EDGE_FIELD
                                                 : RMG_MUTANT_NEAR_FIELD)) {
            continue;
        }
        if (near->alone) {
            struct jit_id type;
            err = rmg_node_type(after, &change->id, &type); /* else search_touch_type */
            search->late_changed =
                search->late_changed || (err == JIT_OK && jit_id_equal(&type, &near->other_type));
            err = err == JIT_ENOENT ? JIT_OK : err;
        } else {
            err = change->map == RMG_BETA ? touch_ends(after, &change->id, near, touches)
                                          : touch_neighbours(after, &change->id, near, touches);
        }
    }
    return err;
}

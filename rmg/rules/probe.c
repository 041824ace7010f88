#include "rmg/rules/probe.h"

#include "base/check.h"

static enum rmg_result field_of_env(void *user, uint32_t field, struct rmg_datum *out)
{
    return rmg_probe_field(user, field, out);
}

static enum rmg_result aggregate_of_env(void *user, uint32_t aggregate, struct rmg_datum *out)
{
    return rmg_probe_aggregate(user, aggregate, NULL, out);
}

void rmg_probe_init(struct rmg_probe *probe, const struct rmg_graph *graph,
                    const struct rmg_rule *rule, const struct jit_id *ids, uint32_t budget)
{
    /* Not the arrays: they are large, and `loaded` says what is in them. */
    probe->graph = graph;
    probe->rule = rule;
    probe->ids = ids;
    probe->budget = budget;
    probe->slots = 0;
    probe->err = JIT_OK;
    probe->env = (struct rmg_expr_env){.rule = rule,
                                       .ids = ids,
                                       .params = probe->params,
                                       .field = field_of_env,
                                       .aggregate = aggregate_of_env,
                                       .user = probe};
    memset(probe->loaded, 0, sizeof probe->loaded);
    probe->aggregated = 0;
}

void rmg_probe_forget(struct rmg_probe *probe, uint32_t element)
{
    probe->aggregated = 0;
    for (uint32_t i = 0; i < probe->rule->field_count; i++) {
        if (probe->rule->fields[i].element == element) {
            probe->loaded[i / 64] &= ~(1ull << (i % 64));
        }
    }
}

enum rmg_result rmg_probe_found(struct rmg_probe *probe, enum jit_err err)
{
    if (err == JIT_OK) {
        return RMG_APPLIED;
    }
    if (err != JIT_ENOENT) {
        probe->err = err;
    }
    return RMG_NO_MATCH;
}

enum rmg_result rmg_probe_field(struct rmg_probe *probe, uint32_t field, struct rmg_datum *out)
{
    const struct rmg_rule_field *want = &probe->rule->fields[field];
    struct rmg_value value;
    if ((probe->loaded[field / 64] >> (field % 64) & 1) != 0) {
        *out = probe->fields[field];
        return RMG_APPLIED;
    }
    enum rmg_result result = rmg_probe_look(probe);
    if (result != RMG_APPLIED) {
        return result;
    }
    enum rmg_plane plane =
        probe->rule->elements[want->element].is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    result = rmg_probe_found(probe, rmg_attachment_get(rmg_probe_graph_of(probe, want->element),
                                                       plane, &probe->ids[want->element],
                                                       want->name, want->name_size, &value));
    if (result != RMG_APPLIED || value.kind != RMG_VALUE_ATOM ||
        !jit_id_equal(&value.type, rmg_codec_type(want->codec)) ||
        rmg_codec_decode(want->codec, value.bytes, value.size, &probe->fields[field]) != JIT_OK) {
        return RMG_GUARD_FALSE;
    }
    probe->loaded[field / 64] |= 1ull << (field % 64);
    *out = probe->fields[field];
    return RMG_APPLIED;
}

enum rmg_result rmg_probe_enter(struct rmg_probe *probe, uint32_t portal, struct jit_id *instance)
{
    const struct rmg_rule_portal *want = &probe->rule->portals[portal];
    const struct rmg_graph *outer = rmg_probe_graph_of(probe, want->owner);
    const enum rmg_plane plane =
        probe->rule->elements[want->owner].is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    struct rmg_value value;
    enum rmg_result result = RMG_APPLIED;
    for (uint32_t i = 0; i < 2 && result == RMG_APPLIED; i++) {
        result = rmg_probe_look(probe);
    }
    if (result == RMG_APPLIED) {
        result = rmg_probe_found(probe, rmg_attachment_get(outer, plane, &probe->ids[want->owner],
                                                           want->name, want->name_size, &value));
    }
    if (result != RMG_APPLIED) {
        return result;
    }
    if (value.kind != RMG_VALUE_PORTAL || outer->nest == NULL) {
        return RMG_NO_MATCH;
    }
    *instance = value.type;
    struct rmg_graph *graph = &probe->inside[portal].graph;
    result = rmg_probe_found(probe, outer->nest->enter(outer->nest->user, instance, graph,
                                                       &probe->inside[portal].root_node));
    graph->nest = outer->nest;
    return result;
}

enum rmg_result rmg_probe_condition(struct rmg_probe *probe, struct rmg_expr expr)
{
    struct rmg_datum datum;
    if (expr.size == 0) {
        return RMG_APPLIED;
    }
    enum rmg_result result = rmg_expr_eval(&probe->env, expr, &datum);
    if (result != RMG_APPLIED) {
        return result;
    }
    return datum.as.boolean ? RMG_APPLIED : RMG_GUARD_FALSE;
}

bool rmg_probe_matched(const struct rmg_probe *probe, uint8_t place, const struct jit_id *id,
                       bool is_edge)
{
    for (uint32_t i = 0; i < probe->rule->element_count; i++) {
        const struct rmg_rule_element *element = &probe->rule->elements[i];
        if (element->is_edge == is_edge && element->place == place &&
            jit_id_equal(&probe->ids[i], id)) {
            return true;
        }
    }
    return false;
}

enum rmg_result rmg_probe_dangling(struct rmg_probe *probe)
{
    const struct rmg_rule *rule = probe->rule;
    for (uint32_t i = 0; i < rule->element_count; i++) {
        if (rule->elements[i].is_edge || !rule->elements[i].deleted || rule->elements[i].detached) {
            continue;
        }
        /* Matching is injective, so an element edge is one edge and a count is enough. */
        uint64_t left[2] = {0, 0};
        for (uint32_t k = 0; k < 2; k++) {
            enum rmg_result result = rmg_probe_look(probe);
            if (result != RMG_APPLIED) {
                return result;
            }
            probe->err = rmg_degree(rmg_probe_graph_of(probe, i), &probe->ids[i],
                                    k == 0 ? RMG_DIR_OUT : RMG_DIR_IN, NULL, &left[k]);
            if (probe->err != JIT_OK) {
                return RMG_INVALID;
            }
        }
        for (uint32_t k = 0; k < rule->element_count; k++) {
            if (rule->elements[k].is_edge) {
                left[0] -= rule->elements[k].from == i;
                left[1] -= rule->elements[k].to == i;
            }
        }
        if (left[0] != 0 || left[1] != 0) {
            return RMG_DANGLING;
        }
    }
    return RMG_APPLIED;
}

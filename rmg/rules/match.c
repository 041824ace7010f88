#include "rmg/rules/match.h"

#include "base/check.h"
#include "rmg/rules/match_priv.h"
#include "rmg/rules/number_priv.h"
#include "rmg/rules/probe.h"

/* From here on a rewrite that gives an owner one more attachment has the owner to itself, so that
 * many in one tick cannot pass JIT_ATTACHMENTS_MAX together (docs/spec/footprint.md). */
#define CROWDED (JIT_ATTACHMENTS_MAX / 2u)

struct verify {
    struct rmg_probe probe;
    const struct rmg_match *match;
    const struct rmg_draw *draw;
    struct rmg_effect *effect;
    uint16_t gained[JIT_PATTERN_ELEMENTS_MAX]; /* attachments that an element gets for the first
                                                  time */
};

static enum rmg_result verify_injective(const struct rmg_match *match)
{
    const struct rmg_rule_element *elements = match->rule->elements;
    for (uint32_t i = 1; i < match->rule->element_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (elements[i].is_edge == elements[k].is_edge &&
                elements[i].place == elements[k].place &&
                jit_id_equal(&match->ids[i], &match->ids[k]) &&
                !rmg_rule_may_equal(match->rule, i, k)) {
                return RMG_NO_MATCH;
            }
        }
    }
    return RMG_APPLIED;
}

static enum rmg_result verify_element(struct verify *v, uint32_t index)
{
    const struct rmg_rule_element *element = &v->match->rule->elements[index];
    const struct rmg_graph *graph = rmg_probe_graph(&v->probe, element->place);
    const struct jit_id *ids = v->match->ids;
    struct jit_id *type = &v->effect->types[index];
    enum rmg_result result = rmg_probe_look(&v->probe);
    if (result != RMG_APPLIED) {
        return result;
    }
    if (element->is_edge) {
        struct rmg_edge *edge = &v->effect->edges[index];
        result = rmg_probe_found(&v->probe, rmg_edge_get(graph, &ids[index], edge));
        if (result != RMG_APPLIED) {
            return result;
        }
        if (!jit_id_equal(&edge->from, &ids[element->from]) ||
            !jit_id_equal(&edge->to, &ids[element->to])) {
            return RMG_NO_MATCH;
        }
        *type = edge->type;
    } else {
        result = rmg_probe_found(&v->probe, rmg_node_type(graph, &ids[index], type));
        if (result != RMG_APPLIED) {
            return result;
        }
    }
    return !element->typed || jit_id_equal(type, &element->type) ? RMG_APPLIED : RMG_NO_MATCH;
}

/* Each portal leads to the instance that the match names for it, each to another one. */
static enum rmg_result verify_portal(struct verify *v, uint32_t portal)
{
    const struct jit_id *ids = &v->match->ids[v->match->rule->element_count];
    struct jit_id instance;
    enum rmg_result result = rmg_probe_enter(&v->probe, portal, &instance);
    if (result != RMG_APPLIED) {
        return result;
    }
    for (uint32_t i = 0; i < portal; i++) {
        if (jit_id_equal(&ids[i], &instance)) {
            return RMG_NO_MATCH;
        }
    }
    return jit_id_equal(&ids[portal], &instance) ? RMG_APPLIED : RMG_NO_MATCH;
}

/* Place by place: a portal is entered when what it hangs on is known. */
static enum rmg_result verify_elements(struct verify *v)
{
    const struct rmg_rule *rule = v->match->rule;
    enum rmg_result result = verify_injective(v->match);
    for (uint32_t place = 0; place <= rule->portal_count && result == RMG_APPLIED; place++) {
        result = place == 0 ? RMG_APPLIED : verify_portal(v, place - 1);
        for (uint32_t i = 0; i < rule->element_count && result == RMG_APPLIED; i++) {
            if (rule->elements[i].place == place) {
                result = verify_element(v, i);
            }
        }
    }
    return result;
}

/* All of them, before any is asked for: what they saw lies with what conditions saw. */
static enum rmg_result verify_aggregates(struct verify *v)
{
    struct rmg_datum datum;
    enum rmg_result result = RMG_APPLIED;
    v->effect->seen_at = (uint32_t)v->effect->values->size;
    v->effect->seen_count = 0;
    for (uint32_t i = 0; i < v->match->rule->aggregate_count && result == RMG_APPLIED; i++) {
        result = rmg_probe_aggregate(&v->probe, i, v->effect->values, &datum);
    }
    return result;
}

static enum rmg_result verify_conditions(struct verify *v)
{
    struct jit_buf *values = v->effect->values;
    for (uint32_t i = 0; i < v->match->rule->negative_count; i++) {
        enum rmg_result result = rmg_probe_near(&v->probe, &v->match->rule->negatives[i], values);
        if (result != RMG_APPLIED) {
            return result;
        }
    }
    if (values->err == JIT_OK) {
        v->effect->seen_count =
            rmg_records_sort(values, v->effect->seen_at, sizeof(struct rmg_seen));
    }
    return RMG_APPLIED;
}

/* The attachments of what is deleted go with it, one operation each; a portal may not go. */
static enum rmg_result verify_clears(struct verify *v, enum rmg_plane plane, struct jit_id owner,
                                     uint32_t element)
{
    const struct rmg_rule *rule = v->match->rule;
    const struct rmg_graph *graph = rmg_probe_graph(
        &v->probe, element < rule->element_count ? rule->elements[element].place : 0);
    for (uint32_t i = 0; i <= JIT_ATTACHMENTS_MAX; i++) {
        struct rmg_attachment attachment;
        enum rmg_result result = rmg_probe_look(&v->probe);
        if (result != RMG_APPLIED) {
            return result;
        }
        enum jit_err err = rmg_attachment_at(graph, plane, &owner, i, &attachment);
        if (err == JIT_ENOENT) {
            return RMG_APPLIED;
        }
        if (err != JIT_OK) {
            v->probe.err = err;
            return RMG_INVALID;
        }
        if (attachment.value.kind == RMG_VALUE_PORTAL) {
            return RMG_DANGLING;
        }
        struct rmg_clear clear = {
            .name = attachment.name, .name_size = attachment.name_size, .element = element};
        jit_buf_put(v->effect->values, &clear, sizeof clear);
        v->effect->clear_count++;
    }
    v->probe.err = JIT_ECORRUPT; /* more attachments than an owner may have */
    return RMG_INVALID;
}

/* Of the instance that a place lies in; NULL: it is not known. */
static const struct jit_id *root_node_of(const struct verify *v, uint8_t place)
{
    const struct jit_id *root =
        place == 0 ? v->match->root_node : &v->probe.inside[place - 1].root_node;
    return root == NULL || jit_id_is_zero(root) ? NULL : root;
}

static enum rmg_result verify_deletions(struct verify *v)
{
    const struct rmg_match *match = v->match;
    const struct rmg_rule_element *elements = match->rule->elements;
    enum rmg_result result = rmg_probe_dangling(&v->probe);
    for (uint32_t i = 0; i < match->rule->element_count && result == RMG_APPLIED; i++) {
        const struct jit_id *root = root_node_of(v, elements[i].place);
        if (elements[i].deleted && !elements[i].is_edge && root != NULL &&
            jit_id_equal(root, &match->ids[i])) {
            result = RMG_DANGLING;
        }
    }
    if (result == RMG_APPLIED) {
        result = rmg_verify_detached(&v->probe, v->effect);
    }
    v->effect->clear_at = (uint32_t)v->effect->values->size;
    v->effect->clear_count = 0;
    for (uint32_t i = 0; i < match->rule->element_count && result == RMG_APPLIED; i++) {
        if (elements[i].deleted) {
            result = verify_clears(v, elements[i].is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                                   match->ids[i], i);
        }
    }
    for (uint32_t i = 0;
         result == RMG_APPLIED && v->effect->values->err == JIT_OK && i < v->effect->detached_count;
         i++) {
        result = verify_clears(v, RMG_PLANE_BETA, rmg_effect_detached(v->effect, i)->id,
                               match->rule->element_count + i);
    }
    return result;
}

/* What lies in the slot of an update that no expression reads. now: NONE when it is no value of the
 * codec. */
static enum rmg_result look_at_target(struct verify *v, const struct rmg_rule_update *update,
                                      enum rmg_codec codec, bool *exists, struct rmg_datum *now)
{
    struct rmg_value value;
    now->codec = RMG_CODEC_NONE;
    enum rmg_plane plane =
        v->match->rule->elements[update->target].is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    enum rmg_result result = rmg_probe_look(&v->probe);
    if (result != RMG_APPLIED) {
        return result;
    }
    result =
        rmg_probe_found(&v->probe, rmg_attachment_get(rmg_probe_graph_of(&v->probe, update->target),
                                                      plane, &v->match->ids[update->target],
                                                      update->name, update->name_size, &value));
    *exists = result == RMG_APPLIED;
    if (v->probe.err != JIT_OK) {
        return RMG_INVALID;
    }
    if (!*exists) {
        return RMG_APPLIED;
    }
    if (value.kind != RMG_VALUE_ATOM) {
        return RMG_GUARD_FALSE;
    }
    if (!jit_id_equal(&value.type, rmg_codec_type(codec)) ||
        rmg_codec_decode(codec, value.bytes, value.size, now) != JIT_OK) {
        now->codec = RMG_CODEC_NONE;
    }
    return RMG_APPLIED;
}

/* A join: the value stays what is joined, unless the rule reads the slot; then it is a set of the
 * outcome. */
static enum rmg_result verify_join(struct verify *v, const struct rmg_rule_update *update,
                                   struct rmg_datum *datum)
{
    enum rmg_codec codec = update->kind == RMG_UPDATE_PUT ? RMG_CODEC_LIST : update->codec;
    bool exists = false;
    struct rmg_datum now;
    uint16_t field = rmg_match_field(v->match, update);
    enum rmg_result result = field == RMG_NO_FIELD ? look_at_target(v, update, codec, &exists, &now)
                                                   : rmg_probe_field(&v->probe, field, &now);
    if (result != RMG_APPLIED) {
        return result;
    }
    if (now.codec != codec || rmg_number_is_nan(&now)) {
        return RMG_GUARD_FALSE;
    }
    if (update->kind != RMG_UPDATE_ADD && update->kind != RMG_UPDATE_PUT &&
        rmg_number_is_nan(datum)) {
        return RMG_OVERFLOW;
    }
    return field == RMG_NO_FIELD || rmg_number_join(update->kind, &now, datum) ? RMG_APPLIED
                                                                               : RMG_OVERFLOW;
}

/* The bytes of update `index`: a value; of a put the list of what is put. */
static void keep_value(struct verify *v, uint32_t index, const struct rmg_datum *datum)
{
    const struct rmg_rule_update *update = &v->match->rule->updates[index];
    struct jit_buf *values = v->effect->values;
    size_t at = values->size;
    v->effect->value_at[index] = (uint32_t)at;
    if (update->kind == RMG_UPDATE_PUT && update->codec != RMG_CODEC_LIST) {
        jit_buf_put_u64(values, 1);
        jit_buf_put_u64(values, 0);
        rmg_codec_encode(datum, values);
        jit_buf_patch_u64(values, at + 8, values->size - at - 16);
    } else {
        rmg_codec_encode(datum, values);
    }
    v->effect->value_size[index] = (uint32_t)(values->size - at);
}

static enum rmg_result verify_update(struct verify *v, uint32_t index)
{
    const struct rmg_rule_update *update = &v->match->rule->updates[index];
    struct rmg_datum datum;
    uint16_t field = rmg_match_field(v->match, update);
    enum rmg_result result = rmg_expr_eval(&v->probe.env, update->expr, &datum);
    if (result != RMG_APPLIED) {
        return result;
    }
    if (update->kind != RMG_UPDATE_SET) {
        result = verify_join(v, update, &datum);
    } else if ((update->target & RMG_RULE_CREATED) == 0 && field == RMG_NO_FIELD) {
        bool exists = false;
        struct rmg_datum now;
        result = look_at_target(v, update, update->codec, &exists, &now);
        uint8_t target = rmg_match_first(v->match, update->target);
        v->gained[target] = (uint16_t)(v->gained[target] + !exists);
    }
    if (result != RMG_APPLIED) {
        return result;
    }
    keep_value(v, index, &datum);
    uint64_t bytes = v->effect->value_size[index]; /* of one element: 16 more than its own */
    if (update->kind == RMG_UPDATE_PUT && field != RMG_NO_FIELD) {
        bytes += v->probe.fields[field].size - 8; /* loaded just now */
    }
    return bytes > JIT_ATOM_BYTES_MAX ? RMG_OVERFLOW : RMG_APPLIED;
}

/* Has the element more than count attachments? */
static enum rmg_result has_more(struct verify *v, uint32_t element, uint32_t count, bool *more)
{
    struct rmg_attachment attachment;
    enum rmg_plane plane =
        v->match->rule->elements[element].is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    enum rmg_result result = rmg_probe_look(&v->probe);
    if (result != RMG_APPLIED) {
        return result;
    }
    result =
        rmg_probe_found(&v->probe, rmg_attachment_at(rmg_probe_graph_of(&v->probe, element), plane,
                                                     &v->match->ids[element], count, &attachment));
    *more = result == RMG_APPLIED;
    return v->probe.err == JIT_OK ? RMG_APPLIED : RMG_INVALID;
}

static enum rmg_result verify_gains(struct verify *v)
{
    v->effect->crowded = 0;
    for (uint32_t i = 0; i < v->match->rule->element_count; i++) {
        bool more = false;
        if (v->gained[i] == 0) {
            continue;
        }
        enum rmg_result result = has_more(v, i, CROWDED - 1, &more);
        if (result == RMG_APPLIED && more) {
            v->effect->crowded |= 1u << i;
        }
        if (result == RMG_APPLIED && (more || v->gained[i] > CROWDED)) {
            result = has_more(v, i, JIT_ATTACHMENTS_MAX - v->gained[i], &more);
            if (result == RMG_APPLIED && more) {
                return RMG_INVALID;
            }
        }
        if (result != RMG_APPLIED) {
            return result;
        }
    }
    return RMG_APPLIED;
}

static enum rmg_result verify_creates(struct verify *v)
{
    for (uint32_t i = 0; i < v->match->rule->create_count; i++) {
        struct jit_id *id = &v->effect->created[i];
        const struct rmg_graph *graph =
            rmg_probe_graph(&v->probe, v->match->rule->creates[i].place);
        struct rmg_edge edge;
        struct jit_id type;
        rmg_created_id(v->draw, &v->match->request_key, i, id);
        enum rmg_result result = rmg_probe_look(&v->probe);
        if (result != RMG_APPLIED) {
            return result;
        }
        result = rmg_probe_found(&v->probe, v->match->rule->creates[i].is_edge
                                                ? rmg_edge_get(graph, id, &edge)
                                                : rmg_node_type(graph, id, &type));
        if (result == RMG_APPLIED) {
            return RMG_EXISTS;
        }
        if (v->probe.err != JIT_OK) {
            return RMG_INVALID;
        }
    }
    return RMG_APPLIED;
}

static enum rmg_result verify_all(struct verify *v)
{
    const struct rmg_rule *rule = v->match->rule;
    enum rmg_result result = verify_elements(v);
    if (result == RMG_APPLIED) {
        result = verify_aggregates(v);
    }
    if (result == RMG_APPLIED) {
        result = rmg_probe_condition(&v->probe, rule->guard);
    }
    if (result == RMG_APPLIED) {
        result = verify_conditions(v);
    }
    if (result == RMG_APPLIED) {
        result = verify_deletions(v);
    }
    if (result == RMG_APPLIED && !v->match->drawn) {
        result = rmg_probe_condition(&v->probe, rule->draw);
    }
    for (uint32_t i = 0; i < rule->update_count && result == RMG_APPLIED; i++) {
        result = verify_update(v, i);
    }
    if (result == RMG_APPLIED) {
        result = verify_gains(v);
    }
    return result == RMG_APPLIED ? verify_creates(v) : result;
}

enum rmg_result rmg_match_verify(const struct rmg_graph *graph, const struct rmg_match *match,
                                 const struct rmg_draw *draw, uint32_t budget,
                                 struct rmg_effect *effect, uint32_t *slots, enum jit_err *err)
{
    struct verify v;
    struct jit_buf *values = effect->values;
    size_t start = values->size;

    assert(values->err == JIT_OK);
    *slots = 0;
    *err = JIT_OK;
    if (match->id_count != rmg_rule_id_count(match->rule)) {
        return RMG_INVALID;
    }
    v.match = match;
    v.draw = draw;
    v.effect = effect;
    memset(v.gained, 0, match->rule->element_count * sizeof v.gained[0]);
    rmg_probe_init(&v.probe, graph, match->rule, match->ids, budget);
    v.probe.env.draw = draw;
    v.probe.env.key = &match->key;
    if (rmg_params_decode(match->rule, match->params, match->params_size, v.probe.params) !=
        JIT_OK) {
        return RMG_INVALID;
    }
    enum rmg_result result = verify_all(&v);
    *slots = v.probe.slots;
    *err = v.probe.err != JIT_OK ? v.probe.err : values->err;
    if (*err == JIT_OK && values->size > UINT32_MAX) {
        *err = JIT_ELIMIT;
    }
    if (*err != JIT_OK || result != RMG_APPLIED) {
        values->size = start;
    }
    return result;
}

/* What is there beside a match: conditions and aggregates (rmg/rules/rule.h, struct rmg_rule_near).
 * One law for all: what is matched does not count. Verification and search both come here. */
#include <math.h>

#include "base/check.h"
#include "rmg/rules/number_priv.h"
#include "rmg/rules/probe.h"

struct near_look {
    struct rmg_probe *probe;
    const struct rmg_rule_near *near;
    struct jit_buf *seen; /* may be NULL */
    uint64_t found;
    uint8_t place;
    const struct rmg_graph *graph; /* of the place */
    bool stop;                     /* one is enough */
    bool is_nan;
    __int128 sum;        /* i64: at most as many as there are slots in a budget, or edges */
    double total;        /* f64, f32 */
    struct rmg_datum at; /* MIN, MAX: the one so far */
    struct rmg_datum wanted[RMG_RULE_VALUES_MAX];
};

static void note_seen(const struct near_look *look, enum rmg_slot_kind kind,
                      const struct jit_id *id, uint16_t name)
{
    if (look->seen != NULL) {
        struct rmg_seen seen = {
            .id = *id, .kind = (uint8_t)kind, .place = look->place, .name = name};
        jit_buf_put(look->seen, &seen, sizeof seen);
    }
}

void rmg_near_key(const struct rmg_rule *rule, const struct rmg_rule_near *near,
                  struct rmg_index_field fields[RMG_INDEX_FIELDS_MAX], struct rmg_index_key *key)
{
    *key = (struct rmg_index_key){
        .type = near->other_type, .count = near->value_count, .fields = fields};
    for (uint32_t i = 0; i < near->value_count; i++) {
        const struct rmg_rule_value *value = &rule->values[near->value_at + i];
        fields[i] = (struct rmg_index_field){
            .name = value->name, .name_size = value->name_size, .codec = value->codec};
    }
}

/* The values that fields must have; one that does not come out keeps the rule from applying. */
static enum rmg_result wanted_values(struct near_look *look)
{
    enum rmg_result result = RMG_APPLIED;
    for (uint32_t i = 0; i < look->near->value_count && result == RMG_APPLIED; i++) {
        const struct rmg_rule_value *value = &look->probe->rule->values[look->near->value_at + i];
        result = rmg_expr_eval(&look->probe->env, value->expr, &look->wanted[i]);
    }
    return result;
}

/* A field of what was found; codec NONE: there is none of this codec. */
static enum rmg_result field_of(struct near_look *look, bool of_edge, const struct jit_id *owner,
                                const char *name, uint32_t name_size, enum rmg_codec codec,
                                struct rmg_datum *out)
{
    struct rmg_value value;
    out->codec = RMG_CODEC_NONE;
    enum rmg_result result = rmg_probe_look(look->probe);
    if (result != RMG_APPLIED) {
        return result;
    }
    result = rmg_probe_found(
        look->probe, rmg_attachment_get(look->graph, of_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                                        owner, name, name_size, &value));
    if (look->probe->err != JIT_OK) {
        return RMG_INVALID;
    }
    if (result != RMG_APPLIED || value.kind != RMG_VALUE_ATOM ||
        !jit_id_equal(&value.type, rmg_codec_type(codec)) ||
        rmg_codec_decode(codec, value.bytes, value.size, out) != JIT_OK) {
        out->codec = RMG_CODEC_NONE;
    }
    return RMG_APPLIED;
}

/* Have the edge and its other end the values? edge NULL: a node alone. */
static enum rmg_result values_fit(struct near_look *look, const struct jit_id *edge,
                                  const struct jit_id *node, bool *fit)
{
    *fit = true;
    for (uint32_t i = 0; i < look->near->value_count && *fit; i++) {
        const struct rmg_rule_value *value = &look->probe->rule->values[look->near->value_at + i];
        const struct jit_id *owner = value->of_edge ? edge : node;
        struct rmg_datum datum;
        enum rmg_result result = field_of(look, value->of_edge, owner, value->name,
                                          value->name_size, value->codec, &datum);
        if (result != RMG_APPLIED) {
            return result;
        }
        note_seen(look, value->of_edge ? RMG_SLOT_BETA : RMG_SLOT_ALPHA, owner, value->seen_name);
        *fit = datum.codec != RMG_CODEC_NONE && rmg_datum_equal(&datum, &look->wanted[i]);
    }
    return RMG_APPLIED;
}

static enum rmg_result edge_fits(struct near_look *look, const struct rmg_edge *edge,
                                 const struct jit_id *other, bool *fits)
{
    const struct rmg_rule_near *near = look->near;
    struct rmg_probe *probe = look->probe;
    *fits = false;
    if (rmg_probe_matched(probe, look->place, &edge->id, true) ||
        (near->other_matched ? !jit_id_equal(other, &probe->ids[near->other])
                             : rmg_probe_matched(probe, look->place, other, false))) {
        return RMG_APPLIED;
    }
    if (near->other_typed) {
        struct jit_id type;
        enum rmg_result result = rmg_probe_look(probe);
        if (result != RMG_APPLIED) {
            return result;
        }
        enum jit_err err = rmg_node_type(look->graph, other, &type);
        if (err != JIT_OK) {
            /* An edge without its end: the store is damaged. */
            probe->err = err == JIT_ENOENT ? JIT_ECORRUPT : err;
            return RMG_INVALID;
        }
        note_seen(look, RMG_SLOT_NODE, other, 0);
        if (!jit_id_equal(&type, &near->other_type)) {
            return RMG_APPLIED;
        }
    }
    return values_fit(look, &edge->id, other, fits);
}

/* A number more, in the order of the listing. */
static void take_number(struct near_look *look, const struct rmg_datum *datum)
{
    bool smallest = look->near->kind == RMG_NEAR_MIN;
    look->is_nan = look->is_nan || rmg_number_is_nan(datum);
    if (datum->codec == RMG_CODEC_I64) {
        look->sum += datum->as.i64;
    } else if (datum->codec == RMG_CODEC_F64) {
        look->total = rmg_f64_canonical(look->total + datum->as.f64);
    } else {
        look->total = rmg_f64_canonical((double)((float)look->total + (float)datum->as.f64));
    }
    if (look->found == 1 ||
        (smallest ? rmg_number_is_less(datum, &look->at) : rmg_number_is_less(&look->at, datum))) {
        look->at = *datum;
    }
}

static enum rmg_result take_edge(struct near_look *look, const struct rmg_edge *edge,
                                 const struct jit_id *other)
{
    const struct rmg_rule_near *near = look->near;
    const struct jit_id *owner = near->of_edge ? &edge->id : other;
    struct rmg_datum datum;
    look->found++;
    if (near->kind <= RMG_NEAR_COUNT) {
        return RMG_APPLIED;
    }
    enum rmg_result result =
        field_of(look, near->of_edge, owner, near->name, near->name_size, near->codec, &datum);
    if (result != RMG_APPLIED) {
        return result;
    }
    note_seen(look, near->of_edge ? RMG_SLOT_BETA : RMG_SLOT_ALPHA, owner, near->seen_name);
    if (datum.codec == RMG_CODEC_NONE) {
        return RMG_GUARD_FALSE;
    }
    take_number(look, &datum);
    return RMG_APPLIED;
}

static enum rmg_result walk_edges(struct near_look *look)
{
    const struct rmg_rule_near *near = look->near;
    struct rmg_probe *probe = look->probe;
    const struct jit_id *node = &probe->ids[near->element];
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum rmg_result result = rmg_probe_look(probe);
    if (near->other_matched && near->edge_typed) {
        rmg_iter_edges_between(look->graph, node, near->direction, &near->edge_type,
                               &probe->ids[near->other], &iter);
    } else {
        rmg_iter_edges_of(look->graph, node, near->direction,
                          near->edge_typed ? &near->edge_type : NULL, &iter);
    }
    while (result == RMG_APPLIED) {
        bool fits = false;
        enum jit_err err = rmg_iter_edge(&iter, &edge);
        if (err == JIT_ENOENT) {
            break;
        }
        if (err != JIT_OK) {
            probe->err = err;
            return RMG_INVALID;
        }
        const struct jit_id *other = near->direction == RMG_DIR_OUT ? &edge.to : &edge.from;
        result = rmg_probe_look(probe);
        if (result == RMG_APPLIED) {
            result = edge_fits(look, &edge, other, &fits);
        }
        if (result == RMG_APPLIED && fits) {
            result = take_edge(look, &edge, other);
        }
        if (look->stop && look->found > 0) {
            break;
        }
    }
    return result;
}

/* Is this element a node of this place, and the first of those that are the same? */
static bool is_first_node(const struct rmg_probe *probe, uint8_t place, uint32_t index)
{
    const struct rmg_rule_element *elements = probe->rule->elements;
    for (uint32_t i = 0; i < index; i++) {
        if (!elements[i].is_edge && elements[i].place == place &&
            jit_id_equal(&probe->ids[i], &probe->ids[index])) {
            return false;
        }
    }
    return !elements[index].is_edge && elements[index].place == place;
}

/* All edges of one type, whatever is at their end: two numbers of the index are enough, less those
 * that lead to what is matched. */
static enum rmg_result count_edges(struct near_look *look)
{
    const struct rmg_rule_near *near = look->near;
    struct rmg_probe *probe = look->probe;
    const struct jit_id *node = &probe->ids[near->element];
    enum rmg_result result = rmg_probe_look(probe);
    if (result == RMG_APPLIED) {
        probe->err = rmg_degree(look->graph, node, near->direction, &near->edge_type, &look->found);
    }
    for (uint32_t i = 0; i < probe->rule->element_count; i++) {
        uint64_t matched = 0;
        if (result != RMG_APPLIED || probe->err != JIT_OK) {
            break;
        }
        if (!is_first_node(probe, look->place, i)) {
            continue;
        }
        result = rmg_probe_look(probe);
        if (result == RMG_APPLIED) {
            probe->err = rmg_degree_between(look->graph, node, near->direction, &near->edge_type,
                                            &probe->ids[i], &matched);
            look->found -= matched;
        }
    }
    return probe->err == JIT_OK ? result : RMG_INVALID;
}

/* How many nodes of the type there are, matched ones with them: of the index alone, with values as
 * well. */
static void count_all(struct near_look *look)
{
    const struct rmg_rule_near *near = look->near;
    struct rmg_probe *probe = look->probe;
    struct rmg_index_field fields[RMG_INDEX_FIELDS_MAX];
    struct rmg_index_key key;
    if (near->value_count == 0) {
        probe->err = rmg_extent_count(look->graph, false, &near->other_type, &look->found);
        return;
    }
    rmg_near_key(probe->rule, near, fields, &key);
    key.values = look->wanted;
    probe->err = rmg_index_count(look->graph, &key, &look->found);
}

/* Nodes of a type, wherever they are, that are not matched. */
static enum rmg_result count_alone(struct near_look *look)
{
    const struct rmg_rule_near *near = look->near;
    struct rmg_probe *probe = look->probe;
    enum rmg_result result = rmg_probe_look(probe);
    if (result != RMG_APPLIED) {
        return result;
    }
    look->seen = NULL; /* matched nodes are in the footprint, and so are extents */
    count_all(look);
    for (uint32_t i = 0; i < probe->rule->element_count && probe->err == JIT_OK; i++) {
        struct jit_id type = probe->rule->elements[i].type;
        bool fits = false;
        if (!is_first_node(probe, look->place, i)) {
            continue;
        }
        if (!probe->rule->elements[i].typed) {
            result = rmg_probe_look(probe);
            if (result != RMG_APPLIED) {
                return result;
            }
            probe->err = rmg_node_type(look->graph, &probe->ids[i], &type);
            if (probe->err != JIT_OK) {
                break;
            }
        }
        if (jit_id_equal(&type, &near->other_type)) {
            result = values_fit(look, NULL, &probe->ids[i], &fits);
            if (result != RMG_APPLIED) {
                return result;
            }
        }
        look->found -= fits;
    }
    return probe->err == JIT_OK ? RMG_APPLIED : RMG_INVALID;
}

static void look_begin(struct near_look *look, struct rmg_probe *probe,
                       const struct rmg_rule_near *near, struct jit_buf *seen)
{
    look->probe = probe;
    look->near = near;
    look->seen = seen;
    look->place = near->alone ? 0 : probe->rule->elements[near->element].place;
    look->graph = rmg_probe_graph(probe, look->place);
    look->found = 0;
    look->stop = near->kind <= RMG_NEAR_SOME;
    look->is_nan = false;
    look->sum = 0;
    look->total = 0;
}

static enum rmg_result look_around(struct near_look *look)
{
    const struct rmg_rule_near *near = look->near;
    enum rmg_result result = wanted_values(look);
    if (result != RMG_APPLIED) {
        return result;
    }
    if (near->alone) {
        return count_alone(look);
    }
    bool plain = near->kind == RMG_NEAR_COUNT && near->edge_typed && !near->other_typed &&
                 !near->other_matched && near->value_count == 0;
    return plain ? count_edges(look) : walk_edges(look);
}

enum rmg_result rmg_probe_near(struct rmg_probe *probe, const struct rmg_rule_near *near,
                               struct jit_buf *seen)
{
    struct near_look look;
    look_begin(&look, probe, near, seen);
    enum rmg_result result = look_around(&look);
    if (result != RMG_APPLIED) {
        return result;
    }
    if (near->kind == RMG_NEAR_NONE) {
        return look.found > 0 ? RMG_NEGATIVE : RMG_APPLIED;
    }
    return look.found > 0 ? RMG_APPLIED : RMG_GUARD_FALSE;
}

static enum rmg_result outcome(const struct near_look *look, struct rmg_datum *out)
{
    const struct rmg_rule_near *near = look->near;
    *out = (struct rmg_datum){.codec = near->codec};
    switch (near->kind) {
    case RMG_NEAR_COUNT:
        *out = (struct rmg_datum){.codec = RMG_CODEC_I64, .as.i64 = (int64_t)look->found};
        return RMG_APPLIED;
    case RMG_NEAR_SUM:
        if (near->codec != RMG_CODEC_I64) {
            out->as.f64 = look->total;
            return RMG_APPLIED;
        }
        out->as.i64 = (int64_t)look->sum;
        return look->sum < INT64_MIN || look->sum > INT64_MAX ? RMG_OVERFLOW : RMG_APPLIED;
    default:
        if (look->found == 0) {
            return RMG_GUARD_FALSE;
        }
        *out = look->at;
        if (look->is_nan) {
            out->as.f64 = rmg_f64_canonical((double)NAN);
        }
        return RMG_APPLIED;
    }
}

enum rmg_result rmg_probe_aggregate(struct rmg_probe *probe, uint32_t index, struct jit_buf *seen,
                                    struct rmg_datum *out)
{
    if ((probe->aggregated >> index & 1) == 0) {
        struct near_look look;
        look_begin(&look, probe, &probe->rule->aggregates[index], seen);
        enum rmg_result result = look_around(&look);
        if (result == RMG_APPLIED) {
            result = outcome(&look, &probe->aggregates[index]);
        }
        if (result != RMG_APPLIED) {
            return result;
        }
        probe->aggregated |= 1u << index;
    }
    *out = probe->aggregates[index];
    return RMG_APPLIED;
}

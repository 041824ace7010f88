/* Random conditions and aggregates, and what they come to by looking at every node and edge there
 * is. */
#include "base/check.h"
#include "tests/lib/rule_model.h"

static const char *const names[RM_NAMES] = {"f", "g"};
static const enum rmg_expr_op ops[] = {RMG_EXPR_EQ, RMG_EXPR_NE, RMG_EXPR_LT, RMG_EXPR_GE};

static uint8_t random_node(struct rule_model *m)
{
    uint8_t element = 0;
    do {
        element = (uint8_t)rm_roll(m, m->kit.rule.element_count);
    } while (m->kit.elements[element].is_edge);
    return element;
}

static void random_value(struct rule_model *m, bool of_edge, bool may_fail)
{
    struct rm_value *value = &m->values[m->kit.rule.value_count];
    *value = (struct rm_value){.of_edge = of_edge,
                               .is_field = may_fail && rm_roll(m, 3) == 0,
                               .name = (unsigned)rm_roll(m, RM_NAMES),
                               .element = (unsigned)rm_roll(m, m->kit.rule.element_count),
                               .other_name = (unsigned)rm_roll(m, RM_NAMES),
                               .value = (int64_t)rm_roll(m, 3)};
    if (value->is_field) {
        kit_push_field(&m->kit, kit_field(&m->kit, (uint8_t)value->element,
                                          names[value->other_name], RMG_CODEC_I64));
    } else {
        kit_push_i64(&m->kit, value->value);
    }
    kit_value(&m->kit, of_edge, names[value->name], RMG_CODEC_I64);
}

/* may_fail: it may have no value, which is not said of what the draw asks for. */
static void random_near(struct rule_model *m, enum rmg_near_kind kind, bool may_fail)
{
    struct rmg_rule_near near = {.kind = kind, .codec = RMG_CODEC_I64};
    near.alone = kind <= RMG_NEAR_COUNT && rm_roll(m, 5) == 0;
    if (!near.alone) {
        near.element = random_node(m);
        near.direction = rm_roll(m, 2) == 0 ? RMG_DIR_OUT : RMG_DIR_IN;
        near.edge_typed = rm_roll(m, 3) > 0;
        near.edge_type = kit_type(11 + (unsigned)rm_roll(m, RM_EDGE_TYPES));
        near.other_matched = rm_roll(m, 4) == 0;
        near.other = near.other_matched ? random_node(m) : 0;
    }
    near.other_typed = near.alone || (!near.other_matched && rm_roll(m, 2) == 0);
    near.other_type = kit_type(1 + (unsigned)rm_roll(m, RM_NODE_TYPES));
    if (kind > RMG_NEAR_COUNT) {
        near.of_edge = near.other_matched || rm_roll(m, 2) == 0;
        near.name_size = 1;
        near.name[0] = names[rm_roll(m, RM_NAMES)][0];
    } else {
        near.codec = RMG_CODEC_NONE;
    }
    (void)kit_near(&m->kit, &near);
    uint64_t values = rm_roll(m, 3);
    for (uint64_t i = near.alone && rm_roll(m, 2) == 0 ? 0 : values; i > 0; i--) {
        random_value(m, near.other_matched || (!near.alone && rm_roll(m, 2) == 0), may_fail);
    }
}

void rm_random_nears(struct rule_model *m, bool aggregates)
{
    static const enum rmg_near_kind kinds[] = {RMG_NEAR_COUNT, RMG_NEAR_SUM, RMG_NEAR_MIN,
                                               RMG_NEAR_MAX};
    if (!aggregates) {
        for (uint64_t i = rm_roll(m, 4) == 0 ? 1 + rm_roll(m, 2) : 0; i > 0; i--) {
            random_near(m, rm_roll(m, 2) == 0 ? RMG_NEAR_NONE : RMG_NEAR_SOME, true);
        }
        return;
    }
    m->guard_aggregates = rm_roll(m, 4) == 0 ? 1 + (unsigned)rm_roll(m, 2) : 0;
    for (unsigned i = 0; i < m->guard_aggregates; i++) {
        random_near(m, kinds[rm_roll(m, 4)], true);
        m->aggregates[i] =
            (struct rm_aggregate){.op = (unsigned)rm_roll(m, 4), .value = (int64_t)rm_roll(m, 3)};
    }
    if (rm_roll(m, 6) == 0) {
        random_near(m, RMG_NEAR_COUNT, false); /* of the draw */
    }
}

bool rm_push_aggregates(struct rule_model *m, bool joined)
{
    for (unsigned i = 0; i < m->guard_aggregates; i++) {
        kit_push_aggregate(&m->kit, (uint8_t)i);
        kit_push_i64(&m->kit, m->aggregates[i].value);
        kit_op(&m->kit, ops[m->aggregates[i].op]);
        if (joined) {
            kit_op(&m->kit, RMG_EXPR_AND);
        }
        joined = true;
    }
    return joined;
}

/* --- the oracle --- */

static const struct rm_attrs *attrs_of(const struct rule_model *m, bool is_edge, unsigned number)
{
    return is_edge ? &m->edges[number].attrs : &m->nodes[number].attrs;
}

/* The number that a value must be. */
static bool wanted(const struct rule_model *m, const struct rm_value *value, const unsigned *tuple,
                   int64_t *out)
{
    *out = value->value;
    if (!value->is_field) {
        return true;
    }
    const struct rm_attrs *attrs =
        attrs_of(m, m->kit.elements[value->element].is_edge, tuple[value->element]);
    *out = attrs->value[value->other_name];
    return attrs->has[value->other_name];
}

static bool has_values(const struct rule_model *m, const struct rmg_rule_near *near,
                       const unsigned *tuple, unsigned edge, unsigned node)
{
    for (unsigned i = 0; i < near->value_count; i++) {
        const struct rm_value *value = &m->values[near->value_at + i];
        const struct rm_attrs *attrs = attrs_of(m, value->of_edge, value->of_edge ? edge : node);
        int64_t number = 0;
        (void)wanted(m, value, tuple, &number);
        if (!attrs->has[value->name] || attrs->value[value->name] != number) {
            return false;
        }
    }
    return true;
}

static bool is_type(unsigned type, const struct jit_id *want)
{
    struct jit_id id = kit_type(type);
    return jit_id_equal(&id, want);
}

static bool edge_counts(const struct rule_model *m, const struct rmg_rule_near *near,
                        const unsigned *tuple, unsigned number)
{
    const struct rm_edge *edge = &m->edges[number];
    unsigned here = near->direction == RMG_DIR_OUT ? edge->from : edge->to;
    unsigned there = near->direction == RMG_DIR_OUT ? edge->to : edge->from;
    return edge->alive && here == tuple[near->element] && !rm_in_tuple(m, tuple, true, number) &&
           (near->other_matched ? there == tuple[near->other]
                                : !rm_in_tuple(m, tuple, false, there)) &&
           (!near->edge_typed || is_type(edge->type, &near->edge_type)) &&
           (!near->other_typed || is_type(m->nodes[there].type, &near->other_type)) &&
           has_values(m, near, tuple, number, there);
}

struct tally {
    int64_t count, sum, min, max;
    bool missing;
};

static void take_edge(const struct rule_model *m, const struct rmg_rule_near *near, unsigned number,
                      struct tally *tally)
{
    const struct rm_edge *edge = &m->edges[number];
    unsigned there = near->direction == RMG_DIR_OUT ? edge->to : edge->from;
    tally->count++;
    if (near->kind <= RMG_NEAR_COUNT) {
        return;
    }
    const struct rm_attrs *attrs = attrs_of(m, near->of_edge, near->of_edge ? number : there);
    unsigned name = near->name[0] == 'g';
    int64_t value = attrs->value[name];
    tally->missing = tally->missing || !attrs->has[name];
    tally->sum += value;
    tally->min = tally->count == 1 || value < tally->min ? value : tally->min;
    tally->max = tally->count == 1 || value > tally->max ? value : tally->max;
}

enum rmg_result rm_judge_near(const struct rule_model *m, const struct rmg_rule_near *near,
                              const unsigned *tuple, int64_t *out)
{
    struct tally tally = {0, 0, 0, 0, false};
    for (unsigned i = 0; i < near->value_count; i++) {
        int64_t number = 0;
        if (!wanted(m, &m->values[near->value_at + i], tuple, &number)) {
            return RMG_GUARD_FALSE;
        }
    }
    for (unsigned i = 0; i < RM_NODES && near->alone; i++) {
        tally.count += m->nodes[i].alive && !rm_in_tuple(m, tuple, false, i) &&
                       is_type(m->nodes[i].type, &near->other_type) &&
                       has_values(m, near, tuple, 0, i);
    }
    for (unsigned i = 0; i < RM_EDGES && !near->alone; i++) {
        if (edge_counts(m, near, tuple, i)) {
            take_edge(m, near, i, &tally);
        }
    }
    switch (near->kind) {
    case RMG_NEAR_NONE:
        return tally.count > 0 ? RMG_NEGATIVE : RMG_APPLIED;
    case RMG_NEAR_SOME:
        return tally.count > 0 ? RMG_APPLIED : RMG_GUARD_FALSE;
    case RMG_NEAR_COUNT:
        *out = tally.count;
        return RMG_APPLIED;
    case RMG_NEAR_SUM:
        *out = tally.sum;
        return tally.missing ? RMG_GUARD_FALSE : RMG_APPLIED;
    case RMG_NEAR_MIN:
    case RMG_NEAR_MAX:
        *out = near->kind == RMG_NEAR_MIN ? tally.min : tally.max;
        return tally.missing || tally.count == 0 ? RMG_GUARD_FALSE : RMG_APPLIED;
    }
    assert(false);
    return RMG_INVALID;
}

enum rmg_result rm_judge_aggregates(const struct rule_model *m, const unsigned *tuple, bool *hold)
{
    *hold = true;
    for (unsigned i = 0; i < m->kit.rule.aggregate_count; i++) {
        int64_t value = 0;
        enum rmg_result result = rm_judge_near(m, &m->kit.aggregates[i], tuple, &value);
        if (result != RMG_APPLIED) {
            return result;
        }
        if (i >= m->guard_aggregates) {
            continue;
        }
        int64_t other = m->aggregates[i].value;
        bool holds[] = {value == other, value != other, value < other, value >= other};
        *hold = *hold && holds[m->aggregates[i].op];
    }
    return RMG_APPLIED;
}

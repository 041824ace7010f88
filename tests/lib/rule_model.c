#include "tests/lib/rule_model.h"

#include "base/check.h"

static const char *const names[RM_NAMES] = {"f", "g"};

uint64_t rm_roll(struct rule_model *m, uint64_t bound)
{
    return jit_random_below(&m->dice, bound);
}

struct jit_id rm_id(const struct rule_model *m, bool is_edge, unsigned number)
{
    return !is_edge && number == RM_ROOT ? m->g.root : kit_id(is_edge ? 'e' : 'n', number);
}

/* --- random changes, to both --- */

static void change_attr(struct rule_model *m, bool is_edge, unsigned number, struct rm_attrs *attrs)
{
    unsigned name = (unsigned)rm_roll(m, RM_NAMES);
    enum rmg_plane plane = is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
    if (attrs->has[name] && rm_roll(m, 6) == 0) {
        kit_clear(&m->g, plane, rm_id(m, is_edge, number), names[name]);
        attrs->has[name] = false;
    } else {
        attrs->has[name] = true;
        attrs->value[name] = (int64_t)rm_roll(m, 3);
        kit_put_i64(&m->g, plane, rm_id(m, is_edge, number), names[name], attrs->value[name]);
    }
}

static void clear_attrs(struct rule_model *m, bool is_edge, unsigned number, struct rm_attrs *attrs)
{
    for (unsigned i = 0; i < RM_NAMES; i++) {
        if (attrs->has[i]) {
            kit_clear(&m->g, is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA, rm_id(m, is_edge, number),
                      names[i]);
            attrs->has[i] = false;
        }
    }
}

static void drop_edge(struct rule_model *m, unsigned number)
{
    clear_attrs(m, true, number, &m->edges[number].attrs);
    kit_drop_edge(&m->g, rm_id(m, true, number));
    m->edges[number].alive = false;
}

static void change_node(struct rule_model *m, unsigned number)
{
    struct rm_node *node = &m->nodes[number];
    bool comes = !node->alive;
    if (comes || rm_roll(m, 4) == 0) { /* comes, or changes its type */
        node->alive = true;
        node->type = 1 + (unsigned)rm_roll(m, RM_NODE_TYPES);
        kit_put_node(&m->g, rm_id(m, false, number), node->type);
        if (comes) {
            change_attr(m, false, number, &node->attrs);
            change_attr(m, false, number, &node->attrs);
        }
        return;
    }
    if (rm_roll(m, 8) == 0) { /* goes, with its edges */
        for (unsigned i = 0; i < RM_EDGES; i++) {
            if (m->edges[i].alive && (m->edges[i].from == number || m->edges[i].to == number)) {
                drop_edge(m, i);
            }
        }
        clear_attrs(m, false, number, &node->attrs);
        kit_drop_node(&m->g, rm_id(m, false, number));
        node->alive = false;
        return;
    }
    change_attr(m, false, number, &node->attrs);
}

static void change_edge(struct rule_model *m, unsigned number)
{
    struct rm_edge *edge = &m->edges[number];
    if (edge->alive && rm_roll(m, 5) == 0) {
        drop_edge(m, number);
        return;
    }
    if (edge->alive && rm_roll(m, 2) == 0) {
        change_attr(m, true, number, &edge->attrs);
        return;
    }
    bool comes = !edge->alive;
    unsigned from = (unsigned)rm_roll(m, RM_NODES);
    unsigned to = (unsigned)rm_roll(m, RM_NODES);
    if (!m->nodes[from].alive || !m->nodes[to].alive) {
        return;
    }
    edge->alive = true; /* comes, or leads elsewhere */
    edge->from = from;
    edge->to = to;
    edge->type = 11 + (unsigned)rm_roll(m, RM_EDGE_TYPES);
    kit_put_edge(&m->g, rm_id(m, true, number), rm_id(m, false, from), edge->type,
                 rm_id(m, false, to));
    if (comes) {
        change_attr(m, true, number, &edge->attrs);
    }
}

void rm_change(struct rule_model *m, unsigned steps)
{
    kit_open(&m->g);
    for (unsigned i = 0; i < steps; i++) {
        if (rm_roll(m, 2) == 0) {
            change_node(m, (unsigned)rm_roll(m, RM_ROOT));
        } else {
            change_edge(m, (unsigned)rm_roll(m, RM_EDGES));
        }
    }
    kit_seal(&m->g);
}

/* --- random rules --- */

/* Any type, as often as not. */
static unsigned random_type(struct rule_model *m, unsigned count, unsigned base)
{
    return rm_roll(m, 2) == 0 ? 0 : base + 1 + (unsigned)rm_roll(m, count);
}

static void random_pattern(struct rule_model *m)
{
    unsigned nodes = 1 + (unsigned)rm_roll(m, 3);
    (void)kit_node(&m->kit, random_type(m, RM_NODE_TYPES, 0));
    for (unsigned i = 1; i < nodes; i++) {
        if (rm_roll(m, 8) == 0) { /* a part of its own */
            (void)kit_node(&m->kit, random_type(m, RM_NODE_TYPES, 0));
            continue;
        }
        unsigned type = random_type(m, RM_EDGE_TYPES, 10);
        uint8_t other = 0;
        do {
            other = (uint8_t)rm_roll(m, m->kit.rule.element_count);
        } while (m->kit.elements[other].is_edge);
        uint8_t next = (uint8_t)(m->kit.rule.element_count + 1);
        if (rm_roll(m, 2) == 0) {
            (void)kit_edge(&m->kit, other, type, next);
        } else {
            (void)kit_edge(&m->kit, next, type, other);
        }
        (void)kit_node(&m->kit, random_type(m, RM_NODE_TYPES, 0));
    }
    if (rm_roll(m, 6) == 0) { /* close a circle, or a loop */
        uint8_t last = (uint8_t)(m->kit.rule.element_count - 1);
        (void)kit_edge(&m->kit, last, random_type(m, RM_EDGE_TYPES, 10),
                       rm_roll(m, 3) == 0 ? last : 0);
    }
}

static void push_term(struct rule_model *m, const struct rm_term *term)
{
    static const enum rmg_expr_op ops[] = {RMG_EXPR_EQ, RMG_EXPR_NE, RMG_EXPR_LT, RMG_EXPR_GE};
    kit_push_field(&m->kit,
                   kit_field(&m->kit, (uint8_t)term->element, names[term->name], RMG_CODEC_I64));
    if (term->is_field) {
        kit_push_field(&m->kit, kit_field(&m->kit, (uint8_t)term->other, names[term->other_name],
                                          RMG_CODEC_I64));
    } else {
        kit_push_i64(&m->kit, term->value);
    }
    kit_op(&m->kit, ops[term->op]);
}

static void random_guard(struct rule_model *m)
{
    bool joined = false; /* something is on the stack already */
    rm_random_nears(m, true);
    m->term_count = rm_roll(m, 3) == 0 ? (unsigned)rm_roll(m, 4) : (unsigned)rm_roll(m, 2);
    m->ids_differ = m->kit.rule.element_count > 2 && rm_roll(m, 4) == 0;
    for (unsigned i = 0; i < m->term_count; i++) {
        m->terms[i] = (struct rm_term){.element = (unsigned)rm_roll(m, m->kit.rule.element_count),
                                       .name = (unsigned)rm_roll(m, RM_NAMES),
                                       .op = (unsigned)rm_roll(m, 4),
                                       .other = (unsigned)rm_roll(m, m->kit.rule.element_count),
                                       .other_name = (unsigned)rm_roll(m, RM_NAMES),
                                       .is_field = rm_roll(m, 3) == 0,
                                       .or_next = i + 1 < m->term_count && rm_roll(m, 4) == 0,
                                       .value = (int64_t)rm_roll(m, 3)};
    }
    for (unsigned i = 0; i < m->term_count; i++) {
        unsigned first = i;
        push_term(m, &m->terms[i]);
        while (m->terms[i].or_next) {
            push_term(m, &m->terms[++i]);
            kit_op(&m->kit, RMG_EXPR_OR);
        }
        if (first > 0) {
            kit_op(&m->kit, RMG_EXPR_AND);
        }
        joined = true;
    }
    if (m->ids_differ) {
        kit_push_element(&m->kit, 0);
        kit_push_element(&m->kit, 2);
        kit_op(&m->kit, RMG_EXPR_NE);
        if (joined) {
            kit_op(&m->kit, RMG_EXPR_AND);
        }
        joined = true;
    }
    (void)rm_push_aggregates(m, joined);
    kit_guard(&m->kit);
}

static void random_draw(struct rule_model *m)
{
    if (rm_roll(m, 2) == 0 && m->kit.rule.aggregate_count == m->guard_aggregates) {
        return;
    }
    kit_push_f64(&m->kit, 0.6);
    kit_draw_op(&m->kit, RMG_EXPR_CHANCE, 0);
    if (m->kit.rule.aggregate_count > m->guard_aggregates) { /* a number that only the draw asks */
        kit_push_aggregate(&m->kit, (uint8_t)m->guard_aggregates);
        kit_op(&m->kit, RMG_EXPR_TO_F64);
        kit_push_f64(&m->kit, 0.3);
        kit_op(&m->kit, RMG_EXPR_MUL);
        kit_draw_op(&m->kit, RMG_EXPR_CHANCE, 2);
        kit_op(&m->kit, RMG_EXPR_OR);
    }
    if (rm_roll(m, 2) == 0) { /* a field that only the draw reads */
        uint8_t element = (uint8_t)rm_roll(m, m->kit.rule.element_count);
        kit_push_field(&m->kit, kit_field(&m->kit, element, "g", RMG_CODEC_I64));
        kit_op(&m->kit, RMG_EXPR_TO_F64);
        kit_push_f64(&m->kit, 0.5);
        kit_op(&m->kit, RMG_EXPR_MUL);
        kit_draw_op(&m->kit, RMG_EXPR_CHANCE, 1);
        kit_op(&m->kit, RMG_EXPR_OR);
    }
    kit_draw(&m->kit);
}

/* A matched node that stays, or a created one; RMG_RULE_CREATED - 1: there is none. */
static uint8_t random_end(struct rule_model *m)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        if (m->kit.rule.create_count > 0 && rm_roll(m, 3) == 0) {
            uint8_t create = (uint8_t)rm_roll(m, m->kit.rule.create_count);
            if (!m->kit.creates[create].is_edge) {
                return (uint8_t)(RMG_RULE_CREATED | create);
            }
            continue;
        }
        uint8_t element = (uint8_t)rm_roll(m, m->kit.rule.element_count);
        if (!m->kit.elements[element].is_edge && !m->kit.elements[element].deleted) {
            return element;
        }
    }
    return RMG_RULE_CREATED - 1;
}

static enum rmg_update_kind random_kind(struct rule_model *m)
{
    static const enum rmg_update_kind kinds[] = {RMG_UPDATE_SET,   RMG_UPDATE_SET,
                                                 RMG_UPDATE_ADD,   RMG_UPDATE_ADD,
                                                 RMG_UPDATE_RAISE, RMG_UPDATE_LOWER};
    return kinds[rm_roll(m, sizeof kinds / sizeof kinds[0])];
}

static void random_update(struct rule_model *m, uint8_t target, const char *name)
{
    bool created = (target & RMG_RULE_CREATED) != 0;
    if (m->kit.rule.aggregate_count > 0 && rm_roll(m, 2) == 0) {
        kit_push_aggregate(&m->kit, (uint8_t)rm_roll(m, m->kit.rule.aggregate_count));
        kit_update(&m->kit, RMG_UPDATE_SET, target, name, RMG_CODEC_I64);
        return;
    }
    if (created || rm_roll(m, 2) == 0) {
        kit_push_i64(&m->kit, (int64_t)rm_roll(m, 5));
        kit_update(&m->kit, created ? RMG_UPDATE_SET : random_kind(m), target, name, RMG_CODEC_I64);
        return;
    }
    uint8_t element = (uint8_t)rm_roll(m, m->kit.rule.element_count);
    kit_push_field(&m->kit,
                   kit_field(&m->kit, element, names[rm_roll(m, RM_NAMES)], RMG_CODEC_I64));
    kit_push_i64(&m->kit, 1);
    kit_op(&m->kit, RMG_EXPR_ADD);
    kit_update(&m->kit, random_kind(m), target, name, RMG_CODEC_I64);
}

static void random_effects(struct rule_model *m)
{
    for (uint64_t i = rm_roll(m, 3); i > 0; i--) {
        uint8_t from = random_end(m);
        uint8_t to = random_end(m);
        if (rm_roll(m, 3) == 0 || from == RMG_RULE_CREATED - 1 || to == RMG_RULE_CREATED - 1) {
            (void)kit_create_node(&m->kit, 1 + (unsigned)rm_roll(m, RM_NODE_TYPES));
        } else {
            (void)kit_create_edge(&m->kit, from, 11 + (unsigned)rm_roll(m, RM_EDGE_TYPES), to);
        }
    }
    for (uint8_t i = 0; i < m->kit.rule.element_count; i++) {
        if (!m->kit.elements[i].deleted && rm_roll(m, 4) == 0) {
            random_update(m, i, names[rm_roll(m, RM_NAMES)]);
        }
    }
    if (m->kit.rule.create_count > 0 && rm_roll(m, 2) == 0) {
        random_update(m, RMG_RULE_CREATED, "h");
    }
}

/* Both are written under one name: not even equal elements have one slot twice. */
static bool written_alike(const struct rule_model *m, uint8_t a, uint8_t b)
{
    for (unsigned i = 0; i < m->kit.rule.update_count; i++) {
        for (unsigned k = 0; k < m->kit.rule.update_count; k++) {
            if (m->kit.updates[i].target == a && m->kit.updates[k].target == b &&
                m->kit.updates[i].name[0] == m->kit.updates[k].name[0]) {
                return true;
            }
        }
    }
    return false;
}

static void random_equals(struct rule_model *m)
{
    bool often = rm_roll(m, 3) == 0;
    for (uint8_t a = 0; a < m->kit.rule.element_count; a++) {
        for (uint8_t b = (uint8_t)(a + 1); b < m->kit.rule.element_count; b++) {
            const struct rmg_rule_element *elements = m->kit.elements;
            if (often && elements[a].is_edge == elements[b].is_edge && !elements[a].deleted &&
                !elements[b].deleted && !written_alike(m, a, b) && rm_roll(m, 3) > 0 &&
                m->kit.rule.equal_count < sizeof m->kit.equals / sizeof m->kit.equals[0]) {
                kit_may_equal(&m->kit, a, b);
            }
        }
    }
}

static bool may_be_one(const struct rule_model *m, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < m->kit.rule.equal_count; i++) {
        if (m->kit.equals[i].a == a && m->kit.equals[i].b == b) {
            return true;
        }
    }
    return false;
}

struct rmg_rule *rm_rule(struct rule_model *m, bool effects)
{
    kit_begin(&m->kit, "random");
    random_pattern(m);
    for (uint64_t i = rm_roll(m, 3); i > 0; i--) {
        uint8_t element = 0;
        do {
            element = (uint8_t)rm_roll(m, m->kit.rule.element_count);
        } while (m->kit.elements[element].is_edge);
        kit_not(&m->kit, element, rm_roll(m, 2) == 0 ? RMG_DIR_OUT : RMG_DIR_IN,
                rm_roll(m, 3) == 0 ? 0 : 11 + (unsigned)rm_roll(m, RM_EDGE_TYPES),
                rm_roll(m, 2) == 0 ? 0 : 1 + (unsigned)rm_roll(m, RM_NODE_TYPES));
    }
    rm_random_nears(m, false);
    random_guard(m);
    random_draw(m);
    if (rm_roll(m, 3) == 0) { /* delete a node, and so its edges */
        uint8_t element = 0;
        do {
            element = (uint8_t)rm_roll(m, m->kit.rule.element_count);
        } while (m->kit.elements[element].is_edge);
        kit_delete(&m->kit, element);
        if (rm_roll(m, 2) == 0) {
            kit_detach(&m->kit, element);
        }
        for (uint8_t i = 0; i < m->kit.rule.element_count; i++) {
            if (m->kit.elements[i].is_edge &&
                (m->kit.elements[i].from == element || m->kit.elements[i].to == element)) {
                kit_delete(&m->kit, i);
            }
        }
    }
    if (effects) {
        random_effects(m);
    }
    random_equals(m);
    return kit_compile(&m->kit, &m->heap.heap);
}

void rm_ids(const struct rule_model *m, const unsigned *tuple, struct jit_id *ids)
{
    for (unsigned i = 0; i < m->kit.rule.element_count; i++) {
        ids[i] = rm_id(m, m->kit.elements[i].is_edge, tuple[i]);
    }
}

/* --- the oracle: a tuple is a number an element --- */

static bool term_value(const struct rule_model *m, const struct rm_term *term,
                       const unsigned *tuple, bool *missing)
{
    int64_t sides[2] = {0, term->value};
    for (unsigned k = 0; k < (term->is_field ? 2u : 1u); k++) {
        unsigned element = k == 0 ? term->element : term->other;
        unsigned name = k == 0 ? term->name : term->other_name;
        const struct rm_attrs *attrs = m->kit.elements[element].is_edge
                                           ? &m->edges[tuple[element]].attrs
                                           : &m->nodes[tuple[element]].attrs;
        *missing = *missing || !attrs->has[name];
        sides[k] = attrs->value[name];
    }
    switch (term->op) {
    case 0:
        return sides[0] == sides[1];
    case 1:
        return sides[0] != sides[1];
    case 2:
        return sides[0] < sides[1];
    default:
        return sides[0] >= sides[1];
    }
}

static bool guard_holds(const struct rule_model *m, const unsigned *tuple)
{
    bool missing = false;
    bool all = true;
    for (unsigned i = 0; i < m->term_count; i++) {
        bool any = term_value(m, &m->terms[i], tuple, &missing);
        while (m->terms[i].or_next) {
            bool more = term_value(m, &m->terms[++i], tuple, &missing);
            any = any || more;
        }
        all = all && any;
    }
    bool same = m->ids_differ && m->kit.elements[0].is_edge == m->kit.elements[2].is_edge &&
                tuple[0] == tuple[2];
    return all && !missing && !same;
}

bool rm_in_tuple(const struct rule_model *m, const unsigned *tuple, bool is_edge, unsigned number)
{
    for (unsigned i = 0; i < m->kit.rule.element_count; i++) {
        if (m->kit.elements[i].is_edge == is_edge && tuple[i] == number) {
            return true;
        }
    }
    return false;
}

static bool dangles(const struct rule_model *m, const unsigned *tuple)
{
    for (unsigned k = 0; k < m->kit.rule.element_count; k++) {
        if (m->kit.elements[k].is_edge || !m->kit.elements[k].deleted ||
            m->kit.elements[k].detached) {
            continue;
        }
        for (unsigned i = 0; i < RM_EDGES; i++) {
            if (m->edges[i].alive && (m->edges[i].from == tuple[k] || m->edges[i].to == tuple[k]) &&
                !rm_in_tuple(m, tuple, true, i)) {
                return true;
            }
        }
    }
    return false;
}

/* Elements up to `index` (one past the last) exist, are of their types, joined and distinct. */
bool rm_structure_holds(const struct rule_model *m, const unsigned *tuple, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct rmg_rule_element *element = &m->kit.elements[i];
        unsigned number = tuple[i];
        bool alive = element->is_edge ? m->edges[number].alive : m->nodes[number].alive;
        struct jit_id type =
            kit_type(element->is_edge ? m->edges[number].type : m->nodes[number].type);
        if (!alive || (element->typed && !jit_id_equal(&type, &element->type))) {
            return false;
        }
        if (element->is_edge &&
            ((element->from < count && m->edges[number].from != tuple[element->from]) ||
             (element->to < count && m->edges[number].to != tuple[element->to]))) {
            return false;
        }
        for (unsigned k = 0; k < i; k++) {
            if (m->kit.elements[k].is_edge == element->is_edge && tuple[k] == number &&
                !may_be_one(m, k, i)) {
                return false;
            }
        }
    }
    return true;
}

enum rmg_result rm_judge(const struct rule_model *m, const unsigned *tuple)
{
    if (!rm_structure_holds(m, tuple, m->kit.rule.element_count)) {
        return RMG_NO_MATCH;
    }
    bool aggregates = false;
    enum rmg_result result = rm_judge_aggregates(m, tuple, &aggregates);
    if (result != RMG_APPLIED) {
        return result;
    }
    if (!aggregates || !guard_holds(m, tuple)) {
        return RMG_GUARD_FALSE;
    }
    for (unsigned i = 0; i < m->kit.rule.negative_count; i++) {
        int64_t found = 0;
        result = rm_judge_near(m, &m->kit.negatives[i], tuple, &found);
        if (result != RMG_APPLIED) {
            return result;
        }
    }
    return dangles(m, tuple) ? RMG_DANGLING : RMG_APPLIED;
}

/* --- life --- */

void rm_begin(struct rule_model *m, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    m->heap = fault_heap_make(-1, false);
    m->dice = jit_random_of(seed);
    m->nodes[RM_ROOT] = (struct rm_node){.alive = true, .type = 99};
    kit_graph_begin(&m->g, &m->heap.heap, 4 << 20);
}

void rm_end(struct rule_model *m)
{
    kit_graph_end(&m->g);
    assert(m->heap.live == 0);
}

const struct rmg_sought_list *rm_sought(void)
{
    static const char *const fields[] = {"f", "g", "h"};
    static struct rmg_sought all[3 * RM_NODE_TYPES];
    static const struct rmg_sought_list list = {.at = all, .count = 3 * RM_NODE_TYPES};
    struct jit_id types[RM_NODE_TYPES] = {kit_type(1), kit_type(2)};
    unsigned first = jit_id_compare(&types[0], &types[1]) < 0 ? 0 : 1;
    for (unsigned i = 0; i < list.count; i++) {
        all[i] = (struct rmg_sought){
            .type = types[i < 3 ? first : 1 - first], .name = fields[i % 3], .name_size = 1};
    }
    return &list;
}

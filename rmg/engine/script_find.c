/* rmg/engine/script_find.c - the next match of a rule. Candidates are anchors that may have one;
 * the smallest is looked at first, and the first that has a match has the smallest. */
#include "base/random.h"
#include "rmg/rules/number_priv.h"
#include "rmg/engine/script_priv.h"

/* ---- conditions of the match at hand ---- */

static void want_ids(struct script_run *run, const struct script_rule *r, uint32_t mask)
{
    for (uint32_t rest = mask & ~run->id_mask; rest != 0; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        uint32_t handle = run->match.at[i];
        uint64_t birth = (r->edge_mask >> i & 1) != 0 ? run->work->edges[handle].birth
                                                      : run->work->nodes[handle].birth;
        work_birth_id(run->work, birth, &run->ids[i]);
        run->id_mask |= 1u << i;
    }
}

static const struct work_slot *field_slot(const struct script_run *run, const struct script_rule *r,
                                          uint32_t field)
{
    const struct work_slot *slot = work_slot_at(&run->work->columns[r->field_columns[field]],
                                                run->match.at[r->rule->fields[field].element]);
    return work_slot_filled(slot) && slot->codec == r->rule->fields[field].codec ? slot : NULL;
}

struct reading {
    const struct script_run *run;
    const struct script_rule *rule;
};

static enum rmg_result read_field(void *user, uint32_t field, struct rmg_datum *out)
{
    const struct reading *reading = user;
    const struct work_slot *slot = field_slot(reading->run, reading->rule, field);
    if (slot == NULL) {
        return RMG_GUARD_FALSE;
    }
    work_slot_datum(slot, out);
    return RMG_APPLIED;
}

static enum rmg_result evaluate(const struct script_run *run, const struct script_rule *r,
                                struct rmg_expr expr, struct rmg_datum *out)
{
    struct reading reading = {.run = run, .rule = r};
    const struct rmg_expr_env env = {.rule = r->rule,
                                     .ids = run->ids,
                                     .params = r->params,
                                     .field = read_field,
                                     .user = &reading};
    return rmg_expr_eval(&env, expr, out);
}

static bool compare_holds(const struct script_compare *compare, int64_t value)
{
    switch (compare->op) {
    case RMG_EXPR_EQ:
        return value == compare->value;
    case RMG_EXPR_NE:
        return value != compare->value;
    case RMG_EXPR_LT:
        return value < compare->value;
    case RMG_EXPR_LE:
        return value <= compare->value;
    case RMG_EXPR_GT:
        return value > compare->value;
    default:
        return value >= compare->value;
    }
}

static bool holds(struct script_run *run, const struct script_rule *r,
                  const struct script_conjunct *conjunct)
{
    struct rmg_datum datum;
    if (conjunct->compare.op != 0) {
        const struct work_slot *slot = field_slot(run, r, conjunct->compare.field);
        return slot != NULL && compare_holds(&conjunct->compare, (int64_t)slot->bits);
    }
    want_ids(run, r, conjunct->id_mask);
    return evaluate(run, r, conjunct->expr, &datum) == RMG_APPLIED && datum.as.boolean;
}

static bool all_hold(struct script_run *run, const struct script_rule *r, uint32_t from,
                     uint32_t due)
{
    for (uint32_t i = from; i < due; i++) {
        if (!holds(run, r, &r->conjuncts[r->plan.conjuncts[i]])) {
            return false;
        }
    }
    return true;
}

/* ---- binding ---- */

static bool is_matched(const struct script_run *run, uint32_t mask, uint32_t handle)
{
    for (uint32_t rest = mask & run->bound; rest != 0; rest &= rest - 1) {
        if (run->match.at[__builtin_ctz(rest)] == handle) {
            return true;
        }
    }
    return false;
}

/* All elements differ, but pairs of which the rule says that they may be equal. */
static bool clashes(const struct script_run *run, const struct script_rule *r, uint32_t mask,
                    uint32_t element, uint32_t handle)
{
    for (uint32_t rest = mask & run->bound; rest != 0; rest &= rest - 1) {
        uint32_t other = (uint32_t)__builtin_ctz(rest);
        if (run->match.at[other] == handle &&
            (r->rule->equal_count == 0 || !rmg_rule_may_equal(r->rule, element, other))) {
            return true;
        }
    }
    return false;
}

static bool bind(struct script_run *run, const struct script_rule *r, uint32_t element,
                 uint32_t handle, uint32_t type, uint32_t mask)
{
    if (!script_type_is(r->types[element], type) || clashes(run, r, mask, element, handle)) {
        return false;
    }
    run->match.at[element] = handle;
    run->bound |= 1u << element;
    run->id_mask &= ~(1u << element);
    return true;
}

static bool bind_node(struct script_run *run, const struct script_rule *r, uint32_t element,
                      uint32_t node)
{
    return bind(run, r, element, node, run->work->nodes[node].type, r->node_mask);
}

static bool bind_edge(struct script_run *run, const struct script_rule *r, uint32_t element,
                      uint32_t edge)
{
    return bind(run, r, element, edge, run->work->edges[edge].type, r->edge_mask);
}

/* An edge and both its ends, some of which may be bound; a loop has one. */
static bool bind_whole(struct script_run *run, const struct script_rule *r, uint32_t element,
                       uint32_t edge)
{
    const struct rmg_rule_element *at = &r->rule->elements[element];
    const struct work_edge *e = &run->work->edges[edge];
    const uint8_t ends[2] = {at->from, at->to};
    if (!bind_edge(run, r, element, edge)) {
        return false;
    }
    for (unsigned side = 0; side < 2; side++) {
        bool bound = (run->bound >> ends[side] & 1) != 0;
        if (bound ? run->match.at[ends[side]] != e->end[side]
                  : !bind_node(run, r, ends[side], e->end[side])) {
            return false;
        }
    }
    return true;
}

/* ---- what must hold of a whole match ---- */

static uint32_t count_of(const struct rmg_work *work, uint32_t node, uint32_t type, unsigned side)
{
    if (type == SCRIPT_ANY) {
        return work->nodes[node].degree[side];
    }
    const struct work_bundle *bundle = work_bundle_find(work, node, type << 1 | side);
    return bundle == NULL ? 0 : bundle->count;
}

/* Is this edge, and what is at its far end, what a condition asks for? */
static bool near_fits(const struct script_run *run, const struct script_rule *r, uint32_t n,
                      uint32_t edge, uint32_t other)
{
    const struct rmg_rule_near *near = &r->rule->negatives[n];
    if (is_matched(run, r->edge_mask, edge)) {
        return false;
    }
    return near->other_matched
               ? other == run->match.at[near->other]
               : script_type_is(r->negative_types[n][1], run->work->nodes[other].type) &&
                     !is_matched(run, r->node_mask, other);
}

/* Conditions, NONE or SOME. Between two matched nodes from the one with fewer edges. */
static bool near_holds(const struct script_run *run, const struct script_rule *r, uint32_t n)
{
    const struct rmg_rule_near *near = &r->rule->negatives[n];
    const struct rmg_work *work = run->work;
    uint32_t type = r->negative_types[n][0];
    uint32_t node = run->match.at[near->element];
    unsigned side = near->direction == RMG_DIR_OUT ? WORK_OUT : WORK_IN;
    bool far = near->other_matched && count_of(work, run->match.at[near->other], type, side ^ 1u) <
                                          count_of(work, node, type, side);
    struct script_edges edges =
        far ? script_edges_of(work, run->match.at[near->other], type, side ^ 1u)
            : script_edges_of(work, node, type, side);
    for (; edges.at != RMG_WORK_NONE; script_edges_step(work, &edges)) {
        const struct work_edge *edge = &work->edges[edges.at];
        run->report->looks++;
        if ((!far || edge->end[side] == node) &&
            near_fits(run, r, n, edges.at, edge->end[side ^ 1u])) {
            return near->kind == RMG_NEAR_SOME;
        }
    }
    return near->kind == RMG_NEAR_NONE;
}

/* More edges than that are no single rewrite. */
#define DETACHED_MAX 65536u

static bool may_detach(const struct script_run *run, uint32_t node)
{
    const struct rmg_work *work = run->work;
    if ((uint64_t)work->nodes[node].degree[0] + work->nodes[node].degree[1] > DETACHED_MAX) {
        return false;
    }
    for (unsigned side = 0; side < 2; side++) {
        struct script_edges edges = script_edges_of(work, node, SCRIPT_ANY, side);
        for (; edges.at != RMG_WORK_NONE; script_edges_step(work, &edges)) {
            if (work->edges[edges.at].flags != 0) {
                return false;
            }
        }
    }
    return true;
}

/* The dangling condition; nothing deleted holds a portal or is the root node. */
static bool deletions_hold(const struct script_run *run, const struct script_rule *r)
{
    const struct rmg_rule_element *elements = r->rule->elements;
    for (uint32_t rest = r->deleted_mask; rest != 0; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        uint32_t handle = run->match.at[i];
        if (elements[i].is_edge) {
            if (run->work->edges[handle].flags != 0) {
                return false;
            }
            continue;
        }
        const struct work_node *node = &run->work->nodes[handle];
        if (node->flags != 0 || (elements[i].detached && !may_detach(run, handle))) {
            return false;
        }
        uint32_t matched[2] = {0, 0};
        for (uint32_t edges = r->edge_mask; edges != 0; edges &= edges - 1) {
            const struct rmg_rule_element *edge = &elements[__builtin_ctz(edges)];
            matched[WORK_OUT] += edge->from == i;
            matched[WORK_IN] += edge->to == i;
        }
        if (!elements[i].detached &&
            (node->degree[0] != matched[0] || node->degree[1] != matched[1])) {
            return false;
        }
    }
    return true;
}

/* ---- values ---- */

/* What is joined becomes the outcome. */
static bool join(enum rmg_update_kind kind, const struct work_slot *slot, struct rmg_datum *datum)
{
    struct rmg_datum now;
    if (!work_slot_filled(slot) || slot->codec != datum->codec) {
        return false;
    }
    work_slot_datum(slot, &now);
    if (rmg_number_is_nan(&now) || (kind != RMG_UPDATE_ADD && rmg_number_is_nan(datum))) {
        return false;
    }
    return rmg_number_join(kind, &now, datum);
}

static bool is_portal(const struct work_slot *slot)
{
    return work_slot_filled(slot) && slot->codec == RMG_CODEC_NONE &&
           ((const struct work_raw *)(uintptr_t)slot->bits)->kind == RMG_VALUE_PORTAL;
}

/* The first element that is the same node or edge. */
static uint8_t first_of(const struct script_run *run, const struct script_rule *r, uint8_t element)
{
    uint32_t kind = (r->edge_mask >> element & 1) != 0 ? r->edge_mask : r->node_mask;
    for (uint8_t i = 0; i < element && r->rule->equal_count > 0; i++) {
        if ((kind >> i & 1) != 0 && run->match.at[i] == run->match.at[element]) {
            return i;
        }
    }
    return element;
}

bool script_values(struct script_run *run, struct script_rule *r)
{
    uint16_t gained[JIT_PATTERN_ELEMENTS_MAX];
    if (r->rule->update_count == 0) {
        return true;
    }
    memset(gained, 0, r->rule->element_count * sizeof gained[0]);
    want_ids(run, r, r->update_id_mask);
    for (uint32_t i = 0; i < r->rule->update_count; i++) {
        const struct rmg_rule_update *update = &r->rule->updates[i];
        struct rmg_datum *value = &run->values[i];
        if (evaluate(run, r, update->expr, value) != RMG_APPLIED) {
            return false;
        }
        if ((update->target & RMG_RULE_CREATED) != 0) {
            continue;
        }
        const struct work_slot *slot =
            work_slot_at(&run->work->columns[r->update_columns[i]], run->match.at[update->target]);
        if (is_portal(slot) ||
            (update->kind != RMG_UPDATE_SET && !join(update->kind, slot, value))) {
            return false;
        }
        uint8_t target = first_of(run, r, update->target);
        gained[target] = (uint16_t)(gained[target] + !work_slot_filled(slot));
    }
    for (uint32_t i = 0; i < r->rule->element_count; i++) {
        uint32_t handle = run->match.at[i];
        if (gained[i] > 0 &&
            gained[i] + ((r->edge_mask >> i & 1) != 0 ? run->work->edges[handle].atoms
                                                      : run->work->nodes[handle].atoms) >
                (int)JIT_ATTACHMENTS_MAX) {
            return false;
        }
    }
    return true;
}

/* ---- the walk ---- */

int script_compare(const struct script_rule *r, const struct script_match *a,
                   const struct script_match *b)
{
    if (a->at[r->anchor] != b->at[r->anchor]) {
        return a->at[r->anchor] < b->at[r->anchor] ? -1 : 1;
    }
    for (uint32_t i = 0; i < r->order_count; i++) {
        uint32_t element = r->order[i];
        if (a->at[element] != b->at[element]) {
            return a->at[element] < b->at[element] ? -1 : 1;
        }
    }
    return 0;
}

struct walk {
    struct script_run *run;
    struct script_rule *rule;
    bool all;
    bool stuck; /* a match but for its values was met */
    bool found;
    struct script_match best; /* of a plan that is not in order */
    bool (*visit)(void *user);
    void *user;
};

/* All is bound. Returns false to stop. */
static bool whole(struct walk *w)
{
    struct script_run *run = w->run;
    struct script_rule *r = w->rule;
    if (!w->all && w->found && script_compare(r, &run->match, &w->best) >= 0) {
        return true;
    }
    for (uint32_t i = 0; i < r->rule->negative_count; i++) {
        if (!near_holds(run, r, i)) {
            return true;
        }
    }
    if (!deletions_hold(run, r)) {
        return true;
    }
    if (!script_values(run, r)) {
        w->stuck = true;
        return true;
    }
    w->found = true;
    if (w->all) {
        return w->visit(w->user);
    }
    w->best = run->match;
    return !r->plan.ordered;
}

static bool walk_from(struct walk *w, uint32_t depth);

/* One way of a hop: an edge with its ends, or a node. */
static inline bool try_one(struct walk *w, uint32_t depth, bool is_edge, uint32_t handle)
{
    struct script_run *run = w->run;
    const struct script_hop *hop = &w->rule->plan.hops[depth];
    uint32_t bound = run->bound;
    uint32_t due = depth == 0 ? w->rule->plan.due : w->rule->plan.hops[depth - 1].due;
    bool go_on = true;
    run->report->looks++;
    const bool fits = is_edge ? bind_whole(run, w->rule, hop->element, handle)
                              : bind_node(run, w->rule, hop->element, handle);
    if (fits && all_hold(run, w->rule, due, hop->due)) {
        go_on = walk_from(w, depth + 1);
    }
    run->bound = bound;
    return go_on;
}

static bool walk_edges(struct walk *w, uint32_t depth, uint32_t node, unsigned side)
{
    const struct rmg_work *work = w->run->work;
    uint32_t type = w->rule->types[w->rule->plan.hops[depth].element];
    struct script_edges edges = script_edges_of(work, node, type, side);
    for (; edges.at != RMG_WORK_NONE; script_edges_step(work, &edges)) {
        if (!try_one(w, depth, true, edges.at)) {
            return false;
        }
    }
    return true;
}

/* Between two nodes: from the one with fewer edges. */
static bool walk_close(struct walk *w, uint32_t depth)
{
    const struct script_run *run = w->run;
    const struct script_hop *hop = &w->rule->plan.hops[depth];
    const struct rmg_rule_element *edge = &w->rule->rule->elements[hop->element];
    uint32_t type = w->rule->types[hop->element];
    uint32_t from = run->match.at[edge->from];
    uint32_t to = run->match.at[edge->to];
    bool by_from =
        count_of(run->work, from, type, WORK_OUT) <= count_of(run->work, to, type, WORK_IN);
    return by_from ? walk_edges(w, depth, from, WORK_OUT) : walk_edges(w, depth, to, WORK_IN);
}

static bool walk_nodes(struct walk *w, uint32_t depth)
{
    const struct rmg_work *work = w->run->work;
    uint32_t type = w->rule->types[w->rule->plan.hops[depth].element];
    if (type != SCRIPT_ANY) {
        for (uint32_t node = work->types[type].head; node != RMG_WORK_NONE;
             node = work->nodes[node].next) {
            if (!try_one(w, depth, false, node)) {
                return false;
            }
        }
        return true;
    }
    for (uint32_t node = 0; node < work->node_count; node++) {
        if (work_node_live(work, node) && !try_one(w, depth, false, node)) {
            return false;
        }
    }
    return true;
}

static bool walk_from(struct walk *w, uint32_t depth)
{
    const struct script_run *run = w->run;
    if (depth == w->rule->plan.hop_count) {
        return whole(w);
    }
    const struct script_hop *hop = &w->rule->plan.hops[depth];
    switch (hop->kind) {
    case SCRIPT_HOP_EXPAND:
        return walk_edges(w, depth, run->match.at[hop->at], hop->side);
    case SCRIPT_HOP_CLOSE:
        return walk_close(w, depth);
    case SCRIPT_HOP_NODES:
        return walk_nodes(w, depth);
    default:
        for (uint32_t edge = 0; edge < run->work->edge_count; edge++) {
            if (work_edge_live(run->work, edge) && !try_one(w, depth, true, edge)) {
                return false;
            }
        }
        return true;
    }
}

static void walk_anchor(struct walk *w, uint32_t anchor)
{
    struct script_run *run = w->run;
    struct script_rule *r = w->rule;
    run->bound = 0;
    run->id_mask = 0;
    run->report->looks++;
    bool bound = r->edge_mask != 0
                     ? work_edge_live(run->work, anchor) && bind_whole(run, r, r->anchor, anchor)
                     : work_node_live(run->work, anchor) && bind_node(run, r, r->anchor, anchor);
    if (bound && all_hold(run, r, 0, r->plan.due)) {
        (void)walk_from(w, 0);
    }
}

/* ---- candidates ---- */

static uint32_t anchors_of(const struct script_run *run, const struct script_rule *r)
{
    return r->edge_mask != 0 ? run->work->edge_count : run->work->node_count;
}

static void add_anchor(struct script_run *run, struct script_rule *r, uint32_t anchor)
{
    if (anchor >= r->todo.count[0] * 64) {
        enum jit_err err = script_bits_room(&r->todo, run->heap, anchors_of(run, r));
        if (err != JIT_OK) {
            run->err = err;
            return;
        }
    }
    script_bits_add(&r->todo, anchor);
}

static void add_all(struct script_run *run, struct script_rule *r)
{
    const struct rmg_work *work = run->work;
    uint32_t type = r->types[r->anchor];
    if (r->edge_mask != 0) {
        for (uint32_t i = 0; i < work->edge_count; i++) {
            if (work->edges[i].type != RMG_WORK_NONE && script_type_is(type, work->edges[i].type)) {
                add_anchor(run, r, i);
            }
        }
        run->report->looks += work->edge_count;
        return;
    }
    for (uint32_t i = 0; i < work->node_count; i++) {
        if (work->nodes[i].type != RMG_WORK_NONE && script_type_is(type, work->nodes[i].type)) {
            add_anchor(run, r, i);
        }
    }
    run->report->looks += work->node_count;
}

static void follow(struct script_run *run, struct script_rule *r, const struct script_path *path,
                   uint32_t step, uint32_t node)
{
    const struct rmg_work *work = run->work;
    uint32_t element = path->steps[step].edge;
    unsigned side = path->steps[step].side;
    struct script_edges edges = script_edges_of(work, node, r->types[element], side);
    for (; edges.at != RMG_WORK_NONE; script_edges_step(work, &edges)) {
        uint32_t other = work->edges[edges.at].end[side ^ 1u];
        run->report->looks++;
        if (!script_type_is(r->types[path->steps[step].other], work->nodes[other].type)) {
            continue;
        }
        if (step + 1 == path->count) {
            add_anchor(run, r, edges.at);
        } else {
            follow(run, r, path, step + 1, other);
        }
    }
}

void script_touch(struct script_run *run, struct script_rule *r, uint8_t element, uint32_t handle)
{
    const struct script_path *path = &r->paths[element];
    const struct rmg_work *work = run->work;
    bool is_edge = r->rule->elements[element].is_edge;
    if (is_edge ? !work_edge_live(work, handle) ||
                      !script_type_is(r->types[element], work->edges[handle].type)
                : !work_node_live(work, handle) ||
                      !script_type_is(r->types[element], work->nodes[handle].type)) {
        return;
    }
    if (path->everywhere) {
        add_all(run, r);
        return;
    }
    if (path->count == 0) {
        add_anchor(run, r, handle);
        return;
    }
    if (is_edge) {
        const struct rmg_rule_element *at = &r->rule->elements[element];
        const struct work_edge *edge = &work->edges[handle];
        if (!script_type_is(r->types[at->from], work->nodes[edge->end[WORK_OUT]].type) ||
            !script_type_is(r->types[at->to], work->nodes[edge->end[WORK_IN]].type)) {
            return;
        }
        handle = edge->end[path->start == at->from ? WORK_OUT : WORK_IN];
    }
    follow(run, r, path, 0, handle);
}

/* The node to begin at that is rarest, where that beats looking at all anchors; else NONE. */
static uint32_t rarest(const struct script_run *run, const struct script_rule *r)
{
    const struct rmg_work *work = run->work;
    uint64_t fewest = anchors_of(run, r) / 16;
    uint32_t best = SCRIPT_NO_ELEMENT;
    struct jit_random random = jit_random_of(run->options->plan_seed + r->rule->element_count);
    for (uint32_t rest = r->node_mask & ~(1u << r->anchor); rest != 0; rest &= rest - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(rest);
        uint32_t type = r->types[i];
        if (r->paths[i].everywhere || type == SCRIPT_ANY) {
            continue;
        }
        if (run->options->plans == RMG_SCRIPT_PLANS_DRAWN) {
            best = jit_random_below(&random, 2) == 0 ? i : best;
        } else if (work->types[type].nodes < fewest) {
            /* All its edges may have to be looked at. */
            fewest = work->types[type].nodes;
            best = i;
        }
    }
    return best;
}

enum jit_err script_activate(struct script_run *run, struct script_rule *r)
{
    if (r->active || r->impossible) {
        return JIT_OK;
    }
    r->active = true;
    enum jit_err err = script_bits_room(&r->todo, run->heap, anchors_of(run, r) + 1);
    if (err != JIT_OK) {
        return err;
    }
    uint32_t start = rarest(run, r);
    if (start == SCRIPT_NO_ELEMENT) {
        add_all(run, r);
        return run->err;
    }
    for (uint32_t node = run->work->types[r->types[start]].head; node != RMG_WORK_NONE;
         node = run->work->nodes[node].next) {
        run->report->looks++;
        script_touch(run, r, (uint8_t)start, node);
    }
    return run->err;
}

/* What was met at this anchor but had no values may have them later. */
static void keep_stuck(struct script_run *run, struct script_rule *r, uint32_t anchor)
{
    enum jit_err err = script_bits_room(&r->stuck, run->heap, anchors_of(run, r));
    if (err != JIT_OK) {
        run->err = err;
        return;
    }
    script_bits_add(&r->stuck, anchor);
    r->stuck_any = true;
}

bool script_next(struct script_run *run, struct script_rule *r)
{
    while (run->err == JIT_OK && !r->impossible) {
        uint32_t anchor = script_bits_next(&r->todo, 0);
        struct walk w = {.run = run, .rule = r};
        if (anchor == RMG_WORK_NONE) {
            return false;
        }
        walk_anchor(&w, anchor);
        if (w.stuck) {
            keep_stuck(run, r, anchor);
        }
        if (!w.found) {
            script_bits_drop(&r->todo, anchor);
            continue;
        }
        if (!r->plan.ordered) {
            run->match = w.best;
            run->id_mask = 0;
            bool valued = script_values(run, r);
            assert(valued);
        }
        return run->err == JIT_OK;
    }
    return false;
}

bool script_each(struct script_run *run, struct script_rule *r, uint32_t anchor,
                 bool (*visit)(void *user), void *user)
{
    struct walk w = {.run = run, .rule = r, .all = true, .visit = visit, .user = user};
    walk_anchor(&w, anchor);
    if (w.stuck) {
        keep_stuck(run, r, anchor);
    }
    return w.found;
}

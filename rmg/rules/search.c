#include "rmg/rules/search.h"

#include "base/check.h"
#include "base/hash.h"
#include "rmg/rules/mutant.h"
#include "rmg/rules/search_priv.h"

static bool extend(struct rmg_search *search, const struct search_plan *plan, uint32_t step);

/* --- binding --- */

static bool in_shard(const struct rmg_search *search, const struct jit_id *scope)
{
    struct jit_id hash;
    if (search->shard.count == 1) {
        return true;
    }
    jit_hash(scope->bytes, sizeof scope->bytes, &hash);
    return hash.bytes[0] * search->shard.count / 256 == search->shard.index;
}

/* The graph that an element lies in. */
static const struct rmg_graph *graph_of(const struct rmg_search *search, uint32_t element)
{
    return rmg_probe_graph_of(&search->probe, element);
}

static bool is_bound(const struct rmg_search *search, uint32_t element)
{
    return (search->bound >> element & 1) != 0;
}

/* Is the id taken by another element of its kind? */
static bool is_taken(const struct rmg_search *search, uint32_t element, const struct jit_id *id)
{
    const struct rmg_rule_element *elements = search->rule->elements;
    for (uint32_t i = 0; i < search->rule->element_count; i++) {
        if (is_bound(search, i) && elements[i].is_edge == elements[element].is_edge &&
            elements[i].place == elements[element].place && jit_id_equal(&search->ids[i], id) &&
            !rmg_rule_may_equal(search->rule, i, element)) {
            return true;
        }
    }
    return false;
}

/* The conditions that this element was the last to wait for. */
static bool conditions_hold(struct rmg_search *search, uint32_t element)
{
    for (uint32_t i = 0; i < search->program.conjunct_count; i++) {
        const struct search_conjunct *conjunct = &search->program.conjuncts[i];
        if (!conjunct->late && (conjunct->mask >> element & 1) != 0 &&
            (conjunct->mask & ~search->bound) == 0 &&
            rmg_probe_condition(&search->probe, conjunct->expr) != RMG_APPLIED) {
            search->err = search->err != JIT_OK ? search->err : search->probe.err;
            return false;
        }
    }
    return true;
}

static bool take(struct rmg_search *search, uint32_t element, const struct jit_id *id)
{
    search->ids[element] = *id;
    search->bound |= 1u << element;
    rmg_probe_forget(&search->probe, element);
    return conditions_hold(search, element);
}

/* type: NULL when it must be looked up. False: it cannot be; bound then means nothing. */
static bool bind_node(struct rmg_search *search, uint32_t element, const struct jit_id *id,
                      const struct jit_id *type)
{
    const struct rmg_rule_element *want = &search->rule->elements[element];
    struct jit_id found;
    if ((element == 0 && !in_shard(search, id)) || is_taken(search, element, id)) {
        return false;
    }
    if (want->typed && type == NULL) {
        enum jit_err err = rmg_node_type(graph_of(search, element), id, &found);
        if (err != JIT_OK) {
            search->err = err == JIT_ENOENT ? JIT_ECORRUPT : err; /* the end of an edge */
            return false;
        }
        type = &found;
    }
    return (!want->typed || jit_id_equal(type, &want->type)) && take(search, element, id);
}

static bool bind_end(struct rmg_search *search, uint32_t element, const struct jit_id *id)
{
    return is_bound(search, element) ? jit_id_equal(&search->ids[element], id)
                                     : bind_node(search, element, id, NULL);
}

/* An edge that exists, with its ends. */
static bool bind_edge(struct rmg_search *search, uint32_t element, const struct rmg_edge *edge)
{
    const struct rmg_rule_element *want = &search->rule->elements[element];
    if ((want->typed && !jit_id_equal(&edge->type, &want->type)) ||
        is_taken(search, element, &edge->id)) {
        return false;
    }
    return take(search, element, &edge->id) && bind_end(search, want->from, &edge->from) &&
           bind_end(search, want->to, &edge->to);
}

/* --- a whole match --- */

/* One of the values that the draw will ask for. */
static bool keep_datum(struct rmg_search *search, uint32_t member, uint32_t index,
                       enum rmg_result result, const struct rmg_datum *datum)
{
    const struct rmg_datum none = {.codec = RMG_CODEC_NONE};
    search->probe.slots = 0; /* nobody's budget */
    if (search->probe.err != JIT_OK) {
        search->err = search->probe.err;
        return false;
    }
    /* NONE: the draw will not apply */
    search->err =
        search_table_put(&search->table, member, index, result == RMG_APPLIED ? datum : &none);
    return search->err == JIT_OK;
}

/* So that drawing looks at no slot. */
static bool keep_data(struct rmg_search *search, uint32_t member)
{
    const struct search_program *program = &search->program;
    bool good = true;
    for (uint32_t i = 0; i < program->draw_field_count && good; i++) {
        struct rmg_datum datum = {.codec = RMG_CODEC_NONE};
        enum rmg_result result = rmg_probe_field(&search->probe, program->draw_fields[i], &datum);
        good = keep_datum(search, member, i, result, &datum);
    }
    for (uint32_t i = 0; i < program->draw_aggregate_count && good; i++) {
        struct rmg_datum datum = {.codec = RMG_CODEC_NONE};
        enum rmg_result result =
            rmg_probe_aggregate(&search->probe, program->draw_aggregates[i], NULL, &datum);
        good = keep_datum(search, member, program->draw_field_count + i, result, &datum);
    }
    return good;
}

static bool complete(struct rmg_search *search)
{
    const struct rmg_rule *rule = search->rule;
    uint32_t member = SEARCH_NONE;
    bool holds = search_nears_hold(search);
    if (holds) {
        holds = rmg_probe_dangling(&search->probe) == RMG_APPLIED;
        search->probe.slots = 0; /* nobody's budget */
        search->err = search->err != JIT_OK ? search->err : search->probe.err;
    }
    bool open = holds && search->err == JIT_OK && search_late_holds(search);
    if (search->err != JIT_OK) {
        return false;
    }
    if (search->visit != NULL) {
        return !open || search->visit(search->visit_user, search->ids, rmg_rule_id_count(rule));
    }
    if (!holds) {
        return true;
    }
    search->err = search_table_add(&search->table, search->ids, &member);
    if (search->err != JIT_OK) {
        return false;
    }
    if (member == SEARCH_NONE) {
        return true;
    }
    search_table_close(&search->table, member, !open);
    rmg_match_key(rule, &search->instance, search->ids, rmg_rule_id_count(rule),
                  &search->params_digest, &search->table.keys[member]);
    return keep_data(search, member);
}

/* --- the walk: each returns false when it failed (search->err) --- */

/* One more node or edge is looked at. */
static bool look(struct rmg_search *search)
{
    if (search->looks_left == 0) {
        search->err = JIT_EBUDGET;
        return false;
    }
    search->looks_left--;
    return true;
}

/* From which end: the only bound one, or the one with fewer edges. */
static bool choose_end(struct rmg_search *search, const struct rmg_rule_element *element,
                       enum rmg_direction *direction)
{
    uint64_t counts[2];
    bool from = is_bound(search, element->from);
    *direction = from ? RMG_DIR_OUT : RMG_DIR_IN;
    if (!from || !is_bound(search, element->to)) {
        return true;
    }
    for (uint32_t i = 0; i < 2 && search->err == JIT_OK; i++) {
        search->err = rmg_degree(
            graph_of(search, element->from), &search->ids[i == 0 ? element->from : element->to],
            i == 0 ? RMG_DIR_OUT : RMG_DIR_IN, element->typed ? &element->type : NULL, &counts[i]);
    }
    if (search->err == JIT_OK && counts[1] < counts[0]) {
        *direction = RMG_DIR_IN;
    }
    return search->err == JIT_OK;
}

static bool extend_edge(struct rmg_search *search, const struct search_plan *plan, uint32_t step)
{
    uint32_t index = plan->steps[step].element;
    const struct rmg_rule_element *element = &search->rule->elements[index];
    enum rmg_direction direction;
    uint32_t bound = search->bound;
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err;
    if (!choose_end(search, element, &direction)) {
        return false;
    }
    rmg_iter_edges_of(graph_of(search, index),
                      &search->ids[direction == RMG_DIR_OUT ? element->from : element->to],
                      direction, element->typed ? &element->type : NULL, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        if (!look(search)) {
            return false;
        }
        if (bind_edge(search, index, &edge) && !extend(search, plan, step + 1)) {
            return false;
        }
        search->bound = bound;
        if (search->err != JIT_OK) {
            return false;
        }
    }
    search->err = err == JIT_ENOENT ? JIT_OK : err;
    return search->err == JIT_OK;
}

/* Through a portal; where there is none, or it leads where another one did, there is no match. */
static bool extend_portal(struct rmg_search *search, const struct search_plan *plan, uint32_t step)
{
    const uint32_t portal = plan->steps[step].element;
    struct jit_id *ids = &search->ids[search->rule->element_count];
    enum rmg_result result = rmg_probe_enter(&search->probe, portal, &ids[portal]);
    search->probe.slots = 0; /* nobody's budget */
    search->err = search->probe.err;
    if (search->err == JIT_OK && !look(search)) {
        return false;
    }
    for (uint32_t i = 0; i < portal && result == RMG_APPLIED; i++) {
        result = jit_id_equal(&ids[i], &ids[portal]) ? RMG_NO_MATCH : RMG_APPLIED;
    }
    if (result == RMG_APPLIED && search->err == JIT_OK) {
        search->err = search_door_pass(search, portal, &ids[portal]);
        return search->err == JIT_OK && extend(search, plan, step + 1);
    }
    return search->err == JIT_OK;
}

/* Every element that could stand at a position, one after the other. */
struct candidates {
    struct rmg_iter iter;
    bool fits; /* the one at hand could be bound, and is */
};

static void candidates_of(const struct rmg_search *search, uint32_t index, struct candidates *out)
{
    const struct rmg_rule_element *element = &search->rule->elements[index];
    if (element->typed) {
        rmg_iter_extent(graph_of(search, index), element->is_edge, &element->type, &out->iter);
    } else {
        rmg_iter_all(graph_of(search, index), element->is_edge ? RMG_EDGES : RMG_NODES, &out->iter);
    }
}

/* False at the end, or when it failed (search->err). */
static bool candidates_next(struct rmg_search *search, uint32_t index, struct candidates *at)
{
    struct rmg_edge edge;
    struct jit_id id;
    struct jit_id type;
    bool is_edge = search->rule->elements[index].is_edge;
    enum jit_err err =
        is_edge ? rmg_iter_edge(&at->iter, &edge) : rmg_iter_node(&at->iter, &id, &type);
    if (err != JIT_OK) {
        search->err = err == JIT_ENOENT ? JIT_OK : err;
        return false;
    }
    if (!look(search)) {
        return false;
    }
    at->fits = is_edge ? bind_edge(search, index, &edge) : bind_node(search, index, &id, &type);
    return search->err == JIT_OK;
}

/* Each candidate for this position, continued by the plan from `step`. */
static bool scan(struct rmg_search *search, uint32_t index, const struct search_plan *plan,
                 uint32_t step)
{
    uint32_t bound = search->bound;
    struct candidates candidates;
    candidates_of(search, index, &candidates);
    while (candidates_next(search, index, &candidates)) {
        if (candidates.fits && !extend(search, plan, step)) {
            return false;
        }
        search->bound = bound;
    }
    search->bound = bound;
    return search->err == JIT_OK;
}

/* The nodes among which the equation can hold, likewise; it is asked of each as all conditions are.
 */
static bool scan_value(struct rmg_search *search, const struct search_plan *plan, uint32_t step)
{
    const struct search_step *at = &plan->steps[step];
    const struct rmg_rule_field *field = &search->rule->fields[at->field];
    const struct rmg_index_field want = {
        .name = field->name, .name_size = field->name_size, .codec = field->codec};
    struct rmg_datum value;
    const struct rmg_index_key key = {.type = search->rule->elements[at->element].type,
                                      .count = 1,
                                      .fields = &want,
                                      .values = &value};
    struct rmg_index_iter iter;
    struct jit_id id;
    uint32_t bound = search->bound;
    if (rmg_expr_eval(&search->probe.env, at->value, &value) != RMG_APPLIED) {
        search->err = search->probe.err; /* without a value it holds of none */
        return search->err == JIT_OK;
    }
    if (!rmg_index_begin(&search->graph, &key, &iter)) {
        search->err = rmg_index_need(search->index, &search->graph, &key);
        if (search->err != JIT_OK || !rmg_index_begin(&search->graph, &key, &iter)) {
            return false;
        }
    }
    while (rmg_index_next(&iter, &id)) {
        if (!look(search) ||
            (bind_node(search, at->element, &id, &key.type) && !extend(search, plan, step + 1)) ||
            search->err != JIT_OK) {
            return false;
        }
        search->bound = bound;
    }
    search->bound = bound;
    return true;
}

static bool extend(struct rmg_search *search, const struct search_plan *plan, uint32_t step)
{
    if (step == plan->step_count) {
        return complete(search);
    }
    if (plan->steps[step].enters) {
        return extend_portal(search, plan, step);
    }
    if (plan->steps[step].by_value && search->graph.after == NULL) {
        return scan_value(search, plan, step);
    }
    return plan->steps[step].is_scan ? scan(search, plan->steps[step].element, plan, step + 1)
                                     : extend_edge(search, plan, step);
}

static void walk_begin(struct rmg_search *search, const struct rmg_graph *graph)
{
    search->bound = 0;
    search->err = JIT_OK;
    search->graph = *graph;
    if (graph->after == NULL) {
        search->graph.index = search->index;
    }
    search->probe.graph = &search->graph;
    search->probe.slots = 0;
    search->probe.err = JIT_OK;
}

/* All matches that have this element at this position. */
static bool search_from(struct rmg_search *search, uint32_t position, const struct jit_id *id)
{
    const struct rmg_graph *graph = search->probe.graph;
    struct rmg_edge edge;
    struct jit_id type;
    bool fits = false;
    enum jit_err err;
    search->bound = 0;
    if (search->rule->elements[position].is_edge) {
        err = rmg_edge_get(graph, id, &edge);
        fits = err == JIT_OK && bind_edge(search, position, &edge);
    } else {
        if (position == 0 && !in_shard(search, id)) {
            return true;
        }
        err = rmg_node_type(graph, id, &type);
        fits = err == JIT_OK && bind_node(search, position, id, &type);
    }
    if (err != JIT_OK && err != JIT_ENOENT) {
        search->err = err;
    }
    return search->err == JIT_OK && (!fits || extend(search, &search->program.plans[position], 0));
}

/* --- everything from nothing --- */

/* How many of the first candidates pass what is asked of this element alone (SAMPLE of them, or all
 * there are). Ids are hashes mostly, so the first ones are like the others. */
#define SAMPLE     64u
#define LOOKS_NODE 2.0 /* itself, a field */
#define LOOKS_EDGE 4.0 /* itself, type and field of an end, sometimes of the other */
#define LOOKS_STEP 3.0 /* an edge, type and field of its other end */
static bool sample(struct rmg_search *search, uint32_t index, uint64_t *passed, uint64_t *seen)
{
    struct candidates candidates;
    *passed = 0;
    *seen = 0;
    candidates_of(search, index, &candidates);
    while (*seen < SAMPLE && candidates_next(search, index, &candidates)) {
        *passed += candidates.fits;
        *seen += 1;
        search->bound = 0;
    }
    search->bound = 0;
    return search->err == JIT_OK;
}

static enum jit_err extent_of(const struct rmg_graph *graph, const struct rmg_rule_element *element,
                              uint64_t *count)
{
    *count = element->is_edge ? graph->roots.edge_count : graph->roots.node_count;
    return element->typed ? rmg_extent_count(graph, element->is_edge, &element->type, count)
                          : JIT_OK;
}

/* What it costs to begin at this position, in looks: at each candidate, and from those that pass at
 * what the first step leads to. A guess that changes the cost and never the result. */
static enum jit_err cost_of(struct rmg_search *search, uint32_t index, double *cost)
{
    const struct search_plan *plan = &search->program.plans[index];
    const struct rmg_graph *graph = search->probe.graph;
    uint64_t count = 0;
    uint64_t next = 0;
    uint64_t passed = 0;
    uint64_t seen = 0;
    enum jit_err err = extent_of(graph, &search->rule->elements[index], &count);
    const bool walks = plan->step_count > 0 && !plan->steps[0].enters;
    if (err == JIT_OK && walks) {
        err = extent_of(graph, &search->rule->elements[plan->steps[0].element], &next);
    }
    if (err != JIT_OK) {
        return err;
    }
    if (!sample(search, index, &passed, &seen)) {
        return search->err;
    }
    /* An edge type's extent spreads over all candidates; a scan repeats the whole for each. */
    bool by_value = walks && plan->steps[0].by_value;
    double each = walks && (!plan->steps[0].is_scan || by_value) && count > 0
                      ? (double)next / (double)count
                      : (double)next;
    double share = seen == 0 ? 0 : (double)passed / (double)seen;
    double looks = search->rule->elements[index].is_edge ? LOOKS_EDGE : LOOKS_NODE;
    *cost = (double)count * (looks + share * each * LOOKS_STEP);
    return JIT_OK;
}

/* The cheapest position to begin at. */
static enum jit_err choose_root(struct rmg_search *search, uint32_t *root)
{
    double best = 0;
    if (search->rule->element_count == 1) {
        *root = 0;
        return JIT_OK;
    }
    for (uint32_t i = 0; i < search->rule->element_count; i++) {
        double cost = 0;
        if (search->rule->elements[i].place != 0) {
            continue;
        }
        enum jit_err err = cost_of(search, i, &cost);
        if (err != JIT_OK) {
            return err;
        }
        if (i == 0 || cost < best) {
            best = cost;
            *root = i;
        }
    }
    return JIT_OK;
}

/* Every match there is, to the table or to visit. */
static enum jit_err walk_all(struct rmg_search *search, const struct rmg_graph *graph)
{
    uint32_t root = 0;
    rmg_index_clear(search->index);
    walk_begin(search, graph);
    enum jit_err err = search_nears_index(search);
    if (err == JIT_OK) {
        err = choose_root(search, &root);
    }
    if (err != JIT_OK) {
        return err;
    }
    search->known = scan(search, root, &search->program.plans[root], 0);
    return search->err;
}

enum jit_err rmg_search_all(struct rmg_search *search, const struct rmg_graph *graph)
{
    search->known = false;
    search_table_clear(&search->table);
    search_doors_clear(&search->doors);
    if (search->impossible) {
        search->known = true;
        return JIT_OK;
    }
    return walk_all(search, graph);
}

enum jit_err
rmg_search_visit(struct rmg_search *search, const struct rmg_graph *graph, uint64_t budget,
                 bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count), void *user,
                 uint64_t *looks)
{
    search_table_clear(&search->table);
    search_doors_clear(&search->doors);
    search->visit = visit;
    search->visit_user = user;
    search->looks_left = budget;
    enum jit_err err = search->impossible ? JIT_OK : walk_all(search, graph);
    *looks = budget - search->looks_left;
    search->visit = NULL;
    search->looks_left = UINT64_MAX;
    search->known = false;
    return err;
}

/* --- after a difference --- */

/* A member's portals, entered again: the walk has been elsewhere since, and in another version.
 * They lead where they did, or the member would have gone by its doors. */
static bool enter_again(struct rmg_search *search)
{
    const struct jit_id *inside = &search->ids[search->rule->element_count];
    bool there = true;
    for (uint32_t k = 0; k < search->rule->portal_count && there; k++) {
        struct jit_id id;
        there =
            rmg_probe_enter(&search->probe, k, &id) == RMG_APPLIED && jit_id_equal(&id, &inside[k]);
        search->probe.slots = 0; /* nobody's budget */
        search->err = search->probe.err;
    }
    return there;
}

/* What late conditions look at has changed: each member that was there before is asked again. */
static enum jit_err ask_late(struct rmg_search *search)
{
    struct search_table *table = &search->table;
    for (uint32_t member = 0; member < table->used; member++) {
        if (table->live[member] == SEARCH_DEAD) {
            continue;
        }
        memcpy(search->ids, &table->ids[(size_t)member * table->width],
               table->width * sizeof *search->ids);
        for (uint32_t i = 0; i < search->rule->element_count; i++) {
            rmg_probe_forget(&search->probe, i);
        }
        const bool there = enter_again(search);
        search_table_close(table, member, !there || !search_late_holds(search));
        if (search->err != JIT_OK || !keep_data(search, member)) {
            return search->err;
        }
    }
    return JIT_OK;
}

/* First everything touched goes, then whatever holds now comes back. */
static enum jit_err search_again(struct rmg_search *search, const struct rmg_graph *after,
                                 const struct search_touches *touches)
{
    for (uint32_t i = 0; i < touches->count && !RMG_MUTANT(RMG_MUTANT_STAYS); i++) {
        const struct search_touch *touch = &touches->items[i];
        search_table_remove(&search->table, touch->is_edge, &touch->id, touch->positions);
    }
    walk_begin(search, after);
    if (search->late_changed && ask_late(search) != JIT_OK) {
        return search->err;
    }
    for (uint32_t i = 0; i < touches->count; i++) {
        const struct search_touch *touch = &touches->items[i];
        for (uint32_t position = 0; position < search->rule->element_count; position++) {
            if ((touch->positions >> position & 1) != 0 &&
                !search_from(search, position, &touch->id)) {
                return search->err;
            }
        }
    }
    return JIT_OK;
}

/* Whatever the difference brings; what was there before is in the table, or nobody asks for it. */
static enum jit_err follow(struct rmg_search *search, const struct rmg_graph *before,
                           const struct rmg_graph *after)
{
    struct search_touches touches = {.heap = search->heap};
    enum jit_err err = search_touch_all(search, before, after, &touches);
    if (err == JIT_OK) {
        err = search_touch_doors(search, after, &touches);
    }
    if (err == JIT_OK) {
        err = search_again(search, after, &touches);
    }
    search_touches_release(&touches);
    return err;
}

enum jit_err rmg_search_update(struct rmg_search *search, const struct rmg_graph *before,
                               const struct rmg_graph *after)
{
    if (!search->known) {
        return rmg_search_all(search, after);
    }
    if (search->impossible) {
        return JIT_OK;
    }
    search->known = false;
    enum jit_err err = rmg_index_follow(search->index, before, after);
    if (err == JIT_OK) {
        err = follow(search, before, after);
    }
    search->known = err == JIT_OK;
    return err;
}

static bool one_is_enough(void *user, const struct jit_id *ids, uint32_t id_count)
{
    bool *found = user;
    (void)ids;
    (void)id_count;
    *found = true;
    return false;
}

enum jit_err rmg_search_appears(struct rmg_search *search, const struct rmg_graph *before,
                                const struct rmg_graph *after, bool *found)
{
    *found = false;
    search_table_clear(&search->table);
    search->known = false;
    search->visit = one_is_enough;
    search->visit_user = found;
    enum jit_err err = search->impossible ? JIT_OK : follow(search, before, after);
    search->visit = NULL;
    return err;
}

/* --- life --- */

enum jit_err rmg_search_new(struct jit_heap *heap, const struct rmg_rule *rule,
                            const uint8_t *params, uint32_t params_size,
                            const struct jit_id *instance, struct rmg_shard shard,
                            struct rmg_search **out)
{
    assert(shard.count > 0);
    assert(shard.index < shard.count);
    *out = NULL;
    struct rmg_search *search = jit_heap_zalloc(heap, 1, sizeof *search);
    if (search == NULL) {
        return JIT_ENOMEM;
    }
    search->heap = heap;
    search->rule = rule;
    search->instance = *instance;
    search->shard = shard;
    search->looks_left = UINT64_MAX;
    rmg_probe_init(&search->probe, NULL, rule, search->ids, UINT32_MAX);
    search->doors.heap = heap;
    search_table_init(&search->table, heap, rule, 0);
    enum jit_err err = rmg_params_check(rule, params, params_size, &search->params_digest);
    if (err == JIT_OK) {
        err = rmg_index_new(heap, &search->index);
    }
    if (err == JIT_OK) {
        err = rmg_params_decode(rule, params, params_size, search->probe.params);
    }
    if (err == JIT_OK) {
        err = search_program_init(heap, rule, &search->program);
    }
    if (err != JIT_OK) {
        rmg_search_free(search);
        return err;
    }
    search->table.data_width =
        search->program.draw_field_count + search->program.draw_aggregate_count;
    for (uint32_t i = 0; i < search->program.conjunct_count; i++) {
        const struct search_conjunct *conjunct = &search->program.conjuncts[i];
        if (conjunct->mask == 0 &&
            rmg_probe_condition(&search->probe, conjunct->expr) != RMG_APPLIED) {
            search->impossible = true;
        }
    }
    *out = search;
    return JIT_OK;
}

void rmg_search_free(struct rmg_search *search)
{
    if (search != NULL) {
        search_table_release(&search->table);
        search_doors_release(&search->doors);
        rmg_index_free(search->index);
        search_program_release(search->heap, &search->program);
        search->heap->free(search->heap, search);
    }
}

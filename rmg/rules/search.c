#include "rmg/rules/search.h"

#include "base/check.h"
#include "base/hash.h"
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
bool search_keep_data(struct rmg_search *search, uint32_t member)
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
    return search_keep_data(search, member);
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

/* Is there a match behind the portal? None where there is no portal, or it leads where another one
 * did. */
static bool go_through(struct rmg_search *search, uint32_t portal)
{
    struct jit_id *ids = &search->ids[search->rule->element_count];
    enum rmg_result result = rmg_probe_enter(&search->probe, portal, &ids[portal]);
    search->probe.slots = 0; /* nobody's budget */
    search->err = search->probe.err;
    for (uint32_t i = 0; i < search->rule->portal_count && result == RMG_APPLIED; i++) {
        if ((search->entered >> i & 1) != 0 && jit_id_equal(&ids[i], &ids[portal])) {
            result = RMG_NO_MATCH;
        }
    }
    return result == RMG_APPLIED && search->err == JIT_OK;
}

static bool extend_portal(struct rmg_search *search, const struct search_plan *plan, uint32_t step)
{
    const uint32_t portal = plan->steps[step].element;
    const bool there = go_through(search, portal);
    if (search->err != JIT_OK || !look(search)) {
        return false;
    }
    if (!there) {
        return true;
    }
    search->err =
        search_door_pass(search, portal, &search->ids[search->rule->element_count + portal]);
    search->entered |= 1u << portal;
    const bool good = search->err == JIT_OK && extend(search, plan, step + 1);
    search->entered &= ~(1u << portal);
    return good;
}

void search_candidates_of(const struct rmg_search *search, uint32_t index,
                          struct search_candidates *out)
{
    const struct rmg_rule_element *element = &search->rule->elements[index];
    if (element->typed) {
        rmg_iter_extent(graph_of(search, index), element->is_edge, &element->type, &out->iter);
    } else {
        rmg_iter_all(graph_of(search, index), element->is_edge ? RMG_EDGES : RMG_NODES, &out->iter);
    }
}

bool search_candidates_next(struct rmg_search *search, uint32_t index, struct search_candidates *at)
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

bool search_scan(struct rmg_search *search, uint32_t index, const struct search_plan *plan,
                 uint32_t step)
{
    uint32_t bound = search->bound;
    struct search_candidates candidates;
    search_candidates_of(search, index, &candidates);
    while (search_candidates_next(search, index, &candidates)) {
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
    return plan->steps[step].is_scan
               ? search_scan(search, plan->steps[step].element, plan, step + 1)
               : extend_edge(search, plan, step);
}

void search_walk_begin(struct rmg_search *search, const struct rmg_graph *graph)
{
    search->bound = 0;
    search->entered = 0;
    search->err = JIT_OK;
    search->graph = *graph;
    if (graph->after == NULL) {
        search->graph.index = search->index;
    }
    search->probe.graph = &search->graph;
    search->probe.slots = 0;
    search->probe.err = JIT_OK;
}

/* An element by its id, at a position whose graph is known. False: it cannot be, or it failed. */
static bool bind_one(struct rmg_search *search, uint32_t position, const struct jit_id *id)
{
    struct rmg_edge edge;
    struct jit_id type;
    bool fits = false;
    enum jit_err err;
    if (search->rule->elements[position].is_edge) {
        err = rmg_edge_get(graph_of(search, position), id, &edge);
        fits = err == JIT_OK && bind_edge(search, position, &edge);
    } else {
        if (position == 0 && !in_shard(search, id)) {
            return false;
        }
        err = rmg_node_type(graph_of(search, position), id, &type);
        fits = err == JIT_OK && bind_node(search, position, id, &type);
    }
    if (err != JIT_OK && err != JIT_ENOENT) {
        search->err = err;
    }
    return fits && search->err == JIT_OK;
}

/* From the outside to a place, by the doors: what each portal on the way hangs on is bound. A door
 * that does not lead there any more leads to no match. */
static bool go_in(struct rmg_search *search, uint8_t place, uint32_t number)
{
    const struct search_door *door = &search->doors.items[number];
    const uint32_t portal = place - 1u;
    const uint8_t owner = search->rule->portals[portal].owner;
    const uint8_t outer = search->rule->elements[owner].place;
    if (door->is_edge != search->rule->elements[owner].is_edge ||
        jit_id_is_zero(&door->parent) != (outer == 0)) {
        return false;
    }
    if (outer != 0) {
        const uint32_t parent = search_door_of(&search->doors, &door->parent);
        if (parent == SEARCH_NONE || !go_in(search, outer, parent)) {
            return false;
        }
    }
    if (!bind_one(search, owner, &door->owner) || !go_through(search, portal)) {
        return false;
    }
    search->entered |= 1u << portal;
    return jit_id_equal(&search->ids[search->rule->element_count + portal], &door->instance);
}

bool search_walk_from(struct rmg_search *search, uint32_t position,
                      const struct search_touch *touch)
{
    const uint8_t place = search->rule->elements[position].place;
    search->bound = 0;
    search->entered = 0;
    const bool fits =
        (place == 0 || go_in(search, place, touch->door)) && bind_one(search, position, &touch->id);
    return search->err == JIT_OK && (!fits || extend(search, &search->program.plans[position], 0));
}

/* --- everything from nothing --- */

enum jit_err rmg_search_all(struct rmg_search *search, const struct rmg_graph *graph)
{
    search->known = false;
    search_table_clear(&search->table);
    search_doors_clear(&search->doors);
    if (search->impossible) {
        search->known = true;
        return JIT_OK;
    }
    return search_walk_all(search, graph);
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
    enum jit_err err = search->impossible ? JIT_OK : search_walk_all(search, graph);
    *looks = budget - search->looks_left;
    search->visit = NULL;
    search->looks_left = UINT64_MAX;
    search->known = false;
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

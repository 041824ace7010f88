/* rmg/engine/script_all.c - the parallel step: all matches in the state as it is, in their order,
 * but those in conflict with an earlier one; then all of them are applied. What conflicts is the
 * footprint of docs/spec/footprint.md. Slots that nothing in one rule can be in conflict about are
 * left out: only one rule takes part. */
#include "rmg/store/radix.h"
#include "rmg/engine/script_priv.h"

enum use { USE_NONE, USE_READ, USE_BLIND, USE_WRITE };
enum slot_kind { SLOT_NODE = 1, SLOT_EDGE, SLOT_FIELD, SLOT_INCIDENCE };

struct mark {
    uint64_t key; /* 0: empty */
    uint8_t use;
    uint8_t join; /* of BLIND */
};

struct all {
    struct script_run *run;
    struct script_rule *rule;
    bool edges; /* which slots matter */
    bool nodes;
    bool fields;
    bool incidences;
    uint32_t width;  /* handles a match */
    uint32_t *found; /* matches of one anchor, of a plan that is not in order */
    size_t found_room;
    size_t found_count;
    uint32_t *won; /* matches that will be applied */
    size_t won_room;
    size_t won_count;
    struct mark *uses; /* of one match */
    size_t use_room;
    size_t use_count;
    struct mark *table; /* of fields and incidences, by those who won */
    size_t table_size;  /* power of two */
    size_t table_used;
};

/* ---- the uses of one match ---- */

static uint64_t key_of(enum slot_kind kind, uint32_t more, uint32_t handle)
{
    return (uint64_t)kind << 61 | (uint64_t)(more & 0x1fffffffu) << 32 | handle;
}

static void use_slot(struct all *a, uint64_t key, enum use use, enum rmg_join join)
{
    for (size_t i = 0; i < a->use_count; i++) {
        struct mark *known = &a->uses[i];
        if (known->key == key) {
            bool same = known->use == use && known->join == join;
            known->use = (uint8_t)(same ? known->use : USE_WRITE);
            return;
        }
    }
    if (jit_heap_grow(a->run->heap, (void **)&a->uses, &a->use_room, a->use_count + 1,
                      sizeof *a->uses) != 0) {
        a->run->err = JIT_ENOMEM;
        return;
    }
    a->uses[a->use_count++] = (struct mark){.key = key, .use = (uint8_t)use, .join = (uint8_t)join};
}

#define ANY_TYPE 0x0fffffffu /* incidences of all types */

static void use_incidence(struct all *a, uint32_t node, uint32_t type, unsigned side, enum use use)
{
    uint32_t more = (type == SCRIPT_ANY ? ANY_TYPE : type) << 1 | side;
    use_slot(a, key_of(SLOT_INCIDENCE, more, node), use,
             use == USE_BLIND ? RMG_JOIN_MEMBERS : RMG_JOIN_NONE);
}

/* An edge comes or goes. */
static void use_ends(struct all *a, uint32_t from, uint32_t to, uint32_t type)
{
    if (!a->incidences) {
        return;
    }
    use_incidence(a, from, type, WORK_OUT, USE_BLIND);
    use_incidence(a, from, SCRIPT_ANY, WORK_OUT, USE_BLIND);
    use_incidence(a, to, type, WORK_IN, USE_BLIND);
    use_incidence(a, to, SCRIPT_ANY, WORK_IN, USE_BLIND);
}

static void use_detached(struct all *a, uint32_t node)
{
    const struct script_run *run = a->run;
    const struct rmg_work *work = run->work;
    for (unsigned side = 0; side < 2; side++) {
        struct script_edges edges = script_edges_of(work, node, SCRIPT_ANY, side);
        for (; edges.at != RMG_WORK_NONE && run->err == JIT_OK; script_edges_step(work, &edges)) {
            const struct work_edge *edge = &work->edges[edges.at];
            use_slot(a, key_of(SLOT_EDGE, 0, edges.at), USE_WRITE, RMG_JOIN_NONE);
            use_ends(a, edge->end[WORK_OUT], edge->end[WORK_IN], edge->type);
        }
    }
}

static void use_elements(struct all *a)
{
    const struct script_run *run = a->run;
    const struct script_rule *r = a->rule;
    for (uint32_t i = 0; i < r->rule->element_count; i++) {
        const struct rmg_rule_element *element = &r->rule->elements[i];
        uint32_t handle = run->match.at[i];
        enum use use = element->deleted ? USE_WRITE : USE_READ;
        if (element->is_edge && a->edges) {
            use_slot(a, key_of(SLOT_EDGE, 0, handle), use, RMG_JOIN_NONE);
        } else if (!element->is_edge && a->nodes) {
            use_slot(a, key_of(SLOT_NODE, 0, handle), use, RMG_JOIN_NONE);
        }
        if (element->deleted && element->is_edge) {
            const struct work_edge *edge = &run->work->edges[handle];
            use_ends(a, edge->end[WORK_OUT], edge->end[WORK_IN], edge->type);
        } else if (element->deleted) {
            use_incidence(a, handle, SCRIPT_ANY, WORK_OUT, USE_READ);
            use_incidence(a, handle, SCRIPT_ANY, WORK_IN, USE_READ);
            if (element->detached) {
                use_detached(a, handle);
            }
        }
    }
}

/* A new node has its slots to itself. */
static void use_creates(struct all *a)
{
    const struct script_rule *r = a->rule;
    for (uint32_t i = 0; i < r->rule->create_count && a->incidences; i++) {
        const struct rmg_rule_create *create = &r->rule->creates[i];
        const uint8_t ends[2] = {create->from, create->to};
        for (unsigned side = 0; create->is_edge && side < 2; side++) {
            if ((ends[side] & RMG_RULE_CREATED) == 0) {
                uint32_t node = a->run->match.at[ends[side]];
                use_incidence(a, node, r->create_types[i], side, USE_BLIND);
                use_incidence(a, node, SCRIPT_ANY, side, USE_BLIND);
            }
        }
    }
}

static bool is_element(const struct all *a, uint32_t mask, uint32_t handle)
{
    for (; mask != 0; mask &= mask - 1) {
        if (a->run->match.at[__builtin_ctz(mask)] == handle) {
            return true;
        }
    }
    return false;
}

static void use_negatives(struct all *a)
{
    const struct script_rule *r = a->rule;
    const struct rmg_work *work = a->run->work;
    for (uint32_t i = 0; i < r->rule->negative_count; i++) {
        const struct rmg_rule_near *negative = &r->rule->negatives[i];
        unsigned side = negative->direction == RMG_DIR_OUT ? WORK_OUT : WORK_IN;
        uint32_t node = a->run->match.at[negative->element];
        use_incidence(a, node, r->negative_types[i][0], side, USE_READ);
        if (!negative->other_typed || negative->other_matched || !a->nodes) {
            continue;
        }
        struct script_edges edges = script_edges_of(work, node, r->negative_types[i][0], side);
        for (; edges.at != RMG_WORK_NONE; script_edges_step(work, &edges)) {
            uint32_t other = work->edges[edges.at].end[side ^ 1u];
            if (!is_element(a, r->edge_mask, edges.at) && !is_element(a, r->node_mask, other)) {
                use_slot(a, key_of(SLOT_NODE, 0, other), USE_READ, RMG_JOIN_NONE);
            }
        }
    }
}

static void use_fields(struct all *a)
{
    const struct script_rule *r = a->rule;
    const struct rmg_rule *rule = r->rule;
    const struct rmg_work *work = a->run->work;
    for (uint32_t i = 0; i < rule->field_count && a->fields; i++) {
        use_slot(a,
                 key_of(SLOT_FIELD, r->field_columns[i], a->run->match.at[rule->fields[i].element]),
                 USE_READ, RMG_JOIN_NONE);
    }
    for (uint32_t i = 0; i < rule->update_count && a->fields; i++) {
        uint8_t target = rule->updates[i].target;
        if ((target & RMG_RULE_CREATED) != 0) {
            continue;
        }
        uint32_t handle = a->run->match.at[target];
        enum rmg_join join = rmg_update_join(rule->updates[i].kind);
        use_slot(a, key_of(SLOT_FIELD, r->update_columns[i], handle),
                 join == RMG_JOIN_NONE ? USE_WRITE : USE_BLIND, join);
        /* One more attachment where there are many already: the owner is its own. */
        bool is_edge = rule->elements[target].is_edge;
        uint16_t atoms = is_edge ? work->edges[handle].atoms : work->nodes[handle].atoms;
        const struct work_slot *slot = work_slot_at(&work->columns[r->update_columns[i]], handle);
        if (atoms >= JIT_ATTACHMENTS_MAX / 2 && !work_slot_filled(slot)) {
            use_slot(a, key_of(is_edge ? SLOT_EDGE : SLOT_NODE, 0, handle), USE_WRITE,
                     RMG_JOIN_NONE);
        }
    }
}

/* ---- who has them ---- */

_Static_assert(USE_WRITE < SCRIPT_HELD_USES, "the last one");

/* Nodes and edges have a word each; other slots are in the table: NULL. */
static uint32_t *held_at(const struct all *a, uint64_t key)
{
    switch ((enum slot_kind)(key >> 61)) {
    case SLOT_NODE:
        return &a->run->held[0].words[(uint32_t)key];
    case SLOT_EDGE:
        return &a->run->held[1].words[(uint32_t)key];
    default:
        return NULL;
    }
}

static void held_forget(struct script_held *held, size_t from)
{
    if (from < held->room) {
        memset(held->words + from, 0, (held->room - from) * sizeof *held->words);
    }
}

static enum jit_err held_room(struct jit_heap *heap, struct script_held *held, uint32_t count)
{
    const size_t known = held->room;
    if (jit_heap_grow(heap, (void **)&held->words, &held->room, count, sizeof *held->words) != 0) {
        return JIT_ENOMEM;
    }
    held_forget(held, known);
    return JIT_OK;
}

/* Nobody holds anything: words of an earlier round mean nothing. */
static enum jit_err held_begin(struct all *a)
{
    struct script_run *run = a->run;
    enum jit_err err = JIT_OK;
    if (a->nodes) {
        err = held_room(run->heap, &run->held[0], run->work->node_count);
    }
    if (a->edges && err == JIT_OK) {
        err = held_room(run->heap, &run->held[1], run->work->edge_count);
    }
    if (++run->round == SCRIPT_ROUNDS) {
        run->round = 1;
        held_forget(&run->held[0], 0);
        held_forget(&run->held[1], 0);
    }
    return err;
}

static struct mark *mark_at(const struct all *a, uint64_t key)
{
    size_t at = (size_t)((key ^ key >> 29) * 0x9e3779b97f4a7c15ull >> 20) & (a->table_size - 1);
    while (a->table[at].key != 0 && a->table[at].key != key) {
        at = (at + 1) & (a->table_size - 1);
    }
    return &a->table[at];
}

static enum jit_err table_room(struct all *a, size_t more)
{
    struct mark *old = a->table;
    size_t old_size = a->table_size;
    if ((a->table_used + more) * 2 <= old_size) {
        return JIT_OK;
    }
    size_t size = old_size == 0 ? 1024 : old_size;
    while ((a->table_used + more) * 2 > size) {
        size *= 2;
    }
    a->table = jit_heap_zalloc(a->run->heap, size, sizeof *a->table);
    if (a->table == NULL) {
        a->table = old;
        return JIT_ENOMEM;
    }
    a->table_size = size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].key != 0) {
            *mark_at(a, old[i].key) = old[i];
        }
    }
    a->run->heap->free(a->run->heap, old);
    return JIT_OK;
}

static bool go_together(const struct mark *a, const struct mark *b)
{
    return (a->use == USE_READ && b->use == USE_READ) ||
           (a->use == USE_BLIND && b->use == USE_BLIND && a->join == b->join);
}

static bool is_free(const struct all *a, const struct mark *use)
{
    const uint32_t *held = held_at(a, use->key);
    struct mark by = {.use = USE_NONE};
    if (held == NULL) {
        by = *mark_at(a, use->key);
    } else if (*held / SCRIPT_HELD_USES == a->run->round) {
        by.use = (uint8_t)(*held % SCRIPT_HELD_USES);
    }
    return by.use == USE_NONE || go_together(&by, use);
}

static void hold(struct all *a, const struct mark *use)
{
    uint32_t *held = held_at(a, use->key);
    if (held != NULL) {
        *held = a->run->round * SCRIPT_HELD_USES + use->use;
        return;
    }
    struct mark *mark = mark_at(a, use->key);
    a->table_used += mark->key == 0;
    *mark = *use;
}

/* Take the slots of run->match, or lose to who has one. */
static bool reserve(struct all *a)
{
    struct script_run *run = a->run;
    a->use_count = 0;
    use_elements(a);
    use_creates(a);
    use_negatives(a);
    use_fields(a);
    if (run->err == JIT_OK && (a->fields || a->incidences)) {
        run->err = table_room(a, a->use_count);
    }
    bool all_free = run->err == JIT_OK;
    for (size_t i = 0; i < a->use_count && all_free; i++) {
        all_free = is_free(a, &a->uses[i]);
    }
    for (size_t i = 0; i < a->use_count && all_free; i++) {
        hold(a, &a->uses[i]);
    }
    return all_free;
}

/* ---- all matches ---- */

static bool keep(struct all *a, uint32_t **list, size_t *room, size_t *count)
{
    if (jit_heap_grow(a->run->heap, (void **)list, room, (*count + 1) * a->width, sizeof **list) !=
        0) {
        a->run->err = JIT_ENOMEM;
        return false;
    }
    memcpy(*list + *count * a->width, a->run->match.at, a->width * sizeof **list);
    (*count)++;
    return true;
}

static bool take(struct all *a)
{
    return !reserve(a) || keep(a, &a->won, &a->won_room, &a->won_count);
}

static bool on_match(void *user)
{
    struct all *a = user;
    if (a->rule->plan.ordered) {
        return take(a) && a->run->err == JIT_OK;
    }
    return keep(a, &a->found, &a->found_room, &a->found_count);
}

static void restore(struct all *a, const uint32_t *list, size_t index)
{
    memcpy(a->run->match.at, list + index * a->width, a->width * sizeof *list);
    a->run->bound = a->rule->node_mask | a->rule->edge_mask;
    a->run->id_mask = 0;
}

static int compare_found(const void *user, uint32_t x, uint32_t y)
{
    const struct all *a = user;
    struct script_match m[2];
    memcpy(m[0].at, a->found + (size_t)x * a->width, a->width * sizeof *a->found);
    memcpy(m[1].at, a->found + (size_t)y * a->width, a->width * sizeof *a->found);
    return script_compare(a->rule, &m[0], &m[1]);
}

/* The matches of one anchor that came in any order. */
static void take_found(struct all *a)
{
    struct script_run *run = a->run;
    if (a->found_count > UINT32_MAX) {
        run->err = JIT_ELIMIT;
        return;
    }
    struct rmg_radix *items = run->heap->alloc(run->heap, 2 * a->found_count * sizeof *items);
    if (items == NULL) {
        run->err = JIT_ENOMEM;
        return;
    }
    for (size_t i = 0; i < a->found_count; i++) {
        items[i] = (struct rmg_radix){.key = a->found[i * a->width + a->rule->order[0]],
                                      .index = (uint32_t)i};
    }
    rmg_radix_sort(items, items + a->found_count, a->found_count, compare_found, a);
    for (size_t i = 0; i < a->found_count && run->err == JIT_OK; i++) {
        restore(a, a->found, items[i].index);
        (void)take(a);
    }
    run->heap->free(run->heap, items);
}

static void find_all(struct all *a)
{
    struct script_run *run = a->run;
    struct script_rule *r = a->rule;
    uint32_t anchor = script_bits_next(&r->todo, 0);
    for (; anchor != RMG_WORK_NONE && run->err == JIT_OK;
         anchor = script_bits_next(&r->todo, anchor + 1)) {
        a->found_count = 0;
        if (!script_each(run, r, anchor, on_match, a)) {
            script_bits_drop(&r->todo, anchor);
        } else if (a->found_count > 0 && run->err == JIT_OK) {
            take_found(a);
        }
    }
}

static bool deletes(const struct script_rule *r, uint32_t mask)
{
    return (r->deleted_mask & mask) != 0;
}

enum jit_err script_apply_all(struct script_run *run, uint32_t call, uint64_t *count)
{
    struct script_rule *r = &run->rules[call];
    struct all a = {.run = run, .rule = r, .width = r->rule->element_count};
    if (r->impossible) {
        return JIT_OK;
    }
    a.fields = r->rule->update_count > 0;
    a.nodes = deletes(r, r->node_mask) || a.fields;
    a.edges = deletes(r, r->edge_mask) || r->unlinks || a.fields;
    a.incidences = r->rule->negative_count > 0 || deletes(r, r->node_mask);
    run->err = held_begin(&a);
    if (run->err == JIT_OK) {
        find_all(&a);
    }
    for (size_t i = 0; i < a.won_count && run->err == JIT_OK; i++) {
        restore(&a, a.won, i);
        /* Only joins of several can have no outcome, as in a tick: the later one is left out. */
        if (script_values(run, r)) {
            run->err = script_apply(run, call);
            *count += run->err == JIT_OK;
        }
    }
    run->heap->free(run->heap, a.found);
    run->heap->free(run->heap, a.won);
    run->heap->free(run->heap, a.uses);
    run->heap->free(run->heap, a.table);
    return run->err;
}

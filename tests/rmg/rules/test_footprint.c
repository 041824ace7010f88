/* Goal:   a footprint is all that matters to a match and all that it changes.
 * Method: over random graphs and rules: changes of slots outside the footprint leave the verdict
 *         and the values as they were; of two matches without a conflict either may go first, and
 *         the other still applies with the same values; a rewrite changes nothing but what its
 *         footprint writes; and of the table that footprints follow from each cell, left out, is
 *         missed by one of these three. */
#include "rmg/change/patch.h"
#include "tests/lib/rule_model.h"
#include "tests/lib/tcase.h"
#include "tests/lib/trial.h"

static const struct rmg_draw draw = {.seed = 5, .tick = 9, .round = 0};

static struct rule_model model;

/* All tuples that the judge accepts, up to a bound. */
#define TUPLES_MAX 24
struct tuples {
    unsigned items[TUPLES_MAX][JIT_PATTERN_ELEMENTS_MAX];
    unsigned count;
};

static void gather(struct tuples *tuples, unsigned *tuple, unsigned count)
{
    unsigned elements = model.kit.rule.element_count;
    if (tuples->count == TUPLES_MAX) {
        return;
    }
    if (count == elements) {
        if (rm_judge(&model, tuple) == RMG_APPLIED) {
            memcpy(tuples->items[tuples->count++], tuple, elements * sizeof *tuple);
        }
        return;
    }
    unsigned bound = model.kit.elements[count].is_edge ? RM_EDGES : RM_NODES;
    unsigned first = (unsigned)rm_roll(&model, bound);
    for (unsigned n = 0; n < bound; n++) {
        tuple[count] = (first + n) % bound;
        if (rm_structure_holds(&model, tuple, count + 1)) {
            gather(tuples, tuple, count + 1);
        }
    }
}

static struct rmg_slot slot_of(enum rmg_slot_kind kind, struct jit_id id)
{
    return (struct rmg_slot){.kind = kind, .instance = model.g.instance, .id = id};
}

struct outside {
    const struct uses *uses;
    const struct rmg_graph *sides[2];
    bool touched;   /* a slot of the footprint changed */
    bool unwritten; /* a slot changed that the footprint does not write */
    bool came;      /* a node or edge came or went */
    bool retyped;   /* a node that stays has another type */
};

static bool writes_slot(const struct uses *uses, const struct rmg_slot *slot)
{
    for (unsigned i = 0; i < uses->count; i++) {
        if (rmg_slot_compare(&uses->items[i].slot, slot) == 0) {
            return uses->items[i].access != RMG_ACCESS_READ;
        }
    }
    return false;
}

static void note_slot(struct outside *outside, const struct rmg_slot *slot)
{
    outside->touched = outside->touched || uses_slot(outside->uses, slot);
    outside->unwritten = outside->unwritten || !writes_slot(outside->uses, slot);
}

static void note_edge(struct outside *outside, const struct rmg_edge *edge)
{
    for (int side = 0; side < 2; side++) {
        struct rmg_slot slot = slot_of(RMG_SLOT_INCIDENCE, side == 0 ? edge->from : edge->to);
        slot.direction = side == 0 ? RMG_DIR_OUT : RMG_DIR_IN;
        note_slot(outside, &slot);
        slot.type = edge->type;
        note_slot(outside, &slot);
    }
    struct rmg_slot edge_slot = slot_of(RMG_SLOT_EDGE, edge->id);
    struct rmg_slot extent = slot_of(RMG_SLOT_EXTENT, edge->type);
    note_slot(outside, &edge_slot);
    note_slot(outside, &extent);
}

static const char *const names[] = {"f", "g", "h"};

/* In this version the node has it, under its type. */
static void note_values(struct outside *outside, unsigned side, const struct jit_id *node,
                        const char *name)
{
    struct rmg_value value;
    struct jit_id type;
    if (rmg_attachment_get(outside->sides[side], RMG_PLANE_ALPHA, node, name, 1, &value) ==
        JIT_OK) {
        ck_assert_int_eq(rmg_node_type(outside->sides[side], node, &type), JIT_OK);
        struct rmg_slot slot = slot_of(RMG_SLOT_VALUES, type);
        slot.name = name;
        slot.name_size = 1;
        if (rmg_sought_find(trial_sought, &type, name, 1) < trial_sought->count) {
            note_slot(outside, &slot); /* else it is of the root node, of which nobody asks */
        }
    }
}

static bool note_owner(struct outside *outside, const struct rmg_change *change)
{
    enum rmg_plane plane = change->map == RMG_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    for (unsigned i = 0; i < 3; i++) {
        struct rmg_value sides[2];
        enum jit_err errs[2];
        for (unsigned s = 0; s < 2; s++) {
            errs[s] =
                rmg_attachment_get(outside->sides[s], plane, &change->id, names[i], 1, &sides[s]);
        }
        if (errs[0] == errs[1] &&
            (errs[0] != JIT_OK || memcmp(sides[0].bytes, sides[1].bytes, 8) == 0)) {
            continue;
        }
        struct rmg_slot slot =
            slot_of(plane == RMG_PLANE_ALPHA ? RMG_SLOT_ALPHA : RMG_SLOT_BETA, change->id);
        slot.name = names[i];
        slot.name_size = 1;
        note_slot(outside, &slot);
        for (unsigned s = 0; s < 2 && plane == RMG_PLANE_ALPHA; s++) {
            note_values(outside, s, &change->id, names[i]);
        }
    }
    return true;
}

/* The slots that a difference of two versions consists of. */
static bool note_change(void *user, const struct rmg_change *change)
{
    struct outside *outside = user;
    bool is_element = change->map == RMG_NODES || change->map == RMG_EDGES;
    outside->came = outside->came || (is_element && change->before != change->after);
    outside->retyped =
        outside->retyped || (change->map == RMG_NODES && change->before && change->after);
    for (unsigned s = 0; s < 2; s++) {
        if (!(s == 0 ? change->before : change->after)) {
            continue;
        }
        if (change->map == RMG_NODES) {
            struct jit_id type;
            struct rmg_slot slot = slot_of(RMG_SLOT_NODE, change->id);
            ck_assert_int_eq(rmg_node_type(outside->sides[s], &change->id, &type), JIT_OK);
            struct rmg_slot extent = slot_of(RMG_SLOT_EXTENT, type);
            note_slot(outside, &slot);
            note_slot(outside, &extent);
            for (unsigned i = 0; i < 3 && change->before && change->after; i++) {
                note_values(outside, s, &change->id, names[i]);
            }
        } else if (change->map == RMG_EDGES) {
            struct rmg_edge edge;
            ck_assert_int_eq(rmg_edge_get(outside->sides[s], &change->id, &edge), JIT_OK);
            note_edge(outside, &edge);
        }
    }
    return change->map == RMG_ALPHA || change->map == RMG_BETA ? note_owner(outside, change) : true;
}

/* Would both write the same bytes? */
static bool same_values(const struct trial *a, const struct trial *b)
{
    for (uint32_t i = 0; i < a->match.rule->update_count; i++) {
        if (a->effect.value_size[i] != b->effect.value_size[i] ||
            memcmp(a->values.data + a->effect.value_at[i], b->values.data + b->effect.value_at[i],
                   a->effect.value_size[i]) != 0) {
            return false;
        }
    }
    return true;
}

static unsigned outside_count; /* changes that touched nothing of the footprint */

static void change_and_compare(struct trial *was, struct trial *now, const struct uses *uses)
{
    struct rmg_graph before = kit_graph_of(&model.g, NULL);
    rm_change(&model, 1 + (unsigned)rm_roll(&model, 2));
    struct rmg_graph after = kit_graph_of(&model.g, NULL);
    struct outside outside = {.uses = uses, .sides = {&before, &after}};
    ck_assert_int_eq(rmg_graph_diff(&before, &after, note_change, &outside), JIT_OK);
    enum rmg_result result = trial_run(now, &model.g, &draw, JIT_VERIFY_SLOTS_MAX);
    if (!outside.touched) {
        ck_assert_int_eq(result, RMG_APPLIED);
        ck_assert(same_values(was, now));
        outside_count++;
    }
}

START_TEST(outside_changes_nothing) /* _i = seed */
{
    static struct trial was;
    static struct trial now;
    static struct uses uses;
    static struct tuples tuples;
    unsigned tuple[JIT_PATTERN_ELEMENTS_MAX];
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
    rm_begin(&model, 1000 + (uint64_t)_i);
    rm_change(&model, 100);
    for (unsigned rules = 0; rules < 6; rules++) {
        struct rmg_rule *rule = rm_rule(&model, true);
        tuples.count = 0;
        gather(&tuples, tuple, 0);
        for (unsigned k = 0; k < tuples.count && k < 6; k++) {
            rm_ids(&model, tuples.items[k], ids);
            trial_init(&was, &model.heap.heap, rule, ids);
            trial_init(&now, &model.heap.heap, rule, ids);
            for (unsigned changes = 0; changes < 12; changes++) {
                if (trial_run(&was, &model.g, &draw, JIT_VERIFY_SLOTS_MAX) != RMG_APPLIED) {
                    break; /* gone, by an earlier change */
                }
                trial_uses(&was, &uses);
                change_and_compare(&was, &now, &uses);
            }
            trial_release(&was);
            trial_release(&now);
        }
        rmg_rule_free(&model.heap.heap, rule);
    }
    rm_end(&model);
}
END_TEST

/* --- two matches without a conflict --- */

static int by_op(const void *a, const void *b)
{
    return rmg_op_compare(&((const struct rmg_emit *)a)->op, &((const struct rmg_emit *)b)->op);
}

/* Apply a rewrite, to the store only. */
static void apply(const struct trial *t)
{
    static struct script script;
    struct rmg_graph graph = kit_graph_of(&model.g, NULL);
    static uint8_t joined[SCRIPT_MAX][JOINED_MAX];
    trial_script(t, &script);
    qsort(script.items, script.count, sizeof script.items[0], by_op);
    for (unsigned i = 0; i < script.count; i++) {
        struct rmg_emit *emit = &script.items[i];
        struct rmg_value now;
        if (emit->join != RMG_JOIN_NONE) {
            ck_assert_int_eq(rmg_attachment_get(&graph, emit->op.plane, &emit->op.id,
                                                emit->op.attachment.name,
                                                emit->op.attachment.name_size, &now),
                             JIT_OK);
            emit->op.attachment.value.size = naive_join(emit, now.bytes, now.size, joined[i]);
            ck_assert_uint_gt(emit->op.attachment.value.size, 0);
            emit->op.attachment.value.bytes = joined[i];
        }
    }
    kit_open(&model.g);
    for (unsigned i = 0; i < script.count; i++) {
        static const struct rmg_origin origin;
        script.items[i].op.origins = &origin;
        script.items[i].op.origin_count = 1;
        enum jit_err err = rmg_op_apply(model.g.tx, &script.items[i].op, false);
        ck_assert_msg(err == JIT_OK, "%s", jit_err_text(err));
    }
    kit_seal(&model.g);
}

/* Matches of several rules, so that what one creates another may forbid. */
#define RULES          4u
#define CANDIDATES_MAX (RULES * TUPLES_MAX)
struct candidate {
    const struct rmg_rule *rule;
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
};
static struct candidate candidates[CANDIDATES_MAX];
static unsigned candidate_count;

static void gather_candidates(const struct rmg_rule *rule)
{
    static struct tuples tuples;
    unsigned tuple[JIT_PATTERN_ELEMENTS_MAX];
    tuples.count = 0;
    gather(&tuples, tuple, 0);
    for (unsigned i = 0; i < tuples.count; i++) {
        candidates[candidate_count].rule = rule;
        rm_ids(&model, tuples.items[i], candidates[candidate_count++].ids);
    }
}

/* Both verified in the same state; true: both apply. To be released whatever comes back. */
static bool try_both(const struct candidate *first, const struct candidate *second,
                     struct trial trials[2])
{
    bool applies = true;
    for (unsigned i = 0; i < 2; i++) {
        const struct candidate *candidate = i == 0 ? first : second;
        trial_init(&trials[i], &model.heap.heap, candidate->rule, candidate->ids);
        trials[i].match.root_node = &model.g.root;
        applies =
            trial_run(&trials[i], &model.g, &draw, JIT_VERIFY_SLOTS_MAX) == RMG_APPLIED && applies;
    }
    return applies;
}

/* The first one goes; the second one still applies, with the same values. False: one of them does
 * not apply, or they conflict. */
static bool one_after_the_other(const struct candidate *first, const struct candidate *second)
{
    static struct trial trials[2];
    static struct trial again;
    static struct uses uses[2];
    bool applies = try_both(first, second, trials);
    for (unsigned i = 0; i < 2 && applies; i++) {
        trial_uses(&trials[i], &uses[i]);
    }
    applies = applies && !uses_conflict(&uses[0], &uses[1]);
    if (applies) {
        trial_init(&again, &model.heap.heap, second->rule, second->ids);
        apply(&trials[0]);
        ck_assert_int_eq(trial_run(&again, &model.g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_APPLIED);
        ck_assert(same_values(&trials[1], &again));
        apply(&again);
        trial_release(&again);
    }
    trial_release(&trials[0]);
    trial_release(&trials[1]);
    return applies;
}

START_TEST(without_conflict_one_after_the_other) /* _i = seed */
{
    unsigned pairs = 0;
    for (uint64_t round = 0; round < 30 || (pairs <= 20 && round < 200); round++) {
        struct rmg_rule *rules[RULES];
        rm_begin(&model, 77000 + (uint64_t)_i * 100 + round);
        rm_change(&model, 100);
        candidate_count = 0;
        for (unsigned i = 0; i < RULES; i++) {
            rules[i] = rm_rule(&model, true);
            gather_candidates(rules[i]);
        }
        for (unsigned tries = 0; tries < 60 && candidate_count > 1; tries++) {
            unsigned a = (unsigned)rm_roll(&model, candidate_count);
            unsigned b = (unsigned)rm_roll(&model, candidate_count);
            pairs += a != b && one_after_the_other(&candidates[a], &candidates[b]);
        }
        for (unsigned i = 0; i < RULES; i++) {
            rmg_rule_free(&model.heap.heap, rules[i]);
        }
        rm_end(&model);
    }
    ck_assert_uint_gt(pairs, 20);
}
END_TEST

/* --- each cell of the table is needed --- */

/* A row and a column of docs/spec/footprint.md. Existence and type have one slot, as have the
 * columns of an element; what tells them apart is what changes. */
enum cell {
    WHOLE, /* nothing is left out */
    EXISTENCE_READ,
    EXISTENCE_ADD,
    EXISTENCE_REMOVE,
    TYPE_READ,
    ATTRIBUTE_READ,
    ATTRIBUTE_ADD,
    ATTRIBUTE_REMOVE,
    ATTRIBUTE_SET,
    ATTRIBUTE_BLIND,
    INCIDENCE_READ,
    INCIDENCE_ADD,
    INCIDENCE_REMOVE,
    EXTENT_READ,
    EXTENT_ADD,
    EXTENT_REMOVE,
    VALUES_READ,
    VALUES_ADD,
    VALUES_REMOVE,
    VALUES_SET,
    VALUES_BLIND,
    CELLS
};

static const char *const cell_names[CELLS] = {"whole",
                                              "existence read",
                                              "existence add",
                                              "existence remove",
                                              "type read",
                                              "attribute read",
                                              "attribute add",
                                              "attribute remove",
                                              "attribute set",
                                              "attribute blind",
                                              "incidence read",
                                              "incidence add",
                                              "incidence remove",
                                              "extent read",
                                              "extent add",
                                              "extent remove",
                                              "extent of a field read",
                                              "extent of a field add",
                                              "extent of a field remove",
                                              "extent of a field set",
                                              "extent of a field blind"};

/* What a rewrite does, as far as it tells cells apart. */
struct deeds {
    struct script script;
    struct rmg_graph before;
};

static bool does(const struct deeds *deeds, enum rmg_op_kind kind, const struct jit_id *id)
{
    for (unsigned i = 0; i < deeds->script.count; i++) {
        const struct rmg_op *op = &deeds->script.items[i].op;
        if (op->kind == kind && (id == NULL || jit_id_equal(&op->id, id))) {
            return true;
        }
    }
    return false;
}

static enum cell cell_of_element(const struct deeds *deeds, const struct rmg_use *use)
{
    bool is_edge = use->slot.kind == RMG_SLOT_EDGE;
    if (does(deeds, is_edge ? RMG_OP_UPSERT_EDGE : RMG_OP_UPSERT_NODE, &use->slot.id)) {
        return EXISTENCE_ADD;
    }
    return does(deeds, is_edge ? RMG_OP_DELETE_EDGE : RMG_OP_DELETE_NODE, &use->slot.id)
               ? EXISTENCE_REMOVE
               : WHOLE;
}

static enum cell cell_of_attribute(const struct deeds *deeds, const struct rmg_use *use)
{
    enum rmg_plane plane = use->slot.kind == RMG_SLOT_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    struct rmg_value value;
    if (does(deeds, RMG_OP_DELETE_EDGE, &use->slot.id) ||
        does(deeds, RMG_OP_DELETE_NODE, &use->slot.id)) {
        return ATTRIBUTE_REMOVE;
    }
    return rmg_attachment_get(&deeds->before, plane, &use->slot.id, use->slot.name,
                              use->slot.name_size, &value) == JIT_OK
               ? ATTRIBUTE_SET
               : ATTRIBUTE_ADD;
}

/* Of a rewrite that makes and deletes edges (nodes) it is not told apart which it was. */
static enum cell cell_of_members(const struct deeds *deeds, enum cell add, enum cell remove)
{
    bool adds = does(deeds, RMG_OP_UPSERT_EDGE, NULL) ||
                (add == EXTENT_ADD && does(deeds, RMG_OP_UPSERT_NODE, NULL));
    bool removes = does(deeds, RMG_OP_DELETE_EDGE, NULL) ||
                   (add == EXTENT_ADD && does(deeds, RMG_OP_DELETE_NODE, NULL));
    return adds && removes ? WHOLE : adds ? add : remove;
}

/* The type of a node that an operation is about: as it is, or made by another operation. */
static struct jit_id type_of(const struct deeds *deeds, const struct jit_id *node)
{
    struct jit_id type = {{0}};
    if (rmg_node_type(&deeds->before, node, &type) == JIT_OK) {
        return type;
    }
    for (unsigned i = 0; i < deeds->script.count; i++) {
        const struct rmg_op *op = &deeds->script.items[i].op;
        if (op->kind == RMG_OP_UPSERT_NODE && jit_id_equal(&op->id, node)) {
            type = op->type;
        }
    }
    return type;
}

/* What the rewrite does with this field of nodes of this type; of one that does several things it
 * is not told apart which. */
static enum cell cell_of_values(const struct deeds *deeds, const struct rmg_slot *slot)
{
    enum cell found = WHOLE;
    for (unsigned i = 0; i < deeds->script.count; i++) {
        const struct rmg_emit *emit = &deeds->script.items[i];
        const struct rmg_op *op = &emit->op;
        struct rmg_value value;
        enum cell one = VALUES_ADD;
        if ((op->kind != RMG_OP_SET_ATTACHMENT && op->kind != RMG_OP_CLEAR_ATTACHMENT) ||
            op->plane != RMG_PLANE_ALPHA || op->attachment.name_size != slot->name_size ||
            memcmp(op->attachment.name, slot->name, slot->name_size) != 0) {
            continue;
        }
        struct jit_id type = type_of(deeds, &op->id);
        if (!jit_id_equal(&type, &slot->id)) {
            continue;
        }
        if (op->kind == RMG_OP_CLEAR_ATTACHMENT) {
            one = VALUES_REMOVE;
        } else if (emit->join != RMG_JOIN_NONE) {
            one = VALUES_BLIND;
        } else if (rmg_attachment_get(&deeds->before, RMG_PLANE_ALPHA, &op->id, slot->name,
                                      slot->name_size, &value) == JIT_OK) {
            one = VALUES_SET;
        }
        if (found != WHOLE && found != one) {
            return WHOLE;
        }
        found = one;
    }
    return found;
}

static enum cell written_cell(const struct deeds *deeds, const struct rmg_use *use)
{
    switch (use->slot.kind) {
    case RMG_SLOT_NODE:
    case RMG_SLOT_EDGE:
        return cell_of_element(deeds, use);
    case RMG_SLOT_ALPHA:
    case RMG_SLOT_BETA:
        return use->access == RMG_ACCESS_BLIND ? ATTRIBUTE_BLIND : cell_of_attribute(deeds, use);
    case RMG_SLOT_INCIDENCE:
        return cell_of_members(deeds, INCIDENCE_ADD, INCIDENCE_REMOVE);
    case RMG_SLOT_EXTENT:
        return cell_of_members(deeds, EXTENT_ADD, EXTENT_REMOVE);
    case RMG_SLOT_VALUES:
        return cell_of_values(deeds, &use->slot);
    }
    return WHOLE;
}

static bool is_read_cell(const struct rmg_use *use, enum cell cell)
{
    switch (use->slot.kind) {
    case RMG_SLOT_NODE:
    case RMG_SLOT_EDGE:
        return cell == EXISTENCE_READ || cell == TYPE_READ;
    case RMG_SLOT_ALPHA:
    case RMG_SLOT_BETA:
        return cell == ATTRIBUTE_READ;
    case RMG_SLOT_INCIDENCE:
        return cell == INCIDENCE_READ;
    case RMG_SLOT_EXTENT:
        return cell == EXTENT_READ;
    case RMG_SLOT_VALUES:
        return cell == VALUES_READ;
    }
    return false;
}

/* The footprint of a table that lacks one cell. */
static void uses_without(const struct trial *t, enum cell cell, struct uses *uses)
{
    static struct deeds deeds;
    unsigned kept = 0;
    trial_uses(t, uses);
    trial_script(t, &deeds.script);
    deeds.before = kit_graph_of(&model.g, NULL);
    for (unsigned i = 0; i < uses->count; i++) {
        struct rmg_use use = uses->items[i];
        if (use.access == RMG_ACCESS_READ) {
            if (is_read_cell(&use, cell)) {
                continue;
            }
        } else if (cell != WHOLE && written_cell(&deeds, &use) == cell) {
            if (!use.read) {
                continue;
            }
            use.access = RMG_ACCESS_READ;
            use.join = RMG_JOIN_NONE;
        }
        uses->items[kept++] = use;
    }
    uses->count = kept;
}

static enum rmg_result try_again(struct trial *again, const struct trial *was, bool *same)
{
    trial_init(again, &model.heap.heap, was->match.rule, was->ids);
    again->match.root_node = was->match.root_node;
    enum rmg_result result = trial_run(again, &model.g, &draw, JIT_VERIFY_SLOTS_MAX);
    *same = result == RMG_APPLIED && same_values(was, again);
    return result;
}

/* Changes outside what is left of the footprint: how many of them mattered all the same? */
static unsigned betrayed_by_change(const struct candidate *candidate, enum cell cell)
{
    static struct trial was;
    static struct trial now;
    static struct uses uses;
    unsigned betrayed = 0;
    trial_init(&was, &model.heap.heap, candidate->rule, candidate->ids);
    for (unsigned i = 0; i < 8; i++) {
        bool same = false;
        if (trial_run(&was, &model.g, &draw, JIT_VERIFY_SLOTS_MAX) != RMG_APPLIED) {
            break;
        }
        uses_without(&was, cell, &uses);
        struct rmg_graph before = kit_graph_of(&model.g, NULL);
        rm_change(&model, 1);
        struct rmg_graph after = kit_graph_of(&model.g, NULL);
        struct outside outside = {.uses = &uses, .sides = {&before, &after}};
        ck_assert_int_eq(rmg_graph_diff(&before, &after, note_change, &outside), JIT_OK);
        (void)try_again(&now, &was, &same);
        betrayed += !outside.touched && !same && (cell != EXISTENCE_READ || outside.came) &&
                    (cell != TYPE_READ || (outside.retyped && !outside.came));
        trial_release(&now);
    }
    trial_release(&was);
    return betrayed;
}

/* A rewrite that changes what the footprint does not write; and another one behind it, that ought
 * not to mind. */
static unsigned betrayed_by_rewrite(const struct candidate *first, const struct candidate *second,
                                    enum cell cell)
{
    static struct trial trials[2];
    static struct trial again;
    static struct uses uses[2];
    unsigned betrayed = 0;
    bool applies = try_both(first, second, trials);
    for (unsigned i = 0; i < 2 && applies; i++) {
        uses_without(&trials[i], cell, &uses[i]);
    }
    if (applies) {
        bool same = false;
        struct rmg_graph before = kit_graph_of(&model.g, NULL);
        apply(&trials[0]);
        struct rmg_graph after = kit_graph_of(&model.g, NULL);
        struct outside outside = {.uses = &uses[0], .sides = {&before, &after}};
        ck_assert_int_eq(rmg_graph_diff(&before, &after, note_change, &outside), JIT_OK);
        (void)try_again(&again, &trials[1], &same);
        betrayed = outside.unwritten || (!uses_conflict(&uses[0], &uses[1]) && !same);
        trial_release(&again);
    }
    trial_release(&trials[0]);
    trial_release(&trials[1]);
    return betrayed;
}

/* One random world: how often is it noticed that the cell is missing? */
static unsigned betrayals(uint64_t seed, enum cell cell)
{
    struct rmg_rule *rules[RULES];
    unsigned betrayed = 0;
    rm_begin(&model, seed);
    rm_change(&model, 100);
    candidate_count = 0;
    for (unsigned i = 0; i < RULES; i++) {
        rules[i] = rm_rule(&model, true);
        gather_candidates(rules[i]);
    }
    for (unsigned i = 0; i < 12 && candidate_count > 0; i++) {
        betrayed += betrayed_by_change(&candidates[rm_roll(&model, candidate_count)], cell);
    }
    for (unsigned i = 0; i < 24 && candidate_count > 1; i++) {
        unsigned a = (unsigned)rm_roll(&model, candidate_count);
        unsigned b = (unsigned)rm_roll(&model, candidate_count);
        if (a != b) {
            betrayed += betrayed_by_rewrite(&candidates[a], &candidates[b], cell);
        }
    }
    for (unsigned i = 0; i < RULES; i++) {
        rmg_rule_free(&model.heap.heap, rules[i]);
    }
    rm_end(&model);
    return betrayed;
}

/* Without any one cell of the table something goes wrong, with all of them never. */
#define WORLDS_WHOLE 150u
#define WORLDS_MAX   2000u
START_TEST(each_cell_is_needed) /* _i = cell */
{
    unsigned betrayed = 0;
    if (_i == WHOLE) {
        for (uint64_t seed = 0; seed < WORLDS_WHOLE; seed++) {
            betrayed = betrayals(500000 + seed, WHOLE);
            ck_assert_msg(betrayed == 0, "seed %llu", (unsigned long long)seed);
        }
        return;
    }
    for (uint64_t seed = 0; seed < WORLDS_MAX && betrayed < 3; seed++) {
        betrayed += betrayals(500000 + seed, (enum cell)_i);
    }
    ck_assert_msg(betrayed >= 3, "%s: nobody misses it", cell_names[_i]);
}
END_TEST

static void suite(Suite *s)
{
    trial_sought = rm_sought();
    TCase *t = test_case(s, "footprint", 60);
    tcase_add_loop_test(t, outside_changes_nothing, 0, 60);
    tcase_add_loop_test(t, without_conflict_one_after_the_other, 0, 40);
    tcase_add_loop_test(t, each_cell_is_needed, 0, CELLS);
}

TEST_MAIN("footprint", suite)

/* Goal:   a footprint is all that matters to a match and all that it changes.
 * Method: over random graphs and rules: changes of slots outside the footprint leave the verdict
 *         and the values as they were; of two matches without a conflict either may go first, and
 *         the other still applies with the same values. */
#include "rmg/patch.h"
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

static bool uses_edge(const struct uses *uses, const struct rmg_edge *edge)
{
    for (int side = 0; side < 2; side++) {
        struct rmg_slot slot = slot_of(RMG_SLOT_INCIDENCE, side == 0 ? edge->from : edge->to);
        slot.direction = side == 0 ? RMG_DIR_OUT : RMG_DIR_IN;
        if (uses_slot(uses, &slot)) {
            return true;
        }
        slot.type = edge->type;
        if (uses_slot(uses, &slot)) {
            return true;
        }
    }
    struct rmg_slot edge_slot = slot_of(RMG_SLOT_EDGE, edge->id);
    struct rmg_slot extent = slot_of(RMG_SLOT_EXTENT, edge->type);
    return uses_slot(uses, &edge_slot) || uses_slot(uses, &extent);
}

struct outside {
    const struct uses *uses;
    const struct rmg_graph *sides[2];
    bool touched; /* a slot of the footprint changed */
};

static bool note_owner(struct outside *outside, const struct rmg_change *change)
{
    static const char *const names[] = {"f", "g", "h"};
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
        outside->touched = outside->touched || uses_slot(outside->uses, &slot);
    }
    return true;
}

/* The slots that a difference of two versions consists of. */
static bool note_change(void *user, const struct rmg_change *change)
{
    struct outside *outside = user;
    for (unsigned s = 0; s < 2; s++) {
        if (!(s == 0 ? change->before : change->after)) {
            continue;
        }
        if (change->map == RMG_NODES) {
            struct jit_id type;
            struct rmg_slot slot = slot_of(RMG_SLOT_NODE, change->id);
            ck_assert_int_eq(rmg_node_type(outside->sides[s], &change->id, &type), JIT_OK);
            struct rmg_slot extent = slot_of(RMG_SLOT_EXTENT, type);
            outside->touched = outside->touched || uses_slot(outside->uses, &slot) ||
                               uses_slot(outside->uses, &extent);
        } else if (change->map == RMG_EDGES) {
            struct rmg_edge edge;
            ck_assert_int_eq(rmg_edge_get(outside->sides[s], &change->id, &edge), JIT_OK);
            outside->touched = outside->touched || uses_edge(outside->uses, &edge);
        }
    }
    return change->map == RMG_ALPHA || change->map == RMG_BETA ? note_owner(outside, change) : true;
}

/* What a trial would write, as bytes. */
static void same_values(const struct trial *a, const struct trial *b)
{
    for (uint32_t i = 0; i < a->match.rule->update_count; i++) {
        ck_assert_uint_eq(a->effect.value_size[i], b->effect.value_size[i]);
        ck_assert_int_eq(memcmp(a->values.data + a->effect.value_at[i],
                                b->values.data + b->effect.value_at[i], a->effect.value_size[i]),
                         0);
    }
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
        same_values(was, now);
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

/* The first one goes; the second one still applies, with the same values. False: one of them does
 * not apply, or they conflict. */
static bool one_after_the_other(const struct candidate *first, const struct candidate *second)
{
    static struct trial trials[2];
    static struct trial again;
    static struct uses uses[2];
    bool applies = true;
    for (unsigned i = 0; i < 2; i++) {
        const struct candidate *candidate = i == 0 ? first : second;
        trial_init(&trials[i], &model.heap.heap, candidate->rule, candidate->ids);
        trials[i].match.root_node = &model.g.root;
        applies =
            trial_run(&trials[i], &model.g, &draw, JIT_VERIFY_SLOTS_MAX) == RMG_APPLIED && applies;
        if (applies) {
            trial_uses(&trials[i], &uses[i]);
        }
    }
    applies = applies && !uses_conflict(&uses[0], &uses[1]);
    if (applies) {
        trial_init(&again, &model.heap.heap, second->rule, second->ids);
        apply(&trials[0]);
        ck_assert_int_eq(trial_run(&again, &model.g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_APPLIED);
        same_values(&trials[1], &again);
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

static void suite(Suite *s)
{
    TCase *t = test_case(s, "footprint", 60);
    tcase_add_loop_test(t, outside_changes_nothing, 0, 60);
    tcase_add_loop_test(t, without_conflict_one_after_the_other, 0, 40);
}

TEST_MAIN("footprint", suite)

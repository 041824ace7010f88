/* Goal:   what is said of rules before there are matches holds for all their matches: every use is
 *         covered by a row; matches conflict only where their rules may; a rule that never applies
 *         has no match that does; and what is said is not simply everything.
 * Method: random rules over random graphs beside verification, footprints and a judge of their own;
 *         facts about one value beside all values of a small range; rules of the language with
 *         their pairs. */
#include <stdio.h>

#include "rmg/lang/lang_advise.h"
#include "tests/lib/rule_model.h"
#include "tests/lib/tcase.h"
#include "tests/lib/trial.h"
#include "tests/rmg/lang/lang_fixture.h"

static const struct rmg_draw draw = {.seed = 5, .tick = 9, .round = 0};
static struct rule_model model;

/* ---- facts about one value ---- */

static bool op_holds(enum rmg_expr_op op, double a, double b)
{
    switch (op) {
    case RMG_EXPR_EQ:
        return a == b;
    case RMG_EXPR_NE:
        return a != b; /* NaN is no constant here */
    case RMG_EXPR_LT:
        return a < b;
    case RMG_EXPR_LE:
        return a <= b;
    case RMG_EXPR_GT:
        return a > b;
    default:
        return a >= b;
    }
}

START_TEST(facts_agree) /* _i: 0 i64, 1 f64 */
{
    struct jit_random dice = jit_random_of(31);
    unsigned agreed = 0;
    for (unsigned round = 0; round < 3000; round++) {
        struct rmg_rule_fact facts[5];
        uint32_t count = 1 + (uint32_t)jit_random_below(&dice, 5);
        for (uint32_t i = 0; i < count; i++) {
            int64_t value = (int64_t)jit_random_below(&dice, 5) - 2;
            facts[i] = (struct rmg_rule_fact){
                .op = (enum rmg_expr_op)(RMG_EXPR_EQ + jit_random_below(&dice, 6))};
            facts[i].constant.codec = _i == 0 ? RMG_CODEC_I64 : RMG_CODEC_F64;
            if (_i == 0) {
                facts[i].constant.as.i64 = value;
            } else {
                facts[i].constant.as.f64 = (double)value;
            }
        }
        bool possible = false;
        for (int v = -16; v <= 16 && !possible; v++) {
            possible = true;
            for (uint32_t i = 0; i < count; i++) {
                double constant =
                    _i == 0 ? (double)facts[i].constant.as.i64 : facts[i].constant.as.f64;
                possible = possible && op_holds(facts[i].op, _i == 0 ? v : v / 4.0, constant);
            }
        }
        ck_assert_msg(rmg_rule_facts_agree(facts, count) == possible, "round %u", round);
        agreed += possible;
    }
    ck_assert_uint_gt(agreed, 300);
    ck_assert_uint_lt(agreed, 2700);
}
END_TEST

START_TEST(facts_at_the_ends)
{
    struct rmg_rule_fact facts[2] = {{.op = RMG_EXPR_GT}, {.op = RMG_EXPR_NE}};
    facts[0].constant = (struct rmg_datum){.codec = RMG_CODEC_I64, .as.i64 = INT64_MAX - 1};
    facts[1].constant = (struct rmg_datum){.codec = RMG_CODEC_I64, .as.i64 = 0};
    ck_assert(rmg_rule_facts_agree(facts, 2));
    facts[1].constant.as.i64 = INT64_MAX;
    ck_assert(!rmg_rule_facts_agree(facts, 2));
    facts[0].constant.as.i64 = INT64_MAX;
    ck_assert(!rmg_rule_facts_agree(facts, 1));
    /* NaN equals itself, and is not less than anything. */
    facts[0] = (struct rmg_rule_fact){.op = RMG_EXPR_EQ};
    facts[0].constant = (struct rmg_datum){.codec = RMG_CODEC_F64, .as.f64 = __builtin_nan("")};
    facts[1] = (struct rmg_rule_fact){.op = RMG_EXPR_NE};
    facts[1].constant = (struct rmg_datum){.codec = RMG_CODEC_F64, .as.f64 = 1.0};
    ck_assert(rmg_rule_facts_agree(facts, 2));
    facts[1].op = RMG_EXPR_LE;
    ck_assert(!rmg_rule_facts_agree(facts, 2));
}
END_TEST

/* ---- random rules ---- */

#define RULES      4u
#define TUPLES_MAX 24u
#define CANDIDATES (RULES * TUPLES_MAX)
static struct rmg_rule_facts facts_of[RULES];
static struct rmg_rule *rules[RULES];
static struct {
    unsigned rule;
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
} candidates[CANDIDATES];
static unsigned candidate_count;

/* Tuples that the judge of the rule made last accepts. */
static void gather(unsigned rule, unsigned *tuple, unsigned count, unsigned most)
{
    unsigned elements = model.kit.rule.element_count;
    if (candidate_count == most) {
        return;
    }
    if (count == elements) {
        if (rm_judge(&model, tuple) == RMG_APPLIED) {
            candidates[candidate_count].rule = rule;
            rm_ids(&model, tuple, candidates[candidate_count++].ids);
        }
        return;
    }
    unsigned bound = model.kit.elements[count].is_edge ? RM_EDGES : RM_NODES;
    unsigned first = (unsigned)rm_roll(&model, bound);
    for (unsigned n = 0; n < bound; n++) {
        tuple[count] = (first + n) % bound;
        if (rm_structure_holds(&model, tuple, count + 1)) {
            gather(rule, tuple, count + 1, most);
        }
    }
}

static void begin(uint64_t seed)
{
    unsigned tuple[JIT_PATTERN_ELEMENTS_MAX];
    rm_begin(&model, seed);
    rm_change(&model, 100);
    candidate_count = 0;
    for (unsigned i = 0; i < RULES; i++) {
        rules[i] = rm_rule(&model, true);
        ck_assert_int_eq(rmg_rule_facts_init(&model.heap.heap, rules[i], &facts_of[i]), JIT_OK);
        gather(i, tuple, 0, candidate_count + TUPLES_MAX);
    }
}

static void end(void)
{
    for (unsigned i = 0; i < RULES; i++) {
        rmg_rule_facts_release(&model.heap.heap, &facts_of[i]);
        rmg_rule_free(&model.heap.heap, rules[i]);
    }
    rm_end(&model);
}

/* Verified, with its footprint. */
static bool run(unsigned candidate, struct trial *t, struct uses *uses)
{
    trial_init(t, &model.heap.heap, rules[candidates[candidate].rule], candidates[candidate].ids);
    t->match.root_node = &model.g.root;
    /* The model calls all its rules alike; so would be what they create. */
    t->match.request_key.bytes[0] ^= (uint8_t)(candidates[candidate].rule + 1);
    bool applies = trial_run(t, &model.g, &draw, JIT_VERIFY_SLOTS_MAX) == RMG_APPLIED;
    if (applies) {
        trial_uses(t, uses);
    }
    return applies;
}

/* Which element of a match a slot belongs to, created ones included. */
static bool belongs(const struct trial *t, const struct rmg_rule_use *row,
                    const struct rmg_slot *slot)
{
    if (row->element == RMG_USE_ELSEWHERE) {
        return true;
    }
    const struct jit_id *id = (row->element & RMG_RULE_CREATED) != 0
                                  ? &t->effect.created[row->element & (RMG_RULE_CREATED - 1u)]
                                  : &t->match.ids[row->element];
    return jit_id_equal(id, &slot->id);
}

static bool is_row(const struct trial *t, const struct rmg_rule_use *row,
                   const struct rmg_slot *slot)
{
    if (row->kind != slot->kind) {
        return false;
    }
    switch (slot->kind) {
    case RMG_SLOT_NODE:
    case RMG_SLOT_EDGE:
        return belongs(t, row, slot);
    case RMG_SLOT_ALPHA:
    case RMG_SLOT_BETA:
        return belongs(t, row, slot) &&
               (row->name == NULL || (row->name_size == slot->name_size &&
                                      memcmp(row->name, slot->name, slot->name_size) == 0));
    case RMG_SLOT_INCIDENCE:
        return belongs(t, row, slot) && row->direction == slot->direction &&
               (row->types == RMG_USE_OF_ALL
                    ? jit_id_is_zero(&slot->type)
                    : !jit_id_is_zero(&slot->type) &&
                          (row->types == RMG_USE_OF_ANY || jit_id_equal(&row->type, &slot->type)));
    case RMG_SLOT_EXTENT:
        return row->types == RMG_USE_OF_ANY || jit_id_equal(&row->type, &slot->id);
    case RMG_SLOT_VALUES:
        return (row->types == RMG_USE_OF_ANY || jit_id_equal(&row->type, &slot->id)) &&
               (row->name == NULL || (row->name_size == slot->name_size &&
                                      memcmp(row->name, slot->name, slot->name_size) == 0));
    }
    return false;
}

static void covered(const struct trial *t, const struct rmg_rule_facts *facts,
                    const struct rmg_use *use)
{
    bool read = false;
    bool blind = false;
    bool write = false;
    for (size_t i = 0; i < facts->use_count; i++) {
        const struct rmg_rule_use *row = &facts->uses[i];
        if (is_row(t, row, &use->slot)) {
            read = read || row->access == RMG_ACCESS_READ;
            blind = blind || (row->access == RMG_ACCESS_BLIND &&
                              (use->access != RMG_ACCESS_BLIND || row->join == use->join));
            write = write || row->access == RMG_ACCESS_WRITE;
        }
    }
    bool good = write || (use->access == RMG_ACCESS_READ    ? read
                          : use->access == RMG_ACCESS_BLIND ? blind
                                                            : read && blind);
    ck_assert_msg(good, "a use of slot kind %d, access %d is in no row", (int)use->slot.kind,
                  (int)use->access);
}

static bool stop(void *user, const struct rmg_rule_clash *clash)
{
    (void)user;
    (void)clash;
    return false;
}

START_TEST(rows_cover_matches) /* _i = seed */
{
    static struct trial t;
    static struct uses uses;
    unsigned seen = 0;
    for (uint64_t round = 0; round < 16; round++) {
        begin(5000 + (uint64_t)_i * 100 + round);
        for (unsigned i = 0; i < candidate_count; i++) {
            const struct rmg_rule_facts *facts = &facts_of[candidates[i].rule];
            bool applies = run(i, &t, &uses);
            ck_assert_msg(!applies || facts->never == RMG_NEVER_NOT, "it never applies, and does");
            for (unsigned k = 0; applies && k < uses.count; k++) {
                covered(&t, facts, &uses.items[k]);
            }
            seen += applies;
            trial_release(&t);
        }
        end();
    }
    ck_assert_uint_gt(seen, 10);
}
END_TEST

START_TEST(conflicts_are_foreseen) /* _i = seed */
{
    static struct trial trials[2];
    static struct uses uses[2];
    unsigned conflicts = 0;
    unsigned apart = 0;
    for (uint64_t round = 0; round < 12; round++) {
        begin(9000 + (uint64_t)_i * 100 + round);
        for (unsigned tries = 0; tries < 100 && candidate_count > 1; tries++) {
            unsigned a = (unsigned)rm_roll(&model, candidate_count);
            unsigned b = (unsigned)rm_roll(&model, candidate_count);
            if (a == b) {
                continue;
            }
            bool first = run(a, &trials[0], &uses[0]);
            bool second = run(b, &trials[1], &uses[1]);
            if (first && second) {
                bool may = rmg_rules_clash(&facts_of[candidates[a].rule],
                                           &facts_of[candidates[b].rule], false, stop, NULL);
                bool does = uses_conflict(&uses[0], &uses[1]);
                ck_assert_msg(may || !does, "seed %d: a conflict that was not foreseen", _i);
                conflicts += does;
                apart += !may;
            }
            trial_release(&trials[0]);
            trial_release(&trials[1]);
        }
        end();
    }
    ck_assert_uint_gt(conflicts, 2);
    ck_assert_uint_gt(apart, 0);
}
END_TEST

/* ---- rules of the language ---- */

static const struct {
    const char *text; /* of the rule, behind its name */
    enum rmg_never never;
} nevers[] = {
    {"match (a:P) where a.i = 0 set a.i = 1", RMG_NEVER_NOT},
    {"match (a:P) where a.i = 0 and a.i = 1 set a.i = 1", RMG_NEVER_CONTRADICTION},
    {"match (a:P {i = 0}) where 1 = a.i set a.i = 1", RMG_NEVER_CONTRADICTION},
    {"match (a:P) where a.i > 3 and (a.f < 1.0 and a.i < 4) set a.i = 1", RMG_NEVER_CONTRADICTION},
    {"match (a:P) where a.i > 3 and a.i < 5 set a.i = 1", RMG_NEVER_NOT},
    {"match (a:P) where a.i > 3 and a.i < 5 and a.i <> 2 + 2 set a.i = 1", RMG_NEVER_CONTRADICTION},
    {"match (a:P), (b:P) where a.i = 0 and b.i = 1 set a.i = 1", RMG_NEVER_NOT},
    {"match (a:P) where a.f < 1.0 and a.f > 1.0 set a.i = 1", RMG_NEVER_CONTRADICTION},
    {"match (a:P) where a.t = \"x\" and a.t >= \"y\" set a.i = 1", RMG_NEVER_CONTRADICTION},
    {"match (a:P) where a.b and not a.b set a.i = 1", RMG_NEVER_CONTRADICTION},
    {"match (a:P) where not a.i = 1 and a.i = 1 set a.i = 1", RMG_NEVER_CONTRADICTION},
    {"match (a:P) where a.i = 0 or a.i = 1 set a.i = 1", RMG_NEVER_NOT},
    {"match (a:P) where 1 = 2 set a.i = 1", RMG_NEVER_FALSE},
    {"match (a:P) where a.i = 1 / 0 set a.i = 1", RMG_NEVER_FALSE},
    {"match (a:P) where false set a.i = 1", RMG_NEVER_FALSE},
    {"match (a:P) where true and a.i = 0 set a.i = 1", RMG_NEVER_NOT},
    {"match (a:P) where chance(0.0) set a.i = 1", RMG_NEVER_CHANCE},
    {"match (a:P) where chance(0.5 - 0.5) set a.i = 1", RMG_NEVER_CHANCE},
    {"match (a:P) where chance(0.5) set a.i = 1", RMG_NEVER_NOT},
};

static const char head[] =
    "system s type P { i: i64 = 0, h: i64 sum = 0, f: f64, t: text, b: bool }"
    " type Q { i: i64 = 0 } edge D { w: i64 } edge E\n";

static struct lang_system *parse(const char *text)
{
    struct lang_system *system = NULL;
    struct jit_buf messages;
    jit_buf_init(&messages, jit_heap_libc(), 1u << 16);
    enum jit_err err =
        lang_parse(jit_heap_libc(), "t", (const uint8_t *)text, strlen(text), &system, &messages);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)messages.size, (const char *)messages.data);
    jit_buf_release(&messages);
    return system;
}

static struct rmg_rule *decoded(const struct lang_system *system, uint32_t rule)
{
    struct rmg_rule *out = NULL;
    ck_assert_int_eq(rmg_rule_decode(jit_heap_libc(), system->rules[rule].program,
                                     system->rules[rule].program_size, &out),
                     JIT_OK);
    return out;
}

START_TEST(never_applies)
{
    for (size_t i = 0; i < sizeof nevers / sizeof nevers[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%srule r %s", head, nevers[i].text);
        struct lang_system *system = parse(text);
        struct rmg_rule *rule = decoded(system, 0);
        struct rmg_rule_facts facts;
        ck_assert_int_eq(rmg_rule_facts_init(jit_heap_libc(), rule, &facts), JIT_OK);
        ck_assert_msg(facts.never == nevers[i].never, "%s: %d", nevers[i].text, (int)facts.never);
        rmg_rule_facts_release(jit_heap_libc(), &facts);
        rmg_rule_free(jit_heap_libc(), rule);
        lang_system_free(jit_heap_libc(), system);
    }
}
END_TEST

static const struct {
    const char *a;
    const char *b; /* NULL: a with itself */
    bool clash;
} pairs[] = {
    {"match (a:P) set a.i = 1", "match (a:P) set a.f = 1.0", false},
    {"match (a:P) set a.i = 1", "match (a:P) set a.i = 2", true},
    {"match (a:P) set a.i = 1", "match (a:Q) set a.i = 2", false},
    {"match (a:P) set a.i = 1", "match (a) create (b:Q), (a)-[:D]->(b)", false},
    {"match (a:P) where a.i = 0 set a.i = 1", "match (a:P) where a.i = 1 set a.i = 2", false},
    {"match (a:P) where a.i < 3 set a.i = 1", "match (a:P) where a.i > 1 set a.i = 2", true},
    {"match (a:P) add a.h, 1", "match (a:P) add a.h, 2", false},
    {"match (a:P) add a.h, 1", "match (a:P) where a.h = 1 set a.i = 2", true},
    {"match (a:P) add a.h, 1", NULL, false},
    {"match (a:P) set a.i = 1", NULL, false},
    {"match (a:P), (b:P) set a.i = 1", NULL, true},
    {"match (a:P)-[e:D]->(b:P) set e.w = 1", NULL, false},
    {"match (a:P)-[:D]->(b:P) set a.i = b.i", NULL, true},
    {"match (a:P)-[:D]->(b:P) where a.i = 0 and b.i = 1 add b.h, a.i", NULL, false},
    {"match (a:P) delete a", "match (a:P) set a.i = 1", true},
    {"match (a:P) delete a", "match (a:Q) set a.i = 1", false},
    {"match (a:P) delete a", "match (b:Q), (a:P) create (b)-[:D]->(a)", true},
    {"match (a:P) where not (a)-[:D]->(:Q) set a.i = 1", "match (a:P), (b:Q) create (a)-[:D]->(b)",
     true},
    {"match (a:P) where not (a)-[:E]->() set a.i = 1", "match (a:P), (b:Q) create (a)-[:D]->(b)",
     false},
    {"match (a:P) where not (a)-[:D]->() set a.i = 1", "match (a:P), (b:Q) create (b)-[:D]->(a)",
     false},
    {"match (a:P)-[e:D]->(b:P) where a.i = 0 delete e",
     "match (a:P)-[e:D]->(b:P) where a.i = 1 delete e", false},
    {"match (a:P) detach delete a", "match (b:Q)-[e:D]->(c:Q) set e.w = 1", true},
    {"match (a:P) create (b:Q)", "match (a:P) create (b:Q)", false},
    {"match (a:P) where a.i = 0 and a.i = 1 delete a", "match (a:P) set a.i = 1", false},
};

START_TEST(pairs_of_rules) /* _i = which */
{
    char text[1024];
    struct rmg_rule *two[2] = {NULL, NULL};
    static struct rmg_rule_facts facts[2];
    snprintf(text, sizeof text, "%srule r %s rule q %s", head, pairs[_i].a,
             pairs[_i].b == NULL ? "match (a:P) set a.i = 1" : pairs[_i].b);
    struct lang_system *system = parse(text);
    for (uint32_t i = 0; i < 2; i++) {
        two[i] = decoded(system, pairs[_i].b == NULL ? 0 : i);
        ck_assert_int_eq(rmg_rule_facts_init(jit_heap_libc(), two[i], &facts[i]), JIT_OK);
    }
    const struct rmg_rule_facts *b = pairs[_i].b == NULL ? &facts[0] : &facts[1];
    ck_assert_msg(rmg_rules_clash(&facts[0], b, false, stop, NULL) == pairs[_i].clash, "%s / %s",
                  pairs[_i].a, pairs[_i].b == NULL ? "itself" : pairs[_i].b);
    ck_assert(rmg_rules_clash(b, &facts[0], false, stop, NULL) == pairs[_i].clash);
    if (pairs[_i].b == NULL) { /* other parameters: its own match may be in its way */
        ck_assert(rmg_rules_clash(&facts[0], b, true, stop, NULL) || strstr(text, "add") != NULL);
    }
    for (uint32_t i = 0; i < 2; i++) {
        rmg_rule_facts_release(jit_heap_libc(), &facts[i]);
        rmg_rule_free(jit_heap_libc(), two[i]);
    }
    lang_system_free(jit_heap_libc(), system);
}
END_TEST

START_TEST(refused_memory)
{
    char text[1024];
    snprintf(text, sizeof text, "%srule r match (a:P) where a.i = 0 and chance(0.5) delete a",
             head);
    struct lang_system *system = parse(text);
    struct rmg_rule *rule = decoded(system, 0);
    enum jit_err err = JIT_ENOMEM;
    for (int64_t n = 0; err == JIT_ENOMEM; n++) {
        struct fault_heap heap = fault_heap_make(n, false);
        struct rmg_rule_facts facts;
        ck_assert_int_lt(n, 1000);
        err = rmg_rule_facts_init(&heap.heap, rule, &facts);
        rmg_rule_facts_release(&heap.heap, &facts);
        ck_assert_int_eq(heap.live, 0);
    }
    ck_assert_int_eq(err, JIT_OK);
    rmg_rule_free(jit_heap_libc(), rule);
    lang_system_free(jit_heap_libc(), system);
}
END_TEST

static bool hear(void *user, const struct lang_advice *advice)
{
    unsigned *heard = user;
    heard[advice->kind]++;
    return true;
}

static bool hear_words(void *user, const char *text)
{
    unsigned *heard = user;
    *heard += text != NULL;
    return text != NULL;
}

/* A whole system in words, with each allocation refused in turn: an error or all of it. */
START_TEST(advice_without_memory)
{
    size_t size = 0;
    char *text = lang_read_file("tests/rmg/texts/good_everything.jitos", &size);
    struct lang_system *system = NULL;
    struct jit_buf messages;
    jit_buf_init(&messages, jit_heap_libc(), 1u << 16);
    ck_assert_int_eq(
        lang_parse(jit_heap_libc(), "t", (const uint8_t *)text, size, &system, &messages), JIT_OK);
    bool whole = false;
    for (int64_t n = 0; !whole; n++) {
        unsigned heard[LANG_ADVICE_CONFLICT + 1] = {0};
        unsigned words = 0;
        struct fault_heap heap = fault_heap_make(n, false);
        struct lang_advisor *advisor = NULL;
        ck_assert_int_lt(n, 100000);
        enum jit_err err = lang_advisor_new(&heap.heap, system, &advisor);
        for (int verb = 0; err == JIT_OK && verb < LANG_WORDS_COUNT; verb++) {
            (void)lang_advise_words(advisor, 4, (enum lang_words)verb, hear_words, &words);
        }
        if (err == JIT_OK) {
            err = lang_advise(advisor, hear, heard);
        }
        lang_advisor_free(advisor);
        ck_assert_int_eq(heap.live, 0);
        whole = !fault_heap_fired(&heap);
        ck_assert(!whole || (err == JIT_OK && heard[LANG_ADVICE_CONFLICT] == 24 && words == 15));
    }
    lang_system_free(jit_heap_libc(), system);
    jit_buf_release(&messages);
    free(text);
}
END_TEST

static void suite(Suite *s)
{
    trial_sought = rm_sought();
    TCase *t = test_case(s, "rule_static", 60);
    tcase_add_loop_test(t, facts_agree, 0, 2);
    tcase_add_test(t, facts_at_the_ends);
    tcase_add_loop_test(t, rows_cover_matches, 0, 10);
    tcase_add_loop_test(t, conflicts_are_foreseen, 0, 10);
    tcase_add_test(t, never_applies);
    tcase_add_loop_test(t, pairs_of_rules, 0, (int)(sizeof pairs / sizeof pairs[0]));
    tcase_add_test(t, refused_memory);
    tcase_add_test(t, advice_without_memory);
}

TEST_MAIN("rule_static", suite)

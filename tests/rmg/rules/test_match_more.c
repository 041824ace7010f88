/* Goal:   what a rule may say beyond paths and sets is verified, in the footprint and carried out
 * as docs/spec/footprint.md has it. Method: the scene of match_scene.h with a row a result and a
 * row a footprint. */
#include <math.h>

#include "tests/rmg/rules/match_scene.h"

/* What is no number has no place in an order; a list grows by what is put, up to an atom. */
START_TEST(joins_have_bounds)
{
    static uint8_t big[JIT_ATOM_BYTES_MAX];
    jit_put_le64(big, 1);
    jit_put_le64(big + 8, sizeof big - 16 - 20);
    const struct {
        const char *name;
        enum rmg_update_kind kind;
        double value;
        bool read;
        enum rmg_result result;
    } rows[] = {{"nan", RMG_UPDATE_RAISE, 1.0, false, RMG_GUARD_FALSE},
                {"nan", RMG_UPDATE_LOWER, 1.0, true, RMG_GUARD_FALSE},
                {"half", RMG_UPDATE_LOWER, NAN, false, RMG_OVERFLOW},
                {"half", RMG_UPDATE_LOWER, 1.0, true, RMG_APPLIED},
                {"room", RMG_UPDATE_PUT, 1.0, true, RMG_APPLIED},
                {"full", RMG_UPDATE_PUT, 1.0, true, RMG_OVERFLOW},
                {"full", RMG_UPDATE_PUT, 1.0, false, RMG_APPLIED}}; /* the fold refuses it */
    kit_open(&g);
    struct rmg_datum datum = {.codec = RMG_CODEC_F64, .as.f64 = NAN};
    kit_put_atom(&g, RMG_PLANE_ALPHA, A, "nan", &datum);
    datum.as.f64 = 0.5;
    kit_put_atom(&g, RMG_PLANE_ALPHA, A, "half", &datum);
    datum = (struct rmg_datum){.codec = RMG_CODEC_LIST, .bytes = big, .size = sizeof big - 20};
    kit_put_atom(&g, RMG_PLANE_ALPHA, A, "room", &datum);
    jit_put_le64(big + 8, sizeof big - 16);
    datum.size = sizeof big;
    kit_put_atom(&g, RMG_PLANE_ALPHA, A, "full", &datum);
    kit_seal(&g);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum rmg_codec codec = rows[i].kind == RMG_UPDATE_PUT ? RMG_CODEC_LIST : RMG_CODEC_F64;
        kit_begin(&kit, "r");
        (void)kit_node(&kit, 1);
        if (rows[i].read) {
            uint8_t field = kit_field(&kit, 0, rows[i].name, codec);
            kit_push_field(&kit, field);
            kit_push_field(&kit, field);
            kit_op(&kit, RMG_EXPR_EQ);
            kit_guard(&kit);
        }
        kit_push_f64(&kit, rows[i].value);
        kit_update(&kit, rows[i].kind, 0, rows[i].name, RMG_CODEC_F64);
        ck_assert_int_eq(verify(IDS(A), NULL), rows[i].result);
    }
}
END_TEST

/* c goes with the loop and the edge from b: both are listed, the loop twice. */
START_TEST(detach)
{
    uint32_t slots = 0;
    (void)kit_node(&kit, 1);
    kit_detach(&kit, 0);
    ck_assert_int_eq(verify(IDS(C), &slots), RMG_APPLIED);
    /* itself; two lists of 1 and 2 edges; its attachments and those of two edges */
    ck_assert_uint_eq(slots, 1 + 2 + 3 + 3);
    EXPECT(IDS(C), "X node c", "X edge l", "X edge p", "X out c 0", "X in c 0", "+ out c 12",
           "+ in c 12", "+ out b 12", "+ out b 0", "+ extent 1", "+ extent 12");
    kit_begin(&kit, "r"); /* an edge of the pattern goes as well, and is no other edge */
    path(1, 11, 2);
    kit_detach(&kit, 2);
    EXPECT(IDS(A, E, B), "R node a", "X edge e", "X node b", "X edge p", "X beta e w",
           "X alpha b n", "+ out a 11", "+ out a 0", "+ in b 11", "X in b 0", "X out b 0",
           "+ out b 12", "+ in c 12", "+ in c 0", "+ extent 11", "+ extent 12", "+ extent 2");
}
END_TEST

START_TEST(detach_in_order)
{
    static struct script script;
    static const enum rmg_op_kind kinds[] = {RMG_OP_CLEAR_ATTACHMENT, RMG_OP_DELETE_NODE,
                                             RMG_OP_CLEAR_ATTACHMENT, RMG_OP_DELETE_EDGE,
                                             RMG_OP_DELETE_EDGE};
    (void)kit_node(&kit, 2);
    kit_detach(&kit, 0);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    trial_init(&t, &mem.heap, rule, IDS(B));
    ck_assert_int_eq(trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_APPLIED);
    trial_script(&t, &script);
    ck_assert_uint_eq(script.count, 5);
    bool last = jit_id_compare(&IDS(E)[0], &IDS(P)[0]) > 0; /* edges in the order of their ids */
    for (unsigned i = 0; i < 5; i++) {
        enum rmg_op_kind kind = kinds[last && i == 2 ? 3 : last && i == 3 ? 2 : i];
        ck_assert_int_eq(script.items[i].op.kind, kind);
    }
    trial_release(&t);
    t.match.root_node = NULL;
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

/* What conditions and aggregates looked at is in the footprint, as far as they looked. */
START_TEST(beside_the_match)
{
    uint32_t slots = 0;
    struct rmg_rule_near near = {.element = 0,
                                 .direction = RMG_DIR_OUT,
                                 .edge_typed = true,
                                 .edge_type = kit_type(11),
                                 .other_typed = true,
                                 .other_type = kit_type(2)};
    (void)kit_node(&kit, 1);
    (void)kit_near(&kit, &near);
    kit_push_i64(&kit, 7);
    kit_value(&kit, true, "w", RMG_CODEC_I64);
    kit_push_i64(&kit, 4);
    kit_value(&kit, false, "n", RMG_CODEC_I64);
    ck_assert_int_eq(verify(IDS(A), &slots), RMG_APPLIED);
    ck_assert_uint_eq(slots, 1 + 1 + 1 + 1 + 1); /* a, the list, e, the type of b, e.w */
    EXPECT(IDS(A), "R node a", "R out a 11", "R node b", "R beta e w");
    kit.constants[0].as.i64 = 5;
    ck_assert_int_eq(verify(IDS(A), &slots), RMG_NEGATIVE);
    kit.negatives[0].kind = RMG_NEAR_SOME;
    EXPECT(IDS(A), "R node a", "R out a 11", "R node b", "R beta e w", "R alpha b n");
    kit.constants[1].as.i64 = 5;
    ck_assert_int_eq(verify(IDS(A), &slots), RMG_GUARD_FALSE);
    kit.negatives[0].direction = RMG_DIR_IN;
    ck_assert_int_eq(verify(IDS(A), &slots), RMG_GUARD_FALSE);
}
END_TEST

START_TEST(aggregates)
{
    uint32_t slots = 0;
    struct rmg_rule_near near = {.kind = RMG_NEAR_SUM,
                                 .element = 0,
                                 .direction = RMG_DIR_OUT,
                                 .codec = RMG_CODEC_I64,
                                 .name_size = 1,
                                 .name = "n"};
    (void)kit_node(&kit, 1);
    (void)kit_near(&kit, &near);
    kit_push_aggregate(&kit, 0);
    kit_update(&kit, RMG_UPDATE_SET, 0, "n", RMG_CODEC_I64);
    EXPECT(IDS(A), "R node a", "R out a 0", "R alpha b n", "X alpha a n");
    near = (struct rmg_rule_near){
        .kind = RMG_NEAR_COUNT, .alone = true, .other_typed = true, .other_type = kit_type(1)};
    (void)kit_near(&kit, &near);
    (void)kit_create_node(&kit, 1); /* an extent that is read and gains a member */
    EXPECT(IDS(A), "R node a", "R out a 0", "R alpha b n", "X alpha a n", "X extent 1",
           "X node new");
    kit_open(&g);
    kit_put_i64(&g, RMG_PLANE_ALPHA, B, "n", INT64_MAX);
    kit_put_i64(&g, RMG_PLANE_ALPHA, C, "n", 1);
    kit_put_edge(&g, kit_id('e', 9), A, 12, C);
    kit_seal(&g);
    ck_assert_int_eq(verify(IDS(A), &slots), RMG_OVERFLOW);
    kit_open(&g);
    kit_clear(&g, RMG_PLANE_ALPHA, C, "n");
    kit_seal(&g);
    ck_assert_int_eq(verify(IDS(A), &slots), RMG_GUARD_FALSE);
    /* Of a hub, the number of edges alone needs no list. */
    kit.rule.update_count = 0;
    kit_open(&g);
    for (uint64_t i = 0; i < 5000; i++) {
        kit_put_edge(&g, kit_id('h', i), C, 11, A);
    }
    kit_seal(&g);
    kit.aggregates[0].direction = RMG_DIR_IN;
    kit.rule.create_count = 0;
    kit.rule.aggregate_count = 1;
    kit.aggregates[0].kind = RMG_NEAR_COUNT;
    kit.aggregates[0].codec = RMG_CODEC_NONE;
    kit.aggregates[0].name_size = 0;
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    trial_init(&t, &mem.heap, rule, IDS(A));
    ck_assert_int_eq(trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_OVER_BUDGET);
    trial_release(&t);
    rmg_rule_free(&mem.heap, rule);
    kit.aggregates[0].edge_typed = true;
    kit.aggregates[0].edge_type = kit_type(11);
    ck_assert_int_eq(verify(IDS(A), &slots), RMG_APPLIED);
    ck_assert_uint_eq(slots, 3);
}
END_TEST

/* Floats are added one by one; of a NaN among them min and max are NaN; too much is infinity. */
START_TEST(aggregates_of_floats)
{
    static const struct {
        enum rmg_codec codec;
        double values[3];
        double sum, min, max;
    } rows[] = {
        {RMG_CODEC_F64, {0.1, 0.2, -3}, 0.1 + 0.2 - 3, -3, 0.2},
        {RMG_CODEC_F64, {1e308, 1e308, -1}, INFINITY, -1, 1e308},
        {RMG_CODEC_F64, {INFINITY, -INFINITY, 1}, NAN, -INFINITY, INFINITY},
        {RMG_CODEC_F64, {1, NAN, 2}, NAN, NAN, NAN},
        {RMG_CODEC_F32, {16777216, 1, 1}, 16777216, 1, 16777216},
        {RMG_CODEC_F32,
         {(double)0x1.fffffep127f, (double)0x1.fffffep127f, 0},
         INFINITY,
         0,
         (double)0x1.fffffep127f},
    };
    static const enum rmg_near_kind kinds[] = {RMG_NEAR_SUM, RMG_NEAR_MIN, RMG_NEAR_MAX};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0] * 3; i++) {
        double want = i % 3 == 0 ? rows[i / 3].sum : i % 3 == 1 ? rows[i / 3].min : rows[i / 3].max;
        struct rmg_datum datum = {.codec = rows[i / 3].codec};
        struct rmg_rule_near near = {.kind = kinds[i % 3],
                                     .element = 0,
                                     .direction = RMG_DIR_OUT,
                                     .edge_typed = true,
                                     .edge_type = kit_type(13),
                                     .codec = datum.codec,
                                     .of_edge = true,
                                     .name_size = 1,
                                     .name = "x"};
        kit_open(&g);
        for (unsigned k = 0; k < 3; k++) { /* listed by the id of the other end */
            datum.as.f64 = rmg_f64_canonical(rows[i / 3].values[k]);
            if (i == 0) {
                kit_put_node(&g, (struct jit_id){{(uint8_t)(k + 1)}}, 5);
                kit_put_edge(&g, kit_id('k', k), A, 13, (struct jit_id){{(uint8_t)(k + 1)}});
            }
            kit_put_atom(&g, RMG_PLANE_BETA, kit_id('k', k), "x", &datum);
        }
        kit_seal(&g);
        kit_begin(&kit, "r");
        (void)kit_node(&kit, 1);
        (void)kit_near(&kit, &near);
        kit_push_aggregate(&kit, 0);
        if (datum.codec == RMG_CODEC_F32) {
            kit_op(&kit, RMG_EXPR_TO_F64);
        }
        kit_push_f64(&kit, rmg_f64_canonical(want));
        kit_op(&kit, RMG_EXPR_EQ);
        kit_guard(&kit);
        ck_assert_msg(verify(IDS(A), NULL) == RMG_APPLIED, "row %u", i);
    }
}
END_TEST

/* (x), (y), which may be one: then each slot is there once, and a join of what is read under the
 * other name is a set of the outcome. */
START_TEST(may_equal)
{
    (void)kit_node(&kit, 1);
    (void)kit_node(&kit, 1);
    kit_push_field(&kit, kit_field(&kit, 1, "n", RMG_CODEC_I64));
    kit_update(&kit, RMG_UPDATE_ADD, 0, "n", RMG_CODEC_I64);
    (void)kit_create_edge(&kit, 0, 11, 1);
    ck_assert_int_eq(verify(IDS(A, A), NULL), RMG_NO_MATCH);
    kit_may_equal(&kit, 0, 1);
    EXPECT(IDS(A, A), "R node a", "X alpha a n", "X edge new", "+ out a 11", "+ out a 0",
           "+ in a 11", "+ in a 0", "+ extent 11");
    ck_assert_int_eq(verify(IDS(A, C), NULL), RMG_GUARD_FALSE); /* c has no n */
    kit_open(&g);
    kit_put_i64(&g, RMG_PLANE_ALPHA, C, "n", 40);
    kit_seal(&g);
    EXPECT(IDS(A, C), "R node a", "R node c", "R alpha c n", "S alpha a n 40", "X edge new",
           "+ out a 11", "+ out a 0", "+ in c 11", "+ in c 0", "+ extent 11");

    static struct script script;
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    trial_init(&t, &mem.heap, rule, IDS(A, A));
    ck_assert_int_eq(trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_APPLIED);
    trial_script(&t, &script);
    ck_assert_uint_eq(script.count, 2);
    ck_assert_int_eq(script.items[1].join, RMG_JOIN_NONE);
    ck_assert_uint_eq(jit_le64(script.items[1].op.attachment.value.bytes), 6); /* 3 + 3 */
    trial_release(&t);
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "match_more", 20);
    tcase_add_checked_fixture(t, scene, scene_end);
    tcase_add_test(t, joins_have_bounds);
    tcase_add_test(t, detach);
    tcase_add_test(t, detach_in_order);
    tcase_add_test(t, beside_the_match);
    tcase_add_test(t, aggregates);
    tcase_add_test(t, aggregates_of_floats);
    tcase_add_test(t, may_equal);
}

TEST_MAIN("match_more", suite)

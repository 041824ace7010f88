/* Goal:   verification says for each match what DESIGN 14.3 has for it; a footprint is exactly what
 *         verification read and the rewrite writes; execution does what the rule says.
 * Method: a scene with a row a result and a row a footprint (docs/spec/footprint.md); keys and new
 *         ids recomputed from their bytes. test_footprint.c goes on over random graphs. */
#include "base/hash.h"
#include "tests/rmg/rules/match_scene.h"

START_TEST(no_match)
{
    path(1, 11, 2);
    uint32_t slots = 0;
    ck_assert_int_eq(verify(IDS(A, E, B), &slots), RMG_APPLIED);
    ck_assert_uint_eq(slots, 3);
    ck_assert_int_eq(verify(IDS(B, E, A), NULL), RMG_NO_MATCH);
    ck_assert_int_eq(verify(IDS(A, P, B), NULL), RMG_NO_MATCH);
    ck_assert_int_eq(verify(IDS(kit_id('n', 77), E, B), NULL), RMG_NO_MATCH);
    ck_assert_int_eq(verify(IDS(A, kit_id('e', 77), B), NULL), RMG_NO_MATCH);
    ck_assert_int_eq(verify(IDS(E, A, B), NULL), RMG_NO_MATCH);
    kit.elements[0].type = kit_type(2);
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_NO_MATCH);
    kit.elements[0].typed = kit.elements[1].typed = kit.elements[2].typed = false;
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_APPLIED);
    ck_assert_int_eq(verify(IDS(B, P, C), NULL), RMG_APPLIED);
    ck_assert_int_eq(verify(IDS(B, E, A), NULL), RMG_NO_MATCH);   /* the wrong way round */
    ck_assert_int_eq(verify(IDS(C, L, C), &slots), RMG_NO_MATCH); /* not injective */
    ck_assert_uint_eq(slots, 0);
}
END_TEST

START_TEST(loop)
{
    (void)kit_node(&kit, 1);
    (void)kit_edge(&kit, 0, 12, 0);
    ck_assert_int_eq(verify(IDS(C, L), NULL), RMG_APPLIED);
    ck_assert_int_eq(verify(IDS(C, P), NULL), RMG_NO_MATCH);
}
END_TEST

START_TEST(guards)
{
    static const struct {
        uint8_t element;
        const char *name;
        enum rmg_expr_op op;
        int64_t value;
        enum rmg_result result;
    } rows[] = {
        {0, "n", RMG_EXPR_EQ, 3, RMG_APPLIED},           {0, "n", RMG_EXPR_EQ, 4, RMG_GUARD_FALSE},
        {0, "missing", RMG_EXPR_NE, 3, RMG_GUARD_FALSE}, {0, "t", RMG_EXPR_NE, 3, RMG_GUARD_FALSE},
        {1, "w", RMG_EXPR_GT, 4, RMG_APPLIED},           {1, "n", RMG_EXPR_GT, 4, RMG_GUARD_FALSE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t slots = 0;
        kit_begin(&kit, "r");
        path(1, 11, 2);
        compare_field(rows[i].element, rows[i].name, rows[i].op, rows[i].value);
        kit_guard(&kit);
        ck_assert_int_eq(verify(IDS(A, E, B), &slots), rows[i].result);
        ck_assert_uint_eq(slots, 4);
    }
    kit_begin(&kit, "r");
    path(1, 11, 2);
    kit_push_field(&kit, kit_field(&kit, 0, "max", RMG_CODEC_I64));
    kit_push_i64(&kit, 1);
    kit_op(&kit, RMG_EXPR_ADD);
    kit_push_i64(&kit, 0);
    kit_op(&kit, RMG_EXPR_NE);
    kit_guard(&kit);
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_OVERFLOW);
}
END_TEST

START_TEST(negatives)
{
    static const struct {
        unsigned node, edge_type, other_type; /* node: 1 a, 2 b, 3 c */
        enum rmg_direction direction;
        enum rmg_result result;
        uint32_t slots; /* after that of the node */
    } rows[] = {
        {1, 11, 0, RMG_DIR_OUT, RMG_NEGATIVE, 2}, {1, 11, 2, RMG_DIR_OUT, RMG_NEGATIVE, 3},
        {1, 11, 1, RMG_DIR_OUT, RMG_APPLIED, 3},  {1, 12, 0, RMG_DIR_OUT, RMG_APPLIED, 1},
        {1, 0, 0, RMG_DIR_OUT, RMG_NEGATIVE, 2},  {1, 0, 0, RMG_DIR_IN, RMG_APPLIED, 1},
        {2, 0, 1, RMG_DIR_IN, RMG_NEGATIVE, 3},   {3, 0, 2, RMG_DIR_IN, RMG_NEGATIVE, 4},
        {3, 12, 1, RMG_DIR_OUT, RMG_APPLIED, 2}, /* its loop ends in a matched node */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t slots = 0;
        kit_begin(&kit, "r");
        (void)kit_node(&kit, 0);
        kit_not(&kit, 0, rows[i].direction, rows[i].edge_type, rows[i].other_type);
        ck_assert_int_eq(verify(IDS(kit_id('n', rows[i].node)), &slots), rows[i].result);
        /* The loop of c may come before or after the edge from b. */
        ck_assert_uint_ge(slots, 1 + rows[i].slots - (rows[i].node == 3));
        ck_assert_uint_le(slots, 1 + rows[i].slots);
    }
    /* What is matched does not count. */
    kit_begin(&kit, "r");
    path(1, 11, 2);
    kit_not(&kit, 0, RMG_DIR_OUT, 0, 0);
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_APPLIED);
    kit_open(&g);
    kit_put_edge(&g, kit_id('e', 9), A, 12, B); /* to a matched node */
    kit_seal(&g);
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_APPLIED);
    kit_open(&g);
    kit_put_edge(&g, kit_id('e', 10), A, 12, C);
    kit_seal(&g);
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_NEGATIVE);
}
END_TEST

START_TEST(dangling)
{
    path(1, 11, 2);
    kit_delete(&kit, 0);
    kit_delete(&kit, 1);
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_APPLIED);
    kit_delete(&kit, 2);
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_DANGLING);
    kit_begin(&kit, "r"); /* a loop counts at both ends */
    (void)kit_node(&kit, 1);
    (void)kit_edge(&kit, 0, 12, 0);
    kit_delete(&kit, 0);
    kit_delete(&kit, 1);
    ck_assert_int_eq(verify(IDS(C, L), NULL), RMG_DANGLING);
    kit_open(&g);
    kit_drop_edge(&g, P);
    kit_seal(&g);
    ck_assert_int_eq(verify(IDS(C, L), NULL), RMG_APPLIED);
    kit_begin(&kit, "r"); /* the root node stays */
    (void)kit_node(&kit, 99);
    kit_delete(&kit, 0);
    ck_assert_int_eq(verify(IDS(g.root), NULL), RMG_DANGLING);
}
END_TEST

START_TEST(portals)
{
    struct jit_id child = kit_id('I', 1);
    struct jit_id child_root = kit_id('R', 1);
    struct jit_id type = kit_type(99);
    struct jit_id owner = A;
    struct rmg_parent parent = {.present = true,
                                .plane = RMG_PLANE_ALPHA,
                                .instance = g.instance,
                                .owner = A,
                                .name_size = 1,
                                .name = "c"};
    struct rmg_attachment portal = {
        .name = "c", .name_size = 1, .value = {.kind = RMG_VALUE_PORTAL, .type = child}};
    kit_open(&g);
    kit_drop_edge(&g, kit_id('e', 2));
    ck_assert_int_eq(rmg_tx_upsert_instance(g.tx, &child, &child_root, &parent), JIT_OK);
    ck_assert_int_eq(rmg_tx_upsert_node(g.tx, &child, &child_root, &type), JIT_OK);
    ck_assert_int_eq(rmg_tx_set_attachment(g.tx, &g.instance, RMG_PLANE_ALPHA, &owner, &portal),
                     JIT_OK);
    kit_seal(&g);
    (void)kit_node(&kit, 1);
    kit_push_i64(&kit, 1);
    kit_update(&kit, RMG_UPDATE_SET, 0, "c", RMG_CODEC_I64);
    ck_assert_int_eq(verify(IDS(A), NULL), RMG_GUARD_FALSE);
    kit_begin(&kit, "r");
    path(1, 11, 2);
    kit_delete(&kit, 0);
    kit_delete(&kit, 1);
    ck_assert_int_eq(verify(IDS(A, E, B), NULL), RMG_DANGLING);
}
END_TEST

START_TEST(updates)
{
    (void)kit_node(&kit, 1);
    kit_push_i64(&kit, 1);
    kit_update(&kit, RMG_UPDATE_ADD, 0, "max", RMG_CODEC_I64); /* blind: the fold refuses it */
    ck_assert_int_eq(verify(IDS(A), NULL), RMG_APPLIED);
    kit_update(&kit, RMG_UPDATE_ADD, 0, "q", RMG_CODEC_I64);
    kit.rule.update_count = 0;
    kit_begin(&kit, "r");
    (void)kit_node(&kit, 1);
    compare_field(0, "max", RMG_EXPR_GT, 0);
    kit_guard(&kit);
    kit_push_i64(&kit, 1);
    kit_update(&kit, RMG_UPDATE_ADD, 0, "max", RMG_CODEC_I64); /* read: the sum is known */
    ck_assert_int_eq(verify(IDS(A), NULL), RMG_OVERFLOW);
    static const struct {
        const char *name;
        enum rmg_update_kind kind;
        enum rmg_result result;
    } rows[] = {{"missing", RMG_UPDATE_ADD, RMG_GUARD_FALSE},
                {"t", RMG_UPDATE_ADD, RMG_GUARD_FALSE},
                {"n", RMG_UPDATE_ADD, RMG_APPLIED},
                {"missing", RMG_UPDATE_RAISE, RMG_GUARD_FALSE},
                {"t", RMG_UPDATE_LOWER, RMG_GUARD_FALSE},
                {"n", RMG_UPDATE_RAISE, RMG_APPLIED},
                {"n", RMG_UPDATE_PUT, RMG_GUARD_FALSE}, /* no list */
                {"t", RMG_UPDATE_SET, RMG_APPLIED},
                {"new", RMG_UPDATE_SET, RMG_APPLIED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kit_begin(&kit, "r");
        (void)kit_node(&kit, 1);
        kit_push_i64(&kit, 1);
        kit_update(&kit, rows[i].kind, 0, rows[i].name, RMG_CODEC_I64);
        ck_assert_int_eq(verify(IDS(A), NULL), rows[i].result);
    }
    kit_begin(&kit, "r"); /* set x = max + 1 */
    (void)kit_node(&kit, 1);
    kit_push_field(&kit, kit_field(&kit, 0, "max", RMG_CODEC_I64));
    kit_push_i64(&kit, 1);
    kit_op(&kit, RMG_EXPR_ADD);
    kit_update(&kit, RMG_UPDATE_SET, 0, "x", RMG_CODEC_I64);
    ck_assert_int_eq(verify(IDS(A), NULL), RMG_OVERFLOW);
}
END_TEST

START_TEST(draws)
{
    unsigned applied = 0;
    (void)kit_node(&kit, 0);
    kit_push_f64(&kit, 0.5);
    kit_draw_op(&kit, RMG_EXPR_CHANCE, 3);
    kit_draw(&kit);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    kit_open(&g);
    for (unsigned i = 0; i < 200; i++) {
        kit_put_node(&g, kit_id('n', 100 + i), 1);
    }
    kit_seal(&g);
    for (unsigned i = 0; i < 200; i++) {
        struct trial t;
        struct jit_id id = kit_id('n', 100 + i);
        trial_init(&t, &mem.heap, rule, &id);
        bool want = rmg_draw_random(&draw, &t.match.key, 3) < 0.5;
        ck_assert_int_eq(trial_run(&t, &g, &draw, 10), want ? RMG_APPLIED : RMG_GUARD_FALSE);
        applied += want;
        trial_release(&t);
    }
    ck_assert_uint_gt(applied, 60);
    ck_assert_uint_lt(applied, 140);
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

START_TEST(exists)
{
    (void)kit_node(&kit, 1);
    uint8_t x = kit_create_node(&kit, 3);
    (void)kit_create_edge(&kit, x, 11, 0);
    uint32_t slots = 0;
    ck_assert_int_eq(verify(IDS(A), &slots), RMG_APPLIED);
    ck_assert_uint_eq(slots, 3);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    struct jit_id a = A;
    trial_init(&t, &mem.heap, rule, &a);
    for (uint32_t position = 0; position < 2; position++) {
        uint8_t bytes[56] = {5, 0, 0, 0, 0, 0, 0, 0, 9};
        struct jit_id want;
        memcpy(bytes + 16, t.match.request_key.bytes, 32);
        bytes[52] = (uint8_t)position;
        jit_hash_key(JIT_K_ID, bytes, sizeof bytes, &want);
        ck_assert_int_eq(trial_run(&t, &g, &draw, 10), RMG_APPLIED);
        ck_assert(jit_id_equal(&want, &t.effect.created[position]));
        kit_open(&g);
        if (position == 0) {
            kit_put_node(&g, want, 1);
        } else {
            kit_put_edge(&g, want, A, 12, B);
        }
        kit_seal(&g);
        ck_assert_int_eq(trial_run(&t, &g, &draw, 10), RMG_EXISTS);
        kit_open(&g);
        if (position == 0) {
            kit_drop_node(&g, want);
        } else {
            kit_drop_edge(&g, want);
        }
        kit_seal(&g);
    }
    trial_release(&t);
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

START_TEST(invalid)
{
    path(1, 11, 2);
    uint8_t p = kit_param(&kit, "p", RMG_CODEC_I64);
    kit_push_param(&kit, p);
    kit_push_i64(&kit, 1);
    kit_op(&kit, RMG_EXPR_EQ);
    kit_guard(&kit);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    static struct rmg_effect effect;
    struct jit_buf values;
    jit_buf_init(&values, &mem.heap, 1 << 20);
    effect.values = &values;
    uint8_t params[17] = {8, 0, 0, 0, 0, 0, 0, 0, 1};
    const struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX + 1] = {A, E, B};
    for (uint32_t count = 0; count <= JIT_PATTERN_ELEMENTS_MAX + 1; count++) {
        for (uint32_t size = 0; size <= 17; size++) {
            struct rmg_match match = {.rule = rule,
                                      .instance = g.instance,
                                      .ids = ids,
                                      .id_count = count,
                                      .params = params,
                                      .params_size = size};
            uint32_t slots = 0;
            enum jit_err err;
            enum rmg_result result = rmg_match_verify(&graph, &match, &draw, JIT_VERIFY_SLOTS_MAX,
                                                      &effect, &slots, &err);
            ck_assert_int_eq(err, JIT_OK);
            ck_assert_int_eq(result, count == 3 && size == 16 ? RMG_APPLIED : RMG_INVALID);
        }
    }
    jit_buf_release(&values);
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

/* As many attachments as an owner may have, and one past it. */
START_TEST(attachments)
{
    char name[8];
    kit_open(&g);
    for (unsigned i = 0; i < JIT_ATTACHMENTS_MAX - 4; i++) {
        (void)snprintf(name, sizeof name, "%03u", i);
        kit_put_i64(&g, RMG_PLANE_ALPHA, B, name, 1); /* beside its n: 253 */
    }
    kit_seal(&g);
    for (unsigned gain = 3; gain <= 4; gain++) {
        kit_begin(&kit, "r");
        (void)kit_node(&kit, 2);
        for (unsigned i = 0; i < gain; i++) {
            (void)snprintf(name, sizeof name, "x%u", i);
            kit_push_i64(&kit, 1);
            kit_update(&kit, RMG_UPDATE_SET, 0, name, RMG_CODEC_I64);
        }
        ck_assert_int_eq(verify(IDS(B), NULL), gain == 3 ? RMG_APPLIED : RMG_INVALID);
    }
    /* One that is there already takes no room. */
    kit_push_i64(&kit, 1);
    kit.updates[3].name_size = 1;
    kit.updates[3].name[0] = 'n';
    ck_assert_int_eq(verify(IDS(B), NULL), RMG_APPLIED);
}
END_TEST

/* A neighbourhood larger than the budget. */
START_TEST(budget)
{
    kit_open(&g);
    for (unsigned i = 0; i < JIT_VERIFY_SLOTS_MAX / 2; i++) {
        kit_put_node(&g, kit_id('m', i), 5);
        kit_put_edge(&g, kit_id('k', i), B, 13, kit_id('m', i));
    }
    kit_seal(&g);
    (void)kit_node(&kit, 2);
    kit_not(&kit, 0, RMG_DIR_OUT, 13, 6);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    struct jit_id b = B;
    trial_init(&t, &mem.heap, rule, &b);
    ck_assert_int_eq(trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_OVER_BUDGET);
    ck_assert_int_eq(trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX + 2), RMG_APPLIED);
    ck_assert_uint_eq(t.effect.seen_count, JIT_VERIFY_SLOTS_MAX / 2);
    trial_release(&t);
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

START_TEST(footprint_of_reads)
{
    path(1, 11, 2);
    EXPECT(IDS(A, E, B), "R node a", "R edge e", "R node b");
    compare_field(0, "n", RMG_EXPR_EQ, 3);
    compare_field(1, "w", RMG_EXPR_EQ, 5);
    kit_op(&kit, RMG_EXPR_AND);
    (void)kit_field(&kit, 2, "unread", RMG_CODEC_I64);
    kit_guard(&kit);
    EXPECT(IDS(A, E, B), "R node a", "R edge e", "R node b", "R alpha a n", "R beta e w");
    kit_not(&kit, 2, RMG_DIR_OUT, 12, 2); /* looks at the type of c */
    EXPECT(IDS(A, E, B), "R node a", "R edge e", "R node b", "R alpha a n", "R beta e w",
           "R out b 12", "R node c");
    kit_not(&kit, 0, RMG_DIR_IN, 0, 0);
    kit_not(&kit, 2, RMG_DIR_OUT, 0, 2); /* c again */
    EXPECT(IDS(A, E, B), "R node a", "R edge e", "R node b", "R alpha a n", "R beta e w",
           "R out b 12", "R node c", "R in a 0", "R out b 0");
}
END_TEST

START_TEST(footprint_of_updates)
{
    path(1, 11, 2);
    kit_push_i64(&kit, 7);
    kit_update(&kit, RMG_UPDATE_SET, 0, "n", RMG_CODEC_I64);
    kit_push_i64(&kit, -2);
    kit_update(&kit, RMG_UPDATE_ADD, 2, "n", RMG_CODEC_I64);
    EXPECT(IDS(A, E, B), "R node a", "R edge e", "R node b", "X alpha a n", "S alpha b n -2");
    /* A sum whose field is read is no longer blind. */
    compare_field(2, "n", RMG_EXPR_LT, 9);
    kit_guard(&kit);
    kit_push_field(&kit, kit_field(&kit, 0, "max", RMG_CODEC_I64));
    kit_update(&kit, RMG_UPDATE_SET, 1, "w", RMG_CODEC_I64);
    EXPECT(IDS(A, E, B), "R node a", "R edge e", "R node b", "X alpha a n", "X alpha b n",
           "R alpha a max", "X beta e w");
}
END_TEST

START_TEST(footprint_of_structure)
{
    (void)kit_node(&kit, 1);
    uint8_t x = kit_create_node(&kit, 3);
    (void)kit_create_edge(&kit, 0, 11, x);
    kit_push_i64(&kit, 7);
    kit_update(&kit, RMG_UPDATE_SET, x, "n", RMG_CODEC_I64);
    EXPECT(IDS(A), "R node a", "X node new", "X edge new", "W alpha new n", "+ out a 11",
           "+ out a 0", "+ in new 11", "+ in new 0", "+ extent 3", "+ extent 11");
    /* Reading what one adds to: a write. */
    kit_begin(&kit, "r");
    (void)kit_node(&kit, 1);
    kit_not(&kit, 0, RMG_DIR_OUT, 12, 0);
    (void)kit_create_edge(&kit, 0, 12, 0);
    EXPECT(IDS(A), "R node a", "X edge new", "X out a 12", "+ out a 0", "+ in a 12", "+ in a 0",
           "+ extent 12");
    kit_begin(&kit, "r");
    path(1, 11, 2);
    kit_delete(&kit, 0);
    kit_delete(&kit, 1);
    compare_field(0, "n", RMG_EXPR_EQ, 3);
    kit_guard(&kit);
    EXPECT(IDS(A, E, B), "X node a", "X edge e", "R node b", "X alpha a n", "X alpha a max",
           "X alpha a t", "X beta e w", "+ out a 11", "X out a 0", "R in a 0", "+ in b 11",
           "+ in b 0", "+ extent 1", "+ extent 11");
}
END_TEST

START_TEST(footprint_of_crowded)
{
    char name[8];
    kit_open(&g);
    for (unsigned i = 0; i < JIT_ATTACHMENTS_MAX / 2; i++) {
        (void)snprintf(name, sizeof name, "%03u", i);
        kit_put_i64(&g, RMG_PLANE_ALPHA, B, name, 1);
    }
    kit_seal(&g);
    (void)kit_node(&kit, 2);
    kit_push_i64(&kit, 7);
    kit_update(&kit, RMG_UPDATE_SET, 0, "new", RMG_CODEC_I64);
    EXPECT(IDS(B), "X node b", "X alpha b new");
    kit.updates[0].name_size = 1; /* "n", which is there */
    EXPECT(IDS(B), "R node b", "X alpha b n");
}
END_TEST

/* --- execution --- */

START_TEST(execution)
{
    static struct script script;
    path(1, 11, 2);
    kit_delete(&kit, 0);
    kit_delete(&kit, 1);
    (void)kit_create_edge(&kit, RMG_RULE_CREATED | 1, 12, 2);
    uint8_t x = kit_create_node(&kit, 3);
    kit_push_i64(&kit, 7);
    kit_update(&kit, RMG_UPDATE_SET, x, "k", RMG_CODEC_I64);
    kit_push_i64(&kit, 2);
    kit_update(&kit, RMG_UPDATE_ADD, 2, "n", RMG_CODEC_I64);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    trial_init(&t, &mem.heap, rule, IDS(A, E, B));
    ck_assert_int_eq(trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_APPLIED);
    trial_script(&t, &script);
    static const enum rmg_op_kind kinds[] = {RMG_OP_UPSERT_EDGE,      RMG_OP_UPSERT_NODE,
                                             RMG_OP_CLEAR_ATTACHMENT, RMG_OP_CLEAR_ATTACHMENT,
                                             RMG_OP_CLEAR_ATTACHMENT, RMG_OP_DELETE_NODE,
                                             RMG_OP_CLEAR_ATTACHMENT, RMG_OP_DELETE_EDGE,
                                             RMG_OP_SET_ATTACHMENT,   RMG_OP_SET_ATTACHMENT};
    ck_assert_uint_eq(script.count, sizeof kinds / sizeof kinds[0]);
    for (unsigned i = 0; i < script.count; i++) {
        ck_assert_int_eq(script.items[i].op.kind, kinds[i]);
        ck_assert(jit_id_equal(&script.items[i].op.instance, &g.instance));
    }
    const struct jit_id b = B;
    ck_assert(jit_id_equal(&script.items[0].op.from, &t.effect.created[1]));
    ck_assert(jit_id_equal(&script.items[0].op.to, &b));
    ck_assert(jit_id_equal(&script.items[1].op.id, &t.effect.created[1]));
    ck_assert_int_eq(memcmp(script.items[2].op.attachment.name, "max", 3), 0);
    ck_assert_int_eq(script.items[6].op.plane, RMG_PLANE_BETA);
    ck_assert_int_eq(script.items[8].op.attachment.value.bytes[0], 7);
    ck_assert_int_eq(script.items[8].join, RMG_JOIN_NONE);
    ck_assert_int_eq(script.items[9].join, RMG_JOIN_SUM);
    ck_assert_int_eq(script.items[9].delta, 2);
    /* To stop is to stop. */
    trial_release(&t);
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

static bool refuse_use(void *user, const struct rmg_use *use)
{
    (void)use;
    return ++*(int *)user < 2;
}

static bool refuse_emit(void *user, const struct rmg_emit *emit)
{
    (void)emit;
    return ++*(int *)user < 2;
}

START_TEST(stop)
{
    int calls = 0;
    path(1, 11, 2);
    (void)kit_create_node(&kit, 1);
    (void)kit_create_node(&kit, 1);
    (void)kit_create_node(&kit, 1);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct trial t;
    trial_init(&t, &mem.heap, rule, IDS(A, E, B));
    ck_assert_int_eq(trial_run(&t, &g, &draw, JIT_VERIFY_SLOTS_MAX), RMG_APPLIED);
    ck_assert(!rmg_match_footprint(&t.match, &t.effect, refuse_use, &calls));
    ck_assert_int_eq(calls, 2);
    calls = 0;
    ck_assert(!rmg_match_execute(&t.match, &t.effect, refuse_emit, &calls));
    ck_assert_int_eq(calls, 2);
    trial_release(&t);
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

START_TEST(no_memory)
{
    path(1, 11, 2);
    kit_delete(&kit, 0);
    kit_delete(&kit, 1);
    struct rmg_rule *rule = kit_compile(&kit, &mem.heap);
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    struct fault_heap faulty = fault_heap_make(0, true);
    struct trial t;
    enum jit_err err;
    trial_init(&t, &faulty.heap, rule, IDS(A, E, B));
    (void)rmg_match_verify(&graph, &t.match, &draw, 100, &t.effect, &t.slots, &err);
    ck_assert_int_eq(err, JIT_ENOMEM);
    trial_release(&t);
    ck_assert_int_eq(faulty.live, 0);
    rmg_rule_free(&mem.heap, rule);
}
END_TEST

/* --- keys, byte by byte --- */

START_TEST(keys)
{
    uint8_t bytes[(3 + JIT_PATTERN_ELEMENTS_MAX + 8) * 32 + 4];
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX + 8];
    struct jit_id digest = kit_id('d', 1);
    struct jit_id instance = kit_id('I', 0);
    struct jit_id want;
    struct jit_id got;
    struct rmg_rule rule = {.id = kit_id('r', 1)};
    for (uint32_t count = 0; count <= JIT_PATTERN_ELEMENTS_MAX + 8; count++) {
        memcpy(bytes, rule.id.bytes, 32);
        memcpy(bytes + 32, instance.bytes, 32);
        jit_put_le32(bytes + 64, count);
        for (uint32_t i = 0; i < count; i++) {
            ids[i] = kit_id('n', i);
            memcpy(bytes + 68 + i * 32, ids[i].bytes, 32);
        }
        memcpy(bytes + 68 + count * 32, digest.bytes, 32);
        jit_hash_key(JIT_K_MATCH, bytes, 100 + count * 32, &want);
        rmg_match_key(&rule, &instance, ids, count, &digest, &got);
        ck_assert(jit_id_equal(&want, &got));
    }
    memcpy(bytes, got.bytes, 32);
    jit_put_le64(bytes + 32, 0x1122);
    jit_hash_key(JIT_K_REQUEST, bytes, 40, &want);
    rmg_request_key(&got, 0x1122, &digest);
    ck_assert(jit_id_equal(&want, &digest));
    jit_put_le64(bytes, 3);
    jit_put_le64(bytes + 8, 4);
    memcpy(bytes + 16, digest.bytes, 32);
    jit_hash_key(JIT_K_ORDER, bytes, 48, &want);
    rmg_scope_hash(3, 4, &digest, &got);
    ck_assert(jit_id_equal(&want, &got));
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "match", 20);
    tcase_add_checked_fixture(t, scene, scene_end);
    tcase_add_test(t, no_match);
    tcase_add_test(t, loop);
    tcase_add_test(t, guards);
    tcase_add_test(t, negatives);
    tcase_add_test(t, dangling);
    tcase_add_test(t, portals);
    tcase_add_test(t, updates);
    tcase_add_test(t, draws);
    tcase_add_test(t, exists);
    tcase_add_test(t, invalid);
    tcase_add_test(t, attachments);
    tcase_add_test(t, budget);
    tcase_add_test(t, footprint_of_reads);
    tcase_add_test(t, footprint_of_updates);
    tcase_add_test(t, footprint_of_structure);
    tcase_add_test(t, footprint_of_crowded);
    tcase_add_test(t, execution);
    tcase_add_test(t, stop);
    tcase_add_test(t, no_memory);
    t = test_case(s, "keys", 10);
    tcase_add_test(t, keys);
}

TEST_MAIN("match", suite)

/* Goal:   what a rule may say beyond paths and sets is verified, in the footprint and carried out
 * as docs/spec/footprint.md has it. Method: the scene of match_scene.h with a row a result and a
 * row a footprint. */
#include <math.h>

#include "tests/rmg/match_scene.h"

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

static void suite(Suite *s)
{
    TCase *t = test_case(s, "match_more", 20);
    tcase_add_checked_fixture(t, scene, scene_end);
    tcase_add_test(t, joins_have_bounds);
}

TEST_MAIN("match_more", suite)

/* Goal:   expressions have exactly one meaning, at the edges too (docs/spec/program.md).
 * Method: a table of small programs over constants with their value or outcome; the typing of each
 *         operation over all pairs of codecs; depth at the limit and one past it; draws recomputed
 *         from their bytes. */
#include <math.h>

#include "base/hash.h"
#include "base/le.h"
#include "rmg/rules/expr.h"
#include "tests/lib/tcase.h"

#define MIN   INT64_MIN
#define MAX   INT64_MAX
#define TINY  0x1p-1074
#define HUGE_ 1.7976931348623157e308

static struct rmg_datum i64(int64_t value)
{
    return (struct rmg_datum){.codec = RMG_CODEC_I64, .as.i64 = value};
}

static struct rmg_datum f64(double value)
{
    return (struct rmg_datum){.codec = RMG_CODEC_F64, .as.f64 = value};
}

static struct rmg_datum f32(float value)
{
    return (struct rmg_datum){.codec = RMG_CODEC_F32, .as.f64 = (double)value};
}

static struct rmg_datum boolean(bool value)
{
    return (struct rmg_datum){.codec = RMG_CODEC_BOOL, .as.boolean = value};
}

static struct rmg_datum text(const char *value)
{
    return (struct rmg_datum){
        .codec = RMG_CODEC_TEXT, .bytes = (const uint8_t *)value, .size = (uint32_t)strlen(value)};
}

static enum rmg_result run(enum rmg_expr_op op, struct rmg_datum a, struct rmg_datum b,
                           struct rmg_datum *out)
{
    struct rmg_datum constants[] = {a, b};
    uint8_t code[] = {RMG_EXPR_CONST, 0, 0, RMG_EXPR_CONST, 1, 0, 0, 0, 0, 0, 0};
    bool unary = rmg_expr_arity(op) == 1;
    size_t at = unary ? 3 : 6;
    code[at] = (uint8_t)op;
    struct rmg_rule rule = {.constants = constants, .constant_count = 2};
    struct rmg_expr expr = {.code = code,
                            .size = (uint32_t)(at + 1 + (op == RMG_EXPR_CHANCE ? 4 : 0))};
    struct rmg_expr_env env = {.rule = &rule};
    enum rmg_codec codec;
    ck_assert_int_eq(rmg_expr_check(&rule, &expr, &codec), JIT_OK);
    enum rmg_result result = rmg_expr_eval(&env, expr, out);
    if (result == RMG_APPLIED) {
        ck_assert_int_eq(out->codec, codec);
    }
    return result;
}

static void integer(enum rmg_expr_op op, int64_t a, int64_t b, int64_t want)
{
    struct rmg_datum out;
    ck_assert_int_eq(run(op, i64(a), i64(b), &out), RMG_APPLIED);
    ck_assert_int_eq(out.as.i64, want);
}

static void overflow(enum rmg_expr_op op, struct rmg_datum a, struct rmg_datum b)
{
    struct rmg_datum out;
    ck_assert_int_eq(run(op, a, b, &out), RMG_OVERFLOW);
}

static void verdict(enum rmg_expr_op op, struct rmg_datum a, struct rmg_datum b, bool want)
{
    struct rmg_datum out;
    ck_assert_int_eq(run(op, a, b, &out), RMG_APPLIED);
    ck_assert_int_eq(out.codec, RMG_CODEC_BOOL);
    ck_assert_int_eq(out.as.boolean, want);
}

/* Bit for bit. */
static void number(enum rmg_expr_op op, struct rmg_datum a, struct rmg_datum b, double want)
{
    struct rmg_datum out;
    ck_assert_int_eq(run(op, a, b, &out), RMG_APPLIED);
    ck_assert_int_eq(memcmp(&out.as.f64, &want, sizeof want), 0);
}

START_TEST(integers)
{
    integer(RMG_EXPR_ADD, MAX, -1, MAX - 1);
    integer(RMG_EXPR_SUB, MIN, -1, MIN + 1);
    integer(RMG_EXPR_MUL, MIN, 1, MIN);
    integer(RMG_EXPR_DIV, -7, 2, -3);
    integer(RMG_EXPR_MOD, -7, 2, -1);
    integer(RMG_EXPR_MOD, 7, -2, 1);
    integer(RMG_EXPR_DIV, MIN, 1, MIN);
    integer(RMG_EXPR_NEG, MAX, 0, -MAX);
    overflow(RMG_EXPR_ADD, i64(MAX), i64(1));
    overflow(RMG_EXPR_ADD, i64(MIN), i64(-1));
    overflow(RMG_EXPR_SUB, i64(MIN), i64(1));
    overflow(RMG_EXPR_SUB, i64(0), i64(MIN));
    overflow(RMG_EXPR_MUL, i64(MIN), i64(-1));
    overflow(RMG_EXPR_MUL, i64(1ll << 32), i64(1ll << 31));
    overflow(RMG_EXPR_DIV, i64(1), i64(0));
    overflow(RMG_EXPR_MOD, i64(1), i64(0));
    overflow(RMG_EXPR_DIV, i64(MIN), i64(-1));
    overflow(RMG_EXPR_MOD, i64(MIN), i64(-1));
    overflow(RMG_EXPR_NEG, i64(MIN), i64(0));
}
END_TEST

START_TEST(floats)
{
    double nan = rmg_f64_canonical(NAN);
    number(RMG_EXPR_ADD, f64(0.1), f64(0.2), 0.30000000000000004);
    /* A constant may be more exact than its type (s390x); an object is not. */
    const float tenth = 0.1f;
    const float fifth = 0.2f;
    const float odd = 16777217.0f;
    number(RMG_EXPR_ADD, f32(tenth), f32(fifth), (double)(float)(tenth + fifth));
    number(RMG_EXPR_MUL, f32(odd), f32(3.0f), (double)(float)(odd * 3.0f));
    number(RMG_EXPR_DIV, f32(1.0f), f32(3.0f), (double)(float)(1.0f / 3.0f));
    number(RMG_EXPR_MUL, f64(HUGE_), f64(2), INFINITY);
    number(RMG_EXPR_SUB, f64(INFINITY), f64(INFINITY), nan);
    number(RMG_EXPR_MUL, f64(-1), f64(0), 0.0); /* never -0.0 */
    number(RMG_EXPR_NEG, f64(0), f64(0), 0.0);
    number(RMG_EXPR_DIV, f64(TINY), f64(-2), 0.0);
    number(RMG_EXPR_SQRT, f64(2), f64(0), 0x1.6a09e667f3bcdp+0);
    number(RMG_EXPR_SQRT, f32(2), f32(0), (double)0x1.6a09e6p+0f);
    number(RMG_EXPR_SQRT, f64(-1), f64(0), nan);
    number(RMG_EXPR_TO_F64, i64(MAX), i64(0), 0x1p63);
    number(RMG_EXPR_TO_F64, f32(tenth), i64(0), (double)tenth);
    number(RMG_EXPR_TO_F32, f64(0.1), i64(0), (double)tenth);
    number(RMG_EXPR_TO_F32, f64(HUGE_), i64(0), INFINITY);
    /* One rounding: through f64 it would be 0x1.000002p+61. */
    number(RMG_EXPR_TO_F32, i64((1ll << 61) + (1ll << 37) + 1), i64(0), 0x1.000002p+61);
    number(RMG_EXPR_TO_F32, i64((1ll << 61) + (1ll << 37)), i64(0), 0x1p+61);
    overflow(RMG_EXPR_DIV, f64(1), f64(0));
    overflow(RMG_EXPR_DIV, f64(0), f64(0));
    overflow(RMG_EXPR_DIV, f32(1), f32(0));
}
END_TEST

START_TEST(no_fused_multiply_add)
{
    /* a * b + c, where the exact product has a bit that rounding drops. */
    struct rmg_datum constants[] = {f64(0x1.0000001p0), f64(0x1.0000001p0), f64(-0x1.0000002p0)};
    static const uint8_t code[] = {RMG_EXPR_CONST, 0, 0, RMG_EXPR_CONST, 1, 0, RMG_EXPR_MUL,
                                   RMG_EXPR_CONST, 2, 0, RMG_EXPR_ADD};
    struct rmg_rule rule = {.constants = constants, .constant_count = 3};
    struct rmg_expr_env env = {.rule = &rule};
    struct rmg_datum out;
    ck_assert_int_eq(rmg_expr_eval(&env, (struct rmg_expr){code, sizeof code}, &out), RMG_APPLIED);
    ck_assert(out.as.f64 == 0.0);
    ck_assert(fma(0x1.0000001p0, 0x1.0000001p0, -0x1.0000002p0) != 0.0);
}
END_TEST

START_TEST(comparisons)
{
    double nan = NAN;
    verdict(RMG_EXPR_EQ, i64(1), i64(1), true);
    verdict(RMG_EXPR_NE, i64(1), i64(2), true);
    verdict(RMG_EXPR_LT, i64(MIN), i64(MAX), true);
    verdict(RMG_EXPR_GE, i64(-1), i64(0), false);
    verdict(RMG_EXPR_LE, i64(3), i64(3), true);
    verdict(RMG_EXPR_GT, i64(4), i64(3), true);
    verdict(RMG_EXPR_EQ, f64(nan), f64(nan), true); /* as their bytes */
    verdict(RMG_EXPR_NE, f64(nan), f64(nan), false);
    verdict(RMG_EXPR_LE, f64(nan), f64(nan), false);
    verdict(RMG_EXPR_LT, f64(nan), f64(1), false);
    verdict(RMG_EXPR_GE, f64(1), f64(nan), false);
    verdict(RMG_EXPR_EQ, f32(0.5f), f32(0.5f), true);
    verdict(RMG_EXPR_LT, f64(-INFINITY), f64(INFINITY), true);
    verdict(RMG_EXPR_LT, text("a"), text("ab"), true);
    verdict(RMG_EXPR_LT, text("Z"), text("a"), true);
    verdict(RMG_EXPR_GT, text("\xc3\xa9"), text("z"), true); /* bytes, not letters */
    verdict(RMG_EXPR_GE, text(""), text(""), true);
    verdict(RMG_EXPR_EQ, text("a"), text("a"), true);
    verdict(RMG_EXPR_EQ, text("a"), text("ab"), false);
    verdict(RMG_EXPR_EQ, boolean(true), boolean(false), false);
    verdict(RMG_EXPR_AND, boolean(true), boolean(false), false);
    verdict(RMG_EXPR_OR, boolean(true), boolean(false), true);
    verdict(RMG_EXPR_NOT, boolean(false), boolean(false), true);
}
END_TEST

static enum rmg_result missing_field(void *user, uint32_t field, struct rmg_datum *out)
{
    (void)user;
    (void)out;
    return field == 0 ? RMG_GUARD_FALSE : RMG_OVER_BUDGET;
}

START_TEST(both_sides_count)
{
    /* true or (missing = 1): the rule does not apply; the outcome of a field passes through. */
    struct rmg_datum constants[] = {boolean(true), i64(1)};
    struct rmg_rule_field fields[] = {{.codec = RMG_CODEC_I64}, {.codec = RMG_CODEC_I64}};
    struct rmg_rule rule = {
        .constants = constants, .constant_count = 2, .fields = fields, .field_count = 2};
    uint8_t code[] = {RMG_EXPR_CONST, 0, 0, RMG_EXPR_FIELD, 0,          0,
                      RMG_EXPR_CONST, 1, 0, RMG_EXPR_EQ,    RMG_EXPR_OR};
    struct rmg_expr expr = {code, sizeof code};
    struct rmg_expr_env env = {.rule = &rule, .field = missing_field};
    enum rmg_codec codec;
    struct rmg_datum out;
    ck_assert_int_eq(rmg_expr_check(&rule, &expr, &codec), JIT_OK);
    ck_assert_int_eq(rmg_expr_eval(&env, expr, &out), RMG_GUARD_FALSE);
    code[4] = 1;
    ck_assert_int_eq(rmg_expr_eval(&env, expr, &out), RMG_OVER_BUDGET);
}
END_TEST

static bool is_number(int codec)
{
    return codec == RMG_CODEC_I64 || codec == RMG_CODEC_F64 || codec == RMG_CODEC_F32;
}

/* The table of program.md, written once more. */
static int type_of(int op, int a, int b)
{
    bool is_float = a == RMG_CODEC_F64 || a == RMG_CODEC_F32;
    switch (op) {
    case RMG_EXPR_ADD:
    case RMG_EXPR_SUB:
    case RMG_EXPR_MUL:
    case RMG_EXPR_DIV:
        return a == b && is_number(a) ? a : 0;
    case RMG_EXPR_MOD:
        return a == b && a == RMG_CODEC_I64 ? a : 0;
    case RMG_EXPR_EQ:
    case RMG_EXPR_NE:
        return a == b ? RMG_CODEC_BOOL : 0;
    case RMG_EXPR_LT:
    case RMG_EXPR_LE:
    case RMG_EXPR_GT:
    case RMG_EXPR_GE:
        return a == b && (is_number(a) || a == RMG_CODEC_TEXT) ? RMG_CODEC_BOOL : 0;
    case RMG_EXPR_AND:
    case RMG_EXPR_OR:
        return a == b && a == RMG_CODEC_BOOL ? a : 0;
    case RMG_EXPR_NEG:
        return is_number(a) ? a : 0;
    case RMG_EXPR_SQRT:
    case RMG_EXPR_EXP:
    case RMG_EXPR_LOG:
    case RMG_EXPR_SIN:
    case RMG_EXPR_COS:
        return is_float ? a : 0;
    case RMG_EXPR_TO_F64:
        return a == RMG_CODEC_I64 || a == RMG_CODEC_F32 ? RMG_CODEC_F64 : 0;
    case RMG_EXPR_TO_F32:
        return a == RMG_CODEC_I64 || a == RMG_CODEC_F64 ? RMG_CODEC_F32 : 0;
    case RMG_EXPR_NOT:
        return a == RMG_CODEC_BOOL ? a : 0;
    case RMG_EXPR_CHANCE:
        return a == RMG_CODEC_F64 ? RMG_CODEC_BOOL : 0;
    default:
        return 0;
    }
}

/* What they come to is test_real's business: here, where they have no value and how they round. */
START_TEST(reals)
{
    double nan = rmg_f64_canonical(NAN);
    number(RMG_EXPR_EXP, f64(1), f64(0), 0x1.5bf0a8b145769p+1);
    number(RMG_EXPR_EXP, f32(1), f32(0), (double)0x1.5bf0a8p+1f);
    number(RMG_EXPR_EXP, f64(710), f64(0), INFINITY);
    number(RMG_EXPR_EXP, f32(89), f32(0), INFINITY);
    number(RMG_EXPR_EXP, f64(-INFINITY), f64(0), 0.0);
    number(RMG_EXPR_LOG, f64(1), f64(0), 0.0);
    number(RMG_EXPR_LOG, f64(-1), f64(0), nan);
    number(RMG_EXPR_LOG, f64(nan), f64(0), nan);
    number(RMG_EXPR_LOG, f32(2), f32(0), (double)0x1.62e43p-1f);
    number(RMG_EXPR_SIN, f64(0), f64(0), 0.0);
    number(RMG_EXPR_SIN, f64(INFINITY), f64(0), nan);
    number(RMG_EXPR_COS, f64(0), f64(0), 1.0);
    number(RMG_EXPR_COS, f32(INFINITY), f32(0), nan);
    overflow(RMG_EXPR_LOG, f64(0), f64(0));
    overflow(RMG_EXPR_LOG, f32(0), f32(0));
}
END_TEST

START_TEST(typing)
{
    for (int op = RMG_EXPR_ADD; op <= RMG_EXPR_COS; op++) {
        if (op == RMG_EXPR_RANDOM || op == RMG_EXPR_AGGREGATE) {
            continue; /* takes nothing */
        }
        for (int pair = 0; pair < 64; pair++) {
            struct rmg_datum constants[] = {{.codec = (enum rmg_codec)(1 + pair / 8)},
                                            {.codec = (enum rmg_codec)(1 + pair % 8)}};
            struct rmg_rule rule = {.constants = constants, .constant_count = 2};
            bool unary = rmg_expr_arity((enum rmg_expr_op)op) == 1;
            uint8_t code[] = {RMG_EXPR_CONST, 0, 0, RMG_EXPR_CONST, 1, 0, 0, 0, 0, 0, 0};
            code[unary ? 3 : 6] = (uint8_t)op;
            struct rmg_expr expr = {code, (unary ? 4u : 7u) + (op == RMG_EXPR_CHANCE ? 4u : 0u)};
            enum rmg_codec codec;
            int want = type_of(op, 1 + pair / 8, 1 + pair % 8);
            ck_assert_int_eq(rmg_expr_check(&rule, &expr, &codec),
                             want == 0 ? JIT_EFORMAT : JIT_OK);
            ck_assert_int_eq(codec, want);
        }
    }
}
END_TEST

START_TEST(depth)
{
    uint8_t code[3 * (JIT_EXPR_DEPTH_MAX + 1) + JIT_EXPR_DEPTH_MAX];
    struct rmg_datum one = i64(1);
    struct rmg_rule rule = {.constants = &one, .constant_count = 1};
    for (uint32_t n = JIT_EXPR_DEPTH_MAX; n <= JIT_EXPR_DEPTH_MAX + 1; n++) {
        uint32_t size = 0;
        for (uint32_t i = 0; i < n; i++) {
            code[size++] = RMG_EXPR_CONST;
            code[size++] = 0;
            code[size++] = 0;
        }
        for (uint32_t i = 1; i < n; i++) {
            code[size++] = RMG_EXPR_ADD;
        }
        struct rmg_expr expr = {code, size};
        struct rmg_expr_env env = {.rule = &rule};
        struct rmg_datum out;
        enum rmg_codec codec;
        if (n > JIT_EXPR_DEPTH_MAX) {
            ck_assert_int_eq(rmg_expr_check(&rule, &expr, &codec), JIT_EFORMAT);
            continue;
        }
        ck_assert_int_eq(rmg_expr_check(&rule, &expr, &codec), JIT_OK);
        ck_assert_int_eq(rmg_expr_eval(&env, expr, &out), RMG_APPLIED);
        ck_assert_int_eq(out.as.i64, (int64_t)n);
    }
}
END_TEST

START_TEST(malformed)
{
    static const struct {
        uint8_t code[8];
        uint32_t size;
    } bad[] = {{{0}, 0},
               {{0}, 1},
               {{99}, 1},
               {{RMG_EXPR_CONST, 0}, 2},
               {{RMG_EXPR_CONST, 1, 0}, 3},
               {{RMG_EXPR_PARAM, 0}, 2},
               {{RMG_EXPR_FIELD, 0, 0}, 3},
               {{RMG_EXPR_ELEMENT, 0}, 2},
               {{RMG_EXPR_ADD}, 1},
               {{RMG_EXPR_RANDOM, 0, 0, 0}, 4},
               {{RMG_EXPR_CONST, 0, 0, RMG_EXPR_ADD}, 4},
               {{RMG_EXPR_CONST, 0, 0, RMG_EXPR_CONST, 0, 0}, 6}};
    struct rmg_datum one = i64(1);
    struct rmg_rule rule = {.constants = &one, .constant_count = 1};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rmg_expr expr = {bad[i].code, bad[i].size};
        enum rmg_codec codec;
        ck_assert_int_eq(rmg_expr_check(&rule, &expr, &codec), JIT_EFORMAT);
        ck_assert_int_eq(codec, RMG_CODEC_NONE);
    }
}
END_TEST

START_TEST(draws)
{
    struct rmg_draw draw = {.seed = 0x0102030405060708ull, .tick = 9, .round = 3};
    struct jit_id key;
    struct jit_id hash;
    uint8_t bytes[56] = {8, 7, 6, 5, 4, 3, 2, 1, 9};
    int below_half = 0;
    memset(&key, 0xab, sizeof key);
    memset(bytes + 16, 0xab, 32);
    bytes[48] = 3;
    for (uint32_t call = 0; call < 1000; call++) {
        jit_put_le32(bytes + 52, call);
        jit_hash_key(JIT_K_RANDOM, bytes, sizeof bytes, &hash);
        double want = ldexp((double)(jit_le64(hash.bytes) >> 11), -53);
        double got = rmg_draw_random(&draw, &key, call);
        ck_assert(got == want);
        ck_assert(got >= 0.0 && got < 1.0);
        below_half += got < 0.5;
    }
    ck_assert_int_gt(below_half, 400);
    ck_assert_int_lt(below_half, 600);

    struct rmg_datum constants[] = {f64(0.0), f64(1.0), f64(rmg_draw_random(&draw, &key, 7)),
                                    f64(NAN)};
    struct rmg_rule rule = {.constants = constants, .constant_count = 4};
    struct rmg_expr_env env = {.rule = &rule, .draw = &draw, .key = &key};
    uint8_t code[] = {RMG_EXPR_CONST, 0, 0, RMG_EXPR_CHANCE, 7, 0, 0, 0};
    static const bool want[] = {false, true, false, false}; /* random() < p, strictly */
    struct rmg_datum out;
    for (uint8_t i = 0; i < 4; i++) {
        code[1] = i;
        ck_assert_int_eq(rmg_expr_eval(&env, (struct rmg_expr){code, sizeof code}, &out),
                         RMG_APPLIED);
        ck_assert_int_eq(out.as.boolean, want[i]);
    }
}
END_TEST

START_TEST(params)
{
    struct rmg_rule_param declared[] = {{.name = "p", .codec = RMG_CODEC_F64},
                                        {.name = "t", .codec = RMG_CODEC_TEXT}};
    struct rmg_rule rule = {.params = declared, .param_count = 2};
    uint8_t bytes[8 + 8 + 8 + 3] = {8,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0,   0,   0,  0,
                                    0xe0, 0x3f, 3, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
    uint8_t spelled[4 + 2 * 40 + 8 + 3] = {2};
    struct jit_id digest;
    struct jit_id want;
    uint8_t *at = spelled + 4;
    memcpy(at, rmg_codec_type(RMG_CODEC_F64), 32);
    memcpy(at + 32, bytes, 16);
    memcpy(at + 48, rmg_codec_type(RMG_CODEC_TEXT), 32);
    memcpy(at + 80, bytes + 16, 11);
    jit_hash_key(JIT_K_PARAMS, spelled, sizeof spelled, &want);
    ck_assert_int_eq(rmg_params_check(&rule, bytes, sizeof bytes, &digest), JIT_OK);
    ck_assert(jit_id_equal(&digest, &want));
    for (uint32_t size = 0; size < sizeof bytes; size++) {
        ck_assert_int_eq(rmg_params_check(&rule, bytes, size, &digest), JIT_EFORMAT);
    }
    bytes[15] = 0x80; /* -0.0 */
    bytes[14] = 0;
    ck_assert_int_eq(rmg_params_check(&rule, bytes, sizeof bytes, &digest), JIT_EFORMAT);
    struct rmg_rule none = {.param_count = 0};
    ck_assert_int_eq(rmg_params_check(&none, NULL, 0, &digest), JIT_OK);
    ck_assert_int_eq(rmg_params_check(&none, bytes, 1, &digest), JIT_EFORMAT);

    static uint8_t large[JIT_PARAMS_BYTES_MAX + 1];
    struct rmg_rule_param raw = {.name = "b", .codec = RMG_CODEC_BYTES};
    struct rmg_rule wide = {.params = &raw, .param_count = 1};
    jit_put_le64(large, JIT_PARAMS_BYTES_MAX - 8);
    ck_assert_int_eq(rmg_params_check(&wide, large, JIT_PARAMS_BYTES_MAX, &digest), JIT_OK);
    jit_put_le64(large, JIT_PARAMS_BYTES_MAX - 7);
    ck_assert_int_eq(rmg_params_check(&wide, large, JIT_PARAMS_BYTES_MAX + 1, &digest), JIT_ELIMIT);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "expr", 10);
    tcase_add_test(t, integers);
    tcase_add_test(t, no_fused_multiply_add);
    tcase_add_test(t, comparisons);
    tcase_add_test(t, both_sides_count);
    tcase_add_test(t, reals);
    tcase_add_test(t, typing);
    tcase_add_test(t, depth);
    tcase_add_test(t, malformed);
    tcase_add_test(t, draws);
    tcase_add_test(t, params);
    /* By itself: not under valgrind, which rounds some of them in its own way. */
    tcase_add_test(test_case(s, "floats", 10), floats);
}

TEST_MAIN("expr", suite)

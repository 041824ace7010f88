/* exp, log, sin and cos of our own against 10,000 values that were computed in another way, bit for
 * bit, also as other settings of the compiler make them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/le.h"
#include "base/random.h"
#include "rmg/rules/real.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/rules/real_levels.h"

#define VECTORS  2500u
#define ONE_SIZE 16u

static double (*const ours[4])(double x) = {rmg_real_exp, rmg_real_log, rmg_real_sin, rmg_real_cos};
static double (*const *const builds[3])(double x) = {ours, real_level_0, real_level_3};
static uint8_t vectors[4 * VECTORS * ONE_SIZE + 1];

static double real_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

START_TEST(every_vector) /* _i = build */
{
    const char *top = getenv("top_srcdir");
    char path[512];
    snprintf(path, sizeof path, "%s/tests/rmg/golden/real.bin", top != NULL ? top : ".");
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is missing", path);
    ck_assert_uint_eq(fread(vectors, 1, sizeof vectors, file), sizeof vectors - 1);
    fclose(file);
    for (unsigned i = 0; i < 4 * VECTORS; i++) {
        uint64_t x = jit_le64(vectors + i * ONE_SIZE);
        uint64_t want = jit_le64(vectors + i * ONE_SIZE + 8);
        uint64_t have = bits_of(builds[_i][i / VECTORS](real_of(x)));
        ck_assert_msg(have == want, "vector %u: of %016llx %016llx, not %016llx", i,
                      (unsigned long long)x, (unsigned long long)have, (unsigned long long)want);
    }
}
END_TEST

/* Any bits at all: all builds agree, and nothing is undefined. */
START_TEST(any_argument)
{
    struct jit_random dice = jit_random_of(20);
    for (unsigned i = 0; i < 40000; i++) {
        uint64_t bits = jit_random_next(&dice);
        for (unsigned f = 0; f < 4; f++) {
            uint64_t have = bits_of(ours[f](real_of(bits)));
            ck_assert_uint_eq(have, bits_of(real_level_0[f](real_of(bits))));
            ck_assert_uint_eq(have, bits_of(real_level_3[f](real_of(bits))));
        }
    }
}
END_TEST

START_TEST(special_arguments)
{
    static const struct {
        unsigned function;
        uint64_t x, want;
    } cases[] = {
        {0, 0x7ff0000000000000, 0x7ff0000000000000}, /* exp of the infinities */
        {0, 0xfff0000000000000, 0},
        {0, 0x8000000000000000, 0x3ff0000000000000},
        {0, 0x7fefffffffffffff, 0x7ff0000000000000},
        {0, 0xffefffffffffffff, 0},
        {0, 0xfff8000000000001, 0x7ff8000000000000}, /* one NaN */
        {1, 0, 0xfff0000000000000},
        {1, 0x8000000000000000, 0xfff0000000000000},
        {1, 0x8000000000000001, 0x7ff8000000000000},
        {1, 0xfff0000000000000, 0x7ff8000000000000},
        {1, 0x7ff0000000000000, 0x7ff0000000000000},
        {1, 0x7ff0000000000001, 0x7ff8000000000000},
        {2, 0x7ff0000000000000, 0x7ff8000000000000},
        {2, 0xfff0000000000000, 0x7ff8000000000000},
        {2, 0x7ff0000000000001, 0x7ff8000000000000},
        {3, 0x7ff0000000000000, 0x7ff8000000000000},
        {3, 0xfff0000000000000, 0x7ff8000000000000},
        {3, 0x8000000000000000, 0x3ff0000000000000},
        {3, 0x0000000000000001, 0x3ff0000000000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned build = 0; build < 3; build++) {
            uint64_t have = bits_of(builds[build][cases[i].function](real_of(cases[i].x)));
            ck_assert_msg(have == cases[i].want, "case %zu: %016llx", i, (unsigned long long)have);
        }
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "real", 60);
    tcase_add_loop_test(t, every_vector, 0, 3);
    tcase_add_test(t, any_argument);
    tcase_add_test(t, special_arguments);
}

TEST_MAIN("real", suite)

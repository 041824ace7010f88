/* Goal:   joins give what docs/spec/merge.md says, the same whichever side comes first, and refuse
 *         what they cannot join.
 * Method: rows of values, at each limit and one past it. */
#include <string.h>

#include "base/le.h"
#include "rmg/store/codec.h"
#include "rmg/change/merge.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"

static struct fault_heap heap;

static void setup(void)
{
    heap = fault_heap_make(-1, false);
}

static void teardown(void)
{
    ck_assert_int_eq(heap.live, 0);
}

static struct rmg_value atom(enum rmg_codec codec, const void *bytes, uint32_t size)
{
    return (struct rmg_value){RMG_VALUE_ATOM, *rmg_codec_type(codec), bytes, size};
}

static struct rmg_value i64(uint8_t *space, int64_t v)
{
    jit_put_le64(space, (uint64_t)v);
    return atom(RMG_CODEC_I64, space, 8);
}

START_TEST(sums)
{
    static const struct {
        int64_t base, a, b, sum;
        enum jit_err err;
    } rows[] = {{5, 7, 4, 6, JIT_OK},
                {0, INT64_MAX, 0, INT64_MAX, JIT_OK},
                {0, INT64_MAX, 1, 0, JIT_ELIMIT},
                {0, INT64_MIN, -1, 0, JIT_ELIMIT},
                {INT64_MIN, 0, INT64_MIN + 1, 1, JIT_OK},
                {INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, JIT_OK},
                {1, INT64_MIN, 0, 0, JIT_ELIMIT}};
    uint8_t space[3][8];
    struct rmg_scratch scratch;
    struct rmg_value out;
    rmg_scratch_init(&scratch, &heap.heap);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rmg_value x = i64(space[0], rows[i].base);
        struct rmg_value y = i64(space[1], rows[i].a);
        struct rmg_value z = i64(space[2], rows[i].b);
        for (int turn = 0; turn < 2; turn++) {
            ck_assert_int_eq(rmg_join_values(RMG_JOIN_SUM, &x, turn == 0 ? &y : &z,
                                             turn == 0 ? &z : &y, &scratch, &out),
                             rows[i].err);
            if (rows[i].err == JIT_OK) {
                ck_assert_int_eq((int64_t)jit_le64(out.bytes), rows[i].sum);
            }
        }
        ck_assert_int_eq(rmg_join_values(RMG_JOIN_SUM, NULL, &y, &z, &scratch, &out), JIT_ENOTSUP);
    }
    rmg_scratch_release(&scratch);
}
END_TEST

START_TEST(extremes)
{
    uint8_t space[2][8];
    struct rmg_scratch scratch;
    struct rmg_value out;
    rmg_scratch_init(&scratch, &heap.heap);
    struct rmg_value a = i64(space[0], -3);
    struct rmg_value b = i64(space[1], 2);
    must(rmg_join_values(RMG_JOIN_MAX, NULL, &a, &b, &scratch, &out));
    ck_assert_int_eq((int64_t)jit_le64(out.bytes), 2);
    must(rmg_join_values(RMG_JOIN_MIN, NULL, &b, &a, &scratch, &out));
    ck_assert_int_eq((int64_t)jit_le64(out.bytes), -3);
    double half = 0.5;
    double nan = 0;
    const uint64_t nan_bits = 0x7ff8000000000000u;
    memcpy(&nan, &nan_bits, sizeof nan);
    struct rmg_value c = atom(RMG_CODEC_F64, &half, 8);
    struct rmg_value d = atom(RMG_CODEC_F64, &nan, 8);
    ck_assert_int_eq(rmg_join_values(RMG_JOIN_MAX, NULL, &c, &d, &scratch, &out), JIT_ENOTSUP);
    ck_assert_int_eq(rmg_join_values(RMG_JOIN_MAX, NULL, &c, &a, &scratch, &out), JIT_ENOTSUP);
    must(rmg_join_values(RMG_JOIN_MAX, NULL, &c, &c, &scratch, &out));
    struct rmg_value text[2] = {atom(RMG_CODEC_TEXT, "ab", 2), atom(RMG_CODEC_TEXT, "b", 1)};
    ck_assert_int_eq(rmg_join_values(RMG_JOIN_MIN, NULL, &text[0], &text[1], &scratch, &out),
                     JIT_ENOTSUP);
    must(rmg_join_values(RMG_JOIN_LAST, NULL, &text[0], &text[1], &scratch, &out));
    ck_assert_ptr_eq(out.bytes, text[1].bytes);
    must(rmg_join_values(RMG_JOIN_LAST, NULL, &text[1], &text[0], &scratch, &out));
    ck_assert_ptr_eq(out.bytes, text[1].bytes);
    ck_assert_int_eq(rmg_join_values(RMG_JOIN_NONE, NULL, &a, &b, &scratch, &out), JIT_ENOTSUP);
    rmg_scratch_release(&scratch);
}
END_TEST

static uint32_t put_list(uint8_t *to, const char *const *items, uint64_t count)
{
    uint8_t *at = to + 8;
    jit_put_le64(to, count);
    for (uint64_t i = 0; i < count; i++) {
        size_t size = strlen(items[i]);
        jit_put_le64(at, size);
        memcpy(at + 8, items[i], size);
        at += 8 + size;
    }
    return (uint32_t)(at - to);
}

START_TEST(unions)
{
    static const char *const x[] = {"b", "a", "", "b"};
    static const char *const y[] = {"ab", "b"};
    static const char *const both[] = {"", "a", "ab", "b"};
    static uint8_t space[3][1u << 20];
    struct rmg_scratch scratch;
    struct rmg_value out;
    rmg_scratch_init(&scratch, &heap.heap);
    struct rmg_value a = atom(RMG_CODEC_LIST, space[0], put_list(space[0], x, 4));
    struct rmg_value b = atom(RMG_CODEC_LIST, space[1], put_list(space[1], y, 2));
    uint32_t size = put_list(space[2], both, 4);
    for (int turn = 0; turn < 2; turn++) {
        must(rmg_join_values(RMG_JOIN_UNION, NULL, turn == 0 ? &a : &b, turn == 0 ? &b : &a,
                             &scratch, &out));
        ck_assert_uint_eq(out.size, size);
        ck_assert_int_eq(memcmp(out.bytes, space[2], size), 0);
    }
    a.size--; /* no list any more */
    ck_assert_int_eq(rmg_join_values(RMG_JOIN_UNION, NULL, &a, &b, &scratch, &out), JIT_ENOTSUP);
    a.type = *rmg_codec_list_type(RMG_CODEC_TEXT); /* lists of two types */
    a.size++;
    ck_assert_int_eq(rmg_join_values(RMG_JOIN_UNION, NULL, &a, &b, &scratch, &out), JIT_ENOTSUP);
    /* 1 MiB exactly, and one byte more */
    for (uint32_t more = 0; more < 2; more++) {
        const uint32_t half = (1u << 19) - 12; /* 8 for the count, twice 8 for sizes */
        jit_put_le64(space[0], 1);
        jit_put_le64(space[0] + 8, half);
        memset(space[0] + 16, 'x', half);
        jit_put_le64(space[1], 1);
        jit_put_le64(space[1] + 8, half + more);
        memset(space[1] + 16, 'y', half + more);
        a = atom(RMG_CODEC_LIST, space[0], 16 + half);
        b = atom(RMG_CODEC_LIST, space[1], 16 + half + more);
        ck_assert_int_eq(rmg_join_values(RMG_JOIN_UNION, NULL, &a, &b, &scratch, &out),
                         more == 0 ? JIT_OK : JIT_ELIMIT);
    }
    rmg_scratch_release(&scratch);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "joins", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, sums);
    tcase_add_test(t, extremes);
    tcase_add_test(t, unions);
}

TEST_MAIN("merge_join", suite)

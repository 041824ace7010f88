/* Goal:   what guests may cost is counted without losing a unit, in whatever steps time goes by,
 *         and is remembered of those who have gone.
 * Method: purses by themselves, with a time of our own. */
#include "base/le.h"
#include "kernel/hub/hub_purse.h"
#include "tests/lib/tcase.h"

#define SECOND 1000000000ull

START_TEST(a_purse_loses_nothing)
{
    struct hub_purse purse = hub_purse_make(7, 70, 0);
    hub_purse_pay(&purse, 170);
    ck_assert(!hub_purse_is_open(&purse));
    ck_assert_uint_eq(hub_purse_due(&purse), (101 * SECOND + 6) / 7);
    for (uint64_t t = 1; t <= 1000; t++) { /* in whatever steps it is looked at */
        hub_purse_fill(&purse, t * 13 * SECOND / 1000);
    }
    ck_assert_int_ge(purse.left, -100 + 7 * 13 - 1);
    ck_assert_int_le(purse.left, -100 + 7 * 13);
    hub_purse_fill(&purse, 0); /* a clock that goes back */
    ck_assert_int_le(purse.left, -100 + 7 * 13);
    hub_purse_fill(&purse, hub_purse_due(&purse));
    ck_assert(hub_purse_is_open(&purse));
    hub_purse_pay(&purse, UINT64_MAX);
    ck_assert_int_eq(purse.left, -60 * 7);
    hub_purse_fill(&purse, UINT64_MAX);
    ck_assert_int_eq(purse.left, 70);
}
END_TEST

START_TEST(purses_are_remembered)
{
    struct hub_purses purses = {0};
    for (uint32_t i = 0; i < 1000; i++) { /* many come and go */
        struct jit_id id = {{0}};
        jit_put_le32(id.bytes, i);
        struct hub_purse *purse = hub_purses_join(&purses, &id, 100, 1);
        hub_purse_pay(purse, i == 5 ? 90 : 10);
        ck_assert_uint_eq(purse->users, 1);
        hub_purse_leave(purse);
    }
    struct jit_id five = {{5}};
    struct hub_purse *purse = hub_purses_join(&purses, &five, 100, 1);
    ck_assert_int_eq(purse->left, 10); /* who spent most is forgotten last */
    ck_assert_ptr_eq(hub_purses_join(&purses, &five, 100, 1), purse);
    ck_assert_uint_eq(purse->users, 2);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hub_purse", 20);
    tcase_add_test(t, a_purse_loses_nothing);
    tcase_add_test(t, purses_are_remembered);
}

TEST_MAIN("hub_purse", suite)

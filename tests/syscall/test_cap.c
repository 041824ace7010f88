/* Goal:   a request is allowed exactly when a live capability covers it; a stale slot never gives
 *         another right; each denial says why.
 * Method: a generated table: every call of syscalls.def x every set of rights x every other thing
 *         that may be wrong, against a second, naive judgement; slots reused; limits; refused
 *         memory. */
#include "syscall/cap.h"

#include "base/limits.h"
#include "syscall/decode.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;
static struct sys_cap_table *table;
static struct jit_id rule, other_rule, instance, other_instance, digest, other_digest, zero;

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    ck_assert_int_eq(sys_cap_table_new(&mem.heap, &table), JIT_OK);
    struct jit_id *const all[] = {&rule,           &other_rule, &instance,
                                  &other_instance, &digest,     &other_digest};
    for (int i = 0; i < 6; i++) {
        memset(all[i], i + 1, sizeof *all[i]);
    }
}

static void teardown(void)
{
    sys_cap_table_free(table);
    table = NULL;
    ck_assert_int_eq(mem.live, 0);
}

static struct sys_cap cap_of(uint32_t generation, uint32_t rights)
{
    return (struct sys_cap){.generation = generation,
                            .rights = rights,
                            .instance = instance,
                            .rule_id = rule,
                            .params_digest = digest};
}

/* One bit each: what differs between the request and the capability. */
enum wrong {
    WRONG_SLOT = 1,
    WRONG_GENERATION = 2,
    WRONG_RULE = 4,
    WRONG_INSTANCE = 8,
    WRONG_PARAMS = 16,
    WRONG_ALL = 31
};

static enum sys_cap_verdict naive(unsigned wrong, bool right)
{
    return wrong & WRONG_SLOT         ? SYS_CAP_NO_SLOT
           : wrong & WRONG_GENERATION ? SYS_CAP_STALE
           : !right                   ? SYS_CAP_NO_RIGHT
           : wrong & WRONG_RULE       ? SYS_CAP_OTHER_RULE
           : wrong & WRONG_INSTANCE   ? SYS_CAP_OTHER_INSTANCE
           : wrong & WRONG_PARAMS     ? SYS_CAP_OTHER_PARAMS
                                      : SYS_CAP_ALLOWED;
}

START_TEST(every_right_missing_for_every_call)
{
    uint64_t allowed = 0, denied = 0;
    for (uint32_t rights = 1; rights < 16; rights++) {
        struct sys_cap cap = cap_of(1, rights);
        uint32_t slot = rights;
        ck_assert_int_eq(sys_cap_put(table, slot, &cap), JIT_OK);
        ck_assert_int_eq(sys_cap_remove(table, slot, 1), JIT_OK);
        cap.generation = 2;
        ck_assert_int_eq(sys_cap_put(table, slot, &cap), JIT_OK);
        for (size_t i = 0; i < sys_call_row_count; i++) {
            const uint32_t right = sys_call_rows[i].rights;
            for (unsigned wrong = 0; wrong <= WRONG_ALL; wrong++) {
                const struct sys_cap_need need = {
                    .right = right,
                    .rule_id = wrong & WRONG_RULE ? &other_rule : &rule,
                    .instance = wrong & WRONG_INSTANCE ? &other_instance : &instance,
                    .params_digest = wrong & WRONG_PARAMS ? &other_digest : &digest};
                enum sys_cap_verdict verdict =
                    sys_cap_check(table, wrong & WRONG_SLOT ? 500 : slot,
                                  wrong & WRONG_GENERATION ? 1 : 2, &need);
                ck_assert_int_eq(verdict, naive(wrong, (rights & right) == right));
                allowed += verdict == SYS_CAP_ALLOWED;
                denied += verdict != SYS_CAP_ALLOWED;
            }
        }
    }
    ck_assert_uint_gt(allowed, 0);
    ck_assert_uint_gt(denied, allowed * 30);
}
END_TEST

START_TEST(what_is_not_bound_is_free)
{
    struct sys_cap cap = cap_of(1, SYS_RIGHT_INVOKE);
    const struct sys_cap_need need = {.right = SYS_RIGHT_INVOKE,
                                      .rule_id = &rule,
                                      .instance = &instance,
                                      .params_digest = &digest};
    cap.params_digest = zero;
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_OK);
    ck_assert_int_eq(sys_cap_check(table, 0, 1, &need), SYS_CAP_ALLOWED);
    cap.rule_id = zero; /* names no rule: it does not stand for all */
    ck_assert_int_eq(sys_cap_put(table, 1, &cap), JIT_OK);
    ck_assert_int_eq(sys_cap_check(table, 1, 1, &need), SYS_CAP_OTHER_RULE);
    const struct sys_cap_need zero_rule = {.right = SYS_RIGHT_INVOKE, .rule_id = &zero};
    ck_assert_int_eq(sys_cap_check(table, 1, 1, &zero_rule), SYS_CAP_OTHER_RULE);
    const struct sys_cap_need map = {.right = SYS_RIGHT_INVOKE, .instance = &instance};
    ck_assert_int_eq(sys_cap_check(table, 1, 1, &map), SYS_CAP_ALLOWED);
}
END_TEST

/* It covers its instance and those nested in it, however deep, and nothing beside. */
START_TEST(nested_instances)
{
    struct jit_id outer[JIT_DEPTH_MAX];
    struct sys_cap cap = cap_of(1, SYS_RIGHT_INVOKE);
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_OK);
    for (uint32_t depth = 0; depth <= JIT_DEPTH_MAX; depth++) {
        for (uint32_t i = 0; i < JIT_DEPTH_MAX; i++) {
            outer[i] = other_instance;
            outer[i].bytes[0] = (uint8_t)(100 + i);
        }
        if (depth > 0) {
            outer[depth - 1] = instance;
        }
        struct sys_cap_need need = {.right = SYS_RIGHT_INVOKE,
                                    .rule_id = &rule,
                                    .instance = depth == 0 ? &instance : &other_instance,
                                    .outer = outer,
                                    .outer_count = depth,
                                    .params_digest = &digest};
        ck_assert_int_eq(sys_cap_check(table, 0, 1, &need), SYS_CAP_ALLOWED);
        need.params_digest = &other_digest;
        ck_assert_int_eq(sys_cap_check(table, 0, 1, &need), SYS_CAP_OTHER_PARAMS);
        need.rule_id = &other_rule;
        ck_assert_int_eq(sys_cap_check(table, 0, 1, &need), SYS_CAP_OTHER_RULE);
        need.right = SYS_RIGHT_WRITE;
        ck_assert_int_eq(sys_cap_check(table, 0, 1, &need), SYS_CAP_NO_RIGHT);
        if (depth > 0) { /* not looked at beyond what it lies in */
            need = (struct sys_cap_need){.right = SYS_RIGHT_INVOKE,
                                         .instance = &other_instance,
                                         .outer = outer,
                                         .outer_count = depth - 1};
            ck_assert_int_eq(sys_cap_check(table, 0, 1, &need), SYS_CAP_OTHER_INSTANCE);
        }
    }
}
END_TEST

START_TEST(generations)
{
    const struct sys_cap *found;
    struct sys_cap cap = cap_of(3, SYS_RIGHT_MAP);
    const struct sys_cap_need need = {.right = SYS_RIGHT_MAP};
    ck_assert_int_eq(sys_cap_lookup(table, 0, 1, &found), JIT_ENOENT);
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_OK);
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_EEXIST);
    ck_assert_int_eq(sys_cap_lookup(table, 0, 3, &found), JIT_OK);
    ck_assert_uint_eq(found->generation, 3);
    ck_assert_int_eq(sys_cap_lookup(table, 0, 2, &found), JIT_ESTALE);
    ck_assert_ptr_null(found);
    ck_assert_int_eq(sys_cap_lookup(table, 0, 4, &found), JIT_ENOENT);
    ck_assert_int_eq(sys_cap_lookup(table, 0, 0, &found), JIT_ENOENT);
    ck_assert_int_eq(sys_cap_lookup(table, SYS_NONE, 3, &found), JIT_ENOENT);
    ck_assert_int_eq(sys_cap_remove(table, 0, 2), JIT_ESTALE);
    ck_assert_int_eq(sys_cap_remove(table, 0, 3), JIT_OK);
    ck_assert_int_eq(sys_cap_remove(table, 0, 3), JIT_ESTALE);
    ck_assert_int_eq(sys_cap_check(table, 0, 3, &need), SYS_CAP_STALE);
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_ESTALE); /* never the same again */
    cap.generation = 4;
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_OK);
    ck_assert_int_eq(sys_cap_check(table, 0, 3, &need), SYS_CAP_STALE);
    ck_assert_int_eq(sys_cap_check(table, 0, 4, &need), SYS_CAP_ALLOWED);
}
END_TEST

START_TEST(bounds)
{
    struct sys_cap cap = cap_of(1, SYS_RIGHT_MAP);
    ck_assert_int_eq(sys_cap_put(table, JIT_CAP_SLOTS_MAX - 1, &cap), JIT_OK);
    ck_assert_int_eq(sys_cap_put(table, JIT_CAP_SLOTS_MAX, &cap), JIT_ELIMIT);
    cap.generation = 0;
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_EINVALID);
    cap = cap_of(1, 0);
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_EINVALID);
    cap = cap_of(1, 16 | SYS_RIGHT_MAP);
    ck_assert_int_eq(sys_cap_put(table, 0, &cap), JIT_EINVALID);
}
END_TEST

START_TEST(limits)
{
    for (uint32_t slot = 0; slot < 4; slot++) { /* 0 and 1 share group 5; 2 has 2; 3 has none */
        struct sys_cap cap = cap_of(1, SYS_RIGHT_INVOKE);
        cap.limit_group = slot < 2 ? 5 : slot == 2 ? 2 : 9;
        ck_assert_int_eq(sys_cap_put(table, slot, &cap), JIT_OK);
    }
    ck_assert_int_eq(sys_cap_set_limit(table, 5, 3), JIT_OK);
    ck_assert_int_eq(sys_cap_set_limit(table, 2, 0), JIT_OK);
    for (int tick = 0; tick < 3; tick++) {
        sys_cap_begin_tick(table);
        ck_assert_int_eq(sys_cap_charge(table, 0), SYS_CAP_ALLOWED);
        ck_assert_int_eq(sys_cap_charge(table, 1), SYS_CAP_ALLOWED);
        ck_assert_int_eq(sys_cap_charge(table, 0), SYS_CAP_ALLOWED);
        ck_assert_int_eq(sys_cap_charge(table, 1), SYS_CAP_OVER_LIMIT);
        ck_assert_int_eq(sys_cap_charge(table, 0), SYS_CAP_OVER_LIMIT);
        ck_assert_int_eq(sys_cap_charge(table, 2), SYS_CAP_OVER_LIMIT);
        for (int i = 0; i < 100; i++) {
            ck_assert_int_eq(sys_cap_charge(table, 3), SYS_CAP_ALLOWED);
        }
    }
    ck_assert_int_eq(sys_cap_set_limit(table, 5, 1), JIT_OK);
    sys_cap_begin_tick(table);
    ck_assert_int_eq(sys_cap_charge(table, 0), SYS_CAP_ALLOWED);
    ck_assert_int_eq(sys_cap_charge(table, 1), SYS_CAP_OVER_LIMIT);
}
END_TEST

START_TEST(no_memory)
{
    for (int64_t n = 0;; n++) {
        struct fault_heap fault = fault_heap_make(n, true);
        struct sys_cap_table *small;
        struct sys_cap cap = cap_of(1, SYS_RIGHT_MAP);
        enum jit_err err = sys_cap_table_new(&fault.heap, &small);
        for (uint32_t slot = 0; err == JIT_OK && slot < 40; slot++) {
            err = sys_cap_put(small, slot, &cap);
        }
        for (uint32_t group = 0; err == JIT_OK && group < 40; group++) {
            err = sys_cap_set_limit(small, group, 1);
        }
        ck_assert_int_eq(err, fault_heap_fired(&fault) ? JIT_ENOMEM : JIT_OK);
        sys_cap_table_free(small);
        ck_assert_int_eq(fault.live, 0);
        if (!fault_heap_fired(&fault)) {
            break;
        }
    }
}
END_TEST

static const struct {
    enum sys_cap_verdict verdict;
    const char *text;
} explained[] = {
    {SYS_CAP_ALLOWED, "allowed: w[2] holds invoke on rule cure in /world"},
    {SYS_CAP_NO_SLOT, "denied: w[2] holds no capability with invoke on rule cure in /world"},
    {SYS_CAP_STALE,
     "denied: the capability in slot 3 of w[2] is stale: invoke on rule cure in /world"},
    {SYS_CAP_NO_RIGHT,
     "denied: the capability in slot 3 of w[2] lacks a right: invoke on rule cure in /world"},
    {SYS_CAP_OTHER_RULE, "denied: the capability in slot 3 of w[2] is for another rule: invoke on "
                         "rule cure in /world"},
    {SYS_CAP_OTHER_INSTANCE, "denied: the capability in slot 3 of w[2] is for another instance: "
                             "invoke on rule cure in /world"},
    {SYS_CAP_OTHER_PARAMS, "denied: the capability in slot 3 of w[2] is bound to other parameters: "
                           "invoke on rule cure in /world"},
    {SYS_CAP_OVER_LIMIT, "denied: the capability in slot 3 of w[2] has used up its limit for this "
                         "tick: invoke on rule cure in /world"},
};

START_TEST(words)
{
    struct sys_cap_names names = {"w[2]", "cure", "/world", 3, SYS_RIGHT_INVOKE};
    char text[256];
    ck_assert_uint_eq(sizeof explained / sizeof explained[0], SYS_CAP_VERDICTS);
    for (size_t i = 0; i < SYS_CAP_VERDICTS; i++) {
        ck_assert_uint_eq(sys_cap_explain(explained[i].verdict, &names, text, sizeof text),
                          strlen(explained[i].text));
        ck_assert_str_eq(text, explained[i].text);
        ck_assert_uint_gt(strlen(sys_cap_verdict_text(explained[i].verdict)), 0);
        for (size_t size = 1; size < strlen(explained[i].text); size++) { /* cut off, never past */
            memset(text, '#', sizeof text);
            ck_assert_uint_eq(sys_cap_explain(explained[i].verdict, &names, text, size), size - 1);
            ck_assert_int_eq(text[size - 1], '\0');
            ck_assert_int_eq(text[size], '#');
        }
    }
    names.rule = NULL;
    names.right = SYS_RIGHT_MAP | SYS_RIGHT_WRITE;
    sys_cap_explain(SYS_CAP_NO_SLOT, &names, text, sizeof text);
    ck_assert_str_eq(text, "denied: w[2] holds no capability with map and write on /world");
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "cap", 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_right_missing_for_every_call);
    tcase_add_test(t, what_is_not_bound_is_free);
    tcase_add_test(t, nested_instances);
    tcase_add_test(t, generations);
    tcase_add_test(t, bounds);
    tcase_add_test(t, limits);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, words);
}

TEST_MAIN("cap", suite)

/* Goal:   derivation only narrows, and says what was too much.
 * Method: one derivation too wide for each attenuator, and one that is just as wide; quotas, days,
 *         depth and fan-out at their limit and one past it; a move within the tree. */
#include <stdlib.h>

#include "base/limits.h"
#include "syscall/cap.h"
#include "syscall/decode.h"
#include "tests/lib/tcase.h"
#include "tests/syscall/cap_bed.h"

static enum jit_err derive(uint32_t parent, const struct sys_cap_want *want, uint32_t holder,
                           uint32_t *out, enum sys_cap_excess *excess)
{
    static uint32_t made;
    struct jit_id id = {{0xee}};
    made++;
    memcpy(id.bytes + 4, &made, sizeof made);
    return sys_caps_derive(caps, parent, want, &id, holder, SYS_CAP_NONE, out, excess);
}

/* One thing wider than held, everything else as held. */
START_TEST(more_than_is_held_is_refused_by_name)
{
    struct sys_attenuators held = half();
    struct sys_cap cap = cap_of(1, SYS_RIGHT_INVOKE | SYS_RIGHT_READ);
    cap.rule_id = zero;
    cap.badge = 7;
    cap.attenuators = &held;
    uint32_t parent = put(0, &cap);
    const struct sys_id_set wide = {ids, 4};
    struct sys_attenuators want = {.nodes = wide,
                                   .edges = wide,
                                   .rules = wide,
                                   .bound = bound_b,
                                   .bound_count = 1,
                                   .priority_max = 6,
                                   .operations = 11,
                                   .bytes = 101,
                                   .last_tick = 51,
                                   .depth = 3}; /* one is used up by the step itself */
    static const struct {
        uint32_t given;
        enum sys_cap_excess excess;
    } wider[] = {
        {SYS_GIVEN_NODES, SYS_EXCESS_NODES},       {SYS_GIVEN_EDGES, SYS_EXCESS_EDGES},
        {SYS_GIVEN_RULES, SYS_EXCESS_RULES},       {SYS_GIVEN_BOUND, SYS_EXCESS_PARAMS},
        {SYS_GIVEN_PRIORITY, SYS_EXCESS_PRIORITY}, {SYS_GIVEN_OPERATIONS, SYS_EXCESS_OPERATIONS},
        {SYS_GIVEN_BYTES, SYS_EXCESS_BYTES},       {SYS_GIVEN_LAST_TICK, SYS_EXCESS_LAST_TICK},
        {SYS_GIVEN_DEPTH, SYS_EXCESS_DEPTH}};
    enum sys_cap_excess excess;
    uint32_t node;
    for (size_t i = 0; i < sizeof wider / sizeof wider[0]; i++) {
        want.given = wider[i].given;
        want.bound_count = wider[i].given == SYS_GIVEN_BOUND;
        const struct sys_cap_want ask = {.attenuators = &want};
        ck_assert_int_eq(derive(parent, &ask, 1, &node, &excess), JIT_ECAP);
        ck_assert_int_eq(excess, wider[i].excess);
        ck_assert_uint_eq(node, SYS_CAP_NONE);
        ck_assert_uint_gt(strlen(sys_cap_excess_text(excess)), 0);
    }
    const struct sys_cap_want others[] = {{.rights = SYS_RIGHT_READ | SYS_RIGHT_WRITE},
                                          {.instance = other_instance},
                                          {.rule_id = ids[3]},
                                          {.params_digest = other_digest},
                                          {.badge = 8}};
    static const enum sys_cap_excess excesses[] = {SYS_EXCESS_RIGHTS, SYS_EXCESS_OBJECT,
                                                   SYS_EXCESS_RULES, SYS_EXCESS_PARAMS,
                                                   SYS_EXCESS_BADGE};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_int_eq(derive(parent, &others[i], 1, &node, &excess), JIT_ECAP);
        ck_assert_int_eq(excess, excesses[i]);
    }
    ck_assert_uint_eq(sys_caps_count(caps), 1);
    ck_assert_uint_eq(sys_caps_node(caps, parent)->children, 0);
    ck_assert_uint_eq(sys_caps_node(caps, parent)->operations_left, 10);
}
END_TEST

START_TEST(as_much_as_is_held_is_given)
{
    struct sys_attenuators held = half();
    struct sys_cap cap = cap_of(1, SYS_RIGHT_INVOKE | SYS_RIGHT_READ);
    cap.rule_id = zero;
    cap.attenuators = &held;
    uint32_t parent = put(0, &cap);
    struct sys_attenuators want = half();
    want.depth = 2;
    want.bound = bound_ab;
    want.bound_count = 2;
    want.given |= SYS_GIVEN_NO_DELEGATE;
    const struct sys_cap_want ask = {.rights = SYS_RIGHT_INVOKE,
                                     .instance = other_instance,
                                     .outer = &instance,
                                     .outer_count = 1,
                                     .rule_id = ids[2],
                                     .badge = 9,
                                     .attenuators = &want};
    enum sys_cap_excess excess;
    uint32_t node, next;
    ck_assert_int_eq(derive(parent, &ask, 1, &node, &excess), JIT_OK);
    const struct sys_cap_node *made = sys_caps_node(caps, node);
    ck_assert_uint_eq(made->cap.rights, SYS_RIGHT_INVOKE);
    ck_assert(jit_id_equal(&made->cap.rule_id, &ids[2]));
    ck_assert(jit_id_equal(&made->cap.params_digest, &digest)); /* as it is held */
    ck_assert_uint_eq(made->cap.badge, 9);
    ck_assert_uint_eq(made->cap.attenuators->bound_count, 2);
    ck_assert_uint_eq(made->depth, 1);
    ck_assert_uint_eq(made->operations_left, 10); /* all of it: charged to whoever derived it */
    ck_assert_uint_eq(sys_caps_node(caps, parent)->operations_left, 0);
    ck_assert_uint_eq(sys_caps_node(caps, parent)->bytes_left, 0);
    ck_assert_int_eq(derive(node, &(struct sys_cap_want){.rights = 0}, 2, &next, &excess),
                     JIT_ECAP);
    ck_assert_int_eq(excess, SYS_EXCESS_DELEGATE);
    ck_assert_int_eq(sys_caps_move(caps, node, 2, 0, &excess), JIT_ECAP);
    ck_assert_int_eq(excess, SYS_EXCESS_DELEGATE);
    uint32_t paid[2];
    sys_caps_revoke(caps, node, false);
    sys_caps_remove(caps, node, paid); /* what was not used comes back */
    ck_assert_uint_eq(paid[0], parent);
    ck_assert_uint_eq(paid[1], parent);
    ck_assert_uint_eq(sys_caps_node(caps, parent)->operations_left, 10);
    ck_assert_uint_eq(sys_caps_node(caps, parent)->bytes_left, 100);
}
END_TEST

START_TEST(quotas_are_of_the_nearest_that_has_one)
{
    struct sys_attenuators ten = {.given = SYS_GIVEN_OPERATIONS, .operations = 10};
    struct sys_attenuators four = {.given = SYS_GIVEN_OPERATIONS, .operations = 4};
    struct sys_cap cap = cap_of(1, SYS_RIGHT_INVOKE);
    enum sys_cap_excess excess;
    uint32_t plain, with, below;
    cap.attenuators = &ten;
    uint32_t root = put(0, &cap);
    ck_assert_int_eq(derive(root, &(struct sys_cap_want){.badge = 1}, 1, &plain, &excess), JIT_OK);
    ck_assert_uint_eq(sys_caps_quota(caps, plain, SYS_GIVEN_OPERATIONS), root);
    ck_assert_uint_eq(sys_caps_quota(caps, plain, SYS_GIVEN_BYTES), SYS_CAP_NONE);
    ck_assert_int_eq(derive(plain, &(struct sys_cap_want){.attenuators = &four}, 2, &with, &excess),
                     JIT_OK);
    ck_assert_uint_eq(sys_caps_node(caps, root)->operations_left, 6);
    ck_assert_int_eq(derive(with, &(struct sys_cap_want){.badge = 0}, 2, &below, &excess), JIT_OK);
    ck_assert_uint_eq(sys_caps_quota(caps, below, SYS_GIVEN_OPERATIONS), with);
    sys_caps_set_left(caps, with, SYS_GIVEN_OPERATIONS, 1);
    ck_assert_int_eq(derive(plain, &(struct sys_cap_want){.attenuators = &ten}, 2, &with, &excess),
                     JIT_ECAP);
    ck_assert_int_eq(excess, SYS_EXCESS_OPERATIONS); /* 6 are left, though it was given 10 */
}
END_TEST

START_TEST(what_is_bound_is_asked_for)
{
    uint8_t params[2 * (8 + 3)] = {3, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 3};
    struct sys_attenuators a = {.given = SYS_GIVEN_BOUND | SYS_GIVEN_PRIORITY,
                                .bound = bound_a,
                                .bound_count = 1,
                                .priority_max = -1};
    struct sys_cap cap = cap_of(1, SYS_RIGHT_INVOKE);
    cap.attenuators = &a;
    put(0, &cap);
    struct sys_cap_need need = {.right = SYS_RIGHT_INVOKE,
                                .rule_id = &rule,
                                .params_digest = &digest,
                                .params = params,
                                .params_size = sizeof params,
                                .priority = -1};
    memcpy(params + 19, bytes_a, 3);
    ck_assert_int_eq(check(0, 1, &need), SYS_CAP_ALLOWED);
    need.priority = 0;
    ck_assert_int_eq(check(0, 1, &need), SYS_CAP_PRIORITY);
    params[21] = 9;
    ck_assert_int_eq(check(0, 1, &need), SYS_CAP_OTHER_PARAMS);
    for (size_t size = 0; size < sizeof params; size++) { /* parameters that are cut off */
        need.params_size = size;
        ck_assert_int_eq(check(0, 1, &need), SYS_CAP_OTHER_PARAMS);
    }
}
END_TEST

START_TEST(expiry)
{
    struct sys_attenuators until = {.given = SYS_GIVEN_LAST_TICK, .last_tick = 5};
    struct sys_cap cap = cap_of(1, SYS_RIGHT_MAP);
    const struct sys_cap_need need = {.right = SYS_RIGHT_MAP};
    enum sys_cap_excess excess;
    uint32_t child, dead[4];
    cap.attenuators = &until;
    uint32_t root = put(0, &cap);
    ck_assert_int_eq(derive(root, &(struct sys_cap_want){.badge = 1}, 1, &child, &excess), JIT_OK);
    ck_assert(sys_caps_node(caps, child)->cap.attenuators->given == SYS_GIVEN_LAST_TICK);
    for (uint64_t tick = 4; tick < 8; tick++) {
        sys_caps_begin_tick(caps, tick);
        ck_assert_int_eq(check(0, 1, &need), tick <= 5 ? SYS_CAP_ALLOWED : SYS_CAP_EXPIRED);
        ck_assert_int_eq(sys_caps_live(caps, child), tick <= 5 ? SYS_CAP_ALLOWED : SYS_CAP_EXPIRED);
        ck_assert_uint_eq(sys_caps_dead(caps, dead, 4), tick <= 5 ? 0 : 1); /* a leaf */
    }
    ck_assert_uint_eq(dead[0], child);
}
END_TEST

START_TEST(depth_and_fan_out)
{
    struct sys_cap cap = cap_of(1, SYS_RIGHT_MAP);
    const struct sys_cap_want same = {.rights = 0};
    enum sys_cap_excess excess;
    uint32_t root = put(0, &cap), at = root, chain[JIT_CAP_DEPTH_MAX + 1];
    for (uint32_t depth = 1; depth <= JIT_CAP_DEPTH_MAX; depth++) {
        ck_assert_int_eq(derive(at, &same, 1, &at, &excess), JIT_OK);
        ck_assert_uint_eq(sys_caps_chain(caps, at, chain), depth + 1);
        ck_assert_uint_eq(chain[0], root);
        ck_assert_uint_eq(chain[depth], at);
    }
    uint32_t past;
    ck_assert_int_eq(derive(at, &same, 1, &past, &excess), JIT_ELIMIT);
    ck_assert_int_eq(excess, SYS_EXCESS_DEPTH);
    for (uint32_t i = 1; i < JIT_CAP_FAN_OUT_MAX; i++) { /* one it has already */
        ck_assert_int_eq(derive(root, &same, i < 100 ? 0 : 2, &at, &excess), JIT_OK);
    }
    ck_assert_int_eq(derive(root, &same, 0, &past, &excess), JIT_ELIMIT);
    ck_assert_int_eq(excess, SYS_EXCESS_FAN_OUT);
    uint32_t holder_1 = sys_caps_at(caps, 1, 0);
    for (uint32_t i = 0; sys_caps_slots(caps, 2) < JIT_CAP_SLOTS_MAX; i++) { /* fill its slots */
        ck_assert_int_eq(derive(holder_1, &same, 2, &at, &excess), JIT_OK);
        ck_assert_uint_lt(i, 200);
    }
    ck_assert_int_eq(derive(holder_1, &same, 2, &past, &excess), JIT_ELIMIT);
    ck_assert_int_eq(excess, SYS_EXCESS_SLOT);
    struct jit_id id = {{1}};
    ck_assert_int_eq(sys_caps_derive(caps, holder_1, &same, &id, 1, 0, &past, &excess), JIT_EEXIST);
    ck_assert_int_eq(excess, SYS_EXCESS_SLOT);
    sys_caps_revoke(caps, root, true); /* its own right stays */
    ck_assert_int_eq(check(0, 1, &(struct sys_cap_need){.right = 1}), SYS_CAP_ALLOWED);
    ck_assert_int_eq(sys_caps_live(caps, holder_1), SYS_CAP_REVOKED);
    ck_assert_int_eq(derive(root, &same, 1, &at, &excess), JIT_ELIMIT); /* not yet swept */
    uint32_t *dead = calloc(JIT_CAP_FAN_OUT_MAX, sizeof *dead);
    size_t count = sys_caps_dead(caps, dead, JIT_CAP_FAN_OUT_MAX);
    ck_assert_uint_ge(count, JIT_CAP_FAN_OUT_MAX - 1);
    for (size_t i = 0; i < count; i++) {
        ck_assert(i == 0 || jit_id_compare(&sys_caps_node(caps, dead[i - 1])->id,
                                           &sys_caps_node(caps, dead[i])->id) < 0);
    }
    take(dead[0]);
    ck_assert_int_eq(derive(root, &same, 1, &at, &excess), JIT_OK);
    ck_assert_int_eq(sys_caps_live(caps, at), SYS_CAP_ALLOWED); /* made after it */
    free(dead);
}
END_TEST

START_TEST(a_move_keeps_the_tree)
{
    struct sys_cap cap = cap_of(1, SYS_RIGHT_MAP);
    const struct sys_cap_need need = {.right = SYS_RIGHT_MAP};
    enum sys_cap_excess excess;
    uint32_t child;
    uint32_t root = put(0, &cap);
    ck_assert_int_eq(derive(root, &(struct sys_cap_want){.rights = 0}, 1, &child, &excess), JIT_OK);
    ck_assert_int_eq(sys_caps_move(caps, root, 1, 0, &excess), JIT_EEXIST);
    ck_assert_int_eq(excess, SYS_EXCESS_SLOT);
    ck_assert_int_eq(sys_caps_move(caps, root, 2, 4, &excess), JIT_OK);
    ck_assert_int_eq(check(0, 1, &need), SYS_CAP_STALE); /* where it was */
    ck_assert_int_eq(sys_caps_check(caps, 2, 4, 1, &need, NULL), SYS_CAP_ALLOWED);
    ck_assert_uint_eq(sys_caps_node(caps, child)->parent, root);
    sys_caps_revoke(caps, root, false);
    sys_caps_revoke(caps, root, false);
    ck_assert_int_eq(sys_caps_check(caps, 2, 4, 1, &need, NULL), SYS_CAP_REVOKED);
    ck_assert_int_eq(sys_caps_live(caps, child), SYS_CAP_REVOKED);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "cap_derive", 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, more_than_is_held_is_refused_by_name);
    tcase_add_test(t, as_much_as_is_held_is_given);
    tcase_add_test(t, quotas_are_of_the_nearest_that_has_one);
    tcase_add_test(t, what_is_bound_is_asked_for);
    tcase_add_test(t, expiry);
    tcase_add_test(t, depth_and_fan_out);
    tcase_add_test(t, a_move_keeps_the_tree);
}

TEST_MAIN("cap_derive", suite)

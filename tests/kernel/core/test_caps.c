/* Goal:   the kernel keeps capabilities as /sec has them, carries out derive, grant, revoke and
 *         inspect before it judges requests, and lets nothing be matched or written that is not
 *         covered.
 * Method: two processes whose rings the test writes itself, tick by tick; every tick is logged,
 *         replayed, and read back into a second core whose tree must be the same, node by node. */
#include "tests/kernel/core/hands.h"

#define GRANTED HANDS_TEXT "grant w: map /world; invoke bump, link on /world\n"

START_TEST(derived_used_revoked)
{
    begin(GRANTED);
    const struct sys_attenuators two = {.given = SYS_GIVEN_OPERATIONS, .operations = 2};
    /* w: slot 0 map, slot 1 bump (bound to n = 2), slot 2 link */
    derive(W, SYS_CALL_derive, (struct sys_derive){1, 1, 0, SYS_NONE, .badge = 77}, &two);
    apply_bump(W, 1, 1, 0, 2);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_APPLIED);
    struct sys_derived made = derived_of(W, SYS_CALL_derive);
    ck_assert_uint_eq(made.slot, 3);
    const struct sys_inspect inspect = {made.slot, made.generation};
    for (unsigned i = 0; i < 4; i++) { /* two operations in all */
        apply_bump(W, made.slot, made.generation, i, 2);
    }
    post(W, SYS_CALL_inspect, &inspect, sizeof inspect);
    tick();
    struct sys_inspected seen;
    memcpy(&seen, &receipt_of(W, SYS_CALL_inspect)->request_key, sizeof seen);
    ck_assert_uint_eq(seen.rights, SYS_RIGHT_INVOKE);
    ck_assert_uint_eq(seen.depth, 1);
    ck_assert_uint_eq(seen.operations_left, 2);
    ck_assert_uint_eq(seen.badge, 77);
    ck_assert_int_eq(hits_of(0) + hits_of(1) + hits_of(2) + hits_of(3), 2 + 2 * 2);
    apply_bump(W, made.slot, made.generation, 5, 2);
    tick(); /* none is left, also not in another tick */
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_OVER_QUOTA);
    apply_bump(W, 1, 1, 5, 2);
    revoke(W, 1, 1, 0);
    tick(); /* what was asked in the same tick is not done any more */
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "is revoked"));
    ck_assert_int_eq(receipt_of(W, SYS_CALL_revoke)->result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(5), 0);
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), 3); /* the leaf is swept */
    tick(); /* the run of bump has no capability any more: started anew without one */
    ck_assert_uint_eq(hands[W].starts, 2);
    ck_assert_uint_eq(hands[W].uses[BUMP].cap_slot, SYS_NONE);
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), 2);
    revoke(W, 1, 1, 0); /* long gone: as good as revoked */
    revoke(W, 9, 1, 0);
    tick();
    ck_assert_uint_eq(hands[W].receipt_count, 2);
    ck_assert_int_ne(hands[W].receipts[0].result, hands[W].receipts[1].result);
    end();
}
END_TEST

START_TEST(more_is_refused_and_named)
{
    begin(GRANTED);
    derive(W, SYS_CALL_derive,
           (struct sys_derive){2, 1, 0, SYS_NONE, .rights = SYS_RIGHT_INVOKE | SYS_RIGHT_WRITE},
           NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_DENIED);
    ck_assert_uint_eq(derived_of(W, SYS_CALL_derive).excess, SYS_EXCESS_RIGHTS);
    derive(W, SYS_CALL_derive,
           (struct sys_derive){.cap_slot = 7, .cap_generation = 1, .to_slot = SYS_NONE}, NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_DENIED);
    ck_assert_uint_eq(derived_of(W, SYS_CALL_derive).verdict, SYS_CAP_NO_SLOT);
    derive(W, SYS_CALL_derive, (struct sys_derive){.cap_slot = 2, .cap_generation = 1},
           NULL); /* slot 0 is taken */
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_EXISTS);
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), 3);
    end();
}
END_TEST

/* To another process only under a write right on it; a move takes it away here. */
START_TEST(granted_to_another)
{
    begin(GRANTED);
    derive(W, SYS_CALL_grant, (struct sys_derive){2, 1, 0, SYS_NONE, .to_cap = 9}, NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_grant)->result, RMG_DENIED);
    struct kern_outcome way = give_process(W, SYS_RIGHT_WRITE, V);
    ck_assert_int_eq(way.result, RMG_APPLIED);
    derive(W, SYS_CALL_grant,
           (struct sys_derive){2, 1, 0, SYS_NONE, way.slot, way.generation, .badge = 5}, NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_grant)->result, RMG_APPLIED);
    struct sys_derived given = derived_of(W, SYS_CALL_grant);
    tick(); /* v runs link: it is started anew with it */
    ck_assert_uint_eq(hands[V].starts, 2);
    ck_assert_uint_eq(hands[V].uses[LINK].cap_slot, given.slot);
    derive(W, SYS_CALL_grant,
           (struct sys_derive){.cap_generation = 1,
                               .flags = SYS_MOVE,
                               .to_slot = SYS_NONE,
                               .to_cap = way.slot,
                               .to_cap_generation = way.generation},
           NULL);
    tick(); /* w's map: gone here, there now */
    ck_assert_uint_eq(hands[W].starts, 2);
    ck_assert_uint_eq(hands[V].starts, 3);
    ck_assert_uint_eq(hands[W].mapped, 0);
    ck_assert_uint_ne(hands[V].mapped, 0);
    apply_link(V, given.slot, given.generation);
    revoke(W, 2, 1, SYS_ONLY_CHILDREN);
    tick(); /* w takes back what it gave; its own stays */
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_DENIED);
    apply_link(W, 2, 1);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    end();
}
END_TEST

/* Nothing that a process asks for is done in the tick in which it loses a map. */
START_TEST(a_lost_map)
{
    begin(GRANTED);
    apply_link(W, 2, 1);
    revoke(W, 0, 1, 0);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "started anew"));
    tick();
    ck_assert_uint_eq(hands[W].starts, 2);
    ck_assert_uint_eq(hands[W].mapped, 0);
    apply_link(W, 2, 1);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    struct kern_process_status status;
    kern_core_process(sim.core, W, &status);
    ck_assert_int_eq(status.state, KERN_PROCESS_RUNNING); /* no death that a policy counts */
    end();
}
END_TEST

START_TEST(expiry_and_priority)
{
    begin(GRANTED);
    const struct sys_attenuators short_lived = {.given = SYS_GIVEN_LAST_TICK, .last_tick = 3};
    const struct sys_attenuators low = {.given = SYS_GIVEN_PRIORITY, .priority_max = 2};
    struct kern_outcome now = give(V, SYS_RIGHT_INVOKE, &bump_id, &short_lived); /* tick 1 */
    struct kern_outcome ceiling = give(W, SYS_RIGHT_INVOKE, &bump_id, &low);     /* tick 2 */
    apply_bump(V, now.slot, now.generation, 0, 9);
    apply_bump(W, ceiling.slot, ceiling.generation, 1, 9);
    tick(); /* tick 3 */
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "ceiling"));
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(0), 9);
    ck_assert_uint_eq(hands[V].starts, 3);
    ck_assert_uint_eq(hands[V].uses[BUMP].cap_slot, SYS_NONE);
    apply_bump(V, now.slot, now.generation, 0, 9);
    tick(); /* swept before it is looked at */
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_int_eq(hits_of(0), 9);
    end();
}
END_TEST

/* A ceiling is one whichever right it is that lets a rule be applied. */
START_TEST(a_ceiling_of_a_right_to_write)
{
    begin(GRANTED);
    const struct sys_attenuators low = {.given = SYS_GIVEN_PRIORITY, .priority_max = 2};
    const struct sys_attenuators high = {.given = SYS_GIVEN_PRIORITY, .priority_max = 3};
    struct kern_outcome below = give(V, SYS_RIGHT_WRITE, NULL, &low);
    struct kern_outcome at = give(W, SYS_RIGHT_WRITE, NULL, &high);
    apply_bump(V, below.slot, below.generation, 0, 9); /* of priority 3 */
    apply_bump(W, at.slot, at.generation, 1, 9);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "ceiling"));
    ck_assert_int_eq(hits_of(0), 0);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(1), 9);
    end();
}
END_TEST

/* What is matched and written is of types that are covered. */
START_TEST(types_are_covered)
{
    begin(GRANTED);
    struct jit_id both[2] = {next_type, done_type};
    if (jit_id_compare(&both[0], &both[1]) > 0) {
        both[0] = done_type;
        both[1] = next_type;
    }
    const struct sys_attenuators cells = {.given = SYS_GIVEN_NODES, .nodes = {&cell_type, 1}};
    const struct sys_attenuators no_cells = {.given = SYS_GIVEN_NODES, .nodes = {&next_type, 1}};
    const struct sys_attenuators done = {.given = SYS_GIVEN_EDGES, .edges = {&done_type, 1}};
    const struct sys_attenuators next = {.given = SYS_GIVEN_EDGES, .edges = {&next_type, 1}};
    const struct sys_attenuators edges = {.given = SYS_GIVEN_EDGES, .edges = {both, 2}};
    const struct {
        const struct sys_attenuators *a;
        uint32_t rights; /* invoke, or write itself */
        const char *why; /* NULL: applied */
    } rows[] = {{&no_cells, SYS_RIGHT_INVOKE, "type of a matched node"},
                {&done, SYS_RIGHT_INVOKE, "type of a matched edge"},
                {&next, SYS_RIGHT_WRITE, "effect on an edge"}, /* it creates a DONE */
                {&done, SYS_RIGHT_WRITE, "type of a matched edge"},
                {&edges, SYS_RIGHT_READ, "lacks a right"},
                {&edges, SYS_RIGHT_WRITE, NULL},
                {&cells, SYS_RIGHT_WRITE, NULL},
                {&next, SYS_RIGHT_INVOKE, NULL}}; /* what it writes is its owner's to answer for */
    const size_t i = (size_t)_i;
    const struct jit_id *rule = rows[i].rights == SYS_RIGHT_INVOKE ? &link_id : NULL;
    struct kern_outcome given = give(W, rows[i].rights, rule, rows[i].a);
    ck_assert_int_eq(given.result, RMG_APPLIED);
    apply_link(W, given.slot, given.generation);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result,
                     rows[i].why == NULL ? RMG_APPLIED : RMG_DENIED);
    if (rows[i].why != NULL) {
        ck_assert_msg(strstr(sim.denial, rows[i].why) != NULL, "%s", sim.denial);
    }
    end();
}
END_TEST

/* Which rules, and with which parameters, narrows what is invoked: where there is a right to write
 * as well, that covers the others. */
START_TEST(a_set_of_rules_beside_a_right_to_write)
{
    begin(GRANTED);
    const struct sys_attenuators others = {.given = SYS_GIVEN_RULES, .rules = {&link_id, 1}};
    struct kern_outcome both = give(V, SYS_RIGHT_INVOKE | SYS_RIGHT_WRITE, NULL, &others);
    struct kern_outcome alone = give(W, SYS_RIGHT_INVOKE, NULL, &others);
    apply_bump(V, both.slot, both.generation, 0, 9);
    apply_bump(W, alone.slot, alone.generation, 1, 9);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(0), 9);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    ck_assert_ptr_nonnull(strstr(sim.denial, "rule"));
    ck_assert_int_eq(hits_of(1), 0);
    end();
}
END_TEST

/* Two ask for the same, and only the second may: then it is done. */
START_TEST(a_copy_under_another_capability)
{
    uint64_t denied = 0;
    for (uint32_t shut_out = 0; shut_out < 2; shut_out++) { /* one of them is the first in order */
        begin(GRANTED);
        const struct sys_attenuators wrong = {.given = SYS_GIVEN_EDGES, .edges = {&done_type, 1}};
        struct kern_outcome shut = give(shut_out, SYS_RIGHT_INVOKE, &link_id, &wrong);
        struct kern_outcome open = give(1 - shut_out, SYS_RIGHT_INVOKE, &link_id, NULL);
        tick(); /* v is started anew */
        apply_link(shut_out, shut.slot, shut.generation);
        apply_link(1 - shut_out, open.slot, open.generation);
        tick();
        ck_assert_uint_eq(sim.last.counts[RMG_APPLIED], 1);
        ck_assert_int_eq(receipt_of(1 - shut_out, SYS_CALL_apply)->result, RMG_APPLIED);
        ck_assert_uint_eq(sim.last.counts[RMG_DENIED] + sim.last.counts[RMG_DUPLICATE], 1);
        denied += sim.last.counts[RMG_DENIED];
        end();
    }
    ck_assert_uint_eq(denied, 1);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "caps", 60);
    tcase_add_test(t, derived_used_revoked);
    tcase_add_test(t, more_is_refused_and_named);
    tcase_add_test(t, granted_to_another);
    tcase_add_test(t, a_lost_map);
    tcase_add_test(t, expiry_and_priority);
    tcase_add_test(t, a_ceiling_of_a_right_to_write);
    tcase_add_test(t, a_set_of_rules_beside_a_right_to_write);
    tcase_add_loop_test(t, types_are_covered, 0, 8);
    tcase_add_test(t, a_copy_under_another_capability);
}

TEST_MAIN("caps", suite)

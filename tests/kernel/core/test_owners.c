/* Goal:   every rule and instance has one owner, said in the system file or changed by the
 * operator, kept in /sec; a rule writes only where its owner may write, as it is now, whoever
 * invokes it. Method: two processes whose rings the test writes itself (hands.h); after each tick
 * owners as the core has them are compared with those read back from /sec, at the end all is
 * replayed. */
#include "tests/kernel/core/hands.h"

#define OWNED                                                                                      \
    HANDS_TEXT "grant w: map /world; invoke bump, link on /world\n"                                \
               "grant v: map /world; write /world; own bump, /world\n"
#define UNOWNED                                                                                    \
    HANDS_TEXT "grant w: map /world; invoke bump, link on /world\n"                                \
               "grant v: map /world; write /world\n"

#define V_MAP   0u
#define V_WRITE 1u
#define W_BUMP  1u

static struct kern_outcome own(uint32_t holder, uint32_t slot, uint32_t generation,
                               enum sys_object object, const struct jit_id *id)
{
    const struct sys_owner request = {
        .cap_slot = slot, .cap_generation = generation, .object = (uint32_t)object, .id = *id};
    const struct kern_operator_ask ask = {.call = SYS_CALL_owner,
                                          .holder = holder,
                                          .target = SYS_CAP_NONE,
                                          .bytes = (const uint8_t *)&request,
                                          .size = sizeof request};
    return operate_bytes(&ask);
}

static void operator_revokes(uint32_t holder, uint32_t slot, uint32_t generation)
{
    const struct sys_revoke request = {.cap_slot = slot, .cap_generation = generation};
    const struct kern_operator_ask ask = {.call = SYS_CALL_revoke,
                                          .holder = holder,
                                          .target = SYS_CAP_NONE,
                                          .bytes = (const uint8_t *)&request,
                                          .size = sizeof request};
    ck_assert_int_eq(operate_bytes(&ask).result, RMG_APPLIED);
}

/* w invokes bump: applied, or denied for this reason. */
static void bumps(const char *why)
{
    int64_t before = hits_of(2);
    apply_bump(W, W_BUMP, 1, 2, 2);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, why == NULL ? RMG_APPLIED : RMG_DENIED);
    ck_assert_msg(why == NULL || strstr(sim.denial, why) != NULL, "%s", sim.denial);
    ck_assert_int_eq(hits_of(2), before + (why == NULL ? 2 : 0));
}

static const struct kern_sec_owner *owner_of(const struct jit_id *id)
{
    const struct kern_sec *sec = sim.core->sec;
    for (uint32_t i = 0; i < sec->owner_count; i++) {
        if (jit_id_equal(&sec->owners[i].object, id)) {
            return &sec->owners[i];
        }
    }
    return NULL;
}

START_TEST(said_in_the_system_file)
{
    begin(OWNED);
    struct jit_id write;
    kern_capability_id("v", 0, V_WRITE, &write);
    ck_assert_uint_eq(sim.core->config->owner_count, 2);
    ck_assert(jit_id_equal(&owner_of(&bump_id)->capability, &write));
    ck_assert(jit_id_equal(&owner_of(&world)->capability, &write));
    ck_assert_ptr_null(owner_of(&link_id));
    bumps(NULL);
    apply_link(W, 2, 1); /* the operator's, who may write anywhere */
    operator_revokes(V, V_WRITE, 1);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    /* It is swept in the tick in which it is revoked: then the rule is nobody's, in /sec as well.
     */
    ck_assert_uint_eq(owner_of(&bump_id)->node, SYS_CAP_NONE);
    ck_assert(jit_id_is_zero(&owner_of(&bump_id)->capability));
    bumps("owner");
    /* The operator takes it, and nothing is left of it. */
    ck_assert_int_eq(own(SYS_CAP_NONE, 0, 0, SYS_OBJECT_RULE, &bump_id).result, RMG_APPLIED);
    ck_assert_ptr_null(owner_of(&bump_id));
    ck_assert_ptr_nonnull(owner_of(&world));
    bumps(NULL);
    ck_assert_int_eq(own(SYS_CAP_NONE, 0, 0, SYS_OBJECT_INSTANCE, &world).result, RMG_APPLIED);
    ck_assert_uint_eq(sim.core->sec->owner_count, 0);
    ck_assert_int_eq(own(SYS_CAP_NONE, 0, 0, SYS_OBJECT_INSTANCE, &world).result, RMG_APPLIED);
    end();
}
END_TEST

/* From the operator to one, to a narrower one, and on: what the new owner may write counts at once,
 * in the very tick in which it is said. */
START_TEST(changed_by_the_operator)
{
    begin(UNOWNED);
    const struct sys_attenuators edges = {.given = SYS_GIVEN_NODES, .nodes = {&next_type, 1}};
    const struct sys_attenuators cells = {.given = SYS_GIVEN_NODES, .nodes = {&cell_type, 1}};
    bumps(NULL);
    ck_assert_int_eq(own(V, V_WRITE, 1, SYS_OBJECT_RULE, &bump_id).result, RMG_APPLIED);
    bumps(NULL);
    struct kern_outcome no_cells = give(V, SYS_RIGHT_WRITE, NULL, &edges);
    apply_bump(W, W_BUMP, 1, 0, 2);
    ck_assert_int_eq(own(V, no_cells.slot, no_cells.generation, SYS_OBJECT_RULE, &bump_id).result,
                     RMG_APPLIED);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    bumps("effect on a node");
    struct kern_outcome only_cells = give(W, SYS_RIGHT_WRITE, NULL, &cells);
    ck_assert_int_eq(
        own(W, only_cells.slot, only_cells.generation, SYS_OBJECT_RULE, &bump_id).result,
        RMG_APPLIED);
    bumps(NULL);
    /* What it was derived from ends it, and so does its last tick. */
    derive(W, SYS_CALL_derive,
           (struct sys_derive){.cap_slot = only_cells.slot,
                               .cap_generation = only_cells.generation,
                               .to_slot = SYS_NONE},
           &(struct sys_attenuators){.given = SYS_GIVEN_LAST_TICK,
                                     .last_tick = kern_core_tick(sim.core) + 3});
    tick();
    struct sys_derived narrower = derived_of(W, SYS_CALL_derive);
    ck_assert_int_eq(own(W, narrower.slot, narrower.generation, SYS_OBJECT_RULE, &bump_id).result,
                     RMG_APPLIED);
    bumps(NULL);
    bumps("owner");
    end();
}
END_TEST

/* An owner that is moved stays the owner; one that is derived dies with what it is from. */
START_TEST(it_goes_with_its_capability)
{
    begin(OWNED);
    uint8_t bytes[256];
    const struct sys_derive head = {
        .cap_slot = V_WRITE, .cap_generation = 1, .flags = SYS_MOVE, .to_slot = SYS_NONE};
    const struct kern_operator_ask ask = {.call = SYS_CALL_grant,
                                          .holder = V,
                                          .target = W,
                                          .bytes = bytes,
                                          .size = (uint32_t)encode(head, NULL, bytes)};
    struct kern_outcome moved = operate_bytes(&ask);
    ck_assert_int_eq(moved.result, RMG_APPLIED);
    bumps(NULL);
    derive(W, SYS_CALL_derive,
           (struct sys_derive){
               .cap_slot = moved.slot, .cap_generation = moved.generation, .to_slot = SYS_NONE},
           NULL);
    tick();
    struct sys_derived child = derived_of(W, SYS_CALL_derive);
    ck_assert_int_eq(own(W, child.slot, child.generation, SYS_OBJECT_RULE, &bump_id).result,
                     RMG_APPLIED);
    bumps(NULL);
    revoke(W, moved.slot, moved.generation, SYS_ONLY_CHILDREN);
    tick();
    bumps("owner");
    ck_assert(!jit_id_is_zero(&owner_of(&world)->capability)); /* that one is still there */
    end();
}
END_TEST

START_TEST(refused)
{
    begin(UNOWNED);
    struct jit_id nowhere = {{1}};
    struct jit_id sys, node, top;
    kern_place_id("/sys", &sys, &node);
    kern_place_id("/", &top, &node);
    struct kern_outcome process = give_process(V, SYS_RIGHT_WRITE, W);
    const struct {
        uint32_t slot;
        uint32_t generation;
        enum sys_object object;
        const struct jit_id *id;
        enum rmg_result result;
        enum sys_cap_verdict verdict;
    } rows[] = {
        {V_MAP, 1, SYS_OBJECT_RULE, &bump_id, RMG_DENIED, SYS_CAP_NO_RIGHT},
        {V_WRITE, 2, SYS_OBJECT_RULE, &bump_id, RMG_DENIED, SYS_CAP_NO_SLOT},
        {9, 1, SYS_OBJECT_RULE, &bump_id, RMG_DENIED, SYS_CAP_NO_SLOT},
        {V_WRITE, 1, SYS_OBJECT_RULE, &world, RMG_INVALID, SYS_CAP_ALLOWED},
        {V_WRITE, 1, SYS_OBJECT_INSTANCE, &nowhere, RMG_INVALID, SYS_CAP_ALLOWED},
        {V_WRITE, 1, SYS_OBJECT_INSTANCE, &sys, RMG_INVALID, SYS_CAP_ALLOWED},
        {V_WRITE, 1, SYS_OBJECT_INSTANCE, &top, RMG_DENIED, SYS_CAP_OTHER_INSTANCE},
        {process.slot, process.generation, SYS_OBJECT_RULE, &bump_id, RMG_DENIED,
         SYS_CAP_OTHER_INSTANCE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kern_outcome outcome =
            own(V, rows[i].slot, rows[i].generation, rows[i].object, rows[i].id);
        ck_assert_msg(outcome.result == rows[i].result && outcome.verdict == rows[i].verdict,
                      "row %zu: %s, %s", i, rmg_result_text(outcome.result),
                      sys_cap_verdict_text(outcome.verdict));
        ck_assert_uint_eq(sim.core->sec->owner_count, 0);
    }
    /* Bytes that are no request, and workers, who cannot ask for it at all. */
    const struct sys_owner request = {.cap_slot = V_WRITE, .cap_generation = 1, .object = 1};
    struct kern_operator_ask ask = {.call = SYS_CALL_owner,
                                    .holder = V,
                                    .bytes = (const uint8_t *)&request,
                                    .size = sizeof request - 1};
    uint64_t serial = 0;
    ck_assert_int_eq(kern_core_ask(sim.core, &ask, &serial), JIT_EINVALID);
    const struct sys_owner other = {.cap_slot = V_WRITE, .cap_generation = 1, .object = 2};
    ask.bytes = (const uint8_t *)&other;
    ask.size = sizeof other;
    ck_assert_int_eq(kern_core_ask(sim.core, &ask, &serial), JIT_EINVALID);
    post(V, SYS_CALL_owner, &request, sizeof request);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_owner)->result, RMG_INVALID);
    ck_assert_uint_eq(sim.core->sec->owner_count, 0);
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "owners", 60);
    tcase_add_test(t, said_in_the_system_file);
    tcase_add_test(t, changed_by_the_operator);
    tcase_add_test(t, it_goes_with_its_capability);
    tcase_add_test(t, refused);
}

TEST_MAIN("owners", suite)

/* Goal:   what the bearer of a token asks for is judged, charged, logged and replayed as any
 * request of the capability's holder: under what the token has become, as the tree is in the tick;
 *         once, however often it is asked for; and without end it takes nobody's place.
 * Method: two processes whose rings the test writes itself, and intents beside them; every tick is
 *         logged, replayed by its patches and by its rules, and read back from /sec. */
#include "kernel/core/intent.h"
#include "tests/kernel/core/hands.h"

#define GRANTED HANDS_TEXT "grant w: map /world; invoke bump, link on /world\n"

static struct jit_id node_in(uint32_t holder, uint32_t slot)
{
    const struct sys_caps *caps = kern_core_caps(sim.core);
    const struct sys_cap_node *node = sys_caps_node(caps, sys_caps_at(caps, holder, slot));
    ck_assert_ptr_nonnull(node);
    return node->id;
}

struct wish {
    struct jit_id capability;
    const struct sys_cap *narrowed;
    unsigned cell;
    int64_t by;
    uint64_t until;
    uint64_t nonce;
    bool again; /* as a log says */
};

static struct kern_intent_answer intend(struct wish wish)
{
    uint8_t params[16] = {8};
    struct jit_id id = cell(wish.cell);
    struct kern_intent_answer answer;
    struct jit_buf buf;
    jit_put_le64(params + 8, (uint64_t)wish.by);
    const struct kern_intent intent = {.rule_id = bump_id,
                                       .instance = world,
                                       .until = wish.until != 0 ? wish.until
                                                                : kern_core_tick(sim.core) + 5,
                                       .nonce = wish.nonce,
                                       .ids = &id,
                                       .id_count = 1,
                                       .params = params,
                                       .params_size = sizeof params};
    jit_buf_init(&buf, jit_heap_libc(), KERN_INTENT_BYTES_MAX);
    kern_intent_encode(&intent, &buf);
    const struct kern_intent_ask ask = {.capability = wish.capability,
                                        .narrowed = wish.narrowed,
                                        .bytes = buf.data,
                                        .size = (uint32_t)buf.size,
                                        .again = wish.again};
    kern_core_intend(sim.core, &ask, &answer);
    jit_buf_release(&buf);
    const struct kern_event asked = {.kind = KERN_EVENT_ASKED};
    step(&asked);
    return answer;
}

static struct kern_intended after(const struct kern_intent_answer *answer)
{
    struct kern_intended out;
    ck_assert_int_eq(answer->fate, KERN_INTENT_TAKEN);
    tick();
    ck_assert(kern_core_intended(sim.core, answer->serial, &out));
    ck_assert_uint_eq(out.tick, kern_core_tick(sim.core));
    return out;
}

START_TEST(asked_once)
{
    begin(GRANTED);
    const struct jit_id held = node_in(W, 1);
    const uint64_t until = kern_core_tick(sim.core) + 4;
    const struct wish wish = {.capability = held, .by = 2, .until = until};
    struct kern_intent_answer first = intend(wish);
    struct kern_intent_answer second = intend(wish); /* the same, before its tick */
    ck_assert_uint_eq(second.serial, first.serial);
    ck_assert_int_eq(after(&first).result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(0), 2);
    for (int i = 0; i < 3; i++) {
        second = intend(wish);
        ck_assert_int_eq(second.fate, KERN_INTENT_KNOWN);
        ck_assert_uint_eq(second.tick, 1);
        tick();
    }
    ck_assert_uint_eq(kern_core_tick(sim.core), until);
    ck_assert_int_eq(intend(wish).fate, KERN_INTENT_LATE);
    ck_assert_int_eq(hits_of(0), 2);
    const struct wish other = {.capability = held, .by = 2, .nonce = 1};
    first = intend(other);
    ck_assert_int_eq(after(&first).result, RMG_APPLIED);
    ck_assert_int_eq(hits_of(0), 4);
    ck_assert_int_eq(
        intend((struct wish){.capability = held, .by = 2, .until = kern_core_tick(sim.core) + 1025})
            .fate,
        KERN_INTENT_LATE);
    /* Nothing of it is its holder's doing. */
    struct kern_process_status status;
    kern_core_process(sim.core, W, &status);
    ck_assert_uint_eq(status.requests, 0);
    const struct sim_record *last = &sim.records[sim.record_count - 1];
    struct kern_record_view view;
    struct kern_record_intent logged;
    ck_assert_int_eq(kern_record_decode(last->payload, last->payload_size, &view), JIT_OK);
    ck_assert_uint_eq(view.intent_count, 1);
    struct jit_cursor cur = jit_cursor_of(view.intents, view.intents_size);
    ck_assert_int_eq(kern_record_next_intent(&cur, &logged), JIT_OK);
    ck_assert(jit_id_equal(&logged.capability, &held));
    ck_assert_ptr_null(logged.narrowed);
    for (size_t size = 0; size < last->payload_size; size++) {
        ck_assert_int_ne(kern_record_decode(last->payload, size, &view), JIT_OK);
    }
    end();
}
END_TEST

/* Beside what workers ask for in the same tick, in the canonical order. */
START_TEST(beside_workers)
{
    begin(GRANTED);
    const struct wish wish = {.capability = node_in(W, 1), .cell = 1, .by = 2};
    apply_bump(W, 1, 1, 0, 2);
    apply_bump(W, 1, 1, 1, 2); /* the same rewrite: one of the two is the duplicate */
    struct kern_intent_answer answer = intend(wish);
    struct kern_intended out = after(&answer);
    ck_assert(out.result == RMG_APPLIED || out.result == RMG_DUPLICATE);
    ck_assert_int_eq(hits_of(0) + hits_of(1), 4);
    end();
}
END_TEST

START_TEST(denied_at_once_makes_no_tick)
{
    begin(GRANTED);
    const struct jit_id held = node_in(W, 1); /* bound to n = 2 */
    struct jit_id nobody = held;
    nobody.bytes[0] ^= 1;
    struct kern_intent_answer answer = intend((struct wish){.capability = nobody, .by = 2});
    ck_assert_int_eq(answer.fate, KERN_INTENT_DENIED);
    answer = intend((struct wish){.capability = held, .by = 3});
    ck_assert_int_eq(answer.fate, KERN_INTENT_DENIED);
    ck_assert_int_eq(answer.verdict, SYS_CAP_OTHER_PARAMS);
    answer = intend((struct wish){.capability = node_in(W, 0), .by = 2}); /* map */
    ck_assert_int_eq(answer.verdict, SYS_CAP_NO_RIGHT);
    answer = intend((struct wish){.capability = node_in(W, 2), .by = 2}); /* link */
    ck_assert_int_eq(answer.verdict, SYS_CAP_OTHER_RULE);
    static const uint8_t junk[40] = "JIN";
    struct kern_intent_ask ask = {.capability = held, .bytes = junk, .size = sizeof junk};
    kern_core_intend(sim.core, &ask, &answer);
    ck_assert_int_eq(answer.fate, KERN_INTENT_FORMAT);
    ask.size = UINT32_MAX;
    kern_core_intend(sim.core, &ask, &answer);
    ck_assert_int_eq(answer.fate, KERN_INTENT_FORMAT);
    ck_assert_uint_eq(kern_core_recorded_by(sim.core), kern_core_tick(sim.core));
    tick();
    ck_assert_uint_eq(sim.last.request_count, 0);
    end();
}
END_TEST

START_TEST(revoked_in_its_tick)
{
    begin(GRANTED);
    struct kern_outcome given = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    const struct wish wish = {.capability = node_in(V, given.slot), .by = 7};
    struct kern_intent_answer answer = intend(wish);
    revoke(V, given.slot, given.generation, 0);
    struct kern_intended out = after(&answer);
    ck_assert_int_eq(out.result, RMG_DENIED);
    ck_assert_int_eq(hits_of(0), 0);
    ck_assert_int_eq(intend(wish).fate, KERN_INTENT_DENIED);
    /* One that has been used leaves nothing behind when it is swept. */
    given = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    const struct wish again = {.capability = node_in(V, given.slot), .by = 7};
    answer = intend(again);
    ck_assert_int_eq(after(&answer).result, RMG_APPLIED);
    revoke(V, given.slot, given.generation, 0);
    tick();
    tick();
    ck_assert_int_eq(hits_of(0), 7);
    end();
}
END_TEST

/* What a token was narrowed to holds beside what its capability allows. */
START_TEST(narrowed)
{
    begin(GRANTED);
    struct kern_outcome given = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    const struct jit_id held = node_in(V, given.slot);
    struct sys_attenuators a = {.given = SYS_GIVEN_NODES, .nodes = {&done_type, 1}};
    struct sys_cap cap = {.generation = 1,
                          .rights = SYS_RIGHT_INVOKE,
                          .instance = world,
                          .rule_id = bump_id,
                          .attenuators = &a};
    struct kern_intent_answer answer =
        intend((struct wish){.capability = held, .narrowed = &cap, .by = 1});
    ck_assert_int_eq(after(&answer).result, RMG_DENIED); /* by what is matched */
    a.nodes.ids = &cell_type;
    answer = intend((struct wish){.capability = held, .narrowed = &cap, .by = 2});
    ck_assert_int_eq(after(&answer).result, RMG_APPLIED);
    cap.rule_id = link_id;
    answer = intend((struct wish){.capability = held, .narrowed = &cap, .by = 3});
    ck_assert_int_eq(answer.fate, KERN_INTENT_DENIED);
    ck_assert_int_eq(answer.verdict, SYS_CAP_OTHER_RULE);
    cap.rule_id = bump_id;
    a = (struct sys_attenuators){.given = SYS_GIVEN_LAST_TICK,
                                 .last_tick = kern_core_tick(sim.core) + 1};
    answer = intend((struct wish){.capability = held, .narrowed = &cap, .by = 4});
    ck_assert_int_eq(after(&answer).result, RMG_APPLIED);
    answer = intend((struct wish){.capability = held, .narrowed = &cap, .by = 5});
    ck_assert_int_eq(answer.verdict, SYS_CAP_EXPIRED);
    ck_assert_int_eq(hits_of(0), 6);
    end();
}
END_TEST

/* Quotas are the capability's, so all copies of a token draw on them; and nobody floods. */
START_TEST(quotas_and_floods)
{
    begin(GRANTED);
    const struct sys_attenuators three = {.given = SYS_GIVEN_OPERATIONS, .operations = 3};
    struct kern_outcome given = give(V, SYS_RIGHT_INVOKE, &bump_id, &three);
    const struct jit_id counted = node_in(V, given.slot);
    struct kern_intent_answer answers[5];
    unsigned applied = 0, over = 0;
    for (unsigned i = 0; i < 5; i++) {
        answers[i] = intend((struct wish){.capability = counted, .by = 1, .nonce = i});
    }
    tick();
    for (unsigned i = 0; i < 5; i++) {
        struct kern_intended out;
        ck_assert(kern_core_intended(sim.core, answers[i].serial, &out));
        applied += out.result == RMG_APPLIED;
        over += out.result == RMG_OVER_QUOTA;
    }
    ck_assert_uint_eq(applied, 3);
    ck_assert_uint_eq(over, 2);
    const struct jit_id held = node_in(W, 1);
    const uint64_t until = kern_core_tick(sim.core) + 3;
    unsigned taken = 0;
    for (uint64_t round = 0; round < 3; round++) {
        struct kern_intent_answer answer = {.fate = KERN_INTENT_TAKEN};
        for (uint64_t i = 0; answer.fate == KERN_INTENT_TAKEN; i++) {
            const struct wish wish = {
                .capability = held, .by = 2, .until = until, .nonce = round * 1000 + i};
            answer = intend(wish);
            taken += answer.fate == KERN_INTENT_TAKEN;
        }
        ck_assert_int_eq(answer.fate, round < 1 ? KERN_INTENT_BUSY : KERN_INTENT_FULL);
        apply_bump(W, 1, 1, (unsigned)round, 2); /* and whoever works is served */
        tick();
        ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_APPLIED);
    }
    ck_assert_uint_eq(taken, KERN_INTENTS_KEPT);
    struct kern_intent_answer answer = intend((struct wish){.capability = held, .by = 2});
    ck_assert_int_eq(after(&answer).result, RMG_APPLIED); /* what is late is forgotten */
    end();
}
END_TEST

/* What is used up makes no tick, nor does what is used up above it; what has been in a tick is
 * known all the same; and a log in which it made one is replayed as it is. */
START_TEST(a_spent_quota_makes_no_tick) /* _i: of operations, of bytes */
{
    begin(GRANTED);
    const struct sys_attenuators two = {.given = _i == 0 ? SYS_GIVEN_OPERATIONS : SYS_GIVEN_BYTES,
                                        .operations = 2,
                                        .bytes = 2 * sys_apply_size(1, 16) + 1};
    struct kern_outcome given = give(V, SYS_RIGHT_INVOKE, &bump_id, &two);
    const struct jit_id counted = node_in(V, given.slot);
    derive(V, SYS_CALL_derive,
           (struct sys_derive){
               .cap_slot = given.slot, .cap_generation = given.generation, .to_slot = SYS_NONE},
           NULL);
    tick();
    const struct jit_id below = node_in(V, derived_of(V, SYS_CALL_derive).slot);
    const uint64_t until = kern_core_tick(sim.core) + 9;
    const struct wish first = {.capability = counted, .by = 1, .until = until};
    struct kern_intent_answer answer = intend(first);
    ck_assert_int_eq(after(&answer).result, RMG_APPLIED);
    answer = intend((struct wish){.capability = below, .by = 1, .nonce = 1});
    ck_assert_int_eq(after(&answer).result, RMG_APPLIED);
    for (uint64_t nonce = 2; nonce < 6; nonce++) {
        answer = intend(
            (struct wish){.capability = nonce % 2 == 0 ? counted : below, .by = 1, .nonce = nonce});
        ck_assert_int_eq(answer.fate, KERN_INTENT_DENIED);
        ck_assert_int_eq(answer.verdict, SYS_CAP_OVER_LIMIT);
    }
    ck_assert_uint_eq(kern_core_recorded_by(sim.core), kern_core_tick(sim.core));
    answer = intend(first);
    ck_assert_int_eq(answer.fate, KERN_INTENT_KNOWN);
    answer = intend((struct wish){.capability = counted, .by = 1, .nonce = 9, .again = true});
    ck_assert_int_eq(after(&answer).result, RMG_OVER_QUOTA);
    ck_assert_int_eq(hits_of(0), 2);
    end();
}
END_TEST

/* One way to write each, and nothing else is one. */
START_TEST(bytes)
{
    struct jit_id ids[2] = {{{1}}, {{2}}};
    const struct kern_intent intent = {.rule_id = {{7}},
                                       .instance = {{8}},
                                       .until = 9,
                                       .nonce = 10,
                                       .ids = ids,
                                       .id_count = 2,
                                       .params = (const uint8_t *)"abc",
                                       .params_size = 3};
    struct kern_intent out;
    struct jit_buf buf;
    jit_buf_init(&buf, jit_heap_libc(), KERN_INTENT_BYTES_MAX);
    kern_intent_encode(&intent, &buf);
    ck_assert_int_eq(kern_intent_decode(buf.data, buf.size, &out), JIT_OK);
    ck_assert_mem_eq(out.ids, ids, sizeof ids);
    ck_assert_uint_eq(out.nonce, 10);
    struct jit_id first = out.hash;
    buf.data[buf.size - 1] ^= 1;
    ck_assert_int_eq(kern_intent_decode(buf.data, buf.size, &out), JIT_OK);
    ck_assert(!jit_id_equal(&first, &out.hash));
    for (size_t size = 0; size < buf.size; size++) {
        ck_assert_int_ne(kern_intent_decode(buf.data, size, &out), JIT_OK);
    }
    jit_buf_put_u8(&buf, 0);
    ck_assert_int_eq(kern_intent_decode(buf.data, buf.size, &out), JIT_EFORMAT);
    buf.data[4] = 2;
    ck_assert_int_eq(kern_intent_decode(buf.data, buf.size, &out), JIT_EVERSION);
    jit_buf_release(&buf);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "intents", 60);
    tcase_add_test(t, asked_once);
    tcase_add_test(t, beside_workers);
    tcase_add_test(t, denied_at_once_makes_no_tick);
    tcase_add_test(t, revoked_in_its_tick);
    tcase_add_test(t, narrowed);
    tcase_add_test(t, quotas_and_floods);
    tcase_add_loop_test(t, a_spent_quota_makes_no_tick, 0, 2);
    tcase_add_test(t, bytes);
}

TEST_MAIN("intents", suite)

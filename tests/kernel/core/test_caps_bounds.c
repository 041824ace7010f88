/* Goal:   who lacks a right gets nothing by it and learns nothing of what is there; what is swept
 * in a tick and kept for a process is bounded; what was asked under a forged slot is denied again
 *         when it is replayed.
 * Method: two processes whose rings the test writes itself (hands.h). The test of every call and
 *         every right is made from syscalls.def. */
#include "tests/kernel/core/hands.h"

#define GRANTED HANDS_TEXT "grant w: map /world; invoke bump, link on /world\n"

/* Every result that there is, as a worker is told of it: to who may not read, all that depends on
 * what is there is one. */
static void check_told(uint32_t process, bool reads)
{
    const struct kern_pending pending = {.instance = 0};
    for (unsigned result = 0; result < RMG_RESULT_COUNT; result++) {
        bool own = result == RMG_APPLIED || result == RMG_DENIED || result == RMG_OVER_QUOTA;
        for (int by_gate = 0; by_gate < 2; by_gate++) {
            const struct kern_source source = {.process = process, .by_gate = by_gate == 1};
            bool known = !reads;
            enum rmg_result told =
                kern_told(sim.core, &source, &pending, (enum rmg_result)result, &known);
            bool hidden = !reads && (!own || (result == RMG_DENIED && by_gate == 1));
            ck_assert_int_eq(known, reads);
            ck_assert_int_eq(told, hidden ? RMG_INVALID : (enum rmg_result)result);
        }
    }
}

/* Who may neither map nor read learns that a request was done or denied, and nothing of what is
 * there. */
START_TEST(receipts_tell_nothing_else)
{
    begin(GRANTED);
    struct kern_outcome blind = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    tick();
    apply_bump(V, blind.slot, blind.generation, 99, 2); /* no such cell */
    apply_bump(W, 1, 1, 98, 2);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_INVALID);
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_NO_MATCH);
    ck_assert_uint_eq(receipt_of(V, SYS_CALL_apply)->index, UINT32_MAX); /* how busy others are */
    ck_assert_uint_lt(receipt_of(W, SYS_CALL_apply)->index, 2);
    ck_assert_uint_eq(sim.last.counts[RMG_NO_MATCH], 2); /* the commit has the truth */
    apply_bump(V, blind.slot, blind.generation, 1, 2);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_APPLIED);
    ck_assert_uint_eq(receipt_of(V, SYS_CALL_apply)->index, UINT32_MAX);
    check_told(V, false);
    check_told(W, true);
    give(V, SYS_RIGHT_READ, NULL, NULL);
    apply_bump(V, blind.slot, blind.generation, 99, 2);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_apply)->result, RMG_NO_MATCH);
    end();
}
END_TEST

/* One attachment more on a cell: another one each time. */
static void collapse(uint32_t p, uint32_t slot, uint32_t generation)
{
    static uint8_t serial;
    static const struct jit_id none;
    static const struct rmg_origin origin = {0, 0};
    const struct sys_collapse head = {
        .cap_slot = slot, .cap_generation = generation, .flags = SYS_WANT_RECEIPT};
    const char name[3] = {'z', (char)('a' + serial / 26), (char)('a' + serial % 26)};
    struct jit_id place;
    struct jit_id root_node;
    struct jit_buf buf;
    serial++;
    kern_place_id("/world", &place, &root_node);
    const struct rmg_op op = {
        .kind = RMG_OP_SET_ATTACHMENT,
        .plane = RMG_PLANE_ALPHA,
        .instance = place,
        .id = cell(2),
        .attachment = {name, 3, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_BYTES), &serial, 1}},
        .origins = &origin,
        .origin_count = 1};
    jit_buf_init(&buf, jit_heap_libc(), 4096);
    jit_buf_put(&buf, &head, sizeof head);
    jit_buf_put_u64(&buf, kern_core_tick(sim.core));
    for (unsigned i = 0; i < 3; i++) {
        jit_buf_put_u64(&buf, 0); /* nothing was looked at, is created, adds up */
    }
    jit_buf_put_id(&buf, &none);
    jit_buf_put_u64(&buf, 0);
    jit_buf_put_u64(&buf, 0);
    jit_buf_put_u64(&buf, 1);
    rmg_op_encode(&op, &buf);
    post(p, SYS_CALL_collapse, buf.data, buf.size);
    jit_buf_release(&buf);
}

/* From syscalls.def: every call that is carried out and wants a right, under every set of rights
 * without it. Calls that are not carried out are answered `invalid` whatever is held. */
static void ask_for(uint32_t number, uint32_t slot, uint32_t generation)
{
    switch (number) {
    case SYS_CALL_apply:
        apply_bump(W, slot, generation, 0, 2);
        break;
    case SYS_CALL_collapse:
        collapse(W, slot, generation);
        break;
    case SYS_CALL_grant:
        derive(W, SYS_CALL_grant,
               (struct sys_derive){.cap_slot = 2,
                                   .cap_generation = 1,
                                   .to_slot = SYS_NONE,
                                   .to_cap = slot,
                                   .to_cap_generation = generation},
               NULL);
        break;
    default:
        ck_abort_msg("call %u wants a right and is not in this test", number);
    }
}

START_TEST(every_call_with_every_right_missing)
{
    unsigned asked = 0;
    begin(GRANTED);
    for (size_t i = 0; i < sys_call_row_count; i++) {
        const struct sys_call_row *row = &sys_call_rows[i];
        if (row->decode == NULL) {
            post(W, row->number, NULL, 0);
            tick();
            ck_assert_int_eq(receipt_of(W, row->number)->result, RMG_INVALID);
            continue;
        }
        for (uint32_t rights = 1; row->rights != 0 && rights <= SYS_RIGHTS_ALL; rights++) {
            bool has = (rights & row->rights) == row->rights;
            /* An apply without invoke may be covered by write (DESIGN 8): a gate keeps it out. */
            const struct sys_attenuators none = {.given = SYS_GIVEN_NODES};
            bool process = row->number == SYS_CALL_grant;
            struct kern_outcome given = process ? give_process(W, rights, V)
                                                : give(W, rights, &bump_id, has ? NULL : &none);
            ck_assert_int_eq(given.result, RMG_APPLIED);
            tick();
            ask_for(row->number, given.slot, given.generation);
            tick();
            ck_assert_msg(receipt_of(W, row->number)->result == (has ? RMG_APPLIED : RMG_DENIED),
                          "%s with rights %u: %u", row->name, rights,
                          receipt_of(W, row->number)->result);
            revoke(W, given.slot, given.generation, 0);
            tick();
            tick();
            asked++;
        }
    }
    ck_assert_uint_eq(asked, 3 * SYS_RIGHTS_ALL);
    end();
}
END_TEST

/* A thousand dead are taken away a tick, in the order of their ids; the rest counts no more. */
START_TEST(a_long_sweep)
{
    arena_bytes = 64u << 20;
    begin(GRANTED);
    struct kern_outcome root = give(W, SYS_RIGHT_READ, NULL, NULL);
    for (unsigned n = 0; n < 2500; n++) {
        derive(W, SYS_CALL_derive,
               (struct sys_derive){root.slot, root.generation, 0, SYS_NONE, .nonce = n}, NULL);
        if (n % 60 == 59) {
            tick();
        }
    }
    tick();
    uint32_t full = sys_caps_count(kern_core_caps(sim.core));
    ck_assert_uint_eq(full, 3 + 1 + 2500);
    revoke(W, root.slot, root.generation, 0);
    tick();
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), full - 1024);
    tick();
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), full - 2048);
    tick();
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)),
                      3 + 1); /* then the root is a leaf */
    tick();
    ck_assert_uint_eq(sys_caps_count(kern_core_caps(sim.core)), 3);
    end();
}
END_TEST

/* A process that derives for ever: /sec keeps 4 MiB of attenuators for it, then no more; the other
 * is not touched, nor is what has none, nor the operator; what is revoked makes room. */
START_TEST(attenuators_kept_for_one_process)
{
    static struct jit_id types[SYS_ATTENUATOR_IDS_MAX];
    arena_bytes = 256u << 20;
    begin(GRANTED);
    for (uint32_t i = 0; i < SYS_ATTENUATOR_IDS_MAX; i++) {
        types[i] = (struct jit_id){{(uint8_t)(i >> 8), (uint8_t)i, 1}};
    }
    const struct sys_attenuators large = {.given = SYS_GIVEN_NODES | SYS_GIVEN_EDGES,
                                          .nodes = {types, SYS_ATTENUATOR_IDS_MAX},
                                          .edges = {types, SYS_ATTENUATOR_IDS_MAX}};
    struct kern_outcome root = give(W, SYS_RIGHT_READ, NULL, NULL);
    struct kern_outcome other = give(V, SYS_RIGHT_READ, NULL, NULL);
    const uint64_t one = sys_attenuators_size(&large);
    const struct sys_derive narrower = {
        .cap_slot = root.slot, .cap_generation = root.generation, .to_slot = SYS_NONE};
    uint64_t made = 0;
    for (unsigned n = 0; n < 2 * KERN_SEC_KEPT_BYTES_MAX / one; n++) {
        struct sys_derive head = narrower;
        head.nonce = n;
        derive(W, SYS_CALL_derive, head, &large);
        tick();
        if (receipt_of(W, SYS_CALL_derive)->result == RMG_APPLIED) {
            made++;
            continue;
        }
        ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_OVER_QUOTA);
        ck_assert_uint_eq(derived_of(W, SYS_CALL_derive).excess, SYS_EXCESS_ATTENUATORS);
        break;
    }
    ck_assert_uint_eq(made,
                      (KERN_SEC_KEPT_BYTES_MAX + one - 1) / one); /* the last one may reach over */
    ck_assert_uint_lt(sim.core->sec->kept[W], KERN_SEC_KEPT_BYTES_MAX + one);
    /* Without attenuators it still may; the other may; the operator may, even from what it holds.
     */
    struct sys_derive plain = narrower;
    plain.nonce = 1u << 20;
    derive(W, SYS_CALL_derive, plain, NULL);
    derive(V, SYS_CALL_derive,
           (struct sys_derive){
               .cap_slot = other.slot, .cap_generation = other.generation, .to_slot = SYS_NONE},
           &large);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_APPLIED);
    ck_assert_int_eq(receipt_of(V, SYS_CALL_derive)->result, RMG_APPLIED);
    struct kern_outcome operators =
        operate((struct kern_operator_ask){.holder = W, .target = W}, narrower, &large);
    ck_assert_int_eq(operators.result, RMG_APPLIED);
    /* Nor can another hand on to it what it derived from: there is no room for that. */
    struct kern_outcome to_w = give_process(V, SYS_RIGHT_WRITE, W);
    derive(V, SYS_CALL_grant,
           (struct sys_derive){.cap_slot = other.slot,
                               .cap_generation = other.generation,
                               .flags = SYS_MOVE,
                               .to_slot = SYS_NONE,
                               .to_cap = to_w.slot,
                               .to_cap_generation = to_w.generation},
           NULL);
    tick();
    ck_assert_int_eq(receipt_of(V, SYS_CALL_grant)->result, RMG_OVER_QUOTA);
    ck_assert_uint_eq(derived_of(V, SYS_CALL_grant).excess, SYS_EXCESS_ATTENUATORS);
    revoke(W, root.slot, root.generation, SYS_ONLY_CHILDREN);
    tick();
    ck_assert_uint_eq(sim.core->sec->kept[W], 0);
    derive(W, SYS_CALL_derive, narrower, &large);
    derive(V, SYS_CALL_grant,
           (struct sys_derive){.cap_slot = other.slot,
                               .cap_generation = other.generation,
                               .flags = SYS_MOVE,
                               .to_slot = SYS_NONE,
                               .to_cap = to_w.slot,
                               .to_cap_generation = to_w.generation,
                               .nonce = 2},
           NULL);
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_derive)->result, RMG_APPLIED);
    ck_assert_int_eq(receipt_of(V, SYS_CALL_grant)->result, RMG_APPLIED);
    end();
}
END_TEST

START_TEST(an_operator_at_rest)
{
    begin(GRANTED);
    const struct kern_event pause = {.kind = KERN_EVENT_PAUSE};
    step(&pause);
    tick();
    uint64_t serial = 0;
    const struct sys_revoke request = {.cap_slot = 2, .cap_generation = 1};
    const struct kern_operator_ask ask = {.call = SYS_CALL_revoke,
                                          .holder = W,
                                          .bytes = (const uint8_t *)&request,
                                          .size = sizeof request};
    ck_assert_int_eq(kern_core_ask(sim.core, &ask, &serial), JIT_OK);
    ck_assert_uint_eq(kern_core_recorded_by(sim.core), kern_core_tick(sim.core) + 1);
    const struct kern_event asked = {.kind = KERN_EVENT_ASKED};
    step(&asked);
    tick();
    struct kern_outcome outcome;
    ck_assert(kern_core_outcome(sim.core, serial, &outcome));
    ck_assert_int_eq(outcome.result, RMG_APPLIED);
    struct kern_record_view view; /* the log says who did what */
    struct kern_record_ask logged;
    const struct sim_record *last = &sim.records[sim.record_count - 1];
    ck_assert_int_eq(kern_record_decode(last->payload, last->payload_size, &view), JIT_OK);
    ck_assert_uint_eq(view.ask_count, 1);
    struct jit_cursor cur = jit_cursor_of(view.asks, view.asks_size);
    ck_assert_int_eq(kern_record_next_ask(&cur, &logged), JIT_OK);
    ck_assert_uint_eq(logged.call, SYS_CALL_revoke);
    ck_assert(jit_id_is_zero(&logged.process));
    ck_assert(jit_id_equal(&logged.holder, &kern_core_config(sim.core)->processes[W].id));
    for (size_t size = 0; size < last->payload_size; size++) {
        ck_assert_int_ne(kern_record_decode(last->payload, size, &view), JIT_OK);
    }
    end();
}
END_TEST

/* The request of the last tick's log at `index` was asked under this slot. */
static uint32_t logged_slot(size_t index)
{
    struct kern_record_view view;
    struct rmg_asked asked;
    const struct sim_record *last = &sim.records[sim.record_count - 1];
    ck_assert_int_eq(kern_record_decode(last->payload, last->payload_size, &view), JIT_OK);
    struct jit_cursor cur = jit_cursor_of(view.requests, view.requests_size);
    for (size_t i = 0; i <= index; i++) {
        ck_assert_int_eq(rmg_asked_next(&cur, &asked), JIT_OK);
    }
    return asked.cap_slot;
}

/* The log names the slot, not its generation: what a worker asks under a generation that is not
 * there is logged as asked under none, so replaying it by its rules (end) denies it, too. */
START_TEST(stale_and_forged_replay)
{
    begin(GRANTED);
    apply_bump(W, 1, 9, 0, 2); /* forged, */
    apply_bump(W, 77, 1, 0, 2);
    apply_bump(W, SYS_NONE, 0, 0, 2);
    tick();
    ck_assert_int_eq(hits_of(0), 0);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(logged_slot(i), SYS_NONE);
        ck_assert_int_eq(hands[W].receipts[i].result, RMG_DENIED);
    }
    apply_bump(W, 1, 9, 0, 2);
    apply_bump(W, 1, 1, 0, 2); /* beside the same one, asked for rightly */
    tick();
    ck_assert_int_eq(hits_of(0), 2);
    ck_assert_uint_eq(logged_slot(0), 1);
    ck_assert_uint_eq(logged_slot(1), SYS_NONE);
    derive(W, SYS_CALL_derive, (struct sys_derive){1, 1, 0, SYS_NONE, .badge = 0}, NULL);
    tick();
    const struct sys_derived old = derived_of(W, SYS_CALL_derive);
    ck_assert_uint_eq(old.slot, 3);
    revoke(W, old.slot, old.generation, 0);
    apply_bump(W, old.slot, old.generation, 1, 2); /* taken away before it is judged */
    tick();
    ck_assert_int_eq(receipt_of(W, SYS_CALL_apply)->result, RMG_DENIED);
    derive(W, SYS_CALL_derive, (struct sys_derive){1, 1, 0, SYS_NONE, .badge = 0}, NULL);
    apply_bump(W, old.slot, old.generation, 2, 2);
    apply_bump(W, old.slot, old.generation + 1, 3, 2); /* guessed: there when it is judged */
    tick();
    const struct sys_derived new = derived_of(W, SYS_CALL_derive);
    ck_assert_uint_eq(new.slot, old.slot);
    ck_assert_uint_eq(new.generation, old.generation + 1);
    ck_assert_int_eq(hits_of(1) + hits_of(2), 0);
    ck_assert_int_eq(hits_of(3), 2);
    apply_bump(W, old.slot, old.generation, 4, 2);
    apply_bump(W, new.slot, new.generation, 5, 2);
    tick();
    ck_assert_int_eq(hits_of(4), 0);
    ck_assert_int_eq(hits_of(5), 2);
    /* Worker and replay alike are started anew, with both: then the slot changes hands again. */
    struct kern_outcome given = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    apply_bump(V, given.slot, given.generation, 0, 2);
    tick();
    ck_assert_int_eq(hits_of(0), 4);
    revoke(V, given.slot, given.generation, 0);
    tick();
    struct kern_outcome again = give(V, SYS_RIGHT_INVOKE, &bump_id, NULL);
    ck_assert_uint_eq(again.slot, given.slot);
    apply_bump(V, given.slot, given.generation, 1, 2);
    apply_bump(V, again.slot, again.generation, 4, 2);
    tick();
    ck_assert_int_eq(hits_of(1), 0);
    ck_assert_int_eq(hits_of(4), 2);
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "caps_bounds", 60);
    tcase_add_test(t, receipts_tell_nothing_else);
    tcase_add_test(t, every_call_with_every_right_missing);
    tcase_add_test(t, a_long_sweep);
    tcase_add_test(t, attenuators_kept_for_one_process);
    tcase_add_test(t, an_operator_at_rest);
    tcase_add_test(t, stale_and_forged_replay);
}

TEST_MAIN("caps_bounds", suite)

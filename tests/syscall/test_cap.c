/* Goal:   a request is allowed exactly when a live capability covers it; a stale slot never gives
 *         another right; each denial says why; attenuators have one form as bytes.
 * Method: a generated table: every call of syscalls.def x every set of rights x every other thing
 *         that may be wrong, against a second, naive judgement; limits and one past them; refused
 *         memory. Derivation is tried in test_cap_derive, histories of the whole tree are compared
 *         with a naive one in test_cap_model. */
#include <stdlib.h>

#include "base/limits.h"
#include "syscall/cap.h"
#include "syscall/decode.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"
#include "tests/syscall/cap_bed.h"

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
        take(put(slot, &cap));
        cap.generation = 2;
        put(slot, &cap);
        for (size_t i = 0; i < sys_call_row_count; i++) {
            const uint32_t right = sys_call_rows[i].rights;
            for (unsigned wrong = 0; wrong <= WRONG_ALL; wrong++) {
                const struct sys_cap_need need = {
                    .right = right,
                    .rule_id = wrong & WRONG_RULE ? &other_rule : &rule,
                    .instance = wrong & WRONG_INSTANCE ? &other_instance : &instance,
                    .params_digest = wrong & WRONG_PARAMS ? &other_digest : &digest};
                enum sys_cap_verdict verdict =
                    check(wrong & WRONG_SLOT ? 500 : slot, wrong & WRONG_GENERATION ? 1 : 2, &need);
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
    put(0, &cap);
    ck_assert_int_eq(check(0, 1, &need), SYS_CAP_ALLOWED);
    cap.rule_id = zero; /* names no rule: it does not stand for all */
    put(1, &cap);
    ck_assert_int_eq(check(1, 1, &need), SYS_CAP_OTHER_RULE);
    const struct sys_cap_need zero_rule = {.right = SYS_RIGHT_INVOKE, .rule_id = &zero};
    ck_assert_int_eq(check(1, 1, &zero_rule), SYS_CAP_OTHER_RULE);
    const struct sys_cap_need map = {.right = SYS_RIGHT_INVOKE, .instance = &instance};
    ck_assert_int_eq(check(1, 1, &map), SYS_CAP_ALLOWED);
    for (unsigned object = 0; object < SYS_OBJECT_COUNT; object++) { /* an id of another kind */
        const struct sys_cap_need other = {
            .right = SYS_RIGHT_INVOKE, .object = (enum sys_object)object, .instance = &instance};
        ck_assert_int_eq(check(1, 1, &other),
                         object == SYS_OBJECT_INSTANCE ? SYS_CAP_ALLOWED : SYS_CAP_OTHER_INSTANCE);
    }
}
END_TEST

/* It covers its instance and those nested in it, however deep, and nothing beside. */
START_TEST(nested_instances)
{
    struct jit_id outer[JIT_DEPTH_MAX];
    struct sys_cap cap = cap_of(1, SYS_RIGHT_INVOKE);
    put(0, &cap);
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
        ck_assert_int_eq(check(0, 1, &need), SYS_CAP_ALLOWED);
        need.params_digest = &other_digest;
        ck_assert_int_eq(check(0, 1, &need), SYS_CAP_OTHER_PARAMS);
        need.rule_id = &other_rule;
        ck_assert_int_eq(check(0, 1, &need), SYS_CAP_OTHER_RULE);
        need.right = SYS_RIGHT_WRITE;
        ck_assert_int_eq(check(0, 1, &need), SYS_CAP_NO_RIGHT);
        if (depth > 0) { /* not looked at beyond what it lies in */
            need = (struct sys_cap_need){.right = SYS_RIGHT_INVOKE,
                                         .instance = &other_instance,
                                         .outer = outer,
                                         .outer_count = depth - 1};
            ck_assert_int_eq(check(0, 1, &need), SYS_CAP_OTHER_INSTANCE);
        }
    }
}
END_TEST

START_TEST(generations)
{
    uint32_t found;
    struct sys_cap cap = cap_of(3, SYS_RIGHT_MAP);
    struct sys_cap_node again = {.cap = cap, .parent = SYS_CAP_NONE};
    const struct sys_cap_need need = {.right = SYS_RIGHT_MAP};
    ck_assert_int_eq(sys_caps_lookup(caps, 0, 0, 1, &found), JIT_ENOENT);
    uint32_t node = put(0, &cap);
    ck_assert_int_eq(sys_caps_put(caps, &again, &found), JIT_EEXIST);
    ck_assert_int_eq(sys_caps_lookup(caps, 0, 0, 3, &found), JIT_OK);
    ck_assert_uint_eq(found, node);
    ck_assert_int_eq(sys_caps_lookup(caps, 0, 0, 2, &found), JIT_ESTALE);
    ck_assert_uint_eq(found, SYS_CAP_NONE);
    ck_assert_int_eq(sys_caps_lookup(caps, 0, 0, 4, &found), JIT_ENOENT);
    ck_assert_int_eq(sys_caps_lookup(caps, 0, 0, 0, &found), JIT_ENOENT);
    ck_assert_int_eq(sys_caps_lookup(caps, 0, SYS_NONE, 3, &found), JIT_ENOENT);
    ck_assert_int_eq(sys_caps_lookup(caps, 9, 0, 3, &found), JIT_ENOENT);
    take(node);
    ck_assert_uint_eq(sys_caps_generation(caps, 0), 3);
    ck_assert_int_eq(check(0, 3, &need), SYS_CAP_STALE);
    ck_assert_uint_eq(sys_caps_at(caps, 0, 0), SYS_CAP_NONE);
    uint32_t other = put(1, &(struct sys_cap){.generation = 1, .rights = SYS_RIGHT_MAP});
    enum sys_cap_excess excess;
    const struct sys_cap_want same = {.rights = 0};
    struct jit_id id = {{9}};
    ck_assert_int_eq(sys_caps_derive(caps, other, &same, &id, 0, SYS_CAP_NONE, &found, &excess),
                     JIT_OK); /* the first slot that is free is the old one; never the same again */
    ck_assert_uint_eq(sys_caps_at(caps, 0, 0), found);
    ck_assert_uint_eq(sys_caps_node(caps, found)->cap.generation, 4);
    ck_assert_int_eq(check(0, 3, &need), SYS_CAP_STALE);
    ck_assert_int_eq(check(0, 4, &need), SYS_CAP_ALLOWED);
    ck_assert_int_eq(check(0, 5, &need), SYS_CAP_NO_SLOT);
}
END_TEST

/* They never return, so after the last one there is none: a generation of 0 would be read as damage
 * by whoever recovers. */
START_TEST(the_last_generation)
{
    uint32_t found;
    enum sys_cap_excess excess;
    const struct sys_cap_want same = {.rights = 0};
    struct jit_id id = {{9}};
    uint32_t held = put(1, &(struct sys_cap){.generation = 1, .rights = SYS_RIGHT_MAP});
    sys_caps_set_generation(caps, 0, UINT32_MAX - 1);
    ck_assert_int_eq(sys_caps_derive(caps, held, &same, &id, 0, SYS_CAP_NONE, &found, &excess),
                     JIT_OK);
    ck_assert_uint_eq(sys_caps_node(caps, found)->cap.generation, UINT32_MAX);
    take(found);
    ck_assert_uint_eq(sys_caps_generation(caps, 0), UINT32_MAX);
    ck_assert_int_eq(sys_caps_derive(caps, held, &same, &id, 0, SYS_CAP_NONE, &found, &excess),
                     JIT_ELIMIT);
    ck_assert_int_eq(excess, SYS_EXCESS_SLOT);
    ck_assert_int_eq(sys_caps_move(caps, held, 0, SYS_CAP_NONE, &excess), JIT_ELIMIT);
    ck_assert_int_eq(excess, SYS_EXCESS_SLOT);
    /* Within one process: what is moved has the last one itself. */
    sys_caps_set_generation(caps, 1, UINT32_MAX - 1);
    ck_assert_int_eq(sys_caps_derive(caps, held, &same, &id, 1, SYS_CAP_NONE, &found, &excess),
                     JIT_OK);
    ck_assert_int_eq(sys_caps_move(caps, found, 1, 7, &excess), JIT_ELIMIT);
    ck_assert_uint_eq(sys_caps_node(caps, found)->cap.generation, UINT32_MAX);
}
END_TEST

START_TEST(bounds)
{
    struct sys_cap_node node = {.cap = cap_of(1, SYS_RIGHT_MAP), .parent = SYS_CAP_NONE};
    uint32_t at;
    node.slot = JIT_CAP_SLOTS_MAX - 1;
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_OK);
    node.slot = JIT_CAP_SLOTS_MAX;
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_ELIMIT);
    node.slot = 0;
    node.cap.generation = 0;
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_EINVALID);
    node.cap = cap_of(1, 0);
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_EINVALID);
    node.cap = cap_of(1, 16 | SYS_RIGHT_MAP);
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_EINVALID);
    node.cap = cap_of(1, SYS_RIGHT_MAP);
    node.holder = 3;
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_EINVALID);
    node.holder = 2;
    node.parent = 77;
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_EINVALID);
    node.parent = SYS_CAP_NONE;
    node.cap.object = SYS_OBJECT_COUNT;
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_EINVALID);
}
END_TEST

/* ---- attenuators as bytes ---- */

START_TEST(one_way_to_write_attenuators)
{
    struct sys_attenuators a = half();
    struct sys_attenuators *back;
    struct jit_buf buf, again;
    a.given = SYS_GIVEN_ALL;
    jit_buf_init(&buf, &mem.heap, SYS_ATTENUATORS_BYTES_MAX);
    jit_buf_init(&again, &mem.heap, SYS_ATTENUATORS_BYTES_MAX);
    sys_attenuators_encode(&a, &buf);
    ck_assert_int_eq(sys_attenuators_decode(&mem.heap, buf.data, buf.size, &back), JIT_OK);
    ck_assert_int_eq(sys_attenuators_within(back, &a), SYS_EXCESS_NONE);
    ck_assert_int_eq(sys_attenuators_within(&a, back), SYS_EXCESS_NONE);
    mem.heap.free(&mem.heap, back);
    for (size_t size = 0; size < buf.size; size++) {
        ck_assert_int_eq(sys_attenuators_decode(&mem.heap, buf.data, size, &back), JIT_EFORMAT);
    }
    uint64_t kept = 0;
    for (size_t bit = 0; bit < 8 * buf.size; bit++) { /* what decodes is written just so */
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum jit_err err = sys_attenuators_decode(&mem.heap, buf.data, buf.size, &back);
        if (err == JIT_OK) {
            jit_buf_reset(&again);
            sys_attenuators_encode(back, &again);
            ck_assert_uint_eq(again.size, buf.size);
            ck_assert_int_eq(memcmp(again.data, buf.data, buf.size), 0);
            mem.heap.free(&mem.heap, back);
            kept++;
        }
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_uint_gt(kept, 0);
    ck_assert_uint_lt(kept, 8 * buf.size);
    jit_buf_release(&buf);
    jit_buf_release(&again);
}
END_TEST

START_TEST(no_memory)
{
    struct sys_attenuators a = half();
    for (int64_t n = 0;; n++) {
        struct fault_heap fault = fault_heap_make(n, true);
        struct sys_caps *small;
        struct sys_cap_node node = {.cap = cap_of(1, SYS_RIGHT_MAP), .parent = SYS_CAP_NONE};
        uint32_t at = 0, dead[8];
        enum sys_cap_excess excess;
        enum jit_err err = sys_caps_new(&fault.heap, 2, &small);
        node.cap.attenuators = &a;
        for (uint32_t slot = 0; err == JIT_OK && slot < 20; slot++) {
            node.slot = slot;
            err = sys_caps_put(small, &node, &at);
        }
        for (uint32_t slot = 0; err == JIT_OK && slot < 20; slot++) {
            uint32_t child;
            uint32_t before = sys_caps_count(small);
            err = sys_caps_derive(small, at, &(struct sys_cap_want){.rights = 0}, &ids[0], 1, slot,
                                  &child, &excess);
            ck_assert_uint_eq(sys_caps_count(small), before + (err == JIT_OK));
        }
        if (err == JIT_OK) {
            sys_caps_revoke(small, at, true);
            err = sys_caps_dead(small, dead, 8) == SIZE_MAX ? JIT_ENOMEM : JIT_OK;
        }
        ck_assert_int_eq(err, fault_heap_fired(&fault) ? JIT_ENOMEM : JIT_OK);
        sys_caps_free(small);
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
    {SYS_CAP_REVOKED, "denied: the capability in slot 3 of w[2] is revoked, or one it was derived "
                      "from: invoke on rule cure in /world"},
    {SYS_CAP_EXPIRED, "denied: the capability in slot 3 of w[2] has expired, or one it was derived "
                      "from: invoke on rule cure in /world"},
    {SYS_CAP_NO_RIGHT,
     "denied: the capability in slot 3 of w[2] lacks a right: invoke on rule cure in /world"},
    {SYS_CAP_OTHER_RULE, "denied: the capability in slot 3 of w[2] is for another rule: invoke on "
                         "rule cure in /world"},
    {SYS_CAP_OTHER_INSTANCE, "denied: the capability in slot 3 of w[2] is for another instance: "
                             "invoke on rule cure in /world"},
    {SYS_CAP_OTHER_PARAMS, "denied: the capability in slot 3 of w[2] is bound to other parameters: "
                           "invoke on rule cure in /world"},
    {SYS_CAP_PRIORITY, "denied: the capability in slot 3 of w[2] has a ceiling below the rule's "
                       "priority: invoke on rule cure in /world"},
    {SYS_CAP_OVER_LIMIT, "denied: the capability in slot 3 of w[2] has used up its limit for this "
                         "tick: invoke on rule cure in /world"},
    {SYS_CAP_NODE_TYPE, "denied: the capability in slot 3 of w[2] does not cover the type of a "
                        "matched node: invoke on rule cure in /world"},
    {SYS_CAP_EDGE_TYPE, "denied: the capability in slot 3 of w[2] does not cover the type of a "
                        "matched edge: invoke on rule cure in /world"},
    {SYS_CAP_WRITES_NODE, "denied: the capability in slot 3 of w[2] brings no write right for an "
                          "effect on a node: invoke on rule cure in /world"},
    {SYS_CAP_WRITES_EDGE, "denied: the capability in slot 3 of w[2] brings no write right for an "
                          "effect on an edge: invoke on rule cure in /world"},
    {SYS_CAP_OWNER, "denied: the capability in slot 3 of w[2] is for a rule whose owner may not "
                    "write there: invoke on rule cure in /world"},
    {SYS_CAP_REMAP, "denied: the capability in slot 3 of w[2] counts again when its process has "
                    "been started anew without a lost map: invoke on rule cure in /world"},
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
    tcase_add_test(t, the_last_generation);
    tcase_add_test(t, bounds);
    tcase_add_test(t, one_way_to_write_attenuators);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, words);
}

TEST_MAIN("cap", suite)

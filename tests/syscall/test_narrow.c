/* Goal:   what narrows a capability is judged as the specification says, for each pair of what is
 *         held and what is asked for: bound parameters, badge, digest, depth, every attenuator that
 *         is left out; its size is that of its bytes, and bytes that break a bound are refused.
 * Method: all small sets of bound parameters against all others, and against all parameters, each
 *         with a naive judgement over an array; tables for the rest. */
#include "syscall/attenuate.h"

#include <stdlib.h>

#include "base/limits.h"
#include "syscall/cap_priv.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

/* A parameter is unbound, or bound to one of these; the last two differ in their bytes only. */
static const char *const values[] = {NULL, "a", "bb", "cc"};
#define VALUES 4u
#define SETS   (VALUES * VALUES * VALUES)
static const uint32_t indexes[] = {0, 2, SYS_ATTENUATOR_BOUND_MAX - 1};

struct some {
    struct sys_bound bound[3];
    struct sys_attenuators a;
};

static unsigned value_of(unsigned set, unsigned i)
{
    return i == 0 ? set % VALUES : i == 1 ? set / VALUES % VALUES : set / VALUES / VALUES;
}

static void some_make(struct some *some, unsigned set)
{
    *some = (struct some){.a.bound = some->bound};
    for (unsigned i = 0; i < 3; i++) {
        const char *value = values[value_of(set, i)];
        if (value != NULL) {
            some->bound[some->a.bound_count++] =
                (struct sys_bound){.index = indexes[i],
                                   .size = (uint32_t)strlen(value),
                                   .bytes = (const uint8_t *)value};
        }
    }
    some->a.given = some->a.bound_count > 0 ? SYS_GIVEN_BOUND : 0;
}

/* 0 where they bind one parameter to two values; else 1 + the set of both */
static unsigned naive_union(unsigned held, unsigned want)
{
    unsigned both = 0, scale = 1;
    for (unsigned i = 0; i < 3; i++, scale *= VALUES) {
        unsigned h = value_of(held, i), w = value_of(want, i);
        if (h != 0 && w != 0 && h != w) {
            return 0;
        }
        both += scale * (h != 0 ? h : w);
    }
    return both + 1;
}

START_TEST(bound_parameters_add_up)
{
    unsigned refused = 0;
    for (unsigned h = 0; h < SETS; h++) {
        for (unsigned w = 0; w < SETS; w++) {
            struct some held, want, both;
            struct sys_bound space[SYS_ATTENUATOR_BOUND_MAX];
            struct sys_attenuators got;
            struct sys_cap out;
            some_make(&held, h);
            some_make(&want, w);
            const struct sys_cap cap = {.rights = 1, .attenuators = h == 0 ? NULL : &held.a};
            const struct sys_cap_want ask = {.attenuators = w == 0 ? NULL : &want.a};
            unsigned sum = naive_union(h, w);
            enum sys_cap_excess excess = cap_narrow(&cap, &ask, space, &got, &out);
            refused += sum == 0;
            if (excess != (sum == 0 ? SYS_EXCESS_PARAMS : SYS_EXCESS_NONE)) {
                ck_abort_msg("held %u, wanted %u: %s", h, w, sys_cap_excess_text(excess));
            }
            if (sum == 0) {
                continue;
            }
            some_make(&both, sum - 1);
            bool same = got.bound_count == both.a.bound_count && got.given == both.a.given;
            for (uint32_t i = 0; same && i < got.bound_count; i++) {
                same = got.bound[i].index == both.bound[i].index &&
                       got.bound[i].size == both.bound[i].size &&
                       memcmp(got.bound[i].bytes, both.bound[i].bytes, got.bound[i].size) == 0;
            }
            if (!same) {
                ck_abort_msg("held %u, wanted %u: not the sum of both", h, w);
            }
        }
    }
    ck_assert_uint_gt(refused, 1000);
}
END_TEST

/* inner is within outer when it binds all that outer does, to the same. */
START_TEST(bound_parameters_within)
{
    for (unsigned i = 0; i < SETS; i++) {
        for (unsigned o = 0; o < SETS; o++) {
            struct some inner, outer;
            some_make(&inner, i);
            some_make(&outer, o);
            enum sys_cap_excess expected =
                naive_union(i, o) == i + 1 ? SYS_EXCESS_NONE : SYS_EXCESS_PARAMS;
            if (sys_attenuators_within(&inner.a, &outer.a) != expected) {
                ck_abort_msg("%u within %u", i, o);
            }
        }
    }
}
END_TEST

/* Three parameters, each of every value; the sets above, with indexes that these have. */
START_TEST(parameters_hold_what_is_bound)
{
    for (unsigned set = 0; set < SETS; set++) {
        struct some some;
        some_make(&some, set);
        uint32_t at = 0;
        for (unsigned i = 0; i < 3; i++) {
            at += value_of(set, i) != 0 ? (some.bound[at].index = i, 1u) : 0;
        }
        for (unsigned given = 0; given < SETS; given++) {
            struct fault_heap heap = fault_heap_make(-1, false);
            struct jit_buf params;
            jit_buf_init(&params, &heap.heap, 4096);
            bool holds = true;
            size_t needed = 0;
            for (unsigned i = 0; i < 3; i++) {
                const char *value = values[value_of(given, i)];
                size_t size = value == NULL ? 0 : strlen(value);
                jit_buf_put_u64(&params, size);
                jit_buf_put(&params, value == NULL ? "" : value, size);
                holds = holds && (value_of(set, i) == 0 || value_of(set, i) == value_of(given, i));
                needed = value_of(set, i) != 0 ? params.size : needed;
            }
            ck_assert_int_eq(sys_bound_holds(&some.a, params.data, params.size), holds);
            /* Cut off within what is bound, nothing holds. */
            for (size_t size = 0; size < needed; size++) {
                ck_assert(!sys_bound_holds(&some.a, params.data, size));
            }
            jit_buf_release(&params);
            ck_assert_int_eq(heap.live, 0);
        }
    }
}
END_TEST

START_TEST(badge_digest_and_depth)
{
    const struct jit_id digests[] = {{{0}}, {{1}}, {{2}}};
    for (unsigned h = 0; h < 3; h++) {
        for (unsigned w = 0; w < 3; w++) {
            struct sys_bound space[SYS_ATTENUATOR_BOUND_MAX];
            struct sys_attenuators got;
            struct sys_cap out;
            bool clash = h != 0 && w != 0 && h != w;
            struct sys_cap cap = {.rights = 1, .badge = h};
            struct sys_cap_want ask = {.badge = w};
            ck_assert_int_eq(cap_narrow(&cap, &ask, space, &got, &out),
                             clash ? SYS_EXCESS_BADGE : SYS_EXCESS_NONE);
            ck_assert(clash || out.badge == (w != 0 ? w : h));
            cap = (struct sys_cap){.rights = 1, .params_digest = digests[h]};
            ask = (struct sys_cap_want){.params_digest = digests[w]};
            ck_assert_int_eq(cap_narrow(&cap, &ask, space, &got, &out),
                             clash ? SYS_EXCESS_PARAMS : SYS_EXCESS_NONE);
            ck_assert(clash || jit_id_equal(&out.params_digest, &digests[w != 0 ? w : h]));
            /* depth: 0 is none given here, else depth + 1 */
            const struct sys_attenuators deep = {.given = SYS_GIVEN_DEPTH, .depth = h - 1};
            const struct sys_attenuators deeper = {.given = SYS_GIVEN_DEPTH, .depth = w - 1};
            cap = (struct sys_cap){.rights = 1, .attenuators = h == 0 ? NULL : &deep};
            ask = (struct sys_cap_want){.attenuators = w == 0 ? NULL : &deeper};
            bool too_deep = h == 1 || (h != 0 && w != 0 && w - 1 > h - 2);
            ck_assert_int_eq(cap_narrow(&cap, &ask, space, &got, &out),
                             too_deep ? SYS_EXCESS_DEPTH : SYS_EXCESS_NONE);
            ck_assert(too_deep || (h == 0 && w == 0) || got.depth == (w != 0 ? w - 1 : h - 2));
        }
    }
}
END_TEST

/* Whoever leaves out what the outer one gives leaves it open. */
START_TEST(what_is_left_out_is_open)
{
    static const struct {
        uint32_t given;
        enum sys_cap_excess excess;
    } rows[] = {
        {SYS_GIVEN_NODES, SYS_EXCESS_NODES},       {SYS_GIVEN_EDGES, SYS_EXCESS_EDGES},
        {SYS_GIVEN_RULES, SYS_EXCESS_RULES},       {SYS_GIVEN_BOUND, SYS_EXCESS_PARAMS},
        {SYS_GIVEN_PRIORITY, SYS_EXCESS_PRIORITY}, {SYS_GIVEN_OPERATIONS, SYS_EXCESS_NONE},
        {SYS_GIVEN_BYTES, SYS_EXCESS_NONE},        {SYS_GIVEN_LAST_TICK, SYS_EXCESS_LAST_TICK},
        {SYS_GIVEN_DEPTH, SYS_EXCESS_DEPTH},       {SYS_GIVEN_NO_DELEGATE, SYS_EXCESS_DELEGATE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct sys_attenuators outer = {.given = rows[i].given};
        ck_assert_int_eq(sys_attenuators_within(NULL, &outer), rows[i].excess);
        ck_assert_int_eq(sys_attenuators_within(&outer, NULL), SYS_EXCESS_NONE);
        ck_assert_int_eq(sys_attenuators_within(&outer, &outer), SYS_EXCESS_NONE);
    }
    ck_assert_int_eq(sys_attenuators_within(NULL, NULL), SYS_EXCESS_NONE);
    ck_assert_str_eq(sys_cap_excess_text(SYS_CAP_EXCESSES), "unknown excess");
}
END_TEST

START_TEST(size_is_that_of_the_bytes) /* of every set of what is given, and it is read back */
{
    const struct jit_id ids[] = {{{1}}, {{2}}, {{3}}};
    struct fault_heap heap = fault_heap_make(-1, false);
    struct jit_buf bytes;
    jit_buf_init(&bytes, &heap.heap, SYS_ATTENUATORS_BYTES_MAX);
    for (uint32_t given = 1; given <= SYS_GIVEN_ALL; given++) {
        struct some some;
        struct sys_attenuators *back;
        some_make(&some, SETS - 1);
        some.a.given = given;
        some.a.nodes = (struct sys_id_set){ids, 1};
        some.a.edges = (struct sys_id_set){ids, 2};
        some.a.rules = (struct sys_id_set){ids, 3};
        jit_buf_reset(&bytes);
        sys_attenuators_encode(&some.a, &bytes);
        ck_assert_uint_eq(sys_attenuators_size(&some.a), bytes.size);
        ck_assert_int_eq(sys_attenuators_decode(&heap.heap, bytes.data, bytes.size, &back), JIT_OK);
        ck_assert_uint_eq(back->given, given);
        heap.heap.free(&heap.heap, back);
    }
    jit_buf_release(&bytes);
    ck_assert_int_eq(heap.live, 0);
}
END_TEST

/* Two bound parameters, and what is wrong with them. */
START_TEST(bounds_of_bound_parameters)
{
    static const struct {
        uint32_t index[2];
        uint32_t size[2];
        enum jit_err err;
    } rows[] = {
        {{0, 1}, {4, 4}, JIT_OK},
        {{1, 1}, {4, 4}, JIT_EFORMAT},
        {{2, 1}, {4, 4}, JIT_EFORMAT},
        {{0, SYS_ATTENUATOR_BOUND_MAX - 1}, {4, 4}, JIT_OK},
        {{0, SYS_ATTENUATOR_BOUND_MAX}, {4, 4}, JIT_EFORMAT},
        {{0, 1}, {JIT_PARAMS_BYTES_MAX - 4, 4}, JIT_OK},
        {{0, 1}, {JIT_PARAMS_BYTES_MAX - 4, 5}, JIT_EFORMAT},
    };
    static const uint8_t zeros[JIT_PARAMS_BYTES_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fault_heap heap = fault_heap_make(-1, false);
        struct sys_bound bound[2];
        struct sys_attenuators *got = NULL;
        struct jit_buf bytes;
        jit_buf_init(&bytes, &heap.heap, 2 * SYS_ATTENUATORS_BYTES_MAX);
        for (unsigned k = 0; k < 2; k++) {
            bound[k] = (struct sys_bound){rows[i].index[k], rows[i].size[k], zeros};
        }
        const struct sys_attenuators a = {
            .given = SYS_GIVEN_BOUND, .bound = bound, .bound_count = 2};
        sys_attenuators_encode(&a, &bytes);
        ck_assert_int_eq(sys_attenuators_decode(&heap.heap, bytes.data, bytes.size, &got),
                         rows[i].err);
        heap.heap.free(&heap.heap, got);
        while (bytes.size <= SYS_ATTENUATORS_BYTES_MAX) {
            jit_buf_put(&bytes, zeros, sizeof zeros);
        }
        ck_assert_int_eq(sys_attenuators_decode(&heap.heap, bytes.data, bytes.size, &got),
                         JIT_ELIMIT);
        jit_buf_release(&bytes);
        ck_assert_int_eq(heap.live, 0);
    }
}
END_TEST

/* ---- in the tree ---- */

static struct fault_heap mem;
static struct sys_caps *caps;

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    ck_assert_int_eq(sys_caps_new(&mem.heap, 2, &caps), JIT_OK);
}

static void teardown(void)
{
    sys_caps_free(caps);
    ck_assert_int_eq(mem.live, 0);
}

static struct sys_cap_node node_of(uint32_t slot, uint32_t parent)
{
    return (struct sys_cap_node){
        .cap = {.generation = 1, .rights = SYS_RIGHT_READ}, .slot = slot, .parent = parent};
}

static uint32_t put(const struct sys_cap_node *node)
{
    uint32_t at;
    ck_assert_int_eq(sys_caps_put(caps, node, &at), JIT_OK);
    return at;
}

START_TEST(a_tree_as_it_is_kept)
{
    uint32_t dead[8], at;
    struct sys_cap_node root = node_of(0, SYS_CAP_NONE);
    root.epoch = 3; /* what was derived from it was revoked three times */
    uint32_t parent = put(&root);
    struct sys_cap_node child = node_of(1, parent);
    child.born = 3;
    uint32_t alive = put(&child);
    ck_assert_uint_eq(sys_caps_node(caps, alive)->depth, 1);
    ck_assert_uint_eq(sys_caps_dead(caps, dead, 8), 0);
    child.slot = 2;
    child.born = 2;
    uint32_t revoked = put(&child);
    child.slot = 3;
    child.born = 3;
    put(&child);
    struct sys_cap_node gone = node_of(4, SYS_CAP_NONE);
    gone.epoch = SYS_CAP_DEAD;
    gone.id.bytes[0] = 1;
    uint32_t ended = put(&gone);
    ck_assert_int_eq(sys_caps_live(caps, alive), SYS_CAP_ALLOWED);
    ck_assert_int_eq(sys_caps_live(caps, revoked), SYS_CAP_REVOKED);
    ck_assert_int_eq(sys_caps_live(caps, ended), SYS_CAP_REVOKED);
    ck_assert_uint_eq(sys_caps_dead(caps, dead, 8), 2);
    ck_assert(dead[0] == revoked && dead[1] == ended);
    /* What is nowhere. */
    ck_assert_ptr_null(sys_caps_node(caps, 99));
    ck_assert_uint_eq(sys_caps_slots(caps, 99), 0);
    struct sys_cap_node wrong = node_of(5, 99);
    ck_assert_int_eq(sys_caps_put(caps, &wrong, &at), JIT_EINVALID);
    wrong = node_of(SYS_CAP_NONE, SYS_CAP_NONE);
    ck_assert_int_eq(sys_caps_put(caps, &wrong, &at), JIT_EINVALID);
}
END_TEST

START_TEST(one_that_is_dead_from_the_start)
{
    uint32_t dead[2];
    struct sys_cap_node gone = node_of(0, SYS_CAP_NONE);
    gone.epoch = SYS_CAP_DEAD;
    uint32_t at = put(&gone);
    ck_assert_uint_eq(sys_caps_dead(caps, dead, 2), 1);
    ck_assert_uint_eq(dead[0], at);
}
END_TEST

/* A ceiling is one for whatever applies a rule, by name or not. */
START_TEST(a_ceiling_of_priority)
{
    static const struct sys_attenuators low = {.given = SYS_GIVEN_PRIORITY, .priority_max = 5};
    static const struct sys_attenuators none = {.given = SYS_GIVEN_LAST_TICK,
                                                .last_tick = UINT64_MAX};
    const struct sys_attenuators *const all[] = {NULL, &none, &low};
    const struct jit_id rule = {{7}};
    for (uint32_t i = 0; i < 3; i++) {
        struct sys_cap_node node = node_of(i, SYS_CAP_NONE);
        node.cap.rule_id = rule;
        node.cap.attenuators = all[i];
        uint32_t at = put(&node);
        for (unsigned way = 0; way < 3; way++) { /* no rule, by name, whichever */
            for (int32_t priority = 5; priority <= 6; priority++) {
                const struct sys_cap_need need = {.right = SYS_RIGHT_READ,
                                                  .rule_id = way == 1 ? &rule : NULL,
                                                  .ranked = way == 2,
                                                  .priority = priority};
                ck_assert_int_eq(sys_caps_check_node(caps, at, &need),
                                 i == 2 && way != 0 && priority == 6 ? SYS_CAP_PRIORITY
                                                                     : SYS_CAP_ALLOWED);
            }
        }
    }
}
END_TEST

/* Each of both may be bound, not both together. */
START_TEST(too_much_is_bound) /* _i: too many bytes of parameters, in all */
{
    static const uint8_t zeros[JIT_PARAMS_BYTES_MAX];
    static struct jit_id ids[SYS_ATTENUATOR_IDS_MAX];
    const struct sys_bound bound[2] = {{0, sizeof zeros, zeros}, {1, sizeof zeros, zeros}};
    struct sys_attenuators held = {.given = SYS_GIVEN_BOUND, .bound = bound, .bound_count = 1};
    const struct sys_attenuators wanted = {
        .given = SYS_GIVEN_BOUND, .bound = bound + 1, .bound_count = 1};
    for (uint32_t i = 0; i < SYS_ATTENUATOR_IDS_MAX; i++) {
        ids[i].bytes[0] = (uint8_t)i;
    }
    if (_i == 1) {
        held.given |= SYS_GIVEN_NODES | SYS_GIVEN_EDGES | SYS_GIVEN_RULES;
        held.nodes = held.edges = held.rules = (struct sys_id_set){ids, SYS_ATTENUATOR_IDS_MAX};
    }
    struct sys_cap_node node = node_of(0, SYS_CAP_NONE);
    node.cap.attenuators = &held;
    uint32_t parent = put(&node), at;
    enum sys_cap_excess excess;
    const struct sys_cap_want ask = {.attenuators = &wanted};
    ck_assert_int_eq(sys_caps_derive(caps, parent, &ask, &ids[1], 1, 0, &at, &excess), JIT_ELIMIT);
    ck_assert_int_eq(excess, SYS_EXCESS_PARAMS);
}
END_TEST

START_TEST(a_move_without_memory)
{
    enum sys_cap_excess excess;
    struct sys_cap_node node = node_of(0, SYS_CAP_NONE);
    uint32_t at = put(&node);
    mem.refuse_at = mem.calls;
    ck_assert_int_eq(sys_caps_move(caps, at, 1, 0, &excess), JIT_ENOMEM);
    ck_assert_int_eq(excess, SYS_EXCESS_NONE);
    ck_assert_int_eq(sys_caps_move(caps, at, 1, 0, &excess), JIT_OK);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "narrow", 60);
    tcase_add_test(t, bound_parameters_add_up);
    tcase_add_test(t, bound_parameters_within);
    tcase_add_test(t, parameters_hold_what_is_bound);
    tcase_add_test(t, badge_digest_and_depth);
    tcase_add_test(t, what_is_left_out_is_open);
    tcase_add_test(t, size_is_that_of_the_bytes);
    tcase_add_test(t, bounds_of_bound_parameters);
    t = test_case(s, "tree", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_tree_as_it_is_kept);
    tcase_add_test(t, one_that_is_dead_from_the_start);
    tcase_add_test(t, a_ceiling_of_priority);
    tcase_add_loop_test(t, too_much_is_bound, 0, 2);
    tcase_add_test(t, a_move_without_memory);
}

TEST_MAIN("narrow", suite)

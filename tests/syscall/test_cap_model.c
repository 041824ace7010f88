/* Goal:   whatever happens to a tree of capabilities, each check says what a naive tree says.
 * Method: random histories of grants, derivations, moves, revocations, sweeps and ticks; after each
 *         step some slots are judged by both. The naive tree marks what a revocation kills there
 *         and then, keeps rights as sets and never reuses a place. */
#include "base/random.h"
#include "syscall/cap.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

#define HOLDERS 3u
#define SLOTS   24u
#define NAIVE   4000u
#define STEPS   1500u

struct naive {
    bool there;
    bool dead;
    int parent; /* -1: none */
    uint32_t node, holder, slot, generation, rights, depth;
    uint64_t last_tick, operations; /* UINT64_MAX: no quota of its own */
    bool quota;
};
static struct naive all[NAIVE];
static int count;
static uint64_t tick;
static struct fault_heap mem;
static struct sys_caps *caps;

static struct jit_id id_of(int n)
{
    struct jit_id id = {{0}};
    id.bytes[0] = (uint8_t)(n * 37); /* not the order in which they were made */
    memcpy(id.bytes + 1, &n, sizeof n);
    return id;
}

static bool naive_live(int n)
{
    return !all[n].dead && all[n].last_tick >= tick &&
           (all[n].parent < 0 || naive_live(all[n].parent));
}

static void naive_kill(int n, bool itself)
{
    all[n].dead = all[n].dead || itself;
    for (int i = 0; i < count; i++) {
        if (all[i].there && all[i].parent == n) {
            naive_kill(i, true);
        }
    }
}

static int naive_at(uint32_t holder, uint32_t slot)
{
    for (int i = 0; i < count; i++) {
        if (all[i].there && all[i].holder == holder && all[i].slot == slot) {
            return i;
        }
    }
    return -1;
}

static int naive_payer(int n)
{
    while (n >= 0 && !all[n].quota) {
        n = all[n].parent;
    }
    return n;
}

static uint32_t naive_children(int n)
{
    uint32_t children = 0;
    for (int i = 0; i < count; i++) {
        children += all[i].there && all[i].parent == n;
    }
    return children;
}

static int pick(struct jit_random *random)
{
    int n = count == 0 ? -1 : (int)jit_random_below(random, (uint64_t)count);
    return n >= 0 && all[n].there ? n : -1;
}

static void grant(struct jit_random *random)
{
    uint32_t holder = (uint32_t)jit_random_below(random, HOLDERS);
    uint32_t slot = (uint32_t)jit_random_below(random, SLOTS);
    struct sys_attenuators a = {.given = SYS_GIVEN_OPERATIONS, .operations = 40};
    bool quota = jit_random_below(random, 3) == 0;
    struct sys_cap_node node = {.cap = {.generation = sys_caps_generation(caps, holder) + 1,
                                        .rights = 1 + (uint32_t)jit_random_below(random, 15),
                                        .attenuators = quota ? &a : NULL},
                                .id = id_of(count),
                                .holder = holder,
                                .slot = slot,
                                .operations_left = quota ? 40 : 0,
                                .parent = SYS_CAP_NONE};
    uint32_t at;
    bool taken = naive_at(holder, slot) >= 0;
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), taken ? JIT_EEXIST : JIT_OK);
    if (!taken) {
        all[count++] = (struct naive){.there = true,
                                      .parent = -1,
                                      .node = at,
                                      .holder = holder,
                                      .slot = slot,
                                      .generation = node.cap.generation,
                                      .rights = node.cap.rights,
                                      .last_tick = UINT64_MAX,
                                      .quota = quota,
                                      .operations = 40};
    }
}

static void derive(struct jit_random *random)
{
    int n = pick(random);
    if (n < 0 || !naive_live(n)) {
        return;
    }
    uint32_t holder = (uint32_t)jit_random_below(random, HOLDERS);
    uint32_t slot = (uint32_t)jit_random_below(random, SLOTS);
    struct sys_attenuators a = {.given = 0,
                                .last_tick = tick + jit_random_below(random, 200),
                                .operations = jit_random_below(random, 20)};
    a.given |= jit_random_below(random, 4) == 0 ? SYS_GIVEN_LAST_TICK : 0;
    a.given |= jit_random_below(random, 4) == 0 ? SYS_GIVEN_OPERATIONS : 0;
    struct sys_cap_want want = {.rights = 1 + (uint32_t)jit_random_below(random, 15),
                                .attenuators = a.given != 0 ? &a : NULL};
    bool has_last = (a.given & SYS_GIVEN_LAST_TICK) != 0;
    bool has_quota = (a.given & SYS_GIVEN_OPERATIONS) != 0;
    int payer = naive_payer(n);
    bool wider = (want.rights & ~all[n].rights) != 0 ||
                 (has_last && a.last_tick > all[n].last_tick) ||
                 (has_quota && payer >= 0 && a.operations > all[payer].operations);
    bool deep = all[n].depth == JIT_CAP_DEPTH_MAX;
    bool taken = naive_at(holder, slot) >= 0;
    struct jit_id id = id_of(count);
    uint32_t at;
    enum sys_cap_excess excess;
    enum jit_err err = sys_caps_derive(caps, all[n].node, &want, &id, holder, slot, &at, &excess);
    ck_assert_int_eq(err, wider ? JIT_ECAP : deep ? JIT_ELIMIT : taken ? JIT_EEXIST : JIT_OK);
    ck_assert_int_eq(excess == SYS_EXCESS_NONE, err == JIT_OK);
    if (err != JIT_OK) {
        return;
    }
    if (has_quota && payer >= 0) {
        all[payer].operations -= a.operations;
    }
    all[count++] = (struct naive){.there = true,
                                  .parent = n,
                                  .node = at,
                                  .holder = holder,
                                  .slot = slot,
                                  .generation = sys_caps_node(caps, at)->cap.generation,
                                  .rights = want.rights,
                                  .depth = all[n].depth + 1,
                                  .last_tick = has_last ? a.last_tick : all[n].last_tick,
                                  .quota = has_quota,
                                  .operations = a.operations};
}

static void move(struct jit_random *random)
{
    int n = pick(random);
    if (n < 0) {
        return;
    }
    uint32_t holder = (uint32_t)jit_random_below(random, HOLDERS);
    uint32_t slot = (uint32_t)jit_random_below(random, SLOTS);
    bool taken = naive_at(holder, slot) >= 0;
    enum sys_cap_excess excess;
    ck_assert_int_eq(sys_caps_move(caps, all[n].node, holder, slot, &excess),
                     taken ? JIT_EEXIST : JIT_OK);
    if (!taken) {
        all[n].holder = holder;
        all[n].slot = slot;
        all[n].generation = sys_caps_node(caps, all[n].node)->cap.generation;
    }
}

static void revoke(struct jit_random *random)
{
    int n = pick(random);
    if (n >= 0) {
        bool only_children = jit_random_below(random, 2) == 0;
        sys_caps_revoke(caps, all[n].node, only_children);
        naive_kill(n, !only_children);
    }
}

static void spend(struct jit_random *random)
{
    int n = pick(random);
    int payer = n < 0 ? -1 : naive_payer(n);
    uint32_t node = n < 0 ? SYS_CAP_NONE : sys_caps_quota(caps, all[n].node, SYS_GIVEN_OPERATIONS);
    ck_assert_uint_eq(node, payer < 0 ? SYS_CAP_NONE : all[payer].node);
    if (payer >= 0 && all[payer].operations > 0) {
        sys_caps_set_left(caps, node, SYS_GIVEN_OPERATIONS, --all[payer].operations);
    }
}

/* The naive order: of all that are dead and have no children, the one with the lowest id. */
static void sweep(struct jit_random *random)
{
    uint32_t dead[4], paid[2];
    size_t found = sys_caps_dead(caps, dead, 1 + jit_random_below(random, 4));
    ck_assert_uint_le(found, 4);
    int expected[4];
    for (size_t i = 0; i < found; i++) {
        int best = -1;
        for (int n = 0; n < count; n++) {
            bool before = false;
            for (size_t k = 0; k < i; k++) {
                before = before || expected[k] == n;
            }
            if (!all[n].there || before || naive_live(n) || naive_children(n) > 0) {
                continue;
            }
            struct jit_id id = id_of(n);
            struct jit_id other = best < 0 ? id : id_of(best);
            best = best < 0 || jit_id_compare(&id, &other) < 0 ? n : best;
        }
        ck_assert_int_ge(best, 0);
        expected[i] = best;
        ck_assert_uint_eq(dead[i], all[best].node);
    }
    for (size_t i = 0; i < found; i++) {
        struct naive *gone = &all[expected[i]];
        int payer = gone->parent < 0 ? -1 : naive_payer(gone->parent);
        sys_caps_remove(caps, dead[i], paid);
        gone->there = false;
        if (gone->quota && payer >= 0) {
            all[payer].operations += gone->operations;
            ck_assert(gone->operations == 0 || paid[0] == all[payer].node);
        }
    }
}

static void compare(struct jit_random *random)
{
    uint32_t there = 0;
    for (int n = 0; n < count; n++) {
        there += all[n].there;
    }
    ck_assert_uint_eq(sys_caps_count(caps), there);
    for (int k = 0; k < 20; k++) {
        uint32_t holder = (uint32_t)jit_random_below(random, HOLDERS);
        uint32_t slot = (uint32_t)jit_random_below(random, SLOTS);
        struct sys_cap_need need = {.right = 1u << jit_random_below(random, 4)};
        int n = naive_at(holder, slot);
        uint32_t node;
        if (n < 0) {
            ck_assert_uint_eq(sys_caps_at(caps, holder, slot), SYS_CAP_NONE);
            continue;
        }
        enum sys_cap_verdict verdict =
            sys_caps_check(caps, holder, slot, all[n].generation, &need, &node);
        ck_assert_uint_eq(node, all[n].node);
        if (!naive_live(n)) {
            ck_assert(verdict == SYS_CAP_REVOKED || verdict == SYS_CAP_EXPIRED);
        } else {
            ck_assert_int_eq(verdict, (all[n].rights & need.right) != 0 ? SYS_CAP_ALLOWED
                                                                        : SYS_CAP_NO_RIGHT);
        }
        ck_assert_uint_eq(sys_caps_node(caps, node)->children, naive_children(n));
        if (all[n].quota) {
            ck_assert_uint_eq(sys_caps_node(caps, node)->operations_left, all[n].operations);
        }
    }
}

START_TEST(histories) /* _i: the seed */
{
    static void (*const steps[])(struct jit_random *) = {grant,  derive, derive, derive, derive,
                                                         revoke, move,   spend,  spend,  sweep};
    struct jit_random random = jit_random_of((uint64_t)_i + 1);
    mem = fault_heap_make(-1, false);
    count = 0;
    tick = 1;
    ck_assert_int_eq(sys_caps_new(&mem.heap, HOLDERS, &caps), JIT_OK);
    for (uint32_t i = 0; i < STEPS; i++) {
        steps[jit_random_below(&random, sizeof steps / sizeof steps[0])](&random);
        tick += jit_random_below(&random, 8) == 0;
        sys_caps_begin_tick(caps, tick);
        compare(&random);
    }
    ck_assert_int_gt(count, 100);
    sys_caps_free(caps);
    ck_assert_int_eq(mem.live, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "model", 60);
    tcase_add_loop_test(t, histories, 0, 12);
}

TEST_MAIN("cap_model", suite)

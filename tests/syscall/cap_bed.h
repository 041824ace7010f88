/* tests/syscall/cap_bed.h - a tree of capabilities to try, and its shortest calls. Layer: tests. */
#ifndef JIT_TESTS_SYSCALL_CAP_BED_H
#define JIT_TESTS_SYSCALL_CAP_BED_H

#include "syscall/cap.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct fault_heap mem;
static struct sys_caps *caps;
static struct jit_id rule, other_rule, instance, other_instance, digest, other_digest, zero;

static inline void setup(void)
{
    mem = fault_heap_make(-1, false);
    ck_assert_int_eq(sys_caps_new(&mem.heap, 3, &caps), JIT_OK);
    struct jit_id *const all[] = {&rule,           &other_rule, &instance,
                                  &other_instance, &digest,     &other_digest};
    for (int i = 0; i < 6; i++) {
        memset(all[i], i + 1, sizeof *all[i]);
    }
}

static inline void teardown(void)
{
    sys_caps_free(caps);
    caps = NULL;
    ck_assert_int_eq(mem.live, 0);
}

static inline struct sys_cap cap_of(uint32_t generation, uint32_t rights)
{
    return (struct sys_cap){.generation = generation,
                            .rights = rights,
                            .instance = instance,
                            .rule_id = rule,
                            .params_digest = digest};
}

/* A capability at the root, held by process 0; returns its node. */
static inline uint32_t put(uint32_t slot, const struct sys_cap *cap)
{
    struct sys_cap_node node = {.cap = *cap, .slot = slot, .parent = SYS_CAP_NONE};
    uint32_t at = 0;
    node.id.bytes[0] = (uint8_t)slot;
    node.operations_left = cap->attenuators != NULL ? cap->attenuators->operations : 0;
    node.bytes_left = cap->attenuators != NULL ? cap->attenuators->bytes : 0;
    ck_assert_int_eq(sys_caps_put(caps, &node, &at), JIT_OK);
    return at;
}

static inline void take(uint32_t node)
{
    uint32_t paid[2];
    sys_caps_remove(caps, node, paid);
}

static inline enum sys_cap_verdict check(uint32_t slot, uint32_t generation,
                                         const struct sys_cap_need *need)
{
    return sys_caps_check(caps, 0, slot, generation, need, NULL);
}

static struct jit_id ids[4]; /* ascending */
static const uint8_t bytes_a[] = {1, 2, 3};
static const uint8_t bytes_b[] = {1, 2, 4};

static const struct sys_bound bound_a[] = {{1, 3, bytes_a}};
static const struct sys_bound bound_ab[] = {{0, 3, bytes_b}, {1, 3, bytes_a}};
static const struct sys_bound bound_b[] = {{1, 3, bytes_b}};

/* Everything narrowed half-way. */
static inline struct sys_attenuators half(void)
{
    for (uint8_t i = 0; i < 4; i++) {
        memset(&ids[i], i + 1, sizeof ids[i]);
    }
    return (struct sys_attenuators){.given = SYS_GIVEN_ALL & ~(uint32_t)SYS_GIVEN_NO_DELEGATE,
                                    .nodes = {ids, 2},
                                    .edges = {ids + 1, 2},
                                    .rules = {ids, 3},
                                    .bound = bound_a,
                                    .bound_count = 1,
                                    .priority_max = 5,
                                    .operations = 10,
                                    .bytes = 100,
                                    .last_tick = 50,
                                    .depth = 3};
}

#endif

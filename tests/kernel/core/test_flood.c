/* Goal:   workers that ask for as much as they can, each within what one process may ask for, do
 * not stop the kernel: what they ask for together fits into a tick, its patch and its record.
 * Method: processes whose rings the test writes itself, up to the real bounds; each history is
 *         replayed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "kernel/core/sec.h"
#include "tests/kernel/core/sim_hands.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

#define TEXT                                                                                       \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT\n"                                                                                  \
    "rule bump(n: i64)\n"                                                                          \
    "  match (a:Cell)\n"                                                                           \
    "  where a.state < 100\n"                                                                      \
    "  add a.hits, n\n"                                                                            \
    "process w[3] run bump(n = 1) apply all over shard(/world)\n"                                  \
    "grant w: map /world; invoke bump on /world\n"

#define PROCESSES   3u
#define GRAPH_BYTES ((size_t)64 << 10)

static struct fault_heap mem;
static struct sim_kernel sim;
static struct sim_hand flooders[PROCESSES];
static struct sim_hands three = {.sim = &sim, .hand = flooders, .count = PROCESSES};

static void begin_with(const char *text, uint64_t arena_bytes)
{
    const struct sim_kernel_options options = {
        .text = text, .cells = 6, .arena_bytes = arena_bytes, .system_seed = 3};
    mem = fault_heap_make(-1, false);
    three.stopped[0] = '\0';
    sim_kernel_init(&sim, &mem.heap, &options);
    for (uint32_t p = 0; p < PROCESSES; p++) {
        flooders[p] = (struct sim_hand){.graph = calloc(1, GRAPH_BYTES), .graph_size = GRAPH_BYTES};
        ck_assert_ptr_nonnull(flooders[p].graph);
    }
    sim_hands_step(&three, (struct kern_event){.kind = KERN_EVENT_RUN, .tick = 1000});
}

static void begin(uint64_t arena_bytes)
{
    begin_with(TEXT, arena_bytes);
}

static void end(void)
{
    sim_hands_end(&three);
    for (uint32_t p = 0; p < PROCESSES; p++) {
        free(flooders[p].graph);
    }
    sim_kernel_release(&sim);
    ck_assert_int_eq(mem.live, 0);
}

static void done(uint32_t p)
{
    if (flooders[p].runs) {
        sim_hand_done(&flooders[p]);
        sim_hands_bell(&three, p);
    }
}

/* Room for one more in the ring: the kernel takes what lies there, if it must. */
static struct sys_slot *slot_of(uint32_t p)
{
    struct sim_hand *f = &flooders[p];
    if (f->ring.request_tail - f->ring.request_head == SYS_REQUEST_SLOTS) {
        sim_hands_bell(&three, p);
    }
    return sys_ring_guest_slot(&f->ring);
}

static void ask_small(uint32_t p, uint32_t call, const void *bytes, uint32_t size)
{
    struct sys_slot *slot = slot_of(p);
    slot->kind = call;
    slot->length = size;
    slot->cookie = 0;
    memcpy(slot->body.bytes, bytes, size);
    sys_ring_guest_post(&flooders[p].ring);
}

/* So many requests that differ by their nonce; of a rule that is not there: what they come to is no
 * matter here. */
static void flood(uint32_t p, uint32_t count)
{
    static const char label[] = "c0";
    struct sim_hand *f = &flooders[p];
    uint8_t params[16] = {8, 0, 0, 0, 0, 0, 0, 0, 1};
    struct jit_id id;
    jit_hash_named("node:", label, 2, &id);
    struct sys_apply_view apply = {.cap_slot = f->uses[0].cap_slot,
                                   .cap_generation = f->uses[0].cap_generation,
                                   .rule = f->uses[0].rule + 1,
                                   .instance = f->uses[0].instance,
                                   .ids = &id,
                                   .id_count = 1,
                                   .params = params,
                                   .params_size = sizeof params};
    for (uint32_t i = 0; i < count; i++) {
        struct sys_slot *slot = slot_of(p);
        apply.nonce = i;
        slot->kind = SYS_CALL_apply;
        slot->length = (uint32_t)sys_apply_size(1, sizeof params);
        slot->cookie = 0;
        sys_apply_encode(&apply, slot->body.bytes);
        sys_ring_guest_post(&f->ring);
    }
}

/* ---- requests ---- */

START_TEST(more_requests_than_a_tick_may_have) /* _i: who asks for most lives, has exited */
{
    const uint8_t status[4] = {0};
    begin(16u << 20);
    flood(0, 1);
    flood(1, JIT_REQUESTS_PER_TICK_MAX / 2 + 2);
    flood(2, JIT_REQUESTS_PER_TICK_MAX / 2 - 2);
    if (_i == 1) {
        ask_small(1, SYS_CALL_exit, status, sizeof status);
        done(1);
        flooders[1].runs = false;
        sim_hands_step(&three, (struct kern_event){
                                   .kind = KERN_EVENT_EXITED, .process = 1, .text = "it exited"});
    } else {
        done(1);
    }
    done(0);
    done(2);
    ck_assert_str_eq(three.stopped, "");
    /* One too many: it is started anew, and quiet now. */
    ck_assert_uint_eq(kern_core_tick(sim.core), 0);
    ck_assert_uint_eq(flooders[0].starts, 1);
    ck_assert_uint_eq(flooders[1].starts, 2);
    ck_assert_uint_eq(flooders[2].starts, 1);
    done(1);
    ck_assert_str_eq(three.stopped, "");
    ck_assert_uint_eq(kern_core_tick(sim.core), 1);
    ck_assert_uint_eq(sim.last.request_count, JIT_REQUESTS_PER_TICK_MAX / 2 - 1);
    end();
}
END_TEST

/* ---- capabilities ---- */

/* One more of a map right, narrowed by many types. Its bytes lie in graph memory that is used again
 * at once, so the kernel takes it first. */
static void derive(uint32_t p, uint32_t nonce, const struct jit_buf *attenuators)
{
    struct sim_hand *f = &flooders[p];
    struct sys_derive head = {.cap_slot = 0,
                              .cap_generation = 1,
                              .to_slot = SYS_NONE,
                              .nonce = nonce,
                              .attenuators_size = (uint32_t)attenuators->size};
    uint32_t size = (uint32_t)(sizeof head + attenuators->size);
    struct sys_slot *slot = slot_of(p);
    uint8_t *at = size <= SYS_INLINE_BYTES ? slot->body.bytes : f->graph;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, attenuators->data, attenuators->size);
    slot->kind = SYS_CALL_derive;
    slot->length = size;
    slot->cookie = 0;
    if (at == f->graph) {
        slot->body.far.at = 0;
        slot->body.far.size = size;
    }
    sys_ring_guest_post(&f->ring);
    if (at == f->graph) {
        sim_hands_bell(&three, p);
    }
}

static uint32_t capabilities(void)
{
    return sys_caps_count(kern_core_caps(sim.core));
}

static void tick(void)
{
    uint64_t before = kern_core_tick(sim.core);
    for (uint32_t p = 0; p < PROCESSES; p++) {
        done(p);
    }
    ck_assert_str_eq(three.stopped, "");
    ck_assert_uint_eq(kern_core_tick(sim.core), before + 1);
}

/* Two ask, since what one may keep in /sec is less than a tick may make. */
#define TYPES 32u
START_TEST(more_capabilities_than_a_patch_holds)
{
    static struct jit_id ids[TYPES];
    const struct sys_id_set all = {.ids = ids, .count = TYPES};
    const struct sys_attenuators a = {
        .given = SYS_GIVEN_NODES | SYS_GIVEN_EDGES, .nodes = all, .edges = all};
    struct jit_buf bytes;
    for (uint32_t i = 0; i < TYPES; i++) {
        ids[i].bytes[0] = (uint8_t)i;
        ids[i].bytes[1] = 1;
    }
    begin(512u << 20);
    uint32_t before = capabilities();
    jit_buf_init(&bytes, jit_heap_libc(), SYS_ATTENUATORS_BYTES_MAX);
    sys_attenuators_encode(&a, &bytes);
    ck_assert_int_eq(bytes.err, JIT_OK);
    ck_assert_uint_eq(bytes.size, sys_attenuators_size(&a));
    for (uint32_t n = 0; n < KERN_SEC_ASKS_MAX; n++) {
        derive(0, n, &bytes);
        derive(1, n, &bytes);
    }
    tick();
    uint32_t made = capabilities() - before;
    ck_assert_uint_gt(made, KERN_SEC_MADE_BYTES_MAX / (bytes.size + 3072));
    ck_assert_uint_lt(made, KERN_SEC_MADE_BYTES_MAX / bytes.size);
    ck_assert_uint_lt(sim.last.patch_size, KERN_SEC_MADE_BYTES_MAX); /* 3,072 is not too few */
    derive(1, 0, &bytes); /* the next tick has room again */
    tick();
    ck_assert_uint_eq(capabilities() - before, made + 1);
    jit_buf_release(&bytes);
    end();
}
END_TEST

/* Each quota that is charged is written again, and each that is revoked, too. */
START_TEST(more_quotas_than_a_patch_holds)
{
    const struct sys_attenuators a = {.given = SYS_GIVEN_OPERATIONS, .operations = 7};
    struct jit_buf bytes;
    uint32_t nonce = 0;
    begin(512u << 20);
    uint32_t before = capabilities();
    jit_buf_init(&bytes, jit_heap_libc(), SYS_ATTENUATORS_BYTES_MAX);
    sys_attenuators_encode(&a, &bytes);
    ck_assert_uint_eq(bytes.size, sys_attenuators_size(&a));
    for (int ticks = 0; ticks < 5; ticks++) {
        for (uint32_t p = 0; p < PROCESSES; p++) {
            for (uint32_t n = 0; n < KERN_SEC_ASKS_MAX; n++) {
                derive(p, nonce++, &bytes);
            }
        }
        tick();
        ck_assert_uint_lt(sim.last.patch_size, KERN_SEC_MADE_BYTES_MAX);
    }
    ck_assert_uint_eq(capabilities() - before, KERN_SEC_QUOTAS_MAX);
    for (uint32_t p = 0; p < PROCESSES; p++) {
        for (uint32_t n = 0; n < KERN_SEC_ASKS_MAX; n++) {
            uint32_t slot = 2 + n; /* 0 and 1 are from the beginning */
            const struct sys_cap_node *node = sys_caps_node(
                kern_core_caps(sim.core), sys_caps_at(kern_core_caps(sim.core), p, slot));
            const struct sys_revoke revoke = {.cap_slot = slot,
                                              .cap_generation = node->cap.generation};
            ask_small(p, SYS_CALL_revoke, &revoke, sizeof revoke);
        }
    }
    tick();
    for (uint32_t swept = 0; swept < KERN_SEC_REVOKES_MAX; swept += KERN_SEC_SWEEP_MAX) {
        ck_assert_uint_eq(capabilities() - before,
                          KERN_SEC_QUOTAS_MAX - swept - KERN_SEC_SWEEP_MAX);
        tick();
    }
    ck_assert_uint_eq(capabilities() - before, KERN_SEC_QUOTAS_MAX - KERN_SEC_REVOKES_MAX);
    jit_buf_release(&bytes);
    end();
}
END_TEST

/* ---- the kernel's own ---- */

/* Whatever was granted: a process whose node had gone could not end any more, and the run did. */
START_TEST(no_rule_in_what_the_kernel_keeps)
{
    static const char *const places[] = {"/schema", "/sys", "/sec", "/proc"};
    char text[512];
    struct sys_boot_spec boot;
    const uint8_t status[4] = {0};
    snprintf(text, sizeof text,
             "system test\n"
             "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"
             "edge NEXT\n"
             "rule wipe\n"
             "  match (a)\n"
             "  detach delete a\n"
             "process w[3] run wipe apply all over shard(%s)\n"
             "grant w: map /world; invoke wipe on %s\n",
             places[_i], places[_i]);
    begin_with(text, 16u << 20);
    ck_assert_int_eq(kern_core_boot(sim.core, 0, &boot), JIT_OK);
    const struct sys_apply_view apply = {.cap_slot = boot.runs[0].cap_slot,
                                         .cap_generation = boot.runs[0].cap_generation,
                                         .rule = boot.runs[0].rule,
                                         .instance = boot.runs[0].instance,
                                         .ids = &kern_core_config(sim.core)->processes[2].id,
                                         .id_count = 1};
    uint8_t bytes[128];
    sys_apply_encode(&apply, bytes);
    ask_small(0, SYS_CALL_apply, bytes, (uint32_t)sys_apply_size(1, 0));
    tick();
    ck_assert_uint_eq(sim.last.counts[RMG_DENIED], 1);
    ask_small(2, SYS_CALL_exit, status, sizeof status);
    tick();
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "flood", 300);
    tcase_add_loop_test(t, more_requests_than_a_tick_may_have, 0, 2);
    tcase_add_test(t, more_capabilities_than_a_patch_holds);
    tcase_add_test(t, more_quotas_than_a_patch_holds);
    tcase_add_loop_test(t, no_rule_in_what_the_kernel_keeps, 0, 4);
}

TEST_MAIN("flood", suite)

/* Goal:   a worker's own side bears the refusal of any of its allocations: it says JIT_ENOMEM, has
 *         harmed nothing that it shares, leaves nothing behind, and with memory asks for what it
 *         would have asked for.
 * Method: a boot record and a view as the core makes them; the rules loader and the explorer over a
 *         ring in this process, which the test begins and empties; rows as of tests/lib/oom.h. */
#include <stdio.h>

#include "base/check.h"
#include "base/hash.h"
#include "proc/guest/explore.h"
#include "proc/guest/nest.h"
#include "tests/lib/oom.h"
#include "tests/lib/sim_kernel.h"
#include "tests/lib/tcase.h"

#define GRAPH_BYTES (1u << 20)
#define VIEW_BYTES  (1u << 20)
#define LAYER_BYTES (1u << 20)
#define CELLS       5u
#define KINDS       128u
#define TYPES                                                                                      \
    "system test\n"                                                                                \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT\n"

/* The cells lie behind the portal. */
static const struct sim_kernel_options inside = {
    .text = TYPES "import \"cells.csv\" into /world/hall\n"
                  "rule bump match (w), (a:Cell) in w.hall where a.state < 100 add a.hits, 1\n"
                  "process w run bump apply all over shard(/world)\n"
                  "grant w: map /world; invoke bump on /world\n",
    .cells = CELLS,
    .path = "/world/hall",
    .arena_bytes = VIEW_BYTES,
    .system_seed = 3};
static const struct sim_kernel_options futures = {
    .text = TYPES "rule up match (a:Cell) where chance(0.5) set a.state = a.state + 3\n"
                  "rule worth match (a:Cell) add a.hits, a.state\n"
                  "process w[1] explore 4 branches of up\n"
                  "  choose max(sum(worth)) over shard(/world)\n"
                  "grant w: map /world; write /world\n",
    .cells = CELLS,
    .arena_bytes = VIEW_BYTES,
    .system_seed = 3};

static struct fault_heap mem; /* the worker's */
static struct sim_kernel sim;
static struct jit_buf record;
static struct sys_boot_view boot;
static struct jit_id view_before;
static struct sys_ring_host host;
static _Alignas(4096) uint8_t ring_bytes[SYS_RING_BYTES];
static _Alignas(4096) uint8_t graph[GRAPH_BYTES];
static _Alignas(4096) uint8_t view[VIEW_BYTES + LAYER_BYTES]; /* its layer is the end of it */
static uint64_t asked[KINDS]; /* requests of each kind in the last tick */

/* ---- what it is born with ---- */

static void begin(struct oom *oom, const struct sim_kernel_options *options)
{
    struct sys_boot_spec spec;
    mem = fault_heap_make(-1, false);
    sim_kernel_init(&sim, jit_heap_libc(), options);
    ck_assert_int_eq(kern_core_boot(sim.core, 0, &spec), JIT_OK);
    ck_assert_uint_eq(sim.view_bytes, VIEW_BYTES);
    memcpy(view, sim.view_base, VIEW_BYTES);
    memset(view + VIEW_BYTES, 0, LAYER_BYTES);
    spec.view_bytes = sizeof view;
    spec.graph_bytes = GRAPH_BYTES;
    spec.graph_bytes_max = GRAPH_BYTES;
    spec.heap_bytes = 1u << 24;
    jit_buf_init(&record, jit_heap_libc(), SYS_BOOT_BYTES_MAX);
    ck_assert_int_eq(sys_boot_encode(&spec, &record), JIT_OK);
    ck_assert_int_eq(sys_boot_decode(record.data, record.size, &boot), JIT_OK);
    jit_hash(view, VIEW_BYTES, &view_before);
    oom->mem = &mem;
}

static void begin_inside(struct oom *oom)
{
    begin(oom, &inside);
}

static void begin_futures(struct oom *oom)
{
    begin(oom, &futures);
}

static void whole(struct oom *oom)
{
    struct jit_id now;
    (void)oom;
    jit_hash(view, VIEW_BYTES, &now);
    ck_assert_msg(jit_id_equal(&now, &view_before), "the view is another");
}

static void end(struct oom *oom)
{
    (void)oom;
    jit_buf_release(&record);
    sim_kernel_release(&sim);
}

/* ---- the other side of its ring ---- */

static void no_wait(void *user, uint32_t *word, uint32_t value)
{
    (void)user, (void)word, (void)value;
    ck_abort_msg("its tick has begun and its ring has room: it has nothing to wait for");
}

static void no_wake(void *user, uint32_t *word)
{
    (void)user, (void)word;
}

static void ring_begin(struct sys_ring_guest *ring)
{
    static const uint64_t no_counts[SYS_RING_COUNTS];
    const struct sys_ring_memory memory = {.base = ring_bytes, .size = SYS_RING_BYTES};
    memset(ring_bytes, 0, sizeof ring_bytes);
    memset(graph, 0, sizeof graph);
    sys_ring_host_init(&host, &memory);
    sys_ring_host_begin(&host, boot.head.start_tick, no_counts);
    *ring = (struct sys_ring_guest){.memory = memory, .wait = no_wait, .wake = no_wake};
}

/* All it has asked for, in its order, and that it is done. */
static void ring_hash(struct jit_id *out)
{
    struct sys_slot slot;
    struct jit_hasher hasher;
    jit_hasher_init(&hasher);
    memset(asked, 0, sizeof asked);
    ck_assert_int_eq(sys_ring_host_done(&host), 1);
    while (sys_ring_host_take(&host, &slot) == 1) {
        uint64_t at = 0;
        const uint8_t *bytes = slot.body.bytes;
        if (slot.length > SYS_INLINE_BYTES) {
            ck_assert_int_eq(sys_ring_far(&slot, GRAPH_BYTES, &at), JIT_OK);
            bytes = graph + at;
        }
        ck_assert_uint_lt(slot.kind, KINDS);
        asked[slot.kind]++;
        jit_hasher_update(&hasher, &slot.kind, sizeof slot.kind);
        jit_hasher_update(&hasher, bytes, slot.length);
    }
    jit_hasher_final(&hasher, out);
}

static struct guest_loop_options loop_options(struct sys_ring_guest *ring)
{
    return (struct guest_loop_options){
        .heap = &mem.heap,
        .boot = &boot,
        .ring = ring,
        .view = {.base = view, .size_max = sizeof view},
        .graph = graph,
        .graph_size = GRAPH_BYTES,
    };
}

/* ---- rows ---- */

static enum jit_err run_nest(struct oom *oom)
{
    struct guest_nest nest = {.count = 0};
    struct sys_view_guest guest = {.base = view, .size_max = sizeof view};
    ck_assert_int_eq(sys_view_guest_open(&guest), JIT_OK);
    enum jit_err err = guest_nest_init(&nest, &mem.heap, &guest);
    if (err == JIT_OK) {
        struct jit_id hall;
        struct jit_id node;
        struct rmg_graph found;
        kern_place_id("/world/hall", &hall, &node);
        ck_assert_int_eq(nest.nest.enter(nest.nest.user, &hall, &found, &node), JIT_OK);
        oom->result = hall;
    }
    guest_nest_release(&nest, &mem.heap);
    return err;
}

static enum jit_err run_loop(struct oom *oom)
{
    struct sys_ring_guest ring;
    struct guest_loop *loop = NULL;
    ring_begin(&ring);
    const struct guest_loop_options options = loop_options(&ring);
    enum jit_err err = guest_loop_new(&options, &loop);
    if (err == JIT_OK) {
        err = guest_loop_tick(loop);
    }
    if (err == JIT_OK) {
        ring_hash(&oom->result);
        ck_assert_uint_eq(asked[SYS_CALL_apply], CELLS);
    }
    guest_loop_free(loop);
    return err;
}

static enum jit_err run_explore(struct oom *oom)
{
    struct sys_ring_guest ring;
    struct guest_loop *loop = NULL;
    struct guest_space *space = NULL;
    struct guest_explore *explore = NULL;
    ring_begin(&ring);
    const struct guest_loop_options options = loop_options(&ring);
    const struct guest_space_options space_options = {.heap = &mem.heap,
                                                      .boot = &boot,
                                                      .view = options.view,
                                                      .layer = view + VIEW_BYTES,
                                                      .layer_bytes = LAYER_BYTES};
    enum jit_err err = guest_loop_new(&options, &loop);
    if (err == JIT_OK) {
        struct guest_space_options with = space_options;
        with.loop = loop;
        err = guest_space_new(&with, &space);
    }
    if (err == JIT_OK) {
        err = guest_explore_new(&mem.heap, &boot, loop, space, &explore);
    }
    if (err == JIT_OK) {
        err = guest_explore_tick(explore);
    }
    if (err == JIT_OK) {
        ring_hash(&oom->result);
        ck_assert_uint_eq(asked[SYS_CALL_collapse], 1);
    }
    guest_explore_free(explore);
    guest_space_free(space);
    guest_loop_free(loop);
    return err;
}

static const struct oom_row rows[] = {
    {"guest_nest_init", begin_inside, run_nest, whole, end, false, false},
    {"guest_loop_tick, behind a portal", begin_inside, run_loop, whole, end, false, false},
    {"guest_explore_tick", begin_futures, run_explore, whole, end, false, false},
};
#define ROWS (int)(sizeof rows / sizeof rows[0])

START_TEST(refused) /* _i = row */
{
    struct oom_count count = {.operations = 0};
    oom_try(&rows[_i], &count);
    printf("%s: %llu refusals, %llu of them borne\n", rows[_i].name,
           (unsigned long long)count.refusals, (unsigned long long)count.borne);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "refused", 120);
    tcase_add_loop_test(t, refused, 0, ROWS);
}

TEST_MAIN("a worker without memory", suite)

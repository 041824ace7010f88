/* Goal:   jitos-loader as a process in the sandbox: it maps, locks down, searches the view and asks
 *         through the real ring; after a kill a new one does the same; what is wrong is its exit
 *         status.
 * Method: start it by host_spawn over memfds as the supervisor does, be its kernel by hand. In a
 *         sanitizer build the sandbox is a null one and the rest is the same. */
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "proc/host/memory.h"
#include "proc/host/spawn.h"
#include "rmg/rules/rule.h"
#include "rmg/store/store.h"
#include "syscall/boot.h"
#include "syscall/decode.h"
#include "syscall/ring.h"
#include "syscall/view.h"
#include "tests/lib/tcase.h"

#define SKIPPED    77
#define NODES      5000u /* more than the ring has slots */
#define VIEW_BYTES (64ull << 20)
#define PATIENCE   60.0

static struct host_probe probe;
static struct host_loader loader = HOST_LOADER_NONE;
static struct host_filter start_filter, final_filter;
static struct host_memory ring, graph, view, program;
static struct host_child child = HOST_CHILD_NONE;
static struct jit_buf record, rule_program;
static struct sys_ring_host end;
static struct sys_view_host published;
static struct rmg_arena arena;
static struct rmg_store *store;
static struct rmg_version version;
static struct jit_id instance, root_node, type, other_type;
static uint64_t entry_offset;
static bool asked[NODES];

static struct jit_id node_id(uint32_t n)
{
    struct jit_id id;
    jit_hash_named("node:", &n, sizeof n, &id);
    memcpy(id.bytes + 28, &n, sizeof n);
    return id;
}

static enum jit_err grow(struct rmg_arena *grown, uint64_t size_min)
{
    enum jit_err err = host_memory_extend(&view, size_min);
    grown->size = view.size;
    return err;
}

static void publish(uint64_t tick)
{
    struct rmg_instance found;
    ck_assert_int_eq(rmg_store_instance(store, &version, &instance, &found), JIT_OK);
    sys_view_host_publish(&published, tick, view.size, &found.roots, 1);
}

static void make_world(void)
{
    struct rmg_tx *tx;
    uint32_t index;
    jit_hash_named("type:", "T", 1, &type);
    jit_hash_named("type:", "U", 1, &other_type);
    jit_hash_named("warp:", "/world", 6, &instance);
    jit_hash_named("node:", "/world", 6, &root_node);
    rmg_arena_init(&arena, view.base, view.size, view.size_max, SYS_VIEW_HEADER_BYTES);
    arena.grow = grow;
    const struct rmg_store_options options = {.arenas = {&arena}, .arena_count = 1};
    ck_assert_int_eq(rmg_store_new(jit_heap_libc(), &options, &store), JIT_OK);
    version = rmg_version_empty();
    ck_assert_int_eq(rmg_tx_begin(store, &version, &tx), JIT_OK);
    ck_assert_int_eq(rmg_tx_upsert_instance(tx, &instance, &root_node, NULL), JIT_OK);
    ck_assert_int_eq(rmg_tx_upsert_node(tx, &instance, &root_node, &other_type), JIT_OK);
    for (uint32_t n = 0; n < NODES; n++) {
        struct jit_id id = node_id(n);
        if (rmg_tx_upsert_node(tx, &instance, &id, &type) != JIT_OK) {
            ck_abort_msg("node %u", n);
        }
    }
    ck_assert_int_eq(rmg_tx_seal(tx, &version), JIT_OK);
    sys_view_host_init(&published, view.base, view.size_max);
    ck_assert_int_eq(sys_view_host_entry(&published, &instance, &index, &entry_offset), JIT_OK);
    publish(0);
}

/* match (a:T) set a.x = 1 */
static void make_rule(void)
{
    static const uint8_t code[] = {RMG_EXPR_CONST, 0, 0};
    struct rmg_rule_element element = {.typed = true, .type = type};
    struct rmg_datum constant = {.codec = RMG_CODEC_I64, .as.i64 = 1};
    struct rmg_rule_update update = {.kind = RMG_UPDATE_SET,
                                     .codec = RMG_CODEC_I64,
                                     .name_size = 1,
                                     .name = "x",
                                     .expr = {code, sizeof code}};
    const struct rmg_rule rule = {.name = "mark",
                                  .elements = &element,
                                  .element_count = 1,
                                  .constants = &constant,
                                  .constant_count = 1,
                                  .updates = &update,
                                  .update_count = 1};
    jit_buf_init(&rule_program, jit_heap_libc(), JIT_PROGRAM_BYTES_MAX);
    ck_assert_int_eq(rmg_rule_encode(&rule, &rule_program), JIT_OK);
}

static void make_record(void)
{
    const struct sys_boot_instance row = {.id = instance, .view_offset = entry_offset};
    const struct sys_bytes rule = {rule_program.data, rule_program.size};
    const struct sys_boot_run_spec run = {.mode = SYS_APPLY_ALL, .cap_slot = SYS_NONE};
    struct sys_boot_spec spec = {
        .count = 1,
        .start_tick = 1,
        .view_bytes = view.size_max,
        .graph_bytes = graph.size,
        .instances = &row,
        .instance_count = 1,
        .rules = &rule,
        .rule_count = 1,
        .runs = &run,
        .run_count = 1,
        .filter = {(const uint8_t *)&final_filter, host_filter_size(&final_filter)}};
    memset(&spec.process, 1, sizeof spec.process);
    jit_buf_init(&record, jit_heap_libc(), SYS_BOOT_BYTES_MAX);
    ck_assert_int_eq(sys_boot_encode(&spec, &record), JIT_OK);
}

static void setup(void)
{
    ck_assert_int_eq(host_memory_create(HOST_VIEW, SYS_VIEW_EXTENT_BYTES, VIEW_BYTES, &view),
                     JIT_OK);
    ck_assert_int_eq(
        host_memory_create(HOST_GRAPH, SYS_GRAPH_BYTES_MIN, SYS_GRAPH_BYTES_MIN, &graph), JIT_OK);
    make_world();
    make_rule();
    make_record();
}

static void reap(void)
{
    struct host_exit how;
    host_child_kill(&child);
    ck_assert_int_eq(host_child_reap(&child, true, &how), JIT_OK);
    host_memory_close(&ring);
    host_memory_close(&program);
}

static void teardown(void)
{
    if (child.pidfd >= 0) {
        reap();
    }
    rmg_store_free(store);
    jit_buf_release(&record);
    jit_buf_release(&rule_program);
    host_memory_close(&graph);
    host_memory_close(&view);
}

/* laid_out: else the ring stays as a spawn leaves it. */
static void start(bool laid_out)
{
    struct host_fault fault;
    ck_assert_int_eq(host_memory_create(HOST_RING, SYS_RING_BYTES, SYS_RING_BYTES, &ring), JIT_OK);
    ck_assert_int_eq(host_memory_program(record.data, record.size, &program), JIT_OK);
    const struct sys_ring_memory memory = {.base = ring.base, .size = SYS_RING_BYTES};
    if (laid_out) {
        sys_ring_host_init(&end, &memory);
    }
    const struct host_spawn_spec spec = {
        .probe = &probe,
        .loader = &loader,
        .start = &start_filter,
        .ring_fd = ring.fd_worker,
        .graph_fd = graph.fd_worker,
        .view_fd = view.fd_worker,
        .program_fd = program.fd_worker,
        .slot = 5,
        .sched = HOST_SCHED_BATCH,
        .shared_bytes_max = ring.size_max + graph.size_max + view.size_max + program.size_max,
        .heap_bytes = 64u << 20,
        .stack_bytes = 1u << 20,
    };
    enum jit_err err = host_spawn(&spec, &child, &fault);
    ck_assert_msg(err == JIT_OK, "%s: %s", jit_err_name(err), fault.text);
    if (!laid_out) { /* the worker is up, finds no ring, and sleeps */
        const uint8_t *sleeping =
            ring.base + SYS_RING_WORKER_OFFSET + offsetof(struct sys_ring_worker, sleeping);
        while (__atomic_load_n((const uint32_t *)(const void *)sleeping, __ATOMIC_ACQUIRE) == 0) {
            struct pollfd ended = {.fd = child.pidfd, .events = POLLIN};
            ck_assert_msg(poll(&ended, 1, 1) == 0, "the worker ended");
        }
        sys_ring_host_init(&end, &memory);
    }
}

static void wake(void)
{
    if (sys_ring_host_ring(&end)) {
        (void)syscall(SYS_futex, sys_ring_host_call(&end), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

/* Begin a tick and take all requests until done: how many there were. */
static uint32_t run_tick(uint64_t tick)
{
    static const uint64_t no_counts[SYS_RING_COUNTS];
    const struct timespec slice = {1, 0};
    uint32_t count = 0;
    memset(asked, 0, sizeof asked);
    sys_ring_host_begin(&end, tick, no_counts);
    wake();
    for (;;) {
        struct sys_slot slot;
        struct sys_request request;
        uint32_t seen = sys_ring_host_bell_value(&end);
        int done = sys_ring_host_done(&end);
        ck_assert_int_ge(done, 0);
        uint32_t before = count;
        while (sys_ring_host_take(&end, &slot) == 1) {
            uint32_t n = NODES;
            if (sys_decode(&slot, slot.body.bytes, slot.length, &request) == JIT_OK &&
                request.row->number == SYS_CALL_apply && request.body.apply.id_count == 1) {
                memcpy(&n, request.body.apply.ids[0].bytes + 28, sizeof n);
            }
            if (n >= NODES || asked[n]) {
                ck_abort_msg("request %u is not one of ours, or comes twice", count);
            }
            asked[n] = true;
            count++;
        }
        sys_ring_host_release(&end);
        if (done == 1) {
            return count;
        }
        if (count != before) {
            wake();
        }
        struct pollfd ended = {.fd = child.pidfd, .events = POLLIN};
        ck_assert_msg(poll(&ended, 1, 0) == 0, "the worker ended");
        sys_ring_host_announce(&end, true);
        (void)syscall(SYS_futex, sys_ring_host_bell(&end), FUTEX_WAIT, seen, &slice, NULL, 0);
        sys_ring_host_announce(&end, false);
    }
}

static void delete_node(uint32_t n)
{
    struct rmg_tx *tx;
    struct jit_id id = node_id(n);
    struct rmg_version before = version;
    ck_assert_int_eq(rmg_store_pin(store, &before), JIT_OK); /* the worker compares with it */
    ck_assert_int_eq(rmg_tx_begin(store, &version, &tx), JIT_OK);
    ck_assert_int_eq(rmg_tx_delete_node(tx, &instance, &id), JIT_OK);
    ck_assert_int_eq(rmg_tx_seal(tx, &version), JIT_OK);
}

START_TEST(asks_and_asks_again)
{
    start(false);
    ck_assert_uint_eq(run_tick(1), NODES);
    for (uint32_t tick = 2; tick < 10; tick++) {
        delete_node(tick);
        publish(tick - 1);
        ck_assert_uint_eq(run_tick(tick), NODES - (tick - 1));
        ck_assert(!asked[tick]);
        ck_assert(asked[tick + 1]);
    }
    reap();
    start(true); /* knows nothing, and asks for the very same */
    ck_assert_int_eq(sys_ring_host_done(&end), 0);
    publish(9);
    ck_assert_uint_eq(run_tick(10), NODES - 8);
}
END_TEST

static int exit_code(void)
{
    struct host_exit how;
    struct pollfd ended = {.fd = child.pidfd, .events = POLLIN};
    ck_assert_int_eq(poll(&ended, 1, (int)(PATIENCE * 500)), 1);
    ck_assert_int_eq(host_child_reap(&child, false, &how), JIT_OK);
    ck_assert_msg(!how.killed, "%s", how.text);
    host_memory_close(&ring);
    host_memory_close(&program);
    return how.code;
}

START_TEST(exits_with_a_reason)
{
    static const uint64_t no_counts[SYS_RING_COUNTS];
    record.data[0] ^= 1; /* magic */
    start(true);
    ck_assert_int_eq(exit_code(), SYS_EXIT_BOOT);
    record.data[0] ^= 1;

    struct sys_boot_view boot;
    ck_assert_int_eq(sys_boot_decode(record.data, record.size, &boot), JIT_OK);
    size_t at = (size_t)(sys_boot_rule_at(&boot, 0).bytes - record.data);
    record.data[at] ^= 1;
    start(true);
    ck_assert_int_eq(exit_code(), SYS_EXIT_PROGRAM);
    record.data[at] ^= 1;

    start(true);
    uint32_t nowhere = UINT32_MAX;
    memcpy(view.base + entry_offset + offsetof(struct sys_view_entry, roots), &nowhere,
           sizeof nowhere);
    sys_ring_host_begin(&end, 1, no_counts);
    wake();
    ck_assert_int_eq(exit_code(), SYS_EXIT_DAMAGED);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "loader", PATIENCE);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, asks_and_asks_again);
    tcase_add_test(t, exits_with_a_reason);
}

int main(void)
{
    char message[512];
    host_probe(&probe);
    if (host_probe_check(&probe, message, sizeof message) != JIT_OK) {
        (void)printf("skipped: %s\n", message);
        return getenv("JIT_MUST_WORK") != NULL ? EXIT_FAILURE : SKIPPED;
    }
    if (host_filter_build(HOST_FILTER_START, &start_filter) != JIT_OK ||
        host_filter_build(HOST_FILTER_FINAL, &final_filter) != JIT_OK ||
        host_loader_open("proc/guest/jitos-loader", &loader, &(const char *){NULL}) != JIT_OK) {
        (void)printf("cannot make the filters or open proc/guest/jitos-loader\n");
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("loader");
    suite(s);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    host_loader_close(&loader);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Goal:   what the kernel publishes a worker reads, whole and at the version it asked for; nonsense
 *         in the control pages is an error.
 * Method: versions one after another compared with what was published; the limit of entries and one
 *         past it; each broken word by a row; random control pages. */
#include "syscall/view.h"

#include <stddef.h>

#include "base/random.h"
#include "tests/lib/tcase.h"

#define SIZE (1u << 20)
static _Alignas(4096) uint8_t memory[SIZE];
static struct sys_view_host host;
static struct sys_view_guest guest;
static struct jit_id ids[SYS_VIEW_ENTRIES_MAX + 1];

static void setup(void)
{
    memset(memory, 0, sizeof memory);
    for (uint32_t i = 0; i < SYS_VIEW_ENTRIES_MAX + 1; i++) {
        memset(&ids[i], 0x5a, sizeof ids[i]);
        memcpy(ids[i].bytes, &i, sizeof i);
    }
    sys_view_host_init(&host, memory, SIZE);
    guest = (struct sys_view_guest){.base = memory, .size_max = SIZE};
}

static struct rmg_roots roots_of(uint64_t tick, uint32_t entry)
{
    struct rmg_roots roots = {.node_count = tick * 1000 + entry, .edge_count = tick};
    for (uint32_t i = 0; i < RMG_MAPS; i++) {
        roots.ref[i] = i == 3 ? 0 : SYS_VIEW_HEADER_BYTES / 16 + (uint32_t)tick + entry * 8 + i;
    }
    return roots;
}

START_TEST(publish_and_read)
{
    uint32_t index;
    uint64_t offsets[3];
    struct rmg_roots roots[3];
    struct rmg_graph graph;
    ck_assert_int_eq(sys_view_guest_open(&guest), JIT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(sys_view_host_entry(&host, &ids[i], &index, &offsets[i]), JIT_OK);
        ck_assert_uint_eq(index, i);
    }
    ck_assert_int_eq(sys_view_host_entry(&host, &ids[1], &index, &offsets[1]), JIT_OK);
    ck_assert_uint_eq(index, 1); /* found, not made */
    for (uint64_t tick = 7; tick < 20; tick++) {
        uint64_t size = SYS_VIEW_HEADER_BYTES + tick * 4096;
        for (uint32_t i = 0; i < 3; i++) {
            roots[i] = roots_of(tick, i);
        }
        sys_view_host_oldest(&host, tick - 3);
        sys_view_host_publish(&host, tick, size, roots, 3);
        sys_view_host_durable(&host, tick - 2);
        ck_assert_uint_eq(sys_view_guest_oldest(&guest), tick - 3);
        ck_assert_uint_eq(sys_view_guest_tick(&guest), tick);
        ck_assert_uint_eq(sys_view_guest_durable(&guest), tick - 2);
        for (uint32_t i = 0; i < 3; i++) {
            ck_assert_int_eq(sys_view_guest_graph(&guest, offsets[i], &ids[i], tick, &graph),
                             JIT_OK);
            ck_assert_mem_eq(&graph.roots, &roots[i], sizeof roots[i]);
            ck_assert_ptr_eq(graph.mem.base, memory);
            ck_assert_uint_eq(graph.mem.size, size);
            ck_assert(jit_id_equal(&graph.instance, &ids[i]));
            ck_assert_int_eq(sys_view_guest_graph(&guest, offsets[i], &ids[i], tick - 1, &graph),
                             JIT_ESTALE);
            ck_assert_int_eq(sys_view_guest_graph(&guest, offsets[i], &ids[i], tick + 1, &graph),
                             JIT_ESTALE);
            ck_assert_int_eq(
                sys_view_guest_graph(&guest, offsets[i], &ids[(i + 1) % 3], tick, &graph),
                JIT_ENOENT);
        }
    }
}
END_TEST

START_TEST(entries_to_the_limit)
{
    uint32_t index;
    uint64_t offset = 0;
    static struct rmg_roots roots[SYS_VIEW_ENTRIES_MAX];
    struct rmg_graph graph;
    for (uint32_t i = 0; i < SYS_VIEW_ENTRIES_MAX; i++) {
        ck_assert_int_eq(sys_view_host_entry(&host, &ids[i], &index, &offset), JIT_OK);
        roots[i] = roots_of(1, i);
    }
    ck_assert_uint_le(offset + sizeof(struct sys_view_entry), SYS_VIEW_HEADER_BYTES);
    ck_assert_int_eq(sys_view_host_entry(&host, &ids[SYS_VIEW_ENTRIES_MAX], &index, &offset),
                     JIT_ELIMIT);
    ck_assert_int_eq(sys_view_host_entry(&host, &ids[510], &index, &offset), JIT_OK);
    sys_view_host_publish(&host, 1, SIZE, roots, SYS_VIEW_ENTRIES_MAX);
    ck_assert_int_eq(sys_view_guest_graph(&guest, offset, &ids[510], 1, &graph), JIT_OK);
    ck_assert_uint_eq(graph.roots.node_count, 1510);
}
END_TEST

static const struct {
    size_t at;
    uint64_t value;
    enum jit_err err;
} open_rows[] = {
    {0, 0, JIT_EFORMAT},                                                     /* magic and version */
    {0, SYS_VIEW_MAGIC | 2ull << 32, JIT_EVERSION},                          /* major 2 */
    {0, SYS_VIEW_MAGIC | 1ull << 32 | 9ull << 48, JIT_OK},                   /* minor 9 */
    {offsetof(struct sys_view_control, size_max), SIZE + 4096, JIT_EFORMAT}, /* not mapped */
};

START_TEST(open_broken) /* _i = row */
{
    memcpy(memory + open_rows[_i].at, &open_rows[_i].value, 8);
    ck_assert_int_eq(sys_view_guest_open(&guest), open_rows[_i].err);
}
END_TEST

START_TEST(read_broken)
{
    uint32_t index;
    uint64_t offset;
    struct rmg_graph graph;
    const uint64_t offsets[] = {
        0, 64, 127, 132, SYS_VIEW_HEADER_BYTES - 127, SYS_VIEW_HEADER_BYTES, UINT64_MAX};
    const uint64_t sizes[] = {0, SYS_VIEW_HEADER_BYTES - 1, SIZE + 1, UINT64_MAX};
    const uint32_t refs[] = {1, SYS_VIEW_HEADER_BYTES / 16 - 1, SIZE / 16, UINT32_MAX};
    struct rmg_roots roots = roots_of(1, 0);
    ck_assert_int_eq(sys_view_host_entry(&host, &ids[0], &index, &offset), JIT_OK);
    sys_view_host_publish(&host, 1, SIZE, &roots, 1);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        ck_assert_int_eq(sys_view_guest_graph(&guest, offsets[i], &ids[0], 1, &graph), JIT_ENOENT);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memcpy(memory + offsetof(struct sys_view_control, size), &sizes[i], 8);
        ck_assert_int_eq(sys_view_guest_graph(&guest, offset, &ids[0], 1, &graph), JIT_ECORRUPT);
    }
    uint64_t size = SIZE;
    memcpy(memory + offsetof(struct sys_view_control, size), &size, 8);
    ck_assert_int_eq(sys_view_guest_graph(&guest, offset, &ids[0], 1, &graph), JIT_OK);
    for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
        uint8_t *place = memory + offset + offsetof(struct sys_view_entry, roots) +
                         sizeof(struct sys_view_roots) + 4 * i;
        memcpy(place, &refs[i], 4);
        ck_assert_int_eq(sys_view_guest_graph(&guest, offset, &ids[0], 1, &graph), JIT_ECORRUPT);
        memcpy(place, &roots.ref[i], 4);
    }
}
END_TEST

START_TEST(random_pages) /* _i = seed: an answer, and what it gives lies within the map */
{
    struct jit_random random = jit_random_of((uint64_t)_i);
    uint32_t index;
    uint64_t offset;
    struct rmg_graph graph;
    struct rmg_roots roots = roots_of(1, 0);
    bool sound = true;
    ck_assert_int_eq(sys_view_host_entry(&host, &ids[0], &index, &offset), JIT_OK);
    for (int round = 0; round < 2000; round++) {
        sys_view_host_init(&host, memory, SIZE);
        ck_assert_int_eq(sys_view_host_entry(&host, &ids[0], &index, &offset), JIT_OK);
        sys_view_host_publish(&host, 1, SIZE, &roots, 1);
        for (int n = 0; n < 3; n++) {
            uint64_t at = jit_random_below(&random, sizeof(struct sys_view_control) +
                                                        sizeof(struct sys_view_entry));
            memory[at] = (uint8_t)jit_random_next(&random);
        }
        if (sys_view_guest_graph(&guest, offset, &ids[0], 1, &graph) == JIT_OK) {
            sound = sound && graph.mem.size <= SIZE;
            for (uint32_t i = 0; i < RMG_MAPS; i++) {
                sound = sound && (uint64_t)graph.roots.ref[i] * 16 < graph.mem.size;
            }
        }
    }
    ck_assert(sound);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "view", 30);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, publish_and_read);
    tcase_add_test(t, entries_to_the_limit);
    tcase_add_loop_test(t, open_broken, 0, sizeof open_rows / sizeof open_rows[0]);
    tcase_add_test(t, read_broken);
    tcase_add_loop_test(t, random_pages, 1, 4);
}

TEST_MAIN("view", suite)

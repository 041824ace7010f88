/* Goal:   one state has one .rmg file; whatever else is in a file is refused, by section and byte,
 *         and costs no more memory than the file itself is large.
 * Method: random states with nested instances over ids of every kind, there and back; then every
 *         truncation, every flipped byte, every refused allocation, and claims without substance.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/le.h"
#include "rmg/file/file.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define ARENA_BYTES (8u << 20)

static struct world world;
static struct jit_buf file_bytes;

static enum jit_err to_buf(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

/* A random state in world; returns how many instances it has. */
static uint64_t grow(enum world_ids kind, uint64_t seed, unsigned transactions)
{
    world_begin(&world, kind, seed, ARENA_BYTES);
    for (unsigned t = 0; t < transactions; t++) {
        struct naive_state next = naive_copy(&world.model);
        struct rmg_tx *tx = NULL;
        must(rmg_tx_begin(world.store, &world.version, &tx));
        for (uint64_t i = 0; i < 20; i++) {
            (void)world_step(&world, tx, &next);
        }
        if (rmg_tx_seal(tx, &world.version) == JIT_OK) {
            naive_release(&world.model);
            world.model = next;
        } else {
            naive_release(&next);
        }
    }
    return world.version.instance_count;
}

static void write_file(void)
{
    uint64_t size = 0;
    jit_buf_init(&file_bytes, jit_heap_libc(), 64u << 20);
    must(rmg_file_write(&world.heap.heap, world.store, &world.version, to_buf, &file_bytes, &size));
    ck_assert_uint_eq(size, file_bytes.size);
}

struct target {
    struct fault_heap mem;
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version version;
};

/* Open and load into a store of its own. The fault heap serves the load only. */
static enum jit_err load(const uint8_t *bytes, uint64_t size, int64_t refuse_at,
                         struct target *target, struct rmg_file_fault *fault)
{
    struct rmg_file file;
    struct rmg_store_options options = {.arena_count = 1};
    must(rmg_arena_new(jit_heap_libc(), ARENA_BYTES, &target->arena));
    options.arenas[0] = target->arena;
    must(rmg_store_new(jit_heap_libc(), &options, &target->store));
    target->mem = fault_heap_make(refuse_at, false);
    *fault = (struct rmg_file_fault){0};
    enum jit_err err = rmg_file_open(bytes, size, &file, fault);
    if (err == JIT_OK) {
        err = rmg_file_load(&target->mem.heap, &file, target->store, &target->version, fault);
    }
    ck_assert_int_eq(target->mem.live, 0);
    return err;
}

static void drop(struct target *target)
{
    rmg_store_free(target->store);
    rmg_arena_free(jit_heap_libc(), target->arena);
}

START_TEST(there_and_back) /* _i: kind and seed */
{
    struct target target;
    struct rmg_file_fault fault;
    struct jit_buf again;
    grow((enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, 60);
    write_file();
    enum jit_err err = load(file_bytes.data, file_bytes.size, -1, &target, &fault);
    ck_assert_msg(err == JIT_OK, "%d: %s: %s %lu: %s", _i, jit_err_text(err), fault.section,
                  (unsigned long)fault.index, fault.what);
    ck_assert(jit_id_equal(&target.version.state_root, &world.version.state_root));
    jit_buf_init(&again, jit_heap_libc(), 64u << 20);
    must(rmg_file_write(jit_heap_libc(), target.store, &target.version, to_buf, &again, NULL));
    ck_assert_uint_eq(again.size, file_bytes.size);
    ck_assert_mem_eq(again.data, file_bytes.data, again.size);
    jit_buf_release(&again);
    drop(&target);
    jit_buf_release(&file_bytes);
    world_end(&world);
    ck_assert_int_eq(world.heap.live, 0);
}
END_TEST

/* The unverified handle says what is there. */
static void compare_records(void)
{
    struct rmg_file file;
    struct rmg_instance in;
    uint64_t at;
    must(rmg_file_open(file_bytes.data, file_bytes.size, &file, NULL));
    ck_assert_uint_eq(file.instance_count, world.version.instance_count);
    at = rmg_file_blocks(&file);
    const struct jit_id *after = NULL;
    struct rmg_file_instance block;
    for (uint64_t i = 0; i < file.instance_count; i++, at = block.next) {
        must(rmg_file_instance_at(&file, at, &block));
        must(rmg_store_next(world.store, &world.version, after, &in));
        ck_assert(jit_id_equal(&block.id, &in.id) && jit_id_equal(&block.root_node, &in.root_node));
        ck_assert_int_eq(block.parent.present, in.parent.present);
        ck_assert_uint_eq(block.node_count, in.roots.node_count);
        ck_assert_uint_eq(block.edge_count, in.roots.edge_count);
        after = &block.id;
        struct rmg_graph graph;
        rmg_store_graph(world.store, &in, &graph);
        for (uint64_t n = 0; n < block.node_count; n++) {
            struct rmg_file_node node;
            struct rmg_file_payload payload;
            struct rmg_attachment attachment;
            struct jit_id type;
            uint64_t degree = 0;
            must(rmg_file_node_at(&file, block.first_node + n, &node));
            must(rmg_node_type(&graph, &node.id, &type));
            must(rmg_degree(&graph, &node.id, RMG_DIR_OUT, NULL, &degree));
            ck_assert(jit_id_equal(&type, &node.type));
            ck_assert_uint_eq(degree, node.edge_count);
            must(rmg_file_payload_at(&file, node.payload_offset, node.payload_size, &payload));
            enum jit_err err;
            while ((err = rmg_file_payload_next(&payload, &attachment)) == JIT_OK) {
                struct rmg_value value;
                must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &node.id, attachment.name,
                                        attachment.name_size, &value));
                ck_assert_int_eq(value.kind, attachment.value.kind);
                ck_assert_uint_eq(value.size, attachment.value.size);
            }
            ck_assert_int_eq(err, JIT_ENOENT);
        }
        struct jit_id kept = block.id;
        world.nodes[0] = kept; /* scratch that outlives the block */
        after = &world.nodes[0];
    }
    struct rmg_file_node node;
    struct rmg_file_edge edge;
    ck_assert_int_eq(rmg_file_node_at(&file, file.node_count, &node), JIT_ENOENT);
    ck_assert_int_eq(rmg_file_edge_at(&file, file.edge_count, &edge), JIT_ENOENT);
    ck_assert_int_eq(rmg_file_node_at(&file, UINT64_MAX, &node), JIT_ENOENT);
}

START_TEST(records_unverified)
{
    ck_assert_uint_gt(grow(WORLD_RANDOM, 7, 60), 1);
    write_file();
    compare_records();
    jit_buf_release(&file_bytes);
    world_end(&world);
}
END_TEST

/* A state that is small and yet has everything: instances, portals, atoms, edges. */
static void small(void)
{
    for (uint64_t seed = 1;; seed++) {
        ck_assert_uint_lt(seed, 200);
        uint64_t instances = grow(WORLD_RANDOM, seed, 3);
        write_file();
        if (instances >= 2 && file_bytes.size < 9000) {
            return;
        }
        jit_buf_release(&file_bytes);
        world_end(&world);
    }
}

START_TEST(every_truncation)
{
    small();
    for (size_t keep = 0; keep < file_bytes.size; keep++) {
        struct rmg_file file;
        struct rmg_file_fault fault = {0};
        uint8_t *exact = malloc(keep + 1);
        memcpy(exact, file_bytes.data, keep);
        exact = realloc(exact, keep > 0 ? keep : 1);
        enum jit_err err = rmg_file_open(exact, keep, &file, &fault);
        ck_assert_int_eq(err, keep < 4 ? JIT_EFORMAT : JIT_ECORRUPT);
        ck_assert_ptr_nonnull(fault.what);
        free(exact);
    }
    jit_buf_release(&file_bytes);
    world_end(&world);
}
END_TEST

/* One state, one file: no other byte anywhere can be right. */
START_TEST(every_flipped_byte)
{
    small();
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < file_bytes.size; i++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            struct target target;
            struct rmg_file_fault fault;
            file_bytes.data[i] ^= masks[m];
            enum jit_err err = load(file_bytes.data, file_bytes.size, -1, &target, &fault);
            ck_assert_msg(err == JIT_ECORRUPT || (err == JIT_EFORMAT && i < 4) ||
                              (err == JIT_EVERSION && i >= 4 && i < 8),
                          "byte %zu: %s", i, jit_err_text(err));
            ck_assert_ptr_nonnull(fault.what);
            ck_assert_ptr_nonnull(fault.section);
            ck_assert_uint_le(fault.offset, file_bytes.size);
            drop(&target);
            file_bytes.data[i] ^= masks[m];
        }
    }
    jit_buf_release(&file_bytes);
    world_end(&world);
}
END_TEST

/* Reading what was never checked stays in bounds, whatever is in it. */
START_TEST(garbage_behind_a_good_header)
{
    small();
    struct jit_random random = jit_random_of(99);
    for (int round = 0; round < 2000; round++) {
        uint8_t *copy = malloc(file_bytes.size);
        struct rmg_file file;
        struct rmg_file_instance block;
        memcpy(copy, file_bytes.data, file_bytes.size);
        for (uint64_t n = jit_random_below(&random, 60) + 1; n > 0; n--) {
            size_t at = 64 + (size_t)jit_random_below(&random, file_bytes.size - 64);
            copy[at] = (uint8_t)jit_random_next(&random);
        }
        if (rmg_file_open(copy, file_bytes.size, &file, NULL) == JIT_OK) {
            uint64_t at = rmg_file_blocks(&file);
            for (uint64_t i = 0; i < file.instance_count; i++, at = block.next) {
                if (rmg_file_instance_at(&file, at, &block) != JIT_OK) {
                    break;
                }
            }
            for (uint64_t i = 0; i < file.node_count; i++) {
                struct rmg_file_node node;
                struct rmg_file_payload payload;
                struct rmg_attachment attachment;
                must(rmg_file_node_at(&file, i, &node));
                if (rmg_file_payload_at(&file, node.payload_offset, node.payload_size, &payload) ==
                    JIT_OK) {
                    uint32_t sum = 0;
                    while (rmg_file_payload_next(&payload, &attachment) == JIT_OK) {
                        for (uint32_t k = 0; k < attachment.value.size; k++) {
                            sum += attachment.value.bytes[k];
                        }
                    }
                    ck_assert_uint_le(payload.at, payload.end);
                    ck_assert_uint_lt(sum, UINT32_MAX);
                }
            }
            struct rmg_file_fault fault = {0};
            enum jit_err err = rmg_file_check(jit_heap_libc(), &file, &fault);
            ck_assert(err == JIT_OK || fault.what != NULL);
        }
        free(copy);
    }
    jit_buf_release(&file_bytes);
    world_end(&world);
}
END_TEST

START_TEST(every_refused_allocation)
{
    enum jit_err err = JIT_ENOMEM;
    grow(WORLD_RANDOM, 3, 20);
    write_file();
    for (int64_t n = 0; err != JIT_OK; n++) {
        struct target target;
        struct rmg_file_fault fault;
        ck_assert_int_lt(n, 10000);
        err = load(file_bytes.data, file_bytes.size, n, &target, &fault);
        ck_assert_int_eq(err, fault_heap_fired(&target.mem) ? JIT_ENOMEM : JIT_OK);
        drop(&target);
    }
    err = JIT_ENOMEM;
    for (int64_t n = 0; err != JIT_OK; n++) {
        struct fault_heap mem = fault_heap_make(n, false);
        struct jit_buf buf;
        ck_assert_int_lt(n, 10000);
        jit_buf_init(&buf, jit_heap_libc(), 64u << 20);
        err = rmg_file_write(&mem.heap, world.store, &world.version, to_buf, &buf, NULL);
        ck_assert_int_eq(err, fault_heap_fired(&mem) ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(mem.live, 0);
        jit_buf_release(&buf);
    }
    jit_buf_release(&file_bytes);
    world_end(&world);
}
END_TEST

static enum jit_err full_disk(void *user, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    ++*(int *)user;
    return JIT_ENOSPC;
}

START_TEST(a_write_that_fails_stops)
{
    int calls = 0;
    grow(WORLD_RANDOM, 3, 20);
    ck_assert_int_eq(
        rmg_file_write(&world.heap.heap, world.store, &world.version, full_disk, &calls, NULL),
        JIT_ENOSPC);
    ck_assert_int_eq(calls, 1);
    struct rmg_version none = rmg_version_empty();
    ck_assert_int_eq(rmg_file_write(&world.heap.heap, world.store, &none, full_disk, &calls, NULL),
                     JIT_EINVALID);
    world_end(&world);
}
END_TEST

/* Claims in a small header, each refused by name at its byte. */
static const struct {
    uint64_t nodes;
    uint64_t edges;
    uint64_t payload;
    uint64_t at;
} claims[] = {
    {10ull << 30, 0, 112, 8},   {UINT64_MAX, 0, 112, 8},  {UINT64_MAX / 104 + 1, 0, 112, 8},
    {0, 10ull << 30, 112, 16},  {0, UINT64_MAX, 112, 16}, {1, UINT64_MAX / 144 + 1, 112, 16},
    {0, 0, 10ull << 30, 24},    {0, 0, UINT64_MAX, 24},   {0, 0, 8, 24},
    {2, 2, UINT64_MAX - 7, 24},
};

START_TEST(claims_allocate_nothing) /* _i: row of claims */
{
    uint8_t bytes[64 + 512] = {0x52, 0x4d, 0x47, 0, 1};
    struct rmg_file file;
    struct rmg_file_fault fault = {0};
    jit_put_le64(bytes + 8, claims[_i].nodes);
    jit_put_le64(bytes + 16, claims[_i].edges);
    jit_put_le64(bytes + 24, claims[_i].payload);
    ck_assert_int_eq(rmg_file_open(bytes, sizeof bytes, &file, &fault), JIT_ECORRUPT);
    ck_assert_uint_eq(fault.offset, claims[_i].at);
    ck_assert_str_eq(fault.section, "header");
    /* The list of instances may claim as well. */
    jit_put_le64(bytes + 8, 0);
    jit_put_le64(bytes + 16, 0);
    jit_put_le64(bytes + 24, 512);
    jit_put_le64(bytes + 64, 65536);
    ck_assert_int_eq(rmg_file_open(bytes, sizeof bytes, &file, &fault), JIT_ECORRUPT);
    ck_assert_str_eq(fault.section, "instance list");
    ck_assert_uint_eq(fault.offset, 64);
}
END_TEST

/* The example of docs/spec/rmg-file.md, byte by byte. */
START_TEST(the_example)
{
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_tx *tx;
    struct rmg_version empty = rmg_version_empty();
    struct rmg_version version;
    struct rmg_parent none = {.present = false};
    struct jit_id instance = world_id(WORLD_RANDOM, 1, 1);
    struct jit_id node = world_id(WORLD_RANDOM, 1, 2);
    struct jit_id type = world_id(WORLD_RANDOM, 1, 3);
    struct rmg_store_options options = {.arena_count = 1};
    must(rmg_arena_new(jit_heap_libc(), ARENA_BYTES, &arena));
    options.arenas[0] = arena;
    must(rmg_store_new(jit_heap_libc(), &options, &store));
    must(rmg_tx_begin(store, &empty, &tx));
    must(rmg_tx_upsert_instance(tx, &instance, &node, &none));
    must(rmg_tx_upsert_node(tx, &instance, &node, &type));
    must(rmg_tx_seal(tx, &version));
    uint8_t want[280] = {0x52, 0x4d, 0x47, 0, 1, 0, 0, 0, 1};
    want[24] = 112;
    memcpy(want + 32, version.state_root.bytes, 32);
    memcpy(want + 64, node.bytes, 32);
    memcpy(want + 96, type.bytes, 32);
    want[168] = 1;
    memcpy(want + 176, instance.bytes, 32);
    memcpy(want + 208, node.bytes, 32);
    want[256] = 1; /* one node from 0 */
    jit_buf_init(&file_bytes, jit_heap_libc(), 1u << 20);
    must(rmg_file_write(jit_heap_libc(), store, &version, to_buf, &file_bytes, NULL));
    ck_assert_uint_eq(file_bytes.size, sizeof want);
    ck_assert_mem_eq(file_bytes.data, want, sizeof want);
    jit_buf_release(&file_bytes);
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "file", 120);
    tcase_add_loop_test(t, there_and_back, 0, 3 * WORLD_IDS);
    tcase_add_test(t, records_unverified);
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, every_flipped_byte);
    tcase_add_test(t, garbage_behind_a_good_header);
    tcase_add_test(t, every_refused_allocation);
    tcase_add_test(t, a_write_that_fails_stops);
    tcase_add_loop_test(t, claims_allocate_nothing, 0, (int)(sizeof claims / sizeof *claims));
    tcase_add_test(t, the_example);
}

TEST_MAIN("file", fill)

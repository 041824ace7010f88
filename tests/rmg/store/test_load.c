/* Goal:   a state is built with hardly more memory than it has in the end (DESIGN 14.8), however it
 *         comes: as a stream, as a file, in arrays, gathered in any order.
 * Method: all bytes are counted, those of the heap and those of the arena, at two sizes; what was
 *         used beside the final state must not grow with it. Several shapes, since each of them has
 *         another part that is large. */
#include <stdio.h>

#include "base/buf.h"
#include "base/hash.h"
#include "rmg/change/collect.h"
#include "rmg/file/file.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define ARENA_BYTES (256ull << 20)

/* ---- shapes ---- */

struct shape {
    const char *name;
    uint32_t nodes; /* so many times n */
    uint32_t edges;
    uint32_t atoms; /* on each node */
    uint32_t atom_bytes;
    enum world_ids ids;
    bool hub;       /* every edge begins in one node */
    bool instances; /* every 16th node is the root of an instance of its own */
    bool scattered; /* what lies on a node comes piece by piece, after all nodes */
};
static const struct shape shapes[] = {
    {"tree", 1, 1, 1, 16, WORLD_RANDOM, false, false, false},
    {"nodes", 2, 0, 0, 0, WORLD_RANDOM, false, false, false},
    {"nodes, chosen", 2, 0, 0, 0, WORLD_PREFIX, false, false, false},
    {"edges", 1, 4, 0, 0, WORLD_RANDOM, false, false, false},
    {"a hub", 1, 3, 0, 0, WORLD_RANDOM, true, false, false},
    {"sequential", 1, 1, 1, 16, WORLD_SEQUENTIAL, false, false, false},
    {"many atoms", 1, 0, 12, 9, WORLD_RANDOM, false, false, false},
    {"long atoms", 1, 0, 2, 1500, WORLD_RANDOM, false, false, false},
    {"instances", 1, 1, 1, 16, WORLD_RANDOM, false, true, false},
    {"scattered", 1, 1, 4, 9, WORLD_RANDOM, false, false, true},
};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static struct jit_id node_id(const struct shape *shape, uint64_t i)
{
    return world_id(shape->ids, 1, i);
}

static struct jit_id edge_id(const struct shape *shape, uint64_t i)
{
    return world_id(shape->ids, 2, i);
}

static struct jit_id type_id(uint64_t i)
{
    return world_id(WORLD_RANDOM, 3, i);
}

/* Where a node lies: the top instance, or the last one that began before it. */
static struct jit_id instance_of(const struct shape *shape, uint64_t i)
{
    return world_id(WORLD_RANDOM, 4, shape->instances ? i / 16 : 0);
}

static struct rmg_attachment atom_of(const struct shape *shape, uint64_t node, uint32_t k,
                                     char name[4], uint8_t *bytes)
{
    name[0] = 'a';
    name[1] = (char)('z' - k);
    memset(bytes, (int)(node + k), shape->atom_bytes);
    return (struct rmg_attachment){
        .name = name,
        .name_size = 2,
        .value = {RMG_VALUE_ATOM, type_id(9), bytes, shape->atom_bytes},
    };
}

static void add_instance(const struct shape *shape, struct rmg_collect *collect, uint64_t i)
{
    struct jit_id id = instance_of(shape, i);
    struct jit_id root = node_id(shape, i);
    struct rmg_parent parent = {.present = i > 0, .plane = RMG_PLANE_ALPHA};
    parent.name_size = (uint32_t)snprintf(parent.name, sizeof parent.name, "p%06u", (unsigned)i);
    parent.instance = instance_of(shape, i / 2);
    parent.owner = node_id(shape, i / 2);
    must(rmg_collect_instance(collect, &id, &root, i > 0 ? &parent : NULL));
    if (i > 0) {
        struct rmg_attachment portal = {
            parent.name, parent.name_size, {RMG_VALUE_PORTAL, id, NULL, 0}};
        must(rmg_collect_attachment(collect, &parent.instance, RMG_PLANE_ALPHA, &parent.owner,
                                    &portal));
    }
}

static void add_atom(const struct shape *shape, struct rmg_collect *collect, uint64_t i, uint32_t k)
{
    uint8_t bytes[2048];
    char name[4];
    struct jit_id id = node_id(shape, i);
    struct jit_id instance = instance_of(shape, i);
    struct rmg_attachment atom = atom_of(shape, i, k, name, bytes);
    must(rmg_collect_attachment(collect, &instance, RMG_PLANE_ALPHA, &id, &atom));
}

/* Everything of a shape. */
static void fill(const struct shape *shape, uint64_t n, struct rmg_collect *collect)
{
    uint64_t nodes = n * shape->nodes;
    for (uint64_t i = 0; i < nodes; i++) {
        struct jit_id id = node_id(shape, i);
        struct jit_id type = type_id(i % 5);
        if (i == 0 || (shape->instances && i % 16 == 0)) {
            add_instance(shape, collect, i);
        }
        struct jit_id instance = instance_of(shape, i);
        must(rmg_collect_node(collect, &instance, &id, &type));
        for (uint32_t k = 0; k < shape->atoms && !shape->scattered; k++) {
            add_atom(shape, collect, i, k);
        }
    }
    for (uint32_t k = 0; k < shape->atoms && shape->scattered; k++) {
        for (uint64_t i = 0; i < nodes; i++) {
            add_atom(shape, collect, i, k);
        }
    }
    for (uint64_t i = 0; i < n * shape->edges; i++) {
        uint64_t to = i % nodes;
        uint64_t from = shape->instances ? to / 16 * 16 : shape->hub ? 0 : to / 2;
        struct rmg_edge edge = {edge_id(shape, i), node_id(shape, from), node_id(shape, to),
                                type_id(20 + i % 3)};
        struct jit_id instance = instance_of(shape, to);
        must(rmg_collect_edge(collect, &instance, &edge));
    }
}

/* ---- what is counted ---- */

/* Every time memory is taken or given back, all that is in use is added up. */
struct bed {
    struct jit_heap heap; /* first */
    struct fault_heap under;
    struct rmg_arena arena;
    struct rmg_store *store;
    struct rmg_version version;
    int64_t peak;
};

static void add_up(struct bed *bed)
{
    int64_t now = bed->under.live_bytes + (int64_t)bed->arena.used;
    bed->peak = now > bed->peak ? now : bed->peak;
}

static void *bed_alloc(struct jit_heap *heap, size_t size)
{
    struct bed *bed = (struct bed *)heap;
    void *block = bed->under.heap.alloc(&bed->under.heap, size);
    add_up(bed);
    return block;
}

static void *bed_resize(struct jit_heap *heap, void *block, size_t size)
{
    struct bed *bed = (struct bed *)heap;
    void *fresh = bed->under.heap.resize(&bed->under.heap, block, size);
    add_up(bed);
    return fresh;
}

static void bed_free(struct jit_heap *heap, void *block)
{
    struct bed *bed = (struct bed *)heap;
    add_up(bed); /* the arena may have grown meanwhile */
    bed->under.heap.free(&bed->under.heap, block);
}

static void bed_begin(struct bed *bed)
{
    memset(bed, 0, sizeof *bed);
    bed->heap = (struct jit_heap){bed_alloc, bed_resize, bed_free};
    bed->under = fault_heap_make(-1, false);
    uint8_t *base = calloc(1, ARENA_BYTES);
    ck_assert_ptr_nonnull(base);
    rmg_arena_init(&bed->arena, base, ARENA_BYTES, ARENA_BYTES, 0);
    struct rmg_store_options options = {.arenas = {&bed->arena}, .arena_count = 1};
    must(rmg_store_new(&bed->heap, &options, &bed->store));
    bed->version = rmg_version_empty();
}

/* The bytes that were in use beside the final state, at the worst. */
static int64_t bed_beside(struct bed *bed)
{
    add_up(bed);
    return bed->peak - bed->under.live_bytes - (int64_t)bed->arena.live;
}

static void bed_end(struct bed *bed)
{
    struct rmg_fault fault;
    must(rmg_store_verify(bed->store, &bed->version, &fault));
    rmg_store_free(bed->store);
    free(bed->arena.base);
    ck_assert_int_eq(bed->under.live, 0);
}

static struct jit_buf bytes; /* the state as a patch or a file */

static enum jit_err keep_piece(void *user, const uint8_t *piece, size_t size)
{
    (void)user;
    jit_buf_put(&bytes, piece, size);
    return bytes.err;
}

static void by_stream(struct bed *bed, const struct shape *shape, uint64_t n)
{
    (void)shape;
    (void)n;
    struct rmg_tx *tx = NULL;
    struct rmg_patch_stream *stream = NULL;
    struct jit_id digest;
    must(rmg_tx_begin(bed->store, &bed->version, &tx));
    must(rmg_patch_stream_begin(&bed->heap, tx, &bed->version, &stream));
    for (size_t at = 0; at < bytes.size; at += 65536) {
        size_t left = bytes.size - at;
        must(rmg_patch_stream_feed(stream, bytes.data + at, left < 65536 ? left : 65536));
    }
    must(rmg_patch_stream_end(stream, &digest));
    must(rmg_tx_seal(tx, &bed->version));
}

static void by_file(struct bed *bed, const struct shape *shape, uint64_t n)
{
    (void)shape;
    (void)n;
    struct rmg_file file;
    struct rmg_file_fault fault;
    must(rmg_file_open(bytes.data, bytes.size, &file, &fault));
    must(rmg_file_load(&bed->heap, &file, bed->store, &bed->version, &fault));
}

/* The only one that holds the state itself in the meantime. */
static void by_collect(struct bed *bed, const struct shape *shape, uint64_t n)
{
    struct rmg_collect *collect = NULL;
    struct rmg_tx *tx = NULL;
    struct jit_id at;
    must(rmg_collect_new(&bed->heap, bed->store, &collect));
    fill(shape, n, collect);
    must(rmg_tx_begin(bed->store, &bed->version, &tx));
    must(rmg_collect_load(collect, tx, &at));
    must(rmg_tx_seal(tx, &bed->version));
    rmg_collect_free(collect);
}

/* ---- the law ---- */

static void write_nothing(const struct shape *shape, uint64_t n)
{
    (void)shape;
    (void)n;
}

static void write_patch(const struct shape *shape, uint64_t n)
{
    struct rmg_collect *collect = NULL;
    struct jit_id at;
    struct bed bed;
    bed_begin(&bed);
    jit_buf_init(&bytes, jit_heap_libc(), 1u << 30);
    must(rmg_collect_new(jit_heap_libc(), bed.store, &collect));
    fill(shape, n, collect);
    must(rmg_collect_patch(collect, keep_piece, NULL, &at));
    rmg_collect_free(collect);
    ck_assert_uint_eq(bed.arena.live, 0);
    bed_end(&bed);
}

static void write_file(const struct shape *shape, uint64_t n)
{
    struct bed bed;
    bed_begin(&bed);
    write_patch(shape, n);
    by_stream(&bed, shape, n);
    jit_buf_reset(&bytes);
    must(rmg_file_write(jit_heap_libc(), bed.store, &bed.version, keep_piece, NULL, NULL));
    bed_end(&bed);
}

/* What is not constant, in bytes, at most. A collection knows its instances until they are loaded,
 * and needs the leaves that it makes of scattered attachments beside those that it had. */
static int64_t nothing(const struct shape *shape, uint64_t n)
{
    return shape->instances ? (int64_t)n / 16 * 100 : 0;
}

static int64_t of_collect(const struct shape *shape, uint64_t n)
{
    return (shape->instances ? (int64_t)n / 16 * 400 : 0) +
           (shape->scattered ? (int64_t)(n * shape->nodes * shape->atoms) * 140 : 0);
}

struct way {
    const char *name;
    void (*write)(const struct shape *shape, uint64_t n);
    void (*build)(struct bed *bed, const struct shape *shape, uint64_t n);
    int64_t (*allowed)(const struct shape *shape, uint64_t n);
};
static const struct way ways[] = {
    {"a stream", write_patch, by_stream, nothing},
    {"a file", write_file, by_file, nothing},
    {"a collection", write_nothing, by_collect, of_collect},
};
#define WAYS (sizeof ways / sizeof ways[0])

static int64_t beside(const struct way *way, const struct shape *shape, uint64_t n,
                      struct jit_id *root)
{
    struct bed bed;
    way->write(shape, n);
    bed_begin(&bed);
    way->build(&bed, shape, n);
    int64_t found = bed_beside(&bed);
    *root = bed.version.state_root;
    bed_end(&bed);
    jit_buf_release(&bytes);
    return found;
}

START_TEST(hardly_more_than_the_state) /* _i: shape */
{
    const struct shape *shape = &shapes[_i];
    struct jit_id first = {{0}};
    for (size_t i = 0; i < WAYS; i++) {
        struct jit_id root;
        int64_t small = beside(&ways[i], shape, 500, &root);
        int64_t large = beside(&ways[i], shape, 4000, &root);
        ck_assert_msg(large < 60000 + ways[i].allowed(shape, 4000),
                      "%s as %s: %lld bytes beside the state at 500, %lld at 4000", shape->name,
                      ways[i].name, (long long)small, (long long)large);
        ck_assert(i == 0 || jit_id_equal(&root, &first));
        first = root;
    }
}
END_TEST

/* ---- what was gathered once serves several ---- */

static void add_places(struct rmg_collect *collect, uint64_t other)
{
    static const char *const paths[] = {"/", "/sys", "/world"};
    struct jit_id type = type_id(0);
    for (size_t i = 0; i < 3; i++) {
        struct jit_id id;
        must(rmg_collect_path(collect, paths[i], &id));
        if (i == 1) {
            struct jit_id node = world_id(WORLD_RANDOM, 7, other);
            must(rmg_collect_node(collect, &id, &node, &type));
        }
    }
}

/* Into /world and an instance in it, both with attachments in any order. */
static void add_import(struct rmg_collect *collect)
{
    struct jit_id world;
    struct jit_id nested;
    struct jit_id edge;
    struct jit_id type = type_id(1);
    must(rmg_collect_path(collect, "/world/x", &nested));
    jit_hash_named("warp:", "/world", 6, &world);
    for (uint64_t i = 0; i < 100; i++) {
        const struct jit_id *at = i % 3 == 0 ? &nested : &world;
        struct jit_id id = world_id(WORLD_RANDOM, 8, i);
        struct rmg_datum value = {.codec = RMG_CODEC_I64, .as = {.i64 = (int64_t)i}};
        must(rmg_collect_node(collect, at, &id, &type));
        must(rmg_collect_datum(collect, at, RMG_PLANE_ALPHA, &id, "b", &value));
        must(rmg_collect_edge_numbered(collect, at, &id, &id, &type, &edge));
        must(rmg_collect_edge_numbered(collect, at, &id, &id, &type, &edge));
    }
    for (uint64_t i = 0; i < 100; i++) {
        struct jit_id id = world_id(WORLD_RANDOM, 8, i);
        struct rmg_datum value = {.codec = RMG_CODEC_I64, .as = {.i64 = 1}};
        must(rmg_collect_datum(collect, i % 3 == 0 ? &nested : &world, RMG_PLANE_ALPHA, &id, "a",
                               &value));
    }
}

static struct jit_id patch_digest(struct rmg_collect *collect)
{
    struct jit_id digest;
    struct jit_id at;
    jit_buf_init(&bytes, jit_heap_libc(), 1u << 30);
    must(rmg_collect_patch(collect, keep_piece, NULL, &at));
    rmg_patch_digest(bytes.data, bytes.size, &digest);
    jit_buf_release(&bytes);
    return digest;
}

START_TEST(taken_over)
{
    struct bed bed;
    struct rmg_collect *first = NULL;
    struct rmg_collect *second = NULL;
    struct rmg_collect *direct = NULL;
    struct jit_id world;
    struct jit_id missing = type_id(77);
    bed_begin(&bed);
    must(rmg_collect_new(&bed.heap, bed.store, &first));
    must(rmg_collect_new(&bed.heap, bed.store, &second));
    must(rmg_collect_new(&bed.heap, bed.store, &direct));
    add_places(first, 1);
    add_import(first);
    if (_i == 1) {
        (void)patch_digest(first); /* it may have been used already */
    }
    add_places(second, 2);
    jit_hash_named("warp:", "/world", 6, &world);
    ck_assert_int_eq(rmg_collect_take(second, first, &missing), JIT_ENOENT);
    must(rmg_collect_take(second, first, &world));
    add_places(direct, 2);
    add_import(direct);
    ck_assert_uint_eq(rmg_collect_nodes(second), rmg_collect_nodes(direct));
    ck_assert_uint_eq(rmg_collect_edges(second), 200);
    struct jit_id a = patch_digest(second);
    struct jit_id b = patch_digest(direct);
    ck_assert(jit_id_equal(&a, &b));
    rmg_collect_free(first);
    rmg_collect_free(second);
    rmg_collect_free(direct);
    ck_assert_uint_eq(bed.arena.live, 0);
    bed_end(&bed);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "load", 60);
    tcase_add_loop_test(t, hardly_more_than_the_state, 0, (int)SHAPES);
    tcase_add_loop_test(t, taken_over, 0, 2);
}

TEST_MAIN("load", suite)

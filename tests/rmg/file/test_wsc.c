/* Goal:   one state, schema hash and tick have one .wsc file, the one that the specification says;
 *         whatever else is in a file is refused by section and byte, or is another state; no claim
 *         costs memory.
 * Method: random states with nested instances over ids of every kind beside a naive writer, there
 *         and back; then every truncation, every flipped bit, every refused
 *         allocation, claims without substance, and what cannot be written. */
#include "base/le.h"
#include "rmg/file/wsc_priv.h"
#include "tests/rmg/file/wsc_fixture.h"

static struct plain plain;
static struct jit_buf bytes; /* of the file */

static void begin(enum world_ids kind, uint64_t seed, const struct plain_size *size)
{
    struct rmg_wsc_head head = head_of(seed);
    plain_begin(&plain, kind, seed, size);
    write_state(plain.store, &plain.version, &head, &bytes);
}

static void end(void)
{
    jit_buf_release(&bytes);
    plain_end(&plain);
}

START_TEST(there_and_back) /* _i: kind, size and seed */
{
    struct target target;
    struct rmg_file_fault fault;
    struct rmg_wsc_head head = head_of((uint64_t)_i);
    struct jit_buf other;
    begin((enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, &sizes[_i / WORLD_IDS % SIZES]);
    jit_buf_init(&other, jit_heap_libc(), 64u << 20);
    naive_wsc(&plain.model, &head.schema_hash, head.tick, &other);
    ck_assert_msg(other.size == bytes.size && memcmp(other.data, bytes.data, other.size) == 0,
                  "%d: not what the naive writer gives", _i);
    jit_buf_release(&other);
    enum jit_err err = load(bytes.data, bytes.size, -1, &target, &fault);
    ck_assert_msg(err == JIT_OK, "%d: %s: %s %lu, byte %lu: %s", _i, jit_err_text(err),
                  fault.section, (unsigned long)fault.index, (unsigned long)fault.offset,
                  fault.what);
    ck_assert(jit_id_equal(&target.version.state_root, &plain.version.state_root));
    struct rmg_fault broken;
    must(rmg_store_verify(target.store, &target.version, &broken));
    write_state(target.store, &target.version, &head, &other);
    ck_assert_uint_eq(other.size, bytes.size);
    ck_assert_mem_eq(other.data, bytes.data, bytes.size);
    jit_buf_release(&other);
    drop(&target);
    end();
}
END_TEST

/* More than a piece of every section, so that pieces end in the middle of rows. */
START_TEST(large)
{
    static const struct plain_size size = {
        .instances = 1, .nodes = 3000, .edges = 3000, .arena_bytes = 8 * ARENA_BYTES};
    struct rmg_wsc_head head = head_of(6);
    struct rmg_file_fault fault;
    struct target target;
    struct jit_buf other;
    begin(WORLD_RANDOM, 6, &size);
    ck_assert_uint_gt(bytes.size, 600000);
    jit_buf_init(&other, jit_heap_libc(), 64u << 20);
    naive_wsc(&plain.model, &head.schema_hash, head.tick, &other);
    ck_assert_uint_eq(other.size, bytes.size);
    ck_assert(memcmp(other.data, bytes.data, bytes.size) == 0);
    must(load(bytes.data, bytes.size, -1, &target, &fault));
    ck_assert(jit_id_equal(&target.version.state_root, &plain.version.state_root));
    drop(&target);
    jit_buf_release(&other);
    end();
}
END_TEST

/* Windows too small for an instance, for the edges of one node, for anything: the same bytes. */
START_TEST(windows) /* _i: bytes of a window, times 10 */
{
    struct rmg_wsc_head head = head_of(60);
    struct jit_buf other;
    begin(WORLD_RANDOM, 60, &sizes[3]);
    jit_buf_init(&other, jit_heap_libc(), 64u << 20);
    must(rmg_wsc_write_within((uint64_t)_i * 10, jit_heap_libc(), plain.store, &plain.version,
                              &head, to_buf, &other, NULL, NULL));
    ck_assert_uint_eq(other.size, bytes.size);
    ck_assert_mem_eq(other.data, bytes.data, bytes.size);
    jit_buf_release(&other);
    end();
}
END_TEST

/* ---- reading ---- */

static void compare_instance(const struct rmg_wsc *file, const struct rmg_wsc_instance *in,
                             const struct rmg_graph *graph)
{
    for (uint64_t i = 0; i < in->rows[RMG_WSC_NODES]; i++) {
        struct rmg_bulk_node node;
        struct jit_id type;
        uint64_t found = 0;
        uint64_t first = 0;
        uint64_t count = 0;
        uint64_t degree = 0;
        must(rmg_wsc_node_at(file, in, i, &node));
        must(rmg_node_type(graph, &node.id, &type));
        ck_assert(jit_id_equal(&type, &node.type));
        must(rmg_wsc_node_find(file, in, &node.id, &found));
        ck_assert_uint_eq(found, i);
        must(rmg_wsc_out_edges(file, in, i, &first, &count));
        must(rmg_degree(graph, &node.id, RMG_DIR_OUT, NULL, &degree));
        ck_assert_uint_eq(count, degree);
        for (uint64_t e = first; e < first + count; e++) {
            struct rmg_edge edge;
            must(rmg_wsc_out_edge_at(file, in, e, &edge));
            ck_assert(jit_id_equal(&edge.from, &node.id));
        }
        struct rmg_attachment a;
        struct rmg_value value;
        enum jit_err err = rmg_wsc_attachment(file, in, RMG_PLANE_ALPHA, i, &a);
        ck_assert_int_eq(err, rmg_attachment_get(graph, RMG_PLANE_ALPHA, &node.id, "", 0, &value));
        if (err == JIT_OK) {
            ck_assert_int_eq(a.value.kind, value.kind);
            ck_assert(jit_id_equal(&a.value.type, &value.type));
            ck_assert_uint_eq(a.value.size, value.size);
            if (value.size > 0) {
                ck_assert_mem_eq(a.value.bytes, value.bytes, value.size);
            }
        }
    }
    for (uint64_t i = 0; i < in->rows[RMG_WSC_EDGES]; i++) {
        struct rmg_edge edge;
        struct rmg_edge same;
        uint64_t found = 0;
        must(rmg_wsc_edge_at(file, in, i, &edge));
        must(rmg_edge_get(graph, &edge.id, &same));
        ck_assert_mem_eq(&edge, &same, sizeof edge);
        must(rmg_wsc_edge_find(file, in, &edge.id, &found));
        ck_assert_uint_eq(found, i);
    }
}

/* The unverified handle says what is there, and no more. */
START_TEST(reads) /* _i: kind */
{
    struct rmg_wsc file;
    struct rmg_wsc_instance in;
    struct jit_id absent = world_id(WORLD_RANDOM, 123, 456);
    uint64_t unused = 0;
    begin((enum world_ids)_i, 40 + (uint64_t)_i, &sizes[1]);
    must(rmg_wsc_open(bytes.data, bytes.size, &file, NULL));
    ck_assert_uint_eq(file.instance_count, plain.version.instance_count);
    ck_assert_uint_eq(file.head.tick, 40 + (uint64_t)_i);
    for (uint64_t i = 0; i < file.instance_count; i++) {
        struct rmg_instance want;
        struct rmg_wsc_instance same;
        struct rmg_graph graph;
        must(rmg_wsc_instance_at(&file, i, &in));
        must(rmg_store_instance(plain.store, &plain.version, &in.id, &want));
        must(rmg_wsc_instance_find(&file, &in.id, &same));
        ck_assert_uint_eq(same.offset, in.offset);
        ck_assert(jit_id_equal(&in.root_node, &want.root_node));
        ck_assert_uint_eq(in.rows[RMG_WSC_NODES], want.roots.node_count);
        ck_assert_uint_eq(in.rows[RMG_WSC_EDGES], want.roots.edge_count);
        rmg_store_graph(plain.store, &want, &graph);
        compare_instance(&file, &in, &graph);
    }
    struct rmg_bulk_node node;
    struct rmg_edge edge;
    struct rmg_attachment a;
    uint64_t nodes = in.rows[RMG_WSC_NODES];
    uint64_t edges = in.rows[RMG_WSC_EDGES];
    ck_assert_int_eq(rmg_wsc_node_at(&file, &in, nodes, &node), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_node_at(&file, &in, UINT64_MAX, &node), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_edge_at(&file, &in, edges, &edge), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_out_edge_at(&file, &in, edges, &edge), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_out_edges(&file, &in, nodes, &unused, &unused), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_attachment(&file, &in, RMG_PLANE_ALPHA, nodes, &a), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_attachment(&file, &in, RMG_PLANE_BETA, edges, &a), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_node_find(&file, &in, &absent, &unused), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_edge_find(&file, &in, &absent, &unused), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_instance_find(&file, &absent, &in), JIT_ENOENT);
    ck_assert_int_eq(rmg_wsc_instance_at(&file, file.instance_count, &in), JIT_ENOENT);
    end();
}
END_TEST

/* What verify() says of parents is what the store has. */
START_TEST(parents)
{
    struct rmg_wsc file;
    struct rmg_wsc_verified verified;
    begin(WORLD_RANDOM, 3, &sizes[2]);
    must(rmg_wsc_open(bytes.data, bytes.size, &file, NULL));
    must(rmg_wsc_verify(jit_heap_libc(), &file, &verified, NULL));
    ck_assert_uint_gt(file.instance_count, 3);
    for (uint64_t i = 0; i < file.instance_count; i++) {
        struct rmg_wsc_instance in;
        struct rmg_instance want;
        struct rmg_parent parent;
        must(rmg_wsc_instance_at(&file, i, &in));
        must(rmg_store_instance(plain.store, &plain.version, &in.id, &want));
        rmg_wsc_parent_of(&verified, i, &parent);
        ck_assert_int_eq(parent.present, want.parent.present);
        ck_assert_int_eq(parent.present, i != verified.top);
        ck_assert_int_eq(parent.plane, want.parent.plane);
        ck_assert(jit_id_equal(&parent.instance, &want.parent.instance));
        ck_assert(jit_id_equal(&parent.owner, &want.parent.owner));
        ck_assert_uint_eq(parent.name_size, 0);
    }
    rmg_wsc_verified_release(&verified, jit_heap_libc());
    end();
}
END_TEST

/* ---- bytes that are not right ---- */

/* A state that is small and yet has everything. */
static void small(void)
{
    static const struct plain_size size = {
        .instances = 3, .nodes = 4, .edges = 4, .arena_bytes = ARENA_BYTES};
    for (uint64_t seed = 1;; seed++) {
        struct rmg_wsc file;
        struct rmg_wsc_instance in;
        uint64_t least = UINT64_MAX;
        ck_assert_uint_lt(seed, 1000);
        begin(WORLD_RANDOM, seed, &size);
        must(rmg_wsc_open(bytes.data, bytes.size, &file, NULL));
        for (uint64_t i = 0; i < file.instance_count; i++) {
            must(rmg_wsc_instance_at(&file, i, &in));
            for (unsigned s = 0; s < RMG_WSC_SECTIONS && i == 0; s++) {
                least = in.rows[s] < least ? in.rows[s] : least;
            }
        }
        if (file.instance_count == 3 && least >= 1 && bytes.size < 6000) {
            return;
        }
        end();
    }
}

START_TEST(every_truncation)
{
    small();
    for (size_t keep = 0; keep < bytes.size; keep++) {
        struct rmg_wsc file;
        struct rmg_file_fault fault = {0};
        uint8_t *exact = malloc(keep > 0 ? keep : 1);
        memcpy(exact, bytes.data, keep);
        enum jit_err err = rmg_wsc_open(exact, keep, &file, &fault);
        ck_assert_int_eq(err, keep < 4 ? JIT_EFORMAT : JIT_ECORRUPT);
        ck_assert_ptr_nonnull(fault.what);
        ck_assert_uint_le(fault.offset, bytes.size);
        free(exact);
    }
    end();
}
END_TEST

/* Does the byte say what no other byte does? Then a change of it is another state; the schema hash
 * and the tick are no part of the state. */
static bool carries(const struct rmg_wsc *file, size_t at)
{
    if (at < RMG_WSC_HEADER_SIZE) {
        return at >= 8 && at < 48;
    }
    for (uint64_t i = 0; i < file->instance_count; i++) {
        struct rmg_wsc_instance in;
        must(rmg_wsc_instance_at(file, i, &in));
        if (at >= in.offset && at < in.offset + RMG_WSC_ENTRY_SIZE) {
            return at < in.offset + 64;
        }
        for (unsigned s = 0; s < RMG_WSC_SECTIONS; s++) {
            uint64_t size = s == RMG_WSC_NODES || s == RMG_WSC_EDGES           ? 0
                            : s == RMG_WSC_OUT_EDGES                           ? 40
                            : s == RMG_WSC_BLOBS                               ? 1
                            : s == RMG_WSC_NODE_ATTS || s == RMG_WSC_EDGE_ATTS ? 56
                                                                               : 16;
            uint64_t row = s == RMG_WSC_NODES ? 64 : s == RMG_WSC_EDGES ? 128 : size;
            if (at >= in.at[s] && at < in.at[s] + in.rows[s] * row) {
                uint64_t in_row = (at - in.at[s]) % row;
                return size == 0 || size == 1 || (size == 56 && in_row >= 8 && in_row < 40) ||
                       (size == 56 && in_row == 48);
            }
        }
    }
    return false;
}

/* Each flipped bit is refused, or it is another valid state (or head) that is written as this file.
 */
START_TEST(every_flipped_bit)
{
    struct rmg_wsc original;
    unsigned accepted = 0;
    small();
    must(rmg_wsc_open(bytes.data, bytes.size, &original, NULL));
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        struct target target;
        struct rmg_file_fault fault;
        size_t at = bit / 8;
        bool may = carries(&original, at);
        bytes.data[at] ^= (uint8_t)(1u << bit % 8);
        enum jit_err err = load(bytes.data, bytes.size, -1, &target, &fault);
        if (err == JIT_OK) {
            struct rmg_wsc file;
            struct jit_buf again;
            accepted++;
            ck_assert_msg(may, "bit %zu of byte %zu may not be accepted", bit % 8, at);
            must(rmg_wsc_open(bytes.data, bytes.size, &file, NULL));
            write_state(target.store, &target.version, &file.head, &again);
            ck_assert_mem_eq(again.data, bytes.data, bytes.size);
            bool head = at < RMG_WSC_HEADER_SIZE;
            ck_assert_int_eq(jit_id_equal(&target.version.state_root, &plain.version.state_root),
                             head);
            jit_buf_release(&again);
        } else {
            ck_assert_msg(err == JIT_ECORRUPT || (err == JIT_EFORMAT && at < 4) ||
                              (err == JIT_EVERSION && at >= 4 && at < 8),
                          "byte %zu: %s", at, jit_err_text(err));
            ck_assert_ptr_nonnull(fault.what);
            ck_assert_ptr_nonnull(fault.section);
            ck_assert_uint_le(fault.offset, bytes.size);
        }
        drop(&target);
        bytes.data[at] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_uint_gt(accepted, 8 * 40); /* at least the head */
    end();
}
END_TEST

static uint32_t read_blindly(const struct rmg_wsc *file)
{
    uint32_t sum = 0;
    for (uint64_t i = 0; i < file->instance_count; i++) {
        struct rmg_wsc_instance in;
        if (rmg_wsc_instance_at(file, i, &in) != JIT_OK) {
            continue;
        }
        for (uint64_t n = 0; n < in.rows[RMG_WSC_NODES]; n++) {
            struct rmg_bulk_node node;
            struct rmg_attachment a;
            uint64_t first = 0;
            uint64_t count = 0;
            must(rmg_wsc_node_at(file, &in, n, &node));
            if (rmg_wsc_out_edges(file, &in, n, &first, &count) == JIT_OK) {
                for (uint64_t e = first; e < first + count; e++) {
                    struct rmg_edge edge;
                    sum += rmg_wsc_out_edge_at(file, &in, e, &edge) == JIT_OK;
                }
            }
            if (rmg_wsc_attachment(file, &in, RMG_PLANE_ALPHA, n, &a) == JIT_OK) {
                for (uint32_t k = 0; k < a.value.size; k++) {
                    sum += a.value.bytes[k];
                }
            }
            sum += rmg_wsc_node_find(file, &in, &node.id, &first) == JIT_OK;
        }
    }
    return sum;
}

/* Reading what was never checked stays in bounds, whatever is in it; and so does checking it. */
START_TEST(garbage_behind_a_good_header)
{
    struct jit_random random = jit_random_of(99);
    uint32_t sum = 0;
    small();
    for (int round = 0; round < 3000; round++) {
        struct rmg_wsc file;
        uint8_t *copy = malloc(bytes.size);
        memcpy(copy, bytes.data, bytes.size);
        must(rmg_wsc_open(copy, bytes.size, &file, NULL));
        for (uint64_t n = jit_random_below(&random, 40) + 1; n > 0; n--) {
            size_t at = 128 + (size_t)jit_random_below(&random, bytes.size - 128);
            copy[at] = (uint8_t)jit_random_below(&random, round % 2 == 0 ? 256 : 4);
        }
        sum += read_blindly(&file);
        struct rmg_wsc_verified verified;
        struct rmg_file_fault fault = {0};
        enum jit_err err = rmg_wsc_open(copy, bytes.size, &file, &fault);
        if (err == JIT_OK) {
            err = rmg_wsc_verify(jit_heap_libc(), &file, &verified, &fault);
            rmg_wsc_verified_release(&verified, jit_heap_libc());
        }
        ck_assert(err == JIT_OK || fault.what != NULL);
        free(copy);
    }
    ck_assert_uint_gt(sum, 0);
    end();
}
END_TEST

/* Claims in a small file, each refused by name at its byte, before anything is allocated: opening
 * has no heap. */
static const struct {
    uint64_t value;
    uint64_t at;
    uint64_t fault_at;
} claims[] = {
    {10ull << 30, 48, 48},
    {UINT64_MAX, 48, 48},
    {0, 48, 48},
    {65537, 48, 48},
    {UINT64_MAX / 184 + 2, 48, 48},
    {2, 48, 48},
    {10ull << 30, 56, 56},
    {0, 56, 56},
    {10ull << 30, 128 + 72, 128 + 72},
    {UINT64_MAX, 128 + 72, 200},
    {1, 128 + 72, 128 + 72},
    {10ull << 30, 128 + 64, 128 + 64},
    {UINT64_MAX, 128 + 64, 192},
    {10ull << 30, 128 + 88, 216},
    {UINT64_MAX, 128 + 88, 216},
    {10ull << 30, 128 + 112, 240},
    {10ull << 30, 128 + 136, 264},
    {10ull << 30, 128 + 160, 288},
    {10ull << 30, 128 + 176, 304},
    {UINT64_MAX, 128 + 176, 304},
    {UINT64_MAX, 128 + 168, 296},
};

START_TEST(claims_allocate_nothing) /* _i: row of claims */
{
    uint8_t data[312] = {'W', 'S', 'C', 0, 1};
    struct rmg_wsc file;
    struct rmg_file_fault fault = {0};
    static const unsigned offsets[] = {0, 16, 32, 40, 56, 64, 80, 88, 104};
    jit_put_le64(data + 48, 1);
    jit_put_le64(data + 56, 128);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        jit_put_le64(data + 192 + offsets[i], sizeof data);
    }
    must(rmg_wsc_open(data, sizeof data, &file, NULL));
    jit_put_le64(data + claims[_i].at, claims[_i].value);
    ck_assert_int_eq(rmg_wsc_open(data, sizeof data, &file, &fault), JIT_ECORRUPT);
    ck_assert_uint_eq(fault.offset, claims[_i].fault_at);
    ck_assert_uint_eq(file.instance_count, 0);
}
END_TEST

/* Files that are laid out right and say what cannot be. Made by changing a good one. */
static enum jit_err verify(struct rmg_file_fault *fault)
{
    struct rmg_wsc file;
    struct rmg_wsc_verified verified;
    enum jit_err err = rmg_wsc_open(bytes.data, bytes.size, &file, fault);
    if (err == JIT_OK) {
        err = rmg_wsc_verify(jit_heap_libc(), &file, &verified, fault);
        rmg_wsc_verified_release(&verified, jit_heap_libc());
    }
    return err;
}

/* A top and two nodes, n0 and n1; an edge n0 -> n1; a child hanging on n1. */
struct tiny {
    struct rmg_wsc file;
    struct rmg_wsc_instance top;
    struct rmg_wsc_instance child;
};

static void tiny_begin(struct tiny *tiny)
{
    struct naive_state state = {.instances = NULL};
    struct rmg_attachment portal = {.name = "", .value = {.kind = RMG_VALUE_PORTAL}};
    struct rmg_parent parent = {.present = true, .plane = RMG_PLANE_ALPHA};
    struct jit_id id[8];
    struct rmg_file_fault fault = {0};
    for (unsigned i = 0; i < 8; i++) {
        memset(id[i].bytes, (int)(0x11 * (i + 1)), JIT_ID_BYTES);
    }
    struct rmg_edge edge = {.id = id[4], .from = id[1], .to = id[2], .type = id[5]};
    parent.instance = id[0];
    parent.owner = id[2];
    portal.value.type = id[6];
    must(naive_upsert_instance(&state, &id[0], &id[1], NULL));
    must(naive_upsert_node(&state, &id[0], &id[1], &id[3]));
    must(naive_upsert_node(&state, &id[0], &id[2], &id[3]));
    must(naive_upsert_edge(&state, &id[0], &edge));
    must(naive_upsert_instance(&state, &id[6], &id[1], &parent));
    must(naive_upsert_node(&state, &id[6], &id[1], &id[3]));
    must(naive_set_attachment(&state, &id[0], RMG_PLANE_ALPHA, &id[2], &portal));
    jit_buf_init(&bytes, jit_heap_libc(), 1u << 20);
    naive_wsc(&state, &id[7], 9, &bytes);
    naive_release(&state);
    must(rmg_wsc_open(bytes.data, bytes.size, &tiny->file, NULL));
    must(rmg_wsc_instance_at(&tiny->file, 0, &tiny->top));
    must(rmg_wsc_instance_at(&tiny->file, 1, &tiny->child));
    must(verify(&fault));
}

/* The file with other bytes at one place is refused so; put back, it is right again. */
static void refuses(uint64_t at, size_t size, const void *with, const char *section,
                    const char *what)
{
    uint8_t before[JIT_ID_BYTES];
    struct rmg_file_fault fault = {0};
    ck_assert_uint_le(at + size, bytes.size);
    memcpy(before, bytes.data + at, size);
    memcpy(bytes.data + at, with, size);
    ck_assert_int_eq(verify(&fault), JIT_ECORRUPT);
    ck_assert_str_eq(fault.section, section);
    ck_assert_str_eq(fault.what, what);
    memcpy(bytes.data + at, before, size);
    ck_assert_int_eq(verify(&fault), JIT_OK);
}

START_TEST(what_cannot_be)
{
    static const struct jit_id zero;
    struct tiny t;
    struct jit_id far;
    struct jit_id top_id;
    const uint8_t one[8] = {1};
    const uint8_t two[8] = {2};
    const uint8_t three[8] = {3};
    memset(far.bytes, 0xfe, sizeof far.bytes);
    tiny_begin(&t);
    const uint64_t *at = t.top.at;
    top_id = t.top.id;
    refuses(128, 32, &zero, "directory entry", "an instance id of zeros");
    refuses(128, 32, &far, "directory entry", "instances do not ascend by id");
    refuses(128 + 32, 32, &far, "directory entry", "its root node is no node of it");
    refuses(128 + 184, 32, &far, "node_atts", "a portal to no instance of the file");
    refuses(at[RMG_WSC_NODES], 32, &far, "nodes", "nodes do not ascend by id");
    refuses(at[RMG_WSC_NODES] + 32, 32, &zero, "nodes", "a type of zeros");
    refuses(at[RMG_WSC_EDGES] + 64, 32, &far, "edges", "it enters no node of its instance");
    refuses(at[RMG_WSC_EDGES] + 96, 32, &zero, "edges", "a type of zeros");
    refuses(at[RMG_WSC_EDGES] + 32, 32, &far, "out_edges", "an edge that leaves another node");
    refuses(at[RMG_WSC_OUT_INDEX], 8, one, "out_index",
            "its range is not the next part of the out-edges");
    refuses(at[RMG_WSC_OUT_INDEX] + 8, 8, three, "out_index",
            "its range is not the next part of the out-edges");
    refuses(at[RMG_WSC_OUT_EDGES], 8, one, "out_edges", "an index past the edges");
    refuses(at[RMG_WSC_OUT_EDGES] + 8, 32, &far, "out_edges",
            "it is not the id of the edge it points to");
    refuses(at[RMG_WSC_NODE_ATTS_INDEX], 8, one, "node_atts_index",
            "its range is not the next part of the attachments");
    refuses(at[RMG_WSC_NODE_ATTS], 1, three, "node_atts", "neither an atom nor a portal");
    refuses(at[RMG_WSC_NODE_ATTS] + 1, 1, one, "node_atts", "a reserved byte that is not zero");
    refuses(at[RMG_WSC_NODE_ATTS] + 8, 32, &zero, "node_atts", "an atom type or instance of zeros");
    refuses(at[RMG_WSC_NODE_ATTS] + 8, 32, &top_id, "directory entry",
            "nested in a circle or deeper than 64");
    refuses(at[RMG_WSC_NODE_ATTS] + 40, 8, two, "node_atts", "a portal with a blob");
    refuses(at[RMG_WSC_NODE_ATTS] + 48, 8, two, "node_atts", "a portal with a blob");
    /* As an atom its blob would have to be there: the portal is lost, and the child with it. */
    refuses(at[RMG_WSC_NODE_ATTS], 1, one, "directory entry", "a second instance without a portal");
    refuses(RMG_WSC_HEADER_SIZE - 1, 1, one, "header", "a reserved byte that is not zero");
    jit_buf_release(&bytes);
}
END_TEST

/* A range of two rows: the format has room for it, an owner has one attachment. */
START_TEST(more_than_one_attachment)
{
    struct tiny t;
    struct rmg_file_fault fault = {0};
    tiny_begin(&t);
    uint8_t *index = bytes.data + t.top.at[RMG_WSC_NODE_ATTS_INDEX];
    /* The second node has the portal; a file of two rows is made by hand. */
    ck_assert_uint_eq(t.top.rows[RMG_WSC_NODE_ATTS], 1);
    uint8_t more[56];
    memcpy(more, bytes.data + t.top.at[RMG_WSC_NODE_ATTS], sizeof more);
    uint64_t at = t.top.at[RMG_WSC_NODE_ATTS] + 56;
    jit_put_le64(index + 24, 2);
    (void)jit_buf_extend(&bytes, 56);
    memmove(bytes.data + at + 56, bytes.data + at, bytes.size - at - 56);
    memcpy(bytes.data + at, more, 56);
    jit_put_le64(bytes.data + 128 + 64 + 72, 2); /* rows of node_atts */
    for (unsigned e = 0; e < 2; e++) {
        static const unsigned offsets[] = {0, 16, 32, 40, 56, 64, 80, 88, 104};
        for (unsigned s = e == 0 ? 6 : 0; s < 9; s++) {
            uint8_t *place = bytes.data + 128 + 184 * e + 64 + offsets[s];
            jit_put_le64(place, jit_le64(place) + 56);
        }
    }
    ck_assert_int_eq(verify(&fault), JIT_ECORRUPT);
    ck_assert_str_eq(fault.section, "node_atts_index");
    ck_assert_str_eq(fault.what, "more than one attachment");
    jit_buf_release(&bytes);
}
END_TEST

/* ---- failures on the way ---- */

START_TEST(every_refused_allocation)
{
    enum jit_err err = JIT_ENOMEM;
    struct rmg_wsc_head head = head_of(1);
    small();
    for (int64_t n = 0; err != JIT_OK; n++) {
        struct target target;
        struct rmg_file_fault fault;
        ck_assert_int_lt(n, 10000);
        err = load(bytes.data, bytes.size, n, &target, &fault);
        ck_assert_int_eq(err, fault_heap_fired(&target.mem) ? JIT_ENOMEM : JIT_OK);
        drop(&target);
    }
    err = JIT_ENOMEM;
    for (int64_t n = 0; err != JIT_OK; n++) {
        struct fault_heap mem = fault_heap_make(n, false);
        struct jit_buf buf;
        ck_assert_int_lt(n, 10000);
        jit_buf_init(&buf, jit_heap_libc(), 64u << 20);
        err =
            rmg_wsc_write(&mem.heap, plain.store, &plain.version, &head, to_buf, &buf, NULL, NULL);
        ck_assert_int_eq(err, fault_heap_fired(&mem) ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(mem.live, 0);
        jit_buf_release(&buf);
    }
    end();
}
END_TEST

static enum jit_err full_disk(void *user, const uint8_t *piece, size_t size)
{
    (void)piece;
    (void)size;
    ++*(int *)user;
    return JIT_ENOSPC;
}

START_TEST(a_write_that_fails_stops)
{
    int calls = 0;
    struct rmg_wsc_head head = head_of(1);
    begin(WORLD_RANDOM, 3, &sizes[1]);
    ck_assert_int_eq(rmg_wsc_write(&plain.heap.heap, plain.store, &plain.version, &head, full_disk,
                                   &calls, NULL, NULL),
                     JIT_ENOSPC);
    ck_assert_int_eq(calls, 1);
    struct rmg_version none = rmg_version_empty();
    ck_assert_int_eq(
        rmg_wsc_write(&plain.heap.heap, plain.store, &none, &head, full_disk, &calls, NULL, NULL),
        JIT_EINVALID);
    ck_assert_int_eq(calls, 1);
    end();
}
END_TEST

/* The owner of a named attachment is named, on both planes, and nothing is written. */
START_TEST(what_does_not_fit) /* _i: plane, and whether a nameless one is there as well */
{
    int calls = 0;
    struct rmg_tx *tx = NULL;
    struct rmg_wsc_head head = head_of(1);
    struct rmg_wsc_owner owner;
    struct rmg_attachment a = {.name = "speed",
                               .name_size = 5,
                               .value = {.kind = RMG_VALUE_ATOM,
                                         .type = world_id(WORLD_RANDOM, 1, 1),
                                         .bytes = (const uint8_t *)"x",
                                         .size = 1}};
    begin(WORLD_RANDOM, 5, &sizes[3]);
    const struct naive_instance *in = &plain.model.instances[plain.model.instance_count - 1];
    enum rmg_plane plane = _i % 2 == 0 ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    ck_assert_uint_gt(in->edge_count, 0);
    struct jit_id id = plane == RMG_PLANE_ALPHA ? in->nodes[0].id : in->edges[0].id;
    uint64_t size = 0;
    must(rmg_wsc_fits(plain.store, &plain.version, &owner, &size));
    ck_assert_uint_eq(size, bytes.size);
    must(rmg_tx_begin(plain.store, &plain.version, &tx));
    must(rmg_tx_set_attachment(tx, &in->id, plane, &id, &a));
    if (_i >= 2) {
        a.name_size = 0;
        struct rmg_value there;
        struct rmg_graph graph;
        must(rmg_tx_graph(tx, &in->id, &graph));
        if (rmg_attachment_get(&graph, plane, &id, "", 0, &there) == JIT_ENOENT) {
            must(rmg_tx_set_attachment(tx, &in->id, plane, &id, &a));
        }
    }
    must(rmg_tx_seal(tx, &plain.version));
    ck_assert_int_eq(rmg_wsc_write(&plain.heap.heap, plain.store, &plain.version, &head, full_disk,
                                   &calls, &owner, NULL),
                     JIT_ENOTSUP);
    ck_assert_int_eq(calls, 0);
    ck_assert_int_eq(owner.plane, plane);
    ck_assert(jit_id_equal(&owner.owner, &id));
    ck_assert(jit_id_equal(&owner.instance, &in->id));
    ck_assert_uint_eq(owner.name_size, 5);
    ck_assert_mem_eq(owner.name, "speed", 5);
    struct jit_id root;
    ck_assert_int_eq(rmg_echo_root(&plain.heap.heap, plain.store, &plain.version, &root, &owner),
                     JIT_ENOTSUP);
    end();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "format", 20);
    tcase_add_loop_test(t, there_and_back, 0, 5 * WORLD_IDS * SIZES);
    tcase_add_loop_test(t, reads, 0, WORLD_IDS);
    tcase_add_test(t, large);
    tcase_add_loop_test(t, windows, 0, 100);
    tcase_add_test(t, parents);
    tcase_add_loop_test(t, what_does_not_fit, 0, 4);
    t = test_case(s, "hostile", 60);
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, every_flipped_bit);
    tcase_add_test(t, garbage_behind_a_good_header);
    tcase_add_loop_test(t, claims_allocate_nothing, 0, (int)(sizeof claims / sizeof *claims));
    tcase_add_test(t, what_cannot_be);
    tcase_add_test(t, more_than_one_attachment);
    t = test_case(s, "faults", 20);
    tcase_add_test(t, every_refused_allocation);
    tcase_add_test(t, a_write_that_fails_stops);
}

TEST_MAIN("wsc", suite)

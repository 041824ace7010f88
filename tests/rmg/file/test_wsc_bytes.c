/* Goal:   whatever is in a .wsc file that the specification does not say is refused by section and
 *         byte, or is another state; no claim costs memory.
 * Method: every truncation, every flipped bit, claims without substance, what cannot be. */
#include "base/le.h"
#include "rmg/file/wsc_priv.h"
#include "tests/rmg/file/wsc_bed.h"
#include "tests/rmg/file/wsc_fixture.h"

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

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hostile", 60);
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, every_flipped_bit);
    tcase_add_test(t, garbage_behind_a_good_header);
    tcase_add_loop_test(t, claims_allocate_nothing, 0, (int)(sizeof claims / sizeof *claims));
    tcase_add_test(t, what_cannot_be);
    tcase_add_test(t, more_than_one_attachment);
}

TEST_MAIN("wsc_bytes", suite)

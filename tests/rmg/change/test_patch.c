/* Goal:   the bytes of slots, operations, patches and commits are those of docs/spec/patch.md, and
 *         nothing else is accepted.
 * Method: the worked example is built here and compared with the document; then its negative
 *         space: every truncation, every flipped bit, every broken rule of order. */
#include <stdio.h>

#include "base/hash.h"
#include "rmg/change/patch.h"
#include "rmg/change/receipt.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/change/patch_bed.h"

/* ---- the document ---- */

static FILE *open_document(void)
{
    char path[4096];
    const char *top = getenv("top_srcdir");
    int size = snprintf(path, sizeof path, "%s/docs/spec/patch.md", top == NULL ? "." : top);
    ck_assert(size > 0 && (size_t)size < sizeof path);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    return file;
}

/* The bytes of the block ```hex. */
static size_t document_bytes(uint8_t *bytes, size_t room)
{
    char line[512];
    size_t size = 0;
    bool inside = false;
    FILE *file = open_document();
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "```", 3) == 0) {
            inside = strcmp(line, "```hex\n") == 0;
            continue;
        }
        for (const char *at = line; inside && line[0] != '#' && at[0] != '\n'; at += 2) {
            unsigned value = 0;
            ck_assert_int_eq(sscanf(at, "%2x", &value), 1);
            ck_assert_uint_lt(size, room);
            bytes[size++] = (uint8_t)value;
        }
    }
    fclose(file);
    return size;
}

static struct jit_id document_hash(const char *name)
{
    char line[512];
    struct jit_id out = {{0}};
    bool found = false;
    FILE *file = open_document();
    while (fgets(line, sizeof line, file) != NULL) {
        size_t size = strlen(name);
        if (strncmp(line, name, size) == 0 && strncmp(line + size, " = ", 3) == 0) {
            ck_assert_int_eq(jit_id_from_hex(line + size + 3, 64, &out), JIT_OK);
            found = true;
        }
    }
    fclose(file);
    ck_assert_msg(found, "no line '%s = ' in docs/spec/patch.md", name);
    return out;
}

static void check_hash(const char *name, const struct jit_id *got)
{
    char hex[JIT_ID_HEX];
    struct jit_id want = document_hash(name);
    jit_id_to_hex(got, hex);
    ck_assert_msg(jit_id_equal(got, &want), "%s is %s", name, hex);
}

START_TEST(golden)
{
    uint8_t want[4096];
    struct rmg_receipt receipts[3];
    struct rmg_commit commit = {.parent_count = 1, .policy = 1, .tick = 9};
    struct jit_id parent = filled(0x22);
    struct jit_id id;
    build_example();
    size_t size = document_bytes(want, sizeof want);
    ck_assert_uint_eq(patch.size, size);
    ck_assert_mem_eq(patch.data, want, size);
    rmg_patch_digest(patch.data, patch.size, &commit.patch_digest);
    check_hash("example patch_digest", &commit.patch_digest);
    for (uint32_t i = 0; i < 3; i++) {
        char label[] = "request:0";
        label[8] = (char)('0' + i);
        jit_hash(label, strlen(label), &receipts[i].request_key);
        receipts[i].process = named("node:", i < 2 ? "/proc/w/0" : "/proc/w/1");
        receipts[i].result = i == 1 ? RMG_CONFLICT : RMG_APPLIED;
        receipts[i].blocker = i == 1 ? 0 : RMG_NO_BLOCKER;
    }
    rmg_receipts_digest(receipts, 3, &commit.receipts_digest);
    check_hash("example receipts_digest", &commit.receipts_digest);
    commit.parents = &parent;
    commit.state_root = filled(0x33);
    rmg_commit_id(&commit, &id);
    check_hash("example commit", &id);
    commit.parent_count = 0;
    commit.tick = 0;
    rmg_commit_id(&commit, &id);
    check_hash("example genesis", &id);
}
END_TEST

START_TEST(each_gives_back_what_was_encoded)
{
    struct copy copy = {.count = 0};
    struct jit_id root;
    build_example();
    jit_buf_init(&copy.buf, &mem.heap, JIT_PATCH_BYTES_MAX);
    ck_assert_int_eq(rmg_patch_each(&mem.heap, patch.data, patch.size, &root, copy_op, &copy),
                     JIT_OK);
    ck_assert(jit_id_equal(&root, &base_root));
    ck_assert_uint_eq(copy.count, 5);
    ck_assert_mem_eq(patch.data + patch.size - copy.buf.size, copy.buf.data, copy.buf.size);
    jit_buf_release(&copy.buf);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    build_example();
    for (size_t keep = 0; keep < patch.size; keep++) {
        ck_assert_int_eq(read_patch(patch.data, keep), JIT_EFORMAT);
    }
    jit_buf_put_u8(&patch, 0); /* and one byte more */
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
}
END_TEST

/* A flip is refused, or reads as another patch whose bytes are exactly those: nothing is read two
 * ways. */
START_TEST(every_flip_is_refused_or_another_patch)
{
    build_example();
    size_t head = 0;
    for (size_t bit = 0; bit < patch.size * 8; bit++) {
        struct copy copy = {.count = 0};
        struct jit_id root;
        patch.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        jit_buf_init(&copy.buf, &mem.heap, JIT_PATCH_BYTES_MAX);
        enum jit_err err = rmg_patch_each(&mem.heap, patch.data, patch.size, &root, copy_op, &copy);
        if (err == JIT_OK) {
            head = patch.size - copy.buf.size;
            ck_assert_uint_eq(copy.count, 5);
            ck_assert_mem_eq(patch.data + head, copy.buf.data, copy.buf.size);
        } else {
            ck_assert_int_eq(err, JIT_EFORMAT);
        }
        jit_buf_release(&copy.buf);
        patch.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    ck_assert_uint_gt(head, 0); /* flips in ids and values are patches */
}
END_TEST

START_TEST(reading_without_memory)
{
    build_example();
    struct fault_heap small = fault_heap_make(0, true);
    struct jit_id root;
    ck_assert_int_eq(rmg_patch_each(&small.heap, patch.data, patch.size, &root, ignore_op, NULL),
                     JIT_ENOMEM);
    ck_assert_int_eq(small.live, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "patch", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, golden);
    tcase_add_test(t, each_gives_back_what_was_encoded);
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, every_flip_is_refused_or_another_patch);
    tcase_add_test(t, reading_without_memory);
}

TEST_MAIN("patch", suite)

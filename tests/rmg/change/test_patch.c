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

static struct fault_heap mem;
static struct jit_buf patch;
static struct jit_id world, a, b, c, e, package, depends, base_root;

static struct jit_id named(const char *prefix, const char *label)
{
    struct jit_id id;
    jit_hash_named(prefix, label, strlen(label), &id);
    return id;
}

static struct jit_id filled(uint8_t byte)
{
    struct jit_id id;
    memset(&id, byte, sizeof id);
    return id;
}

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&patch, &mem.heap, JIT_PATCH_BYTES_MAX);
    world = named("warp:", "/world");
    a = named("node:", "a");
    b = named("node:", "b");
    c = named("node:", "c");
    e = named("edge:", "e");
    package = named("type:", "Package");
    depends = named("type:", "DEPENDS");
    base_root = filled(0x11);
}

static void teardown(void)
{
    jit_buf_release(&patch);
    ck_assert_int_eq(mem.live, 0);
}

/* ---- building ---- */

static struct rmg_slot slot_of(enum rmg_slot_kind kind, const struct jit_id *id, const char *name)
{
    return (struct rmg_slot){.kind = kind,
                             .instance = world,
                             .id = *id,
                             .name = name,
                             .name_size = (uint32_t)strlen(name)};
}

static struct rmg_attachment number(const char *name, uint8_t bytes[8], int64_t value)
{
    jit_put_le64(bytes, (uint64_t)value);
    return (struct rmg_attachment){
        .name = name,
        .name_size = (uint32_t)strlen(name),
        .value = {
            .kind = RMG_VALUE_ATOM, .type = named("type:", "i64"), .bytes = bytes, .size = 8}};
}

static struct jit_id prior_of(const char *name, int64_t value)
{
    uint8_t bytes[8];
    struct jit_id out;
    struct rmg_attachment attachment = number(name, bytes, value);
    ck_assert_int_eq(rmg_value_of_attachment(RMG_PLANE_ALPHA, &attachment, &out), JIT_OK);
    return out;
}

static void put_list(const struct rmg_slot *slots, size_t count)
{
    size_t size = patch.size + 8;
    jit_buf_put_u64(&patch, count);
    for (size_t i = 0; i < count; i++) {
        size += rmg_slot_size(&slots[i]);
        rmg_slot_encode(&slots[i], &patch);
    }
    ck_assert_uint_eq(patch.size, size);
}

static void put_op(struct rmg_op op, const struct rmg_origin *origins, uint32_t count)
{
    size_t size = patch.size + 8;
    op.instance = world;
    op.origins = origins;
    op.origin_count = count;
    size = patch.size + rmg_op_size(&op);
    rmg_op_encode(&op, &patch);
    ck_assert_uint_eq(patch.size, size);
}

static void put_set(const char *name, int64_t value, int64_t before,
                    const struct rmg_origin *origins, uint32_t count)
{
    uint8_t bytes[8];
    put_op((struct rmg_op){.kind = RMG_OP_SET_ATTACHMENT,
                           .plane = RMG_PLANE_ALPHA,
                           .id = a,
                           .attachment = number(name, bytes, value),
                           .prior = prior_of(name, before)},
           origins, count);
}

static void build_example(void)
{
    const struct rmg_slot in[] = {slot_of(RMG_SLOT_NODE, &a, ""),
                                  slot_of(RMG_SLOT_ALPHA, &a, "state")};
    struct rmg_slot out[] = {
        slot_of(RMG_SLOT_NODE, &c, ""),       slot_of(RMG_SLOT_EDGE, &e, ""),
        slot_of(RMG_SLOT_ALPHA, &a, "hits"),  slot_of(RMG_SLOT_ALPHA, &a, "note"),
        slot_of(RMG_SLOT_ALPHA, &a, "state"), slot_of(RMG_SLOT_INCIDENCE, &a, "")};
    out[5].direction = RMG_DIR_OUT;
    out[5].type = depends;
    jit_buf_reset(&patch);
    jit_buf_put_id(&patch, &base_root);
    put_list(in, 2);
    put_list(out, 6);
    jit_buf_put_u64(&patch, 5);
    put_op((struct rmg_op){.kind = RMG_OP_CLEAR_ATTACHMENT,
                           .plane = RMG_PLANE_ALPHA,
                           .id = a,
                           .attachment = {.name = "note", .name_size = 4},
                           .prior = prior_of("note", 7)},
           &(struct rmg_origin){0, 3}, 1);
    put_op((struct rmg_op){.kind = RMG_OP_UPSERT_NODE, .id = c, .type = package},
           &(struct rmg_origin){0, 0}, 1);
    put_op(
        (struct rmg_op){.kind = RMG_OP_UPSERT_EDGE, .id = e, .from = a, .to = c, .type = depends},
        &(struct rmg_origin){0, 1}, 1);
    put_set("hits", 5, 2, (struct rmg_origin[]){{0, 4}, {2, 0}}, 2);
    put_set("state", 1, 0, &(struct rmg_origin){0, 2}, 1);
    ck_assert_int_eq(patch.err, JIT_OK);
}

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

/* ---- reading ---- */

struct copy {
    struct jit_buf buf;
    uint64_t count;
};

static bool copy_op(void *user, const struct rmg_op *op)
{
    struct copy *copy = user;
    rmg_op_encode(op, &copy->buf);
    copy->count++;
    return true;
}

static bool ignore_op(void *user, const struct rmg_op *op)
{
    (void)user;
    (void)op;
    return true;
}

static enum jit_err read_patch(const uint8_t *bytes, size_t size)
{
    struct jit_id root;
    return rmg_patch_each(&mem.heap, bytes, size, &root, ignore_op, NULL);
}

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

/* ---- rules of order ---- */

static void begin(uint64_t operations)
{
    jit_buf_reset(&patch);
    jit_buf_put_id(&patch, &base_root);
    put_list(NULL, 0);
    put_list(NULL, 0);
    jit_buf_put_u64(&patch, operations);
}

static const struct rmg_origin origin = {0, 0};

static void put_node(const struct jit_id *id)
{
    put_op((struct rmg_op){.kind = RMG_OP_UPSERT_NODE, .id = *id, .type = package}, &origin, 1);
}

static void put_deletion(enum rmg_op_kind kind, const struct jit_id *id)
{
    put_op((struct rmg_op){.kind = kind, .id = *id, .prior = a}, &origin, 1);
}

START_TEST(order_and_duplicates)
{
    const struct jit_id *low = jit_id_compare(&a, &b) < 0 ? &a : &b;
    const struct jit_id *high = low == &a ? &b : &a;
    begin(2);
    put_node(low);
    put_node(high);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_OK);
    begin(2);
    put_node(high);
    put_node(low);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
    begin(2);
    put_node(low);
    put_node(low);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
    begin(2); /* a kind out of its place */
    put_node(low);
    put_deletion(RMG_OP_DELETE_EDGE, high);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
}
END_TEST

START_TEST(no_slot_is_emptied_and_filled)
{
    begin(3);
    put_deletion(RMG_OP_DELETE_NODE, &a);
    put_deletion(RMG_OP_DELETE_NODE, &c); /* a and c in the order of their bytes: see below */
    put_node(&b);
    ck_assert_int_lt(jit_id_compare(&c, &a), 0);
    begin(3);
    put_deletion(RMG_OP_DELETE_NODE, &c);
    put_deletion(RMG_OP_DELETE_NODE, &a);
    put_node(&b);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_OK);
    begin(3);
    put_deletion(RMG_OP_DELETE_NODE, &c);
    put_deletion(RMG_OP_DELETE_NODE, &a);
    put_node(&a);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);

    begin(2);
    put_deletion(RMG_OP_DELETE_EDGE, &e);
    put_op(
        (struct rmg_op){.kind = RMG_OP_UPSERT_EDGE, .id = e, .from = a, .to = c, .type = depends},
        &origin, 1);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);

    begin(2);
    put_op((struct rmg_op){.kind = RMG_OP_CLEAR_ATTACHMENT,
                           .plane = RMG_PLANE_ALPHA,
                           .id = a,
                           .attachment = {.name = "x", .name_size = 1},
                           .prior = a},
           &origin, 1);
    put_set("x", 1, 0, &origin, 1);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);

    struct rmg_parent none = {.present = false};
    begin(2);
    put_op((struct rmg_op){.kind = RMG_OP_DELETE_INSTANCE, .prior = a}, &origin, 1);
    put_op((struct rmg_op){.kind = RMG_OP_UPSERT_INSTANCE, .from = a, .parent = &none}, &origin, 1);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
}
END_TEST

START_TEST(origins_and_priors)
{
    begin(1);
    put_set("x", 1, 0, (struct rmg_origin[]){{0, 1}, {0, 1}}, 2);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
    begin(1);
    put_set("x", 1, 0, (struct rmg_origin[]){{1, 0}, {0, 1}}, 2);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
    begin(1); /* what is deleted was there */
    put_op((struct rmg_op){.kind = RMG_OP_DELETE_NODE, .id = a}, &origin, 1);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
    begin(1);
    put_set("x", 1, 0, (struct rmg_origin[]){{0, 1}, {UINT32_MAX, 0}}, 2);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_OK);

    struct jit_cursor cur = jit_cursor_of(patch.data + 56, patch.size - 56);
    struct rmg_parent parent;
    struct rmg_origin origins[2];
    struct rmg_op op;
    ck_assert_int_eq(rmg_op_decode(&cur, &parent, origins, 1, &op), JIT_ELIMIT);
    cur = jit_cursor_of(patch.data + 56, patch.size - 56);
    ck_assert_int_eq(rmg_op_decode(&cur, &parent, origins, 2, &op), JIT_OK);
    ck_assert(jit_cursor_done(&cur));
    ck_assert_uint_eq(op.origins[1].request, UINT32_MAX);
}
END_TEST

/* ---- limits ---- */

START_TEST(names_and_atoms_at_their_limits)
{
    static uint8_t big[JIT_ATOM_BYTES_MAX + 1];
    char name[JIT_NAME_BYTES_MAX + 2];
    memset(name, 'n', sizeof name);
    for (uint32_t over = 0; over < 2; over++) {
        begin(1);
        put_op((struct rmg_op){.kind = RMG_OP_SET_ATTACHMENT,
                               .plane = RMG_PLANE_BETA,
                               .id = e,
                               .attachment = {.name = name,
                                              .name_size = JIT_NAME_BYTES_MAX + over,
                                              .value = {.kind = RMG_VALUE_PORTAL, .type = world}}},
               &origin, 1);
        ck_assert_int_eq(read_patch(patch.data, patch.size), over == 0 ? JIT_OK : JIT_EFORMAT);
        begin(1);
        put_op((struct rmg_op){.kind = RMG_OP_SET_ATTACHMENT,
                               .plane = RMG_PLANE_BETA,
                               .id = e,
                               .attachment = {.value = {.kind = RMG_VALUE_ATOM,
                                                        .type = package,
                                                        .bytes = big,
                                                        .size = JIT_ATOM_BYTES_MAX + over}}},
               &origin, 1);
        ck_assert_int_eq(read_patch(patch.data, patch.size), over == 0 ? JIT_OK : JIT_EFORMAT);
    }
    begin(1); /* a name that is not UTF-8 */
    put_op((struct rmg_op){.kind = RMG_OP_SET_ATTACHMENT,
                           .plane = RMG_PLANE_ALPHA,
                           .id = a,
                           .attachment = {.name = "\xff",
                                          .name_size = 1,
                                          .value = {.kind = RMG_VALUE_PORTAL, .type = world}}},
           &origin, 1);
    ck_assert_int_eq(read_patch(patch.data, patch.size), JIT_EFORMAT);
}
END_TEST

/* ---- slots ---- */

/* A handful of slots that differ in one part each, with every kind among them. */
static size_t all_slots(struct rmg_slot *out)
{
    static const char *const names[] = {"", "a", "b", "ab"};
    size_t count = 0;
    const struct jit_id ids[] = {a, b};
    for (int kind = RMG_SLOT_NODE; kind <= RMG_SLOT_VALUES; kind++) {
        for (size_t id = 0; id < 2; id++) {
            bool named_kind = rmg_slot_is_named((enum rmg_slot_kind)kind);
            size_t variants = named_kind ? 4 : kind == RMG_SLOT_INCIDENCE ? 4 : 1;
            for (size_t v = 0; v < variants; v++) {
                struct rmg_slot slot =
                    slot_of((enum rmg_slot_kind)kind, &ids[id], named_kind ? names[v] : "");
                if (kind == RMG_SLOT_INCIDENCE) {
                    slot.direction = v & 1 ? RMG_DIR_IN : RMG_DIR_OUT;
                    slot.type = v & 2 ? depends : (struct jit_id){{0}};
                }
                out[count++] = slot;
            }
        }
    }
    return count;
}

static int sign(int value)
{
    return value < 0 ? -1 : value > 0;
}

START_TEST(slots_compare_as_their_bytes)
{
    struct rmg_slot slots[64];
    struct jit_buf x;
    struct jit_buf y;
    jit_buf_init(&x, &mem.heap, 1024);
    jit_buf_init(&y, &mem.heap, 1024);
    size_t count = all_slots(slots);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            jit_buf_reset(&x);
            jit_buf_reset(&y);
            rmg_slot_encode(&slots[i], &x);
            rmg_slot_encode(&slots[j], &y);
            size_t common = x.size < y.size ? x.size : y.size;
            int order = memcmp(x.data, y.data, common);
            order = order != 0 ? order : (int)x.size - (int)y.size;
            ck_assert_int_eq(sign(rmg_slot_compare(&slots[i], &slots[j])), sign(order));
        }
    }
    jit_buf_release(&x);
    jit_buf_release(&y);
}
END_TEST

START_TEST(slots_round_trip_and_truncate)
{
    struct rmg_slot slots[64];
    struct rmg_slot got;
    size_t count = all_slots(slots);
    for (size_t i = 0; i < count; i++) {
        jit_buf_reset(&patch);
        rmg_slot_encode(&slots[i], &patch);
        for (size_t keep = 0; keep < patch.size; keep++) {
            struct jit_cursor cur = jit_cursor_of(patch.data, keep);
            ck_assert_int_eq(rmg_slot_decode(&cur, &got), JIT_EFORMAT);
        }
        struct jit_cursor cur = jit_cursor_of(patch.data, patch.size);
        ck_assert_int_eq(rmg_slot_decode(&cur, &got), JIT_OK);
        ck_assert(jit_cursor_done(&cur));
        ck_assert_int_eq(rmg_slot_compare(&got, &slots[i]), 0);
        patch.data[0] = RMG_SLOT_VALUES + 1; /* an unknown kind */
        cur = jit_cursor_of(patch.data, patch.size);
        ck_assert_int_eq(rmg_slot_decode(&cur, &got), JIT_EFORMAT);
    }
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
    tcase_add_test(t, order_and_duplicates);
    tcase_add_test(t, no_slot_is_emptied_and_filled);
    tcase_add_test(t, origins_and_priors);
    tcase_add_test(t, names_and_atoms_at_their_limits);
    tcase_add_test(t, slots_compare_as_their_bytes);
    tcase_add_test(t, slots_round_trip_and_truncate);
}

TEST_MAIN("patch", suite)

/* Goal:   a patch has its operations in one order and its origins in theirs; no slot is emptied and
 *         filled; slots compare as their bytes, and names and atoms end at their limits.
 * Method: each rule kept, and broken by one; random slots and each kind of them. */
#include "rmg/change/patch.h"
#include "tests/lib/tcase.h"
#include "tests/rmg/change/patch_bed.h"

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
    TCase *t = test_case(s, "patch_rules", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, order_and_duplicates);
    tcase_add_test(t, no_slot_is_emptied_and_filled);
    tcase_add_test(t, origins_and_priors);
    tcase_add_test(t, names_and_atoms_at_their_limits);
    tcase_add_test(t, slots_compare_as_their_bytes);
    tcase_add_test(t, slots_round_trip_and_truncate);
}

TEST_MAIN("patch_rules", suite)

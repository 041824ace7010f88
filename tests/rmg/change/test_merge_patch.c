/* Goal:   differences are patches that any state may take: performed whole, or moved with all that
 *         stands in the way named; refused memory leaves nothing behind.
 * Method: the base and sides of merge_case.h; patches written by hand; a heap that refuses. */
#include "tests/rmg/change/merge_case.h"

static struct jit_buf patch_moved; /* what is listed borrows from it */

static enum jit_err rebase_with(const struct rmg_merge_options *options, const struct kit *from,
                                const struct kit *to, const struct kit *onto)
{
    struct rmg_state a = kit_state(from);
    struct rmg_state b = kit_state(to);
    struct rmg_state c = kit_state(onto);
    forget();
    jit_buf_release(&patch_moved);
    kit_diff(&heap.heap, &a, &b, &patch_moved);
    enum jit_err err = rmg_rebase(options, &c, patch_moved.data, patch_moved.size, &result);
    merged = err == JIT_OK;
    return err;
}

static void setup_patch(void)
{
    setup();
    jit_buf_init(&patch_moved, &heap.heap, 0);
}

static void teardown_patch(void)
{
    forget();
    jit_buf_release(&patch_moved);
    teardown();
}

static void rebase(void)
{
    struct rmg_merge_options options = plain();
    must(rebase_with(&options, &base, &ours, &theirs));
}

START_TEST(a_node_whose_edges_went_elsewhere)
{
    struct kit copy;
    struct jit_buf patch;
    begin(&ours);
    node(0, 6, 0);
    edge(0, 0, 6, 2);
    no_value(0, 1, "n");
    no_node(0, 1);
    end(&ours);
    struct rmg_state a = kit_state(&base);
    struct rmg_state b = kit_state(&ours);
    kit_diff(&heap.heap, &a, &b, &patch);
    kit_copy(&copy, &base, &heap.heap);
    must(kit_apply(&copy, &heap.heap, &patch));
    ck_assert(jit_id_equal(&copy.version.state_root, &ours.version.state_root));
    kit_close(&copy, &heap.heap);
    jit_buf_release(&patch);
}
END_TEST

/* A patch of one operation on a root. */
static void put_patch(struct jit_buf *patch, const struct jit_id *root, const struct rmg_op *ops,
                      unsigned count)
{
    jit_buf_init(patch, &heap.heap, 1u << 16);
    jit_buf_put_id(patch, root);
    jit_buf_put_u64(patch, 0);
    jit_buf_put_u64(patch, 0);
    jit_buf_put_u64(patch, count);
    for (unsigned i = 0; i < count; i++) {
        rmg_op_encode(&ops[i], patch);
    }
}

START_TEST(an_operation_on_nothing_fails_the_patch)
{
    static const struct rmg_origin origin = {0, 0};
    struct rmg_op ops[2] = {{.kind = RMG_OP_UPSERT_NODE,
                             .id = kit_node(9),
                             .type = kit_type(0),
                             .origins = &origin,
                             .origin_count = 1}};
    struct jit_id there = kit_instance(0);
    struct jit_id missing = kit_instance(77);
    struct jit_buf patch;
    ops[1] = ops[0];
    int order = jit_id_compare(&missing, &there);
    ops[order < 0 ? 0 : 1].instance = missing;
    ops[order < 0 ? 1 : 0].instance = there;
    put_patch(&patch, &base.version.state_root, ops, 2);
    ck_assert_int_eq(kit_apply(&base, &heap.heap, &patch), JIT_ENOENT);
    jit_buf_release(&patch);
}
END_TEST

START_TEST(a_held_node_must_come_free)
{
    static const struct rmg_origin origin = {0, 0};
    struct rmg_op op = {.kind = RMG_OP_DELETE_NODE,
                        .instance = kit_instance(0),
                        .id = kit_node(2),
                        .origins = &origin,
                        .origin_count = 1};
    struct jit_id type = kit_type(0);
    struct jit_buf patch;
    rmg_value_of_node(&type, &op.prior);
    put_patch(&patch, &base.version.state_root, &op, 1);
    ck_assert_int_eq(kit_apply(&base, &heap.heap, &patch), JIT_EDANGLING);
    jit_buf_release(&patch);
}
END_TEST

START_TEST(rebase_compares_values)
{
    begin(&ours);
    value(0, 2, "hi", 4);
    node(0, 3, 2);
    value(0, 3, "a", 1);
    value(0, 1, "n", 6);
    end(&ours);
    begin(&theirs);
    value(0, 2, "hi", 9);
    node(0, 3, 2); /* the same already */
    value(0, 1, "n", 7);
    end(&theirs);
    rebase();
    static const struct expected sum[] = {{RMG_CONFLICT_VALUE, RMG_PART_ALPHA, 0, 1}};
    listed(sum, 1); /* a sum needs the value of the base */
    ck_assert(result.conflicts[0].base_unknown);
    ck_assert(!jit_id_is_zero(&result.conflicts[0].base_hash));
    struct rmg_choice choice = {place(RMG_PART_ALPHA, 0, 1, "n"), RMG_SIDE_THEIRS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(rebase_with(&options, &base, &ours, &theirs));
    ck_assert_uint_eq(result.joined, 1); /* max */
    ck_assert_uint_eq(result.operations, 1);
    choice.take = RMG_SIDE_BASE;
    ck_assert_int_eq(rebase_with(&options, &base, &ours, &theirs), JIT_EINVALID);
}
END_TEST

START_TEST(rebase_sees_what_the_patch_does_not_know)
{
    begin(&ours);
    no_edge(0, 0);
    no_value(0, 1, "n");
    no_node(0, 1);
    drop_instance(2, 0, 0, "b");
    end(&ours);
    begin(&theirs);
    value(0, 1, "a", 1);
    edge(0, 5, 1, 3);
    edge(0, 6, 1, 1);
    value_on(0, RMG_PLANE_BETA, 0, "a", 1);
    node(2, 6, 1);
    end(&theirs);
    rebase();
    static const struct expected expected[] = {
        {RMG_CONFLICT_INSTANCE_DELETED, RMG_PART_INSTANCE, 2, 0}};
    ck_assert_uint_eq(result.conflict_count, 5);
    ck_assert_int_eq(result.conflicts[0].kind, expected[0].kind);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(result.conflicts[i].kind, RMG_CONFLICT_END_DELETED);
    }
    for (int i = 3; i < 5; i++) {
        ck_assert_int_eq(result.conflicts[i].kind, RMG_CONFLICT_OWNER_DELETED);
    }
    for (int side = RMG_SIDE_OURS; side <= RMG_SIDE_THEIRS; side++) {
        struct rmg_merge_options options = plain();
        struct kit copy;
        struct rmg_fault fault;
        options.strategy = (enum rmg_side)side;
        must(rebase_with(&options, &base, &ours, &theirs));
        ck_assert_uint_eq(result.conflict_count, 0);
        kit_copy(&copy, &theirs, &heap.heap);
        must(kit_apply(&copy, &heap.heap, &result.patch));
        must(rmg_store_verify(copy.store, &copy.version, &fault));
        ck_assert(jit_id_equal(&copy.version.state_root, side == RMG_SIDE_OURS
                                                             ? &ours.version.state_root
                                                             : &theirs.version.state_root));
        kit_close(&copy, &heap.heap);
    }
}
END_TEST

START_TEST(a_patch_has_a_bound)
{
    struct rmg_merge_options options = plain();
    more_values(&ours, 0, 50);
    must(merge_with(&options));
    options.patch_bytes_max = result.patch.size;
    must(merge_with(&options));
    options.patch_bytes_max--;
    ck_assert_int_eq(merge_with(&options), JIT_ELIMIT);
}
END_TEST

/* ---- memory ---- */

START_TEST(no_memory) /* refuse allocation 0, 1, 2, ... until none is refused */
{
    struct fault_heap fault;
    enum jit_err err = JIT_ENOMEM;
    begin(&ours);
    value(0, 1, "n", 6);
    value(0, 2, "a", 1);
    edge(0, 5, 3, 1);
    move(1, 0, 0, "a", 2, 1, "n");
    end(&ours);
    begin(&theirs);
    value(0, 1, "n", 7);
    value(0, 2, "a", 2);
    move(2, 0, 0, "b", 1, 1, "n");
    end(&theirs);
    struct rmg_state a = kit_state(&base);
    struct rmg_state b = kit_state(&ours);
    struct rmg_state c = kit_state(&theirs);
    struct jit_buf patch;
    kit_diff(&heap.heap, &a, &b, &patch);
    for (int what = 0; what < 3; what++) {
        err = JIT_ENOMEM;
        for (int n = 0; err != JIT_OK; n++) {
            struct rmg_merge_options options = plain();
            struct rmg_merge_result r;
            struct jit_buf diff;
            fault = fault_heap_make(n, false);
            options.heap = &fault.heap;
            options.strategy = what == 0 ? RMG_SIDE_NONE : RMG_SIDE_OURS;
            if (what == 2) {
                err = rmg_rebase(&options, &c, patch.data, patch.size, &r);
            } else {
                err = rmg_merge(&options, &a, &b, &c, &r);
            }
            ck_assert_int_eq(err, fault_heap_fired(&fault) ? JIT_ENOMEM : JIT_OK);
            if (err == JIT_OK) {
                rmg_merge_result_release(&r);
            }
            ck_assert_int_eq(fault.live, 0);
            fault = fault_heap_make(n, false);
            jit_buf_init(&diff, &fault.heap, 1u << 20);
            enum jit_err diff_err = rmg_diff_patch(&fault.heap, &a, &b, &diff, NULL);
            ck_assert_int_eq(diff_err, fault_heap_fired(&fault) ? JIT_ENOMEM : JIT_OK);
            jit_buf_release(&diff);
            ck_assert_int_eq(fault.live, 0);
        }
    }
    jit_buf_release(&patch);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "patches", 60);
    tcase_add_checked_fixture(t, setup_patch, teardown_patch);
    tcase_add_test(t, a_node_whose_edges_went_elsewhere);
    tcase_add_test(t, an_operation_on_nothing_fails_the_patch);
    tcase_add_test(t, a_held_node_must_come_free);
    tcase_add_test(t, rebase_compares_values);
    tcase_add_test(t, rebase_sees_what_the_patch_does_not_know);
    tcase_add_test(t, a_patch_has_a_bound);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("merge_patch", suite)

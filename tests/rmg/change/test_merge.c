/* Goal:   every kind of conflict is found and named, every limit holds at its value and not one
 *         past it, and choices do what docs/spec/merge.md says.
 * Method: one small base; each case changes both sides by hand and says what must be listed. */
#include "tests/rmg/change/merge_case.h"

/* Node 1, with what it has and its edge. */
static void they_drop_a_node(void)
{
    begin(&theirs);
    no_edge(0, 0);
    no_value(0, 1, "n");
    no_node(0, 1);
    end(&theirs);
}

/* ---- one of each kind ---- */

START_TEST(value_conflict)
{
    begin(&ours);
    value(0, 2, "a", 1);
    end(&ours);
    begin(&theirs);
    value(0, 2, "a", 2);
    end(&theirs);
    one(RMG_CONFLICT_VALUE, RMG_PART_ALPHA, 0, 2);
    ck_assert_ptr_null(result.conflicts[0].content[RMG_SIDE_BASE]);
    ck_assert_int_eq(result.conflicts[0].content[RMG_SIDE_OURS]->value.bytes[0], 1);
    ck_assert_int_eq(result.conflicts[0].content[RMG_SIDE_THEIRS]->value.bytes[0], 2);
}
END_TEST

START_TEST(sum_and_overflow)
{
    begin(&ours);
    value(0, 1, "n", INT64_MAX - 3);
    end(&ours);
    begin(&theirs);
    value(0, 1, "n", 8); /* + 3 */
    end(&theirs);
    merge();
    ck_assert_uint_eq(result.joined, 1);
    perform();
    union rmg_content space;
    struct rmg_graph graph;
    struct rmg_instance in;
    struct jit_id top = kit_instance(0);
    struct jit_id owner = kit_node(1);
    must(rmg_store_instance(ours.store, &ours.version, &top, &in));
    rmg_store_graph(ours.store, &in, &graph);
    must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &owner, "n", 1, &space.value));
    ck_assert_int_eq((int64_t)jit_le64(space.value.bytes), INT64_MAX);
    begin(&theirs);
    value(0, 1, "n", 9); /* ours is INT64_MAX now: one too many */
    end(&theirs);
    one(RMG_CONFLICT_OVERFLOW, RMG_PART_ALPHA, 0, 1);
}
END_TEST

START_TEST(no_join_across_types) /* a node that changed its type has no field to join */
{
    begin(&ours);
    value(0, 1, "n", 6);
    node(0, 1, 2);
    end(&ours);
    begin(&theirs);
    value(0, 1, "n", 7);
    end(&theirs);
    one(RMG_CONFLICT_VALUE, RMG_PART_ALPHA, 0, 1);
}
END_TEST

START_TEST(type_conflict)
{
    begin(&ours);
    node(0, 2, 1);
    end(&ours);
    begin(&theirs);
    node(0, 2, 2);
    end(&theirs);
    one(RMG_CONFLICT_TYPE, RMG_PART_NODE, 0, 2);
}
END_TEST

START_TEST(edge_conflict)
{
    begin(&ours);
    edge(0, 7, 1, 3);
    end(&ours);
    begin(&theirs);
    edge(0, 7, 3, 1);
    end(&theirs);
    one(RMG_CONFLICT_EDGE, RMG_PART_EDGE, 0, 7);
}
END_TEST

START_TEST(deleted_conflict) /* and what hangs on it is not listed again */
{
    begin(&ours);
    node(0, 1, 2);
    value(0, 1, "a", 1);
    end(&ours);
    they_drop_a_node();
    one(RMG_CONFLICT_DELETED, RMG_PART_NODE, 0, 1);
}
END_TEST

START_TEST(owner_deleted_conflict)
{
    begin(&ours);
    value(0, 1, "n", 6);
    value_on(0, RMG_PLANE_BETA, 0, "a", 1);
    end(&ours);
    they_drop_a_node();
    static const struct expected expected[] = {{RMG_CONFLICT_OWNER_DELETED, RMG_PART_ALPHA, 0, 1},
                                               {RMG_CONFLICT_OWNER_DELETED, RMG_PART_BETA, 0, 0}};
    merge();
    listed(expected, 2);
    struct rmg_place owner = place(RMG_PART_NODE, 0, 1, NULL);
    ck_assert(result.conflicts[0].has_other);
    ck_assert_int_eq(rmg_place_compare(&result.conflicts[0].other, &owner), 0);
}
END_TEST

START_TEST(end_deleted_conflict)
{
    begin(&ours);
    edge(0, 5, 3, 1);
    end(&ours);
    they_drop_a_node();
    one(RMG_CONFLICT_END_DELETED, RMG_PART_EDGE, 0, 5);
    struct rmg_place end_place = place(RMG_PART_NODE, 0, 1, NULL);
    ck_assert_int_eq(rmg_place_compare(&result.conflicts[0].other, &end_place), 0);
}
END_TEST

static void rooted(unsigned id, unsigned root)
{
    struct jit_id a = kit_instance(id);
    struct jit_id b = kit_node(root);
    struct rmg_parent parent = slot(0, 0, id == 1 ? "a" : "b");
    must(rmg_tx_upsert_instance(tx, &a, &b, &parent));
}

START_TEST(root_conflicts)
{
    begin(&ours);
    rooted(1, 1);
    end(&ours);
    begin(&theirs);
    no_node(1, 1);
    end(&theirs);
    one(RMG_CONFLICT_ROOT_DELETED, RMG_PART_INSTANCE, 1, 0);
    begin(&theirs);
    node(1, 1, 1);
    node(1, 2, 1);
    rooted(1, 2);
    end(&theirs);
    one(RMG_CONFLICT_INSTANCE, RMG_PART_INSTANCE, 1, 0);
}
END_TEST

START_TEST(instance_deleted_conflict)
{
    begin(&ours);
    value(1, 1, "a", 1);
    node(1, 5, 1);
    end(&ours);
    begin(&theirs);
    drop_instance(1, 0, 0, "a");
    end(&theirs);
    one(RMG_CONFLICT_INSTANCE_DELETED, RMG_PART_INSTANCE, 1, 0);
}
END_TEST

START_TEST(moved_and_deleted) /* a move is a change of what the other side deleted, too */
{
    begin(&ours);
    move(1, 0, 0, "a", 2, 1, "n");
    end(&ours);
    begin(&theirs);
    drop_instance(1, 0, 0, "a");
    end(&theirs);
    one(RMG_CONFLICT_INSTANCE_DELETED, RMG_PART_INSTANCE, 1, 0);
}
END_TEST

START_TEST(parent_conflict) /* two portals to one instance */
{
    begin(&ours);
    move(1, 0, 0, "a", 0, 3, "hi");
    end(&ours);
    begin(&theirs);
    move(1, 0, 0, "a", 2, 0, "lo");
    end(&theirs);
    one(RMG_CONFLICT_PARENT, RMG_PART_INSTANCE, 1, 0);
}
END_TEST

START_TEST(one_slot_two_portals)
{
    begin(&ours);
    instance(3, 0, 2, "a");
    end(&ours);
    begin(&theirs);
    instance(4, 0, 2, "a");
    end(&theirs);
    one(RMG_CONFLICT_VALUE, RMG_PART_ALPHA, 0, 2);
    /* taking one of them drops the other whole */
    struct rmg_choice choice = {place(RMG_PART_ALPHA, 0, 2, "a"), RMG_SIDE_THEIRS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    perform();
    ck_assert(jit_id_equal(&ours.version.state_root, &theirs.version.state_root));
}
END_TEST

START_TEST(cycle_conflict)
{
    begin(&ours);
    move(1, 0, 0, "a", 2, 1, "n");
    end(&ours);
    begin(&theirs);
    move(2, 0, 0, "b", 1, 1, "n");
    end(&theirs);
    merge();
    ck_assert_uint_eq(result.conflict_count, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(result.conflicts[i].kind, RMG_CONFLICT_CYCLE);
        ck_assert(result.conflicts[i].has_other);
    }
    struct rmg_choice choice = {place(RMG_PART_INSTANCE, 1, 0, NULL), RMG_SIDE_THEIRS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    perform(); /* 1 stays where it was, so 2 may lie in it */
    ck_assert(jit_id_equal(&ours.version.state_root, &theirs.version.state_root));
}
END_TEST

/* Both put a top above the top. */
static void above(unsigned id)
{
    struct jit_id a = kit_instance(id);
    struct jit_id root = kit_node(0);
    must(rmg_tx_upsert_instance(tx, &a, &root, NULL));
    node(id, 0, 1);
    hang(0, 0, id, 0, "a");
}

START_TEST(top_conflict)
{
    begin(&ours);
    above(3);
    end(&ours);
    begin(&theirs);
    above(4);
    end(&theirs);
    one(RMG_CONFLICT_PARENT, RMG_PART_INSTANCE, 0, 0);
    struct rmg_choice choice[2] = {{place(RMG_PART_INSTANCE, 0, 0, NULL), RMG_SIDE_OURS},
                                   {place(RMG_PART_INSTANCE, 4, 0, NULL), RMG_SIDE_OURS}};
    struct rmg_merge_options options = plain();
    options.choices = choice;
    options.choice_count = 1;
    must(merge_with(&options));
    ck_assert_uint_eq(result.conflict_count, 2);
    ck_assert_int_eq(result.conflicts[0].kind, RMG_CONFLICT_TOP);
    ck_assert_int_eq(result.conflicts[1].kind, RMG_CONFLICT_TOP);
    options.choice_count = 2;
    must(merge_with(&options));
    struct jit_id root = ours.version.state_root;
    perform();
    ck_assert(jit_id_equal(&ours.version.state_root, &root));
}
END_TEST

START_TEST(portal_conflict) /* after choices that do not fit together */
{
    begin(&ours);
    move(1, 0, 0, "a", 0, 3, "hi");
    end(&ours);
    struct rmg_choice choice[2] = {{place(RMG_PART_INSTANCE, 1, 0, NULL), RMG_SIDE_OURS},
                                   {place(RMG_PART_ALPHA, 0, 3, "hi"), RMG_SIDE_BASE}};
    struct rmg_merge_options options = plain();
    options.choices = choice;
    options.choice_count = 2;
    must(merge_with(&options));
    ck_assert_uint_eq(result.conflict_count, 1);
    ck_assert_int_eq(result.conflicts[0].kind, RMG_CONFLICT_PORTAL);
    ck_assert_uint_eq(result.patch.size, 0);
}
END_TEST

/* ---- limits ---- */

static void many_values(void)
{
    for (unsigned i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%u", i);
        value(0, 3, name, 1);
    }
}

START_TEST(values_at_the_limit)
{
    extend(many_values);
    more_values(&ours, 200, 28);
    more_values(&theirs, 300, 28);
    merge();
    ck_assert_uint_eq(result.conflict_count, 0);
    more_values(&theirs, 328, 1);
    one(RMG_CONFLICT_LIMIT, RMG_PART_NODE, 0, 3);
    struct rmg_choice choice = {place(RMG_PART_NODE, 0, 3, NULL), RMG_SIDE_THEIRS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    ck_assert_uint_eq(result.operations, 29);
    options = plain();
    options.strategy = RMG_SIDE_OURS;
    must(merge_with(&options));
    ck_assert_uint_eq(result.operations, 28);
    begin(&ours);
    no_value(0, 3, "v7");
    end(&ours);
    merge(); /* one went, so one more fits */
    perform();
}
END_TEST

static const char *const link_name = "a";

/* Instances 100 to 131 under the top, one in the other; 200 to 231 as well. Depth 32 each. */
static void two_chains(void)
{
    for (unsigned chain = 100; chain <= 200; chain += 100) {
        for (unsigned i = 0; i < 32; i++) {
            if (i == 0) {
                instance(chain, 0, 2, chain == 100 ? "a" : "n");
            } else {
                instance(chain + i, chain + i - 1, 0, link_name);
            }
        }
    }
}

START_TEST(depth_at_the_limit)
{
    extend(two_chains);
    begin(&ours);
    move(200, 0, 2, "n", 131, 0, "n"); /* its last one lies 64 deep now */
    end(&ours);
    begin(&theirs);
    instance(232, 230, 0, "n"); /* beside the last one: 64 deep */
    end(&theirs);
    merge();
    perform();
    begin(&theirs);
    instance(233, 231, 0, "n"); /* below the last one: 65 deep */
    end(&theirs);
    merge();
    ck_assert_uint_eq(result.conflict_count, 2); /* the one that is new, the one that moved */
    ck_assert_int_eq(result.conflicts[0].kind, RMG_CONFLICT_DEPTH);
    ck_assert_int_eq(result.conflicts[1].kind, RMG_CONFLICT_DEPTH);
    for (int side = RMG_SIDE_OURS; side <= RMG_SIDE_THEIRS; side++) {
        struct rmg_merge_options options = plain();
        options.strategy = (enum rmg_side)side;
        must(merge_with(&options));
        ck_assert_uint_eq(result.conflict_count, 0);
    }
}
END_TEST

START_TEST(depth_of_what_nobody_changed)
{
    extend(two_chains);
    begin(&ours);
    move(200, 0, 2, "n", 131, 0, "n");
    end(&ours);
    begin(&theirs);
    move(100, 0, 2, "a", 1, 1, "n"); /* one deeper; 231 was touched by nobody */
    end(&theirs);
    merge();
    ck_assert_uint_eq(result.conflict_count, 2);
    ck_assert_int_eq(result.conflicts[0].kind, RMG_CONFLICT_DEPTH);
    begin(&ours);
    drop_instance(231, 230, 0, link_name);
    end(&ours);
    merge();
    perform();
}
END_TEST

/* ---- choices ---- */

START_TEST(kept_with_what_it_needs)
{
    begin(&ours);
    edge(0, 5, 3, 1);
    end(&ours);
    they_drop_a_node();
    struct rmg_choice choice = {place(RMG_PART_EDGE, 0, 5, NULL), RMG_SIDE_OURS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    perform(); /* the node with its value is there, the other edge is not */
    struct kit_hand h = {.tx = NULL};
    struct rmg_value unused;
    struct jit_id top = kit_instance(0);
    struct jit_id kept = kit_node(1);
    struct jit_id gone = kit_edge(0);
    begin(&ours);
    h.tx = tx;
    ck_assert(kit_value(&h, &top, RMG_PLANE_ALPHA, &kept, "n", &unused));
    ck_assert(!kit_has_edge(&h, &top, &gone));
    rmg_tx_abort(tx);
}
END_TEST

START_TEST(an_instance_kept_deep_inside)
{
    begin(&base);
    instance(3, 1, 1, "n"); /* in 1 */
    end(&base);
    kit_close(&ours, &heap.heap);
    kit_close(&theirs, &heap.heap);
    kit_copy(&ours, &base, &heap.heap);
    kit_copy(&theirs, &base, &heap.heap);
    begin(&ours);
    value(3, 0, "a", 1);
    end(&ours);
    struct jit_id changed = ours.version.state_root;
    begin(&theirs);
    drop_instance(1, 0, 0, "a"); /* and 3 with it */
    end(&theirs);
    one(RMG_CONFLICT_INSTANCE_DELETED, RMG_PART_INSTANCE, 3, 0);
    struct rmg_choice choice = {place(RMG_PART_INSTANCE, 3, 0, NULL), RMG_SIDE_OURS};
    struct rmg_merge_options options = plain();
    options.choices = &choice;
    options.choice_count = 1;
    must(merge_with(&options));
    perform(); /* 1 is there again, whole, since 3 lies in it */
    ck_assert(jit_id_equal(&ours.version.state_root, &changed));
}
END_TEST

START_TEST(bad_choices)
{
    struct rmg_choice choice[2] = {{place(RMG_PART_NODE, 0, 3, NULL), RMG_SIDE_OURS},
                                   {place(RMG_PART_ALPHA, 0, 2, "a"), RMG_SIDE_OURS}};
    struct rmg_merge_options options = plain();
    options.choices = choice;
    options.choice_count = 2;
    begin(&ours);
    value(0, 2, "a", 1);
    end(&ours);
    ck_assert_int_eq(merge_with(&options), JIT_ENOENT);
    ck_assert_uint_eq(result.choice_bad, 0);
    choice[0] = choice[1];
    ck_assert_int_eq(merge_with(&options), JIT_EEXIST);
    options.choice_count = 1;
    choice[0].take = RMG_SIDE_NONE;
    ck_assert_int_eq(merge_with(&options), JIT_EINVALID);
    choice[0].take = RMG_SIDE_BASE; /* a change that conflicts with nothing can be undone */
    must(merge_with(&options));
    ck_assert_uint_eq(result.operations, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "kinds", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, value_conflict);
    tcase_add_test(t, sum_and_overflow);
    tcase_add_test(t, no_join_across_types);
    tcase_add_test(t, type_conflict);
    tcase_add_test(t, edge_conflict);
    tcase_add_test(t, deleted_conflict);
    tcase_add_test(t, owner_deleted_conflict);
    tcase_add_test(t, end_deleted_conflict);
    tcase_add_test(t, root_conflicts);
    tcase_add_test(t, instance_deleted_conflict);
    tcase_add_test(t, moved_and_deleted);
    tcase_add_test(t, parent_conflict);
    tcase_add_test(t, one_slot_two_portals);
    tcase_add_test(t, cycle_conflict);
    tcase_add_test(t, top_conflict);
    tcase_add_test(t, portal_conflict);
    tcase_add_test(t, values_at_the_limit);
    tcase_add_test(t, depth_at_the_limit);
    tcase_add_test(t, depth_of_what_nobody_changed);
    t = test_case(s, "choices", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, kept_with_what_it_needs);
    tcase_add_test(t, an_instance_kept_deep_inside);
    tcase_add_test(t, bad_choices);
}

TEST_MAIN("merge", suite)

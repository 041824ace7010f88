/* Goal:   what two workers' branches ask for becomes what they saw; what does not fit any more is
 *         refused and says what is in the way.
 * Method: single cases on the spaces and the twin of collapse_bed.h. */
#include "tests/sws/collapse_bed.h"

static struct sws_branch *fork_of(struct worker *worker)
{
    struct sws_branch *branch = NULL;
    must(sws_fork(worker->space, NULL, &branch));
    return branch;
}

static void set(struct worker *worker, struct sws_branch *branch, uint64_t n, const char *name,
                int64_t value)
{
    uint8_t word[8];
    struct rmg_op op = {.kind = RMG_OP_SET_ATTACHMENT,
                        .instance = top,
                        .plane = RMG_PLANE_ALPHA,
                        .id = pool(n),
                        .attachment = number(name, word, value)};
    sws_change_begin(worker->space, branch);
    must(sws_change_op(worker->space, &op));
    must(sws_change_end(worker->space));
}

static void reads(struct worker *worker, struct sws_branch *branch, struct rmg_slot slot)
{
    slot.instance = top;
    sws_change_begin(worker->space, branch);
    must(sws_change_reads(worker->space, &slot));
    must(sws_change_end(worker->space));
}

static void edge(struct worker *worker, struct sws_branch *branch, uint64_t from, uint64_t to)
{
    struct rmg_op op = {.kind = RMG_OP_UPSERT_EDGE,
                        .instance = top,
                        .from = pool(from),
                        .to = pool(to),
                        .type = type};
    must(sws_new_id(worker->space, branch, &op.id));
    sws_change_begin(worker->space, branch);
    must(sws_change_op(worker->space, &op));
    must(sws_change_end(worker->space));
}

static void collapse_it(struct worker *worker, struct sws_branch *branch)
{
    struct sws_collapse collapse;
    must(sws_collapse(worker->space, branch, &bytes[request_count], &collapse));
    ck_assert(add_request(worker));
}

static int64_t value_of(uint64_t n, const char *name)
{
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct rmg_value value;
    const struct jit_id id = pool(n);
    must(rmg_store_instance(kernel, &version, &top, &instance));
    rmg_store_graph(kernel, &instance, &graph);
    must(rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &id, name, 1, &value));
    return (int64_t)jit_le64(value.bytes);
}

/* Both add, in one tick and later on an older base: what is added counts, not what was seen. */
START_TEST(additions_add_up)
{
    struct worker *a = &workers[0];
    struct worker *b = &workers[1];
    struct sws_branch *old = fork_of(b);
    set(b, old, 5, "n", 105); /* 5 + 100 */
    set(b, old, 5, "m", 45);
    struct sws_branch *branch = fork_of(a);
    set(a, branch, 5, "n", 6);
    collapse_it(a, branch);
    branch = fork_of(b);
    set(b, branch, 5, "n", 15);
    set(b, branch, 5, "m", 50);
    collapse_it(b, branch);
    make_tick();
    ck_assert_uint_eq(output.applied, 2);
    ck_assert_int_eq(value_of(5, "n"), 16);
    next();
    collapse_it(b, old);
    branch = fork_of(a);
    set(a, branch, 5, "l", 9);
    collapse_it(a, branch);
    branch = fork_of(a);
    set(a, branch, 5, "l", 8);
    make_tick();
    ck_assert_uint_eq(output.applied, 2);
    ck_assert_int_eq(value_of(5, "n"), 116);
    ck_assert_int_eq(value_of(5, "m"), 50);
    ck_assert_int_eq(value_of(5, "l"), 9);
    next();
    collapse_it(a, branch); /* its base is older, and the last one wins */
    make_tick();
    ck_assert_int_eq(value_of(5, "l"), 8);
}
END_TEST

/* A field without a join: the first in order wins, the other is told who; later what stands in the
 * way. */
START_TEST(conflicts_say_what)
{
    struct worker *b = &workers[1];
    struct sws_branch *old = fork_of(b);
    set(b, old, 2, "v", 1);
    set(b, old, 3, "v", 1);
    reads(b, old,
          (struct rmg_slot){.kind = RMG_SLOT_ALPHA, .id = pool(3), .name = "v", .name_size = 1});
    for (unsigned i = 0; i < SPACES; i++) {
        struct sws_branch *branch = fork_of(&workers[i]);
        set(&workers[i], branch, 3, "v", 70 + (int64_t)i);
        collapse_it(&workers[i], branch);
    }
    make_tick();
    ck_assert_uint_eq(output.applied, 1);
    ck_assert_uint_eq(output.receipts[1].result, RMG_CONFLICT);
    ck_assert_uint_eq(output.receipts[1].blocker, 0);
    next();
    collapse_it(b, old);
    make_tick();
    const struct rmg_collapse_clash *clash = &collapses[0].clash;
    ck_assert_uint_eq(receipt_of(0)->result, RMG_CONFLICT);
    ck_assert_uint_eq(receipt_of(0)->blocker, RMG_NO_BLOCKER);
    ck_assert_uint_eq(clash->reads, 1);
    ck_assert_uint_eq(clash->operations, 1);
    ck_assert_uint_eq(clash->first_operation, 1); /* of nodes 2 and 3 */
}
END_TEST

/* Who looked at all edges of a node sees that there is one more. */
START_TEST(incidences_and_extents)
{
    static const enum rmg_slot_kind kinds[] = {RMG_SLOT_INCIDENCE, RMG_SLOT_EXTENT};
    for (unsigned i = 0; i < 2; i++) {
        const struct rmg_slot slot = {.kind = kinds[i],
                                      .direction = RMG_DIR_OUT,
                                      .id = i == 0 ? pool(4) : type,
                                      .type = type};
        struct sws_branch *still = fork_of(&workers[0]);
        reads(&workers[0], still, slot);
        set(&workers[0], still, 9, "w", 1 + (int64_t)i);
        struct sws_branch *late = fork_of(&workers[1]);
        reads(&workers[1], late, slot);
        set(&workers[1], late, 8, "w", 2);
        struct sws_branch *branch = fork_of(&workers[1]);
        set(&workers[1], branch, 4, "v", 77 + (int64_t)i); /* no edge and no node */
        next();
        collapse_it(&workers[1], branch);
        make_tick();
        next();
        collapse_it(&workers[0], still);
        make_tick();
        ck_assert_uint_eq(output.applied, 1);
        branch = fork_of(&workers[0]);
        edge(&workers[0], branch, 4, 5);
        next();
        collapse_it(&workers[0], branch);
        make_tick();
        ck_assert_uint_eq(output.applied, 1);
        next();
        collapse_it(&workers[1], late);
        make_tick();
        ck_assert_uint_eq(receipt_of(0)->result, RMG_CONFLICT);
        ck_assert_uint_eq(collapses[0].clash.reads, 1);
    }
}
END_TEST

static void refused(enum rmg_result result)
{
    ck_assert(add_request(&workers[0]));
    struct jit_id root = version.state_root;
    make_tick();
    ck_assert_msg(receipt_of(0)->result == result, "%s", rmg_result_text(receipt_of(0)->result));
    ck_assert(jit_id_equal(&root, &version.state_root));
    next();
}

/* What an honest space never writes. */
static void raw(uint64_t base_tick, const uint64_t *counter, const int64_t *sum,
                const struct rmg_op *ops, uint64_t count)
{
    static const struct jit_id none;
    struct jit_buf *buf = &bytes[request_count];
    jit_buf_put_u64(buf, base_tick);
    jit_buf_put_u64(buf, 0);
    jit_buf_put_u64(buf, counter != NULL);
    if (counter != NULL) {
        jit_buf_put_u64(buf, *counter);
    }
    jit_buf_put_u64(buf, sum != NULL);
    if (sum != NULL) {
        jit_buf_put_u64(buf, 0);
        jit_buf_put_u64(buf, (uint64_t)*sum);
    }
    jit_buf_put_id(buf, &none);
    jit_buf_put_u64(buf, 0);
    jit_buf_put_u64(buf, 0);
    jit_buf_put_u64(buf, count);
    for (uint64_t i = 0; i < count; i++) {
        const struct rmg_origin origin = {0, (uint32_t)i};
        struct rmg_op op = ops[i];
        op.origins = &origin;
        op.origin_count = 1;
        rmg_op_encode(&op, buf);
    }
}

START_TEST(what_is_not_valid)
{
    const uint64_t zero = 0;
    const int64_t wrong = 3;
    const struct rmg_parent parent = {
        .present = true, .plane = RMG_PLANE_ALPHA, .instance = top, .owner = pool(1)};
    uint8_t word[8];
    struct jit_id prior;
    struct rmg_attachment was = number("n", word, 5);
    must(rmg_value_of_attachment(RMG_PLANE_ALPHA, &was, &prior));
    struct rmg_op op = {.kind = RMG_OP_SET_ATTACHMENT,
                        .instance = top,
                        .plane = RMG_PLANE_ALPHA,
                        .id = pool(5),
                        .attachment = number("n", word, 7),
                        .prior = prior};
    raw(tick + 1, NULL, NULL, &op, 1); /* of a version to come */
    refused(RMG_INVALID);
    raw(tick, NULL, &wrong, &op, 1); /* it did not begin with 3 */
    refused(RMG_INVALID);
    op.attachment.value.size = 7; /* no number, where the schema says that there is one */
    raw(tick, NULL, NULL, &op, 1);
    refused(RMG_INVALID);
    op.attachment.value = (struct rmg_value){.kind = RMG_VALUE_PORTAL, .type = pool(7)};
    raw(tick, NULL, NULL, &op, 1);
    refused(RMG_INVALID);
    op = (struct rmg_op){.kind = RMG_OP_UPSERT_NODE, .instance = top, .id = pool(60), .type = type};
    raw(tick, &zero, NULL, &op, 1); /* an id that it has chosen */
    refused(RMG_INVALID);
    op = (struct rmg_op){
        .kind = RMG_OP_UPSERT_INSTANCE, .instance = pool(9), .from = pool(1), .parent = &parent};
    raw(tick, NULL, NULL, &op, 1);
    refused(RMG_INVALID);
    op = (struct rmg_op){
        .kind = RMG_OP_UPSERT_EDGE, .instance = top, .from = pool(1), .to = pool(80), .type = type};
    rmg_branch_id(&workers[0].process, tick, 0, &op.id);
    raw(tick, &zero, NULL, &op, 1); /* an end that is not there */
    refused(RMG_DANGLING);
    op = (struct rmg_op){.kind = RMG_OP_DELETE_NODE, .instance = top, .id = pool(2)};
    rmg_value_of_node(&type, &op.prior);
    raw(tick, NULL, NULL, &op, 1); /* its attachments are left */
    refused(RMG_INVALID);
    op = (struct rmg_op){
        .kind = RMG_OP_UPSERT_NODE, .instance = pool(3), .id = pool(2), .type = type};
    rmg_branch_id(&workers[0].process, tick, 0, &op.id);
    raw(tick, &zero, NULL, &op, 1); /* in no instance that is there */
    refused(RMG_NO_MATCH);
}
END_TEST

/* Types that the capability does not cover; the same twice; an id that is there already. */
START_TEST(gates_copies_and_ids)
{
    const struct rmg_gate gate = {.any_edge = true, .nodes = &other_type, .node_count = 1};
    struct sws_branch *branch = fork_of(&workers[0]);
    set(&workers[0], branch, 1, "v", 5);
    collapse_it(&workers[0], branch);
    collapses[0].places[0].writes = &gate;
    make_tick();
    ck_assert_uint_eq(receipt_of(0)->result, RMG_DENIED);
    ck_assert_uint_eq(requests[0].gate, RMG_GATE_WRITES_NODE);
    next();
    for (unsigned i = 0; i < 2; i++) {
        branch = fork_of(&workers[0]);
        set(&workers[0], branch, 1, "v", 5);
        collapse_it(&workers[0], branch);
    }
    make_tick();
    ck_assert_uint_eq(output.counts[RMG_DUPLICATE], 1);
    ck_assert_uint_eq(output.applied, 1);
    next();
    struct rmg_op op = {.kind = RMG_OP_UPSERT_NODE, .instance = top, .type = type};
    const uint64_t zero = 0;
    rmg_branch_id(&workers[0].process, 0, 0, &op.id);
    raw(0, &zero, NULL, &op, 1);
    ck_assert(add_request(&workers[0]));
    make_tick();
    ck_assert_uint_eq(output.applied, 1);
    next();
    raw(0, &zero, NULL, &op, 1);
    refused(RMG_EXISTS);
}
END_TEST

static void suite(Suite *all)
{
    TCase *cases = test_case(all, "cases", 10);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, additions_add_up);
    tcase_add_test(cases, conflicts_say_what);
    tcase_add_test(cases, incidences_and_extents);
    tcase_add_test(cases, what_is_not_valid);
    tcase_add_test(cases, gates_copies_and_ids);
}

TEST_MAIN("collapse", suite)

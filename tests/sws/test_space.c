/* Goal:   single cases of a space: both sides moved, instances of its own, rights and age, what is
 * let go, limits, reads, undo, a heap that refuses. Method: the scene of space_bed.h; random
 * branches are in test_space_random.c. */
#include <math.h>

#include "tests/sws/space_bed.h"

static enum jit_err set_value(struct sws_branch *branch, const struct jit_id *instance, uint64_t n,
                              uint64_t value)
{
    struct rmg_op op = {
        .kind = RMG_OP_UPSERT_NODE, .instance = *instance, .id = pool(n), .type = type};
    sws_change_begin(space, branch);
    enum jit_err err = sws_change_op(space, &op);
    if (err == JIT_OK) {
        op.kind = RMG_OP_SET_ATTACHMENT;
        op.plane = RMG_PLANE_ALPHA;
        op.attachment = (struct rmg_attachment){
            "v", 1, {RMG_VALUE_ATOM, type, (const uint8_t *)&value, sizeof value}};
        err = sws_change_op(space, &op);
    }
    if (err == JIT_OK) {
        return sws_change_end(space);
    }
    sws_change_abort(space);
    return err;
}

static uint64_t value_of(const struct sws_branch *branch, const struct jit_id *instance, uint64_t n)
{
    struct rmg_graph graph;
    struct rmg_value value;
    uint64_t out = UINT64_MAX;
    const struct jit_id id = pool(n);
    must(sws_graph(space, branch, instance, &graph));
    if (rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &id, "v", 1, &value) == JIT_OK) {
        memcpy(&out, value.bytes, sizeof out);
    }
    return out;
}

static enum jit_err collapse_of(struct sws_branch *branch, struct jit_buf *request,
                                struct sws_collapse *collapse)
{
    jit_buf_init(request, &heap.heap, JIT_REQUEST_BYTES_MAX);
    return sws_collapse(space, branch, request, collapse);
}

START_TEST(both_sides_moved)
{
    struct sws_branch *a = NULL;
    struct sws_branch *b = NULL;
    struct sws_collapse collapse;
    struct jit_buf request;
    must(set_value(NULL, &own_top, 1, 10));
    must(sws_fork(space, NULL, &a));
    must(sws_fork(space, NULL, &b));
    must(set_value(a, &own_top, 1, 11));
    must(set_value(b, &own_top, 2, 22));
    must(set_value(NULL, &own_top, 3, 33));
    must(collapse_of(b, &request, &collapse));
    jit_buf_release(&request);
    ck_assert_uint_eq(value_of(NULL, &own_top, 1), 10);
    ck_assert_uint_eq(value_of(NULL, &own_top, 2), 22);
    ck_assert_uint_eq(value_of(NULL, &own_top, 3), 33);
    must(set_value(NULL, &own_top, 1, 12));
    ck_assert_int_eq(collapse_of(a, &request, &collapse), JIT_ECONFLICT);
    ck_assert_uint_eq(collapse.conflict.conflict_count, 1);
    rmg_merge_result_release(&collapse.conflict);
    ck_assert_uint_eq(value_of(a, &own_top, 1), 11); /* it is as it was */
    must(set_value(NULL, &own_top, 1, 10));
    must(collapse_of(a, &request, &collapse));
    ck_assert_uint_eq(value_of(NULL, &own_top, 1), 11);
    ck_assert_uint_eq(sws_branch_count(space), 0);
    jit_buf_release(&request);
}
END_TEST

/* A portal of `in` at its root, and behind it an instance of one node. */
static enum jit_err nest(struct sws_branch *branch, const struct jit_id *in, const char *name,
                         const struct jit_id *inner)
{
    struct rmg_parent parent = {
        .present = true, .plane = RMG_PLANE_ALPHA, .instance = *in, .owner = pool(0)};
    parent.name_size = (uint32_t)strlen(name);
    memcpy(parent.name, name, parent.name_size);
    const struct rmg_op ops[] = {
        {.kind = RMG_OP_UPSERT_INSTANCE, .instance = *inner, .from = pool(0), .parent = &parent},
        {.kind = RMG_OP_UPSERT_NODE, .instance = *inner, .id = pool(0), .type = type},
        {.kind = RMG_OP_SET_ATTACHMENT,
         .plane = RMG_PLANE_ALPHA,
         .instance = *in,
         .id = pool(0),
         .attachment = {name, (uint32_t)strlen(name), {RMG_VALUE_PORTAL, *inner, NULL, 0}}}};
    enum jit_err err = JIT_OK;
    sws_change_begin(space, branch);
    for (size_t i = 0; err == JIT_OK && i < sizeof ops / sizeof ops[0]; i++) {
        err = sws_change_op(space, &ops[i]);
    }
    if (err != JIT_OK) {
        sws_change_abort(space);
        return err;
    }
    return sws_change_end(space);
}

/* Instances and portals that a branch makes in the own graph go with it, also where the other side
 * has moved; two behind one portal are a conflict; of what is mounted they are the kernel's. */
START_TEST(instances_of_its_own)
{
    struct sws_branch *branches[4] = {NULL};
    struct sws_collapse collapse;
    struct jit_buf request;
    const struct jit_id inner[4] = {pool(70), pool(71), pool(72), pool(73)};
    for (int i = 0; i < 4; i++) {
        must(sws_fork(space, NULL, &branches[i]));
    }
    must(nest(branches[0], &own_top, "a", &inner[0]));
    must(nest(branches[1], &own_top, "b", &inner[1]));
    must(set_value(branches[1], &inner[1], 1, 11));
    must(nest(branches[2], &own_top, "a", &inner[2]));
    ck_assert_int_eq(nest(branches[3], &shared_top, "a", &inner[3]), JIT_ENOTSUP);
    for (int i = 0; i < 2; i++) {
        must(collapse_of(branches[i], &request, &collapse));
        ck_assert_uint_eq(request.size, 0);
        jit_buf_release(&request);
    }
    struct rmg_graph graph;
    must(sws_graph(space, NULL, &inner[0], &graph));
    ck_assert_uint_eq(value_of(NULL, &inner[1], 1), 11);
    ck_assert_int_eq(collapse_of(branches[2], &request, &collapse), JIT_ECONFLICT);
    ck_assert_uint_gt(collapse.conflict.conflict_count, 0);
    rmg_merge_result_release(&collapse.conflict);
    jit_buf_release(&request);
    ck_assert_int_eq(sws_graph(space, NULL, &inner[2], &graph), JIT_ENOENT);
    must(sws_graph(space, branches[2], &inner[2], &graph)); /* it is as it was */
}
END_TEST

START_TEST(rights_and_age)
{
    struct sws_branch *old = NULL;
    struct sws_branch *branch = NULL;
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct sws_collapse collapse;
    struct jit_buf request;
    const struct jit_id nobody = pool(99);
    ck_assert_int_eq(set_value(NULL, &shared_top, 1, 1), JIT_ECAP);
    must(sws_fork(space, NULL, &old));
    must(set_value(old, &shared_top, 1, 1));
    must(set_value(old, &own_top, 1, 1));
    ck_assert_int_eq(sws_graph(space, old, &nobody, &graph), JIT_ENOENT);
    /* A tick later the branch is too old for what is mounted, and still good for what is not. */
    must(rmg_store_instance(kernel, &shown, &shared_top, &instance));
    const struct sws_mount mount = {shared_top, instance.roots, false};
    must(sws_show(space, ++tick, &mount, 1));
    ck_assert_int_eq(sws_graph(space, old, &shared_top, &graph), JIT_ESTALE);
    ck_assert_int_eq(set_value(old, &shared_top, 1, 2), JIT_ECAP);
    ck_assert_uint_eq(value_of(old, &own_top, 1), 1);
    ck_assert_int_eq(collapse_of(old, &request, &collapse), JIT_ESTALE);
    ck_assert_uint_eq(value_of(NULL, &own_top, 1), UINT64_MAX);
    sws_drop(space, old);
    must(sws_fork(space, NULL, &branch));
    ck_assert_int_eq(set_value(branch, &shared_top, 1, 1), JIT_ECAP); /* read only now */
    must(set_value(branch, &own_top, 1, 1));
    must(collapse_of(branch, &request, &collapse));
    ck_assert_uint_eq(value_of(NULL, &own_top, 1), 1);
    ck_assert_uint_eq(request.size, 0);
}
END_TEST

/* Within `keep`, until the kernel says that it has let the version go: what came later stays. */
START_TEST(let_go)
{
    struct sws_branch *old[3] = {NULL};
    struct rmg_instance instance;
    struct rmg_graph graph;
    struct sws_collapse collapse;
    struct jit_buf request;
    teardown();
    setup_with(4, 0);
    must(rmg_store_instance(kernel, &shown, &shared_top, &instance));
    const struct sws_mount mount = {shared_top, instance.roots, true};
    for (unsigned i = 0; i < 3; i++) {
        must(sws_fork(space, NULL, &old[i]));
        must(set_value(old[i], &shared_top, 1, i));
        must(sws_show(space, ++tick, &mount, 1));
    }
    sws_forget(space, tick - 2); /* of the second one */
    ck_assert_int_eq(sws_graph(space, old[0], &shared_top, &graph), JIT_ESTALE);
    ck_assert_int_eq(set_value(old[0], &shared_top, 1, 2), JIT_ESTALE);
    ck_assert_int_eq(collapse_of(old[0], &request, &collapse), JIT_ESTALE);
    ck_assert_uint_eq(value_of(old[1], &shared_top, 1), 1);
    sws_forget(space, 0); /* what is gone does not come back */
    ck_assert_int_eq(sws_graph(space, old[0], &shared_top, &graph), JIT_ESTALE);
    must(collapse_of(old[1], &request, &collapse));
    ck_assert_uint_eq(collapse.shared_operations, 2); /* the node and its value */
    jit_buf_release(&request);
    sws_forget(space, tick);
    ck_assert_int_eq(sws_graph(space, old[2], &shared_top, &graph), JIT_ESTALE);
    must(sws_graph(space, NULL, &shared_top, &graph));
}
END_TEST

START_TEST(limits)
{
    struct sws_branch *deep = NULL;
    struct sws_branch *first = NULL;
    for (unsigned i = 0; i < JIT_BRANCH_DEPTH_MAX; i++) {
        must(sws_fork(space, deep, &deep));
        first = first == NULL ? deep : first;
    }
    struct sws_branch *more = NULL;
    ck_assert_int_eq(sws_fork(space, deep, &more), JIT_ELIMIT);
    sws_drop(space, first);
    ck_assert_uint_eq(sws_branch_count(space), 0);
    for (unsigned i = 0; i < JIT_BRANCHES_MAX; i++) {
        must(sws_fork(space, NULL, &more));
    }
    ck_assert_int_eq(sws_fork(space, NULL, &more), JIT_ELIMIT);
}
END_TEST

/* What was read is in the request, once, with the hash of what lay there. */
START_TEST(reads)
{
    struct sws_branch *outer = NULL;
    struct sws_branch *inner = NULL;
    struct sws_collapse collapse;
    struct jit_buf request;
    struct rmg_slot slot = {.kind = RMG_SLOT_NODE, .instance = shared_top, .id = pool(0)};
    struct rmg_slot absent = {.kind = RMG_SLOT_NODE, .instance = shared_top, .id = pool(7)};
    struct rmg_slot own = {.kind = RMG_SLOT_NODE, .instance = own_top, .id = pool(0)};
    must(sws_fork(space, NULL, &outer));
    must(sws_fork(space, outer, &inner));
    sws_change_begin(space, inner);
    must(sws_change_reads(space, &absent));
    must(sws_change_reads(space, &slot));
    must(sws_change_reads(space, &own));
    must(sws_change_reads(space, &slot));
    must(sws_change_end(space));
    sws_change_begin(space, inner);
    slot.id = pool(3);
    must(sws_change_reads(space, &slot));
    sws_change_abort(space); /* and with it what it read */
    must(set_value(inner, &shared_top, 7, 1));
    must(collapse_of(inner, &request, &collapse));
    ck_assert_uint_eq(request.size, 0);
    must(sws_collapse(space, outer, &request, &collapse));
    struct jit_cursor cur = jit_cursor_of(request.data, request.size);
    struct jit_id hash;
    struct jit_id value;
    rmg_value_of_node(&type, &value);
    ck_assert_uint_eq(jit_get_u64(&cur), tick);
    ck_assert_uint_eq(jit_get_u64(&cur), 2);
    for (unsigned i = 0; i < 2; i++) {
        must(rmg_slot_decode(&cur, &slot));
        memcpy(&hash, jit_get_bytes(&cur, JIT_ID_BYTES), JIT_ID_BYTES);
        const struct jit_id root = pool(0);
        bool is_root = jit_id_equal(&slot.id, &root);
        ck_assert(is_root ? jit_id_equal(&hash, &value) : jit_id_is_zero(&hash));
    }
    struct rmg_collapse decoded;
    must(rmg_collapse_decode(request.data, request.size, &decoded));
    ck_assert_uint_eq(decoded.op_count, collapse.shared_operations);
    jit_buf_release(&request);
}
END_TEST

START_TEST(undo)
{
    teardown();
    setup_with(1, 4);
    for (uint64_t i = 1; i <= 10; i++) {
        must(set_value(NULL, &own_top, 1, i));
    }
    ck_assert_uint_eq(sws_history(space), 4);
    ck_assert_int_eq(sws_undo(space, 5), JIT_EINVALID);
    ck_assert_int_eq(sws_undo(space, 0), JIT_EINVALID);
    must(sws_undo(space, 1));
    ck_assert_uint_eq(value_of(NULL, &own_top, 1), 9);
    must(sws_undo(space, 1)); /* an undo can be undone */
    ck_assert_uint_eq(value_of(NULL, &own_top, 1), 10);
    must(sws_undo(space, 4));
    ck_assert_uint_eq(value_of(NULL, &own_top, 1), 8);
}
END_TEST

START_TEST(choosing)
{
    const double scores[] = {(double)NAN, 1.0, 3.0, 3.0, -1.0};
    ck_assert_uint_eq(sws_choose(scores, 5), 2);
    ck_assert_uint_eq(sws_choose(scores, 1), 0);
    ck_assert_uint_eq(sws_choose(scores + 3, 2), 0);
}
END_TEST

/* Each allocation refused in turn: an error, and all is as before. */
START_TEST(heap_refuses)
{
    must(set_value(NULL, &own_top, 2, 5));
    for (int64_t at = 0;; at++) {
        struct sws_branch *branch = NULL;
        struct sws_collapse collapse;
        struct jit_buf request;
        int64_t live = heap.live;
        jit_buf_init(&request, &heap.heap, JIT_REQUEST_BYTES_MAX);
        heap.refuse_at = heap.calls + at;
        enum jit_err err = sws_fork(space, NULL, &branch);
        if (err == JIT_OK) {
            err = set_value(branch, &shared_top, 1, 7);
        }
        if (err == JIT_OK) {
            err = set_value(branch, &own_top, 2, 100 + (uint64_t)at);
        }
        if (err == JIT_OK) {
            err = sws_collapse(space, branch, &request, &collapse);
            branch = err == JIT_OK ? NULL : branch;
        }
        heap.refuse_at = -1;
        if (err != JIT_OK) {
            ck_assert_int_eq(err, JIT_ENOMEM);
            ck_assert_uint_eq(request.size, 0);
            ck_assert_uint_eq(value_of(NULL, &own_top, 2), 5);
            sws_drop(space, branch);
        }
        jit_buf_release(&request);
        ck_assert_int_ge(live + 4, heap.live); /* chunks that are kept for reuse */
        if (err == JIT_OK) {
            ck_assert_uint_eq(value_of(NULL, &own_top, 2), 100 + (uint64_t)at);
            break;
        }
        ck_assert_int_lt(at, 1000);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "cases", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, both_sides_moved);
    tcase_add_test(t, instances_of_its_own);
    tcase_add_test(t, rights_and_age);
    tcase_add_test(t, let_go);
    tcase_add_test(t, limits);
    tcase_add_test(t, reads);
    tcase_add_test(t, undo);
    tcase_add_test(t, choosing);
    tcase_add_test(t, heap_refuses);
}

TEST_MAIN("space", suite)

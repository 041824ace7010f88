/* Goal:   a branch sees what it was forked from and what it changed, and nobody else sees that; a
 *         collapse puts its own part in place at once and makes one request of the rest, which
 *         brings the root graph to what the branch saw; a drop leaves nothing.
 * Method: random forks, changes, drops and collapses of nested branches over an own graph and a
 *         mounted one, each branch with a naive twin (space_bed.h); requests are carried out on the
 *         graph that is mounted. */
#include "tests/sws/space_bed.h"

static void change_line(int at)
{
    struct twin *twin = at < 0 ? &trunk : &twins[at];
    struct naive_state own = naive_copy(&twin->own);
    struct naive_state shared = naive_copy(&twin->shared);
    uint64_t ops = jit_random_below(&prng, 8) + 1;
    sws_change_begin(space, twin->branch);
    for (uint64_t i = 0; i < ops; i++) {
        struct rmg_op op;
        uint8_t value[8];
        random_op(&op, value);
        enum jit_err err = sws_change_op(space, &op);
        enum jit_err expected =
            at < 0 && !is_own(&op) ? JIT_ECAP : naive_op(is_own(&op) ? &own : &shared, &op);
        ck_assert_msg(err == expected, "%s / %s", jit_err_text(err), jit_err_text(expected));
    }
    bool aborted = jit_random_below(&prng, 5) == 0;
    if (aborted) {
        sws_change_abort(space);
    } else {
        enum jit_err err = sws_change_end(space);
        aborted = !naive_valid(&own) || !naive_valid(&shared);
        ck_assert_int_eq(err, aborted ? JIT_EINVALID : JIT_OK);
    }
    if (aborted) {
        naive_release(&own);
        naive_release(&shared);
        return;
    }
    naive_release(&twin->own);
    naive_release(&twin->shared);
    twin->own = own;
    twin->shared = shared;
    moves[at < 0 ? LINES : (unsigned)at]++;
}

static void fork_line(int from)
{
    unsigned at = 0;
    while (at < LINES && twins[at].branch != NULL) {
        at++;
    }
    if (at == LINES) {
        return;
    }
    struct twin *parent = from < 0 ? &trunk : &twins[from];
    must(sws_fork(space, parent->branch, &twins[at].branch));
    twins[at].parent = from;
    twins[at].own = naive_copy(&parent->own);
    twins[at].shared = naive_copy(&parent->shared);
    twins[at].own_at_fork = moves[from < 0 ? LINES : (unsigned)from];
}

static void forget_line(int at)
{
    for (int i = 0; i < (int)LINES; i++) {
        if (twins[i].branch != NULL && twins[i].parent == at) {
            forget_line(i);
        }
    }
    naive_release(&twins[at].own);
    naive_release(&twins[at].shared);
    twins[at].branch = NULL;
}

struct carrying {
    struct rmg_tx *tx;
    uint64_t count;
};

static bool carry_one(void *user, const struct rmg_op *op)
{
    struct carrying *carrying = user;
    must(rmg_op_apply(carrying->tx, op, true)); /* each says rightly what it replaces */
    carrying->count++;
    return true;
}

/* What the kernel does with a request whose base is its own version. */
static void carry_out(const struct jit_buf *request, const struct sws_collapse *collapse)
{
    struct rmg_collapse decoded;
    struct carrying carrying = {.count = 0};
    struct jit_id root;
    must(rmg_collapse_decode(request->data, request->size, &decoded));
    ck_assert_uint_eq(decoded.base_tick, collapse->base_tick);
    ck_assert_uint_eq(decoded.op_count, collapse->shared_operations);
    must(rmg_tx_begin(kernel, &shown, &carrying.tx));
    must(
        rmg_patch_each(&heap.heap, decoded.patch, decoded.patch_size, &root, carry_one, &carrying));
    ck_assert_uint_eq(carrying.count, decoded.op_count);
    struct rmg_version before = shown;
    must(rmg_tx_seal(carrying.tx, &shown));
    must(rmg_store_pin(kernel, &shown));
    rmg_store_unpin(kernel, &before);
}

/* Branches of an older base cannot be collapsed: the kernel's version moves with every request. */
static void drop_trunk_lines(void)
{
    for (int i = 0; i < (int)LINES; i++) {
        if (twins[i].branch != NULL && twins[i].parent < 0) {
            sws_drop(space, twins[i].branch);
            forget_line(i);
        }
    }
}

static unsigned collapse_line(int at)
{
    struct twin *twin = &twins[at];
    struct twin *parent = twin->parent < 0 ? &trunk : &twins[twin->parent];
    unsigned slot = twin->parent < 0 ? LINES : (unsigned)twin->parent;
    struct sws_collapse collapse;
    struct jit_buf request;
    if (moves[slot] != twin->own_at_fork) {
        return 0; /* both sides moved: cases of their own */
    }
    jit_buf_init(&request, &heap.heap, JIT_REQUEST_BYTES_MAX);
    must(sws_collapse(space, twin->branch, &request, &collapse));
    naive_release(&parent->own);
    parent->own = naive_copy(&twin->own);
    if (twin->parent >= 0) {
        ck_assert_uint_eq(request.size, 0);
        naive_release(&parent->shared);
        parent->shared = naive_copy(&twin->shared);
    } else if (collapse.shared_operations > 0) {
        carry_out(&request, &collapse);
        naive_release(&trunk.shared);
        trunk.shared = naive_copy(&twin->shared);
    } else {
        ck_assert_uint_eq(request.size, 0);
    }
    moves[slot] += collapse.local_operations > 0;
    forget_line(at);
    if (slot == LINES && request.size > 0) {
        drop_trunk_lines();
        show();
    }
    jit_buf_release(&request);
    return 1;
}

START_TEST(random_lines)
{
    unsigned collapses = 0;
    setup_with(1, 0);
    prng = jit_random_of((uint64_t)_i);
    for (unsigned step = 0; step < 500; step++) {
        int at = (int)jit_random_below(&prng, LINES + 2) - 2;
        uint64_t pick = jit_random_below(&prng, 12);
        if (at < 0 || twins[at].branch == NULL) {
            at = -1;
        }
        if (pick < 3) {
            fork_line(at);
        } else if (pick == 3 && at >= 0) {
            sws_drop(space, twins[at].branch);
            forget_line(at);
        } else if (pick < 6 && at >= 0) {
            collapses += collapse_line(at);
        } else if (at >= 0 || pick < 8) {
            change_line(at);
        }
        if (step % 8 == 0) {
            compare_all();
        }
    }
    ck_assert_uint_gt(collapses, 4);
    compare_all();
    drop_trunk_lines();
    ck_assert_uint_eq(sws_branch_count(space), 0);
    struct rmg_fault fault = {.what = ""};
    must(rmg_store_verify(home.store, &home.latest, &fault));
    must(sws_show(space, ++tick, NULL, 0));
    ck_assert_uint_eq(overlay.live, 0); /* nothing is mounted, nothing is branched */
    teardown();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "space", 60);
    tcase_add_loop_test(t, random_lines, 0, 24);
}

TEST_MAIN("space_random", suite)

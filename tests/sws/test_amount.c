/* Goal:   an own graph never gets more than it may have, whichever way it would: a change, a branch
 * that is collapsed, alone or merged with what came meanwhile, an undo. What is refused has done
 * nothing, and what it has is known. Method: random changes, branches and undos under a small
 * quota; after each the amount is counted anew from all there is, and a refusal must leave the
 * version. */
#include <string.h>

#include "base/random.h"
#include "sws/space.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"
#include "tests/sws/sws_kit.h"

#define HOME_BYTES (8u << 20)
#define HEADER     4096u
#define POOL       12u
#define BRANCHES   3u

static struct fault_heap heap;
static uint8_t *memory;
static struct rmg_arena arena;
static struct sws_home home;
static struct sws *space;
static const struct jit_id top = {{1, 1}};
static const struct jit_id type = {{3, 3}};
static const struct rmg_amount most = {.nodes = 6, .edges = 4, .bytes = 40};

static void setup(void)
{
    const struct rmg_amount none = {.nodes = 0};
    struct rmg_op op = {.kind = RMG_OP_UPSERT_INSTANCE, .instance = top, .from = pool(0)};
    heap = fault_heap_make(-1, false);
    memory = aligned_alloc(4096, HOME_BYTES);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0, HOME_BYTES);
    rmg_arena_init(&arena, memory, HOME_BYTES, HOME_BYTES, HEADER);
    must(sws_home_open(&heap.heap, &arena, (struct sws_home_page *)(void *)memory, 0, &home));
    sws_home_bound(&home, &none, &most);
    const struct sws_options options = {.heap = &heap.heap, .home = &home, .keep = 1, .history = 8};
    must(sws_new(&options, &space));
    must(sws_show(space, 0, NULL, 0));
    sws_change_begin(space, NULL);
    must(sws_change_op(space, &op));
    op = (struct rmg_op){.kind = RMG_OP_UPSERT_NODE, .instance = top, .id = pool(0), .type = type};
    must(sws_change_op(space, &op));
    must(sws_change_end(space));
}

static void teardown(void)
{
    sws_free(space);
    sws_home_close(&home);
    free(memory);
    ck_assert_int_eq(heap.live, 0);
}

/* From all there is. */
static void compare(void)
{
    const struct rmg_state none = {home.store, rmg_version_empty()};
    const struct rmg_state now = {home.store, home.latest};
    struct rmg_amount counted = {.nodes = 0};
    must(rmg_diff_amount(&none, &now, &counted));
    ck_assert_mem_eq(&counted, &home.use, sizeof counted);
    ck_assert(rmg_amount_within(&counted, &most));
}

static enum jit_err random_op(struct jit_random *random)
{
    static const uint8_t bytes[16];
    static const enum rmg_op_kind kinds[] = {
        RMG_OP_UPSERT_NODE,    RMG_OP_UPSERT_NODE,     RMG_OP_UPSERT_NODE, RMG_OP_DELETE_NODE,
        RMG_OP_UPSERT_EDGE,    RMG_OP_UPSERT_EDGE,     RMG_OP_DELETE_EDGE, RMG_OP_SET_ATTACHMENT,
        RMG_OP_SET_ATTACHMENT, RMG_OP_CLEAR_ATTACHMENT};
    const struct rmg_op op = {
        .kind = kinds[jit_random_below(random, sizeof kinds / sizeof kinds[0])],
        .plane = RMG_PLANE_ALPHA,
        .instance = top,
        .id = pool(jit_random_below(random, POOL)),
        .type = type,
        .from = pool(jit_random_below(random, POOL)),
        .to = pool(jit_random_below(random, POOL)),
        .attachment = {
            "v", 1, {RMG_VALUE_ATOM, type, bytes, (uint32_t)jit_random_below(random, 17)}}};
    return sws_change_op(space, &op);
}

/* Some operations that are possible; the root stays. */
static enum jit_err change(struct sws_branch *branch, struct jit_random *random)
{
    sws_change_begin(space, branch);
    for (unsigned i = 0; i < 6; i++) {
        enum jit_err err = random_op(random);
        ck_assert(err == JIT_OK || err == JIT_ENOENT || err == JIT_EDANGLING ||
                  err == JIT_EINVALID);
    }
    return sws_change_end(space);
}

static unsigned refused[4], done[4]; /* a change, an adopted branch, a merged one, an undo */

/* What became of a way to change the trunk. */
static void note(unsigned way, enum jit_err err, const struct jit_id *before)
{
    if (err != JIT_OK) {
        ck_assert(jit_id_equal(before, &home.latest.state_root));
    }
    refused[way] += err == JIT_EQUOTA;
    done[way] += err == JIT_OK;
    compare();
}

static void collapse(struct sws_branch **branch, bool merged)
{
    const struct jit_id before = home.latest.state_root;
    struct sws_collapse out;
    struct jit_buf request;
    jit_buf_init(&request, &heap.heap, 1u << 16);
    enum jit_err err = sws_collapse(space, *branch, &request, &out);
    note(merged ? 2 : 1, err, &before);
    if (err == JIT_ECONFLICT) {
        rmg_merge_result_release(&out.conflict);
    }
    if (err != JIT_OK) {
        sws_drop(space, *branch); /* it is as it was */
    }
    *branch = NULL;
    jit_buf_release(&request);
}

START_TEST(every_way) /* _i: the seed */
{
    struct jit_random random = jit_random_of((uint64_t)_i + 1);
    struct sws_branch *branches[BRANCHES] = {NULL};
    struct jit_id base[BRANCHES];
    memset(refused, 0, sizeof refused);
    memset(done, 0, sizeof done);
    for (unsigned step = 0; step < 3000; step++) {
        const unsigned b = (unsigned)jit_random_below(&random, BRANCHES);
        const struct jit_id before = home.latest.state_root;
        switch (jit_random_below(&random, 5)) {
        case 0:
            note(0, change(NULL, &random), &before);
            break;
        case 1:
            if (branches[b] == NULL) {
                base[b] = before;
                must(sws_fork(space, NULL, &branches[b]));
            }
            break;
        case 2:
            if (branches[b] != NULL) { /* a branch may have more for a while */
                enum jit_err err = change(branches[b], &random);
                ck_assert(err == JIT_OK || err == JIT_EINVALID);
            }
            break;
        case 3:
            if (branches[b] != NULL) {
                collapse(&branches[b], !jit_id_equal(&base[b], &before));
            }
            break;
        default:
            if (sws_history(space) > 0) {
                note(3, sws_undo(space, 1), &before);
            }
        }
    }
    for (unsigned way = 0; way < 3; way++) {
        ck_assert_msg(refused[way] > 0 && done[way] > 0, "seed %d: way %u was never %s", _i + 1,
                      way, refused[way] > 0 ? "done" : "refused");
    }
    ck_assert_uint_gt(done[3], 0);
}
END_TEST

/* Exactly as much as it may have is allowed, and one more of each is not. */
START_TEST(to_the_limit)
{
    struct rmg_op op = {.kind = RMG_OP_UPSERT_NODE, .instance = top, .type = type};
    sws_change_begin(space, NULL);
    for (unsigned n = 1; n < most.nodes; n++) {
        op.id = pool(n);
        must(sws_change_op(space, &op));
    }
    must(sws_change_end(space));
    ck_assert_uint_eq(home.use.nodes, most.nodes);
    const struct jit_id full = home.latest.state_root;
    sws_change_begin(space, NULL);
    op.id = pool(most.nodes);
    must(sws_change_op(space, &op));
    ck_assert_int_eq(sws_change_end(space), JIT_EQUOTA);
    ck_assert(jit_id_equal(&full, &home.latest.state_root));
    sws_change_begin(space, NULL); /* one less, one more: as many */
    must(sws_change_op(space, &op));
    op.kind = RMG_OP_DELETE_NODE;
    op.id = pool(1);
    must(sws_change_op(space, &op));
    must(sws_change_end(space));
    compare();
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "amount", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, every_way, 0, 8);
    tcase_add_test(t, to_the_limit);
}

TEST_MAIN("amount", suite)

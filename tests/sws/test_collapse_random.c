/* Goal:   what two workers' branches ask for becomes what they saw, in one tick and over ticks;
 *         whatever the bytes are, a tick is made.
 * Method: random branches of bases up to 8 ticks old (collapse_bed.h); requests with bytes changed
 *         at random. */
#include "base/random.h"
#include "tests/sws/collapse_bed.h"

static struct jit_random prng;

static struct jit_id some_node(const struct rmg_graph *graph)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id of;
    uint64_t at = jit_random_below(&prng, graph->roots.node_count);
    rmg_iter_all(graph, RMG_NODES, &iter);
    for (uint64_t i = 0; i <= at; i++) {
        must(rmg_iter_node(&iter, &id, &of));
    }
    return id;
}

static bool some_edge(const struct rmg_graph *graph, struct rmg_edge *out)
{
    struct rmg_iter iter;
    if (graph->roots.edge_count == 0) {
        return false;
    }
    uint64_t at = jit_random_below(&prng, graph->roots.edge_count);
    rmg_iter_all(graph, RMG_EDGES, &iter);
    for (uint64_t i = 0; i <= at; i++) {
        must(rmg_iter_edge(&iter, out));
    }
    return true;
}

static void random_read(struct worker *worker, const struct jit_id *id)
{
    struct rmg_slot slot = {.kind = (enum rmg_slot_kind)(1 + jit_random_below(&prng, 6)),
                            .direction = RMG_DIR_OUT,
                            .instance = top,
                            .id = *id,
                            .type = type};
    if (slot.kind == RMG_SLOT_EDGE || slot.kind == RMG_SLOT_BETA) {
        slot.kind = RMG_SLOT_NODE;
    }
    if (slot.kind == RMG_SLOT_ALPHA) {
        slot.name = "v";
        slot.name_size = 1;
    }
    if (slot.kind == RMG_SLOT_EXTENT) {
        slot.id = type;
    }
    must(sws_change_reads(worker->space, &slot));
}

static void random_change(struct worker *worker, struct sws_branch *branch)
{
    static const char *const names[] = {"n", "m", "l", "v", "w"};
    struct rmg_graph graph;
    struct rmg_edge edge;
    uint8_t word[8];
    must(sws_graph(worker->space, branch, &top, &graph));
    struct rmg_op op = {.instance = top, .plane = RMG_PLANE_ALPHA, .id = some_node(&graph)};
    struct jit_id to = some_node(&graph);
    sws_change_begin(worker->space, branch);
    if (jit_random_below(&prng, 3) == 0) {
        random_read(worker, &to);
    }
    switch (jit_random_below(&prng, 10)) {
    case 0:
        op.kind = RMG_OP_UPSERT_NODE;
        op.type = jit_random_below(&prng, 2) == 0 ? type : other_type;
        must(sws_new_id(worker->space, branch, &op.id));
        break;
    case 1:
        op.kind = RMG_OP_DELETE_NODE;
        break;
    case 2:
    case 3:
        op.kind = RMG_OP_UPSERT_EDGE;
        op.from = op.id;
        op.to = to;
        op.type = type;
        must(sws_new_id(worker->space, branch, &op.id));
        break;
    case 4:
        if (some_edge(&graph, &edge)) {
            op.kind = jit_random_below(&prng, 2) == 0 ? RMG_OP_DELETE_EDGE : RMG_OP_UPSERT_EDGE;
            op.id = edge.id;
            op.type = edge.type;
            op.from = edge.from;
            op.to = to; /* it leads elsewhere now */
            break;
        }
        /* fall through */
    case 5:
        op.kind = RMG_OP_CLEAR_ATTACHMENT;
        op.attachment = (struct rmg_attachment){.name = "v", .name_size = 1};
        break;
    default:
        op.kind = RMG_OP_SET_ATTACHMENT;
        op.attachment =
            number(names[jit_random_below(&prng, 5)], word, (int64_t)jit_random_below(&prng, 50));
        break;
    }
    enum jit_err err = sws_change_op(worker->space, &op);
    if (err == JIT_OK) {
        err = sws_change_end(worker->space); /* may be refused: attachments of what is deleted */
    } else {
        sws_change_abort(worker->space);
    }
    ck_assert(err != JIT_ENOMEM && err != JIT_ENOSPC && err != JIT_ECORRUPT);
}

static void branch_of(struct worker *worker)
{
    struct sws_branch *branch = worker->held;
    struct sws_collapse collapse;
    worker->held = NULL;
    if (branch == NULL) {
        must(sws_fork(worker->space, NULL, &branch));
    }
    uint64_t changes = 1 + jit_random_below(&prng, 5);
    for (uint64_t i = 0; i < changes; i++) {
        random_change(worker, branch);
    }
    if (jit_random_below(&prng, 5) == 0) {
        worker->held = branch;
        return;
    }
    enum jit_err err = sws_collapse(worker->space, branch, &bytes[request_count], &collapse);
    if (err == JIT_ESTALE) {
        sws_drop(worker->space, branch);
        return;
    }
    must(err);
    if (collapse.shared_operations > 0) {
        ck_assert(add_request(worker));
    }
}

/* The same request with some bytes changed, as a process of its own would send it. */
static void mutate(const struct worker *worker)
{
    if (request_count == 0) {
        return;
    }
    const struct jit_buf *from = &bytes[jit_random_below(&prng, request_count)];
    struct jit_buf *to = &bytes[request_count];
    jit_buf_reset(to);
    jit_buf_put(to, from->data, from->size);
    for (uint64_t n = 1 + jit_random_below(&prng, 3); n > 0; n--) {
        uint8_t *at = &to->data[jit_random_below(&prng, to->size)];
        const bool whole = jit_random_below(&prng, 2) == 0;
        const uint64_t flip =
            whole ? jit_random_next(&prng) : (uint64_t)1 << jit_random_below(&prng, 8);
        *at = (uint8_t)(*at ^ (flip & 0xff));
    }
    if (!add_request(worker)) {
        jit_buf_reset(to);
    }
}

START_TEST(random_ticks)
{
    uint64_t applied = 0;
    uint64_t counts[RMG_RESULT_COUNT] = {0};
    prng = jit_random_of((uint64_t)_i + 1);
    for (unsigned round = 0; round < 120; round++) {
        next();
        for (unsigned i = 0; i < SPACES; i++) {
            branch_of(&workers[i]);
            branch_of(&workers[i]);
        }
        if (_i % 2 == 1) {
            mutate(&workers[0]);
            mutate(&workers[1]);
        }
        make_tick();
        applied += output.applied;
        for (unsigned r = 0; r < RMG_RESULT_COUNT; r++) {
            counts[r] += output.counts[r];
        }
    }
    struct rmg_fault fault = {.what = ""};
    ck_assert_msg(rmg_store_verify(kernel, &version, &fault) == JIT_OK, "%s", fault.what);
    ck_assert_uint_gt(applied, 100);
    ck_assert_uint_gt(counts[RMG_CONFLICT], 10);
}
END_TEST

static void suite(Suite *all)
{
    TCase *random = test_case(all, "random", 60);
    tcase_add_checked_fixture(random, setup, teardown);
    tcase_add_loop_test(random, random_ticks, 0, 12);
}

TEST_MAIN("collapse_random", suite)

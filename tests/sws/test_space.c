/* Goal:   a branch sees what it was forked from and what it changed, and nobody else sees that; a
 *         collapse puts its own part in place at once and makes one request of the rest, which
 *         brings the root graph to what the branch saw; a drop leaves nothing.
 * Method: random forks, changes, drops and collapses of nested branches over an own graph and a
 *         mounted one, each branch with a naive twin; requests are carried out on the graph that
 *         is mounted. Then single cases, and a heap that refuses. */
#include <math.h>
#include <string.h>

#include "base/cursor.h"
#include "base/random.h"
#include "sws/space.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/naive_root.h"
#include "tests/lib/tcase.h"
#include "tests/sws/sws_kit.h"

#define HOME_BYTES  (4u << 20)
#define VIEW_BYTES  (8u << 20)
#define LAYER_BYTES (8u << 20)
#define HEADER      4096u
#define LINES       8u
#define POOL        24u

struct twin {
    struct sws_branch *branch; /* NULL: free, or the trunk */
    int parent;                /* index; -1: the trunk */
    struct naive_state own;
    struct naive_state shared;
    uint64_t own_at_fork; /* how many commits the trunk (changes the parent) had */
};

static struct fault_heap heap;
static uint8_t *home_memory;
static uint8_t *view_memory; /* the view, and behind it the overlay */
static struct rmg_arena home_arena, overlay, kernel_arena;
static struct rmg_store *kernel;
static struct rmg_version shown;
static struct sws_home home;
static struct sws *space;
static struct jit_random prng;
static struct twin trunk, twins[LINES];
static uint64_t tick;
static uint64_t moves[LINES + 1]; /* changes of the own graph, by line; the last: the trunk */

static const struct jit_id own_top = {{1, 1}};
static const struct jit_id shared_top = {{2, 2}};
static const struct jit_id type = {{3, 3}};

/* ---- operations on a twin ---- */

static enum jit_err naive_op(struct naive_state *state, const struct rmg_op *op)
{
    struct rmg_edge edge = {op->id, op->from, op->to, op->type};
    switch (op->kind) {
    case RMG_OP_UPSERT_NODE:
        return naive_upsert_node(state, &op->instance, &op->id, &op->type);
    case RMG_OP_DELETE_NODE:
        return naive_delete_node(state, &op->instance, &op->id);
    case RMG_OP_UPSERT_EDGE:
        return naive_upsert_edge(state, &op->instance, &edge);
    case RMG_OP_DELETE_EDGE:
        return naive_delete_edge(state, &op->instance, &op->id);
    case RMG_OP_SET_ATTACHMENT:
        return naive_set_attachment(state, &op->instance, op->plane, &op->id, &op->attachment);
    case RMG_OP_CLEAR_ATTACHMENT:
        return naive_clear_attachment(state, &op->instance, op->plane, &op->id, op->attachment.name,
                                      op->attachment.name_size);
    case RMG_OP_UPSERT_INSTANCE:
    case RMG_OP_DELETE_INSTANCE:
        break;
    }
    ck_abort_msg("not an operation of this test");
}

static void random_op(struct rmg_op *op, uint8_t value[8])
{
    static const enum rmg_op_kind kinds[] = {
        RMG_OP_UPSERT_NODE,    RMG_OP_UPSERT_NODE,    RMG_OP_DELETE_NODE,     RMG_OP_UPSERT_EDGE,
        RMG_OP_UPSERT_EDGE,    RMG_OP_DELETE_EDGE,    RMG_OP_SET_ATTACHMENT,  RMG_OP_SET_ATTACHMENT,
        RMG_OP_SET_ATTACHMENT, RMG_OP_SET_ATTACHMENT, RMG_OP_CLEAR_ATTACHMENT};
    memset(value, 0, 8);
    value[0] = (uint8_t)jit_random_below(&prng, 5);
    *op =
        (struct rmg_op){.kind = kinds[jit_random_below(&prng, sizeof kinds / sizeof kinds[0])],
                        .plane = jit_random_below(&prng, 4) == 0 ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                        .instance = jit_random_below(&prng, 2) == 0 ? own_top : shared_top,
                        .id = pool(jit_random_below(&prng, POOL)),
                        .type = type,
                        .from = pool(jit_random_below(&prng, POOL)),
                        .to = pool(jit_random_below(&prng, POOL)),
                        .attachment = {"value", 5, {RMG_VALUE_ATOM, type, value, 8}}};
    op->type.bytes[1] = (uint8_t)jit_random_below(&prng, 3);
    const struct jit_id root = pool(0);
    if (op->kind == RMG_OP_DELETE_NODE && jit_id_equal(&op->id, &root)) {
        op->kind = RMG_OP_UPSERT_NODE; /* which node is a root, the view does not say */
    }
}

static bool is_own(const struct rmg_op *op)
{
    return jit_id_equal(&op->instance, &own_top);
}

/* ---- comparing ---- */

static void compare_graph(const struct naive_state *model, const struct sws_branch *branch,
                          const struct jit_id *top)
{
    struct rmg_graph graph;
    const struct naive_instance *in = naive_find((struct naive_state *)model, top);
    must(sws_graph(space, branch, top, &graph));
    ck_assert_uint_eq(graph.roots.node_count, in->node_count);
    ck_assert_uint_eq(graph.roots.edge_count, in->edge_count);
    for (size_t i = 0; i < in->node_count; i++) {
        struct jit_id found;
        must(rmg_node_type(&graph, &in->nodes[i].id, &found));
        ck_assert(jit_id_equal(&found, &in->nodes[i].type));
    }
    for (size_t i = 0; i < in->edge_count; i++) {
        struct rmg_edge edge;
        must(rmg_edge_get(&graph, &in->edges[i].id, &edge));
        ck_assert(memcmp(&edge, &in->edges[i], sizeof edge) == 0);
    }
    struct rmg_iter iter;
    struct jit_id owner;
    uint32_t count = 0;
    size_t attachments = 0;
    for (int map = RMG_ALPHA; map <= RMG_BETA; map++) {
        rmg_iter_all(&graph, (enum rmg_map)map, &iter);
        while (rmg_iter_owner(&iter, &owner, &count) == JIT_OK) {
            attachments += count;
        }
    }
    ck_assert_uint_eq(attachments, in->attachment_count);
    for (size_t i = 0; i < in->attachment_count; i++) {
        const struct naive_attachment *a = &in->attachments[i];
        struct rmg_value value;
        must(rmg_attachment_get(&graph, a->plane, &a->owner, a->name, a->name_size, &value));
        ck_assert(value.size == a->size && memcmp(value.bytes, a->bytes, a->size) == 0);
    }
}

static void compare_all(void)
{
    compare_graph(&trunk.own, NULL, &own_top);
    compare_graph(&trunk.shared, NULL, &shared_top);
    for (unsigned i = 0; i < LINES; i++) {
        if (twins[i].branch != NULL) {
            compare_graph(&twins[i].own, twins[i].branch, &own_top);
            compare_graph(&twins[i].shared, twins[i].branch, &shared_top);
        }
    }
}

/* ---- the scene ---- */

static void show(void)
{
    struct rmg_instance instance;
    must(rmg_store_instance(kernel, &shown, &shared_top, &instance));
    const struct sws_mount mount = {shared_top, instance.roots, true};
    must(sws_show(space, ++tick, &mount, 1));
}

static void begin_state(struct rmg_tx *tx, struct naive_state *model, const struct jit_id *top)
{
    const struct jit_id root = pool(0);
    must(naive_upsert_instance(model, top, &root, NULL));
    must(naive_upsert_node(model, top, &root, &type));
    if (tx != NULL) {
        must(rmg_tx_upsert_instance(tx, top, &root, NULL));
        must(rmg_tx_upsert_node(tx, top, &root, &type));
    }
}

static void setup_with(uint32_t keep, uint32_t history)
{
    struct rmg_tx *tx = NULL;
    heap = fault_heap_make(-1, false);
    memset(&trunk, 0, sizeof trunk);
    memset(twins, 0, sizeof twins);
    memset(moves, 0, sizeof moves);
    tick = 0;
    home_memory = aligned_alloc(4096, HOME_BYTES);
    view_memory = aligned_alloc(4096, VIEW_BYTES + LAYER_BYTES);
    memset(home_memory, 0, HOME_BYTES);
    memset(view_memory, 0, VIEW_BYTES + LAYER_BYTES);
    rmg_arena_init(&home_arena, home_memory, HOME_BYTES, HOME_BYTES, HEADER);
    rmg_arena_init(&kernel_arena, view_memory, VIEW_BYTES, VIEW_BYTES, HEADER);
    rmg_arena_init(&overlay, view_memory, VIEW_BYTES + LAYER_BYTES, VIEW_BYTES + LAYER_BYTES,
                   VIEW_BYTES);
    struct rmg_store_options options = {.arenas = {&kernel_arena}, .arena_count = 1};
    must(rmg_store_new(&heap.heap, &options, &kernel));
    shown = rmg_version_empty();
    must(rmg_tx_begin(kernel, &shown, &tx));
    begin_state(tx, &trunk.shared, &shared_top);
    must(rmg_tx_seal(tx, &shown));
    must(rmg_store_pin(kernel, &shown));
    must(sws_home_open(&heap.heap, &home_arena, (struct sws_home_page *)(void *)home_memory, 0,
                       &home));
    const struct sws_options space_options = {
        .heap = &heap.heap, .home = &home, .overlay = &overlay, .keep = keep, .history = history};
    must(sws_new(&space_options, &space));
    show();
    const struct jit_id root = pool(0);
    struct rmg_op op = {.kind = RMG_OP_UPSERT_INSTANCE, .instance = own_top, .from = root};
    sws_change_begin(space, NULL);
    must(sws_change_op(space, &op));
    op = (struct rmg_op){.kind = RMG_OP_UPSERT_NODE, .instance = own_top, .id = root, .type = type};
    must(sws_change_op(space, &op));
    must(sws_change_end(space));
    begin_state(NULL, &trunk.own, &own_top);
}

static void setup(void)
{
    setup_with(1, 0);
}

static void teardown(void)
{
    sws_free(space);
    sws_home_close(&home);
    rmg_store_free(kernel);
    naive_release(&trunk.own);
    naive_release(&trunk.shared);
    ck_assert_int_eq(heap.live, 0);
    free(home_memory);
    free(view_memory);
}

/* ---- random steps ---- */

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

/* ---- single cases ---- */

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
    TCase *t = test_case(s, "space", 60);
    tcase_add_loop_test(t, random_lines, 0, 24);
    t = test_case(s, "cases", 60);
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

/* Goal:   what two workers' branches ask for becomes what they saw, in one tick and over ticks;
 * what does not fit any more is refused and says what is in the way; whatever the bytes are, a tick
 * is made. Method: two spaces over the memory of one kernel's store, random branches of bases up to
 * 8 ticks old, an engine that takes their requests; the same operations one by one on a twin store,
 *         additions as additions. Requests with bytes changed at random. Single cases. */
#include <string.h>

#include "base/le.h"
#include "base/random.h"
#include "rmg/engine/engine.h"
#include "rmg/schema/schema.h"
#include "sws/space.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"
#include "tests/sws/sws_kit.h"

#define HOME_BYTES  (1u << 20)
#define VIEW_BYTES  (8u << 20)
#define LAYER_BYTES (4u << 20)
#define HEADER      4096u
#define KEEP        8u
#define SPACES      2u
#define POOL        20u

struct worker {
    struct jit_id process;
    uint8_t *home_memory;
    struct rmg_arena home_arena;
    struct rmg_arena overlay;
    struct sws_home home;
    struct sws *space;
    struct sws_branch *held; /* over ticks; NULL: none */
};

static struct fault_heap heap;
static uint8_t *memory; /* the view, behind it the layer of each space */
static struct rmg_arena kernel_arena;
static struct rmg_arena *twin_arena;
static struct rmg_store *kernel;
static struct rmg_store *twin;
static struct rmg_version version, twin_version;
static struct rmg_version kept[KEEP]; /* pinned */
static uint32_t kept_count;
static struct rmg_engine *engine;
static struct rmg_tick_output output;
static struct worker workers[SPACES];
static struct jit_random prng;
static struct rmg_request requests[8];
static struct rmg_collapse collapses[8];
static struct jit_buf bytes[8];
static uint32_t request_count;
static uint64_t tick; /* of the version */

static const struct jit_id top = {{2, 2}};
static const struct jit_id type = {{3, 3}};
static const struct jit_id other_type = {{3, 4}};

/* ---- fields: n adds up, m keeps the greatest; others are nobody's business ---- */

static const struct rmg_schema_field *field_of(void *user, const struct jit_id *of,
                                               const char *name, uint32_t name_size)
{
    static struct rmg_schema_field fields[] = {
        {.name = "n", .codec = RMG_CODEC_I64, .join = RMG_JOIN_SUM},
        {.name = "m", .codec = RMG_CODEC_I64, .join = RMG_JOIN_MAX},
        {.name = "l", .codec = RMG_CODEC_I64, .join = RMG_JOIN_LAST}};
    (void)user;
    for (size_t i = 0; i < 3; i++) {
        fields[i].type = *rmg_codec_type(RMG_CODEC_I64);
        if (name_size == 1 && name[0] == fields[i].name[0] && jit_id_equal(of, &type)) {
            return &fields[i];
        }
    }
    return NULL;
}

static enum rmg_join join_of(const char *name)
{
    return name[0] == 'n'   ? RMG_JOIN_SUM
           : name[0] == 'm' ? RMG_JOIN_MAX
           : name[0] == 'l' ? RMG_JOIN_LAST
                            : RMG_JOIN_NONE;
}

static struct rmg_attachment number(const char *name, uint8_t word[8], int64_t value)
{
    jit_put_le64(word, (uint64_t)value);
    return (struct rmg_attachment){
        name, 1, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), word, 8}};
}

/* ---- the scene ---- */

static void fill(struct rmg_store *store, struct rmg_version *out)
{
    struct rmg_tx *tx = NULL;
    const struct jit_id root = pool(0);
    const struct rmg_version empty = rmg_version_empty();
    uint8_t word[8];
    must(rmg_tx_begin(store, &empty, &tx));
    must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
    for (uint64_t i = 0; i < POOL; i++) {
        const struct jit_id id = pool(i);
        static const char *const names[] = {"n", "m", "l", "v"};
        must(rmg_tx_upsert_node(tx, &top, &id, &type));
        for (size_t k = 0; k < 4; k++) {
            const struct rmg_attachment attachment = number(names[k], word, (int64_t)i);
            must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &id, &attachment));
        }
    }
    must(rmg_tx_seal(tx, out));
}

static void show(struct worker *worker)
{
    struct rmg_instance instance;
    must(rmg_store_instance(kernel, &version, &top, &instance));
    const struct sws_mount mount = {top, instance.roots, true};
    must(sws_show(worker->space, tick, &mount, 1));
}

static void worker_begin(struct worker *worker, unsigned n)
{
    *worker =
        (struct worker){.process = pool(100 + n), .home_memory = aligned_alloc(4096, HOME_BYTES)};
    memset(worker->home_memory, 0, HOME_BYTES);
    rmg_arena_init(&worker->home_arena, worker->home_memory, HOME_BYTES, HOME_BYTES, HEADER);
    rmg_arena_init(&worker->overlay, memory, VIEW_BYTES + (n + 1) * LAYER_BYTES,
                   VIEW_BYTES + (n + 1) * LAYER_BYTES, VIEW_BYTES + n * LAYER_BYTES);
    must(sws_home_open(&heap.heap, &worker->home_arena,
                       (struct sws_home_page *)(void *)worker->home_memory, 0, &worker->home));
    const struct sws_options options = {.heap = &heap.heap,
                                        .home = &worker->home,
                                        .process = worker->process,
                                        .overlay = &worker->overlay,
                                        .keep = KEEP};
    must(sws_new(&options, &worker->space));
    show(worker);
}

static void setup(void)
{
    struct rmg_store_options options = {.arenas = {&kernel_arena}, .arena_count = 1};
    heap = fault_heap_make(-1, false);
    memory = aligned_alloc(4096, VIEW_BYTES + SPACES * LAYER_BYTES);
    memset(memory, 0, VIEW_BYTES + SPACES * LAYER_BYTES);
    rmg_arena_init(&kernel_arena, memory, VIEW_BYTES, VIEW_BYTES, HEADER);
    must(rmg_store_new(&heap.heap, &options, &kernel));
    must(rmg_arena_new(&heap.heap, VIEW_BYTES, &twin_arena));
    options.arenas[0] = twin_arena;
    must(rmg_store_new(&heap.heap, &options, &twin));
    fill(kernel, &version);
    fill(twin, &twin_version);
    must(rmg_engine_new(&heap.heap, kernel, jit_exec_inline(), &engine));
    tick = 0;
    request_count = 0;
    kept_count = 0;
    for (unsigned i = 0; i < SPACES; i++) {
        worker_begin(&workers[i], i);
    }
    for (size_t i = 0; i < 8; i++) {
        jit_buf_init(&bytes[i], &heap.heap, JIT_REQUEST_BYTES_MAX);
    }
}

static void teardown(void)
{
    for (unsigned i = 0; i < SPACES; i++) {
        sws_free(workers[i].space);
        sws_home_close(&workers[i].home);
        free(workers[i].home_memory);
    }
    for (size_t i = 0; i < 8; i++) {
        jit_buf_release(&bytes[i]);
    }
    rmg_engine_free(engine);
    rmg_store_free(kernel);
    rmg_store_free(twin);
    rmg_arena_free(&heap.heap, twin_arena);
    ck_assert_int_eq(heap.live, 0);
    free(memory);
}

/* The bytes of the next request, as the kernel would take them; false: they are nonsense. */
static bool add_request(const struct worker *worker)
{
    const struct jit_buf *buf = &bytes[request_count];
    struct rmg_collapse *collapse = &collapses[request_count];
    if (rmg_collapse_decode(buf->data, buf->size, collapse) != JIT_OK) {
        return false;
    }
    requests[request_count] = (struct rmg_request){.rule_id = *rmg_collapse_rule(),
                                                   .collapse = collapse,
                                                   .params = buf->data,
                                                   .params_size = (uint32_t)buf->size,
                                                   .process = worker->process,
                                                   .quota = RMG_NO_QUOTA,
                                                   .result = RMG_APPLIED,
                                                   .user = request_count};
    request_count++;
    return true;
}

static void twin_op(struct rmg_tx *tx, const struct rmg_collapse *collapse, const struct rmg_op *op,
                    uint64_t index)
{
    struct rmg_op joined = *op;
    struct rmg_graph graph;
    struct rmg_value now;
    uint8_t word[8];
    must(rmg_tx_graph(tx, &top, &graph));
    bool set = op->kind == RMG_OP_SET_ATTACHMENT && op->plane == RMG_PLANE_ALPHA;
    enum rmg_join join = set && op->attachment.name_size == 1 ? join_of(op->attachment.name) : 0;
    if (join == RMG_JOIN_NONE ||
        rmg_attachment_get(&graph, op->plane, &op->id, op->attachment.name, 1, &now) != JIT_OK) {
        must(rmg_op_apply(tx, op, true)); /* what it saw is what is there */
        return;
    }
    int64_t value = (int64_t)jit_le64(op->attachment.value.bytes);
    int64_t is = (int64_t)jit_le64(now.bytes);
    for (uint64_t i = 0; i < collapse->sum_count && join == RMG_JOIN_SUM; i++) {
        uint64_t operation = 0;
        int64_t begin = 0;
        rmg_collapse_sum(collapse, i, &operation, &begin);
        value = operation == index ? is + (value - begin) : value;
    }
    struct jit_id prior;
    must(rmg_value_of_attachment(op->plane, &(struct rmg_attachment){op->attachment.name, 1, now},
                                 &prior));
    bool lowered = jit_id_equal(&prior, &op->prior); /* as it saw it, and means it */
    value = join == RMG_JOIN_MAX && is > value && !lowered ? is : value;
    joined.attachment = number(op->attachment.name, word, value);
    must(rmg_op_apply(tx, &joined, false));
}

struct twin_walk {
    struct rmg_tx *tx;
    const struct rmg_collapse *collapse;
    uint64_t index;
};

static bool twin_one(void *user, const struct rmg_op *op)
{
    struct twin_walk *walk = user;
    twin_op(walk->tx, walk->collapse, op, walk->index++);
    return true;
}

static const struct rmg_receipt *receipt_of(uint32_t user)
{
    for (uint32_t i = 0; i < request_count; i++) {
        if (requests[i].user == user) {
            return &output.receipts[i];
        }
    }
    ck_abort();
}

static void make_tick(void)
{
    struct rmg_tick_input input = {.base = version,
                                   .tick = tick + 1,
                                   .seed = 1,
                                   .policy = RMG_POLICY,
                                   .budget = JIT_VERIFY_SLOTS_MAX,
                                   .requests = requests,
                                   .request_count = request_count,
                                   .field_of = field_of};
    struct jit_id root;
    must(rmg_store_pin(kernel, &version));
    if (kept_count == KEEP) {
        rmg_store_unpin(kernel, &kept[0]);
        memmove(kept, kept + 1, --kept_count * sizeof kept[0]);
    }
    kept[kept_count++] = version;
    must(rmg_engine_tick(engine, &input, &output));
    struct twin_walk walk = {.tx = NULL};
    must(rmg_tx_begin(twin, &twin_version, &walk.tx));
    for (uint32_t i = 0; i < request_count; i++) {
        const struct rmg_collapse *collapse = requests[i].collapse;
        if (output.receipts[i].result == RMG_APPLIED) {
            walk.collapse = collapse;
            walk.index = 0;
            must(rmg_patch_each(&heap.heap, collapse->patch, collapse->patch_size, &root, twin_one,
                                &walk));
        } else if (output.receipts[i].result == RMG_CONFLICT) {
            ck_assert(output.receipts[i].blocker != RMG_NO_BLOCKER ||
                      collapse->clash.reads + collapse->clash.operations > 0);
        }
    }
    must(rmg_tx_seal(walk.tx, &twin_version));
    ck_assert(jit_id_equal(&twin_version.state_root, &output.version.state_root));
    version = output.version;
    tick++;
    for (unsigned i = 0; i < SPACES; i++) {
        show(&workers[i]);
    }
}

static void next(void)
{
    request_count = 0;
    for (size_t i = 0; i < 8; i++) {
        jit_buf_reset(&bytes[i]);
    }
}

/* ---- random branches ---- */

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

/* ---- single cases ---- */

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
    TCase *random = test_case(all, "random", 60);
    tcase_add_checked_fixture(random, setup, teardown);
    tcase_add_loop_test(random, random_ticks, 0, 12);
    TCase *cases = test_case(all, "cases", 10);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, additions_add_up);
    tcase_add_test(cases, conflicts_say_what);
    tcase_add_test(cases, incidences_and_extents);
    tcase_add_test(cases, what_is_not_valid);
    tcase_add_test(cases, gates_copies_and_ids);
}

TEST_MAIN("collapse", suite)

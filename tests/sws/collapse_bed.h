/* tests/sws/collapse_bed.h - two workers' spaces over the memory of one kernel's store, an engine
 * that takes what their branches ask for, and a twin store on which the same operations are done
 * one by one, additions as additions: after each tick both have one root. */
#ifndef JIT_TESTS_COLLAPSE_BED_H
#define JIT_TESTS_COLLAPSE_BED_H

#include <string.h>

#include "base/le.h"
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
static struct rmg_request requests[8];
static struct rmg_collapse collapses[8];
static struct jit_buf bytes[8];
static uint32_t request_count;
static uint64_t tick; /* of the version */

static const struct jit_id top = {{2, 2}};
static const struct jit_id type = {{3, 3}};
static const struct jit_id other_type = {{3, 4}};

/* ---- fields: n adds up, m keeps the greatest; others are nobody's business ---- */

static inline const struct rmg_schema_field *field_of(void *user, const struct jit_id *of,
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

static inline enum rmg_join join_of(const char *name)
{
    return name[0] == 'n'   ? RMG_JOIN_SUM
           : name[0] == 'm' ? RMG_JOIN_MAX
           : name[0] == 'l' ? RMG_JOIN_LAST
                            : RMG_JOIN_NONE;
}

static inline struct rmg_attachment number(const char *name, uint8_t word[8], int64_t value)
{
    jit_put_le64(word, (uint64_t)value);
    return (struct rmg_attachment){
        name, 1, {RMG_VALUE_ATOM, *rmg_codec_type(RMG_CODEC_I64), word, 8}};
}

/* ---- the scene ---- */

static inline void fill(struct rmg_store *store, struct rmg_version *out)
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

static inline void show(struct worker *worker)
{
    struct rmg_instance instance;
    must(rmg_store_instance(kernel, &version, &top, &instance));
    const struct sws_mount mount = {top, instance.roots, true};
    must(sws_show(worker->space, tick, &mount, 1));
}

static inline void worker_begin(struct worker *worker, unsigned n)
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

static inline void setup(void)
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

static inline void teardown(void)
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
static inline bool add_request(const struct worker *worker)
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

static inline void twin_op(struct rmg_tx *tx, const struct rmg_collapse *collapse,
                           const struct rmg_op *op, uint64_t index)
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

static inline bool twin_one(void *user, const struct rmg_op *op)
{
    struct twin_walk *walk = user;
    twin_op(walk->tx, walk->collapse, op, walk->index++);
    return true;
}

static inline const struct rmg_receipt *receipt_of(uint32_t user)
{
    for (uint32_t i = 0; i < request_count; i++) {
        if (requests[i].user == user) {
            return &output.receipts[i];
        }
    }
    ck_abort();
}

static inline void make_tick(void)
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

static inline void next(void)
{
    request_count = 0;
    for (size_t i = 0; i < 8; i++) {
        jit_buf_reset(&bytes[i]);
    }
}

#endif

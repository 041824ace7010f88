/* tests/sws/space_bed.h - one space over an own graph and a mounted one, each branch of it with a
 * naive twin that is compared with it. */
#ifndef JIT_TESTS_SPACE_BED_H
#define JIT_TESTS_SPACE_BED_H

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

static inline enum jit_err naive_op(struct naive_state *state, const struct rmg_op *op)
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

static inline void random_op(struct rmg_op *op, uint8_t value[8])
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

static inline bool is_own(const struct rmg_op *op)
{
    return jit_id_equal(&op->instance, &own_top);
}

/* ---- comparing ---- */

static inline void compare_graph(const struct naive_state *model, const struct sws_branch *branch,
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

static inline void compare_all(void)
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

static inline void show(void)
{
    struct rmg_instance instance;
    must(rmg_store_instance(kernel, &shown, &shared_top, &instance));
    const struct sws_mount mount = {shared_top, instance.roots, true};
    must(sws_show(space, ++tick, &mount, 1));
}

static inline void begin_state(struct rmg_tx *tx, struct naive_state *model,
                               const struct jit_id *top)
{
    const struct jit_id root = pool(0);
    must(naive_upsert_instance(model, top, &root, NULL));
    must(naive_upsert_node(model, top, &root, &type));
    if (tx != NULL) {
        must(rmg_tx_upsert_instance(tx, top, &root, NULL));
        must(rmg_tx_upsert_node(tx, top, &root, &type));
    }
}

static inline void setup_with(uint32_t keep, uint32_t history)
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

static inline void setup(void)
{
    setup_with(1, 0);
}

static inline void teardown(void)
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

#endif

/* tests/kernel/checkpoint/beside_world.h - graphs that processes keep beside the state, version
 * after version, and how many times they died: what the tests of them work on. */
#ifndef JIT_TESTS_BESIDE_WORLD_H
#define JIT_TESTS_BESIDE_WORLD_H

#include "rmg/change/diff.h"
#include "tests/kernel/checkpoint/checkpoint_world.h"

/* ---- a process's own graph, as the process has it: version n has n values ---- */

struct graph {
    struct rmg_arena *arena;
    struct rmg_store *store;
    struct rmg_version versions[5]; /* pinned; [0] the empty one */
};

static inline void graph_begin(struct graph *g, unsigned salt)
{
    struct jit_heap *heap = jit_heap_libc();
    const struct jit_id top = world_id("warp:", 0);
    const struct jit_id root = world_id("node:", 0);
    const struct jit_id type = world_id("type:", 0);
    must(rmg_arena_new(heap, 1u << 20, &g->arena));
    const struct rmg_store_options options = {.arenas = {g->arena}, .arena_count = 1};
    must(rmg_store_new(heap, &options, &g->store));
    g->versions[0] = rmg_version_empty();
    for (unsigned n = 1; n < 5; n++) {
        struct rmg_tx *tx = NULL;
        uint8_t bytes[8] = {(uint8_t)n, (uint8_t)salt};
        char name = (char)('a' + (int)n);
        const struct rmg_attachment value = {
            .name = &name,
            .name_size = 1,
            .value = {.kind = RMG_VALUE_ATOM, .type = type, .bytes = bytes, .size = sizeof bytes}};
        must(rmg_tx_begin(g->store, &g->versions[n - 1], &tx));
        if (n == 1) {
            must(rmg_tx_upsert_instance(tx, &top, &root, NULL));
            must(rmg_tx_upsert_node(tx, &top, &root, &type));
        }
        must(rmg_tx_set_attachment(tx, &top, RMG_PLANE_ALPHA, &root, &value));
        must(rmg_tx_seal(tx, &g->versions[n]));
        must(rmg_store_pin(g->store, &g->versions[n]));
    }
}

static inline void graph_end(struct graph *g)
{
    rmg_store_free(g->store);
    rmg_arena_free(jit_heap_libc(), g->arena);
}

static inline struct jit_buf graph_patch(const struct graph *g, unsigned from, unsigned to)
{
    struct jit_buf patch;
    const struct rmg_state a = {.store = g->store, .version = g->versions[from]};
    const struct rmg_state b = {.store = g->store, .version = g->versions[to]};
    jit_buf_init(&patch, jit_heap_libc(), JIT_REQUEST_BYTES_MAX);
    must(rmg_diff_patch(jit_heap_libc(), &a, &b, &patch, NULL));
    return patch;
}

/* What its quota is held against is all that there is, wherever it was read from. */
static inline void count_all(const struct kern_own *own)
{
    struct rmg_amount all = {.nodes = 0};
    struct rmg_instance instance;
    const struct jit_id *last = NULL;
    while (rmg_store_next(own->store, &own->now, last, &instance) == JIT_OK) {
        struct rmg_graph graph;
        struct rmg_iter iter;
        struct rmg_edge edge;
        struct rmg_attachment atom;
        struct jit_id id;
        struct jit_id type;
        uint32_t count = 0;
        rmg_store_graph(own->store, &instance, &graph);
        rmg_iter_all(&graph, RMG_NODES, &iter);
        while (rmg_iter_node(&iter, &id, &type) == JIT_OK) {
            all.nodes++;
        }
        rmg_iter_all(&graph, RMG_EDGES, &iter);
        while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
            all.edges++;
        }
        for (unsigned map = RMG_ALPHA; map <= RMG_BETA; map++) {
            rmg_iter_all(&graph, (enum rmg_map)map, &iter);
            while (rmg_iter_owner(&iter, &id, &count) == JIT_OK) {
                for (uint32_t i = 0; i < count; i++) {
                    must(rmg_iter_attachment(&iter, i, &atom));
                    all.bytes += atom.value.kind == RMG_VALUE_ATOM ? atom.value.size : 0;
                }
            }
        }
        last = &instance.id;
    }
    ck_assert_mem_eq(&all, &own->use, sizeof all);
}

/* What is known of a process is version n of this graph. */
static inline void has(const struct kern_beside *beside, const struct jit_id *process,
                       const struct graph *g, unsigned n)
{
    const struct kern_own *own = kern_own_find(beside, process);
    if (own == NULL) {
        ck_assert_uint_eq(n, 0);
        return;
    }
    struct rmg_fault fault = {.what = ""};
    ck_assert(jit_id_equal(&own->now.state_root, &g->versions[n].state_root));
    count_all(own);
    ck_assert_int_eq(rmg_store_verify(own->store, &own->now, &fault), JIT_OK);
}

/* Processes 1 and 2 of these versions, and so many deaths. */
static inline void set_beside(struct kern_beside *beside, const struct graph g[2],
                              const unsigned n[2], unsigned deaths)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct jit_id process = world_id("node:", i);
        struct kern_own *own = NULL;
        must(kern_own_get(beside, &process, &own));
        for (unsigned v = 0; v < 5; v++) {
            if (jit_id_equal(&own->now.state_root, &g[i].versions[v].state_root) && v != n[i]) {
                struct jit_buf patch = graph_patch(&g[i], v, n[i]);
                must(kern_own_try(jit_heap_libc(), own, &g[i].versions[n[i]].state_root, patch.data,
                                  patch.size));
                kern_own_take(own);
                jit_buf_release(&patch);
                break;
            }
        }
    }
    while (beside->death_count < deaths) {
        const struct jit_id process = world_id("node:", 1);
        must(kern_beside_died(beside, &process, beside->death_count));
    }
}

#endif

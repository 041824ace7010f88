#include "rmg/store/load_dense.h"

#include "base/check.h"
#include "rmg/store/load_priv.h"

#define AHEAD 16u /* elements that are asked for before they are looked at */

struct dense {
    const struct rmg_dense *in;
    struct load_build *build;
    struct load_list *list;
    uint32_t count;          /* of what is built */
    struct rmg_radix *items; /* nodes or edges; index: the leaf, key and rest: numbers */
    struct rmg_radix *scratch;
};

/* ---- the leaves ---- */

/* An id may lie across two lines. */
static inline void fetch_id(const struct jit_id *id)
{
    __builtin_prefetch(&id->bytes[0]);
    __builtin_prefetch(&id->bytes[JIT_ID_BYTES - 1]);
}

static const struct jit_id *leaf_id(const struct load_build *build, uint32_t ref)
{
    const uint8_t *leaf = rmg_arena_at(build->pen.arena, ref);
    return (const struct jit_id *)(const void *)(leaf + offsetof(struct leaf_node, id));
}

/* Numbers mean nothing unless the instance has just these nodes. */
static enum jit_err same_nodes(const struct dense *dense)
{
    struct load_among among;
    uint32_t at = 0;
    load_among_begin(&among, dense->build->tx, RMG_NODES);
    while (among.leaf != NULL && at < dense->in->node_count &&
           memcmp(among.leaf + offsetof(struct leaf_node, id), dense->in->nodes[at].bytes,
                  JIT_ID_BYTES) == 0) {
        load_among_step(&among);
        at++;
    }
    if (among.err != JIT_OK) {
        return among.err;
    }
    return among.leaf == NULL && at == dense->in->node_count ? JIT_OK : JIT_EDANGLING;
}

static enum jit_err make_nodes(struct dense *dense)
{
    const struct rmg_dense *in = dense->in;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < in->node_count && err == JIT_OK; i++) {
        assert(in->node_types[i] < in->type_count);
        err = load_node(&dense->build->pen, dense->list, &in->nodes[i],
                        &in->types[in->node_types[i]]);
        dense->items[i] = (struct rmg_radix){.index = dense->list->last, .rest = in->node_types[i]};
    }
    return err == JIT_OK && dense->list->mixed ? JIT_EEXIST : err;
}

static enum jit_err make_edges(struct dense *dense)
{
    const struct rmg_dense *in = dense->in;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < in->edge_count && err == JIT_OK; i++) {
        const struct rmg_dense_edge *ahead = &in->ends[i + AHEAD < in->edge_count ? i + AHEAD : i];
        fetch_id(&in->nodes[ahead->from]);
        fetch_id(&in->nodes[ahead->to]);
        const struct rmg_dense_edge ends = in->ends[i];
        assert(ends.from < in->node_count);
        assert(ends.to < in->node_count);
        assert(ends.type < in->type_count);
        const struct rmg_edge edge = {.id = in->ids[i],
                                      .from = in->nodes[ends.from],
                                      .to = in->nodes[ends.to],
                                      .type = in->types[ends.type]};
        err = load_edge(&dense->build->pen, dense->list, &edge);
        dense->items[i] = (struct rmg_radix){.key = (uint64_t)ends.from << 32u | ends.to,
                                             .index = dense->list->last,
                                             .rest = ends.type};
    }
    return err == JIT_OK && dense->list->mixed ? JIT_EEXIST : err;
}

/* ---- their order ---- */

/* By rest alone, stable: a count of each type. Errors: JIT_ENOMEM. */
static enum jit_err sort_by_type(struct dense *dense)
{
    struct jit_heap *heap = dense->build->pen.heap;
    const uint32_t count = dense->count;
    uint32_t *starts = jit_heap_zalloc(heap, dense->in->type_count + 1ul, sizeof *starts);
    if (starts == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        starts[dense->items[i].rest + 1]++;
    }
    for (uint32_t type = 0; type < dense->in->type_count; type++) {
        starts[type + 1] += starts[type];
    }
    for (uint32_t i = 0; i < count; i++) {
        dense->scratch[starts[dense->items[i].rest]++] = dense->items[i];
    }
    memcpy(dense->items, dense->scratch, count * sizeof *dense->items);
    heap->free(heap, starts);
    return JIT_OK;
}

/* By key, then by rest, stable. */
static void sort_by_all(struct dense *dense)
{
    struct rmg_radix *items = dense->items;
    const uint32_t count = dense->count;
    uint32_t end = 0;
    rmg_radix_sort(items, dense->scratch, count, NULL, NULL);
    for (uint32_t begin = 0; begin < count; begin = end) {
        const uint64_t key = items[begin].key;
        for (end = begin + 1; end < count && items[end].key == key; end++) {
        }
        if (end - begin == 1) {
            continue;
        }
        for (uint32_t i = begin; i < end; i++) {
            items[i].key = items[i].rest;
        }
        rmg_radix_sort(items + begin, dense->scratch, end - begin, NULL, NULL);
        for (uint32_t i = begin; i < end; i++) {
            items[i].key = key;
        }
    }
}

/* ---- the indexes ---- */

/* An index by type and id, over items that are sorted by type. */
static enum jit_err build_types(struct dense *dense, enum rmg_map map)
{
    struct load_build *build = dense->build;
    const uint32_t count = dense->count;
    enum jit_err err = JIT_OK;
    trie_spine_begin(&build->spine, &build->pen, &trie_specs[map]);
    for (uint32_t i = 0; i < count && err == JIT_OK; i++) {
        const struct rmg_radix *item = &dense->items[i];
        const uint32_t ahead = dense->items[i + AHEAD < count ? i + AHEAD : i].index;
        fetch_id(leaf_id(build, ahead));
        const struct trie_key key = {
            .part = {&dense->in->types[item->rest], leaf_id(build, item->index)}};
        err = trie_spine_add(&build->spine, &key, item->index);
    }
    return load_index_end(build, map, err);
}

/* OUT or IN: the key of an item is an end and the type, its rest the other end. */
static enum jit_err build_ends(struct dense *dense, enum rmg_map map)
{
    const struct rmg_dense *in = dense->in;
    struct load_build *build = dense->build;
    enum jit_err err = JIT_OK;
    trie_spine_begin(&build->spine, &build->pen, &trie_specs[map]);
    for (uint32_t i = 0; i < dense->count && err == JIT_OK; i++) {
        const struct rmg_radix *item = &dense->items[i];
        const struct trie_key key = {.part = {&in->nodes[item->key >> 32u],
                                              &in->types[(uint32_t)item->key],
                                              &in->nodes[item->rest], leaf_id(build, item->index)}};
        err = trie_spine_add(&build->spine, &key, item->index);
    }
    return load_index_end(build, map, err);
}

/* They come by id, and go by type, by source and by target; ties stay in the order they had. */
static enum jit_err build_edges(struct dense *dense)
{
    struct rmg_radix *items = dense->items;
    const uint32_t count = dense->count;
    enum jit_err err = make_edges(dense);
    if (err == JIT_OK) {
        err = sort_by_type(dense);
    }
    if (err == JIT_OK) {
        err = build_types(dense, RMG_EDGE_TYPES);
    }
    for (uint32_t i = 0; i < count && err == JIT_OK; i++) {
        uint32_t to = (uint32_t)items[i].key;
        items[i].key = items[i].key >> 32u << 32u | items[i].rest;
        items[i].rest = to;
    }
    if (err == JIT_OK) {
        sort_by_all(dense);
        err = build_ends(dense, RMG_OUT);
    }
    for (uint32_t i = 0; i < count && err == JIT_OK; i++) {
        uint32_t from = (uint32_t)(items[i].key >> 32u);
        items[i].key = (uint64_t)items[i].rest << 32u | (uint32_t)items[i].key;
        items[i].rest = from;
    }
    if (err == JIT_OK) {
        sort_by_all(dense);
        err = build_ends(dense, RMG_IN);
    }
    return err;
}

static enum jit_err build_nodes(struct dense *dense)
{
    enum jit_err err = make_nodes(dense);
    if (err == JIT_OK) {
        err = sort_by_type(dense);
    }
    return err == JIT_OK ? build_types(dense, RMG_NODE_TYPES) : err;
}

/* ---- a map ---- */

static enum jit_err load_all(struct rmg_load *load, const struct rmg_dense *in, enum rmg_map map)
{
    struct rmg_arena *arena = load->build.pen.arena;
    struct dense dense = {.in = in,
                          .build = &load->build,
                          .list = &load->list,
                          .count = map == RMG_NODES ? in->node_count : in->edge_count};
    const uint64_t bytes = 2ull * dense.count * sizeof *dense.items;
    uint32_t ref = 0;
    assert(load->map == map && load->list.count == 0);
    if (dense.count == 0) {
        return JIT_OK;
    }
    enum jit_err err = tx_find(load->build.tx, &load->instance);
    if (err == JIT_OK && map == RMG_EDGES) {
        err = same_nodes(&dense);
    }
    if (err == JIT_OK) {
        err = rmg_arena_borrow(arena, bytes, &ref);
    }
    if (err != JIT_OK) {
        return err;
    }
    dense.items = rmg_arena_at(arena, ref);
    dense.scratch = dense.items + dense.count;
    err = map == RMG_NODES ? build_nodes(&dense) : build_edges(&dense);
    rmg_arena_return(arena, ref, bytes);
    load->list.indexed = err == JIT_OK;
    return err;
}

enum jit_err rmg_load_nodes(struct rmg_load *load, const struct rmg_dense *dense)
{
    return load_all(load, dense, RMG_NODES);
}

enum jit_err rmg_load_edges(struct rmg_load *load, const struct rmg_dense *dense)
{
    return load_all(load, dense, RMG_EDGES);
}

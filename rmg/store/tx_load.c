#include "rmg/store/load_priv.h"

/* Bulk build (14.8): leaves are made as they come, where they will stay. When a map has all of its
 * own, they are sorted by their references, the indexes are built over them, and then the map. So
 * nothing but a few fixed buffers lies beside the state. */

#define AHEAD 12u /* leaves that are asked for before they are looked at */

/* ---- as a stream ---- */

/* Of a map that was there before: some leaves are older. */
static void leaf_free_own(void *user, uint32_t ref)
{
    const struct load_leaf_end *end = user;
    const struct leaf_node *leaf = rmg_arena_at(end->pen->arena, ref);
    if (leaf->epoch >= end->pen->epoch) {
        load_leaf_free(user, ref);
    }
}

enum jit_err rmg_load_begin(struct rmg_tx *tx, struct rmg_load **out)
{
    struct jit_heap *heap = tx->store->heap;
    *out = heap->alloc(heap, sizeof **out);
    if (*out == NULL) {
        return JIT_ENOMEM;
    }
    struct rmg_load *load = *out;
    store_hands_return(tx->store);
    load->heap = heap;
    load->build.tx = tx;
    load->build.owner = &load->owner;
    load->map = RMG_MAPS;
    load->replaces = false;
    load->list = (struct load_list){.first = 0};
    load_owner_init(&load->owner, heap);
    return JIT_OK;
}

/* Every edge that has attachments is there. */
static enum jit_err owners_stay(const struct rmg_tx *tx)
{
    struct load_among edges;
    struct load_among owners;
    load_among_begin(&edges, tx, RMG_EDGES);
    load_among_begin(&owners, tx, RMG_BETA);
    while (owners.leaf != NULL &&
           load_among_has(&edges, owners.leaf + offsetof(struct leaf_owner, id))) {
        load_among_step(&owners);
    }
    if (owners.err != JIT_OK || edges.err != JIT_OK) {
        return owners.err != JIT_OK ? owners.err : edges.err;
    }
    return owners.leaf == NULL ? JIT_OK : JIT_EINVALID;
}

enum jit_err rmg_load_close(struct rmg_load *load)
{
    enum rmg_map map = load->map;
    struct jit_id twin;
    if (map == RMG_MAPS) {
        return JIT_OK;
    }
    enum jit_err err = load_owner_end(&load->build.pen, &load->owner, &load->list);
    if (err == JIT_OK) {
        err = tx_find(load->build.tx, &load->instance);
    }
    if (err == JIT_OK) {
        load->map = RMG_MAPS;
        err = load_build(&load->build, map, &load->list, &twin);
    }
    if (err == JIT_OK && load->replaces) {
        err = owners_stay(load->build.tx);
    }
    load->replaces = false;
    return err;
}

/* The content goes, of the map and its indexes. */
static enum jit_err empty_edges(struct rmg_load *load)
{
    static const enum rmg_map maps[] = {RMG_OUT, RMG_IN, RMG_EDGE_TYPES, RMG_EDGES};
    struct rmg_tx *tx = load->build.tx;
    struct trie_pen *pen = &load->build.pen;
    struct load_leaf_end end = {.pen = pen, .map = RMG_EDGES};
    enum jit_err err = JIT_OK;
    /* What can fail comes first. */
    for (size_t i = 0; i < sizeof maps / sizeof maps[0] && err == JIT_OK; i++) {
        err = trie_bury(pen, &trie_specs[maps[i]], tx->at->roots.ref[maps[i]]);
    }
    for (size_t i = 0; i < sizeof maps / sizeof maps[0] && err == JIT_OK; i++) {
        trie_abandon(pen, &trie_specs[maps[i]], tx->at->roots.ref[maps[i]],
                     maps[i] == RMG_EDGES ? leaf_free_own : NULL, &end);
        tx->at->roots.ref[maps[i]] = 0;
    }
    if (err == JIT_OK) {
        tx->at->roots.edge_count = 0;
    }
    return err;
}

static enum jit_err load_open(struct rmg_load *load, const struct jit_id *instance,
                              enum rmg_map map, bool replace)
{
    struct rmg_tx *tx = load->build.tx;
    assert(map < RMG_MAPS_HASHED);
    enum jit_err err = rmg_load_close(load);
    if (err == JIT_OK) {
        err = tx_find(tx, instance);
    }
    if (err == JIT_OK && tx->at->roots.ref[map] != 0 && !replace) {
        err = JIT_EINVALID;
    }
    if (err == JIT_OK && tx->at->epoch != tx->epoch) {
        err = tx_touch(tx, instance);
    }
    if (err == JIT_OK) {
        err = tx_own(tx);
    }
    if (err == JIT_OK) {
        load->build.pen = tx_pen(tx, tx->at->arena);
        err = replace ? empty_edges(load) : JIT_OK;
    }
    if (err == JIT_OK) {
        load->instance = *instance;
        load->map = map;
        load->replaces = replace;
    }
    return err;
}

enum jit_err rmg_load_open(struct rmg_load *load, const struct jit_id *instance, enum rmg_map map)
{
    return load_open(load, instance, map, false);
}

enum jit_err rmg_load_replace(struct rmg_load *load, const struct jit_id *instance,
                              enum rmg_map map)
{
    assert(map == RMG_EDGES);
    return load_open(load, instance, map, true);
}

enum jit_err rmg_load_node(struct rmg_load *load, const struct jit_id *id,
                           const struct jit_id *type)
{
    assert(load->map == RMG_NODES);
    return load_node(&load->build.pen, &load->list, id, type);
}

enum jit_err rmg_load_edge(struct rmg_load *load, const struct rmg_edge *edge)
{
    assert(load->map == RMG_EDGES);
    return load_edge(&load->build.pen, &load->list, edge);
}

enum jit_err rmg_load_attachment(struct rmg_load *load, const struct jit_id *owner,
                                 const struct rmg_attachment *attachment)
{
    struct load_owner *open = &load->owner;
    enum jit_err err = JIT_OK;
    assert(load->map == RMG_ALPHA || load->map == RMG_BETA);
    if (open->count > 0 && !jit_id_equal(&open->id, owner)) {
        err = load_owner_end(&load->build.pen, open, &load->list);
    }
    return err == JIT_OK ? load_owner_add(&load->build.pen, open, owner, attachment) : err;
}

static void load_free(struct rmg_load *load)
{
    struct jit_heap *heap = load->heap;
    if (load->map != RMG_MAPS) {
        load_list_free(&load->build.pen, load->map, &load->list);
    }
    load_owner_release(&load->build.pen, &load->owner);
    heap->free(heap, load);
}

enum jit_err rmg_load_end(struct rmg_load *load)
{
    enum jit_err err = rmg_load_close(load);
    load_free(load);
    return err;
}

void rmg_load_abort(struct rmg_load *load)
{
    if (load != NULL) {
        load_free(load);
    }
}

/* ---- from arrays ---- */

/* Array elements by id; the scratch lies where the leaves' nodes will. */
static void sort_array(const void *array, size_t stride, size_t id_at, struct rmg_radix *items,
                       size_t count)
{
    const struct trie_records records = {
        .base = array, .stride = stride, .segments = 1, .at = {id_at}};
    trie_sort(&records, items, items + count, count, 0);
}

static enum jit_err feed_nodes(struct rmg_load *load, const struct rmg_bulk *bulk,
                               struct rmg_radix *items)
{
    enum jit_err err = JIT_OK;
    uint64_t count = bulk->node_count;
    for (uint64_t i = 0; i < count; i++) {
        items[i].index = (uint32_t)i;
    }
    sort_array(bulk->nodes, sizeof *bulk->nodes, offsetof(struct rmg_bulk_node, id), items, count);
    for (uint64_t i = 0; err == JIT_OK && i < count; i++) {
        const struct rmg_bulk_node *node = &bulk->nodes[items[i].index];
        __builtin_prefetch(&bulk->nodes[items[i + AHEAD < count ? i + AHEAD : i].index]);
        err = rmg_load_node(load, &node->id, &node->type);
    }
    return err;
}

static enum jit_err feed_edges(struct rmg_load *load, const struct rmg_bulk *bulk,
                               struct rmg_radix *items)
{
    enum jit_err err = JIT_OK;
    uint64_t count = bulk->edge_count;
    for (uint64_t i = 0; i < count; i++) {
        items[i].index = (uint32_t)i;
    }
    sort_array(bulk->edges, sizeof *bulk->edges, offsetof(struct rmg_edge, id), items, count);
    for (uint64_t i = 0; err == JIT_OK && i < count; i++) {
        const struct rmg_edge *ahead = &bulk->edges[items[i + AHEAD < count ? i + AHEAD : i].index];
        __builtin_prefetch(ahead);
        __builtin_prefetch(&ahead->type);
        err = rmg_load_edge(load, &bulk->edges[items[i].index]);
    }
    return err;
}

static enum jit_err feed_attachments(struct rmg_load *load, const struct rmg_bulk *bulk,
                                     enum rmg_plane plane, struct rmg_radix *items)
{
    const struct rmg_bulk_attachment *all = bulk->attachments;
    uint64_t count = 0;
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; i < bulk->attachment_count; i++) {
        if (all[i].plane == plane) {
            items[count++].index = (uint32_t)i;
        }
    }
    sort_array(all, sizeof *all, offsetof(struct rmg_bulk_attachment, owner), items, count);
    for (uint64_t i = 0; err == JIT_OK && i < count; i++) {
        const struct rmg_bulk_attachment *at = &all[items[i].index];
        const struct rmg_bulk_attachment *ahead =
            &all[items[i + AHEAD < count ? i + AHEAD : i].index];
        __builtin_prefetch(ahead);
        __builtin_prefetch(&ahead->attachment.value.bytes);
        ahead = &all[items[i + AHEAD / 2 < count ? i + AHEAD / 2 : i].index];
        __builtin_prefetch(ahead->attachment.value.bytes);
        __builtin_prefetch(ahead->attachment.name);
        err = rmg_load_attachment(load, &at->owner, &at->attachment);
    }
    return err;
}

static enum jit_err feed_map(struct rmg_load *load, const struct jit_id *instance,
                             const struct rmg_bulk *bulk, enum rmg_map map)
{
    const uint64_t counts[] = {[RMG_NODES] = bulk->node_count,
                               [RMG_EDGES] = bulk->edge_count,
                               [RMG_ALPHA] = bulk->attachment_count,
                               [RMG_BETA] = bulk->attachment_count};
    const uint64_t bytes = 2 * counts[map] * sizeof(struct rmg_radix);
    uint32_t ref = 0;
    if (counts[map] == 0) {
        return JIT_OK;
    }
    if (counts[map] > UINT32_MAX) {
        return JIT_ELIMIT;
    }
    enum jit_err err = rmg_load_open(load, instance, map);
    if (err != JIT_OK) {
        return err;
    }
    struct rmg_arena *arena = load->build.pen.arena;
    err = rmg_arena_borrow(arena, bytes, &ref);
    if (err == JIT_OK) {
        struct rmg_radix *items = rmg_arena_at(arena, ref);
        err = map == RMG_NODES ? feed_nodes(load, bulk, items)
              : map == RMG_EDGES
                  ? feed_edges(load, bulk, items)
                  : feed_attachments(load, bulk,
                                     map == RMG_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA, items);
        rmg_arena_return(arena, ref, bytes);
    }
    return err;
}

enum jit_err rmg_tx_load(struct rmg_tx *tx, const struct jit_id *instance, struct rmg_bulk *bulk)
{
    struct rmg_load *load = NULL;
    enum jit_err err = tx_find(tx, instance);
    for (unsigned map = 0; err == JIT_OK && map < RMG_MAPS; map++) {
        err = tx->at->roots.ref[map] == 0 ? JIT_OK : JIT_EINVALID;
    }
    if (err == JIT_OK) {
        err = rmg_load_begin(tx, &load);
    }
    for (unsigned map = 0; err == JIT_OK && map < RMG_MAPS_HASHED; map++) {
        err = feed_map(load, instance, bulk, (enum rmg_map)map);
    }
    if (err != JIT_OK) {
        rmg_load_abort(load);
        return err;
    }
    return rmg_load_end(load);
}

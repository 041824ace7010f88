#include "rmg/store/load_priv.h"

/* Bulk build (14.8): leaves are made as they come, where they will stay. When a map has all of its
 * own, they are sorted by their references, the indexes are built over them, and then the map. The
 * scratch of sorting lies in the arena: 32 bytes a leaf, which the nodes of the hashed map, 36
 * bytes a leaf at least, take over. So nothing but a few fixed buffers lies beside the state. */

#define AHEAD 12u /* leaves that are asked for before they are looked at */

struct rmg_load {
    struct jit_heap *heap;
    struct load_build build;
    struct load_owner owner;
    struct jit_id instance;
    enum rmg_map map; /* RMG_MAPS: none is open */
    bool replaces;    /* it had content */
    struct load_list list;
};

/* ---- is it there? ---- */

/* The ids of a map in order, to be met by ids in order. */
struct among {
    struct rmg_graph graph;
    struct rmg_iter iter;
    const uint8_t *leaf; /* NULL: past the end */
    enum jit_err err;
};

static void among_step(struct among *among)
{
    uint32_t ref = 0;
    among->leaf = NULL;
    enum jit_err err = trie_iter_next(&among->iter, &among->leaf, &ref);
    if (err != JIT_OK) {
        among->leaf = NULL;
        among->err = err == JIT_ENOENT ? JIT_OK : err;
    }
}

static void among_begin(struct among *among, const struct rmg_tx *tx, enum rmg_map map)
{
    among->err = JIT_OK;
    tx_view(tx, &among->graph);
    trie_iter_begin(&among->iter, &among->graph, map, among->graph.roots.ref[map], false);
    among_step(among);
}

static bool among_has(struct among *among, const uint8_t *id)
{
    int order = -1;
    while (among->leaf != NULL &&
           (order = memcmp(among->leaf + offsetof(struct leaf_node, id), id, JIT_ID_BYTES)) < 0) {
        among_step(among);
    }
    return among->leaf != NULL && order == 0;
}

/* ---- indexes ---- */

/* An index over leaves, which are sorted for it. For OUT and IN the first part of the key is an
 * end, which must be there. */
static enum jit_err build_index(struct load_build *build, enum rmg_map map,
                                struct rmg_radix *leaves, size_t count)
{
    const struct trie_spec *spec = &trie_specs[map];
    struct trie_records records = {
        .base = build->pen.arena->base, .stride = RMG_GRANULE, .segments = spec->segments};
    struct among nodes;
    enum jit_err err = JIT_OK;
    bool ends = map == RMG_OUT || map == RMG_IN;
    for (unsigned i = 0; i < spec->segments; i++) {
        records.at[i] = spec->at[i];
    }
    trie_sort(&records, leaves, leaves + count, count, 0);
    if (ends) {
        among_begin(&nodes, build->tx, RMG_NODES);
    }
    trie_spine_begin(&build->spine, &build->pen, spec);
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        const uint8_t *leaf = rmg_arena_at(build->pen.arena, leaves[i].index);
        if (i + AHEAD < count) {
            const uint8_t *ahead = rmg_arena_at(build->pen.arena, leaves[i + AHEAD].index);
            for (unsigned k = 0; k < spec->segments; k++) {
                __builtin_prefetch(ahead + spec->at[k]);
            }
        }
        if (ends && !among_has(&nodes, leaf + spec->at[0])) {
            err = nodes.err != JIT_OK ? nodes.err : JIT_EDANGLING;
        }
        if (err == JIT_OK) {
            err = trie_spine_add(&build->spine, leaves[i].index);
            assert(err != JIT_EEXIST); /* keys end in the id */
        }
    }
    if (err == JIT_OK) {
        err = trie_spine_end(&build->spine, &build->tx->at->roots.ref[map]);
    }
    if (err != JIT_OK) {
        build->tx->at->roots.ref[map] = 0;
        trie_spine_abandon(&build->spine, NULL, NULL);
    }
    return err;
}

static enum jit_err build_indexes(struct load_build *build, enum rmg_map map,
                                  const struct load_list *list, struct rmg_radix *leaves)
{
    static const enum rmg_map of_nodes[] = {RMG_NODE_TYPES};
    static const enum rmg_map of_edges[] = {RMG_EDGE_TYPES, RMG_OUT, RMG_IN};
    const enum rmg_map *indexes = map == RMG_NODES ? of_nodes : of_edges;
    size_t index_count = map == RMG_NODES ? 1 : 3;
    uint32_t ref = list->first;
    enum jit_err err = JIT_OK;
    if (map != RMG_NODES && map != RMG_EDGES) {
        return JIT_OK;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct load_link link = load_link_of(rmg_arena_at(build->pen.arena, ref));
        __builtin_prefetch(rmg_arena_at(build->pen.arena, link.ahead));
        leaves[i].index = ref;
        ref = link.next;
    }
    for (size_t i = 0; err == JIT_OK && i < index_count; i++) {
        err = build_index(build, indexes[i], leaves, list->count);
    }
    return err;
}

/* ---- the map ---- */

struct leaf_end {
    struct trie_pen *pen;
    enum rmg_map map;
};

static void leaf_free(void *user, uint32_t ref)
{
    const struct leaf_end *end = user;
    if (end->map == RMG_ALPHA || end->map == RMG_BETA) {
        owner_leaf_free(end->pen, ref, owner_leaf_size(rmg_arena_at(end->pen->arena, ref)));
    } else {
        rmg_arena_release(end->pen->arena, ref, trie_specs[end->map].leaf_size);
    }
}

/* Of a map that was there before: some leaves are older. */
static void leaf_free_own(void *user, uint32_t ref)
{
    const struct leaf_end *end = user;
    const struct leaf_node *leaf = rmg_arena_at(end->pen->arena, ref);
    if (leaf->epoch >= end->pen->epoch) {
        leaf_free(user, ref);
    }
}

/* Take the leaves from the list, in order. */
static enum jit_err build_map(struct load_build *build, enum rmg_map map, struct load_list *list)
{
    bool owners = map == RMG_ALPHA || map == RMG_BETA;
    struct among among;
    enum jit_err err = JIT_OK;
    if (owners) {
        among_begin(&among, build->tx, map == RMG_ALPHA ? RMG_NODES : RMG_EDGES);
    }
    trie_spine_begin(&build->spine, &build->pen, &trie_specs[map]);
    while (err == JIT_OK && list->count > 0) {
        uint8_t *leaf = rmg_arena_at(build->pen.arena, list->first);
        struct load_link link = load_link_of(leaf);
        __builtin_prefetch(rmg_arena_at(build->pen.arena, link.ahead));
        if (owners && !among_has(&among, leaf + offsetof(struct leaf_owner, id))) {
            err = among.err != JIT_OK ? among.err : JIT_ENOENT;
        }
        if (err == JIT_OK) {
            err = trie_spine_add(&build->spine, list->first);
        }
        if (err == JIT_OK) {
            memcpy(leaf, &build->pen.epoch, sizeof build->pen.epoch);
            list->first = link.next;
            list->count--;
        }
    }
    if (err == JIT_OK) {
        err = trie_spine_end(&build->spine, &build->tx->at->roots.ref[map]);
    }
    if (err != JIT_OK) {
        struct leaf_end end = {.pen = &build->pen, .map = map};
        build->tx->at->roots.ref[map] = 0;
        trie_spine_abandon(&build->spine, leaf_free, &end);
    }
    return err;
}

enum jit_err load_build(struct load_build *build, enum rmg_map map, struct load_list *list,
                        struct jit_id *at)
{
    const uint32_t count = list->count;
    const uint64_t bytes = 2ull * count * sizeof(struct rmg_radix);
    uint32_t ref = 0;
    enum jit_err err = JIT_OK;
    if (count == 0) {
        return JIT_OK;
    }
    if (list->mixed || map == RMG_NODES || map == RMG_EDGES) {
        err = rmg_arena_borrow(build->pen.arena, bytes, &ref);
        if (err == JIT_OK) {
            struct rmg_radix *leaves = rmg_arena_at(build->pen.arena, ref);
            err = load_list_sort(&build->pen, map, list, leaves, build->owner, at);
            if (err == JIT_OK) {
                err = build_indexes(build, map, list, leaves);
            }
            rmg_arena_return(build->pen.arena, ref, bytes);
        }
    }
    if (err == JIT_OK) {
        uint32_t portals = list->portals;
        err = build_map(build, map, list);
        if (err == JIT_OK) {
            build->tx->portal_delta += portals;
            build->tx->at->roots.node_count += map == RMG_NODES ? count : 0;
            build->tx->at->roots.edge_count += map == RMG_EDGES ? count : 0;
        }
    }
    load_list_free(&build->pen, map, list);
    return err;
}

/* ---- as a stream ---- */

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
    struct among edges;
    struct among owners;
    among_begin(&edges, tx, RMG_EDGES);
    among_begin(&owners, tx, RMG_BETA);
    while (owners.leaf != NULL &&
           among_has(&edges, owners.leaf + offsetof(struct leaf_owner, id))) {
        among_step(&owners);
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
    struct leaf_end end = {.pen = pen, .map = RMG_EDGES};
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

#include "rmg/store/load_priv.h"

/* Building a map, and its indexes before it, from leaves that lie in the arena. The scratch of
 * sorting lies there, too: 32 bytes a leaf, which the nodes of the hashed map, 36 bytes a leaf at
 * least, take over. */

#define AHEAD 12u /* leaves that are asked for before they are looked at */

/* ---- is it there? ---- */

void load_among_step(struct load_among *among)
{
    uint32_t ref = 0;
    among->leaf = NULL;
    enum jit_err err = trie_iter_next(&among->iter, &among->leaf, &ref);
    if (err != JIT_OK) {
        among->leaf = NULL;
        among->err = err == JIT_ENOENT ? JIT_OK : err;
    }
}

void load_among_begin(struct load_among *among, const struct rmg_tx *tx, enum rmg_map map)
{
    among->err = JIT_OK;
    tx_view(tx, &among->graph);
    trie_iter_begin(&among->iter, &among->graph, map, among->graph.roots.ref[map], false);
    load_among_step(among);
}

bool load_among_has(struct load_among *among, const uint8_t *id)
{
    int order = -1;
    while (among->leaf != NULL &&
           (order = memcmp(among->leaf + offsetof(struct leaf_node, id), id, JIT_ID_BYTES)) < 0) {
        load_among_step(among);
    }
    return among->leaf != NULL && order == 0;
}

/* ---- indexes ---- */

/* An index is complete, or given up when err says so. */
static enum jit_err index_end(struct load_build *build, enum rmg_map map, enum jit_err err)
{
    if (err == JIT_OK) {
        err = trie_spine_end(&build->spine, &build->tx->at->roots.ref[map]);
    }
    if (err != JIT_OK) {
        build->tx->at->roots.ref[map] = 0;
        trie_spine_abandon(&build->spine, NULL, NULL); /* the leaves are those of a list */
    }
    return err;
}

/* An index over leaves, which are sorted for it. For OUT and IN the first part of the key is an
 * end, which must be there. */
static enum jit_err build_index(struct load_build *build, enum rmg_map map,
                                struct rmg_radix *leaves, size_t count)
{
    const struct trie_spec *spec = &trie_specs[map];
    struct trie_records records = {
        .base = build->pen.arena->base, .stride = RMG_GRANULE, .segments = spec->segments};
    struct load_among nodes;
    enum jit_err err = JIT_OK;
    bool ends = map == RMG_OUT || map == RMG_IN;
    for (unsigned i = 0; i < spec->segments; i++) {
        records.at[i] = spec->at[i];
    }
    trie_sort(&records, leaves, leaves + count, count, 0);
    if (ends) {
        load_among_begin(&nodes, build->tx, RMG_NODES);
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
        if (ends && !load_among_has(&nodes, leaf + spec->at[0])) {
            err = nodes.err != JIT_OK ? nodes.err : JIT_EDANGLING;
        }
        if (err == JIT_OK) {
            const struct trie_key key = trie_key_of_leaf(spec, leaf);
            err = trie_spine_add(&build->spine, &key, leaves[i].index);
            assert(err != JIT_EEXIST); /* keys end in the id */
        }
    }
    return index_end(build, map, err);
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

void load_leaf_free(void *user, uint32_t ref)
{
    const struct load_leaf_end *end = user;
    if (end->map == RMG_ALPHA || end->map == RMG_BETA) {
        owner_leaf_free(end->pen, ref, owner_leaf_size(rmg_arena_at(end->pen->arena, ref)));
    } else {
        rmg_arena_release(end->pen->arena, ref, trie_specs[end->map].leaf_size);
    }
}

/* Take the leaves from the list, in order. */
static enum jit_err build_map(struct load_build *build, enum rmg_map map, struct load_list *list)
{
    bool owners = map == RMG_ALPHA || map == RMG_BETA;
    struct load_among among;
    enum jit_err err = JIT_OK;
    if (owners) {
        load_among_begin(&among, build->tx, map == RMG_ALPHA ? RMG_NODES : RMG_EDGES);
    }
    trie_spine_begin(&build->spine, &build->pen, &trie_specs[map]);
    while (err == JIT_OK && list->count > 0) {
        uint8_t *leaf = rmg_arena_at(build->pen.arena, list->first);
        struct load_link link = load_link_of(leaf);
        __builtin_prefetch(rmg_arena_at(build->pen.arena, link.ahead));
        if (owners && !load_among_has(&among, leaf + offsetof(struct leaf_owner, id))) {
            err = among.err != JIT_OK ? among.err : JIT_ENOENT;
        }
        if (err == JIT_OK) {
            const struct trie_key key = trie_key_of_leaf(&trie_specs[map], leaf);
            err = trie_spine_add(&build->spine, &key, list->first);
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
        struct load_leaf_end end = {.pen = &build->pen, .map = map};
        build->tx->at->roots.ref[map] = 0;
        trie_spine_abandon(&build->spine, load_leaf_free, &end);
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

#include "rmg/store/graph.h"

#include "rmg/store/after.h"
#include "rmg/store/trie_priv.h"

static void slot_seen(const struct rmg_graph *graph)
{
    if (graph->slots != NULL) {
        ++*graph->slots;
    }
}

static enum jit_err leaf_of(const struct rmg_graph *graph, enum rmg_map map,
                            const struct jit_id *id, const uint8_t **leaf)
{
    struct trie_key key = trie_key_of_id(id);
    slot_seen(graph);
    if (graph->found != NULL && (*leaf = found_leaf(graph, map, id)) != NULL) {
        return JIT_OK;
    }
    return trie_get(&graph->mem, &trie_specs[map], graph->roots.ref[map], &key, leaf);
}

enum jit_err rmg_node_type(const struct rmg_graph *graph, const struct jit_id *node,
                           struct jit_id *type)
{
    const uint8_t *leaf = NULL;
    if (graph->after != NULL) {
        return rmg_after_node_type(graph->after, node, type);
    }
    enum jit_err err = leaf_of(graph, RMG_NODES, node, &leaf);
    if (err == JIT_OK) {
        memcpy(type, leaf + offsetof(struct leaf_node, type), sizeof *type);
    }
    return err;
}

enum jit_err rmg_edge_get(const struct rmg_graph *graph, const struct jit_id *edge,
                          struct rmg_edge *out)
{
    const uint8_t *leaf = NULL;
    if (graph->after != NULL) {
        return rmg_after_edge_get(graph->after, edge, out);
    }
    enum jit_err err = leaf_of(graph, RMG_EDGES, edge, &leaf);
    if (err == JIT_OK) {
        memcpy(out, leaf + offsetof(struct leaf_edge, edge), sizeof *out);
    }
    return err;
}

static enum jit_err walk_of(const struct rmg_graph *graph, enum rmg_plane plane,
                            const struct jit_id *owner, struct owner_walk *walk)
{
    const uint8_t *leaf = NULL;
    assert(plane == RMG_PLANE_ALPHA || plane == RMG_PLANE_BETA);
    enum jit_err err =
        leaf_of(graph, plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, owner, &leaf);
    return err == JIT_OK ? owner_walk_begin(&graph->mem, leaf, walk) : err;
}

enum jit_err rmg_attachment_get(const struct rmg_graph *graph, enum rmg_plane plane,
                                const struct jit_id *owner, const char *name, uint32_t name_size,
                                struct rmg_value *out)
{
    struct owner_walk walk;
    struct owner_entry entry;
    if (graph->after != NULL) {
        return rmg_after_attachment(graph->after, plane, owner, name, name_size, out);
    }
    enum jit_err err = walk_of(graph, plane, owner, &walk);
    if (err != JIT_OK) {
        return err;
    }
    while ((err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        int order =
            owner_name_compare(entry.attachment.name, entry.attachment.name_size, name, name_size);
        if (order == 0) {
            *out = entry.attachment.value;
            return JIT_OK;
        }
        if (order > 0) {
            return JIT_ENOENT;
        }
    }
    return err;
}

static enum jit_err walk_to(struct owner_walk *walk, uint32_t index, struct rmg_attachment *out)
{
    struct owner_entry entry;
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; err == JIT_OK && i <= index; i++) {
        err = owner_walk_next(walk, &entry);
    }
    if (err == JIT_OK) {
        *out = entry.attachment;
    }
    return err;
}

enum jit_err rmg_attachment_at(const struct rmg_graph *graph, enum rmg_plane plane,
                               const struct jit_id *owner, uint32_t index,
                               struct rmg_attachment *out)
{
    struct owner_walk walk;
    assert(graph->after == NULL); /* one value is all that anybody asks for there */
    enum jit_err err = walk_of(graph, plane, owner, &walk);
    return err == JIT_OK ? walk_to(&walk, index, out) : err;
}

/* How many leaves of an index begin with these nibbles of key. */
static enum jit_err count_of(const struct rmg_graph *graph, enum rmg_map map,
                             const struct trie_key *key, unsigned nibbles, uint64_t *count)
{
    uint32_t ref = 0;
    bool is_leaf = false;
    *count = 0;
    slot_seen(graph);
    enum jit_err err = trie_subtree(&graph->mem, &trie_specs[map], graph->roots.ref[map], key,
                                    nibbles, &ref, &is_leaf);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_OK : err;
    }
    *count =
        is_leaf
            ? 1
            : trie_load32(graph->mem.base + (uint64_t)ref * RMG_GRANULE + sizeof(struct trie_node));
    return JIT_OK;
}

#define ID_NIBBLES (JIT_ID_BYTES * 2u)

enum jit_err rmg_degree(const struct rmg_graph *graph, const struct jit_id *node,
                        enum rmg_direction direction, const struct jit_id *type, uint64_t *count)
{
    struct trie_key key = {.part = {node, type}};
    if (graph->after != NULL) {
        return rmg_after_degree(graph->after, node, direction, type, NULL, count);
    }
    return count_of(graph, direction == RMG_DIR_OUT ? RMG_OUT : RMG_IN, &key,
                    type == NULL ? ID_NIBBLES : 2 * ID_NIBBLES, count);
}

enum jit_err rmg_degree_between(const struct rmg_graph *graph, const struct jit_id *node,
                                enum rmg_direction direction, const struct jit_id *type,
                                const struct jit_id *other, uint64_t *count)
{
    struct trie_key key = {.part = {node, type, other}};
    if (graph->after != NULL) {
        return rmg_after_degree(graph->after, node, direction, type, other, count);
    }
    return count_of(graph, direction == RMG_DIR_OUT ? RMG_OUT : RMG_IN, &key, 3 * ID_NIBBLES,
                    count);
}

enum jit_err rmg_extent_count(const struct rmg_graph *graph, bool edges, const struct jit_id *type,
                              uint64_t *count)
{
    struct trie_key key = {.part = {type}};
    if (graph->after != NULL) {
        return rmg_after_extent(graph->after, edges, type, count);
    }
    return count_of(graph, edges ? RMG_EDGE_TYPES : RMG_NODE_TYPES, &key, ID_NIBBLES, count);
}

/* ---- iteration ---- */

void rmg_iter_all(const struct rmg_graph *graph, enum rmg_map map, struct rmg_iter *out)
{
    assert((unsigned)map < RMG_MAPS);
    assert(graph->after == NULL);
    trie_iter_begin(out, graph, map, graph->roots.ref[map], false);
}

/* A way that fails is reported by the first step. */
static void iter_prefix(const struct rmg_graph *graph, enum rmg_map map, const struct trie_key *key,
                        unsigned nibbles, struct rmg_iter *out)
{
    uint32_t ref = 0;
    bool is_leaf = false;
    enum jit_err err = trie_subtree(&graph->mem, &trie_specs[map], graph->roots.ref[map], key,
                                    nibbles, &ref, &is_leaf);
    trie_iter_begin(out, graph, map, err == JIT_OK ? ref : 0, is_leaf && err == JIT_OK);
    if (err != JIT_OK) {
        out->err = err;
    }
}

void rmg_iter_edges_of(const struct rmg_graph *graph, const struct jit_id *node,
                       enum rmg_direction direction, const struct jit_id *type,
                       struct rmg_iter *out)
{
    struct trie_key key = {.part = {node, type}};
    iter_prefix(graph, direction == RMG_DIR_OUT ? RMG_OUT : RMG_IN, &key,
                type == NULL ? ID_NIBBLES : 2 * ID_NIBBLES, out);
    if (graph->after != NULL) {
        rmg_after_iter(graph->after, node, direction, type, NULL, out);
    }
}

void rmg_iter_edges_between(const struct rmg_graph *graph, const struct jit_id *node,
                            enum rmg_direction direction, const struct jit_id *type,
                            const struct jit_id *other, struct rmg_iter *out)
{
    struct trie_key key = {.part = {node, type, other}};
    iter_prefix(graph, direction == RMG_DIR_OUT ? RMG_OUT : RMG_IN, &key, 3 * ID_NIBBLES, out);
    if (graph->after != NULL) {
        rmg_after_iter(graph->after, node, direction, type, other, out);
    }
}

void rmg_iter_extent(const struct rmg_graph *graph, bool edges, const struct jit_id *type,
                     struct rmg_iter *out)
{
    struct trie_key key = {.part = {type}};
    assert(graph->after == NULL); /* a search near what has changed begins nowhere else */
    iter_prefix(graph, edges ? RMG_EDGE_TYPES : RMG_NODE_TYPES, &key, ID_NIBBLES, out);
}

void rmg_iter_skip(struct rmg_iter *iter, uint64_t count)
{
    assert(iter->after == NULL);
    trie_iter_skip(iter, count);
}

enum jit_err rmg_iter_node(struct rmg_iter *iter, struct jit_id *id, struct jit_id *type)
{
    const uint8_t *leaf = NULL;
    uint32_t ref = 0;
    assert(iter->map == RMG_NODES || iter->map == RMG_NODE_TYPES);
    enum jit_err err = trie_iter_next(iter, &leaf, &ref);
    if (err == JIT_OK) {
        memcpy(id, leaf + offsetof(struct leaf_node, id), sizeof *id);
        memcpy(type, leaf + offsetof(struct leaf_node, type), sizeof *type);
    }
    return err;
}

enum jit_err rmg_iter_edge(struct rmg_iter *iter, struct rmg_edge *out)
{
    const uint8_t *leaf = NULL;
    uint32_t ref = 0;
    assert(iter->map == RMG_EDGES || iter->map == RMG_OUT || iter->map == RMG_IN ||
           iter->map == RMG_EDGE_TYPES);
    if (iter->after != NULL) {
        return rmg_after_iter_edge(iter, out);
    }
    enum jit_err err = trie_iter_next(iter, &leaf, &ref);
    if (err == JIT_OK) {
        memcpy(out, leaf + offsetof(struct leaf_edge, edge), sizeof *out);
    }
    return err;
}

enum jit_err rmg_iter_owner(struct rmg_iter *iter, struct jit_id *owner, uint32_t *count)
{
    const uint8_t *leaf = NULL;
    uint32_t ref = 0;
    assert(iter->map == RMG_ALPHA || iter->map == RMG_BETA);
    enum jit_err err = trie_iter_next(iter, &leaf, &ref);
    if (err == JIT_OK) {
        memcpy(owner, leaf + offsetof(struct leaf_owner, id), sizeof *owner);
        *count = trie_load32(leaf + offsetof(struct leaf_owner, count));
    }
    iter->owner = err == JIT_OK ? ref : 0;
    return err;
}

enum jit_err rmg_iter_attachment(const struct rmg_iter *iter, uint32_t index,
                                 struct rmg_attachment *out)
{
    struct owner_walk walk;
    const struct rmg_mem *mem = &iter->graph->mem;
    const uint8_t *leaf = trie_leaf(mem, &trie_specs[iter->map], iter->owner);
    assert(iter->map == RMG_ALPHA || iter->map == RMG_BETA);
    if (leaf == NULL) {
        return iter->owner == 0 ? JIT_ENOENT : JIT_ECORRUPT;
    }
    enum jit_err err = owner_walk_begin(mem, leaf, &walk);
    return err == JIT_OK ? walk_to(&walk, index, out) : err;
}

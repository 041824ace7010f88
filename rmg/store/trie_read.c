#include "rmg/store/trie_priv.h"

#include "base/le.h"

/* Where the ids of a key lie in the leaf: the id of a record first, an edge's ends and type then.
 */
#define AT_ID   8u
#define AT_TYPE 40u /* of a node */
#define AT_FROM 40u
#define AT_TO   72u
#define AT_KIND 104u /* type of an edge */
static_assert(offsetof(struct leaf_node, type) == AT_TYPE, "a node's type");
static_assert(offsetof(struct leaf_edge, edge.id) == AT_ID, "an edge's id");
static_assert(offsetof(struct leaf_edge, edge.from) == AT_FROM, "an edge's source");
static_assert(offsetof(struct leaf_edge, edge.to) == AT_TO, "an edge's target");
static_assert(offsetof(struct leaf_edge, edge.type) == AT_KIND, "an edge's type");
static_assert(offsetof(struct leaf_owner, id) == AT_ID, "an owner's id");
static_assert(offsetof(struct leaf_instance, id) == AT_ID, "an instance's id");

#define HASHED(leaf, parts, ...)                                                                   \
    {                                                                                              \
        .leaf_size = sizeof(leaf), .hashed = 1, .refs_at = 16, .segments = parts, .at = {          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define INDEX(leaf, parts, ...)                                                                    \
    {                                                                                              \
        .leaf_size = sizeof(leaf), .hashed = 0, .refs_at = 20, .segments = parts, .at = {          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

const struct trie_spec trie_specs[TRIE_MAPS] = {
    [RMG_NODES] = HASHED(struct leaf_node, 1, AT_ID),
    [RMG_EDGES] = HASHED(struct leaf_edge, 1, AT_ID),
    [RMG_ALPHA] = HASHED(struct leaf_owner, 1, AT_ID),
    [RMG_BETA] = HASHED(struct leaf_owner, 1, AT_ID),
    [RMG_OUT] = INDEX(struct leaf_edge, 4, AT_FROM, AT_KIND, AT_TO, AT_ID),
    [RMG_IN] = INDEX(struct leaf_edge, 4, AT_TO, AT_KIND, AT_FROM, AT_ID),
    [RMG_NODE_TYPES] = INDEX(struct leaf_node, 2, AT_TYPE, AT_ID),
    [RMG_EDGE_TYPES] = INDEX(struct leaf_edge, 2, AT_KIND, AT_ID),
    [TRIE_INSTANCES] = HASHED(struct leaf_instance, 1, AT_ID),
};

unsigned trie_key_differ(const struct trie_key *a, const struct trie_key *b, unsigned nibbles)
{
    for (unsigned i = 0; i * 64u < nibbles; i++) {
        for (unsigned word = 0; word < 4; word++) {
            uint64_t x = jit_be64(a->part[i]->bytes + word * 8);
            uint64_t y = jit_be64(b->part[i]->bytes + word * 8);
            if (x != y) {
                unsigned at = i * 64u + word * 16u + (unsigned)__builtin_clzll(x ^ y) / 4u;
                return at < nibbles ? at : nibbles;
            }
        }
    }
    return nibbles;
}

enum jit_err trie_first_leaf(const struct rmg_mem *mem, const struct trie_spec *spec, uint32_t ref,
                             const uint8_t **leaf)
{
    struct trie_view view;
    for (unsigned depth = 0;; depth = view.depth + 1u) {
        if (!trie_look(mem, spec, ref, depth, &view)) {
            return JIT_ECORRUPT;
        }
        ref = trie_ref(spec, &view, 0);
        if ((view.leaf & view.map & (~view.map + 1u)) != 0) {
            *leaf = trie_leaf(mem, spec, ref);
            return *leaf == NULL ? JIT_ECORRUPT : JIT_OK;
        }
    }
}

enum jit_err trie_find(const struct rmg_mem *mem, const struct trie_spec *spec, uint32_t root,
                       const struct trie_key *key, struct trie_place *out)
{
    struct trie_view view;
    unsigned nibbles = trie_key_nibbles(spec);
    *out = (struct trie_place){.leaf = NULL};
    if (root == 0) {
        return JIT_OK;
    }
    uint32_t ref = root;
    for (unsigned depth = 0;; depth = view.depth + 1u) {
        if (!trie_look(mem, spec, ref, depth, &view)) {
            return JIT_ECORRUPT;
        }
        /* Where the key has no child any other leads to a leaf that shares the most with it. */
        unsigned slot = trie_nibble(key, view.depth);
        if (!trie_has(view.map, slot)) {
            slot = (unsigned)__builtin_ctz(view.map);
        }
        ref = trie_ref(spec, &view, trie_rank(view.map, slot));
        if (trie_has(view.leaf, slot)) {
            break;
        }
    }
    out->ref = ref;
    out->leaf = trie_leaf(mem, spec, ref);
    if (out->leaf == NULL) {
        return JIT_ECORRUPT;
    }
    struct trie_key near = trie_key_of_leaf(spec, out->leaf);
    out->differ = trie_key_differ(key, &near, nibbles);
    return JIT_OK;
}

enum jit_err trie_get(const struct rmg_mem *mem, const struct trie_spec *spec, uint32_t root,
                      const struct trie_key *key, const uint8_t **leaf)
{
    struct trie_view view;
    unsigned nibbles = trie_key_nibbles(spec);
    if (root == 0) {
        return JIT_ENOENT;
    }
    uint32_t ref = root;
    for (unsigned depth = 0;; depth = view.depth + 1u) {
        if (!trie_look(mem, spec, ref, depth, &view)) {
            return JIT_ECORRUPT;
        }
        unsigned slot = trie_nibble(key, view.depth);
        if (!trie_has(view.map, slot)) {
            return JIT_ENOENT;
        }
        ref = trie_ref(spec, &view, trie_rank(view.map, slot));
        if (trie_has(view.leaf, slot)) {
            break;
        }
    }
    const uint8_t *at = trie_leaf(mem, spec, ref);
    if (at == NULL) {
        return JIT_ECORRUPT;
    }
    struct trie_key found = trie_key_of_leaf(spec, at);
    if (trie_key_differ(key, &found, nibbles) < nibbles) {
        return JIT_ENOENT;
    }
    *leaf = at;
    return JIT_OK;
}

enum jit_err trie_subtree(const struct rmg_mem *mem, const struct trie_spec *spec, uint32_t root,
                          const struct trie_key *key, unsigned nibbles, uint32_t *ref,
                          bool *is_leaf)
{
    struct trie_view view;
    const uint8_t *leaf = NULL;
    *ref = root;
    *is_leaf = false;
    if (root == 0) {
        return JIT_ENOENT;
    }
    for (unsigned depth = 0; !*is_leaf; depth = view.depth + 1u) {
        if (!trie_look(mem, spec, *ref, depth, &view)) {
            return JIT_ECORRUPT;
        }
        if (view.depth >= nibbles) {
            break;
        }
        unsigned slot = trie_nibble(key, view.depth);
        if (!trie_has(view.map, slot)) {
            return JIT_ENOENT;
        }
        *ref = trie_ref(spec, &view, trie_rank(view.map, slot));
        *is_leaf = trie_has(view.leaf, slot);
    }
    if (*is_leaf) {
        leaf = trie_leaf(mem, spec, *ref);
    } else if (trie_first_leaf(mem, spec, *ref, &leaf) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    if (leaf == NULL) {
        return JIT_ECORRUPT;
    }
    struct trie_key found = trie_key_of_leaf(spec, leaf);
    return trie_key_differ(key, &found, nibbles) < nibbles ? JIT_ENOENT : JIT_OK;
}

/* ---- iteration: a stack of nodes, each with the slots still to visit and its depth ---- */
#define REST_DEPTH 16u /* depth in the upper half of `rest` */

/* Whoever walks on needs them all, and they lie anywhere: the waits for memory overlap. A reference
 * that leads outside does no harm, since nothing is read. */
static void fetch_children(const struct rmg_mem *mem, const struct trie_spec *spec,
                           const struct trie_view *view)
{
    for (unsigned i = 0; i < view->children; i++) {
        uintptr_t at = (uintptr_t)mem->base + (uintptr_t)trie_ref(spec, view, i) * RMG_GRANULE;
        __builtin_prefetch((const void *)at);
        __builtin_prefetch((const void *)(at + 64));
    }
}

static void iter_init(struct rmg_iter *iter, const struct rmg_graph *graph, unsigned map)
{
    iter->graph = graph;
    iter->map = (enum rmg_map)map;
    iter->depth = 0;
    iter->lone = 0;
    iter->owner = 0;
    iter->after = NULL;
    iter->err = JIT_OK;
    /* Sound memory holds at most a leaf or a node a granule: whatever walks longer is lost. */
    iter->steps = graph->mem.size / RMG_GRANULE;
}

static bool iter_push(struct rmg_iter *iter, uint32_t ref, unsigned depth_min, unsigned slot_min)
{
    struct trie_view view;
    if (!trie_look(&iter->graph->mem, &trie_specs[iter->map], ref, depth_min, &view)) {
        return false;
    }
    fetch_children(&iter->graph->mem, &trie_specs[iter->map], &view);
    uint32_t rest = view.map & (slot_min > 15u ? 0 : 0xffffu << slot_min & 0xffffu);
    iter->stack[iter->depth].ref = ref;
    iter->stack[iter->depth].rest = rest | (uint32_t)view.depth << REST_DEPTH;
    iter->depth++;
    return true;
}

void trie_iter_begin(struct rmg_iter *iter, const struct rmg_graph *graph, unsigned map,
                     uint32_t ref, bool is_leaf)
{
    iter_init(iter, graph, map);
    if (is_leaf) {
        iter->lone = ref;
    } else if (ref != 0 && !iter_push(iter, ref, 0, 0)) {
        iter->err = JIT_ECORRUPT;
    }
}

enum jit_err trie_iter_after(struct rmg_iter *iter, const struct rmg_graph *graph, unsigned map,
                             uint32_t root, const struct trie_key *key)
{
    const struct trie_spec *spec = &trie_specs[map];
    struct trie_place place;
    iter_init(iter, graph, map);
    if (key == NULL) {
        trie_iter_begin(iter, graph, map, root, false);
        return iter->err;
    }
    enum jit_err err = trie_find(&graph->mem, spec, root, key, &place);
    if (err != JIT_OK || place.leaf == NULL) {
        return err;
    }
    struct trie_view view;
    uint32_t ref = root;
    for (unsigned depth = 0;; depth = view.depth + 1u) {
        if (!trie_look(&graph->mem, spec, ref, depth, &view)) {
            return JIT_ECORRUPT;
        }
        if (view.depth > place.differ) {
            break;
        }
        unsigned slot = trie_nibble(key, view.depth);
        if (!iter_push(iter, ref, depth, slot + 1)) {
            return JIT_ECORRUPT;
        }
        if (!trie_has(view.map, slot)) {
            return JIT_OK;
        }
        ref = trie_ref(spec, &view, trie_rank(view.map, slot));
        if (trie_has(view.leaf, slot)) {
            break;
        }
    }
    if (place.differ == trie_key_nibbles(spec)) {
        return JIT_OK;
    }
    /* What hangs here parts from the key above its first node: all of it lies on one side. */
    struct trie_key near = trie_key_of_leaf(spec, place.leaf);
    if (trie_nibble(&near, place.differ) > trie_nibble(key, place.differ)) {
        if (ref == place.ref) {
            iter->lone = ref;
        } else if (!iter_push(iter, ref, place.differ, 0)) {
            return JIT_ECORRUPT;
        }
    }
    return JIT_OK;
}

/* How many leaves hang on the next child of the node on top of the stack, and its reference. */
static bool iter_peek(const struct rmg_iter *iter, uint32_t *child, bool *is_leaf, uint64_t *leaves)
{
    const struct rmg_mem *mem = &iter->graph->mem;
    const struct trie_spec *spec = &trie_specs[iter->map];
    const uint32_t rest = iter->stack[iter->depth - 1].rest;
    const unsigned slot = (unsigned)__builtin_ctz(rest);
    const unsigned depth = rest >> REST_DEPTH;
    struct trie_view view;
    if (!trie_look(mem, spec, iter->stack[iter->depth - 1].ref, depth, &view) ||
        !trie_has(view.map, slot)) {
        return false;
    }
    *child = trie_ref(spec, &view, trie_rank(view.map, slot));
    *is_leaf = trie_has(view.leaf, slot);
    if (*is_leaf) {
        *leaves = 1;
        return true;
    }
    if (!trie_look(mem, spec, *child, depth + 1, &view)) {
        return false;
    }
    *leaves = trie_load32(mem->base + (uint64_t)*child * RMG_GRANULE + sizeof(struct trie_node));
    return true;
}

void trie_iter_skip(struct rmg_iter *iter, uint64_t count)
{
    assert(!trie_specs[iter->map].hashed);
    if (iter->lone != 0 && count > 0) {
        iter->lone = 0;
        count--;
    }
    while (count > 0 && iter->depth > 0 && iter->err == JIT_OK) {
        uint32_t *rest = &iter->stack[iter->depth - 1].rest;
        uint32_t child = 0;
        bool is_leaf = false;
        uint64_t leaves = 0;
        if ((*rest & 0xffffu) == 0) {
            iter->depth--;
            continue;
        }
        if (iter->steps == 0 || !iter_peek(iter, &child, &is_leaf, &leaves)) {
            iter->err = JIT_ECORRUPT;
            return;
        }
        iter->steps--;
        const unsigned depth = *rest >> REST_DEPTH;
        *rest &= *rest - 1u;
        if (leaves <= count) {
            count -= leaves;
        } else if (is_leaf || !iter_push(iter, child, depth + 1, 0)) {
            iter->err = JIT_ECORRUPT;
        }
    }
}

enum jit_err trie_iter_next(struct rmg_iter *iter, const uint8_t **leaf, uint32_t *ref)
{
    const struct rmg_mem *mem = &iter->graph->mem;
    const struct trie_spec *spec = &trie_specs[iter->map];
    if (iter->err != JIT_OK) {
        return iter->err;
    }
    uint32_t at = iter->lone;
    iter->lone = 0;
    while (at == 0) {
        if (iter->depth == 0) {
            return JIT_ENOENT;
        }
        uint32_t *rest = &iter->stack[iter->depth - 1].rest;
        if ((*rest & 0xffffu) == 0) {
            iter->depth--;
            continue;
        }
        unsigned slot = (unsigned)__builtin_ctz(*rest);
        unsigned depth = *rest >> REST_DEPTH;
        struct trie_view view;
        *rest &= *rest - 1u;
        iter->err = JIT_ECORRUPT;
        if (iter->steps == 0 ||
            !trie_look(mem, spec, iter->stack[iter->depth - 1].ref, depth, &view) ||
            !trie_has(view.map, slot)) {
            return JIT_ECORRUPT;
        }
        iter->steps--;
        uint32_t child = trie_ref(spec, &view, trie_rank(view.map, slot));
        if (trie_has(view.leaf, slot)) {
            at = child;
        } else if (!iter_push(iter, child, depth + 1, 0)) {
            return JIT_ECORRUPT;
        }
        iter->err = JIT_OK;
    }
    *leaf = trie_leaf(mem, spec, at);
    *ref = at;
    if (iter->graph->slots != NULL) {
        ++*iter->graph->slots;
    }
    if (*leaf == NULL) {
        iter->err = JIT_ECORRUPT;
    }
    return iter->err;
}

#include "rmg/store/trie_priv.h"

static_assert(offsetof(struct trie_node, leaf) == offsetof(struct trie_node, map) + 2, "see step");
static_assert(offsetof(struct trie_node, depth) == offsetof(struct trie_node, map) + 6, "see step");

/* Keys that are walked side by side: enough to keep the memory busy, few enough for the nearest
 * cache to hold what they lead to. */
#define WARM_GROUP  32u
#define CACHE_LINE  64u
#define WARM_LEVELS 64u /* of a key; real paths are far shorter */

struct warm_walk {
    struct rmg_warm_key key;
    uint32_t ref;
};

/* The head and the references of a node, or most of a leaf. */
static void ask(const struct rmg_mem *mem, uint32_t ref)
{
    uint64_t at = (uint64_t)ref * RMG_GRANULE;
    if (at + 2 * CACHE_LINE <= mem->size) {
        __builtin_prefetch(mem->base + at);
        __builtin_prefetch(mem->base + at + CACHE_LINE);
    }
}

enum step { STEP_DOWN, STEP_LEAF, STEP_LOST };

/* One level further down. What is read of a node lies in its head and its references, so no more
 * of it is judged than that they lie inside: whoever reads the leaf judges its id. */
static enum step step(const struct rmg_mem *mem, unsigned depth_min, struct warm_walk *walk)
{
    const unsigned refs_at = trie_specs[walk->key.map].refs_at;
    uint64_t at = (uint64_t)walk->ref * RMG_GRANULE;
    if (walk->ref == 0 || at + refs_at + 16u * sizeof(uint32_t) > mem->size) {
        return STEP_LOST;
    }
    const uint8_t *node = mem->base + at;
    uint64_t head = __atomic_load_n(
        (const uint64_t *)(const void *)(node + offsetof(struct trie_node, map)), __ATOMIC_RELAXED);
    uint16_t map;
    uint16_t leaf;
    uint8_t depth;
    memcpy(&map, (const uint8_t *)&head + 0, sizeof map);
    memcpy(&leaf, (const uint8_t *)&head + 2, sizeof leaf);
    memcpy(&depth, (const uint8_t *)&head + 6, sizeof depth);
    if (depth < depth_min || depth >= 2u * JIT_ID_BYTES) {
        return STEP_LOST;
    }
    uint8_t byte = walk->key.id->bytes[depth / 2u];
    unsigned slot = depth % 2u == 0 ? byte >> 4u : byte & 15u;
    if (!trie_has(map, slot)) {
        return STEP_LOST;
    }
    walk->ref = trie_load32(node + refs_at + trie_rank(map, slot) * sizeof(uint32_t));
    ask(mem, walk->ref);
    return trie_has(leaf, slot) ? STEP_LEAF : STEP_DOWN;
}

static void keep(struct rmg_found *found, const struct warm_walk *walk)
{
    if (found != NULL) {
        uint32_t tag = found_tag(walk->key.map, walk->key.id);
        uint32_t slot = found_slot(tag);
        found->at[slot].tag = tag;
        found->at[slot].ref = walk->ref;
    }
}

static void warm_group(const struct rmg_graph *graph, const struct rmg_warm_key *keys, size_t count)
{
    struct warm_walk walks[WARM_GROUP];
    for (size_t i = 0; i < count; i++) {
        assert(keys[i].map < RMG_MAPS_HASHED);
        walks[i] = (struct warm_walk){.key = keys[i], .ref = graph->roots.ref[keys[i].map]};
    }
    for (unsigned level = 0; level < WARM_LEVELS && count > 0; level++) {
        size_t left = 0;
        for (size_t i = 0; i < count; i++) {
            enum step at = step(&graph->mem, level, &walks[i]);
            if (at == STEP_DOWN) {
                walks[left++] = walks[i];
            } else if (at == STEP_LEAF) {
                keep(graph->found, &walks[i]);
            }
        }
        count = left;
    }
}

void rmg_graph_warm_keys(const struct rmg_graph *graph, const struct rmg_warm_key *keys,
                         size_t count)
{
    for (size_t at = 0; at < count; at += WARM_GROUP) {
        size_t size = count - at < WARM_GROUP ? count - at : WARM_GROUP;
        warm_group(graph, keys + at, size);
    }
}

void rmg_graph_warm(const struct rmg_graph *graph, enum rmg_map map,
                    const struct jit_id *const *ids, size_t count)
{
    struct rmg_warm_key keys[WARM_GROUP];
    for (size_t at = 0; at < count; at += WARM_GROUP) {
        size_t size = count - at < WARM_GROUP ? count - at : WARM_GROUP;
        for (size_t i = 0; i < size; i++) {
            keys[i] = (struct rmg_warm_key){.id = ids[at + i], .map = map};
        }
        warm_group(graph, keys, size);
    }
}

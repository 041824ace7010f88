#include "rmg/store/store_priv.h"

#include "base/hash.h"

/* Nothing stored is believed: hashes are computed from the records, the shape is judged by the
 * keys, indexes are compared with the maps they stand for. Hashing here goes bit by bit as 4.2
 * spells it and shares nothing with the batches of trie_hash.c but the hash of one value. */

struct verify {
    const struct rmg_store *store;
    const struct rmg_version *version;
    struct rmg_fault *fault;
    struct rmg_graph graph; /* of the instance, or of the map of instances */
    /* the map being walked */
    const struct trie_spec *spec;
    unsigned map;
    const uint8_t *last; /* leaf visited last */
    unsigned part;       /* depth of the node that parts it from the next one */
    uint64_t steps;
    uint64_t leaves;
    uint64_t portals;
};

static enum jit_err fault(struct verify *v, const uint8_t *leaf, const char *what)
{
    v->fault->instance = v->graph.instance;
    v->fault->map = (enum rmg_map)(v->map < RMG_MAPS ? v->map : RMG_NODES);
    v->fault->what = what;
    memset(&v->fault->id, 0, sizeof v->fault->id);
    if (leaf != NULL) {
        memcpy(&v->fault->id, leaf + offsetof(struct leaf_node, id), sizeof v->fault->id);
    }
    return JIT_ECORRUPT;
}

static bool has(struct verify *v, enum rmg_map map, const uint8_t *id, const uint8_t **leaf)
{
    const struct trie_key key = trie_key_of_id((const struct jit_id *)(const void *)id);
    return trie_get(&v->graph.mem, &trie_specs[map], v->graph.roots.ref[map], &key, leaf) == JIT_OK;
}

/* The index has this very leaf under its key. Their numbers are compared elsewhere. */
static bool indexed(struct verify *v, enum rmg_map map, const uint8_t *leaf)
{
    const struct trie_key key = trie_key_of_leaf(&trie_specs[map], leaf);
    const uint8_t *found = NULL;
    return trie_get(&v->graph.mem, &trie_specs[map], v->graph.roots.ref[map], &key, &found) ==
               JIT_OK &&
           found == leaf;
}

/* ---- records ---- */

static enum jit_err owner_sound(struct verify *v, const uint8_t *leaf)
{
    struct owner_walk walk;
    struct owner_entry entry;
    struct rmg_attachment last = {.name = NULL};
    uint32_t count = 0;
    const uint8_t *found = NULL;
    if (!has(v, v->map == RMG_ALPHA ? RMG_NODES : RMG_EDGES, leaf + offsetof(struct leaf_owner, id),
             &found)) {
        return fault(v, leaf, "attachments without an owner");
    }
    enum jit_err err = owner_walk_begin(&v->graph.mem, leaf, &walk);
    while (err == JIT_OK && (err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        const struct rmg_attachment *a = &entry.attachment;
        if (attachment_judge(a) != JIT_OK ||
            (count > 0 &&
             owner_name_compare(last.name, last.name_size, a->name, a->name_size) >= 0)) {
            return fault(v, leaf, "attachments out of order or malformed");
        }
        if (entry.hash != NULL) {
            struct jit_id hash;
            jit_hash_key(JIT_K_ATOM, a->value.bytes, a->value.size, &hash);
            if (!jit_id_equal(&hash, entry.hash)) {
                return fault(v, leaf, "hash of a long atom");
            }
        }
        v->portals += a->value.kind == RMG_VALUE_PORTAL;
        last = *a;
        count++;
    }
    return err == JIT_ENOENT && count > 0 ? JIT_OK : fault(v, leaf, "attachments malformed");
}

static enum jit_err record_sound(struct verify *v, const uint8_t *leaf)
{
    const struct leaf_edge *edge = (const struct leaf_edge *)(const void *)leaf;
    const struct leaf_node *node = (const struct leaf_node *)(const void *)leaf;
    const uint8_t *found = NULL;
    switch (v->map) {
    case RMG_NODES:
        if (jit_id_is_zero(&node->type)) {
            return fault(v, leaf, "node of type zero");
        }
        return indexed(v, RMG_NODE_TYPES, leaf) ? JIT_OK : fault(v, leaf, "index of nodes by type");
    case RMG_EDGES:
        if (jit_id_is_zero(&edge->edge.type)) {
            return fault(v, leaf, "edge of type zero");
        }
        if (!has(v, RMG_NODES, edge->edge.from.bytes, &found) ||
            !has(v, RMG_NODES, edge->edge.to.bytes, &found)) {
            return fault(v, leaf, "edge without its ends");
        }
        return indexed(v, RMG_OUT, leaf) && indexed(v, RMG_IN, leaf) &&
                       indexed(v, RMG_EDGE_TYPES, leaf)
                   ? JIT_OK
                   : fault(v, leaf, "index of edges");
    case RMG_ALPHA:
    case RMG_BETA:
        return owner_sound(v, leaf);
    case TRIE_INSTANCES:
        return store_leaf_sound(v->store, (const struct leaf_instance *)(const void *)leaf)
                   ? JIT_OK
                   : fault(v, leaf, "instance malformed");
    default:
        return JIT_OK; /* a leaf of an index is judged where it lives */
    }
}

/* ---- shape and hashes ---- */

unsigned trie_slots_hash(const struct trie_view *view, const struct jit_id hash[16], unsigned from,
                         unsigned to, struct jit_id *out)
{
    if (to - from == 1) {
        *out = hash[from];
        return !trie_has(view->map, from) ? 0 : trie_has(view->leaf, from) ? 1 : 2;
    }
    struct jit_id side[2];
    unsigned middle = (from + to) / 2;
    unsigned left = trie_slots_hash(view, hash, from, middle, &side[0]);
    unsigned right = trie_slots_hash(view, hash, middle, to, &side[1]);
    if (left + right < 2) {
        *out = left == 1 ? side[0] : side[1];
        return left + right;
    }
    trie_inner_hash(&side[0], &side[1], out);
    return 2;
}

/* Inner hashes that are kept must be the ones computed. */
static bool inner_sound(const struct trie_view *view, const struct jit_id hash[16])
{
    const uint8_t *stored =
        view->at + sizeof(struct trie_node) + view->children * (sizeof(uint32_t) + JIT_ID_BYTES);
    for (unsigned at = 2; trie_cached(view->children, view->depth) && at < 16; at++) {
        unsigned width = at < 4 ? 8 : at < 8 ? 4 : 2;
        unsigned from = (at * width) % 16;
        struct jit_id expected;
        unsigned kind = trie_slots_hash(view, hash, from, from + width, &expected);
        if (kind != 0 && memcmp(stored + (at - 2) * JIT_ID_BYTES, &expected, JIT_ID_BYTES) != 0) {
            return false;
        }
    }
    return true;
}

static enum jit_err leaf_visit(struct verify *v, const uint8_t *leaf, struct jit_id *hash)
{
    if (leaf == NULL) {
        return fault(v, NULL, "reference out of bounds");
    }
    struct trie_key key = trie_key_of_leaf(v->spec, leaf);
    if (v->last != NULL) {
        unsigned nibbles = trie_key_nibbles(v->spec);
        struct trie_key last = trie_key_of_leaf(v->spec, v->last);
        unsigned differ = trie_key_differ(&last, &key, nibbles);
        if (differ != v->part || trie_nibble(&last, differ) > trie_nibble(&key, differ)) {
            return fault(v, leaf, "keys out of order");
        }
    }
    v->last = leaf;
    v->leaves++;
    enum jit_err err = record_sound(v, leaf);
    if (err == JIT_OK && v->spec->hashed) {
        struct jit_id value;
        uint64_t hashes = 0;
        err = trie_leaf_value(&v->graph.mem, v->map, leaf, &hashes, &value);
        trie_leaf_hash(v->map,
                       (const struct jit_id *)(const void *)(leaf + offsetof(struct leaf_node, id)),
                       &value, hash);
    }
    return err;
}

static enum jit_err node_visit(struct verify *v, uint32_t ref, unsigned depth_min,
                               struct jit_id *out)
{
    struct trie_view view;
    struct jit_id hash[16] = {{{0}}};
    uint64_t before = v->leaves;
    unsigned index = 0;
    bool root = depth_min == 0;
    if (v->steps == 0 || !trie_look(&v->graph.mem, v->spec, ref, depth_min, &view)) {
        return fault(v, v->last, "node malformed");
    }
    v->steps--;
    const struct trie_node *node = (const struct trie_node *)(const void *)view.at;
    if ((root ? view.depth != 0 : view.children < 2) || node->dirty != 0 || node->flags != 0) {
        return fault(v, v->last, "node of the wrong shape");
    }
    for (unsigned slot = 0; slot < 16; slot++) {
        if (!trie_has(view.map, slot)) {
            continue;
        }
        uint32_t child = trie_ref(v->spec, &view, index);
        v->part = index > 0 ? view.depth : v->part;
        enum jit_err err =
            trie_has(view.leaf, slot)
                ? leaf_visit(v, trie_leaf(&v->graph.mem, v->spec, child), &hash[slot])
                : node_visit(v, child, view.depth + 1u, &hash[slot]);
        if (err != JIT_OK) {
            return err;
        }
        struct trie_key key = trie_key_of_leaf(v->spec, v->last);
        if (trie_nibble(&key, view.depth) != slot) {
            return fault(v, v->last, "key in the wrong slot");
        }
        if (v->spec->hashed &&
            memcmp(view.at + sizeof *node + view.children * sizeof(uint32_t) + index * JIT_ID_BYTES,
                   &hash[slot], JIT_ID_BYTES) != 0) {
            return fault(v, v->last, "hash of a slot");
        }
        index++;
    }
    if (!v->spec->hashed) {
        return trie_load32(view.at + sizeof *node) == v->leaves - before
                   ? JIT_OK
                   : fault(v, v->last, "count of an index");
    }
    if (!inner_sound(&view, hash)) {
        return fault(v, v->last, "inner hash");
    }
    (void)trie_slots_hash(&view, hash, 0, 16, out);
    trie_chain_hash((const struct jit_id *)(const void *)(v->last + offsetof(struct leaf_node, id)),
                    view.depth * 4u, depth_min * 4u, out);
    return JIT_OK;
}

static enum jit_err map_visit(struct verify *v, unsigned map, uint32_t root, uint64_t *leaves,
                              struct jit_id *out)
{
    v->map = map;
    v->spec = &trie_specs[map];
    v->last = NULL;
    v->leaves = 0;
    v->steps = v->graph.mem.size / RMG_GRANULE;
    memset(out, 0, sizeof *out);
    enum jit_err err = root == 0 ? JIT_OK : node_visit(v, root, 0, out);
    *leaves = v->leaves;
    return err;
}

/* ---- instances ---- */

static enum jit_err instance_visit(struct verify *v, const struct rmg_instance *instance)
{
    struct jit_id root[RMG_MAPS];
    struct jit_id skeleton;
    struct jit_id attachments;
    uint64_t leaves[RMG_MAPS];
    rmg_store_graph(v->store, instance, &v->graph);
    for (unsigned map = 0; map < RMG_MAPS; map++) {
        enum jit_err err = map_visit(v, map, instance->roots.ref[map], &leaves[map], &root[map]);
        if (err != JIT_OK) {
            return err;
        }
        if (map < RMG_MAPS_HASHED && !jit_id_equal(&root[map], &instance->map_root[map])) {
            return fault(v, NULL, "root of a map");
        }
    }
    v->map = RMG_NODES;
    const uint64_t nodes = instance->roots.node_count;
    const uint64_t edges = instance->roots.edge_count;
    if (leaves[RMG_NODES] != nodes || leaves[RMG_NODE_TYPES] != nodes ||
        leaves[RMG_EDGES] != edges || leaves[RMG_OUT] != edges || leaves[RMG_IN] != edges ||
        leaves[RMG_EDGE_TYPES] != edges) {
        return fault(v, NULL, "numbers of nodes, edges and index entries");
    }
    instance_sums(root, &skeleton, &attachments);
    return jit_id_equal(&skeleton, &instance->skeleton) &&
                   jit_id_equal(&attachments, &instance->attachments)
               ? JIT_OK
               : fault(v, NULL, "skeleton or attachments");
}

/* What 4.2 demands across instances. */
static enum jit_err forest_visit(struct verify *v)
{
    struct rmg_instance instance;
    uint64_t tops = 0;
    uint64_t count = 0;
    enum jit_err err = rmg_store_next(v->store, v->version, NULL, &instance);
    for (; err == JIT_OK; err = rmg_store_next(v->store, v->version, &instance.id, &instance)) {
        struct leaf_instance *leaf = NULL;
        v->graph.instance = instance.id;
        v->map = RMG_NODES;
        count++;
        tops += !instance.parent.present;
        if (store_leaf(v->store, v->version->instances, &instance.id, &leaf) != JIT_OK ||
            instance_judge(v->store, v->version->instances, leaf) != JIT_OK ||
            instance_depth_judge(v->store, v->version->instances, leaf) != JIT_OK) {
            return fault(v, NULL, "root node, portal or parent");
        }
        err = instance_visit(v, &instance);
        if (err != JIT_OK) {
            return err;
        }
    }
    if (err != JIT_ENOENT || count != v->version->instance_count) {
        return fault(v, NULL, "map of instances");
    }
    return count == 0 || (tops == 1 && v->portals == count - 1)
               ? JIT_OK
               : fault(v, NULL, "numbers of top instances and portals");
}

enum jit_err rmg_store_verify(struct rmg_store *store, const struct rmg_version *version,
                              struct rmg_fault *out)
{
    struct verify v = {.store = store, .version = version, .fault = out};
    struct jit_id root;
    uint64_t count = 0;
    memset(out, 0, sizeof *out);
    v.graph.mem = store_mem(store, 0);
    enum jit_err err = map_visit(&v, TRIE_INSTANCES, version->instances, &count, &root);
    if (err == JIT_OK &&
        (count != version->instance_count || !jit_id_equal(&root, &version->state_root))) {
        err = fault(&v, NULL, "state root");
    }
    return err == JIT_OK ? forest_visit(&v) : err;
}

#include "rmg/store/store_priv.h"

#include "base/hash.h"

/* ---- validity across instances (4.2), from what was touched ----
 *
 * Inside an instance every change keeps the state valid: ends and owners are looked up at once.
 * Across instances: let each instance with a parent find its portal in the slot that its parent
 * names. Then these slots are all different, and there is no other portal exactly when there are
 * as many portals as instances with a parent. The base is valid, so it has one portal less than
 * instances, and the number now follows from what was set and cleared. Who may have lost its
 * portal or its parent was touched; a tree stays a tree where no parent changed. */

enum jit_err instance_judge(const struct rmg_store *store, uint32_t instances,
                            const struct leaf_instance *leaf)
{
    struct rmg_graph graph = {.mem = store_mem(store, leaf->arena), .roots = leaf->roots};
    struct leaf_instance *parent = NULL;
    struct jit_id type;
    struct rmg_value value;
    enum jit_err err = rmg_node_type(&graph, &leaf->root_node, &type);
    if (err != JIT_OK || !leaf->has_parent) {
        return err == JIT_ENOENT ? JIT_EINVALID : err;
    }
    err = store_leaf(store, instances, &leaf->parent_instance, &parent);
    if (err == JIT_OK) {
        graph.mem = store_mem(store, parent->arena);
        graph.roots = parent->roots;
        err = rmg_attachment_get(&graph, (enum rmg_plane)leaf->plane, &leaf->parent_owner,
                                 leaf->name, leaf->name_size, &value);
    }
    if (err == JIT_OK) {
        bool ours = value.kind == RMG_VALUE_PORTAL && jit_id_equal(&value.type, &leaf->id);
        err = ours ? JIT_OK : JIT_EINVALID;
    }
    return err == JIT_ENOENT ? JIT_EINVALID : err;
}

enum jit_err instance_depth_judge(const struct rmg_store *store, uint32_t instances,
                                  const struct leaf_instance *leaf)
{
    for (unsigned depth = 1; leaf->has_parent; depth++) {
        struct leaf_instance *parent = NULL;
        if (depth > JIT_DEPTH_MAX) {
            return JIT_EINVALID; /* too deep, or a circle */
        }
        enum jit_err err = store_leaf(store, instances, &leaf->parent_instance, &parent);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_EINVALID : err;
        }
        leaf = parent;
    }
    return JIT_OK;
}

/* A subtree of instances was hung elsewhere: what lies below it got another depth, too. */
static enum jit_err judge_all_depths(const struct rmg_tx *tx)
{
    const struct rmg_graph graph = {.mem = store_mem(tx->store, 0)};
    struct rmg_iter iter;
    const uint8_t *leaf = NULL;
    uint32_t ref = 0;
    enum jit_err err = JIT_OK;
    trie_iter_begin(&iter, &graph, TRIE_INSTANCES, tx->instances, false);
    while (err == JIT_OK && (err = trie_iter_next(&iter, &leaf, &ref)) == JIT_OK) {
        err = instance_depth_judge(tx->store, tx->instances,
                                   (const struct leaf_instance *)(const void *)leaf);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err rmg_tx_judge(struct rmg_tx *tx)
{
    if (tx->adopted) {
        return JIT_OK;
    }
    int64_t base_tops = tx->base.instance_count > 0 ? 1 : 0;
    int64_t base_portals = (int64_t)tx->base.instance_count - base_tops;
    int64_t tops = tx->instance_count > 0 ? 1 : 0;
    if (base_tops + tx->top_delta != tops ||
        base_portals + tx->portal_delta != (int64_t)tx->instance_count - tops) {
        return JIT_EINVALID;
    }
    for (size_t i = 0; i < tx->touched_count; i++) {
        struct leaf_instance *leaf = NULL;
        enum jit_err err = store_leaf(tx->store, tx->instances, &tx->touched[i], &leaf);
        if (err == JIT_ENOENT) {
            continue; /* deleted; if it still has a portal the number is wrong */
        }
        if (err == JIT_OK) {
            err = instance_judge(tx->store, tx->instances, leaf);
        }
        if (err == JIT_OK) {
            err = instance_depth_judge(tx->store, tx->instances, leaf);
        }
        if (err != JIT_OK) {
            return err;
        }
    }
    return tx->moved ? judge_all_depths(tx) : JIT_OK;
}

/* ---- hashing ---- */

/* Call back for each leaf behind a dirty slot. */
static void dirty_instances(struct rmg_tx *tx, uint32_t ref,
                            void (*each)(struct rmg_tx *tx, struct leaf_instance *leaf))
{
    const struct rmg_arena *arena = tx->store->options.arenas[0];
    const struct trie_spec *spec = &trie_specs[TRIE_INSTANCES];
    const struct trie_node *node = ref == 0 ? NULL : rmg_arena_at(arena, ref);
    unsigned left = node == NULL ? 0 : node->dirty & node->map;
    for (; left != 0; left &= left - 1) {
        unsigned slot = (unsigned)__builtin_ctz(left);
        uint32_t child = trie_refs(spec, node)[trie_rank(node->map, slot)];
        if (!trie_has(node->leaf, slot)) {
            dirty_instances(tx, child, each);
        } else if (((struct leaf_instance *)rmg_arena_at(arena, child))->epoch == tx->epoch) {
            each(tx, rmg_arena_at(arena, child));
        }
    }
}

static void hash_maps(struct rmg_tx *tx, struct leaf_instance *leaf)
{
    const struct rmg_mem mem = store_mem(tx->store, leaf->arena);
    tx_crew_hash(tx, leaf);
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        trie_hasher_add(tx->store->hasher, &mem, map, leaf->roots.ref[map], &leaf->map_root[map]);
    }
}

static void hash_pair(enum jit_domain domain, const struct jit_id *left, const struct jit_id *right,
                      struct jit_id *out)
{
    uint8_t both[2 * JIT_ID_BYTES];
    memcpy(both, left->bytes, JIT_ID_BYTES);
    memcpy(both + JIT_ID_BYTES, right->bytes, JIT_ID_BYTES);
    jit_hash_key(domain, both, sizeof both, out);
}

void instance_sums(const struct jit_id map_root[RMG_MAPS_HASHED], struct jit_id *skeleton,
                   struct jit_id *attachments)
{
    hash_pair(JIT_K_SKELETON, &map_root[RMG_NODES], &map_root[RMG_EDGES], skeleton);
    hash_pair(JIT_K_ATTACHMENTS, &map_root[RMG_ALPHA], &map_root[RMG_BETA], attachments);
}

static void hash_sums(struct rmg_tx *tx, struct leaf_instance *leaf)
{
    instance_sums(leaf->map_root, &leaf->skeleton, &leaf->attachments);
    tx->store->counters.hashes += 2;
}

enum jit_err rmg_tx_seal(struct rmg_tx *tx, struct rmg_version *out)
{
    struct rmg_store *store = tx->store;
    assert(store != NULL);
    enum jit_err err = rmg_tx_judge(tx);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    if (tx->instances == tx->base.instances) {
        /* Nothing changed: no trace, not even a version. */
        struct rmg_version base = tx->base;
        rmg_tx_abort(tx);
        *out = base;
        return JIT_OK;
    }
    struct rmg_version version = {
        .epoch = tx->epoch, .instance_count = tx->instance_count, .instances = tx->instances};
    dirty_instances(tx, tx->instances, hash_maps);
    trie_hasher_finish(store->hasher, &store->counters);
    dirty_instances(tx, tx->instances, hash_sums);
    const struct rmg_mem mem = store_mem(store, 0);
    trie_hasher_add(store->hasher, &mem, TRIE_INSTANCES, tx->instances, &version.state_root);
    trie_hasher_finish(store->hasher, &store->counters);
    store_bury(store, &tx->dead, store->pin_count);
    if (tx->line != NULL) {
        store_lose(store, &tx->lost, tx->line);
    }
    store->epoch = version.epoch;
    if (tx->line == NULL) {
        store->newest = version;
    }
    tx->store = NULL;
    tx->at = NULL;
    *out = version;
    return JIT_OK;
}

#include "rmg/store/trie_priv.h"

static struct trie_node *node_at(const struct trie_pen *pen, uint32_t ref)
{
    return rmg_arena_at(pen->arena, ref);
}

static uint64_t birth_of(const void *cell)
{
    uint64_t epoch;
    memcpy(&epoch, cell, sizeof epoch);
    return epoch;
}

/* Nothing is younger than the transaction that runs. */
static bool owned(const struct trie_pen *pen, const void *cell)
{
    return birth_of(cell) >= pen->epoch;
}

enum jit_err trie_cell_new(struct trie_pen *pen, uint32_t size, uint32_t *ref)
{
    enum jit_err err = rmg_arena_alloc(pen->arena, size, ref);
    if (err == JIT_OK) {
        memcpy(rmg_arena_at(pen->arena, *ref), &pen->epoch, sizeof pen->epoch);
    }
    return err;
}

static enum jit_err list_ready(struct trie_pen *pen, struct dead_list *list)
{
    struct dead_chunk *chunk = list->head;
    if (chunk != NULL && chunk->hand == pen->hand && chunk->count < DEAD_PER_CHUNK) {
        return JIT_OK;
    }
    chunk = *pen->spare;
    if (chunk != NULL) {
        *pen->spare = chunk->next;
    } else {
        chunk = pen->heap->alloc(pen->heap, sizeof *chunk);
        if (chunk == NULL) {
            return JIT_ENOMEM;
        }
    }
    chunk->count = 0;
    chunk->hand = pen->hand;
    chunk->next = list->head;
    list->head = chunk;
    return JIT_OK;
}

/* Room for one dead cell, so that what follows cannot fail half way. */
static enum jit_err dead_ready(struct trie_pen *pen)
{
    enum jit_err err = list_ready(pen, pen->dead);
    return err == JIT_OK && pen->lost != NULL ? list_ready(pen, pen->lost) : err;
}

static void cell_bury(struct trie_pen *pen, uint32_t ref, uint32_t size)
{
    const void *cell = rmg_arena_at(pen->arena, ref);
    if (owned(pen, cell)) {
        rmg_arena_release(pen->arena, ref, size);
        return;
    }
    uint64_t birth = birth_of(cell);
    struct dead_list *list = birth <= pen->fork ? pen->lost : pen->dead;
    struct dead_cell *dead = &list->head->cells[list->head->count++];
    dead->birth = birth;
    dead->ref = ref;
    dead->where = pen->arena_index << 28u | (size + RMG_GRANULE - 1) / RMG_GRANULE;
}

enum jit_err trie_cell_drop(struct trie_pen *pen, uint32_t ref, uint32_t size)
{
    enum jit_err err = owned(pen, rmg_arena_at(pen->arena, ref)) ? JIT_OK : dead_ready(pen);
    if (err == JIT_OK) {
        cell_bury(pen, ref, size);
    }
    return err;
}

/* Make the node at *link this transaction's. */
static enum jit_err node_own(struct trie_pen *pen, const struct trie_spec *spec, uint32_t *link)
{
    const struct trie_node *old = node_at(pen, *link);
    if (owned(pen, old)) {
        return JIT_OK;
    }
    uint32_t before = *link;
    uint32_t size = trie_node_size(spec, trie_count16(old->map), old->depth);
    uint32_t ref = 0;
    enum jit_err err = dead_ready(pen);
    if (err == JIT_OK) {
        err = trie_cell_new(pen, size, &ref);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct trie_node *node = node_at(pen, ref);
    memcpy((uint8_t *)node + sizeof node->epoch, (const uint8_t *)old + sizeof old->epoch,
           size - sizeof node->epoch);
    pen->counters->nodes_copied++;
    *link = ref;
    cell_bury(pen, before, size);
    return JIT_OK;
}

enum jit_err trie_node_new(struct trie_pen *pen, const struct trie_spec *spec, unsigned map,
                           unsigned depth, uint32_t *ref)
{
    unsigned children = trie_count16(map);
    enum jit_err err = trie_cell_new(pen, trie_node_size(spec, children, depth), ref);
    if (err != JIT_OK) {
        return err;
    }
    struct trie_node *node = node_at(pen, *ref);
    node->map = (uint16_t)map;
    node->leaf = 0;
    node->dirty = spec->hashed ? (uint16_t)map : 0;
    node->depth = (uint8_t)depth;
    node->flags = spec->hashed && trie_cached(children, depth) ? TRIE_STALE : 0;
    pen->counters->nodes_copied++;
    return JIT_OK;
}

/* Replace the node at *link by one with the leaf at slot added, or with slot taken away. */
static enum jit_err node_resize(struct trie_pen *pen, const struct trie_spec *spec, uint32_t *link,
                                unsigned slot, uint32_t leaf)
{
    const struct trie_node *old = node_at(pen, *link);
    unsigned bit = 1u << slot;
    bool add = (old->map & bit) == 0;
    unsigned was = trie_count16(old->map);
    unsigned now = add ? was + 1 : was - 1;
    unsigned at = trie_rank(old->map, slot);
    unsigned skip_old = add ? 0 : 1;
    unsigned skip_new = add ? 1 : 0;
    unsigned tail = was - at - skip_old;
    uint32_t before = *link;
    uint32_t ref = 0;
    enum jit_err err = dead_ready(pen);
    if (err == JIT_OK) {
        err = trie_node_new(pen, spec, old->map ^ bit, old->depth, &ref);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct trie_node *node = node_at(pen, ref);
    const uint32_t *from = trie_refs(spec, old);
    uint32_t *to = trie_refs(spec, node);
    memcpy(to, from, at * sizeof *to);
    memcpy(to + at + skip_new, from + at + skip_old, tail * sizeof *to);
    node->leaf = old->leaf & (uint16_t)~bit;
    if (add) {
        to[at] = leaf;
        node->leaf |= (uint16_t)bit;
    }
    if (spec->hashed) {
        const struct jit_id *hash_from = trie_hashes(old, was);
        struct jit_id *hash_to = trie_hashes(node, now);
        memcpy(hash_to, hash_from, at * sizeof *hash_to);
        memcpy(hash_to + at + skip_new, hash_from + at + skip_old, tail * sizeof *hash_to);
        node->dirty = old->dirty | (uint16_t)bit;
        if (trie_cached(was, old->depth) && trie_cached(now, old->depth)) {
            memcpy(hash_to + now, hash_from + was, TRIE_INNER * sizeof *hash_to);
            node->flags = old->flags;
        }
    } else {
        *trie_count(node) = *trie_count(old) + (add ? 1u : 0u) - (add ? 0u : 1u);
    }
    *link = ref;
    cell_bury(pen, before, trie_node_size(spec, was, node->depth));
    return JIT_OK;
}

/* The root of a map stays at nibble 0, even with one child. */
static enum jit_err root_new(struct trie_pen *pen, const struct trie_spec *spec, uint32_t *root,
                             unsigned slot, uint32_t leaf)
{
    uint32_t ref = 0;
    enum jit_err err = trie_node_new(pen, spec, 1u << slot, 0, &ref);
    if (err != JIT_OK) {
        return err;
    }
    struct trie_node *node = node_at(pen, ref);
    node->leaf = node->map;
    trie_refs(spec, node)[0] = leaf;
    if (!spec->hashed) {
        *trie_count(node) = 1;
    }
    *root = ref;
    return JIT_OK;
}

/* Hang a node with two children at *link, where one hung: that one, a leaf or a node, and the new
 * leaf. known: the hash of the old leaf; NULL: it is a node, or has to be hashed. */
static enum jit_err node_fork(struct trie_pen *pen, const struct trie_spec *spec, uint32_t *link,
                              bool old_leaf, const struct jit_id *known, const struct trie_key *key,
                              const struct trie_place *place, uint32_t leaf)
{
    struct trie_key near = trie_key_of_leaf(spec, place->leaf);
    unsigned new_slot = trie_nibble(key, place->differ);
    unsigned old_slot = trie_nibble(&near, place->differ);
    unsigned old_index = old_slot > new_slot ? 1 : 0;
    uint32_t ref = 0;
    assert(new_slot != old_slot);
    enum jit_err err =
        trie_node_new(pen, spec, 1u << new_slot | 1u << old_slot, place->differ, &ref);
    if (err != JIT_OK) {
        return err;
    }
    struct trie_node *fork = node_at(pen, ref);
    fork->leaf = (uint16_t)(1u << new_slot | (old_leaf ? 1u << old_slot : 0));
    trie_refs(spec, fork)[old_index] = *link;
    trie_refs(spec, fork)[1 - old_index] = leaf;
    if (!spec->hashed) {
        *trie_count(fork) = 1 + (old_leaf ? 1 : *trie_count(node_at(pen, *link)));
    } else if (known != NULL) {
        /* A leaf's hash does not depend on where it hangs; a node's does, by its chain. */
        trie_hashes(fork, 2)[old_index] = *known;
        fork->dirty = (uint16_t)(1u << new_slot);
    }
    *link = ref;
    return JIT_OK;
}

/* Mark the way to slot: hashes above it are stale, or count one leaf more or less. */
static void node_touch(const struct trie_spec *spec, struct trie_node *node, unsigned slot, int add)
{
    if (spec->hashed) {
        node->dirty |= (uint16_t)(1u << slot);
    } else {
        *trie_count(node) += (uint32_t)add;
    }
}

enum jit_err trie_put(struct trie_pen *pen, const struct trie_spec *spec, uint32_t *root,
                      const struct trie_key *key, const struct trie_place *place, uint32_t leaf)
{
    uint32_t *link = root;
    bool add = place->leaf == NULL || place->differ < trie_key_nibbles(spec);
    if (*root == 0) {
        return root_new(pen, spec, root, trie_nibble(key, 0), leaf);
    }
    for (;;) {
        const struct trie_node *seen = node_at(pen, *link);
        unsigned slot = trie_nibble(key, seen->depth);
        if (seen->depth > place->differ) {
            return node_fork(pen, spec, link, false, NULL, key, place, leaf);
        }
        if (seen->depth == place->differ) {
            return node_resize(pen, spec, link, slot, leaf);
        }
        enum jit_err err = node_own(pen, spec, link);
        if (err != JIT_OK) {
            return err;
        }
        struct trie_node *node = node_at(pen, *link);
        unsigned at = trie_rank(node->map, slot);
        bool clean = spec->hashed && !trie_has(node->dirty, slot);
        assert(trie_has(node->map, slot));
        link = &trie_refs(spec, node)[at];
        node_touch(spec, node, slot, add ? 1 : 0);
        if (!trie_has(node->leaf, slot)) {
            continue;
        }
        if (!add) {
            *link = leaf;
            return JIT_OK;
        }
        err = node_fork(pen, spec, link, true,
                        clean ? &trie_hashes(node, trie_count16(node->map))[at] : NULL, key, place,
                        leaf);
        if (err == JIT_OK) {
            node->leaf = (uint16_t)(node->leaf & ~(1u << slot));
        }
        return err;
    }
}

/* The node at *link has two children, one of them goes: the other hangs in its place. */
static enum jit_err node_collapse(struct trie_pen *pen, const struct trie_spec *spec,
                                  uint32_t *link, unsigned slot, struct trie_node *parent,
                                  unsigned parent_slot)
{
    const struct trie_node *node = node_at(pen, *link);
    uint32_t before = *link;
    enum jit_err err = dead_ready(pen);
    if (err != JIT_OK) {
        return err;
    }
    unsigned stays = (unsigned)__builtin_ctz(node->map & ~(1u << slot));
    *link = trie_refs(spec, node)[trie_rank(node->map, stays)];
    if (trie_has(node->leaf, stays)) {
        parent->leaf |= (uint16_t)(1u << parent_slot);
    }
    cell_bury(pen, before, trie_node_size(spec, 2, node->depth));
    return JIT_OK;
}

enum jit_err trie_remove(struct trie_pen *pen, const struct trie_spec *spec, uint32_t *root,
                         const struct trie_key *key)
{
    uint32_t *link = root;
    struct trie_node *parent = NULL;
    unsigned parent_slot = 0;
    for (;;) {
        const struct trie_node *seen = node_at(pen, *link);
        unsigned slot = trie_nibble(key, seen->depth);
        assert(trie_has(seen->map, slot));
        if (trie_has(seen->leaf, slot)) {
            unsigned children = trie_count16(seen->map);
            if (parent == NULL && children == 1) {
                uint32_t before = *root;
                enum jit_err err = dead_ready(pen);
                if (err == JIT_OK) {
                    *root = 0;
                    cell_bury(pen, before, trie_node_size(spec, 1, 0));
                }
                return err;
            }
            return parent != NULL && children == 2
                       ? node_collapse(pen, spec, link, slot, parent, parent_slot)
                       : node_resize(pen, spec, link, slot, 0);
        }
        enum jit_err err = node_own(pen, spec, link);
        if (err != JIT_OK) {
            return err;
        }
        parent = node_at(pen, *link);
        parent_slot = slot;
        node_touch(spec, parent, slot, -1);
        link = &trie_refs(spec, parent)[trie_rank(parent->map, slot)];
    }
}

enum jit_err trie_own_path(struct trie_pen *pen, const struct trie_spec *spec, uint32_t *root,
                           const struct trie_key *key, uint32_t **slot_out)
{
    uint32_t *link = root;
    for (;;) {
        enum jit_err err = node_own(pen, spec, link);
        if (err != JIT_OK) {
            return err;
        }
        struct trie_node *node = node_at(pen, *link);
        unsigned slot = trie_nibble(key, node->depth);
        assert(trie_has(node->map, slot));
        node_touch(spec, node, slot, 0);
        link = &trie_refs(spec, node)[trie_rank(node->map, slot)];
        if (trie_has(node->leaf, slot)) {
            *slot_out = link;
            return JIT_OK;
        }
    }
}

enum jit_err trie_own_top(struct trie_pen *pen, const struct trie_spec *spec, uint32_t *root,
                          unsigned byte, uint32_t **link_out)
{
    const unsigned slots[2] = {byte >> 4u, byte & 15u};
    uint32_t *link = root;
    *link_out = NULL;
    for (unsigned depth = 0; depth < 2; depth++) {
        const struct trie_node *seen = *link == 0 ? NULL : node_at(pen, *link);
        if (seen == NULL || seen->depth != depth || !trie_has(seen->map, slots[depth]) ||
            trie_has(seen->leaf, slots[depth])) {
            return JIT_OK;
        }
        enum jit_err err = node_own(pen, spec, link);
        if (err != JIT_OK) {
            return err;
        }
        struct trie_node *node = node_at(pen, *link);
        node_touch(spec, node, slots[depth], 0);
        link = &trie_refs(spec, node)[trie_rank(node->map, slots[depth])];
    }
    *link_out = link;
    return JIT_OK;
}

void trie_abandon(struct trie_pen *pen, const struct trie_spec *spec, uint32_t root,
                  void (*leaf)(void *user, uint32_t ref), void *user)
{
    const struct trie_node *node = root == 0 ? NULL : node_at(pen, root);
    if (node == NULL || !owned(pen, node)) {
        return;
    }
    unsigned children = trie_count16(node->map);
    unsigned map = node->map;
    for (unsigned i = 0; i < children; i++) { /* each is asked for its epoch, and lies anywhere */
        __builtin_prefetch(rmg_arena_at(pen->arena, trie_refs(spec, node)[i]));
    }
    for (unsigned i = 0; i < children; i++, map &= map - 1) {
        uint32_t child = trie_refs(spec, node)[i];
        if (!trie_has(node->leaf, (unsigned)__builtin_ctz(map))) {
            trie_abandon(pen, spec, child, leaf, user);
        } else if (leaf != NULL) {
            leaf(user, child);
        }
    }
    rmg_arena_release(pen->arena, root, trie_node_size(spec, children, node->depth));
}

enum jit_err trie_bury(struct trie_pen *pen, const struct trie_spec *spec, uint32_t root)
{
    const struct trie_node *node = root == 0 ? NULL : node_at(pen, root);
    enum jit_err err = JIT_OK;
    if (node == NULL) {
        return JIT_OK;
    }
    unsigned children = trie_count16(node->map);
    unsigned map = node->map;
    for (unsigned i = 0; i < children && err == JIT_OK; i++, map &= map - 1) {
        uint32_t child = trie_refs(spec, node)[i];
        if (!trie_has(node->leaf, (unsigned)__builtin_ctz(map))) {
            err = trie_bury(pen, spec, child);
        } else if (spec->hashed && !owned(pen, rmg_arena_at(pen->arena, child))) {
            err = trie_cell_drop(pen, child, spec->leaf_size);
        }
    }
    return err != JIT_OK || owned(pen, node)
               ? err
               : trie_cell_drop(pen, root, trie_node_size(spec, children, node->depth));
}

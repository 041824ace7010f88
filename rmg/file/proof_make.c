/* Making a proof: down the trie, noting what lies beside the way. */
#include "rmg/file/proof_priv.h"

#include "base/hash.h"
#include "base/le.h"
#include "rmg/store/store_priv.h"

struct way {
    const struct rmg_mem *mem;
    const struct trie_spec *spec;
    const struct jit_id *id;
    unsigned depth; /* bits */
    enum proof_end end;
    const uint8_t *leaf;                  /* HERE and OTHER: where it ends */
    struct jit_id beside[PROOF_BITS_MAX]; /* a bit each; zero where nothing is */
};

/* ---- the binary levels of one node ---- */

static void position_hash(const struct trie_spec *spec, const struct trie_view *node,
                          unsigned position, struct jit_id *out)
{
    unsigned here = node->map & trie_below[position];
    bool lone = (here & (here - 1)) == 0;
    if (here == 0) {
        memset(out, 0, sizeof *out);
    } else if (position >= 16 || (lone && (node->leaf & here) != 0)) {
        unsigned index = trie_rank(node->map, (unsigned)__builtin_ctz(here));
        const uint8_t *hashes =
            node->at + sizeof(struct trie_node) + node->children * sizeof(uint32_t);
        assert(spec->hashed);
        memcpy(out->bytes, hashes + index * JIT_ID_BYTES, JIT_ID_BYTES);
    } else {
        struct jit_id left;
        struct jit_id right;
        position_hash(spec, node, 2 * position, &left);
        position_hash(spec, node, 2 * position + 1, &right);
        trie_inner_hash(&left, &right, out);
    }
}

/* ---- the way down ---- */

static void end_at_leaf(struct way *way, const uint8_t *leaf)
{
    const struct jit_id *id = trie_key_of_leaf(way->spec, leaf).part[0];
    way->leaf = leaf;
    way->end = jit_id_equal(id, way->id) ? PROOF_HERE : PROOF_OTHER;
}

/* Along the chain above a node. True: the id parts from it, and nothing is on its side. */
static bool leaves_chain(struct way *way, const struct trie_view *node, const struct jit_id *below)
{
    for (; way->depth < node->depth * 4u; way->depth++) {
        struct jit_id *beside = &way->beside[way->depth];
        if (proof_bit(way->id, way->depth) != proof_bit(below, way->depth)) {
            position_hash(way->spec, node, 1, beside);
            trie_chain_hash(below, node->depth * 4u, way->depth + 1u, beside);
            way->depth++;
            way->end = PROOF_EMPTY;
            return true;
        }
        memset(beside, 0, sizeof *beside);
    }
    return false;
}

/* Through the four levels of a node. True: the way ends in it; else ref is the node below. */
static bool ends_in(struct way *way, const struct trie_view *node, uint32_t *ref)
{
    for (unsigned position = 1;;) {
        unsigned here = node->map & trie_below[position];
        unsigned slot = here == 0 ? 0 : (unsigned)__builtin_ctz(here);
        if (here == 0) {
            way->end = PROOF_EMPTY;
            return true;
        }
        *ref = trie_ref(way->spec, node, trie_rank(node->map, slot));
        if ((here & (here - 1)) == 0 && trie_has(node->leaf, slot)) {
            const uint8_t *leaf = trie_leaf(way->mem, way->spec, *ref);
            if (leaf != NULL) {
                end_at_leaf(way, leaf);
            }
            *ref = leaf == NULL ? 0 : *ref;
            return true;
        }
        if (position >= 16) {
            return false;
        }
        unsigned bit = proof_bit(way->id, way->depth);
        position_hash(way->spec, node, 2 * position + (1u - bit), &way->beside[way->depth]);
        position = 2 * position + bit;
        way->depth++;
    }
}

static enum jit_err go_down(struct way *way, uint32_t root)
{
    uint32_t ref = root;
    unsigned depth_min = 0;
    way->depth = 0;
    way->leaf = NULL;
    way->end = PROOF_EMPTY;
    while (ref != 0) {
        struct trie_view node;
        const uint8_t *first = NULL;
        if (!trie_look(way->mem, way->spec, ref, depth_min, &node)) {
            return JIT_ECORRUPT;
        }
        enum jit_err err = trie_first_leaf(way->mem, way->spec, ref, &first);
        if (err != JIT_OK) {
            return err;
        }
        if (leaves_chain(way, &node, trie_key_of_leaf(way->spec, first).part[0])) {
            return JIT_OK;
        }
        if (ends_in(way, &node, &ref)) {
            return ref == 0 && way->end != PROOF_EMPTY ? JIT_ECORRUPT : JIT_OK;
        }
        depth_min = node.depth + 1u;
    }
    return JIT_OK;
}

/* ---- bytes ---- */

static void put_way(const struct way *way, struct jit_buf *out)
{
    static const struct jit_id zero;
    uint8_t map[PROOF_BITS_MAX / 8u] = {0};
    for (unsigned i = 0; i < way->depth; i++) {
        if (!jit_id_equal(&way->beside[i], &zero)) {
            map[i / 8u] = (uint8_t)(map[i / 8u] | 0x80u >> i % 8u);
        }
    }
    jit_buf_put_u16(out, (uint16_t)way->depth);
    jit_buf_put(out, map, (way->depth + 7u) / 8u);
    for (unsigned i = 0; i < way->depth; i++) {
        if (proof_bit((const struct jit_id *)(const void *)map, i)) {
            jit_buf_put_id(out, &way->beside[i]);
        }
    }
}

static void put_parent(const struct leaf_instance *leaf, struct jit_buf *out)
{
    uint8_t parent[74 + JIT_NAME_BYTES_MAX];
    jit_buf_put(out, parent, instance_parent_encode(leaf, parent));
}

/* An owner's record: its attachments with atoms by their hash. */
static enum jit_err put_owner(const struct way *way, struct jit_buf *out)
{
    struct owner_walk walk;
    struct owner_entry entry;
    uint8_t bytes[OWNER_ENTRY_MAX];
    enum jit_err err = owner_walk_begin(way->mem, way->leaf, &walk);
    if (err != JIT_OK) {
        return err;
    }
    jit_buf_put_u64(out, walk.count);
    while ((err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        struct jit_id atom = {{0}};
        const struct rmg_value *value = &entry.attachment.value;
        if (entry.hash != NULL) {
            atom = *entry.hash;
        } else if (value->kind == RMG_VALUE_ATOM) {
            jit_hash_key(JIT_K_ATOM, value->bytes, value->size, &atom);
        }
        jit_buf_put(out, bytes, owner_entry_encode(&entry.attachment, &atom, bytes));
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_record(const struct way *way, unsigned map, struct jit_buf *out)
{
    size_t size_at = out->size;
    enum jit_err err = JIT_OK;
    jit_buf_put_u64(out, 0);
    if (map == RMG_NODES) {
        jit_buf_put(out, way->leaf + offsetof(struct leaf_node, type), JIT_ID_BYTES);
    } else if (map == RMG_EDGES) {
        jit_buf_put(out, way->leaf + offsetof(struct leaf_edge, edge.from), 3 * JIT_ID_BYTES);
    } else if (map == TRIE_INSTANCES) {
        const struct leaf_instance *leaf = (const struct leaf_instance *)(const void *)way->leaf;
        jit_buf_put_id(out, &leaf->root_node);
        put_parent(leaf, out);
        jit_buf_put_id(out, &leaf->skeleton);
        jit_buf_put_id(out, &leaf->attachments);
    } else {
        err = put_owner(way, out);
    }
    if (err == JIT_OK && out->err == JIT_OK) {
        jit_buf_patch_u64(out, size_at, out->size - size_at - 8u);
    }
    return err;
}

static enum jit_err put_end(const struct way *way, unsigned map, struct jit_buf *out)
{
    struct jit_id value;
    uint64_t hashes = 0;
    jit_buf_put_u8(out, (uint8_t)way->end);
    if (way->end == PROOF_HERE) {
        return put_record(way, map, out);
    }
    if (way->end == PROOF_OTHER) {
        enum jit_err err = trie_leaf_value(way->mem, map, way->leaf, &hashes, &value);
        if (err != JIT_OK) {
            return err;
        }
        jit_buf_put_id(out, trie_key_of_leaf(way->spec, way->leaf).part[0]);
        jit_buf_put_id(out, &value);
    }
    return JIT_OK;
}

/* From the root of a plane up to the instance's record: what is hashed beside it. */
static void put_instance(const struct leaf_instance *leaf, unsigned map, struct jit_buf *out)
{
    bool skeleton = map == RMG_NODES || map == RMG_EDGES;
    jit_buf_put_id(out, &leaf->map_root[map ^ 1u]);
    jit_buf_put_id(out, skeleton ? &leaf->attachments : &leaf->skeleton);
    jit_buf_put_id(out, &leaf->root_node);
    put_parent(leaf, out);
}

enum jit_err rmg_prove(const struct rmg_store *store, const struct rmg_version *version,
                       enum rmg_proof_plane plane, const struct jit_id *instance,
                       const struct jit_id *id, struct jit_buf *out)
{
    unsigned map = proof_map(plane);
    bool inside = plane != RMG_PROOF_INSTANCES;
    struct rmg_mem top = store_mem(store, 0);
    struct way up = {
        .mem = &top, .spec = &trie_specs[TRIE_INSTANCES], .id = inside ? instance : id};
    enum jit_err err = go_down(&up, version->instances);
    if (err != JIT_OK || (inside && up.end != PROOF_HERE)) {
        return err != JIT_OK ? err : JIT_ENOENT;
    }
    jit_buf_put(out, proof_magic, sizeof proof_magic);
    jit_buf_put_u16(out, PROOF_MAJOR);
    jit_buf_put_u16(out, PROOF_MINOR);
    jit_buf_put_u8(out, (uint8_t)plane);
    jit_buf_put_id(out, id);
    if (inside) {
        struct leaf_instance *leaf = NULL;
        err = store_leaf(store, version->instances, instance, &leaf);
        if (err != JIT_OK) {
            return err;
        }
        struct rmg_mem mem = store_mem(store, leaf->arena);
        struct way way = {.mem = &mem, .spec = &trie_specs[map], .id = id};
        err = go_down(&way, leaf->roots.ref[map]);
        if (err == JIT_OK) {
            err = put_end(&way, map, out);
        }
        if (err != JIT_OK) {
            return err;
        }
        put_way(&way, out);
        jit_buf_put_id(out, instance);
        put_instance(leaf, map, out);
    } else {
        err = put_end(&up, map, out);
    }
    put_way(&up, out);
    return err != JIT_OK ? err : out->err;
}

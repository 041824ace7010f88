/* Reading a proof: from its end up to the root it leads to. Every byte is a stranger's. */
#include "rmg/file/proof_priv.h"

#include "base/cursor.h"
#include "base/hash.h"

static const enum jit_domain value_domain[] = {
    [RMG_PROOF_NODES] = JIT_K_VALUE_NODES,         [RMG_PROOF_EDGES] = JIT_K_VALUE_EDGES,
    [RMG_PROOF_ALPHA] = JIT_K_VALUE_ALPHA,         [RMG_PROOF_BETA] = JIT_K_VALUE_BETA,
    [RMG_PROOF_INSTANCES] = JIT_K_VALUE_INSTANCES,
};

/* The length of a parent, with what it says checked as far as a record can be wrong by itself. */
static bool get_parent(struct jit_cursor *cur, const uint8_t **bytes, uint64_t *size)
{
    const uint8_t *from = cur->at;
    uint8_t present = jit_get_u8(cur);
    if (present == 1) {
        uint8_t plane = jit_get_u8(cur);
        (void)jit_get_bytes(cur, 2 * JIT_ID_BYTES);
        uint64_t name = jit_get_u64(cur);
        (void)jit_get_bytes(cur, name);
        cur->bad = cur->bad || plane < 1 || plane > 2 || name > JIT_NAME_BYTES_MAX;
    } else {
        cur->bad = cur->bad || present != 0;
    }
    *bytes = from;
    *size = cur->bad ? 0 : (uint64_t)(cur->at - from);
    return !cur->bad;
}

/* Is it a record of that plane? Its meaning is the hash's business, its form is ours. */
static bool record_fits(enum rmg_proof_plane plane, const uint8_t *record, uint64_t size)
{
    struct jit_cursor cur = jit_cursor_of(record, (size_t)size);
    const uint8_t *bytes = NULL;
    uint64_t left = 0;
    if (plane == RMG_PROOF_NODES || plane == RMG_PROOF_EDGES) {
        return size == (plane == RMG_PROOF_NODES ? 1u : 3u) * JIT_ID_BYTES;
    }
    if (plane == RMG_PROOF_INSTANCES) {
        (void)jit_get_bytes(&cur, JIT_ID_BYTES);
        (void)get_parent(&cur, &bytes, &left);
        (void)jit_get_bytes(&cur, 2 * JIT_ID_BYTES);
        return jit_cursor_done(&cur);
    }
    left = jit_get_u64(&cur);
    if (left == 0 || left > JIT_ATTACHMENTS_MAX) {
        return false;
    }
    for (; left > 0 && !cur.bad; left--) {
        uint64_t name = jit_get_u64(&cur);
        (void)jit_get_bytes(&cur, name);
        uint8_t kind = jit_get_u8(&cur);
        uint64_t rest = kind == RMG_VALUE_ATOM ? 2 * JIT_ID_BYTES + 8u : JIT_ID_BYTES;
        (void)jit_get_bytes(&cur, rest);
        cur.bad = cur.bad || name > JIT_NAME_BYTES_MAX ||
                  (kind != RMG_VALUE_ATOM && kind != RMG_VALUE_PORTAL);
    }
    return jit_cursor_done(&cur);
}

/* What stands at the end of the way. other: whose leaf it is when it is not the element's own. */
static void get_end(struct jit_cursor *cur, struct rmg_proof *proof, struct jit_id *hash,
                    const uint8_t **other)
{
    unsigned map = proof_map(proof->plane);
    struct jit_id value;
    struct jit_id id;
    uint8_t end = jit_get_u8(cur);
    memset(hash, 0, sizeof *hash);
    *other = NULL;
    if (end == PROOF_HERE) {
        proof->present = true;
        proof->record_size = jit_get_u64(cur);
        proof->record = jit_get_bytes(cur, proof->record_size);
        if (cur->bad || !record_fits(proof->plane, proof->record, proof->record_size)) {
            cur->bad = true;
            return;
        }
        jit_hash_key(value_domain[proof->plane], proof->record, (size_t)proof->record_size, &value);
        trie_leaf_hash(map, &proof->id, &value, hash);
    } else if (end == PROOF_OTHER) {
        *other = cur->at;
        jit_get_id(cur, &id);
        jit_get_id(cur, &value);
        cur->bad = cur->bad || jit_id_equal(&id, &proof->id);
        trie_leaf_hash(map, &id, &value, hash);
    } else {
        cur->bad = cur->bad || end != PROOF_EMPTY;
    }
}

/* Up from hash, which stands at the end of the way of id. other: see above. */
static void climb(struct jit_cursor *cur, const struct jit_id *id, const uint8_t *other,
                  struct jit_id *hash)
{
    static const struct jit_id zero;
    const uint8_t *beside[PROOF_BITS_MAX];
    unsigned depth = jit_get_u16(cur);
    const uint8_t *map = depth <= PROOF_BITS_MAX ? jit_get_bytes(cur, (depth + 7u) / 8u) : NULL;
    if (cur->bad || map == NULL) {
        cur->bad = true;
        return;
    }
    for (unsigned i = 0; i < (depth + 7u) / 8u * 8u; i++) {
        bool given = (map[i / 8u] >> (7u - i % 8u) & 1u) != 0;
        if (i >= depth) {
            cur->bad = cur->bad || given;
            continue;
        }
        beside[i] = given ? jit_get_bytes(cur, JIT_ID_BYTES) : zero.bytes;
        cur->bad = cur->bad || (given && memcmp(beside[i], zero.bytes, JIT_ID_BYTES) == 0);
    }
    for (unsigned i = 0; i < depth && !cur->bad && other != NULL; i++) {
        /* Another element stands for this place only when it has the very same way. */
        struct jit_id its;
        memcpy(its.bytes, other, JIT_ID_BYTES);
        cur->bad = proof_bit(&its, i) != proof_bit(id, i);
    }
    for (unsigned i = depth; i-- > 0 && !cur->bad;) {
        struct jit_id sibling;
        memcpy(sibling.bytes, beside[i], JIT_ID_BYTES);
        if (proof_bit(id, i)) {
            trie_inner_hash(&sibling, hash, hash);
        } else {
            trie_inner_hash(hash, &sibling, hash);
        }
    }
}

/* From the root of a plane to the leaf of its instance. */
static void enter_instance(struct jit_cursor *cur, struct rmg_proof *proof, struct jit_id *hash)
{
    bool skeleton = proof->plane == RMG_PROOF_NODES || proof->plane == RMG_PROOF_EDGES;
    bool first = proof->plane == RMG_PROOF_NODES || proof->plane == RMG_PROOF_ALPHA;
    uint8_t pair[2][JIT_ID_BYTES];
    struct jit_id half;
    struct jit_id beside;
    struct jit_id root_node;
    struct jit_id value;
    const uint8_t *parent = NULL;
    uint64_t parent_size = 0;
    struct jit_hasher hasher;
    jit_get_id(cur, &proof->instance);
    jit_get_id(cur, &half);
    jit_get_id(cur, &beside);
    jit_get_id(cur, &root_node);
    if (!get_parent(cur, &parent, &parent_size)) {
        return;
    }
    memcpy(pair[first ? 0 : 1], hash->bytes, JIT_ID_BYTES);
    memcpy(pair[first ? 1 : 0], half.bytes, JIT_ID_BYTES);
    jit_hash_key(skeleton ? JIT_K_SKELETON : JIT_K_ATTACHMENTS, pair, sizeof pair, &half);
    jit_hasher_init_key(&hasher, JIT_K_VALUE_INSTANCES);
    jit_hasher_update(&hasher, root_node.bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, parent, (size_t)parent_size);
    jit_hasher_update(&hasher, skeleton ? half.bytes : beside.bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, skeleton ? beside.bytes : half.bytes, JIT_ID_BYTES);
    jit_hasher_final(&hasher, &value);
    trie_leaf_hash(TRIE_INSTANCES, &proof->instance, &value, hash);
}

enum jit_err rmg_proof_read(const uint8_t *bytes, size_t size, struct rmg_proof *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    const uint8_t *magic = jit_get_bytes(&cur, sizeof proof_magic);
    const uint8_t *other = NULL;
    *out = (struct rmg_proof){.present = false};
    if (magic == NULL || memcmp(magic, proof_magic, sizeof proof_magic) != 0 ||
        size > RMG_PROOF_BYTES_MAX) {
        return JIT_EFORMAT;
    }
    uint16_t major = jit_get_u16(&cur);
    uint16_t minor = jit_get_u16(&cur);
    uint8_t plane = jit_get_u8(&cur);
    if (!cur.bad && (major != PROOF_MAJOR || minor != PROOF_MINOR)) {
        return JIT_EVERSION;
    }
    if (cur.bad || plane < RMG_PROOF_NODES || plane > RMG_PROOF_INSTANCES) {
        return JIT_EFORMAT;
    }
    out->plane = (enum rmg_proof_plane)plane;
    jit_get_id(&cur, &out->id);
    get_end(&cur, out, &out->root, &other);
    if (!cur.bad && plane != RMG_PROOF_INSTANCES) {
        climb(&cur, &out->id, other, &out->root);
        other = NULL;
        if (!cur.bad) {
            enter_instance(&cur, out, &out->root);
        }
    } else {
        out->instance = out->id;
    }
    if (!cur.bad) {
        climb(&cur, &out->instance, other, &out->root);
    }
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EFORMAT;
}

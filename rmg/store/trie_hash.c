#include "rmg/store/trie_priv.h"

#include "base/hash.h"
#include "base/le.h"

/* Nodes wait here until the room is full, then all of them are hashed, the deepest first. A node
 * is queued after its dirty children, so what is queued can be hashed at any time: the scratch is
 * of fixed size and stays in the cache whatever the number of changes. */
#define QUEUE_MAX 2048u
#define GROUP     32u /* nodes hashed side by side */
#define LANES     (GROUP * 8u)
#define DEPTHS    (JIT_ID_BYTES * 2u)
#define NONE      UINT16_MAX

static const enum jit_domain value_domain[TRIE_MAPS] = {
    [RMG_NODES] = JIT_K_VALUE_NODES,          [RMG_EDGES] = JIT_K_VALUE_EDGES,
    [RMG_ALPHA] = JIT_K_VALUE_ALPHA,          [RMG_BETA] = JIT_K_VALUE_BETA,
    [TRIE_INSTANCES] = JIT_K_VALUE_INSTANCES,
};
static const enum jit_domain leaf_domain[TRIE_MAPS] = {
    [RMG_NODES] = JIT_K_LEAF_NODES,          [RMG_EDGES] = JIT_K_LEAF_EDGES,
    [RMG_ALPHA] = JIT_K_LEAF_ALPHA,          [RMG_BETA] = JIT_K_LEAF_BETA,
    [TRIE_INSTANCES] = JIT_K_LEAF_INSTANCES,
};

struct queued {
    struct trie_node *node;
    struct jit_id *hash; /* where its hash goes */
    struct rmg_mem mem;
    uint8_t map;
    uint8_t hang;  /* nibble at which it hangs: its chain goes from there to its depth */
    uint16_t next; /* in the list of its depth */
};

/* A type's value hash is needed for every node of the type: remember the last ones. */
#define MEMO 64u
struct type_memo {
    bool known[MEMO];
    struct jit_id type[MEMO];
    struct jit_id value[MEMO];
};

/* Leaves of one map that wait to be hashed side by side. An owner with more than so many atoms, or
 * a longer record, is hashed by itself. */
#define BATCH        64u
#define BATCH_ATOMS  2u
#define BATCH_RECORD 256u
struct leaf_batch {
    uint32_t count;
    const uint8_t *leaf[BATCH];
    struct jit_id *to[BATCH];
    struct jit_id value[BATCH];
    struct jit_id atom[BATCH * BATCH_ATOMS];
    struct jit_hash_item items[BATCH * BATCH_ATOMS];
    uint8_t record[BATCH][BATCH_RECORD];
};

struct trie_hasher {
    uint64_t hashes;
    uint32_t count;
    uint16_t first[DEPTHS];
    struct queued queue[QUEUE_MAX];
    struct type_memo memo;
    struct leaf_batch leaves;
    /* one batch for jit_hash_many64 */
    uint32_t lanes;
    const uint8_t *in[LANES];
    struct jit_id *to[LANES];
    struct jit_id out[LANES];
    uint8_t block[LANES][2 * JIT_ID_BYTES];
    /* binary positions 1 to 15 of each node of the group */
    struct jit_id inner[GROUP][16];
};

/* ---- values ---- */

static void put_u64_name(uint8_t *at, uint32_t size)
{
    jit_put_le64(at, size);
}

uint32_t instance_parent_encode(const struct leaf_instance *leaf, uint8_t *out)
{
    out[0] = leaf->has_parent;
    if (!leaf->has_parent) {
        return 1;
    }
    out[1] = leaf->plane;
    memcpy(out + 2, leaf->parent_instance.bytes, JIT_ID_BYTES);
    memcpy(out + 34, leaf->parent_owner.bytes, JIT_ID_BYTES);
    put_u64_name(out + 66, leaf->name_size);
    memcpy(out + 74, leaf->name, leaf->name_size);
    return 74u + leaf->name_size;
}

static void instance_value(const struct leaf_instance *leaf, struct jit_id *out)
{
    uint8_t record[JIT_ID_BYTES * 3 + 74 + JIT_NAME_BYTES_MAX];
    memcpy(record, leaf->root_node.bytes, JIT_ID_BYTES);
    uint32_t size = JIT_ID_BYTES + instance_parent_encode(leaf, record + JIT_ID_BYTES);
    memcpy(record + size, leaf->skeleton.bytes, JIT_ID_BYTES);
    memcpy(record + size + JIT_ID_BYTES, leaf->attachments.bytes, JIT_ID_BYTES);
    jit_hash_key(JIT_K_VALUE_INSTANCES, record, size + 2 * JIT_ID_BYTES, out);
}

/* One attachment as the record spells it; the bytes of an atom by their hash. */
uint32_t owner_entry_encode(const struct rmg_attachment *attachment, const struct jit_id *atom_hash,
                            uint8_t *out)
{
    uint8_t *at = out;
    jit_put_le64(at, attachment->name_size);
    at += 8;
    if (attachment->name_size > 0) {
        memcpy(at, attachment->name, attachment->name_size);
        at += attachment->name_size;
    }
    *at++ = (uint8_t)attachment->value.kind;
    memcpy(at, attachment->value.type.bytes, JIT_ID_BYTES);
    at += JIT_ID_BYTES;
    if (attachment->value.kind == RMG_VALUE_ATOM) {
        jit_put_le64(at, attachment->value.size);
        memcpy(at + 8, atom_hash->bytes, JIT_ID_BYTES);
        at += 8 + JIT_ID_BYTES;
    }
    return (uint32_t)(at - out);
}

static enum jit_err owner_value(const struct rmg_mem *mem, enum jit_domain domain,
                                const uint8_t *leaf, uint64_t *hashes, struct jit_id *out)
{
    struct jit_hasher hasher;
    bool streaming = false;
    uint8_t record[1024];
    uint32_t size = 8;
    struct owner_walk walk;
    struct owner_entry entry;
    enum jit_err err = owner_walk_begin(mem, leaf, &walk);
    if (err != JIT_OK) {
        return err;
    }
    jit_put_le64(record, walk.count);
    while ((err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        struct jit_id atom;
        const struct rmg_value *value = &entry.attachment.value;
        if (value->kind == RMG_VALUE_ATOM && entry.hash == NULL) {
            jit_hash_key(JIT_K_ATOM, value->bytes, value->size, &atom);
            ++*hashes;
        } else if (entry.hash != NULL) {
            atom = *entry.hash;
        }
        if (size + OWNER_ENTRY_MAX > sizeof record) {
            if (!streaming) {
                jit_hasher_init_key(&hasher, domain);
                streaming = true;
            }
            jit_hasher_update(&hasher, record, size);
            size = 0;
        }
        size += owner_entry_encode(&entry.attachment, &atom, record + size);
    }
    if (streaming) {
        jit_hasher_update(&hasher, record, size);
        jit_hasher_final(&hasher, out);
    } else {
        jit_hash_key(domain, record, size, out);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err trie_leaf_value(const struct rmg_mem *mem, unsigned map, const uint8_t *leaf,
                             uint64_t *hashes, struct jit_id *out)
{
    assert(trie_specs[map].hashed);
    ++*hashes;
    switch (map) {
    case RMG_NODES:
        jit_hash_key(JIT_K_VALUE_NODES, leaf + offsetof(struct leaf_node, type), JIT_ID_BYTES, out);
        return JIT_OK;
    case RMG_EDGES:
        jit_hash_key(JIT_K_VALUE_EDGES, leaf + offsetof(struct leaf_edge, edge.from),
                     3 * JIT_ID_BYTES, out);
        return JIT_OK;
    case TRIE_INSTANCES:
        instance_value((const struct leaf_instance *)(const void *)leaf, out);
        return JIT_OK;
    default:
        return owner_value(mem, value_domain[map], leaf, hashes, out);
    }
}

void trie_leaf_hash(unsigned map, const struct jit_id *id, const struct jit_id *value,
                    struct jit_id *out)
{
    uint8_t both[2 * JIT_ID_BYTES];
    memcpy(both, id->bytes, JIT_ID_BYTES);
    memcpy(both + JIT_ID_BYTES, value->bytes, JIT_ID_BYTES);
    jit_hash_key(leaf_domain[map], both, sizeof both, out);
}

void trie_inner_hash(const struct jit_id *left, const struct jit_id *right, struct jit_id *out)
{
    uint8_t both[2 * JIT_ID_BYTES];
    memcpy(both, left->bytes, JIT_ID_BYTES);
    memcpy(both + JIT_ID_BYTES, right->bytes, JIT_ID_BYTES);
    jit_hash_key(JIT_K_NODE, both, sizeof both, out);
}

void trie_chain_hash(const struct jit_id *id, unsigned from, unsigned to, struct jit_id *hash)
{
    uint8_t both[2 * JIT_ID_BYTES];
    for (unsigned bit = from; bit-- > to;) {
        bool right = trie_has(id->bytes[bit / 8u], 7u - bit % 8u);
        memset(both, 0, sizeof both);
        memcpy(both + (right ? JIT_ID_BYTES : 0), hash->bytes, JIT_ID_BYTES);
        jit_hash_key(JIT_K_NODE, both, sizeof both, hash);
    }
}

/* ---- batches ---- */

static void lanes_flush(struct trie_hasher *hasher, enum jit_domain domain)
{
    if (hasher->lanes == 1) {
        jit_hash_many64(domain, hasher->in, 1, hasher->out);
        *hasher->to[0] = hasher->out[0];
    } else if (hasher->lanes > 0) {
        jit_hash_many64(domain, hasher->in, hasher->lanes, hasher->out);
        for (uint32_t i = 0; i < hasher->lanes; i++) {
            *hasher->to[i] = hasher->out[i];
        }
    }
    hasher->hashes += hasher->lanes;
    hasher->lanes = 0;
}

static void lane_add(struct trie_hasher *hasher, const void *in, struct jit_id *to)
{
    hasher->in[hasher->lanes] = in;
    hasher->to[hasher->lanes++] = to;
}

static void memo_value(struct trie_hasher *hasher, const uint8_t *leaf, struct jit_id *out)
{
    struct type_memo *memo = &hasher->memo;
    const struct jit_id *type =
        (const struct jit_id *)(const void *)(leaf + offsetof(struct leaf_node, type));
    unsigned at = (type->bytes[0] ^ type->bytes[31]) % MEMO;
    if (!memo->known[at] || !jit_id_equal(&memo->type[at], type)) {
        memo->known[at] = true;
        memo->type[at] = *type;
        jit_hash_key(JIT_K_VALUE_NODES, type->bytes, JIT_ID_BYTES, &memo->value[at]);
        hasher->hashes++;
    }
    *out = memo->value[at];
}

/* The record of an owner with few attachments, from the hashes of its atoms. */
static enum jit_err owner_record(const struct rmg_mem *mem, const uint8_t *leaf,
                                 const struct jit_id *atoms, uint8_t *record, uint32_t *size)
{
    struct owner_walk walk;
    struct owner_entry entry;
    enum jit_err err = owner_walk_begin(mem, leaf, &walk);
    if (err == JIT_OK) {
        jit_put_le64(record, walk.count);
    }
    *size = 8;
    while (err == JIT_OK && (err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        const struct jit_id *hash = entry.hash;
        if (entry.attachment.value.kind == RMG_VALUE_ATOM && hash == NULL) {
            hash = atoms++; /* in the order in which they were queued */
        }
        *size += owner_entry_encode(&entry.attachment, hash, record + *size);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* Is the record short enough for the batch? Then its atoms are queued. */
static enum jit_err owner_queue(struct trie_hasher *hasher, const struct rmg_mem *mem,
                                const uint8_t *leaf, struct jit_id *atoms,
                                struct jit_hash_item *items, uint32_t *item_count, bool *fits)
{
    struct owner_walk walk;
    struct owner_entry entry;
    uint32_t size = 8;
    uint32_t queued = 0;
    enum jit_err err = owner_walk_begin(mem, leaf, &walk);
    *fits = err == JIT_OK && walk.count <= BATCH_ATOMS;
    while (*fits && (err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        const struct rmg_attachment *attachment = &entry.attachment;
        size += OWNER_ENTRY_MAX - JIT_NAME_BYTES_MAX + attachment->name_size;
        *fits = size <= BATCH_RECORD;
        if (attachment->value.kind == RMG_VALUE_ATOM && entry.hash == NULL) {
            items[*item_count + queued] = (struct jit_hash_item){.in = attachment->value.bytes,
                                                                 .size = attachment->value.size,
                                                                 .out = &atoms[queued]};
            queued++;
        }
    }
    if (*fits) {
        *item_count += queued;
        hasher->hashes += queued;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* Values of owners: all atoms side by side, then all records. */
static void owner_values(struct trie_hasher *hasher, const struct rmg_mem *mem, unsigned map)
{
    struct leaf_batch *batch = &hasher->leaves;
    struct jit_hash_item *items = batch->items;
    uint32_t count = 0;
    bool fits[BATCH];
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < batch->count && err == JIT_OK; i++) {
        err = owner_queue(hasher, mem, batch->leaf[i], &batch->atom[i * BATCH_ATOMS], items, &count,
                          &fits[i]);
    }
    jit_hash_items(JIT_K_ATOM, items, count);
    count = 0;
    for (uint32_t i = 0; i < batch->count && err == JIT_OK; i++) {
        uint32_t size = 0;
        if (!fits[i]) {
            err = trie_leaf_value(mem, map, batch->leaf[i], &hasher->hashes, &batch->value[i]);
            continue;
        }
        err = owner_record(mem, batch->leaf[i], &batch->atom[i * BATCH_ATOMS], batch->record[i],
                           &size);
        items[count++] =
            (struct jit_hash_item){.in = batch->record[i], .size = size, .out = &batch->value[i]};
    }
    assert(err == JIT_OK); /* our own leaves: their sizes are right */
    jit_hash_items(value_domain[map], items, count);
    hasher->hashes += count;
}

/* Hash the leaves that wait, all of one map. */
static void leaves_flush(struct trie_hasher *hasher, const struct rmg_mem *mem, unsigned map)
{
    struct leaf_batch *batch = &hasher->leaves;
    if (map == RMG_ALPHA || map == RMG_BETA) {
        owner_values(hasher, mem, map);
    } else if (map == RMG_EDGES) {
        const uint8_t *in[BATCH];
        for (uint32_t i = 0; i < batch->count; i++) {
            in[i] = batch->leaf[i] + offsetof(struct leaf_edge, edge.from);
        }
        jit_hash_many(JIT_K_VALUE_EDGES, in, 3 * JIT_ID_BYTES, batch->count, batch->value);
        hasher->hashes += batch->count;
    } else {
        for (uint32_t i = 0; i < batch->count; i++) {
            if (map == RMG_NODES) {
                memo_value(hasher, batch->leaf[i], &batch->value[i]);
            } else {
                enum jit_err err =
                    trie_leaf_value(mem, map, batch->leaf[i], &hasher->hashes, &batch->value[i]);
                assert(err == JIT_OK);
            }
        }
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        uint8_t *block = hasher->block[i];
        memcpy(block, batch->leaf[i] + offsetof(struct leaf_node, id), JIT_ID_BYTES);
        memcpy(block + JIT_ID_BYTES, batch->value[i].bytes, JIT_ID_BYTES);
        lane_add(hasher, block, batch->to[i]);
    }
    lanes_flush(hasher, leaf_domain[map]);
    batch->count = 0;
}

/* The dirty leaves of a group of nodes. Which they are is known before they are read: they are
 * asked for while others wait. */
static void leaves_of_group(struct trie_hasher *hasher, struct queued *const *group, uint32_t count)
{
    struct leaf_batch *batch = &hasher->leaves;
    for (uint32_t i = 0; i < count; i++) {
        const struct queued *item = group[i];
        const struct trie_node *node = item->node;
        const uint32_t *refs = trie_refs(&trie_specs[item->map], node);
        struct jit_id *hashes = trie_hashes(node, trie_count16(node->map));
        for (unsigned left = node->dirty & node->leaf; left != 0; left &= left - 1) {
            unsigned index = trie_rank(node->map, (unsigned)__builtin_ctz(left));
            const uint8_t *leaf = item->mem.base + (uint64_t)refs[index] * RMG_GRANULE;
            __builtin_prefetch(leaf);
            __builtin_prefetch(leaf + 64);
            batch->leaf[batch->count] = leaf;
            batch->to[batch->count++] = &hashes[index];
            if (batch->count == BATCH) {
                leaves_flush(hasher, &item->mem, item->map);
            }
        }
        if (batch->count > 0 && (i + 1 == count || group[i + 1]->map != item->map ||
                                 group[i + 1]->mem.base != item->mem.base)) {
            leaves_flush(hasher, &item->mem, item->map);
        }
    }
}

const uint16_t trie_below[32] = {
    [1] = 0xffff,  [2] = 0x00ff,   [3] = 0xff00,   [4] = 0x000f,   [5] = 0x00f0,   [6] = 0x0f00,
    [7] = 0xf000,  [8] = 0x0003,   [9] = 0x000c,   [10] = 0x0030,  [11] = 0x00c0,  [12] = 0x0300,
    [13] = 0x0c00, [14] = 0x3000,  [15] = 0xc000,  [16] = 1 << 0,  [17] = 1 << 1,  [18] = 1 << 2,
    [19] = 1 << 3, [20] = 1 << 4,  [21] = 1 << 5,  [22] = 1 << 6,  [23] = 1 << 7,  [24] = 1 << 8,
    [25] = 1 << 9, [26] = 1 << 10, [27] = 1 << 11, [28] = 1 << 12, [29] = 1 << 13, [30] = 1 << 14,
    [31] = 1 << 15};

static const struct jit_id zero;

/* A node being hashed: where the hash of each binary position lies. Position 1, the node's own,
 * is in the scratch; so are all the others when the node does not keep them. */
struct lane {
    unsigned map;
    unsigned leaf;
    unsigned need; /* slots whose way up must be hashed */
    struct jit_id *hash;
    struct jit_id *inner; /* of position 0 */
    struct jit_id *top;
};

static struct lane lane_of(struct trie_hasher *hasher, const struct trie_node *node, uint32_t index)
{
    unsigned children = trie_count16(node->map);
    struct lane lane = {.map = node->map,
                        .leaf = node->leaf,
                        .need = 0xffffu,
                        .hash = trie_hashes(node, children),
                        .inner = hasher->inner[index],
                        .top = &hasher->inner[index][1]};
    if (trie_cached(children, node->depth)) {
        lane.inner = lane.hash + children - 2;
        lane.need = (node->flags & TRIE_STALE) != 0 ? 0xffffu : node->dirty;
    }
    return lane;
}

static inline struct jit_id *position(const struct lane *lane, unsigned at)
{
    if (at >= 16) {
        return lane->hash + trie_rank(lane->map, at - 16);
    }
    return at == 1 ? lane->top : lane->inner + at;
}

/* inner() at one position: pass a lone leaf up, hash everything else. */
static void inner_of(struct trie_hasher *hasher, const struct lane *lane, unsigned at)
{
    unsigned here = lane->map & trie_below[at];
    bool left = (lane->map & trie_below[2 * at]) != 0;
    bool right = (lane->map & trie_below[2 * at + 1]) != 0;
    struct jit_id *to = position(lane, at);
    if ((here & (here - 1)) == 0 && (lane->leaf & here) != 0) {
        *to = *position(lane, left ? 2 * at : 2 * at + 1);
        return;
    }
    const struct jit_id *l = left ? position(lane, 2 * at) : &zero;
    if (left && right) {
        /* Neighbours lie side by side, in the node as in the scratch. */
        lane_add(hasher, l, to);
        return;
    }
    const struct jit_id *r = right ? position(lane, 2 * at + 1) : &zero;
    uint8_t *block = hasher->block[hasher->lanes];
    memcpy(block, l->bytes, JIT_ID_BYTES);
    memcpy(block + JIT_ID_BYTES, r->bytes, JIT_ID_BYTES);
    lane_add(hasher, block, to);
}

/* The top of a node is the hash of its slot when it hangs just there; else its chain follows. */
static void node_finish(struct trie_hasher *hasher, const struct queued *item,
                        const struct jit_id *top)
{
    struct trie_node *node = item->node;
    *item->hash = *top;
    if (item->hang < node->depth) {
        const struct trie_spec *spec = &trie_specs[item->map];
        const uint8_t *leaf = NULL;
        uint64_t at = (uint64_t)((const uint8_t *)node - item->mem.base);
        enum jit_err err = trie_first_leaf(&item->mem, spec, (uint32_t)(at / RMG_GRANULE), &leaf);
        assert(err == JIT_OK);
        struct trie_key key = trie_key_of_leaf(spec, leaf);
        trie_chain_hash(key.part[0], node->depth * 4u, item->hang * 4u, item->hash);
        hasher->hashes += (node->depth - item->hang) * 4u;
    }
    if (node->dirty != 0) {
        node->dirty = 0;
        node->flags = 0;
    }
}

static void group_hash(struct trie_hasher *hasher, struct queued *const *group, uint32_t count)
{
    struct lane lanes[GROUP];
    for (uint32_t i = 0; i < count; i++) {
        lanes[i] = lane_of(hasher, group[i]->node, i);
    }
    leaves_of_group(hasher, group, count);
    for (unsigned level = 1; level <= 4; level++) {
        for (uint32_t i = 0; i < count; i++) {
            const struct lane *lane = &lanes[i];
            unsigned at = 0;
            for (unsigned left = lane->map; left != 0; left &= (unsigned)~trie_below[at]) {
                at = (16u + (unsigned)__builtin_ctz(left)) >> level;
                if ((lane->need & trie_below[at]) != 0 || at == 1) {
                    inner_of(hasher, lane, at);
                }
            }
        }
        lanes_flush(hasher, JIT_K_NODE);
    }
    for (uint32_t i = 0; i < count; i++) {
        node_finish(hasher, group[i], lanes[i].top);
    }
}

static void queue_flush(struct trie_hasher *hasher)
{
    struct queued *group[GROUP];
    for (unsigned depth = DEPTHS; depth-- > 0 && hasher->count > 0;) {
        for (uint16_t next = hasher->first[depth]; next != NONE;) {
            uint32_t count = 0;
            for (; next != NONE && count < GROUP; next = hasher->queue[next].next) {
                group[count++] = &hasher->queue[next];
            }
            group_hash(hasher, group, count);
        }
        hasher->first[depth] = NONE;
    }
    hasher->count = 0;
}

static struct trie_node *node_in(const struct rmg_mem *mem, uint32_t ref)
{
    return (struct trie_node *)((uintptr_t)mem->base + (uint64_t)ref * RMG_GRANULE);
}

/* A part that was hashed beside others. */
static bool take_hashed(const struct rmg_mem *mem, uint32_t ref)
{
    struct trie_node *node = node_in(mem, ref);
    if ((node->flags & TRIE_HASHED) == 0) {
        return false;
    }
    node->flags &= (uint8_t)~TRIE_HASHED;
    return true;
}

static void collect(struct trie_hasher *hasher, const struct rmg_mem *mem, unsigned map,
                    uint32_t ref, unsigned hang, struct jit_id *hash)
{
    const struct trie_spec *spec = &trie_specs[map];
    struct trie_node *node = node_in(mem, ref);
    struct jit_id *hashes = trie_hashes(node, trie_count16(node->map));
    unsigned left = node->dirty & node->map & (unsigned)~node->leaf;
    for (; left != 0; left &= left - 1) {
        unsigned index = trie_rank(node->map, (unsigned)__builtin_ctz(left));
        uint32_t child = trie_refs(spec, node)[index];
        if (!take_hashed(mem, child)) {
            collect(hasher, mem, map, child, node->depth + 1u, &hashes[index]);
        }
    }
    if (hasher->count == QUEUE_MAX) {
        queue_flush(hasher);
    }
    hasher->queue[hasher->count] = (struct queued){.node = node,
                                                   .hash = hash,
                                                   .mem = *mem,
                                                   .map = (uint8_t)map,
                                                   .hang = (uint8_t)hang,
                                                   .next = hasher->first[node->depth]};
    hasher->first[node->depth] = (uint16_t)hasher->count++;
}

enum jit_err trie_hasher_new(struct jit_heap *heap, struct trie_hasher **out)
{
    *out = heap->alloc(heap, sizeof **out);
    if (*out == NULL) {
        return JIT_ENOMEM;
    }
    (*out)->hashes = 0;
    (*out)->count = 0;
    (*out)->lanes = 0;
    (*out)->leaves.count = 0;
    memset((*out)->memo.known, 0, sizeof(*out)->memo.known);
    memset((*out)->first, 0xff, sizeof(*out)->first);
    return JIT_OK;
}

void trie_hasher_free(struct jit_heap *heap, struct trie_hasher *hasher)
{
    heap->free(heap, hasher);
}

void trie_hasher_add(struct trie_hasher *hasher, const struct rmg_mem *mem, unsigned map,
                     uint32_t root, struct jit_id *hash)
{
    assert(trie_specs[map].hashed);
    if (root == 0) {
        *hash = zero;
        return;
    }
    const struct trie_node *node =
        (const struct trie_node *)(const void *)(mem->base + (uint64_t)root * RMG_GRANULE);
    if (node->dirty != 0) {
        collect(hasher, mem, map, root, 0, hash);
    }
}

void trie_hasher_finish(struct trie_hasher *hasher, struct rmg_counters *counters)
{
    queue_flush(hasher);
    counters->hashes += hasher->hashes;
    hasher->hashes = 0;
}

/* ---- parts ---- */

#define PART_DEPTH 2u /* nibbles above a part: a byte */

static size_t parts_below(const struct rmg_mem *mem, unsigned map, uint32_t ref,
                          struct trie_part *parts, size_t count)
{
    const struct trie_spec *spec = &trie_specs[map];
    const struct trie_node *node = node_in(mem, ref);
    struct jit_id *hashes = trie_hashes(node, trie_count16(node->map));
    unsigned left = node->dirty & node->map & (unsigned)~node->leaf;
    for (; left != 0; left &= left - 1) {
        unsigned index = trie_rank(node->map, (unsigned)__builtin_ctz(left));
        uint32_t child = trie_refs(spec, node)[index];
        if (node_in(mem, child)->depth < PART_DEPTH) {
            count = parts_below(mem, map, child, parts, count);
        } else if (node_in(mem, child)->dirty != 0) {
            parts[count++] = (struct trie_part){.mem = *mem,
                                                .map = map,
                                                .ref = child,
                                                .hang = node->depth + 1u,
                                                .hash = &hashes[index]};
        }
    }
    return count;
}

size_t trie_parts(const struct rmg_mem *mem, unsigned map, uint32_t root, struct trie_part *parts,
                  size_t count, size_t capacity)
{
    assert(trie_specs[map].hashed);
    if (root == 0 || node_in(mem, root)->dirty == 0 || capacity - count < TRIE_PARTS_MAX) {
        return count;
    }
    return parts_below(mem, map, root, parts, count);
}

void trie_hasher_add_part(struct trie_hasher *hasher, const struct trie_part *part)
{
    collect(hasher, &part->mem, part->map, part->ref, part->hang, part->hash);
}

void trie_part_hashed(const struct trie_part *part)
{
    node_in(&part->mem, part->ref)->flags |= TRIE_HASHED;
}

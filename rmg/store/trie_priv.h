/* rmg/store/trie_priv.h - the one trie behind all maps of a graph.
 * Spec:  DESIGN 4.2 (hash), 4.4 (laws), 14.9 (epochs), 14.11 (indexes).
 * Layer: rmg; base only. Private to the store and the readers of graphs.
 *
 * A 16-way trie over keys of 1 to 4 ids, in an arena. Each cell (node, leaf, long atom) begins with
 * the epoch of the transaction that made it: that transaction may edit it, everybody else copies.
 * Chains of single children are left out: a node stores the nibble at which its keys part, and
 * what they share is read from any leaf below. Only the root of a map stays at nibble 0, with one
 * child if need be. So the shape is a function of the set of keys, and a path has as many nodes as
 * the key has nibbles where it parts from others.
 *
 *   node:  epoch, map, leaf, dirty, depth, flags | [u32 count] | u32 ref[k] | [hash[k] [inner[14]]]
 *
 * Hashed maps hold the hash of each child beside its reference (the hash of the slot, with the
 * chain down to the child); nodes with many children also hold the inner hashes of their four
 * binary levels, so that one change costs 4 hashes there instead of 15, and so do deep nodes, which
 * only chosen ids have: then no change costs more than 256. dirty says
 * which slots were changed since they were hashed; a slot that became empty stays dirty too.
 * Indexes hold the number of leaves below instead. Their leaves are those of NODES and EDGES. */
#ifndef JIT_RMG_TRIE_PRIV_H
#define JIT_RMG_TRIE_PRIV_H

#include "base/check.h"
#include "base/heap.h"
#include "rmg/store/arena.h"
#include "rmg/store/graph.h"
#include "rmg/store/radix.h"
#include "rmg/store/store.h"

#define TRIE_INSTANCES RMG_MAPS /* the map of instances, private to the store */
#define TRIE_MAPS      (RMG_MAPS + 1)
#define TRIE_SEGMENTS  4u
#define TRIE_MANY      13u /* children from which a node keeps its inner hashes */
#define TRIE_DEEP      12u /* nibbles; ids that are hashes part before it */
#define TRIE_INNER     14u /* binary positions 2 to 15; position 1 is the node's own hash */
#define TRIE_STALE     1u  /* flag: no inner hash is known yet */
#define TRIE_HASHED    2u  /* flag: hashed already where it hangs, in the seal that is under way */

struct trie_node {
    uint64_t epoch;
    uint16_t map;
    uint16_t leaf;
    uint16_t dirty;
    uint8_t depth;
    uint8_t flags;
};
static_assert(sizeof(struct trie_node) == RMG_GRANULE, "refs begin in the second granule");

/* ---- leaves ---- */
struct leaf_node {
    uint64_t epoch;
    struct jit_id id;
    struct jit_id type;
};

struct leaf_edge {
    uint64_t epoch;
    struct rmg_edge edge;
};

/* Attachments of one owner: entries ascend by name, each padded to 4 bytes. */
struct leaf_owner {
    uint64_t epoch;
    struct jit_id id;
    uint32_t size; /* bytes of all entries */
    uint32_t count;
};

/* name and then the bytes of the atom follow; with `cell` the struct leaf_cell precedes the name
 * and the bytes lie elsewhere. */
struct leaf_entry {
    uint8_t kind;
    uint8_t name_size;
    uint8_t cell;
    uint8_t zero;
    uint32_t size; /* bytes of the atom */
    struct jit_id type;
};

struct leaf_cell {
    uint32_t ref; /* struct atom_cell */
    struct jit_id hash;
};

struct atom_cell {
    uint64_t epoch;
    uint64_t size;
    uint8_t bytes[];
};

/* Longer atoms get a cell of their own and keep their hash. */
#define ATOM_INLINE_MAX 256u

struct leaf_instance {
    uint64_t epoch;
    struct jit_id id;
    struct jit_id root_node;
    struct jit_id map_root[RMG_MAPS_HASHED];
    struct jit_id skeleton;
    struct jit_id attachments;
    struct rmg_roots roots;
    uint32_t arena;
    uint8_t has_parent;
    uint8_t plane;
    uint16_t name_size;
    struct jit_id parent_instance;
    struct jit_id parent_owner;
    char name[JIT_NAME_BYTES_MAX + 1];
};

/* ---- maps ---- */
struct trie_spec {
    uint16_t leaf_size; /* bytes, for owners the least */
    uint8_t hashed;
    uint8_t refs_at; /* offset of ref[] in a node */
    uint8_t segments;
    uint8_t at[TRIE_SEGMENTS]; /* offset in the leaf of each segment of the key */
};
extern const struct trie_spec trie_specs[TRIE_MAPS];

struct trie_key {
    const struct jit_id *part[TRIE_SEGMENTS];
};

static inline unsigned trie_key_nibbles(const struct trie_spec *spec)
{
    return spec->segments * JIT_ID_BYTES * 2u;
}

static inline unsigned trie_nibble(const struct trie_key *key, unsigned depth)
{
    uint8_t byte = key->part[depth / 64u]->bytes[depth / 2u % 32u];
    return depth % 2u == 0 ? byte >> 4u : byte & 15u;
}

static inline struct trie_key trie_key_of_id(const struct jit_id *id)
{
    return (struct trie_key){.part = {id}};
}

/* The key of a leaf in this map. */
static inline struct trie_key trie_key_of_leaf(const struct trie_spec *spec, const uint8_t *leaf)
{
    struct trie_key key = {.part = {NULL}};
    for (unsigned i = 0; i < spec->segments; i++) {
        key.part[i] = (const struct jit_id *)(const void *)(leaf + spec->at[i]);
    }
    return key;
}

/* The first nibble in which two keys differ, or `nibbles` when the first `nibbles` are equal. */
unsigned trie_key_differ(const struct trie_key *a, const struct trie_key *b, unsigned nibbles);

/* ---- nodes ---- */
static inline unsigned trie_count16(unsigned map)
{
    map -= map >> 1u & 0x5555u;
    map = (map & 0x3333u) + (map >> 2u & 0x3333u);
    map = (map + (map >> 4u)) & 0x0f0fu;
    return (map + (map >> 8u)) & 31u;
}

static inline bool trie_has(unsigned map, unsigned slot)
{
    return (map >> slot & 1u) != 0;
}

static inline unsigned trie_rank(unsigned map, unsigned slot)
{
    return trie_count16(map & ((1u << slot) - 1u));
}

static inline bool trie_cached(unsigned children, unsigned depth)
{
    return children >= TRIE_MANY || depth >= TRIE_DEEP;
}

static inline uint32_t trie_node_size(const struct trie_spec *spec, unsigned children,
                                      unsigned depth)
{
    uint32_t size = spec->refs_at + children * (uint32_t)sizeof(uint32_t);
    if (spec->hashed) {
        size += (children + (trie_cached(children, depth) ? TRIE_INNER : 0)) * JIT_ID_BYTES;
    }
    return size;
}

static inline uint32_t *trie_refs(const struct trie_spec *spec, const struct trie_node *node)
{
    return (uint32_t *)((uintptr_t)node + spec->refs_at);
}

/* Indexes only: leaves below. */
static inline uint32_t *trie_count(const struct trie_node *node)
{
    return (uint32_t *)((uintptr_t)node + sizeof *node);
}

/* Hashed maps only: hash[children], then inner[]. */
static inline struct jit_id *trie_hashes(const struct trie_node *node, unsigned children)
{
    return (struct jit_id *)((uintptr_t)node + sizeof *node + children * sizeof(uint32_t));
}

/* ---- reading (trie_read.c): checked at every step, safe on memory that changes ---- */

/* What a reader knows of a node after one look. */
struct trie_view {
    const uint8_t *at;
    unsigned map;
    unsigned leaf;
    unsigned depth;
    unsigned children;
};

static inline uint32_t trie_load32(const void *at)
{
    return __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
}

/* One look at the head of a node. False: no such node can be there. */
static inline bool trie_look(const struct rmg_mem *mem, const struct trie_spec *spec, uint32_t ref,
                             unsigned depth_min, struct trie_view *out)
{
    uint64_t at = (uint64_t)ref * RMG_GRANULE;
    if (ref == 0 || at + sizeof(struct trie_node) > mem->size) {
        return false;
    }
    struct {
        uint16_t map, leaf, dirty;
        uint8_t depth, flags;
    } head;
    uint64_t word = __atomic_load_n(
        (const uint64_t *)(const void *)(mem->base + at + sizeof(uint64_t)), __ATOMIC_RELAXED);
    memcpy(&head, &word, sizeof head);
    *out = (struct trie_view){.at = mem->base + at,
                              .map = head.map,
                              .leaf = head.leaf,
                              .depth = head.depth,
                              .children = trie_count16(head.map)};
    return head.map != 0 && (head.leaf & ~head.map) == 0 && head.depth >= depth_min &&
           head.depth < trie_key_nibbles(spec) &&
           at + trie_node_size(spec, out->children, out->depth) <= mem->size;
}

static inline uint32_t trie_ref(const struct trie_spec *spec, const struct trie_view *view,
                                unsigned index)
{
    return trie_load32(view->at + spec->refs_at + index * sizeof(uint32_t));
}

/* The leaf at ref, NULL when its fixed part does not lie inside. */
static inline const uint8_t *trie_leaf(const struct rmg_mem *mem, const struct trie_spec *spec,
                                       uint32_t ref)
{
    uint64_t at = (uint64_t)ref * RMG_GRANULE;
    return ref != 0 && at + spec->leaf_size <= mem->size ? mem->base + at : NULL;
}

/* Any leaf below a node (the first). Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err trie_first_leaf(const struct rmg_mem *mem, const struct trie_spec *spec,
                                            uint32_t ref, const uint8_t **leaf);

/* Where a key belongs. */
struct trie_place {
    const uint8_t *leaf; /* of this key; or one that shares `differ` nibbles; NULL: empty map */
    uint32_t ref;        /* of that leaf */
    uint32_t differ;     /* nibble in which they differ; all nibbles: it is there */
};
JIT_MUST_CHECK enum jit_err trie_find(const struct rmg_mem *mem, const struct trie_spec *spec,
                                      uint32_t root, const struct trie_key *key,
                                      struct trie_place *out);
/* The leaf of a key. Errors: JIT_ENOENT, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err trie_get(const struct rmg_mem *mem, const struct trie_spec *spec,
                                     uint32_t root, const struct trie_key *key,
                                     const uint8_t **leaf);
/* The highest node or leaf all of whose keys share the first `nibbles` of key. Errors: JIT_ENOENT.
 */
JIT_MUST_CHECK enum jit_err trie_subtree(const struct rmg_mem *mem, const struct trie_spec *spec,
                                         uint32_t root, const struct trie_key *key,
                                         unsigned nibbles, uint32_t *ref, bool *is_leaf);

/* Iterate a subtree, or what follows a key (NULL: all). */
void trie_iter_begin(struct rmg_iter *iter, const struct rmg_graph *graph, unsigned map,
                     uint32_t ref, bool is_leaf);
JIT_MUST_CHECK enum jit_err trie_iter_after(struct rmg_iter *iter, const struct rmg_graph *graph,
                                            unsigned map, uint32_t root,
                                            const struct trie_key *key);
/* Errors: JIT_ENOENT at the end, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err trie_iter_next(struct rmg_iter *iter, const uint8_t **leaf,
                                           uint32_t *ref);
/* Indexes only: past so many leaves. What goes wrong the next step answers. */
void trie_iter_skip(struct rmg_iter *iter, uint64_t count);

/* ---- what warming found (graph_warm.c) ---- */
static inline uint32_t found_tag(unsigned map, const struct jit_id *id)
{
    uint32_t bits;
    memcpy(&bits, id->bytes + JIT_ID_BYTES - sizeof bits, sizeof bits);
    return (bits & ~3u) | map; /* a hashed map of records: 0 to 3 */
}

static inline uint32_t found_slot(uint32_t tag)
{
    return (tag >> 2u ^ tag << 7u) % RMG_FOUND_MAX;
}

/* The leaf of this id, if warming got there; NULL: nobody knows. */
static inline const uint8_t *found_leaf(const struct rmg_graph *graph, unsigned map,
                                        const struct jit_id *id)
{
    uint32_t tag = found_tag(map, id);
    uint32_t slot = found_slot(tag);
    if (graph->found->at[slot].tag != tag) {
        return NULL;
    }
    const uint8_t *leaf = trie_leaf(&graph->mem, &trie_specs[map], graph->found->at[slot].ref);
    return leaf != NULL && memcmp(leaf + sizeof(uint64_t), id->bytes, JIT_ID_BYTES) == 0 ? leaf
                                                                                         : NULL;
}

/* ---- owners' entries (trie_owner.c) ---- */
struct owner_walk {
    const struct rmg_mem *mem;
    const uint8_t *at; /* next entry */
    uint32_t left;     /* bytes */
    uint32_t count;    /* entries not visited */
};

struct owner_entry {
    struct rmg_attachment attachment;
    const uint8_t *at;         /* begin of the entry */
    uint32_t size;             /* of the entry, padded */
    uint32_t cell;             /* reference of the atom's own cell, or 0 */
    const struct jit_id *hash; /* with a cell */
};

/* Errors: JIT_ECORRUPT (sizes point outside). */
JIT_MUST_CHECK enum jit_err owner_walk_begin(const struct rmg_mem *mem, const uint8_t *leaf,
                                             struct owner_walk *walk);
/* JIT_ENOENT after the last. */
JIT_MUST_CHECK enum jit_err owner_walk_next(struct owner_walk *walk, struct owner_entry *out);
int owner_name_compare(const char *a, uint32_t a_size, const char *b, uint32_t b_size);

/* ---- writing (trie_write.c) ---- */

/* Cells that a later version no longer needs: chunks in the heap, so that giving one back never
 * needs the arena. */
struct dead_cell {
    uint64_t birth;
    uint32_t ref;
    uint32_t where; /* arena << 28 | granules */
};
#define DEAD_PER_CHUNK 255u
struct dead_chunk {
    struct dead_chunk *next;
    uint32_t count;
    uint32_t hand; /* to whom they are given back: 0 the arena itself, else a hand's number + 1 */
    struct dead_cell cells[DEAD_PER_CHUNK];
};
struct dead_list {
    struct dead_chunk *head; /* the only one that may have room */
};

/* Who writes: the transaction's hand in one arena. */
struct trie_pen {
    struct jit_heap *heap;
    struct rmg_arena *arena;
    uint32_t arena_index;
    uint64_t epoch;
    uint64_t fork; /* cells up to this epoch are another line's: never released here */
    struct dead_list *dead;
    struct dead_list *lost;    /* what is another line's, to remember it; NULL: there is no other */
    struct dead_chunk **spare; /* chunks kept for reuse */
    struct rmg_counters *counters;
    uint32_t hand; /* as in dead_chunk */
};

JIT_MUST_CHECK enum jit_err trie_cell_new(struct trie_pen *pen, uint32_t size, uint32_t *ref);
/* A cell that nothing refers to any more: released if it is this transaction's, else kept for
 * older versions. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err trie_cell_drop(struct trie_pen *pen, uint32_t ref, uint32_t size);

/* A node with children at the slots of map, all dirty; leaf, refs and count are the caller's. */
JIT_MUST_CHECK enum jit_err trie_node_new(struct trie_pen *pen, const struct trie_spec *spec,
                                          unsigned map, unsigned depth, uint32_t *ref);
/* Put a leaf at a place that trie_find gave; an old leaf with that key is the caller's to drop. */
JIT_MUST_CHECK enum jit_err trie_put(struct trie_pen *pen, const struct trie_spec *spec,
                                     uint32_t *root, const struct trie_key *key,
                                     const struct trie_place *place, uint32_t leaf);
/* Remove a key that is there; its leaf is the caller's to drop. */
JIT_MUST_CHECK enum jit_err trie_remove(struct trie_pen *pen, const struct trie_spec *spec,
                                        uint32_t *root, const struct trie_key *key);
/* Own the path to a key that is there and mark it dirty; gives the slot of its leaf. */
JIT_MUST_CHECK enum jit_err trie_own_path(struct trie_pen *pen, const struct trie_spec *spec,
                                          uint32_t *root, const struct trie_key *key,
                                          uint32_t **slot);
/* For writing in parts of a map side by side (tx_hands.c): own the nodes above all keys that begin
 * with this byte and mark them dirty. *link is where a subtree of just these keys hangs: trie_find
 * and trie_put work on it as on a root, and touch nothing outside. NULL: there is none, or it is a
 * leaf. An owned path that nothing is written behind costs its copy and its hash. */
JIT_MUST_CHECK enum jit_err trie_own_top(struct trie_pen *pen, const struct trie_spec *spec,
                                         uint32_t *root, unsigned byte, uint32_t **link);
/* Release all nodes of this epoch; leaf() is told of every leaf under an owned node. */
void trie_abandon(struct trie_pen *pen, const struct trie_spec *spec, uint32_t root,
                  void (*leaf)(void *user, uint32_t ref), void *user);
/* Drop all nodes of a map that are older than this epoch and, of a hashed one, such leaves of its
 * own; trie_abandon() releases the rest. Errors: JIT_ENOMEM; the map means what it did. */
JIT_MUST_CHECK enum jit_err trie_bury(struct trie_pen *pen, const struct trie_spec *spec,
                                      uint32_t root);

/* ---- building (trie_build.c) ---- */

/* Records with keys of ids at fixed offsets: an array, or leaves in an arena (stride: a granule).
 */
struct trie_records {
    const uint8_t *base;
    size_t stride;
    unsigned segments;
    size_t at[TRIE_SEGMENTS];
};

/* Sort items[].index by the keys of their records; stable. word: 0. scratch: as many again. */
void trie_sort(const struct trie_records *records, struct rmg_radix *items,
               struct rmg_radix *scratch, size_t count, unsigned word);

/* A map or an index in the making, from leaves that come in the order of their keys: along the path
 * to the last one lie the nodes that may still get children. A node is made when it is complete. */
struct trie_open {
    uint32_t ref[16];
    uint32_t leaves; /* below */
    unsigned map;
    unsigned leaf;
    unsigned depth;
};
struct trie_spine {
    struct trie_pen *pen;
    const struct trie_spec *spec;
    struct trie_key last; /* of the leaf that came last; its first part NULL: none came */
    uint32_t hangs;       /* the subtree that ends in it waits for its place; 0: none waits */
    uint32_t hangs_leaves;
    bool hangs_leaf;
    unsigned count; /* open nodes, each deeper than the one before */
    struct trie_open open[TRIE_SEGMENTS * JIT_ID_BYTES * 2u + 1u];
};

/* The pen must stay. */
void trie_spine_begin(struct trie_spine *spine, struct trie_pen *pen, const struct trie_spec *spec);
/* key: that of the leaf; the ids it points to stay until the next one. Errors: JIT_EEXIST (the key
 * of the last one), or the arena's; then the leaf was not taken. */
JIT_MUST_CHECK enum jit_err trie_spine_add(struct trie_spine *spine, const struct trie_key *key,
                                           uint32_t leaf);
/* Everything is dirty. After an error it is to be abandoned, too. */
JIT_MUST_CHECK enum jit_err trie_spine_end(struct trie_spine *spine, uint32_t *root);
/* Release the nodes; leaf() is told of every leaf that was taken. */
void trie_spine_abandon(struct trie_spine *spine, void (*leaf)(void *user, uint32_t ref),
                        void *user);

/* ---- hashing (trie_hash.c) ---- */
struct trie_hasher; /* scratch of fixed size */

JIT_MUST_CHECK enum jit_err trie_hasher_new(struct jit_heap *heap, struct trie_hasher **out);
void trie_hasher_free(struct jit_heap *heap, struct trie_hasher *hasher);
/* Queue all dirty nodes of a map; *hash is written by trie_hasher_finish at the latest. Both must
 * stay where they are until then. */
void trie_hasher_add(struct trie_hasher *hasher, const struct rmg_mem *mem, unsigned map,
                     uint32_t root, struct jit_id *hash);
void trie_hasher_finish(struct trie_hasher *hasher, struct rmg_counters *counters);

/* Subtrees that can be hashed side by side, each below one of the first bytes of the ids in a map:
 * dirty, and none lies in another. */
struct trie_part {
    struct rmg_mem mem;
    unsigned map;
    uint32_t ref;
    unsigned hang;       /* nibble at which it hangs */
    struct jit_id *hash; /* of the slot it hangs in */
};
#define TRIE_PARTS_MAX 256u /* of one map */
/* Adds those of a map to parts, if there is room for all; returns how many there are now. */
size_t trie_parts(const struct rmg_mem *mem, unsigned map, uint32_t root, struct trie_part *parts,
                  size_t count, size_t capacity);
void trie_hasher_add_part(struct trie_hasher *hasher, const struct trie_part *part);
/* After it was hashed: whoever hashes what lies above it takes it as it is. */
void trie_part_hashed(const struct trie_part *part);

/* The hashes of 4.2, one by one. *hashes counts them. Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err trie_leaf_value(const struct rmg_mem *mem, unsigned map,
                                            const uint8_t *leaf, uint64_t *hashes,
                                            struct jit_id *out);
void trie_leaf_hash(unsigned map, const struct jit_id *id, const struct jit_id *value,
                    struct jit_id *out);
void trie_inner_hash(const struct jit_id *left, const struct jit_id *right, struct jit_id *out);
/* From the hash at bit `from` of a subtree of two or more elements up to bit `to` <= from; id is
 * that of any element. */
void trie_chain_hash(const struct jit_id *id, unsigned from, unsigned to, struct jit_id *hash);

/* The hash of the slots `from` to `to` of a node whose children have these hashes, by slot: root(S,
 * d) of 4.2. Gives 0 when none is there, 1 for a leaf, 2 for more (verify.c). */
unsigned trie_slots_hash(const struct trie_view *view, const struct jit_id hash[16], unsigned from,
                         unsigned to, struct jit_id *out);

/* Bytes of records: an attachment, at most OWNER_ENTRY_MAX; a parent, at most 329. */
#define OWNER_ENTRY_MAX (8u + JIT_NAME_BYTES_MAX + 1u + JIT_ID_BYTES + 8u + JIT_ID_BYTES)
uint32_t owner_entry_encode(const struct rmg_attachment *attachment, const struct jit_id *atom_hash,
                            uint8_t *out);
uint32_t instance_parent_encode(const struct leaf_instance *leaf, uint8_t *out);

/* The slots below binary position p of a node: 1 is all 16, 2 and 3 are 8 each, ..., 16 + s is slot
 * s alone. */
extern const uint16_t trie_below[32];

#endif

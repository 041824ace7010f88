#include "base/check.h"
#include "base/le.h"
#include "rmg/store/image_priv.h"

/* One pass over a block, from its begin to its end. A node comes behind its children, so the
 * subtrees that still wait for their parent are a stack, and a node takes as many from its top as
 * it has children that are nodes: each in its turn, at the very place where it ended. The leaves of
 * a hashed map follow one another in the same way. So nothing is left out, and nothing is there
 * twice. Leaves of an index are those of its map, in strictly ascending order of its keys, and as
 * many. What a node needs lies before it, so the pass goes as far as the bytes are there, and goes
 * on when there are more. */

#define STACK_MAX (16u * (TRIE_SEGMENTS * JIT_ID_BYTES * 2u + 1u))

struct subtree {
    uint64_t begin; /* offsets of its leaves in the block (hashed maps) */
    uint64_t end;
    uint64_t leaves;
    const uint8_t *first; /* any of its leaves: they share what lies above it */
    uint32_t ref;         /* in the block */
    unsigned depth;
};

/* Records by ascending ids in the block. */
struct image_records {
    uint64_t begin;
    uint64_t count;
    uint64_t stride;
    uint64_t near; /* where the last one was found */
};

struct image_check {
    const struct image_block *in;
    struct rmg_roots *roots;
    unsigned step;      /* of image_order */
    bool inside;        /* the map of this step is begun */
    uint64_t leaves;    /* that it has */
    uint64_t filled;    /* bytes of the block that are there: what lies behind is not looked at */
    struct rmg_mem mem; /* references of the block: its first granule is IMAGE_FIRST */
    uint8_t *base;      /* of the block */
    uint32_t delta;     /* from a reference of the block to one of the arena */
    uint64_t at;        /* bytes judged */
    uint64_t ahead;     /* up to here the leaves of an index were asked for */
    enum rmg_map map;
    const struct trie_spec *spec;
    uint64_t leaf_begin; /* of the leaves of this map, or of what it is an index over */
    uint64_t leaf_end;
    uint64_t leaf_stride; /* 0: owners */
    struct image_records nodes;
    struct image_records edges;
    uint64_t portals;
    unsigned count;
    struct subtree stack[STACK_MAX];
};

enum jit_err image_check_new(struct jit_heap *heap, struct image_check **out)
{
    *out = heap->alloc(heap, sizeof **out);
    return *out == NULL ? JIT_ENOMEM : JIT_OK;
}

void image_check_free(struct jit_heap *heap, struct image_check *check)
{
    heap->free(heap, check);
}

static uint64_t offset_of(uint32_t ref)
{
    return (uint64_t)(ref - IMAGE_FIRST) * RMG_GRANULE;
}

static uint32_t ref_of(uint64_t offset)
{
    return (uint32_t)(offset / RMG_GRANULE) + IMAGE_FIRST;
}

static bool of_this_epoch(const uint8_t *cell)
{
    uint64_t epoch;
    memcpy(&epoch, cell, sizeof epoch);
    return epoch == IMAGE_EPOCH;
}

/* ---- who is there ---- */

static const uint8_t *record_id(const struct image_check *c, const struct image_records *records,
                                uint64_t index)
{
    return c->base + records->begin + index * records->stride + sizeof(uint64_t);
}

/* Those that are asked for mostly ascend: the next one lies near the last one, so the search begins
 * there and takes larger steps until it halves. */
static bool record_has(const struct image_check *c, struct image_records *records,
                       const struct jit_id *id)
{
    uint64_t low = 0;
    uint64_t high = records->count;
    uint64_t at = records->near;
    uint64_t step = 0;
    while (low < high) {
        const uint8_t *found = record_id(c, records, at);
        if (memcmp(found, id->bytes, JIT_ID_BYTES) == 0) { /* mostly; and for less than an order */
            records->near = at;
            return true;
        }
        int order = memcmp(found, id->bytes, JIT_ID_BYTES);
        low = order < 0 ? at + 1 : low;
        high = order > 0 ? at : high;
        uint64_t half = (high - low) / 2;
        half = step < half ? step : half;
        at = order < 0 ? low + half : high - 1 - half;
        step = step == 0 ? 1 : 2 * step;
    }
    return false;
}

/* ---- leaves ---- */

/* An entry's cell lies where the one before it ends. */
static bool cell_sound(struct image_check *c, const struct owner_entry *entry, uint64_t *end)
{
    uint64_t epoch_and_size[2];
    const uint64_t size = entry->attachment.value.size;
    const uint64_t bytes = rmg_arena_cell_bytes(sizeof(struct atom_cell) + size);
    if (size <= ATOM_INLINE_MAX || entry->cell != ref_of(*end) || bytes > c->leaf_end - *end) {
        return false;
    }
    memcpy(epoch_and_size, c->base + *end, sizeof epoch_and_size);
    uint32_t ref = entry->cell + c->delta;
    memcpy(c->base + (entry->at - c->base) + sizeof(struct leaf_entry), &ref, sizeof ref);
    *end += bytes;
    return epoch_and_size[0] == IMAGE_EPOCH && epoch_and_size[1] == size;
}

static bool owner_sound(struct image_check *c, const uint8_t *leaf, uint64_t offset, uint64_t *end)
{
    const struct jit_id *id =
        (const struct jit_id *)(const void *)(leaf + offsetof(struct leaf_owner, id));
    struct owner_walk walk;
    struct owner_entry entry;
    struct rmg_attachment last = {.name = NULL};
    uint64_t count = 0;
    if (owner_walk_begin(&c->mem, leaf, &walk) != JIT_OK || walk.left > IMAGE_OWNER_MAX ||
        !record_has(c, c->map == RMG_ALPHA ? &c->nodes : &c->edges, id)) {
        return false;
    }
    uint64_t bytes = rmg_arena_cell_bytes(owner_leaf_size(leaf));
    if (bytes > c->leaf_end - offset) {
        return false;
    }
    *end = offset + bytes;
    enum jit_err err = JIT_OK;
    for (; (err = owner_walk_next(&walk, &entry)) == JIT_OK; count++) {
        const struct rmg_attachment *a = &entry.attachment;
        bool inside = entry.cell == 0
                          ? a->value.kind == RMG_VALUE_PORTAL || a->value.size <= ATOM_INLINE_MAX
                          : cell_sound(c, &entry, end);
        if (!inside || attachment_judge(a) != JIT_OK ||
            (count > 0 &&
             owner_name_compare(last.name, last.name_size, a->name, a->name_size) >= 0)) {
            return false;
        }
        c->portals += a->value.kind == RMG_VALUE_PORTAL;
        last = *a;
    }
    return err == JIT_ENOENT && count > 0;
}

/* The leaf at this reference of a node of this map; *end: where what belongs to it ends. */
static const uint8_t *leaf_sound(struct image_check *c, uint32_t ref, uint64_t *end)
{
    static const struct jit_id none = {{0}};
    uint64_t offset = ref == 0 ? c->leaf_end : offset_of(ref);
    if (offset < c->leaf_begin || offset >= c->leaf_end ||
        c->leaf_end - offset < c->spec->leaf_size) {
        return NULL;
    }
    const uint8_t *leaf = c->base + offset;
    if (!of_this_epoch(leaf)) {
        return NULL;
    }
    if (c->leaf_stride == 0) {
        return owner_sound(c, leaf, offset, end) ? leaf : NULL;
    }
    if ((offset - c->leaf_begin) % c->leaf_stride != 0) {
        return NULL;
    }
    *end = offset + c->leaf_stride;
    if (c->map == RMG_OUT || c->map == RMG_IN) {
        const uint8_t *near = leaf + c->spec->at[0];
        return record_has(c, &c->nodes, (const struct jit_id *)(const void *)near) ? leaf : NULL;
    }
    const size_t type = c->map == RMG_NODES   ? offsetof(struct leaf_node, type)
                        : c->map == RMG_EDGES ? offsetof(struct leaf_edge, edge.type)
                                              : 0;
    return type == 0 || memcmp(leaf + type, none.bytes, JIT_ID_BYTES) != 0 ? leaf : NULL;
}

/* ---- nodes ---- */

/* The keys of two leaves share so many nibbles. Word by word: this is what takes the time. */
static bool shares(const struct trie_spec *spec, const uint8_t *a, const uint8_t *b, unsigned depth)
{
    for (unsigned i = 0; depth > 0; i++) {
        unsigned left = depth < 64u ? depth : 64u;
        const uint8_t *x = a + spec->at[i];
        const uint8_t *y = b + spec->at[i];
        depth -= left;
        for (; left > 16u; left -= 16u, x += 8, y += 8) {
            if (jit_be64(x) != jit_be64(y)) {
                return false;
            }
        }
        if ((jit_be64(x) ^ jit_be64(y)) >> (64u - 4u * left) != 0) {
            return false;
        }
    }
    return true;
}

/* A child that begins here belongs into this slot, and shares what lies above with the first. */
static bool child_sound(const struct image_check *c, unsigned depth, unsigned slot,
                        const uint8_t *first, const uint8_t *leaf)
{
    uint8_t byte = leaf[c->spec->at[depth / 64u] + depth / 2u % JIT_ID_BYTES];
    return (depth % 2u == 0 ? byte >> 4u : byte & 15u) == slot &&
           (first == leaf || shares(c->spec, first, leaf, depth));
}

static bool head_sound(const struct image_check *c, const struct trie_view *view)
{
    struct trie_node head;
    memcpy(&head, view->at, sizeof head);
    return head.epoch == IMAGE_EPOCH && head.dirty == 0 &&
           (head.flags & ~(c->spec->hashed ? TRIE_STALE : 0u)) == 0 &&
           (view->depth == 0 || view->children >= 2);
}

/* Take a node's children from the stack and from the leaves: the subtree that it is. */
static bool node_sound(struct image_check *c, const struct trie_view *view, struct subtree *out)
{
    uint32_t *refs = (uint32_t *)((uintptr_t)view->at + c->spec->refs_at);
    unsigned nodes = trie_count16(view->map & ~view->leaf & 0xffffu);
    if (nodes > c->count) {
        return false;
    }
    const struct subtree *child = &c->stack[c->count - nodes];
    unsigned index = 0;
    c->count -= nodes;
    out->leaves = 0;
    for (unsigned left = view->map; left != 0; left &= left - 1, index++) {
        unsigned slot = (unsigned)__builtin_ctz(left);
        struct subtree leaf = {.leaves = 1, .depth = view->depth + 1};
        const struct subtree *next = &leaf;
        if (trie_has(view->leaf, slot)) {
            leaf.first = leaf_sound(c, refs[index], &leaf.end);
            if (leaf.first == NULL) {
                return false;
            }
            leaf.begin = offset_of(refs[index]);
        } else {
            next = child++;
            if (next->ref != refs[index] || next->depth <= view->depth) {
                return false;
            }
        }
        if (index == 0) {
            out->first = next->first;
            out->begin = next->begin;
        } else if (c->spec->hashed && next->begin != out->end) {
            return false;
        }
        out->end = next->end;
        out->leaves += next->leaves;
        if (!child_sound(c, view->depth, slot, out->first, next->first)) {
            return false;
        }
        refs[index] += c->delta;
    }
    return true;
}

/* The root's hash follows from what it says of its children. */
static bool root_sound(const struct image_check *c, const struct trie_view *view)
{
    struct jit_id by_slot[16];
    struct jit_id root;
    unsigned index = 0;
    const uint8_t *hashes = view->at + sizeof(struct trie_node) + view->children * sizeof(uint32_t);
    memset(by_slot, 0, sizeof by_slot);
    for (unsigned left = view->map; left != 0; left &= left - 1, index++) {
        memcpy(&by_slot[__builtin_ctz(left)], hashes + index * sizeof by_slot[0],
               sizeof by_slot[0]);
    }
    (void)trie_slots_hash(view, by_slot, 0, 16, &root);
    return jit_id_equal(&root, &c->in->map_root[c->map]);
}

/* No node takes more: 16 children, and the hashes between them. */
#define NODE_BYTES_MAX 2048u
static_assert(sizeof(struct trie_node) + 16 * (sizeof(uint32_t) + JIT_ID_BYTES) +
                      14 * JIT_ID_BYTES <
                  NODE_BYTES_MAX,
              "a node with all it may have");

/* All of the node that begins at this offset. */
static bool node_is_there(const struct image_check *c, uint64_t at)
{
    return c->filled == c->in->bytes || (at <= c->filled && c->filled - at >= NODE_BYTES_MAX);
}

/* The leaves of an index lie anywhere: they are asked for some nodes before they are looked at. */
#define AHEAD_BYTES 1536u

static void look_ahead(struct image_check *c)
{
    struct trie_view view;
    uint64_t end = c->in->bytes - c->at < AHEAD_BYTES ? c->in->bytes : c->at + AHEAD_BYTES;
    c->ahead = c->ahead < c->at ? c->at : c->ahead;
    while (c->ahead < end && node_is_there(c, c->ahead)) {
        if (!trie_look(&c->mem, c->spec, ref_of(c->ahead), 0, &view)) {
            c->ahead = c->in->bytes; /* not a node of this map any more */
            return;
        }
        unsigned index = 0;
        for (unsigned left = view.map; left != 0; left &= left - 1, index++) {
            if (trie_has(view.leaf, (unsigned)__builtin_ctz(left))) {
                const uint8_t *leaf = c->base + offset_of(trie_ref(c->spec, &view, index));
                __builtin_prefetch(leaf);
                __builtin_prefetch(leaf + 64);
                __builtin_prefetch(leaf + c->leaf_stride - 16);
            }
        }
        c->ahead += image_round(trie_node_size(c->spec, view.children, view.depth));
    }
}

/* A subtree whose children were judged before it. */
static bool next_sound(struct image_check *c, struct trie_view *view, struct subtree *tree)
{
    if (c->at >= c->in->bytes || c->count == STACK_MAX ||
        !trie_look(&c->mem, c->spec, ref_of(c->at), 0, view) || !head_sound(c, view)) {
        return false;
    }
    tree->ref = ref_of(c->at);
    tree->depth = view->depth;
    if (!node_sound(c, view, tree) ||
        (!c->spec->hashed && trie_load32(view->at + sizeof(struct trie_node)) != tree->leaves)) {
        return false;
    }
    c->at += image_round(trie_node_size(c->spec, view->children, view->depth));
    return true;
}

/* The nodes of a map, up to its root, as far as they are there. */
static bool nodes_sound(struct image_check *c)
{
    struct trie_view view;
    struct subtree tree;
    while (node_is_there(c, c->at)) {
        if (!c->spec->hashed) {
            look_ahead(c);
        }
        if (!next_sound(c, &view, &tree)) {
            return false;
        }
        if (view.depth == 0) {
            c->inside = false;
            c->roots->ref[c->map] = tree.ref + c->delta;
            return c->count == 0 && (c->leaf_stride == 0 || tree.leaves == c->leaves) &&
                   (!c->spec->hashed || (tree.begin == c->leaf_begin && tree.end == c->leaf_end &&
                                         root_sound(c, &view)));
        }
        c->stack[c->count++] = tree;
    }
    return true;
}

/* ---- maps ---- */

/* The leaves that a map has of its own lie before its nodes. */
static bool leaves_begin(struct image_check *c, uint64_t bytes)
{
    c->leaf_begin = c->at;
    if (bytes > c->in->bytes - c->at) {
        return false;
    }
    c->at += bytes;
    c->leaf_end = c->at;
    return true;
}

/* inside is set where it has nodes. */
static bool map_begin(struct image_check *c, enum rmg_map map)
{
    static const struct jit_id none = {{0}};
    struct image_records *of = map == RMG_NODES || map == RMG_NODE_TYPES ? &c->nodes : &c->edges;
    bool owners = image_of_owners(map);
    uint64_t bytes = owners ? c->in->owner_bytes[map - RMG_ALPHA] : of->count * of->stride;
    c->map = map;
    c->spec = &trie_specs[map];
    c->leaf_stride = owners ? 0 : of->stride;
    c->nodes.near = 0;
    c->edges.near = 0;
    c->roots->ref[map] = 0;
    if (bytes == 0) {
        return !c->spec->hashed || jit_id_equal(&c->in->map_root[map], &none);
    }
    if (c->spec->hashed) {
        if (bytes % RMG_GRANULE != 0 || !leaves_begin(c, bytes)) {
            return false;
        }
        of->begin = owners ? of->begin : c->leaf_begin;
    } else {
        c->leaf_begin = of->begin;
        c->leaf_end = of->begin + bytes;
    }
    c->leaves = of->count;
    c->count = 0;
    c->ahead = c->at;
    c->inside = true;
    return true;
}

enum jit_err image_check_begin(struct image_check *c, const struct image_block *in,
                               struct rmg_roots *roots)
{
    uint8_t *base = in->ref == 0 ? NULL : rmg_arena_at(in->arena, in->ref);
    c->in = in;
    c->roots = roots;
    c->base = base;
    c->mem = (struct rmg_mem){.base = (const uint8_t *)((uintptr_t)base - RMG_GRANULE),
                              .size = in->bytes + RMG_GRANULE};
    c->delta = in->ref - IMAGE_FIRST;
    c->at = 0;
    c->step = 0;
    c->inside = false;
    c->portals = 0;
    c->nodes = (struct image_records){.count = roots->node_count,
                                      .stride = image_round(sizeof(struct leaf_node))};
    c->edges = (struct image_records){.count = roots->edge_count,
                                      .stride = image_round(sizeof(struct leaf_edge))};
    /* No more of them than fit, so that their bytes can be counted. */
    return roots->node_count > in->bytes / c->nodes.stride ||
                   roots->edge_count > in->bytes / c->edges.stride
               ? JIT_ECORRUPT
               : JIT_OK;
}

enum jit_err image_check_some(struct image_check *c, uint64_t filled)
{
    assert(filled <= c->in->bytes);
    c->filled = filled;
    while (c->step < RMG_MAPS) {
        if (!c->inside && !map_begin(c, image_order[c->step])) {
            return JIT_ECORRUPT;
        }
        if (c->inside && !nodes_sound(c)) {
            return JIT_ECORRUPT;
        }
        if (c->inside) {
            return JIT_OK; /* the rest is not there yet */
        }
        c->step++;
    }
    return JIT_OK;
}

enum jit_err image_check_end(const struct image_check *c, uint64_t *portals)
{
    *portals = c->portals;
    return c->step == RMG_MAPS && c->at == c->in->bytes ? JIT_OK : JIT_ECORRUPT;
}

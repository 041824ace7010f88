#include "base/le.h"
#include "rmg/store/image_priv.h"

#define PIECE_BYTES (256u << 10)

/* Where a leaf of the store lies in the block: open addressing, as an index has leaves in another
 * order than their own map. */
struct placed {
    uint32_t from; /* 0: free */
    uint32_t to;
};

struct writer {
    struct jit_heap *heap;
    struct rmg_graph graph;
    enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size);
    void *user;
    uint64_t at; /* bytes of the block that are written */
    uint8_t *piece;
    size_t fill;
    enum rmg_map map;
    const struct trie_spec *spec;
    uint64_t leaf_at;      /* where the next leaf of a hashed map lies */
    uint64_t node_at;      /* where the next node lies */
    struct placed *places; /* of the leaves that the indexes are over */
    uint64_t place_mask;
    uint64_t owner_bytes[2]; /* of ALPHA and BETA */
};

/* ---- bytes ---- */

static enum jit_err flush(struct writer *w)
{
    enum jit_err err = w->fill == 0 ? JIT_OK : w->write(w->user, w->piece, w->fill);
    w->fill = 0;
    return err;
}

/* `size` bytes of a cell and zeros behind them, up to `bytes`. */
static enum jit_err put(struct writer *w, const void *from, uint64_t size, uint64_t bytes)
{
    enum jit_err err = JIT_OK;
    const uint8_t *at = from;
    w->at += bytes;
    while (err == JIT_OK && bytes > 0) {
        uint64_t part = bytes < PIECE_BYTES - w->fill ? bytes : PIECE_BYTES - w->fill;
        uint64_t copied = size < part ? size : part;
        if (copied > 0) {
            memcpy(w->piece + w->fill, at, copied);
            at += copied;
            size -= copied;
        }
        memset(w->piece + w->fill + copied, 0, part - copied);
        w->fill += part;
        bytes -= part;
        if (w->fill == PIECE_BYTES) {
            err = flush(w);
        }
    }
    return err;
}

static uint32_t ref_at(uint64_t at)
{
    return (uint32_t)(at / RMG_GRANULE) + IMAGE_FIRST;
}

/* ---- leaves ---- */

static uint64_t place_slot(const struct writer *w, uint32_t from)
{
    uint64_t at = from * UINT64_C(0x9E3779B97F4A7C15) >> 20u & w->place_mask;
    while (w->places[at].from != 0 && w->places[at].from != from) {
        at = (at + 1) & w->place_mask;
    }
    return at;
}

static enum jit_err places_new(struct writer *w, uint64_t count)
{
    uint64_t size = 16;
    while (size < count + count / 2) {
        size *= 2;
    }
    w->heap->free(w->heap, w->places);
    w->places = jit_heap_zalloc(w->heap, size, sizeof *w->places);
    w->place_mask = size - 1;
    return w->places == NULL ? JIT_ENOMEM : JIT_OK;
}

/* A leaf of attachments and its cells: bytes that they take. Errors: JIT_ECORRUPT. */
static enum jit_err owner_bytes(const struct rmg_mem *mem, const uint8_t *leaf, uint64_t *bytes)
{
    struct owner_walk walk;
    struct owner_entry entry;
    enum jit_err err = owner_walk_begin(mem, leaf, &walk);
    *bytes = err == JIT_OK ? rmg_arena_cell_bytes(owner_leaf_size(leaf)) : 0;
    while (err == JIT_OK && (err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        if (entry.cell != 0) {
            *bytes += rmg_arena_cell_bytes(sizeof(struct atom_cell) + entry.attachment.value.size);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The leaf's cells go behind it; the references to them are written into `copy`, which is of it. */
static enum jit_err put_owner(struct writer *w, const uint8_t *leaf, uint8_t *copy)
{
    const struct rmg_mem *mem = &w->graph.mem;
    const uint64_t epoch = IMAGE_EPOCH;
    const uint32_t size = owner_leaf_size(leaf);
    struct owner_walk walk;
    struct owner_entry entry;
    uint64_t cell_at = w->at + rmg_arena_cell_bytes(size);
    memcpy(copy, leaf, size);
    memcpy(copy, &epoch, sizeof epoch);
    enum jit_err err = owner_walk_begin(mem, leaf, &walk);
    while (err == JIT_OK && (err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        uint32_t ref = ref_at(cell_at);
        if (entry.cell != 0) {
            memcpy(copy + (entry.at - leaf) + sizeof(struct leaf_entry), &ref, sizeof ref);
            cell_at += rmg_arena_cell_bytes(sizeof(struct atom_cell) + entry.attachment.value.size);
        }
    }
    err = err == JIT_ENOENT ? put(w, copy, size, rmg_arena_cell_bytes(size)) : err;
    err = err == JIT_OK ? owner_walk_begin(mem, leaf, &walk) : err;
    while (err == JIT_OK && (err = owner_walk_next(&walk, &entry)) == JIT_OK) {
        const struct atom_cell cell = {.epoch = IMAGE_EPOCH, .size = entry.attachment.value.size};
        if (entry.cell == 0) {
            continue;
        }
        uint64_t bytes = rmg_arena_cell_bytes(sizeof cell + cell.size);
        err = put(w, &cell, sizeof cell, sizeof cell);
        err = err == JIT_OK ? put(w, entry.attachment.value.bytes, cell.size, bytes - sizeof cell)
                            : err;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_leaf(struct writer *w, const uint8_t *leaf, uint32_t ref, uint8_t *copy)
{
    const uint64_t epoch = IMAGE_EPOCH;
    if (image_of_owners(w->map)) {
        return owner_leaf_size(leaf) <= IMAGE_OWNER_MAX ? put_owner(w, leaf, copy) : JIT_ECORRUPT;
    }
    w->places[place_slot(w, ref)] = (struct placed){.from = ref, .to = ref_at(w->at)};
    memcpy(copy, leaf, w->spec->leaf_size);
    memcpy(copy, &epoch, sizeof epoch);
    return put(w, copy, w->spec->leaf_size, image_round(w->spec->leaf_size));
}

static enum jit_err put_leaves(struct writer *w, uint64_t count)
{
    struct rmg_iter iter;
    const uint8_t *leaf = NULL;
    uint32_t ref = 0;
    uint64_t begin = w->at;
    uint64_t seen = 0;
    enum jit_err err = image_of_owners(w->map) ? JIT_OK : places_new(w, count);
    uint8_t *copy = w->heap->alloc(w->heap, IMAGE_OWNER_MAX);
    err = copy == NULL ? JIT_ENOMEM : err;
    trie_iter_begin(&iter, &w->graph, w->map, w->graph.roots.ref[w->map], false);
    while (err == JIT_OK && (err = trie_iter_next(&iter, &leaf, &ref)) == JIT_OK) {
        err =
            image_of_owners(w->map) || seen++ < count ? put_leaf(w, leaf, ref, copy) : JIT_ECORRUPT;
    }
    w->heap->free(w->heap, copy);
    err = err == JIT_ENOENT ? JIT_OK : err;
    if (err == JIT_OK && !image_of_owners(w->map) && seen != count) {
        err = JIT_ECORRUPT;
    }
    w->leaf_at = begin;
    if (image_of_owners(w->map)) {
        w->owner_bytes[w->map - RMG_ALPHA] = w->at - begin;
    }
    return err;
}

/* ---- nodes ---- */

/* The place of a leaf that a node refers to; of a hashed map the next one. */
static enum jit_err leaf_place(struct writer *w, uint32_t ref, uint32_t *to)
{
    uint64_t bytes = image_round(w->spec->leaf_size);
    enum jit_err err = JIT_OK;
    if (!w->spec->hashed) {
        *to = w->places[place_slot(w, ref)].to;
        return *to != 0 ? JIT_OK : JIT_ECORRUPT;
    }
    const uint8_t *leaf = trie_leaf(&w->graph.mem, w->spec, ref);
    if (leaf == NULL) {
        return JIT_ECORRUPT;
    }
    if (image_of_owners(w->map)) {
        err = owner_bytes(&w->graph.mem, leaf, &bytes);
    }
    *to = ref_at(w->leaf_at);
    w->leaf_at += bytes;
    return err;
}

#define NODE_MAX                                                                                   \
    (sizeof(struct trie_node) + 16 * sizeof(uint32_t) + (16 + TRIE_INNER) * JIT_ID_BYTES)

/* The hashes of positions that stand for nothing were never written, nor is any of a stale node:
 * what lay there before is nobody's business, and equal states are to have equal bytes. */
static void blank_inner(const struct trie_spec *spec, const struct trie_view *view, bool stale,
                        uint8_t *behind)
{
    if (!spec->hashed || !trie_cached(view->children, view->depth)) {
        return;
    }
    for (unsigned at = 2; at < 2 + TRIE_INNER; at++) {
        if (stale || (view->map & trie_below[at]) == 0) {
            memset(behind - (2 + TRIE_INNER - at) * JIT_ID_BYTES, 0, JIT_ID_BYTES);
        }
    }
}

/* A node behind its children. */
static enum jit_err put_node(struct writer *w, uint32_t ref, unsigned depth_min, uint32_t *to)
{
    struct trie_view view;
    uint8_t copy[NODE_MAX];
    struct trie_node head;
    uint32_t refs[16];
    enum jit_err err = JIT_OK;
    unsigned index = 0;
    if (!trie_look(&w->graph.mem, w->spec, ref, depth_min, &view)) {
        return JIT_ECORRUPT;
    }
    for (unsigned left = view.map; err == JIT_OK && left != 0; left &= left - 1, index++) {
        uint32_t child = trie_ref(w->spec, &view, index);
        err = trie_has(view.leaf, (unsigned)__builtin_ctz(left))
                  ? leaf_place(w, child, &refs[index])
                  : put_node(w, child, view.depth + 1, &refs[index]);
    }
    if (err != JIT_OK) {
        return err;
    }
    uint32_t size = trie_node_size(w->spec, view.children, view.depth);
    assert(size <= sizeof copy);
    memcpy(copy, view.at, size);
    memcpy(&head, copy, sizeof head);
    head.epoch = IMAGE_EPOCH;
    head.dirty = 0;
    head.flags &= TRIE_STALE;
    memcpy(copy, &head, sizeof head);
    memcpy(copy + w->spec->refs_at, refs, view.children * sizeof refs[0]);
    blank_inner(w->spec, &view, head.flags != 0, copy + size);
    *to = ref_at(w->at);
    return put(w, copy, size, image_round(size));
}

/* ---- instances ---- */

static enum jit_err put_block(struct writer *w)
{
    enum jit_err err = JIT_OK;
    w->at = 0;
    w->owner_bytes[0] = 0;
    w->owner_bytes[1] = 0;
    for (unsigned i = 0; err == JIT_OK && i < RMG_MAPS; i++) {
        uint32_t root = 0;
        w->map = image_order[i];
        w->spec = &trie_specs[w->map];
        if (w->graph.roots.ref[w->map] == 0) {
            continue;
        }
        if (w->spec->hashed) {
            err = put_leaves(w, w->map == RMG_NODES ? w->graph.roots.node_count
                                                    : w->graph.roots.edge_count);
        }
        err = err == JIT_OK ? put_node(w, w->graph.roots.ref[w->map], 0, &root) : err;
        if (err == JIT_OK && w->at > JIT_ARENA_BYTES_MAX) {
            err = JIT_ELIMIT;
        }
    }
    return err;
}

static void put_record(const struct writer *w, const struct rmg_instance *instance,
                       struct jit_buf *table)
{
    const struct rmg_parent *parent = &instance->parent;
    jit_buf_put_id(table, &instance->id);
    jit_buf_put_id(table, &instance->root_node);
    jit_buf_put_u64(table, instance->roots.node_count);
    jit_buf_put_u64(table, instance->roots.edge_count);
    jit_buf_put_u64(table, w->owner_bytes[0]);
    jit_buf_put_u64(table, w->owner_bytes[1]);
    jit_buf_put_u64(table, w->at);
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        jit_buf_put_id(table, &instance->map_root[map]);
    }
    jit_buf_put_u8(table, parent->present);
    if (parent->present) {
        jit_buf_put_u8(table, (uint8_t)parent->plane);
        jit_buf_put_u16(table, (uint16_t)parent->name_size);
        jit_buf_put_id(table, &parent->instance);
        jit_buf_put_id(table, &parent->owner);
        jit_buf_put(table, parent->name, parent->name_size);
    }
}

enum jit_err rmg_image_write(struct jit_heap *heap, const struct rmg_store *store,
                             const struct rmg_version *version,
                             enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                             void *user, struct jit_buf *table)
{
    struct writer w = {.heap = heap, .write = write, .user = user};
    struct rmg_instance instance;
    struct jit_id last;
    uint64_t count = 0;
    w.piece = heap->alloc(heap, PIECE_BYTES);
    enum jit_err err = w.piece == NULL ? JIT_ENOMEM : JIT_OK;
    jit_buf_put_u32(table, IMAGE_LAYOUT);
    jit_buf_put_u32(table, 0);
    jit_buf_put_id(table, &version->state_root);
    jit_buf_put_u64(table, version->instance_count);
    while (err == JIT_OK &&
           (err = rmg_store_next(store, version, count == 0 ? NULL : &last, &instance)) == JIT_OK) {
        rmg_store_graph(store, &instance, &w.graph);
        err = put_block(&w);
        put_record(&w, &instance, table);
        last = instance.id;
        count++;
    }
    err = err == JIT_ENOENT ? flush(&w) : err;
    if (err == JIT_OK && count != version->instance_count) {
        err = JIT_ECORRUPT;
    }
    heap->free(heap, w.piece);
    heap->free(heap, w.places);
    return err == JIT_OK ? table->err : err;
}

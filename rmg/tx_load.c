#include "rmg/store_priv.h"

/* Bulk build (14.8): sort, make the leaves in order, build each map and index from its sorted
 * leaves. Since all is sorted, edges meet their ends and attachments their owners by merging. */

#define AHEAD 12u /* what lies anywhere is fetched before it is looked at */

static void *array_new(struct jit_heap *heap, uint64_t count, size_t size)
{
    size_t total = 0;
    return __builtin_mul_overflow(count, size, &total) ? NULL : heap->alloc(heap, total);
}

struct load {
    struct rmg_tx *tx;
    struct trie_pen pen;
    struct rmg_bulk *bulk;
    /* scratch for the largest list */
    struct rmg_radix *items;
    struct rmg_radix *scratch;
    struct trie_step *steps;
    /* leaves by id, for merging */
    struct rmg_radix *nodes;
    struct rmg_radix *edges;
};

static struct trie_records leaves_of(const struct load *load, const struct trie_spec *spec)
{
    struct trie_records records = {
        .base = load->pen.arena->base, .stride = RMG_GRANULE, .segments = spec->segments};
    for (unsigned i = 0; i < spec->segments; i++) {
        records.at[i] = spec->at[i];
    }
    return records;
}

static const uint8_t *leaf_at(const struct load *load, uint32_t ref)
{
    return rmg_arena_at(load->pen.arena, ref);
}

static void items_number(struct rmg_radix *items, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        items[i].index = (uint32_t)i;
    }
}

static void leaves_release(struct load *load, const struct rmg_radix *leaves, uint64_t count,
                           uint32_t size)
{
    for (uint64_t i = 0; i < count; i++) {
        rmg_arena_release(load->pen.arena, leaves[i].index, size);
    }
}

/* ---- nodes and edges ---- */

/* Make the map of records that lie in an array, body_size bytes each, id first. leaves: by id. */
static enum jit_err load_records(struct load *load, enum rmg_map map, const void *array,
                                 uint32_t body_size, uint64_t count, struct rmg_radix *leaves)
{
    const struct trie_spec *spec = &trie_specs[map];
    const struct trie_records source = {
        .base = array, .stride = body_size, .segments = 1, .at = {0}};
    size_t twin = 0;
    uint64_t made = 0;
    items_number(load->items, count);
    trie_sort(&source, load->items, load->scratch, count, 0);
    if (!trie_steps(&source, load->items, count, load->steps, &twin)) {
        return JIT_EEXIST;
    }
    enum jit_err err = JIT_OK;
    for (; err == JIT_OK && made < count; made += err == JIT_OK) {
        if (made + AHEAD < count) {
            __builtin_prefetch(source.base + (uint64_t)load->items[made + AHEAD].index * body_size);
        }
        err = trie_cell_new(&load->pen, spec->leaf_size, &leaves[made].index);
        if (err == JIT_OK) {
            memcpy((uint8_t *)rmg_arena_at(load->pen.arena, leaves[made].index) + sizeof(uint64_t),
                   source.base + (uint64_t)load->items[made].index * body_size, body_size);
        }
    }
    if (err == JIT_OK) {
        err =
            trie_build(&load->pen, spec, leaves, load->steps, count, &load->tx->at->roots.ref[map]);
    }
    if (err != JIT_OK) {
        leaves_release(load, leaves, made, spec->leaf_size);
    } else {
        load->pen.counters->leaves_made += count;
    }
    return err;
}

/* An index over leaves that are there; load->items is left in its order. */
static enum jit_err load_index(struct load *load, enum rmg_map map, const struct rmg_radix *leaves,
                               uint64_t count)
{
    const struct trie_spec *spec = &trie_specs[map];
    const struct trie_records records = leaves_of(load, spec);
    size_t twin = 0;
    if (count > 0) {
        memcpy(load->items, leaves, count * sizeof *leaves);
    }
    trie_sort(&records, load->items, load->scratch, count, 0);
    bool distinct = trie_steps(&records, load->items, count, load->steps, &twin);
    assert(distinct); /* keys end in the id */
    return trie_build(&load->pen, spec, load->items, load->steps, count,
                      &load->tx->at->roots.ref[map]);
}

/* Is each key of the sorted items (the id at `offset` of their leaves) one of the sorted leaves? */
static bool all_among(const struct load *load, const struct rmg_radix *items, uint64_t count,
                      size_t offset, const struct rmg_radix *among, uint64_t among_count)
{
    uint64_t at = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            __builtin_prefetch(leaf_at(load, items[i + AHEAD].index) + offset);
        }
        const uint8_t *want = leaf_at(load, items[i].index) + offset;
        int order = -1;
        while (at < among_count &&
               (order = memcmp(leaf_at(load, among[at].index) + offsetof(struct leaf_node, id),
                               want, JIT_ID_BYTES)) < 0) {
            at++;
        }
        if (at == among_count || order != 0) {
            return false;
        }
    }
    return true;
}

static enum jit_err load_nodes(struct load *load)
{
    uint64_t count = load->bulk->node_count;
    for (uint64_t i = 0; i < count; i++) {
        if (jit_id_is_zero(&load->bulk->nodes[i].type)) {
            return JIT_EINVALID;
        }
    }
    enum jit_err err = load_records(load, RMG_NODES, load->bulk->nodes, sizeof *load->bulk->nodes,
                                    count, load->nodes);
    if (err == JIT_OK) {
        load->tx->at->roots.node_count = count;
        err = load_index(load, RMG_NODE_TYPES, load->nodes, count);
    }
    return err;
}

static enum jit_err load_edges(struct load *load)
{
    uint64_t count = load->bulk->edge_count;
    uint64_t nodes = load->bulk->node_count;
    for (uint64_t i = 0; i < count; i++) {
        if (jit_id_is_zero(&load->bulk->edges[i].type)) {
            return JIT_EINVALID;
        }
    }
    enum jit_err err = load_records(load, RMG_EDGES, load->bulk->edges, sizeof *load->bulk->edges,
                                    count, load->edges);
    if (err == JIT_OK) {
        load->tx->at->roots.edge_count = count;
        err = load_index(load, RMG_EDGE_TYPES, load->edges, count);
    }
    if (err == JIT_OK) {
        err = load_index(load, RMG_OUT, load->edges, count);
    }
    if (err == JIT_OK && !all_among(load, load->items, count, offsetof(struct leaf_edge, edge.from),
                                    load->nodes, nodes)) {
        err = JIT_EDANGLING;
    }
    if (err == JIT_OK) {
        err = load_index(load, RMG_IN, load->edges, count);
    }
    if (err == JIT_OK && !all_among(load, load->items, count, offsetof(struct leaf_edge, edge.to),
                                    load->nodes, nodes)) {
        err = JIT_EDANGLING;
    }
    return err;
}

/* ---- attachments ---- */

/* Order the attachments of one owner by name. Few as a rule, JIT_ATTACHMENTS_MAX at most. */
static enum jit_err owner_sort(const struct rmg_bulk_attachment *all, struct rmg_radix *items,
                               uint64_t count)
{
    if (count > JIT_ATTACHMENTS_MAX) {
        return JIT_ELIMIT;
    }
    for (uint64_t i = 1; i < count; i++) {
        struct rmg_radix item = items[i];
        const struct rmg_attachment *a = &all[item.index].attachment;
        uint64_t at = i;
        for (; at > 0; at--) {
            const struct rmg_attachment *b = &all[items[at - 1].index].attachment;
            int order = owner_name_compare(b->name, b->name_size, a->name, a->name_size);
            if (order == 0) {
                return JIT_EEXIST;
            }
            if (order < 0) {
                break;
            }
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
    return JIT_OK;
}

/* The leaf of one owner, from its attachments in order. */
static enum jit_err owner_make(struct load *load, const struct rmg_radix *items, uint64_t count,
                               uint32_t *ref)
{
    const struct rmg_bulk_attachment *all = load->bulk->attachments;
    uint32_t size = 0;
    for (uint64_t i = 0; i < count; i++) {
        enum jit_err err = attachment_judge(&all[items[i].index].attachment);
        if (err != JIT_OK) {
            return err;
        }
        size += owner_entry_size(&all[items[i].index].attachment);
    }
    enum jit_err err = trie_cell_new(&load->pen, (uint32_t)sizeof(struct leaf_owner) + size, ref);
    if (err != JIT_OK) {
        return err;
    }
    struct leaf_owner *leaf = rmg_arena_at(load->pen.arena, *ref);
    uint8_t *at = (uint8_t *)leaf + sizeof *leaf;
    leaf->id = all[items[0].index].owner;
    leaf->count = 0;
    for (uint64_t i = 0; i < count; i++) {
        const struct rmg_attachment *attachment = &all[items[i].index].attachment;
        struct leaf_cell cell;
        err = owner_cell_new(&load->pen, attachment, &cell);
        if (err != JIT_OK) {
            leaf->size = (uint32_t)(at - ((uint8_t *)leaf + sizeof *leaf));
            owner_leaf_free(&load->pen, *ref, (uint32_t)sizeof *leaf + size);
            return err;
        }
        at = owner_entry_write(at, attachment, &cell);
        leaf->count++;
        load->tx->portal_delta += attachment->value.kind == RMG_VALUE_PORTAL;
    }
    leaf->size = size;
    return JIT_OK;
}

static enum jit_err load_owners(struct load *load, enum rmg_plane plane,
                                const struct rmg_radix *among, uint64_t among_count)
{
    const enum rmg_map map = plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA;
    const struct rmg_bulk_attachment *all = load->bulk->attachments;
    const struct trie_records source = {.base = (const uint8_t *)all,
                                        .stride = sizeof *all,
                                        .segments = 1,
                                        .at = {offsetof(struct rmg_bulk_attachment, owner)}};
    struct rmg_radix *items = load->items;
    uint64_t count = 0;
    uint64_t owners = 0;
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; i < load->bulk->attachment_count; i++) {
        if (all[i].plane == plane) {
            items[count++].index = (uint32_t)i;
        }
    }
    trie_sort(&source, items, load->scratch, count, 0);
    /* Leaves take the place of what they were made from. */
    for (uint64_t begin = 0, end = 0; err == JIT_OK && begin < count; begin = end) {
        uint32_t ref = 0;
        if (begin + AHEAD < count) {
            const struct rmg_bulk_attachment *ahead = &all[items[begin + AHEAD].index];
            __builtin_prefetch(ahead);
            __builtin_prefetch(&ahead->attachment.value.bytes);
            ahead = &all[items[begin + AHEAD / 2].index];
            __builtin_prefetch(ahead->attachment.value.bytes);
            __builtin_prefetch(ahead->attachment.name);
        }
        for (end = begin + 1; end < count && jit_id_equal(&all[items[end].index].owner,
                                                          &all[items[begin].index].owner);) {
            end++;
        }
        err = owner_sort(all, items + begin, end - begin);
        if (err == JIT_OK) {
            err = owner_make(load, items + begin, end - begin, &ref);
        }
        if (err == JIT_OK) {
            items[owners++].index = ref;
        }
    }
    if (err == JIT_OK &&
        !all_among(load, items, owners, offsetof(struct leaf_owner, id), among, among_count)) {
        err = JIT_ENOENT;
    }
    if (err == JIT_OK) {
        const struct trie_records leaves = leaves_of(load, &trie_specs[map]);
        size_t twin = 0;
        bool distinct = trie_steps(&leaves, items, owners, load->steps, &twin);
        assert(distinct);
        err = trie_build(&load->pen, &trie_specs[map], items, load->steps, owners,
                         &load->tx->at->roots.ref[map]);
    }
    for (uint64_t i = 0; err != JIT_OK && i < owners; i++) {
        owner_leaf_free(&load->pen, items[i].index, owner_leaf_size(leaf_at(load, items[i].index)));
    }
    load->pen.counters->leaves_made += err == JIT_OK ? owners : 0;
    return err;
}

static enum jit_err load_all(struct load *load)
{
    enum jit_err err = load_nodes(load);
    if (err == JIT_OK) {
        err = load_edges(load);
    }
    if (err == JIT_OK) {
        err = load_owners(load, RMG_PLANE_ALPHA, load->nodes, load->bulk->node_count);
    }
    if (err == JIT_OK) {
        err = load_owners(load, RMG_PLANE_BETA, load->edges, load->bulk->edge_count);
    }
    return err;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

enum jit_err rmg_tx_load(struct rmg_tx *tx, const struct jit_id *instance, struct rmg_bulk *bulk)
{
    enum jit_err err = tx_find(tx, instance);
    for (unsigned map = 0; err == JIT_OK && map < RMG_MAPS; map++) {
        err = tx->at->roots.ref[map] == 0 ? JIT_OK : JIT_EINVALID;
    }
    uint64_t count = most(most(bulk->node_count, bulk->edge_count), bulk->attachment_count);
    if (err == JIT_OK && count > UINT32_MAX) {
        err = JIT_ELIMIT;
    }
    if (err == JIT_OK) {
        err = tx_own(tx);
    }
    if (err != JIT_OK || count == 0) {
        return err;
    }
    struct jit_heap *heap = tx->store->heap;
    struct load load = {.tx = tx, .pen = tx_pen(tx, tx->at->arena), .bulk = bulk};
    load.items = array_new(heap, count, sizeof *load.items);
    load.scratch = array_new(heap, count, sizeof *load.scratch);
    load.steps = array_new(heap, count, sizeof *load.steps);
    load.nodes = array_new(heap, bulk->node_count + 1, sizeof *load.nodes);
    load.edges = array_new(heap, bulk->edge_count + 1, sizeof *load.edges);
    err = load.items == NULL || load.scratch == NULL || load.steps == NULL || load.nodes == NULL ||
                  load.edges == NULL
              ? JIT_ENOMEM
              : load_all(&load);
    heap->free(heap, load.items);
    heap->free(heap, load.scratch);
    heap->free(heap, load.steps);
    heap->free(heap, load.nodes);
    heap->free(heap, load.edges);
    return err;
}

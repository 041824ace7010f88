#include "rmg/store/load_dense.h"

#include "base/check.h"
#include "rmg/store/load_priv.h"

/* Where each leaf will lie is settled first. Then leaves, map and indexes are made each by itself,
 * from the numbers: nobody looks at a leaf, so they can be made side by side. */

#define AHEAD     16u /* elements that are asked for before they are looked at */
#define TRIES_MAX 4u  /* a map and its indexes */
#define CREW_MAX  TRIES_MAX
#define CHUNK     4096u /* leaves written at a time; fewer are built by one */
/* Nodes of an index take so much for a leaf at most: one of two children has 32 bytes, one of more
 * has less for each child beyond the first, and the root may have a single one. */
#define INDEX_BYTES 32u

/* One of the tries, and who builds it. */
struct dense_trie {
    enum rmg_map map;
    enum jit_err err;
    struct trie_pen pen;
    struct rmg_arena part; /* of an index that is built beside others */
    struct rmg_counters counters;
    struct trie_spine spine;
};

struct dense {
    const struct rmg_dense *in;
    struct load_build *build;
    enum rmg_map map;
    const struct jit_id *ids;
    uint32_t count;
    uint32_t *leaves;          /* by number */
    struct rmg_radix *scratch; /* 2 * count items for each of the crew */
    struct load_among nodes;   /* that edges lie between */
    enum jit_err nodes_err;
    size_t next; /* the job that nobody has claimed yet; atomic */
    size_t end;
    unsigned trie_count; /* those that are sorted first, the map last */
    struct dense_trie tries[TRIES_MAX];
};

/* An id may lie across two lines. */
static inline void fetch_id(const struct jit_id *id)
{
    __builtin_prefetch(&id->bytes[0]);
    __builtin_prefetch(&id->bytes[JIT_ID_BYTES - 1]);
}

static uint32_t type_of(const struct dense *dense, uint32_t number)
{
    return dense->map == RMG_NODES ? dense->in->node_types[number] : dense->in->ends[number].type;
}

/* ---- leaves ---- */

static void free_leaves(struct dense *dense, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rmg_arena_release(dense->build->pen.arena, dense->leaves[i],
                          trie_specs[dense->map].leaf_size);
    }
}

/* Judge the elements and find room for their leaves. */
static enum jit_err place_leaves(struct dense *dense)
{
    const struct rmg_dense *in = dense->in;
    enum jit_err err = JIT_OK;
    uint32_t done = 0;
    for (; done < dense->count && err == JIT_OK; done += err == JIT_OK) {
        assert(type_of(dense, done) < in->type_count);
        if (dense->map == RMG_EDGES) {
            assert(in->ends[done].from < in->node_count);
            assert(in->ends[done].to < in->node_count);
        }
        if (done > 0 && jit_id_compare(&dense->ids[done - 1], &dense->ids[done]) >= 0) {
            err = JIT_EEXIST;
        } else if (jit_id_is_zero(&in->types[type_of(dense, done)])) {
            err = JIT_EINVALID;
        } else {
            err = rmg_arena_alloc(dense->build->pen.arena, trie_specs[dense->map].leaf_size,
                                  &dense->leaves[done]);
        }
    }
    if (err != JIT_OK) {
        free_leaves(dense, done);
    }
    return err;
}

static void write_node(const struct dense *dense, uint32_t number)
{
    struct leaf_node *leaf = rmg_arena_at(dense->build->pen.arena, dense->leaves[number]);
    leaf->epoch = dense->build->pen.epoch;
    leaf->id = dense->ids[number];
    leaf->type = dense->in->types[dense->in->node_types[number]];
}

static void write_edge(const struct dense *dense, uint32_t number)
{
    const struct rmg_dense *in = dense->in;
    const struct rmg_dense_edge *ends = &in->ends[number];
    struct leaf_edge *leaf = rmg_arena_at(dense->build->pen.arena, dense->leaves[number]);
    leaf->epoch = dense->build->pen.epoch;
    leaf->edge.id = dense->ids[number];
    leaf->edge.from = in->nodes[ends->from];
    leaf->edge.to = in->nodes[ends->to];
    leaf->edge.type = in->types[ends->type];
}

static void write_chunk(const struct dense *dense, size_t chunk)
{
    const uint32_t begin = (uint32_t)chunk * CHUNK;
    const uint32_t end = dense->count - begin < CHUNK ? dense->count : begin + CHUNK;
    for (uint32_t i = begin; i < end && dense->map == RMG_NODES; i++) {
        write_node(dense, i);
    }
    for (uint32_t i = begin; i < end && dense->map == RMG_EDGES; i++) {
        const struct rmg_dense_edge *ahead = &dense->in->ends[i + AHEAD < end ? i + AHEAD : i];
        fetch_id(&dense->in->nodes[ahead->from]);
        fetch_id(&dense->in->nodes[ahead->to]);
        write_edge(dense, i);
    }
}

/* Numbers mean nothing unless the instance has just these nodes. */
static enum jit_err same_nodes(struct dense *dense)
{
    struct load_among *among = &dense->nodes;
    uint32_t at = 0;
    while (among->leaf != NULL && at < dense->in->node_count &&
           memcmp(among->leaf + offsetof(struct leaf_node, id), dense->in->nodes[at].bytes,
                  JIT_ID_BYTES) == 0) {
        load_among_step(among);
        at++;
    }
    if (among->err != JIT_OK) {
        return among->err;
    }
    return among->leaf == NULL && at == dense->in->node_count ? JIT_OK : JIT_EDANGLING;
}

/* ---- tries ---- */

/* By key, then by rest, stable. */
static void sort_by_all(struct rmg_radix *items, uint32_t count)
{
    struct rmg_radix *scratch = items + count;
    uint32_t end = 0;
    rmg_radix_sort(items, scratch, count, NULL, NULL);
    for (uint32_t begin = 0; begin < count; begin = end) {
        const uint64_t key = items[begin].key;
        for (end = begin + 1; end < count && items[end].key == key; end++) {
        }
        if (end - begin == 1) {
            continue;
        }
        for (uint32_t i = begin; i < end; i++) {
            items[i].key = items[i].rest;
        }
        rmg_radix_sort(items + begin, scratch, end - begin, NULL, NULL);
        for (uint32_t i = begin; i < end; i++) {
            items[i].key = key;
        }
    }
}

/* OUT or IN: the key of an item is an end and the type, its rest the other end. */
static enum jit_err build_ends(const struct dense *dense, struct dense_trie *trie,
                               struct rmg_radix *items)
{
    const struct rmg_dense *in = dense->in;
    const uint32_t count = dense->count;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < count; i++) {
        const struct rmg_dense_edge ends = in->ends[i];
        const bool out = trie->map == RMG_OUT;
        items[i] =
            (struct rmg_radix){.key = (uint64_t)(out ? ends.from : ends.to) << 32u | ends.type,
                               .index = i,
                               .rest = out ? ends.to : ends.from};
    }
    sort_by_all(items, count);
    for (uint32_t i = 0; i < count && err == JIT_OK; i++) {
        const struct rmg_radix *item = &items[i];
        const struct trie_key key = {.part = {&in->nodes[item->key >> 32u],
                                              &in->types[(uint32_t)item->key],
                                              &in->nodes[item->rest], &in->ids[item->index]}};
        __builtin_prefetch(&dense->leaves[items[i + AHEAD < count ? i + AHEAD : i].index]);
        err = trie_spine_add(&trie->spine, &key, dense->leaves[item->index]);
    }
    return err;
}

/* By type, then by id: a count of each type. */
static enum jit_err build_types(const struct dense *dense, struct dense_trie *trie)
{
    const uint32_t count = dense->count;
    struct jit_heap *heap = trie->pen.heap;
    uint32_t *starts = jit_heap_zalloc(heap, dense->in->type_count + 1ul, sizeof *starts);
    uint32_t *order = heap->alloc(heap, count * sizeof *order);
    enum jit_err err = starts == NULL || order == NULL ? JIT_ENOMEM : JIT_OK;
    if (err != JIT_OK) {
        goto out;
    }
    for (uint32_t i = 0; i < count; i++) {
        starts[type_of(dense, i) + 1]++;
    }
    for (uint32_t type = 0; type < dense->in->type_count; type++) {
        starts[type + 1] += starts[type];
    }
    for (uint32_t i = 0; i < count; i++) {
        order[starts[type_of(dense, i)]++] = i;
    }
    for (uint32_t i = 0; i < count && err == JIT_OK; i++) {
        const struct trie_key key = {
            .part = {&dense->in->types[type_of(dense, order[i])], &dense->ids[order[i]]}};
        err = trie_spine_add(&trie->spine, &key, dense->leaves[order[i]]);
    }
out:
    heap->free(heap, starts);
    heap->free(heap, order);
    return err;
}

static enum jit_err build_map(const struct dense *dense, struct dense_trie *trie)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < dense->count && err == JIT_OK; i++) {
        const struct trie_key key = trie_key_of_id(&dense->ids[i]);
        err = trie_spine_add(&trie->spine, &key, dense->leaves[i]);
    }
    return err;
}

static void build_trie(struct dense *dense, struct dense_trie *trie, struct rmg_radix *items)
{
    uint32_t *root = &dense->build->tx->at->roots.ref[trie->map];
    trie_spine_begin(&trie->spine, &trie->pen, &trie_specs[trie->map]);
    enum jit_err err = trie->map == dense->map ? build_map(dense, trie)
                       : trie->map == RMG_OUT || trie->map == RMG_IN
                           ? build_ends(dense, trie, items)
                           : build_types(dense, trie);
    if (err == JIT_OK) {
        err = trie_spine_end(&trie->spine, root);
    }
    if (err != JIT_OK) {
        *root = 0;
        trie_spine_abandon(&trie->spine, NULL, NULL); /* leaves may not be written yet */
    }
    trie->err = err;
}

/* ---- side by side ---- */

/* First the tries, then what edges lie between, then the leaves. */
static void member(void *user, size_t index)
{
    struct dense *dense = user;
    struct rmg_radix *items =
        dense->scratch == NULL ? NULL : dense->scratch + 2ul * index * dense->count;
    for (;;) {
        size_t at = __atomic_fetch_add(&dense->next, 1, __ATOMIC_RELAXED);
        if (at >= dense->end) {
            return;
        }
        if (at < dense->trie_count) {
            build_trie(dense, &dense->tries[at], items);
        } else if (at == dense->trie_count) {
            dense->nodes_err = dense->map == RMG_EDGES ? same_nodes(dense) : JIT_OK;
        } else {
            write_chunk(dense, at - dense->trie_count - 1);
        }
    }
}

static void work_off(struct dense *dense, unsigned crew, size_t begin, size_t end)
{
    struct jit_exec *exec = crew > 1 ? rmg_tx_exec_of(dense->build->tx) : jit_exec_inline();
    dense->next = begin;
    dense->end = end;
    exec->run(exec, crew, member, dense);
}

/* What is sorted needs room, which what follows takes over. */
static enum jit_err work_off_sorted(struct dense *dense, unsigned crew)
{
    struct rmg_arena *arena = dense->build->pen.arena;
    const uint64_t bytes = crew * 2ull * dense->count * sizeof *dense->scratch;
    uint32_t ref = 0;
    if (dense->map == RMG_NODES) {
        return JIT_OK;
    }
    enum jit_err err = rmg_arena_borrow(arena, bytes, &ref);
    if (err == JIT_OK) {
        dense->scratch = rmg_arena_at(arena, ref);
        work_off(dense, crew, 0, 2);
        dense->scratch = NULL;
        rmg_arena_return(arena, ref, bytes);
    }
    return err;
}

/* Where there is one to build everything there is one arena; else each index has a part. */
static enum jit_err take_pens(struct dense *dense, unsigned crew)
{
    struct rmg_arena *whole = dense->build->pen.arena;
    enum jit_err err = JIT_OK;
    for (unsigned i = 0; i < dense->trie_count; i++) {
        struct dense_trie *trie = &dense->tries[i];
        trie->counters = (struct rmg_counters){.hashes = 0};
        trie->err = JIT_OK;
        trie->pen = dense->build->pen;
        trie->pen.counters = &trie->counters;
        rmg_arena_part(&trie->part, whole);
        if (crew > 1 && trie->map != dense->map && err == JIT_OK) {
            trie->pen.arena = &trie->part;
            err = rmg_arena_feed(whole, &trie->part, (uint64_t)dense->count * INDEX_BYTES);
        }
    }
    return err;
}

static void drop_pens(struct dense *dense)
{
    struct rmg_arena *whole = dense->build->pen.arena;
    for (unsigned i = 0; i < dense->trie_count; i++) {
        struct dense_trie *trie = &dense->tries[i];
        whole->live += trie->part.live;
        rmg_arena_absorb(whole, &trie->part);
        dense->build->pen.counters->nodes_copied += trie->counters.nodes_copied;
    }
}

/* Everything, or nothing but the leaves' room. */
static enum jit_err build_all(struct dense *dense, unsigned crew)
{
    struct trie_pen *pen = &dense->build->pen;
    uint32_t *refs = dense->build->tx->at->roots.ref;
    const size_t chunks = (dense->count + CHUNK - 1ul) / CHUNK;
    if (dense->map == RMG_EDGES) {
        load_among_begin(&dense->nodes, dense->build->tx, RMG_NODES);
    }
    enum jit_err err = take_pens(dense, crew);
    if (err == JIT_OK) {
        err = work_off_sorted(dense, crew);
    }
    if (err == JIT_OK) {
        work_off(dense, crew, dense->map == RMG_NODES ? 0 : 2, dense->trie_count + 1 + chunks);
        err = dense->nodes_err;
    }
    drop_pens(dense);
    for (unsigned i = 0; i < dense->trie_count; i++) {
        err = err == JIT_OK ? dense->tries[i].err : err;
    }
    for (unsigned i = 0; i < dense->trie_count && err != JIT_OK; i++) {
        const enum rmg_map map = dense->tries[i].map;
        trie_abandon(pen, &trie_specs[map], refs[map], NULL, NULL);
        refs[map] = 0;
    }
    return err;
}

/* What does not fit side by side is built by one: that takes the least memory. */
static enum jit_err build_dense(struct dense *dense)
{
    const unsigned threads = rmg_tx_exec_of(dense->build->tx)->threads;
    const unsigned crew = dense->count <= CHUNK ? 1 : threads < CREW_MAX ? threads : CREW_MAX;
    enum jit_err err = place_leaves(dense);
    if (err != JIT_OK) {
        return err;
    }
    err = crew > 1 ? build_all(dense, crew) : JIT_ENOSPC;
    if (err == JIT_ENOSPC) {
        err = build_all(dense, 1);
    }
    if (err == JIT_OK) {
        struct rmg_roots *roots = &dense->build->tx->at->roots;
        roots->node_count += dense->map == RMG_NODES ? dense->count : 0;
        roots->edge_count += dense->map == RMG_EDGES ? dense->count : 0;
        dense->build->pen.counters->leaves_made += dense->count;
    } else {
        free_leaves(dense, dense->count);
    }
    return err;
}

/* ---- a map ---- */

static enum jit_err load_all(struct rmg_load *load, const struct rmg_dense *in, enum rmg_map map)
{
    static const enum rmg_map of_nodes[] = {RMG_NODE_TYPES, RMG_NODES};
    static const enum rmg_map of_edges[] = {RMG_OUT, RMG_IN, RMG_EDGES, RMG_EDGE_TYPES};
    const bool nodes = map == RMG_NODES;
    const uint32_t count = nodes ? in->node_count : in->edge_count;
    struct jit_heap *heap = load->heap;
    assert(load->map == map && load->list.count == 0);
    if (count == 0) {
        return JIT_OK;
    }
    enum jit_err err = tx_find(load->build.tx, &load->instance);
    if (err != JIT_OK) {
        return err;
    }
    assert(load->build.tx->at->roots.ref[map] == 0);
    struct dense *dense = heap->alloc(heap, sizeof *dense);
    uint32_t *leaves = heap->alloc(heap, count * sizeof *leaves);
    if (dense != NULL && leaves != NULL) {
        dense->in = in;
        dense->build = &load->build;
        dense->map = map;
        dense->ids = nodes ? in->nodes : in->ids;
        dense->count = count;
        dense->leaves = leaves;
        dense->scratch = NULL;
        dense->nodes_err = JIT_OK;
        dense->trie_count = nodes ? 2 : TRIES_MAX;
        for (unsigned i = 0; i < dense->trie_count; i++) {
            dense->tries[i].map = nodes ? of_nodes[i] : of_edges[i];
        }
        err = build_dense(dense);
    } else {
        err = JIT_ENOMEM;
    }
    heap->free(heap, leaves);
    heap->free(heap, dense);
    return err;
}

enum jit_err rmg_load_nodes(struct rmg_load *load, const struct rmg_dense *dense)
{
    return load_all(load, dense, RMG_NODES);
}

enum jit_err rmg_load_edges(struct rmg_load *load, const struct rmg_dense *dense)
{
    return load_all(load, dense, RMG_EDGES);
}

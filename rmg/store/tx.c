#include "rmg/store/store_priv.h"

struct trie_pen tx_pen(struct rmg_tx *tx, uint32_t arena)
{
    struct rmg_store *store = tx->store;
    return (struct trie_pen){.heap = store->heap,
                             .arena = store->options.arenas[arena],
                             .arena_index = arena,
                             .epoch = tx->epoch,
                             .fork = tx->fork,
                             .dead = &tx->dead,
                             .lost = tx->line == NULL ? NULL : &tx->lost,
                             .spare = &store->spare,
                             .counters = &store->counters};
}

static void tx_open(struct rmg_tx *tx, struct rmg_store *store, const struct rmg_version *base)
{
    struct jit_id *touched = tx->touched;
    size_t capacity = tx->touched_capacity;
    *tx = (struct rmg_tx){.store = store,
                          .base = *base,
                          .epoch = store->epoch + 1,
                          .instances = base->instances,
                          .instance_count = base->instance_count,
                          .touched = touched,
                          .touched_capacity = capacity};
}

enum jit_err rmg_tx_begin(struct rmg_store *store, const struct rmg_version *base,
                          struct rmg_tx **out)
{
    struct rmg_tx *tx = &store->tx;
    *out = NULL;
    assert(tx->store == NULL);
    assert(base->epoch == store->newest.epoch);
    tx_open(tx, store, base);
    *out = tx;
    return JIT_OK;
}

enum jit_err rmg_branch_begin(struct rmg_store *store, struct rmg_branch *branch,
                              struct rmg_tx **out)
{
    struct rmg_tx *tx = &store->tx;
    *out = NULL;
    assert(tx->store == NULL && !branch->over);
    tx_open(tx, store, &branch->head);
    tx->fork = branch->base.epoch;
    tx->line = branch;
    *out = tx;
    return JIT_OK;
}

/* ---- reservation ---- */

/* What one operation can cost at worst. Copying: paths in all the maps it changes (an edge's: one
 * hashed, three indexes, and that of the instances), each as long as its key and full at each
 * level. Making: what is there afterwards and was not before, however many operations follow. */
#define HASHED_NODE_MAX 1040ull
#define INDEX_NODE_MAX  96ull
#define OP_COPIES_MAX   ((64 + 64) * HASHED_NODE_MAX + (256 + 256 + 128) * INDEX_NODE_MAX)
#define OP_MAKES_MAX    (8 * HASHED_NODE_MAX)

/* Beside that, what hands keep for themselves (tx_hands.c); no reason to refuse anything. */
#define OP_SPARE    2048ull
#define SPARE_BYTES ((uint64_t)RMG_HANDS * 4096u)

enum jit_err rmg_tx_reserve(struct rmg_tx *tx, uint64_t operations, uint64_t atom_bytes)
{
    tx->spare_bytes = 0;
    for (uint32_t i = 0; i < tx->store->options.arena_count; i++) {
        struct rmg_arena *arena = tx->store->options.arenas[i];
        uint64_t copies = 0;
        uint64_t makes = 0;
        if (__builtin_mul_overflow(operations, OP_COPIES_MAX, &copies) || copies > arena->live) {
            copies = arena->live;
        }
        if (__builtin_mul_overflow(operations, OP_MAKES_MAX, &makes) ||
            __builtin_add_overflow(makes, copies, &makes) ||
            __builtin_add_overflow(makes, atom_bytes, &makes)) {
            return JIT_ELIMIT;
        }
        uint64_t spare = tx->exec == NULL ? 0 : operations * OP_SPARE + SPARE_BYTES;
        if (spare > 0 && makes <= UINT64_MAX - spare &&
            rmg_arena_reserve(arena, makes + spare) == JIT_OK) {
            tx->spare_bytes = spare;
            continue;
        }
        enum jit_err err = rmg_arena_reserve(arena, makes);
        if (err != JIT_OK) {
            return err;
        }
    }
    return JIT_OK;
}

/* ---- abort ---- */

struct abandon {
    struct trie_pen pen;
    uint32_t leaf_size; /* 0: owners */
};

static void abandon_leaf(void *user, uint32_t ref)
{
    struct abandon *a = user;
    const uint8_t *leaf = rmg_arena_at(a->pen.arena, ref);
    if (((const struct leaf_owner *)(const void *)leaf)->epoch < a->pen.epoch) {
        return;
    }
    if (a->leaf_size != 0) {
        rmg_arena_release(a->pen.arena, ref, a->leaf_size);
        return;
    }
    owner_leaf_free(&a->pen, ref, owner_leaf_size(leaf));
}

struct abandon_all {
    struct rmg_tx *tx;
    uint64_t epoch;
};

static void abandon_instance(void *user, uint32_t ref)
{
    const struct abandon_all *all = user;
    struct rmg_arena *arena = all->tx->store->options.arenas[0];
    const struct leaf_instance *leaf = rmg_arena_at(arena, ref);
    if (leaf->epoch < all->epoch) {
        return;
    }
    struct abandon a = {.pen = tx_pen(all->tx, leaf->arena)};
    a.pen.epoch = all->epoch;
    for (unsigned map = 0; map < RMG_MAPS; map++) {
        const struct trie_spec *spec = &trie_specs[map];
        bool owners = map == RMG_ALPHA || map == RMG_BETA;
        a.leaf_size = owners ? 0 : spec->leaf_size;
        /* Leaves of indexes belong to the maps before them. */
        trie_abandon(&a.pen, spec, leaf->roots.ref[map], spec->hashed ? abandon_leaf : NULL, &a);
    }
    rmg_arena_release(arena, ref, sizeof *leaf);
}

void tx_abandon(struct rmg_tx *tx, uint32_t instances, uint64_t epoch)
{
    struct abandon_all all = {.tx = tx, .epoch = epoch};
    struct trie_pen pen = tx_pen(tx, 0);
    pen.epoch = epoch;
    trie_abandon(&pen, &trie_specs[TRIE_INSTANCES], instances, abandon_instance, &all);
}

static void tx_end(struct rmg_tx *tx)
{
    tx->store = NULL;
    tx->at = NULL;
}

static void dead_free(struct rmg_tx *tx, struct dead_list *list)
{
    while (list->head != NULL) {
        struct dead_chunk *chunk = list->head;
        list->head = chunk->next;
        tx->store->heap->free(tx->store->heap, chunk);
    }
}

void rmg_tx_abort(struct rmg_tx *tx)
{
    if (tx == NULL) {
        return;
    }
    assert(tx->store != NULL);
    tx_abandon(tx, tx->instances, tx->epoch);
    dead_free(tx, &tx->dead);
    dead_free(tx, &tx->lost);
    tx_end(tx);
}

/* ---- instances ---- */

enum jit_err tx_find(struct rmg_tx *tx, const struct jit_id *id)
{
    if (tx->at != NULL && jit_id_equal(&tx->at->id, id)) {
        return JIT_OK;
    }
    tx->at = NULL;
    enum jit_err err = store_leaf(tx->store, tx->instances, id, &tx->at);
    tx->at_owned = false;
    return err;
}

enum jit_err tx_own(struct rmg_tx *tx)
{
    if (tx->at_owned) {
        return JIT_OK;
    }
    struct trie_pen pen = tx_pen(tx, 0);
    const struct trie_key key = trie_key_of_id(&tx->at->id);
    uint32_t *slot = NULL;
    enum jit_err err =
        trie_own_path(&pen, &trie_specs[TRIE_INSTANCES], &tx->instances, &key, &slot);
    if (err == JIT_OK && tx->at->epoch != tx->epoch) {
        uint32_t before = *slot;
        uint32_t ref = 0;
        err = trie_cell_new(&pen, sizeof *tx->at, &ref);
        if (err == JIT_OK) {
            struct leaf_instance *leaf = rmg_arena_at(pen.arena, ref);
            *leaf = *tx->at;
            leaf->epoch = tx->epoch;
            pen.counters->leaves_made++;
            *slot = ref;
            tx->at = leaf;
            err = trie_cell_drop(&pen, before, sizeof *leaf);
        }
    }
    tx->at_owned = err == JIT_OK;
    return err;
}

enum jit_err tx_touch(struct rmg_tx *tx, const struct jit_id *instance)
{
    if (tx->touched_count > 0 && jit_id_equal(&tx->touched[tx->touched_count - 1], instance)) {
        return JIT_OK;
    }
    if (jit_heap_grow(tx->store->heap, (void **)&tx->touched, &tx->touched_capacity,
                      tx->touched_count + 1, sizeof *tx->touched) != 0) {
        return JIT_ENOMEM;
    }
    tx->touched[tx->touched_count++] = *instance;
    return JIT_OK;
}

void tx_view(const struct rmg_tx *tx, struct rmg_graph *graph)
{
    *graph = (struct rmg_graph){
        .mem = store_mem(tx->store, tx->at->arena), .instance = tx->at->id, .roots = tx->at->roots};
}

enum jit_err rmg_tx_graph(struct rmg_tx *tx, const struct jit_id *instance, struct rmg_graph *graph)
{
    enum jit_err err = tx_find(tx, instance);
    if (err == JIT_OK) {
        tx_view(tx, graph);
    }
    return err;
}

enum jit_err rmg_tx_instance(struct rmg_tx *tx, const struct jit_id *id, struct rmg_instance *out)
{
    enum jit_err err = tx_find(tx, id);
    if (err == JIT_OK) {
        store_leaf_load(tx->at, out);
    }
    return err;
}

static bool parent_is(const struct leaf_instance *leaf, const struct rmg_parent *parent)
{
    bool present = parent != NULL && parent->present;
    return leaf->has_parent == present &&
           (!present || (leaf->plane == parent->plane &&
                         jit_id_equal(&leaf->parent_instance, &parent->instance) &&
                         jit_id_equal(&leaf->parent_owner, &parent->owner) &&
                         leaf->name_size == parent->name_size &&
                         memcmp(leaf->name, parent->name, parent->name_size) == 0));
}

void store_parent_set(struct leaf_instance *leaf, const struct rmg_parent *parent)
{
    leaf->has_parent = parent != NULL && parent->present;
    leaf->plane = 0;
    leaf->name_size = 0;
    memset(&leaf->parent_instance, 0, sizeof leaf->parent_instance);
    memset(&leaf->parent_owner, 0, sizeof leaf->parent_owner);
    memset(leaf->name, 0, sizeof leaf->name);
    if (leaf->has_parent) {
        leaf->plane = (uint8_t)parent->plane;
        leaf->parent_instance = parent->instance;
        leaf->parent_owner = parent->owner;
        leaf->name_size = (uint16_t)parent->name_size;
        memcpy(leaf->name, parent->name, parent->name_size);
    }
}

enum jit_err tx_instance_new(struct rmg_tx *tx, const struct jit_id *id)
{
    const struct rmg_store *store = tx->store;
    const struct trie_spec *spec = &trie_specs[TRIE_INSTANCES];
    struct trie_pen pen = tx_pen(tx, 0);
    const struct rmg_mem mem = store_mem(store, 0);
    const struct trie_key key = trie_key_of_id(id);
    struct trie_place place;
    uint32_t ref = 0;
    if (tx->instance_count >= JIT_INSTANCES_MAX) {
        return JIT_ELIMIT;
    }
    enum jit_err err = trie_find(&mem, spec, tx->instances, &key, &place);
    if (err == JIT_OK) {
        err = trie_cell_new(&pen, sizeof(struct leaf_instance), &ref);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct leaf_instance *leaf = rmg_arena_at(pen.arena, ref);
    memset(leaf, 0, sizeof *leaf);
    leaf->epoch = tx->epoch;
    leaf->id = *id;
    leaf->arena =
        store->options.arena_of == NULL ? 0 : store->options.arena_of(store->options.user, id);
    assert(leaf->arena < store->options.arena_count);
    err = trie_put(&pen, spec, &tx->instances, &key, &place, ref);
    if (err != JIT_OK) {
        rmg_arena_release(pen.arena, ref, sizeof *leaf);
        return err;
    }
    pen.counters->leaves_made++;
    tx->instance_count++;
    tx->at = leaf;
    tx->at_owned = true;
    return JIT_OK;
}

enum jit_err rmg_tx_upsert_instance(struct rmg_tx *tx, const struct jit_id *id,
                                    const struct jit_id *root_node, const struct rmg_parent *parent)
{
    bool present = parent != NULL && parent->present;
    if (jit_id_is_zero(id) ||
        (present && (parent->name_size > JIT_NAME_BYTES_MAX ||
                     (parent->plane != RMG_PLANE_ALPHA && parent->plane != RMG_PLANE_BETA)))) {
        return JIT_EINVALID;
    }
    enum jit_err err = tx_find(tx, id);
    bool fresh = err == JIT_ENOENT;
    if (fresh) {
        err = tx_instance_new(tx, id);
    } else if (err == JIT_OK) {
        if (jit_id_equal(&tx->at->root_node, root_node) && parent_is(tx->at, parent)) {
            return JIT_OK;
        }
        err = tx_own(tx);
    }
    if (err == JIT_OK) {
        err = tx_touch(tx, id);
    }
    if (err != JIT_OK) {
        return err;
    }
    tx->top_delta += (present ? 0 : 1) - (fresh || tx->at->has_parent ? 0 : 1);
    tx->moved = tx->moved || (!fresh && !parent_is(tx->at, parent));
    tx->at->root_node = *root_node;
    store_parent_set(tx->at, parent);
    return JIT_OK;
}

enum jit_err rmg_tx_delete_instance(struct rmg_tx *tx, const struct jit_id *id)
{
    enum jit_err err = tx_find(tx, id);
    if (err != JIT_OK) {
        return err;
    }
    for (unsigned map = 0; map < RMG_MAPS; map++) {
        if (tx->at->roots.ref[map] != 0) {
            return JIT_EINVALID; /* nothing cascades: its content goes first */
        }
    }
    struct trie_pen pen = tx_pen(tx, 0);
    const struct rmg_mem mem = store_mem(tx->store, 0);
    const struct trie_key key = trie_key_of_id(id);
    struct trie_place place;
    err = trie_find(&mem, &trie_specs[TRIE_INSTANCES], tx->instances, &key, &place);
    bool top = !tx->at->has_parent;
    if (err == JIT_OK) {
        err = trie_remove(&pen, &trie_specs[TRIE_INSTANCES], &tx->instances, &key);
    }
    if (err == JIT_OK) {
        tx->at = NULL;
        tx->instance_count--;
        tx->top_delta -= top ? 1 : 0;
        err = trie_cell_drop(&pen, place.ref, sizeof(struct leaf_instance));
    }
    return err;
}

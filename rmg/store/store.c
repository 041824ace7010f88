#include "rmg/store/store_priv.h"

#include "base/hash.h"
#include "base/le.h"

enum jit_err rmg_store_new(struct jit_heap *heap, const struct rmg_store_options *options,
                           struct rmg_store **out)
{
    *out = NULL;
    assert(options->arena_count >= 1 && options->arena_count <= RMG_ARENAS_MAX);
    struct rmg_store *store = jit_heap_zalloc(heap, 1, sizeof *store);
    if (store == NULL) {
        return JIT_ENOMEM;
    }
    store->heap = heap;
    store->options = *options;
    store->epoch = options->epoch;
    if (trie_hasher_new(heap, &store->hasher) != JIT_OK) {
        heap->free(heap, store);
        return JIT_ENOMEM;
    }
    *out = store;
    return JIT_OK;
}

static void chunks_free(struct jit_heap *heap, struct dead_chunk *chunk)
{
    while (chunk != NULL) {
        struct dead_chunk *next = chunk->next;
        heap->free(heap, chunk);
        chunk = next;
    }
}

void rmg_store_free(struct rmg_store *store)
{
    if (store == NULL) {
        return;
    }
    struct jit_heap *heap = store->heap;
    if (store->tx.store != NULL) {
        rmg_tx_abort(&store->tx);
    }
    for (size_t i = 0; i < store->pin_count; i++) {
        chunks_free(heap, store->pins[i].dead.head);
    }
    chunks_free(heap, store->spare);
    heap->free(heap, store->pins);
    heap->free(heap, store->tx.touched);
    trie_hasher_free(heap, store->hasher);
    store_hands_free(store);
    store_crew_free(store);
    heap->free(heap, store);
}

struct rmg_counters *rmg_store_counters(struct rmg_store *store)
{
    return &store->counters;
}

struct rmg_version rmg_version_empty(void)
{
    return (struct rmg_version){.epoch = 0};
}

/* ---- pins and what they keep ---- */

static size_t pin_find(const struct rmg_store *store, uint64_t epoch)
{
    size_t at = store->pin_count;
    while (at > 0 && store->pins[at - 1].epoch >= epoch) {
        at--;
    }
    return at;
}

static bool pinned(const struct rmg_store *store, size_t at, const struct rmg_version *version)
{
    return at < store->pin_count && store->pins[at].epoch == version->epoch;
}

enum jit_err rmg_store_pin(struct rmg_store *store, const struct rmg_version *version)
{
    assert(version->epoch == store->newest.epoch || version->epoch == 0 ||
           pinned(store, pin_find(store, version->epoch), version));
    return store_pin_any(store, version);
}

enum jit_err rmg_store_pin_ready(struct rmg_store *store, size_t count)
{
    int grown = jit_heap_grow(store->heap, (void **)&store->pins, &store->pin_capacity,
                              store->pin_count + count, sizeof *store->pins);
    return grown == 0 ? JIT_OK : JIT_ENOMEM;
}

enum jit_err store_pin_any(struct rmg_store *store, const struct rmg_version *version)
{
    size_t at = pin_find(store, version->epoch);
    if (pinned(store, at, version)) {
        store->pins[at].count++;
        return JIT_OK;
    }
    enum jit_err err = rmg_store_pin_ready(store, 1);
    if (err != JIT_OK) {
        return err;
    }
    memmove(&store->pins[at + 1], &store->pins[at], (store->pin_count - at) * sizeof *store->pins);
    store->pins[at] = (struct pin){.epoch = version->epoch, .count = 1};
    store->pin_count++;
    return JIT_OK;
}

static void chunk_spare(struct rmg_store *store, struct dead_chunk *chunk)
{
    if (store->spare != NULL && store->spare->count >= 64) {
        store->heap->free(store->heap, chunk);
        return;
    }
    chunk->next = store->spare;
    chunk->count = store->spare == NULL ? 1 : store->spare->count + 1;
    store->spare = chunk;
}

/* Move the cells of a chunk to the end of a list that has room for them. */
static bool chunk_merge(struct dead_chunk *from, struct dead_list *to)
{
    struct dead_chunk *head = to->head;
    if (head == NULL || head->hand != from->hand || head->count + from->count > DEAD_PER_CHUNK) {
        return false;
    }
    memcpy(&head->cells[head->count], from->cells, from->count * sizeof from->cells[0]);
    head->count += from->count;
    return true;
}

static void cell_release(struct rmg_store *store, const struct dead_cell *cell, uint32_t hand)
{
    uint32_t arena = cell->where >> 28u;
    uint64_t size = (uint64_t)(cell->where & 0x0fffffffu) * RMG_GRANULE;
    if (hand == 0) {
        rmg_arena_release(store->options.arenas[arena], cell->ref, size);
    } else {
        store_hand_release(store, arena, hand, cell->ref, size);
    }
}

void store_bury(struct rmg_store *store, struct dead_list *dead, size_t pin_count)
{
    struct pin *keeper = pin_count == 0 ? NULL : &store->pins[pin_count - 1];
    while (dead->head != NULL) {
        struct dead_chunk *chunk = dead->head;
        uint32_t kept = 0;
        dead->head = chunk->next;
        for (uint32_t i = 0; i < chunk->count; i++) {
            struct dead_cell cell = chunk->cells[i];
            if (keeper != NULL && cell.birth <= keeper->epoch) {
                chunk->cells[kept++] = cell;
            } else {
                cell_release(store, &cell, chunk->hand);
            }
        }
        chunk->count = kept;
        if (kept == 0 || chunk_merge(chunk, &keeper->dead)) {
            chunk_spare(store, chunk);
        } else {
            chunk->next = keeper->dead.head;
            keeper->dead.head = chunk;
        }
    }
}

void store_lose(struct rmg_store *store, struct dead_list *lost, struct rmg_branch *branch)
{
    uint64_t newest = store->pin_count == 0 ? 0 : store->pins[store->pin_count - 1].epoch;
    uint64_t needed = newest > branch->base.epoch ? newest : branch->base.epoch;
    struct dead_list list = {.head = branch->lost};
    while (lost->head != NULL) {
        struct dead_chunk *chunk = lost->head;
        uint32_t kept = 0;
        lost->head = chunk->next;
        for (uint32_t i = 0; i < chunk->count; i++) {
            struct dead_cell cell = chunk->cells[i];
            if (cell.birth <= needed) {
                chunk->cells[kept++] = cell;
            } else {
                cell_release(store, &cell, chunk->hand);
            }
        }
        chunk->count = kept;
        if (kept == 0 || chunk_merge(chunk, &list)) {
            chunk_spare(store, chunk);
        } else {
            chunk->next = list.head;
            list.head = chunk;
        }
    }
    branch->lost = list.head;
}

void store_lost_drop(struct rmg_store *store, struct rmg_branch *branch)
{
    while (branch->lost != NULL) {
        struct dead_chunk *chunk = branch->lost;
        branch->lost = chunk->next;
        for (uint32_t i = 0; i < chunk->count; i++) {
            if (chunk->cells[i].birth > branch->base.epoch) {
                cell_release(store, &chunk->cells[i], chunk->hand);
            }
        }
        chunk_spare(store, chunk);
    }
}

void rmg_store_unpin(struct rmg_store *store, const struct rmg_version *version)
{
    size_t at = pin_find(store, version->epoch);
    assert(pinned(store, at, version));
    if (--store->pins[at].count > 0) {
        return;
    }
    struct dead_list dead = store->pins[at].dead;
    store->pin_count--;
    memmove(&store->pins[at], &store->pins[at + 1], (store->pin_count - at) * sizeof *store->pins);
    store_bury(store, &dead, at);
}

/* ---- instances ---- */

bool store_leaf_sound(const struct rmg_store *store, const struct leaf_instance *leaf)
{
    bool plane = leaf->plane == RMG_PLANE_ALPHA || leaf->plane == RMG_PLANE_BETA;
    return leaf->has_parent <= 1 && plane == (leaf->has_parent == 1) &&
           leaf->name_size <= JIT_NAME_BYTES_MAX && leaf->arena < store->options.arena_count;
}

enum jit_err store_leaf(const struct rmg_store *store, uint32_t instances, const struct jit_id *id,
                        struct leaf_instance **out)
{
    const struct rmg_mem mem = store_mem(store, 0);
    const struct trie_key key = trie_key_of_id(id);
    const uint8_t *leaf = NULL;
    enum jit_err err = trie_get(&mem, &trie_specs[TRIE_INSTANCES], instances, &key, &leaf);
    if (err == JIT_OK) {
        *out = (struct leaf_instance *)(uintptr_t)leaf;
        err = store_leaf_sound(store, *out) ? JIT_OK : JIT_ECORRUPT;
    }
    return err;
}

void store_leaf_load(const struct leaf_instance *leaf, struct rmg_instance *out)
{
    *out = (struct rmg_instance){.id = leaf->id,
                                 .root_node = leaf->root_node,
                                 .parent.present = leaf->has_parent == 1,
                                 .arena = leaf->arena,
                                 .roots = leaf->roots,
                                 .skeleton = leaf->skeleton,
                                 .attachments = leaf->attachments};
    memcpy(out->map_root, leaf->map_root, sizeof out->map_root);
    if (out->parent.present) {
        out->parent.plane = (enum rmg_plane)leaf->plane;
        out->parent.instance = leaf->parent_instance;
        out->parent.owner = leaf->parent_owner;
        out->parent.name_size = leaf->name_size;
        memcpy(out->parent.name, leaf->name, leaf->name_size);
    }
}

enum jit_err rmg_store_instance(const struct rmg_store *store, const struct rmg_version *version,
                                const struct jit_id *id, struct rmg_instance *out)
{
    struct leaf_instance *leaf = NULL;
    enum jit_err err = store_leaf(store, version->instances, id, &leaf);
    if (err == JIT_OK) {
        store_leaf_load(leaf, out);
    }
    return err;
}

void rmg_store_graph(const struct rmg_store *store, const struct rmg_instance *instance,
                     struct rmg_graph *graph)
{
    assert(instance->arena < store->options.arena_count);
    *graph = (struct rmg_graph){.mem = store_mem(store, instance->arena),
                                .instance = instance->id,
                                .roots = instance->roots};
}

enum jit_err rmg_store_next(const struct rmg_store *store, const struct rmg_version *version,
                            const struct jit_id *after, struct rmg_instance *out)
{
    struct rmg_iter iter;
    const struct rmg_graph graph = {.mem = store_mem(store, 0)};
    const uint8_t *leaf = NULL;
    uint32_t ref = 0;
    struct trie_key key;
    struct jit_id last;
    if (after != NULL) {
        last = *after; /* which may be out's */
        key = trie_key_of_id(after);
    }
    enum jit_err err = trie_iter_after(&iter, &graph, TRIE_INSTANCES, version->instances,
                                       after == NULL ? NULL : &key);
    if (err == JIT_OK) {
        err = trie_iter_next(&iter, &leaf, &ref);
    }
    if (err == JIT_OK) {
        const struct leaf_instance *found = (const struct leaf_instance *)(const void *)leaf;
        if (!store_leaf_sound(store, found)) {
            return JIT_ECORRUPT;
        }
        store_leaf_load(found, out);
        if (after != NULL && jit_id_compare(&out->id, &last) <= 0) {
            return JIT_ECORRUPT; /* whoever goes on from it would never come to an end */
        }
    }
    return err;
}

enum jit_err rmg_store_top(const struct rmg_store *store, const struct rmg_version *version,
                           struct rmg_instance *out)
{
    enum jit_err err = rmg_store_next(store, version, NULL, out);
    for (unsigned depth = 0; err == JIT_OK && out->parent.present; depth++) {
        struct jit_id up = out->parent.instance;
        err = depth > JIT_DEPTH_MAX ? JIT_ECORRUPT : rmg_store_instance(store, version, &up, out);
        err = err == JIT_ENOENT ? JIT_ECORRUPT : err;
    }
    return err;
}

/* ---- the state root of a part ---- */

struct part {
    struct jit_id *ids; /* ascending */
    struct jit_id *leaves;
    size_t count;
};

/* root(S, d) of 4.2 over elements from to to; S is not empty. */
static void part_root(const struct part *part, size_t from, size_t to, unsigned bit,
                      struct jit_id *out)
{
    struct jit_id side[2];
    memset(side, 0, sizeof side);
    if (to - from == 1) {
        *out = part->leaves[from];
        return;
    }
    size_t split = from;
    while (split < to && (part->ids[split].bytes[bit / 8] >> (7 - bit % 8) & 1) == 0) {
        split++;
    }
    if (split > from) {
        part_root(part, from, split, bit + 1, &side[0]);
    }
    if (split < to) {
        part_root(part, split, to, bit + 1, &side[1]);
    }
    trie_inner_hash(&side[0], &side[1], out);
}

/* Is `id` the instance `above` or nested in it? */
static enum jit_err nested_in(const struct rmg_store *store, uint32_t instances,
                              const struct leaf_instance *leaf, const struct jit_id *above,
                              bool *yes)
{
    for (unsigned depth = 0; depth <= JIT_DEPTH_MAX; depth++) {
        *yes = jit_id_equal(&leaf->id, above);
        if (*yes || !leaf->has_parent) {
            return JIT_OK;
        }
        struct leaf_instance *parent = NULL;
        enum jit_err err = store_leaf(store, instances, &leaf->parent_instance, &parent);
        if (err != JIT_OK) {
            return err;
        }
        leaf = parent;
    }
    return JIT_ECORRUPT;
}

static enum jit_err part_add(const struct rmg_store *store, uint32_t instances,
                             const uint8_t *leaf_bytes, const struct jit_id *above,
                             struct part *part)
{
    const struct rmg_mem mem = store_mem(store, 0);
    struct leaf_instance leaf;
    struct jit_id value;
    uint64_t hashes = 0;
    bool inside = false;
    memcpy(&leaf, leaf_bytes, sizeof leaf);
    if (!store_leaf_sound(store, &leaf)) {
        return JIT_ECORRUPT;
    }
    enum jit_err err = nested_in(store, instances, &leaf, above, &inside);
    if (err != JIT_OK || !inside) {
        return err;
    }
    if (jit_id_equal(&leaf.id, above)) {
        leaf.has_parent = 0;
    }
    err = trie_leaf_value(&mem, TRIE_INSTANCES, (const uint8_t *)&leaf, &hashes, &value);
    if (err == JIT_OK && part->count > 0 &&
        jit_id_compare(&part->ids[part->count - 1], &leaf.id) >= 0) {
        err = JIT_ECORRUPT;
    }
    if (err == JIT_OK) {
        part->ids[part->count] = leaf.id;
        trie_leaf_hash(TRIE_INSTANCES, &leaf.id, &value, &part->leaves[part->count]);
        part->count++;
    }
    return err;
}

enum jit_err rmg_store_instance_root(const struct rmg_store *store,
                                     const struct rmg_version *version, const struct jit_id *id,
                                     struct jit_id *root)
{
    struct leaf_instance *top = NULL;
    enum jit_err err = store_leaf(store, version->instances, id, &top);
    if (err != JIT_OK) {
        return err;
    }
    if (!top->has_parent) {
        *root = version->state_root;
        return JIT_OK;
    }
    struct part part = {.count = 0};
    const struct rmg_graph graph = {.mem = store_mem(store, 0)};
    struct rmg_iter iter;
    const uint8_t *leaf = NULL;
    uint32_t ref = 0;
    part.ids = jit_heap_zalloc(store->heap, version->instance_count, sizeof *part.ids);
    part.leaves = jit_heap_zalloc(store->heap, version->instance_count, sizeof *part.leaves);
    err = part.ids == NULL || part.leaves == NULL ? JIT_ENOMEM : JIT_OK;
    trie_iter_begin(&iter, &graph, TRIE_INSTANCES, version->instances, false);
    while (err == JIT_OK && (err = trie_iter_next(&iter, &leaf, &ref)) == JIT_OK) {
        err = part.count < version->instance_count
                  ? part_add(store, version->instances, leaf, id, &part)
                  : JIT_ECORRUPT;
    }
    if (err == JIT_ENOENT) {
        part_root(&part, 0, part.count, 0, root);
        err = JIT_OK;
    }
    store->heap->free(store->heap, part.ids);
    store->heap->free(store->heap, part.leaves);
    return err;
}

/* ---- hashes of single values ---- */

void rmg_value_of_node(const struct jit_id *type, struct jit_id *out)
{
    jit_hash_key(JIT_K_VALUE_NODES, type->bytes, sizeof type->bytes, out);
}

void rmg_value_of_edge(const struct rmg_edge *edge, struct jit_id *out)
{
    static_assert(sizeof edge->id == offsetof(struct rmg_edge, from), "the record is the rest");
    jit_hash_key(JIT_K_VALUE_EDGES, &edge->from, 3 * JIT_ID_BYTES, out);
}

enum jit_err rmg_values_of_attachments(enum rmg_plane plane,
                                       const struct rmg_attachment *attachments, uint32_t count,
                                       struct jit_id *const *out)
{
    uint8_t records[RMG_VALUES_MAX][8 + OWNER_ENTRY_MAX];
    struct jit_id atoms[RMG_VALUES_MAX];
    struct jit_hash_item items[RMG_VALUES_MAX];
    uint32_t atom_count = 0;
    assert(count <= RMG_VALUES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct rmg_value *value = &attachments[i].value;
        enum jit_err err = attachment_judge(&attachments[i]);
        if (err != JIT_OK) {
            return err;
        }
        if (value->kind == RMG_VALUE_ATOM) {
            items[atom_count++] = (struct jit_hash_item){value->bytes, value->size, &atoms[i]};
        }
    }
    jit_hash_items(JIT_K_ATOM, items, atom_count);
    for (uint32_t i = 0; i < count; i++) {
        jit_put_le64(records[i], 1); /* a record with this attachment alone */
        uint32_t size = 8 + owner_entry_encode(&attachments[i], &atoms[i], records[i] + 8);
        items[i] = (struct jit_hash_item){records[i], size, out[i]};
    }
    jit_hash_items(plane == RMG_PLANE_ALPHA ? JIT_K_VALUE_ALPHA : JIT_K_VALUE_BETA, items, count);
    return JIT_OK;
}

enum jit_err rmg_value_of_attachment(enum rmg_plane plane, const struct rmg_attachment *attachment,
                                     struct jit_id *out)
{
    return rmg_values_of_attachments(plane, attachment, 1, &out);
}

void rmg_value_of_instance(const struct jit_id *root_node, const struct rmg_parent *parent,
                           struct jit_id *out)
{
    uint8_t record[JIT_ID_BYTES + 74 + JIT_NAME_BYTES_MAX];
    struct leaf_instance leaf = {.has_parent = parent != NULL && parent->present};
    if (leaf.has_parent) {
        leaf.plane = (uint8_t)parent->plane;
        leaf.parent_instance = parent->instance;
        leaf.parent_owner = parent->owner;
        leaf.name_size = (uint16_t)parent->name_size;
        memcpy(leaf.name, parent->name, parent->name_size);
    }
    memcpy(record, root_node->bytes, JIT_ID_BYTES);
    uint32_t size = JIT_ID_BYTES + instance_parent_encode(&leaf, record + JIT_ID_BYTES);
    jit_hash_key(JIT_K_VALUE_INSTANCES, record, size, out);
}

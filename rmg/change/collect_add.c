/* Adding to a collection: instances, nodes, edges, attachments; and the tables that tell what is
 * there already. */
#include "rmg/change/collect_priv.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"

#define TABLE_MIN 64u

/* ---- tables ---- */

static uint64_t mix_triple(uint64_t seed, const struct rmg_edge *edge)
{
    return rmg_id_mix(rmg_id_mix(rmg_id_mix(seed, &edge->from), &edge->to), &edge->type);
}

static const struct leaf_node *node_at(const struct rmg_collect *collect,
                                       const struct collect_part *part, uint32_t ref)
{
    return rmg_arena_at(collect_arena_of(collect, part), ref);
}

static struct leaf_edge *edge_at(const struct rmg_collect *collect, const struct collect_part *part,
                                 uint32_t ref)
{
    return rmg_arena_at(collect_arena_of(collect, part), ref);
}

/* What a slot's value leads to, hashed. */
typedef uint64_t hash_of(const struct rmg_collect *collect, const struct collect_part *part,
                         uint64_t seed, uint32_t value);

static uint64_t hash_node(const struct rmg_collect *collect, const struct collect_part *part,
                          uint64_t seed, uint32_t value)
{
    return rmg_id_mix(seed, &node_at(collect, part, value)->id);
}

static uint64_t hash_triple(const struct rmg_collect *collect, const struct collect_part *part,
                            uint64_t seed, uint32_t value)
{
    return mix_triple(seed, &edge_at(collect, part, value)->edge);
}

static uint64_t hash_place(const struct rmg_collect *collect, const struct collect_part *part,
                           uint64_t seed, uint32_t value)
{
    (void)part;
    return rmg_id_mix(seed, &collect->parts[value - 1].id);
}

/* Room for one more. Errors: JIT_ENOMEM. */
static enum jit_err table_room(struct rmg_collect *collect, const struct collect_part *part,
                               struct collect_table *table, hash_of *hash)
{
    const bool full = (table->count + 1) * 2 > table->capacity;
    const bool crowded = table->steps > 2 * table->capacity;
    if (!full && !crowded) {
        return JIT_OK;
    }
    const uint64_t seed = table->seed + crowded;
    size_t capacity = !full                  ? table->capacity
                      : table->capacity == 0 ? TABLE_MIN
                                             : table->capacity * 2;
    uint32_t *slots = jit_heap_zalloc(collect->heap, capacity, sizeof *slots);
    if (slots == NULL) {
        return JIT_ENOMEM;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] == 0) {
            continue;
        }
        size_t at = hash(collect, part, seed, table->slots[i]) & (capacity - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (capacity - 1);
        }
        slots[at] = table->slots[i];
    }
    collect->heap->free(collect->heap, table->slots);
    table->slots = slots;
    table->capacity = capacity;
    table->seed = seed;
    table->steps = 0;
    return JIT_OK;
}

/* A new key, in the free slot where it belongs. */
static void table_put(struct collect_table *table, uint64_t hash, uint32_t *slot, uint32_t value)
{
    *slot = value;
    table->count++;
    table->steps += ((size_t)(slot - table->slots) - (size_t)hash) & (table->capacity - 1);
}

/* The slot of the node with this id, or the free one where it belongs; NULL when there is no table.
 */
static uint32_t *node_slot(const struct rmg_collect *collect, const struct collect_part *part,
                           const struct jit_id *id)
{
    const struct collect_table *table = &part->nodes;
    if (table->capacity == 0) {
        return NULL;
    }
    size_t at = rmg_id_mix(table->seed, id) & (table->capacity - 1);
    while (table->slots[at] != 0 &&
           !jit_id_equal(&node_at(collect, part, table->slots[at])->id, id)) {
        at = (at + 1) & (table->capacity - 1);
    }
    return &table->slots[at];
}

static uint32_t *triple_slot(const struct rmg_collect *collect, const struct collect_part *part,
                             const struct rmg_edge *key)
{
    const struct collect_table *table = &part->triples;
    size_t at = mix_triple(table->seed, key) & (table->capacity - 1);
    for (; table->slots[at] != 0; at = (at + 1) & (table->capacity - 1)) {
        const struct rmg_edge *edge = &edge_at(collect, part, table->slots[at])->edge;
        if (jit_id_equal(&edge->from, &key->from) && jit_id_equal(&edge->to, &key->to) &&
            jit_id_equal(&edge->type, &key->type)) {
            break;
        }
    }
    return &table->slots[at];
}

uint32_t *collect_place_slot(const struct rmg_collect *collect, const struct jit_id *id)
{
    const struct collect_table *table = &collect->places;
    size_t at = rmg_id_mix(table->seed, id) & (table->capacity - 1);
    while (table->slots[at] != 0 && !jit_id_equal(&collect->parts[table->slots[at] - 1].id, id)) {
        at = (at + 1) & (table->capacity - 1);
    }
    return &table->slots[at];
}

/* ---- adding ---- */

static enum jit_err keep_parent(struct rmg_collect *collect, const struct rmg_parent *parent,
                                uint32_t *ref)
{
    struct rmg_arena *arena = collect->store->options.arenas[0];
    *ref = 0;
    if (parent == NULL || !parent->present) {
        return JIT_OK;
    }
    enum jit_err err = rmg_arena_alloc(arena, collect_parent_size(parent), ref);
    if (err == JIT_OK) {
        memcpy(rmg_arena_at(arena, *ref), parent, collect_parent_size(parent));
    }
    return err;
}

enum jit_err rmg_collect_instance(struct rmg_collect *collect, const struct jit_id *id,
                                  const struct jit_id *root_node, const struct rmg_parent *parent)
{
    const struct rmg_store_options *options = &collect->store->options;
    uint32_t parent_ref = 0;
    assert(!collect->written);
    if (collect_find_part(collect, id) != NULL) {
        return JIT_EEXIST;
    }
    if (collect->part_count == JIT_INSTANCES_MAX) {
        return JIT_ELIMIT;
    }
    if (table_room(collect, NULL, &collect->places, hash_place) != JIT_OK ||
        jit_heap_grow(collect->heap, (void **)&collect->parts, &collect->part_capacity,
                      collect->part_count + 1, sizeof *collect->parts) != 0) {
        return JIT_ENOMEM;
    }
    enum jit_err err = keep_parent(collect, parent, &parent_ref);
    if (err != JIT_OK) {
        return err;
    }
    collect->last = collect->part_count;
    table_put(&collect->places, rmg_id_mix(collect->places.seed, id),
              collect_place_slot(collect, id), (uint32_t)++collect->part_count);
    collect->parts[collect->last] = (struct collect_part){
        .id = *id,
        .root_node = *root_node,
        .parent = parent_ref,
        .arena = options->arena_of == NULL ? 0 : options->arena_of(options->user, id)};
    return JIT_OK;
}

enum jit_err rmg_collect_node(struct rmg_collect *collect, const struct jit_id *instance,
                              const struct jit_id *id, const struct jit_id *type)
{
    struct collect_part *part = collect_enter_part(collect, instance);
    if (part == NULL) {
        return JIT_ENOENT;
    }
    enum jit_err err = table_room(collect, part, &part->nodes, hash_node);
    if (err != JIT_OK) {
        return err;
    }
    uint32_t *slot = node_slot(collect, part, id);
    if (*slot != 0) {
        return JIT_EEXIST;
    }
    struct trie_pen pen = collect_pen(collect, part);
    err = load_node(&pen, &part->lists[RMG_NODES], id, type);
    if (err == JIT_OK) {
        table_put(&part->nodes, rmg_id_mix(part->nodes.seed, id), slot,
                  part->lists[RMG_NODES].last);
    }
    return err;
}

bool rmg_collect_has_node(const struct rmg_collect *collect, const struct jit_id *instance,
                          const struct jit_id *id)
{
    const struct collect_part *part = collect_find_part(collect, instance);
    const uint32_t *slot = part == NULL ? NULL : node_slot(collect, part, id);
    return slot != NULL && *slot != 0;
}

enum jit_err rmg_collect_edge(struct rmg_collect *collect, const struct jit_id *instance,
                              const struct rmg_edge *edge)
{
    struct collect_part *part = collect_enter_part(collect, instance);
    if (part == NULL) {
        return JIT_ENOENT;
    }
    struct trie_pen pen = collect_pen(collect, part);
    return load_edge(&pen, &part->lists[RMG_EDGES], edge);
}

enum jit_err rmg_collect_edge_numbered(struct rmg_collect *collect, const struct jit_id *instance,
                                       const struct jit_id *from, const struct jit_id *to,
                                       const struct jit_id *type, struct jit_id *edge_id)
{
    struct collect_part *part = collect_enter_part(collect, instance);
    struct rmg_edge edge = {.from = *from, .to = *to, .type = *type};
    uint8_t input[3 * JIT_ID_BYTES + 4];
    if (part == NULL) {
        return JIT_ENOENT;
    }
    enum jit_err err = table_room(collect, part, &part->triples, hash_triple);
    if (err != JIT_OK) {
        return err;
    }
    uint32_t *slot = triple_slot(collect, part, &edge);
    uint32_t number =
        *slot == 0 ? 0 : load_number((const uint8_t *)edge_at(collect, part, *slot)) + 1;
    memcpy(input, from->bytes, JIT_ID_BYTES);
    memcpy(input + JIT_ID_BYTES, to->bytes, JIT_ID_BYTES);
    memcpy(input + 2 * JIT_ID_BYTES, type->bytes, JIT_ID_BYTES);
    jit_put_le32(input + 3 * JIT_ID_BYTES, number);
    jit_hash_key(JIT_K_EDGE_ID, input, sizeof input, &edge.id);
    struct trie_pen pen = collect_pen(collect, part);
    struct load_list *edges = &part->lists[RMG_EDGES];
    err = load_edge(&pen, edges, &edge);
    if (err == JIT_OK) {
        load_number_set((uint8_t *)edge_at(collect, part, edges->last), number);
        if (*slot == 0) {
            table_put(&part->triples, mix_triple(part->triples.seed, &edge), slot, edges->last);
        }
        *slot = edges->last;
        *edge_id = edge.id;
    }
    return err;
}

enum jit_err collect_owner_end(struct rmg_collect *collect)
{
    if (collect->owner.count == 0) {
        return JIT_OK;
    }
    struct collect_part *part = &collect->parts[collect->owner_part];
    struct trie_pen pen = collect_pen(collect, part);
    uint32_t count = collect->owner.count;
    enum jit_err err = load_owner_end(&pen, &collect->owner, &part->lists[collect->owner_map]);
    if (err == JIT_EEXIST) {
        collect->twin = collect->has_twin ? collect->twin : collect->owner.id;
        collect->has_twin = true;
        load_owner_drop(&pen, &collect->owner);
        return JIT_OK;
    }
    part->attachments += err == JIT_OK ? count : 0;
    return err;
}

enum jit_err rmg_collect_attachment(struct rmg_collect *collect, const struct jit_id *instance,
                                    enum rmg_plane plane, const struct jit_id *owner,
                                    const struct rmg_attachment *attachment)
{
    enum rmg_map map = plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA;
    struct collect_part *part = collect_enter_part(collect, instance);
    enum jit_err err = JIT_OK;
    if (part == NULL) {
        return JIT_ENOENT;
    }
    if (collect->owner.count > 0 &&
        (collect->owner_part != collect->last || collect->owner_map != map ||
         !jit_id_equal(&collect->owner.id, owner))) {
        err = collect_owner_end(collect);
    }
    if (err == JIT_OK) {
        struct trie_pen pen = collect_pen(collect, part);
        collect->owner_part = collect->last;
        collect->owner_map = map;
        err = load_owner_add(&pen, &collect->owner, owner, attachment);
    }
    return err;
}

enum jit_err rmg_collect_datum(struct rmg_collect *collect, const struct jit_id *instance,
                               enum rmg_plane plane, const struct jit_id *owner, const char *name,
                               const struct rmg_datum *datum)
{
    struct jit_buf buf;
    jit_buf_init(&buf, collect->heap, JIT_ATOM_BYTES_MAX);
    rmg_codec_encode(datum, &buf);
    enum jit_err err = buf.err;
    if (err == JIT_OK) {
        struct rmg_attachment attachment = {
            .name = name,
            .name_size = (uint32_t)strlen(name),
            .value = {.kind = RMG_VALUE_ATOM,
                      .type = *rmg_codec_type(datum->codec),
                      .bytes = buf.data,
                      .size = (uint32_t)buf.size},
        };
        err = rmg_collect_attachment(collect, instance, plane, owner, &attachment);
    }
    jit_buf_release(&buf);
    return err;
}

enum jit_err rmg_collect_path(struct rmg_collect *collect, const char *path,
                              struct jit_id *instance)
{
    size_t size = strlen(path);
    assert(size > 0 && path[0] == '/');
    struct jit_id root_node;
    struct jit_id type;
    jit_hash_named("warp:", path, size, instance);
    jit_hash_named("node:", path, size, &root_node);
    jit_hash_named("type:", "instance", 8, &type);
    struct rmg_parent parent = {.present = size > 1, .plane = RMG_PLANE_ALPHA};
    if (parent.present) {
        const char *last = strrchr(path, '/');
        size_t up = last == path ? 1 : (size_t)(last - path);
        parent.name_size = (uint32_t)(size - (size_t)(last + 1 - path));
        if (parent.name_size == 0 || parent.name_size > JIT_NAME_BYTES_MAX) {
            return JIT_ELIMIT;
        }
        memcpy(parent.name, last + 1, parent.name_size);
        jit_hash_named("warp:", path, up, &parent.instance);
        jit_hash_named("node:", path, up, &parent.owner);
    }
    enum jit_err err =
        rmg_collect_instance(collect, instance, &root_node, parent.present ? &parent : NULL);
    if (err == JIT_OK) {
        err = rmg_collect_node(collect, instance, &root_node, &type);
    }
    if (err == JIT_OK && parent.present) {
        struct rmg_attachment portal = {
            .name = parent.name,
            .name_size = parent.name_size,
            .value = {.kind = RMG_VALUE_PORTAL, .type = *instance},
        };
        err = rmg_collect_attachment(collect, &parent.instance, RMG_PLANE_ALPHA, &parent.owner,
                                     &portal);
    }
    return err;
}

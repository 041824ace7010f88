/* One column of an index: which nodes of a type have which value in a field. */
#include "rmg/store/index_priv.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/store/id_table.h"
#include "rmg/store/index.h"

/* ---- values as bytes ---- */

void index_part_of(const struct rmg_datum *datum, struct index_part *part)
{
    uint64_t word = 0;
    double number = 0;
    switch (datum->codec) {
    case RMG_CODEC_BOOL:
        word = datum->as.boolean;
        break;
    case RMG_CODEC_I64:
        word = (uint64_t)datum->as.i64;
        break;
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        number = rmg_f64_canonical(datum->as.f64);
        memcpy(&word, &number, sizeof word);
        break;
    default:
        part->bytes = datum->bytes;
        part->size = datum->size;
        return;
    }
    jit_put_le64(part->word, word);
    part->bytes = NULL;
    part->size = sizeof part->word;
}

const uint8_t *index_part_bytes(const struct index_part *part)
{
    return part->bytes == NULL ? part->word : part->bytes;
}

uint64_t index_hash_of(const struct index_part *parts, uint32_t count)
{
    struct jit_hasher hasher;
    struct jit_id hash;
    jit_hasher_init(&hasher);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t size[4];
        jit_put_le32(size, parts[i].size);
        jit_hasher_update(&hasher, size, sizeof size);
        if (parts[i].size > 0) {
            jit_hasher_update(&hasher, index_part_bytes(&parts[i]), parts[i].size);
        }
    }
    jit_hasher_final(&hasher, &hash);
    return jit_le64(hash.bytes);
}

static bool is_bucket(const struct index_bucket *bucket, const struct index_part *parts,
                      uint32_t count)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (bucket->size - at < 4 || jit_le32(bucket->bytes + at) != parts[i].size ||
            bucket->size - at - 4 < parts[i].size ||
            (parts[i].size > 0 &&
             memcmp(bucket->bytes + at + 4, index_part_bytes(&parts[i]), parts[i].size) != 0)) {
            return false;
        }
        at += 4 + parts[i].size;
    }
    return at == bucket->size;
}

enum jit_err index_value_of(const struct rmg_graph *graph, const struct jit_id *node,
                            const char *name, uint32_t name_size, enum rmg_codec codec,
                            struct rmg_datum *datum, bool *has)
{
    struct rmg_value value;
    enum jit_err err = rmg_attachment_get(graph, RMG_PLANE_ALPHA, node, name, name_size, &value);
    *has = err == JIT_OK && value.kind == RMG_VALUE_ATOM &&
           jit_id_equal(&value.type, rmg_codec_type(codec)) &&
           rmg_codec_decode(codec, value.bytes, value.size, datum) == JIT_OK;
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- one column ---- */

static uint32_t node_slot(const struct index_column *column, const struct jit_id *node)
{
    return (uint32_t)rmg_id_mix(0, node) & (column->slots - 1);
}

void index_column_release(struct jit_heap *heap, struct index_column *column)
{
    for (uint32_t i = 0; i < column->bucket_count; i++) {
        heap->free(heap, column->buckets[i].bytes);
    }
    heap->free(heap, column->fields);
    heap->free(heap, column->buckets);
    heap->free(heap, column->entries);
    heap->free(heap, column->by_values);
    heap->free(heap, column->by_node);
}

/* At least one slot an entry, and buckets are no more than entries. */
static enum jit_err widen(struct jit_heap *heap, struct index_column *column)
{
    if (column->entry_count < column->slots) {
        return JIT_OK;
    }
    if (column->slots >= 1u << 30) {
        return JIT_ELIMIT;
    }
    uint32_t slots = column->slots == 0 ? 64 : 2 * column->slots;
    uint32_t *heads = heap->alloc(heap, slots * sizeof *heads);
    uint32_t *others = heap->alloc(heap, slots * sizeof *others);
    if (heads == NULL || others == NULL) {
        heap->free(heap, heads);
        heap->free(heap, others);
        return JIT_ENOMEM;
    }
    memset(heads, 0xff, slots * sizeof *heads);
    memset(others, 0xff, slots * sizeof *others);
    heap->free(heap, column->by_values);
    heap->free(heap, column->by_node);
    column->by_values = heads;
    column->by_node = others;
    column->slots = slots;
    for (uint32_t i = 0; i < column->bucket_count; i++) {
        struct index_bucket *bucket = &column->buckets[i];
        if (bucket->count > 0) {
            uint32_t *head = &column->by_values[bucket->hash & (slots - 1)];
            bucket->next = *head;
            *head = i;
        }
    }
    for (uint32_t i = 0; i < column->entry_count; i++) {
        struct index_entry *entry = &column->entries[i];
        if (entry->bucket != NONE) {
            uint32_t *head = &column->by_node[node_slot(column, &entry->node)];
            entry->chain = *head;
            *head = i;
        }
    }
    return JIT_OK;
}

uint32_t index_bucket_find(const struct index_column *column, uint64_t hash,
                           const struct index_part *parts)
{
    uint32_t at = column->slots == 0 ? NONE : column->by_values[hash & (column->slots - 1)];
    while (at != NONE && (column->buckets[at].hash != hash ||
                          !is_bucket(&column->buckets[at], parts, column->field_count))) {
        at = column->buckets[at].next;
    }
    return at;
}

static enum jit_err bucket_make(struct jit_heap *heap, struct index_column *column, uint64_t hash,
                                const struct index_part *parts, uint32_t *out)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < column->field_count; i++) {
        size += 4 + parts[i].size;
    }
    assert(size <= UINT32_MAX); /* 255 atoms of 1 MiB */
    bool fresh = column->bucket_free == NONE;
    uint32_t at = fresh ? column->bucket_count : column->bucket_free;
    if (fresh && jit_heap_grow(heap, (void **)&column->buckets, &column->bucket_room,
                               (size_t)at + 1, sizeof *column->buckets) != 0) {
        return JIT_ENOMEM;
    }
    uint8_t *bytes = heap->alloc(heap, (size_t)size);
    if (bytes == NULL) {
        return JIT_ENOMEM;
    }
    struct index_bucket *bucket = &column->buckets[at];
    column->bucket_free = fresh ? NONE : bucket->next;
    column->bucket_count += fresh;
    uint32_t *head = &column->by_values[hash & (column->slots - 1)];
    *bucket = (struct index_bucket){
        .hash = hash, .bytes = bytes, .size = (uint32_t)size, .first = NONE, .next = *head};
    *head = at;
    for (uint32_t i = 0; i < column->field_count; i++) {
        jit_put_le32(bytes, parts[i].size);
        if (parts[i].size > 0) {
            memcpy(bytes + 4, index_part_bytes(&parts[i]), parts[i].size);
        }
        bytes += 4 + parts[i].size;
    }
    *out = at;
    return JIT_OK;
}

static void bucket_drop(struct jit_heap *heap, struct index_column *column, uint32_t at)
{
    struct index_bucket *bucket = &column->buckets[at];
    uint32_t *link = &column->by_values[bucket->hash & (column->slots - 1)];
    while (*link != at) {
        link = &column->buckets[*link].next;
    }
    *link = bucket->next;
    heap->free(heap, bucket->bytes);
    bucket->bytes = NULL;
    bucket->next = column->bucket_free;
    column->bucket_free = at;
}

void index_column_remove(struct jit_heap *heap, struct index_column *column,
                         const struct jit_id *node)
{
    if (column->slots == 0) {
        return;
    }
    uint32_t *link = &column->by_node[node_slot(column, node)];
    while (*link != NONE && !jit_id_equal(&column->entries[*link].node, node)) {
        link = &column->entries[*link].chain;
    }
    if (*link == NONE) {
        return;
    }
    uint32_t at = *link;
    struct index_entry *entry = &column->entries[at];
    struct index_bucket *bucket = &column->buckets[entry->bucket];
    *link = entry->chain;
    *(entry->prev == NONE ? &bucket->first : &column->entries[entry->prev].next) = entry->next;
    if (entry->next != NONE) {
        column->entries[entry->next].prev = entry->prev;
    }
    if (--bucket->count == 0) {
        bucket_drop(heap, column, entry->bucket);
    }
    entry->bucket = NONE;
    entry->chain = column->entry_free;
    column->entry_free = at;
}

static enum jit_err column_put(struct jit_heap *heap, struct index_column *column,
                               const struct jit_id *node, const struct index_part *parts)
{
    uint64_t hash = index_hash_of(parts, column->field_count);
    enum jit_err err = widen(heap, column);
    bool fresh = column->entry_free == NONE;
    uint32_t at = fresh ? column->entry_count : column->entry_free;
    if (err == JIT_OK && fresh &&
        jit_heap_grow(heap, (void **)&column->entries, &column->entry_room, (size_t)at + 1,
                      sizeof *column->entries) != 0) {
        err = JIT_ENOMEM;
    }
    uint32_t place = err == JIT_OK ? index_bucket_find(column, hash, parts) : NONE;
    if (err == JIT_OK && place == NONE) {
        err = bucket_make(heap, column, hash, parts, &place);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct index_bucket *bucket = &column->buckets[place];
    uint32_t *head = &column->by_node[node_slot(column, node)];
    column->entry_free = fresh ? NONE : column->entries[at].chain;
    column->entry_count += fresh;
    column->entries[at] = (struct index_entry){
        .node = *node, .bucket = place, .next = bucket->first, .prev = NONE, .chain = *head};
    *head = at;
    if (bucket->first != NONE) {
        column->entries[bucket->first].prev = at;
    }
    bucket->first = at;
    bucket->count++;
    return JIT_OK;
}

enum jit_err index_column_take(struct jit_heap *heap, struct index_column *column,
                               const struct rmg_graph *graph, const struct jit_id *node)
{
    struct index_part parts[RMG_INDEX_FIELDS_MAX];
    for (uint32_t i = 0; i < column->field_count; i++) {
        const struct index_field *field = &column->fields[i];
        struct rmg_datum datum;
        bool has = false;
        enum jit_err err =
            index_value_of(graph, node, field->name, field->name_size, field->codec, &datum, &has);
        if (err != JIT_OK || !has) {
            return err;
        }
        index_part_of(&datum, &parts[i]);
    }
    return column_put(heap, column, node, parts);
}

enum jit_err index_column_fill(struct jit_heap *heap, struct index_column *column,
                               const struct rmg_graph *graph)
{
    struct rmg_iter iter;
    struct jit_id node;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_extent(graph, false, &column->type, &iter);
    while ((err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        err = index_column_take(heap, column, graph, &node);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

#include "rmg/store/index.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/store/after.h"
#include "rmg/store/id_table.h"

#define NONE UINT32_MAX

struct field {
    enum rmg_codec codec;
    uint32_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
};

/* Values that some node has, or had: nodes are chained from `first` on. */
struct bucket {
    uint64_t hash;
    uint8_t *bytes; /* u32 size || value, each field */
    uint32_t size;
    uint32_t count; /* nodes; 0: it is free, and chained by `next` */
    uint32_t first;
    uint32_t next; /* of one hash slot */
};

struct entry {
    struct jit_id node;
    uint32_t bucket; /* NONE: it is free, and chained by `chain` */
    uint32_t next;   /* of the bucket */
    uint32_t prev;
    uint32_t chain; /* of one hash slot */
};

struct column {
    struct jit_id type;
    uint32_t field_count;
    struct field *fields;
    struct bucket *buckets;
    size_t bucket_room;
    uint32_t bucket_count; /* that were ever used */
    uint32_t bucket_free;
    struct entry *entries;
    size_t entry_room;
    uint32_t entry_count;
    uint32_t entry_free;
    uint32_t *by_values; /* heads; one mask for both */
    uint32_t *by_node;
    uint32_t slots; /* a power of two, 0: none yet */
};

struct rmg_index {
    struct jit_heap *heap;
    struct column *columns;
    size_t column_room;
    uint32_t column_count;
};

/* ---- values as bytes ---- */

struct part {
    const uint8_t *bytes;
    uint32_t size;
    uint8_t word[8];
};

/* Equal values, as rmg/rules compares them, are equal bytes: there is one NaN and one zero. */
static void part_of(const struct rmg_datum *datum, struct part *part)
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

static const uint8_t *part_bytes(const struct part *part)
{
    return part->bytes == NULL ? part->word : part->bytes;
}

static uint64_t hash_of(const struct part *parts, uint32_t count)
{
    struct jit_hasher hasher;
    struct jit_id hash;
    jit_hasher_init(&hasher);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t size[4];
        jit_put_le32(size, parts[i].size);
        jit_hasher_update(&hasher, size, sizeof size);
        if (parts[i].size > 0) {
            jit_hasher_update(&hasher, part_bytes(&parts[i]), parts[i].size);
        }
    }
    jit_hasher_final(&hasher, &hash);
    return jit_le64(hash.bytes);
}

static bool is_bucket(const struct bucket *bucket, const struct part *parts, uint32_t count)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (bucket->size - at < 4 || jit_le32(bucket->bytes + at) != parts[i].size ||
            bucket->size - at - 4 < parts[i].size ||
            (parts[i].size > 0 &&
             memcmp(bucket->bytes + at + 4, part_bytes(&parts[i]), parts[i].size) != 0)) {
            return false;
        }
        at += 4 + parts[i].size;
    }
    return at == bucket->size;
}

/* What a node has in one field; *has: there is a value of the codec. */
static enum jit_err value_of(const struct rmg_graph *graph, const struct jit_id *node,
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

static uint32_t node_slot(const struct column *column, const struct jit_id *node)
{
    return (uint32_t)rmg_id_mix(0, node) & (column->slots - 1);
}

static void column_release(struct jit_heap *heap, struct column *column)
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
static enum jit_err widen(struct jit_heap *heap, struct column *column)
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
        struct bucket *bucket = &column->buckets[i];
        if (bucket->count > 0) {
            uint32_t *head = &column->by_values[bucket->hash & (slots - 1)];
            bucket->next = *head;
            *head = i;
        }
    }
    for (uint32_t i = 0; i < column->entry_count; i++) {
        struct entry *entry = &column->entries[i];
        if (entry->bucket != NONE) {
            uint32_t *head = &column->by_node[node_slot(column, &entry->node)];
            entry->chain = *head;
            *head = i;
        }
    }
    return JIT_OK;
}

static uint32_t bucket_find(const struct column *column, uint64_t hash, const struct part *parts)
{
    uint32_t at = column->slots == 0 ? NONE : column->by_values[hash & (column->slots - 1)];
    while (at != NONE && (column->buckets[at].hash != hash ||
                          !is_bucket(&column->buckets[at], parts, column->field_count))) {
        at = column->buckets[at].next;
    }
    return at;
}

static enum jit_err bucket_make(struct jit_heap *heap, struct column *column, uint64_t hash,
                                const struct part *parts, uint32_t *out)
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
    struct bucket *bucket = &column->buckets[at];
    column->bucket_free = fresh ? NONE : bucket->next;
    column->bucket_count += fresh;
    uint32_t *head = &column->by_values[hash & (column->slots - 1)];
    *bucket = (struct bucket){
        .hash = hash, .bytes = bytes, .size = (uint32_t)size, .first = NONE, .next = *head};
    *head = at;
    for (uint32_t i = 0; i < column->field_count; i++) {
        jit_put_le32(bytes, parts[i].size);
        if (parts[i].size > 0) {
            memcpy(bytes + 4, part_bytes(&parts[i]), parts[i].size);
        }
        bytes += 4 + parts[i].size;
    }
    *out = at;
    return JIT_OK;
}

static void bucket_drop(struct jit_heap *heap, struct column *column, uint32_t at)
{
    struct bucket *bucket = &column->buckets[at];
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

static void column_remove(struct jit_heap *heap, struct column *column, const struct jit_id *node)
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
    struct entry *entry = &column->entries[at];
    struct bucket *bucket = &column->buckets[entry->bucket];
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

static enum jit_err column_put(struct jit_heap *heap, struct column *column,
                               const struct jit_id *node, const struct part *parts)
{
    uint64_t hash = hash_of(parts, column->field_count);
    enum jit_err err = widen(heap, column);
    bool fresh = column->entry_free == NONE;
    uint32_t at = fresh ? column->entry_count : column->entry_free;
    if (err == JIT_OK && fresh &&
        jit_heap_grow(heap, (void **)&column->entries, &column->entry_room, (size_t)at + 1,
                      sizeof *column->entries) != 0) {
        err = JIT_ENOMEM;
    }
    uint32_t place = err == JIT_OK ? bucket_find(column, hash, parts) : NONE;
    if (err == JIT_OK && place == NONE) {
        err = bucket_make(heap, column, hash, parts, &place);
    }
    if (err != JIT_OK) {
        return err;
    }
    struct bucket *bucket = &column->buckets[place];
    uint32_t *head = &column->by_node[node_slot(column, node)];
    column->entry_free = fresh ? NONE : column->entries[at].chain;
    column->entry_count += fresh;
    column->entries[at] = (struct entry){
        .node = *node, .bucket = place, .next = bucket->first, .prev = NONE, .chain = *head};
    *head = at;
    if (bucket->first != NONE) {
        column->entries[bucket->first].prev = at;
    }
    bucket->first = at;
    bucket->count++;
    return JIT_OK;
}

/* A node of the column's type, as it is in this version. */
static enum jit_err column_take(struct jit_heap *heap, struct column *column,
                                const struct rmg_graph *graph, const struct jit_id *node)
{
    struct part parts[RMG_INDEX_FIELDS_MAX];
    for (uint32_t i = 0; i < column->field_count; i++) {
        const struct field *field = &column->fields[i];
        struct rmg_datum datum;
        bool has = false;
        enum jit_err err =
            value_of(graph, node, field->name, field->name_size, field->codec, &datum, &has);
        if (err != JIT_OK || !has) {
            return err;
        }
        part_of(&datum, &parts[i]);
    }
    return column_put(heap, column, node, parts);
}

static enum jit_err column_fill(struct jit_heap *heap, struct column *column,
                                const struct rmg_graph *graph)
{
    struct rmg_iter iter;
    struct jit_id node;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_extent(graph, false, &column->type, &iter);
    while ((err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        err = column_take(heap, column, graph, &node);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- the index ---- */

enum jit_err rmg_index_new(struct jit_heap *heap, struct rmg_index **out)
{
    *out = jit_heap_zalloc(heap, 1, sizeof **out);
    if (*out == NULL) {
        return JIT_ENOMEM;
    }
    (*out)->heap = heap;
    return JIT_OK;
}

void rmg_index_clear(struct rmg_index *index)
{
    for (uint32_t i = 0; i < index->column_count; i++) {
        column_release(index->heap, &index->columns[i]);
    }
    index->column_count = 0;
}

void rmg_index_free(struct rmg_index *index)
{
    if (index != NULL) {
        rmg_index_clear(index);
        index->heap->free(index->heap, index->columns);
        index->heap->free(index->heap, index);
    }
}

bool rmg_index_is_empty(const struct rmg_index *index)
{
    return index->column_count == 0;
}

static const struct column *column_of(const struct rmg_index *index,
                                      const struct rmg_index_key *key)
{
    for (uint32_t i = 0; index != NULL && i < index->column_count; i++) {
        const struct column *column = &index->columns[i];
        bool same = column->field_count == key->count && jit_id_equal(&column->type, &key->type);
        for (uint32_t k = 0; k < key->count && same; k++) {
            const struct rmg_index_field *want = &key->fields[k];
            const struct field *field = &column->fields[k];
            same = field->codec == want->codec && field->name_size == want->name_size &&
                   memcmp(field->name, want->name, want->name_size) == 0;
        }
        if (same) {
            return column;
        }
    }
    return NULL;
}

enum jit_err rmg_index_need(struct rmg_index *index, const struct rmg_graph *graph,
                            const struct rmg_index_key *key)
{
    struct jit_heap *heap = index->heap;
    assert(key->count > 0 && key->count <= RMG_INDEX_FIELDS_MAX);
    if (column_of(index, key) != NULL) {
        return JIT_OK;
    }
    struct column column = {.type = key->type,
                            .field_count = key->count,
                            .fields = heap->alloc(heap, key->count * sizeof(struct field)),
                            .bucket_free = NONE,
                            .entry_free = NONE};
    if (column.fields == NULL ||
        jit_heap_grow(heap, (void **)&index->columns, &index->column_room, index->column_count + 1u,
                      sizeof *index->columns) != 0) {
        heap->free(heap, column.fields);
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < key->count; i++) {
        const struct rmg_index_field *want = &key->fields[i];
        assert(want->name_size <= JIT_NAME_BYTES_MAX);
        column.fields[i].codec = want->codec;
        column.fields[i].name_size = want->name_size;
        memcpy(column.fields[i].name, want->name, want->name_size);
    }
    enum jit_err err = column_fill(heap, &column, graph);
    if (err != JIT_OK) {
        column_release(heap, &column);
        return err;
    }
    index->columns[index->column_count++] = column;
    return JIT_OK;
}

struct follow {
    struct rmg_index *index;
    const struct rmg_graph *after;
    enum jit_err err;
};

static bool take_change(void *user, const struct rmg_change *change)
{
    struct follow *follow = user;
    struct rmg_index *index = follow->index;
    struct jit_id type;
    if (change->map != RMG_NODES && change->map != RMG_ALPHA) {
        return true;
    }
    enum jit_err err = rmg_node_type(follow->after, &change->id, &type);
    bool there = err == JIT_OK;
    if (err != JIT_OK && err != JIT_ENOENT) {
        follow->err = err;
        return false;
    }
    for (uint32_t i = 0; i < index->column_count && follow->err == JIT_OK; i++) {
        struct column *column = &index->columns[i];
        column_remove(index->heap, column, &change->id);
        if (there && jit_id_equal(&type, &column->type)) {
            follow->err = column_take(index->heap, column, follow->after, &change->id);
        }
    }
    return follow->err == JIT_OK;
}

enum jit_err rmg_index_follow(struct rmg_index *index, const struct rmg_graph *before,
                              const struct rmg_graph *after)
{
    struct follow follow = {.index = index, .after = after, .err = JIT_OK};
    if (index->column_count == 0) {
        return JIT_OK;
    }
    enum jit_err err = rmg_graph_diff(before, after, take_change, &follow);
    err = follow.err != JIT_OK ? follow.err : err;
    if (err != JIT_OK) {
        rmg_index_clear(index);
    }
    return err;
}

/* ---- asking ---- */

static const struct bucket *bucket_of(const struct column *column, const struct rmg_index_key *key)
{
    struct part parts[RMG_INDEX_FIELDS_MAX];
    for (uint32_t i = 0; i < key->count; i++) {
        assert(key->values[i].codec == key->fields[i].codec);
        part_of(&key->values[i], &parts[i]);
    }
    uint32_t at = bucket_find(column, hash_of(parts, key->count), parts);
    return at == NONE ? NULL : &column->buckets[at];
}

static bool same_value(const struct rmg_datum *a, const struct rmg_datum *b)
{
    struct part x;
    struct part y;
    part_of(a, &x);
    part_of(b, &y);
    return x.size == y.size && (x.size == 0 || memcmp(part_bytes(&x), part_bytes(&y), x.size) == 0);
}

enum jit_err rmg_index_fits(const struct rmg_graph *graph, const struct jit_id *node,
                            const struct rmg_index_key *key, bool *fits)
{
    enum jit_err err = JIT_OK;
    *fits = true;
    for (uint32_t i = 0; i < key->count && *fits && err == JIT_OK; i++) {
        const struct rmg_index_field *field = &key->fields[i];
        struct rmg_datum datum;
        err = value_of(graph, node, field->name, field->name_size, field->codec, &datum, fits);
        *fits = *fits && same_value(&datum, &key->values[i]);
    }
    return err;
}

static enum jit_err count_by_walking(const struct rmg_graph *graph, const struct rmg_index_key *key,
                                     uint64_t *count)
{
    struct rmg_iter iter;
    struct jit_id node;
    struct jit_id type;
    enum jit_err err;
    *count = 0;
    rmg_iter_extent(graph, false, &key->type, &iter);
    while ((err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        bool fits = false;
        err = rmg_index_fits(graph, &node, key, &fits);
        if (err != JIT_OK) {
            return err;
        }
        *count += fits;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err rmg_index_count(const struct rmg_graph *graph, const struct rmg_index_key *key,
                             uint64_t *count)
{
    if (graph->after != NULL) {
        return rmg_after_values(graph->after, key, count);
    }
    const struct column *column = column_of(graph->index, key);
    if (column == NULL) {
        return count_by_walking(graph, key, count);
    }
    const struct bucket *bucket = bucket_of(column, key);
    *count = bucket == NULL ? 0 : bucket->count;
    return JIT_OK;
}

bool rmg_index_begin(const struct rmg_graph *graph, const struct rmg_index_key *key,
                     struct rmg_index_iter *out)
{
    const struct column *column = graph->after != NULL ? NULL : column_of(graph->index, key);
    if (column == NULL) {
        return false;
    }
    const struct bucket *bucket = bucket_of(column, key);
    *out = (struct rmg_index_iter){.index = graph->index,
                                   .column = (uint32_t)(column - graph->index->columns),
                                   .at = bucket == NULL ? NONE : bucket->first};
    return true;
}

bool rmg_index_next(struct rmg_index_iter *iter, struct jit_id *node)
{
    if (iter->at == NONE) {
        return false;
    }
    const struct entry *entry = &iter->index->columns[iter->column].entries[iter->at];
    *node = entry->node;
    iter->at = entry->next;
    return true;
}

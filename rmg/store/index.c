#include "rmg/store/index.h"

#include "base/check.h"
#include "base/le.h"
#include "rmg/store/after.h"
#include "rmg/store/index_priv.h"

struct rmg_index {
    struct jit_heap *heap;
    struct index_column *columns;
    size_t column_room;
    uint32_t column_count;
};

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
        index_column_release(index->heap, &index->columns[i]);
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

static const struct index_column *column_of(const struct rmg_index *index,
                                            const struct rmg_index_key *key)
{
    for (uint32_t i = 0; index != NULL && i < index->column_count; i++) {
        const struct index_column *column = &index->columns[i];
        bool same = column->field_count == key->count && jit_id_equal(&column->type, &key->type);
        for (uint32_t k = 0; k < key->count && same; k++) {
            const struct rmg_index_field *want = &key->fields[k];
            const struct index_field *field = &column->fields[k];
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
    struct index_column column = {.type = key->type,
                                  .field_count = key->count,
                                  .fields =
                                      heap->alloc(heap, key->count * sizeof(struct index_field)),
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
    enum jit_err err = index_column_fill(heap, &column, graph);
    if (err != JIT_OK) {
        index_column_release(heap, &column);
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
        struct index_column *column = &index->columns[i];
        index_column_remove(index->heap, column, &change->id);
        if (there && jit_id_equal(&type, &column->type)) {
            follow->err = index_column_take(index->heap, column, follow->after, &change->id);
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

static const struct index_bucket *bucket_of(const struct index_column *column,
                                            const struct rmg_index_key *key)
{
    struct index_part parts[RMG_INDEX_FIELDS_MAX];
    for (uint32_t i = 0; i < key->count; i++) {
        assert(key->values[i].codec == key->fields[i].codec);
        index_part_of(&key->values[i], &parts[i]);
    }
    uint32_t at = index_bucket_find(column, index_hash_of(parts, key->count), parts);
    return at == NONE ? NULL : &column->buckets[at];
}

static bool same_value(const struct rmg_datum *a, const struct rmg_datum *b)
{
    struct index_part x;
    struct index_part y;
    index_part_of(a, &x);
    index_part_of(b, &y);
    return x.size == y.size &&
           (x.size == 0 || memcmp(index_part_bytes(&x), index_part_bytes(&y), x.size) == 0);
}

enum jit_err rmg_index_fits(const struct rmg_graph *graph, const struct jit_id *node,
                            const struct rmg_index_key *key, bool *fits)
{
    enum jit_err err = JIT_OK;
    *fits = true;
    for (uint32_t i = 0; i < key->count && *fits && err == JIT_OK; i++) {
        const struct rmg_index_field *field = &key->fields[i];
        struct rmg_datum datum;
        err =
            index_value_of(graph, node, field->name, field->name_size, field->codec, &datum, fits);
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
    const struct index_column *column = column_of(graph->index, key);
    if (column == NULL) {
        return count_by_walking(graph, key, count);
    }
    const struct index_bucket *bucket = bucket_of(column, key);
    *count = bucket == NULL ? 0 : bucket->count;
    return JIT_OK;
}

bool rmg_index_begin(const struct rmg_graph *graph, const struct rmg_index_key *key,
                     struct rmg_index_iter *out)
{
    const struct index_column *column = graph->after != NULL ? NULL : column_of(graph->index, key);
    if (column == NULL) {
        return false;
    }
    const struct index_bucket *bucket = bucket_of(column, key);
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
    const struct index_entry *entry = &iter->index->columns[iter->column].entries[iter->at];
    *node = entry->node;
    iter->at = entry->next;
    return true;
}

/* Running a query: every match is seen, the first rows in the order of their ids are kept. */
#include <stdlib.h>

#include "base/check.h"
#include "rmg/lang/lang_query.h"
#include "rmg/rules/probe.h"
#include "rmg/rules/search.h"

struct gather {
    const struct lang_query *query;
    const struct rmg_graph *graph;
    struct lang_rows *rows;
    uint64_t limit;
    enum jit_err err;
    /* A row: its ids, then its keys. */
    uint8_t *cells;
    size_t row_size;
    size_t capacity; /* bytes */
};

static const struct rmg_datum *keys_of(const struct gather *gather, const void *row)
{
    return (const struct rmg_datum *)(const void *)((const uint8_t *)row +
                                                    gather->rows->width * sizeof(struct jit_id));
}

static int order(bool less, bool greater)
{
    return greater - less;
}

/* Of one codec. NaN comes behind all other numbers. */
static int compare_values(const struct rmg_datum *a, const struct rmg_datum *b)
{
    uint32_t size = a->size < b->size ? a->size : b->size;
    int result = 0;
    switch (a->codec) {
    case RMG_CODEC_NONE:
        return 0;
    case RMG_CODEC_BOOL:
        return order(a->as.boolean<b->as.boolean, a->as.boolean> b->as.boolean);
    case RMG_CODEC_I64:
        return order(a->as.i64<b->as.i64, a->as.i64> b->as.i64);
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        return order(a->as.f64<b->as.f64, a->as.f64> b->as.f64);
    case RMG_CODEC_TEXT:
    case RMG_CODEC_BYTES:
    case RMG_CODEC_ID:
    case RMG_CODEC_LIST:
        result = size == 0 ? 0 : memcmp(a->bytes, b->bytes, size);
        break;
    }
    return result != 0 ? result : order(a->size<b->size, a->size> b->size);
}

static int rank(const struct rmg_datum *key)
{
    bool number = key->codec == RMG_CODEC_F64 || key->codec == RMG_CODEC_F32;
    return key->codec == RMG_CODEC_NONE ? 2 : number && key->as.f64 != key->as.f64 ? 1 : 0;
}

static int compare_rows(const void *a, const void *b, void *user)
{
    const struct gather *gather = user;
    const struct lang_query *query = gather->query;
    for (uint32_t i = 0; i < query->key_count; i++) {
        const struct lang_column *column = &query->columns[query->keys[i].column];
        if (column->kind == LANG_COLUMN_ELEMENT) {
            int ids = jit_id_compare(&((const struct jit_id *)a)[column->element],
                                     &((const struct jit_id *)b)[column->element]);
            if (ids != 0) {
                return query->keys[i].down ? -ids : ids;
            }
            continue;
        }
        const struct rmg_datum *x = &keys_of(gather, a)[i];
        const struct rmg_datum *y = &keys_of(gather, b)[i];
        int result = order(rank(x) < rank(y), rank(x) > rank(y));
        if (result != 0) {
            return result;
        }
        result = rank(x) != 0 ? 0 : compare_values(x, y);
        if (result != 0) {
            return query->keys[i].down ? -result : result;
        }
    }
    return memcmp(a, b, gather->rows->width * sizeof(struct jit_id));
}

/* In order; no more than the limit. */
static void settle(struct gather *gather)
{
    struct lang_rows *rows = gather->rows;
    if (rows->count > 1) {
        qsort_r(gather->cells, rows->count, gather->row_size, compare_rows, gather);
    }
    rows->count = rows->count > gather->limit ? (size_t)gather->limit : rows->count;
}

static enum jit_err put_keys(const struct gather *gather, const struct jit_id *ids,
                             struct rmg_datum *keys)
{
    const struct lang_query *query = gather->query;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < query->key_count; i++) {
        if (query->columns[query->keys[i].column].kind == LANG_COLUMN_VALUE) {
            err = lang_query_value(query, query->keys[i].column, gather->graph, ids, &keys[i]);
        }
    }
    return err;
}

/* Twice the limit is kept before the larger half goes, so a row costs O(log limit). */
static bool take(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct gather *gather = user;
    struct lang_rows *rows = gather->rows;
    void *data = gather->cells;
    rows->matches++;
    if (gather->limit == 0) {
        return true;
    }
    if (gather->limit < SIZE_MAX / 4 && rows->count == 2 * gather->limit) {
        settle(gather);
    }
    if (jit_heap_grow(rows->heap, &data, &gather->capacity, (rows->count + 1) * gather->row_size,
                      1) != 0) {
        gather->err = JIT_ENOMEM;
        return false;
    }
    gather->cells = data;
    uint8_t *row = &gather->cells[rows->count++ * gather->row_size];
    memcpy(row, ids, id_count * sizeof *ids);
    gather->err = put_keys(gather, ids, (struct rmg_datum *)(uintptr_t)keys_of(gather, row));
    return gather->err == JIT_OK;
}

enum jit_err lang_query_run(struct jit_heap *heap, const struct lang_query *query,
                            const struct rmg_graph *graph, uint64_t limit, uint64_t budget,
                            struct lang_rows *rows)
{
    struct rmg_search *search = NULL;
    struct gather gather = {.query = query, .graph = graph, .rows = rows, .limit = limit};
    const struct rmg_shard all = {.index = 0, .count = 1};
    *rows = (struct lang_rows){.width = query->rule.element_count, .heap = heap};
    const size_t ids_size = rows->width * sizeof *rows->ids;
    gather.row_size = ids_size + query->key_count * sizeof(struct rmg_datum);
    enum jit_err err = rmg_search_new(heap, &query->rule, NULL, 0, &graph->instance, all, &search);
    if (err == JIT_OK) {
        err = rmg_search_visit(search, graph, budget, take, &gather, &rows->looks);
    }
    rmg_search_free(search);
    err = gather.err != JIT_OK ? gather.err : err;
    if (err == JIT_OK) {
        settle(&gather);
        for (size_t i = 1; query->key_count > 0 && i < rows->count; i++) {
            memmove(&gather.cells[i * ids_size], &gather.cells[i * gather.row_size], ids_size);
        }
    }
    rows->ids = (struct jit_id *)(void *)gather.cells;
    return err;
}

void lang_rows_release(struct lang_rows *rows)
{
    if (rows->heap != NULL) {
        rows->heap->free(rows->heap, rows->ids);
    }
    *rows = (struct lang_rows){.count = 0};
}

enum jit_err lang_query_value(const struct lang_query *query, uint32_t column,
                              const struct rmg_graph *graph, const struct jit_id *ids,
                              struct rmg_datum *out)
{
    struct rmg_probe probe;
    assert(column < query->column_count + query->hidden_count);
    assert(query->columns[column].kind == LANG_COLUMN_VALUE);
    rmg_probe_init(&probe, graph, &query->rule, ids, UINT32_MAX);
    if (rmg_expr_eval(&probe.env, query->columns[column].expr, out) != RMG_APPLIED) {
        *out = (struct rmg_datum){.codec = RMG_CODEC_NONE};
    }
    return probe.err;
}

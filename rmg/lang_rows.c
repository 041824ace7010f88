/* Running a query: every match is seen, the first rows in the order of their ids are kept. */
#include <stdlib.h>

#include "base/check.h"
#include "rmg/lang_query.h"
#include "rmg/probe.h"
#include "rmg/search.h"

struct gather {
    struct lang_rows *rows;
    uint64_t limit;
    enum jit_err err;
};

static int compare_rows(const void *a, const void *b, void *size)
{
    return memcmp(a, b, *(const size_t *)size);
}

/* In order; no more than the limit. */
static void settle(struct lang_rows *rows, uint64_t limit)
{
    size_t size = rows->width * sizeof *rows->ids;
    if (rows->count > 1) {
        qsort_r(rows->ids, rows->count, size, compare_rows, &size);
    }
    rows->count = rows->count > limit ? (size_t)limit : rows->count;
}

/* Twice the limit is kept before the larger half goes, so a row costs O(log limit). */
static bool take(void *user, const struct jit_id *ids, uint32_t id_count)
{
    struct gather *gather = user;
    struct lang_rows *rows = gather->rows;
    void *data = rows->ids;
    rows->matches++;
    if (gather->limit == 0) {
        return true;
    }
    if (gather->limit < SIZE_MAX / 4 && rows->count == 2 * gather->limit) {
        settle(rows, gather->limit);
    }
    if (jit_heap_grow(rows->heap, &data, &rows->capacity, (rows->count + 1) * id_count,
                      sizeof *rows->ids) != 0) {
        gather->err = JIT_ENOMEM;
        return false;
    }
    rows->ids = data;
    memcpy(&rows->ids[rows->count++ * id_count], ids, id_count * sizeof *ids);
    return true;
}

enum jit_err lang_query_run(struct jit_heap *heap, const struct lang_query *query,
                            const struct rmg_graph *graph, uint64_t limit, uint64_t budget,
                            struct lang_rows *rows)
{
    struct rmg_search *search = NULL;
    struct gather gather = {.rows = rows, .limit = limit};
    const struct rmg_shard all = {.index = 0, .count = 1};
    *rows = (struct lang_rows){.width = query->rule.element_count, .heap = heap};
    enum jit_err err = rmg_search_new(heap, &query->rule, NULL, 0, &graph->instance, all, &search);
    if (err == JIT_OK) {
        err = rmg_search_visit(search, graph, budget, take, &gather, &rows->looks);
    }
    rmg_search_free(search);
    err = gather.err != JIT_OK ? gather.err : err;
    if (err == JIT_OK) {
        settle(rows, limit);
    }
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
    assert(column < query->column_count);
    assert(query->columns[column].kind == LANG_COLUMN_VALUE);
    rmg_probe_init(&probe, graph, &query->rule, ids, UINT32_MAX);
    if (rmg_expr_eval(&probe.env, query->columns[column].expr, out) != RMG_APPLIED) {
        *out = (struct rmg_datum){.codec = RMG_CODEC_NONE};
    }
    return probe.err;
}

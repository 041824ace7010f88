#include "rmg/id_table.h"

#include "base/le.h"

enum jit_err rmg_id_table_set(struct rmg_id_table *table, struct jit_heap *heap, const void *ids,
                              size_t stride, size_t count)
{
    void *keys = table->keys;
    table->count = 0;
    if (jit_heap_grow(heap, &keys, &table->key_room, count, sizeof *table->keys) != 0) {
        return JIT_ENOMEM;
    }
    table->keys = keys;
    table->ids = ids;
    table->stride = stride;
    table->count = count;
    for (size_t i = 0; i < count; i++) {
        table->keys[i] = jit_be64(table->ids + i * stride);
    }
    table->scale = 0;
    if (count > 1 && table->keys[count - 1] > table->keys[0]) {
        table->scale = (double)(count - 1) / (double)(table->keys[count - 1] - table->keys[0]);
    }
    return JIT_OK;
}

void rmg_id_table_release(struct rmg_id_table *table, struct jit_heap *heap)
{
    heap->free(heap, table->keys);
    *table = (struct rmg_id_table){.keys = NULL};
}

/* Where the key would lie if all were spread evenly. */
static size_t guess(const struct rmg_id_table *table, uint64_t key)
{
    if (key <= table->keys[0]) {
        return 0;
    }
    double place = (double)(key - table->keys[0]) * table->scale;
    return place < (double)(table->count - 1) ? (size_t)place : table->count - 1;
}

void rmg_id_table_warm(const struct rmg_id_table *table, const struct jit_id *id)
{
    if (table->count > 0) {
        __builtin_prefetch(&table->keys[guess(table, jit_be64(id->bytes))]);
    }
}

/* The first place from `from` on, below `to`, with a key of at least `key`. */
static size_t lower_bound(const struct rmg_id_table *table, uint64_t key, size_t from, size_t to)
{
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (table->keys[middle] < key) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* The same, from a guess on in steps that double: cheap when the guess is close. */
static size_t lower_bound_near(const struct rmg_id_table *table, uint64_t key, size_t near)
{
    size_t low = near;
    size_t high = near;
    size_t step = 1;
    if (table->keys[near] < key) {
        do {
            low = high + 1;
            high = step < table->count - high ? high + step : table->count;
            step *= 2;
        } while (high < table->count && table->keys[high] < key);
        return lower_bound(table, key, low, high);
    }
    while (low > 0) {
        high = low;
        low = step < low ? low - step : 0;
        step *= 2;
        if (table->keys[low] < key) {
            return lower_bound(table, key, low + 1, high);
        }
    }
    return 0;
}

bool rmg_id_table_find(const struct rmg_id_table *table, const struct jit_id *id, size_t *index)
{
    uint64_t key = jit_be64(id->bytes);
    if (table->count == 0) {
        return false;
    }
    size_t from = lower_bound_near(table, key, guess(table, key));
    /* As a rule one id has this key; ids that share their first 8 bytes are searched as a whole. */
    size_t to = from;
    for (size_t step = 1; to < table->count && table->keys[to] == key; step *= 2) {
        to = step < table->count - to ? to + step : table->count;
    }
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = memcmp(table->ids + middle * table->stride, id->bytes, JIT_ID_BYTES);
        if (order == 0) {
            *index = middle;
            return true;
        }
        if (order < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return false;
}

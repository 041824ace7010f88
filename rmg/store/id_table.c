#include "rmg/store/id_table.h"

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

static size_t clamp(const struct rmg_id_table *table, double place)
{
    double last = (double)(table->count - 1);
    return place <= 0 ? 0 : place < last ? (size_t)place : table->count - 1;
}

/* Where the key would lie if all were spread evenly. */
static size_t guess(const struct rmg_id_table *table, uint64_t key)
{
    return clamp(table, ((double)key - (double)table->keys[0]) * table->scale);
}

/* A better guess, from the key that lies there. */
static size_t refine(const struct rmg_id_table *table, uint64_t key, size_t near)
{
    return clamp(table, (double)near + ((double)key - (double)table->keys[near]) * table->scale);
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

/* The id itself, among those from `from` on that share its key. */
static bool find_among(const struct rmg_id_table *table, const struct jit_id *id, uint64_t key,
                       size_t from, size_t *index)
{
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

bool rmg_id_table_find(const struct rmg_id_table *table, const struct jit_id *id, size_t *index)
{
    uint64_t key = jit_be64(id->bytes);
    if (table->count == 0) {
        return false;
    }
    size_t near = refine(table, key, refine(table, key, guess(table, key)));
    return find_among(table, id, key, lower_bound_near(table, key, near), index);
}

/* In steps for all of them, so that what each asks of the memory comes while the others ask. */
static void find_batch(const struct rmg_id_table *table, const struct jit_id *const *ids,
                       size_t count, bool known, size_t *places)
{
    uint64_t keys[RMG_ID_BATCH];
    for (size_t i = 0; i < count; i++) {
        keys[i] = jit_be64(ids[i]->bytes);
        places[i] = guess(table, keys[i]);
        __builtin_prefetch(&table->keys[places[i]]);
    }
    for (unsigned step = 0; step < 2; step++) {
        for (size_t i = 0; i < count; i++) {
            places[i] = refine(table, keys[i], places[i]);
            __builtin_prefetch(&table->keys[places[i]]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        places[i] = lower_bound_near(table, keys[i], places[i]);
        if (!known && places[i] < table->count) {
            __builtin_prefetch(table->ids + places[i] * table->stride);
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = places[i];
        bool alone = known && at < table->count && table->keys[at] == keys[i] &&
                     (at + 1 == table->count || table->keys[at + 1] != keys[i]);
        if (!alone && !find_among(table, ids[i], keys[i], at, &places[i])) {
            places[i] = SIZE_MAX;
        }
    }
}

void rmg_id_table_find_many(const struct rmg_id_table *table, const struct jit_id *const *ids,
                            size_t count, bool known, size_t *places)
{
    for (size_t begin = 0; begin < count; begin += RMG_ID_BATCH) {
        size_t part = count - begin < RMG_ID_BATCH ? count - begin : RMG_ID_BATCH;
        if (table->count > 0) {
            find_batch(table, ids + begin, part, known, places + begin);
        }
        for (size_t i = 0; table->count == 0 && i < part; i++) {
            places[begin + i] = SIZE_MAX;
        }
    }
}

/* The last bytes of an id move only the high bits of a product, so those come down once more. */
uint64_t rmg_id_mix(uint64_t hash, const struct jit_id *id)
{
    for (size_t i = 0; i < JIT_ID_BYTES; i += 8) {
        hash = (hash ^ jit_le64(id->bytes + i)) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 32;
    }
    hash *= 0xff51afd7ed558ccdull;
    return hash ^ hash >> 32;
}

/* Goal:   rmg_id_table finds exactly the ids of its list, one by one and many at once.
 * Method: lists of every kind of id and size beside a linear search, asked for what is there, what
 *         is not, and what is next to it. */
#include <stdlib.h>

#include "rmg/store/id_table.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define IDS 600u

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, JIT_ID_BYTES);
}

/* Sorted, without twins; how many are left. */
static size_t make(struct jit_id *ids, size_t count, enum world_ids kind, uint64_t seed)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        ids[i] = world_id(kind, seed, i);
    }
    if (count > 0) {
        qsort(ids, count, sizeof *ids, by_id);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !jit_id_equal(&ids[kept - 1], &ids[i])) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

static size_t linear(const struct jit_id *ids, size_t count, const struct jit_id *id)
{
    for (size_t i = 0; i < count; i++) {
        if (jit_id_equal(&ids[i], id)) {
            return i;
        }
    }
    return SIZE_MAX;
}

START_TEST(finds) /* _i: kind, and how many */
{
    static const size_t counts[] = {0, 1, 2, 3, 31, 32, 33, 200, IDS};
    struct fault_heap heap = fault_heap_make(-1, false);
    struct rmg_id_table table = {.keys = NULL};
    struct jit_id ids[IDS];
    struct jit_id asked[3 * IDS];
    const struct jit_id *pointers[3 * IDS];
    size_t places[3 * IDS];
    enum world_ids kind = (enum world_ids)(_i % WORLD_IDS);
    size_t count = make(ids, counts[_i / WORLD_IDS], kind, (uint64_t)_i);
    size_t asks = 0;
    for (size_t i = 0; i < count; i++) {
        asked[asks++] = ids[i];
        asked[asks] = ids[i];
        asked[asks++].bytes[_i % 2 == 0 ? 31 : 7] ^= 1;
        asked[asks++] = world_id(kind, 77, i);
    }
    ck_assert_int_eq(rmg_id_table_set(&table, &heap.heap, ids, sizeof *ids, count), JIT_OK);
    for (size_t i = 0; i < asks; i++) {
        size_t place = SIZE_MAX;
        size_t want = linear(ids, count, &asked[i]);
        pointers[i] = &asked[i];
        ck_assert_int_eq(rmg_id_table_find(&table, &asked[i], &place), want != SIZE_MAX);
        ck_assert_uint_eq(place, want);
    }
    rmg_id_table_find_many(&table, pointers, asks, false, places);
    for (size_t i = 0; i < asks; i++) {
        ck_assert_uint_eq(places[i], linear(ids, count, &asked[i]));
    }
    for (size_t i = 0; i < count; i++) {
        pointers[i] = &ids[i];
    }
    rmg_id_table_find_many(&table, pointers, count, true, places);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(places[i], i);
    }
    /* Another list in the same memory. */
    struct jit_id none = world_id(WORLD_RANDOM, 1, 1);
    size_t unused = 0;
    ck_assert_int_eq(rmg_id_table_set(&table, &heap.heap, ids, sizeof *ids, 0), JIT_OK);
    ck_assert(!rmg_id_table_find(&table, &none, &unused));
    pointers[0] = &none;
    rmg_id_table_find_many(&table, pointers, 1, false, places);
    ck_assert_uint_eq(places[0], SIZE_MAX);
    rmg_id_table_release(&table, &heap.heap);
    ck_assert_int_eq(heap.live, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "id_table", 10);
    tcase_add_loop_test(t, finds, 0, 9 * WORLD_IDS);
}

TEST_MAIN("id_table", suite)

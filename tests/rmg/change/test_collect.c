/* Goal:   however the ids of an import are chosen, gathering it costs a few steps for each.
 * Method: ids numbered one after the other, and ids made to have one hash under the first seed, by
 *         going backwards through rmg_id_mix(); the steps beyond a key's place are counted. */
#include "base/le.h"
#include "rmg/change/collect_priv.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"
#include "tests/lib/world.h"

#define CHOSEN      20000u
#define ARENA_BYTES (64u << 20)

static uint64_t inverse(uint64_t odd) /* modulo 2^64 */
{
    uint64_t x = odd;
    for (int i = 0; i < 6; i++) {
        x *= 2 - odd * x;
    }
    return x;
}

/* An id whose hash under seed 0 ends in 32 zero bits; its first three words are 0. */
static struct jit_id meeting_id(uint64_t n)
{
    struct jit_id id = {{0}};
    uint64_t hash = n << 32;
    hash = (hash ^ hash >> 32) * inverse(0xff51afd7ed558ccdull);
    hash = (hash ^ hash >> 32) * inverse(0x9e3779b97f4a7c15ull);
    jit_put_le64(id.bytes + 24, hash);
    ck_assert_uint_eq(rmg_id_mix(0, &id) & UINT32_MAX, 0);
    return id;
}

static struct jit_id chosen_id(int how, uint64_t n)
{
    return how == 1 ? meeting_id(n) : world_id(WORLD_SEQUENTIAL, 0, n);
}

START_TEST(ids_that_meet) /* _i: one after the other, or made to have one hash */
{
    struct fault_heap heap = fault_heap_make(-1, false);
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_collect *collect = NULL;
    struct jit_id edge;
    const struct jit_id top = chosen_id(_i, 1);
    must(rmg_arena_new(&heap.heap, ARENA_BYTES, &arena));
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    must(rmg_store_new(&heap.heap, &options, &store));
    must(rmg_collect_new(&heap.heap, store, &collect));
    for (uint64_t n = 1; n <= CHOSEN; n++) {
        struct jit_id id = chosen_id(_i, n);
        if (n <= CHOSEN / 4) {
            must(rmg_collect_instance(collect, &id, &id, NULL));
        }
        must(rmg_collect_node(collect, &top, &id, &top));
        ck_assert(rmg_collect_has_node(collect, &top, &id));
        must(rmg_collect_edge_numbered(collect, &top, &id, &id, &top, &edge));
    }
    const struct collect_part *part = &collect->parts[0];
    const struct collect_table *tables[] = {&part->nodes, &collect->places, &part->triples};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_ge(tables[i]->count, CHOSEN / 4);
        ck_assert_uint_le(tables[i]->steps, 2 * tables[i]->capacity);
        /* Only where ids meet another seed is needed, and not many; three ids do not meet so. */
        bool meet = _i == 1 && i < 2;
        ck_assert_uint_ge(tables[i]->seed, meet ? 1 : 0);
        ck_assert_uint_le(tables[i]->seed, meet ? 16 : 0);
    }
    rmg_collect_free(collect);
    rmg_store_free(store);
    rmg_arena_free(&heap.heap, arena);
    ck_assert_int_eq(heap.live, 0);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "collect", 60);
    tcase_add_loop_test(t, ids_that_meet, 0, 2);
}

TEST_MAIN("collect", suite)

/* Goal:   the arena hands out what fits, takes it back, wastes little, and refuses the rest.
 * Method: sizes around every class border; a full arena that lives on by reuse and by cutting. */
#include <stdbool.h>

#include "base/limits.h"
#include "base/random.h"
#include "rmg/store/arena.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/tcase.h"

START_TEST(sizes) /* the waste of a class is at most a granule, above 2 KiB a fifth */
{
    struct rmg_arena arena;
    uint8_t base[16] = {0};
    rmg_arena_init(&arena, base, JIT_ARENA_BYTES_MAX, JIT_ARENA_BYTES_MAX, 0);
    ck_assert_uint_eq(arena.used, RMG_GRANULE);
    for (uint64_t size = 1; size < 200ull << 20; size += 1 + size / 13) {
        uint32_t ref = 0;
        uint64_t used = arena.used;
        uint64_t live = arena.live;
        enum jit_err err = rmg_arena_alloc(&arena, size, &ref);
        if (size > 128ull << 20) {
            ck_assert_int_eq(err, JIT_ELIMIT);
            continue;
        }
        must(err);
        uint64_t taken = arena.used - used;
        ck_assert_uint_eq((uint64_t)ref * RMG_GRANULE, used);
        ck_assert_uint_eq(arena.live - live, taken);
        ck_assert_uint_ge(taken, size);
        ck_assert_uint_le(taken, size <= 2048 ? (size + 15) / 16 * 16 : size + size / 4 + 16);
        if (arena.used > JIT_ARENA_BYTES_MAX - (256ull << 20)) {
            break;
        }
    }
}
END_TEST

START_TEST(reuse)
{
    struct fault_heap heap = fault_heap_make(-1, false);
    struct rmg_arena *arena = NULL;
    uint32_t a = 0;
    uint32_t b = 0;
    must(rmg_arena_new(&heap.heap, 1u << 16, &arena));
    must(rmg_arena_alloc(arena, 100, &a));
    uint64_t used = arena->used;
    rmg_arena_release(arena, a, 100);
    ck_assert_uint_eq(arena->live, 0);
    must(rmg_arena_alloc(arena, 112, &b));
    ck_assert_uint_eq(a, b);
    ck_assert_uint_eq(arena->used, used);
    ck_assert_int_eq(rmg_arena_reserve(arena, 1u << 16), JIT_ENOSPC);
    must(rmg_arena_reserve(arena, 1u << 15));
    rmg_arena_free(&heap.heap, arena);
    ck_assert_int_eq(heap.live, 0);
}
END_TEST

START_TEST(full_arena_cuts) /* larger free pieces serve when nothing else is left */
{
    struct fault_heap heap = fault_heap_make(-1, false);
    struct rmg_arena *arena = NULL;
    uint32_t big = 0;
    uint32_t ref = 0;
    unsigned count = 0;
    must(rmg_arena_new(&heap.heap, 65536 + 16, &arena));
    must(rmg_arena_alloc(arena, 65536, &big));
    ck_assert_int_eq(rmg_arena_alloc(arena, 16, &ref), JIT_ENOSPC);
    rmg_arena_release(arena, big, 65536);
    while (rmg_arena_alloc(arena, 48, &ref) == JIT_OK) {
        ck_assert_uint_ge(ref, big);
        memset(rmg_arena_at(arena, ref), 1, 48);
        count++;
    }
    ck_assert_uint_ge(count, 65536 / 48 * 95 / 100); /* what is cut off is smaller at last */
    rmg_arena_free(&heap.heap, arena);
}
END_TEST

START_TEST(a_borrowed_stretch) /* what is given back is the next to be handed out */
{
    struct fault_heap heap = fault_heap_make(-1, false);
    struct rmg_arena *arena = NULL;
    uint32_t first = 0;
    uint32_t second = 0;
    uint32_t ref = 0;
    must(rmg_arena_new(&heap.heap, 1u << 20, &arena));
    must(rmg_arena_borrow(arena, 200001, &first));
    must(rmg_arena_alloc(arena, 4096, &ref));
    ck_assert_uint_eq(arena->live, 200016 + 4096);
    uint64_t used = arena->used;
    rmg_arena_return(arena, first, 200001);
    ck_assert_uint_eq(arena->live, 4096);
    must(rmg_arena_borrow(arena, 100000, &second)); /* of the same stretch */
    ck_assert_uint_eq(second, first);
    rmg_arena_return(arena, second, 100000);
    must(rmg_arena_alloc(arena, 16, &ref));
    ck_assert_uint_eq(ref, first);
    unsigned count = 0;
    for (; arena->used == used; count++) { /* all of it serves before the arena grows */
        must(rmg_arena_alloc(arena, 48, &ref));
        memset(rmg_arena_at(arena, ref), 1, 48);
    }
    ck_assert_uint_ge(count, 200016 / 48 - 3);
    ck_assert_int_eq(rmg_arena_borrow(arena, 2u << 20, &ref), JIT_ENOSPC);
    ck_assert_int_eq(rmg_arena_borrow(arena, UINT64_MAX - 3, &ref), JIT_ELIMIT);
    must(rmg_arena_borrow(arena, 1000, &first)); /* two stretches: the larger one stays whole */
    must(rmg_arena_borrow(arena, 3000, &second));
    rmg_arena_return(arena, first, 1000);
    rmg_arena_return(arena, second, 3000);
    must(rmg_arena_borrow(arena, 3000, &ref));
    ck_assert_uint_eq(ref, second);
    used = arena->used;
    must(rmg_arena_alloc(arena, 1000, &ref)); /* and the other is on the lists */
    ck_assert_uint_eq(ref, first);
    ck_assert_uint_eq(arena->used, used);
    rmg_arena_free(&heap.heap, arena);
    ck_assert_int_eq(heap.live, 0);
}
END_TEST

/* No two live pieces overlap, whatever the order of taking and giving back. */
START_TEST(no_overlap)
{
    struct fault_heap heap = fault_heap_make(-1, false);
    struct jit_random random = jit_random_of((uint64_t)_i);
    struct rmg_arena *arena = NULL;
    struct {
        uint32_t ref;
        uint64_t size;
    } pieces[64] = {{0, 0}};
    must(rmg_arena_new(&heap.heap, 1u << 18, &arena));
    for (unsigned step = 0; step < 8000; step++) {
        unsigned at = (unsigned)jit_random_below(&random, 64);
        uint8_t *bytes = rmg_arena_at(arena, pieces[at].ref);
        bool same = true;
        for (uint64_t i = 0; i < pieces[at].size; i++) {
            same = same && bytes[i] == at;
        }
        ck_assert(same);
        if (pieces[at].ref != 0) {
            rmg_arena_release(arena, pieces[at].ref, pieces[at].size);
        }
        pieces[at].size = 1 + jit_random_below(&random, step % 8 == 0 ? 9000 : 700);
        if (rmg_arena_alloc(arena, pieces[at].size, &pieces[at].ref) != JIT_OK) {
            pieces[at].ref = 0;
            pieces[at].size = 0;
        } else {
            memset(rmg_arena_at(arena, pieces[at].ref), (int)at, pieces[at].size);
        }
    }
    rmg_arena_free(&heap.heap, arena);
}
END_TEST

START_TEST(no_memory)
{
    for (int64_t n = 0; n < 2; n++) {
        struct fault_heap heap = fault_heap_make(n, false);
        struct rmg_arena *arena = NULL;
        ck_assert_int_eq(rmg_arena_new(&heap.heap, 4096, &arena), JIT_ENOMEM);
        ck_assert_ptr_null(arena);
        ck_assert_int_eq(heap.live, 0);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "arena", 30);
    tcase_add_test(t, sizes);
    tcase_add_test(t, reuse);
    tcase_add_test(t, full_arena_cuts);
    tcase_add_test(t, a_borrowed_stretch);
    tcase_add_loop_test(t, no_overlap, 0, 4);
    tcase_add_test(t, no_memory);
}

TEST_MAIN("arena", suite)

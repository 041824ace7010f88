/* Goal:   the engine's threads run every task exactly once, really at the same time, sleep when
 *         there is nothing to do, and change no bit of what the engine makes.
 * Method: pools of 1, 2, 3 and 8 threads; tasks that wait for one another; runs of every small size
 *         one after the other; CPU time while idle; random ticks of thousands of requests compared
 *         commit by commit with those of one thread. To be run under ThreadSanitizer as well. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "kernel/event/pool.h"
#include "tests/lib/bed.h"
#include "tests/lib/tcase.h"

static const unsigned sizes[] = {1, 2, 3, 8};
#define SIZES (sizeof sizes / sizeof *sizes)

static struct shell_pool *pool_of(unsigned threads)
{
    struct shell_pool *pool = NULL;
    ck_assert_int_eq(shell_pool_new(jit_heap_libc(), threads, &pool), JIT_OK);
    ck_assert_uint_eq(shell_pool_exec(pool)->threads, threads);
    return pool;
}

static void run(struct shell_pool *pool, size_t count, void (*task)(void *, size_t), void *user)
{
    struct jit_exec *exec = shell_pool_exec(pool);
    exec->run(exec, count, task, user);
}

/* ---- tasks ---- */

#define TASKS_MAX 1000u

/* Each task writes its own place, without atomics: the end of run makes it visible. */
static void count_up(void *user, size_t index)
{
    unsigned *counts = user;
    counts[index]++;
}

START_TEST(every_task_once) /* _i: which size */
{
    static unsigned counts[TASKS_MAX];
    struct shell_pool *pool = pool_of(sizes[_i]);
    unsigned expected[TASKS_MAX] = {0};
    memset(counts, 0, sizeof counts);
    for (size_t round = 0; round < 300; round++) {
        size_t count = round < 40 ? round : (round * 37) % TASKS_MAX;
        run(pool, count, count_up, counts);
        for (size_t i = 0; i < count; i++) {
            expected[i]++;
        }
        ck_assert_msg(memcmp(counts, expected, sizeof counts) == 0, "round %zu of %u threads",
                      round, sizes[_i]);
    }
    shell_pool_free(pool);
}
END_TEST

static void meet(void *user, size_t index)
{
    (void)index;
    pthread_barrier_wait(user);
}

/* Would wait for ever if one thread ran one task after the other. */
START_TEST(at_the_same_time)
{
    for (size_t i = 0; i < SIZES; i++) {
        pthread_barrier_t barrier;
        struct shell_pool *pool = pool_of(sizes[i]);
        ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, sizes[i]), 0);
        for (int round = 0; round < 20; round++) {
            run(pool, sizes[i], meet, &barrier);
        }
        pthread_barrier_destroy(&barrier);
        shell_pool_free(pool);
    }
}
END_TEST

static uint64_t cpu_ns(void)
{
    struct timespec time;
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), 0);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

START_TEST(idle_threads_sleep)
{
    static unsigned counts[TASKS_MAX];
    struct shell_pool *pool = pool_of(8);
    run(pool, TASKS_MAX, count_up, counts);
    uint64_t before = cpu_ns();
    ck_assert_int_eq(poll(NULL, 0, 100), 0);
    ck_assert_uint_lt(cpu_ns() - before, 20000000); /* seven that spin use 700 ms */
    shell_pool_free(pool);
}
END_TEST

START_TEST(no_memory)
{
    struct fault_heap mem = fault_heap_make(0, false);
    struct shell_pool *pool = NULL;
    ck_assert_int_eq(shell_pool_new(&mem.heap, 3, &pool), JIT_ENOMEM);
    ck_assert_ptr_null(pool);
    ck_assert_int_eq(mem.live, 0);
    shell_pool_free(NULL);
}
END_TEST

/* ---- the engine ---- */

#define BATCHES 30u /* of BED_REQUESTS: a dozen tasks a tick */
#define TICKS   4u

static struct bed_batch batches[BATCHES];
static struct rmg_request requests[BATCHES * BED_REQUESTS];

/* Random requests of all kinds, wrong ones among them. */
static struct rmg_tick_input input_of(struct bed *bed)
{
    uint32_t count = 0;
    for (uint32_t b = 0; b < BATCHES; b++) {
        batches[b].count = 0;
        bed_requests(bed, &batches[b], BED_REQUESTS);
        for (uint32_t i = 0; i < batches[b].count; i++) {
            requests[count++] = batches[b].requests[i];
        }
    }
    struct rmg_tick_input input = bed_input(bed, &batches[0]);
    input.requests = requests;
    input.request_count = count;
    return input;
}

static void commits_of(struct jit_exec *exec, uint64_t seed, struct jit_id commits[TICKS])
{
    struct bed bed;
    bed_begin(&bed, 1500, 3000, seed, false);
    rmg_engine_free(bed.engine);
    ck_assert_int_eq(rmg_engine_new(jit_heap_libc(), bed.store, exec, &bed.engine), JIT_OK);
    for (uint32_t t = 0; t < TICKS; t++) {
        struct rmg_tick_output output;
        struct rmg_tick_input input = input_of(&bed);
        ck_assert_uint_gt(input.request_count, 2000);
        ck_assert_int_eq(rmg_engine_tick(bed.engine, &input, &output), JIT_OK);
        ck_assert_uint_gt(output.applied, 100);
        commits[t] = output.commit;
        bed_advance(&bed, &output);
    }
    bed_end(&bed);
}

START_TEST(same_commit_for_any_number_of_threads) /* _i: seed */
{
    struct jit_id expected[TICKS];
    struct jit_id got[TICKS];
    commits_of(jit_exec_inline(), 70 + (uint64_t)_i, expected);
    for (size_t i = 0; i < SIZES; i++) {
        struct shell_pool *pool = pool_of(sizes[i]);
        commits_of(shell_pool_exec(pool), 70 + (uint64_t)_i, got);
        shell_pool_free(pool);
        for (uint32_t t = 0; t < TICKS; t++) {
            ck_assert_msg(jit_id_equal(&expected[t], &got[t]), "seed %d, tick %u, %u threads",
                          70 + _i, t, sizes[i]);
        }
    }
}
END_TEST

/* ---- half in conflict ---- */

#define NODES    4000u
#define REQUESTS (2 * NODES)

/* Two requests for a node, with other values: one of them loses, and the other writes. */
static void contested(struct jit_exec *exec, uint64_t seed, struct jit_id commits[TICKS])
{
    static struct rmg_request both[REQUESTS];
    static struct jit_id ids[REQUESTS];
    static uint8_t params[REQUESTS][32];
    struct bed bed;
    struct rmg_fault fault;
    bed_begin(&bed, NODES, NODES, seed, false);
    rmg_engine_free(bed.engine);
    ck_assert_int_eq(rmg_engine_new(jit_heap_libc(), bed.store, exec, &bed.engine), JIT_OK);
    for (uint32_t t = 0; t < TICKS; t++) {
        struct rmg_tick_output output;
        struct bed_batch none = {.count = 0};
        struct rmg_tick_input input = bed_input(&bed, &none);
        for (uint32_t i = 0; i < REQUESTS; i++) {
            struct bed_batch one = {.count = 0};
            both[i] = *bed_request(&bed, &one, SAMPLE_PUT, i / 2);
            ids[i] = one.ids[0][0];
            memcpy(params[i], one.params[0], sizeof params[i]);
            params[i][both[i].params_size - 1] ^= (uint8_t)(i % 2 + t);
            both[i].ids = &ids[i];
            both[i].params = params[i];
            both[i].nonce = i;
        }
        input.requests = both;
        input.request_count = REQUESTS;
        ck_assert_int_eq(rmg_engine_tick(bed.engine, &input, &output), JIT_OK);
        ck_assert_uint_eq(output.applied, NODES);
        ck_assert_uint_eq(output.counts[RMG_CONFLICT], NODES);
        commits[t] = output.commit;
        bed_advance(&bed, &output);
    }
    ck_assert_int_eq(rmg_store_verify(bed.store, &bed.version, &fault), JIT_OK);
    bed_end(&bed);
}

START_TEST(same_commit_with_half_in_conflict) /* _i: seed */
{
    struct jit_id expected[TICKS];
    struct jit_id got[TICKS];
    contested(jit_exec_inline(), 90 + (uint64_t)_i, expected);
    for (size_t i = 0; i < SIZES; i++) {
        struct shell_pool *pool = pool_of(sizes[i]);
        contested(shell_pool_exec(pool), 90 + (uint64_t)_i, got);
        shell_pool_free(pool);
        for (uint32_t t = 0; t < TICKS; t++) {
            ck_assert_msg(jit_id_equal(&expected[t], &got[t]), "seed %d, tick %u, %u threads",
                          90 + _i, t, sizes[i]);
        }
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "pool", 60);
    tcase_add_loop_test(t, every_task_once, 0, (int)SIZES);
    tcase_add_test(t, at_the_same_time);
    tcase_add_test(t, idle_threads_sleep);
    tcase_add_test(t, no_memory);
    tcase_add_loop_test(t, same_commit_for_any_number_of_threads, 0, 4);
    tcase_add_loop_test(t, same_commit_with_half_in_conflict, 0, 2);
}

TEST_MAIN("pool", suite)

#include "kernel/event/pool.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/check.h"
#include "kernel/event/thread.h"

struct shell_pool {
    struct jit_exec exec; /* first */
    struct jit_heap *heap;
    pthread_mutex_t mutex; /* over all below but `next` */
    pthread_cond_t begun;  /* helpers sleep on it */
    pthread_cond_t ended;  /* the caller sleeps on it */
    size_t count;          /* of tasks */
    void (*task)(void *user, size_t index);
    void *user;
    unsigned wanted; /* helpers that may still join the run */
    unsigned active; /* helpers that have joined it and not left */
    bool running;
    bool quit;
    size_t next; /* the task that nobody has claimed yet; atomic */
    unsigned helper_count;
    pthread_t helpers[];
};

/* Take tasks until there are none. */
static void work(struct shell_pool *pool)
{
    for (;;) {
        size_t index = __atomic_fetch_add(&pool->next, 1, __ATOMIC_RELAXED);
        if (index >= pool->count) {
            return;
        }
        pool->task(pool->user, index);
    }
}

static void *helper_main(void *user)
{
    struct shell_pool *pool = user;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->wanted == 0 && !pool->quit) {
            pthread_cond_wait(&pool->begun, &pool->mutex);
        }
        if (pool->quit) {
            break;
        }
        pool->wanted--;
        pool->active++;
        pthread_mutex_unlock(&pool->mutex);
        work(pool);
        pthread_mutex_lock(&pool->mutex);
        pool->active--;
        if (pool->active == 0) {
            pthread_cond_signal(&pool->ended);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* A helper that has not woken up when all tasks are claimed is not waited for: it finds that it is
 * not wanted any more. The mutex makes what the tasks wrote visible to the caller. */
static void pool_run(struct jit_exec *exec, size_t count, void (*task)(void *, size_t), void *user)
{
    struct shell_pool *pool = (struct shell_pool *)(void *)exec;
    if (count <= 1) { /* waking somebody would take longer than the task */
        for (size_t i = 0; i < count; i++) {
            task(user, i);
        }
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    assert(!pool->running);
    assert(pool->active == 0);
    pool->running = true;
    pool->count = count;
    pool->task = task;
    pool->user = user;
    pool->wanted = count - 1 < pool->helper_count ? (unsigned)(count - 1) : pool->helper_count;
    __atomic_store_n(&pool->next, 0, __ATOMIC_RELAXED);
    unsigned wake = pool->wanted;
    pthread_mutex_unlock(&pool->mutex);
    if (wake == pool->helper_count) {
        pthread_cond_broadcast(&pool->begun);
    } else {
        for (unsigned i = 0; i < wake; i++) {
            pthread_cond_signal(&pool->begun);
        }
    }
    work(pool);
    pthread_mutex_lock(&pool->mutex);
    pool->wanted = 0;
    while (pool->active > 0) {
        pthread_cond_wait(&pool->ended, &pool->mutex);
    }
    pool->running = false;
    pthread_mutex_unlock(&pool->mutex);
}

enum jit_err shell_pool_new(struct jit_heap *heap, unsigned threads, struct shell_pool **out)
{
    assert(threads >= 1);
    assert(threads <= SHELL_POOL_THREADS_MAX);
    *out = NULL;
    struct shell_pool *pool =
        jit_heap_zalloc(heap, 1, sizeof *pool + (threads - 1) * sizeof *pool->helpers);
    if (pool == NULL) {
        return JIT_ENOMEM;
    }
    pool->exec = (struct jit_exec){.run = pool_run, .threads = threads};
    pool->heap = heap;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->begun, NULL);
    pthread_cond_init(&pool->ended, NULL);
    while (pool->helper_count < threads - 1) {
        if (!shell_thread_start(&pool->helpers[pool->helper_count], helper_main, pool)) {
            shell_pool_free(pool);
            return JIT_EIO;
        }
        pool->helper_count++;
    }
    *out = pool;
    return JIT_OK;
}

void shell_pool_free(struct shell_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    assert(!pool->running);
    pool->quit = true;
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_broadcast(&pool->begun);
    for (unsigned i = 0; i < pool->helper_count; i++) {
        pthread_join(pool->helpers[i], NULL);
    }
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->begun);
    pthread_cond_destroy(&pool->ended);
    pool->heap->free(pool->heap, pool);
}

struct jit_exec *shell_pool_exec(struct shell_pool *pool)
{
    return &pool->exec;
}

#include "kernel/event/loop.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "kernel/event/uring.h"

#define QUEUE_ENTRIES 256u
#define NS_PER_S      1000000000ull

/* A watch is named by its place and a generation, so that a late completion of a removed one is
 * recognised. */
struct watch {
    bool used;
    bool armed;
    uint32_t generation;
    uint32_t events;
    int fd;
    void (*ready)(void *user, uint32_t revents);
    void *user;
};

struct shell_loop {
    struct jit_heap *heap;
    bool uring;
    struct io_uring ring;
    struct watch *watches;
    size_t watch_count;
    size_t watch_capacity;
    struct pollfd *polls; /* ppoll only */
    size_t poll_capacity;
};

#define USER_DATA_NONE UINT64_MAX /* of completions nobody waits for */

static uint64_t name_of(const struct shell_loop *loop, size_t index)
{
    return (uint64_t)loop->watches[index].generation << 32 | index;
}

static struct watch *find(struct shell_loop *loop, uint64_t name)
{
    size_t index = (uint32_t)name;
    if (index >= loop->watch_count) {
        return NULL;
    }
    struct watch *watch = &loop->watches[index];
    return watch->used && watch->generation == name >> 32 ? watch : NULL;
}

enum jit_err shell_loop_new(struct jit_heap *heap, bool uring, struct shell_loop **out)
{
    static const uint8_t ops[] = {IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE, IORING_OP_TIMEOUT};
    struct shell_loop *loop = jit_heap_zalloc(heap, 1, sizeof *loop);
    *out = loop;
    if (loop == NULL) {
        return JIT_ENOMEM;
    }
    loop->heap = heap;
    loop->uring = uring && shell_uring_init(QUEUE_ENTRIES, ops, sizeof ops, &loop->ring) == JIT_OK;
    return JIT_OK;
}

void shell_loop_free(struct shell_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    if (loop->uring) {
        io_uring_queue_exit(&loop->ring);
    }
    loop->heap->free(loop->heap, loop->watches);
    loop->heap->free(loop->heap, loop->polls);
    loop->heap->free(loop->heap, loop);
}

static struct io_uring_sqe *sqe_of(struct shell_loop *loop)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);
    while (sqe == NULL) { /* the queue is full: what is in it goes first */
        int submitted = io_uring_submit(&loop->ring);
        assert(submitted >= 0 || submitted == -EINTR || submitted == -EAGAIN ||
               submitted == -EBUSY);
        sqe = io_uring_get_sqe(&loop->ring);
    }
    return sqe;
}

static void cancel(struct shell_loop *loop, uint64_t name)
{
    if (loop->uring) {
        struct io_uring_sqe *sqe = sqe_of(loop);
        io_uring_prep_poll_remove(sqe, name);
        sqe->user_data = USER_DATA_NONE;
    }
}

enum jit_err shell_loop_add(struct shell_loop *loop, int fd,
                            void (*ready)(void *user, uint32_t revents), void *user,
                            uint64_t *watch)
{
    size_t index = 0;
    while (index < loop->watch_count && loop->watches[index].used) {
        index++;
    }
    if (index == loop->watch_count) {
        void *data = loop->watches;
        if (jit_heap_grow(loop->heap, &data, &loop->watch_capacity, index + 1,
                          sizeof *loop->watches) != 0) {
            return JIT_ENOMEM;
        }
        loop->watches = data;
        loop->watches[index] = (struct watch){0};
        loop->watch_count++;
    }
    void *polls = loop->polls;
    if (jit_heap_grow(loop->heap, &polls, &loop->poll_capacity, loop->watch_count,
                      sizeof *loop->polls) != 0) {
        return JIT_ENOMEM;
    }
    loop->polls = polls;
    struct watch *w = &loop->watches[index];
    *w = (struct watch){
        .used = true, .generation = w->generation + 1, .fd = fd, .ready = ready, .user = user};
    *watch = name_of(loop, index);
    return JIT_OK;
}

/* A new generation for every arming that replaces an earlier one would change the watch's name;
 * instead the old poll is cancelled and its completion, which says so, is ignored. */
void shell_loop_arm(struct shell_loop *loop, uint64_t name, uint32_t events)
{
    struct watch *watch = find(loop, name);
    assert(watch != NULL);
    if (watch->armed && watch->events == events) {
        return;
    }
    if (watch->armed) {
        cancel(loop, name);
    }
    watch->armed = true;
    watch->events = events;
    if (loop->uring) {
        struct io_uring_sqe *sqe = sqe_of(loop);
        io_uring_prep_poll_add(sqe, watch->fd, events);
        sqe->user_data = name;
    }
}

void shell_loop_remove(struct shell_loop *loop, uint64_t name)
{
    struct watch *watch = find(loop, name);
    if (watch == NULL) {
        return;
    }
    if (watch->armed) {
        cancel(loop, name);
    }
    watch->used = false;
    watch->armed = false;
}

static struct timespec span(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

static unsigned fire(struct shell_loop *loop, uint64_t name, uint32_t revents)
{
    struct watch *watch = find(loop, name);
    if (watch == NULL || !watch->armed) {
        return 0;
    }
    watch->armed = false;
    watch->ready(watch->user, revents);
    return 1;
}

static unsigned run_uring(struct shell_loop *loop, uint64_t wait_ns)
{
    struct io_uring_cqe *cqe = NULL;
    int result;
    if (wait_ns == 0) {
        result = io_uring_submit(&loop->ring);
    } else if (wait_ns == UINT64_MAX) {
        result = io_uring_submit_and_wait(&loop->ring, 1);
    } else {
        struct timespec ts = span(wait_ns);
        struct __kernel_timespec limit = {.tv_sec = ts.tv_sec, .tv_nsec = ts.tv_nsec};
        result = io_uring_submit_and_wait_timeout(&loop->ring, &cqe, 1, &limit, NULL);
    }
    assert(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
           result == -EBUSY);
    unsigned ran = 0;
    while (io_uring_peek_cqe(&loop->ring, &cqe) == 0) {
        uint64_t name = cqe->user_data;
        int events = cqe->res;
        io_uring_cqe_seen(&loop->ring, cqe);
        if (name == USER_DATA_NONE || events == -ECANCELED) {
            continue;
        }
        ran += fire(loop, name, events < 0 ? (uint32_t)POLLERR : (uint32_t)events);
    }
    return ran;
}

static unsigned run_poll(struct shell_loop *loop, uint64_t wait_ns)
{
    size_t count = loop->watch_count;
    for (size_t i = 0; i < count; i++) {
        const struct watch *watch = &loop->watches[i];
        loop->polls[i] = (struct pollfd){.fd = watch->used && watch->armed ? watch->fd : -1,
                                         .events = (short)watch->events};
    }
    struct timespec ts = span(wait_ns == UINT64_MAX ? 0 : wait_ns);
    int result = ppoll(loop->polls, count, wait_ns == UINT64_MAX ? NULL : &ts, NULL);
    /* The system may be short of memory for it: the caller looks again. */
    assert(result >= 0 || errno == EINTR || errno == ENOMEM);
    if (result <= 0) {
        return 0;
    }
    /* Names first: callbacks may add and remove. */
    unsigned ran = 0;
    for (size_t i = 0; i < count; i++) {
        if (loop->polls[i].fd >= 0 && loop->polls[i].revents != 0 && loop->watches[i].used &&
            loop->watches[i].fd == loop->polls[i].fd) {
            ran += fire(loop, name_of(loop, i), (uint32_t)loop->polls[i].revents);
        }
    }
    return ran;
}

unsigned shell_loop_run(struct shell_loop *loop, uint64_t wait_ns)
{
    return loop->uring ? run_uring(loop, wait_ns) : run_poll(loop, wait_ns);
}

#include "kernel/event/waiter.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/limits.h"
#include "kernel/event/thread.h"

#define BELLS_PER_THREAD 127u
#define THREADS_MAX      ((JIT_PROCESSES_MAX + BELLS_PER_THREAD - 1) / BELLS_PER_THREAD)

struct sleeper {
    pthread_t thread;
    struct shell_waiter *waiter;
    uint32_t control; /* futex: +1 when there is something new to do */
    pthread_mutex_t mutex;
    pthread_cond_t taken; /* the thread has taken over `round` */
    uint64_t round;       /* of arming; under the mutex */
    uint64_t round_taken;
    bool quit;
    uint32_t count;
    struct shell_bell bells[BELLS_PER_THREAD];
};

struct shell_waiter {
    struct jit_heap *heap;
    int event_fd;
    uint32_t sleeper_count;
    struct sleeper *sleepers[THREADS_MAX];
};

static void announce(const struct shell_waiter *waiter)
{
    uint64_t one = 1;
    ssize_t written = write(waiter->event_fd, &one, sizeof one);
    /* EAGAIN: the counter is full, so it is readable, which is all we want. */
    assert(written == (ssize_t)sizeof one || errno == EAGAIN);
}

static bool any_rang(const struct shell_bell *bells, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (__atomic_load_n(bells[i].word, __ATOMIC_ACQUIRE) != bells[i].value) {
            return true;
        }
    }
    return false;
}

/* Sleep until a bell or the control word differs from its value; spurious wakes are the caller's.
 */
static void sleep_on(const struct shell_bell *bells, uint32_t count, const uint32_t *control,
                     uint32_t control_value)
{
    struct futex_waitv words[BELLS_PER_THREAD + 1];
    memset(words, 0, sizeof words);
    for (uint32_t i = 0; i < count; i++) {
        words[i] = (struct futex_waitv){
            .val = bells[i].value, .uaddr = (uintptr_t)bells[i].word, .flags = FUTEX_32};
    }
    words[count] = (struct futex_waitv){
        .val = control_value, .uaddr = (uintptr_t)control, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG};
    long result = syscall(SYS_futex_waitv, words, count + 1, 0, NULL, 0);
    if (result < 0 && errno == ENOMEM) { /* the system is short of it: look again in a while */
        const struct timespec while_ns = {.tv_nsec = 1000000};
        nanosleep(&while_ns, NULL);
        return;
    }
    assert(result >= 0 || errno == EAGAIN || errno == EINTR);
}

static void *sleeper_main(void *user)
{
    struct sleeper *self = user;
    struct shell_bell bells[BELLS_PER_THREAD];
    uint32_t count = 0;
    for (;;) {
        uint32_t control = __atomic_load_n(&self->control, __ATOMIC_ACQUIRE);
        pthread_mutex_lock(&self->mutex);
        if (self->round_taken != self->round) {
            count = self->count;
            memcpy(bells, self->bells, count * sizeof *bells);
            self->round_taken = self->round;
            pthread_cond_signal(&self->taken);
        }
        bool quit = self->quit;
        pthread_mutex_unlock(&self->mutex);
        if (quit) {
            return NULL;
        }
        if (count > 0 && any_rang(bells, count)) {
            announce(self->waiter);
            count = 0; /* once: whoever looks arms again */
            continue;
        }
        sleep_on(bells, count, &self->control, control);
    }
}

static void nudge(struct sleeper *self)
{
    __atomic_add_fetch(&self->control, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &self->control, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static enum jit_err add_sleeper(struct shell_waiter *waiter)
{
    struct sleeper *self = jit_heap_zalloc(waiter->heap, 1, sizeof *self);
    if (self == NULL) {
        return JIT_ENOMEM;
    }
    self->waiter = waiter;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->taken, NULL);
    if (!shell_thread_start(&self->thread, sleeper_main, self)) {
        pthread_mutex_destroy(&self->mutex);
        pthread_cond_destroy(&self->taken);
        waiter->heap->free(waiter->heap, self);
        return JIT_EIO;
    }
    waiter->sleepers[waiter->sleeper_count++] = self;
    return JIT_OK;
}

enum jit_err shell_waiter_new(struct jit_heap *heap, int event_fd, struct shell_waiter **out)
{
    *out = jit_heap_zalloc(heap, 1, sizeof **out);
    if (*out == NULL) {
        return JIT_ENOMEM;
    }
    (*out)->heap = heap;
    (*out)->event_fd = event_fd;
    return JIT_OK;
}

void shell_waiter_free(struct shell_waiter *waiter)
{
    if (waiter == NULL) {
        return;
    }
    for (uint32_t i = 0; i < waiter->sleeper_count; i++) {
        struct sleeper *self = waiter->sleepers[i];
        pthread_mutex_lock(&self->mutex);
        self->quit = true;
        pthread_mutex_unlock(&self->mutex);
        nudge(self);
        pthread_join(self->thread, NULL);
        pthread_mutex_destroy(&self->mutex);
        pthread_cond_destroy(&self->taken);
        waiter->heap->free(waiter->heap, self);
    }
    waiter->heap->free(waiter->heap, waiter);
}

/* Hand a sleeper its bells and wait until it has let go of the old ones: their memory may be
 * unmapped now. */
static void hand_over(struct sleeper *self, const struct shell_bell *bells, uint32_t count)
{
    pthread_mutex_lock(&self->mutex);
    if (count == 0 && self->count == 0) {
        pthread_mutex_unlock(&self->mutex);
        return;
    }
    bool let_go = false; /* of a word that is not among the new ones */
    for (uint32_t i = 0; i < self->count && !let_go; i++) {
        let_go = i >= count || self->bells[i].word != bells[i].word;
    }
    self->count = count;
    if (count > 0) {
        memcpy(self->bells, bells, count * sizeof *bells);
    }
    self->round++;
    nudge(self);
    while (let_go && self->round_taken != self->round) {
        pthread_cond_wait(&self->taken, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
}

enum jit_err shell_waiter_arm(struct shell_waiter *waiter, const struct shell_bell *bells,
                              uint32_t count)
{
    assert(count <= JIT_PROCESSES_MAX);
    while ((uint64_t)waiter->sleeper_count * BELLS_PER_THREAD < count) {
        enum jit_err err = add_sleeper(waiter);
        if (err != JIT_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < waiter->sleeper_count; i++) {
        uint32_t at = i * BELLS_PER_THREAD;
        uint32_t left = at < count ? count - at : 0;
        hand_over(waiter->sleepers[i], left > 0 ? bells + at : NULL,
                  left < BELLS_PER_THREAD ? left : BELLS_PER_THREAD);
    }
    return JIT_OK;
}

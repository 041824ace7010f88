/* tests/lib/coroutine.h - kernel and workers in one thread (DESIGN 10): a coroutine runs until it
 * yields, and who runs next is drawn from a seed, so every interleaving can be had again.
 *
 * A coroutine that has not ended may be freed: like a process killed at that instruction, its stack
 * is gone and nothing of it runs any more. What it held elsewhere is its owner's to take back. */
#ifndef JIT_TESTS_COROUTINE_H
#define JIT_TESTS_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct co;

#define CO_STACK_BYTES ((size_t)1 << 20)

/* run(user) begins with the first resume. Ends the program when there is no memory. */
struct co *co_new(void (*run)(void *user), void *user);
void co_free(struct co *co); /* may be NULL; not the running one */

void co_resume(struct co *co); /* from outside; until it yields or ends */
void co_yield (void);          /* from inside; outside of any coroutine: nothing */
bool co_ended(const struct co *co);
struct co *co_current(void); /* NULL outside */

/* Words to sleep on, as futexes are: who sleeps runs again only when it is woken, so a wake-up that
 * is lost stays lost and the test sees it. */
struct co_sleep {
    const uint32_t *word; /* NULL: awake */
};
/* Yields first, so that anything may happen before the comparison. */
void co_sleep_wait(struct co_sleep *sleep, const uint32_t *word, uint32_t value);
void co_sleep_wake(struct co_sleep *sleep, const uint32_t *word);

#endif

/* kernel/event/waiter.h - sleeping on many doorbells at once: threads in futex_waitv that tell the
 * event loop. Spec:  DESIGN 14.6: a thread per 127 doorbells, which sleeps on them and a control
 * word. Layer: kernel (shell). The words lie in memory that workers write: their values are
 * compared, never believed; a flood of wakes costs at most one event a sleep.
 *
 * Use: arm every bell one wants to hear with the value last seen, then sleep in the event loop on
 * the eventfd; when it is readable, look at the bells oneself and arm again before the next sleep.
 */
#ifndef JIT_KERNEL_WAITER_H
#define JIT_KERNEL_WAITER_H

#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"

struct shell_waiter;

/* One bell to hear: the word and the value at which nothing has happened. */
struct shell_bell {
    const uint32_t *word;
    uint32_t value;
};

/* event_fd: an eventfd, borrowed; 1 is added when an armed bell's word differs from its value.
 * Errors: JIT_ENOMEM, JIT_EIO (no thread). */
JIT_MUST_CHECK enum jit_err shell_waiter_new(struct jit_heap *heap, int event_fd,
                                             struct shell_waiter **out);
void shell_waiter_free(
    struct shell_waiter *waiter); /* may be NULL; its threads have ended after it */

/* Hear these bells, and only these, until one has rung once. count 0: none. The words must stay
 * mapped until the next call of arm has returned. Errors: JIT_EIO, JIT_ENOMEM (another thread was
 * needed). */
JIT_MUST_CHECK enum jit_err shell_waiter_arm(struct shell_waiter *waiter,
                                             const struct shell_bell *bells, uint32_t count);

#endif

/* proc/guest/wait.h - sleeping and waking on words of the ring by futex, allowed in profile A.
 * Layer: proc/guest; base only. For struct sys_ring_guest: user is not looked at. */
#ifndef JIT_PROC_GUEST_WAIT_H
#define JIT_PROC_GUEST_WAIT_H

#include <stdint.h>

/* Looks at the ring before it sleeps: some 20 us, as long as the supervisor looks. Less than the
 * supervisor takes for a small tick, and every tick would cost a sleep and a wake-up. */
#define GUEST_SPIN 1200u

/* Returns when it was woken, when *word is not `value`, or early. */
void guest_wait(void *user, uint32_t *word, uint32_t value);
void guest_wake(void *user, uint32_t *word);

#endif

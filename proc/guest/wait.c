#include "proc/guest/wait.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not private: the other end is another process. What FUTEX_WAIT returns does not matter, since
 * whoever waits looks again. */
void guest_wait(void *user, uint32_t *word, uint32_t value)
{
    (void)user;
    (void)syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

void guest_wake(void *user, uint32_t *word)
{
    (void)user;
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

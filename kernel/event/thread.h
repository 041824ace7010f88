/* kernel/event/thread.h - threads of the supervisor. Layer: kernel (shell). */
#ifndef JIT_KERNEL_THREAD_H
#define JIT_KERNEL_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* One that takes no signals: those are the event loop's. False: the system has no further one. */
bool shell_thread_start(pthread_t *thread, void *(*run)(void *user), void *user);

#endif

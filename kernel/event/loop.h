/* kernel/event/loop.h - the event loop: who is told when a descriptor is ready or a time has come.
 * Spec:  DESIGN 3, 11; io_uring, or ppoll where io_uring is refused (kernel.io_uring_disabled,
 * seccomp). Layer: kernel (shell). One thread.
 *
 * A watch fires once for every time it is armed: whoever was told arms it again. Watches may be
 * added and removed inside callbacks; a removed one is never called again. */
#ifndef JIT_KERNEL_LOOP_H
#define JIT_KERNEL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"

struct shell_loop;

/* Errors: JIT_ENOMEM. uring: try io_uring first. */
JIT_MUST_CHECK enum jit_err shell_loop_new(struct jit_heap *heap, bool uring,
                                           struct shell_loop **out);
void shell_loop_free(struct shell_loop *loop); /* may be NULL; descriptors stay the caller's */

/* ready(user, revents): poll's bits. *watch is its name from then on. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err shell_loop_add(struct shell_loop *loop, int fd,
                                           void (*ready)(void *user, uint32_t revents), void *user,
                                           uint64_t *watch);
/* Tell once when one of events (POLLIN, POLLOUT) is there. Armed already: with these events
 * instead. */
void shell_loop_arm(struct shell_loop *loop, uint64_t watch, uint32_t events);
void shell_loop_remove(struct shell_loop *loop, uint64_t watch);

/* Run what is ready; with wait_ns > 0 sleep until something is, at most so long (UINT64_MAX: no
 * bound). Returns how many callbacks ran. Errors: none that a caller could act on; the loop
 * asserts. */
unsigned shell_loop_run(struct shell_loop *loop, uint64_t wait_ns);

#endif

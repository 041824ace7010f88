/* proc/guest/explore.h - a process that tries futures: each tick it carries its rules out in so
 * many branches, with other draws in each, asks each what it is worth, and collapses the best.
 * Spec:  DESIGN 7.3; docs/spec/rules.md "Explore". Layer: proc/guest; as the space is. Pure.
 *
 * A future is a function of the version, the tick, the seed and its number: its draws are those of
 * a rule that is tried again so often. It keeps nothing from tick to tick. */
#ifndef JIT_PROC_GUEST_EXPLORE_H
#define JIT_PROC_GUEST_EXPLORE_H

#include "proc/guest/space.h"

struct guest_explore;

/* Borrows all of it. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err guest_explore_new(struct jit_heap *heap,
                                              const struct sys_boot_view *boot,
                                              struct guest_loop *loop, struct guest_space *space,
                                              struct guest_explore **out);
void guest_explore_free(struct guest_explore *explore); /* may be NULL */

/* Wait for the next tick, try, ask for what the best future has changed, say done. Errors: as
 * guest_loop_tick. */
JIT_MUST_CHECK enum jit_err guest_explore_tick(struct guest_explore *explore);

#endif

/* proc/guest/nest.h - the instances of a worker's view by their ids: where the portals of a pattern
 * lead. Spec:  docs/spec/rules.md "Behind a portal"; docs/spec/ring.md "View". Layer: proc/guest;
 * base, rmg, syscall/view. Pure. */
#ifndef JIT_PROC_GUEST_NEST_H
#define JIT_PROC_GUEST_NEST_H

#include "base/heap.h"
#include "syscall/view.h"

struct guest_nest_entry {
    struct jit_id instance;
    uint64_t offset;
};

struct guest_nest {
    const struct sys_view_guest *view;
    struct guest_nest_entry *entries; /* ascending by instance */
    uint32_t count;
    uint64_t version; /* the one that is looked at; the caller's to set */
    struct rmg_nest nest;
};

/* The view, and the nest itself, must stay where they are. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err guest_nest_init(struct guest_nest *nest, struct jit_heap *heap,
                                            const struct sys_view_guest *view);
void guest_nest_release(struct guest_nest *nest, struct jit_heap *heap);

#endif

/* proc/host/spare_priv.h - a worker as far as it goes before anybody knows which one it will be.
 * Spec:  SANDBOX 2.1. Layer: proc/host, private.
 *
 * Namespaces, user, empty root, control group, no capabilities, no new privileges, Landlock: none
 * of it depends on the program, and together it is nearly all that a start takes. A spare has done
 * it and waits; its order brings what is left: descriptors, limits, class, filter, program. Until
 * then it holds one descriptor, and its end of file is its end. */
#ifndef JIT_PROC_HOST_SPARE_PRIV_H
#define JIT_PROC_HOST_SPARE_PRIV_H

#include "proc/host/spawn.h"

struct host_spare {
    struct host_child child;
    int channel;
    uint32_t place; /* its uid outside and its control group */
    const struct host_cgroups *cgroups;
};
#define HOST_SPARE_NONE                                                                            \
    {                                                                                              \
        .child = HOST_CHILD_NONE, .channel = -1                                                    \
    }

/* sibling: it becomes a child of the caller's parent. place: of no other process that lives. It may
 * be on its way still when this returns: what goes wrong from then on host_spare_start() says.
 * Errors: as host_spawn(); then out->child is none, or one that has been killed and is to be
 * reaped. */
JIT_MUST_CHECK enum jit_err host_spare_make(const struct host_probe *probe,
                                            const struct host_cgroups *cgroups, uint32_t place,
                                            bool sibling, struct host_spare *out,
                                            struct host_fault *fault);
/* It has ended, and not because a step failed: somebody killed it while it waited. */
bool host_spare_lost(const struct host_spare *spare);
/* Make it the worker of `spec`, whose slot and control groups are not asked for; returns when its
 * loader has been executed. The spare's child is the caller's from then on, also on error, when it
 * has been killed and is to be reaped. Errors: as host_spawn(). */
JIT_MUST_CHECK enum jit_err host_spare_start(struct host_spare *spare,
                                             const struct host_spawn_spec *spec,
                                             struct host_fault *fault);
/* Closes the channel, which ends one that waits; its child stays the caller's. */
void host_spare_leave(struct host_spare *spare);

#endif

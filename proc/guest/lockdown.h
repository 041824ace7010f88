/* proc/guest/lockdown.h - the last steps of a worker's confinement, taken by its loader.
 * Spec:  SANDBOX 2.1 "The loader (A)" (profile A). Layer: proc/guest; may include base/ only.
 *
 * proc/host has done the rest before the loader's first instruction. What is left needs the
 * loader's maps: seal them, close all descriptors, load the last filter. Untrusted bytes are read
 * only after this has returned JIT_OK; if it has not, exit. */
#ifndef JIT_PROC_GUEST_LOCKDOWN_H
#define JIT_PROC_GUEST_LOCKDOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A map whose place and protection are never to change again. */
struct guest_range {
    void *base;
    size_t size;
};

struct guest_lockdown {
    const struct guest_range *ranges;
    size_t ranges_count;
    const void *filter; /* a host_filter: u16 count, 6 zero bytes, count x 8 bytes */
    size_t filter_size;
    bool mseal_required; /* else a kernel without it (before 6.10) is let through */
};

/* Afterwards: no descriptor is open, the maps are sealed, and a system call outside profile A kills
 * this process. In a sanitizer build: nothing happens, JIT_OK.
 * Errors: JIT_EFORMAT (filter bytes), JIT_ENOTSUP (mseal is required and missing), JIT_EPERM (this
 *         process is not confined: it was not started by proc/host), JIT_EIO. */
JIT_MUST_CHECK enum jit_err guest_lockdown(const struct guest_lockdown *what);

#endif

/* proc/host/filter_priv.h - from libseccomp's context to the instructions of a filter.
 * Layer: proc/host, private. */
#ifndef JIT_PROC_HOST_FILTER_PRIV_H
#define JIT_PROC_HOST_FILTER_PRIV_H

#include "proc/host/filter.h"

/* ctx is an scmp_filter_ctx; it stays the caller's. Errors: JIT_ELIMIT (more than HOST_FILTER_MAX
 * instructions), JIT_ENOMEM, JIT_EIO. */
JIT_MUST_CHECK enum jit_err host_filter_take(void *ctx, struct host_filter *out);

#endif

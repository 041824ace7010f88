/* proc/host/oserr_priv.h - an errno as one of our errors.
 * Layer: proc/host, private. */
#ifndef JIT_PROC_HOST_OSERR_PRIV_H
#define JIT_PROC_HOST_OSERR_PRIV_H

#include <errno.h>

#include "base/err.h"

static inline enum jit_err host_os_err(int os_errno)
{
    switch (os_errno) {
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN: /* clone3: a limit on processes */
        return JIT_ENOMEM;
    case ENOSPC:
        return JIT_ENOSPC;
    case EPERM:
    case EACCES:
        return JIT_EPERM;
    case ENOENT:
        return JIT_ENOENT;
    case ENOSYS:
    case EINVAL:
    case EOPNOTSUPP:
        return JIT_ENOTSUP;
    default:
        return JIT_EIO;
    }
}

#endif

#include "base/err.h"

#include <errno.h>

const char *jit_err_name(enum jit_err err)
{
    switch (err) {
    case JIT_OK:
        return "JIT_OK";
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return #name;
        JIT_ERR_MAP(X)
#undef X
    }
    return "JIT_?";
}

const char *jit_err_text(enum jit_err err)
{
    switch (err) {
    case JIT_OK:
        return "no error";
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return text;
        JIT_ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

enum jit_err jit_err_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return JIT_ENOSPC;
    case ENOENT:
    case ENOTDIR:
        return JIT_ENOENT;
    case EEXIST:
        return JIT_EEXIST;
    case ENOMEM:
        return JIT_ENOMEM;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
        return JIT_EPERM;
    default:
        return JIT_EIO;
    }
}

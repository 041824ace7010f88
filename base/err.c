#include "base/err.h"

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

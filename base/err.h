/* base/err.h - the one list of errors that cross a module's border.
 * Spec:  STYLE "three kinds of failure": these are the second kind, the world failed, and
 *        the third, somebody else's bytes. Our own bugs are asserts (base/check.h).
 * Numbers are ABI: add at the end, never renumber. */
#ifndef JIT_BASE_ERR_H
#define JIT_BASE_ERR_H

#define JIT_ERR_MAP(X)                                                                             \
    X(JIT_ENOMEM, -1, "out of memory")                                                             \
    X(JIT_EFORMAT, -2, "bytes do not follow the specification")                                    \
    X(JIT_ENOENT, -3, "no such thing")                                                             \
    X(JIT_ECAP, -4, "no capability with the needed right")                                         \
    X(JIT_EIO, -5, "input or output failed")                                                       \
    X(JIT_ENOSPC, -6, "no space left")                                                             \
    X(JIT_EEXIST, -7, "it exists already")                                                         \
    X(JIT_ELIMIT, -8, "a limit is exceeded")                                                       \
    X(JIT_EINVALID, -9, "the result would not be a valid state")                                   \
    X(JIT_ECORRUPT, -10, "stored bytes are damaged")                                               \
    X(JIT_ESTALE, -11, "the reference is stale")                                                   \
    X(JIT_EAGAIN, -12, "not now, try again")                                                       \
    X(JIT_EBUSY, -13, "in use by somebody else")                                                   \
    X(JIT_EVERSION, -14, "unknown major version")                                                  \
    X(JIT_ENOTSUP, -15, "not supported here")                                                      \
    X(JIT_EPEER, -16, "the other side broke the protocol")                                         \
    X(JIT_EDANGLING, -17, "an edge would be left without an end")                                  \
    X(JIT_EBUDGET, -18, "over the budget")                                                         \
    X(JIT_EDIVERGED, -19, "a replay gave another result")                                          \
    X(JIT_ENOMATCH, -20, "the rule does not apply")                                                \
    X(JIT_EBASE, -21, "the base is another version")                                               \
    X(JIT_EPERM, -22, "the operating system does not permit it")                                   \
    X(JIT_ECONFLICT, -23, "two different values for one slot")                                     \
    X(JIT_EQUOTA, -24, "it would have more than its quota allows")

enum jit_err {
    JIT_OK = 0,
#define X(name, value, text) name = (value),
    JIT_ERR_MAP(X)
#undef X
};

#define JIT_MUST_CHECK __attribute__((warn_unused_result))

/* The name ("JIT_EIO") and the text of an error; never NULL. */
const char *jit_err_name(enum jit_err err);
const char *jit_err_text(enum jit_err err);

/* What an errno of the file system means here; JIT_EIO for whatever has no name of its own. */
enum jit_err jit_err_of_errno(int error);

#endif

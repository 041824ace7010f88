/* kernel/checkpoint/head.h - which branch of a data folder is the one in use.
 * Spec:  DESIGN 9.3 "rollback = move the head, keep the history"; docs/spec/checkpoint.md
 * "Branches". Layer: kernel; over struct jit_io only (base).
 *
 * Shape:  a branch is a data folder of its own, "branches/" || name below the one it left. The file
 * HEAD holds "branch " || name || "\n"; without it the head is the folder itself, "main".
 * HEAD.next, "branch " || name || " " || 32 hex digits || "\n", names a branch that is being made
 * to be the head, and the log that it will have: it is the head from the moment that this log is
 * there, so a rollback has one moment at which it happens, and whatever else is made under that
 * name is not it. */
#ifndef JIT_KERNEL_HEAD_H
#define JIT_KERNEL_HEAD_H

#include "base/io.h"
#include "kernel/log/log.h"

#define HEAD_MAIN     "main"
#define HEAD_NAME_MAX 64u
#define HEAD_BRANCHES "branches"

/* Errors: JIT_ECORRUPT (the file is not what it should be), the storage seam's. */
JIT_MUST_CHECK enum jit_err head_read(struct jit_io *io, char name[HEAD_NAME_MAX + 1]);
/* Move it: before this returns JIT_OK a crash leaves the old one or the new one. name: as
 * ckpt_name_good. Errors: the storage seam's. */
JIT_MUST_CHECK enum jit_err head_write(struct jit_io *io, const char *name);

/* HEAD.next. Whether its branch is there is the caller's to see: that of a try that was cut off is
 * not. read: JIT_ENOENT, there is none. write and read: errors as above. take: HEAD is what was
 * read of HEAD.next, which is gone. drop: there is none any more; it may not have been there. */
struct head_next {
    char name[HEAD_NAME_MAX + 1];
    uint8_t uuid[LOG_UUID_BYTES]; /* of the log that its branch will have */
};
JIT_MUST_CHECK enum jit_err head_next_read(struct jit_io *io, struct head_next *out);
JIT_MUST_CHECK enum jit_err head_next_write(struct jit_io *io, const struct head_next *next);
JIT_MUST_CHECK enum jit_err head_next_take(struct jit_io *io, const struct head_next *next);
JIT_MUST_CHECK enum jit_err head_next_drop(struct jit_io *io);

#endif

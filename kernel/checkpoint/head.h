/* kernel/checkpoint/head.h - which branch of a data folder is the one in use.
 * Spec:  DESIGN 9.3 "rollback = move the head, keep the history"; docs/spec/checkpoint.md
 * "Branches". Layer: kernel; over struct jit_io only (base).
 *
 * Shape:  a branch is a data folder of its own, "branches/" || name below the one it left. The file
 * HEAD holds "branch " || name || "\n"; without it the head is the folder itself, "main".
 * HEAD.next, in the same form, names a branch that is being made to be the head: it is the head
 * from the moment that the branch is there, so a rollback has one moment at which it happens. */
#ifndef JIT_KERNEL_HEAD_H
#define JIT_KERNEL_HEAD_H

#include "base/io.h"

#define HEAD_MAIN     "main"
#define HEAD_NAME_MAX 64u
#define HEAD_BRANCHES "branches"

/* Errors: JIT_ECORRUPT (the file is not what it should be), the storage seam's. */
JIT_MUST_CHECK enum jit_err head_read(struct jit_io *io, char name[HEAD_NAME_MAX + 1]);
/* Move it: before this returns JIT_OK a crash leaves the old one or the new one. name: as
 * ckpt_name_good. Errors: the storage seam's. */
JIT_MUST_CHECK enum jit_err head_write(struct jit_io *io, const char *name);

/* HEAD.next. Whether its branch is there is the caller's to see: that of a try that was cut off is
 * not. read: JIT_ENOENT, there is none. write and read: errors as above. take: HEAD.next becomes
 * HEAD. drop: there is none any more; it may not have been there. */
JIT_MUST_CHECK enum jit_err head_next_read(struct jit_io *io, char name[HEAD_NAME_MAX + 1]);
JIT_MUST_CHECK enum jit_err head_next_write(struct jit_io *io, const char *name);
JIT_MUST_CHECK enum jit_err head_next_take(struct jit_io *io);
JIT_MUST_CHECK enum jit_err head_next_drop(struct jit_io *io);

#endif

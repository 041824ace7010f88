/* kernel/load.h - a checkpoint's state, read by two threads. Spec:  DESIGN 9.3; docs/spec/image.md.
 * Layer: kernel (shell).
 *
 * As ckpt_load. A large state is read by the caller's thread and one more, which has ended when
 * this returns: one reads, the other one proves and judges what was read. Where the system has no
 * further thread for us, the caller's does everything. Nothing of the result depends on it. The
 * heap is taken from by the caller's thread alone; io by one thread at a time. */
#ifndef JIT_KERNEL_LOAD_H
#define JIT_KERNEL_LOAD_H

#include "kernel/checkpoint/checkpoint.h"

JIT_MUST_CHECK enum jit_err shell_load(struct jit_heap *heap, struct jit_io *io,
                                       const struct ckpt_manifest *manifest,
                                       struct rmg_store *store, struct rmg_version *out,
                                       const char **why);

#endif

/* kernel/core/image.h - programs of workers (`exec`), kept in the root graph like everything else
 * that a run depends on: so a data folder, a checkpoint or a log is enough to run them again.
 * Spec:  DESIGN 7.1, 9.1; docs/spec/root-graph.md "/sys". Layer: kernel/core; pure.
 *
 * A program's bytes are a node of /sys, in parts of at most 1 MiB; its id is derived from their
 * hash, so a program that two processes run lies there once. What the bytes are is nobody's
 * business here: proc/host judges them before they are executed. */
#ifndef JIT_KERNEL_CORE_IMAGE_H
#define JIT_KERNEL_CORE_IMAGE_H

#include "base/buf.h"
#include "rmg/change/collect.h"
#include "rmg/store/store.h"

#define KERN_IMAGE_BYTES_MAX ((size_t)64 << 20)

/* BLAKE3("image:" || BLAKE3(bytes)). */
void kern_image_id(const uint8_t *bytes, size_t size, struct jit_id *out);

/* Add a program to a genesis, unless it is there. Errors: JIT_ELIMIT (nothing, or more than
 * KERN_IMAGE_BYTES_MAX), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err kern_image_collect(struct rmg_collect *collect, const uint8_t *bytes,
                                               size_t size, struct jit_id *id);
/* Member `index` of a process that was collected runs this program. */
JIT_MUST_CHECK enum jit_err kern_image_run_by(struct rmg_collect *collect, const char *process,
                                              uint32_t index, const struct jit_id *image);

/* All of its bytes, appended to out. Errors: JIT_EINVALID (there is no such program, or its bytes
 * are not those of its id), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err kern_image_read(const struct rmg_store *store,
                                            const struct rmg_version *version,
                                            const struct jit_id *id, struct jit_buf *out);

#endif

/* kernel/core/root_priv.h - what the writer (root.c) and the reader (root_read.c) of the root graph
 * share. */
#ifndef JIT_KERNEL_CORE_ROOT_PRIV_H
#define JIT_KERNEL_CORE_ROOT_PRIV_H

#include "kernel/core/root.h"

#define KERN_ROOT_VERSION     1u
#define KERN_CAPABILITY_BYTES (6u * 4 + 4 * JIT_ID_BYTES + 16)

void kern_type_id(const char *name, struct jit_id *out);
void kern_process_id(const char *name, uint32_t index, struct jit_id *out);

#endif

/* kernel/core/root_priv.h - what the writer (root.c) and the reader (root_read.c) of the root graph
 * share. */
#ifndef JIT_KERNEL_CORE_ROOT_PRIV_H
#define JIT_KERNEL_CORE_ROOT_PRIV_H

#include "kernel/core/root.h"

#define KERN_ROOT_VERSION     1u
#define KERN_CAPABILITY_BYTES (6u * 4 + 4 * JIT_ID_BYTES + 16)

/* The atoms of a capability (docs/spec/root-graph.md "/sec"). */
#define KERN_MADE_BYTES (8u + 8 + JIT_ID_BYTES)
#define KERN_LEFT_BYTES 16u
void kern_capability_record(const struct kern_root_capability *cap, const struct jit_id *holder,
                            uint8_t out[KERN_CAPABILITY_BYTES]);

/* The id of the edge of a triple there is one of (DESIGN 4.1). */
void kern_edge_id(const struct jit_id *from, const struct jit_id *to, const struct jit_id *type,
                  struct jit_id *out);

void kern_type_id(const char *name, struct jit_id *out);
/* A type that is in /schema only where something has it; no word of the language, so no system file
 * has one of its name. */
JIT_MUST_CHECK enum jit_err kern_root_type(struct rmg_collect *collect, const char *name);
#define KERN_INVARIANT_TYPE "sys:invariant"
#define KERN_INVARIANTS_MAX 1024u
/* A node of /sys with the atoms `text` and `program`. */
JIT_MUST_CHECK enum jit_err kern_root_program(struct rmg_collect *collect, const struct jit_id *id,
                                              const struct jit_id *type, const char *text,
                                              size_t text_size, const uint8_t *program,
                                              size_t program_size);
void kern_process_id(const char *name, uint32_t index, struct jit_id *out);

#endif

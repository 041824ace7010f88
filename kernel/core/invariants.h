/* kernel/core/invariants.h - the invariants of a system in its first version.
 * Spec:  DESIGN 6, 9.1; docs/spec/root-graph.md "/sys". Layer: kernel/core; pure.
 *
 * A tick asks of each rewrite whether it breaks one (rmg/rules/invariant.h); that is enough if they
 * hold to begin with. */
#ifndef JIT_KERNEL_CORE_INVARIANTS_H
#define JIT_KERNEL_CORE_INVARIANTS_H

#include "rmg/change/collect.h"
#include "rmg/store/store.h"

/* One invariant in /sys. */
JIT_MUST_CHECK enum jit_err kern_root_invariant(struct rmg_collect *collect, const char *name,
                                                const char *text, size_t text_size,
                                                const uint8_t *program, size_t program_size);
/* Do all that /sys has hold in /world and below? Looks at the whole graph. text: what is wrong.
 * Errors: JIT_EINVALID (one does not, or /sys is none), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err kern_invariants_hold(struct jit_heap *heap,
                                                 const struct rmg_store *store,
                                                 const struct rmg_version *version, char *text,
                                                 size_t text_size);

#endif

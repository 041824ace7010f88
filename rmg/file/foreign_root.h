/* rmg/file/foreign_root.h - the state under two other definitions of its root, for audit and
 * interchange. Spec:  DESIGN 4.3 (linear); docs/spec/state-root.md "Other roots". Layer: rmg; base
 * only.
 *
 * Neither is the state root, neither goes into a commit. The linear one has no counts: with chosen
 * ids two different states have the same bytes, so it is never signed nor compared for trust.
 * Echo's covers only what its root reaches. */
#ifndef JIT_RMG_FOREIGN_ROOT_H
#define JIT_RMG_FOREIGN_ROOT_H

#include "rmg/file/wsc.h"

/* The root of the specification's tour: all instances, nodes, edges and attachments in a row.
 * Memory: 128 bytes an edge of the node with most. Errors: JIT_EINVALID (the empty version),
 * JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_linear_root(struct jit_heap *heap, const struct rmg_store *store,
                                            const struct rmg_version *version, struct jit_id *out);

/* What Echo calls the state root of the same content, beginning at the top's root node. Memory:
 * about 50 bytes a node. owner may be NULL. Errors: JIT_ENOTSUP (an attachment with a name, which
 * Echo does not have; then owner says which), JIT_EINVALID (the empty version), JIT_ENOMEM,
 * JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_echo_root(struct jit_heap *heap, const struct rmg_store *store,
                                          const struct rmg_version *version, struct jit_id *out,
                                          struct rmg_wsc_owner *owner);

#endif

/* rmg/change/patch_priv.h - reading a patch without copying it: what decode, apply and stream
 * share. Spec: docs/spec/patch.md. Layer: rmg; base only. */
#ifndef JIT_RMG_PATCH_PRIV_H
#define JIT_RMG_PATCH_PRIV_H

#include "rmg/change/patch.h"

#define PATCH_ORIGIN_BYTES 8u
#define PATCH_VERSION      1u

/* One operation with its origins left where they lie: op.origins is NULL, op.origin_count their
 * number, already checked to ascend. */
struct patch_raw {
    struct rmg_op op;
    const uint8_t *origins;
};

JIT_MUST_CHECK enum jit_err
patch_raw_decode(struct jit_cursor *cur, struct rmg_parent *parent_space, struct patch_raw *out);
struct rmg_origin patch_origin_at(const uint8_t *origins, uint32_t index);

/* Walks a whole patch in order and checks all that can be checked without a state: counts, the
 * order of slots and operations, that no slot has two operations. */
struct patch_walk {
    struct jit_cursor cur;
    struct jit_id base_root;
    uint64_t left;              /* operations not read yet */
    const uint8_t *section[10]; /* where the operations of each kind begin; NULL: none */
    const uint8_t *section_end[10];
    struct jit_cursor deletions; /* companion of the current kind: what it may not meet */
    enum rmg_op_kind companion_of;
    struct patch_raw previous;
    struct patch_raw companion;
    bool has_previous;
    bool has_companion;
    struct rmg_parent parents[3]; /* of the operation being read, the previous, the companion */
};

JIT_MUST_CHECK enum jit_err patch_walk_begin(struct patch_walk *walk, const uint8_t *bytes,
                                             size_t size);
/* The next operation, valid until the call after; JIT_ENOENT at the end, which has been reached
 * exactly. */
JIT_MUST_CHECK enum jit_err patch_walk_next(struct patch_walk *walk, struct patch_raw **out);

/* Hash of the value that an operation on a node, edge or attachment replaces in this graph; zero if
 * there is none. Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err patch_prior(const struct rmg_graph *graph, const struct rmg_op *op,
                                        struct jit_id *out);

#endif

/* rmg/change/amount.h - how much a version has: what a quota is about.
 * Spec:  DESIGN 7.4 (quotas are logical); docs/spec/rules.md "Policies".
 * Layer: rmg; base only. */
#ifndef JIT_RMG_AMOUNT_H
#define JIT_RMG_AMOUNT_H

#include "rmg/change/diff.h"

/* Over all instances of a version. */
struct rmg_amount {
    uint64_t nodes;
    uint64_t edges;
    uint64_t bytes; /* of atoms; a portal has none */
};
#define RMG_AMOUNT_ANY                                                                             \
    {                                                                                              \
        .nodes = UINT64_MAX, .edges = UINT64_MAX, .bytes = UINT64_MAX                              \
    }

static inline bool rmg_amount_within(const struct rmg_amount *use, const struct rmg_amount *most)
{
    return use->nodes <= most->nodes && use->edges <= most->edges && use->bytes <= most->bytes;
}
/* Is there a quota at all? */
static inline bool rmg_amount_bounded(const struct rmg_amount *most)
{
    return most->nodes != UINT64_MAX || most->edges != UINT64_MAX || most->bytes != UINT64_MAX;
}

/* use: of `before`; becomes that of what a patch on it makes, which has been applied without error.
 * O(operations x log n). Errors: of rmg_patch_each; JIT_ECORRUPT; then it is as it was. */
JIT_MUST_CHECK enum jit_err rmg_patch_amount(struct jit_heap *heap, const struct rmg_state *before,
                                             const uint8_t *patch, size_t patch_size,
                                             struct rmg_amount *use);
/* The same from two versions. Errors: of rmg_diff. */
JIT_MUST_CHECK enum jit_err rmg_diff_amount(const struct rmg_state *before,
                                            const struct rmg_state *after, struct rmg_amount *use);

#endif

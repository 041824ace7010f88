/* kernel/checkpoint/checkpoint_beside.h - segments of a checkpoint that say what processes have
 * beside the state. Spec:  docs/spec/checkpoint.md "Beside the state". Layer: kernel. */
#ifndef JIT_KERNEL_CHECKPOINT_BESIDE_H
#define JIT_KERNEL_CHECKPOINT_BESIDE_H

#include "kernel/checkpoint/checkpoint_segment.h"

/* What processes have beside the state (kernel/core/beside.h): pinned versions. */
struct ckpt_own {
    struct jit_id process;
    const struct rmg_store *store;
    struct rmg_version now;
    struct rmg_version base; /* as it is in the base; the empty one: it is not there */
};
struct ckpt_beside {
    struct ckpt_own *owns; /* ascending by process */
    uint32_t own_count;
    struct kern_death *deaths; /* oldest first */
    uint32_t death_count;
    bool same_deaths; /* as in the base */
};
/* All of it as it is now; borrows the graphs. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err ckpt_beside_of(struct jit_heap *heap, const struct kern_beside *beside,
                                           struct ckpt_beside *out);
void ckpt_beside_release(struct jit_heap *heap, struct ckpt_beside *beside);

JIT_MUST_CHECK enum jit_err ckpt_beside_write(struct ckpt_job *job);
/* All of it, whole, piece by piece. Errors: write's, JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err
ckpt_beside_encode(struct jit_heap *heap, const struct ckpt_beside *beside, bool whole,
                   enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                   void *user);
JIT_MUST_CHECK enum jit_err ckpt_beside_decode(struct jit_heap *heap, const uint8_t *bytes,
                                               uint64_t size, bool whole, struct kern_beside *out);
/* Behind the last segment; err is how decoding went. On an error nothing is left, and what is wrong
 * with the segments is JIT_ECORRUPT, *why in words. */
JIT_MUST_CHECK enum jit_err ckpt_beside_end(struct kern_beside *out, enum jit_err err,
                                            const char **why);

/* What processes had beside the checkpoint's state, into what is empty. *why says in words what is
 * wrong. Errors: as of ckpt_load. */
JIT_MUST_CHECK enum jit_err ckpt_load_beside(struct jit_heap *heap, struct jit_io *io,
                                             const struct ckpt_manifest *manifest,
                                             struct kern_beside *out, const char **why);

#endif

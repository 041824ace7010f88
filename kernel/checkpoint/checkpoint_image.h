/* kernel/checkpoint/checkpoint_image.h - the image of a checkpoint's whole state, so that reading
 * it needs no building. Spec:  docs/spec/image.md has every byte. Layer: kernel; over struct jit_io
 * and rmg.
 *
 * Shape:  "ckpt/" || 64 hex digits || ".img" beside the segment of that name, a whole state, says
 * which file of blocks is its image, and is signed with the folder's own key; the blocks are a file
 * of "ckpt/" named by the BLAKE3 of its bytes. Whatever is wrong with either, the state itself is
 * there: an image is never needed. */
#ifndef JIT_KERNEL_CHECKPOINT_IMAGE_H
#define JIT_KERNEL_CHECKPOINT_IMAGE_H

#include "base/exec.h"
#include "kernel/checkpoint/checkpoint_segment.h"

#define CKPT_IMAGE_SUFFIX ".img"

void ckpt_image_name(const struct jit_id *segment, char name[CKPT_FILE_NAME_MAX]);

/* Durable on JIT_OK. Errors: as ckpt_write; nothing is left but what the next removal takes. */
JIT_MUST_CHECK enum jit_err ckpt_image_write(struct ckpt_job *job,
                                             const struct ckpt_segment *state);

/* The state of a segment from its image, into a store in which nothing was yet. Errors: JIT_ENOENT
 * (it has none), JIT_ECORRUPT, JIT_EVERSION, JIT_ENOMEM, JIT_ENOSPC, JIT_ELIMIT, the seam's: then
 * the store is as it was. On two threads of exec its bytes are judged while more are read. */
JIT_MUST_CHECK enum jit_err ckpt_image_load(struct jit_heap *heap, struct jit_io *io,
                                            struct jit_exec *exec, const struct jit_id *segment,
                                            struct rmg_store *store, struct rmg_version *out);

/* Which file the blocks of a segment's image are, as its first bytes say; nothing is proved.
 * Errors: JIT_ENOENT (it has none), JIT_ECORRUPT, the seam's. */
JIT_MUST_CHECK enum jit_err ckpt_image_blob(struct jit_io *io, const struct jit_id *segment,
                                            struct jit_id *id, uint64_t *size);
/* Its bytes and its signature. Errors: JIT_ENOENT (it has none), JIT_ECORRUPT, JIT_EVERSION,
 * JIT_ENOMEM, the seam's. */
JIT_MUST_CHECK enum jit_err ckpt_image_verify(struct jit_heap *heap, struct jit_io *io,
                                              const struct jit_id *segment);

/* The index of an image in another folder, signed with this one's key instead; the blocks are the
 * caller's to bring. Errors: as verify, and of writing. */
JIT_MUST_CHECK enum jit_err ckpt_image_take(struct jit_heap *heap, struct jit_io *from,
                                            struct jit_io *to,
                                            const uint8_t seed[JIT_SIGN_SEED_BYTES],
                                            const struct jit_id *segment);

#endif

/* kernel/checkpoint/checkpoint.h - a state on disk from which the log can be replayed, in place of
 * the genesis. Spec:  DESIGN 9.3; docs/spec/checkpoint.md has every byte. Layer: kernel; over
 * struct jit_io only (base) and the graph (rmg). No clock, no thread of its own.
 *
 * Shape:  "ckpt/" || 64 hex digits is a segment, named by the BLAKE3 of its bytes: a whole state as
 * an .rmg file, or a patch on the state that the segments before it give. "ckpt/" || 64 hex digits
 * || ".ckpt" is a manifest, named by the BLAKE3 of its bytes up to the envelope with its
 * signatures. A manifest names all its segments, so it needs no other one. Segments are synced
 * before the manifest that names them; a checkpoint is there when its manifest is.
 * Units:  bytes, ticks. */
#ifndef JIT_KERNEL_CHECKPOINT_H
#define JIT_KERNEL_CHECKPOINT_H

#include "base/exec.h"
#include "kernel/checkpoint/checkpoint_beside.h"
#include "kernel/checkpoint/checkpoint_segment.h"
#include "kernel/checkpoint/manifest.h"

/* ---- writing ---- */

/* Durable on JIT_OK. One writer of a folder at a time: its owner. A name is of one tick; what is
 * kept of this tick may be kept under it again. Errors: JIT_EEXIST (the name is that of another
 * tick), JIT_EAGAIN (stop), JIT_ENOSPC, JIT_EIO, JIT_ENOMEM, JIT_ECORRUPT (the state). Whatever the
 * error, the checkpoints that were there are as they were. */
JIT_MUST_CHECK enum jit_err ckpt_write(struct ckpt_job *job);
/* Why it was not written, in words. */
void ckpt_write_why(const struct ckpt_job *job, enum jit_err err, char *text, size_t size);

/* ---- reading ---- */

/* One manifest that is there. */
struct ckpt_entry {
    struct jit_id id; /* as its file is named */
    enum jit_err err; /* JIT_OK: it verifies; else why not */
    const char *why;  /* in words; "" */
    uint8_t signer[JIT_SIGN_PUBLIC_BYTES];
    uint64_t size;                  /* of the file */
    struct ckpt_manifest *manifest; /* NULL unless err is JIT_OK */
};
struct ckpt_list {
    struct jit_heap *heap;
    struct ckpt_entry *entries; /* by tick, the newest first; those that do not verify at the end */
    size_t count;
    size_t capacity;
};
/* All of the folder, with their signatures checked. uuid: those of this log alone; NULL: all.
 * A folder without "ckpt" has none. Errors: JIT_ENOMEM, the storage seam's. */
JIT_MUST_CHECK enum jit_err ckpt_list_read(struct jit_heap *heap, struct jit_io *io,
                                           const uint8_t *uuid, struct ckpt_list *out);
void ckpt_list_release(struct ckpt_list *list);
/* By name, or by at least 8 digits of its id, or "@" and its tick. NULL: there is none. */
const struct ckpt_entry *ckpt_list_find(const struct ckpt_list *list, const char *word);

/* The one that stands in place of the genesis: the log begins behind it, or what lies before it was
 * given up (its first segment is not 1). NULL: there is a genesis, or nothing to begin with. */
const struct ckpt_entry *ckpt_list_start(const struct ckpt_list *list, uint64_t first_segment);

/* Build its state in an empty store, every byte verified. *why as above. Errors: JIT_ECORRUPT,
 * JIT_ENOMEM, JIT_ENOSPC, JIT_ELIMIT, the storage seam's. After an error the store is of no use any
 * more. */
JIT_MUST_CHECK enum jit_err ckpt_load(struct jit_heap *heap, struct jit_io *io,
                                      const struct ckpt_manifest *manifest, struct rmg_store *store,
                                      struct rmg_version *out, const char **why);
/* The same; exec: for what can be done by two at a time. */
JIT_MUST_CHECK enum jit_err ckpt_load_by(struct jit_heap *heap, struct jit_io *io,
                                         struct jit_exec *exec,
                                         const struct ckpt_manifest *manifest,
                                         struct rmg_store *store, struct rmg_version *out,
                                         const char **why);
/* Its segments' bytes alone. */
JIT_MUST_CHECK enum jit_err ckpt_verify(struct jit_heap *heap, struct jit_io *io,
                                        const struct ckpt_manifest *manifest,
                                        struct jit_id *segment);

/* ---- a new folder, and one file ---- */

/* Make an empty folder one whose history begins with a checkpoint: job says of which state; its
 * manifest's uuid, mark and parent are set here. FORMAT is written last: a try that was cut off
 * left no data folder, and is done again. Errors: as ckpt_write, log_open. */
struct ckpt_found_options {
    uint8_t uuid[LOG_UUID_BYTES]; /* of the new log: random */
    uint64_t segment_bytes;       /* 0: the default */
    /* Bring the segments of the checkpoint that it is restored from into "ckpt/", durable but for
     * their names; NULL, or JIT_ENOTSUP: they cannot be brought, and the state is written anew. */
    enum jit_err (*bring)(void *user, const struct ckpt_manifest *manifest);
    void *user;
    const struct ckpt_manifest *source; /* with bring: its state is job's */
};
JIT_MUST_CHECK enum jit_err ckpt_found(struct ckpt_job *job,
                                       const struct ckpt_found_options *options);

/* A checkpoint in one file: a head, the whole state, what processes have beside it (NULL: nothing),
 * the signed manifest. The manifest's segments and state_root are set here. Once all is written,
 * head goes over the first bytes of the file: they are zeros until then. Errors: write's,
 * JIT_ENOMEM, JIT_ECORRUPT. */
#define CKPT_BUNDLE_HEAD 16u
JIT_MUST_CHECK enum jit_err
ckpt_bundle_write(struct jit_heap *heap, const struct rmg_state *state,
                  const struct ckpt_beside *beside, struct ckpt_manifest *manifest,
                  const uint8_t seed[JIT_SIGN_SEED_BYTES],
                  enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size), void *user,
                  uint8_t head[CKPT_BUNDLE_HEAD]);
struct ckpt_bundle {
    struct ckpt_manifest manifest;
    uint8_t signer[JIT_SIGN_PUBLIC_BYTES];
    const uint8_t *state; /* borrowed: an .rmg file */
    uint64_t state_size;
    const uint8_t *beside; /* borrowed; NULL: nothing */
    uint64_t beside_size;
};
/* All hashes and the signature. Errors: JIT_ECORRUPT, JIT_EVERSION; *why. */
JIT_MUST_CHECK enum jit_err ckpt_bundle_open(const uint8_t *bytes, uint64_t size,
                                             struct ckpt_bundle *out, const char **why);
/* Build its state in an empty store. Errors: JIT_ECORRUPT (*why), JIT_ENOMEM, JIT_ENOSPC. */
JIT_MUST_CHECK enum jit_err ckpt_bundle_load(struct jit_heap *heap,
                                             const struct ckpt_bundle *bundle,
                                             struct rmg_store *store, struct rmg_version *out,
                                             const char **why);

/* What processes had beside it, into what is empty. Errors: as above. */
JIT_MUST_CHECK enum jit_err ckpt_bundle_load_beside(struct jit_heap *heap,
                                                    const struct ckpt_bundle *bundle,
                                                    struct kern_beside *out, const char **why);

/* ---- removing ---- */

/* Remove all manifests but those in keep, then all segments that none of keep needs, then
 * unfinished files. Manifests go first, each removal synced before a segment goes: what is left at
 * any moment is whole. removed_bytes may be NULL. Errors: JIT_ENOMEM, the storage seam's. */
JIT_MUST_CHECK enum jit_err ckpt_remove_others(struct jit_heap *heap, struct jit_io *io,
                                               const struct ckpt_manifest *const *keep,
                                               size_t keep_count, uint64_t *removed);

#endif

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
#include "base/sign.h"
#include "kernel/core/replay.h"
#include "kernel/log/log.h"
#include "rmg/change/diff.h"

#define CKPT_DIR           "ckpt"
#define CKPT_NAME_MAX      64u
#define CKPT_GRADE_MAX     255u
#define CKPT_SEGMENTS_MAX  128u
#define CKPT_MANIFEST_MAX  65536u       /* bytes, envelope included */
#define CKPT_KIND          "checkpoint" /* what an envelope calls it */
#define CKPT_FILE_NAME_MAX 80u

enum ckpt_segment_kind {
    CKPT_STATE = 1,       /* docs/spec/rmg-file.md */
    CKPT_PATCH = 2,       /* docs/spec/patch.md */
    CKPT_BESIDE = 3,      /* what processes have beside the state, whole */
    CKPT_BESIDE_PATCH = 4 /* what of it differs */
};
struct ckpt_segment {
    enum ckpt_segment_kind kind;
    struct jit_id id;
    uint64_t size;
};

struct ckpt_manifest {
    struct jit_id id; /* of its bytes; set by encode and decode */
    uint32_t policy;
    uint8_t uuid[LOG_UUID_BYTES]; /* of the log that goes on from it */
    uint64_t tick;
    struct jit_id state_root;
    struct jit_id commit;
    struct jit_id genesis; /* the blob that the history began with */
    struct jit_id parent;  /* the checkpoint whose segments it continues; zeros: none */
    struct jit_id origin; /* the checkpoint of another log that it was restored from; zeros: none */
    struct log_mark mark; /* at or before the record of its tick; number 0 and tick + 1: none */
    uint64_t applied;     /* receipts by result, over all ticks */
    uint64_t denied;
    struct kern_deviations deviations;
    char name[CKPT_NAME_MAX + 1]; /* given by somebody; "" */
    char grade[CKPT_GRADE_MAX + 1];
    uint32_t segment_count;
    struct ckpt_segment segments[CKPT_SEGMENTS_MAX];
};

/* 1 to 64 of letters, digits, ".", "_" and "-", not beginning with "." or "-". */
bool ckpt_name_good(const char *name);

/* ---- bytes (checkpoint_format.c) ---- */

void ckpt_manifest_encode(struct ckpt_manifest *manifest, struct jit_buf *buf);
/* *size: of the manifest without what follows it. Errors: JIT_EFORMAT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err ckpt_manifest_decode(const uint8_t *bytes, size_t bytes_size,
                                                 struct ckpt_manifest *out, size_t *size);

/* ---- the folder's key (checkpoint_format.c) ---- */

/* The secret that this folder's checkpoints are signed with: the file "KEY", made if it is not
 * there and make is set. Errors: JIT_ENOENT, JIT_EFORMAT (the file is no secret key), the storage
 * seam's. */
JIT_MUST_CHECK enum jit_err ckpt_key(struct jit_io *io, bool make,
                                     uint8_t seed[JIT_SIGN_SEED_BYTES]);

/* ---- writing ---- */

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

#define CKPT_IMAGE_BYTES (8u << 20) /* smaller states are built as fast as they are read */
struct ckpt_job {
    struct jit_heap *heap;
    struct jit_io *io;
    const uint8_t *seed; /* of the key */
    struct rmg_state state;
    /* The newest checkpoint and its state, to write what differs only; manifest NULL: none. */
    struct rmg_state base;
    const struct ckpt_manifest *base_manifest;
    const struct ckpt_beside *beside; /* NULL: nothing */
    /* All but id, parent, segments and state_root, which come from the writing. */
    struct ckpt_manifest manifest;
    bool founding;            /* ckpt_found's: it continues nothing of this folder */
    uint64_t image_bytes;     /* a whole state so large gets an image; 0: CKPT_IMAGE_BYTES */
    bool sync_log;            /* the log may not be on the medium (--durability none) */
    bool (*stop)(void *user); /* asked between pieces; NULL: never */
    void *user;
    uint64_t bytes_written; /* out */
};
/* Durable on JIT_OK. Errors: JIT_EAGAIN (stop), JIT_ENOSPC, JIT_EIO, JIT_ENOMEM, JIT_ECORRUPT (the
 * state). Whatever the error, the checkpoints that were there are as they were. */
JIT_MUST_CHECK enum jit_err ckpt_write(struct ckpt_job *job);

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

/* Judge the bytes of a manifest file. *why says in words what is wrong. Errors: JIT_ECORRUPT,
 * JIT_EVERSION. signer may be NULL. */
JIT_MUST_CHECK enum jit_err ckpt_manifest_check(const uint8_t *bytes, size_t size,
                                                struct ckpt_manifest *out,
                                                uint8_t signer[JIT_SIGN_PUBLIC_BYTES],
                                                const char **why);

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
/* What processes had beside it, into what is empty. Errors: as above. */
JIT_MUST_CHECK enum jit_err ckpt_load_beside(struct jit_heap *heap, struct jit_io *io,
                                             const struct ckpt_manifest *manifest,
                                             struct kern_beside *out, const char **why);
/* Is this the machine's failure, and not one of the checkpoint? */
bool ckpt_is_host(enum jit_err err);
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

/* ---- segments of what is beside a state (checkpoint_beside.c) ---- */

JIT_MUST_CHECK enum jit_err ckpt_beside_write(struct ckpt_job *job);
/* All of it, whole, piece by piece. Errors: write's, JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err
ckpt_beside_encode(struct jit_heap *heap, const struct ckpt_beside *beside, bool whole,
                   enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                   void *user);
JIT_MUST_CHECK enum jit_err ckpt_beside_decode(struct jit_heap *heap, const uint8_t *bytes,
                                               uint64_t size, bool whole, struct kern_beside *out);
JIT_MUST_CHECK enum jit_err ckpt_segment_read(struct jit_heap *heap, struct jit_io *io,
                                              const struct ckpt_segment *segment, uint8_t **out);
/* A file of the checkpoints' folder that is named by its content, written piece by piece: begin;
 * write, as the function of whoever makes the bytes, which the job's stop ends with JIT_EAGAIN;
 * end, also after a failure (err is how the writing went), which then leaves nothing and gives it
 * back. */
struct ckpt_piece {
    struct ckpt_job *job;
    struct blob_writer *blob;
};
JIT_MUST_CHECK enum jit_err ckpt_piece_begin(struct ckpt_job *job, struct ckpt_piece *piece);
JIT_MUST_CHECK enum jit_err ckpt_piece_write(void *piece, const uint8_t *bytes, size_t size);
JIT_MUST_CHECK enum jit_err ckpt_piece_end(struct ckpt_piece *piece, enum jit_err err,
                                           struct jit_id *id, uint64_t *size);
void ckpt_segment_add(struct ckpt_manifest *manifest, enum ckpt_segment_kind kind,
                      const struct jit_id *id, uint64_t size);

/* ---- removing ---- */

/* Remove all manifests but those in keep, then all segments that none of keep needs, then
 * unfinished files. Manifests go first, each removal synced before a segment goes: what is left at
 * any moment is whole. removed_bytes may be NULL. Errors: JIT_ENOMEM, the storage seam's. */
JIT_MUST_CHECK enum jit_err ckpt_remove_others(struct jit_heap *heap, struct jit_io *io,
                                               const struct ckpt_manifest *const *keep,
                                               size_t keep_count, uint64_t *removed);

#endif

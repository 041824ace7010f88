/* kernel/checkpoint/manifest.h - the manifest of a checkpoint: what it is of, which segments it is
 * made of, who signed it. Spec:  docs/spec/checkpoint.md. Layer: kernel. */
#ifndef JIT_KERNEL_MANIFEST_H
#define JIT_KERNEL_MANIFEST_H

#include "base/sign.h"
#include "kernel/core/replay.h"
#include "kernel/log/log.h"

#define CKPT_DIR           "ckpt"
#define CKPT_SUFFIX        ".ckpt"
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

/* The file of the manifest with this id. */
void ckpt_manifest_name(const struct jit_id *id, char name[CKPT_FILE_NAME_MAX]);

void ckpt_manifest_encode(struct ckpt_manifest *manifest, struct jit_buf *buf);
/* *size: of the manifest without what follows it. Errors: JIT_EFORMAT, JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err ckpt_manifest_decode(const uint8_t *bytes, size_t bytes_size,
                                                 struct ckpt_manifest *out, size_t *size);

/* Judge the bytes of a manifest file. *why says in words what is wrong. Errors: JIT_ECORRUPT,
 * JIT_EVERSION. signer may be NULL. */
JIT_MUST_CHECK enum jit_err ckpt_manifest_check(const uint8_t *bytes, size_t size,
                                                struct ckpt_manifest *out,
                                                uint8_t signer[JIT_SIGN_PUBLIC_BYTES],
                                                const char **why);

/* ---- the folder's key ---- */

/* The secret that this folder's checkpoints are signed with: the file "KEY", made if it is not
 * there and make is set. Errors: JIT_ENOENT, JIT_EFORMAT (the file is no secret key), the storage
 * seam's. */
JIT_MUST_CHECK enum jit_err ckpt_key(struct jit_io *io, bool make,
                                     uint8_t seed[JIT_SIGN_SEED_BYTES]);

#endif

/* kernel/checkpoint/checkpoint_segment.h - the files of "ckpt/" that a checkpoint is made of:
 * written piece by piece and named by their content, or put under a name; read whole and proved.
 * What has a checkpoint written, struct ckpt_job, says how. Layer: kernel; over struct jit_io and
 * kernel/log. */
#ifndef JIT_KERNEL_CHECKPOINT_SEGMENT_H
#define JIT_KERNEL_CHECKPOINT_SEGMENT_H

#include "kernel/checkpoint/manifest.h"
#include "rmg/change/diff.h"

struct ckpt_beside;

/* A chain of differences is closed by something whole: when it is so long, or so large a part. */
#define CKPT_CHAIN_MAX       64u
#define CKPT_CHAIN_BYTES_MIN (4u << 20)

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
    uint64_t named_tick;    /* out, with JIT_EEXIST: the one that has the name */
};

void ckpt_segment_add(struct ckpt_manifest *manifest, enum ckpt_segment_kind kind,
                      const struct jit_id *id, uint64_t size);
/* A segment as bytes, proved; *out is the caller's. Errors: JIT_ECORRUPT (it is not there, or not
 * what its name says), JIT_ENOMEM, the storage seam's. */
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

/* A file of "ckpt/" of this name, whole and durable, or not there. */
JIT_MUST_CHECK enum jit_err ckpt_put_file(struct jit_io *io, const char *name, const void *bytes,
                                          uint64_t size);

/* Is this the machine's failure, and not one of the checkpoint? */
bool ckpt_is_host(enum jit_err err);

#endif

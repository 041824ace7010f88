#include "kernel/checkpoint/checkpoint_segment.h"

#include "base/check.h"
#include "kernel/log/blob.h"

#define CKPT_TMP   CKPT_DIR "/tmp-9999999999" /* no writer of segments has this number */
#define READ_PIECE (4u << 20)

void ckpt_segment_add(struct ckpt_manifest *m, enum ckpt_segment_kind kind, const struct jit_id *id,
                      uint64_t size)
{
    assert(m->segment_count < CKPT_SEGMENTS_MAX);
    m->segments[m->segment_count++] = (struct ckpt_segment){.kind = kind, .id = *id, .size = size};
}

enum jit_err ckpt_piece_begin(struct ckpt_job *job, struct ckpt_piece *piece)
{
    piece->job = job;
    return blob_begin_in(job->heap, job->io, CKPT_DIR, &piece->blob);
}

enum jit_err ckpt_piece_write(void *piece, const uint8_t *bytes, size_t size)
{
    struct ckpt_piece *p = piece;
    if (p->job->stop != NULL && p->job->stop(p->job->user)) {
        return JIT_EAGAIN;
    }
    return blob_append(p->blob, bytes, size);
}

enum jit_err ckpt_piece_end(struct ckpt_piece *piece, enum jit_err err, struct jit_id *id,
                            uint64_t *size)
{
    if (err != JIT_OK) {
        blob_abort(piece->blob);
        return err;
    }
    return blob_finish(piece->blob, id, size);
}

enum jit_err ckpt_put_file(struct jit_io *io, const char *name, const void *bytes, uint64_t size)
{
    int file = -1;
    /* What an earlier try left under this name may be longer. */
    enum jit_err err = io->unlink(io, CKPT_TMP);
    err = err == JIT_ENOENT ? JIT_OK : err;
    if (err == JIT_OK) {
        err = io->open(io, CKPT_TMP, JIT_IO_CREATE, &file);
    }
    if (err == JIT_OK) {
        err = io->pwrite(io, file, bytes, size, 0);
        err = err == JIT_OK ? io->sync(io, file) : err;
        io->close(io, file);
        if (err != JIT_OK) {
            (void)io->unlink(io, CKPT_TMP); /* else the next start removes it */
        }
    }
    if (err == JIT_OK) {
        err = io->rename(io, CKPT_TMP, name);
    }
    if (err == JIT_OK && io->syncdir(io, CKPT_DIR) != JIT_OK) {
        err = JIT_EIO; /* its name is there and may not last */
    }
    return err;
}

enum jit_err ckpt_segment_read(struct jit_heap *heap, struct jit_io *io,
                               const struct ckpt_segment *segment, uint8_t **out)
{
    struct blob_reader reader;
    *out = NULL;
    enum jit_err err = blob_open_in(io, CKPT_DIR, &segment->id, segment->size, &reader);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_ECORRUPT : err;
    }
    uint8_t *bytes = heap->alloc(heap, segment->size);
    err = bytes == NULL ? JIT_ENOMEM : JIT_OK;
    for (uint64_t at = 0; err == JIT_OK && at < segment->size;) {
        uint64_t got = 0;
        uint64_t left = segment->size - at;
        err = blob_read(&reader, bytes + at, left < READ_PIECE ? left : READ_PIECE, &got);
        at += got;
    }
    blob_close(&reader);
    if (err != JIT_OK) {
        heap->free(heap, bytes);
        return err;
    }
    *out = bytes;
    return JIT_OK;
}

bool ckpt_is_host(enum jit_err err)
{
    return err == JIT_ENOMEM || err == JIT_ENOSPC || err == JIT_EIO || err == JIT_ELIMIT ||
           err == JIT_EPERM;
}

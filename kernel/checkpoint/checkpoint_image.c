/* kernel/checkpoint/checkpoint_image.c - the image of a checkpoint's whole state: a file beside it
 * that makes reading fast, and that can be thrown away. */
#include "kernel/checkpoint/checkpoint_image.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "kernel/log/blob.h"
#include "rmg/file/envelope.h"
#include "rmg/store/image.h"

#define IMAGE_KIND       "image"
#define IMAGE_MAGIC      0x504D494Au /* "JIMP" */
#define IMAGE_MAJOR      1u
#define IMAGE_MINOR      0u
#define IMAGE_HEAD_BYTES 88u /* before the table */
#define ENVELOPE_MAX     4096u
#define READ_PIECE       (4u << 20) /* what is taken in one round */

void ckpt_image_name(const struct jit_id *segment, char name[CKPT_FILE_NAME_MAX])
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(segment, hex);
    (void)snprintf(name, CKPT_FILE_NAME_MAX, CKPT_DIR "/%s" CKPT_IMAGE_SUFFIX, hex);
}

/* ---- writing ---- */

/* The head's place is taken first: it is known when the blocks are written. */
static enum jit_err write_blocks(struct ckpt_job *job, struct jit_buf *index, struct jit_id *id,
                                 uint64_t *size)
{
    struct ckpt_piece piece;
    struct jit_buf table;
    enum jit_err err = ckpt_piece_begin(job, &piece);
    if (err != JIT_OK) {
        return err;
    }
    jit_buf_init(&table, job->heap, RMG_IMAGE_TABLE_MAX);
    err = rmg_image_write(job->heap, job->state.store, &job->state.version, ckpt_piece_write,
                          &piece, &table);
    err = ckpt_piece_end(&piece, err, id, size);
    jit_buf_put(index, table.data, err == JIT_OK ? table.size : 0);
    jit_buf_release(&table);
    return err;
}

enum jit_err ckpt_image_write(struct ckpt_job *job, const struct ckpt_segment *state)
{
    struct jit_buf index;
    struct jit_id id;
    struct jit_id blob;
    char name[CKPT_FILE_NAME_MAX];
    uint64_t size = 0;
    jit_buf_init(&index, job->heap, IMAGE_HEAD_BYTES + RMG_IMAGE_TABLE_MAX + ENVELOPE_MAX);
    (void)jit_buf_extend(&index, IMAGE_HEAD_BYTES);
    enum jit_err err = index.err == JIT_OK ? write_blocks(job, &index, &blob, &size) : index.err;
    err = err == JIT_OK ? index.err : err;
    if (err == JIT_OK) {
        jit_put_le32(index.data, IMAGE_MAGIC);
        jit_put_le16(index.data + 4, IMAGE_MAJOR);
        jit_put_le16(index.data + 6, IMAGE_MINOR);
        jit_put_le64(index.data + 8, index.size);
        jit_put_le64(index.data + 16, size);
        memcpy(index.data + 24, blob.bytes, sizeof blob.bytes);
        memcpy(index.data + 56, state->id.bytes, sizeof state->id.bytes);
        jit_hash(index.data, index.size, &id);
        err = rmg_envelope_sign(NULL, IMAGE_KIND, &id, job->seed, &index);
    }
    if (err == JIT_OK) {
        ckpt_image_name(&state->id, name);
        err = ckpt_put_file(job->io, name, index.data, index.size);
        if (err != JIT_OK) { /* nobody would find it; where there was no room, it is given back */
            char blocks[BLOB_NAME_BYTES];
            blob_name_in(CKPT_DIR, &blob, blocks);
            (void)job->io->unlink(job->io, name);
            (void)job->io->unlink(job->io, blocks);
        }
    }
    job->bytes_written += err == JIT_OK ? size + index.size : 0;
    jit_buf_release(&index);
    return err;
}

/* ---- reading ---- */

struct image_index {
    uint8_t *bytes;
    uint64_t table_size;
    uint64_t size; /* of the blocks */
    struct jit_id id;
};

/* Its form, and that this folder's key has signed it. */
static enum jit_err index_check(const uint8_t *bytes, uint64_t size, const struct jit_id *segment,
                                const uint8_t signer[JIT_SIGN_PUBLIC_BYTES],
                                struct image_index *out)
{
    struct rmg_envelope envelope;
    struct jit_id id;
    if (size < IMAGE_HEAD_BYTES || jit_le32(bytes) != IMAGE_MAGIC) {
        return JIT_ECORRUPT;
    }
    if (jit_le16(bytes + 4) != IMAGE_MAJOR || jit_le16(bytes + 6) > IMAGE_MINOR) {
        return JIT_EVERSION;
    }
    uint64_t end = jit_le64(bytes + 8);
    if (end < IMAGE_HEAD_BYTES || end > size ||
        memcmp(bytes + 56, segment->bytes, sizeof segment->bytes) != 0) {
        return JIT_ECORRUPT;
    }
    jit_hash(bytes, end, &id);
    enum jit_err err = rmg_envelope_read(bytes + end, (size_t)(size - end), &envelope);
    if (err == JIT_OK) {
        err = rmg_envelope_check(&envelope, IMAGE_KIND, &id, signer);
    }
    out->table_size = end - IMAGE_HEAD_BYTES;
    out->size = jit_le64(bytes + 16);
    memcpy(out->id.bytes, bytes + 24, sizeof out->id.bytes);
    return err;
}

/* Errors: JIT_ENOENT (there is none), JIT_ECORRUPT, JIT_EVERSION, those of the seam. */
static enum jit_err index_read(struct jit_heap *heap, struct jit_io *io,
                               const struct jit_id *segment, struct image_index *out)
{
    char name[CKPT_FILE_NAME_MAX];
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t signer[JIT_SIGN_PUBLIC_BYTES];
    uint64_t size = 0;
    uint64_t got = 0;
    int file = -1;
    ckpt_image_name(segment, name);
    enum jit_err err = io->open(io, name, 0, &file);
    if (err != JIT_OK) {
        return err;
    }
    err = io->size(io, file, &size);
    if (err == JIT_OK &&
        (size == 0 || size > IMAGE_HEAD_BYTES + RMG_IMAGE_TABLE_MAX + ENVELOPE_MAX)) {
        err = JIT_ECORRUPT;
    }
    if (err == JIT_OK) {
        out->bytes = heap->alloc(heap, size);
        err = out->bytes == NULL ? JIT_ENOMEM : JIT_OK;
    }
    if (err == JIT_OK) {
        err = io->pread(io, file, out->bytes, size, 0, &got);
        err = err == JIT_OK && got != size ? JIT_ECORRUPT : err;
    }
    io->close(io, file);
    if (err == JIT_OK) {
        err = ckpt_key(io, false, seed);
    }
    if (err == JIT_OK) {
        jit_sign_public(seed, signer);
        jit_sign_forget(seed, sizeof seed);
        err = index_check(out->bytes, size, segment, signer, out);
    }
    return err;
}

/* The blocks are read while those before them are proved and judged: two tasks a round, which have
 * nothing in common but that the second one has what the first one took in the round before. What
 * is judged is changed by it, so it is hashed first. */
struct reading {
    struct blob_reader reader;
    struct rmg_image *image;
    uint8_t *at; /* where the next bytes of this block go */
    uint64_t left;
    uint8_t *taken; /* in this round, and before it */
    uint64_t taken_size;
    uint8_t *before;
    uint64_t before_size;
    uint64_t proved;
    enum jit_err err[2]; /* of each task */
};

enum { TASK_TAKE, TASK_PROVE, TASKS };

static enum jit_err take_next(struct reading *r)
{
    uint64_t got = 0;
    r->taken_size = 0;
    if (r->left == 0 && !rmg_image_next(r->image, &r->at, &r->left)) {
        return JIT_OK;
    }
    enum jit_err err =
        blob_take(&r->reader, r->at, r->left < READ_PIECE ? r->left : READ_PIECE, &got);
    if (err != JIT_OK) {
        return err;
    }
    assert(got > 0); /* the file is as large as all blocks are */
    r->taken = r->at;
    r->taken_size = got;
    r->at += got;
    r->left -= got;
    return JIT_OK;
}

static enum jit_err prove_before(struct reading *r)
{
    if (r->before_size == 0) {
        return JIT_OK;
    }
    enum jit_err err = blob_prove(&r->reader, r->before, r->before_size);
    if (err == JIT_OK) {
        r->proved += r->before_size;
        err = rmg_image_filled(r->image, r->proved);
    }
    return err;
}

static void read_task(void *user, size_t index)
{
    struct reading *r = user;
    r->err[index] = index == TASK_TAKE ? take_next(r) : prove_before(r);
}

static enum jit_err read_blocks(struct jit_io *io, struct jit_exec *exec,
                                const struct image_index *index, struct rmg_image *image)
{
    struct reading r = {.image = image};
    enum jit_err err = blob_open_in(io, CKPT_DIR, &index->id, index->size, &r.reader);
    if (err != JIT_OK) {
        return err;
    }
    do {
        r.before = r.taken;
        r.before_size = r.taken_size;
        exec->run(exec, TASKS, read_task, &r);
        err = r.err[TASK_PROVE] != JIT_OK ? r.err[TASK_PROVE] : r.err[TASK_TAKE];
    } while (err == JIT_OK && (r.taken_size > 0 || r.before_size > 0));
    blob_close(&r.reader);
    assert(err != JIT_OK || r.proved == index->size); /* so its hash was compared */
    return err;
}

enum jit_err ckpt_image_load(struct jit_heap *heap, struct jit_io *io, struct jit_exec *exec,
                             const struct jit_id *segment, struct rmg_store *store,
                             struct rmg_version *out)
{
    struct image_index index = {.bytes = NULL};
    struct rmg_image *image = NULL;
    enum jit_err err = index_read(heap, io, segment, &index);
    if (err == JIT_OK) {
        err = rmg_image_begin(heap, store, index.bytes + IMAGE_HEAD_BYTES, index.table_size,
                              index.size, &image);
    }
    if (err == JIT_OK) {
        err = read_blocks(io, exec, &index, image);
        if (err == JIT_OK) {
            err = rmg_image_end(image, out);
        } else {
            rmg_image_abort(image);
        }
    }
    heap->free(heap, index.bytes);
    return err;
}

enum jit_err ckpt_image_blob(struct jit_io *io, const struct jit_id *segment, struct jit_id *id,
                             uint64_t *size)
{
    char name[CKPT_FILE_NAME_MAX];
    uint8_t head[IMAGE_HEAD_BYTES];
    uint64_t got = 0;
    int file = -1;
    ckpt_image_name(segment, name);
    enum jit_err err = io->open(io, name, 0, &file);
    if (err == JIT_OK) {
        err = io->pread(io, file, head, sizeof head, 0, &got);
        io->close(io, file);
    }
    if (err == JIT_OK && (got != sizeof head || jit_le32(head) != IMAGE_MAGIC)) {
        err = JIT_ECORRUPT;
    }
    if (err == JIT_OK) {
        *size = jit_le64(head + 16);
        memcpy(id->bytes, head + 24, sizeof id->bytes);
    }
    return err;
}

enum jit_err ckpt_image_verify(struct jit_heap *heap, struct jit_io *io,
                               const struct jit_id *segment)
{
    struct image_index index = {.bytes = NULL};
    enum jit_err err = index_read(heap, io, segment, &index);
    heap->free(heap, index.bytes);
    if (err == JIT_OK) {
        err = blob_verify_in(heap, io, CKPT_DIR, &index.id, index.size);
        err = err == JIT_ENOENT ? JIT_ECORRUPT : err;
    }
    return err;
}

enum jit_err ckpt_image_take(struct jit_heap *heap, struct jit_io *from, struct jit_io *to,
                             const uint8_t seed[JIT_SIGN_SEED_BYTES], const struct jit_id *segment)
{
    struct image_index index = {.bytes = NULL};
    struct jit_buf bytes;
    struct jit_id id;
    char name[CKPT_FILE_NAME_MAX];
    enum jit_err err = index_read(heap, from, segment, &index);
    jit_buf_init(&bytes, heap, IMAGE_HEAD_BYTES + RMG_IMAGE_TABLE_MAX + ENVELOPE_MAX);
    if (err == JIT_OK) {
        jit_buf_put(&bytes, index.bytes, (size_t)(IMAGE_HEAD_BYTES + index.table_size));
        err = bytes.err;
    }
    if (err == JIT_OK) {
        jit_hash(bytes.data, bytes.size, &id);
        err = rmg_envelope_sign(NULL, IMAGE_KIND, &id, seed, &bytes);
    }
    if (err == JIT_OK) {
        ckpt_image_name(segment, name);
        err = ckpt_put_file(to, name, bytes.data, bytes.size);
    }
    jit_buf_release(&bytes);
    heap->free(heap, index.bytes);
    return err;
}

/* kernel/log/blob.h - content-addressed files in "blobs/": what is too large for a log record.
 * Spec:  DESIGN 9.2, 14.8; docs/spec/log.md "Blobs".
 * Layer: kernel; over struct jit_io only (base).
 *
 * Shape:  the file "blobs/" || 64 lower-case hex digits holds exactly the bytes whose BLAKE3 is
 * that name. It is written as "blobs/tmp-" || decimal number, synced, renamed, its folder synced;
 * only then is its id handed out, so whoever logs an id can rely on the bytes. Units:  bytes.
 * Memory: one buffer of 1 MiB a writer, none a reader. Errors: those of the storage seam,
 * JIT_ENOMEM, JIT_ECORRUPT. */
#ifndef JIT_KERNEL_BLOB_H
#define JIT_KERNEL_BLOB_H

#include "base/hash.h"
#include "base/heap.h"
#include "base/io.h"

#define BLOB_DIR          "blobs"
#define BLOB_BUFFER_BYTES (1u << 20)
#define BLOB_NAME_BYTES   (sizeof BLOB_DIR + 64 + 1) /* with folder, slash and terminator */

/* Writing. Begin, append any number of times, then finish or abort; both free the writer. After an
 * error of append only abort is allowed: a failed write is never tried again. */
struct blob_writer;
JIT_MUST_CHECK enum jit_err blob_begin(struct jit_heap *heap, struct jit_io *io,
                                       struct blob_writer **out);
JIT_MUST_CHECK enum jit_err blob_append(struct blob_writer *writer, const void *bytes,
                                        uint64_t size);
/* Durable on JIT_OK. size may be NULL. */
JIT_MUST_CHECK enum jit_err blob_finish(struct blob_writer *writer, struct jit_id *id,
                                        uint64_t *size);
void blob_abort(struct blob_writer *writer); /* writer may be NULL */

/* All at once. */
JIT_MUST_CHECK enum jit_err blob_put(struct jit_heap *heap, struct jit_io *io, const void *bytes,
                                     uint64_t size, struct jit_id *id);

/* Reading, from the start to the end. The bytes are proved only when the last of them have been
 * read: what was made of the earlier ones must be thrown away when a later read says JIT_ECORRUPT.
 * Errors of open: JIT_ENOENT (no such file), JIT_ECORRUPT (another size than expected). */
struct blob_reader {
    struct jit_io *io;
    int file;
    struct jit_id id;
    uint64_t size;
    uint64_t offset;
    uint64_t proved; /* bytes that were hashed */
    struct jit_hasher hasher;
};
JIT_MUST_CHECK enum jit_err blob_open(struct jit_io *io, const struct jit_id *id, uint64_t size,
                                      struct blob_reader *out);
/* *got < size only at the end, and then the hash of all bytes was right. */
JIT_MUST_CHECK enum jit_err blob_read(struct blob_reader *reader, void *buf, uint64_t size,
                                      uint64_t *got);
/* The two halves of it, for two threads: take the next bytes; prove those that were taken, in their
 * order. All are right when prove has said JIT_OK of the last of them. */
JIT_MUST_CHECK enum jit_err blob_take(struct blob_reader *reader, void *buf, uint64_t size,
                                      uint64_t *got);
JIT_MUST_CHECK enum jit_err blob_prove(struct blob_reader *reader, const void *bytes,
                                       uint64_t size);
void blob_close(struct blob_reader *reader);

/* Read all of it through a buffer of 1 MiB. Errors: JIT_ENOENT, JIT_ECORRUPT, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err blob_verify(struct jit_heap *heap, struct jit_io *io,
                                        const struct jit_id *id, uint64_t size);

/* The same in another folder, whose name is at most as long as BLOB_DIR (checkpoints, "ckpt"). */
JIT_MUST_CHECK enum jit_err blob_begin_in(struct jit_heap *heap, struct jit_io *io, const char *dir,
                                          struct blob_writer **out); /* dir is kept */
JIT_MUST_CHECK enum jit_err blob_put_in(struct jit_heap *heap, struct jit_io *io, const char *dir,
                                        const void *bytes, uint64_t size, struct jit_id *id);
JIT_MUST_CHECK enum jit_err blob_open_in(struct jit_io *io, const char *dir,
                                         const struct jit_id *id, uint64_t size,
                                         struct blob_reader *out);
JIT_MUST_CHECK enum jit_err blob_verify_in(struct jit_heap *heap, struct jit_io *io,
                                           const char *dir, const struct jit_id *id, uint64_t size);
void blob_name_in(const char *dir, const struct jit_id *id, char name[BLOB_NAME_BYTES]);

/* Remove what nobody needs: unfinished files, and blobs that are not among keep (sorted ascending).
 * Files with other names are left alone. removed may be NULL. */
JIT_MUST_CHECK enum jit_err blob_sweep(struct jit_heap *heap, struct jit_io *io,
                                       const struct jit_id *keep, size_t keep_count,
                                       uint64_t *removed);
JIT_MUST_CHECK enum jit_err blob_sweep_in(struct jit_heap *heap, struct jit_io *io, const char *dir,
                                          const struct jit_id *keep, size_t keep_count,
                                          uint64_t *removed);
/* Unfinished files alone: for whoever does not know what is needed. */
JIT_MUST_CHECK enum jit_err blob_sweep_unfinished(struct jit_heap *heap, struct jit_io *io,
                                                  const char *dir, uint64_t *removed);

#endif

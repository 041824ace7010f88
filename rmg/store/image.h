/* rmg/store/image.h - a version as its memory lies: what is read back is used as it is, without
 * building or hashing it again.
 * Spec:  docs/spec/image.md says every byte; DESIGN 4.4 (position-independent), 9.3. Layer: rmg;
 * base only.
 *
 * Shape:  a table, which says of each instance how large its block is, and the blocks one behind
 * the other. A block holds the cells of one instance: of each map the leaves by ascending keys,
 * then the nodes, children before their parent, without gaps. So it can be judged in one pass from
 * its begin to its end, and no cell can be reached twice.
 * Trust:  the bytes may be anybody's. All that could be followed, ordered or counted is judged
 * before it is used: bounds, shape, order, keys, indexes, ends, owners, portals. Hashes of subtrees
 * are taken as they are: whoever reads an image must know who wrote it, and that it is whole. The
 * state root follows from them.
 * Memory: writing needs 16 bytes for each node or edge of the largest map, reading nothing beside
 * the state. */
#ifndef JIT_RMG_IMAGE_H
#define JIT_RMG_IMAGE_H

#include "base/buf.h"
#include "rmg/store/store.h"

#define RMG_IMAGE_TABLE_MAX (64u << 20) /* bytes */

/* The blocks go to write, in pieces; then table (empty before) is what reading needs. The version
 * is pinned, or the newest. Errors: write's, JIT_ENOMEM, JIT_ELIMIT (a block that is larger than an
 * arena), JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_image_write(struct jit_heap *heap, const struct rmg_store *store,
                                            const struct rmg_version *version,
                                            enum jit_err (*write)(void *user, const uint8_t *bytes,
                                                                  size_t size),
                                            void *user, struct jit_buf *table);

/* Reading, into a store in which nothing was yet. `size` bytes of blocks are to come; what is
 * reserved for them is next()'s to give out. table is borrowed until the end. Errors: JIT_EVERSION
 * (of another layout than this program's, or the store has a history), JIT_EFORMAT, JIT_ENOMEM,
 * JIT_ENOSPC, JIT_ELIMIT. */
struct rmg_image;
JIT_MUST_CHECK enum jit_err rmg_image_begin(struct jit_heap *heap, struct rmg_store *store,
                                            const uint8_t *table, size_t table_size, uint64_t size,
                                            struct rmg_image **out);
/* Where the next bytes go, in order; false: all have their place. */
bool rmg_image_next(struct rmg_image *image, uint8_t **at, uint64_t *size);
/* The first so many bytes of all blocks are there: judge what can be judged of them. They are the
 * image's from here on; those behind may be written meanwhile, by another thread. Never needed:
 * end judges what is left. Errors: JIT_ECORRUPT; then only abort is allowed. */
JIT_MUST_CHECK enum jit_err rmg_image_filled(struct rmg_image *image, uint64_t bytes);
/* All is filled: judge it and make it the store's newest version. The image is gone either way;
 * after an error nothing of it is left. Errors: JIT_ECORRUPT, JIT_ENOMEM, JIT_ENOSPC, JIT_ELIMIT.
 */
JIT_MUST_CHECK enum jit_err rmg_image_end(struct rmg_image *image, struct rmg_version *out);
void rmg_image_abort(struct rmg_image *image); /* may be NULL */

#endif

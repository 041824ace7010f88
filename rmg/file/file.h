/* rmg/file/file.h - the `.rmg` file: a whole state as bytes, for interchange and signed bundles.
 * Spec:  DESIGN 4.6; docs/spec/rmg-file.md says every byte.
 * Layer: rmg; base only. The bytes come from and go to the caller.
 *
 * One state has exactly one file. Opening checks header, bounds and alignment only and gives an
 * unverified handle, on which every access is bounds-checked: nonsense inside gives JIT_EFORMAT,
 * never a fault. Only what rmg_file_check() and the root found by rmg_file_load() have confirmed
 * may be used. The bytes must not change while a handle on them is in use.
 *
 * A fault says where: the section, the index of the record in it, and the byte in the file. */
#ifndef JIT_RMG_FILE_H
#define JIT_RMG_FILE_H

#include "rmg/store/store.h"

#define RMG_FILE_MAJOR       1u
#define RMG_FILE_MINOR       0u
#define RMG_FILE_HEADER_SIZE 64u
#define RMG_FILE_NODE_SIZE   104u
#define RMG_FILE_EDGE_SIZE   144u

struct rmg_file_fault {
    uint64_t offset;     /* byte in the file */
    const char *section; /* "header", "instance", "node", "edge", "payload of node", ... */
    uint64_t index;      /* of the record in its section; 0 in the header */
    const char *what;    /* a sentence without a full stop */
};

/* ---- writing ---- */

/* Write a version in order, in pieces; write returns an error to stop. file_size may be NULL.
 * The memory used is 40 bytes an instance and two pieces. Errors: write's, JIT_EINVALID (the empty
 * version), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_file_write(struct jit_heap *heap, const struct rmg_store *store,
                                           const struct rmg_version *version,
                                           enum jit_err (*write)(void *user, const uint8_t *bytes,
                                                                 size_t size),
                                           void *user, uint64_t *file_size);

/* ---- reading, unverified ---- */

struct rmg_file {
    const uint8_t *bytes; /* borrowed */
    uint64_t size;
    uint64_t node_count;
    uint64_t edge_count;
    uint64_t instance_count;
    uint64_t edges_at; /* offset of the edge table; nodes begin behind the header */
    uint64_t payload_at;
    struct jit_id root; /* the state root the header claims */
};

struct rmg_file_instance {
    uint64_t offset; /* of this block */
    uint64_t next;   /* of the one behind it */
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_parent parent;
    uint64_t first_node;
    uint64_t node_count;
    uint64_t first_edge;
    uint64_t edge_count;
};

struct rmg_file_node {
    struct jit_id id;
    struct jit_id type;
    uint64_t child_count; /* portals on it */
    uint64_t edge_count;  /* edges that leave it */
    uint64_t payload_offset;
    uint64_t payload_size;
    uint64_t subgraph_offset; /* block of its first portal's instance; 0: none */
};

struct rmg_file_edge {
    struct rmg_edge edge;
    uint64_t data_offset;
    uint64_t data_size;
};

/* The attachments of one payload, by name. */
struct rmg_file_payload {
    const uint8_t *bytes; /* of the whole file */
    uint64_t at;          /* offset of the next one */
    uint64_t end;
    uint64_t left; /* attachments not yet read */
};

/* fault may be NULL here and below. Errors: JIT_EFORMAT (not an .rmg file), JIT_EVERSION,
 * JIT_ECORRUPT (what the header claims does not fit the size). */
JIT_MUST_CHECK enum jit_err rmg_file_open(const void *bytes, uint64_t size, struct rmg_file *out,
                                          struct rmg_file_fault *fault);

/* The block at an offset; the first one is at rmg_file_blocks(), the next at .next. Errors:
 * JIT_EFORMAT (no block can be there). */
uint64_t rmg_file_blocks(const struct rmg_file *file);
JIT_MUST_CHECK enum jit_err rmg_file_instance_at(const struct rmg_file *file, uint64_t offset,
                                                 struct rmg_file_instance *out);
/* Errors: JIT_ENOENT (index past the table). */
JIT_MUST_CHECK enum jit_err rmg_file_node_at(const struct rmg_file *file, uint64_t index,
                                             struct rmg_file_node *out);
JIT_MUST_CHECK enum jit_err rmg_file_edge_at(const struct rmg_file *file, uint64_t index,
                                             struct rmg_file_edge *out);
/* A payload of size 0 has no attachments. Errors: JIT_EFORMAT (out of bounds, misaligned, a count
 * that cannot be). */
JIT_MUST_CHECK enum jit_err rmg_file_payload_at(const struct rmg_file *file, uint64_t offset,
                                                uint64_t size, struct rmg_file_payload *out);
/* Names and bytes are borrowed. Errors: JIT_ENOENT at the end, JIT_EFORMAT; then .at tells where.
 */
JIT_MUST_CHECK enum jit_err rmg_file_payload_next(struct rmg_file_payload *payload,
                                                  struct rmg_attachment *out);

/* ---- verifying ---- */

/* Everything but the hash: sizes, order, the exact layout, counts, and that the state is valid
 * (4.2). Memory: 16 bytes a node, 8 an instance. Errors: JIT_ECORRUPT with a fault, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_file_check(struct jit_heap *heap, const struct rmg_file *file,
                                           struct rmg_file_fault *fault);

/* Check, build the state in an empty store and compare its root with the header's. On an error the
 * store is of no use any more. Errors: JIT_ECORRUPT with a fault, JIT_ENOMEM, JIT_ENOSPC,
 * JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_file_load(struct jit_heap *heap, const struct rmg_file *file,
                                          struct rmg_store *store, struct rmg_version *out,
                                          struct rmg_file_fault *fault);

#endif

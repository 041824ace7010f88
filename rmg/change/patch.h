/* rmg/change/patch.h - the canonical list of operations a tick performed.
 * Spec:  DESIGN 4.5; docs/spec/patch.md says every byte.
 * Layer: rmg; base only.
 *
 * Bytes: base_root[32] || u64 n || in-slots || u64 n || out-slots || u64 n || operations; each list
 * ascends without duplicates; operations in the order of enum rmg_op_kind, within a kind by
 * (instance, id) or (instance, plane, owner, name). One operation a slot. */
#ifndef JIT_RMG_PATCH_H
#define JIT_RMG_PATCH_H

#include "rmg/store/slot.h"
#include "rmg/store/store.h"

enum rmg_op_kind {
    RMG_OP_CLEAR_ATTACHMENT = 1,
    RMG_OP_DELETE_EDGE = 2,
    RMG_OP_DELETE_NODE = 3,
    RMG_OP_DELETE_INSTANCE = 4,
    RMG_OP_UPSERT_INSTANCE = 5,
    RMG_OP_UPSERT_NODE = 6,
    RMG_OP_UPSERT_EDGE = 7,
    RMG_OP_SET_ATTACHMENT = 8
};

struct rmg_origin {
    uint32_t request;   /* index of the request in canonical order */
    uint32_t operation; /* index of the operation within what the request emitted */
};

struct rmg_op {
    enum rmg_op_kind kind;
    enum rmg_plane plane; /* attachments */
    struct jit_id instance;
    struct jit_id id;                 /* node, edge or owner; instance operations: unused, zero */
    struct jit_id type;               /* upsert node, edge */
    struct jit_id from;               /* upsert edge; upsert instance: the root node */
    struct jit_id to;                 /* upsert edge */
    const struct rmg_parent *parent;  /* upsert instance; borrowed */
    struct rmg_attachment attachment; /* set (all), clear (name); borrowed */
    const struct rmg_origin *origins; /* ascending; borrowed */
    uint32_t origin_count;            /* at least 1 */
    struct jit_id prior; /* hash of the value it replaces (rmg_value_of_*), zero if none */
};

/* The order of operations in a patch; 0 when both change one slot. Clear and set of one attachment,
 * and delete and upsert of one element, differ in kind: the encoder refuses both in one patch. */
int rmg_op_compare(const struct rmg_op *a, const struct rmg_op *b);

/* Encode one after another: base root, the two lists of slots, operations in order, each list
 * behind its count. */
size_t rmg_op_size(const struct rmg_op *op); /* bytes that encode writes */
void rmg_op_encode(const struct rmg_op *op, struct jit_buf *buf);
/* One operation. parent_space and origins are the caller's memory; everything else is borrowed from
 * the input. Errors: JIT_EFORMAT, JIT_ELIMIT (more origins than origin_max). */
JIT_MUST_CHECK enum jit_err rmg_op_decode(struct jit_cursor *cur, struct rmg_parent *parent_space,
                                          struct rmg_origin *origins, uint32_t origin_max,
                                          struct rmg_op *out);
/* Hash of the value that an operation leaves, as `prior` of the next one on that slot: zero for
 * deletions and clearings. Errors: JIT_EINVALID (bad name or value). */
JIT_MUST_CHECK enum jit_err rmg_op_value(const struct rmg_op *op, struct jit_id *out);
/* Perform it. Errors: as the transaction's. With check_prior, JIT_EBASE when the value it replaces
 * is not there. */
JIT_MUST_CHECK enum jit_err rmg_op_apply(struct rmg_tx *tx, const struct rmg_op *op,
                                         bool check_prior);

/* B3[K("patch")](u16 version || bytes). */
void rmg_patch_digest(const uint8_t *bytes, size_t size, struct jit_id *out);

/* Apply a whole patch (order, duplicates and base root checked). tx must stand on base.
 * Errors: JIT_EFORMAT, JIT_EBASE, the transaction's. */
JIT_MUST_CHECK enum jit_err rmg_patch_apply(struct jit_heap *heap, struct rmg_tx *tx,
                                            const struct rmg_version *base, const uint8_t *bytes,
                                            size_t size);

/* Reading a patch operation by operation without applying it: visit returns false to stop. */
JIT_MUST_CHECK enum jit_err rmg_patch_each(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                                           struct jit_id *base_root,
                                           bool (*visit)(void *user, const struct rmg_op *op),
                                           void *user);

/* A genesis or an import too large to hold (14.8): fed in pieces of any size, digest on the way,
 * applied by bulk build. No slots, no deletions and no clearings, base as given; bounded memory
 * besides the state. Errors: JIT_EFORMAT, JIT_EBASE, JIT_ELIMIT (8 GiB), the transaction's. After
 * an error the stream stays failed: end gives it again. */
struct rmg_patch_stream;
JIT_MUST_CHECK enum jit_err rmg_patch_stream_begin(struct jit_heap *heap, struct rmg_tx *tx,
                                                   const struct rmg_version *base,
                                                   struct rmg_patch_stream **out);
JIT_MUST_CHECK enum jit_err rmg_patch_stream_feed(struct rmg_patch_stream *stream,
                                                  const uint8_t *bytes, size_t size);
/* digest: the patch digest of all bytes fed. The stream is gone either way. */
JIT_MUST_CHECK enum jit_err rmg_patch_stream_end(struct rmg_patch_stream *stream,
                                                 struct jit_id *digest);
void rmg_patch_stream_abort(struct rmg_patch_stream *stream); /* may be NULL */

/* The commit of DESIGN 4.5. parents ascending. */
struct rmg_commit {
    const struct jit_id *parents;
    uint64_t parent_count;
    struct jit_id state_root;
    struct jit_id patch_digest;
    uint32_t policy;
    uint64_t tick;
    struct jit_id receipts_digest;
};
#define RMG_POLICY 1u
void rmg_commit_id(const struct rmg_commit *commit, struct jit_id *out);

#endif

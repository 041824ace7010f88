/* rmg/file/wsc.h - the `.wsc` snapshot: a state as tables of fixed rows, mapped and used as it
 * lies. Spec:  DESIGN 4.6; docs/spec/wsc-file.md says every byte. Layer: rmg; base only. The bytes
 * come from and go to the caller.
 *
 * An owner has at most one attachment there, the one without a name. Parents are not written: they
 * follow from the portals. One state, schema hash and tick have exactly one file.
 *
 * Opening checks header, directory, sections and alignment and gives an unverified handle; every
 * access to it is bounds-checked: nonsense inside gives JIT_EFORMAT, never a fault. It is loaded
 * only as a struct rmg_wsc_verified. The file carries no hash of its content: who must know
 * that it is the right one compares its image or the root of the state. The bytes must not change
 * while a handle on them is in use. */
#ifndef JIT_RMG_WSC_H
#define JIT_RMG_WSC_H

#include "rmg/file/file.h"

#define RMG_WSC_HEADER_SIZE   128u
#define RMG_WSC_ENTRY_SIZE    184u
#define RMG_WSC_NODE_SIZE     64u
#define RMG_WSC_EDGE_SIZE     128u
#define RMG_WSC_RANGE_SIZE    16u
#define RMG_WSC_OUT_EDGE_SIZE 40u
#define RMG_WSC_ATT_SIZE      56u

/* The magic is there: its first three bytes and the zero behind them, so that another version is
 * told from another format. */
bool rmg_wsc_is(const void *bytes, uint64_t size);

/* ---- writing ---- */

/* An attachment that a .wsc, or a hash of its form, cannot hold. */
struct rmg_wsc_owner {
    struct jit_id instance;
    enum rmg_plane plane; /* ALPHA: owner is a node; BETA: an edge */
    struct jit_id owner;
    uint32_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
};

/* Is every attachment of the version the nameless one, and how large is its file? owner and
 * file_size may be NULL. Errors: JIT_ENOTSUP (then owner names the first that is not),
 * JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_wsc_fits(const struct rmg_store *store,
                                         const struct rmg_version *version,
                                         struct rmg_wsc_owner *owner, uint64_t *file_size);

struct rmg_wsc_head {
    struct jit_id schema_hash; /* 32 zero bytes: none */
    uint64_t tick;
};

/* Write a version in order, in pieces; write returns an error to stop. Nothing is written unless
 * all can be. owner and file_size may be NULL. The memory used is 72 bytes an instance, two pieces,
 * and for the lists of out-edges 96 bytes a node and an edge, but never more than 128 MiB: larger
 * instances are walked several times. Errors: write's, JIT_EINVALID (the
 * empty version), JIT_ENOTSUP (as above), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err
rmg_wsc_write(struct jit_heap *heap, const struct rmg_store *store,
              const struct rmg_version *version, const struct rmg_wsc_head *head,
              enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size), void *user,
              struct rmg_wsc_owner *owner, uint64_t *file_size);

/* ---- reading, unverified ---- */

struct rmg_wsc {
    const uint8_t *bytes; /* borrowed */
    uint64_t size;
    struct rmg_wsc_head head;
    uint64_t instance_count;
};

enum rmg_wsc_section {
    RMG_WSC_NODES,
    RMG_WSC_EDGES,
    RMG_WSC_OUT_INDEX, /* a range of OUT_EDGES a node */
    RMG_WSC_OUT_EDGES,
    RMG_WSC_NODE_ATTS_INDEX, /* a range of NODE_ATTS a node */
    RMG_WSC_NODE_ATTS,
    RMG_WSC_EDGE_ATTS_INDEX, /* a range of EDGE_ATTS an edge */
    RMG_WSC_EDGE_ATTS,
    RMG_WSC_BLOBS, /* rows of one byte */
    RMG_WSC_SECTIONS
};

struct rmg_wsc_instance {
    uint64_t offset; /* of its entry in the directory */
    struct jit_id id;
    struct jit_id root_node;
    uint64_t at[RMG_WSC_SECTIONS];   /* offset of the section in the file */
    uint64_t rows[RMG_WSC_SECTIONS]; /* rows in it */
};

/* Faults name the directory entry or the section ("nodes"), the row and the byte; fault may be NULL
 * here and below. Allocates nothing. Errors: JIT_EFORMAT (not a .wsc file), JIT_EVERSION,
 * JIT_ECORRUPT (what header and directory claim does not fit the size). */
JIT_MUST_CHECK enum jit_err rmg_wsc_open(const void *bytes, uint64_t size, struct rmg_wsc *out,
                                         struct rmg_file_fault *fault);

/* Instances in the order of the directory. Errors: JIT_ENOENT (index past the last), JIT_EFORMAT.
 */
JIT_MUST_CHECK enum jit_err rmg_wsc_instance_at(const struct rmg_wsc *file, uint64_t index,
                                                struct rmg_wsc_instance *out);
/* By binary search. Errors: JIT_ENOENT, JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err rmg_wsc_instance_find(const struct rmg_wsc *file,
                                                  const struct jit_id *id,
                                                  struct rmg_wsc_instance *out);

/* Rows by place, and places by id (binary search). Errors: JIT_ENOENT. */
JIT_MUST_CHECK enum jit_err rmg_wsc_node_at(const struct rmg_wsc *file,
                                            const struct rmg_wsc_instance *in, uint64_t index,
                                            struct rmg_bulk_node *out);
JIT_MUST_CHECK enum jit_err rmg_wsc_edge_at(const struct rmg_wsc *file,
                                            const struct rmg_wsc_instance *in, uint64_t index,
                                            struct rmg_edge *out);
JIT_MUST_CHECK enum jit_err rmg_wsc_node_find(const struct rmg_wsc *file,
                                              const struct rmg_wsc_instance *in,
                                              const struct jit_id *id, uint64_t *index);
JIT_MUST_CHECK enum jit_err rmg_wsc_edge_find(const struct rmg_wsc *file,
                                              const struct rmg_wsc_instance *in,
                                              const struct jit_id *id, uint64_t *index);

/* The edges that leave a node, by edge id: places first to first + count of the list. Errors:
 * JIT_ENOENT (no such node or place), JIT_EFORMAT (a range or an index out of bounds). */
JIT_MUST_CHECK enum jit_err rmg_wsc_out_edges(const struct rmg_wsc *file,
                                              const struct rmg_wsc_instance *in, uint64_t node,
                                              uint64_t *first, uint64_t *count);
JIT_MUST_CHECK enum jit_err rmg_wsc_out_edge_at(const struct rmg_wsc *file,
                                                const struct rmg_wsc_instance *in, uint64_t place,
                                                struct rmg_edge *out);

/* The one attachment of a node (ALPHA) or an edge (BETA); its bytes are borrowed. Errors:
 * JIT_ENOENT (it has none, or no such owner), JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err rmg_wsc_attachment(const struct rmg_wsc *file,
                                               const struct rmg_wsc_instance *in,
                                               enum rmg_plane plane, uint64_t owner,
                                               struct rmg_attachment *out);

/* ---- verifying ---- */

/* Where the portal to an instance lies. */
struct rmg_wsc_parent {
    uint64_t owner;    /* row of the node or edge */
    uint32_t instance; /* in the directory */
    uint8_t present;   /* 0: the top */
    uint8_t plane;     /* enum rmg_plane */
};

/* What rmg_wsc_verify() found right, and nothing else makes. */
struct rmg_wsc_verified {
    struct rmg_wsc file;
    struct rmg_wsc_parent *parents; /* one an instance */
    uint64_t top;                   /* the instance without a parent */
    uint64_t depth;                 /* of the deepest instance; the top's is 0 */
};

/* BLAKE3 of all bytes, for who knows what it must be. */
void rmg_wsc_image(const struct rmg_wsc *file, struct jit_id *out);

/* The exact layout, order, references, padding, and that the state is valid (4.2). Memory: 8 bytes
 * a node of the largest instance, 16 an instance. Release it with the same heap, whatever the
 * result. Errors: JIT_ECORRUPT with a fault, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_wsc_verify(struct jit_heap *heap, const struct rmg_wsc *file,
                                           struct rmg_wsc_verified *out,
                                           struct rmg_file_fault *fault);
void rmg_wsc_verified_release(struct rmg_wsc_verified *verified, struct jit_heap *heap);

/* The slot of an instance's portal; parent.present false for the top. index is below the count. */
void rmg_wsc_parent_of(const struct rmg_wsc_verified *verified, uint64_t index,
                       struct rmg_parent *out);

/* Verify and build the state in an empty store. On an error the store is of no use any more.
 * Errors: JIT_ECORRUPT with a fault, JIT_ENOMEM, JIT_ENOSPC, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_wsc_load(struct jit_heap *heap, const struct rmg_wsc *file,
                                         struct rmg_store *store, struct rmg_version *out,
                                         struct rmg_file_fault *fault);

#endif

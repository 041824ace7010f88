/* librmg/rmg.h - librmg, a graph library that stands on its own: content-addressed, mergeable,
 * verifiable states in memory and in files. No supervisor is needed for any of it.
 * Spec:  DESIGN 4; docs/librmg.md has a program to begin with.
 * Layer: librmg; base and rmg. Here is what needs files; all else is in the headers below.
 *
 * A `struct rmg_space` is memory for states; its version is the newest one. Copying a version is a
 * fork, O(1); pin it to keep it readable. Changes go through a transaction (rmg/store/store.h),
 * which ends in a new version or without a trace.
 *
 * Hostile input: files and patches are verified while they are read. Threads: a space belongs to
 * one thread at a time; different spaces share nothing. Errors: enum jit_err, never errno. */
#ifndef JIT_LIBRMG_RMG_H
#define JIT_LIBRMG_RMG_H

#include "base/hash.h"
#include "rmg/store/codec.h"
#include "rmg/change/collect.h"
#include "rmg/change/diff.h"
#include "rmg/file/envelope.h"
#include "rmg/file/file.h"
#include "rmg/file/foreign_root.h"
#include "rmg/change/merge.h"
#include "rmg/file/mount.h"
#include "rmg/change/patch.h"
#include "rmg/file/proof.h"
#include "rmg/store/store.h"
#include "rmg/file/wsc.h"

struct rmg_space {
    struct jit_heap *heap;
    struct rmg_arena arena;
    struct rmg_store *store;
    struct rmg_version version; /* the newest; give it to rmg_tx_begin() and rmg_tx_seal() */
    uint64_t mapped;            /* bytes of address space; memory only where it is touched */
};

/* ---- opening and saving ---- */

/* path: an .rmg or a .wsc file, told apart by its first bytes, verified and loaded; NULL: an empty
 * space. It is copied while it is loaded, so nothing that others do to it does harm; where memory
 * for that is short, map it and use rmg_file_load(). heap NULL: the C library's. fault (may be
 * NULL) says which byte is wrong and why; its what is NULL when the bytes are not to blame. Close
 * it with rmg_store_close() after success only. Errors: JIT_ENOENT, JIT_EPERM, JIT_EIO, JIT_EFORMAT
 * (neither of both), JIT_EVERSION, JIT_ECORRUPT, JIT_ELIMIT, JIT_ENOMEM, JIT_ENOSPC. */
JIT_MUST_CHECK enum jit_err rmg_store_open(struct rmg_space *space, struct jit_heap *heap,
                                           const char *path, struct rmg_file_fault *fault);
void rmg_store_close(struct rmg_space *space);

/* Write the newest version as an .rmg file: complete and synced under that name, or not there; a
 * file of that name is replaced. Errors: JIT_EINVALID (the empty version), JIT_ENOENT (no such
 * folder), JIT_EPERM, JIT_ENOSPC, JIT_EIO, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_store_save(const struct rmg_space *space, const char *path);

/* A file for rmg_file_open() and rmg_wsc_open(), which need no load step: mapped as it lies and not
 * read, or a copy in memory. Whoever shortens a file that is mapped ends with SIGBUS all that read
 * it, and no kernel offers a mapping without that; so map what nobody else writes (files of
 * rmg_store_save() are replaced and never shortened), and copy what others may write at any time.
 * Writing into it without shortening it is caught where it is verified, not behind that. Errors:
 * JIT_ENOENT, JIT_EPERM, JIT_EIO (also: shortened while it was copied), JIT_ENOMEM; of a copy
 * JIT_ELIMIT (more than 64 GiB). */
struct rmg_mapped {
    const uint8_t *bytes;
    uint64_t size;
};
JIT_MUST_CHECK enum jit_err rmg_file_map(const char *path, struct rmg_mapped *out);
JIT_MUST_CHECK enum jit_err rmg_file_copy(const char *path, struct rmg_mapped *out);
/* Of both. */
void rmg_file_unmap(struct rmg_mapped *mapped);

/* The newest version, for rmg_diff() and rmg_merge(). */
struct rmg_state rmg_space_state(const struct rmg_space *space);

/* ---- making ---- */

/* BLAKE3(kind || label) with kind "node", "edge", "type" or "warp" (an instance): the id of what
 * has a name. Errors: JIT_EINVALID (another kind), JIT_ELIMIT (a label of 0 or over 1,024 bytes).
 */
JIT_MUST_CHECK enum jit_err rmg_named_id(const char *kind, const char *label, struct jit_id *out);

/* An instance "/" with its root node, as rmg_collect_path() names them: what an empty space begins
 * with. Errors: those of a transaction. */
JIT_MUST_CHECK enum jit_err rmg_tx_begin_top(struct rmg_space *space, struct jit_id *top,
                                             struct rmg_tx **out);

/* ---- reading ---- */

/* One instance of the newest version; id NULL: the top one. Valid until the next transaction is
 * sealed. Errors: JIT_ENOENT, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_space_graph(const struct rmg_space *space, const struct jit_id *id,
                                            struct rmg_graph *out);

struct rmg_node {
    struct jit_id type;
    uint64_t out_degree;
    uint64_t in_degree;
};
/* Errors: JIT_ENOENT, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_node(const struct rmg_graph *graph, const struct jit_id *id,
                                     struct rmg_node *out);

/* The edges that leave a node, by (type, to, id); type NULL: of any type. Take them with
 * rmg_iter_edge() until JIT_ENOENT. graph must stay where it is. */
void rmg_edges_from(const struct rmg_graph *graph, const struct jit_id *node,
                    const struct jit_id *type, struct rmg_iter *out);

/* The atom or portal of that name on a node, without a copy: the bytes lie in the space and stay
 * there as long as the version does. Errors: JIT_ENOENT, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_payload(const struct rmg_graph *graph, const struct jit_id *node,
                                        const char *name, struct rmg_value *out);

#endif

/* rmg/store/store.h - the forest of instances, its versions, and the one way to change it.
 * Spec:  DESIGN 4.2 (bytes), 4.4 (laws), 14.9 (arenas, epochs), 14.10 (one writer), 14.11
 * (indexes). Layer: rmg; base only. The tries are hidden behind it.
 *
 * A version is a small value: copying it is the fork, O(1). It stays readable while it is pinned or
 * the newest. A transaction edits nodes it owns in place, copies others once, and ends in seal
 * (validity, lazy batched hashing, a new version) or abort (no trace: same root, same memory). */
#ifndef JIT_RMG_STORE_H
#define JIT_RMG_STORE_H

#include "base/heap.h"
#include "rmg/store/arena.h"
#include "rmg/store/graph.h"

struct rmg_store;
struct rmg_tx;

#define RMG_ARENAS_MAX 16u

struct rmg_store_options {
    struct rmg_arena *arenas[RMG_ARENAS_MAX]; /* borrowed; [0] also holds the map of instances */
    uint32_t arena_count;                     /* at least 1 */
    /* Which arena an instance lies in; NULL: always 0. Must be a function of the id alone. */
    uint32_t (*arena_of)(void *user, const struct jit_id *instance);
    void *user;
    /* Epochs begin behind this one. What is adopted (rmg_tx_adopt) must be older: see there. */
    uint64_t epoch;
};

/* A version: by value, freely copied. */
struct rmg_version {
    struct jit_id state_root; /* 32 zero bytes: no instance */
    uint64_t epoch;           /* of the transaction that made it; 0: the empty version */
    uint64_t instance_count;
    uint32_t instances; /* root of the map of instances in arenas[0] */
};

struct rmg_instance {
    struct jit_id id;
    struct jit_id root_node;
    struct rmg_parent parent;
    uint32_t arena;
    struct rmg_roots roots;
    struct jit_id map_root[RMG_MAPS_HASHED]; /* trie roots of nodes, edges, alpha, beta */
    struct jit_id skeleton;
    struct jit_id attachments;
};

/* Counters for growth laws: what a test counts instead of time. Reset by the caller. */
struct rmg_counters {
    uint64_t nodes_copied; /* trie nodes copied or made */
    uint64_t leaves_made;
    uint64_t hashes; /* BLAKE3 calls, of any length */
};

/* Owns:   the arenas stay the caller's. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_store_new(struct jit_heap *heap,
                                          const struct rmg_store_options *options,
                                          struct rmg_store **out);
void rmg_store_free(struct rmg_store *store); /* may be NULL */
struct rmg_counters *rmg_store_counters(struct rmg_store *store);

/* The version with no instance. */
struct rmg_version rmg_version_empty(void);

/* Keep a version readable after newer ones; several pins of one version count. Errors: JIT_ENOMEM.
 */
JIT_MUST_CHECK enum jit_err rmg_store_pin(struct rmg_store *store,
                                          const struct rmg_version *version);
/* The next `count` pins will need no memory. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_store_pin_ready(struct rmg_store *store, size_t count);
void rmg_store_unpin(struct rmg_store *store, const struct rmg_version *version);

/* One instance of a version; JIT_ENOENT. graph may be NULL. */
JIT_MUST_CHECK enum jit_err rmg_store_instance(const struct rmg_store *store,
                                               const struct rmg_version *version,
                                               const struct jit_id *id, struct rmg_instance *out);
void rmg_store_graph(const struct rmg_store *store, const struct rmg_instance *instance,
                     struct rmg_graph *graph);
/* Instances ascending by id: the first one after `after` (NULL: the first). JIT_ENOENT: no more. */
JIT_MUST_CHECK enum jit_err rmg_store_next(const struct rmg_store *store,
                                           const struct rmg_version *version,
                                           const struct jit_id *after, struct rmg_instance *out);
/* The one instance without a parent: up from any. JIT_ENOENT: no instance at all; JIT_ECORRUPT: the
 * parents do not lead to it. */
JIT_MUST_CHECK enum jit_err rmg_store_top(const struct rmg_store *store,
                                          const struct rmg_version *version,
                                          struct rmg_instance *out);
/* instance_root of DESIGN 14.2: the state root of one instance and what is nested in it, its own
 * parent written as u8 0. */
JIT_MUST_CHECK enum jit_err rmg_store_instance_root(const struct rmg_store *store,
                                                    const struct rmg_version *version,
                                                    const struct jit_id *id, struct jit_id *root);

/* One transaction at a time a store; base must be the newest version (or the empty one).
 * Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_tx_begin(struct rmg_store *store, const struct rmg_version *base,
                                         struct rmg_tx **out);
/* Memory for so many operations in the worst case (14.9). Errors: JIT_ENOSPC, JIT_ENOMEM,
 * JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_tx_reserve(struct rmg_tx *tx, uint64_t operations,
                                           uint64_t atom_bytes);
/* Gives back everything; the base version is as it was. */
void rmg_tx_abort(struct rmg_tx *tx); /* may be NULL */
/* Judge validity (4.2) of all that was touched, hash, and make the new version; where nothing was
 * changed it is the base, epoch and all. The transaction is gone either way; on error as after
 * abort. Errors: JIT_EINVALID, JIT_ENOMEM, JIT_ENOSPC,
 * JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_tx_seal(struct rmg_tx *tx, struct rmg_version *out);

/* A branch: a line of versions beside the newest one, forked from `base`. Plain memory. The store's
 * own line goes on as if it were not there, and any number may live at once; memory of what a
 * branch made is its own, what it replaces of its base is not. */
struct rmg_branch {
    struct rmg_version base; /* pinned while the branch lives */
    struct rmg_version head; /* readable until the branch's next seal, or while it is pinned */
    struct dead_chunk *lost; /* what it no longer has of its base */
    bool over;               /* dropped or adopted */
};
/* O(1). from: a version that is pinned, the newest, or the head of a branch. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_branch_fork(struct rmg_store *store, const struct rmg_version *from,
                                            struct rmg_branch *out);
/* A transaction on the branch's head; what seal gives is the caller's to put there. Errors: as
 * rmg_tx_begin(). */
JIT_MUST_CHECK enum jit_err rmg_branch_begin(struct rmg_store *store, struct rmg_branch *branch,
                                             struct rmg_tx **out);
/* The branch's head becomes the head of `into`, or with NULL the newest version, as it is: what it
 * was forked from has not moved since. O(what it replaced); the branch is over. Branches forked
 * from its versions live on. */
void rmg_branch_adopt(struct rmg_store *store, struct rmg_branch *branch, struct rmg_branch *into);
/* Gives back all that the branch made: O(what it changed). Branches forked from its versions must
 * be gone, and pins of them. Nothing happens to one that is over. */
void rmg_branch_drop(struct rmg_store *store, struct rmg_branch *branch);

/* Versions that lie in the arenas already: of a store that lived in this memory before. Arenas are
 * the caller's to set up (`used`); the store is empty. What was free then stays unused. */
void rmg_store_attach(struct rmg_store *store, const struct rmg_version *version);

/* Make an instance be what lies in its arena already and is somebody else's: roots, root node and
 * parent are taken as they are. Its memory is read and never released; changes copy. It must have
 * been made in epochs up to the store's first (rmg_store_options.epoch). Seal then does not judge
 * validity across instances, which is the owner's. Errors: JIT_ENOMEM, JIT_ENOSPC, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_tx_adopt(struct rmg_tx *tx, const struct rmg_instance *instance);
/* Forget an adopted instance that this line has not changed. Errors: JIT_ENOENT, JIT_ENOMEM,
 * JIT_ENOSPC. */
JIT_MUST_CHECK enum jit_err rmg_tx_disown(struct rmg_tx *tx, const struct jit_id *id);

/* What seal would judge, and nothing else: after JIT_OK a seal that follows at once cannot fail.
 * Errors: JIT_EINVALID, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_tx_judge(struct rmg_tx *tx);

/* The transaction's own view of an instance, valid until the next change. JIT_ENOENT. */
JIT_MUST_CHECK enum jit_err rmg_tx_graph(struct rmg_tx *tx, const struct jit_id *instance,
                                         struct rmg_graph *graph);
/* An instance as it stands: roots, root node and parent; hashes are those of its last version.
 * JIT_ENOENT. */
JIT_MUST_CHECK enum jit_err rmg_tx_instance(struct rmg_tx *tx, const struct jit_id *id,
                                            struct rmg_instance *out);

/* Changes. Upserts that change nothing leave no trace. Errors of all: JIT_ENOENT (instance, node,
 * edge, owner or attachment not there), JIT_EDANGLING (a node with edges deleted; an edge without
 * its ends), JIT_EINVALID (attachments left on a deleted owner, content left in a deleted instance,
 * zero type, bad name), JIT_ELIMIT: nothing changed and the transaction goes on. JIT_ENOMEM,
 * JIT_ENOSPC, JIT_ECORRUPT: it may only be aborted. */
JIT_MUST_CHECK enum jit_err rmg_tx_upsert_instance(struct rmg_tx *tx, const struct jit_id *id,
                                                   const struct jit_id *root_node,
                                                   const struct rmg_parent *parent);
JIT_MUST_CHECK enum jit_err rmg_tx_delete_instance(struct rmg_tx *tx, const struct jit_id *id);
JIT_MUST_CHECK enum jit_err rmg_tx_upsert_node(struct rmg_tx *tx, const struct jit_id *instance,
                                               const struct jit_id *id, const struct jit_id *type);
JIT_MUST_CHECK enum jit_err rmg_tx_delete_node(struct rmg_tx *tx, const struct jit_id *instance,
                                               const struct jit_id *id);
JIT_MUST_CHECK enum jit_err rmg_tx_upsert_edge(struct rmg_tx *tx, const struct jit_id *instance,
                                               const struct rmg_edge *edge);
JIT_MUST_CHECK enum jit_err rmg_tx_delete_edge(struct rmg_tx *tx, const struct jit_id *instance,
                                               const struct jit_id *id);
JIT_MUST_CHECK enum jit_err rmg_tx_set_attachment(struct rmg_tx *tx, const struct jit_id *instance,
                                                  enum rmg_plane plane, const struct jit_id *owner,
                                                  const struct rmg_attachment *attachment);
JIT_MUST_CHECK enum jit_err
rmg_tx_clear_attachment(struct rmg_tx *tx, const struct jit_id *instance, enum rmg_plane plane,
                        const struct jit_id *owner, const char *name, uint32_t name_size);

/* Bulk build (14.8): fill maps that are empty, as a stream. Open a map of an instance (NODES,
 * EDGES, ALPHA, BETA; owners and ends must be there before), give it its records one by one, open
 * the next; it is built, with its indexes, when it is left. What comes by ascending ids is not
 * sorted again. Beside the state it needs a few fixed buffers, whatever its size. Nothing else may
 * be done with the instance while one of its maps is open. Errors: JIT_EEXIST (an id or a name
 * twice), JIT_EINVALID (the map is not empty; as above), JIT_EDANGLING, JIT_ENOENT (instance; an
 * owner), JIT_ELIMIT, JIT_ENOMEM, JIT_ENOSPC. After an error the transaction may only be aborted.
 */
struct rmg_load;
JIT_MUST_CHECK enum jit_err rmg_load_begin(struct rmg_tx *tx, struct rmg_load **out);
JIT_MUST_CHECK enum jit_err rmg_load_open(struct rmg_load *load, const struct jit_id *instance,
                                          enum rmg_map map);
/* The same for a map that has content, which is deleted: what comes takes its place. EDGES alone;
 * leaving it is JIT_EINVALID when an edge that has attachments has not come again. */
JIT_MUST_CHECK enum jit_err rmg_load_replace(struct rmg_load *load, const struct jit_id *instance,
                                             enum rmg_map map);
JIT_MUST_CHECK enum jit_err rmg_load_node(struct rmg_load *load, const struct jit_id *id,
                                          const struct jit_id *type);
JIT_MUST_CHECK enum jit_err rmg_load_edge(struct rmg_load *load, const struct rmg_edge *edge);
JIT_MUST_CHECK enum jit_err rmg_load_attachment(struct rmg_load *load, const struct jit_id *owner,
                                                const struct rmg_attachment *attachment);
/* Build the map that is open, if any. */
JIT_MUST_CHECK enum jit_err rmg_load_close(struct rmg_load *load);
/* Close; the load is gone either way. */
JIT_MUST_CHECK enum jit_err rmg_load_end(struct rmg_load *load);
void rmg_load_abort(struct rmg_load *load); /* may be NULL; before the transaction is aborted */

/* The same from arrays in any order: an instance whose maps are all empty gets its whole content at
 * once. The arrays are borrowed. */
struct rmg_bulk_node {
    struct jit_id id;
    struct jit_id type;
};
struct rmg_bulk_attachment {
    struct jit_id owner;
    enum rmg_plane plane;
    struct rmg_attachment attachment; /* borrowed bytes */
};
struct rmg_bulk {
    struct rmg_bulk_node *nodes;
    uint64_t node_count;
    struct rmg_edge *edges;
    uint64_t edge_count;
    struct rmg_bulk_attachment *attachments;
    uint64_t attachment_count;
};
JIT_MUST_CHECK enum jit_err rmg_tx_load(struct rmg_tx *tx, const struct jit_id *instance,
                                        struct rmg_bulk *bulk);

/* Recompute everything from the records alone: order, hashes, counts, indexes, validity.
 * Errors: JIT_ECORRUPT (where says which map and id), JIT_ENOMEM. */
struct rmg_fault {
    struct jit_id instance;
    enum rmg_map map;
    struct jit_id id;
    const char *what;
};
JIT_MUST_CHECK enum jit_err rmg_store_verify(struct rmg_store *store,
                                             const struct rmg_version *version,
                                             struct rmg_fault *fault);

/* Hashes of single values, as 4.2 spells them. A slot's value hash (patch "prior", in-slots of a
 * collapse) is for a node, edge or instance value_P(record) with an instance's record cut after its
 * parent; for an attachment value_P of a record with that attachment alone. */
void rmg_value_of_node(const struct jit_id *type, struct jit_id *out);
void rmg_value_of_edge(const struct rmg_edge *edge, struct jit_id *out);
JIT_MUST_CHECK enum jit_err rmg_value_of_attachment(enum rmg_plane plane,
                                                    const struct rmg_attachment *attachment,
                                                    struct jit_id *out);
/* The same of up to RMG_VALUES_MAX attachments of one plane, side by side. */
#define RMG_VALUES_MAX 32u
JIT_MUST_CHECK enum jit_err rmg_values_of_attachments(enum rmg_plane plane,
                                                      const struct rmg_attachment *attachments,
                                                      uint32_t count, struct jit_id *const *out);
void rmg_value_of_instance(const struct jit_id *root_node, const struct rmg_parent *parent,
                           struct jit_id *out);

/* The content id of a node (4.1): B3[K("content")](type || alpha record), attachments by name; a
 * node without attachments has no record. Errors: JIT_EINVALID (bad name, order), JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_content_id(const struct jit_id *type,
                                           const struct rmg_attachment *attachments, uint32_t count,
                                           struct jit_id *out);

#endif

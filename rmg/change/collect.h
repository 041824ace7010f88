/* rmg/change/collect.h - a graph being gathered before it exists: what importers fill and what a
 * genesis is made of. Spec:  DESIGN 4.1 (ids), 14.8 (genesis), 14.4. Layer: rmg; base only.
 *
 * Everything added is copied, into the arenas of a store that holds nothing yet: what is loaded
 * into that store needs no memory twice. Or it is written as a patch without base: the same content
 * gives the same bytes, whatever the order in which it was added.
 *
 * Beside the leaves it needs 8 to 16 bytes a node and a numbered edge, until it is loaded. */
#ifndef JIT_RMG_COLLECT_H
#define JIT_RMG_COLLECT_H

#include "base/buf.h"
#include "rmg/store/codec.h"
#include "rmg/change/patch.h"

struct rmg_collect;

/* The store must outlive the collection. */
JIT_MUST_CHECK enum jit_err rmg_collect_new(struct jit_heap *heap, struct rmg_store *store,
                                            struct rmg_collect **out);
void rmg_collect_free(struct rmg_collect *collect); /* may be NULL */
struct jit_heap *rmg_collect_heap(const struct rmg_collect *collect);

/* parent NULL: the top instance. An instance added twice: JIT_EEXIST at the end. */
JIT_MUST_CHECK enum jit_err rmg_collect_instance(struct rmg_collect *collect,
                                                 const struct jit_id *id,
                                                 const struct jit_id *root_node,
                                                 const struct rmg_parent *parent);
JIT_MUST_CHECK enum jit_err rmg_collect_node(struct rmg_collect *collect,
                                             const struct jit_id *instance, const struct jit_id *id,
                                             const struct jit_id *type);
JIT_MUST_CHECK enum jit_err rmg_collect_edge(struct rmg_collect *collect,
                                             const struct jit_id *instance,
                                             const struct rmg_edge *edge);
/* An edge without an id of its own gets B3[K("edge-id")](from || to || type || u32 n), n its number
 * among equal triples in the order of the calls. */
JIT_MUST_CHECK enum jit_err
rmg_collect_edge_numbered(struct rmg_collect *collect, const struct jit_id *instance,
                          const struct jit_id *from, const struct jit_id *to,
                          const struct jit_id *type, struct jit_id *edge_id);
JIT_MUST_CHECK enum jit_err rmg_collect_attachment(struct rmg_collect *collect,
                                                   const struct jit_id *instance,
                                                   enum rmg_plane plane, const struct jit_id *owner,
                                                   const struct rmg_attachment *attachment);
/* An atom of a built-in codec. */
JIT_MUST_CHECK enum jit_err rmg_collect_datum(struct rmg_collect *collect,
                                              const struct jit_id *instance, enum rmg_plane plane,
                                              const struct jit_id *owner, const char *name,
                                              const struct rmg_datum *datum);

/* Instance "/", "/world", "/world/x": id BLAKE3("warp:" || path), root node BLAKE3("node:" || path)
 * of type `type:instance`, hanging as portal of its last name on its parent's root node
 * (DESIGN 14.4). Parents must have been added before. */
JIT_MUST_CHECK enum jit_err rmg_collect_path(struct rmg_collect *collect, const char *path,
                                             struct jit_id *instance);

/* Take an instance, and what is nested in it, out of another collection in the same store, in place
 * of what is here: what was imported once serves several. Nothing may be added to it afterwards.
 * After an error both may only be freed. Errors: JIT_ENOENT, JIT_ENOMEM, the arena's. */
JIT_MUST_CHECK enum jit_err rmg_collect_take(struct rmg_collect *to, struct rmg_collect *from,
                                             const struct jit_id *instance);

/* Counts so far. */
uint64_t rmg_collect_nodes(const struct rmg_collect *collect);
uint64_t rmg_collect_edges(const struct rmg_collect *collect);

/* A node id that is there (for importers that must know). */
bool rmg_collect_has_node(const struct rmg_collect *collect, const struct jit_id *instance,
                          const struct jit_id *id);

/* Build everything in a transaction of its store, whose base is the empty version; the collection
 * is empty afterwards, whatever happens. Duplicates with different content: JIT_EEXIST, `at` names
 * the id; exact duplicates too. The caller seals. */
JIT_MUST_CHECK enum jit_err rmg_collect_load(struct rmg_collect *collect, struct rmg_tx *tx,
                                             struct jit_id *at);

/* Write it as a genesis patch (base root zero, no slots, origins (0, k)) in canonical order, in
 * pieces; more than once if need be, but nothing may be added afterwards. write returns an error to
 * stop. Errors: write's, JIT_EEXIST, JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err
rmg_collect_patch(struct rmg_collect *collect,
                  enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size), void *user,
                  struct jit_id *at);

#endif

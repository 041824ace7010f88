/* rmg/store/load_priv.h - leaves that lie in an arena already but in no map yet: what a bulk build
 * is made from. Spec:  DESIGN 14.8 (bulk build within the state's own memory), 4.2 (records).
 * Layer: rmg; base only. Private to the store and to collect.
 *
 * The leaves of a map that is to be built are a list. While they are in it their first eight bytes,
 * which are the epoch's afterwards, hold the link: so they need no memory beside the state. */
#ifndef JIT_RMG_LOAD_PRIV_H
#define JIT_RMG_LOAD_PRIV_H

#include "base/buf.h"
#include "rmg/store/store_priv.h"

struct load_list {
    uint32_t first; /* leaf; 0: the list is empty */
    uint32_t last;
    uint32_t count;
    uint32_t portals; /* among the attachments of owners */
    bool mixed;       /* the ids do not ascend */
};

struct load_link {
    uint32_t next; /* leaf; 0: the last one */
    uint32_t
        ahead; /* a leaf some steps on, to be fetched; until it is known, the caller's number */
};

static inline struct load_link load_link_of(const uint8_t *leaf)
{
    struct load_link link;
    memcpy(&link, leaf, sizeof link);
    return link;
}

/* A number kept with a leaf until its list is sorted; 0 at first. */
static inline uint32_t load_number(const uint8_t *leaf)
{
    return load_link_of(leaf).ahead;
}

static inline void load_number_set(uint8_t *leaf, uint32_t number)
{
    memcpy(leaf + offsetof(struct load_link, ahead), &number, sizeof number);
}

/* Make a leaf and append it. Errors: JIT_EINVALID (type zero), JIT_ELIMIT, the arena's. */
JIT_MUST_CHECK enum jit_err load_node(struct trie_pen *pen, struct load_list *list,
                                      const struct jit_id *id, const struct jit_id *type);
JIT_MUST_CHECK enum jit_err load_edge(struct trie_pen *pen, struct load_list *list,
                                      const struct rmg_edge *edge);
/* Release what a list holds. */
void load_list_free(struct trie_pen *pen, enum rmg_map map, struct load_list *list);

/* The owner whose attachments come just now: its entries, until all of them are known. */
struct load_owner {
    struct jit_id id;
    uint32_t count; /* entries; 0: no owner is open */
    uint32_t portals;
    bool mixed; /* the names do not ascend */
    struct jit_buf entries;
    uint32_t at[JIT_ATTACHMENTS_MAX]; /* offsets of entries */
};

void load_owner_init(struct load_owner *owner, struct jit_heap *heap);
/* Forget the open owner, with the cells that were made for it. */
void load_owner_drop(struct trie_pen *pen, struct load_owner *owner);
void load_owner_release(struct trie_pen *pen, struct load_owner *owner);
/* An attachment of the open owner, or of another one when none is open. Errors: JIT_EINVALID,
 * JIT_ELIMIT, JIT_ENOMEM, the arena's. */
JIT_MUST_CHECK enum jit_err load_owner_add(struct trie_pen *pen, struct load_owner *owner,
                                           const struct jit_id *id,
                                           const struct rmg_attachment *attachment);
/* Make the leaf of the open owner and append it. Errors: JIT_EEXIST (a name twice), the arena's;
 * then the owner is open still. */
JIT_MUST_CHECK enum jit_err load_owner_end(struct trie_pen *pen, struct load_owner *owner,
                                           struct load_list *list);

/* Sort a list by id, make one leaf of the leaves of one owner, and see that no id comes twice.
 * scratch: 2 * list->count items. Errors: JIT_EEXIST (*at names it), JIT_ELIMIT, the arena's; the
 * list holds all its leaves still. */
JIT_MUST_CHECK enum jit_err load_list_sort(struct trie_pen *pen, enum rmg_map map,
                                           struct load_list *list, struct rmg_radix *scratch,
                                           struct load_owner *owner, struct jit_id *at);

/* ---- building (load_build.c) ---- */

/* The ids of a map in order, to be met by ids in order. */
struct load_among {
    struct rmg_graph graph;
    struct rmg_iter iter;
    const uint8_t *leaf; /* NULL: past the end */
    enum jit_err err;
};
void load_among_begin(struct load_among *among, const struct rmg_tx *tx, enum rmg_map map);
void load_among_step(struct load_among *among);
bool load_among_has(struct load_among *among, const uint8_t *id);

/* Build a map of tx->at, and its indexes, which are all empty, from a list; it is empty
 * afterwards, whatever happens. Errors: JIT_EEXIST (*at names it), JIT_EDANGLING, JIT_ENOENT (an
 * owner), JIT_ELIMIT, the arena's. */
struct load_build {
    struct rmg_tx *tx;
    struct trie_pen pen;
    struct load_owner *owner; /* closed */
    struct trie_spine spine;
};
JIT_MUST_CHECK enum jit_err load_build(struct load_build *build, enum rmg_map map,
                                       struct load_list *list, struct jit_id *at);
/* Release a leaf of this transaction; user: a struct load_leaf_end. */
struct load_leaf_end {
    struct trie_pen *pen;
    enum rmg_map map;
};
void load_leaf_free(void *user, uint32_t ref);

/* ---- a stream (tx_load.c) ---- */
struct rmg_load {
    struct jit_heap *heap;
    struct load_build build;
    struct load_owner owner;
    struct jit_id instance;
    enum rmg_map map; /* RMG_MAPS: none is open */
    bool replaces;    /* it had content */
    struct load_list list;
};

#endif

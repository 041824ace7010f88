/* rmg/store/store_priv.h - what the files of the store share: the store, its pins, its transaction.
 * Layer: rmg; base only. */
#ifndef JIT_RMG_STORE_PRIV_H
#define JIT_RMG_STORE_PRIV_H

#include "rmg/store/store.h"
#include "rmg/store/trie_priv.h"
#include "rmg/store/tx_hands.h"

/* A version that must stay readable, and the cells that died after it but that it still needs
 * (each dead cell lies with the newest such version). */
struct pin {
    uint64_t epoch;
    uint64_t count;
    struct dead_list dead;
};

struct rmg_tx {
    struct rmg_store *store; /* NULL: no transaction runs */
    struct rmg_version base;
    uint64_t epoch;
    uint64_t fork; /* what is not younger belongs to the version the branch was forked from */
    struct rmg_branch *line; /* NULL: the store's own */
    bool adopted;            /* validity across instances is not judged */
    uint32_t instances;      /* root of the map of instances, as it stands */
    uint64_t instance_count;
    /* Validity across instances is judged at seal, from what was touched alone: */
    int64_t portal_delta; /* portals set less portals cleared */
    int64_t top_delta;    /* instances without a parent */
    bool moved;           /* an instance got another parent: all depths are judged */
    struct jit_id *touched;
    size_t touched_count;
    size_t touched_capacity;
    struct dead_list dead;
    struct dead_list lost; /* of the version the branch was forked from */
    struct jit_exec *exec; /* NULL: the caller's thread does everything */
    uint64_t spare_bytes;  /* reserved beyond what the operations need, for hands */
    /* The instance of the last operation. */
    struct leaf_instance *at; /* NULL: none */
    bool at_owned;
};

/* Who writes beside others: with memory of its own, so that nothing is shared. It keeps what it is
 * given back for the next transaction. */
struct tx_hand {
    struct rmg_arena arena; /* a part of the one it writes to; live counts from HAND_LIVE */
    struct dead_list dead;
    struct dead_list lost;
    struct dead_chunk *spare;
    struct rmg_counters counters;
};
#define HAND_LIVE ((uint64_t)1 << 62)

struct rmg_store {
    struct jit_heap *heap;
    struct rmg_store_options options;
    struct rmg_counters counters;
    struct rmg_version newest;
    uint64_t epoch;   /* of the last version of any line */
    struct pin *pins; /* ascending epochs */
    size_t pin_count;
    size_t pin_capacity;
    struct dead_chunk *spare;
    struct trie_hasher *hasher;
    struct rmg_tx tx;
    struct tx_hand *hands[RMG_ARENAS_MAX]; /* RMG_HANDS for an arena; NULL: none were needed yet */
    struct tx_crew *crew;                  /* likewise, for hashing */
    struct rmg_hands *open;                /* memory of rmg_hands_open */
};

static inline struct rmg_mem store_mem(const struct rmg_store *store, uint32_t arena)
{
    const struct rmg_arena *a = store->options.arenas[arena];
    return (struct rmg_mem){.base = a->base, .size = a->used < a->size ? a->used : a->size};
}

struct trie_pen tx_pen(struct rmg_tx *tx, uint32_t arena);
/* The leaf of an instance in a map of instances. Errors: JIT_ENOENT, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err store_leaf(const struct rmg_store *store, uint32_t instances,
                                       const struct jit_id *id, struct leaf_instance **out);
/* Its sizes and numbers can be followed. store_leaf gives only such. */
bool store_leaf_sound(const struct rmg_store *store, const struct leaf_instance *leaf);
void store_leaf_load(const struct leaf_instance *leaf, struct rmg_instance *out);
/* Find an instance for reading, or make its leaf ours for writing. Errors: JIT_ENOENT, ... */
JIT_MUST_CHECK enum jit_err tx_find(struct rmg_tx *tx, const struct jit_id *id);
JIT_MUST_CHECK enum jit_err tx_own(struct rmg_tx *tx);
JIT_MUST_CHECK enum jit_err tx_touch(struct rmg_tx *tx, const struct jit_id *instance);
void tx_view(const struct rmg_tx *tx, struct rmg_graph *graph); /* of tx->at */
/* Release the cells of a map of instances that are not older than `epoch`. */
void tx_abandon(struct rmg_tx *tx, uint32_t instances, uint64_t epoch);
void store_parent_set(struct leaf_instance *leaf, const struct rmg_parent *parent);
/* A new instance, zeroed, as tx->at. Errors: JIT_ELIMIT, the arena's. */
JIT_MUST_CHECK enum jit_err tx_instance_new(struct rmg_tx *tx, const struct jit_id *id);

/* Of any line, also one's head. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err store_pin_any(struct rmg_store *store,
                                          const struct rmg_version *version);
/* Give back cells that no pinned version before `epoch` needs; keep the others with the newest
 * such pin. The list is empty afterwards. */
void store_bury(struct rmg_store *store, struct dead_list *dead, size_t pin_count);
/* Cells that the branch no longer refers to, for its list. Of those that it made itself, what no
 * pinned version needs is given back. The list is empty afterwards. */
void store_lose(struct rmg_store *store, struct dead_list *lost, struct rmg_branch *branch);
/* The branch is over and nothing of it is needed: what it made itself is given back. */
void store_lost_drop(struct rmg_store *store, struct rmg_branch *branch);

JIT_MUST_CHECK enum jit_err instance_judge(const struct rmg_store *store, uint32_t instances,
                                           const struct leaf_instance *leaf);
JIT_MUST_CHECK enum jit_err attachment_judge(const struct rmg_attachment *attachment);

JIT_MUST_CHECK enum jit_err instance_depth_judge(const struct rmg_store *store, uint32_t instances,
                                                 const struct leaf_instance *leaf);
void instance_sums(const struct jit_id map_root[RMG_MAPS_HASHED], struct jit_id *skeleton,
                   struct jit_id *attachments);

/* ---- leaves of owners (tx_owner.c) ---- */
struct owner_edit {
    const struct jit_id *owner;
    const uint8_t *old;                      /* leaf; NULL: none yet */
    const uint8_t *at;                       /* where in it the entry goes or lies */
    const struct owner_entry *replaces;      /* NULL: none */
    const struct rmg_attachment *attachment; /* NULL: take away */
};
uint32_t owner_leaf_size(const uint8_t *leaf);
uint32_t owner_entry_size(const struct rmg_attachment *attachment);
/* The cell of a long atom; ref 0: it is short. Errors: the arena's. */
JIT_MUST_CHECK enum jit_err owner_cell_new(struct trie_pen *pen,
                                           const struct rmg_attachment *attachment,
                                           struct leaf_cell *out);
/* Returns the end of the entry. */
uint8_t *owner_entry_write(uint8_t *at, const struct rmg_attachment *attachment,
                           const struct leaf_cell *cell);
/* A new leaf, with the cell of its new atom; the old leaf and the cell of what is replaced are the
 * caller's to drop. Errors: the arena's. */
JIT_MUST_CHECK enum jit_err owner_leaf_edit(struct trie_pen *pen, const struct owner_edit *edit,
                                            uint32_t *leaf, struct leaf_cell *cell);
/* Release a leaf of this transaction, of `size` bytes, and its cells of this transaction. */
void owner_leaf_free(struct trie_pen *pen, uint32_t ref, uint32_t size);
/* Undo an edit. */
void owner_leaf_release(struct trie_pen *pen, const struct owner_edit *edit, uint32_t leaf,
                        const struct leaf_cell *cell);
/* True when the change fitted into a leaf of this transaction, in place. */
bool owner_leaf_overwrite(const struct trie_pen *pen, const struct owner_edit *edit);

/* ---- attachments (tx_change.c) ---- */

/* What setting one would do. */
struct owner_look {
    struct trie_place place;
    struct owner_entry entry;
    struct owner_edit edit; /* refers to place and entry: stays where it is */
    bool same;              /* the value is there already */
};
/* owners: the root of the map that says who exists. Errors: JIT_ENOENT (it does not), JIT_ELIMIT,
 * JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err tx_owner_look(const struct rmg_mem *mem, enum rmg_map map,
                                          uint32_t root, uint32_t owners,
                                          const struct jit_id *owner,
                                          const struct rmg_attachment *attachment,
                                          struct owner_look *out);
/* Write the edited leaf into the map; without its last entry an owner leaves the map. What is
 * replaced is dropped the leaf first: a cell outlives its leaf, never the other way round. After
 * JIT_ENOSPC of a set everything means what it did. */
JIT_MUST_CHECK enum jit_err tx_owner_write(struct trie_pen *pen, enum rmg_map map, uint32_t *root,
                                           const struct trie_place *place,
                                           const struct owner_edit *edit);

/* ---- side by side (tx_hands.c, tx_crew.c) ---- */
void store_hands_free(struct rmg_store *store);
/* What died by a hand goes back to it. */
void store_hand_release(struct rmg_store *store, uint32_t arena, uint32_t hand, uint32_t ref,
                        uint64_t size);
/* What the hands keep goes back to the arenas, before one of them is filled by other means. */
void store_hands_return(struct rmg_store *store);
void store_crew_free(struct rmg_store *store);
/* Hash what is dirty in the parts of these maps; what lies above them is left to do. */
void tx_crew_hash(struct rmg_tx *tx, struct leaf_instance *leaf);

#endif

/* rmg/change/collect_priv.h - what the files of the collection share. Layer: rmg; base only. */
#ifndef JIT_RMG_COLLECT_PRIV_H
#define JIT_RMG_COLLECT_PRIV_H

#include "rmg/change/collect.h"
#include "rmg/store/id_table.h"
#include "rmg/store/load_priv.h"

/* An open-addressing table from a key's hash to a number that says where the key lies: a leaf, or
 * an index plus one; 0 is free. */
struct collect_table {
    uint32_t *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    /* Ids may be chosen so that they meet in one place. When those put in have gone as many steps
     * beyond their places as it costs to put all of them elsewhere, that is done, by another seed.
     */
    uint64_t seed;
    size_t steps;
};

struct collect_part { /* one instance */
    struct jit_id id;
    struct jit_id root_node;
    uint32_t parent; /* struct rmg_parent up to its name, a cell of arena 0; 0: none */
    uint32_t arena;
    struct load_list lists[RMG_MAPS_HASHED];
    uint64_t attachments;
    struct collect_table nodes;   /* by id */
    struct collect_table triples; /* edges that were numbered: the last one of each triple */
};

struct rmg_collect {
    struct jit_heap *heap;
    struct rmg_store *store;
    uint64_t epoch; /* of the transaction that will take the leaves */
    struct rmg_counters counters;
    struct collect_part *parts;
    size_t part_count;
    size_t part_capacity;
    size_t last; /* part of the previous call: calls come in runs */
    struct collect_table places;
    /* The owner whose attachments come just now. */
    struct load_owner owner;
    size_t owner_part;
    enum rmg_map owner_map;
    /* The first owner that had two attachments of one name. */
    bool has_twin;
    struct jit_id twin;
    bool written; /* leaves are in order: nothing may be added */
};

struct trie_pen collect_pen(struct rmg_collect *collect, const struct collect_part *part);
/* The parent of a part. */
void collect_parent(const struct rmg_collect *collect, const struct collect_part *part,
                    struct rmg_parent *out);
/* It is known elsewhere. */
void collect_parent_release(struct rmg_collect *collect, struct collect_part *part);
/* The attachments of the open owner are complete. Errors: JIT_EEXIST never, it is remembered. */
JIT_MUST_CHECK enum jit_err collect_owner_end(struct rmg_collect *collect);
void collect_table_release(struct rmg_collect *collect, struct collect_table *table);
void collect_sort_parts(struct rmg_collect *collect); /* by id */
void collect_clear(struct rmg_collect *collect);      /* nothing is in it any more */

/* ---- collect.c ---- */
struct rmg_arena *collect_arena_of(const struct rmg_collect *collect,
                                   const struct collect_part *part);
size_t collect_parent_size(const struct rmg_parent *parent);
struct collect_part *collect_find_part(const struct rmg_collect *collect, const struct jit_id *id);
/* The part to which something is added. */
struct collect_part *collect_enter_part(struct rmg_collect *collect, const struct jit_id *id);

/* ---- collect_add.c ---- */
uint32_t *collect_place_slot(const struct rmg_collect *collect, const struct jit_id *id);

#endif

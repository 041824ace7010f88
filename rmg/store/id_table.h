/* rmg/store/id_table.h - where is this id in that ascending list? For whoever asks it a million
 * times. Spec:  DESIGN 4.1 (ids are compared as bytes). Layer: rmg; base only.
 *
 * The first 8 bytes of the ids lie side by side, and the place of an id that is a hash follows from
 * its value. Cost: a few probes of a dense array for ids that are hashes, O(log count) for any.
 * Memory: 8 bytes an id. The ids stay where they are. */
#ifndef JIT_RMG_ID_TABLE_H
#define JIT_RMG_ID_TABLE_H

#include "base/heap.h"
#include "base/id.h"

struct rmg_id_table {
    const uint8_t *ids; /* borrowed, each `stride` bytes behind the one before, ascending */
    size_t stride;
    size_t count;
    uint64_t *keys;
    size_t key_room;
    double scale; /* places a unit of key */
};

/* Make the table of other ids, in the memory it has where that is enough; all zeros to begin with.
 * Errors: JIT_ENOMEM (the table is then empty). */
JIT_MUST_CHECK enum jit_err rmg_id_table_set(struct rmg_id_table *table, struct jit_heap *heap,
                                             const void *ids, size_t stride, size_t count);
void rmg_id_table_release(struct rmg_id_table *table, struct jit_heap *heap);

/* index is set when it is there. */
bool rmg_id_table_find(const struct rmg_id_table *table, const struct jit_id *id, size_t *index);

/* Many at once cost a fraction of one after the other: places[i] becomes the place of *ids[i], or
 * SIZE_MAX when it is not there. known: all ids are in the list; then most are found without a look
 * at it. */
#define RMG_ID_BATCH 32u
void rmg_id_table_find_many(const struct rmg_id_table *table, const struct jit_id *const *ids,
                            size_t count, bool known, size_t *places);

/* For tables of ids in any order: the hash of a key of several ids, from a seed and then one id
 * after the other. Ids that differ in their first or last bytes only are spread as well as others;
 * ids chosen against a known seed are not. */
uint64_t rmg_id_mix(uint64_t hash, const struct jit_id *id);

#endif

/* rmg/rules/search.h - finding matches, in a worker: all of them once, then only what a tick
 * changed. Spec:  DESIGN 6 "Search", 14.1 (workers send every match of their shard), 14.12
 * (chance). Layer: rmg; base only.
 *
 * It keeps the matches that verification accepts up to its draws (elements, guard, negative and
 * dangling conditions; not what it finds when it evaluates the values to write) and whose scope
 * (first element) lies in the shard; after a tick it looks only at what the difference of the two
 * versions touches: O(changes) slots, including what deletions enable under negative conditions.
 * Draws come from the cached match keys and look at no slot. The set found never depends on the
 * plan. */
#ifndef JIT_RMG_SEARCH_H
#define JIT_RMG_SEARCH_H

#include "rmg/rules/match.h"

struct rmg_search;

struct rmg_shard {
    uint32_t index; /* b = first byte of BLAKE3(scope id) belongs to floor(b * count / 256) */
    uint32_t count; /* 1: everything */
};

/* rule and params are borrowed for the life of the search. Errors: JIT_ENOMEM; JIT_EFORMAT,
 * JIT_ELIMIT (params). */
JIT_MUST_CHECK enum jit_err rmg_search_new(struct jit_heap *heap, const struct rmg_rule *rule,
                                           const uint8_t *params, uint32_t params_size,
                                           const struct jit_id *instance, struct rmg_shard shard,
                                           struct rmg_search **out);
void rmg_search_free(struct rmg_search *search); /* may be NULL */

/* Find all from nothing; drops what was known. Errors: JIT_ENOMEM, JIT_ECORRUPT, JIT_ELIMIT (2^30
 * elements in matches); after an error it knows nothing. */
JIT_MUST_CHECK enum jit_err rmg_search_all(struct rmg_search *search,
                                           const struct rmg_graph *graph);
/* Find all from nothing and keep none: visit is told of each once, in no particular order, before
 * draws; false stops the search (JIT_OK). What was known is dropped. budget: nodes and edges it may
 * look at (JIT_EBUDGET); *looks: how many it did. Both depend on the plan. Other errors: as above.
 */
JIT_MUST_CHECK enum jit_err
rmg_search_visit(struct rmg_search *search, const struct rmg_graph *graph, uint64_t budget,
                 bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count), void *user,
                 uint64_t *looks);
/* From the matches of `before` (which search_all or the last update saw) to those of `after`; all
 * of `after` when it knows nothing. */
JIT_MUST_CHECK enum jit_err rmg_search_update(struct rmg_search *search,
                                              const struct rmg_graph *before,
                                              const struct rmg_graph *after);
/* Of a rule that has no match in `before`, nothing that it asks of all nodes of a type, and a
 * pattern that hangs together: has it one in `after`? Looks at what the difference touches alone,
 * keeps nothing. Errors: as search_all; of a graph that counts its looks (rmg/store/after.h)
 * JIT_EBUDGET. */
JIT_MUST_CHECK enum jit_err rmg_search_appears(struct rmg_search *search,
                                               const struct rmg_graph *before,
                                               const struct rmg_graph *after, bool *found);
/* Each match whose draws come out true in this tick, in no particular order. ids: element_count of
 * them, borrowed for the call. visit returns false to stop. */
JIT_MUST_CHECK enum jit_err
rmg_search_each(struct rmg_search *search, const struct rmg_draw *draw,
                bool (*visit)(void *user, const struct jit_id *ids, uint32_t id_count), void *user);
uint64_t rmg_search_count(const struct rmg_search *search); /* members, before draws */

#endif

/* rmg/rules/invariant.h - conditions that hold in every version: patterns that never match.
 * Spec:  DESIGN 6, 9.1; docs/spec/rules.md "Invariants", docs/spec/footprint.md "Invariants".
 * Layer: rmg; base only.
 *
 * An invariant is a rule that changes nothing and has no match. A rewrite is asked for by itself:
 * would it make one? Only what it touches is looked at, so a version whose invariants hold leads to
 * one whose invariants hold, if those that are applied together keep apart what was looked at. */
#ifndef JIT_RMG_INVARIANT_H
#define JIT_RMG_INVARIANT_H

#include "rmg/rules/search.h"
#include "rmg/store/after.h"
#include "rmg/store/scratch.h"

/* May this program be one? It changes nothing, has no parameters, no chance, nothing of all nodes
 * of a type, and its pattern hangs together. NULL: it may; else what is wrong. */
const char *rmg_invariant_wrong(const struct rmg_rule *program);
/* May a rewrite of this rule make a match of it? */
bool rmg_invariant_concerns(const struct rmg_rule *invariant, const struct rmg_rule *rule);
/* Does it hold in a whole graph? Errors: of rmg_search_visit, without a budget. */
JIT_MUST_CHECK enum jit_err rmg_invariant_holds(struct jit_heap *heap,
                                                const struct rmg_rule *invariant,
                                                const struct rmg_graph *graph, bool *holds);

/* One operation of a rewrite. A join is folded with what is there, with bytes from scratch.
 * Errors: JIT_ELIMIT (the sum does not fit), JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_emit_after(struct rmg_after *after, const struct rmg_emit *emit,
                                           struct rmg_scratch *scratch);

/* What one thread needs to ask; `after` is fed with a rewrite between begin and end. */
struct rmg_watch {
    struct jit_heap *heap;
    const struct rmg_rule *const *invariants; /* borrowed */
    uint32_t count;
    struct rmg_search **searches; /* made when first asked for */
    struct rmg_after after;
};
/* Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_watch_new(struct jit_heap *heap,
                                          const struct rmg_rule *const *invariants, uint32_t count,
                                          struct rmg_watch **out);
void rmg_watch_free(struct rmg_watch *watch); /* may be NULL */
bool rmg_watch_concerns(const struct rmg_watch *watch, const struct rmg_rule *rule);
/* The rewrite that after was given, of this rule (NULL: of whatever): APPLIED, with what was looked
 * at in after->reads, ascending; INVARIANT, *broken says which, the first; OVER_BUDGET. Errors:
 * JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_watch_ask(struct rmg_watch *watch, const struct rmg_rule *rule,
                                          enum rmg_result *result, uint32_t *broken);

#endif

/* rmg/rules/sought.h - the fields whose extents are asked for: by conditions and counts of
 * (:T {f = e}) in the rules and invariants of a system.
 * Spec:  docs/spec/footprint.md "Footprint". Layer: rmg; base only.
 *
 * Whoever changes such a field of a node of the type says so in its footprint; of all other fields
 * nobody needs to know. */
#ifndef JIT_RMG_SOUGHT_H
#define JIT_RMG_SOUGHT_H

#include "rmg/rules/rule.h"

#define RMG_SOUGHT_MAX 1024u /* of a system */

struct rmg_sought {
    struct jit_id type;
    const char *name; /* borrowed from the rule */
    uint32_t name_size;
};
/* Ascending by type, size of the name, name; each once. All zeros: nobody asks. */
struct rmg_sought_list {
    struct rmg_sought *at;
    uint32_t count;
};

/* Those of more rules, which must stay. Errors: JIT_ELIMIT (more than RMG_SOUGHT_MAX),
 * JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_sought_add(struct jit_heap *heap, struct rmg_sought_list *list,
                                           struct rmg_rule *const *rules, uint32_t count);
void rmg_sought_release(struct jit_heap *heap, struct rmg_sought_list *list);

/* Its place; list->count: it is not there. */
uint32_t rmg_sought_find(const struct rmg_sought_list *list, const struct jit_id *type,
                         const char *name, uint32_t name_size);
/* The first of this type, or of one that follows. */
uint32_t rmg_sought_of_type(const struct rmg_sought_list *list, const struct jit_id *type);

#endif

/* rmg/rules/rule_graph.h - a rule as the graph that it is: L, K and R, each an instance.
 * Spec:  DESIGN 5.1, 14.4 (derived from the program on demand); docs/spec/program.md "As a graph".
 * Layer: rmg; base only. */
#ifndef JIT_RMG_RULE_GRAPH_H
#define JIT_RMG_RULE_GRAPH_H

#include "rmg/change/collect.h"
#include "rmg/rules/rule.h"

/* Instance /rules/NAME with L, K and R in it; "/rules" is there. An element has one
 * id in all three, so that K is where L and R are the same. *instance: that of /rules/NAME; its
 * rmg_store_instance_root is the hash of the graph: equal for equal programs and for no others.
 * Errors: of rmg_collect_*. */
JIT_MUST_CHECK enum jit_err rmg_rule_graph(struct rmg_collect *collect, const struct rmg_rule *rule,
                                           const uint8_t *program, uint32_t program_size,
                                           struct jit_id *instance);

/* An invariant likewise: instance /invariants/NAME with L alone in it, as nothing comes of a match;
 * "/invariants" is there. */
JIT_MUST_CHECK enum jit_err rmg_invariant_graph(struct rmg_collect *collect,
                                                const struct rmg_rule *invariant,
                                                const uint8_t *program, uint32_t program_size,
                                                struct jit_id *instance);

#endif

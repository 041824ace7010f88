/* tests/lib/cell_rules.h - rules of the language for the cells that sim_kernel makes, each NEXT to
 * the one before: an infection that spreads, with all that a rule can do to a graph. */
#ifndef JIT_TESTS_CELL_RULES_H
#define JIT_TESTS_CELL_RULES_H

#define CELL_TYPES                                                                                 \
    "type Cell { state: i64 = 0, hits: i64 sum = 0 }\n"                                            \
    "edge NEXT, DONE\n"

#define CELL_INFECT                                                                                \
    "rule infect(p: f64) priority 1\n"                                                             \
    "  match (a:Cell)-[:NEXT]->(b:Cell)\n"                                                         \
    "  where a.state = 0 and b.state = 1 and chance(p)\n"                                          \
    "  set a.state = 1\n"                                                                          \
    "  add b.hits, 1\n"

#define CELL_HEAL                                                                                  \
    "rule heal(q: f64)\n"                                                                          \
    "  match (a:Cell)-[:NEXT]->(b:Cell)\n"                                                         \
    "  where a.state = 1 and chance(q) and not (a)-[:DONE]->(:Cell)\n"                             \
    "  set a.state = 2\n"                                                                          \
    "  create (a)-[:DONE]->(b)\n"

#endif

/* tests/lib/cell_rules.h - rules of the language for the cells that sim_kernel makes, each NEXT to
 * the one before: an infection that spreads, with all that a rule can do to a graph; and two plain
 * ones, for requests written by hand: one adds, one puts an edge in another's place. */
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

#define CELL_BUMP                                                                                  \
    "rule bump(n: i64) priority 3\n"                                                               \
    "  match (a:Cell)\n"                                                                           \
    "  where a.state < 100\n"                                                                      \
    "  add a.hits, n\n"

#define CELL_LINK                                                                                  \
    "rule link\n"                                                                                  \
    "  match (a:Cell)-[e:NEXT]->(b:Cell)\n"                                                        \
    "  delete e\n"                                                                                 \
    "  create (a)-[:DONE]->(b)\n"

#endif

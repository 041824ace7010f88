/* tests/lib/rule_model.h - random small graphs, random changes of them, random rules, and a judge
 * of matches that knows nothing of tries, indexes, expressions or plans. */
#ifndef JIT_TESTS_RULE_MODEL_H
#define JIT_TESTS_RULE_MODEL_H

#include "base/random.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/rule_kit.h"

#define RM_ROOT       9u /* the instance's root node is there as well, and stays */
#define RM_NODES      10u
#define RM_EDGES      16u
#define RM_NODE_TYPES 2u /* 1, 2 */
#define RM_EDGE_TYPES 2u /* 11, 12 */
#define RM_NAMES      2u /* "f", "g" */

struct rm_attrs {
    bool has[RM_NAMES];
    int64_t value[RM_NAMES];
};

struct rm_node {
    bool alive;
    unsigned type;
    struct rm_attrs attrs;
};

struct rm_edge {
    bool alive;
    unsigned type, from, to;
    struct rm_attrs attrs;
};

/* element.name op value, or op other.name; joined with the next term by `or`. */
struct rm_term {
    unsigned element, name, op, other, other_name;
    bool is_field, or_next;
    int64_t value;
};

/* What a value of a condition or aggregate must be: a number, or a field of the match. */
struct rm_value {
    bool of_edge, is_field;
    unsigned name, element, other_name;
    int64_t value;
};

/* aggregate op value, one more conjunct. */
struct rm_aggregate {
    unsigned op;
    int64_t value;
};

struct rule_model {
    struct fault_heap heap;
    struct kit_graph g;
    struct jit_random dice;
    struct rm_node nodes[RM_NODES];
    struct rm_edge edges[RM_EDGES];
    struct rule_kit kit; /* of the rule made last, which the judge judges */
    struct rm_term terms[4];
    unsigned term_count;
    struct rm_value values[32];                              /* as those of the rule */
    struct rm_aggregate aggregates[RMG_RULE_AGGREGATES_MAX]; /* of the guard, the first ones */
    unsigned guard_aggregates;
    bool ids_differ; /* and element 0 is not element 2 */
};

void rm_begin(struct rule_model *m, uint64_t seed);
void rm_end(struct rule_model *m); /* nothing may be left of the heap */
uint64_t rm_roll(struct rule_model *m, uint64_t bound);
struct jit_id rm_id(const struct rule_model *m, bool is_edge, unsigned number);

/* A transaction of so many changes. */
void rm_change(struct rule_model *m, unsigned steps);

/* Every field of every type of nodes, sought by somebody. */
const struct rmg_sought_list *rm_sought(void);

/* A rule, with effects: that also creates, sets and adds. */
struct rmg_rule *rm_rule(struct rule_model *m, bool effects);

/* Conditions on what is beside the match, and (aggregates) numbers of it (rule_near.c). */
void rm_random_nears(struct rule_model *m, bool aggregates);
/* Push the aggregates of the guard and their comparisons; joined: something is pushed already. */
bool rm_push_aggregates(struct rule_model *m, bool joined);
/* How a condition or an aggregate comes out; *out: the aggregate's value, i64 always. */
enum rmg_result rm_judge_near(const struct rule_model *m, const struct rmg_rule_near *near,
                              const unsigned *tuple, int64_t *out);
enum rmg_result rm_judge_aggregates(const struct rule_model *m, const unsigned *tuple, bool *hold);
bool rm_in_tuple(const struct rule_model *m, const unsigned *tuple, bool is_edge, unsigned number);

/* A tuple has the number of a node or an edge for each element. */
void rm_ids(const struct rule_model *m, const unsigned *tuple, struct jit_id *ids);
/* The first `count` elements exist, are of their types, joined and distinct. */
bool rm_structure_holds(const struct rule_model *m, const unsigned *tuple, unsigned count);
/* Up to the dangling condition; draws and effects are not its business. */
enum rmg_result rm_judge(const struct rule_model *m, const unsigned *tuple);

#endif

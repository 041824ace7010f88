/* rmg/engine/script_priv.h - the parts of a run: compiled rules (script_rule.c), plans
 * (script_plan.c), candidates (script_bits.c), finding (script_find.c), applying and what it
 * enables (script_apply.c), the parallel step (script_all.c), control (script.c). */
#ifndef JIT_RMG_SCRIPT_PRIV_H
#define JIT_RMG_SCRIPT_PRIV_H

#include "rmg/rules/expr.h"
#include "rmg/engine/script.h"
#include "rmg/rules/search_priv.h"
#include "rmg/engine/work_priv.h"

#define SCRIPT_NO_ELEMENT 0xffu
#define SCRIPT_ANY        RMG_WORK_NONE /* a type: any */

/* --- a set of handles: the smallest is found in O(log n), base 64 --- */

#define SCRIPT_LEVELS 6u
struct script_bits {
    uint64_t *words[SCRIPT_LEVELS]; /* [0] a bit a handle; above, a bit a word that is not zero */
    size_t count[SCRIPT_LEVELS];    /* words */
};

void script_bits_release(struct script_bits *bits, struct jit_heap *heap);
/* Room for handles below this. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err script_bits_room(struct script_bits *bits, struct jit_heap *heap,
                                             uint32_t handles);
uint32_t script_bits_next(const struct script_bits *bits, uint32_t from); /* >= from; NONE */
void script_bits_empty(struct script_bits *bits);

static inline void script_bits_add(struct script_bits *bits, uint32_t handle)
{
    size_t at = handle;
    for (unsigned level = 0; level < SCRIPT_LEVELS && bits->count[level] > 0; level++) {
        uint64_t *word = &bits->words[level][at / 64];
        uint64_t old = *word;
        *word = old | 1ull << (at % 64);
        if (old != 0) {
            return; /* the levels above know */
        }
        at /= 64;
    }
}

static inline void script_bits_drop(struct script_bits *bits, uint32_t handle)
{
    size_t at = handle;
    for (unsigned level = 0; level < SCRIPT_LEVELS && bits->count[level] > 0; level++) {
        uint64_t *word = &bits->words[level][at / 64];
        *word &= ~(1ull << (at % 64));
        if (*word != 0) {
            return;
        }
        at /= 64;
    }
}

/* --- plans --- */

enum script_hop_kind {
    SCRIPT_HOP_EXPAND = 1, /* an edge at a bound node, and its other end */
    SCRIPT_HOP_CLOSE,      /* an edge between two bound nodes */
    SCRIPT_HOP_EDGES,      /* any edge, and its ends */
    SCRIPT_HOP_NODES       /* a node that no edge of the pattern touches */
};

struct script_hop {
    uint8_t kind;
    uint8_t element; /* the edge; the node of NODES */
    uint8_t at;      /* EXPAND: the bound node */
    uint8_t side;    /* EXPAND: WORK_OUT, the edge leaves it; WORK_IN */
    uint8_t other;   /* EXPAND: the node at the far end, not bound before */
    uint32_t due;    /* conditions up to here (in conjuncts) can be judged */
};

/* From the anchor to all elements. */
struct script_plan {
    uint32_t hop_count;
    bool ordered; /* matches of one anchor come in their order */
    uint32_t due; /* with the anchor alone */
    struct script_hop hops[JIT_PATTERN_ELEMENTS_MAX];
    uint16_t *conjuncts; /* in the order in which they can be judged */
};

/* From an element towards the anchor: edges of the pattern to go along. */
struct script_path {
    bool everywhere; /* it hangs together with the anchor by nothing */
    uint32_t count;  /* 0: it is the anchor */
    uint8_t start;   /* the node to begin at: the element, or an end of it */
    struct {
        uint8_t edge;
        uint8_t side; /* WORK_OUT: along it */
        uint8_t other;
    } steps[JIT_PATTERN_ELEMENTS_MAX];
};

/* --- rules --- */

/* A comparison of a field with a constant, without the interpreter: most conditions are one. */
struct script_compare {
    enum rmg_expr_op op; /* 0: it is none */
    uint16_t field;
    int64_t value;
};

struct script_conjunct {
    struct rmg_expr expr;
    uint32_t mask;
    uint32_t id_mask; /* elements whose ids it wants */
    struct script_compare compare;
};

enum script_event {
    SCRIPT_CREATED = 1,
    SCRIPT_LINKED,
    SCRIPT_UNLINKED,
    SCRIPT_SET,
    SCRIPT_SET_LATE
};

/* What an effect of this rule may enable: element `element` of a rule is now what was touched. */
struct script_trigger {
    uint8_t event;
    uint8_t source; /* number of the create, the deleted element, the update */
    uint8_t side;   /* LINKED, UNLINKED: which end of the edge */
    uint8_t element;
    uint16_t rule;
};

struct script_rule {
    const struct rmg_rule *rule;
    const struct rmg_datum *params;
    struct rmg_datum *param_values;
    uint32_t types[JIT_PATTERN_ELEMENTS_MAX]; /* of elements; SCRIPT_ANY */
    uint32_t create_types[JIT_PATTERN_ELEMENTS_MAX];
    uint32_t negative_types[RMG_RULE_NEGATIVES_MAX][2]; /* edge, other end */
    uint32_t *field_columns;
    uint32_t *update_columns;
    struct search_program program;
    struct script_conjunct *conjuncts;
    uint32_t conjunct_count;
    uint32_t update_id_mask; /* elements whose ids values want */
    uint8_t anchor;
    uint32_t lone_mask; /* nodes that no edge of the pattern touches */
    uint32_t node_mask;
    uint32_t edge_mask;
    uint32_t deleted_mask;
    bool impossible;                         /* a condition on the parameters alone fails */
    bool unlinks;                            /* detach: edges of any type may go */
    uint8_t order[JIT_PATTERN_ELEMENTS_MAX]; /* what decides between matches of one anchor */
    uint32_t order_count;
    struct script_plan plan;
    bool planned;
    uint64_t planned_at; /* size of the graph when the plan was made */
    struct script_path paths[JIT_PATTERN_ELEMENTS_MAX];
    struct script_trigger *triggers;
    uint32_t trigger_count;
    /* Which anchors may have a match: all others have none. */
    bool active;
    bool stuck_any;
    struct script_bits todo;
    struct script_bits stuck; /* anchors with a match but for its values */
};

/* One rule that was found to match: handles by element. */
struct script_match {
    uint32_t at[JIT_PATTERN_ELEMENTS_MAX];
};

struct script_ends {
    uint32_t type;
    uint32_t end[2];
};

/* By handle: the round in which a node or an edge was last held by a match that won, and how. */
struct script_held {
    uint32_t *words; /* round * SCRIPT_HELD_USES + use */
    size_t room;
};
#define SCRIPT_HELD_USES 4u
#define SCRIPT_ROUNDS    (UINT32_MAX / SCRIPT_HELD_USES)

struct script_run {
    struct jit_heap *heap;
    struct rmg_work *work;
    const struct rmg_script *script;
    const struct rmg_script_options *options;
    struct rmg_script_report *report;
    struct script_rule *rules; /* one a call */
    uint32_t *last_use;        /* of a call: the last top step that has it */
    enum jit_err err;
    uint64_t told;
    /* The match at hand. */
    struct script_match match;
    uint32_t bound;
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX]; /* those that an expression wants */
    uint32_t id_mask;                            /* those that are set */
    struct rmg_datum values[RMG_RULE_UPDATES_MAX];
    /* What a rewrite took away. */
    struct script_ends *unlinked;
    size_t unlinked_room;
    uint32_t unlinked_count;
    /* Parallel steps. */
    uint32_t round;
    struct script_held held[2]; /* nodes, edges */
};

JIT_MUST_CHECK enum jit_err script_rule_init(struct script_run *run, uint32_t index);
void script_rule_release(struct script_run *run, struct script_rule *rule);
JIT_MUST_CHECK enum jit_err script_triggers_init(struct script_run *run, uint32_t index);

/* Make the plan, or a better one when the graph has changed much. Errors: JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err script_plan_make(struct script_run *run, struct script_rule *rule);
void script_paths_make(struct script_rule *rule);

/* --- finding --- */

/* All anchors that may have a match become candidates, once. */
JIT_MUST_CHECK enum jit_err script_activate(struct script_run *run, struct script_rule *rule);
/* The element of the rule may be this node or edge now. */
void script_touch(struct script_run *run, struct script_rule *rule, uint8_t element,
                  uint32_t handle);
/* The next match into run->match, with run->values; false: there is none, or run->err. */
bool script_next(struct script_run *run, struct script_rule *rule);
/* Each match of one anchor, as they come; visit returns false to stop. */
bool script_each(struct script_run *run, struct script_rule *rule, uint32_t anchor,
                 bool (*visit)(void *user), void *user);
/* The values of run->match; false: it does not apply. */
bool script_values(struct script_run *run, struct script_rule *rule);
/* < 0: a comes first. */
int script_compare(const struct script_rule *rule, const struct script_match *a,
                   const struct script_match *b);

/* --- applying --- */

/* Rewrite at run->match with run->values, and note what that enables. */
JIT_MUST_CHECK enum jit_err script_apply(struct script_run *run, uint32_t call);
/* The parallel step; *count: rewrites. */
JIT_MUST_CHECK enum jit_err script_apply_all(struct script_run *run, uint32_t call,
                                             uint64_t *count);

/* --- walking along edges --- */

/* Edges at a node on one side, of a type or of any: by age if of a type. */
struct script_edges {
    uint32_t at;     /* the edge; NONE: at the end */
    uint32_t bundle; /* of any type: the one at hand */
    uint8_t side;
    bool any;
};

static inline void script_edges_skip(const struct rmg_work *work, struct script_edges *edges)
{
    while (edges->at == RMG_WORK_NONE && edges->bundle != RMG_WORK_NONE) {
        const struct work_bundle *bundle = &work->bundles[edges->bundle];
        edges->at = (bundle->key & 1) == edges->side ? bundle->head : RMG_WORK_NONE;
        edges->bundle = bundle->next;
    }
}

static inline struct script_edges script_edges_of(const struct rmg_work *work, uint32_t node,
                                                  uint32_t type, unsigned side)
{
    struct script_edges edges = {.at = RMG_WORK_NONE, .side = (uint8_t)side};
    if (type != SCRIPT_ANY) {
        edges.at = work_first(work, node, type << 1 | side);
        return edges;
    }
    edges.any = true;
    edges.bundle = work->nodes[node].bundles;
    script_edges_skip(work, &edges);
    return edges;
}

static inline void script_edges_step(const struct rmg_work *work, struct script_edges *edges)
{
    edges->at = work->edges[edges->at].next[edges->side];
    if (edges->any) {
        script_edges_skip(work, edges);
    }
}

static inline bool script_type_is(uint32_t want, uint32_t type)
{
    return want == SCRIPT_ANY || want == type;
}

#endif

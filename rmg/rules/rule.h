/* rmg/rules/rule.h - a rule as data: the compiled program of one rule.
 * Spec:  DESIGN 5.1, 6 (meaning), 14.2, 14.5; docs/spec/program.md says every byte.
 * Layer: rmg; base only.
 *
 * The compiler (rmg/lang/lang_*.c) fills struct rmg_rule and encodes it; whoever runs it decodes
 * the bytes, which are hostile until decode has verified them: indexes in range, expressions well
 * typed and bounded, nothing deleted twice. One interpreter (rmg/rules/match.h, rmg/rules/search.h)
 * runs it in the worker and in the kernel. */
#ifndef JIT_RMG_RULE_H
#define JIT_RMG_RULE_H

#include "base/heap.h"
#include "base/limits.h"
#include "rmg/store/codec.h"
#include "rmg/store/slot.h"

/* Bounds of a program beside those of DESIGN 13. */
#define RMG_RULE_PARAMS_MAX     255u
#define RMG_RULE_NEGATIVES_MAX  32u
#define RMG_RULE_FIELDS_MAX     256u
#define RMG_RULE_UPDATES_MAX    256u
#define RMG_RULE_EQUALS_MAX     255u
#define RMG_RULE_AGGREGATES_MAX 32u
#define RMG_RULE_VALUES_MAX     256u
#define RMG_RULE_PORTALS_MAX    8u

/* An element of the positive pattern, in order of appearance (a path: node, edge, node, ...); the
 * first one is a node. An edge whose end is deleted is deleted itself. */
struct rmg_rule_element {
    bool is_edge;
    bool deleted;
    bool detached; /* a deleted node: all its edges are deleted with it */
    bool typed;    /* false: any type */
    struct jit_id type;
    uint8_t from; /* edge: index of the element it leaves */
    uint8_t to;   /* edge: index of the element it enters */
    uint8_t place;
};

/* A pattern may go through portals: the attachment `name` of `owner` is descend(instance), and what
 * has this place lies in that instance. Place 0 is the instance of the match, place k + 1 that of
 * portal k; an owner lies in a place before. No two portals are one slot, so their instances are
 * all different. The first element, and what an `alone` condition counts, is of place 0; the ends
 * of an edge, and both of a pair that may be equal, are of one place. */
struct rmg_rule_portal {
    uint8_t owner; /* an element that stays */
    uint8_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
};

/* may equal(a, b): these two may be one node or one edge; all others are different. a < b. Neither
 * is deleted (the identification condition), and no two updates write one name of both. */
struct rmg_rule_equal {
    uint8_t a;
    uint8_t b;
};

/* What is there beside a match, none of it matched: (element)-[:edge_type]->(:other_type), where
 * direction IN is <-[]- and the element a node; with `other_matched` the other end is that element,
 * and only the edge is not matched; `alone`: a node (:other_type) anywhere. `value_count` values
 * from `value_at` on say what fields of the edge or of the other end must be. The kind says what is
 * asked of all that fit. A condition is NONE or SOME, an aggregate one of the others; SUM, MIN and
 * MAX are of the field `name` of the other end, or (of_edge) of the edge. */
enum rmg_near_kind {
    RMG_NEAR_NONE = 0,
    RMG_NEAR_SOME = 1,
    RMG_NEAR_COUNT = 2, /* i64 */
    RMG_NEAR_SUM = 3,   /* i64, f64, f32; of nothing 0 */
    RMG_NEAR_MIN = 4,   /* of nothing: no value */
    RMG_NEAR_MAX = 5
};

struct rmg_rule_near {
    enum rmg_near_kind kind;
    uint8_t element;
    enum rmg_direction direction;
    bool edge_typed;
    bool other_typed;
    bool other_matched;
    bool alone;
    uint8_t other; /* other_matched: element */
    struct jit_id edge_type;
    struct jit_id other_type;
    uint16_t value_at;
    uint8_t value_count;
    bool of_edge;         /* SUM, MIN, MAX */
    enum rmg_codec codec; /* the same */
    uint16_t seen_name;   /* set by decode: rmg_rule_name */
    uint8_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
};

/* An operand: an element, or a created one with RMG_RULE_CREATED set. */
#define RMG_RULE_CREATED 0x80u

/* At most JIT_PATTERN_ELEMENTS_MAX, in the order of the text; the ends of an edge are matched nodes
 * that stay, or created ones. */
struct rmg_rule_create {
    bool is_edge;
    struct jit_id type;
    uint8_t from; /* edge: operand */
    uint8_t to;
    uint8_t place; /* of an edge that of its ends */
};

struct rmg_rule_param {
    char name[JIT_NAME_BYTES_MAX + 1];
    enum rmg_codec codec;
};

/* A field that an expression reads: the attachment `name` of an element, of this codec. Set by
 * decode: read, some expression names it; covered, it is not read, or another use (an earlier
 * field, an update, a deletion) has the same slot in the footprint already. */
struct rmg_rule_field {
    bool read;
    bool covered;
    uint8_t element;
    enum rmg_codec codec;
    uint8_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
};

/* Operands of an operation are of one codec: + - * / neg: i64, f64, f32; mod: i64; sqrt, exp, log,
 * sin, cos: f64, f32; to_f64: of i64, f32; to_f32: of i64, f64; = and !=: any; < <= > >=: i64, f64,
 * f32, text; and, or, not: bool. docs/spec/program.md has their meaning. Expressions are straight
 * stack code: no jumps; `and` and `or` evaluate both sides, so that whether a rule applies never
 * depends on the order of its conditions. */
/* clang-format off */
#define RMG_EXPR_MAP(X) \
    X(RMG_EXPR_CONST, 1) /* u16 constant */ \
    X(RMG_EXPR_PARAM, 2) /* u8 parameter */ \
    X(RMG_EXPR_FIELD, 3) /* u16 field */ \
    X(RMG_EXPR_ELEMENT, 4) /* u8 element: its id */ \
    X(RMG_EXPR_ADD, 5) \
    X(RMG_EXPR_SUB, 6) \
    X(RMG_EXPR_MUL, 7) \
    X(RMG_EXPR_DIV, 8) \
    X(RMG_EXPR_MOD, 9) \
    X(RMG_EXPR_NEG, 10) \
    X(RMG_EXPR_SQRT, 11) \
    X(RMG_EXPR_TO_F64, 12) \
    X(RMG_EXPR_TO_F32, 13) \
    X(RMG_EXPR_EQ, 14) \
    X(RMG_EXPR_NE, 15) \
    X(RMG_EXPR_LT, 16) \
    X(RMG_EXPR_LE, 17) \
    X(RMG_EXPR_GT, 18) \
    X(RMG_EXPR_GE, 19) \
    X(RMG_EXPR_AND, 20) \
    X(RMG_EXPR_OR, 21) \
    X(RMG_EXPR_NOT, 22) \
    X(RMG_EXPR_CHANCE, 23) /* u32 call; f64 -> bool */ \
    X(RMG_EXPR_RANDOM, 24) /* u32 call; -> f64 */ \
    X(RMG_EXPR_AGGREGATE, 25) /* u8 aggregate */ \
    X(RMG_EXPR_EXP, 26) \
    X(RMG_EXPR_LOG, 27) \
    X(RMG_EXPR_SIN, 28) \
    X(RMG_EXPR_COS, 29)
/* clang-format on */

enum rmg_expr_op {
#define X(name, value) name = (value),
    RMG_EXPR_MAP(X)
#undef X
};

struct rmg_expr {
    const uint8_t *code; /* borrowed from the rule */
    uint32_t size;       /* 0: none */
};

/* {name = expr} of what a rmg_rule_near looks for: the field has this codec and value. The
 * expression neither draws nor has aggregates. */
struct rmg_rule_value {
    bool of_edge;
    uint16_t seen_name; /* set by decode: rmg_rule_name */
    enum rmg_codec codec;
    uint8_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
    struct rmg_expr expr;
};

enum rmg_update_kind {
    RMG_UPDATE_SET = 1,
    RMG_UPDATE_ADD = 2,   /* join sum */
    RMG_UPDATE_RAISE = 3, /* join max */
    RMG_UPDATE_LOWER = 4, /* join min */
    RMG_UPDATE_PUT = 5    /* join union */
};

#define RMG_NO_FIELD UINT16_MAX

/* How updates of a kind fold (rmg/store/slot.h); NONE for a set. */
enum rmg_join rmg_update_join(enum rmg_update_kind kind);

/* At most one update a slot. The codec is that of the expression, exactly; joins are of matched
 * elements: an add is i64, raise and lower are i64, f64 or f32, put is of any codec: the elements
 * of a list, else one element to be. field is set by decode: the field that reads the same slot, or
 * RMG_NO_FIELD. */
struct rmg_rule_update {
    enum rmg_update_kind kind;
    uint16_t field;
    uint8_t target; /* operand */
    enum rmg_codec codec;
    uint8_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
    struct rmg_expr expr;
};

struct rmg_rule {
    char name[JIT_NAME_BYTES_MAX + 1];
    struct jit_id id;   /* BLAKE3("rule:" || name) */
    struct jit_id hash; /* BLAKE3 of the program bytes; set by decode */
    int32_t priority;
    uint32_t retry; /* on conflict: how often it is tried again, at most JIT_RETRY_MAX; 0 reject */
    uint32_t
        delay; /* ticks from a request to its rewrite, at most JIT_DELAY_MAX; 0: the same tick */
    uint32_t param_count;
    uint32_t element_count;
    uint32_t portal_count; /* at most JIT_PATTERN_ELEMENTS_MAX with the elements */
    uint32_t equal_count;
    uint32_t negative_count;
    uint32_t aggregate_count;
    uint32_t value_count;
    uint32_t create_count;
    uint32_t field_count;
    uint32_t constant_count;
    uint32_t update_count;
    struct rmg_rule_param *params;
    struct rmg_rule_element *elements;
    struct rmg_rule_portal *portals;
    struct rmg_rule_equal *equals;    /* ascending, each once */
    struct rmg_rule_near *negatives;  /* NONE or SOME */
    struct rmg_rule_near *aggregates; /* the other kinds */
    struct rmg_rule_value *values;    /* those of negatives, then those of aggregates, in order */
    struct rmg_rule_create *creates;
    struct rmg_rule_field *fields;
    struct rmg_datum *constants;
    struct rmg_rule_update *updates;
    struct rmg_expr guard; /* conjuncts without chance or random; bool; may be empty */
    struct rmg_expr draw;  /* the other conjuncts; bool; may be empty */
    void *memory;          /* of a decoded rule; all arrays point into it */
};

/* Errors: JIT_ELIMIT (through buf->err or the limits of DESIGN 13). The same rule gives the same
 * bytes. */
JIT_MUST_CHECK enum jit_err rmg_rule_encode(const struct rmg_rule *rule, struct jit_buf *buf);
/* Verified, with everything in memory of its own. Errors: JIT_EFORMAT, JIT_EVERSION, JIT_ELIMIT,
 * JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_rule_decode(struct jit_heap *heap, const uint8_t *bytes,
                                            size_t size, struct rmg_rule **out);
void rmg_rule_free(struct jit_heap *heap, struct rmg_rule *rule); /* may be NULL */

/* A match has so many ids: of the elements, then of the instances that its portals lead to. */
static inline uint32_t rmg_rule_id_count(const struct rmg_rule *rule)
{
    return rule->element_count + rule->portal_count;
}
/* The place of an operand: an element, or a created one. */
static inline uint8_t rmg_rule_place(const struct rmg_rule *rule, uint8_t operand)
{
    return (operand & RMG_RULE_CREATED) != 0
               ? rule->creates[operand & (RMG_RULE_CREATED - 1u)].place
               : rule->elements[operand].place;
}
/* Of conditions and, counted on behind them, aggregates the index-th. */
static inline const struct rmg_rule_near *rmg_rule_near_at(const struct rmg_rule *rule,
                                                           uint32_t index)
{
    return index < rule->negative_count ? &rule->negatives[index]
                                        : &rule->aggregates[index - rule->negative_count];
}
/* The name behind a seen_name; equal names of a decoded rule have one number. */
const char *rmg_rule_name(const struct rmg_rule *rule, uint16_t number, uint8_t *size);
/* May these two elements be one? */
bool rmg_rule_may_equal(const struct rmg_rule *rule, uint32_t a, uint32_t b);

/* Static types of an expression: what it leaves on the stack. Errors: JIT_EFORMAT (ill typed, too
 * deep). */
JIT_MUST_CHECK enum jit_err rmg_expr_check(const struct rmg_rule *rule, const struct rmg_expr *expr,
                                           enum rmg_codec *result);

/* Bound parameters: canonical bytes of each in declared order as u64 len || bytes.
 * params_digest = B3[K("params")](u32 count || each: codec type[32] || u64 len || bytes). */
JIT_MUST_CHECK enum jit_err rmg_params_check(const struct rmg_rule *rule, const uint8_t *params,
                                             uint32_t size, struct jit_id *digest);

#endif

/* rmg/rules/expr.h - the one evaluator of expressions (DESIGN 6 "Expressions", 14.2).
 * Spec:  docs/spec/program.md "Expressions".
 * Layer: rmg; base only. Pure: no memory of its own, no look at a graph but through `field`.
 *
 * Outcomes are results of DESIGN 14.3: RMG_APPLIED means that there is a value; RMG_OVERFLOW is
 * arithmetic that has none (overflow of i64, division by zero); RMG_GUARD_FALSE is a missing
 * attribute or a wrong codec; whatever else `field` says is passed on. */
#ifndef JIT_RMG_EXPR_H
#define JIT_RMG_EXPR_H

#include "base/cursor.h"
#include "rmg/rules/match.h"

/* One instruction. arg: constant, parameter, field, element or call, else 0. */
struct rmg_expr_inst {
    enum rmg_expr_op op;
    uint32_t arg;
};

/* The next instruction; false at the end, or with cur->bad when the bytes are none. */
bool rmg_expr_next(struct jit_cursor *cur, struct rmg_expr_inst *out);

/* How many values it takes from the stack; it leaves one. */
unsigned rmg_expr_arity(enum rmg_expr_op op);

/* Does it draw (chance, random)? Then *call is the number of the first call (may be NULL). The code
 * must be verified. */
bool rmg_expr_draws(struct rmg_expr expr, uint32_t *call);

struct rmg_expr_env {
    const struct rmg_rule *rule;
    const struct jit_id *ids;       /* of the elements */
    const struct rmg_datum *params; /* as rmg_params_decode left them */
    const struct rmg_draw *draw;    /* with key: for code that draws */
    const struct jit_id *key;       /* match_key */
    bool drawn;                     /* the draw of this call was made beforehand */
    uint32_t drawn_call;
    double drawn_value;
    enum rmg_result (*field)(void *user, uint32_t field, struct rmg_datum *out);
    enum rmg_result (*aggregate)(void *user, uint32_t aggregate, struct rmg_datum *out);
    void *user;
};

/* Of one codec, have they the same canonical bytes? NaN has. */
bool rmg_datum_equal(const struct rmg_datum *a, const struct rmg_datum *b);

/* The code is verified (rmg_expr_check) and not empty. Bytes of *out are borrowed from rule,
 * parameters, ids or what `field` gave. Floats are canonical. */
enum rmg_result rmg_expr_eval(const struct rmg_expr_env *env, struct rmg_expr expr,
                              struct rmg_datum *out);

/* The bound parameters; out has room for rule->param_count. Errors: JIT_EFORMAT, JIT_ELIMIT. */
JIT_MUST_CHECK enum jit_err rmg_params_decode(const struct rmg_rule *rule, const uint8_t *params,
                                              uint32_t size, struct rmg_datum *out);
/* What params_digest of DESIGN 14.2 hashes, of values that rmg_params_decode gave. Returns its
 * size: that of the parameters and RMG_PARAMS_MESSAGE_MORE at most. */
#define RMG_PARAMS_MESSAGE_MORE (4u + RMG_RULE_PARAMS_MAX * JIT_ID_BYTES)
#define RMG_PARAMS_MESSAGE_MAX  (JIT_PARAMS_BYTES_MAX + RMG_PARAMS_MESSAGE_MORE)
size_t rmg_params_message(const struct rmg_rule *rule, const struct rmg_datum *values,
                          uint8_t *out);

#endif

#include "rmg/rules/expr.h"

#include <math.h>

#include "base/check.h"
#include "base/hash.h"
#include "rmg/rules/real.h"

#define OP_COUNT 30u /* with 0, which is none */

static const struct {
    uint8_t arity;
    uint8_t arg_bytes;
} shapes[OP_COUNT] = {
    [RMG_EXPR_CONST] = {0, 2},     [RMG_EXPR_PARAM] = {0, 1},  [RMG_EXPR_FIELD] = {0, 2},
    [RMG_EXPR_ELEMENT] = {0, 1},   [RMG_EXPR_ADD] = {2, 0},    [RMG_EXPR_SUB] = {2, 0},
    [RMG_EXPR_MUL] = {2, 0},       [RMG_EXPR_DIV] = {2, 0},    [RMG_EXPR_MOD] = {2, 0},
    [RMG_EXPR_NEG] = {1, 0},       [RMG_EXPR_SQRT] = {1, 0},   [RMG_EXPR_TO_F64] = {1, 0},
    [RMG_EXPR_TO_F32] = {1, 0},    [RMG_EXPR_EQ] = {2, 0},     [RMG_EXPR_NE] = {2, 0},
    [RMG_EXPR_LT] = {2, 0},        [RMG_EXPR_LE] = {2, 0},     [RMG_EXPR_GT] = {2, 0},
    [RMG_EXPR_GE] = {2, 0},        [RMG_EXPR_AND] = {2, 0},    [RMG_EXPR_OR] = {2, 0},
    [RMG_EXPR_NOT] = {1, 0},       [RMG_EXPR_CHANCE] = {1, 4}, [RMG_EXPR_RANDOM] = {0, 4},
    [RMG_EXPR_AGGREGATE] = {0, 1}, [RMG_EXPR_EXP] = {1, 0},    [RMG_EXPR_LOG] = {1, 0},
    [RMG_EXPR_SIN] = {1, 0},       [RMG_EXPR_COS] = {1, 0},
};

bool rmg_expr_next(struct jit_cursor *cur, struct rmg_expr_inst *out)
{
    if (cur->bad || cur->left == 0) {
        return false;
    }
    uint8_t op = jit_get_u8(cur);
    if (op == 0 || op >= OP_COUNT) {
        cur->bad = true;
        return false;
    }
    out->op = (enum rmg_expr_op)op;
    out->arg = 0;
    switch (shapes[op].arg_bytes) {
    case 1:
        out->arg = jit_get_u8(cur);
        break;
    case 2:
        out->arg = jit_get_u16(cur);
        break;
    case 4:
        out->arg = jit_get_u32(cur);
        break;
    default:
        break;
    }
    return !cur->bad;
}

unsigned rmg_expr_arity(enum rmg_expr_op op)
{
    assert((unsigned)op < OP_COUNT);
    return shapes[op].arity;
}

bool rmg_expr_draws(struct rmg_expr expr, uint32_t *call)
{
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    while (rmg_expr_next(&cur, &inst)) {
        if (inst.op == RMG_EXPR_CHANCE || inst.op == RMG_EXPR_RANDOM) {
            if (call != NULL) {
                *call = inst.arg;
            }
            return true;
        }
    }
    return false;
}

/* --- static types --- */

static enum rmg_codec type_of_arg(const struct rmg_rule *rule, const struct rmg_expr_inst *inst)
{
    switch (inst->op) {
    case RMG_EXPR_CONST:
        return inst->arg < rule->constant_count ? rule->constants[inst->arg].codec : RMG_CODEC_NONE;
    case RMG_EXPR_PARAM:
        return inst->arg < rule->param_count ? rule->params[inst->arg].codec : RMG_CODEC_NONE;
    case RMG_EXPR_FIELD:
        return inst->arg < rule->field_count ? rule->fields[inst->arg].codec : RMG_CODEC_NONE;
    case RMG_EXPR_ELEMENT:
        return inst->arg < rule->element_count ? RMG_CODEC_ID : RMG_CODEC_NONE;
    case RMG_EXPR_RANDOM:
        return RMG_CODEC_F64;
    case RMG_EXPR_AGGREGATE:
        if (inst->arg >= rule->aggregate_count) {
            return RMG_CODEC_NONE;
        }
        return rule->aggregates[inst->arg].kind == RMG_NEAR_COUNT
                   ? RMG_CODEC_I64
                   : rule->aggregates[inst->arg].codec;
    default:
        return RMG_CODEC_NONE;
    }
}

static enum rmg_codec type_of_unary(enum rmg_expr_op op, enum rmg_codec a)
{
    bool is_float = a == RMG_CODEC_F64 || a == RMG_CODEC_F32;
    switch (op) {
    case RMG_EXPR_NEG:
        return is_float || a == RMG_CODEC_I64 ? a : RMG_CODEC_NONE;
    case RMG_EXPR_SQRT:
    case RMG_EXPR_EXP:
    case RMG_EXPR_LOG:
    case RMG_EXPR_SIN:
    case RMG_EXPR_COS:
        return is_float ? a : RMG_CODEC_NONE;
    case RMG_EXPR_TO_F64:
        return a == RMG_CODEC_I64 || a == RMG_CODEC_F32 ? RMG_CODEC_F64 : RMG_CODEC_NONE;
    case RMG_EXPR_TO_F32:
        return a == RMG_CODEC_I64 || a == RMG_CODEC_F64 ? RMG_CODEC_F32 : RMG_CODEC_NONE;
    case RMG_EXPR_NOT:
        return a == RMG_CODEC_BOOL ? RMG_CODEC_BOOL : RMG_CODEC_NONE;
    case RMG_EXPR_CHANCE:
        return a == RMG_CODEC_F64 ? RMG_CODEC_BOOL : RMG_CODEC_NONE;
    default:
        return RMG_CODEC_NONE;
    }
}

/* Both sides have the codec a. */
static enum rmg_codec type_of_binary(enum rmg_expr_op op, enum rmg_codec a)
{
    bool is_number = a == RMG_CODEC_I64 || a == RMG_CODEC_F64 || a == RMG_CODEC_F32;
    switch (op) {
    case RMG_EXPR_ADD:
    case RMG_EXPR_SUB:
    case RMG_EXPR_MUL:
    case RMG_EXPR_DIV:
        return is_number ? a : RMG_CODEC_NONE;
    case RMG_EXPR_MOD:
        return a == RMG_CODEC_I64 ? a : RMG_CODEC_NONE;
    case RMG_EXPR_EQ:
    case RMG_EXPR_NE:
        return RMG_CODEC_BOOL;
    case RMG_EXPR_LT:
    case RMG_EXPR_LE:
    case RMG_EXPR_GT:
    case RMG_EXPR_GE:
        return is_number || a == RMG_CODEC_TEXT ? RMG_CODEC_BOOL : RMG_CODEC_NONE;
    case RMG_EXPR_AND:
    case RMG_EXPR_OR:
        return a == RMG_CODEC_BOOL ? a : RMG_CODEC_NONE;
    default:
        return RMG_CODEC_NONE;
    }
}

enum jit_err rmg_expr_check(const struct rmg_rule *rule, const struct rmg_expr *expr,
                            enum rmg_codec *result)
{
    enum rmg_codec stack[JIT_EXPR_DEPTH_MAX];
    uint32_t depth = 0;
    struct jit_cursor cur = jit_cursor_of(expr->code, expr->size);
    struct rmg_expr_inst inst;

    *result = RMG_CODEC_NONE;
    while (rmg_expr_next(&cur, &inst)) {
        unsigned arity = shapes[inst.op].arity;
        enum rmg_codec type = RMG_CODEC_NONE;
        if (depth < arity || depth - arity >= JIT_EXPR_DEPTH_MAX) {
            return JIT_EFORMAT;
        }
        depth -= arity;
        if (arity == 0) {
            type = type_of_arg(rule, &inst);
        } else if (arity == 1) {
            type = type_of_unary(inst.op, stack[depth]);
        } else if (stack[depth] == stack[depth + 1]) {
            type = type_of_binary(inst.op, stack[depth]);
        }
        if (type == RMG_CODEC_NONE) {
            return JIT_EFORMAT;
        }
        stack[depth++] = type;
    }
    if (cur.bad || depth != 1) {
        return JIT_EFORMAT;
    }
    *result = stack[0];
    return JIT_OK;
}

/* --- values --- */

static enum rmg_result eval_i64(enum rmg_expr_op op, int64_t a, int64_t b, int64_t *out)
{
    bool bad = false;
    switch (op) {
    case RMG_EXPR_ADD:
        bad = __builtin_add_overflow(a, b, out);
        break;
    case RMG_EXPR_SUB:
        bad = __builtin_sub_overflow(a, b, out);
        break;
    case RMG_EXPR_MUL:
        bad = __builtin_mul_overflow(a, b, out);
        break;
    case RMG_EXPR_DIV:
    case RMG_EXPR_MOD:
        bad = b == 0 || (a == INT64_MIN && b == -1);
        if (!bad) {
            *out = op == RMG_EXPR_DIV ? a / b : a % b;
        }
        break;
    default:
        assert(false && "a verified i64 operation");
    }
    return bad ? RMG_OVERFLOW : RMG_APPLIED;
}

/* f32 in float arithmetic: each operation is rounded once, as the codec says. */
static double eval_f32(enum rmg_expr_op op, float a, float b)
{
    float value = 0;
    switch (op) {
    case RMG_EXPR_ADD:
        value = a + b;
        break;
    case RMG_EXPR_SUB:
        value = a - b;
        break;
    case RMG_EXPR_MUL:
        value = a * b;
        break;
    case RMG_EXPR_DIV:
        value = a / b;
        break;
    default:
        assert(false && "a verified f32 operation");
    }
    return (double)value;
}

static double eval_f64(enum rmg_expr_op op, double a, double b)
{
    switch (op) {
    case RMG_EXPR_ADD:
        return a + b;
    case RMG_EXPR_SUB:
        return a - b;
    case RMG_EXPR_MUL:
        return a * b;
    case RMG_EXPR_DIV:
        return a / b;
    default:
        assert(false && "a verified f64 operation");
    }
    return 0;
}

/* Equality is that of the canonical bytes, so NaN equals itself: an index gives the same answer. */
bool rmg_datum_equal(const struct rmg_datum *a, const struct rmg_datum *b)
{
    switch (a->codec) {
    case RMG_CODEC_BOOL:
        return a->as.boolean == b->as.boolean;
    case RMG_CODEC_I64:
        return a->as.i64 == b->as.i64;
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        return a->as.f64 == b->as.f64 || (isnan(a->as.f64) && isnan(b->as.f64));
    default:
        return a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
    }
}

static bool datum_ordered(enum rmg_expr_op op, int order)
{
    switch (op) {
    case RMG_EXPR_LT:
        return order < 0;
    case RMG_EXPR_LE:
        return order <= 0;
    case RMG_EXPR_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool datum_compare(enum rmg_expr_op op, const struct rmg_datum *a, const struct rmg_datum *b)
{
    if (a->codec == RMG_CODEC_I64) {
        return datum_ordered(op, a->as.i64 < b->as.i64 ? -1 : a->as.i64 > b->as.i64);
    }
    if (a->codec == RMG_CODEC_TEXT) {
        uint32_t common = a->size < b->size ? a->size : b->size;
        int order = common == 0 ? 0 : memcmp(a->bytes, b->bytes, common);
        return datum_ordered(op, order != 0 ? order : a->size < b->size ? -1 : a->size > b->size);
    }
    if (isnan(a->as.f64) || isnan(b->as.f64)) {
        return false;
    }
    return datum_ordered(op, a->as.f64 < b->as.f64 ? -1 : a->as.f64 > b->as.f64);
}

/* a op b into a. */
static enum rmg_result eval_binary(enum rmg_expr_op op, struct rmg_datum *a,
                                   const struct rmg_datum *b)
{
    bool verdict = false;
    switch (op) {
    case RMG_EXPR_EQ:
        verdict = rmg_datum_equal(a, b);
        break;
    case RMG_EXPR_NE:
        verdict = !rmg_datum_equal(a, b);
        break;
    case RMG_EXPR_LT:
    case RMG_EXPR_LE:
    case RMG_EXPR_GT:
    case RMG_EXPR_GE:
        verdict = datum_compare(op, a, b);
        break;
    case RMG_EXPR_AND:
        verdict = a->as.boolean && b->as.boolean;
        break;
    case RMG_EXPR_OR:
        verdict = a->as.boolean || b->as.boolean;
        break;
    default:
        if (a->codec == RMG_CODEC_I64) {
            return eval_i64(op, a->as.i64, b->as.i64, &a->as.i64);
        }
        if (op == RMG_EXPR_DIV && b->as.f64 == 0.0) {
            return RMG_OVERFLOW;
        }
        a->as.f64 = rmg_f64_canonical(a->codec == RMG_CODEC_F32
                                          ? eval_f32(op, (float)a->as.f64, (float)b->as.f64)
                                          : eval_f64(op, a->as.f64, b->as.f64));
        return RMG_APPLIED;
    }
    a->codec = RMG_CODEC_BOOL;
    a->as.boolean = verdict;
    return RMG_APPLIED;
}

static enum rmg_result eval_neg(struct rmg_datum *a)
{
    if (a->codec == RMG_CODEC_I64) {
        return eval_i64(RMG_EXPR_SUB, 0, a->as.i64, &a->as.i64);
    }
    a->as.f64 = rmg_f64_canonical(-a->as.f64);
    return RMG_APPLIED;
}

/* Of an f32 that of the f64, rounded to f32. */
static enum rmg_result eval_real(enum rmg_expr_op op, struct rmg_datum *a)
{
    double value = a->as.f64;
    switch (op) {
    case RMG_EXPR_EXP:
        value = rmg_real_exp(value);
        break;
    case RMG_EXPR_LOG:
        if (value == 0) {
            return RMG_OVERFLOW;
        }
        value = rmg_real_log(value);
        break;
    case RMG_EXPR_SIN:
        value = rmg_real_sin(value);
        break;
    default:
        value = rmg_real_cos(value);
        break;
    }
    a->as.f64 = rmg_f64_canonical(a->codec == RMG_CODEC_F32 ? (double)(float)value : value);
    return RMG_APPLIED;
}

static double draw(const struct rmg_expr_env *env, uint32_t call)
{
    return env->drawn && env->drawn_call == call ? env->drawn_value
                                                 : rmg_draw_random(env->draw, env->key, call);
}

static enum rmg_result eval_unary(const struct rmg_expr_env *env, const struct rmg_expr_inst *inst,
                                  struct rmg_datum *a)
{
    double value = a->codec == RMG_CODEC_I64    ? (double)a->as.i64
                   : a->codec == RMG_CODEC_BOOL ? 0
                                                : a->as.f64;
    switch (inst->op) {
    case RMG_EXPR_NEG:
        return eval_neg(a);
    case RMG_EXPR_SQRT:
        value = a->codec == RMG_CODEC_F32 ? (double)sqrtf((float)value) : sqrt(value);
        break;
    case RMG_EXPR_TO_F64:
        a->codec = RMG_CODEC_F64;
        break;
    case RMG_EXPR_TO_F32:
        /* From i64 in one rounding, not through f64. */
        value = a->codec == RMG_CODEC_I64 ? (double)(float)a->as.i64 : (double)(float)value;
        a->codec = RMG_CODEC_F32;
        break;
    case RMG_EXPR_NOT:
        a->as.boolean = !a->as.boolean;
        return RMG_APPLIED;
    case RMG_EXPR_CHANCE:
        a->codec = RMG_CODEC_BOOL;
        a->as.boolean = draw(env, inst->arg) < value;
        return RMG_APPLIED;
    case RMG_EXPR_EXP:
    case RMG_EXPR_LOG:
    case RMG_EXPR_SIN:
    case RMG_EXPR_COS:
        return eval_real(inst->op, a);
    default:
        assert(false && "a verified unary operation");
    }
    a->as.f64 = rmg_f64_canonical(value);
    return RMG_APPLIED;
}

static enum rmg_result eval_arg(const struct rmg_expr_env *env, const struct rmg_expr_inst *inst,
                                struct rmg_datum *out)
{
    switch (inst->op) {
    case RMG_EXPR_CONST:
        *out = env->rule->constants[inst->arg];
        return RMG_APPLIED;
    case RMG_EXPR_PARAM:
        *out = env->params[inst->arg];
        return RMG_APPLIED;
    case RMG_EXPR_FIELD:
        return env->field(env->user, inst->arg, out);
    case RMG_EXPR_ELEMENT:
        *out = (struct rmg_datum){
            .codec = RMG_CODEC_ID, .bytes = env->ids[inst->arg].bytes, .size = JIT_ID_BYTES};
        return RMG_APPLIED;
    case RMG_EXPR_AGGREGATE:
        return env->aggregate(env->user, inst->arg, out);
    case RMG_EXPR_RANDOM:
        *out = (struct rmg_datum){.codec = RMG_CODEC_F64, .as.f64 = draw(env, inst->arg)};
        return RMG_APPLIED;
    default:
        assert(false && "a verified operation without operands");
    }
    return RMG_INVALID;
}

enum rmg_result rmg_expr_eval(const struct rmg_expr_env *env, struct rmg_expr expr,
                              struct rmg_datum *out)
{
    struct rmg_datum stack[JIT_EXPR_DEPTH_MAX];
    uint32_t depth = 0;
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;

    assert(expr.size > 0);
    while (rmg_expr_next(&cur, &inst)) {
        unsigned arity = shapes[inst.op].arity;
        enum rmg_result result;
        assert(depth >= arity);
        depth -= arity;
        assert(depth < JIT_EXPR_DEPTH_MAX);
        if (arity == 0) {
            result = eval_arg(env, &inst, &stack[depth]);
        } else if (arity == 1) {
            result = eval_unary(env, &inst, &stack[depth]);
        } else {
            result = eval_binary(inst.op, &stack[depth], &stack[depth + 1]);
        }
        if (result != RMG_APPLIED) {
            return result;
        }
        depth++;
    }
    assert(depth == 1);
    *out = stack[0];
    return RMG_APPLIED;
}

/* --- parameters --- */

enum jit_err rmg_params_decode(const struct rmg_rule *rule, const uint8_t *params, uint32_t size,
                               struct rmg_datum *out)
{
    if (size > JIT_PARAMS_BYTES_MAX) {
        return JIT_ELIMIT;
    }
    struct jit_cursor cur = jit_cursor_of(params, size);
    for (uint32_t i = 0; i < rule->param_count; i++) {
        uint64_t value_size = jit_get_u64(&cur);
        const uint8_t *bytes = jit_get_bytes(&cur, value_size);
        if (bytes == NULL) {
            return JIT_EFORMAT;
        }
        enum jit_err err =
            rmg_codec_decode(rule->params[i].codec, bytes, (uint32_t)value_size, &out[i]);
        if (err != JIT_OK) {
            return err;
        }
    }
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EFORMAT;
}

size_t rmg_params_message(const struct rmg_rule *rule, const struct rmg_datum *values, uint8_t *out)
{
    uint8_t *at = out;
    jit_put_le32(at, rule->param_count);
    at += 4;
    for (uint32_t i = 0; i < rule->param_count; i++) {
        memcpy(at, rmg_codec_type(values[i].codec)->bytes, JIT_ID_BYTES);
        jit_put_le64(at + JIT_ID_BYTES, values[i].size);
        at += JIT_ID_BYTES + 8;
        if (values[i].size > 0) {
            memcpy(at, values[i].bytes, values[i].size);
            at += values[i].size;
        }
    }
    return (size_t)(at - out);
}

enum jit_err rmg_params_check(const struct rmg_rule *rule, const uint8_t *params, uint32_t size,
                              struct jit_id *digest)
{
    struct rmg_datum values[RMG_RULE_PARAMS_MAX];
    uint8_t message[RMG_PARAMS_MESSAGE_MAX];
    enum jit_err err = rmg_params_decode(rule, params, size, values);
    if (err == JIT_OK) {
        jit_hash_key(JIT_K_PARAMS, message, rmg_params_message(rule, values, message), digest);
    }
    return err;
}

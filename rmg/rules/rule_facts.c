/* rmg/rules/rule_facts.c - what a rule's conditions say of single fields (rmg/rules/rule_static.h).
 */
#include "base/check.h"
#include "rmg/rules/expr.h"
#include "rmg/rules/rule_static.h"

/* ---- one comparison of two constants ---- */

static bool holds(enum rmg_expr_op op, const struct rmg_datum *a, const struct rmg_datum *b)
{
    struct rmg_datum constants[2] = {*a, *b};
    const uint8_t code[] = {RMG_EXPR_CONST, 0, 0, RMG_EXPR_CONST, 1, 0, (uint8_t)op};
    const struct rmg_rule rule = {.constants = constants, .constant_count = 2};
    struct rmg_expr_env env = {.rule = &rule};
    struct rmg_datum out;
    assert(a->codec == b->codec);
    return rmg_expr_eval(&env, (struct rmg_expr){.code = code, .size = sizeof code}, &out) ==
               RMG_APPLIED &&
           out.as.boolean;
}

static bool all_hold(const struct rmg_rule_fact *facts, uint32_t count,
                     const struct rmg_datum *value)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!holds(facts[i].op, value, &facts[i].constant)) {
            return false;
        }
    }
    return true;
}

/* ---- all facts of one value ---- */

/* Whole numbers: bounds, and what is left out between them. */
static bool i64_agree(const struct rmg_rule_fact *facts, uint32_t count)
{
    struct rmg_datum at = {.codec = RMG_CODEC_I64, .as.i64 = INT64_MIN};
    for (uint32_t i = 0; i < count; i++) {
        int64_t value = facts[i].constant.as.i64;
        bool above = facts[i].op == RMG_EXPR_GT;
        if (above && value == INT64_MAX) {
            return false;
        }
        if ((above || facts[i].op == RMG_EXPR_GE || facts[i].op == RMG_EXPR_EQ) &&
            value + above > at.as.i64) {
            at.as.i64 = value + above;
        }
    }
    /* The least that may be, or one of the next: each <> takes away one at most. */
    for (uint32_t i = 0; i <= count; i++) {
        if (all_hold(facts, count, &at)) {
            return true;
        }
        if (at.as.i64 == INT64_MAX) {
            return false;
        }
        at.as.i64++;
    }
    return false;
}

static bool is_below(enum rmg_expr_op op)
{
    return op == RMG_EXPR_LT || op == RMG_EXPR_LE;
}

static bool is_above(enum rmg_expr_op op)
{
    return op == RMG_EXPR_GT || op == RMG_EXPR_GE;
}

/* Each lower bound with each upper one: do they leave nothing between them? Where they meet in one
 * value, all must hold of it. */
static bool bounds_agree(const struct rmg_rule_fact *facts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < count; k++) {
            const struct rmg_datum *low = &facts[i].constant;
            const struct rmg_datum *high = &facts[k].constant;
            if (!is_above(facts[i].op) || !is_below(facts[k].op)) {
                continue;
            }
            if (!holds(RMG_EXPR_LE, low, high) ||
                (holds(RMG_EXPR_EQ, low, high) && !all_hold(facts, count, low))) {
                return false;
            }
        }
    }
    return true;
}

bool rmg_rule_facts_agree(const struct rmg_rule_fact *facts, uint32_t count)
{
    struct rmg_datum no = {.codec = RMG_CODEC_BOOL};
    struct rmg_datum yes = {.codec = RMG_CODEC_BOOL, .as.boolean = true};
    if (count == 0) {
        return true;
    }
    enum rmg_codec codec = facts[0].constant.codec;
    for (uint32_t i = 0; i < count; i++) {
        if (facts[i].constant.codec != codec) {
            return false; /* it has one codec */
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (facts[i].op == RMG_EXPR_EQ) {
            return all_hold(facts, count, &facts[i].constant);
        }
    }
    switch (codec) {
    case RMG_CODEC_BOOL:
        return all_hold(facts, count, &no) || all_hold(facts, count, &yes);
    case RMG_CODEC_I64:
        return i64_agree(facts, count);
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
    case RMG_CODEC_TEXT:
        return bounds_agree(facts, count);
    default:
        return true;
    }
}

/* ---- conditions taken apart ---- */

/* An instruction and the expression that ends with it. */
struct step {
    struct rmg_expr_inst inst;
    uint32_t begin; /* first step of it */
    uint32_t at;    /* its first byte is that of step `begin`; the instruction's own */
};

struct reader {
    struct rmg_rule_facts *facts;
    const struct rmg_rule *rule;
    struct rmg_expr expr;
    struct step *steps;
    uint32_t count;
};

static struct rmg_expr expr_of(const struct reader *r, uint32_t last)
{
    uint32_t begin = r->steps[r->steps[last].begin].at;
    uint32_t end = last + 1 < r->count ? r->steps[last + 1].at : r->expr.size;
    return (struct rmg_expr){.code = r->expr.code + begin, .size = end - begin};
}

/* Does it depend on nothing but itself? */
static bool is_constant(const struct reader *r, uint32_t last)
{
    for (uint32_t i = r->steps[last].begin; i <= last; i++) {
        enum rmg_expr_op op = r->steps[i].inst.op;
        bool pure = op == RMG_EXPR_CONST || (op >= RMG_EXPR_ADD && op <= RMG_EXPR_NOT);
        if (!pure) {
            return false;
        }
    }
    return true;
}

static enum rmg_result value_of(const struct reader *r, uint32_t last, struct rmg_datum *out)
{
    struct rmg_expr_env env = {.rule = r->rule};
    return rmg_expr_eval(&env, expr_of(r, last), out);
}

static void never(struct reader *r, enum rmg_never why)
{
    if (r->facts->never == RMG_NEVER_NOT) {
        r->facts->never = why;
    }
}

static void add_fact(struct reader *r, uint32_t field, enum rmg_expr_op op,
                     const struct rmg_datum *constant)
{
    if (r->facts->fact_count < RMG_RULE_FACTS_MAX) {
        r->facts->facts[r->facts->fact_count++] =
            (struct rmg_rule_fact){.field = field, .op = op, .constant = *constant};
    }
}

/* The comparison seen from the other side. */
static enum rmg_expr_op turned(enum rmg_expr_op op)
{
    switch (op) {
    case RMG_EXPR_LT:
        return RMG_EXPR_GT;
    case RMG_EXPR_LE:
        return RMG_EXPR_GE;
    case RMG_EXPR_GT:
        return RMG_EXPR_LT;
    case RMG_EXPR_GE:
        return RMG_EXPR_LE;
    default:
        return op;
    }
}

/* field op constant, constant op field. negated: behind a not. */
static void read_comparison(struct reader *r, uint32_t last, bool negated)
{
    enum rmg_expr_op op = r->steps[last].inst.op;
    uint32_t right = last - 1;
    uint32_t left = r->steps[right].begin - 1;
    const struct step *field = &r->steps[left];
    uint32_t other = right;
    struct rmg_datum constant;
    if (field->inst.op != RMG_EXPR_FIELD || !is_constant(r, right)) {
        field = &r->steps[right];
        other = left;
        op = turned(op);
    }
    if (field->inst.op != RMG_EXPR_FIELD || !is_constant(r, other)) {
        return;
    }
    if (negated) {
        if (op != RMG_EXPR_EQ && op != RMG_EXPR_NE) {
            return; /* NaN is neither below nor not below */
        }
        op = op == RMG_EXPR_EQ ? RMG_EXPR_NE : RMG_EXPR_EQ;
    }
    if (value_of(r, other, &constant) != RMG_APPLIED) {
        never(r, RMG_NEVER_FALSE);
        return;
    }
    add_fact(r, field->inst.arg, op, &constant);
}

/* One condition of those joined by and. */
static void read_condition(struct reader *r, uint32_t last)
{
    struct rmg_datum value;
    bool negated = r->steps[last].inst.op == RMG_EXPR_NOT;
    if (is_constant(r, last)) {
        if (value_of(r, last, &value) != RMG_APPLIED || !value.as.boolean) {
            never(r, RMG_NEVER_FALSE);
        }
        return;
    }
    uint32_t inner = negated ? last - 1 : last;
    const struct rmg_expr_inst *inst = &r->steps[inner].inst;
    if (inst->op >= RMG_EXPR_EQ && inst->op <= RMG_EXPR_GE) {
        read_comparison(r, inner, negated);
    } else if (inst->op == RMG_EXPR_FIELD) {
        struct rmg_datum wanted = {.codec = RMG_CODEC_BOOL, .as.boolean = !negated};
        add_fact(r, inst->arg, RMG_EXPR_EQ, &wanted);
    } else if (inst->op == RMG_EXPR_CHANCE && !negated && is_constant(r, inner - 1)) {
        if (value_of(r, inner - 1, &value) != RMG_APPLIED || !(value.as.f64 > 0.0)) {
            never(r, RMG_NEVER_CHANCE);
        }
    }
}

static void read_conjuncts(struct reader *r, uint32_t last)
{
    while (r->steps[last].inst.op == RMG_EXPR_AND) {
        uint32_t right = last - 1;
        read_conjuncts(r, right); /* as deep as the stack of the code, which is bounded */
        last = r->steps[right].begin - 1;
    }
    read_condition(r, last);
}

static enum jit_err read_expr(struct jit_heap *heap, struct rmg_rule_facts *facts,
                              struct rmg_expr expr)
{
    struct reader r = {.facts = facts, .rule = facts->rule, .expr = expr};
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    uint32_t stack[JIT_EXPR_DEPTH_MAX];
    uint32_t depth = 0;
    uint32_t at = 0;
    struct rmg_expr_inst inst;
    if (expr.size == 0) {
        return JIT_OK;
    }
    r.steps = jit_heap_zalloc(heap, expr.size, sizeof *r.steps);
    if (r.steps == NULL) {
        return JIT_ENOMEM;
    }
    while (rmg_expr_next(&cur, &inst)) {
        unsigned arity = rmg_expr_arity(inst.op);
        struct step *step = &r.steps[r.count];
        assert(depth >= arity); /* decode has verified it */
        step->inst = inst;
        step->begin = arity == 0 ? r.count : stack[depth - arity];
        step->at = at;
        depth -= arity;
        assert(depth < JIT_EXPR_DEPTH_MAX);
        stack[depth++] = step->begin;
        r.count++;
        at = (uint32_t)(expr.size - cur.left);
    }
    assert(depth == 1);
    read_conjuncts(&r, r.count - 1);
    heap->free(heap, r.steps);
    return JIT_OK;
}

/* ---- the rule ---- */

static bool same_field(const struct rmg_rule *rule, uint32_t a, uint32_t b)
{
    const struct rmg_rule_field *x = &rule->fields[a];
    const struct rmg_rule_field *y = &rule->fields[b];
    return x->element == y->element && x->name_size == y->name_size &&
           memcmp(x->name, y->name, x->name_size) == 0;
}

/* Contradictions: all facts about the field of each fact. */
static void find_contradiction(struct rmg_rule_facts *facts)
{
    struct rmg_rule_fact same[RMG_RULE_FACTS_MAX];
    for (uint32_t i = 0; i < facts->fact_count && facts->never == RMG_NEVER_NOT; i++) {
        uint32_t count = 0;
        for (uint32_t k = 0; k < facts->fact_count; k++) {
            if (same_field(facts->rule, facts->facts[i].field, facts->facts[k].field)) {
                same[count++] = facts->facts[k];
            }
        }
        if (!rmg_rule_facts_agree(same, count)) {
            facts->never = RMG_NEVER_CONTRADICTION;
            facts->never_field = facts->facts[i].field;
        }
    }
}

/* One field with two codecs: one of the reads has no value. */
static void find_codecs(struct rmg_rule_facts *facts)
{
    const struct rmg_rule *rule = facts->rule;
    for (uint32_t i = 0; i < rule->field_count && facts->never == RMG_NEVER_NOT; i++) {
        for (uint32_t k = i + 1; k < rule->field_count; k++) {
            if (rule->fields[i].read && rule->fields[k].read && same_field(rule, i, k) &&
                rule->fields[i].codec != rule->fields[k].codec) {
                facts->never = RMG_NEVER_CODEC;
                facts->never_field = i;
            }
        }
    }
}

struct gathered {
    struct jit_heap *heap;
    struct rmg_rule_facts *facts;
    enum jit_err err;
};

static bool gather(void *user, const struct rmg_rule_use *use)
{
    struct gathered *g = user;
    struct rmg_rule_facts *facts = g->facts;
    void *data = facts->uses;
    if (jit_heap_grow(g->heap, &data, &facts->use_capacity, facts->use_count + 1, sizeof *use) !=
        0) {
        g->err = JIT_ENOMEM;
        return false;
    }
    facts->uses = data;
    facts->uses[facts->use_count++] = *use;
    return true;
}

enum jit_err rmg_rule_facts_init(struct jit_heap *heap, const struct rmg_rule *rule,
                                 struct rmg_rule_facts *out)
{
    struct gathered g = {.heap = heap, .facts = out, .err = JIT_OK};
    memset(out, 0, sizeof *out);
    out->rule = rule;
    (void)rmg_rule_uses(rule, gather, &g);
    if (g.err == JIT_OK) {
        g.err = read_expr(heap, out, rule->guard);
    }
    if (g.err == JIT_OK) {
        g.err = read_expr(heap, out, rule->draw);
    }
    if (g.err == JIT_OK) {
        find_contradiction(out);
        find_codecs(out);
    }
    return g.err;
}

void rmg_rule_facts_release(struct jit_heap *heap, struct rmg_rule_facts *facts)
{
    heap->free(heap, facts->uses);
    facts->uses = NULL;
    facts->use_count = 0;
    facts->use_capacity = 0;
}

#include "base/check.h"
#include "rmg/rules/search_priv.h"

/* --- the guard as conjuncts --- */

static uint32_t mask_of(const struct rmg_rule *rule, struct rmg_expr expr)
{
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    uint32_t mask = 0;
    while (rmg_expr_next(&cur, &inst)) {
        if (inst.op == RMG_EXPR_FIELD) {
            mask |= 1u << rule->fields[inst.arg].element;
        } else if (inst.op == RMG_EXPR_ELEMENT) {
            mask |= 1u << inst.arg;
        } else if (inst.op == RMG_EXPR_AGGREGATE) {
            assert(rule->element_count > 0);            /* rmg_rule_check */
            mask |= ~0u >> (32u - rule->element_count); /* what is matched does not count */
        }
    }
    return mask;
}

/* begin[i]: where the expression begins whose last instruction begins at i. Returns how many `and`
 * there are. */
static uint32_t find_begins(struct rmg_expr expr, uint32_t *begin)
{
    uint32_t stack[JIT_EXPR_DEPTH_MAX];
    uint32_t depth = 0;
    uint32_t ands = 0;
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    for (uint32_t at = 0; rmg_expr_next(&cur, &inst); at = expr.size - (uint32_t)cur.left) {
        unsigned arity = rmg_expr_arity(inst.op);
        assert(depth >= arity);
        depth -= arity;
        assert(depth < JIT_EXPR_DEPTH_MAX);
        if (arity == 0) {
            stack[depth] = at;
        }
        begin[at] = stack[depth++];
        ands += inst.op == RMG_EXPR_AND;
    }
    return ands;
}

/* The last instruction of [from, to) begins at: an `and` is one byte, so only that is asked. */
static bool ends_in_and(struct rmg_expr expr, const uint32_t *begin, uint32_t from, uint32_t to)
{
    return expr.code[to - 1] == RMG_EXPR_AND && begin[to - 1] == from && to - from > 1;
}

/* Where the right operand of the `and` at to - 1 begins: at the begin of the instruction before. */
static uint32_t right_of_and(const uint32_t *begin, uint32_t to)
{
    uint32_t at = to - 2;
    while (begin[at] == SEARCH_NONE) {
        at--; /* into the operand bytes of that instruction: four at most */
    }
    return begin[at];
}

static enum jit_err split_guard(struct jit_heap *heap, const struct rmg_rule *rule,
                                struct search_program *program)
{
    struct rmg_expr guard = rule->guard;
    enum jit_err err = JIT_ENOMEM;
    uint32_t *begin = NULL;
    uint32_t *todo = NULL; /* ends of ranges that follow the one at hand, a stack */
    if (guard.size == 0) {
        return JIT_OK;
    }
    begin = heap->alloc(heap, guard.size * sizeof *begin);
    if (begin == NULL) {
        goto out;
    }
    memset(begin, 0xff, guard.size * sizeof *begin);
    uint32_t ands = find_begins(guard, begin);
    program->conjuncts = heap->alloc(heap, (ands + 1) * sizeof *program->conjuncts);
    todo = heap->alloc(heap, (ands + 1) * sizeof *todo);
    if (program->conjuncts == NULL || todo == NULL) {
        goto out;
    }
    /* Ranges from the right to the left; the operands of one `and` are neighbours. */
    uint32_t depth = 0;
    uint32_t to = guard.size;
    uint32_t from = 0;
    for (;;) {
        while (ends_in_and(guard, begin, from, to)) {
            assert(depth <= ands);
            todo[depth++] = from;
            from = right_of_and(begin, to);
            to--;
        }
        struct rmg_expr expr = {.code = guard.code + from, .size = to - from};
        assert(program->conjunct_count <= ands);
        program->conjuncts[program->conjunct_count++] = (struct search_conjunct){
            .expr = expr, .mask = mask_of(rule, expr), .late = search_is_late(rule, expr)};
        if (depth == 0) {
            break;
        }
        to = from;
        from = todo[--depth];
    }
    err = JIT_OK;
out:
    heap->free(heap, begin);
    heap->free(heap, todo);
    return err;
}

/* --- fields --- */

void search_note_fields(struct search_program *program, struct rmg_expr expr, bool is_draw)
{
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    while (rmg_expr_next(&cur, &inst)) {
        if (inst.op != RMG_EXPR_FIELD) {
            continue;
        }
        bool known = false;
        for (uint32_t i = 0; i < program->draw_field_count && !known; i++) {
            known = program->draw_fields[i] == inst.arg;
        }
        if (is_draw && !known) {
            program->draw_fields[program->draw_field_count++] = (uint16_t)inst.arg;
        }
        program->field_mask[inst.arg / 32] |= 1u << (inst.arg % 32);
    }
}

/* --- the order of binding --- */

/* The next edge to bind: one that closes a circle first, else the first with a bound end. */
static uint32_t next_edge(const struct rmg_rule *rule, uint8_t place, uint32_t bound)
{
    uint32_t best = SEARCH_NONE;
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *element = &rule->elements[i];
        if (!element->is_edge || element->place != place || (bound >> i & 1) != 0) {
            continue;
        }
        bool from = (bound >> element->from & 1) != 0;
        bool to = (bound >> element->to & 1) != 0;
        if (from && to) {
            return i;
        }
        if ((from || to) && best == SEARCH_NONE) {
            best = i;
        }
    }
    return best;
}

static uint32_t next_node(const struct rmg_rule *rule, uint8_t place, uint32_t bound)
{
    for (uint32_t i = 0; i < rule->element_count; i++) {
        if (!rule->elements[i].is_edge && rule->elements[i].place == place &&
            (bound >> i & 1) == 0) {
            return i;
        }
    }
    return SEARCH_NONE;
}

static uint32_t with_ends(const struct rmg_rule *rule, uint32_t element)
{
    uint32_t mask = 1u << element;
    if (rule->elements[element].is_edge) {
        mask |= 1u << rule->elements[element].from | 1u << rule->elements[element].to;
    }
    return mask;
}

/* The two sides of an equation. False: it is none. */
static bool split_equation(struct rmg_expr expr, struct rmg_expr sides[2])
{
    uint32_t stack[JIT_EXPR_DEPTH_MAX];
    uint32_t depth = 0;
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    for (uint32_t at = 0; rmg_expr_next(&cur, &inst); at = expr.size - (uint32_t)cur.left) {
        if (cur.left == 0 && inst.op == RMG_EXPR_EQ) {
            assert(depth == 2);
            sides[0] = (struct rmg_expr){.code = expr.code, .size = stack[1]};
            sides[1] = (struct rmg_expr){.code = expr.code + stack[1], .size = at - stack[1]};
            return true;
        }
        depth -= rmg_expr_arity(inst.op);
        if (rmg_expr_arity(inst.op) == 0) {
            stack[depth] = at;
        }
        depth++;
    }
    return false;
}

/* Is this side a field of the element, and nothing else? */
static bool is_field_of(const struct rmg_rule *rule, struct rmg_expr side, uint32_t element,
                        uint16_t *field)
{
    struct jit_cursor cur = jit_cursor_of(side.code, side.size);
    struct rmg_expr_inst inst;
    if (!rmg_expr_next(&cur, &inst) || cur.left > 0 || inst.op != RMG_EXPR_FIELD) {
        return false;
    }
    *field = (uint16_t)inst.arg;
    return rule->fields[inst.arg].element == element;
}

/* A condition that says what a field of the node is, by what is bound already. One that depends on
 * the match says more than one that does not. */
static void find_value(const struct rmg_rule *rule, const struct search_program *program,
                       uint32_t bound, struct search_step *step)
{
    if (!rule->elements[step->element].typed || rule->elements[step->element].place != 0) {
        return; /* what is inside has no index */
    }
    for (uint32_t i = 0; i < program->conjunct_count; i++) {
        const struct search_conjunct *conjunct = &program->conjuncts[i];
        struct rmg_expr sides[2];
        uint32_t others = conjunct->mask & ~(1u << step->element);
        if (conjunct->late || (conjunct->mask >> step->element & 1) == 0 ||
            (others & ~bound) != 0 || (step->by_value && others == 0) ||
            !split_equation(conjunct->expr, sides)) {
            continue;
        }
        for (uint32_t k = 0; k < 2; k++) {
            uint16_t field = 0;
            if (is_field_of(rule, sides[k], step->element, &field) &&
                (mask_of(rule, sides[1 - k]) >> step->element & 1) == 0) {
                step->by_value = true;
                step->field = field;
                step->value = sides[1 - k];
            }
        }
    }
}

/* All that is left of one place. */
static uint32_t plan_place(const struct rmg_rule *rule, const struct search_program *program,
                           uint8_t place, uint32_t bound, struct search_plan *plan)
{
    for (;;) {
        uint32_t element = next_edge(rule, place, bound);
        bool is_scan = element == SEARCH_NONE;
        if (is_scan) {
            element = next_node(rule, place, bound);
        }
        if (element == SEARCH_NONE) {
            return bound;
        }
        assert(plan->step_count < JIT_PATTERN_ELEMENTS_MAX);
        struct search_step *step = &plan->steps[plan->step_count++];
        *step = (struct search_step){.element = (uint8_t)element, .is_scan = is_scan};
        if (is_scan) {
            find_value(rule, program, bound, step);
        }
        bound |= with_ends(rule, element);
    }
}

/* What search_walk_from binds on the way to a place, and the portals it goes through. */
static uint32_t way_to(const struct rmg_rule *rule, uint8_t place, uint32_t *entered)
{
    uint32_t bound = 0;
    while (place != 0) {
        const uint8_t owner = rule->portals[place - 1].owner;
        *entered |= 1u << (place - 1);
        bound |= with_ends(rule, owner);
        place = rule->elements[owner].place;
    }
    return bound;
}

/* What is around the root first; then the searched instance, as a whole (search_doors.c says why),
 * and portal by portal what was not entered on the way to the root. */
static void make_plan(const struct rmg_rule *rule, const struct search_program *program,
                      uint32_t root, struct search_plan *plan)
{
    const uint8_t place = rule->elements[root].place;
    uint32_t entered = 0;
    uint32_t bound = way_to(rule, place, &entered) | with_ends(rule, root);
    plan->step_count = 0;
    bound = plan_place(rule, program, place, bound, plan);
    bound = plan_place(rule, program, 0, bound, plan);
    for (uint32_t portal = 0; portal < rule->portal_count; portal++) {
        if ((entered >> portal & 1) == 0) {
            assert(plan->step_count < JIT_PATTERN_ELEMENTS_MAX);
            plan->steps[plan->step_count++] =
                (struct search_step){.element = (uint8_t)portal, .enters = true};
        }
        bound = plan_place(rule, program, (uint8_t)(portal + 1), bound, plan);
    }
}

enum jit_err search_program_init(struct jit_heap *heap, const struct rmg_rule *rule,
                                 struct search_program *out)
{
    memset(out, 0, sizeof *out);
    enum jit_err err = split_guard(heap, rule, out);
    for (uint32_t i = 0; i < rule->element_count; i++) {
        make_plan(rule, out, i, &out->plans[i]);
        out->edge_mask |= rule->elements[i].is_edge ? 1u << i : 0;
    }
    search_note_fields(out, rule->guard, false);
    search_note_fields(out, rule->draw, true);
    search_nears_init(out, rule);
    return err;
}

void search_program_release(struct jit_heap *heap, struct search_program *program)
{
    heap->free(heap, program->conjuncts);
    program->conjuncts = NULL;
}

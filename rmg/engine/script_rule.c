/* rmg/engine/script_rule.c - a compiled rule against a working form: numbers for types, columns for
 * names, its conditions one by one, and what its effects may enable. */
#include "rmg/engine/script_priv.h"
#include "rmg/rules/mutant.h"

const char *rmg_script_refuses(const struct rmg_rule *rule)
{
    if (rule->delay > 0) {
        return "`after`";
    }
    if (rule->portal_count > 0) {
        return "`in`, a portal";
    }
    if (rule->draw.size > 0) {
        return "`chance` and `random` in `where`";
    }
    if (rule->aggregate_count > 0) {
        return "`count`, `sum`, `min` and `max`";
    }
    for (uint32_t i = 0; i < rule->negative_count; i++) {
        const struct rmg_rule_near *near = &rule->negatives[i];
        if (near->alone) {
            return "a condition on a node alone";
        }
        if (near->value_count > 0) {
            return "a condition with values";
        }
    }
    for (uint32_t i = 0; i < rule->update_count; i++) {
        if (rule->updates[i].kind == RMG_UPDATE_PUT) {
            return "`put`";
        }
        if (rmg_expr_draws(rule->updates[i].expr, NULL)) {
            return "`random` in a value";
        }
    }
    return NULL;
}

static enum rmg_plane plane_of(const struct rmg_rule *rule, uint8_t operand)
{
    bool is_edge = (operand & RMG_RULE_CREATED) != 0
                       ? rule->creates[operand & (RMG_RULE_CREATED - 1u)].is_edge
                       : rule->elements[operand].is_edge;
    return is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA;
}

/* ---- numbers ---- */

static enum jit_err number_types(struct rmg_work *work, struct script_rule *r)
{
    const struct rmg_rule *rule = r->rule;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; i < rule->element_count && err == JIT_OK; i++) {
        r->types[i] = SCRIPT_ANY;
        if (rule->elements[i].typed) {
            err = work_type_of(work, &rule->elements[i].type, &r->types[i]);
        }
    }
    for (uint32_t i = 0; i < rule->create_count && err == JIT_OK; i++) {
        err = work_type_of(work, &rule->creates[i].type, &r->create_types[i]);
    }
    for (uint32_t i = 0; i < rule->negative_count && err == JIT_OK; i++) {
        const struct rmg_rule_near *negative = &rule->negatives[i];
        r->negative_types[i][0] = SCRIPT_ANY;
        r->negative_types[i][1] = SCRIPT_ANY;
        if (negative->edge_typed) {
            err = work_type_of(work, &negative->edge_type, &r->negative_types[i][0]);
        }
        if (negative->other_typed && err == JIT_OK) {
            err = work_type_of(work, &negative->other_type, &r->negative_types[i][1]);
        }
    }
    return err;
}

static enum jit_err number_columns(struct script_run *run, struct script_rule *r)
{
    const struct rmg_rule *rule = r->rule;
    enum jit_err err = JIT_OK;
    r->field_columns =
        run->heap->alloc(run->heap, (rule->field_count + 1ul) * sizeof *r->field_columns);
    r->update_columns =
        run->heap->alloc(run->heap, (rule->update_count + 1ul) * sizeof *r->update_columns);
    if (r->field_columns == NULL || r->update_columns == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < rule->field_count && err == JIT_OK; i++) {
        const struct rmg_rule_field *field = &rule->fields[i];
        err = work_column_of(run->work, plane_of(rule, field->element), field->name,
                             field->name_size, &r->field_columns[i]);
    }
    for (uint32_t i = 0; i < rule->update_count && err == JIT_OK; i++) {
        const struct rmg_rule_update *update = &rule->updates[i];
        err = work_column_of(run->work, plane_of(rule, update->target), update->name,
                             update->name_size, &r->update_columns[i]);
    }
    return err;
}

/* ---- conditions ---- */

static uint32_t ids_wanted(struct rmg_expr expr)
{
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst;
    uint32_t mask = 0;
    while (rmg_expr_next(&cur, &inst)) {
        mask |= inst.op == RMG_EXPR_ELEMENT ? 1u << inst.arg : 0;
    }
    return mask;
}

/* field, constant or parameter, comparison: of i64. */
static struct script_compare as_compare(const struct script_rule *r, struct rmg_expr expr)
{
    struct jit_cursor cur = jit_cursor_of(expr.code, expr.size);
    struct rmg_expr_inst inst[3];
    const struct rmg_datum *right = NULL;
    struct script_compare none = {.op = (enum rmg_expr_op)0};
    for (unsigned i = 0; i < 3; i++) {
        if (!rmg_expr_next(&cur, &inst[i])) {
            return none;
        }
    }
    if (inst[1].op == RMG_EXPR_CONST) {
        right = &r->rule->constants[inst[1].arg];
    } else if (inst[1].op == RMG_EXPR_PARAM) {
        right = &r->params[inst[1].arg];
    }
    if (cur.left != 0 || inst[0].op != RMG_EXPR_FIELD || right == NULL ||
        right->codec != RMG_CODEC_I64 || inst[2].op < RMG_EXPR_EQ || inst[2].op > RMG_EXPR_GE) {
        return none;
    }
    return (struct script_compare){
        .op = inst[2].op, .field = (uint16_t)inst[0].arg, .value = right->as.i64};
}

static enum rmg_result no_field(void *user, uint32_t field, struct rmg_datum *out)
{
    (void)user;
    (void)field;
    (void)out;
    return RMG_GUARD_FALSE;
}

/* A condition on parameters and constants alone holds now or never. */
static bool holds_now(const struct script_rule *r, struct rmg_expr expr)
{
    const struct rmg_expr_env env = {.rule = r->rule, .params = r->params, .field = no_field};
    struct rmg_datum datum;
    return rmg_expr_eval(&env, expr, &datum) == RMG_APPLIED && datum.as.boolean;
}

static enum jit_err split_conditions(struct script_run *run, struct script_rule *r)
{
    enum jit_err err = search_program_init(run->heap, r->rule, &r->program);
    if (err != JIT_OK) {
        return err;
    }
    size_t room = r->program.conjunct_count + 1ul;
    r->conjuncts = run->heap->alloc(run->heap, room * sizeof *r->conjuncts);
    r->plan.conjuncts = run->heap->alloc(run->heap, room * sizeof *r->plan.conjuncts);
    if (r->conjuncts == NULL || r->plan.conjuncts == NULL) {
        return JIT_ENOMEM;
    }
    for (uint32_t i = 0; i < r->program.conjunct_count; i++) {
        const struct search_conjunct *from = &r->program.conjuncts[i];
        if (from->mask == 0) {
            r->impossible = r->impossible || !holds_now(r, from->expr);
            continue;
        }
        r->conjuncts[r->conjunct_count++] =
            (struct script_conjunct){.expr = from->expr,
                                     .mask = from->mask,
                                     .id_mask = ids_wanted(from->expr),
                                     .compare = as_compare(r, from->expr)};
    }
    for (uint32_t i = 0; i < r->rule->update_count; i++) {
        r->update_id_mask |= ids_wanted(r->rule->updates[i].expr);
    }
    return JIT_OK;
}

/* ---- the whole ---- */

/* Anchor: the first edge, else the first node. Then edges as they stand, then lone nodes. */
static void put_in_order(struct script_rule *r)
{
    const struct rmg_rule *rule = r->rule;
    uint32_t on_edges = 0;
    for (uint32_t i = 0; i < rule->element_count; i++) {
        const struct rmg_rule_element *element = &rule->elements[i];
        r->deleted_mask |= element->deleted ? 1u << i : 0;
        r->unlinks = r->unlinks || element->detached;
        if (element->is_edge) {
            r->edge_mask |= 1u << i;
            on_edges |= 1u << element->from | 1u << element->to;
        } else {
            r->node_mask |= 1u << i;
        }
    }
    r->lone_mask = r->node_mask & ~on_edges;
    r->anchor = r->edge_mask == 0 ? 0 : (uint8_t)__builtin_ctz(r->edge_mask);
    for (unsigned lone = 0; lone < 2; lone++) {
        uint32_t mask = lone == 0 ? r->edge_mask : r->lone_mask;
        for (uint32_t i = 0; i < rule->element_count; i++) {
            if ((mask >> i & 1) != 0 && i != r->anchor) {
                r->order[r->order_count++] = (uint8_t)i;
            }
        }
    }
}

enum jit_err script_rule_init(struct script_run *run, uint32_t index)
{
    struct script_rule *r = &run->rules[index];
    const struct rmg_script_call *call = &run->script->calls[index];
    r->rule = call->rule;
    if (rmg_script_refuses(r->rule) != NULL) {
        run->report->refused = r->rule;
        return JIT_ENOTSUP;
    }
    r->param_values =
        run->heap->alloc(run->heap, (r->rule->param_count + 1ul) * sizeof *r->param_values);
    if (r->param_values == NULL) {
        return JIT_ENOMEM;
    }
    enum jit_err err = rmg_params_decode(r->rule, call->params, call->params_size, r->param_values);
    r->params = r->param_values;
    put_in_order(r);
    if (err == JIT_OK) {
        err = number_types(run->work, r);
    }
    if (err == JIT_OK) {
        err = number_columns(run, r);
    }
    if (err == JIT_OK) {
        err = split_conditions(run, r);
    }
    if (err == JIT_OK && (r->deleted_mask != 0 || r->rule->update_count > 0)) {
        err = work_owners(run->work);
    }
    if (err == JIT_OK) {
        script_paths_make(r);
    }
    return err;
}

void script_rule_release(struct script_run *run, struct script_rule *r)
{
    struct jit_heap *heap = run->heap;
    search_program_release(heap, &r->program);
    heap->free(heap, r->conjuncts);
    heap->free(heap, r->plan.conjuncts);
    heap->free(heap, r->param_values);
    heap->free(heap, r->field_columns);
    heap->free(heap, r->update_columns);
    heap->free(heap, r->triggers);
    script_bits_release(&r->todo, heap);
    script_bits_release(&r->stuck, heap);
}

/* ---- what an effect may enable ---- */

struct triggers {
    struct jit_heap *heap;
    struct script_rule *from;
    uint16_t to_number;
    const struct script_rule *to;
    size_t room;
    enum jit_err err;
};

static void add_trigger(struct triggers *t, enum script_event event, uint32_t source, unsigned side,
                        uint32_t element)
{
    if (t->err != JIT_OK ||
        jit_heap_grow(t->heap, (void **)&t->from->triggers, &t->room, t->from->trigger_count + 1ul,
                      sizeof *t->from->triggers) != 0) {
        t->err = t->err != JIT_OK ? t->err : JIT_ENOMEM;
        return;
    }
    t->from->triggers[t->from->trigger_count++] =
        (struct script_trigger){.event = (uint8_t)event,
                                .source = (uint8_t)source,
                                .side = (uint8_t)side,
                                .element = (uint8_t)element,
                                .rule = t->to_number};
}

static bool may_be(uint32_t a, uint32_t b)
{
    return a == SCRIPT_ANY || b == SCRIPT_ANY || a == b;
}

/* A new node on an edge of the pattern comes with that edge, which is new as well. */
static void created_triggers(struct triggers *t)
{
    const struct rmg_rule *from = t->from->rule;
    for (uint32_t c = 0; c < from->create_count && !RMG_MUTANT(RMG_MUTANT_MADE); c++) {
        for (uint32_t i = 0; i < t->to->rule->element_count; i++) {
            bool is_edge = t->to->rule->elements[i].is_edge;
            if (is_edge == from->creates[c].is_edge &&
                may_be(t->to->types[i], t->from->create_types[c]) &&
                (is_edge || (t->to->lone_mask >> i & 1) != 0)) {
                add_trigger(t, SCRIPT_CREATED, c, 0, i);
            }
        }
    }
}

static unsigned side_of(enum rmg_direction direction)
{
    return direction == RMG_DIR_OUT ? WORK_OUT : WORK_IN;
}

/* An edge that is new: positive conditions at its ends may hold. */
static void linked_triggers(struct triggers *t)
{
    const struct rmg_rule *from = t->from->rule;
    const struct rmg_rule *to = t->to->rule;
    if (RMG_MUTANT(RMG_MUTANT_LINKED) || (RMG_MUTANT(RMG_MUTANT_LINKED_CHAIN) && from != to)) {
        return;
    }
    for (uint32_t c = 0; c < from->create_count; c++) {
        for (uint32_t n = 0; n < to->negative_count && from->creates[c].is_edge; n++) {
            const struct rmg_rule_near *near = &to->negatives[n];
            if (near->kind == RMG_NEAR_SOME &&
                may_be(t->to->negative_types[n][0], t->from->create_types[c])) {
                add_trigger(t, SCRIPT_LINKED, c, side_of(near->direction), near->element);
            }
        }
    }
}

/* An edge that is gone: negative conditions at its ends may hold, and its ends may be deleted. */
static void unlinked_triggers(struct triggers *t)
{
    const struct rmg_rule *from = t->from->rule;
    const struct rmg_rule *to = t->to->rule;
    for (uint32_t d = 0; d < from->element_count; d++) {
        if (!from->elements[d].is_edge || !from->elements[d].deleted) {
            continue;
        }
        for (uint32_t n = 0; n < to->negative_count; n++) {
            if (to->negatives[n].kind == RMG_NEAR_NONE && !RMG_MUTANT(RMG_MUTANT_UNLINKED) &&
                may_be(t->to->negative_types[n][0], t->from->types[d])) {
                add_trigger(t, SCRIPT_UNLINKED, d, side_of(to->negatives[n].direction),
                            to->negatives[n].element);
            }
        }
        for (uint32_t i = 0; i < to->element_count; i++) {
            if (!to->elements[i].is_edge && to->elements[i].deleted && !to->elements[i].detached &&
                !RMG_MUTANT(RMG_MUTANT_FREED)) {
                add_trigger(t, SCRIPT_UNLINKED, d, WORK_OUT, i);
                add_trigger(t, SCRIPT_UNLINKED, d, WORK_IN, i);
            }
        }
    }
}

/* A field that is written: conditions that read it may hold; values that read it may exist. */
static void set_triggers(struct triggers *t)
{
    const struct rmg_rule *from = t->from->rule;
    const struct rmg_rule *to = t->to->rule;
    for (uint32_t u = 0; u < from->update_count; u++) {
        uint8_t target = from->updates[u].target;
        bool late = false;
        if ((target & RMG_RULE_CREATED) != 0) {
            continue; /* comes with what was created */
        }
        for (uint32_t f = 0; f < to->field_count; f++) {
            uint8_t element = to->fields[f].element;
            if (t->to->field_columns[f] != t->from->update_columns[u] ||
                !may_be(t->to->types[element], t->from->types[target])) {
                continue;
            }
            if (search_field_matters(&t->to->program, f)) {
                if (RMG_MUTANT(RMG_MUTANT_WRITTEN)) {
                    continue;
                }
                add_trigger(t, SCRIPT_SET, u, 0, element);
            } else {
                late = true;
            }
        }
        for (uint32_t k = 0; k < to->update_count; k++) {
            late = late || t->to->update_columns[k] == t->from->update_columns[u];
        }
        if (late && !RMG_MUTANT(RMG_MUTANT_LATE)) {
            add_trigger(t, SCRIPT_SET_LATE, u, 0, 0);
        }
    }
}

enum jit_err script_triggers_init(struct script_run *run, uint32_t index)
{
    struct triggers t = {.heap = run->heap, .from = &run->rules[index]};
    for (uint32_t i = 0; i < run->script->call_count && t.err == JIT_OK; i++) {
        t.to_number = (uint16_t)i;
        t.to = &run->rules[i];
        created_triggers(&t);
        linked_triggers(&t);
        unlinked_triggers(&t);
        set_triggers(&t);
    }
    return t.err;
}

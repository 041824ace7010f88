/* The canonical lines of each declaration: which place of the text each is about. */
#include "rmg/lang/lang_tidy_priv.h"

#include <stdlib.h>

#include "rmg/lang/lang_priv.h"

/* ---- lines ---- */

void lang_tidy_begin(struct tidy *t, uint32_t source, uint32_t indent)
{
    void *list = t->lines;
    uint32_t least = t->line_count == 0 ? 0 : t->lines[t->line_count - 1].source;
    struct tidy_line *out =
        lang_tidy_more(t, &list, &t->line_count, &t->line_capacity, sizeof *out);
    t->lines = list;
    if (out != NULL) {
        /* What stands elsewhere in the source than in the canonical order has no tokens here. */
        out->source = source < least ? least : source;
        out->indent = indent;
        out->at = t->text.size;
    }
}

void lang_tidy_put(struct tidy *t, const char *text)
{
    lang_put(&t->text, text);
}

/* Between two items of a list: on one line, or the next one on its own. */
static void next_item(struct tidy *t, bool broken, uint32_t source, uint32_t indent,
                      const char *between)
{
    lang_tidy_put(t, between);
    if (broken) {
        lang_tidy_begin(t, source, indent);
    } else {
        lang_tidy_put(t, " ");
    }
}

static void tidy_paths(struct tidy *t, const struct lang_path *paths, uint32_t end)
{
    bool broken = paths->next != NULL && lang_tidy_breaks(t, paths->next->first->at, end);
    for (const struct lang_path *path = paths; path != NULL; path = path->next) {
        if (path != paths) {
            next_item(t, broken, path->first->at, 4, ",");
        }
        lang_print_path(path, &t->text);
    }
}

static void tidy_where(struct tidy *t, const struct lang_rule_node *rule, uint32_t end)
{
    bool several = false;
    const struct lang_expr *first = lang_conjuncts(rule->where, &several);
    bool broken = several && lang_tidy_breaks(t, first->next->begin, end);
    lang_tidy_begin(t, rule->where_at, 2);
    lang_tidy_put(t, "where ");
    if (!several) {
        lang_print_expr(first, &t->text);
        return;
    }
    for (const struct lang_expr *expr = first; expr != NULL; expr = expr->next) {
        if (expr != first) {
            next_item(t, broken, expr->begin, 4, " and");
        }
        lang_print_conjunct(expr, &t->text);
    }
}

static void tidy_clause(struct tidy *t, const struct lang_clause *clause, uint32_t end)
{
    const struct lang_assign *first = clause->assigns;
    lang_tidy_begin(t, clause->at, 2);
    lang_print_clause_word(clause, &t->text);
    lang_tidy_put(t, " ");
    if (clause->paths != NULL) {
        tidy_paths(t, clause->paths, end);
    }
    bool broken =
        first != NULL && first->next != NULL && lang_tidy_breaks(t, first->next->target.at, end);
    for (const struct lang_assign *assign = first; assign != NULL; assign = assign->next) {
        if (assign != first) {
            next_item(t, broken, assign->target.at, 4, ",");
        }
        lang_print_assign(clause, assign, &t->text);
    }
}

void lang_tidy_rule(struct tidy *t, const struct lang_rule_node *rule)
{
    const struct lang_clause *clause = rule->clauses;
    lang_print_rule_head(rule, &t->text);
    lang_tidy_begin(t, rule->match_at, 2);
    lang_tidy_put(t, rule->invariant ? "never match " : "match ");
    const uint32_t clauses_at = clause == NULL ? rule->end : clause->at;
    tidy_paths(t, rule->match,
               rule->equals != NULL  ? rule->equals->at
               : rule->where_at != 0 ? rule->where_at
                                     : clauses_at);
    for (const struct lang_equal *equal = rule->equals; equal != NULL; equal = equal->next) {
        lang_tidy_begin(t, equal->at, 2);
        lang_print_equal(equal, &t->text);
    }
    if (rule->where != NULL) {
        tidy_where(t, rule, clauses_at);
    }
    for (; clause != NULL; clause = clause->next) {
        tidy_clause(t, clause, clause->next == NULL ? rule->end : clause->next->at);
    }
}

static int by_type_id(const void *a, const void *b)
{
    return jit_id_compare(&((const struct lang_end *)a)->id, &((const struct lang_end *)b)->id);
}

/* The types that an edge may join, in their order: that of their ids. */
static bool tidy_ends(struct tidy *t, const struct lang_end_node *nodes,
                      const struct lang_end **out, uint32_t *count)
{
    uint32_t wanted = 0;
    for (const struct lang_end_node *node = nodes; node != NULL; node = node->next) {
        wanted++;
    }
    struct lang_end *ends = lang_alloc(t->p->arena, wanted, sizeof *ends);
    if (ends == NULL) {
        return lang_no_memory(t->p);
    }
    *out = ends;
    *count = wanted;
    for (const struct lang_end_node *node = nodes; node != NULL; node = node->next, ends++) {
        ends->name = node->name.text;
        lang_type_id(&node->name, &ends->id);
    }
    if (wanted > 1) {
        qsort(ends - wanted, wanted, sizeof *ends, by_type_id);
    }
    return true;
}

void lang_tidy_type(struct tidy *t, const struct lang_type_node *node)
{
    struct lang_type type = node->pub;
    if (!tidy_ends(t, node->ends[0], &type.from, &type.from_count) ||
        !tidy_ends(t, node->ends[1], &type.to, &type.to_count)) {
        return;
    }
    lang_print_type_head(&type, &t->text);
    if (node->fields == NULL) {
        return;
    }
    /* The brace stands on the first line, so a comment before the first field may stay there. */
    bool broken = lang_tidy_breaks(t, node->fields->at, node->close + 1);
    lang_tidy_put(t, broken ? " {" : " { ");
    for (const struct lang_field_node *field = node->fields; field != NULL; field = field->next) {
        if (broken) {
            lang_tidy_begin(t, field->at, 2);
        }
        lang_print_field(&field->pub, &t->text);
        lang_tidy_put(t, field->next == NULL ? "" : broken ? "," : ", ");
    }
    if (broken) {
        lang_tidy_begin(t, node->close, 0);
    }
    lang_tidy_put(t, broken ? "}" : " }");
}

static const struct lang_binding *binding_of(const struct lang_binding *binding,
                                             const struct lang_param *param)
{
    while (binding != NULL && !lang_name_equal(&binding->name, &param->name)) {
        binding = binding->next;
    }
    return binding;
}

static void tidy_binding(struct tidy *t, const struct lang_binding *binding, bool first)
{
    lang_tidy_put(t, first ? "(" : ", ");
    jit_buf_put(&t->text, binding->name.text, binding->name.size);
    lang_tidy_put(t, " = ");
    lang_print_expr(binding->value, &t->text);
}

/* In the order in which the rule declares them; of a rule that is not there, or has others, in
 * their own. */
static void tidy_call(struct tidy *t, const struct lang_name *name,
                      const struct lang_binding *bindings)
{
    const struct lang_rule_node *rule =
        lang_index_get(&t->p->index, LANG_INDEX_RULE, name->text, name->size);
    uint32_t given = 0;
    uint32_t known = 0;
    for (const struct lang_binding *b = bindings; b != NULL; b = b->next) {
        given++;
    }
    for (const struct lang_param *param = rule == NULL ? NULL : rule->params; param != NULL;
         param = param->next) {
        known += binding_of(bindings, param) != NULL;
    }
    jit_buf_put(&t->text, name->text, name->size);
    if (known == given && rule != NULL) {
        bool first = true;
        for (const struct lang_param *param = rule->params; param != NULL; param = param->next) {
            if (binding_of(bindings, param) != NULL) {
                tidy_binding(t, binding_of(bindings, param), first);
                first = false;
            }
        }
    } else {
        for (const struct lang_binding *b = bindings; b != NULL; b = b->next) {
            tidy_binding(t, b, b == bindings);
        }
    }
    lang_tidy_put(t, given > 0 ? ")" : "");
}

void lang_tidy_process(struct tidy *t, const struct lang_process_node *node)
{
    static bool (*const policies[])(const struct lang_policy *, struct jit_buf *) = {
        lang_print_restart, lang_print_hang, lang_print_keep, lang_print_graph};
    const struct lang_process *process = &node->pub;
    lang_tidy_put(t, "process ");
    lang_tidy_put(t, process->name);
    lang_tidy_put(t, "[");
    lang_put_number(&t->text, process->count);
    lang_tidy_put(t, "]");
    lang_print_exec(process, &t->text);
    if (process->explore > 0) {
        lang_print_explore(process, &t->text);
    } else {
        lang_tidy_put(t, " run ");
    }
    /* `choose` has a line of its own, so what stands above it is not between the rules. */
    const uint32_t end = node->over_at + (process->explore > 0 ? 0 : 1);
    bool broken = node->runs->next != NULL && lang_tidy_breaks(t, node->runs->next->rule.at, end);
    for (const struct lang_run_node *run = node->runs; run != NULL; run = run->next) {
        if (run != node->runs) {
            next_item(t, broken, run->rule.at, 4, ",");
        }
        tidy_call(t, &run->rule, run->bindings);
    }
    if (broken || process->explore > 0) {
        lang_tidy_begin(t, node->over_at, process->explore > 0 ? 2 : 4);
    }
    lang_tidy_put(t, broken || process->explore > 0 ? "" : " ");
    if (process->explore > 0) {
        lang_print_choose(process, &t->text);
        for (const struct lang_score_node *s = node->scores; s != NULL; s = s->next) {
            lang_print_score(&s->pub, s == node->scores, &t->text);
            tidy_call(t, &s->call->rule, s->call->bindings);
            lang_tidy_put(t, ")");
        }
        lang_print_chosen(process, &t->text);
    }
    lang_print_over(process, &t->text);
    struct jit_buf clause;
    jit_buf_init(&clause, t->heap, 256);
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        jit_buf_reset(&clause);
        if (policies[i](&process->policy, &clause)) {
            lang_tidy_begin(t, node->policy_at[i], 2);
            jit_buf_put(&t->text, clause.data, clause.size);
        }
    }
    if (clause.err != JIT_OK) {
        t->p->err = clause.err;
    }
    jit_buf_release(&clause);
}

static void tidy_right(struct tidy *t, const struct lang_right_node *right)
{
    lang_tidy_put(t, lang_right_words[right->pub.kind]);
    for (const struct lang_rule_ref *ref = right->rules; ref != NULL; ref = ref->next) {
        tidy_call(t, &ref->name, ref->bindings);
        lang_tidy_put(t, ref->next == NULL ? " on " : ", ");
    }
    lang_tidy_put(t, right->pub.place.path);
}

void lang_tidy_grant(struct tidy *t, const struct lang_grant_node *node)
{
    const struct lang_right_node *first = node->rights;
    uint32_t second = first != NULL && node->owns != NULL ? node->own_at : node->end;
    for (unsigned i = LANG_NARROW_COUNT; i-- > 0;) {
        second = first != NULL && (node->pub.narrows & 1u << i) != 0 ? node->narrow_at[i] : second;
    }
    second = first != NULL && first->next != NULL ? first->next->at : second;
    bool broken = lang_tidy_breaks(t, second, node->end);
    lang_tidy_put(t, "grant ");
    jit_buf_put(&t->text, node->process.text, node->process.size);
    lang_tidy_put(t, ": ");
    for (const struct lang_right_node *right = first; right != NULL; right = right->next) {
        if (right != first) {
            next_item(t, broken, right->at, 4, ";");
        }
        tidy_right(t, right);
    }
    bool any = first != NULL;
    for (unsigned i = 0; i < LANG_NARROW_COUNT; i++) {
        if ((node->pub.narrows & 1u << i) != 0) {
            if (any) {
                next_item(t, broken, node->narrow_at[i], 4, ";");
            }
            (void)lang_print_narrow(&node->pub, i, &t->text);
            any = true;
        }
    }
    if (node->owns != NULL) {
        if (any) {
            next_item(t, broken, node->own_at, 4, ";");
        }
        lang_print_own_nodes(node, &t->text);
    }
}

/* ---- declarations, in the order of the text ---- */

static void tidy_steps(struct tidy *t, const struct lang_step_node *first, uint32_t indent)
{
    for (const struct lang_step_node *step = first; step != NULL; step = step->next) {
        lang_tidy_begin(t, step->at, indent);
        lang_print_step_word(step->mode, &t->text);
        for (const struct lang_run_node *run = step->runs; run != NULL; run = run->next) {
            lang_tidy_put(t, run == step->runs ? "" : " | ");
            tidy_call(t, &run->rule, run->bindings);
        }
        if (step->mode == RMG_SCRIPT_BLOCK) {
            tidy_steps(t, step->steps, indent + 2);
            lang_tidy_begin(t, step->steps->close, indent);
        }
        lang_print_step_end(step->mode, step->at_most, &t->text);
    }
}

void lang_tidy_script(struct tidy *t, const struct lang_script_node *script)
{
    lang_print_script_head(&script->pub, &t->text);
    tidy_steps(t, script->steps, 2);
    lang_tidy_begin(t, script->steps->close, 0);
    lang_tidy_put(t, "}");
}

/* A text in its canonical form with its comments: lang_tidy().
 *
 * The canonical text is made line by line from what the parse left, each line with the place in the
 * source where what it says begins. So the lines cut the source's tokens into stretches, and a
 * comment belongs where the tokens around it are: behind the line that it follows on its own line,
 * else above the line that comes next; one in the middle of a stretch goes above it. A list with
 * comments between its items has an item a line. What comes out is cut by its own lines in the same
 * way, which is why it is its own tidied text. */
#include <stdlib.h>

#include "rmg/lang/lang_priv.h"

#include "base/check.h"

struct tidy_comment {
    uint32_t at;
    uint32_t size;
    uint32_t prev; /* first byte of the token before it */
    uint32_t next; /* first byte of the token behind it; the end of the source */
    bool first;    /* no token stands before it */
    bool trailing; /* it stands on the line of that token */
    bool blank;    /* an empty line is right before it */
};

struct tidy_line {
    uint32_t source; /* where what it says begins */
    uint32_t indent;
    size_t at;        /* in the text */
    bool declaration; /* its first line */
    bool blank;       /* an empty line is right before its place in the source */
    bool apart;       /* an empty line is to be before it */
};

enum tidy_kind {
    TIDY_SYSTEM,
    TIDY_TYPE,
    TIDY_IMPORT,
    TIDY_RULE,
    TIDY_PROCESS,
    TIDY_GRANT,
    TIDY_SCRIPT
};

struct tidy_declaration {
    uint32_t at;
    enum tidy_kind kind;
    const void *node;
};

struct tidy {
    struct lang_parser *p;
    struct jit_heap *heap;
    struct tidy_comment *comments;
    size_t comment_count, comment_capacity;
    struct tidy_line *lines;
    size_t line_count, line_capacity;
    struct tidy_declaration *declarations;
    size_t declaration_count, declaration_capacity;
    struct jit_buf text; /* of all lines, one behind the other */
};

/* One more at the end of a list; NULL and p->err set: no memory. */
static void *one_more(struct tidy *t, void *list, size_t *count, size_t *capacity, size_t size)
{
    void **data = list;
    if (jit_heap_grow(t->heap, data, capacity, *count + 1, size) != 0) {
        t->p->err = JIT_ENOMEM;
        return NULL;
    }
    uint8_t *at = (uint8_t *)*data + *count * size;
    memset(at, 0, size);
    ++*count;
    return at;
}

/* ---- comments ---- */

/* The comments in source[at, end), where no token is. */
static void gather_gap(struct tidy *t, const struct lang_token *before, uint32_t at,
                       const struct lang_token *next)
{
    const char *source = t->p->source;
    uint32_t breaks = 0;
    while (at < next->at && t->p->err == JIT_OK) {
        if (source[at] != '#') {
            breaks += source[at++] == '\n';
            continue;
        }
        uint32_t end = at;
        while (end < next->at && source[end] != '\n') {
            end++;
        }
        void *list = t->comments;
        struct tidy_comment *comment =
            one_more(t, &list, &t->comment_count, &t->comment_capacity, sizeof *comment);
        t->comments = list;
        if (comment == NULL) {
            return;
        }
        *comment = (struct tidy_comment){.at = at,
                                         .size = end - at,
                                         .prev = before == NULL ? 0 : before->at,
                                         .next = next->at,
                                         .first = before == NULL,
                                         .trailing = before != NULL && breaks == 0,
                                         .blank = breaks > 1};
        while (comment->size > 0 && strchr(" \t\r", source[at + comment->size - 1]) != NULL) {
            comment->size--;
        }
        at = end;
        if (at < next->at) {
            at++;
            breaks = 1;
        }
    }
}

static void gather_comments(struct tidy *t)
{
    struct lang_parser *p = t->p;
    struct lang_token token;
    struct lang_token before = {.kind = LANG_END};
    uint32_t at = p->source_size >= 3 && memcmp(p->source, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    bool any = false;
    do {
        lang_lex(p->source, p->source_size, at, &token);
        gather_gap(t, any ? &before : NULL, at, &token);
        before = token;
        any = true;
        at = token.at + token.size;
    } while (token.kind != LANG_END && p->err == JIT_OK);
}

/* Is there a comment between the items of a list, that is before a token from its second item on,
 * up to its end? Then it has an item a line. */
static bool breaks(const struct tidy *t, uint32_t second, uint32_t end)
{
    for (size_t i = 0; i < t->comment_count; i++) {
        if (t->comments[i].next >= second && t->comments[i].next < end) {
            return true;
        }
    }
    return false;
}

/* An empty line between the place and what is before it. */
static bool blank_before(const struct tidy *t, uint32_t at)
{
    uint32_t count = 0;
    while (at > 0 && strchr(" \t\r\n", t->p->source[at - 1]) != NULL) {
        count += t->p->source[--at] == '\n';
    }
    return count > 1;
}

/* ---- lines ---- */

static void line(struct tidy *t, uint32_t source, uint32_t indent)
{
    void *list = t->lines;
    uint32_t least = t->line_count == 0 ? 0 : t->lines[t->line_count - 1].source;
    struct tidy_line *out = one_more(t, &list, &t->line_count, &t->line_capacity, sizeof *out);
    t->lines = list;
    if (out != NULL) {
        /* What stands elsewhere in the source than in the canonical order has no tokens here. */
        out->source = source < least ? least : source;
        out->indent = indent;
        out->at = t->text.size;
    }
}

static void put(struct tidy *t, const char *text)
{
    lang_put(&t->text, text);
}

/* Between two items of a list: on one line, or the next one on its own. */
static void next_item(struct tidy *t, bool broken, uint32_t source, uint32_t indent,
                      const char *between)
{
    put(t, between);
    if (broken) {
        line(t, source, indent);
    } else {
        put(t, " ");
    }
}

static void tidy_paths(struct tidy *t, const struct lang_path *paths, uint32_t end)
{
    bool broken = paths->next != NULL && breaks(t, paths->next->first->at, end);
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
    bool broken = several && breaks(t, first->next->begin, end);
    line(t, rule->where_at, 2);
    put(t, "where ");
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
    line(t, clause->at, 2);
    lang_print_clause_word(clause, &t->text);
    put(t, " ");
    if (clause->paths != NULL) {
        tidy_paths(t, clause->paths, end);
    }
    bool broken = first != NULL && first->next != NULL && breaks(t, first->next->target.at, end);
    for (const struct lang_assign *assign = first; assign != NULL; assign = assign->next) {
        if (assign != first) {
            next_item(t, broken, assign->target.at, 4, ",");
        }
        lang_print_assign(clause, assign, &t->text);
    }
}

static void tidy_rule(struct tidy *t, const struct lang_rule_node *rule)
{
    const struct lang_clause *clause = rule->clauses;
    lang_print_rule_head(rule, &t->text);
    line(t, rule->match_at, 2);
    put(t, rule->invariant ? "never match " : "match ");
    const uint32_t clauses_at = clause == NULL ? rule->end : clause->at;
    tidy_paths(t, rule->match,
               rule->equals != NULL  ? rule->equals->at
               : rule->where_at != 0 ? rule->where_at
                                     : clauses_at);
    for (const struct lang_equal *equal = rule->equals; equal != NULL; equal = equal->next) {
        line(t, equal->at, 2);
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

static void tidy_type(struct tidy *t, const struct lang_type_node *node)
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
    bool broken = breaks(t, node->fields->at, node->close + 1);
    put(t, broken ? " {" : " { ");
    for (const struct lang_field_node *field = node->fields; field != NULL; field = field->next) {
        if (broken) {
            line(t, field->at, 2);
        }
        lang_print_field(&field->pub, &t->text);
        put(t, field->next == NULL ? "" : broken ? "," : ", ");
    }
    if (broken) {
        line(t, node->close, 0);
    }
    put(t, broken ? "}" : " }");
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
    put(t, first ? "(" : ", ");
    jit_buf_put(&t->text, binding->name.text, binding->name.size);
    put(t, " = ");
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
    put(t, given > 0 ? ")" : "");
}

static void tidy_process(struct tidy *t, const struct lang_process_node *node)
{
    static bool (*const policies[])(const struct lang_policy *, struct jit_buf *) = {
        lang_print_restart, lang_print_hang, lang_print_keep};
    const struct lang_process *process = &node->pub;
    put(t, "process ");
    put(t, process->name);
    put(t, "[");
    lang_put_number(&t->text, process->count);
    put(t, "]");
    lang_print_exec(process, &t->text);
    if (process->explore > 0) {
        lang_print_explore(process, &t->text);
    } else {
        put(t, " run ");
    }
    /* `choose` has a line of its own, so what stands above it is not between the rules. */
    const uint32_t end = node->over_at + (process->explore > 0 ? 0 : 1);
    bool broken = node->runs->next != NULL && breaks(t, node->runs->next->rule.at, end);
    for (const struct lang_run_node *run = node->runs; run != NULL; run = run->next) {
        if (run != node->runs) {
            next_item(t, broken, run->rule.at, 4, ",");
        }
        tidy_call(t, &run->rule, run->bindings);
    }
    if (broken || process->explore > 0) {
        line(t, node->over_at, process->explore > 0 ? 2 : 4);
    }
    put(t, broken || process->explore > 0 ? "" : " ");
    if (process->explore > 0) {
        lang_print_choose(process, &t->text);
        for (const struct lang_score_node *s = node->scores; s != NULL; s = s->next) {
            lang_print_score(&s->pub, s == node->scores, &t->text);
            tidy_call(t, &s->call->rule, s->call->bindings);
            put(t, ")");
        }
        lang_print_chosen(process, &t->text);
    }
    lang_print_over(process, &t->text);
    struct jit_buf clause;
    jit_buf_init(&clause, t->heap, 256);
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        jit_buf_reset(&clause);
        if (policies[i](&process->policy, &clause)) {
            line(t, node->policy_at[i], 2);
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
    put(t, lang_right_words[right->pub.kind]);
    for (const struct lang_rule_ref *ref = right->rules; ref != NULL; ref = ref->next) {
        tidy_call(t, &ref->name, ref->bindings);
        put(t, ref->next == NULL ? " on " : ", ");
    }
    put(t, right->pub.place.path);
}

static void tidy_grant(struct tidy *t, const struct lang_grant_node *node)
{
    const struct lang_right_node *first = node->rights;
    uint32_t second = first != NULL && node->owns != NULL ? node->own_at : node->end;
    for (unsigned i = LANG_NARROW_COUNT; i-- > 0;) {
        second = first != NULL && (node->pub.narrows & 1u << i) != 0 ? node->narrow_at[i] : second;
    }
    second = first != NULL && first->next != NULL ? first->next->at : second;
    bool broken = breaks(t, second, node->end);
    put(t, "grant ");
    jit_buf_put(&t->text, node->process.text, node->process.size);
    put(t, ": ");
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
        line(t, step->at, indent);
        lang_print_step_word(step->mode, &t->text);
        for (const struct lang_run_node *run = step->runs; run != NULL; run = run->next) {
            put(t, run == step->runs ? "" : " | ");
            tidy_call(t, &run->rule, run->bindings);
        }
        if (step->mode == RMG_SCRIPT_BLOCK) {
            tidy_steps(t, step->steps, indent + 2);
            line(t, step->steps->close, indent);
        }
        lang_print_step_end(step->mode, step->at_most, &t->text);
    }
}

static void tidy_script(struct tidy *t, const struct lang_script_node *script)
{
    lang_print_script_head(&script->pub, &t->text);
    tidy_steps(t, script->steps, 2);
    line(t, script->steps->close, 0);
    put(t, "}");
}

/* A declaration of several lines stands by itself. */
static bool is_apart(enum tidy_kind kind)
{
    return kind == TIDY_RULE || kind == TIDY_SCRIPT;
}

static bool declare(struct tidy *t, uint32_t at, enum tidy_kind kind, const void *node)
{
    void *list = t->declarations;
    struct tidy_declaration *declaration =
        one_more(t, &list, &t->declaration_count, &t->declaration_capacity, sizeof *declaration);
    t->declarations = list;
    if (declaration != NULL) {
        *declaration = (struct tidy_declaration){at, kind, node};
    }
    return declaration != NULL;
}

static int by_place(const void *a, const void *b)
{
    const struct tidy_declaration *x = a;
    const struct tidy_declaration *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static bool gather_declarations(struct tidy *t)
{
    const struct lang_parser *p = t->p;
    bool good = declare(t, p->system_at, TIDY_SYSTEM, NULL);
    for (const struct lang_type_node *n = p->types; good && n != NULL; n = n->next) {
        good = declare(t, n->at, TIDY_TYPE, n);
    }
    for (const struct lang_import_node *n = p->imports; good && n != NULL; n = n->next) {
        good = declare(t, n->at, TIDY_IMPORT, n);
    }
    for (const struct lang_rule_node *n = p->rules; good && n != NULL; n = n->next) {
        good = declare(t, n->at, TIDY_RULE, n);
    }
    for (const struct lang_rule_node *n = p->invariants; good && n != NULL; n = n->next) {
        good = declare(t, n->at, TIDY_RULE, n);
    }
    for (const struct lang_process_node *n = p->processes; good && n != NULL; n = n->next) {
        good = declare(t, n->at, TIDY_PROCESS, n);
    }
    for (const struct lang_grant_node *n = p->grants; good && n != NULL; n = n->next) {
        good = declare(t, n->at, TIDY_GRANT, n);
    }
    for (const struct lang_script_node *n = p->scripts; good && n != NULL; n = n->next) {
        good = declare(t, n->at, TIDY_SCRIPT, n);
    }
    if (good) {
        qsort(t->declarations, t->declaration_count, sizeof *t->declarations, by_place);
    }
    return good;
}

static void tidy_system(struct tidy *t)
{
    put(t, t->p->is_schema ? "schema " : "system ");
    jit_buf_put(&t->text, t->p->system_name.text, t->p->system_name.size);
}

static void tidy_declaration(struct tidy *t, size_t index)
{
    const struct tidy_declaration *declaration = &t->declarations[index];
    line(t, declaration->at, 0);
    if (t->p->err != JIT_OK) {
        return;
    }
    struct tidy_line *first = &t->lines[t->line_count - 1];
    first->declaration = true;
    first->blank = blank_before(t, declaration->at);
    first->apart =
        index > 0 && (is_apart(declaration->kind) || is_apart(t->declarations[index - 1].kind));
    switch (declaration->kind) {
    case TIDY_SYSTEM:
        tidy_system(t);
        break;
    case TIDY_TYPE:
        tidy_type(t, declaration->node);
        break;
    case TIDY_IMPORT:
        lang_print_import(&((const struct lang_import_node *)declaration->node)->pub, &t->text);
        break;
    case TIDY_RULE:
        tidy_rule(t, declaration->node);
        break;
    case TIDY_PROCESS:
        tidy_process(t, declaration->node);
        break;
    case TIDY_GRANT:
        tidy_grant(t, declaration->node);
        break;
    case TIDY_SCRIPT:
        tidy_script(t, declaration->node);
        break;
    }
}

/* ---- lines and comments together ---- */

/* The last line that begins at or before a place; line_count behind the last token. */
static size_t line_of(const struct tidy *t, uint32_t at, size_t from)
{
    size_t i = from;
    if (at >= t->p->source_size) {
        return t->line_count;
    }
    while (i + 1 < t->line_count && t->lines[i + 1].source <= at) {
        i++;
    }
    return i;
}

static void put_line(struct jit_buf *out, uint32_t indent, const void *text, size_t size)
{
    for (uint32_t i = 0; i < indent; i++) {
        lang_put(out, " ");
    }
    jit_buf_put(out, text, size);
    lang_put(out, "\n");
}

static void put_comment(const struct tidy *t, const struct tidy_comment *comment, uint32_t indent,
                        struct jit_buf *out)
{
    put_line(out, indent, t->p->source + comment->at, comment->size);
}

/* The comments from *next on that belong above line i. */
static void put_above(const struct tidy *t, size_t i, size_t *next, struct jit_buf *out)
{
    bool last = i == t->line_count;
    bool outer = last || t->lines[i].declaration;
    bool apart = !last && t->lines[i].apart;
    size_t begin = out->size;
    for (; *next < t->comment_count; ++*next) {
        const struct tidy_comment *comment = &t->comments[*next];
        if (line_of(t, comment->next, i < t->line_count ? i : t->line_count - 1) != i) {
            break;
        }
        bool first = out->size == begin;
        if (out->size > 0 && outer && (comment->blank || (first && apart))) {
            lang_put(out, "\n");
        }
        put_comment(t, comment, last ? 0 : t->lines[i].indent, out);
    }
    bool first = out->size == begin;
    if (!last && outer && out->size > 0 && (t->lines[i].blank || (first && apart))) {
        lang_put(out, "\n");
    }
}

static void put_all(const struct tidy *t, struct jit_buf *out)
{
    size_t next = 0;
    for (size_t i = 0; i < t->line_count; i++) {
        const struct tidy_line *at = &t->lines[i];
        size_t end = i + 1 < t->line_count ? t->lines[i + 1].at : t->text.size;
        put_above(t, i, &next, out);
        put_line(out, at->indent, t->text.data + at->at, end - at->at);
        const struct tidy_comment *comment = next < t->comment_count ? &t->comments[next] : NULL;
        if (comment != NULL && comment->trailing && line_of(t, comment->prev, i) == i &&
            out->err == JIT_OK) {
            out->size--; /* the line goes on */
            lang_put(out, "  ");
            put_comment(t, comment, 0, out);
            next++;
        }
    }
    put_above(t, t->line_count, &next, out);
    assert(out->err != JIT_OK || next == t->comment_count);
}

static enum jit_err tidy(struct lang_parser *p, struct jit_buf *out)
{
    struct tidy t = {.p = p, .heap = p->arena->heap};
    jit_buf_init(&t.text, t.heap, out->size_max);
    gather_comments(&t);
    if (p->err == JIT_OK && gather_declarations(&t)) {
        for (size_t i = 0; i < t.declaration_count && p->err == JIT_OK; i++) {
            tidy_declaration(&t, i);
        }
    }
    enum jit_err err = p->err != JIT_OK ? p->err : t.text.err;
    if (err == JIT_OK) {
        put_all(&t, out);
        err = out->err;
    }
    jit_buf_release(&t.text);
    t.heap->free(t.heap, t.comments);
    t.heap->free(t.heap, t.lines);
    t.heap->free(t.heap, t.declarations);
    return err;
}

enum jit_err lang_tidy(struct jit_heap *heap, const char *file, const uint8_t *source,
                       size_t source_size, struct jit_buf *out, struct jit_buf *messages)
{
    struct lang_arena arena = {.heap = heap};
    enum jit_err err = JIT_ENOMEM;
    assert(heap != NULL);
    assert(source != NULL || source_size == 0);
    struct lang_parser *p = lang_alloc(&arena, 1, sizeof *p);
    if (p != NULL) {
        p->arena = &arena;
        p->file = file;
        p->text_only = true;
        p->source = source == NULL ? "" : (const char *)source;
        p->source_size = source_size > LANG_SOURCE_BYTES_MAX ? 0 : (uint32_t)source_size;
        bool good = lang_parse_begin(p, source_size) && lang_parse_file(p) && p->error_count == 0;
        if (good) {
            err = tidy(p, out);
        } else if (p->err == JIT_OK) {
            lang_render(p, messages);
            err = JIT_EFORMAT;
        }
    }
    lang_arena_release(&arena);
    return err;
}

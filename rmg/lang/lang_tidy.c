/* A text in its canonical form with its comments: lang_tidy().
 *
 * The canonical text is made line by line from what the parse left, each line with the place in the
 * source where what it says begins. So the lines cut the source's tokens into stretches, and a
 * comment belongs where the tokens around it are: behind the line that it follows on its own line,
 * else above the line that comes next; one in the middle of a stretch goes above it. A list with
 * comments between its items has an item a line. What comes out is cut by its own lines in the same
 * way, which is why it is its own tidied text. */
#include "rmg/lang/lang_tidy_priv.h"

#include <stdlib.h>

#include "base/check.h"
#include "rmg/lang/lang_priv.h"

void *lang_tidy_more(struct tidy *t, void *list, size_t *count, size_t *capacity, size_t size)
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
            lang_tidy_more(t, &list, &t->comment_count, &t->comment_capacity, sizeof *comment);
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

bool lang_tidy_breaks(const struct tidy *t, uint32_t second, uint32_t end)
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

/* A declaration of several lines stands by itself. */
static bool is_apart(enum tidy_kind kind)
{
    return kind == TIDY_RULE || kind == TIDY_SCRIPT;
}

static bool declare(struct tidy *t, uint32_t at, enum tidy_kind kind, const void *node)
{
    void *list = t->declarations;
    struct tidy_declaration *declaration = lang_tidy_more(
        t, &list, &t->declaration_count, &t->declaration_capacity, sizeof *declaration);
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
    lang_tidy_put(t, t->p->is_schema ? "schema " : "system ");
    jit_buf_put(&t->text, t->p->system_name.text, t->p->system_name.size);
}

static void tidy_declaration(struct tidy *t, size_t index)
{
    const struct tidy_declaration *declaration = &t->declarations[index];
    lang_tidy_begin(t, declaration->at, 0);
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
        lang_tidy_type(t, declaration->node);
        break;
    case TIDY_IMPORT:
        lang_print_import(&((const struct lang_import_node *)declaration->node)->pub, &t->text);
        break;
    case TIDY_RULE:
        lang_tidy_rule(t, declaration->node);
        break;
    case TIDY_PROCESS:
        lang_tidy_process(t, declaration->node);
        break;
    case TIDY_GRANT:
        lang_tidy_grant(t, declaration->node);
        break;
    case TIDY_SCRIPT:
        lang_tidy_script(t, declaration->node);
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

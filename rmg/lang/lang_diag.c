/* Messages about a text: where, what, the line with a caret, and what to write instead. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rmg/lang/lang_format_priv.h"

#include "base/check.h"

#define MESSAGE_BYTES_MAX 600u
#define SHOW_BYTES_BEFORE 72u /* of a long line, around the place */
#define SHOW_BYTES_AFTER  72u
#define NEAREST_BYTES_MAX 64u /* longer names are not compared */

bool lang_no_memory(struct lang_parser *p)
{
    p->err = JIT_ENOMEM;
    return false;
}

static const char *print_copy(struct lang_parser *p, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static const char *print_copy(struct lang_parser *p, const char *format, va_list args)
{
    char text[MESSAGE_BYTES_MAX];
    int size = vsnprintf(text, sizeof text, format, args);
    assert(size >= 0);
    if ((size_t)size >= sizeof text) {
        size = (int)sizeof text - 1;
        while (size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80) {
            size--; /* never cut a character */
        }
    }
    const char *copy = lang_copy(p->arena, text, (size_t)size);
    if (copy == NULL) {
        lang_no_memory(p);
    }
    return copy;
}

bool lang_fail(struct lang_parser *p, uint32_t at, uint32_t size, const char *format, ...)
{
    assert(at <= p->source_size);
    assert(size <= p->source_size - at);
    p->last_error = NULL;
    if (lang_stopped(p)) {
        return false;
    }
    for (uint32_t i = 0; i < p->error_count; i++) {
        if (p->errors[i].at == at) {
            return false;
        }
    }
    va_list args;
    va_start(args, format);
    const char *text = print_copy(p, format, args);
    va_end(args);
    if (text != NULL) {
        p->last_error = &p->errors[p->error_count++];
        *p->last_error = (struct lang_error){.at = at, .size = size, .text = text};
    }
    return false;
}

bool lang_help(struct lang_parser *p, const char *format, ...)
{
    if (p->last_error == NULL || p->err != JIT_OK) {
        return false;
    }
    va_list args;
    va_start(args, format);
    p->last_error->help = print_copy(p, format, args);
    va_end(args);
    return false;
}

bool lang_refuse(struct lang_parser *p, uint32_t at, uint32_t size, const char *what,
                 const char *instead)
{
    /* A description stands as it is, words of the language in quotes. */
    bool described = strncmp(what, "a ", 2) == 0 || strncmp(what, "an ", 3) == 0 ||
                     strncmp(what, "several ", 8) == 0 || what[0] == '{';
    const char *quote = described ? "" : "`";
    lang_fail(p, at, size, "%s%s%s is not in language version %u yet", quote, what, quote,
              LANG_VERSION);
    if (instead != NULL) {
        lang_help(p, "%s", instead);
    }
    return false;
}

/* Something is missing at the end of a line: the place is there, not at the next line's begin. */
static bool missing_at_line_end(const struct lang_parser *p)
{
    return p->end > 0 && memchr(p->source + p->end, '\n', p->token.at - p->end) != NULL;
}

bool lang_expected(struct lang_parser *p, const char *what)
{
    const struct lang_token *token = &p->token;
    if (token->kind == LANG_BAD) {
        lang_fail(p, token->at, token->size, "%s", token->message);
        if (token->help != NULL) {
            lang_help(p, "%s", token->help);
        }
        return false;
    }
    uint32_t at = missing_at_line_end(p) ? p->end : token->at;
    if (token->kind == LANG_END) {
        return lang_fail(p, at, 0, "expected %s, found the end of the file", what);
    }
    int shown = token->size > 40 ? 40 : (int)token->size;
    while (shown > 0 && shown < (int)token->size &&
           ((uint8_t)p->source[token->at + (uint32_t)shown] & 0xc0) == 0x80) {
        shown--;
    }
    const char *open = token->kind == LANG_QUOTED ? "" : "`";
    const char *close = shown < (int)token->size ? "...`" : open;
    return lang_fail(p, at, at == token->at ? token->size : 0, "expected %s, found %s%.*s%s", what,
                     open, shown, p->source + token->at, close);
}

/* ---- positions ---- */

/* Moves the parser's mark to the line of `at`; the text is read forward once in most parses. */
static uint32_t line_begin(struct lang_parser *p, uint32_t at)
{
    assert(at <= p->source_size);
    if (p->line == 0 || at < p->line_at) {
        p->line = 1;
        p->line_at = 0;
    }
    for (;;) {
        const char *from = p->source + p->line_at;
        const char *end = at > p->line_at ? memchr(from, '\n', at - p->line_at) : NULL;
        if (end == NULL) {
            return p->line_at;
        }
        p->line_at += (uint32_t)(end - from) + 1;
        p->line++;
    }
}

struct lang_pos lang_position(struct lang_parser *p, uint32_t at)
{
    uint32_t column = 1;
    for (uint32_t i = line_begin(p, at); i < at; i++) {
        column += ((uint8_t)p->source[i] & 0xc0) != 0x80;
    }
    return (struct lang_pos){.line = p->line, .column = column};
}

/* ---- showing ---- */

/* One character of the source, valid UTF-8 or not: its bytes and its code (or -1). */
static uint32_t char_at(const char *text, uint32_t left, int32_t *code)
{
    uint8_t lead = (uint8_t)text[0];
    uint32_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size == 0 || size > left || !rmg_utf8_valid((const uint8_t *)text, size)) {
        *code = -1;
        return 1;
    }
    static const uint8_t lead_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    *code = lead & lead_mask[size];
    for (uint32_t i = 1; i < size; i++) {
        *code = *code << 6 | ((uint8_t)text[i] & 0x3f);
    }
    return size;
}

static bool invisible(int32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xfeff;
}

/* Cells on a terminal, near enough to put a caret under the right place. */
static unsigned cells_of(int32_t code)
{
    static const int32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
                                      {0xf900, 0xfaff}, {0xfe30, 0xfe6f},   {0xff00, 0xff60},
                                      {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
    if (code >= 0x300 && code <= 0x36f) {
        return 0;
    }
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (code >= wide[i][0] && code <= wide[i][1]) {
            return 2;
        }
    }
    return 1;
}

/* Text from outside as it may go to a terminal: what controls it becomes `?`. */
static void put_shown(struct jit_buf *out, const char *text, uint32_t size)
{
    for (uint32_t i = 0, step = 0; i < size; i += step) {
        int32_t code = 0;
        step = char_at(text + i, size - i, &code);
        if (code != '\t' && invisible(code)) {
            jit_buf_put_u8(out, '?');
        } else {
            jit_buf_put(out, text + i, step);
        }
    }
}

static void put_repeated(struct jit_buf *out, char c, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        jit_buf_put_u8(out, (uint8_t)c);
    }
}

static uint32_t char_begin(const char *source, uint32_t from, uint32_t at)
{
    while (at > from && ((uint8_t)source[at] & 0xc0) == 0x80) {
        at--;
    }
    return at;
}

/* The line, cut to what is near the place, and the caret under it; of an empty line, as at the end
 * of most files, there is nothing to show. */
static void put_line(struct lang_parser *p, const struct lang_error *error, struct jit_buf *out)
{
    uint32_t from = line_begin(p, error->at);
    const char *newline = memchr(p->source + error->at, '\n', p->source_size - error->at);
    uint32_t to = newline == NULL ? p->source_size : (uint32_t)(newline - p->source);
    if (to > from && p->source[to - 1] == '\r' && to > error->at) {
        to--;
    }
    if (to == from) {
        return;
    }
    bool cut_before = error->at - from > SHOW_BYTES_BEFORE;
    if (cut_before) {
        from = char_begin(p->source, from, error->at - SHOW_BYTES_BEFORE);
    }
    bool cut_after = to - error->at > SHOW_BYTES_AFTER;
    if (cut_after) {
        to = char_begin(p->source, error->at, error->at + SHOW_BYTES_AFTER);
    }
    lang_put(out, cut_before ? "  ..." : "  ");
    put_shown(out, p->source + from, to - from);
    lang_put(out, cut_after ? "...\n  " : "\n  ");
    put_repeated(out, ' ', cut_before ? 3 : 0);
    uint32_t marked_end = error->at + error->size < to ? error->at + error->size : to;
    bool caret = false;
    for (uint32_t i = from, step = 0; i < to; i += step) {
        int32_t code = 0;
        step = char_at(p->source + i, to - i, &code);
        unsigned cells = code == '\t' || invisible(code) ? 1 : cells_of(code);
        if (i < error->at) {
            put_repeated(out, code == '\t' ? '\t' : ' ', cells);
        } else if (!caret) {
            jit_buf_put_u8(out, '^');
            caret = true;
            put_repeated(out, '~', cells > 1 ? cells - 1 : 0);
        } else if (i < marked_end) {
            put_repeated(out, '~', cells);
        } else {
            break;
        }
    }
    lang_put(out, caret ? "\n" : "^\n");
}

static int by_place(const void *a, const void *b)
{
    const struct lang_error *left = a;
    const struct lang_error *right = b;
    return left->at < right->at ? -1 : left->at > right->at;
}

void lang_render(struct lang_parser *p, struct jit_buf *messages)
{
    /* Places are unique, so the order is too. */
    qsort(p->errors, p->error_count, sizeof p->errors[0], by_place);
    for (uint32_t i = 0; i < p->error_count; i++) {
        const struct lang_error *error = &p->errors[i];
        struct lang_pos pos = lang_position(p, error->at);
        put_shown(messages, p->file, (uint32_t)strlen(p->file));
        jit_buf_put_u8(messages, ':');
        lang_put_number(messages, pos.line);
        jit_buf_put_u8(messages, ':');
        lang_put_number(messages, pos.column);
        lang_put(messages, ": error: ");
        put_shown(messages, error->text, (uint32_t)strlen(error->text));
        jit_buf_put_u8(messages, '\n');
        put_line(p, error, messages);
        if (error->help != NULL) {
            lang_put(messages, "  help: ");
            put_shown(messages, error->help, (uint32_t)strlen(error->help));
            jit_buf_put_u8(messages, '\n');
        }
    }
    if (p->error_count == LANG_ERRORS_MAX) {
        lang_put(messages, "too many errors: the rest of the text was not judged\n");
    }
}

/* ---- did you mean ---- */

struct lang_nearest lang_nearest_to(const char *query, uint32_t size)
{
    /* A third of the letters may differ. */
    uint32_t differ = size < 2 ? 0 : size < 4 ? 1 : size / 3;
    return (struct lang_nearest){.query = query, .query_size = size, .best_distance = differ + 1};
}

static uint8_t folded(char c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, change, swap two neighbours) from one name to the other, case aside. */
static uint32_t distance(const char *a, uint32_t a_size, const char *b, uint32_t b_size)
{
    uint32_t rows[3][NEAREST_BYTES_MAX + 1];
    for (uint32_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (uint32_t i = 1; i <= a_size; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3];
        const uint32_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= b_size; j++) {
            uint32_t change = folded(a[i - 1]) != folded(b[j - 1]);
            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + change);
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                folded(a[i - 2]) == folded(b[j - 1])) {
                row[j] = least(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

void lang_nearest_try(struct lang_nearest *nearest, const char *name, uint32_t size)
{
    uint32_t apart =
        size > nearest->query_size ? size - nearest->query_size : nearest->query_size - size;
    if (size > NEAREST_BYTES_MAX || nearest->query_size > NEAREST_BYTES_MAX ||
        apart >= nearest->best_distance) {
        return;
    }
    uint32_t found = distance(nearest->query, nearest->query_size, name, size);
    if (found < nearest->best_distance) {
        nearest->best_distance = found;
        nearest->best = name;
    }
}

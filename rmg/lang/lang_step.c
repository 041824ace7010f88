/* Small steps that every part of the parser takes: tokens, names, paths, codecs. */
#include "rmg/lang/lang_format_priv.h"

#include "base/check.h"
#include "base/hash.h"

/* Words that cannot name a rule, process, element or parameter: where one of them stands instead of
 * a name, the name was forgotten. All others have their meaning from their place alone. */
static const char *const reserved_words[] = {
    "system", "type",  "edge",   "import", "rule",   "invariant", "process", "grant",
    "match",  "where", "create", "delete", "detach", "set",       "add",     "raise",
    "lower",  "put",   "and",    "or",     "not",    "true",      "false"};

bool lang_is_reserved(const char *text, uint32_t size)
{
    for (size_t i = 0; i < sizeof reserved_words / sizeof reserved_words[0]; i++) {
        if (strlen(reserved_words[i]) == size && memcmp(reserved_words[i], text, size) == 0) {
            return true;
        }
    }
    return false;
}

void lang_next(struct lang_parser *p)
{
    p->end = p->token.at + p->token.size;
    lang_lex(p->source, p->source_size, p->end, &p->token);
}

struct lang_token lang_peek(const struct lang_parser *p, uint32_t count)
{
    struct lang_token token = p->token;
    for (uint32_t i = 0; i < count; i++) {
        lang_lex(p->source, p->source_size, token.at + token.size, &token);
    }
    return token;
}

bool lang_is_word(const struct lang_parser *p, const struct lang_token *token, const char *word)
{
    return token->kind == LANG_NAME && strlen(word) == token->size &&
           memcmp(p->source + token->at, word, token->size) == 0;
}

bool lang_at_word(const struct lang_parser *p, const char *word)
{
    return lang_is_word(p, &p->token, word);
}

bool lang_take_word(struct lang_parser *p, const char *word)
{
    if (!lang_at_word(p, word)) {
        return false;
    }
    lang_next(p);
    return true;
}

bool lang_take(struct lang_parser *p, uint32_t kind)
{
    if (p->token.kind != kind) {
        return false;
    }
    lang_next(p);
    return true;
}

bool lang_expect(struct lang_parser *p, uint32_t kind, const char *what)
{
    return lang_take(p, kind) || lang_expected(p, what);
}

static bool take_any_name(struct lang_parser *p, struct lang_name *out)
{
    uint32_t quote = p->token.kind == LANG_QUOTED;
    uint32_t size = p->token.size - 2 * quote;
    if (size > JIT_NAME_BYTES_MAX) {
        return lang_fail(p, p->token.at, p->token.size,
                         "a name has at most %u bytes, this one has %u", JIT_NAME_BYTES_MAX, size);
    }
    char *text = lang_copy(p->arena, p->source + p->token.at + quote, size);
    if (text == NULL) {
        return lang_no_memory(p);
    }
    *out = (struct lang_name){.text = text, .size = size, .at = p->token.at, .span = p->token.size};
    lang_next(p);
    return true;
}

bool lang_take_name(struct lang_parser *p, const char *what, struct lang_name *out)
{
    if (p->token.kind == LANG_QUOTED) {
        lang_expected(p, what);
        return lang_help(p, "only types and fields may have quoted names");
    }
    if (p->token.kind != LANG_NAME) {
        return lang_expected(p, what);
    }
    if (lang_is_reserved(p->source + p->token.at, p->token.size)) {
        lang_expected(p, what);
        return lang_help(p, "`%.*s` is a word of the language and cannot be a name",
                         (int)p->token.size, p->source + p->token.at);
    }
    return take_any_name(p, out);
}

bool lang_take_label(struct lang_parser *p, const char *what, struct lang_name *out)
{
    if (p->token.kind != LANG_QUOTED && p->token.kind != LANG_NAME) {
        return lang_expected(p, what);
    }
    return take_any_name(p, out);
}

static bool path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
}

/* Every part of a path has 1 to 255 bytes; the label "warp:" + path of its instance is bounded too.
 */
static bool path_valid(const char *path, uint32_t size)
{
    uint32_t part = 0;
    if (size > JIT_LABEL_BYTES_MAX) {
        return false;
    }
    for (uint32_t i = 1; i < size; i++) {
        part = path[i] == '/' ? 0 : part + 1;
        if (part > JIT_NAME_BYTES_MAX || (part == 0 && path[i - 1] == '/')) {
            return false;
        }
    }
    return size == 1 || path[size - 1] != '/';
}

bool lang_take_path(struct lang_parser *p, const char *what, struct lang_place *out)
{
    /* A path may look like a comment of another language: `//` is a bad token. */
    if (p->token.kind == LANG_END || p->source[p->token.at] != '/') {
        lang_expected(p, what);
        return p->token.kind == LANG_NAME || p->token.kind == LANG_TEXT
                   ? lang_help(p, "a path begins with / and has no quotes: /world")
                   : false;
    }
    uint32_t at = p->token.at;
    uint32_t end = at;
    while (end < p->source_size && path_char(p->source[end])) {
        end++;
    }
    if (!path_valid(p->source + at, end - at)) {
        lang_fail(p, at, end - at, "this is not the path of an instance");
        return lang_help(p, "a path is / or /name/name, each name of 1 to %u bytes, %u in all",
                         JIT_NAME_BYTES_MAX, JIT_LABEL_BYTES_MAX);
    }
    char *path = lang_copy(p->arena, p->source + at, end - at);
    if (path == NULL) {
        return lang_no_memory(p);
    }
    out->path = path;
    jit_hash_named("warp:", path, end - at, &out->instance);
    p->end = end;
    lang_lex(p->source, p->source_size, end, &p->token);
    return true;
}

static const char codec_list[] = "bool, i64, f64, f32, text, bytes, id, list";

/* What other languages call them, or people who type in a hurry. */
static bool unknown_codec(struct lang_parser *p)
{
    static const char *const foreign[][2] = {
        {"int", "i64"},     {"integer", "i64"}, {"i32", "i64"},    {"u64", "i64"},
        {"long", "i64"},    {"float", "f64"},   {"double", "f64"}, {"real", "f64"},
        {"string", "text"}, {"str", "text"},    {"char", "text"},  {"boolean", "bool"},
        {"blob", "bytes"}};
    const char *text = p->source + p->token.at;
    struct lang_nearest nearest = lang_nearest_to(text, p->token.size);
    for (int codec = RMG_CODEC_BOOL; codec <= RMG_CODEC_LIST; codec++) {
        const char *name = rmg_codec_name((enum rmg_codec)codec);
        lang_nearest_try(&nearest, name, (uint32_t)strlen(name));
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        lang_nearest_try(&nearest, foreign[i][0], (uint32_t)strlen(foreign[i][0]));
    }
    const char *meant = nearest.best;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (meant == foreign[i][0]) {
            meant = foreign[i][1];
        }
    }
    lang_fail(p, p->token.at, p->token.size, "there is no codec `%.*s`",
              p->token.size > 60 ? 60 : (int)p->token.size, text);
    return meant != NULL ? lang_help(p, "write `%s`; the codecs are %s", meant, codec_list)
                         : lang_help(p, "the codecs are %s", codec_list);
}

bool lang_take_codec(struct lang_parser *p, enum rmg_codec *out)
{
    if (p->token.kind != LANG_NAME) {
        lang_expected(p, "a codec");
        return lang_help(p, "the codecs are %s", codec_list);
    }
    *out = rmg_codec_of_name(p->source + p->token.at, p->token.size);
    if (*out == RMG_CODEC_NONE) {
        return unknown_codec(p);
    }
    lang_next(p);
    return true;
}

bool lang_take_list_codec(struct lang_parser *p, enum rmg_codec *out, enum rmg_codec *element)
{
    *element = RMG_CODEC_NONE;
    if (!lang_take_codec(p, out)) {
        return false;
    }
    if (*out != RMG_CODEC_LIST || !lang_take(p, LANG_C('<'))) {
        return true;
    }
    return lang_take_codec(p, element) && lang_expect(p, LANG_C('>'), "`>` behind the codec");
}

void lang_put_codec(enum rmg_codec codec, enum rmg_codec element, struct jit_buf *out)
{
    lang_put(out, rmg_codec_name(codec));
    if (element != RMG_CODEC_NONE) {
        lang_put(out, "<");
        lang_put(out, rmg_codec_name(element));
        lang_put(out, ">");
    }
}

void lang_type_id(const struct lang_name *name, struct jit_id *out)
{
    jit_hash_named("type:", name->text, name->size, out);
}

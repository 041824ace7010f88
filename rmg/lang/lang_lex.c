/* Tokens: read on demand from an offset, so that looking ahead is reading on. */
#include "rmg/lang/lang_priv.h"

#include "base/check.h"

struct lexer {
    const char *source;
    uint32_t size;
    uint32_t at;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char look(const struct lexer *lex, uint32_t ahead)
{
    return ahead < lex->size - lex->at ? lex->source[lex->at + ahead] : '\0';
}

static void skip_blank(struct lexer *lex)
{
    while (lex->at < lex->size) {
        char c = lex->source[lex->at];
        if (c == '#') {
            while (lex->at < lex->size && lex->source[lex->at] != '\n') {
                lex->at++;
            }
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            lex->at++;
        } else {
            return;
        }
    }
}

static void bad(struct lang_token *out, const char *message, const char *help)
{
    out->kind = LANG_BAD;
    out->message = message;
    out->help = help;
}

static void skip_digits(struct lexer *lex)
{
    while (is_digit(look(lex, 0))) {
        lex->at++;
    }
}

static void lex_number(struct lexer *lex, struct lang_token *out)
{
    out->kind = LANG_INTEGER;
    skip_digits(lex);
    if (look(lex, 0) == '.') {
        lex->at++;
        out->kind = LANG_FLOAT;
        if (!is_digit(look(lex, 0))) {
            bad(out, "a number needs digits behind its point", "write 1.0 for example");
            return;
        }
        skip_digits(lex);
    }
    if (look(lex, 0) == 'e' || look(lex, 0) == 'E') {
        uint32_t sign = look(lex, 1) == '+' || look(lex, 1) == '-';
        if (is_digit(look(lex, 1 + sign))) {
            lex->at += 1 + sign;
            out->kind = LANG_FLOAT;
            skip_digits(lex);
        }
    }
    if (is_letter(look(lex, 0)) || (look(lex, 0) == '.' && is_digit(look(lex, 1)))) {
        while (is_letter(look(lex, 0)) || is_digit(look(lex, 0)) || look(lex, 0) == '.') {
            lex->at++;
        }
        bad(out, "this is neither a number nor a name",
            "numbers are written 42, 0.5 or 1e9; names begin with a letter");
    }
}

/* "..." with \" \\ \n \t \r \u{HEX}; the escapes are judged when the value is wanted. */
static void lex_text(struct lexer *lex, struct lang_token *out)
{
    lex->at++;
    for (;;) {
        char c = look(lex, 0);
        if (lex->at == lex->size || c == '\n') {
            bad(out, "this text has no closing \"",
                "a text ends on its line; write \\n for a line break in it");
            return;
        }
        if ((uint8_t)c < 0x20 && c != '\t') {
            bad(out, "a control character stands in this text", "write it as \\u{HEX}");
        }
        lex->at++;
        if (c == '"') {
            break;
        }
        if (c == '\\' && lex->at < lex->size && look(lex, 0) != '\n') {
            lex->at++;
        }
    }
    if (out->kind != LANG_BAD) {
        out->kind = LANG_TEXT;
    }
}

static void lex_quoted(struct lexer *lex, struct lang_token *out)
{
    lex->at++;
    out->kind = LANG_QUOTED;
    while (look(lex, 0) != '`') {
        if (lex->at == lex->size || look(lex, 0) == '\n') {
            bad(out, "this quoted name has no closing `", "a quoted name ends on its line");
            return;
        }
        if ((uint8_t)look(lex, 0) < 0x20 || look(lex, 0) == 0x7f) {
            bad(out, "a control character stands in this name", NULL);
        }
        lex->at++;
    }
    lex->at++;
    if (lex->at - out->at == 2) {
        bad(out, "a name has at least one character", NULL);
    }
}

static void lex_single_quote(struct lexer *lex, struct lang_token *out)
{
    lex->at++;
    while (lex->at < lex->size && look(lex, 0) != '\n' && look(lex, 0) != '\'') {
        lex->at++;
    }
    lex->at += lex->at < lex->size && look(lex, 0) == '\'';
    bad(out, "texts are written in double quotes", "write \"...\" instead of '...'");
}

static void lex_foreign(struct lexer *lex, struct lang_token *out)
{
    bool letter = ((uint8_t)look(lex, 0) & 0x80) != 0;
    lex->at++;
    while (((uint8_t)look(lex, 0) & 0xc0) == 0x80) {
        lex->at++;
    }
    bad(out,
        letter ? "names are written with ASCII letters, digits and _"
               : "this character has no meaning here",
        letter ? "put ` ` around the name of a type or field that has other letters" : NULL);
}

static void lex_other(struct lexer *lex, struct lang_token *out)
{
    char c = look(lex, 0);
    char next = look(lex, 1);
    if (c == '<' && next == '=') {
        out->kind = LANG_LE;
    } else if (c == '>' && next == '=') {
        out->kind = LANG_GE;
    } else if ((c == '<' && next == '>') || (c == '!' && next == '=')) {
        out->kind = LANG_NE;
    } else if (c == '=' && next == '=') {
        bad(out, "equality is written with one =", "write = instead of ==");
    } else if ((c == '&' && next == '&') || (c == '|' && next == '|')) {
        bad(out, "conditions are joined by words",
            c == '&' ? "write and instead of &&" : "write or instead of ||");
    } else if (c == '/' && next == '/') {
        bad(out, "comments begin with #", "write # instead of //");
    } else if (c == '.' && is_digit(next)) {
        lex->at++;
        skip_digits(lex);
        bad(out, "a number needs a digit before its point", "write 0.5 instead of .5");
        return;
    } else if (c != '\0' && strchr("()[]{}:,;.=<>+-*/%?|", c) != NULL) {
        out->kind = LANG_CHAR + (uint32_t)c;
        lex->at++;
        return;
    } else {
        lex_foreign(lex, out);
        return;
    }
    lex->at += 2;
}

void lang_lex(const char *source, uint32_t size, uint32_t at, struct lang_token *out)
{
    assert(at <= size);
    struct lexer lex = {.source = source, .size = size, .at = at};
    skip_blank(&lex);
    *out = (struct lang_token){.kind = LANG_END, .at = lex.at};
    if (lex.at == size) {
        return;
    }
    char c = look(&lex, 0);
    if (is_letter(c)) {
        out->kind = LANG_NAME;
        while (is_letter(look(&lex, 0)) || is_digit(look(&lex, 0))) {
            lex.at++;
        }
    } else if (is_digit(c)) {
        lex_number(&lex, out);
    } else if (c == '"') {
        lex_text(&lex, out);
    } else if (c == '`') {
        lex_quoted(&lex, out);
    } else if (c == '\'') {
        lex_single_quote(&lex, out);
    } else {
        lex_other(&lex, out);
    }
    out->size = lex.at - out->at;
    assert(out->size > 0);
}

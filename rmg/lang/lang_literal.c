/* Literals: from text to canonical values and back. Neither way depends on a locale: the C library
 * is only given digits and an exponent, and its decimal point is never looked at. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rmg/lang/lang_format_priv.h"

#include "base/check.h"

#define NUMBER_DIGITS_MAX 400u

bool lang_at_literal(const struct lang_parser *p)
{
    return lang_at(p, LANG_INTEGER) || lang_at(p, LANG_FLOAT) || lang_at(p, LANG_TEXT) ||
           lang_at_word(p, "true") || lang_at_word(p, "false");
}

static bool take_integer(struct lang_parser *p, bool negative, struct rmg_datum *out)
{
    const uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;
    for (uint32_t i = 0; i < p->token.size; i++) {
        uint64_t digit = (uint64_t)(p->source[p->token.at + i] - '0');
        if (value > (most - digit) / 10) {
            lang_fail(p, p->token.at, p->token.size, "this number does not fit into an i64");
            return lang_help(p, "an i64 goes from %lld to %lld; 1e20 is an f64",
                             (long long)INT64_MIN, (long long)INT64_MAX);
        }
        value = value * 10 + digit;
    }
    out->codec = RMG_CODEC_I64;
    out->as.i64 = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* Digits without their point and an exponent: what strtod reads alike in every locale. */
static bool take_float(struct lang_parser *p, bool negative, struct rmg_datum *out)
{
    char digits[NUMBER_DIGITS_MAX + 32];
    uint32_t count = 0;
    int64_t exponent = 0;
    bool nonzero = false;
    const char *text = p->source + p->token.at;
    uint32_t i = 0;
    if (p->token.size > NUMBER_DIGITS_MAX) {
        return lang_fail(p, p->token.at, p->token.size, "a number has at most %u characters",
                         NUMBER_DIGITS_MAX);
    }
    bool point = false;
    for (; i < p->token.size && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        nonzero = nonzero || text[i] != '0';
        digits[count++] = text[i];
        exponent -= point;
    }
    if (i < p->token.size) {
        bool minus = text[i + 1] == '-';
        int64_t written = 0;
        for (i += 1 + (uint32_t)(minus || text[i + 1] == '+'); i < p->token.size; i++) {
            written = written > 1000000 ? written : written * 10 + (text[i] - '0');
        }
        exponent += minus ? -written : written;
    }
    snprintf(digits + count, sizeof digits - count, "e%lld", (long long)exponent);
    double value = strtod(digits, NULL);
    if (isinf(value) || (nonzero && value == 0)) {
        lang_fail(p, p->token.at, p->token.size, "this number is too %s for an f64",
                  isinf(value) ? "large" : "small");
        return false;
    }
    out->codec = RMG_CODEC_F64;
    out->as.f64 = negative && value != 0 ? -value : value; /* there is no -0.0 */
    return true;
}

static uint32_t put_utf8(uint8_t *at, uint32_t code)
{
    if (code < 0x80) {
        at[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        at[0] = (uint8_t)(0xc0 | code >> 6);
        at[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        at[0] = (uint8_t)(0xe0 | code >> 12);
        at[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        at[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    at[0] = (uint8_t)(0xf0 | code >> 18);
    at[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    at[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    at[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* \u{HEX} at `from`, which is behind the u; the bytes read, 0 when it is wrong. */
static uint32_t unescape_code(const char *from, uint32_t left, uint8_t *to, uint32_t *to_size)
{
    uint32_t code = 0;
    uint32_t i = 1;
    if (left < 3 || from[0] != '{') {
        return 0;
    }
    for (; i < left && i <= 6 && hex_digit(from[i]) >= 0; i++) {
        code = code << 4 | (uint32_t)hex_digit(from[i]);
    }
    bool scalar = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    if (i == 1 || i == left || from[i] != '}' || !scalar) {
        return 0;
    }
    *to_size += put_utf8(to + *to_size, code); /* at most as long as what was read */
    return i + 1;
}

static bool take_text(struct lang_parser *p, struct rmg_datum *out)
{
    static const char plain[][2] = {
        {'"', '"'}, {'\\', '\\'}, {'n', '\n'}, {'t', '\t'}, {'r', '\r'}};
    const char *from = p->source + p->token.at + 1;
    uint32_t size = p->token.size - 2;
    uint32_t used = 0;
    uint8_t *bytes = lang_alloc(p->arena, (size_t)size + 1, 1);
    if (bytes == NULL) {
        return lang_no_memory(p);
    }
    for (uint32_t i = 0; i < size; i++) {
        if (from[i] != '\\') {
            bytes[used++] = (uint8_t)from[i];
            continue;
        }
        uint32_t escape = i++; /* the lexer made sure that a character follows */
        bool known = false;
        for (size_t k = 0; k < sizeof plain / sizeof plain[0] && !known; k++) {
            known = from[i] == plain[k][0];
            if (known) {
                bytes[used++] = (uint8_t)plain[k][1];
            }
        }
        if (!known && from[i] == 'u') {
            uint32_t read = unescape_code(from + i + 1, size - i - 1, bytes, &used);
            known = read > 0;
            i += read;
        }
        if (!known) {
            lang_fail(p, p->token.at + 1 + escape, 1, "there is no such escape");
            return lang_help(p, "write \\\" \\\\ \\n \\t \\r or \\u{HEX}, any character but NUL");
        }
    }
    if (used > JIT_ATOM_BYTES_MAX) {
        return lang_fail(p, p->token.at, p->token.size, "a value has at most %u bytes",
                         JIT_ATOM_BYTES_MAX);
    }
    *out = (struct rmg_datum){.codec = RMG_CODEC_TEXT, .bytes = bytes, .size = used};
    return true;
}

bool lang_take_literal(struct lang_parser *p, bool negative, struct rmg_datum *out)
{
    assert(lang_at_literal(p));
    *out = (struct rmg_datum){.codec = RMG_CODEC_BOOL};
    bool taken = true;
    if (lang_at(p, LANG_INTEGER)) {
        taken = take_integer(p, negative, out);
    } else if (lang_at(p, LANG_FLOAT)) {
        taken = take_float(p, negative, out);
    } else if (lang_at(p, LANG_TEXT)) {
        taken = take_text(p, out);
    } else {
        out->as.boolean = lang_at_word(p, "true");
    }
    if (taken) {
        lang_next(p);
    }
    return taken;
}

bool lang_take_constant(struct lang_parser *p, const char *what, struct lang_expr **out)
{
    uint32_t at = p->token.at;
    bool negative = lang_take(p, LANG_C('-'));
    if (negative ? !lang_at(p, LANG_INTEGER) && !lang_at(p, LANG_FLOAT) : !lang_at_literal(p)) {
        return lang_expected(p, negative ? "a number behind the minus" : what);
    }
    struct lang_expr *expr = lang_alloc(p->arena, 1, sizeof *expr);
    if (expr == NULL) {
        return lang_no_memory(p);
    }
    *expr = (struct lang_expr){.kind = LANG_EXPR_CONST, .at = at, .height = 1};
    if (!lang_take_literal(p, negative, &expr->datum)) {
        return false;
    }
    expr->codec = expr->datum.codec;
    expr->size = p->end - at;
    *out = expr;
    return true;
}

bool lang_fit_constant(struct lang_parser *p, struct lang_expr *constant, enum rmg_codec codec,
                       const char *what)
{
    struct rmg_datum *datum = &constant->datum;
    if (datum->codec == RMG_CODEC_F64 && codec == RMG_CODEC_F32) {
        float value = (float)datum->as.f64; /* to nearest */
        if (isinf(value) || (value == 0 && datum->as.f64 != 0)) {
            return lang_fail(p, constant->at, constant->size, "this number is too %s for an f32",
                             isinf(value) ? "large" : "small");
        }
        datum->codec = RMG_CODEC_F32;
        datum->as.f64 = (double)value;
        constant->codec = RMG_CODEC_F32;
    }
    if (datum->codec == codec) {
        return true;
    }
    lang_fail(p, constant->at, constant->size, "%s is %s, this is %s", what, rmg_codec_name(codec),
              rmg_codec_name(datum->codec));
    if (datum->codec == RMG_CODEC_I64 && (codec == RMG_CODEC_F64 || codec == RMG_CODEC_F32)) {
        return lang_help(p, "write %.*s.0: whole numbers are i64, a point makes them %s",
                         constant->size > 40 ? 40 : (int)constant->size, p->source + constant->at,
                         rmg_codec_name(codec));
    }
    if (codec == RMG_CODEC_I64 && datum->codec == RMG_CODEC_F64) {
        return lang_help(p, "write a whole number, without a point");
    }
    if (codec == RMG_CODEC_TEXT) {
        return lang_help(p, "write a text: \"...\"");
    }
    return codec == RMG_CODEC_BOOL ? lang_help(p, "write true or false") : false;
}

/* ---- printing ---- */

/* The fewest digits that give the same number again, and its decimal exponent. */
static int shortest(double value, bool single, char digits[24], int *exponent)
{
    for (int precision = 0; precision <= 16; precision++) {
        char text[64];
        snprintf(text, sizeof text, "%.*e", precision, value);
        int count = 0;
        const char *at = text;
        for (; *at != 'e'; at++) {
            if (*at >= '0' && *at <= '9') {
                digits[count++] = *at; /* leaves out the locale's point */
            }
        }
        *exponent = atoi(at + 1);
        char again[64];
        snprintf(again, sizeof again, "%.*se%d", count, digits, *exponent - (count - 1));
        double back = strtod(again, NULL);
        if (single ? (float)back == (float)value : back == value) {
            return count;
        }
    }
    assert(false); /* 17 digits name every double */
    return 0;
}

static void print_float(double value, bool single, struct jit_buf *out)
{
    char digits[24];
    int exponent = 0;
    assert(isfinite(value)); /* no literal is anything else */
    if (value < 0) {
        jit_buf_put_u8(out, '-');
        value = -value;
    }
    int count = shortest(value, single, digits, &exponent);
    if (exponent < -5 || exponent > 15) {
        char tail[32];
        jit_buf_put(out, digits, 1);
        if (count > 1) {
            jit_buf_put_u8(out, '.');
            jit_buf_put(out, digits + 1, (size_t)count - 1);
        }
        snprintf(tail, sizeof tail, "e%d", exponent);
        lang_put(out, tail);
        return;
    }
    /* Place p is the digit that counts 10^(exponent - p). */
    for (int place = exponent < 0 ? exponent : 0; place < count || place <= exponent + 1; place++) {
        if (place == exponent + 1) {
            jit_buf_put_u8(out, '.');
        }
        jit_buf_put_u8(out, (uint8_t)(place >= 0 && place < count ? digits[place] : '0'));
    }
}

static void print_text(const uint8_t *bytes, uint32_t size, struct jit_buf *out)
{
    jit_buf_put_u8(out, '"');
    for (uint32_t i = 0; i < size; i++) {
        char code[8];
        switch (bytes[i]) {
        case '"':
        case '\\':
            jit_buf_put_u8(out, '\\');
            jit_buf_put_u8(out, bytes[i]);
            break;
        case '\n':
            lang_put(out, "\\n");
            break;
        case '\t':
            lang_put(out, "\\t");
            break;
        case '\r':
            lang_put(out, "\\r");
            break;
        default:
            if (bytes[i] < 0x20 || bytes[i] == 0x7f) {
                snprintf(code, sizeof code, "\\u{%x}", bytes[i]);
                lang_put(out, code);
            } else {
                jit_buf_put_u8(out, bytes[i]);
            }
        }
    }
    jit_buf_put_u8(out, '"');
}

void lang_print_datum(const struct rmg_datum *datum, struct jit_buf *out)
{
    char text[32];
    switch (datum->codec) {
    case RMG_CODEC_BOOL:
        lang_put(out, datum->as.boolean ? "true" : "false");
        break;
    case RMG_CODEC_I64:
        snprintf(text, sizeof text, "%lld", (long long)datum->as.i64);
        lang_put(out, text);
        break;
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        print_float(datum->as.f64, datum->codec == RMG_CODEC_F32, out);
        break;
    case RMG_CODEC_TEXT:
        print_text(datum->bytes, datum->size, out);
        break;
    default:
        assert(false); /* no literal has this codec */
    }
}

bool lang_encode_datum(struct lang_parser *p, const struct rmg_datum *datum, const uint8_t **bytes,
                       uint32_t *size)
{
    struct jit_buf buf;
    jit_buf_init(&buf, p->arena->heap, JIT_ATOM_BYTES_MAX);
    rmg_codec_encode(datum, &buf);
    assert(buf.err != JIT_ELIMIT); /* the lexer bounds texts */
    uint8_t *copy = buf.err == JIT_OK ? (uint8_t *)lang_copy(p->arena, buf.data, buf.size) : NULL;
    *bytes = copy;
    *size = (uint32_t)buf.size;
    jit_buf_release(&buf);
    return copy != NULL || lang_no_memory(p);
}

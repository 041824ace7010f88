/* Values written as words: what CSV cells and the fields of a package hold. */
#include "tools/formats/import_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* In any case. */
static bool equals(const char *text, size_t size, const char *word)
{
    return strlen(word) == size && strncasecmp(text, word, size) == 0;
}

/* Decimal digits with an optional sign, nothing else. */
static bool parse_i64(const char *text, size_t size, int64_t *out)
{
    size_t at = size > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    bool negative = size > 0 && text[0] == '-';
    int64_t value = 0;
    if (at == size) {
        return false;
    }
    for (; at < size; at++) {
        int64_t digit = text[at] - '0';
        if (!is_digit(text[at]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

/* [sign] digits [. digits] [e [sign] digits] */
static bool is_float(const char *text, size_t size)
{
    size_t at = size > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    size_t digits = 0;
    for (; at < size && is_digit(text[at]); at++) {
        digits++;
    }
    if (at < size && text[at] == '.') {
        for (at++; at < size && is_digit(text[at]); at++) {
            digits++;
        }
    }
    if (digits == 0) {
        return false;
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < size && (text[at] == '-' || text[at] == '+') ? 1 : 0;
        size_t first = at;
        for (; at < size && is_digit(text[at]); at++) {
        }
        if (at == first) {
            return false;
        }
    }
    return at == size;
}

/* The programs never leave the C locale, so the point is a point. */
static bool parse_float(const char *text, size_t size, bool single, double *out)
{
    char copy[512];
    bool minus = size > 0 && text[0] == '-';
    size_t sign = size > 0 && (minus || text[0] == '+') ? 1 : 0;
    if (equals(text, size, "nan")) {
        *out = (double)NAN;
    } else if (equals(text + sign, size - sign, "inf") ||
               equals(text + sign, size - sign, "infinity")) {
        *out = minus ? -(double)INFINITY : (double)INFINITY;
    } else {
        if (!is_float(text, size) || size >= sizeof copy) {
            return false;
        }
        memcpy(copy, text, size);
        copy[size] = 0;
        *out = single ? (double)strtof(copy, NULL) : strtod(copy, NULL);
        if (isinf(*out)) {
            return false; /* too large to be what was written */
        }
    }
    return true;
}

static bool parse_bool(const char *text, size_t size, bool *out)
{
    *out = size == 4 && strncasecmp(text, "true", 4) == 0;
    return *out || (size == 5 && strncasecmp(text, "false", 5) == 0);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool import_hex_bytes(const char *hex, size_t size, struct jit_buf *out)
{
    if (size % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < size; i += 2) {
        int high = hex_digit(hex[i]);
        int low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        jit_buf_put_u8(out, (uint8_t)(high << 4 | low));
    }
    return true;
}

enum jit_err import_parse(enum rmg_codec codec, const char *text, size_t size,
                          struct rmg_datum *out, struct jit_buf *space)
{
    bool good = false;
    *out = (struct rmg_datum){.codec = codec};
    switch (codec) {
    case RMG_CODEC_BOOL:
        good = parse_bool(text, size, &out->as.boolean);
        break;
    case RMG_CODEC_I64:
        good = parse_i64(text, size, &out->as.i64);
        break;
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        good = parse_float(text, size, codec == RMG_CODEC_F32, &out->as.f64);
        break;
    case RMG_CODEC_TEXT:
        if (size > JIT_ATOM_BYTES_MAX) {
            return JIT_ELIMIT;
        }
        good = rmg_utf8_valid((const uint8_t *)text, size);
        out->bytes = (const uint8_t *)text;
        out->size = (uint32_t)size;
        break;
    case RMG_CODEC_BYTES:
    case RMG_CODEC_ID:
        good = import_hex_bytes(text, size, space) &&
               (codec == RMG_CODEC_BYTES || size == 2 * JIT_ID_BYTES);
        if (space->err != JIT_OK) {
            return space->err;
        }
        out->bytes = space->data;
        out->size = (uint32_t)space->size;
        break;
    default: /* a list has no form in words */
        break;
    }
    return good ? JIT_OK : JIT_EFORMAT;
}

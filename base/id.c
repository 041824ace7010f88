#include "base/id.h"

#include "base/check.h"

void jit_id_to_hex(const struct jit_id *id, char hex[JIT_ID_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < JIT_ID_BYTES; i++) {
        hex[2 * i] = digits[id->bytes[i] >> 4];
        hex[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    hex[2 * JIT_ID_BYTES] = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

enum jit_err jit_id_from_hex(const char *hex, size_t hex_size, struct jit_id *out)
{
    assert(hex != NULL || hex_size == 0);
    memset(out, 0, sizeof *out);
    if (hex_size != (size_t)2 * JIT_ID_BYTES) {
        return JIT_EFORMAT;
    }
    struct jit_id id;
    for (size_t i = 0; i < JIT_ID_BYTES; i++) {
        int high = digit_of(hex[2 * i]);
        int low = digit_of(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return JIT_EFORMAT;
        }
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = id;
    return JIT_OK;
}

#include "rmg/store/codec.h"

/* Length of the well-formed sequence at `at` (RFC 3629), 0 when there is none. */
static size_t sequence(const uint8_t *at, size_t left)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 1}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t more = 0; more < sizeof forms / sizeof forms[0]; more++) {
        if ((at[0] & forms[more].mask) != forms[more].lead) {
            continue;
        }
        if (left <= more) {
            return 0;
        }
        uint32_t code = (uint8_t)~forms[more].mask & at[0];
        for (size_t i = 1; i <= more; i++) {
            if ((at[i] & 0xc0u) != 0x80u) {
                return 0;
            }
            code = code << 6 | (at[i] & 0x3fu);
        }
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        return code < forms[more].least || code > 0x10ffff || surrogate ? 0 : more + 1;
    }
    return 0;
}

bool rmg_utf8_valid(const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = sequence(bytes + at, size - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

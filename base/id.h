/* base/id.h - 32-byte ids and hashes, compared as bytes (DESIGN 4.1). */
#ifndef JIT_BASE_ID_H
#define JIT_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define JIT_ID_BYTES 32u
#define JIT_ID_HEX   65u /* 64 digits and the terminator */

struct jit_id {
    uint8_t bytes[JIT_ID_BYTES];
};

static inline int jit_id_compare(const struct jit_id *a, const struct jit_id *b)
{
    return memcmp(a->bytes, b->bytes, JIT_ID_BYTES);
}

static inline bool jit_id_equal(const struct jit_id *a, const struct jit_id *b)
{
    return memcmp(a->bytes, b->bytes, JIT_ID_BYTES) == 0;
}

static inline bool jit_id_is_zero(const struct jit_id *a)
{
    static const uint8_t zero[JIT_ID_BYTES];
    return memcmp(a->bytes, zero, JIT_ID_BYTES) == 0;
}

/* Lower-case hex, zero-terminated. */
void jit_id_to_hex(const struct jit_id *id, char hex[JIT_ID_HEX]);

/* Exactly hex_size == 64 digits of either case. Errors: JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err jit_id_from_hex(const char *hex, size_t hex_size, struct jit_id *out);

#endif

/* base/cursor.h - reading bytes with a sticky error: read on, check `bad` once at the end.
 * A read past the end gives zeros and sets bad; at then stays where it is. */
#ifndef JIT_BASE_CURSOR_H
#define JIT_BASE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/le.h"

struct jit_cursor {
    const uint8_t *at;
    size_t left; /* bytes not read */
    bool bad;
};

static inline struct jit_cursor jit_cursor_of(const void *bytes, size_t size)
{
    return (struct jit_cursor){.at = (const uint8_t *)bytes, .left = size};
}

/* The next size bytes, borrowed from the input; NULL when there are fewer. */
static inline const uint8_t *jit_get_bytes(struct jit_cursor *cur, uint64_t size)
{
    if (cur->bad || size > cur->left) {
        cur->bad = true;
        return NULL;
    }
    const uint8_t *at = cur->at;
    cur->at += size;
    cur->left -= (size_t)size;
    return at;
}

static inline uint8_t jit_get_u8(struct jit_cursor *cur)
{
    const uint8_t *at = jit_get_bytes(cur, 1);
    return at == NULL ? 0 : *at;
}

static inline uint16_t jit_get_u16(struct jit_cursor *cur)
{
    const uint8_t *at = jit_get_bytes(cur, 2);
    return at == NULL ? (uint16_t)0 : jit_le16(at);
}

static inline uint32_t jit_get_u32(struct jit_cursor *cur)
{
    const uint8_t *at = jit_get_bytes(cur, 4);
    return at == NULL ? 0 : jit_le32(at);
}

static inline uint64_t jit_get_u64(struct jit_cursor *cur)
{
    const uint8_t *at = jit_get_bytes(cur, 8);
    return at == NULL ? 0 : jit_le64(at);
}

static inline void jit_get_id(struct jit_cursor *cur, struct jit_id *out)
{
    const uint8_t *at = jit_get_bytes(cur, JIT_ID_BYTES);
    if (at == NULL) {
        memset(out, 0, sizeof *out);
    } else {
        memcpy(out->bytes, at, JIT_ID_BYTES);
    }
}

/* True when all was read and nothing was missing. */
static inline bool jit_cursor_done(const struct jit_cursor *cur)
{
    return !cur->bad && cur->left == 0;
}

#endif

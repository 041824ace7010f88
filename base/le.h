/* base/le.h - little-endian integers at any alignment. */
#ifndef JIT_BASE_LE_H
#define JIT_BASE_LE_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define JIT_LE16(x) (x)
#define JIT_LE32(x) (x)
#define JIT_LE64(x) (x)
#else
#define JIT_LE16(x) __builtin_bswap16(x)
#define JIT_LE32(x) __builtin_bswap32(x)
#define JIT_LE64(x) __builtin_bswap64(x)
#endif

static inline uint16_t jit_le16(const void *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return JIT_LE16(v);
}

static inline uint32_t jit_le32(const void *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return JIT_LE32(v);
}

static inline uint64_t jit_le64(const void *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return JIT_LE64(v);
}

static inline void jit_put_le16(void *at, uint16_t value)
{
    uint16_t v = JIT_LE16(value);
    memcpy(at, &v, sizeof v);
}

static inline void jit_put_le32(void *at, uint32_t value)
{
    uint32_t v = JIT_LE32(value);
    memcpy(at, &v, sizeof v);
}

static inline void jit_put_le64(void *at, uint64_t value)
{
    uint64_t v = JIT_LE64(value);
    memcpy(at, &v, sizeof v);
}

/* The first 8 bytes of an id as a big-endian number: its order is the order of the bytes. */
static inline uint64_t jit_be64(const void *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

#endif

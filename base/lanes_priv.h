/* base/lanes_priv.h - one width of the many-lane BLAKE3: LANES messages of one size side by side, a
 * 32-bit word of each in a vector. lanes4.c, lanes8.c and lanes16.c set LANES and the target and
 * include this once. Layer: base.
 *
 * Why not the library's: its many-lane entry takes whole 64-byte blocks, and the length of the last
 * block goes into the compression. Nearly all that JITOS hashes is shorter or no multiple. */
#ifndef JIT_BASE_LANES_PRIV_H
#define JIT_BASE_LANES_PRIV_H

#include <stdint.h>
#include <string.h>

#include "base/b3_impl.h"

#ifndef LANES
#define LANES        4
#define LANES_TARGET /* what every CPU of the architecture has */
#endif

#define LANES_INLINE static inline __attribute__((always_inline)) LANES_TARGET

/* So that what the loops walk through lies in registers; clang unrolls them unasked. */
#ifdef __clang__
#define LANES_UNROLL
#else
#define LANES_UNROLL _Pragma("GCC unroll 16")
#endif

#define BLOCK_WORDS 16
#define BLOCK_BYTES 64u

typedef uint32_t lanes_word __attribute__((vector_size(4 * LANES)));

/* Neighbours from two vectors: the lower halves, the upper halves. */
#if LANES == 4
#define LOW  0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#elif LANES == 8
#define LOW  0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LOW  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#endif

/* Rows to columns: interleaving the first half with the second log2(LANES) times. */
LANES_INLINE void lanes_transpose(lanes_word *rows)
{
    LANES_UNROLL
    for (unsigned width = 1; width < LANES; width *= 2) {
        lanes_word next[LANES];
        LANES_UNROLL
        for (unsigned i = 0; i < LANES / 2; i++) {
            next[2 * i] = __builtin_shufflevector(rows[i], rows[i + LANES / 2], LOW);
            next[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + LANES / 2], HIGH);
        }
        LANES_UNROLL
        for (unsigned i = 0; i < LANES; i++) {
            rows[i] = next[i];
        }
    }
}

/* Words are little-endian in the messages as in the hash. */
LANES_INLINE void lanes_order(lanes_word *words, unsigned count)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    LANES_UNROLL
    for (unsigned i = 0; i < count; i++) {
        words[i] =
            words[i] >> 24 | (words[i] >> 8 & 0xff00u) | (words[i] & 0xff00u) << 8 | words[i] << 24;
    }
#else
    (void)words;
    (void)count;
#endif
}

LANES_INLINE void lanes_load(const uint8_t *const blocks[LANES], lanes_word m[BLOCK_WORDS])
{
    LANES_UNROLL
    for (unsigned part = 0; part < BLOCK_WORDS / LANES; part++) {
        LANES_UNROLL
        for (unsigned i = 0; i < LANES; i++) {
            memcpy(&m[part * LANES + i], blocks[i] + part * sizeof *m, sizeof *m);
        }
        lanes_transpose(m + part * LANES);
    }
    lanes_order(m, BLOCK_WORDS);
}

#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define MIX(a, b, c, d, x, y)                                                                      \
    do {                                                                                           \
        v[a] += v[b] + m[x];                                                                       \
        v[d] = ROTATE(v[d] ^ v[a], 16);                                                            \
        v[c] += v[d];                                                                              \
        v[b] = ROTATE(v[b] ^ v[c], 12);                                                            \
        v[a] += v[b] + m[y];                                                                       \
        v[d] = ROTATE(v[d] ^ v[a], 8);                                                             \
        v[c] += v[d];                                                                              \
        v[b] = ROTATE(v[b] ^ v[c], 7);                                                             \
    } while (0)
#define ROUND(a, b, c, d, e, f, g, h, i, j, k, l, n, o, p, q)                                      \
    do {                                                                                           \
        MIX(0, 4, 8, 12, a, b);                                                                    \
        MIX(1, 5, 9, 13, c, d);                                                                    \
        MIX(2, 6, 10, 14, e, f);                                                                   \
        MIX(3, 7, 11, 15, g, h);                                                                   \
        MIX(0, 5, 10, 15, i, j);                                                                   \
        MIX(1, 6, 11, 12, k, l);                                                                   \
        MIX(2, 7, 8, 13, n, o);                                                                    \
        MIX(3, 4, 9, 14, p, q);                                                                    \
    } while (0)

/* One block of each message into its chaining value; the counter is 0, as in any first chunk. */
LANES_INLINE void lanes_compress(lanes_word cv[8], const lanes_word m[BLOCK_WORDS], uint32_t size,
                                 uint32_t flags)
{
    const lanes_word none = {0};
    lanes_word v[16] = {cv[0],
                        cv[1],
                        cv[2],
                        cv[3],
                        cv[4],
                        cv[5],
                        cv[6],
                        cv[7],
                        none + 0x6a09e667u,
                        none + 0xbb67ae85u,
                        none + 0x3c6ef372u,
                        none + 0xa54ff53au,
                        none,
                        none,
                        none + size,
                        none + flags};
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8);
    ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1);
    ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6);
    ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4);
    ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7);
    ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13);
    LANES_UNROLL
    for (unsigned i = 0; i < 8; i++) {
        cv[i] = v[i] ^ v[i + 8];
    }
}

/* The chaining values as LANES hashes of 32 bytes, one behind the other. */
LANES_INLINE void lanes_store(lanes_word cv[8], uint8_t *out)
{
    lanes_word rows[16] = {cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7]};
    lanes_order(rows, 8);
#if LANES == 4
    lanes_transpose(rows);
    lanes_transpose(rows + 4);
    LANES_UNROLL
    for (unsigned i = 0; i < 4; i++) {
        memcpy(out + i * 32, &rows[i], 16);
        memcpy(out + i * 32 + 16, &rows[4 + i], 16);
    }
#else
    lanes_transpose(rows); /* of 16 lanes the upper half of each row is no word of anything */
    LANES_UNROLL
    for (unsigned i = 0; i < LANES; i++) {
        memcpy(out + i * 32, &rows[i], 32);
    }
#endif
}

/* Keyed BLAKE3 of LANES messages of `size` bytes each, at most one chunk. */
LANES_INLINE void lanes_hash(const uint32_t key[8], const uint8_t *const in[LANES], size_t size,
                             uint8_t *out)
{
    lanes_word cv[8];
    lanes_word m[BLOCK_WORDS];
    const uint8_t *at[LANES];
    uint8_t last[LANES][BLOCK_BYTES];
    uint32_t flags = B3_KEYED_HASH | B3_CHUNK_START;
    LANES_UNROLL
    for (unsigned i = 0; i < 8; i++) {
        const lanes_word none = {0};
        cv[i] = none + key[i];
    }
    LANES_UNROLL
    for (unsigned i = 0; i < LANES; i++) {
        at[i] = in[i];
    }
    for (; size > BLOCK_BYTES; size -= BLOCK_BYTES) {
        lanes_load(at, m);
        lanes_compress(cv, m, BLOCK_BYTES, flags);
        flags = B3_KEYED_HASH;
        LANES_UNROLL
        for (unsigned i = 0; i < LANES; i++) {
            at[i] += BLOCK_BYTES;
        }
    }
    LANES_UNROLL
    for (unsigned i = 0; i < LANES && size < BLOCK_BYTES; i++) {
        memset(last[i], 0, BLOCK_BYTES);
        if (size > 0) {
            memcpy(last[i], at[i], size);
        }
        at[i] = last[i];
    }
    lanes_load(at, m);
    lanes_compress(cv, m, (uint32_t)size, flags | B3_CHUNK_END | B3_ROOT);
    lanes_store(cv, out);
}

#endif

/* base/lanes.h - keyed BLAKE3 of 4, 8 or 16 messages of the same size, at most one chunk of 1,024
 * bytes, side by side. Included by base/hash.c, which chooses, and by its test: everybody else has
 * jit_hash_many. Layer: base. Determinism: the result depends on the bytes only. */
#ifndef JIT_BASE_LANES_H
#define JIT_BASE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JIT_LANES_MAX 16u

/* How many lanes this CPU has: 4 anywhere, 8 with AVX2, 16 with AVX-512. */
unsigned jit_lanes_widest(void);

/* out: 32 bytes a message, one behind the other; no message may overlap it. lanes4 runs on every
 * CPU, the others where jit_lanes_widest says so. */
void jit_lanes4(const uint32_t key[8], const uint8_t *const in[4], size_t size, uint8_t *out);
void jit_lanes8(const uint32_t key[8], const uint8_t *const in[8], size_t size, uint8_t *out);
void jit_lanes16(const uint32_t key[8], const uint8_t *const in[16], size_t size, uint8_t *out);

#endif

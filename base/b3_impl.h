/* base/b3_impl.h - the two inner functions of BLAKE3's official C code that its public header
 * leaves out, as its blake3_impl.h declares them: one compression, and many equal inputs through
 * the widest lanes. configure checks that they link. Included by base/hash.c only. */
#ifndef JIT_BASE_B3_IMPL_H
#define JIT_BASE_B3_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define B3_CHUNK_START ((uint8_t)1)
#define B3_CHUNK_END   ((uint8_t)2)
#define B3_ROOT        ((uint8_t)8)
#define B3_KEYED_HASH  ((uint8_t)16)

void blake3_compress_in_place(uint32_t cv[8], const uint8_t block[64], uint8_t block_len,
                              uint64_t counter, uint8_t flags);
void blake3_hash_many(const uint8_t *const *inputs, size_t num_inputs, size_t blocks,
                      const uint32_t key[8], uint64_t counter, bool increment_counter,
                      uint8_t flags, uint8_t flags_start, uint8_t flags_end, uint8_t *out);

#endif

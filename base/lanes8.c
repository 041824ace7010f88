#include "base/lanes.h"

#define LANES 8
#ifdef __x86_64__
#define LANES_TARGET __attribute__((target("avx2")))
#else
#define LANES_TARGET
#endif
#include "base/lanes_priv.h"

LANES_TARGET void jit_lanes8(const uint32_t key[8], const uint8_t *const in[8], size_t size,
                             uint8_t *out)
{
    lanes_hash(key, in, size, out);
}

#include "base/lanes.h"

#define LANES 16
#ifdef __x86_64__
#define LANES_TARGET __attribute__((target("avx512f")))
#else
#define LANES_TARGET
#endif
#include "base/lanes_priv.h"

LANES_TARGET void jit_lanes16(const uint32_t key[8], const uint8_t *const in[16], size_t size,
                              uint8_t *out)
{
    lanes_hash(key, in, size, out);
}

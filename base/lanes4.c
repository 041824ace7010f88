#include "base/lanes.h"

#include "base/lanes_priv.h" /* 4 lanes is what it has without being told */

void jit_lanes4(const uint32_t key[8], const uint8_t *const in[4], size_t size, uint8_t *out)
{
    lanes_hash(key, in, size, out);
}

unsigned jit_lanes_widest(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) {
        return 16;
    }
    if (__builtin_cpu_supports("avx2")) {
        return 8;
    }
#endif
    return 4;
}

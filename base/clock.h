/* base/clock.h - the time seam (DESIGN 10). Only the shell and the tools hold one; the core is told
 * the time in events. Monotonic nanoseconds; the origin means nothing. */
#ifndef JIT_BASE_CLOCK_H
#define JIT_BASE_CLOCK_H

#include <stdint.h>

struct jit_clock {
    uint64_t (*now_ns)(struct jit_clock *clock);
};

#endif

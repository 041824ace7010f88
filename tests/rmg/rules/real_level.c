/* The source once more, under names of its own: CFLAGS say -O0 or -O3 behind REAL_LEVEL, but those
 * of the user come last, so the level is said here as well. */
#include "tests/rmg/rules/real_levels.h"

#if REAL_LEVEL == 0
#define LEVEL(name) name##_at_0
#else
#define LEVEL(name) name##_at_3
#endif
#define rmg_real_exp LEVEL(rmg_real_exp)
#define rmg_real_log LEVEL(rmg_real_log)
#define rmg_real_sin LEVEL(rmg_real_sin)
#define rmg_real_cos LEVEL(rmg_real_cos)

#ifdef __clang__
#if REAL_LEVEL == 0
#pragma clang optimize off
#endif
#elif REAL_LEVEL == 0
#pragma GCC optimize("O0")
#else
#pragma GCC optimize("O3")
#endif

#include "rmg/rules/real.c"

#if REAL_LEVEL == 0
double (*const real_level_0[4])(double x) = {rmg_real_exp, rmg_real_log, rmg_real_sin,
                                             rmg_real_cos};
#else
double (*const real_level_3[4])(double x) = {rmg_real_exp, rmg_real_log, rmg_real_sin,
                                             rmg_real_cos};
#endif

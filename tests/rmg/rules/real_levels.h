/* tests/rmg/rules/real_levels.h - rmg/rules/real.c as other settings of the compiler make it. */
#ifndef JIT_TESTS_REAL_LEVELS_H
#define JIT_TESTS_REAL_LEVELS_H

/* In the order of golden/real.bin: exp, log, sin, cos. */
extern double (*const real_level_0[4])(double x);
extern double (*const real_level_3[4])(double x);

#endif

/* rmg/rules/real.h - exp, log, sin and cos of our own, in whole numbers alone: the same bits from
 * every compiler and on every machine. Spec:  DESIGN 6 "Expressions"; docs/spec/program.md ("exp,
 * log, sin, cos") says how exact. Layer: rmg; base only. Pure. In and out: f64; NaN gives NaN. */
#ifndef JIT_RMG_REAL_H
#define JIT_RMG_REAL_H

double rmg_real_exp(double x); /* too large: infinity; too small: 0 */
double rmg_real_log(double x); /* of 0 -infinity, below 0 NaN */
double rmg_real_sin(double x); /* radians, all of them; of an infinity NaN */
double rmg_real_cos(double x);

#endif

/* rmg/rules/rule_priv.h - what decoding a rule asks of the meaning of its parts. */
#ifndef JIT_RMG_RULE_PRIV_H
#define JIT_RMG_RULE_PRIV_H

#include "rmg/rules/rule.h"

/* Counts within bounds, indexes in range, expressions well typed, one update a slot, nothing
 * deleted that is still needed; sets what decode derives (covered, field). Every number of the
 * rule may be hostile, the arrays have their counted length. Errors: JIT_EFORMAT, JIT_ENOTSUP. */
JIT_MUST_CHECK enum jit_err rmg_rule_check(struct rmg_rule *rule);

#endif

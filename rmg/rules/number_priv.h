/* rmg/rules/number_priv.h - numbers as joins and aggregates compare them: i64, f64 and f32.
 * Spec: docs/spec/rules.md, joins. Layer: rmg, private. */
#ifndef JIT_RMG_NUMBER_PRIV_H
#define JIT_RMG_NUMBER_PRIV_H

#include "rmg/rules/rule.h"

static inline bool rmg_number_is_float(const struct rmg_datum *datum)
{
    return datum->codec == RMG_CODEC_F64 || datum->codec == RMG_CODEC_F32;
}

/* What is no number has no place in an order. */
static inline bool rmg_number_is_nan(const struct rmg_datum *datum)
{
    return rmg_number_is_float(datum) && datum->as.f64 != datum->as.f64;
}

/* Of one codec, neither of them NaN. */
static inline bool rmg_number_is_less(const struct rmg_datum *a, const struct rmg_datum *b)
{
    return rmg_number_is_float(a) ? a->as.f64 < b->as.f64 : a->as.i64 < b->as.i64;
}

/* What add, raise and lower make of a slot that holds `now`; put and set leave *datum as it is.
 * False: the sum overflows. */
static inline bool rmg_number_join(enum rmg_update_kind kind, const struct rmg_datum *now,
                                   struct rmg_datum *datum)
{
    switch (kind) {
    case RMG_UPDATE_ADD:
        return !__builtin_add_overflow(now->as.i64, datum->as.i64, &datum->as.i64);
    case RMG_UPDATE_RAISE:
        *datum = rmg_number_is_less(now, datum) ? *datum : *now;
        return true;
    case RMG_UPDATE_LOWER:
        *datum = rmg_number_is_less(datum, now) ? *datum : *now;
        return true;
    case RMG_UPDATE_PUT: /* stays a join: it has the slot to itself */
    case RMG_UPDATE_SET:
        break;
    }
    return true;
}

#endif

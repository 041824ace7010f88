/* tests/sim/laws.h - what must hold of each tick by its record alone, whatever went wrong around
 * it. Spec: DESIGN 12; the bytes are those of docs/spec/log.md.
 *
 *   I1  the state changes by a record only: its patch begins with the root that the tick before led
 *       to.
 *   I9  no conflict is settled in silence: each request has one receipt; what was lost to another
 *       request names one of its tick that was applied; no request is applied twice.
 *
 * I2, I3, I4, I7, I8 and I10 are looked at by the universe, which knows more than one tick. I5, I6
 * and I11 are no matter of a tick: tests/kernel/checkpoint, make check-determinism,
 * tests/kernel/core. */
#ifndef JIT_TESTS_LAWS_H
#define JIT_TESTS_LAWS_H

#include "kernel/core/core.h"
#include "kernel/core/record.h"

struct laws_count {
    uint64_t conflicts; /* that name who they were lost to */
    uint64_t denied;
};

/* before: the root that the tick before led to. False: what says it. Uses no heap. */
bool laws_hold(const struct kern_log_record *record, const struct jit_id *before,
               struct laws_count *count, char *what, size_t what_size);

/* Of the receipts alone. */
bool laws_receipts_hold(const struct rmg_receipt *receipts, uint64_t count, struct laws_count *seen,
                        char *what, size_t what_size);

#endif

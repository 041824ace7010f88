/* rmg/change/receipt.h - what became of a request (DESIGN 14.3). Numbers are fixed. */
#ifndef JIT_RMG_RECEIPT_H
#define JIT_RMG_RECEIPT_H

#include "base/buf.h"
#include "base/id.h"

#define RMG_RESULT_MAP(X)                                                                          \
    X(RMG_APPLIED, 0, "applied")                                                                   \
    X(RMG_NO_MATCH, 1, "no match")                                                                 \
    X(RMG_GUARD_FALSE, 2, "guard false")                                                           \
    X(RMG_NEGATIVE, 3, "negative condition")                                                       \
    X(RMG_DANGLING, 4, "dangling")                                                                 \
    X(RMG_OVERFLOW, 5, "overflow")                                                                 \
    X(RMG_CONFLICT, 6, "conflict")                                                                 \
    X(RMG_RETRIED, 7, "retried")                                                                   \
    X(RMG_DUPLICATE, 8, "duplicate")                                                               \
    X(RMG_DENIED, 9, "denied")                                                                     \
    X(RMG_OVER_QUOTA, 10, "over quota")                                                            \
    X(RMG_OVER_BUDGET, 11, "over budget")                                                          \
    X(RMG_EXISTS, 12, "exists")                                                                    \
    X(RMG_INVALID, 13, "invalid")                                                                  \
    X(RMG_INVARIANT, 14, "invariant")                                                              \
    X(RMG_BASE_TOO_OLD, 15, "base too old")                                                        \
    X(RMG_DELAYED, 16, "delayed")

enum rmg_result {
#define X(name, value, text) name = (value),
    RMG_RESULT_MAP(X)
#undef X
};
#define RMG_RESULT_COUNT 17u

const char *rmg_result_text(enum rmg_result result);

#define RMG_NO_BLOCKER UINT32_MAX

struct rmg_receipt {
    struct jit_id request_key;
    struct jit_id process; /* node id of the process */
    uint16_t result;       /* enum rmg_result */
    uint32_t
        blocker; /* request index, or RMG_NO_BLOCKER; of INVARIANT the index of what it breaks */
};

/* u64 count || each: request_key || process id || u16 result || u16 0 || u32 blocker */
void rmg_receipts_encode(const struct rmg_receipt *receipts, uint64_t count, struct jit_buf *buf);
/* B3[K("receipts")] of those bytes, without making them. */
void rmg_receipts_digest(const struct rmg_receipt *receipts, uint64_t count, struct jit_id *out);

#endif

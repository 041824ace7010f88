#include "tests/sim/laws.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "kernel/core/entry.h"

#define RECEIPTS_MAX 1024u /* a universe is small */

bool laws_receipts_hold(const struct rmg_receipt *receipts, uint64_t count, struct laws_count *seen,
                        char *what, size_t what_size)
{
    for (uint64_t i = 0; i < count; i++) {
        const struct rmg_receipt *receipt = &receipts[i];
        const bool names = receipt->blocker != RMG_NO_BLOCKER && receipt->result != RMG_INVARIANT;
        if (receipt->result >= RMG_RESULT_COUNT) {
            (void)snprintf(what, what_size, "request %" PRIu64 ": no result", i);
            return false;
        }
        if (names && (receipt->blocker >= count || receipt->blocker == i ||
                      receipts[receipt->blocker].result != RMG_APPLIED)) {
            (void)snprintf(what, what_size,
                           "request %" PRIu64 ": lost to %u, which was not applied", i,
                           receipt->blocker);
            return false;
        }
        if (names && receipt->result == RMG_APPLIED) {
            (void)snprintf(what, what_size, "request %" PRIu64 ": applied, and lost to %u", i,
                           receipt->blocker);
            return false;
        }
        for (uint64_t k = 0; k < i && receipt->result == RMG_APPLIED; k++) {
            if (receipts[k].result == RMG_APPLIED &&
                jit_id_equal(&receipts[k].request_key, &receipt->request_key)) {
                (void)snprintf(what, what_size, "request %" PRIu64 ": applied twice", i);
                return false;
            }
        }
        seen->conflicts += names;
        seen->denied += receipt->result == RMG_DENIED;
    }
    return true;
}

bool laws_hold(const struct kern_log_record *record, const struct jit_id *before,
               struct laws_count *count, char *what, size_t what_size)
{
    static struct rmg_receipt receipts[RECEIPTS_MAX];
    struct kern_record_view view;
    struct kern_entries entries;
    if (kern_record_decode(record->payload, record->payload_size, &view) != JIT_OK ||
        kern_entries_begin(&entries, &view, record->tick, &record->state_root) != JIT_OK) {
        (void)snprintf(what, what_size, "its record cannot be read");
        return false;
    }
    if (!jit_id_equal(&entries.before, before)) {
        (void)snprintf(what, what_size, "the state was changed by no record");
        return false;
    }
    assert(view.request_count <= RECEIPTS_MAX);
    for (uint64_t i = 0; i < view.request_count; i++) {
        if (kern_record_receipt(&view, i, &receipts[i]) != JIT_OK) {
            (void)snprintf(what, what_size, "request %" PRIu64 ": its receipt cannot be read", i);
            return false;
        }
    }
    return laws_receipts_hold(receipts, view.request_count, count, what, what_size);
}

/* kernel/core/entry.h - commit entries: of each request that was applied, the rule, the target, the
 * snapshots before and after, and the logical tick. Spec:  DESIGN 5.3; docs/spec/patch.md "Commit
 * entries". Layer: kernel/core; pure: all that an entry says is in the record of its tick. */
#ifndef JIT_KERNEL_CORE_ENTRY_H
#define JIT_KERNEL_CORE_ENTRY_H

#include "kernel/core/record.h"

struct kern_entry {
    uint64_t request; /* its place in the tick's canonical order */
    struct jit_id request_key;
    struct jit_id rule;     /* of a collapse: that of rmg_collapse_rule() */
    struct jit_id instance; /* zeros: of a collapse, which may be in several */
    struct jit_id target;   /* the first element of the match; zeros: it matches none */
    struct jit_id before;   /* state root that the tick began with */
    struct jit_id after;    /* state root that the tick led to */
    uint64_t tick;
};

/* Reading the entries of a record one after another, in canonical order. */
struct kern_entries {
    const struct kern_record_view *view; /* borrowed, with its bytes */
    struct jit_cursor requests;
    uint64_t next;
    struct jit_id before;
    struct jit_id after;
    uint64_t tick;
};
/* tick and state_root are those of the record. Errors: JIT_EFORMAT (its patch has no base). */
JIT_MUST_CHECK enum jit_err kern_entries_begin(struct kern_entries *entries,
                                               const struct kern_record_view *view, uint64_t tick,
                                               const struct jit_id *state_root);
/* Errors: JIT_ENOENT (there is none any more), JIT_EFORMAT. */
JIT_MUST_CHECK enum jit_err kern_entries_next(struct kern_entries *entries, struct kern_entry *out);

#endif

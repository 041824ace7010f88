/* rmg/change/collapse.h - what a collapsed branch asks of the root graph: one request of many
 * operations. Spec:  DESIGN 5.2, 7.3, 14.2; docs/spec/sws.md "Request". Layer: rmg; base only.
 *
 * Hostile until decoded: the bytes are a private copy that nobody changes any more. Whether they
 * still apply is judged by the engine, against the version that the tick starts from. */
#ifndef JIT_RMG_COLLAPSE_H
#define JIT_RMG_COLLAPSE_H

#include "rmg/store/codec.h"
#include "rmg/change/patch.h"

struct rmg_gate;

/* An instance that it looks at or changes. */
struct rmg_collapse_place {
    struct jit_id instance;
    bool written;
    const struct rmg_gate *writes; /* the caller's to set: types it may write; NULL: any */
    bool watched;                  /* likewise: the invariants are to hold in it */
};

/* What stands in the way of one that conflicts with what happened since its base. */
struct rmg_collapse_clash {
    uint32_t reads; /* in-slots with another value, and the first of them */
    uint32_t first_read;
    uint32_t operations; /* likewise, of operations */
    uint32_t first_operation;
};

struct rmg_collapse {
    uint64_t base_tick;
    const uint8_t *bytes; /* borrowed: all of it, */
    size_t size;
    const uint8_t *reads; /* and its parts */
    size_t reads_size;
    uint64_t read_count;
    const uint8_t *created; /* a counter for each operation that creates */
    uint64_t created_count;
    const uint8_t *sums; /* what additions began with */
    uint64_t sum_count;
    const uint8_t *patch;
    size_t patch_size;
    uint64_t op_count;
    struct rmg_collapse_place places[JIT_COLLAPSE_PLACES]; /* ascending */
    uint32_t place_count;
    struct rmg_collapse_clash clash; /* set by the engine */
};

/* Errors: JIT_EFORMAT (also: parts of it do not ascend, an operation is not as a collapse writes
 * it, more places than there may be). */
JIT_MUST_CHECK enum jit_err rmg_collapse_decode(const uint8_t *bytes, size_t size,
                                                struct rmg_collapse *out);
/* The same bytes lie elsewhere now. */
void rmg_collapse_moved(struct rmg_collapse *collapse, const uint8_t *bytes);
/* NULL: it has nothing to do with that instance. */
const struct rmg_collapse_place *rmg_collapse_place_of(const struct rmg_collapse *collapse,
                                                       const struct jit_id *instance);

/* The in-slots of a decoded one: a cursor over `reads`. */
void rmg_collapse_next_read(struct jit_cursor *cur, struct rmg_slot *slot, struct jit_id *value);
/* The k-th counter; the i-th sum: of which operation, and what it began with. */
uint64_t rmg_collapse_counter(const struct rmg_collapse *collapse, uint64_t k);
void rmg_collapse_sum(const struct rmg_collapse *collapse, uint64_t i, uint64_t *operation,
                      int64_t *begin);

/* The key beside which one request of a tick is the duplicate of another: of the process and all of
 * its bytes. The request's key is rmg_request_key of it and the nonce. */
void rmg_collapse_key(const struct jit_id *process, const struct rmg_collapse *collapse,
                      struct jit_id *out);
/* Id of a node or an edge that was made in a branch: B3[K("branch-id")](process || u64 tick of the
 * base || u64 counter). */
void rmg_branch_id(const struct jit_id *process, uint64_t base_tick, uint64_t counter,
                   struct jit_id *out);

/* What was seen in a slot, as a hash: of an element or an attachment its value, zero if there is
 * none; of an incidence or an extent (of a field as well) what it is a part of, which is equal if
 * nothing of it has changed (docs/spec/sws.md). Errors: JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err rmg_slot_seen(const struct rmg_graph *graph,
                                          const struct rmg_slot *slot, struct jit_id *out);

/* In the log and in lists of requests a collapse stands with this in the place of a rule. */
const struct jit_id *rmg_collapse_rule(void);

#endif

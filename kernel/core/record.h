/* kernel/core/record.h - the payload of a log record: everything of one tick that a replay needs.
 * Spec:  DESIGN 9.2, 14.1, 14.8, 14.13; docs/spec/log.md "Payload".
 * Layer: kernel/core; pure.
 *
 * Bytes: u32 version || u32 flags || u64 n || events || u64 n || requests || u64 n || receipts
 * (14.3) || u64 size || patch [|| what processes have beside the state] [|| u64 n || what was asked
 * about capabilities]. A genesis has flag
 * GENESIS and, in place of the patch, the id and size of the blob that holds it: 32 bytes || u64.
 * An edit, which somebody made beside a run (a merge, another seed), has flag EDIT, neither events
 * nor requests, and before the patch the commit that is its other parent, or zeros. */
#ifndef JIT_KERNEL_CORE_RECORD_H
#define JIT_KERNEL_CORE_RECORD_H

#include "rmg/engine/request.h"
#include "syscall/cap.h"

#define KERN_RECORD_GENESIS 1u
#define KERN_RECORD_EDIT    2u
#define KERN_RECORD_ASKS    4u  /* something was asked about capabilities */
#define KERN_RECORD_OWNS    8u  /* graphs that processes keep for themselves have changed */
#define KERN_RECORD_DEATHS  16u /* processes died and were started again */
#define KERN_RECORD_INTENTS 32u /* some requests came from outside */

/* Something that happened between ticks and that replay obeys (14.13). */
enum kern_record_event_kind {
    KERN_HAPPENED_EXIT = 1,   /* a worker asked to exit */
    KERN_HAPPENED_KILL = 2,   /* an operator killed it */
    KERN_HAPPENED_FAILED = 3, /* its restart policy was exhausted: the run is not deterministic */
    KERN_HAPPENED_HUNG = 4    /* it hung and was killed, the tick is without it: likewise */
};
struct kern_record_event {
    enum kern_record_event_kind kind;
    int32_t status;
    struct jit_id process;
};

/* What became of a capability operation. */
struct kern_outcome {
    enum rmg_result result;
    enum sys_cap_verdict verdict; /* DENIED: of the capability asked under */
    enum sys_cap_excess excess;   /* likewise: what was too much */
    uint32_t slot;                /* derive, grant: of the new one */
    uint32_t generation;
    uint64_t tick;
};
/* derive, grant or revoke, by a worker or an operator, in the order in which they were carried out.
 * It changes nothing in a replay: what it changed is in the patch. */
struct kern_record_ask {
    uint32_t call;
    enum sys_object object; /* of what an operator granted of his own authority */
    struct jit_id process;  /* who asked; zero: an operator */
    struct jit_id holder;   /* whose capability was named; zero: the operator's own authority */
    struct jit_id target;   /* operator: who was to hold the new one; else zero */
    const uint8_t *bytes;   /* the request (ring.md) */
    uint32_t size;
    struct kern_outcome outcome;
};

/* What a process has made of the graph that it keeps for itself. */
struct kern_record_own {
    struct jit_id process;
    struct jit_id root;   /* what comes out */
    const uint8_t *patch; /* on what it had after its last tick that is in the log */
    uint64_t patch_size;
};

/* A request that is no worker's: the bearer of a token asked for it. */
struct kern_record_intent {
    uint32_t index;           /* of the request */
    struct jit_id capability; /* that the token stands for: its node in /sec */
    const uint8_t *bytes;     /* intent.h */
    uint32_t size;
    const uint8_t *narrowed; /* what the token has become; NULL: the capability itself */
    uint32_t narrowed_size;
};

struct kern_record {
    uint32_t flags; /* ASKS, OWNS, DEATHS and INTENTS are set by encode */
    const struct kern_record_event *events;
    uint32_t event_count;
    const struct rmg_request *requests; /* in canonical order */
    const struct rmg_receipt *receipts; /* as many */
    uint32_t request_count;
    const uint8_t *patch;
    size_t patch_size;
    struct jit_id other; /* EDIT: a parent besides the tick before; zeros: none */
    struct jit_id blob;  /* GENESIS */
    uint64_t blob_size;
    const struct kern_record_ask *asks;
    uint32_t ask_count;
    const struct kern_record_own *owns;
    uint32_t own_count;
    const struct jit_id *deaths; /* whose, in the order in which they happened */
    uint32_t death_count;
    const struct kern_record_intent *intents; /* ascending by index */
    uint32_t intent_count;
};

void kern_record_encode(const struct kern_record *record, struct jit_buf *buf);

/* What a reader needs of it, borrowed from the bytes: the patch, and the bytes of each part for
 * whoever lists them. Errors: JIT_EFORMAT, JIT_EVERSION. */
struct kern_record_view {
    uint32_t flags;
    uint64_t event_count;
    const uint8_t *events; /* 40 bytes each: u32 kind, i32 status, process id */
    uint64_t request_count;
    const uint8_t *requests; /* one after another, for rmg_asked_next */
    size_t requests_size;
    const uint8_t *receipts; /* 72 bytes each */
    const uint8_t *patch;
    size_t patch_size;
    struct jit_id other; /* EDIT */
    struct jit_id blob;
    uint64_t blob_size;
    uint64_t ask_count;
    const uint8_t *asks;
    size_t asks_size;
    uint64_t own_count;
    const uint8_t *owns; /* one after another, for kern_record_next_own */
    size_t owns_size;
    uint64_t death_count;
    const uint8_t *deaths; /* process ids */
    uint64_t intent_count;
    const uint8_t *intents; /* one after another, for kern_record_next_intent */
    size_t intents_size;
};
JIT_MUST_CHECK enum jit_err kern_record_decode(const uint8_t *bytes, size_t size,
                                               struct kern_record_view *out);

JIT_MUST_CHECK enum jit_err kern_record_receipt(const struct kern_record_view *view, uint64_t index,
                                                struct rmg_receipt *out);
/* Asks one after another; JIT_ENOENT at the end. outcome.tick is 0: it is the record's. */
JIT_MUST_CHECK enum jit_err kern_record_next_ask(struct jit_cursor *cur,
                                                 struct kern_record_ask *out);
/* Likewise, of graphs. */
JIT_MUST_CHECK enum jit_err kern_record_next_own(struct jit_cursor *cur,
                                                 struct kern_record_own *out);
/* Likewise, of intents. */
JIT_MUST_CHECK enum jit_err kern_record_next_intent(struct jit_cursor *cur,
                                                    struct kern_record_intent *out);
JIT_MUST_CHECK enum jit_err kern_record_event_at(const struct kern_record_view *view,
                                                 uint64_t index, struct kern_record_event *out);

#endif

/* rmg/engine/engine.h - one tick: from authorised requests to a new version, a patch, receipts and
 * a commit. Spec:  DESIGN 5.2 to 5.4, 14.1, 14.3, 14.9, 14.10. Layer: rmg; base only. Pure: the
 * same input gives the same bytes for any number of threads.
 *
 * begin -> (the whole pipeline) -> result. The base version is never touched; a failed tick leaves
 * no trace. */
#ifndef JIT_RMG_ENGINE_H
#define JIT_RMG_ENGINE_H

#include "base/exec.h"
#include "rmg/rules/match.h"

struct rmg_engine;

/* Types that may be touched: of nodes, of edges. */
struct rmg_gate {
    bool any_node;
    bool any_edge;
    const struct jit_id *nodes; /* ascending; unless any_node */
    const struct jit_id *edges;
    uint32_t node_count;
    uint32_t edge_count;
};
/* Why a gate was shut. */
enum rmg_gate_stop {
    RMG_GATE_OPEN = 0,
    RMG_GATE_NODE = 1, /* a matched node, a matched edge */
    RMG_GATE_EDGE = 2,
    RMG_GATE_WRITES_NODE = 3, /* an effect on a node, on an edge */
    RMG_GATE_WRITES_EDGE = 4
};
struct rmg_charge {
    uint32_t quota; /* index into the input's quotas */
    bool by_bytes;  /* the request's bytes are taken off it, else 1 */
};

struct rmg_collapse;
struct rmg_schema_field;

/* A request, decoded and authorised (or not) by the layer above. Everything is borrowed for the
 * tick. */
struct rmg_request {
    const struct rmg_rule *rule;   /* NULL only with result != APPLIED (it named no rule), or of */
    struct rmg_collapse *collapse; /* a collapsed branch: decoded; then rule_id is its own, */
    struct jit_id rule_id;
    struct jit_id instance; /* instance zero, ids are none and params its bytes */
    const struct jit_id *ids;
    uint32_t id_count;
    const uint8_t *params;
    uint32_t params_size;
    uint64_t nonce;
    struct jit_id process; /* node id of the process */
    uint32_t cap_slot;
    uint32_t cap_generation;
    uint32_t quota;                   /* index into the input's quotas, or RMG_NO_QUOTA */
    const struct rmg_charge *charges; /* other quotas: all of them can pay, or none is charged */
    uint32_t charge_count;
    uint32_t bytes;                /* of the request, for those that count them */
    const struct rmg_gate *within; /* what may be matched; NULL: anything */
    const struct rmg_gate *writes; /* what may be written; NULL: anything */
    uint32_t most;                 /* index into the input's mosts, from 1; 0: none */
    uint32_t asker;                /* whose asker_slots its verification is taken off */
    uint32_t retries; /* how often it lost and was sent again; below rule->retry, a conflict gives
                         RETRIED while there is room in `waiting` */
    bool due;         /* it was delayed until this tick */
    uint16_t result;  /* APPLIED: go on; else what authorisation said (DENIED, INVALID) */
    uint16_t gate;    /* enum rmg_gate_stop: set when a gate made the result DENIED */
    bool watched;     /* the invariants are to hold in its instance */
    uint16_t watched_inside; /* in that of a portal, a bit each */
    uint32_t user;           /* the caller's own; comes back with the request in canonical order */
};
#define RMG_NO_QUOTA UINT32_MAX

struct rmg_tick_input {
    struct rmg_version base;
    struct jit_id parent; /* commit id of the base; zero: genesis */
    uint64_t tick;        /* the tick being built */
    uint64_t seed;
    uint32_t policy;
    uint32_t budget; /* slots a verification; as many for the invariants */
    /* What the verifications of one asker may look at together: as long as those before it in
     * canonical order have not cost more, a request is verified, else it gets OVER_BUDGET. Each
     * costs one and the slots it looks at. No askers: no such bound. */
    uint64_t asker_slots;
    uint32_t asker_count;
    /* Patterns that have no match in any watched instance of the base (rmg/rules/invariant.h): a
     * request that would make one gets INVARIANT, with the index of it as its blocker. */
    const struct rmg_rule *const *invariants;
    uint32_t invariant_count;
    /* Of all rules and invariants that are ever asked for on this graph: who changes such a field
     * says so in its footprint (rmg/rules/sought.h). */
    struct rmg_sought_list sought;
    struct rmg_request *requests; /* reordered into canonical order */
    uint32_t request_count;
    uint64_t *quotas; /* requests still allowed, by group; charged in canonical order */
    uint32_t quota_count;
    /* Of the requests that name one of these, so many are applied, the first ones in canonical
     * order that can be; the others get OVER_QUOTA. */
    const uint32_t *mosts;
    uint32_t most_count;
    /* What the schema says of a field, for collapses: its codec and join; NULL: nothing. */
    const struct rmg_schema_field *(*field_of)(void *user, const struct jit_id *type,
                                               const char *name, uint32_t name_size);
    void *field_user;
    /* Operations of the kernel itself (a process exited, ...), applied before the rewrites; origins
     * are (UINT32_MAX, i). A rewrite that uses one of their slots conflicts. */
    const struct rmg_op *events;
    uint32_t event_count;
    /* Called when the quotas have been charged and before the events are looked at, which it may
     * set: what is left is theirs to write, in the instances of charged_in. NULL: nobody. */
    enum jit_err (*charged)(void *user, struct rmg_tick_input *input);
    const struct jit_id *charged_in;
    uint32_t charged_in_count;
    void *charged_user;
    /* The node whose attachment `waiting` (rmg/engine/request.h) holds what lost and is tried
     * again, and what is delayed: the tick writes it anew, or takes it away, as its own last
     * operation. NULL: nobody is tried again or delayed, and the slot is as any other. */
    const struct rmg_waiting_place {
        struct jit_id instance;
        struct jit_id node;
        /* Those that are not due yet: their bytes in the list, and their keys, ascending. A request
         * with one of these keys gets DUPLICATE. */
        const uint8_t *kept;
        size_t kept_size;
        const struct jit_id *kept_keys;
        size_t kept_count;
    } * waiting;
};

struct rmg_tick_output {
    struct rmg_version version;
    struct jit_id commit;
    struct jit_id patch_digest;
    struct jit_id receipts_digest;
    const struct rmg_receipt
        *receipts;        /* request_count, in canonical order; the engine's until the next tick */
    const uint8_t *patch; /* likewise */
    size_t patch_size;
    uint64_t operations; /* in it */
    uint64_t applied;
    uint64_t counts[RMG_RESULT_COUNT];
    uint64_t slots;       /* looked at by all verifications: independent of the size of the graph */
    uint64_t nodes_total; /* of all instances */
    uint64_t edges_total;
};

/* The tasks that exec runs take memory from heap: with threads behind exec it must bear that. */
JIT_MUST_CHECK enum jit_err rmg_engine_new(struct jit_heap *heap, struct rmg_store *store,
                                           struct jit_exec *exec, struct rmg_engine **out);
void rmg_engine_free(struct rmg_engine *engine); /* may be NULL */

/* Errors: JIT_ENOMEM, JIT_ENOSPC, JIT_ELIMIT (patch too large), JIT_ECORRUPT, JIT_ECONFLICT (the
 * engine's own error: two values for one slot). After an error the base is still the newest
 * version. */
JIT_MUST_CHECK enum jit_err rmg_engine_tick(struct rmg_engine *engine, struct rmg_tick_input *input,
                                            struct rmg_tick_output *output);

#endif

/* rmg/engine/engine_collapse_priv.h - what the two files of collapses hand to each other:
 * engine_weigh.c weighs the operations of a collapse one by one against the frozen version,
 * engine_collapse.c judges all the rest. Layer: rmg; base only. Private to these two. */
#ifndef JIT_RMG_ENGINE_COLLAPSE_PRIV_H
#define JIT_RMG_ENGINE_COLLAPSE_PRIV_H

#include "base/check.h"
#include "rmg/change/collapse.h"
#include "rmg/engine/engine_priv.h"

/* An element that it creates or whose type it changes. */
struct eng_made {
    bool edge;
    uint32_t instance;
    struct jit_id id;
    struct jit_id type;
};

/* A collapse, and what has been found out about it. */
struct eng_judging {
    struct rmg_engine *engine;
    const struct rmg_request *request;
    struct rmg_collapse *collapse;
    struct eng_req *req;
    uint32_t index;                   /* of the request */
    uint32_t at[JIT_COLLAPSE_PLACES]; /* the engine's number of each place */
    struct eng_made *made;            /* nodes, then edges; ascending */
    size_t made_count;
    struct eng_op *ops;
    uint64_t op_count;
    uint64_t created;  /* counters used */
    uint64_t summed;   /* sums used */
    uint64_t op_bytes; /* in the patch, at most */
    uint64_t atom_bytes;
    enum rmg_result result; /* APPLIED: nothing speaks against it so far */
    enum rmg_gate_stop gate;
};

/* The instance of one of its places, and the number of it. */
static inline const struct eng_instance *
eng_judged_instance(const struct eng_judging *j, const struct jit_id *id, uint32_t *index)
{
    const struct rmg_collapse_place *place = rmg_collapse_place_of(j->collapse, id);
    assert(place != NULL);
    *index = j->at[place - j->collapse->places];
    return &j->engine->instances[*index];
}

static inline bool eng_is_upsert(const struct rmg_op *op)
{
    return op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE;
}

/* ---- operations (engine_weigh.c) ---- */

/* May each be done, and what comes of it: ops, made, the counts, and more in engine->collapse_uses.
 * Ends at the first that is wrong in itself; result is CONFLICT when some stand in the way of
 * others. Errors: JIT_ENOMEM, JIT_ECORRUPT. */
JIT_MUST_CHECK enum jit_err eng_judge_operations(struct eng_judging *j);

#endif

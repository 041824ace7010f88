/* rmg/engine/engine_verify_priv.h - what the files of the verification hand to each other: what a
 * capability lets through (engine_gate.c), what invariants say (engine_invariant.c), what a rewrite
 * uses and does (engine_findings.c). engine_verify.c asks them in this order, request by request.
 * Layer: rmg; base only. Private to these four. */
#ifndef JIT_RMG_ENGINE_VERIFY_PRIV_H
#define JIT_RMG_ENGINE_VERIFY_PRIV_H

#include "rmg/engine/engine_priv.h"

/* Values that rewrites replace, in the frozen version, to be hashed side by side. */
struct eng_priors {
    struct rmg_attachment old[RMG_VALUES_MAX];
    struct jit_id *to[RMG_VALUES_MAX];
    uint32_t op[RMG_VALUES_MAX]; /* of the request at hand, whose operations still move */
    uint32_t count;
    uint32_t settled; /* those before it know where they go */
    enum rmg_plane plane;
};

/* One verification: of what, and where its findings go. */
struct eng_verifier {
    struct rmg_engine *engine;
    struct eng_priors *priors;
    struct eng_chunk *chunk;
    struct eng_req *req;
    struct rmg_effect *effect; /* of the match, once it is verified */
    const struct eng_instance *instance;
    struct rmg_graph graph; /* of the instance */
    struct rmg_nest nest;
    struct rmg_match match;
    uint32_t index; /* of the request */
    uint32_t instance_index;
    uint64_t patch_bytes;
};

/* Of an instance that the match is at work in: its number, its graph. */
static inline uint32_t eng_verifier_instance(const struct eng_verifier *verifier,
                                             const struct jit_id *instance)
{
    return jit_id_equal(instance, &verifier->instance->id)
               ? verifier->instance_index
               : eng_instance_find(verifier->engine, instance);
}

static inline const struct rmg_graph *eng_verifier_graph(const struct eng_verifier *verifier,
                                                         uint32_t instance)
{
    return instance == verifier->instance_index ? &verifier->graph
                                                : &verifier->engine->instances[instance].graph;
}

/* All that follows is of a match that was verified. Errors: JIT_ENOMEM, JIT_ECORRUPT. */

/* ---- gates (engine_gate.c) ---- */

/* Is every element, and every effect, let through? The answer is request->gate. */
JIT_MUST_CHECK enum jit_err eng_gates_ask(const struct eng_verifier *verifier,
                                          struct rmg_request *request);

/* ---- invariants (engine_invariant.c) ---- */

/* Do they hold after the match alone? If not, the result and the blocker of the request say so.
 * asked: the places where somebody looked, a bit each. */
JIT_MUST_CHECK enum jit_err eng_invariants_ask(const struct eng_verifier *verifier,
                                               uint32_t *asked);
/* What was looked at there is read, too; after eng_findings_collect. */
JIT_MUST_CHECK enum jit_err eng_invariants_reads(struct eng_verifier *verifier, uint32_t asked);

/* ---- findings (engine_findings.c) ---- */

/* Slots and operations of the match, in the chunk until the next request. */
JIT_MUST_CHECK enum jit_err eng_findings_collect(struct eng_verifier *verifier);
JIT_MUST_CHECK enum jit_err eng_findings_use(struct eng_verifier *verifier,
                                             const struct rmg_use *use); /* one more slot */
/* To where they stay until the end of the tick; of a heavy request only how many they are. */
JIT_MUST_CHECK enum jit_err eng_findings_keep(struct eng_verifier *verifier);
/* Hash what is settled into the operations that were kept. */
JIT_MUST_CHECK enum jit_err eng_priors_flush(struct eng_priors *priors);

#endif

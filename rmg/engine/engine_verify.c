#include "rmg/engine/engine_verify_priv.h"

#include "base/check.h"

#define WARM_BATCH 32u /* requests whose paths are asked for together */
#define AHEAD      4u  /* requests whose bytes are asked for before they are needed */

/* Buffers that one request has made larger go back to the heap: there is one for each chunk. */
#define KEPT_BYTES (256u << 10)

/* Does the rule apply there, in the frozen version? */
static enum jit_err verify_match(struct eng_verifier *verifier)
{
    struct rmg_engine *engine = verifier->engine;
    struct eng_chunk *chunk = verifier->chunk;
    struct eng_req *req = verifier->req;
    uint32_t slots = 0;
    jit_buf_reset(&chunk->values);
    chunk->use_count = 0;
    chunk->op_count = 0;
    enum rmg_result result =
        rmg_match_verify(&verifier->graph, &verifier->match, &engine->draw, engine->input->budget,
                         verifier->effect, &slots, &chunk->err);
    req->slots = slots;
    req->cost += slots;
    if (chunk->err == JIT_ELIMIT) { /* its values alone are more than any patch holds */
        chunk->err = JIT_OK;
        result = RMG_OVER_QUOTA;
    }
    if (chunk->err == JIT_OK) {
        req->result = (uint16_t)result;
    }
    return chunk->err;
}

/* Is all of it let through? */
static enum jit_err pass_gates(struct eng_verifier *verifier)
{
    struct rmg_request *request = &verifier->engine->input->requests[verifier->index];
    if (request->within == NULL && request->writes == NULL) {
        return JIT_OK;
    }
    enum jit_err err = eng_gates_ask(verifier, request);
    if (err != JIT_OK || request->gate != RMG_GATE_OPEN) {
        verifier->req->result = RMG_DENIED;
    }
    return err;
}

/* Do the invariants hold after it alone? Mostly none are to hold there. */
static enum jit_err hold_invariants(struct eng_verifier *verifier, uint32_t *asked)
{
    const struct rmg_tick_input *input = verifier->engine->input;
    const struct rmg_request *request = &input->requests[verifier->index];
    if (input->invariant_count == 0 || (!request->watched && request->watched_inside == 0)) {
        return JIT_OK;
    }
    return eng_invariants_ask(verifier, asked);
}

/* The instances behind its portals: whoever reads in them reads the way there. */
static enum jit_err keep_ways(const struct eng_verifier *verifier)
{
    const struct rmg_match *match = &verifier->match;
    const struct rmg_rule *rule = match->rule;
    if (rule->portal_count == 0) {
        return JIT_OK;
    }
    uint32_t *ways =
        rmg_scratch_alloc(&verifier->chunk->arena, (rule->portal_count + 1) * sizeof *ways);
    if (ways == NULL) {
        return JIT_ENOMEM;
    }
    ways[0] = verifier->instance_index;
    for (uint32_t i = 0; i < rule->portal_count; i++) {
        ways[i + 1] = eng_verifier_instance(verifier, &match->ids[rule->element_count + i]);
    }
    verifier->req->ways = ways;
    verifier->req->way_count = rule->portal_count + 1;
    return JIT_OK;
}

/* Too much to keep until its turn comes, of all that may never win? The values that it leaves, and
 * what invariants looked at, are not bounded by the rule. */
static bool is_heavy(const struct rmg_engine *engine, const struct eng_chunk *chunk, bool asked)
{
    uint64_t bytes = chunk->values.size;
    bytes += asked ? chunk->watch->after.read_count * sizeof(struct eng_use) : 0;
    return chunk != &engine->again && bytes > engine->light_bytes;
}

/* What it uses and does, for its turn. asked: as eng_invariants_ask said. */
static enum jit_err keep(struct eng_verifier *verifier, uint32_t asked)
{
    struct eng_chunk *chunk = verifier->chunk;
    struct eng_req *req = verifier->req;
    const struct rmg_scratch_mark mark = rmg_scratch_mark(&chunk->arena);
    req->heavy = is_heavy(verifier->engine, chunk, asked != 0);
    enum jit_err err = eng_findings_collect(verifier);
    if (err == JIT_OK && asked != 0) {
        err = eng_invariants_reads(verifier, asked);
    }
    if (err == JIT_OK) {
        err = eng_findings_keep(verifier);
    }
    if (err == JIT_OK && req->heavy) {
        rmg_scratch_rewind(&chunk->arena, mark);
    }
    return err;
}

static enum jit_err verify_one(struct rmg_engine *engine, struct eng_chunk *chunk,
                               struct rmg_effect *effect, struct rmg_found *found,
                               struct eng_priors *priors, uint32_t index)
{
    const struct rmg_request *request = &engine->input->requests[index];
    struct eng_req *req = &engine->reqs[index];
    const struct eng_instance *instance = &engine->instances[req->instance];
    struct eng_verifier verifier = {.engine = engine,
                                    .chunk = chunk,
                                    .priors = priors,
                                    .req = req,
                                    .effect = effect,
                                    .instance = instance,
                                    .graph = instance->graph,
                                    .nest = {.enter = eng_instance_enter, .user = engine},
                                    .match = {.rule = request->rule,
                                              .instance = request->instance,
                                              .ids = request->ids,
                                              .id_count = request->id_count,
                                              .params = request->params,
                                              .params_size = request->params_size,
                                              .key = req->match_key,
                                              .request_key = req->request_key,
                                              .root_node = &instance->root_node,
                                              .drawn = request->due,
                                              .sought = &engine->input->sought},
                                    .index = index,
                                    .instance_index = req->instance};
    uint32_t asked = 0;

    req->slots = 0;
    req->cost = 1;
    req->heavy = false;
    if (!instance->exists) {
        req->result = RMG_NO_MATCH;
        return JIT_OK;
    }
    verifier.graph.nest = &verifier.nest;
    verifier.graph.found = found;
    enum jit_err err = verify_match(&verifier);
    if (err == JIT_OK && req->result == RMG_APPLIED) {
        err = pass_gates(&verifier);
    }
    if (err == JIT_OK && req->result == RMG_APPLIED) {
        err = hold_invariants(&verifier, &asked);
    }
    if (err == JIT_OK && req->result == RMG_APPLIED) {
        err = keep_ways(&verifier);
    }
    if (err == JIT_OK && req->result == RMG_APPLIED) {
        err = keep(&verifier, asked);
    }
    return err;
}

static void trim(struct rmg_engine *engine, struct eng_chunk *chunk)
{
    if (chunk->values.capacity > KEPT_BYTES) {
        jit_buf_release(&chunk->values);
        jit_buf_init(&chunk->values, engine->heap, JIT_PATCH_BYTES_MAX);
    }
    if (chunk->use_capacity * sizeof *chunk->uses > KEPT_BYTES) {
        engine->heap->free(engine->heap, chunk->uses);
        chunk->uses = NULL;
        chunk->use_capacity = 0;
    }
    if (chunk->op_capacity * sizeof *chunk->ops > KEPT_BYTES) {
        engine->heap->free(engine->heap, chunk->ops);
        chunk->ops = NULL;
        chunk->op_capacity = 0;
    }
}

void eng_verify_close(struct eng_chunk *chunk)
{
    rmg_watch_free(chunk->watch);
    chunk->watch = NULL;
    rmg_scratch_release(&chunk->asked);
}

void eng_verify_task(void *user, size_t chunk_index)
{
    struct rmg_engine *engine = user;
    struct eng_chunk *chunk = &engine->chunks[chunk_index];
    const uint32_t *todo = engine->todo + chunk_index * ENG_CHUNK;
    uint32_t count = engine->todo_count - (uint32_t)chunk_index * ENG_CHUNK;
    struct rmg_effect effect;
    struct eng_priors priors;
    struct rmg_found found;
    uint32_t warmed = 0;

    count = count < ENG_CHUNK ? count : ENG_CHUNK;
    effect.values = &chunk->values;
    priors.count = 0;
    priors.settled = 0;
    for (uint32_t i = 0; i < count && chunk->err == JIT_OK; i++) {
        if (i + 2 * AHEAD < count) {
            __builtin_prefetch(&engine->input->requests[todo[i + 2 * AHEAD]].ids);
            __builtin_prefetch(&engine->reqs[todo[i + 2 * AHEAD]]);
        }
        if (i + AHEAD < count) {
            __builtin_prefetch(engine->input->requests[todo[i + AHEAD]].ids);
        }
        if (i == warmed) {
            uint32_t end = count - i < WARM_BATCH ? count : i + WARM_BATCH;
            warmed = eng_warm_batch(engine, todo, i, end, &found);
        }
        if (eng_may_ask(engine, todo[i])) {
            chunk->err =
                verify_one(engine, chunk, &effect, warmed > i ? &found : NULL, &priors, todo[i]);
            eng_asked(engine, todo[i]);
            trim(engine, chunk);
        }
    }
    if (chunk->err == JIT_OK && priors.count > 0) {
        assert(priors.settled == priors.count);
        chunk->err = eng_priors_flush(&priors);
    }
    eng_verify_close(chunk);
}

enum jit_err eng_verify_alone(struct rmg_engine *engine, uint32_t index)
{
    struct eng_chunk *chunk = &engine->again;
    struct rmg_effect effect = {.values = &chunk->values};
    struct eng_priors priors = {.count = 0};
    chunk->err = JIT_OK;
    enum jit_err err = verify_one(engine, chunk, &effect, NULL, &priors, index);
    if (err == JIT_OK && priors.count > 0) {
        err = eng_priors_flush(&priors);
    }
    trim(engine, chunk);
    return err;
}

#include "rmg/engine/engine_verify_priv.h"

#include "base/check.h"

struct watching {
    const struct jit_id *instance;
    struct rmg_after *after;
    struct rmg_scratch *scratch;
    enum jit_err err;
};

static bool watch_op(void *user, const struct rmg_emit *emit)
{
    struct watching *watching = user;
    if (jit_id_equal(&emit->op.instance, watching->instance)) {
        watching->err = rmg_emit_after(watching->after, emit, watching->scratch);
    }
    return watching->err == JIT_OK;
}

/* Are the invariants to hold in the instance of this place, and does the rule change it? */
static bool is_watched(const struct rmg_request *request, uint32_t place)
{
    const struct rmg_rule *rule = request->rule;
    bool changes = rule->portal_count == 0;
    for (uint32_t i = 0; i < rule->element_count && !changes; i++) {
        changes = rule->elements[i].deleted && rule->elements[i].place == place;
    }
    for (uint32_t i = 0; i < rule->create_count && !changes; i++) {
        changes = rule->creates[i].place == place;
    }
    for (uint32_t i = 0; i < rule->update_count && !changes; i++) {
        changes = rmg_rule_place(rule, rule->updates[i].target) == place;
    }
    return changes &&
           (place == 0 ? request->watched : (request->watched_inside >> (place - 1) & 1) != 0);
}

/* Do the invariants hold in the instance of this place after the match alone? */
static enum jit_err ask_place(const struct eng_verifier *verifier, uint32_t place)
{
    const struct rmg_match *match = &verifier->match;
    const struct rmg_tick_input *input = verifier->engine->input;
    struct eng_chunk *chunk = verifier->chunk;
    struct eng_req *req = verifier->req;
    const struct jit_id *instance =
        place == 0 ? &match->instance : &match->ids[match->rule->element_count + place - 1];
    struct watching watching = {
        .instance = instance, .after = &chunk->watch->after, .scratch = &chunk->asked};
    enum rmg_result result = RMG_APPLIED;
    rmg_scratch_reset(&chunk->asked);
    rmg_after_begin(watching.after,
                    eng_verifier_graph(verifier, eng_verifier_instance(verifier, instance)),
                    input->budget);
    (void)rmg_match_execute(match, verifier->effect, watch_op, &watching);
    if (watching.err == JIT_ELIMIT) {
        req->result = RMG_OVERFLOW; /* of a sum, as reservation would have said */
        return JIT_OK;
    }
    enum jit_err err = watching.err;
    if (err == JIT_OK) {
        err = rmg_watch_ask(chunk->watch, match->rule, &result, &req->blocker);
        req->cost += watching.after->looks;
    }
    req->result = (uint16_t)result;
    return err;
}

enum jit_err eng_invariants_ask(const struct eng_verifier *verifier, uint32_t *asked)
{
    const struct rmg_rule *rule = verifier->match.rule;
    const struct rmg_tick_input *input = verifier->engine->input;
    const struct rmg_request *request = &input->requests[verifier->index];
    struct eng_chunk *chunk = verifier->chunk;
    struct eng_req *req = verifier->req;
    *asked = 0;
    if (chunk->watch == NULL) {
        enum jit_err err = rmg_watch_new(verifier->engine->heap, input->invariants,
                                         input->invariant_count, &chunk->watch);
        if (err != JIT_OK) {
            return err;
        }
    }
    if (!rmg_watch_concerns(chunk->watch, rule)) {
        return JIT_OK;
    }
    for (uint32_t place = 0; place <= rule->portal_count; place++) {
        if (is_watched(request, place)) {
            enum jit_err err = ask_place(verifier, place);
            if (err != JIT_OK || req->result != RMG_APPLIED) {
                return err;
            }
            *asked |= 1u << place;
        }
    }
    return JIT_OK;
}

#define FILTER_BITS 32768u

/* What was looked at for them is read as well. A slot that the rewrite uses itself is so with its
 * strongest use: what was blind is written. */
static enum jit_err add_reads(struct eng_verifier *verifier)
{
    struct eng_chunk *chunk = verifier->chunk;
    const struct rmg_after *after = &chunk->watch->after;
    const size_t own = chunk->use_count;
    uint64_t filter[FILTER_BITS / 64] = {0};
    for (size_t i = 0; i < own; i++) {
        uint64_t bit = chunk->uses[i].hash % FILTER_BITS;
        filter[bit / 64] |= (uint64_t)1 << bit % 64;
    }
    for (size_t r = 0; r < after->read_count; r++) {
        const struct rmg_use use = {.slot = after->reads[r], .access = RMG_ACCESS_READ};
        enum jit_err err = eng_findings_use(verifier, &use);
        if (err != JIT_OK) {
            return err;
        }
        const struct eng_use *read = &chunk->uses[chunk->use_count - 1];
        uint64_t bit = read->hash % FILTER_BITS;
        for (size_t i = 0; i < own && (filter[bit / 64] >> bit % 64 & 1) != 0; i++) {
            struct eng_use *known = &chunk->uses[i];
            if (known->hash != read->hash || !eng_same_slot(known, read)) {
                continue;
            }
            verifier->patch_bytes -= eng_use_size(read) + eng_use_size(known);
            chunk->use_count--;
            if (known->access == RMG_ACCESS_BLIND) {
                verifier->patch_bytes += known->join == RMG_JOIN_UNION ? (uint64_t)known->base : 0;
                known->access = RMG_ACCESS_WRITE;
                known->join = RMG_JOIN_NONE;
            }
            known->read = true;
            verifier->patch_bytes += eng_use_size(known);
            break;
        }
    }
    return JIT_OK;
}

/* One place at a time is in memory: where there were several, they are asked again. */
enum jit_err eng_invariants_reads(struct eng_verifier *verifier, uint32_t asked)
{
    const bool several = (asked & (asked - 1)) != 0;
    enum jit_err err = JIT_OK;
    for (uint32_t place = 0; asked >> place != 0 && err == JIT_OK; place++) {
        if ((asked >> place & 1) == 0) {
            continue;
        }
        if (several) {
            err = ask_place(verifier, place);
        }
        if (err == JIT_OK) {
            err = add_reads(verifier);
        }
    }
    return err;
}

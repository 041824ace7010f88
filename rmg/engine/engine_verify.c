#include "base/check.h"
#include "base/le.h"
#include "rmg/engine/engine_priv.h"
#include "rmg/change/patch_priv.h"

#define WARM_BATCH 32u /* requests whose paths are asked for together */
#define AHEAD      4u  /* requests whose bytes are asked for before they are needed */

/* Buffers that one request has made larger go back to the heap: there is one for each chunk. */
#define KEPT_BYTES (256u << 10)

/* Values that rewrites replace, in the frozen version, to be hashed side by side. */
struct prior_batch {
    struct rmg_attachment old[RMG_VALUES_MAX];
    struct jit_id *to[RMG_VALUES_MAX];
    uint32_t op[RMG_VALUES_MAX]; /* of the request at hand, whose operations still move */
    uint32_t count;
    uint32_t settled; /* those before it know where they go */
    enum rmg_plane plane;
};

/* One verification: where its findings go. */
struct verifier {
    struct rmg_engine *engine;
    struct prior_batch *priors;
    struct eng_chunk *chunk;
    const struct eng_instance *instance;
    struct rmg_graph graph; /* of the instance */
    struct rmg_nest nest;
    uint32_t index; /* of the request */
    uint32_t instance_index;
    uint64_t patch_bytes;
};

/* Of an instance that the match is at work in: its number, its graph. */
static uint32_t instance_at(const struct verifier *verifier, const struct jit_id *instance)
{
    return jit_id_equal(instance, &verifier->instance->id)
               ? verifier->instance_index
               : eng_instance_find(verifier->engine, instance);
}

static const struct rmg_graph *graph_at(const struct verifier *verifier, uint32_t instance)
{
    return instance == verifier->instance_index ? &verifier->graph
                                                : &verifier->engine->instances[instance].graph;
}

/* What a sum starts from. Verification has found a number there, in this very version. */
static enum jit_err number_of(const struct rmg_value *value, int64_t *out)
{
    if (value->kind != RMG_VALUE_ATOM || value->size != 8 ||
        !jit_id_equal(&value->type, rmg_codec_type(RMG_CODEC_I64))) {
        return JIT_ECORRUPT;
    }
    *out = (int64_t)jit_le64(value->bytes);
    return JIT_OK;
}

/* What a join counts from: a number, or the bytes of a list. */
static enum jit_err read_base(const struct rmg_graph *graph, const struct rmg_slot *slot,
                              enum rmg_join join, int64_t *out)
{
    struct rmg_value value;
    enum rmg_plane plane = slot->kind == RMG_SLOT_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    enum jit_err err =
        rmg_attachment_get(graph, plane, &slot->id, slot->name, slot->name_size, &value);
    if (err == JIT_OK && join == RMG_JOIN_SUM) {
        err = number_of(&value, out);
    } else if (err == JIT_OK) {
        *out = value.size;
    }
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

static enum jit_err keep_use(struct verifier *verifier, const struct rmg_use *use)
{
    struct eng_chunk *chunk = verifier->chunk;
    const struct rmg_slot *slot = &use->slot;
    enum jit_err err =
        ENG_ROOM(verifier->engine, chunk->uses, chunk->use_capacity, chunk->use_count + 1);
    if (err != JIT_OK) {
        return err;
    }
    struct eng_use *kept = &chunk->uses[chunk->use_count];
    *kept = (struct eng_use){.id = slot->id,
                             .rest = slot->name,
                             .delta = use->delta,
                             .instance = instance_at(verifier, &slot->instance),
                             .kind = (uint8_t)slot->kind,
                             .direction = (uint8_t)slot->direction,
                             .access = (uint8_t)use->access,
                             .join = (uint8_t)use->join,
                             .name_size = (uint8_t)slot->name_size,
                             .read = use->read || use->access == RMG_ACCESS_READ};
    if (slot->kind == RMG_SLOT_INCIDENCE) {
        kept->rest = rmg_scratch_copy(&chunk->arena, &slot->type, sizeof slot->type);
        if (kept->rest == NULL) {
            return JIT_ENOMEM;
        }
    }
    if (use->access == RMG_ACCESS_BLIND &&
        (use->join == RMG_JOIN_SUM || use->join == RMG_JOIN_UNION)) {
        err = read_base(graph_at(verifier, kept->instance), slot, use->join, &kept->base);
    }
    kept->hash = eng_use_hash(verifier->engine, kept);
    chunk->use_count++;
    verifier->patch_bytes += eng_use_size(kept);
    return err;
}

static bool take_use(void *user, const struct rmg_use *use)
{
    struct verifier *verifier = user;
    verifier->chunk->err = keep_use(verifier, use);
    return verifier->chunk->err == JIT_OK;
}

static bool is_created(const struct eng_chunk *chunk, uint32_t instance, const struct jit_id *id)
{
    for (size_t i = 0; i < chunk->op_count; i++) {
        const struct eng_op *op = &chunk->ops[i];
        if ((op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE) &&
            op->instance == instance && jit_id_equal(&op->id, id)) {
            return true;
        }
    }
    return false;
}

static enum jit_err priors_flush(struct prior_batch *batch)
{
    uint32_t count = batch->settled;
    enum jit_err err = rmg_values_of_attachments(batch->plane, batch->old, count, batch->to);
    batch->count -= count;
    batch->settled = 0;
    memmove(batch->old, batch->old + count, batch->count * sizeof batch->old[0]);
    memmove(batch->op, batch->op + count, batch->count * sizeof batch->op[0]);
    return err;
}

/* A request with more of them than the batch has room for has some hashed by themselves. */
static enum jit_err prior_add(struct prior_batch *batch, enum rmg_plane plane,
                              const struct rmg_attachment *old, struct eng_op *op)
{
    enum jit_err err = JIT_OK;
    if (batch->settled > 0 && (batch->count == RMG_VALUES_MAX || batch->plane != plane)) {
        err = priors_flush(batch);
    }
    if (err != JIT_OK || batch->count == RMG_VALUES_MAX ||
        (batch->count > 0 && batch->plane != plane)) {
        return err != JIT_OK ? err : rmg_value_of_attachment(plane, old, &op->prior);
    }
    batch->plane = plane;
    batch->old[batch->count] = *old;
    batch->op[batch->count++] = op->index;
    return JIT_OK;
}

/* The operations lie where they stay: write the hashes there. */
static void priors_settle(struct prior_batch *batch, const struct eng_req *req)
{
    for (; batch->settled < batch->count; batch->settled++) {
        /* Ours until the task ends, though the other steps only read them. */
        struct eng_op *ops = (struct eng_op *)(uintptr_t)req->ops;
        batch->to[batch->settled] = &ops[batch->op[batch->settled]].prior;
    }
}

/* The value an attachment has now. Verification leaves portals alone: they are the only way to an
 * instance, and no rule moves one. */
static enum jit_err look_at_old(struct verifier *verifier, const struct rmg_emit *emit,
                                struct eng_op *kept)
{
    const struct rmg_op *op = &emit->op;
    struct rmg_attachment old = op->attachment;
    if (is_created(verifier->chunk, kept->instance, &op->id)) {
        return JIT_OK;
    }
    enum jit_err err = rmg_attachment_get(graph_at(verifier, kept->instance), op->plane, &op->id,
                                          old.name, old.name_size, &old.value);
    if (err == JIT_ENOENT) {
        return JIT_OK;
    }
    if (err != JIT_OK) {
        return err;
    }
    assert(old.value.kind == RMG_VALUE_ATOM);
    if (emit->join == RMG_JOIN_SUM) {
        err = number_of(&old.value, &kept->base);
    } else if (emit->join == RMG_JOIN_UNION) {
        kept->base = old.value.size;
    }
    return err == JIT_OK ? prior_add(verifier->priors, op->plane, &old, kept) : err;
}

/* Names lie in the rule or in the frozen version, both of which outlive the tick; values in a
 * buffer that the next request reuses. */
static enum jit_err copy_attachment(struct rmg_scratch *arena, const struct rmg_op *op,
                                    struct eng_op *kept)
{
    struct rmg_value *value = &kept->as.attachment.value;
    kept->as.attachment = op->attachment;
    if (op->kind == RMG_OP_SET_ATTACHMENT && value->size > 0) {
        value->bytes = rmg_scratch_copy(arena, value->bytes, value->size);
        return value->bytes == NULL ? JIT_ENOMEM : JIT_OK;
    }
    return JIT_OK;
}

static enum jit_err keep_attachment(struct verifier *verifier, const struct rmg_emit *emit,
                                    struct eng_op *kept)
{
    enum jit_err err = look_at_old(verifier, emit, kept);
    return err == JIT_OK ? copy_attachment(&verifier->chunk->arena, &emit->op, kept) : err;
}

static enum jit_err keep_element(struct verifier *verifier, const struct rmg_op *op,
                                 struct eng_op *kept)
{
    kept->as.element.type = op->type;
    kept->as.element.from = op->from;
    kept->as.element.to = op->to;
    if (op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE) {
        return JIT_OK; /* created: verification has refused ids that exist */
    }
    enum jit_err err = patch_prior(graph_at(verifier, kept->instance), op, &kept->prior);
    return err == JIT_OK && jit_id_is_zero(&kept->prior) ? JIT_ECORRUPT : err; /* it was matched */
}

static enum jit_err keep_op(struct verifier *verifier, const struct rmg_emit *emit)
{
    struct eng_chunk *chunk = verifier->chunk;
    const struct rmg_op *op = &emit->op;
    enum jit_err err =
        ENG_ROOM(verifier->engine, chunk->ops, chunk->op_capacity, chunk->op_count + 1);
    if (err != JIT_OK) {
        return err;
    }
    assert(op->kind != RMG_OP_DELETE_INSTANCE && op->kind != RMG_OP_UPSERT_INSTANCE);
    struct eng_op *kept = &chunk->ops[chunk->op_count];
    *kept = (struct eng_op){.id = op->id,
                            .instance = instance_at(verifier, &op->instance),
                            .request = verifier->index,
                            .index = (uint32_t)chunk->op_count,
                            .kind = (uint8_t)op->kind,
                            .plane = (uint8_t)op->plane,
                            .join = (uint8_t)emit->join,
                            .delta = emit->delta};
    chunk->op_count++;
    if (op->kind == RMG_OP_SET_ATTACHMENT || op->kind == RMG_OP_CLEAR_ATTACHMENT) {
        err = keep_attachment(verifier, emit, kept);
    } else {
        err = keep_element(verifier, op, kept);
    }
    assert(op->origin_count == 0); /* it gets one: this request */
    verifier->patch_bytes += rmg_op_size(op) + PATCH_ORIGIN_BYTES;
    /* The list that is there is written again: once, also where many put something into it. */
    verifier->patch_bytes += emit->alone ? (uint64_t)kept->base : 0;
    return err;
}

static bool take_op(void *user, const struct rmg_emit *emit)
{
    struct verifier *verifier = user;
    verifier->chunk->err = keep_op(verifier, emit);
    return verifier->chunk->err == JIT_OK;
}

/* From the chunk's scratch to where they stay until the end of the tick. */
static enum jit_err keep_findings(struct verifier *verifier, struct eng_req *req)
{
    struct eng_chunk *chunk = verifier->chunk;
    req->use_count = (uint32_t)chunk->use_count;
    req->op_count = (uint32_t)chunk->op_count;
    req->patch_bytes =
        verifier->patch_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)verifier->patch_bytes;
    if (req->heavy) {
        return JIT_OK;
    }
    if (chunk->use_count > 0) {
        req->uses =
            rmg_scratch_copy(&chunk->arena, chunk->uses, chunk->use_count * sizeof *chunk->uses);
    }
    if (chunk->op_count > 0) {
        req->ops =
            rmg_scratch_copy(&chunk->arena, chunk->ops, chunk->op_count * sizeof *chunk->ops);
    }
    if ((chunk->use_count > 0 && req->uses == NULL) || (chunk->op_count > 0 && req->ops == NULL)) {
        return JIT_ENOMEM;
    }
    return JIT_OK;
}

/* ---- gates: what the capability of a request lets be matched and written ---- */

static bool has_type(const struct jit_id *types, uint32_t count, const struct jit_id *type)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = jit_id_compare(&types[middle], type);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

bool eng_gate_lets(const struct rmg_gate *gate, bool edge, const struct jit_id *type)
{
    return edge ? gate->any_edge || has_type(gate->edges, gate->edge_count, type)
                : gate->any_node || has_type(gate->nodes, gate->node_count, type);
}

static enum rmg_gate_stop matched_within(const struct rmg_gate *gate, const struct rmg_rule *rule,
                                         const struct rmg_effect *effect)
{
    for (uint32_t i = 0; i < rule->element_count; i++) {
        bool edge = rule->elements[i].is_edge;
        if (!eng_gate_lets(gate, edge, edge ? &effect->edges[i].type : &effect->types[i])) {
            return edge ? RMG_GATE_EDGE : RMG_GATE_NODE;
        }
    }
    return RMG_GATE_OPEN;
}

struct gate_walk {
    const struct verifier *verifier;
    const struct rmg_gate *gate;
    const struct rmg_rule *rule;
    const struct rmg_effect *effect;
    enum rmg_gate_stop stop;
    enum jit_err err;
};

/* The type of the element that an operation is about: created by the rewrite, or as it is. */
static enum jit_err type_of(const struct gate_walk *walk, const struct rmg_op *op, bool edge,
                            struct jit_id *out)
{
    struct rmg_edge found;
    if (op->kind == RMG_OP_UPSERT_NODE || op->kind == RMG_OP_UPSERT_EDGE) {
        *out = op->type;
        return JIT_OK;
    }
    for (uint32_t i = 0; i < walk->rule->create_count; i++) {
        if (jit_id_equal(&walk->effect->created[i], &op->id)) {
            *out = walk->rule->creates[i].type;
            return JIT_OK;
        }
    }
    const struct rmg_graph *graph =
        graph_at(walk->verifier, instance_at(walk->verifier, &op->instance));
    if (!edge) {
        return rmg_node_type(graph, &op->id, out);
    }
    enum jit_err err = rmg_edge_get(graph, &op->id, &found);
    *out = found.type;
    return err;
}

static bool gate_op(void *user, const struct rmg_emit *emit)
{
    struct gate_walk *walk = user;
    const struct rmg_op *op = &emit->op;
    bool attachment = op->kind == RMG_OP_SET_ATTACHMENT || op->kind == RMG_OP_CLEAR_ATTACHMENT;
    bool edge = attachment ? op->plane == RMG_PLANE_BETA
                           : op->kind == RMG_OP_UPSERT_EDGE || op->kind == RMG_OP_DELETE_EDGE;
    struct jit_id type = {{0}};
    walk->err = type_of(walk, op, edge, &type);
    if (walk->err == JIT_OK && !eng_gate_lets(walk->gate, edge, &type)) {
        walk->stop = edge ? RMG_GATE_WRITES_EDGE : RMG_GATE_WRITES_NODE;
    }
    return walk->err == JIT_OK && walk->stop == RMG_GATE_OPEN;
}

/* Of a match that was verified: is every element, and every effect, let through? */
static enum jit_err look_at_gates(const struct verifier *verifier, const struct rmg_match *match,
                                  const struct rmg_effect *effect, struct rmg_request *request)
{
    enum rmg_gate_stop stop = RMG_GATE_OPEN;
    if (request->within != NULL) {
        stop = matched_within(request->within, match->rule, effect);
    }
    struct gate_walk walk = {.verifier = verifier,
                             .gate = request->writes,
                             .rule = match->rule,
                             .effect = effect,
                             .stop = stop};
    if (stop == RMG_GATE_OPEN && request->writes != NULL) {
        (void)rmg_match_execute(match, effect, gate_op, &walk);
    }
    request->gate = (uint16_t)walk.stop;
    return walk.err == JIT_ENOENT ? JIT_ECORRUPT : walk.err;
}

/* ---- invariants ---- */

void eng_verify_close(struct eng_chunk *chunk)
{
    rmg_watch_free(chunk->watch);
    chunk->watch = NULL;
    rmg_scratch_release(&chunk->asked);
}

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
static enum jit_err ask_place(const struct verifier *verifier, const struct rmg_match *match,
                              const struct rmg_effect *effect, uint32_t place)
{
    const struct rmg_tick_input *input = verifier->engine->input;
    struct eng_chunk *chunk = verifier->chunk;
    struct eng_req *req = &verifier->engine->reqs[verifier->index];
    const struct jit_id *instance =
        place == 0 ? &match->instance : &match->ids[match->rule->element_count + place - 1];
    struct watching watching = {
        .instance = instance, .after = &chunk->watch->after, .scratch = &chunk->asked};
    enum rmg_result result = RMG_APPLIED;
    rmg_scratch_reset(&chunk->asked);
    rmg_after_begin(watching.after, graph_at(verifier, instance_at(verifier, instance)),
                    input->budget);
    (void)rmg_match_execute(match, effect, watch_op, &watching);
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

/* Of a match that was verified: do the invariants hold after it alone? asked: the places where
 * somebody looked, a bit each. */
static enum jit_err look_at_invariants(const struct verifier *verifier,
                                       const struct rmg_match *match,
                                       const struct rmg_effect *effect, uint32_t *asked)
{
    const struct rmg_tick_input *input = verifier->engine->input;
    const struct rmg_request *request = &input->requests[verifier->index];
    struct eng_chunk *chunk = verifier->chunk;
    struct eng_req *req = &verifier->engine->reqs[verifier->index];
    *asked = 0;
    if (input->invariant_count == 0 || (!request->watched && request->watched_inside == 0)) {
        return JIT_OK;
    }
    if (chunk->watch == NULL) {
        enum jit_err err = rmg_watch_new(verifier->engine->heap, input->invariants,
                                         input->invariant_count, &chunk->watch);
        if (err != JIT_OK) {
            return err;
        }
    }
    if (!rmg_watch_concerns(chunk->watch, match->rule)) {
        return JIT_OK;
    }
    for (uint32_t place = 0; place <= match->rule->portal_count; place++) {
        if (is_watched(request, place)) {
            enum jit_err err = ask_place(verifier, match, effect, place);
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
static enum jit_err add_reads(struct verifier *verifier)
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
        enum jit_err err = keep_use(verifier, &use);
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

/* Of each place where somebody looked. One place at a time is in memory: where there were several,
 * they are asked again. */
static enum jit_err add_all_reads(struct verifier *verifier, const struct rmg_match *match,
                                  const struct rmg_effect *effect, uint32_t asked)
{
    const bool several = (asked & (asked - 1)) != 0;
    enum jit_err err = JIT_OK;
    for (uint32_t place = 0; asked >> place != 0 && err == JIT_OK; place++) {
        if ((asked >> place & 1) == 0) {
            continue;
        }
        if (several) {
            err = ask_place(verifier, match, effect, place);
        }
        if (err == JIT_OK) {
            err = add_reads(verifier);
        }
    }
    return err;
}

/* The instances behind its portals: whoever reads in them reads the way there. */
static enum jit_err keep_ways(const struct verifier *verifier, const struct rmg_match *match,
                              struct eng_req *req)
{
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
        ways[i + 1] = instance_at(verifier, &match->ids[rule->element_count + i]);
    }
    req->ways = ways;
    req->way_count = rule->portal_count + 1;
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

static enum jit_err verify_one(struct rmg_engine *engine, struct eng_chunk *chunk,
                               struct rmg_effect *effect, struct rmg_found *found,
                               struct prior_batch *priors, uint32_t index)
{
    const struct rmg_request *request = &engine->input->requests[index];
    struct eng_req *req = &engine->reqs[index];
    const struct eng_instance *instance = &engine->instances[req->instance];
    struct verifier verifier = {.engine = engine,
                                .chunk = chunk,
                                .priors = priors,
                                .instance = instance,
                                .graph = instance->graph,
                                .index = index,
                                .instance_index = req->instance};
    struct rmg_match match = {.rule = request->rule,
                              .instance = request->instance,
                              .ids = request->ids,
                              .id_count = request->id_count,
                              .params = request->params,
                              .params_size = request->params_size,
                              .key = req->match_key,
                              .request_key = req->request_key,
                              .root_node = &instance->root_node,
                              .drawn = request->due,
                              .sought = &engine->input->sought};
    uint32_t slots = 0;

    req->slots = 0;
    req->cost = 1;
    req->heavy = false;
    if (!instance->exists) {
        req->result = RMG_NO_MATCH;
        return JIT_OK;
    }
    verifier.nest = (struct rmg_nest){.enter = eng_instance_enter, .user = engine};
    verifier.graph.nest = &verifier.nest;
    verifier.graph.found = found;
    jit_buf_reset(&chunk->values);
    chunk->use_count = 0;
    chunk->op_count = 0;
    enum rmg_result result = rmg_match_verify(&verifier.graph, &match, &engine->draw,
                                              engine->input->budget, effect, &slots, &chunk->err);
    req->slots = slots;
    req->cost += slots;
    if (chunk->err == JIT_ELIMIT) { /* its values alone are more than any patch holds */
        chunk->err = JIT_OK;
        result = RMG_OVER_QUOTA;
    }
    if (chunk->err != JIT_OK) {
        return chunk->err;
    }
    req->result = (uint16_t)result;
    if (result != RMG_APPLIED) {
        return JIT_OK;
    }
    if (request->within != NULL || request->writes != NULL) {
        chunk->err = look_at_gates(&verifier, &match, effect, &engine->input->requests[index]);
        if (chunk->err != JIT_OK || request->gate != RMG_GATE_OPEN) {
            req->result = RMG_DENIED;
            return chunk->err;
        }
    }
    uint32_t asked = 0;
    chunk->err = look_at_invariants(&verifier, &match, effect, &asked);
    if (chunk->err == JIT_OK && req->result == RMG_APPLIED) {
        chunk->err = keep_ways(&verifier, &match, req);
    }
    if (chunk->err != JIT_OK || req->result != RMG_APPLIED) {
        return chunk->err;
    }
    const struct rmg_scratch_mark mark = rmg_scratch_mark(&chunk->arena);
    req->heavy = is_heavy(engine, chunk, asked != 0);
    bool all = rmg_match_footprint(&match, effect, take_use, &verifier) &&
               rmg_match_execute(&match, effect, take_op, &verifier);
    if (chunk->err != JIT_OK) {
        return chunk->err;
    }
    assert(all);
    enum jit_err err = add_all_reads(&verifier, &match, effect, asked);
    if (err == JIT_OK) {
        err = keep_findings(&verifier, req);
    }
    if (err == JIT_OK && req->heavy) {
        priors->count = priors->settled;
        rmg_scratch_rewind(&chunk->arena, mark);
    } else if (err == JIT_OK) {
        priors_settle(priors, req);
    }
    return err;
}

void eng_verify_task(void *user, size_t chunk_index)
{
    struct rmg_engine *engine = user;
    struct eng_chunk *chunk = &engine->chunks[chunk_index];
    const uint32_t *todo = engine->todo + chunk_index * ENG_CHUNK;
    uint32_t count = engine->todo_count - (uint32_t)chunk_index * ENG_CHUNK;
    struct rmg_effect effect;
    struct prior_batch priors;
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
        chunk->err = priors_flush(&priors);
    }
    eng_verify_close(chunk);
}

enum jit_err eng_verify_alone(struct rmg_engine *engine, uint32_t index)
{
    struct eng_chunk *chunk = &engine->again;
    struct rmg_effect effect = {.values = &chunk->values};
    struct prior_batch priors = {.count = 0};
    chunk->err = JIT_OK;
    enum jit_err err = verify_one(engine, chunk, &effect, NULL, &priors, index);
    if (err == JIT_OK && priors.count > 0) {
        err = priors_flush(&priors);
    }
    trim(engine, chunk);
    return err;
}

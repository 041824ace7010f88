#include "rmg/engine/engine_verify_priv.h"

/* What the capability of a request lets be matched and written. */

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
    const struct eng_verifier *verifier;
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
        eng_verifier_graph(walk->verifier, eng_verifier_instance(walk->verifier, &op->instance));
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

enum jit_err eng_gates_ask(const struct eng_verifier *verifier, struct rmg_request *request)
{
    const struct rmg_match *match = &verifier->match;
    const struct rmg_effect *effect = verifier->effect;
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

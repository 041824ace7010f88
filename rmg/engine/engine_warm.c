/* What the requests of a batch will read, asked for all at once. */
#include "rmg/engine/engine_priv.h"

#define WARM_KEYS 256u /* what is asked for together */

struct warm_list {
    struct rmg_warm_key keys[WARM_KEYS];
    size_t count;
};

static void warm_add(const struct rmg_graph *graph, struct warm_list *list, enum rmg_map map,
                     const struct jit_id *id)
{
    list->keys[list->count++] = (struct rmg_warm_key){.id = id, .map = map};
    if (list->count == WARM_KEYS) {
        rmg_graph_warm_keys(graph, list->keys, list->count);
        list->count = 0;
    }
}

/* The elements of its match and the owners of what it reads and writes. */
static void warm_request(const struct rmg_graph *graph, const struct rmg_request *request,
                         struct warm_list *list)
{
    const struct rmg_rule *rule = request->rule;
    uint64_t owners = 0;
    for (uint32_t i = 0; i < rule->field_count; i++) {
        owners |= (uint64_t)1 << rule->fields[i].element;
    }
    for (uint32_t i = 0; i < rule->update_count; i++) {
        uint8_t target = rule->updates[i].target;
        owners |= (target & RMG_RULE_CREATED) != 0 ? 0 : (uint64_t)1 << target;
    }
    for (uint32_t i = 0; i < request->id_count && i < rule->element_count; i++) {
        bool edge = rule->elements[i].is_edge;
        if (rule->elements[i].place != 0) {
            continue; /* it lies in another graph */
        }
        warm_add(graph, list, edge ? RMG_EDGES : RMG_NODES, &request->ids[i]);
        if ((owners >> i & 1) != 0) {
            warm_add(graph, list, edge ? RMG_BETA : RMG_ALPHA, &request->ids[i]);
        }
    }
}

uint32_t eng_warm_batch(const struct rmg_engine *engine, const uint32_t *todo, uint32_t begin,
                        uint32_t end, struct rmg_found *found)
{
    struct warm_list list;
    uint32_t instance = engine->reqs[todo[begin]].instance;
    struct rmg_graph graph = engine->instances[instance].graph;
    memset(found, 0, sizeof *found);
    graph.found = found;
    list.count = 0;
    uint32_t at = begin;
    for (; at < end && engine->reqs[todo[at]].instance == instance; at++) {
        warm_request(&graph, &engine->input->requests[todo[at]], &list);
    }
    rmg_graph_warm_keys(&graph, list.keys, list.count);
    return at;
}

/* What the requests of a batch will read, asked for all at once. */
#include "rmg/engine/engine_priv.h"

#define WARM_IDS 128u /* ids of a map that are asked for together */

struct warm_list {
    const struct jit_id *ids[WARM_IDS];
    size_t count;
};

static void warm_add(const struct rmg_graph *graph, enum rmg_map map, struct warm_list *list,
                     const struct jit_id *id)
{
    list->ids[list->count++] = id;
    if (list->count == WARM_IDS) {
        rmg_graph_warm(graph, map, list->ids, list->count);
        list->count = 0;
    }
}

/* The elements of its match and the owners of what it reads and writes. */
static void warm_request(const struct rmg_graph *graph, const struct rmg_request *request,
                         struct warm_list lists[RMG_MAPS_HASHED])
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
        enum rmg_map map = edge ? RMG_EDGES : RMG_NODES;
        warm_add(graph, map, &lists[map], &request->ids[i]);
        if ((owners >> i & 1) != 0) {
            map = edge ? RMG_BETA : RMG_ALPHA;
            warm_add(graph, map, &lists[map], &request->ids[i]);
        }
    }
}

uint32_t eng_warm_batch(const struct rmg_engine *engine, const uint32_t *todo, uint32_t begin,
                        uint32_t end, struct rmg_found *found)
{
    struct warm_list lists[RMG_MAPS_HASHED];
    uint32_t instance = engine->reqs[todo[begin]].instance;
    struct rmg_graph graph_found = engine->instances[instance].graph;
    const struct rmg_graph *graph = &graph_found;
    memset(found, 0, sizeof *found);
    graph_found.found = found;
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        lists[map].count = 0;
    }
    uint32_t at = begin;
    for (; at < end && engine->reqs[todo[at]].instance == instance; at++) {
        warm_request(graph, &engine->input->requests[todo[at]], lists);
    }
    for (unsigned map = 0; map < RMG_MAPS_HASHED; map++) {
        rmg_graph_warm(graph, (enum rmg_map)map, lists[map].ids, lists[map].count);
    }
    return at;
}

/* A search from nothing: where to begin, and every match from there. */
#include "base/check.h"
#include "rmg/rules/search_priv.h"

/* How many of the first candidates pass what is asked of this element alone (SAMPLE of them, or all
 * there are). Ids are hashes mostly, so the first ones are like the others. */
#define SAMPLE     64u
#define LOOKS_NODE 2.0 /* itself, a field */
#define LOOKS_EDGE 4.0 /* itself, type and field of an end, sometimes of the other */
#define LOOKS_STEP 3.0 /* an edge, type and field of its other end */
static bool sample(struct rmg_search *search, uint32_t index, uint64_t *passed, uint64_t *seen)
{
    struct search_candidates candidates;
    *passed = 0;
    *seen = 0;
    search_candidates_of(search, index, &candidates);
    while (*seen < SAMPLE && search_candidates_next(search, index, &candidates)) {
        *passed += candidates.fits;
        *seen += 1;
        search->bound = 0;
    }
    search->bound = 0;
    return search->err == JIT_OK;
}

static enum jit_err extent_of(const struct rmg_graph *graph, const struct rmg_rule_element *element,
                              uint64_t *count)
{
    *count = element->is_edge ? graph->roots.edge_count : graph->roots.node_count;
    return element->typed ? rmg_extent_count(graph, element->is_edge, &element->type, count)
                          : JIT_OK;
}

/* What it costs to begin at this position, in looks: at each candidate, and from those that pass at
 * what the first step leads to. A guess that changes the cost and never the result. */
static enum jit_err cost_of(struct rmg_search *search, uint32_t index, double *cost)
{
    const struct search_plan *plan = &search->program.plans[index];
    const struct rmg_graph *graph = search->probe.graph;
    uint64_t count = 0;
    uint64_t next = 0;
    uint64_t passed = 0;
    uint64_t seen = 0;
    enum jit_err err = extent_of(graph, &search->rule->elements[index], &count);
    const bool walks = plan->step_count > 0 && !plan->steps[0].enters;
    if (err == JIT_OK && walks) {
        err = extent_of(graph, &search->rule->elements[plan->steps[0].element], &next);
    }
    if (err != JIT_OK) {
        return err;
    }
    if (!sample(search, index, &passed, &seen)) {
        return search->err;
    }
    /* An edge type's extent spreads over all candidates; a scan repeats the whole for each. */
    bool by_value = walks && plan->steps[0].by_value;
    double each = walks && (!plan->steps[0].is_scan || by_value) && count > 0
                      ? (double)next / (double)count
                      : (double)next;
    double share = seen == 0 ? 0 : (double)passed / (double)seen;
    double looks = search->rule->elements[index].is_edge ? LOOKS_EDGE : LOOKS_NODE;
    *cost = (double)count * (looks + share * each * LOOKS_STEP);
    return JIT_OK;
}

/* The cheapest position to begin at. */
static enum jit_err choose_root(struct rmg_search *search, uint32_t *root)
{
    double best = 0;
    if (search->rule->element_count == 1) {
        *root = 0;
        return JIT_OK;
    }
    for (uint32_t i = 0; i < search->rule->element_count; i++) {
        double cost = 0;
        if (search->rule->elements[i].place != 0) {
            continue;
        }
        enum jit_err err = cost_of(search, i, &cost);
        if (err != JIT_OK) {
            return err;
        }
        if (i == 0 || cost < best) {
            best = cost;
            *root = i;
        }
    }
    return JIT_OK;
}

enum jit_err search_walk_all(struct rmg_search *search, const struct rmg_graph *graph)
{
    uint32_t root = 0;
    rmg_index_clear(search->index);
    search_walk_begin(search, graph);
    enum jit_err err = search_nears_index(search);
    if (err == JIT_OK) {
        err = choose_root(search, &root);
    }
    if (err != JIT_OK) {
        return err;
    }
    search->known = search_scan(search, root, &search->program.plans[root], 0);
    return search->err;
}

/* rmg/engine/script_plan.c - in which order the elements of a pattern are bound, and how an element
 * leads to the anchor. */
#include "base/random.h"
#include "rmg/engine/script_priv.h"

/* A plan in another order than that of the text has to see every match of an anchor to know which
 * is first: it must be this much cheaper. */
#define ORDER_FACTOR 4.0

/* ---- paths ---- */

/* From the ends of the anchor outwards, breadth first: each node's first step back. */
struct spread {
    uint8_t from[JIT_PATTERN_ELEMENTS_MAX]; /* the node before it, towards the anchor */
    uint8_t edge[JIT_PATTERN_ELEMENTS_MAX]; /* along this edge */
    uint32_t reached;
};

static void spread_from(const struct script_rule *r, struct spread *s)
{
    const struct rmg_rule_element *elements = r->rule->elements;
    uint8_t queue[JIT_PATTERN_ELEMENTS_MAX];
    uint32_t head = 0;
    uint32_t tail = 0;
    const uint8_t ends[2] = {elements[r->anchor].from, elements[r->anchor].to};
    s->reached = 0;
    for (unsigned i = 0; i < 2; i++) {
        if ((s->reached >> ends[i] & 1) == 0) {
            s->reached |= 1u << ends[i];
            s->edge[ends[i]] = r->anchor;
            s->from[ends[i]] = SCRIPT_NO_ELEMENT;
            queue[tail++] = ends[i];
        }
    }
    while (head < tail) {
        uint8_t node = queue[head++];
        for (uint32_t e = 0; e < r->rule->element_count; e++) {
            if (!elements[e].is_edge || (elements[e].from != node && elements[e].to != node)) {
                continue;
            }
            uint8_t other = elements[e].from == node ? elements[e].to : elements[e].from;
            if ((s->reached >> other & 1) == 0) {
                s->reached |= 1u << other;
                s->from[other] = node;
                s->edge[other] = (uint8_t)e;
                queue[tail++] = other;
            }
        }
    }
}

static void path_from(const struct script_rule *r, const struct spread *s, uint8_t node,
                      struct script_path *path)
{
    path->start = node;
    path->everywhere = (s->reached >> node & 1) == 0;
    while (!path->everywhere) {
        const struct rmg_rule_element *edge = &r->rule->elements[s->edge[node]];
        unsigned side = edge->from == node ? WORK_OUT : WORK_IN;
        path->steps[path->count].edge = s->edge[node];
        path->steps[path->count].side = (uint8_t)side;
        path->steps[path->count].other = side == WORK_OUT ? edge->to : edge->from;
        path->count++;
        if (s->edge[node] == r->anchor) {
            return;
        }
        node = s->from[node];
    }
}

void script_paths_make(struct script_rule *r)
{
    struct spread spread = {.reached = 0};
    if (r->edge_mask != 0) {
        spread_from(r, &spread);
    }
    for (uint32_t i = 0; i < r->rule->element_count; i++) {
        struct script_path *path = &r->paths[i];
        *path = (struct script_path){.start = (uint8_t)i};
        if (i == r->anchor) {
            continue;
        }
        if (r->edge_mask == 0) {
            path->everywhere = true;
        } else if (!r->rule->elements[i].is_edge) {
            path_from(r, &spread, (uint8_t)i, path);
        } else {
            /* From whichever end; the other end's way would do as well. */
            path_from(r, &spread, r->rule->elements[i].from, path);
        }
    }
}

/* ---- plans ---- */

static double edges_of(const struct rmg_work *work, uint32_t type)
{
    return (double)(type == SCRIPT_ANY ? work->edges_live : work->types[type].edges);
}

static double nodes_of(const struct rmg_work *work, uint32_t type)
{
    uint64_t count = type == SCRIPT_ANY ? work->nodes_live : work->types[type].nodes;
    return count == 0 ? 1.0 : (double)count;
}

/* How many ways a hop has on average. */
static double ways_of(const struct rmg_work *work, const struct script_rule *r,
                      const struct script_hop *hop)
{
    switch (hop->kind) {
    case SCRIPT_HOP_EXPAND:
        return edges_of(work, r->types[hop->element]) / nodes_of(work, r->types[hop->at]);
    case SCRIPT_HOP_CLOSE:
        return 0.5;
    case SCRIPT_HOP_EDGES:
        return (double)work->edge_count; /* all are looked at */
    default:
        return nodes_of(work, r->types[hop->element]);
    }
}

static uint32_t with_ends(const struct rmg_rule *rule, uint32_t element)
{
    uint32_t mask = 1u << element;
    if (rule->elements[element].is_edge) {
        mask |= 1u << rule->elements[element].from | 1u << rule->elements[element].to;
    }
    return mask;
}

/* Binding this element next. */
static struct script_hop hop_to(const struct script_rule *r, uint32_t element, uint32_t bound)
{
    const struct rmg_rule_element *at = &r->rule->elements[element];
    struct script_hop hop = {.element = (uint8_t)element, .other = SCRIPT_NO_ELEMENT};
    if (!at->is_edge) {
        hop.kind = SCRIPT_HOP_NODES;
        return hop;
    }
    bool from = (bound >> at->from & 1) != 0;
    bool to = (bound >> at->to & 1) != 0;
    if (from && to) {
        hop.kind = SCRIPT_HOP_CLOSE;
    } else if (from || to) {
        hop.kind = SCRIPT_HOP_EXPAND;
        hop.side = (uint8_t)(from ? WORK_OUT : WORK_IN);
        hop.at = from ? at->from : at->to;
        hop.other = from ? at->to : at->from;
    } else {
        hop.kind = SCRIPT_HOP_EDGES;
    }
    return hop;
}

struct making {
    const struct script_run *run;
    const struct script_rule *rule;
    struct jit_random *random; /* of a plan that is drawn */
};

/* The next element: the one in the order of the text, the cheapest, or any. */
static uint32_t choose(const struct making *m, uint32_t bound, bool in_text)
{
    uint32_t best = SCRIPT_NO_ELEMENT;
    double best_ways = 0;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < m->rule->order_count; i++) {
        uint32_t element = m->rule->order[i];
        if ((bound >> element & 1) != 0) {
            continue;
        }
        if (in_text) {
            return element;
        }
        struct script_hop hop = hop_to(m->rule, element, bound);
        double ways = ways_of(m->run->work, m->rule, &hop);
        bool better = m->random != NULL ? jit_random_below(m->random, ++seen) == 0
                                        : best == SCRIPT_NO_ELEMENT || ways < best_ways;
        if (better) {
            best = element;
            best_ways = ways;
        }
    }
    return best;
}

/* Conditions whose elements are bound go to the end of the list; returns its length. */
static uint32_t judge(const struct script_rule *r, struct script_plan *plan, uint32_t due,
                      uint32_t bound)
{
    for (uint32_t i = 0; i < r->conjunct_count; i++) {
        bool known = false;
        for (uint32_t k = 0; k < due && !known; k++) {
            known = plan->conjuncts[k] == i;
        }
        if (!known && (r->conjuncts[i].mask & ~bound) == 0) {
            plan->conjuncts[due++] = (uint16_t)i;
        }
    }
    return due;
}

/* Returns what an anchor costs. */
static double make(const struct making *m, bool in_text, struct script_plan *plan)
{
    const struct script_rule *r = m->rule;
    uint32_t bound = with_ends(r->rule, r->anchor);
    double partial = 1;
    double cost = 0;
    plan->hop_count = 0;
    plan->ordered = in_text;
    plan->due = judge(r, plan, 0, bound);
    uint32_t due = plan->due;
    for (uint32_t element = choose(m, bound, in_text); element != SCRIPT_NO_ELEMENT;
         element = choose(m, bound, in_text)) {
        struct script_hop hop = hop_to(r, element, bound);
        double ways = ways_of(m->run->work, r, &hop);
        bound |= with_ends(r->rule, element);
        due = judge(r, plan, due, bound);
        hop.due = due;
        /* Edges of any type come list by list. */
        plan->ordered =
            plan->ordered && (hop.kind == SCRIPT_HOP_EDGES || hop.kind == SCRIPT_HOP_NODES ||
                              r->types[element] != SCRIPT_ANY);
        assert(plan->hop_count < JIT_PATTERN_ELEMENTS_MAX);
        plan->hops[plan->hop_count++] = hop;
        cost += partial * (ways < 1 ? 1 : ways);
        partial *= ways;
    }
    assert(due == r->conjunct_count);
    return cost;
}

enum jit_err script_plan_make(struct script_run *run, struct script_rule *r)
{
    const struct rmg_script_options *options = run->options;
    uint64_t size = run->work->nodes_live + run->work->edges_live;
    struct making m = {.run = run, .rule = r};
    struct jit_random random = jit_random_of(options->plan_seed + (uint64_t)(r - run->rules));
    if (r->planned && size < 2 * r->planned_at && size * 2 > r->planned_at) {
        return JIT_OK;
    }
    r->planned = true;
    r->planned_at = size + 1;
    if (options->plans == RMG_SCRIPT_PLANS_DRAWN) {
        m.random = &random;
        (void)make(&m, jit_random_below(&random, 4) == 0, &r->plan);
        return JIT_OK;
    }
    double free_cost = make(&m, false, &r->plan);
    double text_cost = make(&m, true, &r->plan);
    if (free_cost * ORDER_FACTOR < text_cost) {
        (void)make(&m, false, &r->plan);
    }
    return JIT_OK;
}

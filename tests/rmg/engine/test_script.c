/* Goal:   a script does what verification and the order by age say, whatever the plan:
 * rmg_script_run beside a runner that knows no plan, no candidates and no working form. Method:
 * random rules and scripts over random graphs. The naive runner tries every tuple of elements with
 * rmg_match_verify on the store, takes the smallest by age, and applies what rmg_match_execute
 * says; the parallel step compares whole footprints. Same number of rewrites, same root, for the
 * plan by cost and for drawn ones. */
#include <stdio.h>

#include "base/random.h"
#include "rmg/engine/script.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/rule_kit.h"
#include "tests/lib/tcase.h"

#define RULES        3u
#define STEPS        6u
#define NODES_MAX    400u
#define REWRITES_MAX 40u
#define SEEDS        500u
#define PLANS        3u

/* ---- the naive runner ---- */

struct naive {
    struct kit_graph g;
    struct jit_id nodes[NODES_MAX]; /* by age, those that are gone as well */
    uint32_t node_count;
    struct jit_id edges[NODES_MAX];
    uint32_t edge_count;
    const struct rmg_script *script;
    struct jit_id key;
    uint64_t rewrites;
    bool over;
    struct jit_buf values;
};

struct found {
    uint32_t ages[JIT_PATTERN_ELEMENTS_MAX];
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
};

static struct rmg_effect effect;
static struct found all_found[4096];
static uint32_t all_count;

static struct rmg_draw draw_of(uint64_t rewrite)
{
    return (struct rmg_draw){.seed = 5, .tick = 6, .round = (uint32_t)rewrite};
}

static struct rmg_match match_of(const struct naive *n, const struct rmg_rule *rule,
                                 const struct jit_id *ids)
{
    return (struct rmg_match){.rule = rule,
                              .instance = n->g.instance,
                              .ids = ids,
                              .id_count = rule->element_count,
                              .request_key = n->key,
                              .root_node = &n->g.root};
}

static bool applies(struct naive *n, const struct rmg_rule *rule, const struct found *f)
{
    struct rmg_graph graph = kit_graph_of(&n->g, NULL);
    struct rmg_match match = match_of(n, rule, f->ids);
    struct rmg_draw draw = draw_of(n->rewrites + 1);
    uint32_t slots = 0;
    enum jit_err err;
    jit_buf_reset(&n->values);
    effect.values = &n->values;
    enum rmg_result result =
        rmg_match_verify(&graph, &match, &draw, 1u << 20, &effect, &slots, &err);
    must(err);
    return result == RMG_APPLIED;
}

static uint32_t age_of(const struct jit_id *ids, uint32_t count, const struct jit_id *id)
{
    for (uint32_t i = count; i-- > 0;) {
        if (jit_id_equal(&ids[i], id)) {
            return i;
        }
    }
    ck_abort_msg("an id of nobody");
    return 0;
}

/* Bind edges, then nodes that no edge touches; ends follow from edges. */
static void bind(struct naive *n, const struct rmg_rule *rule, uint32_t element, uint32_t bound,
                 struct found *f)
{
    struct rmg_graph graph = kit_graph_of(&n->g, NULL);
    while (element < 2 * rule->element_count) {
        const struct rmg_rule_element *at = &rule->elements[element % rule->element_count];
        bool edge_turn = element < rule->element_count;
        if (at->is_edge == edge_turn && (bound >> element % rule->element_count & 1) == 0) {
            break;
        }
        element++;
    }
    if (element == 2 * rule->element_count) {
        if (applies(n, rule, f)) {
            ck_assert_uint_lt(all_count, 4096);
            all_found[all_count++] = *f;
        }
        return;
    }
    uint32_t index = element % rule->element_count;
    const struct rmg_rule_element *at = &rule->elements[index];
    uint32_t count = at->is_edge ? n->edge_count : n->node_count;
    for (uint32_t i = 0; i < count; i++) {
        struct rmg_edge edge;
        uint32_t more = 1u << index;
        f->ages[index] = i;
        f->ids[index] = at->is_edge ? n->edges[i] : n->nodes[i];
        if (at->is_edge) {
            if (rmg_edge_get(&graph, &n->edges[i], &edge) != JIT_OK) {
                continue;
            }
            f->ids[at->from] = edge.from;
            f->ages[at->from] = age_of(n->nodes, n->node_count, &edge.from);
            f->ids[at->to] = edge.to;
            f->ages[at->to] = age_of(n->nodes, n->node_count, &edge.to);
            more |= 1u << at->from | 1u << at->to;
        }
        bind(n, rule, element + 1, bound | more, f);
    }
}

/* The order of docs/spec/scripts.md: the first edge (without one, the first node), the other edges,
 * the nodes that no edge touches. */
static int compare(const struct rmg_rule *rule, const struct found *a, const struct found *b)
{
    uint32_t on_edges = 0;
    bool any_edge = false;
    for (uint32_t i = 0; i < rule->element_count; i++) {
        if (rule->elements[i].is_edge) {
            any_edge = true;
            on_edges |= 1u << rule->elements[i].from | 1u << rule->elements[i].to;
            if (a->ages[i] != b->ages[i]) {
                return a->ages[i] < b->ages[i] ? -1 : 1;
            }
        }
    }
    for (uint32_t i = 0; i < rule->element_count; i++) {
        bool lone = !rule->elements[i].is_edge && (on_edges >> i & 1) == 0;
        if ((lone || !any_edge) && a->ages[i] != b->ages[i]) {
            return a->ages[i] < b->ages[i] ? -1 : 1;
        }
    }
    return 0;
}

static void find_all(struct naive *n, const struct rmg_rule *rule)
{
    struct found f;
    all_count = 0;
    memset(&f, 0, sizeof f);
    bind(n, rule, 0, 0, &f);
    for (uint32_t i = 1; i < all_count; i++) {
        for (uint32_t k = i; k > 0 && compare(rule, &all_found[k - 1], &all_found[k]) > 0; k--) {
            struct found swap = all_found[k];
            all_found[k] = all_found[k - 1];
            all_found[k - 1] = swap;
        }
    }
}

/* ---- applying, by what the engine would do ---- */

static struct rmg_emit emits[256];
static uint32_t emit_count;

static bool on_emit(void *user, const struct rmg_emit *emit)
{
    (void)user;
    ck_assert_uint_lt(emit_count, 256);
    emits[emit_count++] = *emit;
    return true;
}

/* A blind sum onto what is there now. */
static bool fold(struct naive *n, struct rmg_emit *emit, uint8_t bytes[8])
{
    struct rmg_graph graph;
    struct rmg_value now;
    int64_t value = 0;
    must(rmg_tx_graph(n->g.tx, &n->g.instance, &graph));
    must(rmg_attachment_get(&graph, emit->op.plane, &emit->op.id, emit->op.attachment.name,
                            emit->op.attachment.name_size, &now));
    memcpy(&value, now.bytes, 8);
    if (__builtin_add_overflow(value, emit->delta, &value)) {
        return false;
    }
    memcpy(bytes, &value, 8);
    emit->op.attachment.value.bytes = bytes;
    return true;
}

static void apply_emit(struct naive *n, struct rmg_emit *emit)
{
    struct rmg_tx *tx = n->g.tx;
    const struct jit_id *in = &n->g.instance;
    const struct rmg_op *op = &emit->op;
    switch (op->kind) {
    case RMG_OP_CLEAR_ATTACHMENT:
        must(rmg_tx_clear_attachment(tx, in, op->plane, &op->id, op->attachment.name,
                                     op->attachment.name_size));
        break;
    case RMG_OP_DELETE_EDGE:
        must(rmg_tx_delete_edge(tx, in, &op->id));
        break;
    case RMG_OP_DELETE_NODE:
        must(rmg_tx_delete_node(tx, in, &op->id));
        break;
    case RMG_OP_UPSERT_NODE:
        must(rmg_tx_upsert_node(tx, in, &op->id, &op->type));
        n->nodes[n->node_count++] = op->id;
        break;
    case RMG_OP_UPSERT_EDGE:
        must(rmg_tx_upsert_edge(tx, in,
                                &(const struct rmg_edge){op->id, op->from, op->to, op->type}));
        n->edges[n->edge_count++] = op->id;
        break;
    case RMG_OP_SET_ATTACHMENT:
        must(rmg_tx_set_attachment(tx, in, op->plane, &op->id, &op->attachment));
        break;
    default:
        ck_abort_msg("no such operation");
    }
}

/* false: a sum has no outcome. */
static bool rewrite(struct naive *n, const struct rmg_rule *rule, const struct found *f)
{
    struct rmg_match match = match_of(n, rule, f->ids);
    uint8_t sums[16][8];
    uint32_t sum = 0;
    bool good = true;
    if (!applies(n, rule, f)) {
        return false;
    }
    if (n->rewrites >= REWRITES_MAX) {
        n->over = true;
        return false;
    }
    emit_count = 0;
    ck_assert(rmg_match_execute(&match, &effect, on_emit, NULL));
    kit_open(&n->g);
    for (unsigned kind = 0; kind < 16 && good; kind++) {
        for (uint32_t i = 0; i < emit_count && good; i++) {
            if ((unsigned)emits[i].op.kind == kind) {
                if (emits[i].join == RMG_JOIN_SUM) {
                    ck_assert_uint_lt(sum, 16);
                    good = fold(n, &emits[i], sums[sum++]);
                }
                if (good) {
                    apply_emit(n, &emits[i]);
                }
            }
        }
    }
    ck_assert(good);
    kit_seal(&n->g);
    n->rewrites++;
    return true;
}

/* ---- footprints ---- */

static struct rmg_use uses[4096];
static uint32_t use_count;
static uint32_t own_count;
static bool lost;

static bool on_use(void *user, const struct rmg_use *use)
{
    (void)user;
    for (uint32_t i = 0; i < own_count; i++) {
        bool go = (uses[i].access == RMG_ACCESS_READ && use->access == RMG_ACCESS_READ) ||
                  (uses[i].access == RMG_ACCESS_BLIND && use->access == RMG_ACCESS_BLIND &&
                   uses[i].join == use->join && !uses[i].read && !use->read);
        if (rmg_slot_compare(&uses[i].slot, &use->slot) == 0 && !go) {
            lost = true;
        }
    }
    ck_assert_uint_lt(use_count, 4096);
    uses[use_count++] = *use;
    return true;
}

static uint64_t apply_all(struct naive *n, const struct rmg_rule *rule)
{
    static struct found found[4096];
    static bool won[4096];
    uint64_t done = 0;
    find_all(n, rule);
    uint32_t count = all_count;
    memcpy(found, all_found, count * sizeof *found);
    use_count = 0;
    own_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct rmg_match match = match_of(n, rule, found[i].ids);
        bool verified = applies(n, rule, &found[i]);
        ck_assert(verified);
        lost = false;
        use_count = own_count;
        ck_assert(rmg_match_footprint(&match, &effect, on_use, NULL));
        won[i] = !lost;
        own_count = lost ? own_count : use_count;
        /* What is created differs from match to match, whatever the ids of this trial say. */
        for (uint32_t k = own_count; k-- > 0;) {
            for (uint32_t c = 0; c < rule->create_count; c++) {
                if (jit_id_equal(&uses[k].slot.id, &effect.created[c])) {
                    uses[k] = uses[--own_count];
                    break;
                }
            }
        }
        use_count = own_count;
    }
    for (uint32_t i = 0; i < count && !n->over; i++) {
        done += won[i] && rewrite(n, rule, &found[i]);
    }
    return done;
}

/* ---- control ---- */

static uint64_t naive_steps(struct naive *n, uint32_t first, uint32_t count);

static bool naive_once(struct naive *n, const struct rmg_script_step *step)
{
    for (uint32_t i = step->first; i < step->first + step->count; i++) {
        const struct rmg_rule *rule = n->script->calls[i].rule;
        find_all(n, rule);
        if (all_count > 0) {
            struct found f = all_found[0];
            return rewrite(n, rule, &f);
        }
    }
    return false;
}

static uint64_t naive_step(struct naive *n, const struct rmg_script_step *step)
{
    uint64_t done = 0;
    switch (step->mode) {
    case RMG_SCRIPT_ONCE:
        return naive_once(n, step);
    case RMG_SCRIPT_ALL:
        return apply_all(n, n->script->calls[step->first].rule);
    case RMG_SCRIPT_UNTIL:
        while (done < step->at_most && naive_once(n, step)) {
            done++;
        }
        return done;
    case RMG_SCRIPT_BLOCK:
        for (uint64_t round = 0; round < step->at_most && !n->over; round++) {
            uint64_t more = naive_steps(n, step->first, step->count);
            done += more;
            if (more == 0) {
                break;
            }
        }
        return done;
    }
    return 0;
}

static uint64_t naive_steps(struct naive *n, uint32_t first, uint32_t count)
{
    uint64_t done = 0;
    for (uint32_t i = first; i < first + count && !n->over; i++) {
        done += naive_step(n, &n->script->steps[i]);
    }
    return done;
}

/* ---- random rules, scripts, graphs ---- */

static struct jit_random rng;

static unsigned below(unsigned bound)
{
    return (unsigned)jit_random_below(&rng, bound);
}

static void random_guard(struct rule_kit *kit, uint8_t elements)
{
    static const enum rmg_expr_op ops[] = {RMG_EXPR_EQ, RMG_EXPR_NE, RMG_EXPR_LT, RMG_EXPR_GE};
    uint8_t at = (uint8_t)below(elements);
    kit_push_field(kit, kit_field(kit, at, "v", RMG_CODEC_I64));
    if (below(3) == 0) {
        kit_push_field(kit, kit_field(kit, (uint8_t)below(elements), "w", RMG_CODEC_I64));
    } else {
        kit_push_i64(kit, below(3));
    }
    kit_op(kit, ops[below(4)]);
    if (below(3) == 0) {
        kit_push_field(kit, kit_field(kit, (uint8_t)below(elements), "v", RMG_CODEC_I64));
        kit_push_i64(kit, below(3));
        kit_op(kit, RMG_EXPR_LE);
        kit_op(kit, RMG_EXPR_AND);
    }
    if (below(8) == 0) {
        kit_push_element(kit, 0);
        kit_push_element(kit, 0);
        kit_op(kit, RMG_EXPR_EQ);
        kit_op(kit, RMG_EXPR_AND);
    }
    kit_guard(kit);
}

struct shape {
    uint8_t nodes[3];
    uint8_t node_count;
    uint8_t edges[3];
    uint8_t ends[3][2];
    uint8_t edge_count;
    uint8_t count;
    bool gone[8];
};

static void random_pattern(struct rule_kit *kit, struct shape *s)
{
    memset(s, 0, sizeof *s);
    s->nodes[s->node_count++] = kit_node(kit, below(4) == 0 ? 0 : 1 + below(2));
    unsigned edges = below(3);
    for (unsigned i = 0; i < edges; i++) {
        bool fresh = s->node_count < 3 && below(4) != 0;
        uint8_t a = s->nodes[below(s->node_count)];
        uint8_t b = 0;
        unsigned type = below(5) == 0 ? 0 : 11 + below(2);
        if (fresh) {
            /* An edge element comes before its far node, as in a text. */
            b = kit_node(kit, below(3) == 0 ? 0 : 1 + below(2));
            s->nodes[s->node_count++] = b;
        } else {
            b = s->nodes[below(s->node_count)];
        }
        bool out = below(2) == 0;
        s->ends[i][0] = out ? a : b;
        s->ends[i][1] = out ? b : a;
        s->edges[i] = kit_edge(kit, s->ends[i][0], type, s->ends[i][1]);
        s->edge_count++;
    }
    if (s->node_count < 3 && below(5) == 0) {
        s->nodes[s->node_count++] = kit_node(kit, 1 + below(2)); /* alone */
    }
    s->count = (uint8_t)(s->node_count + s->edge_count);
}

static void random_deletions(struct rule_kit *kit, struct shape *s)
{
    for (uint8_t i = 0; i < s->edge_count; i++) {
        s->gone[s->edges[i]] = below(3) == 0;
    }
    for (uint8_t i = 0; i < s->node_count; i++) {
        unsigned how = below(12);
        if (how > 1) {
            continue;
        }
        s->gone[s->nodes[i]] = true;
        for (uint8_t k = 0; k < s->edge_count; k++) {
            if (s->ends[k][0] == s->nodes[i] || s->ends[k][1] == s->nodes[i]) {
                s->gone[s->edges[k]] = true;
            }
        }
        if (how == 0) {
            kit_detach(kit, s->nodes[i]);
        } else {
            kit_delete(kit, s->nodes[i]);
        }
    }
    for (uint8_t i = 0; i < s->edge_count; i++) {
        if (s->gone[s->edges[i]]) {
            kit_delete(kit, s->edges[i]);
        }
    }
}

static void random_equal(struct rule_kit *kit, const struct shape *s)
{
    uint8_t a = s->nodes[below(s->node_count)];
    uint8_t b = s->nodes[below(s->node_count)];
    if (below(4) == 0 && a < b && !s->gone[a] && !s->gone[b]) {
        kit_may_equal(kit, a, b);
    }
}

static uint8_t staying(const struct shape *s)
{
    for (unsigned tries = 0; tries < 8; tries++) {
        uint8_t node = s->nodes[below(s->node_count)];
        if (!s->gone[node]) {
            return node;
        }
    }
    return 0xff;
}

static void random_creates(struct rule_kit *kit, const struct shape *s)
{
    uint8_t fresh = 0xff;
    if (below(4) == 0) {
        fresh = kit_create_node(kit, 1 + below(2));
        if (below(2) == 0) {
            kit_push_i64(kit, below(3));
            kit_update(kit, RMG_UPDATE_SET, fresh, "v", RMG_CODEC_I64);
        }
    }
    for (unsigned i = below(3); i > 0; i--) {
        uint8_t a = staying(s);
        uint8_t b = fresh != 0xff && below(2) == 0 ? fresh : staying(s);
        if (a != 0xff && b != 0xff) {
            (void)kit_create_edge(kit, a, 11 + below(2), b);
        }
    }
}

static void random_updates(struct rule_kit *kit, const struct shape *s)
{
    uint8_t target = staying(s);
    if (target == 0xff || below(3) == 0) {
        return;
    }
    if (below(3) == 0) {
        kit_push_i64(kit, 1);
        kit_update(kit, RMG_UPDATE_ADD, target, "w", RMG_CODEC_I64);
    } else if (below(2) == 0) {
        kit_push_i64(kit, below(3));
        kit_update(kit, RMG_UPDATE_SET, target, "v", RMG_CODEC_I64);
    } else {
        kit_push_field(kit, kit_field(kit, s->nodes[0], "w", RMG_CODEC_I64));
        kit_push_i64(kit, 1);
        kit_op(kit, below(2) == 0 ? RMG_EXPR_SUB : RMG_EXPR_ADD);
        kit_update(kit, RMG_UPDATE_SET, target, below(2) == 0 ? "v" : "w", RMG_CODEC_I64);
    }
}

static struct rmg_rule *random_rule(unsigned index)
{
    static struct rule_kit kit;
    struct shape s;
    char name[8];
    snprintf(name, sizeof name, "r%u", index);
    kit_begin(&kit, name);
    random_pattern(&kit, &s);
    if (below(2) == 0) {
        random_guard(&kit, s.count);
    }
    for (unsigned i = below(2) == 0 ? 1 + below(2) : 0; i > 0; i--) {
        struct rmg_rule_near near = {.kind = below(4) == 0 ? RMG_NEAR_SOME : RMG_NEAR_NONE,
                                     .element = s.nodes[below(s.node_count)],
                                     .direction = below(2) == 0 ? RMG_DIR_OUT : RMG_DIR_IN,
                                     .edge_typed = below(3) != 0,
                                     .edge_type = kit_type(11 + below(2)),
                                     .other_matched = below(3) == 0,
                                     .other = s.nodes[below(s.node_count)],
                                     .other_typed = below(2) == 0,
                                     .other_type = kit_type(1 + below(2))};
        near.other_typed = near.other_typed && !near.other_matched;
        (void)kit_near(&kit, &near);
    }
    random_deletions(&kit, &s);
    random_equal(&kit, &s);
    random_creates(&kit, &s);
    random_updates(&kit, &s);
    return kit_compile(&kit, jit_heap_libc());
}

struct trial {
    struct rmg_rule *rules[RULES];
    struct rmg_script_call calls[STEPS * 2];
    struct rmg_script_step steps[STEPS];
    struct rmg_script script;
};

static void random_script(struct trial *t)
{
    uint32_t calls = 0;
    unsigned top = 1 + below(2);
    for (unsigned i = 0; i < RULES; i++) {
        t->rules[i] = random_rule(i);
    }
    for (unsigned i = 0; i < STEPS; i++) {
        struct rmg_script_step *step = &t->steps[i];
        bool block = i < top && i + 2 < STEPS && below(4) != 0;
        *step = (struct rmg_script_step){
            .mode = block ? RMG_SCRIPT_BLOCK : (enum rmg_script_mode)(1 + below(3)),
            .first = block ? 2 + below(2) : calls,
            .count = 1 + below(2),
            .at_most = below(2) == 0 ? RMG_SCRIPT_NO_LIMIT : 1 + below(6)};
        if (step->mode == RMG_SCRIPT_ALL) {
            step->count = 1;
        }
        for (uint32_t k = 0; !block && k < step->count; k++) {
            t->calls[calls++].rule = t->rules[below(RULES)];
        }
    }
    t->script = (struct rmg_script){.calls = t->calls,
                                    .call_count = calls,
                                    .steps = t->steps,
                                    .step_count = STEPS,
                                    .top_count = top};
}

/* The same in every store of one seed. */
static void random_graph(struct kit_graph *g, uint64_t seed)
{
    struct jit_random mine = jit_random_of(seed);
    unsigned nodes = 2 + (unsigned)jit_random_below(&mine, 6);
    unsigned edges = (unsigned)jit_random_below(&mine, 10);
    kit_graph_begin(g, jit_heap_libc(), 8u << 20);
    kit_open(g);
    for (unsigned i = 0; i < nodes; i++) {
        kit_put_node(g, kit_id('n', i), 1 + (unsigned)jit_random_below(&mine, 2));
        for (unsigned f = 0; f < 2; f++) {
            if (jit_random_below(&mine, 4) != 0) {
                kit_put_i64(g, RMG_PLANE_ALPHA, kit_id('n', i), f == 0 ? "v" : "w",
                            (int64_t)jit_random_below(&mine, 3));
            }
        }
    }
    for (unsigned i = 0; i < edges; i++) {
        kit_put_edge(g, kit_id('e', i), kit_id('n', jit_random_below(&mine, nodes)),
                     11 + (unsigned)jit_random_below(&mine, 2),
                     kit_id('n', jit_random_below(&mine, nodes)));
        if (jit_random_below(&mine, 2) == 0) {
            kit_put_i64(g, RMG_PLANE_BETA, kit_id('e', i), "v",
                        (int64_t)jit_random_below(&mine, 3));
        }
    }
    kit_seal(g);
}

static void naive_begin(struct naive *n, uint64_t seed)
{
    struct rmg_iter iter;
    struct jit_id type;
    struct rmg_edge edge;
    memset(n, 0, sizeof *n);
    random_graph(&n->g, seed);
    jit_buf_init(&n->values, jit_heap_libc(), 1u << 20);
    struct rmg_graph graph = kit_graph_of(&n->g, NULL);
    rmg_iter_all(&graph, RMG_NODES, &iter);
    while (rmg_iter_node(&iter, &n->nodes[n->node_count], &type) == JIT_OK) {
        n->node_count++;
    }
    rmg_iter_all(&graph, RMG_EDGES, &iter);
    while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
        n->edges[n->edge_count++] = edge.id;
    }
}

static void naive_end(struct naive *n)
{
    jit_buf_release(&n->values);
    kit_graph_end(&n->g);
}

/* The runner under test, on a store of its own. */
static enum jit_err run_dense(struct jit_heap *heap, uint64_t seed, const struct rmg_script *script,
                              const struct rmg_script_options *options, struct jit_id *key,
                              struct rmg_script_report *report, struct jit_id *root)
{
    struct kit_graph g;
    struct rmg_work *work = NULL;
    struct jit_id base;
    random_graph(&g, seed);
    must(rmg_store_instance_root(g.store, &g.version, &g.instance, &base));
    must(rmg_script_key(script, &base, key));
    struct rmg_graph graph = kit_graph_of(&g, NULL);
    const struct rmg_work_base from = {.graph = &graph,
                                       .instance = g.instance,
                                       .root_node = g.root,
                                       .key = *key,
                                       .seed = 5,
                                       .tick = 6};
    enum jit_err err = rmg_work_new(heap, &from, &work);
    if (err == JIT_OK) {
        err = rmg_script_run(heap, work, script, options, report);
    }
    if (err == JIT_OK) {
        kit_open(&g);
        err = rmg_work_commit(work, g.tx);
        if (err == JIT_OK) {
            kit_seal(&g);
            *root = g.version.state_root;
        }
    }
    rmg_work_free(work);
    kit_graph_end(&g);
    return err;
}

START_TEST(as_the_naive_runner)
{
    static struct trial t;
    static struct naive n;
    uint64_t total = 0;
    unsigned budgets = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct jit_id root = {{0}};
        rng = jit_random_of(seed);
        random_script(&t);
        struct rmg_script_options options = {.rewrites_max = REWRITES_MAX};
        struct rmg_script_report report = {0};
        for (unsigned plan = 0; plan <= PLANS; plan++) {
            options.plans = plan == 0 ? RMG_SCRIPT_PLANS_COST : RMG_SCRIPT_PLANS_DRAWN;
            options.plan_seed = seed * 16 + plan;
            struct jit_id key;
            enum jit_err err =
                run_dense(jit_heap_libc(), seed, &t.script, &options, &key, &report, &root);
            if (plan == 0) {
                naive_begin(&n, seed);
                n.script = &t.script;
                n.key = key;
                (void)naive_steps(&n, 0, t.script.top_count);
            }
            ck_assert_msg(err == (n.over ? JIT_EBUDGET : JIT_OK), "seed %u plan %u: %s",
                          (unsigned)seed, plan, jit_err_text(err));
            ck_assert_msg(report.rewrites == n.rewrites, "seed %u plan %u: %u rewrites, not %u",
                          (unsigned)seed, plan, (unsigned)report.rewrites, (unsigned)n.rewrites);
            ck_assert_msg(n.over || jit_id_equal(&root, &n.g.version.state_root),
                          "seed %u plan %u: another root", (unsigned)seed, plan);
        }
        total += n.rewrites;
        budgets += n.over;
        naive_end(&n);
        for (unsigned i = 0; i < RULES; i++) {
            rmg_rule_free(jit_heap_libc(), t.rules[i]);
        }
    }
    printf("%u rewrites, %u over the budget\n", (unsigned)total, budgets);
    ck_assert_uint_gt(total, SEEDS * 2);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "script", 120);
    tcase_add_test(tcase, as_the_naive_runner);
}

TEST_MAIN("script", fill)

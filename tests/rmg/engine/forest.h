/* tests/rmg/engine/forest.h - a small forest of instances with equal ids of nodes and edges in
 * them, rules whose patterns go through its portals, and a matcher that tries every tuple over the
 * plain store. */
#ifndef JIT_TESTS_FOREST_H
#define JIT_TESTS_FOREST_H

#include "base/hash.h"
#include "rmg/rules/search.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/rule_kit.h"
#include "tests/rmg/lang/lang_fixture.h"

#define NODES   6u
#define EDGES   4u
#define MATCHES 4096u
#define SEED    5u
#define RULES   6u
#define TYPES                                                                                      \
    "system s\ntype Site { open: i64 = 0, hits: i64 sum = 0 }\n"                                   \
    "type Room { level: i64 = 0 }\ntype Book { seen: i64 = 0 }\n"                                  \
    "edge NEXT { w: i64 = 0 }\nedge DOOR { w: i64 = 0 }\n"

static const char text[] =
    TYPES "rule climb match (s:Site), (r:Room)-[d:DOOR]->(q:Room) in s.rooms\n"
          "where s.open = 1 and r.level < q.level set r.level = q.level add s.hits, 1\n"
          "rule meet match (s:Site)-[:NEXT]->(t:Site), (r:Room) in s.rooms, (q:Room) in t.rooms\n"
          "where r.level = q.level create (q)-[:DOOR {w = 5}]->(:Room {level = r.level})\n"
          "rule read match (s:Site), (r:Room) in s.rooms, (b:Book) in r.shelf\n"
          "where b.seen = 0 and not (r)-[:DOOR]->(:Room) set b.seen = 1, s.open = 1\n"
          "rule close match (s:Site), (r:Room)-[d:DOOR]->(q:Room) in s.rooms\n"
          "where count((q)-[:DOOR]->()) = 0 and s.open = 0 delete d, q\n"
          "rule dig match (s:Site)-[e:NEXT]->(t:Site), (r:Room) in e.tunnel\n"
          "where r.level > s.open set r.level = 0, e.w = r.level\n"
          "rule back match (s:Site), (r:Room)-[:DOOR]->(q:Room) in s.rooms, (s)-[:NEXT]->(t:Site)\n"
          "may equal(r, q) where t.open = 0 set t.open = q.level create (n:Room) in s.rooms\n";

static struct lang_fixture f;
static struct kit_graph g;
static struct rmg_rule *rules[RULES];
static uint64_t random_state;

static unsigned roll(unsigned below)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(random_state >> 33) % below;
}

/* ---- the forest ---- */

static struct jit_id rooms_of(unsigned site)
{
    return kit_id('I', 10 + site);
}
static struct jit_id shelf_of(unsigned site)
{
    return kit_id('I', 20 + site);
}
static struct jit_id tunnel(void)
{
    return kit_id('I', 30);
}

static void put_node(struct jit_id in, uint64_t n, const char *type)
{
    struct jit_id id = kit_id('N', n);
    struct jit_id type_id = type_of(type);
    must(rmg_tx_upsert_node(g.tx, &in, &id, &type_id));
}

static void put_i64(struct jit_id in, enum rmg_plane plane, uint64_t n, const char *name,
                    int64_t value)
{
    struct jit_id owner = kit_id(plane == RMG_PLANE_ALPHA ? 'N' : 'E', n);
    uint8_t bytes[8];
    jit_put_le64(bytes, (uint64_t)value);
    const struct rmg_attachment a = {name,
                                     (uint32_t)strlen(name),
                                     {.kind = RMG_VALUE_ATOM,
                                      .type = *rmg_codec_type(RMG_CODEC_I64),
                                      .bytes = bytes,
                                      .size = 8}};
    must(rmg_tx_set_attachment(g.tx, &in, plane, &owner, &a));
}

static void put_edge(struct jit_id in, uint64_t n, const char *type, uint64_t from, uint64_t to)
{
    struct rmg_edge edge = {kit_id('E', n), kit_id('N', from), kit_id('N', to), type_of(type)};
    must(rmg_tx_upsert_edge(g.tx, &in, &edge));
    put_i64(in, RMG_PLANE_BETA, n, "w", 0);
}

static void hang(struct jit_id inner, struct jit_id in, enum rmg_plane plane, uint64_t owner,
                 const char *name)
{
    struct jit_id root = kit_id('R', 0);
    struct jit_id type = kit_type(99);
    struct rmg_parent parent = {.present = true, .plane = plane, .instance = in};
    parent.owner = kit_id(plane == RMG_PLANE_ALPHA ? 'N' : 'E', owner);
    parent.name_size = (uint32_t)strlen(name);
    memcpy(parent.name, name, parent.name_size);
    const struct rmg_attachment portal = {
        parent.name, parent.name_size, {.kind = RMG_VALUE_PORTAL, .type = inner}};
    must(rmg_tx_upsert_instance(g.tx, &inner, &root, &parent));
    must(rmg_tx_upsert_node(g.tx, &inner, &root, &type));
    must(rmg_tx_set_attachment(g.tx, &in, plane, &parent.owner, &portal));
}

/* Rooms 0 and 1 with one door; others come and go. */
static void furnish(struct jit_id in)
{
    for (uint64_t n = 0; n < 2; n++) {
        put_node(in, n, "Room");
        put_i64(in, RMG_PLANE_ALPHA, n, "level", roll(3));
    }
    put_edge(in, 0, "DOOR", 0, 1);
}

/* Sites 0 to 3; rooms on 0 and 1, a shelf on room 0 of each; a tunnel on the edge 0 -> 1. */
static void setup_forest(void)
{
    kit_graph_begin(&g, &f.mem.heap, 64u << 20);
    kit_open(&g);
    for (uint64_t n = 0; n < 4; n++) {
        put_node(g.instance, n, "Site");
        put_i64(g.instance, RMG_PLANE_ALPHA, n, "open", (int64_t)roll(2));
        put_i64(g.instance, RMG_PLANE_ALPHA, n, "hits", 0);
    }
    put_edge(g.instance, 0, "NEXT", 0, 1);
    put_edge(g.instance, 1, "NEXT", 1, 2);
    for (unsigned s = 0; s < 2; s++) {
        hang(rooms_of(s), g.instance, RMG_PLANE_ALPHA, s, "rooms");
        furnish(rooms_of(s));
        hang(shelf_of(s), rooms_of(s), RMG_PLANE_ALPHA, 0, "shelf");
        for (uint64_t n = 0; n < 2; n++) {
            put_node(shelf_of(s), n, "Book");
            put_i64(shelf_of(s), RMG_PLANE_ALPHA, n, "seen", 0);
        }
    }
    hang(tunnel(), g.instance, RMG_PLANE_BETA, 0, "tunnel");
    furnish(tunnel());
    kit_seal(&g);
}

static inline void setup(void)
{
    lang_fixture_init(&f);
    enum jit_err err = lang_fixture_parse(&f, text, sizeof text - 1);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)f.messages.size, (const char *)f.messages.data);
    ck_assert_uint_eq(f.system->rule_count, RULES);
    const char *wrong = lang_check_accepted(&f);
    ck_assert_msg(wrong == NULL, "%s", wrong);
    for (unsigned i = 0; i < RULES; i++) {
        const struct lang_rule *rule = &f.system->rules[i];
        must(rmg_rule_decode(&f.mem.heap, rule->program, rule->program_size, &rules[i]));
    }
    random_state = 1;
    setup_forest();
}

static inline void teardown(void)
{
    for (unsigned i = 0; i < RULES; i++) {
        rmg_rule_free(&f.mem.heap, rules[i]);
    }
    kit_graph_end(&g);
    lang_fixture_release(&f);
}

/* ---- reading the store ---- */

static enum jit_err enter(void *user, const struct jit_id *instance, struct rmg_graph *graph,
                          struct jit_id *root_node)
{
    const struct rmg_version *version = user;
    struct rmg_instance found;
    enum jit_err err = rmg_store_instance(g.store, version, instance, &found);
    if (err == JIT_OK) {
        rmg_store_graph(g.store, &found, graph);
        *root_node = found.root_node;
    }
    return err;
}

struct seen {
    struct rmg_version version;
    struct rmg_nest nest;
    struct rmg_graph graph;
};

static inline void see(struct seen *seen, const struct rmg_version *version)
{
    struct jit_id root;
    seen->version = *version;
    seen->nest = (struct rmg_nest){.enter = enter, .user = &seen->version};
    must(enter(&seen->version, &g.instance, &seen->graph, &root));
    seen->graph.nest = &seen->nest;
}

static struct rmg_graph graph_of(struct jit_id instance)
{
    struct rmg_graph graph = {.instance = {{0}}};
    struct jit_id root;
    enum jit_err err = enter(&g.version, &instance, &graph, &root);
    ck_assert(err == JIT_OK || err == JIT_ENOENT);
    return graph;
}

static int64_t i64_at(struct jit_id in, bool edge, struct jit_id owner, const char *name)
{
    struct rmg_graph graph = graph_of(in);
    struct rmg_value value;
    must(rmg_attachment_get(&graph, edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA, &owner, name,
                            (uint32_t)strlen(name), &value));
    return (int64_t)jit_le64(value.bytes);
}

/* ---- the oracle ---- */

struct tuple {
    struct jit_id ids[JIT_PATTERN_ELEMENTS_MAX];
    struct jit_id places[RMG_RULE_PORTALS_MAX + 1];
};

/* Doors that lead out of a node, also those that rewrites have made, but matched ones and those to
 * matched nodes of the place. */
static unsigned doors_beside(const struct rmg_rule *rule, const struct tuple *t, uint8_t node)
{
    const uint8_t place = rule->elements[node].place;
    struct rmg_graph graph = graph_of(t->places[place]);
    const struct jit_id door = type_of("DOOR");
    unsigned count = 0;
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err;
    rmg_iter_edges_of(&graph, &t->ids[node], RMG_DIR_OUT, &door, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        bool good = true;
        for (uint32_t i = 0; good && i < rule->element_count; i++) {
            const struct jit_id *own = rule->elements[i].is_edge ? &edge.id : &edge.to;
            good = rule->elements[i].place != place || !jit_id_equal(&t->ids[i], own);
        }
        count += good;
    }
    ck_assert_int_eq(err, JIT_ENOENT);
    return count;
}

/* How many edges of the instance have this end. */
static unsigned degree(const struct rmg_rule *rule, const struct tuple *t, uint8_t node)
{
    struct rmg_graph graph = graph_of(t->places[rule->elements[node].place]);
    uint64_t out = 0;
    uint64_t in = 0;
    must(rmg_degree(&graph, &t->ids[node], RMG_DIR_OUT, NULL, &out));
    must(rmg_degree(&graph, &t->ids[node], RMG_DIR_IN, NULL, &in));
    return (unsigned)(out + in);
}

static int64_t value(const struct rmg_rule *rule, const struct tuple *t, uint8_t element,
                     const char *name)
{
    return i64_at(t->places[rule->elements[element].place], rule->elements[element].is_edge,
                  t->ids[element], name);
}

/* What holds a portal is not deleted: that is for verification to say. */
static inline bool has_portal(const struct tuple *t, struct jit_id node, const char *name)
{
    struct rmg_graph graph = graph_of(t->places[1]);
    struct rmg_value found;
    return rmg_attachment_get(&graph, RMG_PLANE_ALPHA, &node, name, (uint32_t)strlen(name),
                              &found) == JIT_OK;
}

/* What the texts say, by hand. Elements are numbered in the order of the text. */
static bool conditions_hold(unsigned which, const struct rmg_rule *r, const struct tuple *t)
{
    switch (which) {
    case 0: /* s r d q */
        return value(r, t, 0, "open") == 1 && value(r, t, 1, "level") < value(r, t, 3, "level");
    case 1: /* s NEXT t r q */
        return value(r, t, 3, "level") == value(r, t, 4, "level");
    case 2: /* s r b */
        return value(r, t, 2, "seen") == 0 && doors_beside(r, t, 1) == 0;
    case 3: /* s r d q */
        return doors_beside(r, t, 3) == 0 && value(r, t, 0, "open") == 0 && degree(r, t, 3) == 1;
    case 4: /* s e t r */
        return value(r, t, 3, "level") > value(r, t, 0, "open");
    default: /* s r DOOR q NEXT t */
        return value(r, t, 5, "open") == 0;
    }
}

/* Who says what a rule asks beside its pattern. */
static bool (*holds)(unsigned which, const struct rmg_rule *r,
                     const struct tuple *t) = conditions_hold;

static bool lies_there(const struct rmg_rule *rule, const struct tuple *t, uint32_t i)
{
    const struct rmg_rule_element *e = &rule->elements[i];
    struct rmg_graph graph = graph_of(t->places[e->place]);
    struct rmg_edge edge;
    struct jit_id type;
    if (e->is_edge) {
        if (rmg_edge_get(&graph, &t->ids[i], &edge) != JIT_OK) {
            return false;
        }
        type = edge.type;
    } else if (rmg_node_type(&graph, &t->ids[i], &type) != JIT_OK) {
        return false;
    }
    return !e->typed || jit_id_equal(&type, &e->type);
}

static bool ends_fit(const struct rmg_rule *rule, const struct tuple *t, uint32_t i)
{
    const struct rmg_rule_element *e = &rule->elements[i];
    struct rmg_graph graph = graph_of(t->places[e->place]);
    struct rmg_edge edge;
    must(rmg_edge_get(&graph, &t->ids[i], &edge));
    return jit_id_equal(&edge.from, &t->ids[e->from]) && jit_id_equal(&edge.to, &t->ids[e->to]);
}

static bool all_differ(const struct rmg_rule *rule, const struct tuple *t)
{
    for (uint32_t i = 0; i < rule->element_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (rule->elements[i].is_edge == rule->elements[k].is_edge &&
                rule->elements[i].place == rule->elements[k].place &&
                jit_id_equal(&t->ids[i], &t->ids[k]) && !rmg_rule_may_equal(rule, i, k)) {
                return false;
            }
        }
    }
    return true;
}

static bool reach(const struct rmg_rule *rule, struct tuple *t, uint32_t portal)
{
    const struct rmg_rule_portal *p = &rule->portals[portal];
    struct rmg_graph graph = graph_of(t->places[rule->elements[p->owner].place]);
    struct rmg_value found;
    if (rmg_attachment_get(&graph,
                           rule->elements[p->owner].is_edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA,
                           &t->ids[p->owner], p->name, p->name_size, &found) != JIT_OK ||
        found.kind != RMG_VALUE_PORTAL) {
        return false;
    }
    for (uint32_t i = 0; i < portal; i++) {
        if (jit_id_equal(&t->places[i + 1], &found.type)) {
            return false; /* what is reached through different ones lies in different instances */
        }
    }
    t->places[portal + 1] = found.type;
    t->ids[rule->element_count + portal] = found.type;
    return true;
}

static struct tuple matches[MATCHES];
static unsigned match_count;

/* Place by place, element by element, every id there could be. */
static void try_all(unsigned which, struct tuple *t, uint32_t place, uint32_t i)
{
    const struct rmg_rule *rule = rules[which];
    while (i < rule->element_count && rule->elements[i].place != place) {
        i++;
    }
    if (i < rule->element_count) {
        const bool edge = rule->elements[i].is_edge;
        for (uint64_t n = 0; n < (edge ? EDGES : NODES + 1); n++) {
            t->ids[i] = edge ? kit_id('E', n) : n == NODES ? kit_id('R', 0) : kit_id('N', n);
            if (lies_there(rule, t, i)) {
                try_all(which, t, place, i + 1);
            }
        }
        return;
    }
    if (place < rule->portal_count) {
        if (reach(rule, t, place)) {
            try_all(which, t, place + 1, 0);
        }
        return;
    }
    bool good = all_differ(rule, t);
    for (uint32_t k = 0; good && k < rule->element_count; k++) {
        good = !rule->elements[k].is_edge || ends_fit(rule, t, k);
    }
    if (good && holds(which, rule, t)) {
        ck_assert_uint_lt(match_count, MATCHES);
        matches[match_count++] = *t;
    }
}

static inline void find_all(unsigned which)
{
    struct tuple t = {.places = {g.instance}};
    match_count = 0;
    try_all(which, &t, 0, 0);
}

/* Whether the tuple is a match that find_all() found. */
static inline bool is_known(const struct jit_id *ids, uint32_t id_count)
{
    bool known = false;
    for (unsigned i = 0; i < match_count && !known; i++) {
        known = memcmp(matches[i].ids, ids, id_count * sizeof *ids) == 0;
    }
    return known;
}

/* ---- who looks ---- */

static const struct rmg_draw draw = {.seed = SEED, .tick = 1};

static inline enum rmg_result verify(unsigned which, const struct rmg_graph *graph,
                                     const struct jit_id *ids)
{
    static struct rmg_effect effect;
    struct jit_buf values;
    uint32_t slots = 0;
    enum jit_err err;
    struct rmg_match match = {.rule = rules[which],
                              .instance = g.instance,
                              .ids = ids,
                              .id_count = rmg_rule_id_count(rules[which])};
    jit_buf_init(&values, &f.mem.heap, 1 << 20);
    effect.values = &values;
    enum rmg_result result =
        rmg_match_verify(graph, &match, &draw, JIT_VERIFY_SLOTS_MAX, &effect, &slots, &err);
    must(err);
    jit_buf_release(&values);
    return result;
}

static inline struct rmg_search *search_of(unsigned which)
{
    struct rmg_search *search = NULL;
    must(rmg_search_new(&f.mem.heap, rules[which], NULL, 0, &g.instance, (struct rmg_shard){0, 1},
                        &search));
    return search;
}

#endif

/* tests/rmg/engine/forest_draw.h - rules drawn at random for the forest: patterns through portals,
 * conditions between fields of different instances, conditions and numbers of what is beside the
 * match or anywhere in the instance, effects on both sides of a portal; and what each condition
 * means, by looking at every node and edge there is. */
#ifndef JIT_TESTS_FOREST_DRAW_H
#define JIT_TESTS_FOREST_DRAW_H

#include <stdarg.h>

#include "tests/rmg/engine/forest_change.h"

#define ASKED 3u
#define NAMED 8u

/* Of the pattern, in the order of the text; an edge is a small letter d or e. */
struct drawn_pattern {
    const char *text;
    const char *names; /* one letter each */
    const char *types; /* S R B N D, ? where it is not said */
    const char *effects[3];
};

static const struct drawn_pattern patterns[] = {
    {"(s:Site), (r:Room)-[d:DOOR]->(q:Room) in s.rooms",
     "srdq",
     "SRDR",
     {"delete d", "set q.level = r.level add s.hits, 1", "create (q)-[:DOOR {w = 3}]->(r)"}},
    {"(s:Site)-[e:NEXT]->(t:Site), (r:Room) in s.rooms, (q:Room) in t.rooms",
     "setrq",
     "SNSRR",
     {"set r.level = q.level", "set e.w = r.level, t.open = 1", "create (:Room) in t.rooms"}},
    {"(s:Site), (r:Room) in s.rooms, (b:Book) in r.shelf",
     "srb",
     "SRB",
     {"set b.seen = 1", "set s.open = b.seen", "create (b)-[:NEXT]->(:Book {seen = 2})"}},
    {"(s:Site)-[e:NEXT]->(t:Site), (r:Room) in e.tunnel",
     "setr",
     "SNSR",
     {"set r.level = 0", "add t.hits, 2", "create (r)-[:DOOR]->(:Room {level = 2})"}},
    {"(s:Site), (t:Site), (r:Room)-[d:DOOR]->(q:Room) in t.rooms may equal(r, q)",
     "strdq",
     "SSRDR",
     {"delete d", "set s.open = q.level", "set r.level = 1 create (n:Room)"}},
    {"(s:Site), (t:Site), (r:Room) in s.rooms, (q:Room) in t.rooms may equal(s, t)",
     "strq",
     "SSRR",
     {"set r.level = 2", "add s.hits, 1 set q.level = 0", "create (n:Site {open = 1})"}},
    {"(s:Site), (r) in s.rooms, (b) in r.shelf, (x:Room) in s.rooms",
     "srbx",
     "S??R",
     {"set x.level = 1", "set s.open = 1", "create (x)-[:DOOR]->(r)"}},
    {"(r:Room), (s:Site), (q:Room) in s.rooms",
     "rsq",
     "RSR",
     {"set r.level = 1", "set q.level = 1", "delete r"}},
};
#define PATTERNS (sizeof patterns / sizeof patterns[0])

enum asked_kind { COMPARED, ALONE, BESIDE, BETWEEN };

/* A field of a matched element; name NULL: a number. */
struct drawn_value {
    unsigned element;
    const char *name;
    int64_t number;
};

struct asked {
    enum asked_kind kind;
    struct drawn_value left;  /* COMPARED */
    struct drawn_value right; /* COMPARED, or what the value of a pattern must be */
    const char *op;
    char what; /* '+' it is there, '-' it is not, 'c' count, 's' sum, 'm' min, 'M' max */
    unsigned from;
    bool out;
    unsigned to;       /* BETWEEN */
    char edge;         /* type: D N, or 0: any */
    char other;        /* type: S R B, or 0 */
    bool of_edge;      /* the value or the sum is of the edge */
    bool with_value;   /* {field = right} */
    int64_t threshold; /* of a number */
};

struct drawn {
    const struct drawn_pattern *pattern;
    unsigned count;
    struct asked asked[ASKED];
};

static struct drawn drawn[RULES];
static char drawn_text[RULES * 512 + 512];
static size_t drawn_size;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(drawn_text + drawn_size, sizeof drawn_text - drawn_size, format, args);
    va_end(args);
    ck_assert(size >= 0 && (size_t)size < sizeof drawn_text - drawn_size);
    drawn_size += (size_t)size;
}

static const char *type_name(char type)
{
    switch (type) {
    case 'S':
        return "Site";
    case 'R':
        return "Room";
    case 'B':
        return "Book";
    case 'N':
        return "NEXT";
    case 'D':
        return "DOOR";
    default:
        return NULL;
    }
}

static const char *field_name(char type)
{
    switch (type) {
    case 'S':
        return "open";
    case 'R':
        return "level";
    case 'B':
        return "seen";
    default:
        return "w";
    }
}

/* ---- drawing ---- */

static struct drawn_value draw_value(const struct drawn_pattern *p)
{
    struct drawn_value value = {.element = roll((unsigned)strlen(p->names))};
    if (roll(5) == 0 || p->types[value.element] == '?') {
        value.number = roll(3);
    } else {
        value.name = field_name(p->types[value.element]);
    }
    return value;
}

static bool is_edge_at(const struct drawn_pattern *p, unsigned i)
{
    return p->names[i] == 'd' || p->names[i] == 'e';
}

static unsigned draw_node(const struct drawn_pattern *p)
{
    unsigned i = roll((unsigned)strlen(p->names));
    return is_edge_at(p, i) ? i - 1 : i; /* an edge stands behind a node */
}

static struct asked draw_asked(const struct drawn_pattern *p)
{
    static const char *const ops[] = {"=", "<>", "<", "<=", ">", ">="};
    static const char whats[] = "+-csmM";
    struct asked a = {.kind = (enum asked_kind)roll(4), .op = ops[roll(6)]};
    a.left = draw_value(p);
    a.right = draw_value(p);
    a.from = draw_node(p);
    a.to = draw_node(p);
    a.out = roll(2) == 0;
    a.threshold = roll(3);
    a.edge = "DN\0"[roll(3)];
    a.other = "SRB\0"[roll(4)];
    a.with_value = roll(2) == 0;
    a.what = whats[roll(6)];
    if (a.kind == ALONE) {
        a.what = whats[roll(3)];
        a.other = "SRB"[roll(3)];
    } else if (a.kind == BETWEEN) {
        a.what = whats[roll(3)];
        a.with_value = false;
    } else if (a.kind == BESIDE) {
        a.of_edge = a.edge != 0 && roll(2) == 0;
        bool typed = a.of_edge || a.other != 0;
        a.with_value = a.with_value && typed;
        a.what = typed ? a.what : whats[roll(3)];
    }
    return a;
}

static void say_value(const struct drawn_pattern *p, const struct drawn_value *value)
{
    if (value->name == NULL) {
        say("%d", (int)value->number);
    } else {
        say("%c.%s", p->names[value->element], value->name);
    }
}

static void say_near(const struct drawn_pattern *p, const struct asked *a)
{
    const char *edge = type_name(a->edge);
    const char *other = type_name(a->other);
    const bool sums = strchr("smM", a->what) != NULL;
    if (a->kind == ALONE) {
        say("(:%s", other);
    } else {
        say("(%c)%s[%s%s%s", p->names[a->from], a->out ? "-" : "<-", sums && a->of_edge ? "k" : "",
            edge == NULL ? "" : ":", edge == NULL ? "" : edge);
        if (a->with_value && a->of_edge) {
            say(" {w = ");
            say_value(p, &a->right);
            say("}");
        }
        say("%s", a->out ? "]->(" : "]-(");
        if (a->kind == BETWEEN) {
            say("%c", p->names[a->to]);
        } else {
            say("%s%s%s", sums && !a->of_edge ? "y" : "", other == NULL ? "" : ":",
                other == NULL ? "" : other);
        }
    }
    if (a->with_value && !a->of_edge) {
        say(" {%s = ", field_name(a->other));
        say_value(p, &a->right);
        say("}");
    }
    say(")");
}

static void say_asked(const struct drawn_pattern *p, const struct asked *a)
{
    if (a->kind == COMPARED) {
        say_value(p, &a->left);
        say(" %s ", a->op);
        say_value(p, &a->right);
    } else if (a->what == '+' || a->what == '-') {
        say("%s", a->what == '-' ? "not " : "");
        say_near(p, a);
    } else {
        say("%s(", a->what == 'c'   ? "count"
                   : a->what == 's' ? "sum"
                   : a->what == 'm' ? "min"
                                    : "max");
        say_near(p, a);
        if (a->what != 'c') {
            say(", %c.%s", a->of_edge ? 'k' : 'y', field_name(a->of_edge ? 'D' : a->other));
        }
        say(") %s %d", a->op, (int)a->threshold);
    }
}

/* Patterns join nodes of one instance alone, and a matched edge says nothing of two instances. */
static bool is_sound(const struct drawn_pattern *p, const struct asked *a)
{
    static const char *const places[] = {"0111",  "00012", "012",  "0001",
                                         "00111", "0012",  "0121", "001"};
    const char *place = places[p - patterns];
    return a->kind != BETWEEN || place[a->from] == place[a->to];
}

static void draw_rule(unsigned which)
{
    struct drawn *rule = &drawn[which];
    const struct drawn_pattern *p = &patterns[roll(PATTERNS)];
    rule->pattern = p;
    rule->count = 0;
    say("rule drawn%u match %s", which, p->text);
    for (unsigned n = which == 0 ? 0 : 1 + roll(ASKED); n > 0; n--) { /* the first asks nothing */
        struct asked a = draw_asked(p);
        if (is_sound(p, &a)) {
            say("%s", rule->count == 0 ? " where " : " and ");
            say_asked(p, &a);
            rule->asked[rule->count++] = a;
        }
    }
    say(" %s\n", p->effects[roll(3)]);
}

static inline void draw_rules(void)
{
    drawn_size = 0;
    say("%s", TYPES);
    for (unsigned i = 0; i < RULES; i++) {
        draw_rule(i);
    }
    enum jit_err err = lang_fixture_parse(&f, drawn_text, drawn_size);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)f.messages.size, (const char *)f.messages.data);
    for (unsigned i = 0; i < RULES; i++) {
        const struct lang_rule *rule = &f.system->rules[i];
        rmg_rule_free(&f.mem.heap, rules[i]);
        must(rmg_rule_decode(&f.mem.heap, rule->program, rule->program_size, &rules[i]));
        ck_assert_uint_eq(rules[i]->element_count, strlen(drawn[i].pattern->names));
    }
}

/* ---- what they mean ---- */

static bool i64_there(const struct rmg_graph *graph, bool edge, struct jit_id owner,
                      const char *name, int64_t *out)
{
    struct rmg_value value;
    enum jit_err err = rmg_attachment_get(graph, edge ? RMG_PLANE_BETA : RMG_PLANE_ALPHA, &owner,
                                          name, (uint32_t)strlen(name), &value);
    ck_assert(err == JIT_OK || err == JIT_ENOENT);
    if (err == JIT_OK) {
        ck_assert_uint_eq(value.size, 8);
        *out = (int64_t)jit_le64(value.bytes);
    }
    return err == JIT_OK;
}

static struct rmg_graph graph_at(const struct rmg_rule *r, const struct tuple *t, unsigned element)
{
    return graph_of(t->places[r->elements[element].place]);
}

static bool drawn_value_of(const struct rmg_rule *r, const struct tuple *t,
                           const struct drawn_value *value, int64_t *out)
{
    *out = value->number;
    if (value->name == NULL) {
        return true;
    }
    struct rmg_graph graph = graph_at(r, t, value->element);
    return i64_there(&graph, r->elements[value->element].is_edge, t->ids[value->element],
                     value->name, out);
}

static bool compares(int64_t a, const char *op, int64_t b)
{
    return strcmp(op, "=") == 0    ? a == b
           : strcmp(op, "<>") == 0 ? a != b
           : strcmp(op, "<") == 0  ? a < b
           : strcmp(op, "<=") == 0 ? a <= b
           : strcmp(op, ">") == 0  ? a > b
                                   : a >= b;
}

static bool is_matched(const struct rmg_rule *r, const struct tuple *t, unsigned place, bool edge,
                       const struct jit_id *id)
{
    bool found = false;
    for (uint32_t i = 0; i < r->element_count && !found; i++) {
        found = r->elements[i].is_edge == edge && r->elements[i].place == place &&
                jit_id_equal(&t->ids[i], id);
    }
    return found;
}

struct tally {
    unsigned found;
    bool failed; /* a field that is summed is wanting */
    int64_t sum, least, greatest;
};

static void count_one(struct tally *tally, bool has, int64_t value)
{
    tally->failed = tally->failed || !has;
    tally->sum += value;
    tally->least = tally->found == 0 || value < tally->least ? value : tally->least;
    tally->greatest = tally->found == 0 || value > tally->greatest ? value : tally->greatest;
    tally->found++;
}

/* Every edge of the instance, whatever its ends. */
static void tally_edges(const struct rmg_rule *r, const struct tuple *t, const struct asked *a,
                        int64_t wanted, struct tally *tally)
{
    const unsigned place = r->elements[a->from].place;
    const bool sums = strchr("smM", a->what) != NULL;
    struct rmg_graph graph = graph_of(t->places[place]);
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err;
    rmg_iter_all(&graph, RMG_EDGES, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        const struct jit_id *near = a->out ? &edge.from : &edge.to;
        const struct jit_id *far = a->out ? &edge.to : &edge.from;
        struct jit_id edge_type = type_of(a->edge == 0 ? "" : type_name(a->edge));
        struct jit_id other_type = type_of(a->other == 0 ? "" : type_name(a->other));
        struct jit_id type;
        int64_t value = 0;
        if (!jit_id_equal(near, &t->ids[a->from]) || is_matched(r, t, place, true, &edge.id) ||
            (a->edge != 0 && !jit_id_equal(&edge.type, &edge_type))) {
            continue;
        }
        if (a->kind == BETWEEN) {
            if (jit_id_equal(far, &t->ids[a->to])) {
                count_one(tally, true, 0);
            }
            continue;
        }
        must(rmg_node_type(&graph, far, &type));
        if (is_matched(r, t, place, false, far) ||
            (a->other != 0 && !jit_id_equal(&type, &other_type))) {
            continue;
        }
        const struct jit_id owner = a->of_edge ? edge.id : *far;
        const char *name = a->of_edge ? "w" : field_name(a->other);
        bool has = i64_there(&graph, a->of_edge, owner, name, &value);
        if (!a->with_value || (has && value == wanted)) {
            count_one(tally, !sums || has, value);
        }
    }
    ck_assert_int_eq(err, JIT_ENOENT);
}

static void tally_nodes(const struct rmg_rule *r, const struct tuple *t, const struct asked *a,
                        int64_t wanted, struct tally *tally)
{
    struct rmg_graph graph = graph_of(t->places[0]);
    const struct jit_id wants = type_of(type_name(a->other));
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_all(&graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        int64_t value = 0;
        if (jit_id_equal(&type, &wants) && !is_matched(r, t, 0, false, &id) &&
            (!a->with_value ||
             (i64_there(&graph, false, id, field_name(a->other), &value) && value == wanted))) {
            count_one(tally, true, 0);
        }
    }
    ck_assert_int_eq(err, JIT_ENOENT);
}

static bool asked_holds(const struct rmg_rule *r, const struct tuple *t, const struct asked *a)
{
    int64_t left = 0;
    int64_t wanted = 0;
    struct tally tally = {.found = 0};
    if ((a->kind == COMPARED || a->with_value) && !drawn_value_of(r, t, &a->right, &wanted)) {
        return false; /* without a value, the rule does not apply */
    }
    if (a->kind == COMPARED) {
        return drawn_value_of(r, t, &a->left, &left) && compares(left, a->op, wanted);
    }
    if (a->kind == ALONE) {
        tally_nodes(r, t, a, wanted, &tally);
    } else {
        tally_edges(r, t, a, wanted, &tally);
    }
    switch (a->what) {
    case '+':
        return tally.found > 0;
    case '-':
        return tally.found == 0;
    case 'c':
        return compares(tally.found, a->op, a->threshold);
    case 's':
        return !tally.failed && compares(tally.sum, a->op, a->threshold);
    default:
        return !tally.failed && tally.found > 0 &&
               compares(a->what == 'm' ? tally.least : tally.greatest, a->op, a->threshold);
    }
}

/* Of `delete r`: verification says of a node with edges that it dangles, a search leaves it out. */
static bool may_go(const struct rmg_rule *r, const struct tuple *t)
{
    bool good = true;
    for (uint32_t i = 0; i < r->element_count && good; i++) {
        good = r->elements[i].is_edge || !r->elements[i].deleted || degree(r, t, (uint8_t)i) == 0;
    }
    return good;
}

static inline bool drawn_holds(unsigned which, const struct rmg_rule *r, const struct tuple *t)
{
    const struct drawn *rule = &drawn[which];
    bool good = may_go(r, t);
    for (unsigned i = 0; i < rule->count && good; i++) {
        good = asked_holds(r, t, &rule->asked[i]);
    }
    return good;
}

/* ---- changes that matter to them ---- */

/* Rooms, books and sites 4 and 5 beside the sites, which change their type; fields that go. */
static inline void change_more(void)
{
    static const char *const types[] = {"Site", "Room", "Book"};
    const struct jit_id in[] = {g.instance,  rooms_of(0), rooms_of(1),
                                shelf_of(0), shelf_of(1), tunnel()};
    const uint64_t n = roll(6);
    const unsigned type = roll(3);
    const struct jit_id at = in[roll(6)];
    switch (roll(3)) {
    case 0:
        put_node(g.instance, 4 + n % 2, types[type]);
        put_i64(g.instance, RMG_PLANE_ALPHA, 4 + n % 2, field_name("SRB"[type]), roll(3));
        break;
    case 1:
        if (there(at, 'N', n)) {
            put_i64(at, RMG_PLANE_ALPHA, n, field_name("SRB"[type]), roll(3));
        }
        break;
    default:
        if (there(at, 'N', n)) {
            const struct jit_id owner = kit_id('N', n);
            const char *name = field_name("SRB"[type]);
            enum jit_err err = rmg_tx_clear_attachment(g.tx, &at, RMG_PLANE_ALPHA, &owner, name,
                                                       (uint32_t)strlen(name));
            ck_assert(err == JIT_OK || err == JIT_ENOENT);
        }
        break;
    }
}

#endif

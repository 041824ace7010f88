/* Goal:   a query finds what its text says, each match once, in the order of the ids; values that
 * are missing are missing; a budget stops it; a wrong text is refused with place and words. Method:
 * random graphs kept as lists beside the store; for each of a table of queries a predicate in C
 * over all tuples of the lists is the oracle for rows, values and count; with the types declared,
 * inferred, or half of each; exact messages; every truncation of every query; every refused
 * allocation. */
#include "rmg/lang/lang_query.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "rmg/schema/schema_infer.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/lib/rule_kit.h"
#include "tests/lib/tcase.h"

#define NODES 9u
#define EDGES 14u

static struct fault_heap mem;
static struct kit_graph g;
static struct rmg_graph view;
static struct rmg_schema *schema;
static struct lang_graph_types *graph_types;
static struct jit_buf messages;
static struct jit_random rnd;

struct thing {
    struct jit_id id;
    char type; /* P, Q; D, E */
    unsigned from;
    unsigned to;
    int has_i; /* 0: missing, 1: an i64, 2: a text */
    int64_t i;
};
static struct thing nodes[NODES];
static struct thing edges[EDGES];

static void put_i(const struct thing *thing, enum rmg_plane plane)
{
    static const uint8_t text[] = "seven";
    struct rmg_datum datum = {.codec = RMG_CODEC_I64, .as.i64 = thing->i};
    if (thing->has_i == 2) {
        datum = (struct rmg_datum){.codec = RMG_CODEC_TEXT, .bytes = text, .size = 5};
    }
    if (thing->has_i != 0) {
        kit_put_atom(&g, plane, thing->id, "i", &datum);
    }
}

static void random_thing(struct thing *thing, char kind, unsigned number, const char types[2])
{
    *thing = (struct thing){.id = kit_id(kind, number), .type = types[jit_random_below(&rnd, 2)]};
    thing->from = (unsigned)jit_random_below(&rnd, NODES);
    thing->to = (unsigned)jit_random_below(&rnd, NODES);
    thing->has_i = jit_random_below(&rnd, 8) != 0;
    if (number <
        2) { /* each kind has a type under which i64 is the usual codec of i, and one text */
        thing->type = types[0];
        thing->has_i = 1;
    } else if (number == 2) {
        thing->type = types[0];
        thing->has_i = 2;
    }
    thing->i = (int64_t)jit_random_below(&rnd, 5);
}

static void make_graph(uint64_t seed)
{
    rnd = jit_random_of(seed);
    kit_graph_begin(&g, &mem.heap, 1u << 20);
    kit_open(&g);
    for (unsigned n = 0; n < NODES; n++) {
        random_thing(&nodes[n], 'N', n, "PQ");
        char name[2] = {nodes[n].type, 0};
        struct jit_id type = type_of(name);
        must(rmg_tx_upsert_node(g.tx, &g.instance, &nodes[n].id, &type));
        put_i(&nodes[n], RMG_PLANE_ALPHA);
    }
    for (unsigned n = 0; n < EDGES; n++) {
        random_thing(&edges[n], 'E', n, "DE");
        char name[2] = {edges[n].type, 0};
        struct rmg_edge edge = {.id = edges[n].id,
                                .from = nodes[edges[n].from].id,
                                .to = nodes[edges[n].to].id,
                                .type = type_of(name)};
        must(rmg_tx_upsert_edge(g.tx, &g.instance, &edge));
        put_i(&edges[n], RMG_PLANE_BETA);
    }
    kit_seal(&g);
    view = kit_graph_of(&g, NULL);
}

/* 0: nothing declared; 1: nodes with i; 2: everything. */
static void make_types(int declared)
{
    struct rmg_schema_field field = {.name = "i", .codec = RMG_CODEC_I64};
    struct rmg_schema_type type = {.fields = &field, .field_count = 1};
    static const char *const names[] = {"P", "Q", "D", "E"};
    must(rmg_schema_new(&mem.heap, &schema));
    for (int i = 0; i < 2 * declared; i++) {
        type.name = names[i];
        type.kind = i < 2 ? RMG_TYPE_NODE : RMG_TYPE_EDGE;
        must(rmg_schema_add(schema, &type, NULL));
    }
    must(lang_graph_types_new(&mem.heap, &view, schema, &graph_types));
}

static void drop(void)
{
    lang_graph_types_free(graph_types);
    rmg_schema_free(schema);
    kit_graph_end(&g);
}

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&messages, &mem.heap, 1u << 16);
}

static void teardown(void)
{
    jit_buf_release(&messages);
    ck_assert_int_eq(mem.live, 0);
}

static enum jit_err parse(const char *text, size_t size, struct lang_query **query)
{
    struct lang_types types = lang_graph_types_of(graph_types);
    jit_buf_reset(&messages);
    return lang_query_parse(&mem.heap, (const uint8_t *)text, size, &types, query, &messages);
}

/* ---- what the queries mean ---- */

/* A tuple is nodes and edges in the order of the pattern; NULL where the pattern is shorter. */
typedef const struct thing *const *tuple;

static bool num(const struct thing *thing, int64_t *value)
{
    *value = thing->i;
    return thing->has_i == 1;
}

static bool all(tuple t)
{
    return t != NULL;
}

static bool big_p(tuple t)
{
    int64_t a = 0;
    return t[0]->type == 'P' && num(t[0], &a) && a > 2;
}

static bool falls(tuple t)
{
    int64_t a = 0;
    int64_t b = 0;
    int64_t d = 0;
    return t[1]->type == 'D' && num(t[0], &a) && num(t[2], &b) && num(t[1], &d) && a + d > b;
}

static bool no_edge_out(tuple t)
{
    if (t[0]->type != 'P' || t[2]->type != 'Q') {
        return false;
    }
    for (unsigned n = 0; n < EDGES; n++) { /* not (b)-[:E]->(): another edge, another end */
        const struct thing *end = &nodes[edges[n].to];
        if (&nodes[edges[n].from] == t[2] && edges[n].type == 'E' && &edges[n] != t[1] &&
            end != t[0] && end != t[2]) {
            return false;
        }
    }
    return true;
}

static bool long_path(tuple t)
{
    int64_t a = 0;
    int64_t c = 0;
    return num(t[0], &a) && num(t[4], &c) && a == c;
}

static bool nothing(tuple t)
{
    return t == NULL;
}

static bool three(tuple t)
{
    int64_t a = 0;
    return t[0]->type == 'P' && num(t[0], &a) && a == 3;
}

static bool alike(tuple t)
{
    int64_t a = 0;
    int64_t d = 0;
    return num(t[0], &a) && num(t[1], &d) && d == a;
}

static bool apart(tuple t)
{
    int64_t a = 0;
    int64_t b = 0;
    return t[0]->type == 'P' && t[1]->type == 'P' && num(t[0], &a) && num(t[1], &b) && a > b;
}

/* `shape`: > an edge that way, < one that comes back, . another node; columns i of element `value`,
 * or none. */
static const struct {
    const char *text;
    const char *shape;
    bool (*holds)(tuple t);
    int value;
} queries[] = {
    {"match (a) return a", "", all, -1},
    {"match (a:P) where a.i > 2 return a, a.i", "", big_p, 0},
    {"match (a)-[d:D]->(b) where a.i + d.i > b.i return a, d, b.i", ">", falls, 2},
    {"match (a)<-[d:D]-(b) where a.i + d.i > b.i return a, d, b.i as low", "<", falls, 2},
    {"match (a:P)-->(b:Q) where not (b)-[:E]->() return b", ">", no_edge_out, -1},
    {"match (a)-[x]->(b)<-[y]-(c) where a.i = c.i return x, y, a.i", "><", long_path, 0},
    {"match (a)-[x]->(b)-[y]->(c)-[z]->(d) return d, a.i", ">>>", all, 0},
    {"match (a:P) where a.i > 2 and a.i < 1 return a", "", nothing, -1},
    {"match (a)-[x]->(b), (b)<-[y]-(c) where a.i = c.i return x, y, a.i", "><", long_path, 0},
    {"match (a:P {i = 3})-->(b) return b, a.i", ">", three, 0},
    {"match (a)-[{i = a.i}]->(b) return b, a.i", ">", alike, 0},
    {"match (a:P), (b:P) where a.i > b.i return a, a.i", ".", apart, 0},
};
#define QUERIES (sizeof queries / sizeof *queries)

struct row {
    struct jit_id ids[7];
    const struct thing *value;
};
static struct row rows[20000];
static size_t row_count;
static uint32_t row_width;

static int compare_rows(const void *a, const void *b)
{
    return memcmp(((const struct row *)a)->ids, ((const struct row *)b)->ids,
                  row_width * sizeof(struct jit_id));
}

static bool taken(const struct thing *const *t, unsigned count, const struct thing *thing)
{
    for (unsigned i = 0; i < count; i++) {
        if (t[i] == thing) {
            return true;
        }
    }
    return false;
}

/* Every tuple of this shape whose elements are all different. */
static void try_all(size_t q, const char *shape, const struct thing **t, unsigned count)
{
    if (*shape == 0) {
        if (queries[q].holds(t)) {
            ck_assert_uint_lt(row_count, sizeof rows / sizeof *rows);
            for (unsigned i = 0; i < count; i++) {
                rows[row_count].ids[i] = t[i]->id;
            }
            rows[row_count++].value = queries[q].value < 0 ? NULL : t[queries[q].value];
        }
        return;
    }
    for (unsigned n = 0; *shape == '.' && n < NODES; n++) {
        if (!taken(t, count, &nodes[n])) {
            t[count] = &nodes[n];
            try_all(q, shape + 1, t, count + 1);
        }
    }
    for (unsigned n = 0; *shape != '.' && n < EDGES; n++) {
        bool on = *shape == '>';
        const struct thing *begin = &nodes[on ? edges[n].from : edges[n].to];
        const struct thing *end = &nodes[on ? edges[n].to : edges[n].from];
        if (begin == t[count - 1] && !taken(t, count, &edges[n]) && !taken(t, count, end)) {
            t[count] = &edges[n];
            t[count + 1] = end;
            try_all(q, shape + 1, t, count + 2);
        }
    }
}

static void expect(size_t q)
{
    static const struct thing root = {.type = '?'}; /* the instance's root node, without values */
    struct thing first = root;
    const struct thing *t[7];
    first.id = g.root;
    row_count = 0;
    row_width = 1;
    for (const char *at = queries[q].shape; *at != 0; at++) {
        row_width += *at == '.' ? 1 : 2;
    }
    for (unsigned n = 0; n <= NODES; n++) {
        t[0] = n < NODES ? &nodes[n] : &first;
        try_all(q, queries[q].shape, t, 1);
    }
    for (size_t i = 0; i < row_count; i++) {
        rows[i].value = rows[i].value == &first ? NULL : rows[i].value;
    }
    qsort(rows, row_count, sizeof *rows, compare_rows);
}

static void check_value(const struct lang_query *query, const struct jit_id *ids,
                        const struct thing *thing)
{
    for (uint32_t i = 0; i < query->column_count; i++) {
        struct rmg_datum datum;
        if (query->columns[i].kind != LANG_COLUMN_VALUE) {
            continue;
        }
        must(lang_query_value(query, i, &view, ids, &datum));
        bool there = thing != NULL && thing->has_i == 1;
        ck_assert_int_eq(datum.codec, there ? RMG_CODEC_I64 : RMG_CODEC_NONE);
        ck_assert(!there || datum.as.i64 == thing->i);
    }
}

START_TEST(answers) /* _i = query */
{
    uint64_t found = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct lang_query *query = NULL;
        struct lang_rows got;
        make_graph(1000 + seed);
        make_types((int)(seed % 3));
        enum jit_err err = parse(queries[_i].text, strlen(queries[_i].text), &query);
        ck_assert_msg(err == JIT_OK, "%s: %.*s", queries[_i].text, (int)messages.size,
                      (const char *)messages.data);
        expect((size_t)_i);
        must(lang_query_run(&mem.heap, query, &view, LANG_LIMIT_NONE, UINT64_MAX, &got));
        ck_assert_msg(got.matches == row_count, "seed %u: %llu matches, there are %zu",
                      (unsigned)seed, (unsigned long long)got.matches, row_count);
        ck_assert_uint_eq(got.count, row_count);
        ck_assert_uint_eq(got.width, row_width);
        for (size_t i = 0; i < row_count; i++) {
            const struct jit_id *ids = &got.ids[i * got.width];
            ck_assert(memcmp(ids, rows[i].ids, row_width * sizeof *ids) == 0);
            check_value(query, ids, rows[i].value);
        }
        uint64_t looks = got.looks;
        found += row_count;
        lang_rows_release(&got);
        for (uint64_t limit = 0; limit < 4; limit++) { /* the first ones, and all counted */
            must(lang_query_run(&mem.heap, query, &view, limit, looks, &got));
            ck_assert_uint_eq(got.matches, row_count);
            ck_assert_uint_eq(got.count, limit < row_count ? limit : row_count);
            for (size_t i = 0; i < got.count; i++) {
                ck_assert(memcmp(&got.ids[i * got.width], rows[i].ids,
                                 row_width * sizeof(struct jit_id)) == 0);
            }
            lang_rows_release(&got);
        }
        if (looks > 0) { /* one look less is too few */
            ck_assert_int_eq(lang_query_run(&mem.heap, query, &view, 5, looks - 1, &got),
                             JIT_EBUDGET);
            ck_assert_uint_eq(got.looks, looks - 1);
            lang_rows_release(&got);
        }
        lang_query_free(&mem.heap, query);
        drop();
    }
    ck_assert(queries[_i].holds == nothing || found > 10);
}
END_TEST

/* ---- order ---- */

static const struct thing *thing_of(const struct jit_id *id)
{
    for (unsigned n = 0; n < NODES + EDGES; n++) {
        const struct thing *one = n < NODES ? &nodes[n] : &edges[n - NODES];
        if (jit_id_equal(&one->id, id)) {
            return one;
        }
    }
    return NULL; /* the root node */
}

/* d.i, from high to low, those without one behind; then a.i + 1; then b; then the ids. */
static int compare_ordered(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    for (int key = 0; key < 2; key++) {
        int64_t values[2] = {0, 0};
        bool there[2];
        for (int side = 0; side < 2; side++) {
            const struct thing *thing = thing_of(&(side == 0 ? x : y)->ids[1 - key]);
            there[side] = thing != NULL && num(thing, &values[side]);
        }
        if (there[0] != there[1]) {
            return there[0] ? -1 : 1;
        }
        if (there[0] && values[0] != values[1]) {
            return (values[0] < values[1]) != (key == 0) ? -1 : 1;
        }
    }
    int ends = memcmp(&x->ids[2], &y->ids[2], sizeof x->ids[2]);
    return ends != 0 ? ends : compare_rows(a, b);
}

/* The same rows as without it, in that order, whatever part of them is asked for. */
START_TEST(ordered)
{
    static const char text[] = "match (a)-[d]->(b) return a, d.i as high, a.i "
                               "order by high desc, a.i + 1 asc, b";
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct lang_query *query = NULL;
        struct lang_rows got;
        make_graph(2000 + seed);
        make_types((int)(seed % 3));
        ck_assert_msg(parse(text, sizeof text - 1, &query) == JIT_OK, "%.*s", (int)messages.size,
                      (const char *)messages.data);
        ck_assert_uint_eq(query->column_count, 3);
        row_count = 0;
        row_width = 3;
        for (unsigned n = 0; n < EDGES; n++) {
            if (edges[n].from != edges[n].to) {
                rows[row_count].ids[0] = nodes[edges[n].from].id;
                rows[row_count].ids[1] = edges[n].id;
                rows[row_count++].ids[2] = nodes[edges[n].to].id;
            }
        }
        qsort(rows, row_count, sizeof *rows, compare_ordered);
        for (uint64_t limit = 0; limit <= row_count + 1; limit++) {
            must(lang_query_run(&mem.heap, query, &view, limit, UINT64_MAX, &got));
            ck_assert_uint_eq(got.matches, row_count);
            ck_assert_uint_eq(got.count, limit < row_count ? limit : row_count);
            for (size_t i = 0; i < got.count; i++) {
                ck_assert(memcmp(&got.ids[i * 3], rows[i].ids, 3 * sizeof *got.ids) == 0);
            }
            lang_rows_release(&got);
        }
        lang_query_free(&mem.heap, query);
        drop();
    }
}
END_TEST

/* Texts by their bytes, a shorter one first; false before true; NaN behind all numbers. */
START_TEST(order_of_values)
{
    static const struct {
        const char *key;
        const char *order; /* of the nodes 0 to 3 */
    } cases[] = {
        {"a.t", "2013"}, {"a.t desc", "3102"}, {"a.b", "0213"}, {"a.b desc", "1302"},
        {"a.f", "3102"}, {"a.f desc", "0132"}, {"a.y", "1203"}, {"a.y desc", "0213"},
    };
    static const char *const texts[] = {"b", "ba", "a", "\xc3\xa4"};
    static const double floats[] = {2.5, -1e9, NAN, -INFINITY};
    static const uint8_t bytes[4][2] = {{0x80, 0}, {0x7f, 1}, {0x7f, 2}, {0, 0}};
    kit_graph_begin(&g, &mem.heap, 1u << 20);
    kit_open(&g);
    for (unsigned n = 0; n < 4; n++) {
        struct jit_id id = kit_id('N', n);
        struct jit_id type = type_of("P");
        struct rmg_datum text = {.codec = RMG_CODEC_TEXT,
                                 .bytes = (const uint8_t *)texts[n],
                                 .size = (uint32_t)strlen(texts[n])};
        struct rmg_datum flag = {.codec = RMG_CODEC_BOOL, .as.boolean = n % 2 == 1};
        struct rmg_datum real = {.codec = RMG_CODEC_F64, .as.f64 = floats[n]};
        struct rmg_datum raw = {.codec = RMG_CODEC_BYTES, .bytes = bytes[n], .size = 2};
        must(rmg_tx_upsert_node(g.tx, &g.instance, &id, &type));
        nodes[n] = (struct thing){.id = id};
        kit_put_atom(&g, RMG_PLANE_ALPHA, id, "t", &text);
        kit_put_atom(&g, RMG_PLANE_ALPHA, id, "b", &flag);
        kit_put_atom(&g, RMG_PLANE_ALPHA, id, "f", &real);
        if (n != 3) { /* missing: last, either way */
            kit_put_atom(&g, RMG_PLANE_ALPHA, id, "y", &raw);
        }
    }
    kit_seal(&g);
    view = kit_graph_of(&g, NULL);
    make_types(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[80];
        char found[5] = "";
        struct lang_query *query = NULL;
        struct lang_rows got;
        int size = snprintf(text, sizeof text, "match (a:P) return a order by %s", cases[i].key);
        must(parse(text, (size_t)size, &query));
        must(lang_query_run(&mem.heap, query, &view, LANG_LIMIT_NONE, UINT64_MAX, &got));
        ck_assert_uint_eq(got.count, 4);
        for (size_t row = 0; row < 4; row++) {
            for (unsigned n = 0; n < 4; n++) {
                found[row] =
                    jit_id_equal(&got.ids[row], &nodes[n].id) ? (char)('0' + n) : found[row];
            }
        }
        ck_assert_msg(strcmp(found, cases[i].order) == 0, "%s: %s", cases[i].key, found);
        lang_rows_release(&got);
        lang_query_free(&mem.heap, query);
    }
    drop();
}
END_TEST

/* ---- what is wrong ---- */

static const struct {
    const char *text;
    const char *wanted; /* how the messages begin */
} wrong[] = {
    {"", "query:1:1: error: expected `match`, found the end of the file\n"},
    {"find (a)", "query:1:1: error: expected `match`, found `find`\n"},
    {"match (a:P", "query:1:11: error: expected `:Type`, `{` or `)`"},
    {"match (a:P)", "query:1:12: error: expected `where` or `return`"},
    {"match (a:P) return", "query:1:19: error: expected a value"},
    {"match (a:P) return a.ii", "query:1:22: error: `P` has no value `ii` to compare\n"
                                "  match (a:P) return a.ii\n"
                                "                       ^~\n"
                                "  help: did you mean `i`?\n"},
    {"match (a:R) return a", "query:1:10: error: this graph has no nodes of type `R`\n"},
    {"match (a)-[:P]->(b) return a", "query:1:13: error: this graph has no edges of type `P`\n"},
    {"match (a:P) return b", "query:1:20: error: no element of the match is named `b`\n"},
    {"match (a:P) where c > 1 return a", "query:1:19: error: no element of the match is named `c`"},
    {"match (a:P) where a.i return a",
     "query:1:19: error: this is i64, a condition is needed here"},
    {"match (a:P) where a.i = \"x\" return a",
     "query:1:25: error: the other side is i64, this is text"},
    {"match (a:P) where chance(0.5) return a", "query:1:19: error: a query does not draw"},
    {"match (a:P) return random()", "query:1:20: error: a query does not draw"},
    {"match (a:P) return a, a", "query:1:23: error: there is a column `a` already\n"},
    {"match (a:P) return a, count(*)", "query:1:23: error: `count(*)` stands alone\n"},
    {"match (a:P) return a limit 0", "query:1:28: error: a limit is a whole number from 1\n"},
    {"match (a:P) return a limit 1.5", "query:1:28: error: a limit is a whole number from 1\n"},
    {"match (a:P) return a limit 1 skip 2", "query:1:30: error: expected the end of the query"},
    {"match (a:P), return a", "query:1:14: error: expected a node, found `return`"},
    {"match (a:P)-->(b), (b:Q) return a", "query:1:20: error: `b` is matched already\n"},
    {"match (a:P {j = 1}) return a", "query:1:13: error: `P` has no value `j` to compare\n"},
    {"match (a:P) return a order a", "query:1:28: error: expected `by`, found `a`"},
    {"match (a:P) return a order by", "query:1:30: error: expected a value"},
    {"match (a:P) return a order by b", "query:1:31: error: no element of the match is named"},
    {"match (a:P) return a order by a.ii", "query:1:33: error: `P` has no value `ii` to compare"},
    {"match (a:P) return a order by random()", "query:1:31: error: a query does not draw"},
    {"match (a:P) return a order by a down", "query:1:33: error: expected `,`, `asc`, `desc`"},
    {"match (a:P) return count(*) order by a", "query:1:29: error: `count(*)` is one row"},
    {"match (a:P) return a order by a,a,a,a,a,a,a,a,a", "query:1:47: error: a query has at most"},
    {"match (a:P) set a.i = 1", "query:1:13: error: expected `where` or `return`, found `set`"},
    {"match (a:P) return not (a)-[:D]->()", "query:1:20: error: a negative condition stands by"},
};

START_TEST(refused) /* _i = row */
{
    struct lang_query *query = NULL;
    make_graph(7);
    make_types(0);
    ck_assert_int_eq(parse(wrong[_i].text, strlen(wrong[_i].text), &query), JIT_EFORMAT);
    ck_assert_ptr_null(query);
    jit_buf_put_u8(&messages, 0);
    ck_assert_msg(
        strncmp((const char *)messages.data, wrong[_i].wanted, strlen(wrong[_i].wanted)) == 0, "%s",
        (const char *)messages.data);
    drop();
}
END_TEST

/* A beginning of a query is a query or is refused with a message; never more than that. */
START_TEST(every_truncation)
{
    unsigned accepted = 0;
    make_graph(8);
    make_types(1);
    for (size_t q = 0; q < QUERIES; q++) {
        for (size_t size = 0; size < strlen(queries[q].text); size++) {
            struct lang_query *query = NULL;
            enum jit_err err = parse(queries[q].text, size, &query);
            ck_assert(err == JIT_OK || err == JIT_EFORMAT);
            ck_assert((err == JIT_OK) == (messages.size == 0));
            ck_assert(rmg_utf8_valid(messages.data, messages.size));
            accepted += err == JIT_OK;
            lang_query_free(&mem.heap, query);
        }
    }
    ck_assert_uint_gt(accepted, 3);
    drop();
}
END_TEST

START_TEST(limits)
{
    static char text[LANG_QUERY_BYTES_MAX + 2];
    struct lang_query *query = NULL;
    int size = snprintf(text, sizeof text, "match (a:P) return a");
    make_graph(9);
    make_types(1);
    memset(text + size, ' ', sizeof text - (size_t)size);
    must(parse(text, LANG_QUERY_BYTES_MAX, &query));
    lang_query_free(&mem.heap, query);
    ck_assert_int_eq(parse(text, LANG_QUERY_BYTES_MAX + 1, &query), JIT_EFORMAT);
    for (unsigned columns = LANG_QUERY_COLUMNS_MAX; columns < LANG_QUERY_COLUMNS_MAX + 2;
         columns++) {
        size = snprintf(text, sizeof text, "match (a:P) return a");
        for (unsigned i = 1; i < columns; i++) {
            size += snprintf(text + size, sizeof text - (size_t)size, ", a.i as c%u", i);
        }
        ck_assert_int_eq(parse(text, (size_t)size, &query),
                         columns == LANG_QUERY_COLUMNS_MAX ? JIT_OK : JIT_EFORMAT);
        lang_query_free(&mem.heap, query);
    }
    ck_assert_int_eq(parse("match (a:P) return \xff", 20, &query), JIT_EFORMAT);
    drop();
}
END_TEST

START_TEST(every_refused_allocation)
{
    make_graph(10);
    int64_t live = mem.live;
    bool fired = true;
    for (int64_t n = 0; fired; n++) {
        static const char text[] =
            "match (a)-[d:D]->(b:Q), (c {i = 1}) where a.i + d.i > b.i return a, d.i "
            "order by b.i, c limit 3";
        struct lang_query *query = NULL;
        struct lang_rows got = {.count = 0};
        struct lang_types types;
        mem.calls = 0;
        mem.refuse_at = n;
        enum jit_err err = lang_graph_types_new(&mem.heap, &view, NULL, &graph_types);
        if (err == JIT_OK) {
            types = lang_graph_types_of(graph_types);
            err = lang_query_parse(&mem.heap, (const uint8_t *)text, sizeof text - 1, &types,
                                   &query, &messages);
        }
        if (err == JIT_OK) {
            err = lang_query_run(&mem.heap, query, &view, 3, UINT64_MAX, &got);
        }
        fired = fault_heap_fired(&mem);
        mem.refuse_at = -1;
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        lang_rows_release(&got);
        lang_query_free(&mem.heap, query);
        lang_graph_types_free(graph_types);
        ck_assert_int_eq(mem.live, live);
    }
    kit_graph_end(&g);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "query", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, answers, 0, (int)QUERIES);
    tcase_add_test(t, ordered);
    tcase_add_test(t, order_of_values);
    tcase_add_loop_test(t, refused, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, limits);
    tcase_add_test(t, every_refused_allocation);
}

TEST_MAIN("lang_query", suite)

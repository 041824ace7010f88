/* Goal:   a text that is right becomes exactly the programs, types, processes and grants that it
 *         describes; one that is wrong is refused with the place, the line, a caret and what to
 *         write; what is not there yet is refused by name.
 * Method: golden files (tests/rmg/texts: NAME.jitos and NAME.expected, messages or canonical text;
 *         GOLDEN_UPDATE=1 writes them); the structs of small texts compared field by field; each
 *         accepted text formatted, parsed and formatted again. */
#include "base/hash.h"
#include "tests/rmg/lang/lang_fixture.h"

static struct lang_fixture f;

static void setup(void)
{
    lang_fixture_init(&f);
}

static void teardown(void)
{
    lang_fixture_release(&f);
}

static const struct lang_system *parse(const char *text)
{
    enum jit_err err = lang_fixture_parse(&f, text, strlen(text));
    ck_assert_msg(err == JIT_OK, "%s\n%.*s", jit_err_name(err), (int)f.messages.size,
                  (const char *)f.messages.data);
    const char *wrong = lang_check_accepted(&f);
    ck_assert_msg(wrong == NULL, "%s:\n%.*s", wrong, (int)f.text.size, (const char *)f.text.data);
    return f.system;
}

#define HEAD                                                                                       \
    "system s\n"                                                                                   \
    "type P { i: i64 = 0, h: i64 sum = 7, f: f64, s: f32 = 0.5, t: text = \"x\", b: bool }\n"      \
    "type Q\n"                                                                                     \
    "edge D { w: i64 = 3 }\n"

static const struct rmg_rule *parse_rule(const char *text)
{
    char whole[8192];
    int size = snprintf(whole, sizeof whole, HEAD "rule r%s", text);
    ck_assert_int_lt(size, (int)sizeof whole);
    return &parse(whole)->rules[0].rule;
}

/* ---- golden files ---- */

static const char *const golden[] = {
    "bad_bytes",       "bad_caret",         "bad_equal",      "bad_effects",      "bad_empty",
    "bad_joins",       "bad_last",          "bad_many",       "bad_more",         "bad_names",
    "bad_policies",    "bad_patterns",      "bad_processes",  "bad_refused_more", "bad_syntax",
    "bad_syntax_more", "bad_refused_rules", "bad_types",      "good_design",      "good_everything",
    "good_conditions", "bad_near",          "bad_anywhere",   "good_exec",        "bad_exec",
    "good_scripts",    "bad_scripts",       "good_modes",     "bad_modes",        "good_grants",
    "bad_grants",      "good_invariants",   "bad_invariants", "good_apply",       "bad_apply",
    "good_explore",    "bad_explore",       "good_delay",     "bad_delay",        "good_portals",
    "bad_portals",     "bad_portals_more",  "bad_portals_run"};

START_TEST(golden_file) /* _i = which */
{
    char path[256];
    char name[256];
    size_t size = 0;
    size_t expected_size = 0;
    snprintf(path, sizeof path, "tests/rmg/texts/%s.jitos", golden[_i]);
    snprintf(name, sizeof name, "%s.jitos", golden[_i]);
    char *source = lang_read_file(path, &size);
    enum jit_err err =
        lang_parse(&f.mem.heap, name, (const uint8_t *)source, size, &f.system, &f.messages);
    free(source);
    bool good = strncmp(golden[_i], "good", 4) == 0;
    ck_assert_msg(err == (good ? JIT_OK : JIT_EFORMAT), "%s: %s\n%.*s", name, jit_err_name(err),
                  (int)f.messages.size, (const char *)f.messages.data);
    if (good) {
        ck_assert_uint_eq(f.messages.size, 0);
        const char *wrong = lang_check_accepted(&f);
        ck_assert_msg(wrong == NULL, "%s: %s", name, wrong);
    }
    const struct jit_buf *got = good ? &f.text : &f.messages;
    snprintf(path, sizeof path, "tests/rmg/texts/%s.expected", golden[_i]);
    if (getenv("GOLDEN_UPDATE") != NULL) {
        char full[1024];
        const char *top = getenv("top_srcdir");
        snprintf(full, sizeof full, "%s/%s", top == NULL ? "." : top, path);
        FILE *file = fopen(full, "wb");
        ck_assert_msg(file != NULL, "%s cannot be written", full);
        ck_assert_uint_eq(fwrite(got->data, 1, got->size, file), got->size);
        ck_assert_int_eq(fclose(file), 0);
    }
    char *expected = lang_read_file(path, &expected_size);
    bool same = lang_same_bytes(got->data, got->size, expected, expected_size);
    free(expected);
    ck_assert_msg(same, "%s: got\n%.*s", path, (int)got->size, (const char *)got->data);
}
END_TEST

START_TEST(example_is_accepted)
{
    size_t size = 0;
    char *source = lang_read_file("examples/supply-chain/supply-chain.jitos", &size);
    enum jit_err err = lang_fixture_parse(&f, source, size);
    free(source);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)f.messages.size, (const char *)f.messages.data);
    ck_assert_ptr_null(lang_check_accepted(&f));
    ck_assert_uint_eq(f.system->import_count, 1);
    ck_assert(f.system->imports[0].apt);
    ck_assert_uint_ge(f.system->process_count, 2);
    ck_assert_uint_eq(f.system->processes[0].count, 4);
}
END_TEST

/* ---- declarations ---- */

START_TEST(types_and_defaults)
{
    const struct lang_system *s = parse(HEAD "edge E, F { at: i64 last = -2 }, G\n");
    struct jit_id id;
    ck_assert_str_eq(s->name, "s");
    ck_assert_uint_eq(s->type_count, 6);
    jit_hash("type:P", 6, &id);
    ck_assert(jit_id_equal(&s->types[0].id, &id));
    jit_hash("type:D", 6, &id);
    ck_assert(jit_id_equal(&s->types[2].id, &id));
    ck_assert(!s->types[1].is_edge && s->types[2].is_edge);
    ck_assert_uint_eq(s->types[0].field_count, 6);
    const struct lang_field *h = &s->types[0].fields[1];
    static const uint8_t seven[8] = {7};
    ck_assert_int_eq(h->codec, RMG_CODEC_I64);
    ck_assert_int_eq(h->join, RMG_JOIN_SUM);
    ck_assert(h->has_default && lang_same_bytes(h->value, h->value_size, seven, 8));
    ck_assert(!s->types[0].fields[2].has_default);
    static const uint8_t half[4] = {0, 0, 0, 0x3f};
    ck_assert(
        lang_same_bytes(s->types[0].fields[3].value, s->types[0].fields[3].value_size, half, 4));
    ck_assert(
        lang_same_bytes(s->types[0].fields[4].value, s->types[0].fields[4].value_size, "x", 1));
    /* Each edge type has the fields behind its own name. */
    ck_assert_uint_eq(s->types[3].field_count, 0);
    ck_assert_uint_eq(s->types[4].field_count, 1);
    ck_assert_int_eq(s->types[4].fields[0].join, RMG_JOIN_LAST);
    ck_assert_uint_eq(s->types[5].field_count, 0);
    ck_assert_uint_eq(s->types[0].pos.line, 2);
    ck_assert_uint_eq(s->types[4].pos.line, 5);
    ck_assert_uint_eq(s->types[4].pos.column, 9);
}
END_TEST

START_TEST(imports)
{
    const struct lang_system *s = parse(
        "system s\nimport \"a.csv\", \"b\\u{e9}.csv\" into /world\n import apt into /world/x");
    struct jit_id id;
    ck_assert_uint_eq(s->import_count, 2);
    ck_assert_uint_eq(s->imports[0].file_count, 2);
    ck_assert_str_eq(s->imports[0].files[0], "a.csv");
    ck_assert_str_eq(s->imports[0].files[1], "b\xc3\xa9.csv");
    ck_assert_str_eq(s->imports[0].into.path, "/world");
    jit_hash("warp:/world/x", 13, &id);
    ck_assert(s->imports[1].apt);
    ck_assert(jit_id_equal(&s->imports[1].into.instance, &id));
    ck_assert_uint_eq(s->imports[1].pos.line, 3);
    ck_assert_uint_eq(s->imports[1].pos.column, 2);
}
END_TEST

START_TEST(processes_and_grants)
{
    const struct lang_system *s =
        parse(HEAD "rule a(n: i64, t: text) match (x:P) where x.t = t set x.i = n\n"
                   "rule b match (x:P) delete x\n"
                   "grant v: invoke a, b on /world; limit 9 per tick; map /world, /bus\n"
                   "process w[3] run b, a(t = \"ab\", n = -1) apply all over shard(/world)\n"
                   "process v run b apply all over shard(/world/y)\n"
                   "grant w: read /sys; write /world\n");
    static const uint8_t params[] = {8,    0,    0,    0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0,    0,    0,    'a',  'b'};
    struct jit_id digest;
    ck_assert_uint_eq(s->process_count, 2);
    ck_assert_str_eq(s->processes[0].name, "w");
    ck_assert_uint_eq(s->processes[0].count, 3);
    ck_assert_int_eq(s->processes[0].apply, LANG_APPLY_ALL);
    ck_assert_str_eq(s->processes[0].over.path, "/world");
    ck_assert_uint_eq(s->processes[0].run_count, 2);
    ck_assert_uint_eq(s->processes[0].runs[0].rule, 1);
    ck_assert_uint_eq(s->processes[0].runs[0].params_size, 0);
    ck_assert_uint_eq(s->processes[0].runs[1].rule, 0);
    ck_assert(lang_same_bytes(s->processes[0].runs[1].params, s->processes[0].runs[1].params_size,
                              params, sizeof params));
    ck_assert_int_eq(rmg_params_check(&s->rules[0].rule, params, sizeof params, &digest), JIT_OK);
    ck_assert(jit_id_equal(&digest, &s->processes[0].runs[1].params_digest));
    ck_assert_uint_eq(s->processes[1].count, 1);
    ck_assert_uint_eq(s->grant_count, 2);
    const struct lang_grant *grant = &s->grants[0];
    ck_assert_uint_eq(grant->process, 1);
    ck_assert_uint_eq(grant->limit, 9);
    ck_assert_uint_eq(grant->right_count, 3);
    ck_assert_int_eq(grant->rights[0].kind, LANG_RIGHT_INVOKE);
    ck_assert_uint_eq(grant->rights[0].rule_count, 2);
    ck_assert_uint_eq(grant->rights[0].rules[1], 1);
    ck_assert_int_eq(grant->rights[2].kind, LANG_RIGHT_MAP);
    ck_assert_str_eq(grant->rights[2].place.path, "/bus");
    ck_assert(s->grants[1].limit == LANG_LIMIT_NONE);
    ck_assert_int_eq(s->grants[1].rights[0].kind, LANG_RIGHT_READ);
    ck_assert_int_eq(s->grants[1].rights[1].kind, LANG_RIGHT_WRITE);
}
END_TEST

/* ---- policies ---- */

#define WORKER "rule b match (x:P) delete x\nprocess w run b apply all over shard(/world)"

#define ANY LANG_ANY, LANG_ANY, LANG_ANY

START_TEST(policies) /* _i: the words, what they mean, and how they are written */
{
    static const struct {
        const char *words;
        struct lang_policy policy;
        const char *canonical;
    } rows[] = {
        {"", {LANG_RESTART_ON_FAILURE, 5, 100, false, false, 0, 1, ANY}, ""},
        {"keep 1 version", {LANG_RESTART_ON_FAILURE, 5, 100, false, false, 0, 1, ANY}, ""},
        {"keep 64 versions restart never",
         {LANG_RESTART_NEVER, 0, 0, false, false, 0, 64, ANY},
         "  restart never\n  keep 64 versions\n"},
        {"graph at most 65536 bytes, 1 node restart never",
         {LANG_RESTART_NEVER, 0, 0, false, false, 0, 1, 1, LANG_ANY, 65536},
         "  restart never\n  graph at most 1 node, 65536 bytes\n"},
        {"graph at most 2 nodes, 0 edges, 1 byte",
         {LANG_RESTART_ON_FAILURE, 5, 100, false, false, 0, 1, 2, 0, 1},
         "  graph at most 2 nodes, 0 edges, 1 byte\n"},
        {"restart on failure", {LANG_RESTART_ON_FAILURE, 5, 100, false, false, 0, 1, ANY}, ""},
        {"restart on failure at most 5 in 100 ticks then go on on hang stop",
         {LANG_RESTART_ON_FAILURE, 5, 100, false, false, 0, 1, ANY},
         ""},
        {"restart never", {LANG_RESTART_NEVER, 0, 0, false, false, 0, 1, ANY}, "  restart never\n"},
        {"restart never then stop",
         {LANG_RESTART_NEVER, 0, 0, true, false, 0, 1, ANY},
         "  restart never then stop\n"},
        {"restart always then go on",
         {LANG_RESTART_ALWAYS, 5, 100, false, false, 0, 1, ANY},
         "  restart always\n"},
        {"restart on failure at most 5 in 99 ticks",
         {LANG_RESTART_ON_FAILURE, 5, 99, false, false, 0, 1, ANY},
         "  restart on failure at most 5 in 99 ticks\n"},
        {"restart always at most 1 in 1 tick then stop",
         {LANG_RESTART_ALWAYS, 1, 1, true, false, 0, 1, ANY},
         "  restart always at most 1 in 1 tick then stop\n"},
        {"restart on failure then stop",
         {LANG_RESTART_ON_FAILURE, 5, 100, true, false, 0, 1, ANY},
         "  restart on failure then stop\n"},
        {"on hang kill",
         {LANG_RESTART_ON_FAILURE, 5, 100, false, true, 0, 1, ANY},
         "  on hang kill\n"},
        {"on hang stop after 1 second",
         {LANG_RESTART_ON_FAILURE, 5, 100, false, false, 1, 1, ANY},
         "  on hang stop after 1 second\n"},
        {"on hang kill after 20 seconds restart never",
         {LANG_RESTART_NEVER, 0, 0, false, true, 20, 1, ANY},
         "  restart never\n  on hang kill after 20 seconds\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEAD WORKER "\n%s\ngrant w: map /world\n", rows[i].words);
        const struct lang_policy *got = &parse(text)->processes[0].policy;
        ck_assert_int_eq(got->restart, rows[i].policy.restart);
        ck_assert_uint_eq(got->restarts, rows[i].policy.restarts);
        ck_assert_uint_eq(got->ticks, rows[i].policy.ticks);
        ck_assert(got->then_stop == rows[i].policy.then_stop);
        ck_assert(got->hang_kill == rows[i].policy.hang_kill);
        ck_assert_uint_eq(got->nodes, rows[i].policy.nodes);
        ck_assert_uint_eq(got->edges, rows[i].policy.edges);
        ck_assert_uint_eq(got->bytes, rows[i].policy.bytes);
        ck_assert_uint_eq(got->hang_seconds, rows[i].policy.hang_seconds);
        snprintf(text, sizeof text, "over shard(/world)\n%sgrant w", rows[i].canonical);
        jit_buf_put_u8(&f.text, 0);
        ck_assert_msg(strstr((const char *)f.text.data, text) != NULL, "\"%s\" became:\n%s",
                      rows[i].words, (const char *)f.text.data);
        teardown();
        setup();
    }
}
END_TEST

/* ---- rules ---- */

static void check_code(struct rmg_expr expr, const uint8_t *code, size_t size)
{
    char got[512];
    size_t used = 0;
    for (uint32_t i = 0; i < expr.size && used + 4 < sizeof got; i++) {
        used += (size_t)snprintf(got + used, sizeof got - used, "%u,", expr.code[i]);
    }
    ck_assert_msg(lang_same_bytes(expr.code, expr.size, code, size), "code is %s", got);
}
#define CODE(expr, ...)                                                                            \
    check_code(expr, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

START_TEST(match_elements)
{
    const struct rmg_rule *r =
        parse_rule(" priority -3 match (a:P)-[e:D]->(b)<--(c:Q) where e.w > 0 delete e");
    struct jit_id id;
    ck_assert_str_eq(r->name, "r");
    jit_hash("rule:r", 6, &id);
    ck_assert(jit_id_equal(&r->id, &id));
    ck_assert_int_eq(r->priority, -3);
    ck_assert_uint_eq(r->retry, 0);
    ck_assert_uint_eq(r->element_count, 5);
    ck_assert(!r->elements[0].is_edge && r->elements[1].is_edge && !r->elements[2].is_edge);
    jit_hash("type:P", 6, &id);
    ck_assert(r->elements[0].typed && jit_id_equal(&r->elements[0].type, &id));
    ck_assert(!r->elements[2].typed && !r->elements[3].typed && r->elements[4].typed);
    ck_assert_uint_eq(r->elements[1].from, 0);
    ck_assert_uint_eq(r->elements[1].to, 2);
    ck_assert_uint_eq(r->elements[3].from, 4);
    ck_assert_uint_eq(r->elements[3].to, 2);
    ck_assert(r->elements[1].deleted && !r->elements[0].deleted && !r->elements[3].deleted);
    ck_assert_uint_eq(r->field_count, 1);
    ck_assert_uint_eq(r->fields[0].element, 1);
    ck_assert_str_eq(r->fields[0].name, "w");
}
END_TEST

START_TEST(guard_draw_and_negatives)
{
    const struct rmg_rule *r = parse_rule(
        "(p: f64) match (a:P)-[:D]->(b:P)\n"
        "where chance(p) and a.i = 1 and not (a)-[:D]->(:Q) and (b.i = 2 or chance(0.5))\n"
        "and not (:P)-->(b) and a.i < b.i and random() < sqrt(random()) and not (b)<-[:D]-()\n"
        "set a.f = random(), a.b = chance(p)");
    CODE(r->guard, RMG_EXPR_FIELD, 0, 0, RMG_EXPR_CONST, 0, 0, RMG_EXPR_EQ, RMG_EXPR_FIELD, 0, 0,
         RMG_EXPR_FIELD, 1, 0, RMG_EXPR_LT, RMG_EXPR_AND);
    CODE(r->draw, RMG_EXPR_PARAM, 0, RMG_EXPR_CHANCE, 0, 0, 0, 0, RMG_EXPR_FIELD, 1, 0,
         RMG_EXPR_CONST, 1, 0, RMG_EXPR_EQ, RMG_EXPR_CONST, 2, 0, RMG_EXPR_CHANCE, 1, 0, 0, 0,
         RMG_EXPR_OR, RMG_EXPR_AND, RMG_EXPR_RANDOM, 2, 0, 0, 0, RMG_EXPR_RANDOM, 3, 0, 0, 0,
         RMG_EXPR_SQRT, RMG_EXPR_LT, RMG_EXPR_AND);
    CODE(r->updates[0].expr, RMG_EXPR_RANDOM, 4, 0, 0, 0);
    CODE(r->updates[1].expr, RMG_EXPR_PARAM, 0, RMG_EXPR_CHANCE, 5, 0, 0, 0);
    struct jit_id d;
    struct jit_id q;
    jit_hash("type:D", 6, &d);
    jit_hash("type:Q", 6, &q);
    ck_assert_uint_eq(r->negative_count, 3);
    ck_assert_uint_eq(r->negatives[0].element, 0);
    ck_assert_int_eq(r->negatives[0].direction, RMG_DIR_OUT);
    ck_assert(r->negatives[0].edge_typed && jit_id_equal(&r->negatives[0].edge_type, &d));
    ck_assert(r->negatives[0].other_typed && jit_id_equal(&r->negatives[0].other_type, &q));
    ck_assert_uint_eq(r->negatives[1].element, 2);
    ck_assert_int_eq(r->negatives[1].direction, RMG_DIR_IN);
    ck_assert(!r->negatives[1].edge_typed && r->negatives[1].other_typed);
    ck_assert_int_eq(r->negatives[2].direction, RMG_DIR_IN);
    ck_assert(r->negatives[2].edge_typed && !r->negatives[2].other_typed);
}
END_TEST

/* The direction of a negative condition is seen from the matched node, on either side. */
START_TEST(negative_directions)
{
    static const struct {
        const char *pattern;
        enum rmg_direction direction;
    } rows[] = {{"(a)-[:D]->(:P)", RMG_DIR_OUT},
                {"(a)<-[:D]-(:P)", RMG_DIR_IN},
                {"(:P)-[:D]->(a)", RMG_DIR_IN},
                {"(:P)<-[:D]-(a)", RMG_DIR_OUT}};
    char text[256];
    snprintf(text, sizeof text, " match (a:P) where not %s delete a", rows[_i].pattern);
    const struct rmg_rule *r = parse_rule(text);
    ck_assert_uint_eq(r->negative_count, 1);
    ck_assert_int_eq(r->negatives[0].direction, rows[_i].direction);
    ck_assert_uint_eq(r->guard.size, 0);
    ck_assert_uint_eq(r->draw.size, 0);
}
END_TEST

START_TEST(effects_in_the_order_of_the_text)
{
    const struct rmg_rule *r = parse_rule(
        " match (a:P)-[e:D]->(b:P)\n"
        "create (a)-[:D {w = a.i}]->(n:P {h = 2, t = \"n\"})<-[g:D]-(:Q), (n)-[:D]->(b)\n"
        "delete e set a.i = b.i, b.i = a.i set n.i = 5 add a.h, -1");
    ck_assert_uint_eq(r->create_count, 5);
    static const bool edges[] = {true, false, true, false, true};
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_eq(r->creates[i].is_edge, edges[i]);
    }
    ck_assert_uint_eq(r->creates[0].from, 0);
    ck_assert_uint_eq(r->creates[0].to, RMG_RULE_CREATED | 1);
    ck_assert_uint_eq(r->creates[2].from, RMG_RULE_CREATED | 3);
    ck_assert_uint_eq(r->creates[2].to, RMG_RULE_CREATED | 1);
    ck_assert_uint_eq(r->creates[4].from, RMG_RULE_CREATED | 1);
    ck_assert_uint_eq(r->creates[4].to, 2);
    static const struct {
        enum rmg_update_kind kind;
        uint8_t target;
        const char *name;
    } rows[] = {{RMG_UPDATE_SET, RMG_RULE_CREATED | 0, "w"},
                {RMG_UPDATE_SET, RMG_RULE_CREATED | 1, "h"},
                {RMG_UPDATE_SET, RMG_RULE_CREATED | 1, "t"},
                {RMG_UPDATE_SET, 0, "i"},
                {RMG_UPDATE_SET, 2, "i"},
                {RMG_UPDATE_SET, RMG_RULE_CREATED | 1, "i"},
                {RMG_UPDATE_ADD, 0, "h"},
                /* Defaults that the text does not give: of n, then of the two other edges. */
                {RMG_UPDATE_SET, RMG_RULE_CREATED | 1, "s"},
                {RMG_UPDATE_SET, RMG_RULE_CREATED | 2, "w"},
                {RMG_UPDATE_SET, RMG_RULE_CREATED | 4, "w"}};
    ck_assert_uint_eq(r->update_count, sizeof rows / sizeof rows[0]);
    for (uint32_t i = 0; i < r->update_count; i++) {
        ck_assert_int_eq(r->updates[i].kind, rows[i].kind);
        ck_assert_uint_eq(r->updates[i].target, rows[i].target);
        ck_assert_str_eq(r->updates[i].name, rows[i].name);
    }
}
END_TEST

/* Precedence and associativity, seen in the code. x: constant i in order. */
START_TEST(precedence)
{
    const struct rmg_rule *r = parse_rule(" match (a:P) set a.i = 1 - 2 - 3 * (4 - 5) % -6 - -a.i");
#define K(n) RMG_EXPR_CONST, (n), 0
    CODE(r->updates[0].expr, K(0), K(1), RMG_EXPR_SUB, K(2), K(3), K(4), RMG_EXPR_SUB, RMG_EXPR_MUL,
         K(5), RMG_EXPR_MOD, RMG_EXPR_SUB, RMG_EXPR_FIELD, 0, 0, RMG_EXPR_NEG, RMG_EXPR_SUB);
    ck_assert_int_eq(r->constants[5].as.i64, -6);
    r = parse_rule(" match (a:P) set a.b = true or false and not 1 = 2 or a.b");
    CODE(r->updates[0].expr, K(0), K(1), K(2), K(3), RMG_EXPR_EQ, RMG_EXPR_NOT, RMG_EXPR_AND,
         RMG_EXPR_OR, RMG_EXPR_FIELD, 0, 0, RMG_EXPR_OR);
    r = parse_rule(" match (a:P) set a.f = f64(a.i) / 2.0, a.s = f32(a.f) * 0.1");
    CODE(r->updates[0].expr, RMG_EXPR_FIELD, 0, 0, RMG_EXPR_TO_F64, K(0), RMG_EXPR_DIV);
    CODE(r->updates[1].expr, RMG_EXPR_FIELD, 1, 0, RMG_EXPR_TO_F32, K(1), RMG_EXPR_MUL);
    ck_assert_int_eq(r->constants[1].codec, RMG_CODEC_F32);
    ck_assert(r->constants[1].as.f64 == (double)(float)0.1f);
#undef K
}
END_TEST

static const struct {
    const char *text;
    double value;
    const char *canonical;
} floats[] = {{"0.1", 0.1, "0.1"},
              {"1e3", 1000, "1000.0"},
              {"1E+3", 1000, "1000.0"},
              {"123456789012345678.0", 123456789012345678.0, "1.2345678901234568e17"},
              {"1e15", 1e15, "1000000000000000.0"},
              {"1e16", 1e16, "1e16"},
              {"0.00001", 1e-5, "0.00001"},
              {"0.000001", 1e-6, "1e-6"},
              {"-2.50", -2.5, "-2.5"},
              {"-0.0", 0, "0.0"},
              {"0.3000000000000000444", 0.30000000000000004, "0.30000000000000004"},
              {"4.9e-324", 4.9406564584124654e-324, "5e-324"},
              {"1.7976931348623157e308", 1.7976931348623157e308, "1.7976931348623157e308"}};

START_TEST(float_literals)
{
    char text[256];
    snprintf(text, sizeof text, " match (a:P) set a.f = %s", floats[_i].text);
    const struct rmg_rule *r = parse_rule(text);
    ck_assert_uint_eq(r->constant_count, 1);
    ck_assert(r->constants[0].as.f64 == floats[_i].value);
    snprintf(text, sizeof text, "  set a.f = %s\n", floats[_i].canonical);
    ck_assert_msg(strstr(f.system->rules[0].text, text) != NULL, "%s", f.system->rules[0].text);
}
END_TEST

START_TEST(integer_and_text_literals)
{
    const struct rmg_rule *r =
        parse_rule(" match (a:P) where a.i <> -9223372036854775808 and a.i < 9223372036854775807\n"
                   "set a.t = \"\\\"\\\\\\n\\t\\r\\u{1F600}\\u{0000e4} #\"");
    ck_assert(r->constants[0].as.i64 == INT64_MIN);
    ck_assert(r->constants[1].as.i64 == INT64_MAX);
    ck_assert(lang_same_bytes(r->constants[2].bytes, r->constants[2].size,
                              "\"\\\n\t\r\xf0\x9f\x98\x80\xc3\xa4 #", 13));
}
END_TEST

/* The carriage return of a line end is no part of the line that is shown. */
START_TEST(message_with_carriage_returns)
{
    static const char text[] = "system s\r\ntype P\r\n\trule r match (a:\r\n";
    static const char expected[] = "test.jitos:3:18: error: expected the node's type, found the "
                                   "end of the file\n  \trule r match (a:\n  \t                ^\n";
    ck_assert_int_eq(lang_fixture_parse(&f, text, sizeof text - 1), JIT_EFORMAT);
    ck_assert_msg(lang_same_bytes(f.messages.data, f.messages.size, expected, sizeof expected - 1),
                  "got\n%.*s", (int)f.messages.size, (const char *)f.messages.data);
}
END_TEST

/* A byte order mark, line ends of three kinds, comments, no line end at the end. */
START_TEST(blank_space)
{
    const struct lang_system *s =
        parse("\xef\xbb\xbfsystem s # name\r\n#\r\ntype\tP{i:i64=0}rule r match(a:P)where "
              "a.i=1 set a.i=-1#end");
    ck_assert_uint_eq(s->rule_count, 1);
    ck_assert_uint_eq(s->types[0].pos.line, 3);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "lang", 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, golden_file, 0, (int)(sizeof golden / sizeof golden[0]));
    tcase_add_test(t, example_is_accepted);
    tcase_add_test(t, types_and_defaults);
    tcase_add_test(t, imports);
    tcase_add_test(t, processes_and_grants);
    tcase_add_test(t, policies);
    tcase_add_test(t, match_elements);
    tcase_add_test(t, guard_draw_and_negatives);
    tcase_add_loop_test(t, negative_directions, 0, 4);
    tcase_add_test(t, effects_in_the_order_of_the_text);
    tcase_add_test(t, precedence);
    tcase_add_loop_test(t, float_literals, 0, (int)(sizeof floats / sizeof floats[0]));
    tcase_add_test(t, integer_and_text_literals);
    tcase_add_test(t, message_with_carriage_returns);
    tcase_add_test(t, blank_space);
}

TEST_MAIN("lang", suite)

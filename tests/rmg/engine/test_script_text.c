/* Goal:   scripts as a text: what is written is what runs; what enables a match beside its own
 *         elements is noticed; bounds hold; what has no meaning is refused by name; no refused
 *         allocation is lost; the work grows with the rewrites.
 * Method: small systems on a working form without a version; counts of rewrites and looks. */
#include "base/hash.h"
#include "rmg/engine/script.h"
#include "tests/lib/must.h"
#include "tests/lib/named.h"
#include "tests/rmg/lang/lang_fixture.h"

struct scene {
    struct lang_fixture lang;
    struct fault_heap mem;
    struct rmg_work *work;
    struct rmg_script_report report;
    uint64_t by_call[16];
};

static void scene_begin(struct scene *s, const char *text)
{
    const struct rmg_work_base base = {.graph = NULL};
    memset(s, 0, sizeof *s);
    s->mem = fault_heap_make(-1, false);
    lang_fixture_init(&s->lang);
    enum jit_err err = lang_fixture_parse(&s->lang, text, strlen(text));
    ck_assert_msg(err == JIT_OK, "%.*s", (int)s->lang.messages.size,
                  (const char *)s->lang.messages.data);
    must(rmg_work_new(&s->mem.heap, &base, &s->work));
}

static void scene_end(struct scene *s)
{
    rmg_work_free(s->work);
    ck_assert_int_eq(s->mem.live, 0);
    lang_fixture_release(&s->lang);
}

static uint32_t node(struct scene *s, const char *type, const char *field, int64_t value)
{
    struct jit_id id = type_of(type);
    uint32_t out = 0;
    must(rmg_work_add_node(s->work, &id, NULL, &out));
    if (field != NULL) {
        const struct rmg_attachment at = {.name = field,
                                          .name_size = (uint32_t)strlen(field),
                                          .value = {.kind = RMG_VALUE_ATOM,
                                                    .type = *rmg_codec_type(RMG_CODEC_I64),
                                                    .bytes = (const uint8_t *)&value,
                                                    .size = 8}};
        must(rmg_work_set(s->work, RMG_PLANE_ALPHA, out, &at));
    }
    return out;
}

static void edge(struct scene *s, uint32_t from, const char *type, uint32_t to)
{
    struct jit_id id = type_of(type);
    uint32_t out = 0;
    must(rmg_work_add_edge(s->work, from, &id, to, NULL, &out));
}

static int64_t value_of(struct scene *s, uint32_t of, const char *field)
{
    struct rmg_value value;
    int64_t out = 0;
    must(rmg_work_get(s->work, RMG_PLANE_ALPHA, of, field, (uint32_t)strlen(field), &value));
    ck_assert_uint_eq(value.size, 8);
    memcpy(&out, value.bytes, 8);
    return out;
}

static enum jit_err run(struct scene *s, struct jit_heap *heap, uint64_t rewrites_max)
{
    const struct lang_script *named = &s->lang.system->scripts[0];
    struct rmg_script_call calls[16];
    ck_assert_uint_le(named->run_count, 16);
    for (uint32_t i = 0; i < named->run_count; i++) {
        calls[i] =
            (struct rmg_script_call){.rule = &s->lang.system->rules[named->runs[i].rule].rule,
                                     .params = named->runs[i].params,
                                     .params_size = named->runs[i].params_size};
    }
    const struct rmg_script script = {.calls = calls,
                                      .call_count = named->run_count,
                                      .steps = named->steps,
                                      .step_count = named->step_count,
                                      .top_count = named->top_count};
    const struct rmg_script_options options = {.rewrites_max = rewrites_max};
    memset(s->by_call, 0, sizeof s->by_call);
    s->report.by_call = s->by_call;
    return rmg_script_run(heap, s->work, &script, &options, &s->report);
}

/* A node goes with its edges: what stood against another rule is gone. */
START_TEST(detaching_enables)
{
    struct scene s;
    scene_begin(&s, "system x type A { x: i64 = 0 } type B edge E\n"
                    "rule mark match (a:A) where a.x = 0 and not (a)-[:E]->(:B) set a.x = 1\n"
                    "rule lone match (a:A) where a.x = 1 delete a\n"
                    "rule drop match (b:B) detach delete b\n"
                    "script s { until none { until none mark once drop } until none lone }");
    uint32_t a[3];
    uint32_t b[2] = {node(&s, "B", NULL, 0), node(&s, "B", NULL, 0)};
    for (unsigned i = 0; i < 3; i++) {
        a[i] = node(&s, "A", "x", 0);
        edge(&s, a[i], "E", b[i % 2]);
    }
    edge(&s, a[0], "E", a[1]);
    must(run(&s, &s.mem.heap, 100));
    ck_assert_uint_eq(s.by_call[0], 3);
    ck_assert_uint_eq(s.by_call[1], 2);
    ck_assert_uint_eq(s.by_call[2], 1); /* an edge holds the two others */
    scene_end(&s);
}
END_TEST

/* A matched edge goes: what stood against another rule is gone, at the end where it stood, and the
 * node at its other end can go. At first each of the other rules has found that it cannot. */
START_TEST(unlinking_enables)
{
    struct scene s;
    scene_begin(&s, "system x type A { x: i64 = 0 } edge E, F\n"
                    "rule lone match (a:A) where a.x = 0 and not (a)-[:E]->() set a.x = 1\n"
                    "rule last match (a:A) where a.x = 1 and not (a)<-[:F]-() set a.x = 2\n"
                    "rule sweep match (a:A) where a.x = 2 delete a\n"
                    "rule cut match (a:A)-[e:E]->(b:A) delete e\n"
                    "rule free match (a:A)-[e:F]->(b:A) delete e\n"
                    "script s { until none lone | last | sweep | cut | free }");
    uint32_t a[5];
    for (unsigned i = 0; i < 5; i++) {
        a[i] = node(&s, "A", "x", 0);
        if (i > 0) {
            edge(&s, a[i - 1], "E", a[i]);
            edge(&s, a[i - 1], "F", a[i]);
        }
    }
    must(run(&s, &s.mem.heap, 100));
    ck_assert_uint_eq(s.by_call[0], 5);
    ck_assert_uint_eq(s.by_call[1], 5);
    ck_assert_uint_eq(s.by_call[2], 5);
    ck_assert_uint_eq(s.by_call[3], 4);
    ck_assert_uint_eq(s.by_call[4], 4);
    struct rmg_work_counts counts;
    rmg_work_count(s.work, &counts);
    ck_assert_uint_eq(counts.edges, 0);
    scene_end(&s);
}
END_TEST

/* A node goes with its edges: their other ends can go as well. */
START_TEST(detaching_frees)
{
    struct scene s;
    scene_begin(&s, "system x type A { x: i64 = 0 } type H edge E\n"
                    "rule sweep match (a:A) delete a\n"
                    "rule drop match (h:H) detach delete h\n"
                    "script s { until none sweep | drop }");
    uint32_t h = node(&s, "H", NULL, 0);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t a = node(&s, "A", "x", 0);
        edge(&s, i % 2 == 0 ? a : h, "E", i % 2 == 0 ? h : a);
    }
    must(run(&s, &s.mem.heap, 100));
    ck_assert_uint_eq(s.by_call[0], 4);
    ck_assert_uint_eq(s.by_call[1], 1);
    scene_end(&s);
}
END_TEST

/* An edge that another rule makes: what it lets happen is noticed, at either of its ends, and an
 * edge between two matched nodes stands against another one. */
START_TEST(linking_enables)
{
    struct scene s;
    scene_begin(&s, "system x type A { x: i64 = 0 } edge E, F\n"
                    "rule from match (a:A) where (a)-[:F]->(:A) and a.x = 0 set a.x = 1\n"
                    "rule into match (a:A) where (a)<-[:F]-() and a.x = 1 set a.x = 2\n"
                    "rule link match (a:A), (b:A) where (a)-[:E]->(b) and not (a)-[:F]->(b)\n"
                    "  create (a)-[:F]->(b)\n"
                    "script s { until none from | into | link }");
    uint32_t a[4];
    for (unsigned i = 0; i < 4; i++) {
        a[i] = node(&s, "A", "x", 0);
        if (i > 0) {
            edge(&s, a[i - 1], "E", a[i]);
        }
    }
    must(run(&s, &s.mem.heap, 100));
    ck_assert_uint_eq(s.by_call[0], 3); /* none leaves the last */
    ck_assert_uint_eq(s.by_call[1], 2); /* none enters the first */
    ck_assert_uint_eq(s.by_call[2], 3);
    ck_assert_int_eq(value_of(&s, a[1], "x"), 2);
    scene_end(&s);
}
END_TEST

/* A value that was missing is there later: the match was there all the time. */
START_TEST(a_value_comes_later)
{
    struct scene s;
    scene_begin(&s, "system x type A { x: i64 = 0 } type C { n: i64, m: i64 = 0 }\n"
                    "rule step match (a:A), (c:C) where a.x = 0 set a.x = c.n\n"
                    "rule give match (c:C) where c.m = 0 set c.n = 5, c.m = 1\n"
                    "script s { until none { until none step once give } }");
    uint32_t a = node(&s, "A", "x", 0);
    (void)node(&s, "C", "m", 0);
    must(run(&s, &s.mem.heap, 100));
    ck_assert_uint_eq(s.report.rewrites, 2);
    ck_assert_int_eq(value_of(&s, a, "x"), 5);
    scene_end(&s);
}
END_TEST

/* The oldest first, `|` by preference, `at most`, and all of a generation at once. */
START_TEST(order_and_modes)
{
    struct scene s;
    scene_begin(&s, "system x type A { x: i64 = 0 } type C { n: i64 = 0 }\n"
                    "rule count match (a:A), (c:C) where a.x = 0 set a.x = c.n, c.n = c.n + 1\n"
                    "rule more match (a:A) where a.x >= 2 create (b:A)\n"
                    "script s { until none count at most 3 once more | count all more }");
    uint32_t a[5];
    for (unsigned i = 0; i < 5; i++) {
        a[i] = node(&s, "A", "x", 0);
    }
    uint32_t c = node(&s, "C", "n", 1);
    must(run(&s, &s.mem.heap, 100));
    ck_assert_int_eq(value_of(&s, a[0], "x"), 1);
    ck_assert_int_eq(value_of(&s, a[1], "x"), 2);
    ck_assert_int_eq(value_of(&s, a[2], "x"), 3);
    ck_assert_int_eq(value_of(&s, a[3], "x"), 0);
    ck_assert_int_eq(value_of(&s, c, "n"), 4);
    ck_assert_uint_eq(s.by_call[0], 3);
    ck_assert_uint_eq(s.by_call[1], 1);
    ck_assert_uint_eq(s.by_call[2], 0);
    ck_assert_uint_eq(s.by_call[3], 2);
    scene_end(&s);
}
END_TEST

START_TEST(bounds)
{
    struct scene s;
    scene_begin(&s, "system x type A { x: i64 = 0 }\n"
                    "rule up match (a:A) set a.x = a.x + 1\n"
                    "script s { until none up }");
    (void)node(&s, "A", "x", 0);
    ck_assert_int_eq(run(&s, &s.mem.heap, 1000), JIT_EBUDGET);
    ck_assert_uint_eq(s.report.rewrites, 1000);
    scene_end(&s);
    /* The value after the largest does not exist: the loop ends by itself. */
    scene_begin(&s, "system x type A { x: i64 = 0 }\n"
                    "rule up match (a:A) set a.x = a.x + 1\n"
                    "script s { until none up }");
    (void)node(&s, "A", "x", INT64_MAX - 7);
    must(run(&s, &s.mem.heap, 1000));
    ck_assert_uint_eq(s.report.rewrites, 7);
    scene_end(&s);
}
END_TEST

START_TEST(refused_by_name)
{
    static const struct {
        const char *rule;
        const char *what;
    } cases[] = {
        {"rule r match (a:A) where chance(0.5) set a.x = 1", "`chance` and `random` in `where`"},
        {"rule r match (a:A) set a.f = random()", "`random` in a value"},
        {"rule r match (a:A) put a.l, 1", "`put`"},
        {"rule r match (a:A) where count((a)-[:E]->()) > 0 set a.x = 1",
         "`count`, `sum`, `min` and `max`"},
        {"rule r match (a:A) where not (:A) set a.x = 1", "a condition on a node alone"},
        {"rule r match (a:A) where (a)-[:E]->(:A {x = 1}) set a.x = 2", "a condition with values"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene s;
        char text[512];
        snprintf(text, sizeof text,
                 "system x type A { x: i64 = 0, f: f64 = 0.0, l: list union } edge E\n%s\n"
                 "script s { once r }",
                 cases[i].rule);
        scene_begin(&s, text);
        ck_assert_int_eq(run(&s, &s.mem.heap, 10), JIT_ENOTSUP);
        ck_assert_ptr_eq(s.report.refused, &s.lang.system->rules[0].rule);
        ck_assert_str_eq(rmg_script_refuses(s.report.refused), cases[i].what);
        scene_end(&s);
    }
}
END_TEST

static const char colouring[] =
    "system x type A { c: i64 = 0 } edge E\n"
    "rule seed match (a:A) where a.c = 0 set a.c = 1\n"
    "rule right match (a:A)-[:E]->(b:A) where a.c <> 0 and b.c = 0 set b.c = 3 - a.c\n"
    "rule left match (a:A)<-[:E]-(b:A) where a.c <> 0 and b.c = 0 set b.c = 3 - a.c\n"
    "script s { until none { until none right | left once seed } }";

static void grid(struct scene *s, uint32_t side)
{
    for (uint32_t i = 0; i < side * side; i++) {
        uint32_t at = node(s, "A", "c", 0);
        ck_assert_uint_eq(at, i);
        if (i % side != 0) {
            edge(s, i - 1, "E", i);
        }
        if (i >= side) {
            edge(s, i - side, "E", i);
        }
    }
}

/* A loop that begins nowhere in particular: work by rewrite, not by rewrite and size. */
START_TEST(looks_grow_with_rewrites)
{
    uint64_t looks[2];
    for (unsigned i = 0; i < 2; i++) {
        struct scene s;
        uint32_t side = i == 0 ? 20 : 80;
        scene_begin(&s, colouring);
        grid(&s, side);
        must(run(&s, &s.mem.heap, 100000));
        ck_assert_uint_eq(s.report.rewrites, side * side);
        for (uint32_t k = 0; k < side * side; k++) {
            ck_assert_int_eq(value_of(&s, k, "c"), (k / side + k % side) % 2 + 1);
        }
        looks[i] = s.report.looks;
        scene_end(&s);
    }
    ck_assert_uint_lt(looks[1], looks[0] * 18); /* 16 times the cells */
}
END_TEST

START_TEST(refused_memory)
{
    bool fired = true;
    for (int64_t n = 0; fired && n < 1000; n++) {
        struct scene s;
        struct fault_heap mem = fault_heap_make(n, false);
        scene_begin(&s, colouring);
        grid(&s, 4);
        enum jit_err err = run(&s, &mem.heap, 1000);
        fired = fault_heap_fired(&mem);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        ck_assert_int_eq(mem.live, 0);
        scene_end(&s);
    }
    ck_assert(!fired);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "script_text", 60);
    tcase_add_test(tcase, detaching_enables);
    tcase_add_test(tcase, detaching_frees);
    tcase_add_test(tcase, unlinking_enables);
    tcase_add_test(tcase, linking_enables);
    tcase_add_test(tcase, a_value_comes_later);
    tcase_add_test(tcase, order_and_modes);
    tcase_add_test(tcase, bounds);
    tcase_add_test(tcase, refused_by_name);
    tcase_add_test(tcase, looks_grow_with_rewrites);
    tcase_add_test(tcase, refused_memory);
}

TEST_MAIN("script_text", fill)

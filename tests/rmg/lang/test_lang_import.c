/* Goal:   types come from other files whole or not at all, mean there what they mean here, and what
 * is wrong is said where the import stands; edges name their ends, lists their codec; the pack is
 *         what docs/spec/pack.md says.
 * Method: files in a table instead of a disk; good ones with the schema they must give, wrong ones
 *         with the message; the canonical text parsed again; the pack read from the tree, its hash
 * and each of its types looked for on the page; every refused allocation. */
#include <stdlib.h>

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

/* ---- a disk of a few files ---- */

static const char *const files[][2] = {
    {"base.jitos", "schema base\ntype A { x: i64 = 1, xs: list<i64> }\ntype B\n"},
    {"edges.jitos",
     "schema edges\nimport \"base.jitos\"\nedge E from A | B to A { w: f64 = 0.5 }\n"},
    {"other.jitos", "schema other\ntype A { x: i64 = 2, xs: list<i64> }\n"},
    {"longer.jitos", "schema longer\ntype A { x: i64 = 1, xs: list<i64>, more: text }\n"},
    {"kind.jitos", "schema kind\nedge A\n"},
    {"system.jitos", "system s\ntype A\n"},
    {"wrong.jitos", "schema wrong\ntype A { x: i46 }\n"},
    {"rule.jitos", "schema rules\ntype A\nrule r match (a:A) delete a\n"},
    {"data.jitos", "schema data\nimport \"x.csv\" into /world\n"},
    {"circle.jitos", "schema circle\nimport \"circle.jitos\"\n"},
    {"empty.jitos", "schema empty\n"},
};

static enum jit_err read_file(void *user, struct jit_heap *heap, const char *from, const char *name,
                              char **path, uint8_t **bytes, size_t *size)
{
    (void)user;
    (void)from;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(files[i][0], name) != 0) {
            continue;
        }
        *size = strlen(files[i][1]);
        *bytes = heap->alloc(heap, *size);
        *path = heap->alloc(heap, strlen(name) + 1);
        if (*bytes == NULL || *path == NULL) {
            heap->free(heap, *bytes);
            heap->free(heap, *path);
            return JIT_ENOMEM;
        }
        memcpy(*bytes, files[i][1], *size);
        memcpy(*path, name, strlen(name) + 1);
        return JIT_OK;
    }
    return JIT_ENOENT;
}

static enum jit_err parse(const char *text)
{
    static const struct lang_sources sources = {.read = read_file};
    lang_system_free(&f.mem.heap, f.system);
    f.system = NULL;
    jit_buf_reset(&f.messages);
    return lang_parse_with(&f.mem.heap, "test.jitos", (const uint8_t *)text, strlen(text), &sources,
                           &f.system, &f.messages);
}

static void must_parse(const char *text)
{
    enum jit_err err = parse(text);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)f.messages.size, (const char *)f.messages.data);
}

static struct rmg_schema *schema_of(const struct lang_system *system)
{
    struct rmg_schema *schema = NULL;
    const struct lang_type *at = NULL;
    ck_assert_int_eq(rmg_schema_new(&f.mem.heap, &schema), JIT_OK);
    ck_assert_int_eq(lang_schema(system, schema, &at), JIT_OK);
    return schema;
}

/* The types of one text are those of another. */
static void same_types(const char *a, const char *b)
{
    must_parse(a);
    struct rmg_schema *x = schema_of(f.system);
    must_parse(b);
    struct rmg_schema *y = schema_of(f.system);
    ck_assert_int_eq(rmg_schema_compare(x, y, NULL, NULL), RMG_SCHEMA_SAME);
    rmg_schema_free(x);
    rmg_schema_free(y);
}

START_TEST(as_if_written_here)
{
    static const char here[] = "system s\ntype A { x: i64 = 1, xs: list<i64> }\ntype B\n"
                               "edge E from B | A to A { w: f64 = 0.5 }\n";
    same_types(here, "system s\nimport \"edges.jitos\"\n");
    same_types(here, "system s\nimport \"base.jitos\", \"edges.jitos\"\n"); /* one of them twice */
    same_types(here, "system s\nimport \"edges.jitos\"\nimport \"base.jitos\"\n");
    same_types(here, "schema s\nimport \"base.jitos\"\nedge E from A | B to A { w: f64 = 0.5 }\n");
    same_types("system s\n", "system s\nimport \"empty.jitos\"\n");
}
END_TEST

START_TEST(used_by_rules)
{
    must_parse("system s\nimport \"edges.jitos\"\n"
               "rule r match (a:A)-[e:E]->(b:A) where a.x > 0 and e.w < 1.0 set b.x = a.x + 1\n");
    ck_assert_uint_eq(f.system->type_count, 3);
    ck_assert_uint_eq(f.system->rule_count, 1);
    ck_assert_uint_eq(f.system->types[0].pos.line, 2);
    ck_assert_ptr_null(lang_check_accepted(&f));
}
END_TEST

START_TEST(canonical_text)
{
    static const char want[] = "schema s\ntype A { x: i64 = 1, xs: list<i64> }\ntype B\n"
                               "edge E from %s | %s to A { w: f64 = 0.5 }\n";
    char text[256];
    must_parse("schema s import \"edges.jitos\"");
    const struct lang_type *edge = &f.system->types[2];
    ck_assert_uint_eq(edge->from_count, 2);
    ck_assert_int_lt(jit_id_compare(&edge->from[0].id, &edge->from[1].id), 0);
    (void)snprintf(text, sizeof text, want, edge->from[0].name, edge->from[1].name);
    lang_format(f.system, &f.text);
    ck_assert_uint_eq(f.text.size, strlen(text));
    ck_assert(memcmp(f.text.data, text, f.text.size) == 0);
    ck_assert_ptr_null(lang_check_accepted(&f));
}
END_TEST

static const struct {
    const char *text;
    const char *wanted; /* how the messages begin */
} wrong[] = {
    {"system s\nimport \"nowhere.jitos\"\n",
     "test.jitos:2:8: error: cannot read `nowhere.jitos`: there is no such file\n"
     "  import \"nowhere.jitos\"\n"
     "         ^~~~~~~~~~~~~~~\n"
     "  help: a path counts from the folder of this file; "},
    {"system s\nimport \"wrong.jitos\"\n",
     "test.jitos:2:8: error: wrong.jitos:2:13: error: there is no codec `i46`\n"},
    {"system s\nimport \"system.jitos\"\n",
     "test.jitos:2:8: error: this file describes a system\n"},
    {"system s\nimport \"rule.jitos\"\n",
     "test.jitos:2:8: error: rule.jitos:3:1: error: a schema has types and nothing else\n"},
    {"system s\nimport \"data.jitos\"\n",
     "test.jitos:2:8: error: data.jitos:2:8: error: a schema has types and nothing else\n"},
    {"system s\nimport \"circle.jitos\"\n",
     "test.jitos:2:8: error: circle.jitos:2:8: error: circle.jitos:2:8: error: "},
    {"system s\nimport \"base.jitos\", \"other.jitos\"\n",
     "test.jitos:2:22: error: its type `A` is declared already, differently\n"},
    {"system s\nimport \"base.jitos\", \"longer.jitos\"\n",
     "test.jitos:2:22: error: its type `A` is declared already, differently\n"},
    {"system s\ntype A\nimport \"kind.jitos\"\n",
     "test.jitos:3:8: error: its type `A` is declared already, differently\n"},
    {"system s\nimport \"base.jitos\"\ntype A\n",
     "test.jitos:3:6: error: there is a type `A` already\n"},
    {"system s\nimport \"base.jitos\" into /world\n",
     "test.jitos:2:21: error: types go into no instance\n"},
    {"system s\nimport \"base.jitos\", \"x.csv\" into /world\n",
     "test.jitos:2:22: error: expected another file of types, found `\"x.csv\"`\n"},
    {"schema s\nprocess w run r apply all over shard(/world)\n",
     "test.jitos:2:1: error: a schema has types and nothing else\n"},
    {"schema s\nsystem t\n", "test.jitos:2:1: error: a file describes one schema\n"},
    {"system s\ntype A\nedge E from A to C\n",
     "test.jitos:3:18: error: there is no node type `C`\n"},
    {"system s\ntype A\nedge E from A | A\n",
     "test.jitos:3:17: error: `A` is named twice on this side\n"},
    {"system s\ntype A\nedge E from F\nedge F\n",
     "test.jitos:3:13: error: `F` is a type of edges, not of nodes\n"},
    {"system s\ntype A from A\n", "test.jitos:2:8: error: expected a declaration"},
    {"system s\nedge E to\n", "test.jitos:2:10: error: expected a node type"},
    {"system s\ntype A { x: list<i46> }\n", "test.jitos:2:18: error: there is no codec `i46`\n"},
    {"system s\ntype A { x: list<i64 }\n", "test.jitos:2:22: error: expected `>` behind the codec"},
    {"system s\ntype A { x: list<i64> = 1 }\n",
     "test.jitos:2:23: error: a default of this codec is not in"},
    {"system s\nimport \"base.jitos\"\nrule r match (a:A) where a.xs = a.xs set a.x = 1\n",
     "test.jitos:3:26: error: a value that is a list of one codec is not in"},
    {"system s\ntype A { a: list<i64>, b: list<i64> }\nrule r match (a:A) set a.a = a.b\n",
     "test.jitos:3:26: error: a value that is a list of one codec is not in"},
};

START_TEST(refused) /* _i = row */
{
    ck_assert_int_eq(parse(wrong[_i].text), JIT_EFORMAT);
    ck_assert_ptr_null(f.system);
    jit_buf_put_u8(&f.messages, 0);
    ck_assert_msg(
        strncmp((const char *)f.messages.data, wrong[_i].wanted, strlen(wrong[_i].wanted)) == 0,
        "%s", (const char *)f.messages.data);
}
END_TEST

/* Where nothing can be read, that is an error as well. */
START_TEST(no_sources)
{
    static const char text[] = "system s\nimport \"base.jitos\"\n";
    static const char want[] =
        "test.jitos:2:8: error: the types of another file cannot be read here\n";
    ck_assert_int_eq(lang_fixture_parse(&f, text, sizeof text - 1), JIT_EFORMAT);
    ck_assert(memcmp(f.messages.data, want, sizeof want - 1) == 0);
}
END_TEST

START_TEST(every_refused_allocation)
{
    bool fired = true;
    for (int64_t n = 0; fired; n++) {
        f.mem.calls = 0;
        f.mem.refuse_at = n;
        enum jit_err err = parse("system s\nimport \"edges.jitos\"\n");
        fired = fault_heap_fired(&f.mem);
        f.mem.refuse_at = -1;
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        lang_system_free(&f.mem.heap, f.system);
        f.system = NULL;
        ck_assert_int_eq(f.mem.live, 0);
    }
}
END_TEST

/* ---- the pack ---- */

static char *read_text(const char *name)
{
    size_t size = 0;
    char *text = lang_read_file(name, &size);
    ck_assert_uint_lt(size, 1u << 16);
    text[size] = '\0';
    return text;
}

START_TEST(pack)
{
    char *text = read_text("schemas/pack.jitos");
    char *page = read_text("docs/spec/pack.md");
    char hex[JIT_ID_HEX];
    struct jit_id hash;
    must_parse(text);
    ck_assert(f.system->is_schema);
    ck_assert_ptr_null(lang_check_accepted(&f));
    struct rmg_schema *schema = schema_of(f.system);
    for (uint32_t i = 0; i < f.system->type_count; i++) {
        char row[300];
        (void)snprintf(row, sizeof row, "| `%s` |", f.system->types[i].name);
        ck_assert_msg(strstr(page, row) != NULL, "docs/spec/pack.md has no row %s", row);
    }
    ck_assert_int_eq(rmg_schema_add_builtin(schema), JIT_OK);
    ck_assert_int_eq(rmg_schema_hash(schema, &hash), JIT_OK);
    jit_id_to_hex(&hash, hex);
    ck_assert_msg(strstr(page, hex) != NULL, "docs/spec/pack.md does not say %s", hex);
    rmg_schema_free(schema);
    free(text);
    free(page);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "import", 20);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, as_if_written_here);
    tcase_add_test(t, used_by_rules);
    tcase_add_test(t, canonical_text);
    tcase_add_loop_test(t, refused, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(t, no_sources);
    tcase_add_test(t, every_refused_allocation);
    tcase_add_test(t, pack);
}

TEST_MAIN("lang_import", suite)

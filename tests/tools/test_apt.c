/* Goal:   stanzas become packages and relations as docs/spec/formats.md says, and a stanza that is
 *         none names its line.
 * Method: stanzas with every trait that real ones have, a table of faults, damage, every refused
 *         allocation; and what this machine's apt or dpkg knows. */
#include "tests/tools/format_fixture.h"

static const char stanzas[] =
    "Package: a\n"
    "Version: 1:2.0-1\n"
    "Section: libs\n"
    "Architecture: amd64\n"
    "Priority: optional\n"
    "Description: not\n"
    " imported: at all\n"
    " .\n"
    "Depends: b (>= 1.0) | c:any [amd64] <!nocheck>, b, libc6:any(>= 2), virt\n"
    "Pre-Depends: b\n"
    "Provides: virt (= 1),\n"
    " second,\n"
    "\tthird\n"
    "Suggests:\n"
    "\n\n"
    "package: b\r\n"
    "DEPENDS: a\r\n"
    "\r\n"
    "Package: a\n"
    "Version: 9\n"
    "Depends: never\n"
    "\n"
    "Package: removed\n"
    "Status: deinstall ok config-files\n"
    "Depends: never\n"
    "\n"
    "Package: c\n"
    "Status: install ok installed\n"
    "Recommends: a\nEnhances: a\nBreaks: a\nConflicts: a\nReplaces: a\n";

static const struct trial_input input = {.format = &format_apt, .paths = {"status"}};

static void setup(void)
{
    folder_make();
    put_text("status", stanzas);
}

static void check_type(const struct trial *t, const char *name, const char *want)
{
    struct rmg_graph view;
    struct jit_id id = named("node:", name);
    struct jit_id type;
    struct jit_id wanted;
    graph_of(t, &t->top, &view);
    enum jit_err err = rmg_node_type(&view, &id, &type);
    if (want == NULL) {
        ck_assert_int_eq(err, JIT_ENOENT);
        return;
    }
    must(err);
    wanted = named("type:", want);
    ck_assert(jit_id_equal(&type, &wanted));
}

START_TEST(content)
{
    struct trial t;
    trial_run(&t, &input);
    ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
    ck_assert_uint_eq(t.report.nodes, 7);
    ck_assert_uint_eq(t.report.virtuals, 4);
    ck_assert_uint_eq(t.report.stanzas_ignored, 1);
    ck_assert_uint_eq(t.report.edges, 15);
    check_type(&t, "a", "Package");
    check_type(&t, "b", "Package");
    check_type(&t, "c", "Package");
    check_type(&t, "libc6", "Virtual");
    check_type(&t, "virt", "Virtual");
    check_type(&t, "second", "Virtual");
    check_type(&t, "third", "Virtual");
    check_type(&t, "never", NULL);
    check_type(&t, "removed", NULL);
    ck_assert_uint_eq(edges_between(&t, "a", "DEPENDS", "b"), 2); /* parallel ones are kept */
    ck_assert_uint_eq(edges_between(&t, "a", "DEPENDS", "c"), 1);
    ck_assert_uint_eq(edges_between(&t, "a", "DEPENDS", "libc6"), 1);
    ck_assert_uint_eq(edges_between(&t, "a", "DEPENDS", "virt"), 1);
    ck_assert_uint_eq(edges_between(&t, "a", "PRE_DEPENDS", "b"), 1);
    ck_assert_uint_eq(edges_between(&t, "a", "PROVIDES", "third"), 1);
    ck_assert_uint_eq(edges_between(&t, "b", "DEPENDS", "a"), 1);
    static const char *const others[] = {"RECOMMENDS", "ENHANCES", "BREAKS", "CONFLICTS",
                                         "REPLACES"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert_uint_eq(edges_between(&t, "c", others[i], "a"), 1);
    }
    struct jit_id a = named("node:", "a");
    struct jit_id b = named("node:", "b");
    struct jit_id libc6 = named("node:", "libc6");
    check_text(&t, &a, "name", "a");
    check_text(&t, &a, "version", "1:2.0-1"); /* of the first stanza */
    check_text(&t, &a, "section", "libs");
    check_text(&t, &a, "architecture", "amd64");
    check_text(&t, &a, "priority", "optional");
    check_text(&t, &b, "version", NULL);
    check_text(&t, &libc6, "name", "libc6");
    trial_end(&t);
}
END_TEST

static const uint8_t zero[8];
static const struct rmg_schema_field fields[] = {
    {.name = "name", .codec = RMG_CODEC_TEXT},
    {.name = "state", .codec = RMG_CODEC_I64, .has_default = true, .value = zero, .value_size = 8},
};
static const struct rmg_schema_type types[] = {
    {.name = "Package", .kind = RMG_TYPE_NODE, .fields = fields, .field_count = 2},
    {.name = "DEPENDS", .kind = RMG_TYPE_EDGE},
};

START_TEST(by_a_schema)
{
    struct trial t;
    char hex[64];
    struct trial_input one = input;
    struct rmg_schema *schema = schema_of(types, 2);
    one.schema = schema;
    trial_run(&t, &one);
    ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
    struct jit_id a = named("node:", "a");
    struct jit_id virt = named("node:", "virt");
    check_text(&t, &a, "name", "a");
    check_text(&t, &a, "version", NULL);
    ck_assert_str_eq(value_hex(&t, RMG_PLANE_ALPHA, &a, "state", hex, sizeof hex),
                     "0000000000000000");
    check_text(&t, &virt, "name", NULL);
    ck_assert_uint_eq(t.report.nodes_undeclared, 4);
    ck_assert_uint_eq(t.report.edges_undeclared, 9);
    trial_end(&t);
    rmg_schema_free(schema);
}
END_TEST

static enum jit_err to_file(void *user, const uint8_t *bytes, size_t size)
{
    return fwrite(bytes, 1, size, user) == size ? JIT_OK : JIT_EIO;
}

/* An .rmg of what apt knows, imported into an instance, is what importing apt there gives. */
START_TEST(by_way_of_an_rmg) /* _i: with a schema */
{
    struct trial t;
    struct trial way;
    char path[128];
    struct trial_input direct = input;
    struct trial_input file = {.format = &format_rmg, .paths = {"x.rmg"}};
    trial_run(&t, &direct);
    must(t.err);
    snprintf(path, sizeof path, "%s/x.rmg", folder);
    FILE *out = fopen(path, "wb");
    must(rmg_file_write(jit_heap_libc(), t.graph.store, &t.graph.version, to_file, out, NULL));
    fclose(out);
    trial_end(&t);
    struct rmg_schema *schema = schema_of(types, 2);
    direct.schema = file.schema = _i == 0 ? NULL : schema;
    trial_run(&t, &direct);
    trial_run(&way, &file);
    ck_assert_msg(way.err == JIT_OK, "%s: %s", way.error.place, way.error.what);
    ck_assert(jit_id_equal(&t.graph.version.state_root, &way.graph.version.state_root));
    ck_assert_uint_eq(t.report.nodes, way.report.nodes);
    ck_assert_uint_eq(t.report.edges, way.report.edges);
    ck_assert_uint_eq(t.report.values, way.report.values);
    trial_end(&t);
    trial_end(&way);
    if (_i == 1) {
        expect_no_memory(&file);
    }
    rmg_schema_free(schema);
}
END_TEST

static const struct {
    const char *text;
    const char *place;
    const char *what;
} faults[] = {
    {"", "status", "no package in it"},
    {"\n\n", "status", "no package in it"},
    {"Version: 1\n", "status:1:1", "a stanza without the field Package"},
    {"Package: a\n\nVersion: 1\n", "status:3:1", "a stanza without the field Package"},
    {" Package: a\n", "status:1:1", "neither \"Field: value\" nor a continuation:  Package: a"},
    {"Package: a\nrubbish\n", "status:2:1", "neither \"Field: value\" nor a continuation: rubbish"},
    {"Package: a\n: b\n", "status:2:1", "neither \"Field: value\" nor a continuation: : b"},
    {"Package: a\nVersion: 1\nPackage: b\n", "status:3:1", "a second field Package"},
    {"Package: a\nDepends: b\nDepends: c\n", "status:3:1", "a second field Depends"},
    {"Package:\n", "status:1:1", "no name of a package: "},
    {"Package: \xff\n", "status:1:1", "no name of a package: \xff"},
    {"Package: a\nDepends: b, (>= 1)\n", "status:2:1", "a relation without a name: (>= 1)"},
    {"Package: a\nDepends: b,\n \xc3(\n", "status:2:1", "no name of a package: \xc3"},
    {"Package: a\nVersion: \xfe\n", "status:2:1", "\"\xfe\" is no text"},
};

START_TEST(a_fault_names_its_place) /* _i: row */
{
    put_text("status", faults[_i].text);
    expect_fault(&input, JIT_EFORMAT, faults[_i].place, faults[_i].what);
}
END_TEST

START_TEST(every_truncation)
{
    for (size_t keep = 0; keep < sizeof stanzas - 1; keep++) {
        struct trial t;
        put_file("status", stanzas, keep);
        trial_run(&t, &input);
        ck_assert(t.err == JIT_OK || (t.error.place[0] != 0 && t.error.what[0] != 0));
        trial_end(&t);
    }
}
END_TEST

START_TEST(random_damage)
{
    static const char nasty[] = ":,|()[]<>\n\r \t\0\xff";
    expect_no_harm(&input, "status", stanzas, sizeof stanzas - 1, nasty, sizeof nasty - 1, 5, 17);
}
END_TEST

START_TEST(every_refused_allocation)
{
    struct trial_input one = input;
    expect_no_memory(&input);
    struct rmg_schema *schema = schema_of(types, 2);
    one.schema = schema;
    expect_no_memory(&one);
    rmg_schema_free(schema);
}
END_TEST

/* An .rmg that carries its types, imported into an instance: they are compared with those declared
 * and stay behind; a conflict is named. */
START_TEST(its_own_types)
{
    static const char *const words[] = {NULL,
                                        "its types conflict with those declared: "
                                        "type Package: field `name` is i64 there and text here"};
    for (size_t i = 0; i < 2; i++) {
        struct trial t;
        struct trial_input in = {.format = &format_rmg, .paths = {"typed.rmg"}};
        struct rmg_schema_field field = {.name = "name",
                                         .codec = i == 0 ? RMG_CODEC_TEXT : RMG_CODEC_I64};
        const struct rmg_schema_type type = {
            .name = "Package", .kind = RMG_TYPE_NODE, .fields = &field, .field_count = 1};
        struct rmg_schema *here = schema_of(types, 2);
        struct rmg_schema *there = schema_of(&type, 1);
        struct format_graph graph;
        struct rmg_collect *collect = NULL;
        struct jit_id top;
        char path[4096];
        must(format_graph_init(&graph, jit_heap_libc()));
        must(rmg_collect_new(jit_heap_libc(), graph.store, &collect));
        must(rmg_collect_path(collect, "/", &top));
        must(rmg_schema_collect(there, collect));
        must(format_graph_load(&graph, collect, &top));
        snprintf(path, sizeof path, "%s/typed.rmg", folder);
        FILE *out = fopen(path, "wb");
        must(rmg_file_write(jit_heap_libc(), graph.store, &graph.version, to_file, out, NULL));
        fclose(out);
        in.schema = here;
        if (words[i] != NULL) {
            expect_fault(&in, JIT_ECONFLICT, "typed.rmg", words[i]);
        } else {
            trial_run(&t, &in);
            ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
            ck_assert_uint_eq(t.graph.version.instance_count, 1);
            trial_end(&t);
            expect_no_memory(&in);
        }
        rmg_collect_free(collect);
        format_graph_release(&graph);
        rmg_schema_free(here);
        rmg_schema_free(there);
    }
}
END_TEST

/* Any Debian knows some packages. Where there is neither apt nor dpkg, that is said. */
START_TEST(this_machine)
{
    struct trial t;
    struct trial_input one = {.format = &format_apt};
    trial_run(&t, &one);
    if (access("/var/lib/dpkg/status", R_OK) == 0) {
        ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
        check_type(&t, "libc6", "Package");
        ck_assert_uint_gt(t.report.edges, t.report.virtuals);
    } else {
        ck_assert(t.err == JIT_OK || t.err == JIT_ENOTSUP);
    }
    trial_end(&t);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "apt", 120);
    tcase_add_checked_fixture(t, setup, folder_remove);
    tcase_add_test(t, content);
    tcase_add_test(t, by_a_schema);
    tcase_add_loop_test(t, by_way_of_an_rmg, 0, 2);
    tcase_add_loop_test(t, a_fault_names_its_place, 0, (int)(sizeof faults / sizeof *faults));
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, random_damage);
    tcase_add_test(t, its_own_types);
    tcase_add_test(t, every_refused_allocation);
    tcase_add_test(t, this_machine);
}

TEST_MAIN("apt", fill)

/* Goal:   CSV is read as RFC 4180 and Neo4j's headers say, ids and values are those of DESIGN 4.1,
 *         and every malformed input names its place; what is exported comes back the same.
 * Method: small files, a table of faults, every truncation, random damage, every refused
 *         allocation. */
#include "base/le.h"
#include "tests/tools/format_fixture.h"

static const char nodes[] =
    "\xef\xbb\xbf:ID,name:string,age:int,height:double,weight:float,ok:boolean,raw:bytes,:LABEL\r\n"
    "a,\"Ann, \"\"the\"\" first\r\nof two\",-9223372036854775808,1.5,0.1,TRUE,00ff,Person\r\n"
    "\r\n"
    "b,,,-0.0,NaN,false,\"\",Person\n"
    "c,\"\",7,1e3,Infinity,,,Thing";
static const char edges[] = ":START_ID,:TYPE,:END_ID,since:long\n"
                            "a,KNOWS,b,1999\n"
                            "a,KNOWS,b,2000\n"
                            "b,OWNS,c,\n";

static const struct trial_input both = {.format = &format_csv, .paths = {"edges.csv", "nodes.csv"}};

static void setup(void)
{
    folder_make();
    put_text("nodes.csv", nodes);
    put_text("edges.csv", edges);
}

START_TEST(content)
{
    struct trial t;
    char hex[64];
    trial_run(&t, &both);
    ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
    ck_assert_uint_eq(t.report.nodes, 3);
    ck_assert_uint_eq(t.report.edges, 3);
    struct jit_id a = named("node:", "a");
    struct jit_id b = named("node:", "b");
    struct jit_id c = named("node:", "c");
    struct rmg_graph view;
    struct jit_id type;
    struct jit_id person = named("type:", "Person");
    graph_of(&t, &t.top, &view);
    must(rmg_node_type(&view, &a, &type));
    ck_assert(jit_id_equal(&type, &person));
    check_text(&t, &a, "name", "Ann, \"the\" first\r\nof two");
    check_text(&t, &b, "name", NULL);
    check_text(&t, &c, "name", "");
#define IS(node, name, want)                                                                       \
    ck_assert_str_eq(value_hex(&t, RMG_PLANE_ALPHA, &node, name, hex, sizeof hex), want)
    IS(a, "age", "0000000000000080");
    IS(b, "age", "-");
    IS(c, "age", "0700000000000000");
    IS(a, "height", "000000000000f83f");
    IS(b, "height", "0000000000000000"); /* -0.0 is made canonical */
    IS(a, "weight", "cdcccc3d");
    IS(b, "weight", "0000c07f");
    IS(c, "weight", "0000807f");
    IS(a, "ok", "01");
    IS(b, "ok", "00");
    IS(c, "ok", "-");
    IS(a, "raw", "00ff");
    IS(b, "raw", "");
    IS(c, "raw", "-");
#undef IS
    ck_assert_uint_eq(edges_between(&t, "a", "KNOWS", "b"), 2);
    ck_assert_uint_eq(edges_between(&t, "b", "OWNS", "c"), 1);
    /* B3[K("edge-id")](from || to || type || u32 n), n in file order. */
    for (uint32_t n = 0; n < 2; n++) {
        uint8_t input[100];
        struct jit_id id;
        struct rmg_edge edge;
        struct jit_id knows = named("type:", "KNOWS");
        memcpy(input, a.bytes, 32);
        memcpy(input + 32, b.bytes, 32);
        memcpy(input + 64, knows.bytes, 32);
        jit_put_le32(input + 96, n);
        jit_hash_key(JIT_K_EDGE_ID, input, sizeof input, &id);
        must(rmg_edge_get(&view, &id, &edge));
        ck_assert_str_eq(value_hex(&t, RMG_PLANE_BETA, &id, "since", hex, sizeof hex),
                         n == 0 ? "cf07000000000000" : "d007000000000000");
    }
    trial_end(&t);
}
END_TEST

START_TEST(spaces_and_defaults)
{
    struct trial t;
    struct trial_input input = {.format = &format_csv, .paths = {"n.csv", "m.csv", "e.csv"}};
    put_text("n.csv", "person:ID(people)\n1\n2\n");
    put_text("m.csv", ":ID(towns),:LABEL,note:IGNORE\n1,Town,x\n");
    put_text("e.csv", ":START_ID(people),:END_ID(towns)\n1,1\n2,1\n");
    trial_run(&t, &input);
    ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
    struct jit_id one = named("node:", "people:1");
    check_text(&t, &one, "person", "1"); /* a named ID column is a value as well */
    ck_assert_uint_eq(edges_between(&t, "people:2", "EDGE", "towns:1"), 1);
    struct rmg_graph view;
    struct jit_id type;
    struct jit_id node = named("type:", "Node");
    graph_of(&t, &t.top, &view);
    must(rmg_node_type(&view, &one, &type));
    ck_assert(jit_id_equal(&type, &node));
    trial_end(&t);
}
END_TEST

/* ---- faults ---- */

#define N ":ID,name,age:int\n"
static const struct {
    const char *nodes;
    const char *edges; /* NULL: none */
    const char *place;
    const char *what;
    enum jit_err err;
} faults[] = {
    {"", NULL, "n.csv:1:1", "the file is empty: it has no header", JIT_EFORMAT},
    {"\n\r\n", NULL, "n.csv:1:1", "the file is empty: it has no header", JIT_EFORMAT},
    {"\xff\xfeI\0", NULL, "n.csv:1:1", "this is UTF-16; save it as UTF-8", JIT_EFORMAT},
    {"name,age\n", NULL, "n.csv:1:1", "the header has neither :ID nor :START_ID and :END_ID",
     JIT_EFORMAT},
    {":ID;name\n", NULL, "n.csv:1:1", "no commas, but semicolons: fields are separated by commas",
     JIT_EFORMAT},
    {":ID,:START_ID,:END_ID\n", NULL, "n.csv:1:1",
     "columns of nodes (:ID) and of edges (:START_ID, :END_ID) in one file", JIT_EFORMAT},
    {":START_ID\n", NULL, "n.csv:1:1", "a file of edges needs :START_ID and :END_ID", JIT_EFORMAT},
    {":ID,:TYPE\n", NULL, "n.csv:1:5", "a file of nodes has :LABEL, not :TYPE or :EDGE_ID",
     JIT_EFORMAT},
    {":START_ID,:END_ID,:LABEL\n", NULL, "n.csv:1:19", "a file of edges has :TYPE, not :LABEL",
     JIT_EFORMAT},
    {":ID,x:date\n", NULL, "n.csv:1:5", "an unknown type of column: date", JIT_EFORMAT},
    {":ID,x:#12\n", NULL, "n.csv:1:5", "an unknown type of column: #12", JIT_EFORMAT},
    {":ID()\n", NULL, "n.csv:1:1", "no (space) in ID()", JIT_EFORMAT},
    {":ID(x\n", NULL, "n.csv:1:1", "no (space) in ID(x", JIT_EFORMAT},
    {":ID,:LABEL(x)\n", NULL, "n.csv:1:5", "the only space of this column is (rmg-id): LABEL(x)",
     JIT_EFORMAT},
    {":ID,a,a\n", NULL, "n.csv:1:7", "a second column a", JIT_EFORMAT},
    {":ID,:ID(x)\n", NULL, "n.csv:1:5", "a second column :ID(x)", JIT_EFORMAT},
    {":ID,\n", NULL, "n.csv:1:5", "a column without a name", JIT_EFORMAT},
    {N "a,b\n", NULL, "n.csv:2:3", "2 fields where the header has 3", JIT_EFORMAT},
    {N "a,b,1,\n", NULL, "n.csv:2:7", "4 fields where the header has 3", JIT_EFORMAT},
    {N "a,b\"c,1\n", NULL, "n.csv:2:4", "a quote within a field that does not begin with one",
     JIT_EFORMAT},
    {N "a,\"b\"c,1\n", NULL, "n.csv:2:6", "text behind a closing quote", JIT_EFORMAT},
    {N "a,\"b\n\n", NULL, "n.csv:2:3", "a quote that is never closed", JIT_EFORMAT},
    {N "a,b\rc,1\n", NULL, "n.csv:2:4", "a carriage return without a line feed", JIT_EFORMAT},
    {N "a,\xc3(,1\n", NULL, "n.csv:2:3", "this field is no UTF-8 without NUL", JIT_EFORMAT},
    {N "a,\"x\ny\",1\nb,c,1x\n", NULL, "n.csv:4:5", "\"1x\" is no i64", JIT_EFORMAT},
    {N "a,b,9223372036854775808\n", NULL, "n.csv:2:5", "\"9223372036854775808\" is no i64",
     JIT_EFORMAT},
    {N "a,b,\"\"\n", NULL, "n.csv:2:5", "\"\" is no i64", JIT_EFORMAT},
    {":ID,x:double\na,0x10\n", NULL, "n.csv:2:3", "\"0x10\" is no f64", JIT_EFORMAT},
    {":ID,x:double\na,1e999\n", NULL, "n.csv:2:3", "\"1e999\" is no f64", JIT_EFORMAT},
    {":ID,x:boolean\na,yes\n", NULL, "n.csv:2:3", "\"yes\" is no bool", JIT_EFORMAT},
    {":ID,x:bytes\na,abc\n", NULL, "n.csv:2:3", "\"abc\" is no bytes", JIT_EFORMAT},
    {":ID,x:id\na,abcd\n", NULL, "n.csv:2:3", "\"abcd\" is no id", JIT_EFORMAT},
    {":ID,x:int,x:string\na,1,b\n", NULL, "n.csv:2:5", "a second value for x", JIT_EFORMAT},
    {":ID,:LABEL\na,\n", NULL, "n.csv:2:3", "no type", JIT_EFORMAT},
    {":ID,:LABEL\na,A;B\n", NULL, "n.csv:2:3", "a node has one type here, not several: A;B",
     JIT_EFORMAT},
    {N ",b,1\n", NULL, "n.csv:2:1", "an empty ID", JIT_EFORMAT},
    {":ID(rmg-id)\nxyz\n", NULL, "n.csv:2:1", "no id of 64 hex digits: xyz", JIT_EFORMAT},
    {N "a,b,1\na,c,2\n", NULL, "n.csv:3:1", "a second node with the ID \"a\"", JIT_EEXIST},
    {N "a,,\n", ":START_ID,:END_ID\na,z\n", "e.csv:2:3", "there is no node with the ID z",
     JIT_EFORMAT},
    {N "a,,\n", ":START_ID(x),:END_ID\na,a\n", "e.csv:2:1", "there is no node with the ID a",
     JIT_EFORMAT},
    {N "a,,\n", ":START_ID,:END_ID,:EDGE_ID\n", "e.csv:1:19",
     "the only space of this column is (rmg-id): EDGE_ID", JIT_EFORMAT},
    {N "a,,\n",
     ":START_ID,:END_ID,:EDGE_ID(rmg-id)\n"
     "a,a,0000000000000000000000000000000000000000000000000000000000000001\n"
     "a,a,0000000000000000000000000000000000000000000000000000000000000001\n",
     "e.csv:3:5", "a second edge with this id", JIT_EFORMAT},
};

START_TEST(a_fault_names_its_place) /* _i: row */
{
    struct trial_input input = {.format = &format_csv, .paths = {"n.csv"}};
    put_text("n.csv", faults[_i].nodes);
    if (faults[_i].edges != NULL) {
        put_text("e.csv", faults[_i].edges);
        input.paths[1] = "e.csv";
    }
    expect_fault(&input, faults[_i].err, faults[_i].place, faults[_i].what);
}
END_TEST

START_TEST(files_that_are_none)
{
    struct trial_input input = {.format = &format_csv, .paths = {"missing.csv"}};
    expect_fault(&input, JIT_ENOENT, "missing.csv", "No such file or directory");
    input.paths[0] = ".";
    expect_fault(&input, JIT_ENOTSUP, ".", "Is a directory");
    input.paths[0] = "-";
    expect_fault(&input, JIT_ENOTSUP, "standard input",
                 "CSV files are read by name: nodes first, then edges");
}
END_TEST

START_TEST(limits)
{
    struct trial t;
    struct trial_input input = {.format = &format_csv, .paths = {"n.csv"}};
    char label[1100];
    for (size_t size = 1024; size <= 1025; size++) {
        char text[1200];
        memset(label, 'x', size);
        label[size] = 0;
        snprintf(text, sizeof text, ":ID\n%s\n", label);
        put_text("n.csv", text);
        trial_run(&t, &input);
        ck_assert_int_eq(t.err, size == 1024 ? JIT_OK : JIT_EFORMAT);
        ck_assert_str_eq(t.error.what, size == 1024 ? "" : "an ID of more than 1,024 bytes");
        trial_end(&t);
    }
    for (int columns = 1024; columns <= 1025; columns++) {
        char *text = calloc(1, 16384);
        size_t used = (size_t)snprintf(text, 16384, ":ID");
        for (int i = 1; i < columns; i++) {
            used += (size_t)snprintf(text + used, 16384 - used, ",c%d", i);
        }
        put_file("n.csv", text, used);
        free(text);
        trial_run(&t, &input);
        ck_assert_int_eq(t.err, columns == 1024 ? JIT_OK : JIT_EFORMAT);
        trial_end(&t);
    }
    for (int values = 256; values <= 257; values++) {
        char *text = calloc(1, 16384);
        size_t used = (size_t)snprintf(text, 16384, ":ID");
        for (int i = 0; i < values; i++) {
            used += (size_t)snprintf(text + used, 16384 - used, ",c%d", i);
        }
        used += (size_t)snprintf(text + used, 16384 - used, "\na");
        for (int i = 0; i < values; i++) {
            used += (size_t)snprintf(text + used, 16384 - used, ",v");
        }
        put_file("n.csv", text, used);
        free(text);
        trial_run(&t, &input);
        ck_assert_int_eq(t.err, values == 256 ? JIT_OK : JIT_ELIMIT);
        ck_assert_str_eq(t.error.what, values == 256 ? "" : "more than 256 values");
        ck_assert_str_eq(t.error.place, values == 256 ? "" : "n.csv:2:515");
        trial_end(&t);
    }
    size_t atom = 1u << 20;
    char *big = malloc(17u << 20);
    memset(big, 'x', 17u << 20);
    memcpy(big, ":ID,v\na,", 8);
    for (size_t extra = 0; extra < 2; extra++) {
        put_file("n.csv", big, 8 + atom + extra);
        trial_run(&t, &input);
        ck_assert_int_eq(t.err, extra == 0 ? JIT_OK : JIT_ELIMIT);
        trial_end(&t);
    }
    put_file("n.csv", big, 17u << 20);
    expect_fault(&input, JIT_ELIMIT, "n.csv:2:3", "a record of more than 16 MiB");
    free(big);
}
END_TEST

/* ---- schemas ---- */

static const uint8_t seven[8] = {7};
static const struct rmg_schema_field person_fields[] = {
    {.name = "age", .codec = RMG_CODEC_TEXT}, /* the field's codec counts, not the column's */
    {.name = "state", .codec = RMG_CODEC_I64, .has_default = true, .value = seven, .value_size = 8},
    {.name = "height",
     .codec = RMG_CODEC_F64,
     .has_default = true,
     .value = seven,
     .value_size = 8},
    {.name = "none", .codec = RMG_CODEC_TEXT},
};
static const struct rmg_schema_field knows_fields[] = {
    {.name = "at", .codec = RMG_CODEC_I64, .has_default = true, .value = seven, .value_size = 8},
};
static const struct rmg_schema_type declared[] = {
    {.name = "Person", .kind = RMG_TYPE_NODE, .fields = person_fields, .field_count = 4},
    {.name = "KNOWS", .kind = RMG_TYPE_EDGE, .fields = knows_fields, .field_count = 1},
};

START_TEST(only_declared_fields)
{
    struct trial t;
    char hex[64];
    struct trial_input input = both;
    struct rmg_schema *schema = schema_of(declared, 2);
    input.schema = schema;
    trial_run(&t, &input);
    ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
    struct jit_id a = named("node:", "a");
    struct jit_id b = named("node:", "b");
    struct jit_id c = named("node:", "c");
    check_text(&t, &a, "age", "-9223372036854775808");
    check_text(&t, &a, "name", NULL);
    ck_assert_str_eq(value_hex(&t, RMG_PLANE_ALPHA, &a, "height", hex, sizeof hex),
                     "000000000000f83f");
    ck_assert_str_eq(value_hex(&t, RMG_PLANE_ALPHA, &b, "state", hex, sizeof hex),
                     "0700000000000000");
    ck_assert_str_eq(value_hex(&t, RMG_PLANE_ALPHA, &b, "none", hex, sizeof hex), "-");
    ck_assert_str_eq(value_hex(&t, RMG_PLANE_ALPHA, &c, "state", hex, sizeof hex), "-");
    ck_assert_uint_eq(t.report.nodes_undeclared, 1);
    ck_assert_uint_eq(t.report.edges_undeclared, 1);
    ck_assert_uint_gt(t.report.values_ignored, 0);
    struct rmg_graph view;
    struct rmg_iter iter;
    struct rmg_edge edge;
    struct jit_id knows = named("type:", "KNOWS");
    graph_of(&t, &t.top, &view);
    rmg_iter_edges_of(&view, &a, RMG_DIR_OUT, &knows, &iter);
    must(rmg_iter_edge(&iter, &edge));
    ck_assert_str_eq(value_hex(&t, RMG_PLANE_BETA, &edge.id, "at", hex, sizeof hex),
                     "0700000000000000");
    trial_end(&t);
    put_text("n.csv", ":ID,state,:LABEL\na,many,Person\n");
    input.paths[0] = "n.csv";
    input.paths[1] = NULL;
    expect_fault(&input, JIT_EFORMAT, "n.csv:2:3", "\"many\" is no i64");
    rmg_schema_free(schema);
}
END_TEST

/* ---- damage ---- */

START_TEST(every_truncation)
{
    struct trial_input input = {.format = &format_csv, .paths = {"n.csv", "edges.csv"}};
    for (size_t keep = 0; keep < sizeof nodes - 1; keep++) {
        struct trial t;
        put_file("n.csv", nodes, keep);
        trial_run(&t, &input);
        ck_assert(t.err == JIT_OK || (t.error.place[0] != 0 && t.error.what[0] != 0));
        trial_end(&t);
    }
}
END_TEST

START_TEST(random_damage)
{
    struct trial_input input = {.format = &format_csv, .paths = {"n.csv", "edges.csv"}};
    static const char nasty[] = ",\"\r\n:;()#\0\xff\xef\xbb\xbf-+.eE0";
    expect_no_harm(&input, "n.csv", nodes, sizeof nodes - 1, nasty, sizeof nasty - 1, 4, 11);
}
END_TEST

START_TEST(every_refused_allocation)
{
    struct trial_input input = both;
    expect_no_memory(&both);
    struct rmg_schema *schema = schema_of(declared, 2);
    input.schema = schema;
    expect_no_memory(&input);
    rmg_schema_free(schema);
}
END_TEST

/* ---- and out again ---- */

static enum jit_err to_file(void *user, const uint8_t *bytes, size_t size)
{
    return fwrite(bytes, 1, size, user) == size ? JIT_OK : JIT_EIO;
}

static void export_files(const struct trial *t, struct export_report *report)
{
    char path[2][128];
    FILE *files[2];
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/out.%s.csv", folder, i == 0 ? "nodes" : "edges");
        files[i] = fopen(path[i], "wb");
        ck_assert_ptr_nonnull(files[i]);
    }
    struct export_out out[2] = {{to_file, files[0]}, {to_file, files[1]}};
    struct format_error error;
    must(export_to(&format_csv, &t->graph, out, report, &error));
    fclose(files[0]);
    fclose(files[1]);
}

START_TEST(round_trip)
{
    struct trial t;
    struct trial again;
    struct export_report report;
    struct trial_input input = {.format = &format_csv, .paths = {"x.csv", "y.csv"}};
    struct trial_input back = {.format = &format_csv, .paths = {"out.nodes.csv", "out.edges.csv"}};
    /* Values that are hard to write: quotes, line ends, ends of ranges, what is not canonical. */
    put_text(
        "x.csv",
        ":ID,name:string,:string,n:long,d:double,f:float,b:bytes,i:id,o:bool,\"a:b,c:int\","
        "n:string,t:#00000000000000000000000000000000000000000000000000000000000000ff,"
        "bad:#ed3a1e1ad3a0b3aa1ad9e0f3e9d92e7c07f52cbd8cc5a9e7f0cb1f0e2e1ea1c1\n"
        "a,\"x,\"\"y\"\"\r\nz\",e,-9223372036854775808,5e-324,1e-45,,,true,1,,00ff,\n"
        "b,\"\",\"\",9223372036854775807,1.7976931348623157e308,3.4028235e38,\"\",,,,,\"\",01\n"
        "c, lead,#x,,0.1,0.1,ff,,,,text,,\n"
        "d,\"line\nend\",,,NaN,NaN,,"
        "00000000000000000000000000000000000000000000000000000000000000aa,false,,,,\n"
        "e,\xc3\xa4\xe2\x82\xac,,0,-Infinity,-Infinity,,,,,,,\n");
    put_text("y.csv", ":START_ID,:END_ID,:TYPE,w:double\na,b,T,0.30000000000000004\na,b,T,\n"
                      "e,e,U,1\n");
    trial_run(&t, &input);
    ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
    export_files(&t, &report);
    ck_assert_uint_eq(report.nodes, 6);
    ck_assert_uint_eq(report.edges, 3);
    ck_assert_uint_eq(report.portals_left, 0);
    trial_run(&again, &back);
    ck_assert_msg(again.err == JIT_OK, "%s: %s", again.error.place, again.error.what);
    ck_assert(jit_id_equal(&t.graph.version.state_root, &again.graph.version.state_root));
    trial_end(&again);
    trial_end(&t);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "csv", 60);
    tcase_add_checked_fixture(t, setup, folder_remove);
    tcase_add_test(t, content);
    tcase_add_test(t, spaces_and_defaults);
    tcase_add_loop_test(t, a_fault_names_its_place, 0, (int)(sizeof faults / sizeof *faults));
    tcase_add_test(t, files_that_are_none);
    tcase_add_test(t, limits);
    tcase_add_test(t, only_declared_fields);
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, random_damage);
    tcase_add_test(t, every_refused_allocation);
    tcase_add_test(t, round_trip);
}

TEST_MAIN("csv", fill)

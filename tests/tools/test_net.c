/* Goal:   JSON node-link, GraphML and GEXF say what they are given: out and in again gives the same
 *         state root; what comes from elsewhere becomes the nodes, edges and values it means.
 * Method: random states and one with every kind of value, through each format; documents by hand
 *         with the state they must give, said as NDJSON of ids by name; every truncation, random
 *         damage, every refused allocation. Faults and limits are tried in test_net_faults. */
#include "tests/tools/net_fixture.h"

static const struct format *const nets[] = {&format_json, &format_graphml, &format_gexf};
#define NETS ((int)(sizeof nets / sizeof *nets))

static struct world world;

/* ---- round trips ---- */

START_TEST(random_states_in_json)
{
    world_grow(&world, (enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, 40);
    struct format_graph graph = world_graph(&world);
    there_and_back(&format_json, &graph);
    world_end(&world);
}
END_TEST

/* GraphML nests one graph in a node or an edge, GEXF none; a state with more is refused by name. */
START_TEST(random_states_in_xml)
{
    static const struct {
        const struct format *format;
        const char *refused;
    } both[] = {{&format_graphml, "has two portals"}, {&format_gexf, "has a portal"}};
    world_grow(&world, (enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, 3);
    struct format_graph graph = world_graph(&world);
    for (size_t i = 0; i < 2; i++) {
        struct format_error error;
        struct jit_buf text;
        enum jit_err err = export_text_of(both[i].format, &graph, &text, &error);
        jit_buf_release(&text);
        if (err == JIT_OK) {
            there_and_back(both[i].format, &graph);
        } else {
            ck_assert_int_eq(err, JIT_ENOTSUP);
            ck_assert_ptr_nonnull(strstr(error.what, both[i].refused));
        }
    }
    world_end(&world);
}
END_TEST

START_TEST(everything_there_is) /* _i: format */
{
    struct format_error error;
    struct jit_buf text;
    struct trial t;
    take(&t, &format_json, everything, sizeof everything - 1);
    ck_assert_uint_eq(t.graph.version.instance_count, 4);
    if (nets[_i] == &format_gexf) { /* it has no place for portals, and says whose there are */
        ck_assert_int_eq(export_text_of(nets[_i], &t.graph, &text, &error), JIT_ENOTSUP);
        ck_assert_str_eq(error.place, "node");
        ck_assert_ptr_nonnull(strstr(error.what, "has a portal, for which GEXF has no place"));
        jit_buf_release(&text);
    } else {
        there_and_back(nets[_i], &t.graph);
    }
    there_and_back(&format_ndjson, &t.graph);
    trial_end(&t);
    take(&t, &format_json, flat, sizeof flat - 1);
    there_and_back(nets[_i], &t.graph);
    trial_end(&t);
}
END_TEST

/* ---- what is meant ---- */

/* An edge from, to, of a type, with a value or NULL. */
static void check_edge(const struct trial *t, const char *from, const char *type, const char *to,
                       const char *name, const char *hex)
{
    struct rmg_graph view;
    struct rmg_iter iter;
    struct rmg_edge edge;
    struct jit_id a = named("node:", from);
    struct jit_id b = named("node:", to);
    struct jit_id e = named("type:", type);
    char text[256];
    graph_of(t, &t->top, &view);
    rmg_iter_edges_of(&view, &a, RMG_DIR_OUT, &e, &iter);
    while (rmg_iter_edge(&iter, &edge) == JIT_OK) {
        if (jit_id_equal(&edge.to, &b)) {
            ck_assert_str_eq(value_hex(t, RMG_PLANE_BETA, &edge.id, name, text, sizeof text), hex);
            return;
        }
    }
    ck_abort_msg("no edge %s -%s-> %s", from, type, to);
}

static void check_value(const struct trial *t, const char *node, const char *name, const char *hex)
{
    struct jit_id id = named("node:", node);
    char text[512];
    const char *is = value_hex(t, RMG_PLANE_ALPHA, &id, name, text, sizeof text);
    ck_assert_msg(strcmp(is, hex) == 0, "%s of %s is %s, not %s", name, node, is, hex);
}

/* One graph in each format: two typed values, a default, an undirected graph, parallel edges. */
static const struct {
    const struct format *format;
    const char *text;
} same[] = {
    {&format_json,
     "{\"directed\":false,\"graph\":{\"name\":\"G\"},\"edges\":["
     "{\"source\":\"n0\",\"target\":\"n1\",\"weight\":1.5},"
     "{\"source\":\"n0\",\"target\":\"n1\",\"weight\":2.0}],"
     "\"nodes\":[{\"id\":\"n0\",\"colour\":\"green\",\"size\":7},{\"id\":\"n1\",\"colour\":"
     "\"yellow\"}]}"},
    {&format_json,
     "\xef\xbb\xbf {\"nodes\" : [ { \"size\" : 7 , \"colour\" : \"green\" , \"id\" : \"n0\" } ,\n"
     "{ \"colour\" : \"yellow\" , \"id\" : \"n1\" } ] , \"name\" : \"G\",\n"
     "\"links\" : [ {\"target\":\"n1\",\"source\":\"n0\",\"weight\":15e-1},"
     "{\"target\":\"n1\",\"source\":\"n0\",\"weight\":2.0}], \"directed\" : false } \n"},
    {&format_graphml,
     "<?xml version='1.0' encoding='ISO-8859-1'?><!-- a comment -->\n"
     "<!DOCTYPE graphml SYSTEM \"http://nowhere.invalid/graphml.dtd\">\n"
     "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
     "<key id=\"d0\" for=\"node\" attr.name=\"colour\" attr.type=\"string\">"
     "<default>yellow</default></key>\n"
     "<key id=\"d1\" for=\"edge\" attr.name=\"weight\" attr.type=\"double\"/>\n"
     "<key id=\"d2\" for=\"all\" attr.name=\"size\" attr.type=\"int\"/><key id=\"name\"/>\n"
     "<graph edgedefault=\"undirected\" parse.order=\"nodesfirst\">\n"
     "<edge source=\"n0\" target=\"n1\"><data key=\"d1\"> 1.5 </data></edge>\n"
     "<edge source=\"n0\" target=\"n1\"><data key=\"d1\">2</data></edge>\n"
     "<node id=\"n0\"><data key=\"d0\">gr<![CDATA[ee]]>&#110;</data><data "
     "key=\"d2\">7</data></node>\n"
     "<node id=\"n1\"/><data key=\"name\">G</data>\n"
     "</graph></graphml>\n"},
    {&format_gexf,
     "<?xml version='1.0'?><gexf xmlns='http://www.gexf.net/1.2draft' version='1.2'>\n"
     "<graph mode='static' defaultedgetype='undirected' name='G'>\n"
     "<attributes class='node'><attribute id='0' title='colour' type='string'><default>yellow"
     "</default></attribute><attribute id='1' title='size' type='integer'/></attributes>\n"
     "<attributes class='edge'><attribute id='0' title='other' type='string'/></attributes>\n"
     "<edges><edge source='n0' target='n1' weight='1.5'/><edge source='n0' target='n1' "
     "weight='2'/></edges>\n"
     "<nodes><node id='n0' label='n0'><attvalues><attvalue for='0' value='gr&#x65;en'/><attvalue "
     "for='1' value=' 7'/></attvalues></node><node id='n1'/></nodes>\n"
     "</graph></gexf>\n"},
};

START_TEST(the_same_graph)
{
    struct trial first;
    struct trial t;
    take(&first, same[0].format, same[0].text, strlen(same[0].text));
    check_value(&first, "n0", "colour", "677265656e");
    check_value(&first, "n0", "size", "0700000000000000");
    check_value(&first, "n0", "id", "6e30");
    check_value(&first, "n1", "colour", "79656c6c6f77");
    check_value(&first, "n1", "size", "-");
    check_value(&first, "/", "directed", "00");
    check_value(&first, "/", "name", "47");
    ck_assert_uint_eq(edges_between(&first, "n0", "EDGE", "n1"), 2);
    take(&t, same[_i].format, same[_i].text, strlen(same[_i].text));
    ck_assert(jit_id_equal(&t.graph.version.state_root, &first.graph.version.state_root));
    trial_end(&t);
    trial_end(&first);
}
END_TEST

/* What yEd keeps in <data> stays as it is, with its namespaces. */
START_TEST(markup_in_graphml)
{
    static const char text[] =
        "<graphml xmlns='http://graphml.graphdrawing.org/xmlns' xmlns:y='urn:y' xmlns:z='urn:z'>"
        "<key id='d0' for='node' yfiles.type='nodegraphics'/><key id='d1' for='graphml' "
        "yfiles.type='resources'/><graph edgedefault='directed'><node id='a'><data key='d0'>\n"
        "<y:Shape z:k='&lt;&quot;'><y:Geo h=\"1\"/>x &amp; y</y:Shape> </data></node></graph>"
        "<data key='d1'><y:Resources/></data></graphml>";
    static const char shape[] = "<y:Shape xmlns:y=\"urn:y\" xmlns:z=\"urn:z\" z:k=\"&lt;&quot;\">"
                                "<y:Geo xmlns:y=\"urn:y\" h=\"1\"></y:Geo>x &amp; y</y:Shape> ";
    static const char own[] = "<y:Resources xmlns:y=\"urn:y\"></y:Resources>";
    const struct jit_id type = named("type:", "xml");
    const struct jit_id owners[2] = {named("node:", "a"), named("node:", "/")};
    struct rmg_graph view;
    struct rmg_value value;
    struct trial t;
    take(&t, &format_graphml, text, sizeof text - 1);
    graph_of(&t, &t.top, &view);
    must(rmg_attachment_get(&view, RMG_PLANE_ALPHA, &owners[0], "nodegraphics", 12, &value));
    ck_assert(jit_id_equal(&value.type, &type));
    ck_assert_uint_eq(value.size, sizeof shape - 1);
    ck_assert(memcmp(value.bytes, shape, value.size) == 0);
    must(rmg_attachment_get(&view, RMG_PLANE_ALPHA, &owners[1], "resources", 9, &value));
    ck_assert_uint_eq(value.size, sizeof own - 1);
    ck_assert(memcmp(value.bytes, own, value.size) == 0);
    for (int i = 0; i < NETS; i++) {
        there_and_back(nets[i], &t.graph);
    }
    trial_end(&t);
}
END_TEST

START_TEST(nested_graphml)
{
    static const char text[] =
        "<graphml><graph id='G' edgedefault='directed'>"
        "<node id='a'><graph id='a:' edgedefault='undirected'><node id='a::b'/><node id='a::c'/>"
        "<edge source='a::b' target='a::c'/></graph></node>"
        "<node id='d'/><edge id='e' source='a' target='d' directed='false'><desc>why</desc>"
        "<graph edgedefault='directed'/></edge></graph></graphml>";
    struct trial t;
    take(&t, &format_graphml, text, sizeof text - 1);
    ck_assert_uint_eq(t.graph.version.instance_count, 3);
    ck_assert_uint_eq(t.report.nodes, 7); /* a, d, a::b, a::c, and three roots */
    ck_assert_uint_eq(t.report.edges, 2);
    check_value(&t, "/", "id", "47");
    check_edge(&t, "a", "EDGE", "d", "directed", "00");
    check_edge(&t, "a", "EDGE", "d", "desc", "776879");
    there_and_back(&format_json, &t.graph);
    there_and_back(&format_graphml, &t.graph);
    trial_end(&t);
}
END_TEST

/* The words of Python, of XML Schema and of Java for what is not finite. */
START_TEST(not_finite)
{
    static const struct {
        const char *word;
        const char *hex;
    } words[] = {{"nan", "000000000000f87f"},       {"NaN", "000000000000f87f"},
                 {"inf", "000000000000f07f"},       {"INF", "000000000000f07f"},
                 {"-INF", "000000000000f0ff"},      {"Infinity", "000000000000f07f"},
                 {"-infinity", "000000000000f0ff"}, {"+inf", "000000000000f07f"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char text[512];
        struct trial t;
        snprintf(text, sizeof text,
                 "<graphml><key id='k' attr.name='v' attr.type='double'/><graph "
                 "edgedefault='directed'><node id='a'><data key='k'>%s</data></node></graph>"
                 "</graphml>",
                 words[i].word);
        take(&t, &format_graphml, text, strlen(text));
        check_value(&t, "a", "v", words[i].hex);
        trial_end(&t);
    }
}
END_TEST

/* Old D3 files: links by number, nodes without id. */
START_TEST(links_by_number)
{
    static const char text[] =
        "{\"nodes\":[{\"name\":\"Myriel\",\"group\":1},{\"name\":\"Napoleon\",\"group\":1}],"
        "\"links\":[{\"source\":1,\"target\":0,\"value\":8}]}";
    struct trial t;
    take(&t, &format_json, text, sizeof text - 1);
    check_value(&t, "0", "name", "4d797269656c");
    check_value(&t, "0", "id", "0000000000000000");
    check_edge(&t, "1", "EDGE", "0", "value", "0800000000000000");
    trial_end(&t);
}
END_TEST

/* With a schema a number is what its field says, and IDs are values only when declared. */
START_TEST(by_a_schema)
{
    static const struct rmg_schema_field fields[] = {{.name = "id", .codec = RMG_CODEC_TEXT},
                                                     {.name = "w", .codec = RMG_CODEC_F64}};
    static const struct rmg_schema_type types[] = {
        {.name = "Node", .kind = RMG_TYPE_NODE, .fields = fields, .field_count = 2},
        {.name = "EDGE", .kind = RMG_TYPE_EDGE}};
    struct rmg_schema *schema = schema_of(types, 2);
    static const char *const texts[] = {
        "{\"nodes\":[{\"id\":\"a\",\"w\":3,\"x\":1}],\"links\":[{\"source\":\"a\",\"target\":\"a\"}"
        "]}",
        "<graphml><key id='w' attr.name='w' attr.type='int'/><key id='x' attr.type='long'/>"
        "<graph edgedefault='directed'><node id='a'><data key='w'>3</data><data key='x'>1</data>"
        "</node><edge source='a' target='a'/></graph></graphml>",
        "<gexf><graph defaultedgetype='directed'><attributes class='node'>"
        "<attribute id='w' title='w' type='integer'/><attribute id='x' type='long'/></attributes>"
        "<nodes><node id='a' label='q'><attvalues><attvalue for='w' value='3'/>"
        "<attvalue for='x' value='1'/></attvalues></node></nodes>"
        "<edges><edge source='a' target='a'/></edges></graph></gexf>"};
    struct trial t;
    const struct trial_input input = {
        .format = nets[_i], .paths = {file_of(nets[_i])}, .schema = schema};
    put_text(file_of(nets[_i]), texts[_i]);
    trial_run(&t, &input);
    ck_assert_msg(t.err == JIT_OK, "%s: %s", t.error.place, t.error.what);
    check_value(&t, "a", "w", "0000000000000840");
    check_value(&t, "a", "x", "-");
    check_value(&t, "a", "id", "61");
    ck_assert_uint_eq(t.report.nodes, 1);
    ck_assert_uint_eq(t.report.edges, 1);
    ck_assert_uint_eq(t.report.nodes_undeclared, 0);
    rmg_schema_free(schema);
    trial_end(&t);
}
END_TEST

START_TEST(what_gephi_adds)
{
    static const char text[] =
        "<gexf xmlns='http://gexf.net/1.3' xmlns:viz='http://gexf.net/1.3/viz'>"
        "<meta lastmodifieddate='2020-01-01'><creator>Gephi 0.9</creator></meta>"
        "<graph defaultedgetype='directed'><nodes>"
        "<node id='0' label='A' pid='7'><viz:size value='4.5'/><viz:color r='1' g='2' "
        "b='3'/></node>"
        "</nodes><edges><edge id='1' source='0' target='0' type='undirected' weight='2'"
        " label='self'/></edges></graph></gexf>";
    struct trial t;
    take(&t, &format_gexf, text, sizeof text - 1);
    check_value(&t, "/", "creator", "476570686920302e39");
    check_value(&t, "/", "lastmodifieddate", "323032302d30312d3031");
    check_value(&t, "0", "label", "41");
    check_value(&t, "0", "pid", "37");
    check_value(&t, "0", "viz:size", "76616c75653d342e35");
    check_value(&t, "0", "viz:color", "723d3120673d3220623d33");
    check_edge(&t, "0", "EDGE", "0", "weight", "0000000000000040");
    check_edge(&t, "0", "EDGE", "0", "directed", "00");
    check_edge(&t, "0", "EDGE", "0", "label", "73656c66");
    for (int i = 0; i < NETS; i++) {
        there_and_back(nets[i], &t.graph);
    }
    trial_end(&t);
}
END_TEST

/* ---- damage ---- */

static void small(const struct format *format, struct jit_buf *text)
{
    struct format_error error;
    struct trial t;
    bool one = format == &format_gexf;
    take(&t, &format_json, one ? flat : everything, one ? sizeof flat - 1 : sizeof everything - 1);
    must(export_text_of(format, &t.graph, text, &error));
    trial_end(&t);
}

static void try_one(const struct format *format, const void *bytes, size_t size, unsigned round)
{
    const struct trial_input input = {
        .format = format, .paths = {file_of(format)}, .as_it_is = true};
    struct trial t;
    put_file(file_of(format), bytes, size);
    trial_run(&t, &input);
    ck_assert_msg(t.err == JIT_OK || (t.error.place[0] != 0 && t.error.what[0] != 0),
                  "%s, %u: %s: %s: %s", format->name, round, jit_err_text(t.err), t.error.place,
                  t.error.what);
    trial_end(&t);
}

START_TEST(every_truncation)
{
    struct jit_buf text;
    small(nets[_i], &text);
    for (size_t keep = 0; keep < text.size; keep++) {
        try_one(nets[_i], text.data, keep, (unsigned)keep);
    }
    jit_buf_release(&text);
}
END_TEST

START_TEST(random_damage)
{
    const struct trial_input input = {
        .format = nets[_i], .paths = {file_of(nets[_i])}, .as_it_is = true};
    struct jit_buf text;
    small(nets[_i], &text);
    expect_no_harm(&input, file_of(nets[_i]), text.data, text.size, NULL, 0, 3, 17);
    jit_buf_release(&text);
}
END_TEST

START_TEST(every_refused_allocation)
{
    struct jit_buf text;
    struct trial_input input = {.format = nets[_i], .paths = {file_of(nets[_i])}, .as_it_is = true};
    small(nets[_i], &text);
    put_file(file_of(nets[_i]), text.data, text.size);
    expect_no_memory(&input);
    jit_buf_release(&text);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "net", 120);
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_loop_test(t, random_states_in_json, 0, 2 * WORLD_IDS);
    tcase_add_loop_test(t, random_states_in_xml, 0, 4 * WORLD_IDS);
    tcase_add_loop_test(t, everything_there_is, 0, NETS);
    tcase_add_loop_test(t, the_same_graph, 0, (int)(sizeof same / sizeof *same));
    tcase_add_test(t, nested_graphml);
    tcase_add_test(t, markup_in_graphml);
    tcase_add_test(t, not_finite);
    tcase_add_test(t, links_by_number);
    tcase_add_test(t, what_gephi_adds);
    tcase_add_loop_test(t, by_a_schema, 0, NETS);
    tcase_add_loop_test(t, every_truncation, 0, NETS);
    tcase_add_loop_test(t, random_damage, 0, NETS);
    tcase_add_loop_test(t, every_refused_allocation, 0, NETS);
}

TEST_MAIN("tools/net", fill)

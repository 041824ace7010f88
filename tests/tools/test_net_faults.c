/* Goal:   every fault of a document is named with its place; entities are never expanded and
 * nothing is fetched; limits hold; a file of choices is read without memory or not at all. Method:
 * tables of faults and of sizes at their limit and one past it; each allocation refused. */
#include "tests/tools/net_fixture.h"
#include "tools/formats/choices.h"

/* ---- faults ---- */

#define GRAPH "<graphml><key id='k' attr.name='v' attr.type='int'/><graph edgedefault='directed'>"
#define ENDS  "</graph></graphml>"

#define GEXF                                                                                       \
    "<gexf><graph defaultedgetype='directed'><attributes class='node'>"                            \
    "<attribute id='0' title='v' type='integer'/></attributes>\n<nodes>"
#define GEXF_END "</nodes></graph></gexf>"

static const struct {
    const struct format *format;
    const char *text;
    enum jit_err err;
    const char *place; /* behind the name */
    const char *what;
} faults[] = {
    {&format_json, "", JIT_EFORMAT, ":1:1", "the input ends here, before a { that begins a graph"},
    {&format_json, "[]", JIT_EFORMAT, ":1:1", "here should be a { that begins a graph"},
    {&format_json, "{}", JIT_EFORMAT, ":1:2",
     "a graph without \"nodes\": this is no node-link JSON"},
    {&format_json, "{\"nodes\": [", JIT_EFORMAT, ":1:12", "the input ends here, before a value"},
    {&format_json, "{\"nodes\": [{\"id\":1}", JIT_EFORMAT, ":1:20",
     "the input ends here, before a comma or ]"},
    {&format_json, "{\"nodes\": [{\"id\":", JIT_EFORMAT, ":1:12",
     "the input ends within this value"},
    {&format_json, "{\"nodes\": []} x", JIT_EFORMAT, ":1:15",
     "something behind the end of the graph"},
    {&format_json, "{\"nodes\": {}}", JIT_EFORMAT, ":1:11", "here should be an array"},
    {&format_json, "{\"nodes\": [1]}", JIT_EFORMAT, ":1:12", "a node and a link are objects"},
    {&format_json, "{\"nodes\":\n [{\"id\": \"a\"},\n  {\"id\": \"a\"}]}", JIT_EEXIST, ":3:3",
     "a second node with the ID a"},
    {&format_json, "{\"nodes\": [{\"id\": 1.5}]}", JIT_EFORMAT, ":1:12",
     "neither a string nor an integer in the field id"},
    {&format_json, "{\"nodes\": [{\"id\": \"\"}]}", JIT_EFORMAT, ":1:12", "an empty ID"},
    {&format_json, "{\"nodes\": [{\"id\": \"rmg-id:07\"}]}", JIT_EFORMAT, ":1:12",
     "no 64 hex digits behind rmg-id:: rmg-id:07"},
    {&format_json, "{\"nodes\": [{\"id\": \"a\", \":LABEL\": 1}]}", JIT_EFORMAT, ":1:12",
     "no string in the field :LABEL"},
    {&format_json, "{\"nodes\": [{\"id\": \"a\", \"x\": tru}]}", JIT_EFORMAT, ":1:31",
     "no JSON: invalid token near 'tru'"},
    {&format_json, "{\"nodes\": [{\"id\": \"a\",\n\"x\": 99999999999999999999}]}", JIT_EFORMAT,
     ":2:25", "no JSON: too big integer near '99999999999999999999'"},
    {&format_json, "{\"nodes\": [{\"id\": \"a\", \"x\": 1, \"rmg:x\": 2}]}", JIT_EFORMAT, ":1:12",
     "a second value for x"},
    {&format_json, "{\"nodes\": [], \"nodes\": []}", JIT_EFORMAT, ":1:22", "a second key nodes"},
    {&format_json, "{\"nodes\": [], \"links\": [], \"edges\": []}", JIT_EFORMAT, ":1:35",
     "a second array of links: edges"},
    {&format_json, "{\"nodes\": [{\"id\": 1}], \"links\": [\n{\"source\": 1, \"target\": 2}]}",
     JIT_EINVALID, ":2:1", "the target of this edge is no node of its graph"},
    {&format_json, "{\"nodes\": [{\"id\": 1}], \"links\": [{\"target\": 1}]}", JIT_EFORMAT, ":1:34",
     "this link lacks the field source"},
    {&format_json,
     "{\"nodes\": [{\"id\": 1}], \"links\": [{\"source\": 1, \"target\": 1, \"id\": 5},\n"
     "{\"source\": 1, \"target\": 1, \"id\": 5}]}",
     JIT_EEXIST, ":2:1", "an edge with this id is on line 1 already"},
    {&format_json, "{\"directed\": 1, \"nodes\": []}", JIT_EFORMAT, ":1:28",
     "neither true nor false under directed"},
    {&format_json, "{\"nodes\": [], \"graph\": {\"rmg-root\": \"a\"}}", JIT_EFORMAT, ":1:24",
     "\"graph\" comes too late, behind nodes or links, to say rmg-root"},
    {&format_json, "{\"nodes\": [{\"id\": 1, \"p\": {\"rmg-portal\": \"i\"}}]}", JIT_EINVALID,
     ":1:12", "no graph for this portal"},
    {&format_json,
     "{\"nodes\": [], \"rmg-instances\": [{\"graph\": {\"rmg-instance\": \"i\", \"rmg-root\": "
     "\"r\"}, "
     "\"nodes\": []}]}",
     JIT_EINVALID, ":1:43", "no portal before this graph leads to it"},
    {&format_json, "{\"nodes\": [], \"rmg-instances\": [{\"nodes\": []}]}", JIT_EFORMAT, ":1:41",
     "a graph in rmg-instances begins with \"graph\", which has the strings rmg-instance and "
     "rmg-root"},
    {&format_json,
     "{\"nodes\": [{\"id\": 1, \"p\": {\"rmg-portal\": \"i\"}, \"q\": {\"rmg-portal\": \"i\"}}]}",
     JIT_EINVALID, ":1:12", "a second portal to one graph"},
    {&format_json, "{\"nodes\": [{\"id\": 1, \"p\": {\"rmg-type\": \"x\", \"hex\": \"0\"}}]}",
     JIT_EFORMAT, ":1:12", "no pairs of hex digits: 0"},
    {&format_graphml, "", JIT_EFORMAT, ":1:1", "no XML: no element in it"},
    {&format_graphml, "<a/>", JIT_EFORMAT, ":1:3", "this is no GraphML: its first element is a"},
    {&format_graphml, "<graphml></graphml>", JIT_EFORMAT, ":1:20", "a file without a <graph>"},
    {&format_graphml, "<graphml>\n<graph></graph></graphml>", JIT_EFORMAT, ":2:7",
     "a <graph> has edgedefault, directed or undirected"},
    {&format_graphml, GRAPH "<node/>" ENDS, JIT_EFORMAT, ":1:88", "a <node> without id"},
    {&format_graphml, GRAPH "\n<edge source='a'/>" ENDS, JIT_EFORMAT, ":2:17",
     "an <edge> has source and target"},
    {&format_graphml, GRAPH "<node id='a'/>\n<edge source='a' target='b'/>" ENDS, JIT_EINVALID,
     ":2:28", "the target of this edge is no node of its graph"},
    {&format_graphml, GRAPH "\n<node id='a'><data key='k'>x</data></node>" ENDS, JIT_EFORMAT,
     ":2:36", "\"x\" is no i64"},
    {&format_graphml, GRAPH "\n<node id='a'><data key='z'>x</data></node>" ENDS, JIT_EFORMAT,
     ":2:27", "no <key> has the id z"},
    {&format_graphml,
     GRAPH "\n<node id='a'><data key='k'>1</data><data key='k'>1</data></node>" ENDS, JIT_EFORMAT,
     ":2:58", "a second value for v"},
    {&format_graphml, GRAPH "\n<node id='a'><port name='p'/></node>" ENDS, JIT_EFORMAT, ":2:28",
     "an element that has no counterpart here: port"},
    {&format_graphml, GRAPH "\n<hyperedge/>" ENDS, JIT_EFORMAT, ":2:11",
     "an element that has no counterpart here: hyperedge"},
    {&format_graphml, GRAPH "</graph>\n<graph edgedefault='directed'/></graphml>", JIT_EFORMAT,
     ":2:30", "a second graph in one file"},
    {&format_graphml, "<graphml><key id='k' attr.type='date'/></graphml>", JIT_EFORMAT, ":1:38",
     "an unknown attr.type: date"},
    {&format_graphml, "<graphml><key id='k'/>\n<key id='k'/></graphml>", JIT_EEXIST, ":2:12",
     "a second <key> with the id k"},
    {&format_graphml, GRAPH "<node id='a'>\n", JIT_EFORMAT, NULL,
     "no XML: the input ends within an element"},
    {&format_graphml, GRAPH "x" ENDS, JIT_EFORMAT, NULL, "text between elements"},
    {&format_gexf, "<graphml/>", JIT_EFORMAT, NULL,
     "this is no GEXF: its first element is graphml"},
    {&format_gexf, "<gexf></gexf>", JIT_EFORMAT, NULL, "a file without a <graph>"},
    {&format_gexf, GEXF "<node/>" GEXF_END, JIT_EFORMAT, NULL, "a <node> without id"},
    {&format_gexf, GEXF "<node id='a'/><node id='a'/>" GEXF_END, JIT_EEXIST, NULL,
     "a second node with the ID a"},
    {&format_gexf, GEXF "<node id='a'><spells><spell start='1'/></spells></node>" GEXF_END,
     JIT_ENOTSUP, ":2:28", "times: histories are written, not read: spells"},
    {&format_gexf,
     GEXF
     "<node id='a'><attvalues><attvalue for='0' value='1' end='2'/></attvalues></node>" GEXF_END,
     JIT_ENOTSUP, ":2:67", "a value with a time: histories are written, not read: end"},
    {&format_gexf,
     GEXF "<node id='a'><attvalues><attvalue for='0' value='x'/></attvalues></node>" GEXF_END,
     JIT_EFORMAT, ":2:59", "\"x\" is no i64"},
    {&format_gexf,
     GEXF "<node id='a'><attvalues><attvalue for='9' value='1'/></attvalues></node>" GEXF_END,
     JIT_EFORMAT, ":2:59", "no <attribute> has the id 9"},
    {&format_gexf,
     GEXF "<node id='a'><attvalues><attvalue for='0' value='1'/><attvalue for='0' value='1'/>"
          "</attvalues></node>" GEXF_END,
     JIT_EFORMAT, NULL, "a second value for v"},
    {&format_gexf, GEXF "<node id='a'><nodes/></node>" GEXF_END, JIT_EFORMAT, NULL,
     "an element that has no counterpart here: nodes"},
    {&format_gexf, "<gexf><graph defaultedgetype='mutual'/></gexf>", JIT_EFORMAT, NULL,
     "defaultedgetype is directed or undirected, not mutual"},
    {&format_gexf,
     "<gexf><graph><attributes class='node'><attribute id='a' "
     "type='x'/></attributes></graph></gexf>",
     JIT_EFORMAT, NULL, "an unknown type of attribute: x"},
    {&format_gexf, "<gexf><graph><edges><edge source='a' target='b'/></edges></graph></gexf>",
     JIT_EINVALID, NULL, "the source of this edge is no node of its graph"},
    {&format_gexf, "<!DOCTYPE gexf [<!ENTITY a 'aaaaaaaaaa'>]><gexf/>", JIT_EFORMAT, NULL,
     "a document that declares entities is not read: a"},
    /* entities: never expanded, never fetched */
    {&format_graphml, "<!DOCTYPE graphml [<!ENTITY a 'aaaaaaaaaa'>]><graphml/>", JIT_EFORMAT, NULL,
     "a document that declares entities is not read: a"},
    {&format_graphml,
     "<!DOCTYPE graphml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><graphml>&x;</graphml>",
     JIT_EFORMAT, NULL, "a document that declares entities is not read: x"},
    {&format_graphml,
     "<!DOCTYPE graphml [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/\"> %p;]><graphml/>", JIT_EFORMAT,
     NULL, "a document that declares entities is not read: p"},
    {&format_graphml, "<!DOCTYPE graphml [%p;]><graphml/>", JIT_EFORMAT, NULL,
     "an entity that XML does not have: p"},
    {&format_graphml, "<!DOCTYPE g SYSTEM 'x'><graphml a='&b;'/>", JIT_EFORMAT, NULL,
     "an entity that XML does not have: b"},
    {&format_graphml, "<!DOCTYPE g SYSTEM 'x'><graphml>&b;</graphml>", JIT_EFORMAT, NULL,
     "an entity that XML does not have: b"},
    {&format_graphml, "<!DOCTYPE g [<!ATTLIST graphml a CDATA 'b'>]><graphml/>", JIT_EFORMAT, NULL,
     "a document that declares attributes is not read: graphml"},
};

START_TEST(a_fault_names_its_place)
{
    const struct format *format = faults[_i].format;
    const struct trial_input input = {
        .format = format, .paths = {file_of(format)}, .as_it_is = true};
    struct trial t;
    char place[128];
    put_text(file_of(format), faults[_i].text);
    trial_run(&t, &input);
    ck_assert_msg(t.err == faults[_i].err && strcmp(t.error.what, faults[_i].what) == 0,
                  "%s: got %s: %s: %s", faults[_i].what, jit_err_text(t.err), t.error.place,
                  t.error.what);
    snprintf(place, sizeof place, "%s%s", file_of(format),
             faults[_i].place == NULL ? "" : faults[_i].place);
    ck_assert_msg(faults[_i].place == NULL ? strncmp(t.error.place, place, strlen(place)) == 0
                                           : strcmp(t.error.place, place) == 0,
                  "%s: at %s, not %s", faults[_i].what, t.error.place, place);
    trial_end(&t);
}
END_TEST

/* Billion laughs, in content and in an attribute: refused at once, with hardly any memory. */
START_TEST(no_laughs)
{
    static const char *const uses[] = {"<graphml>&l9;</graphml>", "<graphml a='&l9;'/>"};
    for (size_t i = 0; i < 2; i++) {
        char text[2048] = "<!DOCTYPE graphml [<!ENTITY l0 'lol'>";
        size_t at = strlen(text);
        for (int n = 1; n < 10; n++) {
            at += (size_t)snprintf(text + at, sizeof text - at,
                                   "<!ENTITY l%d '&l%d;&l%d;&l%d;&l%d;&l%d;&l%d;'>", n, n - 1,
                                   n - 1, n - 1, n - 1, n - 1, n - 1);
        }
        snprintf(text + at, sizeof text - at, "]>%s", uses[i]);
        const struct trial_input input = {
            .format = &format_graphml, .paths = {"x.graphml"}, .as_it_is = true};
        struct trial t;
        put_text("x.graphml", text);
        trial_run(&t, &input);
        ck_assert_int_eq(t.err, JIT_EFORMAT);
        ck_assert_str_eq(t.error.what, "a document that declares entities is not read: l0");
        trial_end(&t);
    }
}
END_TEST

/* ---- limits ---- */

static void nested(struct jit_buf *text, unsigned depth)
{
    static const char head[] = "{\"nodes\": [{\"id\": 1, \"x\": ";
    jit_buf_reset(text);
    jit_buf_put(text, head, sizeof head - 1);
    for (unsigned i = 0; i < depth; i++) {
        jit_buf_put_u8(text, '[');
    }
    for (unsigned i = 0; i < depth; i++) {
        jit_buf_put_u8(text, ']');
    }
    jit_buf_put(text, "}]}", 3);
}

START_TEST(limits)
{
    const struct trial_input json = {.format = &format_json, .paths = {"x.json"}, .as_it_is = true};
    struct trial t;
    struct jit_buf text;
    char name[400];
    jit_buf_init(&text, jit_heap_libc(), 64u << 20);
    for (unsigned depth = 61; depth <= 62; depth++) { /* within a document, an array, a node */
        nested(&text, depth);
        put_file("x.json", text.data, text.size);
        trial_run(&t, &json);
        ck_assert_int_eq(t.err, depth == 61 ? JIT_OK : JIT_ELIMIT);
        trial_end(&t);
    }
    for (int size = 255; size <= 256; size++) {
        memset(name, 'n', 256);
        name[size] = 0;
        jit_buf_reset(&text);
        char document[1024];
        snprintf(document, sizeof document, "{\"nodes\": [{\"id\": 1, \"%s\": 1}]}", name);
        put_text("x.json", document);
        trial_run(&t, &json);
        ck_assert_int_eq(t.err, size == 255 ? JIT_OK : JIT_ELIMIT);
        trial_end(&t);
    }
    for (unsigned count = 255; count <= 256; count++) { /* and its ID: 256 values */
        jit_buf_reset(&text);
        jit_buf_put(&text, "{\"nodes\": [{\"id\": 1", 19);
        for (unsigned i = 0; i < count; i++) {
            char one[32];
            snprintf(one, sizeof one, ", \"v%u\": 1", i);
            jit_buf_put(&text, one, strlen(one));
        }
        jit_buf_put(&text, "}]}", 3);
        put_file("x.json", text.data, text.size);
        trial_run(&t, &json);
        ck_assert_int_eq(t.err, count == 255 ? JIT_OK : JIT_ELIMIT);
        trial_end(&t);
    }
    for (size_t size = JIT_ATOM_BYTES_MAX; size <= JIT_ATOM_BYTES_MAX + 1; size++) {
        jit_buf_reset(&text);
        jit_buf_put(&text, "{\"nodes\": [{\"id\": 1, \"x\": \"", 27);
        uint8_t *at = jit_buf_extend(&text, size);
        memset(at, 'x', size);
        jit_buf_put(&text, "\"}]}", 4);
        put_file("x.json", text.data, text.size);
        trial_run(&t, &json);
        ck_assert_int_eq(t.err, size == JIT_ATOM_BYTES_MAX ? JIT_OK : JIT_ELIMIT);
        trial_end(&t);
    }
    jit_buf_reset(&text);
    jit_buf_put(&text, "{\"nodes\": [{\"id\": 1, \"x\": \"", 27);
    uint8_t *long_one = jit_buf_extend(&text, JIT_LINE_BYTES_MAX);
    memset(long_one, 'x', JIT_LINE_BYTES_MAX);
    put_file("x.json", text.data, text.size);
    trial_run(&t, &json);
    ck_assert_int_eq(t.err, JIT_ELIMIT);
    ck_assert_str_eq(t.error.what, "a value of more than 16 MiB");
    trial_end(&t);
    jit_buf_release(&text);
}
END_TEST

/* Graphs in graphs, one more than there may be. */
START_TEST(depth_of_graphs)
{
    const struct trial_input input = {
        .format = &format_graphml, .paths = {"x.graphml"}, .as_it_is = true};
    for (unsigned depth = JIT_DEPTH_MAX; depth <= JIT_DEPTH_MAX + 1; depth++) {
        struct jit_buf text;
        struct trial t;
        jit_buf_init(&text, jit_heap_libc(), 1u << 20);
        jit_buf_put(&text, "<graphml>", 9);
        for (unsigned i = 0; i < depth; i++) {
            jit_buf_put(&text, "<graph edgedefault='directed'><node id='a'>", 43);
        }
        jit_buf_put(&text, "<graph edgedefault='directed'/>", 31);
        for (unsigned i = 0; i < depth; i++) {
            jit_buf_put(&text, "</node></graph>", 15);
        }
        jit_buf_put(&text, "</graphml>", 10);
        put_file("x.graphml", text.data, text.size);
        trial_run(&t, &input);
        ck_assert_msg(t.err == (depth == JIT_DEPTH_MAX ? JIT_OK : JIT_ELIMIT), "%u: %s: %s", depth,
                      t.error.place, t.error.what);
        if (t.err == JIT_OK) {
            there_and_back(&format_graphml, &t.graph);
            there_and_back(&format_json, &t.graph);
        }
        trial_end(&t);
        jit_buf_release(&text);
    }
}
END_TEST

/* ---- no memory ---- */

#define ID_64 "a21bbfcc06a7c79ea2a76541ec834dbe74da1ac7ae8a2d5f5ad5b5cc0c3c4f79"

/* Choices enough for the list to grow, each with a name to be kept. */
static void put_choices(struct jit_buf *text, unsigned count)
{
    static const char head[] = "{\"schema\": \"rmg.choices/1\", \"choices\": [";
    jit_buf_put(text, head, sizeof head - 1);
    for (unsigned i = 0; i < count; i++) {
        char one[400];
        int size = snprintf(one, sizeof one,
                            "%s{\"place\": {\"kind\": \"attachment\", \"instance\": \"" ID_64
                            "\", \"plane\": \"alpha\", \"owner\": \"" ID_64
                            "\", \"name\": \"value %u\"}, \"take\": \"ours\"}",
                            i > 0 ? ", " : "", i);
        jit_buf_put(text, one, (size_t)size);
    }
    jit_buf_put(text, "]}", 2);
    must(text->err);
}

START_TEST(choices_without_memory) /* _i: from then on */
{
    struct jit_buf text;
    bool fired = true;
    int64_t n = 0;
    jit_buf_init(&text, jit_heap_libc(), 1u << 20);
    put_choices(&text, 40);
    for (; fired; n++) {
        struct fault_heap mem = fault_heap_make(n, _i != 0);
        struct choices choices;
        char what[CHOICES_WHAT_SIZE];
        enum jit_err err = choices_decode(&mem.heap, text.data, text.size, &choices, what);
        fired = fault_heap_fired(&mem);
        ck_assert_int_eq(err, fired ? JIT_ENOMEM : JIT_OK);
        ck_assert(!fired || strcmp(what, jit_err_text(JIT_ENOMEM)) == 0);
        ck_assert(fired || choices.count == 40);
        choices_release(&choices);
        ck_assert_int_eq(mem.live, 0);
    }
    ck_assert_int_gt(n, 3);
    jit_buf_release(&text);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "net_faults", 120);
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_loop_test(t, a_fault_names_its_place, 0, (int)(sizeof faults / sizeof *faults));
    tcase_add_test(t, no_laughs);
    tcase_add_test(t, limits);
    tcase_add_test(t, depth_of_graphs);
    tcase_add_loop_test(t, choices_without_memory, 0, 2);
}

TEST_MAIN("tools/net_faults", fill)

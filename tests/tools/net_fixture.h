/* tests/tools/net_fixture.h - documents in and out of the formats that name nodes by words, and two
 * with every kind of value. */
#ifndef JIT_TESTS_TOOLS_NET_FIXTURE_H
#define JIT_TESTS_TOOLS_NET_FIXTURE_H

#include "tests/tools/format_world.h"

static inline const char *file_of(const struct format *format)
{
    static char name[64];
    snprintf(name, sizeof name, "x%s", format->extensions[0]);
    return name;
}

/* Imports text as it is, which must be good. */
static inline void take(struct trial *t, const struct format *format, const void *text, size_t size)
{
    const struct trial_input input = {
        .format = format, .paths = {file_of(format)}, .as_it_is = true};
    put_file(file_of(format), text, size);
    trial_run(t, &input);
    ck_assert_msg(t->err == JIT_OK, "%s: %s: %s\n%.*s", format->name, t->error.place, t->error.what,
                  (int)(size < 2000 ? size : 2000), (const char *)text);
}

/* Out and in again: the same root. */
static inline void there_and_back(const struct format *format, const struct format_graph *graph)
{
    struct format_error error;
    struct jit_buf text;
    struct trial t;
    enum jit_err err = export_text_of(format, graph, &text, &error);
    ck_assert_msg(err == JIT_OK, "%s: %s: %s", format->name, error.place, error.what);
    take(&t, format, text.data, text.size);
    ck_assert_msg(jit_id_equal(&t.graph.version.state_root, &graph->version.state_root),
                  "%s gives another state\n%.*s", format->name,
                  (int)(text.size < 2500 ? text.size : 2500), (const char *)text.data);
    trial_end(&t);
    jit_buf_release(&text);
}

/* Every kind of value and name; in two states, with graphs inside and without. */
#define ALL_HEAD                                                                                   \
    "{\"directed\": false, \"multigraph\": false, \"graph\": {\"name\": \"all\", \"n\": 3,\n"      \
    "  \"rmg:rmg-root\": 1, \"\": \"\""
#define ALL_BODY                                                                                   \
    "},\n"                                                                                         \
    "\"nodes\": [\n"                                                                               \
    "{\"id\": \"a\", \":LABEL\": \"Package\", \"t\": \"text\", \"yes\": true, \"no\": false,\n"    \
    "  \"i\": -9223372036854775808, \"j\": 9223372036854775807, \"f\": 0.1, \"g\": 1e300, \"h\": " \
    "1.0,\n"                                                                                       \
    "  \"null\": null, \"list\": [1, 2.5, \"x\", [null, {\"k\": []}]], \"object\": {\"a\": "       \
    "{\"b\": "                                                                                     \
    "1}},\n"                                                                                       \
    "  \"empty\": \"\", \"tab\": \"a\\tb\\r\\nc\", \"control\": \"\\u0001\", \"quote\": "          \
    "\"<&>\\\"'\\\\\",\n"                                                                          \
    "  \"bytes\": {\"rmg-type\": \"bytes\", \"hex\": \"00ff\"},\n"                                 \
    "  \"id2\": {\"rmg-type\": \"id\", \"hex\": "                                                  \
    "\"00000000000000000000000000000000000000000000000000000000000000aa\"},\n"                     \
    "  \"f32\": {\"rmg-type\": \"f32\", \"hex\": \"0000803f\"},\n"                                 \
    "  \"nan\": {\"rmg-type\": \"f64\", \"hex\": \"000000000000f87f\"},\n"                         \
    "  \"inf\": {\"rmg-type\": \"f64\", \"hex\": \"000000000000f0ff\"},\n"                         \
    "  \"raw\": {\"rmg-type\": \"no codec\", \"hex\": \"\"},\n"                                    \
    "  \"bad\": {\"rmg-type\": \"i64\", \"hex\": \"01\"},\n"                                       \
    "  \"lst\": {\"rmg-type\": \"list\", \"hex\": \"0000000000000000\"},\n"                        \
    "  \"js\": {\"rmg-type\": \"json\", \"hex\": \"7b7d20\"},\n"                                   \
    "  \"tag\": {\"rmg-type\": \"json\", \"hex\": "                                                \
    "\"7b22726d672d74797065223a312c22686578223a317d\"},\n"                                         \
    "  \"rmg:id\": \"another\", \"rmg:rmg:x\": 1, \"rmg:\": 2, \"\xc3\xa4\": \"\xe2\x82\xac\"},\n" \
    "{\"id\": 1, \"rmg::ID\": \"?\"}, {\"id\": \"1.5\", \"rmg::LABEL\": \"Z\"},\n"                 \
    "{\"id\": \"rmg-id:0000000000000000000000000000000000000000000000000000000000000007\",\n"      \
    "  \":LABEL\": "                                                                               \
    "\"rmg-id:0000000000000000000000000000000000000000000000000000000000000008\"},\n"              \
    "{\"id\": \"sp ace\\n\", \"rmg:id\": 5},\n"                                                    \
    "{\"id\": \"g\", \"label\": \"g\"}, {\"id\": \"h\", \"label\": \"L\", \"name\": \"N\",\n"      \
    "  \"viz:color\": \"r=1 g=2 b=3.5\"}, {\"id\": \"k\", \"label\": \"N\", \"name\": \"N\",\n"    \
    "  \"viz:size\": \"no viz\", \"viz:x\": \"=1\", \"viz:y\": 1, \"weight\": 1.5},\n"             \
    "{\"id\": \"l\", \"label\": 1, \"name\": \"\"}, {\"id\": \"m\", \"name\": \"<m>\"}\n"          \
    "],\n"                                                                                         \
    "\"links\": [\n"                                                                               \
    "{\"source\": \"a\", \"target\": 1},\n"                                                        \
    "{\"source\": \"a\", \"target\": \"1.5\", \"id\": \"e\", \"weight\": 0.5, \"directed\": "      \
    "true},\n"                                                                                     \
    "{\"source\": 1, \"target\": 1, \"id\": 7, \":TYPE\": \"DEPENDS\", \"directed\": false,\n"     \
    "  \"rmg:source\": 1, \"rmg:id\": \"own\"},\n"                                                 \
    "{\"source\": \"g\", \"target\": \"h\", \"label\": \"is\"},\n"                                 \
    "{\"source\": \"1.5\", \"target\": \"sp ace\\n\", \"rmg:id\": \"q\", \"label\": \"x\",\n"      \
    "  \"name\": \"x\", \"weight\": 1"
#define ALL_INNER                                                                                  \
    "}\n],\n"                                                                                      \
    "\"rmg-instances\": [\n"                                                                       \
    "{\"directed\": true, \"multigraph\": true,\n"                                                 \
    " \"graph\": {\"rmg-instance\": \"inner\", \"rmg-root\": \"r\", \"x\": 1},\n"                  \
    " \"nodes\": [{\"id\": \"a\"}, {\"id\": \"r\", \"v\": 1, \"p\": {\"rmg-portal\": "             \
    "\"third\"}}],\n"                                                                              \
    " \"links\": [{\"source\": \"a\", \"target\": \"r\"}]},\n"                                     \
    "{\"graph\": {\"rmg-instance\": \"in an edge\", \"rmg-root\": \"/\"}, \"nodes\": []},\n"       \
    "{\"graph\": {\"rmg-instance\": \"third\", \"rmg-root\": \"q\"}, \"nodes\": [{\"id\": "        \
    "\"q\"}],\n"                                                                                   \
    " \"edges\": [{\"source\": \"q\", \"target\": \"q\"}, {\"source\": \"q\", \"target\": "        \
    "\"q\"}]}\n"                                                                                   \
    "]}\n"

static const char everything[] __attribute__((unused)) =
    ALL_HEAD ", \"sub\": {\"rmg-portal\": \"inner\"}" ALL_BODY
             ", \"deep\": {\"rmg-portal\": \"in an edge\"}" ALL_INNER;
static const char flat[] __attribute__((unused)) = ALL_HEAD ALL_BODY "}]}\n";

#endif

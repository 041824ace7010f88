/* Goal:   What is only written says all there is: pictures in DOT, histories in GEXF; and every
 * writer gives back what it took when memory or the output fails. Method: the parts that must stand
 * in the text; each allocation refused, each write refused. */
#include "tests/tools/net_fixture.h"

static void has_parts(struct jit_buf *text, const char *const *parts, size_t count)
{
    jit_buf_put_u8(text, 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(strstr((char *)text->data, parts[i]) != NULL, "%s\nis not in\n%s", parts[i],
                      (char *)text->data);
    }
}

START_TEST(dot_has_all_of_it)
{
    static const char *const parts[] = {
        "graph rmg {",
        "subgraph \"cluster_",
        "label=\"deep\";",
        "\"rmg_t\"=\"text\"",
        "\"rmg_quote\"=\"<&>\\\"'\\\\\"",
        "\"rmg_tab\"=\"a&#9;b&#13;\\nc\"",
        "\"rmg_bytes\"=\"0x00ff\"",
        "\"rmg_weight\"=\"0.5\"",
        "[style=dashed, label=\"sub\"];",
        "[style=dashed, label=\"deep\", \"rmg-edge\"=",
    };
    struct format_error error;
    struct jit_buf text;
    struct trial t;
    take(&t, &format_json, everything, sizeof everything - 1);
    must(export_text_of(&format_dot, &t.graph, &text, &error));
    has_parts(&text, parts, sizeof parts / sizeof *parts);
    jit_buf_release(&text);
    trial_end(&t);
}
END_TEST

static const char *const states[] = {
    "{\"nodes\":[{\"id\":\"a\",\"v\":1},{\"id\":\"b\"}],"
    "\"links\":[{\"source\":\"a\",\"target\":\"b\",\"id\":\"e\"}]}",
    "{\"nodes\":[{\"id\":\"a\",\"v\":2},{\"id\":\"b\"},{\"id\":\"c\"}],"
    "\"links\":[{\"source\":\"a\",\"target\":\"b\",\"id\":\"e\"}]}",
    "{\"nodes\":[{\"id\":\"a\",\"v\":2},{\"id\":\"c\"}],"
    "\"links\":[{\"source\":\"a\",\"target\":\"c\",\"id\":\"e\"}]}",
    "{\"nodes\":[{\"id\":\"a\",\"v\":\"x\"},{\"id\":\"b\"}]}"};

/* Nodes, edges and values that come, go, change and come again, at times 10, 20, 30 and 40. */
START_TEST(a_history)
{
    static const char *const parts[] = {
        ("mode=\"dynamic\" timerepresentation=\"interval\" timeformat=\"integer\" start=\"10\" "
         "end=\"40\""),
        "<node id=\"a\" label=\"a\" start=\"10\" end=\"40\">",
        "value=\"1\" start=\"10\" end=\"19\"/>",
        "value=\"2\" start=\"20\" end=\"39\"/>",
        "value=\"x\" start=\"40\" end=\"40\"/>",
        "<spells><spell start=\"10\" end=\"29\"/><spell start=\"40\" end=\"40\"/></spells>",
        "<node id=\"c\" label=\"c\" start=\"20\" end=\"39\">",
        "<edge id=\"e\" source=\"a\" target=\"b\" start=\"10\" end=\"29\">",
        "<edge id=\"e@30\" source=\"a\" target=\"c\" start=\"30\" end=\"39\">",
        "</edges>\n  </graph>\n</gexf>\n"};
    struct export_history *history = NULL;
    struct trial trials[4];
    struct export_report report;
    struct format_error error;
    struct jit_buf text;
    must(export_history_new(jit_heap_libc(), NULL, &history));
    for (size_t i = 0; i < 4; i++) {
        take(&trials[i], &format_json, states[i], strlen(states[i]));
        must(export_history_step(history, &trials[i].graph, 10 * (i + 1)));
    }
    jit_buf_init(&text, jit_heap_libc(), 1u << 20);
    struct export_out out = {to_buf, &text};
    struct export_job job = {.graph = &trials[3].graph,
                             .history = history,
                             .outs = &out,
                             .report = &report,
                             .error = &error};
    must(export_run(&format_gexf, &job));
    ck_assert_uint_eq(report.nodes, 3);
    ck_assert_uint_eq(report.edges, 2);
    has_parts(&text, parts, sizeof parts / sizeof *parts);
    jit_buf_release(&text);
    export_history_free(history);
    for (size_t i = 0; i < 4; i++) {
        trial_end(&trials[i]);
    }
}
END_TEST

/* ---- failures ---- */

static const struct format *const writers[] = {&format_ndjson,  &format_csv,  &format_json,
                                               &format_graphml, &format_gexf, &format_dot};
#define WRITERS ((int)(sizeof writers / sizeof *writers))

static enum jit_err refuse_write(void *user, const uint8_t *bytes, size_t size)
{
    (void)user;
    (void)bytes;
    (void)size;
    return JIT_ENOSPC;
}

static enum jit_err write_away(void *user, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    *(size_t *)user += size;
    return JIT_OK;
}

/* The graph's heap is the writer's too: refuse its allocations one by one. jansson has its own. */
START_TEST(every_refused_allocation)
{
    struct trial t;
    bool more = true;
    take(&t, &format_json, flat, sizeof flat - 1);
    for (int64_t n = 0; more; n++) {
        struct fault_heap mem = fault_heap_make(n, false);
        struct format_graph graph = t.graph;
        struct export_report report;
        struct format_error error;
        size_t size = 0;
        graph.heap = &mem.heap;
        const struct export_out outs[2] = {{write_away, &size}, {write_away, &size}};
        enum jit_err err = export_to(writers[_i], &graph, outs, &report, &error);
        more = fault_heap_fired(&mem);
        ck_assert_msg(err == (more ? JIT_ENOMEM : JIT_OK), "%s, allocation %ld: %s: %s",
                      writers[_i]->name, (long)n, jit_err_text(err), error.what);
        ck_assert_int_eq(mem.live, 0);
        ck_assert_int_lt(n, 5000);
    }
    trial_end(&t);
}
END_TEST

START_TEST(a_full_disk)
{
    const struct export_out outs[2] = {{refuse_write, NULL}, {refuse_write, NULL}};
    struct export_report report;
    struct format_error error;
    struct trial t;
    take(&t, &format_json, flat, sizeof flat - 1);
    ck_assert_int_eq(export_to(writers[_i], &t.graph, outs, &report, &error), JIT_ENOSPC);
    ck_assert(error.what[0] != 0);
    trial_end(&t);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "export", 60);
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_test(t, dot_has_all_of_it);
    tcase_add_test(t, a_history);
    tcase_add_loop_test(t, every_refused_allocation, 0, WRITERS);
    tcase_add_loop_test(t, a_full_disk, 0, WRITERS);
}

TEST_MAIN("tools/export", fill)

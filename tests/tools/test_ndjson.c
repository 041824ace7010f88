/* Goal:   NDJSON holds a whole state: out and in again it has the same root, in any order of lines;
 *         every line that is wrong, and every state that would be, is named.
 * Method: random states with nested instances, their lines shuffled; a table of faults; damage;
 *         every refused allocation, ours and jansson's. */
#include <jansson.h>

#include "rmg/file/file.h"
#include "tests/tools/format_world.h"

static struct world world;

static void export_world(struct jit_buf *buf)
{
    struct format_graph graph = world_graph(&world);
    struct format_error error;
    must(export_text_of(&format_ndjson, &graph, buf, &error));
}

/* The lines in another order. */
static void shuffle(struct jit_buf *buf, uint64_t seed)
{
    struct jit_random random = jit_random_of(seed);
    const char *lines[8192];
    size_t sizes[8192];
    size_t count = 0;
    struct jit_buf out;
    for (size_t at = 0; at < buf->size; count++) {
        ck_assert_uint_lt(count, 8192);
        lines[count] = (const char *)buf->data + at;
        sizes[count] =
            (size_t)((const char *)memchr(lines[count], '\n', buf->size - at) - lines[count]) + 1;
        at += sizes[count];
    }
    jit_buf_init(&out, jit_heap_libc(), 64u << 20);
    for (size_t left = count; left > 0; left--) {
        size_t pick = (size_t)jit_random_below(&random, left);
        jit_buf_put(&out, lines[pick], sizes[pick]);
        lines[pick] = lines[left - 1];
        sizes[pick] = sizes[left - 1];
    }
    jit_buf_release(buf);
    *buf = out;
}

static const struct trial_input whole = {
    .format = &format_ndjson, .paths = {"x.ndjson"}, .as_it_is = true};

START_TEST(out_and_in) /* _i: kind and seed */
{
    struct jit_buf text;
    struct trial t;
    world_grow(&world, (enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, 60);
    for (int round = 0; round < 2; round++) {
        export_world(&text);
        if (round == 1) {
            shuffle(&text, (uint64_t)_i);
        }
        put_file("x.ndjson", text.data, text.size);
        trial_run(&t, &whole);
        ck_assert_msg(t.err == JIT_OK, "%d: %s: %s", _i, t.error.place, t.error.what);
        ck_assert(jit_id_equal(&t.graph.version.state_root, &world.version.state_root));
        ck_assert_uint_eq(t.report.instances, world.version.instance_count);
        trial_end(&t);
        jit_buf_release(&text);
    }
    world_end(&world);
}
END_TEST

static enum jit_err to_file(void *user, const uint8_t *bytes, size_t size)
{
    return fwrite(bytes, 1, size, user) == size ? JIT_OK : JIT_EIO;
}

/* The top's content goes into the target, nested instances come along: from NDJSON and from .rmg
 * the same, and the instance's own root is that of the source's top but for the root node. */
START_TEST(into_an_instance)
{
    struct jit_buf text;
    struct trial a;
    struct trial b;
    struct trial_input input = {.format = &format_ndjson, .paths = {"x.ndjson"}};
    char path[128];
    world_grow(&world, WORLD_RANDOM, 5, 60);
    ck_assert_uint_gt(world.version.instance_count, 1);
    export_world(&text);
    put_file("x.ndjson", text.data, text.size);
    jit_buf_release(&text);
    snprintf(path, sizeof path, "%s/x.rmg", folder);
    FILE *file = fopen(path, "wb");
    must(rmg_file_write(jit_heap_libc(), world.store, &world.version, to_file, file, NULL));
    fclose(file);
    trial_run(&a, &input);
    ck_assert_msg(a.err == JIT_OK, "%s: %s", a.error.place, a.error.what);
    input.format = &format_rmg;
    input.paths[0] = "x.rmg";
    trial_run(&b, &input);
    ck_assert_msg(b.err == JIT_OK, "%s: %s", b.error.place, b.error.what);
    ck_assert(jit_id_equal(&a.graph.version.state_root, &b.graph.version.state_root));
    ck_assert_uint_eq(a.graph.version.instance_count, world.version.instance_count);
    struct rmg_instance top;
    struct rmg_instance source;
    must(rmg_store_instance(b.graph.store, &b.graph.version, &b.top, &top));
    must(rmg_store_instance(world.store, &world.version, &world.instances[0], &source));
    ck_assert_uint_eq(top.roots.node_count, source.roots.node_count);
    ck_assert_uint_eq(top.roots.edge_count, source.roots.edge_count);
    trial_end(&a);
    trial_end(&b);
    world_end(&world);
}
END_TEST

START_TEST(a_damaged_rmg_is_refused)
{
    struct trial t;
    struct trial_input input = {.format = &format_rmg, .paths = {"x.rmg"}};
    struct jit_buf bytes;
    world_grow(&world, WORLD_RANDOM, 5, 10);
    jit_buf_init(&bytes, jit_heap_libc(), 64u << 20);
    must(rmg_file_write(jit_heap_libc(), world.store, &world.version, to_buf, &bytes, NULL));
    bytes.data[70] ^= 1; /* in the first node's id */
    put_file("x.rmg", bytes.data, bytes.size);
    trial_run(&t, &input);
    ck_assert_int_eq(t.err, JIT_ECORRUPT);
    ck_assert(strncmp(t.error.place, "x.rmg: ", 7) == 0);
    trial_end(&t);
    put_file("x.rmg", "garbage", 7);
    expect_fault(&input, JIT_EFORMAT, "x.rmg: header 0, byte 0",
                 "it does not begin as an .rmg file does");
    jit_buf_release(&bytes);
    world_end(&world);
}
END_TEST

/* ---- faults ---- */

#define ID(d) "\"00000000000000000000000000000000000000000000000000000000000000" d "\""
#define TOP   "{\"kind\":\"instance\",\"id\":" ID("01") ",\"root\":" ID("02") ",\"parent\":null}\n"
#define NODE(id)                                                                                   \
    "{\"kind\":\"node\",\"instance\":" ID("01") ",\"id\":" ID(id) ",\"type\":" ID("09") "}\n"
#define EDGE(id, from, to)                                                                         \
    "{\"kind\":\"edge\",\"instance\":" ID("01") ",\"id\":" ID(id) ",\"from\":" ID(                 \
        from) ",\"to\":" ID(to) ",\"type\":" ID("08") "}\n"
#define ATOM(owner, name, bytes)                                                                   \
    "{\"kind\":\"attachment\",\"instance\":" ID("01") ",\"plane\":\"alpha\",\"owner\":" ID(        \
        owner) ",\"name\":\"" name "\",\"type\":" ID("07") ",\"bytes\":\"" bytes "\"}\n"
#define PORTAL(owner, name, to)                                                                    \
    "{\"kind\":\"attachment\",\"instance\":" ID("01") ",\"plane\":\"alpha\",\"owner\":" ID(        \
        owner) ",\"name\":\"" name "\",\"descend\":" ID(to) "}\n"
#define CHILD(id, owner, name)                                                                     \
    "{\"kind\":\"instance\",\"id\":" ID(id) ",\"root\":" ID(                                       \
        "02") ",\"parent\":{\"plane\":"                                                            \
              "\"alpha\",\"instance\":" ID(                                                        \
                  "0"                                                                              \
                  "1") ",\"owner\":" ID(owner) ",\"name\":\"" name "\"}}\n"                        \
                                               "{\"kind\":\"node\","                               \
                                               "\"instance\":" ID(id) ",\"id\":" ID(               \
                                                   "02") ",\"type\""                               \
                                                         ":" ID("0"                                \
                                                                "9") "}\n"
#define GOOD TOP NODE("02")

static const struct {
    const char *text;
    const char *place;
    const char *what;
    enum jit_err err;
} faults[] = {
    {"", "x.ndjson:1:1", "no instance without parent", JIT_EINVALID},
    {GOOD "{", "x.ndjson:3:1", "no JSON: string or '}' expected near end of file", JIT_EFORMAT},
    {GOOD "{\"kind\":\"node\",}", "x.ndjson:3:16", "no JSON: string or '}' expected near '}'",
     JIT_EFORMAT},
    {GOOD "{} {}", "x.ndjson:3:4", "no JSON: end of file expected near '{'", JIT_EFORMAT},
    {GOOD "[]", "x.ndjson:3:1", "this line is no object", JIT_EFORMAT},
    {GOOD "{}", "x.ndjson:3:1", "this line lacks the field kind", JIT_EFORMAT},
    {GOOD "{\"kind\":7}", "x.ndjson:3:1", "no string in the field kind", JIT_EFORMAT},
    {GOOD "{\"kind\":\"nod\"}", "x.ndjson:3:1", "an unknown kind of line: nod", JIT_EFORMAT},
    {GOOD "{\"kind\":\"node\",\"kind\":\"node\"}", "x.ndjson:3:21",
     "no JSON: duplicate object key near '\"kind\"'", JIT_EFORMAT},
    {GOOD "{\"kind\":\"node\",\"id\":1,\"more\":2}", "x.ndjson:3:1", "an unknown field more",
     JIT_EFORMAT},
    {GOOD "{\"kind\":\"node\",\"instance\":" ID("01") "}", "x.ndjson:3:1",
     "this line lacks the field id", JIT_EFORMAT},
    {GOOD "{\"kind\":\"node\",\"instance\":\"01\"}", "x.ndjson:3:1",
     "no 64 hex digits in the field instance", JIT_EFORMAT},
    {GOOD "{\"kind\":\"node\",\"instance\":" ID("01") ",\"id\":" ID("05") ",\"type\":" ID("00") "}",
     "x.ndjson:3:1", "an id of zeros in the field type", JIT_EFORMAT},
    {GOOD "{\"kind\":\"node\",\"instance\":" ID("99") ",\"id\":" ID("05") ",\"type\":" ID("09") "}",
     "x.ndjson:3:1", "no line declares this instance", JIT_EFORMAT},
    {GOOD NODE("02"), "x.ndjson:3:1", "a second line for this node", JIT_EEXIST},
    {GOOD "\n" TOP, "x.ndjson:4:1", "a second line for this instance", JIT_EEXIST},
    {GOOD EDGE("05", "02", "02") EDGE("05", "02", "02"), "x.ndjson:4:1",
     "an edge that is on line 3 already", JIT_EEXIST},
    {GOOD ATOM("02", "a", "00") ATOM("02", "b", "") ATOM("02", "a", "00"), "x.ndjson:5:1",
     "an attachment that is on line 3 already", JIT_EEXIST},
    {GOOD EDGE("05", "02", "03"), "x.ndjson:3:1", "\"to\" is no node of its instance",
     JIT_EINVALID},
    {GOOD EDGE("05", "03", "02"), "x.ndjson:3:1", "\"from\" is no node of its instance",
     JIT_EINVALID},
    {GOOD ATOM("03", "a", "00"), "x.ndjson:3:1", "\"owner\" is no node of its instance",
     JIT_EINVALID},
    {GOOD ATOM("02", "a", "0"), "x.ndjson:3:1", "\"bytes\" are no pairs of hex digits",
     JIT_EFORMAT},
    {GOOD ATOM("02", "a", "0g"), "x.ndjson:3:1", "\"bytes\" are no pairs of hex digits",
     JIT_EFORMAT},
    {GOOD ATOM("02", "\xff", "00"), "x.ndjson:3:198",
     "no JSON: unable to decode byte 0xff near '\"'", JIT_EFORMAT},
    {GOOD ATOM("02", "\\u0000", "00"), "x.ndjson:3:205",
     "no JSON: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'", JIT_EFORMAT},
    {GOOD "{\"kind\":\"attachment\",\"instance\":" ID("01") ",\"plane\":\"gamma\",\"owner\":" ID(
         "02") ",\"name\":\"a\",\"descend\":" ID("03") "}",
     "x.ndjson:3:1", "\"plane\" is \"alpha\" or \"beta\", not gamma", JIT_EFORMAT},
    {GOOD "{\"kind\":\"attachment\",\"instance\":" ID("01") ",\"plane\":\"beta\",\"owner\":" ID(
         "02") ",\"name\":\"a\",\"type\":" ID("03") ",\"bytes\":\"\"}",
     "x.ndjson:3:1", "\"owner\" is no edge of its instance", JIT_EINVALID},
    {TOP, "x.ndjson:1:1", "\"root\" is no node of the instance", JIT_EINVALID},
    {"{\"kind\":\"instance\",\"id\":" ID("01") ",\"root\":" ID("02") ",\"parent\":7}",
     "x.ndjson:1:1", "\"parent\" is null or an object", JIT_EFORMAT},
    {"{\"kind\":\"instance\",\"id\":" ID("01") ",\"root\":" ID("02") "}", "x.ndjson:1:1",
     "\"parent\" is null or an object", JIT_EFORMAT},
    {GOOD "{\"kind\":\"instance\",\"id\":" ID("05") ",\"root\":" ID(
         "02") ",\"parent\":null}\n"
               "{\"kind\":\"node\",\"instance\":" ID("05") ",\"id\":" ID("02") ",\"type\":" ID(
                   "09") "}",
     "x.ndjson:3:1", "a second instance without parent", JIT_EINVALID},
    {GOOD PORTAL("02", "p", "05"), "x.ndjson:3:1", "\"descend\" is no instance", JIT_EINVALID},
    {GOOD CHILD("05", "02", "p"), "x.ndjson:3:1", "no portal leads to this instance", JIT_EINVALID},
    {GOOD CHILD("05", "02", "p") PORTAL("02", "q", "05"), "x.ndjson:5:1",
     "the parent of this instance is another slot", JIT_EINVALID},
    {GOOD PORTAL("02", "p", "01"), "x.ndjson:3:1", "the parent of this instance is another slot",
     JIT_EINVALID},
    {GOOD "{\"kind\":\"instance\",\"id\":" ID("05") ",\"root\":" ID(
         "02") ",\"parent\":{\"plane\":"
               "\"alpha\",\"instance\":" ID("05") ",\"owner\":" ID(
                   "02") ",\"name\":\"p\"}}\n"
                         "{\"kind\":\"node\","
                         "\"instance\":" ID("05") ",\"id\":" ID("02") ",\"type\""
                                                                      ":" ID("0"
                                                                             "9") "}",
     "x.ndjson:3:1", "nested in a circle or deeper than 64", JIT_EINVALID},
};

START_TEST(a_fault_names_its_place) /* _i: row */
{
    put_text("x.ndjson", faults[_i].text);
    expect_fault(&whole, faults[_i].err, faults[_i].place, faults[_i].what);
}
END_TEST

START_TEST(limits)
{
    struct trial t;
    char text[512];
    for (int depth = 64; depth <= 65; depth++) {
        size_t used = (size_t)snprintf(text, sizeof text, "{\"kind\":");
        for (int i = 1; i < depth; i++) {
            text[used++] = '[';
        }
        text[used] = 0;
        put_text("x.ndjson", text);
        trial_run(&t, &whole);
        ck_assert_int_eq(t.err, depth == 64 ? JIT_EFORMAT : JIT_ELIMIT);
        trial_end(&t);
    }
    ck_assert_str_eq(text + 8, strrchr(text, ':') + 1);
    size_t line = 16u << 20;
    char *big = malloc(line + 2);
    for (size_t extra = 0; extra < 2; extra++) {
        memset(big, ' ', line + extra);
        big[line + extra] = '\n';
        put_file("x.ndjson", big, line + extra + 1);
        trial_run(&t, &whole);
        ck_assert_str_eq(t.error.what,
                         extra == 0 ? "no instance without parent" : "a line of more than 16 MiB");
        ck_assert_int_eq(t.err, extra == 0 ? JIT_EINVALID : JIT_ELIMIT);
        trial_end(&t);
    }
    free(big);
    for (int count = 256; count <= 257; count++) {
        char *text_of_all = calloc(1, 1u << 17);
        size_t used = (size_t)snprintf(text_of_all, 1u << 17, "%s", GOOD);
        for (int i = 0; i < count; i++) {
            used += (size_t)snprintf(text_of_all + used, (1u << 17) - used,
                                     "{\"kind\":\"attachment\",\"instance\":" ID(
                                         "01") ","
                                               "\"plane\":\"alpha\",\"owner\":" ID(
                                                   "02") ",\"name\":\"%d\","
                                                         "\"type\":" ID("07") ",\"bytes\":\"\"}\n",
                                     i);
        }
        put_file("x.ndjson", text_of_all, used);
        free(text_of_all);
        trial_run(&t, &whole);
        ck_assert_int_eq(t.err, count == 256 ? JIT_OK : JIT_ELIMIT);
        ck_assert_str_eq(t.error.place, count == 256 ? "" : "x.ndjson:259:1");
        trial_end(&t);
    }
    for (int size = 255; size <= 256; size++) {
        char name[300];
        char whole_text[2048];
        memset(name, 'n', 256);
        name[size] = 0;
        snprintf(
            whole_text, sizeof whole_text,
            GOOD
            "{\"kind\":\"attachment\",\"instance\":" ID("01") ",\"plane\":\"alpha\",\"owner\":" ID(
                "02") ",\"name\":\"%s\",\"type\":" ID("07") ",\"bytes\":\"\"}",
            name);
        put_text("x.ndjson", whole_text);
        trial_run(&t, &whole);
        ck_assert_int_eq(t.err, size == 255 ? JIT_OK : JIT_ELIMIT);
        trial_end(&t);
    }
}
END_TEST

/* ---- damage ---- */

#define ALL                                                                                        \
    GOOD EDGE("05", "02", "02") ATOM("02", "a", "00ff") CHILD("06", "02", "p")                     \
        PORTAL("02", "p", "06")

/* The lines of a state dealt out to three files, in any order: the same state. */
START_TEST(several_files) /* _i: seed */
{
    static const char *const names[] = {"x.ndjson", "y.ndjson", "z.ndjson"};
    struct trial_input input = {
        .format = &format_ndjson, .paths = {"x.ndjson", "y.ndjson", "z.ndjson"}, .as_it_is = true};
    struct jit_random random = jit_random_of((uint64_t)_i);
    struct jit_buf text;
    struct jit_buf parts[3];
    struct trial t;
    world_grow(&world, (enum world_ids)(_i % WORLD_IDS), (uint64_t)_i, 60);
    export_world(&text);
    shuffle(&text, (uint64_t)_i + 7);
    for (size_t i = 0; i < 3; i++) {
        jit_buf_init(&parts[i], jit_heap_libc(), 64u << 20);
    }
    for (size_t at = 0; at < text.size;) {
        const uint8_t *line = text.data + at;
        size_t size = (size_t)((const uint8_t *)memchr(line, '\n', text.size - at) - line) + 1;
        jit_buf_put(&parts[jit_random_below(&random, 3)], line, size);
        at += size;
    }
    for (size_t i = 0; i < 3; i++) {
        put_file(names[i], parts[i].data, parts[i].size);
        jit_buf_release(&parts[i]);
    }
    trial_run(&t, &input);
    ck_assert_msg(t.err == JIT_OK, "%d: %s: %s", _i, t.error.place, t.error.what);
    ck_assert(jit_id_equal(&t.graph.version.state_root, &world.version.state_root));
    trial_end(&t);
    jit_buf_release(&text);
    world_end(&world);
}
END_TEST

/* A fault is placed in the file that has it. */
START_TEST(faults_of_several_files)
{
    struct trial_input input = {
        .format = &format_ndjson, .paths = {"x.ndjson", "y.ndjson"}, .as_it_is = true};
    put_text("x.ndjson", GOOD EDGE("05", "02", "02"));
    put_text("y.ndjson", "\n" EDGE("05", "02", "02"));
    expect_fault(&input, JIT_EEXIST, "y.ndjson:2:1",
                 "an edge that is on line 3 of x.ndjson already");
    put_text("y.ndjson", EDGE("06", "02", "02") "\n" EDGE("06", "02", "02"));
    expect_fault(&input, JIT_EEXIST, "y.ndjson:3:1", "an edge that is on line 1 already");
    put_text("y.ndjson", "\n\n" EDGE("06", "02", "09"));
    expect_fault(&input, JIT_EINVALID, "y.ndjson:3:1", "\"to\" is no node of its instance");
    put_text("x.ndjson", EDGE("05", "02", "09"));
    put_text("y.ndjson", GOOD);
    expect_fault(&input, JIT_EINVALID, "x.ndjson:1:1", "\"to\" is no node of its instance");
    put_text("x.ndjson", NODE("02"));
    put_text("y.ndjson", NODE("03"));
    expect_fault(&input, JIT_EFORMAT, "x.ndjson:1:1", "no line declares this instance");
    put_text("x.ndjson", "{");
    put_text("y.ndjson", GOOD);
    struct trial t;
    trial_run(&t, &input);
    ck_assert_int_eq(t.err, JIT_EFORMAT);
    ck_assert_str_eq(t.error.place, "x.ndjson:1:1");
    trial_end(&t);
    input.paths[1] = "none.ndjson";
    put_text("x.ndjson", GOOD);
    expect_fault(&input, JIT_ENOENT, "none.ndjson", "No such file or directory");
}
END_TEST

START_TEST(every_truncation)
{
    static const char text[] = ALL;
    for (size_t keep = 0; keep < sizeof text - 1; keep++) {
        struct trial t;
        put_file("x.ndjson", text, keep);
        trial_run(&t, &whole);
        ck_assert(t.err == JIT_OK || (t.error.place[0] != 0 && t.error.what[0] != 0));
        trial_end(&t);
    }
}
END_TEST

START_TEST(random_damage)
{
    static const char text[] = ALL;
    expect_no_harm(&whole, "x.ndjson", text, sizeof text - 1, NULL, 0, 3, 13);
}
END_TEST

static int64_t json_calls;
static int64_t json_refuse_at;
static int64_t json_live;

static void *json_malloc(size_t size)
{
    if (json_calls++ == json_refuse_at) {
        return NULL;
    }
    json_live++;
    return malloc(size);
}

static void json_free(void *block)
{
    json_live -= block != NULL;
    free(block);
}

START_TEST(every_refused_allocation)
{
    struct trial_input input = whole;
    put_text("x.ndjson", CHILD("06", "02", "p") ALL);
    put_text("y.ndjson", ALL);
    input.paths[0] = "y.ndjson";
    expect_no_memory(&input);
    input.as_it_is = false;
    expect_no_memory(&input);
    json_set_alloc_funcs(json_malloc, json_free);
    bool more = true;
    input.as_it_is = true;
    for (json_refuse_at = 0; more; json_refuse_at++) {
        struct trial t;
        ck_assert_int_lt(json_refuse_at, 5000);
        json_calls = 0;
        trial_run(&t, &input);
        more = json_calls > json_refuse_at;
        /* jansson's scanner calls a string it has no memory for a syntax error; we do not. */
        ck_assert_msg(t.err == (more ? JIT_ENOMEM : JIT_OK), "%ld: %s: %s", (long)json_refuse_at,
                      t.error.place, t.error.what);
        trial_end(&t);
        ck_assert_int_eq(json_live, 0);
    }
    json_set_alloc_funcs(malloc, free);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "ndjson", 120);
    tcase_add_checked_fixture(t, folder_make, folder_remove);
    tcase_add_loop_test(t, out_and_in, 0, 2 * WORLD_IDS);
    tcase_add_test(t, into_an_instance);
    tcase_add_test(t, a_damaged_rmg_is_refused);
    tcase_add_loop_test(t, a_fault_names_its_place, 0, (int)(sizeof faults / sizeof *faults));
    tcase_add_test(t, limits);
    tcase_add_loop_test(t, several_files, 0, WORLD_IDS);
    tcase_add_test(t, faults_of_several_files);
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, random_damage);
    tcase_add_test(t, every_refused_allocation);
}

TEST_MAIN("ndjson", fill)

/* Goal:   every limit of the language holds at its value and is named one past it; no text, however
 *         broken, does more than be refused; refused memory leaves nothing behind.
 * Method: texts written at each limit and one past; each heap allocation refused in turn; the
 *         examples with random bytes and tokens changed, cut, doubled and swapped (the seed is
 *         printed on failure; LANG_SEED repeats it): whatever is accepted must hold up as any
 *         accepted text does. */
#include "base/random.h"
#include "tests/rmg/lang/lang_fixture.h"

static struct lang_fixture f;
static struct jit_buf source;

static void setup(void)
{
    lang_fixture_init(&f);
    jit_buf_init(&source, jit_heap_libc(), LANG_TEXT_MAX);
}

static void teardown(void)
{
    lang_fixture_release(&f);
    jit_buf_release(&source);
}

static void put(const char *text)
{
    jit_buf_put(&source, text, strlen(text));
}

static void begin(void);

static void put_many(const char *text, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        put(text);
    }
}

static void put_numbered(const char *format, uint32_t count)
{
    char text[256];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, format, i);
        put(text);
    }
}

static void begin(void)
{
    jit_buf_reset(&source);
    put("system s\ntype P { i: i64 = 0, b: bool, t: text }\nedge D { w: i64 = 0 }\n");
}

/* accepted: nothing but that; refused: the words must be in the message. */
static void expect(const char *words)
{
    enum jit_err err = lang_fixture_parse(&f, source.data, source.size);
    jit_buf_put_u8(&f.messages, 0);
    const char *messages = (const char *)f.messages.data;
    if (words == NULL) {
        ck_assert_msg(err == JIT_OK, "refused: %.2000s", messages);
        const char *wrong = lang_check_accepted(&f);
        ck_assert_msg(wrong == NULL, "%s", wrong);
    } else {
        ck_assert_int_eq(err, JIT_EFORMAT);
        ck_assert_ptr_null(f.system);
        ck_assert_msg(strstr(messages, words) != NULL, "no `%s` in: %.2000s", words, messages);
    }
}

/* ---- limits: row(past) writes the text at the limit, or one past it ---- */

static void names(uint32_t past)
{
    put("rule ");
    put_many("r", JIT_NAME_BYTES_MAX + past);
    put(" match (a:P) delete a\n");
}

static void labels(uint32_t past)
{
    put("type `");
    put_many("\xc3\xa9", JIT_NAME_BYTES_MAX / 2);
    put_many("x", JIT_NAME_BYTES_MAX % 2 + past);
    put("`\n");
}

static void field_names(uint32_t past)
{
    put("type Q { ");
    put_many("f", JIT_NAME_BYTES_MAX + past);
    put(": i64 = 4 }\n");
    put("rule r match (a:P) create (:Q)\n");
}

static void parentheses(uint32_t past)
{
    put("rule r match (a:P) where ");
    put_many("(", JIT_EXPR_DEPTH_MAX + past);
    put("a.b");
    put_many(")", JIT_EXPR_DEPTH_MAX + past);
    put(" delete a\n");
}

static void negations(uint32_t past)
{
    put("rule r match (a:P) where ");
    put_many("not ", JIT_EXPR_DEPTH_MAX - 1 + past);
    put("a.b delete a\n");
}

/* 1 - (1 - (1 - ...)): the stack of the interpreter is as deep as the text. */
static void operands(uint32_t past)
{
    put("rule r match (a:P) set a.i = ");
    put_many("1 - (", JIT_EXPR_DEPTH_MAX - 1 + past);
    put("a.i");
    put_many(")", JIT_EXPR_DEPTH_MAX - 1 + past);
    put("\n");
}

static void minuses(uint32_t past)
{
    put("rule r match (a:P) set a.i = ");
    put_many("- ", JIT_EXPR_DEPTH_MAX - 1 + past);
    put("a.i\n");
}

static void rule_text(uint32_t past)
{
    size_t start = source.size;
    put("rule r match (a:P) set a.i = 1");
    while (source.size - start < JIT_RULE_TEXT_BYTES_MAX - 1 + past) {
        put(" ");
    }
    put("1\n");
    source.data[source.size - 3] = '-';
    source.data[start + strlen("rule r match (a:P) set a.i = 1") - 1] = ' ';
}

/* What the program has beside the text is measured with an empty one. */
static void program_bytes(uint32_t past)
{
    put("rule r match (a:P) where a.t = \"\" delete a\n");
    ck_assert_int_eq(lang_fixture_parse(&f, source.data, source.size), JIT_OK);
    uint32_t rest = f.system->rules[0].program_size;
    begin();
    put("rule r match (a:P) where a.t = \"");
    put_many("x", JIT_PROGRAM_BYTES_MAX - rest + past);
    put("\" delete a\n");
}

static void created(uint32_t past)
{
    put("rule r match (a:P) create (:P)");
    put_many(", (:P)", JIT_PATTERN_ELEMENTS_MAX - 1 + past);
    put("\n");
}

static void params(uint32_t past)
{
    put("rule r(p: i64");
    put_numbered(", p%u: i64", RMG_RULE_PARAMS_MAX - 1 + past);
    put(") match (a:P) delete a\n");
}

static void param_bytes(uint32_t past)
{
    put("rule r(p: text) match (a:P) where a.t = p delete a\n"
        "process w run r(p = \"");
    put_many("x", JIT_PARAMS_BYTES_MAX - 8 + past);
    put("\") apply all over shard(/world)\n");
}

static void type_fields(uint32_t past)
{
    put("type Q { ");
    put_numbered("f%u: i64, ", JIT_ATTACHMENTS_MAX + past);
    put("}\n");
}

static void fields_read(uint32_t past)
{
    put("type Q { ");
    put_numbered("f%u: bool, ", 200);
    put("}\nrule r match (a:Q)-[:D]->(b:Q) where a.f0");
    put_numbered(" and a.f%u", 200);
    put_numbered(" and b.f%u", RMG_RULE_FIELDS_MAX - 200 + past);
    put(" set a.f0 = true\n");
}

static void updates(uint32_t past)
{
    put("type Q { ");
    put_numbered("f%u: i64 = 0, ", 128);
    put("}\nrule r match (a:P) create (:Q), (:Q)");
    put(past == 0 ? "\n" : " set a.i = 1\n");
}

static void negatives(uint32_t past)
{
    put("rule r match (a:P) where true");
    put_many(" and not (a)-[:D]->()", RMG_RULE_NEGATIVES_MAX + past);
    put(" delete a\n");
}

static void rules(uint32_t past)
{
    put_numbered("rule r%u match (a:P) delete a\n", JIT_RULES_MAX + past);
}

static void members(uint32_t past)
{
    put("rule r match (a:P) delete a\n"
        "process v[24] run r apply all over shard(/world)\n"
        "process w[");
    put(past == 0 ? "1000" : "1001");
    put("] run r apply all over shard(/world)\n");
}

static void path_parts(uint32_t past)
{
    put("import apt into /world/");
    put_many("x", JIT_NAME_BYTES_MAX + past);
    put("\n");
}

static void path_bytes(uint32_t past)
{
    put("import apt into /world");
    put_many("/xxxxxxxxx", 100);
    put_many("y", JIT_LABEL_BYTES_MAX - 1006 + past);
    put("\n");
}

static void source_bytes(uint32_t past)
{
    while (source.size < LANG_SOURCE_BYTES_MAX + past) {
        put("\n");
    }
}

static void number_digits(uint32_t past)
{
    put("rule r match (a:P) where 0.");
    put_many("1", 398 + past);
    put(" > 0.0 delete a\n");
}

static void path_nodes(uint32_t past)
{
    put("rule r match (a:P)");
    put_many("-->()", 15);
    put_many(", ()", 1 + past); /* elements of all paths count together */
    put(" set a.i = 1\n");
}

static void policy(const char *format, uint32_t number)
{
    char text[256];
    put("rule r match (a:P) delete a\nprocess w run r apply all over shard(/world)\n");
    snprintf(text, sizeof text, format, number);
    put(text);
}

static void restarts(uint32_t past)
{
    policy("restart always at most %u in 7 ticks\n", JIT_RESTARTS_MAX + past);
}

static void restarts_least(uint32_t past)
{
    policy("restart always at most %u in 7 ticks\n", 1 - past);
}

static void restart_ticks(uint32_t past)
{
    policy("restart always at most 7 in %u ticks\n", JIT_RESTART_TICKS_MAX + past);
}

static void hang_seconds(uint32_t past)
{
    policy("on hang stop after %u seconds\n", JIT_HANG_SECONDS_MAX + past);
}

static const struct {
    void (*row)(uint32_t past);
    const char *words;
} limits[] = {{names, "a name has at most 255 bytes, this one has 256"},
              {labels, "a name has at most 255 bytes, this one has 256"},
              {field_names, "a name has at most 255 bytes"},
              {parentheses, "nested at most 64 deep"},
              {negations, "nested at most 64 deep"},
              {operands, "nested at most 64 deep"},
              {minuses, "nested at most 64 deep"},
              {rule_text, "a rule has at most 65536 bytes of text, this one has 65537"},
              {program_bytes, "the program of this rule is larger than 65536 bytes"},
              {created, "a rule creates at most 32 nodes and edges"},
              {params, "a rule has at most 255 parameters"},
              {param_bytes, "the parameters of a rule have at most 4096 bytes"},
              {type_fields, "a type has at most 256 fields"},
              {fields_read, "a rule reads at most 256 fields"},
              {updates, "a rule writes at most 256 fields"},
              {negatives, "a rule has at most 32 positive and negative conditions"},
              {rules, "a system has at most 4096 rules"},
              {members, "a system has at most 1024 processes in all"},
              {path_parts, "this is not the path of an instance"},
              {path_bytes, "this is not the path of an instance"},
              {source_bytes, "a system file has at most 16777216 bytes, this one has 16777217"},
              {number_digits, "a number has at most 400 characters"},
              {restarts, "how often it is started again is a whole number from 1 to 1000"},
              {restarts_least, "how often it is started again is a whole number from 1 to 1000"},
              {restart_ticks, "the number of ticks is a whole number from 1 to 1000000"},
              {hang_seconds, "the CPU time in seconds is a whole number from 1 to 86400"},
              {path_nodes, "a pattern has at most 32 nodes and edges"}};

START_TEST(limit_and_one_past)
{
    begin();
    limits[_i].row(0);
    expect(NULL);
    begin();
    limits[_i].row(1);
    expect(limits[_i].words);
}
END_TEST

/* The elements of one pattern: 33 of one path are too many. */
START_TEST(pattern_elements)
{
    begin();
    put("rule r match (a:P)");
    put_many("-->()", 16);
    put(" delete a\n");
    expect("a pattern has at most 32 nodes and edges");
    begin();
    put("rule r match (a:P) create (a)");
    put_many("-[:D]->(a)", 15);
    put("\n");
    expect(NULL);
    begin();
    put("rule r match (a:P) create (a)");
    put_many("-[:D]->(a)", 16);
    put("\n");
    expect("a pattern has at most 32 nodes and edges");
}
END_TEST

/* The canonical text may be longer than what was written: it has blanks. */
START_TEST(canonical_text_limit)
{
    begin();
    put("rule r match(a:P)set a.i=a.i");
    put_many("-a.i", 10000);
    put("\n");
    expect(NULL);
    begin();
    put("rule r match(a:P)set a.i=a.i");
    put_many("-a.i", 11000);
    put("\n");
    expect("the canonical text of this rule is larger than 65536 bytes");
}
END_TEST

START_TEST(too_many_errors)
{
    begin();
    put_numbered("type T%u { x }\n", LANG_ERRORS_MAX - 1);
    expect("T18");
    ck_assert_ptr_null(strstr((const char *)f.messages.data, "too many errors"));
    begin();
    put_numbered("type T%u { x }\n", 1000);
    expect("too many errors");
    ck_assert_ptr_null(strstr((const char *)f.messages.data, "T20 "));
}
END_TEST

/* ---- memory ---- */

static const char *const samples[] = {"tests/rmg/texts/good_everything.jitos",
                                      "examples/supply-chain/supply-chain.jitos",
                                      "tests/rmg/texts/bad_names.jitos"};

START_TEST(no_memory) /* refuse allocation 0, 1, 2, ... until none is refused */
{
    size_t size = 0;
    char *text = lang_read_file(samples[_i], &size);
    bool good = strstr(samples[_i], "bad") == NULL;
    for (int64_t n = 0;; n++) {
        f.mem = fault_heap_make(n, false);
        enum jit_err err = lang_fixture_parse(&f, text, size);
        if (!fault_heap_fired(&f.mem)) {
            ck_assert_int_eq(err, good ? JIT_OK : JIT_EFORMAT);
            break;
        }
        ck_assert_int_eq(err, JIT_ENOMEM);
        ck_assert_ptr_null(f.system);
        ck_assert_int_eq(f.mem.live, 0);
        ck_assert_int_lt(n, 10000);
    }
    free(text);
}
END_TEST

/* ---- random texts ---- */

static const char *const words[] = {"(",
                                    ")",
                                    "[",
                                    "]",
                                    "{",
                                    "}",
                                    ":",
                                    ",",
                                    ";",
                                    ".",
                                    "=",
                                    "<",
                                    ">",
                                    "-",
                                    "+",
                                    "*",
                                    "/",
                                    "%",
                                    "<>",
                                    "-->",
                                    "<--",
                                    "-[",
                                    "]->",
                                    "not ",
                                    " and ",
                                    " or ",
                                    "\n",
                                    "rule ",
                                    "match ",
                                    "where ",
                                    "create ",
                                    "delete ",
                                    "set ",
                                    "add ",
                                    "type ",
                                    "edge ",
                                    "process ",
                                    "grant ",
                                    "import ",
                                    "chance(",
                                    "random()",
                                    "sqrt(",
                                    "a",
                                    "b",
                                    "a.state",
                                    "0",
                                    "1.5",
                                    "\"x\"",
                                    "`q`",
                                    "true",
                                    "\\",
                                    "#",
                                    "\"",
                                    "i64",
                                    "f64",
                                    "/world",
                                    "shard(",
                                    "priority ",
                                    "9223372036854775808",
                                    "\xc3\xa9",
                                    "\t",
                                    "e"};

static void mutate(struct jit_random *random, const char *text, size_t size)
{
    jit_buf_reset(&source);
    jit_buf_put(&source, text, size);
    uint64_t edits = 1 + jit_random_below(random, 4);
    for (uint64_t i = 0; i < edits && source.size > 2; i++) {
        size_t at = (size_t)jit_random_below(random, source.size);
        size_t most = source.size - at < 64 ? source.size - at : 64;
        size_t length = (size_t)jit_random_below(random, most) + 1;
        const char *word = words[jit_random_below(random, sizeof words / sizeof words[0])];
        char copy[64];
        memcpy(copy, source.data + at, length);
        switch (jit_random_below(random, 5)) {
        case 0: /* one byte changed */
            source.data[at] = (uint8_t)jit_random_below(random, 256);
            break;
        case 1: /* some bytes gone */
            memmove(source.data + at, source.data + at + length, source.size - at - length);
            source.size -= length;
            break;
        case 2: /* some bytes twice */
            ck_assert_ptr_nonnull(jit_buf_extend(&source, length));
            memmove(source.data + at + length, source.data + at, source.size - at - length);
            memcpy(source.data + at, copy, length);
            break;
        case 3: /* a word of the language put in */
            length = strlen(word);
            ck_assert_ptr_nonnull(jit_buf_extend(&source, length));
            memmove(source.data + at + length, source.data + at, source.size - at - length);
            memcpy(source.data + at, word, length);
            break;
        default: /* cut off */
            source.size = at + 1;
            break;
        }
    }
}

#define MUTATIONS 4000u

START_TEST(mutations)
{
    const char *given = getenv("LANG_SEED");
    uint64_t first = given == NULL ? 0 : strtoull(given, NULL, 10);
    uint64_t last = given == NULL ? MUTATIONS : first + 1;
    uint64_t accepted = 0;
    size_t size = 0;
    char *text = lang_read_file(samples[_i], &size);
    for (uint64_t seed = first; seed < last; seed++) {
        struct jit_random random = jit_random_of(seed);
        mutate(&random, text, size);
        enum jit_err err = lang_fixture_parse(&f, source.data, source.size);
        ck_assert_msg(err == JIT_OK || err == JIT_EFORMAT, "LANG_SEED=%llu",
                      (unsigned long long)seed);
        if (err == JIT_OK) {
            const char *wrong = lang_check_accepted(&f);
            ck_assert_msg(wrong == NULL, "LANG_SEED=%llu: %s", (unsigned long long)seed, wrong);
            accepted++;
        } else {
            ck_assert_msg(f.messages.size > 0 && f.messages.err == JIT_OK &&
                              rmg_utf8_valid(f.messages.data, f.messages.size),
                          "LANG_SEED=%llu: no message, or one that is no text",
                          (unsigned long long)seed);
        }
    }
    free(text);
    /* Both sides are tried: many small changes leave a text right. */
    ck_assert_uint_lt(accepted, MUTATIONS / 2);
    ck_assert(given != NULL || strstr(samples[_i], "bad") != NULL || accepted > MUTATIONS / 50);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "lang_limits", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, limit_and_one_past, 0, (int)(sizeof limits / sizeof limits[0]));
    tcase_add_test(t, pattern_elements);
    tcase_add_test(t, canonical_text_limit);
    tcase_add_test(t, too_many_errors);
    tcase_add_loop_test(t, no_memory, 0, 3);
    tcase_add_loop_test(t, mutations, 0, 3);
}

TEST_MAIN("lang_limits", suite)

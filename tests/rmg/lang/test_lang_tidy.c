/* Goal:   a tidied text is canonical, means what it meant, has every comment in its place, and is
 *         its own tidied text.
 * Method: a golden file of awkward comments; every example and golden text as it is, and with a
 *         comment put at each place between two tokens, at the end of its line and on one of its
 *         own; each refused allocation. */
#include "base/check.h"
#include "tests/rmg/lang/lang_fixture.h"

static struct fault_heap mem;
static struct jit_buf once;
static struct jit_buf twice;
static struct jit_buf messages;

static void setup(void)
{
    mem = fault_heap_make(-1, false);
    jit_buf_init(&once, jit_heap_libc(), LANG_TEXT_MAX);
    jit_buf_init(&twice, jit_heap_libc(), LANG_TEXT_MAX);
    jit_buf_init(&messages, jit_heap_libc(), 1u << 20);
}

static void teardown(void)
{
    jit_buf_release(&once);
    jit_buf_release(&twice);
    jit_buf_release(&messages);
    ck_assert_int_eq(mem.live, 0);
}

static enum jit_err tidy(const void *text, size_t size, struct jit_buf *out)
{
    jit_buf_reset(out);
    jit_buf_reset(&messages);
    return lang_tidy(&mem.heap, "t.jitos", text, size, out, &messages);
}

/* ---- an own reading of texts: comments, and the rest ---- */

/* What byte i stands in: a text, a quoted name, a comment, or nothing of these (0). */
static char inside(const char *text, size_t i)
{
    char in = 0;
    for (size_t k = 0; k < i; k++) {
        if (in == '"' && text[k] == '\\') {
            k++;
        } else if (in != 0) {
            in = text[k] == (in == '#' ? '\n' : in) ? 0 : in;
        } else if (strchr("#`\"", text[k]) != NULL) {
            in = text[k];
        }
    }
    return in;
}

/* The comments of a text in their order, one a line, without blanks at their ends. */
static char *comments_of(const char *text, size_t size)
{
    char *out = malloc(size + 2);
    size_t n = 0;
    char in = 0;
    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < size; i++) {
        bool begins = in == 0 && strchr("#`\"", text[i]) != NULL;
        if (in == '#' && text[i] == '\n') {
            while (strchr(" \t\r", out[n - 1]) != NULL) {
                n--;
            }
            out[n++] = '\n';
            in = 0;
        } else if (in == '"' && text[i] == '\\') {
            i++;
        } else if (in == '"' || in == '`') {
            in = text[i] == in ? 0 : in;
        } else if (begins) {
            in = text[i];
        }
        if (in == '#') {
            out[n++] = text[i];
        }
    }
    out[n] = 0;
    return out;
}

/* The canonical text of a system. */
static bool canonical(const char *text, size_t size, struct jit_buf *out)
{
    struct lang_system *system = NULL;
    jit_buf_reset(out);
    jit_buf_reset(&messages);
    enum jit_err err =
        lang_parse(&mem.heap, "c.jitos", (const uint8_t *)text, size, &system, &messages);
    if (err == JIT_OK) {
        lang_format(system, out);
    }
    lang_system_free(&mem.heap, system);
    return err == JIT_OK;
}

/* All that is said above, of one text; it is refused only if the parser refuses it, too. */
static void judge(const char *what, const char *text, size_t size)
{
    struct jit_buf a;
    struct jit_buf b;
    jit_buf_init(&a, jit_heap_libc(), LANG_TEXT_MAX);
    jit_buf_init(&b, jit_heap_libc(), LANG_TEXT_MAX);
    bool good = canonical(text, size, &a);
    enum jit_err err = tidy(text, size, &once);
    ck_assert_msg(err == JIT_OK || (!good && err == JIT_EFORMAT), "%s: %.*s", what,
                  (int)messages.size, (const char *)messages.data);
    if (err != JIT_OK) {
        goto out;
    }
    const char *tidied = (const char *)once.data;
    err = tidy(once.data, once.size, &twice);
    ck_assert_msg(err == JIT_OK, "%s: refused itself:\n%.*s\n%.*s", what, (int)once.size, tidied,
                  (int)messages.size, (const char *)messages.data);
    ck_assert_msg(lang_same_bytes(once.data, once.size, twice.data, twice.size),
                  "%s:\n%.*s\n-- tidied:\n%.*s\n-- and again:\n%.*s", what, (int)size, text,
                  (int)once.size, tidied, (int)twice.size, (const char *)twice.data);
    char *before = comments_of(text, size);
    char *after = comments_of(tidied, once.size);
    ck_assert_msg(strcmp(before, after) == 0, "%s: comments\n%s-- became\n%s", what, before, after);
    free(before);
    free(after);
    if (good) {
        ck_assert_msg(canonical(tidied, once.size, &b), "%s: does not parse:\n%.*s", what,
                      (int)once.size, tidied);
        ck_assert_msg(lang_same_bytes(a.data, a.size, b.data, b.size), "%s: means another:\n%.*s",
                      what, (int)once.size, tidied);
    }
out:
    jit_buf_release(&a);
    jit_buf_release(&b);
}

/* ---- the cases ---- */

static const char *const files[] = {"tests/rmg/texts/good_design.jitos",
                                    "tests/rmg/texts/good_everything.jitos",
                                    "tests/rmg/texts/good_modes.jitos",
                                    "tests/rmg/texts/good_conditions.jitos",
                                    "tests/rmg/texts/good_explore.jitos",
                                    "tests/rmg/texts/tidy_comments.jitos",
                                    "tests/rmg/texts/tidy_comments.tidied",
                                    "examples/supply-chain/supply-chain.jitos",
                                    "examples/city/types.jitos",
                                    "schemas/pack.jitos"};

START_TEST(files_as_they_are)
{
    size_t size = 0;
    char *text = lang_read_file(files[_i], &size);
    judge(files[_i], text, size);
    ck_assert_uint_gt(once.size, 0);
    free(text);
}
END_TEST

/* Put " # k\n" at each blank, or "\n # k\n": between any two tokens that have one between them. */
START_TEST(a_comment_anywhere)
{
    size_t size = 0;
    char *text = lang_read_file(files[_i], &size);
    char *more = malloc(size + 64);
    uint32_t tried = 0;
    ck_assert_ptr_nonnull(more);
    for (size_t i = 0; i < size; i++) {
        if (text[i] != ' ' && text[i] != '(' && text[i] != '{') {
            continue;
        }
        if (inside(text, i)) {
            continue;
        }
        for (int own = 0; own < 2; own++) {
            size_t at = i + 1;
            const char *comment = own ? "\n  # k \n" : " # k\n";
            memcpy(more, text, at);
            memcpy(more + at, comment, strlen(comment));
            memcpy(more + at + strlen(comment), text + at, size - at);
            judge(files[_i], more, size + strlen(comment));
            tried++;
        }
    }
    ck_assert_uint_gt(tried, 20);
    free(more);
    free(text);
}
END_TEST

START_TEST(golden)
{
    size_t size = 0;
    char *text = lang_read_file("tests/rmg/texts/tidy_comments.jitos", &size);
    ck_assert_int_eq(tidy(text, size, &once), JIT_OK);
    free(text);
    if (getenv("GOLDEN_UPDATE") != NULL) {
        FILE *file = fopen("tests/rmg/texts/tidy_comments.tidied", "wb");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(once.data, 1, once.size, file), once.size);
        ck_assert_int_eq(fclose(file), 0);
    }
    text = lang_read_file("tests/rmg/texts/tidy_comments.tidied", &size);
    ck_assert_msg(lang_same_bytes(once.data, once.size, text, size), "got\n%.*s", (int)once.size,
                  (const char *)once.data);
    free(text);
}
END_TEST

START_TEST(wrong_texts_are_refused)
{
    static const char *const wrong[] = {"", "type A\n", "system s\nrule r match (a:A)\n",
                                        "system s\nrule r match (a:A) set a.x == 1\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(tidy(wrong[i], strlen(wrong[i]), &once), JIT_EFORMAT);
        ck_assert_uint_gt(messages.size, 0);
        ck_assert_uint_eq(once.size, 0);
    }
    /* Names that are not known are nobody's business here. */
    static const char foreign[] = "system s\nimport \"x.jitos\"\nrule r match (a:A) set a.x=1";
    ck_assert_int_eq(tidy(foreign, strlen(foreign), &once), JIT_OK);
    static const char want[] = "import \"x.jitos\"\n\nrule r\n";
    ck_assert(memmem(once.data, once.size, want, sizeof want - 1) != NULL);
}
END_TEST

START_TEST(refused_memory)
{
    size_t size = 0;
    char *text = lang_read_file("tests/rmg/texts/tidy_comments.jitos", &size);
    enum jit_err err = JIT_ENOMEM;
    for (int64_t n = 0; err == JIT_ENOMEM; n++) {
        ck_assert_int_lt(n, 100000);
        struct fault_heap faulty = fault_heap_make(n, false);
        jit_buf_reset(&once);
        err = lang_tidy(&faulty.heap, "t.jitos", (const uint8_t *)text, size, &once, &messages);
        ck_assert_int_eq(faulty.live, 0);
    }
    ck_assert_int_eq(err, JIT_OK);
    free(text);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "lang_tidy", 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, files_as_they_are, 0, (int)(sizeof files / sizeof files[0]));
    tcase_add_loop_test(t, a_comment_anywhere, 0, (int)(sizeof files / sizeof files[0]));
    tcase_add_test(t, golden);
    tcase_add_test(t, wrong_texts_are_refused);
    tcase_add_test(t, refused_memory);
}

TEST_MAIN("lang_tidy", suite)

/* Goal:   the example of docs/spec/program.md is what the compiler makes of its text.
 * Method: both are taken out of the page; the bytes after "Example" are those of the second block,
 *         a line each with its hex digits first. */
#include <stdio.h>
#include <stdlib.h>

#include "rmg/lang/lang.h"
#include "tests/lib/tcase.h"

static char page[65536];

static void setup(void)
{
    char path[4096];
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/docs/spec/program.md", top != NULL ? top : ".");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    size_t size = fread(page, 1, sizeof page - 1, file);
    ck_assert(size > 0 && size < sizeof page - 1);
    page[size] = '\0';
    fclose(file);
}

/* The n-th block after "## Example"; *end is behind it. */
static const char *block(unsigned n, const char **end)
{
    static const char fence[] = "\n```\n";
    const char *at = strstr(page, "## Example");
    ck_assert(at != NULL);
    for (;; n--) {
        at = strstr(at, fence);
        ck_assert(at != NULL);
        at += sizeof fence - 1;
        *end = strstr(at - 1, fence);
        ck_assert(*end != NULL);
        if (n == 0) {
            return at;
        }
        at = *end + sizeof fence - 2;
    }
}

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

static bool is_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Of each line the digits up to three blanks, where its words begin. */
static size_t read_hex(const char *at, const char *end, uint8_t *out, size_t room)
{
    size_t size = 0;
    while (at < end) {
        while (at < end && *at != '\n' && strncmp(at, "   ", 3) != 0) {
            if (*at == ' ') {
                at++;
                continue;
            }
            ck_assert(is_digit(at[0]) && is_digit(at[1]) && size < room);
            out[size++] = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
            at += 2;
        }
        while (at < end && *at++ != '\n') {
        }
    }
    return size;
}

START_TEST(example)
{
    uint8_t want[4096];
    char text[4096];
    const char *end = NULL;
    const char *rule = block(0, &end);
    int text_size = snprintf(text, sizeof text, "system s\n%.*s\n", (int)(end - rule), rule);
    const char *hex = block(1, &end);
    size_t size = read_hex(hex, end, want, sizeof want);

    struct jit_heap *heap = jit_heap_libc();
    struct lang_system *system = NULL;
    struct jit_buf messages;
    jit_buf_init(&messages, heap, 1u << 16);
    enum jit_err err =
        lang_parse(heap, "page", (const uint8_t *)text, (size_t)text_size, &system, &messages);
    ck_assert_msg(err == JIT_OK, "%.*s", (int)messages.size, (const char *)messages.data);
    ck_assert_uint_eq(system->rule_count, 1);
    ck_assert_uint_eq(system->rules[0].program_size, size);
    ck_assert_mem_eq(system->rules[0].program, want, size);
    lang_system_free(heap, system);
    jit_buf_release(&messages);
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "page", 10);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, example);
}

TEST_MAIN("program page", suite)

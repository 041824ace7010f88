/* Goal:   the command-line framework keeps the conventions all programs share: what is data and
 *         what is talk, errors in three lines, exit codes, help, NDJSON, progress.
 * Method: a made-up program over streams in memory and a clock in hand. */
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/lib/tcase.h"
#include "tools/cli/cli.h"

extern char **environ;

static uint64_t now_ns;
static const char *term;
static const char *no_color;

static uint64_t fake_now(struct jit_clock *clock)
{
    (void)clock;
    return now_ns;
}

static const char *fake_get(const char *name)
{
    return strcmp(name, "TERM") == 0 ? term : strcmp(name, "NO_COLOR") == 0 ? no_color : NULL;
}

/* ---- the program ---- */

static int run_show(struct cli *cli)
{
    cli_print(cli, "%sticks%s %llu seed %llu out %s\n", cli_style(cli, CLI_BOLD),
              cli_style(cli, CLI_PLAIN), (unsigned long long)cli_number(cli, "ticks"),
              (unsigned long long)cli_number(cli, "seed"), cli_text(cli, "out"));
    for (uint32_t i = 0; cli_list(cli, "set", i) != NULL; i++) {
        cli_print(cli, "set %s\n", cli_list(cli, "set", i));
    }
    for (uint32_t i = 0; i < cli->operand_count; i++) {
        cli_print(cli, "operand %s\n", cli->operands[i]);
    }
    if (cli_given(cli, "keep")) {
        cli_print(cli, "keep\n");
    }
    cli_note(cli, "a note");
    json_t *event = cli_event("done", "tool.show/1");
    cli_put_number(event, "ticks", cli_number(cli, "ticks"));
    cli_put_number(event, "big", UINT64_MAX);
    cli_put_text(event, "bad", "\xff");
    cli_put_bool(event, "ok", true);
    return cli_emit(cli, event);
}

static int run_fail(struct cli *cli)
{
    cli_what(cli, "cannot read %s", "a\033b");
    cli_why(cli, "first\nsecond");
    cli_next(cli, "tool help fail");
    return CLI_NOT_FOUND;
}

static int run_no(struct cli *cli)
{
    cli_print(cli, "it differs\n");
    return CLI_NO;
}

/* "same command": NULL leaves a word out with its blank; a number, and names that are hostile. */
static int run_next(struct cli *cli)
{
    cli_what(cli, "no %s", "a\n  next: rm -rf b");
    const char *none = cli_nearest("none", NULL, 0);
    cli_next(cli, "tool show %s %s --data %s -n %u@%llu && mv %s.broken", none, "", "a\n'b\\\x01",
             7u, 18446744073709551615ull, "c d'e");
    cli_warn(cli, "warned of %s", "a\nb");
    return CLI_NO;
}

/* A command that does not fit is not said: half of it might be another. */
static int run_long(struct cli *cli)
{
    static char path[3 * CLI_WORD_SIZE];
    memset(path, 'a', sizeof path - 1);
    cli_what(cli, "no");
    cli_next(cli, "rm %s", path);
    ck_assert_str_eq(cli_word(cli, path), "...");
    return CLI_NO;
}

static struct jit_random rng;
#define WORDS      400
#define WORD_BYTES 24u

static FILE *temporary(char *path)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    FILE *file = fdopen(fd, "w+");
    ck_assert_ptr_nonnull(file);
    return file;
}

/* What bash, given a script, writes to a file. */
static void run_bash(const char *script, int to)
{
    int status = 0;
    pid_t pid = 0;
    const char *argv[] = {"bash", script, NULL};
    posix_spawn_file_actions_t actions;
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO), 0);
    ck_assert_int_eq(
        posix_spawnp(&pid, "bash", &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

/* Random bytes, mostly of those that mean something to a shell, as bash takes them. */
static int run_words(struct cli *cli)
{
    static const char odd[] = " \t\n'\"\\$`*?[]{}()<>|&;!#~^%=-\x01\x1b\x7f\x80\xc3\xa4";
    static char wanted[WORDS][WORD_BYTES + 1];
    char path[] = "/tmp/jitos-words-XXXXXX";
    char answers_path[] = "/tmp/jitos-words-XXXXXX";
    FILE *script = temporary(path);
    FILE *answers = temporary(answers_path);
    for (int i = 0; i < WORDS; i++) {
        size_t size = jit_random_below(&rng, WORD_BYTES + 1);
        for (size_t k = 0; k < size; k++) {
            wanted[i][k] = jit_random_below(&rng, 3) != 0
                               ? odd[jit_random_below(&rng, sizeof odd - 1)]
                               : (char)(1 + jit_random_below(&rng, 255));
        }
        wanted[i][size] = '\0';
        const char *word = cli_word(cli, wanted[i]);
        for (const char *at = word; *at != '\0'; at++) {
            ck_assert_msg((unsigned char)*at >= 0x20 && *at != 0x7f, "word %d is no line", i);
        }
        fprintf(script, "printf '%%s\\0' %s\n", word);
    }
    ck_assert_int_eq(fclose(script), 0);
    run_bash(path, fileno(answers));
    rewind(answers);
    for (int i = 0; i < WORDS; i++) {
        char got[WORD_BYTES + 1];
        size_t size = strlen(wanted[i]) + 1;
        ck_assert_uint_eq(fread(got, 1, size, answers), size);
        ck_assert_msg(memcmp(got, wanted[i], size) == 0, "word %d is another to bash: %s", i,
                      cli_word(cli, wanted[i]));
    }
    ck_assert_int_eq(fgetc(answers), EOF);
    ck_assert_int_eq(fclose(answers), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(unlink(answers_path), 0);
    return CLI_OK;
}

static int run_progress(struct cli *cli)
{
    struct cli_progress progress;
    cli_progress_begin(&progress, cli, "tick", "ticks", 100, 300);
    for (uint64_t done = 100; done <= 300; done += 10) {
        cli_progress_update(&progress, done, "x");
        now_ns += 100000000;
    }
    cli_progress_end(&progress);
    return CLI_OK;
}

static const char *const levels[] = {"low", "high", NULL};
static const struct cli_option show_options[] = {
    {.name = "ticks",
     .letter = 't',
     .type = CLI_NUMBER,
     .metavar = "N",
     .fallback = "7",
     .help = "how many",
     .min = 1,
     .max = 100},
    {.name = "seed", .letter = 's', .type = CLI_NUMBER, .metavar = "S", .help = "the seed"},
    {.name = "out",
     .letter = 'o',
     .type = CLI_TEXT,
     .metavar = "FILE",
     .fallback = "-",
     .help = "where to"},
    {.name = "set", .type = CLI_LIST, .metavar = "K=V", .help = "a parameter"},
    {.name = "level", .type = CLI_CHOICE, .metavar = "L", .choices = levels, .help = "a level"},
    {.name = "keep", .letter = 'k', .type = CLI_FLAG, .help = "keep it"},
    {0},
};
static const struct cli_verb verbs[] = {
    {.name = "show",
     .operands = "FILE...",
     .summary = "show things",
     .about = "At length.",
     .options = show_options,
     .examples = {{"tool show a", "one"}, {"tool show b", "two"}, {"tool show c", "three"}},
     .operands_max = 3,
     .run = run_show},
    {.name = "fail",
     .operands = "",
     .summary = "fail",
     .examples = {{"tool fail", NULL}},
     .run = run_fail},
    {.name = "no",
     .operands = "",
     .summary = "say no",
     .examples = {{"tool no", NULL}},
     .run = run_no},
    {.name = "next",
     .operands = "",
     .summary = "say what to type",
     .examples = {{"tool next", NULL}},
     .run = run_next},
    {.name = "long",
     .operands = "",
     .summary = "say what is too long",
     .examples = {{"tool long", NULL}},
     .run = run_long},
    {.name = "words",
     .operands = "",
     .summary = "make words",
     .examples = {{"tool words", NULL}},
     .run = run_words},
    {.name = "progress",
     .operands = "",
     .summary = "count",
     .examples = {{"tool progress", NULL}},
     .run = run_progress},
    {0},
};
static const struct cli_program program = {
    .name = "tool",
    .summary = "a tool",
    .version = "1.2.3",
    .verbs = verbs,
    .examples = {{"tool show a", NULL}, {"tool no", NULL}, {"tool fail", NULL}},
};

/* ---- running it ---- */

static char *out_text;
static char *err_text;

static int run(bool tty, FILE *out_file, const char *line)
{
    static struct jit_clock clock = {fake_now};
    char words[512];
    char *argv[32] = {0};
    int argc = 0;
    size_t out_size;
    size_t err_size;
    snprintf(words, sizeof words, "tool %s", line);
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word != NULL && argc < 31;
         word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    free(out_text);
    free(err_text);
    out_text = NULL;
    struct cli_env env = {
        .out = out_file != NULL ? out_file : open_memstream(&out_text, &out_size),
        .err = open_memstream(&err_text, &err_size),
        .out_tty = tty,
        .err_tty = tty,
        .clock = &clock,
        .get = fake_get,
    };
    int code = cli_main(&program, &env, argc, argv);
    fclose(env.out);
    fclose(env.err);
    return code;
}

static void setup(void)
{
    now_ns = 0;
    term = "xterm";
    no_color = NULL;
}

static void teardown(void)
{
    free(out_text);
    free(err_text);
    out_text = NULL;
    err_text = NULL;
}

START_TEST(options_in_every_spelling)
{
    static const char *const spellings[] = {
        "show --ticks 9 --seed=18446744073709551615 -o f a b --set x=1 --set y=2 -k",
        "show a -kt9 -s 18446744073709551615 b -of --set=x=1 --set=y=2",
        "--quiet show --keep a --out f --set x=1 -t 9 --set y=2 b --seed 18446744073709551615",
    };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        ck_assert_int_eq(run(false, NULL, spellings[i]), CLI_OK);
        ck_assert_str_eq(out_text, "ticks 9 seed 18446744073709551615 out f\nset x=1\nset y=2\n"
                                   "operand a\noperand b\nkeep\n");
        ck_assert_str_eq(err_text, i == 2 ? "" : "a note\n");
    }
    ck_assert_int_eq(run(false, NULL, "show -- -k --set"), CLI_OK);
    ck_assert_str_eq(out_text, "ticks 7 seed 0 out -\noperand -k\noperand --set\n");
}
END_TEST

/* Command line -> second and third line; the exit code is 2 in all. */
static const struct {
    const char *line;
    const char *text;
} bad[] = {
    {"show --tisk 1", "tool show: unknown option --tisk\n  why:  tool show has no such option; did "
                      "you mean --ticks?\n  next: tool show -h\n"},
    {"show --zzzzzzzz", "tool show: unknown option --zzzzzzzz\n  why:  tool show has no such "
                        "option\n  next: tool show -h\n"},
    {"shwo",
     "tool: unknown command \"shwo\"\n  why:  tool has no such command; did you mean show?\n"
     "  next: tool show -h\n"},
    {"show --ticks", "tool show: --ticks needs a value\n  why:  it is written --ticks N\n"
                     "  next: tool show -h\n"},
    {"show --ticks 0", "tool show: --ticks cannot be \"0\"\n  why:  it is a decimal number from 1 "
                       "to 100\n  next: tool show -h\n"},
    {"show --ticks 101",
     "tool show: --ticks cannot be \"101\"\n  why:  it is a decimal number from "
     "1 to 100\n  next: tool show -h\n"},
    {"show --seed 18446744073709551616",
     "tool show: --seed cannot be \"18446744073709551616\"\n  why:  it is a decimal number, at "
     "least 0\n  next: tool show -h\n"},
    {"show --seed -1", "tool show: --seed cannot be \"-1\"\n  why:  it is a decimal number, at "
                       "least 0\n  next: tool show -h\n"},
    {"show --level mid", "tool show: --level cannot be \"mid\"\n  why:  it is one of: low, high\n"
                         "  next: tool show -h\n"},
    {"show --keep=1", "tool show: --keep takes no value\n  why:  \"1\" was given\n"
                      "  next: tool show -h\n"},
    {"show -o a -o b", "tool show: --out is given twice\n  why:  it has one value: \"a\" or \"b\"\n"
                       "  next: tool show -h\n"},
    {"show -x", "tool show: unknown option -x\n  why:  tool show has no such option\n"
                "  next: tool show -h\n"},
    {"show a b c d", "tool show: does not take \"d\"\n  why:  4 given, at most 3 wanted\n"
                     "  next: tool show -h\n"},
    {"", "tool: needs a command\n  why:  none was given\n  next: tool -h\n"},
};

START_TEST(refused_by_name) /* _i = row of bad */
{
    ck_assert_int_eq(run(false, NULL, bad[_i].line), CLI_USAGE);
    ck_assert_str_eq(err_text, bad[_i].text);
    ck_assert_str_eq(out_text, "");
}
END_TEST

START_TEST(failure_in_three_lines)
{
    ck_assert_int_eq(run(false, NULL, "fail"), CLI_NOT_FOUND);
    ck_assert_str_eq(err_text, "tool fail: cannot read a?b\n  why:  first\n        second\n"
                               "  next: tool help fail\n");
    ck_assert_int_eq(run(false, NULL, "fail --json"), CLI_NOT_FOUND);
    ck_assert_str_eq(out_text, "{\"event\":\"error\",\"schema\":\"tool.error/1\",\"exit\":3,"
                               "\"what\":\"cannot read a?b\",\"why\":\"first\\nsecond\","
                               "\"next\":\"tool help fail\"}\n");
    ck_assert_int_eq(run(false, NULL, "no"), CLI_NO);
    ck_assert_str_eq(err_text, "");
}
END_TEST

START_TEST(what_to_type_is_words)
{
    ck_assert_int_eq(run(false, NULL, "next"), CLI_NO);
    ck_assert_str_eq(err_text, "warned of a?b\ntool next: no a?  next: rm -rf b\n"
                               "  next: tool show '' --data $'a\\n\\'b\\\\\\001' "
                               "-n 7@18446744073709551615 && mv 'c d'\\''e'.broken\n");
    ck_assert_int_eq(run(false, NULL, "long"), CLI_NO);
    ck_assert_str_eq(err_text, "tool long: no\n");
}
END_TEST

START_TEST(words_are_what_they_were) /* _i = seed */
{
    rng = jit_random_of((uint64_t)_i);
    ck_assert_int_eq(run(false, NULL, "words"), CLI_OK);
}
END_TEST

START_TEST(json_is_all_there_is)
{
    ck_assert_int_eq(run(true, NULL, "show --json a"), CLI_OK);
    ck_assert_str_eq(out_text, "{\"event\":\"done\",\"schema\":\"tool.show/1\",\"ticks\":7,"
                               "\"big\":\"18446744073709551615\",\"bad\":\"(not UTF-8)\","
                               "\"ok\":true}\n");
}
END_TEST

START_TEST(colour_when_wanted)
{
    const char *plain = "ticks 7 seed 0 out -\n";
    const char *bold = "\033[1mticks\033[0m 7 seed 0 out -\n";
    run(false, NULL, "show");
    ck_assert_str_eq(out_text, plain);
    run(true, NULL, "show");
    ck_assert_str_eq(out_text, bold);
    run(true, NULL, "show --color never");
    ck_assert_str_eq(out_text, plain);
    run(false, NULL, "show --color always");
    ck_assert_str_eq(out_text, bold);
    no_color = "1";
    run(true, NULL, "show");
    ck_assert_str_eq(out_text, plain);
    no_color = NULL;
    term = "dumb";
    run(true, NULL, "show");
    ck_assert_str_eq(out_text, plain);
}
END_TEST

START_TEST(help_has_three_examples)
{
    static const char *const lines[] = {"-h", "help", "show -h", "help show", "--help"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        ck_assert_int_eq(run(false, NULL, lines[i]), CLI_OK);
        ck_assert_str_eq(err_text, "");
        const char *at = strstr(out_text, "\nExamples:\n");
        ck_assert_ptr_nonnull(at);
        int examples = 0;
        for (; (at = strstr(at, "\n  tool ")) != NULL; at++) {
            examples++;
        }
        ck_assert_int_eq(examples, 3);
    }
    run(false, NULL, "help show");
    ck_assert_ptr_nonnull(strstr(out_text, "At length."));
    ck_assert_ptr_nonnull(strstr(out_text, "-t, --ticks N"));
    ck_assert_ptr_nonnull(strstr(out_text, "(default: 7)"));
    ck_assert_ptr_nonnull(strstr(out_text, "Exit codes:"));
    ck_assert_int_eq(run(false, NULL, "help shwo"), CLI_USAGE);
    ck_assert_int_eq(run(false, NULL, "--version"), CLI_OK);
    ck_assert_str_eq(out_text, "tool 1.2.3\n");
}
END_TEST

START_TEST(progress_on_a_terminal_is_one_line)
{
    ck_assert_int_eq(run(true, NULL, "progress"), CLI_OK);
    ck_assert_ptr_null(strchr(err_text, '\n'));
    ck_assert_ptr_nonnull(
        strstr(err_text, "\rtick  200/300 ticks   66%  100 ticks/s  ETA 0:01  x\033[K"));
    ck_assert_str_eq(err_text + strlen(err_text) - 4, "\r\033[K");
    ck_assert_str_eq(out_text, "");
}
END_TEST

START_TEST(progress_elsewhere_is_a_line_a_second)
{
    ck_assert_int_eq(run(false, NULL, "progress"), CLI_OK);
    ck_assert_str_eq(err_text, "tick  200/300 ticks   66%  100 ticks/s  ETA 0:01  x\n"
                               "tick  300/300 ticks  100%  100 ticks/s  x\n");
    ck_assert_int_eq(run(false, NULL, "-q progress"), CLI_OK);
    ck_assert_str_eq(err_text, "");
}
END_TEST

START_TEST(output_that_goes_nowhere)
{
    int ends[2];
    ck_assert_int_eq(run(false, fopen("/dev/full", "w"), "show"), CLI_HOST);
    ck_assert_ptr_nonnull(strstr(err_text, "No space left on device"));
    ck_assert_int_eq(run(false, fopen("/dev/full", "w"), "show --json"), CLI_HOST);
    ck_assert_int_eq(run(false, fopen("/dev/full", "w"), "no"), CLI_HOST);
    ck_assert_ptr_nonnull(strstr(err_text, "tool: cannot write the output: No space left"));
    ck_assert_int_eq(run(false, fopen("/dev/full", "w"), "fail"), CLI_NOT_FOUND);
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[0]);
    ck_assert_int_eq(run(false, fdopen(ends[1], "w"), "show --json"), CLI_PIPE);
    ck_assert_str_eq(err_text, "a note\n");
}
END_TEST

START_TEST(numbers_for_people)
{
    char text[CLI_NUMBER_SIZE];
    ck_assert_str_eq(cli_group(0, text), "0");
    ck_assert_str_eq(cli_group(999, text), "999");
    ck_assert_str_eq(cli_group(1000, text), "1,000");
    ck_assert_str_eq(cli_group(UINT64_MAX, text), "18,446,744,073,709,551,615");
    ck_assert_str_eq(cli_bytes(999, text), "999 B");
    ck_assert_str_eq(cli_bytes(1200000, text), "1.2 MB");
    ck_assert_str_eq(cli_bytes(UINT64_MAX, text), "18.4 EB");
    ck_assert_str_eq(cli_duration(31000000000, text), "0:31");
    ck_assert_str_eq(cli_duration(3723000000000, text), "1:02:03");
    ck_assert_int_eq(cli_exit_of(JIT_ENOSPC), CLI_HOST);
    ck_assert_int_eq(cli_exit_of(JIT_ECORRUPT), CLI_CORRUPT);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *t = test_case(suite, "cli", 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, options_in_every_spelling);
    tcase_add_loop_test(t, refused_by_name, 0, (int)(sizeof bad / sizeof *bad));
    tcase_add_test(t, failure_in_three_lines);
    tcase_add_test(t, what_to_type_is_words);
    tcase_add_loop_test(t, words_are_what_they_were, 0, 5);
    tcase_add_test(t, json_is_all_there_is);
    tcase_add_test(t, colour_when_wanted);
    tcase_add_test(t, help_has_three_examples);
    tcase_add_test(t, progress_on_a_terminal_is_one_line);
    tcase_add_test(t, progress_elsewhere_is_a_line_a_second);
    tcase_add_test(t, output_that_goes_nowhere);
    tcase_add_test(t, numbers_for_people);
}

TEST_MAIN("cli", fill)

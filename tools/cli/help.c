#include "tools/cli/cli_priv.h"

#include <string.h>

const char *cli_command(const struct cli *cli, char *out, size_t size)
{
    bool verb = cli->verb != NULL && cli->verb->name != NULL;
    snprintf(out, size, "%s%s%s", cli->program->name, verb ? " " : "", verb ? cli->verb->name : "");
    return out;
}

static void print_examples(FILE *out, const struct cli_example *examples, int count)
{
    fputs("\nExamples:\n", out);
    for (int i = 0; i < count && examples[i].command != NULL; i++) {
        if (examples[i].about != NULL) {
            fprintf(out, "  # %s\n", examples[i].about);
        }
        fprintf(out, "  %s\n", examples[i].command);
    }
}

#define HELP_INDENT 31
#define HELP_WIDTH  96

/* The text in lines of at most HELP_WIDTH columns, all but the first begun in its column. */
static void print_wrapped(FILE *out, const char *text)
{
    size_t column = HELP_INDENT;
    for (const char *word = text; *word != '\0';) {
        size_t size = strcspn(word, " ");
        if (column > HELP_INDENT && column + 1 + size > HELP_WIDTH) {
            fprintf(out, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        } else if (column > HELP_INDENT) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)size, word);
        column += size;
        word += size + strspn(word + size, " ");
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct cli_option *option)
{
    char left[80];
    char letter[8] = "    ";
    if (option->letter != 0) {
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    snprintf(left, sizeof left, "%s--%s%s%s%s", letter, option->name,
             option->metavar == NULL ? "" : " ", option->metavar == NULL ? "" : option->metavar,
             option->type == CLI_LIST ? " ..." : "");
    char text[512];
    bool fallback = option->fallback != NULL;
    snprintf(text, sizeof text, "%s%s%s%s", option->help, fallback ? " (default: " : "",
             fallback ? option->fallback : "", fallback ? ")" : "");
    fprintf(out, "  %-28s ", left);
    print_wrapped(out, text);
}

static void print_options(FILE *out, const char *title, const struct cli_option *options)
{
    if (options == NULL || options->name == NULL) {
        return;
    }
    fprintf(out, "\n%s:\n", title);
    for (; options->name != NULL; options++) {
        print_option(out, options);
    }
}

static void print_usage(const struct cli *cli, FILE *out)
{
    char command[128];
    const struct cli_verb *verb = cli->verb;
    fprintf(out, "Usage: %s%s%s%s\n", cli_command(cli, command, sizeof command),
            verb->options != NULL && verb->options->name != NULL ? " [OPTION...]" : "",
            verb->operands[0] == 0 ? "" : " ", verb->operands);
}

void cli_help_program(const struct cli *cli)
{
    FILE *out = cli->env->out;
    const struct cli_program *program = cli->program;
    if (program->verbs[0].name == NULL) {
        cli_help_full(cli);
        return;
    }
    fprintf(out, "%s - %s\nUsage: %s COMMAND [OPTION...]\n\nCommands:\n", program->name,
            program->summary, program->name);
    for (const struct cli_verb *verb = program->verbs; verb->run != NULL; verb++) {
        if (!verb->hidden) {
            fprintf(out, "  %-12s %s\n", verb->name, verb->summary);
        }
    }
    fprintf(out, "  %-12s %s\n", "help", "say all about a command: help COMMAND");
    print_options(out, "Options of every command", program->options);
    if (program->options == NULL) {
        fputs("\nOptions of every command:\n", out);
    }
    for (const struct cli_option *option = cli_builtin; option->name != NULL; option++) {
        print_option(out, option);
    }
    print_examples(out, program->examples, 3);
}

void cli_help_short(const struct cli *cli)
{
    FILE *out = cli->env->out;
    char command[128];
    cli_command(cli, command, sizeof command);
    fprintf(out, "%s - %s\n", command, cli->verb->summary);
    print_usage(cli, out);
    print_options(out, "Options", cli->verb->options);
    print_examples(out, cli->verb->examples, 3);
    if (cli->verb->name != NULL) {
        fprintf(out, "\nAll about it: %s help %s\n", cli->program->name, cli->verb->name);
    }
}

const char cli_exit_codes[] =
    "  0 yes, ok    1 the answer is no    2 wrong command line or input\n"
    "  3 not found    4 no supervisor answers    5 damaged file or store\n"
    "  6 a replay diverged    7 a worker failed    8 the host failed\n"
    "  124 time limit    125 no worker can be locked in here\n"
    "  128+n ended by signal n    141 whoever read the output went away";

void cli_help_full(const struct cli *cli)
{
    FILE *out = cli->env->out;
    char command[128];
    fprintf(out, "%s - %s\n", cli_command(cli, command, sizeof command), cli->verb->summary);
    print_usage(cli, out);
    if (cli->verb->about != NULL) {
        fprintf(out, "\n%s\n", cli->verb->about);
    }
    print_options(out, "Options", cli->verb->options);
    fputs("\nOptions of every command:\n", out);
    for (const struct cli_option *option = cli->program->options;
         option != NULL && option->name != NULL; option++) {
        print_option(out, option);
    }
    for (const struct cli_option *option = cli_builtin; option->name != NULL; option++) {
        print_option(out, option);
    }
    print_examples(out, cli->verb->examples, 4);
    fprintf(out, "\nExit codes:\n%s\n", cli_exit_codes);
}

/* Edits (insert, delete, replace, swap neighbours) from one word to another, words of at most 31
 * bytes. */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t row[3][33];
    size_t n = strlen(b);
    size_t m = strlen(a);
    if (n > 31 || m > 31) {
        return UINT32_MAX;
    }
    uint32_t *before = row[0];
    uint32_t *last = row[1];
    uint32_t *now = row[2];
    for (uint32_t j = 0; j <= n; j++) {
        last[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= m; i++) {
        now[0] = (uint32_t)i;
        for (size_t j = 1; j <= n; j++) {
            uint32_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
        uint32_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[n];
}

const char *cli_nearest(const char *word, const char *const *list, size_t count)
{
    const char *best = NULL;
    uint32_t least = strlen(word) <= 3 ? 2 : 3; /* fewer edits than this */
    for (size_t i = 0; i < count; i++) {
        uint32_t edits = distance(word, list[i]);
        if (edits < least) {
            least = edits;
            best = list[i];
        }
    }
    return best;
}

/* The manual page of a program, as scdoc's source, from its tables. */
#include <string.h>

#include "tools/cli/cli_priv.h"

/* Text of a table in a paragraph: what scdoc would take for marks is escaped. */
static void put_text(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        if (strchr("\\*_`<>#~.", *text) != NULL) {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

static void put_literal(FILE *out, const char *text)
{
    fprintf(out, "```\n%s\n```\n\n", text);
}

static void put_option(FILE *out, const struct cli_option *option)
{
    if (option->letter != 0) {
        fprintf(out, "*-%c*, ", option->letter);
    }
    fprintf(out, "*--%s*", option->name);
    if (option->metavar != NULL) {
        fputs(" _", out);
        for (const char *at = option->metavar; *at != 0; at++) {
            fputs(*at == '_' ? "\\_" : (char[]){*at, 0}, out);
        }
        fputc('_', out);
    }
    fputs("\n\t", out);
    put_text(out, option->help);
    if (option->fallback != NULL) {
        fputs(" (default: ", out);
        put_text(out, option->fallback);
        fputc(')', out);
    }
    for (const char *const *choice = option->choices; choice != NULL && *choice != NULL; choice++) {
        fputs(choice == option->choices ? "; one of " : ", ", out);
        put_text(out, *choice);
    }
    fputs("\n\n", out);
}

static void put_options(FILE *out, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        put_option(out, options);
    }
}

static void put_examples(FILE *out, const struct cli_example examples[4])
{
    for (int i = 0; i < 4 && examples[i].command != NULL; i++) {
        if (examples[i].about != NULL) {
            put_text(out, examples[i].about);
            fputs(strchr("?.", examples[i].about[strlen(examples[i].about) - 1]) ? "\n\n" : ":\n\n",
                  out);
        }
        put_literal(out, examples[i].command);
    }
}

static void put_verb(const struct cli_program *program, const struct cli_verb *verb, FILE *out)
{
    fputs("## ", out);
    fprintf(out, "%s %s", program->name, verb->name);
    fputs("\n\n*", out);
    fprintf(out, "%s %s*%s", program->name, verb->name,
            verb->options != NULL ? " [OPTION...]" : "");
    fputc(' ', out);
    put_text(out, verb->operands);
    fputs("\n\n", out);
    put_text(out, verb->summary);
    fputs("\n\n", out);
    if (verb->about != NULL) {
        put_literal(out, verb->about);
    }
    put_options(out, verb->options);
    put_examples(out, verb->examples);
}

void cli_print_man(const struct cli_program *program, FILE *out)
{
    fprintf(out, "%s(1) \"\" \"jitos %s\"\n\n# NAME\n\n%s - ", program->name, program->version,
            program->name);
    put_text(out, program->summary);
    fprintf(out,
            "\n\n# SYNOPSIS\n\n*%s* _COMMAND_ [_OPTION_...] [_OPERAND_...]\n\n*%s help* _COMMAND_"
            "\n\n# COMMANDS\n\n",
            program->name, program->name);
    for (const struct cli_verb *verb = program->verbs; verb->run != NULL; verb++) {
        if (!verb->hidden) {
            put_verb(program, verb, out);
        }
    }
    fputs("# OPTIONS OF EVERY COMMAND\n\n", out);
    put_options(out, program->options);
    put_options(out, cli_builtin);
    fputs("# EXIT STATUS\n\n", out);
    put_literal(out, cli_exit_codes);
    fputs("# EXAMPLES\n\n", out);
    put_examples(out, program->examples);
}

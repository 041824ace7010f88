/* Completion for bash and zsh, from the tables of a program. */
#include "tools/cli/cli_priv.h"

#include <string.h>

/* The lists of options a verb takes, one after another. */
static const struct cli_option *options_of(const struct cli_program *program,
                                           const struct cli_verb *verb, int list)
{
    return list == 0 ? verb->options : list == 1 ? program->options : cli_builtin;
}

/* ---- bash ---- */

static void bash_words(FILE *out, const struct cli_program *program, const struct cli_verb *verb)
{
    for (int list = 0; list < 3; list++) {
        const struct cli_option *option = options_of(program, verb, list);
        for (; option != NULL && option->name != NULL; option++) {
            fprintf(out, " --%s", option->name);
        }
    }
}

static void bash_choices(FILE *out, const struct cli_program *program, const struct cli_verb *verb)
{
    for (int list = 0; list < 3; list++) {
        const struct cli_option *option = options_of(program, verb, list);
        for (; option != NULL && option->name != NULL; option++) {
            if (option->type == CLI_CHOICE) {
                fprintf(out, "    \"%s --%s\") words=\"", verb->name, option->name);
                for (const char *const *choice = option->choices; *choice != NULL; choice++) {
                    fprintf(out, "%s%s", choice == option->choices ? "" : " ", *choice);
                }
                fputs("\" ;;\n", out);
            }
        }
    }
}

void cli_print_bash(const struct cli_program *program, FILE *out)
{
    const char *name = program->name;
    fprintf(out,
            "# bash completion for %s; made from its table of commands\n"
            "_%s() {\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
            "    local verb=${COMP_WORDS[1]} words=\n"
            "    if ((COMP_CWORD == 1)); then\n"
            "        COMPREPLY=($(compgen -W \"",
            name, name);
    for (const struct cli_verb *verb = program->verbs; verb->run != NULL; verb++) {
        fprintf(out, "%s ", verb->hidden ? "" : verb->name);
    }
    fputs("help\" -- \"$cur\"))\n        return\n    fi\n    case \"$verb $prev\" in\n", out);
    for (const struct cli_verb *verb = program->verbs; verb->run != NULL; verb++) {
        bash_choices(out, program, verb);
    }
    fputs("    esac\n"
          "    if [[ -n $words ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    if [[ $cur != -* ]]; then\n"
          "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    case $verb in\n",
          out);
    for (const struct cli_verb *verb = program->verbs; verb->run != NULL; verb++) {
        fprintf(out, "    %s) words=\"", verb->name);
        bash_words(out, program, verb);
        fputs("\" ;;\n", out);
    }
    fprintf(out,
            "    esac\n"
            "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
            "}\n"
            "complete -o filenames -F _%s %s\n",
            name, name);
}

/* ---- zsh ---- */

/* Inside '...' and inside the brackets or before the colon of a description. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            fputs(strchr("[]:\\", *text) != NULL ? "\\" : "", out);
            fputc(*text, out);
        }
    }
}

static void zsh_option(FILE *out, const struct cli_option *option)
{
    fputs(" \\\n            '", out);
    fprintf(out, "%s--%s[", option->type == CLI_LIST ? "*" : "", option->name);
    zsh_text(out, option->help);
    fputc(']', out);
    if (option->type != CLI_FLAG) {
        fputc(':', out);
        zsh_text(out, option->metavar);
        fputc(':', out);
    }
    if (option->type == CLI_CHOICE) {
        for (const char *const *choice = option->choices; *choice != NULL; choice++) {
            fprintf(out, "%c%s", choice == option->choices ? '(' : ' ', *choice);
        }
        fputc(')', out);
    } else if (option->type == CLI_TEXT || option->type == CLI_LIST) {
        fputs("_files", out);
    }
    fputc('\'', out);
}

void cli_print_zsh(const struct cli_program *program, FILE *out)
{
    const char *name = program->name;
    fprintf(out, "#compdef %s\n# zsh completion for %s; made from its table of commands\n_%s() {\n",
            name, name, name);
    fputs("    local -a verbs\n    verbs=(\n", out);
    for (const struct cli_verb *verb = program->verbs; verb->run != NULL; verb++) {
        if (!verb->hidden) {
            fprintf(out, "        '%s:", verb->name);
            zsh_text(out, verb->summary);
            fputs("'\n", out);
        }
    }
    fputs("        'help:say all about a command'\n    )\n"
          "    if ((CURRENT == 2)); then\n"
          "        _describe command verbs\n"
          "        return\n"
          "    fi\n"
          "    local verb=$words[2]\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $verb in\n"
          "    help) _describe command verbs ;;\n",
          out);
    for (const struct cli_verb *verb = program->verbs; verb->run != NULL; verb++) {
        fprintf(out, "    %s)\n        _arguments", verb->name);
        for (int list = 0; list < 3; list++) {
            const struct cli_option *option = options_of(program, verb, list);
            for (; option != NULL && option->name != NULL; option++) {
                zsh_option(out, option);
            }
        }
        fputs(" \\\n            '*:file:_files'\n        ;;\n", out);
    }
    fprintf(out, "    esac\n}\n_%s \"$@\"\n", name);
}

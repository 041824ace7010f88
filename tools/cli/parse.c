#include "tools/cli/cli_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const char *const color_choices[] = {"auto", "always", "never", NULL};

const struct cli_option cli_builtin[] = {
    CLI_OPTION(CLI_FLAG, "json", 0, NULL, "print NDJSON, one object a line"),
    CLI_OPTION(CLI_FLAG, "quiet", 'q', NULL, "no progress and no notes"),
    CLI_OPTION(CLI_CHOICE, "color", 0, "WHEN",
               "auto, always or never; NO_COLOR and TERM=dumb are honoured", .fallback = "auto",
               .choices = color_choices),
    CLI_OPTION(CLI_FLAG, "help", 'h', NULL, "short help with examples"),
    CLI_OPTION(CLI_FLAG, "version", 0, NULL, "print the version"),
    {0},
};

static void add_options(struct cli *cli, const struct cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        assert(cli->value_count < CLI_OPTIONS_MAX);
        struct cli_value *value = &cli->values[cli->value_count++];
        *value = (struct cli_value){.option = options, .text = options->fallback};
        if (options->type == CLI_NUMBER && options->fallback != NULL) {
            value->number = strtoull(options->fallback, NULL, 10);
        }
    }
}

static struct cli_value *find(struct cli *cli, const char *name, size_t size)
{
    for (uint32_t i = 0; i < cli->value_count; i++) {
        const char *have = cli->values[i].option->name;
        if (strlen(have) == size && memcmp(have, name, size) == 0) {
            return &cli->values[i];
        }
    }
    return NULL;
}

static struct cli_value *find_letter(struct cli *cli, char letter)
{
    for (uint32_t i = 0; i < cli->value_count; i++) {
        if (cli->values[i].option->letter == letter) {
            return &cli->values[i];
        }
    }
    return NULL;
}

static void next_help(struct cli *cli)
{
    const char *verb = cli->verb != NULL ? cli->verb->name : NULL;
    cli_next(cli, "%s %s -h", cli->program->name, verb);
}

static int refuse_option(struct cli *cli, const char *name, size_t size)
{
    char command[128];
    char word[64];
    const char *names[CLI_OPTIONS_MAX];
    for (uint32_t i = 0; i < cli->value_count; i++) {
        names[i] = cli->values[i].option->name;
    }
    snprintf(word, sizeof word, "%.*s", (int)(size < 63 ? size : 63), name);
    const char *near = cli_nearest(word, names, cli->value_count);
    cli_command(cli, command, sizeof command);
    cli_what(cli, "unknown option --%s", word);
    if (near != NULL) {
        cli_why(cli, "%s has no such option; did you mean --%s?", command, near);
    } else {
        cli_why(cli, "%s has no such option", command);
    }
    next_help(cli);
    return CLI_USAGE;
}

static int refuse_value(struct cli *cli, const struct cli_option *option, const char *text)
{
    cli_what(cli, "--%s cannot be \"%s\"", option->name, text);
    if (option->type == CLI_CHOICE) {
        char list[512];
        size_t used = 0;
        list[0] = 0;
        for (const char *const *c = option->choices; *c != NULL && used < sizeof list; c++) {
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                     c == option->choices ? "" : ", ", *c);
        }
        cli_why(cli, "it is one of: %s", list);
    } else if (option->max != 0) {
        cli_why(cli, "it is a decimal number from %llu to %llu", (unsigned long long)option->min,
                (unsigned long long)option->max);
    } else {
        cli_why(cli, "it is a decimal number, at least %llu", (unsigned long long)option->min);
    }
    next_help(cli);
    return CLI_USAGE;
}

static bool parse_number(const char *text, uint64_t *out)
{
    uint64_t number = 0;
    if (*text == 0) {
        return false;
    }
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number)) {
            return false;
        }
    }
    *out = number;
    return true;
}

static int take_value(struct cli *cli, struct cli_value *value, const char *text)
{
    const struct cli_option *option = value->option;
    if (option->type == CLI_NUMBER) {
        uint64_t number;
        if (!parse_number(text, &number) || number < option->min ||
            (option->max != 0 && number > option->max)) {
            return refuse_value(cli, option, text);
        }
        value->number = number;
    } else if (option->type == CLI_CHOICE) {
        const char *const *choice = option->choices;
        while (*choice != NULL && strcmp(*choice, text) != 0) {
            choice++;
        }
        if (*choice == NULL) {
            return refuse_value(cli, option, text);
        }
    }
    if (value->count > 0 && option->type != CLI_LIST) {
        cli_what(cli, "--%s is given twice", option->name);
        cli_why(cli, "it has one value: \"%s\" or \"%s\"", value->text, text);
        next_help(cli);
        return CLI_USAGE;
    }
    if (option->type == CLI_LIST) {
        cli->listed[cli->listed_count++] = (struct cli_listed){.option = option, .text = text};
    }
    value->text = text;
    value->count++;
    return CLI_OK;
}

static int refuse_missing(struct cli *cli, const struct cli_option *option)
{
    cli_what(cli, "--%s needs a value", option->name);
    cli_why(cli, "it is written --%s %s", option->name, option->metavar);
    next_help(cli);
    return CLI_USAGE;
}

/* --name, --name=value, --name value. *at is moved past what was used. */
static int take_long(struct cli *cli, char **args, int count, int *at)
{
    const char *name = args[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals == NULL ? strlen(name) : (size_t)(equals - name);
    struct cli_value *value = find(cli, name, size);
    (*at)++;
    if (value == NULL) {
        return refuse_option(cli, name, size);
    }
    if (value->option->type == CLI_FLAG) {
        if (equals != NULL) {
            cli_what(cli, "--%s takes no value", value->option->name);
            cli_why(cli, "\"%s\" was given", equals + 1);
            next_help(cli);
            return CLI_USAGE;
        }
        value->count++;
        return CLI_OK;
    }
    if (equals != NULL) {
        return take_value(cli, value, equals + 1);
    }
    if (*at == count) {
        return refuse_missing(cli, value->option);
    }
    return take_value(cli, value, args[(*at)++]);
}

/* -q, -qv, -oFILE, -o FILE. */
static int take_short(struct cli *cli, char **args, int count, int *at)
{
    const char *letters = args[(*at)++] + 1;
    for (; *letters != 0; letters++) {
        struct cli_value *value = find_letter(cli, *letters);
        if (value == NULL) {
            char command[128];
            cli_what(cli, "unknown option -%c", *letters);
            cli_why(cli, "%s has no such option", cli_command(cli, command, sizeof command));
            next_help(cli);
            return CLI_USAGE;
        }
        if (value->option->type != CLI_FLAG) {
            if (letters[1] != 0) {
                return take_value(cli, value, letters + 1);
            }
            if (*at == count) {
                return refuse_missing(cli, value->option);
            }
            return take_value(cli, value, args[(*at)++]);
        }
        value->count++;
    }
    return CLI_OK;
}

static const struct cli_verb *find_verb(const struct cli_program *program, const char *name)
{
    for (const struct cli_verb *verb = program->verbs; verb->run != NULL; verb++) {
        if (verb->name != NULL && strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

static int refuse_verb(struct cli *cli, const char *word)
{
    const char *names[CLI_OPTIONS_MAX];
    size_t count = 0;
    const struct cli_verb *verb = cli->program->verbs;
    for (; verb->run != NULL && count < CLI_OPTIONS_MAX; verb++) {
        if (!verb->hidden) {
            names[count++] = verb->name;
        }
    }
    const char *near = cli_nearest(word, names, count);
    cli_what(cli, "unknown command \"%s\"", word);
    if (near != NULL) {
        cli_why(cli, "%s has no such command; did you mean %s?", cli->program->name, near);
        cli_next(cli, "%s %s -h", cli->program->name, near);
    } else {
        cli_why(cli, "%s has no such command", cli->program->name);
        next_help(cli);
    }
    return CLI_USAGE;
}

static int run_help(struct cli *cli, bool *done)
{
    if (cli->operand_count == 0 || strcmp(cli->operands[0], "help") == 0) {
        cli_help_program(cli);
        *done = true;
        return CLI_OK;
    }
    const struct cli_verb *verb = find_verb(cli->program, cli->operands[0]);
    if (verb == NULL) {
        return refuse_verb(cli, cli->operands[0]);
    }
    cli->verb = verb;
    add_options(cli, verb->options);
    cli_help_full(cli);
    *done = true;
    return CLI_OK;
}

static int check_operands(struct cli *cli)
{
    const struct cli_verb *verb = cli->verb;
    if (cli->operand_count < verb->operands_min) {
        cli_what(cli, "needs %s", verb->operands);
        cli_why(cli, "%u given, at least %u wanted", cli->operand_count, verb->operands_min);
    } else if (cli->operand_count > verb->operands_max) {
        cli_what(cli, "does not take \"%s\"", cli->operands[verb->operands_max]);
        cli_why(cli, "%u given, at most %u wanted", cli->operand_count, verb->operands_max);
    } else {
        return CLI_OK;
    }
    next_help(cli);
    return CLI_USAGE;
}

static bool flag(struct cli *cli, const char *name)
{
    return find(cli, name, strlen(name))->count > 0;
}

static void settle_output(struct cli *cli)
{
    const struct cli_env *env = cli->env;
    const char *when = find(cli, "color", 5)->text;
    const char *term = env->get("TERM");
    const char *no_color = env->get("NO_COLOR");
    bool always = strcmp(when, "always") == 0;
    bool may = strcmp(when, "auto") == 0 && (no_color == NULL || *no_color == 0) &&
               (term == NULL || strcmp(term, "dumb") != 0);
    cli->json = flag(cli, "json");
    cli->quiet = flag(cli, "quiet");
    cli->color_out = always || (may && env->out_tty);
    cli->color_err = always || (may && env->err_tty);
}

int cli_parse(struct cli *cli, int argc, char **argv, bool *done)
{
    const struct cli_program *program = cli->program;
    bool literal = false; /* after "--" */
    bool help_verb = false;
    *done = false;
    add_options(cli, cli_builtin);
    add_options(cli, program->options);
    if (program->verbs[0].name == NULL) {
        cli->verb = &program->verbs[0];
        add_options(cli, cli->verb->options);
    }
    int code = CLI_OK;
    for (int at = 1; code == CLI_OK && at < argc;) {
        char *arg = argv[at];
        if (!literal && strcmp(arg, "--") == 0) {
            literal = true;
            at++;
        } else if (!literal && arg[0] == '-' && arg[1] == '-') {
            code = take_long(cli, argv, argc, &at);
        } else if (!literal && arg[0] == '-' && arg[1] != 0) {
            code = take_short(cli, argv, argc, &at);
        } else if (cli->verb != NULL || help_verb) {
            cli->operands[cli->operand_count++] = arg;
            at++;
        } else if (strcmp(arg, "help") == 0) {
            help_verb = true;
            at++;
        } else {
            cli->verb = find_verb(program, arg);
            code = cli->verb == NULL ? refuse_verb(cli, arg) : CLI_OK;
            add_options(cli, cli->verb == NULL ? NULL : cli->verb->options);
            at++;
        }
    }
    settle_output(cli);
    if (code != CLI_OK) {
        return code;
    }
    if (help_verb) {
        return run_help(cli, done);
    }
    if (flag(cli, "version")) {
        fprintf(cli->env->out, "%s %s\n", program->name, program->version);
        *done = true;
        return CLI_OK;
    }
    if (flag(cli, "help")) {
        *done = true;
        if (cli->verb == NULL) {
            cli_help_program(cli);
        } else {
            cli_help_short(cli);
        }
        return CLI_OK;
    }
    if (cli->verb == NULL) {
        cli_what(cli, "needs a command");
        cli_why(cli, "none was given");
        next_help(cli);
        return CLI_USAGE;
    }
    return check_operands(cli);
}

#include "tools/cli/cli_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/whole.h"

/* ---- the system ---- */

static uint64_t system_now(struct jit_clock *clock)
{
    struct timespec now;
    (void)clock;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const char *system_get(const char *name)
{
    return getenv(name);
}

const struct cli_env *cli_env_system(void)
{
    static struct jit_clock clock = {system_now};
    static struct cli_env env;
    struct winsize window;
    env = (struct cli_env){
        .out = stdout,
        .err = stderr,
        .out_tty = isatty(STDOUT_FILENO) == 1,
        .err_tty = isatty(STDERR_FILENO) == 1,
        .clock = &clock,
        .get = system_get,
    };
    if (env.err_tty && ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0) {
        env.columns = window.ws_col;
    }
    return &env;
}

/* ---- memory for JSON ---- */

/* Jansson's own calls for lists and nested objects leave out what there is no memory for, and few
 * callers could say more than that the output has a gap. It has one allocator for the process. */
static bool starved;

void cli_json_starved(void)
{
    starved = true;
}

static void *json_room(size_t size)
{
    void *block = malloc(size);
    starved = starved || block == NULL;
    return block;
}

/* ---- values ---- */

static const struct cli_value *value_of(const struct cli *cli, const char *name)
{
    for (uint32_t i = 0; i < cli->value_count; i++) {
        if (strcmp(cli->values[i].option->name, name) == 0) {
            return &cli->values[i];
        }
    }
    assert(false); /* an option that the tables do not have */
    return NULL;
}

bool cli_given(const struct cli *cli, const char *name)
{
    return value_of(cli, name)->count > 0;
}

const char *cli_text(const struct cli *cli, const char *name)
{
    return value_of(cli, name)->text;
}

bool cli_has(const struct cli *cli, const char *name)
{
    for (uint32_t i = 0; i < cli->value_count; i++) {
        if (strcmp(cli->values[i].option->name, name) == 0) {
            return true;
        }
    }
    return false;
}

void cli_replace(struct cli *cli, const char *name, const char *text)
{
    for (uint32_t i = 0; i < cli->value_count; i++) {
        if (strcmp(cli->values[i].option->name, name) == 0) {
            cli->values[i].text = text;
        }
    }
}

uint64_t cli_number(const struct cli *cli, const char *name)
{
    const struct cli_value *value = value_of(cli, name);
    assert(value->option->type == CLI_NUMBER);
    return value->number;
}

const char *cli_list(const struct cli *cli, const char *name, uint32_t index)
{
    const struct cli_value *value = value_of(cli, name);
    assert(value->option->type == CLI_LIST);
    if (value->count == 0) {
        return index == 0 ? value->option->fallback : NULL;
    }
    for (uint32_t i = 0; i < cli->listed_count; i++) {
        if (cli->listed[i].option == value->option && index-- == 0) {
            return cli->listed[i].text;
        }
    }
    return NULL;
}

/* ---- failures and notes ---- */

bool cli_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

const char *cli_shown(const void *bytes, size_t size, size_t max, char *out)
{
    const char *from = bytes;
    size_t shown = size < max ? size : max;
    while (shown < size && shown > 0 && ((unsigned char)from[shown] & 0xc0u) == 0x80u) {
        shown--;
    }
    for (size_t i = 0; i < shown; i++) {
        out[i] = cli_is_control(from[i]) ? '?' : from[i];
    }
    snprintf(out + shown, 4, "%s", shown < size ? "..." : "");
    return out;
}

/* Names and input end up in messages: no control byte of theirs may reach a terminal, nor begin a
 * line where there is to be one only. */
static void set_text(char *to, size_t size, bool lines, const char *format, va_list list)
{
    vsnprintf(to, size, format, list);
    for (; *to != 0; to++) {
        if (cli_is_control(*to) && !(lines && *to == '\n') && *to != '\t') {
            *to = '?';
        }
    }
}

void cli_what(struct cli *cli, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    set_text(cli->what, sizeof cli->what, false, format, list);
    va_end(list);
}

void cli_why(struct cli *cli, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    set_text(cli->why, sizeof cli->why, true, format, list);
    va_end(list);
}

void cli_why_text(struct cli *cli, const void *text, size_t size, const char *otherwise)
{
    const size_t most = sizeof cli->why - 1;
    if (size == 0) {
        cli_why(cli, "%s", otherwise);
    } else {
        cli_why(cli, "%.*s", (int)(size < most ? size : most), (const char *)text);
    }
}

int cli_no_memory(struct cli *cli)
{
    cli_what(cli, "%s", jit_err_text(JIT_ENOMEM));
    cli_next(cli, "free -h; ulimit -a");
    return CLI_HOST;
}

int cli_exit_of(enum jit_err err)
{
    switch (err) {
    case JIT_OK:
        return CLI_OK;
    case JIT_ENOENT:
        return CLI_NOT_FOUND;
    case JIT_ECORRUPT:
        return CLI_CORRUPT;
    case JIT_EDIVERGED:
        return CLI_DIVERGED;
    case JIT_EPEER:
        return CLI_UNREACHABLE;
    case JIT_ENOMEM:
    case JIT_EIO:
    case JIT_ENOSPC:
    case JIT_EPERM:
    case JIT_EAGAIN:
        return CLI_HOST;
    case JIT_ECAP:
    case JIT_ECONFLICT:
    case JIT_ENOMATCH:
        return CLI_NO;
    default:
        return CLI_USAGE;
    }
}

static void say(struct cli *cli, const char *format, va_list list)
{
    char line[CLI_WHY_SIZE];
    cli_line_clear(cli);
    set_text(line, sizeof line, false, format, list);
    fprintf(cli->env->err, "%s\n", line);
    fflush(cli->env->err);
}

void cli_note(struct cli *cli, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (!cli->quiet) {
        say(cli, format, list);
    }
    va_end(list);
}

void cli_warn(struct cli *cli, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(cli, format, list);
    va_end(list);
}

static void report(struct cli *cli, int code)
{
    FILE *err = cli->env->err;
    char command[128];
    cli_line_clear(cli);
    if (cli->what[0] == 0) {
        return;
    }
    fprintf(err, "%s%s: %s%s\n", cli->color_err ? "\033[31m" : "",
            cli_command(cli, command, sizeof command), cli->what, cli->color_err ? "\033[0m" : "");
    const char *lead = "  why:  ";
    for (const char *line = cli->why; *line != 0; lead = "        ") {
        size_t size = strcspn(line, "\n");
        fprintf(err, "%s%.*s\n", lead, (int)size, line);
        line += size + (line[size] == '\n');
    }
    if (cli->next[0] != 0) {
        fprintf(err, "  next: %s\n", cli->next);
    }
    fflush(err);
    if (cli->json && !cli->out_broken) {
        char schema[64];
        starved = false; /* this may find room again */
        snprintf(schema, sizeof schema, "%s.error/1", cli->program->name);
        json_t *event = cli_event("error", schema);
        cli_put_number(event, "exit", (uint64_t)code);
        cli_put_text(event, "what", cli->what);
        cli_put_text(event, "why", cli->why);
        cli_put_text(event, "next", cli->next);
        (void)cli_emit(cli, event); /* the error itself is already on stderr */
    }
}

/* ---- stdout ---- */

int cli_written(const struct cli *cli)
{
    return !cli->out_broken ? CLI_OK : cli->out_errno == EPIPE ? CLI_PIPE : CLI_HOST;
}

static int out_result(struct cli *cli, bool failed)
{
    if (failed && !cli->out_broken) {
        cli->out_errno = errno;
        cli->out_broken = true;
    }
    return cli_written(cli);
}

int cli_write(struct cli *cli, const void *bytes, size_t size)
{
    if (cli->out_broken) {
        return cli_written(cli);
    }
    return out_result(cli, fwrite(bytes, 1, size, cli->env->out) != size);
}

int cli_flush(struct cli *cli)
{
    return out_result(cli, !cli->out_broken && fflush(cli->env->out) == EOF);
}

void cli_print(struct cli *cli, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (!cli->json && !cli->out_broken) {
        cli_line_clear(cli);
        (void)out_result(cli, vfprintf(cli->env->out, format, list) < 0);
    }
    va_end(list);
}

const char *cli_style(const struct cli *cli, enum cli_style style)
{
    static const char *const escapes[] = {
        [CLI_PLAIN] = "\033[0m", [CLI_BOLD] = "\033[1m",   [CLI_DIM] = "\033[2m",
        [CLI_RED] = "\033[31m",  [CLI_GREEN] = "\033[32m", [CLI_YELLOW] = "\033[33m",
    };
    return cli->color_out ? escapes[style] : "";
}

/* ---- NDJSON ---- */

json_t *cli_put(json_t *object, const char *key, json_t *value)
{
    if (object == NULL || value == NULL || json_object_set_new(object, key, value) != 0) {
        if (object == NULL) {
            json_decref(value);
        } else {
            /* Remembered in the object itself: cli_emit() refuses one without its event. */
            (void)json_object_del(object, "event");
        }
    }
    return object;
}

json_t *cli_put_text(json_t *object, const char *key, const char *text)
{
    /* Text from outside may be anything; what is no UTF-8 must not lose the event. */
    json_t *value = json_string(text);
    if (value == NULL && !starved) {
        value = json_string("(not UTF-8)");
    }
    return cli_put(object, key, value);
}

json_t *cli_put_number(json_t *object, const char *key, uint64_t number)
{
    if (number > INT64_MAX) { /* jansson has no u64; a seed may be one */
        char text[CLI_NUMBER_SIZE];
        snprintf(text, sizeof text, "%llu", (unsigned long long)number);
        return cli_put_text(object, key, text);
    }
    return cli_put(object, key, json_integer((json_int_t)number));
}

json_t *cli_put_bool(json_t *object, const char *key, bool value)
{
    return cli_put(object, key, json_boolean(value));
}

json_t *cli_event(const char *event, const char *schema)
{
    json_t *object = json_object();
    cli_put_text(object, "event", event);
    return cli_put_text(object, "schema", schema);
}

int cli_emit(struct cli *cli, json_t *object)
{
    if (!cli->json) {
        json_decref(object);
        return CLI_OK;
    }
    const bool whole = !starved && json_object_get(object, "event") != NULL;
    char *line = whole ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (line == NULL) {
        starved = true;
        return cli_no_memory(cli);
    }
    cli_line_clear(cli);
    FILE *out = cli->env->out;
    bool failed =
        cli->out_broken || fputs(line, out) == EOF || fputc('\n', out) == EOF || fflush(out) == EOF;
    free(line);
    return out_result(cli, failed);
}

/* ---- main ---- */

/* What the build asks a program for: --print man, bash or zsh. */
static bool print_made(const struct cli_program *program, FILE *out, int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(const struct cli_program *program, FILE *out);
    } made[] = {{"man", cli_print_man}, {"bash", cli_print_bash}, {"zsh", cli_print_zsh}};
    for (size_t i = 0; argc == 3 && i < sizeof made / sizeof *made; i++) {
        if (strcmp(argv[1], "--print") == 0 && strcmp(argv[2], made[i].name) == 0 &&
            program->verbs[0].name != NULL) {
            made[i].print(program, out);
            return true;
        }
    }
    return false;
}

int cli_main(const struct cli_program *program, const struct cli_env *env, int argc, char **argv)
{
    struct cli *cli = calloc(1, sizeof *cli);
    const char **operands = calloc((size_t)argc + 1, sizeof *operands);
    struct cli_listed *listed = calloc((size_t)argc + 1, sizeof *listed);
    int code = CLI_HOST;
    bool done = false;
    jit_standard_files_hold();
    if (cli == NULL || operands == NULL || listed == NULL) {
        fprintf(env->err, "%s: out of memory\n", program->name);
        goto out;
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a limit on files is like a full disk: a write says so */
    /* Ignored, as a parent may leave it, it would take the supervisor's exit code from us. */
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &standard, NULL);
    json_set_alloc_funcs(json_room, free);
    *cli = (struct cli){.program = program, .env = env, .operands = operands, .listed = listed};
    cli->self = argc > 0 && strchr(argv[0], '/') != NULL ? argv[0] : program->name;
    done = print_made(program, env->out, argc, argv);
    code = done ? CLI_OK : cli_parse(cli, argc, argv, &done);
    if (code == CLI_OK && !done && program->prepare != NULL) {
        code = program->prepare(cli);
    }
    if (code == CLI_OK && !done) {
        code = cli->verb->run(cli);
    }
    if (starved && code == CLI_OK) {
        code = CLI_HOST;
    }
    report(cli, code);
    int written = out_result(cli, fflush(env->out) == EOF);
    bool unsaid = code == CLI_HOST && cli->what[0] == 0;
    if (unsaid && written == CLI_OK) { /* where nobody had the memory to say more */
        report(cli, cli_no_memory(cli));
    }
    /* A "no" that nobody could read is no answer. */
    bool lost = written != CLI_OK && (code == CLI_OK || code == CLI_NO);
    if (written == CLI_HOST && (lost || unsaid)) {
        fprintf(env->err, "%s: cannot write the output: %s\n", program->name,
                strerror(cli->out_errno));
    }
    if (lost || written == CLI_PIPE) {
        code = written;
    }
out:
    free(listed);
    free(operands);
    free(cli);
    return code;
}

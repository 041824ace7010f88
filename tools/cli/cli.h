/* tools/cli/cli.h - one framework for the command lines of all programs: verbs and options in
 * tables, help made from them, errors in three lines, --json as NDJSON, one progress line.
 * Layer: tools. The standard streams, the clock and the environment come in as struct cli_env, so
 * that a test can hold them.
 *
 * stdout carries data, stderr what happened. Without --json data is for people; with it, stdout has
 * one JSON object a line, each with "event" and "schema", and an error is the last of them as well.
 *
 * A program is a table of verbs. A verb's run() returns an exit code; before a failure it says what
 * failed, why, and what to type next:
 *     cli_what(cli, "cannot read %s", path);
 *     cli_why(cli, "%s", strerror(errno));
 *     cli_next(cli, "rmg help import");
 *     return CLI_NOT_FOUND; */
#ifndef JIT_TOOLS_CLI_CLI_H
#define JIT_TOOLS_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"

enum cli_exit {
    CLI_OK = 0,          /* yes, ok, same, verified */
    CLI_NO = 1,          /* the answer is no: it differs, is denied, conflicts */
    CLI_USAGE = 2,       /* the command line or an input file is wrong */
    CLI_NOT_FOUND = 3,   /* a file or a thing named does not exist */
    CLI_UNREACHABLE = 4, /* no supervisor answers */
    CLI_CORRUPT = 5,     /* a file, store or chain is damaged */
    CLI_DIVERGED = 6,    /* a replay gave another result */
    CLI_WORKER = 7,      /* a worker failed */
    CLI_HOST = 8,        /* the host failed: disk full, no memory, input or output error */
    CLI_TIME_LIMIT = 124,
    CLI_PIPE = 141 /* whoever read stdout went away, as if SIGPIPE had ended us */
};

enum cli_type {
    CLI_FLAG,   /* no value */
    CLI_TEXT,   /* any */
    CLI_NUMBER, /* decimal, min <= value <= max (max 0: no bound) */
    CLI_CHOICE, /* one of choices */
    CLI_LIST    /* any, may be given more than once */
};

struct cli_option {
    const char *name; /* "ticks" for --ticks */
    char letter;      /* 't' for -t; 0: none */
    enum cli_type type;
    const char *metavar;        /* "N"; NULL for a flag */
    const char *fallback;       /* the default as it would be typed; NULL: none */
    const char *help;           /* one line, lower case, no full stop */
    uint64_t min;               /* CLI_NUMBER */
    uint64_t max;               /* CLI_NUMBER; 0: no bound */
    const char *const *choices; /* CLI_CHOICE, ended by NULL */
};

/* A row of a table of options; what is not usual follows by name: .fallback = "1". */
#define CLI_OPTION(type_, name_, letter_, metavar_, help_, ...)                                    \
    {                                                                                              \
        .type = type_, .name = name_, .letter = letter_, .metavar = metavar_, .help = help_,       \
        __VA_ARGS__                                                                                \
    }

struct cli;

struct cli_example {
    const char *command; /* NULL ends the list */
    const char *about;
};

#define CLI_OPERANDS_ANY UINT32_MAX

struct cli_verb {
    const char *name;     /* NULL: the program has no verbs, this is all it does */
    const char *operands; /* "INPUT..." for the usage line, or "" */
    const char *summary;  /* one line */
    const char *about;    /* paragraphs for `help VERB`, lines of at most 80 columns; may be NULL */
    const struct cli_option *options; /* ended by one without a name; may be NULL */
    struct cli_example examples[4];   /* at least one; the first three are in the short help */
    uint32_t operands_min;
    uint32_t operands_max;
    bool hidden; /* not in the list of verbs */
    int (*run)(struct cli *cli);
};

struct cli_program {
    const char *name;    /* "rmg" */
    const char *summary; /* one line */
    const char *version;
    const struct cli_option *options; /* taken by every verb, besides the built-in ones; or NULL */
    const struct cli_verb *verbs;     /* ended by one without run */
    struct cli_example examples[4];   /* three for the short help of the program */
    /* Called before the verb; another exit code than CLI_OK is the program's. NULL: nothing. */
    int (*prepare)(struct cli *cli);
    void *user;
};

struct cli_env {
    FILE *out;
    FILE *err;
    bool out_tty;
    bool err_tty;
    int columns; /* of the terminal behind err; 0: unknown */
    struct jit_clock *clock;
    const char *(*get)(const char *name); /* an environment variable or NULL */
};

#define CLI_OPTIONS_MAX 64u
#define CLI_WHAT_SIZE   1024u
#define CLI_WHY_SIZE    4096u
#define CLI_WORDS       4u
#define CLI_WORD_SIZE   (4u * 4096u + 4u) /* a path of control bytes only, each of them \\ooo */

struct cli_value {
    const struct cli_option *option;
    uint32_t count; /* times given on the command line */
    uint64_t number;
    const char *text; /* the last one, or the default, or NULL */
};

struct cli_listed { /* one value of a CLI_LIST */
    const struct cli_option *option;
    const char *text;
};

struct cli {
    const struct cli_program *program;
    const struct cli_verb *verb;
    const struct cli_env *env;
    const char *self; /* the program as it was called, for commands to type: "tools/jitos" */
    uint32_t operand_count;
    const char **operands; /* a NULL behind the last */
    bool json;
    bool quiet;
    bool color_out; /* colour is wanted on stdout, on stderr */
    bool color_err;
    bool out_broken; /* stdout cannot be written any more; stop early */

    /* private */
    struct cli_value values[CLI_OPTIONS_MAX];
    uint32_t value_count;
    struct cli_listed *listed;
    uint32_t listed_count;
    bool line_open; /* a progress line stands on the terminal */
    int out_errno;
    char what[CLI_WHAT_SIZE];
    char why[CLI_WHY_SIZE];
    char next[2u * CLI_WORD_SIZE];
    char words[CLI_WORDS][CLI_WORD_SIZE];
    unsigned word_at;
};

/* The real streams, clock and environment. */
const struct cli_env *cli_env_system(void);

/* Parse, run the verb, report. Returns the exit code; SIGPIPE is ignored from then on. A program
 * with verbs also answers --print man, --print bash and --print zsh, alone: the source of its
 * manual page and its completions, which the build installs. */
int cli_main(const struct cli_program *program, const struct cli_env *env, int argc, char **argv);

/* Values of the options of the verb or the program; an unknown name is our bug. */
bool cli_given(const struct cli *cli, const char *name);       /* was it on the command line */
const char *cli_text(const struct cli *cli, const char *name); /* may be NULL without a default */
uint64_t cli_number(const struct cli *cli, const char *name);  /* 0 without a default */
/* The index-th value of a CLI_LIST; NULL past the last. */
const char *cli_list(const struct cli *cli, const char *name, uint32_t index);

/* Bytes as people may see them: control bytes become '?', at most max bytes, then "...", cut
 * between characters. out has max + 4 bytes; it comes back. */
const char *cli_shown(const void *bytes, size_t size, size_t max, char *out);

/* Does the verb or the program have such an option? */
bool cli_has(const struct cli *cli, const char *name);
/* Put another text in place of the one that was given; text is kept by the caller. */
void cli_replace(struct cli *cli, const char *name, const char *text);

/* The three lines of a failure; why may hold several lines. Without cli_what() nothing is printed,
 * also when the exit code is not 0 (an answer "no" needs no error). */
void cli_what(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_why(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Size bytes, as many as there is room for; without any, what is said otherwise. */
void cli_why_text(struct cli *cli, const void *text, size_t size, const char *otherwise);
/* What to type: %s becomes a word of the shell, as cli_word() has it; NULL leaves it out and
 * the blank before it. Besides it knows %u and %llu. A command that is too long is not said. */
void cli_next(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text as it is typed: as it is when the shell has nothing to say to it, else in quotes, control
 * bytes as $'\n'. It comes back as the same bytes, and prints as one line. What is longer than a
 * path may be becomes "...". Valid until this was called CLI_WORDS times more. */
const char *cli_word(struct cli *cli, const char *text);
/* All that there is to say when there was no memory; CLI_HOST. */
int cli_no_memory(struct cli *cli);
/* The exit code an error of the world stands for. */
int cli_exit_of(enum jit_err err);

/* One line to stderr, not with -q; a progress line is put out of its way. warn: also with -q. */
void cli_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_warn(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text to stdout, for people: does nothing with --json. */
void cli_print(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_GREEN, CLI_YELLOW };
/* The escape to begin a style on stdout (PLAIN: to end it), or "" without colour. */
const char *cli_style(const struct cli *cli, enum cli_style style);

/* ---- NDJSON ---- */
/* A new object that begins with "event" and "schema"; NULL without memory. Fill it with the calls
 * below or jansson's own; keys come out in the order in which they were put in. */
json_t *cli_event(const char *event, const char *schema);
/* Fill it; an object of NULL stays NULL, so one check at cli_emit() is enough. */
json_t *cli_put(json_t *object, const char *key, json_t *value); /* takes value */
json_t *cli_put_text(json_t *object, const char *key, const char *text);
json_t *cli_put_number(json_t *object, const char *key, uint64_t number);
json_t *cli_put_bool(json_t *object, const char *key, bool value);
/* Something was left out of an object for want of memory: no more is printed, and it ends so. */
void cli_json_starved(void);
/* Write it as one line and flush; takes object. Does nothing without --json. CLI_OK, CLI_HOST
 * (no memory, disk full) or CLI_PIPE. */
int cli_emit(struct cli *cli, json_t *object);

/* Write bytes to stdout whatever --json says (exports). CLI_OK, CLI_HOST or CLI_PIPE. */
int cli_write(struct cli *cli, const void *bytes, size_t size);

/* What was printed so far is on its way to whoever reads it. CLI_OK, CLI_HOST or CLI_PIPE. */
int cli_flush(struct cli *cli);

/* Whether all of it could be written up to now; a verb that prints much asks, and ends. CLI_OK,
 * CLI_HOST or CLI_PIPE. */
int cli_written(const struct cli *cli);

/* ---- numbers for people ---- */
#define CLI_NUMBER_SIZE 32u
const char *cli_group(uint64_t number, char out[CLI_NUMBER_SIZE]); /* 63,666 */
const char *cli_bytes(uint64_t bytes, char out[CLI_NUMBER_SIZE]);  /* 1.2 MB */
const char *cli_duration(uint64_t ns, char out[CLI_NUMBER_SIZE]);  /* 0:31, 1:02:03 */

/* ---- progress ----
 * On a terminal one line that is overwritten, at most ten times a second; else at most one line a
 * second. Always stderr, never with -q. */
struct cli_progress {
    struct cli *cli;
    const char *label;
    const char *unit; /* "ticks" */
    uint64_t first;
    uint64_t total; /* 0: unknown */
    uint64_t begun_ns;
    uint64_t shown_ns;
    bool any;
};
/* first: where counting starts (a run that continues), so that the rate is right. */
void cli_progress_begin(struct cli_progress *progress, struct cli *cli, const char *label,
                        const char *unit, uint64_t first, uint64_t total);
/* extra: more text for the line, or NULL. Cheap when it is not yet time to show anything. */
void cli_progress_update(struct cli_progress *progress, uint64_t done, const char *extra);
void cli_progress_end(struct cli_progress *progress); /* leaves the terminal line clean */

/* The word of a list nearest to a mistyped one, or NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *list, size_t count);

#endif

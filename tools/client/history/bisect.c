/* jitos bisect - the first tick at which something is no longer as it should be. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/whole.h"
#include "tools/client/jitos.h"
#include "tools/client/history/moment.h"
#include "tools/rmgtool/rmg.h"
#include "tools/client/temporary.h"

#define SKIPS_MAX 4096u
#define SKIP_EXIT 125

const struct cli_option jitos_bisect_options[] = {
    CLI_OPTION(CLI_TEXT, "data", 'd', "DIR", "the data folder; what is known so far is kept in it",
               .fallback = "."),
    {.name = NULL},
};

/* The file BISECT: "good N\nbad N\n" and a line "skip N" each. */
struct bisect {
    struct cli *cli;
    const char *data;
    char path[4300];
    uint64_t good;
    uint64_t bad;
    uint64_t skips[SKIPS_MAX];
    uint32_t skip_count;
};

static int load(struct bisect *b)
{
    char line[64];
    unsigned lines = 0;
    FILE *stream = fopen(b->path, "re");
    if (stream == NULL && errno != ENOENT) {
        cli_what(b->cli, "%s cannot be read", b->path);
        cli_why(b->cli, "%s", strerror(errno));
        return CLI_HOST;
    }
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        unsigned long long number;
        if (sscanf(line, "good %llu", &number) == 1) {
            b->good = number;
            lines |= 1;
        } else if (sscanf(line, "bad %llu", &number) == 1) {
            b->bad = number;
            lines |= 2;
        } else if (sscanf(line, "skip %llu", &number) == 1 && b->skip_count < SKIPS_MAX) {
            b->skips[b->skip_count++] = number;
        }
    }
    if (stream != NULL) {
        fclose(stream);
    }
    if (lines == 3 && b->good < b->bad) {
        return CLI_OK;
    }
    cli_what(b->cli, "no search has been started in %s", b->data);
    cli_why(b->cli, "a search needs a tick that is good and a later one that is bad");
    cli_next(b->cli, "jitos bisect start @0 HEAD --data %s", b->data);
    return CLI_USAGE;
}

static int save(struct bisect *b)
{
    struct jit_whole whole;
    char line[64];
    enum jit_err err = jit_whole_open(&whole, b->path);
    for (uint32_t i = 0; err == JIT_OK && i < b->skip_count + 2; i++) {
        uint64_t number = i == 0 ? b->good : i == 1 ? b->bad : b->skips[i - 2];
        int size = snprintf(line, sizeof line, "%s %llu\n",
                            i == 0   ? "good"
                            : i == 1 ? "bad"
                                     : "skip",
                            (unsigned long long)number);
        err = jit_whole_write(&whole, (const uint8_t *)line, (size_t)size);
    }
    enum jit_err closed = jit_whole_close(&whole, err == JIT_OK);
    if (err != JIT_OK || closed != JIT_OK) {
        cli_what(b->cli, "%s cannot be written", b->path);
        cli_why(b->cli, "%s", strerror(whole.error));
        return CLI_HOST;
    }
    return CLI_OK;
}

static int start(struct bisect *b)
{
    struct cli *cli = b->cli;
    int code = CLI_OK;
    if (cli->operand_count != 3) {
        cli_what(cli, "start needs GOOD and BAD");
        cli_why(cli, "a search goes from a good tick to a later bad one");
        cli_next(cli, "jitos bisect start @0 HEAD --data %s", b->data);
        return CLI_USAGE;
    }
    code = history_resolve(cli, b->data, cli->operands[1], &b->good);
    if (code == CLI_OK) {
        code = history_resolve(cli, b->data, cli->operands[2], &b->bad);
    }
    if (code == CLI_OK && b->good >= b->bad) {
        cli_what(cli, "the good tick does not lie before the bad one");
        cli_why(cli, "%llu is not less than %llu", (unsigned long long)b->good,
                (unsigned long long)b->bad);
        cli_next(cli, "jitos bisect start GOOD BAD");
        return CLI_USAGE;
    }
    for (int side = 0; code == CLI_OK && side < 2; side++) {
        char revision[32];
        struct moment moment;
        snprintf(revision, sizeof revision, "@%llu", (unsigned long long)(side ? b->bad : b->good));
        code = moment_open(cli, b->data, revision, &moment);
        moment_close(&moment);
    }
    return code == CLI_OK ? save(b) : code;
}

static bool skipped(const struct bisect *b, uint64_t tick)
{
    for (uint32_t i = 0; i < b->skip_count; i++) {
        if (b->skips[i] == tick) {
            return true;
        }
    }
    return false;
}

/* The tick to try: in the middle, or as near to it as one that was not skipped. */
static bool next_tick(const struct bisect *b, uint64_t *out)
{
    uint64_t middle = b->good + (b->bad - b->good) / 2;
    for (uint64_t off = 0; off < b->bad - b->good; off++) {
        if (middle > b->good + off && !skipped(b, middle - off)) {
            *out = middle - off;
            return true;
        }
        if (middle + off < b->bad && middle + off > b->good && !skipped(b, middle + off)) {
            *out = middle + off;
            return true;
        }
    }
    return false;
}

/* Run the command on one tick. Its exit code, or -1. What it finds in its environment is put into
 * ours: where that fails nothing was tried. */
static int try_command(struct bisect *b, uint64_t tick, const char *state)
{
    char number[32];
    int status = 0;
    char *const *argv = (char *const *)(uintptr_t)(b->cli->operands + 1); /* behind "run" */
    snprintf(number, sizeof number, "%llu", (unsigned long long)tick);
    assert(argv[0] != NULL); /* the verb requires one */
    if (setenv("JITOS_TICK", number, 1) != 0 || setenv("JITOS_STATE", state, 1) != 0 ||
        setenv("JITOS_DATA", b->data, 1) != 0) {
        return -1;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(2, 1) < 0) {
            _exit(128);
        }
        signal(SIGPIPE, SIG_DFL); /* cli_main ignores them; a command of yours is to end by them */
        signal(SIGXFSZ, SIG_DFL);
        execvp(argv[0], argv);
        fprintf(stderr, "jitos: %s: %s\n", argv[0], strerror(errno));
        _exit(128);
    }
    if (pid < 0) {
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void judge(struct bisect *b, uint64_t tick, const char *word)
{
    if (strcmp(word, "good") == 0) {
        b->good = tick;
    } else if (strcmp(word, "bad") == 0) {
        b->bad = tick;
    } else if (b->skip_count < SKIPS_MAX && !skipped(b, tick)) {
        b->skips[b->skip_count++] = tick;
    }
}

/* One step: the state as a file, the command, what it says. */
static int step(struct bisect *b, uint64_t tick, const char *state)
{
    struct moment moment;
    struct rmg_output out = RMG_OUTPUT_CLOSED;
    char revision[32];
    snprintf(revision, sizeof revision, "@%llu", (unsigned long long)tick);
    int code = moment_open(b->cli, b->data, revision, &moment);
    if (code == CLI_OK) {
        code = rmg_output_open(&out, b->cli, state);
    }
    if (code == CLI_OK) {
        code = rmg_output_state(&out, &moment.graph);
    }
    moment_close(&moment);
    if (code != CLI_OK) {
        return code;
    }
    int said = try_command(b, tick, state);
    if (said < 0) {
        cli_what(b->cli, "%s could not be started at tick %llu", b->cli->operands[1],
                 (unsigned long long)tick);
        cli_why(b->cli, "%s", strerror(errno));
        cli_next(b->cli, "jitos bisect run CMD --data %s goes on from here", b->data);
        return CLI_HOST;
    }
    if (said >= 128) {
        cli_what(b->cli, "the search was stopped at tick %llu", (unsigned long long)tick);
        cli_why(b->cli, "%s ended with %d: 0 is good, 1 to 127 bad, 125 cannot say",
                b->cli->operands[1], said);
        cli_next(b->cli, "jitos bisect run CMD --data %s goes on from here", b->data);
        return CLI_USAGE;
    }
    const char *word = said == 0 ? "good" : said == SKIP_EXIT ? "skip" : "bad";
    judge(b, tick, word);
    cli_print(b->cli, "@%-8llu %s\n", (unsigned long long)tick, word);
    json_t *event = cli_event("tick", "jitos.bisect/1");
    cli_put_number(event, "tick", tick);
    cli_put_text(event, "is", word);
    code = cli_emit(b->cli, event);
    return code == CLI_OK ? save(b) : code;
}

static int tell(struct bisect *b, bool found)
{
    cli_print(b->cli,
              found ? "first bad tick @%llu\nlook   jitos show @%llu --data %s\n"
                    : "the first bad tick is not after @%llu\nbad    @%llu in %s, and all "
                      "before it that were tried are good or skipped\n",
              (unsigned long long)b->bad, (unsigned long long)b->bad, cli_word(b->cli, b->data));
    json_t *event = cli_event("done", "jitos.bisect/1");
    cli_put_number(event, "good", b->good);
    cli_put_number(event, "bad", b->bad);
    cli_put_number(event, "skipped", b->skip_count);
    cli_put_bool(event, "found", found);
    int code = cli_emit(b->cli, event);
    return code == CLI_OK && !found ? (int)CLI_NO : code;
}

/* What to look at next, or that it is found. */
static int tell_next(struct bisect *b)
{
    uint64_t tick = 0;
    if (b->bad - b->good <= 1 || !next_tick(b, &tick)) {
        return tell(b, b->bad - b->good == 1);
    }
    cli_print(b->cli,
              "good   @%llu\nbad    @%llu\nnext   @%llu: jitos inspect /world@%llu --data %s, then "
              "jitos bisect good, bad or skip\n",
              (unsigned long long)b->good, (unsigned long long)b->bad, (unsigned long long)tick,
              (unsigned long long)tick, cli_word(b->cli, b->data));
    json_t *event = cli_event("next", "jitos.bisect/1");
    cli_put_number(event, "good", b->good);
    cli_put_number(event, "bad", b->bad);
    cli_put_number(event, "tick", tick);
    return cli_emit(b->cli, event);
}

/* good, bad or skip, said by hand: of REV, or of the tick that was named last. */
static int say(struct bisect *b, const char *word)
{
    uint64_t tick = 0;
    int code = load(b);
    if (code == CLI_OK && b->cli->operand_count > 1) {
        code = history_resolve(b->cli, b->data, b->cli->operands[1], &tick);
    } else if (code == CLI_OK && (b->bad - b->good <= 1 || !next_tick(b, &tick))) {
        return tell(b, b->bad - b->good == 1); /* nothing is left to be said */
    }
    if (code != CLI_OK) {
        return code;
    }
    bool good = strcmp(word, "good") == 0;
    bool bad = strcmp(word, "bad") == 0;
    if (tick < b->good || tick > b->bad || (bad && tick == b->good) || (good && tick == b->bad)) {
        cli_what(b->cli, "@%llu cannot be %s", (unsigned long long)tick, word);
        cli_why(b->cli, "@%llu is good and @%llu is bad; what was wrong lies between them",
                (unsigned long long)b->good, (unsigned long long)b->bad);
        cli_next(b->cli, "jitos bisect start GOOD BAD --data %s", b->data);
        return CLI_USAGE;
    }
    judge(b, tick, word);
    code = save(b);
    return code == CLI_OK ? tell_next(b) : code;
}

static int run(struct bisect *b)
{
    struct temporary folder;
    char state[300];
    uint64_t tick = 0;
    int code = load(b);
    if (code == CLI_OK && b->cli->operand_count < 2) {
        cli_what(b->cli, "run needs a command");
        cli_why(b->cli, "it is told the tick in JITOS_TICK and its state in the file JITOS_STATE");
        cli_next(b->cli, "jitos help bisect");
        return CLI_USAGE;
    }
    if (code == CLI_OK && !temporary_make(&folder, b->cli->env->get("TMPDIR"), "jitos-bisect")) {
        cli_what(b->cli, "no temporary folder");
        cli_why(b->cli, "%s", strerror(errno));
        return CLI_HOST;
    }
    if (code != CLI_OK) {
        return code;
    }
    snprintf(state, sizeof state, "%s/state.rmg", folder.path);
    while (code == CLI_OK && b->bad - b->good > 1 && next_tick(b, &tick)) {
        code = step(b, tick, state);
    }
    temporary_remove(&folder);
    return code == CLI_OK ? tell(b, b->bad - b->good == 1) : code;
}

int jitos_bisect(struct cli *cli)
{
    static struct bisect b;
    const char *word = cli->operands[0];
    b = (struct bisect){.cli = cli, .data = cli_text(cli, "data")};
    snprintf(b.path, sizeof b.path, "%.4200s/BISECT", b.data);
    if (strcmp(word, "start") == 0) {
        int code = start(&b);
        return code == CLI_OK ? tell_next(&b) : code;
    }
    if (strcmp(word, "good") == 0 || strcmp(word, "bad") == 0 || strcmp(word, "skip") == 0) {
        return say(&b, word);
    }
    if (strcmp(word, "run") == 0) {
        return run(&b);
    }
    if (strcmp(word, "reset") == 0) {
        return unlink(b.path) == 0 || errno == ENOENT ? CLI_OK : CLI_HOST;
    }
    cli_what(cli, "bisect does not know \"%s\"", word);
    cli_why(cli, "it has start GOOD BAD, good, bad, skip, run CMD... and reset");
    cli_next(cli, "jitos help bisect");
    return CLI_USAGE;
}

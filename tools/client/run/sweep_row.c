/* The rows of a sweep: what each run gave, in the order in which they ended. */
#include "tools/client/run/sweep_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/client/run/sweep_plan.h"

#define SAID_SIZE 2048u /* of a run's messages: what is at their end */

/* ---- processes ---- */

/* In the child, once it has a stderr. */
static void say_why(const char *what)
{
    dprintf(STDERR_FILENO, "jitos sweep: %s\n  why:  %s\n", what, strerror(errno));
}

/* Its output goes to a file: a run may say much. Its messages, which are few, go to memory: there
 * they have room when the disk has none, and they say so. *said is the caller's to close. */
static pid_t spawn(const char *const *argv, const char *out, int *said)
{
    pid_t parent = getpid();
    *said = memfd_create("said", MFD_CLOEXEC);
    pid_t pid = *said < 0 ? -1 : fork();
    if (pid < 0 && *said >= 0) {
        close(*said);
        *said = -1;
    }
    if (pid != 0) {
        return pid;
    }
    if (dup2(*said, STDERR_FILENO) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        getppid() != parent) {
        _exit(127);
    }
    int out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out_fd < 0) {
        say_why(out);
        _exit(127);
    }
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0) {
        _exit(127);
    }
    execv(argv[0], (char *const *)(uintptr_t)argv);
    say_why(argv[0]);
    _exit(127);
}

/* What it said, whole lines at the end of it; and into a file beside its output, if there is room.
 */
static void hear(int said, const char *path, char text[SAID_SIZE])
{
    off_t end = lseek(said, 0, SEEK_END);
    off_t from = end > (off_t)SAID_SIZE - 1 ? end - (off_t)SAID_SIZE + 1 : 0;
    ssize_t got = pread(said, text, SAID_SIZE - 1, from);
    text[got > 0 ? got : 0] = '\0';
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && got > 0 && write(fd, text, (size_t)got) != got) {
        (void)ftruncate(fd, 0); /* the row says it */
    }
    if (fd >= 0) {
        close(fd);
    }
    close(said);
}

pid_t sweep_start(struct sweep *s, uint64_t run, int *said)
{
    char data[PATH_SIZE];
    char out[PATH_SIZE];
    char ticks[32];
    char seed[32];
    char params[SWEEP_PARAMS_MAX][2 * SWEEP_VALUE_SIZE + 2];
    const char *argv[2 * SWEEP_PARAMS_MAX + 16];
    size_t n = 0;
    sweep_path(s, run, "", data);
    sweep_path(s, run, ".out", out);
    snprintf(ticks, sizeof ticks, "%llu", (unsigned long long)cli_number(s->cli, "ticks"));
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)sweep_plan_seed(&s->plan, run));
    argv[n++] = s->program;
    argv[n++] = "run";
    argv[n++] = s->file;
    argv[n++] = "--json";
    argv[n++] = "-q";
    argv[n++] = "--data";
    argv[n++] = data;
    argv[n++] = "--ticks";
    argv[n++] = ticks;
    argv[n++] = "--seed";
    argv[n++] = seed;
    for (uint32_t i = 0; i < s->plan.param_count; i++) {
        snprintf(params[i], sizeof params[i], "%s=%s", s->plan.params[i].name,
                 sweep_plan_value(&s->plan, run, i));
        argv[n++] = "--param";
        argv[n++] = params[i];
    }
    argv[n] = NULL;
    return spawn(argv, out, said);
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return CLI_HOST;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The events of a file's last 64 KiB, the newest one with this name. */
static json_t *last_event(const char *path, const char *name)
{
    static char bytes[TAIL_BYTES + 1];
    json_t *found = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    off_t end = lseek(fd, 0, SEEK_END);
    off_t from = end > (off_t)TAIL_BYTES ? end - (off_t)TAIL_BYTES : 0;
    ssize_t got = pread(fd, bytes, TAIL_BYTES, from);
    close(fd);
    bytes[got > 0 ? got : 0] = '\0';
    for (char *save = NULL, *line = strtok_r(bytes, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *event = json_loads(line, 0, NULL);
        const char *is = json_string_value(json_object_get(event, "event"));
        if (is != NULL && strcmp(is, name) == 0) {
            json_decref(found);
            found = json_incref(event);
        }
        json_decref(event);
    }
    return found;
}

/* ---- rows ---- */

static json_t *measure(struct sweep *s, uint64_t run, const char *query)
{
    char data[PATH_SIZE];
    char out[PATH_SIZE];
    char err[PATH_SIZE];
    char text[SAID_SIZE];
    int said = -1;
    sweep_path(s, run, "", data);
    sweep_path(s, run, ".value", out);
    sweep_path(s, run, ".err", err);
    const char *argv[] = {s->program, "query", query, "--json", "-q", "--data", data, NULL};
    pid_t pid = spawn(argv, out, &said);
    json_t *value = NULL;
    if (pid > 0 && wait_for(pid) == CLI_OK) {
        json_t *row = last_event(out, "row");
        json_t *values = json_object_get(row, "values");
        value = json_incref(json_object_iter_value(json_object_iter(values)));
        json_decref(row);
    }
    if (pid > 0) {
        hear(said, err, text);
    }
    (void)unlink(out);
    return value;
}

/* A message for people: its first line without the command's name, and its why. */
struct message {
    const char *what;
    size_t what_size;
    const char *why;
    size_t why_size;
};

/* The last message, and the one before it: empty where there is none. */
static void read_messages(const char *text, struct message *last, struct message *before)
{
    *last = *before = (struct message){.what = "", .why = ""};
    for (const char *line = text; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        if (strncmp(line, "  why:  ", 8) == 0) {
            last->why = line + 8;
            last->why_size = size - 8;
        } else if (size > 0 && line[0] != ' ') {
            const char *name = strstr(line, ": ");
            size_t skip = name != NULL && name < line + size ? (size_t)(name - line) + 2 : 0;
            *before = *last;
            *last = (struct message){.what = line + skip, .what_size = size - skip, .why = ""};
        }
        line += size + (line[size] == '\n');
    }
}

/* Why it failed: as its messages say, else its event, else how it ended. */
static void explain(json_t *error, const char *text, int code, char out[SAID_SIZE])
{
    static const char above[] = "above";
    const char *what = json_string_value(json_object_get(error, "what"));
    const char *why = json_string_value(json_object_get(error, "why"));
    struct message last;
    struct message before;
    read_messages(text, &last, &before);
    size_t tail = sizeof above - 1;
    if (last.why_size >= tail && before.what_size > 0 &&
        memcmp(last.why + last.why_size - tail, above, tail) == 0) {
        last = before; /* "it says why above": what it starts has said it */
    }
    if (last.what_size > 0) {
        snprintf(out, SAID_SIZE, "%.*s%s%.*s", (int)last.what_size, last.what,
                 last.why_size > 0 ? ": " : "", (int)last.why_size, last.why);
    } else if (what != NULL) {
        snprintf(out, SAID_SIZE, "%s%s%s", what, why != NULL && why[0] != '\0' ? ": " : "",
                 why != NULL ? why : "");
    } else if (code > 128) {
        snprintf(out, SAID_SIZE, "it was killed by signal %d, and said nothing", code - 128);
    } else {
        snprintf(out, SAID_SIZE, "it ended with exit code %d, and said nothing", code);
    }
}

json_t *sweep_row(struct sweep *s, uint64_t run, int code, int said)
{
    static const char *const kept[] = {"ticks", "applied", "denied", "deterministic",
                                       "root",  "world",   "head"};
    char name[SWEEP_NAME_SIZE];
    char out[PATH_SIZE];
    char err[PATH_SIZE];
    char text[SAID_SIZE];
    char problem[SAID_SIZE] = "";
    sweep_plan_name(&s->plan, run, name);
    sweep_path(s, run, ".out", out);
    sweep_path(s, run, ".err", err);
    hear(said, err, text);
    json_t *done = code == CLI_OK ? last_event(out, "done") : NULL;
    json_t *error = done == NULL ? last_event(out, "error") : NULL;
    json_t *row = cli_event("row", "jitos.sweep/1");
    cli_put_text(row, "run", name);
    for (uint32_t i = 0; i < s->plan.param_count; i++) {
        cli_put_text(row, s->plan.params[i].name, sweep_plan_value(&s->plan, run, i));
    }
    cli_put_number(row, "seed", sweep_plan_seed(&s->plan, run));
    if (done == NULL) {
        explain(error, text, code, problem);
    }
    for (size_t i = 0; done != NULL && i < sizeof kept / sizeof *kept; i++) {
        cli_put(row, kept[i], json_incref(json_object_get(done, kept[i])));
    }
    for (uint32_t i = 0; done != NULL && i < s->measure_count; i++) {
        char column[SWEEP_VALUE_SIZE];
        const char *query = strchr(s->measures[i], '=') + 1;
        snprintf(column, sizeof column, "%.*s", (int)(query - 1 - s->measures[i]), s->measures[i]);
        json_t *value = measure(s, run, query);
        if (value == NULL && problem[0] == '\0') {
            snprintf(problem, sizeof problem, "the measure %s gave nothing", column);
        }
        cli_put(row, column, value != NULL ? value : json_null());
    }
    bool good = problem[0] == '\0';
    cli_put_text(row, "status", good ? "ok" : "failed");
    cli_put_number(row, "exit", (uint64_t)code);
    if (!good) {
        cli_put_text(row, "error", problem);
    }
    json_decref(done);
    json_decref(error);
    return row;
}

bool sweep_row_good(const json_t *row)
{
    const char *status = json_string_value(json_object_get(row, "status"));
    return status != NULL && strcmp(status, "ok") == 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

int sweep_row_keep(struct sweep *s, uint64_t run, json_t *row)
{
    char path[PATH_SIZE];
    char *line = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
    bool good = line != NULL && fprintf(s->journal, "%s\n", line) > 0 && fflush(s->journal) == 0 &&
                fsync(fileno(s->journal)) == 0;
    free(line);
    if (!good) {
        json_decref(row);
        return sweep_host_failed(s, "rows.ndjson");
    }
    json_decref(s->rows[run]);
    s->rows[run] = row;
    s->done++;
    s->failed += sweep_row_good(row) ? 0 : 1;
    sweep_path(s, run, ".out", path);
    (void)unlink(path);
    if (sweep_row_good(row)) {
        sweep_path(s, run, ".err", path);
        (void)unlink(path);
        sweep_path(s, run, "", path);
        if (!cli_given(s->cli, "keep")) {
            (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
    }
    return cli_emit(s->cli, json_incref(row));
}

int sweep_rows_read(struct sweep *s)
{
    char path[PATH_SIZE];
    char *line = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%.4000s/rows.ndjson", s->out);
    FILE *stream = fopen(path, "re");
    if (stream == NULL && errno != ENOENT) {
        return sweep_host_failed(s, "rows.ndjson");
    }
    while (stream != NULL && getline(&line, &size, stream) > 0) {
        json_t *row = json_loads(line, 0, NULL);
        const char *name = json_string_value(json_object_get(row, "run"));
        for (uint64_t run = 0; name != NULL && run < s->plan.run_count; run++) {
            char own[SWEEP_NAME_SIZE];
            sweep_plan_name(&s->plan, run, own);
            if (strcmp(own, name) == 0) {
                json_decref(s->rows[run]);
                s->rows[run] = json_incref(row);
                break;
            }
        }
        json_decref(row);
    }
    free(line);
    if (stream != NULL) {
        fclose(stream);
    }
    for (uint64_t run = 0; run < s->plan.run_count; run++) {
        if (s->rows[run] != NULL && !sweep_row_good(s->rows[run]) && cli_given(s->cli, "retry")) {
            json_decref(s->rows[run]);
            s->rows[run] = NULL;
        }
        s->done += s->rows[run] != NULL ? 1 : 0;
        s->failed += s->rows[run] != NULL && !sweep_row_good(s->rows[run]) ? 1 : 0;
    }
    s->journal = fopen(path, "ae");
    return s->journal != NULL && fputc('\n', s->journal) != EOF ? CLI_OK
                                                                : sweep_host_failed(s, path);
}

/* jitos sweep - one system with many parameters and seeds, several runs at a time.
 *
 * Each run is a `jitos run` of its own, in a folder of its own. What it gave is a row, appended to
 * rows.ndjson when the run has ended and synced; so a sweep that was cut off goes on where it was,
 * inside of runs too. The two results are written anew at the end, in the order of the plan. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/whole.h"
#include "tools/client/jitos.h"
#include "tools/client/load.h"
#include "tools/client/session.h"
#include "tools/client/run/sweep_plan.h"

#define MEASURES_MAX 32u
#define JOBS_MAX     64u
#define PATH_SIZE    4600u
#define TAIL_BYTES   65536u

const struct cli_option jitos_sweep_options[] = {
    CLI_OPTION(CLI_LIST, "vary", 'v', "K=V",
               "a parameter with its values: beta=0.1:0.5:0.1, or k=1,2,4"),
    CLI_OPTION(CLI_TEXT, "seeds", 's', "LIST", "1..20, or 1,2,5: each combination runs with each",
               .fallback = "1"),
    CLI_OPTION(CLI_NUMBER, "ticks", 't', "N", "the tick that each run is to reach",
               .fallback = "100"),
    CLI_OPTION(CLI_LIST, "measure", 'm', "NAME=QUERY",
               "a column: the first value that the query gives on the last state of /world"),
    CLI_OPTION(CLI_NUMBER, "jobs", 'j', "N", "runs beside each other; never changes a hash",
               .fallback = "1", .min = 1, .max = JOBS_MAX),
    CLI_OPTION(CLI_TEXT, "out", 'o', "DIR", "the folder for rows, results and the runs themselves"),
    CLI_OPTION(CLI_FLAG, "keep", 0, NULL, "keep the data folders of runs that went well"),
    CLI_OPTION(CLI_FLAG, "retry", 0, NULL, "runs that failed before are tried again"),
    {.name = NULL},
};

struct sweep {
    struct cli *cli;
    const char *file;
    const char *out;
    char program[4096]; /* ourselves */
    struct sweep_plan plan;
    const char *measures[MEASURES_MAX];
    uint32_t measure_count;
    json_t **rows; /* of each run; NULL: not yet */
    uint64_t done;
    uint64_t failed;
    FILE *journal;
    int lock_fd;
    struct cli_progress progress;
    int code; /* of the sweep itself */
};

struct job {
    pid_t pid; /* 0: free */
    uint64_t run;
};

static void path_of(const struct sweep *s, uint64_t run, const char *end, char path[PATH_SIZE])
{
    char name[SWEEP_NAME_SIZE];
    sweep_plan_name(&s->plan, run, name);
    snprintf(path, PATH_SIZE, "%.3900s/runs/%s%s", s->out, name, end);
}

static int host_failed(struct sweep *s, const char *path)
{
    cli_what(s->cli, "%s cannot be written", path);
    cli_why(s->cli, "%s", strerror(errno));
    return CLI_HOST;
}

/* ---- processes ---- */

/* Output and messages go to files: a run may say much. */
static pid_t spawn(const char *const *argv, const char *out, const char *err)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    int out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err_fd = open(err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (out_fd < 0 || err_fd < 0 || null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0 ||
        dup2(err_fd, 2) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(127);
    }
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static pid_t start(struct sweep *s, uint64_t run)
{
    char data[PATH_SIZE];
    char out[PATH_SIZE];
    char err[PATH_SIZE];
    char ticks[32];
    char seed[32];
    char params[SWEEP_PARAMS_MAX][2 * SWEEP_VALUE_SIZE + 2];
    const char *argv[2 * SWEEP_PARAMS_MAX + 16];
    size_t n = 0;
    path_of(s, run, "", data);
    path_of(s, run, ".out", out);
    path_of(s, run, ".err", err);
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
    return spawn(argv, out, err);
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
    path_of(s, run, "", data);
    path_of(s, run, ".value", out);
    path_of(s, run, ".err", err);
    const char *argv[] = {s->program, "query", query, "--json", "-q", "--data", data, NULL};
    pid_t pid = spawn(argv, out, err);
    json_t *value = NULL;
    if (pid > 0 && wait_for(pid) == CLI_OK) {
        json_t *row = last_event(out, "row");
        json_t *values = json_object_get(row, "values");
        value = json_incref(json_object_iter_value(json_object_iter(values)));
        json_decref(row);
    }
    (void)unlink(out);
    return value;
}

static json_t *row_of(struct sweep *s, uint64_t run, int code)
{
    static const char *const kept[] = {"ticks", "applied", "denied", "deterministic",
                                       "root",  "world",   "head"};
    char name[SWEEP_NAME_SIZE];
    char out[PATH_SIZE];
    sweep_plan_name(&s->plan, run, name);
    path_of(s, run, ".out", out);
    json_t *done = code == CLI_OK ? last_event(out, "done") : NULL;
    json_t *error = done == NULL ? last_event(out, "error") : NULL;
    json_t *row = cli_event("row", "jitos.sweep/1");
    cli_put_text(row, "run", name);
    for (uint32_t i = 0; i < s->plan.param_count; i++) {
        cli_put_text(row, s->plan.params[i].name, sweep_plan_value(&s->plan, run, i));
    }
    cli_put_number(row, "seed", sweep_plan_seed(&s->plan, run));
    const char *problem = json_string_value(json_object_get(error, "what"));
    for (size_t i = 0; done != NULL && i < sizeof kept / sizeof *kept; i++) {
        cli_put(row, kept[i], json_incref(json_object_get(done, kept[i])));
    }
    for (uint32_t i = 0; done != NULL && i < s->measure_count; i++) {
        char column[SWEEP_VALUE_SIZE];
        const char *query = strchr(s->measures[i], '=') + 1;
        snprintf(column, sizeof column, "%.*s", (int)(query - 1 - s->measures[i]), s->measures[i]);
        json_t *value = measure(s, run, query);
        problem = value == NULL && problem == NULL ? "a measure gave nothing" : problem;
        cli_put(row, column, value != NULL ? value : json_null());
    }
    bool good = done != NULL && problem == NULL;
    cli_put_text(row, "status", good ? "ok" : "failed");
    cli_put_number(row, "exit", (uint64_t)code);
    if (!good) {
        cli_put_text(row, "error", problem != NULL ? problem : "it was killed, or said nothing");
    }
    json_decref(done);
    json_decref(error);
    return row;
}

static bool row_good(const json_t *row)
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

/* Appended and synced: from now on the run has a row whatever happens. */
static int keep_row(struct sweep *s, uint64_t run, json_t *row)
{
    char path[PATH_SIZE];
    char *line = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
    bool good = line != NULL && fprintf(s->journal, "%s\n", line) > 0 && fflush(s->journal) == 0 &&
                fsync(fileno(s->journal)) == 0;
    free(line);
    if (!good) {
        json_decref(row);
        return host_failed(s, "rows.ndjson");
    }
    json_decref(s->rows[run]);
    s->rows[run] = row;
    s->done++;
    s->failed += row_good(row) ? 0 : 1;
    path_of(s, run, ".out", path);
    (void)unlink(path);
    if (row_good(row)) {
        path_of(s, run, ".err", path);
        (void)unlink(path);
        path_of(s, run, "", path);
        if (!cli_given(s->cli, "keep")) {
            (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
    }
    return cli_emit(s->cli, json_incref(row));
}

/* Rows of an earlier try. A last line that was cut off is none. */
static int read_rows(struct sweep *s)
{
    char path[PATH_SIZE];
    char *line = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%.4000s/rows.ndjson", s->out);
    FILE *stream = fopen(path, "re");
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
        if (s->rows[run] != NULL && !row_good(s->rows[run]) && cli_given(s->cli, "retry")) {
            json_decref(s->rows[run]);
            s->rows[run] = NULL;
        }
        s->done += s->rows[run] != NULL ? 1 : 0;
        s->failed += s->rows[run] != NULL && !row_good(s->rows[run]) ? 1 : 0;
    }
    s->journal = fopen(path, "ae");
    return s->journal != NULL && fputc('\n', s->journal) != EOF ? CLI_OK : host_failed(s, path);
}

/* ---- the runs ---- */

static int run_all(struct sweep *s)
{
    struct job jobs[JOBS_MAX] = {{0}};
    uint64_t count = cli_number(s->cli, "jobs");
    uint64_t next = 0;
    uint64_t active = 0;
    int code = CLI_OK;
    while (active > 0 || (code == CLI_OK && next < s->plan.run_count)) {
        for (uint64_t j = 0; code == CLI_OK && j < count && next < s->plan.run_count; j++) {
            while (next < s->plan.run_count && s->rows[next] != NULL) {
                next++;
            }
            if (jobs[j].pid != 0 || next == s->plan.run_count) {
                continue;
            }
            jobs[j] = (struct job){.pid = start(s, next), .run = next};
            if (jobs[j].pid < 0) {
                jobs[j].pid = 0;
                code = host_failed(s, "a new process");
                break;
            }
            next++;
            active++;
        }
        int status = 0;
        pid_t pid = active > 0 ? waitpid(-1, &status, 0) : 0;
        for (uint64_t j = 0; pid > 0 && j < count; j++) {
            if (jobs[j].pid == pid) {
                int exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                int kept = keep_row(s, jobs[j].run, row_of(s, jobs[j].run, exit));
                code = code == CLI_OK ? kept : code;
                jobs[j].pid = 0;
                active--;
            }
        }
        if (pid < 0 && errno != EINTR) {
            return host_failed(s, "a run's end");
        }
        cli_progress_update(&s->progress, s->done, NULL);
    }
    return code;
}

/* ---- results ---- */

static void put_cell(FILE *stream, const json_t *value)
{
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                 : value == NULL || json_is_null(value)
                     ? strdup("")
                     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (text != NULL && strpbrk(text, ",\"\n\r") != NULL) {
        fputc('"', stream);
        for (const char *c = text; *c != '\0'; c++) {
            fputs(*c == '"' ? "\"\"" : (char[2]){*c, '\0'}, stream);
        }
        fputc('"', stream);
    } else if (text != NULL) {
        fputs(text, stream);
    }
    free(text);
}

static void put_csv(const struct sweep *s, FILE *stream)
{
    static const char *const fixed[] = {"seed",    "status",        "exit", "ticks",
                                        "applied", "denied",        "root", "world",
                                        "head",    "deterministic", "error"};
    fputs("run", stream);
    for (uint32_t i = 0; i < s->plan.param_count; i++) {
        fprintf(stream, ",%s", s->plan.params[i].name);
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        fprintf(stream, ",%s", fixed[i]);
    }
    for (uint32_t i = 0; i < s->measure_count; i++) {
        fprintf(stream, ",%.*s", (int)strcspn(s->measures[i], "="), s->measures[i]);
    }
    for (uint64_t run = 0; run < s->plan.run_count; run++) {
        const json_t *row = s->rows[run];
        if (row == NULL) {
            continue;
        }
        fputs("\r\n", stream);
        put_cell(stream, json_object_get(row, "run"));
        for (uint32_t i = 0; i < s->plan.param_count; i++) {
            fputc(',', stream);
            put_cell(stream, json_object_get(row, s->plan.params[i].name));
        }
        for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
            fputc(',', stream);
            put_cell(stream, json_object_get(row, fixed[i]));
        }
        for (uint32_t i = 0; i < s->measure_count; i++) {
            char column[SWEEP_VALUE_SIZE];
            snprintf(column, sizeof column, "%.*s", (int)strcspn(s->measures[i], "="),
                     s->measures[i]);
            fputc(',', stream);
            put_cell(stream, json_object_get(row, column));
        }
    }
    fputs("\r\n", stream);
}

static void put_ndjson(const struct sweep *s, FILE *stream)
{
    for (uint64_t run = 0; run < s->plan.run_count; run++) {
        char *line = s->rows[run] != NULL ? json_dumps(s->rows[run], JSON_COMPACT) : NULL;
        if (line != NULL) {
            fprintf(stream, "%s\n", line);
        }
        free(line);
    }
}

static int write_result(struct sweep *s, const char *name,
                        void (*put)(const struct sweep *s, FILE *stream))
{
    char path[PATH_SIZE];
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    snprintf(path, sizeof path, "%.4000s/%s", s->out, name);
    if (stream != NULL) {
        put(s, stream);
    }
    bool good = stream != NULL && fclose(stream) == 0;
    struct jit_whole whole;
    if (good) {
        enum jit_err err = jit_whole_open(&whole, path);
        err = err == JIT_OK ? jit_whole_write(&whole, (const uint8_t *)bytes, size) : err;
        good = jit_whole_close(&whole, err == JIT_OK) == JIT_OK && err == JIT_OK;
    }
    free(bytes);
    return good ? CLI_OK : host_failed(s, path);
}

/* ---- the folder ---- */

/* SWEEP says what the folder is of, and is locked while a sweep is at work in it. */
static int claim_file(struct sweep *s, const char *now)
{
    char path[PATH_SIZE];
    char then[256] = "";
    snprintf(path, sizeof path, "%.4000s/SWEEP", s->out);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0) {
        return host_failed(s, path);
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        cli_what(s->cli, "%s is in use", s->out);
        cli_why(s->cli, "another sweep is at work in it");
        cli_next(s->cli, "wait for its end, or name a new folder with --out");
        return CLI_USAGE;
    }
    ssize_t got = read(s->lock_fd, then, sizeof then - 1);
    if (got == 0) {
        size_t size = strlen(now);
        return write(s->lock_fd, now, size) == (ssize_t)size && fsync(s->lock_fd) == 0
                   ? CLI_OK
                   : host_failed(s, path);
    }
    if (got < 0 || strcmp(then, now) != 0) {
        cli_what(s->cli, "%s is a sweep of something else", s->out);
        cli_why(s->cli, "FILE, --ticks or --measure are not those that it was begun with");
        cli_next(s->cli, "name a new folder with --out");
        return CLI_USAGE;
    }
    return CLI_OK;
}

/* Another file, length or measure than the folder was begun with is refused. */
static int claim_folder(struct sweep *s)
{
    char path[PATH_SIZE];
    char now[256];
    char hex[JIT_ID_HEX];
    struct jit_buf source;
    struct jit_id id;
    struct jit_hasher hasher;
    int code = load_file(s->cli, s->file, 1u << 24, &source);
    if (code == CLI_OK) {
        jit_hasher_init(&hasher);
        jit_hasher_update(&hasher, source.data, source.size);
        for (uint32_t i = 0; i < s->measure_count; i++) {
            jit_hasher_update(&hasher, s->measures[i], strlen(s->measures[i]) + 1);
        }
        jit_hasher_final(&hasher, &id);
    }
    jit_buf_release(&source);
    if (code != CLI_OK) {
        return code;
    }
    jit_id_to_hex(&id, hex);
    snprintf(now, sizeof now, "sweep of %s to tick %llu\n", hex,
             (unsigned long long)cli_number(s->cli, "ticks"));
    snprintf(path, sizeof path, "%.4000s/runs", s->out);
    if ((mkdir(s->out, 0700) != 0 && errno != EEXIST) ||
        (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        return host_failed(s, path);
    }
    return claim_file(s, now);
}

static int finish(struct sweep *s)
{
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    cli_print(s->cli, "done   %s runs, %s failed\nrows   %s/results.csv, %s/results.ndjson\n",
              cli_group(s->done, a), cli_group(s->failed, b), s->out, s->out);
    for (uint64_t run = 0; s->failed > 0 && run < s->plan.run_count; run++) {
        if (s->rows[run] != NULL && !row_good(s->rows[run])) {
            cli_note(s->cli, "the first that failed, %s: %s; --retry tries those again",
                     json_string_value(json_object_get(s->rows[run], "run")),
                     json_string_value(json_object_get(s->rows[run], "error")));
            break;
        }
    }
    json_t *event = cli_event("done", "jitos.sweep/1");
    cli_put_number(event, "runs", s->done);
    cli_put_number(event, "failed", s->failed);
    cli_put_text(event, "out", s->out);
    int code = cli_emit(s->cli, event);
    return code == CLI_OK && s->failed > 0 ? (int)CLI_NO : code;
}

static int go(struct sweep *s)
{
    int code = claim_folder(s);
    if (code == CLI_OK) {
        s->rows = calloc(s->plan.run_count, sizeof(json_t *));
        code = s->rows == NULL ? host_failed(s, "the rows") : read_rows(s);
    }
    if (code == CLI_OK) {
        if (s->done > 0) {
            cli_note(s->cli, "%llu of %llu runs have their row already",
                     (unsigned long long)s->done, (unsigned long long)s->plan.run_count);
        }
        cli_progress_begin(&s->progress, s->cli, "sweep", "runs", s->done, s->plan.run_count);
        code = run_all(s);
        cli_progress_end(&s->progress);
    }
    if (code == CLI_OK) {
        code = write_result(s, "results.csv", put_csv);
    }
    if (code == CLI_OK) {
        code = write_result(s, "results.ndjson", put_ndjson);
    }
    if (s->journal != NULL && fclose(s->journal) != 0 && code == CLI_OK) {
        code = host_failed(s, "rows.ndjson");
    }
    return code == CLI_OK ? finish(s) : code;
}

static int bad_measure(struct cli *cli, const char *text)
{
    cli_what(cli, "%s is no measure", text);
    cli_why(cli, "a measure is NAME=QUERY, the name has at most 63 letters and digits");
    cli_next(cli,
             "jitos sweep ... --measure 'ill=match (a:Person) where a.ill = 1 return count(*)'");
    return CLI_USAGE;
}

int jitos_sweep(struct cli *cli)
{
    struct sweep s = {
        .cli = cli, .file = cli->operands[0], .out = cli_text(cli, "out"), .lock_fd = -1};
    const char *vary[SWEEP_PARAMS_MAX + 1];
    uint32_t count = 0;
    if (s.out == NULL) {
        cli_what(cli, "needs --out DIR");
        cli_why(cli, "rows and results go there, and a sweep that was cut off goes on there");
        cli_next(cli, "jitos sweep %s --out sweep1", s.file);
        return CLI_USAGE;
    }
    while (count <= SWEEP_PARAMS_MAX && cli_list(cli, "vary", count) != NULL) {
        vary[count] = cli_list(cli, "vary", count);
        count++;
    }
    for (uint32_t i = 0; cli_list(cli, "measure", i) != NULL; i++) {
        const char *text = cli_list(cli, "measure", i);
        size_t size =
            strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        if (i == MEASURES_MAX || size == 0 || size >= SWEEP_VALUE_SIZE || text[size] != '=') {
            return bad_measure(cli, text);
        }
        s.measures[s.measure_count++] = text;
    }
    session_program_path("jitos", s.program, sizeof s.program);
    int code = sweep_plan_make(cli, vary, count, cli_text(cli, "seeds"), &s.plan);
    if (code == CLI_OK) {
        code = go(&s);
    }
    for (uint64_t run = 0; s.rows != NULL && run < s.plan.run_count; run++) {
        json_decref(s.rows[run]);
    }
    free(s.rows);
    if (s.lock_fd >= 0) {
        close(s.lock_fd);
    }
    sweep_plan_release(&s.plan);
    return code;
}

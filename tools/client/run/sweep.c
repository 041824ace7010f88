/* jitos sweep - one system with many parameters and seeds, several runs at a time.
 *
 * Each run is a `jitos run` of its own, in a folder of its own. What it gave is a row, appended to
 * rows.ndjson when the run has ended and synced; so a sweep that was cut off goes on where it was,
 * inside of runs too. The two results are written anew at the end, in the order of the plan. */
#include "tools/client/run/sweep_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "tools/client/jitos.h"
#include "tools/client/load.h"
#include "tools/client/run/sweep_plan.h"
#include "tools/client/session.h"

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

#define OUT_MAX 3900u /* bytes */

struct job {
    pid_t pid; /* 0: free */
    uint64_t run;
    int said;
};

void sweep_path(const struct sweep *s, uint64_t run, const char *end, char path[PATH_SIZE])
{
    char name[SWEEP_NAME_SIZE];
    sweep_plan_name(&s->plan, run, name);
    snprintf(path, PATH_SIZE, "%.3900s/runs/%s%s", s->out, name, end);
}

int sweep_host_failed(struct sweep *s, const char *path)
{
    cli_what(s->cli, "%s cannot be written", path);
    cli_why(s->cli, "%s", jit_err_text(jit_err_of_errno(errno)));
    cli_next(s->cli,
             "mend that; the same command goes on, with --retry it tries again what failed");
    return CLI_HOST;
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
            jobs[j] = (struct job){.run = next};
            jobs[j].pid = sweep_start(s, next, &jobs[j].said);
            if (jobs[j].pid < 0) {
                jobs[j].pid = 0;
                code = sweep_host_failed(s, "a new process");
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
                int kept =
                    sweep_row_keep(s, jobs[j].run, sweep_row(s, jobs[j].run, exit, jobs[j].said));
                code = code == CLI_OK ? kept : code;
                jobs[j].pid = 0;
                active--;
            }
        }
        if (pid < 0 && errno != EINTR) {
            return sweep_host_failed(s, "a run's end");
        }
        cli_progress_update(&s->progress, s->done, NULL);
    }
    return code;
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
        return sweep_host_failed(s, path);
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
                   : sweep_host_failed(s, path);
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
        return sweep_host_failed(s, path);
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
        if (s->rows[run] != NULL && !sweep_row_good(s->rows[run])) {
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
        code = s->rows == NULL ? sweep_host_failed(s, "the rows") : sweep_rows_read(s);
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
        code = sweep_result_write(s, "results.csv", sweep_put_csv);
    }
    if (code == CLI_OK) {
        code = sweep_result_write(s, "results.ndjson", sweep_put_ndjson);
    }
    if (s->journal != NULL && fclose(s->journal) != 0 && code == CLI_OK) {
        code = sweep_host_failed(s, "rows.ndjson");
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
    if (strlen(s.out) > OUT_MAX) { /* it would be cut, and lead elsewhere */
        cli_what(cli, "the path of the folder for the rows is too long");
        cli_why(cli, "it has %zu bytes, and may have %u, so that the runs have room below it",
                strlen(s.out), OUT_MAX);
        cli_next(cli, "name it from a folder nearer to it");
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

/* Writing a state or a history where -o says; for `rmg export` and `jitos export`. */
#include <stdio.h>
#include <string.h>

#include "tools/rmgtool/path.h"

static void step(void *user, uint64_t done, uint64_t total)
{
    struct cli_progress *progress = user;
    progress->total = total > done ? total : 0;
    cli_progress_update(progress, done, NULL);
}

struct to_stdout {
    struct cli *cli;
    int code;
};

static enum jit_err write_stdout(void *user, const uint8_t *bytes, size_t size)
{
    struct to_stdout *to = user;
    to->code = cli_write(to->cli, bytes, size);
    return to->code == CLI_OK ? JIT_OK : JIT_EIO;
}

/* What was read, as it is typed: what comes before it, or NULL, and itself. */
struct input {
    const char *option;
    const char *text;
};

static struct input input_of(const struct cli *cli)
{
    const struct cli_option *first = cli->verb->options;
    bool folder = first != NULL && first->name != NULL && strcmp(first->name, "data") == 0;
    if (cli->operand_count > 0) {
        return (struct input){NULL, cli->operands[0]};
    }
    return folder ? (struct input){"--data", cli_text(cli, "data")}
                  : (struct input){"--from", cli_text(cli, "from")};
}

static int failed(struct cli *cli, const struct format *format, enum jit_err err,
                  const struct format_error *error)
{
    const struct input input = input_of(cli);
    cli_what(cli, "cannot export %s%s%s as %s", input.option != NULL ? input.option : "",
             input.option != NULL ? " " : "", input.text, format->name);
    cli_why(cli, "%s%s%s", error->place, error->place[0] != 0 ? ": " : "", error->what);
    if (err == JIT_ENOTSUP && !cli_given(cli, "partial") && strstr(error->what, "portal") != NULL) {
        cli_next(cli, "%s export %s %s --to %s --partial leaves it out, and counts",
                 cli->program->name, input.option, input.text, format->name);
    } else {
        cli_next(cli, "%s export %s %s --to ndjson", cli->program->name, input.option, input.text);
    }
    return cli_exit_of(err);
}

/* Where it goes: names of files, none for stdout. */
struct target {
    const struct format *format;
    struct rmg_output files[FORMAT_OUTPUTS_MAX];
    char names[FORMAT_OUTPUTS_MAX][4096];
    uint32_t named; /* files with a name */
    struct to_stdout standard;
    struct export_out outs[FORMAT_OUTPUTS_MAX];
};

static int done(struct cli *cli, const struct target *target, const struct export_report *report,
                bool chosen)
{
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    if (report->portals_left > 0 || (report->instances_left > 0 && !chosen)) {
        cli_warn(cli, "left out, since %s holds one instance: %s portals, %s other instances",
                 target->format->name, cli_group(report->portals_left, a),
                 cli_group(report->instances_left, b));
    }
    if (target->named == 0) {
        return CLI_OK; /* stdout carries the graph */
    }
    json_t *event = cli_event("done", "rmg.export/1");
    json_t *list = json_array();
    for (uint32_t i = 0; i < target->named; i++) {
        cli_print(cli, "%s%s", i == 0 ? "" : ", ", cli_word(cli, target->names[i]));
        json_array_append_new(list, json_string(target->names[i]));
    }
    cli_print(cli, "  %s nodes, %s edges\n", cli_group(report->nodes, a),
              cli_group(report->edges, b));
    cli_put(event, "paths", list);
    cli_put_number(event, "nodes", report->nodes);
    cli_put_number(event, "edges", report->edges);
    cli_put_number(event, "lines", report->lines);
    cli_put_number(event, "portals_left", report->portals_left);
    cli_put_number(event, "instances_left", report->instances_left);
    return cli_emit(cli, event);
}

/* A format of several files names them OUT and its ends; "x" and "x.csv" both give x.nodes.csv. */
static int open_target(struct cli *cli, struct target *target)
{
    const struct format *format = target->format;
    const char *path = cli_text(cli, "out");
    bool named = path != NULL && strcmp(path, "-") != 0;
    for (uint32_t i = 0; i < FORMAT_OUTPUTS_MAX; i++) {
        target->files[i] = RMG_OUTPUT_CLOSED;
    }
    if (!named && (format->outputs > 1 || format->bytes)) {
        cli_what(cli, "needs -o OUT");
        cli_why(cli,
                format->outputs > 1 ? "%s takes two files: OUT%s and OUT%s"
                                    : "%s is no text: it is written to a file",
                format->name, format->output_ends[0], format->output_ends[1]);
        const struct input input = input_of(cli);
        char to[64];
        snprintf(to, sizeof to, "graph%s", format->outputs > 1 ? "" : format->extensions[0]);
        cli_next(cli, "%s export %s %s --to %s -o %s", cli->program->name, input.option, input.text,
                 format->name, to);
        return CLI_USAGE;
    }
    target->standard = (struct to_stdout){.cli = cli};
    target->outs[0] = (struct export_out){write_stdout, &target->standard};
    if (!named) {
        return CLI_OK;
    }
    size_t size = strlen(path);
    size_t end = strlen(format->extensions[0]);
    if (format->outputs > 1 && size > end &&
        strcmp(path + size - end, format->extensions[0]) == 0) {
        size -= end;
    }
    int code = CLI_OK;
    for (uint32_t i = 0; code == CLI_OK && i < format->outputs; i++) {
        snprintf(target->names[i], sizeof target->names[i], "%.*s%s",
                 (int)(size < 4000 ? size : 4000), path,
                 format->output_ends[i] == NULL ? "" : format->output_ends[i]);
        code = rmg_output_open(&target->files[i], cli, target->names[i]);
        target->outs[i] = (struct export_out){jit_whole_write, &target->files[i].whole};
    }
    target->named = format->outputs;
    return code;
}

/* A path, or 64 hex digits. */
const struct jit_id *rmg_export_instance(struct cli *cli, struct jit_id *id)
{
    const char *path = cli_text(cli, "instance");
    if (path != NULL) {
        path_instance_id(path, id);
    }
    return path == NULL ? NULL : id;
}

int rmg_export_write(struct cli *cli, const struct format *format, struct export_job *job)
{
    struct target target = {.format = format};
    struct cli_progress line;
    struct export_progress progress = {.step = step, .user = &line};
    struct export_report report = {0};
    struct format_error error = {.what = ""};
    enum jit_err err = JIT_OK;
    job->label = cli_text(cli, "label");
    job->partial = cli_given(cli, "partial");
    job->progress = &progress;
    job->report = &report;
    job->error = &error;
    job->outs = target.outs;
    int code = open_target(cli, &target);
    if (code == CLI_OK) {
        cli_progress_begin(&line, cli, "writing", "records", 0, 0);
        err = export_run(format, job);
        cli_progress_end(&line);
    }
    for (uint32_t i = 0; i < FORMAT_OUTPUTS_MAX; i++) {
        int closed = rmg_output_close(&target.files[i], code == CLI_OK && err == JIT_OK);
        code = code == CLI_OK ? closed : code;
    }
    code = code == CLI_OK ? target.standard.code : code;
    if (err == JIT_ENOENT && job->instance != NULL) {
        snprintf(error.what, sizeof error.what, "it has no instance %.400s",
                 cli_text(cli, "instance"));
    }
    if (code == CLI_OK && err != JIT_OK) {
        code = failed(cli, format, err, &error);
    }
    return code == CLI_OK ? done(cli, &target, &report, job->instance != NULL) : code;
}

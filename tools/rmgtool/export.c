#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "tools/rmgtool/rmg.h"

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

static int failed(struct cli *cli, const struct format *format, enum jit_err err,
                  const struct format_error *error)
{
    cli_what(cli, "cannot export %s as %s", cli->operand_count > 0 ? cli->operands[0] : "it",
             format->name);
    cli_why(cli, "%s%s%s", error->place, error->place[0] != 0 ? ": " : "", error->what);
    const char *path = cli->operand_count > 0 ? cli->operands[0] : "--from apt";
    if (err == JIT_ENOTSUP && !cli_given(cli, "partial") && strstr(error->what, "portal") != NULL) {
        cli_next(cli, "rmg export %s --to %s --partial leaves it out, and counts", path,
                 format->name);
    } else {
        cli_next(cli, "rmg export %s --to ndjson", path);
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

static int done(struct cli *cli, const struct target *target, const struct export_report *report)
{
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    if (report->portals_left > 0 || report->instances_left > 0) {
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
        cli_print(cli, "%s%s", i == 0 ? "" : ", ", target->names[i]);
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
        target->files[i] = (struct rmg_output){.fd = -1};
    }
    if (!named && (format->outputs > 1 || format->bytes)) {
        cli_what(cli, "needs -o OUT");
        cli_why(cli,
                format->outputs > 1 ? "%s takes two files: OUT%s and OUT%s"
                                    : "%s is no text: it is written to a file",
                format->name, format->output_ends[0], format->output_ends[1]);
        cli_next(cli, "rmg export %s --to %s -o graph%s",
                 cli->operand_count > 0 ? cli->operands[0] : "...", format->name,
                 format->outputs > 1 ? "" : format->extensions[0]);
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
        target->outs[i] = (struct export_out){rmg_output_write, &target->files[i]};
    }
    target->named = format->outputs;
    return code;
}

/* Several inputs as the states of one history: the one before stays while the next is compared. */
struct history {
    struct cli *cli;
    const char **operands;
    uint32_t count;
    uint32_t next;
    struct format_graph graphs[2];
    int code; /* of what failed, said */
};

static int load_at(struct history *history, uint32_t index)
{
    struct cli *cli = history->cli;
    struct format_graph *graph = &history->graphs[index % 2];
    const struct format *format;
    cli->operands = &history->operands[index];
    cli->operand_count = 1;
    if (graph->store != NULL || graph->mapped > 0) {
        format_graph_release(graph);
    }
    int code = rmg_load(cli, graph, &format, NULL);
    cli->operands = history->operands;
    cli->operand_count = history->count;
    return code;
}

static enum jit_err next_state(void *user, struct export_state *state)
{
    struct history *history = user;
    uint32_t index = history->next;
    if (index == history->count) {
        return JIT_ENOENT;
    }
    history->next++;
    if (index > 0) { /* the first is there already */
        history->code = load_at(history, index);
    }
    *state = (struct export_state){.graph = &history->graphs[index % 2], .time = index};
    return history->code == CLI_OK ? JIT_OK : JIT_EIO;
}

static int write_all(struct cli *cli, struct history *history, struct target *target)
{
    const struct format_graph *graph = &history->graphs[0];
    struct cli_progress line;
    struct export_progress progress = {.step = step, .user = &line};
    struct export_report report = {0};
    struct format_error error = {.what = ""};
    struct jit_id instance;
    const char *path = cli_text(cli, "instance");
    struct export_job job = {.graph = graph,
                             .label = cli_text(cli, "label"),
                             .instance = path == NULL ? NULL : &instance,
                             .partial = cli_given(cli, "partial"),
                             .next = history->count > 1 ? next_state : NULL,
                             .user = history,
                             .outs = target->outs,
                             .head = graph->head,
                             .progress = &progress,
                             .report = &report,
                             .error = &error};
    enum jit_err err = JIT_OK;
    if (path != NULL && jit_id_from_hex(path, strlen(path), &instance) != JIT_OK) {
        jit_hash_named("warp:", path, strlen(path), &instance);
    }
    int code = open_target(cli, target);
    if (code == CLI_OK) {
        cli_progress_begin(&line, cli, "writing", "records", 0, 0);
        err = export_run(target->format, &job);
        cli_progress_end(&line);
    }
    for (uint32_t i = 0; i < FORMAT_OUTPUTS_MAX; i++) {
        int closed = rmg_output_close(&target->files[i], code == CLI_OK && err == JIT_OK);
        code = code == CLI_OK ? closed : code;
    }
    code = code == CLI_OK ? target->standard.code : code;
    code = code == CLI_OK ? history->code : code;
    if (code == CLI_OK && err == JIT_ENOENT && path != NULL) {
        snprintf(error.what, sizeof error.what, "it has no instance %.400s", path);
    }
    if (code == CLI_OK && err != JIT_OK) {
        code = failed(cli, target->format, err, &error);
    }
    return code == CLI_OK ? done(cli, target, &report) : code;
}

/* What a .wsc says beside the state: as it was read, unless an option says something else. */
static int read_head(struct cli *cli, struct rmg_wsc_head *head)
{
    const char *schema = cli_text(cli, "schema-hash");
    if (schema != NULL && jit_id_from_hex(schema, strlen(schema), &head->schema_hash) != JIT_OK) {
        cli_what(cli, "--schema-hash does not take \"%s\"", schema);
        cli_why(cli, "a hash has 64 hex digits");
        cli_next(cli, "rmg export -h");
        return CLI_USAGE;
    }
    if (cli_given(cli, "tick")) {
        head->tick = cli_number(cli, "tick");
    }
    return CLI_OK;
}

int rmg_export(struct cli *cli)
{
    struct history history = {.cli = cli, .operands = cli->operands, .count = cli->operand_count};
    struct target target = {.format = format_by_name(cli_text(cli, "to"))};
    struct format_graph *graph = &history.graphs[0];
    const struct format *format;
    int code = rmg_format(cli, &format);
    bool several = code == CLI_OK && history.count > 1 && !format->many && target.format->history;
    if (code == CLI_OK && several) {
        code = load_at(&history, 0);
    } else if (code == CLI_OK) {
        history.count = 1;
        code = rmg_load(cli, graph, &format, NULL);
    }
    if (code == CLI_OK) {
        code = read_head(cli, &graph->head);
    }
    if (code == CLI_OK) {
        code = write_all(cli, &history, &target);
    }
    format_graph_release(&history.graphs[0]);
    format_graph_release(&history.graphs[1]);
    return code;
}

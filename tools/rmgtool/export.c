#include <string.h>

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

static int failed(struct cli *cli, enum jit_err err)
{
    cli_what(cli, "cannot export %s", cli->operands[0]);
    cli_why(cli, "%s",
            err == JIT_ELIMIT ? "its attachments would make more than 1,000 columns"
                              : jit_err_text(err));
    cli_next(cli, "rmg export %s --to ndjson", cli->operands[0]);
    return cli_exit_of(err);
}

static int done(struct cli *cli, const struct export_report *report, const char *const *paths)
{
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    if (report->portals_left > 0 || report->instances_left > 0) {
        cli_warn(cli, "left out, since CSV holds one instance: %s portals, %s other instances",
                 cli_group(report->portals_left, a), cli_group(report->instances_left, b));
    }
    if (paths[0] == NULL) {
        return CLI_OK; /* stdout carries the graph */
    }
    cli_print(cli, "%s%s%s  %s nodes, %s edges\n", paths[0], paths[1] == NULL ? "" : ", ",
              paths[1] == NULL ? "" : paths[1], cli_group(report->nodes, a),
              cli_group(report->edges, b));
    json_t *event = cli_event("done", "rmg.export/1");
    json_t *list = json_array();
    for (int i = 0; i < 2 && paths[i] != NULL; i++) {
        json_array_append_new(list, json_string(paths[i]));
    }
    cli_put(event, "paths", list);
    cli_put_number(event, "nodes", report->nodes);
    cli_put_number(event, "edges", report->edges);
    cli_put_number(event, "lines", report->lines);
    cli_put_number(event, "portals_left", report->portals_left);
    cli_put_number(event, "instances_left", report->instances_left);
    return cli_emit(cli, event);
}

static int to_ndjson(struct cli *cli, const struct format_graph *graph,
                     struct export_progress *progress)
{
    const char *path = cli_text(cli, "out");
    bool named = path != NULL && strcmp(path, "-") != 0;
    struct rmg_output file = {.fd = -1};
    struct to_stdout standard = {.cli = cli};
    struct export_out out = {.write = write_stdout, .user = &standard};
    struct export_report report;
    if (named) {
        int code = rmg_output_open(&file, cli, path);
        if (code != CLI_OK) {
            return code;
        }
        out = (struct export_out){.write = rmg_output_write, .user = &file};
    }
    enum jit_err err = export_ndjson(graph, &out, progress, &report);
    int code = rmg_output_close(&file, err == JIT_OK);
    code = code == CLI_OK ? standard.code : code;
    if (code != CLI_OK || err != JIT_OK) {
        return code != CLI_OK ? code : failed(cli, err);
    }
    const char *paths[2] = {named ? path : NULL, NULL};
    return done(cli, &report, paths);
}

/* "x" and "x.csv" both give x.nodes.csv and x.edges.csv. */
static int to_csv(struct cli *cli, const struct format_graph *graph,
                  struct export_progress *progress)
{
    const char *path = cli_text(cli, "out");
    char names[2][4096];
    struct rmg_output files[2] = {{.fd = -1}, {.fd = -1}};
    struct export_report report;
    if (path == NULL || strcmp(path, "-") == 0) {
        cli_what(cli, "needs -o PREFIX");
        cli_why(cli, "CSV takes two files: PREFIX.nodes.csv and PREFIX.edges.csv");
        cli_next(cli, "rmg export %s --to csv -o graph", cli->operands[0]);
        return CLI_USAGE;
    }
    size_t size = strlen(path);
    size -= size > 4 && strcmp(path + size - 4, ".csv") == 0 ? 4 : 0;
    int code = CLI_OK;
    for (int i = 0; code == CLI_OK && i < 2; i++) {
        snprintf(names[i], sizeof names[i], "%.*s.%s.csv", (int)(size < 4000 ? size : 4000), path,
                 i == 0 ? "nodes" : "edges");
        code = rmg_output_open(&files[i], cli, names[i]);
    }
    enum jit_err err = JIT_OK;
    if (code == CLI_OK) {
        struct export_out nodes = {.write = rmg_output_write, .user = &files[0]};
        struct export_out edges = {.write = rmg_output_write, .user = &files[1]};
        err = export_csv(graph, NULL, &nodes, &edges, progress, &report);
    }
    bool keep = code == CLI_OK && err == JIT_OK;
    for (int i = 0; i < 2; i++) {
        int closed = rmg_output_close(&files[i], keep);
        code = code == CLI_OK ? closed : code;
    }
    if (code != CLI_OK || err != JIT_OK) {
        return code != CLI_OK ? code : failed(cli, err);
    }
    const char *paths[2] = {names[0], names[1]};
    return done(cli, &report, paths);
}

int rmg_export(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    struct cli_progress line;
    struct export_progress progress = {.step = step, .user = &line};
    enum import_format format;
    int code = rmg_load(cli, &graph, &format, NULL);
    if (code == CLI_OK) {
        cli_progress_begin(&line, cli, "writing", "records", 0, 0);
        code = strcmp(cli_text(cli, "to"), "csv") == 0 ? to_csv(cli, &graph, &progress)
                                                       : to_ndjson(cli, &graph, &progress);
        cli_progress_end(&line);
    }
    format_graph_release(&graph);
    return code;
}

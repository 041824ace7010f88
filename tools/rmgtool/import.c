#include <string.h>

#include "tools/rmgtool/rmg.h"

static int done(struct cli *cli, const struct format_graph *graph, const struct format *format,
                const struct import_report *report, const struct rmg_output *out)
{
    char root[JIT_ID_HEX];
    char a[CLI_NUMBER_SIZE];
    char b[CLI_NUMBER_SIZE];
    char c[CLI_NUMBER_SIZE];
    jit_id_to_hex(&graph->version.state_root, root);
    cli_print(cli, "%s  %s nodes, %s edges, %s values", out->path, cli_group(report->nodes, a),
              cli_group(report->edges, b), cli_group(report->values, c));
    if (format == &format_apt) {
        cli_print(cli, "; %s virtual, %s later stanzas ignored", cli_group(report->virtuals, a),
                  cli_group(report->stanzas_ignored, b));
    }
    cli_print(cli, "\nstate_root %s\n", root);
    json_t *event = cli_event("done", "rmg.import/1");
    cli_put_text(event, "path", out->path);
    cli_put_number(event, "bytes", out->size);
    cli_put_number(event, "instances", graph->version.instance_count);
    cli_put_number(event, "nodes", report->nodes);
    cli_put_number(event, "edges", report->edges);
    cli_put_number(event, "values", report->values);
    if (format == &format_apt) {
        cli_put_number(event, "virtual", report->virtuals);
        cli_put_number(event, "stanzas_ignored", report->stanzas_ignored);
    }
    cli_put_text(event, "state_root", root);
    return cli_emit(cli, event);
}

int rmg_import(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    struct import_report report = {0};
    struct rmg_output out = {.fd = -1};
    const struct format *format;
    const char *path = cli_text(cli, "out");
    if (path == NULL || strcmp(path, "-") == 0) {
        cli_what(cli, "needs -o OUT.rmg");
        cli_why(cli, "an .rmg file is written under a name");
        cli_next(cli, "rmg import -h");
        return CLI_USAGE;
    }
    int code = rmg_load(cli, &graph, &format, &report);
    if (code == CLI_OK) {
        code = rmg_output_open(&out, cli, path);
    }
    if (code == CLI_OK) {
        enum jit_err err =
            rmg_file_write(graph.heap, graph.store, &graph.version, rmg_output_write, &out, NULL);
        code = rmg_output_close(&out, err == JIT_OK);
        if (err != JIT_OK && code == CLI_OK) {
            cli_what(cli, "cannot write %s", path);
            cli_why(cli, "%s", jit_err_text(err));
            code = cli_exit_of(err);
        }
    }
    if (code == CLI_OK) {
        code = done(cli, &graph, format, &report, &out);
    }
    format_graph_release(&graph);
    return code;
}

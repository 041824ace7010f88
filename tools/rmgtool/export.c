#include <string.h>

#include "tools/rmgtool/rmg.h"

/* The index-th input alone. */
static int load_at(struct cli *cli, uint32_t index, struct format_graph *graph)
{
    const char **operands = cli->operands;
    uint32_t count = cli->operand_count;
    const struct format *format;
    cli->operands += index;
    cli->operand_count = 1;
    int code = rmg_load(cli, graph, &format, NULL);
    cli->operands = operands;
    cli->operand_count = count;
    return code;
}

/* The inputs as the states of one history: the one before stays while the next is compared with it.
 * *last: where the last one is. A graph cannot move in memory. */
static int load_history(struct cli *cli, struct export_history *history,
                        struct format_graph graphs[2], uint32_t *last)
{
    int code = CLI_OK;
    for (uint32_t i = 0; code == CLI_OK && i < cli->operand_count; i++) {
        struct format_graph *graph = &graphs[i % 2];
        if (i >= 2) {
            format_graph_release(graph);
        }
        code = load_at(cli, i, graph);
        enum jit_err err = code == CLI_OK ? export_history_step(history, graph, i) : JIT_OK;
        if (err != JIT_OK) {
            cli_what(cli, "cannot compare %s with what comes before it", cli->operands[i]);
            cli_why(cli, "%s", jit_err_text(err));
            cli_next(cli, "rmg verify %s", cli->operands[i]);
            code = cli_exit_of(err);
        }
        *last = i % 2;
    }
    return code;
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
    struct format_graph graphs[2] = {{.mapped = 0}, {.mapped = 0}};
    uint32_t last = 0;
    const struct format *to = format_by_name(cli_text(cli, "to"));
    struct jit_id instance;
    struct export_job job = {.instance = rmg_export_instance(cli, &instance)};
    const struct format *format;
    int code = rmg_format(cli, &format);
    if (code == CLI_OK && cli->operand_count > 1 && !format->many && to->history) {
        enum jit_err err = export_history_new(jit_heap_libc(), job.instance, &job.history);
        code =
            err == JIT_OK ? load_history(cli, job.history, graphs, &last) : (int)cli_exit_of(err);
    } else if (code == CLI_OK) {
        code = rmg_load(cli, &graphs[0], &format, NULL);
    }
    if (code == CLI_OK) {
        code = read_head(cli, &graphs[last].head);
    }
    if (code == CLI_OK) {
        job.graph = &graphs[last];
        job.head = graphs[last].head;
        code = rmg_export_write(cli, to, &job);
    }
    export_history_free(job.history);
    format_graph_release(&graphs[0]);
    format_graph_release(&graphs[1]);
    return code;
}

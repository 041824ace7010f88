/* `rmg merge`: three states become one, or a list of conflicts. */
#include "tools/rmgtool/settle.h"

static int write_patch(struct cli *cli, const struct rmg_merge_result *result, const char *path)
{
    if (result->patch.size > JIT_PATCH_BYTES_MAX) {
        cli_what(cli, "cannot write %s", path);
        cli_why(cli, "a patch holds at most 64 MiB, and this one is larger");
        cli_next(cli, "rmg merge %s %s %s -o OUT.rmg", cli->operands[0], cli->operands[1],
                 cli->operands[2]);
        return CLI_USAGE;
    }
    return rmg_output_all(cli, path, result->patch.data, result->patch.size);
}

static int write_result(struct settle *settle, struct format_graph *base,
                        const struct rmg_merge_result *result)
{
    struct cli *cli = settle->cli;
    struct rmg_output out = RMG_OUTPUT_CLOSED;
    const char *path = cli_text(cli, "out");
    const char *patch = cli_text(cli, "patch");
    char root[JIT_ID_HEX];
    int code = patch == NULL ? CLI_OK : write_patch(cli, result, patch);
    if (code == CLI_OK) {
        code = settle_write(cli, base, result->patch.data, result->patch.size, &out, path);
    }
    if (code != CLI_OK) {
        return code;
    }
    jit_id_to_hex(&base->version.state_root, root);
    if (path != NULL) {
        cli_print(cli, "%s  ", cli_word(cli, path));
    }
    settle_print(settle, result);
    cli_print(cli, "state_root %s\n", root);
    json_t *event = cli_event("done", "rmg.merge/1");
    if (path != NULL) {
        cli_put_text(event, "path", path);
        cli_put_number(event, "bytes", out.whole.size);
    }
    if (patch != NULL) {
        cli_put_text(event, "patch", patch);
    }
    settle_put(event, result);
    cli_put_text(event, "state_root", root);
    return cli_emit(cli, event);
}

static int merge(struct settle *settle, struct format_graph *graph)
{
    /* Ours first: of two names for one thing that one is shown. */
    const struct format_graph *const order[3] = {&graph[1], &graph[2], &graph[0]};
    struct rmg_merge_result result;
    struct rmg_state side[3];
    struct delta delta;
    for (int i = 0; i < 3; i++) {
        side[i] = (struct rmg_state){graph[i].store, graph[i].version};
    }
    enum jit_err err = rmg_merge(&settle->options, &side[0], &side[1], &side[2], &result);
    if (err != JIT_OK) {
        return settle_failed(settle, err, &result);
    }
    int code = CLI_OK;
    if (result.conflict_count > 0) {
        err = delta_begin(&delta, settle->cli, order, 3);
        code = err == JIT_OK ? settle_conflicts(settle, &delta, &result, "rmg.merge/1")
                             : settle_failed(settle, err, &result);
        delta_end(&delta);
    } else {
        code = write_result(settle, &graph[0], &result);
    }
    rmg_merge_result_release(&result);
    return code;
}

int rmg_merge_verb(struct cli *cli)
{
    struct format_graph graph[3] = {{.mapped = 0}, {.mapped = 0}, {.mapped = 0}};
    const struct format_graph *const all[3] = {&graph[0], &graph[1], &graph[2]};
    struct settle settle = {.cli = cli};
    int code = CLI_OK;
    for (uint32_t i = 0; code == CLI_OK && i < 3; i++) {
        code = rmg_load_operand(cli, i, &graph[i]);
    }
    if (code == CLI_OK) {
        code = settle_begin(&settle, cli, all, 3);
        if (code == CLI_OK) {
            code = merge(&settle, graph);
        }
        settle_end(&settle);
    }
    for (int i = 0; i < 3; i++) {
        format_graph_release(&graph[i]);
    }
    return code;
}

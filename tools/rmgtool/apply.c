/* `rmg apply`: perform a patch on its base, or move it to another state. */
#include <string.h>

#include "rmg/change/patch.h"
#include "tools/rmgtool/settle.h"

static bool stop(void *user, const struct rmg_op *op)
{
    (void)user;
    (void)op;
    return false;
}

struct patch {
    uint8_t *bytes;
    uint64_t size;
    struct jit_id base_root;
};

static int read_patch(struct cli *cli, const char *path, struct patch *out)
{
    struct jit_heap *heap = jit_heap_libc();
    enum jit_err err = format_read_file(heap, path, JIT_PATCH_BYTES_MAX, &out->bytes, &out->size);
    if (err == JIT_OK) {
        err = rmg_patch_each(heap, out->bytes, out->size, &out->base_root, stop, NULL);
    }
    if (err == JIT_OK) {
        return CLI_OK;
    }
    int code = rmg_unread(cli, err, path);
    cli_what(cli, "cannot read %s", path);
    if (err == JIT_EFORMAT || err == JIT_ELIMIT) {
        cli_why(cli, err == JIT_EFORMAT ? "it is damaged, or no patch at all"
                                        : "a patch holds at most 64 MiB");
    }
    cli_next(cli, "rmg diff A B -o FILE.patch");
    return err == JIT_EFORMAT ? CLI_CORRUPT : code;
}

static int done(struct cli *cli, const struct format_graph *graph, const struct rmg_output *out,
                const char *path, const struct rmg_merge_result *moved)
{
    char root[JIT_ID_HEX];
    jit_id_to_hex(&graph->version.state_root, root);
    if (path != NULL) {
        cli_print(cli, "%s  ", cli_word(cli, path));
    }
    cli_print(cli, "state_root %s\n", root);
    json_t *event = cli_event("done", "rmg.apply/1");
    if (path != NULL) {
        cli_put_text(event, "path", path);
        cli_put_number(event, "bytes", out->whole.size);
    }
    cli_put_bool(event, "moved", moved != NULL);
    if (moved != NULL) {
        settle_put(event, moved);
    }
    cli_put_text(event, "state_root", root);
    return cli_emit(cli, event);
}

static int write_result(struct cli *cli, struct format_graph *graph, const uint8_t *patch,
                        size_t size, const struct rmg_merge_result *moved)
{
    struct rmg_output out = RMG_OUTPUT_CLOSED;
    const char *path = cli_text(cli, "out");
    int code = settle_write(cli, graph, patch, size, &out, path);
    return code == CLI_OK ? done(cli, graph, &out, path, moved) : code;
}

static int rebase(struct cli *cli, struct format_graph *graph, const struct patch *patch)
{
    const struct format_graph *const all[1] = {graph};
    const struct rmg_state onto = {graph->store, graph->version};
    struct settle settle = {.cli = cli};
    struct rmg_merge_result result;
    struct delta delta;
    int code = settle_begin(&settle, cli, all, 1);
    if (code != CLI_OK) {
        settle_end(&settle);
        return code;
    }
    enum jit_err err = rmg_rebase(&settle.options, &onto, patch->bytes, patch->size, &result);
    if (err != JIT_OK) {
        code = settle_failed(&settle, err, &result);
        settle_end(&settle);
        return code;
    }
    if (result.conflict_count > 0) {
        err = delta_begin(&delta, cli, all, 1);
        code = err == JIT_OK ? settle_conflicts(&settle, &delta, &result, "rmg.apply/1")
                             : settle_failed(&settle, err, &result);
        delta_end(&delta);
    } else {
        code = write_result(cli, graph, result.patch.data, result.patch.size, &result);
    }
    rmg_merge_result_release(&result);
    settle_end(&settle);
    return code;
}

static int another_base(struct cli *cli, const struct format_graph *graph,
                        const struct patch *patch)
{
    char wanted[JIT_ID_HEX];
    char there[JIT_ID_HEX];
    jit_id_to_hex(&patch->base_root, wanted);
    jit_id_to_hex(&graph->version.state_root, there);
    cli_what(cli, "%s does not stand on %s", cli->operands[1], cli->operands[0]);
    cli_why(cli, "it was made for state root %s,\nand this is %s", wanted, there);
    cli_next(cli, "rmg apply %s %s --rebase -o OUT.rmg", cli->operands[0], cli->operands[1]);
    return CLI_NO;
}

int rmg_apply_verb(struct cli *cli)
{
    struct format_graph graph = {.mapped = 0};
    struct patch patch = {.bytes = NULL};
    int code = read_patch(cli, cli->operands[1], &patch);
    if (code == CLI_OK) {
        code = rmg_load_operand(cli, 0, &graph);
    }
    if (code == CLI_OK) {
        if (jit_id_equal(&patch.base_root, &graph.version.state_root)) {
            code = write_result(cli, &graph, patch.bytes, patch.size, NULL);
        } else if (cli_given(cli, "rebase")) {
            code = rebase(cli, &graph, &patch);
        } else {
            code = another_base(cli, &graph, &patch);
        }
    }
    jit_heap_libc()->free(jit_heap_libc(), patch.bytes);
    format_graph_release(&graph);
    return code;
}

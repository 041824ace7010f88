/* jitos inspect, query, diff - states out of a history, read like files. */
#include <stdio.h>
#include <string.h>

#include "tools/client/jitos.h"
#include "tools/client/history/moment.h"
#include "tools/rmgtool/path.h"
#include "tools/rmgtool/rmg.h"

#define PATH_MAX_SIZE 4096u

#define LIMIT CLI_OPTION(CLI_NUMBER, "limit", 'n', "N", "show N; 0 shows all", .fallback = "1000")

const struct cli_option jitos_inspect_options[] = {
    JITOS_DATA, LIMIT, RMG_LS_OPTIONS, RMG_CAT_OPTIONS, {.name = NULL},
};

const struct cli_option jitos_query_options[] = {
    JITOS_DATA,
    LIMIT,
    CLI_OPTION(CLI_TEXT, "in", 'i', "PATH", "the instance; /time and /time/TICK are the history",
               .fallback = "/world"),
    CLI_OPTION(CLI_TEXT, "at", 0, "REV", "the state at this tick, in place of the newest"),
    RMG_QUERY_OPTIONS,
    {.name = NULL},
};

const struct cli_option jitos_diff_options[] = {
    JITOS_DATA,
    CLI_OPTION(CLI_TEXT, "with", 0, "DIR", "B is a tick of this folder or branch"),
    RMG_DIFF_OPTIONS,
    {.name = NULL},
};

/* A path whose last part is the name of a value, "/world/bash/state": whose it is. */
static enum jit_err find_value(const struct format_graph *graph, const char *path,
                               struct path_place *place, struct rmg_attachment *out)
{
    char owner[PATH_MAX_SIZE];
    const char *name = strrchr(path, '/');
    if (name == NULL || name[1] == '\0' || strlen(name + 1) > JIT_NAME_BYTES_MAX) {
        return JIT_ENOENT;
    }
    snprintf(owner, sizeof owner, "%.*s", (int)(name - path), path);
    enum jit_err err = path_look(graph, owner, place);
    if (err == JIT_OK) {
        out->name = name + 1;
        out->name_size = (uint32_t)strlen(name + 1);
        err = rmg_attachment_get(&place->graph, RMG_PLANE_ALPHA, &place->node, out->name,
                                 out->name_size, &out->value);
    }
    return err;
}

/* An instance is listed, a node is shown with all of it, a value alone. */
static int show(struct cli *cli, const struct format_graph *graph, const char *path)
{
    struct path_place place;
    struct path_place owner;
    struct rmg_attachment value;
    enum jit_err err = path_look(graph, path, &place);
    if (err == JIT_ENOENT && find_value(graph, path, &owner, &value) == JIT_OK) {
        return rmg_cat_value(cli, graph, &owner, &value);
    }
    if (cli_given(cli, "raw") || (err == JIT_OK && !place.is_instance)) {
        return rmg_cat_of(cli, graph, path);
    }
    return rmg_ls_of(cli, graph, path); /* and says why, where nothing was found */
}

int jitos_inspect(struct cli *cli)
{
    struct moment moment;
    char path[PATH_MAX_SIZE];
    const char *revision = NULL;
    moment_split(cli->operand_count > 0 ? cli->operands[0] : "/", path, sizeof path, &revision);
    int code = moment_open_path(cli, cli_text(cli, "data"), revision, path, &moment);
    if (code == CLI_OK) {
        code = show(cli, &moment.graph, path);
    }
    moment_close(&moment);
    return code;
}

int jitos_query(struct cli *cli)
{
    struct moment moment;
    int code = moment_open_path(cli, cli_text(cli, "data"), cli_text(cli, "at"),
                                cli_text(cli, "in"), &moment);
    if (code == CLI_OK) {
        code = rmg_query_of(cli, &moment.graph, cli->operands[0]);
    }
    moment_close(&moment);
    return code;
}

int jitos_diff(struct cli *cli)
{
    struct moment side[2] = {{.open = false}, {.open = false}};
    const char *data = cli_text(cli, "data");
    const char *with = cli_text(cli, "with");
    const char *const folders[2] = {data, with != NULL ? with : data};
    int code = CLI_OK;
    for (uint32_t i = 0; code == CLI_OK && i < 2; i++) {
        code = moment_open(cli, folders[i], i < cli->operand_count ? cli->operands[i] : "HEAD",
                           &side[i]);
    }
    if (code == CLI_OK) {
        const struct format_graph graphs[2] = {side[0].graph, side[1].graph};
        const char *operands[2] = {cli->operands[0],
                                   cli->operand_count > 1 ? cli->operands[1] : "HEAD"};
        cli->operands = operands; /* what messages call the two sides */
        code = rmg_diff_of(cli, graphs);
    }
    moment_close(&side[0]);
    moment_close(&side[1]);
    return code;
}

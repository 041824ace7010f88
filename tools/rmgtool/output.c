#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "rmg/file/file.h"
#include "tools/rmgtool/rmg.h"

int rmg_output_refused(struct cli *cli, const char *path, int error)
{
    char folder[JIT_PATH_SIZE] = ".";
    struct stat info;
    if (strlen(path) < sizeof folder) {
        jit_folder_of(path, folder);
    }
    cli_what(cli, "cannot write %s", path);
    bool there = stat(folder, &info) == 0;
    if ((!there && (errno == ENOENT || errno == ENOTDIR)) || (there && !S_ISDIR(info.st_mode))) {
        cli_why(cli, there ? "%s is no folder" : "there is no folder %s", folder);
        cli_next(cli, there ? "name a file in another folder than %s" : "mkdir -p %s", folder);
        return CLI_NOT_FOUND;
    }
    cli_why(cli, "%s", strerror(error));
    if (error == EISDIR) {
        cli_next(cli, "name a file in it: %s/FILE", path);
        return CLI_USAGE;
    }
    cli_next(cli, "df -h %s ; ls -ld %s", folder, folder);
    return CLI_HOST;
}

static int refuse(struct rmg_output *out)
{
    return rmg_output_refused(out->cli, out->whole.path, out->whole.error);
}

int rmg_output_open(struct rmg_output *out, struct cli *cli, const char *path)
{
    out->cli = cli;
    return jit_whole_open(&out->whole, path) == JIT_OK ? CLI_OK : refuse(out);
}

int rmg_output_close(struct rmg_output *out, bool keep)
{
    if (out->whole.fd < 0) {
        return CLI_OK;
    }
    return jit_whole_close(&out->whole, keep) == JIT_OK ? CLI_OK : refuse(out);
}

int rmg_output_all(struct cli *cli, const char *path, const uint8_t *bytes, size_t size)
{
    struct rmg_output out;
    int code = rmg_output_open(&out, cli, path);
    if (code != CLI_OK) {
        return code;
    }
    enum jit_err err = jit_whole_write(&out.whole, bytes, size);
    return rmg_output_close(&out, err == JIT_OK);
}

int rmg_output_state(struct rmg_output *out, const struct format_graph *graph)
{
    enum jit_err err = rmg_file_write(graph->heap, graph->store, &graph->version, jit_whole_write,
                                      &out->whole, NULL);
    int code = rmg_output_close(out, err == JIT_OK);
    if (err != JIT_OK && code == CLI_OK) {
        cli_what(out->cli, "cannot write %s", out->whole.path);
        cli_why(out->cli, "%s", jit_err_text(err));
        code = cli_exit_of(err);
    }
    return code;
}

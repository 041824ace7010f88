#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "tools/rmgtool/rmg.h"

/* Why nothing can be said of a file's format: it cannot be opened. CLI_OK if it can. */
static int missing(struct cli *cli, const char *path)
{
    struct stat info;
    int error = EISDIR;
    if (strcmp(path, "-") == 0) {
        return CLI_OK;
    }
    if (access(path, R_OK) != 0) {
        error = errno;
    } else if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return CLI_OK;
    }
    cli_what(cli, "cannot read %s", path);
    cli_why(cli, "%s", strerror(error));
    cli_next(cli, "ls -l %s", path);
    return error == ENOENT ? CLI_NOT_FOUND : CLI_USAGE;
}

int rmg_format(struct cli *cli, const struct format **format)
{
    const char *from = cli_text(cli, "from");
    *format = from != NULL             ? format_by_name(from)
              : cli->operand_count > 0 ? format_of_file(NULL, cli->operands[0])
                                       : NULL;
    if (*format != NULL && format_reads(*format)) {
        return CLI_OK;
    }
    if (cli->operand_count == 0) {
        cli_what(cli, "needs INPUT");
        cli_why(cli, "no file was named, and --from does not say what to read from stdin");
        cli_next(cli, "rmg %s -h", cli->verb->name);
        return CLI_USAGE;
    }
    int code = *format == NULL ? missing(cli, cli->operands[0]) : CLI_OK;
    if (code != CLI_OK) {
        return code;
    }
    cli_what(cli, "cannot tell the format of %s", cli->operands[0]);
    if (*format != NULL) {
        cli_why(cli, "%s is written, never read", (*format)->name);
    } else {
        char ends[256] = "";
        size_t at = 0;
        for (size_t i = 0; format_table[i] != NULL; i++) {
            for (size_t k = 0; k < 3 && format_table[i]->extensions[k] != NULL; k++) {
                if (format_reads(format_table[i]) && at < sizeof ends) {
                    at += (size_t)snprintf(ends + at, sizeof ends - at, "%s%s", at == 0 ? "" : ", ",
                                           format_table[i]->extensions[k]);
                }
            }
        }
        cli_why(cli, "its name ends in none of %s, nor do its first bytes tell", ends);
    }
    cli_next(cli, "rmg %s --from FORMAT ...", cli->verb->name);
    return CLI_USAGE;
}

static void step(void *user, uint64_t done, uint64_t total)
{
    struct cli_progress *progress = user;
    progress->total = total / 1000;
    cli_progress_update(progress, done / 1000, NULL);
}

int rmg_unread(struct cli *cli, enum jit_err err, const char *path)
{
    struct stat info;
    bool folder = err == JIT_EIO && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    cli_why(cli, "%s",
            folder              ? strerror(EISDIR)
            : err == JIT_ENOENT ? "there is no such file"
            : err == JIT_ELIMIT ? "it is too large"
                                : jit_err_text(err));
    return folder ? CLI_USAGE : cli_exit_of(err);
}

static int refuse_file(struct cli *cli, enum jit_err err, const char *path,
                       const struct rmg_file_fault *fault)
{
    cli_what(cli, "cannot read %s", path);
    cli_next(cli, "rmg verify %s", path);
    if (fault->what == NULL || err == JIT_ENOMEM || err == JIT_ENOSPC || err == JIT_ELIMIT) {
        cli_why(cli, "%s", jit_err_text(err));
        return cli_exit_of(err);
    }
    if (strcmp(cli->verb->name, "verify") == 0) {
        cli_what(cli, "%s is damaged", path);
        cli_next(cli, "make it again: rmg help import");
    }
    cli_why(cli, "%s %llu, byte %llu: %s", fault->section, (unsigned long long)fault->index,
            (unsigned long long)fault->offset, fault->what);
    return err == JIT_ECORRUPT || strcmp(cli->verb->name, "verify") == 0 ? CLI_CORRUPT : CLI_USAGE;
}

/* The files of one graph. */
struct input {
    const char **paths;
    uint32_t count;
    const struct rmg_schema *schema; /* or NULL */
    struct rmg_schema *names;        /* learns; or NULL */
};

static int refuse_import(struct cli *cli, enum jit_err err, const struct format_error *error,
                         const struct input *input)
{
    const char *colon = error->place[0] != 0 ? ": " : "";
    /* The place begins with the file's name, which need not be the first one's. */
    cli_what(cli, input->count > 1 ? "cannot import %s and the others" : "cannot import %s",
             input->count > 0 ? input->paths[0] : "what apt knows");
    cli_why(cli, "%s%s%s", error->place, colon, error->what);
    /* With no input named, what this machine should have is not there. */
    bool absent = err == JIT_ENOTSUP && input->count == 0;
    cli_next(cli, absent ? "apt-get update" : "rmg help import");
    return absent ? CLI_NOT_FOUND : err == JIT_ENOTSUP ? CLI_USAGE : (int)cli_exit_of(err);
}

static int import_all(struct cli *cli, const struct input *input, struct format_graph *graph,
                      const struct format *format, struct import_report *report)
{
    struct rmg_collect *collect = NULL;
    struct import_target root;
    struct format_error error;
    struct cli_progress progress;
    struct jit_id at;
    struct import_source source = {
        .format = format,
        .paths = input->paths,
        .path_count = input->count,
        .schema = input->schema,
        .names = input->names,
        .into = format->needs_target ? &root : NULL,
        .progress = step,
        .user = &progress,
    };
    cli_progress_begin(&progress, cli, "reading", "kB", 0, 0);
    enum jit_err err = rmg_collect_new(graph->heap, graph->store, &collect);
    if (err == JIT_OK && format->needs_target) {
        err = rmg_collect_path(collect, "/", &root.instance);
        jit_hash_named("node:", "/", 1, &root.root_node);
    }
    int code = cli_exit_of(err);
    if (err == JIT_OK) {
        err = import_run(&source, collect, report, &error);
        code = err == JIT_OK ? CLI_OK : refuse_import(cli, err, &error, input);
    }
    if (err == JIT_OK) {
        err = format_graph_load(graph, collect, &at);
        if (err != JIT_OK) {
            char hex[JIT_ID_HEX];
            jit_id_to_hex(&at, hex);
            cli_what(cli, "cannot build the graph");
            cli_why(cli, "%s%s%s", jit_err_text(err), jit_id_is_zero(&at) ? "" : ": ",
                    jit_id_is_zero(&at) ? "" : hex);
            cli_next(cli, "rmg help import");
            code = cli_exit_of(err);
        }
    }
    cli_progress_end(&progress);
    rmg_collect_free(collect);
    return code;
}

static enum jit_err count_values(const struct rmg_graph *view, enum rmg_map map, uint64_t *values)
{
    struct rmg_iter iter;
    struct jit_id owner;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(view, map, &iter);
    while ((err = rmg_iter_owner(&iter, &owner, &count)) == JIT_OK) {
        *values += count;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* What an importer would have counted. Each instance but the top has one portal, which is no value.
 */
static enum jit_err count_loaded(const struct format_graph *graph, struct import_report *report)
{
    const struct jit_id *after = NULL;
    struct rmg_instance in;
    struct jit_id last;
    enum jit_err err;
    while ((err = rmg_store_next(graph->store, &graph->version, after, &in)) == JIT_OK) {
        struct rmg_graph view;
        rmg_store_graph(graph->store, &in, &view);
        report->instances++;
        report->nodes += in.roots.node_count;
        report->edges += in.roots.edge_count;
        err = count_values(&view, RMG_ALPHA, &report->values);
        err = err == JIT_OK ? count_values(&view, RMG_BETA, &report->values) : err;
        if (err != JIT_OK) {
            return err;
        }
        report->values -= in.parent.present ? 1 : 0;
        last = in.id;
        after = &last;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static int load_file(struct cli *cli, const struct input *input, struct format_graph *graph,
                     const struct format *format, struct import_report *report)
{
    struct rmg_file_fault fault = {0};
    struct format_bytes all;
    const char *path = input->paths[0];
    enum jit_err err = format_bytes_open(graph->heap, path, &all);
    if (err != JIT_OK) {
        cli_what(cli, "cannot read %s", path);
        cli_next(cli, err == JIT_ENOENT ? "ls *.rmg" : "ls -l %s", path);
        return rmg_unread(cli, err, path);
    }
    err = format->load(graph->heap, all.bytes, all.size, graph->store, &graph->version, &fault);
    if (err == JIT_OK && format->head != NULL) {
        format->head(all.bytes, all.size, &graph->head);
    }
    format_bytes_close(&all);
    if (err == JIT_OK && report != NULL) {
        err = count_loaded(graph, report);
    }
    return err == JIT_OK ? CLI_OK : refuse_file(cli, err, path, &fault);
}

static int begin(struct cli *cli, struct format_graph *graph)
{
    enum jit_err err = format_graph_init(graph, jit_heap_libc());
    if (err != JIT_OK) {
        cli_what(cli, "cannot begin");
        cli_why(cli, "%s", jit_err_text(err));
        cli_next(cli, "ulimit -v unlimited");
    }
    return cli_exit_of(err);
}

static int load(struct cli *cli, const struct input *input, struct format_graph *graph,
                const struct format *format, struct import_report *report)
{
    struct import_report unused;
    if (input->count == 0 && !format->no_input) {
        cli_what(cli, "needs %s", cli->verb->operands);
        cli_why(cli, "%s is read from files", format->name);
        cli_next(cli, "rmg %s -h", cli->verb->name);
        return CLI_USAGE;
    }
    if (input->count > 1 && !format->many) {
        cli_what(cli, "does not take \"%s\"", input->paths[1]);
        cli_why(cli, "one %s file is one graph", format->name);
        cli_next(cli, "rmg %s -h", cli->verb->name);
        return CLI_USAGE;
    }
    if (format->load != NULL && input->schema == NULL) {
        return load_file(cli, input, graph, format, report);
    }
    return import_all(cli, input, graph, format, report == NULL ? &unused : report);
}

int rmg_load(struct cli *cli, struct format_graph *graph, const struct format **format,
             struct import_report *report)
{
    return rmg_load_typed(cli, graph, format, report, NULL, NULL);
}

int rmg_load_typed(struct cli *cli, struct format_graph *graph, const struct format **format,
                   struct import_report *report, const struct rmg_schema *schema,
                   struct rmg_schema *names)
{
    const struct input input = {
        .paths = cli->operands, .count = cli->operand_count, .schema = schema, .names = names};
    int code = begin(cli, graph);
    if (code == CLI_OK) {
        code = rmg_format(cli, format);
    }
    return code == CLI_OK ? load(cli, &input, graph, *format, report) : code;
}

int rmg_load_path(struct cli *cli, const char *path, struct format_graph *graph,
                  const struct format **format)
{
    const struct input input = {.paths = &path, .count = 1};
    int code = begin(cli, graph);
    *format = format_of_file(NULL, path);
    if (code == CLI_OK && *format == NULL) {
        code = missing(cli, path);
    }
    if (code == CLI_OK && (*format == NULL || !format_reads(*format))) {
        cli_what(cli, "cannot tell the format of %s", path);
        cli_why(cli, "neither its name nor its first bytes tell");
        cli_next(cli, "rmg help import");
        code = CLI_USAGE;
    }
    return code == CLI_OK ? load(cli, &input, graph, *format, NULL) : code;
}

int rmg_load_operand(struct cli *cli, uint32_t index, struct format_graph *graph)
{
    const char **operands = cli->operands;
    const uint32_t count = cli->operand_count;
    const struct format *format;
    assert(index < count);
    cli->operands = operands + index;
    cli->operand_count = 1;
    int code = rmg_load(cli, graph, &format, NULL);
    cli->operands = operands;
    cli->operand_count = count;
    return code;
}

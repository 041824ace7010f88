#include "tools/client/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "kernel/core/image.h"
#include "kernel/core/root.h"
#include "proc/host/elf.h"
#include "tools/formats/format.h"
#include "tools/formats/sources.h"
#include "tools/client/run/genesis.h"
#include "tools/client/parameters.h"

#define READ_BYTES 65536u

int load_file(struct cli *cli, const char *path, size_t size_max, struct jit_buf *out)
{
    FILE *stream = fopen(path, "re");
    jit_buf_init(out, jit_heap_libc(), size_max);
    if (stream == NULL) {
        const int error = errno;
        cli_what(cli, "%s cannot be read", path);
        cli_why(cli, "%s", strerror(error));
        if (error == ENOMEM) {
            return CLI_HOST;
        }
        cli_next(cli, "name a file that is there and may be read");
        return error == ENOENT ? CLI_NOT_FOUND : CLI_USAGE;
    }
    for (;;) {
        uint8_t *at = jit_buf_extend(out, READ_BYTES);
        if (at == NULL) {
            break;
        }
        size_t n = fread(at, 1, READ_BYTES, stream);
        out->size -= READ_BYTES - n;
        if (n == 0) {
            break;
        }
    }
    int error = errno;
    bool failed = ferror(stream) != 0;
    fclose(stream);
    if (failed || out->err != JIT_OK) {
        cli_what(cli, "%s cannot be read", path);
        cli_why(cli, "%s", out->err == JIT_ELIMIT ? "it is too large" : strerror(error));
        if (failed && error == EISDIR) {
            cli_next(cli, "name a file in it: ls %s", path);
        }
        return out->err == JIT_ELIMIT || (failed && error == EISDIR) ? CLI_USAGE : CLI_HOST;
    }
    return CLI_OK;
}

/* ---- imports ---- */

static void show_progress(void *user, uint64_t done, uint64_t total)
{
    struct cli_progress *progress = user;
    progress->total = total;
    cli_progress_update(progress, done, NULL);
}

static int import_failed(struct cli *cli, const char *file, const struct lang_import *import,
                         enum jit_err err, const struct format_error *error)
{
    cli_what(cli, "%s:%u:%u: the import into %s failed", file, import->pos.line, import->pos.column,
             import->into.path);
    cli_why(cli, "%s%s%s", error->place, error->place[0] != '\0' ? ": " : "",
            error->what[0] != '\0' ? error->what : jit_err_text(err));
    switch (err) {
    case JIT_ENOENT:
        return CLI_NOT_FOUND;
    case JIT_ECORRUPT:
        return CLI_CORRUPT;
    case JIT_ENOMEM:
    case JIT_EIO:
    case JIT_ENOSPC:
        return CLI_HOST;
    default:
        return CLI_USAGE;
    }
}

/* One `import`: files of one format, or the package graph. */
static int import_one(struct cli *cli, const char *file, const struct lang_import *import,
                      const struct rmg_schema *schema, struct rmg_collect *collect,
                      struct load_facts *facts)
{
    char base[4096];
    struct import_report report = {0};
    struct format_error error = {.place = ""};
    struct cli_progress progress;
    struct import_target target = {.instance = import->into.instance};
    struct jit_id instance;
    kern_place_id(import->into.path, &instance, &target.root_node);
    format_folder_of(file, base, sizeof base);
    struct import_source source = {
        .format = &format_apt,
        .paths = import->files,
        .path_count = import->file_count,
        .base = base,
        .schema = schema,
        .into = &target,
        .progress = show_progress,
        .user = &progress,
    };
    for (uint32_t i = 0; !import->apt && i < import->file_count; i++) {
        const struct format *format = format_of_file(base, import->files[i]);
        if (format == NULL || !format_reads(format) || (i > 0 && format != source.format)) {
            cli_what(cli, "%s:%u:%u: `%s` cannot be imported", file, import->pos.line,
                     import->pos.column, import->files[i]);
            cli_why(cli, "the files of one import end all in .csv, all in .ndjson, or it is one "
                         "file, .rmg for example");
            cli_next(cli, "rmg import --from FORMAT turns others into .rmg");
            return CLI_USAGE;
        }
        source.format = format;
    }
    cli_progress_begin(&progress, cli, "import", "bytes", 0, 0);
    enum jit_err err = import_run(&source, collect, &report, &error);
    cli_progress_end(&progress);
    if (err != JIT_OK) {
        return import_failed(cli, file, import, err, &error);
    }
    facts->nodes += report.nodes;
    facts->edges += report.edges;
    facts->virtual_nodes += report.virtuals;
    facts->ignored_stanzas += report.stanzas_ignored;
    return CLI_OK;
}

static int import_all(struct cli *cli, const char *file, const struct lang_system *system,
                      struct rmg_collect *collect, struct load_facts *facts)
{
    struct rmg_schema *schema = NULL;
    const struct lang_type *at = NULL;
    int code = CLI_OK;
    enum jit_err err = rmg_schema_new(jit_heap_libc(), &schema);
    if (err == JIT_OK) {
        err = lang_schema(system, schema, &at);
    }
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot become a system", file);
        cli_why(cli, "%s", jit_err_text(err));
        code = cli_exit_of(err);
    }
    for (uint32_t i = 0; code == CLI_OK && i < system->import_count; i++) {
        code = import_one(cli, file, &system->imports[i], schema, collect, facts);
    }
    rmg_schema_free(schema);
    return code;
}

/* ---- the file ---- */

static int parse(struct cli *cli, const char *file, const struct jit_buf *source,
                 struct lang_system **system)
{
    const struct lang_sources sources = format_sources();
    struct jit_buf messages;
    jit_buf_init(&messages, jit_heap_libc(), 1u << 20);
    enum jit_err err = lang_parse_with(jit_heap_libc(), file, source->data, source->size, &sources,
                                       system, &messages);
    if (err != JIT_OK) {
        cli_what(cli, "%s is not a system that can run", file);
        cli_why_text(cli, messages.data, err == JIT_ENOMEM ? 0 : messages.size, jit_err_text(err));
        if (err != JIT_ENOMEM) {
            cli_next(cli, "jitos rules check %s", file);
        }
    }
    jit_buf_release(&messages);
    if (err == JIT_OK && (*system)->is_schema) {
        cli_what(cli, "%s is not a system that can run", file);
        cli_why(cli, "it begins with `schema`: it has types and nothing else");
        cli_next(cli, "import it in a file that begins with `system NAME`");
        return CLI_USAGE;
    }
    return err == JIT_OK ? CLI_OK : err == JIT_ENOMEM ? CLI_HOST : CLI_USAGE;
}

/* ---- programs ---- */

/* A program that no supervisor would start is refused before there is a system that names it. */
static int judge_program(struct cli *cli, const char *file, const struct lang_process *process,
                         const char *path, const struct jit_buf *bytes)
{
#ifdef JIT_SANITIZED
    const bool libraries = true; /* a sanitizer's runtime is one */
#else
    const bool libraries = false;
#endif
    uint64_t image_size = 0;
    const char *why = NULL;
    if (host_elf_judge(bytes->data, bytes->size, libraries, &image_size, &why) == JIT_OK) {
        return CLI_OK;
    }
    cli_what(cli, "%s:%u:%u: process %s cannot run %s", file, process->pos.line,
             process->pos.column, process->name, path);
    cli_why(cli, "%s", why);
    cli_next(cli, "link it with -static-pie: cc worker.c $(pkg-config --cflags --libs libjitos)");
    return CLI_USAGE;
}

static int add_program(struct cli *cli, const struct load_request *request,
                       const struct lang_process *process, struct rmg_collect *collect)
{
    char base[4096];
    char path[8192];
    struct jit_buf bytes;
    struct jit_id image;
    uint32_t members =
        request->members > 0 && process->count > 1 ? request->members : process->count;
    format_folder_of(request->file, base, sizeof base);
    snprintf(path, sizeof path, "%s%s%s", process->exec[0] == '/' ? "" : base,
             process->exec[0] == '/' ? "" : "/", process->exec);
    int code = load_file(cli, path, KERN_IMAGE_BYTES_MAX, &bytes);
    if (code == CLI_OK) {
        code = judge_program(cli, request->file, process, path, &bytes);
    }
    enum jit_err err = JIT_OK;
    if (code == CLI_OK) {
        err = kern_image_collect(collect, bytes.data, bytes.size, &image);
    }
    for (uint32_t i = 0; code == CLI_OK && err == JIT_OK && i < members; i++) {
        err = kern_image_run_by(collect, process->name, i, &image);
    }
    if (err != JIT_OK) {
        cli_what(cli, "%s could not be taken into the system", path);
        cli_why(cli, "%s", jit_err_text(err));
        code = cli_exit_of(err);
    }
    jit_buf_release(&bytes);
    return code;
}

static int add_programs(struct cli *cli, const struct load_request *request,
                        const struct lang_system *system, struct rmg_collect *collect)
{
    int code = CLI_OK;
    for (uint32_t i = 0; code == CLI_OK && i < system->process_count; i++) {
        if (system->processes[i].exec != NULL) {
            code = add_program(cli, request, &system->processes[i], collect);
        }
    }
    return code;
}

static int gather(struct cli *cli, const struct load_request *request,
                  const struct lang_system *system, struct rmg_collect *collect,
                  struct load_facts *facts)
{
    char what[512] = "";
    snprintf(facts->name, sizeof facts->name, "%s", system->name);
    for (uint32_t i = 0; i < system->process_count; i++) {
        facts->processes += system->processes[i].count;
    }
    enum jit_err err =
        genesis_collect(system, request->seed, request->members, collect, what, sizeof what);
    if (err != JIT_OK) {
        cli_what(cli, "%s cannot become a system", request->file);
        cli_why(cli, "%s", what[0] != '\0' ? what : jit_err_text(err));
        return err == JIT_ENOMEM ? CLI_HOST : CLI_USAGE;
    }
    return add_programs(cli, request, system, collect);
}

/* The same with the parameters that the request sets. */
static int gather_set(struct cli *cli, const struct load_request *request,
                      const struct lang_system *system, struct rmg_collect *collect,
                      struct load_facts *facts)
{
    struct parameters parameters;
    struct parameters_system with;
    if (request->set_count == 0) {
        return gather(cli, request, system, collect, facts);
    }
    int code = parameters_begin(&parameters, cli, "param", request->set, request->set_count);
    if (code == CLI_OK) {
        code = parameters_apply(&parameters, system, &with);
        if (code == CLI_OK) {
            code = gather(cli, request, &with.system, collect, facts);
        }
        parameters_system_release(&with);
    }
    parameters_release(&parameters);
    return code;
}

static bool path_holds(const char *outer, const char *inner)
{
    size_t n = strlen(outer);
    return strcmp(outer, "/") == 0 ||
           (strncmp(outer, inner, n) == 0 && (inner[n] == '\0' || inner[n] == '/'));
}

static bool maps_shard(const struct lang_system *system, uint32_t process)
{
    const char *shard = system->processes[process].over.path;
    for (uint32_t g = 0; g < system->grant_count; g++) {
        const struct lang_grant *grant = &system->grants[g];
        for (uint32_t r = 0; grant->process == process && r < grant->right_count; r++) {
            const struct lang_right *right = &grant->rights[r];
            if (right->kind == LANG_RIGHT_MAP &&
                (path_holds(right->place.path, shard) || path_holds(shard, right->place.path))) {
                return true;
            }
        }
    }
    return false;
}

/* A process that sees nothing asks for nothing, so no denial ever tells that a grant is missing. */
static void note_blind(struct cli *cli, const struct lang_system *system)
{
    for (uint32_t i = 0; i < system->process_count; i++) {
        if (!maps_shard(system, i)) {
            cli_note(cli, "process %s will find nothing: no grant lets it map %s",
                     system->processes[i].name, system->processes[i].over.path);
        }
    }
}

/* A collection of its own for this request. */
static int collect_new(struct cli *cli, struct load_made *made, struct rmg_collect **out)
{
    if (rmg_collect_new(jit_heap_libc(), made->graph.store, out) != JIT_OK) {
        return cli_no_memory(cli);
    }
    return CLI_OK;
}

static int read_system(struct cli *cli, const struct load_request *request,
                       struct load_facts *facts, struct lang_system **system)
{
    struct jit_buf source;
    *facts = (struct load_facts){.processes = 0};
    int code = load_file(cli, request->file, LANG_SOURCE_BYTES_MAX, &source);
    if (code == CLI_OK) {
        jit_hash(source.data, source.size, &facts->file_hash);
        code = parse(cli, request->file, &source, system);
    }
    jit_buf_release(&source);
    return code;
}

int load_system(struct cli *cli, const struct load_request *request, struct load_made *out,
                struct load_facts *facts)
{
    struct lang_system *system = NULL;
    out->collect = NULL;
    enum jit_err err = format_graph_init(&out->graph, jit_heap_libc());
    int code = read_system(cli, request, facts, &system);
    if (code == CLI_OK && err != JIT_OK) {
        code = cli_no_memory(cli);
    }
    if (code == CLI_OK) {
        code = collect_new(cli, out, &out->collect);
    }
    if (code == CLI_OK) {
        code = gather_set(cli, request, system, out->collect, facts);
    }
    if (code == CLI_OK) {
        note_blind(cli, system);
        code = import_all(cli, request->file, system, out->collect, facts);
    }
    lang_system_free(jit_heap_libc(), system);
    return code;
}

int load_again(struct cli *cli, const struct load_request *request, struct load_made *made,
               struct load_facts *facts)
{
    struct lang_system *system = NULL;
    struct rmg_collect *collect = NULL;
    struct jit_id world;
    struct jit_id root_node;
    kern_place_id("/world", &world, &root_node);
    int code = read_system(cli, request, facts, &system);
    if (code == CLI_OK) {
        code = collect_new(cli, made, &collect);
    }
    if (code == CLI_OK) {
        code = gather(cli, request, system, collect, facts);
    }
    if (code == CLI_OK && rmg_collect_take(collect, made->collect, &world) != JIT_OK) {
        code = cli_no_memory(cli);
    }
    rmg_collect_free(code == CLI_OK ? made->collect : collect);
    made->collect = code == CLI_OK ? collect : made->collect;
    lang_system_free(jit_heap_libc(), system);
    return code;
}

void load_release(struct load_made *made)
{
    rmg_collect_free(made->collect);
    made->collect = NULL;
    format_graph_release(&made->graph);
}

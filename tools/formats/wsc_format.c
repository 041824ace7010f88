/* The .wsc snapshot as a format; rmg/file/wsc.h reads and writes it. */
#include "rmg/file/wsc.h"

#include <stdio.h>

#include "rmg/store/codec.h"
#include "tools/formats/export_priv.h"
#include "tools/formats/format.h"

#define PATH_SIZE 256u

static enum jit_err load_wsc(struct jit_heap *heap, const uint8_t *bytes, uint64_t size,
                             struct rmg_store *store, struct rmg_version *version,
                             struct rmg_file_fault *fault)
{
    struct rmg_wsc file;
    enum jit_err err = rmg_wsc_open(bytes, size, &file, fault);
    return err == JIT_OK ? rmg_wsc_load(heap, &file, store, version, fault) : err;
}

static void head_of_wsc(const uint8_t *bytes, uint64_t size, struct rmg_wsc_head *head)
{
    struct rmg_wsc file;
    if (rmg_wsc_open(bytes, size, &file, NULL) == JIT_OK) {
        *head = file.head;
    }
}

/* ---- whose value does not fit ---- */

/* "/world": the names of the slots on the way from the top. Cut off at the front where it is long.
 */
static void path_of(const struct format_graph *graph, const struct jit_id *instance,
                    char out[PATH_SIZE])
{
    struct rmg_instance in;
    struct jit_id id = *instance;
    size_t at = PATH_SIZE - 1;
    out[at] = 0;
    while (rmg_store_instance(graph->store, &graph->version, &id, &in) == JIT_OK &&
           in.parent.present && at > in.parent.name_size + 1) {
        at -= in.parent.name_size;
        memcpy(out + at, in.parent.name, in.parent.name_size);
        out[--at] = '/';
        id = in.parent.instance;
    }
    if (out[at] == 0) {
        out[--at] = '/';
    }
    memmove(out, out + at, PATH_SIZE - at);
}

/* ` "pump" of type Machine`, as far as it is known: what people call the owner. */
static void describe(const struct format_graph *graph, const struct rmg_graph *view,
                     const struct rmg_wsc_owner *owner, char *out, size_t size)
{
    struct format_names *names = NULL;
    uint32_t length = 0;
    struct rmg_edge edge = {.type = {{0}}};
    const char *type = NULL;
    size_t at = 0;
    out[0] = 0;
    const char *label = format_label(view, owner->plane, &owner->owner, &length);
    if (label != NULL) {
        at = (size_t)snprintf(out, size, " \"%.*s\"", (int)(length < 80 ? length : 80), label);
    }
    enum jit_err err = owner->plane == RMG_PLANE_ALPHA
                           ? rmg_node_type(view, &owner->owner, &edge.type)
                           : rmg_edge_get(view, &owner->owner, &edge);
    if (err == JIT_OK && format_names_new(graph, &names) == JIT_OK) {
        type = format_name_of(names, &edge.type);
    }
    if (type != NULL && at < size) {
        snprintf(out + at, size - at, " of type %s", type);
    }
    format_names_free(names);
}

void format_wsc_refuse(const struct format_graph *graph, const struct rmg_wsc_owner *owner,
                       struct format_error *error)
{
    struct rmg_instance in;
    struct rmg_graph view;
    char hex[JIT_ID_HEX];
    char path[PATH_SIZE];
    char known[400] = "";
    if (rmg_store_instance(graph->store, &graph->version, &owner->instance, &in) == JIT_OK) {
        rmg_store_graph(graph->store, &in, &view);
        describe(graph, &view, owner, known, sizeof known);
    }
    path_of(graph, &owner->instance, path);
    jit_id_to_hex(&owner->owner, hex);
    snprintf(error->place, sizeof error->place, "%s %s%s in %s",
             owner->plane == RMG_PLANE_ALPHA ? "node" : "edge", hex, known, path);
    snprintf(error->what, sizeof error->what,
             "it has a value named \"%.*s\"; Echo has one value an owner, without a name",
             (int)owner->name_size, owner->name);
}

/* Progress counts records: as many as the bytes written so far stand for. */
struct counted {
    const struct export_job *job;
    uint64_t records;
    uint64_t size;
    uint64_t written;
};

static enum jit_err write_counted(void *user, const uint8_t *bytes, size_t size)
{
    struct counted *counted = user;
    const struct export_progress *progress = counted->job->progress;
    const struct export_out *out = &counted->job->outs[0];
    counted->written += size;
    if (progress != NULL && progress->step != NULL) {
        double part = (double)counted->written / (double)counted->size;
        progress->step(progress->user, (uint64_t)(part * (double)counted->records),
                       counted->records);
    }
    return out->write(out->user, bytes, size);
}

static enum jit_err count_records(const struct export_job *job)
{
    const struct format_graph *graph = job->graph;
    const struct jit_id *after = NULL;
    struct rmg_instance in;
    struct jit_id last;
    enum jit_err err;
    while ((err = rmg_store_next(graph->store, &graph->version, after, &in)) == JIT_OK) {
        job->report->instances++;
        job->report->nodes += in.roots.node_count;
        job->report->edges += in.roots.edge_count;
        last = in.id;
        after = &last;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err write_wsc(const struct export_job *job)
{
    const struct format_graph *graph = job->graph;
    struct counted counted = {.job = job};
    struct rmg_wsc_owner owner = {.name = ""};
    enum jit_err err = count_records(job);
    counted.records = job->report->nodes + job->report->edges;
    if (err == JIT_OK) {
        err = rmg_wsc_fits(graph->store, &graph->version, &owner, &counted.size);
    }
    if (err == JIT_ENOTSUP) {
        format_wsc_refuse(graph, &owner, job->error);
    }
    return err == JIT_OK ? rmg_wsc_write(graph->heap, graph->store, &graph->version, &job->head,
                                         write_counted, &counted, NULL, NULL)
                         : err;
}

const struct format format_wsc = {
    .name = "wsc",
    .extensions = {".wsc"},
    .magic = "WSC\0",
    .magic_size = 4,
    .outputs = 1,
    .bytes = true,
    .reads = "A whole state as Echo keeps it, verified while it is read.",
    .writes = "All of it as Echo reads it, if each node and edge has at most one value and\n"
              "that without a name; else the first that has is named. --schema-hash and\n"
              "--tick go into its header.",
    .load = load_wsc,
    .head = head_of_wsc,
    .write = write_wsc,
};

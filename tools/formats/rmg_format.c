/* The .rmg file as a format; rmg/file/file.c reads and writes it. */
#include "rmg/file/file.h"

#include "tools/formats/format.h"

static enum jit_err load_rmg(struct jit_heap *heap, const uint8_t *bytes, uint64_t size,
                             struct rmg_store *store, struct rmg_version *version,
                             struct rmg_file_fault *fault)
{
    struct rmg_file file;
    enum jit_err err = rmg_file_open(bytes, size, &file, fault);
    return err == JIT_OK ? rmg_file_load(heap, &file, store, version, fault) : err;
}

static enum jit_err write_rmg(const struct export_job *job)
{
    const struct format_graph *graph = job->graph;
    return rmg_file_write(graph->heap, graph->store, &graph->version, job->outs[0].write,
                          job->outs[0].user, NULL);
}

const struct format format_rmg = {
    .name = "rmg",
    .extensions = {".rmg"},
    .magic = "RMG\0",
    .magic_size = 4,
    .outputs = 1,
    .bytes = true,
    .reads = "A whole state, verified while it is read.",
    .writes = "All of it, as one file that says its state root and can be verified.",
    .load = load_rmg,
    .write = write_rmg,
};

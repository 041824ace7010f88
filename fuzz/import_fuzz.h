/* fuzz/import_fuzz.h - any bytes as a file of a format: refused in words, or read; then what was
 * read loads, and out and in again it is the same state, unless the format has no place for
 * something. What is never written goes out as NDJSON. */
#ifndef JIT_FUZZ_IMPORT_FUZZ_H
#define JIT_FUZZ_IMPORT_FUZZ_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "fuzz/fuzz.h"
#include "tools/formats/format.h"

#define FUZZ_TEXT_BYTES_MAX (256u << 20)

struct fuzz_file {
    int fd;
    char path[32];
};

static inline void fuzz_file_make(struct fuzz_file *file, const void *bytes, size_t size)
{
    file->fd = memfd_create("fuzz", MFD_CLOEXEC);
    assert(file->fd >= 0);
    for (size_t at = 0; at < size;) {
        ssize_t done = write(file->fd, (const uint8_t *)bytes + at, size - at);
        assert(done > 0);
        at += (size_t)done;
    }
    snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
}

static inline enum jit_err fuzz_to_buf(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

/* Into an empty graph. */
static inline enum jit_err fuzz_read(const struct format *format, const struct fuzz_file *files,
                                     uint32_t count, struct format_graph *graph)
{
    struct rmg_collect *collect = NULL;
    struct import_target root;
    struct import_report report;
    struct format_error error;
    const char *paths[FORMAT_OUTPUTS_MAX];
    struct jit_id at;
    for (uint32_t i = 0; i < count; i++) {
        paths[i] = files[i].path;
    }
    enum jit_err err = format_graph_init(graph, jit_heap_libc());
    assert(err == JIT_OK);
    err = rmg_collect_new(jit_heap_libc(), graph->store, &collect);
    assert(err == JIT_OK);
    if (format->needs_target) {
        err = rmg_collect_path(collect, "/", &root.instance);
        assert(err == JIT_OK);
        jit_hash_named("node:", "/", 1, &root.root_node);
    }
    const struct import_source source = {.format = format,
                                         .paths = paths,
                                         .path_count = count,
                                         .into = format->needs_target ? &root : NULL};
    err = import_run(&source, collect, &report, &error);
    if (err == JIT_OK) {
        enum jit_err loaded = format_graph_load(graph, collect, &at);
        assert(loaded == JIT_OK);
    } else {
        assert(error.what[0] != 0);
        assert(memchr(error.what, 0, sizeof error.what) != NULL);
    }
    rmg_collect_free(collect);
    return err;
}

static inline void fuzz_there_and_back(const struct format *format,
                                       const struct format_graph *graph)
{
    struct jit_buf texts[FORMAT_OUTPUTS_MAX];
    struct export_out outs[FORMAT_OUTPUTS_MAX];
    struct fuzz_file files[FORMAT_OUTPUTS_MAX];
    struct export_report report;
    struct format_error error;
    struct format_graph again;
    for (uint32_t i = 0; i < format->outputs; i++) {
        jit_buf_init(&texts[i], jit_heap_libc(), FUZZ_TEXT_BYTES_MAX);
        outs[i] = (struct export_out){fuzz_to_buf, &texts[i]};
    }
    const struct export_job job = {
        .graph = graph, .outs = outs, .report = &report, .error = &error};
    enum jit_err err = export_run(format, &job);
    assert(err == JIT_OK || err == JIT_ENOTSUP);
    for (uint32_t i = 0; i < format->outputs; i++) {
        fuzz_file_make(&files[i], texts[i].data, texts[i].size);
        jit_buf_release(&texts[i]);
    }
    if (err == JIT_OK) {
        err = fuzz_read(format, files, format->outputs, &again);
        assert(err == JIT_OK);
        assert(jit_id_equal(&again.version.state_root, &graph->version.state_root));
        format_graph_release(&again);
    }
    for (uint32_t i = 0; i < format->outputs; i++) {
        close(files[i].fd);
    }
}

static inline int fuzz_import(const struct format *format, const uint8_t *bytes, size_t size)
{
    struct fuzz_file file;
    struct format_graph graph;
    fuzz_file_make(&file, bytes, size);
    if (fuzz_read(format, &file, 1, &graph) == JIT_OK) {
        fuzz_take();
        fuzz_there_and_back(format->outputs > 0 ? format : &format_ndjson, &graph);
    }
    format_graph_release(&graph);
    close(file.fd);
    return 0;
}

#endif

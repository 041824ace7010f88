#include "tools/formats/export_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "tools/formats/format.h"

enum jit_err export_fail(const struct export_job *job, enum jit_err err, const char *place,
                         const char *format, ...)
{
    va_list list;
    va_start(list, format);
    format_fail(job->error, err, place, format, list);
    va_end(list);
    return err;
}

enum jit_err export_instance(const struct export_job *job, struct rmg_instance *out)
{
    const struct format_graph *graph = job->graph;
    return job->instance == NULL
               ? rmg_store_top(graph->store, &graph->version, out)
               : rmg_store_instance(graph->store, &graph->version, job->instance, out);
}

static enum jit_err count_all(const struct export_job *job)
{
    const struct jit_id *after = NULL;
    struct rmg_instance in;
    struct jit_id last;
    enum jit_err err;
    while ((err = rmg_store_next(job->graph->store, &job->graph->version, after, &in)) == JIT_OK) {
        job->report->instances++;
        job->report->nodes += in.roots.node_count;
        job->report->edges += in.roots.edge_count;
        last = in.id;
        after = &last;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

enum jit_err export_run(const struct format *format, const struct export_job *job)
{
    assert(format->write != NULL);
    *job->report = (struct export_report){0};
    *job->error = (struct format_error){0};
    enum jit_err err = format->write(job);
    if (err == JIT_OK && job->report->instances == 0) { /* a format that holds all of it */
        err = count_all(job);
    }
    if (err != JIT_OK && job->error->what[0] == 0) {
        snprintf(job->error->what, sizeof job->error->what, "%s", jit_err_text(err));
    }
    return err;
}

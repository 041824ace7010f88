#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "rmg/store/codec.h"
#include "tools/formats/export_words.h"

#define COLUMNS_MAX 1000u

/* One column a name, atom type and form: a value that is no canonical one of its codec, or whose
 * codec has no form in words, goes into a raw column as hex. */
struct column {
    struct jit_id type;
    enum rmg_codec codec; /* NONE: raw */
    uint32_t name_size;
    char name[JIT_NAME_BYTES_MAX + 1];
};

struct sheet {
    const struct rmg_graph *graph;
    enum rmg_plane plane;
    struct jit_heap *heap;
    struct column *columns;
    size_t count;
    size_t capacity;
    const struct export_job *job;
};

static bool column_is(const struct column *column, const struct rmg_attachment *attachment,
                      enum rmg_codec codec)
{
    return column->codec == codec && column->name_size == attachment->name_size &&
           memcmp(column->name, attachment->name, column->name_size) == 0 &&
           jit_id_equal(&column->type, &attachment->value.type);
}

static enum jit_err add_column(struct sheet *s, const struct jit_id *owner,
                               const struct rmg_attachment *attachment)
{
    struct rmg_datum datum;
    if (attachment->value.kind == RMG_VALUE_PORTAL) {
        char hex[JIT_ID_HEX];
        if (s->job->partial) {
            s->job->report->portals_left++;
            return JIT_OK;
        }
        jit_id_to_hex(owner, hex);
        return export_fail(s->job, JIT_ENOTSUP, s->plane == RMG_PLANE_ALPHA ? "node" : "edge",
                           WORDS_ID "%s has a portal, for which CSV has no place", hex);
    }
    enum rmg_codec codec = export_readable(&attachment->value, &datum);
    for (size_t i = 0; i < s->count; i++) {
        if (column_is(&s->columns[i], attachment, codec)) {
            return JIT_OK;
        }
    }
    if (s->count == COLUMNS_MAX) {
        return JIT_ELIMIT;
    }
    void *data = s->columns;
    if (jit_heap_grow(s->heap, &data, &s->capacity, s->count + 1, sizeof *s->columns) != 0) {
        return JIT_ENOMEM;
    }
    s->columns = data;
    struct column *column = &s->columns[s->count++];
    *column = (struct column){
        .type = attachment->value.type, .codec = codec, .name_size = attachment->name_size};
    memcpy(column->name, attachment->name, attachment->name_size);
    return JIT_OK;
}

static int compare_columns(const void *a, const void *b)
{
    const struct column *x = a;
    const struct column *y = b;
    int order = memcmp(x->name, y->name, sizeof x->name); /* zeros behind the name */
    order = order != 0 ? order : jit_id_compare(&x->type, &y->type);
    return order != 0 ? order : (int)x->codec - (int)y->codec;
}

/* The first pass: which columns there are. */
static enum jit_err find_columns(struct sheet *s)
{
    struct rmg_iter iter;
    struct jit_id owner;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(s->graph, s->plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, &iter);
    while ((err = rmg_iter_owner(&iter, &owner, &count)) == JIT_OK) {
        for (uint32_t i = 0; err == JIT_OK && i < count; i++) {
            struct rmg_attachment attachment;
            err = rmg_attachment_at(s->graph, s->plane, &owner, i, &attachment);
            err = err == JIT_OK ? add_column(s, &owner, &attachment) : err;
        }
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
    }
    if (s->count > 0) {
        qsort(s->columns, s->count, sizeof *s->columns, compare_columns);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- cells ---- */

static void put_quoted(struct export_writer *w, const char *text, size_t size)
{
    jit_buf_put_u8(&w->buf, '"');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') {
            jit_buf_put_u8(&w->buf, '"');
        }
        jit_buf_put_u8(&w->buf, (uint8_t)text[i]);
    }
    jit_buf_put_u8(&w->buf, '"');
}

/* An empty text is quoted, so that it is no missing value. */
static void put_cell(struct export_writer *w, const char *text, size_t size)
{
    bool plain = size > 0;
    for (size_t i = 0; plain && i < size; i++) {
        plain = text[i] != ',' && text[i] != '"' && text[i] != '\n' && text[i] != '\r';
    }
    if (plain) {
        jit_buf_put(&w->buf, text, size);
    } else {
        put_quoted(w, text, size);
    }
}

static void put_value(struct export_writer *w, const struct rmg_value *value)
{
    struct rmg_datum datum;
    switch (export_readable(value, &datum)) {
    case RMG_CODEC_BOOL:
    case RMG_CODEC_I64:
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        export_number(w, &datum);
        return;
    case RMG_CODEC_TEXT:
        put_cell(w, (const char *)datum.bytes, datum.size);
        return;
    default: /* bytes, id and raw */
        if (value->size == 0) {
            export_text(w, "\"\"");
        }
        export_hex(w, value->bytes, value->size);
        return;
    }
}

static const char *const type_words[] = {
    [RMG_CODEC_BOOL] = "boolean", [RMG_CODEC_I64] = "long",    [RMG_CODEC_F64] = "double",
    [RMG_CODEC_F32] = "float",    [RMG_CODEC_TEXT] = "string", [RMG_CODEC_BYTES] = "bytes",
    [RMG_CODEC_ID] = "id",
};

static enum jit_err put_header(struct export_writer *w, const struct sheet *s, const char *first)
{
    char cell[JIT_NAME_BYTES_MAX + 2 + JIT_ID_HEX];
    export_text(w, first);
    for (size_t i = 0; i < s->count; i++) {
        const struct column *column = &s->columns[i];
        char hex[JIT_ID_HEX];
        size_t at = column->name_size;
        memcpy(cell, column->name, at);
        jit_id_to_hex(&column->type, hex);
        at += (size_t)snprintf(cell + at, sizeof cell - at, ":%s%s",
                               column->codec == RMG_CODEC_NONE ? "#" : "",
                               column->codec == RMG_CODEC_NONE ? hex : type_words[column->codec]);
        export_text(w, ",");
        put_cell(w, cell, at);
    }
    export_text(w, "\n");
    return export_record(w);
}

/* Cells of one owner, in the order of the columns; both ascend by name. */
static enum jit_err put_values(struct export_writer *w, const struct sheet *s,
                               const struct jit_id *owner)
{
    size_t column = 0;
    for (uint32_t i = 0;; i++) {
        struct rmg_attachment attachment;
        struct rmg_datum datum;
        enum jit_err err = rmg_attachment_at(s->graph, s->plane, owner, i, &attachment);
        if (err == JIT_ENOENT) {
            break;
        }
        if (err != JIT_OK) {
            return err;
        }
        if (attachment.value.kind == RMG_VALUE_PORTAL) {
            continue;
        }
        enum rmg_codec codec = export_readable(&attachment.value, &datum);
        while (column < s->count && !column_is(&s->columns[column], &attachment, codec)) {
            export_text(w, ",");
            column++;
        }
        assert(column < s->count); /* the first pass saw it */
        export_text(w, ",");
        put_value(w, &attachment.value);
        column++;
    }
    for (; column < s->count; column++) {
        export_text(w, ",");
    }
    export_text(w, "\n");
    return export_record(w);
}

static enum jit_err put_nodes(struct export_writer *w, const struct sheet *s)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err = put_header(w, s, ":ID(rmg-id),:LABEL(rmg-id)");
    rmg_iter_all(s->graph, RMG_NODES, &iter);
    while (err == JIT_OK && (err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        export_id(w, &id);
        export_text(w, ",");
        export_id(w, &type);
        err = put_values(w, s, &id);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_edges(struct export_writer *w, const struct sheet *s)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err =
        put_header(w, s, ":START_ID(rmg-id),:END_ID(rmg-id),:TYPE(rmg-id),:EDGE_ID(rmg-id)");
    rmg_iter_all(s->graph, RMG_EDGES, &iter);
    while (err == JIT_OK && (err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        export_id(w, &edge.from);
        export_text(w, ",");
        export_id(w, &edge.to);
        export_text(w, ",");
        export_id(w, &edge.type);
        export_text(w, ",");
        export_id(w, &edge.id);
        err = put_values(w, s, &edge.id);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err write_sheet(const struct export_job *job, const struct rmg_graph *view,
                                enum rmg_plane plane, uint64_t total, uint64_t before)
{
    struct sheet sheet = {.graph = view, .plane = plane, .heap = job->graph->heap, .job = job};
    struct export_writer w;
    export_begin(&w, sheet.heap, &job->outs[plane == RMG_PLANE_ALPHA ? 0 : 1]);
    w.progress = job->progress;
    w.total = total;
    w.done = before;
    enum jit_err err = find_columns(&sheet);
    if (err == JIT_ELIMIT) {
        err = export_fail(job, err, "", "its attachments would make more than 1,000 columns");
    }
    if (err == JIT_OK) {
        err = plane == RMG_PLANE_ALPHA ? put_nodes(&w, &sheet) : put_edges(&w, &sheet);
    }
    err = err == JIT_OK ? export_flush(&w) : err;
    job->report->lines += w.done - before;
    sheet.heap->free(sheet.heap, sheet.columns);
    jit_buf_release(&w.buf);
    return err;
}

enum jit_err export_csv(const struct export_job *job)
{
    struct export_report *report = job->report;
    struct rmg_instance in;
    struct rmg_graph view;
    enum jit_err err = export_instance(job, &in);
    if (err != JIT_OK) {
        return err;
    }
    rmg_store_graph(job->graph->store, &in, &view);
    report->instances = 1;
    report->nodes = in.roots.node_count;
    report->edges = in.roots.edge_count;
    report->instances_left = job->graph->version.instance_count - 1;
    uint64_t total = report->nodes + report->edges;
    err = write_sheet(job, &view, RMG_PLANE_ALPHA, total, 0);
    return err == JIT_OK ? write_sheet(job, &view, RMG_PLANE_BETA, total, report->nodes) : err;
}

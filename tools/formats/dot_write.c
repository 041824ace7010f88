/* DOT, for pictures: every instance a cluster, a portal a dashed arrow to the root node of what it
 * leads to. Nothing is left out, but the types of values are not said: it is written only. */
#include <stdio.h>

#include "base/check.h"
#include "tools/formats/export_words.h"
#include "tools/formats/format.h"

struct dot {
    struct export_writer w;
    struct export_words words;
    bool directed;
};

/* In double quotes only the quote itself is special to DOT; a backslash is to its labels. */
static void put_quoted(struct dot *d, const char *text, size_t size)
{
    jit_buf_put_u8(&d->w.buf, '"');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            jit_buf_put_u8(&d->w.buf, '\\');
            jit_buf_put_u8(&d->w.buf, (uint8_t)text[i]);
        } else if (text[i] == '\n') {
            export_text(&d->w, "\\n");
        } else if ((unsigned char)text[i] < 0x20) {
            char escape[8];
            snprintf(escape, sizeof escape, "&#%d;", text[i]);
            export_text(&d->w, escape);
        } else {
            jit_buf_put_u8(&d->w.buf, (uint8_t)text[i]);
        }
    }
    jit_buf_put_u8(&d->w.buf, '"');
}

static void put_attribute(struct dot *d, const char *name, size_t name_size, const char *text,
                          size_t size)
{
    export_text(&d->w, ", ");
    put_quoted(d, name, name_size);
    export_text(&d->w, "=");
    put_quoted(d, text, size);
}

static void put_value(struct dot *d, const struct rmg_value *value)
{
    struct rmg_datum datum;
    switch (export_readable(value, &datum)) {
    case RMG_CODEC_BOOL:
    case RMG_CODEC_I64:
    case RMG_CODEC_F64:
    case RMG_CODEC_F32:
        jit_buf_put_u8(&d->w.buf, '"');
        export_number(&d->w, &datum);
        jit_buf_put_u8(&d->w.buf, '"');
        break;
    case RMG_CODEC_TEXT:
        put_quoted(d, (const char *)datum.bytes, datum.size);
        break;
    default:
        export_text(&d->w, "\"0x");
        export_hex(&d->w, value->bytes, value->size);
        export_text(&d->w, "\"");
        break;
    }
}

/* Names that Graphviz itself gives a meaning keep to it only when they are texts of ours for
 * showing; all of ours get a prefix, so that no value moves the picture. */
static enum jit_err put_values(struct dot *d, enum rmg_plane plane, const struct jit_id *owner)
{
    struct rmg_attachment attachment;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK; i++) {
        char name[JIT_NAME_BYTES_MAX + 8] = "rmg_";
        err = rmg_attachment_at(&d->words.view, plane, owner, i, &attachment);
        if (err == JIT_OK && attachment.value.kind == RMG_VALUE_ATOM) {
            memcpy(name + 4, attachment.name, attachment.name_size);
            export_text(&d->w, ", ");
            put_quoted(d, name, 4 + attachment.name_size);
            export_text(&d->w, "=");
            put_value(d, &attachment.value);
            err = d->w.buf.err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* Ids are unique within an instance only. */
static void put_name(struct dot *d, const struct jit_id *instance, const struct jit_id *node)
{
    if (d->words.job->graph->version.instance_count > 1) {
        char hex[JIT_ID_HEX];
        jit_id_to_hex(instance, hex);
        hex[16] = 0;
        export_text(&d->w, "\"");
        export_text(&d->w, hex);
        export_text(&d->w, "/");
    } else {
        export_text(&d->w, "\"");
    }
    export_id(&d->w, node);
    export_text(&d->w, "\"");
}

/* What a node shows: a value (--label, else label, name, id), else the beginning of its id. */
static enum jit_err put_label(struct dot *d, const struct jit_id *node)
{
    const char *const names[] = {d->words.job->label, "label", "name", "id"};
    char hex[JIT_ID_HEX];
    export_text(&d->w, " [label=");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rmg_value value;
        struct rmg_datum datum;
        enum jit_err err = names[i] == NULL
                               ? JIT_ENOENT
                               : rmg_attachment_get(&d->words.view, RMG_PLANE_ALPHA, node, names[i],
                                                    (uint32_t)strlen(names[i]), &value);
        if (err != JIT_OK && err != JIT_ENOENT) {
            return err;
        }
        if (err == JIT_OK && value.kind == RMG_VALUE_ATOM &&
            export_readable(&value, &datum) != RMG_CODEC_NONE) {
            put_value(d, &value);
            return JIT_OK;
        }
    }
    jit_id_to_hex(node, hex);
    put_quoted(d, hex, 12);
    return JIT_OK;
}

static void put_type(struct dot *d, const char *name, const struct jit_id *type)
{
    char space[JIT_ID_HEX + 16];
    const char *word = export_type(&d->words, type, NULL, space);
    put_attribute(d, name, strlen(name), word, strlen(word));
}

/* The portals of an owner; those of an edge leave the node that it leaves. */
static enum jit_err put_portals(struct dot *d, enum rmg_plane plane, const struct jit_id *owner,
                                const struct jit_id *node)
{
    const struct format_graph *graph = d->words.job->graph;
    struct rmg_attachment attachment;
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK; i++) {
        struct rmg_instance in;
        err = rmg_attachment_at(&d->words.view, plane, owner, i, &attachment);
        if (err != JIT_OK || attachment.value.kind != RMG_VALUE_PORTAL) {
            continue;
        }
        err = rmg_store_instance(graph->store, &graph->version, &attachment.value.type, &in);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        export_text(&d->w, "  ");
        put_name(d, &d->words.in.id, node);
        export_text(&d->w, d->directed ? " -> " : " -- ");
        put_name(d, &in.id, &in.root_node);
        export_text(&d->w, " [style=dashed, label=");
        put_quoted(d, attachment.name, attachment.name_size);
        if (plane == RMG_PLANE_BETA) {
            char hex[JIT_ID_HEX];
            jit_id_to_hex(owner, hex);
            put_attribute(d, "rmg-edge", 8, hex, JIT_ID_HEX - 1);
        }
        export_text(&d->w, "];\n");
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The top's root node without edges and portals need not be drawn: it is the graph. */
static enum jit_err is_graph_only(struct dot *d, bool *plain)
{
    struct rmg_attachment attachment;
    enum jit_err err = export_root_plain(&d->words, plain);
    for (uint32_t i = 0; err == JIT_OK && *plain; i++) {
        err = rmg_attachment_at(&d->words.view, RMG_PLANE_ALPHA, &d->words.in.root_node, i,
                                &attachment);
        *plain = err != JIT_OK || attachment.value.kind == RMG_VALUE_ATOM;
    }
    *plain = *plain && !d->words.in.parent.present;
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_nodes(struct dot *d)
{
    struct rmg_iter iter;
    struct jit_id node;
    struct jit_id type;
    bool plain = false;
    enum jit_err err = is_graph_only(d, &plain);
    if (err == JIT_OK && plain) {
        export_text(&d->w, "    graph [\"rmg-root\"=\"");
        export_id(&d->w, &d->words.in.root_node);
        export_text(&d->w, "\"");
        err = put_values(d, RMG_PLANE_ALPHA, &d->words.in.root_node);
        export_text(&d->w, "];\n");
    }
    rmg_iter_all(&d->words.view, RMG_NODES, &iter);
    while (err == JIT_OK && (err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        if (plain && jit_id_equal(&node, &d->words.in.root_node)) {
            continue;
        }
        export_text(&d->w, "    ");
        put_name(d, &d->words.in.id, &node);
        err = put_label(d, &node);
        put_type(d, "rmg-type", &type);
        err = err == JIT_OK ? put_values(d, RMG_PLANE_ALPHA, &node) : err;
        export_text(&d->w, "];\n");
        err = err == JIT_OK ? export_record(&d->w) : err;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_edges(struct dot *d)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err;
    rmg_iter_all(&d->words.view, RMG_EDGES, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        char space[JIT_ID_HEX + 16];
        char hex[JIT_ID_HEX];
        const char *type = export_type(&d->words, &edge.type, WORDS_EDGE, space);
        bool own = type == space; /* no words for it */
        export_text(&d->w, "    ");
        put_name(d, &d->words.in.id, &edge.from);
        export_text(&d->w, d->directed ? " -> " : " -- ");
        put_name(d, &d->words.in.id, &edge.to);
        export_text(&d->w, " [label=");
        put_quoted(d,
                   type == NULL ? ""
                   : own        ? type + sizeof WORDS_ID - 1
                                : type,
                   type == NULL ? 0
                   : own        ? 12
                                : strlen(type));
        put_type(d, "rmg-type", &edge.type);
        jit_id_to_hex(&edge.id, hex);
        put_attribute(d, "rmg-id", 6, hex, JIT_ID_HEX - 1);
        err = put_values(d, RMG_PLANE_BETA, &edge.id);
        export_text(&d->w, "];\n");
        err = err == JIT_OK ? export_record(&d->w) : err;
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_all_portals(struct dot *d)
{
    struct rmg_iter iter;
    struct jit_id owner;
    struct rmg_edge edge;
    uint32_t count;
    enum jit_err err = JIT_OK;
    rmg_iter_all(&d->words.view, RMG_ALPHA, &iter);
    while (err == JIT_OK && (err = rmg_iter_owner(&iter, &owner, &count)) == JIT_OK) {
        err = put_portals(d, RMG_PLANE_ALPHA, &owner, &owner);
    }
    err = err == JIT_ENOENT ? JIT_OK : err;
    rmg_iter_all(&d->words.view, RMG_BETA, &iter);
    while (err == JIT_OK && (err = rmg_iter_owner(&iter, &owner, &count)) == JIT_OK) {
        err = rmg_edge_get(&d->words.view, &owner, &edge);
        err = err == JIT_OK ? put_portals(d, RMG_PLANE_BETA, &owner, &edge.from) : err;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_instance(struct dot *d, const struct rmg_instance *in, bool cluster)
{
    char hex[JIT_ID_HEX];
    export_words_enter(&d->words, in);
    jit_id_to_hex(&in->id, hex);
    if (cluster) {
        export_text(&d->w, "  subgraph \"cluster_");
        export_text(&d->w, hex);
        export_text(&d->w, "\" {\n    label=");
        put_quoted(d, in->parent.present ? in->parent.name : "/",
                   in->parent.present ? in->parent.name_size : 1);
        export_text(&d->w, ";\n");
    }
    enum jit_err err = put_nodes(d);
    err = err == JIT_OK ? put_edges(d) : err;
    export_text(&d->w, cluster ? "  }\n" : "");
    return err == JIT_OK ? put_all_portals(d) : err;
}

static enum jit_err put_document(struct dot *d, const struct export_place *list, size_t count)
{
    const struct export_job *job = d->words.job;
    struct rmg_instance in;
    enum jit_err err = export_instance(job, &in);
    if (err == JIT_OK) {
        export_words_enter(&d->words, &in);
        err = export_flag(&d->words, "directed", true, &d->directed);
    }
    export_text(&d->w, d->directed ? "digraph rmg {\n" : "graph rmg {\n");
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        err = rmg_store_instance(job->graph->store, &job->graph->version, &list[i].id, &in);
        if (err == JIT_OK) {
            job->report->instances++;
            job->report->nodes += in.roots.node_count;
            job->report->edges += in.roots.edge_count;
            d->w.total = job->report->nodes + job->report->edges;
            err = put_instance(d, &in, count > 1);
        }
    }
    export_text(&d->w, "}\n");
    return err == JIT_OK ? export_flush(&d->w) : err;
}

static enum jit_err write_dot(const struct export_job *job)
{
    struct dot d = {.words.names = NULL};
    struct export_place *list = NULL;
    size_t count = 0;
    export_begin(&d.w, job->graph->heap, &job->outs[0]);
    d.w.progress = job->progress;
    enum jit_err err = export_words_init(&d.words, job);
    err = err == JIT_OK ? export_instances(job, &list, &count) : err;
    err = err == JIT_OK ? put_document(&d, list, count) : err;
    job->graph->heap->free(job->graph->heap, list);
    export_words_release(&d.words);
    jit_buf_release(&d.w.buf);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

const struct format format_dot = {
    .name = "dot",
    .extensions = {".dot", ".gv"},
    .outputs = 1,
    .writes = "For pictures: all of it, an instance a cluster, a portal a dashed arrow;\n"
              "nodes show --label, else the value label, name or id.",
    .write = write_dot,
};

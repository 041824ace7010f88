#include "tools/formats/export_words.h"

/* "key":"hex" with what stands before it. */
static void put_id(struct export_writer *w, const char *before, const struct jit_id *id)
{
    export_text(w, before);
    export_id(w, id);
    export_text(w, "\"");
}

static enum jit_err put_instance(struct export_writer *w, const struct rmg_instance *in)
{
    put_id(w, "{\"kind\":\"instance\",\"id\":\"", &in->id);
    put_id(w, ",\"root\":\"", &in->root_node);
    if (!in->parent.present) {
        export_text(w, ",\"parent\":null}\n");
        return export_record(w);
    }
    export_text(w, in->parent.plane == RMG_PLANE_ALPHA ? ",\"parent\":{\"plane\":\"alpha\""
                                                       : ",\"parent\":{\"plane\":\"beta\"");
    put_id(w, ",\"instance\":\"", &in->parent.instance);
    put_id(w, ",\"owner\":\"", &in->parent.owner);
    export_text(w, ",\"name\":");
    export_json_string(w, in->parent.name, in->parent.name_size);
    export_text(w, "}}\n");
    return export_record(w);
}

static enum jit_err put_nodes(struct export_writer *w, const struct rmg_graph *graph)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_all(graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        put_id(w, "{\"kind\":\"node\",\"instance\":\"", &graph->instance);
        put_id(w, ",\"id\":\"", &id);
        put_id(w, ",\"type\":\"", &type);
        export_text(w, "}\n");
        err = export_record(w);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_edges(struct export_writer *w, const struct rmg_graph *graph)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err;
    rmg_iter_all(graph, RMG_EDGES, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        put_id(w, "{\"kind\":\"edge\",\"instance\":\"", &graph->instance);
        put_id(w, ",\"id\":\"", &edge.id);
        put_id(w, ",\"from\":\"", &edge.from);
        put_id(w, ",\"to\":\"", &edge.to);
        put_id(w, ",\"type\":\"", &edge.type);
        export_text(w, "}\n");
        err = export_record(w);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_attachment(struct export_writer *w, const struct rmg_graph *graph,
                                   enum rmg_plane plane, const struct jit_id *owner,
                                   const struct rmg_attachment *attachment)
{
    put_id(w, "{\"kind\":\"attachment\",\"instance\":\"", &graph->instance);
    export_text(w, plane == RMG_PLANE_ALPHA ? ",\"plane\":\"alpha\"" : ",\"plane\":\"beta\"");
    put_id(w, ",\"owner\":\"", owner);
    export_text(w, ",\"name\":");
    export_json_string(w, attachment->name, attachment->name_size);
    if (attachment->value.kind == RMG_VALUE_PORTAL) {
        put_id(w, ",\"descend\":\"", &attachment->value.type);
        export_text(w, "}\n");
    } else {
        put_id(w, ",\"type\":\"", &attachment->value.type);
        export_text(w, ",\"bytes\":\"");
        export_hex(w, attachment->value.bytes, attachment->value.size);
        export_text(w, "\"}\n");
    }
    return export_record(w);
}

static enum jit_err put_attachments(struct export_writer *w, const struct rmg_graph *graph,
                                    enum rmg_plane plane)
{
    struct rmg_iter iter;
    struct jit_id owner;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(graph, plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, &iter);
    while ((err = rmg_iter_owner(&iter, &owner, &count)) == JIT_OK) {
        for (uint32_t i = 0; i < count; i++) {
            struct rmg_attachment attachment;
            err = rmg_attachment_at(graph, plane, &owner, i, &attachment);
            err = err == JIT_OK ? put_attachment(w, graph, plane, &owner, &attachment) : err;
            if (err != JIT_OK) {
                return err == JIT_ENOENT ? JIT_ECORRUPT : err;
            }
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_content(struct export_writer *w, const struct rmg_graph *graph)
{
    enum jit_err err = put_nodes(w, graph);
    err = err == JIT_OK ? put_edges(w, graph) : err;
    err = err == JIT_OK ? put_attachments(w, graph, RMG_PLANE_ALPHA) : err;
    return err == JIT_OK ? put_attachments(w, graph, RMG_PLANE_BETA) : err;
}

enum jit_err export_ndjson(const struct export_job *job)
{
    const struct format_graph *graph = job->graph;
    struct export_report *report = job->report;
    struct export_writer w;
    enum jit_err err = JIT_OK;
    export_begin(&w, graph->heap, &job->outs[0]);
    w.progress = job->progress;
    for (int pass = 0; err == JIT_OK && pass < 2; pass++) {
        const struct jit_id *after = NULL;
        struct rmg_instance in;
        struct jit_id last;
        while ((err = rmg_store_next(graph->store, &graph->version, after, &in)) == JIT_OK) {
            struct rmg_graph view;
            last = in.id;
            after = &last;
            rmg_store_graph(graph->store, &in, &view);
            if (pass == 0) {
                report->instances++;
                report->nodes += in.roots.node_count;
                report->edges += in.roots.edge_count;
            }
            err = pass == 0 ? put_instance(&w, &in) : put_content(&w, &view);
            if (err != JIT_OK) {
                break;
            }
        }
        err = err == JIT_ENOENT ? JIT_OK : err;
        w.total = report->nodes + report->edges; /* at least */
    }
    err = err == JIT_OK ? export_flush(&w) : err;
    report->lines = w.done;
    jit_buf_release(&w.buf);
    return err;
}

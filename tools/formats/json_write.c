/* Node-link JSON, as networkx and D3 read it: one node or link a line. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tools/formats/export_words.h"
#include "tools/formats/json.h"

struct json_writer {
    struct export_writer w;
    struct export_words words;
    struct jit_id json_type;
};

static void put_key(struct json_writer *j, bool *first, const char *key, size_t size)
{
    export_text(&j->w, *first ? "" : ", ");
    export_json_string(&j->w, key, size);
    export_text(&j->w, ": ");
    *first = false;
}

static void put_words(struct json_writer *j, bool *first, const char *key, const char *text,
                      size_t size)
{
    put_key(j, first, key, strlen(key));
    export_json_string(&j->w, text, size);
}

static void put_id(struct json_writer *j, bool *first, const char *key, const struct export_id *id)
{
    put_key(j, first, key, strlen(key));
    if (id->number) {
        jit_buf_put(&j->w.buf, id->text, id->size);
    } else {
        export_json_string(&j->w, id->text, id->size);
    }
}

/* A real number never looks like an integer. */
static void put_real(struct json_writer *j, double value)
{
    char text[64];
    snprintf(text, sizeof text, "%.17g", value);
    export_text(&j->w, text);
    if (strpbrk(text, ".e") == NULL) {
        export_text(&j->w, ".0");
    }
}

/* Does the text say no more than the parser and our own writer keep? */
static bool is_json(const uint8_t *bytes, uint32_t size)
{
    unsigned depth = 0;
    unsigned deepest = 0;
    for (uint32_t i = 0; i < size;
         i++) { /* quotes may hold more of them, which is on the safe side */
        depth += bytes[i] == '{' || bytes[i] == '[';
        depth -= (bytes[i] == '}' || bytes[i] == ']') && depth > 0;
        deepest = depth > deepest ? depth : deepest;
    }
    if (deepest > JSON_TEXT_DEPTH || size == 0 || (bytes[0] != '{' && bytes[0] != '[')) {
        return false;
    }
    json_t *one = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    char *again = one == NULL ? NULL : json_dumps(one, JSON_TEXT_FLAGS);
    bool same = again != NULL && strlen(again) == size && memcmp(again, bytes, size) == 0 &&
                json_object_get(one, JSON_ATOM_TYPE) == NULL &&
                json_object_get(one, JSON_PORTAL) == NULL;
    free(again);
    json_decref(one);
    return same;
}

static void put_hex(struct json_writer *j, const struct rmg_value *value)
{
    char space[JIT_ID_HEX + 16];
    bool first = true;
    const char *type = export_type(&j->words, &value->type, NULL, space);
    export_text(&j->w, "{");
    put_words(j, &first, JSON_ATOM_TYPE, type, strlen(type));
    put_key(j, &first, JSON_ATOM_HEX, strlen(JSON_ATOM_HEX));
    export_text(&j->w, "\"");
    export_hex(&j->w, value->bytes, value->size);
    export_text(&j->w, "\"}");
}

static void put_value(struct json_writer *j, const struct rmg_value *value)
{
    struct rmg_datum datum;
    struct export_id id;
    if (value->kind == RMG_VALUE_PORTAL) {
        bool first = true;
        export_instance_id(&value->type, &id);
        export_text(&j->w, "{");
        put_id(j, &first, JSON_PORTAL, &id);
        export_text(&j->w, "}");
        return;
    }
    if (jit_id_equal(&value->type, &j->json_type) && is_json(value->bytes, value->size)) {
        jit_buf_put(&j->w.buf, value->bytes, value->size);
        return;
    }
    switch (export_readable(value, &datum)) {
    case RMG_CODEC_BOOL:
    case RMG_CODEC_I64:
        export_number(&j->w, &datum);
        return;
    case RMG_CODEC_F64:
        if (isfinite(datum.as.f64)) {
            put_real(j, datum.as.f64);
            return;
        }
        break;
    case RMG_CODEC_TEXT:
        export_json_string(&j->w, (const char *)datum.bytes, datum.size);
        return;
    default:
        break;
    }
    put_hex(j, value);
}

/* All values of an owner but those that have been said already. */
static enum jit_err put_values(struct json_writer *j, bool *first, enum rmg_plane plane,
                               const struct jit_id *owner, const char *const *taken,
                               const char *const *said)
{
    for (uint32_t i = 0;; i++) {
        struct rmg_attachment attachment;
        char name[JIT_NAME_BYTES_MAX + 16];
        enum jit_err err = rmg_attachment_at(&j->words.view, plane, owner, i, &attachment);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_OK : err;
        }
        bool skip = false;
        for (size_t k = 0; said != NULL && said[k] != NULL; k++) {
            skip = skip || export_is_named(&attachment, said[k]);
        }
        if (!skip) {
            size_t size = export_name(&attachment, taken, name);
            put_key(j, first, name, size);
            put_value(j, &attachment.value);
        }
        if (j->w.buf.err != JIT_OK) {
            return j->w.buf.err;
        }
    }
}

static const char *const node_keys[] = {"id", WORDS_NODE_TYPE, NULL};
static const char *const link_keys[] = {"id", "source", "target", WORDS_EDGE_TYPE, NULL};

static enum jit_err put_node(struct json_writer *j, const struct jit_id *id,
                             const struct jit_id *type, const char *const *flags)
{
    char space[JIT_ID_HEX + 16];
    struct export_id words;
    const char *said[4] = {NULL};
    size_t count = 0;
    bool first = true;
    enum jit_err err = export_node_id(&j->words, id, &words);
    if (err != JIT_OK) {
        return err;
    }
    export_text(&j->w, "{");
    put_id(j, &first, "id", &words);
    const char *name = export_type(&j->words, type, WORDS_NODE, space);
    if (name != NULL) {
        put_words(j, &first, WORDS_NODE_TYPE, name, strlen(name));
    }
    if (words.fold != NULL) {
        said[count++] = words.fold;
    }
    for (size_t i = 0; flags != NULL && flags[i] != NULL; i++) {
        said[count++] = flags[i];
    }
    err = put_values(j, &first, RMG_PLANE_ALPHA, id, node_keys, said);
    export_text(&j->w, "}");
    return err;
}

static enum jit_err put_link(struct json_writer *j, const struct rmg_edge *edge)
{
    char space[JIT_ID_HEX + 16];
    struct export_id words;
    bool first = true;
    export_text(&j->w, "{");
    enum jit_err err = export_node_id(&j->words, &edge->from, &words);
    if (err == JIT_OK) {
        put_id(j, &first, "source", &words);
        err = export_node_id(&j->words, &edge->to, &words);
    }
    if (err == JIT_OK) {
        put_id(j, &first, "target", &words);
        err = export_edge_id(&j->words, edge, &words);
    }
    if (err != JIT_OK) {
        return err;
    }
    if (words.any) {
        put_id(j, &first, "id", &words);
    }
    const char *name = export_type(&j->words, &edge->type, WORDS_EDGE, space);
    if (name != NULL) {
        put_words(j, &first, WORDS_EDGE_TYPE, name, strlen(name));
    }
    const char *said[] = {words.fold, NULL};
    err = put_values(j, &first, RMG_PLANE_BETA, &edge->id, link_keys, said);
    export_text(&j->w, "}");
    return err;
}

/* ---- graphs ---- */

struct flags {
    bool directed;
    bool multigraph;
    const char *said[3]; /* root values that the flags say */
};

static enum jit_err find_flags(struct json_writer *j, struct flags *flags)
{
    size_t count = 0;
    bool simple = false;
    *flags = (struct flags){.directed = true, .multigraph = true};
    enum jit_err err = export_flag(&j->words, "directed", true, &flags->directed);
    err = err == JIT_OK ? export_flag(&j->words, "multigraph", true, &flags->multigraph) : err;
    if (err == JIT_OK && !flags->multigraph) {
        err = export_is_simple(&j->words, flags->directed, &simple);
    }
    if (!flags->directed) {
        flags->said[count++] = "directed";
    }
    if (!flags->multigraph && simple) {
        flags->said[count++] = "multigraph";
    }
    flags->multigraph = flags->multigraph || !simple;
    return err;
}

static enum jit_err put_graph_values(struct json_writer *j, const struct flags *flags, bool plain)
{
    const struct rmg_instance *in = &j->words.in;
    struct export_id id;
    bool first = true;
    bool top = !in->parent.present;
    export_text(&j->w, "\"graph\": {");
    if (!export_is_usual(in)) {
        export_instance_id(&in->id, &id);
        put_id(j, &first, WORDS_INSTANCE, &id);
        export_instance_id(&in->root_node, &id);
        put_id(j, &first, WORDS_ROOT, &id);
    }
    if (top && j->words.job->label != NULL) {
        put_words(j, &first, WORDS_LABEL, j->words.job->label, strlen(j->words.job->label));
    }
    enum jit_err err =
        plain ? put_values(j, &first, RMG_PLANE_ALPHA, &in->root_node, NULL, flags->said) : JIT_OK;
    export_text(&j->w, "},\n");
    return err;
}

static enum jit_err put_nodes(struct json_writer *j, const struct flags *flags, bool plain)
{
    struct rmg_iter iter;
    struct jit_id id;
    struct jit_id type;
    bool first = true;
    enum jit_err err;
    export_text(&j->w, "\"nodes\": [\n");
    rmg_iter_all(&j->words.view, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        bool root = jit_id_equal(&id, &j->words.in.root_node);
        if (root && plain) {
            continue;
        }
        export_text(&j->w, first ? "" : ",\n");
        first = false;
        err = put_node(j, &id, &type, root ? flags->said : NULL);
        err = err == JIT_OK ? export_record(&j->w) : err;
        if (err != JIT_OK) {
            return err;
        }
    }
    export_text(&j->w, "\n],\n");
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_links(struct json_writer *j)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    bool first = true;
    enum jit_err err;
    export_text(&j->w, "\"links\": [\n");
    rmg_iter_all(&j->words.view, RMG_EDGES, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        export_text(&j->w, first ? "" : ",\n");
        first = false;
        err = put_link(j, &edge);
        err = err == JIT_OK ? export_record(&j->w) : err;
        if (err != JIT_OK) {
            return err;
        }
    }
    export_text(&j->w, "\n]");
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_graph(struct json_writer *j)
{
    struct flags flags;
    bool plain = false;
    enum jit_err err = find_flags(j, &flags);
    err = err == JIT_OK ? export_root_plain(&j->words, &plain) : err;
    if (err != JIT_OK) {
        return err;
    }
    export_text(&j->w, flags.directed ? "{\"directed\": true, " : "{\"directed\": false, ");
    export_text(&j->w, flags.multigraph ? "\"multigraph\": true, " : "\"multigraph\": false, ");
    err = put_graph_values(j, &flags, plain);
    err = err == JIT_OK ? put_nodes(j, &flags, plain) : err;
    return err == JIT_OK ? put_links(j) : err;
}

static enum jit_err put_all(struct json_writer *j, const struct export_place *list, size_t count)
{
    const struct format_graph *graph = j->words.job->graph;
    struct export_report *report = j->words.job->report;
    enum jit_err err = JIT_OK;
    for (size_t i = 0; err == JIT_OK && i < count; i++) {
        struct rmg_instance in;
        err = rmg_store_instance(graph->store, &graph->version, &list[i].id, &in);
        if (err != JIT_OK) {
            break;
        }
        report->instances++;
        report->nodes += in.roots.node_count;
        report->edges += in.roots.edge_count;
        j->w.total = report->nodes + report->edges;
        export_words_enter(&j->words, &in);
        export_text(&j->w, i == 0 ? "" : i == 1 ? ",\n\"" JSON_INSTANCES "\": [\n" : ",\n");
        err = put_graph(j);
        export_text(&j->w, i == 0 ? "" : "}");
    }
    export_text(&j->w, count > 1 ? "\n]}\n" : "}\n");
    return err;
}

enum jit_err export_json(const struct export_job *job)
{
    struct json_writer j = {.words.names = NULL};
    struct export_place *list = NULL;
    size_t count = 0;
    json_type_id(&j.json_type);
    export_begin(&j.w, job->graph->heap, &job->outs[0]);
    j.w.progress = job->progress;
    enum jit_err err = export_words_init(&j.words, job);
    err = err == JIT_OK ? export_instances(job, &list, &count) : err;
    err = err == JIT_OK ? put_all(&j, list, count) : err;
    err = err == JIT_OK ? export_flush(&j.w) : err;
    job->graph->heap->free(job->graph->heap, list);
    export_words_release(&j.words);
    jit_buf_release(&j.w.buf);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

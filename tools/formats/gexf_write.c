/* GEXF 1.3 of one instance at one time. */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "tools/formats/gexf.h"

const char *const gexf_node_names[] = {WORDS_NODE_TYPE, NULL};
const char *const gexf_edge_names[] = {WORDS_EDGE_TYPE, NULL};

/* ---- small things ---- */

enum jit_err gexf_portal(struct gexf_writer *g, enum rmg_plane plane, const struct jit_id *owner)
{
    if (!g->words.job->partial) {
        return export_fail_owner(&g->words, plane, owner, JIT_ENOTSUP,
                                 "has a portal, for which GEXF has no place");
    }
    g->words.job->report->portals_left++;
    return JIT_OK;
}

/* A text that XML can hold. */
static bool is_text(const struct rmg_value *value, struct rmg_datum *datum)
{
    return value->kind == RMG_VALUE_ATOM && export_readable(value, datum) == RMG_CODEC_TEXT &&
           xml_fits((const char *)datum->bytes, datum->size);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "r=1 g=2": words with one = each, nothing that would need an escape. */
static bool is_viz(const struct rmg_attachment *attachment, const struct rmg_datum *datum)
{
    size_t lead = sizeof GEXF_VIZ - 1;
    bool key = true;
    if (attachment->name_size <= lead || memcmp(attachment->name, GEXF_VIZ, lead) != 0) {
        return false;
    }
    for (size_t i = lead; i < attachment->name_size; i++) {
        if (!is_letter(attachment->name[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < datum->size; i++) {
        char c = (char)datum->bytes[i];
        char before = i == 0 ? ' ' : (char)datum->bytes[i - 1];
        if (c == '=' && key && before != ' ') {
            key = false;
        } else if (c == ' ' && !key) {
            key = true;
        } else if (key ? !is_letter(c) : (c <= ' ' || strchr("\"=<>&", c) != NULL)) {
            return false;
        }
    }
    return !key && datum->size > 0;
}

static void put_viz(struct gexf_writer *g, const struct rmg_attachment *attachment,
                    const struct rmg_datum *datum)
{
    jit_buf_put(&g->viz, "<", 1);
    jit_buf_put(&g->viz, attachment->name, attachment->name_size);
    jit_buf_put(&g->viz, " ", 1);
    for (uint32_t i = 0; i < datum->size; i++) {
        if (datum->bytes[i] == '=') {
            jit_buf_put(&g->viz, "=\"", 2);
        } else if (datum->bytes[i] == ' ') {
            jit_buf_put(&g->viz, "\" ", 2);
        } else {
            jit_buf_put_u8(&g->viz, datum->bytes[i]);
        }
    }
    jit_buf_put(&g->viz, "\"/>", 3);
}

/* ---- the head ---- */

/* An attribute of <graph> that the reader takes for a value. */
static bool is_graph_name(const struct rmg_attachment *attachment)
{
    static const char *const taken[] = {
        "defaultedgetype",    "mode", "idtype", "start", "end", "timeformat",
        "timerepresentation", NULL};
    for (uint32_t i = 0; i < attachment->name_size; i++) {
        if (!is_letter(attachment->name[i])) {
            return false;
        }
    }
    for (size_t i = 0; taken[i] != NULL; i++) {
        if (export_is_named(attachment, taken[i])) {
            return false;
        }
    }
    return attachment->name_size > 0 &&
           !(attachment->name_size >= 3 &&
             (attachment->name[0] == 'x' || attachment->name[0] == 'X'));
}

static bool is_meta(const struct rmg_attachment *attachment)
{
    for (size_t i = 0; gexf_meta[i] != NULL; i++) {
        if (export_is_named(attachment, gexf_meta[i])) {
            return true;
        }
    }
    return export_is_named(attachment, GEXF_DATE);
}

/* The root node need not be listed: all its values have a place in the head. */
static enum jit_err root_plain(struct gexf_writer *g, bool *plain)
{
    const struct jit_id *root = &g->words.in.root_node;
    struct rmg_attachment attachment;
    struct rmg_datum datum;
    enum jit_err err = export_root_plain(&g->words, plain);
    for (uint32_t i = 0; err == JIT_OK && *plain; i++) {
        err = rmg_attachment_at(&g->words.view, RMG_PLANE_ALPHA, root, i, &attachment);
        if (err == JIT_OK && !(export_is_named(&attachment, "directed") && !g->directed)) {
            *plain = is_text(&attachment.value, &datum) &&
                     (is_graph_name(&attachment) || is_meta(&attachment));
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The root node's texts, if it is not listed: as attributes of the tag that is open. */
static enum jit_err put_own(struct gexf_writer *g, bool date)
{
    const struct jit_id *root = &g->words.in.root_node;
    for (uint32_t i = 0;; i++) {
        struct rmg_attachment attachment;
        struct rmg_datum datum;
        char name[JIT_NAME_BYTES_MAX + 1];
        enum jit_err err = rmg_attachment_at(&g->words.view, RMG_PLANE_ALPHA, root, i, &attachment);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_OK : err;
        }
        bool here = date ? export_is_named(&attachment, GEXF_DATE) : !is_meta(&attachment);
        if (here && is_text(&attachment.value, &datum)) {
            snprintf(name, sizeof name, "%.*s", (int)attachment.name_size, attachment.name);
            xml_put_attribute(&g->w, name, (const char *)datum.bytes, datum.size);
        }
    }
}

static enum jit_err put_meta(struct gexf_writer *g)
{
    export_text(&g->w, "  <meta");
    enum jit_err err = put_own(g, true);
    export_text(&g->w, ">");
    for (size_t i = 0; err == JIT_OK && gexf_meta[i] != NULL; i++) {
        struct rmg_value value;
        struct rmg_datum datum;
        err = rmg_attachment_get(&g->words.view, RMG_PLANE_ALPHA, &g->words.in.root_node,
                                 gexf_meta[i], (uint32_t)strlen(gexf_meta[i]), &value);
        if (err == JIT_OK && is_text(&value, &datum)) {
            export_text(&g->w, "<");
            export_text(&g->w, gexf_meta[i]);
            export_text(&g->w, ">");
            xml_put(&g->w, (const char *)datum.bytes, datum.size);
            export_text(&g->w, "</");
            export_text(&g->w, gexf_meta[i]);
            export_text(&g->w, ">");
        }
        err = err == JIT_ENOENT ? JIT_OK : err;
    }
    export_text(&g->w, "</meta>\n");
    return err;
}

static void put_attributes(struct gexf_writer *g, bool edges, bool dynamic)
{
    export_text(&g->w, edges ? "    <attributes class=\"edge\"" : "    <attributes class=\"node\"");
    export_text(&g->w, dynamic ? " mode=\"dynamic\">\n" : " mode=\"static\">\n");
    export_text(&g->w, edges ? "      <attribute id=\"t\" title=\"" WORDS_EDGE_TYPE
                               "\" type=\"string\"/>\n"
                             : "      <attribute id=\"t\" title=\"" WORDS_NODE_TYPE
                               "\" type=\"string\"/>\n");
    for (size_t i = 0; i < g->columns.count; i++) {
        const struct column *column = &g->columns.list[i];
        char text[JIT_ID_HEX + 16];
        const char *type = gexf_type(column->codec);
        if ((column->domain == COLUMN_EDGE) != edges) {
            continue;
        }
        snprintf(text, sizeof text, "%zu", i);
        export_text(&g->w, "      <attribute");
        xml_put_attribute(&g->w, "id", text, strlen(text));
        xml_put_attribute(&g->w, "title", column->name, column->name_size);
        xml_put_attribute(&g->w, "type", type, strlen(type));
        if (column->codec == RMG_CODEC_NONE) {
            const char *word = export_type(&g->words, &column->type, NULL, text);
            xml_put_attribute(&g->w, "rmg:type", word, strlen(word));
        }
        export_text(&g->w, "/>\n");
    }
    export_text(&g->w, "    </attributes>\n");
}

static enum jit_err put_graph_tag(struct gexf_writer *g, const struct gexf_times *times, bool plain)
{
    const struct export_job *job = g->words.job;
    struct export_id id;
    char text[64];
    enum jit_err err = JIT_OK;
    export_text(&g->w, "  <graph");
    export_text(&g->w,
                g->directed ? " defaultedgetype=\"directed\"" : " defaultedgetype=\"undirected\"");
    export_text(&g->w, times == NULL ? " mode=\"static\"" : " mode=\"dynamic\"");
    if (times != NULL) {
        export_text(&g->w, " timerepresentation=\"interval\" timeformat=\"integer\"");
        snprintf(text, sizeof text, " start=\"%llu\" end=\"%llu\"",
                 (unsigned long long)times->begin, (unsigned long long)times->end);
        export_text(&g->w, text);
    } else if (plain) {
        err = put_own(g, false);
    }
    if (!export_is_usual(&g->words.in)) {
        export_instance_id(&g->words.in.id, &id);
        xml_put_attribute(&g->w, "rmg:instance", id.text, id.size);
        export_instance_id(&g->words.in.root_node, &id);
        xml_put_attribute(&g->w, "rmg:root", id.text, id.size);
    }
    if (job->label != NULL) {
        xml_put_attribute(&g->w, "rmg:label", job->label, strlen(job->label));
    }
    export_text(&g->w, ">\n");
    return err;
}

enum jit_err gexf_put_head(struct gexf_writer *g, const struct gexf_times *times)
{
    static const char begin[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<gexf xmlns=\"http://gexf.net/1.3\" xmlns:viz=\"http://gexf.net/1.3/viz\"\n"
        "  xmlns:rmg=\"" XML_RMG "\" version=\"1.3\">\n";
    bool plain = false;
    enum jit_err err = times == NULL ? root_plain(g, &plain) : JIT_OK;
    export_text(&g->w, begin);
    err = err == JIT_OK && plain ? put_meta(g) : err;
    err = err == JIT_OK ? put_graph_tag(g, times, plain) : err;
    put_attributes(g, false, times != NULL);
    put_attributes(g, true, times != NULL);
    return err;
}

/* ---- nodes and edges ---- */

/* What a tag says of its owner; the rest are <attvalue>s. */
struct said {
    const char *fold; /* by the ID */
    bool label;       /* the value `label` */
    bool weight;      /* the value `weight` */
    bool directed;
};

static bool is_said(const struct said *said, const struct rmg_attachment *attachment)
{
    return export_is_named(attachment, said->fold) ||
           (said->label && export_is_named(attachment, "label")) ||
           (said->weight && export_is_named(attachment, "weight")) ||
           (said->directed && export_is_named(attachment, "directed"));
}

static enum jit_err put_attvalue(struct gexf_writer *g, enum rmg_plane plane,
                                 const struct jit_id *owner,
                                 const struct rmg_attachment *attachment)
{
    bool edge = plane == RMG_PLANE_BETA;
    char text[48];
    size_t index = 0;
    enum jit_err err = columns_add(&g->columns, &g->words, edge ? COLUMN_EDGE : COLUMN_NODE, owner,
                                   attachment, edge ? gexf_edge_names : gexf_node_names, &index);
    if (err == JIT_OK) {
        snprintf(text, sizeof text, "<attvalue for=\"%zu\" value=\"", index);
        export_text(&g->w, text);
        xml_put_value(&g->w, &attachment->value);
        export_text(&g->w, "\"/>");
    }
    return err;
}

static enum jit_err put_values(struct gexf_writer *g, enum rmg_plane plane,
                               const struct jit_id *owner, const char *type,
                               const struct said *said, const char *end)
{
    struct rmg_attachment attachment;
    struct rmg_datum datum;
    enum jit_err err = JIT_OK;
    jit_buf_reset(&g->viz);
    export_text(&g->w, "><attvalues><attvalue for=\"t\"");
    xml_put_attribute(&g->w, "value", type, strlen(type));
    export_text(&g->w, "/>");
    for (uint32_t i = 0; err == JIT_OK; i++) {
        err = rmg_attachment_at(&g->words.view, plane, owner, i, &attachment);
        if (err != JIT_OK || is_said(said, &attachment)) {
            continue;
        }
        if (attachment.value.kind == RMG_VALUE_PORTAL) {
            err = gexf_portal(g, plane, owner);
        } else if (is_text(&attachment.value, &datum) && is_viz(&attachment, &datum)) {
            put_viz(g, &attachment, &datum);
        } else {
            err = put_attvalue(g, plane, owner, &attachment);
        }
    }
    export_text(&g->w, "</attvalues>");
    jit_buf_put(&g->w.buf, g->viz.data, g->viz.size);
    export_text(&g->w, end);
    err = err == JIT_ENOENT ? g->viz.err : err;
    return err == JIT_OK ? export_record(&g->w) : err;
}

/* The text to show: the value `label`, which the tag then says, else `name`, else the ID. */
static enum jit_err put_label(struct gexf_writer *g, enum rmg_plane plane,
                              const struct jit_id *owner, const struct export_id *id,
                              struct said *said)
{
    struct rmg_value value[2];
    struct rmg_datum datum[2];
    bool has[2] = {false, false};
    static const char *const names[] = {"label", "name"};
    for (int i = 0; i < 2; i++) {
        enum jit_err err = rmg_attachment_get(&g->words.view, plane, owner, names[i],
                                              (uint32_t)strlen(names[i]), &value[i]);
        if (err != JIT_OK && err != JIT_ENOENT) {
            return err;
        }
        has[i] = err == JIT_OK && is_text(&value[i], &datum[i]);
    }
    bool same = has[0] && ((id != NULL && datum[0].size == id->size &&
                            memcmp(datum[0].bytes, id->text, id->size) == 0) ||
                           (has[1] && datum[0].size == datum[1].size &&
                            memcmp(datum[0].bytes, datum[1].bytes, datum[0].size) == 0));
    said->label = has[0] && !same;
    if (said->label) {
        xml_put_attribute(&g->w, "label", (const char *)datum[0].bytes, datum[0].size);
    } else if (has[1]) {
        xml_put_attribute(&g->w, "label", (const char *)datum[1].bytes, datum[1].size);
    } else if (id != NULL) {
        xml_put_attribute(&g->w, "label", id->text, id->size);
    }
    return JIT_OK;
}

static enum jit_err put_node(struct gexf_writer *g, const struct jit_id *node,
                             const struct jit_id *type, bool root)
{
    char space[JIT_ID_HEX + 16];
    struct export_id id;
    struct said said = {.directed = root && !g->directed};
    enum jit_err err = export_node_id(&g->words, node, &id);
    if (err != JIT_OK) {
        return err;
    }
    said.fold = id.number ? NULL : id.fold;
    const char *word = export_type(&g->words, type, NULL, space);
    export_text(&g->w, "      <node");
    xml_put_attribute(&g->w, "id", id.text, id.size);
    err = put_label(g, RMG_PLANE_ALPHA, node, &id, &said);
    xml_put_attribute(&g->w, "rmg:type", word, strlen(word));
    return err == JIT_OK ? put_values(g, RMG_PLANE_ALPHA, node, word, &said, "</node>\n") : err;
}

static enum jit_err put_weight(struct gexf_writer *g, const struct rmg_edge *edge,
                               struct said *said)
{
    struct rmg_value value;
    struct rmg_datum datum;
    enum jit_err err =
        rmg_attachment_get(&g->words.view, RMG_PLANE_BETA, &edge->id, "weight", 6, &value);
    if (err == JIT_OK && value.kind == RMG_VALUE_ATOM &&
        export_readable(&value, &datum) == RMG_CODEC_F64 && isfinite(datum.as.f64)) {
        said->weight = true;
        export_text(&g->w, " weight=\"");
        export_number(&g->w, &datum);
        export_text(&g->w, "\"");
    }
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    err = rmg_attachment_get(&g->words.view, RMG_PLANE_BETA, &edge->id, "directed", 8, &value);
    if (err == JIT_OK && value.kind == RMG_VALUE_ATOM &&
        export_readable(&value, &datum) == RMG_CODEC_BOOL && datum.as.boolean != g->directed) {
        said->directed = true;
        export_text(&g->w, g->directed ? " type=\"undirected\"" : " type=\"directed\"");
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_edge(struct gexf_writer *g, const struct rmg_edge *edge)
{
    static const char *const keys[] = {"source", "target"};
    char space[JIT_ID_HEX + 16];
    struct export_id id;
    struct said said = {.fold = NULL};
    enum jit_err err = JIT_OK;
    export_text(&g->w, "      <edge");
    for (int i = 0; err == JIT_OK && i < 2; i++) {
        err = export_node_id(&g->words, i == 0 ? &edge->from : &edge->to, &id);
        xml_put_attribute(&g->w, keys[i], id.text, id.size);
    }
    err = err == JIT_OK ? export_edge_id(&g->words, edge, &id) : err;
    if (err != JIT_OK) {
        return err;
    }
    if (id.any) {
        xml_put_attribute(&g->w, "id", id.text, id.size);
        said.fold = id.number ? NULL : id.fold;
    }
    err = put_label(g, RMG_PLANE_BETA, &edge->id, NULL, &said);
    err = err == JIT_OK ? put_weight(g, edge, &said) : err;
    const char *word = export_type(&g->words, &edge->type, NULL, space);
    xml_put_attribute(&g->w, "rmg:type", word, strlen(word));
    return err == JIT_OK ? put_values(g, RMG_PLANE_BETA, &edge->id, word, &said, "</edge>\n") : err;
}

static enum jit_err put_lists(struct gexf_writer *g)
{
    struct rmg_iter iter;
    struct jit_id node;
    struct jit_id type;
    struct rmg_edge edge;
    bool plain = false;
    enum jit_err err = root_plain(g, &plain);
    export_text(&g->w, "    <nodes>\n");
    rmg_iter_all(&g->words.view, RMG_NODES, &iter);
    while (err == JIT_OK && (err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        bool root = jit_id_equal(&node, &g->words.in.root_node);
        err = root && plain ? JIT_OK : put_node(g, &node, &type, root);
    }
    export_text(&g->w, "    </nodes>\n    <edges>\n");
    rmg_iter_all(&g->words.view, RMG_EDGES, &iter);
    err = err == JIT_ENOENT ? JIT_OK : err;
    while (err == JIT_OK && (err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        err = put_edge(g, &edge);
    }
    export_text(&g->w, "    </edges>\n");
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- the entry ---- */

static enum jit_err put_static(struct gexf_writer *g)
{
    struct export_report *report = g->words.job->report;
    struct rmg_instance in;
    enum jit_err err = export_instance(g->words.job, &in);
    if (err != JIT_OK) {
        return err;
    }
    export_words_enter(&g->words, &in);
    g->w.total = 2 * (in.roots.node_count + in.roots.edge_count);
    err = export_flag(&g->words, "directed", true, &g->directed);
    g->w.dry = true;
    err = err == JIT_OK ? put_lists(g) : err;
    err = err == JIT_OK ? export_flush(&g->w) : err;
    g->w.dry = false;
    *report = (struct export_report){
        .instances = 1,
        .nodes = in.roots.node_count,
        .edges = in.roots.edge_count,
        .instances_left = g->words.job->graph->version.instance_count - 1,
    };
    err = err == JIT_OK ? gexf_put_head(g, NULL) : err;
    err = err == JIT_OK ? put_lists(g) : err;
    export_text(&g->w, "  </graph>\n</gexf>\n");
    return err == JIT_OK ? export_flush(&g->w) : err;
}

enum jit_err export_gexf(const struct export_job *job)
{
    struct gexf_writer g = {.words.names = NULL};
    export_begin(&g.w, job->graph->heap, &job->outs[0]);
    g.w.progress = job->progress;
    columns_init(&g.columns, job->graph->heap);
    jit_buf_init(&g.viz, job->graph->heap, 1u << 29);
    enum jit_err err = export_words_init(&g.words, job);
    g.words.fits = xml_fits;
    if (err == JIT_OK) {
        err = job->history == NULL ? put_static(&g) : gexf_history(&g);
    }
    columns_release(&g.columns);
    export_words_release(&g.words);
    jit_buf_release(&g.viz);
    jit_buf_release(&g.w.buf);
    return err;
}

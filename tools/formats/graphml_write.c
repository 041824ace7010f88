/* GraphML: the keys first, then the graphs, one in another where a portal leads. */
#include <stdio.h>

#include "base/check.h"
#include "tools/formats/columns.h"
#include "tools/formats/graphml.h"

struct graphml_writer {
    struct export_writer w;
    struct export_words words;
    struct columns columns;
};

/* One graph being written; words is entered again when an inner one is done. */
struct level {
    struct rmg_instance in;
    struct rmg_graph view;
    unsigned depth;
    bool plain; /* the root node is not listed */
    bool directed;
};

static enum jit_err put_graph(struct graphml_writer *g, const struct rmg_instance *in,
                              unsigned depth, const char *name, size_t name_size);

static void indent(struct graphml_writer *g, unsigned depth)
{
    static const char blanks[] = "                                ";
    unsigned size = 2 * depth < sizeof blanks - 1 ? 2 * depth : (unsigned)sizeof blanks - 1;
    jit_buf_put(&g->w.buf, blanks, size);
}

static void put_id(struct graphml_writer *g, const char *name, const struct export_id *id)
{
    xml_put_attribute(&g->w, name, id->text, id->size);
}

static void put_keys(struct graphml_writer *g)
{
    static const char *const domains[] = {
        [COLUMN_NODE] = "node", [COLUMN_EDGE] = "edge", [COLUMN_GRAPH] = "graph"};
    for (size_t i = 0; i < g->columns.count; i++) {
        const struct column *column = &g->columns.list[i];
        char text[JIT_ID_HEX + 16];
        const char *type = "string";
        for (size_t k = sizeof graphml_types / sizeof *graphml_types; k-- > 0;) {
            type = graphml_types[k].codec == column->codec ? graphml_types[k].word : type;
        }
        snprintf(text, sizeof text, "k%zu", i);
        export_text(&g->w, "  <key");
        xml_put_attribute(&g->w, "id", text, strlen(text));
        xml_put_attribute(&g->w, "for", domains[column->domain], strlen(domains[column->domain]));
        xml_put_attribute(&g->w, "attr.name", column->name, column->name_size);
        xml_put_attribute(&g->w, "attr.type", type, strlen(type));
        if (column->codec == RMG_CODEC_NONE) {
            const char *word = export_type(&g->words, &column->type, NULL, text);
            xml_put_attribute(&g->w, "rmg:type", word, strlen(word));
        }
        export_text(&g->w, "/>\n");
    }
}

/* The values of an owner but those said already; which is its portal, if it has one. */
static enum jit_err put_values(struct graphml_writer *g, const struct level *level,
                               enum rmg_plane plane, const struct jit_id *owner,
                               enum column_domain domain, const char *const said[2], bool *open,
                               struct rmg_attachment *portal, bool *has_portal)
{
    *has_portal = false;
    for (uint32_t i = 0;; i++) {
        struct rmg_attachment attachment;
        size_t index = 0;
        enum jit_err err = rmg_attachment_at(&level->view, plane, owner, i, &attachment);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_OK : err;
        }
        if (attachment.value.kind == RMG_VALUE_PORTAL) {
            if (*has_portal || domain == COLUMN_GRAPH) {
                return export_fail_owner(
                    &g->words, plane, owner, JIT_ENOTSUP,
                    *has_portal ? "has two portals: GraphML nests one graph in it"
                                : "has a portal, and is no more than a graph's values");
            }
            *has_portal = true;
            *portal = attachment;
            continue;
        }
        if (export_is_named(&attachment, said[0]) || export_is_named(&attachment, said[1])) {
            continue;
        }
        err = columns_add(&g->columns, &g->words, domain, owner, &attachment, NULL, &index);
        if (err != JIT_OK) {
            return err;
        }
        char key[32];
        if (!*open) {
            export_text(&g->w, ">\n");
            *open = true;
        }
        indent(g, level->depth + (domain == COLUMN_GRAPH ? 1 : 2));
        snprintf(key, sizeof key, "<data key=\"k%zu\">", index);
        export_text(&g->w, key);
        xml_put_value(&g->w, &attachment.value);
        export_text(&g->w, "</data>\n");
        if (g->w.buf.err != JIT_OK) {
            return g->w.buf.err;
        }
    }
}

static enum jit_err put_inner(struct graphml_writer *g, const struct level *level,
                              const struct rmg_attachment *portal)
{
    struct rmg_instance in;
    const struct format_graph *graph = g->words.job->graph;
    enum jit_err err = rmg_store_instance(graph->store, &graph->version, &portal->value.type, &in);
    if (err != JIT_OK) {
        return err == JIT_ENOENT ? JIT_ECORRUPT : err;
    }
    err = put_graph(g, &in, level->depth + 2, portal->name, portal->name_size);
    export_words_enter(&g->words, &level->in);
    return err;
}

/* Values, then the inner graph, then the end of the element. */
static enum jit_err put_content(struct graphml_writer *g, const struct level *level,
                                enum rmg_plane plane, const struct jit_id *owner,
                                enum column_domain domain, const char *const said[2],
                                const char *element)
{
    struct rmg_attachment portal;
    bool has_portal;
    bool open = false;
    enum jit_err err =
        put_values(g, level, plane, owner, domain, said, &open, &portal, &has_portal);
    if (err == JIT_OK && has_portal) {
        export_text(&g->w, open ? "" : ">\n");
        open = true;
        err = put_inner(g, level, &portal);
    }
    if (open) {
        indent(g, level->depth + 1);
        export_text(&g->w, "</");
        export_text(&g->w, element);
        export_text(&g->w, ">\n");
    } else {
        export_text(&g->w, "/>\n");
    }
    return err == JIT_OK ? export_record(&g->w) : err;
}

static void put_type(struct graphml_writer *g, const struct jit_id *type, const char *plain)
{
    char space[JIT_ID_HEX + 16];
    const char *word = export_type(&g->words, type, plain, space);
    if (word != NULL) {
        xml_put_attribute(&g->w, "rmg:type", word, strlen(word));
    }
}

static enum jit_err put_nodes(struct graphml_writer *g, const struct level *level,
                              const char *root_flag)
{
    struct rmg_iter iter;
    struct export_id id;
    struct jit_id node;
    struct jit_id type;
    enum jit_err err;
    rmg_iter_all(&level->view, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &node, &type)) == JIT_OK) {
        bool root = jit_id_equal(&node, &level->in.root_node);
        if (root && level->plain) {
            continue;
        }
        err = export_node_id(&g->words, &node, &id);
        if (err != JIT_OK) {
            return err;
        }
        /* An ID is a text here: one that was made of a number stays a value. */
        const char *const said[2] = {id.number ? NULL : id.fold, root ? root_flag : NULL};
        indent(g, level->depth + 1);
        export_text(&g->w, "<node");
        put_id(g, "id", &id);
        put_type(g, &type, WORDS_NODE);
        err = put_content(g, level, RMG_PLANE_ALPHA, &node, COLUMN_NODE, said, "node");
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_edge(struct graphml_writer *g, const struct level *level,
                             const struct rmg_edge *edge)
{
    struct export_id ends[2];
    struct export_id id;
    struct rmg_value value;
    struct rmg_datum datum;
    const char *said[2] = {NULL, NULL};
    enum jit_err err = export_node_id(&g->words, &edge->from, &ends[0]);
    err = err == JIT_OK ? export_node_id(&g->words, &edge->to, &ends[1]) : err;
    err = err == JIT_OK ? export_edge_id(&g->words, edge, &id) : err;
    if (err != JIT_OK) {
        return err;
    }
    indent(g, level->depth + 1);
    export_text(&g->w, "<edge");
    if (id.any) {
        put_id(g, "id", &id);
        said[0] = id.number ? NULL : id.fold;
    }
    put_id(g, "source", &ends[0]);
    put_id(g, "target", &ends[1]);
    put_type(g, &edge->type, WORDS_EDGE);
    err = rmg_attachment_get(&level->view, RMG_PLANE_BETA, &edge->id, "directed", 8, &value);
    if (err == JIT_OK && value.kind == RMG_VALUE_ATOM &&
        export_readable(&value, &datum) == RMG_CODEC_BOOL && datum.as.boolean != level->directed) {
        said[1] = "directed";
        export_text(&g->w, datum.as.boolean ? " directed=\"true\"" : " directed=\"false\"");
    }
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    return put_content(g, level, RMG_PLANE_BETA, &edge->id, COLUMN_EDGE, said, "edge");
}

static enum jit_err put_edges(struct graphml_writer *g, const struct level *level)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err;
    rmg_iter_all(&level->view, RMG_EDGES, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        err = put_edge(g, level, &edge);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- graphs ---- */

static enum jit_err level_begin(struct graphml_writer *g, const struct rmg_instance *in,
                                unsigned depth, struct level *level)
{
    export_words_enter(&g->words, in);
    *level = (struct level){.in = *in, .view = g->words.view, .depth = depth};
    enum jit_err err = export_flag(&g->words, "directed", true, &level->directed);
    err = err == JIT_OK ? export_root_plain(&g->words, &level->plain) : err;
    if (err == JIT_OK && level->plain) { /* with a portal it is more than values */
        struct rmg_attachment attachment;
        for (uint32_t i = 0; err == JIT_OK; i++) {
            err = rmg_attachment_at(&level->view, RMG_PLANE_ALPHA, &in->root_node, i, &attachment);
            level->plain =
                level->plain && (err != JIT_OK || attachment.value.kind == RMG_VALUE_ATOM);
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static void put_graph_tag(struct graphml_writer *g, const struct level *level, const char *name,
                          size_t name_size)
{
    struct export_id id;
    bool usual = export_is_usual(&level->in);
    indent(g, level->depth);
    export_text(&g->w, "<graph");
    if (!usual) {
        export_instance_id(&level->in.id, &id);
        put_id(g, "id", &id);
    }
    export_text(&g->w,
                level->directed ? " edgedefault=\"directed\"" : " edgedefault=\"undirected\"");
    if (!usual) {
        export_instance_id(&level->in.root_node, &id);
        put_id(g, "rmg:root", &id);
    }
    if (name != NULL) {
        xml_put_attribute(&g->w, "rmg:name", name, name_size);
    } else if (g->words.job->label != NULL) {
        xml_put_attribute(&g->w, "rmg:label", g->words.job->label, strlen(g->words.job->label));
    }
    export_text(&g->w, ">\n");
}

static enum jit_err put_graph(struct graphml_writer *g, const struct rmg_instance *in,
                              unsigned depth, const char *name, size_t name_size)
{
    struct level level;
    struct rmg_attachment portal;
    bool has_portal;
    bool open = true;
    enum jit_err err = level_begin(g, in, depth, &level);
    if (err != JIT_OK) {
        return err;
    }
    g->words.job->report->instances++;
    g->words.job->report->nodes += in->roots.node_count;
    g->words.job->report->edges += in->roots.edge_count;
    const char *flag = level.directed ? NULL : "directed";
    const char *const said[2] = {flag, NULL};
    put_graph_tag(g, &level, name, name_size);
    if (level.plain) {
        err = put_values(g, &level, RMG_PLANE_ALPHA, &in->root_node, COLUMN_GRAPH, said, &open,
                         &portal, &has_portal);
    }
    err = err == JIT_OK ? put_nodes(g, &level, flag) : err;
    err = err == JIT_OK ? put_edges(g, &level) : err;
    indent(g, depth);
    export_text(&g->w, "</graph>\n");
    return err;
}

static enum jit_err put_document(struct graphml_writer *g)
{
    static const char begin[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\" xmlns:rmg=\"" XML_RMG "\"\n"
        "  xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n"
        "  xsi:schemaLocation=\"http://graphml.graphdrawing.org/xmlns "
        "http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd\">\n";
    struct export_report *report = g->words.job->report;
    struct rmg_instance in;
    enum jit_err err = export_instance(g->words.job, &in);
    g->w.dry = true;
    err = err == JIT_OK ? put_graph(g, &in, 1, NULL, 0) : err;
    err = err == JIT_OK ? export_flush(&g->w) : err;
    g->w.dry = false;
    g->w.total = 2 * (report->nodes + report->edges);
    *report = (struct export_report){0};
    export_text(&g->w, begin);
    put_keys(g);
    err = err == JIT_OK ? put_graph(g, &in, 1, NULL, 0) : err;
    export_text(&g->w, "</graphml>\n");
    return err == JIT_OK ? export_flush(&g->w) : err;
}

enum jit_err export_graphml(const struct export_job *job)
{
    struct graphml_writer g = {.words.names = NULL};
    export_begin(&g.w, job->graph->heap, &job->outs[0]);
    g.w.progress = job->progress;
    columns_init(&g.columns, job->graph->heap);
    enum jit_err err = export_words_init(&g.words, job);
    g.words.fits = xml_fits;
    err = err == JIT_OK ? put_document(&g) : err;
    columns_release(&g.columns);
    export_words_release(&g.words);
    jit_buf_release(&g.w.buf);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

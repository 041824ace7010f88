/* GEXF 1.3 of a history: a spell for each time a node or an edge was there, and for each value the
 * time for which it held. Written only. */
#include <stdio.h>

#include "base/check.h"
#include "tools/formats/gexf.h"
#include "tools/formats/timeline.h"

struct history {
    struct gexf_writer *g;
    struct timeline *timeline;
    uint64_t end;  /* of what is open */
    size_t values; /* where the values of nodes and of edges begin */
    size_t edge_values;
};

static void put_time(struct history *h, uint64_t begin, uint64_t end)
{
    char text[96];
    snprintf(text, sizeof text, " start=\"%llu\" end=\"%llu\"", (unsigned long long)begin,
             (unsigned long long)(end == SPAN_OPEN ? h->end : end));
    export_text(&h->g->w, text);
}

/* An owner's ID is a value that holds at some time; one that held at any is taken. */
static void id_of(const struct history *h, enum span_kind kind, const struct jit_id *owner,
                  size_t first, size_t last, struct export_id *out)
{
    const struct export_words *words = &h->g->words;
    const char *name = words->job->label == NULL ? "id" : words->job->label;
    export_instance_id(owner, out);
    for (size_t i = first; i < last; i++) {
        struct rmg_attachment attachment;
        timeline_value(h->timeline, &h->timeline->spans[i], &attachment);
        if (export_is_named(&attachment, name) &&
            export_label_is(words, kind == SPAN_NODE ? "node:" : "edge:", owner, &attachment.value,
                            out)) {
            return;
        }
    }
    export_instance_id(owner, out);
}

/* The first value of a kind that is not before this owner. Spans are sorted. */
static size_t lower(const struct history *h, size_t from, size_t to, const struct jit_id *owner)
{
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (jit_id_compare(&h->timeline->spans[middle].owner, owner) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static void values_of(const struct history *h, enum span_kind kind, const struct jit_id *owner,
                      size_t *first, size_t *last)
{
    size_t end = kind == SPAN_NODE ? h->edge_values : h->timeline->count;
    *first = lower(h, kind == SPAN_NODE ? h->values : h->edge_values, end, owner);
    *last = *first;
    while (*last < end && jit_id_equal(&h->timeline->spans[*last].owner, owner)) {
        ++*last;
    }
}

static enum jit_err put_values(struct history *h, size_t first, size_t last, bool edges)
{
    enum jit_err err = JIT_OK;
    for (size_t i = first; err == JIT_OK && i < last; i++) {
        const struct span *span = &h->timeline->spans[i];
        struct rmg_attachment attachment;
        char text[48];
        size_t index = 0;
        timeline_value(h->timeline, span, &attachment);
        err = columns_add(&h->g->columns, &h->g->words, edges ? COLUMN_EDGE : COLUMN_NODE,
                          &span->owner, &attachment, edges ? gexf_edge_names : gexf_node_names,
                          &index);
        if (err != JIT_OK) {
            break;
        }
        snprintf(text, sizeof text, "<attvalue for=\"%zu\" value=\"", index);
        export_text(&h->g->w, text);
        xml_put_value(&h->g->w, &attachment.value);
        export_text(&h->g->w, "\"");
        put_time(h, span->begin, span->end);
        export_text(&h->g->w, "/>");
        err = h->g->w.buf.err;
    }
    return err;
}

/* The spans of one owner, first to last: an element with a spell each. An edge that got other ends
 * is another element. */
static enum jit_err put_element(struct history *h, size_t first, size_t last, const char *element,
                                size_t first_value, size_t last_value)
{
    const struct span *spans = h->timeline->spans;
    bool edges = spans[first].kind == SPAN_EDGE;
    char space[JIT_ID_HEX + 16];
    const char *type = NULL;
    export_text(&h->g->w, "<attvalues>");
    for (size_t i = first; i < last; i++) {
        type = export_type(&h->g->words, &spans[i].type, NULL, space);
        export_text(&h->g->w, "<attvalue for=\"t\"");
        xml_put_attribute(&h->g->w, "value", type, strlen(type));
        put_time(h, spans[i].begin, spans[i].end);
        export_text(&h->g->w, "/>");
    }
    enum jit_err err = put_values(h, first_value, last_value, edges);
    export_text(&h->g->w, "</attvalues><spells>");
    for (size_t i = first; i < last; i++) {
        export_text(&h->g->w, "<spell");
        put_time(h, spans[i].begin, spans[i].end);
        export_text(&h->g->w, "/>");
    }
    export_text(&h->g->w, "</spells></");
    export_text(&h->g->w, element);
    export_text(&h->g->w, ">\n");
    return err == JIT_OK ? export_record(&h->g->w) : err;
}

static void put_label(struct history *h, size_t first, size_t last, const struct export_id *id)
{
    for (size_t i = first; i < last; i++) {
        struct rmg_attachment attachment;
        struct rmg_datum datum;
        timeline_value(h->timeline, &h->timeline->spans[i], &attachment);
        if ((export_is_named(&attachment, "label") || export_is_named(&attachment, "name")) &&
            xml_codec(&attachment.value, &datum) == RMG_CODEC_TEXT) {
            xml_put_attribute(&h->g->w, "label", (const char *)datum.bytes, datum.size);
            return;
        }
    }
    if (id != NULL) {
        xml_put_attribute(&h->g->w, "label", id->text, id->size);
    }
}

/* The root node without edges and values is nothing to look at. */
static bool is_bare_root(const struct history *h)
{
    const struct timeline *t = h->timeline;
    const struct jit_id *root = &h->g->words.in.root_node;
    size_t first;
    size_t last;
    values_of(h, SPAN_NODE, root, &first, &last);
    bool bare = first == last;
    for (size_t i = 0; bare && i < h->values; i++) {
        struct jit_id ends[2];
        if (t->spans[i].kind == SPAN_EDGE) {
            timeline_ends(t, &t->spans[i], &ends[0], &ends[1]);
            bare = !jit_id_equal(&ends[0], root) && !jit_id_equal(&ends[1], root);
        }
    }
    return bare;
}

static enum jit_err put_nodes(struct history *h, size_t *at)
{
    bool bare = is_bare_root(h);
    const struct timeline *t = h->timeline;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && *at < t->count && t->spans[*at].kind == SPAN_NODE) {
        const struct jit_id *node = &t->spans[*at].owner;
        struct export_id id;
        size_t first;
        size_t last;
        size_t end = *at;
        while (end < t->count && t->spans[end].kind == SPAN_NODE &&
               jit_id_equal(&t->spans[end].owner, node)) {
            end++;
        }
        if (bare && jit_id_equal(node, &h->g->words.in.root_node)) {
            *at = end;
            continue;
        }
        values_of(h, SPAN_NODE, node, &first, &last);
        id_of(h, SPAN_NODE, node, first, last, &id);
        export_text(&h->g->w, "      <node");
        xml_put_attribute(&h->g->w, "id", id.text, id.size);
        put_label(h, first, last, &id);
        put_time(h, t->spans[*at].begin, t->spans[end - 1].end);
        export_text(&h->g->w, ">");
        err = put_element(h, *at, end, "node", first, last);
        h->g->words.job->report->nodes++;
        *at = end;
    }
    return err;
}

static void put_end(struct history *h, const char *key, const struct jit_id *node)
{
    struct export_id id;
    size_t first;
    size_t last;
    values_of(h, SPAN_NODE, node, &first, &last);
    id_of(h, SPAN_NODE, node, first, last, &id);
    xml_put_attribute(&h->g->w, key, id.text, id.size);
}

static enum jit_err put_edges(struct history *h, size_t *at)
{
    const struct timeline *t = h->timeline;
    enum jit_err err = JIT_OK;
    while (err == JIT_OK && *at < t->count && t->spans[*at].kind == SPAN_EDGE) {
        const struct span *span = &t->spans[*at];
        struct jit_id ends[2];
        struct jit_id other[2];
        struct export_id id;
        size_t first;
        size_t last;
        size_t end = *at + 1;
        timeline_ends(t, span, &ends[0], &ends[1]);
        for (; end < t->count && t->spans[end].kind == SPAN_EDGE &&
               jit_id_equal(&t->spans[end].owner, &span->owner);
             end++) {
            timeline_ends(t, &t->spans[end], &other[0], &other[1]);
            if (memcmp(ends, other, sizeof ends) != 0) {
                break;
            }
        }
        bool again = *at > 0 && t->spans[*at - 1].kind == SPAN_EDGE &&
                     jit_id_equal(&t->spans[*at - 1].owner, &span->owner);
        values_of(h, SPAN_EDGE, &span->owner, &first, &last);
        id_of(h, SPAN_EDGE, &span->owner, first, last, &id);
        if (again) {
            char text[32];
            snprintf(text, sizeof text, "@%llu", (unsigned long long)span->begin);
            size_t size = strlen(text);
            size_t keep = id.size + size < sizeof id.text ? id.size : sizeof id.text - size - 1;
            memcpy(id.text + keep, text, size + 1);
            id.size = keep + size;
            first = last; /* its values stand with the first */
        }
        export_text(&h->g->w, "      <edge");
        xml_put_attribute(&h->g->w, "id", id.text, id.size);
        put_end(h, "source", &ends[0]);
        put_end(h, "target", &ends[1]);
        put_label(h, first, last, NULL);
        put_time(h, span->begin, t->spans[end - 1].end);
        export_text(&h->g->w, ">");
        err = put_element(h, *at, end, "edge", first, last);
        h->g->words.job->report->edges++;
        *at = end;
    }
    return err;
}

static enum jit_err put_lists(struct history *h)
{
    size_t at = 0;
    export_text(&h->g->w, "    <nodes>\n");
    enum jit_err err = put_nodes(h, &at);
    export_text(&h->g->w, "    </nodes>\n    <edges>\n");
    err = err == JIT_OK ? put_edges(h, &at) : err;
    export_text(&h->g->w, "    </edges>\n");
    return err == JIT_OK ? export_flush(&h->g->w) : err;
}

enum jit_err gexf_history(struct gexf_writer *g)
{
    const struct export_job *job = g->words.job;
    struct export_history *history = job->history;
    struct history h = {.g = g, .timeline = &history->timeline};
    enum jit_err err = history->found ? JIT_OK : JIT_ENOENT;
    g->words.in = history->first;
    g->words.view = (struct rmg_graph){.instance = history->first.id}; /* may be gone by now */
    g->directed = history->directed;
    job->report->instances_left = history->instances_left;
    if (err == JIT_OK && h.timeline->portals > 0) {
        err = gexf_portal(g, h.timeline->portal_plane, &h.timeline->portal_owner);
        job->report->portals_left = h.timeline->portals;
    }
    if (err == JIT_OK) {
        timeline_sort(h.timeline);
        h.end = h.timeline->time;
        while (h.values < h.timeline->count && h.timeline->spans[h.values].kind < SPAN_NODE_VALUE) {
            h.values++;
        }
        h.edge_values = h.values;
        while (h.edge_values < h.timeline->count &&
               h.timeline->spans[h.edge_values].kind == SPAN_NODE_VALUE) {
            h.edge_values++;
        }
        g->w.dry = true;
        err = put_lists(&h);
        g->w.dry = false;
        g->w.total = 2 * g->w.done;
        job->report->instances = 1;
        job->report->nodes = 0;
        job->report->edges = 0;
    }
    const struct gexf_times times = {h.timeline->begin, h.timeline->time};
    err = err == JIT_OK ? gexf_put_head(g, &times) : err;
    err = err == JIT_OK ? put_lists(&h) : err;
    export_text(&g->w, "  </graph>\n</gexf>\n");
    err = err == JIT_OK ? export_flush(&g->w) : err;
    return err;
}

#include "rmg/file/wsc_priv.h"

#include "base/check.h"
#include "base/le.h"
#include "rmg/file/out_priv.h"
#include "rmg/store/id_table.h"

/* The lists of out-edges are put in order for so many nodes, and so many rows, at once. An instance
 * with more is walked several times: memory is bounded, time is not. */
#define WINDOW_BYTES (64u << 20)
#define WINDOW_NODE  (JIT_ID_BYTES + 3 * sizeof(uint64_t)) /* bytes of a node in it */

static uint64_t at_least_one(uint64_t count)
{
    return count == 0 ? 1 : count;
}

/* What an instance takes, found by a first walk. */
struct measure {
    struct jit_id id;
    uint64_t node_atts;
    uint64_t edge_atts;
    uint64_t blob_bytes;
};

/* Nodes that follow each other, and how many edges leave each. */
struct window {
    struct jit_id *ids;
    uint64_t *degrees;
    uint64_t *next; /* row of the list for the next edge of each */
    struct rmg_id_table table;
    uint64_t room;
    uint64_t count;
    bool whole; /* all nodes of the instance are in it */
};

struct writer {
    struct jit_heap *heap;
    const struct rmg_store *store;
    const struct rmg_version *version;
    struct rmg_out out;
    struct measure *measures;
    size_t measure_count;
    size_t measure_room;
    /* the instance being written */
    struct rmg_instance in;
    struct rmg_graph graph;
    struct window window;
    uint64_t window_bytes; /* for its nodes, and again for its rows */
};

/* Room for one row, zeros; NULL when that failed. */
static uint8_t *row_new(struct writer *w, size_t size, enum jit_err *err)
{
    *err = w->out.buf.size >= RMG_OUT_PIECE ? rmg_out_flush(&w->out) : JIT_OK;
    uint8_t *at = *err == JIT_OK ? jit_buf_extend(&w->out.buf, size) : NULL;
    if (at == NULL) {
        *err = *err == JIT_OK ? w->out.buf.err : *err;
        return NULL;
    }
    memset(at, 0, size);
    return at;
}

/* ---- what fits ---- */

static void name_owner(const struct rmg_graph *graph, enum rmg_plane plane,
                       const struct jit_id *owner, const struct rmg_attachment *attachment,
                       struct rmg_wsc_owner *out)
{
    if (out != NULL) {
        *out = (struct rmg_wsc_owner){.instance = graph->instance,
                                      .plane = plane,
                                      .owner = *owner,
                                      .name_size = attachment->name_size};
        memcpy(out->name, attachment->name, attachment->name_size);
    }
}

/* Names are unique and the empty one comes first, so that a second attachment has a name. */
static enum jit_err measure_plane(const struct rmg_graph *graph, enum rmg_plane plane,
                                  uint64_t *owners, uint64_t *blob_bytes,
                                  struct rmg_wsc_owner *owner)
{
    struct rmg_iter iter;
    struct jit_id id;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(graph, plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, &iter);
    while ((err = rmg_iter_owner(&iter, &id, &count)) == JIT_OK) {
        struct rmg_attachment attachment;
        err = rmg_iter_attachment(&iter, count - 1, &attachment);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        if (attachment.name_size != 0) {
            name_owner(graph, plane, &id, &attachment, owner);
            return JIT_ENOTSUP;
        }
        ++*owners;
        if (attachment.value.kind == RMG_VALUE_ATOM) {
            *blob_bytes = rmg_wsc_pad(*blob_bytes) + attachment.value.size;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err measure(const struct rmg_graph *graph, struct measure *out,
                            struct rmg_wsc_owner *owner)
{
    enum jit_err err =
        measure_plane(graph, RMG_PLANE_ALPHA, &out->node_atts, &out->blob_bytes, owner);
    return err == JIT_OK
               ? measure_plane(graph, RMG_PLANE_BETA, &out->edge_atts, &out->blob_bytes, owner)
               : err;
}

/* Offsets and numbers of the sections of an instance, and where the last one ends. */
static void place_sections(const struct rmg_instance *in, const struct measure *m,
                           struct rmg_wsc_instance *out, uint64_t *end)
{
    const uint64_t nodes = in->roots.node_count;
    const uint64_t edges = in->roots.edge_count;
    const uint64_t rows[RMG_WSC_SECTIONS] = {nodes,        edges, nodes,        edges,        nodes,
                                             m->node_atts, edges, m->edge_atts, m->blob_bytes};
    for (unsigned s = 0; s < RMG_WSC_SECTIONS; s++) {
        out->at[s] = rmg_wsc_pad(*end);
        out->rows[s] = rows[s];
        *end = out->at[s] + rows[s] * rmg_wsc_row_size[s];
    }
}

enum jit_err rmg_wsc_fits(const struct rmg_store *store, const struct rmg_version *version,
                          struct rmg_wsc_owner *owner, uint64_t *file_size)
{
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    uint64_t end = RMG_WSC_HEADER_SIZE + version->instance_count * RMG_WSC_ENTRY_SIZE;
    enum jit_err err;
    while ((err = rmg_store_next(store, version, after, &in)) == JIT_OK) {
        struct measure m = {.blob_bytes = 0};
        struct rmg_wsc_instance unused;
        struct rmg_graph graph;
        rmg_store_graph(store, &in, &graph);
        err = measure(&graph, &m, owner);
        if (err != JIT_OK) {
            return err;
        }
        place_sections(&in, &m, &unused, &end);
        last = in.id;
        after = &last;
    }
    if (file_size != NULL) {
        *file_size = end;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err measure_all(struct writer *w, struct rmg_wsc_owner *owner)
{
    const struct jit_id *after = NULL;
    enum jit_err err;
    while ((err = rmg_store_next(w->store, w->version, after, &w->in)) == JIT_OK) {
        void *data = w->measures;
        if (jit_heap_grow(w->heap, &data, &w->measure_room, w->measure_count + 1,
                          sizeof *w->measures) != 0) {
            return JIT_ENOMEM;
        }
        w->measures = data;
        struct measure *next = &w->measures[w->measure_count++];
        *next = (struct measure){.id = w->in.id};
        after = &next->id;
        rmg_store_graph(w->store, &w->in, &w->graph);
        err = measure(&w->graph, next, owner);
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- header and directory ---- */

static enum jit_err put_header(struct writer *w, const struct rmg_wsc_head *head)
{
    enum jit_err err;
    uint8_t *at = row_new(w, RMG_WSC_HEADER_SIZE, &err);
    if (at != NULL) {
        memcpy(at, rmg_wsc_magic, sizeof rmg_wsc_magic);
        memcpy(at + RMG_WSC_AT_SCHEMA, head->schema_hash.bytes, JIT_ID_BYTES);
        jit_put_le64(at + RMG_WSC_AT_TICK, head->tick);
        jit_put_le64(at + RMG_WSC_AT_COUNT, w->measure_count);
        jit_put_le64(at + RMG_WSC_AT_DIRECTORY, RMG_WSC_HEADER_SIZE);
    }
    return err;
}

static enum jit_err put_entry(struct writer *w, const struct measure *m, uint64_t *end)
{
    enum jit_err err;
    uint8_t *at = row_new(w, RMG_WSC_ENTRY_SIZE, &err);
    if (at == NULL) {
        return err;
    }
    struct rmg_wsc_instance place;
    memcpy(at, w->in.id.bytes, JIT_ID_BYTES);
    memcpy(at + RMG_WSC_ENTRY_ROOT, w->in.root_node.bytes, JIT_ID_BYTES);
    at += RMG_WSC_ENTRY_SECTIONS;
    place_sections(&w->in, m, &place, end);
    for (unsigned s = 0; s < RMG_WSC_SECTIONS; s++) {
        jit_put_le64(at, place.at[s]);
        at += 8;
        if (rmg_wsc_counted(s)) {
            jit_put_le64(at, place.rows[s]);
            at += 8;
        }
    }
    return JIT_OK;
}

/* ---- windows of nodes ---- */

static void window_release(struct writer *w)
{
    w->heap->free(w->heap, w->window.ids);
    w->heap->free(w->heap, w->window.degrees);
    w->heap->free(w->heap, w->window.next);
    rmg_id_table_release(&w->window.table, w->heap);
    w->window = (struct window){.count = 0};
}

static enum jit_err window_new(struct writer *w)
{
    struct window *window = &w->window;
    uint64_t nodes = w->in.roots.node_count;
    uint64_t room = at_least_one(w->window_bytes / WINDOW_NODE);
    window->whole = nodes <= room;
    window->room = window->whole ? nodes : room;
    window->ids = w->heap->alloc(w->heap, window->room * sizeof *window->ids + 1);
    window->degrees = jit_heap_zalloc(w->heap, window->room + 1, sizeof *window->degrees);
    window->next = w->heap->alloc(w->heap, window->room * sizeof *window->next + 1);
    return window->ids == NULL || window->degrees == NULL || window->next == NULL ? JIT_ENOMEM
                                                                                  : JIT_OK;
}

/* Edges with the places of the nodes they leave, for as many as are in the window. */
struct batch {
    struct rmg_edge edges[RMG_ID_BATCH];
    size_t places[RMG_ID_BATCH]; /* SIZE_MAX: the node is not in the window */
    size_t count;
};

/* The next edges by id; none at the end. Errors: JIT_ECORRUPT. */
static enum jit_err batch_next(struct rmg_iter *iter, struct batch *batch)
{
    enum jit_err err = JIT_OK;
    batch->count = 0;
    while (batch->count < RMG_ID_BATCH &&
           (err = rmg_iter_edge(iter, &batch->edges[batch->count])) == JIT_OK) {
        batch->count++;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static void batch_find(const struct window *window, struct batch *batch)
{
    const struct jit_id *ids[RMG_ID_BATCH];
    for (size_t i = 0; i < batch->count; i++) {
        ids[i] = &batch->edges[i].from;
    }
    rmg_id_table_find_many(&window->table, ids, batch->count, window->whole, batch->places);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i] != SIZE_MAX) {
            __builtin_prefetch(&window->degrees[batch->places[i]], 1);
            __builtin_prefetch(&window->next[batch->places[i]], 1);
        }
    }
}

static void batch_count(struct window *window, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->places[i] != SIZE_MAX) {
            window->degrees[batch->places[i]]++;
        }
    }
}

/* The next nodes of the iteration, and the edges that leave them. */
static enum jit_err window_load(struct writer *w, struct rmg_iter *nodes)
{
    struct window *window = &w->window;
    struct rmg_iter iter;
    struct batch batch;
    struct jit_id type;
    enum jit_err err = JIT_OK;
    for (window->count = 0; window->count < window->room; window->count++) {
        err = rmg_iter_node(nodes, &window->ids[window->count], &type);
        if (err != JIT_OK) {
            break;
        }
    }
    if (err != JIT_OK && err != JIT_ENOENT) {
        return err;
    }
    memset(window->degrees, 0, window->count * sizeof *window->degrees);
    err =
        rmg_id_table_set(&window->table, w->heap, window->ids, sizeof *window->ids, window->count);
    rmg_iter_all(&w->graph, RMG_EDGES, &iter);
    while (err == JIT_OK && (err = batch_next(&iter, &batch)) == JIT_OK && batch.count > 0) {
        batch_find(window, &batch);
        batch_count(window, &batch);
    }
    return err;
}

/* ---- sections ---- */

/* Where all nodes fit into a window it is filled on the way. */
static enum jit_err put_nodes(struct writer *w)
{
    struct window *window = &w->window;
    struct rmg_iter iter;
    struct rmg_bulk_node node;
    enum jit_err err;
    rmg_iter_all(&w->graph, RMG_NODES, &iter);
    while ((err = rmg_iter_node(&iter, &node.id, &node.type)) == JIT_OK) {
        uint8_t *at = row_new(w, sizeof node, &err);
        if (at == NULL) {
            return err;
        }
        memcpy(at, &node, sizeof node);
        if (window->whole && window->count < window->room) {
            window->ids[window->count++] = node.id;
        }
    }
    if (err == JIT_ENOENT) {
        err = rmg_id_table_set(&window->table, w->heap, window->ids, sizeof *window->ids,
                               window->count);
    }
    return err;
}

static enum jit_err put_edges(struct writer *w)
{
    struct rmg_iter iter;
    struct batch batch;
    enum jit_err err;
    rmg_iter_all(&w->graph, RMG_EDGES, &iter);
    while ((err = batch_next(&iter, &batch)) == JIT_OK && batch.count > 0) {
        uint8_t *at = row_new(w, batch.count * RMG_WSC_EDGE_SIZE, &err);
        if (at == NULL) {
            return err;
        }
        memcpy(at, batch.edges, batch.count * RMG_WSC_EDGE_SIZE);
        if (w->window.whole) {
            batch_find(&w->window, &batch);
            batch_count(&w->window, &batch);
        }
    }
    return err;
}

static enum jit_err put_range(struct writer *w, uint64_t *start, uint64_t count)
{
    enum jit_err err;
    uint8_t *at = row_new(w, RMG_WSC_RANGE_SIZE, &err);
    if (at != NULL) {
        jit_put_le64(at, *start);
        jit_put_le64(at + 8, count);
        *start += count;
    }
    return err;
}

/* Each window of nodes after the other: once for the index, once for the lists. */
static enum jit_err each_window(struct writer *w,
                                enum jit_err (*put)(struct writer *w, uint64_t *rows))
{
    struct rmg_iter nodes;
    uint64_t done = 0;
    uint64_t rows = 0;
    enum jit_err err = JIT_OK;
    rmg_iter_all(&w->graph, RMG_NODES, &nodes);
    while (err == JIT_OK && done < w->in.roots.node_count) {
        err = w->window.whole ? JIT_OK : window_load(w, &nodes);
        if (err == JIT_OK && w->window.count == 0) {
            return JIT_ECORRUPT; /* fewer nodes than the instance says */
        }
        err = err == JIT_OK ? put(w, &rows) : err;
        done += w->window.count;
    }
    return err == JIT_OK && rows != w->in.roots.edge_count ? JIT_ECORRUPT : err;
}

static enum jit_err put_ranges(struct writer *w, uint64_t *rows)
{
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; err == JIT_OK && i < w->window.count; i++) {
        err = put_range(w, rows, w->window.degrees[i]);
    }
    return err;
}

/* Rows `first` to `first + count` of the window's lists. Edges are walked by id, so each is the
 * next one of its node. */
static enum jit_err list_fill(struct writer *w, uint8_t *rows, uint64_t first, uint64_t count)
{
    struct window *window = &w->window;
    struct rmg_iter iter;
    struct batch batch;
    uint64_t edge = 0;
    uint64_t filled = 0;
    uint64_t start = 0;
    enum jit_err err;
    for (uint64_t i = 0; i < window->count; i++) {
        window->next[i] = start;
        start += window->degrees[i];
    }
    rmg_iter_all(&w->graph, RMG_EDGES, &iter);
    while ((err = batch_next(&iter, &batch)) == JIT_OK && batch.count > 0) {
        batch_find(window, &batch);
        for (size_t i = 0; i < batch.count; i++, edge++) {
            if (batch.places[i] == SIZE_MAX) {
                continue;
            }
            uint64_t row = window->next[batch.places[i]]++;
            if (row >= first && row - first < count) {
                uint8_t *at = rows + (row - first) * RMG_WSC_OUT_EDGE_SIZE;
                jit_put_le64(at, edge);
                memcpy(at + 8, batch.edges[i].id.bytes, JIT_ID_BYTES);
                filled++;
            }
        }
    }
    return err == JIT_OK && filled != count ? JIT_ECORRUPT : err;
}

static enum jit_err put_lists(struct writer *w, uint64_t *rows)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < w->window.count; i++) {
        total += w->window.degrees[i];
    }
    uint64_t most = at_least_one(w->window_bytes / RMG_WSC_OUT_EDGE_SIZE);
    uint64_t room = total < most ? total : most;
    uint8_t *list = room == 0 ? NULL : w->heap->alloc(w->heap, room * RMG_WSC_OUT_EDGE_SIZE);
    enum jit_err err = room == 0 || list != NULL ? rmg_out_flush(&w->out) : JIT_ENOMEM;
    for (uint64_t first = 0; err == JIT_OK && first < total; first += room) {
        uint64_t count = total - first < room ? total - first : room;
        uint64_t size = count * RMG_WSC_OUT_EDGE_SIZE;
        err = list_fill(w, list, first, count);
        for (uint64_t at = 0; err == JIT_OK && at < size; at += RMG_OUT_PIECE) {
            uint64_t piece = size - at < RMG_OUT_PIECE ? size - at : RMG_OUT_PIECE;
            err = w->out.write(w->out.user, list + at, (size_t)piece);
            w->out.written += piece;
        }
    }
    w->heap->free(w->heap, list);
    *rows += total;
    return err;
}

/* ---- attachments ---- */

/* A range for each node or edge: 1 where the next owner is it. Where all have one, or none, nobody
 * needs to be asked. */
static enum jit_err put_att_index(struct writer *w, enum rmg_plane plane, uint64_t owner_count)
{
    bool alpha = plane == RMG_PLANE_ALPHA;
    uint64_t all_count = alpha ? w->in.roots.node_count : w->in.roots.edge_count;
    struct rmg_iter all;
    struct rmg_iter owners;
    struct rmg_edge edge;
    struct jit_id type;
    struct jit_id owner;
    uint32_t unused = 0;
    uint64_t start = 0;
    if (owner_count == 0 || owner_count == all_count) {
        enum jit_err err = JIT_OK;
        for (uint64_t i = 0; err == JIT_OK && i < all_count; i++) {
            err = put_range(w, &start, owner_count == 0 ? 0 : 1);
        }
        return err;
    }
    rmg_iter_all(&w->graph, alpha ? RMG_NODES : RMG_EDGES, &all);
    rmg_iter_all(&w->graph, alpha ? RMG_ALPHA : RMG_BETA, &owners);
    enum jit_err more = rmg_iter_owner(&owners, &owner, &unused);
    enum jit_err err;
    while ((err = alpha ? rmg_iter_node(&all, &edge.id, &type) : rmg_iter_edge(&all, &edge)) ==
           JIT_OK) {
        bool has = more == JIT_OK && jit_id_equal(&owner, &edge.id);
        err = put_range(w, &start, has ? 1 : 0);
        if (err != JIT_OK) {
            return err;
        }
        if (has) {
            more = rmg_iter_owner(&owners, &owner, &unused);
        }
    }
    if (more != JIT_ENOENT) {
        return more == JIT_OK ? JIT_ECORRUPT : more;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_att(struct writer *w, const struct rmg_value *value, uint64_t *blob)
{
    enum jit_err err;
    uint8_t *at = row_new(w, RMG_WSC_ATT_SIZE, &err);
    if (at == NULL) {
        return err;
    }
    at[0] = (uint8_t)value->kind;
    memcpy(at + RMG_WSC_ATT_TYPE, value->type.bytes, JIT_ID_BYTES);
    if (value->kind == RMG_VALUE_ATOM) {
        *blob = rmg_wsc_pad(*blob);
        jit_put_le64(at + RMG_WSC_ATT_BLOB, *blob);
        jit_put_le64(at + RMG_WSC_ATT_BLOB_SIZE, value->size);
        *blob += value->size;
    }
    return JIT_OK;
}

static enum jit_err put_blob(struct writer *w, const struct rmg_value *value)
{
    if (value->kind != RMG_VALUE_ATOM) {
        return JIT_OK;
    }
    rmg_out_pad(&w->out);
    jit_buf_put(&w->out.buf, value->bytes, value->size);
    return rmg_out_flush_full(&w->out);
}

/* Rows of a plane, or its blobs. */
static enum jit_err put_atts(struct writer *w, enum rmg_plane plane, bool blobs, uint64_t *blob)
{
    struct rmg_iter iter;
    struct jit_id id;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(&w->graph, plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, &iter);
    while ((err = rmg_iter_owner(&iter, &id, &count)) == JIT_OK) {
        struct rmg_attachment attachment;
        err = rmg_iter_attachment(&iter, 0, &attachment);
        if (err == JIT_OK) {
            err = blobs ? put_blob(w, &attachment.value) : put_att(w, &attachment.value, blob);
        }
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- the file ---- */

static enum jit_err put_section(struct writer *w, const struct measure *m,
                                enum rmg_wsc_section section, uint64_t *blob)
{
    switch (section) {
    case RMG_WSC_NODES:
        return put_nodes(w);
    case RMG_WSC_EDGES:
        return put_edges(w);
    case RMG_WSC_OUT_INDEX:
        return each_window(w, put_ranges);
    case RMG_WSC_OUT_EDGES:
        return each_window(w, put_lists);
    case RMG_WSC_NODE_ATTS_INDEX:
        return put_att_index(w, RMG_PLANE_ALPHA, m->node_atts);
    case RMG_WSC_NODE_ATTS:
        return put_atts(w, RMG_PLANE_ALPHA, false, blob);
    case RMG_WSC_EDGE_ATTS_INDEX:
        return put_att_index(w, RMG_PLANE_BETA, m->edge_atts);
    case RMG_WSC_EDGE_ATTS:
        return put_atts(w, RMG_PLANE_BETA, false, blob);
    default:
        break;
    }
    enum jit_err err = put_atts(w, RMG_PLANE_ALPHA, true, blob);
    return err == JIT_OK ? put_atts(w, RMG_PLANE_BETA, true, blob) : err;
}

static enum jit_err enter(struct writer *w, const struct jit_id *id)
{
    enum jit_err err = rmg_store_instance(w->store, w->version, id, &w->in);
    if (err == JIT_OK) {
        rmg_store_graph(w->store, &w->in, &w->graph);
    }
    return err;
}

static enum jit_err put_all(struct writer *w, const struct rmg_wsc_head *head, uint64_t *end)
{
    enum jit_err err = put_header(w, head);
    *end = RMG_WSC_HEADER_SIZE + w->measure_count * RMG_WSC_ENTRY_SIZE;
    for (size_t i = 0; err == JIT_OK && i < w->measure_count; i++) {
        err = enter(w, &w->measures[i].id);
        err = err == JIT_OK ? put_entry(w, &w->measures[i], end) : err;
    }
    for (size_t i = 0; err == JIT_OK && i < w->measure_count; i++) {
        uint64_t blob = 0;
        err = enter(w, &w->measures[i].id);
        err = err == JIT_OK ? window_new(w) : err;
        for (unsigned s = 0; err == JIT_OK && s < RMG_WSC_SECTIONS; s++) {
            rmg_out_pad(&w->out);
            err = put_section(w, &w->measures[i], s, &blob);
        }
        window_release(w);
        assert(err != JIT_OK || blob == w->measures[i].blob_bytes);
    }
    return err == JIT_OK ? rmg_out_flush(&w->out) : err;
}

enum jit_err rmg_wsc_write(struct jit_heap *heap, const struct rmg_store *store,
                           const struct rmg_version *version, const struct rmg_wsc_head *head,
                           enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                           void *user, struct rmg_wsc_owner *owner, uint64_t *file_size)
{
    return rmg_wsc_write_within(WINDOW_BYTES, heap, store, version, head, write, user, owner,
                                file_size);
}

enum jit_err
rmg_wsc_write_within(uint64_t window_bytes, struct jit_heap *heap, const struct rmg_store *store,
                     const struct rmg_version *version, const struct rmg_wsc_head *head,
                     enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                     void *user, struct rmg_wsc_owner *owner, uint64_t *file_size)
{
    uint64_t end = 0;
    if (version->instance_count == 0) {
        return JIT_EINVALID;
    }
    struct writer w = {
        .heap = heap, .store = store, .version = version, .window_bytes = window_bytes};
    rmg_out_init(&w.out, heap, write, user);
    enum jit_err err = measure_all(&w, owner);
    err = err == JIT_OK ? put_all(&w, head, &end) : err;
    assert(err != JIT_OK || w.out.written == end);
    if (err == JIT_OK && file_size != NULL) {
        *file_size = end;
    }
    heap->free(heap, w.measures);
    rmg_out_release(&w.out);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

#include "rmg/wsc_priv.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/le.h"
#include "rmg/id_table.h"

#define PIECE_BYTES (1u << 18)

/* Rows of out-edges that are put in order at once. An instance with more is walked several times:
 * memory is bounded, time is not. */
#define WINDOW_ROWS ((64u << 20) / (RMG_WSC_OUT_EDGE_SIZE + sizeof(struct source)))

/* What an instance takes, found by a first walk. */
struct measure {
    struct jit_id id;
    uint64_t node_atts;
    uint64_t edge_atts;
    uint64_t blob_bytes;
};

struct writer {
    struct jit_heap *heap;
    const struct rmg_store *store;
    const struct rmg_version *version;
    enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size);
    void *user;
    struct jit_buf buf;
    uint64_t written; /* bytes handed to write() */
    struct measure *measures;
    size_t measure_count;
    size_t measure_room;
    /* the instance being written */
    struct rmg_instance in;
    struct rmg_graph graph;
};

static enum jit_err flush(struct writer *w)
{
    enum jit_err err = w->buf.err;
    if (err == JIT_OK && w->buf.size > 0) {
        err = w->write(w->user, w->buf.data, w->buf.size);
        w->written += w->buf.size;
    }
    jit_buf_reset(&w->buf);
    return err;
}

/* Room for one row, zeros; NULL when that failed. */
static uint8_t *row_new(struct writer *w, size_t size, enum jit_err *err)
{
    *err = w->buf.size >= PIECE_BYTES ? flush(w) : JIT_OK;
    uint8_t *at = *err == JIT_OK ? jit_buf_extend(&w->buf, size) : NULL;
    if (at == NULL) {
        *err = *err == JIT_OK ? w->buf.err : *err;
        return NULL;
    }
    memset(at, 0, size);
    return at;
}

static void pad(struct writer *w)
{
    static const uint8_t zeros[8];
    uint64_t at = w->written + w->buf.size;
    jit_buf_put(&w->buf, zeros, (size_t)(rmg_wsc_pad(at) - at));
}

/* ---- what fits ---- */

/* The one attachment of an owner. */
static enum jit_err attachment_of(const struct rmg_graph *graph, enum rmg_plane plane,
                                  const struct jit_id *owner, struct rmg_attachment *out)
{
    enum jit_err err = rmg_attachment_at(graph, plane, owner, 0, out);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

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
        err = rmg_attachment_at(graph, plane, &id, count - 1, &attachment);
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

enum jit_err rmg_wsc_fits(const struct rmg_store *store, const struct rmg_version *version,
                          struct rmg_wsc_owner *owner)
{
    struct rmg_instance in;
    struct jit_id last;
    const struct jit_id *after = NULL;
    enum jit_err err;
    while ((err = rmg_store_next(store, version, after, &in)) == JIT_OK) {
        struct measure unused = {.blob_bytes = 0};
        struct rmg_graph graph;
        rmg_store_graph(store, &in, &graph);
        err = measure(&graph, &unused, owner);
        if (err != JIT_OK) {
            return err;
        }
        last = in.id;
        after = &last;
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
    const uint64_t nodes = w->in.roots.node_count;
    const uint64_t edges = w->in.roots.edge_count;
    const uint64_t rows[RMG_WSC_SECTIONS] = {nodes,        edges, nodes,        edges,        nodes,
                                             m->node_atts, edges, m->edge_atts, m->blob_bytes};
    memcpy(at, w->in.id.bytes, JIT_ID_BYTES);
    memcpy(at + RMG_WSC_ENTRY_ROOT, w->in.root_node.bytes, JIT_ID_BYTES);
    at += RMG_WSC_ENTRY_SECTIONS;
    for (unsigned s = 0; s < RMG_WSC_SECTIONS; s++) {
        *end = rmg_wsc_pad(*end);
        jit_put_le64(at, *end);
        at += 8;
        if (rmg_wsc_counted(s)) {
            jit_put_le64(at, rows[s]);
            at += 8;
        }
        *end += rows[s] * rmg_wsc_row_size[s];
    }
    return JIT_OK;
}

/* ---- sections ---- */

static enum jit_err put_nodes(struct writer *w)
{
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
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_edges(struct writer *w)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    enum jit_err err;
    rmg_iter_all(&w->graph, RMG_EDGES, &iter);
    while ((err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        uint8_t *at = row_new(w, sizeof edge, &err);
        if (at == NULL) {
            return err;
        }
        memcpy(at, &edge, sizeof edge);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
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

/* Nodes and the index of out-edges ascend by the same ids: the runs of the one fall to the other.
 */
static enum jit_err put_out_index(struct writer *w)
{
    struct rmg_iter nodes;
    struct rmg_iter out;
    struct rmg_edge edge;
    struct jit_id id;
    struct jit_id type;
    uint64_t start = 0;
    rmg_iter_all(&w->graph, RMG_NODES, &nodes);
    rmg_iter_all(&w->graph, RMG_OUT, &out);
    enum jit_err more = rmg_iter_edge(&out, &edge);
    enum jit_err err;
    while ((err = rmg_iter_node(&nodes, &id, &type)) == JIT_OK) {
        uint64_t count = 0;
        while (more == JIT_OK && jit_id_equal(&edge.from, &id)) {
            count++;
            more = rmg_iter_edge(&out, &edge);
        }
        err = put_range(w, &start, count);
        if (err != JIT_OK) {
            return err;
        }
    }
    if (more != JIT_ENOENT) {
        return more == JIT_OK ? JIT_ECORRUPT : more;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- out-edges ---- */

/* A node, and its part of a window. */
struct source {
    struct jit_id id;
    uint64_t skip; /* its first edges lie in windows before */
    uint64_t next; /* row of the window for its next edge */
    uint64_t end;
};

struct window {
    uint8_t *rows;
    struct source *sources;
    uint64_t row_count;
    uint64_t source_count;
    uint64_t row_room;
    struct rmg_id_table table;
    /* where the index of out-edges was left */
    struct rmg_iter out;
    struct rmg_edge ahead; /* read, not yet counted */
    enum jit_err more;
    uint64_t skip; /* edges of ahead.from in windows before */
};

/* The next part of the index of out-edges: whose edges, and how many of each. */
static enum jit_err window_next(struct window *window)
{
    window->row_count = 0;
    window->source_count = 0;
    while (window->more == JIT_OK && window->row_count < window->row_room) {
        struct source *last = &window->sources[window->source_count];
        if (window->source_count == 0 || !jit_id_equal(&last[-1].id, &window->ahead.from)) {
            *last = (struct source){.id = window->ahead.from,
                                    .skip = window->source_count == 0 ? window->skip : 0,
                                    .next = window->row_count};
            window->source_count++;
            last++;
        }
        last[-1].end = ++window->row_count;
        window->more = rmg_iter_edge(&window->out, &window->ahead);
    }
    if (window->more == JIT_OK) {
        const struct source *last = &window->sources[window->source_count - 1];
        bool same = jit_id_equal(&last->id, &window->ahead.from);
        window->skip = same ? last->skip + (last->end - last->next) : 0;
    }
    return window->more == JIT_ENOENT ? JIT_OK : window->more;
}

/* Walk all edges by id: each falls to the next row of its node, if the window has that node. */
static enum jit_err window_fill(const struct writer *w, struct window *window)
{
    struct rmg_iter iter;
    struct rmg_edge edge;
    uint64_t place = 0;
    enum jit_err err;
    rmg_iter_all(&w->graph, RMG_EDGES, &iter);
    for (; (err = rmg_iter_edge(&iter, &edge)) == JIT_OK; place++) {
        size_t index = 0;
        if (!rmg_id_table_find(&window->table, &edge.from, &index)) {
            continue;
        }
        struct source *source = &window->sources[index];
        if (source->skip > 0) {
            source->skip--;
        } else if (source->next < source->end) {
            uint8_t *at = window->rows + source->next++ * RMG_WSC_OUT_EDGE_SIZE;
            jit_put_le64(at, place);
            memcpy(at + 8, edge.id.bytes, JIT_ID_BYTES);
        }
    }
    for (uint64_t i = 0; err == JIT_ENOENT && i < window->source_count; i++) {
        err = window->sources[i].next == window->sources[i].end ? JIT_ENOENT : JIT_ECORRUPT;
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err window_put(struct writer *w, const struct window *window)
{
    enum jit_err err = flush(w);
    uint64_t size = window->row_count * RMG_WSC_OUT_EDGE_SIZE;
    for (uint64_t at = 0; err == JIT_OK && at < size; at += PIECE_BYTES) {
        uint64_t piece = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
        err = w->write(w->user, window->rows + at, (size_t)piece);
        w->written += piece;
    }
    return err;
}

static enum jit_err put_out_edges(struct writer *w)
{
    struct window window = {.row_room = w->in.roots.edge_count};
    if (window.row_room == 0) {
        return JIT_OK;
    }
    window.row_room = window.row_room < WINDOW_ROWS ? window.row_room : WINDOW_ROWS;
    window.rows = w->heap->alloc(w->heap, window.row_room * RMG_WSC_OUT_EDGE_SIZE);
    window.sources = w->heap->alloc(w->heap, window.row_room * sizeof *window.sources);
    enum jit_err err = window.rows == NULL || window.sources == NULL ? JIT_ENOMEM : JIT_OK;
    if (err == JIT_OK) {
        rmg_iter_all(&w->graph, RMG_OUT, &window.out);
        window.more = rmg_iter_edge(&window.out, &window.ahead);
    }
    while (err == JIT_OK && window.more == JIT_OK) {
        err = window_next(&window);
        if (err == JIT_OK) {
            err = rmg_id_table_set(&window.table, w->heap, window.sources, sizeof *window.sources,
                                   window.source_count);
        }
        err = err == JIT_OK ? window_fill(w, &window) : err;
        err = err == JIT_OK ? window_put(w, &window) : err;
    }
    rmg_id_table_release(&window.table, w->heap);
    w->heap->free(w->heap, window.rows);
    w->heap->free(w->heap, window.sources);
    return err == JIT_OK && window.more != JIT_ENOENT ? JIT_ECORRUPT : err;
}

/* ---- attachments ---- */

/* A range for each node or edge: 1 where the next owner is it. */
static enum jit_err put_att_index(struct writer *w, enum rmg_plane plane)
{
    bool alpha = plane == RMG_PLANE_ALPHA;
    struct rmg_iter all;
    struct rmg_iter owners;
    struct rmg_edge edge;
    struct jit_id type;
    struct jit_id owner;
    uint32_t unused = 0;
    uint64_t start = 0;
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
    pad(w);
    jit_buf_put(&w->buf, value->bytes, value->size);
    return w->buf.size >= PIECE_BYTES || w->buf.err != JIT_OK ? flush(w) : JIT_OK;
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
        err = attachment_of(&w->graph, plane, &id, &attachment);
        if (err == JIT_OK) {
            err = blobs ? put_blob(w, &attachment.value) : put_att(w, &attachment.value, blob);
        }
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* ---- the file ---- */

static enum jit_err put_section(struct writer *w, enum rmg_wsc_section section, uint64_t *blob)
{
    switch (section) {
    case RMG_WSC_NODES:
        return put_nodes(w);
    case RMG_WSC_EDGES:
        return put_edges(w);
    case RMG_WSC_OUT_INDEX:
        return put_out_index(w);
    case RMG_WSC_OUT_EDGES:
        return put_out_edges(w);
    case RMG_WSC_NODE_ATTS_INDEX:
        return put_att_index(w, RMG_PLANE_ALPHA);
    case RMG_WSC_NODE_ATTS:
        return put_atts(w, RMG_PLANE_ALPHA, false, blob);
    case RMG_WSC_EDGE_ATTS_INDEX:
        return put_att_index(w, RMG_PLANE_BETA);
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
        for (unsigned s = 0; err == JIT_OK && s < RMG_WSC_SECTIONS; s++) {
            pad(w);
            err = put_section(w, s, &blob);
        }
        assert(err != JIT_OK || blob == w->measures[i].blob_bytes);
    }
    return err == JIT_OK ? flush(w) : err;
}

enum jit_err rmg_wsc_write(struct jit_heap *heap, const struct rmg_store *store,
                           const struct rmg_version *version, const struct rmg_wsc_head *head,
                           enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                           void *user, struct rmg_wsc_owner *owner, uint64_t *file_size)
{
    uint64_t end = 0;
    if (version->instance_count == 0) {
        return JIT_EINVALID;
    }
    struct writer w = {
        .heap = heap, .store = store, .version = version, .write = write, .user = user};
    jit_buf_init(&w.buf, heap, 2 * (size_t)PIECE_BYTES + JIT_ATOM_BYTES_MAX);
    enum jit_err err = measure_all(&w, owner);
    err = err == JIT_OK ? put_all(&w, head, &end) : err;
    assert(err != JIT_OK || w.written == end);
    if (err == JIT_OK && file_size != NULL) {
        *file_size = end;
    }
    heap->free(heap, w.measures);
    jit_buf_release(&w.buf);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

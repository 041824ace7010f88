#include "rmg/file/wsc_write_priv.h"

#include "base/check.h"
#include "base/le.h"
#include "rmg/file/out_priv.h"
#include "rmg/file/wsc_priv.h"
#include "rmg/store/id_table.h"

uint64_t wsc_at_least_one(uint64_t count)
{
    return count == 0 ? 1 : count;
}

/* Room for one row, zeros; NULL when that failed. */
static uint8_t *row_new(struct wsc_writer *w, size_t size, enum jit_err *err)
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

/* ---- header and directory ---- */

static enum jit_err put_header(struct wsc_writer *w, const struct rmg_wsc_head *head)
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

static enum jit_err put_entry(struct wsc_writer *w, const struct wsc_measure *m, uint64_t *end)
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
    wsc_place_sections(&w->in, m, &place, end);
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

/* ---- sections ---- */

/* Where all nodes fit into a window it is filled on the way. */
static enum jit_err put_nodes(struct wsc_writer *w)
{
    struct wsc_window *window = &w->window;
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

static enum jit_err put_edges(struct wsc_writer *w)
{
    struct rmg_iter iter;
    struct wsc_batch batch;
    enum jit_err err;
    rmg_iter_all(&w->graph, RMG_EDGES, &iter);
    while ((err = wsc_batch_next(&iter, &batch)) == JIT_OK && batch.count > 0) {
        uint8_t *at = row_new(w, batch.count * RMG_WSC_EDGE_SIZE, &err);
        if (at == NULL) {
            return err;
        }
        memcpy(at, batch.edges, batch.count * RMG_WSC_EDGE_SIZE);
        if (w->window.whole) {
            wsc_batch_find(&w->window, &batch);
            wsc_batch_count(&w->window, &batch);
        }
    }
    return err;
}

static enum jit_err put_range(struct wsc_writer *w, uint64_t *start, uint64_t count)
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
static enum jit_err each_window(struct wsc_writer *w,
                                enum jit_err (*put)(struct wsc_writer *w, uint64_t *rows))
{
    struct rmg_iter nodes;
    uint64_t done = 0;
    uint64_t rows = 0;
    enum jit_err err = JIT_OK;
    rmg_iter_all(&w->graph, RMG_NODES, &nodes);
    while (err == JIT_OK && done < w->in.roots.node_count) {
        err = w->window.whole ? JIT_OK : wsc_window_load(w, &nodes);
        if (err == JIT_OK && w->window.count == 0) {
            return JIT_ECORRUPT; /* fewer nodes than the instance says */
        }
        err = err == JIT_OK ? put(w, &rows) : err;
        done += w->window.count;
    }
    return err == JIT_OK && rows != w->in.roots.edge_count ? JIT_ECORRUPT : err;
}

static enum jit_err put_ranges(struct wsc_writer *w, uint64_t *rows)
{
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; err == JIT_OK && i < w->window.count; i++) {
        err = put_range(w, rows, w->window.degrees[i]);
    }
    return err;
}

/* Rows `first` to `first + count` of the window's lists. Edges are walked by id, so each is the
 * next one of its node. */
static enum jit_err list_fill(struct wsc_writer *w, uint8_t *rows, uint64_t first, uint64_t count)
{
    struct wsc_window *window = &w->window;
    struct rmg_iter iter;
    struct wsc_batch batch;
    uint64_t edge = 0;
    uint64_t filled = 0;
    uint64_t start = 0;
    enum jit_err err;
    for (uint64_t i = 0; i < window->count; i++) {
        window->next[i] = start;
        start += window->degrees[i];
    }
    rmg_iter_all(&w->graph, RMG_EDGES, &iter);
    while ((err = wsc_batch_next(&iter, &batch)) == JIT_OK && batch.count > 0) {
        wsc_batch_find(window, &batch);
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

static enum jit_err put_lists(struct wsc_writer *w, uint64_t *rows)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < w->window.count; i++) {
        total += w->window.degrees[i];
    }
    uint64_t most = wsc_at_least_one(w->window_bytes / RMG_WSC_OUT_EDGE_SIZE);
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
static enum jit_err put_att_index(struct wsc_writer *w, enum rmg_plane plane, uint64_t owner_count)
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

static enum jit_err put_att(struct wsc_writer *w, const struct rmg_value *value, uint64_t *blob)
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

static enum jit_err put_blob(struct wsc_writer *w, const struct rmg_value *value)
{
    if (value->kind != RMG_VALUE_ATOM) {
        return JIT_OK;
    }
    rmg_out_pad(&w->out);
    jit_buf_put(&w->out.buf, value->bytes, value->size);
    return rmg_out_flush_full(&w->out);
}

/* Rows of a plane, or its blobs. */
static enum jit_err put_atts(struct wsc_writer *w, enum rmg_plane plane, bool blobs, uint64_t *blob)
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

static enum jit_err put_section(struct wsc_writer *w, const struct wsc_measure *m,
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

static enum jit_err enter(struct wsc_writer *w, const struct jit_id *id)
{
    enum jit_err err = rmg_store_instance(w->store, w->version, id, &w->in);
    if (err == JIT_OK) {
        rmg_store_graph(w->store, &w->in, &w->graph);
    }
    return err;
}

static enum jit_err put_all(struct wsc_writer *w, const struct rmg_wsc_head *head, uint64_t *end)
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
        err = err == JIT_OK ? wsc_window_new(w) : err;
        for (unsigned s = 0; err == JIT_OK && s < RMG_WSC_SECTIONS; s++) {
            rmg_out_pad(&w->out);
            err = put_section(w, &w->measures[i], s, &blob);
        }
        wsc_window_release(w);
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
    struct wsc_writer w = {
        .heap = heap, .store = store, .version = version, .window_bytes = window_bytes};
    rmg_out_init(&w.out, heap, write, user);
    enum jit_err err = wsc_measure(&w, owner);
    err = err == JIT_OK ? put_all(&w, head, &end) : err;
    assert(err != JIT_OK || w.out.written == end);
    if (err == JIT_OK && file_size != NULL) {
        *file_size = end;
    }
    heap->free(heap, w.measures);
    rmg_out_release(&w.out);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

#include "rmg/file/wsc_priv.h"

#include "base/check.h"
#include "base/le.h"
#include "rmg/store/id_table.h"

#define AHEAD 16u /* what lies anywhere is fetched before it is looked at */

struct checker {
    struct jit_heap *heap;
    const struct rmg_wsc *file;
    struct rmg_file_fault *fault;
    struct rmg_wsc_parent *parents;
    struct rmg_id_table nodes; /* of the instance being looked at */
    uint64_t index;            /* that instance */
    struct rmg_wsc_instance in;
    uint64_t blob; /* where the blob before ended */
};

static enum jit_err bad(const struct checker *c, const char *section, uint64_t index,
                        uint64_t offset, const char *what)
{
    if (c->fault != NULL) {
        *c->fault = (struct rmg_file_fault){
            .offset = offset, .section = section, .index = index, .what = what};
    }
    return JIT_ECORRUPT;
}

static uint64_t offset_of(const struct checker *c, enum rmg_wsc_section section, uint64_t index)
{
    return c->in.at[section] + index * rmg_wsc_row_size[section];
}

static bool zeros(const uint8_t *bytes, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* ---- the directory ---- */

static enum jit_err check_directory(const struct checker *c)
{
    for (uint64_t i = 0; i < c->file->instance_count; i++) {
        uint64_t at = RMG_WSC_HEADER_SIZE + i * RMG_WSC_ENTRY_SIZE;
        const uint8_t *id = c->file->bytes + at;
        if (i > 0 && memcmp(id - RMG_WSC_ENTRY_SIZE, id, JIT_ID_BYTES) >= 0) {
            return bad(c, "directory entry", i, at, "instances do not ascend by id");
        }
        if (zeros(id, JIT_ID_BYTES)) {
            return bad(c, "directory entry", i, at, "an instance id of zeros");
        }
    }
    return JIT_OK;
}

/* ---- nodes, edges, out-edges ---- */

static enum jit_err check_nodes(struct checker *c)
{
    uint64_t count = c->in.rows[RMG_WSC_NODES];
    const uint8_t *rows = c->file->bytes + c->in.at[RMG_WSC_NODES];
    size_t root = 0;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *at = rows + i * RMG_WSC_NODE_SIZE;
        if (i > 0 && memcmp(at - RMG_WSC_NODE_SIZE, at, JIT_ID_BYTES) >= 0) {
            return bad(c, "nodes", i, offset_of(c, RMG_WSC_NODES, i), "nodes do not ascend by id");
        }
        if (zeros(at + JIT_ID_BYTES, JIT_ID_BYTES)) {
            return bad(c, "nodes", i, offset_of(c, RMG_WSC_NODES, i) + JIT_ID_BYTES,
                       "a type of zeros");
        }
    }
    enum jit_err err = rmg_id_table_set(&c->nodes, c->heap, rows, RMG_WSC_NODE_SIZE, count);
    if (err == JIT_OK && !rmg_id_table_find(&c->nodes, &c->in.root_node, &root)) {
        err = bad(c, "directory entry", c->index, c->in.offset + RMG_WSC_ENTRY_ROOT,
                  "its root node is no node of it");
    }
    return err;
}

/* Do these edges enter nodes? */
static enum jit_err check_targets(const struct checker *c, uint64_t first, size_t count)
{
    const uint8_t *rows = c->file->bytes + c->in.at[RMG_WSC_EDGES];
    const struct jit_id *ids[RMG_ID_BATCH];
    size_t places[RMG_ID_BATCH];
    for (size_t i = 0; i < count; i++) {
        const uint8_t *to = rows + (first + i) * RMG_WSC_EDGE_SIZE + 2 * JIT_ID_BYTES;
        ids[i] = (const struct jit_id *)(const void *)to;
    }
    rmg_id_table_find_many(&c->nodes, ids, count, false, places);
    for (size_t i = 0; i < count; i++) {
        if (places[i] == SIZE_MAX) {
            return bad(c, "edges", first + i,
                       offset_of(c, RMG_WSC_EDGES, first + i) + 2 * JIT_ID_BYTES,
                       "it enters no node of its instance");
        }
    }
    return JIT_OK;
}

/* All but the node that an edge leaves: the lists of out-edges tell. */
static enum jit_err check_edges(const struct checker *c)
{
    uint64_t count = c->in.rows[RMG_WSC_EDGES];
    const uint8_t *rows = c->file->bytes + c->in.at[RMG_WSC_EDGES];
    enum jit_err err = JIT_OK;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *at = rows + i * RMG_WSC_EDGE_SIZE;
        if (i > 0 && memcmp(at - RMG_WSC_EDGE_SIZE, at, JIT_ID_BYTES) >= 0) {
            return bad(c, "edges", i, offset_of(c, RMG_WSC_EDGES, i), "edges do not ascend by id");
        }
        if (zeros(at + 3 * JIT_ID_BYTES, JIT_ID_BYTES)) {
            return bad(c, "edges", i, offset_of(c, RMG_WSC_EDGES, i) + 3 * JIT_ID_BYTES,
                       "a type of zeros");
        }
    }
    for (uint64_t i = 0; err == JIT_OK && i < count; i += RMG_ID_BATCH) {
        err = check_targets(c, i, count - i < RMG_ID_BATCH ? count - i : RMG_ID_BATCH);
    }
    return err;
}

/* One reference to an edge, which must leave the node; last: place of the reference before in the
 * list of the same node, plus one. */
static enum jit_err check_out_edge(const struct checker *c, uint64_t place, uint64_t node,
                                   uint64_t *last)
{
    const uint8_t *refs = c->file->bytes + c->in.at[RMG_WSC_OUT_EDGES];
    const uint8_t *edges = c->file->bytes + c->in.at[RMG_WSC_EDGES];
    const uint8_t *ref = refs + place * RMG_WSC_OUT_EDGE_SIZE;
    const uint8_t *node_id = c->file->bytes + c->in.at[RMG_WSC_NODES] + node * RMG_WSC_NODE_SIZE;
    uint64_t offset = offset_of(c, RMG_WSC_OUT_EDGES, place);
    uint64_t edge = jit_le64(ref);
    if (place + AHEAD < c->in.rows[RMG_WSC_OUT_EDGES]) {
        uint64_t ahead = jit_le64(ref + AHEAD * RMG_WSC_OUT_EDGE_SIZE);
        if (ahead < c->in.rows[RMG_WSC_EDGES]) {
            __builtin_prefetch(edges + ahead * RMG_WSC_EDGE_SIZE);
        }
    }
    if (edge >= c->in.rows[RMG_WSC_EDGES]) {
        return bad(c, "out_edges", place, offset, "an index past the edges");
    }
    const uint8_t *at = edges + edge * RMG_WSC_EDGE_SIZE;
    if (memcmp(at, ref + 8, JIT_ID_BYTES) != 0) {
        return bad(c, "out_edges", place, offset + 8, "it is not the id of the edge it points to");
    }
    if (memcmp(at + JIT_ID_BYTES, node_id, JIT_ID_BYTES) != 0) {
        return bad(c, "out_edges", place, offset, "an edge that leaves another node");
    }
    if (edge < *last) { /* edges ascend, so their ids do when their places do */
        return bad(c, "out_edges", place, offset, "the edges of a node do not ascend by id");
    }
    *last = edge + 1;
    return JIT_OK;
}

/* The list has as many places as there are edges, and no edge twice: an edge in the list of its
 * node has that node as its origin, and none is left without one. */
static enum jit_err check_out_edges(const struct checker *c)
{
    uint64_t next = 0;
    if (c->in.rows[RMG_WSC_OUT_EDGES] != c->in.rows[RMG_WSC_EDGES]) {
        return bad(c, "directory entry", c->index, c->in.offset + RMG_WSC_ENTRY_SECTIONS + 48,
                   "not as many out-edges as edges");
    }
    for (uint64_t i = 0; i < c->in.rows[RMG_WSC_OUT_INDEX]; i++) {
        const uint8_t *at = c->file->bytes + offset_of(c, RMG_WSC_OUT_INDEX, i);
        uint64_t count = jit_le64(at + 8);
        uint64_t last = 0;
        if (jit_le64(at) != next || count > c->in.rows[RMG_WSC_OUT_EDGES] - next) {
            return bad(c, "out_index", i, offset_of(c, RMG_WSC_OUT_INDEX, i),
                       "its range is not the next part of the out-edges");
        }
        for (uint64_t end = next + count; next < end; next++) {
            enum jit_err err = check_out_edge(c, next, i, &last);
            if (err != JIT_OK) {
                return err;
            }
        }
    }
    return next == c->in.rows[RMG_WSC_OUT_EDGES]
               ? JIT_OK
               : bad(c, "out_edges", next, offset_of(c, RMG_WSC_OUT_EDGES, next),
                     "an out-edge that belongs to no node");
}

/* ---- attachments ---- */

static enum jit_err check_portal(const struct checker *c, const char *section, uint64_t place,
                                 uint64_t offset, const struct jit_id *target,
                                 struct rmg_wsc_parent parent)
{
    struct rmg_wsc_instance child;
    if (rmg_wsc_instance_find(c->file, target, &child) != JIT_OK) {
        return bad(c, section, place, offset + RMG_WSC_ATT_TYPE,
                   "a portal to no instance of the file");
    }
    uint64_t index = (child.offset - RMG_WSC_HEADER_SIZE) / RMG_WSC_ENTRY_SIZE;
    if (c->parents[index].present) {
        return bad(c, section, place, offset + RMG_WSC_ATT_TYPE,
                   "a second portal to the same instance");
    }
    c->parents[index] = parent;
    return JIT_OK;
}

static enum jit_err check_atom(struct checker *c, const char *section, uint64_t place,
                               uint64_t offset, const uint8_t *at)
{
    uint64_t bytes = c->in.rows[RMG_WSC_BLOBS];
    uint64_t begin = rmg_wsc_pad(c->blob);
    uint64_t size = jit_le64(at + RMG_WSC_ATT_BLOB_SIZE);
    if (jit_le64(at + RMG_WSC_ATT_BLOB) != begin || begin > bytes) {
        return bad(c, section, place, offset + RMG_WSC_ATT_BLOB,
                   "its blob is not the next one, on a multiple of 8");
    }
    if (size > bytes - begin) {
        return bad(c, section, place, offset + RMG_WSC_ATT_BLOB_SIZE,
                   "its blob goes on behind the blobs");
    }
    if (size > JIT_ATOM_BYTES_MAX) {
        return bad(c, section, place, offset + RMG_WSC_ATT_BLOB_SIZE, "an atom of more than 1 MiB");
    }
    if (!zeros(c->file->bytes + c->in.at[RMG_WSC_BLOBS] + c->blob, begin - c->blob)) {
        return bad(c, "blobs", 0, c->in.at[RMG_WSC_BLOBS] + c->blob, "padding that is not zero");
    }
    c->blob = begin + size;
    return JIT_OK;
}

static enum jit_err check_attachment(struct checker *c, enum rmg_plane plane, const char *section,
                                     uint64_t place, uint64_t offset, uint64_t owner)
{
    const uint8_t *at = c->file->bytes + offset;
    struct jit_id type;
    memcpy(type.bytes, at + RMG_WSC_ATT_TYPE, JIT_ID_BYTES);
    if (at[0] != RMG_VALUE_ATOM && at[0] != RMG_VALUE_PORTAL) {
        return bad(c, section, place, offset, "neither an atom nor a portal");
    }
    if (!zeros(at + 1, RMG_WSC_ATT_TYPE - 1)) {
        return bad(c, section, place, offset + 1, "a reserved byte that is not zero");
    }
    if (jit_id_is_zero(&type)) {
        return bad(c, section, place, offset + RMG_WSC_ATT_TYPE,
                   "an atom type or instance of zeros");
    }
    if (at[0] == RMG_VALUE_ATOM) {
        return check_atom(c, section, place, offset, at);
    }
    if (!zeros(at + RMG_WSC_ATT_BLOB, 16)) {
        return bad(c, section, place, offset + RMG_WSC_ATT_BLOB, "a portal with a blob");
    }
    return check_portal(
        c, section, place, offset, &type,
        (struct rmg_wsc_parent){
            .owner = owner, .instance = (uint32_t)c->index, .present = 1, .plane = (uint8_t)plane});
}

static enum jit_err check_attachments(struct checker *c, enum rmg_plane plane)
{
    bool alpha = plane == RMG_PLANE_ALPHA;
    const enum rmg_wsc_section index = alpha ? RMG_WSC_NODE_ATTS_INDEX : RMG_WSC_EDGE_ATTS_INDEX;
    const enum rmg_wsc_section rows = index + 1;
    const char *index_name = alpha ? "node_atts_index" : "edge_atts_index";
    const char *name = alpha ? "node_atts" : "edge_atts";
    uint64_t next = 0;
    for (uint64_t i = 0; i < c->in.rows[index]; i++) {
        uint64_t offset = offset_of(c, index, i);
        uint64_t count = jit_le64(c->file->bytes + offset + 8);
        if (jit_le64(c->file->bytes + offset) != next || count > c->in.rows[rows] - next) {
            return bad(c, index_name, i, offset,
                       "its range is not the next part of the attachments");
        }
        if (count > 1) {
            return bad(c, index_name, i, offset + 8, "more than one attachment");
        }
        if (count == 1) {
            enum jit_err err = check_attachment(c, plane, name, next, offset_of(c, rows, next), i);
            if (err != JIT_OK) {
                return err;
            }
        }
        next += count;
    }
    return next == c->in.rows[rows] ? JIT_OK
                                    : bad(c, name, next, offset_of(c, rows, next),
                                          "an attachment that belongs to nothing");
}

static enum jit_err check_instance(struct checker *c)
{
    enum jit_err err = rmg_wsc_instance_at(c->file, c->index, &c->in);
    assert(err == JIT_OK); /* open() read it */
    c->blob = 0;
    err = check_nodes(c);
    err = err == JIT_OK ? check_edges(c) : err;
    err = err == JIT_OK ? check_out_edges(c) : err;
    err = err == JIT_OK ? check_attachments(c, RMG_PLANE_ALPHA) : err;
    err = err == JIT_OK ? check_attachments(c, RMG_PLANE_BETA) : err;
    if (err == JIT_OK && c->blob != c->in.rows[RMG_WSC_BLOBS]) {
        err = bad(c, "blobs", 0, c->in.at[RMG_WSC_BLOBS] + c->blob,
                  "bytes that belong to no attachment");
    }
    return err;
}

/* ---- the forest ---- */

/* One instance without a portal, and from each up to it in at most 64 steps. */
static enum jit_err check_parents(const struct checker *c, struct rmg_wsc_verified *out)
{
    uint64_t tops = 0;
    for (uint64_t i = 0; i < c->file->instance_count; i++) {
        uint64_t offset = RMG_WSC_HEADER_SIZE + i * RMG_WSC_ENTRY_SIZE;
        uint64_t depth = 0;
        if (!c->parents[i].present) {
            out->top = i;
            if (tops++ > 0) {
                return bad(c, "directory entry", i, offset, "a second instance without a portal");
            }
        }
        for (uint64_t at = i; c->parents[at].present && depth <= JIT_DEPTH_MAX; depth++) {
            at = c->parents[at].instance;
        }
        if (depth > JIT_DEPTH_MAX) {
            return bad(c, "directory entry", i, offset, "nested in a circle or deeper than 64");
        }
        out->depth = depth > out->depth ? depth : out->depth;
    }
    assert(tops == 1); /* going up always ended */
    return JIT_OK;
}

enum jit_err rmg_wsc_verify(struct jit_heap *heap, const struct rmg_wsc *file,
                            struct rmg_wsc_verified *out, struct rmg_file_fault *fault)
{
    struct checker c = {.heap = heap, .file = file, .fault = fault};
    struct rmg_wsc_verified verified = {.file = *file};
    *out = (struct rmg_wsc_verified){.parents = NULL};
    enum jit_err err = check_directory(&c);
    if (err == JIT_OK) {
        /* open() has found the bytes of so many entries. */
        c.parents = jit_heap_zalloc(heap, file->instance_count, sizeof *c.parents);
        err = c.parents == NULL ? JIT_ENOMEM : JIT_OK;
    }
    for (; err == JIT_OK && c.index < file->instance_count; c.index++) {
        err = check_instance(&c);
    }
    err = err == JIT_OK ? check_parents(&c, &verified) : err;
    rmg_id_table_release(&c.nodes, heap);
    if (err == JIT_OK) {
        verified.parents = c.parents;
        c.parents = NULL; /* transferred */
        *out = verified;
    }
    heap->free(heap, c.parents);
    return err;
}

void rmg_wsc_verified_release(struct rmg_wsc_verified *verified, struct jit_heap *heap)
{
    heap->free(heap, verified->parents);
    *verified = (struct rmg_wsc_verified){.parents = NULL};
}

void rmg_wsc_parent_of(const struct rmg_wsc_verified *verified, uint64_t index,
                       struct rmg_parent *out)
{
    assert(index < verified->file.instance_count);
    const struct rmg_wsc_parent *parent = &verified->parents[index];
    struct rmg_wsc_instance in;
    *out = (struct rmg_parent){.present = parent->present == 1};
    if (!out->present) {
        return;
    }
    bool alpha = parent->plane == RMG_PLANE_ALPHA;
    enum jit_err err = rmg_wsc_instance_at(&verified->file, parent->instance, &in);
    assert(err == JIT_OK); /* verify() read it */
    const enum rmg_wsc_section section = alpha ? RMG_WSC_NODES : RMG_WSC_EDGES;
    assert(parent->owner < in.rows[section]);
    out->plane = alpha ? RMG_PLANE_ALPHA : RMG_PLANE_BETA;
    out->instance = in.id;
    memcpy(out->owner.bytes,
           verified->file.bytes + in.at[section] + parent->owner * rmg_wsc_row_size[section],
           JIT_ID_BYTES);
}

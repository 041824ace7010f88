#include "rmg/file/file_priv.h"

#include "base/check.h"
#include "base/le.h"
#include "rmg/file/out_priv.h"

/* Where the block of an instance lies. */
struct place {
    struct jit_id id;
    uint64_t offset;
};

struct writer {
    struct jit_heap *heap;
    const struct rmg_store *store;
    const struct rmg_version *version;
    struct rmg_out out;
    struct place *places;
    size_t place_count;
    size_t place_capacity;
    uint64_t node_count;
    uint64_t edge_count;
    uint64_t list_size;      /* of the first payload, padded */
    uint64_t plane_bytes[3]; /* payloads of a plane, padded; by enum rmg_plane */
    uint64_t payload_next;   /* offset of the payload of the next record with one */
};

/* ---- sizes ---- */

/* What the record of one owner takes, unpadded, and its portals. */
struct extent {
    uint64_t size;
    uint64_t portals;
    struct jit_id first_portal;
};

static enum jit_err measure(const struct rmg_graph *graph, enum rmg_plane plane,
                            const struct jit_id *owner, uint32_t count, struct extent *out)
{
    *out = (struct extent){.size = 8};
    for (uint32_t i = 0; i < count; i++) {
        struct rmg_attachment attachment;
        enum jit_err err = rmg_attachment_at(graph, plane, owner, i, &attachment);
        if (err != JIT_OK) {
            return err == JIT_ENOENT ? JIT_ECORRUPT : err;
        }
        out->size += rmg_file_attachment_size(&attachment);
        if (attachment.value.kind == RMG_VALUE_PORTAL && out->portals++ == 0) {
            out->first_portal = attachment.value.type;
        }
    }
    return JIT_OK;
}

static enum jit_err measure_plane(struct writer *w, const struct rmg_graph *graph,
                                  enum rmg_plane plane)
{
    struct rmg_iter iter;
    struct jit_id owner;
    uint32_t count = 0;
    enum jit_err err;
    rmg_iter_all(graph, plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, &iter);
    while ((err = rmg_iter_owner(&iter, &owner, &count)) == JIT_OK) {
        struct extent extent;
        err = measure(graph, plane, &owner, count, &extent);
        if (err != JIT_OK) {
            return err;
        }
        w->plane_bytes[plane] += rmg_file_pad(extent.size);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

/* The first pass: counts, sizes, and where each block will lie. */
static enum jit_err measure_all(struct writer *w)
{
    struct rmg_instance in;
    const struct jit_id *after = NULL;
    enum jit_err err;
    w->list_size = 8;
    while ((err = rmg_store_next(w->store, w->version, after, &in)) == JIT_OK) {
        struct rmg_graph graph;
        void *data = w->places;
        rmg_store_graph(w->store, &in, &graph);
        if (jit_heap_grow(w->heap, &data, &w->place_capacity, w->place_count + 1,
                          sizeof *w->places) != 0) {
            return JIT_ENOMEM;
        }
        w->places = data;
        w->places[w->place_count] = (struct place){.id = in.id, .offset = w->list_size};
        after = &w->places[w->place_count++].id;
        w->list_size += rmg_file_block_size(&in.parent);
        w->node_count += in.roots.node_count;
        w->edge_count += in.roots.edge_count;
        err = measure_plane(w, &graph, RMG_PLANE_ALPHA);
        err = err == JIT_OK ? measure_plane(w, &graph, RMG_PLANE_BETA) : err;
        if (err != JIT_OK) {
            return err;
        }
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err block_of(const struct writer *w, const struct jit_id *id, uint64_t *offset)
{
    size_t low = 0;
    size_t high = w->place_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = jit_id_compare(&w->places[middle].id, id);
        if (order == 0) {
            *offset = w->places[middle].offset;
            return JIT_OK;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return JIT_ECORRUPT; /* a sealed version has no portal to nowhere */
}

/* ---- records ---- */

static void put_header(struct writer *w, uint64_t payload_bytes)
{
    jit_buf_put(&w->out.buf, rmg_file_magic, sizeof rmg_file_magic);
    jit_buf_put_u16(&w->out.buf, RMG_FILE_MAJOR);
    jit_buf_put_u16(&w->out.buf, RMG_FILE_MINOR);
    jit_buf_put_u64(&w->out.buf, w->node_count);
    jit_buf_put_u64(&w->out.buf, w->edge_count);
    jit_buf_put_u64(&w->out.buf, payload_bytes);
    jit_buf_put_id(&w->out.buf, &w->version->state_root);
    assert(w->out.buf.err != JIT_OK || w->out.buf.size == RMG_FILE_HEADER_SIZE);
}

/* The next owner of a plane with its attachments; count 0 at the end. */
struct owners {
    struct rmg_iter iter;
    struct jit_id id;
    uint32_t count;
};

static enum jit_err owners_next(struct owners *owners)
{
    enum jit_err err = rmg_iter_owner(&owners->iter, &owners->id, &owners->count);
    if (err == JIT_ENOENT) {
        owners->count = 0;
        err = JIT_OK;
    }
    return err;
}

/* Takes the owner's payload from the running offset; size 0 when it has none. */
static enum jit_err take_payload(struct writer *w, const struct rmg_graph *graph,
                                 enum rmg_plane plane, struct owners *owners,
                                 const struct jit_id *id, struct extent *extent, uint64_t *offset)
{
    *extent = (struct extent){0};
    *offset = 0;
    if (owners->count == 0 || !jit_id_equal(&owners->id, id)) {
        return JIT_OK;
    }
    enum jit_err err = measure(graph, plane, id, owners->count, extent);
    if (err != JIT_OK) {
        return err;
    }
    *offset = w->payload_next;
    w->payload_next += rmg_file_pad(extent->size);
    return owners_next(owners);
}

static enum jit_err put_nodes(struct writer *w, const struct rmg_graph *graph, uint64_t blocks_at)
{
    struct rmg_iter iter;
    struct owners owners;
    struct jit_id id;
    struct jit_id type;
    rmg_iter_all(graph, RMG_NODES, &iter);
    rmg_iter_all(graph, RMG_ALPHA, &owners.iter);
    enum jit_err err = owners_next(&owners);
    while (err == JIT_OK && (err = rmg_iter_node(&iter, &id, &type)) == JIT_OK) {
        struct extent extent;
        uint64_t offset = 0;
        uint64_t edges = 0;
        uint64_t subgraph = 0;
        err = take_payload(w, graph, RMG_PLANE_ALPHA, &owners, &id, &extent, &offset);
        err = err == JIT_OK ? rmg_degree(graph, &id, RMG_DIR_OUT, NULL, &edges) : err;
        if (err == JIT_OK && extent.portals > 0) {
            err = block_of(w, &extent.first_portal, &subgraph);
            subgraph += blocks_at;
        }
        if (err != JIT_OK) {
            break;
        }
        jit_buf_put_id(&w->out.buf, &id);
        jit_buf_put_id(&w->out.buf, &type);
        jit_buf_put_u64(&w->out.buf, extent.portals);
        jit_buf_put_u64(&w->out.buf, edges);
        jit_buf_put_u64(&w->out.buf, offset);
        jit_buf_put_u64(&w->out.buf, extent.size);
        jit_buf_put_u64(&w->out.buf, subgraph);
        err = rmg_out_flush_full(&w->out);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static enum jit_err put_edges(struct writer *w, const struct rmg_graph *graph)
{
    struct rmg_iter iter;
    struct owners owners;
    struct rmg_edge edge;
    rmg_iter_all(graph, RMG_EDGES, &iter);
    rmg_iter_all(graph, RMG_BETA, &owners.iter);
    enum jit_err err = owners_next(&owners);
    while (err == JIT_OK && (err = rmg_iter_edge(&iter, &edge)) == JIT_OK) {
        struct extent extent;
        uint64_t offset = 0;
        err = take_payload(w, graph, RMG_PLANE_BETA, &owners, &edge.id, &extent, &offset);
        if (err != JIT_OK) {
            break;
        }
        jit_buf_put_id(&w->out.buf, &edge.id);
        jit_buf_put_id(&w->out.buf, &edge.from);
        jit_buf_put_id(&w->out.buf, &edge.to);
        jit_buf_put_id(&w->out.buf, &edge.type);
        jit_buf_put_u64(&w->out.buf, offset);
        jit_buf_put_u64(&w->out.buf, extent.size);
        err = rmg_out_flush_full(&w->out);
    }
    return err == JIT_ENOENT ? JIT_OK : err;
}

static void put_parent(struct writer *w, const struct rmg_parent *parent)
{
    jit_buf_put_u8(&w->out.buf, parent->present ? 1 : 0);
    if (parent->present) {
        jit_buf_put_u8(&w->out.buf, (uint8_t)parent->plane);
        jit_buf_put_id(&w->out.buf, &parent->instance);
        jit_buf_put_id(&w->out.buf, &parent->owner);
        jit_buf_put_u64(&w->out.buf, parent->name_size);
        jit_buf_put(&w->out.buf, parent->name, parent->name_size);
    }
    rmg_out_pad(&w->out);
}

static enum jit_err put_list(struct writer *w)
{
    uint64_t first_node = 0;
    uint64_t first_edge = 0;
    enum jit_err err = JIT_OK;
    jit_buf_put_u64(&w->out.buf, w->place_count);
    for (size_t i = 0; err == JIT_OK && i < w->place_count; i++) {
        struct rmg_instance in;
        err = rmg_store_instance(w->store, w->version, &w->places[i].id, &in);
        if (err != JIT_OK) {
            break;
        }
        jit_buf_put_id(&w->out.buf, &in.id);
        jit_buf_put_id(&w->out.buf, &in.root_node);
        put_parent(w, &in.parent);
        jit_buf_put_u64(&w->out.buf, first_node);
        jit_buf_put_u64(&w->out.buf, in.roots.node_count);
        jit_buf_put_u64(&w->out.buf, first_edge);
        jit_buf_put_u64(&w->out.buf, in.roots.edge_count);
        first_node += in.roots.node_count;
        first_edge += in.roots.edge_count;
        err = rmg_out_flush_full(&w->out);
    }
    return err;
}

static enum jit_err put_attachment(struct writer *w, const struct rmg_attachment *attachment)
{
    const struct rmg_value *value = &attachment->value;
    jit_buf_put_u64(&w->out.buf, attachment->name_size);
    jit_buf_put(&w->out.buf, attachment->name, attachment->name_size);
    jit_buf_put_u8(&w->out.buf, (uint8_t)value->kind);
    jit_buf_put_id(&w->out.buf, &value->type);
    if (value->kind == RMG_VALUE_ATOM) {
        jit_buf_put_u64(&w->out.buf, value->size);
        jit_buf_put(&w->out.buf, value->bytes, value->size);
    }
    return rmg_out_flush_full(&w->out);
}

static enum jit_err put_payloads(struct writer *w, const struct rmg_graph *graph,
                                 enum rmg_plane plane)
{
    struct owners owners;
    rmg_iter_all(graph, plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA, &owners.iter);
    enum jit_err err = owners_next(&owners);
    while (err == JIT_OK && owners.count > 0) {
        jit_buf_put_u64(&w->out.buf, owners.count);
        for (uint32_t i = 0; err == JIT_OK && i < owners.count; i++) {
            struct rmg_attachment attachment;
            err = rmg_attachment_at(graph, plane, &owners.id, i, &attachment);
            err = err == JIT_OK ? put_attachment(w, &attachment) : err;
        }
        rmg_out_pad(&w->out);
        err = err == JIT_OK ? owners_next(&owners) : err;
    }
    return err;
}

/* ---- the file ---- */

enum part { PART_NODES, PART_EDGES, PART_LIST, PART_ALPHA, PART_BETA, PARTS };

static enum jit_err put_part(struct writer *w, enum part part, uint64_t payload_at)
{
    enum jit_err err = JIT_OK;
    if (part == PART_LIST) {
        return put_list(w);
    }
    for (size_t i = 0; err == JIT_OK && i < w->place_count; i++) {
        struct rmg_instance in;
        struct rmg_graph graph;
        err = rmg_store_instance(w->store, w->version, &w->places[i].id, &in);
        if (err != JIT_OK) {
            break;
        }
        rmg_store_graph(w->store, &in, &graph);
        err = part == PART_NODES ? put_nodes(w, &graph, payload_at)
              : part == PART_EDGES
                  ? put_edges(w, &graph)
                  : put_payloads(w, &graph, part == PART_ALPHA ? RMG_PLANE_ALPHA : RMG_PLANE_BETA);
    }
    return err;
}

enum jit_err rmg_file_write(struct jit_heap *heap, const struct rmg_store *store,
                            const struct rmg_version *version,
                            enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                            void *user, uint64_t *file_size)
{
    if (version->instance_count == 0) {
        return JIT_EINVALID;
    }
    struct writer w = {.heap = heap, .store = store, .version = version};
    rmg_out_init(&w.out, heap, write, user);
    enum jit_err err = measure_all(&w);
    uint64_t payload_bytes =
        w.list_size + w.plane_bytes[RMG_PLANE_ALPHA] + w.plane_bytes[RMG_PLANE_BETA];
    uint64_t payload_at = RMG_FILE_HEADER_SIZE + w.node_count * RMG_FILE_NODE_SIZE +
                          w.edge_count * RMG_FILE_EDGE_SIZE;
    w.payload_next = payload_at + w.list_size;
    if (err == JIT_OK) {
        put_header(&w, payload_bytes);
    }
    for (int part = 0; err == JIT_OK && part < PARTS; part++) {
        err = put_part(&w, (enum part)part, payload_at);
    }
    if (err == JIT_OK) {
        err = rmg_out_flush(&w.out);
    }
    assert(err != JIT_OK || w.out.written == payload_at + payload_bytes);
    assert(err != JIT_OK || w.payload_next == w.out.written);
    if (err == JIT_OK && file_size != NULL) {
        *file_size = w.out.written;
    }
    heap->free(heap, w.places);
    rmg_out_release(&w.out);
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}

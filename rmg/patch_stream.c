#include "base/check.h"
#include "base/hash.h"
#include "rmg/patch_priv.h"
#include "rmg/scratch.h"

#define HEAD_BYTES (JIT_ID_BYTES + 3u * 8u)
/* The longest operation a stream may have: a name, an atom, and origins; all but those are small.
 */
#define OP_BYTES_MAX (2u * JIT_ATOM_BYTES_MAX)
#define STEP_BYTES   512u /* how much of a piece is joined to the rest of the last one at first */

/* What is gathered of an instance that was empty before, to be built at once. */
struct part {
    struct jit_id id;
    bool bulk; /* false: it has content already, so its operations are performed one by one */
    struct rmg_bulk_node *nodes;
    struct rmg_edge *edges;
    struct rmg_bulk_attachment *attachments;
    size_t node_count, node_capacity;
    size_t edge_count, edge_capacity;
    size_t attachment_count, attachment_capacity;
};

struct rmg_patch_stream {
    struct jit_heap *heap;
    struct rmg_tx *tx;
    struct rmg_version base;
    struct jit_hasher hasher;
    enum jit_err err; /* sticky */
    bool begun;       /* the head was read */
    uint64_t bytes;
    uint64_t left; /* operations */
    uint32_t next; /* number of the next one, as its origin says */
    struct jit_buf pending;
    struct part *parts;
    size_t part_count;
    size_t part_capacity;
    struct rmg_scratch scratch; /* names and atoms of the parts */
    /* The last operation, to see that the next one comes after it. */
    bool has_previous;
    struct rmg_op previous;
    char previous_name[JIT_NAME_BYTES_MAX];
    struct rmg_parent parent;
};

enum jit_err rmg_patch_stream_begin(struct jit_heap *heap, struct rmg_tx *tx,
                                    const struct rmg_version *base, struct rmg_patch_stream **out)
{
    uint8_t version[2];
    *out = NULL;
    struct rmg_patch_stream *stream = jit_heap_zalloc(heap, 1, sizeof *stream);
    if (stream == NULL) {
        return JIT_ENOMEM;
    }
    stream->heap = heap;
    stream->tx = tx;
    stream->base = *base;
    jit_put_le16(version, PATCH_VERSION);
    jit_hasher_init_key(&stream->hasher, JIT_K_PATCH);
    jit_hasher_update(&stream->hasher, version, sizeof version);
    jit_buf_init(&stream->pending, heap, OP_BYTES_MAX);
    rmg_scratch_init(&stream->scratch, heap);
    *out = stream;
    return JIT_OK;
}

static void part_release(struct jit_heap *heap, struct part *part)
{
    heap->free(heap, part->nodes);
    heap->free(heap, part->edges);
    heap->free(heap, part->attachments);
    *part = (struct part){.id = part->id};
}

void rmg_patch_stream_abort(struct rmg_patch_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    struct jit_heap *heap = stream->heap;
    for (size_t i = 0; i < stream->part_count; i++) {
        part_release(heap, &stream->parts[i]);
    }
    heap->free(heap, stream->parts);
    rmg_scratch_release(&stream->scratch);
    jit_buf_release(&stream->pending);
    heap->free(heap, stream);
}

/* ---- parts ---- */

/* Operations come by kind, then by instance: mostly the part of the last one, else searched among
 * parts that ascend as well. */
static size_t part_place(const struct rmg_patch_stream *stream, const struct jit_id *id)
{
    size_t low = 0;
    size_t high = stream->part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (jit_id_compare(&stream->parts[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_empty(const struct rmg_graph *graph)
{
    for (unsigned map = 0; map < RMG_MAPS; map++) {
        if (graph->roots.ref[map] != 0) {
            return false;
        }
    }
    return true;
}

static enum jit_err part_of(struct rmg_patch_stream *stream, const struct jit_id *id,
                            struct part **out)
{
    struct rmg_graph graph;
    size_t place = part_place(stream, id);
    if (place < stream->part_count && jit_id_equal(&stream->parts[place].id, id)) {
        *out = &stream->parts[place];
        return JIT_OK;
    }
    enum jit_err err = rmg_tx_graph(stream->tx, id, &graph);
    if (err != JIT_OK) {
        return err;
    }
    if (jit_heap_grow(stream->heap, (void **)&stream->parts, &stream->part_capacity,
                      stream->part_count + 1, sizeof *stream->parts) != 0) {
        return JIT_ENOMEM;
    }
    memmove(&stream->parts[place + 1], &stream->parts[place],
            (stream->part_count - place) * sizeof *stream->parts);
    stream->parts[place] = (struct part){.id = *id, .bulk = is_empty(&graph)};
    stream->part_count++;
    *out = &stream->parts[place];
    return JIT_OK;
}

#define PART_ROOM(stream, part, list)                                                              \
    (jit_heap_grow((stream)->heap, (void **)&(part)->list##s, &(part)->list##_capacity,            \
                   (part)->list##_count + 1, sizeof *(part)->list##s) == 0)

static enum jit_err gather_attachment(struct rmg_patch_stream *stream, struct part *part,
                                      const struct rmg_op *op)
{
    struct rmg_attachment copy = op->attachment;
    if (copy.name_size > 0) {
        copy.name = rmg_scratch_copy(&stream->scratch, copy.name, copy.name_size);
    }
    if (copy.value.size > 0) {
        copy.value.bytes = rmg_scratch_copy(&stream->scratch, copy.value.bytes, copy.value.size);
    }
    if ((copy.name_size > 0 && copy.name == NULL) ||
        (copy.value.size > 0 && copy.value.bytes == NULL) || !PART_ROOM(stream, part, attachment)) {
        return JIT_ENOMEM;
    }
    part->attachments[part->attachment_count++] =
        (struct rmg_bulk_attachment){.owner = op->id, .plane = op->plane, .attachment = copy};
    return JIT_OK;
}

static enum jit_err gather(struct rmg_patch_stream *stream, struct part *part,
                           const struct rmg_op *op)
{
    if (!jit_id_is_zero(&op->prior)) {
        return JIT_EBASE; /* nothing was there */
    }
    if (op->kind == RMG_OP_SET_ATTACHMENT) {
        return gather_attachment(stream, part, op);
    }
    if (op->kind == RMG_OP_UPSERT_NODE) {
        if (!PART_ROOM(stream, part, node)) {
            return JIT_ENOMEM;
        }
        part->nodes[part->node_count++] = (struct rmg_bulk_node){.id = op->id, .type = op->type};
        return JIT_OK;
    }
    assert(op->kind == RMG_OP_UPSERT_EDGE);
    if (!PART_ROOM(stream, part, edge)) {
        return JIT_ENOMEM;
    }
    part->edges[part->edge_count++] =
        (struct rmg_edge){.id = op->id, .from = op->from, .to = op->to, .type = op->type};
    return JIT_OK;
}

/* ---- operations ---- */

static enum jit_err take_op(struct rmg_patch_stream *stream, const struct patch_raw *raw)
{
    const struct rmg_op *op = &raw->op;
    struct rmg_origin origin = patch_origin_at(raw->origins, 0);
    struct part *part = NULL;
    if (op->origin_count != 1 || origin.request != 0 || origin.operation != stream->next++) {
        return JIT_EFORMAT;
    }
    if (op->kind < RMG_OP_UPSERT_INSTANCE ||
        (stream->has_previous && rmg_op_compare(&stream->previous, op) >= 0)) {
        return JIT_EFORMAT;
    }
    stream->previous = *op;
    stream->has_previous = true;
    if (op->attachment.name_size > 0) {
        memcpy(stream->previous_name, op->attachment.name, op->attachment.name_size);
    }
    stream->previous.attachment.name = stream->previous_name;
    if (op->kind == RMG_OP_UPSERT_INSTANCE) {
        return rmg_op_apply(stream->tx, op, true);
    }
    enum jit_err err = part_of(stream, &op->instance, &part);
    if (err != JIT_OK) {
        return err;
    }
    return part->bulk ? gather(stream, part, op) : rmg_op_apply(stream->tx, op, true);
}

static enum jit_err take_head(struct rmg_patch_stream *stream, struct jit_cursor *cur)
{
    struct jit_id root;
    jit_get_id(cur, &root);
    uint64_t in = jit_get_u64(cur);
    uint64_t out = jit_get_u64(cur);
    stream->left = jit_get_u64(cur);
    if (!jit_id_equal(&root, &stream->base.state_root)) {
        return JIT_EBASE;
    }
    stream->begun = true;
    if (in != 0 || out != 0) {
        return JIT_EFORMAT;
    }
    return stream->left > UINT32_MAX ? JIT_ELIMIT : JIT_OK;
}

/* All that is complete in the bytes of cur, which is left behind it. A read past the end means that
 * the rest is still to come: the cursor says so by `bad`, which nothing else sets. */
static enum jit_err take_all(struct rmg_patch_stream *stream, struct jit_cursor *cur)
{
    if (!stream->begun) {
        if (cur->left < HEAD_BYTES) {
            return JIT_OK;
        }
        enum jit_err err = take_head(stream, cur);
        if (err != JIT_OK) {
            return err;
        }
    }
    while (cur->left > 0) {
        struct jit_cursor ahead = *cur;
        struct patch_raw raw;
        if (stream->left == 0) {
            return JIT_EFORMAT; /* bytes behind the last operation */
        }
        if (patch_raw_decode(&ahead, &stream->parent, &raw) != JIT_OK) {
            return ahead.bad ? JIT_OK : JIT_EFORMAT;
        }
        enum jit_err err = take_op(stream, &raw);
        if (err != JIT_OK) {
            return err;
        }
        stream->left--;
        *cur = ahead;
    }
    return JIT_OK;
}

/* Join as much of the piece to what is pending as completes it; the piece goes on behind that. */
static enum jit_err take_pending(struct rmg_patch_stream *stream, struct jit_cursor *piece)
{
    struct jit_buf *pending = &stream->pending;
    for (size_t step = STEP_BYTES; pending->size > 0 && piece->left > 0; step *= 2) {
        size_t before = pending->size;
        size_t size = piece->left < step ? piece->left : step;
        size = size < OP_BYTES_MAX - before ? size : OP_BYTES_MAX - before;
        if (size == 0) {
            return JIT_ELIMIT;
        }
        jit_buf_put(pending, piece->at, size);
        if (pending->err != JIT_OK) {
            return pending->err;
        }
        struct jit_cursor cur = jit_cursor_of(pending->data, pending->size);
        enum jit_err err = take_all(stream, &cur);
        if (err != JIT_OK) {
            return err;
        }
        size_t taken = pending->size - cur.left;
        if (taken >= before) {
            jit_buf_reset(pending); /* what was pending is done; the rest is in the piece */
            size = taken - before;
        }
        (void)jit_get_bytes(piece, size);
    }
    return JIT_OK;
}

enum jit_err rmg_patch_stream_feed(struct rmg_patch_stream *stream, const uint8_t *bytes,
                                   size_t size)
{
    if (stream->err != JIT_OK || size == 0) {
        return stream->err;
    }
    struct jit_cursor piece = jit_cursor_of(bytes, size);
    jit_hasher_update(&stream->hasher, bytes, size);
    stream->bytes += size;
    stream->err = stream->bytes > JIT_PATCH_GENESIS_BYTES_MAX ? JIT_ELIMIT : JIT_OK;
    if (stream->err == JIT_OK) {
        stream->err = take_pending(stream, &piece);
    }
    if (stream->err == JIT_OK && stream->pending.size == 0) {
        stream->err = take_all(stream, &piece);
    }
    if (stream->err == JIT_OK && piece.left > 0) {
        jit_buf_put(&stream->pending, piece.at, piece.left);
        stream->err = stream->pending.err;
    }
    return stream->err;
}

static enum jit_err load_part(struct rmg_patch_stream *stream, struct part *part)
{
    struct rmg_bulk bulk = {.nodes = part->nodes,
                            .node_count = part->node_count,
                            .edges = part->edges,
                            .edge_count = part->edge_count,
                            .attachments = part->attachments,
                            .attachment_count = part->attachment_count};
    enum jit_err err = part->bulk ? rmg_tx_load(stream->tx, &part->id, &bulk) : JIT_OK;
    part_release(stream->heap, part);
    return err;
}

enum jit_err rmg_patch_stream_end(struct rmg_patch_stream *stream, struct jit_id *digest)
{
    enum jit_err err = stream->err;
    if (err == JIT_OK && (!stream->begun || stream->left != 0 || stream->pending.size != 0)) {
        err = JIT_EFORMAT;
    }
    for (size_t i = 0; i < stream->part_count && err == JIT_OK; i++) {
        err = load_part(stream, &stream->parts[i]);
    }
    if (err == JIT_OK) {
        jit_hasher_final(&stream->hasher, digest);
    }
    rmg_patch_stream_abort(stream);
    return err;
}

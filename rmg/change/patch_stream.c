#include "base/check.h"
#include "base/hash.h"
#include "rmg/change/patch_priv.h"

#define HEAD_BYTES (JIT_ID_BYTES + 3u * 8u)
/* The longest operation a stream may have: a name, an atom, and origins; all but those are small.
 */
#define OP_BYTES_MAX (2u * JIT_ATOM_BYTES_MAX)
#define STEP_BYTES   512u /* how much of a piece is joined to the rest of the last one at first */

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
    /* Operations come by kind, then by instance: a map that was empty before is built at once, from
     * all of them together; in any other they are performed one by one. */
    struct rmg_load *load;
    struct jit_id instance; /* of the map */
    enum rmg_map map;       /* RMG_MAPS: none yet */
    bool bulk;
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
    enum jit_err err = rmg_load_begin(tx, &stream->load);
    if (err != JIT_OK) {
        heap->free(heap, stream);
        return err;
    }
    stream->map = RMG_MAPS;
    stream->heap = heap;
    stream->tx = tx;
    stream->base = *base;
    jit_put_le16(version, PATCH_VERSION);
    jit_hasher_init_key(&stream->hasher, JIT_K_PATCH);
    jit_hasher_update(&stream->hasher, version, sizeof version);
    jit_buf_init(&stream->pending, heap, OP_BYTES_MAX);
    *out = stream;
    return JIT_OK;
}

void rmg_patch_stream_abort(struct rmg_patch_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    struct jit_heap *heap = stream->heap;
    rmg_load_abort(stream->load);
    jit_buf_release(&stream->pending);
    heap->free(heap, stream);
}

/* ---- maps ---- */

static enum rmg_map map_of(const struct rmg_op *op)
{
    switch (op->kind) {
    case RMG_OP_UPSERT_NODE:
        return RMG_NODES;
    case RMG_OP_UPSERT_EDGE:
        return RMG_EDGES;
    default:
        assert(op->kind == RMG_OP_SET_ATTACHMENT);
        return op->plane == RMG_PLANE_ALPHA ? RMG_ALPHA : RMG_BETA;
    }
}

/* The operation belongs to another map than the last one. */
static enum jit_err map_enter(struct rmg_patch_stream *stream, const struct rmg_op *op,
                              enum rmg_map map)
{
    enum jit_err err = rmg_load_close(stream->load);
    struct rmg_graph graph;
    if (err == JIT_OK) {
        err = rmg_tx_graph(stream->tx, &op->instance, &graph);
    }
    if (err == JIT_OK) {
        stream->instance = op->instance;
        stream->map = map;
        stream->bulk = graph.roots.ref[map] == 0;
    }
    return err == JIT_OK && stream->bulk ? rmg_load_open(stream->load, &op->instance, map) : err;
}

static enum jit_err gather(struct rmg_patch_stream *stream, const struct rmg_op *op)
{
    if (!jit_id_is_zero(&op->prior)) {
        return JIT_EBASE; /* nothing was there */
    }
    if (op->kind == RMG_OP_SET_ATTACHMENT) {
        return rmg_load_attachment(stream->load, &op->id, &op->attachment);
    }
    if (op->kind == RMG_OP_UPSERT_NODE) {
        return rmg_load_node(stream->load, &op->id, &op->type);
    }
    const struct rmg_edge edge = {.id = op->id, .from = op->from, .to = op->to, .type = op->type};
    return rmg_load_edge(stream->load, &edge);
}

/* ---- operations ---- */

static enum jit_err take_op(struct rmg_patch_stream *stream, const struct patch_raw *raw)
{
    const struct rmg_op *op = &raw->op;
    struct rmg_origin origin = patch_origin_at(raw->origins, 0);
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
    enum rmg_map map = map_of(op);
    if (map != stream->map || !jit_id_equal(&stream->instance, &op->instance)) {
        enum jit_err err = map_enter(stream, op, map);
        if (err != JIT_OK) {
            return err;
        }
    }
    return stream->bulk ? gather(stream, op) : rmg_op_apply(stream->tx, op, true);
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

enum jit_err rmg_patch_stream_end(struct rmg_patch_stream *stream, struct jit_id *digest)
{
    enum jit_err err = stream->err;
    if (err == JIT_OK && (!stream->begun || stream->left != 0 || stream->pending.size != 0)) {
        err = JIT_EFORMAT;
    }
    if (err == JIT_OK) {
        err = rmg_load_close(stream->load);
    }
    if (err == JIT_OK) {
        jit_hasher_final(&stream->hasher, digest);
    }
    rmg_patch_stream_abort(stream);
    return err;
}

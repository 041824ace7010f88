#include "base/check.h"
#include "base/hash.h"
#include "rmg/collect.h"

/* A genesis or an import: operations without a base, too many to hold as bytes. Fed in pieces, it
 * becomes a collection and is loaded in bulk at the end. */

#define HEAD_BYTES   (JIT_ID_BYTES + 3 * 8u)
#define OP_BYTES_MAX (JIT_ATOM_BYTES_MAX + 4096u) /* of one operation with one origin */
#define ORIGINS_MAX  1u                           /* DESIGN 14.8: (0, k) */

struct rmg_patch_stream {
    struct jit_heap *heap;
    struct rmg_tx *tx; /* borrowed until end */
    struct rmg_collect *collect;
    struct jit_hasher hasher;
    struct jit_buf rest; /* bytes that are not yet a whole operation */
    struct jit_id base_root;
    uint64_t bytes;
    uint64_t left; /* operations to come */
    bool head_read;
    bool any;
    struct rmg_op last; /* key of the operation before, its name in last_name */
    char last_name[JIT_NAME_BYTES_MAX + 1];
    uint32_t next; /* origin's operation number */
    enum jit_err err;
};

enum jit_err rmg_patch_stream_begin(struct jit_heap *heap, struct rmg_tx *tx,
                                    const struct rmg_version *base, struct rmg_patch_stream **out)
{
    struct rmg_patch_stream *stream = jit_heap_zalloc(heap, 1, sizeof *stream);
    *out = NULL;
    if (stream == NULL) {
        return JIT_ENOMEM;
    }
    stream->heap = heap;
    stream->tx = tx;
    stream->base_root = base->state_root;
    jit_buf_init(&stream->rest, heap, SIZE_MAX / 2);
    static const uint8_t version[2] = {1, 0};
    jit_hasher_init_key(&stream->hasher, JIT_K_PATCH);
    jit_hasher_update(&stream->hasher, version, sizeof version);
    enum jit_err err = rmg_collect_new(heap, &stream->collect);
    if (err != JIT_OK) {
        rmg_patch_stream_abort(stream);
        return err;
    }
    *out = stream;
    return JIT_OK;
}

void rmg_patch_stream_abort(struct rmg_patch_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    rmg_collect_free(stream->collect);
    jit_buf_release(&stream->rest);
    stream->heap->free(stream->heap, stream);
}

/* Strictly ascending, so that equal content has equal bytes and nothing is there twice. */
static enum jit_err check_order(struct rmg_patch_stream *stream, const struct rmg_op *op)
{
    if (stream->any && rmg_op_compare(&stream->last, op) >= 0) {
        return JIT_EFORMAT;
    }
    stream->any = true;
    stream->last = *op;
    if (op->attachment.name_size > 0) {
        memcpy(stream->last_name, op->attachment.name, op->attachment.name_size);
    }
    stream->last.attachment.name = stream->last_name;
    return JIT_OK;
}

static enum jit_err take_op(struct rmg_patch_stream *stream, const struct rmg_op *op)
{
    static const struct jit_id zero;
    const struct rmg_origin *origin = op->origins;
    if (op->origin_count != 1 || origin->request != 0 || origin->operation != stream->next++ ||
        !jit_id_equal(&op->prior, &zero)) {
        return JIT_EFORMAT;
    }
    enum jit_err err = check_order(stream, op);
    if (err != JIT_OK) {
        return err;
    }
    switch (op->kind) {
    case RMG_OP_UPSERT_INSTANCE:
        return rmg_collect_instance(stream->collect, &op->instance, &op->from, op->parent);
    case RMG_OP_UPSERT_NODE:
        return rmg_collect_node(stream->collect, &op->instance, &op->id, &op->type);
    case RMG_OP_UPSERT_EDGE: {
        struct rmg_edge edge = {.id = op->id, .from = op->from, .to = op->to, .type = op->type};
        return rmg_collect_edge(stream->collect, &op->instance, &edge);
    }
    case RMG_OP_SET_ATTACHMENT:
        return rmg_collect_attachment(stream->collect, &op->instance, op->plane, &op->id,
                                      &op->attachment);
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_DELETE_NODE:
    case RMG_OP_DELETE_INSTANCE:
        break;
    }
    return JIT_EFORMAT; /* nothing is there to be deleted */
}

static enum jit_err take_head(struct rmg_patch_stream *stream, struct jit_cursor *cur)
{
    struct jit_id base;
    jit_get_id(cur, &base);
    uint64_t in_slots = jit_get_u64(cur);
    uint64_t out_slots = jit_get_u64(cur);
    stream->left = jit_get_u64(cur);
    stream->head_read = true;
    if (!jit_id_equal(&base, &stream->base_root)) {
        return JIT_EBASE;
    }
    if (in_slots != 0 || out_slots != 0) {
        return JIT_EFORMAT;
    }
    return stream->left > UINT32_MAX ? JIT_ELIMIT : JIT_OK;
}

/* Whole operations at the start of the bytes; *taken says how many bytes they were. */
static enum jit_err take_ops(struct rmg_patch_stream *stream, const uint8_t *bytes, size_t size,
                             size_t *taken)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    enum jit_err err = JIT_OK;
    *taken = 0;
    if (!stream->head_read) {
        if (size < HEAD_BYTES) {
            return JIT_OK;
        }
        err = take_head(stream, &cur);
        *taken = HEAD_BYTES;
    }
    while (err == JIT_OK && stream->left > 0 && cur.left > 0) {
        struct rmg_parent parent;
        struct rmg_origin origins[ORIGINS_MAX];
        struct rmg_op op;
        struct jit_cursor before = cur;
        err = rmg_op_decode(&cur, &parent, origins, ORIGINS_MAX, &op);
        if (err != JIT_OK) {
            /* Cut off by the end of the piece, or wrong? More bytes will tell, up to the largest.
             */
            return cur.bad && before.left < OP_BYTES_MAX ? JIT_OK : err;
        }
        err = take_op(stream, &op);
        stream->left--;
        *taken = size - cur.left;
    }
    return err == JIT_OK && stream->left == 0 && stream->head_read && *taken < size ? JIT_EFORMAT
                                                                                    : err;
}

enum jit_err rmg_patch_stream_feed(struct rmg_patch_stream *stream, const uint8_t *bytes,
                                   size_t size)
{
    size_t taken = 0;
    if (stream->err != JIT_OK) {
        return stream->err;
    }
    stream->bytes += size;
    if (stream->bytes > JIT_PATCH_GENESIS_BYTES_MAX) {
        return stream->err = JIT_ELIMIT;
    }
    jit_hasher_update(&stream->hasher, bytes, size);
    jit_buf_put(&stream->rest, bytes, size);
    stream->err = stream->rest.err;
    if (stream->err == JIT_OK) {
        stream->err = take_ops(stream, stream->rest.data, stream->rest.size, &taken);
    }
    if (taken > 0) {
        memmove(stream->rest.data, stream->rest.data + taken, stream->rest.size - taken);
        stream->rest.size -= taken;
    }
    return stream->err;
}

enum jit_err rmg_patch_stream_end(struct rmg_patch_stream *stream, struct jit_id *digest)
{
    struct jit_id at;
    enum jit_err err = stream->err;
    if (err == JIT_OK && (!stream->head_read || stream->left > 0 || stream->rest.size > 0)) {
        err = JIT_EFORMAT;
    }
    if (err == JIT_OK) {
        err = rmg_collect_load(stream->collect, stream->tx, &at);
    }
    jit_hasher_final(&stream->hasher, digest);
    rmg_patch_stream_abort(stream);
    return err;
}

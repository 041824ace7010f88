#include "rmg/change/patch.h"

#include "base/check.h"
#include "base/hash.h"
#include "rmg/change/patch_priv.h"

static int bytes_compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t common = a_size < b_size ? a_size : b_size;
    int order = common == 0 ? 0 : memcmp(a, b, common);
    if (order != 0) {
        return order;
    }
    return a_size == b_size ? 0 : (a_size < b_size ? -1 : 1);
}

int rmg_op_compare(const struct rmg_op *a, const struct rmg_op *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    int order = jit_id_compare(&a->instance, &b->instance);
    if (order != 0 || a->kind == RMG_OP_DELETE_INSTANCE || a->kind == RMG_OP_UPSERT_INSTANCE) {
        return order;
    }
    bool attachment = a->kind == RMG_OP_CLEAR_ATTACHMENT || a->kind == RMG_OP_SET_ATTACHMENT;
    if (attachment && a->plane != b->plane) {
        return a->plane < b->plane ? -1 : 1;
    }
    order = jit_id_compare(&a->id, &b->id);
    if (order != 0 || !attachment) {
        return order;
    }
    return bytes_compare(a->attachment.name, a->attachment.name_size, b->attachment.name,
                         b->attachment.name_size);
}

static size_t parent_size(const struct rmg_parent *parent)
{
    return parent->present ? 2 + 2 * JIT_ID_BYTES + 8 + (size_t)parent->name_size : 1;
}

size_t rmg_op_size(const struct rmg_op *op)
{
    size_t size = 1 + JIT_ID_BYTES + 4 + (size_t)op->origin_count * PATCH_ORIGIN_BYTES +
                  JIT_ID_BYTES; /* kind, instance, origins, prior */
    switch (op->kind) {
    case RMG_OP_DELETE_INSTANCE:
        return size;
    case RMG_OP_UPSERT_INSTANCE:
        return size + JIT_ID_BYTES + parent_size(op->parent);
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_DELETE_NODE:
        return size + JIT_ID_BYTES;
    case RMG_OP_UPSERT_NODE:
        return size + 2 * JIT_ID_BYTES;
    case RMG_OP_UPSERT_EDGE:
        return size + 4 * JIT_ID_BYTES;
    case RMG_OP_CLEAR_ATTACHMENT:
        return size + 1 + JIT_ID_BYTES + 8 + op->attachment.name_size;
    case RMG_OP_SET_ATTACHMENT:
        break;
    }
    size += 1 + JIT_ID_BYTES + 8 + op->attachment.name_size + 1 + JIT_ID_BYTES;
    return op->attachment.value.kind == RMG_VALUE_ATOM ? size + 8 + op->attachment.value.size
                                                       : size;
}

static uint8_t *put_id(uint8_t *at, const struct jit_id *id)
{
    memcpy(at, id->bytes, JIT_ID_BYTES);
    return at + JIT_ID_BYTES;
}

static uint8_t *put_sized(uint8_t *at, const void *bytes, size_t size)
{
    jit_put_le64(at, size);
    if (size > 0) {
        memcpy(at + 8, bytes, size);
    }
    return at + 8 + size;
}

static uint8_t *put_parent(uint8_t *at, const struct rmg_parent *parent)
{
    *at++ = parent->present ? 1 : 0;
    if (!parent->present) {
        return at;
    }
    *at++ = (uint8_t)parent->plane;
    at = put_id(at, &parent->instance);
    at = put_id(at, &parent->owner);
    return put_sized(at, parent->name, parent->name_size);
}

static uint8_t *put_attachment(uint8_t *at, const struct rmg_op *op)
{
    const struct rmg_value *value = &op->attachment.value;
    *at++ = (uint8_t)op->plane;
    at = put_id(at, &op->id);
    at = put_sized(at, op->attachment.name, op->attachment.name_size);
    if (op->kind == RMG_OP_CLEAR_ATTACHMENT) {
        return at;
    }
    *at++ = (uint8_t)value->kind;
    at = put_id(at, &value->type);
    return value->kind == RMG_VALUE_ATOM ? put_sized(at, value->bytes, value->size) : at;
}

static uint8_t *put_origins(uint8_t *at, const struct rmg_op *op)
{
    jit_put_le32(at, op->origin_count);
    at += 4;
    for (uint32_t i = 0; i < op->origin_count; i++, at += PATCH_ORIGIN_BYTES) {
        jit_put_le32(at, op->origins[i].request);
        jit_put_le32(at + 4, op->origins[i].operation);
    }
    return at;
}

void rmg_op_encode(const struct rmg_op *op, struct jit_buf *buf)
{
    assert(op->origin_count >= 1);
    size_t size = rmg_op_size(op);
    uint8_t *begin = jit_buf_extend(buf, size);
    if (begin == NULL) {
        return;
    }
    uint8_t *at = begin;
    *at++ = (uint8_t)op->kind;
    at = put_id(at, &op->instance);
    switch (op->kind) {
    case RMG_OP_DELETE_INSTANCE:
        break;
    case RMG_OP_UPSERT_INSTANCE:
        at = put_parent(put_id(at, &op->from), op->parent);
        break;
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_DELETE_NODE:
        at = put_id(at, &op->id);
        break;
    case RMG_OP_UPSERT_NODE:
        at = put_id(put_id(at, &op->id), &op->type);
        break;
    case RMG_OP_UPSERT_EDGE:
        at = put_id(put_id(at, &op->id), &op->from);
        at = put_id(put_id(at, &op->to), &op->type);
        break;
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_SET_ATTACHMENT:
        at = put_attachment(at, op);
        break;
    }
    at = put_id(put_origins(at, op), &op->prior);
    assert(at == begin + size);
}

enum jit_err rmg_op_value(const struct rmg_op *op, struct jit_id *out)
{
    memset(out, 0, sizeof *out);
    switch (op->kind) {
    case RMG_OP_UPSERT_INSTANCE:
        rmg_value_of_instance(&op->from, op->parent, out);
        break;
    case RMG_OP_UPSERT_NODE:
        rmg_value_of_node(&op->type, out);
        break;
    case RMG_OP_UPSERT_EDGE: {
        struct rmg_edge edge = {.id = op->id, .from = op->from, .to = op->to, .type = op->type};
        rmg_value_of_edge(&edge, out);
        break;
    }
    case RMG_OP_SET_ATTACHMENT:
        return rmg_value_of_attachment(op->plane, &op->attachment, out);
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_DELETE_NODE:
    case RMG_OP_DELETE_INSTANCE:
        break;
    }
    return JIT_OK;
}

void rmg_patch_digest(const uint8_t *bytes, size_t size, struct jit_id *out)
{
    struct jit_hasher hasher;
    uint8_t version[2];
    jit_put_le16(version, PATCH_VERSION);
    jit_hasher_init_key(&hasher, JIT_K_PATCH);
    jit_hasher_update(&hasher, version, sizeof version);
    jit_hasher_update(&hasher, bytes, size);
    jit_hasher_final(&hasher, out);
}

void rmg_commit_id(const struct rmg_commit *commit, struct jit_id *out)
{
    struct jit_hasher hasher;
    uint8_t head[4 + 8];
    uint8_t tail[3 * JIT_ID_BYTES + 12];
    memcpy(head, "JIT\3", 4);
    jit_put_le64(head + 4, commit->parent_count);
    uint8_t *at = put_id(put_id(tail, &commit->state_root), &commit->patch_digest);
    jit_put_le32(at, commit->policy);
    jit_put_le64(at + 4, commit->tick);
    put_id(at + 12, &commit->receipts_digest);
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, head, sizeof head);
    for (uint64_t i = 0; i < commit->parent_count; i++) {
        assert(i == 0 || jit_id_compare(&commit->parents[i - 1], &commit->parents[i]) < 0);
        jit_hasher_update(&hasher, commit->parents[i].bytes, JIT_ID_BYTES);
    }
    jit_hasher_update(&hasher, tail, sizeof tail);
    jit_hasher_final(&hasher, out);
}

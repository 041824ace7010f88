#include "base/check.h"
#include "rmg/store/codec.h"
#include "rmg/change/patch_priv.h"

/* Kinds are numbered so that an operation and the one it may not meet in one patch add up to this:
 * clear 1 and set 8, delete edge 2 and upsert edge 7, and so on. */
#define COMPANION_SUM 9

static enum jit_err decode_name(struct jit_cursor *cur, const char **name, uint32_t *name_size)
{
    uint64_t size = jit_get_u64(cur);
    if (cur->bad || size > JIT_NAME_BYTES_MAX) {
        return JIT_EFORMAT;
    }
    const uint8_t *bytes = jit_get_bytes(cur, size);
    if (bytes == NULL || !rmg_utf8_valid(bytes, (size_t)size)) {
        return JIT_EFORMAT;
    }
    *name = (const char *)bytes;
    *name_size = (uint32_t)size;
    return JIT_OK;
}

static enum jit_err decode_plane(struct jit_cursor *cur, enum rmg_plane *out)
{
    uint8_t plane = jit_get_u8(cur);
    if (plane != RMG_PLANE_ALPHA && plane != RMG_PLANE_BETA) {
        return JIT_EFORMAT;
    }
    *out = (enum rmg_plane)plane;
    return JIT_OK;
}

static enum jit_err decode_parent(struct jit_cursor *cur, struct rmg_parent *out)
{
    const char *name = NULL;
    uint8_t present = jit_get_u8(cur);
    memset(out, 0, sizeof *out);
    if (cur->bad || present > 1) {
        return JIT_EFORMAT;
    }
    if (present == 0) {
        return JIT_OK;
    }
    out->present = true;
    if (decode_plane(cur, &out->plane) != JIT_OK) {
        return JIT_EFORMAT;
    }
    jit_get_id(cur, &out->instance);
    jit_get_id(cur, &out->owner);
    if (decode_name(cur, &name, &out->name_size) != JIT_OK || jit_id_is_zero(&out->instance)) {
        return JIT_EFORMAT;
    }
    memcpy(out->name, name, out->name_size);
    return JIT_OK;
}

static enum jit_err decode_attachment(struct jit_cursor *cur, struct rmg_op *op)
{
    struct rmg_value *value = &op->attachment.value;
    if (decode_plane(cur, &op->plane) != JIT_OK) {
        return JIT_EFORMAT;
    }
    jit_get_id(cur, &op->id);
    if (decode_name(cur, &op->attachment.name, &op->attachment.name_size) != JIT_OK) {
        return JIT_EFORMAT;
    }
    if (op->kind == RMG_OP_CLEAR_ATTACHMENT) {
        return JIT_OK;
    }
    uint8_t kind = jit_get_u8(cur);
    jit_get_id(cur, &value->type);
    if (cur->bad || (kind != RMG_VALUE_ATOM && kind != RMG_VALUE_PORTAL) ||
        jit_id_is_zero(&value->type)) {
        return JIT_EFORMAT;
    }
    value->kind = (enum rmg_value_kind)kind;
    if (kind == RMG_VALUE_ATOM) {
        uint64_t size = jit_get_u64(cur);
        if (cur->bad || size > JIT_ATOM_BYTES_MAX) {
            return JIT_EFORMAT;
        }
        value->bytes = jit_get_bytes(cur, size);
        value->size = (uint32_t)size;
    }
    return cur->bad ? JIT_EFORMAT : JIT_OK;
}

struct rmg_origin patch_origin_at(const uint8_t *origins, uint32_t index)
{
    const uint8_t *at = origins + (size_t)index * PATCH_ORIGIN_BYTES;
    return (struct rmg_origin){.request = jit_le32(at), .operation = jit_le32(at + 4)};
}

static enum jit_err decode_origins(struct jit_cursor *cur, struct patch_raw *out)
{
    uint64_t last = 0;
    out->op.origin_count = jit_get_u32(cur);
    out->origins = jit_get_bytes(cur, (uint64_t)out->op.origin_count * PATCH_ORIGIN_BYTES);
    if (cur->bad || out->op.origin_count == 0) {
        return JIT_EFORMAT;
    }
    for (uint32_t i = 0; i < out->op.origin_count; i++) {
        struct rmg_origin origin = patch_origin_at(out->origins, i);
        uint64_t key = (uint64_t)origin.request << 32 | origin.operation;
        if (i > 0 && key <= last) {
            return JIT_EFORMAT;
        }
        last = key;
    }
    return JIT_OK;
}

static enum jit_err decode_body(struct jit_cursor *cur, struct rmg_parent *parent_space,
                                struct rmg_op *op)
{
    switch (op->kind) {
    case RMG_OP_DELETE_INSTANCE:
        return JIT_OK;
    case RMG_OP_UPSERT_INSTANCE:
        jit_get_id(cur, &op->from);
        op->parent = parent_space;
        return decode_parent(cur, parent_space);
    case RMG_OP_DELETE_EDGE:
    case RMG_OP_DELETE_NODE:
        jit_get_id(cur, &op->id);
        return JIT_OK;
    case RMG_OP_UPSERT_NODE:
        jit_get_id(cur, &op->id);
        jit_get_id(cur, &op->type);
        return jit_id_is_zero(&op->type) ? JIT_EFORMAT : JIT_OK;
    case RMG_OP_UPSERT_EDGE:
        jit_get_id(cur, &op->id);
        jit_get_id(cur, &op->from);
        jit_get_id(cur, &op->to);
        jit_get_id(cur, &op->type);
        return jit_id_is_zero(&op->type) ? JIT_EFORMAT : JIT_OK;
    case RMG_OP_CLEAR_ATTACHMENT:
    case RMG_OP_SET_ATTACHMENT:
        return decode_attachment(cur, op);
    }
    return JIT_EFORMAT;
}

enum jit_err patch_raw_decode(struct jit_cursor *cur, struct rmg_parent *parent_space,
                              struct patch_raw *out)
{
    memset(out, 0, sizeof *out);
    uint8_t kind = jit_get_u8(cur);
    jit_get_id(cur, &out->op.instance);
    if (cur->bad || kind < RMG_OP_CLEAR_ATTACHMENT || kind > RMG_OP_SET_ATTACHMENT ||
        jit_id_is_zero(&out->op.instance)) {
        return JIT_EFORMAT;
    }
    out->op.kind = (enum rmg_op_kind)kind;
    enum jit_err err = decode_body(cur, parent_space, &out->op);
    if (err == JIT_OK) {
        err = decode_origins(cur, out);
    }
    jit_get_id(cur, &out->op.prior);
    if (err != JIT_OK || cur->bad) {
        return JIT_EFORMAT;
    }
    /* What is deleted or cleared was there. */
    return kind <= RMG_OP_DELETE_INSTANCE && jit_id_is_zero(&out->op.prior) ? JIT_EFORMAT : JIT_OK;
}

enum jit_err rmg_op_decode(struct jit_cursor *cur, struct rmg_parent *parent_space,
                           struct rmg_origin *origins, uint32_t origin_max, struct rmg_op *out)
{
    struct patch_raw raw;
    enum jit_err err = patch_raw_decode(cur, parent_space, &raw);
    if (err != JIT_OK) {
        return err;
    }
    if (raw.op.origin_count > origin_max) {
        return JIT_ELIMIT;
    }
    for (uint32_t i = 0; i < raw.op.origin_count; i++) {
        origins[i] = patch_origin_at(raw.origins, i);
    }
    *out = raw.op;
    out->origins = origins;
    return JIT_OK;
}

static enum jit_err walk_slots(struct jit_cursor *cur)
{
    struct rmg_slot slots[2];
    uint64_t count = jit_get_u64(cur);
    for (uint64_t i = 0; i < count; i++) {
        struct rmg_slot *slot = &slots[i & 1];
        if (rmg_slot_decode(cur, slot) != JIT_OK) {
            return JIT_EFORMAT;
        }
        if (i > 0 && rmg_slot_compare(&slots[(i - 1) & 1], slot) >= 0) {
            return JIT_EFORMAT;
        }
    }
    return cur->bad ? JIT_EFORMAT : JIT_OK;
}

enum jit_err patch_walk_begin(struct patch_walk *walk, const uint8_t *bytes, size_t size)
{
    memset(walk, 0, sizeof *walk);
    walk->cur = jit_cursor_of(bytes, size);
    jit_get_id(&walk->cur, &walk->base_root);
    if (walk_slots(&walk->cur) != JIT_OK || walk_slots(&walk->cur) != JIT_OK) {
        return JIT_EFORMAT;
    }
    walk->left = jit_get_u64(&walk->cur);
    return walk->cur.bad ? JIT_EFORMAT : JIT_OK;
}

/* The deletions that operations of this kind may not meet, from their beginning. */
static void companion_begin(struct patch_walk *walk, enum rmg_op_kind kind)
{
    size_t deletion = (size_t)(COMPANION_SUM - kind);
    walk->companion_of = kind;
    walk->has_companion = false;
    walk->deletions = (struct jit_cursor){0};
    if (deletion < (size_t)kind && walk->section[deletion] != NULL) {
        const uint8_t *begin = walk->section[deletion];
        walk->deletions = jit_cursor_of(begin, (size_t)(walk->section_end[deletion] - begin));
    }
}

/* Both lists ascend, so each deletion is read once. */
static bool companion_meets(struct patch_walk *walk, const struct rmg_op *op)
{
    if (walk->companion_of != op->kind) {
        companion_begin(walk, op->kind);
    }
    for (;;) {
        if (walk->has_companion) {
            struct rmg_op as_kind = walk->companion.op;
            as_kind.kind = op->kind;
            int order = rmg_op_compare(&as_kind, op);
            if (order >= 0) {
                return order == 0;
            }
        }
        if (walk->deletions.left == 0) {
            return false;
        }
        enum jit_err err = patch_raw_decode(&walk->deletions, &walk->parents[2], &walk->companion);
        assert(err == JIT_OK); /* these bytes were read before */
        walk->has_companion = true;
    }
}

enum jit_err patch_walk_next(struct patch_walk *walk, struct patch_raw **out)
{
    struct patch_raw raw;
    if (walk->left == 0) {
        return jit_cursor_done(&walk->cur) ? JIT_ENOENT : JIT_EFORMAT;
    }
    const uint8_t *begin = walk->cur.at;
    if (patch_raw_decode(&walk->cur, &walk->parents[0], &raw) != JIT_OK) {
        return JIT_EFORMAT;
    }
    if (walk->has_previous && rmg_op_compare(&walk->previous.op, &raw.op) >= 0) {
        return JIT_EFORMAT;
    }
    if (walk->section[raw.op.kind] == NULL) {
        walk->section[raw.op.kind] = begin;
    }
    walk->section_end[raw.op.kind] = walk->cur.at;
    if (companion_meets(walk, &raw.op)) {
        return JIT_EFORMAT;
    }
    walk->left--;
    walk->previous = raw;
    walk->has_previous = true;
    if (raw.op.parent != NULL) {
        walk->parents[1] = walk->parents[0];
        walk->previous.op.parent = &walk->parents[1];
    }
    *out = &walk->previous;
    return JIT_OK;
}

enum jit_err rmg_patch_each(struct jit_heap *heap, const uint8_t *bytes, size_t size,
                            struct jit_id *base_root,
                            bool (*visit)(void *user, const struct rmg_op *op), void *user)
{
    struct patch_walk walk;
    struct patch_raw *raw = NULL;
    struct rmg_origin *origins = NULL;
    size_t capacity = 0;
    enum jit_err err = patch_walk_begin(&walk, bytes, size);

    if (err == JIT_OK) {
        *base_root = walk.base_root;
    }
    while (err == JIT_OK && (err = patch_walk_next(&walk, &raw)) == JIT_OK) {
        if (jit_heap_grow(heap, (void **)&origins, &capacity, raw->op.origin_count,
                          sizeof *origins) != 0) {
            err = JIT_ENOMEM;
            break;
        }
        for (uint32_t i = 0; i < raw->op.origin_count; i++) {
            origins[i] = patch_origin_at(raw->origins, i);
        }
        struct rmg_op op = raw->op;
        op.origins = origins;
        if (!visit(user, &op)) {
            break;
        }
    }
    heap->free(heap, origins);
    return err == JIT_ENOENT ? JIT_OK : err;
}

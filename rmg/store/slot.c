#include "rmg/store/slot.h"

#include "base/check.h"
#include "rmg/store/codec.h"

#define SLOT_HEAD_BYTES (1u + 2u * JIT_ID_BYTES) /* kind, instance, id */

static int name_compare(const struct rmg_slot *a, const struct rmg_slot *b)
{
    /* The length comes first, and up to 255 its lowest byte, the first one, decides. */
    if (a->name_size != b->name_size) {
        return a->name_size < b->name_size ? -1 : 1;
    }
    return a->name_size == 0 ? 0 : memcmp(a->name, b->name, a->name_size);
}

int rmg_slot_compare(const struct rmg_slot *a, const struct rmg_slot *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    int order = jit_id_compare(&a->instance, &b->instance);
    if (order == 0) {
        order = jit_id_compare(&a->id, &b->id);
    }
    if (order != 0) {
        return order;
    }
    switch (a->kind) {
    case RMG_SLOT_ALPHA:
    case RMG_SLOT_BETA:
    case RMG_SLOT_VALUES:
        return name_compare(a, b);
    case RMG_SLOT_INCIDENCE:
        if (a->direction != b->direction) {
            return a->direction < b->direction ? -1 : 1;
        }
        return jit_id_compare(&a->type, &b->type);
    case RMG_SLOT_NODE:
    case RMG_SLOT_EDGE:
    case RMG_SLOT_EXTENT:
        break;
    }
    return 0;
}

size_t rmg_slot_size(const struct rmg_slot *slot)
{
    switch (slot->kind) {
    case RMG_SLOT_ALPHA:
    case RMG_SLOT_BETA:
    case RMG_SLOT_VALUES:
        return SLOT_HEAD_BYTES + 8 + slot->name_size;
    case RMG_SLOT_INCIDENCE:
        return SLOT_HEAD_BYTES + 1 + JIT_ID_BYTES;
    case RMG_SLOT_NODE:
    case RMG_SLOT_EDGE:
    case RMG_SLOT_EXTENT:
        break;
    }
    return SLOT_HEAD_BYTES;
}

void rmg_slot_encode(const struct rmg_slot *slot, struct jit_buf *buf)
{
    assert(slot->kind >= RMG_SLOT_NODE);
    assert(slot->kind <= RMG_SLOT_VALUES);
    assert(slot->name_size <= JIT_NAME_BYTES_MAX);
    uint8_t *at = jit_buf_extend(buf, rmg_slot_size(slot));
    if (at == NULL) {
        return;
    }
    *at++ = (uint8_t)slot->kind;
    memcpy(at, slot->instance.bytes, JIT_ID_BYTES);
    memcpy(at + JIT_ID_BYTES, slot->id.bytes, JIT_ID_BYTES);
    at += 2 * JIT_ID_BYTES;
    if (rmg_slot_is_named(slot->kind)) {
        jit_put_le64(at, slot->name_size);
        if (slot->name_size > 0) {
            memcpy(at + 8, slot->name, slot->name_size);
        }
    } else if (slot->kind == RMG_SLOT_INCIDENCE) {
        *at = (uint8_t)slot->direction;
        memcpy(at + 1, slot->type.bytes, JIT_ID_BYTES);
    }
}

static enum jit_err decode_name(struct jit_cursor *cur, struct rmg_slot *out)
{
    uint64_t size = jit_get_u64(cur);
    if (cur->bad || size > JIT_NAME_BYTES_MAX) {
        return JIT_EFORMAT;
    }
    const uint8_t *name = jit_get_bytes(cur, size);
    if (name == NULL || !rmg_utf8_valid(name, (size_t)size)) {
        return JIT_EFORMAT;
    }
    out->name = (const char *)name;
    out->name_size = (uint32_t)size;
    return JIT_OK;
}

enum jit_err rmg_slot_decode(struct jit_cursor *cur, struct rmg_slot *out)
{
    memset(out, 0, sizeof *out);
    uint8_t kind = jit_get_u8(cur);
    jit_get_id(cur, &out->instance);
    jit_get_id(cur, &out->id);
    if (cur->bad || kind < RMG_SLOT_NODE || kind > RMG_SLOT_VALUES ||
        jit_id_is_zero(&out->instance)) {
        return JIT_EFORMAT;
    }
    out->kind = (enum rmg_slot_kind)kind;
    bool of_type = kind == RMG_SLOT_EXTENT || kind == RMG_SLOT_VALUES;
    if (of_type && jit_id_is_zero(&out->id)) {
        return JIT_EFORMAT;
    }
    if (rmg_slot_is_named(out->kind)) {
        return decode_name(cur, out);
    }
    if (kind == RMG_SLOT_INCIDENCE) {
        uint8_t direction = jit_get_u8(cur);
        jit_get_id(cur, &out->type);
        if (cur->bad || (direction != RMG_DIR_OUT && direction != RMG_DIR_IN)) {
            return JIT_EFORMAT;
        }
        out->direction = (enum rmg_direction)direction;
    }
    return JIT_OK;
}

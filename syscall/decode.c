#include "syscall/decode.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "syscall/attenuate.h"

static_assert(sizeof(struct jit_id) == JIT_ID_BYTES && _Alignof(struct jit_id) == 1,
              "ids are used where they lie");

enum jit_err sys_decode_apply(const uint8_t *bytes, size_t size, struct sys_apply_view *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    struct sys_apply_view view = {0};
    *out = view;
    view.cap_slot = jit_get_u32(&cur);
    view.cap_generation = jit_get_u32(&cur);
    view.rule = jit_get_u32(&cur);
    view.instance = jit_get_u32(&cur);
    view.nonce = jit_get_u64(&cur);
    view.id_count = jit_get_u16(&cur);
    view.flags = jit_get_u16(&cur);
    view.params_size = jit_get_u32(&cur);
    if (cur.bad || view.id_count == 0 || view.id_count > JIT_PATTERN_ELEMENTS_MAX ||
        (view.flags & ~SYS_WANT_RECEIPT) != 0 || view.params_size > JIT_PARAMS_BYTES_MAX) {
        return JIT_EPEER;
    }
    view.ids =
        (const struct jit_id *)(const void *)jit_get_bytes(&cur, view.id_count * JIT_ID_BYTES);
    view.params = jit_get_bytes(&cur, view.params_size);
    if (!jit_cursor_done(&cur)) {
        return JIT_EPEER;
    }
    *out = view;
    return JIT_OK;
}

size_t sys_apply_size(uint32_t id_count, uint32_t params_size)
{
    return sizeof(struct sys_apply) + (size_t)id_count * JIT_ID_BYTES + params_size;
}

void sys_apply_encode(const struct sys_apply_view *apply, uint8_t *out)
{
    const struct sys_apply head = {.cap_slot = apply->cap_slot,
                                   .cap_generation = apply->cap_generation,
                                   .rule = apply->rule,
                                   .instance = apply->instance,
                                   .nonce = apply->nonce,
                                   .id_count = (uint16_t)apply->id_count,
                                   .flags = (uint16_t)apply->flags,
                                   .params_size = apply->params_size};
    assert(apply->id_count > 0 && apply->id_count <= JIT_PATTERN_ELEMENTS_MAX);
    memcpy(out, &head, sizeof head);
    out += sizeof head;
    memcpy(out, apply->ids, (size_t)apply->id_count * JIT_ID_BYTES);
    out += (size_t)apply->id_count * JIT_ID_BYTES;
    if (apply->params_size > 0) {
        memcpy(out, apply->params, apply->params_size);
    }
}

static enum jit_err decode_apply(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    return sys_decode_apply(bytes, size, &out->body.apply);
}

static enum jit_err decode_collapse(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    struct sys_collapse_view *view = &out->body.collapse;
    const uint8_t *head = jit_get_bytes(&cur, sizeof view->head);
    if (head == NULL) {
        return JIT_EPEER;
    }
    memcpy(&view->head, head, sizeof view->head);
    if ((view->head.flags & ~SYS_WANT_RECEIPT) != 0 || view->head.cap_count >= JIT_COLLAPSE_CAPS) {
        return JIT_EPEER;
    }
    view->caps = jit_get_bytes(&cur, view->head.cap_count * 8u);
    view->bytes = cur.at;
    view->size = cur.left;
    return cur.bad ? JIT_EPEER : JIT_OK;
}

void sys_collapse_cap(const uint8_t *caps, uint32_t i, uint32_t *slot, uint32_t *generation)
{
    *slot = jit_le32(caps + (size_t)i * 8);
    *generation = jit_le32(caps + (size_t)i * 8 + 4);
}

static enum jit_err decode_derive(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    struct sys_derive_view *view = &out->body.derive;
    const uint8_t *head = jit_get_bytes(&cur, sizeof view->head);
    if (head == NULL) {
        return JIT_EPEER;
    }
    memcpy(&view->head, head, sizeof view->head);
    view->attenuators = jit_get_bytes(&cur, view->head.attenuators_size);
    return jit_cursor_done(&cur) && view->head.attenuators_size <= SYS_ATTENUATORS_BYTES_MAX &&
                   (view->head.flags & ~(SYS_WANT_RECEIPT | SYS_MOVE)) == 0
               ? JIT_OK
               : JIT_EPEER;
}

static enum jit_err decode_grant(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    return decode_derive(bytes, size, out);
}

static enum jit_err decode_revoke(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    struct sys_revoke *revoke = &out->body.revoke;
    if (size != sizeof *revoke) {
        return JIT_EPEER;
    }
    memcpy(revoke, bytes, sizeof *revoke);
    return (revoke->flags & ~(SYS_WANT_RECEIPT | SYS_ONLY_CHILDREN)) == 0 && revoke->zero == 0
               ? JIT_OK
               : JIT_EPEER;
}

static enum jit_err decode_inspect(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    if (size != sizeof out->body.inspect) {
        return JIT_EPEER;
    }
    memcpy(&out->body.inspect, bytes, size);
    return JIT_OK;
}

static enum jit_err decode_own(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    jit_get_id(&cur, &out->body.own.root);
    out->body.own.patch_size = cur.left;
    out->body.own.patch = jit_get_bytes(&cur, cur.left);
    return jit_cursor_done(&cur) && out->body.own.patch_size > 0 ? JIT_OK : JIT_EPEER;
}

enum jit_err sys_decode_owner(const uint8_t *bytes, size_t size, struct sys_owner *out)
{
    if (size != sizeof *out) {
        return JIT_EPEER;
    }
    memcpy(out, bytes, size);
    return out->zero == 0 && out->object <= SYS_OWNER_RULE ? JIT_OK : JIT_EPEER;
}

static enum jit_err decode_exit(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    out->body.exit_status = (int32_t)jit_get_u32(&cur);
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EPEER;
}

static enum jit_err decode_grow(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    out->body.grow_bytes = jit_get_u64(&cur);
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EPEER;
}

static enum jit_err decode_clock(const uint8_t *bytes, size_t size, struct sys_request *out)
{
    (void)bytes;
    (void)out;
    return size == 0 ? JIT_OK : JIT_EPEER;
}

#define DECODE_0(name) NULL
#define DECODE_1(name) decode_##name
const struct sys_call_row sys_call_rows[] = {
#define SYSCALL(number, name, rights, state, built)                                                \
    {(number), #name, (rights), (state), DECODE_##built(name)},
#include "syscall/syscalls.def"
#undef SYSCALL
};
const size_t sys_call_row_count = sizeof sys_call_rows / sizeof sys_call_rows[0];

const struct sys_call_row *sys_call_find(uint32_t number)
{
    for (size_t i = 0; i < sys_call_row_count; i++) {
        if (sys_call_rows[i].number == number) {
            return &sys_call_rows[i];
        }
    }
    return NULL;
}

enum jit_err sys_decode(const struct sys_slot *slot, const uint8_t *bytes, size_t size,
                        struct sys_request *out)
{
    *out = (struct sys_request){.row = sys_call_find(slot->kind), .cookie = slot->cookie};
    if (out->row == NULL || size != slot->length) {
        return JIT_EPEER;
    }
    return out->row->decode == NULL ? JIT_OK : out->row->decode(bytes, size, out);
}

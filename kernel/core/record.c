#include "kernel/core/record.h"

#include "base/check.h"

#define RECORD_VERSION 1u
#define EVENT_BYTES    40u
#define RECEIPT_BYTES  72u

static void encode_request(const struct rmg_request *request, struct jit_buf *buf)
{
    jit_buf_put_id(buf, &request->process);
    jit_buf_put_id(buf, &request->rule_id);
    jit_buf_put_id(buf, &request->instance);
    jit_buf_put_u32(buf, request->cap_slot);
    jit_buf_put_u64(buf, request->nonce);
    jit_buf_put_u32(buf, request->id_count);
    jit_buf_put(buf, request->ids, (size_t)request->id_count * JIT_ID_BYTES);
    jit_buf_put_u32(buf, request->params_size);
    jit_buf_put(buf, request->params, request->params_size);
}

void kern_record_encode(const struct kern_record *record, struct jit_buf *buf)
{
    jit_buf_put_u32(buf, RECORD_VERSION);
    jit_buf_put_u32(buf, record->flags);
    jit_buf_put_u64(buf, record->event_count);
    for (uint32_t i = 0; i < record->event_count; i++) {
        jit_buf_put_u32(buf, (uint32_t)record->events[i].kind);
        jit_buf_put_u32(buf, (uint32_t)record->events[i].status);
        jit_buf_put_id(buf, &record->events[i].process);
    }
    jit_buf_put_u64(buf, record->request_count);
    size_t size_at = buf->size;
    jit_buf_put_u64(buf, 0);
    for (uint32_t i = 0; i < record->request_count; i++) {
        encode_request(&record->requests[i], buf);
    }
    if (buf->err == JIT_OK) {
        jit_buf_patch_u64(buf, size_at, buf->size - size_at - 8);
    }
    rmg_receipts_encode(record->receipts, record->request_count, buf);
    if ((record->flags & KERN_RECORD_GENESIS) != 0) {
        jit_buf_put_id(buf, &record->blob);
        jit_buf_put_u64(buf, record->blob_size);
    } else {
        if ((record->flags & KERN_RECORD_EDIT) != 0) {
            jit_buf_put_id(buf, &record->other);
        }
        jit_buf_put_u64(buf, record->patch_size);
        jit_buf_put(buf, record->patch, record->patch_size);
    }
}

enum jit_err kern_record_decode(const uint8_t *bytes, size_t size, struct kern_record_view *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    *out = (struct kern_record_view){0};
    if (jit_get_u32(&cur) != RECORD_VERSION) {
        return cur.bad ? JIT_EFORMAT : JIT_EVERSION;
    }
    out->flags = jit_get_u32(&cur);
    out->event_count = jit_get_u64(&cur);
    if (out->event_count > cur.left / EVENT_BYTES) {
        return JIT_EFORMAT;
    }
    out->events = jit_get_bytes(&cur, out->event_count * EVENT_BYTES);
    out->request_count = jit_get_u64(&cur);
    out->requests_size = jit_get_u64(&cur);
    out->requests = jit_get_bytes(&cur, out->requests_size);
    uint64_t receipts = jit_get_u64(&cur);
    if (cur.bad || receipts != out->request_count || receipts > cur.left / RECEIPT_BYTES) {
        return JIT_EFORMAT;
    }
    out->receipts = jit_get_bytes(&cur, receipts * RECEIPT_BYTES);
    if (out->flags == KERN_RECORD_GENESIS) {
        jit_get_id(&cur, &out->blob);
        out->blob_size = jit_get_u64(&cur);
    } else if (out->flags == 0 || out->flags == KERN_RECORD_EDIT) {
        if (out->flags == KERN_RECORD_EDIT) {
            jit_get_id(&cur, &out->other);
            if (out->event_count > 0 || out->request_count > 0) {
                return JIT_EFORMAT;
            }
        }
        out->patch_size = jit_get_u64(&cur);
        out->patch = jit_get_bytes(&cur, out->patch_size);
    } else {
        return JIT_EFORMAT;
    }
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EFORMAT;
}

enum jit_err kern_record_next_request(struct jit_cursor *cur, struct kern_record_request *out)
{
    if (cur->left == 0 && !cur->bad) {
        return JIT_ENOENT;
    }
    jit_get_id(cur, &out->process);
    jit_get_id(cur, &out->rule_id);
    jit_get_id(cur, &out->instance);
    out->cap_slot = jit_get_u32(cur);
    out->nonce = jit_get_u64(cur);
    out->id_count = jit_get_u32(cur);
    /* struct jit_id is bytes only, so any address serves. */
    static_assert(_Alignof(struct jit_id) == 1, "ids may lie anywhere");
    out->ids = (const struct jit_id *)(const void *)jit_get_bytes(cur, (uint64_t)out->id_count *
                                                                           JIT_ID_BYTES);
    out->params_size = jit_get_u32(cur);
    out->params = jit_get_bytes(cur, out->params_size);
    return cur->bad ? JIT_EFORMAT : JIT_OK;
}

enum jit_err kern_record_receipt(const struct kern_record_view *view, uint64_t index,
                                 struct rmg_receipt *out)
{
    assert(index < view->request_count);
    struct jit_cursor cur = jit_cursor_of(view->receipts + index * RECEIPT_BYTES, RECEIPT_BYTES);
    jit_get_id(&cur, &out->request_key);
    jit_get_id(&cur, &out->process);
    out->result = jit_get_u16(&cur);
    uint16_t zero = jit_get_u16(&cur);
    out->blocker = jit_get_u32(&cur);
    return zero == 0 && out->result < RMG_RESULT_COUNT && jit_cursor_done(&cur) ? JIT_OK
                                                                                : JIT_EFORMAT;
}

enum jit_err kern_record_event_at(const struct kern_record_view *view, uint64_t index,
                                  struct kern_record_event *out)
{
    assert(index < view->event_count);
    const uint8_t *at = view->events + index * EVENT_BYTES;
    uint32_t kind = jit_le32(at);
    out->status = (int32_t)jit_le32(at + 4);
    memcpy(out->process.bytes, at + 8, JIT_ID_BYTES);
    if (kind < KERN_HAPPENED_EXIT || kind > KERN_HAPPENED_HUNG) {
        return JIT_EFORMAT;
    }
    out->kind = (enum kern_record_event_kind)kind;
    return JIT_OK;
}

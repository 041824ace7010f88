#include "rmg/engine/request.h"

#include "base/check.h"
#include "base/le.h"

#define WAITING_VERSION 1u
#define WAITING_DELAYED 2u                                      /* one is delayed */
#define ASKED_BYTES     (3u * JIT_ID_BYTES + 4u + 8u + 4u + 4u) /* without ids and parameters */

void rmg_asked_encode(const struct rmg_request *request, struct jit_buf *buf)
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

size_t rmg_asked_size(const struct rmg_request *request)
{
    return ASKED_BYTES + (size_t)request->id_count * JIT_ID_BYTES + request->params_size;
}

enum jit_err rmg_asked_next(struct jit_cursor *cur, struct rmg_asked *out)
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

void rmg_waiting_begin(struct jit_buf *buf)
{
    jit_buf_put_u32(buf, WAITING_VERSION);
}

void rmg_waiting_add(const struct rmg_request *request, struct jit_buf *buf)
{
    assert(request->retries < JIT_RETRY_MAX);
    jit_buf_put_u32(buf, request->retries + 1);
    jit_buf_put_u32(buf, request->cap_generation);
    rmg_asked_encode(request, buf);
}

size_t rmg_waiting_size(const struct rmg_request *request)
{
    return 8u + rmg_asked_size(request);
}

void rmg_waiting_has_delayed(struct jit_buf *buf)
{
    if (buf->err == JIT_OK) {
        assert(buf->size >= 4);
        jit_put_le32(buf->data, WAITING_DELAYED);
    }
}

void rmg_waiting_delay(const struct rmg_request *request, const struct jit_id *request_key,
                       uint64_t due, struct jit_buf *buf)
{
    jit_buf_put_u32(buf, 0);
    jit_buf_put_u64(buf, due);
    jit_buf_put_id(buf, request_key);
    jit_buf_put_u32(buf, request->cap_generation);
    rmg_asked_encode(request, buf);
    rmg_waiting_has_delayed(buf);
}

size_t rmg_waiting_delay_size(const struct rmg_request *request)
{
    return 8u + 8u + JIT_ID_BYTES + rmg_asked_size(request);
}

enum jit_err rmg_waiting_open(const uint8_t *bytes, size_t size, struct rmg_waiting_list *out)
{
    out->cur = jit_cursor_of(bytes, size);
    uint32_t version = jit_get_u32(&out->cur);
    if (out->cur.bad || out->cur.left == 0) {
        return JIT_EFORMAT; /* an empty list is no attachment at all */
    }
    out->delayed = version == WAITING_DELAYED;
    return out->delayed || version == WAITING_VERSION ? JIT_OK : JIT_EVERSION;
}

enum jit_err rmg_waiting_next(struct rmg_waiting_list *list, struct rmg_waiting *out)
{
    struct jit_cursor *cur = &list->cur;
    if (cur->left == 0 && !cur->bad) {
        return JIT_ENOENT;
    }
    *out = (struct rmg_waiting){.retries = jit_get_u32(cur)};
    if (out->retries == 0 && list->delayed) {
        out->due = jit_get_u64(cur);
        jit_get_id(cur, &out->request_key);
    }
    out->cap_generation = jit_get_u32(cur);
    if (cur->bad || out->retries > JIT_RETRY_MAX || (out->retries == 0 && out->due == 0)) {
        return JIT_EFORMAT;
    }
    enum jit_err err = rmg_asked_next(cur, &out->asked);
    return err == JIT_ENOENT ? JIT_EFORMAT : err;
}

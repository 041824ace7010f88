#include "rmg/engine/request.h"

#include "base/check.h"

#define WAITING_VERSION 1u
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

enum jit_err rmg_waiting_open(const uint8_t *bytes, size_t size, struct jit_cursor *out)
{
    *out = jit_cursor_of(bytes, size);
    uint32_t version = jit_get_u32(out);
    if (out->bad || out->left == 0) {
        return JIT_EFORMAT; /* an empty list is no attachment at all */
    }
    return version == WAITING_VERSION ? JIT_OK : JIT_EVERSION;
}

enum jit_err rmg_waiting_next(struct jit_cursor *cur, struct rmg_waiting *out)
{
    if (cur->left == 0 && !cur->bad) {
        return JIT_ENOENT;
    }
    out->retries = jit_get_u32(cur);
    out->cap_generation = jit_get_u32(cur);
    if (cur->bad || out->retries < 1 || out->retries > JIT_RETRY_MAX) {
        return JIT_EFORMAT;
    }
    enum jit_err err = rmg_asked_next(cur, &out->asked);
    return err == JIT_ENOENT ? JIT_EFORMAT : err;
}

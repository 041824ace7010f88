#include "base/buf.h"

#include <string.h>

#include "base/check.h"
#include "base/le.h"

void jit_buf_init(struct jit_buf *buf, struct jit_heap *heap, size_t size_max)
{
    assert(heap != NULL);
    *buf = (struct jit_buf){.heap = heap, .size_max = size_max};
}

void jit_buf_release(struct jit_buf *buf)
{
    if (buf->heap == NULL) {
        return;
    }
    buf->heap->free(buf->heap, buf->data);
    jit_buf_init(buf, buf->heap, buf->size_max);
}

void jit_buf_reset(struct jit_buf *buf)
{
    buf->size = 0;
    buf->err = JIT_OK;
}

static uint8_t *extend_more(struct jit_buf *buf, size_t size)
{
    if (buf->err != JIT_OK) {
        return NULL;
    }
    if (size > buf->size_max - buf->size) {
        buf->err = JIT_ELIMIT;
        return NULL;
    }
    void *data = buf->data;
    if (jit_heap_grow(buf->heap, &data, &buf->capacity, buf->size + size, 1) != 0) {
        buf->err = JIT_ENOMEM;
        return NULL;
    }
    buf->data = data;
    uint8_t *at = buf->data + buf->size;
    buf->size += size;
    return at;
}

/* Mostly there is room. A vector that grows by doubling may have more than may be in use. */
static inline uint8_t *extend(struct jit_buf *buf, size_t size)
{
    assert(buf->heap != NULL);
    assert(buf->size <= buf->size_max);
    const size_t room = buf->capacity < buf->size_max ? buf->capacity : buf->size_max;
    if (buf->err != JIT_OK || buf->data == NULL || size > room - buf->size) {
        return extend_more(buf, size);
    }
    uint8_t *at = buf->data + buf->size;
    buf->size += size;
    return at;
}

uint8_t *jit_buf_extend(struct jit_buf *buf, size_t size)
{
    return extend(buf, size);
}

void jit_buf_put(struct jit_buf *buf, const void *bytes, size_t size)
{
    if (size == 0) {
        return;
    }
    uint8_t *at = extend(buf, size);
    if (at != NULL) {
        memcpy(at, bytes, size);
    }
}

void jit_buf_put_buf(struct jit_buf *buf, const struct jit_buf *from)
{
    if (from->err == JIT_OK) {
        jit_buf_put(buf, from->data, from->size);
    } else if (buf->err == JIT_OK) {
        buf->err = from->err;
    }
}

void jit_buf_put_u8(struct jit_buf *buf, uint8_t value)
{
    jit_buf_put(buf, &value, 1);
}

void jit_buf_put_u16(struct jit_buf *buf, uint16_t value)
{
    uint8_t *at = extend(buf, 2);
    if (at != NULL) {
        jit_put_le16(at, value);
    }
}

void jit_buf_put_u32(struct jit_buf *buf, uint32_t value)
{
    uint8_t *at = extend(buf, 4);
    if (at != NULL) {
        jit_put_le32(at, value);
    }
}

void jit_buf_put_u64(struct jit_buf *buf, uint64_t value)
{
    uint8_t *at = extend(buf, 8);
    if (at != NULL) {
        jit_put_le64(at, value);
    }
}

void jit_buf_put_id(struct jit_buf *buf, const struct jit_id *id)
{
    jit_buf_put(buf, id->bytes, sizeof id->bytes);
}

void jit_buf_patch_u64(struct jit_buf *buf, size_t offset, uint64_t value)
{
    if (buf->err != JIT_OK) {
        return;
    }
    assert(offset <= buf->size);
    assert(buf->size - offset >= 8);
    jit_put_le64(buf->data + offset, value);
}

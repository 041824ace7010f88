/* base/buf.h - a growing byte buffer with a hard maximum and a sticky error.
 * Everything we encode is written through it, little-endian; check `err` once at the end.
 * Owns:   data belongs to the buffer; jit_buf_release() frees it.
 * Errors: err becomes JIT_ENOMEM (heap refused) or JIT_ELIMIT (size_max); later puts do nothing. */
#ifndef JIT_BASE_BUF_H
#define JIT_BASE_BUF_H

#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"
#include "base/id.h"

struct jit_buf {
    struct jit_heap *heap;
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t size_max; /* bytes that may ever be in use */
    enum jit_err err;
};

void jit_buf_init(struct jit_buf *buf, struct jit_heap *heap, size_t size_max);
void jit_buf_release(struct jit_buf *buf); /* as init left it; one of zeros is none yet */
void jit_buf_reset(struct jit_buf *buf);   /* empty, no error, memory kept */

/* Room for `size` more bytes at the end, counted as in use; NULL on error. size may be 0. */
uint8_t *jit_buf_extend(struct jit_buf *buf, size_t size);

void jit_buf_put(struct jit_buf *buf, const void *bytes, size_t size);
/* All that another one holds; where that has failed, this one has. */
void jit_buf_put_buf(struct jit_buf *buf, const struct jit_buf *from);
void jit_buf_put_u8(struct jit_buf *buf, uint8_t value);
void jit_buf_put_u16(struct jit_buf *buf, uint16_t value);
void jit_buf_put_u32(struct jit_buf *buf, uint32_t value);
void jit_buf_put_u64(struct jit_buf *buf, uint64_t value);
void jit_buf_put_id(struct jit_buf *buf, const struct jit_id *id);

/* Overwrite bytes already in use (a count known only afterwards). */
void jit_buf_patch_u64(struct jit_buf *buf, size_t offset, uint64_t value);

#endif

#include "rmg/change/receipt.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

#define RECEIPT_BYTES (2u * JIT_ID_BYTES + 8u)
/* As many receipts as are hashed at a time: enough for many-lane hashing, little on the stack. */
#define RECEIPT_RUN 128u

const char *rmg_result_text(enum rmg_result result)
{
    switch (result) {
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return text;
        RMG_RESULT_MAP(X)
#undef X
    }
    return "unknown result";
}

static void receipt_put(uint8_t *at, const struct rmg_receipt *receipt)
{
    assert(receipt->result < RMG_RESULT_COUNT);
    memcpy(at, receipt->request_key.bytes, JIT_ID_BYTES);
    memcpy(at + JIT_ID_BYTES, receipt->process.bytes, JIT_ID_BYTES);
    jit_put_le16(at + 64, receipt->result);
    jit_put_le16(at + 66, 0);
    jit_put_le32(at + 68, receipt->blocker);
}

void rmg_receipts_encode(const struct rmg_receipt *receipts, uint64_t count, struct jit_buf *buf)
{
    jit_buf_put_u64(buf, count);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *at = jit_buf_extend(buf, RECEIPT_BYTES);
        if (at == NULL) {
            return;
        }
        receipt_put(at, &receipts[i]);
    }
}

void rmg_receipts_digest(const struct rmg_receipt *receipts, uint64_t count, struct jit_id *out)
{
    uint8_t run[8 + RECEIPT_RUN * RECEIPT_BYTES];
    jit_put_le64(run, count);
    size_t size = 8;
    if (count <= RECEIPT_RUN) {
        for (uint64_t i = 0; i < count; i++, size += RECEIPT_BYTES) {
            receipt_put(run + size, &receipts[i]);
        }
        jit_hash_key(JIT_K_RECEIPTS, run, size, out);
        return;
    }
    struct jit_hasher hasher;
    jit_hasher_init_key(&hasher, JIT_K_RECEIPTS);
    for (uint64_t i = 0; i < count; i++) {
        if (size + RECEIPT_BYTES > sizeof run) {
            jit_hasher_update(&hasher, run, size);
            size = 0;
        }
        receipt_put(run + size, &receipts[i]);
        size += RECEIPT_BYTES;
    }
    jit_hasher_update(&hasher, run, size);
    jit_hasher_final(&hasher, out);
}

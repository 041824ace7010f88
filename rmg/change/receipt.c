#include "rmg/change/receipt.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"

#define RECEIPT_BYTES (2u * JIT_ID_BYTES + 8u)
/* What is hashed at a time: whole chunks of BLAKE3, as many as there are lanes at most. A piece
 * that ends within a chunk has it, and what begins the next piece, hashed block by block. */
#define PIECE_BYTES (16u * 1024u)

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
    uint8_t piece[PIECE_BYTES + RECEIPT_BYTES];
    struct jit_hasher hasher;
    size_t size = 8;
    bool whole = true; /* all of it lies in one piece */
    jit_put_le64(piece, count);
    for (uint64_t i = 0; i < count; i++) {
        receipt_put(piece + size, &receipts[i]);
        size += RECEIPT_BYTES;
        if (size < PIECE_BYTES) {
            continue;
        }
        if (whole) {
            jit_hasher_init_key(&hasher, JIT_K_RECEIPTS);
            whole = false;
        }
        jit_hasher_update(&hasher, piece, PIECE_BYTES);
        size -= PIECE_BYTES;
        memcpy(piece, piece + PIECE_BYTES, size);
    }
    if (whole) {
        jit_hash_key(JIT_K_RECEIPTS, piece, size, out);
        return;
    }
    jit_hasher_update(&hasher, piece, size);
    jit_hasher_final(&hasher, out);
}

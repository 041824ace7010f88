/* kernel/log/log_format.c - the bytes of FORMAT, of a segment's header and of a record. The layout
 * is docs/spec/log.md; offsets here follow its tables. */
#include "kernel/log/log_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/le.h"

static_assert(LOG_RECORD_OVERHEAD % 8 == 0, "records are aligned to 8");

void log_identity_init(struct log_identity *identity, const uint8_t uuid[LOG_UUID_BYTES],
                       uint64_t segment_bytes)
{
    struct jit_id key;
    jit_hash_key(JIT_K_LOG, uuid, LOG_UUID_BYTES, &key);
    memcpy(identity->uuid, uuid, LOG_UUID_BYTES);
    memcpy(identity->key, key.bytes, JIT_ID_BYTES);
    identity->segment_bytes = segment_bytes;
}

static void keyed(const struct log_identity *identity, const void *bytes, size_t size,
                  struct jit_id *out)
{
    struct jit_hasher hasher;
    jit_hasher_init_keyed(&hasher, identity->key);
    jit_hasher_update(&hasher, bytes, size);
    jit_hasher_final(&hasher, out);
}

bool log_all_zero(const uint8_t *bytes, uint64_t size)
{
    if (size == 0) {
        return true;
    }
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* --- records --- */

uint32_t log_record_size(uint32_t body_size)
{
    assert(body_size <= JIT_LOG_RECORD_BYTES_MAX - LOG_RECORD_OVERHEAD);
    return LOG_RECORD_OVERHEAD + (body_size + 7) / 8 * 8;
}

uint32_t log_body_max(const struct log_identity *identity)
{
    uint64_t room = identity->segment_bytes - LOG_BLOCK_BYTES;
    if (room > JIT_LOG_RECORD_BYTES_MAX) {
        room = JIT_LOG_RECORD_BYTES_MAX;
    }
    return (uint32_t)room - LOG_RECORD_OVERHEAD;
}

void log_record_start(const struct log_identity *identity, const struct log_head *head, uint8_t *at)
{
    uint32_t size = log_record_size(head->body_size);
    uint32_t pad = size - LOG_RECORD_OVERHEAD - head->body_size;

    jit_put_le32(at, LOG_RECORD_MAGIC);
    jit_put_le16(at + 4, LOG_MAJOR);
    jit_put_le16(at + 6, LOG_MINOR);
    jit_put_le32(at + 8, size);
    jit_put_le32(at + 12, head->flags);
    memcpy(at + 16, identity->uuid, LOG_UUID_BYTES);
    memset(at + 32, 0, 24);
    jit_put_le64(at + 56, head->tick);
    memset(at + 64, 0, JIT_ID_BYTES);
    memcpy(at + 96, head->commit.bytes, JIT_ID_BYTES);
    memcpy(at + 128, head->state_root.bytes, JIT_ID_BYTES);
    memcpy(at + 160, head->blob.bytes, JIT_ID_BYTES);
    jit_put_le64(at + 192, head->blob_size);
    jit_put_le32(at + 200, head->body_size);
    jit_put_le32(at + 204, 0);
    if (head->body_size > 0) {
        memcpy(at + LOG_RECORD_HEAD_BYTES, head->body, head->body_size);
    }
    memset(at + LOG_RECORD_HEAD_BYTES + head->body_size, 0, pad + JIT_ID_BYTES);
}

void log_record_finish(const struct log_identity *identity, uint8_t *at, uint64_t segment,
                       uint64_t number, uint64_t durable, const struct jit_id *prev,
                       struct jit_id *hash)
{
    uint32_t size = jit_le32(at + 8);
    assert(size >= LOG_RECORD_OVERHEAD);
    assert(durable <= number);
    jit_put_le64(at + 32, segment);
    jit_put_le64(at + 40, number);
    jit_put_le64(at + 48, durable);
    memcpy(at + 64, prev->bytes, JIT_ID_BYTES);
    keyed(identity, at, size - JIT_ID_BYTES, hash);
    memcpy(at + size - JIT_ID_BYTES, hash->bytes, JIT_ID_BYTES);
}

uint32_t log_record_claim(const struct log_identity *identity, const uint8_t *at, uint64_t room)
{
    if (jit_le32(at) != LOG_RECORD_MAGIC || memcmp(at + 16, identity->uuid, LOG_UUID_BYTES) != 0) {
        return 0;
    }
    uint32_t size = jit_le32(at + 8);
    bool good = size >= LOG_RECORD_OVERHEAD && size % 8 == 0 && size <= JIT_LOG_RECORD_BYTES_MAX &&
                size <= room;
    return good ? size : 0;
}

enum jit_err log_record_decode(const struct log_identity *identity, const uint8_t *at,
                               uint32_t size, struct log_head *out)
{
    struct jit_id hash;
    assert(size >= LOG_RECORD_OVERHEAD);
    keyed(identity, at, size - JIT_ID_BYTES, &hash);
    memcpy(out->hash.bytes, at + size - JIT_ID_BYTES, JIT_ID_BYTES);
    if (!jit_id_equal(&hash, &out->hash) && !LOG_MUTANT(LOG_MUTANT_NO_HASH)) {
        return JIT_EFORMAT;
    }
    if (jit_le16(at + 4) != LOG_MAJOR) {
        return JIT_EVERSION;
    }
    out->size = size;
    out->flags = jit_le32(at + 12);
    out->segment = jit_le64(at + 32);
    out->number = jit_le64(at + 40);
    out->durable = jit_le64(at + 48);
    out->tick = jit_le64(at + 56);
    memcpy(out->prev.bytes, at + 64, JIT_ID_BYTES);
    memcpy(out->commit.bytes, at + 96, JIT_ID_BYTES);
    memcpy(out->state_root.bytes, at + 128, JIT_ID_BYTES);
    memcpy(out->blob.bytes, at + 160, JIT_ID_BYTES);
    out->blob_size = jit_le64(at + 192);
    out->body_size = jit_le32(at + 200);
    out->body = at + LOG_RECORD_HEAD_BYTES;
    uint32_t body_room = size - LOG_RECORD_OVERHEAD;
    if (out->body_size > body_room || body_room - out->body_size >= 8 ||
        !log_all_zero(out->body + out->body_size, body_room - out->body_size) ||
        jit_le32(at + 204) != 0 || out->durable > out->number) {
        return JIT_EFORMAT;
    }
    bool blob = (out->flags & LOG_FLAG_BLOB) != 0;
    bool elsewhere = (out->flags & LOG_FLAG_ELSEWHERE) != 0;
    bool good = (out->flags & LOG_FLAG_SEAL) != 0
                    ? out->flags == LOG_FLAG_SEAL && out->body_size == 0
                    : out->flags <= (LOG_FLAG_BLOB | LOG_FLAG_ELSEWHERE);
    good = good && (blob || (jit_id_is_zero(&out->blob) && out->blob_size == 0)) &&
           (!elsewhere || out->body_size == JIT_ID_BYTES + 8);
    return good ? JIT_OK : JIT_EFORMAT;
}

/* --- segment headers --- */

void log_header_encode(const struct log_identity *identity, uint64_t segment, uint8_t *block,
                       struct jit_id *hash)
{
    memset(block, 0, LOG_BLOCK_BYTES);
    jit_put_le32(block, LOG_SEGMENT_MAGIC);
    jit_put_le16(block + 4, LOG_MAJOR);
    jit_put_le16(block + 6, LOG_MINOR);
    memcpy(block + 16, identity->uuid, LOG_UUID_BYTES);
    jit_put_le64(block + 32, identity->segment_bytes);
    jit_put_le64(block + 40, segment);
    keyed(identity, block, LOG_HEADER_BYTES - JIT_ID_BYTES, hash);
    memcpy(block + LOG_HEADER_BYTES - JIT_ID_BYTES, hash->bytes, JIT_ID_BYTES);
}

enum jit_err log_header_decode(struct log_identity *identity, uint64_t segment,
                               const uint8_t *block, struct jit_id *hash)
{
    uint64_t bytes = jit_le64(block + 32);
    if (jit_le32(block) != LOG_SEGMENT_MAGIC) {
        return JIT_ECORRUPT;
    }
    if (jit_le16(block + 4) != LOG_MAJOR) {
        return JIT_EVERSION;
    }
    keyed(identity, block, LOG_HEADER_BYTES - JIT_ID_BYTES, hash);
    if (memcmp(hash->bytes, block + LOG_HEADER_BYTES - JIT_ID_BYTES, JIT_ID_BYTES) != 0 ||
        memcmp(block + 16, identity->uuid, LOG_UUID_BYTES) != 0 || jit_le64(block + 8) != 0 ||
        jit_le64(block + 40) != segment || bytes < LOG_SEGMENT_BYTES_MIN ||
        bytes > LOG_SEGMENT_BYTES_MAX || bytes % LOG_BLOCK_BYTES != 0 ||
        (identity->segment_bytes != 0 && bytes != identity->segment_bytes) ||
        !log_all_zero(block + LOG_HEADER_BYTES, LOG_BLOCK_BYTES - LOG_HEADER_BYTES)) {
        return JIT_ECORRUPT;
    }
    identity->segment_bytes = bytes;
    return JIT_OK;
}

/* --- FORMAT --- */

#define FORMAT_FIRST "jitos data folder\nformat "

void log_format_encode(const uint8_t uuid[LOG_UUID_BYTES], char text[LOG_FORMAT_BYTES + 1])
{
    struct log_identity identity;
    struct jit_id hash;
    char hex[2 * LOG_UUID_BYTES + 1];
    char check[JIT_ID_HEX];

    for (size_t i = 0; i < LOG_UUID_BYTES; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", uuid[i]);
    }
    int size = snprintf(text, LOG_FORMAT_BYTES + 1, FORMAT_FIRST "%u.%u\nlog %s\n", LOG_MAJOR,
                        LOG_MINOR, hex);
    assert(size > 0);
    log_identity_init(&identity, uuid, 0);
    keyed(&identity, text, (size_t)size, &hash);
    jit_id_to_hex(&hash, check);
    size += snprintf(text + size, LOG_FORMAT_BYTES + 1 - (size_t)size, "check %s\n", check);
    assert(size == (int)LOG_FORMAT_BYTES);
}

enum jit_err log_format_decode(const uint8_t *bytes, uint64_t size, uint8_t uuid[LOG_UUID_BYTES])
{
    static const char log_line[] = FORMAT_FIRST "1.0\nlog ";
    char text[LOG_FORMAT_BYTES + 1];
    char hex[JIT_ID_HEX];
    struct jit_id wide;
    size_t first = sizeof FORMAT_FIRST - 1;

    if (size > first + 1 && memcmp(bytes, FORMAT_FIRST, first) == 0 && bytes[first] >= '0' &&
        bytes[first] <= '9' && (bytes[first] != '0' + LOG_MAJOR || bytes[first + 1] != '.')) {
        return JIT_EVERSION;
    }
    if (size != LOG_FORMAT_BYTES || memcmp(bytes, log_line, sizeof log_line - 1) != 0) {
        return JIT_ECORRUPT;
    }
    memset(hex, '0', sizeof hex);
    memcpy(hex, bytes + sizeof log_line - 1, (size_t)2 * LOG_UUID_BYTES);
    if (jit_id_from_hex(hex, JIT_ID_HEX - 1, &wide) != JIT_OK) {
        return JIT_ECORRUPT;
    }
    log_format_encode(wide.bytes, text);
    if (memcmp(bytes, text, LOG_FORMAT_BYTES) != 0) {
        return JIT_ECORRUPT;
    }
    memcpy(uuid, wide.bytes, LOG_UUID_BYTES);
    return JIT_OK;
}

/* --- aligned memory --- */

enum jit_err log_memory_grow(struct jit_heap *heap, struct log_memory *memory, uint64_t size,
                             uint64_t keep)
{
    assert(keep <= memory->size);
    if (size <= memory->size) {
        return JIT_OK;
    }
    uint64_t padded = log_pad(size);
    void *block = heap->alloc(heap, padded + LOG_BLOCK_BYTES);
    if (block == NULL) {
        return JIT_ENOMEM;
    }
    uint8_t *bytes = block;
    bytes += (LOG_BLOCK_BYTES - (uintptr_t)block % LOG_BLOCK_BYTES) % LOG_BLOCK_BYTES;
    if (keep > 0) {
        memcpy(bytes, memory->bytes, keep);
    }
    heap->free(heap, memory->block);
    *memory = (struct log_memory){block, bytes, padded};
    return JIT_OK;
}

void log_memory_free(struct jit_heap *heap, struct log_memory *memory)
{
    heap->free(heap, memory->block);
    *memory = (struct log_memory){0};
}

/* rmg/match_key.c - keys, draws and new ids: functions of bytes alone (DESIGN 5.2, 14.2). */
#include "base/hash.h"
#include "base/le.h"
#include "rmg/match.h"

void rmg_match_key(const struct rmg_rule *rule, const struct jit_id *instance,
                   const struct jit_id *ids, uint32_t id_count, const struct jit_id *params_digest,
                   struct jit_id *out)
{
    uint8_t bytes[JIT_ID_BYTES * (3 + JIT_PATTERN_ELEMENTS_MAX) + 4];
    struct jit_hasher hasher;
    if (id_count > JIT_PATTERN_ELEMENTS_MAX) {
        /* No match of any rule, but a key all the same: it stands in a receipt. */
        jit_hasher_init_key(&hasher, JIT_K_MATCH);
        jit_hasher_update(&hasher, rule->id.bytes, JIT_ID_BYTES);
        jit_hasher_update(&hasher, instance->bytes, JIT_ID_BYTES);
        jit_put_le32(bytes, id_count);
        jit_hasher_update(&hasher, bytes, 4);
        jit_hasher_update(&hasher, ids, (size_t)id_count * JIT_ID_BYTES);
        jit_hasher_update(&hasher, params_digest->bytes, JIT_ID_BYTES);
        jit_hasher_final(&hasher, out);
        return;
    }
    uint8_t *at = bytes;
    memcpy(at, rule->id.bytes, JIT_ID_BYTES);
    at += JIT_ID_BYTES;
    memcpy(at, instance->bytes, JIT_ID_BYTES);
    at += JIT_ID_BYTES;
    jit_put_le32(at, id_count);
    at += 4;
    if (id_count > 0) {
        memcpy(at, ids, (size_t)id_count * JIT_ID_BYTES);
        at += (size_t)id_count * JIT_ID_BYTES;
    }
    memcpy(at, params_digest->bytes, JIT_ID_BYTES);
    at += JIT_ID_BYTES;
    jit_hash_key(JIT_K_MATCH, bytes, (size_t)(at - bytes), out);
}

void rmg_request_key(const struct jit_id *match_key, uint64_t nonce, struct jit_id *out)
{
    uint8_t bytes[JIT_ID_BYTES + 8];
    memcpy(bytes, match_key->bytes, JIT_ID_BYTES);
    jit_put_le64(bytes + JIT_ID_BYTES, nonce);
    jit_hash_key(JIT_K_REQUEST, bytes, sizeof bytes, out);
}

void rmg_scope_hash(uint64_t seed, uint64_t tick, const struct jit_id *request_key,
                    struct jit_id *out)
{
    uint8_t bytes[16 + JIT_ID_BYTES];
    jit_put_le64(bytes, seed);
    jit_put_le64(bytes + 8, tick);
    memcpy(bytes + 16, request_key->bytes, JIT_ID_BYTES);
    jit_hash_key(JIT_K_ORDER, bytes, sizeof bytes, out);
}

/* B3[K(domain)](u64 seed || u64 tick || key || u32 round || u32 number): draws and new ids. */
static void hash_numbered(enum jit_domain domain, const struct rmg_draw *draw,
                          const struct jit_id *key, uint32_t number, struct jit_id *out)
{
    uint8_t bytes[16 + JIT_ID_BYTES + 8];
    jit_put_le64(bytes, draw->seed);
    jit_put_le64(bytes + 8, draw->tick);
    memcpy(bytes + 16, key->bytes, JIT_ID_BYTES);
    jit_put_le32(bytes + 16 + JIT_ID_BYTES, draw->round);
    jit_put_le32(bytes + 20 + JIT_ID_BYTES, number);
    jit_hash_key(domain, bytes, sizeof bytes, out);
}

double rmg_draw_random(const struct rmg_draw *draw, const struct jit_id *match_key, uint32_t call)
{
    struct jit_id hash;
    hash_numbered(JIT_K_RANDOM, draw, match_key, call, &hash);
    return (double)(jit_le64(hash.bytes) >> 11) * 0x1.0p-53;
}

void rmg_created_id(const struct rmg_draw *draw, const struct jit_id *request_key,
                    uint32_t position, struct jit_id *out)
{
    hash_numbered(JIT_K_ID, draw, request_key, position, out);
}

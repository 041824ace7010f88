/* rmg/rules/match_key.c - keys, draws and new ids: functions of bytes alone (DESIGN 5.2, 14.2). */
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "rmg/rules/match.h"

#define MATCH_SIZE(id_count) (JIT_ID_BYTES * (3u + (id_count)) + 4u)
#define MATCH_SIZE_MAX       MATCH_SIZE(JIT_PATTERN_ELEMENTS_MAX)
#define REQUEST_SIZE         (JIT_ID_BYTES + 8u)
#define SCOPE_SIZE           (16u + JIT_ID_BYTES)

static uint8_t *put_id(uint8_t *at, const struct jit_id *id)
{
    memcpy(at, id->bytes, JIT_ID_BYTES);
    return at + JIT_ID_BYTES;
}

static void match_message(const struct rmg_key_source *source, uint8_t *at)
{
    at = put_id(put_id(at, source->rule), source->instance);
    jit_put_le32(at, source->id_count);
    at += 4;
    if (source->id_count > 0) {
        memcpy(at, source->ids, (size_t)source->id_count * JIT_ID_BYTES);
        at += (size_t)source->id_count * JIT_ID_BYTES;
    }
    put_id(at, source->params_digest);
}

static void request_message(const struct jit_id *match_key, uint64_t nonce, uint8_t *at)
{
    jit_put_le64(put_id(at, match_key), nonce);
}

static void scope_message(uint64_t seed, uint64_t tick, const struct jit_id *request_key,
                          uint8_t *at)
{
    jit_put_le64(at, seed);
    jit_put_le64(at + 8, tick);
    put_id(at + 16, request_key);
}

static void match_key(const struct rmg_key_source *source, struct jit_id *out)
{
    uint8_t bytes[MATCH_SIZE_MAX];
    struct jit_hasher hasher;
    if (source->id_count <= JIT_PATTERN_ELEMENTS_MAX) {
        match_message(source, bytes);
        jit_hash_key(JIT_K_MATCH, bytes, MATCH_SIZE(source->id_count), out);
        return;
    }
    /* No match of any rule, but a key all the same: it stands in a receipt. */
    jit_hasher_init_key(&hasher, JIT_K_MATCH);
    jit_hasher_update(&hasher, source->rule->bytes, JIT_ID_BYTES);
    jit_hasher_update(&hasher, source->instance->bytes, JIT_ID_BYTES);
    jit_put_le32(bytes, source->id_count);
    jit_hasher_update(&hasher, bytes, 4);
    jit_hasher_update(&hasher, source->ids, (size_t)source->id_count * JIT_ID_BYTES);
    jit_hasher_update(&hasher, source->params_digest->bytes, JIT_ID_BYTES);
    jit_hasher_final(&hasher, out);
}

void rmg_match_key(const struct rmg_rule *rule, const struct jit_id *instance,
                   const struct jit_id *ids, uint32_t id_count, const struct jit_id *params_digest,
                   struct jit_id *out)
{
    const struct rmg_key_source source = {.rule = &rule->id,
                                          .instance = instance,
                                          .ids = ids,
                                          .id_count = id_count,
                                          .params_digest = params_digest};
    match_key(&source, out);
}

void rmg_request_key(const struct jit_id *match_key, uint64_t nonce, struct jit_id *out)
{
    uint8_t bytes[REQUEST_SIZE];
    request_message(match_key, nonce, bytes);
    jit_hash_key(JIT_K_REQUEST, bytes, sizeof bytes, out);
}

void rmg_scope_hash(uint64_t seed, uint64_t tick, const struct jit_id *request_key,
                    struct jit_id *out)
{
    rmg_scope_hashes(seed, tick, request_key, 1, out);
}

/* ---- many at once ---- */

/* Matches of more elements are rare and go one by one. */
#define LANES_IDS_MAX 8u

/* Matches with the same number of elements: messages of one size. */
static void match_keys_of_size(const struct rmg_key_source *sources, uint32_t count,
                               struct jit_id *out)
{
    uint8_t bytes[RMG_KEYS_MAX][MATCH_SIZE(LANES_IDS_MAX)];
    const uint8_t *in[RMG_KEYS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        match_message(&sources[i], bytes[i]);
        in[i] = bytes[i];
    }
    jit_hash_many(JIT_K_MATCH, in, MATCH_SIZE(sources->id_count), count, out);
}

void rmg_match_keys(const struct rmg_key_source *sources, uint32_t count, struct jit_id *match_keys,
                    struct jit_id *request_keys)
{
    uint8_t bytes[RMG_KEYS_MAX][REQUEST_SIZE];
    const uint8_t *in[RMG_KEYS_MAX];
    assert(count <= RMG_KEYS_MAX);
    for (uint32_t begin = 0, end; begin < count; begin = end) {
        end = begin + 1;
        if (sources[begin].id_count > LANES_IDS_MAX) {
            match_key(&sources[begin], &match_keys[begin]);
            continue;
        }
        while (end < count && sources[end].id_count == sources[begin].id_count) {
            end++;
        }
        match_keys_of_size(&sources[begin], end - begin, &match_keys[begin]);
    }
    for (uint32_t i = 0; i < count; i++) {
        request_message(&match_keys[i], sources[i].nonce, bytes[i]);
        in[i] = bytes[i];
    }
    jit_hash_many(JIT_K_REQUEST, in, REQUEST_SIZE, count, request_keys);
}

void rmg_scope_hashes(uint64_t seed, uint64_t tick, const struct jit_id *request_keys,
                      uint32_t count, struct jit_id *out)
{
    uint8_t bytes[RMG_KEYS_MAX][SCOPE_SIZE];
    const uint8_t *in[RMG_KEYS_MAX];
    assert(count <= RMG_KEYS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        scope_message(seed, tick, &request_keys[i], bytes[i]);
        in[i] = bytes[i];
    }
    jit_hash_many(JIT_K_ORDER, in, SCOPE_SIZE, count, out);
}

/* ---- draws and new ids ---- */

#define NUMBERED_SIZE (16u + JIT_ID_BYTES + 8u)

/* u64 seed || u64 tick || key || u32 round || u32 number: draws and new ids. */
static void numbered_message(const struct rmg_draw *draw, const struct jit_id *key, uint32_t number,
                             uint8_t *at)
{
    jit_put_le64(at, draw->seed);
    jit_put_le64(at + 8, draw->tick);
    at = put_id(at + 16, key);
    jit_put_le32(at, draw->round);
    jit_put_le32(at + 4, number);
}

static void hash_numbered(enum jit_domain domain, const struct rmg_draw *draw,
                          const struct jit_id *key, uint32_t number, struct jit_id *out)
{
    uint8_t bytes[NUMBERED_SIZE];
    numbered_message(draw, key, number, bytes);
    jit_hash_key(domain, bytes, sizeof bytes, out);
}

static double random_of(const struct jit_id *hash)
{
    return (double)(jit_le64(hash->bytes) >> 11) * 0x1.0p-53;
}

double rmg_draw_random(const struct rmg_draw *draw, const struct jit_id *match_key, uint32_t call)
{
    struct jit_id hash;
    hash_numbered(JIT_K_RANDOM, draw, match_key, call, &hash);
    return random_of(&hash);
}

void rmg_draw_randoms(const struct rmg_draw *draw, const struct jit_id *const *match_keys,
                      uint32_t count, uint32_t call, double *out)
{
    uint8_t bytes[RMG_KEYS_MAX][NUMBERED_SIZE];
    const uint8_t *in[RMG_KEYS_MAX];
    struct jit_id hashes[RMG_KEYS_MAX];
    assert(count >= 1 && count <= RMG_KEYS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        numbered_message(draw, match_keys[i], call, bytes[i]);
        in[i] = bytes[i];
    }
    jit_hash_many(JIT_K_RANDOM, in, NUMBERED_SIZE, count, hashes);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = random_of(&hashes[i]);
    }
}

void rmg_created_id(const struct rmg_draw *draw, const struct jit_id *request_key,
                    uint32_t position, struct jit_id *out)
{
    hash_numbered(JIT_K_ID, draw, request_key, position, out);
}

void rmg_created_ids(const struct rmg_draw *draw, const struct jit_id *request_key,
                     const struct rmg_birthplace *places, uint32_t count, struct jit_id *const *out)
{
    uint8_t bytes[RMG_KEYS_MAX][NUMBERED_SIZE];
    const uint8_t *in[RMG_KEYS_MAX];
    struct jit_id ids[RMG_KEYS_MAX];
    struct rmg_draw at = *draw;
    assert(count >= 1 && count <= RMG_KEYS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        at.round = places[i].round;
        numbered_message(&at, request_key, places[i].position, bytes[i]);
        in[i] = bytes[i];
    }
    jit_hash_many(JIT_K_ID, in, NUMBERED_SIZE, count, ids);
    for (uint32_t i = 0; i < count; i++) {
        *out[i] = ids[i];
    }
}

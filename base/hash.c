#include "base/hash.h"

#include <blake3.h>

#include "base/b3_impl.h"
#include "base/check.h"
#include "base/lanes.h"
#include "base/le.h"

static_assert(sizeof(blake3_hasher) <= sizeof((struct jit_hasher *)0)->state,
              "the hasher's state must hold BLAKE3's");
static_assert(_Alignof(blake3_hasher) <= 16, "and be aligned for it");

/* One chunk, block by block: for inputs of at most 1,024 bytes this spares the hasher's set-up,
 * which costs more than the compression of an id. */
static void hash_chunk(const uint8_t key[JIT_ID_BYTES], uint8_t mode, const uint8_t *bytes,
                       size_t size, struct jit_id *out)
{
    uint32_t cv[8];
    for (size_t i = 0; i < 8; i++) {
        cv[i] = jit_le32(key + 4 * i);
    }
    uint8_t flags = mode | B3_CHUNK_START;
    while (size > BLAKE3_BLOCK_LEN) {
        blake3_compress_in_place(cv, bytes, BLAKE3_BLOCK_LEN, 0, flags);
        bytes += BLAKE3_BLOCK_LEN;
        size -= BLAKE3_BLOCK_LEN;
        flags = mode;
    }
    uint8_t block[BLAKE3_BLOCK_LEN] = {0};
    if (size > 0) {
        memcpy(block, bytes, size);
    }
    blake3_compress_in_place(cv, block, (uint8_t)size, 0, flags | B3_CHUNK_END | B3_ROOT);
    for (size_t i = 0; i < 8; i++) {
        jit_put_le32(out->bytes + 4 * i, cv[i]);
    }
}

/* The initialisation vector as bytes: unkeyed BLAKE3 is keyed with it, without the flag. */
static const uint8_t iv_bytes[JIT_ID_BYTES] = {
    0x67, 0xe6, 0x09, 0x6a, 0x85, 0xae, 0x67, 0xbb, 0x72, 0xf3, 0x6e, 0x3c, 0x3a, 0xf5, 0x4f, 0xa5,
    0x7f, 0x52, 0x0e, 0x51, 0x8c, 0x68, 0x05, 0x9b, 0xab, 0xd9, 0x83, 0x1f, 0x19, 0xcd, 0xe0, 0x5b};

void jit_hash(const void *bytes, size_t size, struct jit_id *out)
{
    if (size <= BLAKE3_CHUNK_LEN) {
        hash_chunk(iv_bytes, 0, bytes, size, out);
        return;
    }
    struct jit_hasher hasher;
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, bytes, size);
    jit_hasher_final(&hasher, out);
}

void jit_hash_key(enum jit_domain domain, const void *bytes, size_t size, struct jit_id *out)
{
    if (size <= BLAKE3_CHUNK_LEN) {
        hash_chunk(jit_domain_key(domain)->bytes, B3_KEYED_HASH, bytes, size, out);
        return;
    }
    struct jit_hasher hasher;
    jit_hasher_init_key(&hasher, domain);
    jit_hasher_update(&hasher, bytes, size);
    jit_hasher_final(&hasher, out);
}

void jit_hash_named(const char *prefix, const void *label, size_t label_size, struct jit_id *out)
{
    struct jit_hasher hasher;
    jit_hasher_init(&hasher);
    jit_hasher_update(&hasher, prefix, strlen(prefix));
    jit_hasher_update(&hasher, label, label_size);
    jit_hasher_final(&hasher, out);
}

static void key_words(enum jit_domain domain, uint32_t key[8])
{
    const struct jit_id *bytes = jit_domain_key(domain);
    for (size_t i = 0; i < 8; i++) {
        key[i] = jit_le32(bytes->bytes + 4 * i);
    }
}

/* From so many messages on a group of lanes costs less than one message after the other. */
#define LANES_WORTH 4u

/* One group; lanes that are left over repeat the first message. */
static void hash_group(const uint32_t key[8], unsigned lanes, const uint8_t *const *in, size_t size,
                       size_t count, struct jit_id *out)
{
    const uint8_t *filled[JIT_LANES_MAX];
    struct jit_id spare[JIT_LANES_MAX];
    uint8_t *to = count < lanes ? spare[0].bytes : out[0].bytes;
    for (size_t i = 0; i < JIT_LANES_MAX; i++) {
        filled[i] = in[i < count ? i : 0];
    }
    if (lanes == 16) {
        jit_lanes16(key, filled, size, to);
    } else if (lanes == 8) {
        jit_lanes8(key, filled, size, to);
    } else {
        jit_lanes4(key, filled, size, to);
    }
    if (count < lanes) {
        memcpy(out, spare, count * sizeof *out);
    }
}

void jit_hash_many(enum jit_domain domain, const uint8_t *const *in, size_t size, size_t count,
                   struct jit_id *out)
{
    uint32_t key[8];
    size_t at = 0;
    if (size == BLAKE3_BLOCK_LEN) {
        jit_hash_many64(domain, in, count, out);
        return;
    }
    if (count >= LANES_WORTH && size <= BLAKE3_CHUNK_LEN) {
        unsigned lanes = jit_lanes_widest();
        key_words(domain, key);
        for (; count - at >= LANES_WORTH; at += count - at < lanes ? count - at : lanes) {
            size_t here = count - at < lanes ? count - at : lanes;
            hash_group(key, lanes, in + at, size, here, out + at);
        }
    }
    for (; at < count; at++) {
        jit_hash_key(domain, in[at], size, &out[at]);
    }
}

void jit_hash_many64(enum jit_domain domain, const uint8_t *const *in, size_t count,
                     struct jit_id *out)
{
    uint32_t key[8];
    key_words(domain, key);
    if (count > 0) {
        blake3_hash_many(in, count, 1, key, 0, false, B3_KEYED_HASH | B3_ROOT, B3_CHUNK_START,
                         B3_CHUNK_END, out->bytes);
    }
}

/* How far an item looks for others of its size: a bound on the cost of sizes chosen to differ. */
#define ITEMS_NEAR 64u

/* Items of one size that are hashed side by side: each message once, however many items have it.
 * Values repeat: a tick sets one state a thousand times. */
struct items_group {
    const uint8_t *in[JIT_LANES_MAX];
    size_t count;             /* messages */
    uint8_t of[ITEMS_NEAR];   /* of each item taken: its message */
    uint8_t seen[ITEMS_NEAR]; /* a message by its last bytes, counted from 1; 0: none */
};

/* The message of an item in the group; `count` when there is none yet. What is remembered of others
 * is no more than one place, so one that repeats may be missed, and then is hashed again. */
static size_t items_message(struct items_group *group, const struct jit_hash_item *item)
{
    uint64_t last = 0;
    if (item->size >= sizeof last) {
        memcpy(&last, item->in + item->size - sizeof last, sizeof last);
    } else if (item->size > 0) {
        memcpy(&last, item->in, item->size);
    }
    uint8_t *seen = &group->seen[(last * 0x9e3779b97f4a7c15u >> 32) % ITEMS_NEAR];
    if (*seen != 0 &&
        (item->size == 0 || memcmp(group->in[*seen - 1], item->in, item->size) == 0)) {
        return *seen - 1u;
    }
    if (group->count < JIT_LANES_MAX) {
        *seen = (uint8_t)(group->count + 1);
    }
    return group->count;
}

/* Bring items of the size of the first to the front, as many as fill the lanes; returns how many
 * there are, itself included. */
static size_t items_gather(struct jit_hash_item *items, size_t count, struct items_group *group)
{
    size_t taken = 0;
    group->count = 0;
    memset(group->seen, 0, sizeof group->seen);
    for (size_t i = 0; i < count && i < ITEMS_NEAR; i++) {
        struct jit_hash_item item = items[i];
        if (item.size != items[0].size) {
            continue;
        }
        size_t message = items_message(group, &item);
        if (message == JIT_LANES_MAX) {
            break;
        }
        if (message == group->count) {
            group->in[group->count++] = item.in;
        }
        group->of[taken] = (uint8_t)message;
        items[i] = items[taken];
        items[taken++] = item;
    }
    return taken;
}

void jit_hash_items(enum jit_domain domain, struct jit_hash_item *items, size_t count)
{
    struct items_group group;
    struct jit_id out[JIT_LANES_MAX];
    if (count == 1) { /* a tick of one rewrite has one of each */
        jit_hash_key(domain, items->in, items->size, items->out);
        return;
    }
    for (size_t at = 0; at < count;) {
        size_t here = items_gather(items + at, count - at, &group);
        jit_hash_many(domain, group.in, items[at].size, group.count, out);
        for (size_t i = 0; i < here; i++) {
            *items[at + i].out = out[group.of[i]];
        }
        at += here;
    }
}

void jit_hasher_init(struct jit_hasher *hasher)
{
    blake3_hasher_init((blake3_hasher *)(void *)hasher->state);
}

void jit_hasher_init_key(struct jit_hasher *hasher, enum jit_domain domain)
{
    jit_hasher_init_keyed(hasher, jit_domain_key(domain)->bytes);
}

void jit_hasher_init_keyed(struct jit_hasher *hasher, const uint8_t key[JIT_ID_BYTES])
{
    blake3_hasher_init_keyed((blake3_hasher *)(void *)hasher->state, key);
}

void jit_hasher_update(struct jit_hasher *hasher, const void *bytes, size_t size)
{
    if (size > 0) {
        blake3_hasher_update((blake3_hasher *)(void *)hasher->state, bytes, size);
    }
}

void jit_hasher_final(const struct jit_hasher *hasher, struct jit_id *out)
{
    blake3_hasher_finalize((const blake3_hasher *)(const void *)hasher->state, out->bytes,
                           sizeof out->bytes);
}

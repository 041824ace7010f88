/* Goal:   base/hash is BLAKE3, its key table is K(x), and lanes never change a result.
 * Method: two published vectors; each key recomputed; each short path against the streaming one. */
#include "base/hash.h"

#include "base/lanes.h"
#include "base/le.h"
#include "base/random.h"
#include "tests/lib/tcase.h"

static uint8_t input[5000];

static void check_hex(const struct jit_id *id, const char *expected)
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    ck_assert_str_eq(hex, expected);
}

START_TEST(published_vectors)
{
    struct jit_id out;
    jit_hash("", 0, &out);
    check_hex(&out, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    for (size_t i = 0; i < 1025; i++) {
        input[i] = (uint8_t)(i % 251);
    }
    jit_hash(input, 1025, &out);
    check_hex(&out, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444");
}
END_TEST

START_TEST(keys_are_k_of_x)
{
    static const char *const text[] = {
#define X(name, string) [name] = string,
        JIT_DOMAIN_MAP(X)
#undef X
    };
    struct jit_id out;
    jit_hash_named("jitos:v1:", text[_i], strlen(text[_i]), &out);
    ck_assert(jit_id_equal(&out, jit_domain_key((enum jit_domain)_i)));
}
END_TEST

static void fill(void)
{
    struct jit_random random = jit_random_of(7);
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)jit_random_next(&random);
    }
}

START_TEST(short_is_streaming)
{
    fill();
    for (size_t size = 0; size <= 2100; size++) {
        struct jit_hasher hasher;
        struct jit_id a;
        struct jit_id b;
        jit_hasher_init_key(&hasher, JIT_K_ATOM);
        jit_hasher_update(&hasher, input, size / 3);
        jit_hasher_update(&hasher, input + size / 3, size - size / 3);
        jit_hasher_final(&hasher, &a);
        jit_hash_key(JIT_K_ATOM, input, size, &b);
        ck_assert(jit_id_equal(&a, &b));
        jit_hasher_init(&hasher);
        jit_hasher_update(&hasher, input, size);
        jit_hasher_final(&hasher, &a);
        jit_hash(input, size, &b);
        ck_assert(jit_id_equal(&a, &b));
    }
}
END_TEST

START_TEST(lanes_are_single) /* 1 to 64 inputs at once */
{
    fill();
    const uint8_t *in[64];
    struct jit_id out[64];
    size_t count = (size_t)_i;
    for (size_t i = 0; i < count; i++) {
        in[i] = input + 67 * i;
    }
    jit_hash_many64(JIT_K_NODE, in, count, out);
    for (size_t i = 0; i < count; i++) {
        struct jit_id one;
        jit_hash_key(JIT_K_NODE, in[i], 64, &one);
        ck_assert(jit_id_equal(&one, &out[i]));
    }
}
END_TEST

typedef void lanes_hash(const uint32_t key[8], const uint8_t *const *in, size_t size, uint8_t *out);

/* Every width that this CPU has, every size up to a chunk: each lane has a message of its own. */
START_TEST(each_width_is_the_library)
{
    static const struct {
        unsigned lanes;
        lanes_hash *hash;
    } widths[] = {{4, jit_lanes4}, {8, jit_lanes8}, {16, jit_lanes16}};
    unsigned lanes = widths[_i].lanes;
    const uint8_t *in[JIT_LANES_MAX];
    struct jit_id out[JIT_LANES_MAX];
    uint32_t key[8];
    if (lanes > jit_lanes_widest()) {
        return;
    }
    fill();
    for (size_t i = 0; i < 8; i++) {
        key[i] = jit_le32(jit_domain_key(JIT_K_RANDOM)->bytes + 4 * i);
    }
    for (size_t i = 0; i < lanes; i++) {
        in[i] = input + 241 * i + i % 3; /* aligned in no way */
    }
    for (size_t size = 0; size <= 1024; size++) {
        widths[_i].hash(key, in, size, out[0].bytes);
        for (size_t i = 0; i < lanes; i++) {
            struct jit_hasher hasher;
            struct jit_id one;
            jit_hasher_init_key(&hasher, JIT_K_RANDOM);
            jit_hasher_update(&hasher, in[i], size);
            jit_hasher_final(&hasher, &one);
            ck_assert_msg(jit_id_equal(&one, &out[i]), "%u lanes, size %zu, lane %zu", lanes, size,
                          i);
        }
    }
}
END_TEST

/* Any count, any size, also past a chunk. */
START_TEST(many_are_single)
{
    static const size_t sizes[] = {0, 1, 32, 40, 48, 56, 63, 64, 65, 90, 96, 128, 132, 1024, 1025};
    const uint8_t *in[70];
    struct jit_id out[71];
    const struct jit_id untouched = {{0xa5}};
    size_t size = sizes[_i];
    fill();
    for (size_t i = 0; i < 70; i++) {
        in[i] = input + 53 * i;
    }
    for (size_t count = 0; count <= 70; count++) {
        out[count] = untouched;
        jit_hash_many(JIT_K_ORDER, in, size, count, out);
        ck_assert(jit_id_equal(&out[count], &untouched));
        for (size_t i = 0; i < count; i++) {
            struct jit_id one;
            jit_hash_key(JIT_K_ORDER, in[i], size, &one);
            ck_assert_msg(jit_id_equal(&one, &out[i]), "size %zu, %zu of %zu", size, i, count);
        }
    }
}
END_TEST

/* Sizes mixed in every way: all equal, all different, a few of each, some longer than a chunk. */
START_TEST(items_are_single)
{
    struct jit_random random = jit_random_of((uint64_t)_i);
    struct jit_hash_item items[200];
    struct jit_id out[200];
    struct jit_id one;
    const size_t kinds[] = {1, 3, 20, 1100};
    size_t sizes = kinds[_i % 4];
    size_t count = (size_t)jit_random_below(&random, 201);
    size_t size_of[200];
    const uint8_t *in[200];
    fill();
    for (size_t i = 0; i < count; i++) {
        size_of[i] = 40 + (size_t)jit_random_below(&random, sizes);
        in[i] = input + jit_random_below(&random, 3000);
        items[i] = (struct jit_hash_item){.in = in[i], .size = size_of[i], .out = &out[i]};
    }
    jit_hash_items(JIT_K_VALUE_ALPHA, items, count);
    for (size_t i = 0; i < count; i++) {
        jit_hash_key(JIT_K_VALUE_ALPHA, in[i], size_of[i], &one);
        ck_assert_msg(jit_id_equal(&one, &out[i]), "seed %d, item %zu of %zu", _i, i, count);
    }
}
END_TEST

/* Messages that come again, at other places and between others of their size, also such that differ
 * at their beginning alone or are shorter than what is looked at first. */
START_TEST(repeated_items_are_single)
{
    static const size_t sizes[] = {0, 3, 8, 40, 90, 1100};
    static uint8_t in[200][1100];
    struct jit_random random = jit_random_of((uint64_t)_i);
    struct jit_hash_item items[200];
    struct jit_id out[200];
    struct jit_id one;
    const uint64_t heads = 1 + jit_random_below(&random, 12);
    const uint64_t tails = 1 + jit_random_below(&random, 12);
    const size_t count = (size_t)jit_random_below(&random, 201);
    size_t size_of[200];
    for (size_t i = 0; i < count; i++) {
        size_t size = sizes[jit_random_below(&random, 1 + (uint64_t)_i % 6)];
        memset(in[i], 7, size);
        if (size > 0) {
            in[i][size - 1] = (uint8_t)jit_random_below(&random, tails);
            in[i][0] = (uint8_t)jit_random_below(&random, heads);
        }
        size_of[i] = size;
        items[i] = (struct jit_hash_item){.in = in[i], .size = size, .out = &out[i]};
    }
    jit_hash_items(JIT_K_ATOM, items, count);
    for (size_t i = 0; i < count; i++) {
        jit_hash_key(JIT_K_ATOM, in[i], size_of[i], &one);
        ck_assert_msg(jit_id_equal(&one, &out[i]), "seed %d, item %zu of %zu", _i, i, count);
    }
}
END_TEST

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hash", 10);
    tcase_add_test(t, published_vectors);
    tcase_add_loop_test(t, keys_are_k_of_x, 0, JIT_DOMAIN_COUNT);
    tcase_add_test(t, short_is_streaming);
    tcase_add_loop_test(t, lanes_are_single, 0, 65);
    tcase_add_loop_test(t, each_width_is_the_library, 0, 3);
    tcase_add_loop_test(t, many_are_single, 0, 15);
    tcase_add_loop_test(t, items_are_single, 0, 60);
    tcase_add_loop_test(t, repeated_items_are_single, 0, 120);
}

TEST_MAIN("hash", suite)

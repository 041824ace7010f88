/* Goal:   base/hash is BLAKE3, its key table is K(x), and lanes never change a result.
 * Method: two published vectors; each key recomputed; each short path against the streaming one. */
#include "base/hash.h"

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

static void suite(Suite *s)
{
    TCase *t = test_case(s, "hash", 10);
    tcase_add_test(t, published_vectors);
    tcase_add_loop_test(t, keys_are_k_of_x, 0, JIT_DOMAIN_COUNT);
    tcase_add_test(t, short_is_streaming);
    tcase_add_loop_test(t, lanes_are_single, 0, 65);
}

TEST_MAIN("hash", suite)

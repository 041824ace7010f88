/* Signatures on roots: who signed, who did not, and bytes that were changed. */
#include <stdio.h>
#include <stdlib.h>

#include "rmg/file/envelope.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/tcase.h"

static struct fault_heap heap;
static struct jit_buf buf;
static struct jit_id root;

static void setup(void)
{
    heap = fault_heap_make(-1, false);
    jit_buf_init(&buf, &heap.heap, 1u << 20);
    for (unsigned i = 0; i < JIT_ID_BYTES; i++) {
        root.bytes[i] = (uint8_t)(i * 7u + 1u);
    }
}

static void teardown(void)
{
    jit_buf_release(&buf);
    ck_assert_int_eq(heap.live, 0);
}

static void seed_of(unsigned n, uint8_t seed[JIT_SIGN_SEED_BYTES])
{
    memset(seed, 0, JIT_SIGN_SEED_BYTES);
    seed[0] = (uint8_t)n;
    seed[1] = (uint8_t)(n >> 8);
}

/* Sign what is in buf once more. */
static enum jit_err sign_again(unsigned signer, const char *kind, const struct jit_id *of)
{
    struct rmg_envelope before;
    struct jit_buf next;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    bool any = buf.size > 0;
    seed_of(signer, seed);
    if (any) {
        ck_assert_int_eq(rmg_envelope_read(buf.data, buf.size, &before), JIT_OK);
    }
    jit_buf_init(&next, &heap.heap, 1u << 20);
    enum jit_err err = rmg_envelope_sign(any ? &before : NULL, kind, of, seed, &next);
    if (err == JIT_OK) {
        jit_buf_release(&buf);
        buf = next;
    } else {
        jit_buf_release(&next);
    }
    return err;
}

static enum jit_err check(unsigned signer, const char *kind, const struct jit_id *of)
{
    struct rmg_envelope envelope;
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    uint8_t key[JIT_SIGN_PUBLIC_BYTES];
    seed_of(signer, seed);
    jit_sign_public(seed, key);
    ck_assert_int_eq(rmg_envelope_read(buf.data, buf.size, &envelope), JIT_OK);
    return rmg_envelope_check(&envelope, kind, of, key);
}

/* The first vector of RFC 8032, 7.1. */
START_TEST(known_answer)
{
    static const uint8_t seed[32] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
                                     0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
                                     0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
                                     0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    static const uint8_t key[32] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
                                    0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
                                    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
                                    0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
    static const uint8_t start[8] = {0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72};
    uint8_t got[JIT_SIGNATURE_BYTES];
    uint8_t public_key[JIT_SIGN_PUBLIC_BYTES];
    jit_sign_public(seed, public_key);
    ck_assert_mem_eq(public_key, key, sizeof key);
    jit_sign(seed, "", 0, got);
    ck_assert_mem_eq(got, start, sizeof start);
    ck_assert(jit_sign_check(key, "", 0, got));
    ck_assert(!jit_sign_check(key, "x", 1, got));
}
END_TEST

START_TEST(several_signers)
{
    struct jit_id other = root;
    other.bytes[31] ^= 1;
    for (unsigned n = 0; n < 9; n++) {
        ck_assert_int_eq(sign_again(n, RMG_KIND_STATE, &root), JIT_OK);
    }
    ck_assert_int_eq(sign_again(4, RMG_KIND_STATE, &root), JIT_OK); /* no second one */
    struct rmg_envelope envelope;
    ck_assert_int_eq(rmg_envelope_read(buf.data, buf.size, &envelope), JIT_OK);
    ck_assert_uint_eq(envelope.count, 9);
    for (unsigned n = 0; n < 9; n++) {
        ck_assert_int_eq(check(n, RMG_KIND_STATE, &root), JIT_OK);
        ck_assert_int_eq(check(n, "checkpoint", &root), JIT_EBASE);
        ck_assert_int_eq(check(n, RMG_KIND_STATE, &other), JIT_EBASE);
    }
    ck_assert_int_eq(check(9, RMG_KIND_STATE, &root), JIT_ENOENT);
    ck_assert_int_eq(sign_again(10, "checkpoint", &root), JIT_EBASE);
    ck_assert_int_eq(sign_again(10, RMG_KIND_STATE, &other), JIT_EBASE);
}
END_TEST

/* The order of signing does not show. */
START_TEST(order_does_not_matter)
{
    uint8_t first[4096];
    for (unsigned n = 0; n < 5; n++) {
        ck_assert_int_eq(sign_again(n, RMG_KIND_STATE, &root), JIT_OK);
    }
    size_t size = buf.size;
    memcpy(first, buf.data, size);
    jit_buf_reset(&buf);
    for (unsigned n = 5; n-- > 0;) {
        ck_assert_int_eq(sign_again(n, RMG_KIND_STATE, &root), JIT_OK);
    }
    ck_assert_uint_eq(buf.size, size);
    ck_assert_mem_eq(buf.data, first, size);
}
END_TEST

START_TEST(every_flipped_bit)
{
    uint8_t key[JIT_SIGN_PUBLIC_BYTES];
    uint8_t seed[JIT_SIGN_SEED_BYTES];
    seed_of(1, seed);
    jit_sign_public(seed, key);
    ck_assert_int_eq(sign_again(1, RMG_KIND_STATE, &root), JIT_OK);
    for (size_t bit = 0; bit < buf.size * 8; bit++) {
        struct rmg_envelope envelope;
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool good = rmg_envelope_read(buf.data, buf.size, &envelope) == JIT_OK &&
                    rmg_envelope_check(&envelope, RMG_KIND_STATE, &root, key) == JIT_OK;
        ck_assert_msg(!good, "bit %zu", bit);
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < buf.size; size++) {
        struct rmg_envelope envelope;
        uint8_t *exact = malloc(size + 1);
        memcpy(exact, buf.data, size);
        ck_assert_int_ne(rmg_envelope_read(exact, size, &envelope), JIT_OK);
        free(exact);
    }
}
END_TEST

START_TEST(limits)
{
    struct rmg_envelope envelope;
    ck_assert_int_eq(sign_again(1, "", &root), JIT_EINVALID);
    ck_assert_int_eq(sign_again(1, "State", &root), JIT_EINVALID);
    ck_assert_int_eq(sign_again(1, "abcdefghijklmnopqrstuvwxyz-abcdef", &root), JIT_EINVALID);
    ck_assert_int_eq(sign_again(1, "abcdefghijklmnopqrstuvwxyz-abcde", &root), JIT_OK);
    jit_buf_reset(&buf);
    for (unsigned n = 0; n < RMG_ENVELOPE_SIGNERS_MAX; n++) {
        ck_assert_int_eq(sign_again(n, RMG_KIND_STATE, &root), JIT_OK);
    }
    ck_assert_int_eq(sign_again(RMG_ENVELOPE_SIGNERS_MAX, RMG_KIND_STATE, &root), JIT_ELIMIT);
    ck_assert_int_eq(sign_again(7, RMG_KIND_STATE, &root), JIT_OK); /* again, not more */
    ck_assert_int_eq(check(255, RMG_KIND_STATE, &root), JIT_OK);
    /* Ten billion signers in a few bytes: nothing is allocated, nothing believed. */
    memset(buf.data + 4 + 4 + 1 + 5 + 32, 0xff, 4);
    ck_assert_int_eq(rmg_envelope_read(buf.data, 4 + 4 + 1 + 5 + 32 + 4, &envelope), JIT_EFORMAT);
}
END_TEST

static void fill(Suite *suite)
{
    TCase *tcase = test_case(suite, "envelope", 20);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, known_answer);
    tcase_add_test(tcase, several_signers);
    tcase_add_test(tcase, order_does_not_matter);
    tcase_add_test(tcase, every_flipped_bit);
    tcase_add_test(tcase, limits);
}

TEST_MAIN("rmg/file/envelope", fill)

#include "base/sign.h"

#include <sodium.h>

#include "base/check.h"

static void begin(void)
{
    int got = sodium_init(); /* 1: it was done before, by whatever thread */
    assert(got >= 0);        /* no random numbers on this machine at all */
}

void jit_sign_new_seed(uint8_t seed[JIT_SIGN_SEED_BYTES])
{
    begin();
    randombytes_buf(seed, JIT_SIGN_SEED_BYTES);
}

void jit_sign_forget(void *secret, size_t size)
{
    sodium_memzero(secret, size);
}

void jit_sign_public(const uint8_t seed[JIT_SIGN_SEED_BYTES],
                     uint8_t public_key[JIT_SIGN_PUBLIC_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    begin();
    (void)crypto_sign_seed_keypair(public_key, secret, seed);
    sodium_memzero(secret, sizeof secret);
}

void jit_sign(const uint8_t seed[JIT_SIGN_SEED_BYTES], const void *bytes, size_t size,
              uint8_t signature[JIT_SIGNATURE_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t public_key[JIT_SIGN_PUBLIC_BYTES];
    begin();
    (void)crypto_sign_seed_keypair(public_key, secret, seed);
    (void)crypto_sign_detached(signature, NULL, bytes, size, secret);
    sodium_memzero(secret, sizeof secret);
}

bool jit_sign_check(const uint8_t public_key[JIT_SIGN_PUBLIC_BYTES], const void *bytes, size_t size,
                    const uint8_t signature[JIT_SIGNATURE_BYTES])
{
    begin();
    return crypto_sign_verify_detached(signature, bytes, size, public_key) == 0;
}

/* base/sign.h - Ed25519 signatures (RFC 8032), by libsodium. A library of its own: what signs or
 * checks links base/libsign.la.
 * Determinism: the same seed and bytes give the same signature. */
#ifndef JIT_BASE_SIGN_H
#define JIT_BASE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JIT_SIGN_SEED_BYTES   32u /* the secret key */
#define JIT_SIGN_PUBLIC_BYTES 32u
#define JIT_SIGNATURE_BYTES   64u

/* A new secret from the operating system's random numbers. */
void jit_sign_new_seed(uint8_t seed[JIT_SIGN_SEED_BYTES]);
/* Overwrite a secret that is no longer needed, also where the compiler sees no use in it. */
void jit_sign_forget(void *secret, size_t size);

void jit_sign_public(const uint8_t seed[JIT_SIGN_SEED_BYTES],
                     uint8_t public_key[JIT_SIGN_PUBLIC_BYTES]);
void jit_sign(const uint8_t seed[JIT_SIGN_SEED_BYTES], const void *bytes, size_t size,
              uint8_t signature[JIT_SIGNATURE_BYTES]);
bool jit_sign_check(const uint8_t public_key[JIT_SIGN_PUBLIC_BYTES], const void *bytes, size_t size,
                    const uint8_t signature[JIT_SIGNATURE_BYTES]);

#endif

/* rmg/file/envelope.h - signatures on a root: who stands for this state.
 * Spec:  docs/spec/signature.md says every byte. Layer: rmg; base only (base/sign.h).
 *
 * An envelope lies beside what it signs and names it by kind and root. Each signature is Ed25519
 * over "jitos:sig:v1" || kind || root, so that one for a state never passes for one of a
 * checkpoint. Whom to trust is the reader's affair: an envelope carries keys and proves only that
 * their owners signed. */
#ifndef JIT_RMG_ENVELOPE_H
#define JIT_RMG_ENVELOPE_H

#include "base/buf.h"
#include "base/sign.h"

#define RMG_KIND_STATE           "state"
#define RMG_ENVELOPE_KIND_MAX    32u
#define RMG_ENVELOPE_SIGNERS_MAX 256u

struct rmg_envelope {
    char kind[RMG_ENVELOPE_KIND_MAX + 1];
    struct jit_id root;
    uint32_t count;
    const uint8_t *signatures; /* borrowed: count times public key and signature, keys ascending */
};

/* The form only; whether signatures are right, rmg_envelope_check() says. Errors: JIT_EFORMAT,
 * JIT_EVERSION. */
JIT_MUST_CHECK enum jit_err rmg_envelope_read(const void *bytes, size_t size,
                                              struct rmg_envelope *out);

/* The key of the index-th signer. */
const uint8_t *rmg_envelope_signer(const struct rmg_envelope *envelope, uint32_t index);

/* Did this signer sign this root as this kind? Errors: JIT_ENOENT (there is no signature of it),
 * JIT_EBASE (the envelope is for something else), JIT_ECORRUPT (the signature is wrong). */
JIT_MUST_CHECK enum jit_err rmg_envelope_check(const struct rmg_envelope *envelope,
                                               const char *kind, const struct jit_id *root,
                                               const uint8_t signer[JIT_SIGN_PUBLIC_BYTES]);

/* Append an envelope with those signatures and a new one; a signature of the same key is replaced.
 * before NULL: none yet. Errors: JIT_EINVALID (kind: 1 to 32 of a to z and -), JIT_EBASE (before
 * is for something else), JIT_ELIMIT (too many signers), JIT_ENOMEM. */
JIT_MUST_CHECK enum jit_err rmg_envelope_sign(const struct rmg_envelope *before, const char *kind,
                                              const struct jit_id *root,
                                              const uint8_t seed[JIT_SIGN_SEED_BYTES],
                                              struct jit_buf *out);

#endif

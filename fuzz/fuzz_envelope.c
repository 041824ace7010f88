/* Any bytes as an envelope of signatures: refused, or well-formed; then every signer it names is
 * judged, and signing it once more gives an envelope that reads. */
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "rmg/file/envelope.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/envelope", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t seed[JIT_SIGN_SEED_BYTES] = {1, 2, 3};
    uint8_t key[JIT_SIGN_PUBLIC_BYTES];
    struct rmg_envelope envelope;
    struct rmg_envelope again;
    struct jit_buf buf;
    enum jit_err err = rmg_envelope_read(bytes, size, &envelope);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION);
    if (err != JIT_OK) {
        return 0;
    }
    fuzz_take();
    for (uint32_t i = 0; i < envelope.count && i < 4; i++) {
        err = rmg_envelope_check(&envelope, envelope.kind, &envelope.root,
                                 rmg_envelope_signer(&envelope, i));
        assert(err == JIT_OK || err == JIT_ECORRUPT);
    }
    jit_buf_init(&buf, jit_heap_libc(), 1u << 16);
    err = rmg_envelope_sign(&envelope, envelope.kind, &envelope.root, seed, &buf);
    assert(err == JIT_OK || (err == JIT_ELIMIT && envelope.count == RMG_ENVELOPE_SIGNERS_MAX));
    if (err == JIT_OK) {
        jit_sign_public(seed, key);
        err = rmg_envelope_read(buf.data, buf.size, &again);
        assert(err == JIT_OK);
        err = rmg_envelope_check(&again, again.kind, &again.root, key);
        assert(err == JIT_OK);
    }
    jit_buf_release(&buf);
    return 0;
}

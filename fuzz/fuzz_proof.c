/* Any bytes as a proof: refused, or it leads to a root; what it borrows lies in it. The one true
 * proof of the corpus must not be all that leads anywhere. */
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "rmg/file/proof.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/proof", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rmg_proof proof;
    enum jit_err err = rmg_proof_read(bytes, size, &proof);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION);
    if (err == JIT_OK) {
        fuzz_take();
        assert(proof.plane >= RMG_PROOF_NODES && proof.plane <= RMG_PROOF_INSTANCES);
        assert(proof.present == (proof.record != NULL));
        assert(proof.record == NULL || (proof.record >= bytes && proof.record_size <= size &&
                                        proof.record + proof.record_size <= bytes + size));
    }
    return 0;
}

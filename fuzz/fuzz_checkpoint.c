/* Any bytes as the manifest of a checkpoint, or as a checkpoint in one file: refused in words, or
 * the manifest is written as the same bytes again and the state it speaks of has its root.
 *
 * Shape:  the first byte says what the rest is: bit 0 a file, else a manifest; bit 1: hashes and
 * signature, which no chance finds, are put right first. */
#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "fuzz/fuzz.h"
#include "kernel/checkpoint/checkpoint.h"
#include "rmg/file/envelope.h"
#include "rmg/file/file.h"

const char *const fuzz_corpus[] = {"fuzz/corpus/checkpoint", NULL};

#define IS_FILE     1u
#define MEND        2u
#define ARENA_BYTES (1u << 20)
#define SIZE_MAX_IN 65536u

static const uint8_t seed[JIT_SIGN_SEED_BYTES] = {7};

static void check_manifest(const uint8_t *bytes, size_t size)
{
    struct ckpt_manifest manifest;
    struct ckpt_manifest judged;
    struct jit_buf again;
    uint8_t signer[JIT_SIGN_PUBLIC_BYTES];
    const char *why = NULL;
    size_t end = 1;
    enum jit_err err = ckpt_manifest_decode(bytes, size, &manifest, &end);
    assert(err == JIT_OK || err == JIT_EFORMAT || err == JIT_EVERSION);
    if (err == JIT_OK) {
        struct jit_id id = manifest.id;
        jit_buf_init(&again, jit_heap_libc(), CKPT_MANIFEST_MAX);
        ckpt_manifest_encode(&manifest, &again);
        assert(again.err == JIT_OK && again.size == end && end <= size);
        assert(memcmp(again.data, bytes, end) == 0 && jit_id_equal(&id, &manifest.id));
        jit_buf_release(&again);
    }
    enum jit_err check = ckpt_manifest_check(bytes, size, &judged, signer, &why);
    assert(check == JIT_OK ? err == JIT_OK && why[0] == '\0' : why[0] != '\0');
}

/* What was put right is right: the state is the one that was signed, or it is told why not. */
static void check_file(const uint8_t *bytes, size_t size, bool mended)
{
    struct ckpt_bundle bundle;
    const char *why = NULL;
    enum jit_err err = ckpt_bundle_open(bytes, size, &bundle, &why);
    assert(err == JIT_OK || err == JIT_ECORRUPT || err == JIT_EVERSION);
    assert(err == JIT_OK || why[0] != '\0');
    if (err != JIT_OK) {
        return;
    }
    assert(mended || bundle.state_size > 0);
    struct rmg_arena *arena = NULL;
    struct rmg_store *store = NULL;
    struct rmg_version version;
    err = rmg_arena_new(jit_heap_libc(), ARENA_BYTES, &arena);
    assert(err == JIT_OK);
    struct rmg_store_options options = {.arenas = {arena}, .arena_count = 1};
    err = rmg_store_new(jit_heap_libc(), &options, &store);
    assert(err == JIT_OK);
    err = ckpt_bundle_load(jit_heap_libc(), &bundle, store, &version, &why);
    assert(err == JIT_OK || err == JIT_ECORRUPT || err == JIT_ENOSPC || err == JIT_ELIMIT);
    if (err == JIT_OK) {
        fuzz_take();
        assert(jit_id_equal(&version.state_root, &bundle.manifest.state_root));
        struct rmg_fault fault;
        err = rmg_store_verify(store, &version, &fault);
        assert(err == JIT_OK);
        struct kern_beside beside;
        kern_beside_init(&beside, jit_heap_libc());
        err = ckpt_bundle_load_beside(jit_heap_libc(), &bundle, &beside, &why);
        assert(err == JIT_OK || (err == JIT_ECORRUPT && why[0] != '\0') || err == JIT_ELIMIT ||
               err == JIT_ENOSPC);
        kern_beside_release(&beside);
    } else {
        assert(err != JIT_ECORRUPT || why[0] != '\0');
    }
    rmg_store_free(store);
    rmg_arena_free(jit_heap_libc(), arena);
}

/* The manifest at the front of bytes, signed; out is empty when there is none. */
static void sign(const uint8_t *bytes, size_t size, const struct jit_id *state, uint64_t state_size,
                 struct jit_buf *out)
{
    struct ckpt_manifest manifest;
    size_t end = 0;
    if (ckpt_manifest_decode(bytes, size, &manifest, &end) != JIT_OK) {
        return;
    }
    if (state != NULL) {
        manifest.segment_count = 1;
        manifest.segments[0].id = *state;
        manifest.segments[0].size = state_size;
    }
    ckpt_manifest_encode(&manifest, out);
    enum jit_err err = rmg_envelope_sign(NULL, CKPT_KIND, &manifest.id, seed, out);
    assert(err == JIT_OK);
}

static void check_mended_file(const uint8_t *bytes, size_t size)
{
    struct jit_buf file;
    struct jit_buf tail;
    struct jit_id state;
    uint64_t state_size = size < CKPT_BUNDLE_HEAD ? 0 : jit_le64(bytes + 8);
    if (size < CKPT_BUNDLE_HEAD || state_size > size - CKPT_BUNDLE_HEAD) {
        return;
    }
    jit_buf_init(&file, jit_heap_libc(), 2 * SIZE_MAX_IN);
    jit_buf_init(&tail, jit_heap_libc(), SIZE_MAX_IN);
    jit_hash(bytes + CKPT_BUNDLE_HEAD, state_size, &state);
    sign(bytes + CKPT_BUNDLE_HEAD + state_size, size - CKPT_BUNDLE_HEAD - state_size, &state,
         state_size, &tail);
    jit_buf_put(&file, bytes, CKPT_BUNDLE_HEAD + state_size);
    jit_buf_put(&file, tail.data, tail.size);
    assert(file.err == JIT_OK);
    check_file(file.data, file.size, true);
    jit_buf_release(&tail);
    jit_buf_release(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct jit_buf mended;
    if (size == 0 || size > SIZE_MAX_IN / 2) {
        return 0;
    }
    unsigned how = bytes[0];
    bytes++;
    size--;
    if ((how & IS_FILE) != 0) {
        check_file(bytes, size, false);
        if ((how & MEND) != 0) {
            check_mended_file(bytes, size);
        }
        return 0;
    }
    check_manifest(bytes, size);
    if ((how & MEND) != 0) {
        jit_buf_init(&mended, jit_heap_libc(), SIZE_MAX_IN);
        sign(bytes, size, NULL, 0, &mended);
        check_manifest(mended.data, mended.size);
        jit_buf_release(&mended);
    }
    return 0;
}

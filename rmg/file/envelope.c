#include "rmg/file/envelope.h"

#include <string.h>

#include "base/cursor.h"

#define MAJOR        1u
#define MINOR        0u
#define ENTRY_BYTES  (JIT_SIGN_PUBLIC_BYTES + JIT_SIGNATURE_BYTES)
#define PREFIX       "jitos:sig:v1"
#define MESSAGE_SIZE (sizeof PREFIX - 1 + RMG_ENVELOPE_KIND_MAX + JIT_ID_BYTES)

static const uint8_t magic[4] = {0x4a, 0x53, 0x47, 0x00};

static bool kind_fits(const char *kind, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((kind[i] < 'a' || kind[i] > 'z') && kind[i] != '-') {
            return false;
        }
    }
    return size > 0 && size <= RMG_ENVELOPE_KIND_MAX;
}

/* What is signed. The root has a fixed length and stands last, so kind needs no length. */
static size_t message(const char *kind, const struct jit_id *root, uint8_t out[MESSAGE_SIZE])
{
    size_t size = strlen(kind);
    memcpy(out, PREFIX, sizeof PREFIX - 1);
    memcpy(out + sizeof PREFIX - 1, kind, size);
    memcpy(out + sizeof PREFIX - 1 + size, root->bytes, JIT_ID_BYTES);
    return sizeof PREFIX - 1 + size + JIT_ID_BYTES;
}

const uint8_t *rmg_envelope_signer(const struct rmg_envelope *envelope, uint32_t index)
{
    return envelope->signatures + (size_t)index * ENTRY_BYTES;
}

enum jit_err rmg_envelope_read(const void *bytes, size_t size, struct rmg_envelope *out)
{
    struct jit_cursor cur = jit_cursor_of(bytes, size);
    const uint8_t *at = jit_get_bytes(&cur, sizeof magic);
    memset(out, 0, sizeof *out);
    if (at == NULL || memcmp(at, magic, sizeof magic) != 0) {
        return JIT_EFORMAT;
    }
    uint16_t major = jit_get_u16(&cur);
    uint16_t minor = jit_get_u16(&cur);
    if (!cur.bad && (major != MAJOR || minor != MINOR)) {
        return JIT_EVERSION;
    }
    uint8_t kind_size = jit_get_u8(&cur);
    const uint8_t *kind = jit_get_bytes(&cur, kind_size);
    if (kind == NULL || !kind_fits((const char *)kind, kind_size)) {
        return JIT_EFORMAT;
    }
    memcpy(out->kind, kind, kind_size);
    jit_get_id(&cur, &out->root);
    out->count = jit_get_u32(&cur);
    if (out->count == 0 || out->count > RMG_ENVELOPE_SIGNERS_MAX) {
        return JIT_EFORMAT;
    }
    out->signatures = jit_get_bytes(&cur, (uint64_t)out->count * ENTRY_BYTES);
    for (uint32_t i = 1; out->signatures != NULL && i < out->count; i++) {
        cur.bad = cur.bad || memcmp(rmg_envelope_signer(out, i - 1), rmg_envelope_signer(out, i),
                                    JIT_SIGN_PUBLIC_BYTES) >= 0;
    }
    return jit_cursor_done(&cur) ? JIT_OK : JIT_EFORMAT;
}

enum jit_err rmg_envelope_check(const struct rmg_envelope *envelope, const char *kind,
                                const struct jit_id *root,
                                const uint8_t signer[JIT_SIGN_PUBLIC_BYTES])
{
    uint8_t bytes[MESSAGE_SIZE];
    if (strcmp(envelope->kind, kind) != 0 || !jit_id_equal(&envelope->root, root)) {
        return JIT_EBASE;
    }
    for (uint32_t i = 0; i < envelope->count; i++) {
        const uint8_t *entry = rmg_envelope_signer(envelope, i);
        if (memcmp(entry, signer, JIT_SIGN_PUBLIC_BYTES) == 0) {
            return jit_sign_check(signer, bytes, message(kind, root, bytes),
                                  entry + JIT_SIGN_PUBLIC_BYTES)
                       ? JIT_OK
                       : JIT_ECORRUPT;
        }
    }
    return JIT_ENOENT;
}

enum jit_err rmg_envelope_sign(const struct rmg_envelope *before, const char *kind,
                               const struct jit_id *root, const uint8_t seed[JIT_SIGN_SEED_BYTES],
                               struct jit_buf *out)
{
    uint8_t entry[ENTRY_BYTES];
    uint8_t bytes[MESSAGE_SIZE];
    size_t kind_size = strlen(kind);
    uint32_t count = before == NULL ? 0 : before->count;
    uint32_t place = 0; /* of the new one among the old ones */
    if (!kind_fits(kind, kind_size)) {
        return JIT_EINVALID;
    }
    if (before != NULL && (strcmp(before->kind, kind) != 0 || !jit_id_equal(&before->root, root))) {
        return JIT_EBASE;
    }
    jit_sign_public(seed, entry);
    jit_sign(seed, bytes, message(kind, root, bytes), entry + JIT_SIGN_PUBLIC_BYTES);
    while (place < count &&
           memcmp(rmg_envelope_signer(before, place), entry, JIT_SIGN_PUBLIC_BYTES) < 0) {
        place++;
    }
    bool again = place < count &&
                 memcmp(rmg_envelope_signer(before, place), entry, JIT_SIGN_PUBLIC_BYTES) == 0;
    uint32_t after = place + (again ? 1u : 0u);
    if (place + 1u + (count - after) > RMG_ENVELOPE_SIGNERS_MAX) {
        return JIT_ELIMIT;
    }
    jit_buf_put(out, magic, sizeof magic);
    jit_buf_put_u16(out, MAJOR);
    jit_buf_put_u16(out, MINOR);
    jit_buf_put_u8(out, (uint8_t)kind_size);
    jit_buf_put(out, kind, kind_size);
    jit_buf_put_id(out, root);
    jit_buf_put_u32(out, place + 1u + (count - after));
    if (place > 0) {
        jit_buf_put(out, before->signatures, (size_t)place * ENTRY_BYTES);
    }
    jit_buf_put(out, entry, sizeof entry);
    if (count > after) {
        jit_buf_put(out, rmg_envelope_signer(before, after), (size_t)(count - after) * ENTRY_BYTES);
    }
    return out->err;
}

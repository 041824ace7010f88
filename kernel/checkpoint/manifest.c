/* kernel/checkpoint/manifest.c - the bytes of a manifest, and the key it is signed with.
 * The layout is docs/spec/checkpoint.md. */
#include "kernel/checkpoint/manifest.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "rmg/file/envelope.h"

#define MANIFEST_MAGIC 0x504B434Au /* "JCKP" */
#define MANIFEST_MAJOR 1u
#define MANIFEST_MINOR 1u /* of those that have something beside the state; else 0 */
#define SIZE_AT        8u

#define KEY_FILE   "KEY"
#define KEY_TMP    "KEY.tmp"
#define KEY_PREFIX "jitos-secret-key-v1 "
#define KEY_BYTES  (sizeof KEY_PREFIX - 1 + 64 + 1)

bool ckpt_name_good(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(name);
    return size >= 1 && size <= CKPT_NAME_MAX && strspn(name, letters) == size && name[0] != '.' &&
           name[0] != '-';
}

void ckpt_manifest_name(const struct jit_id *id, char name[CKPT_FILE_NAME_MAX])
{
    char hex[JIT_ID_HEX];
    jit_id_to_hex(id, hex);
    (void)snprintf(name, CKPT_FILE_NAME_MAX, CKPT_DIR "/%s" CKPT_SUFFIX, hex);
}

/* ---- writing ---- */

static void put_text(struct jit_buf *buf, const char *text)
{
    size_t size = strlen(text);
    jit_buf_put_u16(buf, (uint16_t)size);
    jit_buf_put(buf, text, size);
}

static void put_mark(struct jit_buf *buf, const struct log_mark *mark)
{
    jit_buf_put_u64(buf, mark->segment);
    jit_buf_put_u64(buf, mark->offset);
    jit_buf_put_u64(buf, mark->number);
    jit_buf_put_u64(buf, mark->tick);
    jit_buf_put_id(buf, &mark->chain);
    jit_buf_put_u32(buf, mark->sealed ? 1 : 0);
}

static uint32_t deviations_kept(const struct kern_deviations *deviations)
{
    return deviations->count < KERN_DEVIATIONS_MAX ? (uint32_t)deviations->count
                                                   : KERN_DEVIATIONS_MAX;
}

static bool has_beside(const struct ckpt_manifest *m)
{
    return m->segment_count > 0 && m->segments[m->segment_count - 1].kind >= CKPT_BESIDE;
}

void ckpt_manifest_encode(struct ckpt_manifest *m, struct jit_buf *buf)
{
    size_t begin = buf->size;
    assert(m->segment_count <= CKPT_SEGMENTS_MAX);
    jit_buf_put_u32(buf, MANIFEST_MAGIC);
    jit_buf_put_u16(buf, MANIFEST_MAJOR);
    jit_buf_put_u16(buf, has_beside(m) ? MANIFEST_MINOR : 0);
    jit_buf_put_u64(buf, 0); /* the size, when it is known */
    jit_buf_put_u32(buf, m->policy);
    jit_buf_put(buf, m->uuid, sizeof m->uuid);
    jit_buf_put_u64(buf, m->tick);
    jit_buf_put_id(buf, &m->state_root);
    jit_buf_put_id(buf, &m->commit);
    jit_buf_put_id(buf, &m->genesis);
    jit_buf_put_id(buf, &m->parent);
    jit_buf_put_id(buf, &m->origin);
    put_mark(buf, &m->mark);
    jit_buf_put_u64(buf, m->applied);
    jit_buf_put_u64(buf, m->denied);
    put_text(buf, m->name);
    put_text(buf, m->grade);
    jit_buf_put_u64(buf, m->deviations.count);
    for (uint32_t i = 0; i < deviations_kept(&m->deviations); i++) {
        jit_buf_put_u64(buf, m->deviations.first[i].tick);
        jit_buf_put_u32(buf, (uint32_t)m->deviations.first[i].kind);
        jit_buf_put_id(buf, &m->deviations.first[i].process);
    }
    jit_buf_put_u32(buf, m->segment_count);
    for (uint32_t i = 0; i < m->segment_count; i++) {
        jit_buf_put_u32(buf, (uint32_t)m->segments[i].kind);
        jit_buf_put_id(buf, &m->segments[i].id);
        jit_buf_put_u64(buf, m->segments[i].size);
    }
    if (buf->err == JIT_OK) {
        jit_buf_patch_u64(buf, begin + SIZE_AT, buf->size - begin);
        jit_hash(buf->data + begin, buf->size - begin, &m->id);
    }
}

/* ---- reading ---- */

static void get_text(struct jit_cursor *cur, char *out, size_t size_max)
{
    size_t size = jit_get_u16(cur);
    const uint8_t *bytes = size <= size_max ? jit_get_bytes(cur, size) : NULL;
    if (bytes == NULL || memchr(bytes, 0, size) != NULL) {
        cur->bad = true;
        return;
    }
    memcpy(out, bytes, size);
    out[size] = '\0';
}

static void get_mark(struct jit_cursor *cur, struct log_mark *mark)
{
    mark->segment = jit_get_u64(cur);
    mark->offset = jit_get_u64(cur);
    mark->number = jit_get_u64(cur);
    mark->tick = jit_get_u64(cur);
    jit_get_id(cur, &mark->chain);
    uint32_t sealed = jit_get_u32(cur);
    mark->sealed = sealed == 1;
    cur->bad = cur->bad || sealed > 1;
}

static void get_deviations(struct jit_cursor *cur, struct kern_deviations *out)
{
    out->count = jit_get_u64(cur);
    for (uint32_t i = 0; !cur->bad && i < deviations_kept(out); i++) {
        struct kern_deviation *d = &out->first[i];
        d->tick = jit_get_u64(cur);
        uint32_t kind = jit_get_u32(cur);
        jit_get_id(cur, &d->process);
        cur->bad = cur->bad || (kind != KERN_HAPPENED_FAILED && kind != KERN_HAPPENED_HUNG);
        d->kind = (enum kern_record_event_kind)kind;
    }
}

/* A whole state first, then patches on it; then the same of what is beside it. */
static bool segments_good(const struct ckpt_manifest *m)
{
    enum ckpt_segment_kind before = 0;
    for (uint32_t i = 0; i < m->segment_count; i++) {
        const enum ckpt_segment_kind kind = m->segments[i].kind;
        const bool follows = kind == CKPT_STATE          ? i == 0
                             : kind == CKPT_PATCH        ? before == CKPT_STATE || before == kind
                             : kind == CKPT_BESIDE       ? i > 0 && before < kind
                             : kind == CKPT_BESIDE_PATCH ? before == CKPT_BESIDE || before == kind
                                                         : false;
        if (!follows || m->segments[i].size == 0) {
            return false;
        }
        before = kind;
    }
    return m->segment_count > 0;
}

static bool mark_good(const struct ckpt_manifest *m)
{
    const struct log_mark *mark = &m->mark;
    bool place = mark->segment >= 1 && mark->offset >= LOG_BLOCK_BYTES && mark->offset % 8 == 0;
    bool start = mark->number > 0 || (mark->segment == 1 && mark->offset == LOG_BLOCK_BYTES &&
                                      !mark->sealed && jit_id_is_zero(&mark->chain));
    return place && start && mark->tick <= m->tick + 1 && m->tick < UINT64_MAX;
}

static void get_segments(struct jit_cursor *cur, struct ckpt_manifest *out)
{
    out->segment_count = jit_get_u32(cur);
    if (out->segment_count > CKPT_SEGMENTS_MAX) {
        cur->bad = true;
        out->segment_count = 0;
    }
    for (uint32_t i = 0; !cur->bad && i < out->segment_count; i++) {
        out->segments[i].kind = (enum ckpt_segment_kind)jit_get_u32(cur);
        jit_get_id(cur, &out->segments[i].id);
        out->segments[i].size = jit_get_u64(cur);
    }
}

enum jit_err ckpt_manifest_decode(const uint8_t *bytes, size_t bytes_size,
                                  struct ckpt_manifest *out, size_t *size)
{
    struct jit_cursor cur = jit_cursor_of(bytes, bytes_size);
    memset(out, 0, sizeof *out);
    *size = 0;
    if (jit_get_u32(&cur) != MANIFEST_MAGIC) {
        return JIT_EFORMAT;
    }
    uint16_t major = jit_get_u16(&cur);
    uint16_t minor = jit_get_u16(&cur);
    if (!cur.bad && (major != MANIFEST_MAJOR || minor > MANIFEST_MINOR)) {
        return JIT_EVERSION;
    }
    uint64_t claimed = jit_get_u64(&cur);
    if (cur.bad || claimed > bytes_size || claimed < SIZE_AT + 8) {
        return JIT_EFORMAT;
    }
    cur.left = (size_t)claimed - (SIZE_AT + 8);
    out->policy = jit_get_u32(&cur);
    const uint8_t *uuid = jit_get_bytes(&cur, LOG_UUID_BYTES);
    if (uuid != NULL) {
        memcpy(out->uuid, uuid, LOG_UUID_BYTES);
    }
    out->tick = jit_get_u64(&cur);
    jit_get_id(&cur, &out->state_root);
    jit_get_id(&cur, &out->commit);
    jit_get_id(&cur, &out->genesis);
    jit_get_id(&cur, &out->parent);
    jit_get_id(&cur, &out->origin);
    get_mark(&cur, &out->mark);
    out->applied = jit_get_u64(&cur);
    out->denied = jit_get_u64(&cur);
    get_text(&cur, out->name, CKPT_NAME_MAX);
    get_text(&cur, out->grade, CKPT_GRADE_MAX);
    get_deviations(&cur, &out->deviations);
    get_segments(&cur, out);
    if (!jit_cursor_done(&cur) || !segments_good(out) ||
        (minor == MANIFEST_MINOR) != has_beside(out) || !mark_good(out) ||
        (out->name[0] != '\0' && !ckpt_name_good(out->name))) {
        return JIT_EFORMAT;
    }
    jit_hash(bytes, (size_t)claimed, &out->id);
    *size = (size_t)claimed;
    return JIT_OK;
}

enum jit_err ckpt_manifest_check(const uint8_t *bytes, size_t size, struct ckpt_manifest *out,
                                 uint8_t signer[JIT_SIGN_PUBLIC_BYTES], const char **why)
{
    struct rmg_envelope envelope;
    size_t at = 0;
    enum jit_err err = ckpt_manifest_decode(bytes, size, out, &at);
    *why = "";
    if (err == JIT_EVERSION) {
        *why = "a checkpoint of a newer format than this program knows";
        return err;
    }
    if (err != JIT_OK) {
        *why = "its bytes are damaged";
        return JIT_ECORRUPT;
    }
    if (out->policy > RMG_POLICY) {
        *why = "it was made by an engine of a newer policy than this program's";
        return JIT_EVERSION;
    }
    if (at == size) {
        *why = "it is not signed";
        return JIT_ECORRUPT;
    }
    err = rmg_envelope_read(bytes + at, size - at, &envelope);
    if (err != JIT_OK) {
        *why = err == JIT_EVERSION ? "a signature of a newer format than this program knows"
                                   : "its signature is damaged";
        return err == JIT_EVERSION ? err : JIT_ECORRUPT;
    }
    for (uint32_t i = 0; i < envelope.count; i++) {
        if (rmg_envelope_check(&envelope, CKPT_KIND, &out->id, rmg_envelope_signer(&envelope, i)) !=
            JIT_OK) {
            *why = "its signature is wrong";
            return JIT_ECORRUPT;
        }
    }
    if (signer != NULL) {
        memcpy(signer, rmg_envelope_signer(&envelope, 0), JIT_SIGN_PUBLIC_BYTES);
    }
    return JIT_OK;
}

/* ---- the key ---- */

static enum jit_err key_read(struct jit_io *io, uint8_t seed[JIT_SIGN_SEED_BYTES])
{
    char text[KEY_BYTES + 1];
    struct jit_id key;
    uint64_t got = 0;
    int file = -1;
    enum jit_err err = io->open(io, KEY_FILE, 0, &file);
    if (err != JIT_OK) {
        return err;
    }
    err = io->pread(io, file, text, sizeof text, 0, &got);
    io->close(io, file);
    if (err == JIT_OK &&
        (got != KEY_BYTES || memcmp(text, KEY_PREFIX, sizeof KEY_PREFIX - 1) != 0 ||
         text[KEY_BYTES - 1] != '\n' ||
         jit_id_from_hex(text + sizeof KEY_PREFIX - 1, 64, &key) != JIT_OK)) {
        err = JIT_EFORMAT;
    }
    if (err == JIT_OK) {
        memcpy(seed, key.bytes, JIT_SIGN_SEED_BYTES);
        jit_sign_forget(&key, sizeof key);
    }
    jit_sign_forget(text, sizeof text);
    return err;
}

static enum jit_err key_write(struct jit_io *io, const uint8_t seed[JIT_SIGN_SEED_BYTES])
{
    char text[KEY_BYTES + 1];
    struct jit_id key;
    int file = -1;
    memcpy(key.bytes, seed, JIT_SIGN_SEED_BYTES);
    memcpy(text, KEY_PREFIX, sizeof KEY_PREFIX - 1);
    jit_id_to_hex(&key, text + sizeof KEY_PREFIX - 1);
    text[KEY_BYTES - 1] = '\n';
    enum jit_err err = io->open(io, KEY_TMP, JIT_IO_CREATE, &file);
    if (err == JIT_OK) {
        err = io->pwrite(io, file, text, KEY_BYTES, 0);
        err = err == JIT_OK ? io->sync(io, file) : err;
        io->close(io, file);
    }
    jit_sign_forget(text, sizeof text);
    jit_sign_forget(&key, sizeof key);
    err = err == JIT_OK ? io->rename(io, KEY_TMP, KEY_FILE) : err;
    return err == JIT_OK ? io->syncdir(io, "") : err;
}

enum jit_err ckpt_key(struct jit_io *io, bool make, uint8_t seed[JIT_SIGN_SEED_BYTES])
{
    enum jit_err err = key_read(io, seed);
    if (err == JIT_ENOENT && make) {
        jit_sign_new_seed(seed);
        err = key_write(io, seed);
    }
    return err;
}

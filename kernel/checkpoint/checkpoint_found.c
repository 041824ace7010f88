/* kernel/checkpoint/checkpoint_found.c - a new data folder that begins with a checkpoint, and a
 * checkpoint as one file for other machines. */
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "kernel/log/blob.h"
#include "kernel/checkpoint/checkpoint.h"
#include "rmg/file/envelope.h"
#include "rmg/file/file.h"

#define BUNDLE_MAGIC 0x584B434Au /* "JCKX" */
#define BUNDLE_MAJOR 1u
#define BUNDLE_MINOR 1u /* of those that have something beside the state; else 0 */
#define BUNDLE_HEAD  16u
#define BESIDE_HEAD  16u /* before what is beside the state: its size, and zeros */

/* ---- a new folder ---- */

enum jit_err ckpt_found(struct ckpt_job *job, const struct ckpt_found_options *options)
{
    struct ckpt_manifest *m = &job->manifest;
    struct log_report report;
    struct log *log = NULL;
    /* Manifests of a try that was cut off belong to a log that never was. */
    enum jit_err err = job->io->mkdir(job->io, CKPT_DIR);
    if (err == JIT_OK) {
        err = ckpt_remove_others(job->heap, job->io, NULL, 0, NULL);
    }
    if (err != JIT_OK) {
        return err;
    }
    memcpy(m->uuid, options->uuid, LOG_UUID_BYTES);
    m->mark = (struct log_mark){.segment = 1, .offset = LOG_BLOCK_BYTES, .tick = m->tick + 1};
    job->base_manifest = NULL;
    job->sync_log = false;
    job->founding = true;
    struct ckpt_manifest source;
    if (options->bring != NULL) {
        source = *options->source;
        while (source.segments[source.segment_count - 1].kind > CKPT_PATCH) {
            source.segment_count--; /* the state alone: it begins with one */
        }
        err = options->bring(options->user, &source);
        if (err == JIT_OK) { /* the same state: nothing differs from it */
            job->base_manifest = &source;
            job->base = job->state;
        }
        err = err == JIT_ENOTSUP ? JIT_OK : err;
    }
    if (err == JIT_OK) {
        err = ckpt_write(job);
    }
    job->base_manifest = NULL; /* it lies here */
    if (err != JIT_OK) {
        return err;
    }
    struct log_options log_options = {.segment_bytes = options->segment_bytes,
                                      .durability = LOG_DURABILITY_TICK,
                                      .from = &m->mark};
    memcpy(log_options.uuid, options->uuid, LOG_UUID_BYTES);
    /* FORMAT comes last: with it the folder is there. */
    err = log_open(job->heap, job->io, &log_options, NULL, NULL, &report, &log);
    log_close(log);
    return err;
}

/* ---- one file ---- */

struct bundle_writer {
    enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size);
    void *user;
    struct jit_hasher hasher;
    uint64_t size;
};

static enum jit_err bundle_piece(void *user, const uint8_t *bytes, size_t size)
{
    struct bundle_writer *w = user;
    jit_hasher_update(&w->hasher, bytes, size);
    w->size += size;
    return w->write(w->user, bytes, size);
}

static void bundle_segment(struct bundle_writer *w, struct ckpt_manifest *manifest,
                           enum ckpt_segment_kind kind)
{
    struct jit_id id;
    jit_hasher_final(&w->hasher, &id);
    ckpt_segment_add(manifest, kind, &id, w->size);
}

static enum jit_err keep_piece(void *user, const uint8_t *bytes, size_t size)
{
    struct jit_buf *buf = user;
    jit_buf_put(buf, bytes, size);
    return buf->err;
}

/* Its size stands before it, so it is made in memory first. */
static enum jit_err bundle_beside(struct jit_heap *heap, const struct ckpt_beside *beside,
                                  struct bundle_writer *w, struct ckpt_manifest *manifest)
{
    struct jit_buf buf;
    uint8_t head[BESIDE_HEAD] = {0};
    jit_buf_init(&buf, heap, SIZE_MAX);
    enum jit_err err = ckpt_beside_encode(heap, beside, true, keep_piece, &buf);
    jit_put_le64(head, buf.size);
    if (err == JIT_OK) {
        err = w->write(w->user, head, sizeof head);
    }
    if (err == JIT_OK) {
        jit_hasher_init(&w->hasher);
        w->size = 0;
        err = bundle_piece(w, buf.data, buf.size);
    }
    if (err == JIT_OK) {
        bundle_segment(w, manifest, CKPT_BESIDE);
    }
    jit_buf_release(&buf);
    return err;
}

static enum jit_err bundle_manifest(struct jit_heap *heap, struct ckpt_manifest *manifest,
                                    const uint8_t seed[JIT_SIGN_SEED_BYTES],
                                    const struct bundle_writer *w)
{
    struct jit_buf bytes;
    jit_buf_init(&bytes, heap, CKPT_MANIFEST_MAX);
    ckpt_manifest_encode(manifest, &bytes);
    enum jit_err err = bytes.err;
    if (err == JIT_OK) {
        err = rmg_envelope_sign(NULL, CKPT_KIND, &manifest->id, seed, &bytes);
    }
    if (err == JIT_OK) {
        err = w->write(w->user, bytes.data, bytes.size);
    }
    jit_buf_release(&bytes);
    return err;
}

enum jit_err ckpt_bundle_write(struct jit_heap *heap, const struct rmg_state *state,
                               const struct ckpt_beside *beside, struct ckpt_manifest *manifest,
                               const uint8_t seed[JIT_SIGN_SEED_BYTES],
                               enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                               void *user, uint8_t head[CKPT_BUNDLE_HEAD])
{
    struct bundle_writer w = {.write = write, .user = user};
    static_assert(BUNDLE_HEAD == CKPT_BUNDLE_HEAD, "one head");
    const bool more = beside != NULL && (beside->own_count > 0 || beside->death_count > 0);
    jit_hasher_init(&w.hasher);
    memset(head, 0, BUNDLE_HEAD);
    enum jit_err err = write(user, head, BUNDLE_HEAD);
    if (err == JIT_OK) {
        err = rmg_file_write(heap, state->store, &state->version, bundle_piece, &w, NULL);
    }
    if (err != JIT_OK) {
        return err;
    }
    const uint64_t state_size = w.size;
    manifest->parent = (struct jit_id){{0}};
    manifest->segment_count = 0;
    bundle_segment(&w, manifest, CKPT_STATE);
    manifest->state_root = state->version.state_root;
    if (more) {
        err = bundle_beside(heap, beside, &w, manifest);
    }
    if (err == JIT_OK) {
        err = bundle_manifest(heap, manifest, seed, &w);
    }
    jit_put_le32(head, BUNDLE_MAGIC);
    jit_put_le16(head + 4, BUNDLE_MAJOR);
    jit_put_le16(head + 6, more ? BUNDLE_MINOR : 0);
    jit_put_le64(head + 8, state_size);
    return err;
}

static bool is_segment(const struct ckpt_segment *segment, const uint8_t *bytes, uint64_t size)
{
    struct jit_id id;
    jit_hash(bytes, size, &id);
    return segment->size == size && jit_id_equal(&segment->id, &id);
}

enum jit_err ckpt_bundle_open(const uint8_t *bytes, uint64_t size, struct ckpt_bundle *out,
                              const char **why)
{
    memset(out, 0, sizeof *out);
    *why = "it is no exported checkpoint";
    if (size < BUNDLE_HEAD || jit_le32(bytes) != BUNDLE_MAGIC) {
        return JIT_ECORRUPT;
    }
    const uint16_t minor = jit_le16(bytes + 6);
    if (jit_le16(bytes + 4) != BUNDLE_MAJOR || minor > BUNDLE_MINOR) {
        *why = "an exported checkpoint of a newer format than this program knows";
        return JIT_EVERSION;
    }
    *why = "it is cut short, or longer than it says";
    const uint64_t state_size = jit_le64(bytes + 8);
    uint64_t left = size - BUNDLE_HEAD;
    if (state_size > left) {
        return JIT_ECORRUPT;
    }
    const uint8_t *tail = bytes + BUNDLE_HEAD + state_size;
    left -= state_size;
    if (minor == BUNDLE_MINOR) {
        if (left < BESIDE_HEAD || jit_le64(tail) > left - BESIDE_HEAD || jit_le64(tail) == 0 ||
            jit_le64(tail + 8) != 0) {
            return JIT_ECORRUPT;
        }
        out->beside = tail + BESIDE_HEAD;
        out->beside_size = jit_le64(tail);
        tail = out->beside + out->beside_size;
        left -= BESIDE_HEAD + out->beside_size;
    }
    if (left > CKPT_MANIFEST_MAX) {
        return JIT_ECORRUPT;
    }
    enum jit_err err = ckpt_manifest_check(tail, (size_t)left, &out->manifest, out->signer, why);
    if (err != JIT_OK) {
        return err;
    }
    const struct ckpt_manifest *m = &out->manifest;
    if (m->segment_count != 1u + minor ||
        !is_segment(&m->segments[0], bytes + BUNDLE_HEAD, state_size) ||
        (minor == BUNDLE_MINOR && (m->segments[1].kind != CKPT_BESIDE ||
                                   !is_segment(&m->segments[1], out->beside, out->beside_size)))) {
        *why = "its state is not the one that was signed";
        return JIT_ECORRUPT;
    }
    out->state = bytes + BUNDLE_HEAD;
    out->state_size = state_size;
    return JIT_OK;
}

enum jit_err ckpt_bundle_load(struct jit_heap *heap, const struct ckpt_bundle *bundle,
                              struct rmg_store *store, struct rmg_version *out, const char **why)
{
    struct rmg_file file;
    *why = "its state does not verify";
    enum jit_err err = rmg_file_open(bundle->state, bundle->state_size, &file, NULL);
    if (err == JIT_OK) {
        err = rmg_file_load(heap, &file, store, out, NULL);
    }
    if (err == JIT_EFORMAT || err == JIT_EVERSION) {
        err = JIT_ECORRUPT;
    }
    if (err == JIT_ENOMEM) {
        *why = jit_err_text(err);
    }
    if (err == JIT_OK && !jit_id_equal(&out->state_root, &bundle->manifest.state_root)) {
        *why = "it names another state than it holds";
        err = JIT_ECORRUPT;
    }
    return err;
}

enum jit_err ckpt_bundle_load_beside(struct jit_heap *heap, const struct ckpt_bundle *bundle,
                                     struct kern_beside *out, const char **why)
{
    enum jit_err err = JIT_OK;
    *why = "";
    if (bundle->beside_size > 0) {
        err = ckpt_beside_decode(heap, bundle->beside, bundle->beside_size, true, out);
    }
    return ckpt_beside_end(out, err, why);
}

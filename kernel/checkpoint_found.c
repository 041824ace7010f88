/* kernel/checkpoint_found.c - a new data folder that begins with a checkpoint, and a checkpoint as
 * one file for other machines. */
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "kernel/blob.h"
#include "kernel/checkpoint.h"
#include "rmg/file/envelope.h"
#include "rmg/file/file.h"

#define BUNDLE_MAGIC 0x584B434Au /* "JCKX" */
#define BUNDLE_MAJOR 1u
#define BUNDLE_MINOR 0u
#define BUNDLE_HEAD  16u

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
    err = ckpt_write(job);
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

enum jit_err ckpt_bundle_write(struct jit_heap *heap, const struct rmg_state *state,
                               struct ckpt_manifest *manifest,
                               const uint8_t seed[JIT_SIGN_SEED_BYTES],
                               enum jit_err (*write)(void *user, const uint8_t *bytes, size_t size),
                               void *user, uint8_t head[CKPT_BUNDLE_HEAD])
{
    struct bundle_writer w = {.write = write, .user = user};
    struct jit_buf bytes;
    static_assert(BUNDLE_HEAD == CKPT_BUNDLE_HEAD, "one head");
    jit_hasher_init(&w.hasher);
    memset(head, 0, BUNDLE_HEAD);
    enum jit_err err = write(user, head, BUNDLE_HEAD);
    if (err == JIT_OK) {
        err = rmg_file_write(heap, state->store, &state->version, bundle_piece, &w, NULL);
    }
    if (err != JIT_OK) {
        return err;
    }
    manifest->parent = (struct jit_id){{0}};
    manifest->segment_count = 1;
    manifest->segments[0] = (struct ckpt_segment){.kind = CKPT_STATE, .size = w.size};
    jit_hasher_final(&w.hasher, &manifest->segments[0].id);
    manifest->state_root = state->version.state_root;
    jit_buf_init(&bytes, heap, CKPT_MANIFEST_MAX);
    ckpt_manifest_encode(manifest, &bytes);
    err = bytes.err;
    if (err == JIT_OK) {
        err = rmg_envelope_sign(NULL, CKPT_KIND, &manifest->id, seed, &bytes);
    }
    if (err == JIT_OK) {
        err = write(user, bytes.data, bytes.size);
    }
    jit_buf_release(&bytes);
    jit_put_le32(head, BUNDLE_MAGIC);
    jit_put_le16(head + 4, BUNDLE_MAJOR);
    jit_put_le16(head + 6, BUNDLE_MINOR);
    jit_put_le64(head + 8, w.size);
    return err;
}

enum jit_err ckpt_bundle_open(const uint8_t *bytes, uint64_t size, struct ckpt_bundle *out,
                              const char **why)
{
    memset(out, 0, sizeof *out);
    *why = "it is no exported checkpoint";
    if (size < BUNDLE_HEAD || jit_le32(bytes) != BUNDLE_MAGIC) {
        return JIT_ECORRUPT;
    }
    if (jit_le16(bytes + 4) != BUNDLE_MAJOR || jit_le16(bytes + 6) > BUNDLE_MINOR) {
        *why = "an exported checkpoint of a newer format than this program knows";
        return JIT_EVERSION;
    }
    uint64_t state_size = jit_le64(bytes + 8);
    if (state_size > size - BUNDLE_HEAD || size - BUNDLE_HEAD - state_size > CKPT_MANIFEST_MAX) {
        *why = "it is cut short, or longer than it says";
        return JIT_ECORRUPT;
    }
    const uint8_t *tail = bytes + BUNDLE_HEAD + state_size;
    enum jit_err err = ckpt_manifest_check(tail, (size_t)(size - BUNDLE_HEAD - state_size),
                                           &out->manifest, out->signer, why);
    if (err != JIT_OK) {
        return err;
    }
    struct jit_id id;
    jit_hash(bytes + BUNDLE_HEAD, state_size, &id);
    const struct ckpt_segment *state = &out->manifest.segments[0];
    if (out->manifest.segment_count != 1 || state->size != state_size ||
        !jit_id_equal(&state->id, &id)) {
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
    if (err == JIT_OK && !jit_id_equal(&out->state_root, &bundle->manifest.state_root)) {
        *why = "it names another state than it holds";
        err = JIT_ECORRUPT;
    }
    return err;
}

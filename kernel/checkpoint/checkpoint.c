/* kernel/checkpoint/checkpoint.c - writing and reading checkpoints. */
#include "kernel/checkpoint/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/log/blob.h"
#include "kernel/checkpoint/checkpoint_image.h"
#include "kernel/log/log_priv.h"
#include "rmg/file/envelope.h"
#include "rmg/file/file.h"

/* ---- writing ---- */

static enum jit_err write_state(struct ckpt_job *job)
{
    struct ckpt_piece piece;
    struct jit_id id;
    uint64_t size = 0;
    enum jit_err err = ckpt_piece_begin(job, &piece);
    if (err != JIT_OK) {
        return err;
    }
    err = rmg_file_write(job->heap, job->state.store, &job->state.version, ckpt_piece_write, &piece,
                         NULL);
    err = ckpt_piece_end(&piece, err, &id, &size);
    if (err == JIT_OK) {
        ckpt_segment_add(&job->manifest, CKPT_STATE, &id, size);
        job->bytes_written += size;
    }
    return err;
}

/* JIT_ELIMIT: what differs is too much, or there is nothing to differ from. */
static enum jit_err write_difference(struct ckpt_job *job)
{
    const struct ckpt_manifest *base = job->base_manifest;
    struct jit_buf patch;
    struct jit_id id;
    uint32_t count = 0;
    while (base != NULL && count < base->segment_count &&
           base->segments[count].kind <= CKPT_PATCH) {
        count++;
    }
    if (base == NULL || count >= CKPT_CHAIN_MAX) {
        return JIT_ELIMIT;
    }
    uint64_t whole = base->segments[0].size;
    uint64_t chain = 0;
    for (uint32_t i = 1; i < count; i++) {
        chain += base->segments[i].size;
    }
    uint64_t bound = whole / 2 > CKPT_CHAIN_BYTES_MIN ? whole / 2 : CKPT_CHAIN_BYTES_MIN;
    bound = bound < JIT_PATCH_BYTES_MAX ? bound : JIT_PATCH_BYTES_MAX;
    if (chain >= bound) {
        return JIT_ELIMIT;
    }
    enum jit_err err = JIT_OK;
    jit_buf_init(&patch, job->heap, bound - chain);
    if (!job->founding) {
        job->manifest.parent = base->id;
    }
    job->manifest.segment_count = count;
    memcpy(job->manifest.segments, base->segments,
           job->manifest.segment_count * sizeof base->segments[0]);
    if (!jit_id_equal(&base->state_root, &job->state.version.state_root)) {
        err = rmg_diff_patch(job->heap, &job->base, &job->state, &patch, NULL);
        if (err == JIT_OK) {
            err = blob_put_in(job->heap, job->io, CKPT_DIR, patch.data, patch.size, &id);
        }
        if (err == JIT_OK) {
            ckpt_segment_add(&job->manifest, CKPT_PATCH, &id, patch.size);
            job->bytes_written += patch.size;
        }
    }
    jit_buf_release(&patch);
    if (err != JIT_OK) {
        memset(&job->manifest.parent, 0, sizeof job->manifest.parent);
        job->manifest.segment_count = 0;
    }
    return err;
}

/* The ticks up to the checkpoint's must outlive it. */
static enum jit_err sync_log(struct ckpt_job *job)
{
    uint64_t first = 0;
    uint64_t last = 0;
    enum jit_err err = log_segments(job->heap, job->io, &first, &last);
    for (uint64_t n = job->manifest.mark.segment; err == JIT_OK && n <= last; n++) {
        char name[LOG_FILE_NAME_BYTES];
        int file = -1;
        log_segment_name(n, "seg", name);
        err = job->io->open(job->io, name, 0, &file);
        if (err == JIT_OK) {
            err = job->io->sync(job->io, file);
            job->io->close(job->io, file);
        }
    }
    return err;
}

static enum jit_err write_manifest(struct ckpt_job *job)
{
    struct jit_buf bytes;
    char name[CKPT_FILE_NAME_MAX];
    jit_buf_init(&bytes, job->heap, CKPT_MANIFEST_MAX);
    job->manifest.state_root = job->state.version.state_root;
    ckpt_manifest_encode(&job->manifest, &bytes);
    enum jit_err err = bytes.err;
    if (err == JIT_OK) {
        err = rmg_envelope_sign(NULL, CKPT_KIND, &job->manifest.id, job->seed, &bytes);
    }
    if (err == JIT_OK) {
        ckpt_manifest_name(&job->manifest.id, name);
        err = ckpt_put_file(job->io, name, bytes.data, bytes.size);
    }
    job->bytes_written += err == JIT_OK ? bytes.size : 0;
    jit_buf_release(&bytes);
    return err;
}

/* Large states get an image as well. It is not needed: where there is no room for it, or it cannot
 * be made, the checkpoint stands without. */
static enum jit_err write_image(struct ckpt_job *job)
{
    const struct ckpt_segment *state = &job->manifest.segments[0];
    uint64_t least = job->image_bytes != 0 ? job->image_bytes : CKPT_IMAGE_BYTES;
    if (state->size < least) {
        return JIT_OK;
    }
    enum jit_err err = ckpt_image_write(job, state);
    return err == JIT_EAGAIN ? err : JIT_OK;
}

/* Of two ticks under one name one would be hidden by the other. Of this tick one may be there: a
 * try that was cut off is made again. */
static enum jit_err claim_name(struct ckpt_job *job)
{
    struct ckpt_list list;
    if (job->manifest.name[0] == '\0') {
        return JIT_OK;
    }
    enum jit_err err = ckpt_list_read(job->heap, job->io, NULL, &list);
    if (err != JIT_OK) {
        return err;
    }
    for (size_t i = 0; err == JIT_OK && i < list.count; i++) {
        const struct ckpt_manifest *m = list.entries[i].manifest;
        if (m != NULL && strcmp(m->name, job->manifest.name) == 0 &&
            !jit_id_equal(&m->commit, &job->manifest.commit)) {
            job->named_tick = m->tick;
            err = JIT_EEXIST;
        }
    }
    ckpt_list_release(&list);
    return err;
}

void ckpt_write_why(const struct ckpt_job *job, enum jit_err err, char *text, size_t size)
{
    if (err == JIT_EEXIST) {
        (void)snprintf(text, size, "that of tick %llu is called so",
                       (unsigned long long)job->named_tick);
    } else {
        (void)snprintf(text, size, "%s", jit_err_text(err));
    }
}

static enum jit_err write_parts(struct ckpt_job *job)
{
    struct jit_io *io = job->io;
    enum jit_err err = io->mkdir(io, CKPT_DIR);
    if (err == JIT_OK) {
        err = io->syncdir(io, "");
    }
    if (err == JIT_OK) {
        err = write_difference(job);
        if (err == JIT_ELIMIT) {
            err = write_state(job);
            err = err == JIT_OK ? write_image(job) : err;
        }
    }
    if (err == JIT_OK && job->beside != NULL) {
        err = ckpt_beside_write(job);
    }
    if (err == JIT_OK && job->stop != NULL && job->stop(job->user)) {
        err = JIT_EAGAIN;
    }
    if (err == JIT_OK && job->sync_log) {
        err = sync_log(job);
    }
    return err == JIT_OK ? write_manifest(job) : err;
}

enum jit_err ckpt_write(struct ckpt_job *job)
{
    job->bytes_written = 0;
    job->manifest.segment_count = 0;
    memset(&job->manifest.parent, 0, sizeof job->manifest.parent);
    enum jit_err err = claim_name(job);
    if (err != JIT_OK) {
        return err;
    }
    err = write_parts(job);
    return err == JIT_EEXIST ? JIT_EIO : err; /* something lies where its files go */
}

/* ---- states ---- */

static enum jit_err load_segment(struct jit_heap *heap, const struct ckpt_segment *segment,
                                 const uint8_t *bytes, struct rmg_store *store,
                                 struct rmg_version *version)
{
    if (segment->kind == CKPT_STATE) {
        struct rmg_file file;
        enum jit_err err = rmg_file_open(bytes, segment->size, &file, NULL);
        return err == JIT_OK ? rmg_file_load(heap, &file, store, version, NULL) : err;
    }
    struct rmg_tx *tx = NULL;
    const enum jit_err begun = rmg_tx_begin(store, version, &tx);
    if (begun != JIT_OK) {
        return begun;
    }
    enum jit_err err = rmg_patch_apply(heap, tx, version, bytes, segment->size);
    if (err != JIT_OK) {
        rmg_tx_abort(tx);
        return err;
    }
    return rmg_tx_seal(tx, version);
}

enum jit_err ckpt_load(struct jit_heap *heap, struct jit_io *io,
                       const struct ckpt_manifest *manifest, struct rmg_store *store,
                       struct rmg_version *out, const char **why)
{
    return ckpt_load_by(heap, io, jit_exec_inline(), manifest, store, out, why);
}

enum jit_err ckpt_load_by(struct jit_heap *heap, struct jit_io *io, struct jit_exec *exec,
                          const struct ckpt_manifest *manifest, struct rmg_store *store,
                          struct rmg_version *out, const char **why)
{
    enum jit_err err = JIT_OK;
    struct rmg_version version = rmg_version_empty();
    *why = "";
    for (uint32_t i = 0;
         err == JIT_OK && i < manifest->segment_count && manifest->segments[i].kind <= CKPT_PATCH;
         i++) {
        const struct ckpt_segment *segment = &manifest->segments[i];
        uint8_t *bytes = NULL;
        assert((i == 0) == (segment->kind == CKPT_STATE)); /* as every manifest that was read */
        /* Whatever is wrong with an image, the state is there. */
        if (i == 0 && ckpt_image_load(heap, io, exec, &segment->id, store, &version) == JIT_OK) {
            continue;
        }
        err = ckpt_segment_read(heap, io, segment, &bytes);
        if (err != JIT_OK && !ckpt_is_host(err)) {
            *why = "a segment that it needs is missing or not what its name says";
        } else if (err == JIT_OK) {
            err = load_segment(heap, segment, bytes, store, &version);
            if (err != JIT_OK && !ckpt_is_host(err)) {
                *why = "a segment is no valid state, or no patch on the one before it";
            }
        }
        heap->free(heap, bytes);
    }
    if (err == JIT_OK && !jit_id_equal(&version.state_root, &manifest->state_root)) {
        *why = "its segments give another state than it names";
        err = JIT_ECORRUPT;
    }
    if (err == JIT_OK) {
        *out = version;
    }
    return err == JIT_OK || ckpt_is_host(err) ? err : JIT_ECORRUPT;
}

enum jit_err ckpt_verify(struct jit_heap *heap, struct jit_io *io,
                         const struct ckpt_manifest *manifest, struct jit_id *segment)
{
    enum jit_err err = JIT_OK;
    for (uint32_t i = 0; err == JIT_OK && i < manifest->segment_count; i++) {
        *segment = manifest->segments[i].id;
        err = blob_verify_in(heap, io, CKPT_DIR, segment, manifest->segments[i].size);
    }
    return err == JIT_ENOENT ? JIT_ECORRUPT : err;
}
